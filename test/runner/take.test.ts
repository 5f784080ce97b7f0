import { DAY, FakeApiServer, HOUR, inShort, MINUTE, perform, schedule, SECOND, start, TONIGHT } from './fake-api-server';
import { ClaimSelection, KEYS, RunnerConfig } from '../../src/runner/config';
import { snapshotName } from '../../src/runner/identity';
import { ApiError, ConnectionError } from '../../src/runner/kube-client';

function cluster(...claims: string[]): FakeApiServer {
  const server = new FakeApiServer();
  (claims.length > 0 ? claims : ['data']).forEach(name => server.addClaim(name));
  return server;
}

const named = (...names: string[]): ClaimSelection[] => names.map(name => ({ kind: 'Claim', name }));

const tonight = { kind: 'Scheduled', at: new Date(TONIGHT) } as const;

/** The name that tonight's snapshot of a claim has. */
function nameFor(server: FakeApiServer, claim: string, scheduleId = 'nightly'): string {
  return snapshotName(claim, server.claimUid(claim), scheduleId, tonight);
}

describe('a new snapshot', () => {
  test('carries what finds it again, and keeps GitOps tools and Velero away', async () => {
    const server = cluster(`data-${'x'.repeat(80)}`);
    const [claim] = [`data-${'x'.repeat(80)}`];
    await perform(server, {
      config: schedule({ claims: named(claim), labels: { 'team': 'shop', 'velero.io/exclude-from-backup': 'false' }, annotations: { note: 'x' } }),
    });
    const { metadata, spec } = server.snapshots[0];
    expect(metadata.labels).toEqual({
      'team': 'shop',
      'velero.io/exclude-from-backup': 'true',
      'cdk8s-volume-snapshots/schedule': 'nightly',
      'cdk8s-volume-snapshots/claim': expect.stringMatching(/^data-x{49}-[0-9a-f]{8}$/),
      'cdk8s-volume-snapshots/claim-uid': server.claimUid(claim),
      'cdk8s-volume-snapshots/consistency': 'crash',
    });
    expect(metadata.annotations).toEqual({
      'note': 'x',
      'argocd.argoproj.io/compare-options': 'IgnoreExtraneous',
      'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
      'cdk8s-volume-snapshots/scheduled-for': '2026-02-09T02:00:00.000Z',
    });
    expect(spec).toEqual({ volumeSnapshotClassName: 'ebs', source: { persistentVolumeClaimName: claim } });
  });

  test('has no owner, or the garbage collector would delete it with the Job', async () => {
    const server = cluster();
    await perform(server);
    expect(Object.keys(server.snapshots[0].metadata)).not.toContain('ownerReferences');
  });

  test('leaves the class to the cluster if none is named', async () => {
    const server = cluster();
    await perform(server, { config: schedule({ snapshotClassName: undefined }) });
    expect(JSON.stringify(server.snapshots[0].spec)).toBe('{"source":{"persistentVolumeClaimName":"data"}}');
  });

  test('of a manual Job is known by the Job, so that its second pod takes no second one', async () => {
    const server = cluster();
    const run = { kind: 'Manual', jobUid: 'job-7' } as const;
    const first = await perform(server, { run });
    await server.clock.advance(MINUTE);
    const again = await perform(server, { run });
    expect([first.exitCode, again.exitCode]).toEqual([0, 0]);
    expect(server.names).toEqual([expect.stringMatching(/^data-manual-[0-9a-f]{8}$/)]);
    expect(Object.keys(server.snapshots[0].metadata.annotations)).not.toContain(KEYS.scheduledFor);
    await perform(server, { run: { kind: 'Manual', jobUid: 'job-8' } });
    expect(server.names).toHaveLength(2);
  });

  test('is not mixed up with that of another schedule that runs at the same minute', async () => {
    const server = cluster();
    const hourly = start(server, { config: schedule({ scheduleId: 'hourly' }), run: tonight });
    const nightly = start(server, { run: tonight });
    const results = await server.clock.until(Promise.all([hourly.result, nightly.result]));
    expect(results.map(result => result.exitCode)).toEqual([0, 0]);
    expect(server.readyNames).toEqual([nameFor(server, 'data', 'hourly'), nameFor(server, 'data')].sort());
  });

  test.each(['data.eu.example', `${'d'.repeat(226)}.${'x'.repeat(20)}`, 'd'.repeat(253)])('can be taken of a claim called %s', async claim => {
    const server = cluster(claim);
    const config = schedule({ claims: named(claim) });
    expect((await perform(server, { config, run: tonight })).exitCode).toBe(0);
    expect((await perform(server, { config, run: tonight })).exitCode).toBe(0);
    expect(server.readyNames).toHaveLength(1);
  });
});

