import { execFileSync } from 'node:child_process';
import { Chart, Cron, Duration } from 'cdk8s';
import {
  apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, jobEnd, JobEnd, kubectl, names, runJob, WAITING_STORAGE_CLASS,
} from '../cluster';
import { clearFaults, injectFaults, storedSnapshots } from './knobs';
import {
  CsiDriver, DeletionPolicy, PrunedStorage, RetentionPolicy, ScheduledSnapshot, ScheduledSnapshotProps,
  SnapshotClass, SnapshotReclaim, SnapshotSource,
} from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-retention';
const DAY = 24 * 3_600_000;
const KEY = 'cdk8s-volume-snapshots';

beforeAll(async () => {
  clearFaults();
  freshNamespace(NAMESPACE);
  // what an earlier run has imported is of snapshots that are no more
  kubectl(['delete', 'volumesnapshotcontents', '-l', 'tool=old']);
  applyChart(undefined, chart => new SnapshotReclaim(chart, 'Reclaim'));
  apply([claim(NAMESPACE, 'data')]);
  await bound(NAMESPACE, 'data');
});

afterEach(() => clearFaults());

function schedule(name: string, props: Partial<ScheduledSnapshotProps> = {}, deletionPolicy = DeletionPolicy.RETAIN): void {
  applyChart(NAMESPACE, (chart: Chart) => new ScheduledSnapshot(chart, 'Schedule', {
    metadata: { name },
    source: SnapshotSource.fromClaimName('data'),
    snapshotClass: new SnapshotClass(chart, 'Class', {
      metadata: { name: `e2e-retention-${deletionPolicy.toLowerCase()}` }, driver: CsiDriver.of(DRIVER), deletionPolicy,
    }),
    schedule: Cron.schedule({ hour: '4', minute: '15' }),
    suspend: true,
    retention: RetentionPolicy.keepLast(1),
    readyTimeout: Duration.seconds(30),
    ...props,
  }));
}

const snapshotsOf = (id: string): any[] => getJson('-n', NAMESPACE, 'volumesnapshots', '-l', `${KEY}/schedule=${id}`).items
  .filter((snapshot: any) => !snapshot.metadata.deletionTimestamp);
const namesOf = (id: string): string[] => snapshotsOf(id).map(snapshot => snapshot.metadata.name).sort();

let minute = Math.floor(Date.now() / 60_000) - 1000;
/** A run as the CronJob controller starts it: the scheduled time is in the Job's name. */
function runScheduled(name: string): Promise<JobEnd> {
  minute += 1;
  kubectl(['-n', NAMESPACE, 'create', 'job', `${name}-${minute}`, `--from=cronjob/${name}`]);
  return jobEnd(NAMESPACE, `${name}-${minute}`);
}

test('two years of snapshots of another tool are adopted by label, thinned to days, weeks and months only after a person let them go, and then stay so', async () => {
  const [timeZone, id] = ['Europe/Berlin', 'adopted'];
  schedule('origin');
  await runJob(NAMESPACE, 'origin');
  const [real] = snapshotsOf('origin');
  const handle = getJson('volumesnapshotcontent', real.status.boundVolumeSnapshotContentName).status.snapshotHandle;
  const uid = getJson('-n', NAMESPACE, 'pvc', 'data').metadata.uid;
  // every fourth day, at noon UTC
  const cuts = Array.from({ length: 180 }, (_, index) => new Date(Math.floor(Date.now() / DAY) * DAY - (4 * index + 1) * DAY + DAY / 2));
  importSnapshots(handle, cuts);
  await eventually('all are ready', 120, () => getJson('-n', NAMESPACE, 'volumesnapshots', '-l', 'tool=old').items
    .filter((snapshot: any) => snapshot.status?.readyToUse).length === cuts.length);
  setCreationTimes(cuts);

  // as docs/retention.md says
  kubectl(['-n', NAMESPACE, 'label', 'volumesnapshots', '-l', 'tool=old', `${KEY}/schedule=${id}`, `${KEY}/claim-uid=${uid}`]);
  schedule(id, { timeZone, retention: RetentionPolicy.of({ daily: 7, weekly: 5, monthly: 12, minimumReady: 3 }), prunedStorage: PrunedStorage.KEEP });

  const braked = await runJob(NAMESPACE, id);
  expect(braked).toMatchObject({ succeeded: false, exitCode: 1 });
  expect(braked.message).toMatch(/retention gives up \d+ of the 181 snapshots of claim '.*', far more than one run explains/);
  expect(namesOf(id)).toHaveLength(181);

  const command = /kubectl -n .*=true/.exec(braked.message)?.[0] ?? '';
  execFileSync('bash', ['-c', command]);
  const end = await runJob(NAMESPACE, id);
  expect(end).toMatchObject({ succeeded: true, exitCode: 0 });

  // the two new ones are of one day, so the newest of them takes its place
  const [newest] = snapshotsOf(id).map(snapshot => snapshot.status.creationTime).sort().reverse();
  const kept = byHand([new Date(newest), ...cuts], timeZone);
  const left = () => snapshotsOf(id).map(snapshot => new Date(snapshot.status.creationTime).getTime()).sort();
  await eventually('they are gone', 60, () => left().length <= kept.length + 1);
  const old = left().filter(time => time < Date.now() - DAY / 2);
  expect(old).toEqual(kept.map(date => date.getTime()).filter(time => time < Date.now() - DAY / 2).sort());
  const again = await runJob(NAMESPACE, id);
  expect(again).toMatchObject({ succeeded: true });
  expect(left().filter(time => time < Date.now() - DAY / 2)).toEqual(old);
});

