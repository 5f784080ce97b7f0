import { ApiObject, App, Chart, Cron, Duration } from 'cdk8s';
import { Content, contentSeries, CronJob, cronJobSeries, Run, Snapshot, snapshotSeries } from './kube-state-metrics';
import { checkRules, differencesOf, Moment, problemsOf, Series } from './promtool';
import {
  CsiDriver, DeletionPolicy, DrillCheck, GroupSnapshotClass, OrphanAction, RestoreDrill, ScheduledSnapshot, ScheduledSnapshotProps, SnapshotAlert,
  SnapshotAlerts, SnapshotAlertsProps, SnapshotClass, SnapshotClone, SnapshotInventory, SnapshotOrphans, SnapshotOrphansProps, SnapshotSource,
} from 'cdk8s-volume-snapshots';

const HOUR = 3600;
const DAY = 24 * HOUR;
/** Seconds since the beginning: day 1, '03:15'. */
const at = (day: number, time: string) => day * DAY + time.split(':').reduce((sum, part, i) => sum + Number(part) * [HOUR, 60][i], 0);

/** The rules of what is defined in a chart of namespace `db`. */
function rulesOf(define: (chart: Chart) => unknown, props: SnapshotAlertsProps = {}): string {
  const chart = new Chart(new App(), 'test', { namespace: 'db' });
  define(chart);
  return new SnapshotAlerts(chart, 'Alerts', props).toRulesFile();
}

/** Every night at 03:15; a run waits for six hours and ends after 15 minutes more; so a success is at most 30 hours and 25 minutes old. */
function nightly(chart: Chart, props: Partial<ScheduledSnapshotProps> = {}): ScheduledSnapshot {
  return new ScheduledSnapshot(chart, 'Nightly', {
    metadata: { name: 'nightly' },
    source: SnapshotSource.fromClaimName('data'),
    schedule: Cron.schedule({ hour: '3', minute: '15' }),
    ...props,
  });
}

const start = (day: number) => at(day, '03:15');
/** A run that ends well after ten minutes. */
const good = (day: number): Run => ({ at: start(day), ends: start(day) + 600 });
/** A run that fails after five minutes. */
const bad = (day: number): Run => ({ at: start(day), ends: start(day) + 300, failed: true });
const cronJob = (runs: readonly Run[], more: Partial<CronJob> = {}) => cronJobSeries({ namespace: 'db', name: 'nightly', runs, ...more });

const seen = { firing: new Set<SnapshotAlert>(), cleared: new Set<SnapshotAlert>() };

/** These alerts, each once, and no others. */
function expectFiring(rules: string, series: readonly Series[], moments: readonly Moment[]): void {
  expect(problemsOf(rules, series, moments)).toBeUndefined();
  moments.forEach(([, alerts], i) => {
    alerts.forEach(alert => seen.firing.add(alert));
    moments[i - 1]?.[1].filter(alert => !alerts.includes(alert)).forEach(alert => seen.cleared.add(alert));
  });
}

const A = SnapshotAlert;

/** The series of another copy of kube-state-metrics, or of an object that was made anew. */
const copyOf = (series: readonly Series[], instance: string): Series[] => series.map(each => ({ ...each, labels: { ...each.labels, instance } }));

