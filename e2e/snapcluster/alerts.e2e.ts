import { ApiObject, App, Chart, Cron, Duration, JsonPatch } from 'cdk8s';
import { quantityToNumber } from '../../src/private/quantity';
import { apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, kubectl, runJob } from '../cluster';
import { AuditLog, eventuallyDeleted, withPrometheusRules } from './knobs';
import { ask, Program, query, startKubeStateMetrics, startPrometheus } from './programs';
import {
  CsiDriver, DeletionPolicy, GroupSnapshotApiVersion, RetentionPolicy, ScheduledSnapshot, SnapshotAlert, SnapshotAlerts, SnapshotClass,
  SnapshotMetrics, SnapshotOrphans, SnapshotSource,
} from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-alerts';
const CLASS = 'e2e-alerts';
const ACCOUNT = 'kube-state-metrics';
const METRICS = { metadata: { name: 'snapshot-metrics', namespace: NAMESPACE }, groupSnapshots: GroupSnapshotApiVersion.V1BETA2 };

let audit: AuditLog;
let exporter: Program;
let prometheus: Program;

/** What a user would apply, and one schedule more, whose CronJob never is. */
function define(chart: Chart): SnapshotAlerts {
  const snapshotClass = new SnapshotClass(chart, 'Class', { metadata: { name: CLASS }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.DELETE });
  for (const name of ['good', 'missing']) {
    new ScheduledSnapshot(chart, name, {
      metadata: { name },
      source: SnapshotSource.fromClaimName(name === 'missing' ? 'good' : name),
      snapshotClass,
      schedule: Cron.schedule({ hour: '3', minute: '15' }),
      suspend: true,
      readyTimeout: Duration.seconds(8),
      retention: RetentionPolicy.keepLast(9),
    });
  }
  new SnapshotOrphans(chart, 'Orphans', { metadata: { name: 'orphans' }, suspend: true });
  return new SnapshotAlerts(chart, 'Alerts', { metadata: { name: 'snapshot-alerts' }, snapshotMetrics: true });
}

/** Replaces the class by one whose snapshots all fail, or none: classes cannot be changed. */
function storageThat(fails: boolean): void {
  kubectl(['delete', 'volumesnapshotclass', CLASS, '--ignore-not-found']);
  applyChart(undefined, chart => new SnapshotClass(chart, 'Class', {
    metadata: { name: CLASS }, driver: CsiDriver.of(DRIVER, { parameters: fails ? { fail: 'always' } : {} }), deletionPolicy: DeletionPolicy.DELETE,
  }));
}

/** The names of the alerts whose condition holds now, by the CronJob that they are about. */
async function active(cronJob: string): Promise<string[]> {
  const { alerts } = await ask(prometheus, 'alerts');
  return alerts.filter(({ labels }: any) => labels.cronjob === cronJob).map(({ labels }: any) => labels.alertname).sort();
}

beforeAll(async () => {
  freshNamespace(NAMESPACE);
  audit = new AuditLog();
  apply([claim(NAMESPACE, 'good'), { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: ACCOUNT, namespace: NAMESPACE } }]);
  await bound(NAMESPACE, 'good');
  applyChart(NAMESPACE, chart => new SnapshotMetrics(chart, 'Metrics', METRICS));
  // what it has anyway, wherever it is installed
  apply([
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: NAMESPACE }, rules: [{ apiGroups: ['batch'], resources: ['cronjobs', 'jobs'], verbs: ['list', 'watch'] }] },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: NAMESPACE },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: NAMESPACE },
      subjects: [{ kind: 'ServiceAccount', name: ACCOUNT, namespace: NAMESPACE }],
    },
  ]);
  const chart = new Chart(new App(), 'alerts', { namespace: NAMESPACE });
  const rules = define(chart).toRulesFile();
  apply(chart.toJson().filter(({ kind, metadata }) => kind !== 'PrometheusRule' && metadata.name !== 'missing'));
  storageThat(false);
  exporter = await startKubeStateMetrics(NAMESPACE, ACCOUNT, { name: 'snapshot-metrics', key: 'config.yaml' });
  prometheus = await startPrometheus(rules, exporter);
}, 600_000);

afterAll(() => {
  prometheus?.stop();
  exporter?.stop();
  kubectl(['-n', NAMESPACE, 'delete', 'volumesnapshots,volumegroupsnapshots', '--all']);
  for (const kind of ['clusterrole', 'clusterrolebinding']) { kubectl(['delete', kind, NAMESPACE, '--ignore-not-found']); }
});

