import childProcess from 'child_process';
import crypto from 'crypto';
import dns from 'dns';
import net from 'net';
import { ApiObject, App, Chart, Cron, Duration, Size, Yaml } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { configOf, objectOf, objectsOf, podOf, statefulSet } from './manifests';
import {
  CsiDriver, RestoredPvc, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotRbac, SnapshotReclaim, SnapshotRef, SnapshotSource,
} from 'cdk8s-volume-snapshots';

/** What the library was designed to look like in the code of a user, by its public name. */
function program(): { chart: Chart; nightly: ScheduledSnapshot; restored: RestoredPvc } {
  const chart = new Chart(new App(), 'test', { namespace: 'db' });
  const postgres = statefulSet(chart);
  const pod = new kplus.Pod(chart, 'Pod', { containers: [{ image: 'postgres:17' }] });

  const gp3 = new SnapshotClass(chart, 'Ebs', { driver: CsiDriver.awsEbs() });
  new SnapshotReclaim(chart, 'Reclaim');

  const nightly = new ScheduledSnapshot(chart, 'Nightly', {
    source: SnapshotSource.fromStatefulSet(postgres),
    snapshotClass: gp3,
    schedule: Cron.schedule({ hour: '3', minute: '15' }),
    timeZone: 'Europe/Berlin',
    retention: RetentionPolicy.keepFor(Duration.days(7)),
  });

  const restored = new RestoredPvc(chart, 'Restored', {
    snapshot: SnapshotRef.fromName('data-postgres-0-20260209-020000'),
    size: Size.gibibytes(50),
    storageClassName: 'gp3',
  });
  pod.addVolume(kplus.Volume.fromPersistentVolumeClaim(chart, 'Data', restored));

  return { chart, nightly, restored };
}

test('the class retains unless told otherwise', () => {
  expect(objectOf(program().chart, 'VolumeSnapshotClass')).toMatchObject({ driver: 'ebs.csi.aws.com', deletionPolicy: 'Retain' });
});

test('the platform team\'s part is cluster-scoped, in a chart that has a namespace', () => {
  const { chart } = program();
  for (const kind of ['ClusterRole', 'ClusterRoleBinding', 'ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding']) {
    expect(objectOf(chart, kind).metadata).not.toHaveProperty('namespace');
  }
});

test('the schedule takes every claim of the StatefulSet, with the class, at its time', () => {
  const { chart, nightly } = program();
  expect(objectOf(chart, 'CronJob').spec).toMatchObject({ schedule: '15 3 * * *', timeZone: 'Europe/Berlin' });
  expect(configOf(chart)).toMatchObject({
    claims: [{ kind: 'Claim', name: 'data-postgres-0' }, { kind: 'Claim', name: 'data-postgres-1' }],
    snapshotClassName: objectOf(chart, 'VolumeSnapshotClass').metadata.name,
    deletionPolicy: 'Retain',
    retention: { keepForSeconds: 604_800, minimumReady: 1 },
  });
  expect(podOf(chart).spec.serviceAccountName).toBe(nightly.rbac.serviceAccountName);
});

test('the restored claim is mounted like any other', () => {
  const { chart, restored } = program();
  expect(objectOf(chart, 'PersistentVolumeClaim').spec).toMatchObject({
    storageClassName: 'gp3',
    dataSource: { kind: 'VolumeSnapshot', name: 'data-postgres-0-20260209-020000' },
    resources: { requests: { storage: '50Gi' } },
  });
  expect(objectOf(chart, 'Pod').spec.volumes[0].persistentVolumeClaim.claimName).toBe(restored.name);
  expect(ApiObject.of(restored).kind).toBe('PersistentVolumeClaim');
});

test('nothing is installed in the cluster but plain objects of its own APIs', () => {
  const { chart } = program();
  expect([...new Set(chart.toJson().map(({ apiVersion }) => apiVersion))].sort()).toEqual([
    'admissionregistration.k8s.io/v1', 'apps/v1', 'batch/v1', 'rbac.authorization.k8s.io/v1', 'snapshot.storage.k8s.io/v1', 'v1',
  ]);
  expect(objectsOf(chart, 'CustomResourceDefinition')).toEqual([]);
});

test('the four names that users know are exported', () => {
  expect([SnapshotClass, ScheduledSnapshot, RestoredPvc, SnapshotRbac].map(({ name }) => name))
    .toEqual(['SnapshotClass', 'ScheduledSnapshot', 'RestoredPvc', 'SnapshotRbac']);
});

describe('the same program gives the same bytes', () => {
  const synthesize = () => Yaml.stringify(...program().chart.toJson());
  const original = { Date, env: process.env };

  afterEach(() => {
    jest.restoreAllMocks();
    globalThis.Date = original.Date;
    Object.defineProperty(process, 'env', { value: original.env });
  });

  test('twice', () => {
    expect(synthesize()).toBe(synthesize());
  });

  test('without a look at the clock', () => {
    const expected = synthesize();
    globalThis.Date = new Proxy(Date, {
      // what is given a time does not ask for it
      construct: (target, parts: [number]) => (parts.length > 0 ? new target(...parts) : refuse('the clock was read')()),
      apply: refuse('the clock was read'),
    });
    jest.spyOn(original.Date, 'now').mockImplementation(refuse('the clock was read'));
    jest.spyOn(performance, 'now').mockImplementation(refuse('the clock was read'));
    expect(synthesize()).toBe(expected);
  });

  test('without chance', () => {
    const expected = synthesize();
    jest.spyOn(Math, 'random').mockImplementation(refuse('chance was asked'));
    for (const source of ['randomBytes', 'randomUUID', 'randomInt'] as const) {
      jest.spyOn(crypto, source as any).mockImplementation(refuse('chance was asked'));
    }
    expect(synthesize()).toBe(expected);
  });

  test('whatever the environment, but for what cdk8s itself reads', () => {
    const expected = synthesize();
    const env = new Proxy({}, {
      get: (_, name) => (String(name).startsWith('CDK8S_') ? undefined : refuse(`${String(name)} was read from the environment`)()),
    });
    Object.defineProperty(process, 'env', { value: env, configurable: true });
    expect(synthesize()).toBe(expected);
  });

  test('without the network or another program', () => {
    const expected = synthesize();
    jest.spyOn(net.Socket.prototype, 'connect').mockImplementation(refuse('the network was used'));
    jest.spyOn(dns, 'lookup').mockImplementation(refuse('the network was used') as any);
    jest.spyOn(childProcess, 'spawnSync').mockImplementation(refuse('a program was started'));
    expect(synthesize()).toBe(expected);
  });
});

function refuse(what: string): () => never {
  return () => { throw new Error(what); };
}
