import { Call, DAY, FakeApiServer, perform, schedule, SECOND, start, TONIGHT } from './fake-api-server';
import { KEY_PREFIX, KEYS, QuiesceConfig, RunnerConfig } from '../../src/runner/config';
import { snapshotName } from '../../src/runner/identity';
import { ApiError, ConnectionError } from '../../src/runner/kube-client';

const HOLD: QuiesceConfig = { command: ['sh', '-c', 'quiesce'], attempts: 1, maxHoldSeconds: 30, onFailure: 'Fail' };
const quiesced = (changes: Partial<QuiesceConfig> = {}, more: Partial<RunnerConfig> = {}) => schedule({ quiesce: { ...HOLD, ...changes }, ...more });
const twoClaims = { claims: [{ kind: 'Claim' as const, name: 'data' }, { kind: 'Claim' as const, name: 'wal' }] };

function cluster(...claims: string[]): FakeApiServer {
  const server = new FakeApiServer();
  claims.forEach(claim => server.addClaim(claim));
  return server;
}

const consistencies = (server: FakeApiServer) => server.snapshots.map((s: any) => s.metadata.labels[KEYS.consistency]);

/** Nothing is called consistent that was cut while somebody wrote, and nobody is held any more. */
function requireHonest(server: FakeApiServer): void {
  const called = server.snapshots.filter((s: any) => s.metadata.labels[KEYS.consistency] === 'application').map((s: any) => s.metadata.name);
  expect(called.filter((name: string) => !server.cutWhileHeld.has(name))).toEqual([]);
  expect([...server.applications.values()].filter(application => application.frozen)).toEqual([]);
}

describe('an application that writes to a claim', () => {
  test('is held while the claim is cut, let go before the copy is made, and the snapshot is called consistent', async () => {
    const server = cluster('data');
    const db = server.addPod('db-0', ['data']);
    server.readyDelay = 60 * SECOND;
    const run = await perform(server, { config: quiesced() });
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('data: application-consistent') });
    expect(consistencies(server)).toEqual(['application']);
    expect(server.cutWhileHeld.size).toBe(1);
    // the cut is seen after some 60 ms
    expect(db.longest).toBeLessThan(300);
    requireHonest(server);
  });

  test('is held once for all its claims', async () => {
    const server = cluster('data', 'wal');
    const db = server.addPod('db-0', ['data', 'wal']);
    expect(await perform(server, { config: quiesced({}, twoClaims) })).toMatchObject({ exitCode: 0 });
    expect([db.sessions.length, consistencies(server), server.cutWhileHeld.size]).toEqual([1, ['application', 'application'], 2]);
  });

  test('in several pods is held in all of them', async () => {
    const server = cluster('data');
    const pods = ['web-0', 'web-1'].map(name => server.addPod(name, ['data']));
    expect(await perform(server, { config: quiesced() })).toMatchObject({ exitCode: 0 });
    expect([pods.map(pod => pod.sessions.length), consistencies(server)]).toEqual([[1, 1], ['application']]);
  });

  test('is another one in another pod, and its failure is none of theirs', async () => {
    const server = cluster('data', 'wal');
    server.addPod('db-0', ['data']).refusal = 'psql: no such role';
    server.addPod('db-1', ['wal']);
    const run = await perform(server, { config: quiesced({}, twoClaims) });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining("FAILED data: the application in pod 'db-0' was not quiesced: psql: no such role") });
    expect(server.snapshots.map((s: any) => [s.spec.source.persistentVolumeClaimName, s.metadata.labels[KEYS.consistency]])).toEqual([['wal', 'application']]);
  });

  test('is found by its labels, if the pod is not the one that mounts the claim', async () => {
    const server = cluster('data');
    const primary = server.addPod('primary', [], { labels: { role: 'primary' } });
    server.addPod('other', ['data']);
    await perform(server, { config: quiesced({ podLabels: { role: 'primary' } }) });
    expect([primary.sessions.length, server.applications.get('other')?.sessions.length]).toEqual([1, 0]);
  });

  test('is not held where it only reads', async () => {
    const server = cluster('data');
    const reader = server.addPod('reader', ['data'], { readOnly: true });
    await perform(server, { config: quiesced() });
    expect(reader.sessions).toEqual([]);
  });

  test('is not there: nobody writes, which is no failure, and is said', async () => {
    const server = cluster('data');
    server.addPod('done', ['data'], { phase: 'Succeeded' });
    const run = await perform(server, { config: quiesced() });
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('no pod mounts it, so there was nothing to quiesce') });
    expect(consistencies(server)).toEqual(['crash']);
  });
});

