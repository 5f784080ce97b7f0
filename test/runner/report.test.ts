import { FakeApiServer, FakePod, NAMESPACE, TONIGHT } from './fake-api-server';
import { CircuitOpenError } from '../../src/runner/breaker';
import { PruneResult } from '../../src/runner/prune';
import { Outcome, recordEvent, summarize } from '../../src/runner/report';

const claim = { name: 'data', uid: 'claim-uid', phase: 'Bound', deleting: false };
const good = { name: 'data', claim, snapshot: { name: 'data-1' } } as Outcome;
const failed = (name: string, message: string): Outcome => ({ name, error: new Error(message) });

const nothing: PruneResult = { pruned: 0, kept: 4, deleting: 0, held: 0, problems: [] };

describe('the termination message', () => {
  test('says how many are there, then what failed, since the end may be cut off', () => {
    const pruning = { pruned: 2, kept: 5, deleting: 0, held: 0, problems: ["snapshot 'x' was not pruned: forbidden"] };
    expect(summarize([good, failed('logs', 'the claim is Pending')], pruning)).toBe('1 of 2 claims have their snapshot; FAILED logs: the claim is Pending; '
      + "FAILED pruning: snapshot 'x' was not pruned: forbidden; 2 pruned; 5 kept");
  });

  test('names no snapshot where there is none', () => {
    expect(summarize([failed('logs', 'gone')], nothing)).toBe('0 of 1 claims have their snapshot; FAILED logs: gone; 0 pruned; 4 kept');
  });

  test('says how many of the kept are held, since a forgotten hold costs money for ever', () => {
    expect(summarize([good], { ...nothing, held: 3 })).toBe('1 of 1 claims have their snapshot (data-1); 0 pruned; 4 kept, 3 of them held');
  });

  test('says how many are being deleted since an earlier run, which nobody else tells, and does not count them as kept', () => {
    expect(summarize([good], { ...nothing, deleting: 2 })).toBe('1 of 1 claims have their snapshot (data-1); 0 pruned; 4 kept; 2 still being deleted since before this run');
  });

  test('of a dry run says what would be pruned, and never that something was', () => {
    expect(summarize([good], { ...nothing, wouldPrune: 2 })).toBe('1 of 1 claims have their snapshot (data-1); dry run, 2 would be pruned; 4 kept');
    expect(summarize([good], { ...nothing, wouldPrune: 0 })).toContain('dry run, 0 would be pruned');
  });

  test('names the claims that went with members of a StatefulSet, so that a typing error does not look like one of them', () => {
    expect(summarize([good], nothing, ['data-db-1', 'data-db-2']))
      .toBe('1 of 1 claims have their snapshot (data-1); 0 pruned; 4 kept; not there, since the StatefulSet is scaled in: data-db-1, data-db-2');
  });

  test('counts and names the claims of a primary apart, which nobody wanted, or a good night would look like a half one', () => {
    const primary: Outcome = { name: 'data-db-0', claim: { ...claim, name: 'data-db-0' }, leftOut: true };
    expect(summarize([primary, good], nothing))
      .toBe('1 of 1 claims have their snapshot (data-1); 0 pruned; 4 kept; left out, since a replica was taken: data-db-0');
    expect(summarize([primary, failed('data', 'gone')], nothing)).toBe('0 of 1 claims have their snapshot; FAILED data: gone; 0 pruned; 4 kept; left out, since a replica was taken: data-db-0');
  });

  test('says of each snapshot how consistent it is and why, after the failures and before the rest', () => {
    const noted = { ...good, note: 'crash-consistent only, since no pod mounts it, so there was nothing to quiesce' };
    expect(summarize([noted, failed('logs', 'gone')], { ...nothing, problems: ['forbidden'] })).toBe('1 of 2 claims have their snapshot; FAILED logs: gone; '
      + 'data: crash-consistent only, since no pod mounts it, so there was nothing to quiesce; FAILED pruning: forbidden; 0 pruned; 4 kept');
  });

  test('is one line, whatever the storage writes', () => {
    expect(summarize([failed('data', 'rpc error:\n\tcode = Internal\r\n  desc = no space')], nothing))
      .toBe('0 of 1 claims have their snapshot; FAILED data: rpc error: code = Internal desc = no space; 0 pruned; 4 kept');
  });

  test.each([['Latin', 'x'], ['umlauts', 'ü'], ['Chinese', '快'], ['emoji', '🔥']])('stays below the 4096 bytes that the kubelet keeps, in %s', (_, letter) => {
    const message = summarize(Array.from({ length: 40 }, (__, index) => failed(`claim-${index}`, letter.repeat(500))), nothing);
    expect(Buffer.byteLength(message)).toBeLessThan(4096);
    expect(Buffer.byteLength(message)).toBeGreaterThan(3900);
    expect(message).toMatch(/^0 of 40 claims have their snapshot; FAILED claim-0: /);
    expect(message).toMatch(/\.\.\. \(see the log\)$/);
    // no half of a letter at the cut
    expect(message).not.toContain('�');
    expect(Buffer.from(message).toString()).toBe(message);
  });

  test('is not cut if it fits', () => {
    expect(summarize([failed('data', 'x'.repeat(3900))], nothing)).toMatch(/; 4 kept$/);
  });
});

describe('the Event on the claim', () => {
  async function record(outcome: Outcome): Promise<FakeApiServer> {
    const server = new FakeApiServer();
    await server.clock.until(recordEvent({ client: new FakePod(server), namespace: NAMESPACE, pod: 'nightly-1-abcde', log: () => undefined }, outcome));
    return server;
  }

  test('is what kubectl describe pvc shows', async () => {
    const { events } = await record(good);
    expect(events).toEqual([expect.objectContaining({
      involvedObject: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: NAMESPACE, name: 'data', uid: 'claim-uid' },
      type: 'Normal',
      reason: 'ScheduledSnapshotReady',
      message: "snapshot 'data-1' is ready",
      reportingInstance: 'nightly-1-abcde',
      firstTimestamp: new Date(TONIGHT).toISOString(),
      lastTimestamp: new Date(TONIGHT).toISOString(),
      count: 1,
    })]);
  });

  test('is a warning with the reason after a failure, not longer than an Event may be', async () => {
    const { events } = await record({ name: 'data', claim, error: new Error('x'.repeat(5000)) });
    expect(events[0]).toMatchObject({ type: 'Warning', reason: 'ScheduledSnapshotFailed', message: 'x'.repeat(1000) });
  });

  test('has a reason of its own while the circuit is open, so that an alert can tell it from one failed night', async () => {
    const { events } = await record({ name: 'data', claim, error: new CircuitOpenError('3 snapshots of the claim are not ready') });
    expect(events[0]).toMatchObject({ type: 'Warning', reason: 'ScheduledSnapshotCircuitOpen', message: '3 snapshots of the claim are not ready' });
  });

  test('is not tried for a claim that does not exist', async () => {
    expect((await record(failed('gone', 'no claim'))).calls).toEqual([]);
  });

  test('is not written for a claim that was left out: nothing happened to it', async () => {
    expect((await record({ name: 'data', claim, leftOut: true })).calls).toEqual([]);
  });

  test('of a claim with a long name has a name that Kubernetes takes', async () => {
    const { events } = await record({ ...good, claim: { ...claim, name: `${'a'.repeat(199)}.${'b'.repeat(50)}` } });
    expect(events[0].metadata.name).toMatch(/^a{199}\.[0-9a-f]{16}$/);
  });
});
