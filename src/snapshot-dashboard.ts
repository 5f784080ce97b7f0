import { ApiObject, ApiObjectMetadata, Lazy, Names } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { chartOf, literalMetadata, requireMetadata } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { dashboard } from './private/dashboard';
import { requireMatchLabels } from './private/prometheus-labels';
import { KnownKeys, reject, requireBoolean, requireKnownKeys, requireLabels, requireText } from './private/validate';
import { requireWatched } from './private/watched';

/**
 * What a dashboard shows, and how Grafana finds it.
 */
export interface SnapshotDashboardProps {
  /**
   * Name, labels and annotations of the ConfigMap.
   *
   * @default - a name made of the construct's path, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * Every `ScheduledSnapshot`, `RestoreDrill`, `SnapshotOrphans`, `SnapshotInventory`, and `SnapshotClone` with `refresh` below it is shown: a chart, the app, or any other construct.
   *
   * @default - the chart that the dashboard is in
   */
  readonly within?: IConstruct;

  /**
   * Whether kube-state-metrics has the configuration of a `SnapshotMetrics`, so that there are panels about the snapshots and not only about runs.
   *
   * @default false
   */
  readonly snapshotMetrics?: boolean;

  /**
   * What the dashboard is called.
   *
   * @default 'Volume snapshots'
   */
  readonly title?: string;

  /**
   * By what Grafana knows the dashboard, and links lead to it: up to 40 letters, digits, - and _.
   *
   * @default - made of the construct's path
   */
  readonly uid?: string;

  /**
   * The label by which Grafana's sidecar finds ConfigMaps with dashboards.
   *
   * @default 'grafana_dashboard'
   */
  readonly sidecarLabel?: string;

  /**
   * The value of that label.
   *
   * @default '1'
   */
  readonly sidecarLabelValue?: string;

  /**
   * The folder of the dashboard, as the annotation `grafana_folder`, which the sidecar heeds if its `folderAnnotation` says so.
   *
   * @default - the sidecar's
   */
  readonly folder?: string;

  /**
   * Labels that all series must have, such as `cluster`, where one Prometheus has the metrics of several.
   * A value that begins with `~` is a regular expression.
   *
   * @default - none: the metrics are of one cluster
   */
  readonly matchLabels?: { [name: string]: string };
}

const PROPS: KnownKeys<SnapshotDashboardProps> = {
  metadata: true,
  within: true,
  snapshotMetrics: true,
  title: true,
  uid: true,
  sidecarLabel: true,
  sidecarLabelValue: true,
  folder: true,
  matchLabels: true,
};

const FOLDER_ANNOTATION = 'grafana_folder';
/** What Grafana's database has room for. */
const LONGEST_UID = 40;

/**
 * A dashboard for Grafana about the schedules, drills, looks for orphans, inventories and clones of an app.
 *
 * Shows which claims have no good snapshot, how old the newest is, what failed, for how long
 * applications are held, how long a recovery takes, and what is stored. Defines a ConfigMap, which
 * the sidecar of Grafana's Helm charts finds by its label. A number that is not known is never shown as zero.
 *
 * @see https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
 * @example
 * import { App, Chart } from 'cdk8s';
 * import { SnapshotDashboard } from 'cdk8s-volume-snapshots';
 *
 * declare const app: App;
 * const monitoring = new Chart(app, 'monitoring', { namespace: 'monitoring' });
 * new SnapshotDashboard(monitoring, 'SnapshotDashboard', { within: app, snapshotMetrics: true });
 */
export class SnapshotDashboard extends Construct {
  /**
   * The name of the ConfigMap.
   */
  public readonly name: string;

  /**
   * By what Grafana knows the dashboard: its page is `/d/` and this.
   */
  public readonly uid: string;

  /**
   * The key of the ConfigMap under which the dashboard is; the sidecar makes a file of this name, so that no other dashboard may have it.
   */
  public readonly key: string;

