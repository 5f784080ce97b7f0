import { DAY, FakeApiServer, FinishedRun, HOUR, MINUTE, perform, schedule, SECOND, start, TONIGHT } from './fake-api-server';
import { KEYS, RunnerConfig } from '../../src/runner/config';
import { ApiError } from '../../src/runner/kube-client';

const JOB = { kind: 'Manual', jobUid: 'the-job' } as const;

/** The configuration of a run that an upgrade waits for. */
const gate = (changes: Partial<RunnerConfig> = {}): RunnerConfig => schedule({ gate: { reuseSeconds: 600 }, ...changes });

const upgrade = (server: FakeApiServer, changes: Partial<RunnerConfig> = {}, jobUid: string = JOB.jobUid): Promise<FinishedRun> =>
  perform(server, { config: gate(changes), run: { kind: 'Manual', jobUid } });

function cluster(...claims: string[]): FakeApiServer {
  const server = new FakeApiServer();
  claims.forEach(name => server.addClaim(name));
  return server;
}

const leave = (server: FakeApiServer, claim: string, until: string) => server.editClaim(claim, ({ metadata }) => {
  metadata.annotations = { ...metadata.annotations, [KEYS.upgradeWithoutSnapshotUntil]: until };
});
const inTime = (milliseconds: number) => new Date(TONIGHT + milliseconds).toISOString();

const TWO: RunnerConfig['claims'] = [{ kind: 'Claim', name: 'data' }, { kind: 'Claim', name: 'wal' }];

describe('an upgrade', () => {
  test('goes on when each claim has its snapshot', async () => {
    const server = cluster('data');
    expect(await upgrade(server)).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^1 of 1 claims have their snapshot \(data-manual-.*; the data is as of 2026-02-09T02:00:0\d\.\d{3}Z$/) });
    expect(server.readyNames).toHaveLength(1);
  });

  test('does not go on when one has none, and says how it could nevertheless', async () => {
    const server = cluster('data');
    server.driverError = 'the array is on fire';
    const run = await upgrade(server);
    expect(run.exitCode).toBe(1);
    expect(run.message).toContain('the array is on fire');
    expect(run.message).toMatch(/to upgrade without a snapshot nevertheless: kubectl -n \S+ annotate --overwrite pvc data cdk8s-volume-snapshots\/upgrade-without-snapshot-until=2026-02-09T04:1\d:\d\dZ$/);
  });

  test('goes on if only pruning failed, and says so', async () => {
    const server = cluster('data');
    server.deletionPolicy = 'Retain';
    server.mayReclaim = false;
    for (let age = 1; age <= 4; age += 1) { server.addSnapshot('data', { at: TONIGHT - age * DAY }); }
    const run = await upgrade(server, { deletionPolicy: 'Retain' });
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^WARNING: 1 of 1 claims have their snapshot .*FAILED pruning: the snapshot class retains storage/) });
    expect(server.readyNames).toHaveLength(5);
  });

  test('is tried again by a robot without another snapshot each time, while the storage fails', async () => {
    const server = cluster('data');
    server.driverError = 'the array is on fire';
    for (const job of ['1', '2', '3', '4', '5']) { await upgrade(server, {}, job); }
    expect(server.names).toHaveLength(3);
    expect((await upgrade(server, {}, '6')).message).toContain('3 snapshots of the claim are not ready, so no more is taken');
    expect((await upgrade(server, {}, '7')).message).toContain('repair the storage; delete those snapshots to try at once');
  });

  test('that the pod of was lost goes on with the snapshots that are there', async () => {
    const server = cluster('data');
    server.readyDelay = 30 * SECOND;
    const first = start(server, { config: gate(), run: JOB });
    await server.clock.advance(5 * SECOND);
    first.pod.kill();
    expect(await upgrade(server)).toMatchObject({ exitCode: 0 });
    expect(server.names).toHaveLength(1);
  });
});

