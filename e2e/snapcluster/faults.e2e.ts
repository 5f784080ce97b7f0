import { Chart, Cron, Duration } from 'cdk8s';
import { apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, jobEnd, kubectl, runJob, startJob } from '../cluster';
import { clearFaults, eventuallyDeleted, injectFaults, storedSnapshots } from './knobs';
import {
  CsiDriver, DeletionPolicy, RetentionPolicy, ScheduledSnapshot, ScheduledSnapshotProps, SnapshotClass, SnapshotReclaim, SnapshotSource,
} from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-faults';

beforeAll(async () => {
  clearFaults();
  applyChart(undefined, chart => new SnapshotReclaim(chart, 'Reclaim'));
  freshNamespace(NAMESPACE);
  apply([claim(NAMESPACE, 'data')]);
  await bound(NAMESPACE, 'data');
});

afterEach(() => clearFaults());

function schedule(
  name: string, parameters: { [key: string]: string } = {}, props: Partial<ScheduledSnapshotProps> = {}, deletionPolicy = DeletionPolicy.DELETE,
): void {
  applyChart(NAMESPACE, (chart: Chart) => {
    const className = `e2e-${name}-${Object.keys(parameters).join('-').toLowerCase()}`.replace(/-$/, '');
    new ScheduledSnapshot(chart, 'Schedule', {
      metadata: { name },
      source: SnapshotSource.fromClaimName('data'),
      snapshotClass: new SnapshotClass(chart, 'Class', {
        metadata: { name: className }, driver: CsiDriver.of(DRIVER, { parameters }), deletionPolicy,
      }),
      schedule: Cron.schedule({ hour: '3', minute: '15' }),
      suspend: true,
      readyTimeout: Duration.seconds(8),
      retention: RetentionPolicy.keepLast(1),
      ...props,
    });
  });
}

const snapshotsOf = (id: string): any[] => getJson('-n', NAMESPACE, 'volumesnapshots', '-l', `cdk8s-volume-snapshots/schedule=${id}`).items;
const uid = (snapshot: any) => snapshot.metadata.uid;

/** Of what a test has seen, the storage has this one. */
async function storedAlone(seen: Set<string>, alone: string): Promise<void> {
  await eventuallyDeleted('the storage has that one alone', 60, () => storedSnapshots().filter(each => seen.has(each)).join() === alone);
}

test('while the storage fails, the job fails and says what the storage says, the good snapshot stays, and the first run after it recovers', async () => {
  schedule('outage');
  expect(await runJob(NAMESPACE, 'outage')).toMatchObject({ succeeded: true });
  const [good] = snapshotsOf('outage');

  injectFaults('create-fail');
  for (let night = 0; night < 2; night += 1) {
    const end = await runJob(NAMESPACE, 'outage');
    expect(end).toMatchObject({ succeeded: false, exitCode: 1, pods: 1 });
    expect(end.message).toMatch(/FAILED data: snapshot 'data-manual-[0-9a-f]{8}' is not ready after \d+s: the storage says: .*Unavailable/);
  }
  expect(snapshotsOf('outage').map(uid)).toContain(uid(good));
  expect(storedSnapshots()).toContain(uid(good));
  const events = getJson('-n', NAMESPACE, 'events', '--field-selector', 'reason=ScheduledSnapshotFailed').items;
  expect(events[0]).toMatchObject({ type: 'Warning', involvedObject: { kind: 'PersistentVolumeClaim', name: 'data' } });

  const seen = new Set(snapshotsOf('outage').map(uid));
  clearFaults();
  expect(await runJob(NAMESPACE, 'outage')).toMatchObject({ succeeded: true });
  snapshotsOf('outage').forEach(snapshot => seen.add(uid(snapshot)));
  // what the outage left was never cut and goes, or is cut late and counts
  const left = () => snapshotsOf('outage').filter(snapshot => !snapshot.metadata.deletionTimestamp);
  await eventually('all that is left is ready', 60, () => left().every(snapshot => snapshot.status.readyToUse));
  expect(await runJob(NAMESPACE, 'outage')).toMatchObject({ succeeded: true });
  snapshotsOf('outage').forEach(snapshot => seen.add(uid(snapshot)));
  expect(left()).toHaveLength(1);
  const [{ metadata, status }] = left();
  expect(status.readyToUse).toBe(true);
  await storedAlone(seen, metadata.uid);
});

test('a storage that is slow to make snapshots ready fails the job, and the snapshot is kept and counts as soon as it is ready', async () => {
  schedule('slow');
  expect(await runJob(NAMESPACE, 'slow')).toMatchObject({ succeeded: true });
  const [good] = snapshotsOf('slow');

  schedule('slow', { readyDelay: '12s' });
  const end = await runJob(NAMESPACE, 'slow');
  expect(end).toMatchObject({ succeeded: false, exitCode: 1 });
  expect(end.message).toMatch(/its data was cut at .* and the storage is still copying it; it is kept and the next run counts it/);
  const late = snapshotsOf('slow').find(snapshot => uid(snapshot) !== uid(good));
  expect(snapshotsOf('slow').map(uid)).toContain(uid(good));

  await eventually('the late one is ready', 60, () => snapshotsOf('slow').find(s => uid(s) === uid(late))?.status.readyToUse);
  // cut after the good one, it is the newest of the three but one
  schedule('slow', {}, { retention: RetentionPolicy.keepLast(2) });
  expect(await runJob(NAMESPACE, 'slow')).toMatchObject({ succeeded: true });
  const left = snapshotsOf('slow').filter(snapshot => !snapshot.metadata.deletionTimestamp).map(uid);
  expect(left).toHaveLength(2);
  expect(left).toContain(uid(late));
});

