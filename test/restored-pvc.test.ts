import { ApiObject, App, Chart, JsonPatch, Size, Yaml } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import * as kplus33 from 'cdk8s-plus-33';
import { Construct } from 'constructs';
import { newChart, objectOf, statefulSet } from './manifests';
import {
  AccessMode, CsiDriver, PreProvisionedSnapshot, RemovalPolicy, RestoredPvc, RestoredPvcProps, RestorePurpose, Snapshot, SnapshotRef, SnapshotSource,
  VolumeMode,
} from '../src';

const snapshot = SnapshotRef.fromName('data-20260209');
const size = Size.gibibytes(50);

function render(props: Partial<RestoredPvcProps> = {}, chart = newChart()): any {
  const restored = new RestoredPvc(chart, 'Restored', { snapshot, size, ...props });
  return objectOf(chart, 'PersistentVolumeClaim', restored.name);
}

test('renders a claim that stays when it is gone from the code', () => {
  expect(Yaml.stringify(render())).toMatchInlineSnapshot(`
"apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  annotations:
    argocd.argoproj.io/sync-options: Prune=false,Delete=false
    helm.sh/resource-policy: keep
    kustomize.toolkit.fluxcd.io/prune: disabled
  labels:
    cdk8s-volume-snapshots/restored: "true"
  name: test-restored-c8e6be59
  namespace: db
spec:
  accessModes:
    - ReadWriteOnce
  dataSource:
    apiGroup: snapshot.storage.k8s.io
    kind: VolumeSnapshot
    name: data-20260209
  resources:
    requests:
      storage: 50Gi
  volumeMode: Filesystem
"
`);
});

test('renders everything it is told', () => {
  expect(Yaml.stringify(render({
    metadata: { name: 'restored', namespace: 'web', labels: { team: 'dba' }, annotations: { note: 'x' } },
    storageClassName: 'gp3',
    accessModes: [AccessMode.READ_WRITE_MANY, AccessMode.READ_ONLY_MANY],
    volumeMode: VolumeMode.BLOCK,
    removalPolicy: RemovalPolicy.DELETE,
  }))).toMatchInlineSnapshot(`
"apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  annotations:
    note: x
  labels:
    cdk8s-volume-snapshots/restored: "true"
    team: dba
  name: restored
  namespace: web
spec:
  accessModes:
    - ReadWriteMany
    - ReadOnlyMany
  dataSource:
    apiGroup: snapshot.storage.k8s.io
    kind: VolumeSnapshot
    name: data-20260209
  resources:
    requests:
      storage: 50Gi
  storageClassName: gp3
  volumeMode: Block
"
`);
});

describe('contract', () => {
  test('the claim is the default child', () => {
    expect(ApiObject.of(new RestoredPvc(newChart(), 'Restored', { snapshot, size })).kind).toBe('PersistentVolumeClaim');
  });

  test('the name is stable, or a redeploy would restore into another claim', () => {
    expect(new RestoredPvc(newChart(), 'Restored', { snapshot, size }).name).toBe('test-restored-c8e6be59');
  });

  test('metadata is respected', () => {
    expect(render({ metadata: { name: 'data-postgres-0', namespace: 'web', labels: { app: 'postgres' } } }).metadata)
      .toMatchObject({ name: 'data-postgres-0', namespace: 'web', labels: { app: 'postgres' } });
  });

  test('a name that is undefined is made of the path', () => {
    expect(render({ metadata: { name: undefined } }).metadata.name).toBe('test-restored-c8e6be59');
  });

  test('a patch survives', () => {
    const chart = newChart();
    ApiObject.of(new RestoredPvc(chart, 'Restored', { snapshot, size })).addJsonPatch(JsonPatch.add('/spec/volumeAttributesClassName', 'fast'));
    expect(objectOf(chart, 'PersistentVolumeClaim').spec.volumeAttributesClassName).toBe('fast');
  });

  test('works in a chart without a namespace, which the applier then decides', () => {
    expect(render({}, newChart({})).metadata).not.toHaveProperty('namespace');
  });
});

