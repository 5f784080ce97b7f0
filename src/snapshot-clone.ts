import { ApiObject, ApiObjectMetadata, Cron, Duration, Lazy } from 'cdk8s';
import { Construct } from 'constructs';
import { CloneMasking } from './clone-masking';
import { definedMetadata, literalMetadata, requireMetadata, requireNamespace, SNAPSHOT_API_GROUP } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { defineContentRights, LONGEST_ID } from './private/content-rights';
import { requireCron } from './private/cron';
import { LONGEST_CRON_JOB_NAME, NEVER, renderCronJobSpec, usualStartingDeadline } from './private/cron-job';
import { refuseTraffic } from './private/isolated-pod';
import { maskingConfig, requireMasking } from './private/masking-pods';
import { defineRole, defineRunnerAccount } from './private/runner-account';
import { requireKnownPodOptions } from './private/runner-pod';
import { OwnPart, runnerTemplate } from './private/runner-template';
import { findSourceNamespace, requireNamesFit, requireScheduleId, requireSelection } from './private/schedule-reference';
import { requireTimeZone } from './private/time-zone';
import {
  KnownKeys, refuseKeys, reject, requireBoolean, requireDnsLabel, requireDuration, requireInteger, requireKnownKeys, requireLabels, requireName,
  requireOptional, requireText,
} from './private/validate';
import { watch } from './private/watched';
import { RestoreNames } from './restore-names';
import { CloneConfig, CONFIG_VERSION, KEY_PREFIX, KEYS, RESTORE_NAMES } from './runner/config';
import { RunnerPodOptions } from './runner-pod';
import { ScheduledSnapshot } from './scheduled-snapshot';
import { SnapshotSource } from './snapshot-source';

/**
 * Whose snapshots are cloned, where to, and when.
 */
export interface SnapshotCloneProps {
  /**
   * Name, labels and annotations of the CronJob, in a namespace of administrators: neither that of the snapshots nor that of the clones. The name, of at
   * most 52 characters, is also that of its service account; with a dot and the namespace behind it, of at most 63 characters together, it is that of
   * what it defines elsewhere.
   *
   * @default - a name made of the construct's path, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * The schedule whose newest snapshots are cloned.
   *
   * @default - the one that `scheduleId` names
   */
  readonly schedule?: ScheduledSnapshot;

  /**
   * The id of the schedule, if it is defined elsewhere: the name of its CronJob, unless it was given another. Needs `sourceNamespace` and `source`.
   *
   * @default - that of `schedule`
   */
  readonly scheduleId?: string;

  /**
   * The namespace of the snapshots.
   *
   * @default - that of `schedule`
   */
  readonly sourceNamespace?: string;

  /**
   * The claims that are cloned together.
   *
   * @default - all claims of `schedule`
   */
  readonly source?: SnapshotSource;

  /**
   * The namespace of the clones, which must exist: staging, QA, or one to find a bug in.
   */
  readonly targetNamespace: string;

  /**
   * What the clones are called. Names that are the same each time are taken over from the old clones, as long as no pod mounts those.
   *
   * @default RestoreNames.beside()
   */
  readonly names?: RestoreNames;

  /**
   * How many generations of clones stay, the new one included. More than one only with names that differ each time.
   *
   * @default 1
   */
  readonly keep?: number;

  /**
   * When clones are made anew, in the five fields that Kubernetes reads.
   *
   * @see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
   * @default - only when a person starts it
   */
  readonly refresh?: Cron;

  /**
   * The IANA name of the time zone of `refresh`, such as `Europe/Berlin`.
   *
   * @default 'Etc/UTC'
   */
  readonly timeZone?: string;

  /**
   * Take only snapshots that were cut while the application was held.
   *
   * @default false
   */
  readonly consistentOnly?: boolean;

  /**
   * Take only snapshots that a `RestoreDrill` has verified.
   *
   * @default false
   */
  readonly verifiedOnly?: boolean;

  /**
   * How the data is masked before anybody in the target namespace has it.
   *
   * @default - it is handed out as it is
   */
  readonly masking?: CloneMasking;

