import { Decision, FAILED_GRACE_SECONDS, inWords, momentOf, plan as planFor, RetentionRules, SnapshotFacts } from '../../src/retention/plan';

const HOUR = 3600_000;
const DAY = 24 * HOUR;
const NOW = Date.parse('2026-02-09T02:00:00Z');

/** As a run decides that waits an hour for its snapshots. */
function plan<S extends SnapshotFacts>(snapshots: readonly S[], rules: RetentionRules, now: number): Decision<S>[] {
  return planFor(snapshots, rules, now, HOUR / 1000);
}

/** A ready snapshot of claim 'a', so many days old. */
function snapshot(name: string, days: number, changes: Partial<SnapshotFacts> = {}): SnapshotFacts {
  const at = NOW - days * DAY;
  return { name, claim: 'a', createdAt: at, cutAt: at, ready: true, deleting: false, ...changes };
}

function neverCut(name: string, days: number, changes: Partial<SnapshotFacts> = {}): SnapshotFacts {
  return snapshot(name, days, { ready: false, cutAt: undefined, ...changes });
}

const deleted = (decisions: Decision[]) => decisions.filter(d => d.action === 'delete').map(d => d.snapshot.name).sort();

const reasonsFor = (decisions: Decision[], name: string) => decisions.find(d => d.snapshot.name === name)?.reasons;

describe('what the rules say', () => {
  const week = Array.from({ length: 7 }, (_, day) => snapshot(`d${day}`, day));

  test('keepLast keeps so many of the newest', () => {
    expect(deleted(plan(week, { keepLast: 3, minimumReady: 1 }, NOW))).toEqual(['d3', 'd4', 'd5', 'd6']);
  });

  test('keepFor keeps what is younger, and lets go what is exactly as old', () => {
    expect(deleted(plan(week, { keepForSeconds: 5 * 86400, minimumReady: 1 }, NOW))).toEqual(['d5', 'd6']);
  });

  test('a snapshot is kept if any of two rules keeps it', () => {
    expect(deleted(plan(week, { keepLast: 2, keepForSeconds: 5 * 86400, minimumReady: 1 }, NOW))).toEqual(['d5', 'd6']);
    expect(deleted(plan(week, { keepLast: 6, keepForSeconds: 2 * 86400, minimumReady: 1 }, NOW))).toEqual(['d6']);
  });

  test('after an outage longer than keepFor the last good ones are still there', () => {
    const old = [snapshot('x', 100), snapshot('y', 101), snapshot('z', 102)];
    expect(deleted(plan(old, { keepForSeconds: 86400, minimumReady: 2 }, NOW))).toEqual(['z']);
  });

  test('each claim is counted by itself', () => {
    const two = [...week, ...week.map(s => ({ ...s, name: `b-${s.name}`, claim: 'b' }))];
    expect(deleted(plan(two, { keepLast: 6, minimumReady: 1 }, NOW))).toEqual(['b-d6', 'd6']);
  });

  test('nothing comes of nothing', () => {
    expect(plan([], { keepLast: 1, minimumReady: 1 }, NOW)).toEqual([]);
  });

  test('each decision says which rule made it', () => {
    const decisions = plan(week, { keepLast: 2, keepForSeconds: 3 * 86400, minimumReady: 1 }, NOW);
    expect(reasonsFor(decisions, 'd0')).toEqual(['one of the newest 2', 'younger than 3d', 'one of the newest 1 that are always kept']);
    expect(reasonsFor(decisions, 'd2')).toEqual(['younger than 3d']);
    expect(reasonsFor(decisions, 'd3')).toEqual(['no rule keeps it: 3 newer are ready, 3d old']);
  });
});