/** The one series of a metric that belongs to a snapshot. */
async function seriesOf(metric: string, uid: string): Promise<{ labels: { [name: string]: string }; value: number } | undefined> {
  const found = await query(prometheus, `${metric}{snapshot_uid="${uid}"}`);
  if (found.length > 1) { throw new Error(`${found.length} series of ${metric}`); }
  return found[0];
}

test('a snapshot is told as it is: ready, cut, size, schedule and claim', async () => {
  expect(await runJob(NAMESPACE, 'good')).toMatchObject({ succeeded: true });
  const [snapshot] = getJson('-n', NAMESPACE, 'volumesnapshots').items;
  const { uid } = snapshot.metadata;
  const ready = await eventually('it is told', 30, async () => {
    const series = await seriesOf('kube_volumesnapshot_status_ready_to_use', uid);
    return series?.labels.condition === 'true' && series;
  });
  const claimUid = getJson('-n', NAMESPACE, 'pvc', 'good').metadata.uid;
  expect(ready).toMatchObject({
    value: 1,
    labels: {
      namespace: NAMESPACE, volumesnapshot: snapshot.metadata.name, persistentvolumeclaim: 'good', claim_uid: claimUid, schedule: 'good', consistency: 'crash', snapshotclass: CLASS,
    },
  });
  const seconds = (time: string) => Date.parse(time) / 1000;
  expect((await seriesOf('kube_volumesnapshot_created', uid))?.value).toBe(seconds(snapshot.metadata.creationTimestamp));
  expect((await seriesOf('kube_volumesnapshot_status_creation_time', uid))?.value).toBe(Math.floor(seconds(snapshot.status.creationTime)));
  expect((await seriesOf('kube_volumesnapshot_status_restore_size_bytes', uid))?.value).toBe(quantityToNumber(snapshot.status.restoreSize));
  expect(await seriesOf('kube_volumesnapshot_status_error_time', uid)).toBeUndefined();
  const content = getJson('volumesnapshotcontent', snapshot.status.boundVolumeSnapshotContentName);
  expect((await seriesOf('kube_volumesnapshotcontent_created', uid))?.labels)
    .toMatchObject({ driver: DRIVER, volume_handle: content.spec.source.volumeHandle, deletion_policy: 'Delete', volumesnapshot: snapshot.metadata.name });
});

