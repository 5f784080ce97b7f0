import { DAY, FakeApiServer, HOUR, perform, schedule, SECOND, start, TONIGHT } from './fake-api-server';
import { KEYS, QuiesceConfig, RunnerConfig } from '../../src/runner/config';

const MARK = 'group.cdk8s-volume-snapshots/nightly';
const HOLD: QuiesceConfig = { command: ['sh', '-c', 'quiesce'], attempts: 1, maxHoldSeconds: 30, onFailure: 'Fail' };

const grouped = (changes: Partial<RunnerConfig> = {}) => schedule({
  snapshotClassName: undefined,
  group: { className: 'pair', apiVersion: 'v1beta2' },
  claims: [{ kind: 'Claim', name: 'data' }, { kind: 'Claim', name: 'wal' }],
  ...changes,
});
const quiesced = (changes: Partial<QuiesceConfig> = {}) => grouped({ quiesce: { ...HOLD, ...changes } });

function cluster(...claims: string[]): FakeApiServer {
  const server = new FakeApiServer();
  (claims.length === 0 ? ['data', 'wal'] : claims).forEach(claim => server.addClaim(claim));
  return server;
}

const groupNames = (server: FakeApiServer) =>
  server.groups.filter(group => !group.metadata.deletionTimestamp).map(group => group.metadata.name as string).sort();
const claimsOf = (server: FakeApiServer, group: string) =>
  server.membersOf(group).map(member => member.spec.source.persistentVolumeClaimName as string).sort();
const marks = (server: FakeApiServer) => server.claims.map(claim => claim.metadata.labels?.[MARK] as string | undefined);

