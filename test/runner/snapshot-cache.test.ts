import { FakeApiServer, FakePod, HOUR, inShort, MINUTE, NAMESPACE, SECOND, TONIGHT } from './fake-api-server';
import { KEYS } from '../../src/runner/config';
import { ApiError, ConnectionError, TerminatedError } from '../../src/runner/kube-client';
import { readSnapshot } from '../../src/runner/resources';
import { SnapshotCache } from '../../src/runner/snapshot-cache';

interface SetUp {
  readonly server: FakeApiServer;
  readonly cache: SnapshotCache;
  readonly over: AbortController;
  readonly log: string[];
  readonly named: () => string[];
}

async function setUp(prepare: (server: FakeApiServer) => void = () => undefined): Promise<SetUp> {
  const server = new FakeApiServer();
  server.addClaim('data');
  server.controllerRunning = false;
  prepare(server);
  const log: string[] = [];
  const over = new AbortController();
  const cache = new SnapshotCache(new FakePod(server), NAMESPACE, 'nightly', message => log.push(message));
  await server.clock.until(cache.start(over.signal, over.signal));
  await server.clock.advance(SECOND);
  return { server, cache, over, log, named: () => cache.all().map(s => s.name).sort() };
}

const add = (server: FakeApiServer, name: string) => server.addSnapshot('data', { name, at: TONIGHT });
const verbs = (server: FakeApiServer) => server.calls.map(call => call.verb);

describe('what the runner knows of its snapshots', () => {
  test('is what is there when it starts, and what comes, changes and goes later, for one list and one watch', async () => {
    const { server, cache, named } = await setUp(s => { add(s, 'a'); add(s, 'b'); });
    expect(named()).toEqual(['a', 'b']);
    add(server, 'c');
    server.hold('a');
    server.editSnapshot('b', s => { s.metadata.finalizers = []; });
    server.deleteSnapshot('b');
    await server.clock.advance(SECOND);
    expect(named()).toEqual(['a', 'c']);
    expect(cache.get('a')?.hold).toBe('ticket-7');
    expect(verbs(server)).toEqual(['LIST', 'WATCH']);
  });

  test('leaves out those of other schedules and of nobody, and one whose label is taken away', async () => {
    const { server, named } = await setUp(s => {
      add(s, 'a');
      s.addSnapshot('data', { name: 'hourly', at: TONIGHT, labels: { [KEYS.schedule]: 'hourly' } });
      s.addSnapshot('data', { name: 'by-hand', at: TONIGHT, labels: { [KEYS.schedule]: undefined } });
    });
    expect(named()).toEqual(['a']);
    server.editSnapshot('a', s => { delete s.metadata.labels[KEYS.schedule]; });
    await server.clock.advance(SECOND);
    expect(named()).toEqual([]);
    expect(server.calls[0].request.query?.labelSelector).toBe(`${KEYS.schedule}=nightly`);
  });

  test('of an event that came before the answer to the creation is not set back by the answer', async () => {
    const { server, cache } = await setUp(s => { add(s, 'a'); });
    const stale = readSnapshot(server.snapshot('a'));
    server.hold('a');
    await server.clock.advance(SECOND);
    cache.put(stale);
    expect(cache.get('a')?.hold).toBeDefined();
  });

  test('includes a snapshot of its own before the watch shows it', async () => {
    const { server, cache } = await setUp();
    add(server, 'a');
    expect(cache.get('a')).toBeUndefined();
    cache.put(readSnapshot(server.snapshot('a')));
    expect(cache.get('a')?.name).toBe('a');
  });
});

