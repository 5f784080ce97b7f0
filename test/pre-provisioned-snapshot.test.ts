import { ApiObject, App, Chart, JsonPatch, Yaml } from 'cdk8s';
import { Construct } from 'constructs';
import { newChart, objectOf } from './manifests';
import { CsiDriver, DeletionPolicy, PreProvisionedSnapshot, PreProvisionedSnapshotProps, RemovalPolicy, SnapshotClass, VolumeMode } from '../src';

const rbd = CsiDriver.of('rbd.csi.ceph.com');

function define(props: Partial<PreProvisionedSnapshotProps> = {}, chart = newChart()): Chart {
  new PreProvisionedSnapshot(chart, 'Old', { driver: rbd, snapshotHandle: 'handle-1', ...props });
  return chart;
}

const snapshotOf = (props: Partial<PreProvisionedSnapshotProps> = {}) => objectOf(define(props), 'VolumeSnapshot');
const contentOf = (props: Partial<PreProvisionedSnapshotProps> = {}) => objectOf(define(props), 'VolumeSnapshotContent');

test('renders a snapshot and its content, bound to each other', () => {
  expect(Yaml.stringify(...define().toJson())).toMatchInlineSnapshot(`
"apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata:
  annotations:
    argocd.argoproj.io/sync-options: Prune=false,Delete=false
    helm.sh/resource-policy: keep
    kustomize.toolkit.fluxcd.io/prune: disabled
  name: test-old-c8dc7a5e
  namespace: db
spec:
  source:
    volumeSnapshotContentName: test-old-content-c84b339c
---
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshotContent
metadata:
  annotations:
    argocd.argoproj.io/sync-options: Prune=false,Delete=false
    helm.sh/resource-policy: keep
    kustomize.toolkit.fluxcd.io/prune: disabled
  name: test-old-content-c84b339c
spec:
  deletionPolicy: Retain
  driver: rbd.csi.ceph.com
  source:
    snapshotHandle: handle-1
  sourceVolumeMode: Filesystem
  volumeSnapshotRef:
    name: test-old-c8dc7a5e
    namespace: db
"
`);
});

test('renders everything it is told', () => {
  const chart = newChart();
  define({
    metadata: { name: 'imported', labels: { team: 'dba' }, annotations: { note: 'x' } },
    sourceVolumeMode: VolumeMode.BLOCK,
    snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Class', 'rbd'),
    deletionPolicy: DeletionPolicy.DELETE,
    deletionSecret: { name: 'rbd-secret', namespace: 'ceph' },
    removalPolicy: RemovalPolicy.DELETE,
  }, chart);
  expect(Yaml.stringify(...chart.toJson())).toMatchInlineSnapshot(`
"apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata:
  annotations:
    note: x
  labels:
    team: dba
  name: imported
  namespace: db
spec:
  source:
    volumeSnapshotContentName: db-imported-d3e3715e
  volumeSnapshotClassName: rbd
---
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshotContent
metadata:
  annotations:
    note: x
    snapshot.storage.kubernetes.io/deletion-secret-name: rbd-secret
    snapshot.storage.kubernetes.io/deletion-secret-namespace: ceph
  labels:
    team: dba
  name: db-imported-d3e3715e
spec:
  deletionPolicy: Delete
  driver: rbd.csi.ceph.com
  source:
    snapshotHandle: handle-1
  sourceVolumeMode: Block
  volumeSnapshotClassName: rbd
  volumeSnapshotRef:
    name: imported
    namespace: db
"
`);
});

