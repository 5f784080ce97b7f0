import { Chart, Cron, Duration } from 'cdk8s';
import {
  apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, jobEnd, kubectl, names, runJob,
} from './cluster';
import {
  CsiDriver, DeletionPolicy, ScheduledSnapshot, ScheduledSnapshotProps, SnapshotClass, SnapshotRbac, SnapshotSource,
} from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-pods';

beforeAll(async () => {
  freshNamespace(NAMESPACE, { 'pod-security.kubernetes.io/enforce': 'restricted' });
  apply([
    {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'quota', namespace: NAMESPACE },
      spec: {
        hard: {
          'requests.cpu': '1',
          'requests.memory': '1Gi',
          'limits.cpu': '2',
          'limits.memory': '2Gi',
          'count/volumesnapshots.snapshot.storage.k8s.io': '6',
        },
      },
    },
    claim(NAMESPACE, 'data-web-0', { labels: { app: 'web' } }),
    claim(NAMESPACE, 'data-web-1', { labels: { app: 'web' } }),
    claim(NAMESPACE, 'copy-of-data', { labels: { 'app': 'web', 'cdk8s-volume-snapshots/restored': 'true' } }),
  ]);
  await bound(NAMESPACE, 'data-web-0', 'data-web-1', 'copy-of-data');
});

function schedule(name: string, props: (chart: Chart) => Partial<ScheduledSnapshotProps>): void {
  applyChart(NAMESPACE, chart => new ScheduledSnapshot(chart, 'Schedule', {
    metadata: { name },
    source: SnapshotSource.fromClaimName('data-web-0'),
    snapshotClass: new SnapshotClass(chart, 'Class', {
      metadata: { name: 'e2e-pods' }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.DELETE,
    }),
    schedule: Cron.schedule({ hour: '3', minute: '15' }),
    suspend: true,
    ...props(chart),
  }));
}

const claimsOf = (id: string) => getJson('-n', NAMESPACE, 'volumesnapshots', '-l', `cdk8s-volume-snapshots/schedule=${id}`)
  .items.map((snapshot: any) => snapshot.spec.source.persistentVolumeClaimName).sort();

afterEach(() => kubectl(['-n', NAMESPACE, 'delete', 'volumesnapshots', '--all']));

test('a schedule runs under restricted Pod Security and a quota', async () => {
  schedule('plain', () => ({}));
  expect(await runJob(NAMESPACE, 'plain')).toMatchObject({ succeeded: true });
  expect(claimsOf('plain')).toEqual(['data-web-0']);
});

test('the official node image runs it as well, and not as root', async () => {
  schedule('alpine', () => ({ pod: { image: 'node:24-alpine' } }));
  expect(await runJob(NAMESPACE, 'alpine')).toMatchObject({ succeeded: true });
  const [pod] = getJson('-n', NAMESPACE, 'pods', '-l', 'cdk8s-volume-snapshots/schedule=alpine').items;
  expect(pod.spec.securityContext).toMatchObject({ runAsUser: 1000, runAsNonRoot: true });
});

test('a selector finds the claims of the moment, and leaves out those that were restored', async () => {
  schedule('selector', () => ({ source: SnapshotSource.fromSelector({ app: 'web' }) }));
  expect(await runJob(NAMESPACE, 'selector')).toMatchObject({ succeeded: true });
  expect(claimsOf('selector')).toEqual(['data-web-0', 'data-web-1']);
});

test('the claims of a StatefulSet under an autoscaler are found by their names', async () => {
  schedule('scaled', () => ({ source: SnapshotSource.fromStatefulSetName('web', { templates: ['data'] }) }));
  expect(await runJob(NAMESPACE, 'scaled')).toMatchObject({ succeeded: true });
  expect(claimsOf('scaled')).toEqual(['data-web-0', 'data-web-1']);
});

test('a service account of your own is given the rights', async () => {
  apply([{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'backup', namespace: NAMESPACE } }]);
  schedule('own', chart => ({ rbac: new SnapshotRbac(chart, 'Rights', { serviceAccountName: 'backup' }) }));
  expect(await runJob(NAMESPACE, 'own')).toMatchObject({ succeeded: true });
});

test('a schedule with @every runs, also with the least startingDeadline', async () => {
  // as every 36 hours with 36 hours; with less, the controller would never find a run to start
  schedule('every', () => ({
    schedule: Cron.schedule({ minute: '@every 20s', hour: '', day: '', month: '', weekDay: '' }), startingDeadline: Duration.seconds(20), suspend: false,
  }));
  const [run] = await eventually('the controller starts a run', 90, () => {
    const started = names('-n', NAMESPACE, 'jobs').filter(name => name.startsWith('every-'));
    return started.length > 0 && started;
  });
  kubectl(['-n', NAMESPACE, 'patch', 'cronjob', 'every', '--type=merge', '-p', '{"spec":{"suspend":true}}']);
  expect(await jobEnd(NAMESPACE, run)).toMatchObject({ succeeded: true });
});

test('a quota that is full fails the run with the words of the API server', async () => {
  schedule('full', () => ({ source: SnapshotSource.fromSelector({ app: 'web' }) }));
  for (let run = 0; run < 3; run += 1) { expect(await runJob(NAMESPACE, 'full')).toMatchObject({ succeeded: true }); }
  const end = await runJob(NAMESPACE, 'full');
  expect(end).toMatchObject({ succeeded: false, exitCode: 1 });
  expect(end.message).toMatch(/FAILED data-web-0: .*exceeded quota: quota/);
  expect(claimsOf('full')).toHaveLength(6);
});
