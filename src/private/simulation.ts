import { CronSchedule, shortestInterval } from './cron';
import { runsOf, zoneOf } from './runs';
import { calendarOf, Period, PERIODS } from '../retention/calendar';
import { RetentionRules } from '../retention/plan';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;
/** No clock: what is previewed is the year before this moment, or three runs if they are further apart. */
const END = Date.UTC(2028, 0, 1);
/** How many years of runs lie behind the previewed one at most. */
export const LONGEST_HISTORY_YEARS = 30;
/** A run prunes when its own snapshot is ready. */
const PRUNED_AFTER = MINUTE;
const BANDS = [HOUR, DAY, 7 * DAY, 30 * DAY, 90 * DAY, YEAR, 3 * YEAR, 7 * YEAR];

export type Rule = 'keepLast' | 'keepFor' | Period;

/** The most that is lost if damage is noticed within a time, both in milliseconds. */
export interface Loss {
  readonly noticedWithin: number;
  readonly loss: number;
}

/** What a policy comes to on a schedule whose runs all succeed, for each claim. Times are in milliseconds. */
export interface Simulation {
  /** with the one that is being taken, before the others are pruned */
  readonly most: number;
  readonly fewest: number;
  /** the age of the oldest snapshot, just after a run, when it is least */
  readonly reach: number;
  readonly losses: Loss[];
  /** rules that keep nothing which the others do not keep */
  readonly pointless: Rule[];
  /** how many different hours, days, … have a run, of so many runs */
  readonly periods: Readonly<Record<Period, number>>;
  readonly runs: number;
  /** whether the rules reach further back than the simulation */
  readonly capped: boolean;
  /** the least age at which a snapshot is pruned; Infinity if none is */
  readonly soonestPrune: number;
  /** the greatest age at which a snapshot is pruned, or that one has which is not pruned */
  readonly longestKept: number;
}

const simulations = new Map<string, Simulation>();

/**
 * Simulates retention run by run. It does not ask `plan`, which would look at every
 * snapshot again at every run: rules are a union, and what goes does not come back, so
 * the run that ends each snapshot's life is found rule by rule. Tests compare it with `plan`.
 */
export function simulate(rules: RetentionRules, schedule: CronSchedule): Simulation {
  const key = JSON.stringify([rules, schedule]);
  const known = simulations.get(key);
  if (known) { return known; }
  const made = simulateAnew(rules, schedule);
  simulations.set(key, made);
  return made;
}

/** The time whose runs are looked at: from when, and until when. */
export function sampleOf(schedule: CronSchedule): [from: number, to: number] {
  return [END - Math.max(YEAR, 3 * shortestInterval(schedule) * 1000), END];
}

function simulateAnew(rules: RetentionRules, schedule: CronSchedule): Simulation {
  const timeZone = rules.timeZone ?? 'UTC';
  const [start, end] = sampleOf(schedule);
  const span = end - start;
  const sample = runsOf(schedule, timeZone, start, end);
  const periods = Object.fromEntries(PERIODS.map(period => [period, countOf(period, sample, timeZone)])) as Record<Period, number>;

  // what a schedule does in its sample it did before, if not evenly: one more than is needed holds all
  const spans = Math.ceil(Math.max(...sharesOf(rules, span, sample.length, periods)));
  const most = Math.ceil(LONGEST_HISTORY_YEARS * YEAR / span);
  const all = runsOf(schedule, timeZone, start - (1 + Math.min(spans, most)) * span, end);
  const moments = sample.length > span / HOUR ? thinned(all, start - denseSpan(rules, span, sample.length), timeZone) : all;

  const ends = endsOf(rules, moments, timeZone);
  const first = moments.findIndex(moment => moment >= start);
  return {
    ...replay(moments, first, latest([...ends.values()], moments.length)),
    pointless: pointless(ends, rules.minimumReady, moments.length, first),
    periods,
    runs: sample.length,
    capped: spans > most,
    ...agesAtEnd(moments, first, latest([...ends.values()], moments.length)),
  };
}

/** How often the length of the sample goes into what each rule keeps. */
function sharesOf(rules: RetentionRules, span: number, runs: number, periods: Record<Period, number>): number[] {
  return [
    ...PERIODS.map(period => (rules[period] ?? 0) / Math.max(1, periods[period])),
    Math.max(rules.keepLast ?? 0, rules.minimumReady) / Math.max(1, runs),
    (rules.keepForSeconds ?? 0) * 1000 / span,
  ];
}

