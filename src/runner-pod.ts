import { Duration, Size } from 'cdk8s';

/**
 * What a taint does to pods that do not tolerate it.
 */
export enum TaintEffect {
  /** Pods are not scheduled onto the node. */
  NO_SCHEDULE = 'NoSchedule',
  /** The scheduler avoids the node. */
  PREFER_NO_SCHEDULE = 'PreferNoSchedule',
  /** Running pods are evicted as well. */
  NO_EXECUTE = 'NoExecute',
}

/**
 * Lets the pod run on tainted nodes.
 *
 * @see https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
 */
export interface RunnerToleration {
  /**
   * The key of the taint.
   *
   * @default - every key
   */
  readonly key?: string;

  /**
   * The value of the taint.
   *
   * @default - every value
   */
  readonly value?: string;

  /**
   * The effect of the taint.
   *
   * @default - every effect
   */
  readonly effect?: TaintEffect;

  /**
   * How long a `NO_EXECUTE` taint is tolerated.
   *
   * @default - for ever
   */
  readonly tolerationDuration?: Duration;
}

/**
 * What the container asks for and may use.
 *
 * @see https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
 */
export interface RunnerResources {
  /**
   * Processor time that is set aside, a quantity such as `10m`.
   *
   * @default '10m'
   */
  readonly cpuRequest?: string;

  /**
   * Processor time at the most, a quantity such as `1` or `500m`.
   *
   * @default '1'
   */
  readonly cpuLimit?: string;

  /**
   * Memory that is set aside.
   *
   * @default Size.mebibytes(64)
   */
  readonly memoryRequest?: Size;

  /**
   * Memory at the most.
   *
   * @default Size.mebibytes(256)
   */
  readonly memoryLimit?: Size;
}

/**
 * Who the container runs as. All else is fixed at what the restricted Pod Security Standard asks for.
 *
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
 */
export interface RunnerSecurityContext {
  /**
   * Numeric user, at least 1.
   *
   * @default - the image's own user; 1000 for the official `node` images, which would run as root
   */
  readonly user?: number;

  /**
   * Numeric group, at least 1.
   *
   * @default - the image's own group; 1000 for the official `node` images
   */
  readonly group?: number;
}

/**
 * The pod that takes the snapshots. Given for a schedule, or for many with `RunnerDefaults`.
 */
export interface RunnerPodOptions {
  /**
   * An image whose entry point is Node.js 24 or later, by tag or by digest.
   *
   * @default 'gcr.io/distroless/nodejs24-debian12:nonroot', from `RunnerDefaults.imageRegistry` if that is set
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
   * @default - 10m to 1 CPU and 64Mi to 256Mi of memory
   */
  readonly resources?: RunnerResources;

  /**
   * More labels of the pod, for example for a NetworkPolicy that lets it reach the API server.
   *
   * @default - only the label that names the schedule, and those that keep service meshes away
   */
  readonly labels?: { [key: string]: string };

  /**
   * More annotations of the pod.
   *
   * @default - only those that keep service meshes and node drains by autoscalers away
   */
  readonly annotations?: { [key: string]: string };

  /**
   * Labels that a node must have, besides `kubernetes.io/os: linux`.
   *
   * @default - any Linux node
   */
  readonly nodeSelector?: { [key: string]: string };

  /**
   * Affinity, as Kubernetes writes it: keys `nodeAffinity`, `podAffinity` and `podAntiAffinity`.
   *
   * @see https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
   * @default - none
   */
  readonly affinity?: { [key: string]: any };

  /**
   * Taints that the pod tolerates.
   *
   * @default - none
   */
  readonly tolerations?: RunnerToleration[];

  /**
   * Name of a priority class.
   *
   * @default - the cluster's default priority
   */
  readonly priorityClassName?: string;

  /**
   * Who the container runs as.
   *
   * @default - the image's own user, which must not be root
   */
  readonly securityContext?: RunnerSecurityContext;
}
