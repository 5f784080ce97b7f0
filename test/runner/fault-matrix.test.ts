import { Call, DAY, FakeApiServer, HOUR, NAMESPACE, perform, RunOptions, schedule, SECOND, start, TONIGHT } from './fake-api-server';
import { EXIT, KEYS } from '../../src/runner/config';
import { ApiError, ConnectionError } from '../../src/runner/kube-client';
import { RunResult } from '../../src/runner/report';

/**
 * One run, disturbed at each of its requests in turn, in each way that we know
 * of; then what Kubernetes does: another pod of the Job, and the next night.
 */

// hundreds of runs each, on a machine that may be busy
jest.setTimeout(120_000);

type Policy = 'Delete' | 'Retain';
const POLICIES = ['Delete', 'Retain'] as const;
const CLAIMS = ['data', 'logs'];
const KEPT = 2;

interface World {
  readonly server: FakeApiServer;
  readonly options: RunOptions;
  /** what is none of the schedule's, as it was */
  readonly foreign: string;
}

/** Two claims, each with snapshots that are due and that are kept, one held, and one that never was cut; and what others have there. */
function makeWorld(policy: Policy): World {
  const server = new FakeApiServer();
  server.deletionPolicy = policy;
  for (const claim of CLAIMS) {
    server.addClaim(claim);
    for (let night = 1; night <= 4; night += 1) { server.addSnapshot(claim, { name: `${claim}-${night}`, at: TONIGHT - night * DAY }); }
    server.addSnapshot(claim, { name: `${claim}-failed`, at: TONIGHT - 1.5 * DAY, cut: false, error: 'no space' });
    server.addSnapshot(claim, { name: `${claim}-held`, at: TONIGHT - 9 * DAY, annotations: { [KEYS.hold]: 'audit' } });
  }
  server.addClaim('foreign-claim');
  server.addSnapshot('data', { name: 'foreign-hourly', at: TONIGHT - 99 * DAY, labels: { [KEYS.schedule]: 'hourly' } });
  server.addSnapshot('data', { name: 'foreign-script', at: TONIGHT - 99 * DAY, labels: { [KEYS.schedule]: undefined, [KEYS.claimUid]: undefined } });
  server.addSnapshot('foreign-claim', { name: 'foreign-static', at: TONIGHT - 99 * DAY, contentName: 'foreign-content', labels: { [KEYS.schedule]: undefined } });
  const config = schedule({
    claims: CLAIMS.map(name => ({ kind: 'Claim', name })), deletionPolicy: policy, retention: { keepLast: KEPT, minimumReady: 1 },
  });
  return { server, options: { config, run: { kind: 'Scheduled', at: new Date(TONIGHT) } }, foreign: foreignIn(server) };
}

const isForeign = (object: any) => /^foreign-/.test(object.spec?.volumeSnapshotRef?.name ?? object.metadata.name);

function foreignIn(server: FakeApiServer): string {
  return JSON.stringify([...server.snapshots, ...server.contents].filter(isForeign));
}

/** The schedule's own, of one claim. */
const ofClaim = (names: string[], claim: string) => names.filter(name => name.startsWith(`${claim}-`));

function takenAt(server: FakeApiServer, claim: string, time: number): string[] {
  const run = new Date(time).toISOString();
  return ofClaim(server.names, claim).filter(name => server.snapshot(name).metadata.annotations?.[KEYS.scheduledFor] === run);
}

/** What must be true at any moment, whoever died: each promise as a list of what breaks it. */
function requireSound({ server, foreign }: World, point: string): void {
  const lost = CLAIMS.flatMap(claim => {
    const ready = ofClaim(server.readyNames, claim);
    const fresh = [TONIGHT + DAY, TONIGHT].flatMap(time => takenAt(server, claim, time)).filter(name => ready.includes(name));
    // an older one may go for the sake of a new one only
    const kept = [...fresh, `${claim}-1`, `${claim}-2`].slice(0, KEPT);
    return [...kept, `${claim}-held`].filter(name => !ready.includes(name));
  });
  const twice = CLAIMS.flatMap(claim => [TONIGHT + DAY, TONIGHT].flatMap(time => takenAt(server, claim, time).slice(1)));
  expect({ point, lost, twice, hollow: server.hollow, foreign: foreignIn(server) }).toEqual({ point, lost: [], twice: [], hollow: [], foreign });
}

