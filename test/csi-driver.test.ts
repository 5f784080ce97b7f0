import { Duration } from 'cdk8s';
import {
  AwsEbsOptions, AzureDataAccessAuthMode, AzureDiskOptions, AzureFileApi, AzureNetworkAccessPolicy, AzurePublicNetworkAccess, CinderSnapshotType,
  CsiDriver, DellArray, EbsLockMode, GcePersistentDiskOptions, GceSnapshotType, LinstorSnapshotType, LonghornBackupMode, LonghornExportType,
  LonghornOptions, LonghornSnapshotType, OciBackupType, PortworxOptions, PortworxSnapshotType,
} from '../src';

describe('awsEbs', () => {
  test('has no parameters unless told otherwise', () => {
    const driver = CsiDriver.awsEbs();
    expect(driver.name).toBe('ebs.csi.aws.com');
    expect(driver.parameters).toEqual({});
  });

  test.each<[string, AwsEbsOptions, { [name: string]: string }]>([
    [
      'enables fast restore in zones',
      { fastSnapshotRestoreAvailabilityZones: ['eu-central-1a', 'eu-central-1b'] },
      { fastSnapshotRestoreAvailabilityZones: 'eu-central-1a,eu-central-1b' },
    ],
    [
      'stores on an Outpost',
      { outpostArn: 'arn:aws:outposts:us-west-2:111122223333:outpost/op-0d4579457ff2dc345' },
      { outpostArn: 'arn:aws:outposts:us-west-2:111122223333:outpost/op-0d4579457ff2dc345' },
    ],
    [
      'locks for a number of days',
      { lockMode: EbsLockMode.GOVERNANCE, lockDuration: Duration.hours(48) },
      { lockMode: 'governance', lockDuration: '2' },
    ],
    [
      'locks until a date, with a number of hours to think again',
      { lockMode: EbsLockMode.COMPLIANCE, lockExpirationDate: '2030-12-31T23:59:59Z', lockCoolOffPeriod: Duration.days(1) },
      { lockMode: 'compliance', lockExpirationDate: '2030-12-31T23:59:59Z', lockCoolOffPeriod: '24' },
    ],
    [
      'numbers tags in the order of their keys',
      { tags: { team: 'payments', empty: '', from: '{{ .VolumeSnapshotNamespace }}' } },
      { tagSpecification_1: 'empty=', tagSpecification_2: 'from={{ .VolumeSnapshotNamespace }}', tagSpecification_3: 'team=payments' },
    ],
  ])('%s', (_, options, parameters) => {
    expect(CsiDriver.awsEbs(options).parameters).toEqual(parameters);
  });

  test.each<[string, AwsEbsOptions, string]>([
    ['a lock has a duration and no mode', { lockDuration: Duration.days(1) }, "'lockDuration': nothing is locked without a lockMode"],
    ['a lock has a date and no mode', { lockExpirationDate: '2030-12-31T23:59:59Z' }, "'lockExpirationDate': nothing is locked without a lockMode"],
    ['a lock has a cooling-off period and no mode', { lockCoolOffPeriod: Duration.hours(1) }, "'lockCoolOffPeriod': nothing is locked without a lockMode"],
    [
      'a lock has two ends',
      { lockMode: EbsLockMode.GOVERNANCE, lockDuration: Duration.days(1), lockExpirationDate: '2030-12-31T23:59:59Z' },
      "'lockExpirationDate': a lock ends after a duration or at a date",
    ],
    ['a lock has no end', { lockMode: EbsLockMode.GOVERNANCE }, "'lockMode': EC2 refuses a lock without an end"],
    [
      'governance has a cooling-off period',
      { lockMode: EbsLockMode.GOVERNANCE, lockDuration: Duration.days(1), lockCoolOffPeriod: Duration.hours(1) },
      "'lockCoolOffPeriod': a lock in governance mode has no cooling-off period",
    ],
    [
      'a lock ends within a day',
      { lockMode: EbsLockMode.GOVERNANCE, lockDuration: Duration.hours(36) },
      "'lockDuration': the driver counts in whole units, got 1 day 12 hours; allowed a multiple of 1 day",
    ],
    ['a lock is shorter than a day', { lockMode: EbsLockMode.GOVERNANCE, lockDuration: Duration.days(0) }, "'lockDuration': not a value that the driver takes, got '0'"],
    ['a lock is longer than a century', { lockMode: EbsLockMode.GOVERNANCE, lockDuration: Duration.days(36501) }, 'a whole number of days from 1 to 36500'],
    [
      'a cooling-off period is longer than three days',
      { lockMode: EbsLockMode.COMPLIANCE, lockDuration: Duration.days(9), lockCoolOffPeriod: Duration.hours(73) },
      'a whole number of hours from 1 to 72',
    ],
    [
      'the day of the end does not exist',
      { lockMode: EbsLockMode.COMPLIANCE, lockExpirationDate: '2030-02-30T00:00:00Z' },
      "'lockExpirationDate': not a value that the driver takes, got '2030-02-30T00:00:00Z'",
    ],
    ['an Outpost has no ARN', { outpostArn: 'op-0d4579457ff2dc345' }, "'outpostArn'"],
    ['there is no zone to restore in', { fastSnapshotRestoreAvailabilityZones: [] }, "'fastSnapshotRestoreAvailabilityZones'"],
    ['a tag key has an equals sign', { tags: { 'a=b': 'c' } }, "'tags': the driver splits at '='"],
    ['a tag belongs to the driver', { tags: { CSIVolumeSnapshotName: 'x' } }, "'tags': this tag is kept for the driver"],
    ['a tag belongs to Kubernetes', { tags: { 'kubernetes.io/cluster/x': 'owned' } }, "'tags': this tag is kept for the driver"],
    ['a tag has no key', { tags: { '': 'x' } }, "'tags': not a tag"],
    ['a tag is too long', { tags: { x: 'y'.repeat(257) } }, "'tags': too long"],
    ['there are too many tags', { tags: Object.fromEntries([...Array(51).keys()].map((n) => [`key-${n}`, 'x'])) }, "'tags': too many tags"],
  ])('throws when %s', (_, options, message) => {
    expect(() => CsiDriver.awsEbs(options)).toThrow('[CsiDriver.awsEbs] ');
    expect(() => CsiDriver.awsEbs(options)).toThrow(message);
  });

  test('lets a volume rest 15 seconds between snapshots', () => {
    expect(CsiDriver.awsEbs().minimumInterval?.toSeconds()).toBe(15);
    expect(CsiDriver.awsEbs().maxSnapshotsPerVolume).toBeUndefined();
  });
});