describe('what never counts as a restore point', () => {
  test('failed snapshots push no good one out', () => {
    const failing = Array.from({ length: 20 }, (_, n) => neverCut(`failed-${n}`, n / 24));
    expect(deleted(plan([...failing, snapshot('good', 2), snapshot('older', 3)], { keepLast: 2, minimumReady: 1 }, NOW))).toEqual([]);
  });

  test('one that is still being copied pushes no good one out, and is kept for being slow', () => {
    const slow = snapshot('slow', 0, { ready: false });
    const decisions = plan([slow, snapshot('good', 9)], { keepForSeconds: 86400, minimumReady: 1 }, NOW);
    expect(deleted(decisions)).toEqual([]);
    expect(reasonsFor(decisions, 'good')).toEqual(['one of the newest 1 that are always kept']);
  });

  test('one that is still being copied stays, however old, while none newer is ready', () => {
    const slow = snapshot('slow', 40, { ready: false });
    const decisions = plan([slow, ...[50, 51].map(day => snapshot(`d${day}`, day))], { keepForSeconds: 86400, minimumReady: 1 }, NOW);
    expect(deleted(decisions)).toEqual(['d51']);
    expect(reasonsFor(decisions, 'slow')).toContain('cut, still being made ready, and none newer is ready');
  });

  test('one that is still being copied goes by the rules once newer ones are ready', () => {
    const slow = snapshot('slow', 5, { ready: false });
    expect(deleted(plan([slow, snapshot('new', 0)], { keepForSeconds: 86400, minimumReady: 1 }, NOW))).toEqual(['slow']);
    expect(deleted(plan([slow, snapshot('new', 0)], { keepLast: 2, minimumReady: 1 }, NOW))).toEqual([]);
  });

  test('one that is being deleted pushes no good one out, and is not deleted twice', () => {
    const going = snapshot('going', 0, { deleting: true });
    const decisions = plan([going, snapshot('good', 2)], { keepLast: 1, minimumReady: 1 }, NOW);
    expect(deleted(decisions)).toEqual([]);
    expect(reasonsFor(decisions, 'going')).toEqual(['is being deleted already']);
  });
});

describe('what was never cut', () => {
  test('stays while the run that made it may be waiting for it, though another one was quicker', () => {
    const young = neverCut('young', 59 / 1440);
    expect(reasonsFor(plan([young, snapshot('new', 0)], { keepLast: 1, minimumReady: 1 }, NOW), 'young')).toEqual(['not cut yet, and a run may be waiting for it']);
    expect(deleted(plan([neverCut('late', 61 / 1440), snapshot('new', 0)], { keepLast: 1, minimumReady: 1 }, NOW))).toEqual(['late']);
  });

  test('goes as soon as a newer one is ready, since it pins its claim', () => {
    const decisions = plan([neverCut('failed', 0.5), snapshot('new', 0)], { keepLast: 9, minimumReady: 1 }, NOW);
    expect(deleted(decisions)).toEqual(['failed']);
    expect(reasonsFor(decisions, 'failed')).toEqual(['was never cut, and a newer one is ready']);
  });

  test('stays for a day while none newer is ready, since the storage still tries', () => {
    expect(deleted(plan([neverCut('failed', 0.9), snapshot('good', 2)], { keepLast: 1, minimumReady: 1 }, NOW))).toEqual([]);
    const exactly = plan([neverCut('failed', FAILED_GRACE_SECONDS / 86400)], { keepLast: 1, minimumReady: 1 }, NOW);
    expect(reasonsFor(exactly, 'failed')).toEqual(['not cut yet']);
  });

  test('goes after a day even if none succeeded since', () => {
    const decisions = plan([neverCut('failed', 1.1), snapshot('good', 2)], { keepLast: 1, minimumReady: 1 }, NOW);
    expect(deleted(decisions)).toEqual(['failed']);
    expect(reasonsFor(decisions, 'failed')).toEqual(['was never cut in 24 hours, and holds no data']);
  });

  test('stays if it is held', () => {
    expect(deleted(plan([neverCut('failed', 3, { held: 'held by x' }), snapshot('new', 0)], { keepLast: 1, minimumReady: 1 }, NOW))).toEqual([]);
  });
});

test('a held snapshot stays against every rule, and the log says who holds it', () => {
  const held = snapshot('held', 900, { held: 'held by cdk8s-volume-snapshots/hold=audit' });
  const decisions = plan([held, snapshot('new', 0), snapshot('old', 800)], { keepLast: 1, minimumReady: 1 }, NOW);
  expect(deleted(decisions)).toEqual(['old']);
  expect(reasonsFor(decisions, 'held')).toEqual(['held by cdk8s-volume-snapshots/hold=audit']);
});

