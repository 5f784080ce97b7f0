import { Call, DAY, FakeApiServer, FakePod, HOUR, inShort, MINUTE, NAMESPACE, perform as performSchedule, schedule, SECOND, SnapshotSeed, TONIGHT } from './fake-api-server';
import { ClaimSelection, CONFIG_VERSION, KEYS, RestoreConfig } from '../../src/runner/config';
import { ApiError, ConnectionError } from '../../src/runner/kube-client';
import { RunResult } from '../../src/runner/report';
import { runRestore } from '../../src/runner/restore';

const CLAIMS = `/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims`;
const CONFIG_MAPS = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
const SPEC = { storageClassName: 'gp3', accessModes: ['ReadWriteOnce'], volumeMode: 'Filesystem', storage: '5Gi' };

const named = (...names: string[]): ClaimSelection[] => names.map(name => ({ kind: 'Claim', name }));
const members = (count: number, set = 'db'): ClaimSelection[] =>
  Array.from({ length: count }, (_, ordinal) => ({ kind: 'Claim', name: `data-${set}-${ordinal}`, statefulSet: set }));

function button(changes: Partial<RestoreConfig> = {}): RestoreConfig {
  return {
    kind: 'Restore',
    version: CONFIG_VERSION,
    restoreId: 'db-restore',
    scheduleId: 'nightly',
    claims: named('data'),
    names: 'beside',
    requestName: 'db-restore-request',
    timeoutSeconds: 1800,
    labels: {},
    ...changes,
  };
}

interface Finished extends RunResult {
  readonly requests: string[];
  readonly seconds: number;
}

function start(server: FakeApiServer, config: RestoreConfig, jobUid: string) {
  const pod = new FakePod(server);
  const terminated = new AbortController();
  const result = Promise.resolve().then(() => runRestore({
    client: pod, config, namespace: NAMESPACE, pod: 'db-restore-1-x7k2p', jobUid, signal: terminated.signal, log: () => undefined,
  }));
  return { pod, result, sigterm: () => terminated.abort() };
}

let jobs = 0;

/** Starts a Job of its own, or a further pod of one. */
async function perform(server: FakeApiServer, changes: Partial<RestoreConfig> = {}, jobUid = `job-${jobs += 1}`): Promise<Finished> {
  const [before, from] = [server.calls.length, server.clock.now()];
  const result = await server.clock.until(start(server, button(changes), jobUid).result);
  const seconds = (server.clock.now() - from) / 1000;
  return { ...result, seconds, requests: server.calls.slice(before).map(inShort) };
}

const request = (server: FakeApiServer, data: { [key: string]: string }) => server.add(CONFIG_MAPS, { metadata: { name: 'db-restore-request' }, data });
const requests = (server: FakeApiServer) => server.listOf(CONFIG_MAPS).length;
const claimsOf = (server: FakeApiServer): any[] => server.listOf(CLAIMS);
const claimOf = (server: FakeApiServer, name: string) => claimsOf(server).find(({ metadata }) => metadata.name === name);
const restoredOf = (server: FakeApiServer): { [claim: string]: string } => Object.fromEntries(claimsOf(server)
  .filter(({ spec }) => spec.dataSource).map(({ metadata, spec }) => [metadata.name, spec.dataSource.name]));

/** Snapshots of a run, one of each claim. */
function night(server: FakeApiServer, ago: number, claims: string[], seed: Partial<SnapshotSeed> = {}): void {
  const at = TONIGHT - ago * DAY;
  claims.forEach(claim => server.addSnapshot(claim, {
    name: `${claim}-${ago}`, at, ...seed, annotations: { [KEYS.scheduledFor]: new Date(at).toISOString(), [KEYS.claimSpec]: JSON.stringify(SPEC), ...seed.annotations },
  }));
}

function nights(count: number, ...claims: string[]): FakeApiServer {
  const server = new FakeApiServer();
  claims.forEach(claim => server.addClaim(claim));
  for (let ago = count; ago > 0; ago -= 1) { night(server, ago, claims); }
  return server;
}

