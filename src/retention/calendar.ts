/** The periods of which a rule keeps the newest snapshot each. */
export const PERIODS = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
export type Period = typeof PERIODS[number];

/** What a period is called in the log. */
export const PERIOD_NAMES: { readonly [period in Period]: string } = {
  hourly: 'hour', daily: 'day', weekly: 'week', monthly: 'month', yearly: 'year',
};

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;

/** Numbers the hours, days, weeks, months and years of a time zone. */
export interface Calendar {
  /** the number of the period that a moment lies in; moments of one period have the same */
  numberOf(period: Period, moment: number): number;
  /** how far the clocks of the zone are ahead of UTC, in milliseconds */
  offsetAt(moment: number): number;
}

const calendars = new Map<string, Calendar>();

/** The calendar of an IANA time zone; days begin at its midnight, weeks on Monday as in ISO 8601. */
export function calendarOf(timeZone: string): Calendar {
  const known = calendars.get(timeZone);
  if (known) { return known; }
  const made = makeCalendar(timeZone);
  calendars.set(timeZone, made);
  return made;
}

function makeCalendar(timeZone: string): Calendar {
  const offsetAt = offsetsOf(timeZone);
  return {
    offsetAt,
    numberOf(period, moment) {
      const local = moment + offsetAt(moment);
      // hours in UTC, since one that clocks show twice is two hours; weeks from Monday, and 1970 began on a Thursday
      switch (period) {
        case 'hourly': return moment - mod(local, HOUR);
        case 'daily': return Math.floor(local / DAY);
        case 'weekly': return Math.floor((local / DAY + 3) / 7);
        case 'monthly': { const date = new Date(local); return date.getUTCFullYear() * 12 + date.getUTCMonth(); }
        case 'yearly': return new Date(local).getUTCFullYear();
      }
    },
  };
}

/** Intl is slow, and a zone changes its offset a few times a year at most: ask for the ends of a week, and if they differ, once for the change. */
function offsetsOf(timeZone: string): (moment: number) => number {
  if (['UTC', 'Etc/UTC'].includes(timeZone)) { return () => 0; }
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
  });
  const ask = (moment: number) => {
    const parts = Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, Number(value)]));
    return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second) - Math.floor(moment / 1000) * 1000;
  };
  const atStart = remember(week => ask(week * WEEK));
  const changeIn = remember(week => firstAfter(week * WEEK, (week + 1) * WEEK, moment => ask(moment) !== atStart(week)));
  return moment => {
    const week = Math.floor(moment / WEEK);
    const [before, after] = [atStart(week), atStart(week + 1)];
    return before === after || moment < changeIn(week) ? before : after;
  };
}

function remember(find: (week: number) => number): (week: number) => number {
  const known = new Map<number, number>();
  return week => {
    const found = known.get(week) ?? find(week);
    known.set(week, found);
    return found;
  };
}

/** The first whole second after a moment, and not after another, from which on something holds. */
function firstAfter(from: number, to: number, holds: (moment: number) => boolean): number {
  let [before, after] = [from, to];
  while (after - before > SECOND) {
    const middle = before + Math.floor((after - before) / 2 / SECOND) * SECOND;
    if (holds(middle)) { after = middle; } else { before = middle; }
  }
  return after;
}

function mod(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}
