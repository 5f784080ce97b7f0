import { Duration, Size, SizeRoundingBehavior } from 'cdk8s';
import { quantityToNumber } from './quantity';
import {
  INT32_MAX, KnownKeys, Origin, refuseKeys, reject, requireDuration, requireEnum, requireInteger, requireKeys, requireKind,
  requireKnownKeys, requireLabels, requireList, requireName, requireQuantity,
} from './validate';
import { ENVIRONMENT, FOREIGN_TOOL_LABELS, KEY_PREFIX, KEYS } from '../runner/config';
import { RunnerPodOptions, RunnerResources, RunnerSecurityContext, RunnerToleration, TaintEffect } from '../runner-pod';

/** Numeric non-root user, no shell, no pull limits; its entry point is node. */
const DEFAULT_IMAGE = { registry: 'gcr.io', name: 'distroless/nodejs24-debian12:nonroot' };
const DEFAULT_CPU_REQUEST = '10m';
const DEFAULT_CPU_LIMIT = '1';
const DEFAULT_MEMORY_REQUEST = Size.mebibytes(64);
const DEFAULT_MEMORY_LIMIT = Size.mebibytes(256);
const LEAST_MEMORY = Size.mebibytes(64);

export const RUNNER_CONTAINER = 'runner';
/**
 * A run mostly waits, so that compiled code and room for many young objects would cost
 * memory and gain no time; without a compiler no memory need be both writable and executable.
 */
const NODE_ARGUMENTS = ['--jitless', '--max-semi-space-size=1'];
const RUNNER_DIRECTORY = '/opt/runner';
export const RUNNER_FILE = 'runner.mjs';

/**
 * Tells service meshes to keep out: a sidecar keeps a Job alive for ever, and lets a pod be reached; and
 * Velero, which would restore a pod that was running, and have it run once more.
 */
export const KEEP_OUT = {
  labels: { 'sidecar.istio.io/inject': 'false', 'kuma.io/sidecar-injection': 'disabled', ...FOREIGN_TOOL_LABELS },
  annotations: { 'linkerd.io/inject': 'disabled' },
};

/** What each container may do at the most, by the restricted Pod Security Standard; and no more than that, since the root file system is not written to. */
export const RESTRICTED = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } };

/** What differs from pod to pod. */
export interface RunnerPod {
  readonly options: RunnerPodOptions;
  readonly imageRegistry?: string;
  readonly scheduleId: string;
  readonly serviceAccountName: string;
  readonly configMapName: string;
  readonly checksum: string;
  /** the configuration document, in JSON */
  readonly config: string;
  /** the shell script by which applications are quiesced */
  readonly quiesceScript?: string;
  /** what follows the runner in the same pod */
  readonly successor?: RunnerSuccessor;
}

/** A container that starts once the runner has ended well, and takes over what that has left. It cannot act as the runner's service account. */
export interface RunnerSuccessor {
  /** as Kubernetes writes it */
  readonly container: object;
  /** those of the container, and what the two share */
  readonly volumes: readonly object[];
  /** where the runner has what they share */
  readonly runnerMounts: readonly object[];
  /** whose the volumes are */
  readonly fsGroup: number;
}

/** A schedule's own settings before those that were given for many; maps are merged. */
export function mergePodOptions(own: RunnerPodOptions, shared: RunnerPodOptions): RunnerPodOptions {
  return {
    image: own.image ?? shared.image,
    imagePullSecrets: own.imagePullSecrets ?? shared.imagePullSecrets,
    resources: {
      cpuRequest: own.resources?.cpuRequest ?? shared.resources?.cpuRequest,
      cpuLimit: own.resources?.cpuLimit ?? shared.resources?.cpuLimit,
      memoryRequest: own.resources?.memoryRequest ?? shared.resources?.memoryRequest,
      memoryLimit: own.resources?.memoryLimit ?? shared.resources?.memoryLimit,
    },
    labels: { ...shared.labels, ...own.labels },
    annotations: { ...shared.annotations, ...own.annotations },
    nodeSelector: { ...shared.nodeSelector, ...own.nodeSelector },
    affinity: own.affinity ?? shared.affinity,
    tolerations: own.tolerations ?? shared.tolerations,
    priorityClassName: own.priorityClassName ?? shared.priorityClassName,
    securityContext: own.securityContext ?? shared.securityContext,
  };
}

