import { Attention, attentionOf } from './attention';
import { ClaimStatus, readClaims } from './claims';
import { Commands, commandsFor } from './commands';
import { JobStatus, readJobs } from './jobs';
import { Cluster } from './kubectl';
import { Observed, Unseen } from './observed';
import { readSnapshots } from './snapshots';
import { KEYS } from '../../runner/config';

/** What is to be said of a cluster. */
export interface Status {
  readonly now: number;
  readonly attention: readonly Attention[];
  readonly unseen: readonly Unseen[];
  readonly claims: readonly ClaimStatus[];
  readonly jobs: readonly JobStatus[];
  /** nothing is about snapshots */
  readonly isEmpty: boolean;
  readonly commands: Commands;
  readonly wanted: Wanted;
}

/** Which part of it is wanted. */
export interface Wanted {
  readonly claim?: string;
  readonly schedule?: string;
}

export function statusOf(observed: Observed, cluster: Partial<Cluster>, wanted: Wanted, now: number): Status {
  const commands = commandsFor(cluster);
  const jobs = readJobs(observed);
  const timeZoneOf = (namespace: string, id: string | undefined) =>
    jobs.jobs.find(job => job.namespace === namespace && job.scheduleId === id)?.schedule?.config.retention.timeZone ?? 'UTC';
  const snapshots = readSnapshots(observed, { now, timeZoneOf });
  const claims = readClaims(observed, snapshots, jobs.jobs).filter(isWanted(wanted));
  const chosen = jobs.jobs.filter(job => isChosen(job, claims, wanted));
  const broken = isAll(wanted) ? jobs.broken : jobs.broken.filter(({ name }) => name === wanted.schedule);
  const failedAlone = isAll(wanted) ? jobs.failedAlone : jobs.failedAlone
    .filter(({ name }) => wanted.claim === undefined && name === wanted.schedule);
  return {
    now,
    attention: attentionOf({ observed: narrowed(observed, wanted), jobs: { jobs: chosen, broken, failedAlone }, claims, commands, now }),
    unseen: observed.unseen,
    claims,
    jobs: chosen,
    isEmpty: claims.length === 0 && chosen.length === 0 && broken.length === 0,
    commands,
    wanted,
  };
}

const isAll = ({ claim, schedule }: Wanted) => claim === undefined && schedule === undefined;

const isWanted = ({ claim, schedule }: Wanted) => (row: ClaimStatus) =>
  (claim === undefined || row.claim === claim) && (schedule === undefined || row.takenBy === schedule || row.schedule?.name === schedule);

/** With a claim go the schedules that snapshot it, and with a schedule what looks at its snapshots. */
function isChosen(job: JobStatus, claims: readonly ClaimStatus[], wanted: Wanted): boolean {
  return isAll(wanted) || claims.some(({ schedule }) => schedule === job)
    || (wanted.claim === undefined && (job.name === wanted.schedule || job.scheduleId === wanted.schedule));
}

/** Groups are of no single claim, and of a schedule by their label. */
function narrowed({ found, ...rest }: Observed, wanted: Wanted): Observed {
  const isIts = ({ metadata }: any) => wanted.claim === undefined && metadata.labels?.[KEYS.schedule] === wanted.schedule;
  return { ...rest, found: isAll(wanted) ? found : { ...found, groups: found.groups.filter(isIts) } };
}
