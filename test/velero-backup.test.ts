import { ApiObject, App, Chart, Duration, JsonPatch, Yaml } from 'cdk8s';
import { newChart, objectOf } from './manifests';
import {
  CsiDriver, Quiesce, SnapshotClass, VeleroAccessMode, VeleroBackup, VeleroBackupProps, VeleroHook, VeleroStorageLocation, VeleroVolumeAction,
  VeleroVolumePolicy, VeleroVolumes,
} from '../src';

function render(props: VeleroBackupProps = {}, chart = newChart()): any {
  new VeleroBackup(chart, 'Backup', props);
  return objectOf(chart, 'Backup');
}

test('renders what it is told, and leaves to the server what it is not', () => {
  const chart = newChart();
  const location = VeleroStorageLocation.fromStorageLocationName(chart, 'Location', 'frankfurt');
  const ebs = SnapshotClass.fromSnapshotClassName(chart, 'Ebs', 'ebs-retain', { driver: CsiDriver.awsEbs() });
  expect(Yaml.stringify(render({
    metadata: { name: 'before-move', labels: { team: 'shop' } },
    includedNamespaces: ['shop', 'shop-*'],
    excludedNamespaces: ['shop-test'],
    includedNamespaceScopedResources: ['*'],
    excludedNamespaceScopedResources: ['events'],
    excludedClusterScopedResources: ['*'],
    labelSelectors: [{ app: 'web' }, { app: 'db', tier: 'data' }],
    timeToLive: Duration.days(90),
    storageLocation: location,
    volumes: VeleroVolumes.moved({ dataMover: 'velero', parallelFilesUpload: 8 }),
    volumePolicy: VeleroVolumePolicy.fromConfigMapName(chart, 'Policy', 'volumes'),
    snapshotClasses: [ebs],
    orderedResources: { pods: ['shop/db-0', 'shop/db-1'], persistentvolumes: ['pv-1'] },
    csiSnapshotTimeout: Duration.minutes(20),
    itemOperationTimeout: Duration.minutes(90),
    volumeGroupLabelKey: 'example.com/group',
  }, chart))).toMatchInlineSnapshot(`
"apiVersion: velero.io/v1
kind: Backup
metadata:
  annotations:
    velero.io/csi-volumesnapshot-class_ebs.csi.aws.com: ebs-retain
  labels:
    team: shop
  name: before-move
  namespace: velero
spec:
  csiSnapshotTimeout: 20m
  datamover: velero
  defaultVolumesToFsBackup: false
  excludedClusterScopedResources:
    - "*"
  excludedNamespaceScopedResources:
    - events
  excludedNamespaces:
    - shop-test
  includedNamespaceScopedResources:
    - "*"
  includedNamespaces:
    - shop
    - shop-*
  itemOperationTimeout: 1h30m
  orLabelSelectors:
    - matchLabels:
        app: web
    - matchLabels:
        app: db
        tier: data
  orderedResources:
    persistentvolumes: pv-1
    pods: shop/db-0,shop/db-1
  resourcePolicy:
    kind: configmap
    name: volumes
  snapshotMoveData: true
  snapshotVolumes: true
  storageLocation: frankfurt
  ttl: 2160h
  uploaderConfig:
    parallelFilesUpload: 8
  volumeGroupSnapshotLabelKey: example.com/group
"
`);
});

test('renders hardly anything if it is told nothing', () => {
  expect(Yaml.stringify(render())).toMatchInlineSnapshot(`
"apiVersion: velero.io/v1
kind: Backup
metadata:
  name: test-backup-c8b0dbd5
  namespace: velero
spec: {}
"
`);
});

describe('contract', () => {
  test('the Backup is the default child, with a stable name, in the namespace of Velero and not in that of the chart', () => {
    const chart = newChart({ namespace: 'shop' });
    const backup = new VeleroBackup(chart, 'Backup');
    expect(ApiObject.of(backup).kind).toBe('Backup');
    expect([backup.name, backup.namespace]).toEqual(['test-backup-c8b0dbd5', 'velero']);
    expect(objectOf(chart, 'Backup').metadata).toEqual({ name: backup.name, namespace: 'velero' });
  });

  test('Velero may be elsewhere', () => {
    expect(render({ metadata: { namespace: 'backups' } }).metadata.namespace).toBe('backups');
  });

  test('a patch survives', () => {
    const chart = newChart();
    ApiObject.of(new VeleroBackup(chart, 'Backup')).addJsonPatch(JsonPatch.add('/spec/volumeSnapshotLocations', ['aws']));
    expect(objectOf(chart, 'Backup').spec.volumeSnapshotLocations).toEqual(['aws']);
  });
});

