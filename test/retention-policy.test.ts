import { Duration } from 'cdk8s';
import { RetentionPolicy } from '../src';
import { plan } from '../src/retention/plan';

const PERIODS = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;

/** What the runner reads; where days begin is another matter. */
function rulesOf(policy: RetentionPolicy): object {
  const { timeZone, ...rules } = JSON.parse(JSON.stringify(policy._toRules('Etc/UTC')));
  return rules;
}

describe('rules', () => {
  test('keep for a time, and never less than one', () => {
    expect(rulesOf(RetentionPolicy.keepFor(Duration.days(30)))).toEqual({ keepForSeconds: 2_592_000, minimumReady: 1 });
  });

  test('keep a number', () => {
    expect(rulesOf(RetentionPolicy.keepLast(14))).toEqual({ keepLast: 14, minimumReady: 1 });
  });

  test('are combined', () => {
    expect(rulesOf(RetentionPolicy.of({ keepLast: 3, keepLastVerified: 2 }))).toEqual({ keepLast: 3, keepLastVerified: 2, minimumReady: 1 });
    expect(rulesOf(RetentionPolicy.of({ keepLast: 10, keepFor: Duration.hours(36), minimumReady: 5 })))
      .toEqual({ keepLast: 10, keepForSeconds: 129_600, minimumReady: 5 });
    const tiers = { hourly: 2, daily: 3, weekly: 4, monthly: 5, yearly: 6 };
    expect(rulesOf(RetentionPolicy.of({ keepLast: 1, keepFor: Duration.hours(1), ...tiers, minimumReady: 7 })))
      .toEqual({ keepLast: 1, keepForSeconds: 3600, ...tiers, minimumReady: 7 });
  });

  test.each(PERIODS)('keep the newest of so many periods: %s, by itself', period => {
    expect(rulesOf(RetentionPolicy.of({ [period]: 4 }))).toEqual({ [period]: 4, minimumReady: 1 });
  });

  test('say in which zone their days begin', () => {
    expect(RetentionPolicy.oneYear()._toRules('America/Havana')).toMatchObject({ timeZone: 'America/Havana' });
  });

  test('of the default are seven days and three snapshots', () => {
    expect(rulesOf(RetentionPolicy.sevenDays())).toEqual({ keepForSeconds: 604_800, minimumReady: 3 });
  });

  test('of a year are 7 days, 5 weeks, 12 months and three snapshots', () => {
    expect(rulesOf(RetentionPolicy.oneYear())).toEqual({ daily: 7, weekly: 5, monthly: 14, minimumReady: 3 });
  });

  test('of seven years are 35 days, 13 weeks, 84 months and three snapshots', () => {
    expect(rulesOf(RetentionPolicy.sevenYears())).toEqual({ daily: 35, weekly: 13, monthly: 86, minimumReady: 3 });
  });

  test('may leave none, but only if that is said in words', () => {
    expect(rulesOf(RetentionPolicy.of({ keepFor: Duration.days(1), minimumReady: 0, mayDeleteLastGood: true })))
      .toEqual({ keepForSeconds: 86_400, minimumReady: 0 });
    expect(rulesOf(RetentionPolicy.of({ keepLast: 1, mayDeleteLastGood: true }))).toEqual({ keepLast: 1, minimumReady: 1 });
  });

  test('can be read back', () => {
    const duration = Duration.days(7);
    const policy = RetentionPolicy.of({ keepLast: 10, keepFor: duration });
    expect(policy).toMatchObject({ keptCount: 10, minimumReady: 1 });
    expect(policy.keptDuration).toBe(duration);
    expect(RetentionPolicy.keepLast(1).keptDuration).toBeUndefined();
    expect(RetentionPolicy.keepFor(duration).keptCount).toBeUndefined();
    const tiers = { hourly: 1, daily: 2, weekly: 3, monthly: 4, yearly: 5 };
    expect(RetentionPolicy.of(tiers)).toMatchObject(tiers);
    for (const period of PERIODS) { expect(RetentionPolicy.keepLast(1)[period]).toBeUndefined(); }
  });

  test('reach from one minute to ten years', () => {
    for (const duration of [Duration.minutes(1), Duration.days(3653)]) { expect(() => RetentionPolicy.keepFor(duration)).not.toThrow(); }
  });

  test('reach from one snapshot to 100,000', () => {
    for (const number of ['keepLast', 'keepLastVerified', 'minimumReady', ...PERIODS]) {
      for (const count of [1, 100_000]) { expect(() => RetentionPolicy.of({ keepLast: 1, [number]: count })).not.toThrow(); }
    }
  });
});

