import { Cron, Duration } from 'cdk8s';
import { requireCron } from './private/cron';
import { requireTimeZone } from './private/time-zone';
import { KnownKeys, Origin, reject, requireBoolean, requireDuration, requireInteger, requireKind, requireKnownKeys, requireOptional, requireText } from './private/validate';
import { PERIODS } from './retention/calendar';
import { RetentionRules } from './retention/plan';
import { RetentionPreview, RetentionPreviewOptions } from './retention-preview';

/**
 * The rules of a `RetentionPolicy`. A snapshot is kept if any rule keeps it.
 */
export interface RetentionPolicyOptions {
  /**
   * Keep so many of the newest ready snapshots of each claim. At least 1.
   *
   * @default - the number of snapshots alone keeps none
   */
  readonly keepLast?: number;

  /**
   * Keep each snapshot for this long after its data was cut. From one minute to ten years.
   *
   * @default - the age of a snapshot alone keeps none
   */
  readonly keepFor?: Duration;

  /**
   * Keep the newest snapshot of each of so many hours that have one. At least 1.
   *
   * Hours, days, weeks, months and years are those of the schedule's time zone;
   * one without a snapshot takes no place.
   *
   * @default - none is kept for being the newest of its hour
   */
  readonly hourly?: number;

  /**
   * Keep the newest snapshot of each of so many calendar days that have one. At least 1.
   *
   * @default - none is kept for being the newest of its day
   */
  readonly daily?: number;

  /**
   * Keep the newest snapshot of each of so many weeks that have one, Monday to Sunday. At least 1.
   *
   * @default - none is kept for being the newest of its week
   */
  readonly weekly?: number;

  /**
   * Keep the newest snapshot of each of so many calendar months that have one. At least 1.
   *
   * @default - none is kept for being the newest of its month
   */
  readonly monthly?: number;

  /**
   * Keep the newest snapshot of each of so many calendar years that have one. At least 1.
   *
   * @default - none is kept for being the newest of its year
   */
  readonly yearly?: number;

  /**
   * Keep so many of the newest snapshots of each claim that a `RestoreDrill` has found good, however old they are. At least 1.
   *
   * They come on top of what the other rules keep; the preview, which knows of no drills, leaves them out.
   *
   * @default - that a snapshot was verified keeps none
   */
  readonly keepLastVerified?: number;

  /**
   * Never have fewer ready snapshots of a claim than this, however old they are.
   * At least 1, or 0 together with `mayDeleteLastGood`.
   *
   * It is what is left after an outage that lasted longer than `keepFor`. What a drill has
   * found bad does not take the place of a snapshot that none has.
   *
   * @default 1
   */
  readonly minimumReady?: number;

  /**
   * Says in words that `minimumReady: 0` is meant: after an outage, no snapshot at all may be left.
   *
   * @default false
   */
  readonly mayDeleteLastGood?: boolean;
}

const OPTIONS: KnownKeys<RetentionPolicyOptions> = {
  keepLast: true,
  keepFor: true,
  hourly: true,
  daily: true,
  weekly: true,
  monthly: true,
  yearly: true,
  keepLastVerified: true,
  minimumReady: true,
  mayDeleteLastGood: true,
};

const PREVIEW_OPTIONS: KnownKeys<RetentionPreviewOptions> = { timeZone: true, driver: true };

/** More places than this are a slip of the pen: eleven years of hours. */
const MOST_KEPT = 100_000;

/**
 * Decides which snapshots of a schedule are kept.
 *
 * Rules are a union: a snapshot goes when no rule keeps it. They count each
 * claim by itself, only snapshots that are ready, and the time at which the data
 * was cut. Whatever the rules say, the last ready snapshot of a claim stays, and
 * a claim whose run failed loses nothing.
 *
 * @see https://kubernetes.io/docs/concepts/storage/volume-snapshots/
 * @example
 * import { Duration } from 'cdk8s';
 * import { RetentionPolicy } from 'cdk8s-volume-snapshots';
 *
 * // a week, and never fewer than three
 * RetentionPolicy.of({ keepFor: Duration.days(7), minimumReady: 3 });
 * // every snapshot of two days, then the newest of each of 14 days, 8 weeks and 12 months
 * RetentionPolicy.of({ keepFor: Duration.days(2), daily: 14, weekly: 8, monthly: 12 });
 */