function importSnapshots(handle: string, cuts: Date[]): void {
  apply(cuts.flatMap((_, index) => [{
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshotContent',
    metadata: { name: `e2e-retention-old-${index}`, labels: { tool: 'old' } },
    spec: { deletionPolicy: 'Retain', driver: DRIVER, source: { snapshotHandle: handle }, volumeSnapshotRef: { name: `old-${index}`, namespace: NAMESPACE } },
  }, {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: { name: `old-${index}`, namespace: NAMESPACE, labels: { tool: 'old' } },
    spec: { source: { volumeSnapshotContentName: `e2e-retention-old-${index}` } },
  }]));
}

/** As if the storage had cut them then. */
function setCreationTimes(cuts: Date[]): void {
  const set = (kind: string, creationTimeOf: (cut: Date) => unknown) => {
    const { items } = getJson('-n', NAMESPACE, kind, '-l', 'tool=old');
    for (const { metadata, status } of items) {
      status.creationTime = creationTimeOf(cuts[Number(metadata.name.split('-').pop())]);
      // whatever the controllers have changed meanwhile
      delete metadata.resourceVersion;
    }
    kubectl(['replace', '--subresource=status', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  };
  set('volumesnapshotcontents', cut => cut.getTime() * 1_000_000);
  set('volumesnapshots', cut => cut.toISOString());
}

/** What the rules of the test above say, written a second time and with Intl's calendar. */
function byHand(moments: Date[], timeZone: string): Date[] {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone });
  const day = (moment: Date) => format.format(moment);
  const week = (moment: Date) => {
    const date = new Date(`${day(moment)}T00:00Z`);
    return new Date(date.getTime() - ((date.getUTCDay() + 6) % 7) * DAY).toISOString();
  };
  const newestOf = (most: number, periodOf: (moment: Date) => string) => {
    const newest = new Map<string, Date>();
    moments.forEach(moment => newest.set(periodOf(moment), newest.get(periodOf(moment)) ?? moment));
    return [...newest.values()].slice(0, most);
  };
  return [...new Set([...newestOf(7, day), ...newestOf(5, week), ...newestOf(12, moment => day(moment).slice(0, 7)), ...moments.slice(0, 3)])];
}

test('of the snapshots of one hour the newest stays, and the floor', async () => {
  schedule('hourly', { retention: RetentionPolicy.of({ hourly: 24, minimumReady: 2 }) });
  const all: string[] = [];
  for (let run = 0; run < 4; run += 1) {
    await runJob(NAMESPACE, 'hourly');
    all.push(...namesOf('hourly').filter(name => !all.includes(name)));
  }
  // the hour may have turned in between
  expect([2, 3]).toContain(namesOf('hourly').length);
  expect(namesOf('hourly')).toEqual(expect.arrayContaining(all.slice(-2)));
});