describe('a retried pod', () => {
  test('adopts the ready snapshot of the pod before it', async () => {
    const server = cluster();
    await perform(server, { run: tonight });
    const again = await perform(server, { run: tonight });
    expect(again).toMatchObject({ exitCode: 0, message: expect.stringContaining('1 of 1 claims have their snapshot') });
    expect(again.requests.filter(request => request.startsWith('POST volumesnapshots'))).toEqual([]);
    expect(server.names).toHaveLength(1);
  });

  test('adopts one that was made after it had listed', async () => {
    const server = cluster();
    server.before = call => {
      if (inShort(call).startsWith('POST volumesnapshots')) {
        server.before = undefined;
        start(server, { run: tonight });
        // the other pod, thought dead, is quicker
        return server.clock.wait(10);
      }
      return undefined;
    };
    const run = await perform(server, { run: tonight });
    expect(run.exitCode).toBe(0);
    expect(server.readyNames).toEqual([nameFor(server, 'data')]);
    expect(server.calls.filter(call => call.request.query?.fieldSelector).map(call => call.request.query?.fieldSelector))
      .toEqual([`metadata.name=${nameFor(server, 'data')}`]);
  });

  test('waits for what is left of the time, not for the whole time again', async () => {
    const server = cluster();
    server.sidecarRunning = false;
    start(server, { run: tonight });
    await server.clock.advance(9 * MINUTE);
    const again = await perform(server, { run: tonight });
    expect(again.exitCode).toBe(1);
    expect(Math.round(again.milliseconds / SECOND)).toBe(60);
  });

  test('that comes after the time is up still sees that the snapshot is ready', async () => {
    const server = cluster();
    const first = start(server, { run: tonight });
    await server.clock.advance(20);
    first.pod.kill();
    await server.clock.advance(HOUR);
    expect((await perform(server, { run: tonight })).exitCode).toBe(0);
  });

  test('does not take a snapshot for its own that somebody has begun to delete', async () => {
    const server = cluster();
    await perform(server, { run: tonight });
    const name = nameFor(server, 'data');
    server.controllerRunning = false;
    server.deleteSnapshot(name);
    const again = await perform(server, { run: tonight });
    expect(again).toMatchObject({ exitCode: 1, message: expect.stringContaining(`snapshot '${name}' was deleted before it was ready; find out who deletes snapshots`) });
  });
});

describe('a snapshot of the same name that is not ours', () => {
  test.each([
    ['another schedule', { [KEYS.schedule]: 'hourly' }],
    ['nobody', { [KEYS.schedule]: undefined, [KEYS.claimUid]: undefined }],
    ['another claim that was called so', { [KEYS.claimUid]: 'older' }],
  ])('is refused and left alone: of %s', async (_, labels) => {
    const server = cluster('data', 'logs');
    const name = server.addSnapshot('data', { name: nameFor(server, 'data'), at: TONIGHT, labels });
    const before = JSON.stringify(server.snapshot(name));
    const run = await perform(server, { config: schedule({ claims: named('data', 'logs') }) });
    expect(run.exitCode).toBe(1);
    expect(run.message).toContain(`FAILED data: a snapshot '${name}' exists and is not of this schedule and claim; rename or delete it, it is left alone`);
    expect(run.message).toContain('1 of 2 claims');
    expect(JSON.stringify(server.snapshot(name))).toBe(before);
  });

  test('is refused even with all our labels, if its data is that of another claim', async () => {
    const server = cluster('data', 'logs');
    const name = server.addSnapshot('logs', { name: nameFor(server, 'data'), at: TONIGHT, labels: { [KEYS.claimUid]: server.claimUid('data') } });
    const run = await perform(server);
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining(`a snapshot '${name}' exists and is not of this schedule and claim`) });
  });
});