test('the metrics of all alerts exist, and Prometheus can evaluate every rule', async () => {
  const { groups } = await ask(prometheus, 'rules');
  const rules = groups.flatMap((group: any) => group.rules);
  expect(rules.length).toBeGreaterThan(20);
  const evaluated = await eventually('all are evaluated', 20, async () => {
    const all = (await ask(prometheus, 'rules')).groups.flatMap((group: any) => group.rules);
    return all.every(({ health }: any) => health !== 'unknown') && all;
  });
  expect(evaluated.filter(({ health }: any) => health !== 'ok')).toEqual([]);
  const exposed = new Set([...(await (await fetch(`http://127.0.0.1:${exporter.port}/metrics`)).text()).matchAll(/^# TYPE (\S+)/gm)].map(match => match[1]));
  const used = new Set<string>(rules.flatMap(({ query: text }: any) => text.match(/kube_[a-z_]+/g)));
  expect([...used].filter(metric => !exposed.has(metric))).toEqual([]);
});

test('a group is told too, if groups are asked for', async () => {
  apply([{
    apiVersion: 'groupsnapshot.storage.k8s.io/v1beta2',
    kind: 'VolumeGroupSnapshot',
    metadata: { name: 'group', namespace: NAMESPACE, labels: { 'cdk8s-volume-snapshots/schedule': 'groups' } },
    spec: { source: { selector: { matchLabels: { none: 'has-it' } } }, volumeGroupSnapshotClassName: 'none' },
  }]);
  const { uid } = getJson('-n', NAMESPACE, 'volumegroupsnapshot', 'group').metadata;
  expect(await eventually('it is told', 30, () => seriesOf('kube_volumegroupsnapshot_status_ready_to_use', uid)))
    .toMatchObject({ value: 1, labels: { condition: 'false', namespace: NAMESPACE, volumegroupsnapshot: 'group', schedule: 'groups' } });
  await eventually('its error is told', 30, () => seriesOf('kube_volumegroupsnapshot_status_error_time', uid));
  kubectl(['-n', NAMESPACE, 'delete', 'volumegroupsnapshot', 'group']);
});

test('a schedule that is well and suspended has that one alert, and one that is not in the cluster is missed', async () => {
  expect(await eventually('the alerts are there', 20, async () => {
    const [good, missing] = [await active('good'), await active('missing')];
    return missing.length > 0 && { good, missing };
  })).toEqual({ good: [SnapshotAlert.SCHEDULE_SUSPENDED], missing: [SnapshotAlert.CRON_JOB_MISSING] });
});

const NOT_READY = 'kube_volumesnapshot_status_ready_to_use{condition="false"} == 1';

test('storage that fails is told by the Job, by the snapshot and by the rule of the tutorials, and all clear when it is well again', async () => {
  const ours = async () => (await query(prometheus, NOT_READY)).filter(({ labels }) => labels.namespace === NAMESPACE);
  expect(await ours()).toEqual([]);
  storageThat(true);
  expect(await runJob(NAMESPACE, 'good')).toMatchObject({ succeeded: false });
  expect(await eventually('it is told', 30, async () => {
    const names = await active('good');
    return [SnapshotAlert.STORAGE_ERROR, SnapshotAlert.SCHEDULE_FAILING, SnapshotAlert.NOT_READY].every(alert => names.includes(alert)) && names;
  })).toEqual([SnapshotAlert.NOT_READY, SnapshotAlert.SCHEDULE_FAILING, SnapshotAlert.SCHEDULE_SUSPENDED, SnapshotAlert.STORAGE_ERROR]);
  expect((await ours()).map(({ labels }) => labels.schedule)).toEqual(['good']);

  storageThat(false);
  expect(await runJob(NAMESPACE, 'good')).toMatchObject({ succeeded: true });
  expect(await eventuallyDeleted('it is well', 30, async () => {
    const names = await active('good');
    return names.length === 1 && names;
  })).toEqual([SnapshotAlert.SCHEDULE_SUSPENDED]);
});

test('snapshots that somebody deletes are missed, though no run failed', async () => {
  // a schedule that is suspended misses nothing
  kubectl(['-n', NAMESPACE, 'patch', 'cronjob', 'good', '--type=merge', '-p', '{"spec":{"suspend":false,"schedule":"0 0 1 1 *"}}']);
  await eventually('it goes on', 30, async () => (await active('good')).length === 0);
  kubectl(['-n', NAMESPACE, 'delete', 'volumesnapshots', '--all', '--wait=false']);
  await eventuallyDeleted('they are gone', 60, () => getJson('-n', NAMESPACE, 'volumesnapshots').items.length === 0);
  await eventually('they are missed', 30, async () => (await active('good')).join() === SnapshotAlert.SNAPSHOTS_MISSING);
  expect(await runJob(NAMESPACE, 'good')).toMatchObject({ succeeded: true });
  await eventually('all is well', 30, async () => (await active('good')).length === 0);
});

test('SnapshotMetrics gives the rights that kube-state-metrics asks for, and no others', async () => {
  const granted = [`snapshot-metrics.${NAMESPACE}`, NAMESPACE].flatMap(name => getJson('clusterrole', name).rules)
    .flatMap((rule: any) => rule.resources.map((resource: string) => ({ resource: `${rule.apiGroups[0]}/${resource}`, verbs: rule.verbs })));
  // a watch is in the audit log when it has ended
  exporter.stop();
  const asked = await eventually('all watches have ended', 30, () => {
    const requests = audit.requestsOf(NAMESPACE, ACCOUNT);
    const watched = new Set(requests.filter(({ verb }) => verb === 'watch').map(({ resource }) => resource));
    return granted.every(({ resource }) => watched.has(resource)) && requests;
  });
  expect(asked.filter(({ resource, verb }) => !granted.some(right => right.resource === resource && right.verbs.includes(verb)))).toEqual([]);
  expect(asked.filter(({ code }) => code === 403)).toEqual([]);
  // this version lists by a watch; earlier ones, and those whose API server cannot, need the other right
  expect(granted.map(({ verbs }) => verbs)).toEqual(granted.map(() => ['list', 'watch']));
});

describe('the API server, with the resource of the Prometheus operator,', () => {
  beforeAll(withPrometheusRules);

  function rule(patch?: JsonPatch): object[] {
    const chart = new Chart(new App(), 'rule', { namespace: NAMESPACE });
    const alerts = define(chart);
    if (patch) { ApiObject.of(alerts).addJsonPatch(patch); }
    return chart.toJson().filter(({ kind }) => kind === 'PrometheusRule');
  }

  test('takes the alerts', () => {
    apply(rule());
    expect(getJson('-n', NAMESPACE, 'prometheusrule', 'snapshot-alerts').spec.groups.map(({ name }: any) => name))
      .toEqual(['snapshots', `snapshots/${NAMESPACE}/good`, `snapshots/${NAMESPACE}/missing`, `snapshots/${NAMESPACE}/orphans`]);
  });

  test('refuses what is wrong', () => {
    expect(() => apply(rule(JsonPatch.replace('/spec/groups/0/rules/0/for', 'soon')))).toThrow(/for: Invalid value/);
  });
});
