import { Series } from './promtool';

/** A Job of a CronJob; times are in seconds. */
export interface Run {
  readonly at: number;
  /** going on for ever if absent */
  readonly ends?: number;
  readonly failed?: boolean;
  /** when it is taken away, since newer ones have ended in the same way */
  readonly gone?: number;
}

export interface CronJob {
  readonly namespace: string;
  readonly name: string;
  readonly created?: number;
  readonly gone?: number;
  readonly suspended?: (time: number) => boolean;
  readonly runs: readonly Run[];
}

/** What kube-state-metrics tells of a CronJob and its Jobs. */
export function cronJobSeries(cronJob: CronJob): Series[] {
  const { created = 0, gone = Infinity, name, namespace, runs } = cronJob;
  const labels = { namespace, cronjob: name };
  const whileThere = (value: (time: number) => number | undefined) => (time: number) => time >= created && time < gone ? value(time) : undefined;
  const lastSuccess = (time: number) => {
    const ends = runs.filter(run => !run.failed && run.ends !== undefined && run.ends <= time).map(run => run.ends!);
    return ends.length > 0 ? Math.max(...ends) : undefined;
  };
  return [
    { metric: 'kube_cronjob_created', labels, value: whileThere(() => created) },
    { metric: 'kube_cronjob_spec_suspend', labels, value: whileThere(time => cronJob.suspended?.(time) ? 1 : 0) },
    { metric: 'kube_cronjob_status_last_successful_time', labels, value: whileThere(lastSuccess) },
    ...runs.flatMap(run => jobSeries(namespace, name, run)),
  ];
}

function jobSeries(namespace: string, cronJob: string, { at, ends = Infinity, failed = false, gone = Infinity }: Run): Series[] {
  const labels = { namespace, job_name: `${cronJob}-${at}` };
  const between = (from: number, value: number) => (time: number) => time >= from && time < gone ? value : undefined;
  const metric = failed ? 'kube_job_failed' : 'kube_job_complete';
  return [
    { metric: 'kube_job_created', labels, value: between(at, at) },
    { metric: 'kube_job_owner', labels: { ...labels, owner_kind: 'CronJob', owner_name: cronJob, owner_is_controller: 'true' }, value: between(at, 1) },
    ...['true', 'false', 'unknown'].map(condition => ({ metric, labels: { ...labels, condition }, value: between(ends, condition === 'true' ? 1 : 0) })),
  ];
}

/** A VolumeSnapshot, or a group. */
export interface Snapshot {
  readonly namespace: string;
  readonly schedule: string;
  readonly uid: string;
  readonly claim?: string;
  readonly created: number;
  readonly cut?: number;
  readonly ready?: number;
  readonly error?: number;
  readonly deleting?: number;
  readonly gone?: number;
}

/** What kube-state-metrics tells of a snapshot by the configuration of SnapshotMetrics. */
export function snapshotSeries(snapshot: Snapshot, prefix = 'kube_volumesnapshot'): Series[] {
  const { claim, created, namespace, schedule, uid } = snapshot;
  const { cut = Infinity, deleting = Infinity, error = Infinity, gone = Infinity, ready = Infinity } = snapshot;
  const labels = { namespace, schedule, snapshot_uid: uid, ...claim !== undefined && { persistentvolumeclaim: claim, claim_uid: `uid-of-${claim}` } };
  const between = (metric: string, from: number, until: number, value: number, more = {}): Series => ({
    metric: `${prefix}_${metric}`, labels: { ...labels, ...more }, value: time => time >= from && time < until ? value : undefined,
  });
  return [
    between('created', created, gone, created),
    between('status_ready_to_use', created, Math.min(ready, gone), 1, { condition: 'false' }),
    between('status_ready_to_use', ready, gone, 1, { condition: 'true' }),
    between('status_creation_time', cut, gone, cut),
    between('status_error_time', error, Math.min(ready, gone), error),
    between('deletion_timestamp', deleting, gone, deleting),
  ];
}

export interface Content {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly volume: string;
  readonly driver: string;
  readonly created: number;
  readonly gone?: number;
  readonly hold?: string;
}

export function contentSeries({ created, driver, gone = Infinity, hold, name, namespace, uid, volume }: Content): Series {
  return {
    metric: 'kube_volumesnapshotcontent_created',
    labels: {
      volumesnapshotcontent: `snapcontent-${uid}`,
      driver,
      namespace,
      volumesnapshot: name,
      snapshot_uid: uid,
      volume_handle: volume,
      ...hold !== undefined && { hold },
    },
    value: time => time >= created && time < gone ? created : undefined,
  };
}
