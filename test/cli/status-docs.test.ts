import { readFileSync, writeFileSync } from 'fs';
import { join } from 'path';
import { ApiObject, Cron } from 'cdk8s';
import { ago, claim, cronJobs, DAYS, HOURS, run, snapshot, statusOf } from './cluster';
import { command } from './command';
import { DrillCheck, RestoreDrill, ScheduledSnapshot, SnapshotRestore, SnapshotSource } from '../../src';

const PAGE = join(__dirname, '..', '..', 'docs', 'status.md');
// the first block of the page that is no code
const OUTPUT = /(?<=```text\n)[^]*?(?=\n```)/;
const KEY = 'cdk8s-volume-snapshots/';

/** A morning after a night in which the storage was full, with what else happens. */
function sample(): any[] {
  const failed = { lastScheduleTime: ago(10 * HOURS - 15), lastSuccessfulTime: ago(34 * HOURS - 16) };
  const jobs = cronJobs(chart => {
    const container = { name: 'postgres', image: 'postgres:15', volumeMounts: [{ name: 'data', mountPath: '/var/lib/postgresql/data' }] };
    const workload = new ApiObject(chart, 'Postgres', {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'postgres' },
      spec: { replicas: 1, template: { spec: { containers: [container] } }, volumeClaimTemplates: [{ metadata: { name: 'data' } }] },
    });
    const schedule = new ScheduledSnapshot(chart, 'Nightly', {
      metadata: { name: 'postgres-nightly' }, source: SnapshotSource.fromStatefulSet(workload), schedule: Cron.schedule({ hour: '2', minute: '15' }),
    });
    new SnapshotRestore(chart, 'Restore', { metadata: { name: 'postgres-restore' }, schedule });
    new RestoreDrill(chart, 'Drill', { metadata: { name: 'postgres-drill' }, schedule, workload, check: DrillCheck.postgreSql({ query: 'SELECT 1', atLeast: 1 }) });
    new ScheduledSnapshot(chart, 'Uploads', {
      metadata: { name: 'uploads' }, source: SnapshotSource.fromClaimName('uploads'), schedule: Cron.schedule({ minute: '40' }), suspend: true,
    });
  }, { 'postgres-nightly': failed, 'postgres-drill': { lastScheduleTime: ago(DAYS + 380), lastSuccessfulTime: ago(DAYS + 376) }, 'uploads': { lastSuccessfulTime: ago(9 * DAYS) } });

  const nightly = (day: string, hash: string, age: number, labels: object = {}, annotations: object = {}, status?: object) => snapshot(`data-postgres-0-${day}-021500-${hash}`, 'data-postgres-0', {
    age: age - 15, schedule: 'postgres-nightly', labels: { [`${KEY}consistency`]: 'application', ...labels }, annotations, status,
  });
  return [
    ...jobs,
    claim('data-postgres-0'), claim('uploads'),
    nightly('20260209', '3c9a1f07', 10 * HOURS, { [`${KEY}consistency`]: 'crash' }, {}, { readyToUse: false, error: { message: 'failed to take snapshot: pool is full' } }),
    nightly('20260208', '8e21d4b5', 34 * HOURS, { [`${KEY}verified`]: 'true' }, { [`${KEY}verified-at`]: ago(DAYS + 376), [`${KEY}recovery-seconds`]: '134' }),
    ...['20260207', '20260206', '20260205', '20260204', '20260203'].map((day, index) => nightly(day, `5f3a9c1${index}`, (58 + 24 * index) * HOURS)),
    nightly('20260201', 'ed24338f', 202 * HOURS, { [`${KEY}hold`]: 'before-version-15' }),
    snapshot('uploads-20260131-114000-77d0e2aa', 'uploads', { age: 9 * DAYS + 20, schedule: 'uploads' }),
    snapshot('velero-uploads-x7k2p', 'uploads', { age: 5 * HOURS }),
    run('postgres-nightly', 'postgres-nightly-29510055-7xk2p', 3 * HOURS + 44, 1, 'FAILED data-postgres-0: snapshot is not ready after 6h: the storage says: failed to take snapshot: pool is full; 0 pruned; 7 kept, 1 of them held'),
    run('postgres-drill', 'postgres-drill-29508820-k9d4w', DAYS + 376, 0, 'the drill passed'),
  ];
}

test('the page shows what the command prints: UPDATE_DOCS=1 writes it anew', async () => {
  const { stdout } = await statusOf(sample());
  const page = readFileSync(PAGE, 'utf8');
  if (process.env.UPDATE_DOCS) { writeFileSync(PAGE, page.replace(OUTPUT, () => stdout.trimEnd())); }
  expect(OUTPUT.exec(readFileSync(PAGE, 'utf8'))?.[0]).toBe(stdout.trimEnd());
});

test('the page names each option, and no other', () => {
  const options = (text: string) => [...new Set(text.match(/--[a-z][a-z-]*/g))].sort();
  const [, table = ''] = /^## Options and exit codes\n([^]*?)^## /m.exec(readFileSync(PAGE, 'utf8')) ?? [];
  expect(options(table)).toEqual(options(command('status', '--help').stdout));
});
