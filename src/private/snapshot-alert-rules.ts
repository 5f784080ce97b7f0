import { AlertRule, AlertSettings } from './alert';
import { ofCronJob, suspended } from './alert-expressions';
import { staleAfter } from './alert-thresholds';
import { anyOf, indent, Matchers, select } from './promql';
import { CONTENT_METRIC_PREFIX, GROUP_METRIC_PREFIX, METRIC_PREFIX } from './snapshot-metrics-config';
import { Watched, WatchedSnapshots } from './watched';
import { inWords } from '../retention/plan';
import { SNAPSHOT_NAME_PATTERN } from '../runner/config';
import { SnapshotAlert } from '../snapshot-alert';

/** As the circuit breaker of the runner: a copy that takes longer keeps no claim without snapshots. */
const STUCK_AFTER = 7 * 86_400;
/** Of what a driver keeps, so much is close to its limit. */
const CLOSE = 0.9;

/** The alerts about the snapshots of a schedule, on the metrics of `SnapshotMetrics`. */
export function snapshotRules(watched: Watched, settings: AlertSettings): AlertRule[] {
  const snapshots = watched.snapshots!;
  const { matchers } = settings;
  const series = seriesOf(watched, snapshots, matchers);
  const schedule = `schedule ${watched.namespace}/${watched.name}`;
  const waited = snapshots.stagger + snapshots.readyTimeout;
  return [
    {
      alert: SnapshotAlert.CIRCUIT_OPEN,
      expr: `max(count by (claim_uid) ((\n${indent(series.waiting)}\n) > time() - ${STUCK_AFTER})) >= ${snapshots.maxNotReady}`,
      for: '1m',
      summary: `The ${schedule} takes no more snapshots of a claim.`,
      description: `{{ $value }} of its newest snapshots are not ready, and with ${snapshots.maxNotReady} no more are taken, so that storage that fails `
        + 'is not buried. It goes on by itself once one of them is ready.',
    },
    {
      alert: SnapshotAlert.NOT_READY,
      expr: `count((\n${indent(series.waiting)}\n) < time() - ${waited})`,
      for: '5m',
      summary: `Snapshots of the ${schedule} do not get ready.`,
      description: `{{ $value }} snapshots are not ready after ${inWords(waited)}, for which their run waited, and none of their claim that is newer is.`,
    },
    {
      alert: SnapshotAlert.STORAGE_ERROR,
      expr: `count(\n${indent(series.waiting)}\n  and ${series.each('status_error_time')}\n)`,
      for: '15m',
      summary: `The storage does not make the snapshots of the ${schedule}.`,
      description: '{{ $value }} snapshots have an error. The storage is asked again and again; what it says is in their status.',
    },
    missingRule(watched, snapshots, settings),
    ...limitRule(watched, snapshots, matchers),
  ];
}

/** The alert about what a look for orphans would list. */
export function orphansRules({ listed, name, namespace }: Watched, { matchers }: AlertSettings): AlertRule[] {
  if (!listed) { return []; }
  const contents = select(`${CONTENT_METRIC_PREFIX}_created`, {
    // one that was never bound to a snapshot belongs to whoever made it
    snapshot_uid: '~.+',
    volumesnapshot: `~${SNAPSHOT_NAME_PATTERN}`,
    hold: '~|false',
    ...listed.namespaces && { namespace: anyOf(listed.namespaces) },
    ...matchers,
  });
  return [{
    alert: SnapshotAlert.ORPHANS_FOUND,
    expr: `count(\n  max by (snapshot_uid) (${contents})\n  unless max by (snapshot_uid) (${select(`${METRIC_PREFIX}_created`, matchers)})\n)`,
    for: '1d',
    summary: 'There is storage of snapshots that are gone.',
    description: `{{ $value }} VolumeSnapshotContents have no VolumeSnapshot any more, and are billed. The last message of ${namespace}/${name} names them.`,
  }];
}

