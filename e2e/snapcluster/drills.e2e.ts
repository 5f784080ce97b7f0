import { ApiObject, Cron, Duration } from 'cdk8s';
import { apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, jobEnd, kubectl, names, runJob, startJob } from '../cluster';
import { AuditLog, storedSnapshotsOf } from './knobs';
import { outsideRunner } from './outside';
import {
  CsiDriver, DeletionPolicy, DrillCheck, RestoreDrill, RestoreDrillProps, ScheduledSnapshot, SnapshotClass, SnapshotSource,
} from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-drills';
/** Of administrators, for drills that do not count towards the quota of production. */
const OWN = 'e2e-drills-own';
/** One after another, three seconds each; `E2E_DRILLS=100` for what a year of weekly drills leaves behind in either namespace. */
const DRILLS = Number(process.env.E2E_DRILLS ?? 50);
const leftOver = () => [
  ...[NAMESPACE, OWN].flatMap(namespace => ['pods', 'pvc'].flatMap(kind => names('-n', namespace, kind, '-l', 'cdk8s-volume-snapshots/drill'))),
  ...names('-n', OWN, 'volumesnapshots'),
];
const contents = () => getJson('volumesnapshotcontents', '-l', 'cdk8s-volume-snapshots/clone').items
  .filter(({ metadata }: any) => metadata.labels['cdk8s-volume-snapshots/clone'].endsWith(`.${OWN}`));
const volumes = () => getJson('pv').items.filter(({ spec }: any) => [NAMESPACE, OWN].includes(spec.claimRef?.namespace));

function drill(name: string, command: string[], namespace = NAMESPACE, props: Partial<RestoreDrillProps> = {}): void {
  applyChart(namespace, chart => {
    const container = { name: 'app', image: 'busybox:1.36', command: ['sleep', '3600'], volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    const workload = new ApiObject(chart, 'Workload', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'app' },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'app' } },
        template: { metadata: { labels: { app: 'app' } }, spec: { containers: [container], volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] } },
      },
    });
    new RestoreDrill(chart, 'Drill', {
      metadata: { name },
      scheduleId: 'nightly',
      workload,
      claims: { data: 'data' },
      check: DrillCheck.command({ command }),
      suspend: true,
      timeout: Duration.minutes(2),
      ...props,
    });
  });
}

beforeAll(async () => {
  [NAMESPACE, OWN].forEach(namespace => freshNamespace(namespace));
  apply([claim(NAMESPACE, 'data')]);
  await bound(NAMESPACE, 'data');
  applyChart(NAMESPACE, chart => new ScheduledSnapshot(chart, 'Schedule', {
    metadata: { name: 'nightly' },
    source: SnapshotSource.fromClaimName('data'),
    snapshotClass: new SnapshotClass(chart, 'Class', { metadata: { name: 'e2e-drills' }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.DELETE }),
    schedule: Cron.schedule({ hour: '3', minute: '15' }),
    suspend: true,
  }));
  expect(await runJob(NAMESPACE, 'nightly')).toMatchObject({ succeeded: true });
  drill('drill', ['sh', '-c', 'test -d /data && echo "the volume is there" > /dev/termination-log']);
});
afterEach(async () => {
  expect(leftOver()).toEqual([]);
  await eventually('no content is left', 30, () => contents().length === 0);
});

test('every right of a drill is used, and nothing else is asked for', async () => {
  const audit = new AuditLog();
  expect(await runJob(NAMESPACE, 'drill')).toMatchObject({ succeeded: true, message: expect.stringContaining('the volume is there') });
  const requests = audit.requestsOf(NAMESPACE, 'drill');
  const granted = getJson('-n', NAMESPACE, 'role', 'drill').rules.flatMap((rule: any) => rule.verbs.map((verb: string) => `${verb} ${[rule.apiGroups[0], rule.resources[0]].filter(Boolean).join('/')}`));
  // who makes no mistake lists no Events
  expect([...new Set([...requests.map(({ verb, resource }) => `${verb} ${resource}`), 'list events'])].sort()).toEqual(granted.sort());
  expect(requests.filter(({ code }) => code === 403)).toEqual([]);
});

