import { Duration } from 'cdk8s';
import { CronSchedule, shortestInterval } from './cron';
import { driverFacts } from './driver-facts';
import { simulate } from './simulation';
import { Origin, reject } from './validate';
import { CsiDriver } from '../csi-driver';
import { PERIODS } from '../retention/calendar';
import { RetentionRules } from '../retention/plan';

const YEAR = 365 * 86_400;

/** Refuses what a driver is known not to do: to cut a volume again so soon, to make so many snapshots of it at once, or to keep so many. */
export function requireWithinLimits(
  origin: Origin, driver: CsiDriver | undefined, schedule: CronSchedule, rules: RetentionRules, maxNotReady: number,
): void {
  const shortest = shortestInterval(schedule);
  const interval = driver?.minimumInterval;
  if (interval !== undefined && shortest < interval.toSeconds()) {
    reject(origin, 'schedule', {
      problem: `two runs are too close for the driver ${driver?.name}`,
      got: Duration.seconds(shortest),
      allowed: `at least ${interval.toHumanString()} between two snapshots of a volume`,
      fix: 'run it less often',
    });
  }
  const pending = driver && driverFacts(driver.name).maxPendingPerVolume;
  if (pending !== undefined && maxNotReady > pending) {
    reject(origin, 'maxNotReady', {
      problem: `the driver ${driver?.name} makes fewer snapshots of a volume at once`, got: maxNotReady, allowed: `at most ${pending}`, fix: 'lower it',
    });
  }
  const most = driver?.maxSnapshotsPerVolume;
  // the simulation takes its time, so it is asked only if a sum does not settle it
  if (most === undefined || atMost(rules, shortest) <= most) { return; }
  const needed = simulate(rules, schedule).most;
  if (needed > most) {
    reject(origin, 'retention', {
      problem: `the driver ${driver?.name} has no room for them, and one more while it is taken`,
      got: needed - 1,
      allowed: `at most ${most - 1} of its ${most} snapshots of a volume`,
      fix: 'keep fewer; retention.preview() shows what it comes to',
    });
  }
}

/** More than there will ever be: what each rule keeps by itself, and the one that is being taken. */
function atMost(rules: RetentionRules, intervalSeconds: number): number {
  const tiers = PERIODS.reduce((sum, period) => sum + (rules[period] ?? 0), 0);
  // two more a year, since clocks that are put back may make two runs of one
  const { keepForSeconds: age } = rules;
  const byAge = age === undefined ? 0 : Math.ceil(age / intervalSeconds) + 2 * Math.ceil(age / YEAR);
  return tiers + byAge + Math.max(rules.keepLast ?? 0, rules.minimumReady) + 1;
}
