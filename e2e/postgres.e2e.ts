import { ApiObject, Cron, Duration, Size } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { apply, applyChart, claim, DRIVER, eventually, freshNamespace, getJson, kubectl, WAITING_STORAGE_CLASS } from './cluster';
import {
  CsiDriver, DeletionPolicy, RestoredPvc, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotRef, SnapshotSource,
} from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-postgres';

const container = {
  name: 'postgres',
  image: 'postgres:15',
  env: [{ name: 'POSTGRES_PASSWORD', valueFrom: { secretKeyRef: { name: 'postgres', key: 'password' } } },
    { name: 'PGDATA', value: '/var/lib/postgresql/data/pgdata' }],
  readinessProbe: { exec: { command: ['pg_isready', '-U', 'postgres'] }, periodSeconds: 1 },
  volumeMounts: [{ name: 'data', mountPath: '/var/lib/postgresql/data' }],
};

function sql(pod: string, statement: string): string {
  return kubectl(['-n', NAMESPACE, 'exec', pod, '--', 'psql', '-U', 'postgres', '-qtAc', statement]).trim();
}

const isReady = (pod: string) => () => getJson('-n', NAMESPACE, 'pod', pod).status.conditions
  ?.some((condition: any) => condition.type === 'Ready' && condition.status === 'True');

test('a database is snapshotted on schedule, and a second server on the restored claim has exactly the rows of that moment', async () => {
  // GIVEN a StatefulSet with 10,000 rows
  freshNamespace(NAMESPACE);
  const labels = { app: 'postgres' };
  const statefulSet = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'postgres', namespace: NAMESPACE },
    spec: {
      serviceName: 'postgres',
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container], terminationGracePeriodSeconds: 5 } },
      volumeClaimTemplates: [claimTemplate()],
    },
  };
  apply([{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'postgres', namespace: NAMESPACE }, stringData: { password: 'e2e' } }, statefulSet]);
  await eventually('postgres is ready', 120, isReady('postgres-0'));
  sql('postgres-0', 'CREATE TABLE orders AS SELECT generate_series(1, 10000) AS id');

  // WHEN the CronJob fires by itself, and more rows come
  applyChart(NAMESPACE, chart => {
    const snapshotClass = new SnapshotClass(chart, 'Class', {
      metadata: { name: 'e2e-postgres' }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.DELETE,
    });
    new ScheduledSnapshot(chart, 'EveryMinute', {
      metadata: { name: 'postgres-minutely' },
      source: SnapshotSource.fromStatefulSet(new ApiObject(chart, 'Postgres', statefulSet)),
      snapshotClass,
      schedule: Cron.everyMinute(),
      timeZone: 'Europe/Berlin',
      retention: RetentionPolicy.keepFor(Duration.days(7)),
    });
  });
  const snapshot = await eventually('the schedule has taken a snapshot that is ready', 130, () => getJson('-n', NAMESPACE, 'volumesnapshots')
    .items.find((item: any) => item.status?.readyToUse));
  kubectl(['-n', NAMESPACE, 'patch', 'cronjob', 'postgres-minutely', '-p', '{"spec":{"suspend":true}}']);
  sql('postgres-0', 'INSERT INTO orders SELECT generate_series(10001, 15000)');
  expect(snapshot.metadata.name).toMatch(/^data-postgres-0-\d{8}-\d{4}00-[0-9a-f]{8}$/);

  // AND it is restored beside the database
  applyChart(NAMESPACE, chart => {
    const restored = new RestoredPvc(chart, 'Restored', {
      metadata: { name: 'postgres-restored' },
      snapshot: SnapshotRef.fromName(snapshot.metadata.name),
      size: Size.gibibytes(1),
      storageClassName: WAITING_STORAGE_CLASS,
    });
    new kplus.k8s.KubePod(chart, 'Recovery', {
      metadata: { name: 'recovery' },
      spec: { containers: [container], volumes: [{ name: 'data', persistentVolumeClaim: { claimName: restored.name } }], terminationGracePeriodSeconds: 5 },
    });
  });
  await eventually('the recovery pod is ready', 120, isReady('recovery'));

  // THEN
  expect(sql('recovery', 'SELECT count(*), max(id) FROM orders')).toBe('10000|10000');
  expect(sql('postgres-0', 'SELECT count(*) FROM orders')).toBe('15000');
});

function claimTemplate(): object {
  const { spec } = claim(NAMESPACE, 'data', { storageClassName: WAITING_STORAGE_CLASS }) as any;
  return { metadata: { name: 'data' }, spec: { ...spec, resources: { requests: { storage: '1Gi' } } } };
}
