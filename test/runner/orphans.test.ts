import { Call, DAY, FakeApiServer, FakePod, HOUR, inShort, MINUTE, NAMESPACE, SECOND, TONIGHT } from './fake-api-server';
import { CONFIG_VERSION, KEYS, OrphansConfig, SNAPSHOT_NAME_PATTERN } from '../../src/runner/config';
import { Run, snapshotName } from '../../src/runner/identity';
import { ApiError, ConnectionError } from '../../src/runner/kube-client';
import { runOrphans } from '../../src/runner/orphans';
import { RunResult } from '../../src/runner/report';

const SNAPSHOT_NAME = new RegExp(SNAPSHOT_NAME_PATTERN);

const CONTENTS = '/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents';
const snapshotsIn = (namespace: string) => `/apis/snapshot.storage.k8s.io/v1/namespaces/${namespace}/volumesnapshots`;
const LET_GO = 'snapshot.storage.kubernetes.io/volumesnapshot-being-deleted';

const listing: OrphansConfig = { kind: 'Orphans', version: CONFIG_VERSION, action: 'List', olderThanSeconds: 30 * 86_400, keepNewestPerVolume: 1 };
const reclaiming: OrphansConfig = { ...listing, action: 'Reclaim' };
/** Takes whatever may go. */
const takingAll: OrphansConfig = { ...reclaiming, olderThanSeconds: 0, keepNewestPerVolume: 0 };

interface Started {
  readonly pod: FakePod;
  readonly result: Promise<RunResult>;
  readonly lines: { step: string; [detail: string]: any }[];
  sigterm(): void;
}

function start(server: FakeApiServer, config: OrphansConfig): Started {
  const pod = new FakePod(server);
  const terminated = new AbortController();
  const lines: Started['lines'] = [];
  const log = (step: string, details: object) => { lines.push({ ...details, step }); };
  // not at once, so that the caller can still set hooks
  const result = Promise.resolve().then(() => runOrphans({ client: pod, config, signal: terminated.signal, log }));
  return { pod, result, lines, sigterm: () => terminated.abort() };
}

/** A run from start to end, and a moment more so that the controllers are done as well. */
async function perform(server: FakeApiServer, config: OrphansConfig): Promise<RunResult & { lines: Started['lines']; requests: string[] }> {
  const before = server.calls.length;
  const started = start(server, config);
  const result = await server.clock.until(started.result);
  await server.clock.advance(2 * SECOND);
  return { ...result, lines: started.lines, requests: server.calls.slice(before).map(inShort) };
}

interface Seed {
  readonly claim?: string;
  readonly namespace?: string;
  /** how many nights ago it was taken */
  readonly night: number;
  /** how many nights ago its VolumeSnapshot was deleted; the same unless told otherwise, not recorded if undefined */
  readonly deleted?: number;
  /** what the VolumeSnapshot was called */
  readonly name?: string;
  readonly ready?: boolean;
  readonly policy?: 'Delete' | 'Retain';
  readonly handle?: string;
  readonly labels?: { [key: string]: string };
  readonly annotations?: { [key: string]: string };
  /** what the storage said of the cut, in nanoseconds */
  readonly creationTime?: number;
}

const at = (nights: number) => TONIGHT - nights * DAY;
const stamp = (time: number) => `${new Date(time).toISOString().slice(0, 19)}Z`;

/** A content whose VolumeSnapshot is gone, as the snapshot controller leaves it; returns its name. */
function orphan(server: FakeApiServer, seed: Seed): string {
  const { claim = 'data', namespace = NAMESPACE, night, ready = true, policy = 'Retain' } = seed;
  const day = stamp(at(night)).slice(0, 10).replace(/-/g, '');
  const snapshot = seed.name ?? `${claim}-${day}-020000-0123abcd`;
  const name = `snapcontent-${namespace}-${snapshot}`;
  const handle = seed.handle ?? `handle-${namespace}-${snapshot}`;
  const deleted = 'deleted' in seed ? seed.deleted : night;
  server.add(CONTENTS, {
    metadata: {
      name,
      creationTimestamp: stamp(at(night)),
      finalizers: ['snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection'],
      labels: seed.labels,
      annotations: { [LET_GO]: 'yes', ...seed.annotations },
      managedFields: deleted === undefined ? undefined : [
        { time: stamp(TONIGHT), fieldsV1: { 'f:status': {} } },
        { time: stamp(at(deleted)), fieldsV1: { 'f:metadata': { 'f:annotations': { [`f:${LET_GO}`]: {} } } } },
      ],
    },
    spec: {
      deletionPolicy: policy,
      driver: 'csi.example.com',
      source: { volumeHandle: `vol-${namespace}-${claim}` },
      volumeSnapshotRef: { namespace, name: snapshot, uid: `uid-of-${snapshot}` },
    },
    status: { snapshotHandle: handle, readyToUse: ready, creationTime: seed.creationTime ?? at(night) * 1e6, restoreSize: 1024 ** 3 },
  });
  server.backend.set(handle, claim);
  return name;
}

/** The same with its VolumeSnapshot. */
function living(server: FakeApiServer, seed: Seed, deleting = false): string {
  const name = orphan(server, seed);
  const { namespace, name: snapshot, uid } = content(server, name).spec.volumeSnapshotRef;
  server.add(snapshotsIn(namespace), {
    metadata: { namespace, name: snapshot, uid, ...deleting && { deletionTimestamp: stamp(TONIGHT) } },
    spec: { source: {} },
    status: { boundVolumeSnapshotContentName: name, readyToUse: true },
  });
  if (!deleting) { server.editContent(name, c => { delete c.metadata.annotations[LET_GO]; }); }
  return name;
}

