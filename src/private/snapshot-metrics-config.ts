import { GROUP_SNAPSHOT_API_GROUP, SNAPSHOT_API_GROUP } from './api';
import { KEYS } from '../runner/config';

/** What the names of the metrics of each kind begin with. */
export const METRIC_PREFIX = 'kube_volumesnapshot';
export const CONTENT_METRIC_PREFIX = 'kube_volumesnapshotcontent';
export const GROUP_METRIC_PREFIX = 'kube_volumegroupsnapshot';

type Path = string[];
interface Labels { readonly [label: string]: Path }

/** What is not there yet is no error; without this, each snapshot that is being taken is a line in the log of kube-state-metrics. */
const QUIET = 10;

const NAME: Path = ['metadata', 'name'];
const label = (key: string): Path => ['metadata', 'labels', key];
const annotation = (key: string): Path => ['metadata', 'annotations', key];

/** What a schedule writes on its snapshots and groups. */
const OWN_LABELS: Labels = {
  schedule: label(KEYS.schedule),
  consistency: label(KEYS.consistency),
  verified: label(KEYS.verified),
};

/**
 * The configuration of kube-state-metrics by which it tells the state of snapshots.
 *
 * @see https://github.com/kubernetes/kube-state-metrics/blob/main/docs/metrics/extend/customresourcestate-metrics.md
 */
export function metricsConfig(groupVersion?: string): object {
  return {
    kind: 'CustomResourceStateMetrics',
    spec: { resources: [snapshots(), contents(), ...groupVersion === undefined ? [] : [groups(groupVersion)]] },
  };
}

function snapshots(): object {
  return {
    groupVersionKind: { group: SNAPSHOT_API_GROUP, version: 'v1', kind: 'VolumeSnapshot' },
    metricNamePrefix: METRIC_PREFIX,
    errorLogV: QUIET,
    labelsFromPath: {
      namespace: ['metadata', 'namespace'],
      volumesnapshot: NAME,
      snapshot_uid: ['metadata', 'uid'],
      persistentvolumeclaim: ['spec', 'source', 'persistentVolumeClaimName'],
      snapshotclass: ['spec', 'volumeSnapshotClassName'],
      claim_uid: label(KEYS.claimUid),
      group: label(KEYS.group),
      ...OWN_LABELS,
    },
    metrics: [
      ...taken('the snapshot'),
      gauge('status_restore_size_bytes', 'The least size of a volume that is restored from the snapshot.', ['status', 'restoreSize']),
    ],
  };
}

function groups(version: string): object {
  return {
    groupVersionKind: { group: GROUP_SNAPSHOT_API_GROUP, version, kind: 'VolumeGroupSnapshot' },
    metricNamePrefix: GROUP_METRIC_PREFIX,
    errorLogV: QUIET,
    labelsFromPath: {
      namespace: ['metadata', 'namespace'],
      volumegroupsnapshot: NAME,
      snapshot_uid: ['metadata', 'uid'],
      ...OWN_LABELS,
    },
    metrics: taken('the group'),
  };
}

/** What VolumeSnapshots and VolumeGroupSnapshots have in common. */
function taken(what: string): object[] {
  return [
    {
      name: 'status_ready_to_use',
      help: `Always 1; the label condition says whether ${what} can be restored.`,
      // one that nobody has looked at yet has no status, and is not ready
      commonLabels: { condition: 'false' },
      labelsFromPath: { condition: ['status', 'readyToUse'] },
      each: { type: 'Info', info: { labelsFromPath: { snapshot_uid: ['metadata', 'uid'] } } },
    },
    gauge('created', `When ${what} was asked for, in Unix seconds.`, ['metadata', 'creationTimestamp']),
    gauge('deletion_timestamp', `When the deletion of ${what} was asked for, in Unix seconds.`, ['metadata', 'deletionTimestamp']),
    gauge('status_creation_time', `When the data of ${what} was cut, in Unix seconds.`, ['status', 'creationTime']),
    gauge('status_error_time', `When the storage last said why it does not make ${what}, in Unix seconds.`, ['status', 'error', 'time']),
    gauge('held_milliseconds', `For how long the application was held for ${what}.`, annotation(KEYS.held)),
    gauge('verified_time', `When a drill last looked at the data of ${what}, in Unix seconds.`, annotation(KEYS.verifiedAt)),
    gauge('recovery_seconds', `How long a drill took from ${what} to the verdict.`, annotation(KEYS.recoverySeconds)),
  ];
}

function contents(): object {
  return {
    groupVersionKind: { group: SNAPSHOT_API_GROUP, version: 'v1', kind: 'VolumeSnapshotContent' },
    metricNamePrefix: CONTENT_METRIC_PREFIX,
    errorLogV: QUIET,
    labelsFromPath: {
      volumesnapshotcontent: NAME,
      driver: ['spec', 'driver'],
      deletion_policy: ['spec', 'deletionPolicy'],
      volume_handle: ['spec', 'source', 'volumeHandle'],
      namespace: ['spec', 'volumeSnapshotRef', 'namespace'],
      volumesnapshot: ['spec', 'volumeSnapshotRef', 'name'],
      snapshot_uid: ['spec', 'volumeSnapshotRef', 'uid'],
      hold: annotation(KEYS.hold),
    },
    metrics: [
      gauge('created', 'When the content was made, in Unix seconds.', ['metadata', 'creationTimestamp']),
      gauge('status_restore_size_bytes', 'The least size of a volume that is restored from the content.', ['status', 'restoreSize']),
    ],
  };
}

/** A number, a moment, or a quantity; none where there is nothing. */
function gauge(name: string, help: string, path: Path): object {
  return { name, help, each: { type: 'Gauge', gauge: { path } } };
}
