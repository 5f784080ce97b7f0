import { Call, DAY, FakeApiServer, FinishedRun, HOUR, inShort, MINUTE, perform, schedule, SECOND, start, TONIGHT } from './fake-api-server';
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
const isProbe = (call: Call) => call.request.query?.dryRun === 'All';
/** What was changed, and not merely asked for. */
const patches = (server: FakeApiServer) => server.calls.filter(call => call.verb === 'PATCH' && !isProbe(call));
const probes = (server: FakeApiServer) => server.calls.filter(isProbe);
const contentOf = (server: FakeApiServer, name: string) => server.snapshot(name).status.boundVolumeSnapshotContentName as string;

/** Does something from outside the first time that such a request is seen. */
function once(server: FakeApiServer, hook: 'before' | 'after', request: string | RegExp, act: (call: Call) => void | Promise<unknown>): void {
  let done = false;
  server[hook] = call => {
    if (done || isProbe(call) || !inShort(call).match(request)) { return undefined; }
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
    expect(run.message).toContain('2 pruned; 2 kept');
  });

  test('is not taken for ours after its label is taken away, even in mid-run', async () => {
    const server = cluster();
    once(server, 'before', /^DELETE .*old-3/, () => server.editSnapshot('old-3', s => { delete s.metadata.labels[KEYS.schedule]; }));
    await perform(server, { config: deleting() });
    expect(old(server)).toEqual(['old-1', 'old-3']);
  });
});

test('a driver that refuses to delete fails no run, and each says how many are being deleted and does not count them as kept', async () => {
  const server = cluster();
  server.deletionFails = true;
  expect((await perform(server, { config: deleting() })).message).toMatch(/2 pruned; 2 kept$/);
  await server.clock.advance(DAY);
  const next = await perform(server, { config: deleting() });
  expect(next).toMatchObject({ exitCode: 0, message: expect.stringMatching(/1 pruned; 2 kept; 2 still being deleted since before this run$/) });
  server.deletionFails = false;
  await server.clock.advance(DAY);
  expect((await perform(server, { config: deleting() })).message).toMatch(/1 pruned; 2 kept$/);
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
      step: 'keep', claim: 'logs', snapshots: ['logs-3'], reasons: ['this run has no newer snapshot of the claim', expect.stringMatching(/^no rule keeps it/)],
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
      expect(run.lines).toContainEqual(expect.objectContaining({ step: 'keep', snapshots: ['old-3'], reasons: ["held by 'hold'=ticket-7"] }));
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
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('0 pruned; 3 kept') });
    expect(run.lines).toContainEqual(expect.objectContaining({ step: 'keep', snapshots: ['old-2'], reasons: ["held by 'hold'=ticket-7"] }));
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

