import { Chart, Cron, Size } from 'cdk8s';
import { applyChart, DRIVER, eventually, freshNamespace, getJson, kubectl, runJob, STORAGE_CLASS } from './cluster';
import { POSTGRES, shell, shellInBackground, startPod } from './databases';
import {
  CsiDriver, DeletionPolicy, Quiesce, RestoredPvc, ScheduledSnapshot, SnapshotClass, SnapshotRef, SnapshotSource,
} from 'cdk8s-volume-snapshots';

/*
 * Databases that are written to all the time, snapshotted by their presets, and started again on what was restored.
 */
const NAMESPACE = 'e2e-quiesced-restores';
const KEY = 'cdk8s-volume-snapshots';

beforeAll(() => { freshNamespace(NAMESPACE); });

/** One run of a schedule of some claims; returns what it made, by claim. */
async function snapshot(name: string, quiesce: Quiesce, ...claims: string[]): Promise<Map<string, any>> {
  applyChart(NAMESPACE, (chart: Chart) => {
    const [source, ...more] = claims.map(each => SnapshotSource.fromClaimName(each));
    const made = new ScheduledSnapshot(chart, 'Schedule', {
      metadata: { name },
      source,
      snapshotClass: new SnapshotClass(chart, 'Class', { metadata: { name: `e2e-restores-${name}` }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.DELETE }),
      schedule: Cron.schedule({ minute: '15', hour: '4' }),
      suspend: true,
      quiesce,
    });
    more.forEach(each => made.addSource(each));
  });
  expect(await runJob(NAMESPACE, name)).toMatchObject({ succeeded: true, message: expect.stringContaining('application-consistent') });
  const items: any[] = getJson('-n', NAMESPACE, 'volumesnapshots', '-l', `${KEY}/schedule=${name}`).items;
  return new Map(items.map(item => [item.spec.source.persistentVolumeClaimName, item]));
}

function restore(snapshots: Map<string, any>): void {
  applyChart(NAMESPACE, chart => snapshots.forEach((each, claim) => new RestoredPvc(chart, claim, {
    metadata: { name: `${claim}-restored` }, snapshot: SnapshotRef.fromName(each.metadata.name), size: Size.mebibytes(500), storageClassName: STORAGE_CLASS,
  })));
}

const psql = (pod: string, statement: string) => shell(NAMESPACE, pod, 'psql -U postgres -qtA', statement);

/** Writes a pair of rows in each transaction, for ever. */
const WRITER = `CREATE TABLE debit (n BIGSERIAL PRIMARY KEY, at TIMESTAMPTZ NOT NULL);
CREATE TABLE credit (n BIGINT PRIMARY KEY REFERENCES debit);
CREATE PROCEDURE write_on() LANGUAGE plpgsql AS $$ DECLARE last BIGINT; BEGIN LOOP
  INSERT INTO debit (at) VALUES (clock_timestamp()) RETURNING n INTO last;
  INSERT INTO credit VALUES (last);
  COMMIT;
END LOOP; END $$`;
const INVARIANT = 'SELECT (SELECT count(*) FROM debit) - (SELECT count(*) FROM credit), (SELECT count(*) FROM debit), (SELECT extract(epoch FROM max(at)) FROM debit)';

async function startWriting(pod: string): Promise<void> {
  // the server that the image starts for its set-up is no answer
  await eventually('the database answers', 90, () => psql(pod, 'SELECT 1') === '1' && shell(NAMESPACE, pod, 'cat /proc/1/comm') === 'postgres');
  psql(pod, WRITER);
  shellInBackground(NAMESPACE, pod, 'psql -U postgres -c "CALL write_on()"');
  await eventually('there are rows', 30, () => Number(psql(pod, 'SELECT count(*) FROM debit')) > 3000);
}

test('PostgreSQL on one volume: the restored database has all that was committed before the cut, and no half of anything', async () => {
  await startPod({ namespace: NAMESPACE, name: 'pg', container: POSTGRES, volumes: { pg: '/data' } });
  await startWriting('pg');
  const before = Number(psql('pg', 'SELECT extract(epoch FROM max(at)) FROM debit'));
  restore(await snapshot('pg', Quiesce.postgreSql(), 'pg'));
  await startPod({ namespace: NAMESPACE, name: 'pg-again', container: POSTGRES, volumes: { 'pg-restored': '/data' } });
  const [difference, rows, last] = (await eventually('the restored database answers', 90, () => psql('pg-again', INVARIANT))).split('|').map(Number);
  expect(difference).toBe(0);
  expect(rows).toBeGreaterThan(3000);
  expect(last).toBeGreaterThanOrEqual(before);
});

