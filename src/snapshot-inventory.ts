import { ApiObject, ApiObjectMetadata, Cron, Duration, Lazy } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { InventoryExporter } from './inventory-exporter';
import { clusterScoped, literalMetadata, requireMetadata, requireNamespace, SNAPSHOT_API_GROUP } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { requireCron } from './private/cron';
import { LONGEST_CRON_JOB_NAME, renderCronJobSpec, usualStartingDeadline } from './private/cron-job';
import { renderExporter, requireExporter } from './private/inventory-exporter';
import { requireKnownPodOptions } from './private/runner-pod';
import { runnerTemplate } from './private/runner-template';
import { requireTimeZone } from './private/time-zone';
import {
  KnownKeys, reject, requireBoolean, requireDnsLabel, requireDuration, requireInteger, requireKeys, requireKnownKeys, requireList,
  requireOptional, requireText,
} from './private/validate';
import { watch } from './private/watched';
import { CONFIG_VERSION, INVENTORY_FILE, InventoryConfig } from './runner/config';
import { RunnerPodOptions } from './runner-pod';

/**
 * What is listed, when, and where the list goes.
 */
export interface SnapshotInventoryProps {
  /**
   * Name, labels and annotations of the CronJob. The name, of at most 52 characters, is also that of its service account; with a dot and the
   * namespace behind it, it is that of the ClusterRole and its binding.
   *
   * @default - a name made of the construct's path, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * The container that takes the file off the cluster. An inventory that stays there is lost with it.
   */
  readonly exporter: InventoryExporter;

  /**
   * When, in the five fields that Kubernetes reads, or `@daily` and the like. A snapshot that is younger than the last inventory is in none.
   *
   * @see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
   * @default - every day at 05:10
   */
  readonly schedule?: Cron;

  /**
   * The IANA name of the time zone that the schedule is in, such as `Europe/Berlin`.
   *
   * @see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones
   * @default 'Etc/UTC'
   */
  readonly timeZone?: string;

  /**
   * Namespaces whose snapshots are listed.
   *
   * @default - all namespaces
   */
  readonly namespaces?: string[];

  /**
   * With fewer snapshots that can be restored from, the run fails and nothing is exported, so that an empty list never takes the place of a good one. With
   * `namespaces`, so many are expected in each of them.
   *
   * @default 1
   */
  readonly minimumSnapshots?: number;

  /**
   * How long a run may take, with its retries: whole seconds, from 1 minute to 1 day.
   *
   * @default Duration.hours(1)
   */
  readonly timeout?: Duration;

  /**
   * Annotations of the service account, for clouds that give rights to service accounts, such as `eks.amazonaws.com/role-arn`.
   *
   * @default - none
   */
  readonly serviceAccountAnnotations?: { [key: string]: string };

  /**
   * Do nothing until this is taken away.
   *
   * @default false
   */
  readonly suspend?: boolean;

  /**
   * The pod, and the container that makes the list in it.
   *
   * @default - as `RunnerDefaults` above say, else as `RunnerPodOptions` say
   */
  readonly pod?: RunnerPodOptions;
}

const PROPS: KnownKeys<SnapshotInventoryProps> = {
  metadata: true,
  exporter: true,
  schedule: true,
  timeZone: true,
  namespaces: true,
  minimumSnapshots: true,
  timeout: true,
  serviceAccountAnnotations: true,
  suspend: true,
  pod: true,
};

// outside the hours that are skipped or doubled once a year, and after most nightly runs
const DAILY = Cron.schedule({ hour: '5', minute: '10' });

/**
 * Lists, again and again, what the storage calls each snapshot, and has a container of your own take the list off the cluster.
 *
 * A snapshot of a class that retains outlives the cluster that took it, but the handle by which the storage knows it is
 * written nowhere else. On another cluster, `ImportedSnapshots` reads the list.
 *
 * Defines a CronJob for the platform team, with a ClusterRole that may list VolumeSnapshots and their contents, and nothing else.
 *
 * @see https://kubernetes.io/docs/concepts/storage/volume-snapshots/#static
 * @example
 * import { App, Chart } from 'cdk8s';
 * import { SnapshotInventory } from 'cdk8s-volume-snapshots';
 *
 * const platform = new Chart(new App(), 'platform', { namespace: 'platform' });
 * new SnapshotInventory(platform, 'Inventory', {
 *   exporter: {
 *     image: 'rclone/rclone:1.71',
 *     args: ['copyto', '/inventory/inventory.json', 'offsite:backup/inventory.json'],
 *     envFromSecrets: ['rclone-offsite'],
 *   },
 * });
 */
export class SnapshotInventory extends Construct {
  /**
   * Where the container that exports finds the file.
   */
  public static readonly FILE = INVENTORY_FILE;

  /**
   * The name of the CronJob, and of its service account.
   */
  public readonly name: string;

  /**
   * The namespace of the CronJob.
   */
  public readonly namespace: string;

  /**
   * The name of the ClusterRole and its binding.
   */
  public readonly clusterRoleName: string;