describe('an application that cannot be held', () => {
  const cases: [string, (server: FakeApiServer) => void, RegExp][] = [
    ['its command refuses', server => { server.addPod('db-0', ['data']).refusal = 'mariadb: access denied'; }, /in pod 'db-0' was not quiesced: mariadb: access denied/],
    ['its client fails, and says why only then', server => {
      Object.assign(server.addPod('db-0', ['data']), { lastLine: 'the session of the client ended with 2', refusal: 'role "nobody" does not exist', releaseDelay: 400 });
    }, /was not quiesced: the session of the client ended with 2: role "nobody" does not exist/],
    ['its pod starts just now', server => { server.addPod('db-0', ['data'], { phase: 'Pending' }); }, /not quiesced: pod 'db-0' is not running/],
    ['it takes too long', server => { Object.assign(server.addPod('db-0', ['data']), { quiesceDelay: 90 * SECOND, watchdog: 200 * SECOND }); },
      /was not quiesced: no answer within 35 s/],
  ];

  test.each(cases)('fails without a snapshot: %s', async (_, prepare, message) => {
    const server = cluster('data');
    prepare(server);
    const run = await perform(server, { config: quiesced() });
    expect([run.exitCode, server.names]).toEqual([1, []]);
    expect(run.message).toMatch(message);
    await server.clock.advance(300 * SECOND);
    requireHonest(server);
  });

  test.each(cases)('has a crash-consistent one if the user says so, which is said: %s', async (_, prepare, message) => {
    const server = cluster('data');
    prepare(server);
    const run = await perform(server, { config: quiesced({ onFailure: 'CrashConsistent' }) });
    expect([run.exitCode, consistencies(server)]).toEqual([0, ['crash']]);
    expect(run.message).toMatch(new RegExp(`data: crash-consistent only, since .*${message.source}`));
  });
});

describe('a cut that comes too late', () => {
  test('lets the application go at the end of the hold, and is not called consistent', async () => {
    const server = cluster('data');
    const db = server.addPod('db-0', ['data']);
    server.controllerDelay = 45 * SECOND;
    const run = await perform(server, { config: quiesced({ maxHoldSeconds: 10 }) });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringMatching(/is crash-consistent only: it was not cut within 10 s, so the application was let go before; it is kept/) });
    expect(db.longest).toBeLessThan(11 * SECOND);
    expect(consistencies(server)).toEqual(['crash']);
  });

  test('for want of a class says that, and lets the application go at once', async () => {
    const server = cluster('data');
    const db = server.addPod('db-0', ['data']);
    server.driverError = 'Failed to get snapshot class with error volumesnapshotclass.snapshot.storage.k8s.io "nonesuch" not found';
    const run = await perform(server, { config: quiesced({ maxHoldSeconds: 10 }) });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringMatching(/FAILED data: there is no class for snapshot '.*"nonesuch" not found\); create it/) });
    expect(db.longest).toBeLessThan(2 * SECOND);
  });

  test('is too late as well if the database goes down while it is held, or the target lets go by itself', async () => {
    for (const lose of [
      (server: FakeApiServer) => server.clock.after(90, () => server.applications.get('db-0')?.crash()),
      (server: FakeApiServer) => { Object.assign(server.applications.get('db-0') as object, { watchdog: 80 }); },
    ]) {
      const server = cluster('data');
      server.addPod('db-0', ['data']);
      server.controllerDelay = 2 * SECOND;
      lose(server);
      const run = await perform(server, { config: quiesced() });
      expect([run.exitCode, consistencies(server).includes('application')]).toEqual([1, false]);
      requireHonest(server);
    }
  });
});

