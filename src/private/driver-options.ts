import { KnownKeys } from './validate';
import { AlibabaDiskOptions, AzureFileOptions, CinderOptions, FilestoreOptions, ManilaOptions, OciBlockVolumeOptions } from '../cloud-driver-options';
import {
  AwsEbsOptions, AzureDiskOptions, CephRbdOptions, CsiDriverOptions, GcePersistentDiskOptions, LonghornOptions, PortworxOptions,
} from '../csi-driver-options';
import {
  CephFsOptions, DellOptions, DemocraticCsiOptions, HostpathOptions, HpeOptions, IbmBlockOptions, IbmStorageScaleOptions, LinstorOptions,
  OpenEbsMayastorOptions, VsphereOptions,
} from '../storage-driver-options';

const AWS_EBS: KnownKeys<AwsEbsOptions> = {
  fastSnapshotRestoreAvailabilityZones: true,
  outpostArn: true,
  lockMode: true,
  lockDuration: true,
  lockExpirationDate: true,
  lockCoolOffPeriod: true,
  tags: true,
};
const GCE_PERSISTENT_DISK: KnownKeys<GcePersistentDiskOptions> = {
  snapshotType: true, imageFamily: true, storageLocation: true, labels: true, resourceTags: true,
};
const FILESTORE: KnownKeys<FilestoreOptions> = { location: true, labels: true };
const AZURE_DISK: KnownKeys<AzureDiskOptions> = {
  incremental: true,
  resourceGroup: true,
  subscriptionId: true,
  location: true,
  tags: true,
  tagValueDelimiter: true,
  dataAccessAuthMode: true,
  networkAccessPolicy: true,
  publicNetworkAccess: true,
  userAgent: true,
  instantAccessDuration: true,
};
const AZURE_FILE: KnownKeys<AzureFileOptions> = { api: true, metadata: true, snapshotterSecret: true };
const CINDER: KnownKeys<CinderOptions> = { type: true, forceCreate: true, backupMaxDurationPerGb: true, availabilityZone: true };
const MANILA: KnownKeys<ManilaOptions> = { snapshotterSecret: true };
const OCI_BLOCK_VOLUME: KnownKeys<OciBlockVolumeOptions> = { backupType: true, freeformTags: true, definedTags: true };
const ALIBABA_DISK: KnownKeys<AlibabaDiskOptions> = { expiresAfter: true, resourceGroupId: true, tags: true };
const CEPH_RBD: KnownKeys<CephRbdOptions> = { clusterId: true, snapshotterSecret: true, operatorNamespace: true, snapshotNamePrefix: true };
const CEPH_FS: KnownKeys<CephFsOptions> = { clusterId: true, snapshotterSecret: true, operatorNamespace: true, snapshotNamePrefix: true };
const LONGHORN: KnownKeys<LonghornOptions> = { type: true, backupMode: true, exportType: true, maxSnapshotsPerVolume: true };
const VSPHERE: KnownKeys<VsphereOptions> = { maxSnapshotsPerVolume: true };
const MAYASTOR: KnownKeys<OpenEbsMayastorOptions> = { freezeFileSystem: true };
const DEMOCRATIC_CSI: KnownKeys<DemocraticCsiOptions> = { detachedSnapshots: true };
const PORTWORX: KnownKeys<PortworxOptions> = { snapshotType: true, credentialId: true, incrementalCount: true, snapshotterSecret: true };
const DELL: KnownKeys<DellOptions> = { isiPath: true };
const HPE: KnownKeys<HpeOptions> = { snapshotterSecret: true, description: true };
const IBM_BLOCK: KnownKeys<IbmBlockOptions> = { snapshotterSecret: true, pool: true, spaceEfficiency: true, snapshotNamePrefix: true };
const IBM_STORAGE_SCALE: KnownKeys<IbmStorageScaleOptions> = { snapWindow: true };
const LINSTOR: KnownKeys<LinstorOptions> = {
  type: true,
  remoteName: true,
  allowIncremental: true,
  deleteLocal: true,
  s3Endpoint: true,
  s3Bucket: true,
  s3SigningRegion: true,
  s3UsePathStyle: true,
  snapshotterSecret: true,
};
const HOSTPATH: KnownKeys<HostpathOptions> = { ignoreFailedRead: true };
const ANY_DRIVER: KnownKeys<CsiDriverOptions> = { parameters: true, maxSnapshotsPerVolume: true, minimumInterval: true };

/** What the factories of CsiDriver may be told, by their names. */
export const DRIVER_OPTIONS = {
  awsEbs: AWS_EBS,
  gcePersistentDisk: GCE_PERSISTENT_DISK,
  filestore: FILESTORE,
  azureDisk: AZURE_DISK,
  azureFile: AZURE_FILE,
  digitalOcean: {},
  scaleway: {},
  exoscale: {},
  cinder: CINDER,
  manila: MANILA,
  ociBlockVolume: OCI_BLOCK_VOLUME,
  alibabaDisk: ALIBABA_DISK,
  ibmVpcBlock: {},
  cephRbd: CEPH_RBD,
  cephFs: CEPH_FS,
  cephNfs: CEPH_FS,
  longhorn: LONGHORN,
  vsphere: VSPHERE,
  openEbsZfs: {},
  openEbsLvm: {},
  openEbsMayastor: MAYASTOR,
  openEbsRawfile: {},
  topoLvm: {},
  democraticCsi: DEMOCRATIC_CSI,
  trident: {},
  portworx: PORTWORX,
  dell: DELL,
  hpe: HPE,
  ibmBlock: IBM_BLOCK,
  ibmStorageScale: IBM_STORAGE_SCALE,
  linstor: LINSTOR,
  hostpath: HOSTPATH,
  of: ANY_DRIVER,
} as const;

/** A factory of CsiDriver. */
export type DriverFactory = keyof typeof DRIVER_OPTIONS;
