import { createHash } from 'crypto';
import { ApiObject, ApiObjectMetadata, Cron, Duration, Lazy } from 'cdk8s';
import { Construct } from 'constructs';
import { IGroupSnapshotClass } from './group-snapshot-class';
import { definedMetadata, literalMetadata, requireMetadata, requireNamespace } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { CronSchedule, requireCron, shortestInterval } from './private/cron';
import { leastStartingDeadline, LONGEST_CRON_JOB_NAME, renderCronJobSpec, usualStartingDeadline } from './private/cron-job';
import { mostNeeded, requireKeptAlike, requireWithinLimits } from './private/driver-limits';
import { explainedPrunes } from './private/explained-prunes';
import { SCHEDULED_MARK } from './private/marks';
import { OwnPart, runnerTemplate } from './private/runner-template';
import {
  driverOf, driverOfClass, OwnConfig, prunesStorage, quiesceConfigOf, renderRunConfig, requireReadyTimeout, requireRun, requireRunTypes, RUN_PROPS,
  takesReplicas,
} from './private/snapshot-run';
import { requireTimeZone } from './private/time-zone';
import {
  INT32_MAX, KnownKeys, reject, requireBoolean, requireDuration, requireInteger, requireKind, requireKnownKeys, requireLabels, requireOptional,
  requireText,
} from './private/validate';
import { watch, WatchedSnapshots } from './private/watched';
import { PrunedStorage } from './pruned-storage';
import { RetentionPolicy } from './retention-policy';
import { RetentionPreview } from './retention-preview';
import { ClaimSelection, KEYS, MAX_NOT_READY } from './runner/config';
import { ISnapshotClass } from './snapshot-class';
import { SnapshotRbac } from './snapshot-rbac';
import { SnapshotRunProps } from './snapshot-run-props';
import { SnapshotSource } from './snapshot-source';

/**
 * What is snapshotted, when, and for how long it is kept.
 */
export interface ScheduledSnapshotProps extends SnapshotRunProps {
  /**
   * Name, labels and annotations of the CronJob; the name, of at most 52
   * characters, is also that of its service account, Role and RoleBinding.
   *
   * @default - a name made of the construct's path, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * When, in the five fields that Kubernetes reads, or `@daily` and the like.
   *
   * In most of Europe and America, times from 01:00 to 03:00 are skipped on one day of the year and doubled on another.
   *
   * @see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
   */
  readonly schedule: Cron;

  /**
   * The IANA name of the time zone that the schedule is in, such as `Europe/Berlin`.
   *
   * @see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones
   * @default 'Etc/UTC'
   */
  readonly timeZone?: string;

  /**
   * Which snapshots are kept.
   *
   * @default RetentionPolicy.sevenDays()
   */
  readonly retention?: RetentionPolicy;

  /**
   * Tells this schedule's snapshots from all others in the namespace; at most 63 characters.
   *
   * Set it to what it was before you rename the construct or the CronJob, and the schedule goes on pruning its earlier snapshots.
   *
   * @default - the name of the CronJob
   */
  readonly scheduleId?: string;

  /**
   * How long a run waits, from its start, for its snapshots to be ready; from a second to seven days.
   *
   * A first snapshot into cloud storage copies the whole volume and may take hours.
   * One that was cut in time and is ready later is kept, and counted by the next run, but this run fails.
   *
   * @default - nine tenths of the time between two runs, less the stagger, from ten minutes to six hours
   */
  readonly readyTimeout?: Duration;

  /**
   * How long a run may take in all, at least five minutes more than `readyTimeout`, at most 14 days.
   *
   * @see https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-termination-and-cleanup
   * @default - 15 minutes more than `stagger` and `readyTimeout`
   */
  readonly activeDeadline?: Duration;

