import { ApiObject, ApiObjectMetadata, Yaml } from 'cdk8s';
import { Construct } from 'constructs';
import { GroupSnapshotApiVersion } from './group-snapshot-class';
import { clusterScoped, definedMetadata, GROUP_SNAPSHOT_API_GROUP, requireMetadata, requireNamespace, SNAPSHOT_API_GROUP } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { metricsConfig } from './private/snapshot-metrics-config';
import { KnownKeys, requireDnsLabel, requireEnum, requireKnownKeys, requireName } from './private/validate';

/**
 * Which kube-state-metrics, and what it tells.
 */
export interface SnapshotMetricsProps {
  /**
   * Name, labels and annotations of the ConfigMap; with a dot and the namespace behind it, its name is that of the ClusterRole and its binding.
   *
   * @default - a name made of the construct's path, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * The name of the service account of kube-state-metrics.
   *
   * @default 'kube-state-metrics'
   */
  readonly serviceAccountName?: string;

  /**
   * The namespace of kube-state-metrics.
   *
   * @default - that of the ConfigMap, which kube-state-metrics mounts
   */
  readonly serviceAccountNamespace?: string;

  /**
   * The version of the API by which VolumeGroupSnapshots are told too.
   *
   * @see https://kubernetes-csi.github.io/docs/group-snapshot-restore-feature.html
   * @default - they are not
   */
  readonly groupSnapshots?: GroupSnapshotApiVersion;
}

const PROPS: KnownKeys<SnapshotMetricsProps> = { metadata: true, serviceAccountName: true, serviceAccountNamespace: true, groupSnapshots: true };

/** Where the Helm charts of kube-state-metrics look for it in a ConfigMap. */
const KEY = 'config.yaml';

/**
 * Metrics of each snapshot: whether it is ready, when it was cut, its size and its error, by schedule and claim.
 *
 * Kubernetes has none. kube-state-metrics, which most clusters run beside Prometheus, makes them
 * of any resource by a configuration: this one. Defines the configuration as a
 * ConfigMap, and the ClusterRole that kube-state-metrics needs to read snapshots, with its binding.
 *
 * @see https://github.com/kubernetes/kube-state-metrics/blob/main/docs/metrics/extend/customresourcestate-metrics.md
 * @example
 * import { App, Chart } from 'cdk8s';
 * import { SnapshotMetrics } from 'cdk8s-volume-snapshots';
 *
 * const monitoring = new Chart(new App(), 'monitoring', { namespace: 'monitoring' });
 * new SnapshotMetrics(monitoring, 'SnapshotMetrics');
 */
export class SnapshotMetrics extends Construct {
  /**
   * The name of the ConfigMap.
   */
  public readonly name: string;

  /**
   * The namespace of the ConfigMap.
   */
  public readonly namespace: string;

  /**
   * The key of the ConfigMap under which the configuration is.
   */
  public readonly key: string = KEY;

  /**
   * The name of the ClusterRole and its binding.
   */
  public readonly clusterRoleName: string;

  /**
   * The configuration as YAML, for the option `--custom-resource-state-config` or the values of a Helm chart.
   */
  public readonly config: string;

  /**
   * Whether group snapshots are among what it tells.
   *
   * @internal
   */
  public readonly _tellsGroups: boolean;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct
   * @param props which kube-state-metrics, and what it tells
   * @throws if the namespace is not known, or a prop is not valid
   */
  constructor(scope: Construct, id: string, props: SnapshotMetricsProps = {}) {
    super(scope, id);
    requireKnownKeys(this, props, PROPS);
    requireMetadata(this, props.metadata);
    requireEnum(this, 'groupSnapshots', props.groupSnapshots, GroupSnapshotApiVersion);
    const account = props.serviceAccountName ?? 'kube-state-metrics';
    requireName(this, 'serviceAccountName', account);
    if (props.serviceAccountNamespace !== undefined) { requireDnsLabel(this, 'serviceAccountNamespace', props.serviceAccountNamespace); }
    this.namespace = requireNamespace(this, props.metadata, 'kube-state-metrics mounts the ConfigMap from its own namespace');
    this.config = Yaml.stringify(metricsConfig(props.groupSnapshots));
    const configMap = new ApiObject(this, 'Resource', {
      apiVersion: 'v1', kind: 'ConfigMap', metadata: definedMetadata(props.metadata), data: { [KEY]: this.config },
    });
    this.name = configMap.name;
    this.clusterRoleName = `${this.name}.${this.namespace}`;
    const groups = this._tellsGroups = props.groupSnapshots !== undefined;
    this.define('ClusterRole', {
      rules: [
        readable('apiextensions.k8s.io', 'customresourcedefinitions'),
        readable(SNAPSHOT_API_GROUP, 'volumesnapshots', 'volumesnapshotcontents'),
        ...groups ? [readable(GROUP_SNAPSHOT_API_GROUP, 'volumegroupsnapshots')] : [],
      ],
    });
    this.define('ClusterRoleBinding', {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: this.clusterRoleName },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace: props.serviceAccountNamespace ?? this.namespace }],
    });
    registerChartChecks(this);
  }

  private define(kind: string, body: object): void {
    clusterScoped(new ApiObject(this, kind, { apiVersion: 'rbac.authorization.k8s.io/v1', kind, metadata: { name: this.clusterRoleName }, ...body }));
  }
}

function readable(apiGroup: string, ...resources: string[]): object {
  return { apiGroups: [apiGroup], resources, verbs: ['list', 'watch'] };
}
