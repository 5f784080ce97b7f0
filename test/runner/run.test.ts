import { Call, DAY, FakeApiServer, Hook, HOUR, inShort, MINUTE, perform, RunOptions, schedule, SECOND, start, TONIGHT } from './fake-api-server';
import { KEYS } from '../../src/runner/config';
import { ApiError, ConnectionError } from '../../src/runner/kube-client';

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
  test('costs a read of the claim, a list, a watch, a creation and an Event, and no request more', async () => {
    const server = cluster(2);
    const run = await perform(server);
    expect(run.exitCode).toBe(0);
    const [name] = newOnes(server);
    expect(run.requests.map(request => request.replace(/events\/.*/, 'events'))).toEqual([
      'GET persistentvolumeclaims/data',
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
    expect(run.message).toBe(`1 of 1 claims have their snapshot (${name}); 0 pruned, 3 kept`);
    expect(server.events).toHaveLength(1);
    expect(server.events[0]).toMatchObject({ type: 'Normal', reason: 'ScheduledSnapshotReady', message: `snapshot '${name}' is ready` });
    expect(run.lines.map(line => line.step)).toEqual(['created', 'ready', 'keep', 'keep']);
  });

  test('costs one request more for each snapshot that is pruned from a class that deletes', async () => {
    const server = cluster(5);
    const run = await perform(server);
    expect(server.names).toHaveLength(3);
    expect(run.requests.filter(request => request.startsWith('DELETE')).sort())
      .toEqual(['data-3', 'data-4', 'data-5'].map(name => `DELETE volumesnapshots/${name}`));
    expect(run.requests).toHaveLength(8);
    expect(run.message).toContain('3 pruned, 3 kept');
  });

  test('costs two requests more for each from a class that retains, and one to ask for the right', async () => {
    const server = cluster(5, 'Retain');
    const run = await perform(server, { config: schedule({ deletionPolicy: 'Retain' }) });
    expect(run.requests.filter(request => request.startsWith('PATCH'))).toHaveLength(3);
    expect(run.requests.filter(request => request.startsWith('DELETE'))).toHaveLength(3);
    expect(run.requests).toHaveLength(5 + 1 + 6);
    expect(run.message).toContain('3 pruned, 3 kept');
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

  test('the twentieth claim costs no list and no watch of its own', async () => {
    const server = cluster();
    const names = Array.from({ length: 20 }, (_, index) => `data-${index}`);
    names.forEach(name => server.addClaim(name));
    const run = await perform(server, { config: schedule({ claims: names.map(name => ({ kind: 'Claim', name })) }) });
    expect(run.exitCode).toBe(0);
    expect(run.requests.filter(request => /^(LIST|WATCH)/.test(request))).toEqual(['LIST volumesnapshots', 'WATCH volumesnapshots']);
    expect(run.requests).toHaveLength(20 * 3 + 2);
  });
});

describe('the process is killed at any moment and the Job tries again', () => {
  /** Two claims with snapshots that are due, that are held, and that never were cut. */
  function busyCluster(deletionPolicy: 'Delete' | 'Retain'): { server: FakeApiServer; options: RunOptions } {
    const server = new FakeApiServer();
    server.deletionPolicy = deletionPolicy;
    for (const claim of ['data', 'logs']) {
      server.addClaim(claim);
      for (let night = 1; night <= 4; night += 1) { server.addSnapshot(claim, { name: `${claim}-${night}`, at: TONIGHT - night * DAY }); }
      server.addSnapshot(claim, { name: `${claim}-failed`, at: TONIGHT - 1.5 * DAY, cut: false, error: 'no space' });
      server.addSnapshot(claim, { name: `${claim}-held`, at: TONIGHT - 9 * DAY, annotations: { [KEYS.hold]: 'audit' } });
    }
    const config = schedule({ claims: [{ kind: 'Claim', name: 'data' }, { kind: 'Claim', name: 'logs' }], deletionPolicy, retention: { keepLast: 2, minimumReady: 1 } });
    return { server, options: { config, run: { kind: 'Scheduled', at: new Date(TONIGHT) } } };
  }

  function requireGoodEnd(server: FakeApiServer, exitCode: number): void {
    const fresh = newOnes(server);
    expect(fresh.map(name => name.slice(0, 4))).toEqual(['data', 'logs']);
    expect(server.readyNames).toEqual(['data-1', 'data-held', ...fresh, 'logs-1', 'logs-held'].sort());
    expect(server.names).toEqual(server.readyNames);
    expect({ orphans: server.orphans, hollow: server.hollow, contents: server.contents.length }).toEqual({ orphans: [], hollow: [], contents: 6 });
    expect(server.readyNames.map(name => server.policyOf(name))).toEqual(Array(6).fill(server.deletionPolicy));
    expect(exitCode).toBe(0);
  }

  /** Kills or ends the pod at the given call of its run, counted from 0, and gives back what it had asked for until then. */
  async function disturbed(server: FakeApiServer, options: RunOptions, number: number, when: 'before' | 'after', how: 'kill' | 'sigterm'): Promise<number | undefined> {
    const first = server.calls.length;
    const run = start(server, options);
    let reached: () => void;
    const there = new Promise<undefined>(resolve => { reached = () => resolve(undefined); });
    server[when] = (call: Call) => {
      if (call.number - first !== number) { return undefined; }
      if (how === 'sigterm') {
        run.sigterm();
        return undefined;
      }
      run.pod.kill();
      reached();
      return never();
    };
    const end = await server.clock.until(Promise.race([there, run.result]));
    server[when] = undefined;
    // the Job controller waits that long before it makes another pod
    await server.clock.advance(10 * SECOND);
    return end?.exitCode;
  }

  async function countCalls(policy: 'Delete' | 'Retain'): Promise<number> {
    const { server, options } = busyCluster(policy);
    const run = await perform(server, options);
    requireGoodEnd(server, run.exitCode);
    return run.requests.length;
  }

  describe.each(['Delete', 'Retain'] as const)('with a class whose policy is %s', policy => {
    test('at each request, before the server has it and after: one snapshot of each claim, none lost, nothing left in the storage', async () => {
      const count = await countCalls(policy);
      for (let number = 0; number < count; number += 1) {
        for (const when of ['before', 'after'] as const) {
          const { server, options } = busyCluster(policy);
          expect(await disturbed(server, options, number, when, 'kill')).toBeUndefined();
          expect(server.readyNames).toEqual(expect.arrayContaining(['data-1', 'data-held', 'logs-1', 'logs-held']));
          const retry = await perform(server, options);
          requireGoodEnd(server, retry.exitCode);
        }
      }
      console.info(`class ${policy}: killed at ${2 * count} points`);
    });

    test('twice in a row, at any two requests', async () => {
      const count = await countCalls(policy);
      let points = 0;
      // every thirteenth pair, so that all kinds of request meet
      for (let pair = 0; pair < (2 * count) ** 2; pair += 13) {
        const { server, options } = busyCluster(policy);
        for (const point of [Math.floor(pair / (2 * count)), pair % (2 * count)]) {
          await disturbed(server, options, Math.floor(point / 2), point % 2 === 0 ? 'before' : 'after', 'kill');
        }
        const retry = await perform(server, options);
        requireGoodEnd(server, retry.exitCode);
        points += 1;
      }
      console.info(`class ${policy}: killed twice at ${points} pairs of points`);
    });

    test('by SIGTERM at each request: it ends within the grace period with exit 143, and the next pod goes on', async () => {
      const count = await countCalls(policy);
      for (let number = 0; number < count; number += 1) {
        for (const when of ['before', 'after'] as const) {
          const { server, options } = busyCluster(policy);
          const from = server.clock.now();
          const exitCode = await disturbed(server, options, number, when, 'sigterm');
          expect(server.clock.now() - from - 10 * SECOND).toBeLessThan(30 * SECOND);
          expect(exitCode).toBe(143);
          const retry = await perform(server, options);
          requireGoodEnd(server, retry.exitCode);
        }
      }
    });

    const faults: { [name: string]: Hook } = {
      'connection reset': () => { throw new ConnectionError('ECONNRESET'); },
      'no answer': call => call.hang(),
      '429 with Retry-After': () => { throw new ApiError(429, 'too many requests', 7); },
      '500': () => { throw new ApiError(500, 'etcdserver: leader changed'); },
      '503': () => { throw new ApiError(503, 'apiserver is shutting down'); },
    };

    test.each(Object.keys(faults))('a passing fault at each request costs nothing: %s', async fault => {
      const count = await countCalls(policy);
      for (let number = 0; number < count; number += 1) {
        for (const when of ['before', 'after'] as const) {
          const { server, options } = busyCluster(policy);
          server[when] = call => (call.number === number ? faults[fault](call) : undefined);
          const run = await perform(server, options);
          requireGoodEnd(server, run.exitCode);
        }
      }
    });
  });
});