describe('a run', () => {
  test('makes one group of all claims, and labels its members so that people find them', async () => {
    const server = cluster();
    const run = await perform(server, { config: grouped({ labels: { team: 'shop' }, annotations: { ticket: '7' } }) });
    const [group] = server.groups;
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^2 of 2 claims have their snapshot in group 'nightly-20260209-020000-[0-9a-f]{8}' \(snapshot-.*, snapshot-/) });
    expect(group).toMatchObject({
      apiVersion: 'groupsnapshot.storage.k8s.io/v1beta2',
      kind: 'VolumeGroupSnapshot',
      metadata: {
        name: expect.stringMatching(/^nightly-20260209-020000-[0-9a-f]{8}$/),
        labels: { [KEYS.schedule]: 'nightly', [KEYS.consistency]: 'crash', 'velero.io/exclude-from-backup': 'true', 'team': 'shop' },
        annotations: {
          [KEYS.claimUids]: `${server.claimUid('data')},${server.claimUid('wal')}`,
          [KEYS.scheduledFor]: '2026-02-09T02:00:00.000Z',
          'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
          'ticket': '7',
        },
      },
      spec: { volumeGroupSnapshotClassName: 'pair', source: { selector: { matchLabels: { [MARK]: group.metadata.name } } } },
    });
    expect(claimsOf(server, group.metadata.name)).toEqual(['data', 'wal']);
    for (const member of server.membersOf(group.metadata.name)) {
      const claim = member.spec.source.persistentVolumeClaimName;
      // without the schedule, whose retention must never see it
      expect(member.metadata.labels).toEqual({
        [KEYS.group]: group.metadata.name,
        [KEYS.claim]: claim,
        [KEYS.claimUid]: server.claimUid(claim),
        [KEYS.consistency]: 'crash',
        'velero.io/exclude-from-backup': 'true',
        'team': 'shop',
      });
      expect(member.metadata.annotations).toMatchObject({ 'ticket': '7', 'argocd.argoproj.io/compare-options': 'IgnoreExtraneous' });
      expect(member.metadata.annotations).not.toHaveProperty([KEYS.claimUids]);
    }
    expect(server.events.map(event => [event.involvedObject.name, event.message]).sort()).toEqual(
      ['data', 'wal'].map(claim => [claim, expect.stringMatching(/^snapshot 'snapshot-.*' is ready$/)]));
  });

  test('asks for no more than its work', async () => {
    const server = cluster();
    server.memberDelay = 0;
    await perform(server, { config: grouped() });
    await server.clock.advance(DAY);
    const { requests } = await perform(server, { config: grouped() });
    expect(requests.map(request => request.split('/')[0]).sort()).toEqual([
      'LIST persistentvolumeclaims',
      'PATCH persistentvolumeclaims', 'PATCH persistentvolumeclaims', // marks, new on each run
      'LIST volumegroupsnapshots',
      'LIST volumesnapshots', 'LIST volumesnapshots', // members of this group, and the holds on those of all
      'PATCH volumesnapshots', 'PATCH volumesnapshots',
      'POST events', 'POST events',
      'POST volumegroupsnapshots',
      'WATCH volumegroupsnapshots',
    ].sort());
  });

  test('makes a name of an id that has letters which names cannot have', async () => {
    const server = cluster();
    await perform(server, { config: grouped({ scheduleId: 'Shop_DB.1' }) });
    expect(groupNames(server)).toEqual([expect.stringMatching(/^shop-db-1-20260209-020000-[0-9a-f]{8}$/)]);
  });

  test('leaves out restored claims that have the labels of the others, and copies that have even the mark of the last run', async () => {
    const server = new FakeApiServer();
    server.addClaim('data', { labels: { app: 'db' } });
    server.addClaim('wal', { labels: { app: 'db' } });
    const config = grouped({ claims: [{ kind: 'Selector', matchLabels: { app: 'db' } }] });
    await perform(server, { config });
    const labels = { ...server.claims[0].metadata.labels, [KEYS.restored]: 'x' };
    server.addClaim('drill', { labels, phase: 'Pending' });
    server.addClaim('copy', { labels });
    await server.clock.advance(DAY);
    const run = await perform(server, { config });
    expect(run).toMatchObject({ exitCode: 0 });
    const [first, second] = groupNames(server);
    expect(claimsOf(server, second)).toEqual(['data', 'wal']);
    expect(marks(server)).toEqual([second, second, first, first]);
  });

  test('leaves the marks of other schedules alone', async () => {
    const server = cluster();
    server.editClaim('data', claim => { claim.metadata.labels = { 'group.cdk8s-volume-snapshots/hourly': 'x' }; });
    await perform(server, { config: grouped() });
    expect(server.claims[0].metadata.labels).toEqual({ 'group.cdk8s-volume-snapshots/hourly': 'x', [MARK]: groupNames(server)[0] });
  });

  test('waits for members that come after their group', async () => {
    const server = cluster();
    server.memberDelay = 20 * SECOND;
    expect(await perform(server, { config: grouped() })).toMatchObject({ exitCode: 0 });
  });
});

describe('a claim', () => {
  test.each<[string, (server: FakeApiServer) => void, RegExp]>([
    ['that is not bound', server => server.editClaim('wal', claim => { claim.status.phase = 'Pending'; }), /FAILED wal: the claim is Pending, not Bound/],
    ['that is being deleted', server => server.editClaim('wal', claim => {
      claim.metadata.deletionTimestamp = 'x';
      claim.metadata.finalizers = ['kubernetes.io/pvc-protection'];
    }), /FAILED wal: the claim is being deleted/],
    ['that is not there', server => server.removeClaim('wal'), /FAILED wal: no claim of this name/],
  ])('%s is said, and the others have their group', async (_, spoil, message) => {
    const server = cluster();
    spoil(server);
    expect(await perform(server, { config: grouped() })).toMatchObject({ exitCode: 1, message: expect.stringMatching(message) });
    expect(claimsOf(server, groupNames(server)[0])).toEqual(['data']);
  });

  test('that the driver left out is said', async () => {
    const server = cluster();
    server.forgottenMembers.add('wal');
    const run = await perform(server, { config: grouped() });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringMatching(/1 of 2 .*FAILED wal: group snapshot 'nightly-.*' is ready and has no ready snapshot of this claim; it is kept/) });
  });

  test('of none that can be snapshotted makes no group', async () => {
    const server = new FakeApiServer();
    server.addClaim('data', { phase: 'Pending' });
    const run = await perform(server, { config: grouped({ claims: [{ kind: 'Claim', name: 'data' }] }) });
    expect(run).toMatchObject({ exitCode: 1 });
    expect(run.requests.filter(request => request.startsWith('POST volumegroupsnapshots'))).toEqual([]);
  });
});

