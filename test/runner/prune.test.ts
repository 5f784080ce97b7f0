import { Call, DAY, FakeApiServer, HOUR, inShort, MINUTE, perform, schedule, SECOND, start, TONIGHT } from './fake-api-server';
import { ClaimSelection, KEYS, RunnerConfig } from '../../src/runner/config';
import { ApiError, ConnectionError } from '../../src/runner/kube-client';

/** A claim with a ready snapshot of each of the last nights; tonight's run keeps one of them besides its own. */
function cluster(deletionPolicy: 'Delete' | 'Retain' = 'Delete', nights = 3): FakeApiServer {
  const server = new FakeApiServer();
  server.deletionPolicy = deletionPolicy;
  server.addClaim('data');
  for (let night = 1; night <= nights; night += 1) { server.addSnapshot('data', { name: `old-${night}`, at: TONIGHT - night * DAY }); }
  return server;
}

const keepTwo = { keepLast: 2, minimumReady: 1 };
const named = (...names: string[]): ClaimSelection[] => names.map(name => ({ kind: 'Claim', name }));
const deleting = (changes: Partial<RunnerConfig> = {}) => schedule({ retention: keepTwo, ...changes });
const retaining = (changes: Partial<RunnerConfig> = {}) => schedule({ retention: keepTwo, deletionPolicy: 'Retain', ...changes });

const old = (server: FakeApiServer) => server.names.filter(name => name.startsWith('old-'));
const patches = (server: FakeApiServer) => server.calls.filter(call => call.verb === 'PATCH');
const contentOf = (server: FakeApiServer, name: string) => server.snapshot(name).status.boundVolumeSnapshotContentName as string;

/** Does something from outside the first time that such a request is seen. */
function once(server: FakeApiServer, hook: 'before' | 'after', request: string | RegExp, act: (call: Call) => void | Promise<unknown>): void {
  let done = false;
  server[hook] = call => {
    if (done || !inShort(call).match(request)) { return undefined; }
    done = true;
    return act(call);
  };
}

describe('what is none of ours', () => {
  test('is neither looked at nor touched: of another schedule, of nobody, of another namespace\'s making', async () => {
    const server = cluster();
    for (let night = 1; night <= 9; night += 1) {
      server.addSnapshot('data', { name: `hourly-${night}`, at: TONIGHT - night * DAY, labels: { [KEYS.schedule]: 'hourly' } });
      server.addSnapshot('data', { name: `by-hand-${night}`, at: TONIGHT - night * DAY, labels: { [KEYS.schedule]: undefined } });
    }
    const before = JSON.stringify(server.snapshots.filter(s => !s.metadata.name.startsWith('old-')));
    const run = await perform(server, { config: deleting() });
    expect(run.exitCode).toBe(0);
    expect(JSON.stringify(server.snapshots.filter(s => /^(hourly|by-hand)/.test(s.metadata.name)))).toBe(before);
    expect(run.message).toContain('2 pruned, 2 kept');
  });

  test('is not taken for ours after its label is taken away, even in mid-run', async () => {
    const server = cluster();
    once(server, 'before', /^DELETE .*old-3/, () => server.editSnapshot('old-3', s => { delete s.metadata.labels[KEYS.schedule]; }));
    await perform(server, { config: deleting() });
    expect(old(server)).toEqual(['old-1', 'old-3']);
  });
});

