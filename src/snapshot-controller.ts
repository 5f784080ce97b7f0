import { ApiObject, ApiObjectMetadata, ApiObjectProps } from 'cdk8s';
import { Construct } from 'constructs';
import { Manifest } from './model/manifest';
import { clusterScoped, namespaceOf } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import {
  containerOf, controllerSpec, DEFAULT_CONTROLLER_MEMORY, gatesOf, GROUP_GATE, groupApiVersion, labelsOf, METRICS_PORT, METRICS_PORT_NAME, versionOf,
} from './private/controller-deployment';
import { CONTROLLER, ControllerManifests, readController, requireGroups } from './private/controller-manifests';
import { metadataWithRemovalPolicy } from './private/removal';
import { requireImage, requireResources, requireToleration, RESOURCES, TOLERATION } from './private/runner-pod';
import {
  KnownKeys, reject, requireBoolean, requireDnsLabel, requireInteger, requireKnownKeys, requireLabels, requireList, requireName,
} from './private/validate';
import { RemovalPolicy } from './removal-policy';
import { RunnerResources, RunnerToleration } from './runner-pod';

/**
 * Which release, and how it runs.
 */
export interface SnapshotControllerProps {
  /**
   * The texts of the manifests of one release of external-snapshotter: its CRDs, and the Deployment with its rights, in any order, each text of one
   * object or of many.
   *
   * @see https://github.com/kubernetes-csi/external-snapshotter#usage
   */
  readonly manifests: string[];

  /**
   * Where the controller runs.
   *
   * @default - the namespace of the chart, or else that of the manifests, which is `kube-system`
   */
  readonly namespace?: string;

  /**
   * Whether VolumeGroupSnapshots are taken. The `csi-snapshotter` beside the driver needs the feature gate `CSIVolumeGroupSnapshot` too.
   *
   * @see https://kubernetes-csi.github.io/docs/group-snapshot-restore-feature.html
   * @default - as the manifests say, which is no up to external-snapshotter 8.6
   */
  readonly groupSnapshots?: boolean;

  /**
   * How many pods there are; one of them acts, the others take over when it is gone.
   *
   * @default 2
   */
  readonly replicas?: number;

  /**
   * Requests a second to the API server. A snapshot takes about 20 of them between its creation and its deletion.
   *
   * @default 50
   */
  readonly kubeApiQps?: number;

  /**
   * Requests at once to the API server, at least `kubeApiQps`.
   *
   * @default - twice `kubeApiQps`
   */
  readonly kubeApiBurst?: number;

  /**
   * How many snapshots, and how many contents, are worked on at a time.
   *
   * @default 10
   */
  readonly workerThreads?: number;

  /**
   * The image of the controller, by tag or digest, for example from a mirror.
   *
   * @default - that of the manifests
   */
  readonly image?: string;

  /**
   * Names of secrets of type `kubernetes.io/dockerconfigjson` to pull the image with.
   *
   * @default - none
   */
  readonly imagePullSecrets?: string[];

  /**
   * What the container asks for and may use.
   *
   * @default - 10m to 1 CPU and 64Mi to 512Mi of memory
   */
  readonly resources?: RunnerResources;

  /**
   * Labels that a node must have, besides `kubernetes.io/os: linux`.
   *
   * @default - any Linux node
   */
  readonly nodeSelector?: { [key: string]: string };

  /**
   * Taints that the pods tolerate.
   *
   * @default - as the manifests say, which is none
   */
  readonly tolerations?: RunnerToleration[];

  /**
   * Name of a priority class.
   *
   * @default 'system-cluster-critical'
   */
  readonly priorityClassName?: string;
}

const PROPS: KnownKeys<SnapshotControllerProps> = {
  manifests: true,
  namespace: true,
  groupSnapshots: true,
  replicas: true,
  kubeApiQps: true,
  kubeApiBurst: true,
  workerThreads: true,
  image: true,
  imagePullSecrets: true,
  resources: true,
  nodeSelector: true,
  tolerations: true,
  priorityClassName: true,
};

const DEFAULTS = { replicas: 2, kubeApiQps: 50, workerThreads: 10, priorityClassName: 'system-cluster-critical' };

