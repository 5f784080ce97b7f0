import { existsSync, readdirSync, readFileSync } from 'fs';
import { join } from 'path';
import { App, Chart, Cron, Duration } from 'cdk8s';
import { command, inDirectory, plan, planJson, yaml } from './command';
import { Quiesce, RetentionPolicy, ScheduledSnapshot, ScheduledSnapshotProps, SnapshotSource, VeleroHook, VeleroSchedule } from '../../src';
import { ClaimSelection } from '../../src/runner/config';
import { newChart } from '../manifests';

// a year of runs is simulated for each schedule
jest.setTimeout(60_000);

const EXAMPLES = join(__dirname, '..', '..', 'examples');
// each is for a cluster of its own
const examples = readdirSync(EXAMPLES).filter(name => existsSync(join(EXAMPLES, name, 'dist')));
const filesOf = (example: string) => readdirSync(join(EXAMPLES, example, 'dist')).sort().map(file => join(EXAMPLES, example, 'dist', file));

function nightly(props: Partial<ScheduledSnapshotProps> = {}, chart: Chart = newChart()): Chart {
  new ScheduledSnapshot(chart, 'Nightly', {
    metadata: { name: 'nightly' },
    source: SnapshotSource.fromClaimName('data'),
    schedule: Cron.schedule({ hour: '4', minute: '15' }),
    timeZone: 'Etc/UTC',
    ...props,
  });
  return chart;
}

const rowOf = (stdout: string, name: string) => stdout.split('\n').find(line => line.startsWith(name))!.split(/ {2,}/);

