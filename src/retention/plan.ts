/** The rules of retention; a snapshot is kept if any of them keeps it. */
export interface RetentionRules {
  readonly keepLast?: number;
  readonly keepForSeconds?: number;
  /** so many ready snapshots of each claim stay, whatever the rules say */
  readonly minimumReady: number;
}

/** What retention needs to know of a snapshot. Times are milliseconds since 1970. */
export interface SnapshotFacts {
  readonly name: string;
  /** tells claims apart: their uid, since names are used again */
  readonly claim: string;
  /** when the object was made */
  readonly createdAt: number;
  /** when the data was cut, if the storage said so */
  readonly cutAt?: number;
  readonly ready: boolean;
  readonly deleting: boolean;
  /** why it must not be deleted, in words */
  readonly held?: string;
}

/** What shall become of a snapshot, and why. */
export interface Decision<S extends SnapshotFacts = SnapshotFacts> {
  readonly snapshot: S;
  readonly action: 'keep' | 'delete';
  /** every rule that had a say, in words for the log */
  readonly reasons: string[];
}

/** A snapshot that never became ready is given up after this time even if none succeeded since. */
export const FAILED_GRACE_SECONDS = 24 * 3600;

// some drivers report no time of the cut, or the year 1970
const EARLIEST_PLAUSIBLE = Date.UTC(2000, 0, 1);

/** The moment that a snapshot shows: the cut, or the object's creation if the driver does not say. */
export function momentOf(snapshot: SnapshotFacts): number {
  return snapshot.cutAt !== undefined && snapshot.cutAt > EARLIEST_PLAUSIBLE ? snapshot.cutAt : snapshot.createdAt;
}

/**
 * Decides which of a schedule's snapshots go. Pure: the same input decides the
 * same, and nothing but ready snapshots that are not being deleted ever counts
 * as a restore point. For so many seconds as `awaitedFor` a run, perhaps another
 * one than this, may be waiting for a snapshot to be cut.
 */
export function plan<S extends SnapshotFacts>(snapshots: readonly S[], rules: RetentionRules, now: number, awaitedFor: number): Decision<S>[] {
  const byClaim = new Map<string, S[]>();
  for (const snapshot of snapshots) {
    const group = byClaim.get(snapshot.claim);
    if (group) { group.push(snapshot); } else { byClaim.set(snapshot.claim, [snapshot]); }
  }
  return [...byClaim.values()].flatMap(group => planClaim(group, rules, now, awaitedFor));
}

function planClaim<S extends SnapshotFacts>(group: S[], rules: RetentionRules, now: number, awaitedFor: number): Decision<S>[] {
  // names break ties, so that the order of the list does not matter
  const newestFirst = [...group].sort((a, b) => momentOf(b) - momentOf(a) || (a.name < b.name ? 1 : -1));
  let newerReady = 0;
  return newestFirst.map(snapshot => {
    const decision = decide(snapshot, newerReady, rules, now, awaitedFor);
    if (snapshot.ready && !snapshot.deleting) { newerReady += 1; }
    return decision;
  });
}

function decide<S extends SnapshotFacts>(snapshot: S, newerReady: number, rules: RetentionRules, now: number, awaitedFor: number): Decision<S> {
  const keep = (...reasons: string[]): Decision<S> => ({ snapshot, action: 'keep', reasons });
  const drop = (...reasons: string[]): Decision<S> => ({ snapshot, action: 'delete', reasons });
  if (snapshot.deleting) { return keep('is being deleted already'); }
  if (snapshot.held !== undefined) { return keep(snapshot.held); }

  const ageSeconds = (now - momentOf(snapshot)) / 1000;
  if (!snapshot.ready && snapshot.cutAt === undefined) {
    if (ageSeconds <= awaitedFor) { return keep('not cut yet, and a run may be waiting for it'); }
    if (newerReady > 0) { return drop('was never cut, and a newer one is ready'); }
    return ageSeconds > FAILED_GRACE_SECONDS
      ? drop(`was never cut in ${FAILED_GRACE_SECONDS / 3600} hours, and holds no data`)
      : keep('not cut yet');
  }
  const reasons: string[] = [];
  if (rules.keepLast !== undefined && newerReady < rules.keepLast) { reasons.push(`one of the newest ${rules.keepLast}`); }
  if (rules.keepForSeconds !== undefined && ageSeconds < rules.keepForSeconds) { reasons.push(`younger than ${inWords(rules.keepForSeconds)}`); }
  if (newerReady < rules.minimumReady) { reasons.push(`one of the newest ${rules.minimumReady} that are always kept`); }
  if (!snapshot.ready && newerReady === 0) { reasons.push('cut, still being made ready, and none newer is ready'); }
  return reasons.length > 0 ? keep(...reasons) : drop(`no rule keeps it: ${newerReady} newer are ready, ${inWords(Math.floor(ageSeconds))} old`);
}

/** 90061 becomes '1d1h1m1s'. */
export function inWords(seconds: number): string {
  const parts: [number, string][] = [[86400, 'd'], [3600, 'h'], [60, 'm'], [1, 's']];
  let rest = Math.max(0, Math.round(seconds));
  const words = parts.map(([size, unit]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count > 0 ? `${count}${unit}` : '';
  }).join('');
  return words || '0s';
}