describe('the first installation', () => {
  test('passes with no claim, and says that there was none', async () => {
    const server = cluster();
    expect(await upgrade(server)).toMatchObject({
      exitCode: 0, message: 'nothing to lose yet, as there is no volume: data; 0 of 0 claims have their snapshot; 0 pruned; 0 kept',
    });
  });

  test.each<[string, RunnerConfig['claims']]>([
    ['a selector', [{ kind: 'Selector', matchLabels: { app: 'db' } }]],
    ['a StatefulSet', [{ kind: 'StatefulSet', name: 'db', templates: ['data'] }]],
    ['every claim', [{ kind: 'Selector', matchLabels: {} }]],
  ])('passes where %s finds none', async (_, claims) => {
    expect(await upgrade(cluster(), { claims })).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^nothing to lose yet/) });
  });

  test('passes with a claim that waits for its first pod, as nothing was ever written to it', async () => {
    const server = cluster();
    server.addClaim('data', { phase: 'Pending' });
    expect(await upgrade(server)).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^nothing to lose yet, as there is no volume: data;/) });
    expect(server.names).toEqual([]);
  });

  test('of one more claim does not keep the others from their snapshots', async () => {
    const server = cluster('data');
    expect(await upgrade(server, { claims: TWO })).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^nothing to lose yet, as there is no volume: wal; 1 of 1 claims/) });
  });

  test('is not what a claim is taken for that was snapshotted before', async () => {
    const server = cluster('data');
    await upgrade(server);
    server.removeClaim('data');
    expect(await upgrade(server, {}, 'next')).toMatchObject({ exitCode: 1, message: expect.stringContaining('FAILED data: no claim of this name') });
  });

  test('is not what a claim is taken for that was snapshotted in a group before', async () => {
    const server = cluster('data', 'wal');
    const group = { claims: TWO, group: { className: 'pair', apiVersion: 'v1beta2' as const } };
    expect(await upgrade(server, group)).toMatchObject({ exitCode: 0 });
    server.removeClaim('wal');
    expect(await upgrade(server, group, 'next')).toMatchObject({ exitCode: 1, message: expect.stringContaining('FAILED wal: no claim of this name') });
  });

  test('is not what a selector is taken for that finds nothing any more', async () => {
    const server = cluster();
    server.addClaim('data', { labels: { app: 'db' } });
    const claims: RunnerConfig['claims'] = [{ kind: 'Selector', matchLabels: { app: 'db' } }];
    await upgrade(server, { claims });
    server.editClaim('data', ({ metadata }) => { metadata.labels = {}; });
    expect(await upgrade(server, { claims }, 'next')).toMatchObject({ exitCode: 1, message: expect.stringContaining('no claim has the labels app=db') });
  });

  test('is not what a claim is taken for that was made anew, empty, in the place of one that was snapshotted', async () => {
    const server = cluster('data');
    await upgrade(server);
    server.recreateClaim('data');
    server.editClaim('data', ({ status }) => { status.phase = 'Pending'; });
    expect(await upgrade(server, {}, 'next')).toMatchObject({ exitCode: 1, message: expect.stringContaining('the claim is Pending, not Bound') });
    // one that is being restored from a snapshot is no loss
    server.editClaim('data', ({ spec }) => { spec.dataSource = { kind: 'VolumeSnapshot', name: 'x' }; });
    expect(await upgrade(server, {}, 'third')).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^nothing to lose yet/) });
  });

  test('is none where claims must exist', async () => {
    const server = cluster();
    server.addClaim('wal', { phase: 'Pending' });
    const run = await upgrade(server, { claims: TWO, gate: { reuseSeconds: 0, claimsMustExist: true } });
    expect(run.exitCode).toBe(1);
    expect(run.message).toContain('FAILED data: no claim of this name');
    expect(run.message).toContain('FAILED wal: the claim is Pending, not Bound');
  });

  test('is no excuse for a claim that is lost or is being deleted', async () => {
    const server = cluster('wal');
    server.addClaim('data', { phase: 'Lost' });
    server.editClaim('wal', ({ metadata }) => { Object.assign(metadata, { deletionTimestamp: inTime(0), finalizers: ['kubernetes.io/pvc-protection'] }); });
    expect((await upgrade(server, { claims: TWO })).message).toMatch(/FAILED data: .*Lost.*FAILED wal: .*being deleted/);
  });

  test('is no excuse when the claims cannot be looked for', async () => {
    const server = cluster();
    server.before = ({ request }) => { if (request.path.endsWith('persistentvolumeclaims')) { throw new ApiError(403, 'forbidden'); } };
    expect(await upgrade(server)).toMatchObject({ exitCode: 1 });
  });
});

