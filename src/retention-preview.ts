import { Duration } from 'cdk8s';
import { CsiDriver } from './csi-driver';
import { CronSchedule, shortestInterval } from './private/cron';
import { driverFacts } from './private/driver-catalogue';
import { clockChanges } from './private/runs';
import { LONGEST_HISTORY_YEARS, Rule, sampleOf, simulate, Simulation } from './private/simulation';
import { PERIOD_NAMES, PERIODS } from './retention/calendar';
import { RetentionRules } from './retention/plan';

/**
 * Where and on what a policy is previewed.
 */
export interface RetentionPreviewOptions {
  /**
   * The time zone of the schedule: a name of the IANA database in its exact case.
   *
   * @see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones
   * @default Etc/UTC
   */
  readonly timeZone?: string;

  /**
   * The driver, whose limits are then looked at.
   *
   * @default - no limits are looked at
   */
  readonly driver?: CsiDriver;
}

/**
 * What is lost at most if damage is noticed within a time.
 */
export interface WorstCaseLoss {
  /**
   * How long after it was done the damage is noticed at the latest.
   */
  readonly noticedWithin: Duration;

  /**
   * Of how much time before the damage the work is lost, at the worst moment, when the newest good snapshot is restored.
   *
   * What was written after the damage is not in that snapshot either.
   */
  readonly loss: Duration;
}

/**
 * What a policy comes to on a schedule: how many snapshots there will be, how far back they reach, and what damage costs.
 *
 * It is that of each claim once the schedule has run long enough, if all runs
 * succeed. Nothing is asked and no clock is read: the runs of the year 2027 are
 * simulated, with all that lie behind them. Holds, failed runs and snapshots that were made by
 * hand are not in it.
 *
 * Made by `RetentionPolicy.preview` and `ScheduledSnapshot.preview`.
 *
 * @example
 * import { Cron, Duration } from 'cdk8s';
 * import { RetentionPolicy } from 'cdk8s-volume-snapshots';
 *
 * const policy = RetentionPolicy.of({ keepFor: Duration.hours(25), daily: 14, monthly: 13 });
 * const table = policy.preview(Cron.hourly(), { timeZone: 'Europe/Berlin' }).toString();
 */
export class RetentionPreview {
  /**
   * Simulates rules on a schedule.
   *
   * @internal
   */
  public static _of(rules: RetentionRules, schedule: CronSchedule, driver?: CsiDriver): RetentionPreview {
    const simulation = simulate(rules, schedule);
    return new RetentionPreview(simulation, notesOf(simulation, rules, schedule, driver));
  }

  /**
   * The most snapshots of a claim that ever exist at once, with the one that is just being taken.
   */
  public readonly mostSnapshots: number;

  /**
   * The fewest snapshots of a claim that are left when a run has pruned.
   */
  public readonly fewestSnapshots: number;

  /**
   * The age that the oldest snapshot has at least, at any time: how far back a restore always reaches.
   */
  public readonly oldestRestorePoint: Duration;

  private readonly _worstCaseLoss: WorstCaseLoss[];
  private readonly _notes: string[];

  private constructor(simulation: Simulation, notes: string[]) {
    this.mostSnapshots = simulation.most;
    this.fewestSnapshots = simulation.fewest;
    this.oldestRestorePoint = durationOf(simulation.reach);
    this._worstCaseLoss = simulation.losses.map(({ noticedWithin, loss }) => ({ noticedWithin: durationOf(noticedWithin), loss: durationOf(loss) }));
    this._notes = notes;
  }

  /**
   * What is lost at most, by how soon damage is noticed: within an hour, a day, 7, 30 and 90 days, a year and so on, as far as the oldest restore point.
   *
   * If damage is noticed later than that, everything is lost.
   */
  public get worstCaseLoss(): WorstCaseLoss[] {
    return [...this._worstCaseLoss];
  }

  /**
   * What is unwise or may surprise, in words; empty if nothing is.
   */
  public get notes(): string[] {
    return [...this._notes];
  }

  /**
   * All of it as a table to read.
   */
  public toString(): string {
    const rows: [string, string][] = [
      ['snapshots of a claim', `${this.fewestSnapshots} to ${this.mostSnapshots}, with the one being taken`],
      ['oldest restore point', this.reach()],
      ['damage noticed within', 'loses at most'],
      ...this._worstCaseLoss.map(({ noticedWithin, loss }): [string, string] => [`  ${inWords(noticedWithin)}`, inWords(loss)]),
      ['  later', 'everything'],
    ];
    const width = Math.max(...rows.map(([name]) => name.length)) + 2;
    return [...rows.map(([name, value]) => `${name.padEnd(width)}${value}`), ...this._notes.map(note => `note: ${note}`)].join('\n');
  }

  private reach(): string {
    if (this.fewestSnapshots === 0) { return 'none at times'; }
    return this.oldestRestorePoint.toMinutes() === 0 ? 'the last run at times' : `at least ${inWords(this.oldestRestorePoint)} ago`;
  }
}

/** In the largest unit of which it is a whole number. */
function durationOf(milliseconds: number): Duration {
  const minutes = Math.floor(milliseconds / 60_000);
  if (minutes % 1440 === 0) { return Duration.days(minutes / 1440); }
  return minutes % 60 === 0 ? Duration.hours(minutes / 60) : Duration.minutes(minutes);
}

