import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiObject, App, Chart, Cron, Duration, Yaml } from 'cdk8s';
import { parse } from 'yaml';
import { newChart, objectOf, objectsOf, schedule, statefulSet } from './manifests';
import {
  AlertsFormat, CsiDriver, DeletionPolicy, DrillCheck, GroupSnapshotApiVersion, GroupSnapshotClass, OrphanAction, Quiesce, QuiesceOn, RestoreDrill,
  ScheduledSnapshotProps, SnapshotAlert, SnapshotAlerts, SnapshotAlertsProps, SnapshotClass, SnapshotClone, SnapshotInventory, SnapshotMetrics,
  SnapshotMetricsProps, SnapshotOrphans, SnapshotSource,
} from '../src';

const ROOT = join(__dirname, '..');
const NIGHTLY = { metadata: { name: 'nightly' }, schedule: Cron.schedule({ hour: '3', minute: '15' }) };

/** The chart of a schedule `nightly` with its alerts, and with what a test is about. */
function render(props: SnapshotAlertsProps = {}, ofSchedule: Partial<ScheduledSnapshotProps> = {}): Chart {
  const chart = newChart();
  schedule(chart, { ...NIGHTLY, ...ofSchedule });
  new SnapshotAlerts(chart, 'Alerts', { metadata: { name: 'alerts' }, ...props });
  return chart;
}

const groupsOf = (chart: Chart): any[] => objectOf(chart, 'PrometheusRule').spec.groups;
const rulesOf = (chart: Chart): any[] => groupsOf(chart).flatMap(({ rules }) => rules);
const alertsOf = (chart: Chart): string[] => rulesOf(chart).map(({ alert }) => alert);
const ruleOf = (chart: Chart, alert: SnapshotAlert): any => rulesOf(chart).find(rule => rule.alert === alert);

