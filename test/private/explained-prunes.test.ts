import { parseCron } from '../../src/private/cron';
import { explainedPrunes } from '../../src/private/explained-prunes';
import { simulate } from '../../src/private/simulation';
import { RetentionRules } from '../../src/retention/plan';

const DAY = 86_400;
const explained = (expression: string, rules: Partial<RetentionRules>) => explainedPrunes({ minimumReady: 1, ...rules }, parseCron(expression));

test('the first run of a week may prune as many as were taken in as long a time as the weekend, so that it is not held up each Monday', () => {
  const weekdays = '0 8-18 * * 1-5';
  const most = explained(weekdays, { keepForSeconds: 2 * DAY }) as number;
  // from Friday at 18:00 to Monday at 8:00 is as long as from Monday at 8:00 to Wednesday at 22:00
  expect(most).toBe(33);
  const { most: before, fewest: after } = simulate({ minimumReady: 1, keepForSeconds: 2 * DAY }, parseCron(weekdays));
  expect(most).toBeGreaterThanOrEqual(before - after);
});

test.each<[string, string, Partial<RetentionRules>]>([
  ['an even schedule', '0 * * * *', { keepForSeconds: 2 * DAY }],
  ['an even schedule in a zone whose clocks change', '*/30 * * * *', { keepForSeconds: 2 * DAY, timeZone: 'Europe/Berlin' }],
  ['a count', '0 8-18 * * 1-5', { keepLast: 20 }],
  ['tiers', '0 8-18 * * 1-5', { hourly: 20, daily: 7 }],
  ['an interval', '@every 6h', { keepForSeconds: 2 * DAY }],
])('%s explains no more than usual', (_, expression, rules) => {
  expect(explained(expression, rules)).toBeUndefined();
});
