import { Cron } from 'cdk8s';
import { apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, names, runJob } from './cluster';
import { CsiDriver, DeletionPolicy, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotQuota, SnapshotSource } from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-quota';
const CLASS = 'e2e-quota';
const RESOURCE = 'count/volumesnapshots.snapshot.storage.k8s.io';

const status = () => getJson('-n', NAMESPACE, 'resourcequota', 'snapshots').status;
const used = (count: number) => eventually(`the quota counts ${count}`, 60, () => status().used?.[RESOURCE] === `${count}`);

function takeByHand(name: string): void {
  apply([{
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: { name, namespace: NAMESPACE },
    spec: { volumeSnapshotClassName: CLASS, source: { persistentVolumeClaimName: 'data' } },
  }]);
}

beforeAll(async () => {
  freshNamespace(NAMESPACE);
  apply([claim(NAMESPACE, 'data')]);
  await bound(NAMESPACE, 'data');
  applyChart(NAMESPACE, chart => {
    new ScheduledSnapshot(chart, 'Nightly', {
      metadata: { name: 'nightly' },
      source: SnapshotSource.fromClaimName('data'),
      snapshotClass: new SnapshotClass(chart, 'Class', { metadata: { name: CLASS }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.DELETE }),
      schedule: Cron.schedule({ hour: '3', minute: '15' }),
      suspend: true,
      retention: RetentionPolicy.keepLast(2),
      maxNotReady: 1,
    });
    new SnapshotQuota(chart, 'Quota', { metadata: { name: 'snapshots' }, headroom: 0 });
  });
  await used(0);
});

test('a schedule does all that its retention keeps under the quota that was made for it', async () => {
  expect(status().hard[RESOURCE]).toBe('4');
  for (const left of [1, 2, 2]) {
    expect(await runJob(NAMESPACE, 'nightly')).toMatchObject({ succeeded: true });
    await used(left);
  }
});

test('it has its place also beside one that the storage owes, and one more by hand is refused', async () => {
  takeByHand('owed');
  await used(3);
  const end = await runJob(NAMESPACE, 'nightly');
  expect(end).toMatchObject({ succeeded: true, message: expect.stringContaining('1 pruned') });
  // not since it made room first
  expect(end.log.filter(({ step }) => step === 'quota')).toEqual([]);
  await used(3);

  takeByHand('last');
  await used(4);
  expect(() => takeByHand('too-many')).toThrow('exceeded quota: snapshots');
  expect(names('-n', NAMESPACE, 'volumesnapshots')).toHaveLength(4);
});
