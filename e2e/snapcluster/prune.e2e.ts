import { Chart, Cron, Duration } from 'cdk8s';
import { apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, kubectl, names, runJob, sleep } from '../cluster';
import { storedSnapshots } from './knobs';
import {
  CsiDriver, DeletionPolicy, PrunedStorage, RetentionPolicy, ScheduledSnapshot, ScheduledSnapshotProps,
  SnapshotClass, SnapshotReclaim, SnapshotSource,
} from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-prune';

beforeAll(async () => {
  // it is enforced a moment later
  applyChart(undefined, chart => new SnapshotReclaim(chart, 'Reclaim'));
  freshNamespace(NAMESPACE);
  apply([claim(NAMESPACE, 'a'), claim(NAMESPACE, 'b')]);
  await bound(NAMESPACE, 'a', 'b');
  schedule('aged', DeletionPolicy.RETAIN, { schedule: Cron.everyMinute(), retention: RetentionPolicy.keepFor(Duration.minutes(1)) });
  [old] = await runs('aged', 1);
  takenAt = Date.now();
});

/** What grows old while other tests run. */
let old: string;
let takenAt: number;

function schedule(name: string, deletionPolicy: DeletionPolicy, props: Partial<ScheduledSnapshotProps> = {}): void {
  applyChart(NAMESPACE, (chart: Chart) => new ScheduledSnapshot(chart, 'Schedule', {
    metadata: { name },
    source: SnapshotSource.fromClaimName('a'),
    snapshotClass: new SnapshotClass(chart, 'Class', { metadata: { name: `e2e-prune-${name}` }, driver: CsiDriver.of(DRIVER), deletionPolicy }),
    schedule: Cron.schedule({ hour: '3', minute: '15' }),
    suspend: true,
    retention: RetentionPolicy.keepLast(2),
    ...props,
  }));
}

const snapshotsOf = (id: string) => getJson('-n', NAMESPACE, 'volumesnapshots', '-l', `cdk8s-volume-snapshots/schedule=${id}`).items;
const uidsOf = (id: string) => snapshotsOf(id).map((snapshot: any) => snapshot.metadata.uid).sort();

/** The contents, with or without their snapshot, that were made for snapshots of these uids. */
const contentsOf = (uids: string[]) => names('volumesnapshotcontents').filter(name => uids.includes(name.replace('snapcontent-', '')));

async function runs(name: string, count: number): Promise<string[]> {
  const uids = new Set<string>();
  for (let run = 0; run < count; run += 1) {
    expect(await runJob(NAMESPACE, name)).toMatchObject({ succeeded: true, exitCode: 0 });
    uidsOf(name).forEach((uid: string) => uids.add(uid));
  }
  return [...uids];
}

test.each([
  ['deleted', DeletionPolicy.DELETE],
  ['retained', DeletionPolicy.RETAIN],
])('old snapshots of a class whose storage is %s go, their storage too, and the newest stay', async (name, policy) => {
  schedule(name, policy);
  const all = await runs(name, 5);
  expect(all).toHaveLength(5);
  await eventually('only two are left, as snapshot, content and in the storage', 30, () => {
    const left = uidsOf(name);
    return left.length === 2 && contentsOf(all).length === 2 && storedSnapshots().filter(uid => all.includes(uid)).join() === left.join();
  });
  snapshotsOf(name).forEach((snapshot: any) => expect(snapshot.status.readyToUse).toBe(true));
});

test('a held snapshot stays with its storage, and its content goes on to say Retain', async () => {
  schedule('held', DeletionPolicy.RETAIN, { retention: RetentionPolicy.keepLast(1) });
  await runs('held', 1);
  const [held] = snapshotsOf('held');
  kubectl(['-n', NAMESPACE, 'label', 'volumesnapshot', held.metadata.name, 'cdk8s-volume-snapshots/hold=audit']);
  await runs('held', 2);
  expect(uidsOf('held')).toContain(held.metadata.uid);
  expect(storedSnapshots()).toContain(held.metadata.uid);
  expect(getJson('volumesnapshotcontent', held.status.boundVolumeSnapshotContentName).spec.deletionPolicy).toBe('Retain');
});

test('who says that pruned storage is kept finds it kept', async () => {
  schedule('kept', DeletionPolicy.RETAIN, { retention: RetentionPolicy.keepLast(1), prunedStorage: PrunedStorage.KEEP });
  const all = await runs('kept', 3);
  await eventually('one snapshot is left', 30, () => uidsOf('kept').length === 1);
  expect(storedSnapshots().filter(uid => all.includes(uid))).toHaveLength(3);
});

test('several claims are pruned each by itself', async () => {
  schedule('both', DeletionPolicy.DELETE, { source: SnapshotSource.fromClaimName('a'), retention: RetentionPolicy.keepLast(2) });
  await runs('both', 2);
  applyChart(NAMESPACE, chart => {
    const both = new ScheduledSnapshot(chart, 'Schedule', {
      metadata: { name: 'both' },
      source: SnapshotSource.fromClaimName('b'),
      snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Class', 'e2e-prune-both', { deletionPolicy: DeletionPolicy.DELETE }),
      schedule: Cron.schedule({ hour: '3', minute: '15' }),
      suspend: true,
      retention: RetentionPolicy.keepLast(2),
    });
    both.addSource(SnapshotSource.fromClaimName('a'));
  });
  await runs('both', 1);
  const claims = () => snapshotsOf('both').map((snapshot: any) => snapshot.spec.source.persistentVolumeClaimName).sort();
  await eventually('two of a and one of b', 30, () => claims().join() === 'a,a,b');
});

test('a snapshot that has grown old goes at the next run, and its storage with it', async () => {
  expect(uidsOf('aged')).toEqual([old]);
  await sleep(Math.max(0, takenAt + 61_000 - Date.now()));
  await runs('aged', 1);
  await eventually('the old one is gone', 30, () => !uidsOf('aged').includes(old) && contentsOf([old]).length === 0 && !storedSnapshots().includes(old));
  expect(uidsOf('aged')).toHaveLength(1);
});

test('without a SnapshotReclaim in the cluster a retained class still gets its snapshot, and the run says what is missing', async () => {
  kubectl(['delete', 'clusterrolebinding', 'cdk8s-volume-snapshots-reclaim']);
  try {
    schedule('refused', DeletionPolicy.RETAIN, { retention: RetentionPolicy.keepLast(1) });
    const end = await runJob(NAMESPACE, 'refused');
    expect(end).toMatchObject({ succeeded: false, exitCode: 1, pods: 1 });
    expect(end.message).toMatch(/apply a SnapshotReclaim once per cluster/);
    expect(snapshotsOf('refused')).toHaveLength(1);
    await runJob(NAMESPACE, 'refused');
    expect(snapshotsOf('refused')).toHaveLength(2);
  } finally {
    applyChart(undefined, chart => new SnapshotReclaim(chart, 'Reclaim'));
  }
});
