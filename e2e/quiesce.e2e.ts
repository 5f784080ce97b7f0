import { Chart, Cron, Duration } from 'cdk8s';
import { applyChart, DRIVER, eventually, freshNamespace, getJson, kubectl, names, runJob } from './cluster';
import { POSTGRES, shell, startPod, WritingMariaDb } from './databases';
import {
  CsiDriver, DeletionPolicy, Quiesce, QuiesceFailure, QuiesceOn, ScheduledSnapshot, ScheduledSnapshotProps, SnapshotClass, SnapshotRestore,
  SnapshotSource,
} from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-quiesce';
const mariaDb = new WritingMariaDb(NAMESPACE, 'mariadb');

beforeAll(async () => {
  freshNamespace(NAMESPACE);
  await mariaDb.start();
});

/** A schedule of the claim with its name, unless it is told otherwise, and a button that restores of it. */
function schedule(name: string, props: Partial<ScheduledSnapshotProps>): void {
  applyChart(NAMESPACE, (chart: Chart) => new SnapshotRestore(chart, 'Restore', {
    metadata: { name: `${name}-restore` },
    schedule: new ScheduledSnapshot(chart, 'Schedule', {
      metadata: { name },
      source: SnapshotSource.fromClaimName(name),
      snapshotClass: new SnapshotClass(chart, 'Class', {
        metadata: { name: `e2e-quiesce-${name}` }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.DELETE,
      }),
      schedule: Cron.schedule({ minute: '15', hour: '4' }),
      suspend: true,
      readyTimeout: Duration.minutes(10),
      ...props,
    }),
  }));
}

const snapshotsOf = (id: string) => getJson('-n', NAMESPACE, 'volumesnapshots', '-l', `cdk8s-volume-snapshots/schedule=${id}`).items;
const consistencyOf = (id: string) => snapshotsOf(id).map((snapshot: any) => snapshot.metadata.labels['cdk8s-volume-snapshots/consistency']);
const ofMariaDb = { source: SnapshotSource.fromClaimName('mariadb') };

test('MariaDB is held while its claim is cut, for a moment, and says the same as the snapshot', async () => {
  schedule('plain', { ...ofMariaDb, quiesce: Quiesce.mariaDb() });
  const from = Date.now();
  const end = await runJob(NAMESPACE, 'plain');
  expect(end).toMatchObject({ succeeded: true, message: expect.stringMatching(/application-consistent, held for \d+ ms, \d+ ms of them after the cut was seen/) });
  const { time, heldMilliseconds } = end.log.find(({ message }) => message === 'released');
  const released = Date.parse(time);
  // it writes nothing while it is said to be held, and soon again; a busy machine has pauses of its own, and is longer about taking the lock
  const pause = mariaDb.pauses(from).find(each => each.from < released - heldMilliseconds + 250 && each.to > released - 250);
  expect(pause).toBeDefined();
  expect(pause!.to - released).toBeLessThan(250);
  expect(pause!.to - pause!.from - heldMilliseconds).toBeLessThan(3000);
  const [{ metadata }] = snapshotsOf('plain');
  expect(metadata.labels['cdk8s-volume-snapshots/consistency']).toBe('application');
  expect(metadata.annotations['cdk8s-volume-snapshots/held-milliseconds']).toBe(`${heldMilliseconds}`);
});

test('a wrong user is told in the words of the client, and a missing password by its name; nothing is taken, or a snapshot that is not called consistent', async () => {
  schedule('denied', { ...ofMariaDb, quiesce: Quiesce.mariaDb({ user: 'nobody', attempts: 1 }) });
  const end = await runJob(NAMESPACE, 'denied');
  expect(end).toMatchObject({ succeeded: false });
  expect(end.message).toMatch(/was not quiesced: .*Access denied/);
  expect(consistencyOf('denied')).toEqual([]);
  schedule('denied-kept', {
    ...ofMariaDb, quiesce: Quiesce.mariaDb({ passwordVariable: 'NO_SUCH_VARIABLE', attempts: 1, onFailure: QuiesceFailure.CRASH_CONSISTENT }),
  });
  expect(await runJob(NAMESPACE, 'denied-kept')).toMatchObject({ succeeded: true, message: expect.stringMatching(/crash-consistent only, since .*NO_SUCH_VARIABLE is not set/) });
  expect(consistencyOf('denied-kept')).toEqual(['crash']);
});

