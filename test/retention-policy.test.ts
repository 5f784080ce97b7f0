import { Duration } from 'cdk8s';
import { RetentionPolicy } from '../src';

describe('rules', () => {
  test('keep for a time, and never less than one', () => {
    expect(RetentionPolicy.keepFor(Duration.days(30))._toRules()).toEqual({ keepForSeconds: 2_592_000, minimumReady: 1 });
  });

  test('keep a number', () => {
    expect(RetentionPolicy.keepLast(14)._toRules()).toEqual({ keepLast: 14, minimumReady: 1 });
  });

  test('are combined', () => {
    expect(RetentionPolicy.of({ keepLast: 10, keepFor: Duration.hours(36), minimumReady: 5 })._toRules())
      .toEqual({ keepLast: 10, keepForSeconds: 129_600, minimumReady: 5 });
  });

  test('of the default are seven days and three snapshots', () => {
    expect(RetentionPolicy.sevenDays()._toRules()).toEqual({ keepForSeconds: 604_800, minimumReady: 3 });
  });

  test('can be read back', () => {
    const duration = Duration.days(7);
    const policy = RetentionPolicy.of({ keepLast: 10, keepFor: duration });
    expect(policy).toMatchObject({ keptCount: 10, minimumReady: 1 });
    expect(policy.keptDuration).toBe(duration);
    expect(RetentionPolicy.keepLast(1).keptDuration).toBeUndefined();
    expect(RetentionPolicy.keepFor(duration).keptCount).toBeUndefined();
  });

  test('reach from one minute to ten years', () => {
    for (const duration of [Duration.minutes(1), Duration.days(3653)]) { expect(() => RetentionPolicy.keepFor(duration)).not.toThrow(); }
  });
});

describe('throws', () => {
  test('when no rule keeps anything', () => {
    expect(() => RetentionPolicy.of({})).toThrow("[RetentionPolicy] 'keepLast': no rule keeps anything, got {}; allowed keepLast, keepFor or both; say how many or how long");
    expect(() => RetentionPolicy.of({ minimumReady: 3 })).toThrow('no rule keeps anything, got {"minimumReady":3}');
  });

  test.each([0, -1, 1.5, NaN, Infinity])('when %d snapshots are kept', count => {
    expect(() => RetentionPolicy.keepLast(count)).toThrow(`[RetentionPolicy] 'keepLast': out of range, got ${count}; allowed a whole number from 1; change the number`);
    expect(() => RetentionPolicy.of({ keepLast: 1, minimumReady: count })).toThrow(`[RetentionPolicy] 'minimumReady': out of range, got ${count}`);
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
  ])('%s fits', (_, policy) => {
    expect(fits(policy)).not.toThrow();
  });

  test('throws when shorter, as no snapshot would live until the next', () => {
    expect(fits(RetentionPolicy.keepFor(Duration.hours(23)))).toThrow(
      "[test/Nightly] 'retention': each snapshot would be too old before the next is taken, so the rule keeps nothing, got 23 hours; "
      + 'allowed at least the time between two runs, 1 day; keep them longer, or add keepLast',
    );
  });
});

test.each<[string, () => unknown, RegExp]>([
  ['an option is misspelled', () => RetentionPolicy.of({ keepLast: 1, minimalReady: 2 } as any), /'minimalReady': no such prop, got 2; .*; did you mean minimumReady\?$/],
  ['a time is a number', () => RetentionPolicy.keepFor(7 as any), /'keepFor': not a Duration, got 7;/],
  ['there are no options', () => RetentionPolicy.of(undefined as any), /'props': not an object, got undefined;/],
])('throws when %s', (_, make, problem) => {
  expect(make).toThrow(problem);
});
