import { Calendar, calendarOf, Period, PERIOD_NAMES, PERIODS } from './calendar';
import { groupBy } from './groups';
import { heldBy, Holds } from './hold';

/** The rules of retention; a snapshot is kept if any of them keeps it. */
export interface RetentionRules extends Partial<Record<Period, number>> {
  readonly keepLast?: number;
  readonly keepForSeconds?: number;
  /** where days begin; UTC unless told otherwise */
  readonly timeZone?: string;
  /** so many ready snapshots of each claim stay, whatever the rules say */
  readonly minimumReady: number;
  /** so many of the newest that were restored and found good */
  readonly keepLastVerified?: number;
  /** application-consistent snapshots are never pushed out by such as are not */
  readonly consistentFirst?: boolean;
}

/** What retention needs to know of a snapshot. Times are milliseconds since 1970. */
export interface SnapshotFacts extends Holds {
  readonly name: string;
  /** tells claims apart: their uid, since names are used again */
  readonly claim: string;
  /** when the object was made */
  readonly createdAt: number;
  /** when the data was cut, if the storage said so */
  readonly cutAt?: number;
  readonly ready: boolean;
  readonly deleting: boolean;
  /** whether the application was held while it was cut */
  readonly consistent?: boolean;
  /** whether its data was restored, and found good */
  readonly verified?: boolean;
  /** whether its data was restored, and not found good */
  readonly isBad?: boolean;
  /** who needs it just now, in words */
  readonly inUse?: string;
}

/** What shall become of a snapshot, and why. */
export interface Decision<S extends SnapshotFacts = SnapshotFacts> {
  readonly snapshot: S;
  readonly action: 'keep' | 'delete';
  /** every rule that had a say, in words for the log */
  readonly reasons: string[];
  /** kept since people want it so */
  readonly held?: boolean;
}

/** A snapshot that never became ready is given up after this time even if none succeeded since. */
export const FAILED_GRACE_SECONDS = 24 * 3600;

// some drivers report no time of the cut, or the year 1970
const EARLIEST_PLAUSIBLE = Date.UTC(2000, 0, 1);
const CLOCKS_DIFFER_BY = 3_600_000;
// a driver that is down cuts late, but not by more than this
const LONGEST_WAIT = 7 * 24 * 3_600_000;

/**
 * The moment that a snapshot shows: the cut, or the object's creation if the driver does not say.
 * A cut in the future is the mark of a storage clock that is wrong; believed, it would outlive better ones.
 */
export function momentOf(snapshot: SnapshotFacts, now: number): number {
  const { cutAt, createdAt } = snapshot;
  return cutAt !== undefined && cutAt > EARLIEST_PLAUSIBLE && cutAt <= Math.min(now, createdAt + LONGEST_WAIT) + CLOCKS_DIFFER_BY ? cutAt : createdAt;
}

/**
 * Decides which of a schedule's snapshots go. Pure: the same input decides the
 * same, and nothing but ready snapshots that are not being deleted ever counts
 * as a restore point. For so many seconds as `awaitedFor` a run, perhaps another
 * one than this, may be waiting for a snapshot to be cut.
 */
export function plan<S extends SnapshotFacts>(snapshots: readonly S[], rules: RetentionRules, now: number, awaitedFor: number): Decision<S>[] {
  return [...groupBy(snapshots, ({ claim }) => claim).values()].flatMap(group => planClaim(group, rules, now, awaitedFor));
}

/** What is application-consistent competes with its like alone, the others with all; so the rules hold for either kind. */
function planClaim<S extends SnapshotFacts>(group: S[], rules: RetentionRules, now: number, awaitedFor: number): Decision<S>[] {
  const decisions = planPeers(group, rules, now, awaitedFor);
  if (!rules.consistentFirst) { return decisions; }
  const peers = planPeers(group.filter(({ consistent }) => consistent), rules, now, awaitedFor);
  const among = new Map(peers.map(decision => [decision.snapshot, decision]));
  return decisions.map(decision => among.get(decision.snapshot) ?? decision);
}

function planPeers<S extends SnapshotFacts>(group: S[], rules: RetentionRules, now: number, awaitedFor: number): Decision<S>[] {
  const calendar = calendarOf(rules.timeZone ?? 'UTC');
  const tiers = PERIODS.filter(period => rules[period] !== undefined).map(period => new Tier(period, rules[period] as number, calendar));
  let newerReady = 0;
  let newerGood = 0;
  let newerVerified = 0;
  return newestFirst(group, now).map(({ snapshot, moment }) => {
    const counts = snapshot.ready && !snapshot.deleting;
    // each tier must see each snapshot, whatever else keeps it
    const tierReasons = tiers.filter(tier => tier.keeps(moment, counts)).map(tier => tier.reason);
    const standing = { newerReady, newerGood, newerVerified, tierReasons, held: heldBy(snapshot, calendar, now), ageSeconds: (now - moment) / 1000 };
    if (counts) { newerReady += 1; }
    if (counts && !snapshot.isBad) { newerGood += 1; }
    if (counts && snapshot.verified) { newerVerified += 1; }
    return decide(snapshot, standing, rules, awaitedFor);
  });
}