describe('the watch', () => {
  test('that the server ends every five minutes is taken up again without a list, and misses nothing', async () => {
    const { server, named } = await setUp();
    for (let minute = 0; minute < 60; minute += 1) {
      add(server, `m${minute}`);
      await server.clock.advance(MINUTE);
    }
    await server.clock.advance(SECOND);
    expect(named()).toHaveLength(60);
    expect(verbs(server).filter(verb => verb === 'LIST')).toHaveLength(1);
    expect(verbs(server).filter(verb => verb === 'WATCH')).toHaveLength(12);
  });

  test('sees what happened between its end and its next beginning', async () => {
    const { server, named } = await setUp(s => { add(s, 'a'); });
    server.endWatches();
    add(server, 'b');
    server.editSnapshot('a', s => { s.metadata.finalizers = []; });
    server.deleteSnapshot('a');
    await server.clock.advance(SECOND);
    expect(named()).toEqual(['b']);
  });

  test('goes on from its bookmark, so that a quiet schedule in a busy cluster needs no list', async () => {
    const { server } = await setUp();
    for (let minute = 0; minute < 4; minute += 1) {
      server.addClaim(`other-${minute}`);
      await server.clock.advance(MINUTE);
    }
    server.compact();
    server.endWatches();
    await server.clock.advance(SECOND);
    expect(verbs(server)).toEqual(['LIST', 'WATCH', 'WATCH']);
  });

  test('whose version is too old starts with a new list, and forgets what went meanwhile', async () => {
    const { server, named, log } = await setUp(s => { add(s, 'a'); });
    server.endWatches();
    add(server, 'b');
    server.editSnapshot('a', s => { s.metadata.finalizers = []; });
    server.deleteSnapshot('a');
    server.compact();
    await server.clock.advance(2 * SECOND);
    expect(named()).toEqual(['b']);
    expect(verbs(server)).toEqual(['LIST', 'WATCH', 'WATCH', 'LIST', 'WATCH']);
    expect(log).toEqual([expect.stringMatching(/^watch ended, going on: too old resource version/)]);
  });

  test('whose version is too old lets nobody wait for what the new list shows', async () => {
    const { server, cache } = await setUp(s => { add(s, 'a'); });
    const waiting = cache.waitFor('a', s => s?.hold !== undefined, TONIGHT + HOUR);
    server.breakWatches(new ApiError(410, 'too old'));
    server.hold('a');
    await expect(server.clock.until(waiting)).resolves.toMatchObject({ snapshot: { name: 'a' } });
    expect(server.clock.now() - TONIGHT).toBeLessThan(2 * SECOND);
  });

  test('that gets 410 in an event starts with a new list likewise', async () => {
    const { server, named } = await setUp();
    server.breakWatches(new ApiError(410, 'The resourceVersion for the provided watch is too old.'));
    add(server, 'a');
    await server.clock.advance(SECOND);
    expect(named()).toEqual(['a']);
    expect(verbs(server)).toEqual(['LIST', 'WATCH', 'LIST', 'WATCH']);
  });

  test.each([
    ['breaks off', new ConnectionError('the watch broke off: aborted')],
    ['gets an event of type ERROR', new ApiError(500, 'etcdserver: leader changed')],
    ['is told to come back later', new ApiError(429, 'too many requests', 1)],
  ])('that %s is taken up again', async (_, error) => {
    const { server, named, log } = await setUp();
    server.breakWatches(error);
    add(server, 'a');
    await server.clock.advance(SECOND);
    expect(named()).toEqual(['a']);
    expect(log).toEqual([`watch ended, going on: ${error.message}`]);
  });

  test('that stalls in silence is taken up again after 100 s', async () => {
    const { server, named } = await setUp();
    server.stallWatches();
    add(server, 'a');
    await server.clock.advance(90 * SECOND);
    expect(named()).toEqual([]);
    await server.clock.advance(20 * SECOND);
    expect(named()).toEqual(['a']);
  });

  test('that works is taken up again quickly, however often it has ended before', async () => {
    const { server } = await setUp(s => { add(s, 'a'); });
    for (let round = 0; round < 20; round += 1) {
      server.hold('a');
      await server.clock.advance(SECOND);
      server.endWatches();
      await server.clock.advance(SECOND);
    }
    expect(verbs(server).filter(verb => verb === 'WATCH')).toHaveLength(21);
  });

  test('that ends at once each time does not become a storm of requests', async () => {
    const { server } = await setUp();
    const before = server.calls.length;
    server.after = call => { if (call.verb === 'WATCH') { server.clock.after(0, () => server.endWatches()); } };
    server.endWatches();
    await server.clock.advance(HOUR);
    // every ten seconds at the most, after the first few
    expect(server.calls.length - before).toBeLessThan(400);
    expect(server.calls.length - before).toBeGreaterThan(300);
  });

  test('that nobody may have is an error for those who wait, and the reason is told', async () => {
    const { server, cache } = await setUp();
    server.breakWatches(new ApiError(403, 'cannot watch resource "volumesnapshots"'));
    const waiting = cache.waitFor('a', s => s !== undefined, TONIGHT + HOUR);
    await expect(server.clock.until(waiting)).rejects.toThrow('cannot watch resource "volumesnapshots"');
    await expect(server.clock.until(cache.waitFor('a', s => s === undefined, TONIGHT + HOUR))).rejects.toThrow('cannot watch');
    expect(server.clock.now() - TONIGHT).toBeLessThan(10 * SECOND);
  });

  test('ends with the run', async () => {
    const { server, over } = await setUp();
    over.abort();
    await server.clock.advance(HOUR);
    expect(verbs(server)).toEqual(['LIST', 'WATCH']);
  });

  test('ends with the run during a pause, during a list, and in mid-connection', async () => {
    const paused = await setUp();
    paused.server.endWatches();
    await paused.server.clock.advance(100);
    paused.over.abort();
    await paused.server.clock.advance(HOUR);
    expect(verbs(paused.server)).toEqual(['LIST', 'WATCH']);

    const listing = await setUp();
    listing.server.before = call => (call.verb === 'LIST' ? call.hang() : undefined);
    listing.server.breakWatches(new ApiError(410, 'too old'));
    await listing.server.clock.advance(SECOND);
    listing.over.abort();
    await listing.server.clock.advance(HOUR);
    expect(verbs(listing.server)).toEqual(['LIST', 'WATCH', 'LIST']);

    const connecting = await setUp();
    connecting.server.before = call => call.hang();
    connecting.server.endWatches();
    await connecting.server.clock.advance(SECOND);
    connecting.over.abort();
    await connecting.server.clock.advance(HOUR);
    expect(verbs(connecting.server)).toEqual(['LIST', 'WATCH', 'WATCH']);
  });
});

