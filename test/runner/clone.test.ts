import { MINUTE, SECOND } from './fake-api-server';
import { ClusterCall, ClusterClient, ContainerEnd, FakeCluster, SPEC } from './fake-cluster';
import { runClone } from '../../src/runner/clone';
import { CloneConfig, CONFIG_VERSION, KEYS } from '../../src/runner/config';
import { ApiError, ConnectionError } from '../../src/runner/kube-client';
import { RunResult } from '../../src/runner/report';

const [SHOP, STAGING, PLATFORM] = ['shop', 'staging', 'platform'];
const ID = 'shop-staging.platform';
const POD = (name: string) => ({ labels: { mesh: 'no' }, annotations: {}, spec: { restartPolicy: 'Never', containers: [{ name, image: 'x' }] }, mountPath: '/data' });
const MASKING = { snapshotClassName: 'masked', mask: POD('mask'), check: POD('check') };

function clone(changes: Partial<CloneConfig> = {}): CloneConfig {
  return {
    kind: 'Clone',
    version: CONFIG_VERSION,
    cloneId: ID,
    scheduleId: 'nightly',
    sourceNamespace: SHOP,
    targetNamespace: STAGING,
    claims: [{ kind: 'Claim', name: 'data' }],
    names: 'beside',
    keep: 1,
    only: [],
    timeoutSeconds: 600,
    labels: {},
    ...changes,
  };
}

function start(cluster: FakeCluster, changes: Partial<CloneConfig>, jobUid: string) {
  const client = new ClusterClient(cluster);
  const terminated = new AbortController();
  const result = Promise.resolve().then(() => runClone({
    client, config: clone(changes), namespace: PLATFORM, pod: 'shop-staging-1-x7k2p', jobName: 'shop-staging-1', jobUid, signal: terminated.signal, log: () => undefined,
  }));
  return { client, result, sigterm: () => terminated.abort() };
}

let jobs = 0;

/** A run from start to end, and some seconds more so that the controllers are done as well. */
async function perform(cluster: FakeCluster, changes: Partial<CloneConfig> = {}, jobUid = `job-${jobs += 1}`): Promise<RunResult & { requests: string[] }> {
  const before = cluster.calls.length;
  const result = await cluster.clock.until(start(cluster, changes, jobUid).result);
  const requests = cluster.calls.slice(before).map(({ namespace, resource, verb }) => `${namespace} ${verb} ${resource}`);
  await cluster.clock.advance(10 * SECOND);
  return { ...result, requests };
}

const namesOf = (cluster: FakeCluster, namespace: string, resource: string): string[] =>
  cluster.all(namespace, resource).map(({ metadata }) => metadata.name).sort();
const clones = (cluster: FakeCluster) => namesOf(cluster, STAGING, 'persistentvolumeclaims');
const dataOf = (cluster: FakeCluster) => clones(cluster).map(name => cluster.data(STAGING, name));
/** What clones have left but their claims, and what production has lost; of the storage only what is production's stays. */
const left = (cluster: FakeCluster) => [
  ...cluster.all('', 'volumesnapshotcontents').filter(({ metadata }) => metadata.labels?.[KEYS.clone]).map(({ metadata }) => metadata.name),
  ...[STAGING, PLATFORM].flatMap(namespace => namesOf(cluster, namespace, 'volumesnapshots')),
  ...namesOf(cluster, PLATFORM, 'persistentvolumeclaims'),
  ...namesOf(cluster, PLATFORM, 'pods'),
  ...[...cluster.storage.keys()].filter(handle => !cluster.all('', 'volumesnapshotcontents').some(({ status }) => status?.snapshotHandle === handle)),
  ...cluster.all(SHOP, 'volumesnapshots').map(({ metadata }) => metadata)
    .filter(({ deletionTimestamp, name }) => deletionTimestamp || !cluster.storage.has(`snap-${name}`)).map(({ name }) => `lost ${name}`),
];