describe('a hold until', () => {
  /** Tonight's run of a cluster whose oldest snapshot is due and held so, at 02:00 UTC. */
  async function runWith(value: string, timeZone?: string, marks: 'annotations' | 'labels' = 'annotations'): Promise<FinishedRun & { server: FakeApiServer }> {
    const server = cluster('Delete', 2);
    server.editSnapshot('old-2', s => { s.metadata[marks] = { ...s.metadata[marks], [KEYS.holdUntil]: value }; });
    return { server, ...await perform(server, { config: deleting({ retention: { ...keepTwo, timeZone } }) }) };
  }

  test.each([
    ['today, through its end', '2026-02-09', undefined],
    ['yesterday, which is today in New York', '2026-02-08', 'America/New_York'],
    ['yesterday, which is today in Honolulu', '2026-02-08', 'Pacific/Honolulu'],
    ['a time to come', '2026-02-09T02:01:00Z', undefined],
    ['a time to come, as another zone writes it', '2026-02-09T03:01+01:00', 'America/New_York'],
    ['a year far away', '2126-01-01', undefined],
  ])('%s keeps a snapshot: %s', async (_, value, timeZone) => {
    const { server, exitCode, message, lines } = await runWith(value, timeZone);
    expect([exitCode, old(server)]).toEqual([0, ['old-1', 'old-2']]);
    expect(message).toContain('0 pruned; 3 kept, 1 of them held');
    expect(lines).toContainEqual({ step: 'keep', claim: 'data', snapshots: ['old-2'], reasons: [`held by 'hold-until'=${value}`] });
  });

  test.each([
    ['yesterday', '2026-02-08', undefined],
    ['yesterday, where today began eleven hours ago', '2026-02-08', 'Asia/Tokyo'],
    ['a time that has just come', '2026-02-09T02:00:00Z', undefined],
    ['a time that has come, as another zone writes it', '2026-02-08T16:00:00.000-10:00', 'Asia/Tokyo'],
  ])('%s lets it go with the rules: %s', async (_, value, timeZone) => {
    const { server, exitCode, message } = await runWith(value, timeZone);
    expect([exitCode, old(server)]).toEqual([0, ['old-1']]);
    expect(message).toMatch(/1 pruned; 2 kept$/);
  });

  test.each(['', 'soon', '2026-02-30', '2020-2-9', '31.01.2020', '2020-01-31T10:00', '2020-01-31T25:00:00Z', '20200131', 'false'])(
    'that nobody can read keeps it, and says why: %j', async value => {
      const { server, lines } = await runWith(value);
      expect(old(server)).toEqual(['old-1', 'old-2']);
      expect(lines).toContainEqual({
        step: 'keep', claim: 'data', snapshots: ['old-2'], reasons: [`held, since 'hold-until'=${value} is no date such as 2027-01-31`],
      });
    });

  test('may be a label, and ends by itself: on the first night after it the snapshot goes', async () => {
    const { server } = await runWith('2026-02-11', undefined, 'labels');
    const left: number[] = [];
    for (let night = 1; night <= 4; night += 1) {
      await server.clock.advanceTo(TONIGHT + night * DAY);
      await perform(server, { config: deleting() });
      left.push(old(server).length);
    }
    expect(left).toEqual([1, 1, 0, 0]);
  });

  test('that comes between patch and delete, in the last moment, is honoured, and the storage is retained again', async () => {
    const server = cluster('Retain', 2);
    once(server, 'before', 'DELETE', () => server.editSnapshot('old-2', s => { s.metadata.annotations = { [KEYS.holdUntil]: '2026-03-01' }; }));
    const run = await perform(server, { config: retaining() });
    expect([run.exitCode, old(server), server.policyOf('old-2')]).toEqual([0, ['old-1', 'old-2'], 'Retain']);
    expect(run.lines).toContainEqual(expect.objectContaining({ step: 'keep', snapshots: ['old-2'], reasons: ["held by 'hold-until'=2026-03-01"] }));
  });

  test.each([
    ['a hold without an end', { [KEYS.hold]: 'audit', [KEYS.holdUntil]: '2020-01-31' }, {}],
    ['a later one', { [KEYS.holdUntil]: '2020-01-31' }, { [KEYS.holdUntil]: '2027-01-31' }],
    ['a hold without an end, of somebody else', { [KEYS.hold]: 'false', [KEYS.holdUntil]: '2020-01-31' }, { [KEYS.hold]: 'true' }],
  ])('that is over does not release %s beside it', async (_, annotations, labels) => {
    const server = cluster('Delete', 2);
    server.editSnapshot('old-2', s => {
      s.metadata.annotations = annotations;
      s.metadata.labels = { ...s.metadata.labels, ...labels };
    });
    await perform(server, { config: deleting() });
    expect(old(server)).toEqual(['old-1', 'old-2']);
  });
});

describe('a hold without an end', () => {
  test.each([
    ['annotation', 'annotations', 'audit', true],
    ['label', 'labels', 'true', true],
    ['annotation without a value', 'annotations', '', true],
    ['annotation that says false', 'annotations', 'false', false],
  ] as const)('counts as %s', async (_, place, value, holds) => {
    const server = cluster('Delete', 2);
    server.editSnapshot('old-2', s => { s.metadata[place] = { ...s.metadata[place], [KEYS.hold]: value }; });
    const run = await perform(server, { config: deleting() });
    expect(old(server)).toEqual(holds ? ['old-1', 'old-2'] : ['old-1']);
    expect(run.message).toMatch(holds ? /0 pruned; 3 kept, 1 of them held$/ : /1 pruned; 2 kept$/);
  });
});

describe('a snapshot that a claim is being restored from', () => {
  const origin = { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'old-3' };

  function restoring(policy: 'Delete' | 'Retain', spec: object): FakeApiServer {
    const server = cluster(policy, 3);
    server.addClaim('restored', { phase: 'Pending' });
    server.editClaim('restored', claim => { claim.spec = spec; });
    return server;
  }

  test.each([
    ['Delete', 'dataSource', { dataSource: origin }],
    ['Retain', 'dataSourceRef', { dataSourceRef: origin }],
  ] as const)('stays until the claim has its data, and goes then: class %s, %s', async (policy, _, spec) => {
    const server = restoring(policy, spec);
    const config = schedule({ retention: keepTwo, deletionPolicy: policy });
    const run = await perform(server, { config });
    expect([run.exitCode, old(server), server.policyOf('old-3')]).toEqual([0, ['old-1', 'old-3'], policy]);
    expect(run.lines).toContainEqual({ step: 'keep', claim: 'data', snapshots: ['old-3'], reasons: ["claim 'restored' is being restored from it"] });

    server.editClaim('restored', claim => { claim.status.phase = 'Bound'; });
    await server.clock.advance(DAY);
    expect((await perform(server, { config })).exitCode).toBe(0);
    expect([old(server), server.orphans]).toEqual([[], []]);
  });

  test('does not count as held, and does not push another one out', async () => {
    const server = restoring('Delete', { dataSource: origin });
    expect((await perform(server, { config: deleting() })).message).toContain('1 pruned; 3 kept');
    expect(server.readyNames).toHaveLength(3);
  });

  test('is asked for only when something with data is due', async () => {
    const server = restoring('Delete', { dataSource: origin });
    server.addSnapshot('data', { name: 'failed', at: TONIGHT - 30 * HOUR, cut: false });
    const run = await perform(server, { config: deleting({ retention: { keepLast: 9, minimumReady: 1 } }) });
    expect(run.requests.filter(request => request === 'LIST persistentvolumeclaims')).toHaveLength(1);
    expect(server.names).not.toContain('failed');
  });

  test('cannot be told from others if the claims cannot be listed: then none goes, and the run says so', async () => {
    const server = restoring('Delete', { dataSource: origin });
    let lists = 0;
    server.before = call => {
      if (call.verb !== 'LIST' || call.resource !== 'persistentvolumeclaims') { return; }
      lists += 1;
      if (lists === 2) { throw new ApiError(403, 'persistentvolumeclaims is forbidden: cannot list'); }
    };
    const run = await perform(server, { config: deleting() });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining('FAILED pruning: persistentvolumeclaims is forbidden: cannot list; 0 pruned; 4 kept') });
    expect(old(server)).toHaveLength(3);
  });
});