test.each<[string, { [key: string]: string }, () => unknown]>([
  ['a cut that takes too long', { cutDelay: '20s' }, () => undefined],
  ['an outage', {}, () => injectFaults('create-fail')],
])('what %s leaves behind under a class that retains is neither an alarm nor an orphan', async (what, parameters, disturb) => {
  const name = `retained-${what.split(' ').pop()}`;
  disturb();
  schedule(name, parameters, {}, DeletionPolicy.RETAIN);
  expect(await runJob(NAMESPACE, name)).toMatchObject({ succeeded: false, exitCode: 1 });
  const seen = new Set(snapshotsOf(name).map(uid));
  clearFaults();
  schedule(name, {}, {}, DeletionPolicy.RETAIN);
  expect(await runJob(NAMESPACE, name)).toMatchObject({ succeeded: true, exitCode: 0 });
  snapshotsOf(name).forEach(snapshot => seen.add(uid(snapshot)));
  const left = (): any[] => snapshotsOf(name).filter(snapshot => !snapshot.metadata.deletionTimestamp);
  await eventually('all that is left is ready', 60, () => left().every(snapshot => snapshot.status.readyToUse));
  expect(await runJob(NAMESPACE, name)).toMatchObject({ succeeded: true, exitCode: 0 });
  snapshotsOf(name).forEach(snapshot => seen.add(uid(snapshot)));
  expect(left()).toHaveLength(1);
  await storedAlone(seen, uid(left()[0]));
});

test('two runs of one schedule beside each other leave the snapshot of the other alone', async () => {
  schedule('beside', { cutDelay: '15s' }, { readyTimeout: Duration.minutes(1) });
  const slow = startJob(NAMESPACE, 'beside');
  await eventually('the slow run has created its snapshot', 60, () => snapshotsOf('beside').length === 1);
  schedule('beside', {}, { readyTimeout: Duration.minutes(1) });
  expect(await runJob(NAMESPACE, 'beside')).toMatchObject({ succeeded: true });
  expect(await jobEnd(NAMESPACE, slow)).toMatchObject({ succeeded: true });
});

test('a driver that refuses for good is named, and a driver that fails at first is waited for', async () => {
  schedule('refusing', { fail: 'always' });
  expect((await runJob(NAMESPACE, 'refusing')).message).toMatch(/the storage says: .*Internal/);
  schedule('stumbling', { failFirst: '2' }, { readyTimeout: Duration.seconds(30) });
  expect(await runJob(NAMESPACE, 'stumbling')).toMatchObject({ succeeded: true });
});

test('a pod that is killed in mid-run is replaced by one that adopts its snapshot', async () => {
  schedule('killed', { cutDelay: '10s' }, { readyTimeout: Duration.minutes(2) });
  const job = startJob(NAMESPACE, 'killed');
  const [snapshot] = await eventually('the first pod has created the snapshot', 60, () => {
    const made = snapshotsOf('killed');
    return made.length > 0 && made;
  });
  kubectl(['-n', NAMESPACE, 'delete', 'pod', '-l', `batch.kubernetes.io/job-name=${job}`, '--grace-period=0', '--force', '--wait=true']);
  const end = await jobEnd(NAMESPACE, job);
  expect(end).toMatchObject({ succeeded: true, exitCode: 0 });
  expect(end.log.map(line => line.step)).not.toContain('created');
  expect(snapshotsOf('killed').map(uid)).toEqual([uid(snapshot)]);
});

test('one claim that cannot be snapshotted does not keep the others from it', async () => {
  apply([claim(NAMESPACE, 'unbound', { storageClassName: 'no-such-class' })]);
  applyChart(NAMESPACE, chart => {
    const partly = new ScheduledSnapshot(chart, 'Schedule', {
      metadata: { name: 'partly' },
      source: SnapshotSource.fromClaimName('missing'),
      snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Class', 'e2e-outage'),
      schedule: Cron.schedule({ hour: '3', minute: '15' }),
      suspend: true,
    });
    ['unbound', 'data'].forEach(name => partly.addSource(SnapshotSource.fromClaimName(name)));
  });
  const end = await runJob(NAMESPACE, 'partly');
  expect(end).toMatchObject({ succeeded: false, exitCode: 1 });
  expect(end.message).toContain("FAILED missing: no claim of this name in namespace 'e2e-faults'");
  expect(end.message).toContain('FAILED unbound: the claim is Pending, not Bound');
  expect(end.message).toContain('1 of 3 claims have their snapshot');
});
