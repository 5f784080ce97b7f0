import { readFileSync } from 'fs';
import { join } from 'path';
import { CronSchedule, parseCron, requireCron, shortestInterval } from '../../src/private/cron';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function problemOf(expression: string): string {
  try {
    parseCron(expression);
    return 'accepted';
  } catch (error) {
    return (error as Error).message;
  }
}

function rejection(expression: string): string {
  try {
    requireCron('app/nightly', 'schedule', expression);
    return 'accepted';
  } catch (error) {
    return (error as Error).message;
  }
}

const fixOf = (expression: string) => rejection(expression).split('; ').slice(2).join('; ');

describe('compared with robfig/cron, which Kubernetes runs', () => {
  type Row = [expression: string, accepted: boolean, ...meaning: unknown[]];
  const rows: Row[] = JSON.parse(readFileSync(join(__dirname, 'cron-oracle.json'), 'utf8'));

  function rowOf(expression: string): Row {
    let s: CronSchedule;
    try {
      s = parseCron(expression);
    } catch {
      return [expression, false];
    }
    return s.kind === 'every'
      ? [expression, true, s.seconds]
      : [expression, true, s.minutes, s.hours, s.daysOfMonth, s.months, s.daysOfWeek, s.anyDayOfMonth, s.anyDayOfWeek];
  }

  test('a schedule that synthesizes is one that the cluster takes, and runs at the times it says', () => {
    expect(rows.map(([expression]) => rowOf(expression))).toEqual(rows);
  });

  test('the comparison is a real one: it has many of each kind', () => {
    expect(rows.filter(row => !row[1]).length).toBeGreaterThan(500);
    expect(rows.filter(row => row.length === 3).length).toBeGreaterThan(50);
    expect(rows.filter(row => row.length > 3).length).toBeGreaterThan(1000);
  });
});

describe('a wrong schedule is refused at synth with what is wrong and what to write', () => {
  test('in the one form of all messages', () => {
    expect(rejection('0 2 * * 7')).toBe("[app/nightly] 'schedule': day of week '7' is out of range 0-6, got '0 2 * * 7'; "
      + 'allowed five fields as Kubernetes reads them, or @daily and the like; write 0 or SUN for Sunday, 1-6,0 for Monday to Sunday');
  });

  test.each([
    ['99 * * * *', "minute '99' is out of range 0-59", 'write 0 to 59'],
    ['0 24 * * *', "hour '24' is out of range 0-23", 'write 0 to 23'],
    ['0 0 0 * *', "day of month '0' is out of range 1-31", 'write 1 to 31'],
    ['0 0 1 13 *', "month '13' is out of range 1-12", 'write 1 to 12, or JAN and the like'],
    ['0 0 * * 5-7', "day of week '7' is out of range 0-6", 'write 0 or SUN for Sunday, 1-6,0 for Monday to Sunday'],
    ['0 0 * * 8', "day of week '8' is out of range 0-6", 'write 0 to 6, or SUN and the like'],
    ['0 0 * * SUNDAY', "day of week 'SUNDAY' is not a number or name", 'write 0 to 6, or SUN and the like'],
    ['0 0 L * *', "day of month 'L' is not a number", 'write 1 to 31'],
    ['0 0 * * 1#2', "day of week '1#2' is not a number or name", 'write 0 to 6, or SUN and the like'],
    ['0 22-2 * * *', "hour '22-2' runs backwards", 'split it in two, for example 22-23,0-2'],
    ['0 0 * * MON-SUN', "day of week 'MON-SUN' runs backwards", 'split it in two, for example 1-6,0'],
    ['0 1-2-3 * * *', "hour '1-2-3' has more than one -", 'write ranges as first-last, with commas between'],
    ['*/5/5 * * * *', "minute '*/5/5' has more than one /", 'write one step for each range'],
    ['*/0 * * * *', "step '0' of minute is not a whole number from 1", 'write for example */15'],
    ['0 0 2 * * *', 'expected five fields, found 6', 'drop the seconds'],
    ['0 2 * *', 'expected five fields, found 4', 'write minute, hour, day of month, month, day of week, with * for any'],
    ['', 'expected five fields, found 0', 'write minute, hour, day of month, month, day of week, with * for any'],
    ['@Daily', 'not a known @ schedule', 'write @daily'],
    [' @daily', 'not a known @ schedule', 'write @daily'],
    ['@reboot', 'not a known @ schedule', 'write five fields, or one of @yearly @annually @monthly @weekly @daily @midnight @hourly'],
    ['@every 1d', "'1d' is not a duration of Go", 'write for example @every 6h, and hours for days'],
    ['TZ=Europe/Berlin 0 2 * * *', 'a time zone inside the schedule', "write '0 2 * * *', and 'Europe/Berlin' as the timeZone"],
    ['CRON_TZ=UTC @daily', 'a time zone inside the schedule', "write '@daily', and 'UTC' as the timeZone"],
    ['TZ=UTC', 'a time zone inside the schedule', 'use timeZone instead'],
  ])('%p', (expression, problem, fix) => {
    expect(problemOf(expression)).toBe(problem);
    expect(rejection(expression)).toContain(`'schedule': ${problem}, got '${expression}'; allowed `);
    expect(fixOf(expression)).toBe(fix);
  });

  test.each(['* 3 * * *', '* 1-5 * * *', ' *  9,12  * * 1'])('sixty snapshots where one was meant: %p', expression => {
    expect(problemOf(expression)).toBe('accepted');
    expect(rejection(expression)).toContain('runs each minute of these hours, since the minute is left out');
  });

  test.each(['* * * * *', '*/1 3 * * *', '*/5 3 * * *', '0 3 * * *', '* */1 * * *'])('what is said is meant: %p', expression => {
    expect(rejection(expression)).toBe('accepted');
  });

  test.each(['0 2 30 2 *', '0 2 30,31 2 *', '0 2 31 4,6,9,11 *', '0 2 31 2 ?', ', 2 * * *', '0 , * * *', '0 2 , * *', '0 2 * , *', '0 2 * * ,', '0 2 , * ,'])(
    'a backup that would never be made: %p', expression => {
      expect(problemOf(expression)).toBe('accepted');
      expect(rejection(expression)).toContain('never runs, as no time or date matches');
      expect(fixOf(expression)).toBe('write a date that exists, and a value in each field');
    });
});