/** A content that an administrator made for what is in the storage. */
function byHand(server: FakeApiServer, name: string, driver: string, snapshotHandle: string): void {
  const spec = { deletionPolicy: 'Retain', driver, source: { snapshotHandle }, volumeSnapshotRef: { namespace: NAMESPACE, name } };
  server.add(CONTENTS, { metadata: { name }, spec });
}

const content = (server: FakeApiServer, name: string) => server.contents.find(c => c.metadata.name === name);
const vanish = (server: FakeApiServer, name: string) => {
  server.editContent(name, c => { Object.assign(c.metadata, { finalizers: [], deletionTimestamp: stamp(TONIGHT) }); });
};
const contents = (server: FakeApiServer) => server.contents.map(c => c.metadata.name as string);
const writes = (requests: string[]) => requests.filter(request => !/^(GET|LIST)/.test(request));
const orphansIn = (lines: Started['lines']) => lines.filter(({ step }) => step === 'orphan');
const found = async (server: FakeApiServer, config = listing) => orphansIn((await perform(server, config)).lines).map(line => line.content).sort();

/** How many nights ago they were taken. */
function nightsOf(some: any[]): number[] {
  return some.map(c => Math.round((TONIGHT - Date.parse(c.metadata.creationTimestamp)) / DAY)).sort((a, b) => a - b);
}

/** What the storage holds that no content shows. */
function invisible(server: FakeApiServer): string[] {
  const shown = new Set(server.contents.map(c => c.status?.snapshotHandle ?? c.spec.source.snapshotHandle));
  return [...server.backend.keys()].filter(handle => !shown.has(handle));
}

/** Contents whose data is gone. */
function hollow(server: FakeApiServer): string[] {
  return server.contents.filter(c => !server.backend.has(c.status?.snapshotHandle)).map(c => c.metadata.name);
}

/** Does something the first time that such a request is seen. */
function once(server: FakeApiServer, hook: 'before' | 'after', request: RegExp, act: (call: Call) => void | Promise<unknown>): void {
  let done = false;
  server[hook] = call => {
    if (done || !request.test(inShort(call))) { return undefined; }
    done = true;
    return act(call);
  };
}

/** An orphan that may go, behind the newest of its volume. */
function twoOrphans(): { server: FakeApiServer; due: string; newest: string } {
  const server = new FakeApiServer();
  return { server, due: orphan(server, { night: 50 }), newest: orphan(server, { night: 40 }) };
}

describe('the name, which alone says whose a content is', () => {
  test.each<[string, string, Run]>([
    ['a scheduled run', 'data-postgres-0', { kind: 'Scheduled', at: new Date(TONIGHT) }],
    ['a run by hand', 'data', { kind: 'Manual', jobUid: 'a-b' }],
    ['a claim with dots', 'a.b-c', { kind: 'Scheduled', at: new Date(TONIGHT) }],
  ])('is known as that of %s, with the claim', (_, claim, run) => {
    expect(SNAPSHOT_NAME.exec(snapshotName(claim, 'uid', 'nightly', run))?.[1]).toBe(claim);
  });

  test('is known as that of a claim with the longest name, which is cut', () => {
    const claim = 'a'.repeat(253);
    expect(claim).toContain(SNAPSHOT_NAME.exec(snapshotName(claim, 'uid', 'nightly', { kind: 'Scheduled', at: new Date(TONIGHT) }))?.[1]);
  });

  test.each(['data', 'data-20260209', 'data-20260209-020000', 'data-20260209-020000-0123abc', 'data-20260209-020000-0123abcg', 'velero-data-x7k2p',
    '20260209-020000-0123abcd', 'data-20260209-020000-0123abcd-copy', '../x-manual-0123abcd'])('of others is none of ours: %s', name => {
    expect(SNAPSHOT_NAME.test(name)).toBe(false);
  });
});

