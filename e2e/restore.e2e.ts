import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiObject, Chart, Cron } from 'cdk8s';
import { apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, kubectl, names, runJob, WAITING_STORAGE_CLASS } from './cluster';
import { databaseSet, POSTGRES, shell } from './databases';
import { openRunbook } from './runbook';
import {
  CsiDriver, DeletionPolicy, RecoveryPod, RecoveryPreset, RestoreNames, ScheduledSnapshot, SnapshotClass, SnapshotRestore, SnapshotSource,
} from 'cdk8s-volume-snapshots';

/** A schedule that a person starts, and a button to restore from it. */
function scheduleAndRestore(chart: Chart, name: string, source: SnapshotSource, restoreNames?: RestoreNames): void {
  const schedule = new ScheduledSnapshot(chart, 'Schedule', {
    metadata: { name: `${name}-nightly` },
    source,
    snapshotClass: new SnapshotClass(chart, 'Class', { metadata: { name: `e2e-restore-${name}` }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.DELETE }),
    schedule: Cron.schedule({ hour: '3', minute: '15' }),
    suspend: true,
  });
  new SnapshotRestore(chart, 'Restore', { metadata: { name: `${name}-restore` }, schedule, names: restoreNames });
}

describe('the runbook', () => {
  // as its commands say
  const NAMESPACE = 'shop';
  const { blocks, directory, noted, step } = openRunbook('restore.md');
  const sql = (statement: string) => shell(NAMESPACE, 'postgres-0', `psql -U postgres -qtAc "${statement}"`);

  beforeAll(async () => {
    freshNamespace(NAMESPACE);
    const statefulSet = databaseSet(NAMESPACE, 'postgres', {
      ...POSTGRES,
      args: ['-c', 'archive_mode=on', '-c', 'archive_command=touch /var/lib/postgresql/data/pgdata/archived-by-$HOSTNAME'],
      env: [POSTGRES.env[0], { name: 'PGDATA', value: '/var/lib/postgresql/data/pgdata' }],
      readinessProbe: { exec: { command: ['pg_isready', '-U', 'postgres'] }, periodSeconds: 1 },
    }, { mountPath: '/var/lib/postgresql/data', storageClassName: WAITING_STORAGE_CLASS });
    apply([statefulSet]);
    applyChart(NAMESPACE, chart => {
      const workload = new ApiObject(chart, 'Postgres', statefulSet);
      const recovery = new RecoveryPod(chart, 'Recovery', { metadata: { name: 'postgres-recovery' }, workload, preset: RecoveryPreset.postgreSql() });
      scheduleAndRestore(chart, 'postgres', SnapshotSource.fromStatefulSet(workload), RestoreNames.forStatefulSet(recovery.name));
    });
    kubectl(['-n', NAMESPACE, 'rollout', 'status', 'statefulset/postgres', '--timeout=120s']);
    await eventually('the database answers', 60, () => sql('SELECT 1') === '1');
  });

  test('leads from a table that is gone back to an application with all its rows, by its own commands', async () => {
    // GIVEN a table that was there last night, and is gone in the snapshot after it
    sql('CREATE TABLE orders AS SELECT generate_series(1, 10000) AS id');
    sql('SELECT pg_switch_wal()');
    await eventually('production archives its log', 30, () => shell(NAMESPACE, 'postgres-0', 'ls /var/lib/postgresql/data/pgdata').includes('archived-by-postgres-0'));
    expect(await runJob(NAMESPACE, 'postgres-nightly')).toMatchObject({ succeeded: true });
    const [good] = names('-n', NAMESPACE, 'volumesnapshots');
    noted.LOST_AT = new Date(Date.parse(getJson('-n', NAMESPACE, 'volumesnapshot', good).status.creationTime) + 1000).toISOString();
    sql('DROP TABLE orders');
    expect(await runJob(NAMESPACE, 'postgres-nightly')).toMatchObject({ succeeded: true });
    const volume = getJson('-n', NAMESPACE, 'pvc', 'data-postgres-0').spec.volumeName;

    // WHEN somebody follows the page: suspended, listed, asked for, restored beside
    step(1);
    expect(step(1)).toContain(good);
    step(1);
    expect(step(1)).toContain(`(snapshot '${good}', crash-consistent), and its volume is made when a pod uses it`);
    expect(names('-n', NAMESPACE, 'configmaps')).not.toContain('postgres-restore-request');
    // looked at, where it reaches nobody, and copied
    step(1);
    shell(NAMESPACE, 'job/postgres-recovery-1', 'psql -U postgres -qtAc "CREATE TABLE looked (at int); SELECT pg_switch_wal()"');
    expect(shell(NAMESPACE, 'job/postgres-recovery-1', 'psql -U postgres -qtAc "SHOW archive_mode"; ls /var/lib/postgresql/data/pgdata | grep archived').split('\n'))
      .toEqual(['off', 'archived-by-postgres-0']);
    expect(getJson('-n', NAMESPACE, 'pods', '-l', 'app=postgres').items.map(({ metadata }: any) => metadata.name)).toEqual(['postgres-0']);
    expect(step(1)).toMatch(/10000 \| 10000/);
    step(1);
    expect(readFileSync(join(directory, 'orders.sql'), 'utf8')).toContain('\n10000\n');
    expect(() => sql('SELECT count(*) FROM orders')).toThrow('does not exist');

    // put in place
    expect(step(1)).toMatch(new RegExp(`${volume} +Retain`));
    noted.OLD_VOLUME = volume;
    step(2);
    expect(step(1)).toContain('\'data-postgres-0\' has the data of data-postgres-0');
    step(1);
    expect(step(1)).toMatch(/10000 \| 10000/);
    expect(getJson('pv', volume).status.phase).toBe('Released');
    // gone on
    step(1);
    expect(getJson('-n', NAMESPACE, 'cronjob', 'postgres-nightly').spec.suspend).toBe(false);
    expect(await runJob(NAMESPACE, 'postgres-nightly')).toMatchObject({ succeeded: true });
    // sure
    step(1);
    await eventually('the old volume is gone', 60, () => !names('pv').includes(volume));
    expect(names('-n', NAMESPACE, 'pvc')).toEqual(['data-postgres-0']);
    await eventually('one volume is left', 60, () => getJson('pv').items.filter((item: any) => item.spec.claimRef?.namespace === NAMESPACE).length === 1);
    expect(sql('SELECT count(*) FROM orders')).toBe('10000');
  });

  test('has a way back to the old volume', async () => {
    // GIVEN another volume in its place
    noted.OLD_VOLUME = getJson('-n', NAMESPACE, 'pvc', 'data-postgres-0').spec.volumeName;
    kubectl(['patch', 'pv', noted.OLD_VOLUME, '-p', '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}']);
    kubectl(['-n', NAMESPACE, 'scale', 'statefulset/postgres', '--replicas=0']);
    kubectl(['-n', NAMESPACE, 'wait', 'pod/postgres-0', '--for=delete', '--timeout=60s']);
    kubectl(['-n', NAMESPACE, 'delete', 'pvc', 'data-postgres-0', '--wait', '--timeout=60s']);
    kubectl(['-n', NAMESPACE, 'scale', 'statefulset/postgres', '--replicas=1']);
    await eventually('another database is there', 90, () => sql('SELECT 1') === '1');
    expect(() => sql('SELECT count(*) FROM orders')).toThrow('does not exist');

    step(2);
    await eventually('the database answers', 60, () => sql('SELECT count(*) FROM orders') === '10000');
    expect([getJson('-n', NAMESPACE, 'pvc', 'data-postgres-0').spec.volumeName, blocks]).toEqual([noted.OLD_VOLUME, []]);
    const volumes = getJson('pv').items.filter((item: any) => item.spec.claimRef?.namespace === NAMESPACE);
    volumes.forEach(({ metadata }: any) => kubectl(['patch', 'pv', metadata.name, '-p', '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}']));
  });
});