describe('a claim that cannot be snapshotted', () => {
  test.each(['Pending', 'Lost'])('is named when it is %s, no snapshot is left that would wait for ever, and the others are done', async phase => {
    const server = cluster('data', 'logs');
    server.editClaim('data', claim => { claim.status.phase = phase; });
    const run = await perform(server, { config: schedule({ claims: named('data', 'logs') }) });
    expect(run).toMatchObject({ exitCode: 1 });
    expect(run.message).toContain(`FAILED data: the claim is ${phase}, not Bound: there is no volume to snapshot; see kubectl describe pvc data`);
    expect(server.readyNames).toEqual([nameFor(server, 'logs')]);
    expect(server.names).toHaveLength(1);
    expect(server.events.map(event => [event.involvedObject.name, event.type]).sort()).toEqual([['data', 'Warning'], ['logs', 'Normal']]);
  });

  test('is named when it is being deleted', async () => {
    const server = cluster('data', 'logs');
    server.editClaim('data', claim => {
      claim.metadata.finalizers = ['kubernetes.io/pvc-protection'];
      claim.metadata.deletionTimestamp = '2026-02-09T01:00:00Z';
    });
    const run = await perform(server, { config: schedule({ claims: named('data', 'logs') }) });
    expect(run.message).toContain('FAILED data: the claim is being deleted, and the snapshot controller takes no snapshot of it; take it out of the schedule');
    expect(server.readyNames).toEqual([nameFor(server, 'logs')]);
  });

  test('is named when it does not exist or was just made, and its old snapshots stay', async () => {
    const server = cluster('data', 'logs');
    for (let night = 1; night <= 9; night += 1) { server.addSnapshot('data', { at: TONIGHT - night * DAY }); }
    server.removeClaim('data');
    const run = await perform(server, { config: schedule({ claims: named('data', 'logs'), retention: { keepLast: 1, minimumReady: 1 } }) });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining("FAILED data: no claim of this name in namespace 'shop'") });
    expect(server.readyNames).toHaveLength(9 + 1);
    server.editClaim('logs', claim => { delete claim.status; });
    await server.clock.advance(DAY);
    expect((await perform(server, { config: schedule({ claims: named('logs') }) })).message).toContain('FAILED logs: the claim is Pending');
  });
});

describe('a claim that is not there any more when its turn comes', () => {
  test.each([
    ['is made anew', (server: FakeApiServer) => { server.recreateClaim('wal'); }],
    ['is gone', (server: FakeApiServer) => { server.removeClaim('wal'); }],
  ])('is not snapshotted as what it was, which would count as the newest of that: it %s', async (_, change) => {
    const server = cluster('data', 'wal');
    server.addSnapshot('wal', { name: 'last-good', at: TONIGHT - DAY });
    server.controllerDelay = 30 * SECOND;
    server.clock.after(10 * SECOND, () => change(server));
    const config = schedule({ claims: named('data', 'wal'), concurrency: 1, retention: { keepLast: 1, minimumReady: 1 } });
    const run = await perform(server, { config });
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining('FAILED wal: the claim was deleted, or made anew, while the run waited for its turn; the next run takes it') });
    expect(server.names.filter(name => !name.startsWith('data'))).toEqual(['last-good']);
  });
});