test('PostgreSQL on two volumes, in backup mode: with the label that the snapshots keep, and the archive, the restored database is whole', async () => {
  const volumes = { 'pg-data': '/data', 'pg-wal': '/wal', 'pg-archive': '/archive' };
  const asPostgres = 'setpriv --reuid=postgres --regid=postgres --clear-groups';
  const archive = '-c archive_mode=on -c archive_timeout=5s -c "archive_command=test ! -f /archive/%f && cp %p /archive/%f"';
  const start = (prepare: string, settings: string) => ({
    image: POSTGRES.image,
    command: ['sh', '-c', `mkdir -p /run/postgresql; chown postgres /run/postgresql /data /wal /archive\n${prepare}\nexec ${asPostgres} postgres -D /data/pg ${settings}`],
  });
  await startPod({
    namespace: NAMESPACE, name: 'pg-two', volumes, container: start(`[ -e /data/pg ] || ${asPostgres} initdb -D /data/pg -X /wal/pg -A trust`, archive),
  });
  await startWriting('pg-two');
  const before = Number(psql('pg-two', 'SELECT extract(epoch FROM max(at)) FROM debit'));

  const snapshots = await snapshot('pg-two', Quiesce.postgreSqlBackupMode(), 'pg-data', 'pg-wal');
  const labels = [...snapshots.values()].map(({ metadata }) => metadata.annotations[`${KEY}/postgresql-backup-label`]);
  expect(labels[0]).toMatch(/^START WAL LOCATION: [^]*BACKUP METHOD: streamed/);
  expect(labels[1]).toBe(labels[0]);

  restore(snapshots);
  // as the documentation says: the label, the command that fetches the archived log, and the sign to recover
  await startPod({
    namespace: NAMESPACE,
    name: 'pg-two-again',
    volumes: { 'pg-data-restored': '/data', 'pg-wal-restored': '/wal', 'pg-archive': '/archive' },
    container: start(`cat > /data/pg/backup_label <<'LABEL'
${labels[0]}LABEL
rm -f /data/pg/postmaster.pid; touch /data/pg/recovery.signal; chown postgres /data/pg/backup_label /data/pg/recovery.signal`, '-c "restore_command=cp /archive/%f %p"'),
  });
  await eventually('the restored database has come to the end of its recovery', 120, () => psql('pg-two-again', 'SELECT pg_is_in_recovery()') === 'f');
  const [difference, , last] = psql('pg-two-again', INVARIANT).split('|').map(Number);
  expect(difference).toBe(0);
  expect(last).toBeGreaterThanOrEqual(before);
});

test('PostgreSQL does not notice that it is held: no process of the script is left to it, which it would take for a crash of its own', async () => {
  const restarts = () => Number(shell(NAMESPACE, 'pg', 'psql -U postgres -qtAc "SELECT extract(epoch FROM pg_postmaster_start_time())"'));
  const since = restarts();
  const schedule = (name: string, quiesce: Quiesce) => applyChart(NAMESPACE, (chart: Chart) => new ScheduledSnapshot(chart, 'Schedule', {
    metadata: { name },
    source: SnapshotSource.fromClaimName('pg'),
    snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Class', 'e2e-restores-pg'),
    schedule: Cron.schedule({ minute: '15', hour: '4' }),
    suspend: true,
    quiesce,
  }));
  schedule('unnoticed', Quiesce.postgreSql());
  schedule('unknown', Quiesce.postgreSql({ user: 'nobody', attempts: 1 }));
  schedule('command', Quiesce.custom({ quiesce: ':', release: ':', attempts: 1 }));
  for (let round = 0; round < 4; round += 1) {
    expect(await runJob(NAMESPACE, 'unnoticed')).toMatchObject({ succeeded: true });
    expect(await runJob(NAMESPACE, 'unknown')).toMatchObject({ succeeded: false, message: expect.stringContaining('role "nobody" does not exist') });
    expect(await runJob(NAMESPACE, 'command')).toMatchObject({ succeeded: true });
  }
  expect(kubectl(['-n', NAMESPACE, 'logs', 'pg'])).not.toMatch(/terminated by signal|crash of another server process|terminating any other/);
  expect(restarts()).toBe(since);
  // nor are any left that nobody has waited for
  expect(shell(NAMESPACE, 'pg', 'grep -l "^State:.Z" /proc/[0-9]*/status 2>/dev/null || true')).toBe('');
});

test('PostgreSQL without an archive is not put into backup mode, and the message says what is missing', async () => {
  applyChart(NAMESPACE, (chart: Chart) => new ScheduledSnapshot(chart, 'Schedule', {
    metadata: { name: 'no-archive' },
    source: SnapshotSource.fromClaimName('pg'),
    snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Class', 'e2e-restores-pg'),
    schedule: Cron.schedule({ minute: '15', hour: '4' }),
    suspend: true,
    quiesce: Quiesce.postgreSqlBackupMode({ attempts: 1 }),
  }));
  expect(await runJob(NAMESPACE, 'no-archive')).toMatchObject({ succeeded: false, message: expect.stringContaining('archive_mode is off') });
});

test('Redis with a large set, written to all the time: the restored one has the set, and both halves of each transaction', async () => {
  await startPod({ namespace: NAMESPACE, name: 'redis', container: { image: 'redis:7' }, volumes: { redis: '/data' } });
  await eventually('redis answers', 60, () => shell(NAMESPACE, 'redis', 'redis-cli PING') === 'PONG');
  shell(NAMESPACE, 'redis', 'redis-cli EVAL "for i = 1, 300000 do redis.call(\'SET\', \'key:\' .. i, string.rep(\'x\', 64)) end" 0');
  shellInBackground(NAMESPACE, 'redis', 'while true; do printf "MULTI\\nINCR debit\\nINCR credit\\nEXEC\\n"; done | redis-cli');
  await eventually('it is written to', 30, () => Number(shell(NAMESPACE, 'redis', 'redis-cli GET debit')) > 1000);
  const before = Number(shell(NAMESPACE, 'redis', 'redis-cli GET debit'));
  restore(await snapshot('redis', Quiesce.redis(), 'redis'));
  await startPod({ namespace: NAMESPACE, name: 'redis-again', container: { image: 'redis:7' }, volumes: { 'redis-restored': '/data' } });
  await eventually('the restored one answers', 60, () => shell(NAMESPACE, 'redis-again', 'redis-cli PING') === 'PONG');
  const [size, debit, credit] = shell(NAMESPACE, 'redis-again', 'redis-cli DBSIZE; redis-cli GET debit; redis-cli GET credit').split('\n').map(Number);
  expect(size).toBe(300_002);
  expect(debit).toBe(credit);
  expect(debit).toBeGreaterThanOrEqual(before);
});