  /**
   * How late a run may start, for example since the control plane was down; at least ten seconds.
   *
   * With `@every` it must be at least the time between two runs: the controller counts
   * that time anew from as long ago as a run may be late, and with less it never starts one.
   *
   * @see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#starting-deadline
   * @default - an hour, or the time of 50 runs if that is less; with @every, twice the time between two runs if that is more
   */
  readonly startingDeadline?: Duration;

  /**
   * Spreads schedules that start in the same minute: a run begins so much later at most.
   *
   * How much is made from the namespace and the `scheduleId`, so that it is the
   * same at each synth, and stands in the manifest. A Job that is started by hand does not wait.
   *
   * @default - a run begins at once
   */
  readonly stagger?: Duration;

  /**
   * Take snapshots, decide which of the old ones go and why, say so in the log, and delete none.
   *
   * @default false
   */
  readonly dryRun?: boolean;

  /**
   * Take no snapshots and prune none until this is taken away.
   *
   * @default false
   */
  readonly suspend?: boolean;

  /**
   * How many finished Jobs that succeeded are kept for their logs, from 0.
   *
   * @default 3
   */
  readonly successfulJobsHistory?: number;

  /**
   * How many finished Jobs that failed are kept for their logs, from 0.
   *
   * @default 3
   */
  readonly failedJobsHistory?: number;

  /**
   * The name of a service account of yours in the same namespace, which is then given the rights that a run needs.
   *
   * @default - a service account is defined
   */
  readonly serviceAccountName?: string;

  /**
   * The rights, with their service account, that several schedules share.
   *
   * @default - rights for this schedule alone
   */
  readonly rbac?: SnapshotRbac;
}

const PROPS: KnownKeys<ScheduledSnapshotProps> = {
  ...RUN_PROPS,
  metadata: true,
  schedule: true,
  timeZone: true,
  retention: true,
  scheduleId: true,
  readyTimeout: true,
  activeDeadline: true,
  startingDeadline: true,
  stagger: true,
  dryRun: true,
  suspend: true,
  successfulJobsHistory: true,
  failedJobsHistory: true,
  serviceAccountName: true,
  rbac: true,
};

const LONGEST_STAGGER = Duration.hours(6);
const LONGEST_RUN = Duration.days(14);
// to schedule the pod, pull the image, retry a lost pod, and prune
const LEAST_SLACK = Duration.minutes(5);
const USUAL_SLACK = Duration.minutes(15);

/**
 * Takes snapshots of claims on a schedule, waits until they are ready, and
 * prunes old ones without ever deleting the last good one of a claim.
 *
 * Defines a CronJob with its service account, Role and RoleBinding, all in one
 * namespace, and once per chart and namespace a ConfigMap with the program that runs.
 *
 * @see https://kubernetes.io/docs/concepts/storage/volume-snapshots/
 * @example
 * import { Chart, Cron, Duration } from 'cdk8s';
 * import { RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotSource } from 'cdk8s-volume-snapshots';
 *
 * declare const chart: Chart;
 * new ScheduledSnapshot(chart, 'Nightly', {
 *   source: SnapshotSource.fromClaimName('data-postgres-0'),
 *   snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Class', 'ebs'),
 *   schedule: Cron.schedule({ hour: '3', minute: '15' }),
 *   timeZone: 'Europe/Berlin',
 *   retention: RetentionPolicy.keepFor(Duration.days(14)),
 * });
 */
export class ScheduledSnapshot extends Construct {
  /**
   * The name of the CronJob.
   */
  public readonly name: string;

  /**
   * The namespace of the schedule, its claims and its snapshots.
   */
  public readonly namespace: string;

  /**
   * What tells this schedule's snapshots from all others in the namespace: the value of their label `cdk8s-volume-snapshots/schedule`.
   */
  public readonly scheduleId: string;

  /**
   * The expression of the schedule.
   */
  public readonly schedule: string;

  /**
   * The time zone that the schedule is in.
   */
  public readonly timeZone: string;

  /**
   * How the storage takes the snapshots, if it is not left to the cluster's default.
   */
  public readonly snapshotClass?: ISnapshotClass;

