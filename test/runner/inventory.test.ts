import { DAY, FakeApiServer, FakePod, HOUR, inShort, NAMESPACE, perform as performSchedule, schedule, TONIGHT } from './fake-api-server';
import { CONFIG_VERSION, Inventory, InventoryConfig, InventoryEntry, KEYS } from '../../src/runner/config';
import { runInventory } from '../../src/runner/inventory';
import { ApiError, ConnectionError } from '../../src/runner/kube-client';
import { RunResult } from '../../src/runner/report';

const API = '/apis/snapshot.storage.k8s.io/v1';
const CONTENTS = `${API}/volumesnapshotcontents`;
const snapshotsIn = (namespace: string) => `${API}/namespaces/${namespace}/volumesnapshots`;
const SPEC = { storageClassName: 'gp3', accessModes: ['ReadWriteOnce'], volumeMode: 'Filesystem', storage: '5Gi' };

interface Finished extends RunResult {
  readonly text?: string;
  readonly file?: Inventory;
  readonly requests: string[];
  readonly lines: { step: string; [detail: string]: any }[];
}

async function perform(server: FakeApiServer, changes: Partial<InventoryConfig> = {}, write?: (text: string) => void): Promise<Finished> {
  const before = server.calls.length;
  const texts: string[] = [];
  const lines: Finished['lines'] = [];
  const result = await server.clock.until(runInventory({
    client: new FakePod(server),
    config: { kind: 'Inventory', version: CONFIG_VERSION, minimumSnapshots: 1, ...changes },
    signal: new AbortController().signal,
    log: (step, details) => { lines.push({ ...details, step }); },
    write: write ?? (text => { texts.push(text); }),
  }));
  const [text] = texts;
  return { ...result, text, file: text === undefined ? undefined : JSON.parse(text), lines, requests: server.calls.slice(before).map(inShort) };
}

interface Seed {
  readonly namespace?: string;
  readonly claim?: string;
  /** how many nights ago it was cut */
  readonly night?: number;
  readonly name?: string;
  readonly metadata?: { labels?: object; annotations?: object; deletionTimestamp?: string };
  readonly status?: object;
  readonly content?: { name?: string; spec?: object; status?: object; metadata?: object };
  /** what is left out */
  readonly without?: 'snapshot' | 'content';
}

const at = (nights: number) => TONIGHT - nights * DAY;
const stamp = (time: number) => `${new Date(time).toISOString().slice(0, 19)}Z`;

/** A snapshot of a schedule with its content, as they are when all is well, but for what a test is about; returns its name. */
function add(server: FakeApiServer, seed: Seed = {}): string {
  const { namespace = NAMESPACE, claim = 'data', night = 1, content = {} } = seed;
  const name = seed.name ?? `${claim}-${stamp(at(night)).slice(0, 10).replace(/-/g, '')}-020000-0123abcd`;
  const uid = `uid-of-${namespace}-${name}`;
  const contentName = content.name ?? `snapcontent-${uid}`;
  if (seed.without !== 'content') {
    server.add(CONTENTS, {
      metadata: { name: contentName, creationTimestamp: stamp(at(night)), ...content.metadata },
      spec: {
        deletionPolicy: 'Retain',
        driver: 'csi.example.com',
        source: { volumeHandle: `vol-${namespace}-${claim}` },
        sourceVolumeMode: 'Filesystem',
        volumeSnapshotClassName: 'fast',
        volumeSnapshotRef: { namespace, name, uid },
        ...content.spec,
      },
      status: { snapshotHandle: `handle-${namespace}-${name}`, readyToUse: true, creationTime: at(night) * 1e6, restoreSize: 5 * 1024 ** 3, ...content.status },
    });
  }
  if (seed.without !== 'snapshot') {
    server.add(snapshotsIn(namespace), {
      metadata: {
        namespace,
        name,
        uid,
        creationTimestamp: stamp(at(night)),
        ...seed.metadata,
        labels: { [KEYS.schedule]: 'nightly', [KEYS.claim]: claim, [KEYS.claimUid]: `uid-of-${claim}`, [KEYS.consistency]: 'crash', ...seed.metadata?.labels },
        annotations: { [KEYS.claimSpec]: JSON.stringify(SPEC), [KEYS.scheduledFor]: stamp(at(night)), 'kubectl.kubernetes.io/x': 'y', ...seed.metadata?.annotations },
      },
      spec: { source: { persistentVolumeClaimName: claim } },
      status: { boundVolumeSnapshotContentName: contentName, readyToUse: true, creationTime: stamp(at(night)), ...seed.status },
    });
  }
  return name;
}

