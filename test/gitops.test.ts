import { Chart } from 'cdk8s';
import {
  CloneMasking, CsiDriver, DeletionPolicy, DrillCheck, InventoryExporter, JobTrigger, PreUpgradeSnapshot, Quiesce, RecoveryPod, RecoveryPreset,
  RestoreDrill, SnapshotAlerts, SnapshotClass, SnapshotClone, SnapshotDashboard, SnapshotInventory, SnapshotSource, VeleroBackup, VeleroHook,
} from '../src';
import { newChart, objectsOf, schedule, statefulSet } from './manifests';

const KEY = 'kustomize.toolkit.fluxcd.io/substitute';
const source = SnapshotSource.fromClaimName('data');

/** A chart with everything that has a program, a script or a query in it. */
function everything(): Chart {
  const chart = newChart({ namespace: 'platform' });
  const container = { name: 'postgres', image: 'postgres:15', readinessProbe: { exec: { command: ['pg_isready'] } }, volumeMounts: [{ name: 'data', mountPath: '/data' }] };
  const workload = statefulSet(chart, { template: { spec: { containers: [container] } } });
  const nightly = schedule(chart, { metadata: { name: 'nightly' }, source: SnapshotSource.fromStatefulSet(workload), quiesce: Quiesce.mariaDb() });
  new RestoreDrill(chart, 'Drill', { schedule: nightly, workload, check: DrillCheck.postgreSql({ query: 'SELECT 1', atLeast: 1 }) });
  new PreUpgradeSnapshot(chart, 'Before', { source, trigger: JobTrigger.argoCd(), quiesce: Quiesce.mariaDb({ podNames: ['mariadb-0'] }) });
  const exporter: InventoryExporter = { image: 'alpine/git:2.49.1', command: ['sh', '-c', 'git clone "${REPOSITORY}"'] };
  new SnapshotInventory(chart, 'Inventory', { exporter });
  const masking: CloneMasking = {
    mask: { image: 'postgres:15', command: ['sh', '-c', 'echo ${HOME}'] },
    check: { image: 'busybox:1.36' },
    snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Masked', 'masked', { deletionPolicy: DeletionPolicy.DELETE }),
  };
  new SnapshotClone(chart, 'Clone', { scheduleId: 'nightly', sourceNamespace: 'db', source, targetNamespace: 'staging', masking });
  new SnapshotDashboard(chart, 'Dashboard');
  new RecoveryPod(chart, 'Recovery', { workload, claims: { data: 'restored' }, preset: RecoveryPreset.of([]), command: ['sh', '-c', 'echo ${PGDATA}'] });
  const snapshotterSecret = { name: '${volumesnapshot.name}', namespace: '${volumesnapshot.namespace}' };
  new SnapshotClass(chart, 'Class', { driver: CsiDriver.of('csi.example.com'), snapshotterSecret });
  new VeleroBackup(chart, 'Backup', { hooks: [VeleroHook.fromQuiesce(Quiesce.mariaDb({ podLabels: { app: 'mariadb' } }))] });
  return chart;
}

test('where Flux would replace a part of a program, a script or a query, it is told not to', () => {
  const objects = everything().toJson().filter(object => JSON.stringify(object).includes('${'));
  expect(new Set(objects.map(({ kind }) => kind))).toEqual(new Set(['ConfigMap', 'CronJob', 'Job', 'Backup', 'VolumeSnapshotClass']));
  expect(objects.filter(({ metadata }) => metadata.annotations?.[KEY] !== 'disabled').map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([]);
});

test('Helm would take for templates of its own what is in alerts, dashboards and templates of tags, and nothing else', () => {
  const chart = everything();
  new SnapshotAlerts(chart, 'Alerts');
  new SnapshotClass(chart, 'Ebs', { driver: CsiDriver.awsEbs({ tags: { claim: '{{ .VolumeSnapshotName }}' } }) });
  const objects = chart.toJson().filter(object => JSON.stringify(object).includes('{{'));
  expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort()).toEqual([
    expect.stringMatching(/^ConfigMap test-dashboard-/), expect.stringMatching(/^PrometheusRule test-alerts-/), expect.stringMatching(/^VolumeSnapshotClass test-ebs-/),
  ]);
});

test('variables of Flux work in a class that names no Secret by its snapshot', () => {
  const chart = newChart();
  new SnapshotClass(chart, 'Class', { driver: CsiDriver.of('csi.example.com', { parameters: { pool: '${POOL}' } }) });
  expect(objectsOf(chart, 'VolumeSnapshotClass')[0].metadata.annotations).toBeUndefined();
});

test('variables of Flux work in a schedule that has no script', () => {
  const chart = newChart();
  schedule(chart);
  expect(objectsOf(chart, 'CronJob')[0].metadata.annotations).toBeUndefined();
});

test('who wants Flux to replace something nevertheless says so', () => {
  const chart = newChart();
  schedule(chart, { metadata: { annotations: { [KEY]: 'enabled' } }, quiesce: Quiesce.mariaDb({ podNames: ['mariadb-0'] }) });
  expect(objectsOf(chart, 'CronJob')[0].metadata.annotations).toEqual({ [KEY]: 'enabled' });
});