/** No content may say Delete whose snapshot stays: it would go with the namespace. */
function requirePolicies({ server }: World, point: string): void {
  const half = CLAIMS.flatMap(claim => ofClaim(server.names, claim)).filter(name => server.policyOf(name) !== server.deletionPolicy);
  expect({ point, half }).toEqual({ point, half: [] });
}

/** All that the run of a time was for: both snapshots are ready, what is due is gone, with its storage. */
function requireDone({ server }: World, point: string, time: number, result: RunResult): void {
  expect({ point, ...result }).toEqual({ point, exitCode: EXIT.success, message: expect.stringMatching(/^2 of 2 claims have their snapshot \(data-.*, logs-.*\); /) });
  for (const claim of CLAIMS) {
    const [fresh] = takenAt(server, claim, time);
    const before = time === TONIGHT ? `${claim}-1` : takenAt(server, claim, TONIGHT)[0] ?? `${claim}-1`;
    expect({ point, ready: ofClaim(server.readyNames, claim) }).toEqual({ point, ready: [before, fresh, `${claim}-held`].sort() });
    expect({ point, names: ofClaim(server.names, claim) }).toEqual({ point, names: ofClaim(server.readyNames, claim) });
  }
  const own = CLAIMS.length * (KEPT + 1);
  expect({ point, orphans: server.orphans, contents: server.contents.length, stored: server.backend.size })
    .toEqual({ point, orphans: [], contents: own + 3, stored: own + 3 });
}

/** A disturbance at the request of that number, counted from 0. */
interface Disturbance {
  readonly number: number;
  readonly when: 'before' | 'after';
  /** called with the request that is disturbed, before the server has it or after it has acted */
  readonly act: (call: Call, run: ReturnType<typeof start>) => void | Promise<unknown>;
  /** also at all requests after it, until the pod ends */
  readonly lasts?: boolean;
}

interface Disturbed {
  readonly result?: RunResult;
  readonly log: object[];
  readonly call?: Call;
}

/** A pod of the Job under the disturbance, and the pause that the Job controller makes before another one; no result if it was killed. */
async function disturb({ server, options }: World, { number, when, act, lasts }: Disturbance): Promise<Disturbed> {
  const first = server.calls.length;
  const run = start(server, options);
  let call: Call | undefined;
  server[when] = each => {
    const isDue = each.number - first === number || (lasts === true && each.number - first > number);
    if (!isDue || each.pod !== run.pod) { return undefined; }
    call ??= each;
    return act(each, run);
  };
  const killed = new Promise<undefined>(resolve => {
    const { pod } = run;
    const kill = pod.kill.bind(pod);
    pod.kill = () => { kill(); resolve(undefined); };
  });
  const result = await server.clock.until(Promise.race([killed, run.result]));
  server[when] = undefined;
  await server.clock.advance(10 * SECOND);
  return { result, log: run.lines, call };
}

const kill = (call: Call) => {
  call.pod.kill();
  return new Promise<void>(() => undefined);
};

async function nextNight(world: World, point: string): Promise<void> {
  await world.server.clock.advanceTo(TONIGHT + DAY);
  const at = world.server.clock.now();
  const result = await perform(world.server, { ...world.options, run: { kind: 'Scheduled', at: new Date(at) } });
  requireSound(world, point);
  requirePolicies(world, point);
  requireDone(world, point, at, { exitCode: result.exitCode, message: result.message });
}

/** What follows a disturbed pod: if it ended so that Kubernetes starts another one, that one; and the next night. */
async function goOn(world: World, point: string, { result }: Disturbed): Promise<void> {
  requireSound(world, point);
  if (result?.exitCode === EXIT.success) { requireDone(world, point, TONIGHT, result); }
  if (result?.exitCode !== EXIT.success && result?.exitCode !== EXIT.failed) {
    const { exitCode, message } = await perform(world.server, world.options);
    requireSound(world, point);
    requirePolicies(world, point);
    requireDone(world, point, TONIGHT, { exitCode, message });
  }
  await nextNight(world, point);
}

