import { Chart, Cron, Duration } from 'cdk8s';
import { apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, jobEnd, runJob, sleep, startJob } from '../cluster';
import { kill, repair, restartControllers, storedSnapshotsOf } from './knobs';
import {
  CsiDriver, DeletionPolicy, RetentionPolicy, ScheduledSnapshot, ScheduledSnapshotProps, SnapshotClass, SnapshotReclaim, SnapshotSource,
} from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-outages';

beforeAll(async () => {
  freshNamespace(NAMESPACE);
  applyChart(undefined, chart => new SnapshotReclaim(chart, 'Reclaim'));
  apply([claim(NAMESPACE, 'a'), claim(NAMESPACE, 'b')]);
  await bound(NAMESPACE, 'a', 'b');
});

afterEach(() => {
  // also after a test that failed in between
  repair();
  // each test has a class of its own, which they must learn of
  restartControllers();
});

function schedule(name: string, parameters: { [key: string]: string } = {}, props: Partial<ScheduledSnapshotProps> = {}): void {
  applyChart(NAMESPACE, (chart: Chart) => {
    const made = new ScheduledSnapshot(chart, 'Schedule', {
      metadata: { name },
      source: SnapshotSource.fromClaimName('a'),
      snapshotClass: new SnapshotClass(chart, 'Class', {
        metadata: { name: `e2e-outages-${name}-${Object.keys(parameters).length}` },
        driver: CsiDriver.of(DRIVER, { parameters }),
        deletionPolicy: DeletionPolicy.RETAIN,
      }),
      schedule: Cron.schedule({ hour: '4', minute: '15' }),
      suspend: true,
      retention: RetentionPolicy.keepLast(1),
      readyTimeout: Duration.minutes(2),
      ...props,
    });
    made.addSource(SnapshotSource.fromClaimName('b'));
  });
}

const snapshotsOf = (id: string): any[] => getJson('-n', NAMESPACE, 'volumesnapshots', '-l', `cdk8s-volume-snapshots/schedule=${id}`).items;
const uidsOf = (id: string): string[] => snapshotsOf(id).map(snapshot => snapshot.metadata.uid).sort();

/** How many are ready that were not there before. */
const readyBeside = (id: string, before: string[]): number =>
  snapshotsOf(id).filter(snapshot => snapshot.status?.readyToUse && !before.includes(snapshot.metadata.uid)).length;

/** Of each claim one, shown and stored. */
async function settled(id: string, seen: string[]): Promise<void> {
  await eventually('of each claim one is left, and nothing else of this schedule is stored', 90, () => {
    const left = uidsOf(id);
    return left.length === 2 && storedSnapshotsOf(NAMESPACE).filter(uid => [...seen, ...left].includes(uid)).join() === left.join();
  });
  snapshotsOf(id).forEach(snapshot => {
    expect(snapshot.status.readyToUse).toBe(true);
    expect(getJson('volumesnapshotcontent', snapshot.status.boundVolumeSnapshotContentName).spec.deletionPolicy).toBe('Retain');
  });
}

test('an API server that is restarted while a run waits for its snapshots is waited for', async () => {
  schedule('restarted', { cutDelay: '15s' });
  expect(await runJob(NAMESPACE, 'restarted')).toMatchObject({ succeeded: true });
  const before = uidsOf('restarted');
  const job = startJob(NAMESPACE, 'restarted');
  await eventually('both are being cut', 60, () => snapshotsOf('restarted').length === 4);
  kill('kube-apiserver');
  await sleep(3_000);
  repair();
  const end = await jobEnd(NAMESPACE, job, 240);
  expect(end).toMatchObject({ succeeded: true, exitCode: 0 });
  await settled('restarted', before);
});

test('an API server that is restarted while a run prunes leaves no orphan, whatever it was at', async () => {
  schedule('pruning');
  expect(await runJob(NAMESPACE, 'pruning')).toMatchObject({ succeeded: true });
  const before = uidsOf('pruning');
  const job = startJob(NAMESPACE, 'pruning');
  // the next thing that it does is to prune
  await eventually('the new ones are ready', 60, () => readyBeside('pruning', before) === 2);
  kill('kube-apiserver');
  repair();
  expect(await jobEnd(NAMESPACE, job, 240)).toMatchObject({ succeeded: true, exitCode: 0 });
  // what the run could not finish the next one does
  expect(await runJob(NAMESPACE, 'pruning')).toMatchObject({ succeeded: true });
  await settled('pruning', before);
});

test('without a snapshot controller the run says what is missing and loses nothing, and the first run after it recovers', async () => {
  schedule('alone', {}, { readyTimeout: Duration.seconds(8) });
  expect(await runJob(NAMESPACE, 'alone')).toMatchObject({ succeeded: true });
  const before = uidsOf('alone');
  kill('snapshot-controller');
  const end = await runJob(NAMESPACE, 'alone');
  expect(end).toMatchObject({ succeeded: false, exitCode: 1 });
  expect(end.message).toMatch(/no snapshot controller has looked at it; is the snapshot-controller running/);
  expect(uidsOf('alone')).toEqual(expect.arrayContaining(before));
  const seen = uidsOf('alone');
  repair();
  await eventually('they are ready after all', 60, () => snapshotsOf('alone').every(snapshot => snapshot.status?.readyToUse));
  expect(await runJob(NAMESPACE, 'alone')).toMatchObject({ succeeded: true });
  await settled('alone', seen);
});

test('a snapshot controller that dies while a run prunes leaves no orphan', async () => {
  schedule('dying');
  expect(await runJob(NAMESPACE, 'dying')).toMatchObject({ succeeded: true });
  const before = uidsOf('dying');
  const job = startJob(NAMESPACE, 'dying');
  await eventually('the new ones are ready', 60, () => readyBeside('dying', before) === 2);
  kill('snapshot-controller');
  await jobEnd(NAMESPACE, job, 240);
  const seen = [...before, ...uidsOf('dying')];
  repair();
  expect(await runJob(NAMESPACE, 'dying')).toMatchObject({ succeeded: true });
  await settled('dying', seen);
});
