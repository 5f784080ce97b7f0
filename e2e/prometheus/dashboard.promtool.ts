import { ApiObject, App, Chart, Cron } from 'cdk8s';
import { schemaProblems } from './grafana';
import { contentSeries, cronJobSeries, Snapshot, snapshotSeries } from './kube-state-metrics';
import { checkRules, mismatchesOf, Sample, Series } from './promtool';
import {
  DeletionPolicy, DrillCheck, GroupSnapshotClass, RestoreDrill, ScheduledSnapshot, SnapshotDashboard, SnapshotInventory, SnapshotSource,
} from 'cdk8s-volume-snapshots';

const HOUR = 3600;

interface Panel { readonly title: string; readonly type: string; readonly targets?: { readonly expr: string }[] }

/** The dashboard of two schedules, one of them of groups, a drill, and an inventory of the administrators. */
function dashboard(snapshotMetrics = true): string {
  const chart = new Chart(new App(), 'test', { namespace: 'db' });
  const each = { source: SnapshotSource.fromClaimName('data'), schedule: Cron.daily() };
  const nightly = new ScheduledSnapshot(chart, 'Nightly', { metadata: { name: 'nightly' }, ...each });
  const groupSnapshotClass = GroupSnapshotClass.fromGroupSnapshotClassName(chart, 'Class', 'groups', { deletionPolicy: DeletionPolicy.DELETE });
  new ScheduledSnapshot(chart, 'Together', { metadata: { name: 'together', namespace: 'shop' }, ...each, groupSnapshotClass });
  const workload = new ApiObject(chart, 'Postgres', {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'postgres' },
    spec: {
      template: { spec: { containers: [{ name: 'postgres', image: 'postgres:15', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] } },
      volumeClaimTemplates: [{ metadata: { name: 'data' } }],
    },
  });
  new RestoreDrill(chart, 'Drill', { metadata: { name: 'drill' }, schedule: nightly, workload, check: DrillCheck.postgreSql({ query: 'SELECT 1', atLeast: 1 }) });
  new SnapshotInventory(chart, 'Inventory', {
    metadata: { name: 'inventory', namespace: 'platform' }, exporter: { image: 'alpine/git:2.49.1', command: ['git'], claims: { '/list': 'list' } },
  });
  return new SnapshotDashboard(chart, 'Dashboard', { snapshotMetrics }).toDashboardJson();
}

/** Its panels, as Grafana asks for them when all is chosen. */
function panels(snapshotMetrics = true): Panel[] {
  return JSON.parse(dashboard(snapshotMetrics).replace(/\$(namespace|schedule)\b/g, '.+')).panels;
}

const queries = (title: string, type = 'stat') => panels().find(panel => panel.title === title && panel.type === type)!.targets!.map(({ expr }) => expr);

function expectValues(series: readonly Series[], time: number, expected: { [title: string]: readonly Sample[] }, type?: string): void {
  expect(mismatchesOf(series, time, Object.entries(expected).map(([title, samples]) => [queries(title, type)[0], samples]))).toBeUndefined();
}

const snapshot = (more: Partial<Snapshot>, prefix?: string) =>
  snapshotSeries({ namespace: 'db', schedule: 'nightly', uid: 'a', claim: 'data', created: 0, cut: 0, ready: HOUR, ...more }, prefix);
const claim = (name: string, namespace = 'db'): Series => ({
  metric: 'kube_persistentvolumeclaim_info', labels: { namespace, persistentvolumeclaim: name, volumename: 'vol', storageclass: 'fast' }, value: () => 1,
});
const annotated = (metric: string, uid: string, value: number): Series => ({
  metric: `kube_volumesnapshot_${metric}`, labels: { namespace: 'db', schedule: 'nightly', persistentvolumeclaim: 'data', claim_uid: 'uid-of-data', snapshot_uid: uid }, value: () => value,
});
const copies = (series: readonly Series[]) => ['a', 'b'].flatMap(instance => series.map(each => ({ ...each, labels: { ...each.labels, instance } })));