let points = 0;

afterAll(() => console.log(`fault matrix: ${points} points`));

/** Tries it at each request of a run; what comes of it is looked at by `look` before the run goes on. */
async function atEachRequest(
  policy: Policy,
  whens: readonly ('before' | 'after')[],
  act: (world: World, call: Call, run: ReturnType<typeof start>) => void | Promise<unknown>,
  look: (world: World, point: string, disturbed: Disturbed) => void,
  { lasts, prepare }: { lasts?: boolean; prepare?: (world: World) => void } = {},
): Promise<void> {
  const count = await requestsOf(policy);
  for (let number = 0; number < count; number += 1) {
    for (const when of whens) {
      points += 1;
      const world = makeWorld(policy);
      prepare?.(world);
      const from = world.server.clock.now();
      const disturbed = await disturb(world, { number, when, lasts, act: (call, run) => act(world, call, run) });
      const point = `${policy}, ${when} request ${number}, ${disturbed.call?.verb} ${disturbed.call?.resource}/${disturbed.call?.name ?? ''}`;
      expect({ point, seconds: world.server.clock.now() - from > HOUR }).toEqual({ point, seconds: false });
      look(world, point, disturbed);
      await goOn(world, point, disturbed);
    }
  }
}

const counts = new Map<Policy, number>();

async function requestsOf(policy: Policy): Promise<number> {
  const known = counts.get(policy);
  if (known !== undefined) { return known; }
  const world = makeWorld(policy);
  const { exitCode, message, requests } = await perform(world.server, world.options);
  requireDone(world, 'undisturbed', TONIGHT, { exitCode, message });
  counts.set(policy, requests.length);
  return requests.length;
}

test.each(POLICIES)('the run that is disturbed makes each kind of request: class %s', async policy => {
  const world = makeWorld(policy);
  const { requests } = await perform(world.server, world.options);
  const kinds = new Set(requests.map(request => request.replace(/\/.*/, '')));
  expect([...kinds].sort()).toEqual([
    'DELETE volumesnapshots', 'LIST persistentvolumeclaims', 'LIST volumesnapshots', ...policy === 'Retain' ? ['PATCH volumesnapshotcontents'] : [],
    'POST events', 'POST volumesnapshots', 'WATCH volumesnapshots',
  ]);
  expect(world.server.calls.every(call => !call.request.path.includes('/namespaces/') || call.request.path.includes(`/namespaces/${NAMESPACE}/`))).toBe(true);
});

