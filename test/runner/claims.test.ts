import { FakeApiServer, FakePod, inShort, NAMESPACE, SECOND, TONIGHT } from './fake-api-server';
import { pendingRestores, resolveClaims } from '../../src/runner/claims';
import { ClaimSelection, KEYS } from '../../src/runner/config';
import { ApiError, ConnectionError, RetryingClient, TerminatedError } from '../../src/runner/kube-client';

function cluster(...names: string[]): FakeApiServer {
  const server = new FakeApiServer();
  names.forEach(name => server.addClaim(name));
  return server;
}

async function resolve(server: FakeApiServer, selections: ClaimSelection[], signal = new AbortController().signal) {
  const client = new RetryingClient(new FakePod(server));
  const { found, missing, scaledIn } = await server.clock.until(resolveClaims(client, NAMESPACE, selections, signal));
  return { found: found.map(claim => claim.name), missing: missing.map(({ name, error }) => `${name}: ${(error as Error).message}`), scaledIn };
}

const claim = (name: string): ClaimSelection => ({ kind: 'Claim', name });

describe('claims by name', () => {
  test('are found by one list, however many they are, and the one that is missing hides none of the others', async () => {
    const server = cluster('data', 'logs', 'other');
    await expect(resolve(server, [claim('logs'), claim('gone'), claim('data')])).resolves.toEqual({
      found: ['data', 'logs'],
      missing: ["gone: no claim of this name in namespace 'shop'; correct the name, or take it out of the schedule"],
      scaledIn: [],
    });
    expect(server.calls.map(inShort)).toEqual(['LIST persistentvolumeclaims']);
  });

  test('that may not be listed say so, each, in the words of the server, which is asked once', async () => {
    const server = cluster('data', 'logs');
    server.before = () => { throw new ApiError(403, 'persistentvolumeclaims is forbidden: cannot list'); };
    await expect(resolve(server, [claim('data'), claim('logs')])).resolves.toMatchObject({
      found: [], missing: ['data: persistentvolumeclaims is forbidden: cannot list', 'logs: persistentvolumeclaims is forbidden: cannot list'],
    });
    expect(server.calls).toHaveLength(1);
  });

  test('share their list with StatefulSets; a selector has its own', async () => {
    const server = cluster('data', 'data-db-0');
    await resolve(server, [claim('data'), { kind: 'StatefulSet', name: 'db', templates: ['data'] }, claim('data-db-0'), { kind: 'Selector', matchLabels: { tier: 'gold' } }]);
    expect(server.calls.map(call => call.request.query?.labelSelector)).toEqual([undefined, `tier=gold,!${KEYS.restored}`]);
  });
});

describe('a claim of a member of a StatefulSet', () => {
  const members = (...names: string[]): ClaimSelection[] => names.map(name => ({ kind: 'Claim', name, statefulSet: 'db' }));
  const noSuch = (name: string) => `${name}: no claim of this name in namespace 'shop'; correct the name, or take it out of the schedule`;

  test('that went with the last members is no failure: a smaller set has all its snapshots', async () => {
    await expect(resolve(cluster('data-db-0'), members('data-db-0', 'data-db-1', 'data-db-2'))).resolves.toEqual({
      found: ['data-db-0'], missing: [], scaledIn: ['data-db-1', 'data-db-2'],
    });
  });

  test('is one again when the set is scaled out', async () => {
    await expect(resolve(cluster('data-db-0', 'data-db-1'), members('data-db-0', 'data-db-1'))).resolves.toEqual({
      found: ['data-db-0', 'data-db-1'], missing: [], scaledIn: [],
    });
  });

  test('with a later member still there is missed: somebody deleted it', async () => {
    await expect(resolve(cluster('data-db-0', 'data-db-2', 'data-db-10'), members('data-db-1', 'data-db-9', 'data-db-11'))).resolves.toEqual({
      found: [], missing: [noSuch('data-db-1'), noSuch('data-db-9')], scaledIn: ['data-db-11'],
    });
  });

  test('of a template of which none is there is missed: its name is wrong, or all its claims are gone', async () => {
    const server = cluster('data-db-0', 'data-db-1', 'wal-mydb-0', 'wal-db-x');
    await expect(resolve(server, members('data-db-0', 'wal-db-0', 'wal-db-1'))).resolves.toEqual({
      found: ['data-db-0'], missing: [noSuch('wal-db-0'), noSuch('wal-db-1')], scaledIn: [],
    });
  });

  test('that is named by itself, and not through the set, is missed like any other', async () => {
    await expect(resolve(cluster('data-db-0'), [claim('data-db-0'), claim('data-db-1')])).resolves.toMatchObject({ missing: [noSuch('data-db-1')], scaledIn: [] });
  });

  test('leaves a failure where it was the only one that the schedule covers: it would be green for ever', async () => {
    await expect(resolve(cluster('data-db-0'), members('data-db-1', 'data-db-2'))).resolves.toEqual({
      found: [],
      missing: ['data-db-1, data-db-2: no claim exists that this schedule covers; correct its source, or suspend it'],
      scaledIn: ['data-db-1', 'data-db-2'],
    });
  });
});

