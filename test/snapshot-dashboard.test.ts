import { ApiObject, App, Chart } from 'cdk8s';
import { parse } from 'yaml';
import { newChart, objectOf, schedule, statefulSet } from './manifests';
import {
  DeletionPolicy, DrillCheck, GroupSnapshotApiVersion, GroupSnapshotClass, RestoreDrill, ScheduledSnapshotProps, SnapshotDashboard,
  SnapshotDashboardProps, SnapshotMetrics, SnapshotOrphans, SnapshotSource,
} from '../src';

const NIGHTLY = { metadata: { name: 'nightly' } };

/** The chart of a schedule `nightly` with its dashboard, and with what a test is about. */
function render(props: SnapshotDashboardProps = {}, ofSchedule: Partial<ScheduledSnapshotProps> = {}): Chart {
  const chart = newChart();
  schedule(chart, { ...NIGHTLY, ...ofSchedule });
  new SnapshotDashboard(chart, 'Dashboard', { ...props, metadata: { name: 'dashboard', ...props.metadata } });
  return chart;
}

const configMapOf = (chart: Chart): any => objectOf(chart, 'ConfigMap', 'dashboard');
const dashboardOf = (chart: Chart): any => JSON.parse(Object.values<string>(configMapOf(chart).data)[0]);
const panelsOf = (chart: Chart): any[] => dashboardOf(chart).panels;
const titlesOf = (chart: Chart): string[] => panelsOf(chart).map(({ title }) => title);
const targetsOf = (chart: Chart): any[] => panelsOf(chart).flatMap(({ targets = [] }) => targets);
const queryOf = (chart: Chart, title: string, type?: string): string =>
  panelsOf(chart).find(panel => panel.title === title && type === (type && panel.type)).targets[0].expr;
const variableOf = (chart: Chart, name: string): any => dashboardOf(chart).templating.list.find((variable: any) => variable.name === name);

/** All that can be shown, of one claim and of groups. */
function everything(props: SnapshotDashboardProps = {}): Chart {
  const chart = newChart();
  const workload = statefulSet(chart, {
    template: { spec: { containers: [{ name: 'postgres', image: 'postgres:15', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] } },
  });
  const nightly = schedule(chart, { ...NIGHTLY, source: SnapshotSource.fromStatefulSet(workload) });
  const groupSnapshotClass = GroupSnapshotClass.fromGroupSnapshotClassName(chart, 'Class', 'groups', { deletionPolicy: DeletionPolicy.DELETE });
  schedule(chart, { metadata: { name: 'together' }, groupSnapshotClass }, 'Together');
  new RestoreDrill(chart, 'Drill', { schedule: nightly, workload, check: DrillCheck.postgreSql({ query: 'SELECT 1', atLeast: 1 }) });
  new SnapshotOrphans(chart, 'Orphans');
  new SnapshotDashboard(chart, 'Dashboard', { snapshotMetrics: true, ...props, metadata: { name: 'dashboard' } });
  return chart;
}

/** What there is to ask for: of kube-state-metrics by itself, and of the configuration of SnapshotMetrics, with the labels by which series are chosen. */
function metrics(): { [name: string]: string[] } {
  const chart = newChart();
  const { config } = new SnapshotMetrics(chart, 'Metrics', { groupSnapshots: GroupSnapshotApiVersion.V1 });
  const own = parse(config).spec.resources.flatMap(({ labelsFromPath, metricNamePrefix, metrics: each }: any) =>
    each.map(({ labelsFromPath: more, name }: any) => [`${metricNamePrefix}_${name}`, Object.keys({ ...labelsFromPath, ...more })]));
  const [cronJob, job] = [['namespace', 'cronjob'], ['namespace', 'job_name']];
  return {
    kube_cronjob_created: cronJob,
    kube_cronjob_spec_suspend: cronJob,
    kube_cronjob_status_last_successful_time: cronJob,
    kube_job_created: job,
    kube_job_failed: [...job, 'condition'],
    kube_job_owner: [...job, 'owner_kind', 'owner_name'],
    kube_persistentvolumeclaim_info: ['namespace', 'persistentvolumeclaim'],
    ...Object.fromEntries(own),
  };
}

describe('the queries', () => {
  test.each([['of everything', () => everything()], ['of runs alone', () => render()]])('ask for metrics that there are, by labels that they have: %s', (_, define) => {
    const known = metrics();
    const selectors = targetsOf(define()).flatMap(({ expr }) => [...expr.matchAll(/\b(kube_\w+)(?:\{((?:"(?:[^"\\]|\\.)*"|[^}"])*)\})?/g)]);
    expect(selectors.length).toBeGreaterThan(10);
    for (const [, name, matchers = ''] of selectors) {
      expect(Object.keys(known)).toContain(name);
      const labels = [...matchers.matchAll(/(\w+)=~?"/g)].map(([, label]) => label);
      expect(known[name]).toEqual(expect.arrayContaining(labels));
    }
  });

  test('use the variables that the dashboard has, and no others', () => {
    for (const chart of [everything(), render()]) {
      const { templating: { list }, ...rest } = dashboardOf(chart);
      const used = new Set([...JSON.stringify(rest).matchAll(/\$\{?([a-z_]+)/g)].map(([, name]) => name));
      expect([...used].sort()).toEqual(list.map(({ name }: any) => name).sort());
    }
  });

  test('ask for the series of one cluster alone, where there are several', () => {
    for (const { expr } of targetsOf(everything({ matchLabels: { cluster: 'eu-1' } }))) {
      const selectors = expr.match(/\bkube_\w+(\{("([^"\\]|\\.)*"|[^}"])*\})?/g);
      expect(selectors.filter((selector: string) => !selector.includes('cluster="eu-1"'))).toEqual([]);
    }
  });

  test('tell CronJobs of the app from others of the same name in another namespace', () => {
    const app = new App();
    const [shop, wiki] = ['shop', 'wiki'].map(namespace => new Chart(app, namespace, { namespace }));
    schedule(shop, { metadata: { name: 'nightly' } });
    schedule(wiki, { metadata: { name: 'hourly' } });
    new SnapshotDashboard(wiki, 'Dashboard', { within: app, metadata: { name: 'dashboard' } });
    expect(queryOf(wiki, 'Time since the last success')).toContain(
      'kube_cronjob_created{namespace="shop",cronjob=~"nightly"}\n  or kube_cronjob_created{namespace="wiki",cronjob=~"hourly"}');
  });

  test('count to zero only where there are metrics, so that nothing is green since nothing is known', () => {
    for (const { fieldConfig, targets: [{ expr }] } of panelsOf(everything()).filter(({ type, title }) => type === 'stat' && !/^CronJobs there/.test(title))) {
      expect(expr).toMatch(/\nor 0 \* count\(/);
      expect(expr).not.toContain('vector(0)');
      expect(fieldConfig.defaults.noValue).toBe('no metrics');
    }
  });
});