/** The pod template of a Job that executes the runner. */
export function renderRunnerPod(pod: RunnerPod): object {
  const { options, successor } = pod;
  const image = options.image ?? `${pod.imageRegistry ?? DEFAULT_IMAGE.registry}/${DEFAULT_IMAGE.name}`;
  const runner = renderRunner(pod, image);
  return {
    metadata: {
      labels: {
        [KEYS.schedule]: pod.scheduleId,
        ...KEEP_OUT.labels,
        ...options.labels,
      },
      annotations: {
        [KEYS.checksum]: pod.checksum,
        ...KEEP_OUT.annotations,
        'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false',
        'karpenter.sh/do-not-disrupt': 'true',
        ...options.annotations,
      },
    },
    spec: {
      restartPolicy: 'Never',
      serviceAccountName: pod.serviceAccountName,
      automountServiceAccountToken: !successor,
      enableServiceLinks: false,
      os: { name: 'linux' },
      nodeSelector: { ...options.nodeSelector, 'kubernetes.io/os': 'linux' },
      affinity: options.affinity,
      tolerations: options.tolerations?.map(renderToleration),
      priorityClassName: options.priorityClassName,
      imagePullSecrets: options.imagePullSecrets?.map(name => ({ name })),
      securityContext: { runAsNonRoot: true, ...runAs(options, image), fsGroup: successor?.fsGroup, seccompProfile: { type: 'RuntimeDefault' } },
      ...successor ? { initContainers: [runner], containers: [successor.container] } : { containers: [runner] },
      volumes: [{ name: 'runner', configMap: { name: pod.configMapName } }, ...successor ? [ACCOUNT_VOLUME, ...successor.volumes] : []],
    },
  };
}

function renderRunner(pod: RunnerPod, image: string): object {
  return {
    name: RUNNER_CONTAINER,
    image,
    imagePullPolicy: 'IfNotPresent',
    // both kinds of image start node with these
    args: [...NODE_ARGUMENTS, `${RUNNER_DIRECTORY}/${RUNNER_FILE}`],
    env: [
      { name: ENVIRONMENT.config, value: pod.config.replace(EXPANDED, '\\u0024') },
      ...pod.quiesceScript === undefined ? [] : [{ name: ENVIRONMENT.quiesceScript, value: unexpanded(pod.quiesceScript) }],
      fromField(ENVIRONMENT.namespace, 'metadata.namespace'),
      fromField(ENVIRONMENT.podName, 'metadata.name'),
      fromField(ENVIRONMENT.jobName, "metadata.labels['batch.kubernetes.io/job-name']"),
      fromField(ENVIRONMENT.jobUid, "metadata.labels['batch.kubernetes.io/controller-uid']"),
    ],
    resources: renderResources(pod.options.resources ?? {}),
    securityContext: RESTRICTED,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: 'runner', mountPath: RUNNER_DIRECTORY, readOnly: true },
      ...pod.successor ? [{ name: ACCOUNT_VOLUME.name, mountPath: ACCOUNT_DIRECTORY, readOnly: true }, ...pod.successor.runnerMounts] : [],
    ],
  };
}

const ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';

