import { Call, DAY, FakeApiServer, HOUR, MINUTE, perform, RunOptions, schedule, SECOND, start, TONIGHT } from './fake-api-server';
import { CONFIG_VERSION, KEYS, RunnerConfig } from '../../src/runner/config';
import { ApiError, ConnectionError } from '../../src/runner/kube-client';
import { parseConfig } from '../../src/runner/parse-config';

// hundreds of nights, on a machine that may be busy
jest.setTimeout(120_000);

/** A cluster with a bound claim 'data' and a snapshot of each of the last nights. */
function cluster(nights = 0, deletionPolicy: 'Delete' | 'Retain' = 'Delete'): FakeApiServer {
  const server = new FakeApiServer();
  server.deletionPolicy = deletionPolicy;
  server.addClaim('data');
  for (let night = 1; night <= nights; night += 1) { server.addSnapshot('data', { name: `data-${night}`, at: TONIGHT - night * DAY }); }
  return server;
}

const never = () => new Promise<void>(() => undefined);

const newOnes = (server: FakeApiServer) => server.names.filter(name => name.includes('-20260209-020000-'));

describe('a night without trouble', () => {
  test('costs a list of the claims, a list and a watch of the snapshots, a creation and an Event, and no request more', async () => {
    const server = cluster(2);
    const run = await perform(server);
    expect(run.exitCode).toBe(0);
    const [name] = newOnes(server);
    expect(run.requests.map(request => request.replace(/events\/.*/, 'events'))).toEqual([
      'LIST persistentvolumeclaims',
      'LIST volumesnapshots',
      'WATCH volumesnapshots',
      `POST volumesnapshots/${name}`,
      'POST events',
    ]);
  });

  test('leaves a ready snapshot, a line that says so, and an Event on the claim', async () => {
    const server = cluster(2);
    const run = await perform(server);
    const [name] = newOnes(server);
    expect(server.readyNames).toEqual(['data-1', 'data-2', name]);
    expect(run.message).toBe(`1 of 1 claims have their snapshot (${name}); 0 pruned; 3 kept`);
    expect(server.events).toHaveLength(1);
    expect(server.events[0]).toMatchObject({ type: 'Normal', reason: 'ScheduledSnapshotReady', message: `snapshot '${name}' is ready` });
    expect(run.lines.map(line => line.step)).toEqual(['created', 'ready', 'keep', 'keep']);
  });

  test('costs one request more for each snapshot that is pruned from a class that deletes, and one to find claims that are being restored', async () => {
    const server = cluster(5);
    const run = await perform(server);
    expect(server.names).toHaveLength(3);
    expect(run.requests.filter(request => request.startsWith('DELETE')).sort())
      .toEqual(['data-3', 'data-4', 'data-5'].map(name => `DELETE volumesnapshots/${name}`));
    expect(run.requests).toHaveLength(5 + 1 + 3);
    expect(run.requests.filter(request => request.startsWith('LIST'))).toEqual(['LIST persistentvolumeclaims', 'LIST volumesnapshots', 'LIST persistentvolumeclaims']);
    expect(run.message).toContain('3 pruned; 3 kept');
  });

  test('costs two requests more for each from a class that retains, and one to ask for the right', async () => {
    const server = cluster(5, 'Retain');
    const run = await perform(server, { config: schedule({ deletionPolicy: 'Retain' }) });
    expect(run.requests.filter(request => request.startsWith('PATCH'))).toHaveLength(1 + 3);
    expect(run.requests.filter(request => request.startsWith('DELETE'))).toHaveLength(3);
    expect(run.requests).toHaveLength(5 + 1 + 1 + 6);
    expect(run.message).toContain('3 pruned; 3 kept');
    expect([server.names.length, server.orphans]).toEqual([3, []]);
  });

  test('is repeated a hundred times: the newest three are there each morning, and nothing else in the storage', async () => {
    const server = cluster(0, 'Retain');
    for (let night = 0; night < 100; night += 1) {
      const run = await perform(server, { config: schedule({ deletionPolicy: 'Retain' }) });
      expect(run.exitCode).toBe(0);
      expect(server.readyNames).toHaveLength(Math.min(night + 1, 3));
      expect(server.backend.size).toBe(server.readyNames.length);
      await server.clock.advanceTo(TONIGHT + (night + 1) * DAY);
    }
  });

  test('the twentieth claim costs a creation and an Event, and no list and no watch of its own', async () => {
    const server = cluster();
    const names = Array.from({ length: 20 }, (_, index) => `data-${index}`);
    names.forEach(name => server.addClaim(name));
    const run = await perform(server, { config: schedule({ claims: names.map(name => ({ kind: 'Claim', name })) }) });
    expect(run.exitCode).toBe(0);
    expect(run.requests.filter(request => /^(LIST|WATCH)/.test(request))).toEqual(['LIST persistentvolumeclaims', 'LIST volumesnapshots', 'WATCH volumesnapshots']);
    expect(run.requests).toHaveLength(20 * 2 + 3);
  });
});