export class RetentionPolicy {
  /**
   * Keeps each snapshot for a time.
   *
   * @param duration how long, counted from the moment at which the data was cut
   * @throws if the duration is shorter than a minute or longer than ten years
   * @example
   * import { Duration } from 'cdk8s';
   * import { RetentionPolicy } from 'cdk8s-volume-snapshots';
   *
   * RetentionPolicy.keepFor(Duration.days(30));
   */
  public static keepFor(duration: Duration): RetentionPolicy {
    return RetentionPolicy.of({ keepFor: duration });
  }

  /**
   * Keeps a number of the newest ready snapshots of each claim.
   *
   * @param count how many, at least 1
   * @throws if the count is less than 1 or no whole number
   * @example
   * import { RetentionPolicy } from 'cdk8s-volume-snapshots';
   *
   * RetentionPolicy.keepLast(14);
   */
  public static keepLast(count: number): RetentionPolicy {
    return RetentionPolicy.of({ keepLast: count });
  }

  /**
   * Keeps seven days, and never fewer than the newest three: what a schedule does unless told otherwise.
   *
   * @example
   * import { RetentionPolicy } from 'cdk8s-volume-snapshots';
   *
   * RetentionPolicy.sevenDays();
   */
  public static sevenDays(): RetentionPolicy {
    return RetentionPolicy.of({ keepFor: Duration.days(7), minimumReady: 3 });
  }

  /**
   * Keeps a year: the newest snapshot of each of 7 days, 5 weeks and 14 months, and never fewer than the newest three.
   *
   * The month that has just begun counts, and of the oldest one its end is kept, so that 14 months always reach back 365 days.
   *
   * @example
   * import { RetentionPolicy } from 'cdk8s-volume-snapshots';
   *
   * RetentionPolicy.oneYear();
   */
  public static oneYear(): RetentionPolicy {
    return RetentionPolicy.of({ daily: 7, weekly: 5, monthly: 14, minimumReady: 3 });
  }

  /**
   * Keeps seven years, as rules of compliance often ask: the newest snapshot of each of 35 days, 13 weeks and 86 months, and never fewer than the newest three.
   *
   * 86 months always reach back seven years, see `oneYear`. It does not by itself
   * stop anyone from deleting a snapshot: see `SnapshotHoldGuard`, and locks of the storage.
   *
   * @example
   * import { RetentionPolicy } from 'cdk8s-volume-snapshots';
   *
   * RetentionPolicy.sevenYears();
   */
  public static sevenYears(): RetentionPolicy {
    return RetentionPolicy.of({ daily: 35, weekly: 13, monthly: 86, minimumReady: 3 });
  }

  /**
   * Combines rules; a snapshot is kept if any of them keeps it.
   *
   * @param options the rules, at least one beside `minimumReady`
   * @throws if no rule is given, or one is out of its range
   * @example
   * import { Duration } from 'cdk8s';
   * import { RetentionPolicy } from 'cdk8s-volume-snapshots';
   *
   * RetentionPolicy.of({ keepLast: 10, keepFor: Duration.days(7) });
   */
  public static of(options: RetentionPolicyOptions): RetentionPolicy {
    return new RetentionPolicy(options);
  }

  /**
   * How many of the newest ready snapshots are kept, if the number matters.
   */
  public readonly keptCount?: number;

  /**
   * How long each snapshot is kept, if its age matters.
   */
  public readonly keptDuration?: Duration;

  /**
   * Of how many hours the newest snapshot is kept, if hours matter.
   */
  public readonly hourly?: number;

  /**
   * Of how many days the newest snapshot is kept, if days matter.
   */
  public readonly daily?: number;

  /**
   * Of how many weeks the newest snapshot is kept, if weeks matter.
   */
  public readonly weekly?: number;

  /**
   * Of how many months the newest snapshot is kept, if months matter.
   */
  public readonly monthly?: number;

  /**
   * Of how many years the newest snapshot is kept, if years matter.
   */
  public readonly yearly?: number;

  /**
   * How many of the newest verified snapshots are kept, if that matters.
   */
  public readonly verifiedCount?: number;

  /**
   * How many ready snapshots of a claim stay whatever the other rules say.
   */
  public readonly minimumReady: number;