  /**
   * The expression of the schedule.
   */
  public readonly schedule: string;

  /**
   * The time zone that the schedule is in.
   */
  public readonly timeZone: string;

  /**
   * With fewer snapshots, nothing is exported.
   */
  public readonly minimumSnapshots: number;

  /**
   * How long a run may take.
   */
  public readonly timeout: Duration;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct; a new id is a new CronJob
   * @param props what, when, and where it goes
   * @throws if the namespace is not known, nothing is exported, or a prop is not valid; the message names the construct, the prop and what to do
   */
  constructor(scope: Construct, id: string, props: SnapshotInventoryProps) {
    super(scope, id);
    requireTypes(this, props);
    requireMetadata(this, props.metadata, LONGEST_CRON_JOB_NAME);
    this.namespace = requireNamespace(this, props.metadata, 'a cluster role binding must name the namespace of its service account');
    this.schedule = (props.schedule ?? DAILY).expressionString.trim();
    const cron = requireCron(this, 'schedule', this.schedule);
    this.timeZone = props.timeZone ?? 'Etc/UTC';
    requireTimeZone(this, 'timeZone', this.timeZone);
    this.minimumSnapshots = props.minimumSnapshots ?? 1;
    requireInteger(this, 'minimumSnapshots', this.minimumSnapshots, 0);
    this.timeout = props.timeout ?? Duration.hours(1);
    requireDuration(this, 'timeout', this.timeout, Duration.minutes(1), Duration.days(1));
    if (props.namespaces?.length === 0) {
      reject(this, 'namespaces', { problem: 'nothing would be listed', got: [], allowed: 'at least one namespace', fix: 'leave it out to mean all' });
    }
    props.namespaces?.forEach(namespace => requireDnsLabel(this, 'namespaces', namespace));
    requireKeys(this, 'serviceAccountAnnotations', props.serviceAccountAnnotations ?? {});
    const template = runnerTemplate(this, this.namespace, props.pod);
    const cronJob = new ApiObject(this, 'Resource', {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: literalMetadata(props.metadata),
      spec: Lazy.any({
        produce: () => renderCronJobSpec({
          schedule: this.schedule,
          timeZone: this.timeZone,
          startingDeadline: usualStartingDeadline(cron),
          activeDeadline: this.timeout.toSeconds(),
          suspend: props.suspend,
          template: template({
            scheduleId: this.name,
            serviceAccountName: this.name,
            config: JSON.stringify(this.composeConfig(props), null, 2),
            successor: renderExporter(props.exporter),
          }),
        }),
      }),
    });
    this.name = cronJob.name;
    this.clusterRoleName = `${this.name}.${this.namespace}`;
    new kplus.ServiceAccount(this, 'ServiceAccount', {
      metadata: { name: this.name, namespace: this.namespace, annotations: props.serviceAccountAnnotations },
    });
    this.defineRight();
    watch(this, () => ({
      kind: 'Inventory',
      namespace: this.namespace,
      name: this.name,
      expression: this.schedule,
      timeZone: this.timeZone,
      activeDeadline: this.timeout.toSeconds(),
    }));
    registerChartChecks(this);
  }

  private composeConfig({ namespaces }: SnapshotInventoryProps): InventoryConfig {
    return {
      kind: 'Inventory',
      version: CONFIG_VERSION,
      namespaces: namespaces && [...new Set(namespaces)],
      minimumSnapshots: this.minimumSnapshots,
    };
  }

  /** Contents are in no namespace, so it is a right in the whole cluster, also for some namespaces. */
  private defineRight(): void {
    const apiVersion = 'rbac.authorization.k8s.io/v1';
    const metadata = { name: this.clusterRoleName };
    clusterScoped(new ApiObject(this, 'ClusterRole', {
      apiVersion,
      kind: 'ClusterRole',
      metadata,
      rules: [{ apiGroups: [SNAPSHOT_API_GROUP], resources: ['volumesnapshotcontents', 'volumesnapshots'], verbs: ['list'] }],
    }));
    clusterScoped(new ApiObject(this, 'ClusterRoleBinding', {
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: this.clusterRoleName },
      subjects: [{ kind: 'ServiceAccount', name: this.name, namespace: this.namespace }],
    }));
  }
}

/** What the compiler knows of the props already, for those who write in another language. */
function requireTypes(origin: SnapshotInventory, props: SnapshotInventoryProps): void {
  requireKnownKeys(origin, props, PROPS);
  requireExporter(origin, 'exporter', props.exporter);
  requireOptional(origin, 'schedule', props.schedule, 'Cron');
  if (props.schedule !== undefined) { requireText(origin, 'schedule', props.schedule.expressionString); }
  requireList(origin, 'namespaces', props.namespaces);
  requireOptional(origin, 'timeout', props.timeout, 'Duration');
  requireBoolean(origin, 'suspend', props.suspend);
  requireKnownPodOptions(origin, 'pod', props.pod ?? {});
}