describe('waiting for a snapshot', () => {
  test('ends at once if it is as asked already', async () => {
    const { server, cache } = await setUp(s => { add(s, 'a'); });
    const from = server.clock.now();
    const seen = await server.clock.until(cache.waitFor('a', s => s?.ready === true, 0));
    expect(seen?.snapshot?.name).toBe('a');
    expect(server.clock.now()).toBe(from);
  });

  test('ends when it is as asked, or gone', async () => {
    const { server, cache } = await setUp(s => { add(s, 'a'); });
    server.clock.after(5 * SECOND, () => server.hold('a'));
    await expect(server.clock.until(cache.waitFor('a', s => s?.hold !== undefined, TONIGHT + HOUR))).resolves.toMatchObject({ snapshot: { name: 'a' } });
    server.clock.after(5 * SECOND, () => {
      server.editSnapshot('a', s => { s.metadata.finalizers = []; });
      server.deleteSnapshot('a');
    });
    await expect(server.clock.until(cache.waitFor('a', s => s === undefined, TONIGHT + HOUR))).resolves.toEqual({ snapshot: undefined });
    expect(server.clock.now() - TONIGHT).toBeLessThan(15 * SECOND);
  });

  test('ends with the time, to the millisecond', async () => {
    const { server, cache } = await setUp();
    await expect(server.clock.until(cache.waitFor('a', s => s !== undefined, TONIGHT + HOUR))).resolves.toBeUndefined();
    expect(server.clock.now()).toBe(TONIGHT + HOUR);
  });

  test('ends when the pod is told to end', async () => {
    const { server, cache } = await setUp();
    const terminated = new AbortController();
    server.clock.after(5 * SECOND, () => terminated.abort());
    await expect(server.clock.until(cache.waitFor('a', s => s !== undefined, TONIGHT + HOUR, terminated.signal))).rejects.toThrow(TerminatedError);
    expect(server.clock.now() - TONIGHT).toBeLessThan(10 * SECOND);
  });
});

test('the first list is not begun again for ever: its error ends the run', async () => {
  const server = new FakeApiServer();
  server.before = () => { throw new ApiError(403, 'cannot list resource "volumesnapshots"'); };
  const cache = new SnapshotCache(new FakePod(server), NAMESPACE, 'nightly', () => undefined);
  await expect(server.clock.until(cache.start(new AbortController().signal, new AbortController().signal))).rejects.toThrow('cannot list');
  expect(server.calls.map(inShort)).toEqual(['LIST volumesnapshots']);
});
