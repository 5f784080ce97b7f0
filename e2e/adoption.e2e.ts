import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cron } from 'cdk8s';
import { apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, kubectl, names, runJob, sleep } from './cluster';
import { openRunbook } from './runbook';
import {
  CsiDriver, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotReclaim, SnapshotRestore, SnapshotSource,
} from 'cdk8s-volume-snapshots';

// as the commands of the pages say
const NAMESPACE = 'blog';
const CLASS = 'e2e-adoption';
const KEY = 'cdk8s-volume-snapshots';

/** The schedule that takes over, under a class that retains. */
function schedule(name: string, source: SnapshotSource, dryRun: boolean, retention = RetentionPolicy.keepLast(3)): void {
  applyChart(NAMESPACE, chart => new ScheduledSnapshot(chart, 'Schedule', {
    metadata: { name },
    source,
    snapshotClass: new SnapshotClass(chart, 'Class', { metadata: { name: CLASS }, driver: CsiDriver.of(DRIVER) }),
    schedule: Cron.schedule({ hour: '3', minute: '15' }),
    suspend: true,
    retention,
    dryRun,
  }));
}

function takeLikeATool(of: string, name: string, metadata: object = {}): object {
  return {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: { name, namespace: NAMESPACE, ...metadata },
    spec: { volumeSnapshotClassName: CLASS, source: { persistentVolumeClaimName: of } },
  };
}

/** The last is the newest; of the others it does not matter. */
async function takeAll(snapshots: [of: string, name: string][], metadata?: object): Promise<void> {
  for (const batch of [snapshots.slice(0, -1), snapshots.slice(-1)]) {
    apply(batch.map(([of, name]) => takeLikeATool(of, name, metadata)));
    await eventually('all are ready', 60, () => batch.every(([, name]) => getJson('-n', NAMESPACE, 'volumesnapshot', name).status?.readyToUse));
  }
}

/** The names of the snapshots of claims, also of those that are going. */
function taken(...claims: string[]): string[] {
  return getJson('-n', NAMESPACE, 'volumesnapshots').items.filter(({ spec }: any) => claims.includes(spec.source.persistentVolumeClaimName))
    .map(({ metadata }: any) => metadata.name).sort();
}

/** The contents of snapshots of the namespace, also of those that are gone. */
const contents = () => getJson('volumesnapshotcontents').items.filter(({ spec }: any) => spec.volumeSnapshotRef.namespace === NAMESPACE);

/** What is retained would outlive the test. */
function giveBackAll(): void {
  for (const { metadata: { name } } of contents()) {
    kubectl(['patch', 'volumesnapshotcontent', name, '--type', 'merge', '-p', '{"spec":{"deletionPolicy":"Delete"}}']);
    kubectl(['delete', 'volumesnapshotcontent', name, '--wait=false']);
  }
  kubectl(['delete', 'namespace', NAMESPACE, '--wait=false']);
}

afterAll(giveBackAll);

beforeAll(async () => {
  freshNamespace(NAMESPACE);
  applyChart(undefined, chart => new SnapshotReclaim(chart, 'Reclaim'));
  apply([
    claim(NAMESPACE, 'data-postgres-0'),
    claim(NAMESPACE, 'legacy'),
    ...['avatars', 'uploads'].map(name => claim(NAMESPACE, name, { labels: { backup: 'nightly' } })),
  ]);
  await bound(NAMESPACE, 'data-postgres-0', 'legacy', 'avatars', 'uploads');
});