describe('the storage', () => {
  test('that fails is quoted for each claim, and nothing is pruned', async () => {
    const server = cluster();
    for (let day = 1; day <= 5; day += 1) { server.addGroup(`old-${day}`, TONIGHT - day * DAY, ['data', 'wal']); }
    server.driverError = 'the array is full';
    const run = await perform(server, { config: grouped({ retention: { keepLast: 2, minimumReady: 1 } }) });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringMatching(/FAILED data: .*the storage says: the array is full; FAILED wal/) });
    expect(groupNames(server)).toHaveLength(6);
  });

  test('without the API of groups is told in words', async () => {
    const server = cluster();
    server.groupsInstalled = false;
    expect(await perform(server, { config: grouped() })).toMatchObject({
      exitCode: 1, message: expect.stringContaining('the cluster has no VolumeGroupSnapshot API of version v1beta2; install'),
    });
  });

  test('that is not looked at is told in words', async () => {
    const server = cluster();
    server.controllerRunning = false;
    expect(await perform(server, { config: grouped() })).toMatchObject({ exitCode: 1, message: expect.stringContaining('feature gate CSIVolumeGroupSnapshot') });
  });

  test('that fails night after night gets no more groups', async () => {
    const server = cluster();
    [1, 2, 3].forEach(hour => server.addGroup(`failed-${hour}`, TONIGHT - hour * HOUR, ['data', 'wal'], { ready: false }));
    server.driverError = 'full';
    const run = await perform(server, { config: grouped() });
    expect(run.message).toContain('3 snapshots of the claim are not ready');
    expect(groupNames(server)).toHaveLength(3);
  });

  test('under a full quota makes room by the oldest group', async () => {
    const server = cluster();
    [1, 2, 3, 4].forEach(day => server.addGroup(`old-${day}`, TONIGHT - day * DAY, ['data', 'wal']));
    server.quota = 4;
    // members are snapshots too, and the quota of the fake counts the two kinds apart
    const run = await perform(server, { config: grouped({ retention: { keepLast: 2, minimumReady: 1 } }) });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(groupNames(server)).toEqual([expect.stringMatching(/^nightly-/), 'old-1']);
  });
});

