import { createHash } from 'crypto';
import { ApiObject, ApiObjectMetadata, Cron, Duration, Lazy } from 'cdk8s';
import { Construct } from 'constructs';
import { definedMetadata, requireMetadata, requireNamespace } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { CronSchedule, requireCron, shortestInterval } from './private/cron';
import { leastStartingDeadline, renderCronJobSpec, usualStartingDeadline } from './private/cron-job';
import { requireWithinLimits } from './private/driver-limits';
import { explainedPrunes } from './private/explained-prunes';
import { SCHEDULED_MARK } from './private/marks';
import { runnerConfigMap } from './private/runner-config-map';
import { mergePodOptions, renderRunnerPod, requireKnownPodOptions, requireRunnerPod } from './private/runner-pod';
import { requireTimeZone } from './private/time-zone';
import {
  INT32_MAX, KnownKeys, reject, requireBoolean, requireDuration, requireEnum, requireInteger, requireKeys, requireKind, requireKnownKeys,
  requireLabels, requireOptional, requireText,
} from './private/validate';
import { RetentionPolicy } from './retention-policy';
import { RetentionPreview } from './retention-preview';
import { ClaimSelection, CONFIG_VERSION, FOREIGN_TOOL_ANNOTATIONS, FOREIGN_TOOL_LABELS, KEY_PREFIX, KEYS, MAX_NOT_READY, RunnerConfig } from './runner/config';
import { RunnerDefaults } from './runner-defaults';
import { RunnerPodOptions } from './runner-pod';
import { ISnapshotClass } from './snapshot-class';
import { SnapshotRbac } from './snapshot-rbac';
import { SnapshotSource } from './snapshot-source';

/**
 * What becomes of the storage of a pruned snapshot whose class retains it.
 */
export enum PrunedStorage {
  /**
   * It is given back: the content is set to Delete before the snapshot is
   * deleted. Needs a `SnapshotReclaim` in the cluster; without it a run fails and says so.
   */
  RECLAIM = 'Reclaim',

  /**
   * It stays in the storage system, where it costs money and nobody sees it,
   * until somebody removes it by other means.
   */
  KEEP = 'Keep',
}

/**
 * What is snapshotted, when, and for how long it is kept.
 */
export interface ScheduledSnapshotProps {
  /**
   * Name, labels and annotations of the CronJob; the name, of at most 52
   * characters, is also that of its service account, Role and RoleBinding.
   *
   * @default - a name made of the construct's path, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * The claims whose volumes are snapshotted; `addSource()` adds more.
   */
  readonly source: SnapshotSource;

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
   * How the storage takes the snapshots.
   *
   * @see https://kubernetes.io/docs/concepts/storage/volume-snapshot-classes/
   * @default - the default snapshot class of the claim's driver in the cluster
   */
  readonly snapshotClass?: ISnapshotClass;

  /**
   * Which snapshots are kept.
   *
   * @default RetentionPolicy.sevenDays()
   */
  readonly retention?: RetentionPolicy;

  /**
   * What becomes of the storage of a pruned snapshot whose class retains it.
   *
   * @default PrunedStorage.RECLAIM
   */
  readonly prunedStorage?: PrunedStorage;

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
   * How many claims are waiting for the cut of their data at once. One that is not cut for long makes room for the next, so that all are tried.
   *
   * @default 20
   */
  readonly concurrency?: number;

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
   * With so many snapshots of a claim that are not ready, newer than its last
   * ready one, no more are taken of it: storage that fails is not buried.
   *
   * The run fails and says so. It goes on by itself once one of them is ready,
   * or one that was never cut is a day old and pruned; a Job that is started by hand tries at once.
   *
   * @default 3
   */
  readonly maxNotReady?: number;

  /**
   * Take snapshots, decide which of the old ones go and why, say so in the log, and delete none.
   *
   * @default false
   */
  readonly dryRun?: boolean;

  /**
   * More labels of the snapshots.
   *
   * @default - only those that the library finds its snapshots by
   */
  readonly snapshotLabels?: { [key: string]: string };

  /**
   * More annotations of the snapshots.
   *
   * @default - only those that keep GitOps tools away
   */
  readonly snapshotAnnotations?: { [key: string]: string };

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
   * The pod that takes the snapshots.
   *
   * @default - as `RunnerDefaults` above say, else as `RunnerPodOptions` say
   */
  readonly pod?: RunnerPodOptions;

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
  metadata: true,
  source: true,
  schedule: true,
  timeZone: true,
  snapshotClass: true,
  retention: true,
  prunedStorage: true,
  scheduleId: true,
  readyTimeout: true,
  activeDeadline: true,
  startingDeadline: true,
  concurrency: true,
  stagger: true,
  maxNotReady: true,
  dryRun: true,
  snapshotLabels: true,
  snapshotAnnotations: true,
  suspend: true,
  successfulJobsHistory: true,
  failedJobsHistory: true,
  pod: true,
  serviceAccountName: true,
  rbac: true,
};