describe('a look', () => {
  test('finds what a deleted VolumeSnapshot of a retaining class left behind, says how to find it in the storage, and changes nothing', async () => {
    const server = new FakeApiServer();
    server.deletionPolicy = 'Retain';
    server.addClaim('data');
    const gone = server.addSnapshot('data', { name: 'data-20260109-020000-0123abcd', at: at(31) });
    server.addSnapshot('data', { name: 'data-20260208-020000-0123abcd', at: at(1) });
    const { uid } = server.snapshot(gone).metadata;
    server.deleteSnapshot(gone);
    await server.clock.advance(SECOND);
    const before = JSON.stringify(server.contents);

    const run = await perform(server, listing);
    expect(run.exitCode).toBe(0);
    expect(run.requests).toEqual(['LIST volumesnapshotcontents', 'LIST volumesnapshots']);
    expect(JSON.stringify(server.contents)).toBe(before);
    expect(orphansIn(run.lines)).toEqual([{
      step: 'orphan',
      content: `snapcontent-${uid}`,
      handle: `snap-${uid}`,
      driver: 'csi.example.com',
      namespace: NAMESPACE,
      snapshot: gone,
      claim: 'data',
      age: '31d1s',
      snapshotDeletedAt: '2026-02-09T02:00:00.000Z',
      restoreSize: 1024 ** 3,
      deletionPolicy: 'Retain',
      stays: 'cut or deleted less than 30d ago',
    }]);
    expect(run.message).toBe(`1 of 2 contents are orphans, of 1 volumes, 1GiB to restore: shop/${gone} (snapcontent-${uid}); `
      + 'reclaiming would give back 0 (0B) and leave 1: 1 too young; '
      + 'to keep one, annotate its content with cdk8s-volume-snapshots/hold=WHY; to give storage back, set action to OrphanAction.RECLAIM');
  });

  test('that finds nothing says so', async () => {
    const server = new FakeApiServer();
    living(server, { night: 50 });
    expect(await perform(server, listing)).toMatchObject({ exitCode: 0, message: 'none of 1 contents is an orphan', lines: [] });
  });

  test('tells beforehand what reclaiming would take and what it would leave, and why', async () => {
    const server = new FakeApiServer();
    for (const night of [50, 60, 70]) { orphan(server, { night }); }
    orphan(server, { night: 80, labels: { [KEYS.hold]: 'audit' } });
    orphan(server, { night: 3, claim: 'logs' });
    const { message, requests } = await perform(server, listing);
    expect(message).toContain('5 of 5 contents are orphans, of 2 volumes, 5GiB to restore: ');
    expect(message).toContain('reclaiming would give back 2 (2GiB) and leave 3: 2 among the newest of their volume, 1 held; ');
    expect(writes(requests)).toEqual([]);
  });

  test('finds orphans of every namespace, also of those that are gone, or of the named ones alone', async () => {
    const server = new FakeApiServer();
    const [shop, wiki, gone] = ['shop', 'wiki', 'gone'].map(namespace => orphan(server, { namespace, night: 50 }));
    expect(await found(server)).toEqual([gone, shop, wiki].sort());
    expect(await found(server, { ...listing, namespaces: ['gone', 'empty'] })).toEqual([gone]);
  });

  test('names no more than a few in its message, and all in its log', async () => {
    const server = new FakeApiServer();
    for (let night = 40; night < 143; night += 1) { orphan(server, { night }); }
    const { message, lines, requests } = await perform(server, listing);
    expect(orphansIn(lines)).toHaveLength(103);
    expect(message).toMatch(/^103 of 103 contents are orphans, of 1 volumes, 103GiB to restore: (shop\/data-\S+ \(\S+\)(, )?){5} and 98 more in the log; /);
    // two pages, of 100 at the most
    expect(requests).toEqual([...Array(2).fill('LIST volumesnapshotcontents'), 'LIST volumesnapshots']);
  });

  describe('takes for no orphan', () => {
    test('a content whose VolumeSnapshot is there, in whatever namespace', async () => {
      const server = new FakeApiServer();
      living(server, { night: 50 });
      living(server, { night: 50, namespace: 'wiki' });
      expect(await found(server)).toEqual([]);
    });

    test.each(['by-hand', 'velero-data-x7k2p', 'snapshot-0123abcd'])('a snapshot that is not called as our schedules call theirs: %s', async name => {
      const server = new FakeApiServer();
      orphan(server, { night: 50, name });
      expect(await found(server)).toEqual([]);
    });

    test('a content that somebody made for a handle, whose data may be wanted without any VolumeSnapshot', async () => {
      const server = new FakeApiServer();
      const name = orphan(server, { night: 50 });
      server.editContent(name, c => { c.spec.source = { snapshotHandle: 'by-hand' }; });
      expect(await found(server)).toEqual([]);
      server.editContent(name, c => { c.metadata.deletionTimestamp = stamp(TONIGHT); });
      expect((await perform(server, listing)).message).toBe('none of 1 contents is an orphan');
    });

    test('a snapshot that is made while it looks', async () => {
      const server = new FakeApiServer();
      once(server, 'after', /^LIST volumesnapshotcontents/, () => { living(server, { night: 0 }); });
      expect(await found(server)).toEqual([]);
      expect(server.contents).toHaveLength(1);
    });

    test.each(['Delete', 'Retain'] as const)('a snapshot that is deleted in good order while it looks, though its content still says %s', async policy => {
      const server = new FakeApiServer();
      const name = living(server, { night: 50, policy });
      const { name: snapshot } = content(server, name).spec.volumeSnapshotRef;
      // a schedule prunes it: both are gone before the second list
      once(server, 'before', /^LIST volumesnapshots/, async () => {
        vanish(server, name);
        server.deleteSnapshot(snapshot);
      });
      expect(await found(server)).toEqual([]);
    });
  });

  test('knows a VolumeSnapshot by its uid: one that was made anew under the old name does not show the old storage', async () => {
    const server = new FakeApiServer();
    const name = orphan(server, { night: 50 });
    const { namespace, name: snapshot } = content(server, name).spec.volumeSnapshotRef;
    server.add(snapshotsIn(namespace), { metadata: { namespace, name: snapshot }, spec: { source: {} } });
    expect(await found(server)).toEqual([name]);
  });

  test.each<[string, (server: FakeApiServer) => void, string]>([
    ['the snapshot API', server => { server.crdsInstalled = false; }, 'FAILED: the cluster has no VolumeSnapshot API; install the snapshot CRDs'],
    [
      'its rights', server => { server.before = () => { throw new ApiError(403, 'volumesnapshotcontents is forbidden'); }; },
      'FAILED: volumesnapshotcontents is forbidden; nothing more was done, apply the ClusterRole, its binding and the admission policy of this CronJob',
    ],
  ])('without %s fails, and says what to do', async (_, disturb, message) => {
    const server = new FakeApiServer();
    disturb(server);
    const run = await perform(server, listing);
    expect(run.exitCode).toBe(1);
    expect(run.message).toContain(message);
  });

  test('that cannot reach the API server leaves it to another pod', async () => {
    const server = new FakeApiServer();
    server.before = call => call.hang();
    expect((await perform(server, listing)).exitCode).toBe(75);
  });

  test('that is told to end does so at once', async () => {
    const { server } = twoOrphans();
    const run = start(server, listing);
    once(server, 'before', /^LIST volumesnapshots/, () => run.sigterm());
    expect((await server.clock.until(run.result)).exitCode).toBe(143);
  });
});

