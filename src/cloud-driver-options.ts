import { Duration } from 'cdk8s';
import { SecretReference } from './secret-reference';

/**
 * Options of backups of Filestore instances.
 */
export interface FilestoreOptions {
  /**
   * The region in which backups are stored, such as `europe-west3`.
   *
   * @default - the region of the instance
   * @see https://cloud.google.com/kubernetes-engine/docs/how-to/persistent-volumes/backup-filestore-volume-snapshots
   */
  readonly location?: string;

  /**
   * Google Cloud labels of every backup, at most 64.
   *
   * @default - those that the driver sets by itself
   */
  readonly labels?: { [key: string]: string };
}

/**
 * By which interface of Azure the driver takes snapshots of a share.
 */
export enum AzureFileApi {
  /** The management API, which limits how often it is called. */
  MANAGEMENT = 'false',

  /** The API of the storage account, with its key. */
  DATA_PLANE = 'true',

  /** The API of the storage account, with the identity of the driver. */
  DATA_PLANE_OAUTH = 'oauth',
}

/**
 * Options of snapshots of Azure file shares.
 */
export interface AzureFileOptions {
  /**
   * By which interface snapshots are taken.
   *
   * @default - the management API
   */
  readonly api?: AzureFileApi;

  /**
   * Metadata of every snapshot, for drivers since August 2026; earlier ones refuse the snapshot.
   *
   * @default - what the driver writes by itself
   */
  readonly metadata?: { [key: string]: string };

  /**
   * The Secret with the key of the storage account, if you brought your own.
   *
   * @default - no Secret, the driver finds the key
   */
  readonly snapshotterSecret?: SecretReference;
}

/**
 * What Cinder makes of a volume.
 */
export enum CinderSnapshotType {
  /** A snapshot in the storage of the volume, which cannot be deleted before its snapshots. */
  SNAPSHOT = 'snapshot',

  /** A backup in the backup store. The driver waits until it is copied completely before it says that anything was cut. */
  BACKUP = 'backup',
}

/**
 * Options of snapshots of OpenStack volumes.
 */
export interface CinderOptions {
  /**
   * What is made of a volume.
   *
   * @default CinderSnapshotType.SNAPSHOT
   */
  readonly type?: CinderSnapshotType;

  /**
   * Whether volumes in use are snapshotted too. Without it older versions of Cinder refuse them.
   *
   * @default true
   */
  readonly forceCreate?: boolean;

  /**
   * How long the driver waits for a backup, for each gigabyte of the volume, in whole seconds; for backups only.
   *
   * @default - 20 seconds, for backups
   */
  readonly backupMaxDurationPerGb?: Duration;

  /**
   * Availability zone of the backup; for backups only.
   *
   * @default - that of the volume, for backups
   */
  readonly availabilityZone?: string;
}

/**
 * Options of snapshots of OpenStack file shares.
 */
export interface ManilaOptions {
  /**
   * The Secret with the credentials of OpenStack, such as `csi-manila-secrets`.
   */
  readonly snapshotterSecret: SecretReference;
}

/**
 * What a backup of an OCI block volume holds.
 */
export enum OciBackupType {
  /** What changed since the backup before. */
  INCREMENTAL = 'incremental',

  /** All of the volume. */
  FULL = 'full',
}

/**
 * Options of backups of OCI block volumes.
 */
export interface OciBlockVolumeOptions {
  /**
   * What a backup holds.
   *
   * @default - what changed since the backup before
   */
  readonly backupType?: OciBackupType;

  /**
   * Free-form tags of every backup.
   *
   * @default - no tags
   * @see https://docs.oracle.com/iaas/Content/Tagging/Concepts/taggingoverview.htm
   */
  readonly freeformTags?: { [key: string]: string };

  /**
   * Defined tags of every backup, by their namespace.
   *
   * @default - no tags
   * @see https://docs.oracle.com/iaas/Content/Tagging/Concepts/taggingoverview.htm
   */
  readonly definedTags?: { [namespace: string]: { [key: string]: string } };
}

/**
 * Options of snapshots of Alibaba Cloud disks.
 */
export interface AlibabaDiskOptions {
  /**
   * After how long Alibaba Cloud deletes a snapshot by itself, in whole days from 1 to 65536.
   *
   * It asks nobody, so that a schedule whose retention keeps snapshots longer is refused, and holds mean nothing to it.
   *
   * @default - snapshots do not expire
   */
  readonly expiresAfter?: Duration;

  /**
   * Id of the resource group of every snapshot.
   *
   * @default - the default resource group
   */
  readonly resourceGroupId?: string;

  /**
   * Alibaba Cloud tags of every snapshot.
   *
   * @default - the tags that the driver sets by itself
   */
  readonly tags?: { [key: string]: string };
}