describe('which snapshots with data may go', () => {
  function twoClaims(): FakeApiServer {
    const server = cluster();
    server.addClaim('logs');
    for (let night = 1; night <= 3; night += 1) { server.addSnapshot('logs', { name: `logs-${night}`, at: TONIGHT - night * DAY }); }
    return server;
  }
  const config = deleting({ claims: named('data', 'logs') });

  test('those of a claim with a new one; those of a claim whose run failed stay, and the log says why', async () => {
    const server = twoClaims();
    server.before = call => { if (call.verb === 'POST' && call.name?.startsWith('logs-')) { throw new ApiError(403, 'forbidden'); } };
    const run = await perform(server, { config });
    expect(run.exitCode).toBe(1);
    expect(server.names.filter(name => name.startsWith('logs-'))).toHaveLength(3);
    expect(old(server)).toEqual(['old-1']);
    expect(run.lines).toContainEqual(expect.objectContaining({
      step: 'keep', claim: 'logs', snapshots: ['logs-3'], reasons: ['this run has no new snapshot of the claim', expect.stringMatching(/^no rule keeps it/)],
    }));
  });

  test('those of a failed claim stay even if the storage still copies them', async () => {
    const server = twoClaims();
    server.addSnapshot('logs', { name: 'logs-slow', at: TONIGHT - 5 * DAY, ready: false });
    server.before = call => { if (call.verb === 'POST' && call.name?.startsWith('logs-')) { throw new ApiError(403, 'forbidden'); } };
    await perform(server, { config });
    expect(server.names).toContain('logs-slow');
    server.before = undefined;
    await server.clock.advance(DAY);
    await perform(server, { config });
    expect(server.names).not.toContain('logs-slow');
  });

  test('those of a claim that no source covers any more, down to the floor, but only while all is well', async () => {
    const server = twoClaims();
    server.driverError = 'broken';
    expect((await perform(server, { config: deleting() })).exitCode).toBe(1);
    expect(server.readyNames).toHaveLength(6);
    server.driverError = undefined;
    await server.clock.advanceTo(TONIGHT + DAY);
    expect((await perform(server, { config: deleting() })).exitCode).toBe(0);
    expect(server.readyNames.filter(name => name.startsWith('logs-'))).toEqual(['logs-1', 'logs-2']);
  });

  test('none of a claim that was deleted and made anew may go for the sake of its empty successor', async () => {
    const server = cluster('Delete', 4);
    server.recreateClaim('data');
    for (let night = 0; night < 9; night += 1) {
      await perform(server, { config: deleting() });
      await server.clock.advance(DAY);
    }
    expect(old(server)).toEqual(['old-1', 'old-2']);
    expect(server.readyNames).toHaveLength(4);
  });

  test('none through an outage of forty nights, however short the rule', async () => {
    const server = cluster('Delete', 5);
    server.controllerRunning = false;
    const config2 = deleting({ retention: { keepForSeconds: 2 * 86400, minimumReady: 1 } });
    for (let night = 0; night < 40; night += 1) {
      await server.clock.advanceTo(TONIGHT + night * DAY);
      expect((await perform(server, { config: config2 })).exitCode).toBe(1);
    }
    expect(old(server)).toHaveLength(5);
    // what was never cut does not pile up meanwhile
    expect(server.names.length).toBeLessThanOrEqual(5 + 2);
    server.startController();
    await server.clock.advanceTo(TONIGHT + 40 * DAY);
    expect((await perform(server, { config: config2 })).exitCode).toBe(0);
    expect(server.readyNames).toEqual([expect.stringContaining('data-20260320'), expect.stringContaining('data-20260321')]);
  });
});

