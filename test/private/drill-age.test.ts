import { parseCron } from '../../src/private/cron';
import { leastAge } from '../../src/private/drill-age';

const HOUR = 3_600_000;

test.each([
  ['a drill three days behind each run', '0 0 * * 0', '0 5 * * 3', 77],
  ['one that meets some run at once', '0 0 * * 0', '0 0 * * *', 0],
  ['one of a year of minutes', '0 0 * * 0', '* * * * *', 0],
  ['a schedule whose runs are counted from nobody knows when', '@every 30h', '0 5 * * 3', 0],
  ['a drill whose runs are', '0 0 * * 0', '@every 30h', 0],
])('%s sees nothing younger', (_, schedule, when, hours) => {
  expect(leastAge(parseCron(schedule), parseCron(when))).toBe(hours * HOUR);
});
