import { DAY, FakeApiServer, FinishedRun, HOUR, MINUTE, perform, RunOptions, schedule, TONIGHT } from './fake-api-server';
import { CircuitOpenError, inFlight, requireClosed } from '../../src/runner/breaker';
import { RunnerConfig } from '../../src/runner/config';
import { Snapshot } from '../../src/runner/resources';

// days of hourly runs, on a machine that may be busy
jest.setTimeout(120_000);

/** A claim 'data' with a good snapshot of each of the last three hours. */
function cluster(deletionPolicy: 'Delete' | 'Retain' = 'Delete'): FakeApiServer {
  const server = new FakeApiServer();
  server.deletionPolicy = deletionPolicy;
  server.addClaim('data');
  for (let hour = 1; hour <= 3; hour += 1) { server.addSnapshot('data', { name: `old-${hour}`, at: TONIGHT - hour * HOUR }); }
  return server;
}

const hourly = (changes: Partial<RunnerConfig> = {}) => schedule({ readyTimeoutSeconds: 1800, ...changes });

/** A run at each full hour, by the clock. */
async function everyHour(server: FakeApiServer, hours: number, options: RunOptions = {}): Promise<FinishedRun[]> {
  const runs: FinishedRun[] = [];
  const from = server.clock.now();
  for (let hour = 0; hour < hours; hour += 1) {
    await server.clock.advanceTo(from + hour * HOUR);
    runs.push(await perform(server, { config: hourly(), ...options }));
  }
  await server.clock.advanceTo(from + hours * HOUR);
  return runs;
}

const waiting = (server: FakeApiServer) => server.names.filter(name => !server.readyNames.includes(name));

/** Looks again and again, so that nothing escapes between two runs. */
function watchMost(server: FakeApiServer): { most: number } {
  const seen = { most: 0 };
  const look = () => {
    seen.most = Math.max(seen.most, waiting(server).length);
    server.clock.after(10 * MINUTE, look);
  };
  look();
  return seen;
}

describe('storage that fails for five days of an hourly schedule', () => {
  const failures: [string, 'Delete' | 'Retain', (server: FakeApiServer) => void, (server: FakeApiServer) => void][] = [
    ['it refuses', 'Delete', server => { server.driverError = 'pool is full'; }, server => { server.driverError = undefined; }],
    ['it refuses', 'Retain', server => { server.driverError = 'pool is full'; }, server => { server.driverError = undefined; }],
    ['its driver is gone', 'Delete', server => { server.sidecarRunning = false; }, server => server.startSidecar()],
    ['the controller is gone', 'Delete', server => { server.controllerRunning = false; }, server => { server.startController(); }],
    ['the controller is gone', 'Retain', server => { server.controllerRunning = false; }, server => { server.startController(); }],
  ];

  test.each(failures)('%s, class %s: three snapshots at most wait for it at any time, and the first run after its repair is good', async (_, policy, fail, repair) => {
    const server = cluster(policy);
    const config = hourly({ deletionPolicy: policy });
    fail(server);
    const seen = watchMost(server);
    const runs = await everyHour(server, 5 * 24, { config });
    expect(new Set(runs.map(run => run.exitCode))).toEqual(new Set([1]));
    expect(seen.most).toBe(3);
    expect(server.readyNames).toEqual(['old-1', 'old-2', 'old-3']);

    repair(server);
    await server.clock.advance(HOUR);
    const [after, ...later] = await everyHour(server, 6, { config });
    expect([after.exitCode, ...later.map(run => run.exitCode)]).toEqual([0, 0, 0, 0, 0, 0]);
    expect([server.readyNames.length, waiting(server), server.orphans]).toEqual([3, [], []]);
    expect(server.readyNames.filter(name => name.startsWith('old-'))).toEqual([]);
  });

  test('is asked again each day, since what was never cut for a day is given up', async () => {
    const server = cluster();
    server.driverError = 'pool is full';
    const runs = await everyHour(server, 3 * 24);
    const tries = runs.flatMap((run, hour) => (run.requests.some(request => request.startsWith('POST volumesnapshots')) ? [hour] : []));
    expect(tries.slice(0, 3)).toEqual([0, 1, 2]);
    // each of them goes after its day, and makes room for another try
    expect(tries.slice(3).every((hour, index) => hour >= 24 * (Math.floor(index / 3) + 1))).toBe(true);
    expect(tries.length).toBeGreaterThanOrEqual(6);
    expect(tries.length).toBeLessThanOrEqual(9);
  });
});

