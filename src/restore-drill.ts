import { ApiObject, ApiObjectMetadata, Cron, Duration, Lazy } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { DrillCheck } from './drill-check';
import { coversName } from './model/claims';
import { literalMetadata, requireMetadata, requireNamespace, SNAPSHOT_API_GROUP } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { defineContentRights, LONGEST_ID } from './private/content-rights';
import { CronSchedule, requireCron } from './private/cron';
import { renderCronJobSpec, usualStartingDeadline } from './private/cron-job';
import { leastAge } from './private/drill-age';
import { isolatedPod, refuseTraffic, requireWorkload, templatesOf } from './private/isolated-pod';
import { defineRole, defineRunnerAccount } from './private/runner-account';
import { requireKnownPodOptions } from './private/runner-pod';
import { runnerTemplate } from './private/runner-template';
import { findSourceNamespace, requireScheduleId } from './private/schedule-reference';
import { requireTimeZone } from './private/time-zone';
import {
  KnownKeys, reject, requireBoolean, requireDuration, requireKind, requireKnownKeys, requireList, requireName, requireOptional,
  requireText,
} from './private/validate';
import { watch } from './private/watched';
import { CHECK_CONTAINER, ClaimSelection, CONFIG_VERSION, DrillConfig, KEYS } from './runner/config';
import { RunnerPodOptions } from './runner-pod';
import { ScheduledSnapshot } from './scheduled-snapshot';

/**
 * Which snapshots are restored, when, and how their data is looked at.
 */
export interface RestoreDrillProps {
  /**
   * Name, labels and annotations of the CronJob. The name, of at most 50 characters, is also that of its service account, Role and RoleBinding.
   *
   * In another namespace than that of the snapshots, which must be one of administrators, the name with a dot and the namespace behind it, of at most
   * 63 characters together, is that of what is defined elsewhere.
   *
   * @default - a name made of the construct's path, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * The schedule whose newest snapshots are restored.
   *
   * @default - the one that `scheduleId` names
   */
  readonly schedule?: ScheduledSnapshot;

  /**
   * The id of the schedule, if it is defined elsewhere: the name of its CronJob, unless it was given another.
   *
   * @default - that of `schedule`
   */
  readonly scheduleId?: string;

  /**
   * The namespace of the snapshots, with `scheduleId`.
   *
   * @default - that of `schedule`, else that of the drill
   */
  readonly sourceNamespace?: string;

  /**
   * The StatefulSet, Deployment or other workload whose container looks at the data: a construct of any cdk8s-plus version, or an ApiObject.
   */
  readonly workload: IConstruct;

  /**
   * The container; others are left out.
   *
   * @default - the first one
   */
  readonly container?: string;

  /**
   * What the container runs in place of its own command and arguments. For containers that run a shell.
   *
   * @default - its own
   */
  readonly command?: string[];

  /**
   * The claim whose snapshot is mounted in place of each volume, by the name of the volume.
   *
   * @default - of a StatefulSet, those of its first replica
   */
  readonly claims?: { [volumeName: string]: string };

  /**
   * How the drill finds out whether the data is good.
   */
  readonly check: DrillCheck;

  /**
   * When, in the five fields that Kubernetes reads.
   *
   * @see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
   * @default - Sundays at 05:40
   */
  readonly when?: Cron;

  /**
   * The IANA name of the time zone of `when`, such as `Europe/Berlin`.
   *
   * @default 'Etc/UTC'
   */
  readonly timeZone?: string;

  /**
   * An older snapshot is a failure, since its schedule does not do its work. From 1 minute to 400 days.
   *
   * @default Duration.hours(26)
   */
  readonly maxAge?: Duration;

  /**
   * Take only snapshots that were cut while the application was held.
   *
   * @default false
   */
  readonly consistentOnly?: boolean;

  /**
   * How long a drill waits for the verdict: the restore, the start of the server and the check. From 1 minute to 1 day.
   *
   * @default Duration.hours(1)
   */
  readonly timeout?: Duration;

  /**
   * The storage class of the restored claims, one of the driver that took the snapshots.
   *
   * @default - that of the claim that was snapshotted
   */
  readonly storageClassName?: string;

  /**
   * Hold no drill until this is taken away.
   *
   * @default false
   */
  readonly suspend?: boolean;

  /**
   * The pod that runs the drill, not the one that it starts.
   *
   * @default - as `RunnerDefaults` above say, else as `RunnerPodOptions` say
   */
  readonly pod?: RunnerPodOptions;
}