describe('a schedule', () => {
  const rules = rulesOf(chart => nightly(chart));

  test('that does its work is silent, also while a copy takes its time', () => {
    const slow: Run = { at: start(2), ends: start(2) + 2.9 * HOUR };
    const series = cronJob([good(0), good(1), slow, good(3)]);
    expectFiring(rules, series, [0, 1, 2, 3].flatMap(day => ['00:00', '03:20', '05:50', '06:20', '23:55'].map(time => [at(day, time), []] as const)));
  });

  test('that never succeeded is told, until it does', () => {
    const series = cronJob([bad(0), bad(1), good(2)]);
    expectFiring(rules, series, [
      [at(0, '03:30'), []],
      [at(0, '03:40'), [A.SCHEDULE_FAILING]],
      [at(1, '06:20'), [A.SCHEDULE_FAILING]],
      [at(1, '06:40'), [A.SCHEDULE_FAILING, A.SCHEDULE_NEVER_SUCCEEDED]],
      [at(2, '03:25'), []],
    ]);
  });

  test('that has no runs at all is stale, until it has one', () => {
    expectFiring(rules, cronJob([good(0), good(3)]), [
      [at(1, '09:45'), []],
      [at(1, '10:00'), [A.SCHEDULE_STALE]],
      [at(3, '03:20'), [A.SCHEDULE_STALE]],
      [at(3, '03:25'), []],
    ]);
  });

  test('whose run failed is told until one succeeds, and not only until the next one starts', () => {
    const next: Run = { at: start(2), ends: start(2) + HOUR };
    expectFiring(rules, cronJob([good(0), bad(1), next, good(3)]), [
      [at(1, '03:30'), []],
      [at(1, '03:40'), [A.SCHEDULE_FAILING]],
      [at(2, '03:30'), [A.SCHEDULE_FAILING, A.SCHEDULE_STALE]],
      [at(2, '04:15'), []],
      [at(3, '12:00'), []],
    ]);
  });

  test('that a person has run again is well', () => {
    expectFiring(rules, cronJob([good(0), bad(1), { at: at(1, '08:00'), ends: at(1, '08:10') }]), [
      [at(1, '08:05'), [A.SCHEDULE_FAILING]], [at(1, '08:10'), []],
    ]);
  });

  test('that fails again and again is one alert, not one for each Job', () => {
    expectFiring(rules, cronJob([good(0), bad(1), bad(2), bad(3), bad(4)]), [[at(4, '12:00'), [A.SCHEDULE_FAILING, A.SCHEDULE_STALE]]]);
  });

  test('all of whose runs are pending is told, though none of them fails', () => {
    const stuck: Run[] = [{ at: start(1) }, { at: at(1, '08:00') }, { at: at(1, '09:00') }];
    expectFiring(rules, cronJob([good(0), ...stuck]), [
      [at(1, '06:10'), []],
      [at(1, '06:30'), [A.SCHEDULE_PENDING]],
      [at(1, '10:00'), [A.SCHEDULE_PENDING, A.SCHEDULE_STALE]],
      [at(4, '00:00'), [A.SCHEDULE_PENDING, A.SCHEDULE_STALE]],
    ]);
  });

  test('whose runs get done after an outage is well again', () => {
    expectFiring(rules, cronJob([good(0), { at: start(1), ends: at(1, '11:00') }]), [
      [at(1, '10:30'), [A.SCHEDULE_PENDING, A.SCHEDULE_STALE]], [at(1, '11:00'), []],
    ]);
  });

  test('whose first run is pending on an empty cluster is told', () => {
    expectFiring(rules, cronJob([{ at: start(0) }]), [
      [at(0, '06:30'), [A.SCHEDULE_PENDING]], [at(1, '06:45'), [A.SCHEDULE_NEVER_SUCCEEDED, A.SCHEDULE_PENDING]],
    ]);
  });

  test('that is suspended is not stale, but told after a day; resumed, it is as old as it is', () => {
    const suspended = (time: number) => time >= at(0, '22:00') && time < at(3, '08:00');
    expectFiring(rules, cronJob([good(0), { at: at(3, '10:00'), ends: at(3, '10:10') }], { suspended }), [
      [at(1, '21:30'), []],
      [at(1, '22:10'), [A.SCHEDULE_SUSPENDED]],
      [at(3, '07:55'), [A.SCHEDULE_SUSPENDED]],
      [at(3, '08:30'), [A.SCHEDULE_STALE]],
      [at(3, '10:10'), []],
    ]);
  });

  test('that is deleted and made anew begins anew', () => {
    const first = cronJob([good(0)], { gone: at(2, '00:00') });
    const second = copyOf(cronJob([], { created: at(2, '00:05') }), 'b');
    expectFiring(rules, [...first, ...second], [
      [at(1, '12:00'), [A.SCHEDULE_STALE]], [at(2, '00:10'), []], [at(3, '06:00'), []], [at(3, '07:00'), [A.SCHEDULE_NEVER_SUCCEEDED]],
    ]);
  });

  test('that is taken out of the app takes its alerts along', () => {
    const rest = rulesOf(chart => nightly(chart, { metadata: { name: 'other' } }));
    const other = cronJobSeries({ namespace: 'db', name: 'other', runs: [good(0), good(1), good(2)] });
    const dead = cronJob([bad(0), bad(1), { at: start(2) }]);
    expectFiring(rest, [...other, ...dead], [[at(2, '12:00'), []]]);
  });

  test('is told apart from one of another namespace and of another name', () => {
    const elsewhere = cronJobSeries({ namespace: 'shop', name: 'nightly', runs: [bad(0), bad(1)] });
    const beside = cronJobSeries({ namespace: 'db', name: 'nightly-2', runs: [bad(0), bad(1)] });
    expectFiring(rules, [...cronJob([good(0), good(1)]), ...elsewhere, ...beside], [[at(1, '12:00'), []]]);
  });

  test('is told once, by several copies of kube-state-metrics', () => {
    const series = cronJob([good(0), bad(1), { at: at(1, '04:00') }]);
    expectFiring(rules, [...copyOf(series, 'a'), ...copyOf(series, 'b')], [[at(1, '03:00'), []], [at(1, '12:00'), [A.SCHEDULE_FAILING, A.SCHEDULE_PENDING, A.SCHEDULE_STALE]]]);
  });

  test('of one cluster is not taken for that of another', () => {
    const ofCluster = (cluster: string, series: Series[]) => series.map(each => ({ ...each, labels: { ...each.labels, cluster } }));
    const series = [...ofCluster('a', cronJob([good(0), good(1)])), ...ofCluster('b', cronJob([good(0)]))];
    expectFiring(rulesOf(chart => nightly(chart), { matchLabels: { cluster: 'a' } }), series, [[at(1, '12:00'), []]]);
    expectFiring(rulesOf(chart => nightly(chart), { matchLabels: { cluster: 'b' } }), series, [[at(1, '12:00'), [A.SCHEDULE_STALE]]]);
    expectFiring(rulesOf(chart => nightly(chart), { matchLabels: { cluster: '~b|c' } }), series, [[at(1, '12:00'), [A.SCHEDULE_STALE]]]);
  });

  test('may miss as many runs as are tolerated', () => {
    const tolerant = rulesOf(chart => nightly(chart), { toleratedMisses: 1 });
    expectFiring(tolerant, cronJob([good(0)]), [[at(2, '09:45'), []], [at(2, '10:00'), [A.SCHEDULE_STALE]]]);
  });

  test('of working days is not stale on Monday morning, and one of every five minutes is within the hour', () => {
    const onWorkdays = rulesOf(chart => nightly(chart, { schedule: Cron.schedule({ weekDay: '1-5', hour: '3', minute: '15' }) }));
    expectFiring(onWorkdays, cronJob([good(1)]), [[at(4, '09:45'), []], [at(4, '10:00'), [A.SCHEDULE_STALE]]]);
    const often = rulesOf(chart => nightly(chart, { schedule: Cron.schedule({ minute: '*/5' }) }));
    expectFiring(often, cronJob([good(0)]), [[at(0, '04:00'), []], [at(0, '04:15'), [A.SCHEDULE_STALE]]]);
  });

  test('in a time zone has an hour more where clocks are changed, and each hour needs none', () => {
    const inBerlin = rulesOf(chart => nightly(chart, { timeZone: 'Europe/Berlin' }));
    expectFiring(inBerlin, cronJob([good(0)]), [[at(1, '10:45'), []], [at(1, '11:00'), [A.SCHEDULE_STALE]]]);
  });
});