/**
 * The snapshot controller and its CRDs, for clusters that do not bring their own.
 *
 * Takes the manifests of a release as the project publishes them, checks that nothing is
 * missing, and renders them so that they can be relied on: CRDs that GitOps tools never
 * prune, since all snapshots go with them; two pods on two nodes, of which one
 * leads; a PodDisruptionBudget; more requests a second than the 5 that are usual; metrics
 * with a Service; a liveness probe; restricted Pod Security.
 *
 * @see https://kubernetes-csi.github.io/docs/snapshot-controller.html
 * @example
 * import { App, Chart } from 'cdk8s';
 * import { SnapshotController } from 'cdk8s-volume-snapshots';
 *
 * // what readFileSync('crds.yaml', 'utf8') and readFileSync('controller.yaml', 'utf8') return
 * declare const crds: string;
 * declare const controller: string;
 * const platform = new Chart(new App(), 'platform');
 * new SnapshotController(platform, 'SnapshotController', {
 *   manifests: [crds, controller],
 *   image: 'registry.k8s.io/sig-storage/snapshot-controller:v8.6.0',
 * });
 */
export class SnapshotController extends Construct {
  /**
   * The name of the Deployment and of its PodDisruptionBudget.
   */
  public readonly name: string;

  /**
   * Where the controller runs.
   */
  public readonly namespace: string;

  /**
   * The image of the controller.
   */
  public readonly image: string;

  /**
   * Whether the controller takes group snapshots; true also if the manifests say so.
   */
  public readonly groupSnapshots: boolean;

  /**
   * The name of the Service under which Prometheus finds the metrics, at `/metrics` of the port `metrics`.
   */
  public readonly metricsServiceName: string;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct
   * @param props which release, and how it runs
   * @throws if the manifests are not those of one release, lack what the controller needs, or a prop is not valid
   */
  constructor(scope: Construct, id: string, props: SnapshotControllerProps) {
    super(scope, id);
    requireKnownKeys(this, props, PROPS);
    requirePod(this, props);
    const { replicas, kubeApiQps, workerThreads, priorityClassName } = { ...DEFAULTS, ...defined(props) };
    const kubeApiBurst = props.kubeApiBurst ?? 2 * kubeApiQps;
    requireNumbers(this, replicas, kubeApiQps, kubeApiBurst, workerThreads);
    requireName(this, 'priorityClassName', priorityClassName);
    requireTexts(this, props.manifests);
    const release = readController(this, props.manifests);
    const { deployment } = release;
    const container = containerOf(deployment);

    this.name = CONTROLLER;
    this.metricsServiceName = `${CONTROLLER}-metrics`;
    this.namespace = props.namespace ?? namespaceOf(this) ?? (deployment.metadata.namespace || 'kube-system');
    requireDnsLabel(this, 'namespace', this.namespace);
    this.image = props.image ?? container.image;
    requireImage(this, props.image === undefined ? 'manifests' : 'image', this.image, 'registry.k8s.io/sig-storage/snapshot-controller:v8.6.0');
    const gates = gatesWith(gatesOf(container.args ?? []), props.groupSnapshots);
    this.groupSnapshots = /^(1|t|true)$/i.test(gates[GROUP_GATE] ?? '');
    if (this.groupSnapshots) { requireGroups(this, release, this.groupApi()); }

    this.defineRelease(release, {
      ...deployment,
      spec: controllerSpec(deployment, {
        ...props,
        replicas,
        priorityClassName,
        image: this.image,
        resources: props.resources ?? {},
        flags: {
          'leader-election': 'true',
          'leader-election-namespace': this.namespace,
          'kube-api-qps': `${kubeApiQps}`,
          'kube-api-burst': `${kubeApiBurst}`,
          'worker-threads': `${workerThreads}`,
          'http-endpoint': `:${METRICS_PORT}`,
          'metrics-path': '/metrics',
          'feature-gates': Object.entries(gates).map(pair => pair.join('=')).join(',') || undefined,
        },
      }),
    });
    this.defineCompanions(labelsOf(deployment));
    registerChartChecks(this);
  }

  /** The version of the group API that the CRDs must serve for this image; undefined if the image does not tell. */
  private groupApi(): string | undefined {
    const version = versionOf(this.image);
    if (version === undefined) { return undefined; }
    return groupApiVersion(version) ?? reject(this, 'groupSnapshots', {
      problem: 'the controller is too old for this feature gate, and would exit', got: this.image, allowed: 'v8.2.0 or later', fix: 'take a later release, or leave groups out',
    });
  }

