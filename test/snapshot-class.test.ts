import { ApiObject, App, Chart, ChartProps, JsonPatch, Yaml } from 'cdk8s';
import { CsiDriver, LonghornSnapshotType } from '../src';
import { DeletionPolicy, SnapshotClass, SnapshotClassProps } from '../src/snapshot-class';

const DEFAULT_CLASS = 'snapshot.storage.kubernetes.io/is-default-class';
const hostpath = CsiDriver.of('hostpath.csi.k8s.io');

const BACKUPS = CsiDriver.longhorn({ type: LonghornSnapshotType.BACKUP });

function render(props: Partial<SnapshotClassProps> = {}, chartProps: ChartProps = {}): any {
  const chart = new Chart(new App(), 'test', chartProps);
  new SnapshotClass(chart, 'Class', { driver: hostpath, ...props });
  return manifest(chart);
}

function manifest(chart: Chart): any {
  return chart.toJson().find(({ kind }) => kind === 'VolumeSnapshotClass');
}

test('renders a class that keeps snapshots in the storage', () => {
  expect(Yaml.stringify(render())).toMatchInlineSnapshot(`
"apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshotClass
metadata:
  name: test-class-c8d44fec
deletionPolicy: Retain
driver: hostpath.csi.k8s.io
"
`);
});

test('renders everything it is told', () => {
  const yaml = Yaml.stringify(render({
    metadata: { name: 'longhorn-backup', labels: { team: 'storage' }, annotations: { note: 'nightly' } },
    driver: CsiDriver.of('csi.hpe.com', { parameters: { description: 'nightly' } }),
    deletionPolicy: DeletionPolicy.DELETE,
    defaultClass: true,
    parameters: { tier: 'cold' },
    snapshotterSecret: { name: 'hpe-backend', namespace: 'hpe-storage' },
    snapshotterListSecret: { name: 'hpe-list', namespace: 'hpe-storage' },
  }));
  expect(yaml).toMatchInlineSnapshot(`
"apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshotClass
metadata:
  annotations:
    note: nightly
    snapshot.storage.kubernetes.io/is-default-class: "true"
  labels:
    team: storage
  name: longhorn-backup
deletionPolicy: Delete
driver: csi.hpe.com
parameters:
  csi.storage.k8s.io/snapshotter-list-secret-name: hpe-list
  csi.storage.k8s.io/snapshotter-list-secret-namespace: hpe-storage
  csi.storage.k8s.io/snapshotter-secret-name: hpe-backend
  csi.storage.k8s.io/snapshotter-secret-namespace: hpe-storage
  description: nightly
  tier: cold
"
`);
});

describe('contract', () => {
  test('the object is the default child', () => {
    const snapshotClass = new SnapshotClass(new Chart(new App(), 'test'), 'Class', { driver: hostpath });
    expect(ApiObject.of(snapshotClass).kind).toBe('VolumeSnapshotClass');
    expect(snapshotClass.node.defaultChild?.node.id).toBe('Resource');
  });

  test('the name is stable, or a redeploy would replace the class', () => {
    const snapshotClass = new SnapshotClass(new Chart(new App(), 'test'), 'Class', { driver: hostpath });
    expect(snapshotClass.snapshotClassName).toBe('test-class-c8d44fec');
  });

  test('a name in metadata is respected', () => {
    const chart = new Chart(new App(), 'test');
    const snapshotClass = new SnapshotClass(chart, 'Class', { driver: hostpath, metadata: { name: 'ebs.retain' } });
    expect(snapshotClass.snapshotClassName).toBe('ebs.retain');
    expect(manifest(chart).metadata).toEqual({ name: 'ebs.retain' });
  });

  test('a patch survives', () => {
    const chart = new Chart(new App(), 'test', { namespace: 'prod' });
    const snapshotClass = new SnapshotClass(chart, 'Class', { driver: hostpath });
    ApiObject.of(snapshotClass).addJsonPatch(JsonPatch.add('/parameters', { patched: 'yes' }), JsonPatch.replace('/deletionPolicy', 'Delete'));
    expect(manifest(chart)).toMatchObject({ parameters: { patched: 'yes' }, deletionPolicy: 'Delete' });
    expect(manifest(chart).metadata.namespace).toBeUndefined();
  });

  test('it tells other constructs what it is', () => {
    const driver = CsiDriver.portworx();
    const snapshotClass = new SnapshotClass(new Chart(new App(), 'test'), 'Class', { driver, parameters: { further: 'x' } });
    expect(snapshotClass).toMatchObject({ driver, deletionPolicy: DeletionPolicy.RETAIN, defaultClass: false });
    expect(snapshotClass.parameters).toEqual({ 'csi.openstorage.org/snapshot-type': 'local', 'further': 'x' });
    snapshotClass.parameters.further = 'changed';
    expect(snapshotClass.parameters.further).toBe('x');
  });
});