describe('contract', () => {
  test('the VolumeSnapshot is the default child', () => {
    expect(ApiObject.of(new PreProvisionedSnapshot(newChart(), 'Old', { driver: rbd, snapshotHandle: 'x' })).kind).toBe('VolumeSnapshot');
  });

  test('names are stable, since an imported snapshot is bound by name', () => {
    const old = new PreProvisionedSnapshot(newChart(), 'Old', { driver: rbd, snapshotHandle: 'x' });
    expect(old).toMatchObject({ snapshotName: 'test-old-c8dc7a5e', contentName: 'test-old-content-c84b339c', namespace: 'db' });
  });

  test('the two name each other, or they would never be bound', () => {
    for (const props of [{}, { metadata: { name: 'imported' } }, { metadata: { name: undefined } }]) {
      const chart = define(props);
      const [snapshot, content] = [objectOf(chart, 'VolumeSnapshot'), objectOf(chart, 'VolumeSnapshotContent')];
      expect(content.metadata.name).toMatch(/./);
      expect(snapshot.spec.source).toEqual({ volumeSnapshotContentName: content.metadata.name });
      expect(content.spec.volumeSnapshotRef).toEqual({ name: snapshot.metadata.name, namespace: snapshot.metadata.namespace });
    }
  });

  test('metadata is respected; the content is named after the namespace too, since contents have none', () => {
    const chart = define({ metadata: { name: 'imported', namespace: 'web', labels: { team: 'dba' } } });
    expect(objectOf(chart, 'VolumeSnapshot').metadata).toMatchObject({ name: 'imported', namespace: 'web', labels: { team: 'dba' } });
    expect(objectOf(chart, 'VolumeSnapshotContent').metadata).toMatchObject({ name: 'web-imported-7ef9087e', labels: { team: 'dba' } });
  });

  test('the content of no other namespace and name has the same name', () => {
    const named = (namespace: string, name: string) => objectOf(define({ metadata: { name, namespace } }), 'VolumeSnapshotContent').metadata.name;
    expect(named('shop', 'eu-x')).toBe('shop-eu-x-364a3562');
    expect(named('shop-eu', 'x')).toBe('shop-eu-x-08081707');
    expect(named('shop', `${'a'.repeat(252)}b`)).not.toBe(named('shop', `${'a'.repeat(252)}c`));
  });

  test.each([
    ['cut in a word', 'a'.repeat(253)], ['cut at a dash', `${'a'.repeat(240)}-${'b'.repeat(12)}`], ['cut at a dot', `${'a'.repeat(240)}.${'b'.repeat(12)}`],
  ])('the name of the content is one that the API takes, however long that of the snapshot: %s', (_, name) => {
    const content = objectOf(define({ metadata: { name } }), 'VolumeSnapshotContent').metadata.name;
    expect(content.length).toBeLessThanOrEqual(253);
    expect(content).toMatch(/^db-a{240,241}-[0-9a-f]{8}$/);
  });

  test('the content has no namespace', () => {
    for (const props of [{}, { metadata: { namespace: 'web' } }]) { expect(contentOf(props).metadata).not.toHaveProperty('namespace'); }
  });

  test('a patch survives', () => {
    const chart = newChart();
    const old = new PreProvisionedSnapshot(chart, 'Old', { driver: rbd, snapshotHandle: 'x' });
    ApiObject.of(old).addJsonPatch(JsonPatch.add('/metadata/labels', { patched: 'yes' }));
    expect(objectOf(chart, 'VolumeSnapshot').metadata.labels).toEqual({ patched: 'yes' });
  });

  test('a namespace in metadata is enough in a chart that has none', () => {
    expect(objectOf(define({ metadata: { namespace: 'web' } }, newChart({})), 'VolumeSnapshotContent').spec.volumeSnapshotRef.namespace).toBe('web');
  });
});