describe('the examples', () => {
  test('are planned, a row for each schedule', () => {
    const { code, stdout } = command('plan', ...['ceph-rbd', 'ebs-claim', 'postgres-longhorn'].flatMap(filesOf));
    expect(code).toBe(0);
    expect(rowOf(stdout, 'shop/postgres-daily').slice(0, 4)).toEqual(['shop/postgres-daily', '15 3 * * * Europe/Berlin', 'data-postgres-0', 'for 7d, at least 3']);
    expect(rowOf(stdout, 'web/uploads-six-hourly')[2]).toBe('uploads');
    expect(rowOf(stdout, 'wiki/wiki-hourly').slice(2, 5)).toEqual(['backup=hourly', 'last 48', '49']);
  });

  // one snapshot before a migration is no schedule, of which nothing is to be planned
  test.each(examples.filter(name => name !== 'before-migration'))('are as they should be: no risk is seen in %s', example => {
    expect(command('plan', '--strict', ...filesOf(example))).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('the table', () => {
  test('says what is kept, how far back it reaches, and what damage costs', () => {
    const { stdout } = plan([nightly({ retention: RetentionPolicy.of({ keepLast: 3, daily: 14, weekly: 8, minimumReady: 2 }) })]);
    const [, , , keeps, most, oldest, withinDay, withinWeek, withinMonth] = rowOf(stdout, 'db/nightly');
    expect(keeps).toBe('last 3, 14 daily, 8 weekly, at least 2');
    expect(Number(most)).toBeGreaterThan(14);
    expect(oldest).toMatch(/^4\dd/);
    expect([withinDay, withinWeek, withinMonth]).toEqual(['1d', '1d', '7d']);
  });

  test('says that all is lost if damage is older than every snapshot', () => {
    expect(rowOf(plan([nightly({ retention: RetentionPolicy.keepLast(3) })]).stdout, 'db/nightly').slice(6)).toEqual(['1d', 'all', 'all']);
  });

  test('looks a year back if a schedule does', () => {
    const long = plan([nightly({ retention: RetentionPolicy.sevenYears() })]).stdout;
    expect(rowOf(long, 'schedule').slice(-4)).toEqual(['lost 1d', '7d', '30d', '365d']);
    expect(rowOf(plan([nightly()]).stdout, 'schedule').slice(-3)).toEqual(['lost 1d', '7d', '30d']);
  });

  test('marks schedules that take nothing or prune nothing', () => {
    expect(plan([nightly({ suspend: true })]).stdout).toContain('db/nightly (suspended)');
    expect(plan([nightly({ dryRun: true })]).stdout).toContain('db/nightly (dry run)');
  });

  test('fits 120 columns, whatever it is of', () => {
    const chart = new Chart(new App(), 'a', { namespace: 'a-namespace-whose-name-is-as-long-as-that-of-a-namespace-may-be' });
    const names = Array.from({ length: 9 }, (_, i) => `data-of-a-database-with-a-name-that-is-much-too-long-${i}`);
    nightly({
      metadata: { name: 'a-schedule-with-a-name-of-fifty-two-characters-is-ok' },
      source: SnapshotSource.fromSelector(Object.fromEntries(names.map(name => [name, 'yes']))),
      schedule: Cron.schedule({ minute: '0,5,10,15,20,25,30,35,40,45,50,55', hour: '1,2,3,4,5,6,7,8,9,10' }),
      timeZone: 'America/Argentina/Buenos_Aires',
      retention: RetentionPolicy.of({ keepLast: 10, keepFor: Duration.hours(25), hourly: 24, daily: 7, weekly: 5, monthly: 12, yearly: 7 }),
    }, chart);
    const { stdout } = plan([chart, nightly({ source: SnapshotSource.fromStatefulSetName('postgres', { templates: ['data'], replicas: 30 }) })]);
    expect(Math.max(...stdout.split('\n').map(line => line.length))).toBeLessThanOrEqual(120);
    expect(stdout).toContain('data-postgres-1 and 28');
  });

  test('shows names that would command the terminal as what they are', () => {
    const { stdout } = plan([yaml({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'a\u001b[2Jb\r\n::error::c', namespace: 'db' } }), nightly()]);
    expect(stdout).not.toMatch(/[^\P{C}\n]/u);
    expect(stdout).not.toMatch(/^::/m);
    expect(stdout).toContain('PersistentVolumeClaim db/a\ufffd[2Jb');
  });

  test('is not there without a schedule', () => {
    expect(plan([''])).toEqual({ code: 0, stdout: 'No schedule in 1 file.\n\nReview: nothing to say\n', stderr: '' });
  });
});

test('JSON says the same to programs', () => {
  const { schedules, review } = planJson([nightly({ suspend: true, retention: RetentionPolicy.keepLast(3) })]);
  const claims: ClaimSelection[] = [{ kind: 'Claim', name: 'data' }];
  expect(schedules).toEqual([expect.objectContaining({
    namespace: 'db',
    name: 'nightly',
    schedule: '15 4 * * *',
    timeZone: 'Etc/UTC',
    suspended: true,
    dryRun: false,
    claims,
    mostSnapshots: 4,
    fewestSnapshots: 3,
    oldestRestorePointSeconds: 2 * 86_400,
    restorePointAgesSeconds: [0, 86_400, 172_800],
    worstCaseLoss: expect.arrayContaining([{ noticedWithinSeconds: 86_400, lossSeconds: 86_400 }]),
  })]);
  expect(review).toContainEqual({
    severity: 'risk', object: 'CronJob db/nightly', problem: 'is suspended: no snapshot is taken, and none is pruned', remedy: 'take suspend away, or delete the schedule',
  });
});

describe('exit codes', () => {
  const risky = nightly({ suspend: true });

  test('0, whatever the review says, and with --strict if it says no risk', () => {
    expect(plan([risky])).toMatchObject({ code: 0, stderr: '' });
    expect(plan([yaml({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'a', namespace: 'b' } })])).toMatchObject({ code: 0 });
  });

  test('1 with --strict if nothing is about snapshots: the path of the files is wrong, and would stay so', () => {
    const claim = yaml({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'a', namespace: 'b' } });
    expect(plan([claim], '--strict')).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing in the files is about snapshots') });
  });

  test('1 with --strict if there is Velero alone, which is not looked at, although its hooks have our name in them', () => {
    const chart = newChart();
    const quiesce = Quiesce.redis();
    new VeleroSchedule(chart, 'OffSite', { schedule: Cron.daily(), hooks: [VeleroHook.fromQuiesce(quiesce, { podLabels: { app: 'redis' } })] });
    const pod = yaml({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'redis', annotations: VeleroHook.annotationsFor(quiesce) } });
    expect(plan([chart, pod], '--strict')).toMatchObject({ code: 1, stderr: expect.stringContaining('Objects of Velero are not looked at.') });
  });

  test('1 with --strict if there is a risk; what it is is printed all the same', () => {
    expect(plan([risky], '--strict')).toMatchObject({ code: 1, stderr: '', stdout: expect.stringContaining('risk  CronJob db/nightly: is suspended') });
    expect(plan([risky], '--strict', '--json').code).toBe(1);
  });

  test('2 for what the user can mend, and nothing on stdout', () => {
    expect(command('plan')).toEqual({ code: 2, stdout: '', stderr: 'cdk8s-volume-snapshots: no file is given; write cdk8s-volume-snapshots plan dist/*.yaml, or --help\n' });
    expect(plan(['a: "b'])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^cdk8s-volume-snapshots: .*0\.yaml: is not YAML \(/) });
    inDirectory(directory => {
      const file = join(directory, 'no', 'such', 'plan.svg');
      expect(plan([nightly()], '--svg', file)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(`--svg ${file}: cannot be written`) });
    });
  });

  test('0 for help, which names each option', () => {
    const { code, stdout } = command('--help');
    expect(code).toBe(0);
    for (const option of ['--svg', '--json', '--strict', '--help']) { expect(stdout).toContain(option); }
    expect(Math.max(...stdout.split('\n').map(line => line.length))).toBeLessThanOrEqual(150);
  });
});

test('the same files give the same bytes, on any day', () => {
  const contents = [nightly(), readFileSync(filesOf(examples[0])[0], 'utf8')];
  const seen = () => inDirectory(directory => {
    const svg = join(directory, 'plan.svg');
    return { ...plan(contents, '--svg', svg), svg: readFileSync(svg, 'utf8') };
  });
  const first = seen();
  jest.useFakeTimers({ now: Date.UTC(2040, 5, 1) });
  try {
    expect(seen()).toEqual(first);
  } finally {
    jest.useRealTimers();
  }
});