/** How long before the sample a snapshot may be kept that is not the last of its hour. */
function denseSpan(rules: RetentionRules, span: number, runs: number): number {
  // one year has a few runs more than another
  const byNumber = Math.ceil(Math.max(rules.keepLast ?? 0, rules.minimumReady) / runs + 0.1) * span;
  return Math.max(byNumber, (rules.keepForSeconds ?? 0) * 1000);
}

/** Leaves out, of the runs before a moment, those that are not the last of their hour: tiers keep no other. */
function thinned(moments: number[], before: number, timeZone: string): number[] {
  const hours = ordinalsOf('hourly', moments, timeZone);
  return moments.filter((moment, i) => moment >= before || hours[i] !== hours[i + 1]);
}

function countOf(period: Period, moments: number[], timeZone: string): number {
  return moments.length === 0 ? 0 : ordinalsOf(period, moments, timeZone)[moments.length - 1] + 1;
}

/** Counts the periods that have a run: 0 for the runs of the first, 1 for those of the next, and so on. */
function ordinalsOf(period: Period, moments: number[], timeZone: string): Int32Array {
  const calendar = calendarOf(timeZone);
  const { offsetAt } = zoneOf(timeZone);
  const unit = period === 'hourly' ? HOUR : DAY;
  const ordinals = new Int32Array(moments.length);
  let [ordinal, number, offset, place] = [-1, NaN, NaN, NaN];
  moments.forEach((moment, i) => {
    const offsetNow = offsetAt(moment);
    const placeNow = Math.floor((moment + offsetNow) / unit);
    // within a day of the same offset, all periods but the hour go on
    if (placeNow !== place || offsetNow !== offset) {
      const numberNow = calendar.numberOf(period, moment);
      if (numberNow !== number) { ordinal += 1; }
      [number, offset, place] = [numberNow, offsetNow, placeNow];
    }
    ordinals[i] = ordinal;
  });
  return ordinals;
}

/** For each rule, and each run's snapshot, the run that would prune it if the rule were alone; the number of runs, or more, if none does. */
function endsOf(rules: RetentionRules, moments: number[], timeZone: string): Map<Rule | 'minimumReady', Int32Array> {
  const ends = new Map<Rule | 'minimumReady', Int32Array>([['minimumReady', endsByNumber(rules.minimumReady, moments)]]);
  if (rules.keepLast !== undefined) { ends.set('keepLast', endsByNumber(rules.keepLast, moments)); }
  for (const period of PERIODS) {
    const count = rules[period];
    if (count !== undefined) { ends.set(period, endsByPeriod(count, ordinalsOf(period, moments, timeZone))); }
  }
  if (rules.keepForSeconds !== undefined) { ends.set('keepFor', endsByAge(rules.keepForSeconds * 1000, moments)); }
  return ends;
}

function endsByNumber(count: number, moments: number[]): Int32Array {
  return numbers(moments.length, i => i + count);
}

function endsByAge(age: number, moments: number[]): Int32Array {
  let end = 0;
  return numbers(moments.length, i => {
    while (end < moments.length && moments[end] + PRUNED_AFTER - moments[i] < age) { end += 1; }
    return end;
  });
}

/** The last of a period stays until so many other periods have begun; the others go when the next comes. */
function endsByPeriod(count: number, ordinals: Int32Array): Int32Array {
  const firsts: number[] = [];
  ordinals.forEach((ordinal, i) => { firsts[ordinal] ??= i; });
  return numbers(ordinals.length, i => ordinals[i + 1] === ordinals[i] ? i + 1 : firsts[ordinals[i] + count] ?? ordinals.length);
}

function latest(ends: Int32Array[], length: number): Int32Array {
  return numbers(length, i => {
    let last = 0;
    for (const each of ends) { last = Math.max(last, each[i]); }
    return last;
  });
}

function numbers(length: number, numberOf: (i: number) => number): Int32Array {
  const made = new Int32Array(length);
  for (let i = 0; i < length; i++) { made[i] = numberOf(i); }
  return made;
}

/** The rules that may be left out, one after the other; the finest first, since that is the one to leave out of two that do the same. */
function pointless(ends: Map<Rule | 'minimumReady', Int32Array>, minimumReady: number, length: number, first: number): Rule[] {
  const left = new Map(ends);
  // that the last one stays is no reason not to ask for it
  if (minimumReady <= 1) { left.delete('minimumReady'); }
  return [...ends.keys()].filter((rule): rule is Rule => {
    if (rule === 'minimumReady') { return false; }
    const own = left.get(rule) as Int32Array;
    left.delete(rule);
    const others = latest([...left.values()], length);
    const matters = own.some((end, i) => Math.min(end, length) > Math.max(others[i], first));
    if (matters) { left.set(rule, own); }
    return !matters;
  });
}

