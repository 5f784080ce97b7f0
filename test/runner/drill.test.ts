import { Call, DAY, FakeApiServer, FakePod, HOUR, inShort, MINUTE, NAMESPACE, SECOND, SnapshotSeed, TONIGHT } from './fake-api-server';
import { ClusterCall, ClusterClient, FakeCluster } from './fake-cluster';
import { CONFIG_VERSION, DrillConfig, KEYS } from '../../src/runner/config';
import { runDrill } from '../../src/runner/drill';
import { ApiError, ConnectionError } from '../../src/runner/kube-client';
import { RunResult } from '../../src/runner/report';

const CLAIMS = `/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims`;
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
const SPEC = { storageClassName: 'gp3', accessModes: ['ReadWriteOnce'], volumeMode: 'Filesystem', storage: '5Gi' };

function drill(changes: Partial<DrillConfig> = {}): DrillConfig {
  return {
    kind: 'Drill',
    version: CONFIG_VERSION,
    drillId: 'db-drill',
    scheduleId: 'nightly',
    volumes: { data: 'data-db-0' },
    maxAgeSeconds: 26 * 3600,
    timeoutSeconds: 600,
    pod: { metadata: { labels: { mesh: 'no' }, annotations: {} }, spec: { containers: [{ name: 'db' }, { name: 'check' }], volumes: [{ name: 'drill', emptyDir: {} }] } },
    ...changes,
  };
}

interface Finished extends RunResult {
  readonly requests: string[];
  readonly seconds: number;
}

function start(server: FakeApiServer, config: DrillConfig, jobUid = 'job-1') {
  const pod = new FakePod(server);
  const terminated = new AbortController();
  const result = Promise.resolve().then(() => runDrill({
    client: pod, config, namespace: NAMESPACE, pod: 'db-drill-1-x7k2p', jobUid, signal: terminated.signal, log: () => undefined,
  }));
  return { pod, result, sigterm: () => terminated.abort() };
}

async function perform(server: FakeApiServer, changes: Partial<DrillConfig> = {}, jobUid?: string): Promise<Finished> {
  const [before, from] = [server.calls.length, server.clock.now()];
  const result = await server.clock.until(start(server, drill(changes), jobUid).result);
  return { ...result, seconds: (server.clock.now() - from) / 1000, requests: server.calls.slice(before).map(inShort) };
}

const left = (server: FakeApiServer) => [...server.listOf(CLAIMS), ...server.listOf(PODS)]
  .filter(({ metadata }) => metadata.labels?.[KEYS.drill]).map(({ metadata }) => metadata.name);
const snapshotOf = (server: FakeApiServer, name: string) => server.snapshots.find(({ metadata }) => metadata.name === name).metadata;

function taken(server: FakeApiServer, claim: string, hoursAgo: number, seed: Partial<SnapshotSeed> = {}): void {
  const at = TONIGHT - hoursAgo * HOUR;
  server.addSnapshot(claim, {
    name: `${claim}-${hoursAgo}`, at, ...seed, annotations: { [KEYS.scheduledFor]: new Date(at).toISOString(), [KEYS.claimSpec]: JSON.stringify(SPEC) },
  });
}

function cluster(...claims: string[]): FakeApiServer {
  const server = new FakeApiServer();
  for (const claim of claims) {
    server.addClaim(claim);
    taken(server, claim, 30);
    taken(server, claim, 6);
  }
  return server;
}

