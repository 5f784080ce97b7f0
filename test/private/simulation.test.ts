import { parseCron } from '../../src/private/cron';
import { runsOf } from '../../src/private/runs';
import { sampleOf, simulate, Simulation } from '../../src/private/simulation';
import { plan, RetentionRules, SnapshotFacts } from '../../src/retention/plan';
import { random } from '../retention/random';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const of = (expression: string, rules: Partial<RetentionRules>) => simulate({ minimumReady: 1, timeZone: 'Etc/UTC', ...rules }, parseCron(expression));
const lossWithin = ({ losses }: Simulation, time: number) => losses.find(({ noticedWithin }) => noticedWithin === time)?.loss;

type Seen = Pick<Simulation, 'most' | 'fewest' | 'reach' | 'losses' | 'soonestPrune' | 'longestKept'>;

/** What is seen when the engine is asked after every run, a minute later, with all that the runs before have left. */
function seenWithEngine(expression: string, rules: RetentionRules, history: number, bands: number[]): Seen {
  const [start, end] = sampleOf(parseCron(expression));
  const runs = runsOf(parseCron(expression), rules.timeZone ?? 'UTC', start - history, end);
  let snapshots: SnapshotFacts[] = [];
  const seen = { most: 0, fewest: Infinity, reach: Infinity, soonestPrune: Infinity, longestKept: 0 };
  const losses = new Map(bands.map(band => [band, 0]));
  runs.slice(0, -1).forEach((run, i) => {
    const taken = [...snapshots, { name: `s${i}`, claim: 'data', createdAt: run + MINUTE / 2, cutAt: run, ready: true, deleting: false }];
    snapshots = plan(taken, rules, run + MINUTE, 0).filter(({ action }) => action === 'keep').map(({ snapshot }) => snapshot);
    if (run < start) { return; }
    const ages = taken.map(({ cutAt, name }) => ({ age: run - (cutAt as number), kept: snapshots.some(left => left.name === name) }));
    seen.soonestPrune = Math.min(seen.soonestPrune, ...ages.filter(({ kept }) => !kept).map(({ age }) => age));
    seen.longestKept = Math.max(seen.longestKept, ...ages.map(({ age }) => age));
    const moments = snapshots.map(({ cutAt }) => cutAt as number).sort((a, b) => a - b);
    seen.most = Math.max(seen.most, taken.length);
    seen.fewest = Math.min(seen.fewest, snapshots.length);
    seen.reach = Math.min(seen.reach, moments.length === 0 ? 0 : run - moments[0]);
    for (const noticed of [run + MINUTE, runs[i + 1]]) {
      for (const band of bands) { losses.set(band, Math.max(losses.get(band) ?? 0, worstLoss(moments, noticed, band))); }
    }
  });
  return { ...seen, losses: [...losses].map(([noticedWithin, loss]) => ({ noticedWithin, loss })) };
}

/** Damage may have been done just before any of the snapshots, or just now. */
function worstLoss(moments: number[], noticed: number, within: number): number {
  return Math.max(...[...moments.slice(1), noticed].map((damage, i) => noticed - damage < within ? damage - moments[i] : 0));
}

/** Long enough for every rule to have all that it keeps, if there is a run in each week. */
function historyOf(rules: RetentionRules): number {
  const { hourly = 0, daily = 0, weekly = 0, monthly = 0, yearly = 0, keepLast = 0, keepForSeconds = 0, minimumReady } = rules;
  return Math.max(weekly, (hourly + daily + keepLast + minimumReady), monthly * 5, yearly * 53) * 7 * DAY + keepForSeconds * 1000 + 60 * DAY;
}

function compare(expression: string, rules: RetentionRules): void {
  const { most, fewest, reach, losses, soonestPrune, longestKept } = simulate(rules, parseCron(expression));
  const bands = losses.map(({ noticedWithin }) => noticedWithin);
  expect({ expression, rules, most, fewest, reach, losses, soonestPrune, longestKept })
    .toEqual({ expression, rules, ...seenWithEngine(expression, rules, historyOf(rules), bands) });
}

describe('what is predicted is what the engine does, run after run for a year', () => {
  test.each<[string, string, Partial<RetentionRules>]>([
    ['15 3 * * *', 'Etc/UTC', { keepForSeconds: 7 * 86_400, minimumReady: 3 }],
    ['15 2 * * *', 'Europe/Berlin', { keepForSeconds: 7 * 86_400, minimumReady: 3 }],
    ['15 3 * * *', 'Europe/Berlin', { daily: 7, weekly: 5, monthly: 12, minimumReady: 3 }],
    ['30 0 * * *', 'America/Havana', { daily: 7, weekly: 5, monthly: 3, yearly: 2 }],
    ['0 */2 * * *', 'Australia/Lord_Howe', { hourly: 5, daily: 3, weekly: 2 }],
    ['0 */4 * * *', 'America/New_York', { keepForSeconds: 25 * 3600, hourly: 4, daily: 10, monthly: 2 }],
    // more than one an hour on the average
    ['*/20 9-17 * * *', 'Asia/Kolkata', { keepLast: 3, hourly: 4, daily: 2 }],
    ['0 8-18 * * 1-5', 'Europe/Berlin', { keepForSeconds: 2 * 86_400 }],
    ['0 3 1 * *', 'Africa/Casablanca', { keepForSeconds: 7 * 86_400, minimumReady: 3 }],
    ['0 3 * * *', 'Etc/UTC', { keepForSeconds: 60, minimumReady: 0 }],
    ['@every 12h', 'Europe/Berlin', { daily: 5, weekly: 2 }],
  ])('%s in %s, %j', (expression, timeZone, rules) => {
    compare(expression, { minimumReady: 1, timeZone, ...rules });
  });

  test('for policies and schedules as they come', () => {
    const zones = ['Etc/UTC', 'Europe/Berlin', 'America/New_York', 'America/Havana', 'Australia/Lord_Howe', 'Asia/Kolkata', 'Asia/Beirut'];
    for (let seed = 1; seed <= 20; seed++) {
      const next = random(seed);
      const one = <T>(...choices: T[]) => choices[next(choices.length)];
      const expression = `${one('0', '15', '30', '45')} ${one('0', '1', '2', '3', '12', '23', '1,2', '0,12', '*/6', '9-17/4')} ${one('*', '*', '*/3')} * ${one('*', '*', '1-5', '0')}`;
      const maybe = (most: number) => one(undefined, undefined, 1 + next(most));
      const rules = {
        keepLast: maybe(9),
        keepForSeconds: one(undefined, undefined, (1 + next(20)) * 43_200),
        hourly: maybe(9),
        daily: maybe(9),
        weekly: maybe(6),
        monthly: maybe(4),
        yearly: one(undefined, undefined, undefined, 2),
        minimumReady: next(4),
        timeZone: zones[next(zones.length)],
      };
      compare(expression, rules);
    }
  });
});