describe('what is shown', () => {
  test('is runs alone without metrics of snapshots: no panel that would stay empty', () => {
    expect(JSON.stringify(dashboardOf(render()))).not.toMatch(/kube_volume|\$schedule/);
    expect(titlesOf(render())).toEqual([
      'Now', 'CronJobs there, of 1', 'Newest run failed', 'Suspended', 'Runs', 'Time since the last success', 'Newest run failed', 'Time since the last success',
    ]);
  });

  test('is coverage, age, failures, holds, drills, recovery times and storage', () => {
    expect(titlesOf(everything())).toEqual(expect.arrayContaining([
      'Claims without a good snapshot', 'Age of the newest good snapshot', 'Not ready', 'Storage errors', 'Newest run failed', 'Hold time',
      'Time since a drill passed', 'Drills that failed', 'Recovery time', 'Size by schedule', 'Contents without a snapshot',
    ]));
  });

  test('is no drill where there is none', () => {
    expect(titlesOf(render({ snapshotMetrics: true }))).not.toContain('Drills that failed');
  });

  test('are groups as one, where there are some', () => {
    const age = (chart: Chart) => panelsOf(chart).find(({ title }) => title === 'Age of the newest good snapshot').targets;
    expect(age(everything()).map(({ legendFormat }: any) => legendFormat)).toEqual([
      '{{namespace}}/{{persistentvolumeclaim}} ({{schedule}})', '{{namespace}}/{{schedule}} (group)',
    ]);
    expect(age(render({ snapshotMetrics: true }))).toHaveLength(1);
    expect(JSON.stringify(dashboardOf(render({ snapshotMetrics: true })))).not.toContain('kube_volumegroupsnapshot');
  });

  test('is what is defined at synth, also after the dashboard', () => {
    const chart = newChart();
    new SnapshotDashboard(chart, 'Dashboard', { metadata: { name: 'dashboard' } });
    schedule(chart, NIGHTLY);
    expect(titlesOf(chart)).toContain('CronJobs there, of 1');
  });

  test('must be something', () => {
    const chart = newChart();
    new SnapshotDashboard(chart, 'Dashboard');
    expect(() => chart.toJson()).toThrow("[test/Dashboard] 'within': there is nothing to show, got construct at test; allowed a construct with a ScheduledSnapshot");
  });

  test('can be chosen by namespace and schedule, also where there is no series of them yet', () => {
    expect(variableOf(everything(), 'namespace')).toMatchObject({ type: 'custom', query: 'db', includeAll: true, current: { value: ['$__all'] } });
    expect(variableOf(everything(), 'schedule')).toMatchObject({ type: 'custom', query: 'nightly,together', multi: true });
    expect(variableOf(everything(), 'datasource')).toMatchObject({ type: 'datasource', query: 'prometheus' });
  });
});

