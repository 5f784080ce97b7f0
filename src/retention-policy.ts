import { Duration } from 'cdk8s';
import { Origin, reject, requireDuration, requireInteger, requireKnownKeys } from './private/validate';
import { RetentionRules } from './retention/plan';

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
   * Never have fewer ready snapshots of a claim than this, however old they are. At least 1.
   *
   * It is what is left after an outage that lasted longer than `keepFor`.
   *
   * @default 1
   */
  readonly minimumReady?: number;
}

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
   * Combines rules; a snapshot is kept if any of them keeps it.
   *
   * @param options the rules, at least one of `keepLast` and `keepFor`
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
   * How many ready snapshots of a claim stay whatever the other rules say.
   */
  public readonly minimumReady: number;

  private constructor(options: RetentionPolicyOptions) {
    requireKnownKeys('RetentionPolicy', options, { keepLast: true, keepFor: true, minimumReady: true });
    this.keptCount = options.keepLast;
    this.keptDuration = options.keepFor;
    this.minimumReady = options.minimumReady ?? 1;
    if (this.keptCount === undefined && this.keptDuration === undefined) {
      reject('RetentionPolicy', 'keepLast', {
        problem: 'no rule keeps anything',
        got: options,
        allowed: 'keepLast, keepFor or both',
        fix: 'say how many or how long',
      });
    }
    if (this.keptCount !== undefined) { requireInteger('RetentionPolicy', 'keepLast', this.keptCount, 1); }
    if (this.keptDuration !== undefined) { requireDuration('RetentionPolicy', 'keepFor', this.keptDuration, Duration.minutes(1), Duration.days(3653)); }
    requireInteger('RetentionPolicy', 'minimumReady', this.minimumReady, 1);
  }

  /**
   * Checks the rules against the time between two runs.
   *
   * @internal
   */
  public _requireFits(origin: Origin, intervalSeconds: number): void {
    const keepsByNumber = this.keptCount !== undefined || this.minimumReady > 1;
    if (this.keptDuration !== undefined && !keepsByNumber && this.keptDuration.toSeconds() < intervalSeconds) {
      reject(origin, 'retention', {
        problem: 'each snapshot would be too old before the next is taken, so the rule keeps nothing',
        got: this.keptDuration,
        allowed: `at least the time between two runs, ${Duration.seconds(intervalSeconds).toHumanString()}`,
        fix: 'keep them longer, or add keepLast or minimumReady',
      });
    }
  }

  /**
   * What the runner reads.
   *
   * @internal
   */
  public _toRules(): RetentionRules {
    return { keepLast: this.keptCount, keepForSeconds: this.keptDuration?.toSeconds(), minimumReady: this.minimumReady };
  }
}
