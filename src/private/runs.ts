import { CronSchedule } from './cron';
import { calendarOf } from '../retention/calendar';

type Fields = Extract<CronSchedule, { readonly kind: 'fields' }>;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
/** How far back the CronJob controller looks for a run: the startingDeadlineSeconds of a schedule, unless it runs each minute. */
const LOOKED_BACK = HOUR;
/** So long before and after a change of clocks, a schedule may do what it never does else. */
const NEAR = 4 * HOUR;

/** A scheduled time of which a change of clocks makes none, or two. */
export interface ClockEffect {
  readonly effect: 'skipped' | 'doubled';
  /** as clocks show it: 2027-03-28 */
  readonly date: string;
  /** as clocks show it: 02:15 */
  readonly time: string;
  /** what clocks show just before they are changed, and just after: 02:00 and 03:00 */
  readonly clocks: readonly [string, string];
  /** by how much they are changed, in milliseconds */
  readonly shift: number;
}

/**
 * The moments at which a CronJob starts its Jobs, from the first one on and before
 * the last one: what its controller makes of robfig/cron, oddities included. With
 * @every they are counted from the first moment, as if the CronJob were made then.
 */
export function runsOf(schedule: CronSchedule, timeZone: string, from: number, to: number): number[] {
  return schedule.kind === 'every' ? everyRuns(schedule.seconds, from, to) : fieldRuns(patternOf(schedule), zoneOf(timeZone), from, to);
}

/** Jobs are named by the minute, so there is one a minute at most. */
function everyRuns(seconds: number, from: number, to: number): number[] {
  const runs: number[] = [];
  const step = seconds * SECOND;
  for (let run = from; run < to;) {
    runs.push(run);
    const nextMinute = (Math.floor(run / MINUTE) + 1) * MINUTE;
    run += step * Math.max(1, Math.ceil((nextMinute - run) / step));
  }
  return runs;
}

function fieldRuns(pattern: Pattern, zone: Zone, from: number, to: number): number[] {
  const runs: number[] = [];
  for (let asked = from - SECOND; ;) {
    const change = zone.nextChange(asked - NEAR, to + NEAR)?.at ?? Infinity;
    const calmUntil = Math.min(change - NEAR, to);
    if (asked < calmUntil) {
      // most of the time clocks just go on, and what matches runs
      for (const run of matching(pattern, zone.offsetAt(asked), asked, calmUntil)) { runs.push(run); }
      asked = Math.max(asked, runs[runs.length - 1] ?? asked);
      if (calmUntil === to) { return runs; }
    }
    const run = nextRun(pattern, zone, asked);
    if (run === undefined || run >= to) { return runs; }
    if (starts(pattern, zone, run, runs[runs.length - 1])) { runs.push(run); }
    // the search may find the same again, and the controller then sleeps until something wakes it
    asked = run > asked ? run : asked + HOUR;
  }
}

/**
 * Whether the controller, woken up for a run, finds it: it searches anew, from the last
 * run or from as long ago as a run may be late, and wants a later one to follow. Where
 * clocks change, the search may end elsewhere.
 */
function starts(pattern: Pattern, zone: Zone, run: number, last = -Infinity): boolean {
  let found = Math.max(last, run - LOOKED_BACK);
  do {
    const next = nextRun(pattern, zone, found);
    if (next === undefined || next <= found) { return false; }
    found = next;
  } while (found < run);
  return found === run && (nextRun(pattern, zone, run) ?? Infinity) > run;
}

/** The fields of a schedule, made to be asked. */
interface Pattern {
  readonly minutes: Set<number>;
  readonly hours: Set<number>;
  readonly months: Set<number>;
  /** the times of a day, in milliseconds */
  readonly times: number[];
  /** dates are local times as if they were UTC */
  isOnDay(local: Date): boolean;
}