describe('Grafana', () => {
  test('finds every panel at a place of its own, in order, with an id', () => {
    const panels = panelsOf(everything());
    expect(panels.map(({ id }) => id)).toEqual(panels.map((_, i) => i + 1));
    const taken = new Map<string, string>();
    for (const { gridPos: { h, w, x, y }, title } of panels) {
      expect(x + w).toBeLessThanOrEqual(24);
      for (let column = x; column < x + w; column += 1) {
        for (let line = y; line < y + h; line += 1) {
          expect([title, taken.get(`${column}/${line}`)]).toEqual([title, undefined]);
          taken.set(`${column}/${line}`, title);
        }
      }
    }
  });

  test('finds in every panel what it needs to ask and to show', () => {
    for (const panel of panelsOf(everything()).filter(({ type }) => type !== 'row')) {
      expect(panel).toMatchObject({
        type: expect.stringMatching(/^(stat|timeseries|table)$/),
        title: expect.any(String),
        description: expect.stringMatching(/\.$/),
        datasource: { type: 'prometheus', uid: '${datasource}' },
        fieldConfig: { defaults: { unit: expect.stringMatching(/^(s|ms|bytes|none)$/) } },
      });
      expect(panel.targets.map(({ refId }: any) => refId)).toEqual(['A', 'B'].slice(0, panel.targets.length));
      for (const target of panel.targets) {
        expect(target).toMatchObject({ datasource: panel.datasource, instant: panel.type !== 'timeseries', range: panel.type === 'timeseries' });
      }
    }
  });

  test('finds the ConfigMap by the label of its sidecar, and in it a file that no other dashboard has', () => {
    expect(configMapOf(render()).metadata.labels).toEqual({ grafana_dashboard: '1' });
    const chart = newChart();
    schedule(chart, NIGHTLY);
    const [one, other] = ['One', 'Other'].map(id => new SnapshotDashboard(chart, id));
    expect(one.uid).not.toBe(other.uid);
    expect(Object.keys(objectOf(chart, 'ConfigMap', one.name).data)).toEqual([`${one.uid}.json`]);
    expect(one.uid.length).toBeLessThanOrEqual(40);
  });

  test('gets the label, the folder, the title and the uid that are wanted', () => {
    const chart = render({
      sidecarLabel: 'dashboards', sidecarLabelValue: 'shop', folder: 'Storage', title: 'Shop', uid: 'shop-snapshots', metadata: { labels: { team: 'data' } },
    });
    expect(configMapOf(chart).metadata).toMatchObject({ labels: { dashboards: 'shop', team: 'data' }, annotations: { grafana_folder: 'Storage' } });
    expect(configMapOf(chart).metadata.labels).not.toHaveProperty('grafana_dashboard');
    expect(dashboardOf(chart)).toMatchObject({ title: 'Shop', uid: 'shop-snapshots', id: null });
  });

  test('gets the same bytes of the same program, and JSON for other ways too', () => {
    expect(configMapOf(everything())).toEqual(configMapOf(everything()));
    const chart = newChart();
    schedule(chart, NIGHTLY);
    const dashboard = new SnapshotDashboard(chart, 'Dashboard', { metadata: { name: 'dashboard' } });
    expect(dashboard.toDashboardJson()).toBe(configMapOf(chart).data[dashboard.key]);
    expect(ApiObject.of(dashboard).kind).toBe('ConfigMap');
  });
});

describe('is refused', () => {
  test.each<[string, SnapshotDashboardProps, RegExp]>([
    ['a uid that Grafana does not take', { uid: 'a/b' }, /\[test\/Dashboard\] 'uid': not a uid that Grafana takes, got 'a\/b'; allowed 1 to 40/],
    ['a uid that is too long', { uid: 'a'.repeat(41) }, /'uid': not a uid/],
    ['an empty title', { title: ' ' }, /'title': empty/],
    ['a label that Kubernetes does not take', { sidecarLabel: 'my label' }, /'sidecarLabel': not a valid key/],
    ['another value of the label by which it is found', { metadata: { labels: { grafana_dashboard: 'no' } } }, /'metadata.labels': the library sets 'grafana_dashboard' itself, got 'no'/],
    ['two folders', { folder: 'a', metadata: { annotations: { grafana_folder: 'b' } } }, /'metadata.annotations': the library sets 'grafana_folder' itself.* use folder/],
    ['a matcher that is set already', { matchLabels: { namespace: 'a' } }, /'matchLabels': the library sets it itself/],
    ['a scope that is none', { within: 'app' as any }, /'within': not a construct/],
    ['a text for a boolean', { snapshotMetrics: 'true' as any }, /'snapshotMetrics': not a boolean/],
    ['a misspelled prop', { folderr: 'a' } as any, /'folderr': no such prop, .* did you mean folder\?/],
  ])('%s', (_, props, problem) => {
    expect(() => render(props)).toThrow(problem);
  });
});