  private readonly within: IConstruct;
  private readonly props: SnapshotDashboardProps;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct
   * @param props what the dashboard shows, and how Grafana finds it
   * @throws if a prop is not valid; at synth, if there is nothing to show
   */
  constructor(scope: Construct, id: string, props: SnapshotDashboardProps = {}) {
    super(scope, id);
    requireTypes(this, props);
    requireMetadata(this, props.metadata);
    const label = { [props.sidecarLabel ?? 'grafana_dashboard']: props.sidecarLabelValue ?? '1' };
    requireLabels(this, 'sidecarLabel', label);
    const annotation: { [key: string]: string } = props.folder === undefined ? {} : { [FOLDER_ANNOTATION]: props.folder };
    requireNotGiven(this, 'metadata.labels', props.metadata?.labels, label, 'use sidecarLabelValue');
    requireNotGiven(this, 'metadata.annotations', props.metadata?.annotations, annotation, 'use folder');
    this.props = { ...props };
    this.within = props.within ?? chartOf(this);
    this.uid = props.uid ?? Names.toDnsLabel(this, { maxLen: LONGEST_UID });
    requireUid(this, this.uid);
    this.key = `${this.uid}.json`;
    const metadata = literalMetadata(props.metadata);
    this.name = new ApiObject(this, 'Resource', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...metadata, labels: { ...metadata.labels, ...label }, annotations: { ...metadata.annotations, ...annotation } },
      data: { [this.key]: Lazy.any({ produce: () => this.toDashboardJson() }) },
    }).name;
    registerChartChecks(this);
  }

  /**
   * The dashboard as JSON, about what is defined by now: to import it by hand, or for another way of provisioning.
   *
   * @throws if there is nothing to show
   */
  public toDashboardJson(): string {
    const watched = requireWatched(this, this.within, 'show');
    const { matchLabels, snapshotMetrics, title } = this.props;
    const content = dashboard(watched, {
      title: title ?? 'Volume snapshots', uid: this.uid, matchers: { ...matchLabels }, snapshotMetrics: snapshotMetrics ?? false,
    });
    return `${JSON.stringify(content, undefined, 2)}\n`;
  }
}

/** What the compiler knows of the props already, for those who write in another language; and what Grafana would refuse. */
function requireTypes(origin: SnapshotDashboard, props: SnapshotDashboardProps): void {
  requireKnownKeys(origin, props, PROPS);
  if (props.within !== undefined && !Construct.isConstruct(props.within)) {
    reject(origin, 'within', { problem: 'not a construct', got: props.within, allowed: 'a chart, the app, or another construct', fix: 'pass the app' });
  }
  requireBoolean(origin, 'snapshotMetrics', props.snapshotMetrics);
  for (const prop of ['title', 'folder', 'sidecarLabel', 'sidecarLabelValue'] as const) {
    if (props[prop] === undefined) { continue; }
    requireText(origin, prop, props[prop]);
    if (props[prop].trim() === '') { reject(origin, prop, { problem: 'empty', got: props[prop], allowed: 'text', fix: 'leave it out, or write something' }); }
  }
  requireMatchLabels(origin, props.matchLabels);
}

/** Also one made of the path, in which cdk8s leaves dots where they are. */
function requireUid(origin: SnapshotDashboard, uid: unknown): void {
  if (typeof uid !== 'string' || !/^[a-zA-Z0-9_-]{1,40}$/.test(uid)) {
    reject(origin, 'uid', { problem: 'not a uid that Grafana takes', got: uid, allowed: '1 to 40 letters, digits, - and _', fix: 'give another one' });
  }
}

/** One of the two would be lost, and with the label the dashboard. */
function requireNotGiven(
  origin: SnapshotDashboard, prop: string, given: { [key: string]: string } | undefined, own: { [key: string]: string }, fix: string,
): void {
  for (const [key, value] of Object.entries(own)) {
    if (given?.[key] !== undefined && given[key] !== value) {
      reject(origin, prop, { problem: `the library sets '${key}' itself`, got: given[key], allowed: 'other keys', fix });
    }
  }
}