describe('metadata', () => {
  test('the class has no namespace in a chart that has one', () => {
    expect(render({}, { namespace: 'prod' }).metadata).toEqual({ name: 'test-class-c8d44fec' });
  });

  test('labels of the chart reach the class', () => {
    expect(render({ metadata: { labels: { own: 'a' } } }, { namespace: 'prod', labels: { all: 'b' } }).metadata.labels).toEqual({ own: 'a', all: 'b' });
  });

  test('throws when the class gets a namespace', () => {
    expect(() => render({ metadata: { namespace: 'prod' } }))
      .toThrow("[test/Class] 'metadata.namespace': the object belongs to the cluster and has no namespace, got 'prod'; allowed no namespace; leave it out");
  });

  test('throws when the name is not valid', () => {
    expect(() => render({ metadata: { name: 'Ebs_Class' } })).toThrow("[test/Class] 'metadata.name': not a valid name");
  });

  test('throws when it is not in a chart', () => {
    expect(() => new SnapshotClass(new App(), 'Class', { driver: hostpath })).toThrow("[Class] 'scope': not in a chart");
  });
});

describe('deletionPolicy', () => {
  test('a class can delete snapshots with their VolumeSnapshots', () => {
    expect(render({ deletionPolicy: DeletionPolicy.DELETE }).deletionPolicy).toBe('Delete');
  });
});

describe('defaultClass', () => {
  test('a class is the default one if it is told so', () => {
    expect(render({ defaultClass: true }).metadata.annotations).toEqual({ [DEFAULT_CLASS]: 'true' });
    expect(render({ defaultClass: false }).metadata.annotations).toBeUndefined();
  });

  test('the annotation of a user counts', () => {
    const chart = new Chart(new App(), 'test');
    const snapshotClass = new SnapshotClass(chart, 'Class', { driver: hostpath, metadata: { annotations: { [DEFAULT_CLASS]: 'true' } } });
    expect(snapshotClass.defaultClass).toBe(true);
    expect(manifest(chart).metadata.annotations).toEqual({ [DEFAULT_CLASS]: 'true' });
  });

  test('throws when the annotation says something else', () => {
    expect(() => render({ defaultClass: false, metadata: { annotations: { [DEFAULT_CLASS]: 'true' } } }))
      .toThrow(`[test/Class] 'defaultClass': the annotation ${DEFAULT_CLASS} in metadata says 'true', got false; allowed one of the two`);
  });

  test('synth fails when a driver has two default classes', () => {
    const chart = new Chart(new App(), 'test');
    new SnapshotClass(chart, 'One', { driver: hostpath, defaultClass: true });
    new SnapshotClass(chart, 'Two', { driver: hostpath, defaultClass: true, metadata: { name: 'two' } });
    expect(() => chart.toJson()).toThrow("[test/Two/Resource] 'defaultClass': the class at test/One/Resource is the default of the driver hostpath.csi.k8s.io too, got 'two'; "
      + 'allowed one default class for a driver, or a snapshot without a class name fails; choose one of the two');
  });
});