describe('a second attempt', () => {
  const twice = (more: Partial<QuiesceConfig> = {}) => quiesced({ attempts: 2, ...more });

  test('has a consistent snapshot of its own, when the first was cut too late; the late one stays, and is not called so', async () => {
    const server = cluster('data');
    const db = server.addPod('db-0', ['data']);
    server.controllerDelay = 45 * SECOND;
    server.clock.after(40 * SECOND, () => { server.controllerDelay = 20; });
    const run = await perform(server, { config: twice({ maxHoldSeconds: 10 }) });
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('data: application-consistent') });
    expect([consistencies(server), db.sessions.length]).toEqual([['crash', 'application'], 2]);
    expect(new Set(server.names).size).toBe(2);
    requireHonest(server);
  });

  test('is made of an application that refused the first time, and nothing is taken before', async () => {
    const server = cluster('data');
    Object.assign(server.addPod('db-0', ['data']), { refusal: 'lock wait timeout', refusals: 1 });
    expect(await perform(server, { config: twice({ onFailure: 'CrashConsistent' }) })).toMatchObject({ exitCode: 0 });
    expect(consistencies(server)).toEqual(['application']);
  });

  test('is made of the pods that there are by then', async () => {
    const server = cluster('data');
    server.addPod('db-old', ['data']).refusal = 'shutting down';
    server.clock.after(2 * SECOND, () => {
      server.removePod('db-old');
      server.addPod('db-new', ['data']);
    });
    expect(await perform(server, { config: twice() })).toMatchObject({ exitCode: 0 });
    expect(consistencies(server)).toEqual(['application']);
  });

  test('is not made of a storage that has not even cut the first', async () => {
    const server = cluster('data');
    const db = server.addPod('db-0', ['data']);
    server.driverError = 'no space';
    expect(await perform(server, { config: twice() })).toMatchObject({ exitCode: 1 });
    expect([server.names.length, db.sessions.length]).toEqual([1, 1]);
  });

  test('is made when an earlier pod died in the first, so that the night has its consistent snapshot', async () => {
    const server = cluster('data');
    server.addPod('db-0', ['data']);
    const night = { kind: 'Scheduled' as const, at: new Date(TONIGHT) };
    await dieAfter(server, night, call => call.verb === 'POST' && call.resource === 'volumesnapshots');
    expect(await perform(server, { config: twice(), run: night })).toMatchObject({ exitCode: 0 });
    expect(consistencies(server)).toEqual(['crash', 'application']);
    requireHonest(server);
  });
});

