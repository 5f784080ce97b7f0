import { ApiObject, ApiObjectMetadata, Cron, Duration, Lazy } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { clusterScoped, definedMetadata, requireMetadata, requireNamespace, SNAPSHOT_API_GROUP } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { requireCron } from './private/cron';
import { LONGEST_CRON_JOB_NAME, renderCronJobSpec, usualStartingDeadline } from './private/cron-job';
import { SCHEDULED_MARK } from './private/marks';
import { requireKnownPodOptions } from './private/runner-pod';
import { OwnPart, runnerTemplate } from './private/runner-template';
import { requireTimeZone } from './private/time-zone';
import {
  KnownKeys, reject, requireBoolean, requireDnsLabel, requireDuration, requireEnum, requireInteger, requireKnownKeys, requireList,
  requireOptional, requireText,
} from './private/validate';
import { watch } from './private/watched';
import { CONFIG_VERSION, OrphansConfig, SNAPSHOT_NAME_PATTERN } from './runner/config';
import { RunnerPodOptions } from './runner-pod';

/**
 * What a run does with the orphans that it finds.
 */
export enum OrphanAction {
  /**
   * It names them in its message and its log, and changes nothing.
   */
  LIST = 'List',

  /**
   * It gives back the storage of those that are old enough, and not the newest of their volume; also of those that a schedule left with `PrunedStorage.KEEP`.
   */
  RECLAIM = 'Reclaim',
}

/**
 * What is looked for, when, and what becomes of it.
 */
export interface SnapshotOrphansProps {
  /**
   * Name, labels and annotations of the CronJob. The name, of at most 52 characters, is also that of its service account; with a dot and the
   * namespace behind it, it is that of the cluster-scoped objects.
   *
   * @default - a name made of the construct's path, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * When, in the five fields that Kubernetes reads, or `@weekly` and the like.
   *
   * @see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
   * @default - Sundays at 05:20
   */
  readonly schedule?: Cron;

  /**
   * The IANA name of the time zone that the schedule is in, such as `Europe/Berlin`.
   *
   * @see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones
   * @default 'Etc/UTC'
   */
  readonly timeZone?: string;

  /**
   * What a run does with the orphans that it finds.
   *
   * @default OrphanAction.LIST
   */
  readonly action?: OrphanAction;

  /**
   * How long ago an orphan must have been cut, and its VolumeSnapshot deleted, before it is reclaimed: the time in which a mistake is noticed.
   *
   * @default Duration.days(30)
   */
  readonly olderThan?: Duration;

  /**
   * So many of the newest ready snapshots of each volume are never reclaimed, counting those whose VolumeSnapshot is there.
   *
   * With 0, the last copy of the data of a deleted namespace goes too.
   *
   * @default 1
   */
  readonly keepNewestPerVolume?: number;

  /**
   * Namespaces whose orphans are looked for; they need not exist any more.
   *
   * @default - all namespaces
   */
  readonly namespaces?: string[];

  /**
   * Do nothing until this is taken away.
   *
   * @default false
   */
  readonly suspend?: boolean;

  /**
   * The pod that looks.
   *
   * @default - as `RunnerDefaults` above say, else as `RunnerPodOptions` say
   */
  readonly pod?: RunnerPodOptions;
}

const PROPS: KnownKeys<SnapshotOrphansProps> = {
  metadata: true,
  schedule: true,
  timeZone: true,
  action: true,
  olderThan: true,
  keepNewestPerVolume: true,
  namespaces: true,
  suspend: true,
  pod: true,
};

const SNAPSHOTS = 'volumesnapshots';
const CONTENTS = 'volumesnapshotcontents';
// outside the hours that are skipped or doubled once a year, and after most nightly runs
const WEEKLY = Cron.schedule({ weekDay: '0', hour: '5', minute: '20' });
const LONGEST_AGE = Duration.days(36_500);
// each orphan takes some requests, and an API server may be away for minutes
const LONGEST_RUN = Duration.hours(1);
// Argo CD applies the fence before what it guards; to others the order does not matter, since they apply all in one go
const FIRST = { 'argocd.argoproj.io/sync-wave': '-2' };
const THEN = { 'argocd.argoproj.io/sync-wave': '-1' };

const LET_GO = 'snapshot.storage.kubernetes.io/volumesnapshot-being-deleted';
/** What may not differ between the content before and after a change. */
const FROZEN = [
  ...['driver', 'source', 'volumeSnapshotRef', 'volumeSnapshotClassName', 'sourceVolumeMode'].map(field => ['spec', field]),
  ...['labels', 'annotations', 'finalizers', 'ownerReferences'].map(field => ['metadata', field]),
];