describe('what was never cut', () => {
  function withFailed(hours: number): FakeApiServer {
    const server = cluster();
    server.addSnapshot('data', { name: 'failed', at: TONIGHT - hours * HOUR, cut: false, error: 'no space' });
    return server;
  }

  test('goes after the next success', async () => {
    const server = withFailed(1);
    const run = await perform(server, { config: deleting() });
    expect(server.names).not.toContain('failed');
    expect(run.lines).toContainEqual({ step: 'prune', claim: 'data', snapshot: 'failed', reasons: ['was never cut, and a newer one is ready'] });
  });

  test('goes after a day although tonight failed as well, since it pins its claim', async () => {
    const server = withFailed(30);
    server.driverError = 'no space';
    expect((await perform(server, { config: deleting() })).exitCode).toBe(1);
    expect(server.names).not.toContain('failed');
    expect(old(server)).toHaveLength(3);
  });

  test('stays for its first day while none succeeds', async () => {
    const server = withFailed(20);
    server.driverError = 'no space';
    await perform(server, { config: deleting() });
    expect(server.names).toContain('failed');
  });

  const cut = { creationTime: '2026-02-09T02:00:00Z' };
  const ready = { readyToUse: true };

  test.each([
    ['cut', cut, 'Delete', 'before', 'DELETE'],
    // by a driver that reports no time
    ['ready', ready, 'Delete', 'before', 'DELETE'],
    ['cut and ready', { ...cut, ...ready }, 'Retain', 'before', 'PATCH'],
    ['cut and ready', { ...cut, ...ready }, 'Retain', 'after', 'PATCH'],
    ['cut', cut, 'Retain', 'before', 'DELETE'],
  ] as const)('but is %s just when it is about to go stays: %j, class %s, %s the %s', async (_, status, policy, hook, verb) => {
    const server = cluster(policy, 1);
    server.addSnapshot('data', { name: 'late', at: TONIGHT - HOUR, cut: false });
    // with an error, the snapshot controller reacts to a changed policy though nothing is cut
    server.editSnapshot('late', s => { s.status = { ...s.status, error: { message: 'no space' } }; });
    once(server, hook, verb, () => {
      server.backend.set(`snap-${server.snapshot('late').metadata.uid}`, 'data');
      server.editSnapshot('late', s => { s.status = { ...s.status, ...status }; });
    });
    const run = await perform(server, { config: schedule({ deletionPolicy: policy }) });
    expect(server.names).toContain('late');
    expect([server.policyOf('late'), run.exitCode, server.orphans]).toEqual([policy, 0, []]);
    expect(run.lines).toContainEqual({ step: 'keep', claim: 'data', snapshots: ['late'], reasons: ['it has just been bound, cut or made ready; the next run decides'] });
  });

  test('and is still being cut under a class that retains is left to the next run, which is no failure', async () => {
    const server = cluster('Retain', 1);
    server.addSnapshot('data', { name: 'late', at: TONIGHT - HOUR, cut: false });
    const run = await perform(server, { config: retaining() });
    expect([run.exitCode, server.names.includes('late'), server.policyOf('late')]).toEqual([0, true, 'Retain']);
    expect(run.lines).toContainEqual({ step: 'keep', claim: 'data', snapshots: ['late'], reasons: ['the storage is still at it; the next run decides'] });
    expect(run.milliseconds).toBeLessThan(10 * SECOND);
  });

  test('but may be awaited by a run beside this one is left to that run', async () => {
    const server = cluster('Delete', 1);
    server.addSnapshot('data', { name: 'awaited', at: TONIGHT - MINUTE, cut: false });
    const run = await perform(server, { config: deleting() });
    expect([run.exitCode, server.names.includes('awaited')]).toEqual([0, true]);
    expect(run.lines).toContainEqual({ step: 'keep', claim: 'data', snapshots: ['awaited'], reasons: ['not cut yet, and a run may be waiting for it'] });
  });

  test('but is bound just when it is about to go leaves nothing in the storage that nobody sees', async () => {
    const server = cluster('Retain', 1);
    server.backlog.add('unseen');
    server.addSnapshot('data', { name: 'unseen', at: TONIGHT - HOUR, bound: false, cut: false });
    once(server, 'before', /^DELETE .*unseen/, () => server.workOff('unseen'));
    const run = await perform(server, { config: retaining() });
    expect([run.exitCode, server.orphans, server.names.includes('unseen')]).toEqual([0, [], true]);
    for (let night = 1; night <= 2; night += 1) {
      await server.clock.advanceTo(TONIGHT + night * DAY);
      await perform(server, { config: retaining() });
    }
    expect([server.orphans, server.names.includes('unseen'), server.backend.size]).toEqual([[], false, 2]);
  });
});

