import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiObject, App, Chart } from 'cdk8s';
import { parseAllDocuments } from 'yaml';
import { defineShop } from '../../examples/whole-shop/shop';
import { apply, DRIVER, eventually, freshNamespace, getJson, kubectl, names, runJob, STORAGE_CLASS } from '../cluster';
import { shell } from '../databases';
import { cutTimes, withPrometheusRules, withVelero } from './knobs';
import { ask, Program, query, startKubeStateMetrics, startPrometheus } from './programs';
import { CsiDriver, SnapshotCoverage } from 'cdk8s-volume-snapshots';

/*
 * The example that uses all of it, with the storage of this cluster: synthesized to files,
 * applied as its users would, and each part looked at.
 */
const SHOP = 'whole-shop';
const MONITORING = 'whole-monitoring';
const CLASS = 'whole-shop';
const ACCOUNT = 'kube-state-metrics';

const dist = mkdtempSync(join(tmpdir(), 'whole-shop-'));
const file = (chart: string) => join(dist, `${chart}.k8s.yaml`);
const objects = (chart: string): any[] => parseAllDocuments(readFileSync(file(chart), 'utf8')).map(document => document.toJSON());
const applyFiles = (...charts: string[]) => kubectl(['apply', '--validate=strict', ...charts.flatMap(chart => ['-f', file(chart)])]);
const sql = (statement: string) => shell(SHOP, 'postgres-0', `psql -U postgres -qtAc "${statement}"`);
const snapshots = () => getJson('-n', SHOP, 'volumesnapshots', '-l', 'cdk8s-volume-snapshots/schedule=postgres-daily').items;

let coverage: SnapshotCoverage;
let exporter: Program;
let prometheus: Program;

function synthesize(alsoDefine: (app: App) => void = () => undefined): SnapshotCoverage {
  const app = new App({ outdir: dist });
  const defined = defineShop(app, { driver: CsiDriver.of(DRIVER), storageClassName: STORAGE_CLASS });
  alsoDefine(app);
  app.synth();
  return defined;
}

beforeAll(() => {
  [SHOP, MONITORING, 'velero'].forEach(namespace => freshNamespace(namespace));
  // Prometheus' operator and Velero: their kinds are there, and nobody acts on them
  withPrometheusRules();
  withVelero();
  coverage = synthesize();
}, 300_000);

afterAll(() => {
  prometheus?.stop();
  exporter?.stop();
  // it guards the whole cluster, and other tests delete what is held
  spawnSync('kubectl', ['delete', '--ignore-not-found', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: guards() }) });
  kubectl(['delete', 'namespace', SHOP, MONITORING, '--wait=false']);
  kubectl(['-n', 'velero', 'delete', 'schedules.velero.io,restores.velero.io,backupstoragelocations.velero.io', '--all']);
});

function guards(): any[] {
  return objects('platform').filter(({ kind, metadata }) => kind.startsWith('ValidatingAdmissionPolicy') && metadata.name.includes('hold'));
}

test('coverage says that the database is protected, held and drilled, and refuses a claim that nobody thought of', () => {
  expect(coverage.problems()).toEqual([]);
  expect(coverage.table()).toMatch(/^1 claim or template: 1 protected, 0 exempt, 0 not protected\./);
  expect(coverage.table()).toMatch(/`postgres-daily` .* application \| `postgres-drill`/);
  const forgotten = () => synthesize(app => {
    const chart = app.node.findChild('shop') as Chart;
    new ApiObject(chart, 'Invoices', { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'invoices' }, spec: {} });
  });
  expect(forgotten).toThrow(/'whenUncovered': no schedule covers it, got 'PersistentVolumeClaim whole-shop\/invoices/);
});

test('it is applied in the order of its teams, and the gate lets a first installation pass', async () => {
  applyFiles('platform', 'before-upgrade');
  const { metadata } = objects('before-upgrade').find(({ kind }) => kind === 'Job');
  kubectl(['-n', SHOP, 'wait', `job/${metadata.name}`, '--for=condition=complete', '--timeout=120s']);
  kubectl(['-n', SHOP, 'create', 'secret', 'generic', 'postgres', '--from-literal=password=correct horse']);
  applyFiles('shop', 'monitoring', 'off-site');
  kubectl(['-n', SHOP, 'rollout', 'status', 'statefulset/postgres', '--timeout=180s']);
  await eventually('the database answers', 60, () => sql('SELECT 1') === '1');
  sql('CREATE TABLE orders AS SELECT generate_series(1, 10000) AS id');
});

test('the schedule holds the database, and cuts a snapshot of its class', async () => {
  const end = await runJob(SHOP, 'postgres-daily');
  expect(end).toMatchObject({ succeeded: true, message: expect.stringMatching(/^1 of 1 claims have their snapshot .*data-postgres-0: application-consistent/) });
  expect(snapshots().map(({ metadata, spec }: any) => [metadata.labels['cdk8s-volume-snapshots/consistency'], spec.volumeSnapshotClassName])).toEqual([['application', CLASS]]);
  expect([...cutTimes(SHOP).keys()]).toContain(snapshots()[0].metadata.uid);
});

test('the drill restores it, starts a server, finds the orders, and says so on the snapshot', async () => {
  expect(await runJob(SHOP, 'postgres-drill', 240)).toMatchObject({ succeeded: true, message: expect.stringContaining('the query gave 10000') });
  expect(snapshots()[0].metadata.labels['cdk8s-volume-snapshots/verified']).toBe('true');
  expect(names('-n', SHOP, 'pvc')).toEqual(['data-postgres-0']);
});

