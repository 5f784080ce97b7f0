import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiObject, JsonPatch, Yaml } from 'cdk8s';
import { kill, repair } from './knobs';
import { SnapshotController } from '../../src';
import { apply, bound, claim, DRIVER, eventually, freshNamespace, getJson, kubectl, names, STORAGE_CLASS, synthesize } from '../cluster';

// the release as its users have it, and its program, which the cluster was built with, in pods as the construct renders them

const RELEASE = 'v8.6.0';
const SYSTEM = 'kube-system';
const NAMESPACE = 'e2e-controller';
const SELECTOR = 'app.kubernetes.io/name=snapshot-controller';
const PROGRAMS = join(process.env.SNAPCLUSTER_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'snapcluster'), 'bin');

/** Where Go keeps a module of external-snapshotter. */
function moduleOf(path: string): string {
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/local/go/bin` };
  const module = `github.com/kubernetes-csi/external-snapshotter/${path}@${RELEASE}`;
  return JSON.parse(execFileSync('go', ['mod', 'download', '-json', module], { encoding: 'utf8', env, cwd: tmpdir() })).Dir;
}

function manifestsIn(directory: string): string[] {
  return readdirSync(directory).filter(name => name.endsWith('.yaml') && name !== 'kustomization.yaml').sort().map(name => readFileSync(join(directory, name), 'utf8'));
}

function render(): any[] {
  const manifests = [...manifestsIn(join(moduleOf('client/v8'), 'config/crd')), ...manifestsIn(join(moduleOf('v8'), 'deploy/kubernetes/snapshot-controller'))];
  return synthesize(SYSTEM, chart => {
    const controller = new SnapshotController(chart, 'Controller', { manifests, groupSnapshots: true, kubeApiQps: 50 });
    // no registry is at hand: the image has no program, the node has
    ApiObject.of(controller).addJsonPatch(
      JsonPatch.replace('/spec/template/spec/containers/0/image', 'docker.io/library/busybox:1.36'),
      JsonPatch.add('/spec/template/spec/containers/0/command', ['/programs/snapshot-controller']),
      JsonPatch.add('/spec/template/spec/containers/0/volumeMounts', [{ name: 'programs', mountPath: '/programs', readOnly: true }]),
      JsonPatch.add('/spec/template/spec/volumes', [{ name: 'programs', hostPath: { path: PROGRAMS, type: 'Directory' } }]),
    );
  });
}

const applied = (objects: any[], ...how: string[]) => kubectl(['apply', '--server-side', '--force-conflicts', ...how, '-f', '-'], Yaml.stringify(...objects)).trim().split('\n');
const holder = (): string => getJson('-n', SYSTEM, 'lease', 'snapshot-controller-leader').spec.holderIdentity ?? '';
const readyPods = () => getJson('-n', SYSTEM, 'pods', '-l', SELECTOR).items
  .filter(({ metadata, status }: any) => !metadata.deletionTimestamp && status.conditions?.some(({ status: is, type }: any) => type === 'Ready' && is === 'True'));

async function takes(name: string): Promise<void> {
  apply([{
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: { name, namespace: NAMESPACE },
    spec: { volumeSnapshotClassName: NAMESPACE, source: { persistentVolumeClaimName: 'data' } },
  }]);
  await eventually(`snapshot ${name} is ready`, 60, () => getJson('-n', NAMESPACE, 'volumesnapshot', name).status?.readyToUse === true);
}

const objects = render();
const ours = objects.filter(({ kind }) => ['Deployment', 'PodDisruptionBudget', 'Service'].includes(kind));

beforeAll(async () => {
  freshNamespace(NAMESPACE);
  apply([
    claim(NAMESPACE, 'data', { storageClassName: STORAGE_CLASS }),
    { apiVersion: 'snapshot.storage.k8s.io/v1', kind: 'VolumeSnapshotClass', metadata: { name: NAMESPACE }, driver: DRIVER, deletionPolicy: 'Delete' },
  ]);
  await bound(NAMESPACE, 'data');
  kill('snapshot-controller');
});

afterAll(() => {
  // the CRDs and the rights are the cluster's own as well
  kubectl(['delete', '--ignore-not-found', '-f', '-'], Yaml.stringify(...ours));
  repair();
});

test('the API server accepts the whole release', () => {
  expect(applied(objects, '--dry-run=server')).toHaveLength(objects.length);
  expect(objects.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['CustomResourceDefinition', 'ClusterRole', 'Deployment', 'PodDisruptionBudget', 'Role', 'Service', 'ServiceAccount']));
});

test('its pods start with what it gives them, are ready, and the one that leads takes snapshots', async () => {
  applied(objects);
  const deployment = objects.find(({ kind }) => kind === 'Deployment');
  await eventually('all pods are ready', 120, () => readyPods().length === deployment.spec.replicas);
  await takes('first');
  const leader = readyPods().find(({ metadata }: any) => holder().startsWith(metadata.name));
  const metrics = await (await fetch(`http://${leader.status.podIP}:${deployment.spec.template.spec.containers[0].ports[0].containerPort}/metrics`)).text();
  expect(metrics).toContain('snapshot_controller_operation_total_seconds');
  expect(names('-n', SYSTEM, 'endpointslices', '-l', 'kubernetes.io/service-name=snapshot-controller-metrics')).toHaveLength(1);
});

test('another one leads when that one is gone', async () => {
  const [first] = holder().split('_');
  kubectl(['-n', SYSTEM, 'delete', 'pod', first, '--wait=false']);
  await eventually('another pod leads', 60, () => holder() !== '' && !holder().startsWith(first));
  await takes('second');
});
