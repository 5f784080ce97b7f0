import { ApiObject, App, JsonPatch, Size, Yaml } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { newChart, objectOf, statefulSet } from './manifests';
import { CsiDriver, RemovalPolicy, Snapshot, SnapshotClass, SnapshotProps, SnapshotSource } from '../src';

const data = SnapshotSource.fromClaimName('data');

function render(props: Partial<SnapshotProps> = {}, chart = newChart()): any {
  new Snapshot(chart, 'Before', { source: data, ...props });
  return objectOf(chart, 'VolumeSnapshot');
}

test('renders a snapshot that stays when it is gone from the code', () => {
  expect(Yaml.stringify(render())).toMatchInlineSnapshot(`
"apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata:
  annotations:
    argocd.argoproj.io/sync-options: Prune=false,Delete=false
    helm.sh/resource-policy: keep
    kustomize.toolkit.fluxcd.io/prune: disabled
  name: test-before-c8e1f556
  namespace: db
spec:
  source:
    persistentVolumeClaimName: data
"
`);
});

test('renders everything it is told', () => {
  const chart = newChart();
  expect(Yaml.stringify(render({
    metadata: { name: 'before-15', namespace: 'web', labels: { team: 'dba' }, annotations: { note: 'x' } },
    snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Class', 'ebs'),
    removalPolicy: RemovalPolicy.DELETE,
  }, chart))).toMatchInlineSnapshot(`
"apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata:
  annotations:
    note: x
  labels:
    team: dba
  name: before-15
  namespace: web
spec:
  source:
    persistentVolumeClaimName: data
  volumeSnapshotClassName: ebs
"
`);
});

describe('contract', () => {
  test('the VolumeSnapshot is the default child', () => {
    expect(ApiObject.of(new Snapshot(newChart(), 'Before', { source: data })).kind).toBe('VolumeSnapshot');
  });

  test('the name is stable, or a redeploy would take another snapshot', () => {
    expect(new Snapshot(newChart(), 'Before', { source: data }).snapshotName).toBe('test-before-c8e1f556');
  });

  test('metadata is respected', () => {
    const { metadata } = render({ metadata: { name: 'before-15', namespace: 'web', labels: { team: 'dba' } } });
    expect(metadata).toMatchObject({ name: 'before-15', namespace: 'web', labels: { team: 'dba' } });
  });

  test('a name that is undefined is made of the path', () => {
    expect(render({ metadata: { name: undefined } }).metadata.name).toBe('test-before-c8e1f556');
  });

  test('a patch survives', () => {
    const chart = newChart();
    ApiObject.of(new Snapshot(chart, 'Before', { source: data })).addJsonPatch(JsonPatch.add('/spec/volumeSnapshotClassName', 'patched'));
    expect(objectOf(chart, 'VolumeSnapshot').spec).toEqual({ source: { persistentVolumeClaimName: 'data' }, volumeSnapshotClassName: 'patched' });
  });

  test('it tells where it is', () => {
    expect(new Snapshot(newChart(), 'Before', { source: data }).namespace).toBe('db');
    expect(new Snapshot(newChart(), 'Before', { source: data, metadata: { namespace: 'web' } }).namespace).toBe('web');
  });

  test('works in a chart without a namespace, which the applier then decides', () => {
    expect(new Snapshot(newChart({}), 'Before', { source: data }).namespace).toBeUndefined();
    expect(render({}, newChart({})).metadata).not.toHaveProperty('namespace');
  });
});

