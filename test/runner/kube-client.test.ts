import { FakeApiServer, FakePod, HOUR, MINUTE, NAMESPACE, SECOND, TONIGHT } from './fake-api-server';
import { ApiError, ApiRequest, ConnectionError, list, mayPass, pauseBefore, RetryingClient, TerminatedError } from '../../src/runner/kube-client';
import { claimsPath } from '../../src/runner/resources';

const READ: ApiRequest = { method: 'GET', path: claimsPath(NAMESPACE, 'data') };

function setUp(): { server: FakeApiServer; client: RetryingClient } {
  const server = new FakeApiServer();
  server.addClaim('data');
  return { server, client: new RetryingClient(new FakePod(server)) };
}

/** The first requests fail, the rest do not. */
function failing(server: FakeApiServer, ...errors: Error[]): void {
  server.before = call => {
    const error = errors[call.number];
    if (error) { throw error; }
  };
}

const waits = (server: FakeApiServer) => server.calls.slice(1).map((call, index) => call.at - server.calls[index].at);

describe('a request that a busy API server did not answer', () => {
  test.each([408, 429, 500, 502, 503, 504])('is sent again after status %d', async status => {
    const { server, client } = setUp();
    failing(server, new ApiError(status, 'busy'), new ApiError(status, 'busy'));
    await expect(server.clock.until(client.request(READ))).resolves.toMatchObject({ metadata: { name: 'data' } });
    expect(waits(server)).toEqual([250, 500]);
  });

  test('is sent again after the connection broke, twice as late each time, never later than after ten seconds', async () => {
    const { server, client } = setUp();
    failing(server, ...Array.from({ length: 9 }, () => new ConnectionError('ECONNRESET')));
    await server.clock.until(client.request(READ));
    expect(waits(server)).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
  });

  test('is sent again as late as the server asks, at most after a minute', async () => {
    const { server, client } = setUp();
    failing(server, new ApiError(429, 'slow down', 7), new ApiError(503, 'starting', 3600), new ApiError(429, 'slow down', 0));
    await server.clock.until(client.request(READ));
    expect(waits(server)).toEqual([7000, 60_000, 1000]);
  });

  test('is given up when another pause would end after three minutes, with the last error', async () => {
    const { server, client } = setUp();
    server.before = () => { throw new ConnectionError('ECONNREFUSED'); };
    await expect(server.clock.until(client.request(READ))).rejects.toThrow(ConnectionError);
    const lasted = server.clock.now() - TONIGHT;
    expect(lasted).toBeGreaterThan(165 * SECOND);
    expect(lasted).toBeLessThanOrEqual(180 * SECOND);
  });

  test.each([-5 * HOUR, 5 * HOUR])("is given three minutes by the server's clock, though the node's is wrong by %d ms until the first answer tells", async error => {
    const busy = setUp();
    busy.server.nodeClockError = error;
    failing(busy.server, new ApiError(503, 'starting'), new ApiError(503, 'starting'));
    await expect(busy.server.clock.until(busy.client.request(READ))).resolves.toMatchObject({ metadata: { name: 'data' } });

    const { server, client } = setUp();
    server.nodeClockError = error;
    server.before = () => { throw new ApiError(503, 'starting'); };
    await expect(server.clock.until(client.request(READ))).rejects.toThrow('starting');
    expect(Math.round((server.clock.now() - TONIGHT) / MINUTE)).toBe(3);
  });

  test("is not tried for hours because the node's clock was hours ahead when the first connection broke", async () => {
    const { server, client } = setUp();
    server.nodeClockError = 5 * HOUR;
    server.before = call => { throw call.number === 0 ? new ConnectionError('ECONNRESET') : new ApiError(503, 'starting'); };
    await expect(server.clock.until(client.request(READ))).rejects.toThrow('starting');
    expect(Math.round((server.clock.now() - TONIGHT) / MINUTE)).toBe(3);
  });

  test.each([400, 401, 403, 404, 409, 410, 422])('is not sent again after status %d, which would be the same each time', async status => {
    const { server, client } = setUp();
    failing(server, new ApiError(status, 'no'));
    await expect(server.clock.until(client.request(READ))).rejects.toMatchObject({ status });
    expect(server.calls).toHaveLength(1);
  });

  test.each([401, 403])('is sent again after status %d soon after an outage, since a server that has just started knows no roles yet', async status => {
    const { server, client } = setUp();
    failing(server, new ConnectionError('ECONNREFUSED'), new ApiError(status, 'no'), new ApiError(status, 'no'));
    await expect(server.clock.until(client.request(READ))).resolves.toMatchObject({ metadata: { name: 'data' } });
    expect(waits(server)).toEqual([250, 500, 1000]);
  });

  test('is refused all the same when the server has had its time to read the roles', async () => {
    const { server, client } = setUp();
    server.before = call => { throw call.number === 0 ? new ConnectionError('ECONNREFUSED') : new ApiError(403, 'no such right'); };
    await expect(server.clock.until(client.request(READ))).rejects.toMatchObject({ status: 403, message: 'no such right' });
    expect(server.clock.now() - TONIGHT).toBeLessThan(45 * SECOND);
  });

  test('that was refused after a watch broke off is sent again, and a watch that is refused then may go on', async () => {
    const { server, client } = setUp();
    const over = new AbortController().signal;
    failing(server, new ConnectionError('reset'), new ApiError(403, 'no'), new ApiError(403, 'no'));
    const watched = () => client.watch(claimsPath(NAMESPACE), {}, () => undefined, over).catch((error: Error) => error);
    expect(mayPass(await server.clock.until(watched()))).toBe(true);
    expect(mayPass(await server.clock.until(watched()))).toBe(true);
    await expect(server.clock.until(client.request(READ))).resolves.toMatchObject({ metadata: { name: 'data' } });
  });

  test('is not sent again after an error of our own making', async () => {
    const { server, client } = setUp();
    failing(server, new TypeError('undefined is not a function'));
    await expect(server.clock.until(client.request(READ))).rejects.toThrow(TypeError);
    expect(mayPass(new TypeError('x'))).toBe(false);
  });

  test('is not waited for any longer once the pod is told to end', async () => {
    const { server, client } = setUp();
    const terminated = new AbortController();
    server.before = () => { throw new ApiError(503, 'starting', 50); };
    const request = client.request(READ, terminated.signal);
    server.clock.after(5 * SECOND, () => terminated.abort());
    await expect(server.clock.until(request)).rejects.toThrow(TerminatedError);
    expect(server.clock.now() - TONIGHT).toBe(5 * SECOND);
  });
});