describe('a snapshot that is not ready in time', () => {
  const causes: [string, (server: FakeApiServer) => void, string][] = [
    ['the storage copies for hours', server => { server.readyDelay = 5 * HOUR; },
      'its data was cut at 2026-02-09T02:00:00.000Z and the storage is still copying it; it is kept and the next run counts it; if this is usual, raise readyTimeout'],
    ['the storage refuses', server => { server.driverError = 'rpc error: quota of the project exceeded'; },
      'the storage says: rpc error: quota of the project exceeded'],
    ['nobody looks at it', server => { server.controllerRunning = false; },
      'no snapshot controller has looked at it; is the snapshot-controller running?'],
    ['the driver does not answer', server => { server.sidecarRunning = false; },
      'the CSI driver has not cut it and gives no error; is its csi-snapshotter sidecar running?'],
  ];

  describe.each(causes)('since %s', (_, breakDown, why) => {
    async function failedNight(): Promise<FakeApiServer> {
      const server = cluster();
      for (let night = 1; night <= 5; night += 1) { server.addSnapshot('data', { name: `old-${night}`, at: TONIGHT - night * DAY }); }
      breakDown(server);
      return server;
    }

    test('fails the run at the time, not later, and says why', async () => {
      const server = await failedNight();
      const run = await perform(server);
      expect(run.exitCode).toBe(1);
      expect(run.message).toContain(`FAILED data: snapshot '${nameFor(server, 'data')}' is not ready after 10m: ${why}`);
      expect(server.events[0]).toMatchObject({ type: 'Warning', message: expect.stringContaining(why) });
      expect(Math.round(run.milliseconds / SECOND)).toBe(600);
    });

    test('costs no good snapshot, and the next night recovers', async () => {
      const server = await failedNight();
      await perform(server);
      expect(server.readyNames.filter(name => name.startsWith('old-'))).toHaveLength(5);
      Object.assign(server, { driverError: undefined, sidecarRunning: true, readyDelay: 50 });
      server.startController();
      await server.clock.advanceTo(TONIGHT + DAY);
      const next = await perform(server);
      expect(next.exitCode).toBe(0);
      expect(server.readyNames).toHaveLength(3);
      // what was never cut does not stay behind and pin the claim
      expect(server.names).toEqual(server.readyNames);
      expect(server.orphans).toEqual([]);
    });
  });

  test('is not given up for an error that passes', async () => {
    const server = cluster();
    server.driverError = 'rpc error: code = Aborted desc = busy';
    server.clock.after(2 * MINUTE, () => { server.driverError = undefined; });
    const run = await perform(server);
    expect(run.exitCode).toBe(0);
    expect(run.milliseconds).toBeGreaterThan(2 * MINUTE);
  });

  test('is not given up for an error that is still shown after the cut', async () => {
    const server = cluster();
    server.readyDelay = 5 * MINUTE;
    server.driverError = 'rpc error: code = Unavailable';
    server.clock.after(10 * SECOND, () => { server.driverError = undefined; });
    const run = start(server);
    await server.clock.advance(2 * MINUTE);
    expect(server.snapshots[0].status).toMatchObject({ error: { message: 'rpc error: code = Unavailable' }, creationTime: expect.any(String) });
    await expect(server.clock.until(run.result)).resolves.toMatchObject({ exitCode: 0 });
  });

  test('and late is a restore point for the next run, which does not delete it for being slow', async () => {
    const server = cluster();
    server.readyDelay = 5 * HOUR;
    const config = schedule({ retention: { keepLast: 2, minimumReady: 2 } });
    for (let night = 1; night <= 2; night += 1) { server.addSnapshot('data', { name: `old-${night}`, at: TONIGHT - night * DAY }); }
    const late = nameFor(server, 'data');
    expect((await perform(server, { config })).exitCode).toBe(1);
    await server.clock.advanceTo(TONIGHT + DAY);
    expect(server.readyNames).toContain(late);
    server.readyDelay = 50;
    expect((await perform(server, { config })).exitCode).toBe(0);
    expect(server.readyNames).toEqual([late, expect.stringContaining('data-20260210-020000')]);
  });

  test('night after night is never rotated away before one of them is ready', async () => {
    const server = cluster();
    // longer than from one run to the next
    server.readyDelay = 30 * HOUR;
    const config = schedule({ retention: { keepLast: 1, minimumReady: 1 } });
    server.addSnapshot('data', { name: 'old', at: TONIGHT - DAY });
    for (let night = 0; night < 10; night += 1) {
      await server.clock.advanceTo(TONIGHT + night * DAY);
      expect((await perform(server, { config })).exitCode).toBe(1);
      expect(server.readyNames.length).toBeGreaterThan(0);
    }
    await server.clock.advance(2 * DAY);
    expect(server.readyNames).toContain(snapshotName('data', server.claimUid('data'), 'nightly', { kind: 'Scheduled', at: new Date(TONIGHT + 9 * DAY) }));
  });

  test('by the watch alone is ready: the server is asked once more before the run fails', async () => {
    const server = cluster();
    server.readyDelay = 30 * SECOND;
    server.clock.after(10 * SECOND, () => server.stallWatches());
    const run = await perform(server, { config: schedule({ readyTimeoutSeconds: 60 }) });
    expect(run.exitCode).toBe(0);
  });

  test('as far as anybody knows, since the API server went away, is no fault of the snapshot controller: exit 75 for another pod', async () => {
    const server = cluster();
    server.readyDelay = MINUTE;
    server.clock.after(10 * SECOND, () => {
      server.before = () => { throw new ConnectionError('the API server at 10.0.0.1:443 did not answer (ECONNREFUSED)'); };
      server.breakWatches(new ConnectionError('aborted'));
    });
    const run = await perform(server);
    expect(run.exitCode).toBe(75);
    expect(run.message).toContain('did not answer (ECONNREFUSED)');
    expect(run.message).not.toContain('snapshot-controller');
    server.before = undefined;
    expect((await perform(server, { run: tonight })).exitCode).toBe(0);
    expect(server.readyNames).toHaveLength(1);
  });
});