function world(): FakeCluster {
  const cluster = new FakeCluster(SHOP, STAGING, PLATFORM);
  cluster.addSnapshot(SHOP, 'data', 30, 'monday');
  cluster.addSnapshot(SHOP, 'data', 6, 'tuesday');
  return cluster;
}

describe('a clone', () => {
  test('has the data of the newest snapshot, by a content that retains it, and leaves nothing else behind', async () => {
    const cluster = world();
    const made: any[] = [];
    cluster.after = ({ name, namespace, resource, verb }) => { if (verb === 'POST') { made.push([resource, structuredClone(cluster.find(namespace, resource, name ?? ''))]); } };
    const run = await perform(cluster, { labels: { app: 'shop' } });
    expect(run.exitCode).toBe(0);
    expect(run.message).toBe("1 of 1 clones are ready in 'staging' after 2s; 'data-restored-20260208-200000' has the data of shop/data as of 2026-02-08T20:00:00.000Z "
      + "(snapshot 'data-6', crash-consistent)");
    const [[, snapshot], [, content], [, claim], [, event]] = made;
    expect(made.map(([resource]) => resource)).toEqual(['volumesnapshots', 'volumesnapshotcontents', 'persistentvolumeclaims', 'events']);
    expect(snapshot.spec).toEqual({ volumeSnapshotClassName: 'ebs', source: { volumeSnapshotContentName: content.metadata.name } });
    expect(content.spec).toEqual({
      deletionPolicy: 'Retain',
      driver: 'ebs.example.com',
      sourceVolumeMode: 'Filesystem',
      volumeSnapshotClassName: 'ebs',
      source: { snapshotHandle: 'snap-data-6' },
      volumeSnapshotRef: { namespace: STAGING, name: snapshot.metadata.name },
    });
    expect(content.metadata.ownerReferences).toEqual([{ apiVersion: 'v1', kind: 'Namespace', name: STAGING, uid: cluster.find('', 'namespaces', STAGING).metadata.uid }]);
    expect(claim.spec).toMatchObject({ storageClassName: 'gp3', dataSource: { name: snapshot.metadata.name }, resources: { requests: { storage: '5Gi' } } });
    expect(claim.metadata.labels).toEqual({ [KEYS.clone]: ID, [KEYS.restored]: 'true', 'app': 'shop', 'velero.io/exclude-from-backup': 'true' });
    expect(claim.metadata.annotations).toMatchObject({ [KEYS.clonedFrom]: 'shop/data-6', 'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false' });
    expect(event).toMatchObject({ reason: 'SnapshotCloned', involvedObject: { name: claim.metadata.name, namespace: STAGING } });
    expect([dataOf(cluster), left(cluster)]).toEqual([['tuesday'], []]);
  });

  test('of several claims takes them from one run', async () => {
    const cluster = world();
    cluster.addSnapshot(SHOP, 'wal', 30, 'wal of monday');
    await perform(cluster, { claims: [{ kind: 'Claim', name: 'data' }, { kind: 'Claim', name: 'wal' }] });
    expect(dataOf(cluster)).toEqual(['monday', 'wal of monday']);
  });

  test('takes what was verified, or cut while the application was held, if that is asked for', async () => {
    const cluster = world();
    cluster.addSnapshot(SHOP, 'data', 40, 'sunday', { [KEYS.verified]: 'true', [KEYS.consistency]: 'application' });
    await perform(cluster, { only: ['verified', 'application'] });
    expect(dataOf(cluster)).toEqual(['sunday']);
  });

  test('is called as a StatefulSet of the target namespace looks for it', async () => {
    const cluster = world();
    cluster.addSnapshot(SHOP, 'data-db-0', 6, 'x');
    await perform(cluster, { claims: [{ kind: 'Claim', name: 'data-db-0', statefulSet: 'db' }], names: 'stateful-set/qa', storageClassName: 'slow' });
    expect(clones(cluster)).toEqual(['data-qa-0']);
    expect(cluster.find(STAGING, 'persistentvolumeclaims', 'data-qa-0').spec.storageClassName).toBe('slow');
  });

  test('finds claims by labels in the namespace of the snapshots', async () => {
    const cluster = world();
    const { requests } = await perform(cluster, { claims: [{ kind: 'Selector', matchLabels: { tier: 'db' } }] });
    expect(requests).toContain('shop LIST persistentvolumeclaims');
    expect(dataOf(cluster)).toEqual(['tuesday']);
  });

  test('asks for what its Roles have, and for nothing else', async () => {
    const cluster = world();
    const first = await perform(cluster);
    cluster.addSnapshot(SHOP, 'data', 0, 'wednesday');
    const second = await perform(cluster);
    expect([...new Set([...first.requests, ...second.requests])].sort()).toEqual([
      ' DELETE volumesnapshotcontents', ' GET namespaces', ' GET volumesnapshotcontents', ' POST volumesnapshotcontents', 'shop LIST volumesnapshots',
      ...['DELETE persistentvolumeclaims', 'DELETE volumesnapshots', 'LIST events', 'LIST persistentvolumeclaims', 'LIST pods', 'LIST volumesnapshots',
        'POST events', 'POST persistentvolumeclaims', 'POST volumesnapshots'].map(right => `staging ${right}`),
    ]);
  });
});