/** The ages of snapshots when the runs of the sample prune them. */
function agesAtEnd(moments: number[], first: number, ends: Int32Array): Pick<Simulation, 'soonestPrune' | 'longestKept'> {
  let [soonestPrune, longestKept] = [Infinity, 0];
  moments.forEach((moment, i) => {
    if (ends[i] < first) { return; }
    if (ends[i] < moments.length) { soonestPrune = Math.min(soonestPrune, moments[ends[i]] - moment); }
    longestKept = Math.max(longestKept, moments[Math.min(ends[i], moments.length - 1)] - moment);
  });
  return { soonestPrune, longestKept };
}

/** Lets the runs happen: each adds a snapshot, then prunes those whose life it ends. */
function replay(moments: number[], first: number, ends: Int32Array): Pick<Simulation, 'most' | 'fewest' | 'reach' | 'losses'> {
  const shelf = new Shelf(ends);
  let [most, fewest, reach] = [0, Infinity, Infinity];
  const gaps = new Gaps();
  // the loss of the last run is known when the next one comes
  for (let i = 0; i < moments.length - 1; i++) {
    const of = shelf.size + 1;
    const joined = shelf.add(i);
    if (i < first) { continue; }
    most = Math.max(most, of);
    fewest = Math.min(fewest, shelf.size);
    reach = Math.min(reach, shelf.size === 0 ? 0 : moments[i] - moments[shelf.oldest()]);
    const seenAt = moments[i] + PRUNED_AFTER;
    for (const older of i === first ? shelf.all() : joined) {
      const newer = shelf.newerThan(older);
      if (newer !== undefined) { gaps.add(seenAt - moments[newer], moments[newer] - moments[older]); }
    }
    gaps.add(0, moments[i + 1] - moments[i]);
  }
  if (most === 0) { return { most: 0, fewest: 0, reach: 0, losses: [] }; }
  return { most, fewest, reach, losses: lossesOf(gaps, reach) };
}

function lossesOf(gaps: Gaps, reach: number): Loss[] {
  const bands = [...BANDS.filter(band => band < reach), ...reach > 0 ? [reach] : []];
  return bands.map(noticedWithin => ({ noticedWithin, loss: gaps.greatestWithin(noticedWithin) }));
}

/** What lies between two restore points, or one and the moment before the next run: damage there costs all since the older one. */
class Gaps {
  /** by size, the least age of a gap's newer end */
  private readonly youngest = new Map<number, number>();

  add(age: number, size: number): void {
    if (age < (this.youngest.get(size) ?? Infinity)) { this.youngest.set(size, age); }
  }

  greatestWithin(time: number): number {
    return Math.max(...[...this.youngest].filter(([, age]) => age < time).map(([size]) => size));
  }
}

/** The snapshots that exist, in the order of their age; they are known by the number of their run. */
class Shelf {
  size = 0;
  private newest = -1;
  private readonly older: Int32Array;
  private readonly newer: Int32Array;
  /** those that end with a run, as a chain */
  private readonly endWith: Int32Array;
  private readonly sameEnd: Int32Array;
  private first = -1;

  constructor(private readonly ends: Int32Array) {
    [this.older, this.newer, this.endWith, this.sameEnd] = Array.from({ length: 4 }, () => new Int32Array(ends.length).fill(-1));
  }

  /** Adds the snapshot of a run and takes away those that end with it; tells which have another neighbour on their newer side now. */
  add(run: number): number[] {
    this.link(this.newest, run);
    this.newest = run;
    this.size += 1;
    const end = this.ends[run];
    if (end < this.ends.length) {
      this.sameEnd[run] = this.endWith[end];
      this.endWith[end] = run;
    }
    const joined: number[] = [];
    for (let gone = this.endWith[run]; gone !== -1; gone = this.sameEnd[gone]) {
      joined.push(this.remove(gone));
    }
    return joined.filter(older => older !== -1 && this.ends[older] > run);
  }

  oldest(): number { return this.first; }

  newerThan(snapshot: number): number | undefined {
    return this.newer[snapshot] === -1 ? undefined : this.newer[snapshot];
  }

  all(): number[] {
    const all: number[] = [];
    for (let each = this.first; each !== -1; each = this.newer[each]) { all.push(each); }
    return all;
  }

  /** Tells which one is next to it on its older side. */
  private remove(gone: number): number {
    const older = this.older[gone];
    this.link(older, this.newer[gone]);
    if (gone === this.newest) { this.newest = older; }
    this.size -= 1;
    return older;
  }

  private link(older: number, newer: number): void {
    if (older === -1) { this.first = newer; } else { this.newer[older] = newer; }
    if (newer !== -1) { this.older[newer] = older; }
  }
}