  /**
   * The storage class of the clones, one of the driver that took the snapshots.
   *
   * @default - that of the claim that was snapshotted
   */
  readonly storageClassName?: string;

  /**
   * Labels of the clones; none are copied from the claims that were snapshotted.
   *
   * @default - none
   */
  readonly claimLabels?: { [key: string]: string };

  /**
   * How long a run waits, all in all, with masking: whole seconds, from 1 minute to 1 day.
   *
   * @default Duration.hours(1)
   */
  readonly timeout?: Duration;

  /**
   * The pod that clones.
   *
   * @default - as `RunnerDefaults` above say, else as `RunnerPodOptions` say
   */
  readonly pod?: RunnerPodOptions;
}

const PROPS: KnownKeys<SnapshotCloneProps> = {
  metadata: true,
  schedule: true,
  scheduleId: true,
  sourceNamespace: true,
  source: true,
  targetNamespace: true,
  names: true,
  keep: true,
  refresh: true,
  timeZone: true,
  consistentOnly: true,
  verifiedOnly: true,
  masking: true,
  storageClassName: true,
  claimLabels: true,
  timeout: true,
  pod: true,
};

/** To clear away before and after, and to ask the API server again while it is away. */
const SLACK = Duration.minutes(15);

const snapshots = (...verbs: string[]) => ({ apiGroups: [SNAPSHOT_API_GROUP], resources: ['volumesnapshots'], verbs });
const core = (resource: string, ...verbs: string[]) => ({ apiGroups: [''], resources: [resource], verbs });

/**
 * Makes claims of the newest snapshots of a schedule in another namespace: for staging, for QA, to find a bug. As a button, or refreshed on a schedule.
 *
 * A snapshot belongs to its namespace. What crosses the border is what the storage calls it: a VolumeSnapshotContent that names the same snapshot in
 * the storage, and retains it, so that the end of a clone never ends production's snapshot. Whoever may create contents may read every
 * tenant's data, so this lives in a namespace of administrators, and people of the target namespace cannot start it.
 *
 * With `masking` the data is changed, and looked at, before it gets there; what is not masked is not handed out.
 *
 * @see https://kubernetes.io/docs/concepts/storage/volume-snapshots/#static
 * @example
 * import { App, Chart, Cron } from 'cdk8s';
 * import { ScheduledSnapshot, SnapshotClone } from 'cdk8s-volume-snapshots';
 *
 * declare const nightly: ScheduledSnapshot;
 * const platform = new Chart(new App(), 'platform', { namespace: 'platform' });
 * new SnapshotClone(platform, 'Staging', {
 *   metadata: { name: 'shop-staging' },
 *   schedule: nightly,
 *   targetNamespace: 'staging',
 *   refresh: Cron.schedule({ weekDay: '1', hour: '5', minute: '10' }),
 * });
 */
export class SnapshotClone extends Construct {
  /**
   * The name of the CronJob, and of its service account.
   */
  public readonly name: string;

  /**
   * The namespace of the CronJob, where masking is done.
   */
  public readonly namespace: string;

  /**
   * What the clone's objects in the cluster carry as the label `cdk8s-volume-snapshots/clone`, and what its Roles, its ClusterRole and its admission
   * policy are called: its name, a dot and its namespace.
   */
  public readonly cloneId: string;

  /**
   * The id of the schedule whose snapshots are cloned.
   */
  public readonly scheduleId: string;

  /**
   * The namespace of the snapshots.
   */
  public readonly sourceNamespace: string;

  /**
   * The namespace of the clones.
   */
  public readonly targetNamespace: string;

  /**
   * What the clones are called.
   */
  public readonly names: RestoreNames;

  /**
   * How many generations of clones stay.
   */
  public readonly keep: number;

  /**
   * How long a run waits.
   */
  public readonly timeout: Duration;