describe('giving back', () => {
  test('removes content and storage of the orphan that may go, and of no other', async () => {
    const { server, due, newest } = twoOrphans();
    const alive = living(server, { claim: 'logs', night: 60 });
    const run = await perform(server, reclaiming);
    expect(run.exitCode).toBe(0);
    expect(contents(server).sort()).toEqual([newest, alive].sort());
    expect(server.backend.size).toBe(2);
    expect([invisible(server), hollow(server)]).toEqual([[], []]);
    expect(run.message).toBe('the storage of 1 of 2 orphans is being given back (1GiB to restore); 1 stay: 1 among the newest of their volume');
    expect(run.lines).toContainEqual({ step: 'reclaimed', content: due });
  });

  test('looks for the VolumeSnapshot once more, then changes and deletes what it has seen and nothing that came after', async () => {
    const { server, due } = twoOrphans();
    const { resourceVersion, uid } = content(server, due).metadata;
    const { requests } = await perform(server, reclaiming);
    const snapshot = due.replace('snapcontent-shop-', '');
    expect(requests).toEqual([
      'LIST volumesnapshotcontents', 'LIST volumesnapshots',
      // what the fence must refuse, and is never carried out
      `PATCH volumesnapshotcontents/${due}`,
      `GET volumesnapshots/${snapshot}`, `PATCH volumesnapshotcontents/${due}`, `DELETE volumesnapshotcontents/${due}`,
    ]);
    const [patch, deletion] = server.calls.slice(-2).map(call => call.request.body as any);
    expect(patch).toEqual({ metadata: { resourceVersion }, spec: { deletionPolicy: 'Delete' } });
    expect(deletion).toEqual({ preconditions: { uid, resourceVersion: expect.stringMatching(/^\d+$/) } });
    expect(deletion.preconditions.resourceVersion).not.toBe(resourceVersion);
  });

  test('of many is done oldest first, so that what a run has no time for is the newest', async () => {
    const server = new FakeApiServer();
    for (let night = 40; night < 80; night += 1) { orphan(server, { night }); }
    const { requests } = await perform(server, reclaiming);
    const deleted = requests.filter(request => request.startsWith('DELETE')).map(request => request.slice(-24, -16));
    expect(deleted).toHaveLength(39);
    expect(deleted[0]).toBe('20251122');
    expect(contents(server)).toEqual(['snapcontent-shop-data-20251231-020000-0123abcd']);
  });

  describe('leaves for olderThan, in which a mistake is noticed,', () => {
    const stays = async (seed: Seed, config = { ...reclaiming, keepNewestPerVolume: 0 }) => {
      const server = new FakeApiServer();
      orphan(server, seed);
      await perform(server, config);
      return server.contents.length === 1;
    };

    test('what was cut since', async () => {
      expect(await stays({ night: 29 })).toBe(true);
      expect(await stays({ night: 31 })).toBe(false);
    });

    test('what is old, and was deleted by mistake yesterday', async () => {
      expect(await stays({ night: 300, deleted: 1 })).toBe(true);
      expect(await stays({ night: 300, deleted: 31 })).toBe(false);
    });

    test('by the time of the cut alone, if it is not recorded when its VolumeSnapshot was deleted', async () => {
      expect(await stays({ night: 29, deleted: undefined })).toBe(true);
      expect(await stays({ night: 31, deleted: undefined })).toBe(false);
    });

    test.each([0, 1, -6_795_364_578_871_345_152])('by its creation, where a driver says that the data was cut at %d ns', async creationTime => {
      expect(await stays({ night: 29, creationTime, deleted: undefined })).toBe(true);
      expect(await stays({ night: 31, creationTime, deleted: undefined })).toBe(false);
    });

    test('what the storage cut long after it was asked for', async () => {
      expect(await stays({ night: 60, creationTime: at(5) * 1e6, deleted: undefined })).toBe(true);
    });
  });

  test('gives nothing back where its fence is missing, since it could then change any content of the cluster', async () => {
    const server = new FakeApiServer();
    for (const night of [40, 50]) { orphan(server, { night }); }
    server.fenced = false;
    const run = await perform(server, reclaiming);
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringMatching(/^FAILED: this service account may change any content of the cluster: .*; apply the SnapshotOrphans whole/) });
    expect(server.contents.map(c => c.spec.deletionPolicy)).toEqual(['Retain', 'Retain']);
  });

  describe('leaves the newest of each volume, the last copy of what was deleted:', () => {
    const nights = (server: FakeApiServer, claim: string) => nightsOf(server.contents.filter(c => c.spec.source.volumeHandle === `vol-shop-${claim}`));

    test('however old it is, and of each volume by itself', async () => {
      const server = new FakeApiServer();
      for (const night of [400, 410, 420]) { orphan(server, { night }); }
      for (const night of [900, 50]) { orphan(server, { claim: 'logs', night }); }
      await perform(server, reclaiming);
      expect([nights(server, 'data'), nights(server, 'logs')]).toEqual([[400], [50]]);
    });

    test('as many as are asked for', async () => {
      const server = new FakeApiServer();
      for (const night of [40, 50, 60, 70]) { orphan(server, { night }); }
      await perform(server, { ...reclaiming, keepNewestPerVolume: 3 });
      expect(nights(server, 'data')).toEqual([40, 50, 60]);
    });

    test('by the order in which they were asked for, where the clock of the storage was wrong', async () => {
      const server = new FakeApiServer();
      orphan(server, { night: 60, creationTime: at(-300) * 1e6 });
      orphan(server, { night: 50 });
      orphan(server, { night: 40 });
      await perform(server, reclaiming);
      // what seems to be cut just now is left as well, since it may be
      expect(nights(server, 'data')).toEqual([40, 60]);
    });

    test('for ever, run after run', async () => {
      const server = new FakeApiServer();
      for (const night of [40, 50, 60]) { orphan(server, { night }); }
      for (let week = 0; week < 20; week += 1) {
        await perform(server, reclaiming);
        await server.clock.advance(7 * DAY);
      }
      expect(nights(server, 'data')).toEqual([40]);
    });

    test('none, if a newer one has its VolumeSnapshot', async () => {
      const server = new FakeApiServer();
      orphan(server, { night: 50 });
      living(server, { night: 1 });
      await perform(server, reclaiming);
      expect(nights(server, 'data')).toEqual([1]);
    });

    test('what is not ready, is on its way out, or is somebody else\'s forgotten snapshot is no copy to count on', async () => {
      const server = new FakeApiServer();
      orphan(server, { night: 50 });
      orphan(server, { night: 60 });
      living(server, { night: 4, ready: false });
      living(server, { night: 3, policy: 'Delete' }, true);
      const going = orphan(server, { night: 2 });
      server.editContent(going, c => { c.metadata.deletionTimestamp = stamp(TONIGHT); });
      orphan(server, { night: 1, name: 'velero-data' });
      await perform(server, reclaiming);
      expect(nights(server, 'data')).toEqual([1, 2, 4, 50]);
    });

    test('and what was cut after it and is not ready, since nobody knows what became of it', async () => {
      const server = new FakeApiServer();
      orphan(server, { night: 50 });
      orphan(server, { night: 45, ready: false });
      orphan(server, { night: 55, ready: false });
      await perform(server, reclaiming);
      expect(nights(server, 'data')).toEqual([45, 50]);
    });

    test('but nothing that was never cut, and holds no data', async () => {
      const server = new FakeApiServer();
      const uncut = orphan(server, { night: 45, ready: false });
      server.editContent(uncut, c => { delete c.status; });
      await perform(server, reclaiming);
      expect(server.contents).toEqual([]);
    });

    test('unless told that none is needed', async () => {
      const server = new FakeApiServer();
      for (const night of [40, 50]) { orphan(server, { night }); }
      await perform(server, { ...reclaiming, keepNewestPerVolume: 0 });
      expect(server.contents).toEqual([]);
    });
  });

  describe('leaves what people hold', () => {
    const stays = async (seed: Partial<Seed>) => {
      const server = new FakeApiServer();
      orphan(server, { night: 500, ...seed });
      const { message } = await perform(server, takingAll);
      expect(message).toContain(server.contents.length === 1 ? '1 stay: 1 held' : 'the storage of 1 of 1 orphans');
      return server.contents.length === 1;
    };

    test.each<[string, Partial<Seed>, boolean]>([
      ['by a label', { labels: { [KEYS.hold]: 'ticket-7' } }, true],
      ['by an annotation', { annotations: { [KEYS.hold]: 'ticket 7' } }, true],
      ['by a label, though an annotation says that it is not', { labels: { [KEYS.hold]: 'audit' }, annotations: { [KEYS.hold]: 'false' } }, true],
      ['no longer', { annotations: { [KEYS.hold]: 'false' } }, false],
      ['until a day that is not over', { annotations: { [KEYS.holdUntil]: '2026-02-09' } }, true],
      ['until a day that is over here, and not yet in Honolulu', { annotations: { [KEYS.holdUntil]: '2026-02-08' } }, true],
      ['until a day that is over everywhere', { annotations: { [KEYS.holdUntil]: '2026-02-07' } }, false],
      ['in words that nobody can read', { annotations: { [KEYS.holdUntil]: 'next summer' } }, true],
    ])('%s', async (_, seed, expected) => {
      expect(await stays(seed)).toBe(expected);
    });
  });

  test('leaves an orphan whose data somebody has rescued by its handle, or the rescued snapshot would be empty', async () => {
    const server = new FakeApiServer();
    const name = orphan(server, { night: 500, handle: 'snap-1' });
    byHand(server, 'rescued', 'csi.example.com', 'snap-1');
    const { message, lines } = await perform(server, takingAll);
    expect(server.backend.has('snap-1')).toBe(true);
    expect(message).toContain('1 stay: 1 in use by another content');
    expect(orphansIn(lines)[0]).toMatchObject({ content: name, stays: "its storage is also that of content 'rescued'" });
  });

  test('does not take the same handle of another driver for the same data', async () => {
    const server = new FakeApiServer();
    orphan(server, { night: 500, handle: '1' });
    byHand(server, 'other', 'nfs.example.com', '1');
    await perform(server, takingAll);
    expect(contents(server)).toEqual(['other']);
  });

  test('leaves a content that was never let go: it may be a copy of another cluster\'s, and would be stuck in deletion for ever', async () => {
    const server = new FakeApiServer();
    const name = orphan(server, { night: 500 });
    server.editContent(name, c => { delete c.metadata.annotations[LET_GO]; });
    const { message, requests } = await perform(server, takingAll);
    expect(message).toContain('1 stay: 1 perhaps copied');
    expect(writes(requests)).toEqual([]);
  });

  test('leaves other namespaces alone, if some are named', async () => {
    const server = new FakeApiServer();
    orphan(server, { namespace: 'shop', night: 500 });
    const wiki = orphan(server, { namespace: 'wiki', night: 500 });
    await perform(server, { ...takingAll, namespaces: ['shop'] });
    expect(contents(server)).toEqual([wiki]);
  });

  test('of many clusters, made up by chance, never costs a living, held, young, foreign or last copy, and leaves nothing half done', async () => {
    const next = chance(7);
    const pick = <T>(...items: T[]) => items[next(items.length)];
    for (let round = 0; round < 30; round += 1) {
      const server = new FakeApiServer();
      const config = { ...reclaiming, keepNewestPerVolume: pick(0, 1, 2), olderThanSeconds: 86_400 * pick(0, 30) };
      const must = new Set<string>();
      for (let night = 1; night <= 60; night += 1 + next(9)) {
        for (const claim of ['data', 'logs']) {
          const held = next(6) === 0;
          const foreign = next(8) === 0;
          const alive = next(4) === 0;
          const seed = {
            night,
            claim,
            ready: next(5) > 0,
            deleted: next(night + 1),
            policy: pick('Retain', 'Retain', 'Delete'),
            ...held && { labels: { [KEYS.hold]: 'x' } },
            ...foreign && { name: `foreign-${claim}-${night}` },
          } as const;
          const name = alive ? living(server, seed) : orphan(server, seed);
          if (held || foreign || alive || seed.deleted < config.olderThanSeconds / 86_400) { must.add(name); }
        }
      }
      const copies = (claim: string) => server.contents.filter(c => c.status.readyToUse && c.spec.source.volumeHandle === `vol-shop-${claim}`
        && (SNAPSHOT_NAME.test(c.spec.volumeSnapshotRef.name) || c.metadata.annotations[LET_GO] === undefined))
        .sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? 1 : -1)).map(c => c.metadata.name as string);
      for (const claim of ['data', 'logs']) { copies(claim).slice(0, config.keepNewestPerVolume).forEach(name => must.add(name)); }
      const policies = new Map(server.contents.map(c => [c.metadata.name, c.spec.deletionPolicy]));

      const run = await perform(server, config);
      expect(run.exitCode).toBe(0);
      const left = contents(server);
      expect([...must].filter(name => !left.includes(name))).toEqual([]);
      expect([invisible(server), hollow(server)]).toEqual([[], []]);
      expect(server.contents.filter(c => c.spec.deletionPolicy !== policies.get(c.metadata.name))).toEqual([]);
      // and the next run finds nothing more to do
      expect(writes((await perform(server, config)).requests)).toEqual([]);
    }
  });
});