test('a pod that is lost halfway is followed by one that clears away, and comes to a verdict', async () => {
  drill('slow', ['sh', '-c', 'sleep 10']);
  const job = startJob(NAMESPACE, 'slow');
  await eventually('the pod of the drill runs', 60, () => getJson('-n', NAMESPACE, 'pods', '-l', 'cdk8s-volume-snapshots/drill=slow').items[0]?.status.phase === 'Running');
  const [pod] = names('-n', NAMESPACE, 'pods', '-l', `batch.kubernetes.io/job-name=${job}`);
  kubectl(['-n', NAMESPACE, 'delete', 'pod', pod, '--grace-period=0', '--force']);
  expect(await jobEnd(NAMESPACE, job)).toMatchObject({ succeeded: true, message: expect.stringMatching(/^the drill passed/) });
});

test('a drill that is ended clears away first', async () => {
  drill('endless', ['sh', '-c', 'sleep 600']);
  const job = startJob(NAMESPACE, 'endless');
  await eventually('the pod of the drill runs', 60, () => getJson('-n', NAMESPACE, 'pods', '-l', 'cdk8s-volume-snapshots/drill=endless').items[0]?.status.phase === 'Running');
  kubectl(['-n', NAMESPACE, 'delete', 'job', job]);
  await eventually('nothing is left', 60, () => leftOver().length === 0);
});

test('a full quota is told, and leaves nothing behind', async () => {
  apply([{ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'claims', namespace: NAMESPACE }, spec: { hard: { persistentvolumeclaims: '1' } } }]);
  await eventually('the quota counts', 30, () => getJson('-n', NAMESPACE, 'resourcequota', 'claims').status.used?.persistentvolumeclaims === '1');
  const end = await runJob(NAMESPACE, 'drill');
  kubectl(['-n', NAMESPACE, 'delete', 'resourcequota', 'claims']);
  expect([end.exitCode, end.message]).toEqual([1, expect.stringContaining('exceeded quota')]);
});

