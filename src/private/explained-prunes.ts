import { CronSchedule } from './cron';
import { longestPause, usualRuns } from './pauses';
import { USUALLY_EXPLAINED } from '../retention/brake';
import { RetentionRules } from '../retention/plan';

/**
 * How many snapshots of a claim one run may prune with no sign of an accident; absent if they
 * are as few as usual. By age, the first run after a pause prunes no more than were taken in as
 * long a time as the pause; by number or by period, a run prunes about as many as it adds.
 */
export function explainedPrunes(rules: RetentionRules, schedule: CronSchedule): number | undefined {
  if (rules.keepForSeconds === undefined || schedule.kind === 'every') { return undefined; }
  const key = JSON.stringify(schedule);
  const most = known.get(key) ?? mostInPause(schedule);
  known.set(key, most);
  return most > USUALLY_EXPLAINED ? most : undefined;
}

// many schedules run at the same time
const known = new Map<string, number>();

/** How many runs there are at most in as long a time as the longest pause. */
function mostInPause(schedule: CronSchedule): number {
  const runs = usualRuns(schedule);
  return mostWithin(runs, longestPause(runs));
}

/** How many runs begin within any time of that length, at most. */
function mostWithin(runs: number[], length: number): number {
  let [first, most] = [0, 0];
  runs.forEach((run, i) => {
    while (runs[first] <= run - length) { first += 1; }
    most = Math.max(most, i - first + 1);
  });
  return most;
}
