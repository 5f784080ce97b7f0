import { Duration } from 'cdk8s';
import { CronSchedule, shortestInterval } from './cron';
import { driverFacts } from './driver-catalogue';
import { expirySeconds, lockedSeconds, lockedUntil } from './driver-facts';
import { Parameters } from './driver-rules';
import { simulate } from './simulation';
import { Origin, reject } from './validate';
import { CsiDriver } from '../csi-driver';
import { PERIODS } from '../retention/calendar';
import { RetentionRules } from '../retention/plan';

const YEAR = 365 * 86_400;
const UTC_NAMES = ['UTC', 'Etc/UTC'];

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
  requirePendingWithinLimits(origin, driver, maxNotReady);
  const most = driver?.maxSnapshotsPerVolume;
  // the simulation takes its time, so it is asked only if a sum does not settle it
  if (most === undefined || atMost(rules, shortest) <= most) { return; }
  const needed = mostNeeded(rules, schedule);
  if (needed > most) {
    reject(origin, 'retention', {
      problem: `the driver ${driver?.name} has no room for them, and one more while it is taken`,
      got: needed - 1,
      allowed: `at most ${most - 1} of its ${most} snapshots of a volume`,
      fix: 'keep fewer; retention.preview() shows what it comes to',
    });
  }
}

/** Refuses to have more snapshots of a volume under way than a driver makes at once. */
export function requirePendingWithinLimits(origin: Origin, driver: CsiDriver | undefined, maxNotReady: number): void {
  const pending = driver && driverFacts(driver.name).maxPendingPerVolume;
  if (pending !== undefined && maxNotReady > pending) {
    reject(origin, 'maxNotReady', {
      problem: `the driver ${driver?.name} makes fewer snapshots of a volume at once`, got: maxNotReady, allowed: `at most ${pending}`, fix: 'lower it',
    });
  }
}

/** How many snapshots of a volume there will be at most, with the one that is being taken. */
export function mostNeeded(rules: RetentionRules, schedule: CronSchedule): number {
  return simulate(rules, schedule).most + (rules.keepLastVerified ?? 0);
}

/** A number that is at least as large, and the same whatever a machine knows of time zones, since it goes into a manifest. */
export function mostNeededAnywhere(rules: RetentionRules, schedule: CronSchedule): number {
  const { keepForSeconds: age = 0, timeZone = 'UTC' } = rules;
  return mostNeeded({ ...rules, timeZone: 'UTC' }, schedule) + (UTC_NAMES.includes(timeZone) ? 0 : byClocks(age));
}

/** A driver with the parameters of the class. */
export interface DriverOfClass {
  readonly driver: string;
  readonly parameters: Parameters;
}

/** Refuses to let snapshots go before the storage does, and to keep them when the storage does not. Without a schedule only their age counts. */
export function requireKeptAlike(
  origin: Origin, taken: DriverOfClass | undefined, rules: RetentionRules, schedule: CronSchedule | undefined, storageIsPruned: boolean,
): void {
  if (!taken) { return; }
  const locked = lockedSeconds(taken.driver, taken.parameters);
  if (locked !== undefined && storageIsPruned) {
    const soonest = schedule ? simulate(rules, schedule).soonestPrune / 1000 : rules.keepForSeconds ?? 0;
    if (soonest < locked) {
      reject(origin, 'retention', {
        problem: 'snapshots are pruned while the storage still locks them, and that would fail',
        got: soonest === 0 ? 'any age' : Duration.seconds(soonest),
        allowed: `an age of at least ${Duration.seconds(locked).toHumanString()}, the lock of the class`,
        fix: 'keep each snapshot for longer with keepFor, or shorten the lock',
      });
    }
  }
  const until = lockedUntil(taken.driver, taken.parameters);
  if (until !== undefined && schedule) {
    reject(origin, 'snapshotClass', {
      problem: 'its snapshots are locked until a date, after which the driver takes none',
      got: until,
      allowed: 'a class without a lock, or with one that has a duration',
      fix: 'lock for a duration',
    });
  }
  const expiry = expirySeconds(taken.driver, taken.parameters);
  if (expiry !== undefined && schedule) {
    const longest = rules.keepLastVerified === undefined ? simulate(rules, schedule).longestKept / 1000 : Infinity;
    if (longest > expiry) {
      reject(origin, 'retention', {
        problem: 'the storage deletes its snapshots before they are pruned, and asks nobody',
        got: longest === Infinity ? 'any age, for keepLastVerified' : Duration.seconds(longest),
        allowed: `an age of at most ${Duration.seconds(expiry).toHumanString()}, when the snapshots of the class expire`,
        fix: 'keep them for less time, or let them expire later or not at all',
      });
    }
  }
}

/** More than there will ever be: what each rule keeps by itself, and the one that is being taken. */
function atMost(rules: RetentionRules, intervalSeconds: number): number {
  const { keepForSeconds: age } = rules;
  const byAge = age === undefined ? 0 : Math.ceil(age / intervalSeconds) + byClocks(age);
  return byAge + mostByNumber(rules) + 1;
}

/** Two more a year are young enough, since clocks that are put back may make two runs of one, and others a shorter day. */
function byClocks(age: number): number {
  return 2 * Math.ceil(age / YEAR);
}

/** How many snapshots of a volume the rules keep at most, those that go by age left aside. */
export function mostByNumber(rules: RetentionRules): number {
  const tiers = PERIODS.reduce((sum, period) => sum + (rules[period] ?? 0), 0);
  return tiers + Math.max(rules.keepLast ?? 0, rules.minimumReady) + (rules.keepLastVerified ?? 0);
}
