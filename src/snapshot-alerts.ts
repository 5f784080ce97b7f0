import { ApiObject, ApiObjectMetadata, Lazy, Yaml } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { AlertGroup, AlertRule, AlertSettings } from './private/alert';
import { alertGroups } from './private/alert-rules';
import { chartOf, definedMetadata, requireMetadata } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { requireLabelNames, requireMatchLabels } from './private/prometheus-labels';
import {
  KnownKeys, message, reject, requireBoolean, requireEnum, requireInteger, requireKnownKeys, requireList, requireText,
} from './private/validate';
import { requireWatched } from './private/watched';
import { SnapshotAlert } from './snapshot-alert';

/**
 * What alerts are rendered as.
 */
export enum AlertsFormat {
  /**
   * A PrometheusRule, which the Prometheus operator hands to its Prometheus.
   *
   * @see https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PrometheusRule
   */
  PROMETHEUS_RULE = 'PrometheusRule',

  /**
   * A ConfigMap with a rules file under the key `snapshot-alerts.yaml`, for a Prometheus or a Thanos, Mimir or VictoriaMetrics ruler that mounts it.
   *
   * @see https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/#configuring-rules
   */
  CONFIG_MAP = 'ConfigMap',
}

/**
 * What is watched, and what an alert looks like.
 */
export interface SnapshotAlertsProps {
  /**
   * Name, labels and annotations of the object. A Prometheus operator often asks for a label, such as `release`.
   *
   * @default - a name made of the construct's path, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * Every `ScheduledSnapshot`, `RestoreDrill`, `SnapshotOrphans`, `SnapshotInventory`, and `SnapshotClone` with `refresh` below it is watched: a chart, the app, or any other construct.
   *
   * @default - the chart that the alerts are in
   */
  readonly within?: IConstruct;

  /**
   * What the alerts are rendered as.
   *
   * @default AlertsFormat.PROMETHEUS_RULE
   */
  readonly format?: AlertsFormat;

  /**
   * Whether kube-state-metrics has the configuration of a `SnapshotMetrics`, so that there are alerts about single snapshots too.
   *
   * @default false
   */
  readonly snapshotMetrics?: boolean;

  /**
   * So many runs in a row may be missed or fail before a CronJob is stale; up to 100.
   *
   * @default 0
   */
  readonly toleratedMisses?: number;

  /**
   * The value of the label `severity`, by the name of an alert.
   *
   * @default - critical, warning or info, as the runbook says of each alert
   */
  readonly severities?: { [alert: string]: string };

  /**
   * Alerts that are left out.
   *
   * @default - none
   */
  readonly leaveOut?: SnapshotAlert[];

  /**
   * More labels of every alert, for example those that an Alertmanager routes by.
   *
   * @default - `severity`, and of what is about a CronJob `namespace`, `cronjob` and `schedule`
   */
  readonly labels?: { [name: string]: string };

  /**
   * More annotations of every alert.
   *
   * @default - `summary`, `description` and `runbook_url`
   */
  readonly annotations?: { [name: string]: string };

  /**
   * Labels that all series must have, such as `cluster`, where one Prometheus has the metrics of several.
   * A value that begins with `~` is a regular expression.
   *
   * @default - none: the metrics are of one cluster
   */
  readonly matchLabels?: { [name: string]: string };

  /**
   * The page with a section for each alert, to which `runbook_url` leads.
   *
   * @default - the page of this project
   */
  readonly runbook?: string;
}

const PROPS: KnownKeys<SnapshotAlertsProps> = {
  metadata: true,
  within: true,
  format: true,
  snapshotMetrics: true,
  toleratedMisses: true,
  severities: true,
  leaveOut: true,
  labels: true,
  annotations: true,
  matchLabels: true,
  runbook: true,
};