describe('a refresh', () => {
  test('makes nothing when nothing is newer, and says so', async () => {
    const cluster = world();
    await perform(cluster);
    const run = await perform(cluster);
    expect(run).toMatchObject({
      exitCode: 0,
      message: "nothing is newer than what was cloned, as of 2026-02-08T20:00:00.000Z: 1 of 1 clones are ready in 'staging'; 'data-restored-20260208-200000' was there already",
    });
    expect(run.requests.filter(each => /POST|DELETE/.test(each))).toEqual([]);
  });

  test.each([{ scheduleId: 'weekly' }, { claims: [{ kind: 'Claim' as const, name: 'data' }, { kind: 'Claim' as const, name: 'wal' }] }])(
    'is made of another source, though that has nothing newer: %j', async changes => {
      const cluster = world();
      cluster.addSnapshot(SHOP, 'wal', 30, 'wal of monday');
      cluster.addSnapshot(SHOP, 'data', 30, 'monday', { [KEYS.schedule]: 'weekly' });
      await perform(cluster);
      expect((await perform(cluster, changes)).message).not.toMatch(/^nothing is newer/);
    });

  test('makes the new clone, then removes the old one', async () => {
    const cluster = world();
    await perform(cluster);
    cluster.addSnapshot(SHOP, 'data', 0, 'wednesday');
    const run = await perform(cluster);
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('1 old clones removed: data-restored-20260208-200000') });
    expect([dataOf(cluster), left(cluster)]).toEqual([['wednesday'], []]);
  });

  test('keeps as many as it was told', async () => {
    const cluster = world();
    for (const [hoursAgo, data] of [[5, 'a'], [4, 'b'], [3, 'c']] as const) {
      cluster.addSnapshot(SHOP, 'data', hoursAgo, data);
      await perform(cluster, { keep: 2 });
    }
    expect([dataOf(cluster), left(cluster)]).toEqual([['b', 'c'], []]);
  });

  test('leaves a clone that a pod mounts, also one that has not begun, for the next one', async () => {
    const cluster = world();
    await perform(cluster);
    cluster.addPod(STAGING, 'qa', 'data-restored-20260208-200000', 'Pending');
    cluster.addSnapshot(SHOP, 'data', 0, 'wednesday');
    expect(await perform(cluster)).toMatchObject({
      exitCode: 0, message: expect.stringContaining("old clones in use stay until the next refresh: 'data-restored-20260208-200000' is mounted by pod 'qa'"),
    });
    expect(dataOf(cluster)).toEqual(['tuesday', 'wednesday']);
    cluster.edit(STAGING, 'pods', 'qa', pod => { pod.status.phase = 'Succeeded'; });
    await perform(cluster);
    expect(dataOf(cluster)).toEqual(['wednesday']);
  });

  test('leaves what is newer than all snapshots that are there', async () => {
    const cluster = world();
    await perform(cluster);
    cluster.remove(SHOP, 'volumesnapshots', 'data-6');
    expect((await perform(cluster)).message).toMatch(/^nothing is newer/);
    expect(dataOf(cluster)).toEqual(['tuesday']);
  });

  test('makes a clone again that somebody has deleted', async () => {
    const cluster = world();
    await perform(cluster);
    cluster.remove(STAGING, 'persistentvolumeclaims', 'data-restored-20260208-200000');
    await perform(cluster);
    expect([dataOf(cluster), left(cluster)]).toEqual([['tuesday'], []]);
  });

  test('makes clones anew when something else is asked for, above all masking', async () => {
    const cluster = world();
    await perform(cluster);
    await perform(cluster, { masking: MASKING });
    expect([dataOf(cluster), left(cluster)]).toEqual([['masked'], []]);
  });

  test('never touches claims that are not its own', async () => {
    const cluster = world();
    await perform(cluster, { cloneId: 'other.platform', names: 'suffix/other' });
    await perform(cluster);
    cluster.addSnapshot(SHOP, 'data', 0, 'wednesday');
    await perform(cluster);
    expect(dataOf(cluster).sort()).toEqual(['tuesday', 'wednesday']);
  });

  test('leaves nothing behind after twenty', async () => {
    const cluster = world();
    for (let round = 0; round < 20; round += 1) {
      cluster.addSnapshot(SHOP, 'data', 5 - round / 10, `round ${round}`);
      await perform(cluster, round % 2 === 0 ? {} : { names: 'suffix/qa' });
    }
    expect([dataOf(cluster), left(cluster)]).toEqual([['round 19'], []]);
  });
});

