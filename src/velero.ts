import { ApiObject, Helm, Yaml } from 'cdk8s';
import { Construct } from 'constructs';
import { clusterScoped } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { metadataWithRemovalPolicy } from './private/removal';
import { KnownKeys, reject, requireDnsLabel, requireKnownKeys, requireText } from './private/validate';
import { VELERO_NAMESPACE } from './private/velero';
import { requireVeleroOptions, veleroValues, VELERO_OPTIONS } from './private/velero-values';
import { RemovalPolicy } from './removal-policy';

/**
 * How Velero runs.
 */
export interface VeleroOptions {
  /**
   * Images of the plugins that know the providers of object storage. The one for CSI is none of them: it is part of Velero.
   *
   * @see https://velero.io/docs/v1.18/supported-providers/
   */
  readonly plugins: string[];

  /**
   * The Secret with the credentials for object storage, under the key `cloud`, in the namespace of Velero. What is in it is in no manifest.
   *
   * @default - none: the pods have an identity of the cloud, or each storage location names a Secret of its own
   */
  readonly credentialsSecretName?: string;

  /**
   * Whether a pod on each node moves data and copies files. It reads the volumes of all pods of its node, as root.
   *
   * @default true
   */
  readonly nodeAgent?: boolean;

  /**
   * The image of Velero, by tag or digest, for example from a mirror.
   *
   * @default - that of the chart
   */
  readonly image?: string;

  /**
   * Names of secrets of type `kubernetes.io/dockerconfigjson` to pull images with.
   *
   * @default - none
   */
  readonly imagePullSecrets?: string[];

  /**
   * Further values of the chart, in its words. They win over what the other options say.
   *
   * @default - none
   */
  readonly values?: { [name: string]: any };
}

/**
 * Which chart, and how Velero runs.
 */
export interface VeleroProps extends VeleroOptions {
  /**
   * The chart: a folder or an archive in your repository, so that synth needs no network; or its name, with `repo` and `version`.
   */
  readonly chart: string;

  /**
   * The repository of the chart, from which it is downloaded at each synth.
   *
   * @default - none, `chart` is a path
   */
  readonly repo?: string;

  /**
   * The version of the chart in the repository.
   *
   * @default - that of the folder or archive; needed with `repo`
   */
  readonly version?: string;

  /**
   * Where Velero runs, and looks for its objects.
   *
   * @default 'velero', whatever the namespace of the chart
   */
  readonly namespace?: string;

  /**
   * The name of the release, with which names of objects begin.
   *
   * @default 'velero'
   */
  readonly releaseName?: string;

  /**
   * The program that renders the chart.
   *
   * @default 'helm', as the shell finds it
   */
  readonly helmExecutable?: string;
}

const PROPS: KnownKeys<VeleroProps> = {
  ...VELERO_OPTIONS, chart: true, repo: true, version: true, namespace: true, releaseName: true, helmExecutable: true,
};

/**
 * Velero itself, by its Helm chart, with what CSI snapshots need.
 *
 * cdk8s runs `helm template`, so `helm` must be there at synth. For Argo CD or Flux that
 * install charts themselves, `Velero.values` gives the values alone.
 *
 * The namespace is not part of it. With the node agent it must allow privileged pods.
 *
 * @see https://github.com/vmware-tanzu/helm-charts/tree/main/charts/velero
 * @example
 * import { App, Chart } from 'cdk8s';
 * import { Velero } from 'cdk8s-volume-snapshots';
 *
 * const platform = new Chart(new App(), 'platform');
 * // helm pull velero --repo https://vmware-tanzu.github.io/helm-charts --version ... --untar --untardir charts
 * new Velero(platform, 'Velero', {
 *   chart: 'charts/velero',
 *   plugins: ['velero/velero-plugin-for-aws:v1.14.2'],
 *   credentialsSecretName: 'velero-aws',
 * });
 */
