import { CHOSEN } from './dashboard-cron-jobs';
import { indent, Matchers, select } from './promql';
import { CONTENT_METRIC_PREFIX, GROUP_METRIC_PREFIX, METRIC_PREFIX } from './snapshot-metrics-config';

const OF_SCHEDULES: Matchers = { ...CHOSEN, schedule: '~$schedule' };

/** Queries about what schedules take, with one series for each claim, or for each schedule of groups. */
export interface TakenQueries {
  /** what a series is called in a graph */
  readonly legend: string;
  /** the seconds since the newest was cut that can be restored, and that no drill found bad */
  readonly age: string;
  /** how many there are */
  readonly count: string;
  /** for each that is not ready, the seconds since it was asked for */
  readonly notReady: string;
  /** for each for which the storage gives an error, the seconds since */
  readonly errors: string;
  /** for how long the application was held for the newest, in milliseconds */
  readonly held: string;
  /** how long the last drill took, in seconds */
  readonly recovery: string;
  /** every one that there is */
  readonly all: string;
}

/** Of single claims. */
export function snapshotQueries(matchers: Matchers): TakenQueries {
  const by = 'namespace, schedule, persistentvolumeclaim';
  return takenQueries(METRIC_PREFIX, by, 'volumesnapshot', '{{namespace}}/{{persistentvolumeclaim}} ({{schedule}})', matchers);
}

/** Of several claims together; their members have no schedule, since they are kept and pruned by group. */
export function groupQueries(matchers: Matchers): TakenQueries {
  return takenQueries(GROUP_METRIC_PREFIX, 'namespace, schedule', 'volumegroupsnapshot', '{{namespace}}/{{schedule}} (group)', matchers);
}

function takenQueries(prefix: string, by: string, name: string, legend: string, matchers: Matchers): TakenQueries {
  const each: Each = (metric, more = {}) =>
    `max by (${by}, ${name}, snapshot_uid) (${select(`${prefix}_${metric}`, { ...OF_SCHEDULES, ...more, ...matchers })})`;
  const notReady = `${each('status_ready_to_use', { condition: 'false' })}\n  unless ${each('deletion_timestamp')}`;
  return {
    legend,
    age: `time() - max by (${by}) (\n${indent(goodOf(each))}\n)`,
    count: `count by (namespace, schedule) (${each('created')})`,
    notReady: `time() - (\n  ${each('created')}\n  and ${notReady}\n)`,
    errors: `time() - (\n  ${each('status_error_time')}\n  and ${notReady}\n)`,
    held: newest(by, each, 'held_milliseconds', 'created'),
    recovery: newest(by, each, 'recovery_seconds', 'verified_time'),
    all: each('created'),
  };
}

/** A metric of a snapshot, the same however many copies of kube-state-metrics there are. */
type Each = (metric: string, more?: Matchers) => string;

/** When those were cut that a restore would take. */
function goodOf(each: Each): string {
  return `${each('status_creation_time', { verified: '~|true' })}
and ${each('status_ready_to_use', { condition: 'true' })}
unless ${each('deletion_timestamp')}`;
}

/** Of those that have a metric, its value at the one with the latest moment. */
function newest(by: string, each: Each, metric: string, moment: string): string {
  const moments = `(${each(moment)} and ${each(metric)})`;
  return `max by (${by}) (
  ${each(metric)}
  and (${moments} == on (${by}) group_left () max by (${by}) ${moments})
)`;
}

/** One for each claim of some namespaces without a snapshot that can be restored, of whatever schedule or hand. */
export function uncoveredClaims(matchers: Matchers, ofNamespaces: Matchers, grouped: boolean): string {
  const good = (prefix: string, by: string) => {
    const each: Each = (metric, more = {}) => `max by (${by}, snapshot_uid) (${select(`${prefix}_${metric}`, { ...CHOSEN, ...more, ...matchers })})`;
    return goodOf(each);
  };
  return [
    claims(matchers, ofNamespaces),
    `unless on (namespace, persistentvolumeclaim) (\n${indent(good(METRIC_PREFIX, 'namespace, persistentvolumeclaim'))}\n)`,
    // a member does not tell whose it is, so that a good group covers its namespace
    ...grouped ? [`unless on (namespace) (\n${indent(good(GROUP_METRIC_PREFIX, 'namespace'))}\n)`] : [],
  ].join('\n');
}

/** One for each claim of some namespaces. */
export function claims(matchers: Matchers, ofNamespaces: Matchers): string {
  return `max by (namespace, persistentvolumeclaim) (${select('kube_persistentvolumeclaim_info', CHOSEN, ofNamespaces, matchers)})`;
}

/** The bytes of all contents, orphans too: what a volume of each would need. */
export function storedBytes(matchers: Matchers): string {
  const bytes = select(`${CONTENT_METRIC_PREFIX}_status_restore_size_bytes`, { ...CHOSEN, ...matchers });
  return `sum by (namespace, driver) (max by (namespace, driver, volumesnapshotcontent) (${bytes}))`;
}

/** The bytes of the snapshots of each schedule. */
export function scheduleBytes(matchers: Matchers): string {
  const bytes = select(`${METRIC_PREFIX}_status_restore_size_bytes`, { ...OF_SCHEDULES, ...matchers });
  return `sum by (namespace, schedule) (max by (namespace, schedule, snapshot_uid) (${bytes}))`;
}

/** One for each content, with what tells it apart. */
export function contents(matchers: Matchers): string {
  const by = 'namespace, volumesnapshotcontent, volumesnapshot, snapshot_uid, driver, deletion_policy, hold';
  // one that was never bound to a snapshot belongs to whoever made it
  return `max by (${by}) (${select(`${CONTENT_METRIC_PREFIX}_created`, { ...CHOSEN, snapshot_uid: '~.+', ...matchers })})`;
}

/** For each content whose snapshot is gone, the seconds since it was made. */
export function orphans(matchers: Matchers): string {
  return `time() - (\n  ${contents(matchers)}\n  unless on (snapshot_uid) ${select(`${METRIC_PREFIX}_created`, matchers)}\n)`;
}