describe('gcePersistentDisk', () => {
  test('has no parameters unless told otherwise', () => {
    const driver = CsiDriver.gcePersistentDisk();
    expect(driver.name).toBe('pd.csi.storage.gke.io');
    expect(driver.parameters).toEqual({});
  });

  test.each<[string, GcePersistentDiskOptions, { [name: string]: string }]>([
    ['takes snapshots', { snapshotType: GceSnapshotType.SNAPSHOTS }, { 'snapshot-type': 'snapshots' }],
    [
      'takes images of a family',
      { snapshotType: GceSnapshotType.IMAGES, imageFamily: 'nightly' },
      { 'snapshot-type': 'images', 'image-family': 'nightly' },
    ],
    ['stores in a region', { storageLocation: 'europe-west12' }, { 'storage-locations': 'europe-west12' }],
    ['stores in a multi-region', { storageLocation: 'eu' }, { 'storage-locations': 'eu' }],
    ['labels', { labels: { team: 'payments', env: 'prod' } }, { labels: 'env=prod,team=payments' }],
    [
      'tags',
      { resourceTags: { 'my-project/env': 'prod', '123456/cost-center': 'A 1' } },
      { 'resource-tags': '123456/cost-center/A 1,my-project/env/prod' },
    ],
    ['leaves empty maps out', { labels: {}, resourceTags: {} }, {}],
  ])('%s', (_, options, parameters) => {
    expect(CsiDriver.gcePersistentDisk(options).parameters).toEqual(parameters);
  });

  test.each<[string, GcePersistentDiskOptions, string]>([
    ['a family has no images', { imageFamily: 'nightly' }, "'imageFamily': a family of images has no effect on snapshots"],
    ['a family is misspelled', { snapshotType: GceSnapshotType.IMAGES, imageFamily: 'Nightly' }, "'imageFamily': not a value"],
    ['two locations are given', { storageLocation: 'eu,us' }, "'storageLocation': not a value that the driver takes, got 'eu,us'; allowed one region"],
    ['a zone is given', { storageLocation: 'europe-west3-a' }, "'storageLocation': not a value"],
    ['a label has capitals', { labels: { Team: 'payments' } }, "'labels': not a value"],
    ['a label has a comma', { labels: { team: 'a,b=c' } }, "'labels': the driver splits at ','"],
    ['a label key has an equals sign', { labels: { 'a=b': 'c' } }, "'labels': the driver splits at '='"],
    ['a tag has no parent', { resourceTags: { env: 'prod' } }, "'resourceTags': not a value"],
    ['a tag has a comma', { resourceTags: { 'my-project/env': 'a,b' } }, "'resourceTags': the driver splits at ','"],
    ['there are too many labels', { labels: Object.fromEntries([...Array(65).keys()].map((n) => [`key-${n}`, 'x'])) }, "'labels': not a value"],
  ])('throws when %s', (_, options, message) => {
    expect(() => CsiDriver.gcePersistentDisk(options)).toThrow(`[CsiDriver.gcePersistentDisk] ${message}`);
  });

  test('lets a disk rest 10 minutes between snapshots', () => {
    expect(CsiDriver.gcePersistentDisk().minimumInterval?.toSeconds()).toBe(600);
  });
});

