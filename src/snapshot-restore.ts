import { ApiObject, ApiObjectMetadata, Duration, Lazy, Names } from 'cdk8s';
import { Construct } from 'constructs';
import { JobTrigger } from './job-trigger';
import { definedMetadata, requireMetadata, requireNamespace, SNAPSHOT_API_GROUP } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { LONGEST_CRON_JOB_NAME, NEVER, renderCronJobSpec } from './private/cron-job';
import { defineRunnerAccount } from './private/runner-account';
import { requireKnownPodOptions } from './private/runner-pod';
import { OwnPart, runnerTemplate } from './private/runner-template';
import { requireNamesFit, requireScheduleId, requireSelection } from './private/schedule-reference';
import { defineTriggeredJob, metadataOfNeeds, programOfHook, TriggeredJob } from './private/triggered-job';
import {
  KnownKeys, refuseKeys, reject, requireDuration, requireKnownKeys, requireLabels, requireName, requireOptional, requireText,
} from './private/validate';
import { RestoreNames } from './restore-names';
import { CONFIG_VERSION, KEY_PREFIX, RESTORE_NAMES, RestoreConfig } from './runner/config';
import { RunnerPodOptions } from './runner-pod';
import { ScheduledSnapshot } from './scheduled-snapshot';
import { SnapshotSource } from './snapshot-source';

/**
 * Whose snapshots are restored, and into what.
 */
export interface SnapshotRestoreProps {
  /**
   * Name, labels and annotations of the CronJob. The name, of at most 52 characters, is also that of its service account, Role and RoleBinding.
   *
   * @default - a name made of the construct's path, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * The schedule whose snapshots are restored.
   *
   * @default - the one that `scheduleId` names
   */
  readonly schedule?: ScheduledSnapshot;

  /**
   * The id of the schedule, if it is defined elsewhere: the name of its CronJob, unless it was given another. Needs `source`.
   *
   * @default - that of `schedule`
   */
  readonly scheduleId?: string;

  /**
   * The claims that are restored together; they may be gone by then.
   *
   * @default - all claims of `schedule`
   */
  readonly source?: SnapshotSource;

  /**
   * What the restored claims are called, unless the person who starts a restore says otherwise.
   *
   * @default RestoreNames.beside(); RestoreNames.same() with a trigger
   */
  readonly names?: RestoreNames;

  /**
   * What starts the restore, and makes an installation or an upgrade wait for it, instead of a person.
   *
   * If all of the claims are there, nothing is restored, and the Job succeeds. It fails if some are there, or if there is nothing
   * to restore: it is for an environment that is made of snapshots, such as a copy of production, or the cluster after the lost one.
   *
   * @default - a person, by a Job of the CronJob
   */
  readonly trigger?: JobTrigger;

  /**
   * The storage class of the restored claims, one of the driver that took the snapshots.
   *
   * @default - that of the claim that was snapshotted
   */
  readonly storageClassName?: string;

  /**
   * Labels of the restored claims; none are copied from the claims that were snapshotted.
   *
   * @default - none
   */
  readonly claimLabels?: { [key: string]: string };

  /**
   * How long a restore waits until its volumes are there: whole seconds, from 1 minute to 1 day.
   *
   * @default Duration.minutes(30)
   */
  readonly timeout?: Duration;

  /**
   * The pod that restores.
   *
   * @default - as `RunnerDefaults` above say, else as `RunnerPodOptions` say
   */
  readonly pod?: RunnerPodOptions;
}

const PROPS: KnownKeys<SnapshotRestoreProps> = {
  metadata: true,
  schedule: true,
  scheduleId: true,
  source: true,
  names: true,
  trigger: true,
  storageClassName: true,
  claimLabels: true,
  timeout: true,
  pod: true,
};

/** To start, to ask the API server again while it is away, and to write the message. */
const SLACK = Duration.minutes(5);