/** All that can be watched, with metrics of snapshots: every alert that there is. */
function everything(props: SnapshotAlertsProps = {}): Chart {
  const chart = newChart();
  const workload = statefulSet(chart, {
    template: { spec: { containers: [{ name: 'postgres', image: 'postgres:15', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] } },
  });
  const snapshotClass = new SnapshotClass(chart, 'Class', { driver: CsiDriver.azureDisk() });
  const nightly = schedule(chart, { ...NIGHTLY, source: SnapshotSource.fromStatefulSet(workload), snapshotClass });
  new RestoreDrill(chart, 'Drill', { schedule: nightly, workload, check: DrillCheck.postgreSql({ query: 'SELECT 1', atLeast: 1 }) });
  new SnapshotOrphans(chart, 'Orphans');
  new SnapshotInventory(chart, 'Inventory', { exporter: { image: 'rclone/rclone:1.71', args: ['copyto', '/inventory/inventory.json', 'offsite:inventory.json'] } });
  new SnapshotClone(chart, 'Clone', { metadata: { namespace: 'platform' }, schedule: nightly, targetNamespace: 'staging', refresh: Cron.daily() });
  new SnapshotAlerts(chart, 'Alerts', { snapshotMetrics: true, ...props });
  return chart;
}

test('renders the alerts of a schedule', () => {
  expect(Yaml.stringify(groupsOf(render())[1])).toMatchInlineSnapshot(`
"name: snapshots/db/nightly
rules:
  - alert: SnapshotScheduleNeverSucceeded
    annotations:
      description: It was made {{ $value | humanizeDuration }} ago, and should have had a success within 1d6h25m. There may be no good snapshot at all.
      runbook_url: https://github.com/cdk8s-volume-snapshots/cdk8s-volume-snapshots/blob/main/docs/alerts.md#snapshotscheduleneversucceeded
      summary: The schedule db/nightly has never succeeded.
    expr: |-
      time() - max(kube_cronjob_created{namespace="db",cronjob="nightly"}) > 109500
      unless max(kube_cronjob_status_last_successful_time{namespace="db",cronjob="nightly"})
      unless max(kube_cronjob_spec_suspend{namespace="db",cronjob="nightly"}) == 1
    for: 5m
    labels:
      cronjob: nightly
      namespace: db
      schedule: nightly
      severity: critical
  - alert: SnapshotScheduleStale
    annotations:
      description: Its last success was {{ $value | humanizeDuration }} ago, and should be at most 1d6h25m ago, by its own interval and deadline.
      runbook_url: https://github.com/cdk8s-volume-snapshots/cdk8s-volume-snapshots/blob/main/docs/alerts.md#snapshotschedulestale
      summary: The schedule db/nightly has taken no good snapshots for too long.
    expr: |-
      time() - max(kube_cronjob_status_last_successful_time{namespace="db",cronjob="nightly"}) > 109500
      unless max(kube_cronjob_spec_suspend{namespace="db",cronjob="nightly"}) == 1
    for: 5m
    labels:
      cronjob: nightly
      namespace: db
      schedule: nightly
      severity: critical
  - alert: SnapshotScheduleFailing
    annotations:
      description: A claim has no new snapshot that is ready, or what is due was not pruned. The last message of the pod says which, and what to do.
      runbook_url: https://github.com/cdk8s-volume-snapshots/cdk8s-volume-snapshots/blob/main/docs/alerts.md#snapshotschedulefailing
      summary: The newest run of the schedule db/nightly failed.
    expr: |-
      max(
        kube_job_created{namespace="db"}
        and on (namespace, job_name) kube_job_owner{namespace="db",owner_kind="CronJob",owner_name="nightly"}
        and on (namespace, job_name) kube_job_failed{namespace="db",condition="true"} == 1
      ) > (max(kube_cronjob_status_last_successful_time{namespace="db",cronjob="nightly"}) or vector(0))
    for: 15m
    labels:
      cronjob: nightly
      namespace: db
      schedule: nightly
      severity: warning
  - alert: SnapshotSchedulePending
    annotations:
      description: It began {{ $value | humanizeDuration }} ago, and should have ended within 3h. Its pod does not start, or its snapshots do not get ready.
      runbook_url: https://github.com/cdk8s-volume-snapshots/cdk8s-volume-snapshots/blob/main/docs/alerts.md#snapshotschedulepending
      summary: A run of the schedule db/nightly has been going on for too long.
    expr: |-
      time() - min(
        kube_job_created{namespace="db"}
        and on (namespace, job_name) kube_job_owner{namespace="db",owner_kind="CronJob",owner_name="nightly"}
        unless on (namespace, job_name) kube_job_complete{namespace="db",condition="true"} == 1
        unless on (namespace, job_name) kube_job_failed{namespace="db",condition="true"} == 1
      ) > 10800
    for: 1m
    labels:
      cronjob: nightly
      namespace: db
      schedule: nightly
      severity: warning
  - alert: SnapshotScheduleSuspended
    annotations:
      description: "It has been so for 1d or longer: no snapshots are taken, and none is pruned."
      runbook_url: https://github.com/cdk8s-volume-snapshots/cdk8s-volume-snapshots/blob/main/docs/alerts.md#snapshotschedulesuspended
      summary: The schedule db/nightly is suspended.
    expr: max(kube_cronjob_spec_suspend{namespace="db",cronjob="nightly"}) == 1
    for: 1d
    labels:
      cronjob: nightly
      namespace: db
      schedule: nightly
      severity: warning
  - alert: SnapshotCronJobMissing
    annotations:
      description: Its alerts are there, and it is not, or kube-state-metrics does not see its namespace. Nothing else would tell that it does not run.
      runbook_url: https://github.com/cdk8s-volume-snapshots/cdk8s-volume-snapshots/blob/main/docs/alerts.md#snapshotcronjobmissing
      summary: The CronJob db/nightly is not in the cluster.
    expr: |-
      absent(kube_cronjob_created{namespace="db",cronjob="nightly"})
      unless on () absent(kube_cronjob_created)
    for: 1h
    labels:
      cronjob: nightly
      namespace: db
      schedule: nightly
      severity: critical
"
`);
});

describe('what is watched', () => {
  test('is each schedule, drill, look for orphans, inventory and clone, in a group of its own', () => {
    expect(groupsOf(everything()).map(({ name }) => name.replace(/-[0-9a-f]+$/, '')))
      .toEqual(['snapshots', 'snapshots/db/nightly', 'snapshots/db/test-drill', 'snapshots/db/test-orphans', 'snapshots/db/test-inventory', 'snapshots/platform/test-clone']);
  });

  test('is what is defined at synth, also after the alerts', () => {
    const chart = newChart();
    new SnapshotAlerts(chart, 'Alerts');
    schedule(chart, NIGHTLY);
    expect(groupsOf(chart).map(({ name }) => name)).toEqual(['snapshots', 'snapshots/db/nightly']);
  });

  test('is no longer watched when it is taken out', () => {
    const chart = render();
    schedule(chart, { metadata: { name: 'hourly' } }, 'Hourly');
    chart.node.tryRemoveChild('Nightly');
    expect(JSON.stringify(objectOf(chart, 'PrometheusRule'))).not.toContain('nightly');
  });

  test('is the chart of the alerts, or what they are told', () => {
    const app = new App();
    const [monitoring, shop] = ['monitoring', 'shop'].map(namespace => new Chart(app, namespace, { namespace }));
    schedule(shop, NIGHTLY);
    schedule(monitoring, { metadata: { name: 'metrics' } });
    new SnapshotAlerts(monitoring, 'Own');
    new SnapshotAlerts(monitoring, 'All', { within: app });
    const [own, all] = objectsOf(monitoring, 'PrometheusRule').map(({ spec }) => spec.groups.map(({ name }: any) => name));
    expect(own).toEqual(['snapshots', 'snapshots/monitoring/metrics']);
    expect(all).toEqual(['snapshots', 'snapshots/monitoring/metrics', 'snapshots/shop/nightly']);
  });

  test('must be something: alerts that watch nothing would never tell', () => {
    const chart = newChart();
    new SnapshotAlerts(chart, 'Alerts');
    expect(() => chart.toJson()).toThrow("[test/Alerts] 'within': there is nothing to watch, got construct at test; allowed a construct with a ScheduledSnapshot");
  });
});

describe('thresholds', () => {
  const staleAfter = (props: Partial<ScheduledSnapshotProps>, toleratedMisses = 0) =>
    Number(/> (\d+)/.exec(ruleOf(render({ toleratedMisses }, props), SnapshotAlert.SCHEDULE_STALE).expr)?.[1]);
  const [HOUR, DAY, SLACK] = [3600, 86_400, 600];
  const readyTimeout = Duration.hours(1);
  /** An hour, and a quarter to start and to prune. */
  const RUN = HOUR + 900;

  test.each<[string, Partial<ScheduledSnapshotProps>, number]>([
    ['each night', {}, DAY],
    ['each working day', { schedule: Cron.schedule({ weekDay: '1-5', hour: '3', minute: '15' }) }, 3 * DAY],
    ['in the morning and in the evening', { schedule: Cron.schedule({ hour: '6,20', minute: '0' }) }, 14 * HOUR],
    ['each month', { schedule: Cron.monthly() }, 31 * DAY],
    ['every six hours, counted by the controller', { schedule: Cron.schedule({ minute: '@every 6h', hour: '', day: '', month: '', weekDay: '' }) }, 6 * HOUR + 60],
    ['each night, where clocks are changed', { timeZone: 'Europe/Berlin' }, DAY + HOUR],
    ['each hour, where clocks are changed', { schedule: Cron.hourly(), timeZone: 'Europe/Berlin' }, HOUR],
  ])('are the longest time between two runs and as long as one may take: %s', (_, props, interval) => {
    expect(staleAfter({ readyTimeout, ...props })).toBe(interval + RUN + SLACK);
  });

  test('leave room for as many missed runs as are tolerated', () => {
    expect(staleAfter({ readyTimeout }, 2)).toBe(3 * DAY + RUN + SLACK);
  });

  test('of a run that goes on are half of the time that it has for its snapshots, after it was staggered', () => {
    const rule = ruleOf(render({}, { readyTimeout, stagger: Duration.minutes(20) }), SnapshotAlert.SCHEDULE_PENDING);
    expect(rule.expr).toMatch(/> 3000$/);
  });

  test.each<[string, Partial<ScheduledSnapshotProps>, string]>([
    ['a day', { schedule: Cron.hourly() }, '1d'], ['a week', { schedule: Cron.weekly() }, '7d'],
  ])('of a suspension are at least a day, and a run that is missed: %s', (_, props, time) => {
    expect(ruleOf(render({}, props), SnapshotAlert.SCHEDULE_SUSPENDED).for).toBe(time);
  });

  test('of the driver are nine tenths of what it keeps, but never what retention needs', () => {
    const most = (limit: number) => /(\d+)$/.exec(ruleOf(render({ snapshotMetrics: true }, {
      snapshotClass: SnapshotClass.fromSnapshotClassName(newChart(), 'Class', 'longhorn', { driver: CsiDriver.longhorn({ maxSnapshotsPerVolume: limit }) }),
    }), SnapshotAlert.NEAR_DRIVER_LIMIT).expr)?.[1];
    expect(most(100)).toBe('90');
    // seven days and the one that is being taken
    expect(most(9)).toBe('9');
  });
});

describe('without metrics of snapshots', () => {
  test('no alert asks for one', () => {
    expect(JSON.stringify(objectOf(everything({ snapshotMetrics: false }), 'PrometheusRule'))).not.toMatch(/kube_volume/);
  });

  test('there are the alerts about CronJobs', () => {
    expect(alertsOf(render())).toEqual([
      'SnapshotAlertsBlind', 'SnapshotScheduleNeverSucceeded', 'SnapshotScheduleStale', 'SnapshotScheduleFailing', 'SnapshotSchedulePending',
      'SnapshotScheduleSuspended', 'SnapshotCronJobMissing',
    ]);
  });
});

describe('with metrics of snapshots', () => {
  test('there is every alert', () => {
    expect([...new Set(alertsOf(everything()))].sort()).toEqual(Object.values(SnapshotAlert).sort());
  });

  test('of a schedule that leaves out the claims of primaries, any good snapshot will do', () => {
    const on = { quiesce: Quiesce.mariaDb({ on: QuiesceOn.REPLICA }), source: SnapshotSource.fromClaimName('data-0') };
    const missing = (props: Partial<ScheduledSnapshotProps>) =>
      ruleOf(render({ snapshotMetrics: true }, { ...on, ...props }), SnapshotAlert.SNAPSHOTS_MISSING).expr;
    expect(missing({})).not.toContain('persistentvolumeclaim=');
    expect(missing({ quiesce: Quiesce.mariaDb() })).toContain('persistentvolumeclaim=~"data-0"');
  });

  test.each<[string, Partial<SnapshotMetricsProps> | undefined, boolean, string[]]>([
    ['of groups that its SnapshotMetrics tells nothing of', {}, true, [
      "[test/Alerts] 'snapshotMetrics': schedule db/nightly takes groups, and the SnapshotMetrics beside it tells "
      + 'nothing of groups, so SnapshotsMissing would fire for ever, got true; allowed a SnapshotMetrics with groupSnapshots; give it groupSnapshots, with the version '
      + 'of the API that the cluster serves',
    ]],
    ['of groups that it tells of', { groupSnapshots: GroupSnapshotApiVersion.V1BETA2 }, true, []],
    ['of groups, with metrics of another app', undefined, true, []],
    ['of no groups', {}, false, []],
  ])('a schedule %s', (_, metrics, grouped, expected) => {
    const groupSnapshotClass = GroupSnapshotClass.fromGroupSnapshotClassName(newChart(), 'Group', 'group', { deletionPolicy: DeletionPolicy.DELETE });
    const chart = render({ snapshotMetrics: true }, grouped ? { groupSnapshotClass } : {});
    if (metrics) { new SnapshotMetrics(chart, 'Metrics', metrics); }
    expect(chart.node.findAll().flatMap(construct => construct.node.validate())).toEqual(expected);
  });

  test('a schedule of groups without metrics of them is right where the alert that would fire is left out', () => {
    const groupSnapshotClass = GroupSnapshotClass.fromGroupSnapshotClassName(newChart(), 'Group', 'group', { deletionPolicy: DeletionPolicy.DELETE });
    const chart = render({ snapshotMetrics: true, leaveOut: [SnapshotAlert.SNAPSHOTS_MISSING] }, { groupSnapshotClass });
    new SnapshotMetrics(chart, 'Metrics');
    expect(chart.node.findAll().flatMap(construct => construct.node.validate())).toEqual([]);
  });

  test('claims that are known by name are looked for one by one, those of a StatefulSet that may be scaled in are not', () => {
    const missing = (props: Partial<ScheduledSnapshotProps>) =>
      ruleOf(render({ snapshotMetrics: true }, props), SnapshotAlert.SNAPSHOTS_MISSING).expr;
    expect(missing({})).toMatch(/persistentvolumeclaim=~"data"/);
    const ofSet = SnapshotSource.fromStatefulSetName('postgres', { replicas: 2, templates: ['data'] });
    expect(missing({ source: ofSet })).not.toContain('persistentvolumeclaim=');
    expect(missing({ source: SnapshotSource.fromSelector({ app: 'postgres' }) })).not.toContain('persistentvolumeclaim=');
  });

  test('storage that is given back when it is old enough is no alert', () => {
    const chart = newChart();
    new SnapshotOrphans(chart, 'Orphans', { action: OrphanAction.RECLAIM });
    new SnapshotAlerts(chart, 'Alerts', { snapshotMetrics: true });
    expect(alertsOf(chart)).not.toContain(SnapshotAlert.ORPHANS_FOUND);
  });

  test('the circuit is that of the schedule', () => {
    expect(ruleOf(render({ snapshotMetrics: true }, { maxNotReady: 5 }), SnapshotAlert.CIRCUIT_OPEN).expr).toMatch(/>= 5$/);
  });
});

describe('an alert', () => {
  test('has a severity, says what is wrong, and links to what to do', () => {
    for (const { annotations, for: time, labels } of rulesOf(everything())) {
      expect(labels.severity).toMatch(/^(critical|warning|info)$/);
      expect(annotations).toEqual({ summary: expect.stringMatching(/\.$/), description: expect.stringMatching(/\.$/), runbook_url: expect.any(String) });
      expect(time).toMatch(/^(\d+d)?(\d+h)?(\d+m)?(\d+s)?$/);
    }
  });

  test('is known by what it is about, and not by a Job or a snapshot', () => {
    for (const { labels } of groupsOf(render({ snapshotMetrics: true })).slice(1).flatMap(({ rules }) => rules)) {
      expect(labels).toEqual({ severity: expect.any(String), namespace: 'db', cronjob: 'nightly', schedule: 'nightly' });
    }
  });

  test('has the severity, the labels and the annotations that it is given', () => {
    const annotations = { dashboard: 'https://grafana.example.com/d/1' };
    const props = { severities: { SnapshotScheduleStale: 'page' }, labels: { team: 'data' }, annotations };
    expect(ruleOf(render(props), SnapshotAlert.SCHEDULE_STALE)).toMatchObject({
      labels: { severity: 'page', team: 'data' }, annotations,
    });
    expect(ruleOf(render(props), SnapshotAlert.SCHEDULE_FAILING).labels).toMatchObject({ severity: 'warning', team: 'data' });
  });

  test('can be left out', () => {
    expect(alertsOf(render({ leaveOut: [SnapshotAlert.SCHEDULE_SUSPENDED] }))).not.toContain(SnapshotAlert.SCHEDULE_SUSPENDED);
  });

  test('asks for the series of one cluster alone, where there are several', () => {
    for (const { expr } of rulesOf(everything({ matchLabels: { cluster: 'eu-1' } }))) {
      const selectors = expr.match(/kube_[a-z_]+(\{("[^"]*"|[^}"])*\})?/g);
      expect(selectors.filter((selector: string) => !selector.includes('cluster="eu-1"'))).toEqual([]);
    }
  });
});