const entries = ({ file }: Finished): readonly InventoryEntry[] => file?.snapshots ?? [];
const gaps = ({ file }: Finished) => Object.fromEntries((file?.missing ?? []).map(({ name, why }) => [name, why]));

let server: FakeApiServer;
beforeEach(() => { server = new FakeApiServer(); });

describe('the file', () => {
  test('has a line for each snapshot, by whose it is and then by age, so that a comparison of two files shows what came and went', async () => {
    add(server, { namespace: 'wiki', claim: 'files' });
    add(server, { claim: 'data', night: 1 });
    add(server, { claim: 'data', night: 2 });
    add(server, { claim: 'broken', status: { readyToUse: false, error: { message: 'quota' } } });
    const { text } = await perform(server);
    expect(text).toMatchInlineSnapshot(`
"{
"kind": "SnapshotInventory",
"version": 1,
"madeAt": "2026-02-09T02:00:00.004Z",
"snapshots": [
{"namespace":"shop","name":"data-20260207-020000-0123abcd","claim":"data","claimUid":"uid-of-data","schedule":"nightly","cutAt":"2026-02-07T02:00:00.000Z","driver":"csi.example.com","handle":"handle-shop-data-20260207-020000-0123abcd","restoreSize":5368709120,"volumeMode":"Filesystem","snapshotClass":"fast","deletionPolicy":"Retain","consistency":"crash","claimSpec":{"storageClassName":"gp3","accessModes":["ReadWriteOnce"],"volumeMode":"Filesystem","storage":"5Gi"},"annotations":{"cdk8s-volume-snapshots/scheduled-for":"2026-02-07T02:00:00Z"}},
{"namespace":"shop","name":"data-20260208-020000-0123abcd","claim":"data","claimUid":"uid-of-data","schedule":"nightly","cutAt":"2026-02-08T02:00:00.000Z","driver":"csi.example.com","handle":"handle-shop-data-20260208-020000-0123abcd","restoreSize":5368709120,"volumeMode":"Filesystem","snapshotClass":"fast","deletionPolicy":"Retain","consistency":"crash","claimSpec":{"storageClassName":"gp3","accessModes":["ReadWriteOnce"],"volumeMode":"Filesystem","storage":"5Gi"},"annotations":{"cdk8s-volume-snapshots/scheduled-for":"2026-02-08T02:00:00Z"}},
{"namespace":"wiki","name":"files-20260208-020000-0123abcd","claim":"files","claimUid":"uid-of-files","schedule":"nightly","cutAt":"2026-02-08T02:00:00.000Z","driver":"csi.example.com","handle":"handle-wiki-files-20260208-020000-0123abcd","restoreSize":5368709120,"volumeMode":"Filesystem","snapshotClass":"fast","deletionPolicy":"Retain","consistency":"crash","claimSpec":{"storageClassName":"gp3","accessModes":["ReadWriteOnce"],"volumeMode":"Filesystem","storage":"5Gi"},"annotations":{"cdk8s-volume-snapshots/scheduled-for":"2026-02-08T02:00:00Z"}}
],
"missing": [
{"namespace":"shop","name":"broken-20260208-020000-0123abcd","claim":"broken","why":"quota"}
]
}
"
`);
  });

  test('differs by the time alone while nothing else does', async () => {
    add(server);
    const first = await perform(server);
    await server.clock.advance(HOUR);
    const second = await perform(server);
    expect(second.text).not.toBe(first.text);
    expect({ ...second.file, madeAt: '' }).toEqual({ ...first.file, madeAt: '' });
  });

  test('tells what is known of the data: that it was verified, that it was held for, the group that it was cut with', async () => {
    add(server, {
      metadata: { labels: { [KEYS.verified]: 'true', [KEYS.consistency]: 'application', team: 'shop', [KEYS.hold]: 'ticket-7' }, annotations: { [KEYS.verifiedAt]: stamp(TONIGHT) } },
      content: { status: { volumeGroupSnapshotHandle: 'group-7' } },
    });
    expect(entries(await perform(server))).toEqual([expect.objectContaining({
      verified: true,
      consistency: 'application',
      groupHandle: 'group-7',
      labels: { team: 'shop', [KEYS.hold]: 'ticket-7' },
      annotations: { [KEYS.scheduledFor]: stamp(at(1)), [KEYS.verifiedAt]: stamp(TONIGHT) },
    })]);
  });

  test('tells that a drill has found the data bad', async () => {
    add(server, { metadata: { labels: { [KEYS.verified]: 'false' } } });
    expect(entries(await perform(server))).toEqual([expect.objectContaining({ verified: false })]);
  });

  test('does not hand on that a person has let a snapshot go', async () => {
    add(server, { metadata: { labels: { [KEYS.prunable]: 'true' }, annotations: { [KEYS.prunable]: 'true' } } });
    expect(JSON.stringify(entries(await perform(server)))).not.toContain(KEYS.prunable);
  });

  test('has what others took, by hand or by another tool, with what is known of it', async () => {
    server.add(CONTENTS, {
      metadata: { name: 'c' },
      spec: { deletionPolicy: 'Delete', driver: 'csi.example.com', source: { volumeHandle: 'vol' }, volumeSnapshotRef: { namespace: 'shop', name: 'by-hand', uid: 'u' } },
      status: { snapshotHandle: 'h', readyToUse: true, creationTime: at(1) * 1e6 },
    });
    server.add(snapshotsIn('shop'), {
      metadata: { namespace: 'shop', name: 'by-hand', uid: 'u', creationTimestamp: stamp(at(1)) },
      spec: { source: { persistentVolumeClaimName: 'data' } },
      status: { boundVolumeSnapshotContentName: 'c', readyToUse: true, creationTime: stamp(at(1)) },
    });
    expect(entries(await perform(server))).toEqual([
      { namespace: 'shop', name: 'by-hand', claim: 'data', cutAt: new Date(at(1)).toISOString(), driver: 'csi.example.com', handle: 'h', deletionPolicy: 'Delete' },
    ]);
  });

  test('has what was imported itself, with the schedule that took it and the time of its cut, so that the next cluster may be lost too', async () => {
    const name = add(server, { night: 0, metadata: { annotations: { [KEYS.takenBy]: 'nightly', [KEYS.cutAt]: stamp(at(40)), [KEYS.claim]: 'data' } } });
    server.editContent(`snapcontent-uid-of-shop-${name}`, content => { content.spec.source = { snapshotHandle: 'handle-7' }; });
    const snapshot = server.listOf(snapshotsIn('shop'))[0];
    delete snapshot.metadata.labels[KEYS.schedule];
    server.add(snapshotsIn('shop'), { ...snapshot, spec: { source: { volumeSnapshotContentName: 'x' } } });
    expect(entries(await perform(server))).toEqual([
      expect.objectContaining({ claim: 'data', schedule: 'nightly', cutAt: new Date(at(40)).toISOString() }),
    ]);
  });
});

