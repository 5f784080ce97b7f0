import { createHash } from 'crypto';
import { readFileSync } from 'fs';
import { join } from 'path';
import { ApiObject, App, Chart, Cron } from 'cdk8s';
import { Construct } from 'constructs';
import { parseAllDocuments } from 'yaml';
import { runnerConfigMap } from '../../src/private/runner-config-map';
import { newChart, objectOf, objectsOf, podOf, schedule } from '../manifests';

const program = readFileSync(join(__dirname, '..', '..', 'assets', 'runner.mjs'));
const checksum = createHash('sha256').update(program).digest('hex').slice(0, 16);
const CHECKSUM = 'cdk8s-volume-snapshots/runner-checksum';

const mounted = (chart: Chart, cronJob?: string) => podOf(chart, cronJob).spec.volumes[0].configMap.name;

test('holds the program as it was built, byte for byte', () => {
  const chart = newChart();
  schedule(chart);
  const { data } = objectOf(chart, 'ConfigMap');
  expect(Object.keys(data)).toEqual(['runner.mjs']);
  expect(Buffer.from(data['runner.mjs']).equals(program)).toBe(true);
});

test('survives YAML, or the pod would run something else', () => {
  const app = new App();
  const chart = new Chart(app, 'test', { namespace: 'db' });
  schedule(chart);
  const documents = parseAllDocuments(app.synthYaml()).map(document => document.toJSON());
  const { data } = documents.find(({ kind }) => kind === 'ConfigMap');
  expect(Buffer.from(data['runner.mjs']).equals(program)).toBe(true);
});

test('is what the pod starts', () => {
  const chart = newChart();
  schedule(chart);
  const { containers: [container], volumes } = podOf(chart).spec;
  expect(volumes).toEqual([{ name: 'runner', configMap: { name: objectOf(chart, 'ConfigMap').metadata.name } }]);
  expect(container.volumeMounts).toEqual([{ name: 'runner', mountPath: '/opt/runner', readOnly: true }]);
  expect(container.args).toEqual(['--jitless', '--max-semi-space-size=1', '/opt/runner/runner.mjs']);
});

test('shows a changed program on the pod too', () => {
  const chart = newChart();
  schedule(chart);
  expect(objectOf(chart, 'ConfigMap').metadata.labels).toEqual({ [CHECKSUM]: checksum });
  expect(podOf(chart).metadata.annotations).toMatchObject({ [CHECKSUM]: checksum });
});

describe('is shared', () => {
  test('by all schedules of a chart and namespace', () => {
    const chart = newChart();
    const names = ['A', 'B', 'C'].map(id => schedule(chart, {}, id).name);
    const [{ metadata }, ...others] = objectsOf(chart, 'ConfigMap');
    expect(others).toEqual([]);
    expect(names.map(name => mounted(chart, name))).toEqual(names.map(() => metadata.name));
  });

  test('by schedules at any depth, whichever comes first', () => {
    const names = [['Near', 'Far'], ['Far', 'Near']].map(order => {
      const chart = newChart();
      order.forEach(id => schedule(id === 'Far' ? new Construct(new Construct(chart, 'A'), 'B') : chart, {}, id));
      return objectOf(chart, 'ConfigMap').metadata.name;
    });
    expect(names).toEqual(['test-snapshotrunner-c84a1a4e', 'test-snapshotrunner-c84a1a4e']);
  });

  test('not with another namespace, whose pods could not mount it', () => {
    const chart = newChart();
    schedule(chart);
    const web = [schedule(chart, { metadata: { namespace: 'web' } }, 'A'), schedule(chart, { metadata: { namespace: 'web' } }, 'B')];
    const maps = objectsOf(chart, 'ConfigMap').map(({ metadata }) => metadata);
    expect(maps.map(({ namespace }) => namespace)).toEqual(['db', 'web']);
    for (const { name } of web) { expect(mounted(chart, name)).toBe(maps[1].name); }
    expect(maps[0].name).not.toBe(maps[1].name);
  });

  test('not with a nested chart, which is another file', () => {
    const outer = newChart();
    const inner = new Chart(outer, 'inner', { namespace: 'db' });
    schedule(outer);
    schedule(inner);
    expect(objectsOf(outer, 'ConfigMap')).toHaveLength(1);
    expect(objectsOf(inner, 'ConfigMap')).toHaveLength(1);
    expect(mounted(inner)).toBe(objectOf(inner, 'ConfigMap').metadata.name);
    expect(mounted(outer)).not.toBe(mounted(inner));
  });

  test('not with another chart of the same namespace', () => {
    const app = new App();
    const charts = ['a', 'b'].map(id => new Chart(app, id, { namespace: 'db' }));
    charts.forEach(chart => schedule(chart));
    expect(new Set(charts.map(chart => mounted(chart))).size).toBe(2);
  });
});

describe('has a name that', () => {
  test('does not depend on the order of schedules and namespaces', () => {
    const namesOf = (order: string[]) => {
      const chart = newChart();
      order.forEach(namespace => schedule(chart, { metadata: { namespace } }, `In-${namespace}`));
      return new Map(objectsOf(chart, 'ConfigMap').map(({ metadata }) => [metadata.namespace, metadata.name]));
    };
    const [forward, backward] = [namesOf(['db', 'web', 'ops']), namesOf(['ops', 'web', 'db'])];
    for (const namespace of ['db', 'web', 'ops']) { expect(forward.get(namespace)).toBe(backward.get(namespace)); }
  });

  test('does not depend on what the schedules are', () => {
    const chart = newChart();
    schedule(chart, { schedule: Cron.hourly() }, 'Other');
    expect(objectOf(chart, 'ConfigMap').metadata.name).toBe('test-snapshotrunner-c84a1a4e');
  });

  test('is not that of any schedule', () => {
    const chart = newChart();
    const { name } = schedule(chart, {}, 'SnapshotRunner2');
    expect(mounted(chart)).not.toBe(name);
  });
});

describe('with another version of the library in the same chart', () => {
  /** As that version would have made it. */
  function foreign(chart: Chart, id = 'SnapshotRunner'): ApiObject {
    return new ApiObject(chart, id, {
      apiVersion: 'v1', kind: 'ConfigMap', metadata: { labels: { [CHECKSUM]: 'another' } }, data: { 'runner.mjs': '// another' },
    });
  }

  test('each has its own', () => {
    const chart = newChart();
    const other = foreign(chart);
    schedule(chart);
    const ours = objectOf(chart, 'ConfigMap', mounted(chart));
    expect(ours.metadata.name).not.toBe(other.name);
    expect(ours.metadata.labels[CHECKSUM]).toBe(checksum);
  });

  test('schedules of one version still share one', () => {
    const chart = newChart();
    foreign(chart);
    const names = ['A', 'B'].map(id => schedule(chart, {}, id).name);
    expect(objectsOf(chart, 'ConfigMap')).toHaveLength(2);
    expect(new Set(names.map(name => mounted(chart, name))).size).toBe(1);
  });

  test('a construct of the user may have the id', () => {
    const chart = newChart();
    new Construct(chart, 'SnapshotRunner');
    expect(() => schedule(chart)).not.toThrow();
    expect(mounted(chart)).toBe(objectOf(chart, 'ConfigMap').metadata.name);
  });
});

test('throws outside a chart, and names the path', () => {
  expect(() => runnerConfigMap(new Construct(new App(), 'group'), 'db')).toThrow("[group] 'scope': not in a chart");
});
