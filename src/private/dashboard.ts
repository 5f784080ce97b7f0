import { cronJobQueries, CronJobQueries } from './dashboard-cron-jobs';
import { allOf, graph, layOut, NONE_IS_GOOD, Panel, Query, Section, stat, table } from './dashboard-panels';
import {
  claims, contents, groupQueries, orphans, scheduleBytes, snapshotQueries, storedBytes, TakenQueries, uncoveredClaims,
} from './dashboard-snapshots';
import { anyOf, indent, Matchers } from './promql';
import { namespacesOf, Watched } from './watched';

export interface DashboardSettings {
  readonly title: string;
  readonly uid: string;
  /** what all series must have beside */
  readonly matchers: Matchers;
  /** whether there are metrics of snapshots */
  readonly snapshotMetrics: boolean;
}

/** What the JSON was written for; a later Grafana brings it up to its own when it reads it. */
const SCHEMA_VERSION = 39;

/** A dashboard about what is watched, as Grafana reads it. */
export function dashboard(watched: readonly Watched[], settings: DashboardSettings): object {
  const { title, uid } = settings;
  return {
    // Grafana gives it
    id: null,
    uid,
    title,
    description: 'Volume snapshots: coverage, age, failures, holds, drills and storage.',
    tags: ['kubernetes', 'snapshots', 'storage'],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: false,
    graphTooltip: 1,
    refresh: '1m',
    time: { from: 'now-7d', to: 'now' },
    timezone: 'browser',
    links: [],
    annotations: { list: [] },
    templating: { list: variables(watched, settings) },
    panels: layOut(sections(watched, settings)),
  };
}

