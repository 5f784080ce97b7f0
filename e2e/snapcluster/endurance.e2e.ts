import { Cron, Duration } from 'cdk8s';
import { apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, names } from '../cluster';
import { storedSnapshotsOf, withRequestsPerSecond } from './knobs';
import { outsideRunner } from './outside';
import { CsiDriver, DeletionPolicy, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotReclaim, SnapshotSource } from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-endurance';
const CLAIMS = Array.from({ length: 20 }, (_, index) => `data-${index}`);

beforeAll(async () => {
  freshNamespace(NAMESPACE);
  leftover = storedSnapshotsOf(NAMESPACE);
  applyChart(undefined, chart => new SnapshotReclaim(chart, 'Reclaim'));
  apply(CLAIMS.map(name => claim(NAMESPACE, name, { labels: { backup: 'yes' } })));
  await bound(NAMESPACE, ...CLAIMS);
});

function schedule(name: string, deletionPolicy: DeletionPolicy, keep = 2): void {
  applyChart(NAMESPACE, chart => new ScheduledSnapshot(chart, 'Schedule', {
    metadata: { name },
    source: SnapshotSource.fromSelector({ backup: 'yes' }),
    snapshotClass: new SnapshotClass(chart, 'Class', { metadata: { name: `e2e-endurance-${name}` }, driver: CsiDriver.of(DRIVER), deletionPolicy }),
    schedule: Cron.schedule({ hour: '4', minute: '15' }),
    suspend: true,
    retention: RetentionPolicy.keepLast(keep),
    readyTimeout: Duration.minutes(3),
  }));
}

/** What an earlier run of these tests left behind when its namespace was deleted. */
let leftover: string[];

/** What is shown, what the cluster knows of the storage, and what the storage has. */
function holdings(): { snapshots: string[]; contents: string[]; stored: string[] } {
  const ours = (uids: string[]) => uids.filter(uid => !leftover.includes(uid)).sort();
  return {
    snapshots: getJson('-n', NAMESPACE, 'volumesnapshots').items.map((snapshot: any) => snapshot.metadata.uid).sort(),
    contents: ours(getJson('volumesnapshotcontents').items.filter((content: any) => content.spec.volumeSnapshotRef.namespace === NAMESPACE)
      .map((content: any) => content.metadata.name.replace('snapcontent-', ''))),
    stored: ours(storedSnapshotsOf(NAMESPACE)),
  };
}

async function atRequestsPerSecond(count: number, run: () => Promise<void>): Promise<void> {
  const putBack = withRequestsPerSecond(count);
  try {
    await run();
  } finally {
    putBack();
  }
}

async function settle(count: number): Promise<void> {
  await eventually(`${count} snapshots are shown, known and stored`, 120, () => {
    const { snapshots, contents, stored } = holdings();
    return snapshots.length === count && snapshots.join() === contents.join() && snapshots.join() === stored.join();
  });
}

test.each([
  // 20 claims each
  ['retained', DeletionPolicy.RETAIN, 52],
  ['deleted', DeletionPolicy.DELETE, 5],
])('after a thousand snapshots taken and pruned under a class whose storage is %s, the storage has exactly those that are shown', (name, policy, runs) => atRequestsPerSecond(300, async () => {
  schedule(name, policy);
  const before = holdings().snapshots.length;
  const run = outsideRunner(NAMESPACE, name);
  const from = Date.now();
  for (let night = 0; night < runs; night += 1) { expect(await run()).toMatchObject({ exitCode: 0, message: expect.stringContaining('20 of 20 claims') }); }
  console.log(`${20 * runs} taken and ${20 * (runs - 2)} pruned in ${runs} runs, ${((Date.now() - from) / runs).toFixed(0)} ms each`);
  await settle(before + 2 * CLAIMS.length);
}), 600_000);

test('with controllers that ask the API server five times a second, as they do by default, a run of twenty claims takes longer and nothing else', () => atRequestsPerSecond(5, async () => {
  schedule('slowly', DeletionPolicy.RETAIN, 1);
  const run = outsideRunner(NAMESPACE, 'slowly');
  const before = names('-n', NAMESPACE, 'volumesnapshots').length;
  const times: number[] = [];
  for (let night = 0; night < 2; night += 1) {
    const from = Date.now();
    expect(await run()).toMatchObject({ exitCode: 0, message: expect.stringContaining('20 of 20 claims have their snapshot') });
    times.push((Date.now() - from) / 1000);
  }
  console.log(`seconds a run with controllers at 5 requests a second: ${times.map(time => time.toFixed(1)).join(', ')}`);
  await settle(before + CLAIMS.length);
}), 600_000);