const PROPS: KnownKeys<RestoreDrillProps> = {
  metadata: true,
  schedule: true,
  scheduleId: true,
  sourceNamespace: true,
  workload: true,
  container: true,
  command: true,
  claims: true,
  check: true,
  when: true,
  timeZone: true,
  maxAge: true,
  consistentOnly: true,
  timeout: true,
  storageClassName: true,
  suspend: true,
  pod: true,
};

// a pod of a drill is called so, with a dash and eight digits, and no more than 63 characters; so is a Job, with eleven
const LONGEST_NAME = 50;
const WEEKLY = Cron.schedule({ weekDay: '0', hour: '5', minute: '40' });
/** To clear away before and after, and to ask the API server again while it is away. */
const SLACK = Duration.minutes(10);
const snapshots = (...verbs: string[]) => ({ apiGroups: [SNAPSHOT_API_GROUP], resources: ['volumesnapshots'], verbs });
const core = (resource: string, ...verbs: string[]) => ({ apiGroups: [''], resources: [resource], verbs });
/** What clocks are put forward or back at most, and by how much two time zones differ. */
const CLOCK_CHANGE = Duration.hours(1);
const ZONES_APART = Duration.hours(27);
const inHours = (milliseconds: number) => `Duration.hours(${Math.ceil(milliseconds / Duration.hours(1).toMilliseconds())})`;
const SHARED = 'drill';
const SHARED_PATH = '/drill';

/**
 * Restores the newest snapshots again and again, starts the software on them, and looks whether the data is good: a restore that was
 * never rehearsed fails on the day it is needed.
 *
 * Each drill chooses anew: the newest run of the schedule with a good snapshot of each claim, and not an older one than `maxAge`. It restores into claims of
 * its own, starts the workload's container there as a `RecoveryPod` does, kept from acting as production, runs the check beside it, and takes
 * all of it away, however it went. What passed gets the label `cdk8s-volume-snapshots/verified`. What failed is loud: the exit
 * code, the message, an Event on the claim.
 *
 * Its service account may create and delete pods and claims in the namespace, which is as much as to run any pod there. In a namespace of its own the
 * drill does not count towards the quota of production, and touches nothing there but marks on snapshots and Events.
 *
 * @see https://kubernetes.io/docs/concepts/storage/persistent-volumes/#volume-snapshot-and-restore-volume-from-snapshot-support
 * @example
 * import { ApiObject, Chart } from 'cdk8s';
 * import { DrillCheck, RestoreDrill, ScheduledSnapshot } from 'cdk8s-volume-snapshots';
 *
 * declare const chart: Chart;
 * declare const postgres: ApiObject;
 * declare const nightly: ScheduledSnapshot;
 * new RestoreDrill(chart, 'Drill', {
 *   schedule: nightly,
 *   workload: postgres,
 *   check: DrillCheck.postgreSql({ query: 'SELECT count(*) FROM orders', atLeast: 1000 }),
 * });
 */
export class RestoreDrill extends Construct {
  /**
   * The name of the CronJob, and of its service account, Role and RoleBinding.
   */
  public readonly name: string;

  /**
   * The namespace of the CronJob, and of what is restored.
   */
  public readonly namespace: string;

  /**
   * The namespace of the snapshots.
   */
  public readonly sourceNamespace: string;

  /**
   * The id of the schedule whose snapshots are restored.
   */
  public readonly scheduleId: string;

  /**
   * The expression of `when`.
   */
  public readonly expression: string;

  /**
   * The time zone of `when`.
   */
  public readonly timeZone: string;

  /**
   * The age above which the newest snapshot is a failure.
   */
  public readonly maxAge: Duration;