  /**
   * How the storage takes one snapshot of all claims at one moment.
   *
   * @default - each claim is snapshotted by itself
   */
  public readonly groupSnapshotClass?: IGroupSnapshotClass;

  /**
   * Which snapshots are kept.
   */
  public readonly retention: RetentionPolicy;

  /**
   * What becomes of the storage of a pruned snapshot whose class retains it.
   */
  public readonly prunedStorage: PrunedStorage;

  /**
   * How long a run waits, from its start, for its snapshots to be ready.
   */
  public readonly readyTimeout: Duration;

  /**
   * How long a run may take in all.
   */
  public readonly activeDeadline: Duration;

  /**
   * How late a run may start.
   */
  public readonly startingDeadline: Duration;

  /**
   * The rights of the schedule, for further grants.
   */
  public readonly rbac: SnapshotRbac;

  /**
   * Whether applications are held for the cut.
   *
   * @internal
   */
  public readonly _holds: boolean;

  /**
   * Whether the claims of a primary are left out, so that nobody knows before which claims a run has.
   *
   * @internal
   */
  public readonly _takesReplicas: boolean;

  private readonly sources: SnapshotSource[];
  private readonly cron: CronSchedule;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct; a new id is a new CronJob, see `scheduleId`
   * @param props what, when and for how long
   * @throws if a prop is not valid; the message names the construct, the prop and what to do
   */
  constructor(scope: Construct, id: string, props: ScheduledSnapshotProps) {
    super(scope, id);
    Object.defineProperty(this, SCHEDULED_MARK, { value: true });
    requireTypes(this, props);
    requireMetadata(this, props.metadata, LONGEST_CRON_JOB_NAME);
    this.namespace = requireNamespace(this, props.metadata, 'a role binding must name the namespace of its service account');
    // Cron writes @every 6h with four empty fields behind it, which Kubernetes refuses
    this.schedule = props.schedule.expressionString.trim();
    this.cron = requireCron(this, 'schedule', this.schedule);
    const interval = shortestInterval(this.cron);

    this.timeZone = props.timeZone ?? 'Etc/UTC';
    this._holds = props.quiesce !== undefined;
    this._takesReplicas = takesReplicas(props);
    this.snapshotClass = props.snapshotClass;
    this.groupSnapshotClass = props.groupSnapshotClass;
    this.retention = props.retention ?? RetentionPolicy.sevenDays();
    this.prunedStorage = props.prunedStorage ?? PrunedStorage.RECLAIM;
    if (props.stagger !== undefined) {
      requireDuration(this, 'stagger', props.stagger, Duration.seconds(1), Duration.seconds(clamp(Math.floor(interval / 2), 1, LONGEST_STAGGER.toSeconds())));
    }
    const rest = interval - (props.stagger?.toSeconds() ?? 0);
    this.readyTimeout = props.readyTimeout ?? Duration.seconds(clamp(Math.floor(rest * 0.9), 600, 6 * 3600));
    requireReadyTimeout(this, this.readyTimeout);
    this.activeDeadline = props.activeDeadline ?? Duration.seconds(this.leastDeadline(props) + USUAL_SLACK.toSeconds() - LEAST_SLACK.toSeconds());
    this.startingDeadline = props.startingDeadline ?? Duration.seconds(usualStartingDeadline(this.cron));
    this.sources = [props.source];
    this.validate(props, interval);
    const template = runnerTemplate(this, this.namespace, props.pod);
    const cronJob = new ApiObject(this, 'Resource', {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: props.quiesce ? literalMetadata(props.metadata) : definedMetadata(props.metadata),
      spec: Lazy.any({ produce: () => this.renderSpec(props, template) }),
    });
    this.name = cronJob.name;
    this.scheduleId = props.scheduleId ?? this.name;
    this.rbac = props.rbac ?? new SnapshotRbac(this, 'Rbac', {
      metadata: { name: this.name, namespace: this.namespace },
      serviceAccountName: props.serviceAccountName,
    });
    this.rbac._allowRun({
      groupedClaims: this.groupSnapshotClass && (() => this._selectClaims()),
      quiescedPods: props.quiesce && (() => quiesceConfigOf(props, this._selectClaims())?.podNames),
    });
    watch(this, () => ({
      kind: 'Schedule',
      namespace: this.namespace,
      name: this.name,
      expression: this.schedule,
      timeZone: this.timeZone,
      activeDeadline: this.activeDeadline.toSeconds(),
      snapshots: this.watchedSnapshots(props),
    }));
    registerChartChecks(this);
  }

