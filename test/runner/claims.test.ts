import { FakeApiServer, FakePod, inShort, NAMESPACE, SECOND, TONIGHT } from './fake-api-server';
import { resolveClaims } from '../../src/runner/claims';
import { ClaimSelection, KEYS } from '../../src/runner/config';
import { ApiError, ConnectionError, RetryingClient, TerminatedError } from '../../src/runner/kube-client';

function cluster(...names: string[]): FakeApiServer {
  const server = new FakeApiServer();
  names.forEach(name => server.addClaim(name));
  return server;
}

async function resolve(server: FakeApiServer, selections: ClaimSelection[], signal = new AbortController().signal) {
  const client = new RetryingClient(new FakePod(server));
  const { found, missing } = await server.clock.until(resolveClaims(client, NAMESPACE, selections, signal));
  return { found: found.map(claim => claim.name), missing: missing.map(({ name, error }) => `${name}: ${(error as Error).message}`) };
}

const claim = (name: string): ClaimSelection => ({ kind: 'Claim', name });

describe('claims by name', () => {
  test('are read one by one, and the one that is missing hides none of the others', async () => {
    const server = cluster('data', 'logs');
    await expect(resolve(server, [claim('logs'), claim('gone'), claim('data')])).resolves.toEqual({
      found: ['data', 'logs'],
      missing: ["gone: no claim of this name in namespace 'shop'; correct the name, or take it out of the schedule"],
    });
    expect(server.calls.map(inShort)).toEqual(['logs', 'gone', 'data'].map(name => `GET persistentvolumeclaims/${name}`));
  });

  test('that may not be read say so, in the words of the server', async () => {
    const server = cluster('data');
    server.before = () => { throw new ApiError(403, 'persistentvolumeclaims "data" is forbidden'); };
    await expect(resolve(server, [claim('data')])).resolves.toEqual({ found: [], missing: ['data: persistentvolumeclaims "data" is forbidden'] });
  });
});

describe('the claims of a StatefulSet', () => {
  const set: ClaimSelection = { kind: 'StatefulSet', name: 'db', templates: ['data', 'wal'] };

  test('are those of its templates and ordinals, and none that merely look like it', async () => {
    const server = cluster('data-db-0', 'data-db-1', 'data-db-12', 'wal-db-0', 'data-db-x', 'data-db-0-copy', 'data-db-', 'data-mydb-0', 'other-db-0', 'data-db2-0');
    await expect(resolve(server, [set])).resolves.toEqual({ found: ['data-db-0', 'data-db-1', 'data-db-12', 'wal-db-0'], missing: [] });
  });

  test('that do not exist yet are missed, with an example of what was looked for', async () => {
    await expect(resolve(cluster('data'), [set])).resolves.toEqual({
      found: [],
      missing: ["StatefulSet db: no claim of StatefulSet 'db' exists: expected names such as data-db-0; check its name, its templates and the namespace"],
    });
  });
});

describe('claims by label', () => {
  const gold: ClaimSelection = { kind: 'Selector', matchLabels: { tier: 'gold', app: 'shop' } };

  test('are all that carry the labels at the time of the run, but none that were restored from a snapshot', async () => {
    const server = cluster('plain');
    server.addClaim('a', { labels: { tier: 'gold', app: 'shop' } });
    server.addClaim('b', { labels: { tier: 'gold' } });
    server.addClaim('restored', { labels: { tier: 'gold', app: 'shop', [KEYS.restored]: 'true' } });
    await expect(resolve(server, [gold])).resolves.toEqual({ found: ['a'], missing: [] });
    expect(server.calls[0].request.query?.labelSelector).toBe(`tier=gold,app=shop,!${KEYS.restored}`);
  });

  test('that match nothing are missed, since a schedule of nothing would be green for ever', async () => {
    await expect(resolve(cluster('plain'), [gold])).resolves.toEqual({
      found: [],
      missing: ['claims with tier=gold,app=shop: no claim has the labels tier=gold,app=shop; label the claims, or correct the selector'],
    });
  });

  test('without labels are all that were not restored', async () => {
    await expect(resolve(cluster('a', 'b'), [{ kind: 'Selector', matchLabels: {} }])).resolves.toMatchObject({ found: ['a', 'b'] });
  });
});

test('a claim that is selected twice is snapshotted once', async () => {
  const server = cluster('data-db-0');
  const twice: ClaimSelection[] = [claim('data-db-0'), { kind: 'StatefulSet', name: 'db', templates: ['data'] }, { kind: 'Selector', matchLabels: {} }];
  await expect(resolve(server, twice)).resolves.toEqual({ found: ['data-db-0'], missing: [] });
});

test('an API server that cannot be reached is given up after three minutes, not after three minutes for each claim', async () => {
  const server = cluster();
  server.before = () => { throw new ConnectionError('ECONNREFUSED'); };
  await expect(resolve(server, ['a', 'b', 'c', 'd'].map(claim))).rejects.toThrow(ConnectionError);
  expect(server.clock.now() - TONIGHT).toBeLessThanOrEqual(180 * SECOND);
});

test('the run ends when the pod is told to end', async () => {
  const server = cluster('a', 'b');
  const terminated = new AbortController();
  server.before = call => { if (call.name === 'b') { terminated.abort(); } };
  await expect(resolve(server, ['a', 'b', 'c'].map(claim), terminated.signal)).rejects.toThrow(TerminatedError);
  expect(server.calls).toHaveLength(2);
});
