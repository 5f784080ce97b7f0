import { random } from './random';
import { overruns } from '../../src/retention/brake';
import { calendarOf, Period, PERIODS } from '../../src/retention/calendar';
import { heldBy } from '../../src/retention/hold';
import { Decision, momentOf, plan as planFor, RetentionRules, SnapshotFacts } from '../../src/retention/plan';

const HISTORIES = 2500;
const HOUR = 3600_000;
const DAY = 24 * HOUR;
const ZONES = [undefined, 'Etc/UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'America/Havana'];

interface History {
  readonly seed: number;
  readonly now: number;
  readonly rules: RetentionRules;
  readonly snapshots: SnapshotFacts[];
  /** the names of what the plan deletes */
  readonly goes: Set<string>;
}

/** As a run decides that waits an hour for its snapshots. */
function plan(snapshots: readonly SnapshotFacts[], rules: RetentionRules, now: number): Decision[] {
  return planFor(snapshots, rules, now, HOUR / 1000);
}

/** The names of what goes. */
function gone(snapshots: readonly SnapshotFacts[], rules: RetentionRules, now: number): Set<string> {
  return new Set(plan(snapshots, rules, now).filter(d => d.action === 'delete').map(d => d.snapshot.name));
}

/** One time in so many, the first of these. */
function rarely<T>(next: (below: number) => number, times: number, value: T): T | undefined {
  return next(times) === 0 ? value : undefined;
}

function history(seed: number): History {
  const next = random(seed);
  // in the last days of a year as well as when clocks are changed
  const now = Date.parse('2024-01-01T02:00:00Z') + next(3 * 365) * DAY + next(24) * HOUR;
  // coarse grids, so that moments coincide, from hours to decades
  const grid = [HOUR / 2, 6 * HOUR, DAY, 5 * DAY, 40 * DAY, 200 * DAY][next(6)];
  const wrongClock = next(3) === 0;
  const claims = 1 + next(3);
  const snapshots = Array.from({ length: next(12 * claims) }, (_, index): SnapshotFacts => {
    const createdAt = now - HOUR - next(24) * grid;
    const isCut = next(5) > 0;
    const shown = wrongClock ? next(5) : next(3);
    return {
      name: `s${index}`,
      claim: `claim-${next(claims)}`,
      createdAt,
      cutAt: isCut ? [createdAt, createdAt + next(3) * HOUR, undefined, 0, now + next(900) * DAY][shown] : undefined,
      ready: isCut && next(4) > 0,
      deleting: next(10) === 0,
      hold: rarely(next, 12, ['', 'legal', 'false'][next(3)]),
      holdUntil: rarely(next, 12, [['soon', ...[-30, -1, 0, 1, 30].map(days => new Date(now + days * DAY).toISOString().slice(0, 10))][next(6)]]),
      inUse: rarely(next, 12, 'in use'),
      consistent: next(2) === 0,
      isBad: rarely(next, 4, true),
    };
  });
  const rules = someRules(next);
  return { seed, now, rules, snapshots, goes: gone(snapshots, rules, now) };
}

function someRules(next: (below: number) => number): RetentionRules {
  // from most of the rules together to one alone
  const times = 2 + next(6);
  const rules: RetentionRules = {
    keepLast: rarely(next, times, 1 + next(5)),
    keepForSeconds: rarely(next, times, [1, 24, 24 * 30, 24 * 400][next(4)] * (1 + next(10)) * 3600),
    hourly: rarely(next, times, 1 + next(10)),
    daily: rarely(next, times, 1 + next(8)),
    weekly: rarely(next, times, 1 + next(6)),
    monthly: rarely(next, times, 1 + next(6)),
    yearly: rarely(next, times, 1 + next(4)),
    timeZone: ZONES[next(ZONES.length)],
    minimumReady: next(5) === 0 ? 0 : 1 + next(3),
  };
  const keeps = [rules.keepLast, rules.keepForSeconds, ...PERIODS.map(period => rules[period])].some(number => number !== undefined);
  return keeps ? rules : { ...rules, keepLast: 2 };
}

const histories = Array.from({ length: HISTORIES }, (_, seed) => history(seed + 1));

const isGood = (s: SnapshotFacts) => s.ready && !s.deleting;
const isHeld = (s: SnapshotFacts, { rules, now }: History) => heldBy(s, calendarOf(rules.timeZone ?? 'UTC'), now) !== undefined;
const isNeeded = (s: SnapshotFacts, h: History) => isHeld(s, h) || s.inUse !== undefined;
const hasTiers = ({ rules }: History) => PERIODS.some(period => rules[period] !== undefined);
const perClaim = (snapshots: readonly SnapshotFacts[]) => [...new Set(snapshots.map(s => s.claim))]
  .map(claim => snapshots.filter(s => s.claim === claim));

/** Newest first, as a reader of the rules would sort them. */
function newestFirst(snapshots: readonly SnapshotFacts[], now: number): SnapshotFacts[] {
  return [...snapshots].sort((a, b) => momentOf(b, now) - momentOf(a, now) || b.createdAt - a.createdAt || (a.name < b.name ? 1 : -1));
}

/** The first history in which something is wrong, and what; expect() in the innermost loops would take most of the time. */
function requireNone(violation: (h: History) => string | undefined): void {
  for (const h of histories) {
    const problem = violation(h);
    if (problem !== undefined) { expect({ problem, ...h }).toBeUndefined(); }
  }
}

test('the histories are worth it: each rule and each state is in many, and many are deleted and many kept', () => {
  const many = (condition: (h: History) => boolean) => expect(histories.filter(condition).length).toBeGreaterThan(HISTORIES / 10);
  for (const period of PERIODS) { many(({ rules }) => rules[period] !== undefined); }
  many(({ rules }) => rules.keepLast !== undefined);
  many(({ rules }) => rules.keepForSeconds !== undefined);
  many(({ rules }) => rules.minimumReady === 0);
  many(h => !hasTiers(h));
  many(h => h.snapshots.some(s => isNeeded(s, h)));
  many(({ snapshots }) => snapshots.some(s => s.deleting));
  many(({ snapshots }) => snapshots.some(s => s.isBad));
  many(({ snapshots, now }) => snapshots.some(s => s.cutAt !== undefined && s.cutAt > now + HOUR));
  many(({ snapshots }) => snapshots.some(s => !s.ready && s.cutAt !== undefined));
  many(({ snapshots }) => snapshots.some(s => !s.ready && s.cutAt === undefined));
  many(({ snapshots, goes }) => goes.size > snapshots.length / 2);
  many(({ snapshots, goes }) => goes.size < snapshots.length / 4);
});

describe('a decision', () => {
  test('is made once on each snapshot, with a reason', () => {
    requireNone(({ snapshots, rules, now }) => {
      const decisions = plan(snapshots, rules, now);
      const names = decisions.map(d => d.snapshot.name).sort().join();
      return names === snapshots.map(s => s.name).sort().join() && decisions.every(d => d.reasons.length > 0) ? undefined : names;
    });
  });

  test('does not come from the order in which the snapshots are listed', () => {
    requireNone(({ snapshots, rules, now, seed }) => {
      const next = random(seed);
      const shuffled = snapshots.map(s => ({ s, key: next(1000) })).sort((a, b) => a.key - b.key).map(({ s }) => s);
      const [one, other] = [snapshots, shuffled].map(list => JSON.stringify(plan(list, rules, now)
        .sort((a, b) => (a.snapshot.name < b.snapshot.name ? -1 : 1))));
      return one === other ? undefined : other;
    });
  });

  test('does not come from another claim', () => {
    requireNone(({ snapshots, rules, now, goes }) => {
      const apart = perClaim(snapshots).flatMap(group => [...gone(group, rules, now)]).sort().join();
      return [...goes].sort().join() === apart ? undefined : apart;
    });
  });

  test('says that people hold it of just those that they hold', () => {
    requireNone(h => plan(h.snapshots, h.rules, h.now)
      .find(({ snapshot, held }) => (held === true) !== (!snapshot.deleting && isHeld(snapshot, h)))?.snapshot.name);
  });
});

describe('application-consistent snapshots, where they come first', () => {
  const first = (h: History) => gone(h.snapshots, { ...h.rules, consistentFirst: true }, h.now);
  const consistent = (snapshots: readonly SnapshotFacts[]) => snapshots.filter(s => s.consistent);

  test('are decided of as if there were no others: none of those pushes one out', () => {
    requireNone(h => {
      const goes = first(h);
      const apart = gone(consistent(h.snapshots), h.rules, h.now);
      return consistent(h.snapshots).find(s => goes.has(s.name) !== apart.has(s.name))?.name;
    });
  });

  test('cost no other one: what goes would go anyway, and of the others just the same', () => {
    requireNone(h => {
      const goes = first(h);
      return [...goes].find(name => !h.goes.has(name)) ?? h.snapshots.find(s => !s.consistent && goes.has(s.name) !== h.goes.has(s.name))?.name;
    });
  });

  test('are so many more that it matters, and are nothing special without the rule', () => {
    expect(histories.filter(h => first(h).size < h.goes.size).length).toBeGreaterThan(HISTORIES / 10);
    requireNone(({ snapshots, rules, now, goes }) => {
      const plain = gone(snapshots.map(s => ({ ...s, consistent: undefined })), rules, now);
      return [...plain].sort().join() === [...goes].sort().join() ? undefined : [...plain].join();
    });
  });

  test('are kept by a policy that keeps any: the newest good one stays', () => {
    requireNone(h => (h.rules.minimumReady === 0 ? undefined : perClaim(consistent(h.snapshots))
      .map(group => newestFirst(group.filter(isGood), h.now)[0]).find(newest => newest !== undefined && first(h).has(newest.name))?.name));
  });
});

describe('never deleted', () => {
  test('is the newest good one of a claim, unless the policy says that none may be left', () => {
    requireNone(({ snapshots, rules, now, goes }) => (rules.minimumReady === 0 ? undefined : perClaim(snapshots)
      .map(group => newestFirst(group.filter(isGood), now)[0]).find(newest => newest !== undefined && goes.has(newest.name))?.name));
  });

  test('is one that is held, in use, or being deleted', () => {
    requireNone(h => h.snapshots.find(s => h.goes.has(s.name) && (isNeeded(s, h) || s.deleting))?.name);
  });

  test('is so much that a claim has fewer good ones than the minimum, also of those that no drill found bad, if it had as many', () => {
    requireNone(({ snapshots, rules, goes }) => perClaim(snapshots).find(group => {
      const good = group.filter(isGood);
      const isTooMuch = (some: SnapshotFacts[]) => some.filter(s => !goes.has(s.name)).length < Math.min(rules.minimumReady, some.length);
      return isTooMuch(good) || isTooMuch(good.filter(s => !s.isBad));
    })?.[0].claim);
  });

  test('is one while an older good one is kept by number or age alone', () => {
    requireNone(h => (hasTiers(h) ? undefined : perClaim(h.snapshots).flatMap(group => {
      // beside what was found bad, an older one is kept
      const good = group.filter(s => isGood(s) && !isNeeded(s, h) && !s.isBad);
      const dropped = good.filter(s => h.goes.has(s.name)).map(s => momentOf(s, h.now));
      return good.filter(s => !h.goes.has(s.name) && momentOf(s, h.now) < Math.max(...dropped)).map(s => s.name);
    })[0]));
  });

  test('is one that is cut and newer than every good one, since it may be the next', () => {
    requireNone(({ snapshots, now, goes }) => perClaim(snapshots).map(group => newestFirst(group, now))
      .flatMap(sorted => sorted.slice(0, sorted.findIndex(isGood) < 0 ? undefined : sorted.findIndex(isGood)))
      .find(s => s.cutAt !== undefined && goes.has(s.name))?.name);
  });
});

describe('a good snapshot', () => {
  interface Wall { readonly date: string; readonly hour: string }

  /** What a clock on the wall of each zone shows, by Intl alone. */
  const walls = new Map(ZONES.map(timeZone => {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: timeZone ?? 'UTC', hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', timeZoneName: 'longOffset',
    });
    return [timeZone, (moment: number): Wall => {
      const { year, month, day, hour, timeZoneName } = Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, value]));
      return { date: `${year}-${month}-${day}`, hour: `${year}-${month}-${day} ${hour} ${timeZoneName}` };
    }];
  }));

  function label(period: Period, { date, hour }: Wall): string {
    const monday = Date.parse(date) - ((new Date(date).getUTCDay() + 6) % 7) * DAY;
    return { hourly: hour, daily: date, weekly: new Date(monday).toISOString(), monthly: date.slice(0, 7), yearly: date.slice(0, 4) }[period];
  }

  /** The names that the rules keep of the good ones of a claim, as their documentation reads. */
  function keptByTheBook(good: SnapshotFacts[], rules: RetentionRules, now: number): Set<string> {
    const wall = walls.get(rules.timeZone) as (moment: number) => Wall;
    const shown = new Map(good.map(s => [s, wall(momentOf(s, now))]));
    const tiers = PERIODS.filter(period => rules[period] !== undefined).flatMap(period => {
      const newest = new Map<string, SnapshotFacts>();
      // the oldest first, so that the newest of each is left
      for (const s of [...good].reverse()) { newest.set(label(period, shown.get(s) as Wall), s); }
      return newestFirst([...newest.values()], now).slice(0, rules[period]);
    });
    const young = good.filter(s => rules.keepForSeconds !== undefined && now - momentOf(s, now) < rules.keepForSeconds * 1000);
    const newest = [...good.slice(0, Math.max(rules.keepLast ?? 0, rules.minimumReady)), ...good.filter(s => !s.isBad).slice(0, rules.minimumReady)];
    return new Set([...tiers, ...young, ...newest].map(s => s.name));
  }

  test('is kept exactly if a rule keeps it, as the documentation reads, or somebody needs it', () => {
    requireNone(h => perClaim(h.snapshots).flatMap(group => {
      const good = newestFirst(group.filter(isGood), h.now);
      const kept = keptByTheBook(good, h.rules, h.now);
      return good.filter(s => h.goes.has(s.name) === (kept.has(s.name) || isNeeded(s, h))).map(s => s.name);
    })[0]);
  });

  test('that is held or in use changes nothing for the others: it takes the place that it would have', () => {
    requireNone(({ snapshots, rules, now, goes }) => {
      const released = gone(snapshots.map(s => ({ ...s, hold: undefined, holdUntil: undefined, inUse: undefined })), rules, now);
      const held = gone(snapshots.map((s, index) => (index % 3 === 0 ? { ...s, hold: 'now' } : s)), rules, now);
      return [...goes].find(name => !released.has(name))
        ?? snapshots.find((s, index) => index % 3 !== 0 && held.has(s.name) !== goes.has(s.name))?.name;
    });
  });
});

