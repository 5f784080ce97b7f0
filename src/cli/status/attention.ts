import { ClaimStatus } from './claims';
import { Commands } from './commands';
import { FailedRun, JobStatus, Jobs } from './jobs';
import { Observed } from './observed';
import { SnapshotStatus } from './snapshots';
import { briefly } from '../../model/words';
import { momentOf } from '../../retention/plan';
import { inFlight } from '../../runner/breaker';
import { MAX_NOT_READY } from '../../runner/config';
import { NO_SNAPSHOT_API, readSnapshot } from '../../runner/resources';

/** What somebody should look at. */
export interface Attention {
  /** empty if it is of the whole cluster */
  readonly namespace: string;
  readonly object: string;
  readonly problem: string;
  /** what to do next */
  readonly remedy: string;
  /** by these, one after the other */
  readonly commands: readonly string[];
}

export interface AttentionInput {
  readonly observed: Observed;
  readonly jobs: Jobs;
  readonly claims: readonly ClaimStatus[];
  readonly commands: Commands;
  readonly now: number;
}

/** What needs attention: first what has no good snapshot, then what will have none. */
export function attentionOf(input: AttentionInput): Attention[] {
  const { claims, jobs, observed } = input;
  const ofClaims = claims.flatMap(claim => lackOf(claim, input));
  return [
    ...observed.noSnapshotApi ? [{ namespace: '', object: 'cluster', problem: 'no snapshot can be taken', remedy: NO_SNAPSHOT_API, commands: [] }] : [],
    ...ofClaims,
    ...jobs.broken.map(({ namespace, problem, title }) => ({ namespace, object: title, problem: `cannot run: ${problem}`, remedy: 'synthesize and apply it again', commands: [] })),
    ...jobs.jobs.flatMap(job => troubleOf(job, input)),
    ...jobs.failedAlone.map(run => failureOf(run, input)),
    ...claims.flatMap(claim => troubleOfSnapshots(claim, input)),
    ...observed.found.groups.flatMap(group => troubleOfGroup(group, input)),
  ];
}

const SECOND = 1000;
const HOUR = 3600 * SECOND;
/** A snapshot of which no schedule says how long it may take. */
const USUALLY_READY_WITHIN = 30 * 60;

// ---- claims

/** A claim that is there, or should be, and has no good snapshot that is as new as its schedule promises. */
function lackOf(row: ClaimStatus, { claims, commands, now }: AttentionInput): Attention[] {
  const { claim, namespace, newestGood, presence, schedule, snapshots } = row;
  if (schedule === undefined || presence === 'replaced' || (presence === 'gone' && snapshots.length > 0)) { return []; }
  // of a primary there may be none for ever, or an old one of the time before it was
  const isFresh = (moment: number) => schedule.staleAfter === undefined || (now - moment) / SECOND <= schedule.staleAfter;
  const hasFresh = (other: ClaimStatus) => other.schedule === schedule && other.newestGood !== undefined && isFresh(other.newestGood.moment);
  if (schedule.schedule?.config.quiesce?.on && claims.some(hasFresh)) { return []; }
  const tell = (problem: string, next = schedule.failure ? { remedy: 'see why its newest run failed' } : byHand): Attention[] =>
    [{ namespace, object: `claim ${namespace}/${claim}`, problem, commands: [], ...next }];
  const byHand = { remedy: 'take one at once', commands: [commands.start(namespace, schedule.name)] };
  if (presence === 'gone') {
    return tell(`is not there, and schedule ${schedule.name} is to snapshot it`, { remedy: 'correct the name, or take it out of the schedule' });
  }
  if (newestGood === undefined) {
    return tell(`has no good snapshot of schedule ${schedule.name}${snapshots.length > 0 ? `, of ${snapshots.length} that are there` : ''}`);
  }
  const age = (now - newestGood.moment) / SECOND;
  // of one that is suspended, that is what is to be said
  return schedule.staleAfter !== undefined && age > schedule.staleAfter && !schedule.suspended
    ? tell(`its newest good snapshot of schedule ${schedule.name} is ${briefly(age)} old, and if all were well it would be at most ${briefly(schedule.staleAfter)}`)
    : [];
}

// ---- CronJobs

function troubleOf(job: JobStatus, { commands, now }: AttentionInput): Attention[] {
  const { createdAt, failure, lastSuccess, name, namespace, running, suspended, work } = job;
  const tell = (problem: string, remedy: string, ...next: string[]): Attention =>
    ({ namespace, object: `CronJob ${namespace}/${name}`, problem, remedy, commands: next });
  const found: Attention[] = [];
  const success = lastSuccess === undefined ? 'no run has succeeded yet' : `the last success is ${briefly((now - lastSuccess) / SECOND)} ago`;
  if (failure) {
    const said = failure.message ?? 'what it said is gone, or could not be seen';
    const when = failure.at === undefined ? '' : ` ${briefly((now - failure.at) / SECOND)} ago`;
    const problem = `the newest run failed${when}, ${success}: ${said}`;
    found.push(failure.pod === undefined
      ? tell(problem, 'look at its Jobs', commands.describe(namespace, 'cronjob', name))
      : tell(problem, 'see its log, mend the cause, and run it again', commands.logs(namespace, failure.pod), commands.start(namespace, name)));
  }
  if (suspended && !job.byHand) {
    found.push(tell(`is suspended${work === 'schedule' ? ', so it takes no snapshots and prunes none' : ''}; ${success}`,
      'let it go on, unless it is meant so', commands.resume(namespace, name)));
  } else if (!failure && !running && job.staleAfter !== undefined && (now - (lastSuccess ?? createdAt)) / SECOND > job.staleAfter) {
    found.push(tell(`runs do not come: ${success}, and if all were well it would be at most ${briefly(job.staleAfter)}`,
      'find out why', commands.describe(namespace, 'cronjob', name)));
  }
  return found;
}