/** Of those that were cut in the same second the one that was asked for later is the newer one; names break ties, so that the order of the list does not matter. */
function newestFirst<S extends SnapshotFacts>(group: S[], now: number): { snapshot: S; moment: number }[] {
  return group.map(snapshot => ({ snapshot, moment: momentOf(snapshot, now) }))
    .sort((a, b) => b.moment - a.moment || b.snapshot.createdAt - a.snapshot.createdAt || (a.snapshot.name < b.snapshot.name ? 1 : -1));
}

/** Keeps the newest snapshot of each of so many periods that have one; is asked newest first. */
class Tier {
  readonly reason: string;
  private readonly seen = new Set<number>();

  constructor(private readonly period: Period, private readonly most: number, private readonly calendar: Calendar) {
    this.reason = `newest of its ${PERIOD_NAMES[period]}, among the latest ${most}`;
  }

  /** What does not count, since it is not ready, is kept where it would be the newest, and takes no place. */
  keeps(moment: number, counts: boolean): boolean {
    if (this.seen.size >= this.most) { return false; }
    const number = this.calendar.numberOf(this.period, moment);
    if (this.seen.has(number)) { return false; }
    if (counts) { this.seen.add(number); }
    return true;
  }
}

/** How a snapshot stands among those of its claim. */
interface Standing {
  readonly newerReady: number;
  /** those of them that no drill has found bad */
  readonly newerGood: number;
  readonly newerVerified: number;
  readonly tierReasons: string[];
  readonly held?: string;
  readonly ageSeconds: number;
}

function decide<S extends SnapshotFacts>(snapshot: S, standing: Standing, rules: RetentionRules, awaitedFor: number): Decision<S> {
  const { newerReady, newerGood, newerVerified, tierReasons, held, ageSeconds } = standing;
  const keep = (...reasons: string[]): Decision<S> => ({ snapshot, action: 'keep', reasons });
  const drop = (...reasons: string[]): Decision<S> => ({ snapshot, action: 'delete', reasons });
  if (snapshot.deleting) { return keep('is being deleted already'); }
  if (held !== undefined) { return { ...keep(held), held: true }; }
  if (snapshot.inUse !== undefined) { return keep(snapshot.inUse); }

  const isCut = snapshot.ready || snapshot.cutAt !== undefined;
  if (!snapshot.ready && ageSeconds <= awaitedFor) { return keep(`not ${isCut ? 'ready' : 'cut'} yet, and a run may be waiting for it`); }
  if (!isCut) {
    if (newerReady > 0) { return drop('was never cut, and a newer one is ready'); }
    return ageSeconds > FAILED_GRACE_SECONDS
      ? drop(`was never cut in ${FAILED_GRACE_SECONDS / 3600} hours, and holds no data`)
      : keep('not cut yet');
  }
  const reasons = [...tierReasons];
  if (rules.keepLast !== undefined && newerReady < rules.keepLast) { reasons.push(`one of the newest ${rules.keepLast}`); }
  if (rules.keepLastVerified !== undefined && snapshot.verified && newerVerified < rules.keepLastVerified) {
    reasons.push(`one of the newest ${rules.keepLastVerified} that were verified`);
  }
  if (rules.keepForSeconds !== undefined && ageSeconds < rules.keepForSeconds) { reasons.push(`younger than ${inWords(rules.keepForSeconds)}`); }
  // what is known to be bad does not push out the last one that is good; nor do many of them pile up on it
  if (newerReady < rules.minimumReady) {
    reasons.push(`one of the newest ${rules.minimumReady} that are always kept`);
  } else if (!snapshot.isBad && newerGood < rules.minimumReady) {
    reasons.push(`one of the newest ${rules.minimumReady} that no drill found bad`);
  }
  if (!snapshot.ready && newerReady === 0) { reasons.push('cut, still being made ready, and none newer is ready'); }
  return reasons.length > 0 ? keep(...reasons) : drop(`no rule keeps it: ${newerReady} newer are ready, ${inWords(Math.floor(ageSeconds))} old`);
}

const UNITS: readonly [seconds: number, unit: string][] = [[86400, 'd'], [3600, 'h'], [60, 'm'], [1, 's']];

/** 90061 becomes '1d1h1m1s'. */
export function inWords(seconds: number): string {
  let rest = Math.max(0, Math.round(seconds));
  let words = '';
  for (const [size, unit] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) { words += `${count}${unit}`; }
  }
  return words || '0s';
}