describe('the metrics', () => {
  const rules = rulesOf(chart => nightly(chart));
  const other = (more: Partial<CronJob> = {}) => cronJobSeries({ namespace: 'other', name: 'other', runs: [good(0)], ...more });

  test('of a CronJob that is not in the cluster are missed, until it is there', () => {
    const back = copyOf(cronJob([], { created: at(0, '12:00') }), 'b');
    expectFiring(rules, [...other(), ...cronJob([good(0)], { gone: at(0, '06:00') }), ...back], [
      [at(0, '05:55'), []], [at(0, '06:50'), []], [at(0, '07:10'), [A.CRON_JOB_MISSING]], [at(0, '12:00'), []],
    ]);
  });

  test('of all CronJobs are missed as one alert, and not one for each of them', () => {
    const gone = at(0, '06:00');
    expectFiring(rules, [...other({ gone }), ...cronJob([good(0)], { gone }), ...copyOf(other({ created: at(0, '12:00') }), 'b')], [
      [at(0, '06:05'), []], [at(0, '06:20'), [A.BLIND]], [at(0, '10:00'), [A.BLIND]], [at(0, '12:00'), []],
    ]);
  });
});

describe('a drill', () => {
  const rules = rulesOf(chart => {
    const workload = new ApiObject(chart, 'Postgres', {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'postgres' },
      spec: {
        template: { spec: { containers: [{ name: 'postgres', image: 'postgres:15', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] } },
        volumeClaimTemplates: [{ metadata: { name: 'data' } }],
      },
    });
    const check = DrillCheck.postgreSql({ query: 'SELECT count(*) FROM orders', atLeast: 1 });
    new RestoreDrill(chart, 'Drill', { metadata: { name: 'drill' }, scheduleId: 'nightly', workload, check });
  });
  /** On Sundays at 05:40; a verdict within 70 minutes; so the last one is at most 7 days and 80 minutes ago. */
  const drill = (runs: readonly Run[], more: Partial<CronJob> = {}) => cronJobSeries({ namespace: 'db', name: 'drill', runs, ...more });
  const sunday = (week: number) => 3 * DAY + week * 7 * DAY + at(0, '05:40');

  test('that passes every week is silent', () => {
    const series = drill([0, 1].map(week => ({ at: sunday(week), ends: sunday(week) + 1800 })));
    expectFiring(rules, series, [[sunday(0), []], [sunday(1) + HOUR, []], [sunday(2) - 600, []]]);
  });

  test('that fails is told until one passes', () => {
    const passed: Run = { at: sunday(0) + 3 * HOUR, ends: sunday(0) + 4 * HOUR };
    expectFiring(rules, drill([{ at: sunday(0), ends: sunday(0) + 1800, failed: true }, passed]), [
      [sunday(0) + 2400, []], [sunday(0) + 3000, [A.DRILL_FAILING]], [passed.ends!, []],
    ]);
  });

  test('that is not held is stale until it is, also if it is suspended, and if it never passed', () => {
    const one: Run = { at: sunday(2), ends: sunday(2) + 1800 };
    const suspended = (time: number) => time < sunday(2);
    expectFiring(rules, drill([one], { suspended }), [[at(7, '01:00'), []], [at(7, '01:30'), [A.DRILL_STALE]], [one.ends!, []]]);
    expectFiring(rules, drill([{ at: sunday(0), ends: sunday(0) + 1800 }]), [[sunday(1) + 6000, []], [sunday(1) + 7200, [A.DRILL_STALE]]]);
  });
});

