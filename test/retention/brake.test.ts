import { Overrun, overruns } from '../../src/retention/brake';
import { Decision, SnapshotFacts } from '../../src/retention/plan';

interface Marked extends SnapshotFacts { readonly prunable?: boolean }

/** So many decisions on ready snapshots of a claim. */
function decisions(action: 'keep' | 'delete', count: number, changes: Partial<Marked> = {}): Decision<Marked>[] {
  return Array.from({ length: count }, (_, index) => ({
    action,
    reasons: ['a rule'],
    snapshot: { name: `${action}-${index}`, claim: 'a', createdAt: index, cutAt: index, ready: true, deleting: false, ...changes },
  }));
}

const overrun = (...all: Decision<Marked>[][]): Overrun[] => overruns(all.flat(), snapshot => snapshot.prunable === true);

test('a run of every night, which prunes the one that is due, is not stopped', () => {
  expect(overrun(decisions('keep', 7), decisions('delete', 1))).toEqual([]);
});

test('nothing is stopped where nothing is due', () => {
  expect(overrun()).toEqual([]);
  expect(overrun(decisions('keep', 100))).toEqual([]);
});

describe('a claim that would lose more than half of its snapshots, and more than five', () => {
  test.each([
    // due, kept, stopped
    [5, 0, false],
    [5, 1, false],
    [6, 0, true],
    [6, 5, true],
    [6, 6, false],
    [7, 6, true],
    [50, 51, false],
    [50, 50, false],
    [51, 50, true],
    [365, 3, true],
  ])('is stopped: %d due and %d kept: %p', (due, kept, stopped) => {
    expect(overrun(decisions('delete', due), decisions('keep', kept))).toEqual(stopped ? [{ claim: 'a', due, ready: due + kept }] : []);
  });

  test('is found among others, each by its own numbers, or a big claim would hide the loss of a small one', () => {
    const small = [decisions('delete', 6, { claim: 'small' }), decisions('keep', 1, { claim: 'small' })];
    const big = [decisions('delete', 1, { claim: 'big' }), decisions('keep', 500, { claim: 'big' })];
    expect(overrun(...big, ...small)).toEqual([{ claim: 'small', due: 6, ready: 7 }]);
  });

  test('is not made of several claims that lose a few each', () => {
    expect(overrun(decisions('delete', 5, { claim: 'a' }), decisions('delete', 5, { claim: 'b' }))).toEqual([]);
  });

  test('is not stopped where the schedule itself explains it, such as after each weekend', () => {
    const monday = [...decisions('delete', 22), ...decisions('keep', 1)];
    expect(overruns(monday, () => false, 33)).toEqual([]);
    expect(overruns(monday, () => false, 22)).toEqual([]);
    expect(overruns(monday, () => false, 21)).toEqual([{ claim: 'a', due: 22, ready: 23 }]);
  });

  test('are all of them named', () => {
    expect(overrun(decisions('delete', 6, { claim: 'a' }), decisions('delete', 8, { claim: 'b' })).map(({ claim }) => claim).sort()).toEqual(['a', 'b']);
  });
});

describe('only restore points count', () => {
  test('so that any number of failed snapshots is cleared away', () => {
    expect(overrun(decisions('delete', 40, { ready: false, cutAt: undefined }), decisions('keep', 1))).toEqual([]);
    expect(overrun(decisions('delete', 40, { ready: false }), decisions('keep', 1))).toEqual([]);
  });

  test('and failed ones that are kept do not make the loss look smaller', () => {
    expect(overrun(decisions('delete', 6), decisions('keep', 40, { ready: false }))).toEqual([{ claim: 'a', due: 6, ready: 6 }]);
  });

  test('not those that are being deleted already: neither as a loss nor as what is left', () => {
    expect(overrun(decisions('keep', 40, { deleting: true }), decisions('delete', 6))).toEqual([{ claim: 'a', due: 6, ready: 6 }]);
    expect(overrun(decisions('delete', 40, { deleting: true }), decisions('keep', 3))).toEqual([]);
  });
});

describe('what a person has let go', () => {
  test('does not count, however much it is', () => {
    expect(overrun(decisions('delete', 300, { prunable: true }), decisions('keep', 3))).toEqual([]);
  });

  test('lets nothing else go with it', () => {
    expect(overrun(decisions('delete', 3, { prunable: true }), decisions('delete', 8), decisions('keep', 2))).toEqual([{ claim: 'a', due: 8, ready: 13 }]);
  });

  test('is still there, so that the rest is measured by all', () => {
    expect(overrun(decisions('delete', 6, { prunable: true }), decisions('delete', 6))).toEqual([]);
  });

  test('is asked of what is due alone', () => {
    expect(overrun(decisions('keep', 20, { prunable: true }), decisions('delete', 6))).toEqual([]);
  });
});