describe.each(POLICIES)('class %s', policy => {
  test('the process is killed: the next pod has one ready snapshot of each claim, none is lost, nothing is left in the storage', async () => {
    await atEachRequest(policy, ['before', 'after'], (_, call) => kill(call), (_, point, { result }) => expect({ point, result }).toEqual({ point, result: undefined }));
  });

  test('the process is killed twice in a row, at any two requests', async () => {
    const count = 2 * await requestsOf(policy);
    // every thirteenth pair, so that all kinds of request meet
    for (let pair = 0; pair < count ** 2; pair += 13) {
      points += 1;
      const world = makeWorld(policy);
      for (const place of [Math.floor(pair / count), pair % count]) {
        await disturb(world, { number: Math.floor(place / 2), when: place % 2 === 0 ? 'before' : 'after', act: kill });
      }
      await goOn(world, `${policy}, pair ${pair}`, { log: [] });
    }
  });

  test('SIGTERM: it ends within the grace period with 143, what it has begun is finished or undone, and the next pod goes on', async () => {
    await atEachRequest(policy, ['before', 'after'], (_, __, run) => run.sigterm(), (world, point, { result }) => {
      expect({ point, exitCode: result?.exitCode }).toEqual({ point, exitCode: EXIT.terminated });
      expect(world.server.clock.now() - TONIGHT).toBeLessThan(40 * SECOND);
      requirePolicies(world, point);
    });
  });

  const passing: { [fault: string]: (world: World, call: Call) => void | Promise<unknown> } = {
    'the connection is reset': () => { throw new ConnectionError('ECONNRESET'); },
    'no answer comes': (_, call) => call.hang(),
    '408': () => { throw new ApiError(408, 'request timeout'); },
    '429 with Retry-After': () => { throw new ApiError(429, 'too many requests', 7); },
    '500': () => { throw new ApiError(500, 'etcdserver: leader changed'); },
    '503': () => { throw new ApiError(503, 'apiserver is shutting down'); },
    'the answer takes nine seconds': ({ server }) => server.clock.wait(9 * SECOND),
  };

  const requireUnharmed = (world: World, point: string, { result }: Disturbed) => {
    requireDone(world, point, TONIGHT, result ?? { exitCode: NaN, message: 'killed' });
    requirePolicies(world, point);
  };

  test.each(Object.keys(passing))('a fault that passes costs nothing, and needs no other pod: %s', async fault => {
    await atEachRequest(policy, ['before', 'after'], passing[fault], requireUnharmed);
  });

  test.each([
    ['hours behind', -7 * HOUR], ['hours ahead', 7 * HOUR],
  ])("nor does it if the node's clock is wrong besides: %s", async (_, nodeClockError) => {
    const prepare = ({ server }: World) => { server.nodeClockError = nodeClockError; };
    await atEachRequest(policy, ['before'], passing['503'], requireUnharmed, { prepare });
    await atEachRequest(policy, ['after'], passing['the connection is reset'], requireUnharmed, { prepare });
  });

  const watchFaults: { [fault: string]: (server: FakeApiServer) => void } = {
    'ends': server => server.endWatches(),
    'breaks off': server => server.breakWatches(new ConnectionError('the watch broke off: aborted')),
    'expires': server => { server.compact(); server.endWatches(); },
    'gets 410 in an event': server => server.breakWatches(new ApiError(410, 'too old resource version')),
    'gets 500 in an event': server => server.breakWatches(new ApiError(500, 'etcdserver: leader changed')),
    'stalls': server => server.stallWatches(),
  };

  test.each(Object.keys(watchFaults))('a watch that %s costs nothing', async fault => {
    await atEachRequest(policy, ['before', 'after'], ({ server }) => watchFaults[fault](server), (world, point, { result }) => {
      requireSound(world, point);
      if (fault !== 'stalls') { requireUnharmed(world, point, { result, log: [] }); }
    });
  });

  test.each([
    [409, 'Operation cannot be fulfilled: the object has been modified'],
    [422, 'ValidatingAdmissionPolicy denied request'],
    [403, 'is forbidden: cannot'],
  ])('a refusal is told and swallowed by nobody, what was begun is undone, and the next night makes it good: %d', async (status, text) => {
    await atEachRequest(policy, ['before'], () => { throw new ApiError(status, text); }, (world, point, { result, log, call }) => {
      requirePolicies(world, point);
      const isEvent = call?.resource === 'events';
      // that is the answer of a fence that is there, and of a precondition that is looked at again
      const isFence = status === 422 && call?.request.query?.dryRun !== undefined || status === 409 && call?.verb === 'DELETE';
      expect({ point, exitCode: result?.exitCode }).toEqual({ point, exitCode: isEvent || isFence ? EXIT.success : EXIT.failed });
      if (isEvent) { expect({ point, log }).toEqual({ point, log: expect.arrayContaining([{ step: 'event', message: `not recorded: ${text}` }]) }); }
      if (!isEvent && !isFence) { expect({ point, message: result?.message }).toEqual({ point, message: expect.stringMatching(/FAILED/) }); }
    });
  });

  test('the API server is gone from there on: the pod ends, does not call it a success, and what it could not undo the next one does', async () => {
    await atEachRequest(policy, ['before'], ({ server }, call) => {
      // the first time the watches break as well
      if (call.verb !== 'WATCH') { server.breakWatches(new ConnectionError('the watch broke off: aborted')); }
      throw new ConnectionError('ECONNREFUSED');
    }, (_, point, { result, call }) => {
      expect({ point, exitCode: [EXIT.success, EXIT.failed, EXIT.unreachable].includes(result?.exitCode as 0) }).toEqual({ point, exitCode: true });
      if (call?.resource !== 'events') { expect({ point, message: result?.message }).toEqual({ point, message: expect.stringMatching(/FAILED/) }); }
    }, { lasts: true });
  });
});