describe('of nightly snapshots', () => {
  const NIGHT = 86_400_000;
  const LAST_NIGHT = Date.parse('2026-02-09T02:00:00Z');

  /** The dates of what is left of so many, newest first, and so many days after the last. */
  function left(policy: RetentionPolicy, nights: number, daysLater = 0): string[] {
    const snapshots = Array.from({ length: nights }, (_, age) => {
      const at = LAST_NIGHT - age * NIGHT;
      return { name: new Date(at).toISOString().slice(0, 10), claim: 'data', createdAt: at, cutAt: at, ready: true, deleting: false };
    });
    return plan(snapshots, policy._toRules('Etc/UTC'), LAST_NIGHT + daysLater * NIGHT, 3600).filter(({ action }) => action === 'keep').map(({ snapshot }) => snapshot.name);
  }

  test('sevenDays keeps seven', () => {
    expect(left(RetentionPolicy.sevenDays(), 800)).toEqual([
      '2026-02-09', '2026-02-08', '2026-02-07', '2026-02-06', '2026-02-05', '2026-02-04', '2026-02-03',
    ]);
  });

  test('oneYear keeps 7 days, the Sundays that end the weeks before, and the last days of months', () => {
    expect(left(RetentionPolicy.oneYear(), 800)).toEqual([
      '2026-02-09', '2026-02-08', '2026-02-07', '2026-02-06', '2026-02-05', '2026-02-04', '2026-02-03',
      // weeks: that of the 9th, then those that end on the 8th of February, and on
      '2026-02-01', '2026-01-31', '2026-01-25', '2026-01-18',
      '2025-12-31', '2025-11-30', '2025-10-31', '2025-09-30', '2025-08-31', '2025-07-31', '2025-06-30', '2025-05-31', '2025-04-30', '2025-03-31',
      '2025-02-28', '2025-01-31',
    ]);
  });

  test('sevenYears keeps 35 days, 13 weeks and a snapshot of each of 86 months, which reach back seven years', () => {
    const kept = left(RetentionPolicy.sevenYears(), 3650);
    expect(kept.slice(0, 35)).toEqual(Array.from({ length: 35 }, (_, age) => new Date(LAST_NIGHT - age * NIGHT).toISOString().slice(0, 10)));
    expect(new Set(kept.map(date => date.slice(0, 7))).size).toBe(86);
    expect(kept.at(-1)).toBe('2019-01-31');
    // six weeks and two months are among the days already; of the other seven weeks one ends with a month
    expect(kept).toHaveLength(35 + 7 + 84 - 1);
  });

  test('each keeps the newest three after any outage', () => {
    for (const policy of [RetentionPolicy.sevenDays(), RetentionPolicy.oneYear(), RetentionPolicy.sevenYears()]) {
      expect(left(policy, 100, 9000).slice(0, 3)).toEqual(['2026-02-09', '2026-02-08', '2026-02-07']);
    }
    expect(left(RetentionPolicy.sevenDays(), 100, 9000)).toHaveLength(3);
  });
});