/**
 * Looks for snapshots in the storage that nobody sees any more, lists them, and gives them back when asked to.
 *
 * Under `DeletionPolicy.RETAIN` the storage of a snapshot stays when its
 * VolumeSnapshot is deleted by hand or with its namespace: billed, and shown by
 * nothing but a VolumeSnapshotContent. That is what Retain is for, until nobody
 * needs the data any more.
 *
 * Defines a CronJob for the platform team, with a ClusterRole: schedules in their
 * namespaces have no right to any of this. To reclaim, it needs Kubernetes 1.30 or later.
 *
 * @see https://kubernetes.io/docs/concepts/storage/volume-snapshots/#delete
 * @example
 * import { App, Chart, Duration } from 'cdk8s';
 * import { OrphanAction, SnapshotOrphans } from 'cdk8s-volume-snapshots';
 *
 * const platform = new Chart(new App(), 'platform', { namespace: 'platform' });
 * new SnapshotOrphans(platform, 'Orphans', {
 *   action: OrphanAction.RECLAIM,
 *   olderThan: Duration.days(90),
 * });
 */
export class SnapshotOrphans extends Construct {
  /**
   * The name of the CronJob, and of its service account.
   */
  public readonly name: string;

  /**
   * The namespace of the CronJob.
   */
  public readonly namespace: string;

  /**
   * The name of the cluster-scoped objects.
   */
  public readonly clusterRoleName: string;

  /**
   * The expression of the schedule.
   */
  public readonly schedule: string;

  /**
   * The time zone that the schedule is in.
   */
  public readonly timeZone: string;

  /**
   * What a run does with the orphans that it finds.
   */
  public readonly action: OrphanAction;

  /**
   * How long ago an orphan must have been cut, and its VolumeSnapshot deleted, before it is reclaimed.
   */
  public readonly olderThan: Duration;

  /**
   * So many of the newest ready snapshots of each volume are never reclaimed.
   */
  public readonly keepNewestPerVolume: number;

  // a schedule is known by this, and so are its pods
  private readonly scheduleId: string;
  private readonly namespaces?: string[];

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct; a new id is a new CronJob
   * @param props what, when, and what becomes of it
   * @throws if the namespace is not known, or a prop is not valid; the message names the construct, the prop and what to do
   */
  constructor(scope: Construct, id: string, props: SnapshotOrphansProps = {}) {
    super(scope, id);
    Object.defineProperty(this, SCHEDULED_MARK, { value: true });
    requireTypes(this, props);
    requireMetadata(this, props.metadata, LONGEST_CRON_JOB_NAME);
    this.namespace = requireNamespace(this, props.metadata, 'a cluster role binding must name the namespace of its service account');
    this.schedule = (props.schedule ?? WEEKLY).expressionString.trim();
    const startingDeadline = usualStartingDeadline(requireCron(this, 'schedule', this.schedule));
    this.timeZone = props.timeZone ?? 'Etc/UTC';
    this.action = props.action ?? OrphanAction.LIST;
    this.olderThan = props.olderThan ?? Duration.days(30);
    this.keepNewestPerVolume = props.keepNewestPerVolume ?? 1;
    this.namespaces = props.namespaces && [...props.namespaces];
    this.validate();
    const template = runnerTemplate(this, this.namespace, props.pod);
    const cronJob = new ApiObject(this, 'Resource', {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: definedMetadata(props.metadata),
      spec: Lazy.any({ produce: () => this.renderSpec(props.suspend, startingDeadline, template) }),
    });
    this.name = cronJob.name;
    this.scheduleId = this.name;
    this.clusterRoleName = `${this.name}.${this.namespace}`;
    new kplus.ServiceAccount(this, 'ServiceAccount', { metadata: { name: this.name, namespace: this.namespace } });
    if (this.action === OrphanAction.RECLAIM) { this.defineFence(); }
    this.defineRight();
    watch(this, () => ({
      kind: 'Orphans',
      namespace: this.namespace,
      name: this.name,
      expression: this.schedule,
      timeZone: this.timeZone,
      activeDeadline: LONGEST_RUN.toSeconds(),
      listed: this.action === OrphanAction.LIST ? { namespaces: this.namespaces } : undefined,
    }));
    registerChartChecks(this);
  }

  private validate(): void {
    requireTimeZone(this, 'timeZone', this.timeZone);
    requireDuration(this, 'olderThan', this.olderThan, Duration.seconds(1), LONGEST_AGE);
    requireInteger(this, 'keepNewestPerVolume', this.keepNewestPerVolume, 0);
    if (this.namespaces?.length === 0) {
      reject(this, 'namespaces', { problem: 'nothing would be found', got: [], allowed: 'at least one namespace', fix: 'leave it out to mean all' });
    }
    this.namespaces?.forEach(namespace => requireDnsLabel(this, 'namespaces', namespace));
  }