const RUNBOOK = 'https://github.com/cdk8s-volume-snapshots/cdk8s-volume-snapshots/blob/main/docs/alerts.md';
const KEY = 'snapshot-alerts.yaml';
const ALERTS: string[] = Object.values(SnapshotAlert);
const OWN_LABELS = ['alertname', 'severity', 'namespace', 'cronjob', 'schedule'];
const OWN_ANNOTATIONS = ['summary', 'description', 'runbook_url'];

/** Data may be lost if nobody acts, or nobody would know. */
const CRITICAL: SnapshotAlert[] = [
  SnapshotAlert.SCHEDULE_NEVER_SUCCEEDED, SnapshotAlert.SCHEDULE_STALE, SnapshotAlert.DRILL_FAILING, SnapshotAlert.CRON_JOB_MISSING,
  SnapshotAlert.BLIND, SnapshotAlert.CIRCUIT_OPEN, SnapshotAlert.SNAPSHOTS_MISSING,
];
/** It costs money, and no data. */
const INFO: SnapshotAlert[] = [SnapshotAlert.ORPHANS_FOUND];

/**
 * Alerts for Prometheus about the schedules, drills, looks for orphans, inventories and clones of an app.
 *
 * Each has its own thresholds, by its own interval and deadlines; with a schedule go its alerts. They
 * stand on the metrics of kube-state-metrics about CronJobs and Jobs, and tell of snapshots that are
 * not taken as well as of those that fail. An alert is about a schedule, not about each of its
 * snapshots, clears by itself when all is well again, and links to what to do.
 *
 * @see https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
 * @example
 * import { App, Chart } from 'cdk8s';
 * import { SnapshotAlerts } from 'cdk8s-volume-snapshots';
 *
 * declare const app: App;
 * const monitoring = new Chart(app, 'monitoring', { namespace: 'monitoring' });
 * new SnapshotAlerts(monitoring, 'SnapshotAlerts', {
 *   within: app,
 *   metadata: { labels: { release: 'kube-prometheus-stack' } },
 * });
 */
export class SnapshotAlerts extends Construct {
  /**
   * The name of the object.
   */
  public readonly name: string;

  /**
   * What the alerts are rendered as.
   */
  public readonly format: AlertsFormat;

  private readonly within: IConstruct;
  private readonly settings: AlertSettings;
  private readonly props: SnapshotAlertsProps;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct
   * @param props what is watched, and what an alert looks like
   * @throws if a prop is not valid; at synth, if there is nothing to watch
   */
  constructor(scope: Construct, id: string, props: SnapshotAlertsProps = {}) {
    super(scope, id);
    requireTypes(this, props);
    requireMetadata(this, props.metadata);
    this.props = { ...props };
    this.format = props.format ?? AlertsFormat.PROMETHEUS_RULE;
    this.within = props.within ?? chartOf(this);
    this.settings = {
      matchers: { ...props.matchLabels },
      snapshotMetrics: props.snapshotMetrics ?? false,
      toleratedMisses: props.toleratedMisses ?? 0,
    };
    const metadata = definedMetadata(props.metadata);
    const object = this.format === AlertsFormat.PROMETHEUS_RULE
      ? new ApiObject(this, 'Resource', {
        apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule', metadata, spec: Lazy.any({ produce: () => this.render() }),
      })
      : new ApiObject(this, 'Resource', {
        apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { [KEY]: Lazy.any({ produce: () => this.toRulesFile() }) },
      });
    this.name = object.name;
    this.node.addValidation({ validate: () => this.groupsUntold() });
    registerChartChecks(this);
  }

  /**
   * The alerts as a rules file of Prometheus, about what is defined by now.
   *
   * @throws if there is nothing to watch
   */
  public toRulesFile(): string {
    return Yaml.stringify(this.render());
  }

