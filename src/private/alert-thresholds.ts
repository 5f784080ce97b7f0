import { CronSchedule, parseCron } from './cron';
import { longestInterval } from './pauses';
import { Watched } from './watched';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** To start a Job and a pod, and for what is measured late. */
const SLACK = 10 * MINUTE;

/**
 * A success is this old at most if all runs but the tolerated ones succeed, in seconds: the longest time between
 * two runs, and as long as the later one may take.
 */
export function staleAfter({ activeDeadline, expression, timeZone }: Watched, toleratedMisses: number): number {
  const cron = parseCron(expression);
  return (1 + toleratedMisses) * longestWait(cron) + activeDeadline + clockChange(cron, timeZone) + SLACK;
}

/** A run should have ended by then, in seconds: one that waits for half of the time that it has for its snapshots is likely to wait for all of it. */
export function pendingAfter({ activeDeadline, snapshots }: Watched): number {
  return snapshots ? snapshots.stagger + Math.max(MINUTE, Math.ceil(snapshots.readyTimeout / 2)) : activeDeadline;
}

/** People forget what they suspended for an evening; a run less is what they wanted. */
export function suspendedAfter({ expression }: Watched): number {
  return Math.max(DAY, longestWait(parseCron(expression)));
}

/** In seconds. Jobs are named by the minute, so that one of a schedule of seconds may have to wait for the next one. */
function longestWait(cron: CronSchedule): number {
  return longestInterval(cron) + (cron.kind === 'every' ? MINUTE : 0);
}

/** Once a year there is an hour more between two runs, unless there is one in each hour. */
function clockChange(cron: CronSchedule, timeZone: string): number {
  return cron.kind === 'every' || cron.hours.length === 24 || /^(Etc\/)?UTC$/.test(timeZone) ? 0 : HOUR;
}