  private constructor(options: RetentionPolicyOptions) {
    requireKnownKeys('RetentionPolicy', options, OPTIONS);
    this.keptCount = options.keepLast;
    this.keptDuration = options.keepFor;
    this.hourly = options.hourly;
    this.daily = options.daily;
    this.weekly = options.weekly;
    this.monthly = options.monthly;
    this.yearly = options.yearly;
    this.verifiedCount = options.keepLastVerified;
    this.minimumReady = options.minimumReady ?? 1;
    if (this.keptCount === undefined && this.keptDuration === undefined && PERIODS.every(period => this[period] === undefined)) {
      reject('RetentionPolicy', 'keepLast', {
        problem: 'no rule keeps anything',
        got: options,
        allowed: `at least one of keepLast, keepFor, ${PERIODS.join(', ')}`,
        fix: 'say how many or how long',
      });
    }
    if (this.keptCount !== undefined) { requireInteger('RetentionPolicy', 'keepLast', this.keptCount, 1, MOST_KEPT); }
    if (this.verifiedCount !== undefined) { requireInteger('RetentionPolicy', 'keepLastVerified', this.verifiedCount, 1, MOST_KEPT); }
    if (this.keptDuration !== undefined) { requireDuration('RetentionPolicy', 'keepFor', this.keptDuration, Duration.minutes(1), Duration.days(3653)); }
    for (const period of PERIODS) {
      if (this[period] !== undefined) { requireInteger('RetentionPolicy', period, this[period], 1, MOST_KEPT); }
    }
    requireBoolean('RetentionPolicy', 'mayDeleteLastGood', options.mayDeleteLastGood);
    requireInteger('RetentionPolicy', 'minimumReady', this.minimumReady, 0, MOST_KEPT);
    if (this.minimumReady === 0 && options.mayDeleteLastGood !== true) {
      reject('RetentionPolicy', 'minimumReady', {
        problem: 'the last good snapshot could be deleted',
        got: 0,
        allowed: 'at least 1, or 0 together with mayDeleteLastGood: true',
        fix: 'leave it out to keep one, or say in words that none may be left',
      });
    }
  }

  /**
   * Simulates the policy on a schedule: how many snapshots there will be, how far back they reach, and what damage costs.
   *
   * @param schedule when the runs begin
   * @param options in which time zone, and with which driver
   * @throws if the schedule or the time zone is not one that Kubernetes takes
   * @example
   * import { Cron } from 'cdk8s';
   * import { RetentionPolicy } from 'cdk8s-volume-snapshots';
   *
   * const preview = RetentionPolicy.oneYear().preview(Cron.schedule({ hour: '3', minute: '15' }), { timeZone: 'Europe/Berlin' });
   * const table = preview.toString();
   */
  public preview(schedule: Cron, options: RetentionPreviewOptions = {}): RetentionPreview {
    const origin = 'RetentionPolicy.preview';
    requireKnownKeys(origin, options, PREVIEW_OPTIONS);
    requireKind(origin, 'schedule', schedule, 'Cron');
    requireOptional(origin, 'driver', options.driver, 'CsiDriver');
    const timeZone = options.timeZone ?? 'Etc/UTC';
    requireTimeZone(origin, 'timeZone', timeZone);
    requireText(origin, 'schedule', schedule.expressionString);
    return RetentionPreview._of(this._toRules(timeZone), requireCron(origin, 'schedule', schedule.expressionString.trim()), options.driver);
  }

  /**
   * Checks the rules against the time between two runs.
   *
   * @internal
   */
  public _requireFits(origin: Origin, intervalSeconds: number): void {
    const keepsByNumber = this.keptCount !== undefined || this.minimumReady > 1 || PERIODS.some(period => this[period] !== undefined);
    if (this.keptDuration !== undefined && !keepsByNumber && this.keptDuration.toSeconds() < intervalSeconds) {
      reject(origin, 'retention', {
        problem: 'each snapshot would be too old before the next is taken, so the rule keeps nothing',
        got: this.keptDuration,
        allowed: `at least the time between two runs, ${Duration.seconds(intervalSeconds).toHumanString()}`,
        fix: 'keep them longer, or add keepLast, minimumReady, or a rule such as daily',
      });
    }
  }

  /**
   * What the runner reads.
   *
   * @internal
   */
  public _toRules(timeZone: string): RetentionRules {
    return {
      keepLast: this.keptCount,
      keepLastVerified: this.verifiedCount,
      keepForSeconds: this.keptDuration?.toSeconds(),
      hourly: this.hourly,
      daily: this.daily,
      weekly: this.weekly,
      monthly: this.monthly,
      yearly: this.yearly,
      timeZone,
      minimumReady: this.minimumReady,
    };
  }
}