export class Velero extends Construct {
  /**
   * The values of the chart as YAML, for an Application of Argo CD or a HelmRelease of Flux.
   *
   * @param options how Velero runs
   * @throws if an option is not valid
   * @see https://github.com/vmware-tanzu/helm-charts/tree/main/charts/velero
   * @example
   * import { App, ApiObject, Chart, Yaml } from 'cdk8s';
   * import { Velero } from 'cdk8s-volume-snapshots';
   *
   * const chart = new Chart(new App(), 'argocd', { namespace: 'argocd' });
   * new ApiObject(chart, 'Velero', {
   *   apiVersion: 'argoproj.io/v1alpha1',
   *   kind: 'Application',
   *   metadata: { name: 'velero' },
   *   spec: {
   *     project: 'platform',
   *     destination: { name: 'in-cluster', namespace: 'velero' },
   *     source: {
   *       repoURL: 'https://vmware-tanzu.github.io/helm-charts',
   *       chart: 'velero',
   *       targetRevision: '12.1.0',
   *       helm: { values: Velero.values({ plugins: ['velero/velero-plugin-for-aws:v1.14.2'], credentialsSecretName: 'velero-aws' }) },
   *     },
   *   },
   * });
   */
  public static values(options: VeleroOptions): string {
    const origin = 'Velero.values';
    requireKnownKeys(origin, options, VELERO_OPTIONS, 'options');
    requireVeleroOptions(origin, options);
    return Yaml.stringify(veleroValues(options));
  }

  /**
   * Where Velero runs, and looks for its objects.
   */
  public readonly namespace: string;

  private readonly helm: Helm;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct
   * @param props which chart, and how Velero runs
   * @throws if a prop is not valid, or helm fails
   */
  constructor(scope: Construct, id: string, props: VeleroProps) {
    super(scope, id);
    requireKnownKeys(this, props, PROPS);
    requireVeleroOptions(this, props);
    requireChart(this, props);
    this.namespace = props.namespace ?? VELERO_NAMESPACE;
    requireDnsLabel(this, 'namespace', this.namespace);
    const releaseName = props.releaseName ?? 'velero';
    requireDnsLabel(this, 'releaseName', releaseName, 53);

    this.helm = new Helm(this, 'Helm', {
      chart: props.chart,
      repo: props.repo,
      version: props.version,
      namespace: this.namespace,
      releaseName,
      helmExecutable: props.helmExecutable,
      helmFlags: ['--include-crds'],
      values: veleroValues(props),
    });
    this.helm.apiObjects.forEach(object => settle(object));
    registerChartChecks(this);
  }

  /**
   * What the chart renders to; change it by `addJsonPatch`.
   */
  public get apiObjects(): ApiObject[] {
    return [...this.helm.apiObjects];
  }
}

/** What the chart leaves to Helm: cdk8s gives every object a namespace, and GitOps tools would delete all backups' objects with their CRD. */
function settle(object: ApiObject): void {
  const isCrd = object.kind === 'CustomResourceDefinition';
  if (isCrd || object.kind.startsWith('Cluster')) { clusterScoped(object); }
  if (isCrd) {
    const { annotations = {} } = metadataWithRemovalPolicy(RemovalPolicy.KEEP, { annotations: object.toJson().metadata.annotations });
    Object.entries(annotations).forEach(([key, value]) => object.metadata.addAnnotation(key, value));
  }
}

function requireChart(origin: Construct, { chart, repo, version }: VeleroProps): void {
  requireText(origin, 'chart', chart);
  if (chart.trim() === '') {
    reject(origin, 'chart', { problem: 'empty', got: chart, allowed: 'a path, or a name with repo', fix: "write for example 'charts/velero'" });
  }
  if (repo !== undefined) { requireText(origin, 'repo', repo); }
  if (version !== undefined) { requireText(origin, 'version', version); }
  const remote = repo !== undefined || chart.includes('://');
  if (remote && !/^\d+\.\d+\.\d+/.test(version ?? '')) {
    reject(origin, 'version', {
      problem: 'the same program would render another chart tomorrow', got: version, allowed: 'one version, such as 12.1.0', fix: 'name the version that you have reviewed',
    });
  }
}
