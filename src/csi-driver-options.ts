import { Duration } from 'cdk8s';
import { SecretReference } from './secret-reference';

/**
 * How an EBS snapshot is locked against deletion.
 *
 * @see https://docs.aws.amazon.com/ebs/latest/userguide/ebs-snapshot-lock.html
 */
export enum EbsLockMode {
  /** Whoever has the IAM permission may shorten or lift the lock. */
  GOVERNANCE = 'governance',

  /** Nobody can shorten or lift the lock once the cooling-off period is over, not even AWS. */
  COMPLIANCE = 'compliance',
}

/**
 * Options of snapshots on AWS EBS.
 */
export interface AwsEbsOptions {
  /**
   * Availability zones in which volumes restored from a snapshot are fast from the first read, such as `eu-central-1a`.
   *
   * AWS bills each snapshot for each zone and hour. The driver needs the IAM permission `ec2:EnableFastSnapshotRestores`; if enabling
   * fails, the driver deletes the snapshot and reports an error.
   *
   * @default - restored volumes load their blocks from S3 at the first read
   * @see https://docs.aws.amazon.com/ebs/latest/userguide/ebs-fast-snapshot-restore.html
   */
  readonly fastSnapshotRestoreAvailabilityZones?: string[];

  /**
   * ARN of the Outpost on which snapshots are stored.
   *
   * @default - snapshots are stored in the region
   * @see https://docs.aws.amazon.com/ebs/latest/userguide/snapshots-outposts.html
   */
  readonly outpostArn?: string;

  /**
   * Lock every snapshot in this mode, for `lockDuration` or until `lockExpirationDate`.
   *
   * A locked snapshot cannot be deleted, so it cannot be pruned either: keep snapshots at least as long as they are locked.
   *
   * @default - snapshots are not locked
   * @see https://docs.aws.amazon.com/ebs/latest/userguide/ebs-snapshot-lock.html
   */
  readonly lockMode?: EbsLockMode;

  /**
   * How long a snapshot stays locked, in whole days from 1 to 36500.
   *
   * @default - the lock ends at `lockExpirationDate`
   */
  readonly lockDuration?: Duration;

  /**
   * When the lock of all snapshots ends, as a date and time of RFC 3339 such as `2030-12-31T23:59:59Z`.
   *
   * The date is fixed: snapshots taken after it are refused. A schedule that has no end wants `lockDuration`.
   *
   * @default - the lock ends after `lockDuration`
   */
  readonly lockExpirationDate?: string;

  /**
   * How long a lock in compliance mode can still be changed or lifted, in whole hours from 1 to 72.
   *
   * @default - a lock in compliance mode cannot be lifted from the first moment
   */
  readonly lockCoolOffPeriod?: Duration;

  /**
   * AWS tags of every snapshot, at most 50.
   *
   * A value may be a template with `{{ .VolumeSnapshotName }}`, `{{ .VolumeSnapshotNamespace }}` and `{{ .VolumeSnapshotContentName }}`, if
   * the `csi-snapshotter` sidecar runs with `--extra-create-metadata`.
   *
   * @default - the tags that the driver sets by itself
   * @see https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/tagging.md#snapshot-tagging
   */
  readonly tags?: { [key: string]: string };
}

/**
 * What the driver for Compute Engine persistent disks makes.
 */
export enum GceSnapshotType {
  /** Incremental disk snapshots. */
  SNAPSHOTS = 'snapshots',

  /** Disk images: slower to take, and restored faster to many disks. */
  IMAGES = 'images',
}

/**
 * Options of snapshots of Compute Engine persistent disks.
 */
export interface GcePersistentDiskOptions {
  /**
   * What is made of a disk.
   *
   * @default GceSnapshotType.SNAPSHOTS
   */
  readonly snapshotType?: GceSnapshotType;

  /**
   * Family that the images belong to.
   *
   * @default - the images belong to no family
   */
  readonly imageFamily?: string;

  /**
   * The region or multi-region in which the data is stored, such as `europe-west3` or `eu`.
   *
   * @default - what the snapshot settings of the project say, usually the multi-region nearest to the disk
   * @see https://cloud.google.com/compute/docs/disks/snapshots#selecting_a_storage_location
   */
  readonly storageLocation?: string;

