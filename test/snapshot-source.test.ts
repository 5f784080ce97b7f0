import { mkdtempSync, rmSync, writeFileSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';
import { ApiObject, App, Chart, Include, JsonPatch, Lazy, Size } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import * as kplus33 from 'cdk8s-plus-33';
import { IConstruct } from 'constructs';
import { configOf, newChart, schedule, statefulSet } from './manifests';
import { RestoredPvc, SnapshotRef, SnapshotSource } from '../src';

const claim = (name: string) => ({ kind: 'Claim', name });
/** A member's; the run must know the set, since members are scaled in. */
const member = (name: string, set = 'postgres') => ({ kind: 'Claim', name, statefulSet: set });

/** What the runner is told about a source. */
function claimsOf(chart: Chart, source: SnapshotSource): object[] {
  schedule(chart, { source });
  return configOf(chart).claims;
}

function included(chart: Chart, yaml: string): IConstruct {
  const directory = mkdtempSync(join(tmpdir(), 'include-'));
  try {
    writeFileSync(join(directory, 'manifest.yaml'), yaml);
    return new Include(chart, 'Include', { url: join(directory, 'manifest.yaml') }).apiObjects[0];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('fromClaim', () => {
  test('takes a claim of cdk8s-plus-27', () => {
    const chart = newChart();
    const data = new kplus.PersistentVolumeClaim(chart, 'Data', { metadata: { name: 'uploads' }, storage: Size.gibibytes(1) });
    expect(claimsOf(chart, SnapshotSource.fromClaim(data))).toEqual([claim('uploads')]);
  });

  test('takes a claim of a later cdk8s-plus', () => {
    const chart = newChart();
    const data = new kplus33.PersistentVolumeClaim(chart, 'Data', { metadata: { name: 'uploads' }, storage: Size.gibibytes(1) });
    expect(claimsOf(chart, SnapshotSource.fromClaim(data))).toEqual([claim('uploads')]);
  });

  test('takes a plain ApiObject', () => {
    const chart = newChart();
    const data = new ApiObject(chart, 'Data', { apiVersion: 'v1', kind: 'PersistentVolumeClaim' });
    expect(claimsOf(chart, SnapshotSource.fromClaim(data))).toEqual([claim(data.name)]);
  });

  test('takes an object of an included manifest', () => {
    const chart = newChart();
    const data = included(chart, 'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: uploads\n');
    expect(claimsOf(chart, SnapshotSource.fromClaim(data))).toEqual([claim('uploads')]);
  });

  test('takes a claim that was restored, which is a claim like any other', () => {
    const chart = newChart();
    const restored = new RestoredPvc(chart, 'Restored', { snapshot: SnapshotRef.fromName('old'), size: Size.gibibytes(1) });
    expect(claimsOf(chart, SnapshotSource.fromClaim(restored))).toEqual([claim(restored.name)]);
  });

  test('follows a name that is patched later, or the run would look for a claim that does not exist', () => {
    const chart = newChart();
    const data = new kplus.PersistentVolumeClaim(chart, 'Data', { storage: Size.gibibytes(1) });
    const source = SnapshotSource.fromClaim(data);
    ApiObject.of(data).addJsonPatch(JsonPatch.replace('/metadata/name', 'renamed'));
    expect(claimsOf(chart, source)).toEqual([claim('renamed')]);
  });

  test('throws when the construct is something else, and says what it is', () => {
    const chart = newChart();
    const web = new kplus.ConfigMap(chart, 'Web', { metadata: { name: 'web' } });
    expect(() => SnapshotSource.fromClaim(web)).toThrow(
      "[SnapshotSource.fromClaim] 'claim': not a PersistentVolumeClaim, got 'ConfigMap 'web' at test/Web'; "
      + 'allowed a construct whose object is a PersistentVolumeClaim; pass the PersistentVolumeClaim, or its name',
    );
  });

  test('throws when the construct has no object, as a reference by name', () => {
    const data = kplus.PersistentVolumeClaim.fromClaimName(newChart(), 'Data', 'uploads');
    expect(() => SnapshotSource.fromClaim(data))
      .toThrow(/^\[SnapshotSource.fromClaim\] 'claim': not a P.*, got 'Imported.* at test\/Data'; .*; write SnapshotSource.fromClaimName with its name 'uploads'$/);
  });

  test('throws when the construct is a chart', () => {
    expect(() => SnapshotSource.fromClaim(newChart())).toThrow("got 'Chart at test'");
  });

  test('synth fails when the claim is in another namespace, where nothing could be snapshotted', () => {
    const chart = newChart();
    const data = new kplus.PersistentVolumeClaim(chart, 'Data', { metadata: { namespace: 'web' }, storage: Size.gibibytes(1) });
    schedule(chart, { source: SnapshotSource.fromClaim(data) });
    expect(() => chart.toJson()).toThrow("[test/Nightly] 'source': a snapshot is taken in the namespace of its claim, "
      + "got 'a source in namespace 'web''; allowed namespace 'db'; define the two in one namespace");
  });

  test('takes a claim of another chart in the same namespace', () => {
    const app = new App();
    const data = new kplus.PersistentVolumeClaim(new Chart(app, 'storage', { namespace: 'db' }), 'Data', { storage: Size.gibibytes(1) });
    expect(claimsOf(new Chart(app, 'backup', { namespace: 'db' }), SnapshotSource.fromClaim(data))).toEqual([claim(data.name)]);
  });
});

describe('fromClaimName', () => {
  test('takes a name', () => {
    expect(claimsOf(newChart(), SnapshotSource.fromClaimName('data-postgres-0'))).toEqual([claim('data-postgres-0')]);
  });

  test('throws when it cannot be a name', () => {
    expect(() => SnapshotSource.fromClaimName('Data_0')).toThrow("[SnapshotSource.fromClaimName] 'claimName': not a valid name, got 'Data_0'; "
      + 'allowed lower-case letters, digits, - and ., starting and ending with a letter or digit; rename it');
  });
});

describe('fromStatefulSet', () => {
  test('names each template of each replica', () => {
    const chart = newChart();
    const set = statefulSet(chart, { volumeClaimTemplates: [{ metadata: { name: 'data' } }, { metadata: { name: 'wal' } }] });
    expect(claimsOf(chart, SnapshotSource.fromStatefulSet(set)))
      .toEqual([member('data-postgres-0'), member('data-postgres-1'), member('wal-postgres-0'), member('wal-postgres-1')]);
  });

  test('reads a StatefulSet of cdk8s-plus-33, which has templates', () => {
    const chart = newChart();
    const set = new kplus33.StatefulSet(chart, 'Postgres', {
      metadata: { name: 'postgres' },
      replicas: 2,
      containers: [{ image: 'postgres:17', portNumber: 5432 }],
      volumeClaimTemplates: [{ name: 'data', storage: Size.gibibytes(1) }],
    });
    // its object cannot be rendered before the template is mounted
    const source = SnapshotSource.fromStatefulSet(set);
    set.containers[0].mount('/data', kplus33.Volume.fromEmptyDir(chart, 'Data', 'data'));
    expect(claimsOf(chart, source)).toEqual([member('data-postgres-0'), member('data-postgres-1')]);
  });

  test('reads a StatefulSet of cdk8s-plus-27, whose templates come from a patch', () => {
    const chart = newChart();
    const set = new kplus.StatefulSet(chart, 'Postgres', {
      metadata: { name: 'postgres' },
      service: new kplus.Service(chart, 'Service', { ports: [{ port: 5432 }] }),
      containers: [{ image: 'postgres:17' }],
    });
    const source = SnapshotSource.fromStatefulSet(set);
    ApiObject.of(set).addJsonPatch(JsonPatch.add('/spec/volumeClaimTemplates', [{ metadata: { name: 'data' } }]));
    expect(claimsOf(chart, source)).toEqual([member('data-postgres-0')]);
  });

  test('reads a StatefulSet of an included manifest', () => {
    const chart = newChart();
    const set = included(chart, [
      'apiVersion: apps/v1', 'kind: StatefulSet', 'metadata:', '  name: redis', 'spec:', '  replicas: 1',
      '  volumeClaimTemplates:', '    - metadata:', '        name: cache',
    ].join('\n'));
    expect(claimsOf(chart, SnapshotSource.fromStatefulSet(set))).toEqual([member('cache-redis-0', 'redis')]);
  });

  test('reads values that are produced at synth', () => {
    const chart = newChart();
    const set = statefulSet(chart, { replicas: Lazy.any({ produce: () => 1 }) });
    expect(claimsOf(chart, SnapshotSource.fromStatefulSet(set))).toEqual([member('data-postgres-0')]);
  });

  test('follows a name, replicas and templates that are patched later', () => {
    const chart = newChart();
    const set = statefulSet(chart);
    const source = SnapshotSource.fromStatefulSet(set);
    set.addJsonPatch(
      JsonPatch.replace('/metadata/name', 'pg'), JsonPatch.replace('/spec/replicas', 1), JsonPatch.replace('/spec/volumeClaimTemplates/0/metadata/name', 'disk'),
    );
    expect(claimsOf(chart, source)).toEqual([member('disk-pg-0', 'pg')]);
  });

  test.each([
    ['of the one claim that is meant', { templates: ['data'], ordinals: [0] }, 10 * 2 ** 30],
    ['of none, if there are several', { templates: ['data'] }, undefined],
    ['of none, if each template has one', { ordinals: [0] }, undefined],
  ])('knows the size %s', (_, options, bytes) => {
    const chart = newChart();
    const request = (storage: string) => ({ resources: { requests: { storage } } });
    const set = statefulSet(chart, {
      volumeClaimTemplates: [{ metadata: { name: 'wal' }, spec: request('1Gi') }, { metadata: { name: 'data' }, spec: request('10Gi') }],
    });
    expect(SnapshotSource.fromStatefulSet(set, options)._resolve(chart, 'db').bytes).toBe(bytes);
  });

  test('counts from spec.ordinals.start, or the claims of a moved set would be missed', () => {
    const chart = newChart();
    expect(claimsOf(chart, SnapshotSource.fromStatefulSet(statefulSet(chart, { ordinals: { start: 5 } }))))
      .toEqual([member('data-postgres-5'), member('data-postgres-6')]);
  });

  test('leaves the number of replicas to the run where an autoscaler sets it', () => {
    const chart = newChart();
    expect(claimsOf(chart, SnapshotSource.fromStatefulSet(statefulSet(chart, { replicas: undefined }))))
      .toEqual([{ kind: 'StatefulSet', name: 'postgres', templates: ['data'] }]);
  });

  test('takes some templates only', () => {
    const chart = newChart();
    const set = statefulSet(chart, { replicas: 1, volumeClaimTemplates: [{ metadata: { name: 'data' } }, { metadata: { name: 'scratch' } }] });
    expect(claimsOf(chart, SnapshotSource.fromStatefulSet(set, { templates: ['data'] }))).toEqual([member('data-postgres-0')]);
  });

  test('takes some ordinals only', () => {
    const chart = newChart();
    expect(claimsOf(chart, SnapshotSource.fromStatefulSet(statefulSet(chart, { replicas: 3 }), { ordinals: [0, 2] })))
      .toEqual([member('data-postgres-0'), member('data-postgres-2')]);
  });

  test('takes any ordinal where the number of replicas is not known', () => {
    const chart = newChart();
    expect(claimsOf(chart, SnapshotSource.fromStatefulSet(statefulSet(chart, { replicas: undefined }), { ordinals: [7] })))
      .toEqual([member('data-postgres-7')]);
  });

  test('throws when the construct is something else', () => {
    const data = new kplus.PersistentVolumeClaim(newChart(), 'Data', { metadata: { name: 'data' }, storage: Size.gibibytes(1) });
    expect(() => SnapshotSource.fromStatefulSet(data)).toThrow(
      "[SnapshotSource.fromStatefulSet] 'statefulSet': not a StatefulSet, got 'PersistentVolumeClaim 'data' at test/Data'",
    );
  });

  test.each([
    ['of no templates', { templates: [] }, "'templates': no template is named, got []; allowed at least one; leave it out to mean all"],
    ['of no ordinals', { ordinals: [] }, "'ordinals': no ordinal is named, got []; allowed at least one; leave it out to mean all"],
    ['of a negative ordinal', { ordinals: [-1] }, "'ordinals': out of range, got -1; allowed a whole number from 0 to 10000; change the number"],
    ['of a fraction of an ordinal', { ordinals: [0.5] }, "'ordinals': out of range, got 0.5"],
  ])('throws when told %s', (_, options, message) => {
    expect(() => SnapshotSource.fromStatefulSet(statefulSet(newChart()), options)).toThrow(`[SnapshotSource.fromStatefulSet] ${message}`);
  });

  test.each([
    [
      'it has no such template', {}, { templates: ['dat'] },
      "[test/Nightly] 'source': StatefulSet 'postgres' has no such volume claim template, got 'dat'; allowed 'data'; correct the name",
    ],
    [
      'it has no such ordinal', {}, { ordinals: [2] },
      "[test/Nightly] 'source': StatefulSet 'postgres' has no such ordinal, got 2; allowed 0 to 1; correct the ordinal, or the number of replicas",
    ],
    [
      'an ordinal is below its start', { ordinals: { start: 5 } }, { ordinals: [0] },
      "'source': StatefulSet 'postgres' has no such ordinal, got 0; allowed 5 to 6",
    ],
    [
      'it has no replicas', { replicas: 0 }, {},
      "'source': StatefulSet 'postgres' has no replicas, so it owns no claim, got 0; allowed at least 1, or no number of replicas at all; "
      + 'leave out replicas if something else sets them, or name the claims with fromClaimName',
    ],
    ['it has no replicas and one is named', { replicas: 0 }, { ordinals: [0] }, 'got 0; allowed none, since it has no replicas'],
    [
      'it has no templates', { volumeClaimTemplates: undefined }, {},
      "'source': StatefulSet 'postgres' has no volumeClaimTemplates, so it owns no claim, got 'the StatefulSet at test/Postgres'; "
      + 'allowed a StatefulSet with volume claim templates; name the claims with SnapshotSource.fromClaim or fromClaimName',
    ],
  ])('synth fails when %s', (_, spec, options, message) => {
    const chart = newChart();
    schedule(chart, { source: SnapshotSource.fromStatefulSet(statefulSet(chart, spec), options) });
    expect(() => chart.toJson()).toThrow(message);
  });

  test('synth fails when the StatefulSet is in another namespace', () => {
    const chart = newChart();
    schedule(chart, { source: SnapshotSource.fromStatefulSet(statefulSet(chart, {}, { name: 'postgres', namespace: 'web' })) });
    expect(() => chart.toJson()).toThrow("[test/Nightly] 'source': a snapshot is taken in the namespace of its claim, got 'a source in namespace 'web''");
  });
});

describe('fromStatefulSetName', () => {
  test('names the claims where the number of replicas is known', () => {
    expect(claimsOf(newChart(), SnapshotSource.fromStatefulSetName('postgres', { templates: ['data'], replicas: 2 })))
      .toEqual([member('data-postgres-0'), member('data-postgres-1')]);
  });

  test('leaves it to the run where it is not', () => {
    expect(claimsOf(newChart(), SnapshotSource.fromStatefulSetName('postgres', { templates: ['data', 'wal'] })))
      .toEqual([{ kind: 'StatefulSet', name: 'postgres', templates: ['data', 'wal'] }]);
  });

  test('takes some ordinals only', () => {
    expect(claimsOf(newChart(), SnapshotSource.fromStatefulSetName('postgres', { templates: ['data'], ordinals: [3] }))).toEqual([member('data-postgres-3')]);
  });

  test.each([
    ['the name is not valid', 'post.gres', { templates: ['data'] }, "'name': not a valid name, got 'post.gres'"],
    ['a template is not valid', 'postgres', { templates: ['Data'] }, "'templates': not a valid name, got 'Data'"],
    [
      'no template is named', 'postgres', { templates: [] },
      "'templates': no template is named, got []; allowed at least one; name the volume claim templates",
    ],
    ['there are no replicas', 'postgres', { templates: ['data'], replicas: 0 }, "'replicas': out of range, got 0; allowed a whole number from 1"],
    ['no ordinal is named', 'postgres', { templates: ['data'], ordinals: [] }, "'ordinals': no ordinal is named"],
    ['an ordinal is negative', 'postgres', { templates: ['data'], ordinals: [-1] }, "'ordinals': out of range, got -1"],
  ])('throws when %s', (_, name, options, message) => {
    expect(() => SnapshotSource.fromStatefulSetName(name, options)).toThrow(`[SnapshotSource.fromStatefulSetName] ${message}`);
  });
});

describe('fromSelector', () => {
  test('leaves the search to the run', () => {
    expect(claimsOf(newChart(), SnapshotSource.fromSelector({ app: 'postgres', tier: '' })))
      .toEqual([{ kind: 'Selector', matchLabels: { app: 'postgres', tier: '' } }]);
  });

  test('throws when there is no label, since that would mean every claim', () => {
    expect(() => SnapshotSource.fromSelector({})).toThrow("[SnapshotSource.fromSelector] 'labels': no label would select every claim of the namespace, "
      + 'got {}; allowed at least one label; label the claims to be snapshotted');
  });

  test('throws when a label is not valid', () => {
    expect(() => SnapshotSource.fromSelector({ app: 'a b' })).toThrow("[SnapshotSource.fromSelector] 'labels': not a valid value of the label 'app', got 'a b'");
  });
});

describe('throws when', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['a claim is a name', () => SnapshotSource.fromClaim('data' as any), /'claim': not a PersistentVolumeClaim, got 'data'; .* or write SnapshotSource.fromClaimName$/],
    ['a claim is missing', () => SnapshotSource.fromClaim(undefined as any), /'claim': not a PersistentVolumeClaim, got undefined;/],
    ['a name is a construct', () => SnapshotSource.fromClaimName(newChart() as any), /'claimName': not text, got construct at test;/],
    ['templates are one text', () => SnapshotSource.fromStatefulSetName('db', { templates: 'data' as any }), /'templates': not a list, got 'data';/],
    ['templates are missing', () => SnapshotSource.fromStatefulSetName('db', {} as any), /'templates': no template is named/],
    ['options are missing', () => SnapshotSource.fromStatefulSetName('db', undefined as any), /'options': not an object, got undefined;/],
    ['an ordinal is beyond the replicas', () => SnapshotSource.fromStatefulSetName('db', { templates: ['data'], replicas: 2, ordinals: [5] }),
      /'ordinals': StatefulSet 'db' has no such ordinal, got 5; allowed 0 to 1;/],
    ['replicas are too many', () => SnapshotSource.fromStatefulSetName('db', { templates: ['data'], replicas: 10_001 }), /'replicas': out of range, got 10001;/],
    ['an ordinal is too great', () => SnapshotSource.fromStatefulSetName('db', { templates: ['data'], ordinals: [10_001] }), /'ordinals': out of range/],
  ])('%s', (_, make, problem) => {
    expect(make).toThrow(problem);
  });

  test.each<[string, object]>([
    ["'2'", { replicas: '2' }],
    ['1.5', { replicas: 1.5 }],
    ['10001', { replicas: 10_001 }],
    ["'1'", { ordinals: { start: '1' } }],
  ])('the StatefulSet counts to %s, but at synth', (got, spec) => {
    const chart = newChart();
    schedule(chart, { source: SnapshotSource.fromStatefulSet(statefulSet(chart, spec)) });
    expect(() => chart.toJson()).toThrow(`[test/Nightly] 'source': out of range, got ${got}; allowed a whole number from 0 to 10000`);
  });
});