describe('a fixed name', () => {
  const names = 'suffix/qa';

  test('is taken over from the old clone', async () => {
    const cluster = world();
    await perform(cluster, { names });
    cluster.addSnapshot(SHOP, 'data', 0, 'wednesday');
    expect((await perform(cluster, { names })).exitCode).toBe(0);
    expect([clones(cluster), dataOf(cluster), left(cluster)]).toEqual([['data-qa'], ['wednesday'], []]);
  });

  test.each([['at once', false], ['after masking', true]])('is not taken from under a pod, which is looked for %s', async (_, isLate) => {
    const cluster = world();
    const config = { names, ...isLate && { masking: MASKING } };
    await perform(cluster, config);
    const before = dataOf(cluster);
    cluster.addSnapshot(SHOP, 'data', 0, 'wednesday');
    if (isLate) {
      cluster.run = container => { if (container === 'check') { cluster.addPod(STAGING, 'web-0', 'data-qa'); } return { exitCode: 0, data: container === 'mask' ? 'masked' : undefined }; };
    } else {
      cluster.addPod(STAGING, 'web-0', 'data-qa');
    }
    const run = await perform(cluster, config);
    expect([run.exitCode, run.message]).toEqual([1, expect.stringContaining("claim 'data-qa' is to be replaced, and pod 'web-0' mounts it: scale its workload to 0, and start again")]);
    if (!isLate) { expect(run.requests.filter(each => /POST (vol|per)/.test(each))).toEqual([]); }
    expect([dataOf(cluster), left(cluster)]).toEqual([before, []]);
  });

  test('that is somebody else\'s is not touched, and nothing is made', async () => {
    const cluster = world();
    await perform(cluster, { cloneId: 'other.platform', names });
    const run = await perform(cluster, { names });
    expect([run.exitCode, run.message]).toEqual([1, expect.stringContaining("claim 'data-qa' exists in namespace 'staging' and is not touched; delete it, or choose other names")]);
    expect(run.requests.filter(each => /POST (vol|per)/.test(each))).toEqual([]);
  });

  test('is free for the new clone only when the storage has shown its snapshot', async () => {
    const cluster = world();
    await perform(cluster, { names });
    cluster.addSnapshot(SHOP, 'data', 0, 'wednesday');
    cluster.storage.delete('snap-data-0');
    const run = await perform(cluster, { names });
    expect([run.exitCode, run.message]).toEqual([1, expect.stringContaining("in namespace 'staging' is not ready after 10m: the storage has no such snapshot")]);
    expect(dataOf(cluster)).toEqual(['tuesday']);
  });
});

