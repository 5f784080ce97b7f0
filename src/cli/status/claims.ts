import { JobStatus } from './jobs';
import { KINDS, Looked, Observed } from './observed';
import { isGood, SnapshotStatus } from './snapshots';
import { Claim, claimsIn, namesCovered } from '../../model/claims';
import { manifestsIn } from '../../model/manifest';
import { compareText } from '../../model/words';
import { groupBy } from '../../retention/groups';

/** Whether a claim is there; `replaced`: another one has its name; `unknown`: claims could not be seen. */
export type Presence = 'there' | 'gone' | 'replaced' | 'unknown';

/** The snapshots of a claim that one schedule, or none, has taken. */
export interface ClaimStatus {
  readonly namespace: string;
  /** empty if a snapshot does not say of which claim it is */
  readonly claim: string;
  readonly presence: Presence;
  readonly takenBy?: string;
  /** the schedule that takes them, if it is there */
  readonly schedule?: JobStatus;
  /** what a restore takes; absent if there is none */
  readonly newestGood?: SnapshotStatus;
  /** the newest first */
  readonly snapshots: readonly SnapshotStatus[];
}

/** What there is of each claim: also of those that are gone, and of those that a schedule covers and of which there is nothing. */
export function readClaims(observed: Observed, snapshots: readonly SnapshotStatus[], jobs: readonly JobStatus[]): ClaimStatus[] {
  const objects = observed.found.claims;
  const uids = new Map(objects.map(({ metadata }) => [keyOf(metadata.namespace, metadata.name), metadata.uid]));
  const isSeen = (kind: Looked) => !observed.unseen.some(({ looked }) => looked === kind);
  const known = isSeen('claims');
  const presenceOf = (namespace: string, name: string, uid: string | undefined): Presence => {
    if (!known) { return 'unknown'; }
    const found = uids.get(keyOf(namespace, name));
    return found === undefined ? 'gone' : uid === undefined || uid === found ? 'there' : 'replaced';
  };
  const schedules = jobs.filter(({ scheduleId }) => scheduleId !== undefined);
  // an imported one may know the name alone
  const whose = ({ claimName, claimUid, namespace }: SnapshotStatus) => (presenceOf(namespace, claimName, claimUid) === 'there' ? 'there' : claimUid);
  const taken = [...groupBy(snapshots, each => keyOf(each.namespace, each.takenBy, each.claimName, whose(each))).values()].map((own): ClaimStatus => {
    const [{ claimName, claimUid, namespace, takenBy }] = own;
    return {
      namespace,
      claim: claimName,
      presence: presenceOf(namespace, claimName, claimUid),
      takenBy,
      schedule: schedules.find(job => job.namespace === namespace && job.scheduleId === takenBy),
      newestGood: own.find(isGood),
      snapshots: own,
    };
  });
  const isTaken = (job: JobStatus, name: string) => taken.some(each => each.schedule === job && each.claim === name && each.presence !== 'replaced');
  const claims = claimsIn(objects.map(object => ({ kind: KINDS.claims.kind, apiVersion: 'v1', ...object })).flatMap(manifestsIn));
  // who cannot see snapshots does not know that there is none
  const missing = !isSeen('snapshots') ? [] : schedules.flatMap(schedule => {
    const { namespace, scheduleId } = schedule;
    return coveredBy(schedule, claims).filter(name => !isTaken(schedule, name)).map((name): ClaimStatus =>
      ({ namespace, claim: name, presence: presenceOf(namespace, name, undefined), takenBy: scheduleId, schedule, snapshots: [] }));
  });
  const orderOf = ({ claim, namespace, takenBy }: ClaimStatus) => keyOf(namespace, claim, takenBy);
  return [...taken, ...missing].sort((a, b) => compareText(orderOf(a), orderOf(b)));
}

const keyOf = (...parts: (string | undefined)[]) => parts.join('\n');

/** Those that its selections find now, and those that they name. */
function coveredBy({ namespace, schedule }: JobStatus, claims: readonly Claim[]): string[] {
  const selections = schedule?.config.claims ?? [];
  const near = claims.filter(claim => claim.namespace === namespace);
  // a member of a set that is scaled in may be gone
  const named = selections.flatMap(selection => (selection.kind === 'Claim' && selection.statefulSet === undefined ? [selection.name] : []));
  return [...new Set([...named, ...selections.flatMap(selection => near.flatMap(claim => namesCovered(selection, claim)))])];
}
