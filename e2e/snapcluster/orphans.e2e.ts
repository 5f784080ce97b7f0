import { Chart, Cron, Duration } from 'cdk8s';
import { HttpClient } from '../../src/runner/http-client';
import { ApiError } from '../../src/runner/kube-client';
import { apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, JobEnd, kubectl, runJob, sleep } from '../cluster';
import { AuditedRequest, AuditLog, clearFaults, injectFaults, storedSnapshots } from './knobs';
import { connection } from './outside';
import {
  CsiDriver, DeletionPolicy, OrphanAction, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotOrphans, SnapshotOrphansProps, SnapshotReclaim,
  SnapshotSource,
} from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-orphans';
const GONE = 'e2e-orphans-gone';
const PLATFORM = 'e2e-orphans-platform';
const CLASS = 'e2e-orphans';
const LET_GO = 'snapshot.storage.kubernetes.io/volumesnapshot-being-deleted';

/** The contents of snapshots of our namespaces, with or without their snapshot. */
const ours = (): any[] => getJson('volumesnapshotcontents').items
  .filter((content: any) => [NAMESPACE, GONE].includes(content.spec.volumeSnapshotRef.namespace));
const nameOf = (uid: string) => `snapcontent-${uid}`;

/** Orphans are what a test leaves behind by nature. */
async function cleanUp(): Promise<void> {
  kubectl(['-n', NAMESPACE, 'delete', 'volumesnapshots', '--all']);
  for (const { metadata } of ours()) {
    const patch = { metadata: { annotations: { [LET_GO]: 'yes' } }, spec: { deletionPolicy: 'Delete' } };
    kubectl(['patch', 'volumesnapshotcontent', metadata.name, '--type=merge', '-p', JSON.stringify(patch)]);
    kubectl(['delete', 'volumesnapshotcontent', metadata.name, '--wait=false', '--ignore-not-found']);
  }
  await eventually('earlier contents are gone', 120, () => ours().length === 0);
}

beforeAll(async () => {
  applyChart(undefined, chart => new SnapshotReclaim(chart, 'Reclaim'));
  freshNamespace(PLATFORM);
  for (const namespace of [NAMESPACE, GONE]) { freshNamespace(namespace); }
  await cleanUp();
  applyChart(undefined, chart => new SnapshotClass(chart, 'Class', {
    metadata: { name: CLASS }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.RETAIN,
  }));
  apply([claim(NAMESPACE, 'data'), claim(NAMESPACE, 'logs'), claim(NAMESPACE, 'misc'), claim(GONE, 'data')]);
  await bound(NAMESPACE, 'data', 'logs', 'misc');
  await bound(GONE, 'data');
});

afterAll(async () => {
  clearFaults();
  await cleanUp();
});

/** The CronJob of a look, or of what gives back, that knows our namespaces alone. */
function orphans(name: string, props: SnapshotOrphansProps = {}): void {
  applyChart(PLATFORM, (chart: Chart) => new SnapshotOrphans(chart, 'Orphans', {
    metadata: { name }, namespaces: [NAMESPACE, GONE], olderThan: Duration.seconds(1), suspend: true, ...props,
  }));
}

const RECLAIM = { action: OrphanAction.RECLAIM };

/** A run that gives back. The API server needs a moment to enforce the fence that was just applied, and without it a run does nothing. */
async function runFenced(name: string): Promise<JobEnd> {
  return eventually(`the fence of ${name} is enforced`, 30, async () => {
    const end = await runJob(PLATFORM, name);
    return !end.message.includes('the fence of the SnapshotOrphans is missing') && end;
  });
}

function schedule(namespace: string, name: string): void {
  applyChart(namespace, (chart: Chart) => new ScheduledSnapshot(chart, 'Schedule', {
    metadata: { name },
    source: SnapshotSource.fromClaimName('data'),
    snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Class', CLASS, { deletionPolicy: DeletionPolicy.RETAIN }),
    schedule: Cron.schedule({ hour: '3', minute: '15' }),
    suspend: true,
    retention: RetentionPolicy.keepLast(9),
  }));
}