describe('an API server that is away', () => {
  const away = () => { throw new ConnectionError('the API server at 10.0.0.1:443 did not answer (ETIMEDOUT); a NetworkPolicy that denies egress is the usual cause'); };

  test('from the start ends the run with exit 75 after three minutes, naming the NetworkPolicy', async () => {
    const server = cluster(5);
    server.before = away;
    const run = await perform(server, { config: schedule({ claims: ['data', 'logs', 'wal'].map(name => ({ kind: 'Claim', name })) }) });
    expect(run.exitCode).toBe(75);
    expect(run.message).toMatch(/^FAILED: the API server at .* did not answer \(ETIMEDOUT\); a NetworkPolicy .*; nothing more was done, a retry goes on from here$/);
    expect(run.milliseconds).toBeLessThan(4 * MINUTE);
  });

  test('that answers each packet with silence is given up as well', async () => {
    const server = cluster(5);
    server.before = call => call.hang();
    const run = await perform(server);
    expect(run).toMatchObject({ exitCode: 75, message: expect.stringContaining('NetworkPolicy') });
    expect(run.milliseconds).toBeLessThan(4 * MINUTE);
  });

  test('at the creation ends it with exit 75, and another pod takes the snapshot', async () => {
    const server = cluster(5);
    server.before = call => { if (call.verb === 'POST' && call.resource === 'volumesnapshots') { away(); } };
    const options: RunOptions = { run: { kind: 'Scheduled', at: new Date(TONIGHT) } };
    const run = await perform(server, options);
    expect(run).toMatchObject({ exitCode: 75, message: expect.stringContaining('FAILED data: the API server') });
    // nothing good is pruned in a run that took nothing
    expect(server.readyNames).toHaveLength(5);
    server.before = undefined;
    expect((await perform(server, options)).exitCode).toBe(0);
  });

  test('for two minutes in the middle of the night is waited for', async () => {
    const server = cluster(5);
    server.readyDelay = 5 * MINUTE;
    server.clock.after(MINUTE, () => {
      server.before = away;
      server.breakWatches(new ConnectionError('the watch broke off: aborted'));
    });
    server.clock.after(3 * MINUTE, () => { server.before = undefined; });
    const run = await perform(server);
    expect(run.exitCode).toBe(0);
    expect(server.readyNames).toHaveLength(3);
  });

  test('during the pruning alone leaves the snapshots for the next run and says so', async () => {
    const server = cluster(5);
    server.before = call => { if (call.verb === 'DELETE') { away(); } };
    const run = await perform(server);
    expect(run.exitCode).toBe(1);
    expect(run.message).toMatch(/^1 of 1 claims have .*; FAILED pruning: snapshot 'data-[345]' was not pruned: the API server .* did not answer/);
    server.before = undefined;
    await server.clock.advance(DAY);
    expect((await perform(server)).exitCode).toBe(0);
    expect(server.names).toHaveLength(3);
  });
});