test('the button makes the claim of the recovery pod, and leaves production alone', async () => {
  const before = getJson('-n', SHOP, 'pvc', 'data-postgres-0').spec.volumeName;
  expect(await runJob(SHOP, 'postgres-restore')).toMatchObject({ succeeded: true });
  expect(names('-n', SHOP, 'pvc')).toEqual(['data-postgres-0', 'data-postgres-recovery-0']);
  expect(getJson('-n', SHOP, 'pvc', 'data-postgres-0').spec.volumeName).toBe(before);
});

describe('by the metrics of the cluster', () => {
  beforeAll(async () => {
    apply([
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: ACCOUNT, namespace: MONITORING } },
      // what it has anyway, wherever it is installed
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: { name: MONITORING },
        rules: [{ apiGroups: ['batch'], resources: ['cronjobs', 'jobs'], verbs: ['list', 'watch'] }],
      },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name: MONITORING },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: MONITORING },
        subjects: [{ kind: 'ServiceAccount', name: ACCOUNT, namespace: MONITORING }],
      },
    ]);
    const { spec } = getJson('-n', MONITORING, 'prometheusrule', 'snapshot-alerts');
    exporter = await startKubeStateMetrics(MONITORING, ACCOUNT, { name: 'snapshot-metrics', key: 'config.yaml' });
    prometheus = await startPrometheus(JSON.stringify(spec), exporter);
  }, 600_000);
  afterAll(() => {
    for (const kind of ['clusterrole', 'clusterrolebinding']) { kubectl(['delete', kind, MONITORING, '--ignore-not-found']); }
  });

  test('no alert is about the shop, and each can be evaluated', async () => {
    const rules = await eventually('all rules are evaluated', 60, async () => {
      const all = (await ask(prometheus, 'rules')).groups.flatMap((group: any) => group.rules);
      return all.every(({ health }: any) => health !== 'unknown') && all;
    });
    expect(rules.filter(({ health }: any) => health !== 'ok')).toEqual([]);
    expect(new Set(rules.map(({ labels }: any) => labels.cronjob).filter(Boolean))).toEqual(new Set(['postgres-daily', 'postgres-drill', 'snapshot-orphans']));
    await eventually('there are metrics', 60, async () => (await query(prometheus, 'kube_cronjob_info')).length > 0);
    // what other tests have left in the storage is found, as it should be
    const active = async () => (await ask(prometheus, 'alerts')).alerts.filter(({ labels }: any) => labels.namespace !== MONITORING)
      .map(({ labels }: any) => `${labels.alertname} of ${labels.cronjob}`);
    await eventually('the alert that there are none is over', 30, async () => (await active()).length === 0).catch(() => undefined);
    expect(await active()).toEqual([]);
  });

  test('the dashboard shows the snapshot, how long it was held, and the recovery time', async () => {
    const data = Object.values(getJson('-n', MONITORING, 'configmap', 'snapshot-dashboard').data) as string[];
    const expressions = (JSON.parse(data[0]).panels as any[]).flatMap(({ targets = [] }) => targets.map(({ expr }: any) => expr as string))
      .map(expression => expression.replace(/\$__rate_interval|\$__interval|\$__range/g, '5m').replace(/\$\{?\w+(:\w+)?\}?/g, '.*'));
    expect(expressions.length).toBeGreaterThan(10);
    // every one of them can be evaluated
    const answers = await Promise.all(expressions.map(async expression => ({ expression, series: await query(prometheus, expression) })));
    for (const metric of ['kube_volumesnapshot_status_creation_time', 'kube_volumesnapshot_held_milliseconds', 'kube_volumesnapshot_recovery_seconds']) {
      const shown = answers.filter(({ expression, series }) => expression.includes(metric) && series.length > 0);
      expect({ metric, shown: shown.length > 0 }).toEqual({ metric, shown: true });
    }
  });
});

describe('the objects of Velero', () => {
  test('are stored as they were written, and its restore too on the day when it is wanted', () => {
    applyFiles('staging');
    const written = [...objects('off-site'), ...objects('staging')];
    const stored = ['off-site', 'staging'].flatMap(chart => getJson('-f', file(chart)).items ?? [getJson('-f', file(chart))]);
    const contentOf = ({ kind, spec, data }: any) => ({ kind, spec, data });
    expect(stored.map(contentOf)).toMatchObject(written.map(contentOf));
    expect(getJson('volumesnapshotclass', CLASS).metadata.labels).toMatchObject({ 'velero.io/csi-volumesnapshot-class': 'true' });
  });

  test('hold the database by two commands, as Velero executes them before and after its own snapshot', () => {
    const [{ pre, post }] = getJson('-n', 'velero', 'schedules.velero.io', 'whole-shop-weekly').spec.template.hooks.resources;
    const execute = ({ exec }: any) => kubectl(['-n', SHOP, 'exec', 'postgres-0', '--', ...exec.command]);
    execute(pre[0]);
    // nobody waits for a checkpoint
    expect(sql('SELECT count(*) FROM orders')).toBe('10000');
    expect(execute(post[0])).toContain('released');
    // there is nothing to release twice
    expect(() => execute(post[0])).toThrow(/the application was not held/);
  });

  test('leave out what the schedule has taken', () => {
    expect(snapshots().map(({ metadata }: any) => metadata.labels['velero.io/exclude-from-backup'])).toEqual(['true']);
  });
});