describe('somebody deletes snapshots while they are taken', () => {
  test.each([20, 100])('it is told, and the run does not wait in vain: after %d ms', async when => {
    const server = cluster();
    server.readyDelay = MINUTE;
    server.clock.after(when, () => server.deleteSnapshot(nameFor(server, 'data')));
    const run = await perform(server);
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining('was deleted before it was ready; find out who deletes snapshots') });
    expect(run.milliseconds).toBeLessThan(10 * SECOND);
  });

  test.each([['before the cut', 40], ['after the cut', 100]])('it is told also if something keeps it from going: %s', async (_, when) => {
    const server = cluster();
    server.readyDelay = MINUTE;
    server.clock.after(when, () => {
      server.editSnapshot(nameFor(server, 'data'), s => { s.metadata.finalizers.push('example.com/for-ever'); });
      server.sidecarRunning = false;
      server.deleteSnapshot(nameFor(server, 'data'));
    });
    const run = await perform(server);
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining('was deleted before it was ready; find out who deletes snapshots') });
    expect(run.milliseconds).toBeLessThan(10 * SECOND);
  });

  test('it is told also if the name was taken at the creation and is free a moment later', async () => {
    const server = cluster();
    const name = nameFor(server, 'data');
    server.controllerRunning = false;
    server.before = call => {
      if (inShort(call) === `POST volumesnapshots/${name}`) {
        server.addSnapshot('data', { name, at: TONIGHT, bound: false });
        server.editSnapshot(name, s => { s.metadata.finalizers = []; });
      } else if (call.request.query?.fieldSelector) {
        server.deleteSnapshot(name);
      }
    };
    const run = await perform(server);
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining(`snapshot '${name}' existed and is gone again; somebody deletes snapshots`) });
  });
});

describe('a creation that the server refuses', () => {
  test('since the quota is full of what retention keeps says so in the words of the quota, and deletes nothing good to make room', async () => {
    const server = cluster();
    for (let night = 1; night <= 9; night += 1) { server.addSnapshot('data', { at: TONIGHT - night * DAY }); }
    server.quota = 9;
    const run = await perform(server, { config: schedule({ retention: { keepLast: 9, minimumReady: 1 } }) });
    expect(run.exitCode).toBe(1);
    expect(run.message).toContain('FAILED data: a ResourceQuota leaves no room for it, as retention keeps what is there: ');
    expect(run.message).toContain('exceeded quota: objects, requested: count/volumesnapshots.snapshot.storage.k8s.io=1, '
      + 'used: count/volumesnapshots.snapshot.storage.k8s.io=9, limited: count/volumesnapshots.snapshot.storage.k8s.io=9; '
      + 'raise the quota to more than retention keeps, or keep fewer');
    expect(run.message).toContain('0 pruned; 9 kept');
    expect(server.readyNames).toHaveLength(9);
    // nothing was freed, so there is nothing to wait for
    expect(run.milliseconds).toBeLessThan(SECOND);
  });

  test('since a right is missing is no full quota: nothing is pruned to make room', async () => {
    const server = cluster();
    for (let night = 1; night <= 5; night += 1) { server.addSnapshot('data', { at: TONIGHT - night * DAY }); }
    server.before = call => { if (call.verb === 'POST' && call.resource === 'volumesnapshots') { throw new ApiError(403, 'volumesnapshots is forbidden: cannot create'); } };
    const run = await perform(server);
    expect(run).toMatchObject({ exitCode: 1, message: expect.stringContaining('FAILED data: volumesnapshots is forbidden: cannot create') });
    expect(server.readyNames).toHaveLength(5);
  });

  test('since the cluster has no snapshots says what to install', async () => {
    const server = cluster();
    server.crdsInstalled = false;
    const run = await perform(server);
    expect(run).toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('the cluster has no VolumeSnapshot API; install the snapshot CRDs and the snapshot controller'),
    });
  });

  test('since the CRDs have just been taken away says the same', async () => {
    const server = cluster();
    server.before = call => { if (call.verb === 'POST') { server.crdsInstalled = false; } };
    expect((await perform(server)).message).toContain('FAILED data: the cluster has no VolumeSnapshot API; install the snapshot CRDs');
  });

  test('costs the other claims nothing', async () => {
    const server = cluster('a', 'b', 'c');
    server.before = call => { if (call.name?.startsWith('b-')) { throw new ApiError(422, 'VolumeSnapshot is invalid'); } };
    const run = await perform(server, { config: schedule({ claims: named('a', 'b', 'c') }) });
    expect(run.message).toMatch(/^2 of 3 claims have their snapshot; FAILED b: VolumeSnapshot is invalid/);
    expect(server.readyNames.map(name => name[0])).toEqual(['a', 'c']);
  });
});