describe('azureDisk', () => {
  test('has no parameters unless told otherwise', () => {
    const driver = CsiDriver.azureDisk();
    expect(driver.name).toBe('disk.csi.azure.com');
    expect(driver.parameters).toEqual({});
  });

  test.each<[string, AzureDiskOptions, { [name: string]: string }]>([
    ['takes full snapshots', { incremental: false }, { incremental: 'false' }],
    ['takes incremental snapshots', { incremental: true }, { incremental: 'true' }],
    ['stores in a resource group', { resourceGroup: 'backups' }, { resourceGroup: 'backups' }],
    ['stores in a subscription', { subscriptionId: '0000-1111' }, { subscriptionID: '0000-1111' }],
    ['copies to a region', { location: 'northeurope' }, { location: 'northeurope' }],
    ['tags', { tags: { team: 'payments', env: 'prod' } }, { tags: 'env=prod,team=payments' }],
    ['tags with commas', { tags: { a: '1,2', b: '3' }, tagValueDelimiter: ';' }, { tags: 'a=1,2;b=3', tagValueDelimiter: ';' }],
    [
      'guards the export',
      {
        dataAccessAuthMode: AzureDataAccessAuthMode.AZURE_ACTIVE_DIRECTORY,
        networkAccessPolicy: AzureNetworkAccessPolicy.DENY_ALL,
        publicNetworkAccess: AzurePublicNetworkAccess.DISABLED,
      },
      { dataAccessAuthMode: 'AzureActiveDirectory', networkAccessPolicy: 'DenyAll', publicNetworkAccess: 'Disabled' },
    ],
    ['names itself', { userAgent: 'backup' }, { userAgent: 'backup' }],
    ['gives instant access', { instantAccessDuration: Duration.hours(2) }, { instantAccessDurationMinutes: '120' }],
  ])('%s', (_, options, parameters) => {
    expect(CsiDriver.azureDisk(options).parameters).toEqual(parameters);
  });

  test.each<[string, AzureDiskOptions, string]>([
    ['a full snapshot is copied to a region', { incremental: false, location: 'northeurope' }, "'location': a full snapshot cannot be copied"],
    ['instant access is too short', { instantAccessDuration: Duration.minutes(59) }, "'instantAccessDuration': not a value that the driver takes, got '59'"],
    ['instant access is too long', { instantAccessDuration: Duration.minutes(301) }, "'instantAccessDuration': not a value"],
    ['instant access is half a minute', { instantAccessDuration: Duration.seconds(90) }, "'instantAccessDuration': the driver counts in whole units"],
    ['a tag has the delimiter', { tags: { a: '1,2' } }, "'tags': the driver splits at ',', got 'a=1,2'; allowed a value without ','; change it, or set another tagValueDelimiter"],
    ['a tag key has an equals sign', { tags: { 'a=b': 'c' } }, "'tags': the driver splits at '='"],
    ['a tag key has a slash', { tags: { 'team/name': 'x' } }, "'tags': 'team/name=x' is not a tag"],
    ['the delimiter is empty', { tags: { a: 'b' }, tagValueDelimiter: '' }, "'tagValueDelimiter': not a value"],
    ['the resource group is empty', { resourceGroup: '' }, "'resourceGroup': not a value"],
  ])('throws when %s', (_, options, message) => {
    expect(() => CsiDriver.azureDisk(options)).toThrow(`[CsiDriver.azureDisk] ${message}`);
  });

  test('keeps 500 incremental snapshots of a disk', () => {
    expect(CsiDriver.azureDisk().maxSnapshotsPerVolume).toBe(500);
    expect(CsiDriver.azureDisk({ incremental: false }).maxSnapshotsPerVolume).toBeUndefined();
  });
});

describe('cephRbd', () => {
  const snapshotterSecret = { name: 'rook-csi-rbd-provisioner', namespace: 'rook-ceph' };

  test('has the plain name without Rook', () => {
    const driver = CsiDriver.cephRbd({ clusterId: 'b9127830', snapshotterSecret });
    expect(driver.name).toBe('rbd.csi.ceph.com');
    expect(driver.parameters).toEqual({
      'clusterID': 'b9127830',
      'csi.storage.k8s.io/snapshotter-secret-name': 'rook-csi-rbd-provisioner',
      'csi.storage.k8s.io/snapshotter-secret-namespace': 'rook-ceph',
    });
  });

  test('has the namespace of the Rook operator before the name', () => {
    expect(CsiDriver.cephRbd({ clusterId: 'x', snapshotterSecret, operatorNamespace: 'rook-ceph' }).name).toBe('rook-ceph.rbd.csi.ceph.com');
  });

  test('names the snapshots', () => {
    expect(CsiDriver.cephRbd({ clusterId: 'x', snapshotterSecret, snapshotNamePrefix: 'night-' }).parameters).toMatchObject({ snapshotNamePrefix: 'night-' });
  });

  test('tells the Secret to others', () => {
    expect(CsiDriver.cephRbd({ clusterId: 'x', snapshotterSecret }).snapshotSecret).toEqual(snapshotterSecret);
  });

  test('throws when the cluster has no id', () => {
    expect(() => CsiDriver.cephRbd({ clusterId: '', snapshotterSecret })).toThrow("[CsiDriver.cephRbd] 'clusterId': not a value that the driver takes, got ''");
  });

  test('throws when the Secret has no valid name', () => {
    expect(() => CsiDriver.cephRbd({ clusterId: 'x', snapshotterSecret: { name: 'Not_A_Name', namespace: 'rook-ceph' } }))
      .toThrow("[CsiDriver.cephRbd] 'snapshotterSecret.name': not a valid name, got 'Not_A_Name'");
  });

  test('throws when the name of the driver would be too long', () => {
    expect(() => CsiDriver.cephRbd({ clusterId: 'x', snapshotterSecret, operatorNamespace: 'n'.repeat(47) }))
      .toThrow("[CsiDriver.cephRbd] 'operatorNamespace': not a valid name");
    expect(CsiDriver.cephRbd({ clusterId: 'x', snapshotterSecret, operatorNamespace: 'n'.repeat(46) }).name).toHaveLength(63);
  });
});

