import { DriverFacts, matching, notEmpty, oneOf, oneOfAnyCase, Parameters, SnapshotKind, wholeNumber } from './driver-rules';
import { GROUP_SNAPSHOTTER_SECRET, SNAPSHOTTER_SECRET } from './driver-secrets';

export const CEPH_RBD = 'rbd.csi.ceph.com';
export const CEPH_FS = 'cephfs.csi.ceph.com';
export const CEPH_NFS = 'nfs.csi.ceph.com';
export const LONGHORN = 'driver.longhorn.io';
export const VSPHERE = 'csi.vsphere.vmware.com';
export const OPENEBS_ZFS = 'zfs.csi.openebs.io';
export const OPENEBS_LVM = 'local.csi.openebs.io';
export const OPENEBS_MAYASTOR = 'io.openebs.csi-mayastor';
export const OPENEBS_RAWFILE = 'rawfile.csi.openebs.io';
export const TOPOLVM = 'topolvm.io';
export const DEMOCRATIC_CSI = 'org.democratic-csi';
export const TRIDENT = 'csi.trident.netapp.io';
export const PORTWORX = 'pxd.portworx.com';
export const DELL_POWER_SCALE = 'csi-isilon.dellemc.com';
export const HPE = 'csi.hpe.com';
export const IBM_BLOCK = 'block.csi.ibm.com';
export const IBM_STORAGE_SCALE = 'spectrumscale.csi.ibm.com';
export const LINSTOR = 'linstor.csi.linbit.com';
export const LINSTOR_PREFIX = 'snap.linstor.csi.linbit.com/';
export const HOSTPATH = 'hostpath.csi.k8s.io';

const CEPH: Partial<DriverFacts> = {
  parameters: { clusterID: notEmpty(), snapshotNamePrefix: notEmpty() },
  required: ['clusterID', `${SNAPSHOTTER_SECRET}-name`],
  commonWithGroups: ['clusterID'],
};
const ON_ITS_NODE = 'on the node of the volume, and volumes there only';