describe('a pod that ends at any request', () => {
  test('leaves what the next one takes up: one group, all members labelled', async () => {
    const config = grouped({ retention: { keepLast: 2, minimumReady: 1 } });
    const prepared = () => {
      const server = cluster();
      [1, 2, 3].forEach(day => server.addGroup(`old-${day}`, TONIGHT - day * DAY, ['data', 'wal']));
      return server;
    };
    const whole = prepared();
    const { requests } = await perform(whole, { config });
    expect(requests.length).toBeGreaterThan(10);
    for (const when of ['before', 'after'] as const) {
      for (let last = 0; last < requests.length; last += 1) {
        const server = prepared();
        const run = { kind: 'Scheduled' as const, at: new Date(TONIGHT) };
        const first = start(server, { config, run });
        let killed = false;
        server[when] = call => {
          if (call.number !== last || killed) { return undefined; }
          killed = true;
          first.pod.kill();
          return new Promise(() => undefined);
        };
        await server.clock.advance(30 * SECOND);
        const second = await perform(server, { config, run });
        expect([when, last, second.exitCode, second.message]).toEqual([when, last, 0, expect.stringContaining('2 of 2')]);
        const names = groupNames(server);
        expect([when, last, ...names]).toEqual([when, last, ...groupNames(whole)]);
        const own = names.find(name => name.startsWith('nightly')) as string;
        expect(server.membersOf(own).map(member => member.metadata.labels[KEYS.group])).toEqual([own, own]);
        expect(server.orphans).toEqual([]);
        expect(server.hollow).toEqual([]);
      }
    }
  });

  test('does not make another group of claims that have come meanwhile, and says so', async () => {
    const server = cluster('data');
    const run = { kind: 'Scheduled' as const, at: new Date(TONIGHT) };
    await perform(server, { config: grouped({ claims: [{ kind: 'Claim', name: 'data' }] }), run });
    server.addClaim('wal');
    const second = await perform(server, { config: grouped(), run });
    expect(second).toMatchObject({ exitCode: 1, message: expect.stringContaining('FAILED wal: group snapshot') });
    expect(groupNames(server)).toHaveLength(1);
  });

  test('does not take the group of a claim for that of another one of its name', async () => {
    const server = cluster();
    const run = { kind: 'Scheduled' as const, at: new Date(TONIGHT) };
    await perform(server, { config: grouped(), run });
    server.recreateClaim('wal');
    const second = await perform(server, { config: grouped(), run });
    expect(second).toMatchObject({ exitCode: 1, message: expect.stringContaining('FAILED wal: group snapshot') });
    // the group is there already, and chooses no more
    expect(second.requests.filter(request => request.startsWith('PATCH persistentvolumeclaims'))).toEqual([]);
    const [, member] = server.membersOf(groupNames(server)[0]);
    expect(member.metadata.labels[KEYS.claimUid]).not.toBe(server.claimUid('wal'));
  });

  test('does not take the volume of a claim that was made anew since the run began for that of the old one', async () => {
    const server = cluster();
    server.before = ({ number, verb, resource }) => { if (verb === 'LIST' && resource === 'volumegroupsnapshots' && number > 0) { server.recreateClaim('wal'); } };
    const run = await perform(server, { config: grouped() });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining('the claim was deleted, or made anew, while the run waited for its turn') });
    expect(groupNames(server)).toEqual([]);
  });

  test('refuses a group of the same name that is not its own', async () => {
    const server = cluster();
    await perform(server, { config: grouped() });
    const [name] = groupNames(server);
    server.editGroup(name, group => { group.metadata.labels[KEYS.schedule] = 'other'; });
    const again = await perform(server, { config: grouped(), run: { kind: 'Scheduled', at: new Date(TONIGHT) } });
    expect(again).toMatchObject({ exitCode: 1, message: expect.stringContaining('is not of this schedule and group') });
  });
});

test('a pod that is told to end says so, and leaves its group to the next one', async () => {
  const server = cluster();
  server.readyDelay = 60 * SECOND;
  const run = { kind: 'Scheduled' as const, at: new Date(TONIGHT) };
  const first = start(server, { config: grouped(), run });
  await server.clock.advance(10 * SECOND);
  first.sigterm();
  expect(await server.clock.until(first.result)).toMatchObject({ exitCode: 143 });
  expect(await perform(server, { config: grouped(), run })).toMatchObject({ exitCode: 0 });
  expect(groupNames(server)).toHaveLength(1);
});