test('a container without a shell, and one that is not there, are told', async () => {
  await startPod({ namespace: NAMESPACE, name: 'shell-less', container: { image: 'gcr.io/distroless/nodejs24-debian12:nonroot', args: ['-e', 'setInterval(() => 0, 1e6)'] }, volumes: { 'shell-less': '/data' } });
  schedule('shell-less', { quiesce: Quiesce.custom({ quiesce: ':', release: ':', attempts: 1 }) });
  expect(await runJob(NAMESPACE, 'shell-less')).toMatchObject({ succeeded: false, message: expect.stringMatching(/was not quiesced: .*"sh": executable file not found/) });
  schedule('no-container', { ...ofMariaDb, quiesce: Quiesce.mariaDb({ container: 'sidecar', attempts: 1 }) });
  expect(await runJob(NAMESPACE, 'no-container')).toMatchObject({ succeeded: false, message: expect.stringContaining('container sidecar is not valid for pod mariadb') });
});

test.each<[string, Quiesce, object]>([
  ['postgres', Quiesce.postgreSql(), POSTGRES],
  ['redis', Quiesce.redis(), { image: 'redis:7' }],
  ['custom', Quiesce.custom({ quiesce: 'touch /data/frozen', release: 'rm -f /data/frozen' }), { image: 'busybox:1.36', command: ['sh', '-c', 'sleep 3600'] }],
  ['command', Quiesce.heldCommand({ command: ['sh', '-c', 'echo quiesced; read -r line; echo keep position MTI=; echo released'] }),
    { image: 'busybox:1.36', command: ['sh', '-c', 'sleep 3600'] }],
])('%s is quiesced by its preset', async (name, quiesce, container) => {
  await startPod({ namespace: NAMESPACE, name, container, volumes: { [name]: '/data' } });
  schedule(name, { quiesce });
  const end = await eventually('a run succeeds, once the database is up', 120, async () => {
    const run = await runJob(NAMESPACE, name);
    return run.succeeded && run;
  });
  expect(end.message).toMatch(/application-consistent, held for \d+ ms/);
  expect(consistencyOf(name)).toContain('application');
  const [{ metadata: { annotations } }] = snapshotsOf(name);
  expect(annotations['cdk8s-volume-snapshots/position']).toBe(name === 'command' ? '12' : undefined);
});

test('of a primary and its replica only the replica is held, and snapshotted', async () => {
  const labels = { app: 'replicated' };
  await startPod({ namespace: NAMESPACE, name: 'primary', container: { image: 'redis:7' }, volumes: { primary: '/data' } });
  const { podIP } = getJson('-n', NAMESPACE, 'pod', 'primary').status;
  await startPod({ namespace: NAMESPACE, name: 'replica', container: { image: 'redis:7', args: ['redis-server', '--replicaof', podIP, '6379'] }, volumes: { replica: '/data' } });
  await eventually('the replica follows', 60, () => shell(NAMESPACE, 'replica', 'redis-cli INFO replication').includes('master_link_status:up'));
  for (const name of ['primary', 'replica']) { kubectl(['-n', NAMESPACE, 'label', 'pvc', name, `app=${labels.app}`]); }
  schedule('replicated', { source: SnapshotSource.fromSelector(labels), quiesce: Quiesce.redis({ on: QuiesceOn.REPLICA }) });
  expect(await runJob(NAMESPACE, 'replicated')).toMatchObject({ succeeded: true, message: expect.stringContaining('left out, since a replica was taken: primary') });
  expect(snapshotsOf('replicated').map((snapshot: any) => snapshot.spec.source.persistentVolumeClaimName)).toEqual(['replica']);
  // nobody waits for a snapshot of the primary
  expect(await runJob(NAMESPACE, 'replicated-restore')).toMatchObject({ succeeded: true, message: expect.stringMatching(/^1 of 1 claims are restored \(the newest\)/) });
  expect(names('-n', NAMESPACE, 'pvc').filter(name => name.includes('-restored-'))).toEqual([expect.stringMatching(/^replica-restored-/)]);
});
