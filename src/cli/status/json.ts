import { ClaimStatus } from './claims';
import { JobStatus } from './jobs';
import { KINDS } from './observed';
import { isGood, SnapshotStatus } from './snapshots';
import { Status } from './status';

/** The status for programs: moments by RFC 3339, all else that is a time in seconds. */
export function statusInJson({ attention, claims, jobs, now, unseen }: Status): string {
  return JSON.stringify({
    now: time(now),
    attention,
    unseen: unseen.map(({ looked, why }) => ({ kind: KINDS[looked].kind, why })),
    cronJobs: jobs.map(jobInJson),
    claims: claims.map(claim => claimInJson(claim, now)),
  }, null, 2);
}

const time = (moment: number | undefined) => (moment === undefined ? undefined : new Date(moment).toISOString());

function jobInJson(job: JobStatus): object {
  const { byHand, dryRun, expression, failure, lastSuccess, name, namespace, restore, running, scheduleId, suspended, timeZone, work } = job;
  return {
    namespace,
    name,
    work,
    scheduleId,
    schedule: byHand ? undefined : expression,
    timeZone,
    suspended,
    dryRun,
    running,
    lastSuccess: time(lastSuccess),
    failure: failure && { at: time(failure.at), pod: failure.pod, message: failure.message },
    staleAfterSeconds: job.staleAfter,
    restoredBy: restore,
  };
}

function claimInJson({ claim, namespace, newestGood, presence, snapshots, takenBy }: ClaimStatus, now: number): object {
  return {
    namespace,
    name: claim,
    presence,
    scheduleId: takenBy,
    newestGood: newestGood && { name: newestGood.name, cutAt: time(newestGood.moment), ageSeconds: ageOf(newestGood, now) },
    snapshots: snapshots.map(snapshot => snapshotInJson(snapshot, now)),
  };
}

const ageOf = ({ moment }: SnapshotStatus, now: number) => Math.round((now - moment) / 1000);

function snapshotInJson(snapshot: SnapshotStatus, now: number): object {
  const { claimUid, consistency, createdAt, cutAt, error, group, held, name, origin, restoredTo, since, size, state, verified } = snapshot;
  return {
    name,
    claimUid,
    createdAt: time(createdAt),
    cutAt: time(cutAt),
    ageSeconds: ageOf(snapshot, now),
    good: isGood(snapshot),
    state,
    since: time(since),
    error,
    restoreSize: size,
    consistency,
    verified: verified && { good: verified.good, at: time(verified.at), recoverySeconds: verified.recoverySeconds },
    held,
    group,
    origin,
    restoredTo,
  };
}