describe('claims of one application', () => {
  const night = { kind: 'Scheduled' as const, at: new Date(TONIGHT) };
  const newest = (server: FakeApiServer, claim: string) =>
    server.snapshots.filter((s: any) => s.spec.source.persistentVolumeClaimName === claim).at(-1);

  /** Room for one of the two, and for all as soon as something old is gone. */
  function crowded(): FakeApiServer {
    const server = cluster('data', 'wal');
    server.addPod('db-0', ['data', 'wal']);
    for (let age = 1; age <= 6; age += 1) { server.addSnapshot('wal', { name: `wal-${age}`, at: TONIGHT - age * DAY }); }
    server.quota = 7;
    server.controllerDelay = 2 * SECOND;
    return server;
  }

  test.each([['Fail', 1], ['CrashConsistent', 0]] as const)(
    'are not called consistent with each other, if a full quota has room for one after the other only: %s ends with %i', async (onFailure, exitCode) => {
      const server = crowded();
      const run = await perform(server, { config: quiesced({ attempts: 2, onFailure }, twoClaims), run: night });
      expect(run.exitCode).toBe(exitCode);
      expect(run.message).toContain('other claims of its application were cut in an earlier hold of this run');
      expect(['data', 'wal'].map(claim => newest(server, claim).metadata.labels[KEYS.consistency])).toEqual(['application', 'crash']);
      expect(server.snapshots.filter((s: any) => s.spec.source.persistentVolumeClaimName === 'data')).toHaveLength(1);
      requireHonest(server);
    });

  test('are taken again together when all deletions of a retake are done, not one by one as room comes', async () => {
    const server = cluster('data', 'wal');
    server.addPod('db-0', ['data', 'wal']);
    for (const claim of ['data', 'wal']) { for (let age = 1; age <= 6; age += 1) { server.addSnapshot(claim, { name: `${claim}-${age}`, at: TONIGHT - age * DAY }); } }
    server.quota = 12;
    // the oldest of wal is stuck for a while
    server.editSnapshot('wal-6', (s: any) => { s.metadata.finalizers.push('example.com/busy'); });
    server.clock.after(20 * SECOND, () => server.editSnapshot('wal-6', (s: any) => { s.metadata.finalizers = []; }));
    const run = await perform(server, { config: quiesced({ attempts: 2 }, twoClaims), run: night });
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^2 of 2 claims have their snapshot/) });
    expect(['data', 'wal'].map(claim => newest(server, claim).metadata.labels[KEYS.consistency])).toEqual(['application', 'application']);
    requireHonest(server);
  });

  test('are tried as often as any other in a retake, if a lock is not to be had at first', async () => {
    const server = crowded();
    server.quota = 6;
    server.removeClaim('data');
    server.clock.after(3 * SECOND, () => { Object.assign(server.applications.get('db-0') as object, { refusal: 'lock wait timeout', refusals: 1 }); });
    expect(await perform(server, { config: quiesced({ attempts: 2 }, { claims: all(server) }), run: night })).toMatchObject({ exitCode: 0 });
    expect(newest(server, 'wal').metadata.labels[KEYS.consistency]).toBe('application');
  });

  test('of which one was refused in the second attempt are taken again in that one, and not called consistent across it', async () => {
    const server = crowded();
    Object.assign(server.applications.get('db-0') as object, { refusal: 'lock wait timeout', refusals: 1 });
    const run = await perform(server, { config: quiesced({ attempts: 2, onFailure: 'CrashConsistent' }, twoClaims), run: night });
    expect(run.exitCode).toBe(0);
    const seen = server.snapshots.filter((s: any) => !/^wal-\d$/.test(s.metadata.name));
    expect(seen.map(({ metadata, spec }: any) => [spec.source.persistentVolumeClaimName, metadata.labels[KEYS.consistency]]).sort())
      .toEqual([['data', 'application'], ['wal', 'crash']]);
    requireHonest(server);
  });

  test('are taken in the attempt for which a full quota had no room, when it has', async () => {
    const server = cluster('data');
    server.addPod('db-0', ['data']);
    for (let age = 1; age <= 6; age += 1) { server.addSnapshot('data', { name: `data-${age}`, at: TONIGHT - age * DAY }); }
    server.quota = 7;
    // a newcomer spoils the first
    server.controllerDelay = 3 * SECOND;
    server.clock.after(SECOND, () => { server.addPod('db-1', ['data']); });
    const run = await perform(server, { config: quiesced({ attempts: 2 }), run: night });
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('data: application-consistent') });
    requireHonest(server);
  });

  test('are not called consistent with what an earlier pod has cut, where one of them is late in the hold of a later pod', async () => {
    const server = cluster('data', 'wal');
    server.addPod('db-0', ['data', 'wal']);
    const name = snapshotName('data', server.claimUid('data'), 'nightly', night);
    server.addSnapshot('data', { name, at: TONIGHT, labels: { [KEYS.consistency]: 'application' } });
    // the controller gets to it when the hold is over
    const late = snapshotName('data', server.claimUid('data'), 'nightly', night, 2);
    server.backlog.add(late);
    server.clock.after(45 * SECOND, () => server.workOff(late));
    await perform(server, { config: quiesced({ attempts: 2, maxHoldSeconds: 10, onFailure: 'CrashConsistent' }, twoClaims), run: night });
    const seen = server.snapshots.map(({ metadata, spec }: any) => [spec.source.persistentVolumeClaimName, metadata.labels[KEYS.consistency]]);
    expect(seen.sort()).toEqual([['data', 'application'], ['data', 'crash'], ['wal', 'crash']]);
  });

  test.each(['Fail', 'CrashConsistent'] as const)('are all tried where an earlier pod took one of them, and the storage is late: %s', async onFailure => {
    const server = cluster('data', 'wal');
    server.addPod('db-0', ['data', 'wal']);
    server.controllerDelay = 400 * SECOND;
    const config = quiesced({ attempts: 2, maxHoldSeconds: 10, onFailure }, twoClaims);
    server.before = call => (call.verb === 'POST' && call.name?.startsWith('wal') ? call.hang() : undefined);
    await dieAfter(server, night, call => call.verb === 'POST' && call.name?.startsWith('data') === true);
    server.before = undefined;
    expect(server.names).toHaveLength(1);
    server.controllerDelay = SECOND;
    const run = await perform(server, { config, run: night });
    expect(server.snapshots.map((s: any) => s.spec.source.persistentVolumeClaimName).sort()).toEqual(['data', 'wal']);
    expect([run.exitCode, /^(2|0) of 2 claims/.test(run.message)]).toEqual([onFailure === 'Fail' ? 1 : 0, true]);
    requireHonest(server);
  });
});