describe('a claim like any other', () => {
  test('is mounted by a pod of cdk8s-plus-27', () => {
    const chart = newChart();
    const restored = new RestoredPvc(chart, 'Restored', { snapshot, size });
    const pod = new kplus.Pod(chart, 'Pod', { containers: [{ image: 'postgres:17' }] });
    const volume = kplus.Volume.fromPersistentVolumeClaim(chart, 'Data', restored);
    pod.containers[0].mount('/data', volume);
    const { spec } = objectOf(chart, 'Pod');
    expect(spec.volumes).toEqual([{ name: `pvc-${restored.name}`, persistentVolumeClaim: { claimName: restored.name, readOnly: false } }]);
    expect(spec.containers[0].volumeMounts).toEqual([{ mountPath: '/data', name: `pvc-${restored.name}` }]);
  });

  test('is mounted by a pod of a later cdk8s-plus', () => {
    const chart = newChart();
    const restored = new RestoredPvc(chart, 'Restored', { snapshot, size });
    const claim: kplus33.IPersistentVolumeClaim = restored;
    const pod = new kplus33.Pod(chart, 'Pod', { containers: [{ image: 'postgres:17' }] });
    pod.addVolume(kplus33.Volume.fromPersistentVolumeClaim(chart, 'Data', claim));
    expect(objectOf(chart, 'Pod').spec.volumes[0].persistentVolumeClaim.claimName).toBe(restored.name);
  });

  test.each([['cdk8s-plus-27', kplus], ['a later cdk8s-plus', kplus33]])('is known to the roles of %s by its right plural', (_, { Role }) => {
    const chart = newChart();
    const restored = new RestoredPvc(chart, 'Restored', { snapshot, size });
    new Role(chart, 'Role').allowRead(restored);
    expect(objectOf(chart, 'Role').rules).toEqual([
      { apiGroups: [''], resources: ['persistentvolumeclaims'], resourceNames: [restored.name], verbs: ['get', 'list', 'watch'] },
    ]);
  });

  test('grants rights to itself as resources of cdk8s-plus do', () => {
    const chart = newChart();
    new RestoredPvc(chart, 'Restored', { snapshot, size }).permissions.grantRead(new kplus.ServiceAccount(chart, 'Robot'));
    expect(objectOf(chart, 'Role').rules[0].resources).toEqual(['persistentvolumeclaims']);
  });
});

describe('data', () => {
  test('comes from the snapshot', () => {
    expect(render().spec.dataSource).toEqual({ apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'data-20260209' });
  });

  test('is left out by schedules that select claims by labels, which the restored one often shares', () => {
    expect(render({ metadata: { labels: { app: 'postgres' } } }).metadata.labels).toEqual({ 'app': 'postgres', 'cdk8s-volume-snapshots/restored': 'true' });
  });

  test('is selected like any other if the claim takes the place of one that was lost', () => {
    expect(render({ purpose: RestorePurpose.REPLACEMENT, metadata: { labels: { app: 'postgres' } } }).metadata.labels).toEqual({ app: 'postgres' });
  });

  test('throws when it is in another namespace, where the claim could not see it', () => {
    expect(() => render({ snapshot: SnapshotRef.fromName('x', { namespace: 'prod' }) })).toThrow(
      "[test/Restored] 'snapshot': a claim is restored in the namespace of its snapshot, got 'a snapshot in namespace 'prod''; allowed namespace 'db'; "
      + 'define the claim there, or bring the snapshot here as a PreProvisionedSnapshot of the same handle',
    );
  });

  test('may be in the namespace that metadata names', () => {
    expect(render({ snapshot: SnapshotRef.fromName('x', { namespace: 'prod' }), metadata: { namespace: 'prod' } }).metadata.namespace).toBe('prod');
  });

  test('may be anywhere while the applier decides the namespace', () => {
    expect(() => render({ snapshot: SnapshotRef.fromName('x', { namespace: 'prod' }) }, newChart({}))).not.toThrow();
  });
});

describe('props', () => {
  test('leave the storage class to the cluster by default', () => {
    expect(render().spec).not.toHaveProperty('storageClassName');
    expect(render({ storageClassName: 'gp3' }).spec.storageClassName).toBe('gp3');
  });

  test('mount by one node by default', () => {
    expect(render().spec.accessModes).toEqual(['ReadWriteOnce']);
  });

  test.each([
    [AccessMode.READ_WRITE_ONCE, 'ReadWriteOnce'], [AccessMode.READ_ONLY_MANY, 'ReadOnlyMany'],
    [AccessMode.READ_WRITE_MANY, 'ReadWriteMany'], [AccessMode.READ_WRITE_ONCE_POD, 'ReadWriteOncePod'],
  ])('mount as %s', (mode, expected) => {
    expect(render({ accessModes: [mode] }).spec.accessModes).toEqual([expected]);
  });

  test('make a file system by default, and a block device on demand', () => {
    expect(render().spec.volumeMode).toBe('Filesystem');
    expect(render({ volumeMode: VolumeMode.BLOCK }).spec.volumeMode).toBe('Block');
  });

  test.each([
    ['50Gi', Size.gibibytes(50)], ['500Mi', Size.mebibytes(500)], ['1.5Gi', Size.gibibytes(1.5)], ['0.1Gi', Size.gibibytes(0.1)], ['2Ti', Size.tebibytes(2)],
  ])('ask for the size as it was written: %s', (expected, given) => {
    expect(render({ size: given }).spec.resources).toEqual({ requests: { storage: expected } });
  });

  test('keep the size for other constructs', () => {
    expect(new RestoredPvc(newChart(), 'Restored', { snapshot, size }).size).toBe(size);
  });
});