/**
 * A button that restores claims from the snapshots of a schedule, for the day when they are needed.
 *
 * Defines a suspended CronJob, which a person starts by `kubectl create job --from`.
 * Unless a ConfigMap asks for something else, it restores the newest run that has a good
 * snapshot of each claim, beside the claims that are there. It never deletes a claim and never
 * changes one that exists; if a name is taken, nothing at all is made. Its message says which
 * snapshots it took, what it made of them, and what to do next.
 *
 * @see https://kubernetes.io/docs/concepts/storage/persistent-volumes/#volume-snapshot-and-restore-volume-from-snapshot-support
 * @example
 * import { Chart } from 'cdk8s';
 * import { ScheduledSnapshot, SnapshotRestore } from 'cdk8s-volume-snapshots';
 *
 * declare const chart: Chart;
 * declare const nightly: ScheduledSnapshot;
 * new SnapshotRestore(chart, 'Restore', {
 *   metadata: { name: 'postgres-restore' },
 *   schedule: nightly,
 * });
 */
export class SnapshotRestore extends Construct {
  /**
   * The name of the CronJob, and of its service account, Role and RoleBinding.
   */
  public readonly name: string;

  /**
   * The namespace of the CronJob, of the snapshots, and of the restored claims.
   */
  public readonly namespace: string;

  /**
   * The id of the schedule whose snapshots are restored.
   */
  public readonly scheduleId: string;

  /**
   * What the restored claims are called, unless the person who starts a restore says otherwise.
   */
  public readonly names: RestoreNames;

  /**
   * How long a restore waits until its volumes are there.
   */
  public readonly timeout: Duration;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct; a new id is a new CronJob
   * @param props whose snapshots, and into what
   * @throws if the namespace or the schedule is not known, or a prop is not valid; the message names the construct, the prop and what to do
   */
  constructor(scope: Construct, id: string, props: SnapshotRestoreProps = {}) {
    super(scope, id);
    requireTypes(this, props);
    requireMetadata(this, props.metadata, LONGEST_CRON_JOB_NAME);
    this.namespace = requireNamespace(this, props.metadata, 'a role binding must name the namespace of its service account');
    this.scheduleId = requireScheduleId(this, this.namespace, props);
    const selectClaims = requireSelection(this, this.namespace, props);
    this.names = props.names ?? (props.trigger ? RestoreNames.same() : RestoreNames.beside());
    if (props.trigger && this.names.word === RESTORE_NAMES.beside) {
      reject(this, 'names', {
        problem: 'with a trigger there would be one more claim for each newer snapshot',
        got: this.names.word,
        allowed: 'RestoreNames.same, withSuffix or forStatefulSet',
        fix: 'leave it out for the names of the claims themselves',
      });
    }
    this.timeout = props.timeout ?? Duration.minutes(30);
    requireDuration(this, 'timeout', this.timeout, Duration.minutes(1), Duration.days(1));
    if (props.storageClassName !== undefined) { requireName(this, 'storageClassName', props.storageClassName); }
    requireLabels(this, 'claimLabels', props.claimLabels ?? {});
    refuseKeys(this, 'claimLabels', props.claimLabels ?? {}, [KEY_PREFIX, 'app.kubernetes.io/instance', 'argocd.argoproj.io/', 'kustomize.toolkit.fluxcd.io/']);
    const activeDeadline = Duration.seconds(this.timeout.toSeconds() + SLACK.toSeconds());
    const pod = (template: (own: OwnPart) => object) => template({
      scheduleId: this.name,
      serviceAccountName: this.name,
      config: JSON.stringify(this.composeConfig(props, selectClaims()), null, 2),
    });
    if (props.trigger) {
      this.name = props.metadata?.name ?? Names.toDnsLabel(this, { maxLen: LONGEST_CRON_JOB_NAME });
      const { metadata, trigger } = props;
      const job: TriggeredJob = { metadata, name: this.name, namespace: this.namespace, activeDeadline, trigger: trigger._partsFor('pre-install,pre-upgrade') };
      this.allow(metadataOfNeeds(job));
      const template = runnerTemplate(this, this.namespace, props.pod, programOfHook(this, job));
      defineTriggeredJob(this, job, () => pod(template));
    } else {
      const template = runnerTemplate(this, this.namespace, props.pod);
      this.name = this.defineButton(props, activeDeadline, () => pod(template));
      this.allow({ name: this.name, namespace: this.namespace });
    }
    registerChartChecks(this);
  }