describe('applying a plan', () => {
  test('leaves nothing for the next one to delete', () => {
    requireNone(({ snapshots, rules, now, goes }) => [...gone(snapshots.filter(s => !goes.has(s.name)), rules, now)][0]);
  });

  test('leaves nothing for the next one to delete, while what goes is still being deleted', () => {
    requireNone(({ snapshots, rules, now, goes }) => [...gone(snapshots.map(s => (goes.has(s.name) ? { ...s, deleting: true } : s)), rules, now)][0]);
  });

  test('in part, as when a run is ended in its midst, changes no decision on the rest', () => {
    requireNone(({ snapshots, rules, now, seed, goes }) => {
      // without a minimum the newest may go first, and what is under way is then rather kept
      if (rules.minimumReady === 0) { return undefined; }
      const next = random(seed);
      const done = new Set([...goes].filter(() => next(2) === 0));
      const rest = gone(snapshots.filter(s => !done.has(s.name)), rules, now);
      return snapshots.find(s => !done.has(s.name) && goes.has(s.name) !== rest.has(s.name))?.name;
    });
  });

  test('in part never leads to more deletions, also where none need be left', () => {
    requireNone(({ snapshots, rules, now, seed, goes }) => {
      const next = random(seed);
      const done = new Set([...goes].filter(() => next(2) === 0));
      return [...gone(snapshots.filter(s => !done.has(s.name)), rules, now)].find(name => !goes.has(name));
    });
  });
});