test.each([['before', 1, 0], ['after', 2, 1]] as const)('an application whose pods nobody can look up %s it is held is not called held', async (_, looks, sessions) => {
  const server = cluster('data');
  const db = server.addPod('db-0', ['data']);
  let seen = 0;
  server.before = ({ resource, verb }) => {
    if (resource === 'pods' && verb === 'LIST') { seen += 1; }
    if (resource === 'pods' && verb === 'LIST' && seen > looks) { throw new ApiError(403, 'pods is forbidden: cannot list'); }
  };
  const run = await perform(server, { config: quiesced({ onFailure: 'CrashConsistent' }) });
  expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('its pods could not be looked up: pods is forbidden: cannot list') });
  expect([consistencies(server), db.sessions.length]).toEqual([['crash'], sessions]);
});

describe('a pod that comes', () => {
  test('while another application is held, is held in its turn', async () => {
    const server = cluster('data', 'wal');
    server.addPod('db-0', ['data']);
    server.addPod('web-0', ['wal']);
    server.controllerDelay = 3 * SECOND;
    server.clock.after(SECOND, () => { server.addPod('web-1', ['wal']); });
    expect(await perform(server, { config: quiesced({}, { ...twoClaims, concurrency: 1 }) })).toMatchObject({ exitCode: 0 });
    expect([server.applications.get('web-1')?.sessions.length, consistencies(server)]).toEqual([1, ['application', 'application']]);
  });

  test('while its application is held, spoils the cut, which is said', async () => {
    const server = cluster('data');
    server.addPod('web-0', ['data']);
    server.controllerDelay = 3 * SECOND;
    server.clock.after(SECOND, () => { server.addPod('web-1', ['data']); });
    const run = await perform(server, { config: quiesced() });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining("is crash-consistent only: pod 'web-1' came meanwhile, and was not held") });
    expect(consistencies(server)).toEqual(['crash']);
  });
});

const all = (server: FakeApiServer) => server.claims.map(({ metadata }) => ({ kind: 'Claim' as const, name: metadata.name }));

/** A pod of a run that is killed as soon as a request was answered. */
async function dieAfter(
  server: FakeApiServer, run: { kind: 'Scheduled'; at: Date }, isLast: (call: Call) => boolean, config = quiesced({}, { claims: all(server) }),
): Promise<void> {
  const first = start(server, { config, run });
  server.after = call => { if (isLast(call)) { call.pod.kill(); } };
  await server.clock.until(Promise.race([first.result, server.clock.wait(60 * SECOND)]));
  server.after = undefined;
}

test('what an earlier pod has called consistent is so, and is not taken again', async () => {
  const server = cluster('data');
  const db = server.addPod('db-0', ['data']);
  server.readyDelay = 90 * SECOND;
  const night = { kind: 'Scheduled' as const, at: new Date(TONIGHT) };
  await dieAfter(server, night, call => call.verb === 'PATCH' && call.resource === 'volumesnapshots');
  const run = await perform(server, { config: quiesced({ attempts: 2 }), run: night });
  expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('application-consistent, taken by an earlier pod') });
  expect([consistencies(server), db.sessions.length]).toEqual([['application'], 1]);
});