/** On Sundays at 05:20, within an hour. */
const looking = (props: SnapshotOrphansProps = {}) => (chart: Chart) => new SnapshotOrphans(chart, 'Orphans', { ...props, metadata: { name: 'orphans' } });
const look = (runs: readonly Run[]) => cronJobSeries({ namespace: 'db', name: 'orphans', runs });

describe('a look for orphans', () => {
  const rules = rulesOf(looking());

  test('that fails is told until one succeeds', () => {
    expectFiring(rules, look([{ at: at(3, '05:20'), ends: at(3, '05:25'), failed: true }, { at: at(4, '08:00'), ends: at(4, '08:05') }]), [
      [at(3, '05:35'), []], [at(3, '05:45'), [A.ORPHANS_FAILING]], [at(4, '08:05'), []],
    ]);
  });

  test('that is never done is stale, until it is', () => {
    expectFiring(rules, look([{ at: at(8, '08:00'), ends: at(8, '08:05') }]), [
      [at(7, '01:00'), []], [at(7, '01:30'), [A.ORPHANS_STALE]], [at(8, '08:05'), []],
    ]);
  });
});

describe('an inventory', () => {
  const exporter = { image: 'rclone/rclone:1.71', args: ['copyto', '/inventory/inventory.json', 'offsite:backup/inventory.json'] };
  const rules = rulesOf(chart => new SnapshotInventory(chart, 'Inventory', { metadata: { name: 'inventory' }, exporter }));
  /** Every day at 05:10, within an hour; so the last one is at most 25 hours and 10 minutes old. */
  const inventory = (runs: readonly Run[]) => cronJobSeries({ namespace: 'db', name: 'inventory', runs });
  const exported = (day: number, failed = false): Run => ({ at: at(day, '05:10'), ends: at(day, '05:15'), failed });

  test('that is exported every day is silent', () => {
    expectFiring(rules, inventory([0, 1, 2].map(day => exported(day))), [[at(1, '05:00'), []], [at(2, '05:00'), []], [at(3, '05:00'), []]]);
  });

  test('that fails is told until one is exported', () => {
    expectFiring(rules, inventory([exported(0), exported(1, true), exported(2)]), [
      [at(1, '05:25'), []], [at(1, '05:35'), [A.INVENTORY_FAILING]], [at(1, '06:40'), [A.INVENTORY_FAILING, A.INVENTORY_STALE]], [at(2, '05:15'), []],
    ]);
  });

  test('that is not made at all is stale, until it is', () => {
    expectFiring(rules, inventory([exported(3)]), [[at(1, '01:10'), []], [at(1, '01:20'), [A.INVENTORY_STALE]], [at(3, '05:15'), []]]);
  });
});