async function runs(namespace: string, name: string, count: number): Promise<string[]> {
  schedule(namespace, name);
  for (let run = 0; run < count; run += 1) { expect(await runJob(namespace, name)).toMatchObject({ succeeded: true }); }
  // in the order in which they were taken
  return getJson('-n', namespace, 'volumesnapshots', '--sort-by=.metadata.creationTimestamp').items.map((made: any) => made.metadata.uid);
}

/** Takes a snapshot of this name, and returns its uid. */
async function snapshot(claimName: string, name: string): Promise<string> {
  apply([{
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: { name, namespace: NAMESPACE },
    spec: { volumeSnapshotClassName: CLASS, source: { persistentVolumeClaimName: claimName } },
  }]);
  const made = await eventually(`${name} is ready`, 60, () => {
    const now = getJson('-n', NAMESPACE, 'volumesnapshot', name);
    return now.status?.readyToUse && now;
  });
  return made.metadata.uid;
}

/** The same, deleted by hand. */
async function orphan(claimName: string, name: string): Promise<string> {
  const uid = await snapshot(claimName, name);
  kubectl(['-n', NAMESPACE, 'delete', 'volumesnapshot', name]);
  return uid;
}

/** What an administrator does with a snapshot that was deleted by mistake. */
async function rescue(uid: string, contentName: string): Promise<void> {
  const name = 'rescued-manual-0123abcd';
  apply([{
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshotContent',
    metadata: { name: contentName },
    spec: {
      deletionPolicy: 'Retain', driver: DRIVER, source: { snapshotHandle: `snapshot-${uid}` }, volumeSnapshotRef: { name, namespace: NAMESPACE },
    },
  }, {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: { name, namespace: NAMESPACE },
    spec: { source: { volumeSnapshotContentName: contentName } },
  }]);
  await eventually('the rescued one is ready', 60, () => getJson('-n', NAMESPACE, 'volumesnapshot', name).status?.readyToUse);
}

const night = (number: number) => `2026020${number}-021500-0123abcd`;
const linesOf = (end: JobEnd, step: string) => end.log.filter(line => line.step === step);
const stays = (end: JobEnd) => Object.fromEntries(linesOf(end, 'orphan').map(({ content, stays: reason }) => [content, reason]));
const exists = (uid: string) => ours().some(content => content.metadata.name === nameOf(uid));

test('what is deleted by hand or with its namespace under Retain is found, with its handle, and left as it is', async () => {
  const [deleted, living] = await runs(NAMESPACE, 'nightly', 2);
  const [lost] = await runs(GONE, 'nightly', 1);
  const { name } = getJson('volumesnapshotcontent', nameOf(deleted)).spec.volumeSnapshotRef;
  kubectl(['-n', NAMESPACE, 'delete', 'volumesnapshot', name]);
  kubectl(['delete', 'namespace', GONE, '--wait=true', '--timeout=120s']);

  orphans('look');
  const before = ours().map(content => content.metadata.resourceVersion);
  const end = await runJob(PLATFORM, 'look');
  expect(end).toMatchObject({ succeeded: true, exitCode: 0 });
  const lines = linesOf(end, 'orphan').sort((a, b) => (a.namespace < b.namespace ? -1 : 1));
  const common = { driver: DRIVER, claim: 'data', deletionPolicy: 'Retain', restoreSize: 104857600, snapshotDeletedAt: expect.any(String) };
  expect(lines).toEqual([
    expect.objectContaining({ ...common, namespace: NAMESPACE, snapshot: name, content: nameOf(deleted), handle: `snapshot-${deleted}` }),
    expect.objectContaining({ ...common, namespace: GONE, content: nameOf(lost), handle: `snapshot-${lost}`, stays: 'one of the newest 1 of its volume' }),
  ]);
  expect(end.message).toMatch(/^2 of \d+ contents are orphans, of 2 volumes, 200MiB to restore: /);
  expect(end.message).toContain('reclaiming would give back 1 (100MiB) and leave 1: 1 among the newest of their volume; ');
  expect(ours().map(content => content.metadata.resourceVersion)).toEqual(before);
  expect(storedSnapshots()).toEqual(expect.arrayContaining([deleted, living, lost]));
});