describe('the brake on a run that would prune far more than one run explains', () => {
  const TEN_YEARS = 3652 * DAY;
  const forAWeek = deleting({ retention: { keepForSeconds: 7 * 86400, minimumReady: 1 } });
  const letGo = (server: FakeApiServer) => server.names.forEach(name => {
    server.editSnapshot(name, s => { s.metadata.annotations = { ...s.metadata.annotations, [KEYS.prunable]: 'true' }; });
  });

  test('keeps all when the clock of the API server jumps ten years ahead, and says which command lets them go', async () => {
    const server = cluster('Delete', 7);
    server.addSnapshot('data', { name: 'failed', at: TONIGHT - 30 * HOUR, cut: false });
    server.clockError = TEN_YEARS;
    const run = await perform(server, { config: forAWeek });
    expect(run.exitCode).toBe(1);
    expect(run.message).toContain("FAILED pruning: retention gives up 7 of the 8 snapshots of claim 'data', far more than one run explains "
      + '(a changed policy, a long outage, or a wrong clock?), so none at all was pruned; the log says which; to let them go: '
      + 'kubectl -n shop annotate volumesnapshots -l cdk8s-volume-snapshots/schedule=nightly cdk8s-volume-snapshots/prunable=true; 0 pruned; 9 kept');
    expect(run.message).toContain('1 of 1 claims have their snapshot');
    expect(run.requests.filter(request => /^(DELETE|PATCH)/.test(request))).toEqual([]);
    expect(server.names).toHaveLength(9);
    expect(run.lines).toContainEqual(expect.objectContaining({
      step: 'keep', snapshots: ['old-7'], reasons: ['more than one run explains, see the end of the log', expect.stringMatching(/^no rule keeps it: 7 newer are ready/)],
    }));
  });

  test('is released by the clock that is right again, without anybody', async () => {
    const server = cluster('Delete', 7);
    server.clockError = TEN_YEARS;
    await perform(server, { config: forAWeek });
    server.clockError = 0;
    await server.clock.advanceTo(TONIGHT + DAY);
    const run = await perform(server, { config: forAWeek });
    expect(run.exitCode).toBe(0);
    expect(old(server)).toEqual([1, 2, 3, 4, 5].map(night => `old-${night}`));
  });

  test.each(['Delete', 'Retain'] as const)('is released by the annotation, and what comes later is braked anew: class %s', async policy => {
    const server = cluster(policy, 20);
    const config = (keepLast: number) => schedule({ deletionPolicy: policy, retention: { keepLast, minimumReady: 1 } });
    expect(await perform(server, { config: config(3) })).toMatchObject({ exitCode: 1, message: expect.stringContaining('gives up 18 of the 21') });
    letGo(server);
    await server.clock.advanceTo(TONIGHT + DAY);
    expect(await perform(server, { config: config(3) })).toMatchObject({ exitCode: 0, message: expect.stringContaining('19 pruned; 3 kept') });
    expect([server.names.length, server.orphans]).toEqual([3, []]);

    for (let night = 2; night < 20; night += 1) {
      await server.clock.advanceTo(TONIGHT + night * DAY);
      expect((await perform(server, { config: config(30) })).exitCode).toBe(0);
    }
    await server.clock.advanceTo(TONIGHT + 20 * DAY);
    expect((await perform(server, { config: config(3) })).exitCode).toBe(1);
  });

  test('never lets the newest good one go, even if all are let go', async () => {
    const server = cluster('Delete', 20);
    letGo(server);
    server.clockError = TEN_YEARS;
    await perform(server, { config: forAWeek });
    expect(server.readyNames).toEqual([expect.stringMatching(/^data-20260209-020000-/)]);
  });

  test('lets go what was let go by name, once the rest is no more than one run explains', async () => {
    const server = cluster('Delete', 9);
    ['old-6', 'old-7', 'old-8'].forEach(name => server.editSnapshot(name, s => { s.metadata.labels[KEYS.prunable] = 'true'; }));
    expect((await perform(server, { config: deleting() })).message).toContain('8 pruned; 2 kept');
  });

  test.each([
    ['five, though they are nearly all', 6, { keepLast: 2, minimumReady: 1 }, 5],
    ['many, which are no more than half', 39, { keepLast: 20, minimumReady: 1 }, 20],
  ])('lets %s go at once', async (_, nights, retention, pruned) => {
    const server = cluster('Delete', nights);
    expect(await perform(server, { config: deleting({ retention }) })).toMatchObject({ exitCode: 0, message: expect.stringContaining(`${pruned} pruned;`) });
  });

  test('holds for all claims if one needs it, and counts them', async () => {
    const server = cluster('Delete', 3);
    for (const claim of ['logs', 'wal']) {
      server.addClaim(claim);
      for (let night = 1; night <= 9; night += 1) { server.addSnapshot(claim, { name: `${claim}-${night}`, at: TONIGHT - night * DAY }); }
    }
    const run = await perform(server, { config: deleting({ claims: named('data', 'logs', 'wal') }) });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringMatching(/retention gives up 8 of the 10 snapshots of claim '(logs|wal)', and of 1 more claims, far more/) });
    expect(server.names).toHaveLength(3 + 9 + 9 + 3);
  });

  test('does not count what is never cut: twenty failed tries go at once', async () => {
    const server = cluster('Delete', 2);
    for (let hour = 1; hour <= 20; hour += 1) { server.addSnapshot('data', { name: `failed-${hour}`, at: TONIGHT - hour * HOUR, cut: false }); }
    expect((await perform(server, { config: deleting({ maxNotReady: 30 }) })).message).toContain('21 pruned; 2 kept');
  });

  test('does not hinder a failed night from saying what failed', async () => {
    const server = cluster('Delete', 9);
    server.driverError = 'no space';
    const run = await perform(server, { config: deleting() });
    expect(run.message).toContain('the storage says: no space; 0 pruned; 10 kept');
    expect(run.message).not.toContain('far more');
  });
});