describe('longhorn', () => {
  test('takes snapshots and no backups, which need a target, unless told otherwise', () => {
    const driver = CsiDriver.longhorn();
    expect(driver.name).toBe('driver.longhorn.io');
    expect(driver.parameters).toEqual({ type: 'snap' });
  });

  test.each<[string, LonghornOptions, { [name: string]: string }]>([
    ['takes backups', { type: LonghornSnapshotType.BACKUP }, { type: 'bak' }],
    ['takes full backups', { type: LonghornSnapshotType.BACKUP, backupMode: LonghornBackupMode.FULL }, { type: 'bak', backupMode: 'full' }],
    [
      'exports images',
      { type: LonghornSnapshotType.BACKING_IMAGE, exportType: LonghornExportType.QCOW2 },
      { 'type': 'bi', 'export-type': 'qcow2' },
    ],
  ])('%s', (_, options, parameters) => {
    expect(CsiDriver.longhorn(options).parameters).toEqual(parameters);
  });

  test.each<[string, LonghornOptions, string]>([
    ['a snapshot has a backup mode', { backupMode: LonghornBackupMode.FULL }, "'backupMode': nothing is copied to the backup target, got 'full'"],
    [
      'a backup has an export type',
      { type: LonghornSnapshotType.BACKUP, exportType: LonghornExportType.RAW },
      "'exportType': no image is exported, got 'raw'",
    ],
    ['a volume may have one snapshot', { maxSnapshotsPerVolume: 1 }, "'maxSnapshotsPerVolume': out of range, got 1"],
    ['a volume may have more than Longhorn keeps', { maxSnapshotsPerVolume: 251 }, "'maxSnapshotsPerVolume': out of range, got 251"],
  ])('throws when %s', (_, options, message) => {
    expect(() => CsiDriver.longhorn(options)).toThrow(`[CsiDriver.longhorn] ${message}`);
  });

  test('keeps 250 snapshots of a volume, or as many as its setting says', () => {
    expect(CsiDriver.longhorn().maxSnapshotsPerVolume).toBe(250);
    expect(CsiDriver.longhorn({ maxSnapshotsPerVolume: 20 }).maxSnapshotsPerVolume).toBe(20);
    expect(CsiDriver.longhorn({ type: LonghornSnapshotType.BACKING_IMAGE }).maxSnapshotsPerVolume).toBeUndefined();
  });
});

describe('portworx', () => {
  test('takes local snapshots unless told otherwise', () => {
    const driver = CsiDriver.portworx();
    expect(driver.name).toBe('pxd.portworx.com');
    expect(driver.parameters).toEqual({ 'csi.openstorage.org/snapshot-type': 'local' });
    expect(driver.snapshotSecret).toBeUndefined();
  });

  test('takes cloud snapshots', () => {
    expect(CsiDriver.portworx({ snapshotType: PortworxSnapshotType.CLOUD, credentialId: 'some-uuid', incrementalCount: 0 }).parameters).toEqual({
      'csi.openstorage.org/snapshot-type': 'cloud',
      'csi.openstorage.org/snapshot-credential-id': 'some-uuid',
      'csi.openstorage.org/snapshot-incremental-count': '0',
    });
  });

  test('names the Secret of PX-Security', () => {
    const snapshotterSecret = { name: 'px-user-token', namespace: '${volumesnapshot.namespace}' };
    const driver = CsiDriver.portworx({ snapshotterSecret });
    expect(driver.snapshotSecret).toEqual(snapshotterSecret);
    expect(driver.parameters).toMatchObject({ 'csi.storage.k8s.io/snapshotter-secret-name': 'px-user-token' });
  });

  test.each<[string, PortworxOptions, string]>([
    ['a local snapshot has a cloud credential', { credentialId: 'some-uuid' }, "'credentialId': a local snapshot goes to no cloud"],
    ['a local snapshot has a chain', { incrementalCount: 3 }, "'incrementalCount': a local snapshot goes to no cloud"],
    ['a chain is no number', { snapshotType: PortworxSnapshotType.CLOUD, incrementalCount: 1.5 }, "'incrementalCount': not a value"],
    ['a Secret has no namespace', { snapshotterSecret: { name: 'x', namespace: '' } }, "'snapshotterSecret.namespace': a secret is found by its name and its namespace"],
  ])('throws when %s', (_, options, message) => {
    expect(() => CsiDriver.portworx(options)).toThrow(`[CsiDriver.portworx] ${message}`);
  });
});