describe('on a replica', () => {
  const on = (choice: QuiesceConfig['on']) => quiesced({ on: choice }, twoClaims);

  test('the claims of the primary are left out, which is said and is no failure', async () => {
    const server = cluster('data', 'wal');
    const primary = server.addPod('db-0', ['data']);
    primary.isPrimary = true;
    server.addPod('db-1', ['wal']);
    const run = await perform(server, { config: on('Replica') });
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^1 of 1 claims have their snapshot .*left out, since a replica was taken: data/) });
    expect([server.snapshots.map((s: any) => s.spec.source.persistentVolumeClaimName), primary.longest]).toEqual([['wal'], 0]);
  });

  test.each([
    ['Replica', 1, [], /only a replica may be held/],
    ['ReplicaOrPrimary', 0, ['application'], /application-consistent/],
  ] as const)('with no replica at all, %s ends with %i', async (choice, exitCode, made, message) => {
    const server = cluster('data');
    server.addPod('db-0', ['data']).isPrimary = true;
    const run = await perform(server, { config: quiesced({ on: choice }) });
    expect([run.exitCode, consistencies(server)]).toEqual([exitCode, made]);
    expect(run.message).toMatch(message);
  });

  test.each([
    ['Replica', 1, []],
    ['ReplicaOrPrimary', 0, ['data', 'wal']],
  ] as const)('a claim that is left of an earlier replica is no replica: %s ends with %i', async (choice, exitCode, made) => {
    const server = cluster('data', 'wal');
    server.addPod('db-0', ['data']).isPrimary = true;
    const run = await perform(server, { config: on(choice) });
    expect([run.exitCode, server.snapshots.map((s: any) => s.spec.source.persistentVolumeClaimName).filter((name: string) => exitCode === 0 || name === 'data').sort()])
      .toEqual([exitCode, made]);
  });

  test.each([
    ['Replica', 1, ['data-x-1']],
    ['ReplicaOrPrimary', 0, ['data-x-0', 'data-x-1', 'data-y-0']],
  ] as const)('no primary is left out where there are two, since nobody knows whose replica was taken: %s ends with %i', async (choice, exitCode, made) => {
    const server = cluster('data-x-0', 'data-x-1', 'data-y-0');
    for (const name of ['x-0', 'y-0']) { server.addPod(name, [`data-${name}`]).isPrimary = true; }
    server.addPod('x-1', ['data-x-1']);
    const claims = ['data-x-0', 'data-x-1', 'data-y-0'].map(name => ({ kind: 'Claim' as const, name }));
    const run = await perform(server, { config: quiesced({ on: choice }, { claims }) });
    expect([run.exitCode, server.snapshots.map((s: any) => s.spec.source.persistentVolumeClaimName).sort()]).toEqual([exitCode, made]);
  });

  test('no primary is left out for what an earlier pod may have held for want of a replica', async () => {
    const server = cluster('data-x-0', 'data-x-1', 'data-y-0');
    for (const name of ['x-0', 'y-0']) { server.addPod(name, [`data-${name}`]).isPrimary = true; }
    server.addPod('x-1', ['data-x-1']);
    const config = quiesced({ on: 'ReplicaOrPrimary' }, { claims: all(server), concurrency: 1 });
    const night = { kind: 'Scheduled' as const, at: new Date(TONIGHT) };
    await dieAfter(server, night, call => call.verb === 'PATCH' && call.name?.startsWith('data-x-0') === true, config);
    expect(await perform(server, { config, run: night })).toMatchObject({ exitCode: 0, message: expect.not.stringContaining('left out') });
    expect(server.snapshots.map((s: any) => s.spec.source.persistentVolumeClaimName).sort()).toEqual(['data-x-0', 'data-x-1', 'data-y-0']);
  });

  test('the claim of a replica that is gone is none, though a person named its pod', async () => {
    const server = cluster('data', 'wal');
    server.addPod('db-0', ['data']).isPrimary = true;
    const named = { on: 'ReplicaOrPrimary' as const, podNames: ['db-0', 'db-1'], podsMustMount: true, onFailure: 'CrashConsistent' as const };
    const run = await perform(server, { config: quiesced(named, twoClaims) });
    expect(run).toMatchObject({ exitCode: 0, message: expect.not.stringContaining('left out') });
    expect(server.snapshots.map((s: any) => [s.spec.source.persistentVolumeClaimName, s.metadata.labels[KEYS.consistency]]).sort())
      .toEqual([['data', 'application'], ['wal', 'crash']]);
  });

  test('a replica that is scaled in before its turn is none, and a primary is not left out for it', async () => {
    const server = cluster('data', 'wal');
    server.addPod('db-0', ['data']).isPrimary = true;
    server.addPod('db-1', ['wal']);
    server.after = ({ resource, verb }) => { if (resource === 'pods' && verb === 'LIST') { server.applications.delete('db-1'); server.removePod('db-1'); server.after = undefined; } };
    expect(await perform(server, { config: on('Replica') })).toMatchObject({ exitCode: 1, message: expect.stringContaining('only a replica may be held') });
  });

  test('a primary is never taken for a replica whose snapshots are not ready, night after night', async () => {
    const server = cluster('data', 'wal');
    const primary = server.addPod('db-0', ['data']);
    primary.isPrimary = true;
    server.addPod('db-1', ['wal']);
    for (let age = 1; age <= 3; age += 1) { server.addSnapshot('wal', { at: TONIGHT - age * DAY, ready: false, cut: false }); }
    expect(await perform(server, { config: on('ReplicaOrPrimary') })).toMatchObject({ exitCode: 1, message: expect.stringContaining('so no more is taken') });
    expect(primary.longest).toBe(0);
  });

  test('a primary is never taken for a replica that fails', async () => {
    const server = cluster('data', 'wal');
    const primary = server.addPod('db-0', ['data']);
    primary.isPrimary = true;
    server.addPod('db-1', ['wal']).refusal = 'access denied';
    expect(await perform(server, { config: on('ReplicaOrPrimary') })).toMatchObject({ exitCode: 1 });
    expect([server.names, primary.longest]).toEqual([[], 0]);
  });
});