describe('what changes while a run gives back', () => {
  test.each(['Retain', 'Delete'] as const)('is a VolumeSnapshot that is there after all: it keeps its storage, and its content says %s as before', async policy => {
    const { server, due } = twoOrphans();
    server.editContent(due, c => { c.spec.deletionPolicy = policy; });
    const { namespace, name, uid } = content(server, due).spec.volumeSnapshotRef;
    once(server, 'before', /^GET volumesnapshots/, () => { server.add(snapshotsIn(namespace), { metadata: { namespace, name, uid }, spec: { source: {} } }); });
    const run = await perform(server, reclaiming);
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('2 stay: 1 among the newest of their volume, 1 changed meanwhile') });
    expect(content(server, due).spec.deletionPolicy).toBe(policy);
    expect(run.lines).toContainEqual({ step: 'spared', content: due, reason: 'its VolumeSnapshot is there' });
  });

  test('is a new VolumeSnapshot of the old name, which has storage of its own', async () => {
    const { server, due } = twoOrphans();
    const { namespace, name } = content(server, due).spec.volumeSnapshotRef;
    once(server, 'before', /^GET volumesnapshots/, () => { server.add(snapshotsIn(namespace), { metadata: { namespace, name }, spec: { source: {} } }); });
    await perform(server, reclaiming);
    expect(contents(server)).not.toContain(due);
  });

  const hold = (server: FakeApiServer, name: string) => server.editContent(name, c => { c.metadata.annotations[KEYS.hold] = 'stop'; });

  test.each([['before the policy is changed', /^PATCH/], ['before the content is deleted', /^DELETE/]])(
    'is a hold that comes %s: the orphan stays, and goes on to say Retain', async (_, request) => {
      const { server, due } = twoOrphans();
      once(server, 'before', request, () => hold(server, due));
      const run = await perform(server, reclaiming);
      expect(run.exitCode).toBe(0);
      expect(run.lines).toContainEqual({ step: 'spared', content: due, reason: "held by 'hold'=stop" });
      expect(content(server, due).spec.deletionPolicy).toBe('Retain');
      expect(hollow(server)).toEqual([]);
    },
  );

  test('is something that does not matter: the orphan goes all the same', async () => {
    const { server, due } = twoOrphans();
    once(server, 'before', /^DELETE/, () => server.editContent(due, c => { c.metadata.labels = { seen: 'yes' }; }));
    expect((await perform(server, reclaiming)).exitCode).toBe(0);
    expect(contents(server)).not.toContain(due);
  });

  test('is everything, all the time: the run gives up, and leaves the orphan as it was', async () => {
    const { server, due } = twoOrphans();
    let changes = 0;
    server.before = call => {
      if (call.verb === 'DELETE') { server.editContent(due, c => { c.metadata.labels = { change: `${changes += 1}` }; }); }
    };
    const run = await perform(server, reclaiming);
    expect(run.exitCode).toBe(1);
    expect(run.message).toContain(`FAILED ${due}: it changes all the time; the next run tries again`);
    expect(content(server, due).spec.deletionPolicy).toBe('Retain');
  });

  test.each<[string, (content: any) => void]>([
    ['the snapshot that it is of', c => { c.spec.volumeSnapshotRef.uid = 'another'; }],
    ['the handle', c => { c.status.snapshotHandle = 'another'; }],
    ['that its data is no longer ready, or ready at last', c => { c.status.readyToUse = false; }],
    ['that the snapshot controller takes its mark away', c => { delete c.metadata.annotations[LET_GO]; }],
  ])('is %s: the next run decides', async (_, change) => {
    const { server, due } = twoOrphans();
    once(server, 'before', /^PATCH/, () => server.editContent(due, change));
    const run = await perform(server, reclaiming);
    expect(run.lines).toContainEqual({ step: 'spared', content: due, reason: 'it has just changed; the next run decides' });
    expect(content(server, due).spec.deletionPolicy).toBe('Retain');
  });

  test('is that somebody else removes the content, which is no failure', async () => {
    const { server, due } = twoOrphans();
    once(server, 'before', /^PATCH/, () => vanish(server, due));
    expect((await perform(server, reclaiming)).exitCode).toBe(0);
  });
});

