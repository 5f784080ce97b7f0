import { Observed, runnerJobsIn } from './observed';
import { BrokenJob, RunnerJob, RunnerJobs, Schedule } from '../../model/model';
import { staleAfter } from '../../private/alert-thresholds';
import { NEVER } from '../../private/cron-job';
import { groupBy } from '../../retention/groups';
import { KEYS } from '../../runner/config';

/** What a CronJob of ours does. */
export type Work = 'schedule' | 'drill' | 'clone' | 'inventory' | 'orphans';

/** How the runs of a CronJob of ours went. Times are milliseconds since 1970. */
export interface JobStatus extends Pick<RunnerJob, 'expression' | 'name' | 'namespace' | 'suspended' | 'timeZone'> {
  readonly work: Work;
  /** of a schedule: by which its snapshots are known */
  readonly scheduleId?: string;
  readonly dryRun: boolean;
  /** nobody expects it to run by itself */
  readonly byHand: boolean;
  readonly createdAt: number;
  /** when the newest run that succeeded ended */
  readonly lastSuccess?: number;
  /** a run is going on */
  readonly running: boolean;
  /** how the newest run failed, if it did */
  readonly failure?: Failure;
  /** a success is this old at most if all runs succeed, in seconds; absent if it is only started by hand */
  readonly staleAfter?: number;
  /** the button by which a person restores of it */
  readonly restore?: string;
  /** what the manifest says */
  readonly schedule?: Schedule;
}

export interface Failure {
  readonly at?: number;
  readonly pod?: string;
  /** what the run said of it, if that is still there */
  readonly message?: string;
}

export interface Jobs {
  readonly jobs: readonly JobStatus[];
  /** those that cannot run as they are */
  readonly broken: readonly BrokenJob[];
  /** failed, and of no CronJob that is looked after: restores, and what upgrades wait for */
  readonly failedAlone: readonly FailedRun[];
}

/** A run that nobody repeats by itself, of which there is none newer. */
export interface FailedRun {
  readonly namespace: string;
  readonly name: string;
  /** a person starts it */
  readonly isRestore: boolean;
  readonly failure: Failure & { readonly at: number };
}

export function readJobs({ found }: Observed): Jobs {
  const all = runnerJobsIn(found.cronJobs);
  const runs = groupBy(found.pods, ({ metadata }) => keyOf(metadata.namespace, metadata.labels[KEYS.schedule]));
  const objectsByName = new Map(found.cronJobs.map(object => [keyOf(object.metadata.namespace, object.metadata.name), object]));
  const read = (work: Work, list: readonly RunnerJob[]) => list.map(job => {
    const object = objectsByName.get(keyOf(job.namespace, job.name));
    return readJob(work, job, object, runs.get(runsOf(object)) ?? [], all);
  });
  return {
    jobs: [...read('schedule', all.schedules), ...read('drill', all.drills), ...read('clone', all.clones), ...read('inventory', all.inventories),
      ...read('orphans', all.orphanSearches)],
    broken: all.broken,
    failedAlone: failedAlone(found.cronJobs, runs, all),
  };
}

function failedAlone(cronJobs: readonly any[], runs: ReadonlyMap<string, readonly any[]>, { restores }: RunnerJobs): FailedRun[] {
  const buttons = new Set(restores.map(({ namespace, name }) => keyOf(namespace, name)));
  const isButton = ({ metadata }: any) => buttons.has(keyOf(metadata.namespace, metadata.name));
  const lookedAfter = new Set(cronJobs.filter(object => !isButton(object)).map(runsOf));
  return [...runs].filter(([key]) => !lookedAfter.has(key)).flatMap(([key, pods]) => {
    // while it is tried again, it has not failed
    const [{ metadata, status }] = [...pods].sort((a, b) => createdAt(b) - createdAt(a));
    return endOf({ metadata, status }).filter(({ failed }) => failed)
      .map(failure => ({ namespace: metadata.namespace ?? '', name: metadata.labels[KEYS.schedule], isRestore: buttons.has(key), failure }));
  });
}

const createdAt = ({ metadata }: any) => timeOf(metadata.creationTimestamp) ?? 0;

/** By what the pods of a CronJob are known. */
const runsOf = ({ metadata, spec }: any) => keyOf(metadata.namespace, spec?.jobTemplate?.spec?.template?.metadata?.labels?.[KEYS.schedule]);

// of what has no namespace, manifests say that it is empty
const keyOf = (namespace: string | undefined, name: string | undefined) => `${namespace ?? ''}/${name}`;

function readJob(work: Work, job: RunnerJob, { metadata, spec, status = {} }: any, pods: readonly any[], all: RunnerJobs): JobStatus {
  const { expression, name, namespace, suspended, timeZone } = job;
  const schedule = work === 'schedule' ? job as Schedule : undefined;
  const lastSuccess = timeOf(status.lastSuccessfulTime);
  const running = (status.active ?? []).length > 0;
  const activeDeadline = spec.jobTemplate.spec.activeDeadlineSeconds ?? 0;
  const byHand = expression === NEVER;
  return {
    work,
    namespace,
    name,
    expression,
    timeZone,
    suspended,
    scheduleId: schedule?.config.scheduleId,
    dryRun: schedule?.config.dryRun ?? false,
    byHand,
    createdAt: timeOf(metadata.creationTimestamp) ?? 0,
    lastSuccess,
    running,
    failure: running ? undefined : failureOf(pods, lastSuccess, timeOf(status.lastScheduleTime)),
    staleAfter: byHand ? undefined : staleAfter({ kind: 'Schedule', namespace, name, expression, timeZone, activeDeadline }, 0),
    restore: all.restores.find(({ namespace: where, restore }) => where === namespace && restore.scheduleId === schedule?.config.scheduleId)?.name,
    schedule,
  };
}

/** The newest pod that ended says it; where it is gone, or may not be seen, the CronJob knows that its last run did not succeed. */
function failureOf(pods: readonly any[], lastSuccess: number | undefined, lastRun: number | undefined): Failure | undefined {
  const ended = pods.flatMap(endOf).sort((a, b) => b.at - a.at)[0];
  if (ended && ended.at > (lastSuccess ?? 0) && ended.at >= (lastRun ?? 0)) { return ended.failed ? ended : undefined; }
  return lastRun !== undefined && lastRun > (lastSuccess ?? 0) ? {} : undefined;
}

interface End extends Failure {
  readonly at: number;
  readonly failed: boolean;
}

function endOf({ metadata, status = {} }: any): End[] {
  const ends = [...status.initContainerStatuses ?? [], ...status.containerStatuses ?? []].map(({ state }: any) => state?.terminated).filter(Boolean);
  const failed = ends.find(({ exitCode }) => exitCode !== 0);
  const end = failed ?? ends[ends.length - 1];
  if (end === undefined || (!failed && status.phase !== 'Succeeded')) { return []; }
  const at = timeOf(end.finishedAt) ?? timeOf(metadata.creationTimestamp) ?? 0;
  return [{ at, failed: failed !== undefined, pod: metadata.name, message: end.message?.trim() || `exit code ${end.exitCode}, ${end.reason ?? 'nobody says why'}` }];
}

function timeOf(text: string | undefined): number | undefined {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? undefined : time;
}