describe('by default', () => {
  test('the newest snapshot becomes a claim beside the old one, as the old one was, left out by selectors', async () => {
    const server = nights(3, 'data');
    const run = await perform(server);
    expect(run.exitCode).toBe(0);
    expect(claimOf(server, 'data-restored-20260208-020000')).toMatchObject({
      metadata: { labels: { [KEYS.restored]: 'true' }, annotations: { [KEYS.restoredBy]: 'db-restore' } },
      spec: {
        storageClassName: 'gp3',
        accessModes: ['ReadWriteOnce'],
        volumeMode: 'Filesystem',
        dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'data-1' },
        resources: { requests: { storage: '5Gi' } },
      },
    });
    expect(run.message).toBe("1 of 1 claims are restored (the newest) after 2s; 'data-restored-20260208-020000' has the data of data as of 2026-02-08T02:00:00.000Z "
      + "(snapshot 'data-1', crash-consistent); next: mount the data in a pod that cannot reach the network, and look at it; "
      + 'when it is of no more use: kubectl -n shop delete pvc data-restored-20260208-020000');
  });

  test('a person who looks at the claim reads where it comes from', async () => {
    const server = nights(1, 'data');
    await perform(server);
    expect(server.events.map(({ reason, message, involvedObject }: any) => [involvedObject.name, reason, message]))
      .toEqual([['data-restored-20260208-020000', 'SnapshotRestored', "made from snapshot 'data-1'"]]);
  });

  test('what a schedule of this version takes can be restored when the claim is gone', async () => {
    const server = new FakeApiServer();
    server.addClaim('data', { spec: { storageClassName: 'gp3', accessModes: ['ReadWriteOncePod'], volumeMode: 'Block', resources: { requests: { storage: '7Gi' } } } });
    await performSchedule(server, { config: schedule() });
    server.removeClaim('data');
    expect((await perform(server, { names: 'same' })).exitCode).toBe(0);
    expect(claimOf(server, 'data').spec).toMatchObject({
      storageClassName: 'gp3', accessModes: ['ReadWriteOncePod'], volumeMode: 'Block', resources: { requests: { storage: '7Gi' } },
    });
  });

  test('the data and consistency that a person gets are told', async () => {
    const server = nights(1, 'data');
    server.editSnapshot('data-1', ({ metadata }) => { metadata.labels = { ...metadata.labels, [KEYS.consistency]: 'application', [KEYS.verified]: 'true' }; });
    expect((await perform(server)).message).toContain("(snapshot 'data-1', application-consistent, verified)");
  });

  test.each([
    ['is not ready', { ready: false }],
    ['failed', { ready: false, cut: false, error: 'no space' }],
  ])('one that %s is passed over', async (_, seed) => {
    const server = nights(2, 'data');
    night(server, 0, ['data'], seed);
    const run = await perform(server);
    expect([run.exitCode, Object.values(restoredOf(server))]).toEqual([0, ['data-1']]);
    expect(run.message).toContain('passed over: the run of 2026-02-09T02:00:00.000Z has no good snapshot of data');
  });

  test('one that is being deleted is passed over, though it says that it is ready', async () => {
    const server = nights(2, 'data');
    server.editSnapshot('data-1', ({ metadata }) => { metadata.deletionTimestamp = '2026-02-09T01:00:00Z'; });
    await perform(server);
    expect(Object.values(restoredOf(server))).toEqual(['data-2']);
  });

  test('snapshots of another schedule are none of its own', async () => {
    const server = nights(2, 'data');
    server.addSnapshot('data', { name: 'hourly', at: TONIGHT, labels: { [KEYS.schedule]: 'hourly' } });
    await perform(server);
    expect(Object.values(restoredOf(server))).toEqual(['data-1']);
  });

  test('a claim that was made anew is restored as it is, and the data before is named', async () => {
    const server = nights(2, 'data');
    server.recreateClaim('data');
    night(server, 0, ['data']);
    expect((await perform(server)).message).toContain("claim 'data' was made anew under its name; the newest snapshot of the one before is 'data-1'");
  });

  test('a schedule without snapshots is an error that says so', async () => {
    expect(await perform(nights(0, 'data'))).toMatchObject({
      exitCode: 1, message: expect.stringContaining("FAILED: schedule 'nightly' has no snapshot in this namespace; name others by 'snapshots'"),
    });
  });

  test('a cluster without snapshots is an error that says so', async () => {
    const server = nights(1, 'data');
    server.crdsInstalled = false;
    expect((await perform(server)).message).toContain('install the snapshot CRDs');
  });
});