describe('a hold', () => {
  test('keeps a snapshot of a class that deletes, for ever', async () => {
    const server = cluster();
    server.hold('old-3');
    for (let night = 0; night < 5; night += 1) {
      const run = await perform(server, { config: deleting() });
      expect(run.lines).toContainEqual(expect.objectContaining({ step: 'keep', snapshots: ['old-3'], reasons: [`held by ${KEYS.hold}=ticket-7`] }));
      await server.clock.advance(DAY);
    }
    expect(old(server)).toEqual(['old-3']);
  });

  test.each([
    ['before the list', 'before', 'LIST volumesnapshots'],
    ['while the new one is taken', 'after', 'POST volumesnapshots'],
    ['before the patch', 'before', 'PATCH'],
    ['between patch and delete, before the patch is answered', 'after', 'PATCH'],
    ['between patch and delete, in the last moment', 'before', 'DELETE'],
  ] as const)('that comes %s is honoured, and the storage is retained again', async (_, hook, request) => {
    const server = cluster('Retain', 2);
    once(server, hook, request, () => server.hold('old-2'));
    const run = await perform(server, { config: retaining() });
    expect(old(server)).toEqual(['old-1', 'old-2']);
    expect(server.policyOf('old-2')).toBe('Retain');
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('0 pruned, 3 kept') });
    expect(run.lines).toContainEqual(expect.objectContaining({ step: 'keep', snapshots: ['old-2'], reasons: [`held by ${KEYS.hold}=ticket-7`] }));
  });

  test('that comes when a class that deletes is about to is honoured as well', async () => {
    const server = cluster('Delete', 2);
    once(server, 'before', 'DELETE', () => server.hold('old-2'));
    const run = await perform(server, { config: deleting() });
    expect(old(server)).toEqual(['old-1', 'old-2']);
    expect(run.exitCode).toBe(0);
    expect(patches(server)).toEqual([]);
  });

  test('that is lifted lets the snapshot go with its storage, although the finalizer of the first try is still there', async () => {
    const server = cluster('Retain', 2);
    once(server, 'before', 'DELETE', () => server.hold('old-2'));
    await perform(server, { config: retaining() });
    server.editSnapshot('old-2', s => { s.metadata.annotations = {}; });
    await server.clock.advance(DAY);
    // a busy controller, and no sign of what it has seen
    server.informerDelay = 800;
    const run = await perform(server, { config: retaining() });
    expect(run.exitCode).toBe(0);
    expect([server.names.length, server.backend.size, server.orphans]).toEqual([2, 2, []]);
  });
});