describe('a clone', () => {
  const clone = (refresh?: Cron) => (chart: Chart) => new SnapshotClone(chart, 'Staging', {
    metadata: { name: 'staging' }, scheduleId: 'nightly', sourceNamespace: 'shop', source: SnapshotSource.fromClaimName('data'), targetNamespace: 'staging', refresh,
  });
  /** Every day at 06:40, within an hour and a quarter. */
  const rules = rulesOf(clone(Cron.schedule({ hour: '6', minute: '40' })));
  const refreshed = (day: number, failed = false): Run => ({ at: at(day, '06:40'), ends: at(day, '06:45'), failed });
  const series = (runs: readonly Run[]) => cronJobSeries({ namespace: 'db', name: 'staging', runs });

  test('that fails is told until it is refreshed, and is stale the next day', () => {
    expectFiring(rules, series([refreshed(0), refreshed(1, true), refreshed(2)]), [
      [at(1, '06:40'), []], [at(1, '07:05'), [A.CLONE_FAILING]], [at(1, '08:30'), [A.CLONE_FAILING, A.CLONE_STALE]], [at(2, '06:45'), []],
    ]);
  });

  test('that is started by hand is watched by whoever starts it', () => {
    const both = rulesOf(chart => { nightly(chart); clone()(chart); });
    expect(both).not.toContain('SnapshotClone');
    expect(both).not.toContain('cronjob: staging');
  });
});