  /**
   * The namespaces into which it brings snapshots.
   *
   * @internal
   */
  public readonly _bringsInto: string[];

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct; a new id is a new CronJob
   * @param props whose snapshots, where to, and when
   * @throws if a namespace is not known, or not one of its own; if the schedule is not known, or a prop is not valid
   */
  constructor(scope: Construct, id: string, props: SnapshotCloneProps) {
    super(scope, id);
    requireTypes(this, props);
    requireMetadata(this, props.metadata, LONGEST_CRON_JOB_NAME);
    this.namespace = requireNamespace(this, props.metadata, 'a role binding must name the namespace of its service account');
    this.sourceNamespace = this.requireSourceNamespace(props);
    this.scheduleId = requireScheduleId(this, this.sourceNamespace, props);
    this.targetNamespace = props.targetNamespace;
    this.names = props.names ?? RestoreNames.beside();
    this.keep = props.keep ?? 1;
    this.timeout = props.timeout ?? Duration.hours(1);
    const selectClaims = requireSelection(this, this.sourceNamespace, props);
    this.validate(props);
    const expression = props.refresh?.expressionString.trim();
    const startingDeadline = expression === undefined ? SLACK.toSeconds() : usualStartingDeadline(requireCron(this, 'refresh', expression));
    const timeZone = props.timeZone ?? 'Etc/UTC';
    const activeDeadline = this.timeout.toSeconds() + SLACK.toSeconds();
    const template = runnerTemplate(this, this.namespace, props.pod);
    const cronJob = new ApiObject(this, 'Resource', {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: props.masking ? literalMetadata(props.metadata) : definedMetadata(props.metadata),
      spec: Lazy.any({
        produce: () => renderCronJobSpec({
          schedule: expression ?? NEVER,
          timeZone,
          startingDeadline,
          activeDeadline,
          suspend: expression === undefined,
          template: this.renderTemplate(props, selectClaims(), template),
        }),
      }),
    });
    this.name = cronJob.name;
    this.cloneId = `${this.name}.${this.namespace}`;
    this._bringsInto = [this.targetNamespace, ...props.masking ? [this.namespace] : []];
    if (this.cloneId.length > LONGEST_ID) {
      reject(this, 'metadata.name', {
        problem: 'too long together with the namespace, since both are in a label', got: this.cloneId, allowed: `at most ${LONGEST_ID} characters with the dot`, fix: 'shorten the name',
      });
    }
    this.defineRights(props, selectClaims);
    if (props.masking) { refuseTraffic(this, this, { [KEYS.clone]: this.cloneId }); }
    // whoever starts it by hand sees how it ends
    if (expression !== undefined) {
      watch(this, () => ({ kind: 'Clone', namespace: this.namespace, name: this.name, expression, timeZone, activeDeadline }));
    }
    registerChartChecks(this);
  }

  private requireSourceNamespace(props: SnapshotCloneProps): string {
    const namespace = findSourceNamespace(this, props);
    if (namespace === undefined) {
      reject(this, 'sourceNamespace', {
        problem: 'nothing says where the snapshots are', got: undefined, allowed: 'schedule, or scheduleId with sourceNamespace', fix: 'pass the ScheduledSnapshot',
      });
    }
    return namespace;
  }

  private validate(props: SnapshotCloneProps): void {
    const { namespace, sourceNamespace, targetNamespace } = this;
    requireDnsLabel(this, 'targetNamespace', targetNamespace);
    if (targetNamespace === sourceNamespace) {
      reject(this, 'targetNamespace', {
        problem: 'the snapshots are there already', got: targetNamespace, allowed: 'another namespace', fix: 'use SnapshotRestore, which needs fewer rights',
      });
    }
    if ([sourceNamespace, targetNamespace].includes(namespace)) {
      reject(this, 'metadata.namespace', {
        problem: `whoever may run pods in it may use the right of the clone to read every tenant's data, and it is that of ${namespace === targetNamespace ? 'the clones' : 'the snapshots'}`,
        got: namespace,
        allowed: 'a namespace of administrators',
        fix: "give the clone one of its own: metadata: { namespace: 'platform' }",
      });
    }
    requireInteger(this, 'keep', this.keep, 1, 100);
    if (this.keep > 1 && this.names.word !== RESTORE_NAMES.beside) {
      reject(this, 'keep', {
        problem: 'clones of these names have the same names each time', got: this.keep, allowed: '1, or RestoreNames.beside()', fix: 'leave one of the two out',
      });
    }
    if (props.timeZone !== undefined) { requireTimeZone(this, 'timeZone', props.timeZone); }
    requireDuration(this, 'timeout', this.timeout, Duration.minutes(1), Duration.days(1));
    if (props.storageClassName !== undefined) { requireName(this, 'storageClassName', props.storageClassName); }
    requireLabels(this, 'claimLabels', props.claimLabels ?? {});
    refuseKeys(this, 'claimLabels', props.claimLabels ?? {}, [KEY_PREFIX, 'app.kubernetes.io/instance', 'argocd.argoproj.io/', 'kustomize.toolkit.fluxcd.io/']);
    if (props.masking) { requireMasking(this, props.masking); }
  }