describe('claims that belong together', () => {
  test('come from one run, and one that lacks a claim is passed over', async () => {
    const server = nights(3, 'data', 'wal');
    night(server, 0, ['data']);
    const run = await perform(server, { claims: named('data', 'wal') });
    expect([run.exitCode, Object.values(restoredOf(server)).sort()]).toEqual([0, ['data-1', 'wal-1']]);
    expect(run.message).toContain('passed over: the run of 2026-02-09T02:00:00.000Z has no good snapshot of wal');
  });

  test('are not mixed of several runs, and what there is of each is named', async () => {
    const server = nights(0, 'data', 'wal');
    night(server, 2, ['data']);
    night(server, 1, ['wal']);
    const run = await perform(server, { claims: named('data', 'wal') });
    expect([run.exitCode, restoredOf(server)]).toEqual([1, {}]);
    expect(run.message).toContain("the newest good ones, of different runs and no common state, are 'data-2' of data, 'wal-1' of wal: name the claims that you want by 'claims', or snapshots by 'snapshots'");
  });

  test('are found in the run if their names are not known and they are gone', async () => {
    const server = nights(2, 'data-db-0', 'data-db-1');
    server.removeClaim('data-db-0');
    server.removeClaim('data-db-1');
    await perform(server, { claims: [{ kind: 'StatefulSet', name: 'db', templates: ['data'] }], names: 'same' });
    expect(restoredOf(server)).toEqual({ 'data-db-0': 'data-db-0-1', 'data-db-1': 'data-db-1-1' });
  });

  test('that are there now must all be in the run', async () => {
    const server = nights(2, 'data-db-0', 'data-db-1');
    night(server, 0, ['data-db-0']);
    await perform(server, { claims: [{ kind: 'StatefulSet', name: 'db', templates: ['data'] }] });
    expect(Object.values(restoredOf(server)).sort()).toEqual(['data-db-0-1', 'data-db-1-1']);
  });

  test('that the newest run failed to take are named, if nobody but the run knows which it should have had', async () => {
    const server = nights(2, 'data-db-0', 'data-db-1');
    night(server, 0, ['data-db-0']);
    server.removeClaim('data-db-0');
    server.removeClaim('data-db-1');
    const run = await perform(server, { claims: [{ kind: 'StatefulSet', name: 'db', templates: ['data'] }], names: 'same' });
    expect([run.exitCode, restoredOf(server)]).toEqual([0, { 'data-db-0': 'data-db-0-0' }]);
    expect(run.message).toContain("NOT IN THAT RUN: data-db-1 (newest 'data-db-1-1')");
  });

  test('that the newest run failed to take are not left to begin empty by a restore that software waits for', async () => {
    const server = nights(2, 'data-db-0', 'data-db-1');
    night(server, 0, ['data-db-0']);
    server.removeClaim('data-db-0');
    server.removeClaim('data-db-1');
    const hook = { claims: [{ kind: 'StatefulSet' as const, name: 'db', templates: ['data'] }], names: 'same', unlessThere: true };
    const run = await perform(server, hook);
    expect([run.exitCode, restoredOf(server)]).toEqual([1, {}]);
    expect(run.message).toMatch(/NOT IN THAT RUN: data-db-1 .*so nothing is restored: name all that are wanted by 'claims' in ConfigMap 'db-restore-request'/);
    // what the source does not mean is no lack
    night(server, 3, ['cache', 'data-dbx-0', 'data-db-1a']);
    expect((await perform(server, hook)).message).not.toMatch(/cache|data-dbx|data-db-1a/);
    request(server, { claims: 'data-db-0' });
    expect((await perform(server, hook)).exitCode).toBe(0);
    expect(restoredOf(server)).toEqual({ 'data-db-0': 'data-db-0-0' });
  });

  test('of which a schedule leaves out those of a primary are those that the run has', async () => {
    const server = nights(0, 'data-db-0', 'data-db-1', 'data-db-2');
    night(server, 2, ['data-db-0', 'data-db-2']);
    night(server, 1, ['data-db-1', 'data-db-2']);
    const run = await perform(server, { claims: members(3).map(member => ({ ...member, optional: true })) });
    expect([run.exitCode, Object.values(restoredOf(server)).sort()]).toEqual([0, ['data-db-1-1', 'data-db-2-1']]);
    expect(run.message).toContain("NOT IN THAT RUN: data-db-0 (newest 'data-db-0-2')");
  });

  test('of a run that a person started belong together as well', async () => {
    const server = nights(1, 'data', 'wal');
    const manual = (claim: string) => server.addSnapshot(claim, { name: `${claim}-manual`, at: TONIGHT, annotations: { [KEYS.manualRun]: 'job-uid' } });
    manual('data');
    manual('wal');
    await perform(server, { claims: named('data', 'wal') });
    expect(Object.values(restoredOf(server)).sort()).toEqual(['data-manual', 'wal-manual']);
  });

  test('of a group are found, though they carry no mark of the schedule', async () => {
    const server = nights(0, 'data', 'wal');
    night(server, 1, ['data', 'wal'], {
      labels: { [KEYS.schedule]: undefined, [KEYS.group]: 'nightly-20260208-020000-1a2b3c4d' }, annotations: { [KEYS.takenBy]: 'nightly' },
    });
    night(server, 0, ['data', 'wal'], {
      labels: { [KEYS.schedule]: undefined, [KEYS.group]: 'nightly-hourly-20260209-020000-1a2b3c4d' }, annotations: { [KEYS.takenBy]: 'nightly-hourly' },
    });
    await perform(server, { claims: named('data', 'wal') });
    expect(Object.values(restoredOf(server)).sort()).toEqual(['data-1', 'wal-1']);
  });
});