describe('a driver that does not delete', () => {
  test('does not keep the run waiting; the next one says so, for how long, and tries nothing twice', async () => {
    const { server, due } = twoOrphans();
    server.deletionFails = true;
    const from = server.clock.now();
    expect((await perform(server, reclaiming)).exitCode).toBe(0);
    expect(server.clock.now() - from).toBeLessThan(5 * SECOND);
    await server.clock.advance(HOUR);

    for (const config of [reclaiming, listing]) {
      const run = await perform(server, config);
      expect(run.exitCode).toBe(0);
      expect(run.message).toMatch(new RegExp(`1 being deleted since before this run, up to 1h\\d+s: shop/${due.replace('snapcontent-shop-', '')} `
        + `\\(${due}\\); if that goes on, the log of the driver's csi-snapshotter sidecar says why$`));
      expect(run.lines).toContainEqual(expect.objectContaining({ step: 'deleting', content: due, deletingFor: expect.stringMatching(/^1h\d+s$/) }));
      expect(orphansIn(run.lines).map(line => line.content)).not.toContain(due);
      expect(writes(run.requests)).toEqual([]);
    }
    server.deletionFails = false;
    await server.clock.advance(HOUR);
    expect([contents(server).includes(due), invisible(server)]).toEqual([false, []]);
    expect((await perform(server, listing)).message).not.toContain('being deleted');
  });
});