describe('a schedule that does run is not refused', () => {
  test.each(['0 2 29 2 *', '0 2 31 * *', '0 2 31 1,2 *', '0 2 30 2 MON', '0 2 , * MON', '@daily', '@every 1h', '* * * * *'])('%p', expression => {
    expect(requireCron('app/nightly', 'schedule', expression)).toEqual(parseCron(expression));
  });
});

describe('too short an interval is found before the cluster is full of snapshots', () => {
  test.each([
    ['* * * * *', MINUTE],
    ['*/15 * * * *', 15 * MINUTE],
    // 45 and then 0 of the next hour
    ['*/45 * * * *', 15 * MINUTE],
    ['0,59 0 * * *', 59 * MINUTE],
    ['0,59 * * * *', MINUTE],
    ['0 2 * * *', DAY],
    ['0 2,14 * * *', 12 * HOUR],
    // 23:00 to 1:00 of the next day
    ['0 1,23 * * *', 2 * HOUR],
    ['0 1,23 * * MON', 22 * HOUR],
    ['0 1,23 * * MON,TUE', 2 * HOUR],
    ['@hourly', HOUR],
    ['@daily', DAY],
    ['@weekly', 7 * DAY],
    ['@monthly', 28 * DAY],
    ['@yearly', 365 * DAY],
    ['0 2 * * 1,4', 3 * DAY],
    ['0 2 * * 6,0', DAY],
    ['0 2 1,15 * *', 14 * DAY],
    // of February, or of April and the like
    ['0 2 31,1 * *', DAY],
    ['0 2 30,1 * *', DAY],
    ['0 2 29 * *', 29 * DAY],
    ['0 2 31 * *', 31 * DAY],
    ['0 2 29 2 *', 4 * 365 * DAY + DAY],
    ['0 2 31 1,12 *', 31 * DAY],
    ['0 2 * 1 SUN', 7 * DAY],
    ['0 2 * 1 *', DAY],
    // either day is enough, and some 29 February is a Sunday
    ['0 2 29 2 MON', DAY],
    // every day that is odd or a Monday, as a step undoes *
    ['0 2 */2 * MON', DAY],
    // odd days: 31 and 1
    ['0 2 */2 * *', DAY],
    ['@every 90m', 90 * MINUTE],
    ['@every 1500ms', 1],
  ])('%p', (expression, seconds) => {
    expect(shortestInterval(parseCron(expression))).toBe(seconds);
  });

  test('a chart of 1,000 schedules does not wait for it', () => {
    const start = process.hrtime.bigint();
    for (let i = 0; i < 1000; i++) { shortestInterval(requireCron('app/nightly', 'schedule', `${i % 60} 2 29 2 *`)); }
    expect(Number(process.hrtime.bigint() - start) / 1e6).toBeLessThan(1000);
  });
});
