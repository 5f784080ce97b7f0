import { Chart, Cron, Duration } from 'cdk8s';
import { apply, applyChart, bound, claim, DRIVER, freshNamespace, getJson, kubectl, names, runJob, sleep } from '../cluster';
import { shell, WritingMariaDb } from '../databases';
import { cutTimes, eventuallyDeleted, kill, repair, restartControllers, withRequestsPerSecond } from './knobs';
import { connection, OutsideRun, outsideRuns } from './outside';
import { Proxy } from './proxy';
import { CsiDriver, DeletionPolicy, Quiesce, ScheduledSnapshot, ScheduledSnapshotProps, SnapshotClass, SnapshotSource } from 'cdk8s-volume-snapshots';

/*
 * Every way in which a run can end while it holds an application. The database itself says
 * when it wrote; the storage itself says when it cut.
 */
const NAMESPACE = 'e2e-deaths';
const LABEL = 'cdk8s-volume-snapshots/consistency';
const database = new WritingMariaDb(NAMESPACE, 'db');
/** A third of it may be waited for a lock. */
const MAX_HOLD = Duration.seconds(6);

beforeAll(async () => {
  freshNamespace(NAMESPACE);
  await database.start();
});

afterEach(async () => {
  repair();
  kubectl(['-n', NAMESPACE, 'delete', 'volumesnapshots', '--all', '--wait=false']);
  // controllers that still clear up after one test would be too late for the holds of the next
  const areGone = () => eventuallyDeleted('the snapshots of this test are gone', 30, () => names('-n', NAMESPACE, 'volumesnapshots').length === 0);
  await areGone().catch(async () => {
    // a controller that lost the API server in the midst of a request may wait for its answer for ever
    restartControllers();
    await areGone();
  });
}, 400_000);

function schedule(name: string, parameters: { [name: string]: string }, props: Partial<ScheduledSnapshotProps> = {}): void {
  applyChart(NAMESPACE, (chart: Chart) => new ScheduledSnapshot(chart, 'Schedule', {
    metadata: { name },
    source: SnapshotSource.fromClaimName('db'),
    snapshotClass: new SnapshotClass(chart, 'Class', {
      metadata: { name: `e2e-deaths-${name}` }, driver: CsiDriver.of(DRIVER, { parameters }), deletionPolicy: DeletionPolicy.DELETE,
    }),
    schedule: Cron.schedule({ minute: '15', hour: '4' }),
    suspend: true,
    readyTimeout: Duration.seconds(60),
    // what is left of one death must not keep the next from being tried
    maxNotReady: 1000,
    quiesce: Quiesce.mariaDb({ maxHold: MAX_HOLD }),
    ...props,
  }));
}

const called = () => getJson('-n', NAMESPACE, 'volumesnapshots').items.filter((snapshot: any) => snapshot.metadata.labels[LABEL] === 'application');

/** Whatever is called application-consistent was cut while the database wrote nothing. */
function requireHonest(since: number): void {
  const pauses = database.pauses(since, 15);
  const cuts = cutTimes(NAMESPACE);
  for (const { metadata } of called()) {
    const cut = cuts.get(metadata.uid) as number;
    const cutWhileHeld = pauses.some(({ from, to }) => from - 5 <= cut && cut <= to + 5);
    expect({ snapshot: metadata.name, cutWhileHeld }).toEqual({ snapshot: metadata.name, cutWhileHeld: true });
  }
}

/** Each death at its moment after `since`, of a run that has just begun; `undo` before the run is waited for. */
async function die(
  begin: () => OutsideRun, since: () => Promise<void>, moments: number[], strike: (run: OutsideRun) => unknown, undo?: (run: OutsideRun) => unknown,
) {
  const began = Date.now();
  const deaths: { at: number; next: number }[] = [];
  for (const moment of moments) {
    const run = begin();
    await since();
    await sleep(moment);
    const at = Date.now();
    await strike(run);
    await database.writesAgain(at, 30);
    await undo?.(run);
    await run.end;
    await sleep(300);
    deaths.push({ at, next: Date.now() });
  }
  await database.writesAgain(Date.now());
  const pauses = database.pauses(began, 30);
  // from the death, or from the lock that was taken after it
  const releases = deaths.flatMap(({ at, next }) => pauses.filter(({ from, to }) => to > at && from < next)
    .map(({ from, to }) => to - Math.max(at, from)));
  const whileHeld = deaths.filter(({ at }) => pauses.some(({ from, to }) => from <= at && at <= to)).length;
  const most = (milliseconds: number[]) => Math.round(Math.max(0, ...milliseconds));
  return { tried: deaths.length, whileHeld, worst: most(releases), longest: most(pauses.map(({ from, to }) => to - from)), began };
}