describe('a run that finds the circuit open', () => {
  async function broken(): Promise<FakeApiServer> {
    const server = cluster();
    server.driverError = 'pool is full';
    await everyHour(server, 3);
    return server;
  }

  test('takes no snapshot, fails at once, and says what the storage said and what to do; so does the Event', async () => {
    const server = await broken();
    const events = server.events.length;
    const run = await perform(server, { config: hourly() });
    const why = '3 snapshots of the claim are not ready, so no more is taken until one is, or until one that was never cut is a day old and pruned; '
      + 'the storage says: pool is full; repair the storage; a Job that you start by hand tries at once';
    expect(run).toMatchObject({ exitCode: 1, message: `0 of 1 claims have their snapshot; FAILED data: ${why}; 0 pruned; 6 kept` });
    expect(run.milliseconds).toBeLessThan(1000);
    expect(run.requests.filter(request => /^(POST volumesnapshots|DELETE)/.test(request))).toEqual([]);
    expect(server.events.slice(events)).toEqual([expect.objectContaining({ type: 'Warning', reason: 'ScheduledSnapshotCircuitOpen', message: why })]);
  });

  test('costs the other claims nothing', async () => {
    const server = await broken();
    server.driverError = undefined;
    server.addClaim('logs');
    // the storage of 'data' is the one that fails
    server.cutDelay = claim => (claim === 'data' ? 9 * DAY : 60);
    server.names.filter(name => !name.startsWith('old-')).forEach(name => server.editSnapshot(name, s => { s.status.readyToUse = false; }));
    const run = await perform(server, { config: hourly({ claims: [{ kind: 'Claim', name: 'data' }, { kind: 'Claim', name: 'logs' }] }) });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining('1 of 2 claims have their snapshot; FAILED data: 3 snapshots of the claim are not ready') });
    expect(server.readyNames.filter(name => name.startsWith('logs-'))).toHaveLength(1);
  });

  test('and that a person started tries at once, and is green if the storage works again', async () => {
    const server = await broken();
    const byHand: RunOptions = { config: hourly(), run: { kind: 'Manual', jobUid: 'job-7' } };
    const failed = await perform(server, byHand);
    expect(failed).toMatchObject({ exitCode: 1, message: expect.stringMatching(/FAILED data: snapshot 'data-manual-.*' is not ready after 30m: the storage says: pool is full/) });
    server.driverError = undefined;
    expect((await perform(server, { ...byHand, run: { kind: 'Manual', jobUid: 'job-8' } })).exitCode).toBe(0);
    // by which the circuit is closed for the schedule as well
    await server.clock.advance(HOUR);
    expect((await perform(server, { config: hourly() })).exitCode).toBe(0);
  });

  test('because of its own snapshot goes on waiting for that after a retry', async () => {
    const server = cluster();
    server.readyDelay = 10 * MINUTE;
    const config = hourly({ maxNotReady: 1 });
    const run = { kind: 'Scheduled', at: new Date(TONIGHT) } as const;
    await server.clock.advance(MINUTE);
    server.before = call => { if (call.verb === 'WATCH') { call.pod.kill(); } };
    const first = perform(server, { config, run });
    await server.clock.until(Promise.race([first, server.clock.wait(MINUTE)]));
    server.before = undefined;
    expect((await perform(server, { config, run })).exitCode).toBe(0);
    expect((await perform(server, { config, run })).exitCode).toBe(0);
  });

  test('with the bound of its schedule, and no other', async () => {
    const server = cluster();
    server.driverError = 'pool is full';
    const seen = watchMost(server);
    await everyHour(server, 12, { config: hourly({ maxNotReady: 7 }) });
    expect(seen.most).toBe(7);
  });
});