describe('storage of snapshots that are gone', () => {
  const rules = rulesOf(looking(), { snapshotMetrics: true });
  const name = 'data-20260209-021500-5f3a9c1e';
  const content = (uid: string, more: Partial<Content> = {}) =>
    contentSeries({ uid, name, namespace: 'db', volume: 'vol', driver: 'd', created: at(0, '03:00'), ...more });
  const snapshot = (uid: string, gone?: number) =>
    snapshotSeries({ namespace: 'db', schedule: 'nightly', uid, claim: 'data', created: at(0, '03:00'), gone });
  const looked = look([{ at: at(0, '01:00'), ends: at(0, '01:05') }]);

  test('is told after a day, once, until it is given back', () => {
    const gone = at(1, '00:00');
    const orphans = ['b', 'c'].flatMap(uid => [...snapshot(uid, gone), content(uid, { gone: at(4, '00:00') })]);
    const series = [...looked, ...snapshot('a'), content('a'), ...orphans];
    expectFiring(rules, series, [[at(0, '23:00'), []], [at(1, '23:00'), []], [at(2, '01:00'), [A.ORPHANS_FOUND]], [at(4, '00:00'), []]]);
  });

  test('is not told if it is held, not a schedule\'s, of a snapshot that never was, or in a namespace that nobody looks after', () => {
    const series = [content('a', { hold: 'ticket-4711' }), content('b', { name: 'mine' }), content('', {})];
    expectFiring(rules, [...looked, ...series], [[at(3, '00:00'), []]]);
    const ofShop = rulesOf(looking({ namespaces: ['shop'] }), { snapshotMetrics: true });
    expectFiring(ofShop, [...looked, content('d')], [[at(3, '00:00'), []]]);
    expectFiring(ofShop, [...looked, content('d', { namespace: 'shop', hold: 'false' })], [[at(3, '00:00'), [A.ORPHANS_FOUND]]]);
  });

  test('is not told where it is given back when it is old enough', () => {
    expectFiring(rulesOf(looking({ action: OrphanAction.RECLAIM }), { snapshotMetrics: true }), [...looked, content('a')], [[at(3, '00:00'), []]]);
  });
});