describe('volumes', () => {
  test.each<[string, VeleroVolumes, object]>([
    ['stay in the storage', VeleroVolumes.snapshots(), { snapshotVolumes: true, snapshotMoveData: false, defaultVolumesToFsBackup: false }],
    ['are moved', VeleroVolumes.moved(), { snapshotVolumes: true, snapshotMoveData: true, defaultVolumesToFsBackup: false }],
    ['are copied by file', VeleroVolumes.fileSystem({ parallelFilesUpload: 2 }), {
      snapshotVolumes: false, snapshotMoveData: false, defaultVolumesToFsBackup: true, uploaderConfig: { parallelFilesUpload: 2 },
    }],
    ['are left out', VeleroVolumes.none(), { snapshotVolumes: false, snapshotMoveData: false, defaultVolumesToFsBackup: false }],
  ])('that %s are so whatever the server is told', (_, volumes, spec) => {
    expect(render({ volumes }).spec).toEqual(spec);
  });

  test('are moved by no negative number of files', () => {
    expect(() => VeleroVolumes.moved({ parallelFilesUpload: 0 })).toThrow("[VeleroVolumes.moved] 'parallelFilesUpload': out of range, got 0");
  });
});

describe('labels', () => {
  test('of one selector are one selector, since Velero refuses both fields together', () => {
    expect(render({ labelSelectors: [{ app: 'web' }] }).spec).toEqual({ labelSelector: { matchLabels: { app: 'web' } } });
  });
});

describe('the class', () => {
  test('is named to Velero by the driver in lower case, beside other annotations', () => {
    const chart = newChart({});
    const netapp = new SnapshotClass(chart, 'Class', { driver: CsiDriver.of('CSI.Example.com'), metadata: { name: 'fast' } });
    expect(render({ snapshotClasses: [netapp], metadata: { annotations: { note: 'x' } } }, chart).metadata.annotations)
      .toEqual({ 'note': 'x', 'velero.io/csi-volumesnapshot-class_csi.example.com': 'fast' });
  });
});