describe('clocks that are wrong', () => {
  const YEAR = 365 * DAY;

  /** How long ago each was made, in full minutes, the newest first. */
  const agesIn = (server: FakeApiServer) => server.snapshots
    .map(s => Math.round((server.clock.now() - Date.parse(s.metadata.creationTimestamp)) / MINUTE) * MINUTE).sort((a, b) => a - b);

  async function nightsWith(
    server: FakeApiServer, count: number, every: number, config: RunnerConfig, prepare: (run: number) => void = () => undefined,
  ): Promise<void> {
    const from = server.clock.now();
    for (let number = 0; number < count; number += 1) {
      await server.clock.advanceTo(from + number * every);
      prepare(number);
      const run = { kind: 'Scheduled', at: new Date(server.clock.now()) } as const;
      const before = server.readyNames.length;
      const { exitCode, message } = await perform(server, { config, run });
      const fresh = server.readyNames.filter(name => server.snapshot(name).metadata.annotations?.[KEYS.scheduledFor] === run.at.toISOString());
      const state = { number, names: server.names, message };
      expect({ ...state, exitCode, fresh: fresh.length }).toEqual({ ...state, exitCode: 0, fresh: 1 });
      expect(server.readyNames.length).toBeGreaterThanOrEqual(Math.min(before + 1, config.retention.keepLast ?? 1));
    }
  }

  describe.each([
    ['a year behind', -YEAR], ['a day and an hour behind', -25 * HOUR], ['three hours behind', -3 * HOUR], ['half an hour behind', -HOUR / 2],
    ['half an hour ahead', HOUR / 2], ['three hours ahead', 3 * HOUR], ['a day and an hour ahead', 25 * HOUR], ['a year ahead', YEAR],
  ])("the storage's, %s", (_, error) => {
    test.each<[string, number, RunnerConfig['retention']]>([
      ['each night, the newest three', DAY, { keepLast: 3, minimumReady: 1 }],
      ['each night, the newest one', DAY, { keepLast: 1, minimumReady: 1 }],
      ['each hour, the newest three', HOUR, { keepLast: 3, minimumReady: 1 }],
      ['each hour, the newest one', HOUR, { keepLast: 1, minimumReady: 1 }],
      ['each hour, for two hours', HOUR, { keepForSeconds: 2 * 3600, minimumReady: 1 }],
    ])('costs no new snapshot: %s', async (__, every, retention) => {
      const server = cluster('Delete', 3);
      server.storageClockError = error;
      await nightsWith(server, 8, every, deleting({ retention }), number => {
        // a clock that is ahead may swap two of them, but never costs the newest
        const kept = error < 0 ? retention.keepLast ?? 2 : 1;
        if (number > kept) { expect(agesIn(server).slice(0, kept)).toEqual([1, 2, 3].slice(0, kept).map(runs => runs * every)); }
      });
      // nor does its repair
      server.storageClockError = 0;
      await server.clock.advance(every);
      await nightsWith(server, 8, every, deleting({ retention }));
      expect(old(server)).toEqual([]);
      expect(server.readyNames.length).toBeLessThanOrEqual(4);
    });
  });

  test("the storage's, a year ahead, makes no snapshot young again a year later: the newest are kept", async () => {
    const server = cluster('Delete', 0);
    server.storageClockError = YEAR;
    const config = deleting({ retention: { keepLast: 3, monthly: 14, minimumReady: 1 } });
    await nightsWith(server, 60, 7 * DAY, config, week => {
      if (week > 3) { expect({ week, ages: agesIn(server).slice(0, 3) }).toEqual({ week, ages: [7 * DAY, 14 * DAY, 21 * DAY] }); }
    });
  });

  test.each([
    ['two days', 2 * DAY], ['a month', 30 * DAY], ['ten years', 10 * YEAR],
  ])("the API server's, %s behind, cost neither a new snapshot nor the newest of those that seem to come from the future", async (_, behind) => {
    const server = cluster('Delete', 3);
    server.clockError = -behind;
    await nightsWith(server, 3, DAY, schedule());
    expect(old(server)).toContain('old-1');
    server.clockError = 0;
    await nightsWith(server, 4, DAY, schedule());
    expect([old(server), server.readyNames.length]).toEqual([[], 3]);
  });

  test.each([5 * HOUR, -5 * HOUR, 10 * YEAR, -10 * YEAR])("the node's, wrong by %d ms, decides nothing: the same requests, the same snapshots", async error => {
    const outcomes = [0, error].map(async nodeClockError => {
      const server = cluster('Retain', 4);
      server.hold('old-2');
      server.nodeClockError = nodeClockError;
      const retention = { keepForSeconds: 2.5 * 86400, minimumReady: 1 };
      const { exitCode, message, requests, milliseconds } = await perform(server, { config: retaining({ startDelaySeconds: 30, retention }) });
      // the wait before the first answer is the node's, and no longer than it may be
      expect(milliseconds).toBeLessThan(31 * SECOND);
      return { exitCode, message, requests: requests.filter(request => !request.includes('events')), names: server.names };
    });
    const [right, wrong] = await Promise.all(outcomes);
    expect(wrong).toEqual(right);
  });
});