describe('the least time between two snapshots of a volume that the driver asks for', () => {
  const byHand = { kind: 'Manual', jobUid: 'job-7' } as const;
  const spaced = (changes: Partial<RunnerConfig> = {}) => schedule({ minimumIntervalSeconds: 600, ...changes });

  /** When each snapshot of a claim was made, in minutes from the start. */
  const madeAt = (server: FakeApiServer, claim: string) => server.snapshots.filter(s => s.spec.source.persistentVolumeClaimName === claim)
    .map(s => Math.round((Date.parse(s.metadata.creationTimestamp) - TONIGHT) / MINUTE)).sort((a, b) => a - b);

  test('is waited for by a Job that a person starts too soon after the last run, which says so', async () => {
    const server = cluster();
    await perform(server, { config: spaced(), run: tonight });
    await server.clock.advanceTo(TONIGHT + 4 * MINUTE);
    const run = await perform(server, { config: spaced({ readyTimeoutSeconds: 3600 }), run: byHand });
    expect(run.exitCode).toBe(0);
    expect(madeAt(server, 'data')).toEqual([0, 10]);
    expect(run.lines).toContainEqual({
      step: 'wait', claim: 'data', seconds: 360, reason: 'the driver takes no two snapshots of a volume so close together',
    });
  });

  test('is not waited for after it has passed, nor by a retried pod that finds its snapshot, nor under a driver that asks for none', async () => {
    const server = cluster();
    const lines = [
      await perform(server, { config: spaced(), run: tonight }),
      await perform(server, { config: spaced(), run: tonight }),
      await perform(server, { config: schedule(), run: byHand }),
    ];
    await server.clock.advance(10 * MINUTE);
    lines.push(await perform(server, { config: spaced() }));
    expect(lines.flatMap(run => run.lines.filter(line => line.step === 'wait'))).toEqual([]);
    expect(lines.map(run => [run.exitCode, run.milliseconds < SECOND])).toEqual(Array(4).fill([0, true]));
  });

  test('keeps no other claim waiting, and holds for each claim by itself', async () => {
    const server = cluster('data', 'logs');
    await perform(server, { config: spaced(), run: tonight });
    await server.clock.advanceTo(TONIGHT + MINUTE);
    const config = spaced({ claims: named('data', 'logs'), readyTimeoutSeconds: 3600 });
    expect((await perform(server, { config, run: byHand })).exitCode).toBe(0);
    expect([madeAt(server, 'data'), madeAt(server, 'logs')]).toEqual([[0, 10], [1]]);
  });

  test('is waited for once, however far in the future a wrong clock has put the last snapshot', async () => {
    const server = cluster();
    server.addSnapshot('data', { name: 'from-the-future', at: TONIGHT + 400 * DAY });
    const run = await perform(server, { config: spaced({ readyTimeoutSeconds: 3600 }), run: byHand });
    expect(run.exitCode).toBe(0);
    expect(madeAt(server, 'data')[0]).toBe(10);
  });

  test('takes nothing from the time in which the snapshot may become ready', async () => {
    const server = cluster();
    await perform(server, { config: spaced({ readyTimeoutSeconds: 300 }), run: tonight });
    server.readyDelay = 4 * MINUTE;
    const run = await perform(server, { config: spaced({ readyTimeoutSeconds: 300 }), run: byHand });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(madeAt(server, 'data')).toEqual([0, 10]);
  });

  test('that is longer than a Job may last fails it at once, with the time to come back: its deadline would give no reason', async () => {
    const server = cluster();
    const config = spaced({ minimumIntervalSeconds: 6 * 3600 });
    await perform(server, { config, run: tonight });
    await server.clock.advanceTo(TONIGHT + HOUR);
    const run = await perform(server, { config, run: byHand });
    expect(run).toMatchObject({
      exitCode: 1, message: expect.stringContaining('FAILED data: the driver takes no two snapshots of a volume within 6h; start the Job again in 5h'),
    });
    expect([run.milliseconds < SECOND, madeAt(server, 'data')]).toEqual([true, [0]]);
  });

  test('ends when the pod is told to end', async () => {
    const server = cluster();
    await perform(server, { config: spaced(), run: tonight });
    const run = start(server, { config: spaced(), run: byHand });
    server.clock.after(MINUTE, () => run.sigterm());
    await expect(server.clock.until(run.result)).resolves.toMatchObject({ exitCode: 143 });
    expect(madeAt(server, 'data')).toEqual([0]);
  });
});