describe('never deletes more', () => {
  test('one more rule, or a greater number', () => {
    requireNone(({ snapshots, rules, now, seed, goes }) => {
      const next = random(seed);
      const more: RetentionRules[] = [
        { ...rules, keepLast: (rules.keepLast ?? 0) + 1 + next(5) },
        { ...rules, keepForSeconds: (rules.keepForSeconds ?? 0) + (1 + next(80)) * 3600 },
        { ...rules, minimumReady: rules.minimumReady + 1 },
        ...PERIODS.map(period => ({ ...rules, [period]: (rules[period] ?? 0) + 1 + next(3) })),
      ];
      return more.flatMap(stricter => [...gone(snapshots, stricter, now)]).find(name => !goes.has(name));
    });
  });

  test('the loss of good ones to storage that fails: what is left takes their places', () => {
    requireNone(({ snapshots, rules, now, seed, goes }) => {
      const lost = random(seed)(snapshots.length);
      return [...gone(snapshots.filter((_, index) => index !== lost), rules, now)].find(name => !goes.has(name));
    });
  });
});

describe('time', () => {
  const hasFutureCut = ({ snapshots, now }: History) => snapshots.some(s => s.cutAt !== undefined && s.cutAt > now + HOUR);

  test('never turns a deletion into a keep', () => {
    requireNone(h => {
      // a cut that is in the future today is believed one day
      if (hasFutureCut(h)) { return undefined; }
      const later = [HOUR, DAY, 30 * DAY, 400 * DAY].map(time => gone(h.snapshots, h.rules, h.now + time));
      return [...h.goes].find(name => later.some(names => !names.has(name)));
    });
  });

  test('leaves of runs that prune each time just what one run at the end would leave of all that was ever taken', () => {
    const wrong = Array.from({ length: 80 }, (_, index) => index + 1).filter(seed => {
      const next = random(seed);
      const rules = { ...someRules(next), minimumReady: 1 + next(4) };
      const grid = [HOUR, 6 * HOUR, DAY, 7 * DAY][next(4)];
      let now = Date.parse('2024-01-01T02:15:00Z');
      const taken: (SnapshotFacts & { readyAfter: number })[] = [];
      // some are ready at once, some some runs later, some never
      const asOf = (run: number) => taken.map((s, index) => ({ ...s, ready: s.cutAt !== undefined && run >= index + s.readyAfter }));
      const removed = new Set<string>();
      for (let run = 0; run < 120; run += 1) {
        // some runs are missed, and sometimes there are none for long
        now += next(60) === 0 ? 50 * grid : (1 + next(2)) * grid;
        const readyAfter = [0, 0, 0, next(5), Infinity][next(5)];
        taken.push({ name: `s${run}`, claim: 'data', createdAt: now, cutAt: next(15) === 0 ? undefined : now + 2000, ready: false, deleting: false, readyAfter });
        gone(asOf(run).filter(({ name }) => !removed.has(name)), rules, now + 60_000).forEach(name => removed.add(name));
      }
      const atOnce = gone(asOf(119), rules, now + 60_000);
      return taken.some(({ name }) => atOnce.has(name) !== removed.has(name));
    });
    expect(wrong).toEqual([]);
  });

  test('never lets the brake stop a schedule whose runs succeed', () => {
    const stopped = Array.from({ length: 60 }, (_, index) => index + 1).filter(seed => {
      const next = random(seed);
      const rules = someRules(next);
      const grid = [HOUR / 4, HOUR, 6 * HOUR, DAY, 7 * DAY][next(5)];
      let left: SnapshotFacts[] = [];
      return Array.from({ length: 100 }, (_, run) => Date.parse('2024-01-01T02:15:00Z') + run * grid).some(at => {
        left.push({ name: `s${at}`, claim: 'data', createdAt: at, cutAt: at, ready: true, deleting: false });
        const decisions = plan(left, rules, at + 60_000);
        left = decisions.filter(({ action }) => action === 'keep').map(({ snapshot }) => snapshot);
        return overruns(decisions, () => false).length > 0;
      });
    });
    expect(stopped).toEqual([]);
  });
});