  /**
   * Compute Engine labels of every snapshot or image, at most 64.
   *
   * @default - no labels
   * @see https://cloud.google.com/compute/docs/labeling-resources
   */
  readonly labels?: { [key: string]: string };

  /**
   * Resource Manager tags of every snapshot or image, at most 50: the key is `<id of the project or organization>/<key of the tag>`.
   *
   * @default - no tags
   * @see https://cloud.google.com/resource-manager/docs/tags/tags-overview
   */
  readonly resourceTags?: { [parentAndKey: string]: string };
}

/**
 * Who may export the data of an Azure snapshot.
 *
 * @see https://learn.microsoft.com/azure/virtual-machines/disks-enable-private-links-for-import-export-portal
 */
export enum AzureNetworkAccessPolicy {
  /** From every network. */
  ALLOW_ALL = 'AllowAll',

  /** From private endpoints only. */
  ALLOW_PRIVATE = 'AllowPrivate',

  /** From no network. */
  DENY_ALL = 'DenyAll',
}

/**
 * Whether an Azure snapshot can be exported over the internet.
 */
export enum AzurePublicNetworkAccess {
  /** It can. */
  ENABLED = 'Enabled',

  /** It cannot. */
  DISABLED = 'Disabled',
}

/**
 * What is needed, besides a link, to export the data of an Azure snapshot.
 */
export enum AzureDataAccessAuthMode {
  /** The link is enough. */
  NONE = 'None',

  /** A login at Microsoft Entra ID with the right to download. */
  AZURE_ACTIVE_DIRECTORY = 'AzureActiveDirectory',
}

/**
 * Options of snapshots of Azure disks.
 */
export interface AzureDiskOptions {
  /**
   * Whether a snapshot stores only what changed since the one before.
   *
   * @default - incremental, except on Azure Stack, which has full snapshots only
   */
  readonly incremental?: boolean;

  /**
   * Resource group in which snapshots are stored.
   *
   * @default - the resource group of the disk
   */
  readonly resourceGroup?: string;

  /**
   * Id of the subscription in which snapshots are stored.
   *
   * @default - the subscription of the cluster
   */
  readonly subscriptionId?: string;

  /**
   * Region to which snapshots are copied, such as `westeurope`; they must be incremental.
   *
   * @default - snapshots stay in the region of the cluster
   */
  readonly location?: string;

  /**
   * Azure tags of every snapshot.
   *
   * @default - the tags that the driver sets by itself
   * @see https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
   */
  readonly tags?: { [key: string]: string };

  /**
   * What stands between two tags in the parameter; set it if a tag contains a comma.
   *
   * @default - a comma
   */
  readonly tagValueDelimiter?: string;

  /**
   * What is needed, besides a link, to export the data of a snapshot.
   *
   * @default - the link is enough
   */
  readonly dataAccessAuthMode?: AzureDataAccessAuthMode;

  /**
   * From which networks the data of a snapshot can be exported.
   *
   * The driver has no parameter for the disk access resource that private endpoints belong to.
   *
   * @default - from every network
   */
  readonly networkAccessPolicy?: AzureNetworkAccessPolicy;

  /**
   * Whether the data of a snapshot can be exported over the internet.
   *
   * @default - it can, if `networkAccessPolicy` lets it
   */
  readonly publicNetworkAccess?: AzurePublicNetworkAccess;

  /**
   * User agent of the driver's requests to Azure.
   *
   * @default - the name and version of the driver
   */
  readonly userAgent?: string;

  /**
   * How long a snapshot of a Premium SSD v2 or Ultra disk can be restored before it is copied completely, in whole minutes from 60 to 300.
   *
   * @default - a snapshot is ready when it is copied completely
   */
  readonly instantAccessDuration?: Duration;
}

/**
 * Options of snapshots of Ceph RBD images, with Rook or without.
 */
export interface CephRbdOptions {
  /**
   * Id of the Ceph cluster; with Rook, the namespace of the `CephCluster`.
   */
  readonly clusterId: string;

  /**
   * The Secret with the Ceph user that takes and deletes snapshots; with Rook, `rook-csi-rbd-provisioner` in the namespace of the `CephCluster`.
   */
  readonly snapshotterSecret: SecretReference;