describe('a sync that changes nothing', () => {
  test('uses the snapshots again that were cut a short while ago', async () => {
    const server = cluster('data', 'wal');
    await upgrade(server, { claims: TWO });
    await server.clock.advance(4 * MINUTE);
    const run = await upgrade(server, { claims: TWO }, 'next');
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringMatching(/data: used again, since it was cut 4m2s ago; wal: used again/) });
    expect(server.names).toHaveLength(2);
  });

  test.each<[string, Partial<RunnerConfig>, (server: FakeApiServer) => unknown]>([
    ['is too old', {}, server => server.clock.advance(11 * MINUTE)],
    ['is not to be used again', { gate: { reuseSeconds: 0 } }, server => server.clock.advance(SECOND)],
    ['is not ready', {}, server => server.editSnapshot(server.names[0], ({ status }) => { status.readyToUse = false; })],
    ['was found bad by a drill', {}, server => server.editSnapshot(server.names[0], ({ metadata }) => { metadata.labels = { ...metadata.labels, [KEYS.verified]: 'false' }; })],
    ['is of an earlier claim of that name', {}, server => server.recreateClaim('data')],
  ])('takes new ones where one %s', async (_, changes, spoil) => {
    const server = cluster('data', 'wal');
    await upgrade(server, { claims: TWO });
    await spoil(server);
    expect(await upgrade(server, { claims: TWO, ...changes }, 'next')).toMatchObject({ exitCode: 0, message: expect.not.stringContaining('used again') });
    expect(server.names).toHaveLength(4);
  });

  test('takes a new one though the clock of the storage says that the last was cut just now, or later', async () => {
    const server = cluster('data');
    server.storageClockError = 3 * HOUR;
    await upgrade(server);
    await server.clock.advance(HOUR);
    expect((await upgrade(server, {}, 'next')).message).not.toContain('used again');
    expect(server.names).toHaveLength(2);
  });

  test('takes a new group, as nothing says of a group that each claim has a snapshot in it', async () => {
    const server = cluster('data', 'wal');
    const group = { claims: TWO, group: { className: 'pair', apiVersion: 'v1beta2' as const } };
    expect(await upgrade(server, group)).toMatchObject({ exitCode: 0 });
    expect(await upgrade(server, group, 'next')).toMatchObject({ exitCode: 0, message: expect.not.stringContaining('used again') });
  });

  test('takes new ones of all claims where one has none, so that they are of one run', async () => {
    const server = cluster('data', 'wal');
    await upgrade(server);
    await upgrade(server, { claims: TWO }, 'next');
    expect(server.names).toHaveLength(3);
  });
});

describe('a person who lets the upgrade go on without a snapshot', () => {
  test('is obeyed, for that claim, and the failure is still told', async () => {
    const server = cluster('data');
    server.driverError = 'the array is on fire';
    leave(server, 'data', inTime(HOUR));
    const run = await upgrade(server);
    expect(run).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^THE UPGRADE GOES ON WITHOUT A SNAPSHOT of data, as .*the array is on fire/) });
    expect(server.events).toEqual([expect.objectContaining({ type: 'Warning', reason: 'ScheduledSnapshotFailed' })]);
    // a storage that is known to be broken is not waited for as long as a whole one
    expect(run.milliseconds).toBeLessThan(2 * MINUTE);
  });

  test('gets a snapshot where there can be one', async () => {
    const server = cluster('data');
    leave(server, 'data', inTime(HOUR));
    expect(await upgrade(server)).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^1 of 1 claims have their snapshot/) });
  });

  test('is obeyed where the cluster has lost the snapshot API', async () => {
    const server = cluster('data');
    server.crdsInstalled = false;
    leave(server, 'data', inTime(HOUR));
    expect(await upgrade(server)).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^THE UPGRADE GOES ON WITHOUT A SNAPSHOT of data/) });
  });

  test.each([
    ['is over', inTime(-MINUTE)],
    ['would be for ever', inTime(25 * HOUR)],
    ['is no moment', 'tomorrow'],
    ['has no time zone', '2026-02-09T03:00'],
    ['is a flag', 'true'],
  ])('is not obeyed where the time %s', async (_, until) => {
    const server = cluster('data');
    server.driverError = 'the array is on fire';
    leave(server, 'data', until);
    const run = await upgrade(server);
    expect(run.exitCode).toBe(1);
    expect(run.message).toContain(`'${until}' on claim 'data' is over, more than a day ahead, or no moment such as`);
  });

  test('is not obeyed for a claim that is gone, though nobody can say what it had', async () => {
    const server = cluster('data');
    server.crdsInstalled = false;
    leave(server, 'data', inTime(HOUR));
    expect(await upgrade(server, { claims: TWO })).toMatchObject({ exitCode: 1 });
  });

  test('is not obeyed for another claim', async () => {
    const server = cluster('data', 'wal');
    server.driverError = 'the array is on fire';
    leave(server, 'wal', inTime(HOUR));
    expect(await upgrade(server, { claims: TWO })).toMatchObject({ exitCode: 1 });
  });
});