describe('rights and refusals', () => {
  test.each(['PATCH', 'DELETE'])('a %s that is refused fails for this orphan alone, leaves it as it was, and the message says what to apply', async verb => {
    const server = new FakeApiServer();
    const [fenced, other] = [70, 60, 50].map(night => orphan(server, { night }));
    server.before = call => { if (call.verb === verb && call.name === fenced) { throw new ApiError(403, `contents "${fenced}" is forbidden`); } };
    const run = await perform(server, reclaiming);
    expect(run.exitCode).toBe(1);
    expect(contents(server)).toContain(fenced);
    expect(contents(server)).not.toContain(other);
    expect(content(server, fenced).spec.deletionPolicy).toBe('Retain');
    expect(run.message).toBe('the storage of 1 of 3 orphans is being given back (1GiB to restore); '
      + 'FAILED for 1, the next run tries them again, '
      + 'apply the ClusterRole, its binding and the admission policy of this CronJob as they were synthesized; '
      + `1 stay: 1 among the newest of their volume; FAILED ${fenced}: contents "${fenced}" is forbidden`);
    server.before = undefined;
    await perform(server, reclaiming);
    expect([contents(server).length, invisible(server)]).toEqual([1, []]);
  });

  test('a message about many failures is one line that the kubelet keeps, and begins with the counts', async () => {
    const server = new FakeApiServer();
    for (let night = 40; night < 240; night += 1) { orphan(server, { night }); }
    server.before = call => { if (call.verb === 'DELETE') { throw new ApiError(422, 'denied\nby a policy'); } };
    const { message } = await perform(server, reclaiming);
    expect(Buffer.byteLength(message)).toBeLessThan(4096);
    expect(message).not.toContain('\n');
    expect(message).toMatch(/^the storage of 0 of 200 orphans is being given back \(0B to restore\); FAILED for 199, /);
  });
});