describe('where volumes wait for a pod', () => {
  test('nothing waits for them, and what they are made from stays until they are bound', async () => {
    const cluster = world();
    cluster.waiting.add(STAGING);
    const run = await perform(cluster);
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('(its volume is made when a pod uses it, so the snapshot must stay until then)') });
    expect(namesOf(cluster, STAGING, 'volumesnapshots')).toHaveLength(1);
    await perform(cluster);
    cluster.addPod(STAGING, 'qa', clones(cluster)[0]);
    await perform(cluster);
    expect([dataOf(cluster), left(cluster)]).toEqual([['tuesday'], []]);
  });

  test('a clone that nobody used goes like any other', async () => {
    const cluster = world();
    cluster.waiting.add(STAGING);
    await perform(cluster);
    cluster.addSnapshot(SHOP, 'data', 0, 'wednesday');
    await perform(cluster);
    expect([clones(cluster), namesOf(cluster, STAGING, 'volumesnapshots').length]).toEqual([['data-restored-20260209-020000'], 1]);
  });

  test('a masked snapshot stays until its claim is bound, and no longer', async () => {
    const cluster = world();
    cluster.waiting.add(STAGING);
    await perform(cluster, { masking: MASKING });
    await perform(cluster, { masking: MASKING });
    expect(namesOf(cluster, PLATFORM, 'volumesnapshots')).toEqual([expect.stringMatching(/^data-masked-/)]);
    cluster.addPod(STAGING, 'qa', clones(cluster)[0]);
    await perform(cluster, { masking: MASKING });
    expect([dataOf(cluster), left(cluster)]).toEqual([['masked'], []]);
  });
});