/** The runs say that all is well, and it is not: somebody deletes snapshots, or a claim is left out. */
function missingRule(watched: Watched, snapshots: WatchedSnapshots, { matchers, toleratedMisses }: AlertSettings): AlertRule {
  const seconds = staleAfter(watched, toleratedMisses);
  // a claim that is no longer covered keeps old snapshots, so only those that are known by name can be counted
  const claims = snapshots.grouped ? undefined : snapshots.claims;
  const expected = claims?.length ?? 1;
  const { each } = seriesOf(watched, snapshots, { ...matchers, ...claims && { persistentvolumeclaim: anyOf(claims) } }, 'persistentvolumeclaim');
  const young = `(${each('status_creation_time')} > time() - ${seconds})
and ${each('status_ready_to_use', { condition: 'true' })}
unless ${each('deletion_timestamp')}`;
  const counted = claims ? `count(count by (persistentvolumeclaim) (\n${indent(young)}\n))` : `count(\n${indent(young)}\n)`;
  return {
    alert: SnapshotAlert.SNAPSHOTS_MISSING,
    expr: `((${counted}) or vector(0)) < ${expected}
and time() - ${ofCronJob('kube_cronjob_status_last_successful_time', watched, matchers)} <= ${seconds}
unless ${suspended(watched, matchers)}`,
    for: '15m',
    summary: `The runs of the schedule ${watched.namespace}/${watched.name} succeed, and good snapshots are missing.`,
    description: (expected === 1 ? 'There is no good snapshot' : `Only {{ $value }} of ${expected} claims have a good snapshot`)
      + ` that is younger than ${inWords(seconds)}. Snapshots were deleted, or their metrics are not there.`,
  };
}

function limitRule(watched: Watched, { grouped, room }: WatchedSnapshots, matchers: Matchers): AlertRule[] {
  if (!room || grouped) { return []; }
  const { driver, limit } = room;
  const needed = room.needed();
  // what retention keeps is no surprise
  const most = Math.min(limit, Math.max(Math.ceil(CLOSE * limit), needed));
  const contents = select(`${CONTENT_METRIC_PREFIX}_created`, { driver, ...matchers });
  const own = select(`${METRIC_PREFIX}_created`, { namespace: watched.namespace, schedule: watched.snapshots!.scheduleId, ...matchers });
  return [{
    alert: SnapshotAlert.NEAR_DRIVER_LIMIT,
    // by volume and not by claim, so that what is orphaned counts
    expr: `max(
  count by (volume_handle) (max by (volume_handle, volumesnapshotcontent) (${contents}))
  and on (volume_handle) (${contents} and on (snapshot_uid) ${own})
) >= ${most}`,
    // while a run takes its own there is one more than it keeps
    for: inWords(Math.max(3600, watched.activeDeadline)),
    summary: `A volume of the schedule ${watched.namespace}/${watched.name} has almost as many snapshots as its driver keeps.`,
    description: `It has {{ $value }}, the driver ${driver} keeps ${limit}, and the schedule needs ${needed}. When there is no room, every run fails.`,
  }];
}

interface Series {
  /** when those were made that are not ready, and newer than the newest that is: what the circuit breaker counts */
  readonly waiting: string;
  /** a metric of the schedule's snapshots, with one series for each of them */
  each(metric: string, more?: Matchers): string;
}

function seriesOf({ namespace }: Watched, { grouped, scheduleId }: WatchedSnapshots, matchers: Matchers, by = 'claim_uid'): Series {
  const prefix = grouped ? GROUP_METRIC_PREFIX : METRIC_PREFIX;
  const each = (metric: string, more: Matchers = {}) =>
    `max by (${by}, snapshot_uid) (${select(`${prefix}_${metric}`, { namespace, schedule: scheduleId, ...more, ...matchers })})`;
  const created = each('created');
  const ready = each('status_ready_to_use', { condition: 'true' });
  return {
    each,
    waiting: `${created}
and ${each('status_ready_to_use', { condition: 'false' })}
unless ${each('deletion_timestamp')}
unless ${created} <= on (${by}) group_left () max by (${by}) (
  ${created}
  and ${ready}
)`,
  };
}