describe('snapshots that were taken before there was this schedule, and have got its label', () => {
  const adopted = (server: FakeApiServer) => server.names.filter(name => name.startsWith('script-'));

  /** What a tutorial's script left: no label, no annotation; then somebody labels them. */
  function afterScript(labels: { [key: string]: string | undefined }): FakeApiServer {
    const server = cluster('Delete', 2);
    for (let night = 3; night <= 6; night += 1) { server.addSnapshot('data', { name: `script-${night}`, at: TONIGHT - night * DAY, labels }); }
    return server;
  }

  test('follow the rules with all others of the claim, if they carry its uid', async () => {
    const server = afterScript({});
    const run = await perform(server, { config: deleting({ retention: { keepLast: 5, minimumReady: 1 } }) });
    expect([run.exitCode, adopted(server), server.readyNames.length]).toEqual([0, ['script-3', 'script-4'], 5]);
  });

  test('follow the rules by themselves, with a floor of their own, if they carry no uid: a claim of that name may have been another one', async () => {
    const server = afterScript({ [KEYS.claimUid]: undefined });
    const config = deleting({ retention: { keepForSeconds: 4.5 * 86400, minimumReady: 2 } });
    const left: string[][] = [];
    for (let night = 0; night < 5; night += 1) {
      await server.clock.advanceTo(TONIGHT + night * DAY);
      expect((await perform(server, { config })).exitCode).toBe(0);
      left.push(adopted(server));
    }
    expect(left).toEqual(Array(5).fill(['script-3', 'script-4']));
    // they take no place of the schedule's own
    expect(server.readyNames.filter(name => name.startsWith('data-'))).toHaveLength(5);
  });

  test('lose nothing on a night on which a claim failed, if they carry no uid', async () => {
    const server = afterScript({ [KEYS.claimUid]: undefined });
    server.driverError = 'no space';
    expect((await perform(server, { config: deleting({ retention: { keepLast: 1, minimumReady: 1 } }) })).exitCode).toBe(1);
    expect(adopted(server)).toHaveLength(4);
  });

  test('of an old schedule go on under the new one: none is lost at the change, and the rules hold over both', async () => {
    const server = cluster('Retain', 0);
    for (let night = 1; night <= 4; night += 1) {
      server.addSnapshot('data', { name: `old-${night}`, at: TONIGHT - night * DAY, labels: { [KEYS.schedule]: 'renamed' } });
    }
    await perform(server, { config: retaining() });
    expect(old(server)).toHaveLength(4);
    old(server).forEach(name => server.editSnapshot(name, s => { s.metadata.labels[KEYS.schedule] = 'nightly'; }));
    await server.clock.advanceTo(TONIGHT + DAY);
    const run = await perform(server, { config: retaining({ retention: { keepLast: 4, minimumReady: 1 } }) });
    expect([run.exitCode, old(server), server.readyNames.length, server.orphans]).toEqual([0, ['old-1', 'old-2'], 4, []]);
  });

  test('keep their hold', async () => {
    const server = afterScript({ [KEYS.claimUid]: undefined });
    server.hold('script-6');
    await perform(server, { config: deleting({ retention: { keepLast: 1, minimumReady: 1 } }) });
    expect(adopted(server)).toEqual(['script-3', 'script-6']);
  });
});

