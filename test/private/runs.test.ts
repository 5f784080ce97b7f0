import { readFileSync } from 'fs';
import { join } from 'path';
import { CronSchedule, parseCron } from '../../src/private/cron';
import { clockChanges, nextRun, patternOf, runsOf, zoneOf } from '../../src/private/runs';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const YEAR_2027 = [Date.UTC(2027, 0, 1), Date.UTC(2028, 0, 1)] as const;

type Fields = Extract<CronSchedule, { readonly kind: 'fields' }>;

/** The local times of the runs between two dates. */
function localRuns(expression: string, timeZone: string, from: string, to: string): string[] {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' });
  return runsOf(parseCron(expression), timeZone, Date.parse(from), Date.parse(to)).map(run => format.format(run));
}

describe('compared with robfig/cron and the CronJob controller', () => {
  type Next = [timeZone: string, expression: string, after: number, runs: number[]];
  type Runs = [timeZone: string, expression: string, count: number, sum: number];
  const oracle: { next: Next[]; runs: Runs[] } = JSON.parse(readFileSync(join(__dirname, 'runs-oracle.json'), 'utf8'));

  test('a schedule runs next when the cluster says so, also in hours that clocks skip or show twice', () => {
    const rows = oracle.next.map(([timeZone, expression, after, runs]): Next => {
      const [pattern, zone] = [patternOf(parseCron(expression) as Fields), zoneOf(timeZone)];
      let last = after * MINUTE;
      const found = runs.map((_, i) => {
        const run = nextRun(pattern, zone, last) ?? NaN;
        const minutes = (run - (i === 0 ? 0 : last)) / MINUTE;
        last = run;
        return minutes;
      });
      return [timeZone, expression, after, found];
    });
    expect(rows).toEqual(oracle.next);
  });

  test('all runs of three years are those that its controller starts', () => {
    const [from, to] = [Date.UTC(2023, 0, 1), Date.UTC(2025, 11, 1)];
    const rows = oracle.runs.map(([timeZone, expression]): Runs => {
      const runs = runsOf(parseCron(expression), timeZone, from, to);
      return [timeZone, expression, runs.length, runs.reduce((sum, run) => sum + (run - from) / MINUTE, 0)];
    });
    expect(rows).toEqual(oracle.runs);
  });

  test('the comparison is a real one: it meets moments that are no times of the schedule', () => {
    const odd = oracle.next.filter(([timeZone, expression, , [first]]) => {
      if (first === undefined) { return false; }
      const pattern = patternOf(parseCron(expression) as Fields);
      const local = new Date(first * MINUTE + zoneOf(timeZone).offsetAt(first * MINUTE));
      return !(pattern.hours.has(local.getUTCHours()) && pattern.isOnDay(local));
    });
    expect(odd.length).toBeGreaterThan(5);
    expect(oracle.runs).toHaveLength(170);
  });
});

describe('runs', () => {
  test('begin with the first moment, and end before the last', () => {
    expect(localRuns('0 3 * * *', 'Etc/UTC', '2027-01-01T03:00Z', '2027-01-03T03:00Z')).toEqual(['2027-01-01 03:00', '2027-01-02 03:00']);
  });

  test('of @every keep their distance, whatever the clocks do', () => {
    expect(localRuns('@every 7h', 'Europe/Berlin', '2027-03-27T22:00Z', '2027-03-28T22:00Z')).toEqual([
      '2027-03-27 23:00', '2027-03-28 07:00', '2027-03-28 14:00', '2027-03-28 21:00',
    ]);
  });

  test('of @every come once a minute at most, since the minute names the Job', () => {
    expect(runsOf(parseCron('@every 40s'), 'Etc/UTC', 0, 5 * MINUTE)).toEqual([0, 80_000, 120_000, 200_000, 240_000]);
    expect(runsOf(parseCron('@every 1s'), 'Etc/UTC', 0, 3 * MINUTE)).toEqual([0, MINUTE, 2 * MINUTE]);
  });

  test('are none where the date does not come', () => {
    expect(localRuns('0 3 29 2 *', 'Etc/UTC', '2025-01-01T00:00Z', '2028-01-01T00:00Z')).toEqual([]);
    expect(localRuns('0 3 29 2 *', 'Europe/Berlin', '2023-01-01T00:00Z', '2029-01-01T00:00Z')).toEqual(['2024-02-29 03:00', '2028-02-29 03:00']);
    // eight years without one
    expect(localRuns('0 3 29 2 *', 'Europe/Berlin', '2097-01-01T00:00Z', '2104-01-01T00:00Z')).toEqual([]);
  });

  test('come to an end where the search finds the same moment again and again', () => {
    const runs = localRuns('45 3 * * *', 'Pacific/Chatham', '2025-03-31T00:00Z', '2025-04-08T00:00Z');
    expect(runs).toContain('2025-04-05 03:45');
    // clocks go from 03:45 to 02:45, and the controller gives up
    expect(runs.filter(run => run.startsWith('2025-04-06'))).toEqual([]);
    expect(runs).toContain('2025-04-07 03:45');
  });
});

describe('where clocks are changed', () => {
  const effects = (expression: string, timeZone: string) => clockChanges(parseCron(expression), timeZone, ...YEAR_2027)
    .map(({ effect, date, time, clocks }) => [effect, date, time, ...clocks].join(' '));

  test.each<[string, string, string[]]>([
    ['15 2 * * *', 'Europe/Berlin', ['skipped 2027-03-28 02:15 02:00 03:00', 'doubled 2027-10-31 02:15 03:00 02:00']],
    ['30 1 * * *', 'America/New_York', ['doubled 2027-11-07 01:30 02:00 01:00']],
    ['30 2 * * *', 'America/New_York', ['skipped 2027-03-14 02:30 02:00 03:00']],
    ['0 0 * * *', 'America/Havana', ['skipped 2027-03-14 00:00 00:00 01:00', 'doubled 2027-11-07 00:00 01:00 00:00']],
    // the search for the next run goes by the hour, and is half an hour off after the change
    ['0 3 * * *', 'Australia/Lord_Howe', ['skipped 2027-04-04 03:00 02:00 01:30', 'skipped 2027-10-03 03:00 02:00 02:30']],
    // it passes over a day without a midnight
    ['0 5 * * 0', 'Asia/Beirut', ['skipped 2027-03-28 05:00 00:00 01:00']],
    ['15 3 * * *', 'Europe/Berlin', []],
    ['15 2 1 * *', 'Europe/Berlin', []],
    ['30 2 * * *', 'Asia/Kolkata', []],
    ['@every 1h', 'Europe/Berlin', []],
  ])('%s in %s', (expression, timeZone, expected) => {
    expect(effects(expression, timeZone)).toEqual(expected);
  });

  test('each time of the hour is told', () => {
    expect(effects('*/30 * * * *', 'Europe/Berlin')).toEqual([
      'skipped 2027-03-28 02:00 02:00 03:00', 'skipped 2027-03-28 02:30 02:00 03:00',
      'doubled 2027-10-31 02:00 03:00 02:00', 'doubled 2027-10-31 02:30 03:00 02:00',
    ]);
  });

  test('it is told by how much', () => {
    const shiftOf = (timeZone: string) => clockChanges(parseCron('*/15 * * * *'), timeZone, ...YEAR_2027)[0].shift;
    expect([shiftOf('Europe/Berlin'), shiftOf('Australia/Lord_Howe'), shiftOf('Antarctica/Troll')]).toEqual([HOUR, HOUR / 2, 2 * HOUR]);
  });
});
