import { CronSchedule } from './cron';
import { usualRuns } from './pauses';

/**
 * How long ago the last run of a schedule began at least, whenever something else starts, in milliseconds; 0 if that is not
 * known. In UTC, as all that a manifest depends on.
 */
export function leastAge(schedule: CronSchedule, other: CronSchedule): number {
  // when intervals are counted from, nobody knows
  if (schedule.kind === 'every' || other.kind === 'every') { return 0; }
  const runs = usualRuns(schedule);
  let last = -1;
  let least = Infinity;
  for (const start of usualRuns(other)) {
    while (runs[last + 1] <= start) { last += 1; }
    if (last >= 0) { least = Math.min(least, start - runs[last]); }
  }
  return least === Infinity ? 0 : least;
}