test('a dry run takes its snapshot, says what would go and why, and deletes nothing', async () => {
  schedule('dry', { dryRun: true });
  await runJob(NAMESPACE, 'dry');
  const end = await runJob(NAMESPACE, 'dry');
  expect(end).toMatchObject({ succeeded: true, exitCode: 0 });
  expect(end.message).toContain('dry run, 1 would be pruned; 2 kept');
  expect(end.log.find(line => line.step === 'prune')).toMatchObject({ claim: 'data', reasons: [expect.stringMatching(/^no rule keeps it: 1 newer/)] });
  expect(namesOf('dry')).toHaveLength(2);
});

test('a snapshot that is held until a day stays until it is over, and is counted', async () => {
  schedule('until');
  await runJob(NAMESPACE, 'until');
  const [first] = namesOf('until');
  const day = (shift: number) => new Date(Date.now() + shift * DAY).toISOString().slice(0, 10);
  kubectl(['-n', NAMESPACE, 'annotate', 'volumesnapshot', first, `${KEY}/hold-until=${day(1)}`]);
  const held = await runJob(NAMESPACE, 'until');
  expect(held.message).toMatch(/0 pruned; 2 kept, 1 of them held/);
  kubectl(['-n', NAMESPACE, 'annotate', '--overwrite', 'volumesnapshot', first, `${KEY}/hold-until=${day(-2)}`]);
  await runJob(NAMESPACE, 'until');
  expect(namesOf('until')).not.toContain(first);
});

test('a snapshot that a claim waits to be restored from stays until the claim has its data', async () => {
  schedule('source');
  await runJob(NAMESPACE, 'source');
  const [first] = namesOf('source');
  // waits for its first consumer
  const restored: any = claim(NAMESPACE, 'restored', { storageClassName: WAITING_STORAGE_CLASS });
  restored.spec.dataSource = { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: first };
  apply([restored]);
  const end = await runJob(NAMESPACE, 'source');
  expect(end).toMatchObject({ succeeded: true });
  expect(namesOf('source')).toContain(first);
  expect(end.log.find(line => line.step === 'keep' && line.snapshots.includes(first)).reasons).toEqual(["claim 'restored' is being restored from it"]);

  kubectl(['-n', NAMESPACE, 'run', 'consumer', '--image=busybox:1.36', '--restart=Never', `--overrides=${JSON.stringify({
    spec: {
      containers: [{ name: 'consumer', image: 'busybox:1.36', command: ['true'], volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'restored' } }],
    },
  })}`]);
  await bound(NAMESPACE, 'restored');
  await runJob(NAMESPACE, 'source');
  expect(namesOf('source')).not.toContain(first);
});

test('a full quota is made room in by pruning what is due anyway, and a quota that retention fills costs nothing and is named', async () => {
  const namespace = 'e2e-retention-quota';
  freshNamespace(namespace);
  apply([claim(namespace, 'data')]);
  await bound(namespace, 'data');
  const deploy = (keep: number) => applyChart(namespace, chart => new ScheduledSnapshot(chart, 'Schedule', {
    metadata: { name: 'tight' },
    source: SnapshotSource.fromClaimName('data'),
    snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Class', 'e2e-retention-retain', { deletionPolicy: DeletionPolicy.RETAIN }),
    schedule: Cron.schedule({ hour: '4', minute: '15' }),
    suspend: true,
    retention: RetentionPolicy.keepLast(keep),
  }));
  const there = () => names('-n', namespace, 'volumesnapshots');
  deploy(3);
  for (let run = 0; run < 3; run += 1) { await runJob(namespace, 'tight'); }
  apply([{
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'storage', namespace },
    spec: { hard: { 'count/volumesnapshots.snapshot.storage.k8s.io': '3' } },
  }]);
  await eventually('the quota counts', 30, () => getJson('-n', namespace, 'resourcequota', 'storage').status?.used?.['count/volumesnapshots.snapshot.storage.k8s.io'] === '3');
  const before = there();
  const full = await runJob(namespace, 'tight');
  expect(full).toMatchObject({ succeeded: false, exitCode: 1 });
  expect(full.message).toMatch(/FAILED data: a ResourceQuota leaves no room for it, as retention keeps what is there: .*exceeded quota: storage.*raise the quota/);
  expect(there()).toEqual(before);

  deploy(1);
  const freed = await runJob(namespace, 'tight');
  expect(freed).toMatchObject({ succeeded: true, exitCode: 0 });
  await eventually('only the newest is left', 30, () => there().length === 1);
  expect(before).not.toContain(there()[0]);
  kubectl(['delete', 'namespace', namespace, '--wait=false']);
});

