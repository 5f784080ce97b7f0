import { Duration } from 'cdk8s';
import { ISnapshotClass } from './snapshot-class';
import { VeleroHook } from './velero-hook';
import { IVeleroStorageLocation } from './velero-storage-location';
import { IVeleroVolumePolicy } from './velero-volume-policy';
import { VeleroVolumes } from './velero-volumes';

/**
 * What is in a backup of Velero, and how it is made; the same for one backup and for those of a schedule.
 *
 * @see https://velero.io/docs/v1.18/api-types/backup/
 */
export interface VeleroBackupOptions {
  /**
   * Namespaces that are backed up, as names or as patterns of `*`, `?` and `[...]`, such as `shop-*`. Patterns need
   * Velero 1.18; before, they are read literally.
   *
   * @default - all namespaces
   */
  readonly includedNamespaces?: string[];

  /**
   * Namespaces that are left out, as names or as patterns, which need Velero 1.18.
   *
   * @default - none
   */
  readonly excludedNamespaces?: string[];

  /**
   * Kinds of objects in namespaces that are backed up, as in `deployments.apps`.
   *
   * @default - all
   */
  readonly includedNamespaceScopedResources?: string[];

  /**
   * Kinds of objects in namespaces that are left out; `*` alone for all of them.
   *
   * @default - none; what schedules of this library make is left out by labels
   */
  readonly excludedNamespaceScopedResources?: string[];

  /**
   * Kinds of objects of the cluster that are backed up; `*` for all.
   *
   * @default - those that the objects in namespaces need, such as volumes; with all namespaces, all
   */
  readonly includedClusterScopedResources?: string[];

  /**
   * Kinds of objects of the cluster that are left out; `*` alone for all of them, volumes included.
   *
   * @default - none
   */
  readonly excludedClusterScopedResources?: string[];

  /**
   * Labels that an object must have to be backed up: all those of one of these.
   *
   * @default - any object
   */
  readonly labelSelectors?: { [key: string]: string }[];

  /**
   * For how long the backup is kept, its snapshots included; at least a second.
   *
   * Velero deletes it afterwards, whether or not there is a later one.
   *
   * @default - as the server is told, which is 30 days
   */
  readonly timeToLive?: Duration;

  /**
   * Where the backup is stored.
   *
   * @default - the location that is marked as the default one
   */
  readonly storageLocation?: IVeleroStorageLocation;

  /**
   * Where the data of volumes is.
   *
   * @default - as the server is told, which is as CSI snapshots in the storage
   */
  readonly volumes?: VeleroVolumes;

  /**
   * What is done with some of the volumes instead.
   *
   * @default - the same with all of them
   */
  readonly volumePolicy?: IVeleroVolumePolicy;

  /**
   * Classes of the snapshots, one for a driver. Their driver must be known.
   *
   * @default - of each driver the class for Velero, or else the default one, or else the only one
   * @see https://velero.io/docs/v1.18/csi/
   */
  readonly snapshotClasses?: ISnapshotClass[];

  /**
   * How applications are held while their claims are cut.
   *
   * @default - as the annotations of their pods say
   */
  readonly hooks?: VeleroHook[];

  /**
   * Objects of a kind that are backed up first, in this order, as `namespace/name`, or `name` for those of the cluster; by the plural of the kind.
   *
   * @default - in no order that can be relied on
   */
  readonly orderedResources?: { [resource: string]: string[] };

  /**
   * For how long Velero waits for a snapshot to be cut; at least a second.
   *
   * @default - as the server is told, which is 10 minutes
   */
  readonly csiSnapshotTimeout?: Duration;

  /**
   * For how long Velero waits for what goes on in the background, such as data that is moved; at least a second.
   *
   * @default - as the server is told, which is 4 hours
   */
  readonly itemOperationTimeout?: Duration;

  /**
   * The label by which claims belong together: those of one namespace with the same value are snapshotted as a group.
   *
   * Needs Velero 1.17, and a VolumeGroupSnapshotClass with the label `velero.io/csi-volumegroupsnapshot-class`.
   *
   * @default - as the server is told, which is `velero.io/volume-group`
   * @see https://velero.io/docs/v1.18/volume-group-snapshots/
   */
  readonly volumeGroupLabelKey?: string;
}