  /**
   * Adds claims to the schedule. A claim that is covered twice is snapshotted once.
   *
   * @param source the claims
   * @throws if it is something else
   */
  public addSource(source: SnapshotSource): void {
    requireKind(this, 'source', source, 'SnapshotSource');
    this.sources.push(source);
  }

  /**
   * What the retention of this schedule comes to: how many snapshots of a claim
   * there will be, how far back they reach, and what is lost at worst.
   *
   * Simulated by the rules that decide at night, with no clock and no cluster.
   */
  public preview(): RetentionPreview {
    return RetentionPreview._of(this.retention._toRules(this.timeZone), this.cron, (this.groupSnapshotClass ?? this.snapshotClass)?.driver);
  }

  /**
   * Which claims are snapshotted, asked at synth.
   *
   * @internal
   */
  public _selectClaims(): ClaimSelection[] {
    const selections = this.sources.flatMap(source => source._resolve(this, this.namespace).selections);
    return [...new Map(selections.map(selection => [JSON.stringify(selection), selection])).values()];
  }

  private validate(props: ScheduledSnapshotProps, interval: number): void {
    requireTimeZone(this, 'timeZone', this.timeZone);
    this.retention._requireFits(this, interval);
    requireRun(this, props, this.readyTimeout);
    const rules = this.retention._toRules(this.timeZone);
    requireWithinLimits(this, driverOf(props), this.cron, rules, props.maxNotReady ?? MAX_NOT_READY);
    requireKeptAlike(this, driverOfClass(props), rules, this.cron, prunesStorage(props));
    if (props.scheduleId !== undefined) { requireLabels(this, 'scheduleId', { [KEYS.schedule]: props.scheduleId }); }
    if (props.scheduleId === '') {
      reject(this, 'scheduleId', { problem: 'empty', got: '', allowed: '1 to 63 characters', fix: 'leave it out to use the name' });
    }
    requireDuration(this, 'startingDeadline', this.startingDeadline, Duration.seconds(leastStartingDeadline(this.cron)), Duration.seconds(100 * interval - 1));
    const least = this.leastDeadline(props);
    if (this.activeDeadline.toMilliseconds({ integral: false }) < least * 1000) {
      reject(this, 'activeDeadline', {
        problem: `a run would be killed before its snapshots have had their readyTimeout of ${this.readyTimeout.toHumanString()}`
          + (props.stagger ? ' after the stagger' : ''),
        got: this.activeDeadline,
        allowed: `at least ${Duration.seconds(least).toHumanString()}`,
        fix: 'raise it, or lower readyTimeout',
      });
    }
    requireDuration(this, 'activeDeadline', this.activeDeadline, LEAST_SLACK, LONGEST_RUN);
    if (props.successfulJobsHistory !== undefined) { requireInteger(this, 'successfulJobsHistory', props.successfulJobsHistory, 0, INT32_MAX); }
    if (props.failedJobsHistory !== undefined) { requireInteger(this, 'failedJobsHistory', props.failedJobsHistory, 0, INT32_MAX); }
    if (props.rbac && props.rbac.namespace !== this.namespace) {
      reject(this, 'rbac', {
        problem: `its rights are those of another namespace, '${props.rbac.namespace}'`,
        got: `a schedule in namespace '${this.namespace}'`,
        allowed: 'rights of the same namespace',
        fix: 'define the two in one namespace',
      });
    }
    if (props.rbac && props.serviceAccountName !== undefined) {
      reject(this, 'serviceAccountName', {
        problem: 'the service account is that of rbac', got: props.serviceAccountName, allowed: 'one of the two', fix: 'give it to the SnapshotRbac',
      });
    }
  }