test('giving back takes the old ones; it leaves the newest of each volume, the living, the held, the rescued, the young, and what is not ours', async () => {
  await cleanUp();
  const kept: { [what: string]: string } = {};
  const due = [await orphan('data', `data-${night(1)}`), await orphan('data', `data-${night(2)}`)];
  kept['among the held'] = await orphan('data', `data-${night(3)}`);
  kept['among the rescued'] = await orphan('data', `data-${night(4)}`);
  kept['never let go'] = await orphan('data', `data-${night(5)}`);
  kept['of another tool'] = await orphan('data', 'by-hand');
  kept['the newest'] = await orphan('data', `data-${night(6)}`);
  due.push(await orphan('logs', `logs-${night(1)}`));
  kept.living = await snapshot('logs', `logs-${night(2)}`);
  kubectl(['annotate', 'volumesnapshotcontent', nameOf(kept['among the held']), 'cdk8s-volume-snapshots/hold=ticket-7']);
  kubectl(['annotate', 'volumesnapshotcontent', nameOf(kept['never let go']), `${LET_GO}-`]);
  await rescue(kept['among the rescued'], 'e2e-orphans-rescued');
  // the content that an administrator made then has a name as ours, and no VolumeSnapshot
  kubectl(['-n', NAMESPACE, 'delete', 'volumesnapshot', 'rescued-manual-0123abcd']);

  orphans('young', { ...RECLAIM, olderThan: Duration.hours(1), keepNewestPerVolume: 0 });
  const young = await runFenced('young');
  expect(young).toMatchObject({ succeeded: true, exitCode: 0 });
  expect(young.message).toContain('the storage of 0 of 7 orphans is being given back');
  expect(due.filter(exists)).toEqual(due);

  orphans('reclaim', RECLAIM);
  const audit = new AuditLog();
  const end = await runFenced('reclaim');
  expect(end).toMatchObject({ succeeded: true, exitCode: 0 });
  expect(linesOf(end, 'reclaimed').map(line => line.content).sort()).toEqual(due.map(nameOf).sort());
  expect(stays(end)).toEqual({
    ...Object.fromEntries(due.map(uid => [nameOf(uid), undefined])),
    [nameOf(kept['among the held'])]: "held by 'hold'=ticket-7",
    [nameOf(kept['among the rescued'])]: "its storage is also that of content 'e2e-orphans-rescued'",
    [nameOf(kept['never let go'])]: expect.stringContaining('the snapshot controller has not seen its VolumeSnapshot go'),
    [nameOf(kept['the newest'])]: 'one of the newest 1 of its volume',
  });
  await eventually('contents and storage are those that stay', 60, () => {
    const stored = storedSnapshots();
    return due.every(uid => !exists(uid) && !stored.includes(uid)) && Object.values(kept).every(uid => exists(uid) && stored.includes(uid));
  });
  expect(ours().map(content => content.spec.deletionPolicy)).toEqual(ours().map(() => 'Retain'));

  const requests = audit.requestsOf(PLATFORM, 'reclaim');
  // update is for the fence of SnapshotReclaim, which is in the cluster, to look at
  expect([...used(requests), 'update snapshot.storage.k8s.io/volumesnapshotcontents']).toEqual(grantedBy('reclaim.e2e-orphans-platform'));
  expect(requests.filter(({ code }) => code >= 400).map(({ verb, code }) => `${verb} ${code}`)).toEqual([
    // what the fence must refuse
    'patch 422',
    ...due.map(() => 'get 404'),
  ]);
});

test('a look uses the rights that it has, and has no others', async () => {
  const audit = new AuditLog();
  orphans('rights');
  await runJob(PLATFORM, 'rights');
  expect(used(audit.requestsOf(PLATFORM, 'rights'))).toEqual(grantedBy('rights.e2e-orphans-platform'));
});