describe('source', () => {
  test('may be one claim of a StatefulSet', () => {
    const chart = newChart();
    const source = SnapshotSource.fromStatefulSet(statefulSet(chart), { ordinals: [0] });
    expect(render({ source }, chart).spec.source).toEqual({ persistentVolumeClaimName: 'data-postgres-0' });
  });

  test('is followed when its name is patched later', () => {
    const chart = newChart();
    const claim = new kplus.PersistentVolumeClaim(chart, 'Data', { storage: Size.gibibytes(1) });
    new Snapshot(chart, 'Before', { source: SnapshotSource.fromClaim(claim) });
    ApiObject.of(claim).addJsonPatch(JsonPatch.replace('/metadata/name', 'renamed'));
    expect(objectOf(chart, 'VolumeSnapshot').spec.source).toEqual({ persistentVolumeClaimName: 'renamed' });
  });

  test.each([
    ['several claims', () => SnapshotSource.fromStatefulSetName('postgres', { templates: ['data'], replicas: 2 }), 'data-postgres-0, data-postgres-1'],
    ['claims that nobody knows yet', () => SnapshotSource.fromStatefulSetName('postgres', { templates: ['data'] }), 'postgres'],
    ['a selector', () => SnapshotSource.fromSelector({ app: 'postgres' }), 'a selector'],
  ])('synth fails when it is %s', (_, source, got) => {
    const chart = newChart();
    new Snapshot(chart, 'Before', { source: source() });
    expect(() => chart.toJson()).toThrow(`[test/Before] 'source': a snapshot is of one claim that is known by name, got '${got}'; allowed one claim; `
      + 'choose one with ordinals and templates, define a Snapshot for each, or use a ScheduledSnapshot');
  });

  test('synth fails when it is in another namespace', () => {
    const chart = newChart();
    const claim = new kplus.PersistentVolumeClaim(chart, 'Data', { metadata: { namespace: 'web' }, storage: Size.gibibytes(1) });
    new Snapshot(chart, 'Before', { source: SnapshotSource.fromClaim(claim) });
    expect(() => chart.toJson()).toThrow("[test/Before] 'source': a snapshot is taken in the namespace of its claim");
  });
});

describe('snapshot class', () => {
  test('is left to the cluster by default', () => {
    expect(render().spec).toEqual({ source: { persistentVolumeClaimName: 'data' } });
  });

  test('is named', () => {
    const chart = newChart();
    const snapshotClass = new SnapshotClass(chart, 'Ebs', { driver: CsiDriver.awsEbs(), metadata: { name: 'ebs' } });
    expect(render({ snapshotClass }, chart).spec.volumeSnapshotClassName).toBe('ebs');
  });
});

describe('removed from the code', () => {
  const kept = {
    'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
    'kustomize.toolkit.fluxcd.io/prune': 'disabled',
    'helm.sh/resource-policy': 'keep',
  };

  test.each([undefined, RemovalPolicy.KEEP])('it stays with Argo CD, Flux and Helm: %s', removalPolicy => {
    expect(render({ removalPolicy }).metadata.annotations).toEqual(kept);
  });

  test('it goes on demand', () => {
    expect(render({ removalPolicy: RemovalPolicy.DELETE }).metadata).not.toHaveProperty('annotations');
  });

  test('annotations of the user come first', () => {
    const { annotations } = render({ metadata: { annotations: { 'helm.sh/resource-policy': 'none', 'note': 'x' } } }).metadata;
    expect(annotations).toEqual({ ...kept, 'helm.sh/resource-policy': 'none', 'note': 'x' });
  });
});

describe('throws', () => {
  test('outside a chart, and names the path', () => {
    expect(() => new Snapshot(new Construct(new App(), 'group'), 'Before', { source: data })).toThrow("[group/Before] 'scope': not in a chart");
  });

  test('when a name is not valid', () => {
    expect(() => render({ metadata: { name: 'Before 15' } })).toThrow("[test/Before] 'metadata.name': not a valid name, got 'Before 15'");
    expect(() => new Snapshot(newChart(), 'before_15', { source: data })).toThrow("[test/before_15] 'metadata.name': not a valid name, got 'test-before_15'");
  });

  test('synth fails when another snapshot of the chart has the name', () => {
    const chart = newChart();
    for (const id of ['A', 'B']) { new Snapshot(chart, id, { source: data, metadata: { name: 'same' } }); }
    expect(() => chart.toJson()).toThrow("[test/B/Resource] 'metadata.name': the VolumeSnapshot at test/A/Resource has the same name");
  });
});

test.each<[string, object, RegExp]>([
  ['a prop is misspelled', { removalpolicy: 'Keep' }, /'removalpolicy': no such prop, .*; did you mean removalPolicy\?$/],
  ['the source is a name', { source: 'data' }, /'source': not a SnapshotSource, got 'data';/],
  ['the class is a name', { snapshotClass: 'ebs' }, /'snapshotClass': not an ISnapshotClass, got 'ebs';/],
  ['the removal policy is another word', { removalPolicy: 'keep' }, /'removalPolicy': not a member of the enum, got 'keep';/],
])('in a language without types, throws when %s', (_, props, problem) => {
  expect(() => render(props)).toThrow(problem);
});