describe('throws', () => {
  const chart = newChart();
  const of = (name: string, driver?: CsiDriver) => SnapshotClass.fromSnapshotClassName(chart, name, name, { driver });
  const hook = (name?: string, namespaces?: string[]) => VeleroHook.fromQuiesce(Quiesce.mariaDb(), { podLabels: { app: 'db' }, name, namespaces });
  const copying = new VeleroVolumePolicy(chart, 'Copying', { rules: [{ action: VeleroVolumeAction.FS_BACKUP }] });
  const elsewhere = new VeleroStorageLocation(chart, 'Elsewhere', { provider: 'aws', bucket: 'b', metadata: { namespace: 'other' } });
  const readOnly = new VeleroStorageLocation(chart, 'ReadOnly', { provider: 'aws', bucket: 'b', accessMode: VeleroAccessMode.READ_ONLY });
  const policy = new VeleroVolumePolicy(chart, 'Policy', { rules: [{ action: VeleroVolumeAction.SNAPSHOT }], metadata: { namespace: 'other' } });

  test.each<[string, object, string]>([
    ['when a name is longer than what Velero makes a label of', { metadata: { name: 'x'.repeat(64) } }, "'metadata.name': 64 characters are too many"],
    ['when a list is empty', { includedNamespaces: [] }, "'includedNamespaces': empty, got []; allowed at least one; leave it out, or write * for all"],
    ['when all and some are included', { includedNamespaces: ['*', 'a'] }, "'includedNamespaces': * is all already"],
    ['when a selector is nothing', { labelSelectors: [null as any] }, "'labelSelectors': not a map, got null"],
    ...['shop,crm', '{shop,crm}', '**', 'shop-**', '!shop', 'shop-[', 'shop-[]', 'shop]', '[[a]]', 'shop.crm', 'Shop'].map(pattern => [
      `when Velero would refuse namespace ${pattern}`, { includedNamespaces: [pattern] }, `'includedNamespaces': not a name, got '${pattern}'`,
    ] as [string, object, string]),
    ...['deployments,pods', 'deploy*', 'pods.', '.apps', '[p]ods'].map(kind => [
      `when ${kind} is no kind`, { excludedNamespaceScopedResources: [kind] }, `'excludedNamespaceScopedResources': not a name, got '${kind}'`,
    ] as [string, object, string]),
    ['when nothing is left', { excludedNamespaces: ['*'] }, "'excludedNamespaces': nothing would be left"],
    ['when one is in and out', { includedNamespaces: ['a'], excludedNamespaces: ['a'] }, "'excludedNamespaces': it is in includedNamespaces too, got 'a'"],
    ['when all is out and something in', { includedClusterScopedResources: ['nodes'], excludedClusterScopedResources: ['*'] }, 'nothing would be left'],
    ['when a kind is written as in a manifest', { includedNamespaceScopedResources: ['Deployment'] }, "'includedNamespaceScopedResources': not a name, got 'Deployment'"],
    ['when no label chooses', { labelSelectors: [{}] }, "'labelSelectors': no label chooses everything"],
    ['when there is no time', { timeToLive: Duration.seconds(0) }, "'timeToLive': out of range"],
    ['when a class has no driver', { snapshotClasses: [of('unknown')] }, "'snapshotClasses': Velero is told the class of a driver, and the driver of this one is not known, got 'unknown'"],
    [
      'when two classes have one driver', { snapshotClasses: [of('a', CsiDriver.awsEbs()), of('b', CsiDriver.awsEbs())] },
      "'snapshotClasses': the class a is of the same driver, got 'b'; allowed one class for a driver; leave one out",
    ],
    ['when two hooks have one name', { hooks: [hook(), hook()] }, "'hooks': two hooks have one name, and Velero tells them apart by it, got 'quiesce'"],
    ['when applications would be held while files are copied', { hooks: [hook()], volumes: VeleroVolumes.fileSystem() }, "'hooks': applications would be held until all files are copied"],
    ['when applications would be held for nothing', { hooks: [hook()], volumes: VeleroVolumes.none() }, "'hooks': applications would be held for nothing"],
    ['when applications would be held while a policy copies the files of all volumes', { hooks: [hook()], volumePolicy: copying }, "'hooks': applications would be held, and by the volume policy no snapshot is taken"],
    ['when a hook is for a namespace that is not backed up', { hooks: [hook('h', ['shp'])], includedNamespaces: ['shop'] }, "'hooks.namespaces': it is not in includedNamespaces, so that it would have no effect, got 'shp'"],
    ['when pods are left out, in which Velero would look for hooks', { hooks: [hook()], excludedNamespaceScopedResources: ['pods'] }, "'hooks': pods are not in the backup"],
    ['when pods are not among what is backed up', { hooks: [hook()], includedNamespaceScopedResources: ['persistentvolumeclaims'] }, "'hooks': pods are not in the backup"],
    ['when a hook is a Quiesce, whose script says nothing here', { hooks: [Quiesce.mariaDb()] }, "'hooks': not a VeleroHook, got a Quiesce; allowed a VeleroHook;"],
    ['when a namespace is written in capitals', { includedNamespaces: ['Shop'] }, "'includedNamespaces': not a name, got 'Shop'; allowed lower-case names, or patterns of *, ? and [abc];"],
    ['when a field is called as Velero calls it', { snapshotMoveData: true }, "'snapshotMoveData': a field of Velero, and no prop, got true;"],
    ['when an order has no names', { orderedResources: { pods: ['a/b/c'] } }, "'orderedResources.pods': not names of objects, got 'a/b/c'"],
    ['when nothing is written to the location', { storageLocation: readOnly }, "'storageLocation': nothing is written there, got 'test/ReadOnly'"],
    ['when the location is where Velero is not', { storageLocation: elsewhere }, "'storageLocation': it is in another namespace, where Velero does not look for it, got 'other'; allowed velero"],
    ['when the policy is where Velero is not', { volumePolicy: policy }, "'volumePolicy': it is in another namespace"],
    ['when the label of groups is none', { volumeGroupLabelKey: 'no key' }, "'volumeGroupLabelKey': not a valid key"],
    ['when a prop is misspelt', { includeNamespaces: ['a'] }, 'did you mean includedNamespaces?'],
    ['when the volumes are text', { volumes: 'moved' }, "'volumes': not a VeleroVolumes, got 'moved'"],
  ])('%s', (_, props, message) => {
    expect(() => render(props as VeleroBackupProps, new Chart(new App(), 'throws'))).toThrow(message);
  });
});

test('applications are held beside a policy that copies the files of some volumes', () => {
  const chart = newChart();
  const volumePolicy = new VeleroVolumePolicy(chart, 'Policy', { rules: [{ action: VeleroVolumeAction.FS_BACKUP, storageClassNames: ['nfs'] }] });
  const hooks = [VeleroHook.fromQuiesce(Quiesce.mariaDb(), { podLabels: { app: 'db' } })];
  expect(render({ volumePolicy, hooks }, chart).spec.hooks.resources).toHaveLength(1);
});

test('nobody changes a backup by a list that it was given', () => {
  const chart = newChart();
  const includedNamespaces = ['shop'];
  new VeleroBackup(chart, 'Backup', { includedNamespaces });
  includedNamespaces.push('*');
  expect(objectOf(chart, 'Backup').spec.includedNamespaces).toEqual(['shop']);
});