export function patternOf({ minutes, hours, daysOfMonth, months, daysOfWeek, anyDayOfMonth, anyDayOfWeek }: Fields): Pattern {
  const [dates, weekdays] = [new Set(daysOfMonth), new Set(daysOfWeek)];
  return {
    minutes: new Set(minutes),
    hours: new Set(hours),
    months: new Set(months),
    times: hours.flatMap(hour => minutes.map(minute => hour * HOUR + minute * MINUTE)),
    isOnDay(local) {
      const [onDate, onWeekday] = [dates.has(local.getUTCDate()), weekdays.has(local.getUTCDay())];
      return anyDayOfMonth || anyDayOfWeek ? onDate && onWeekday : onDate || onWeekday;
    },
  };
}

/** The moments after one and before another whose local time matches, where no clock is changed in between. */
function matching(pattern: Pattern, offset: number, after: number, before: number): number[] {
  const moments: number[] = [];
  for (let day = Math.floor((after + offset) / DAY) * DAY; day - offset < before; day += DAY) {
    const date = new Date(day);
    if (!pattern.months.has(date.getUTCMonth() + 1) || !pattern.isOnDay(date)) { continue; }
    for (const time of pattern.times) {
      const moment = day + time - offset;
      if (moment > after && moment < before) { moments.push(moment); }
    }
  }
  return moments;
}

/**
 * The first run after a moment, as Next of robfig/cron v3.0.1 finds it, which is not
 * always the first moment that matches; undefined if there is none within five years.
 *
 * @see https://github.com/robfig/cron/blob/v3.0.1/spec.go
 */
export function nextRun(pattern: Pattern, zone: Zone, after: number): number | undefined {
  const search = new Search(pattern, zone, after + SECOND);
  const lastYear = search.year() + 5;
  while (search.year() <= lastYear) {
    if (search.month() && search.day() && search.hour() && search.minute() && search.second()) { return search.moment; }
  }
  return undefined;
}

/** Moves on, a field at a time, until all match; a method that answers false has passed into the next larger unit, and all is to be looked at again. */
class Search {
  /** from the first move on, what is smaller is at its beginning already */
  private moved = false;

  constructor(private readonly pattern: Pattern, private readonly zone: Zone, public moment: number) {}

  year(): number { return this.local().getUTCFullYear(); }

  month(): boolean {
    while (!this.pattern.months.has(this.local().getUTCMonth() + 1)) {
      this.startWith(local => Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), 1));
      const next = this.local();
      next.setUTCMonth(next.getUTCMonth() + 1);
      this.moment = this.zone.momentOf(next.getTime());
      if (this.local().getUTCMonth() === 0) { return false; }
    }
    return true;
  }

  day(): boolean {
    while (!this.pattern.isOnDay(this.local())) {
      this.startWith(local => Math.floor(local.getTime() / DAY) * DAY);
      this.moment = this.zone.momentOf(this.local().getTime() + DAY);
      // a day may have no midnight; where it begins at one o'clock, this goes back to the day before, and the day is passed over
      const hour = this.hourShown();
      if (hour !== 0) { this.moment += (hour > 12 ? 24 - hour : -hour) * HOUR; }
      if (this.local().getUTCDate() === 1) { return false; }
    }
    return true;
  }

  hour(): boolean {
    while (!this.pattern.hours.has(this.hourShown())) {
      this.startWith(local => Math.floor(local.getTime() / HOUR) * HOUR);
      this.moment += HOUR;
      if (this.hourShown() === 0) { return false; }
    }
    return true;
  }

  minute(): boolean {
    while (!this.pattern.minutes.has(this.minuteShown())) {
      if (!this.moved) { this.moment -= this.moment % MINUTE; }
      this.moved = true;
      this.moment += MINUTE;
      if (this.minuteShown() === 0) { return false; }
    }
    return true;
  }

  second(): boolean {
    const rest = this.moment % MINUTE;
    if (rest === 0) { return true; }
    this.moved = true;
    this.moment += MINUTE - rest;
    return false;
  }

  private local(): Date { return new Date(this.shown()); }

  // a Date for each minute would take most of the time
  private hourShown(): number { return Math.floor(this.shown() / HOUR) % 24; }

  private minuteShown(): number { return Math.floor(this.shown() / MINUTE) % 60; }

  private shown(): number { return this.moment + this.zone.offsetAt(this.moment); }

  private startWith(beginning: (local: Date) => number): void {
    if (this.moved) { return; }
    this.moved = true;
    this.moment = this.zone.momentOf(beginning(this.local()));
  }
}