const MINIMUM_READY_TIMEOUT = Duration.seconds(1);
const LONGEST_READY_TIMEOUT = Duration.days(7);
const LONGEST_STAGGER = Duration.hours(6);
const LONGEST_RUN = Duration.days(14);
// to schedule the pod, pull the image, retry a lost pod, and prune
const LEAST_SLACK = Duration.minutes(5);
const USUAL_SLACK = Duration.minutes(15);
/** Linux starts no program with a longer environment variable than 128 KiB; the rest is left to those who patch it. */
const LONGEST_CONFIG_KIBIBYTES = 100;
/** The CronJob controller adds a dash and ten digits to make the name of a Job. */
const LONGEST_CRON_JOB_NAME = 52;

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
    const defaults = RunnerDefaults._of(this);
    const options = mergePodOptions(props.pod ?? {}, defaults?.pod ?? {});

    this.timeZone = props.timeZone ?? 'Etc/UTC';
    this.snapshotClass = props.snapshotClass;
    this.retention = props.retention ?? RetentionPolicy.sevenDays();
    this.prunedStorage = props.prunedStorage ?? PrunedStorage.RECLAIM;
    if (props.stagger !== undefined) {
      requireDuration(this, 'stagger', props.stagger, Duration.seconds(1), Duration.seconds(clamp(Math.floor(interval / 2), 1, LONGEST_STAGGER.toSeconds())));
    }
    const rest = interval - (props.stagger?.toSeconds() ?? 0);
    this.readyTimeout = props.readyTimeout ?? Duration.seconds(clamp(Math.floor(rest * 0.9), 600, 6 * 3600));
    requireDuration(this, 'readyTimeout', this.readyTimeout, MINIMUM_READY_TIMEOUT, LONGEST_READY_TIMEOUT);
    this.activeDeadline = props.activeDeadline ?? Duration.seconds(this.leastDeadline(props) + USUAL_SLACK.toSeconds() - LEAST_SLACK.toSeconds());
    this.startingDeadline = props.startingDeadline ?? Duration.seconds(usualStartingDeadline(this.cron));
    this.sources = [props.source];
    this.validate(props, interval, options);

    const { name: configMapName, checksum } = runnerConfigMap(this, this.namespace);
    const pod = { options, imageRegistry: defaults?.imageRegistry, configMapName, checksum };
    const cronJob = new ApiObject(this, 'Resource', {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: definedMetadata(props.metadata),
      spec: Lazy.any({ produce: () => this.renderSpec(props, pod) }),
    });
    this.name = cronJob.name;
    this.scheduleId = props.scheduleId ?? this.name;
    this.rbac = props.rbac ?? new SnapshotRbac(this, 'Rbac', {
      metadata: { name: this.name, namespace: this.namespace },
      serviceAccountName: props.serviceAccountName,
    });
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
    return RetentionPreview._of(this.retention._toRules(this.timeZone), this.cron, this.snapshotClass?.driver);
  }

  private validate(props: ScheduledSnapshotProps, interval: number, pod: RunnerPodOptions): void {
    requireTimeZone(this, 'timeZone', this.timeZone);
    this.retention._requireFits(this, interval);
    requireWithinLimits(this, this.snapshotClass?.driver, this.cron, this.retention._toRules(this.timeZone), props.maxNotReady ?? MAX_NOT_READY);
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
    if (props.concurrency !== undefined) { requireInteger(this, 'concurrency', props.concurrency, 1, 1000); }
    if (props.maxNotReady !== undefined) { requireInteger(this, 'maxNotReady', props.maxNotReady, 1, 1000); }
    if (props.successfulJobsHistory !== undefined) { requireInteger(this, 'successfulJobsHistory', props.successfulJobsHistory, 0, INT32_MAX); }
    if (props.failedJobsHistory !== undefined) { requireInteger(this, 'failedJobsHistory', props.failedJobsHistory, 0, INT32_MAX); }
    requireLabels(this, 'snapshotLabels', props.snapshotLabels ?? {});
    requireKeys(this, 'snapshotAnnotations', props.snapshotAnnotations ?? {});
    this.refuseReservedKeys('snapshotLabels', props.snapshotLabels ?? {}, FOREIGN_TOOL_LABELS);
    this.refuseReservedKeys('snapshotAnnotations', props.snapshotAnnotations ?? {}, FOREIGN_TOOL_ANNOTATIONS);
    requireRunnerPod(this, 'pod', pod);
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

  private refuseReservedKeys(prop: string, map: { [key: string]: string }, foreign: { readonly [key: string]: string }): void {
    for (const key of Object.keys(map)) {
      const own = key in foreign || key.startsWith(KEY_PREFIX);
      const gitOps = key === 'app.kubernetes.io/instance' || key.startsWith('argocd.argoproj.io/') || key.startsWith('kustomize.toolkit.fluxcd.io/');
      if (own || gitOps) {
        reject(this, prop, {
          problem: own ? 'the library sets this key itself' : 'GitOps tools find their own objects by this key, and would delete the snapshots',
          got: key,
          allowed: 'other keys',
          fix: 'leave it out',
        });
      }
    }
  }

  private selectClaims(): ClaimSelection[] {
    const selections = this.sources.flatMap(source => source._resolve(this, this.namespace).selections);
    return [...new Map(selections.map(selection => [JSON.stringify(selection), selection])).values()];
  }

  private renderSpec(
    props: ScheduledSnapshotProps,
    pod: { options: RunnerPodOptions; imageRegistry?: string; configMapName: string; checksum: string },
  ): object {
    return renderCronJobSpec({
      schedule: this.schedule,
      timeZone: this.timeZone,
      startingDeadline: this.startingDeadline.toSeconds(),
      activeDeadline: this.activeDeadline.toSeconds(),
      suspend: props.suspend,
      successfulJobsHistory: props.successfulJobsHistory,
      failedJobsHistory: props.failedJobsHistory,
      template: renderRunnerPod({
        ...pod,
        scheduleId: this.scheduleId,
        serviceAccountName: this.rbac.serviceAccountName,
        config: this.renderConfig(props),
      }),
    });
  }

  private renderConfig(props: ScheduledSnapshotProps): string {
    const config = this.composeConfig(props);
    const text = JSON.stringify(config, null, 2);
    const kibibytes = Math.ceil(Buffer.byteLength(text) / 1024);
    if (kibibytes > LONGEST_CONFIG_KIBIBYTES) {
      reject(this, 'source', {
        problem: 'the configuration of a run is an environment variable, and with one that long its container cannot start',
        got: `${kibibytes} KiB, made up by claims (${config.claims.length}), snapshotLabels and snapshotAnnotations`,
        allowed: `at most ${LONGEST_CONFIG_KIBIBYTES} KiB`,
        fix: 'split the schedule into several, choose the claims with SnapshotSource.fromSelector, or shorten labels and annotations',
      });
    }
    return text;
  }

  private composeConfig(props: ScheduledSnapshotProps): RunnerConfig {
    return {
      version: CONFIG_VERSION,
      scheduleId: this.scheduleId,
      claims: this.selectClaims(),
      snapshotClassName: this.snapshotClass?.snapshotClassName,
      deletionPolicy: this.snapshotClass?.deletionPolicy,
      prunedStorage: this.prunedStorage,
      retention: this.retention._toRules(this.timeZone),
      mayDeleteLastGood: this.retention.minimumReady === 0 || undefined,
      explainedPrunes: explainedPrunes(this.retention._toRules(this.timeZone), this.cron),
      dryRun: props.dryRun,
      startDelaySeconds: props.stagger && startDelay(`${this.namespace}/${this.scheduleId}`, props.stagger),
      minimumIntervalSeconds: this.snapshotClass?.driver?.minimumInterval?.toSeconds(),
      maxNotReady: props.maxNotReady ?? MAX_NOT_READY,
      readyTimeoutSeconds: this.readyTimeout.toSeconds(),
      concurrency: props.concurrency ?? 20,
      labels: { ...props.snapshotLabels },
      annotations: { ...props.snapshotAnnotations },
    };
  }
}

/** What the compiler knows of the props already, for those who write in another language. */
function requireTypes(origin: ScheduledSnapshot, props: ScheduledSnapshotProps): void {
  requireKnownKeys(origin, props, PROPS);
  requireKind(origin, 'source', props.source, 'SnapshotSource');
  requireKind(origin, 'schedule', props.schedule, 'Cron');
  requireText(origin, 'schedule', props.schedule.expressionString);
  requireOptional(origin, 'snapshotClass', props.snapshotClass, 'ISnapshotClass');
  requireOptional(origin, 'retention', props.retention, 'RetentionPolicy');
  requireEnum(origin, 'prunedStorage', props.prunedStorage, PrunedStorage);
  requireOptional(origin, 'activeDeadline', props.activeDeadline, 'Duration');
  requireBoolean(origin, 'suspend', props.suspend);
  requireBoolean(origin, 'dryRun', props.dryRun);
  requireOptional(origin, 'rbac', props.rbac, 'SnapshotRbac');
  requireKnownPodOptions(origin, 'pod', props.pod ?? {});
}

/** The same for each synth, different for most schedules. */
function startDelay(identity: string, stagger: Duration): number {
  return createHash('sha256').update(identity).digest().readUInt32BE() % (stagger.toSeconds() + 1);
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
