import { random } from './random';
import { calendarOf, Period, PERIODS } from '../../src/retention/calendar';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const ZONES = [
  'UTC', 'Etc/UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'America/Havana', 'Africa/Casablanca', 'Pacific/Apia',
  // changes at midnight, an offset of 45 minutes, and the greatest of both signs
  'America/Santiago', 'Africa/Cairo', 'Atlantic/Azores', 'Asia/Kathmandu', 'Pacific/Kiritimati', 'Etc/GMT+12', 'Europe/London',
];

/** What a calendar on a wall shows at a moment, by Intl alone. */
function wallOf(timeZone: string): (moment: number) => { date: string; hour: string; offset: string } {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', timeZoneName: 'longOffset',
  });
  return moment => {
    const { year, month, day, hour, timeZoneName } = Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, value]));
    return { date: `${year}-${month}-${day}`, hour, offset: timeZoneName };
  };
}

/** Year and number of the week of ISO 8601, whose year is that of its Thursday. */
function isoWeek(date: string): string {
  const day = new Date(`${date}T00:00:00Z`);
  const thursday = new Date(day.getTime() + (4 - (day.getUTCDay() || 7)) * DAY);
  const first = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  return `${thursday.getUTCFullYear()}-W${Math.floor((thursday.getTime() - first) / DAY / 7) + 1}`;
}

function labelsOf(timeZone: string): (moment: number) => { [period in Period]: string } {
  const wall = wallOf(timeZone);
  return moment => {
    const { date, hour, offset } = wall(moment);
    return { hourly: `${date} ${hour} ${offset}`, daily: date, weekly: isoWeek(date), monthly: date.slice(0, 7), yearly: date.slice(0, 4) };
  };
}

/** The numbers of a period between two moments, asked each minute. */
function numbersBetween(timeZone: string, period: Period, from: string, to: string): number[] {
  const numbers = new Set<number>();
  for (let moment = Date.parse(from); moment < Date.parse(to); moment += MINUTE) { numbers.add(calendarOf(timeZone).numberOf(period, moment)); }
  return [...numbers];
}

const number = (timeZone: string, period: Period, moment: string) => calendarOf(timeZone).numberOf(period, Date.parse(moment));

describe('beside what Intl shows', () => {
  /** Moments in bunches, so that many share an hour, a day, a week or a month. */
  function moments(seed: number): number[] {
    const next = random(seed);
    const found: number[] = [];
    for (let bunch = 0; bunch < 50; bunch += 1) {
      const start = Date.UTC(1990, 0, 1) + next(50 * 366) * DAY + next(24 * 60) * MINUTE;
      const spread = [HOUR, DAY, 10 * DAY, 60 * DAY, 800 * DAY][next(5)];
      for (let index = 0; index < 8; index += 1) { found.push(start + next(spread)); }
    }
    return found;
  }

  /** Where one of the two says that periods are the same and the other that they differ. */
  function contradiction(timeZone: string, period: Period, times: number[], labels: string[]): string | undefined {
    const labelOf = new Map<number, string>();
    const numberOf = new Map<string, number>();
    for (const [index, moment] of times.entries()) {
      const [found, label] = [calendarOf(timeZone).numberOf(period, moment), labels[index]];
      if ((labelOf.get(found) ?? label) !== label || (numberOf.get(label) ?? found) !== found) { return `${new Date(moment).toISOString()} is in ${label}`; }
      labelOf.set(found, label);
      numberOf.set(label, found);
    }
    return undefined;
  }

  test.each(ZONES)('moments in %s share a number exactly if they share the hour, day, week, month or year', timeZone => {
    const labels = labelsOf(timeZone);
    const times = moments(ZONES.indexOf(timeZone) + 1);
    const shown = times.map(labels);
    expect(PERIODS.map(period => contradiction(timeZone, period, times, shown.map(label => label[period])))).toEqual(PERIODS.map(() => undefined));
  });

  test('the days are those of every zone that the machine knows', () => {
    const next = random(42);
    const wrong = Intl.supportedValuesOf('timeZone').filter(timeZone => {
      const wall = wallOf(timeZone);
      return Array.from({ length: 12 }, () => Date.UTC(2000, 0, 1) + next(40 * 365) * DAY + next(DAY))
        .some(moment => new Date(calendarOf(timeZone).numberOf('daily', moment) * DAY).toISOString().slice(0, 10) !== wall(moment).date);
    });
    expect(wrong).toEqual([]);
  });

  test.each(ZONES)('no later moment in %s has a smaller number', timeZone => {
    const sorted = moments(99).sort((a, b) => a - b);
    for (const period of PERIODS) {
      const numbers = sorted.map(moment => calendarOf(timeZone).numberOf(period, moment));
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    }
  });
});