/** The scheduled times which a change of clocks skips or doubles. */
export function clockChanges(schedule: CronSchedule, timeZone: string, from: number, to: number): ClockEffect[] {
  if (schedule.kind === 'every') { return []; }
  const zone = zoneOf(timeZone);
  const effects: ClockEffect[] = [];
  const pattern = patternOf(schedule);
  const runs = runsOf(schedule, timeZone, from, to);
  for (let change = zone.nextChange(from, to); change; change = zone.nextChange(change.at, to)) {
    // the local days around it, as if they were in UTC
    const first = Math.floor((change.at - SECOND + change.before) / DAY) * DAY;
    const end = Math.floor((change.at + change.after) / DAY + 1) * DAY;
    const shown = runs.filter(run => run >= first - DAY && run < end + DAY).map(run => run + zone.offsetAt(run));
    for (const local of matching(pattern, 0, first - SECOND, end)) {
      const times = shown.filter(each => each === local).length;
      if (times === 1) { continue; }
      const [date, time] = inWords(local);
      const clocks = [inWords(change.at + change.before)[1], inWords(change.at + change.after)[1]] as const;
      effects.push({ effect: times === 0 ? 'skipped' : 'doubled', date, time, clocks, shift: Math.abs(change.after - change.before) });
    }
  }
  return effects;
}

function inWords(local: number): [string, string] {
  const text = new Date(local).toISOString();
  return [text.slice(0, 10), text.slice(11, 16)];
}

interface Change {
  /** the first moment of the new time */
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

/** How the clocks of a place are changed. */
export interface Zone {
  offsetAt(moment: number): number;
  /** the moment at which clocks show this; where that is none or two, the one that Go chooses */
  momentOf(local: number): number;
  /** the first change after a moment and before another one */
  nextChange(after: number, before: number): Change | undefined;
}

const zones = new Map<string, Zone>();

export function zoneOf(timeZone: string): Zone {
  const known = zones.get(timeZone);
  if (known) { return known; }
  const made = makeZone(timeZone);
  zones.set(timeZone, made);
  return made;
}

function makeZone(timeZone: string): Zone {
  const calendar = calendarOf(timeZone);
  const weeks = new Map<number, Change>();
  // in most weeks nothing changes; in the others, look for the moment once
  const inWeek = (week: number): Change => {
    const known = weeks.get(week);
    if (known) { return known; }
    const [before, after] = [calendar.offsetAt(week * WEEK), calendar.offsetAt((week + 1) * WEEK)];
    const at = before === after ? Infinity : firstWhere(week * WEEK, (week + 1) * WEEK, moment => calendar.offsetAt(moment) !== before);
    const found = { at, before, after };
    weeks.set(week, found);
    return found;
  };
  const offsetAt = (moment: number) => {
    const change = inWeek(Math.floor(moment / WEEK));
    return moment < change.at ? change.before : change.after;
  };
  return {
    offsetAt,
    momentOf(local) {
      const offset = offsetAt(local);
      return offset === 0 ? local : local - offsetAt(local - offset);
    },
    nextChange(after, before) {
      for (let week = Math.floor(after / WEEK); week * WEEK < before; week += 1) {
        const change = inWeek(week);
        if (change.at > after && change.at < before) { return change; }
      }
      return undefined;
    },
  };
}

/** The first second from which something is true, if it stays so. */
function firstWhere(from: number, to: number, isTrue: (moment: number) => boolean): number {
  let [no, yes] = [from / SECOND, to / SECOND];
  while (yes - no > 1) {
    const middle = Math.floor((no + yes) / 2);
    if (isTrue(middle * SECOND)) { yes = middle; } else { no = middle; }
  }
  return yes * SECOND;
}