  private renderTemplate(props: SnapshotCloneProps, claims: CloneConfig['claims'], template: (own: OwnPart) => object): object {
    requireNamesFit(this, this.names.word, claims);
    const render = (config: string): any => template({ scheduleId: this.name, serviceAccountName: this.name, config });
    const config: CloneConfig = {
      kind: 'Clone',
      version: CONFIG_VERSION,
      cloneId: this.cloneId,
      scheduleId: this.scheduleId,
      sourceNamespace: this.sourceNamespace,
      targetNamespace: this.targetNamespace,
      claims,
      names: this.names.word,
      keep: this.keep,
      only: [...props.consistentOnly ? ['application' as const] : [], ...props.verifiedOnly ? ['verified' as const] : []],
      storageClassName: props.storageClassName,
      timeoutSeconds: this.timeout.toSeconds(),
      labels: { ...props.claimLabels },
      masking: props.masking && maskingConfig(props.masking, render('').spec),
    };
    return render(JSON.stringify(config, null, 2));
  }

  private defineRights({ masking }: SnapshotCloneProps, selectClaims: () => CloneConfig['claims']): void {
    const account = { name: this.name, namespace: this.namespace };
    defineRunnerAccount(this, account, masking ? [
      snapshots('create', 'delete', 'list'),
      core('persistentvolumeclaims', 'create', 'delete', 'list'),
      core('pods', 'create', 'delete', 'get', 'list'),
      core('events', 'create', 'list'),
    ] : [core('events', 'create')]);
    const isNamed = () => selectClaims().every(({ kind }) => kind === 'Claim');
    defineRole(this, 'Source', { name: this.cloneId, namespace: this.sourceNamespace }, Lazy.any({
      produce: () => [snapshots('list'), ...isNamed() ? [] : [core('persistentvolumeclaims', 'list')]],
    }), account);
    defineRole(this, 'Target', { name: this.cloneId, namespace: this.targetNamespace }, [
      snapshots('create', 'delete', 'list'),
      core('persistentvolumeclaims', 'create', 'delete', 'list'),
      core('pods', 'list'),
      core('events', 'create', 'list'),
    ], account);
    defineContentRights(this, {
      id: this.cloneId, account, owner: this.targetNamespace, namespaces: [this.targetNamespace, ...masking ? [this.namespace] : []],
    });
  }
}

/** What the compiler knows of the props already, for those who write in another language. */
function requireTypes(origin: SnapshotClone, props: SnapshotCloneProps): void {
  requireKnownKeys(origin, props, PROPS);
  requireOptional(origin, 'schedule', props.schedule, 'ScheduledSnapshot');
  if (props.scheduleId !== undefined) { requireText(origin, 'scheduleId', props.scheduleId); }
  requireOptional(origin, 'source', props.source, 'SnapshotSource');
  requireText(origin, 'targetNamespace', props.targetNamespace);
  requireOptional(origin, 'names', props.names, 'RestoreNames');
  requireOptional(origin, 'refresh', props.refresh, 'Cron');
  if (props.refresh !== undefined) { requireText(origin, 'refresh', props.refresh.expressionString); }
  requireBoolean(origin, 'consistentOnly', props.consistentOnly);
  requireBoolean(origin, 'verifiedOnly', props.verifiedOnly);
  requireOptional(origin, 'timeout', props.timeout, 'Duration');
  requireKnownPodOptions(origin, 'pod', props.pod ?? {});
}