describe('masking', () => {
  const masked = { masking: MASKING };

  test('is done away from the target namespace, and the check sees the snapshot that is handed out', async () => {
    const cluster = world();
    const seen: [string, string[]][] = [];
    const pods: any[] = [];
    cluster.run = (container, data) => {
      seen.push([container, data]);
      pods.push(cluster.all(PLATFORM, 'pods')[0]);
      return { exitCode: 0, data: container === 'mask' ? 'masked' : 'spoilt by the check' };
    };
    const run = await perform(cluster, masked);
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^1 of 1 clones are ready in 'staging' after \d+s, masked and checked; /) });
    expect(seen).toEqual([['mask', ['tuesday']], ['check', ['masked']]]);
    expect([cluster.seen.get(STAGING), left(cluster)]).toEqual([['masked'], []]);
    const [pod] = pods;
    expect(pod.metadata.labels).toEqual({ mesh: 'no', [KEYS.clone]: ID });
    expect(pod.spec).toMatchObject({
      restartPolicy: 'Never',
      containers: [{ name: 'mask', volumeMounts: [{ name: 'claim-0', mountPath: '/data/data' }] }],
      volumes: [{ name: 'claim-0', persistentVolumeClaim: { claimName: expect.stringMatching(/^data-work-/) } }],
    });
  });

  test('gives block volumes as devices', async () => {
    const cluster = world();
    cluster.edit(SHOP, 'volumesnapshots', 'data-6', ({ metadata }) => { metadata.annotations[KEYS.claimSpec] = JSON.stringify({ ...SPEC, volumeMode: 'Block' }); });
    let pod: any;
    cluster.run = () => { pod ??= cluster.all(PLATFORM, 'pods')[0]; return { exitCode: 0 }; };
    await perform(cluster, masked);
    expect(pod.spec.containers[0]).toMatchObject({ volumeMounts: [], volumeDevices: [{ name: 'claim-0', devicePath: '/data/data' }] });
  });

  const failing = (name: string, end: ContainerEnd | undefined) => (container: string) => (container === name ? end : { exitCode: 0, data: 'masked' });

  test.each<[string, (cluster: FakeCluster) => void, string]>([
    ['the mask fails', cluster => { cluster.run = failing('mask', { exitCode: 2, message: 'no such table\n' }); }, 'the mask ended with 2: no such table'],
    ['the check is not content', cluster => { cluster.run = failing('check', { exitCode: 1, message: 'bob@example.com' }); }, 'the check ended with 1: bob@example.com'],
    ['the mask does not end', cluster => { cluster.run = failing('mask', undefined); }, 'no verdict after 10m: the mask is still at it'],
    ['the check does not end', cluster => { cluster.run = failing('check', undefined); }, 'no verdict after 10m: the check is still at it'],
    ['the pod is evicted', cluster => { cluster.podStatus = { phase: 'Failed', reason: 'Evicted', message: 'no memory' }; }, 'the pod was ended: Evicted no memory'],
    ['its other container ends', cluster => { cluster.podStatus = { containerStatuses: [{ name: 'holder', state: { terminated: { exitCode: 1 } } }] }; }, 'the holder did not stay'],
    ['the image is not there', cluster => { cluster.podStatus = { containerStatuses: [{ name: 'mask', state: { waiting: { reason: 'ImagePullBackOff' } } }] }; }, 'no verdict after 10m: ImagePullBackOff'],
    ['the storage makes no copy', cluster => { cluster.provisionError = 'quota of the cloud is full'; }, 'quota of the cloud is full'],
    ['there may be no more claims', cluster => { cluster.claimQuota = 0; }, 'exceeded quota'],
  ])('hands nothing out and leaves nothing if %s', async (_, spoil, expected) => {
    const cluster = world();
    await perform(cluster, masked);
    cluster.addSnapshot(SHOP, 'data', 0, 'wednesday');
    spoil(cluster);
    const run = await perform(cluster, masked);
    expect([run.exitCode, run.message]).toEqual([1, expect.stringContaining(expected)]);
    expect(run.message).toContain('nothing was handed out, and the clones that are there stay');
    expect([cluster.seen.get(STAGING), dataOf(cluster), left(cluster)]).toEqual([['masked'], ['masked'], []]);
    const told = (namespace: string) => cluster.all(namespace, 'events').filter(({ reason }) => reason === 'SnapshotCloneFailed').map(({ involvedObject }) => involvedObject.kind);
    expect([told(PLATFORM), told(STAGING)]).toEqual([['Job'], []]);
  });

  test('that is ended leaves nothing', async () => {
    const cluster = world();
    cluster.run = () => undefined;
    const started = start(cluster, masked, 'job');
    cluster.clock.after(20 * SECOND, () => started.sigterm());
    const run = await cluster.clock.until(started.result);
    await cluster.clock.advance(10 * SECOND);
    expect([run.exitCode, clones(cluster), left(cluster)]).toEqual([143, [], []]);
  });

  test('whose target namespace is gone keeps nothing for it', async () => {
    const cluster = world();
    cluster.waiting.add(STAGING);
    await perform(cluster, masked);
    for (const resource of ['persistentvolumeclaims', 'volumesnapshots']) { namesOf(cluster, STAGING, resource).forEach(name => cluster.remove(STAGING, resource, name)); }
    cluster.all('', 'volumesnapshotcontents').filter(({ metadata }) => metadata.ownerReferences).forEach(({ metadata }) => cluster.remove('', 'volumesnapshotcontents', metadata.name));
    cluster.remove('', 'namespaces', STAGING);
    const run = await perform(cluster, masked);
    expect([run.exitCode, run.message, left(cluster)]).toEqual([1, expect.stringContaining("there is no namespace 'staging'; create it, and apply the Role of this clone in it"), []]);
  });
});