/** The drivers of storage systems that people run themselves. */
export const STORAGE_DRIVERS: readonly DriverFacts[] = [
  {
    ...CEPH,
    product: 'Ceph RBD',
    names: [CEPH_RBD],
    // Rook and OpenShift put the namespace of their operator before the name
    alsoNamed: /^[^.]+\.rbd\.csi\.ceph\.com$/,
    factory: 'cephRbd',
    groups: true,
    requiredForGroups: ['clusterID', 'pool', `${GROUP_SNAPSHOTTER_SECRET}-name`],
    kinds: [{ is: 'an RBD image that shares blocks with the volume; volumes in the Ceph cluster', afterVolume: 'stay' }],
  },
  {
    ...CEPH,
    product: 'CephFS',
    names: [CEPH_FS],
    alsoNamed: /^[^.]+\.cephfs\.csi\.ceph\.com$/,
    factory: 'cephFs',
    groups: true,
    requiredForGroups: ['clusterID', 'fsName', `${GROUP_SNAPSHOTTER_SECRET}-name`],
    kinds: [{ is: 'a snapshot of the subvolume; volumes are full copies in the Ceph cluster', afterVolume: 'stay' }],
  },
  {
    ...CEPH,
    product: 'NFS on CephFS',
    names: [CEPH_NFS],
    alsoNamed: /^[^.]+\.nfs\.csi\.ceph\.com$/,
    factory: 'cephNfs',
    kinds: [{ is: 'a snapshot of the subvolume; volumes are full copies in the Ceph cluster', afterVolume: 'stay' }],
  },
  {
    product: 'Longhorn',
    names: [LONGHORN],
    factory: 'longhorn',
    groups: false,
    kinds: [
      {
        called: 'type: SNAPSHOT',
        chosen: (given) => given.type === 'snap',
        is: 'a snapshot in the replicas of the volume; volumes in the cluster',
        afterVolume: 'go',
        maxPerVolume: 250,
        limitIsSetting: 'snapshot-max-count',
      },
      { called: 'type: BACKING_IMAGE', chosen: (given) => given.type === 'bi', is: 'a backing image; volumes in the cluster', afterVolume: 'stay' },
      {
        called: 'type: BACKUP',
        is: 'a backup in the backup target; volumes in every cluster that has this target',
        afterVolume: 'stay',
        maxPerVolume: 250,
        limitIsSetting: 'snapshot-max-count',
      },
    ],
    parameters: {
      // bs is what bak was called before
      'type': oneOf('snap', 'bak', 'bi', 'bs'),
      'backupMode': oneOf('full', 'incremental'),
      'export-type': oneOf('raw', 'qcow2'),
    },
    combinations: [
      {
        parameter: 'backupMode',
        broken: (given) => 'backupMode' in given && !['bak', 'bs'].includes(given.type ?? 'bak'),
        problem: 'nothing is copied to the backup target',
        allowed: 'with the type bak only',
        fix: 'leave it out, or take backups',
      },
      {
        parameter: 'export-type',
        broken: (given) => 'export-type' in given && given.type !== 'bi',
        problem: 'no image is exported',
        allowed: 'with the type bi only',
        fix: 'leave it out, or export backing images',
      },
    ],
  },
  {
    product: 'vSphere, block volumes',
    names: [VSPHERE],
    factory: 'vsphere',
    groups: false,
    kinds: [{
      is: 'a snapshot of the first class disk; volumes in the vCenter',
      afterVolume: 'block',
      maxPerVolume: 3,
      limitIsSetting: 'global-max-snapshots-per-block-volume',
    }],
  },
  {
    product: 'OpenEBS ZFS',
    names: [OPENEBS_ZFS],
    factory: 'openEbsZfs',
    groups: false,
    kinds: [{ is: `a ZFS snapshot ${ON_ITS_NODE}`, afterVolume: 'go' }],
  },
  {
    product: 'OpenEBS LVM',
    names: [OPENEBS_LVM],
    factory: 'openEbsLvm',
    groups: false,
    kinds: [{ is: `an LVM snapshot ${ON_ITS_NODE}, of the same size, if thin and of OpenEBS 4.4 or later` }],
    parameters: { snapSize: notEmpty() },
    combinations: [{
      parameter: 'snapSize',
      broken: (given) => 'snapSize' in given,
      problem: 'with a size the driver makes a thick snapshot, and of a thick one no volume can be made',
      allowed: 'no size',
      fix: 'leave it out, and use thin volumes',
    }],
  },
  {
    product: 'OpenEBS Mayastor',
    names: [OPENEBS_MAYASTOR],
    factory: 'openEbsMayastor',
    groups: false,
    kinds: [{ is: 'a snapshot of the replicas; volumes in their pools' }],
    parameters: { quiesceFs: oneOf('freeze', 'none') },
  },
  {
    product: 'OpenEBS rawfile',
    names: [OPENEBS_RAWFILE],
    factory: 'openEbsRawfile',
    groups: false,
    kinds: [{ is: `a file ${ON_ITS_NODE}` }],
  },
  {
    product: 'TopoLVM, thin volumes',
    names: [TOPOLVM],
    factory: 'topoLvm',
    groups: false,
    kinds: [{ is: `a thin logical volume ${ON_ITS_NODE}, of the same StorageClass` }],
  },
  {
    product: 'democratic-csi',
    names: [`${DEMOCRATIC_CSI}.*`],
    alsoNamed: /^org\.democratic-csi\..+$/,
    factory: 'democraticCsi',
    kinds: [
      { called: 'detachedSnapshots: true', chosen: (given) => given.detachedSnapshots === 'true', is: 'a dataset of its own, a full copy', afterVolume: 'stay' },
      { called: 'detachedSnapshots: false', is: 'a ZFS snapshot of the dataset of the volume', afterVolume: 'go' },
    ],
    parameters: { detachedSnapshots: oneOf('true', 'false') },
  },
  {
    product: 'NetApp Trident',
    names: [TRIDENT],
    factory: 'trident',
    groups: true,
    groupsNote: 'ontap-san by iSCSI or FC, ontap-san-economy by iSCSI, ontap-nas; Kubernetes 1.32 or later',
    kinds: [{ is: 'a snapshot of the storage, in the backend of the volume', afterVolume: 'block' }],
  },
  {
    product: 'Portworx',
    names: [PORTWORX],
    factory: 'portworx',
    kinds: [
      {
        called: 'snapshotType: CLOUD',
        chosen: (given) => given['csi.openstorage.org/snapshot-type'] === 'cloud',
        is: 'a copy in the object store, which cannot be deleted while later ones build on it',
        afterVolume: 'stay',
      },
      { called: 'snapshotType: LOCAL', is: 'a snapshot in the Portworx cluster' },
    ],
    parameters: {
      'csi.openstorage.org/snapshot-type': oneOf('local', 'cloud'),
      'csi.openstorage.org/snapshot-credential-id': notEmpty(),
      'csi.openstorage.org/snapshot-incremental-count': wholeNumber(0, Number.MAX_SAFE_INTEGER, 'backups'),
    },
    combinations: ['csi.openstorage.org/snapshot-credential-id', 'csi.openstorage.org/snapshot-incremental-count'].map((parameter) => ({
      parameter,
      broken: (given: Parameters) => parameter in given && given['csi.openstorage.org/snapshot-type'] !== 'cloud',
      problem: 'a local snapshot goes to no cloud',
      allowed: 'with the snapshot type cloud only',
      fix: 'leave it out, or take cloud snapshots',
    })),
  },
  ...[
    ['PowerStore', 'POWER_STORE', 'csi-powerstore.dellemc.com'],
    ['PowerMax', 'POWER_MAX', 'csi-powermax.dellemc.com'],
    ['Unity', 'UNITY', 'csi-unity.dellemc.com'],
    ['PowerFlex', 'POWER_FLEX', 'csi-vxflexos.dellemc.com'],
    ['PowerScale', 'POWER_SCALE', DELL_POWER_SCALE],
  ].map(([product, member, name]): DriverFacts => ({
    product: `Dell ${product}`,
    names: [name],
    factory: 'dell',
    factoryArgument: `DellArray.${member}`,
    groups: false,
    groupsNote: 'but by custom resources of Dell',
    kinds: [{ is: 'a snapshot in the storage array' }],
    ...name === DELL_POWER_SCALE ? { parameters: { IsiPath: matching(/^\/ifs(\/|$)/, 'a path that starts with /ifs') } } : {},
  })),
  {
    product: 'HPE',
    names: [HPE],
    factory: 'hpe',
    groups: false,
    groupsNote: 'but by custom resources of HPE',
    kinds: [{ is: 'a snapshot in the storage array' }],
    parameters: { description: notEmpty() },
  },
  {
    product: 'IBM block storage',
    names: [IBM_BLOCK],
    factory: 'ibmBlock',
    kinds: [{ is: 'a snapshot or FlashCopy in the storage system' }],
    parameters: { pool: notEmpty(), SpaceEfficiency: notEmpty(), snapshot_name_prefix: matching(/^.{1,20}$/, 'at most 20 characters, 5 on DS8000') },
    required: [`${SNAPSHOTTER_SECRET}-name`],
  },
  {
    product: 'IBM Storage Scale',
    names: [IBM_STORAGE_SCALE],
    factory: 'ibmStorageScale',
    kinds: [{ is: 'a snapshot of the fileset, in its file system', maxPerVolume: 256 }],
    parameters: { snapWindow: wholeNumber(0, Number.MAX_SAFE_INTEGER, 'minutes') },
  },
  linstor(),
  {
    product: 'csi-hostpath, for tests',
    names: [HOSTPATH],
    factory: 'hostpath',
    groups: true,
    kinds: [{ is: `an archive ${ON_ITS_NODE}`, afterVolume: 'stay' }],
    parameters: { ignoreFailedRead: oneOf('true', 'false') },
  },
];

