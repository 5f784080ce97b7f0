import { Size } from 'cdk8s';

/**
 * What Velero does with a volume.
 */
export enum VeleroVolumeAction {
  /** Its data is left out. */
  SKIP = 'skip',

  /** A CSI snapshot, whose data is moved if the backup says so. */
  SNAPSHOT = 'snapshot',

  /** Its files are copied to object storage, from the volume in use. */
  FS_BACKUP = 'fs-backup',
}

/**
 * What a volume is made of, as the fields of a PersistentVolume or of a pod's volume call it.
 */
export enum VeleroVolumeType {
  /** A volume of a CSI driver. */
  CSI = 'csi',

  /** An NFS share. */
  NFS = 'nfs',

  /** A folder that lives as long as its pod. */
  EMPTY_DIR = 'emptyDir',

  /** A folder of the node. */
  HOST_PATH = 'hostPath',

  /** A disk of the node. */
  LOCAL = 'local',

  /** Keys of a ConfigMap. */
  CONFIG_MAP = 'configMap',

  /** Keys of a Secret. */
  SECRET = 'secret',

  /** Several sources in one folder, such as the token of a service account. */
  PROJECTED = 'projected',

  /** Fields of the pod. */
  DOWNWARD_API = 'downwardAPI',

  /** A claim that lives as long as its pod. */
  EPHEMERAL = 'ephemeral',
}

/**
 * An NFS share.
 */
export interface VeleroNfsCondition {
  /**
   * Name or address of the server.
   *
   * @default - any
   */
  readonly server?: string;

  /**
   * The exported path.
   *
   * @default - any
   */
  readonly path?: string;
}

/**
 * Which volumes, and what is done with them. A volume must meet all conditions; the first rule that it meets is the one.
 *
 * @see https://velero.io/docs/v1.18/resource-filtering/#resource-policies
 */
export interface VeleroVolumeRule {
  /**
   * What is done with the volumes.
   */
  readonly action: VeleroVolumeAction;

  /**
   * The smallest size.
   *
   * @default - any
   */
  readonly minimumSize?: Size;

  /**
   * The greatest size.
   *
   * @default - any
   */
  readonly maximumSize?: Size;

  /**
   * Names of storage classes, one of which it must have.
   *
   * @default - any, or none
   */
  readonly storageClassNames?: string[];

  /**
   * The name of its CSI driver.
   *
   * @default - any driver, or none
   */
  readonly csiDriverName?: string;

  /**
   * Attributes that the CSI driver has given the volume, with `csiDriverName`.
   *
   * @default - any
   */
  readonly volumeAttributes?: { [name: string]: string };

  /**
   * The NFS share that it is on.
   *
   * @default - any kind of volume
   */
  readonly nfs?: VeleroNfsCondition;

  /**
   * Types of volumes, one of which it must be.
   *
   * @default - any
   */
  readonly volumeTypes?: VeleroVolumeType[];

  /**
   * Labels that its claim must have. Needs Velero 1.17.
   *
   * @default - any claim, or none
   */
  readonly claimLabels?: { [key: string]: string };

  /**
   * Says in words that every volume which no rule before it is for is meant: a rule that skips must have a condition, or say this.
   *
   * @default false
   */
  readonly allVolumes?: boolean;
}