describe('the bound on claims at once', () => {
  const names = Array.from({ length: 10 }, (_, index) => `data-${index}`);
  const config = schedule({ claims: named(...names), concurrency: 3, readyTimeoutSeconds: 3600 });

  /** How many snapshots were created and not yet cut, at the most. */
  async function mostAtOnce(
    prepare: (server: FakeApiServer) => void,
  ): Promise<{ server: FakeApiServer; most: number; exitCode: number; milliseconds: number }> {
    const server = cluster(...names);
    server.cutDelay = () => 10 * SECOND;
    prepare(server);
    let most = 0;
    const look = () => {
      most = Math.max(most, server.snapshots.filter(s => !s.status?.creationTime).length);
      server.clock.after(SECOND / 2, look);
    };
    look();
    const { exitCode, milliseconds } = await perform(server, { config });
    return { server, most, exitCode, milliseconds };
  }

  test('is kept until the cut, so that the storage is not overrun', async () => {
    const { most, exitCode } = await mostAtOnce(() => undefined);
    expect([most, exitCode]).toEqual([3, 0]);
  });

  test('does not wait for the copy: ten copies of half an hour take half an hour', async () => {
    const { most, exitCode, milliseconds } = await mostAtOnce(server => { server.readyDelay = 30 * MINUTE; });
    expect([most, exitCode]).toEqual([3, 0]);
    expect(milliseconds).toBeLessThan(31 * MINUTE);
  });

  test('gives the place of a failed claim to the next', async () => {
    const { server, exitCode } = await mostAtOnce(s => {
      s.before = call => { if (call.verb === 'POST' && /^data-[0-4]-/.test(call.name ?? '')) { throw new ApiError(403, 'forbidden'); } };
    });
    expect(exitCode).toBe(1);
    expect(server.readyNames).toHaveLength(5);
  });

  test('gives the place of a claim that is not cut for long to the next, so that each is tried in time', async () => {
    const { server, milliseconds } = await mostAtOnce(s => { s.cutDelay = claim => (/[0-4]$/.test(claim) ? 9 * HOUR : SECOND); });
    expect(server.readyNames).toHaveLength(5);
    expect(milliseconds).toBeLessThan(HOUR + MINUTE);
  });

  test('ends the run in its time even if no claim is cut, after each was tried, so that it can say so', async () => {
    const { server, exitCode, milliseconds } = await mostAtOnce(s => { s.cutDelay = () => 9 * HOUR; });
    expect(server.snapshots).toHaveLength(10);
    expect(exitCode).toBe(1);
    expect(milliseconds).toBeLessThan(HOUR + MINUTE);
  });
});