/** Its parameters all have one prefix, and belong to one type or another. */
function linstor(): DriverFacts {
  const named = (name: string) => LINSTOR_PREFIX + name;
  const typeOf = (given: Parameters) => (given[named('type')] ?? 'InCluster').toLowerCase();
  const boolean = oneOf('true', 'false');
  const only = (type: string, name: string) => ({
    parameter: named(name),
    broken: (given: Parameters) => named(name) in given && typeOf(given) !== type.toLowerCase(),
    problem: 'it belongs to another type of snapshots',
    allowed: `with the type ${type} only`,
    fix: 'leave it out, or change the type',
  });
  const remote = (given: Parameters) => typeOf(given) !== 'incluster';
  const kinds: SnapshotKind[] = [
    { called: 'type: S3', chosen: (given) => typeOf(given) === 's3', is: 'a copy in the object store; volumes in every cluster that has this remote', afterVolume: 'stay' },
    { called: 'type: Linstor', chosen: (given) => typeOf(given) === 'linstor', is: 'a copy in another LINSTOR cluster', afterVolume: 'stay' },
    { called: 'type: IN_CLUSTER', is: 'a snapshot on the nodes of the volume' },
  ];
  return {
    product: 'LINSTOR',
    names: [LINSTOR],
    factory: 'linstor',
    groups: true,
    kinds,
    parameters: {
      [named('type')]: oneOfAnyCase('InCluster', 'S3', 'Linstor'),
      [named('remote-name')]: notEmpty(),
      [named('allow-incremental')]: boolean,
      [named('delete-local')]: boolean,
      [named('s3-endpoint')]: notEmpty(),
      [named('s3-bucket')]: notEmpty(),
      [named('s3-signing-region')]: notEmpty(),
      [named('s3-use-path-style')]: boolean,
    },
    combinations: [
      {
        parameter: named('type'),
        broken: (given) => remote(given) && !(named('remote-name') in given),
        problem: 'the driver refuses snapshots that go to a remote without its name',
        allowed: `together with ${named('remote-name')}`,
        fix: 'name the remote',
      },
      {
        parameter: named('delete-local'),
        broken: (given) => given[named('delete-local')] === 'true' && !remote(given),
        problem: 'the driver refuses it for snapshots in the cluster',
        allowed: 'with a type that goes to a remote',
        fix: 'leave it out',
      },
      ...['s3-endpoint', 's3-bucket', 's3-signing-region', 's3-use-path-style'].map((name) => only('S3', name)),
    ],
  };
}