test('what the command wants to be kept for a restore is on the snapshot, with how long it was held', async () => {
  const server = cluster('data');
  const label = 'START WAL LOCATION: 0/2000028\nCHECKPOINT LOCATION: 0/2000060\n';
  server.addPod('db-0', ['data']).keeps = [`keep postgresql-backup-label ${Buffer.from(label).toString('base64')}`];
  await perform(server, { config: quiesced() });
  const { annotations } = server.snapshots[0].metadata;
  expect(annotations[`${KEY_PREFIX}postgresql-backup-label`]).toBe(label);
  for (const milliseconds of [annotations[KEYS.held], annotations[KEYS.releasedWithin]].map(Number)) {
    expect([milliseconds > 0, milliseconds < 300]).toEqual([true, true]);
  }
});

test.each(['hold', 'hold-until', 'prunable', 'scheduled-for'])('a container keeps nothing as %s, by which it could decide what is pruned', async name => {
  const server = cluster('data');
  server.addPod('db-0', ['data']).keeps = [`keep ${name} ${Buffer.from('true').toString('base64')}`];
  const run = await perform(server, { config: quiesced() });
  expect([run.exitCode, consistencies(server)]).toEqual([1, ['crash']]);
  expect(server.snapshots[0].metadata.annotations).not.toHaveProperty([KEY_PREFIX + name], 'true');
  requireHonest(server);
});

test('the pods are asked for by name, where the rights are limited to them, and others are left alone', async () => {
  const server = cluster('data');
  server.addPod('db-0', ['data']);
  const reader = server.addPod('reader', ['data']);
  const run = await perform(server, { config: quiesced({ podNames: ['db-0'] }) });
  expect(run.exitCode).toBe(0);
  expect(reader.sessions).toEqual([]);
});

test('a pod that a person has named, and that does not mount the claim, is a mistake and not an application that is away', async () => {
  const server = cluster('data');
  server.addPod('db-0', ['data']);
  const run = await perform(server, { config: quiesced({ podNames: ['bd-0'], podsMustMount: true }) });
  expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining('was not quiesced: none of the pods bd-0 mounts it') });
  expect(server.names).toEqual([]);
});