describe('the moment of a snapshot', () => {
  test('is the cut, not the creation: a driver that was down for two days does not make the snapshot older', () => {
    expect(momentOf(snapshot('s', 2, { cutAt: NOW }))).toBe(NOW);
  });

  test.each([['no time', undefined], ['the year 1970', 0], ['nonsense', NaN]])('is the creation if the driver reports %s', (_, cutAt) => {
    expect(momentOf(snapshot('s', 2, { cutAt }))).toBe(NOW - 2 * DAY);
  });

  test('of two at the same moment decides the name, in whatever order they are listed', () => {
    const twins = [snapshot('a1', 1), snapshot('a2', 1)];
    expect(deleted(plan(twins, { keepLast: 1, minimumReady: 1 }, NOW))).toEqual(['a1']);
    expect(deleted(plan([...twins].reverse(), { keepLast: 1, minimumReady: 1 }, NOW))).toEqual(['a1']);
  });
});

test.each([[0, '0s'], [-5, '0s'], [59, '59s'], [3600, '1h'], [90061, '1d1h1m1s'], [604800, '7d']])('%d seconds read as %s', (seconds, words) => {
  expect(inWords(seconds)).toBe(words);
});

describe('in thousands of random histories', () => {
  const HISTORIES = 4000;

  interface History {
    readonly snapshots: SnapshotFacts[];
    readonly rules: RetentionRules;
    readonly seed: number;
  }

  /** Lehmer's generator: the same histories on each machine and each night. */
  function random(seed: number): (below: number) => number {
    let state = seed * 7919 % 2147483647 || 1;
    return below => {
      state = state * 48271 % 2147483647;
      return Math.floor(state / 2147483647 * below);
    };
  }

  function history(seed: number): History {
    const next = random(seed);
    const snapshots: SnapshotFacts[] = [];
    const claims = 1 + next(3);
    const count = next(16);
    for (let index = 0; index < count; index += 1) {
      // a coarse grid, so that moments coincide
      const createdAt = NOW - next(20) * 6 * HOUR;
      const isCut = next(5) > 0;
      snapshots.push({
        name: `s${index}`,
        claim: `claim-${next(claims)}`,
        createdAt,
        cutAt: isCut ? [createdAt, createdAt + next(3) * HOUR, 0][next(3)] : undefined,
        ready: isCut && next(4) > 0,
        deleting: next(10) === 0,
        held: next(8) === 0 ? 'held' : undefined,
      });
    }
    const rules = {
      keepLast: next(3) === 0 ? undefined : 1 + next(6),
      keepForSeconds: next(3) === 0 ? undefined : (1 + next(100)) * 3600,
      minimumReady: 1 + next(4),
    };
    return { snapshots, rules, seed };
  }

  const histories = Array.from({ length: HISTORIES }, (_, seed) => history(seed + 1));
  const isGood = (s: SnapshotFacts) => s.ready && !s.deleting;
  const perClaim = (snapshots: SnapshotFacts[]) => [...new Set(snapshots.map(s => s.claim))].map(claim => snapshots.filter(s => s.claim === claim));

  // expect() in the innermost loops would take most of the time
  function requireNone(violation: (h: History) => string | undefined): void {
    const found = histories.map(h => ({ h, problem: violation(h) })).find(({ problem }) => problem !== undefined);
    expect(found && { problem: found.problem, ...found.h }).toBeUndefined();
  }

  test('the histories are worth it: many delete, many keep', () => {
    const sizes = histories.map(h => deleted(plan(h.snapshots, h.rules, NOW)).length);
    expect(sizes.filter(size => size > 0).length).toBeGreaterThan(HISTORIES / 3);
    expect(sizes.filter((size, index) => size < histories[index].snapshots.length).length).toBeGreaterThan(HISTORIES / 3);
  });

  test('each snapshot is decided once, with a reason', () => {
    requireNone(({ snapshots, rules }) => {
      const decisions = plan(snapshots, rules, NOW);
      const names = decisions.map(d => d.snapshot.name).sort().join();
      return names === snapshots.map(s => s.name).sort().join() && decisions.every(d => d.reasons.length > 0) ? undefined : names;
    });
  });

  test('the newest good one of a claim, a held one and one that is being deleted are never deleted', () => {
    requireNone(({ snapshots, rules }) => {
      const gone = new Set(deleted(plan(snapshots, rules, NOW)));
      const newest = perClaim(snapshots).map(group => Math.max(...group.filter(isGood).map(momentOf)));
      const lost = perClaim(snapshots).find((group, i) => group.some(isGood)
        && group.filter(s => isGood(s) && momentOf(s) === newest[i]).every(s => gone.has(s.name)));
      return lost ? `all newest of ${lost[0].claim}` : snapshots.find(s => gone.has(s.name) && (s.held !== undefined || s.deleting))?.name;
    });
  });

  test('a claim never has fewer good ones than the minimum, if it had as many', () => {
    requireNone(({ snapshots, rules }) => {
      const gone = new Set(deleted(plan(snapshots, rules, NOW)));
      return perClaim(snapshots).find(group => {
        const good = group.filter(isGood);
        return good.filter(s => !gone.has(s.name)).length < Math.min(rules.minimumReady, good.length);
      })?.[0].claim;
    });
  });

  test('none is deleted while an older good one, that is not held, is kept by the same rules', () => {
    requireNone(({ snapshots, rules }) => {
      const decisions = plan(snapshots, rules, NOW);
      return perClaim(snapshots).flatMap(group => {
        const good = decisions.filter(d => group.includes(d.snapshot) && isGood(d.snapshot) && d.snapshot.held === undefined);
        const dropped = good.filter(d => d.action === 'delete').map(d => momentOf(d.snapshot));
        return good.filter(d => d.action === 'keep' && momentOf(d.snapshot) < Math.max(...dropped)).map(d => d.snapshot.name);
      })[0];
    });
  });

  test('the order of the list decides nothing', () => {
    requireNone(({ snapshots, rules, seed }) => {
      const next = random(seed);
      const shuffled = [...snapshots].map(s => ({ s, key: next(1000) })).sort((a, b) => a.key - b.key).map(({ s }) => s);
      const [one, other] = [snapshots, shuffled].map(list => JSON.stringify(plan(list, rules, NOW)
        .sort((a, b) => (a.snapshot.name < b.snapshot.name ? -1 : 1))));
      return one === other ? undefined : other;
    });
  });

  test('planning again right after deletes nothing more', () => {
    requireNone(({ snapshots, rules }) => {
      const gone = new Set(deleted(plan(snapshots, rules, NOW)));
      return deleted(plan(snapshots.filter(s => !gone.has(s.name)), rules, NOW))[0];
    });
  });

  test('one more rule, or a higher minimum, never deletes more', () => {
    requireNone(({ snapshots, rules, seed }) => {
      const next = random(seed);
      const gone = new Set(deleted(plan(snapshots, rules, NOW)));
      const more = [
        { ...rules, keepLast: (rules.keepLast ?? 0) + 1 + next(5) },
        { ...rules, keepForSeconds: (rules.keepForSeconds ?? 0) + (1 + next(80)) * 3600 },
        { ...rules, minimumReady: rules.minimumReady + 1 },
      ];
      return more.flatMap(stricter => deleted(plan(snapshots, stricter, NOW))).find(name => !gone.has(name));
    });
  });

  test('waiting never turns a deletion into a keep', () => {
    requireNone(({ snapshots, rules }) => {
      const later = [HOUR, DAY, 30 * DAY].map(time => new Set(deleted(plan(snapshots, rules, NOW + time))));
      return deleted(plan(snapshots, rules, NOW)).find(name => later.some(gone => !gone.has(name)));
    });
  });

  test('one claim does not change what becomes of another', () => {
    requireNone(({ snapshots, rules }) => {
      const together = deleted(plan(snapshots, rules, NOW)).join();
      const apart = perClaim(snapshots).flatMap(group => deleted(plan(group, rules, NOW))).sort().join();
      return together === apart ? undefined : apart;
    });
  });
});