describe('a day on which clocks are changed', () => {
  test.each([
    // zone, when the day begins and ends, how many hours it has; of a past year, which no government changes any more
    ['Europe/Berlin', '2024-03-30T23:00Z', '2024-03-31T22:00Z', 23],
    ['Europe/Berlin', '2024-10-26T22:00Z', '2024-10-27T23:00Z', 25],
    ['America/New_York', '2024-03-10T05:00Z', '2024-03-11T04:00Z', 23],
    ['America/New_York', '2024-11-03T04:00Z', '2024-11-04T05:00Z', 25],
    // half an hour is put forward or back: one hour is half as long, or shown one and a half times
    ['Australia/Lord_Howe', '2024-10-05T13:30Z', '2024-10-06T13:00Z', 24],
    ['Australia/Lord_Howe', '2024-04-06T13:00Z', '2024-04-07T13:30Z', 25],
    // at midnight itself: the day begins at one, or with two hours that clocks show as the first
    ['America/Havana', '2024-03-10T05:00Z', '2024-03-11T04:00Z', 23],
    ['America/Havana', '2024-11-03T04:00Z', '2024-11-04T05:00Z', 25],
    // in the last hour of a day, which is shown twice
    ['America/Santiago', '2024-04-06T03:00Z', '2024-04-07T04:00Z', 25],
    ['America/Santiago', '2024-09-08T04:00Z', '2024-09-09T03:00Z', 23],
    // for the weeks of Ramadan
    ['Africa/Casablanca', '2024-03-09T23:00Z', '2024-03-11T00:00Z', 25],
    ['Africa/Casablanca', '2024-04-14T00:00Z', '2024-04-14T23:00Z', 23],
    ['Asia/Kolkata', '2024-03-30T18:30Z', '2024-03-31T18:30Z', 24],
    ['Etc/UTC', '2024-03-31T00:00Z', '2024-04-01T00:00Z', 24],
  ])('in %s, from %s to %s, is one day and has %d hours', (timeZone, from, to, hours) => {
    const [day] = numbersBetween(timeZone, 'daily', from, to);
    expect(numbersBetween(timeZone, 'daily', from, to)).toHaveLength(1);
    expect(number(timeZone, 'daily', new Date(Date.parse(from) - 1).toISOString())).toBe(day - 1);
    expect(number(timeZone, 'daily', to)).toBe(day + 1);
    expect(numbersBetween(timeZone, 'hourly', from, to)).toHaveLength(hours);
  });

  test('has two hours where clocks show one twice, so that an hourly schedule loses no snapshot', () => {
    // 02:30 in summer time, and an hour later 02:30 again
    expect(number('Europe/Berlin', 'hourly', '2024-10-27T00:30Z')).not.toBe(number('Europe/Berlin', 'hourly', '2024-10-27T01:30Z'));
    expect(number('Europe/Berlin', 'hourly', '2024-10-27T00:00Z')).toBe(number('Europe/Berlin', 'hourly', '2024-10-27T00:59:59.999Z'));
    expect(number('Europe/Berlin', 'hourly', '2024-10-27T01:00Z')).toBe(number('Europe/Berlin', 'hourly', '2024-10-27T01:59:59.999Z'));
    // 01:45 before half an hour is put back, and after
    expect(number('Australia/Lord_Howe', 'hourly', '2024-04-06T14:45Z')).not.toBe(number('Australia/Lord_Howe', 'hourly', '2024-04-06T15:15Z'));
  });
});

describe('hours', () => {
  test('begin at the half where the zone is half an hour off', () => {
    expect(number('Asia/Kolkata', 'hourly', '2026-02-09T02:29:59Z')).not.toBe(number('Asia/Kolkata', 'hourly', '2026-02-09T02:30Z'));
    expect(number('Asia/Kolkata', 'hourly', '2026-02-09T02:30Z')).toBe(number('Asia/Kolkata', 'hourly', '2026-02-09T03:29:59Z'));
  });

  test('of one name on two days are two', () => {
    expect(number('UTC', 'hourly', '2026-02-09T02:00Z')).not.toBe(number('UTC', 'hourly', '2026-02-10T02:00Z'));
  });
});

describe('days', () => {
  test('begin at the midnight of the zone', () => {
    const evening = '2026-02-09T23:30Z';
    expect(number('Europe/Berlin', 'daily', evening)).toBe(number('Europe/Berlin', 'daily', '2026-02-10T12:00Z'));
    expect(number('UTC', 'daily', evening)).toBe(number('UTC', 'daily', '2026-02-09T12:00Z'));
    expect(number('America/New_York', 'daily', '2026-02-10T04:59:59Z')).toBe(number('America/New_York', 'daily', '2026-02-09T12:00Z'));
  });

  test('that a zone skipped are missing: in Apia the 31st of December 2011 followed the 29th', () => {
    expect(numbersBetween('Pacific/Apia', 'daily', '2011-12-29T10:00Z', '2011-12-31T10:00Z').map(day => new Date(day * DAY).toISOString().slice(0, 10)))
      .toEqual(['2011-12-29', '2011-12-31']);
    expect(numbersBetween('Pacific/Apia', 'hourly', '2011-12-29T10:00Z', '2011-12-31T10:00Z')).toHaveLength(48);
    expect(numbersBetween('Pacific/Apia', 'weekly', '2011-12-26T10:00Z', '2012-01-01T10:00Z')).toHaveLength(1);
  });
});