describe('a clone fails, says why, and harms nobody', () => {
  test('if the schedule has no snapshot', async () => {
    const run = await perform(world(), { scheduleId: 'hourly' });
    expect([run.exitCode, run.message]).toEqual([1, expect.stringContaining("namespace 'shop': schedule 'hourly' has no snapshot in this namespace; nothing more was done")]);
  });

  test('if the content of the snapshot is gone', async () => {
    const cluster = world();
    cluster.remove('', 'volumesnapshotcontents', 'content-data-6');
    expect((await perform(cluster)).message).toContain("what the storage calls snapshot 'data-6' is nowhere to be found: its content 'content-data-6' is gone");
  });

  test('if two claims would have one name', async () => {
    const cluster = world();
    const claims = ['a', 'b'].map(set => ({ kind: 'Claim' as const, name: `data-${set}-0`, statefulSet: set }));
    claims.forEach(({ name }) => cluster.addSnapshot(SHOP, name, 6, name));
    const run = await perform(cluster, { claims, names: 'stateful-set/qa' });
    expect([run.exitCode, run.message, clones(cluster)]).toEqual([1, expect.stringContaining("two claims would be called 'data-qa-0'; choose other names"), []]);
  });

  test('if the driver makes no volume, keeps the old clone, and goes on from there', async () => {
    const cluster = world();
    await perform(cluster);
    cluster.addSnapshot(SHOP, 'data', 0, 'wednesday');
    cluster.provisionError = 'the cloud is full';
    for (let round = 0; round < 2; round += 1) {
      const run = await perform(cluster);
      expect([run.exitCode, run.message]).toEqual([1, expect.stringContaining("FAILED data-restored-20260209-020000: claim 'data-restored-20260209-020000' is not bound after 10m: the cloud is full")]);
      expect(run.message).toContain('the old clones stay; mend what failed and start it again');
    }
    expect(clones(cluster)).toHaveLength(2);
    expect(cluster.all(PLATFORM, 'events').some(({ reason, type }) => reason === 'SnapshotCloneFailed' && type === 'Warning')).toBe(true);
    cluster.provisionError = undefined;
    expect((await perform(cluster)).exitCode).toBe(0);
    expect([dataOf(cluster), left(cluster)]).toEqual([['wednesday'], []]);
  });

  test('if the quota has no room, tries every claim, and leaves nothing half-made behind', async () => {
    const cluster = world();
    cluster.addSnapshot(SHOP, 'wal', 6, 'wal');
    cluster.claimQuota = 1;
    const claims = { claims: [{ kind: 'Claim' as const, name: 'data' }, { kind: 'Claim' as const, name: 'wal' }] };
    const run = await perform(cluster, claims);
    expect([run.exitCode, run.message]).toEqual([1, expect.stringMatching(/^1 of 2 clones are ready in 'staging'.*; FAILED (data|wal)-restored-20260208-200000: .*exceeded quota/)]);
    expect(left(cluster)).toEqual([]);
    cluster.claimQuota = Infinity;
    expect((await perform(cluster, claims)).exitCode).toBe(0);
    expect([dataOf(cluster), left(cluster)]).toEqual([['tuesday', 'wal'], []]);
  });

  test('if somebody let a content of its own delete, which then is not touched', async () => {
    const cluster = world();
    cluster.waiting.add(STAGING);
    await perform(cluster);
    const { metadata: { name } } = cluster.all('', 'volumesnapshotcontents').find(({ metadata }) => metadata.labels?.[KEYS.clone]);
    cluster.edit('', 'volumesnapshotcontents', name, ({ spec }) => { spec.deletionPolicy = 'Delete'; });
    cluster.addPod(STAGING, 'qa', clones(cluster)[0]);
    const run = await perform(cluster);
    expect([run.exitCode, run.message]).toEqual([1, expect.stringContaining(`FAILED cleaning up: content '${name}' is not as this clone made it, so it stays with snapshot`)]);
    expect(cluster.storage.get('snap-data-6')).toBe('tuesday');
    cluster.edit('', 'volumesnapshotcontents', name, ({ spec }) => { spec.deletionPolicy = 'Retain'; });
    expect((await perform(cluster)).exitCode).toBe(0);
    expect(left(cluster)).toEqual([]);
  });

  test('if a snapshot in the target namespace points at the content of another', async () => {
    const cluster = world();
    const stolen = { metadata: { name: 'x', labels: { [KEYS.clone]: ID } }, spec: { source: { volumeSnapshotContentName: 'content-data-30' } } };
    await cluster.clock.until(cluster.request(new ClusterClient(cluster), { method: 'POST', path: `/apis/snapshot.storage.k8s.io/v1/namespaces/${STAGING}/volumesnapshots`, body: stolen }));
    expect((await perform(cluster)).exitCode).toBe(1);
    expect([cluster.storage.get('snap-data-30'), dataOf(cluster), namesOf(cluster, '', 'volumesnapshotcontents')]).toEqual(['monday', ['tuesday'], ['content-data-30', 'content-data-6']]);
  });

  test('if the API server is away, and leaves it to another pod', async () => {
    const cluster = world();
    cluster.before = () => { throw new ConnectionError('the API server did not answer'); };
    expect((await perform(cluster)).exitCode).toBe(75);
  });

  test('for want of a right, and says what to apply', async () => {
    const cluster = world();
    cluster.before = ({ resource, verb }) => { if (resource === 'volumesnapshotcontents' && verb === 'POST') { throw new ApiError(403, 'forbidden'); } };
    const run = await perform(cluster);
    expect([run.exitCode, run.message]).toEqual([1, expect.stringContaining('apply the Roles and the ClusterRole of this clone, with their bindings; the clones that are there stay')]);
    cluster.before = undefined;
    await perform(cluster);
    expect([dataOf(cluster), left(cluster)]).toEqual([['tuesday'], []]);
  });
});

