import { Cron } from 'cdk8s';
import { apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, jobEnd, kubectl, names, runJob, startJob } from '../cluster';
import { AuditLog, kill, repair } from './knobs';
import { CsiDriver, DeletionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotRestore, SnapshotSource } from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-restores';

beforeAll(async () => {
  freshNamespace(NAMESPACE);
  apply([claim(NAMESPACE, 'data')]);
  await bound(NAMESPACE, 'data');
  applyChart(NAMESPACE, chart => {
    const schedule = new ScheduledSnapshot(chart, 'Schedule', {
      metadata: { name: 'nightly' },
      source: SnapshotSource.fromClaimName('data'),
      snapshotClass: new SnapshotClass(chart, 'Class', { metadata: { name: 'e2e-restores' }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.DELETE }),
      schedule: Cron.schedule({ hour: '3', minute: '15' }),
      suspend: true,
    });
    new SnapshotRestore(chart, 'Restore', { metadata: { name: 'restore' }, schedule });
  });
  expect(await runJob(NAMESPACE, 'nightly')).toMatchObject({ succeeded: true });
});
afterEach(() => {
  repair();
  kubectl(['-n', NAMESPACE, 'delete', 'pvc', '-l', 'cdk8s-volume-snapshots/restored=true']);
});

const request = (snapshot: string) => kubectl(['-n', NAMESPACE, 'create', 'configmap', 'restore-request', `--from-literal=snapshots=${snapshot}`]);

test('every right of a restore is used, and nothing else is asked for', async () => {
  const audit = new AuditLog();
  request(names('-n', NAMESPACE, 'volumesnapshots')[0]);
  expect(await runJob(NAMESPACE, 'restore')).toMatchObject({ succeeded: true });
  const requests = audit.requestsOf(NAMESPACE, 'restore');
  const granted = getJson('-n', NAMESPACE, 'role', 'restore').rules.flatMap((rule: any) => rule.verbs.map((verb: string) => `${verb} ${[rule.apiGroups[0], rule.resources[0]].filter(Boolean).join('/')}`));
  expect([...new Set(requests.map(({ verb, resource }) => `${verb} ${resource}`))].sort()).toEqual(granted.sort());
  expect(requests.filter(({ code }) => code === 403)).toEqual([]);
});

test('a snapshot that is deleted while its claim is still pending is told at once, and nothing waits for it', async () => {
  expect(await runJob(NAMESPACE, 'nightly')).toMatchObject({ succeeded: true });
  const newest = getJson('-n', NAMESPACE, 'volumesnapshots', '--sort-by=.metadata.creationTimestamp').items.pop().metadata.name;
  kill('csi-provisioner');
  const job = startJob(NAMESPACE, 'restore');
  await eventually('the claim is made', 60, () => names('-n', NAMESPACE, 'pvc').length === 2);
  kubectl(['-n', NAMESPACE, 'delete', 'volumesnapshot', newest, '--wait=false']);
  const end = await jobEnd(NAMESPACE, job, 60);
  expect([end.exitCode, end.message]).toEqual([1, expect.stringMatching(new RegExp(`snapshot '${newest}' was deleted while claim 'data-restored-.*' was restored from it, so it can never be bound`))]);
});

test('a pod that is lost halfway is followed by one that finishes, and makes nothing twice', async () => {
  kill('csi-provisioner');
  const job = startJob(NAMESPACE, 'restore');
  await eventually('the claim is made', 60, () => names('-n', NAMESPACE, 'pvc').length === 2);
  const [pod] = names('-n', NAMESPACE, 'pods', '-l', `batch.kubernetes.io/job-name=${job}`);
  kubectl(['-n', NAMESPACE, 'delete', 'pod', pod, '--grace-period=0', '--force']);
  repair();
  const end = await jobEnd(NAMESPACE, job);
  expect(end).toMatchObject({ succeeded: true, message: expect.stringContaining('was there already from an earlier run of this restore') });
  expect(names('-n', NAMESPACE, 'pvc')).toHaveLength(2);
});