  /** Without metrics of its groups, a schedule would seem to take none, night after night. */
  private groupsUntold(): string[] {
    if (!this.settings.snapshotMetrics || this.props.leaveOut?.includes(SnapshotAlert.SNAPSHOTS_MISSING)) { return []; }
    // those of another cluster may be elsewhere in the app
    const told = [this.within, chartOf(this)].flatMap(scope => scope.node.findAll())
      .flatMap(node => (node as { readonly _tellsGroups?: boolean })._tellsGroups ?? []);
    const grouped = requireWatched(this, this.within, 'watch').find(({ snapshots }) => snapshots?.grouped);
    return !grouped || told.length === 0 || told.includes(true) ? [] : [message(this, 'snapshotMetrics', {
      problem: `schedule ${grouped.namespace}/${grouped.name} takes groups, and the SnapshotMetrics beside it tells nothing of groups, so SnapshotsMissing would fire for ever`,
      got: true,
      allowed: 'a SnapshotMetrics with groupSnapshots',
      fix: 'give it groupSnapshots, with the version of the API that the cluster serves',
    })];
  }

  private render(): { groups: object[] } {
    const watched = requireWatched(this, this.within, 'watch');
    return { groups: alertGroups(watched, this.settings).map(group => this.renderGroup(group)) };
  }

  private renderGroup({ labels, name, rules }: AlertGroup): object {
    const left = rules.filter(({ alert }) => !this.props.leaveOut?.includes(alert));
    return { name, rules: left.map(rule => this.renderRule(rule, labels)) };
  }

  private renderRule(rule: AlertRule, labels: { readonly [name: string]: string }): object {
    return {
      alert: rule.alert,
      expr: rule.expr,
      for: rule.for,
      labels: { severity: this.props.severities?.[rule.alert] ?? severityOf(rule.alert), ...labels, ...this.props.labels },
      annotations: {
        summary: rule.summary,
        description: rule.description,
        // as GitHub makes the id of a heading
        runbook_url: `${this.props.runbook ?? RUNBOOK}#${rule.alert.toLowerCase()}`,
        ...this.props.annotations,
      },
    };
  }
}

function severityOf(alert: SnapshotAlert): string {
  return CRITICAL.includes(alert) ? 'critical' : INFO.includes(alert) ? 'info' : 'warning';
}

/** What the compiler knows of the props already, for those who write in another language; and what Prometheus would refuse. */
function requireTypes(origin: SnapshotAlerts, props: SnapshotAlertsProps): void {
  requireKnownKeys(origin, props, PROPS);
  if (props.within !== undefined && !Construct.isConstruct(props.within)) {
    reject(origin, 'within', { problem: 'not a construct', got: props.within, allowed: 'a chart, the app, or another construct', fix: 'pass the app' });
  }
  requireEnum(origin, 'format', props.format, AlertsFormat);
  requireBoolean(origin, 'snapshotMetrics', props.snapshotMetrics);
  if (props.toleratedMisses !== undefined) { requireInteger(origin, 'toleratedMisses', props.toleratedMisses, 0, 100); }
  requireList(origin, 'leaveOut', props.leaveOut);
  props.leaveOut?.forEach(alert => requireAlert(origin, 'leaveOut', alert));
  Object.entries(props.severities ?? {}).forEach(([alert, severity]) => {
    requireAlert(origin, 'severities', alert);
    requireText(origin, `severities.${alert}`, severity);
  });
  requireLabelNames(origin, 'labels', props.labels, OWN_LABELS);
  requireLabelNames(origin, 'annotations', props.annotations, OWN_ANNOTATIONS);
  requireMatchLabels(origin, props.matchLabels);
  if (props.runbook !== undefined && !/^https?:\/\/[^\s#]+$/.test(props.runbook)) {
    reject(origin, 'runbook', {
      problem: 'not the address of a page', got: props.runbook, allowed: 'an address of http or https without #', fix: 'leave it out to use that of this project',
    });
  }
}

function requireAlert(origin: SnapshotAlerts, prop: string, alert: string): void {
  if (!ALERTS.includes(alert)) {
    reject(origin, prop, { problem: 'no such alert', got: alert, allowed: ALERTS.join(', '), fix: 'write one of these' });
  }
}