describe('each other factory', () => {
  const secret = { name: 'backend', namespace: 'storage' };
  const snapshotter = { 'csi.storage.k8s.io/snapshotter-secret-name': 'backend', 'csi.storage.k8s.io/snapshotter-secret-namespace': 'storage' };
  const linstor = (name: string) => `snap.linstor.csi.linbit.com/${name}`;

  test.each<[string, () => CsiDriver, string, { [name: string]: string }]>([
    ['filestore always has the type, without which it takes no other parameter', () => CsiDriver.filestore(), 'filestore.csi.storage.gke.io', { type: 'backup' }],
    [
      'filestore stores elsewhere', () => CsiDriver.filestore({ location: 'europe-west3', labels: { team: 'payments', env: 'prod' } }),
      'filestore.csi.storage.gke.io', { type: 'backup', location: 'europe-west3', labels: 'env=prod,team=payments' },
    ],
    ['azureFile has none', () => CsiDriver.azureFile(), 'file.csi.azure.com', {}],
    [
      'azureFile uses the data plane', () => CsiDriver.azureFile({ api: AzureFileApi.DATA_PLANE, metadata: { b: '2', a: '1' }, snapshotterSecret: secret }),
      'file.csi.azure.com', { useDataPlaneAPI: 'true', metadata: 'a=1,b=2', ...snapshotter },
    ],
    ['digitalOcean has none', () => CsiDriver.digitalOcean(), 'dobs.csi.digitalocean.com', {}],
    ['scaleway has none', () => CsiDriver.scaleway(), 'csi.scaleway.com', {}],
    ['exoscale has none', () => CsiDriver.exoscale(), 'csi.exoscale.com', {}],
    ['cinder snapshots volumes in use', () => CsiDriver.cinder(), 'cinder.csi.openstack.org', { 'type': 'snapshot', 'force-create': 'true' }],
    [
      'cinder makes backups', () => CsiDriver.cinder({
        type: CinderSnapshotType.BACKUP, forceCreate: false, backupMaxDurationPerGb: Duration.minutes(1), availabilityZone: 'nova',
      }),
      'cinder.csi.openstack.org',
      { 'type': 'backup', 'force-create': 'false', 'backup-max-duration-seconds-per-gb': '60', 'availability': 'nova' },
    ],
    ['manila has its Secret', () => CsiDriver.manila({ snapshotterSecret: secret }), 'manila.csi.openstack.org', snapshotter],
    ['ociBlockVolume has none', () => CsiDriver.ociBlockVolume(), 'blockvolume.csi.oraclecloud.com', {}],
    [
      'ociBlockVolume tags in JSON, whose keys are in their order',
      () => CsiDriver.ociBlockVolume({ backupType: OciBackupType.FULL, freeformTags: { b: '2', a: '1' }, definedTags: { n: { d: '4', c: '3' } } }),
      'blockvolume.csi.oraclecloud.com',
      { 'backupType': 'full', 'oci.oraclecloud.com/freeform-tags': '{"a":"1","b":"2"}', 'oci.oraclecloud.com/defined-tags': '{"n":{"c":"3","d":"4"}}' },
    ],
    [
      'alibabaDisk lets expire and tags', () => CsiDriver.alibabaDisk({ expiresAfter: Duration.hours(48), resourceGroupId: 'rg-1', tags: { team: 'payments' } }),
      'diskplugin.csi.alibabacloud.com', { 'retentionDays': '2', 'resourceGroupId': 'rg-1', 'snapshotTags/team': 'payments' },
    ],
    ['ibmVpcBlock has none', () => CsiDriver.ibmVpcBlock(), 'vpc.block.csi.ibm.io', {}],
    [
      'cephFs is that of the operator', () => CsiDriver.cephFs({ clusterId: 'rook-ceph', operatorNamespace: 'rook-ceph', snapshotterSecret: secret }),
      'rook-ceph.cephfs.csi.ceph.com', { clusterID: 'rook-ceph', ...snapshotter },
    ],
    [
      'cephNfs is that of the operator',
      () => CsiDriver.cephNfs({ clusterId: 'rook-ceph', operatorNamespace: 'rook-ceph', snapshotterSecret: secret, snapshotNamePrefix: 'night-' }),
      'rook-ceph.nfs.csi.ceph.com', { clusterID: 'rook-ceph', snapshotNamePrefix: 'night-', ...snapshotter },
    ],
    ['vsphere has none', () => CsiDriver.vsphere({ maxSnapshotsPerVolume: 32 }), 'csi.vsphere.vmware.com', {}],
    ['openEbsZfs has none', () => CsiDriver.openEbsZfs(), 'zfs.csi.openebs.io', {}],
    ['openEbsLvm has none', () => CsiDriver.openEbsLvm(), 'local.csi.openebs.io', {}],
    ['openEbsMayastor decides by itself', () => CsiDriver.openEbsMayastor(), 'io.openebs.csi-mayastor', {}],
    [
      'openEbsMayastor leaves file systems alone', () => CsiDriver.openEbsMayastor({ freezeFileSystem: false }),
      'io.openebs.csi-mayastor', { quiesceFs: 'none' },
    ],
    ['openEbsMayastor freezes', () => CsiDriver.openEbsMayastor({ freezeFileSystem: true }), 'io.openebs.csi-mayastor', { quiesceFs: 'freeze' }],
    ['openEbsRawfile has none', () => CsiDriver.openEbsRawfile(), 'rawfile.csi.openebs.io', {}],
    ['topoLvm has none', () => CsiDriver.topoLvm(), 'topolvm.io', {}],
    [
      'democraticCsi detaches', () => CsiDriver.democraticCsi('org.democratic-csi.iscsi', { detachedSnapshots: true }),
      'org.democratic-csi.iscsi', { detachedSnapshots: 'true' },
    ],
    ['trident has none', () => CsiDriver.trident(), 'csi.trident.netapp.io', {}],
    ['dell has none', () => CsiDriver.dell(DellArray.POWER_FLEX), 'csi-vxflexos.dellemc.com', {}],
    ['dell has a path', () => CsiDriver.dell(DellArray.POWER_SCALE, { isiPath: '/ifs/data/csi' }), 'csi-isilon.dellemc.com', { IsiPath: '/ifs/data/csi' }],
    [
      'hpe lists with the Secret with which it takes', () => CsiDriver.hpe({ snapshotterSecret: secret, description: 'nightly' }), 'csi.hpe.com',
      {
        'description': 'nightly',
        ...snapshotter,
        'csi.storage.k8s.io/snapshotter-list-secret-name': 'backend',
        'csi.storage.k8s.io/snapshotter-list-secret-namespace': 'storage',
      },
    ],
    [
      'ibmBlock has a pool', () => CsiDriver.ibmBlock({ snapshotterSecret: secret, pool: 'fast', spaceEfficiency: 'thin', snapshotNamePrefix: 'night' }),
      'block.csi.ibm.com', { pool: 'fast', SpaceEfficiency: 'thin', snapshot_name_prefix: 'night', ...snapshotter },
    ],
    ['ibmStorageScale has a window', () => CsiDriver.ibmStorageScale({ snapWindow: Duration.hours(1) }), 'spectrumscale.csi.ibm.com', { snapWindow: '60' }],
    ['linstor has none', () => CsiDriver.linstor(), 'linstor.csi.linbit.com', {}],
    [
      'linstor copies', () => CsiDriver.linstor({
        type: LinstorSnapshotType.S3,
        remoteName: 'backups',
        allowIncremental: false,
        deleteLocal: true,
        s3Endpoint: 'https://s3.example.com',
        s3Bucket: 'volumes',
        s3SigningRegion: 'eu',
        s3UsePathStyle: true,
        snapshotterSecret: secret,
      }),
      'linstor.csi.linbit.com',
      {
        [linstor('type')]: 'S3',
        [linstor('remote-name')]: 'backups',
        [linstor('allow-incremental')]: 'false',
        [linstor('delete-local')]: 'true',
        [linstor('s3-endpoint')]: 'https://s3.example.com',
        [linstor('s3-bucket')]: 'volumes',
        [linstor('s3-signing-region')]: 'eu',
        [linstor('s3-use-path-style')]: 'true',
        ...snapshotter,
      },
    ],
    ['hostpath ignores', () => CsiDriver.hostpath({ ignoreFailedRead: true }), 'hostpath.csi.k8s.io', { ignoreFailedRead: 'true' }],
  ])('%s', (_, make, name, parameters) => {
    expect(make().name).toBe(name);
    expect(make().parameters).toEqual(parameters);
  });

  test.each<[string, () => CsiDriver, string]>([
    ['a label is none of Google Cloud', () => CsiDriver.filestore({ labels: { Team: 'payments' } }), "[CsiDriver.filestore] 'labels': not a value that the driver takes"],
    ['a location is empty', () => CsiDriver.filestore({ location: '' }), "[CsiDriver.filestore] 'location': not a value"],
    ['metadata has a comma', () => CsiDriver.azureFile({ metadata: { a: '1,2' } }), "[CsiDriver.azureFile] 'metadata': the driver splits at ','"],
    ['metadata is the own one of the driver', () => CsiDriver.azureFile({ metadata: { Initiator: 'me' } }), "[CsiDriver.azureFile] 'metadata': 'Initiator=me' is not metadata"],
    ['an enum has another word', () => CsiDriver.azureFile({ api: 'yes' as any }), "[CsiDriver.azureFile] 'api': not a value that the driver takes, got 'yes'"],
    ['a Secret has no valid name', () => CsiDriver.azureFile({ snapshotterSecret: { name: 'A', namespace: 'b' } }), "[CsiDriver.azureFile] 'snapshotterSecret.name': not a valid name"],
    ['a snapshot is given the time of a backup', () => CsiDriver.cinder({ backupMaxDurationPerGb: Duration.seconds(9) }), "[CsiDriver.cinder] 'backupMaxDurationPerGb': it has no effect on snapshots"],
    ['a snapshot is given the zone of a backup', () => CsiDriver.cinder({ availabilityZone: 'nova' }), "[CsiDriver.cinder] 'availabilityZone': it has no effect on snapshots"],
    [
      'a boolean is a text, and the text false would be true', () => CsiDriver.cinder({ forceCreate: 'false' as any }),
      "[CsiDriver.cinder] 'forceCreate': not a boolean, got 'false'",
    ],
    ['a tag is no text', () => CsiDriver.ociBlockVolume({ freeformTags: { team: 5 as any } }), "[CsiDriver.ociBlockVolume] 'freeformTags': not tags that the driver can read, got '{\"team\":5}'"],
    ['defined tags have no namespace', () => CsiDriver.ociBlockVolume({ definedTags: { team: 'payments' as any } }), "[CsiDriver.ociBlockVolume] 'definedTags': not tags"],
    ['a snapshot expires within a day', () => CsiDriver.alibabaDisk({ expiresAfter: Duration.hours(36) }), "[CsiDriver.alibabaDisk] 'expiresAfter': the driver counts in whole units"],
    ['a snapshot expires at once', () => CsiDriver.alibabaDisk({ expiresAfter: Duration.days(0) }), "[CsiDriver.alibabaDisk] 'expiresAfter': not a value that the driver takes, got '0'"],
    ['a cluster has no id', () => CsiDriver.cephFs({ clusterId: '', snapshotterSecret: secret }), "[CsiDriver.cephFs] 'clusterId': not a value"],
    [
      'a namespace would make a name that is too long', () => CsiDriver.cephNfs({ clusterId: 'x', snapshotterSecret: secret, operatorNamespace: 'n'.repeat(47) }),
      "[CsiDriver.cephNfs] 'operatorNamespace': not a valid name",
    ],
    ['vSphere would keep more than it can', () => CsiDriver.vsphere({ maxSnapshotsPerVolume: 33 }), "[CsiDriver.vsphere] 'maxSnapshotsPerVolume': out of range, got 33"],
    ['democratic-csi has another name', () => CsiDriver.democraticCsi('truenas.iscsi'), "[CsiDriver.democraticCsi] 'name': not a usual name of this driver, got 'truenas.iscsi'; allowed org.democratic-csi.<name>; use CsiDriver.of"],
    ['an array is none', () => CsiDriver.dell('csi-compellent.dellemc.com' as any), "[CsiDriver.dell] 'array': not a member of the enum"],
    ['an array has no paths', () => CsiDriver.dell(DellArray.UNITY, { isiPath: '/ifs' }), "[CsiDriver.dell] 'isiPath': the array has no such path"],
    ['a path is elsewhere', () => CsiDriver.dell(DellArray.POWER_SCALE, { isiPath: '/data' }), "[CsiDriver.dell] 'isiPath': not a value that the driver takes, got '/data'; allowed a path that starts with /ifs"],
    [
      'HPE would list by a template that only snapshots have', () => CsiDriver.hpe({ snapshotterSecret: { name: 'x', namespace: '${volumesnapshot.namespace}' } }),
      "[CsiDriver.hpe] 'snapshotterSecret.namespace': a template that the snapshot controller cannot resolve",
    ],
    ['a prefix is too long', () => CsiDriver.ibmBlock({ snapshotterSecret: secret, snapshotNamePrefix: 'p'.repeat(21) }), "[CsiDriver.ibmBlock] 'snapshotNamePrefix': not a value"],
    ['a window has seconds', () => CsiDriver.ibmStorageScale({ snapWindow: Duration.seconds(90) }), "[CsiDriver.ibmStorageScale] 'snapWindow': the driver counts in whole units"],
    ['an object store has no remote', () => CsiDriver.linstor({ type: LinstorSnapshotType.S3 }), "[CsiDriver.linstor] 'type': the driver refuses snapshots that go to a remote without its name"],
    ['a snapshot in the cluster has a bucket', () => CsiDriver.linstor({ s3Bucket: 'volumes' }), "[CsiDriver.linstor] 's3Bucket': it belongs to another type of snapshots"],
    ['a snapshot in the cluster is taken away', () => CsiDriver.linstor({ deleteLocal: true }), "[CsiDriver.linstor] 'deleteLocal': the driver refuses it for snapshots in the cluster"],
    ['an option is misspelt', () => CsiDriver.awsEbs({ lockduration: Duration.days(1) } as any), "[CsiDriver.awsEbs] 'options.lockduration': no such prop"],
    ['the options are missing', () => CsiDriver.cephRbd(undefined as any), "[CsiDriver.cephRbd] 'options': not an object"],
  ])('throws when %s', (_, make, message) => {
    expect(make).toThrow(message);
  });

  test('a size of LVM snapshots is refused, since of thick ones nothing can be restored', () => {
    expect(() => CsiDriver.of('local.csi.openebs.io', { parameters: { snapSize: '50%' } }))
      .toThrow("[CsiDriver.of] 'parameters.snapSize': with a size the driver makes a thick snapshot, and of a thick one no volume can be made");
  });

  test('Filestore is refused parameters that it would refuse for want of a type', () => {
    expect(() => CsiDriver.of('filestore.csi.storage.gke.io', { parameters: { location: 'europe-west3' } }))
      .toThrow("'parameters.location': the driver refuses parameters without the type");
  });

  test('limits are those of the storage', () => {
    expect(CsiDriver.digitalOcean().minimumInterval?.toMinutes()).toBe(10);
    expect(CsiDriver.azureFile().maxSnapshotsPerVolume).toBe(200);
    expect(CsiDriver.ibmStorageScale().maxSnapshotsPerVolume).toBe(256);
    expect(CsiDriver.vsphere().maxSnapshotsPerVolume).toBe(3);
    expect(CsiDriver.vsphere({ maxSnapshotsPerVolume: 32 }).maxSnapshotsPerVolume).toBe(32);
  });
});

