import { calendarOf } from '../../src/retention/calendar';
import { heldBy } from '../../src/retention/hold';

const at = (moment: string) => Date.parse(moment);

/** Why something is held at a moment, in a zone; most have one hold-until. */
function held({ hold, holdUntil }: { hold?: string; holdUntil?: string }, moment: string, timeZone = 'UTC'): string | undefined {
  return heldBy({ hold, holdUntil: holdUntil === undefined ? undefined : [holdUntil] }, calendarOf(timeZone), at(moment));
}

const TODAY = '2026-02-09T02:00:00Z';

describe('hold', () => {
  test('is not there, and nothing is held', () => {
    expect(held({}, TODAY)).toBeUndefined();
  });

  test.each([['true'], [''], ['legal'], ['yes'], ['False'], ['0']])('holds whatever it says: %p, since somebody wrote it', hold => {
    expect(held({ hold }, TODAY)).toBe(`held by 'hold'=${hold}`);
    expect(held({ hold }, '2126-02-09T02:00:00Z')).toBe(`held by 'hold'=${hold}`);
  });

  test("is taken back by 'false', as by taking it away", () => {
    expect(held({ hold: 'false' }, TODAY)).toBeUndefined();
  });

  test('outlives a hold-until that has ended', () => {
    expect(held({ hold: 'legal', holdUntil: '2020-01-01' }, TODAY)).toBe("held by 'hold'=legal");
  });

  test("that is 'false' leaves the hold-until in force", () => {
    expect(held({ hold: 'false', holdUntil: '2027-01-31' }, TODAY)).toBe("held by 'hold-until'=2027-01-31");
  });
});

describe('hold-until with a day', () => {
  test('holds through the day, and not a moment longer', () => {
    expect(held({ holdUntil: '2027-01-31' }, TODAY)).toBe("held by 'hold-until'=2027-01-31");
    expect(held({ holdUntil: '2027-01-31' }, '2027-01-31T00:00:00Z')).toBe("held by 'hold-until'=2027-01-31");
    expect(held({ holdUntil: '2027-01-31' }, '2027-01-31T23:59:59.999Z')).toBe("held by 'hold-until'=2027-01-31");
    expect(held({ holdUntil: '2027-01-31' }, '2027-02-01T00:00:00Z')).toBeUndefined();
  });

  test('of today holds today', () => {
    expect(held({ holdUntil: '2026-02-09' }, TODAY)).toBeDefined();
    expect(held({ holdUntil: '2026-02-08' }, TODAY)).toBeUndefined();
  });

  test.each([
    // zone, day, its last millisecond and the first of the next
    ['Europe/Berlin', '2024-02-09', '2024-02-09T22:59:59.999Z', '2024-02-09T23:00Z'],
    ['America/New_York', '2024-02-09', '2024-02-10T04:59:59.999Z', '2024-02-10T05:00Z'],
    ['Asia/Kolkata', '2024-02-09', '2024-02-09T18:29:59.999Z', '2024-02-09T18:30Z'],
    // days of 23 and 25 hours
    ['Europe/Berlin', '2024-03-31', '2024-03-31T21:59:59.999Z', '2024-03-31T22:00Z'],
    ['Europe/Berlin', '2024-10-27', '2024-10-27T22:59:59.999Z', '2024-10-27T23:00Z'],
    ['America/New_York', '2024-03-10', '2024-03-11T03:59:59.999Z', '2024-03-11T04:00Z'],
    ['Australia/Lord_Howe', '2024-04-07', '2024-04-07T13:29:59.999Z', '2024-04-07T13:30Z'],
    // clocks are changed on the next day, where the offset of noon would be wrong
    ['Europe/Berlin', '2024-03-30', '2024-03-30T22:59:59.999Z', '2024-03-30T23:00Z'],
    ['Europe/Berlin', '2024-10-26', '2024-10-26T21:59:59.999Z', '2024-10-26T22:00Z'],
    ['Australia/Sydney', '2024-10-05', '2024-10-05T13:59:59.999Z', '2024-10-05T14:00Z'],
    ['Australia/Sydney', '2024-04-06', '2024-04-06T12:59:59.999Z', '2024-04-06T13:00Z'],
    // midnight is skipped: the day ends where the next begins, at one
    ['America/Havana', '2024-03-09', '2024-03-10T04:59:59.999Z', '2024-03-10T05:00Z'],
    ['America/Santiago', '2024-09-07', '2024-09-08T03:59:59.999Z', '2024-09-08T04:00Z'],
    ['Atlantic/Azores', '2024-03-30', '2024-03-31T00:59:59.999Z', '2024-03-31T01:00Z'],
    ['Africa/Cairo', '2024-04-25', '2024-04-25T21:59:59.999Z', '2024-04-25T22:00Z'],
    // midnight is shown twice: at the first the next day has begun
    ['America/Havana', '2024-11-02', '2024-11-03T03:59:59.999Z', '2024-11-03T04:00Z'],
    // the last hour of the day is shown twice
    ['America/Santiago', '2024-04-06', '2024-04-07T03:59:59.999Z', '2024-04-07T04:00Z'],
    ['Africa/Cairo', '2024-10-31', '2024-10-31T21:59:59.999Z', '2024-10-31T22:00Z'],
    // the next day is skipped
    ['Pacific/Apia', '2011-12-29', '2011-12-30T09:59:59.999Z', '2011-12-30T10:00Z'],
  ])('ends with the day of the zone: in %s that of %s lasts to %s', (timeZone, holdUntil, last, next) => {
    expect([last, next].map(moment => held({ holdUntil }, moment, timeZone))).toEqual([`held by 'hold-until'=${holdUntil}`, undefined]);
  });

  test('is the day that the calendar of retention means, in every zone and around each change of its clocks', () => {
    const HOUR = 3_600_000;
    const days = Array.from({ length: 366 }, (_, day) => Date.UTC(2024, 0, 1) + day * 24 * HOUR);
    const wrong = Intl.supportedValuesOf('timeZone').flatMap(timeZone => {
      const calendar = calendarOf(timeZone);
      const isMistaken = (day: number) => {
        const holdUntil = [new Date(day).toISOString().slice(0, 10)];
        const end = day + 24 * HOUR - calendar.offsetAt(day + 12 * HOUR);
        // clocks are put forward or back by an hour at most
        return [-HOUR - 1, -HOUR, -1, 0, HOUR - 1, HOUR].map(milliseconds => end + milliseconds)
          .some(moment => (heldBy({ holdUntil }, calendar, moment) !== undefined) !== (calendar.numberOf('daily', moment) <= day / (24 * HOUR)));
      };
      const changes = days.filter(day => calendar.offsetAt(day - 24 * HOUR) !== calendar.offsetAt(day + 48 * HOUR));
      return [days[0], ...changes].filter(isMistaken).map(day => `${timeZone} ${new Date(day).toISOString()}`);
    });
    expect(wrong).toEqual([]);
  });

  test('of a leap year', () => {
    expect(held({ holdUntil: '2028-02-29' }, '2028-02-29T23:00Z')).toBe("held by 'hold-until'=2028-02-29");
    expect(held({ holdUntil: '2028-02-29' }, '2028-03-01T00:00Z')).toBeUndefined();
  });
});