describe('a drill', () => {
  test('restores the newest snapshot, lets the check look at it, marks it, and leaves nothing behind', async () => {
    const server = cluster('data-db-0');
    const made: any[] = [];
    server.before = ({ request, verb }) => { if (verb === 'POST') { made.push(request.body); } };
    const run = await perform(server);
    expect(run).toMatchObject({ exitCode: 0, message: "the drill passed: 'data-db-0-6' (crash-consistent, 6h4s old) restored, started and checked in 4s: the query gave 10000" });
    const [claim, pod] = made;
    expect(claim).toMatchObject({ spec: { dataSource: { name: 'data-db-0-6' }, storageClassName: 'gp3', resources: { requests: { storage: '5Gi' } } } });
    expect(claim.metadata.labels).toEqual({ [KEYS.restored]: 'true', [KEYS.drill]: 'db-drill' });
    expect(pod.spec.volumes).toEqual([{ name: 'data', persistentVolumeClaim: { claimName: claim.metadata.name } }, { name: 'drill', emptyDir: {} }]);
    expect(pod.metadata.labels).toMatchObject({ mesh: 'no', [KEYS.drill]: 'db-drill' });
    expect(snapshotOf(server, 'data-db-0-6')).toMatchObject({
      labels: { [KEYS.verified]: 'true' }, annotations: { [KEYS.verifiedAt]: expect.stringMatching(/^2026-02-09T02:00:/), [KEYS.recoverySeconds]: '4' },
    });
    expect(left(server)).toEqual([]);
    expect(server.events.filter(({ reason }) => reason === 'RestoreDrillPassed')).toHaveLength(1);
  });

  test('of several volumes takes them from one run', async () => {
    const server = cluster('data-db-0', 'wal-db-0');
    taken(server, 'data-db-0', 1);
    await perform(server, { volumes: { data: 'data-db-0', wal: 'wal-db-0' } });
    expect(['data-db-0-6', 'wal-db-0-6'].map(name => snapshotOf(server, name).labels[KEYS.verified])).toEqual(['true', 'true']);
    expect(snapshotOf(server, 'data-db-0-1').labels[KEYS.verified]).toBeUndefined();
  });

  test('chooses anew each time', async () => {
    const server = cluster('data-db-0');
    await perform(server);
    taken(server, 'data-db-0', 0);
    await perform(server, {}, 'job-2');
    expect(snapshotOf(server, 'data-db-0-0').labels[KEYS.verified]).toBe('true');
  });

  test('of replicas alone looks at the member that has the newest snapshots, with all of its volumes', async () => {
    const server = cluster('data-db-0', 'wal-db-0');
    for (const claim of ['data-db-1', 'wal-db-1', 'data-db-2']) { taken(server, claim, 2); }
    const volumes = { data: 'data-db-0', wal: 'wal-db-0' };
    expect(await perform(server, { volumes, anyMember: true })).toMatchObject({ exitCode: 0, message: expect.stringContaining("'data-db-1-2' (crash-consistent, 2h") });
    expect(['data-db-1-2', 'wal-db-1-2'].map(name => snapshotOf(server, name).labels[KEYS.verified])).toEqual(['true', 'true']);
    expect(await perform(server, { volumes: { data: 'logs-0' }, anyMember: true }, 'job-2')).toMatchObject({ exitCode: 1, message: expect.stringContaining('the newest run has no member with snapshots for all of data') });
  });

  test('of replicas alone is not kept from it by the claim of another member that is not good', async () => {
    const server = cluster('data-db-0');
    taken(server, 'data-db-1', 2, { labels: { [KEYS.consistency]: 'application' } });
    taken(server, 'data-db-2', 2);
    expect(await perform(server, { anyMember: true, consistentOnly: true })).toMatchObject({ exitCode: 0, message: expect.stringContaining("'data-db-1-2'") });
  });

  test('goes on where volumes wait for a pod', async () => {
    const server = cluster('data-db-0');
    server.waitsForPod = true;
    expect((await perform(server)).exitCode).toBe(0);
  });

  test('takes what was cut while the application was held, if that is asked for', async () => {
    const server = cluster('data-db-0');
    server.editSnapshot('data-db-0-30', ({ metadata }) => { metadata.labels[KEYS.consistency] = 'application'; });
    expect((await perform(server, { consistentOnly: true, maxAgeSeconds: 86400 * 2 })).message).toContain("'data-db-0-30' (application-consistent");
  });

  test('asks only for what its Role has', async () => {
    const { requests } = await perform(cluster('data-db-0'));
    const verbs = [...new Set(requests.map(each => each.replace(/\/.*/, '')))].sort();
    expect(['DELETE persistentvolumeclaims', 'DELETE pods', 'GET pods', 'LIST persistentvolumeclaims', 'LIST pods', 'LIST volumesnapshots', 'PATCH volumesnapshots',
      'POST events', 'POST persistentvolumeclaims', 'POST pods']).toEqual(verbs);
  });
});