describe('the snapshots of a schedule', () => {
  const rules = rulesOf(chart => nightly(chart).addSource(SnapshotSource.fromClaimName('log')), { snapshotMetrics: true });
  const runs = [0, 1, 2, 3, 4, 5].map(good);
  const snapshot = (uid: string, created: number, more: Partial<Snapshot> = {}) =>
    snapshotSeries({ namespace: 'db', schedule: 'nightly', uid, claim: 'data', created, ...more });
  const ready = (uid: string, day: number, more: Partial<Snapshot> = {}) =>
    snapshot(uid, start(day), { cut: start(day) + 60, ready: start(day) + 300, ...more });
  /** What keeps the other claim out of it. */
  const log = [0, 1, 2, 3, 4, 5].flatMap(day => ready(`log-${day}`, day, { claim: 'log' }));

  test('that get ready are silent', () => {
    const data = [0, 1, 2, 3].flatMap(day => ready(`data-${day}`, day, { gone: start(day + 2) + 600 }));
    const moments = [1, 2, 3].flatMap(day => ['03:00', '03:35', '12:00'].map(time => [at(day, time), []] as const));
    expectFiring(rules, [...cronJob(runs), ...log, ...data], moments);
  });

  test('that do not get ready are told as one alert, until one does', () => {
    const data = [...ready('0', 0), ...snapshot('1', start(1)), ...snapshot('2', start(1) + 60), ...ready('3', 2, { gone: at(5, '00:00') })];
    expectFiring(rules, [...cronJob([good(0), bad(1), good(2)]), ...log, ...data], [
      [at(1, '09:15'), [A.SCHEDULE_FAILING]],
      [at(1, '09:25'), [A.SCHEDULE_FAILING, A.NOT_READY]],
      [start(2) + 300, [A.SCHEDULE_FAILING, A.SCHEDULE_STALE]],
      [at(2, '12:00'), []],
    ]);
  });

  test('that the storage refuses are told while it does', () => {
    const data = [...ready('0', 0), ...snapshot('1', start(1), { error: start(1) + 60, cut: at(1, '05:00'), ready: at(1, '05:30') })];
    expectFiring(rules, [...cronJob(runs), ...log, ...data], [[at(1, '03:30'), []], [at(1, '03:40'), [A.STORAGE_ERROR]], [at(1, '05:30'), []]]);
  });

  test('that fail one after the other open the circuit, which the next good one closes', () => {
    const data = [ready('0', 0), ...[1, 2, 3].map(day => snapshot(`${day}`, start(day))), ready('4', 4)].flat();
    expectFiring(rules, [...cronJob([good(0), bad(1), bad(2), bad(3), good(4)]), ...log, ...data], [
      [at(2, '12:00'), [A.SCHEDULE_FAILING, A.SCHEDULE_STALE, A.NOT_READY]],
      [at(3, '12:00'), [A.SCHEDULE_FAILING, A.SCHEDULE_STALE, A.NOT_READY, A.CIRCUIT_OPEN]],
      [at(4, '03:20'), [A.SCHEDULE_FAILING, A.SCHEDULE_STALE]],
      [at(4, '12:00'), []],
    ]);
  });

  test('of two claims do not open a circuit together, and those that are being deleted count for none', () => {
    const data = [ready('0', 0), snapshot('1', start(1)), snapshot('2', start(2)), snapshot('3', start(2), { deleting: start(2) + 60 })];
    const ofLog = [ready('l0', 0, { claim: 'log' }), snapshot('l1', start(1), { claim: 'log' })];
    const series = [...cronJob([good(0), bad(1), bad(2)]), ...data.flat(), ...ofLog.flat()];
    expectFiring(rules, series, [[at(2, '12:00'), [A.SCHEDULE_FAILING, A.SCHEDULE_STALE, A.NOT_READY]]]);
  });

  test('that somebody deletes are missed, though all runs succeed', () => {
    const data = [...ready('0', 0), ...ready('1', 1, { gone: at(1, '12:00') }), ...ready('3', 3)];
    expectFiring(rules, [...cronJob(runs), ...log, ...data], [[at(1, '11:00'), []], [at(1, '12:30'), [A.SNAPSHOTS_MISSING]], [at(3, '03:20'), []]]);
  });

  test('are missed as long as there are no metrics of them', () => {
    expectFiring(rules, cronJob(runs), [[at(0, '03:30'), []], [at(0, '03:45'), [A.SNAPSHOTS_MISSING]]]);
  });

  test('of a StatefulSet that is scaled in, or chosen by labels, are not missed one by one', () => {
    const chosen = rulesOf(chart => nightly(chart, { source: SnapshotSource.fromSelector({ backup: 'nightly' }) }), { snapshotMetrics: true });
    expectFiring(chosen, [...cronJob(runs), ...log], [[at(5, '12:00'), []]]);
    expectFiring(chosen, cronJob(runs), [[at(5, '12:00'), [A.SNAPSHOTS_MISSING]]]);
  });

  test('of a group are looked at as one', () => {
    const grouped = rulesOf(chart => nightly(chart, {
      groupSnapshotClass: GroupSnapshotClass.fromGroupSnapshotClassName(chart, 'Class', 'ceph', { deletionPolicy: DeletionPolicy.DELETE }),
    }), { snapshotMetrics: true });
    const group = (uid: string, created: number, more: Partial<Snapshot> = {}) =>
      snapshotSeries({ namespace: 'db', schedule: 'nightly', uid, created, ...more }, 'kube_volumegroupsnapshot');
    const groups = [group('0', start(0), { cut: start(0), ready: start(0) + 300 }), ...[1, 2, 3].map(day => group(`${day}`, start(day)))].flat();
    expectFiring(grouped, [...cronJob([good(0), bad(1), bad(2), bad(3)]), ...groups], [
      [at(0, '12:00'), []], [at(3, '12:00'), [A.SCHEDULE_FAILING, A.SCHEDULE_STALE, A.NOT_READY, A.CIRCUIT_OPEN]],
    ]);
  });
});