describe('a restore', () => {
  const NAMESPACE = 'e2e-restore';
  const CLAIMS = ['data-db-0', 'data-db-1'];
  const request = (data: { [key: string]: string }) =>
    kubectl(['-n', NAMESPACE, 'create', 'configmap', 'db-restore-request', ...Object.entries(data).map(([key, value]) => `--from-literal=${key}=${value}`)]);
  const restore = () => runJob(NAMESPACE, 'db-restore');
  const restored = () => names('-n', NAMESPACE, 'pvc').filter(name => !CLAIMS.includes(name));

  beforeAll(async () => {
    freshNamespace(NAMESPACE);
    apply(CLAIMS.map(name => claim(NAMESPACE, name)));
    await bound(NAMESPACE, ...CLAIMS);
    applyChart(NAMESPACE, chart => scheduleAndRestore(chart, 'db', SnapshotSource.fromStatefulSetName('db', { templates: ['data'], replicas: 2 })));
  });
  afterEach(() => {
    kubectl(['-n', NAMESPACE, 'delete', 'configmap', 'db-restore-request', '--ignore-not-found']);
    if (restored().length > 0) { kubectl(['-n', NAMESPACE, 'delete', 'pvc', ...restored()]); }
  });

  test('of a schedule that has taken nothing says so', async () => {
    const end = await restore();
    expect([end.exitCode, end.message]).toEqual([1, expect.stringContaining("schedule 'db-nightly' has no snapshot in this namespace")]);
    expect(await runJob(NAMESPACE, 'db-nightly')).toMatchObject({ succeeded: true });
  });

  test('gives a StatefulSet that is to come all of its claims, bound, as large as they were', async () => {
    request({ names: 'stateful-set/copy' });
    const end = await restore();
    expect(end).toMatchObject({ succeeded: true, message: expect.stringMatching(/^2 of 2 claims are restored \(the newest\) after (\d+m|(\d+m)?\d+s)/) });
    expect(restored()).toEqual(['data-copy-0', 'data-copy-1']);
    for (const name of restored()) {
      expect(getJson('-n', NAMESPACE, 'pvc', name)).toMatchObject({ status: { phase: 'Bound' }, spec: { resources: { requests: { storage: '100Mi' } } } });
    }
    expect(getJson('-n', NAMESPACE, 'events', '--field-selector=involvedObject.name=data-copy-1,reason=SnapshotRestored').items).toHaveLength(1);
  });

  test('leaves claims alone that are there, and makes none', async () => {
    request({ names: 'same' });
    const before = getJson('-n', NAMESPACE, 'pvc').items;
    const end = await restore();
    expect([end.exitCode, end.message]).toEqual([1, expect.stringContaining("claim 'data-db-0' exists and is not touched")]);
    expect(getJson('-n', NAMESPACE, 'pvc').items).toEqual(before);
  });

  test('that a quota stops halfway goes on when there is room', async () => {
    apply([{ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'claims', namespace: NAMESPACE }, spec: { hard: { persistentvolumeclaims: '3' } } }]);
    await eventually('the quota counts', 30, () => getJson('-n', NAMESPACE, 'resourcequota', 'claims').status.used?.persistentvolumeclaims === '2');
    const end = await restore();
    expect([end.exitCode, end.message]).toEqual([1, expect.stringContaining('exceeded quota')]);
    expect(restored()).toHaveLength(1);
    kubectl(['-n', NAMESPACE, 'delete', 'resourcequota', 'claims']);
    expect(await restore()).toMatchObject({ succeeded: true, message: expect.stringContaining('was there already from an earlier run of this restore') });
    expect(restored()).toHaveLength(2);
  });

  test('that is asked for nonsense makes nothing', async () => {
    request({ befor: '2026-02-09T02:00:00Z' });
    const end = await restore();
    expect([end.exitCode, end.message, restored()]).toEqual([1, expect.stringContaining("'befor' is no parameter, use snapshots, before, claims, only, names"), []]);
  });
});