  /** What the release has, CRDs first, so that whoever applies the file from top to bottom needs no second time. */
  private defineRelease({ crds, rights }: ControllerManifests, deployment: Manifest): void {
    for (const crd of crds) {
      clusterScoped(this.define(crd.metadata.name, { ...crd, metadata: metadataWithRemovalPolicy(RemovalPolicy.KEEP, metadataOf(crd)) }));
    }
    for (const object of rights) {
      const id = `${object.kind}.${object.metadata.name}`;
      const subjects = object.subjects?.map((subject: object) => ({ ...subject, namespace: this.namespace }));
      const manifest = { ...object, ...subjects && { subjects } };
      if (object.kind.startsWith('Cluster')) {
        clusterScoped(this.define(id, { ...manifest, metadata: metadataOf(object) }));
      } else {
        this.define(id, { ...manifest, metadata: { ...metadataOf(object), namespace: this.namespace } });
      }
    }
    this.define('Resource', { ...deployment, metadata: { ...metadataOf(deployment), namespace: this.namespace } });
  }

  private defineCompanions(labels: { [key: string]: string }): void {
    this.define('PodDisruptionBudget', {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: this.name, namespace: this.namespace },
      // of a single pod too, which must not keep a node from being drained; nor must one that does not work anyway
      spec: { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow', selector: { matchLabels: labels } },
    });
    this.define('Metrics', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: this.metricsServiceName, namespace: this.namespace, labels },
      // of the leader alone there are figures of snapshots, so that each pod is scraped
      spec: { clusterIP: 'None', selector: labels, ports: [{ name: METRICS_PORT_NAME, port: METRICS_PORT, targetPort: METRICS_PORT_NAME, protocol: 'TCP' }] },
    });
  }

  private define(id: string, manifest: ApiObjectProps & { readonly [field: string]: any }): ApiObject {
    return new ApiObject(this, id, manifest);
  }
}

/** What there is of the metadata in the manifest. */
function metadataOf({ metadata: { name, labels, annotations } }: Manifest): ApiObjectMetadata {
  return { name, ...Object.keys(labels).length > 0 && { labels }, ...Object.keys(annotations).length > 0 && { annotations } };
}

function defined<T extends object>(props: T): Partial<T> {
  return Object.fromEntries(Object.entries(props).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** The gates of the manifests, with the one of groups as it is wanted; taken away rather than set to false, which a later release may refuse. */
function gatesWith(gates: { [gate: string]: string }, groups: boolean | undefined): { [gate: string]: string } {
  if (groups === true) { return { ...gates, [GROUP_GATE]: 'true' }; }
  return groups === false ? Object.fromEntries(Object.entries(gates).filter(([gate]) => gate !== GROUP_GATE)) : gates;
}

function requireTexts(origin: Construct, manifests: string[]): void {
  requireList(origin, 'manifests', manifests);
  if (!manifests?.length) {
    reject(origin, 'manifests', {
      problem: 'there is nothing to install', got: manifests, allowed: 'the texts of the manifests of a release', fix: "read them: [fs.readFileSync('...', 'utf8')]",
    });
  }
}

function requireNumbers(origin: Construct, replicas: number, qps: number, burst: number, workers: number): void {
  requireInteger(origin, 'replicas', replicas, 1, 10);
  requireInteger(origin, 'kubeApiQps', qps, 1, 10_000);
  requireInteger(origin, 'kubeApiBurst', burst, qps, 20_000);
  requireInteger(origin, 'workerThreads', workers, 1, 1_000);
}

function requirePod(origin: Construct, props: SnapshotControllerProps): void {
  requireBoolean(origin, 'groupSnapshots', props.groupSnapshots);
  requireList(origin, 'imagePullSecrets', props.imagePullSecrets);
  props.imagePullSecrets?.forEach(name => requireName(origin, 'imagePullSecrets', name));
  requireKnownKeys(origin, props.resources ?? {}, RESOURCES, 'resources');
  requireResources(origin, 'resources', { ...props.resources, memoryLimit: props.resources?.memoryLimit ?? DEFAULT_CONTROLLER_MEMORY });
  requireLabels(origin, 'nodeSelector', props.nodeSelector ?? {});
  requireList(origin, 'tolerations', props.tolerations);
  for (const toleration of props.tolerations ?? []) {
    requireKnownKeys(origin, toleration, TOLERATION, 'tolerations');
    requireToleration(origin, 'tolerations', toleration);
  }
}