describe('retention', () => {
  const keepTwo = { retention: { keepLast: 2, minimumReady: 1 } };
  const aged = (server: FakeApiServer, ...days: number[]) => days.forEach(day => server.addGroup(`old-${day}`, TONIGHT - day * DAY, ['data', 'wal']));

  test('deletes groups, never members, and the storage goes with them', async () => {
    const server = cluster();
    aged(server, 1, 2, 3);
    const run = await perform(server, { config: grouped(keepTwo) });
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('2 pruned; 2 kept') });
    expect(groupNames(server)).toEqual([expect.stringMatching(/^nightly-/), 'old-1']);
    expect(run.requests.filter(request => request.startsWith('DELETE'))).toEqual(['DELETE volumegroupsnapshots/old-2', 'DELETE volumegroupsnapshots/old-3']);
    expect([server.snapshots.length, server.backend.size]).toEqual([4, 4]);
  });

  test('deletes only what it has looked at', async () => {
    const server = cluster();
    aged(server, 1, 2);
    await perform(server, { config: grouped(keepTwo) });
    const { request } = server.calls.find(call => call.verb === 'DELETE')!;
    expect(request.body).toEqual({ preconditions: { uid: expect.any(String), resourceVersion: expect.any(String) } });
  });

  test.each<[string, (server: FakeApiServer) => void]>([
    ['the group', server => server.editGroup('old-3', group => { group.metadata.annotations[KEYS.hold] = 'ticket-7'; })],
    ['one of its members', server => server.hold(server.membersOf('old-3')[1].metadata.name)],
    ['one of its members, by a label with a date', server => server.editSnapshot(server.membersOf('old-3')[0].metadata.name, snapshot => {
      snapshot.metadata.labels = { [KEYS.holdUntil]: '2026-03-01' };
    })],
  ])('keeps a group for a hold on %s', async (_, hold) => {
    const server = cluster();
    aged(server, 1, 2, 3);
    hold(server);
    const run = await perform(server, { config: grouped(keepTwo) });
    expect(run.message).toContain('1 pruned; 3 kept, 1 of them held');
    expect(groupNames(server)).toContain('old-3');
  });

  test('keeps a group for a hold that comes to a member at the last moment', async () => {
    const server = cluster();
    aged(server, 1, 2);
    server.before = call => {
      // after the decision: the claims are looked at once more for restores
      if (call.verb === 'LIST' && call.resource === 'persistentvolumeclaims' && server.groups.some(group => group.status?.readyToUse && group.metadata.name.startsWith('nightly'))) {
        server.hold(server.membersOf('old-2')[0].metadata.name);
      }
    };
    await perform(server, { config: grouped(keepTwo) });
    expect(groupNames(server)).toContain('old-2');
  });

  test('keeps a group beside one of which a drill has found a member bad', async () => {
    const server = cluster();
    aged(server, 1, 2, 3);
    server.editSnapshot(server.membersOf('old-1')[1].metadata.name, snapshot => { snapshot.metadata.labels = { [KEYS.verified]: 'false' }; });
    await perform(server, { config: grouped({ retention: { keepForSeconds: 3600, minimumReady: 2 } }) });
    expect(groupNames(server)).toEqual([expect.stringMatching(/^nightly-/), 'old-1', 'old-2']);
  });

  test('keeps the group of the run itself, however old a wrong clock makes it', async () => {
    const server = cluster();
    aged(server, -1, -2, -3);
    await perform(server, { config: grouped(keepTwo) });
    expect(groupNames(server)).toContainEqual(expect.stringMatching(/^nightly-/));
  });

  test('keeps a group that a claim is being restored from', async () => {
    const server = cluster();
    aged(server, 1, 2);
    server.addClaim('restored', { phase: 'Pending' });
    server.editClaim('restored', claim => { claim.spec.dataSourceRef = { kind: 'VolumeSnapshot', name: server.membersOf('old-2')[0].metadata.name }; });
    const run = await perform(server, { config: grouped(keepTwo) });
    expect(groupNames(server)).toContain('old-2');
    expect(JSON.stringify(run.lines)).toContain("claim 'restored' is being restored from it");
  });

  test('keeps the groups of a claim that newer groups do not have', async () => {
    const server = cluster();
    aged(server, 1, 2, 3);
    // it was deleted and is empty now
    server.recreateClaim('wal');
    await perform(server, { config: grouped(keepTwo) });
    expect(groupNames(server)).toEqual([expect.stringMatching(/^nightly-/), 'old-1', 'old-2']);
  });

  test('lets groups with more claims replace those with fewer', async () => {
    const server = cluster('data', 'wal');
    [1, 2, 3].forEach(day => server.addGroup(`old-${day}`, TONIGHT - day * DAY, day === 2 ? ['data'] : ['data', 'wal']));
    server.addClaim('more');
    await perform(server, { config: grouped({ ...keepTwo, claims: ['data', 'wal', 'more'].map(name => ({ kind: 'Claim' as const, name })) }) });
    expect(groupNames(server)).toEqual([expect.stringMatching(/^nightly-/), 'old-1']);
  });

  test('keeps the groups of a claim that only a group which never got ready has', async () => {
    const server = cluster();
    server.addGroup('whole', TONIGHT - 5 * DAY, ['data', 'wal']);
    [1, 2, 3].forEach(day => server.addGroup(`part-${day}`, TONIGHT - day * DAY, ['wal']));
    server.addGroup('failed', TONIGHT - HOUR, ['data', 'wal'], { ready: false });
    await perform(server, { config: grouped({ ...keepTwo, claims: [{ kind: 'Claim', name: 'data' }] }) });
    expect(groupNames(server)).toContain('whole');
    expect(groupNames(server)).not.toContain('part-3');
  });

  test('stops at the brake, with the command that lets groups go', async () => {
    const server = cluster();
    aged(server, ...Array.from({ length: 12 }, (_, index) => index + 1));
    const run = await perform(server, { config: grouped(keepTwo) });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringMatching(/retention gives up 11 of the 13 snapshots of group 'nightly'.*annotate volumegroupsnapshots -l/) });
    expect(groupNames(server)).toHaveLength(13);
  });

  test('deletes nothing in a dry run', async () => {
    const server = cluster();
    aged(server, 1, 2, 3);
    const run = await perform(server, { config: grouped({ ...keepTwo, dryRun: true }) });
    expect(run.message).toContain('dry run, 2 would be pruned');
    expect(groupNames(server)).toHaveLength(4);
  });

  test('of an ordinary schedule in the namespace never sees members', async () => {
    const server = cluster();
    aged(server, 1, 2, 3);
    await perform(server, { config: schedule({ retention: { keepLast: 1, minimumReady: 1 } }) });
    expect(server.groups).toHaveLength(3);
    expect(server.snapshots.filter(snapshot => snapshot.metadata.deletionTimestamp)).toEqual([]);
  });
});

