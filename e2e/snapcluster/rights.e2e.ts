import { Chart, Cron, Duration } from 'cdk8s';
import { HttpClient } from '../../src/runner/http-client';
import { ApiError } from '../../src/runner/kube-client';
import { apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, kubectl, runJob } from '../cluster';
import { startPod } from '../databases';
import { AuditedRequest, AuditLog, storedSnapshots } from './knobs';
import { connection } from './outside';
import {
  CsiDriver, DeletionPolicy, Quiesce, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotReclaim, SnapshotSource,
} from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-rights';
const OTHER = 'e2e-rights-other';

beforeAll(async () => {
  applyChart(undefined, chart => new SnapshotReclaim(chart, 'Reclaim'));
  for (const namespace of [NAMESPACE, OTHER]) {
    freshNamespace(namespace);
    apply([claim(namespace, 'a', { labels: { backup: 'yes' } }), claim(namespace, 'b', { labels: { backup: 'yes' } })]);
    await bound(namespace, 'a', 'b');
  }
});

function schedule(namespace: string, name: string, ...sources: SnapshotSource[]): void {
  quiescedSchedule(namespace, name, sources);
}

function quiescedSchedule(namespace: string, name: string, [source, ...more]: SnapshotSource[], quiesce?: Quiesce): void {
  applyChart(namespace, (chart: Chart) => {
    const made = new ScheduledSnapshot(chart, 'Schedule', {
      metadata: { name },
      source,
      snapshotClass: new SnapshotClass(chart, 'Class', { metadata: { name: 'e2e-rights' }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.RETAIN }),
      schedule: Cron.schedule({ hour: '3', minute: '15' }),
      suspend: true,
      retention: RetentionPolicy.keepLast(1),
      readyTimeout: Duration.seconds(60),
      quiesce,
    });
    more.forEach(each => made.addSource(each));
  });
}

/** The Role's rules as lines 'verb resource'. */
function grantedBy(role: string): string[] {
  return getJson('-n', NAMESPACE, 'role', role).rules.flatMap((rule: any) => rule.verbs.flatMap((verb: string) => rule.resources.map((resource: string) =>
    `${verb} ${[rule.apiGroups[0], resource].filter(Boolean).join('/')}`))).sort();
}

/** Requests in the same form. */
const used = (requests: AuditedRequest[]) => [...new Set(requests.map(({ verb, resource }) => `${verb} ${resource}`))].sort();

/** What SnapshotReclaim allows. */
const RECLAIM = 'patch snapshot.storage.k8s.io/volumesnapshotcontents';

test.each([
  ['named', () => [SnapshotSource.fromClaimName('a'), SnapshotSource.fromClaimName('b')]],
  ['selected', () => [SnapshotSource.fromSelector({ backup: 'yes' })]],
])('every right of a schedule whose claims are %s is used, and nothing else is asked for', async (name, sources) => {
  schedule(NAMESPACE, name, ...sources());
  const audit = new AuditLog();
  for (let run = 0; run < 2; run += 1) { expect(await runJob(NAMESPACE, name)).toMatchObject({ succeeded: true }); }
  const requests = audit.requestsOf(NAMESPACE, name);
  expect(used(requests).filter(line => line !== RECLAIM)).toEqual(grantedBy(name));
  expect(requests.filter(request => request.code === 403)).toEqual([]);
  // what the fence must refuse, asked for once a run
  expect(requests.filter(request => request.code === 422)).toHaveLength(2);
});

describe('a schedule that quiesces', () => {
  const pods = ['db-0', 'other'];
  beforeAll(async () => {
    await Promise.all(pods.map(name => startPod({
      namespace: NAMESPACE, name, container: { image: 'busybox:1.36', command: ['sleep', '3600'] }, volumes: { [name === 'db-0' ? 'data-db-0' : 'other']: '/data' },
    })));
  });

  const quiesce = Quiesce.custom({ quiesce: ':', release: ':' });
  /** Which of the two a server asks for depends on its version. */
  const EITHER = ['create pods/exec', 'get pods/exec'];

  test.each<[string, SnapshotSource, string[] | undefined]>([
    ['whose pods are known', SnapshotSource.fromStatefulSetName('db', { templates: ['data'], replicas: 1 }), ['db-0']],
    ['whose pods are found', SnapshotSource.fromClaimName('other'), undefined],
  ])('%s has just the rights that it uses, and in no other pods than it may know', async (how, source, resourceNames) => {
    const name = how.split(' ').pop() as string;
    quiescedSchedule(NAMESPACE, name, [source], quiesce);
    const audit = new AuditLog();
    for (let run = 0; run < 2; run += 1) {
      expect(await runJob(NAMESPACE, name)).toMatchObject({ succeeded: true, message: expect.stringContaining('application-consistent') });
    }
    const requests = audit.requestsOf(NAMESPACE, name);
    const others = (lines: string[]) => lines.filter(line => line !== RECLAIM && !EITHER.includes(line));
    expect(others(used(requests))).toEqual(others(grantedBy(name)));
    expect(used(requests).some(line => EITHER.includes(line))).toBe(true);
    expect(requests.filter(request => request.code === 403)).toEqual([]);
    const rules = getJson('-n', NAMESPACE, 'role', name).rules.filter((rule: any) => rule.resources[0].startsWith('pods'));
    expect(rules.map((rule: any) => rule.resourceNames)).toEqual([resourceNames, resourceNames]);
  });

  test('a token of one whose pods are known opens no other pod', async () => {
    const client = connect(kubectl(['-n', NAMESPACE, 'create', 'token', 'known']).trim());
    const run = (pod: string) => client.exec({ namespace: NAMESPACE, pod, command: ['echo', 'in'] });
    const session = await run('db-0');
    expect(await session.nextLine()).toBe('in');
    session.close();
    await expect(run('other')).rejects.toThrow(/pods "other" is forbidden/);
    await expect(client.request({ method: 'GET', path: `/api/v1/namespaces/${NAMESPACE}/pods` })).rejects.toThrow(/forbidden/);
    client.close();
  });
});