describe('a class that retains', () => {
  test('is told to give back before the snapshot goes, so that nothing is billed unseen', async () => {
    const server = cluster('Retain', 2);
    await perform(server, { config: retaining() });
    expect(patches(server).map(call => call.request)).toEqual([{
      method: 'PATCH',
      path: expect.stringMatching(/^\/apis\/snapshot\.storage\.k8s\.io\/v1\/volumesnapshotcontents\/snapcontent-[-0-9]+$/),
      body: { spec: { deletionPolicy: 'Delete' } },
    }]);
    expect([server.names.length, server.backend.size, server.contents.length]).toEqual([2, 2, 2]);
  });

  test('is waited for until the controller has seen it, however busy', async () => {
    const server = cluster('Retain', 5);
    server.controllerDelay = 15 * SECOND;
    const run = await perform(server, { config: retaining() });
    await server.clock.advance(MINUTE);
    expect([run.exitCode, server.names.length, server.orphans]).toEqual([0, 2, []]);
  });

  test('is set back if the controller does not react, nothing is deleted, and the next run tries again', async () => {
    const server = cluster('Retain', 2);
    once(server, 'before', 'PATCH', () => { server.controllerRunning = false; });
    const run = await perform(server, { config: retaining() });
    expect(run.exitCode).toBe(1);
    expect(run.message).toContain("FAILED pruning: snapshot 'old-2' was not pruned: the snapshot controller did not react to the changed deletion policy; is it running? The next run tries again");
    expect([old(server), server.policyOf('old-2')]).toEqual([['old-1', 'old-2'], 'Retain']);
    server.startController();
    await server.clock.advance(DAY);
    expect((await perform(server, { config: retaining() })).exitCode).toBe(0);
    expect([server.names.length, server.orphans]).toEqual([2, []]);
  });

  test('whose right to give back is missing prunes nothing, takes its snapshot, and fails with what to apply', async () => {
    const server = cluster('Retain', 5);
    server.mayReclaim = false;
    const run = await perform(server, { config: retaining() });
    expect(run.exitCode).toBe(1);
    expect(run.message).toContain('FAILED pruning: the snapshot class retains storage and this schedule may not give it back, so none of it is pruned; '
      + 'apply a SnapshotReclaim once per cluster, or set prunedStorage to KEEP, or use a class with DeletionPolicy.DELETE');
    expect(run.message).toContain('1 of 1 claims have their snapshot');
    expect(server.readyNames).toHaveLength(6);
    expect(patches(server)).toEqual([]);
    expect(run.lines).toContainEqual(expect.objectContaining({ step: 'keep', reasons: expect.arrayContaining(['the storage is retained and the right to give it back is missing']) }));
  });

  test('whose right is missing says so on the first night, long before anything is due', async () => {
    const server = cluster('Retain', 0);
    server.mayReclaim = false;
    expect(await perform(server, { config: retaining() })).toMatchObject({ exitCode: 1, message: expect.stringContaining('SnapshotReclaim') });
  });

  test('prunes as soon as the right is given', async () => {
    const server = cluster('Retain', 5);
    server.mayReclaim = false;
    await perform(server, { config: retaining() });
    server.mayReclaim = true;
    await server.clock.advance(DAY);
    expect((await perform(server, { config: retaining() })).exitCode).toBe(0);
    expect([server.names.length, server.orphans]).toEqual([2, []]);
  });

  test('keeps the storage if the user says so: no right is asked for, no content touched', async () => {
    const server = cluster('Retain', 3);
    server.mayReclaim = false;
    const run = await perform(server, { config: retaining({ prunedStorage: 'Keep' }) });
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('2 pruned, 2 kept') });
    expect(server.orphans).toHaveLength(2);
    expect(run.requests.filter(request => /^PATCH|accessreviews/.test(request))).toEqual([]);
  });

  test('that the fence protects is left alone, with the words of the fence, and the others are pruned', async () => {
    const server = cluster('Retain', 4);
    const guarded = contentOf(server, 'old-3');
    server.fence = content => (content.metadata.name === guarded ? 'nothing but spec.deletionPolicy may be changed' : undefined);
    const run = await perform(server, { config: retaining() });
    expect(run.exitCode).toBe(1);
    expect(run.message).toContain("snapshot 'old-3' was not pruned:");
    expect(run.message).toContain('nothing but spec.deletionPolicy may be changed');
    expect([old(server), server.orphans]).toEqual([['old-1', 'old-3'], []]);
  });

  test('is not touched through a content that was made by hand, which may hold another namespace\'s data', async () => {
    const server = cluster('Retain', 2);
    server.addSnapshot('data', { name: 'old-static', at: TONIGHT - 30 * DAY, contentName: 'content-of-production' });
    const run = await perform(server, { config: retaining() });
    expect(run).toMatchObject({
      exitCode: 1,
      message: expect.stringContaining("snapshot 'old-static' was not pruned: its content 'content-of-production' was not made for it by the snapshot controller; delete both by hand"),
    });
    expect(patches(server).map(call => call.name)).not.toContain('content-of-production');
    expect(old(server)).toEqual(['old-1', 'old-static']);
  });

  test('after a crash between patch and delete gives back as if nothing had been', async () => {
    const server = cluster('Retain', 2);
    const first = start(server, { config: retaining(), run: { kind: 'Scheduled', at: new Date(TONIGHT) } });
    once(server, 'after', 'PATCH', call => {
      call.pod.kill();
      return new Promise(() => undefined);
    });
    await server.clock.until(Promise.race([first.result, server.clock.wait(MINUTE)]));
    expect(server.snapshot('old-2').metadata.finalizers).toHaveLength(2);
    const retry = await perform(server, { config: retaining(), run: { kind: 'Scheduled', at: new Date(TONIGHT) } });
    expect([retry.exitCode, server.names.length, server.orphans, server.contents.length]).toEqual([0, 2, [], 2]);
  });

  test.each([403, 422])('is retained again if the deletion is refused with %d after the policy was changed', async status => {
    const server = cluster('Retain', 2);
    server.before = call => { if (call.verb === 'DELETE') { throw new ApiError(status, 'denied by a policy'); } };
    const run = await perform(server, { config: retaining() });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining("snapshot 'old-2' was not pruned: denied by a policy") });
    expect([server.policyOf('old-2'), server.orphans]).toEqual(['Retain', []]);
  });

  test('after such a crash is retained again if a hold came meanwhile, and a patch that is refused is said', async () => {
    const server = cluster('Retain', 2);
    const first = start(server, { config: retaining(), run: { kind: 'Scheduled', at: new Date(TONIGHT) } });
    once(server, 'after', 'PATCH', call => {
      call.pod.kill();
      return new Promise(() => undefined);
    });
    await server.clock.until(Promise.race([first.result, server.clock.wait(MINUTE)]));
    expect(server.policyOf('old-2')).toBe('Delete');
    server.hold('old-2');
    server.fence = () => 'denied';
    const refused = await perform(server, { config: retaining(), run: { kind: 'Scheduled', at: new Date(TONIGHT) } });
    expect(refused).toMatchObject({ exitCode: 1, message: expect.stringContaining("FAILED pruning: snapshot 'old-2' may not be retained: ") });
    server.fence = undefined;
    await expect(perform(server, { config: retaining(), run: { kind: 'Scheduled', at: new Date(TONIGHT) } })).resolves.toMatchObject({ exitCode: 0 });
    expect(server.policyOf('old-2')).toBe('Retain');
    expect(old(server)).toEqual(['old-1', 'old-2']);
  });

  test('is set back to what it was when a pod is told to end is no reason to wait: the deletion that has begun is finished', async () => {
    const server = cluster('Retain', 2);
    const run = start(server, { config: retaining() });
    once(server, 'before', 'PATCH', () => run.sigterm());
    const from = server.clock.now();
    await expect(server.clock.until(run.result)).resolves.toMatchObject({ exitCode: 143 });
    expect(server.clock.now() - from).toBeLessThan(SECOND);
    await server.clock.advance(SECOND);
    expect([old(server), server.orphans]).toEqual([['old-1'], []]);
  });
});