test('storage that fails night after night is not buried, a person can try, and it goes on by itself when the storage is back', async () => {
  schedule('breaker', { maxNotReady: 2, readyTimeout: Duration.seconds(5), retention: RetentionPolicy.keepLast(2) });
  expect(await runScheduled('breaker')).toMatchObject({ succeeded: true });
  injectFaults('create-fail');
  for (let night = 0; night < 2; night += 1) { expect(await runScheduled('breaker')).toMatchObject({ exitCode: 1 }); }
  const open = await runScheduled('breaker');
  expect(open).toMatchObject({ succeeded: false, exitCode: 1, pods: 1 });
  expect(open.message).toMatch(/FAILED data: 2 snapshots of the claim are not ready, so no more is taken until one is.*the storage says: .*Unavailable/);
  expect(namesOf('breaker')).toHaveLength(3);
  expect(getJson('-n', NAMESPACE, 'events', '--field-selector', 'reason=ScheduledSnapshotCircuitOpen').items).toHaveLength(1);

  await runJob(NAMESPACE, 'breaker');
  expect(namesOf('breaker')).toHaveLength(4);

  clearFaults();
  await eventually('the storage made them ready', 60, () => snapshotsOf('breaker').every(snapshot => snapshot.status?.readyToUse));
  expect(await runScheduled('breaker')).toMatchObject({ succeeded: true, exitCode: 0 });
  expect(namesOf('breaker')).toHaveLength(2);
});

test('a driver that refuses to delete costs nothing: the next runs succeed, and the storage is given back when it gives in', async () => {
  schedule('stubborn');
  await runJob(NAMESPACE, 'stubborn');
  injectFaults('delete-fail');
  const seen = new Set<string>();
  for (let run = 0; run < 3; run += 1) {
    const end = await runJob(NAMESPACE, 'stubborn');
    expect(end).toMatchObject({ succeeded: true, exitCode: 0 });
    // what was asked for before this run is not counted as kept
    expect(end.message).toMatch(run === 0 ? /1 pruned; 1 kept$/ : new RegExp(`1 pruned; 1 kept; ${run} still being deleted since before this run$`));
    getJson('-n', NAMESPACE, 'volumesnapshots', '-l', `${KEY}/schedule=stubborn`).items.forEach((snapshot: any) => seen.add(snapshot.metadata.uid));
  }
  expect(namesOf('stubborn')).toHaveLength(1);
  expect(storedSnapshots().filter(uid => seen.has(uid)).length).toBeGreaterThan(2);
  clearFaults();
  await eventually('only what is shown is stored', 90, () => storedSnapshots().filter(uid => seen.has(uid)).join() === snapshotsOf('stubborn').map(s => s.metadata.uid).join());
});

test('the claim of a member that a StatefulSet has no longer is no failure, and its snapshots keep the floor', async () => {
  apply([claim(NAMESPACE, 'data-web-0'), claim(NAMESPACE, 'data-web-1')]);
  await bound(NAMESPACE, 'data-web-0', 'data-web-1');
  schedule('members', { source: SnapshotSource.fromStatefulSetName('web', { templates: ['data'], replicas: 2 }) });
  await runJob(NAMESPACE, 'members');
  const [last] = namesOf('members').filter(name => name.startsWith('data-web-1-'));
  kubectl(['-n', NAMESPACE, 'delete', 'pvc', 'data-web-1']);
  for (let night = 0; night < 2; night += 1) {
    const end = await runJob(NAMESPACE, 'members');
    expect(end).toMatchObject({ succeeded: true, exitCode: 0 });
    expect(end.message).toContain('not there, since the StatefulSet is scaled in: data-web-1');
  }
  expect(namesOf('members')).toHaveLength(2);
  expect(namesOf('members')).toContain(last);
});