function failureOf({ failure, isRestore, name, namespace }: FailedRun, { commands, now }: AttentionInput): Attention {
  const logs = failure.pod === undefined ? [] : [commands.logs(namespace, failure.pod)];
  const problem = `the newest run failed ${briefly((now - failure.at) / SECOND)} ago: ${failure.message}`;
  return isRestore
    ? { namespace, object: `restore ${namespace}/${name}`, problem, remedy: 'see its log, mend the cause, and start it again', commands: [...logs, commands.start(namespace, name)] }
    : { namespace, object: `run ${namespace}/${name}`, problem, remedy: 'see its log, and mend the cause; an upgrade that waits for it does not go on', commands: logs };
}

// ---- snapshots

/** Of the snapshots of a claim that are newer than its newest good one: what does not get ready, and what is bad. Others matter if they do not go. */
function troubleOfSnapshots(row: ClaimStatus, input: AttentionInput): Attention[] {
  const { newestGood, schedule, snapshots } = row;
  const { commands, now } = input;
  const patience = schedule?.schedule?.config.readyTimeoutSeconds ?? USUALLY_READY_WITHIN;
  const newer = newestGood === undefined ? snapshots : snapshots.slice(0, snapshots.indexOf(newestGood));
  const tell = ({ name, namespace }: SnapshotStatus, problem: string, remedy = 'see its Events'): Attention[] =>
    [{ namespace, object: `snapshot ${namespace}/${name}`, problem, remedy, commands: [commands.describe(namespace, 'volumesnapshot', name)] }];
  const instead = newestGood === undefined ? 'no other is good' : `the newest good one is ${newestGood.name}, ${briefly((now - newestGood.moment) / SECOND)} old`;
  return [
    ...newer.flatMap(snapshot => {
      const { error, since = now, state, verified } = snapshot;
      const waited = briefly((now - since) / SECOND);
      if (state === 'ready') {
        return verified?.good === false ? tell(snapshot, `a drill restored it and found it bad; ${instead}`, 'do not rely on it: restore an older one beside, and find out what is wrong') : [];
      }
      if (state === 'failed') { return tell(snapshot, `is not ready after ${waited}; the storage says: ${error}`); }
      return state !== 'deleting' && now - since > patience * SECOND ? tell(snapshot, `is ${state} for ${waited}, and nobody says why`) : [];
    }),
    ...snapshots.flatMap(snapshot => {
      const { since = now, state } = snapshot;
      return state !== 'deleting' || now - since <= HOUR ? []
        : tell(snapshot, `is being deleted for ${briefly((now - since) / SECOND)}`, 'see by its finalizers what keeps it');
    }),
    ...circuitOf(row, input),
  ];
}

function circuitOf({ claim, schedule, snapshots }: ClaimStatus, { commands, now }: AttentionInput): Attention[] {
  const uid = snapshots.find(({ claimUid }) => claimUid !== undefined)?.claimUid;
  if (schedule === undefined || uid === undefined) { return []; }
  const waiting = inFlight(snapshots.map(({ facts }) => facts), uid, now).length;
  return waiting < (schedule.schedule?.config.maxNotReady ?? MAX_NOT_READY) ? [] : [{
    namespace: schedule.namespace,
    object: `claim ${schedule.namespace}/${claim}`,
    problem: `${waiting} of its snapshots are not ready, so schedule ${schedule.name} takes no more until one is`,
    remedy: 'repair the storage; a run by hand tries at once',
    commands: [commands.start(schedule.namespace, schedule.name)],
  }];
}

/** Members show nothing of a group that failed, since it has none. */
function troubleOfGroup(object: any, { commands, now }: AttentionInput): Attention[] {
  const { namespace = '', name } = object.metadata;
  const group = readSnapshot({ ...object, spec: {} });
  const waited = (now - momentOf(group, now)) / SECOND;
  if (group.ready || group.deleting || (group.error === undefined && waited < USUALLY_READY_WITHIN)) { return []; }
  return [{
    namespace,
    object: `group ${namespace}/${name}`,
    problem: `is not ready after ${briefly(waited)}; ${group.error === undefined ? 'nobody says why' : `the storage says: ${group.error}`}`,
    remedy: 'see its Events',
    commands: [commands.describe(namespace, 'volumegroupsnapshot', name)],
  }];
}
