// found again also among constructs of another copy of this package, where instanceof would fail

/** On scopes: the defaults for all below. */
export const DEFAULTS_MARK = Symbol.for('cdk8s-volume-snapshots.defaults');
/** On schedules, to find them in a tree: those that come before their defaults, and two with one identity. */
export const SCHEDULED_MARK = Symbol.for('cdk8s-volume-snapshots.scheduled');

/** On constructs with a CronJob that alerts watch: a function that says what they know of it, at synth. */
export const WATCHED_MARK = Symbol.for('cdk8s-volume-snapshots.watched');

/** What a construct with SCHEDULED_MARK is known by. */
export interface Scheduled {
  readonly namespace: string;
  readonly scheduleId: string;
}