test('while the driver refuses to delete, nothing is lost or hidden, the next run says so, and it ends by itself', async () => {
  const due = await orphan('misc', `misc-${night(1)}`);
  await orphan('misc', `misc-${night(2)}`);
  orphans('refused', RECLAIM);
  orphans('refused-look');
  await sleep(1_000);
  injectFaults('delete-fail');
  try {
    expect(await runFenced('refused')).toMatchObject({ succeeded: true, exitCode: 0 });
    const end = await runJob(PLATFORM, 'refused-look');
    expect(end.message).toMatch(new RegExp(`1 being deleted since before this run, up to \\S+: e2e-orphans/misc-\\S+ \\(${nameOf(due)}\\); `));
    expect(linesOf(end, 'deleting')).toEqual([expect.objectContaining({ content: nameOf(due), handle: `snapshot-${due}` })]);
    expect(storedSnapshots()).toContain(due);
  } finally {
    clearFaults();
  }
  await eventually('content and storage are gone', 60, () => !exists(due) && !storedSnapshots().includes(due));
});

test('what a run left between the change of the policy and the deletion is finished by the next one', async () => {
  const due = await orphan('misc', `misc-${night(3)}`);
  await orphan('misc', `misc-${night(4)}`);
  kubectl(['patch', 'volumesnapshotcontent', nameOf(due), '--type=merge', '-p', '{"spec":{"deletionPolicy":"Delete"}}']);
  orphans('finish', RECLAIM);
  await sleep(1_000);
  expect(await runFenced('finish')).toMatchObject({ succeeded: true, exitCode: 0 });
  await eventually('content and storage are gone', 60, () => !exists(due) && !storedSnapshots().includes(due));
});