describe('a quiesced group', () => {
  test('is cut while all applications are held, and called consistent with its members', async () => {
    const server = cluster();
    const pods = ['db-0', 'db-1'].map((pod, index) => server.addPod(pod, [['data', 'wal'][index]]));
    server.readyDelay = 60 * SECOND;
    const run = await perform(server, { config: quiesced() });
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringMatching(/data: application-consistent, held for \d+ ms/) });
    const [group] = server.groups;
    expect([...server.cutWhileHeld]).toEqual([group.metadata.name]);
    const all = [group, ...server.membersOf(group.metadata.name)];
    expect(all.map(each => each.metadata.labels[KEYS.consistency])).toEqual(['application', 'application', 'application']);
    expect(new Set(all.map(each => each.metadata.annotations[KEYS.held])).size).toBe(1);
    expect(pods.map(pod => [pod.sessions.length, pod.longest < 500, pod.frozen])).toEqual([[1, true, false], [1, true, false]]);
  });

  test('is not taken if one application refuses, and the other is let go', async () => {
    const server = cluster();
    server.addPod('db-0', ['data']).refusal = 'no such role';
    const other = server.addPod('db-1', ['wal']);
    const run = await perform(server, { config: quiesced() });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining("FAILED wal: the application in pod 'db-0' was not quiesced: no such role") });
    expect([server.groups, other.frozen]).toEqual([[], false]);
  });

  test('is called consistent with its members also if it is ready before the watch has seen that', async () => {
    const server = cluster();
    server.addPod('db-0', ['data', 'wal']);
    server.readyDelay = 1;
    server.watchDelay = 500;
    await perform(server, { config: quiesced() });
    const [group] = server.groups;
    const says = [group, ...server.membersOf(group.metadata.name)].map(each => each.metadata.labels[KEYS.consistency]);
    expect(says).toEqual(['application', 'application', 'application']);
  });

  test('is not taken if a pod is there that cannot be held', async () => {
    const server = cluster();
    server.addPod('db-0', ['data']);
    server.addPod('db-1', ['wal'], { phase: 'Pending' });
    expect(await perform(server, { config: quiesced() })).toMatchObject({ exitCode: 1, message: expect.stringContaining("pod 'db-1' is not running") });
    expect(server.groups).toEqual([]);
  });

  test('is taken without the hold if crash-consistent is enough', async () => {
    const server = cluster();
    server.addPod('db-0', ['data', 'wal']).refusal = 'no such role';
    const run = await perform(server, { config: quiesced({ onFailure: 'CrashConsistent' }) });
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('data: crash-consistent only, since') });
    expect(server.groups[0].metadata.labels[KEYS.consistency]).toBe('crash');
  });

  test('whose cut takes too long lets the applications go, and is called crash-consistent', async () => {
    const server = cluster();
    const db = server.addPod('db-0', ['data', 'wal']);
    server.cutDelay = () => 60 * SECOND;
    const run = await perform(server, { config: quiesced() });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining('is crash-consistent only: it was not cut within 30 s') });
    expect(server.groups[0].metadata.labels[KEYS.consistency]).toBe('crash');
    expect([db.frozen, db.longest <= 30 * SECOND]).toEqual([false, true]);
  });

  test('is held a second time for a group of its own, when the first was cut too late', async () => {
    const server = cluster();
    const db = server.addPod('db-0', ['data', 'wal']);
    server.cutDelay = () => (server.groups.length > 1 ? 40 : 45 * SECOND);
    const run = await perform(server, { config: quiesced({ attempts: 2 }) });
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringContaining('data: application-consistent') });
    expect(server.groups.map(group => group.metadata.labels[KEYS.consistency])).toEqual(['crash', 'application']);
    expect([db.sessions.length, db.frozen]).toEqual([2, false]);
  });

  test('that is late each night does not pile up', async () => {
    const server = cluster();
    server.addPod('db-0', ['data', 'wal']);
    server.cutDelay = () => 60 * SECOND;
    server.addGroup('good', TONIGHT - 9 * DAY, ['data', 'wal'], { labels: { [KEYS.consistency]: 'application' } });
    [1, 2, 3, 4].forEach(day => server.addGroup(`late-${day}`, TONIGHT - day * DAY, ['data', 'wal']));
    await perform(server, { config: { ...quiesced(), retention: { keepLast: 2, minimumReady: 1, consistentFirst: true } } });
    expect(groupNames(server)).toEqual(['good', 'late-1', 'late-2', expect.stringMatching(/^nightly/)]);
  });

  test('that nobody writes to is no failure', async () => {
    const server = cluster();
    expect(await perform(server, { config: quiesced() })).toMatchObject({ exitCode: 0, message: expect.stringContaining('no pod mounts it, so there was nothing to quiesce') });
  });

  test('is never called consistent by a pod that did not hold it, whenever the one that did ended', async () => {
    const prepared = () => {
      const server = cluster();
      server.addPod('db-0', ['data', 'wal']);
      return server;
    };
    const whole = prepared();
    const { requests } = await perform(whole, { config: quiesced() });
    for (let last = 0; last < requests.length; last += 1) {
      const server = prepared();
      const run = { kind: 'Scheduled' as const, at: new Date(TONIGHT) };
      const first = start(server, { config: quiesced(), run });
      server.after = call => {
        if (call.number !== last) { return undefined; }
        first.pod.kill();
        return new Promise(() => undefined);
      };
      await server.clock.advance(60 * SECOND);
      const second = await perform(server, { config: quiesced(), run });
      const [group, ...more] = server.groups;
      const says = group.metadata.labels[KEYS.consistency];
      expect([last, more, second.exitCode]).toEqual([last, [], says === 'application' ? 0 : 1]);
      expect([last, server.cutWhileHeld.has(group.metadata.name) || says === 'crash']).toEqual([last, true]);
      if (says === 'application') {
        expect(server.membersOf(group.metadata.name).map(member => member.metadata.labels[KEYS.consistency])).toEqual([says, says]);
      }
      expect([...server.applications.values()].filter(application => application.frozen)).toEqual([]);
    }
  });
});