test('storage that copies longer than from one run to the next is not buried, and still gives restore points all the time', async () => {
  const server = cluster();
  server.readyDelay = 5 * HOUR;
  const seen = watchMost(server);
  await everyHour(server, 12);
  for (let hour = 0; hour < 48; hour += 1) {
    await everyHour(server, 1);
    const newest = Math.max(...server.readyNames.map(name => Date.parse(server.snapshot(name).status.creationTime)));
    expect(server.clock.now() - newest).toBeLessThanOrEqual(9 * HOUR);
  }
  expect(seen.most).toBe(3);
  expect(server.orphans).toEqual([]);
});

describe('the snapshots that a claim waits for', () => {
  function snapshot(name: string, age: number, changes: Partial<Snapshot> = {}): Snapshot {
    return {
      name,
      uid: name,
      resourceVersion: '1',
      claim: 'claim-uid',
      claimName: 'data',
      claimUid: 'claim-uid',
      createdAt: TONIGHT - age,
      ready: false,
      deleting: false,
      boundFinalizer: true,
      prunable: false,
      ...changes,
    };
  }
  const names = (...snapshots: Snapshot[]) => inFlight(snapshots, 'claim-uid', TONIGHT).map(({ name }) => name);

  test('are those that are not ready: cut or not, with an error or not', () => {
    expect(names(snapshot('a', HOUR), snapshot('b', 2 * HOUR, { cutAt: TONIGHT - 2 * HOUR }), snapshot('c', 3 * HOUR, { error: 'x' }))).toEqual(['a', 'b', 'c']);
  });

  test('are none that the storage has passed by: a newer one is ready', () => {
    const ready = { ready: true, cutAt: TONIGHT - 2 * HOUR };
    expect(names(snapshot('young', HOUR), snapshot('ready', 2 * HOUR, ready), snapshot('passed', 3 * HOUR))).toEqual(['young']);
    // one that is being deleted is no longer a proof
    expect(names(snapshot('ready', 2 * HOUR, { ...ready, deleting: true }), snapshot('passed', 3 * HOUR))).toEqual(['passed']);
  });

  test('are none of another claim, not even of one that had the name before', () => {
    expect(names(snapshot('logs', HOUR, { claimUid: 'other' }), snapshot('adopted', HOUR, { claimUid: undefined }))).toEqual([]);
  });

  test('are none that are being deleted, and none that has been stuck for a week, which would keep a claim without snapshots for ever', () => {
    const cut = (age: number) => ({ cutAt: TONIGHT - age });
    expect(names(snapshot('deleting', HOUR, { deleting: true }), snapshot('stuck', 7 * DAY, cut(7 * DAY)), snapshot('slow', 6 * DAY, cut(6 * DAY)))).toEqual(['slow']);
  });

  test('open the circuit when they are as many as the bound', () => {
    const two = [snapshot('a', HOUR), snapshot('b', 2 * HOUR)];
    expect(() => requireClosed(two, 'claim-uid', 3, TONIGHT, 'a Job that you start by hand tries at once')).not.toThrow();
    expect(() => requireClosed(two, 'claim-uid', 2, TONIGHT, 'a Job that you start by hand tries at once')).toThrow(CircuitOpenError);
    // nothing is said of an error that nobody has reported
    expect(() => requireClosed(two, 'claim-uid', 2, TONIGHT, 'a Job that you start by hand tries at once')).toThrow(/^2 snapshots of the claim are not ready, .* a day old and pruned; repair the storage; a Job that you start by hand tries at once$/);
  });
});
