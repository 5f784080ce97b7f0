import { Duration } from 'cdk8s';
import { SecretReference } from './secret-reference';

/**
 * Options of snapshots of CephFS volumes, with Rook or without.
 */
export interface CephFsOptions {
  /**
   * Id of the Ceph cluster; with Rook, the namespace of the `CephCluster`.
   */
  readonly clusterId: string;

  /**
   * The Secret with the Ceph user that takes and deletes snapshots; with Rook, `rook-csi-cephfs-provisioner` in the namespace of the `CephCluster`.
   */
  readonly snapshotterSecret: SecretReference;

  /**
   * Namespace of the Rook operator, which it puts before the name of the driver.
   *
   * @default - the name is the plain one, as without Rook
   */
  readonly operatorNamespace?: string;

  /**
   * What the names of the snapshots in Ceph start with.
   *
   * @default - `csi-snap-`, as Ceph CSI has it
   */
  readonly snapshotNamePrefix?: string;
}

/**
 * Options of snapshots of vSphere volumes.
 */
export interface VsphereOptions {
  /**
   * How many snapshots a volume may have, from 1 to 32, if `global-max-snapshots-per-block-volume` says so.
   *
   * It is not rendered: schedules that would keep more are refused.
   *
   * @default 3
   */
  readonly maxSnapshotsPerVolume?: number;
}

/**
 * Options of snapshots of Mayastor volumes.
 */
export interface OpenEbsMayastorOptions {
  /**
   * Whether the driver freezes the file system for the moment of the cut.
   *
   * @default - it does
   */
  readonly freezeFileSystem?: boolean;
}

/**
 * Options of snapshots with democratic-csi.
 */
export interface DemocraticCsiOptions {
  /**
   * Whether each snapshot is copied into a dataset of its own, which survives the volume and takes its full size; for drivers on ZFS.
   *
   * @default - a snapshot belongs to the dataset of its volume, and is lost with it
   */
  readonly detachedSnapshots?: boolean;
}

/**
 * A storage array of Dell.
 */
export enum DellArray {
  /** `csi-powerstore.dellemc.com`. */
  POWER_STORE = 'csi-powerstore.dellemc.com',

  /** `csi-powermax.dellemc.com`. */
  POWER_MAX = 'csi-powermax.dellemc.com',

  /** `csi-unity.dellemc.com`. */
  UNITY = 'csi-unity.dellemc.com',

  /** `csi-vxflexos.dellemc.com`, formerly VxFlex OS. */
  POWER_FLEX = 'csi-vxflexos.dellemc.com',

  /** `csi-isilon.dellemc.com`, formerly Isilon. */
  POWER_SCALE = 'csi-isilon.dellemc.com',
}

/**
 * Options of snapshots in storage arrays of Dell.
 */
export interface DellOptions {
  /**
   * The path below which the volumes are, such as `/ifs/data/csi`; for PowerScale only.
   *
   * @default - the path with which the driver was installed, for PowerScale
   */
  readonly isiPath?: string;
}

/**
 * Options of snapshots in storage of HPE.
 */
export interface HpeOptions {
  /**
   * The Secret of the storage, such as `hpe-backend`, to take, delete and list snapshots.
   */
  readonly snapshotterSecret: SecretReference;

  /**
   * Description of every snapshot.
   *
   * @default - no description
   */
  readonly description?: string;
}

/**
 * Options of snapshots in block storage systems of IBM.
 */
export interface IbmBlockOptions {
  /**
   * The Secret of the storage system.
   */
  readonly snapshotterSecret: SecretReference;

  /**
   * Pool in which snapshots are made.
   *
   * @default - the pool of the volume
   */
  readonly pool?: string;

  /**
   * Space efficiency of snapshots, such as `thin`, in the words of the storage system.
   *
   * @default - that of the volume
   */
  readonly spaceEfficiency?: string;

  /**
   * What the names of snapshots start with, at most 20 characters, 5 on DS8000.
   *
   * @default - as the storage system has it
   */
  readonly snapshotNamePrefix?: string;
}

/**
 * Options of snapshots with IBM Storage Scale.
 */
export interface IbmStorageScaleOptions {
  /**
   * For so many whole minutes, snapshots of the volumes of a consistency group are one snapshot in the storage.
   *
   * @default - as the driver has it
   */
  readonly snapWindow?: Duration;
}

/**
 * Where LINSTOR stores snapshots.
 */
export enum LinstorSnapshotType {
  /** On the nodes of the volume. */
  IN_CLUSTER = 'InCluster',

  /** In an object store. */
  S3 = 'S3',
}

/**
 * Options of snapshots of LINSTOR volumes.
 */
export interface LinstorOptions {
  /**
   * Where snapshots are stored.
   *
   * @default - on the nodes of the volume
   */
  readonly type?: LinstorSnapshotType;

  /**
   * Name of the remote in LINSTOR, needed for an object store.
   *
   * @default - none, for snapshots in the cluster
   */
  readonly remoteName?: string;

  /**
   * Whether a copy may hold only what changed since the one before.
   *
   * @default false
   */
  readonly allowIncremental?: boolean;

  /**
   * Whether the snapshot on the nodes is deleted once it is copied; for an object store only.
   *
   * @default false
   */
  readonly deleteLocal?: boolean;

  /**
   * URL of the object store; for an object store only.
   *
   * @default - that of the remote
   */
  readonly s3Endpoint?: string;

  /**
   * Bucket; for an object store only.
   *
   * @default - that of the remote
   */
  readonly s3Bucket?: string;

  /**
   * Region with which requests are signed; for an object store only.
   *
   * @default - that of the remote
   */
  readonly s3SigningRegion?: string;

  /**
   * Whether the bucket is in the path of the URL and not in its host; for an object store only.
   *
   * @default false
   */
  readonly s3UsePathStyle?: boolean;

  /**
   * The Secret with `access-key` and `secret-key` of the object store.
   *
   * @default - no Secret
   */
  readonly snapshotterSecret?: SecretReference;
}

/**
 * Options of snapshots with the hostpath driver.
 */
export interface HostpathOptions {
  /**
   * Whether files that change while they are read are no error.
   *
   * @default false
   */
  readonly ignoreFailedRead?: boolean;
}