describe('a watch that fails while a snapshot is copied for an hour', () => {
  test.each<[string, (server: FakeApiServer) => void]>([
    ['ends', server => server.endWatches()],
    ['breaks off', server => server.breakWatches(new ConnectionError('the watch broke off: aborted'))],
    ['is too old', server => { server.compact(); server.endWatches(); }],
    ['gets an event of type ERROR', server => server.breakWatches(new ApiError(500, 'etcdserver: leader changed'))],
    ['gets 410 in an event', server => server.breakWatches(new ApiError(410, 'too old'))],
    ['stalls', server => server.stallWatches()],
  ])('does not keep the run from its end: it %s again and again', async (_, fail) => {
    const server = cluster(5);
    server.readyDelay = HOUR;
    const again = () => {
      fail(server);
      server.clock.after(7 * MINUTE, again);
    };
    server.clock.after(10, again);
    const run = await perform(server, { config: schedule({ readyTimeoutSeconds: 7200 }) });
    expect(run.exitCode).toBe(0);
    expect(run.milliseconds).toBeLessThan(HOUR + 2 * MINUTE);
    expect(server.readyNames).toHaveLength(3);
  });
});

describe('a pod that is told to end', () => {
  test('while it waits ends at once with 143, and the next pod waits for the same snapshot', async () => {
    const server = cluster(5);
    server.readyDelay = 5 * MINUTE;
    const options: RunOptions = { run: { kind: 'Scheduled', at: new Date(TONIGHT) } };
    const first = start(server, options);
    server.clock.after(MINUTE, () => first.sigterm());
    await expect(server.clock.until(first.result)).resolves.toEqual({
      exitCode: 143, message: 'FAILED: told to end by SIGTERM; nothing more was done, a retry goes on from here',
    });
    expect(server.clock.now()).toBe(TONIGHT + MINUTE);
    const next = await perform(server, options);
    expect(next.exitCode).toBe(0);
    expect(Math.round((server.clock.now() - TONIGHT) / MINUTE)).toBe(5);
    expect(newOnes(server)).toHaveLength(1);
  });

  test('before it begins asks for nothing', async () => {
    const server = cluster();
    const run = start(server);
    run.sigterm();
    await expect(server.clock.until(run.result)).resolves.toMatchObject({ exitCode: 143 });
    expect(server.calls).toEqual([]);
  });

  test('while claims wait for their turn begins none of them', async () => {
    const server = cluster();
    server.cutDelay = () => HOUR;
    const names = ['a', 'b', 'c'];
    names.forEach(name => server.addClaim(name));
    const run = start(server, { config: schedule({ claims: names.map(name => ({ kind: 'Claim', name })), concurrency: 1 }) });
    server.clock.after(MINUTE, () => run.sigterm());
    await expect(server.clock.until(run.result)).resolves.toMatchObject({ exitCode: 143 });
    expect(server.calls.filter(call => call.verb === 'POST')).toHaveLength(1);
  });
});

describe('Events that cannot be written', () => {
  test.each([
    ['forbidden', () => { throw new ApiError(403, 'cannot create resource "events"'); }],
    ['answered too late', () => { throw new ConnectionError('ECONNRESET'); }],
  ])('are no reason to fail a backup: %s', async (_, fail) => {
    const server = cluster(2);
    server.before = call => { if (call.resource === 'events') { fail(); } };
    const run = await perform(server);
    expect(run.exitCode).toBe(0);
    expect(run.lines).toContainEqual({ step: 'event', message: expect.stringMatching(/^not recorded: /) });
  });
});