describe('names', () => {
  test('of a StatefulSet get the data of its replicas', async () => {
    const server = nights(1, 'data-db-0', 'data-db-1');
    await perform(server, { claims: members(2), names: 'stateful-set/db-restored' });
    expect(restoredOf(server)).toEqual({ 'data-db-restored-0': 'data-db-0-1', 'data-db-restored-1': 'data-db-1-1' });
    expect(claimsOf(server).some(({ metadata }) => metadata.labels?.[KEYS.restored])).toBe(false);
  });

  test('with a word behind them are the same each time', async () => {
    const server = nights(1, 'uploads');
    await perform(server, { claims: named('uploads'), names: 'suffix/restored' });
    expect(restoredOf(server)).toEqual({ 'uploads-restored': 'uploads-1' });
    expect(claimOf(server, 'uploads-restored').metadata.labels[KEYS.restored]).toBe('true');
  });

  test('in the place of claims that a selector found have its labels, so that the schedule covers them again', async () => {
    const server = nights(1, 'data');
    server.removeClaim('data');
    await perform(server, { claims: [{ kind: 'Selector', matchLabels: { backup: 'yes' } }], names: 'same', labels: { team: 'shop' } });
    expect(claimOf(server, 'data').metadata.labels).toEqual({ backup: 'yes', team: 'shop' });
  });

  test('of a StatefulSet mean nothing for a claim of none', async () => {
    const run = await perform(nights(1, 'data'), { names: 'stateful-set/db' });
    expect(run.message).toContain("claim 'data' is of no StatefulSet that the schedule names");
  });

  test('that are taken are left alone, and nothing else is made either', async () => {
    const server = nights(1, 'data-db-0', 'data-db-1');
    server.removeClaim('data-db-0');
    const before = claimsOf(server);
    const run = await perform(server, { claims: members(2), names: 'same' });
    expect([run.exitCode, claimsOf(server)]).toEqual([1, before]);
    expect(run.message).toContain("claim 'data-db-1' exists and is not touched; restore beside it, or delete it once its data is of no more use");
  });

  test('of claims that are going are not free yet', async () => {
    const server = nights(1, 'data');
    server.editClaim('data', ({ metadata }) => { Object.assign(metadata, { deletionTimestamp: '2026-02-09T01:00:00Z', finalizers: ['kubernetes.io/pvc-protection'] }); });
    expect((await perform(server, { names: 'same' })).message).toContain("claim 'data' is still being deleted, by a pod that mounts it or a snapshot of it that is not ready");
  });

  test('of a claim that was put in its place by an earlier restore are production by now', async () => {
    const server = nights(1, 'data');
    server.removeClaim('data');
    await perform(server, { names: 'same' });
    const run = await perform(server, { names: 'same' });
    expect([run.exitCode, run.message]).toEqual([1, expect.stringContaining("claim 'data' was made from this snapshot by an earlier restore, may be in use since, and is not touched")]);
  });

  test('that somebody takes in the same moment are left alone', async () => {
    const server = nights(1, 'data');
    let taken = false;
    server.before = call => {
      if (!taken && call.verb === 'POST' && call.resource === 'persistentvolumeclaims') {
        taken = true;
        server.addClaim('data-restored-20260208-020000');
      }
    };
    const run = await perform(server);
    expect([run.exitCode, restoredOf(server)]).toEqual([1, {}]);
    expect(run.message).toContain("claim 'data-restored-20260208-020000' exists and is not touched");
  });

  test('too long for an object are cut', async () => {
    const long = `${'d'.repeat(250)}`;
    const server = nights(1, long);
    await perform(server, { claims: named(long) });
    expect(Object.keys(restoredOf(server))).toEqual([`${'d'.repeat(228)}-restored-20260208-020000`]);
    expect(claimsOf(server).find(({ spec }) => spec.dataSource).metadata.labels[KEYS.restored]).toBe('true');
  });
});