  private renderSpec(suspend: boolean | undefined, startingDeadline: number, template: (own: OwnPart) => object): object {
    return renderCronJobSpec({
      schedule: this.schedule,
      timeZone: this.timeZone,
      startingDeadline,
      activeDeadline: LONGEST_RUN.toSeconds(),
      suspend,
      template: template({
        scheduleId: this.scheduleId,
        serviceAccountName: this.name,
        config: JSON.stringify(this.composeConfig(), null, 2),
      }),
    });
  }

  private composeConfig(): OrphansConfig {
    return {
      kind: 'Orphans',
      version: CONFIG_VERSION,
      action: this.action,
      olderThanSeconds: this.olderThan.toSeconds(),
      keepNewestPerVolume: this.keepNewestPerVolume,
      namespaces: this.namespaces,
    };
  }

  /** The rights of a run in the whole cluster; each is used, but for one. */
  private defineRight(): void {
    const reclaims = this.action === OrphanAction.RECLAIM;
    const wave = reclaims ? THEN : undefined;
    const rule = (resource: string, verbs: string[]) => ({ apiGroups: [SNAPSHOT_API_GROUP], resources: [resource], verbs });
    this.define('ClusterRole', 'rbac.authorization.k8s.io/v1', 'ClusterRole', wave, {
      rules: [
        // update is not used: who has it is held to the fence below, and not to that of SnapshotReclaim, which asks for rights to living snapshots
        rule(CONTENTS, reclaims ? ['delete', 'list', 'patch', 'update'] : ['list']),
        rule(SNAPSHOTS, reclaims ? ['get', 'list'] : ['list']),
      ],
    });
    this.define('ClusterRoleBinding', 'rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', wave, {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: this.clusterRoleName },
      subjects: [{ kind: 'ServiceAccount', name: this.name, namespace: this.namespace }],
    });
  }

  /** Whoever got hold of the service account could do no more than a run: the contents of living snapshots are out of its reach. */
  private defineFence(): void {
    const namespaces = this.namespaces && ` && oldObject.spec.volumeSnapshotRef.namespace in ${JSON.stringify(this.namespaces)}`;
    this.define('Policy', 'admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicy', FIRST, {
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          // the scope is what the API server adds: without it every kubectl apply would call the policy changed
          resourceRules: [{ apiGroups: [SNAPSHOT_API_GROUP], apiVersions: ['*'], operations: ['UPDATE', 'DELETE'], resources: [CONTENTS], scope: '*' }],
        },
        matchConditions: [{
          name: 'by-the-service-account',
          expression: `request.userInfo.username == 'system:serviceaccount:${this.namespace}:${this.name}'`,
        }],
        validations: [
          {
            expression: `has(oldObject.spec.source.volumeHandle) && has(oldObject.metadata.annotations) && '${LET_GO}' in oldObject.metadata.annotations`,
            message: 'only the content of a snapshot that was taken in this cluster, and deleted since, may be given back',
          },
          {
            expression: `oldObject.spec.volumeSnapshotRef.name.matches('${SNAPSHOT_NAME_PATTERN}')${namespaces ?? ''}`,
            message: `only the content of a schedule's snapshot${namespaces ? ', in the namespaces that are looked after,' : ''} may be given back`,
          },
          {
            expression: `request.operation == 'DELETE' || (\n${FROZEN.map(([parent, field]) => unchanged(parent, field)).join(' &&\n')}\n)`,
            message: 'nothing but spec.deletionPolicy may be changed',
          },
          {
            expression: "request.operation != 'DELETE' || oldObject.spec.deletionPolicy == 'Delete'",
            message: 'a content that retains its storage may not be deleted, or nothing would be left that shows it',
          },
        ],
      },
    });
    this.define('PolicyBinding', 'admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicyBinding', FIRST, {
      spec: { policyName: this.clusterRoleName, validationActions: ['Deny'] },
    });
  }

  private define(id: string, apiVersion: string, kind: string, annotations: { [key: string]: string } | undefined, body: object): void {
    clusterScoped(new ApiObject(this, id, { apiVersion, kind, metadata: { name: this.clusterRoleName, annotations }, ...body }));
  }
}

/** What the compiler knows of the props already, for those who write in another language. */
function requireTypes(origin: SnapshotOrphans, props: SnapshotOrphansProps): void {
  requireKnownKeys(origin, props, PROPS);
  requireOptional(origin, 'schedule', props.schedule, 'Cron');
  if (props.schedule !== undefined) { requireText(origin, 'schedule', props.schedule.expressionString); }
  requireEnum(origin, 'action', props.action, OrphanAction);
  requireOptional(origin, 'olderThan', props.olderThan, 'Duration');
  requireList(origin, 'namespaces', props.namespaces);
  requireBoolean(origin, 'suspend', props.suspend);
  requireKnownPodOptions(origin, 'pod', props.pod ?? {});
}

/** A CEL expression that holds if an optional field is what it was. */
function unchanged(parent: string, field: string): string {
  return `object.${parent}.?${field} == oldObject.${parent}.?${field}`;
}