describe('removed from the code', () => {
  const kept = {
    'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
    'kustomize.toolkit.fluxcd.io/prune': 'disabled',
    'helm.sh/resource-policy': 'keep',
  };

  test('it stays with Argo CD, Flux and Helm, and so does its data', () => {
    expect(render().metadata.annotations).toEqual(kept);
    expect(render({ metadata: { annotations: { note: 'x' } } }).metadata.annotations).toEqual({ ...kept, note: 'x' });
    expect(render({ metadata: { annotations: { 'argocd.argoproj.io/sync-options': 'ServerSideApply=true' } } }).metadata.annotations)
      .toEqual({ ...kept, 'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false,ServerSideApply=true' });
  });

  test('it goes on demand', () => {
    expect(render({ removalPolicy: RemovalPolicy.DELETE, metadata: { annotations: { note: 'x' } } }).metadata.annotations).toEqual({ note: 'x' });
  });
});

describe('size', () => {
  /** A claim restored from a snapshot of a claim that asks for this. */
  function restored(source: string | undefined, to: Size): Chart {
    const chart = newChart();
    const claim = new ApiObject(chart, 'Data', {
      apiVersion: 'v1', kind: 'PersistentVolumeClaim', spec: { resources: { requests: source && { storage: source } } },
    });
    const taken = new Snapshot(chart, 'Before', { source: SnapshotSource.fromClaim(claim) });
    new RestoredPvc(chart, 'Restored', { snapshot: SnapshotRef.fromSnapshot(taken), size: to });
    return chart;
  }

  test.each([
    ['500Mi', '500Mi', Size.mebibytes(500)], ['500Mi', '1Gi', Size.gibibytes(1)], ['1.5Gi', '1.5Gi', Size.gibibytes(1.5)],
    ['1.5Gi', '1536Mi', Size.mebibytes(1536)], ['1Gi', '1048576Ki', Size.kibibytes(1024 * 1024)], ['500M', '477Mi', Size.mebibytes(477)],
    ['1e9', '1Gi', Size.gibibytes(1)], ['what nobody understands', '1Mi', Size.mebibytes(1)], [undefined, '1Mi', Size.mebibytes(1)],
  ])('of %s fits into %s', (source, _, to) => {
    expect(() => restored(source, to).toJson()).not.toThrow();
  });

  test.each([
    ['500Mi', '499Mi', Size.mebibytes(499), '500Mi'],
    ['1.5Gi', '1Gi', Size.gibibytes(1), '1536Mi'],
    ['500M', '476Mi', Size.mebibytes(476), '477Mi'],
    ['1Ti', '1023Gi', Size.gibibytes(1023), '1048576Mi'],
    ['1.5Gi', '1.4Gi', Size.gibibytes(1.4), '1536Mi'],
  ])('synth fails when %s is restored into %s', (source, got, to, least) => {
    expect(() => restored(source, to).toJson()).toThrow(
      `[test/Restored] 'size': smaller than the volume that was snapshotted, got ${got}; allowed at least ${least}; raise it; the storage refuses to restore into less`,
    );
  });

  test('is checked against a claim that grows after the snapshot was defined in code', () => {
    const chart = restored('1Gi', Size.gibibytes(1));
    ApiObject.of(chart.node.findChild('Data')).addJsonPatch(JsonPatch.replace('/spec/resources/requests/storage', '2Gi'));
    expect(() => chart.toJson()).toThrow("[test/Restored] 'size': smaller than the volume that was snapshotted, got 1Gi; allowed at least 2048Mi");
  });

  test('is checked against a claim of cdk8s-plus', () => {
    const chart = newChart();
    const claim = new kplus.PersistentVolumeClaim(chart, 'Data', { storage: Size.gibibytes(10) });
    const taken = new Snapshot(chart, 'Before', { source: SnapshotSource.fromClaim(claim) });
    new RestoredPvc(chart, 'Restored', { snapshot: SnapshotRef.fromSnapshot(taken), size: Size.gibibytes(9) });
    expect(() => chart.toJson()).toThrow('got 9Gi; allowed at least 10240Mi');
  });

  test.each([
    ['one claim', { templates: ['data'], ordinals: [0] }], ['one replica', { templates: ['data'] }],
  ])('is checked against the template of a StatefulSet: %s', (_, options) => {
    const chart = newChart();
    const set = statefulSet(chart, {
      replicas: 1,
      volumeClaimTemplates: [
        { metadata: { name: 'wal' }, spec: { resources: { requests: { storage: '1Gi' } } } },
        { metadata: { name: 'data' }, spec: { resources: { requests: { storage: '10Gi' } } } },
      ],
    });
    const taken = new Snapshot(chart, 'Before', { source: SnapshotSource.fromStatefulSet(set, options) });
    new RestoredPvc(chart, 'Restored', { snapshot: SnapshotRef.fromSnapshot(taken), size: Size.gibibytes(9) });
    expect(() => chart.toJson()).toThrow("[test/Restored] 'size': smaller than the volume that was snapshotted, got 9Gi; allowed at least 10240Mi");
  });

  test('is not known for a template that asks for none', () => {
    const chart = newChart();
    const taken = new Snapshot(chart, 'Before', { source: SnapshotSource.fromStatefulSet(statefulSet(chart), { ordinals: [0] }) });
    new RestoredPvc(chart, 'Restored', { snapshot: SnapshotRef.fromSnapshot(taken), size: Size.mebibytes(1) });
    expect(() => chart.toJson()).not.toThrow();
  });

  test('is not known for an imported snapshot, and so not checked', () => {
    const chart = newChart();
    const old = new PreProvisionedSnapshot(chart, 'Old', { driver: CsiDriver.awsEbs(), snapshotHandle: 'snap-0123456789abcdef0' });
    new RestoredPvc(chart, 'Restored', { snapshot: SnapshotRef.fromSnapshot(old), size: Size.mebibytes(1) });
    expect(() => chart.toJson()).not.toThrow();
  });

  test('throws when it is nothing', () => {
    expect(() => render({ size: Size.gibibytes(0) })).toThrow("[test/Restored] 'size': no size, got 0Gi; allowed more than 0; use status.restoreSize of the snapshot");
  });
});