const start = async () => undefined;
/** On a busy machine a lock may be had late, or in the second attempt. */
const hold = () => database.isHeld();

function spread(from: number, to: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => Math.round(from + index * (to - from) / (count - 1)));
}

function tell(what: string, { tried, whileHeld, worst, longest }: Awaited<ReturnType<typeof die>>): void {
  console.log(`${what}: ${tried} deaths, ${whileHeld} of them while the database was held; it wrote again after ${worst} ms at worst, and waited for ${longest} ms at most`);
}

test('the runner is killed', async () => {
  schedule('killed', { cutDelay: '1s' });
  const begin = outsideRuns(NAMESPACE, 'killed');
  const result = await die(begin, start, spread(150, 2200, 40), run => run.process.kill('SIGKILL'));
  tell('SIGKILL', result);
  expect(result.whileHeld).toBeGreaterThan(10);
  // by the end of its input, long before its timer
  expect(result.worst).toBeLessThan(2000);
  requireHonest(result.began);
});

test('the node of the runner is gone without a word: the timer in the container lets go', async () => {
  schedule('frozen', { cutDelay: '10s' });
  const result = await die(outsideRuns(NAMESPACE, 'frozen'), hold, [0, 1000], run => run.process.kill('SIGSTOP'), run => run.process.kill('SIGKILL'));
  tell('SIGSTOP', result);
  expect(result.whileHeld).toBe(2);
  expect(result.longest).toBeLessThan(MAX_HOLD.toMilliseconds() + 1000);
  requireHonest(result.began);
});

test('a runner that was away for longer than the hold calls nothing consistent', async () => {
  schedule('late', { cutDelay: '3s' });
  const run = outsideRuns(NAMESPACE, 'late')();
  await database.isHeld();
  run.process.kill('SIGSTOP');
  await sleep(8000);
  run.process.kill('SIGCONT');
  const end = await run.end;
  expect(end.message).toMatch(/application-consistent|crash-consistent only/);
  const [first] = getJson('-n', NAMESPACE, 'volumesnapshots').items.sort((a: any, b: any) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1));
  expect(first.metadata.labels[LABEL]).toBe('crash');
});

describe('with a network between', () => {
  const PORT = 46443;
  let proxy: Proxy;
  beforeAll(() => {
    const { server } = connection();
    proxy = new Proxy(server.hostname, Number(server.port || 443), PORT);
  });
  afterAll(() => proxy.close());

  test('the connection breaks off', async () => {
    schedule('cut', { cutDelay: '1s' });
    const result = await die(outsideRuns(NAMESPACE, 'cut', PORT), start, spread(300, 2100, 12), () => proxy.cut());
    tell('connection cut', result);
    expect(result.whileHeld).toBeGreaterThan(3);
    expect(result.longest).toBeLessThan(MAX_HOLD.toMilliseconds() + 1000);
    requireHonest(result.began);
  });

  test('the network swallows everything', async () => {
    schedule('silent', { cutDelay: '4s' });
    const result = await die(outsideRuns(NAMESPACE, 'silent', PORT), hold, [0, 500], () => proxy.silence(true), run => {
      proxy.silence(false);
      run.process.kill('SIGKILL');
    });
    tell('network gone', result);
    expect(result.whileHeld).toBe(2);
    expect(result.longest).toBeLessThan(MAX_HOLD.toMilliseconds() + 1000);
    requireHonest(result.began);
  });
});

test('the API server is stopped', async () => {
  schedule('no-server', { cutDelay: '3s' });
  const held = [];
  const began = Date.now();
  for (const moment of [0, 800]) {
    const run = outsideRuns(NAMESPACE, 'no-server')();
    await database.isHeld();
    await sleep(moment);
    const at = Date.now();
    kill('kube-apiserver');
    await sleep(5500);
    repair();
    await run.end;
    held.push(...database.pauses(at - 3000, 30).filter(({ from, to }) => from <= at && to >= at)
      .map(({ from, to }) => ({ waited: to - from, worst: to - at })));
  }
  requireHonest(began);
  restartControllers();
  console.log(`API server stopped: ${held.length} deaths while the database was held; it wrote again after ${Math.round(Math.max(...held.map(({ worst }) => worst)))} ms at worst`);
  expect(held.length).toBe(2);
  held.forEach(({ waited }) => expect(waited).toBeLessThan(MAX_HOLD.toMilliseconds() + 1000));
});

/** When it was held until its time was nearly up; to wait for a lock in vain takes less. */
const heldSince = (moment: number) => database.pauses(moment, MAX_HOLD.toMilliseconds() / 2);