describe('the process is killed, told to end or cut off at any moment', () => {
  function cluster(): FakeApiServer {
    const server = new FakeApiServer();
    // more than are given back at once
    for (const night of [100, 110, 120, 130, 70, 60, 50, 40]) { orphan(server, { night }); }
    orphan(server, { claim: 'logs', night: 90, labels: { [KEYS.hold]: 'audit' } });
    orphan(server, { claim: 'logs', night: 80, policy: 'Delete' });
    living(server, { claim: 'logs', night: 1 });
    return server;
  }

  function requireGoodEnd(server: FakeApiServer): void {
    expect(nightsOf(server.contents)).toEqual([1, 40, 90]);
    expect([invisible(server), hollow(server)]).toEqual([[], []]);
    expect(server.contents.map(c => c.spec.deletionPolicy)).toEqual(Array(3).fill('Retain'));
  }

  let calls: number;

  beforeAll(async () => {
    const server = cluster();
    const { requests } = await perform(server, reclaiming);
    requireGoodEnd(server);
    calls = requests.length;
  });

  const inTurn = (work: (number: number) => Promise<void>) => Array.from({ length: calls }, (_, number) => number)
    .reduce((before, number) => before.then(() => work(number)), Promise.resolve());

  test.each(['before', 'after'] as const)('killed %s any request: the next run finishes what was begun', async when => {
    expect(calls).toBe(2 + 1 + 1 + 8 * 3);
    await inTurn(async number => {
      const server = cluster();
      const run = start(server, reclaiming);
      const killed = new Promise<void>(resolve => {
        server[when] = call => {
          if (call.number !== number) { return undefined; }
          run.pod.kill();
          resolve();
          return new Promise<void>(() => undefined);
        };
      });
      await server.clock.until(killed);
      server[when] = undefined;
      await server.clock.advance(10 * SECOND);
      // nothing that must stay is lost, and nothing is out of sight
      expect(invisible(server)).toEqual([]);
      expect((await perform(server, reclaiming)).exitCode).toBe(0);
      requireGoodEnd(server);
    });
  });

  test('told to end at any request: what is begun is finished, nothing new is begun, and the next run does the rest', async () => {
    await inTurn(async number => {
      const server = cluster();
      const run = start(server, reclaiming);
      server.before = call => { if (call.number === number) { run.sigterm(); } };
      expect((await server.clock.until(run.result)).exitCode).toBe(143);
      await server.clock.advance(SECOND);
      expect([invisible(server), hollow(server)]).toEqual([[], []]);
      // each that was changed is gone
      expect(server.contents.filter(c => c.spec.deletionPolicy === 'Delete' && !c.metadata.name.includes('logs'))).toEqual([]);
      server.before = undefined;
      expect((await perform(server, reclaiming)).exitCode).toBe(0);
      requireGoodEnd(server);
    });
  });

  test('told to end when there is much to do: it finishes what is under way, and begins nothing more', async () => {
    const server = new FakeApiServer();
    for (let night = 40; night < 80; night += 1) { orphan(server, { night }); }
    const run = start(server, reclaiming);
    once(server, 'before', /^GET/, () => run.sigterm());
    expect((await server.clock.until(run.result)).exitCode).toBe(143);
    const deletions = server.calls.filter(call => call.verb === 'DELETE').length;
    expect([deletions > 0, deletions < 10]).toEqual([true, true]);
  });

  test.each(['before', 'after'] as const)('cut off %s a request is answered: the run goes on by itself', async when => {
    await inTurn(async number => {
      const server = cluster();
      server[when] = call => { if (call.number === number) { throw new ConnectionError('reset'); } };
      expect((await perform(server, reclaiming)).exitCode).toBe(0);
      requireGoodEnd(server);
    });
  });

  test('an API server that goes away in the midst is left to another pod, which finishes; nothing is set back that may be going', async () => {
    const server = cluster();
    let deleted = 0;
    server.after = call => {
      if (call.verb === 'DELETE') { deleted += 1; }
      return deleted > 1 ? call.hang() : undefined;
    };
    const run = await perform(server, reclaiming);
    expect(run.exitCode).toBe(75);
    expect(run.message).toMatch(/FAILED for \d, the next run tries them again; .*did not answer/);
    // it is not waited for once for each orphan
    expect(server.clock.now() - TONIGHT).toBeLessThan(5 * MINUTE);
    server.after = undefined;
    expect(invisible(server)).toEqual([]);
    expect((await perform(server, reclaiming)).exitCode).toBe(0);
    requireGoodEnd(server);
  });

  test('a lost answer to a deletion that the driver is slow with does not make the orphan retain its storage, which would then be out of sight', async () => {
    const { server, due } = twoOrphans();
    server.deletionFails = true;
    once(server, 'after', /^DELETE/, () => { throw new ConnectionError('reset'); });
    expect((await perform(server, reclaiming)).exitCode).toBe(0);
    expect(content(server, due)).toMatchObject({ metadata: { deletionTimestamp: expect.anything() }, spec: { deletionPolicy: 'Delete' } });
    server.deletionFails = false;
    await server.clock.advance(MINUTE);
    expect([contents(server).includes(due), invisible(server)]).toEqual([false, []]);
  });

  test('two runs beside each other do no harm', async () => {
    const server = cluster();
    const runs = [start(server, reclaiming), start(server, reclaiming)];
    const results = await server.clock.until(Promise.all(runs.map(run => run.result)));
    await server.clock.advance(2 * SECOND);
    expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    requireGoodEnd(server);
  });
});

/** Numbers from 0 that look like chance, the same each time. */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor(state / 65_536) % below;
  };
}