describe('a class that retains', () => {
  test.each<[string, Partial<SnapshotClassProps>]>([
    ['Longhorn keeps in its replicas', { driver: CsiDriver.longhorn() }],
    ['ZFS keeps in the dataset', { driver: CsiDriver.openEbsZfs(), deletionPolicy: DeletionPolicy.RETAIN }],
    ['Azure Files keeps in the share', { driver: CsiDriver.azureFile() }],
    ['parameters of the class say so', { driver: CsiDriver.of('driver.longhorn.io'), parameters: { type: 'snap' } }],
    ['nobody meant it', { driver: CsiDriver.democraticCsi('org.democratic-csi.nfs'), mayBeLostWithVolume: false }],
  ])('does not retain what %s, so it must be said in words that this is known', (_, props) => {
    expect(() => render(props)).toThrow(/^\[test\/Class\] 'deletionPolicy': the snapshots of .* are in their volume: .* nothing is retained, got 'Retain'; allowed .*mayBeLostWithVolume: true;/);
    expect(render({ ...props, mayBeLostWithVolume: true }).deletionPolicy).toBe('Retain');
    // whoever deletes says so already
    expect(render({ ...props, deletionPolicy: DeletionPolicy.DELETE }).deletionPolicy).toBe('Delete');
  });

  test('is told what the driver could do instead', () => {
    expect(() => render({ driver: CsiDriver.longhorn() })).toThrow(/set type: BACKUP, or say that it is known/);
    expect(render({ driver: BACKUPS }).deletionPolicy).toBe('Retain');
    expect(render({ driver: CsiDriver.democraticCsi('org.democratic-csi.nfs', { detachedSnapshots: true }) }).deletionPolicy).toBe('Retain');
  });
});

describe('parameters', () => {
  test('further parameters join those of the driver', () => {
    expect(render({ driver: BACKUPS, parameters: { custom: 'x' } }).parameters).toEqual({ type: 'bak', custom: 'x' });
  });

  test('saying the same twice is fine', () => {
    expect(render({ driver: BACKUPS, parameters: { type: 'bak' } }).parameters).toEqual({ type: 'bak' });
  });

  test('throws when they contradict the driver', () => {
    expect(() => render({ driver: BACKUPS, parameters: { type: 'snap' } }))
      .toThrow("[test/Class] 'parameters.type': the parameter 'type' has another value already, got 'snap'; allowed 'bak', or leaving it out; set it in one place");
  });

  test('throws when they contradict the driver in another case', () => {
    expect(() => render({ driver: CsiDriver.azureDisk({ resourceGroup: 'a' }), parameters: { resourcegroup: 'b' } }))
      .toThrow("'parameters.resourceGroup': disk.csi.azure.com ignores the case of names, and 'resourcegroup' is given too");
  });

  test('throws when the driver does not know one', () => {
    expect(() => render({ driver: CsiDriver.awsEbs(), parameters: { encrypted: 'true' } }))
      .toThrow("[test/Class] 'parameters.encrypted': ebs.csi.aws.com refuses snapshots with a parameter that it does not know");
  });

  test('throws when the driver and the class together make no sense', () => {
    expect(() => render({ driver: CsiDriver.azureDisk({ incremental: false }), parameters: { location: 'northeurope' } }))
      .toThrow("[test/Class] 'parameters.location': a full snapshot cannot be copied to another region");
  });

  test('throws when the driver needs one more', () => {
    expect(() => render({ driver: CsiDriver.of('rbd.csi.ceph.com') })).toThrow("[test/Class] 'driver': the parameter 'clusterID' is missing");
    expect(() => render({ driver: CsiDriver.of('rook-ceph.cephfs.csi.ceph.com'), parameters: { clusterID: 'rook-ceph' } }))
      .toThrow("[test/Class] 'driver': the parameter 'csi.storage.k8s.io/snapshotter-secret-name' is missing");
  });
});