  /**
   * Namespace of the Rook operator, which it puts before the name of the driver.
   *
   * @default - the name is `rbd.csi.ceph.com`, as without Rook
   */
  readonly operatorNamespace?: string;

  /**
   * What the names of the RBD snapshots start with.
   *
   * @default - `csi-snap-`, as Ceph CSI has it
   */
  readonly snapshotNamePrefix?: string;
}

/**
 * What Longhorn makes of a volume.
 */
export enum LonghornSnapshotType {
  /** A snapshot in the volume: instant, and lost with the volume. */
  SNAPSHOT = 'snap',

  /** A copy in the backup target of Longhorn, which survives the volume and the cluster. */
  BACKUP = 'bak',

  /** A backing image, from which many volumes can start. */
  BACKING_IMAGE = 'bi',
}

/**
 * What Longhorn copies to the backup target.
 */
export enum LonghornBackupMode {
  /** All blocks. */
  FULL = 'full',

  /** The blocks that changed since the backup before. */
  INCREMENTAL = 'incremental',
}

/**
 * The format of an exported backing image.
 */
export enum LonghornExportType {
  /** Raw blocks. */
  RAW = 'raw',

  /** QEMU copy-on-write, version 2. */
  QCOW2 = 'qcow2',
}

/**
 * Options of snapshots of Longhorn volumes.
 */
export interface LonghornOptions {
  /**
   * What is made of a volume.
   *
   * It is always written into the class: for Longhorn, a class without a type means backups, which fail without a backup target.
   *
   * @default LonghornSnapshotType.SNAPSHOT
   */
  readonly type?: LonghornSnapshotType;

  /**
   * What is copied to the backup target; for backups only.
   *
   * @default - incremental, for backups
   */
  readonly backupMode?: LonghornBackupMode;

  /**
   * Format of the image; for backing images only.
   *
   * @default - raw, for backing images
   */
  readonly exportType?: LonghornExportType;

  /**
   * How many snapshots a volume may have, from 2 to 250, if Longhorn's setting `snapshot-max-count` or the volume says so.
   *
   * It is not rendered: schedules that would keep more are refused.
   *
   * @default - 250 for snapshots and backups, which is Longhorn's limit; none for backing images
   */
  readonly maxSnapshotsPerVolume?: number;
}

/**
 * Where Portworx stores snapshots.
 */
export enum PortworxSnapshotType {
  /** In the Portworx cluster. */
  LOCAL = 'local',

  /** In an object store, through a cloud credential of Portworx. */
  CLOUD = 'cloud',
}

/**
 * Options of snapshots of Portworx volumes.
 */
export interface PortworxOptions {
  /**
   * Where snapshots are stored.
   *
   * @default PortworxSnapshotType.LOCAL
   */
  readonly snapshotType?: PortworxSnapshotType;

  /**
   * UUID of the cloud credential, as `pxctl credentials list` shows it; for cloud snapshots only.
   *
   * @default - the default credential of the Portworx cluster, for cloud snapshots
   */
  readonly credentialId?: string;

  /**
   * How many incremental copies follow a full one; for cloud snapshots only.
   *
   * A copy that a later one builds on cannot be deleted. Choose less than the number of snapshots you keep.
   *
   * @default - as the Portworx cluster is configured, usually 7, for cloud snapshots
   */
  readonly incrementalCount?: number;

  /**
   * The Secret with the token for Portworx, needed with PX-Security.
   *
   * @default - no Secret
   */
  readonly snapshotterSecret?: SecretReference;
}

/**
 * Options of a driver that has no factory of its own.
 */
export interface CsiDriverOptions {
  /**
   * Parameters of the snapshot class, in the words of the driver.
   *
   * @default - no parameters
   */
  readonly parameters?: { [name: string]: string };

  /**
   * How many snapshots of one volume the driver keeps.
   *
   * @default - the known limit of the driver if there is one, else no limit
   */
  readonly maxSnapshotsPerVolume?: number;

  /**
   * How long the driver makes a volume wait between two snapshots, in whole seconds.
   *
   * @default - the known interval of the driver if there is one, else snapshots may follow at once
   */
  readonly minimumInterval?: Duration;
}
