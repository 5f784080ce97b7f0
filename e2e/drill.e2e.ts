import { ApiObject, Cron, Duration } from 'cdk8s';
import { apply, applyChart, DRIVER, eventually, freshNamespace, getJson, kubectl, names, runJob, STORAGE_CLASS, WAITING_STORAGE_CLASS } from './cluster';
import { databaseSet, MARIADB, POSTGRES, shell } from './databases';
import { CsiDriver, DeletionPolicy, DrillCheck, Quiesce, RestoreDrill, RestoreDrillProps, ScheduledSnapshot, SnapshotClass, SnapshotSource } from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-drill';
const DRILL = 'cdk8s-volume-snapshots/drill';

/** A database of one replica, its schedule, and a drill of it. */
async function database(
  name: string, container: object, drill: Pick<RestoreDrillProps, 'check'>,
  { mountPath = '/data', quiesce, storageClassName = STORAGE_CLASS }: { mountPath?: string; quiesce?: Quiesce; storageClassName?: string } = {},
): Promise<void> {
  const statefulSet = databaseSet(NAMESPACE, name, container, { mountPath, storageClassName });
  apply([statefulSet]);
  kubectl(['-n', NAMESPACE, 'rollout', 'status', `statefulset/${name}`, '--timeout=120s']);
  applyChart(NAMESPACE, chart => {
    const workload = new ApiObject(chart, 'Workload', statefulSet);
    const schedule = new ScheduledSnapshot(chart, 'Schedule', {
      metadata: { name: `${name}-nightly` },
      source: SnapshotSource.fromStatefulSet(workload),
      snapshotClass: new SnapshotClass(chart, 'Class', { metadata: { name: `e2e-drill-${name}` }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.DELETE }),
      schedule: Cron.schedule({ hour: '3', minute: '15' }),
      suspend: true,
      quiesce,
    });
    new RestoreDrill(chart, 'Drill', { metadata: { name: `${name}-drill` }, schedule, workload, suspend: true, timeout: Duration.minutes(3), ...drill });
  });
}

const snapshots = (name: string) => getJson('-n', NAMESPACE, 'volumesnapshots', '-l', `cdk8s-volume-snapshots/schedule=${name}-nightly`, '--sort-by=.status.creationTime').items;
const verified = (name: string) => snapshots(name).map(({ metadata }: any) => metadata.labels['cdk8s-volume-snapshots/verified']);
const leftOver = () => ['pods', 'pvc'].flatMap(kind => names('-n', NAMESPACE, kind, '-l', DRILL));
const events = (claimName: string, reason: string) => getJson('-n', NAMESPACE, 'events', '--field-selector', `involvedObject.name=${claimName},reason=${reason}`).items;

beforeAll(() => { freshNamespace(NAMESPACE); });
afterEach(() => expect(leftOver()).toEqual([]));

describe('a drill of PostgreSQL', () => {
  const sql = (statement: string) => shell(NAMESPACE, 'postgres-0', `psql -U postgres -qtAc "${statement}"`);

  beforeAll(async () => {
    await database('postgres', POSTGRES, { check: DrillCheck.postgreSql({ query: 'SELECT count(*) FROM orders', atLeast: 1000 }) }, { storageClassName: WAITING_STORAGE_CLASS });
    await eventually('the database answers', 60, () => sql('SELECT 1') === '1');
  });

  test('over a schedule that has taken nothing fails', async () => {
    const end = await runJob(NAMESPACE, 'postgres-drill');
    expect([end.exitCode, end.message]).toEqual([1, expect.stringContaining("schedule 'postgres-nightly' has no snapshot in this namespace")]);
  });

  test('passes, measures the recovery, marks the snapshot, and says so on the claim', async () => {
    sql('CREATE TABLE orders AS SELECT generate_series(1, 10000) AS id');
    expect(await runJob(NAMESPACE, 'postgres-nightly')).toMatchObject({ succeeded: true });
    const end = await runJob(NAMESPACE, 'postgres-drill', 240);
    expect(end).toMatchObject({ succeeded: true, message: expect.stringMatching(/^the drill passed: 'data-postgres-0-manual-.*' \(crash-consistent, .* old\) restored, started and checked in (\d+m|(\d+m)?\d+s): the query gave 10000/) });
    expect(verified('postgres')).toEqual(['true']);
    expect(Number(snapshots('postgres')[0].metadata.annotations['cdk8s-volume-snapshots/recovery-seconds'])).toBeGreaterThan(0);
    expect(events('data-postgres-0', 'RestoreDrillPassed')).toHaveLength(1);
  });

  test('catches a table that is gone, and the next day takes the newest anew', async () => {
    sql('TRUNCATE orders');
    expect(await runJob(NAMESPACE, 'postgres-nightly')).toMatchObject({ succeeded: true });
    const end = await runJob(NAMESPACE, 'postgres-drill', 240);
    expect([end.exitCode, end.message]).toEqual([1, expect.stringContaining('the check ended with 1: it gave 0, and must give at least 1000')]);
    expect(verified('postgres')).toEqual(['true', 'false']);
    expect(events('data-postgres-0', 'RestoreDrillFailed')).toHaveLength(1);
  });

  test('catches a damaged database, which does not start', async () => {
    shell(NAMESPACE, 'postgres-0', 'sync; echo damaged > /data/pg/global/pg_control');
    expect(await runJob(NAMESPACE, 'postgres-nightly')).toMatchObject({ succeeded: true });
    const end = await runJob(NAMESPACE, 'postgres-drill', 240);
    expect([end.exitCode, end.message]).toEqual([1, expect.stringMatching(/the server did not stay: it ended with \d+: .*pg_control|the server did not stay/)]);
    expect(verified('postgres')).toEqual(['true', 'false', 'false']);
  });
});

test('MariaDB is started and asked, and what was held for it is said to be consistent', async () => {
  const check = DrillCheck.mariaDb({ query: 'SELECT COUNT(*) FROM shop.orders', atLeast: 2, atMost: 2 });
  await database('mariadb', MARIADB, { check }, { mountPath: '/var/lib/mysql', quiesce: Quiesce.mariaDb() });
  const sql = (statement: string) => shell(NAMESPACE, 'mariadb-0', 'MYSQL_PWD="$MARIADB_ROOT_PASSWORD" mariadb -N -B -u root', statement);
  await eventually('the database answers', 60, () => sql('CREATE TABLE IF NOT EXISTS shop.orders (id INT PRIMARY KEY) ENGINE=InnoDB; SELECT 1').includes('1'));
  sql('INSERT INTO shop.orders VALUES (1), (2)');
  expect(await runJob(NAMESPACE, 'mariadb-nightly')).toMatchObject({ succeeded: true });
  const end = await runJob(NAMESPACE, 'mariadb-drill', 240);
  expect(end).toMatchObject({ succeeded: true, message: expect.stringMatching(/\(application-consistent, .*: the query gave 2/) });
});

test('Redis is started and asked', async () => {
  await database('redis', { image: 'redis:7' }, { check: DrillCheck.redis({ atLeast: 3 }) }, { quiesce: Quiesce.redis() });
  await eventually('the server answers', 60, () => shell(NAMESPACE, 'redis-0', 'redis-cli MSET a 1 b 2 c 3') === 'OK');
  expect(await runJob(NAMESPACE, 'redis-nightly')).toMatchObject({ succeeded: true });
  expect(await runJob(NAMESPACE, 'redis-drill', 240)).toMatchObject({ succeeded: true, message: expect.stringContaining('the answer was 3') });
});