describe('throws', () => {
  test('when no rule keeps anything', () => {
    expect(() => RetentionPolicy.of({})).toThrow("[RetentionPolicy] 'keepLast': no rule keeps anything, got {}; allowed at least one of keepLast, keepFor, hourly, daily, weekly, monthly, yearly; say how many or how long");
    expect(() => RetentionPolicy.of({ minimumReady: 3 })).toThrow('no rule keeps anything, got {"minimumReady":3}');
  });

  test.each([0, -1, 1.5, NaN, Infinity, 100_001])('when %d snapshots are kept', count => {
    for (const number of ['keepLast', ...PERIODS]) {
      expect(() => RetentionPolicy.of({ [number]: count }))
        .toThrow(`[RetentionPolicy] '${number}': out of range, got ${count}; allowed a whole number from 1 to 100000; change the number`);
    }
    expect(() => RetentionPolicy.keepLast(count)).toThrow(`[RetentionPolicy] 'keepLast': out of range, got ${count}`);
  });

  test.each([-1, 1.5, NaN, Infinity, 100_001])('when never fewer than %d are ready', minimumReady => {
    for (const mayDeleteLastGood of [undefined, false, true]) {
      expect(() => RetentionPolicy.of({ keepLast: 1, minimumReady, mayDeleteLastGood }))
        .toThrow(`[RetentionPolicy] 'minimumReady': out of range, got ${minimumReady}; allowed a whole number from 0 to 100000; change the number`);
    }
  });

  test('when the last good snapshot could go, and nobody said in words that it may', () => {
    for (const mayDeleteLastGood of [undefined, false]) {
      expect(() => RetentionPolicy.of({ keepFor: Duration.days(1), minimumReady: 0, mayDeleteLastGood })).toThrow(
        "[RetentionPolicy] 'minimumReady': the last good snapshot could be deleted, got 0; allowed at least 1, or 0 together with mayDeleteLastGood: true; "
        + 'leave it out to keep one, or say in words that none may be left',
      );
    }
  });

  test('when words are all there is', () => {
    expect(() => RetentionPolicy.of({ mayDeleteLastGood: true })).toThrow('no rule keeps anything, got {"mayDeleteLastGood":true}');
    expect(() => RetentionPolicy.of({ minimumReady: 0, mayDeleteLastGood: true })).toThrow('no rule keeps anything');
  });

  test.each([
    ['59 seconds', Duration.seconds(59)], ['3654 days', Duration.days(3654)], ['1 minute 500 millis', Duration.millis(60_500)],
  ])('when they are kept for %s', (got, duration) => {
    expect(() => RetentionPolicy.keepFor(duration)).toThrow(
      `[RetentionPolicy] 'keepFor': out of range, got ${got}; allowed whole seconds from 1 minute to 3653 days; change the duration`,
    );
  });
});

describe('against the time between two runs', () => {
  const fits = (policy: RetentionPolicy) => () => policy._requireFits('test/Nightly', 86_400);

  test.each([
    ['as long', RetentionPolicy.keepFor(Duration.days(1))],
    ['a number', RetentionPolicy.keepLast(1)],
    ['a shorter time and a number', RetentionPolicy.of({ keepFor: Duration.hours(1), keepLast: 1 })],
    ['a shorter time and a minimum', RetentionPolicy.of({ keepFor: Duration.hours(1), minimumReady: 2 })],
    ...PERIODS.map((period): [string, RetentionPolicy] => [`a shorter time and a ${period} one`, RetentionPolicy.of({ keepFor: Duration.hours(1), [period]: 1 })]),
    ['a period alone', RetentionPolicy.of({ yearly: 1 })],
  ])('%s fits', (_, policy) => {
    expect(fits(policy)).not.toThrow();
  });

  test('throws when shorter, as no snapshot would live until the next', () => {
    expect(fits(RetentionPolicy.keepFor(Duration.hours(23)))).toThrow(
      "[test/Nightly] 'retention': each snapshot would be too old before the next is taken, so the rule keeps nothing, got 23 hours; "
      + 'allowed at least the time between two runs, 1 day; keep them longer, or add keepLast, minimumReady, or a rule such as daily',
    );
    const none = RetentionPolicy.of({ keepFor: Duration.hours(23), minimumReady: 0, mayDeleteLastGood: true });
    expect(fits(none)).toThrow('so the rule keeps nothing');
  });
});

test.each<[string, () => unknown, RegExp]>([
  ['an option is misspelled', () => RetentionPolicy.of({ keepLast: 1, minimalReady: 2 } as any), /'minimalReady': no such prop, got 2; .*; did you mean minimumReady\?$/],
  ['a rule has another name', () => RetentionPolicy.of({ keepDaily: 7 } as any), /'keepDaily': no such prop, got 'keepDaily'; allowed keepLast, .*daily.*; leave it out, or correct its name$/],
  ['a period is misspelled', () => RetentionPolicy.of({ keepLast: 1, dayly: 7 } as any), /'dayly': no such prop, got 7; .*; did you mean daily\?$/],
  ['a number is text', () => RetentionPolicy.of({ weekly: '4' } as any), /'weekly': out of range, got '4';/],
  ['a period is null', () => RetentionPolicy.of({ keepLast: 1, monthly: null } as any), /'monthly': out of range, got null;/],
  ['words are text', () => RetentionPolicy.of({ keepLast: 1, minimumReady: 0, mayDeleteLastGood: 'true' } as any),
    /'mayDeleteLastGood': not a boolean, got 'true'; allowed true or false; write it without quotes$/],
  ['a time is a number', () => RetentionPolicy.keepFor(7 as any), /'keepFor': not a Duration, got 7;/],
  ['there are no options', () => RetentionPolicy.of(undefined as any), /'props': not an object, got undefined;/],
])('throws when %s', (_, make, problem) => {
  expect(make).toThrow(problem);
});