  private leastDeadline({ stagger }: ScheduledSnapshotProps): number {
    return (stagger?.toSeconds() ?? 0) + this.readyTimeout.toSeconds() + LEAST_SLACK.toSeconds();
  }

  private renderSpec(props: ScheduledSnapshotProps, template: (own: OwnPart) => object): object {
    return renderCronJobSpec({
      schedule: this.schedule,
      timeZone: this.timeZone,
      startingDeadline: this.startingDeadline.toSeconds(),
      activeDeadline: this.activeDeadline.toSeconds(),
      suspend: props.suspend,
      successfulJobsHistory: props.successfulJobsHistory,
      failedJobsHistory: props.failedJobsHistory,
      template: template({
        scheduleId: this.scheduleId,
        serviceAccountName: this.rbac.serviceAccountName,
        config: renderRunConfig(this, props, this.ownConfig(props)),
        quiesceScript: props.quiesce?._script,
      }),
    });
  }

  private watchedSnapshots(props: ScheduledSnapshotProps): WatchedSnapshots {
    const { maxNotReady, stagger } = props;
    const driver = driverOf(props);
    const selections = this._selectClaims();
    const limit = driver?.maxSnapshotsPerVolume;
    // a member of a StatefulSet that is scaled in is no loss
    const areNamed = selections.every(selection => selection.kind === 'Claim' && selection.statefulSet === undefined);
    return {
      scheduleId: this.scheduleId,
      grouped: this.groupSnapshotClass !== undefined,
      claims: areNamed && !this._takesReplicas ? selections.map(({ name }: any) => name as string) : undefined,
      stagger: stagger?.toSeconds() ?? 0,
      readyTimeout: this.readyTimeout.toSeconds(),
      maxNotReady: maxNotReady ?? MAX_NOT_READY,
      room: limit === undefined ? undefined : {
        driver: driver!.name, limit, needed: () => mostNeeded(this.retention._toRules(this.timeZone), this.cron),
      },
    };
  }

  private ownConfig({ dryRun, stagger }: ScheduledSnapshotProps): OwnConfig {
    const retention = this.retention._toRules(this.timeZone);
    return {
      scheduleId: this.scheduleId,
      claims: this._selectClaims(),
      retention,
      explainedPrunes: explainedPrunes(retention, this.cron),
      dryRun,
      startDelaySeconds: stagger && startDelay(`${this.namespace}/${this.scheduleId}`, stagger),
      readyTimeout: this.readyTimeout,
    };
  }
}

/** What the compiler knows of the props already, for those who write in another language. */
function requireTypes(origin: ScheduledSnapshot, props: ScheduledSnapshotProps): void {
  requireKnownKeys(origin, props, PROPS);
  requireRunTypes(origin, props);
  requireKind(origin, 'schedule', props.schedule, 'Cron');
  requireText(origin, 'schedule', props.schedule.expressionString);
  requireOptional(origin, 'retention', props.retention, 'RetentionPolicy');
  requireOptional(origin, 'activeDeadline', props.activeDeadline, 'Duration');
  requireBoolean(origin, 'suspend', props.suspend);
  requireBoolean(origin, 'dryRun', props.dryRun);
  requireOptional(origin, 'rbac', props.rbac, 'SnapshotRbac');
}

/** The same for each synth, different for most schedules. */
function startDelay(identity: string, stagger: Duration): number {
  return createHash('sha256').update(identity).digest().readUInt32BE() % (stagger.toSeconds() + 1);
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