describe('a class whose policy is not known at synth', () => {
  const unknown = (changes: Partial<RunnerConfig> = {}) => schedule({ retention: keepTwo, deletionPolicy: undefined, ...changes });

  test('and that deletes is pruned without any right in the cluster', async () => {
    const server = cluster('Delete', 5);
    server.mayReclaim = false;
    const run = await perform(server, { config: unknown() });
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('4 pruned, 2 kept') });
    expect([server.names.length, server.orphans, patches(server)]).toEqual([2, [], []]);
  });

  test('and that retains is noticed by its first ready snapshot', async () => {
    const server = cluster('Retain', 0);
    server.mayReclaim = false;
    expect(await perform(server, { config: unknown() })).toMatchObject({ exitCode: 1, message: expect.stringContaining('SnapshotReclaim') });
  });

  test('and that retains gives its storage back', async () => {
    const server = cluster('Retain', 5);
    const run = await perform(server, { config: unknown() });
    expect([run.exitCode, server.names.length, server.orphans]).toEqual([0, 2, []]);
  });

  test('is patched even where the finalizer says Delete, since an earlier run may have set it back', async () => {
    const server = cluster('Retain', 2);
    once(server, 'before', 'DELETE', () => server.hold('old-2'));
    await perform(server, { config: unknown() });
    server.editSnapshot('old-2', s => { s.metadata.annotations = {}; });
    await server.clock.advance(DAY);
    await perform(server, { config: unknown() });
    expect([server.names.length, server.orphans]).toEqual([2, []]);
  });

  test('and that was changed from Retain to Delete prunes the new ones and says what stands in the way of the old', async () => {
    for (const deletionPolicy of [undefined, 'Delete'] as const) {
      const server = cluster('Retain', 3);
      server.addSnapshot('data', { name: 'old-deleting', at: TONIGHT - 9 * DAY, deletionPolicy: 'Delete' });
      server.deletionPolicy = 'Delete';
      server.mayReclaim = false;
      const run = await perform(server, { config: schedule({ retention: keepTwo, deletionPolicy }) });
      expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining('SnapshotReclaim') });
      expect([old(server), server.orphans]).toEqual([['old-1', 'old-2', 'old-3'], []]);
      server.mayReclaim = true;
      await server.clock.advance(DAY);
      expect((await perform(server, { config: schedule({ retention: keepTwo, deletionPolicy }) })).exitCode).toBe(0);
      expect([server.names.length, server.orphans]).toEqual([2, []]);
    }
  });
});