test('the snapshots of a hand-written CronJob follow the rules of a schedule, by the commands of the page, and their storage is given back', async () => {
  const { blocks, directory, noted, step } = openRunbook('how-to/from-a-cron-job.md');
  const old = Array.from({ length: 8 }, (_, index) => `postgres-2026020${index + 1}`);
  // GIVEN a CronJob of a tutorial, and what it has taken; and one that a person took, of whom nobody knows
  apply([{
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'postgres-backup', namespace: NAMESPACE },
    spec: {
      schedule: '0 3 * * *',
      jobTemplate: { spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'kubectl', image: 'alpine/k8s:1.34.1', command: ['true'] }] } } } },
    },
  }]);
  schedule('postgres-nightly', SnapshotSource.fromClaimName('data-postgres-0'), true);
  await takeAll(['by-hand', ...old].map(name => ['data-postgres-0', name]));
  const uids = new Set(old.map(name => getJson('-n', NAMESPACE, 'volumesnapshot', name).metadata.uid));

  // WHEN somebody follows the page: looks, stops the old one
  expect(step(1)).toMatch(/postgres-20260208 +data-postgres-0 +true/);
  step(1);
  expect(getJson('-n', NAMESPACE, 'cronjob', 'postgres-backup').spec.suspend).toBe(true);
  // chooses, and labels
  step(1);
  expect(readFileSync(join(directory, 'old-snapshots'), 'utf8').trim().split('\n').sort()).toEqual(old);
  step(1);
  const { uid } = getJson('-n', NAMESPACE, 'pvc', 'data-postgres-0').metadata;
  expect(getJson('-n', NAMESPACE, 'volumesnapshot', old[0]).metadata).toMatchObject({
    labels: { [`${KEY}/schedule`]: 'postgres-nightly', [`${KEY}/claim-uid`]: uid, 'velero.io/exclude-from-backup': 'true' },
    annotations: { 'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false' },
  });
  // sees what would go, in a run that deletes nothing
  expect(step(1)).toContain("retention gives up 6 of the 9 snapshots of claim 'data-postgres-0', far more than one run explains");
  expect(taken('data-postgres-0')).toHaveLength(8 + 1 + 1);
  // keeps one, lets the others go
  noted.NAME = old[3];
  step(2);
  schedule('postgres-nightly', SnapshotSource.fromClaimName('data-postgres-0'), false);
  expect(step(1)).toMatch(/1 of 1 claims have their snapshot .*; 6 pruned; 4 kept, 1 of them held/);

  // THEN the newest three stay, of both, and what is held; what nobody has labelled is untouched, and no storage is left behind
  await eventually('the others are gone', 60, () => taken('data-postgres-0').length === 5);
  const own = taken('data-postgres-0').filter(name => name.startsWith('data-postgres-0-'));
  expect(own).toHaveLength(2);
  expect(taken('data-postgres-0')).toEqual(['by-hand', old[3], old[7], ...own].sort());
  const stored = () => contents().flatMap(({ spec: { volumeSnapshotRef: { name, uid: of } } }: any) => (uids.has(of) ? name : [])).sort();
  await eventually('their storage is given back', 60, () => stored().length === 2);
  expect(stored()).toEqual([old[3], old[7]]);
  step(1);
  expect([names('-n', NAMESPACE, 'cronjobs'), blocks]).toEqual([['postgres-nightly'], []]);
});