describe('the exit code', () => {
  const claims = ['data', 'logs', 'wal'].map(name => ({ kind: 'Claim', name }) as const);

  async function exitWith(fault: (call: Call) => void): Promise<number> {
    const server = cluster(2);
    server.addClaim('logs');
    server.addClaim('wal');
    server.before = fault;
    return (await perform(server, { config: schedule({ claims }) })).exitCode;
  }

  const at = (resource: string, name: string, error: Error) => (call: Call) => {
    if (call.verb === 'POST' && call.resource === resource && call.name?.startsWith(name)) { throw error; }
  };

  test('is 0 only if each claim has its snapshot', async () => {
    await expect(exitWith(() => undefined)).resolves.toBe(0);
    await expect(exitWith(at('volumesnapshots', 'wal', new ApiError(422, 'invalid')))).resolves.toBe(1);
  });

  test('is 75 as well if the API server did nothing but refuse for three minutes', async () => {
    await expect(exitWith(call => { if (call.verb === 'LIST') { throw new ApiError(503, 'apiserver is shutting down'); } })).resolves.toBe(75);
    await expect(exitWith(at('volumesnapshots', 'wal', new ApiError(500, 'etcdserver: request timed out')))).resolves.toBe(75);
  });

  test('is 75, so that another pod tries, only if nothing but the connection failed', async () => {
    await expect(exitWith(at('volumesnapshots', 'wal', new ConnectionError('ECONNRESET')))).resolves.toBe(75);
    await expect(exitWith(call => {
      at('volumesnapshots', 'wal', new ConnectionError('ECONNRESET'))(call);
      at('volumesnapshots', 'logs', new ApiError(403, 'exceeded quota'))(call);
    })).resolves.toBe(1);
  });

  test('is 1 if the right to list is missing, with the words of the server', async () => {
    const server = cluster(2);
    server.before = call => { if (call.verb === 'LIST') { throw new ApiError(403, 'volumesnapshots is forbidden: cannot list'); } };
    await expect(perform(server)).resolves.toMatchObject({
      exitCode: 1, message: 'FAILED: volumesnapshots is forbidden: cannot list; nothing more was done, apply the Role and RoleBinding of this schedule',
    });
  });

  test('is 1 if the right to watch is missing, with the words of the server, and nothing good is deleted', async () => {
    const server = cluster(5);
    server.before = call => { if (call.verb === 'WATCH') { throw new ApiError(403, 'volumesnapshots is forbidden: cannot watch'); } };
    await expect(perform(server)).resolves.toMatchObject({ exitCode: 1, message: expect.stringContaining('FAILED data: volumesnapshots is forbidden: cannot watch') });
    expect(server.readyNames.filter(name => /^data-\d$/.test(name))).toHaveLength(5);
  });
});

test('the termination message is one line of less than 4096 bytes, whatever the storage says', async () => {
  const server = cluster();
  const names = Array.from({ length: 30 }, (_, index) => `claim-${index}`);
  names.forEach(name => server.addClaim(name));
  server.driverError = `rpc error:\n${'Speicher über alle Maßen voll\t'.repeat(50)}`;
  const run = await perform(server, { config: schedule({ claims: names.map(name => ({ kind: 'Claim', name })) }) });
  expect(run.exitCode).toBe(1);
  expect(run.message).not.toMatch(/[\n\r\t]/);
  expect(Buffer.byteLength(run.message)).toBeLessThan(4096);

  server.before = call => { if (call.verb === 'LIST') { throw new ApiError(400, `no\n${'ü'.repeat(9000)}`); } };
  const broken = await perform(server);
  expect(broken.message).toMatch(/^FAILED: no ü/);
  expect(Buffer.byteLength(broken.message)).toBeLessThan(4096);
});

test('a document of the version before takes and prunes as ever', async () => {
  const server = cluster(5);
  const config = parseConfig(JSON.stringify({ ...schedule(), version: CONFIG_VERSION - 1 })) as RunnerConfig;
  expect((await perform(server, { config })).exitCode).toBe(0);
  expect(server.names).toHaveLength(3);
});

