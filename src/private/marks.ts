// found again also among constructs of another copy of this package, where instanceof would fail

/** On scopes: the defaults for all below. */
export const DEFAULTS_MARK = Symbol.for('cdk8s-volume-snapshots.defaults');
/** On constructs that take such defaults, so that defaults that come too late are an error. */
export const SCHEDULED_MARK = Symbol.for('cdk8s-volume-snapshots.scheduled');