describe('the size', () => {
  test.each([['2Gi', '2Gi'], ['500Mi', '1Gi']])('asked for by the claim, %s, is taken unless the snapshot needs more: %s', async (storage, expected) => {
    const server = nights(0, 'data');
    night(server, 1, ['data'], { annotations: { [KEYS.claimSpec]: JSON.stringify({ ...SPEC, storage }) } });
    await perform(server);
    expect(claimOf(server, 'data-restored-20260208-020000').spec.resources.requests.storage).toBe(expected);
  });

  test.each(['{', 'null', '{"storage":5}'])('of a snapshot whose record is spoilt, %s, is that of the claim of today', async text => {
    const server = new FakeApiServer();
    server.addClaim('data', { spec: { storageClassName: 'io2', resources: { requests: { storage: '3Gi' } } } });
    night(server, 1, ['data'], { annotations: { [KEYS.claimSpec]: text } });
    expect((await perform(server)).exitCode).toBe(0);
    expect(claimOf(server, 'data-restored-20260208-020000').spec).toMatchObject({ storageClassName: 'io2', resources: { requests: { storage: '3Gi' } } });
  });

  test('is that of the snapshot if nothing is known of the claim, which is said', async () => {
    const server = new FakeApiServer();
    server.addClaim('data');
    server.addSnapshot('data', { name: 'old', at: TONIGHT - DAY });
    const run = await perform(server);
    expect(run.message).toContain('what its claim asked for is not known, so it is ReadWriteOnce and a file system');
    expect(claimOf(server, 'data-restored-20260208-020000').spec.resources.requests.storage).toBe('1Gi');
  });

  test('that nobody knows is an error', async () => {
    const server = new FakeApiServer();
    server.addClaim('data');
    server.addSnapshot('data', { name: 'old', at: TONIGHT - DAY });
    server.editSnapshot('old', ({ status }) => { delete status.restoreSize; });
    expect((await perform(server)).message).toContain("the size of 'data' is nowhere to be found: snapshot 'old' has no restoreSize");
  });
});

describe('a request', () => {
  test('for a moment gets the newest before it', async () => {
    const server = nights(3, 'data');
    request(server, { before: '2026-02-07T03:00:00+01:00' });
    const run = await perform(server);
    expect([run.exitCode, Object.values(restoredOf(server))]).toEqual([0, ['data-2']]);
    expect(run.message).toContain('(the newest not after 2026-02-07T02:00:00.000Z)');
  });

  test('for snapshots by name gets those, of whatever schedule', async () => {
    const server = nights(3, 'data', 'wal');
    server.addSnapshot('other', { name: 'by-hand', at: TONIGHT - HOUR, labels: { [KEYS.schedule]: undefined } });
    request(server, { snapshots: 'data-3, by-hand' });
    await perform(server, { claims: named('data', 'wal') });
    expect(Object.values(restoredOf(server)).sort()).toEqual(['by-hand', 'data-3']);
  });

  test('for what was verified, or is consistent, passes over the others', async () => {
    const server = nights(3, 'data');
    server.editSnapshot('data-3', ({ metadata }) => { metadata.labels[KEYS.verified] = 'true'; });
    server.editSnapshot('data-2', ({ metadata }) => { metadata.labels[KEYS.consistency] = 'application'; });
    request(server, { only: 'application' });
    await perform(server);
    request(server, { only: 'verified' });
    await perform(server);
    expect(Object.values(restoredOf(server)).sort()).toEqual(['data-2', 'data-3']);
  });

  test('for some of the claims looks at those alone', async () => {
    const server = nights(2, 'data', 'wal');
    night(server, 0, ['data']);
    request(server, { claims: 'data' });
    await perform(server, { claims: named('data', 'wal') });
    expect(Object.values(restoredOf(server))).toEqual(['data-0']);
  });

  test('for other names comes before what the construct says', async () => {
    const server = nights(1, 'data-db-0');
    request(server, { names: 'stateful-set/rehearsal' });
    await perform(server, { claims: members(1) });
    expect(Object.keys(restoredOf(server))).toEqual(['data-rehearsal-0']);
  });

  test('is over once it was met, so that it does not decide another day', async () => {
    const server = nights(3, 'data');
    request(server, { snapshots: 'data-3' });
    await perform(server);
    expect(requests(server)).toBe(0);
  });

  test('that came while another one was met is not taken away', async () => {
    const server = nights(3, 'data');
    request(server, { snapshots: 'data-3' });
    server.clock.after(500, () => request(server, { snapshots: 'data-2' }));
    const run = await perform(server);
    expect([run.exitCode, run.message, requests(server)]).toEqual([0, expect.stringContaining('the request was changed meanwhile, and decides the next restore'), 1]);
  });

  test('that cannot be taken away is said', async () => {
    const server = nights(3, 'data');
    request(server, { snapshots: 'data-3' });
    server.before = call => { if (call.verb === 'DELETE') { throw new ApiError(403, 'no right'); } };
    const run = await perform(server);
    expect([run.exitCode, run.message]).toEqual([0, expect.stringContaining('would decide the next restore: kubectl -n shop delete configmap db-restore-request')]);
  });

  test('that was not met stays', async () => {
    const server = nights(3, 'data');
    request(server, { before: '2020-01-01T00:00:00Z' });
    expect((await perform(server)).exitCode).toBe(1);
    expect(requests(server)).toBe(1);
  });

  test.each([
    [{ befor: 'x' }, "'befor' is no parameter, use snapshots, before, claims, only, names"],
    [{ before: 'yesterday' }, "'before' is 'yesterday', allowed is a time with its zone such as 2026-02-09T02:00:00Z"],
    [{ before: '2026-02-09T02:00:00' }, "'before' is '2026-02-09T02:00:00', allowed is a time with its zone"],
    [{ before: '2026-13-09T02:00:00Z' }, 'allowed is a time with its zone'],
    [{ only: 'good' }, "'only' is 'good', allowed is verified, application or both"],
    [{ names: 'stateful-set/' }, "'names' is 'stateful-set/', allowed is beside, same, suffix/ with a word behind it, or stateful-set/ with the name of a StatefulSet"],
    [{ claims: ' ' }, "'claims' is ' ', allowed is one name or several, separated by commas"],
    [{ snapshots: 'data-1', before: '2026-02-09T02:00:00Z' }, "'snapshots' names them all, so it stands alone or with 'names'"],
  ])('%j is refused, and nothing is made', async (data, expected) => {
    const server = nights(3, 'data');
    request(server, data as { [key: string]: string });
    const run = await perform(server);
    expect([run.exitCode, restoredOf(server)]).toEqual([1, {}]);
    expect(run.message).toContain(expected);
    expect(run.message).toContain('kubectl -n shop delete configmap db-restore-request, and create it anew');
  });

  test.each([
    ['gone', "there is no snapshot 'gone' in this namespace"],
    ['data-0', "snapshot 'data-0' cannot be restored from: the storage is still copying it"],
  ])('for snapshot %s, which is of no use, is refused', async (name, expected) => {
    const server = nights(1, 'data');
    night(server, 0, ['data'], { ready: false });
    request(server, { snapshots: name });
    expect((await perform(server)).message).toContain(expected);
  });

  test('for two snapshots of one claim that would get one name is refused', async () => {
    const server = nights(3, 'data');
    request(server, { snapshots: 'data-2,data-3', names: 'same' });
    server.removeClaim('data');
    expect((await perform(server)).message).toContain("two of the snapshots would become claim 'data'; restore one after the other");
  });
});

