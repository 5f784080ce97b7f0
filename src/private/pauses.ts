import { CronSchedule } from './cron';
import { runsOf } from './runs';
import { sampleOf } from './simulation';

/** The runs of a time that is long enough to hold all that a schedule does. In UTC, since what a machine knows of time zones may change, and a manifest must not. */
export function usualRuns(schedule: CronSchedule): number[] {
  return runsOf(schedule, 'UTC', ...sampleOf(schedule));
}

// many schedules run at the same time
const known = new Map<string, number>();

/** The longest time between two runs of a schedule, in seconds. */
export function longestInterval(schedule: CronSchedule): number {
  if (schedule.kind === 'every') { return schedule.seconds; }
  const key = JSON.stringify(schedule);
  const longest = known.get(key) ?? longestPause(usualRuns(schedule)) / 1000;
  known.set(key, longest);
  return longest;
}

/** The longest time between two of these runs, one after the other, in milliseconds. */
export function longestPause(runs: readonly number[]): number {
  return runs.reduce((longest, run, i) => i === 0 ? longest : Math.max(longest, run - runs[i - 1]), 0);
}