describe('the schema of Grafana', () => {
  test('has nothing against it', () => {
    expect(schemaProblems([dashboard(), dashboard(false)])).toEqual([]);
  });

  test.each([
    ['a key that there is not', '"gridPos":', '"gridPosition":', /gridPosition/],
    ['a variable of no type', '"type": "custom"', '"type": "customs"', /customs/],
    ['an option of another panel', '"colorMode":', '"colourMode":', /colourMode/],
    ['a number as text', '"schemaVersion": 39', '"schemaVersion": "39"', /string/],
    ['a style of lines that there is not', '"drawStyle": "line"', '"drawStyle": "lines"', /"lines"/],
  ])('would tell of %s', (_, good, bad, problem) => {
    const changed = dashboard().replace(good, bad);
    expect(changed).toContain(bad);
    expect(schemaProblems([changed]).join('\n')).toMatch(problem);
  });
});

describe('every query', () => {
  test.each([true, false])('is one that Prometheus takes, with metrics of snapshots: %s', snapshotMetrics => {
    const exprs = panels(snapshotMetrics).flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    const rules = exprs.map((expr, i) => ({ record: `dashboard:query:number${i}`, expr }));
    // JSON is YAML
    expect(checkRules(JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))).toMatchObject({ ok: true });
    expect(exprs.length).toBeGreaterThan(snapshotMetrics ? 20 : 5);
  });

  test('gives one value, or nothing, however many copies of kube-state-metrics there are', () => {
    const series = copies([
      ...cronJobSeries({ namespace: 'db', name: 'nightly', runs: [{ at: 600, ends: 900, failed: true }] }), ...snapshot({}), ...snapshot({ uid: 'b', ready: undefined }), claim('data'),
    ]);
    expectValues(series, 2 * HOUR, {
      'CronJobs there, of 4': [['{}', 1]], 'Newest run failed': [['{}', 1]], 'Suspended': [['{}', 0]], 'Claims without a good snapshot': [['{}', 0]], 'Not ready': [['{}', 1]],
    });
  });
});

describe('nothing is zero since nothing is known', () => {
  test('without any metrics', () => {
    expectValues([], HOUR, {
      'CronJobs there, of 4': [['{}', 0]],
      'Newest run failed': [],
      'Suspended': [],
      'Claims without a good snapshot': [],
      'Not ready': [],
      'Storage errors': [],
      'Contents without a snapshot': [],
    });
  });

  test('with metrics of claims alone, all of them are without a good snapshot', () => {
    expectValues([claim('data'), claim('log')], HOUR, { 'Claims without a good snapshot': [['{}', 2]] });
  });
});

describe('runs', () => {
  const failed = [{ at: 0, ends: 600 }, { at: 2 * HOUR, ends: 2 * HOUR + 300, failed: true }];

  test('that failed are shown until one succeeds, those of others never', () => {
    const others = cronJobSeries({ namespace: 'elsewhere', name: 'nightly', runs: failed });
    const series = [...cronJobSeries({ namespace: 'db', name: 'nightly', runs: [...failed, { at: 4 * HOUR, ends: 4 * HOUR + 300 }] }), ...others];
    expectValues(series, 3 * HOUR, { 'Newest run failed': [['{}', 1]] });
    expectValues(series, 3 * HOUR, { 'Newest run failed': [['{namespace="db",cronjob="nightly"}', HOUR]] }, 'table');
    expectValues(series, 5 * HOUR, { 'Newest run failed': [['{}', 0]] });
  });

  test('that never succeeded count from when the CronJob was made', () => {
    const series = [...cronJobSeries({ namespace: 'db', name: 'nightly', runs: failed }), ...cronJobSeries({ namespace: 'shop', name: 'together', runs: [], created: HOUR })];
    expectValues(series, 3 * HOUR, {
      'Time since the last success': [['{namespace="db",cronjob="nightly"}', 3 * HOUR - 600], ['{namespace="shop",cronjob="together"}', 2 * HOUR]],
    }, 'table');
  });

  test('of a drill that failed are told apart', () => {
    const series = cronJobSeries({ namespace: 'db', name: 'drill', runs: failed });
    expectValues(series, 3 * HOUR, { 'Drills that failed': [['{namespace="db",cronjob="drill"}', HOUR]], 'Time since a drill passed': [['{namespace="db",cronjob="drill"}', 3 * HOUR - 600]] }, 'table');
  });
});