describe('deletions', () => {
  test('name uid and version, so that a namesake or a changed snapshot is never hit', async () => {
    const server = cluster('Delete', 2);
    const { uid, resourceVersion } = server.snapshot('old-2').metadata;
    await perform(server, { config: deleting() });
    expect(server.calls.find(call => call.verb === 'DELETE')?.request.body).toEqual({ preconditions: { uid, resourceVersion } });
  });

  test('of a snapshot that somebody touched are tried again on what it is now', async () => {
    const server = cluster('Delete', 2);
    once(server, 'before', 'DELETE', () => server.editSnapshot('old-2', s => { s.metadata.annotations = { note: 'x' }; }));
    const run = await perform(server, { config: deleting() });
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('1 pruned, 2 kept') });
    expect(run.requests.filter(request => request.startsWith('DELETE'))).toHaveLength(2);
  });

  test.each(['Delete', 'Retain'] as const)('of a snapshot that changes all the time are given up for tonight: class %s', async policy => {
    const server = cluster(policy, 2);
    server.before = call => {
      if (call.verb === 'DELETE') { server.editSnapshot('old-2', s => { s.metadata.annotations = { note: `${call.number}` }; }); }
    };
    const run = await perform(server, { config: policy === 'Delete' ? deleting() : retaining() });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining("snapshot 'old-2' was not pruned: it changes all the time; the next run tries again") });
    expect([old(server), server.policyOf('old-2')]).toEqual([['old-1', 'old-2'], policy]);
  });

  test('of a snapshot whose change the watch does not show are given up for tonight', async () => {
    const server = cluster('Retain', 2);
    once(server, 'before', 'DELETE', () => {
      server.stallWatches();
      server.hold('old-2');
    });
    const run = await perform(server, { config: retaining() });
    expect(run.exitCode).toBe(1);
    expect([old(server), server.policyOf('old-2')]).toEqual([['old-1', 'old-2'], 'Retain']);
  });

  test.each(['Delete', 'Retain'] as const)('that somebody else was quicker with are no failure, and count as pruned: class %s', async policy => {
    const server = cluster(policy, 4);
    once(server, 'before', 'DELETE', async () => {
      server.deleteSnapshot('old-4');
      server.editSnapshot('old-3', s => { s.metadata.finalizers.push('example.com/slow'); });
      server.deleteSnapshot('old-3');
      await server.clock.wait(SECOND);
    });
    const run = await perform(server, { config: policy === 'Delete' ? deleting() : retaining() });
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('3 pruned, 2 kept') });
    expect(old(server)).toEqual(['old-1']);
  });

  test('whose answer is lost count once', async () => {
    const server = cluster('Delete', 3);
    once(server, 'after', 'DELETE', () => { throw new ConnectionError('ECONNRESET'); });
    expect((await perform(server, { config: deleting() })).message).toContain('2 pruned, 2 kept');
  });

  test('are not waited for', async () => {
    const server = cluster('Delete', 9);
    server.editSnapshot('old-9', s => { s.metadata.finalizers.push('example.com/for-ever'); });
    const run = await perform(server, { config: deleting() });
    expect(run.exitCode).toBe(0);
    expect(run.milliseconds).toBeLessThan(SECOND);
    // and the next run does not try again
    await server.clock.advance(DAY);
    const next = await perform(server, { config: deleting() });
    expect(next.requests.filter(request => request.includes('old-9'))).toEqual([]);
    expect(next.exitCode).toBe(0);
  });

  test('are five at once and no more, whatever is due', async () => {
    const server = cluster('Delete', 60);
    server.latency = 100;
    let open = 0;
    let most = 0;
    server.before = call => {
      if (call.verb === 'DELETE') {
        open += 1;
        most = Math.max(most, open);
      }
    };
    server.after = call => { if (call.verb === 'DELETE') { open -= 1; } };
    expect((await perform(server, { config: deleting() })).message).toContain('59 pruned, 2 kept');
    expect(most).toBe(5);
  });

  test('that are refused are told, each, and fail the run although every snapshot is there', async () => {
    const server = cluster('Delete', 3);
    server.before = call => { if (call.verb === 'DELETE') { throw new ApiError(403, `cannot delete resource "volumesnapshots" (${call.name})`); } };
    const run = await perform(server, { config: deleting() });
    expect(run.exitCode).toBe(1);
    expect(run.message).toContain("FAILED pruning: snapshot 'old-2' was not pruned: cannot delete resource");
    expect(run.message).toContain("FAILED pruning: snapshot 'old-3' was not pruned: cannot delete resource");
    expect(run.message).toContain('1 of 1 claims have their snapshot');
  });

  test('stop when the pod is told to end; those that have begun are finished', async () => {
    const server = cluster('Delete', 40);
    const run = start(server, { config: deleting() });
    once(server, 'after', 'DELETE', () => run.sigterm());
    await expect(server.clock.until(run.result)).resolves.toMatchObject({ exitCode: 143 });
    expect(server.calls.filter(call => call.verb === 'DELETE').length).toBe(5);
  });
});