describe('several of hold-until, as by a label and an annotation', () => {
  const until = (...holdUntil: string[]) => (moment: string) => heldBy({ holdUntil }, calendarOf('UTC'), at(moment));

  test('hold until the last of them, in whatever order they are read', () => {
    for (const both of [until('2026-03-01', '2027-01-31'), until('2027-01-31', '2026-03-01')]) {
      expect(both('2026-06-01')).toBe("held by 'hold-until'=2027-01-31");
      expect(both('2027-02-01')).toBeUndefined();
    }
  });

  test('hold if one of them cannot be read', () => {
    expect(until('2020-01-01', 'soon')(TODAY)).toBe("held, since 'hold-until'=soon is no date such as 2027-01-31");
  });

  test('hold nothing if there is none', () => {
    expect(until()(TODAY)).toBeUndefined();
  });
});

describe('hold-until with a time', () => {
  test.each([
    ['2027-01-31T12:00:00Z', '2027-01-31T12:00:00Z'],
    ['2027-01-31T12:00Z', '2027-01-31T12:00:00Z'],
    ['2027-01-31T12:00:00.5Z', '2027-01-31T12:00:00.500Z'],
    ['2027-01-31T12:00:00+02:00', '2027-01-31T10:00:00Z'],
    ['2027-01-31T12:00-05:30', '2027-01-31T17:30:00Z'],
  ])('%s ends just then, whatever the zone', (holdUntil, end) => {
    for (const timeZone of ['UTC', 'Asia/Kolkata']) {
      expect(held({ holdUntil }, new Date(at(end) - 1).toISOString(), timeZone)).toBe(`held by 'hold-until'=${holdUntil}`);
      expect(held({ holdUntil }, end, timeZone)).toBeUndefined();
    }
  });
});

describe('hold-until that cannot be read', () => {
  test.each([
    '', 'true', 'forever', 'next week', '31.01.2020', '01/31/2020', '2020-1-31', '20200131', '2020-01', '2020',
    // no such day or time
    '2021-02-29', '2020-02-30', '2020-04-31', '2020-13-01', '2020-00-10', '2020-01-00', '2020-01-32', '2020-01-31T25:00Z', '2020-01-31T12:60Z',
    '2020-02-30T12:00Z', '2020-04-31T12:00:00+02:00',
    // of which zone?
    '2020-01-31T12:00', '2020-01-31T12:00:00', '2020-01-31 12:00:00Z', ' 2020-01-31', '2020-01-31 ', '2020-01-31T12:00:00+0200',
  ])('holds, and says how to write it: %p', holdUntil => {
    expect(held({ holdUntil }, TODAY)).toBe(`held, since 'hold-until'=${holdUntil} is no date such as 2027-01-31`);
  });

  test('is overruled by nothing but its correction', () => {
    expect(held({ hold: 'false', holdUntil: 'soon' }, TODAY)).toBe("held, since 'hold-until'=soon is no date such as 2027-01-31");
    expect(held({ holdUntil: 'soon' }, '2126-01-01')).toBeDefined();
  });
});