test('an application whose turn comes too late is not held in vain', async () => {
  const server = cluster('data', 'wal');
  server.addPod('db-0', ['data']).watchdog = 58 * SECOND;
  const second = server.addPod('db-1', ['wal']);
  server.controllerDelay = 300 * SECOND;
  const run = await perform(server, { config: quiesced({ maxHoldSeconds: 58 }, { ...twoClaims, concurrency: 1, readyTimeoutSeconds: 60 }) });
  expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining('FAILED wal: its turn came after readyTimeout') });
  expect(second.sessions).toEqual([]);
});

test('an application that lets go by itself is noticed at once, not when its time is up', async () => {
  const server = cluster('data');
  server.addPod('db-0', ['data']);
  server.controllerDelay = 20 * SECOND;
  server.clock.after(500, () => server.applications.get('db-0')?.crash());
  const run = await perform(server, { config: quiesced({ onFailure: 'CrashConsistent' }) });
  const { heldMilliseconds } = run.lines.find(line => line.step === 'hold') as any;
  expect(heldMilliseconds).toBeLessThan(1000);
  expect(consistencies(server)).toEqual(['crash']);
});

test('a storage that is late every night piles no snapshots up, and no consistent one is lost for it', async () => {
  const server = cluster('data');
  server.addPod('db-0', ['data']);
  const config = quiesced({ maxHoldSeconds: 10 }, { retention: { keepLast: 2, minimumReady: 1, consistentFirst: true } });
  for (let night = 0; night < 8; night += 1) {
    if (night === 2) { server.controllerDelay = 20 * SECOND; }
    await perform(server, { config });
    await server.clock.advance(DAY);
  }
  expect(consistencies(server).filter((each: string) => each === 'application').length).toBe(2);
  expect(consistencies(server).length).toBeLessThanOrEqual(5);
});

test('a snapshot that an earlier pod of the run took is never called consistent', async () => {
  const server = cluster('data');
  server.addPod('db-0', ['data']);
  const run1 = { kind: 'Scheduled' as const, at: new Date(TONIGHT) };
  await dieAfter(server, run1, call => call.verb === 'POST' && call.resource === 'volumesnapshots');
  const run = await perform(server, { config: quiesced(), run: run1 });
  expect([run.exitCode, consistencies(server)]).toEqual([1, ['crash']]);
  expect(run.message).toContain('an earlier pod of this run took it');
});

describe('whenever the runner dies or is cut off', () => {
  test.each([
    ['killed', false, 2 * SECOND], ['killed, and the network with it', true, 31 * SECOND],
  ] as const)('%s, the application writes again, and nothing is called consistent that is not', async (_, deaf, promised) => {
    let points = 0;
    for (let at = 0; at <= 400; at += 4) {
      const server = cluster('data');
      const db = server.addPod('db-0', ['data']);
      db.deaf = deaf;
      const run = start(server, { config: quiesced() });
      server.clock.after(at, () => run.pod.kill());
      await server.clock.until(Promise.race([run.result, server.clock.wait(60 * SECOND)]));
      await server.clock.advance(60 * SECOND);
      db.thaw();
      expect({ at, longest: db.longest }).toEqual({ at, longest: Math.min(db.longest, promised) });
      requireHonest(server);
      points += 1;
    }
    expect(points).toBe(101);
  });

  test('from the API server, the application writes again in time', async () => {
    for (let request = 0; request < 12; request += 1) {
      const server = cluster('data');
      const db = server.addPod('db-0', ['data']);
      server.before = call => { if (call.number >= request && server.now() < 0) { throw new ConnectionError('ECONNREFUSED'); } };
      let down = Infinity;
      server.before = call => {
        if (call.number === request && down === Infinity) { down = server.now(); }
        if (server.now() >= down && server.now() < down + 120 * SECOND) { throw new ConnectionError('ECONNREFUSED'); }
      };
      await perform(server, { config: quiesced({ maxHoldSeconds: 10 }) });
      await server.clock.advance(60 * SECOND);
      expect({ request, longest: db.longest }).toEqual({ request, longest: Math.min(db.longest, 31 * SECOND) });
      requireHonest(server);
    }
  });
});