test('a cut that takes longer than the hold: MariaDB is let go in time, it is tried once more, and nothing is called consistent', async () => {
  schedule('slow', { cutDelay: '9s' });
  const from = Date.now();
  const end = await runJob(NAMESPACE, 'slow');
  expect(end).toMatchObject({ succeeded: false });
  expect(end.message).toContain('is crash-consistent only: it was not cut within 6 s');
  expect(end.log.filter(({ message }) => /trying again/.test(message))).toHaveLength(1);
  const pauses = heldSince(from);
  expect(getJson('-n', NAMESPACE, 'volumesnapshots').items.map((snapshot: any) => snapshot.metadata.labels[LABEL])).toEqual(pauses.map(() => 'crash'));
  // a busy machine may not give the lock to one of the two attempts
  const refused = end.log.filter(({ pods, message }) => pods !== undefined && /was not quiesced: .*Lock wait timeout/.test(message));
  expect(pauses.length + refused.length).toBe(2);
  expect(pauses.length).toBeGreaterThan(0);
  pauses.forEach(pause => expect(pause.to - pause.from).toBeLessThan(MAX_HOLD.toMilliseconds()));
});

test('a storage that fails: MariaDB is let go in time, and nothing is called consistent', async () => {
  schedule('failing', { fail: 'always' }, { readyTimeout: Duration.seconds(20) });
  const from = Date.now();
  expect(await runJob(NAMESPACE, 'failing')).toMatchObject({ succeeded: false });
  expect(called()).toEqual([]);
  const pauses = heldSince(from);
  expect(pauses.length).toBe(1);
  pauses.forEach(pause => expect(pause.to - pause.from).toBeLessThan(MAX_HOLD.toMilliseconds()));
});

describe('twenty applications, and controllers that make five requests a second', () => {
  const TWENTY = Array.from({ length: 20 }, (_, index) => `app-${index}`);
  const stamp = 'date +%s%3N';
  let restore: () => void;

  beforeAll(async () => {
    apply(TWENTY.map(name => claim(NAMESPACE, name, { labels: { group: 'twenty' } })));
    await bound(NAMESPACE, ...TWENTY);
    apply(TWENTY.map(name => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: NAMESPACE },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'app', image: 'mariadb:10.11', command: ['sleep', '3600'], volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: name } }],
      },
    })));
    kubectl(['-n', NAMESPACE, 'wait', 'pod', ...TWENTY, '--for=condition=Ready', '--timeout=120s']);
    restore = withRequestsPerSecond(5);
  });
  afterAll(() => restore());

  /** What each application wrote down of itself: from when until when it was held. */
  function holds(): Map<string, { from: number; to: number }> {
    return new Map(TWENTY.map(name => {
      const [from, to] = shell(NAMESPACE, name, 'cat /data/log; rm /data/log').split('\n').map(Number);
      return [name, { from, to }];
    }));
  }

  test.each([['all at once', 20], ['one after the other, as usual', undefined]])('%s: each is let go in time, and called what it is', async (how, concurrency) => {
    schedule(`twenty-${concurrency ?? 'usual'}`, {}, {
      source: SnapshotSource.fromSelector({ group: 'twenty' }),
      quiesce: Quiesce.custom({
        quiesce: `[ -e /data/frozen ] || ${stamp} >> /data/log; touch /data/frozen`,
        release: `if [ -e /data/frozen ]; then rm /data/frozen; ${stamp} >> /data/log; fi`,
        maxHold: Duration.seconds(10),
        attempts: 1,
      }),
      concurrency,
      readyTimeout: Duration.minutes(3),
    });
    const end = await runJob(NAMESPACE, `twenty-${concurrency ?? 'usual'}`, 240);
    const times = holds();
    const cuts = cutTimes(NAMESPACE);
    const consistent = called();
    for (const { metadata, spec } of consistent) {
      const { from, to } = times.get(spec.source.persistentVolumeClaimName) as { from: number; to: number };
      const cut = cuts.get(metadata.uid) as number;
      expect({ name: metadata.name, held: from <= cut && cut <= to }).toEqual({ name: metadata.name, held: true });
    }
    const lengths = [...times.values()].map(({ from, to }) => to - from).sort((a, b) => a - b);
    console.log(`${how}: held for ${lengths[10]} ms in the median, ${lengths[19]} ms at most; ${consistent.length} of 20 application-consistent`);
    expect(lengths[19]).toBeLessThan(11_000);
    // nobody is called consistent in the message who is not by the label
    expect(end.message.match(/: application-consistent/g)?.length ?? 0).toBe(consistent.length);
    if (concurrency === undefined) { expect(consistent.length).toBe(20); }
  });
});