describe('a drill in a namespace of its own', () => {
  const ID = `own.${OWN}`;
  const snapshot = () => getJson('-n', NAMESPACE, 'volumesnapshots').items[0];
  const production = () => {
    const { metadata: { labels, name, uid }, status } = snapshot();
    const { spec, metadata } = getJson('volumesnapshotcontent', status.boundVolumeSnapshotContentName);
    return { name, uid, status, spec, contentUid: metadata.uid, claim: labels['cdk8s-volume-snapshots/claim'], stored: storedSnapshotsOf(NAMESPACE) };
  };

  beforeAll(async () => {
    const hard = { 'persistentvolumeclaims': '1', 'pods': '2', 'count/volumesnapshots.snapshot.storage.k8s.io': '1' };
    apply([{ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'drills', namespace: OWN }, spec: { hard } }]);
    drill('own', ['sh', '-c', 'test -d /data && echo "the volume is there" > /dev/termination-log'], OWN, { sourceNamespace: NAMESPACE });
    await eventually('the quota counts', 30, () => getJson('-n', OWN, 'resourcequota', 'drills').status.used?.pods === '0');
  });

  test('marks the snapshot that it proved, within its quota; every right is used, and nothing else is asked for', async () => {
    kubectl(['-n', NAMESPACE, 'label', 'volumesnapshot', snapshot().metadata.name, 'cdk8s-volume-snapshots/verified-']);
    const before = production();
    const audit = new AuditLog();
    expect(await runJob(OWN, 'own')).toMatchObject({ succeeded: true, message: expect.stringMatching(/^the drill passed.*the volume is there/) });
    expect(snapshot().metadata.labels['cdk8s-volume-snapshots/verified']).toBe('true');
    expect(production()).toEqual(before);
    expect(getJson('-n', NAMESPACE, 'events', '--field-selector', 'reason=RestoreDrillPassed').items.map(({ message }: any) => message))
      .toContainEqual(expect.stringMatching(/^drill 'own' restored/));
    const rules = [
      ...[[OWN, 'own'], [NAMESPACE, ID]].flatMap(([namespace, role]) => getJson('-n', namespace, 'role', role).rules.map((rule: any) => [namespace, rule])),
      ...getJson('clusterrole', ID).rules.map((rule: any) => [rule.resources[0] === 'namespaces' ? OWN : '', rule]),
    ];
    const granted = rules.flatMap(([namespace, { apiGroups: [group], resources: [resource], verbs }]) =>
      verbs.map((verb: string) => `${namespace} ${verb} ${[group, resource].filter(Boolean).join('/')}`));
    const requests = audit.requestsOf(OWN, 'own');
    // who makes no mistake lists no Events
    expect([...new Set([...requests.map(({ namespace = '', verb, resource }) => `${namespace} ${verb} ${resource}`), `${OWN} list events`])].sort()).toEqual(granted.sort());
    expect(requests.filter(({ code }) => code === 403)).toEqual([]);
  });

  test('may neither show a snapshot elsewhere nor end the storage of one', () => {
    const account = `--as=system:serviceaccount:${OWN}:own`;
    const content = (namespace: string, deletionPolicy: string) => JSON.stringify({
      apiVersion: 'snapshot.storage.k8s.io/v1',
      kind: 'VolumeSnapshotContent',
      metadata: { name: 'e2e-drills-forged', labels: { 'cdk8s-volume-snapshots/clone': ID } },
      spec: { deletionPolicy, driver: DRIVER, source: { snapshotHandle: 'x' }, volumeSnapshotRef: { namespace, name: 'x' } },
    });
    const forge = (namespace: string, policy: string) => () => kubectl([account, 'create', '--dry-run=server', '-f', '-'], content(namespace, policy));
    expect(forge('default', 'Retain')).toThrow('only a content that retains its storage');
    expect(forge(OWN, 'Delete')).toThrow('only a content that retains its storage');
    expect(forge(OWN, 'Retain')).not.toThrow();
    expect(() => kubectl([account, 'delete', '--dry-run=server', 'volumesnapshotcontent', snapshot().status.boundVolumeSnapshotContentName]))
      .toThrow('only a content that retains its storage');
  });

  test('that is ended clears away first, and production keeps its snapshot', async () => {
    const before = production();
    drill('own-endless', ['sh', '-c', 'sleep 600'], OWN, { sourceNamespace: NAMESPACE });
    const job = startJob(OWN, 'own-endless');
    await eventually('the pod of the drill runs', 60, () => getJson('-n', OWN, 'pods', '-l', 'cdk8s-volume-snapshots/drill=own-endless').items[0]?.status.phase === 'Running');
    kubectl(['-n', OWN, 'delete', 'job', job]);
    await eventually('nothing is left', 60, () => leftOver().length === 0);
    expect(production()).toEqual(before);
  });

  test('drill after drill, in its own and in that of production, leaves no claim, pod, volume, content or storage snapshot behind', async () => {
    const runs = [outsideRunner(NAMESPACE, 'drill'), outsideRunner(OWN, 'own')];
    const ofOurs = () => getJson('volumesnapshotcontents').items.filter(({ spec }: any) => [NAMESPACE, OWN].includes(spec.volumeSnapshotRef.namespace))
      .map(({ metadata }: any) => metadata.uid);
    const before = [storedSnapshotsOf(NAMESPACE), ofOurs()];
    for (let round = 0; round < DRILLS; round += 1) { expect(await runs[round % 2]()).toMatchObject({ exitCode: 0 }); }
    await eventually('the volumes are gone', 120, () => volumes().length === 1);
    await eventually('the contents are gone', 30, () => contents().length === 0);
    expect([storedSnapshotsOf(NAMESPACE), ofOurs(), storedSnapshotsOf(OWN)]).toEqual([...before, []]);
  });
});