describe('secrets', () => {
  test('the Secret of the driver is used', () => {
    const snapshotterSecret = { name: 'rook-csi-rbd-provisioner', namespace: 'rook-ceph' };
    expect(render({ driver: CsiDriver.cephRbd({ clusterId: 'rook-ceph', snapshotterSecret }) }).parameters).toEqual({
      'clusterID': 'rook-ceph',
      'csi.storage.k8s.io/snapshotter-secret-name': 'rook-csi-rbd-provisioner',
      'csi.storage.k8s.io/snapshotter-secret-namespace': 'rook-ceph',
    });
  });

  test('a class can name the Secret for a driver that needs one', () => {
    expect(render({
      driver: CsiDriver.of('rook-ceph.cephfs.csi.ceph.com'),
      parameters: { clusterID: 'rook-ceph' },
      snapshotterSecret: { name: 'rook-csi-cephfs-provisioner', namespace: 'rook-ceph' },
    }).parameters).toMatchObject({ 'csi.storage.k8s.io/snapshotter-secret-name': 'rook-csi-cephfs-provisioner' });
  });

  test('each namespace can have its own Secret', () => {
    expect(render({ snapshotterSecret: { name: 'token', namespace: '${volumesnapshot.namespace}' } }).parameters)
      .toMatchObject({ 'csi.storage.k8s.io/snapshotter-secret-namespace': '${volumesnapshot.namespace}' });
  });

  test('it tells the Secrets to other constructs, wherever they were named', () => {
    const chart = new Chart(new App(), 'test');
    const secret = { name: 'token', namespace: 'px' };
    expect(new SnapshotClass(chart, 'A', { driver: hostpath })).toMatchObject({ snapshotterSecret: undefined, snapshotterListSecret: undefined });
    expect(new SnapshotClass(chart, 'B', { driver: CsiDriver.portworx({ snapshotterSecret: secret }) }).snapshotterSecret).toEqual(secret);
    expect(new SnapshotClass(chart, 'C', { driver: hostpath, snapshotterListSecret: secret }).snapshotterListSecret).toEqual(secret);
  });

  test('throws when the class and the driver name different Secrets', () => {
    const driver = CsiDriver.portworx({ snapshotterSecret: { name: 'a', namespace: 'px' } });
    expect(() => render({ driver, snapshotterSecret: { name: 'b', namespace: 'px' } })).toThrow("[test/Class] 'snapshotterSecret.name': the parameter");
  });

  test('throws when a Secret has no valid name', () => {
    expect(() => render({ snapshotterSecret: { name: 'a_b', namespace: 'px' } })).toThrow("[test/Class] 'snapshotterSecret.name': not a valid name, got 'a_b'");
    expect(() => render({ snapshotterListSecret: { name: 'a', namespace: '${volumesnapshot.namespace}' } }))
      .toThrow("[test/Class] 'snapshotterListSecret.namespace': a template that the snapshot controller cannot resolve");
  });
});

test('nothing is built when a prop is wrong', () => {
  const chart = new Chart(new App(), 'test');
  expect(() => new SnapshotClass(chart, 'Class', { driver: hostpath, metadata: { namespace: 'prod' } })).toThrow();
  expect(chart.node.findAll().filter((node) => ApiObject.isApiObject(node))).toEqual([]);
});

describe('fromSnapshotClassName', () => {
  test('refers to a class without rendering one', () => {
    const chart = new Chart(new App(), 'test');
    const imported = SnapshotClass.fromSnapshotClassName(chart, 'Ebs', 'ebs-retain');
    expect(imported.snapshotClassName).toBe('ebs-retain');
    expect(imported.driver).toBeUndefined();
    expect(imported.deletionPolicy).toBeUndefined();
    expect(chart.toJson()).toEqual([]);
  });

  test('knows what the user knows', () => {
    const options = { driver: CsiDriver.awsEbs(), deletionPolicy: DeletionPolicy.DELETE };
    expect(SnapshotClass.fromSnapshotClassName(new Chart(new App(), 'test'), 'Ebs', 'ebs-delete', options)).toMatchObject(options);
  });

  test('throws when the name is not valid', () => {
    expect(() => SnapshotClass.fromSnapshotClassName(new Chart(new App(), 'test'), 'Ebs', '')).toThrow("[test/Ebs] 'name': not a valid name, got ''");
  });
});