describe('of', () => {
  test('knows nothing of most drivers', () => {
    const driver = CsiDriver.of('zfs.csi.openebs.io');
    expect(driver.name).toBe('zfs.csi.openebs.io');
    expect(driver.parameters).toEqual({});
    expect(driver.maxSnapshotsPerVolume).toBeUndefined();
    expect(driver.minimumInterval).toBeUndefined();
    expect(driver.snapshotSecret).toBeUndefined();
  });

  test('passes any parameter to a driver that it does not know', () => {
    const parameters = { 'force-create': 'true', 'type': 'snapshot' };
    expect(CsiDriver.of('cinder.csi.openstack.org', { parameters }).parameters).toEqual(parameters);
  });

  test('takes the limits of the driver from the user', () => {
    const driver = CsiDriver.of('csi.example.com', { maxSnapshotsPerVolume: 7, minimumInterval: Duration.minutes(3) });
    expect(driver.maxSnapshotsPerVolume).toBe(7);
    expect(driver.minimumInterval?.toMinutes()).toBe(3);
  });

  test('knows that vSphere keeps 3 snapshots of a volume, unless the user knows better', () => {
    expect(CsiDriver.of('csi.vsphere.vmware.com').maxSnapshotsPerVolume).toBe(3);
    expect(CsiDriver.of('csi.vsphere.vmware.com', { maxSnapshotsPerVolume: 32 }).maxSnapshotsPerVolume).toBe(32);
  });

  test('finds the Secret in the parameters', () => {
    const driver = CsiDriver.of('csi.hpe.com', {
      parameters: { 'csi.storage.k8s.io/snapshotter-secret-name': 'hpe-backend', 'csi.storage.k8s.io/snapshotter-secret-namespace': 'hpe-storage' },
    });
    expect(driver.snapshotSecret).toEqual({ name: 'hpe-backend', namespace: 'hpe-storage' });
  });

  test('names a driver whose parameters are written elsewhere', () => {
    expect(CsiDriver.of('rook-ceph.rbd.csi.ceph.com').name).toBe('rook-ceph.rbd.csi.ceph.com');
  });

  test('checks a driver as its own factory does', () => {
    expect(() => CsiDriver.of('ebs.csi.aws.com', { parameters: { lockDuration: '7' } }))
      .toThrow("[CsiDriver.of] 'parameters.lockDuration': nothing is locked without a lockMode, got '7'; allowed together with lockMode only; set lockMode, or leave it out");
  });

  test.each([
    ['efs.csi.aws.com', 'AWS Backup'],
    ['linodebs.csi.linode.com', 'Longhorn'],
    ['csi.hetzner.cloud', 'Longhorn'],
  ])('throws when the driver is %s, which cannot take snapshots', (name, instead) => {
    expect(() => CsiDriver.of(name)).toThrow(new RegExp(`^\\[CsiDriver.of\\] 'name': .*, got '${name}'; allowed a driver that takes snapshots; .*${instead}`));
  });

  test.each<[string, () => CsiDriver, string]>([
    ['the name is none of a driver', () => CsiDriver.of('not_a_driver'), "'name': not a valid name"],
    ['the name is too long', () => CsiDriver.of('x'.repeat(64)), "'name': 64 characters are too many"],
    ['no snapshot may be kept', () => CsiDriver.of('x', { maxSnapshotsPerVolume: 0 }), "'maxSnapshotsPerVolume': out of range"],
    ['the interval is nothing', () => CsiDriver.of('x', { minimumInterval: Duration.seconds(0) }), "'minimumInterval': out of range"],
    [
      'a parameter is not a text',
      () => CsiDriver.of('x', { parameters: { count: 3 as unknown as string } }),
      "'parameters.count': not a text, got 3; allowed strings; put it in quotes",
    ],
  ])('throws when %s', (_, create, message) => {
    expect(create).toThrow(`[CsiDriver.of] ${message}`);
  });

  test('takes a name with capitals, as the API server does', () => {
    expect(CsiDriver.of('CSI.Example.com').name).toBe('CSI.Example.com');
  });
});