describe.each<[string, Partial<CloneConfig>, string]>([
  ['a refresh', {}, 'wednesday'],
  ['a refresh of a fixed name', { names: 'suffix/qa' }, 'wednesday'],
  ['a masked refresh', { masking: MASKING }, 'masked'],
  ['a masked refresh of a fixed name', { masking: MASKING, names: 'suffix/qa' }, 'masked'],
])('%s', (_, config, expected) => {
  /** With an old clone that is to go. */
  async function begun(): Promise<FakeCluster> {
    const cluster = world();
    await perform(cluster, config);
    cluster.addSnapshot(SHOP, 'data', 0, 'wednesday');
    return cluster;
  }
  const requestsOf = async () => (await perform(await begun(), config)).requests.length;
  const outcome = (cluster: FakeCluster) => [dataOf(cluster), left(cluster), cluster.seen.get(STAGING)?.includes('tuesday') && config.masking !== undefined];

  test.each([
    ['the same Job', 'job', undefined], ['the next Job', 'next', undefined], ['a Job that finds a newer snapshot', 'later', 'thursday'],
  ])('whose pod dies at any request is finished by %s', async (__, retry, newer) => {
    const requests = await requestsOf();
    for (let at = 0; at < requests; at += 1) {
      const cluster = await begun();
      const from = cluster.calls.length;
      const died = start(cluster, config, 'job');
      cluster.after = (call: ClusterCall) => { if (call.client === died.client && call.number === from + at) { died.client.alive = false; } };
      await Promise.race([cluster.clock.until(died.result).catch(() => undefined), cluster.clock.advance(MINUTE)]);
      cluster.after = undefined;
      // people can go on working with the old one, unless its name is just being taken over
      if (!config.names) { expect(dataOf(cluster).some(each => each !== undefined)).toBe(true); }
      if (newer !== undefined) { cluster.addSnapshot(SHOP, 'data', -1, newer); }
      const { exitCode, message } = await perform(cluster, config, retry);
      const data = newer && !config.masking ? newer : expected;
      expect([at, exitCode, message, ...outcome(cluster)]).toEqual([at, 0, expect.any(String), [data], [], false]);
    }
  });

  test('whose answers are lost, one after the other, makes nothing twice', async () => {
    const requests = await requestsOf();
    for (let at = 0; at < requests; at += 1) {
      const cluster = await begun();
      const from = cluster.calls.length;
      cluster.after = ({ number }) => { if (number === from + at) { throw new ConnectionError('the answer broke off'); } };
      const { exitCode, message } = await perform(cluster, config, 'job');
      expect([at, exitCode, message, ...outcome(cluster)]).toEqual([at, 0, expect.any(String), [expected], [], false]);
    }
  });
});
