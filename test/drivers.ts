import {
  AzureFileApi, CinderSnapshotType, CsiDriver, DellArray, LinstorSnapshotType, LonghornSnapshotType, OciBackupType, PortworxSnapshotType,
} from '../src';

const secret = { name: 'storage', namespace: 'storage' };

/** One driver of each factory, and of each kind of snapshot where they differ. */
export const DRIVERS: readonly CsiDriver[] = [
  CsiDriver.awsEbs({ tags: { team: 'payments' } }),
  CsiDriver.gcePersistentDisk({ storageLocation: 'eu' }),
  CsiDriver.filestore({ location: 'europe-west3', labels: { team: 'payments' } }),
  CsiDriver.azureDisk({ incremental: true }),
  CsiDriver.azureFile({ api: AzureFileApi.DATA_PLANE_OAUTH, metadata: { team: 'payments' } }),
  CsiDriver.digitalOcean(),
  CsiDriver.scaleway(),
  CsiDriver.exoscale(),
  CsiDriver.cinder({ type: CinderSnapshotType.BACKUP }),
  CsiDriver.manila({ snapshotterSecret: secret }),
  CsiDriver.ociBlockVolume({ backupType: OciBackupType.FULL, freeformTags: { team: 'payments' } }),
  CsiDriver.alibabaDisk({ tags: { team: 'payments' } }),
  CsiDriver.ibmVpcBlock(),
  CsiDriver.cephRbd({ clusterId: 'ceph', snapshotterSecret: secret }),
  CsiDriver.cephFs({ clusterId: 'ceph', snapshotterSecret: secret }),
  CsiDriver.cephNfs({ clusterId: 'ceph', snapshotterSecret: secret, operatorNamespace: 'rook-ceph' }),
  CsiDriver.longhorn({ type: LonghornSnapshotType.BACKUP }),
  CsiDriver.vsphere(),
  CsiDriver.openEbsZfs(),
  CsiDriver.openEbsLvm(),
  CsiDriver.openEbsMayastor({ freezeFileSystem: false }),
  CsiDriver.openEbsRawfile(),
  CsiDriver.topoLvm(),
  CsiDriver.democraticCsi('org.democratic-csi.iscsi', { detachedSnapshots: true }),
  CsiDriver.trident(),
  CsiDriver.portworx({ snapshotType: PortworxSnapshotType.CLOUD }),
  ...Object.values(DellArray).map(array => CsiDriver.dell(array)),
  CsiDriver.hpe({ snapshotterSecret: secret, description: 'nightly' }),
  CsiDriver.ibmBlock({ snapshotterSecret: secret, pool: 'fast' }),
  CsiDriver.ibmStorageScale(),
  CsiDriver.linstor({ type: LinstorSnapshotType.S3, remoteName: 'backups', snapshotterSecret: secret }),
  CsiDriver.hostpath({ ignoreFailedRead: true }),
];