describe('throws', () => {
  test('outside a chart, and names the path', () => {
    expect(() => new RestoredPvc(new Construct(new App(), 'group'), 'Restored', { snapshot, size })).toThrow("[group/Restored] 'scope': not in a chart");
  });

  test('when there is no access mode', () => {
    expect(() => render({ accessModes: [] }))
      .toThrow("[test/Restored] 'accessModes': no mode is given, got []; allowed at least one; leave it out for READ_WRITE_ONCE");
  });

  test('when a name is not valid', () => {
    expect(() => render({ storageClassName: 'GP3' })).toThrow("[test/Restored] 'storageClassName': not a valid name, got 'GP3'");
    expect(() => render({ metadata: { name: 'a/b' } })).toThrow("[test/Restored] 'metadata.name': not a valid name, got 'a/b'");
    expect(() => new RestoredPvc(newChart(), 'my_data', { snapshot, size })).toThrow("[test/my_data] 'metadata.name': not a valid name, got 'test-my_data'");
  });

  test('synth fails when the name is that of another claim of the chart', () => {
    const chart = newChart();
    new kplus.PersistentVolumeClaim(chart, 'Data', { metadata: { name: 'data' }, storage: size });
    new RestoredPvc(chart, 'Restored', { snapshot, size, metadata: { name: 'data' } });
    expect(() => chart.toJson()).toThrow('the PersistentVolumeClaim at test/Data/Resource has the same name');
  });
});

test.each<[string, object, RegExp]>([
  ['a prop is misspelled', { storageClass: 'gp3', acessModes: [] }, /'storageClass': no such prop, got 'gp3';/],
  ['the snapshot is a name', { snapshot: 'old' }, /'snapshot': not a SnapshotRef, got 'old'; .*SnapshotRef.fromName/],
  ['the snapshot is a construct', { snapshot: newChart() }, /'snapshot': not a SnapshotRef, got construct at test; .*SnapshotRef.fromSnapshot/],
  ['the size is text', { size: '50Gi' }, /'size': not a Size, got '50Gi'; .*Size.gibibytes/],
  ['the size is no number', { size: Size.gibibytes(NaN) }, /'size': no size, got NaNGi;/],
  ['the access modes are one text', { accessModes: 'ReadWriteOnce' }, /'accessModes': not a list, got 'ReadWriteOnce';/],
  ['an access mode is another word', { accessModes: ['RWO'] }, /'accessModes': not a member of the enum, got 'RWO';/],
  ['one pod shares with others', { accessModes: [AccessMode.READ_WRITE_ONCE_POD, AccessMode.READ_WRITE_ONCE] }, /'accessModes': Kubernetes takes READ_WRITE_ONCE_POD alone only/],
  ['the volume mode is another word', { volumeMode: 'block' }, /'volumeMode': not a member of the enum, got 'block';/],
  ['the purpose is another word', { purpose: 'inspection' }, /'purpose': not a member of the enum, got 'inspection';/],
  ['the removal policy is another word', { removalPolicy: 'keep' }, /'removalPolicy': not a member of the enum, got 'keep';/],
])('throws when %s', (_, props, problem) => {
  expect(() => render(props)).toThrow(problem);
});