describe('volumes', () => {
  test('that wait for a pod are not waited for', async () => {
    const server = nights(1, 'data');
    server.waitsForPod = true;
    const run = await perform(server);
    expect([run.exitCode, run.seconds < 5]).toEqual([0, true]);
    expect(run.message).toContain('1 of 1 claims are made (the newest)');
    expect(run.message).toContain('and its volume is made when a pod uses it');
  });

  test('that do not come in time are a failure that says why', async () => {
    const server = nights(1, 'data');
    server.provisionError = 'requested volume size 1 is less than the size 2 for the source snapshot';
    const run = await perform(server, { timeoutSeconds: 120 });
    expect([run.exitCode, Math.round(run.seconds / 60)]).toEqual([1, 2]);
    expect(run.message).toContain("FAILED data-restored-20260208-020000: claim 'data-restored-20260208-020000' is not bound after 2m: requested volume size 1 is less");
    expect(run.message).toContain('the storage goes on trying; if it is of no use: kubectl -n shop delete pvc data-restored-20260208-020000');
  });

  test('that nobody makes are a failure that names the driver', async () => {
    const server = nights(1, 'data');
    server.provisionDelay = DAY;
    expect((await perform(server, { timeoutSeconds: 60 })).message).toContain('its driver has said nothing; is its csi-provisioner running?');
  });

  test('whose snapshot is deleted meanwhile can never come, which is said at once', async () => {
    const server = nights(2, 'data');
    server.provisionDelay = 10 * SECOND;
    server.clock.after(3 * SECOND, () => server.editSnapshot('data-1', ({ metadata }) => {
      Object.assign(metadata, { deletionTimestamp: '2026-02-09T01:00:00Z', finalizers: ['x'] });
    }));
    const run = await perform(server);
    expect([run.exitCode, run.seconds < 10]).toEqual([1, true]);
    expect(run.message).toContain("snapshot 'data-1' was deleted while claim 'data-restored-20260208-020000' was restored from it, so it can never be bound");
  });

  test('of a claim that somebody deletes meanwhile are not waited for', async () => {
    const server = nights(1, 'data');
    server.provisionDelay = 10 * SECOND;
    server.clock.after(3 * SECOND, () => server.removeClaim('data-restored-20260208-020000'));
    expect((await perform(server)).message).toContain('was deleted while it was restored; find out who deletes claims');
  });

  test('for which the quota has no room fail, and the others stay and are there for the next try', async () => {
    const server = nights(1, 'data-db-0', 'data-db-1');
    server.claimQuota = 3;
    const run = await perform(server, { claims: members(2) });
    expect([run.exitCode, Object.keys(restoredOf(server))]).toEqual([1, ['data-db-0-restored-20260208-020000']]);
    expect(run.message).toContain('exceeded quota');
    server.claimQuota = 4;
    const next = await perform(server, { claims: members(2) });
    expect([next.exitCode, Object.keys(restoredOf(server)).length]).toEqual([0, 2]);
    expect(next.message).toContain('was there already from an earlier run of this restore and may have been written to since');
  });
});