describe('a drill fails, is loud, and leaves nothing behind', () => {
  const ended = (name: string, exitCode: number, message?: string) => ({ containerStatuses: [{ name, state: { terminated: { exitCode, message, reason: 'Error' } } }] });

  test.each<[string, object | undefined, string]>([
    ['if the check is not content', ended('check', 1, 'it gave 0, and must give at least 1000\n'), 'the check ended with 1: it gave 0, and must give at least 1000'],
    ['if the check says nothing', ended('check', 137), 'the check ended with 137: Error'],
    ['if the server does not start', ended('db', 1, 'database files are incompatible with server'), 'the server did not stay: it ended with 1: database files are incompatible'],
    ['if the image is not there', { containerStatuses: [{ name: 'db', state: { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } } }] }, 'no verdict after 10m: ImagePullBackOff no such image'],
    ['if no node has room', { conditions: [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes are available' }] }, 'no verdict after 10m: 0/3 nodes are available'],
    ['if the server never answers', { containerStatuses: [{ name: 'db', state: { running: {} } }] }, 'no verdict after 10m: the check is still at it; is the server up?'],
    ['if the pod never begins', undefined, 'no verdict after 10m: the pod has not begun'],
  ])('%s', async (_, podEnd, expected) => {
    const server = cluster('data-db-0');
    server.podEnd = podEnd;
    const run = await perform(server);
    expect([run.exitCode, run.message]).toEqual([1, expect.stringContaining(expected)]);
    expect(run.message).toContain("FAILED drill of 'data-db-0-6'");
    expect(snapshotOf(server, 'data-db-0-6').labels[KEYS.verified]).toBe('false');
    expect(server.events.some(({ reason }) => reason === 'RestoreDrillFailed')).toBe(true);
    expect(left(server)).toEqual([]);
  });

  test('if the storage makes no volume, in its words', async () => {
    const server = cluster('data-db-0');
    server.provisionError = 'quota of the cloud is full';
    expect((await perform(server)).message).toContain("claim 'db-drill-");
    expect((await perform(server)).message).toContain('quota of the cloud is full');
  });

  test('and takes a mark away that an earlier drill has given', async () => {
    const server = cluster('data-db-0');
    await perform(server);
    server.podEnd = ended('check', 1, 'no');
    await perform(server, {}, 'job-2');
    const { annotations, labels } = snapshotOf(server, 'data-db-0-6');
    expect([labels[KEYS.verified], annotations[KEYS.recoverySeconds]]).toEqual(['false', undefined]);
  });

  test('over an empty schedule', async () => {
    const server = new FakeApiServer();
    const run = await perform(server);
    expect([run.exitCode, run.message]).toEqual([1, expect.stringContaining("schedule 'nightly' has no snapshot in this namespace")]);
    expect(run.message).toContain('nothing was proven: until a drill passes, do not rely on a restore');
  });

  test('over a schedule that takes nothing any more, since a drill that cannot fail cannot pass', async () => {
    const server = cluster('data-db-0');
    await server.clock.advance(DAY);
    expect((await perform(server)).message).toContain("the newest good snapshot is 1d6h old, more than 1d2h: schedule 'nightly' does not do its work");
  });

  test('when the pod is evicted, which says nothing of the data', async () => {
    const server = cluster('data-db-0');
    server.podEnd = { phase: 'Failed', reason: 'Evicted', message: 'the node was low on memory' };
    const run = await perform(server);
    expect([run.exitCode, run.message]).toEqual([1, expect.stringContaining('the pod was ended: Evicted the node was low on memory')]);
    expect(snapshotOf(server, 'data-db-0-6').labels[KEYS.verified]).toBeUndefined();
    expect(left(server)).toEqual([]);
  });

  test('when the quota has no room, and takes away what it has made', async () => {
    const server = cluster('data-db-0', 'wal-db-0');
    server.claimQuota = 3;
    const run = await perform(server, { volumes: { data: 'data-db-0', wal: 'wal-db-0' } });
    expect([run.exitCode, run.message, left(server)]).toEqual([1, expect.stringContaining('exceeded quota'), []]);
  });

  test('when it cannot clear away, and the next one does', async () => {
    const server = cluster('data-db-0');
    server.before = ({ request, verb }) => {
      if (verb === 'POST' && request.path === CLAIMS) { (request.body as any).metadata.finalizers = ['example.com/stuck']; }
    };
    const run = await perform(server);
    expect([run.exitCode, run.message]).toEqual([1, expect.stringMatching(/the drill passed.*; FAILED cleaning up: 'db-drill-.*-data' are still there; look for their finalizers/)]);
    server.before = undefined;
    for (const name of left(server)) { server.editClaim(name, ({ metadata }) => { metadata.finalizers = []; }); }
    expect((await perform(server, {}, 'job-2')).exitCode).toBe(0);
    expect(left(server)).toEqual([]);
  });

  test('when it may not mark the snapshot', async () => {
    const server = cluster('data-db-0');
    server.before = ({ verb }) => { if (verb === 'PATCH') { throw new ApiError(403, 'no right to patch'); } };
    expect(await perform(server)).toMatchObject({ exitCode: 1, message: expect.stringContaining("FAILED marking snapshot 'data-db-0-6': no right to patch") });
  });
});

describe('a run that dies', () => {
  test('at any request is followed by one that clears away and comes to a verdict', async () => {
    const { requests } = await perform(cluster('data-db-0'));
    for (let at = 0; at < requests.length; at += 1) {
      const server = cluster('data-db-0');
      const died = start(server, drill());
      server.after = (call: Call) => { if (call.pod === died.pod && call.number === at) { died.pod.kill(); } };
      await Promise.race([server.clock.until(died.result).catch(() => undefined), server.clock.advance(5 * MINUTE)]);
      server.after = undefined;
      const run = await perform(server);
      expect([at, run.exitCode, left(server)]).toEqual([at, 0, []]);
    }
  });

  test('by SIGTERM clears away first', async () => {
    const server = cluster('data-db-0');
    server.podEnd = undefined;
    const started = start(server, drill());
    server.clock.after(20 * SECOND, () => started.sigterm());
    const run = await server.clock.until(started.result);
    expect([run.exitCode, left(server)]).toEqual([143, []]);
  });

  test('since the server is away leaves a retry to another pod', async () => {
    const server = cluster('data-db-0');
    server.before = () => { throw new ConnectionError('the API server did not answer'); };
    expect((await perform(server)).exitCode).toBe(75);
  });

  test('for want of a right says what to apply', async () => {
    const server = cluster('data-db-0');
    server.before = ({ resource, verb }) => { if (resource === 'pods' && verb === 'POST') { throw new ApiError(403, 'forbidden'); } };
    const run = await perform(server);
    expect([run.message, left(server)]).toEqual([expect.stringContaining('apply the Role and RoleBinding of this drill'), []]);
  });
});

test('a drill whose answers are lost, one after the other, passes, and makes nothing twice', async () => {
  const requests = (await perform(cluster('data-db-0'))).requests.length;
  for (let at = 1; at <= requests; at += 1) {
    const server = cluster('data-db-0');
    server.after = ({ number }) => { if (number === at) { throw new ConnectionError('the answer broke off'); } };
    expect([at, await perform(server), left(server)]).toEqual([at, expect.objectContaining({ exitCode: 0 }), []]);
  }
});

test('fifty drills leave nothing behind', async () => {
  const server = cluster('data-db-0');
  for (let round = 0; round < 50; round += 1) {
    if (round % 5 === 0) { server.podEnd = undefined; } else { server.podEnd = { containerStatuses: [{ name: 'check', state: { terminated: { exitCode: round % 2 } } }] }; }
    await perform(server, { maxAgeSeconds: 400 * 86400, timeoutSeconds: 60 }, `job-${round}`);
  }
  expect([left(server), server.listOf(CLAIMS)].flat()).toHaveLength(1);
});

test('a snapshot that an earlier drill found bad is looked at again, as an older good one would hide that the newest is not', async () => {
  const server = cluster('data-db-0');
  server.editSnapshot('data-db-0-6', ({ metadata }) => { metadata.labels[KEYS.verified] = 'false'; });
  expect(await perform(server)).toMatchObject({ exitCode: 0 });
  expect(snapshotOf(server, 'data-db-0-6').labels[KEYS.verified]).toBe('true');
});

describe('a drill in a namespace of its own', () => {
  const [SHOP, DRILLS] = ['shop', 'drills'];
  const ID = `db-drill.${DRILLS}`;

  function world(...claims: string[]): FakeCluster {
    const fake = new FakeCluster(SHOP, DRILLS);
    for (const claim of claims) { fake.addSnapshot(SHOP, claim, 6, `${claim} of tonight`, { [KEYS.claimUid]: `uid-of-${claim}` }); }
    fake.run = () => ({ exitCode: 0, message: 'the query gave 10000' });
    return fake;
  }

  function begin(fake: FakeCluster, changes: Partial<DrillConfig> = {}, jobUid = 'job-1') {
    const client = new ClusterClient(fake);
    const terminated = new AbortController();
    const config = drill({ sourceNamespace: SHOP, pod: { metadata: { labels: {}, annotations: {} }, spec: { containers: [{ name: 'check' }] } }, ...changes });
    const result = Promise.resolve().then(() => runDrill({
      client, config, namespace: DRILLS, pod: 'db-drill-1-x7k2p', jobUid, signal: terminated.signal, log: () => undefined,
    }));
    return { client, result, sigterm: () => terminated.abort() };
  }

  async function hold(fake: FakeCluster, changes: Partial<DrillConfig> = {}, jobUid?: string): Promise<RunResult> {
    const result = await fake.clock.until(begin(fake, changes, jobUid).result);
    await fake.clock.advance(10 * SECOND);
    return result;
  }

  /** What drills have left, and what production has lost. */
  const traces = (fake: FakeCluster) => [
    ...['pods', 'persistentvolumeclaims', 'volumesnapshots'].flatMap(resource => fake.all(DRILLS, resource)).map(({ metadata }) => metadata.name),
    ...fake.all('', 'volumesnapshotcontents').filter(({ metadata }) => metadata.labels?.[KEYS.clone]).map(({ metadata }) => metadata.name),
    ...fake.all(SHOP, 'volumesnapshots').filter(({ metadata }) => metadata.deletionTimestamp || !fake.storage.has(`snap-${metadata.name}`)).map(({ metadata }) => metadata.name),
    ...fake.all(SHOP, 'persistentvolumeclaims'),
    ...fake.storage.size === fake.all(SHOP, 'volumesnapshots').length ? [] : ['storage'],
  ];
  const verified = (fake: FakeCluster, name: string) => fake.find(SHOP, 'volumesnapshots', name).metadata.labels[KEYS.verified];

  test('has the data of the newest snapshot, marks the original, tells its claim, and leaves nothing in either', async () => {
    const fake = world('data-db-0');
    const contents: any[] = [];
    fake.after = ({ name, resource, verb }) => {
      if (verb === 'POST' && resource === 'volumesnapshotcontents') { contents.push(structuredClone(fake.find('', resource, name ?? ''))); }
    };
    const run = await hold(fake);
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^the drill passed: 'data-db-0-6' .*: the query gave 10000$/) });
    expect(contents).toHaveLength(1);
    expect(contents[0]).toMatchObject({
      metadata: { labels: { [KEYS.clone]: ID }, ownerReferences: [{ kind: 'Namespace', name: DRILLS }] },
      spec: { deletionPolicy: 'Retain', source: { snapshotHandle: 'snap-data-db-0-6' }, volumeSnapshotRef: { namespace: DRILLS } },
    });
    expect(fake.seen.get(DRILLS)).toEqual(['data-db-0 of tonight']);
    expect(verified(fake, 'data-db-0-6')).toBe('true');
    expect(fake.all(SHOP, 'events').map(({ involvedObject: { name, uid }, reason }) => [reason, name, uid])).toEqual([['RestoreDrillPassed', 'data-db-0', 'uid-of-data-db-0']]);
    expect(traces(fake)).toEqual([]);
  });

  test('needs no snapshot more than it has claims, so that a quota can be as small', async () => {
    const fake = world('data-db-0', 'wal-db-0');
    let most = 0;
    fake.after = () => { most = Math.max(most, fake.all(DRILLS, 'volumesnapshots').length); };
    expect(await hold(fake, { volumes: { data: 'data-db-0', wal: 'wal-db-0' } })).toMatchObject({ exitCode: 0 });
    expect([most, verified(fake, 'data-db-0-6'), verified(fake, 'wal-db-0-6'), traces(fake)]).toEqual([2, 'true', 'true', []]);
  });

  test('that finds bad data marks the original, and leaves nothing', async () => {
    const fake = world('data-db-0');
    fake.run = () => ({ exitCode: 1, message: 'it gave 0' });
    expect(await hold(fake)).toMatchObject({ exitCode: 1, message: expect.stringContaining('the check ended with 1: it gave 0') });
    expect([verified(fake, 'data-db-0-6'), fake.all(SHOP, 'events').map(({ reason }) => reason), traces(fake)]).toEqual(['false', ['RestoreDrillFailed'], []]);
  });

  test('over an empty schedule says in which namespace it looked', async () => {
    expect((await hold(world())).message).toContain("namespace 'shop': schedule 'nightly' has no snapshot in this namespace");
  });

  test.each<[string, (fake: FakeCluster) => void, string]>([
    ['whose content is gone', fake => fake.remove('', 'volumesnapshotcontents', 'content-data-db-0-6'), "what the storage calls snapshot 'data-db-0-6' is nowhere to be found"],
    ['that the storage does not show', fake => fake.storage.clear(), 'is not ready after 10m'],
  ])('of a snapshot %s proves nothing, says so, and leaves nothing', async (_, spoil, expected) => {
    const fake = world('data-db-0');
    spoil(fake);
    expect(await hold(fake)).toMatchObject({ exitCode: 1, message: expect.stringContaining(expected) });
    expect(['pods', 'persistentvolumeclaims', 'volumesnapshots'].flatMap(resource => fake.all(DRILLS, resource))).toEqual([]);
    expect(verified(fake, 'data-db-0-6')).toBeUndefined();
  });

  test('never takes away a content that could take the storage along, and says so', async () => {
    const fake = world('data-db-0');
    fake.after = ({ name, resource, verb }) => {
      if (verb === 'POST' && resource === 'volumesnapshotcontents') { fake.edit('', resource, name ?? '', ({ spec }) => { spec.deletionPolicy = 'Delete'; }); }
    };
    expect(await hold(fake)).toMatchObject({ exitCode: 1, message: expect.stringMatching(/FAILED cleaning up: content '.*' is not as this clone made it/) });
    expect(fake.storage.has('snap-data-db-0-6')).toBe(true);
  });

  test.each<[string, string, string]>([
    ['for want of a right says what to apply', 'volumesnapshotcontents is forbidden', 'apply the Role and RoleBinding of this drill, also those of the source and the cluster'],
    ['over a full quota does not blame the Role', 'exceeded quota: drills', 'nothing was proven'],
  ])('%s', async (_, words, expected) => {
    const fake = world('data-db-0');
    fake.before = ({ resource, verb }) => { if (verb === 'POST' && resource === 'volumesnapshotcontents') { throw new ApiError(403, words); } };
    expect(await hold(fake)).toMatchObject({ exitCode: 1, message: expect.stringContaining(expected) });
    expect(traces(fake)).toEqual([]);
  });

  test('that dies at any request is followed by one that clears away and comes to a verdict', async () => {
    const whole = world('data-db-0');
    await hold(whole);
    for (let at = 0; at < whole.calls.length; at += 1) {
      const fake = world('data-db-0');
      const died = begin(fake);
      fake.after = ({ client, number }: ClusterCall) => { if (client === died.client && number === at) { client.alive = false; } };
      await Promise.race([fake.clock.until(died.result).catch(() => undefined), fake.clock.advance(5 * MINUTE)]);
      fake.after = undefined;
      const run = await hold(fake, {}, 'job-2');
      expect([at, run.exitCode, traces(fake)]).toEqual([at, 0, []]);
    }
  });

  test('that is ended by SIGTERM clears away first', async () => {
    const fake = world('data-db-0');
    fake.run = () => undefined;
    const started = begin(fake);
    fake.clock.after(20 * SECOND, () => started.sigterm());
    const run = await fake.clock.until(started.result);
    await fake.clock.advance(10 * SECOND);
    expect([run.exitCode, traces(fake)]).toEqual([143, []]);
  });
});