test('parameters are copies, so that one class cannot change another one', () => {
  const parameters = { type: 'snapshot' };
  const driver = CsiDriver.of('csi.example.com', { parameters });
  parameters.type = 'changed';
  driver.parameters.type = 'changed';
  expect(driver.parameters).toEqual({ type: 'snapshot' });
});

test.each<[string, () => unknown, RegExp]>([
  ['the name is missing', () => CsiDriver.of(undefined as any), /'name': not text, got undefined;/],
  ['a driver without snapshots is written in capitals', () => CsiDriver.of('EFS.csi.aws.com'), /'name': .*, got 'EFS.csi.aws.com'; allowed a driver that takes snapshots;/],
  ['zones are one text', () => CsiDriver.awsEbs({ fastSnapshotRestoreAvailabilityZones: 'a' as any }), /'fastSnapshotRestoreAvailabilityZones': not a list, got 'a';/],
  ['a tag is a number', () => CsiDriver.awsEbs({ tags: { cost: 5 as any } }), /'tags.cost': not text, got 5;/],
  ['a lock is a number of days', () => CsiDriver.awsEbs({ lockMode: EbsLockMode.GOVERNANCE, lockDuration: 7 as any }), /'lockDuration': not a Duration, got 7;/],
  ['an enum has another word', () => CsiDriver.awsEbs({ lockMode: 'Governance' as any }), /'lockMode': .*, got 'Governance';/],
])('throws when %s', (_, make, problem) => {
  expect(make).toThrow(problem);
});