describe("with the token of the service account that gives back, and SnapshotReclaim's fence in the cluster", () => {
  const contents = '/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents';
  const snapshots = `/apis/snapshot.storage.k8s.io/v1/namespaces/${NAMESPACE}/volumesnapshots`;
  const DELETE = { spec: { deletionPolicy: 'Delete' } };
  const found: { [what: string]: string } = {};
  let client: HttpClient;

  beforeAll(async () => {
    await cleanUp();
    orphans('fenced', { ...RECLAIM, namespaces: [NAMESPACE] });
    found.living = nameOf(await snapshot('misc', `misc-${night(5)}`));
    found.orphan = nameOf(await orphan('misc', `misc-${night(6)}`));
    found.foreign = nameOf(await orphan('misc', 'by-hand-too'));
    found.static = 'e2e-orphans-static';
    await rescue(found.foreign.replace('snapcontent-', ''), found.static);
    const { server, certificate } = connection();
    const token = kubectl(['-n', PLATFORM, 'create', 'token', 'fenced']).trim();
    client = new HttpClient({ host: server.hostname, port: server.port || '443', ca: certificate, token: () => token });
    // the API server needs a moment to enforce a new policy, and while it does not, nothing worse than this happens to the orphan
    const refused = () => patch('orphan', { metadata: { labels: { fenced: 'no' } } }).then(() => false, () => true);
    for (let tries = 0; tries < 50 && !await refused(); tries += 1) { await sleep(200); }
  });

  afterAll(() => client.close());

  const patch = (what: string, body: object) => client.request({ method: 'PATCH', path: `${contents}/${found[what]}`, body });
  const remove = (what: string) => client.request({ method: 'DELETE', path: `${contents}/${found[what]}` });

  test.each<[string, () => Promise<any>, RegExp]>([
    ['the content of a living snapshot cannot be given back', () => patch('living', DELETE), /only the content of a snapshot that was taken in this cluster, and deleted since/],
    ['the content of a living snapshot cannot be deleted', () => remove('living'), /and deleted since, may be given back/],
    ['a content that somebody made cannot be given back', () => patch('static', DELETE), /taken in this cluster/],
    ['a content that somebody made cannot be deleted', () => remove('static'), /taken in this cluster/],
    ["another tool's cannot be given back", () => patch('foreign', DELETE), /only the content of a schedule's snapshot, in the namespaces that are looked after/],
    ["another tool's cannot be deleted", () => remove('foreign'), /only the content of a schedule's snapshot/],
    ['an orphan that retains its storage cannot be deleted, and so hidden', () => remove('orphan'), /may not be deleted, or nothing would be left that shows it/],
    ['no other field can be changed', () => patch('orphan', { spec: { volumeSnapshotRef: { namespace: PLATFORM } } }), /nothing but spec.deletionPolicy may be changed/],
    ['no annotation can be set', () => patch('orphan', { metadata: { annotations: { 'snapshot.storage.kubernetes.io/deletion-secret-name': 'x' } } }), /nothing but/],
    ['no finalizer can be removed', () => patch('orphan', { ...DELETE, metadata: { finalizers: null } }), /nothing but/],
    ['the mark of the snapshot controller cannot be set', () => patch('living', { metadata: { annotations: { [LET_GO]: 'yes' } } }), /deleted since/],
    ['the status cannot be changed', () => client.request({ method: 'PATCH', path: `${contents}/${found.orphan}/status`, body: { status: { snapshotHandle: 'x' } } }), /cannot patch/],
    ['no content can be made', () => client.request({ method: 'POST', path: contents, body: {} }), /cannot create/],
    ['a VolumeSnapshot cannot be deleted', () => client.request({ method: 'DELETE', path: `${snapshots}/misc-${night(5)}` }), /cannot delete/],
    ['a VolumeSnapshot cannot be changed', () => client.request({ method: 'PATCH', path: `${snapshots}/misc-${night(5)}`, body: { metadata: { labels: { x: 'y' } } } }), /cannot patch/],
    ['claims cannot be listed', () => client.request({ method: 'GET', path: '/api/v1/persistentvolumeclaims' }), /cannot list/],
    ['secrets cannot be read', () => client.request({ method: 'GET', path: `/api/v1/namespaces/${PLATFORM}/secrets` }), /cannot list/],
  ])('%s', async (_, attempt, refusal) => {
    const error = await attempt().then(() => undefined, reason => reason);
    expect(error).toBeInstanceOf(ApiError);
    expect([403, 422]).toContain(error.status);
    expect(error.message).toMatch(refusal);
  });

  test('an orphan can be set to Delete, and back', async () => {
    expect((await patch('orphan', DELETE)).spec.deletionPolicy).toBe('Delete');
    expect((await patch('orphan', { spec: { deletionPolicy: 'Retain' } })).spec.deletionPolicy).toBe('Retain');
  });

  test("needs the right to update, which it does not use: SnapshotReclaim's fence would ask it for rights to living snapshots", async () => {
    const rules = (verbs: string[]) => ['patch', 'clusterrole', 'fenced.e2e-orphans-platform', '--type=json', '-p',
      JSON.stringify([{ op: 'replace', path: '/rules/0/verbs', value: verbs }])];
    kubectl(rules(['delete', 'list', 'patch']));
    let refusal = '';
    for (let tries = 0; tries < 50 && refusal === ''; tries += 1) {
      await sleep(200);
      refusal = await patch('orphan', { spec: { deletionPolicy: 'Retain' } }).then(() => '', (error: Error) => error.message);
    }
    expect(refusal).toMatch(/only who may delete VolumeSnapshots in namespace 'e2e-orphans' may give back their storage/);
  });

  test('nothing of that has cost data', () => {
    expect(storedSnapshots()).toEqual(expect.arrayContaining([found.living, found.orphan, found.foreign].map(name => name.replace('snapcontent-', ''))));
    expect(ours().map(({ metadata }) => metadata.name).sort()).toEqual(Object.values(found).sort());
  });
});

/** The ClusterRole's rules as lines 'verb resource'. */
function grantedBy(clusterRole: string): string[] {
  return getJson('clusterrole', clusterRole).rules
    .flatMap((rule: any) => rule.verbs.map((verb: string) => `${verb} ${rule.apiGroups[0]}/${rule.resources[0]}`)).sort();
}

/** Requests in the same form. */
function used(requests: AuditedRequest[]): string[] {
  return [...new Set(requests.map(({ verb, resource }) => `${verb} ${resource}`))].sort();
}