describe('schedules that start in the same minute are kept apart', () => {
  const delayed = schedule({ startDelaySeconds: 90 });
  const tonight = { kind: 'Scheduled', at: new Date(TONIGHT) } as const;

  test('a run begins so long after its scheduled time, and asks for nothing before', async () => {
    const server = cluster();
    expect((await perform(server, { config: delayed, run: tonight })).exitCode).toBe(0);
    expect(server.calls[0].at).toBe(TONIGHT + 90 * SECOND);
  });

  test('a run that Kubernetes starts late waits for what is left of it', async () => {
    const server = cluster();
    await server.clock.advanceTo(TONIGHT + 20 * SECOND);
    await perform(server, { config: delayed, run: tonight });
    expect(server.calls[0].at).toBe(TONIGHT + 90 * SECOND);
    await server.clock.advanceTo(TONIGHT + HOUR + 10 * MINUTE);
    const calls = server.calls.length;
    await perform(server, { config: delayed, run: { kind: 'Scheduled', at: new Date(TONIGHT + HOUR) } });
    expect(server.calls[calls].at).toBe(TONIGHT + HOUR + 10 * MINUTE);
  });

  test('a retried pod does not wait again', async () => {
    const server = cluster();
    const first = start(server, { config: delayed, run: tonight });
    await server.clock.advance(90 * SECOND + 10);
    first.pod.kill();
    const calls = server.calls.length;
    await server.clock.advance(10 * SECOND);
    expect((await perform(server, { config: delayed, run: tonight })).exitCode).toBe(0);
    expect(server.calls[calls].at).toBe(TONIGHT + 100 * SECOND + 10);
  });

  test('a Job that a person starts does not wait', async () => {
    const server = cluster();
    await perform(server, { config: delayed, run: { kind: 'Manual', jobUid: 'job-7' } });
    expect(server.calls[0].at).toBe(TONIGHT);
  });

  test('a run whose time seems to lie in the future waits no longer for that', async () => {
    const server = cluster();
    await perform(server, { config: delayed, run: { kind: 'Scheduled', at: new Date(TONIGHT + HOUR) } });
    expect(server.calls[0].at).toBe(TONIGHT + 90 * SECOND);
  });

  test('a pod that is told to end meanwhile ends at once, and has asked for nothing', async () => {
    const server = cluster();
    const run = start(server, { config: delayed, run: tonight });
    server.clock.after(SECOND, () => run.sigterm());
    await expect(server.clock.until(run.result)).resolves.toMatchObject({ exitCode: 143 });
    expect([server.clock.now(), server.calls]).toEqual([TONIGHT + SECOND, []]);
  });
});