test('a pause without an error grows likewise', () => {
  expect([0, 1, 5, 6, 60].map(attempt => pauseBefore(attempt, undefined))).toEqual([250, 500, 8000, 10_000, 10_000]);
});

describe('a list', () => {
  const readNames = (server: FakeApiServer) => list(new FakePod(server), claimsPath(NAMESPACE), { labelSelector: '!x' }, item => item.metadata.name);

  test('of 234 comes in pages of 100, each once, in one version', async () => {
    const server = new FakeApiServer();
    for (let index = 0; index < 234; index += 1) { server.addClaim(`claim-${index}`); }
    const { items, resourceVersion } = await server.clock.until(readNames(server));
    expect(new Set(items).size).toBe(234);
    expect(items).toHaveLength(234);
    expect(server.calls.map(call => call.request.query)).toEqual([
      { labelSelector: '!x', limit: '100', continue: undefined },
      { labelSelector: '!x', limit: '100', continue: expect.stringMatching(/./) },
      { labelSelector: '!x', limit: '100', continue: expect.stringMatching(/./) },
    ]);
    expect(resourceVersion).toBe('1234');
  });

  test('whose pages expired on the way is read anew, with nothing twice', async () => {
    const server = new FakeApiServer();
    for (let index = 0; index < 700; index += 1) { server.addClaim(`claim-${index}`); }
    let expired = false;
    server.before = ({ request }) => {
      if (request.query?.continue && !expired) {
        expired = true;
        throw new ApiError(410, 'The provided continue parameter is too old');
      }
    };
    const { items } = await server.clock.until(readNames(server));
    expect(items).toHaveLength(700);
    expect(new Set(items).size).toBe(700);
  });

  test('that is gone from the start is an error', async () => {
    const server = new FakeApiServer();
    server.before = () => { throw new ApiError(410, 'Gone'); };
    await expect(server.clock.until(readNames(server))).rejects.toThrow('Gone');
  });

  test('of nothing, or without metadata, is empty', async () => {
    const answering = (answer: object) => ({ request: () => Promise.resolve(answer) }) as unknown as FakePod;
    await expect(list(answering({}), '/x', {}, () => { throw new Error('none expected'); })).resolves.toEqual({ items: [], resourceVersion: '' });
    await expect(list(answering({ items: null, metadata: { resourceVersion: '7', continue: '' } }), '/x', {}, () => undefined))
      .resolves.toEqual({ items: [], resourceVersion: '7' });
  });
});