/** Namespaces and schedules are those of the app, so that one without a series can be chosen too. */
function variables(watched: readonly Watched[], { snapshotMetrics }: DashboardSettings): object[] {
  const schedules = watched.flatMap(({ snapshots }) => snapshots ? [snapshots.scheduleId] : []);
  return [
    { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', refresh: 1, hide: 0, includeAll: false, multi: false },
    choice('namespace', 'Namespace', watched.map(({ namespace }) => namespace)),
    ...snapshotMetrics && schedules.length > 0 ? [choice('schedule', 'Schedule', schedules)] : [],
  ];
}

function choice(name: string, label: string, values: readonly string[]): object {
  const all = { text: 'All', value: '$__all' };
  const each = [...new Set(values)].sort();
  return {
    name,
    label,
    type: 'custom',
    query: each.join(','),
    multi: true,
    includeAll: true,
    hide: 0,
    current: { text: [all.text], value: [all.value], selected: true },
    options: [{ ...all, selected: true }, ...each.map(value => ({ text: value, value, selected: false }))],
  };
}

function sections(watched: readonly Watched[], { matchers, snapshotMetrics }: DashboardSettings): Section[] {
  const ofKind = (kind: Watched['kind']) => watched.filter(each => each.kind === kind);
  const schedules = ofKind('Schedule');
  const grouped = schedules.some(({ snapshots }) => snapshots?.grouped);
  const taken = [
    ...schedules.some(({ snapshots }) => !snapshots?.grouped) ? [snapshotQueries(matchers)] : [],
    ...grouped ? [groupQueries(matchers)] : [],
  ];
  const runs = cronJobQueries(watched, matchers);
  const drills = ofKind('Drill').length > 0 ? cronJobQueries(ofKind('Drill'), matchers) : undefined;
  const about = snapshotMetrics && taken.length > 0;
  // administrators have claims too, for an inventory or a masked clone, which nobody snapshots
  const protectedOnes: Matchers = namespacesOf(schedules).length < namespacesOf(watched).length ? { namespace: anyOf(namespacesOf(schedules)) } : {};
  return [
    { title: 'Now', panels: [...runsNow(runs, watched), ...about ? snapshotsNow(taken, matchers, protectedOnes, grouped) : []] },
    ...about ? [{ title: 'Snapshots', panels: snapshotPanels(taken, matchers, protectedOnes, grouped) }] : [],
    { title: 'Runs', panels: runPanels(runs) },
    ...drills || about ? [{ title: 'Drills and holds', panels: [...drills ? drillPanels(drills) : [], ...about ? measured(taken) : []] }] : [],
    ...snapshotMetrics ? [{ title: 'Storage', panels: storagePanels(matchers, about) }] : [],
  ].filter(({ panels }) => panels.length > 0);
}

function runsNow(runs: CronJobQueries, watched: readonly Watched[]): Panel[] {
  const namespaces = namespacesOf(watched).length;
  return [
    stat({
      title: `CronJobs there, of ${watched.length}`,
      description: `So many schedules, drills, looks for orphans, inventories and clones are defined, in ${namespaces} namespaces, and counted whatever is chosen. Fewer: some were not applied.`,
      unit: 'none',
    }, `count(\n${indent(runs.all)}\n) or vector(0)`, allOf(watched.length)),
    stat({ title: 'Newest run failed', description: 'CronJobs whose newest ended run failed, and none has succeeded since.', unit: 'none' },
      countOf(runs.failing, runs.there), NONE_IS_GOOD),
    stat({ title: 'Suspended', description: 'CronJobs that take nothing, and prune nothing.', unit: 'none' },
      countOf(runs.suspended, runs.there), ['green', [1, 'orange']]),
  ];
}

function snapshotsNow(taken: readonly TakenQueries[], matchers: Matchers, ofNamespaces: Matchers, grouped: boolean): Panel[] {
  const all = either(taken, 'all');
  return [
    stat({ title: 'Claims without a good snapshot', description: 'Of the namespaces that are chosen, by whatever schedule or hand.', unit: 'none' },
      countOf(uncoveredClaims(matchers, ofNamespaces, grouped), claims(matchers, ofNamespaces)), NONE_IS_GOOD),
    stat({ title: 'Not ready', description: 'Snapshots that cannot be restored, or not yet. Those that are being taken count too.', unit: 'none' },
      countOf(either(taken, 'notReady'), all), ['green', [1, 'orange']]),
    stat({ title: 'Storage errors', description: 'Snapshots that are not ready, and for which the storage gives an error.', unit: 'none' },
      countOf(either(taken, 'errors'), all), NONE_IS_GOOD),
  ];
}

function snapshotPanels(taken: readonly TakenQueries[], matchers: Matchers, ofNamespaces: Matchers, grouped: boolean): Panel[] {
  return [
    graph({
      title: 'Age of the newest good snapshot',
      description: 'What would be lost if the claim were lost now: the time since the cut of the newest snapshot that is ready, and that no drill found bad.',
      unit: 's',
    }, ofEach(taken, 'age')),
    graph({ title: 'Snapshots of each schedule', description: 'What is kept, ready or not.', unit: 'none' },
      taken.map(({ count }) => ({ expr: count, legend: '{{namespace}}/{{schedule}}' }))),
    table({
      title: 'Claims without a good snapshot',
      description: `No snapshot of them can be restored, by whatever schedule or hand.${grouped ? ' A namespace with a good group snapshot is left out.' : ''}`,
      unit: 'none',
    }, uncoveredClaims(matchers, ofNamespaces, grouped)),
    table({ title: 'Snapshots that are not ready', description: 'With the time since they were asked for.', unit: 's' },
      either(taken, 'notReady'), 'Waiting', ['snapshot_uid']),
  ];
}

function runPanels(runs: CronJobQueries): Panel[] {
  return [
    table({ title: 'Time since the last success', description: 'Or since the CronJob was made, if it never succeeded.', unit: 's' },
      runs.sinceSuccess, 'Since'),
    table({ title: 'Newest run failed', description: 'With the time since that run began. The last message of its pod says what to do.', unit: 's' },
      runs.failing, 'Since'),
    graph({ title: 'Time since the last success', description: 'Or since the CronJob was made, if it never succeeded.', unit: 's' },
      [{ expr: runs.sinceSuccess, legend: '{{namespace}}/{{cronjob}}' }]),
  ];
}

function drillPanels(drills: CronJobQueries): Panel[] {
  return [
    table({ title: 'Time since a drill passed', description: 'Or since it was made, if it never passed.', unit: 's' }, drills.sinceSuccess, 'Since'),
    table({ title: 'Drills that failed', description: 'The newest that ended failed: do not rely on these snapshots.', unit: 's' }, drills.failing, 'Since'),
  ];
}

function measured(taken: readonly TakenQueries[]): Panel[] {
  return [
    graph({ title: 'Recovery time', description: 'How long the last drill that passed took, from the restore to the verdict.', unit: 's' }, ofEach(taken, 'recovery')),
    graph({ title: 'Hold time', description: 'For how long the application was held for the newest snapshot.', unit: 'ms' }, ofEach(taken, 'held')),
  ];
}

function storagePanels(matchers: Matchers, about: boolean): Panel[] {
  const bytes = 'What claims of all of them would take. Storage that shares what is equal holds less.';
  return [
    graph({ title: 'Size by namespace and driver', description: `${bytes} With orphans.`, unit: 'bytes' },
      [{ expr: storedBytes(matchers), legend: '{{namespace}} {{driver}}' }]),
    ...about ? [graph({ title: 'Size by schedule', description: `${bytes} Groups are not counted.`, unit: 'bytes' },
      [{ expr: scheduleBytes(matchers), legend: '{{namespace}}/{{schedule}}' }])] : [],
    stat({ title: 'Contents without a snapshot', description: 'Storage that no retention gives back, and that is billed.', unit: 'none' },
      countOf(orphans(matchers), contents(matchers)), ['green', [1, 'orange']]),
    table({ title: 'Contents without a snapshot', description: 'With the time since they were made.', unit: 's' }, orphans(matchers), 'Age', ['snapshot_uid']),
  ];
}

/** How many; zero only where there is a metric by which there might be some, so that nothing is green since nothing is known. */
function countOf(expr: string, witness: string): string {
  return `count(\n${indent(expr)}\n)\nor 0 * count(\n${indent(witness)}\n)`;
}

function ofEach(taken: readonly TakenQueries[], query: 'age' | 'held' | 'recovery'): Query[] {
  return taken.map(each => ({ expr: each[query], legend: each.legend }));
}

function either(taken: readonly TakenQueries[], query: 'all' | 'errors' | 'notReady'): string {
  return taken.map(each => each[query]).join('\nor\n');
}