  /**
   * How long a drill waits for the verdict.
   */
  public readonly timeout: Duration;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct; a new id is a new CronJob
   * @param props which snapshots, when, and how they are looked at
   * @throws if the namespace or the schedule is not known, or a prop is not valid; at synth, if the workload has no such container or volume
   */
  constructor(scope: Construct, id: string, props: RestoreDrillProps) {
    super(scope, id);
    requireTypes(this, props);
    requireMetadata(this, props.metadata, LONGEST_NAME);
    this.namespace = requireNamespace(this, props.metadata, 'a role binding must name the namespace of its service account');
    this.sourceNamespace = findSourceNamespace(this, props) ?? this.namespace;
    this.scheduleId = requireScheduleId(this, this.sourceNamespace, props);
    this.expression = (props.when ?? WEEKLY).expressionString.trim();
    const cron = requireCron(this, 'when', this.expression);
    this.timeZone = props.timeZone ?? 'Etc/UTC';
    requireTimeZone(this, 'timeZone', this.timeZone);
    this.maxAge = props.maxAge ?? Duration.hours(26);
    requireDuration(this, 'maxAge', this.maxAge, Duration.minutes(1), Duration.days(400));
    this.requirePassable(props, cron);
    this.timeout = props.timeout ?? Duration.hours(1);
    requireDuration(this, 'timeout', this.timeout, Duration.minutes(1), Duration.days(1));
    if (props.storageClassName !== undefined) { requireName(this, 'storageClassName', props.storageClassName); }
    for (const [volume, claim] of Object.entries(props.claims ?? {})) { requireName(this, `claims.${volume}`, claim); }
    const workload = requireWorkload(this, props.workload);
    const template = runnerTemplate(this, this.namespace, props.pod);
    const cronJob = new ApiObject(this, 'Resource', {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: literalMetadata(props.metadata),
      spec: Lazy.any({
        produce: () => renderCronJobSpec({
          schedule: this.expression,
          timeZone: this.timeZone,
          startingDeadline: usualStartingDeadline(cron),
          activeDeadline: this.activeDeadline,
          suspend: props.suspend,
          template: template({
            scheduleId: this.name,
            serviceAccountName: this.name,
            config: JSON.stringify(this.composeConfig(props, workload.toJson()), null, 2),
          }),
        }),
      }),
    });
    this.name = cronJob.name;
    this.defineRights();
    refuseTraffic(this, this, { [KEYS.drill]: this.name });
    watch(this, () => ({
      kind: 'Drill', namespace: this.namespace, name: this.name, expression: this.expression, timeZone: this.timeZone, activeDeadline: this.activeDeadline,
    }));
    registerChartChecks(this);
  }

  /** A drill that cannot pass is as good as one that cannot fail. */
  private requirePassable({ schedule, consistentOnly }: RestoreDrillProps, cron: CronSchedule): void {
    if (schedule === undefined) { return; }
    if (consistentOnly && !schedule._holds) {
      reject(this, 'consistentOnly', {
        problem: 'the schedule holds no application, so that none of its snapshots would do',
        got: consistentOnly,
        allowed: 'a schedule with quiesce',
        fix: 'give the schedule quiesce, or leave consistentOnly out',
      });
    }
    const age = leastAge(requireCron(this, 'schedule', schedule.schedule), cron);
    const known = age - (schedule.timeZone === this.timeZone ? CLOCK_CHANGE : ZONES_APART).toMilliseconds();
    if (known > this.maxAge.toMilliseconds()) {
      reject(this, 'maxAge', {
        problem: 'no drill could pass, since the newest snapshot is always older when it starts',
        got: inHours(this.maxAge.toMilliseconds()),
        allowed: `more than ${inHours(age)}`,
        fix: "raise it, or move 'when' behind a run of the schedule",
      });
    }
  }

  private get activeDeadline(): number { return this.timeout.toSeconds() + SLACK.toSeconds(); }

  /**
   * The namespaces into which it brings snapshots.
   *
   * @internal
   */
  public get _bringsInto(): string[] { return this.isElsewhere ? [this.namespace] : []; }

  private get isElsewhere(): boolean { return this.sourceNamespace !== this.namespace; }

  private defineRights(): void {
    const { isElsewhere, namespace } = this;
    const account = { name: this.name, namespace };
    defineRunnerAccount(this, account, [
      snapshots(...isElsewhere ? ['create', 'delete', 'list'] : ['list', 'patch']),
      core('persistentvolumeclaims', 'create', 'delete', 'list'),
      core('pods', 'create', 'delete', 'get', 'list'),
      core('events', ...isElsewhere ? [] : ['create'], 'list'),
    ]);
    if (!isElsewhere) { return; }
    const id = `${this.name}.${namespace}`;
    if (id.length > LONGEST_ID) {
      reject(this, 'metadata.name', {
        problem: 'too long together with the namespace, since both are in a label', got: id, allowed: `at most ${LONGEST_ID} characters with the dot`, fix: 'shorten the name',
      });
    }
    defineRole(this, 'Source', { name: id, namespace: this.sourceNamespace }, [snapshots('list', 'patch'), core('events', 'create')], account);
    defineContentRights(this, { id, account, owner: namespace, namespaces: [namespace] });
  }