test('a run asks for no more than its work: a list and a watch, two looks at the claims, a create and an Event a claim, a patch and a delete a pruned snapshot', async () => {
  schedule(NAMESPACE, 'counted', SnapshotSource.fromClaimName('a'), SnapshotSource.fromClaimName('b'));
  await runJob(NAMESPACE, 'counted');
  const audit = new AuditLog();
  await runJob(NAMESPACE, 'counted');
  const counts: { [call: string]: number } = {};
  for (const { verb, resource } of audit.requestsOf(NAMESPACE, 'counted')) {
    const call = `${verb} ${resource.split('/').pop()}`;
    counts[call] = (counts[call] ?? 0) + 1;
  }
  expect(counts).toEqual({
    // to find its claims, and those that are being restored
    'list persistentvolumeclaims': 2,
    'list volumesnapshots': 1,
    'watch volumesnapshots': 1,
    'create volumesnapshots': 2,
    // one of them to see that the fence stands
    'patch volumesnapshotcontents': 3,
    'delete volumesnapshots': 2,
    'create events': 2,
  });
});

describe("with a schedule's own token", () => {
  let client: HttpClient;
  let own: any;
  let foreign: any;

  beforeAll(async () => {
    for (const namespace of [NAMESPACE, OTHER]) {
      schedule(namespace, 'fenced', SnapshotSource.fromClaimName('a'));
      await runJob(namespace, 'fenced');
    }
    const contentIn = (namespace: string) => getJson('volumesnapshotcontent', getJson('-n', namespace, 'volumesnapshots', '-l',
      'cdk8s-volume-snapshots/schedule=fenced').items[0].status.boundVolumeSnapshotContentName);
    own = contentIn(NAMESPACE);
    foreign = contentIn(OTHER);
    // what an administrator's clone or import looks like: bound here, the handle of another namespace's snapshot
    apply([{
      apiVersion: 'snapshot.storage.k8s.io/v1',
      kind: 'VolumeSnapshotContent',
      metadata: { name: 'e2e-rights-static' },
      spec: {
        deletionPolicy: 'Retain',
        driver: DRIVER,
        source: { snapshotHandle: foreign.status.snapshotHandle },
        volumeSnapshotRef: { name: 'static', namespace: NAMESPACE },
      },
    }, {
      apiVersion: 'snapshot.storage.k8s.io/v1',
      kind: 'VolumeSnapshot',
      metadata: { name: 'static', namespace: NAMESPACE },
      spec: { source: { volumeSnapshotContentName: 'e2e-rights-static' } },
    }]);
    await eventually('the static snapshot is ready', 30, () => getJson('-n', NAMESPACE, 'volumesnapshot', 'static').status?.readyToUse);
    client = connect(kubectl(['-n', NAMESPACE, 'create', 'token', 'fenced']).trim());
  });

  afterAll(() => {
    client.close();
    kubectl(['-n', NAMESPACE, 'delete', 'volumesnapshot', 'static']);
    kubectl(['delete', 'volumesnapshotcontent', 'e2e-rights-static', '--wait=false']);
  });

  const contents = '/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents';
  const patch = (name: string, body: object) => client.request({ method: 'PATCH', path: `${contents}/${name}`, body });
  const DELETE = { spec: { deletionPolicy: 'Delete' } };

  test.each<[string, () => Promise<any>, RegExp]>([
    ["another namespace's content cannot be given back", () => patch(foreign.metadata.name, DELETE), /only who may delete VolumeSnapshots in namespace 'e2e-rights-other'/],
    ["a static content with another namespace's handle cannot be given back", () => patch('e2e-rights-static', DELETE), /not a pre-provisioned one/],
    ['no other field can be changed', () => patch(own.metadata.name, { spec: { volumeSnapshotClassName: 'other' } }), /nothing but spec.deletionPolicy may be changed/],
    ['the driver cannot be changed', () => patch(own.metadata.name, { spec: { driver: 'other' } }), /nothing but spec.deletionPolicy may be changed/],
    ['the snapshot that it belongs to cannot be changed', () => patch(own.metadata.name, { spec: { volumeSnapshotRef: { namespace: OTHER } } }), /nothing but spec.deletionPolicy may be changed/],
    ['no annotation can be set', () => patch(own.metadata.name, { metadata: { annotations: { 'snapshot.storage.kubernetes.io/deletion-secret-name': 'x' } } }), /metadata included/],
    ['no label can be set', () => patch(own.metadata.name, { metadata: { labels: { x: 'y' } } }), /metadata included/],
    ['no finalizer can be removed', () => patch(own.metadata.name, { metadata: { finalizers: null } }), /metadata included/],
    ['no owner can be set', () => patch(own.metadata.name, { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'y' }] } }), /metadata included/],
    ['a permitted change does not carry another along', () => patch(own.metadata.name, { ...DELETE, metadata: { annotations: { x: 'y' } } }), /metadata included/],
    ['the status cannot be changed', () => client.request({ method: 'PATCH', path: `${contents}/${own.metadata.name}/status`, body: { status: { snapshotHandle: 'x' } } }), /cannot patch/],
    ['contents cannot be read', () => client.request({ method: 'GET', path: `${contents}/${own.metadata.name}` }), /cannot get/],
    ['contents cannot be listed', () => client.request({ method: 'GET', path: contents }), /cannot list/],
    ['contents cannot be deleted', () => client.request({ method: 'DELETE', path: `${contents}/${own.metadata.name}` }), /cannot delete/],
    ["another namespace's snapshots cannot be listed", () => client.request({ method: 'GET', path: `/apis/snapshot.storage.k8s.io/v1/namespaces/${OTHER}/volumesnapshots` }), /cannot list/],
    ["another namespace's claims cannot be listed", () => client.request({ method: 'GET', path: `/api/v1/namespaces/${OTHER}/persistentvolumeclaims` }), /cannot list/],
    ['a claim cannot be deleted', () => client.request({ method: 'DELETE', path: `/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims/a` }), /cannot delete/],
    ['secrets cannot be read', () => client.request({ method: 'GET', path: `/api/v1/namespaces/${NAMESPACE}/secrets` }), /cannot list/],
  ])('%s', async (_, attempt, refusal) => {
    const error = await attempt().then(() => undefined, reason => reason);
    expect(error).toBeInstanceOf(ApiError);
    expect([403, 422]).toContain(error.status);
    expect(error.message).toMatch(refusal);
  });

  test('the policy of its own content can be changed, and back', async () => {
    expect((await patch(own.metadata.name, DELETE)).spec.deletionPolicy).toBe('Delete');
    expect((await patch(own.metadata.name, { spec: { deletionPolicy: 'Retain' } })).spec.deletionPolicy).toBe('Retain');
  });

  test('without the fence, the run sees that any content could be changed, changes none, prunes none, and says so', async () => {
    kubectl(['delete', 'validatingadmissionpolicybinding', 'cdk8s-volume-snapshots-reclaim']);
    try {
      await eventually('the fence is down', 10, isOpen);
      const before = getJson('-n', NAMESPACE, 'volumesnapshots').items.length;
      const end = await runJob(NAMESPACE, 'fenced');
      expect(end).toMatchObject({ succeeded: false, exitCode: 1 });
      expect(end.message).toMatch(/may change any content of the cluster, .*apply the SnapshotReclaim whole/);
      expect(getJson('-n', NAMESPACE, 'volumesnapshots').items).toHaveLength(before + 1);
      expect(getJson('volumesnapshotcontent', own.metadata.name)).toMatchObject({ spec: { deletionPolicy: 'Retain' } });
      expect(JSON.stringify(getJson('volumesnapshotcontents'))).not.toContain('fence-probe');
    } finally {
      applyChart(undefined, chart => new SnapshotReclaim(chart, 'Reclaim'));
    }
    await eventually('the fence stands again', 10, async () => !await isOpen());
    expect(await runJob(NAMESPACE, 'fenced')).toMatchObject({ succeeded: true });
  });

  /** Whether the schedule could set an annotation of its content. */
  const isOpen = () => client.request({
    method: 'PATCH', path: `${contents}/${own.metadata.name}`, query: { dryRun: 'All' }, body: { metadata: { annotations: { x: 'y' } } },
  }).then(() => true, () => false);

  test('the storage of the other namespace is untouched', () => {
    expect(storedSnapshots()).toContain(foreign.metadata.name.replace('snapcontent-', ''));
  });
});

function connect(token: string): HttpClient {
  const { server, certificate } = connection();
  return new HttpClient({ host: server.hostname, port: server.port || '443', ca: certificate, token: () => token });
}