describe('a ResourceQuota that is full', () => {
  const posts = (requests: string[]) => requests.filter(request => request.startsWith('POST volumesnapshots'));

  test.each(['Delete', 'Retain'] as const)('of what is due is no failure: the run prunes first, waits until the storage has let go, and takes its snapshot: class %s', async policy => {
    const server = cluster(5, policy);
    server.quota = 5;
    // so long does the storage take to delete
    server.controllerDelay = 12 * SECOND;
    const config = schedule({ deletionPolicy: policy });
    const run = await perform(server, { config });
    expect(run.exitCode).toBe(0);
    expect(run.message).toMatch(/^1 of 1 claims have their snapshot \(data-20260209-020000-.*\); 3 pruned; 3 kept$/);
    expect(run.lines).toContainEqual({ step: 'quota', message: 'a ResourceQuota is full, 1 pruned to make room', problems: [] });
    await server.clock.advance(MINUTE);
    expect([server.readyNames.length, server.names.length, server.orphans]).toEqual([3, 3, []]);
    expect(newOnes(server)).toHaveLength(1);
  });

  test('of what retention keeps costs no good snapshot, fails the run, and says what to raise', async () => {
    const server = cluster(3);
    server.quota = 3;
    const run = await perform(server);
    expect(run.exitCode).toBe(1);
    expect(run.message).toMatch(/^0 of 1 claims have their snapshot; FAILED data: a ResourceQuota leaves no room for it, as retention keeps what is there: .*exceeded quota.*; raise the quota to more than retention keeps, or keep fewer; 0 pruned; 3 kept$/);
    expect([server.readyNames, posts(run.requests).length]).toEqual([['data-1', 'data-2', 'data-3'], 1]);
  });

  test('of one costs not the last good snapshot, however old', async () => {
    const server = new FakeApiServer();
    server.addClaim('data');
    server.addSnapshot('data', { name: 'only', at: TONIGHT - 90 * DAY });
    server.quota = 1;
    expect((await perform(server, { config: schedule({ retention: { keepForSeconds: 3600, minimumReady: 1 } }) })).exitCode).toBe(1);
    expect(server.readyNames).toEqual(['only']);
  });

  test('of held snapshots leaves them held', async () => {
    const server = cluster(5);
    server.quota = 5;
    ['data-3', 'data-4', 'data-5'].forEach(name => server.hold(name));
    expect(await perform(server)).toMatchObject({ exitCode: 1, message: expect.stringContaining('0 pruned; 5 kept, 3 of them held') });
  });

  test('that stays full, since the storage lets nothing go, is given up after a minute', async () => {
    const server = cluster(5);
    server.quota = 5;
    ['data-4', 'data-5'].forEach(name => server.editSnapshot(name, s => { s.metadata.finalizers.push('example.com/for-ever'); }));
    const run = await perform(server);
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining('FAILED data: a ResourceQuota leaves no room for it') });
    expect([posts(run.requests).length, Math.round(run.milliseconds / SECOND)]).toEqual([13, 60]);
    // one made room in vain; another that is due stays, since there is no newer one after all
    expect(server.readyNames).toEqual(['data-1', 'data-2', 'data-3', 'data-4']);
  });

  test('makes room of the claims that it hinders, and not of those whose run failed for another reason', async () => {
    const server = cluster(4);
    server.addClaim('logs', { phase: 'Lost' });
    for (let night = 1; night <= 4; night += 1) { server.addSnapshot('logs', { name: `logs-${night}`, at: TONIGHT - night * DAY }); }
    server.quota = 8;
    const run = await perform(server, { config: schedule({ claims: [{ kind: 'Claim', name: 'data' }, { kind: 'Claim', name: 'logs' }] }) });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining('1 of 2 claims have their snapshot; FAILED logs: the claim is Lost') });
    expect(server.readyNames.filter(name => name.startsWith('logs-'))).toHaveLength(4);
    expect(newOnes(server)).toHaveLength(1);
  });

  test('under a class that retains, without the right to give back, prunes nothing and says both', async () => {
    const server = cluster(5, 'Retain');
    server.quota = 5;
    server.mayReclaim = false;
    const run = await perform(server, { config: schedule({ deletionPolicy: 'Retain' }) });
    expect(run.exitCode).toBe(1);
    expect(run.message).toMatch(/FAILED data: a ResourceQuota leaves no room .*FAILED pruning: the snapshot class retains storage .*; 0 pruned; 5 kept$/);
    expect([server.readyNames.length, run.milliseconds < SECOND]).toEqual([5, true]);
  });

  test.each(['Delete', 'Retain'] as const)('costs no good snapshot while the storage fails, night after night: class %s', async policy => {
    const server = cluster(7, policy);
    // one more than retention keeps
    server.quota = 8;
    server.driverError = 'no space';
    const config = schedule({ deletionPolicy: policy, retention: { keepForSeconds: 7 * 86400, minimumReady: 1 } });
    for (let night = 0; night < 30; night += 1) {
      await server.clock.advanceTo(TONIGHT + night * DAY);
      expect((await perform(server, { config })).exitCode).toBe(1);
      expect(server.readyNames).toHaveLength(7);
    }
    server.driverError = undefined;
    await server.clock.advanceTo(TONIGHT + 31 * DAY);
    // after so long an outage the brake would ask first
    server.names.forEach(name => server.editSnapshot(name, s => { s.metadata.labels[KEYS.prunable] = 'true'; }));
    expect((await perform(server, { config })).exitCode).toBe(0);
    expect(server.readyNames.filter(name => /^data-\d$/.test(name))).toEqual([]);
    expect([server.orphans, server.names]).toEqual([[], server.readyNames]);
  });

  test('under which nothing can be pruned, since claims may be in the midst of a restore, still says which claim has none, and records it', async () => {
    const server = cluster(5);
    server.quota = 5;
    let lists = 0;
    server.before = call => {
      if (call.verb === 'LIST' && call.resource === 'persistentvolumeclaims') { lists += 1; }
      if (lists > 1 && call.resource === 'persistentvolumeclaims') { throw new ApiError(403, 'persistentvolumeclaims is forbidden: cannot list'); }
    };
    const run = await perform(server);
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining('FAILED data: a ResourceQuota leaves no room for it') });
    expect([server.readyNames.length, server.events.map(event => event.type)]).toEqual([5, ['Warning']]);
    expect(run.lines).toContainEqual({
      step: 'quota', message: 'a ResourceQuota is full, 0 pruned to make room', problems: ['persistentvolumeclaims is forbidden: cannot list'],
    });
  });

  test('makes no room in a dry run', async () => {
    const server = cluster(5);
    server.quota = 5;
    const run = await perform(server, { config: schedule({ dryRun: true }) });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining('dry run,') });
    expect(server.readyNames).toHaveLength(5);
  });

  test('does not keep a pod from ending that is told to', async () => {
    const server = cluster(5);
    server.quota = 5;
    ['data-4', 'data-5'].forEach(name => server.editSnapshot(name, s => { s.metadata.finalizers.push('example.com/for-ever'); }));
    const run = start(server);
    server.clock.after(30 * SECOND, () => run.sigterm());
    await expect(server.clock.until(run.result)).resolves.toMatchObject({ exitCode: 143 });
    expect(server.clock.now()).toBe(TONIGHT + 30 * SECOND);
  });
});