describe('a run that dies', () => {
  test('at any request is finished by its retry, which makes nothing twice', async () => {
    const whole = nights(2, 'data-db-0', 'data-db-1');
    request(whole, { before: '2026-02-07T03:00:00Z' });
    const { requests: all } = await perform(whole, { claims: members(2) });
    for (let at = 0; at < all.length; at += 1) {
      const server = nights(2, 'data-db-0', 'data-db-1');
      request(server, { before: '2026-02-07T03:00:00Z' });
      const died = start(server, button({ claims: members(2) }), 'job');
      server.after = (call: Call) => { if (call.pod === died.pod && call.number === at) { died.pod.kill(); } };
      await Promise.race([server.clock.until(died.result).catch(() => undefined), server.clock.advance(5 * MINUTE)]);
      server.after = undefined;
      const run = await perform(server, { claims: members(2) }, 'job');
      expect([at, run.exitCode, Object.values(restoredOf(server)).sort(), requests(server)]).toEqual([at, 0, ['data-db-0-2', 'data-db-1-2'], 0]);
    }
  });

  test('is followed by one that does the same, though its request is gone and a newer snapshot came', async () => {
    const server = nights(2, 'data');
    request(server, { before: '2026-02-07T03:00:00Z' });
    await perform(server, {}, 'job');
    night(server, 0, ['data']);
    const run = await perform(server, {}, 'job');
    expect([run.exitCode, Object.values(restoredOf(server))]).toEqual([0, ['data-2']]);
  });

  test('is told apart from one that fails', async () => {
    const server = nights(1, 'data');
    const started = start(server, button(), 'job');
    server.before = call => { if (call.verb === 'POST') { started.sigterm(); } };
    expect((await server.clock.until(started.result)).exitCode).toBe(143);
  });

  test('since the server is away leaves a retry to another pod', async () => {
    const server = nights(1, 'data');
    server.before = () => { throw new ConnectionError('the API server did not answer'); };
    expect((await perform(server)).exitCode).toBe(75);
  });

  test('for want of a right says what to apply', async () => {
    const server = nights(1, 'data');
    server.before = call => { if (call.resource === 'volumesnapshots') { throw new ApiError(403, 'forbidden'); } };
    expect((await perform(server)).message).toContain('apply the Role and RoleBinding of this restore');
  });

  test('asks only for what its Role has', async () => {
    const server = nights(1, 'data');
    request(server, { claims: 'data' });
    const { requests: all } = await perform(server);
    expect([...new Set(all.map(each => each.replace(/\/.*/, '')))].sort()).toEqual([
      'DELETE configmaps', 'GET configmaps', 'LIST events', 'LIST persistentvolumeclaims', 'LIST volumesnapshots', 'POST events', 'POST persistentvolumeclaims',
    ]);
  });
});