describe('content', () => {
  test('carries driver and handle', () => {
    expect(contentOf().spec).toMatchObject({ driver: 'rbd.csi.ceph.com', source: { snapshotHandle: 'handle-1' } });
  });

  test('keeps the storage when the snapshot is deleted, unless told otherwise', () => {
    expect(contentOf().spec.deletionPolicy).toBe('Retain');
    expect(contentOf({ deletionPolicy: DeletionPolicy.DELETE }).spec.deletionPolicy).toBe('Delete');
  });

  test('says the mode of the volume, since a restore into another mode is refused', () => {
    expect(contentOf().spec.sourceVolumeMode).toBe('Filesystem');
    expect(contentOf({ sourceVolumeMode: VolumeMode.BLOCK }).spec.sourceVolumeMode).toBe('Block');
  });

  test('names the class on both objects, or the controller would not bind them', () => {
    const chart = newChart();
    define({ snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Class', 'rbd') }, chart);
    for (const kind of ['VolumeSnapshot', 'VolumeSnapshotContent']) { expect(objectOf(chart, kind).spec.volumeSnapshotClassName).toBe('rbd'); }
  });

  test('names no class by default', () => {
    expect(contentOf().spec).not.toHaveProperty('volumeSnapshotClassName');
    expect(snapshotOf().spec).not.toHaveProperty('volumeSnapshotClassName');
  });

  test('says which secret deletes the snapshot', () => {
    expect(contentOf({ deletionPolicy: DeletionPolicy.DELETE, deletionSecret: { name: 's', namespace: 'ceph' } }).metadata.annotations).toMatchObject({
      'snapshot.storage.kubernetes.io/deletion-secret-name': 's',
      'snapshot.storage.kubernetes.io/deletion-secret-namespace': 'ceph',
    });
  });
});

test('a class of the same driver is taken', () => {
  const chart = newChart();
  const snapshotClass = SnapshotClass.fromSnapshotClassName(chart, 'Class', 'rbd', { driver: CsiDriver.of(rbd.name) });
  expect(() => define({ snapshotClass }, chart)).not.toThrow();
});

describe('removed from the code', () => {
  test('both objects stay unless told otherwise', () => {
    for (const kind of ['VolumeSnapshot', 'VolumeSnapshotContent']) {
      expect(objectOf(define(), kind).metadata.annotations).toEqual({
        'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
        'kustomize.toolkit.fluxcd.io/prune': 'disabled',
        'helm.sh/resource-policy': 'keep',
      });
      expect(objectOf(define({ removalPolicy: RemovalPolicy.DELETE }), kind).metadata).not.toHaveProperty('annotations');
    }
  });
});

describe('throws', () => {
  test('when the class is known to be of another driver', () => {
    const chart = newChart();
    const snapshotClass = SnapshotClass.fromSnapshotClassName(chart, 'Class', 'ebs', { driver: CsiDriver.awsEbs() });
    expect(() => define({ snapshotClass }, chart)).toThrow(
      "[test/Old] 'snapshotClass': the class is of another driver than the snapshot, which is of 'rbd.csi.ceph.com', "
      + "got 'a class of 'ebs.csi.aws.com''; allowed a class of the same driver; change one of the two, or leave the class out",
    );
  });

  test('outside a chart, and names the path', () => {
    expect(() => new PreProvisionedSnapshot(new Construct(new App(), 'group'), 'Old', { driver: rbd, snapshotHandle: 'x' }))
      .toThrow("[group/Old] 'scope': not in a chart");
  });

  test('when no namespace is known, since the content must name it', () => {
    expect(() => define({}, newChart({}))).toThrow(
      "[test/Old] 'metadata.namespace': the content must name the namespace of its snapshot, and none is known, got undefined; "
      + "allowed the name of a namespace; give the chart one: new Chart(app, 'id', { namespace: '...' })",
    );
  });

  test.each([
    ['the handle is empty', { snapshotHandle: ' ' }, "'snapshotHandle': empty, got ' '; allowed the handle of the driver; look it up in the storage"],
    [
      'a secret is to delete what is retained', { deletionSecret: { name: 's', namespace: 'ceph' } },
      "'deletionSecret': nothing is deleted under this policy, got 'Retain'; allowed deletionPolicy: DELETE; leave it out, or change the policy",
    ],
    [
      'the secret\'s name is not valid', { deletionPolicy: DeletionPolicy.DELETE, deletionSecret: { name: 'S', namespace: 'ceph' } },
      "'deletionSecret.name': not a valid name, got 'S'",
    ],
    [
      'the secret\'s namespace is not valid', { deletionPolicy: DeletionPolicy.DELETE, deletionSecret: { name: 's', namespace: 'a.b' } },
      "'deletionSecret.namespace': not a valid name, got 'a.b'",
    ],
    [
      'the handle has blanks around it', { snapshotHandle: ' snap-1' },
      "'snapshotHandle': blanks around it or a line break in it, and the driver would find no such snapshot, got ' snap-1'; "
      + 'allowed the handle of the driver, character by character; take them away',
    ],
    ['the handle ends with a newline', { snapshotHandle: 'snap-1\n' }, "'snapshotHandle': blanks around it or a line break in it"],
    ['the handle is of two lines', { snapshotHandle: 'snap-1\nsnap-2' }, "'snapshotHandle': blanks around it or a line break in it"],
    ['the name is not valid', { metadata: { name: 'Old' } }, "'metadata.name': not a valid name, got 'Old'"],
  ])('when %s', (_, props, message) => {
    expect(() => define(props)).toThrow(`[test/Old] ${message}`);
  });
});

test.each<[string, object, RegExp]>([
  ['a prop is misspelled', { snapshothandle: 'x' }, /'snapshothandle': no such prop, .*; did you mean snapshotHandle\?$/],
  ['the driver is a name', { driver: 'x' }, /'driver': not a CsiDriver, got 'x';/],
  ['there is no handle', { snapshotHandle: undefined }, /'snapshotHandle': not text, got undefined;/],
  ['the class is a name', { snapshotClass: 'ebs' }, /'snapshotClass': not an ISnapshotClass, got 'ebs';/],
  ['the mode is another word', { sourceVolumeMode: 'block' }, /'sourceVolumeMode': .*, got 'block'; allowed FILE_SYSTEM \('Filesystem'\), BLOCK \('Block'\);/],
  ['the deletion policy is another word', { deletionPolicy: 'keep' }, /'deletionPolicy': not a member of the enum, got 'keep';/],
  ['the removal policy is another word', { removalPolicy: 'keep' }, /'removalPolicy': not a member of the enum, got 'keep';/],
])('in a language without types, throws when %s', (_, props, problem) => {
  expect(() => define(props)).toThrow(problem);
});
