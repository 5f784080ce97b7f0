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

  test('keepLastVerified keeps so many of the newest that were found good, whatever the other rules say', () => {
    const drilled = week.map((each, day) => ({ ...each, verified: [3, 5, 6].includes(day) }));
    const decisions = plan(drilled, { keepLast: 2, keepLastVerified: 2, minimumReady: 1 }, NOW);
    expect(deleted(decisions)).toEqual(['d2', 'd4', 'd6']);
    expect(reasonsFor(decisions, 'd5')).toEqual(['one of the newest 2 that were verified']);
    expect(deleted(plan(drilled, { keepLast: 2, minimumReady: 1 }, NOW))).toEqual(['d2', 'd3', 'd4', 'd5', 'd6']);
  });

  test('keepLastVerified counts only what can be restored', () => {
    const drilled = [snapshot('going', 1, { verified: true, deleting: true }), snapshot('good', 2, { verified: true }), snapshot('new', 0)];
    expect(deleted(plan(drilled, { keepLast: 1, keepLastVerified: 1, minimumReady: 1 }, NOW))).toEqual([]);
  });

  test('what a drill has found bad does not push out the last one that may be good, and does not pile up', () => {
    const drilled = week.map((each, day) => ({ ...each, isBad: day < 4 }));
    expect(deleted(plan(drilled, { keepForSeconds: 3600, minimumReady: 1 }, NOW))).toEqual(['d1', 'd2', 'd3', 'd5', 'd6']);
    const two = plan(drilled, { keepForSeconds: 3600, minimumReady: 2 }, NOW);
    expect(deleted(two)).toEqual(['d2', 'd3', 'd6']);
    expect(['d1', 'd5'].map(name => reasonsFor(two, name))).toEqual([['one of the newest 2 that are always kept'], ['one of the newest 2 that no drill found bad']]);
    expect(deleted(plan(drilled, { keepForSeconds: 3600, minimumReady: 0 }, NOW))).toEqual(week.slice(1).map(({ name }) => name));
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

describe('the newest of each hour, day, week, month and year', () => {
  /** A ready snapshot of claim 'a', called by its moment. */
  function cut(moment: string, changes: Partial<SnapshotFacts> = {}): SnapshotFacts {
    const at = Date.parse(`${moment}Z`);
    return { name: moment, claim: 'a', createdAt: at, cutAt: at, ready: true, deleting: false, ...changes };
  }

  const kept = (snapshots: SnapshotFacts[], rules: Partial<RetentionRules>, now = NOW) =>
    plan(snapshots, { minimumReady: 1, ...rules }, now).filter(({ action }) => action === 'keep').map(({ snapshot: { name } }) => name);

  const history = [
    '2026-02-09T01:45', '2026-02-09T01:15', '2026-02-09T00:15', '2026-02-08T22:15', '2026-02-08T02:15', '2026-02-05T02:15', '2026-02-01T02:15',
    '2026-01-31T02:15', '2026-01-01T02:15', '2025-12-31T02:15', '2025-12-29T02:15', '2025-06-30T02:15', '2024-02-29T02:15', '2020-07-01T02:15',
  ].map(moment => cut(moment));

  test.each<[string, Partial<RetentionRules>, string[]]>([
    ['three hours, of which one between has none', { hourly: 3 }, ['2026-02-09T01:45', '2026-02-09T00:15', '2026-02-08T22:15']],
    ['three days, however far apart', { daily: 3 }, ['2026-02-09T01:45', '2026-02-08T22:15', '2026-02-05T02:15']],
    // the 9th is a Monday, the 1st a Sunday; the year ended on a Wednesday, in a week with the 1st of January
    ['four weeks', { weekly: 4 }, ['2026-02-09T01:45', '2026-02-08T22:15', '2026-02-01T02:15', '2026-01-01T02:15']],
    ['four months', { monthly: 4 }, ['2026-02-09T01:45', '2026-01-31T02:15', '2025-12-31T02:15', '2025-06-30T02:15']],
    ['two years', { yearly: 2 }, ['2026-02-09T01:45', '2025-12-31T02:15']],
    ['more years than there are', { yearly: 9 }, ['2026-02-09T01:45', '2025-12-31T02:15', '2024-02-29T02:15', '2020-07-01T02:15']],
  ])('%s', (_, rules, expected) => {
    expect(kept(history, rules)).toEqual(expected);
    expect(kept([...history].reverse(), rules)).toEqual(expected);
  });

  test('is kept if any rule keeps it, and each rule counts by itself', () => {
    expect(kept(history, { keepLast: 2, daily: 2, monthly: 2 })).toEqual(['2026-02-09T01:45', '2026-02-09T01:15', '2026-02-08T22:15', '2026-01-31T02:15']);
    expect(kept(history, { keepForSeconds: 7200, yearly: 2 })).toEqual(['2026-02-09T01:45', '2026-02-09T01:15', '2026-02-09T00:15', '2025-12-31T02:15']);
  });

  test('is kept after any outage, as the periods that have none take no place', () => {
    expect(kept(history, { monthly: 2 }, Date.parse('2036-01-01'))).toEqual(['2026-02-09T01:45', '2026-01-31T02:15']);
  });

  test('says so, each rule in its words', () => {
    const tiers = { hourly: 24, daily: 7, weekly: 5, monthly: 12, yearly: 3 };
    const decisions = plan(history, { keepLast: 1, keepForSeconds: 7200, ...tiers, minimumReady: 1 }, NOW);
    expect(reasonsFor(decisions, '2026-02-09T01:45')).toEqual([
      'newest of its hour, among the latest 24', 'newest of its day, among the latest 7', 'newest of its week, among the latest 5',
      'newest of its month, among the latest 12', 'newest of its year, among the latest 3',
      'one of the newest 1', 'younger than 2h', 'one of the newest 1 that are always kept',
    ]);
    expect(reasonsFor(decisions, '2025-12-31T02:15')).toEqual([
      'newest of its hour, among the latest 24', 'newest of its day, among the latest 7', 'newest of its month, among the latest 12',
      'newest of its year, among the latest 3',
    ]);
    expect(reasonsFor(plan(history, { daily: 2, minimumReady: 1 }, NOW), '2026-02-09T01:15')).toEqual(['no rule keeps it: 1 newer are ready, 45m old']);
  });

  test('is that of the time zone of the schedule, where the last run of the evening is of the next day in UTC', () => {
    const evenings = ['2026-02-09T01:00', '2026-02-08T12:00', '2026-02-08T01:00'].map(moment => cut(moment));
    expect(kept(evenings, { daily: 2 })).toEqual(['2026-02-09T01:00', '2026-02-08T12:00']);
    expect(kept(evenings, { daily: 2, timeZone: 'America/New_York' })).toEqual(['2026-02-09T01:00', '2026-02-08T01:00']);
    expect(kept([cut('2026-01-31T23:30'), cut('2026-01-15T12:00')], { monthly: 2, timeZone: 'Europe/Berlin' })).toHaveLength(2);
  });

  test('is one of each of two hours where clocks show one twice', () => {
    const twice = ['2024-10-27T01:30', '2024-10-27T00:30', '2024-10-26T23:30'].map(moment => cut(moment));
    expect(kept(twice, { hourly: 2, timeZone: 'Europe/Berlin' })).toEqual(['2024-10-27T01:30', '2024-10-27T00:30']);
  });

  describe('takes a place', () => {
    test('of each claim by itself, and a claim made anew under an old name is another', () => {
      const before = ['2025-02-09T01:45', '2025-02-08T02:15', '2025-01-31T02:15', '2024-12-31T02:15'].map(moment => cut(moment, { claim: 'uid-before' }));
      const after = ['2026-02-09T01:00', '2026-02-08T01:00'].map(moment => cut(moment, { claim: 'uid-after' }));
      expect(kept([...after, ...before], { monthly: 2 })).toEqual(['2026-02-09T01:00', '2025-02-09T01:45', '2025-01-31T02:15']);
    });

    test('only if it is ready: failed ones push no month out', () => {
      const failed = Array.from({ length: 12 }, (_, month) => snapshot(`failed-${month}`, month * 31, { ready: false, cutAt: undefined }));
      const good = ['2026-02-01T02:00', '2026-01-01T02:00', '2025-12-01T02:00'].map(moment => cut(moment));
      expect(kept([...failed, ...good], { monthly: 3 })).toEqual(expect.arrayContaining(good.map(({ name }) => name)));
    });

    test('not while it is still being made ready: it stays as the newest of its day, and so does the one that is ready', () => {
      const slow = cut('2026-02-08T22:00', { ready: false });
      const all = [cut('2026-02-09T01:00'), slow, cut('2026-02-08T12:00'), cut('2026-02-08T02:00'), cut('2026-02-07T02:00')];
      const decisions = plan(all, { daily: 2, minimumReady: 1 }, NOW);
      expect(deleted(decisions)).toEqual(['2026-02-07T02:00', '2026-02-08T02:00']);
      expect(reasonsFor(decisions, '2026-02-08T22:00')).toEqual(['newest of its day, among the latest 2']);
      expect(reasonsFor(decisions, '2026-02-08T12:00')).toEqual(['newest of its day, among the latest 2']);
      // once it is ready the place is its own
      expect(kept(all.map(facts => ({ ...facts, ready: true })), { daily: 2 })).toEqual(['2026-02-09T01:00', '2026-02-08T22:00']);
    });

    test('not while it is still being made ready, nor stays for it, where a newer one of its day is ready, or the days are full', () => {
      const slow = (moment: string) => cut(moment, { ready: false });
      const all = [cut('2026-02-09T01:00'), slow('2026-02-09T00:30'), cut('2026-02-08T12:00'), slow('2026-02-07T02:00')];
      expect(kept(all, { daily: 2 })).toEqual(['2026-02-09T01:00', '2026-02-08T12:00']);
      expect(kept(all, { daily: 3 })).toEqual(['2026-02-09T01:00', '2026-02-08T12:00', '2026-02-07T02:00']);
    });

    test('not if it is being deleted', () => {
      expect(kept([cut('2026-02-09T01:00', { deleting: true }), cut('2026-02-09T00:00'), cut('2026-02-08T00:00')], { daily: 1 }))
        .toEqual(['2026-02-09T01:00', '2026-02-09T00:00']);
    });

    test('also if it is held or in use, so that the older ones of the day go', () => {
      for (const need of [{ hold: 'x' }, { holdUntil: ['2030-01-01'] }, { inUse: 'x' }]) {
        expect(kept([cut('2026-02-09T01:00', need), cut('2026-02-09T00:00'), cut('2026-02-08T00:00')], { daily: 2 })).toEqual(['2026-02-09T01:00', '2026-02-08T00:00']);
      }
    });

    test('not if it is held and not ready', () => {
      expect(kept([cut('2026-02-09T01:00', { hold: 'x', ready: false }), cut('2026-02-09T00:00')], { daily: 1 })).toEqual(['2026-02-09T01:00', '2026-02-09T00:00']);
    });
  });

  describe('and the minimum', () => {
    test('counts all that are ready, also those that other rules keep', () => {
      expect(kept(history, { yearly: 2, minimumReady: 3 })).toEqual(['2026-02-09T01:45', '2026-02-09T01:15', '2026-02-09T00:15', '2025-12-31T02:15']);
    });

    test('is not filled by what is not ready', () => {
      const slow = Array.from({ length: 5 }, (_, hour) => cut(`2026-02-08T1${hour}:00`, { ready: false }));
      expect(kept([...slow, cut('2026-02-07T02:00'), cut('2026-02-07T01:00'), cut('2026-02-07T00:00')], { monthly: 1, minimumReady: 2 }))
        .toEqual(expect.arrayContaining(['2026-02-07T02:00', '2026-02-07T01:00']));
    });

    test('of none lets the last one go', () => {
      expect(kept(history, { keepForSeconds: 3600, minimumReady: 0 }, NOW + 365 * DAY)).toEqual([]);
      expect(kept(history, { keepForSeconds: 3600, minimumReady: 1 }, NOW + 365 * DAY)).toEqual(['2026-02-09T01:45']);
    });

    test('of none still keeps what a rule keeps, what is held, and what is under way', () => {
      const slow = cut('2026-02-09T01:50', { ready: false });
      expect(kept([slow, ...history], { daily: 1, minimumReady: 0 })).toEqual(['2026-02-09T01:50', '2026-02-09T01:45']);
      expect(kept([slow, cut('2020-01-01T00:00', { hold: 'x' })], { keepForSeconds: 60, minimumReady: 0 })).toEqual(['2026-02-09T01:50', '2020-01-01T00:00']);
    });
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
    expect(deleted(plan([neverCut('failed', 3, { hold: 'x' }), snapshot('new', 0)], { keepLast: 1, minimumReady: 1 }, NOW))).toEqual([]);
  });

  test('is kept by no rule, though it may be the newest of its day', () => {
    const rules = { keepLast: 9, keepForSeconds: 90 * 86400, daily: 9, yearly: 9, minimumReady: 9 };
    expect(deleted(plan([neverCut('failed', 1.5), snapshot('new', 0)], rules, NOW))).toEqual(['failed']);
  });
});

describe('a snapshot that somebody needs', () => {
  const one = { keepLast: 1, minimumReady: 1 };
  const others = [snapshot('new', 0), snapshot('old', 800)];

  test('stays against every rule while it is held, and the log says who holds it', () => {
    const decisions = plan([snapshot('held', 900, { hold: 'audit' }), ...others], one, NOW);
    expect(deleted(decisions)).toEqual(['old']);
    expect(decisions.find(d => d.snapshot.name === 'held')).toMatchObject({ action: 'keep', reasons: ["held by 'hold'=audit"], held: true });
  });

  test('stays until the end of a day in the time zone of the schedule, and then goes by the rules', () => {
    // it is 02:00 on the 9th in UTC, and still the 8th in New York
    const held = snapshot('held', 900, { holdUntil: ['2026-02-08'] });
    const inNewYork = plan([held, ...others], { ...one, timeZone: 'America/New_York' }, NOW);
    expect(deleted(inNewYork)).toEqual(['old']);
    expect(inNewYork.find(d => d.snapshot.name === 'held')).toMatchObject({ reasons: ["held by 'hold-until'=2026-02-08"], held: true });
    expect(deleted(plan([held, ...others], { ...one, timeZone: 'Europe/Berlin' }, NOW))).toEqual(['held', 'old']);
    expect(deleted(plan([held, ...others], one, NOW))).toEqual(['held', 'old']);
  });

  test('stays if nobody can read until when', () => {
    expect(deleted(plan([snapshot('held', 900, { holdUntil: ['end of the audit'] }), ...others], one, NOW))).toEqual(['old']);
  });

  test('stays while a claim is being restored from it, which is no hold of a person', () => {
    const decisions = plan([snapshot('used', 900, { inUse: "claim 'restored' is being restored from it" }), ...others], one, NOW);
    expect(deleted(decisions)).toEqual(['old']);
    expect(decisions.find(d => d.snapshot.name === 'used'))
      .toEqual({ snapshot: expect.anything(), action: 'keep', reasons: ["claim 'restored' is being restored from it"] });
  });

  test('is held rather than in use, if it is both', () => {
    expect(reasonsFor(plan([snapshot('s', 900, { hold: '', inUse: 'in use' }), ...others], one, NOW), 's')).toEqual(["held by 'hold'="]);
  });

  test('takes its place among the newest, so that a hold costs no storage beyond itself', () => {
    const rules = { keepLast: 2, minimumReady: 1 };
    for (const need of [{ hold: 'x' }, { inUse: 'x' }, {}]) {
      expect(deleted(plan([snapshot('new', 0, need), snapshot('second', 1), snapshot('third', 2)], rules, NOW))).toEqual(['third']);
    }
  });

  test('and is being deleted already cannot be saved any more', () => {
    const decision = plan([snapshot('going', 1, { deleting: true, hold: 'x' }), ...others], one, NOW).find(d => d.snapshot.name === 'going');
    expect(decision).toEqual({ snapshot: expect.anything(), action: 'keep', reasons: ['is being deleted already'] });
  });
});

test('of two that were cut in one second, which is all that Kubernetes tells, the one that was asked for later is the newer one, whatever their names', () => {
  for (const [earlier, later] of [['a', 'b'], ['b', 'a']]) {
    expect(deleted(plan([snapshot(earlier, 1, { cutAt: NOW }), snapshot(later, 0)], { keepLast: 1, minimumReady: 1 }, NOW))).toEqual([earlier]);
  }
});

describe('the moment of a snapshot', () => {
  test('is the cut, not the creation: a driver that was down for two days does not make the snapshot older', () => {
    expect(momentOf(snapshot('s', 2, { cutAt: NOW }), NOW)).toBe(NOW);
  });

  test.each([['no time', undefined], ['the year 1970', 0], ['nonsense', NaN]])('is the creation if the driver reports %s', (_, cutAt) => {
    expect(momentOf(snapshot('s', 2, { cutAt }), NOW)).toBe(NOW - 2 * DAY);
  });

  test('is the creation if the cut is in the future, by more than the hour that clocks may differ', () => {
    expect(momentOf(snapshot('s', 2, { cutAt: NOW + HOUR }), NOW)).toBe(NOW + HOUR);
    expect(momentOf(snapshot('s', 2, { cutAt: NOW + HOUR + 1 }), NOW)).toBe(NOW - 2 * DAY);
    expect(momentOf(snapshot('s', 2, { cutAt: Infinity }), NOW)).toBe(NOW - 2 * DAY);
  });

  test('that a wrong storage clock shows pushes no better one out, be it years ahead or in 1970', () => {
    const wrong = [snapshot('ahead', 30, { cutAt: NOW + 3650 * DAY }), snapshot('behind', 31, { cutAt: 0 })];
    const decisions = plan([...wrong, snapshot('today', 0), snapshot('yesterday', 1)], { keepLast: 2, minimumReady: 1 }, NOW);
    expect(deleted(decisions)).toEqual(['ahead', 'behind']);
    expect(reasonsFor(decisions, 'ahead')).toEqual(['no rule keeps it: 2 newer are ready, 30d old']);
  });

  test('that a wrong storage clock shows pushes no better one out on the day that it shows either, or old data would pass for new', () => {
    const wrong = snapshot('wrong', 365, { cutAt: NOW - HOUR });
    const decisions = plan([wrong, snapshot('last night', 1), snapshot('the night before', 2)], { monthly: 13, minimumReady: 1 }, NOW);
    expect(deleted(decisions)).toEqual(['the night before']);
    expect(momentOf(wrong, NOW)).toBe(NOW - 365 * DAY);
  });

  test('decides its day, week and month too', () => {
    // made on the 1st, cut on the 3rd after the driver was down: it is the newest of the 3rd
    const late = snapshot('late', 8, { cutAt: NOW - 6 * DAY });
    expect(deleted(plan([snapshot('d0', 0), late, snapshot('d7', 7), snapshot('d8', 8)], { daily: 3, minimumReady: 1 }, NOW))).toEqual(['d8']);
    // a storage clock that is a year ahead makes no snapshot the newest of next year
    const wrong = snapshot('wrong', 1, { cutAt: NOW + 365 * DAY });
    expect(deleted(plan([wrong, snapshot('d0', 0)], { yearly: 1, minimumReady: 1 }, NOW))).toEqual(['wrong']);
  });

  test('of two at the same moment decides the name, in whatever order they are listed', () => {
    const twins = [snapshot('a1', 1), snapshot('a2', 1)];
    expect(deleted(plan(twins, { keepLast: 1, minimumReady: 1 }, NOW))).toEqual(['a1']);
    expect(deleted(plan([...twins].reverse(), { keepLast: 1, minimumReady: 1 }, NOW))).toEqual(['a1']);
  });
});

describe('application-consistent snapshots', () => {
  const held = (name: string, days: number, changes: Partial<SnapshotFacts> = {}) => snapshot(name, days, { consistent: true, ...changes });
  const rules: RetentionRules = { keepLast: 2, minimumReady: 1, consistentFirst: true };
  const nights = (count: number, from = 0) => Array.from({ length: count }, (_, day) => snapshot(`crash-${day + from}`, day + from));

  test('are not pushed out by such as are not, or a week of failures to quiesce would leave nothing that is sure', () => {
    const all = [...nights(7), held('h7', 7), held('h8', 8)];
    expect(deleted(plan(all, rules, NOW))).toEqual(['crash-2', 'crash-3', 'crash-4', 'crash-5', 'crash-6']);
    expect(deleted(plan(all, { ...rules, consistentFirst: undefined }, NOW))).toEqual(['crash-2', 'crash-3', 'crash-4', 'crash-5', 'crash-6', 'h7', 'h8']);
  });

  test('push each other out, and the others', () => {
    expect(deleted(plan([held('h0', 0), held('h1', 1), held('h2', 2), ...nights(3, 3)], rules, NOW))).toEqual(['crash-3', 'crash-4', 'crash-5', 'h2']);
  });

  test('are told from the others in their periods too: the last one of a month stays, though a newer one is not sure', () => {
    const all = [snapshot('crash-0', 0), held('h0', 0.5), snapshot('crash-40', 40), held('h41', 41)];
    expect(deleted(plan(all, { monthly: 2, minimumReady: 1, consistentFirst: true }, NOW))).toEqual([]);
    expect(deleted(plan(all, { monthly: 2, minimumReady: 1 }, NOW))).toEqual(['h0', 'h41']);
  });

  test('are as many of the newest as always stay, also when they are too old for all else', () => {
    const all = [...nights(7), held('h30', 30), held('h31', 31)];
    const decisions = plan(all, { keepForSeconds: 3 * 86400, minimumReady: 1, consistentFirst: true }, NOW);
    expect(deleted(decisions)).toEqual(['crash-3', 'crash-4', 'crash-5', 'crash-6', 'h31']);
    expect(reasonsFor(decisions, 'h30')).toEqual(['one of the newest 1 that are always kept']);
  });

  test('take the places of the others all the same: without any failure there are no more snapshots than ever', () => {
    const all = [held('h0', 0), held('h1', 1), held('h2', 2)];
    expect(deleted(plan(all, rules, NOW))).toEqual(deleted(plan(all, { ...rules, consistentFirst: false }, NOW)));
  });

  test('that are not ready push nothing out, and are counted by their claim', () => {
    const all = [held('late', 0.5, { ready: false }), held('h1', 1), held('other', 0, { claim: 'b' }), held('h2', 2), ...nights(2, 3)];
    expect(deleted(plan(all, rules, NOW))).toEqual(['crash-3', 'crash-4']);
  });
});

test.each([[0, '0s'], [-5, '0s'], [59, '59s'], [3600, '1h'], [90061, '1d1h1m1s'], [604800, '7d']])('%d seconds read as %s', (seconds, words) => {
  expect(inWords(seconds)).toBe(words);
});