  /**
   * The name of the ConfigMap by which a person says what is to be restored; a restore that succeeds takes it away.
   */
  public get requestName(): string { return `${this.name}-request`; }

  private defineButton({ metadata }: SnapshotRestoreProps, activeDeadline: Duration, template: () => object): string {
    return new ApiObject(this, 'Resource', {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: definedMetadata(metadata),
      spec: Lazy.any({
        produce: () => renderCronJobSpec({
          schedule: NEVER,
          timeZone: 'Etc/UTC',
          startingDeadline: SLACK.toSeconds(),
          activeDeadline: activeDeadline.toSeconds(),
          suspend: true,
          template: template(),
        }),
      }),
    }).name;
  }

  private allow(metadata: ApiObjectMetadata & { name: string; namespace: string }): void {
    defineRunnerAccount(this, metadata, [
      { apiGroups: [SNAPSHOT_API_GROUP], resources: ['volumesnapshots'], verbs: ['list'] },
      { apiGroups: [''], resources: ['persistentvolumeclaims'], verbs: ['create', 'list'] },
      // those of the storage say why a volume does not come
      { apiGroups: [''], resources: ['events'], verbs: ['create', 'list'] },
      { apiGroups: [''], resources: ['configmaps'], resourceNames: [this.requestName], verbs: ['delete', 'get'] },
    ]);
  }

  private composeConfig({ claimLabels, schedule, storageClassName, trigger }: SnapshotRestoreProps, claims: RestoreConfig['claims']): RestoreConfig {
    requireNamesFit(this, this.names.word, claims);
    if (trigger && claims.some(({ kind }) => kind === 'Selector')) {
      reject(this, 'trigger', {
        problem: 'by labels nobody knows which claims should be there, so whether to restore them is not known',
        got: 'SnapshotSource.fromSelector',
        allowed: 'claims that are known by name, or a StatefulSet',
        fix: 'name them as source, or leave the trigger out',
      });
    }
    const maySkip = claims.some(({ kind, optional }) => optional || (schedule?._takesReplicas && kind !== 'Claim'));
    if (trigger && maySkip) {
      reject(this, 'trigger', {
        problem: 'the schedule leaves out the claims of primaries, so a run may lack one that the software would then begin empty',
        got: 'a schedule with quiesce on replicas',
        allowed: 'a schedule that snapshots every claim, or a restore that a person starts',
        fix: 'leave the trigger out, or give it another schedule',
      });
    }
    return {
      kind: 'Restore',
      version: CONFIG_VERSION,
      restoreId: this.name,
      scheduleId: this.scheduleId,
      claims,
      names: this.names.word,
      requestName: this.requestName,
      unlessThere: trigger ? true : undefined,
      storageClassName,
      timeoutSeconds: this.timeout.toSeconds(),
      labels: { ...claimLabels },
    };
  }
}

/** What the compiler knows of the props already, for those who write in another language. */
function requireTypes(origin: SnapshotRestore, props: SnapshotRestoreProps): void {
  requireKnownKeys(origin, props, PROPS);
  requireOptional(origin, 'schedule', props.schedule, 'ScheduledSnapshot');
  if (props.scheduleId !== undefined) { requireText(origin, 'scheduleId', props.scheduleId); }
  requireOptional(origin, 'source', props.source, 'SnapshotSource');
  requireOptional(origin, 'names', props.names, 'RestoreNames');
  requireOptional(origin, 'trigger', props.trigger, 'JobTrigger');
  requireOptional(origin, 'timeout', props.timeout, 'Duration');
  requireKnownPodOptions(origin, 'pod', props.pod ?? {});
}