describe('in a language without types, throws when', () => {
  test.each<[string, object, RegExp]>([
    ['a prop is misspelled', { deletionpolicy: 'Retain' }, /'deletionpolicy': no such prop, .*; did you mean deletionPolicy\?$/],
    ['the driver is a name', { driver: 'ebs.csi.aws.com' }, /'driver': not a CsiDriver, got 'ebs.csi.aws.com'; .*CsiDriver.of/],
    ['there is no driver', { driver: undefined }, /'driver': not a CsiDriver, got undefined;/],
    ['the policy is another word', { deletionPolicy: 'retain' }, /'deletionPolicy': .*, got 'retain'; allowed RETAIN \('Retain'\), DELETE \('Delete'\);/],
    ['defaultClass is text', { defaultClass: 'false' }, /'defaultClass': not a boolean, got 'false';/],
  ])('%s', (_, props, problem) => {
    expect(() => render(props)).toThrow(problem);
  });

  test.each<[string, any, RegExp]>([
    ['the driver is a name', { driver: 'x' }, /'driver': not a CsiDriver, got 'x';/],
    ['the policy is another word', { deletionPolicy: 'retain' }, /'deletionPolicy': not a member of the enum, got 'retain';/],
    ['an option is misspelled', { drivr: hostpath }, /'options.drivr': no such prop, .*; did you mean driver\?$/],
  ])('what is known of a class: %s', (_, options, problem) => {
    expect(() => SnapshotClass.fromSnapshotClassName(new Chart(new App(), 'test'), 'Class', 'ebs', options)).toThrow(problem);
  });
});

describe('Velero', () => {
  const LABEL = 'velero.io/csi-volumesnapshot-class';

  test('finds the class by its label', () => {
    expect(render({ veleroClass: true, metadata: { name: 'c', labels: { team: 'storage' } } }).metadata).toEqual({ name: 'c', labels: { team: 'storage', [LABEL]: 'true' } });
    expect(new SnapshotClass(new Chart(new App(), 'test'), 'Class', { driver: hostpath, veleroClass: true }).veleroClass).toBe(true);
  });

  test('is told nothing unless that is asked for', () => {
    expect(render().metadata.labels).toBeUndefined();
  });

  test('finds a class by a label that was written by hand, which is known then', () => {
    const snapshotClass = new SnapshotClass(new Chart(new App(), 'test'), 'Class', { driver: hostpath, metadata: { labels: { [LABEL]: 'true' } } });
    expect(snapshotClass.veleroClass).toBe(true);
  });

  test('takes a class also if the label says false, so that is refused', () => {
    for (const props of [{ metadata: { labels: { [LABEL]: 'false' } } }, { veleroClass: false, metadata: { labels: { [LABEL]: 'true' } } }]) {
      expect(() => render(props)).toThrow(`[test/Class] 'veleroClass': the label ${LABEL} in metadata says`);
    }
  });

  test('would take any of two classes of a driver, so synth fails', () => {
    const chart = new Chart(new App(), 'test');
    for (const id of ['A', 'B']) { new SnapshotClass(chart, id, { driver: hostpath, veleroClass: true }); }
    expect(() => chart.toJson()).toThrow("[test/B/Resource] 'veleroClass': the class at test/A/Resource is the one of the driver hostpath.csi.k8s.io for Velero too");
  });

  test('has a class of each driver', () => {
    const chart = new Chart(new App(), 'test');
    for (const name of ['a', 'b']) { new SnapshotClass(chart, name, { driver: CsiDriver.of(name), veleroClass: true }); }
    expect(chart.toJson()).toHaveLength(2);
  });
});