  private composeConfig(props: RestoreDrillProps, workload: any): DrillConfig {
    const { check } = props;
    const firstReplica = workload.spec?.ordinals?.start ?? 0;
    const usual = Object.fromEntries(templatesOf(workload).map(name => [name, `${name}-${workload.metadata.name}-${firstReplica}`]));
    const pod = isolatedPod(this, workload, {
      restored: new Map(Object.entries({ ...usual, ...props.claims })),
      areSources: true,
      container: props.container,
      command: props.command,
      options: check._server?.options ?? [],
    });
    if (pod.restored.size === 0) {
      reject(this, 'claims', {
        problem: 'the container mounts no volume of a claim, so there is nothing to look at',
        got: props.claims,
        allowed: 'at least one volume with its claim',
        fix: "write claims: { 'data': '...' }",
      });
    }
    // claims that somebody names are meant
    const anyMember = props.schedule?._takesReplicas === true && Object.keys(props.claims ?? {}).length === 0;
    if (props.schedule) { this.requireCovered(props.schedule, anyMember, pod.restored); }
    return {
      kind: 'Drill',
      version: CONFIG_VERSION,
      drillId: this.name,
      scheduleId: this.scheduleId,
      sourceNamespace: this.isElsewhere ? this.sourceNamespace : undefined,
      volumes: Object.fromEntries(pod.restored),
      anyMember: anyMember || undefined,
      storageClassName: props.storageClassName,
      consistentOnly: props.consistentOnly,
      maxAgeSeconds: this.maxAge.toSeconds(),
      timeoutSeconds: this.timeout.toSeconds(),
      pod: {
        metadata: { labels: pod.labels, annotations: pod.annotations },
        spec: { ...pod.spec, ...checkedBy(check, pod.container, pod.spec.volumes) },
      },
    };
  }

  /** Snapshots of a claim that the schedule does not cover will never be there. */
  private requireCovered(schedule: ScheduledSnapshot, anyMember: boolean, restored: ReadonlyMap<string, string>): void {
    const selections = schedule._selectClaims();
    if (selections.some(({ kind }) => kind === 'Selector')) { return; }
    const setOf = (claim: string) => claim.replace(/[0-9]+$/, '');
    const covers = (selection: ClaimSelection, claim: string) => coversName(selection, claim)
      || (anyMember && selection.kind === 'Claim' && setOf(selection.name) === setOf(claim));
    const other = [...restored].find(([, claim]) => !selections.some(selection => covers(selection, claim)));
    if (!other) { return; }
    const [volume, claim] = other;
    reject(this, 'claims', {
      problem: `volume '${volume}' is to be made of a snapshot of claim '${claim}', and the schedule takes none of it, so no drill could pass`,
      got: claim,
      allowed: 'claims that the schedule covers',
      fix: `add the claim to the source of the schedule, or write claims: { '${volume}': '...' }`,
    });
  }
}

/** The check beside the server, which has the data to itself; or the check alone, which has it then. */
function checkedBy(check: DrillCheck, container: any, volumes: readonly any[]): { containers: any[]; volumes: any[] } {
  const { args, readinessProbe, command, ...shared } = container;
  const socket = { name: SHARED, mountPath: SHARED_PATH };
  const own = { ...shared, name: CHECK_CONTAINER, command: check._command, terminationMessagePolicy: 'FallbackToLogsOnError' };
  if (!check._server) { return { containers: [own], volumes: [...volumes] }; }
  const server = { ...container, terminationMessagePolicy: 'FallbackToLogsOnError', volumeMounts: [...container.volumeMounts, socket] };
  return {
    containers: [{ ...server, name: container.name === CHECK_CONTAINER ? 'server' : container.name }, { ...own, volumeMounts: [socket] }],
    volumes: [...volumes, { name: SHARED, emptyDir: {} }],
  };
}

/** What the compiler knows of the props already, for those who write in another language. */
function requireTypes(origin: RestoreDrill, props: RestoreDrillProps): void {
  requireKnownKeys(origin, props, PROPS);
  requireOptional(origin, 'schedule', props.schedule, 'ScheduledSnapshot');
  if (props.scheduleId !== undefined) { requireText(origin, 'scheduleId', props.scheduleId); }
  if (props.sourceNamespace !== undefined) { requireText(origin, 'sourceNamespace', props.sourceNamespace); }
  if (props.container !== undefined) { requireText(origin, 'container', props.container); }
  requireList(origin, 'command', props.command);
  props.command?.forEach(word => requireText(origin, 'command', word));
  requireKind(origin, 'check', props.check, 'DrillCheck');
  requireOptional(origin, 'when', props.when, 'Cron');
  if (props.when !== undefined) { requireText(origin, 'when', props.when.expressionString); }
  requireBoolean(origin, 'consistentOnly', props.consistentOnly);
  requireBoolean(origin, 'suspend', props.suspend);
  requireKnownPodOptions(origin, 'pod', props.pod ?? {});
}