describe('the limit of a driver', () => {
  const vsphere = (limit: number) => (chart: Chart) => nightly(chart, {
    snapshotClass: new SnapshotClass(chart, 'Class', { mayBeLostWithVolume: true, driver: CsiDriver.longhorn({ maxSnapshotsPerVolume: limit }) }),
    readyTimeout: Duration.minutes(30),
  });
  const rules = rulesOf(vsphere(20), { snapshotMetrics: true });
  const driver = 'driver.longhorn.io';
  const created = start(0);
  const own = snapshotSeries({ namespace: 'db', schedule: 'nightly', uid: 'own', claim: 'data', created, cut: created, ready: created + 300 });
  const contents = (count: number, gone?: number, volume = 'vol') => Array.from({ length: count }, (_, i) => contentSeries({
    uid: i === 0 ? 'own' : `${volume}-${i}`, name: `s${i}`, namespace: 'db', volume, driver, created, gone: i === 0 ? undefined : gone,
  }));

  test('is told when a volume comes close to it, orphans included, until there is room', () => {
    expectFiring(rules, [...cronJob([good(0), good(1)]), ...own, ...contents(18, at(0, '12:00'))], [
      [at(0, '04:00'), []], [at(0, '04:30'), [A.NEAR_DRIVER_LIMIT]], [at(0, '12:00'), []],
    ]);
  });

  test('is not told of fewer, of other volumes, and of other drivers', () => {
    const others = contents(19, undefined, 'other').slice(1);
    const foreign = contents(19).slice(1).map(each => ({ ...each, labels: { ...each.labels, driver: 'other' } }));
    expectFiring(rules, [...cronJob([good(0)]), ...own, ...contents(17), ...others, ...foreign], [[at(0, '12:00'), []]]);
  });
});

test('every alert was seen to fire, and to clear', () => {
  expect([...seen.firing].sort()).toEqual(Object.values(SnapshotAlert).sort());
  expect([...seen.cleared].sort()).toEqual(Object.values(SnapshotAlert).sort());
});

describe('an alert', () => {
  test('says what is wrong, for how long, and where to read on', () => {
    const props = { labels: { team: 'data' }, severities: { [A.SCHEDULE_STALE]: 'page' } };
    const rules = rulesOf(chart => nightly(chart, { scheduleId: 'old-name' }), props);
    expect(differencesOf(rules, cronJob([good(0)]), at(1, '10:00'), A.SCHEDULE_STALE, {
      labels: { severity: 'page', namespace: 'db', cronjob: 'nightly', schedule: 'old-name', team: 'data' },
      annotations: {
        summary: 'The schedule db/nightly has taken no good snapshots for too long.',
        description: 'Its last success was 1d 6h 35m 0s ago, and should be at most 1d6h25m ago, by its own interval and deadline.',
        runbook_url: 'https://github.com/cdk8s-volume-snapshots/cdk8s-volume-snapshots/blob/main/docs/alerts.md#snapshotschedulestale',
      },
    })).toBeUndefined();
  });

  test('that is about a CronJob that is not there has its labels all the same', () => {
    const series = cronJobSeries({ namespace: 'other', name: 'other', runs: [] });
    expect(differencesOf(rulesOf(chart => nightly(chart)), series, at(0, '02:00'), A.CRON_JOB_MISSING, {
      labels: { severity: 'critical', namespace: 'db', cronjob: 'nightly', schedule: 'nightly' },
      annotations: {
        summary: 'The CronJob db/nightly is not in the cluster.',
        description: 'Its alerts are there, and it is not, or kube-state-metrics does not see its namespace. Nothing else would tell that it does not run.',
        runbook_url: 'https://github.com/cdk8s-volume-snapshots/cdk8s-volume-snapshots/blob/main/docs/alerts.md#snapshotcronjobmissing',
      },
    })).toBeUndefined();
  });

  test('that does not fire is a difference: the tests above can fail', () => {
    const rules = rulesOf(chart => nightly(chart));
    expect(problemsOf(rules, cronJob([good(0)]), [[at(1, '10:00'), []]])).toContain('SnapshotScheduleStale');
    expect(problemsOf(rules, cronJob([good(0)]), [[at(0, '10:00'), [A.SCHEDULE_STALE]]])).toContain('FAILED');
  });
});

test('promtool takes all rules, and finds nothing to say of them', () => {
  const rules = rulesOf(chart => {
    nightly(chart, { snapshotClass: new SnapshotClass(chart, 'Class', { driver: CsiDriver.azureDisk() }) });
    looking()(chart);
  }, { snapshotMetrics: true, matchLabels: { cluster: 'with "quotes" and \\' } });
  expect(checkRules(rules)).toEqual({ ok: true, output: expect.stringContaining('SUCCESS: 16 rules found') });
});