describe('snapshots', () => {
  const ofData = '{namespace="db",schedule="nightly",persistentvolumeclaim="data"}';

  test('are as old as the newest that is ready, is not being deleted, and that no drill found bad', () => {
    const bad = snapshot({ uid: 'd', created: 2 * HOUR, cut: 2 * HOUR, ready: 2 * HOUR }).map(each => ({ ...each, labels: { ...each.labels, verified: 'false' } }));
    const series = [
      ...snapshot({ uid: 'a' }), ...snapshot({ uid: 'b', created: HOUR, cut: HOUR, ready: HOUR }), ...snapshot({ uid: 'c', created: 2 * HOUR, cut: 2 * HOUR, ready: undefined }),
      ...bad, ...snapshot({ uid: 'e', created: 2 * HOUR, cut: 2 * HOUR, ready: 2 * HOUR, deleting: 2 * HOUR }),
    ];
    expectValues(series, 3 * HOUR, { 'Age of the newest good snapshot': [[ofData, 2 * HOUR]], 'Snapshots of each schedule': [['{namespace="db",schedule="nightly"}', 5]] }, 'timeseries');
  });

  test('of claims that have none that is good are missed, but not of those of the administrators', () => {
    const series = [claim('data'), claim('log'), claim('tmp'), claim('list', 'platform'), ...snapshot({}), ...snapshot({ uid: 'b', claim: 'log', ready: undefined })];
    expectValues(series, 2 * HOUR, {
      'Claims without a good snapshot': [['{namespace="db",persistentvolumeclaim="log"}', 1], ['{namespace="db",persistentvolumeclaim="tmp"}', 1]],
    }, 'table');
  });

  test('of groups have one age, and cover their namespace as long as one is good', () => {
    const group = (more: Partial<Snapshot> = {}) => snapshot({ namespace: 'shop', schedule: 'together', claim: undefined, ...more }, 'kube_volumegroupsnapshot');
    const [, ofGroups] = queries('Age of the newest good snapshot', 'timeseries');
    expect(mismatchesOf(group(), 3 * HOUR, [[ofGroups, [['{namespace="shop",schedule="together"}', 3 * HOUR]]]])).toBeUndefined();
    const claims = [claim('data', 'shop'), claim('data')];
    expectValues([...claims, ...group()], 2 * HOUR, { 'Claims without a good snapshot': [['{}', 1]] });
    expectValues([...claims, ...group({ ready: undefined })], 2 * HOUR, { 'Claims without a good snapshot': [['{}', 2]], 'Not ready': [['{}', 1]] });
  });

  test('with an error of the storage are counted until they are ready', () => {
    const series = snapshot({ cut: undefined, ready: 3 * HOUR, error: HOUR });
    expectValues(series, 2 * HOUR, { 'Storage errors': [['{}', 1]] });
    expectValues(series, 4 * HOUR, { 'Storage errors': [['{}', 0]] });
  });

  test('tell what the last drill and the newest hold took', () => {
    const series = [
      ...snapshot({ uid: 'a' }), annotated('recovery_seconds', 'a', 90), annotated('verified_time', 'a', 2 * HOUR), annotated('held_milliseconds', 'a', 57),
      ...snapshot({ uid: 'b', created: HOUR }), annotated('recovery_seconds', 'b', 60), annotated('verified_time', 'b', HOUR), annotated('held_milliseconds', 'b', 184),
      // found bad: it has no recovery time
      ...snapshot({ uid: 'c', created: HOUR }), annotated('verified_time', 'c', 3 * HOUR),
    ];
    expectValues(series, 4 * HOUR, { 'Recovery time': [[ofData, 90]], 'Hold time': [[ofData, 184]] }, 'timeseries');
  });
});

test('storage whose snapshot is gone is counted, and what was never bound is not', () => {
  const content = (uid: string) => contentSeries({ uid, name: 'x', namespace: 'db', volume: 'vol', driver: 'd', created: 0 });
  const series = [content('a'), content('b'), content(''), ...snapshot({ uid: 'a' })];
  expectValues(series, HOUR, { 'Contents without a snapshot': [['{}', 1]] });
});