describe('claims that are being restored', () => {
  async function restores(spec: object, phase?: string): Promise<[string, string][]> {
    const server = cluster('plain');
    server.addClaim('restored');
    server.editClaim('restored', object => Object.assign(object, { spec, status: phase === undefined ? undefined : { phase } }));
    const found = await server.clock.until(pendingRestores(new FakePod(server), NAMESPACE, new AbortController().signal));
    return [...found];
  }
  const origin = { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'data-1' };

  test.each([
    ['dataSource', { dataSource: origin }, 'Pending'],
    ['dataSourceRef', { dataSourceRef: origin }, 'Pending'],
    ['both, as the API server fills them in', { dataSource: origin, dataSourceRef: origin }, 'Pending'],
    ['a claim so young that it has no status', { dataSource: origin }, undefined],
  ])('name the snapshot that they need: by %s', async (_, spec, phase) => {
    await expect(restores(spec, phase)).resolves.toEqual([['data-1', 'restored']]);
  });

  test.each([
    ['a claim that has its data', { dataSource: origin, dataSourceRef: origin }, 'Bound'],
    ['a claim that had its data and lost its volume', { dataSource: origin, dataSourceRef: origin }, 'Lost'],
    ['a clone of a claim of that name', { dataSource: { kind: 'PersistentVolumeClaim', name: 'data-1' } }, 'Pending'],
    ['a claim that is to be empty', {}, 'Pending'],
  ])('are none of these: %s', async (_, spec, phase) => {
    await expect(restores(spec, phase)).resolves.toEqual([]);
  });
});

describe('the claims of a StatefulSet', () => {
  const set: ClaimSelection = { kind: 'StatefulSet', name: 'db', templates: ['data', 'wal'] };

  test('are those of its templates and ordinals, and none that merely look like it', async () => {
    const server = cluster('data-db-9', 'data-db-10', 'wal-db-9', 'wal-db-10', 'data-db-x', 'data-db-0-copy', 'data-db-', 'data-mydb-0', 'other-db-0', 'data-db2-0');
    await expect(resolve(server, [set])).resolves.toMatchObject({ found: ['data-db-10', 'data-db-9', 'wal-db-10', 'wal-db-9'], missing: [] });
  });

  test('are missed where a member lacks one, or a template is misspelt: it would never be snapshotted, and nobody told', async () => {
    const noSuch = (name: string) => `${name}: no claim of this name in namespace 'shop'; correct the name, or take it out of the schedule`;
    await expect(resolve(cluster('data-db-0', 'data-db-2', 'wal-db-0', 'wal-db-1', 'wal-db-2'), [set])).resolves.toMatchObject({
      found: ['data-db-0', 'data-db-2', 'wal-db-0', 'wal-db-1', 'wal-db-2'], missing: [noSuch('data-db-1')],
    });
    await expect(resolve(cluster('data-db-0', 'data-db-1'), [set])).resolves.toMatchObject({
      found: ['data-db-0', 'data-db-1'], missing: [noSuch('wal-db-0'), noSuch('wal-db-1')],
    });
  });

  test('are not missed up to a claim whose name merely ends in a date', async () => {
    const alone: ClaimSelection = { kind: 'StatefulSet', name: 'db', templates: ['data'] };
    await expect(resolve(cluster('data-db-0', 'data-db-1', 'data-db-20261121'), [alone])).resolves.toMatchObject({ missing: [] });
    await expect(resolve(cluster('data-db-20261121'), [alone])).resolves.toMatchObject({ missing: [] });
  });

  test('that do not exist yet are missed, with an example of what was looked for', async () => {
    await expect(resolve(cluster('data'), [set])).resolves.toEqual({
      found: [],
      missing: ["StatefulSet db: no claim of StatefulSet 'db' exists: expected names such as data-db-0; check its name, its templates and the namespace"],
      scaledIn: [],
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
    await expect(resolve(server, [gold])).resolves.toEqual({ found: ['a'], missing: [], scaledIn: [] });
    expect(server.calls[0].request.query?.labelSelector).toBe(`tier=gold,app=shop,!${KEYS.restored}`);
  });

  test('that match nothing are missed, since a schedule of nothing would be green for ever', async () => {
    await expect(resolve(cluster('plain'), [gold])).resolves.toEqual({
      found: [],
      missing: ['claims with tier=gold,app=shop: no claim has the labels tier=gold,app=shop; label the claims, or correct the selector'],
      scaledIn: [],
    });
  });

  test('without labels are all that were not restored', async () => {
    await expect(resolve(cluster('a', 'b'), [{ kind: 'Selector', matchLabels: {} }])).resolves.toMatchObject({ found: ['a', 'b'] });
  });
});

test('a claim that is selected twice is snapshotted once', async () => {
  const server = cluster('data-db-0');
  const twice: ClaimSelection[] = [claim('data-db-0'), { kind: 'StatefulSet', name: 'db', templates: ['data'] }, { kind: 'Selector', matchLabels: {} }];
  await expect(resolve(server, twice)).resolves.toEqual({ found: ['data-db-0'], missing: [], scaledIn: [] });
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
  server.before = call => { if (call.number === 1) { terminated.abort(); } };
  const selections: ClaimSelection[] = [claim('a'), ...['gold', 'silver'].map((tier): ClaimSelection => ({ kind: 'Selector', matchLabels: { tier } }))];
  await expect(resolve(server, selections, terminated.signal)).rejects.toThrow(TerminatedError);
  expect(server.calls).toHaveLength(2);
});