describe('what cannot be brought back', () => {
  test.each<[string, Seed, string]>([
    ['failed in the storage', { status: { readyToUse: false, error: { message: 'out of space' } } }, 'out of space'],
    ['is not cut yet', { status: { readyToUse: false, creationTime: undefined } }, 'its data is not cut yet'],
    ['is still copied', { status: { readyToUse: false } }, 'the storage is still copying it'],
    ['is being deleted', { metadata: { deletionTimestamp: stamp(TONIGHT) } }, 'it is being deleted'],
    ['has lost its content', { without: 'content' }, 'its content was not there; if it has just been taken, the next inventory has it'],
    ['has no handle', { content: { status: { snapshotHandle: undefined } } }, 'the storage has not said its handle yet'],
    ['shares the content of another', { content: { spec: { volumeSnapshotRef: { namespace: 'shop', name: 'other', uid: 'u' } } } }, "its content 'snapcontent-uid-of-shop-odd' is that of another snapshot"],
  ])('since it %s, is named with the reason, in the file, the log and the message', async (_, seed, why) => {
    add(server, { claim: 'good' });
    add(server, { ...seed, name: 'odd' });
    const end = await perform(server);
    expect(end.exitCode).toBe(0);
    expect(gaps(end)).toEqual({ odd: why });
    expect(entries(end).filter(({ name, orphan }) => name === 'odd' && !orphan)).toEqual([]);
    expect(end.lines).toEqual([expect.objectContaining({ step: 'missing', namespace: 'shop', name: 'odd', claim: 'data', why })]);
    expect(end.message).toContain(`; 1 could not be listed: shop/odd (${why})`);
  });

  test('is counted where it is much', async () => {
    add(server);
    for (let count = 0; count < 7; count += 1) { add(server, { name: `odd-${count}`, without: 'content' }); }
    const end = await perform(server);
    expect(end.message).toMatch(/7 could not be listed: shop\/odd-0 .* and 2 more in the log$/);
    expect(Object.keys(gaps(end))).toHaveLength(7);
  });
});