describe('what a policy comes to', () => {
  test('seven nights of a nightly schedule are seven snapshots, and one more while it is taken', () => {
    expect(of('15 3 * * *', { keepForSeconds: 7 * 86_400 })).toMatchObject({ most: 8, fewest: 7, reach: 6 * DAY });
  });

  test('damage costs a day where the daily snapshots reach, a month behind them', () => {
    const nightly = of('15 3 * * *', { daily: 7, monthly: 6 });
    expect(lossWithin(nightly, HOUR)).toBe(DAY);
    expect(lossWithin(nightly, DAY)).toBe(DAY);
    expect(lossWithin(nightly, 7 * DAY)).toBe(31 * DAY);
    expect(nightly.losses[nightly.losses.length - 1].noticedWithin).toBe(nightly.reach);
  });

  test('24 hours of hourly snapshots are an hour short of a day', () => {
    expect(lossWithin(of('0 * * * *', { keepForSeconds: 24 * 3600, daily: 7 }), DAY)).toBe(DAY);
    expect(lossWithin(of('0 * * * *', { keepForSeconds: 25 * 3600, daily: 7 }), DAY)).toBe(HOUR);
  });

  test('nothing is promised beyond the oldest snapshot', () => {
    expect(of('0 3 * * *', { keepLast: 3 }).losses.map(({ noticedWithin }) => noticedWithin)).toEqual([HOUR, DAY, 2 * DAY]);
    expect(of('0 3 * * *', { keepLast: 1 })).toMatchObject({ fewest: 1, reach: 0, losses: [] });
  });

  test('a run that comes every four years is met', () => {
    expect(of('0 3 29 2 *', { keepLast: 2 })).toMatchObject({ most: 3, fewest: 2, reach: 1461 * DAY });
  });

  test('years that the simulation does not reach are said to be missing', () => {
    expect(of('0 3 * * *', { yearly: 20 })).toMatchObject({ most: 21, capped: false });
    expect(of('0 3 * * *', { yearly: 50 })).toMatchObject({ capped: true });
    expect(of('0 3 * * *', { keepForSeconds: 3653 * 86_400 })).toMatchObject({ most: 3654, capped: false });
  });

  test('runs within the hour that came long ago are not forgotten where a rule still keeps them', () => {
    expect(of('*/30 * * * *', { keepForSeconds: 10 * 86_400, monthly: 2 }).most).toBe(10 * 48 + 2);
    expect(of('*/30 * * * *', { keepLast: 18_000 })).toMatchObject({ most: 18_001, fewest: 18_000 });
  });
});

describe('a rule is pointless', () => {
  const pointless = (expression: string, rules: Partial<RetentionRules>) => of(expression, rules).pointless;

  test('if another one keeps all that it keeps', () => {
    expect(pointless('0 3 * * *', { daily: 7, keepForSeconds: 30 * 86_400 })).toEqual(['daily']);
    expect(pointless('0 3 * * *', { hourly: 24, daily: 24 })).toEqual(['hourly']);
    expect(pointless('0 3 1 * *', { keepForSeconds: 7 * 86_400, minimumReady: 3 })).toEqual(['keepFor']);
    expect(pointless('0 3 * * *', { monthly: 84, yearly: 6 })).toEqual(['yearly']);
  });

  test('not if it keeps what no other one keeps', () => {
    expect(pointless('0 3 * * *', { daily: 40, keepForSeconds: 30 * 86_400 })).toEqual(['keepFor']);
    expect(pointless('0 3 * * *', { daily: 7, weekly: 5, monthly: 12, yearly: 3, minimumReady: 3 })).toEqual([]);
  });

  test('not if it is the only one, though a last snapshot would be left anyway', () => {
    expect(pointless('0 3 * * *', { keepLast: 1 })).toEqual([]);
  });
});

test('the same is not simulated twice, since a chart may have a thousand schedules', () => {
  const once = of('25 4 * * *', { daily: 7 });
  expect(of('25 4 * * *', { daily: 7 })).toBe(once);
  expect(of('25 4 * * *', { daily: 8 })).not.toBe(once);
});