test('the snapshots of snapscheduler leave it before it is removed, each claim by itself, and are restored and pruned like others', async () => {
  const { blocks, directory, step } = openRunbook('how-to/from-snapscheduler.md');
  const claims = ['avatars', 'uploads'];
  schedule('nightly', SnapshotSource.fromSelector({ backup: 'nightly' }), true);
  // GIVEN what snapscheduler makes, with owners as its flag asks for; their owner here is an object that can be deleted
  apply([{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'stands-for-the-schedule', namespace: NAMESPACE } }]);
  const { uid } = getJson('-n', NAMESPACE, 'configmap', 'stands-for-the-schedule').metadata;
  for (const day of [1, 2, 3]) {
    const when = `2026020${day}0300`;
    await takeAll(claims.map(of => [of, `${of}-nightly-${when}`]), {
      labels: { 'snapscheduler.backube/schedule': 'nightly', 'snapscheduler.backube/when': when },
      ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'stands-for-the-schedule', uid }],
    });
    // the storage tells the time of a cut in whole seconds
    await sleep(1_100);
  }

  // WHEN somebody follows the page
  step(1);
  const list = readFileSync(join(directory, 'old-snapshots'), 'utf8').trim().split('\n');
  expect(list).toHaveLength(6);
  // one line is taken out: it stays as it is
  writeFileSync(join(directory, 'old-snapshots'), `${list.filter(line => !line.endsWith('uploads-nightly-202602010300')).join('\n')}\n`);
  step(1);
  const moved = getJson('-n', NAMESPACE, 'volumesnapshot', 'uploads-nightly-202602020300').metadata;
  expect(moved.labels).toEqual({
    [`${KEY}/schedule`]: 'nightly',
    [`${KEY}/claim`]: 'uploads',
    [`${KEY}/claim-uid`]: getJson('-n', NAMESPACE, 'pvc', 'uploads').metadata.uid,
    'velero.io/exclude-from-backup': 'true',
    'snapscheduler.backube/when': '202602020300',
  });
  expect(moved.annotations[`${KEY}/scheduled-for`]).toBe('2026-02-02T03:00:00.000Z');
  expect(moved.ownerReferences).toBeUndefined();
  expect(step(1)).toMatch(/2 of 2 claims have their snapshot .*; dry run, 1 would be pruned/);
  kubectl(['-n', NAMESPACE, 'delete', 'configmap', 'stands-for-the-schedule']);

  // THEN a restore finds those of one run of the old tool together
  const lastOfOld = Math.max(...claims.map(of => Date.parse(getJson('-n', NAMESPACE, 'volumesnapshot', `${of}-nightly-202602030300`).status.creationTime)));
  applyChart(NAMESPACE, chart => new SnapshotRestore(chart, 'Restore', {
    metadata: { name: 'nightly-restore' }, scheduleId: 'nightly', source: SnapshotSource.fromSelector({ backup: 'nightly' }),
  }));
  kubectl(['-n', NAMESPACE, 'create', 'configmap', 'nightly-restore-request', `--from-literal=before=${new Date(lastOfOld).toISOString()}`]);
  const restored = await runJob(NAMESPACE, 'nightly-restore');
  expect(restored).toMatchObject({ succeeded: true, message: expect.stringContaining('2 of 2 claims are restored') });
  for (const of of claims) { expect(restored.message).toContain(`snapshot '${of}-nightly-202602030300'`); }

  // and of each claim the newest three stay; what was left to the old tool has gone with its schedule
  schedule('nightly', SnapshotSource.fromSelector({ backup: 'nightly' }), false);
  expect(await runJob(NAMESPACE, 'nightly')).toMatchObject({ succeeded: true });
  await eventually('the others are gone', 60, () => taken(...claims).length === 6);
  expect([taken('avatars').length, taken('uploads').length]).toEqual([3, 3]);
  expect(taken(...claims)).toEqual(expect.arrayContaining(claims.map(of => `${of}-nightly-202602030300`)));
  expect(blocks).toEqual([]);
});

test('of adopted snapshots whose claim is gone the last good one stays, whatever the rules say', async () => {
  schedule('after-legacy', SnapshotSource.fromClaimName('data-postgres-0'), false, RetentionPolicy.keepLast(1));
  await takeAll(['legacy-1', 'legacy-2', 'legacy-3'].map(name => ['legacy', name]));
  kubectl(['-n', NAMESPACE, 'label', 'volumesnapshots', 'legacy-1', 'legacy-2', 'legacy-3', `${KEY}/schedule=after-legacy`]);
  kubectl(['-n', NAMESPACE, 'delete', 'pvc', 'legacy', '--wait', '--timeout=60s']);
  expect(await runJob(NAMESPACE, 'after-legacy')).toMatchObject({ succeeded: true, message: expect.stringContaining('2 pruned; 2 kept') });
  await eventually('the others are gone', 60, () => taken('legacy').length === 1);
  expect(taken('legacy')).toEqual(['legacy-3']);
});