describe('a StatefulSet that is scaled in', () => {
  const members = ['data-db-0', 'data-db-1', 'data-db-2'];
  const config = deleting({
    claims: members.map(name => ({ kind: 'Claim', name, statefulSet: 'db' })), retention: { keepForSeconds: 2.5 * 86400, minimumReady: 2 },
  });

  test('fails no run, and the snapshots of its former member follow the rules, down to the floor', async () => {
    const server = new FakeApiServer();
    members.forEach(name => {
      server.addClaim(name);
      for (let night = 1; night <= 3; night += 1) { server.addSnapshot(name, { name: `${name}-${night}`, at: TONIGHT - night * DAY }); }
    });
    server.removeClaim('data-db-2');
    for (let night = 0; night < 9; night += 1) {
      await server.clock.advanceTo(TONIGHT + night * DAY);
      const run = await perform(server, { config });
      expect(run.exitCode).toBe(0);
      expect(run.message).toMatch(/^2 of 2 claims have their snapshot .*; not there, since the StatefulSet is scaled in: data-db-2$/);
      expect(server.readyNames.filter(name => name.startsWith('data-db-2'))).toEqual(['data-db-2-1', 'data-db-2-2']);
      expect(server.readyNames.filter(name => !name.startsWith('data-db-2')).length).toBeGreaterThanOrEqual(2 * 3);
    }
  });

  test('and out again has a member with an empty claim, for whose sake none of the former one is given up beyond its floor', async () => {
    const server = new FakeApiServer();
    members.forEach(name => server.addClaim(name));
    for (let night = 1; night <= 3; night += 1) { server.addSnapshot('data-db-2', { name: `former-${night}`, at: TONIGHT - night * DAY }); }
    server.recreateClaim('data-db-2');
    for (let night = 0; night < 9; night += 1) {
      await server.clock.advanceTo(TONIGHT + night * DAY);
      expect((await perform(server, { config })).exitCode).toBe(0);
    }
    expect(server.readyNames.filter(name => name.startsWith('former-'))).toEqual(['former-1', 'former-2']);
  });
});

describe('a dry run', () => {
  test.each(['Delete', 'Retain'] as const)('takes its snapshot, says what it would prune and why, and changes nothing: class %s', async policy => {
    const server = cluster(policy, 4);
    server.addSnapshot('data', { name: 'failed', at: TONIGHT - 30 * HOUR, cut: false });
    server.hold('old-4');
    const run = await perform(server, { config: schedule({ retention: keepTwo, deletionPolicy: policy, dryRun: true }) });
    expect(run.exitCode).toBe(0);
    expect(run.message).toMatch(/^1 of 1 claims have their snapshot \(data-.*\); dry run, 3 would be pruned; 6 kept, 1 of them held$/);
    expect(run.lines.filter(line => line.step === 'prune').map(line => line.snapshot).sort()).toEqual(['failed', 'old-2', 'old-3']);
    expect([server.names.length, patches(server), server.calls.filter(call => call.verb === 'DELETE')]).toEqual([6, [], []]);
  });

  test('shows that the brake would hold, and what a missing right would', async () => {
    const server = cluster('Delete', 9);
    expect(await perform(server, { config: deleting({ dryRun: true }) })).toMatchObject({ exitCode: 1, message: expect.stringMatching(/far more than one run explains .* dry run, 0 would be pruned/) });
    const other = cluster('Retain', 4);
    other.mayReclaim = false;
    expect(await perform(other, { config: retaining({ dryRun: true }) })).toMatchObject({ exitCode: 1, message: expect.stringContaining('SnapshotReclaim') });
  });

  test('that is over prunes what it had announced', async () => {
    const server = cluster('Delete', 4);
    await perform(server, { config: deleting({ dryRun: true }) });
    await server.clock.advance(DAY);
    expect((await perform(server, { config: deleting() })).message).toContain('4 pruned; 2 kept');
  });
});