describe('weeks', () => {
  /** The noons of so many days. */
  const dates = (from: string, count: number) =>
    Array.from({ length: count }, (_, day) => new Date(Date.parse(from) + day * DAY + 12 * HOUR).toISOString());

  test('are from Monday to Sunday, also where the year ends in the midst of one', () => {
    const week = number('UTC', 'weekly', '2026-12-28T00:00Z');
    expect(dates('2026-12-28', 7).map(date => number('UTC', 'weekly', date))).toEqual(Array(7).fill(week));
    expect(number('UTC', 'weekly', '2026-12-27T23:59:59Z')).toBe(week - 1);
    expect(number('UTC', 'weekly', '2027-01-03T23:59:59Z')).toBe(week);
    expect(number('UTC', 'weekly', '2027-01-04T00:00Z')).toBe(week + 1);
  });

  test('of one number in two years are two, and the last days of a year are none of its first', () => {
    // week 53 of 2026; the first days of 2026 are in week 1, as are the last of 2024 in week 1 of 2025
    const ends = ['2024-12-30', '2025-12-29', '2026-01-01', '2026-12-31', '2027-12-31', '2024-01-01', '2026-12-24']
      .map(date => number('UTC', 'weekly', date));
    expect(ends[1]).toBe(ends[2]);
    expect(new Set(ends).size).toBe(6);
  });

  test('follow each other for 28 years, each of seven days', () => {
    const numbers = dates('2018-01-01', 28 * 1461 / 4).map(date => number('UTC', 'weekly', date));
    expect(numbers.map(week => week - numbers[0])).toEqual(numbers.map((_, day) => Math.floor(day / 7)));
  });

  test('begin at the midnight of the zone', () => {
    expect(number('Asia/Kolkata', 'weekly', '2026-02-08T18:29:59Z')).toBe(number('Asia/Kolkata', 'weekly', '2026-02-02T00:00Z'));
    expect(number('Asia/Kolkata', 'weekly', '2026-02-08T18:30Z')).toBe(number('Asia/Kolkata', 'weekly', '2026-02-10T00:00Z'));
  });
});

describe('months and years', () => {
  test('end with their last day in the zone, leap years included', () => {
    expect(number('UTC', 'monthly', '2028-02-29T23:59:59Z')).toBe(number('UTC', 'monthly', '2028-02-01'));
    expect(number('UTC', 'monthly', '2028-03-01')).toBe(number('UTC', 'monthly', '2028-02-01') + 1);
    expect(number('Europe/Berlin', 'monthly', '2026-01-31T23:30Z')).toBe(number('Europe/Berlin', 'monthly', '2026-02-15'));
    expect(number('America/New_York', 'yearly', '2027-01-01T04:59:59Z')).toBe(number('America/New_York', 'yearly', '2026-06-01'));
  });

  test('of one name in two years are two', () => {
    expect(number('UTC', 'monthly', '2026-12-15')).toBe(number('UTC', 'monthly', '2025-12-15') + 12);
    expect(number('UTC', 'monthly', '2027-01-01')).toBe(number('UTC', 'monthly', '2026-12-31') + 1);
    expect(number('UTC', 'yearly', '2027-01-01')).toBe(number('UTC', 'yearly', '2026-12-31') + 1);
  });
});

describe('the offset of a zone', () => {
  test.each([
    ['Europe/Berlin', '2024-03-31T00:59:59.999Z', 1], ['Europe/Berlin', '2024-03-31T01:00Z', 2],
    ['Europe/Berlin', '2024-10-27T00:59:59.999Z', 2], ['Europe/Berlin', '2024-10-27T01:00Z', 1],
    ['Australia/Lord_Howe', '2024-04-06T14:59:59.999Z', 11], ['Australia/Lord_Howe', '2024-04-06T15:00Z', 10.5],
    ['Asia/Kolkata', '2026-02-09T00:00Z', 5.5], ['America/New_York', '2026-02-09T00:00Z', -5], ['UTC', '2026-02-09T00:00Z', 0],
    ['Pacific/Apia', '2011-12-30T09:59:59.999Z', -10], ['Pacific/Apia', '2011-12-30T10:00Z', 14],
  ])('%s at %s is %d hours', (timeZone, moment, hours) => {
    expect(calendarOf(timeZone).offsetAt(Date.parse(moment))).toBe(hours * HOUR);
  });
});

test('a zone that this machine does not know is an error, and not UTC in silence', () => {
  expect(() => calendarOf('Mars/Olympus')).toThrow(RangeError);
});

test('Intl, which is slow, is asked once a week and not for every moment', () => {
  const asked = jest.spyOn(Intl.DateTimeFormat.prototype, 'formatToParts');
  try {
    const { numberOf } = calendarOf('America/Sao_Paulo');
    for (let hour = 0; hour < 366 * 24; hour += 1) { PERIODS.forEach(period => numberOf(period, Date.UTC(2020, 0, 1) + hour * HOUR)); }
    expect(asked.mock.calls.length).toBeLessThan(60);
  } finally {
    asked.mockRestore();
  }
});