describe('the runbook', () => {
  const page = readFileSync(join(ROOT, 'docs', 'alerts.md'), 'utf8');

  test.each(Object.values(SnapshotAlert))('has a section for %s, with its severity and something to type', alert => {
    const section = page.split(/^## /m).find(text => text.startsWith(`${alert}\n`));
    expect(section).toBeDefined();
    expect(section).toContain(`Severity: ${rulesOf(everything()).find(rule => rule.alert === alert).labels.severity}.`);
    expect(section).toContain('```sh');
  });

  test('is that of this repository, with a heading for each alert', () => {
    const { repository } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    for (const { alert, annotations } of rulesOf(everything())) {
      expect(annotations.runbook_url).toBe(`${repository.url.replace(/\.git$/, '')}/blob/main/docs/alerts.md#${alert.toLowerCase()}`);
    }
  });

  test('can be one of yours', () => {
    expect(ruleOf(render({ runbook: 'https://wiki.example.com/alerts' }), SnapshotAlert.BLIND).annotations.runbook_url)
      .toBe('https://wiki.example.com/alerts#snapshotalertsblind');
  });
});

describe('the rules file', () => {
  test('is the same as the PrometheusRule', () => {
    const chart = newChart();
    schedule(chart, NIGHTLY);
    const alerts = new SnapshotAlerts(chart, 'Alerts');
    expect(parse(alerts.toRulesFile())).toEqual(objectOf(chart, 'PrometheusRule').spec);
  });

  test('can come in a ConfigMap, for a Prometheus without operator', () => {
    const { data } = objectOf(render({ format: AlertsFormat.CONFIG_MAP }), 'ConfigMap', 'alerts');
    expect(parse(data['snapshot-alerts.yaml'])).toEqual(objectOf(render(), 'PrometheusRule').spec);
  });
});

test('the object has the labels by which a Prometheus operator chooses it', () => {
  const chart = render({ metadata: { labels: { release: 'kube-prometheus-stack' } } });
  expect(objectsOf(chart, 'PrometheusRule')[0].metadata.labels).toEqual({ release: 'kube-prometheus-stack' });
  expect(ApiObject.of(chart.node.findChild('Alerts')).kind).toBe('PrometheusRule');
});

describe('is refused', () => {
  test.each<[string, SnapshotAlertsProps, RegExp]>([
    ['an alert that there is not', { leaveOut: ['SnapshotStale' as any] }, /\[test\/Alerts\] 'leaveOut': no such alert, got 'SnapshotStale'; allowed SnapshotScheduleNever/],
    ['the severity of one', { severities: { Stale: 'page' } }, /'severities': no such alert, got 'Stale'/],
    ['a severity that is no text', { severities: { SnapshotScheduleStale: 1 as any } }, /'severities.SnapshotScheduleStale': not text/],
    ['a label that Prometheus does not take', { labels: { 'my-team': 'a' } }, /'labels': not a name that Prometheus takes, got 'my-team'/],
    ['a label that is set already', { labels: { severity: 'a' } }, /'labels': the library sets it itself, got 'severity'; .* use severities/],
    ['an annotation that is set already', { annotations: { summary: 'a' } }, /'annotations': the library sets it itself/],
    ['a matcher that is set already', { matchLabels: { namespace: 'a' } }, /'matchLabels': the library sets it itself/],
    ['a number below none', { toleratedMisses: -1 }, /'toleratedMisses': out of range, got -1; allowed a whole number from 0 to 100/],
    ['a page that is none', { runbook: 'docs/alerts.md' }, /'runbook': not the address of a page/],
    ['a scope that is none', { within: 'app' as any }, /'within': not a construct, got 'app'/],
    ['a format that there is not', { format: 'Rules' as any }, /'format': not a member of the enum/],
    ['a text for a boolean', { snapshotMetrics: 'false' as any }, /'snapshotMetrics': not a boolean/],
    ['a misspelled prop', { runbok: 'a' } as any, /'runbok': no such prop, .* did you mean runbook\?/],
  ])('%s', (_, props, problem) => {
    expect(() => render(props)).toThrow(problem);
  });
});