describe('storage that was retained though its VolumeSnapshot is gone', () => {
  test('is listed, marked, with the claim that its name tells', async () => {
    add(server);
    add(server, { claim: 'data', night: 3, without: 'snapshot' });
    const end = await perform(server);
    expect(entries(end)[0]).toEqual({
      namespace: 'shop',
      name: 'data-20260206-020000-0123abcd',
      orphan: true,
      claim: 'data',
      cutAt: new Date(at(3)).toISOString(),
      driver: 'csi.example.com',
      handle: 'handle-shop-data-20260206-020000-0123abcd',
      restoreSize: 5368709120,
      volumeMode: 'Filesystem',
      snapshotClass: 'fast',
      deletionPolicy: 'Retain',
    });
    expect(end.message).toBe('2 snapshots of 1 claims are listed in /inventory/inventory.json, not exported yet, 1 of them retained orphans');
  });

  test.each<[string, Seed]>([
    ['its storage goes with it', { content: { spec: { deletionPolicy: 'Delete' } } }],
    ['it is going', { content: { metadata: { deletionTimestamp: stamp(TONIGHT) } } }],
    ['nothing was ever cut', { content: { status: { snapshotHandle: undefined, readyToUse: false } } }],
    ['a VolumeSnapshot has been made for its handle', { content: { status: { snapshotHandle: 'handle-shop-living' } } }],
  ])('is left out where %s', async (_, seed) => {
    add(server, { name: 'living' });
    add(server, { ...seed, name: 'gone', without: 'snapshot' });
    const end = await perform(server);
    expect([entries(end).map(({ name }) => name), gaps(end)]).toEqual([['living'], {}]);
  });

  test('is told to be of no use where the storage had not finished it', async () => {
    add(server);
    add(server, { name: 'gone', without: 'snapshot', content: { status: { readyToUse: false } } });
    expect(gaps(await perform(server))).toEqual({ gone: 'its VolumeSnapshot is gone, and the storage had not finished it' });
  });
});