/** What the kubelet would mount in every container of a pod, for the runner alone. */
const ACCOUNT_VOLUME = {
  name: 'account',
  projected: {
    sources: [
      { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    ],
  },
};

/**
 * The kubelet puts other variables in the place of `$(NAME)`, and one dollar in that of two.
 *
 * @see https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
 */
const EXPANDED = /\$(?=[$(])/g;

/** Text that the kubelet makes what it is here, in a variable or a command. */
export function unexpanded(text: string): string { return text.replace(EXPANDED, '$$$$'); }

function fromField(name: string, fieldPath: string): object {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}

/** The official node images, wherever they are mirrored, run as root unless told otherwise, which the kubelet then refuses every night. */
function runAs(options: RunnerPodOptions, image: string): object {
  const usual = /^([^@]*\/)?node[:@]/.test(image) ? 1000 : undefined;
  return { runAsUser: options.securityContext?.user ?? usual, runAsGroup: options.securityContext?.group ?? usual };
}

/** What a container asks for and may use, or the usual. */
export function renderResources(resources: RunnerResources): object {
  return {
    requests: { cpu: resources.cpuRequest ?? DEFAULT_CPU_REQUEST, memory: (resources.memoryRequest ?? DEFAULT_MEMORY_REQUEST).asString() },
    limits: { cpu: resources.cpuLimit ?? DEFAULT_CPU_LIMIT, memory: (resources.memoryLimit ?? DEFAULT_MEMORY_LIMIT).asString() },
  };
}

export function renderToleration(toleration: RunnerToleration): object {
  return {
    key: toleration.key,
    operator: toleration.value === undefined ? 'Exists' : 'Equal',
    value: toleration.value,
    effect: toleration.effect,
    tolerationSeconds: toleration.tolerationDuration?.toSeconds(),
  };
}

/** A name, then a tag, a digest or both. */
const IMAGE = /^[a-z0-9][\w.-]*(:[0-9]+)?(\/[a-z0-9][\w.-]*)*(:\w[\w.-]*|(:\w[\w.-]*)?@[a-z0-9]+:[0-9a-f]+)$/i;

// the tag of an official image, and the name of a distroless one, say the version
const NODE_VERSION = /^(?:[^@]*\/)?(?:node:(\d+)(?:[.\d]*)(?:-(?:alpine|slim|trixie|bookworm|bullseye|buster)[^@]*)?|distroless\/nodejs(\d+)-debian.*)(?:@|$)/;
const LEAST_NODE_VERSION = 24;

const OPTIONS: KnownKeys<RunnerPodOptions> = {
  image: true,
  imagePullSecrets: true,
  resources: true,
  labels: true,
  annotations: true,
  nodeSelector: true,
  affinity: true,
  tolerations: true,
  priorityClassName: true,
  securityContext: true,
};
export const RESOURCES: KnownKeys<RunnerResources> = { cpuRequest: true, cpuLimit: true, memoryRequest: true, memoryLimit: true };
export const USER: KnownKeys<RunnerSecurityContext> = { user: true, group: true };
export const TOLERATION: KnownKeys<RunnerToleration> = { key: true, value: true, effect: true, tolerationDuration: true };

/** Refuses misspelled options; before they are merged, since afterwards they are gone. */
export function requireKnownPodOptions(origin: Origin, prop: string, pod: RunnerPodOptions): void {
  requireKnownKeys(origin, pod, OPTIONS, prop);
  requireKnownKeys(origin, pod.resources ?? {}, RESOURCES, `${prop}.resources`);
  requireKnownKeys(origin, pod.securityContext ?? {}, USER, `${prop}.securityContext`);
  requireList(origin, `${prop}.tolerations`, pod.tolerations);
  pod.tolerations?.forEach(toleration => requireKnownKeys(origin, toleration, TOLERATION, `${prop}.tolerations`));
}

/** An image that says which version is meant. */
export function requireImage(origin: Origin, prop: string, image: string, example: string): void {
  if (!IMAGE.test(image)) {
    reject(origin, prop, { problem: 'not an image', got: image, allowed: 'a name with a tag or digest', fix: `write for example ${example}` });
  }
}

/** Who a container runs as: numbers, and not root. */
export function requireUser(origin: Origin, prop: string, { user, group }: RunnerSecurityContext): void {
  if (user !== undefined) { requireInteger(origin, `${prop}.user`, user, 1, INT32_MAX); }
  if (group !== undefined) { requireInteger(origin, `${prop}.group`, group, 1, INT32_MAX); }
}

/** Checks what a user wrote, before anything is built from it. */
export function requireRunnerPod(origin: Origin, prop: string, pod: RunnerPodOptions): void {
  if (pod.image !== undefined) { requireImage(origin, `${prop}.image`, pod.image, 'node:24-alpine'); }
  const version = NODE_VERSION.exec(pod.image ?? '');
  if (version && Number(version[1] ?? version[2]) < LEAST_NODE_VERSION) {
    reject(origin, `${prop}.image`, {
      problem: 'too old to run the program', got: pod.image, allowed: `Node.js ${LEAST_NODE_VERSION} or later`, fix: 'write for example node:24-alpine',
    });
  }
  requireList(origin, `${prop}.imagePullSecrets`, pod.imagePullSecrets);
  pod.imagePullSecrets?.forEach(name => requireName(origin, `${prop}.imagePullSecrets`, name));
  requireLabels(origin, `${prop}.labels`, pod.labels ?? {});
  requireKeys(origin, `${prop}.annotations`, pod.annotations ?? {});
  refuseKeys(origin, `${prop}.labels`, pod.labels ?? {}, [KEY_PREFIX, 'batch.kubernetes.io/']);
  refuseKeys(origin, `${prop}.annotations`, pod.annotations ?? {}, [KEY_PREFIX]);
  requireLabels(origin, `${prop}.nodeSelector`, pod.nodeSelector ?? {});
  for (const key of Object.keys(pod.affinity ?? {})) {
    if (!['nodeAffinity', 'podAffinity', 'podAntiAffinity'].includes(key)) {
      reject(origin, `${prop}.affinity`, {
        problem: 'unknown key', got: key, allowed: 'nodeAffinity, podAffinity and podAntiAffinity', fix: 'correct the key',
      });
    }
  }
  if (pod.priorityClassName !== undefined) { requireName(origin, `${prop}.priorityClassName`, pod.priorityClassName); }
  requireNodeMemory(origin, `${prop}.resources.memoryLimit`, pod.resources?.memoryLimit ?? DEFAULT_MEMORY_LIMIT);
  requireResources(origin, `${prop}.resources`, pod.resources ?? {});
  requireUser(origin, `${prop}.securityContext`, pod.securityContext ?? {});
  for (const toleration of pod.tolerations ?? []) { requireToleration(origin, `${prop}.tolerations`, toleration); }
}

export function requireToleration(origin: Origin, prop: string, toleration: RunnerToleration): void {
  requireEnum(origin, `${prop}.effect`, toleration.effect, TaintEffect);
  if (toleration.key !== undefined) { requireLabels(origin, prop, { [toleration.key]: toleration.value ?? '' }); }
  if (toleration.value !== undefined && toleration.key === undefined) {
    reject(origin, prop, { problem: 'a value needs a key', got: toleration.value, allowed: 'key and value, or neither', fix: 'name the key' });
  }
  if (toleration.tolerationDuration !== undefined && toleration.effect !== TaintEffect.NO_EXECUTE) {
    reject(origin, prop, {
      problem: 'only NO_EXECUTE taints are tolerated for a time',
      got: toleration.effect,
      allowed: 'effect: TaintEffect.NO_EXECUTE',
      fix: 'set the effect, or leave out tolerationDuration',
    });
  }
  if (toleration.tolerationDuration !== undefined) {
    requireDuration(origin, `${prop}.tolerationDuration`, toleration.tolerationDuration, Duration.seconds(1), Duration.days(365));
  }
}

/** Checks what is asked for a container, and what it may use. */
export function requireResources(origin: Origin, prop: string, resources: RunnerResources): void {
  requireCpu(origin, prop, resources);
  requireMemory(origin, prop, resources);
}

function requireCpu(origin: Origin, prop: string, resources: RunnerResources): void {
  const request = resources.cpuRequest ?? DEFAULT_CPU_REQUEST;
  const limit = resources.cpuLimit ?? DEFAULT_CPU_LIMIT;
  requireQuantity(origin, `${prop}.cpuRequest`, request);
  requireQuantity(origin, `${prop}.cpuLimit`, limit);
  if (quantityToNumber(request)! > quantityToNumber(limit)!) {
    reject(origin, `${prop}.cpuRequest`, {
      problem: 'more than the limit', got: request, allowed: `at most ${limit}`, fix: 'lower the request or raise cpuLimit',
    });
  }
}

const kibibytes = (size: Size) => size.toKibibytes({ rounding: SizeRoundingBehavior.NONE });

/** With too little the runner would be killed each night, before it says anything. */
function requireNodeMemory(origin: Origin, prop: string, limit: Size): void {
  requireKind(origin, prop, limit, 'Size');
  if (!(kibibytes(limit) >= kibibytes(LEAST_MEMORY))) {
    reject(origin, prop, { problem: 'too little for Node.js', got: limit, allowed: `at least ${LEAST_MEMORY.asString()}`, fix: 'raise it' });
  }
}

function requireMemory(origin: Origin, prop: string, resources: RunnerResources): void {
  const request = resources.memoryRequest ?? DEFAULT_MEMORY_REQUEST;
  const limit = resources.memoryLimit ?? DEFAULT_MEMORY_LIMIT;
  requireKind(origin, `${prop}.memoryRequest`, request, 'Size');
  requireKind(origin, `${prop}.memoryLimit`, limit, 'Size');
  // written so that NaN is refused too
  if (!(kibibytes(request) <= kibibytes(limit))) {
    reject(origin, `${prop}.memoryRequest`, {
      problem: 'more than the limit', got: request, allowed: `at most ${limit.asString()}`, fix: 'lower the request or raise memoryLimit',
    });
  }
}