describe('a restore that nobody asks for', () => {
  const hook = { claims: members(2), names: 'same', unlessThere: true };
  const SET = ['data-db-0', 'data-db-1'];

  test('makes the claims of an environment that has none, and nothing in the sync after it', async () => {
    const server = nights(2, ...SET);
    SET.forEach(name => server.removeClaim(name));
    expect(await perform(server, hook)).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^2 of 2 claims are restored/) });
    expect(restoredOf(server)).toEqual({ 'data-db-0': 'data-db-0-1', 'data-db-1': 'data-db-1-1' });
    expect(await perform(server, hook)).toMatchObject({ exitCode: 0, message: 'nothing is restored, since all claims are there: data-db-0, data-db-1' });
    expect(claimsOf(server)).toHaveLength(2);
  });

  test('asks for no snapshot where all claims are there', async () => {
    const server = nights(0, ...SET);
    expect((await perform(server, hook)).requests).toEqual(['LIST persistentvolumeclaims']);
  });

  test('fails where some of the claims are there, as the others would be of another time', async () => {
    const server = nights(2, ...SET);
    server.removeClaim('data-db-1');
    expect(await perform(server, hook)).toMatchObject({ exitCode: 1, message: expect.stringContaining("claim 'data-db-0' exists and is not touched") });
    expect(claimsOf(server)).toHaveLength(1);
  });

  test('fails where there is nothing to restore: it must not start on nothing what was to have data', async () => {
    expect(await perform(nights(0), hook)).toMatchObject({ exitCode: 1, message: expect.stringContaining('no snapshot') });
  });

  test('looks for the claims of a StatefulSet whose number of members is not known', async () => {
    const claims: ClaimSelection[] = [{ kind: 'StatefulSet', name: 'db', templates: ['data', 'wal'] }];
    const server = nights(0, 'data-copy-0');
    expect(await perform(server, { ...hook, claims, names: 'stateful-set/copy' })).toMatchObject({ exitCode: 1 });
    server.addClaim('wal-copy-0');
    expect(await perform(server, { ...hook, claims, names: 'stateful-set/copy' })).toMatchObject({ exitCode: 0, message: expect.stringContaining('data-copy-0, wal-copy-0') });
  });

  test.each<[string, Partial<RestoreConfig>]>([
    ['named', {}],
    ['of a StatefulSet whose number of members is not known', { claims: [{ kind: 'StatefulSet', name: 'db', templates: ['data'] }] }],
  ])('that could make only some of its claims, %s, is gone on with by the next Job, and does not pass before', async (_, changes) => {
    const server = nights(2, ...SET);
    SET.forEach(name => server.removeClaim(name));
    server.claimQuota = 1;
    expect(await perform(server, { ...hook, ...changes })).toMatchObject({ exitCode: 1 });
    expect(claimsOf(server)).toHaveLength(1);
    expect(await perform(server, { ...hook, ...changes })).toMatchObject({ exitCode: 1 });
    server.claimQuota = Infinity;
    expect(await perform(server, { ...hook, ...changes })).toMatchObject({ exitCode: 0 });
    expect(restoredOf(server)).toEqual({ 'data-db-0': 'data-db-0-1', 'data-db-1': 'data-db-1-1' });
    expect((await perform(server, { ...hook, ...changes })).message).toMatch(/^nothing is restored, since all claims are there/);
  });

  test('that loses its pod halfway is finished by the next', async () => {
    const server = nights(2, ...SET);
    SET.forEach(name => server.removeClaim(name));
    const first = start(server, button(hook), 'the-job');
    await server.clock.advance(100);
    first.pod.kill();
    expect(await perform(server, hook, 'the-job')).toMatchObject({ exitCode: 0 });
    expect(claimsOf(server)).toHaveLength(2);
  });
});

describe('a snapshot that a drill found bad', () => {
  const BAD = { labels: { [KEYS.verified]: 'false' } };

  test('is passed over, and the message says why', async () => {
    const server = new FakeApiServer();
    server.addClaim('data');
    night(server, 2, ['data']);
    night(server, 1, ['data'], BAD);
    const run = await perform(server);
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining("(snapshot 'data-2'") });
    expect(run.message).toContain(`passed over: the run of ${new Date(TONIGHT - DAY).toISOString()} has no good snapshot of data (a drill found it bad)`);
  });

  test('is not restored for want of a better one', async () => {
    const server = new FakeApiServer();
    server.addClaim('data');
    night(server, 1, ['data'], BAD);
    expect(await perform(server)).toMatchObject({ exitCode: 1, message: expect.stringContaining('data (a drill found it bad)') });
    expect(restoredOf(server)).toEqual({});
  });

  test('is restored by its name, with a word of warning', async () => {
    const server = new FakeApiServer();
    server.addClaim('data');
    night(server, 1, ['data'], BAD);
    request(server, { snapshots: 'data-1' });
    expect(await perform(server)).toMatchObject({ exitCode: 0, message: expect.stringContaining("a drill found snapshot 'data-1' bad") });
  });
});

test('a moment before the first snapshot is told which snapshot was the first', async () => {
  const server = nights(3, 'data');
  request(server, { before: new Date(TONIGHT - 9 * DAY).toISOString() });
  expect(await perform(server)).toMatchObject({
    exitCode: 1, message: expect.stringContaining(`the oldest good one, 'data-3', is of ${new Date(TONIGHT - 3 * DAY).toISOString()}`),
  });
});