/** As Duration says it, but an hour is not 60 minutes. */
function inWords(duration: Duration): string {
  const minutes = duration.toMinutes();
  const parts: [number, string][] = [[Math.floor(minutes / 1440), 'day'], [Math.floor(minutes / 60) % 24, 'hour'], [minutes % 60, 'minute']];
  const words = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}${count === 1 ? '' : 's'}`);
  return words.join(' ') || 'no time';
}

/** From this share of a driver's limit on, it is near. */
const NEAR_LIMIT = 0.8;
/** So much of the runs must be alone in their day, week, … since a change of clocks may make two of one. */
const NEARLY_ALL = 0.95;
const MOST_CLOCK_EFFECTS = 4;
const HOUR_SECONDS = 3600;

function notesOf(simulation: Simulation, rules: RetentionRules, schedule: CronSchedule, driver: CsiDriver | undefined): string[] {
  return [
    ...minuteNotes(schedule),
    ...driverNotes(simulation, schedule, driver),
    ...clockNotes(schedule, rules.timeZone ?? 'UTC'),
    ...ruleNotes(simulation, rules),
    ...floorNotes(simulation, rules),
  ];
}

/** What was synthesized before synth refused it, or was said in words. */
function minuteNotes(schedule: CronSchedule): string[] {
  return schedule.kind === 'fields' && schedule.minutes.length === 60 && schedule.hours.length < 24
    ? ["it runs in every minute of some hours, and in none of the others: perhaps one run is meant; write minute: '0'"]
    : [];
}

function driverNotes({ most }: Simulation, schedule: CronSchedule, driver: CsiDriver | undefined): string[] {
  const notes: string[] = [];
  const limit = driver?.maxSnapshotsPerVolume ?? Infinity;
  if (most > limit) {
    notes.push(`the driver ${driver?.name} keeps ${limit} snapshots of a volume, and there would be ${most}: a schedule is refused; keep fewer`);
  } else if (most > NEAR_LIMIT * limit) {
    notes.push(`the driver ${driver?.name} keeps ${limit} snapshots of a volume, and there are up to ${most}: holds and manual snapshots have little room`);
  }
  const interval = shortestInterval(schedule);
  const pending = driver && driverFacts(driver.name).maxPendingPerVolume;
  if (pending !== undefined && interval < HOUR_SECONDS) {
    notes.push(`the driver ${driver?.name} copies each snapshot, ${pending} of a volume at once, and there are ${Math.floor(HOUR_SECONDS / interval)} runs an hour: `
      + 'while copies take longer, runs fail');
  }
  if (driver?.outlivesVolume === false) {
    notes.push(`the driver ${driver.name} keeps snapshots in their volume, and all are lost when it is deleted: take copies elsewhere too`);
  }
  const least = driver?.minimumInterval?.toSeconds() ?? 0;
  if (interval < least) {
    notes.push(`the driver ${driver?.name} needs ${least} seconds between two snapshots of a volume, and two runs are ${interval} apart: a schedule is refused`);
  }
  return notes;
}

/** Of schedules that run less often than clocks are put forward; others skip or double a time and yet run as evenly as ever. */
function clockNotes(schedule: CronSchedule, timeZone: string): string[] {
  const interval = shortestInterval(schedule) * 1000;
  const effects = clockChanges(schedule, timeZone, ...sampleOf(schedule)).filter(({ shift }) => interval > shift).slice(0, MOST_CLOCK_EFFECTS);
  if (effects.length === 0) { return []; }
  const words = effects.map(({ effect, date, time, clocks: [before, after] }) =>
    `${effect === 'skipped' ? 'no run' : 'two runs'} at ${time} on ${date}, when clocks go from ${before} to ${after}`);
  return [`in ${timeZone} there ${effects[0].effect === 'skipped' ? 'is' : 'are'} ${words.join('; ')}; choose a time some hours away from it`];
}

function ruleNotes({ pointless, periods, runs }: Simulation, rules: RetentionRules): string[] {
  const shown: { [rule in Rule]: () => string } = {
    keepLast: () => `keepLast: ${rules.keepLast}`,
    keepFor: () => `keepFor: ${inWords(Duration.seconds(rules.keepForSeconds ?? 0))}`,
    hourly: () => `hourly: ${rules.hourly}`,
    daily: () => `daily: ${rules.daily}`,
    weekly: () => `weekly: ${rules.weekly}`,
    monthly: () => `monthly: ${rules.monthly}`,
    yearly: () => `yearly: ${rules.yearly}`,
  };
  const alone = PERIODS.filter(period => periods[period] >= NEARLY_ALL * runs);
  const coarsest = alone[alone.length - 1];
  const tooFine = PERIODS.filter(period => rules[period] !== undefined && PERIODS.indexOf(period) < PERIODS.indexOf(coarsest));
  return [
    ...tooFine.map(period => `${shown[period]()} keeps ${rules[period]} runs, one ${PERIOD_NAMES[coarsest]} or more apart, `
      + `since the schedule runs once a ${PERIOD_NAMES[coarsest]}: the same as ${coarsest}: ${rules[period]}`),
    ...pointless.filter(rule => !tooFine.some(period => period === rule)).map(rule =>
      `${shown[rule]()} keeps nothing that the other rules do not keep, as long as runs succeed; what must be left after an outage is minimumReady`),
  ];
}

function floorNotes({ fewest, reach, capped }: Simulation, rules: RetentionRules): string[] {
  const notes: string[] = [];
  if (rules.minimumReady === 0) { notes.push('with minimumReady: 0, an outage may leave no snapshot at all'); }
  if (fewest === 0) {
    notes.push('at times no snapshot is kept at all');
  } else if (fewest <= 2) {
    notes.push(`no more than ${fewest === 1 ? 'one snapshot is' : 'two snapshots are'} kept at times: `
      + `damage that is older than ${reach === 0 ? 'the last run' : inWords(durationOf(reach))} may be in all of them`);
  }
  if (capped) { notes.push(`the rules reach further back than the ${LONGEST_HISTORY_YEARS} years that are simulated: in the end there are more`); }
  return notes;
}