describe('the fence around contents', () => {
  test('is asked for on every run by a change of the newest content that it must refuse, and that would not be carried out', async () => {
    const server = cluster('Retain', 2);
    const run = await perform(server, { config: retaining() });
    const [name] = server.names.filter(each => each.startsWith('data-'));
    expect(run.exitCode).toBe(0);
    expect(probes(server).map(call => call.request)).toEqual([{
      method: 'PATCH',
      path: `/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents/${contentOf(server, name)}`,
      query: { dryRun: 'All' },
      body: { metadata: { annotations: { [KEYS.fenceProbe]: 'refuse' } } },
    }]);
  });

  test('that is missing lets nothing be pruned that is retained, since who may change one content may change all; the run fails and says so', async () => {
    const server = cluster('Retain', 5);
    server.addSnapshot('data', { name: 'unseen', at: TONIGHT - 30 * HOUR, cut: false, bound: false });
    server.backlog.add('unseen');
    server.fenced = false;
    const run = await perform(server, { config: retaining() });
    expect(run).toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('FAILED pruning: this schedule may change any content of the cluster, so none of its retained storage is given back: '
        + 'the fence of the SnapshotReclaim is missing, or the service account has a right to update contents that it should not have; apply the SnapshotReclaim whole'),
    });
    expect(run.message).toContain('1 of 1 claims have their snapshot');
    expect([server.readyNames.length, patches(server), server.contents.filter(content => content.metadata.annotations)]).toEqual([6, [], []]);
    // what has no storage yet costs nothing and goes
    expect(server.names).not.toContain('unseen');

    server.fenced = true;
    await server.clock.advance(DAY);
    expect((await perform(server, { config: retaining() })).exitCode).toBe(0);
    expect([server.names.length, server.orphans]).toEqual([2, []]);
  });

  test('is not asked for by way of a content that was made by hand, which may be that of another namespace', async () => {
    const server = cluster('Retain', 1);
    server.addSnapshot('data', { name: 'old-static', at: TONIGHT - HOUR, contentName: 'content-of-production' });
    server.editClaim('data', claim => { claim.status.phase = 'Lost'; });
    await perform(server, { config: retaining() });
    expect(probes(server).map(call => call.name)).toEqual([contentOf(server, 'old-1')]);
  });

  test('is asked for by way of the next one where somebody has removed the newest content', async () => {
    const server = cluster('Retain', 3);
    server.editClaim('data', claim => { claim.status.phase = 'Lost'; });
    const [newest, next] = ['old-1', 'old-2'].map(name => contentOf(server, name));
    server.before = call => { if (isProbe(call) && call.name === newest) { throw new ApiError(404, 'not found'); } };
    const run = await perform(server, { config: retaining() });
    expect(probes(server).map(call => call.name)).toEqual([newest, next]);
    expect(run.message).not.toContain('FAILED pruning');
  });

  test('is not taken down by the storage of a content that somebody removed: there is nothing to give back, and the snapshot goes', async () => {
    const server = cluster('Retain', 5);
    const gone = contentOf(server, 'old-4');
    server.removeContent(gone);
    const run = await perform(server, { config: retaining() });
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('4 pruned') });
    expect(server.names).toHaveLength(2);
  });

  test('is none of the business of a schedule that keeps the storage, or whose class deletes', async () => {
    for (const config of [retaining({ prunedStorage: 'Keep' }), deleting()]) {
      const server = cluster(config.deletionPolicy, 3);
      server.fenced = false;
      expect((await perform(server, { config })).exitCode).toBe(0);
      expect([server.names.length, server.calls.filter(call => call.verb === 'PATCH')]).toEqual([2, []]);
    }
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

  test('whose right was taken away after a crash says so once, and tries no change in vain', async () => {
    const server = cluster('Retain', 1);
    server.editSnapshot('old-1', s => { s.metadata.finalizers.push('snapshot.storage.kubernetes.io/volumesnapshot-bound-protection'); });
    server.mayReclaim = false;
    const run = await perform(server, { config: retaining() });
    expect(run.message.match(/FAILED/g)).toHaveLength(1);
    expect(patches(server)).toEqual([]);
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
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('2 pruned; 2 kept') });
    expect(server.orphans).toHaveLength(2);
    expect(run.requests.filter(request => request.startsWith('PATCH'))).toEqual([]);
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
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('4 pruned; 2 kept') });
    expect([server.names.length, server.orphans, patches(server)]).toEqual([2, [], []]);
  });

  test('and that retains is noticed by its first ready snapshot', async () => {
    const server = cluster('Retain', 0);
    server.mayReclaim = false;
    expect(await perform(server, { config: unknown() })).toMatchObject({ exitCode: 1, message: expect.stringContaining('SnapshotReclaim') });
  });

  test('and that deletes is not taken for one that retains because the finalizer comes after the snapshot is ready', async () => {
    for (const deletionPolicy of [undefined, 'Delete'] as const) {
      for (const older of [0, 5]) {
        const server = cluster('Delete', older);
        server.mayReclaim = false;
        server.finalizerIsLate = true;
        server.readyDelay = 1;
        const run = await perform(server, { config: unknown({ deletionPolicy }) });
        expect([run.message, run.exitCode]).toEqual([expect.not.stringContaining('FAILED'), 0]);
        // a controller that is behind keeps nobody waiting for long
        expect(server.clock.now() - TONIGHT).toBeLessThan(20_000);
      }
    }
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
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('1 pruned; 2 kept') });
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

  test('of a snapshot that is held meanwhile are called off, though the watch shows nothing', async () => {
    const server = cluster('Retain', 2);
    once(server, 'before', 'DELETE', () => {
      server.stallWatches();
      server.hold('old-2');
    });
    const run = await perform(server, { config: retaining() });
    expect(run.exitCode).toBe(0);
    expect([old(server), server.policyOf('old-2')]).toEqual([['old-1', 'old-2'], 'Retain']);
  });

  test('that are accepted while the API server goes away are not held back when it is there again, or the storage would stay unseen', async () => {
    const server = cluster('Retain', 2);
    let back = 0;
    server.before = call => {
      if (server.now() < back) { throw new ConnectionError('ECONNREFUSED'); }
      // so slow that all is still to be done when the run can speak again
      if (call.verb === 'DELETE') { server.controllerDelay = 10 * MINUTE; }
    };
    server.after = call => {
      if (call.verb !== 'DELETE' || back > 0) { return; }
      back = server.now() + 200 * SECOND;
      throw new ConnectionError('ECONNRESET');
    };
    const run = await perform(server, { config: retaining() });
    expect([run.exitCode, server.policyOf('old-2')]).toEqual([0, 'Delete']);
    expect(run.message).toContain('1 pruned');
    await server.clock.advance(HOUR);
    expect([old(server), server.orphans, server.backend.size]).toEqual([['old-1'], [], 2]);
  });

  test('that another run has begun are left to it, by a run that only has no newer snapshot of the claim itself', async () => {
    const server = cluster('Retain', 4);
    server.editContent(contentOf(server, 'old-4'), c => { c.spec.deletionPolicy = 'Delete'; });
    await server.clock.advance(SECOND);
    server.editClaim('data', claim => { claim.status.phase = 'Lost'; });
    expect((await perform(server, { config: retaining() })).exitCode).toBe(1);
    expect([old(server), server.policyOf('old-4')]).toEqual([['old-1', 'old-2', 'old-3', 'old-4'], 'Delete']);
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
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('3 pruned; 2 kept') });
    expect(old(server)).toEqual(['old-1']);
  });

  test('whose answer is lost count once', async () => {
    const server = cluster('Delete', 3);
    once(server, 'after', 'DELETE', () => { throw new ConnectionError('ECONNRESET'); });
    expect((await perform(server, { config: deleting() })).message).toContain('2 pruned; 2 kept');
  });

  test('are not waited for', async () => {
    const server = cluster('Delete', 5);
    server.editSnapshot('old-5', s => { s.metadata.finalizers.push('example.com/for-ever'); });
    const run = await perform(server, { config: deleting() });
    expect(run.exitCode).toBe(0);
    expect(run.milliseconds).toBeLessThan(SECOND);
    // and the next run does not try again
    await server.clock.advance(DAY);
    const next = await perform(server, { config: deleting() });
    expect(next.requests.filter(request => request.includes('old-5'))).toEqual([]);
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
    expect((await perform(server, { config: deleting({ retention: { keepLast: 31, minimumReady: 1 } }) })).message).toContain('30 pruned; 31 kept');
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
    const run = start(server, { config: deleting({ retention: { keepLast: 21, minimumReady: 1 } }) });
    once(server, 'after', 'DELETE', () => run.sigterm());
    await expect(server.clock.until(run.result)).resolves.toMatchObject({ exitCode: 143 });
    expect(server.calls.filter(call => call.verb === 'DELETE').length).toBe(5);
  });
});

test('if the question for the right is not answered nothing is pruned, and the run says so', async () => {
  const server = cluster('Retain', 5);
  server.before = call => { if (isProbe(call)) { throw new ApiError(400, 'dryRun is not supported'); } };
  const run = await perform(server, { config: retaining() });
  expect(run).toMatchObject({ exitCode: 1, message: expect.stringMatching(/^1 of 1 claims have their snapshot \(.*\); FAILED pruning: dryRun is not supported; 0 pruned; 6 kept$/) });
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
