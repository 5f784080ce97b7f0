/**
 * What `SnapshotAlerts` tells people; the value is the name of the alert.
 */
export enum SnapshotAlert {
  /**
   * A schedule is old enough to have succeeded, and never did.
   */
  SCHEDULE_NEVER_SUCCEEDED = 'SnapshotScheduleNeverSucceeded',

  /**
   * The last success of a schedule is longer ago than two of its runs are apart.
   */
  SCHEDULE_STALE = 'SnapshotScheduleStale',

  /**
   * The newest run of a schedule that has ended failed.
   */
  SCHEDULE_FAILING = 'SnapshotScheduleFailing',

  /**
   * A run of a schedule has been going on for too long.
   */
  SCHEDULE_PENDING = 'SnapshotSchedulePending',

  /**
   * A schedule has been suspended for too long.
   */
  SCHEDULE_SUSPENDED = 'SnapshotScheduleSuspended',

  /**
   * No drill has passed for longer than two of them are apart, or ever.
   */
  DRILL_STALE = 'RestoreDrillStale',

  /**
   * The newest drill that has ended failed.
   */
  DRILL_FAILING = 'RestoreDrillFailing',

  /**
   * Nobody has looked for orphans for longer than two looks are apart, or ever.
   */
  ORPHANS_STALE = 'SnapshotOrphansStale',

  /**
   * The newest look for orphans that has ended failed.
   */
  ORPHANS_FAILING = 'SnapshotOrphansFailing',

  /**
   * No inventory was exported for longer than two of them are apart, or ever.
   */
  INVENTORY_STALE = 'SnapshotInventoryStale',

  /**
   * The newest inventory that has ended failed.
   */
  INVENTORY_FAILING = 'SnapshotInventoryFailing',

  /**
   * A clone with `refresh` was not refreshed for longer than two of its runs are apart, or ever.
   */
  CLONE_STALE = 'SnapshotCloneStale',

  /**
   * The newest refresh of a clone that has ended failed.
   */
  CLONE_FAILING = 'SnapshotCloneFailing',

  /**
   * A CronJob that is watched is not in the cluster.
   */
  CRON_JOB_MISSING = 'SnapshotCronJobMissing',

  /**
   * There are no metrics of any CronJob, so that no other alert can fire.
   */
  BLIND = 'SnapshotAlertsBlind',

  /**
   * As many snapshots of a claim are not ready that its schedule takes no more. Needs `snapshotMetrics`.
   */
  CIRCUIT_OPEN = 'SnapshotCircuitOpen',

  /**
   * A snapshot is not ready, longer than its run waited for it. Needs `snapshotMetrics`.
   */
  NOT_READY = 'SnapshotNotReady',

  /**
   * The storage says why it does not make a snapshot. Needs `snapshotMetrics`.
   */
  STORAGE_ERROR = 'SnapshotStorageError',

  /**
   * The runs of a schedule succeed, and a claim has no good snapshot that is young enough. Needs `snapshotMetrics`.
   */
  SNAPSHOTS_MISSING = 'SnapshotsMissing',

  /**
   * A volume has almost as many snapshots as its driver keeps. Needs `snapshotMetrics`.
   */
  NEAR_DRIVER_LIMIT = 'SnapshotNearDriverLimit',

  /**
   * There is storage of snapshots that are gone. Needs `snapshotMetrics`, and a `SnapshotOrphans` that lists.
   */
  ORPHANS_FOUND = 'SnapshotOrphansFound',
}