test('5,000 snapshots come in fifty pages, and those that are due go, five at a time', async () => {
  const server = cluster();
  for (let hour = 1; hour <= 5000; hour += 1) { server.addSnapshot('data', { name: `hourly-${hour}`, at: TONIGHT - hour * HOUR }); }
  const run = await perform(server, { config: schedule({ retention: { keepLast: 4500, minimumReady: 1 } }) });
  expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('501 pruned; 4500 kept') });
  expect(run.requests.filter(request => request === 'LIST volumesnapshots')).toHaveLength(50);
  expect(server.names).toHaveLength(4500);
  expect(server.names).not.toContain('hourly-4500');
  expect(server.names).toContain('hourly-4499');
});

describe('nights on which all goes wrong at random', () => {
  /** Lehmer's generator: the same nights on each machine. */
  function random(seed: number): (below: number) => number {
    let state = seed * 7919;
    return below => {
      state = state * 48271 % 2147483647;
      return Math.floor(state / 2147483647 * below);
    };
  }

  /** Faults of requests, each of which may come again and again. */
  function faultOf(next: (below: number) => number, call: Call): void | Promise<unknown> {
    switch (next(90)) {
      case 0: throw new ConnectionError('ECONNRESET');
      case 1: throw new ApiError(429, 'slow down', next(20));
      case 2: throw new ApiError(500, 'etcdserver: leader changed');
      case 3: return call.hang();
      case 4: return call.pod.server.clock.wait(next(5000));
      case 5:
        call.pod.kill();
        return never();
      default: return undefined;
    }
  }

  test.each(['Delete', 'Retain'] as const)('no good snapshot is lost beyond the rules, no held one goes, nothing is left in the storage, no exit code lies: class %s', async policy => {
    let nights = 0;
    let clean = 0;
    for (let seed = 1; seed <= 25; seed += 1) {
      const next = random(seed);
      const server = cluster(3, policy);
      server.addClaim('logs');
      const config = schedule({
        claims: [{ kind: 'Claim', name: 'data' }, { kind: 'Claim', name: 'logs' }],
        deletionPolicy: next(3) === 0 ? undefined : policy,
        retention: { keepLast: 1 + next(3), minimumReady: 1 },
      });
      const held = new Set<string>();
      for (let night = 0; night < 12; night += 1) {
        await server.clock.advanceTo(TONIGHT + night * DAY);
        const run = { kind: 'Scheduled', at: new Date(TONIGHT + night * DAY) } as const;
        server.controllerRunning = next(12) > 0;
        server.driverError = next(12) === 0 ? 'no space' : undefined;
        server.readyDelay = next(8) === 0 ? 14 * HOUR : 50 + next(30_000);
        server.controllerDelay = next(6) === 0 ? next(15_000) : 20;
        server.before = call => faultOf(next, call);
        server.after = call => faultOf(next, call);
        const goodBefore = ['data', 'logs'].map(claim => server.readyNames.filter(name => name.startsWith(claim)).length);
        let exitCode: number | undefined;
        // as the Job does: another pod after a crash, an eviction or exit 75
        for (let pod = 0; pod < 4 && (exitCode === undefined || exitCode === 75 || exitCode === 143); pod += 1) {
          const started = start(server, { config, run });
          if (next(5) === 0) { server.clock.after(next(3000), () => started.sigterm()); }
          if (next(4) === 0) { server.clock.after(next(500), () => server.breakWatches(new ApiError(410, 'too old'))); }
          if (next(6) === 0) { server.clock.after(next(500), () => server.stallWatches()); }
          if (next(3) === 0 && server.names.length > 0) {
            const name = server.names[next(server.names.length)];
            server.clock.after(next(400), () => {
              if (server.names.includes(name)) {
                server.hold(name);
                held.add(name);
              }
            });
          }
          if (next(4) === 0 && held.size > 0) {
            const [name] = held;
            held.delete(name);
            server.editSnapshot(name, snapshot => { snapshot.metadata.annotations = { ...snapshot.metadata.annotations, [KEYS.hold]: 'false' }; });
          }
          const dead = new Promise<undefined>(resolve => {
            const look = () => { if (started.pod.alive) { server.clock.after(SECOND, look); } else { resolve(undefined); } };
            look();
          });
          exitCode = (await server.clock.until(Promise.race([started.result, dead])))?.exitCode;
          started.pod.kill();
          await server.clock.advance(10 * SECOND);
        }
        server.before = undefined;
        server.after = undefined;
        server.startController();
        await server.clock.advance(MINUTE);
        nights += 1;
        const state = { policy, seed, night, exitCode, names: server.names };
        const good = ['data', 'logs'].map(claim => server.readyNames.filter(name => name.startsWith(claim)).length);
        const lost = good.some((count, index) => count < Math.min(goodBefore[index], config.retention.keepLast ?? 1));
        expect({ ...state, lost }).toEqual({ ...state, lost: false });
        expect({ ...state, gone: [...held].filter(name => !server.names.includes(name)) }).toEqual({ ...state, gone: [] });
        expect({ ...state, orphans: server.orphans, hollow: server.hollow }).toEqual({ ...state, orphans: [], hollow: [] });
        const tonight = server.names.filter(name => server.snapshot(name).metadata.annotations?.[KEYS.scheduledFor] === run.at.toISOString());
        expect({ ...state, twice: tonight.length > 2 }).toEqual({ ...state, twice: false });
        if (exitCode === 0) {
          clean += 1;
          expect({ ...state, ready: tonight.filter(name => server.readyNames.includes(name)).length }).toEqual({ ...state, ready: 2 });
        }
      }
    }
    expect(clean).toBeGreaterThan(nights / 3);
  });
});

describe('a snapshot class that is not there', () => {
  test.each([
    'Failed to set default snapshot class with error cannot find default snapshot class',
    'Failed to get snapshot class with error volumesnapshotclass.snapshot.storage.k8s.io "nonesuch" not found',
  ])('is told at once, and not waited for: %s', async error => {
    const server = cluster();
    server.driverError = error;
    const run = await perform(server);
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining("there is no class for snapshot 'data-20260209-020000-") });
    expect(run.message).toContain(error);
    expect(run.milliseconds).toBeLessThan(5 * SECOND);
  });

  test('is another thing than a storage that fails, which may mend itself, and whose words are in the log at once', async () => {
    const server = cluster();
    server.driverError = 'the array is busy';
    const started = start(server);
    await server.clock.advance(5 * SECOND);
    expect(started.lines).toContainEqual(expect.objectContaining({ step: 'watch', message: expect.stringContaining('the storage says: the array is busy') }));
    server.driverError = undefined;
    expect(await server.clock.until(started.result)).toMatchObject({ exitCode: 0 });
  });
});