describe('an inventory of less than is expected', () => {
  test('of nothing at all is a failure, and is not written', async () => {
    const end = await perform(server);
    expect([end.exitCode, end.text]).toEqual([1, undefined]);
    expect(end.message).toBe('FAILED: 0 snapshots can be listed, and minimumSnapshots is 1; nothing more was done, so that what was exported before stays as it is');
  });

  test('of orphans alone likewise, and it says what could not be listed', async () => {
    add(server, { night: 3, without: 'snapshot' });
    add(server, { name: 'odd', without: 'content' });
    const end = await perform(server);
    expect([end.exitCode, end.text]).toEqual([1, undefined]);
    expect(end.message).toContain('minimumSnapshots is 1; 1 could not be listed: shop/odd (its content was not there');
  });

  test('of one of the namespaces that are named, likewise', async () => {
    add(server);
    add(server, { namespace: 'blog' });
    const end = await perform(server, { namespaces: ['shop', 'wiki'] });
    expect([end.exitCode, end.text]).toEqual([1, undefined]);
    expect(end.message).toContain("0 snapshots in namespace 'wiki' can be listed");
    expect(end.message).not.toContain("'shop'");
  });

  test('of fewer than a person has said', async () => {
    add(server, { night: 1 });
    add(server, { night: 2 });
    expect((await perform(server, { minimumSnapshots: 3 })).exitCode).toBe(1);
    expect((await perform(server, { minimumSnapshots: 2 })).exitCode).toBe(0);
  });

  test('is written where nothing is expected', async () => {
    const end = await perform(server, { minimumSnapshots: 0 });
    expect([end.exitCode, end.file?.snapshots]).toEqual([0, []]);
  });
});

test('only snapshots of the namespaces that are named are listed, living or orphaned', async () => {
  add(server);
  add(server, { night: 3, without: 'snapshot' });
  add(server, { namespace: 'wiki' });
  add(server, { namespace: 'wiki', night: 3, without: 'snapshot' });
  add(server, { namespace: 'wiki', name: 'odd', without: 'content' });
  const end = await perform(server, { namespaces: ['shop'] });
  expect([entries(end).map(({ namespace }) => namespace), gaps(end)]).toEqual([['shop', 'shop'], {}]);
  expect(end.file?.namespaces).toEqual(['shop']);
});

test('what a schedule has just taken is listed', async () => {
  server.addClaim('data', { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '5Gi' } } } });
  await performSchedule(server, { config: schedule() });
  expect(entries(await perform(server))).toEqual([expect.objectContaining({
    claim: 'data', schedule: 'nightly', claimSpec: { accessModes: ['ReadWriteOnce'], storage: '5Gi' },
  })]);
});

test('ten thousand are listed in pages, by nothing but lists', async () => {
  for (let count = 0; count < 10_000; count += 1) { add(server, { name: `data-${count}`, night: count % 30 }); }
  const end = await perform(server);
  expect(entries(end)).toHaveLength(10_000);
  expect([...new Set(end.requests)]).toEqual(['LIST volumesnapshotcontents', 'LIST volumesnapshots']);
  expect(end.requests).toHaveLength(200);
});

describe('a run that cannot go on', () => {
  const failing = (error: () => Error) => { server.before = () => { throw error(); }; };

  test('for want of a right says which', async () => {
    failing(() => new ApiError(403, 'volumesnapshotcontents is forbidden'));
    expect(await perform(server)).toMatchObject({ exitCode: 1, text: undefined, message: expect.stringContaining('apply the ClusterRole of this inventory and its binding') });
  });

  test('for want of the snapshot API says so', async () => {
    failing(() => new ApiError(404, 'not found'));
    expect(await perform(server)).toMatchObject({ exitCode: 1, message: expect.stringContaining('the cluster has no VolumeSnapshot API') });
  });

  test('for want of an API server leaves it to another pod', async () => {
    failing(() => new ConnectionError('refused'));
    expect(await perform(server)).toMatchObject({ exitCode: 75, text: undefined });
  });

  test('for want of a place for the file says so', async () => {
    add(server);
    const end = await perform(server, {}, () => { throw new Error('ENOSPC: no space left on device'); });
    expect(end).toMatchObject({ exitCode: 1, message: expect.stringContaining('FAILED: ENOSPC') });
  });
});