test('if the question for the right cannot be asked nothing is pruned, and the run says so', async () => {
  const server = cluster('Retain', 5);
  server.before = call => { if (call.resource === 'selfsubjectaccessreviews') { throw new ApiError(422, 'review is invalid'); } };
  const run = await perform(server, { config: retaining() });
  expect(run).toMatchObject({ exitCode: 1, message: expect.stringMatching(/^1 of 1 claims have their snapshot \(.*\); FAILED pruning: review is invalid; 0 pruned, 6 kept$/) });
  expect(server.names).toHaveLength(6);
});

test('the log has a line for each that goes, with the rule, and one line for all that stay for the same reason', async () => {
  const server = cluster('Delete', 7);
  const run = await perform(server, { config: deleting({ retention: { keepForSeconds: 3.5 * 86400, minimumReady: 1 } }) });
  expect(run.lines.filter(line => line.step === 'prune')).toEqual([4, 5, 6, 7].map(night => ({
    step: 'prune', claim: 'data', snapshot: `old-${night}`, reasons: [`no rule keeps it: ${night} newer are ready, ${night}d old`],
  })));
  expect(run.lines.filter(line => line.step === 'keep').map(line => [line.snapshots.length, line.reasons])).toEqual([
    [1, ['younger than 3d12h', 'one of the newest 1 that are always kept']],
    [3, ['younger than 3d12h']],
  ]);
});
