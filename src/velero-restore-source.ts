import { requireKind, requireName } from './private/validate';
import { VeleroBackup } from './velero-backup';
import { VeleroSchedule } from './velero-schedule';

/**
 * Which backup is restored.
 *
 * @example
 * import { VeleroRestoreSource } from 'cdk8s-volume-snapshots';
 *
 * VeleroRestoreSource.fromBackupName('shop-off-site-20260209043000');
 */
export class VeleroRestoreSource {
  /**
   * A backup, by its name, as `velero backup get` lists it.
   *
   * @param name name of the Backup
   * @throws if it is not a name
   * @example
   * import { VeleroRestoreSource } from 'cdk8s-volume-snapshots';
   *
   * VeleroRestoreSource.fromBackupName('shop-off-site-20260209043000');
   */
  public static fromBackupName(name: string): VeleroRestoreSource {
    requireName('VeleroRestoreSource.fromBackupName', 'name', name);
    return new VeleroRestoreSource({ backupName: name });
  }

  /**
   * A backup that is defined in the same app.
   *
   * @param backup the backup
   * @throws if it is none
   * @example
   * import { VeleroBackup, VeleroRestoreSource } from 'cdk8s-volume-snapshots';
   *
   * declare const backup: VeleroBackup;
   * VeleroRestoreSource.fromBackup(backup);
   */
  public static fromBackup(backup: VeleroBackup): VeleroRestoreSource {
    requireKind('VeleroRestoreSource.fromBackup', 'backup', backup, 'VeleroBackup');
    return new VeleroRestoreSource({ backupName: backup.name }, backup);
  }

  /**
   * The newest backup of a schedule that is complete; one that is `PartiallyFailed` is passed over.
   *
   * @param name name of the Schedule
   * @throws if it is not a name
   * @example
   * import { VeleroRestoreSource } from 'cdk8s-volume-snapshots';
   *
   * VeleroRestoreSource.newestOfScheduleName('shop-off-site');
   */
  public static newestOfScheduleName(name: string): VeleroRestoreSource {
    requireName('VeleroRestoreSource.newestOfScheduleName', 'name', name, 63);
    return new VeleroRestoreSource({ scheduleName: name });
  }

  /**
   * The newest complete backup of a schedule that is defined in the same app.
   *
   * @param schedule the schedule
   * @throws if it is none
   * @example
   * import { VeleroRestoreSource, VeleroSchedule } from 'cdk8s-volume-snapshots';
   *
   * declare const schedule: VeleroSchedule;
   * VeleroRestoreSource.newestOfSchedule(schedule);
   */
  public static newestOfSchedule(schedule: VeleroSchedule): VeleroRestoreSource {
    requireKind('VeleroRestoreSource.newestOfSchedule', 'schedule', schedule, 'VeleroSchedule');
    return new VeleroRestoreSource({ scheduleName: schedule.name }, schedule);
  }

  private constructor(
    /**
     * The field of a restore.
     *
     * @internal
     */
    public readonly _fields: { readonly backupName?: string; readonly scheduleName?: string },
    /**
     * What makes the backup, if that is known.
     *
     * @internal
     */
    public readonly _maker?: VeleroBackup | VeleroSchedule,
  ) {}
}
