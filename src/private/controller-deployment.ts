import { Size } from 'cdk8s';
import { renderResources, renderToleration, RESTRICTED } from './runner-pod';
import { Manifest, namesOf } from '../model/manifest';
import { RunnerResources, RunnerToleration } from '../runner-pod';

/** The values of flags; undefined takes one away. */
export interface Flags { readonly [name: string]: string | undefined }

/** What the construct decides; all else stays as the release has it. */
export interface ControllerSettings {
  readonly replicas: number;
  readonly flags: Flags;
  readonly image: string;
  readonly imagePullSecrets?: string[];
  readonly resources: RunnerResources;
  readonly nodeSelector?: { [key: string]: string };
  readonly tolerations?: RunnerToleration[];
  readonly priorityClassName: string;
}

export const METRICS_PORT = 8080;
export const METRICS_PORT_NAME = 'metrics';

/** All snapshots, contents, claims and volumes of the cluster are in its memory. */
export const DEFAULT_CONTROLLER_MEMORY = Size.mebibytes(512);

/** The image runs as root unless told otherwise. */
const NOBODY = 65534;

export const GROUP_GATE = 'CSIVolumeGroupSnapshot';

/** The word behind one of these is not its value. */
const BOOLEAN_FLAGS = ['leader-election'];

export const labelsOf = ({ spec }: Manifest): { [key: string]: string } => spec.selector.matchLabels;
export const containerOf = ({ spec }: Manifest): any => spec.template.spec.containers[0];

/** The specification of the Deployment, as it is applied. */
export function controllerSpec(deployment: Manifest, settings: ControllerSettings): object {
  const { spec } = deployment;
  const pod = spec.template.spec;
  return {
    ...spec,
    replicas: settings.replicas,
    template: {
      ...spec.template,
      spec: {
        ...pod,
        priorityClassName: settings.priorityClassName,
        securityContext: { ...pod.securityContext, runAsNonRoot: true, runAsUser: NOBODY, runAsGroup: NOBODY, seccompProfile: { type: 'RuntimeDefault' } },
        affinity: { ...pod.affinity, podAntiAffinity: apart(labelsOf(deployment)) },
        nodeSelector: { ...pod.nodeSelector, ...settings.nodeSelector, 'kubernetes.io/os': 'linux' },
        tolerations: settings.tolerations?.map(renderToleration) ?? pod.tolerations,
        imagePullSecrets: settings.imagePullSecrets?.map(name => ({ name })) ?? pod.imagePullSecrets,
        containers: [controllerContainer(containerOf(deployment), settings)],
      },
    },
  };
}

function controllerContainer(container: any, { flags, image, resources }: ControllerSettings): object {
  return {
    ...container,
    image,
    args: withFlags(namesOf(container.args), flags),
    ports: [{ name: METRICS_PORT_NAME, containerPort: METRICS_PORT, protocol: 'TCP' }],
    // a leader that cannot renew its lease would hold nobody back, and do nothing; the server is up only when the CRDs are, up to 30 seconds later
    livenessProbe: { httpGet: { path: '/healthz/leader-election', port: METRICS_PORT_NAME }, initialDelaySeconds: 35, periodSeconds: 20, timeoutSeconds: 10 },
    resources: renderResources({ ...resources, memoryLimit: resources.memoryLimit ?? DEFAULT_CONTROLLER_MEMORY }),
    securityContext: { ...container.securityContext, ...RESTRICTED, runAsNonRoot: true },
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

/** On another node if there is one, since a cluster may have only one. */
function apart(matchLabels: { [key: string]: string }): object {
  const podAffinityTerm = { labelSelector: { matchLabels }, topologyKey: 'kubernetes.io/hostname' };
  return { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm }] };
}

/** Arguments in which each of these flags has its value, and no other. */
export function withFlags(args: readonly string[], flags: Flags): string[] {
  const given = Object.entries(flags).filter(([, value]) => value !== undefined);
  return [...Object.keys(flags).reduce(withoutFlag, [...args]), ...given.map(([name, value]) => `--${name}=${value}`)];
}

function withoutFlag(args: string[], name: string): string[] {
  return args.filter((arg, index) => flagOf(arg) !== name && !(isValue(arg) && index > 0 && takesNext(args[index - 1], name)));
}

const takesNext = (arg: string, name: string): boolean => flagOf(arg) === name && !arg.includes('=') && !BOOLEAN_FLAGS.includes(name);
const isValue = (arg: string): boolean => !arg.startsWith('-');

/** Go takes one dash for two. */
function flagOf(arg: string): string | undefined {
  return /^--?([^=]+)/.exec(arg)?.[1];
}

/** The feature gates that arguments set; the last flag decides for each. */
export function gatesOf(args: readonly string[]): { [gate: string]: string } {
  const texts = args.flatMap((arg, index) => {
    if (flagOf(arg) !== 'feature-gates') { return []; }
    return [arg.includes('=') ? arg.slice(arg.indexOf('=') + 1) : args[index + 1] ?? ''];
  });
  const pairs = texts.flatMap(text => text.split(',')).map(pair => pair.trim().split('=')).filter(([gate]) => gate !== '');
  return Object.fromEntries(pairs.map(([gate, value]) => [gate, value ?? 'true']));
}

/** Major and minor version of external-snapshotter, if the image tells. */
export function versionOf(image: string): [number, number] | undefined {
  const [, major, minor] = /:v(\d+)\.(\d+)\.\d+(?:[^\w.][^@]*)?(?:@|$)/.exec(image) ?? [];
  return major === undefined ? undefined : [Number(major), Number(minor)];
}

/** The version of the group snapshot API that the controller of a version asks for; undefined if it knows no feature gate for groups. */
export function groupApiVersion([major, minor]: [number, number]): string | undefined {
  const version = major * 1000 + minor;
  if (version < 8002) { return undefined; }
  if (version < 8004) { return 'v1beta1'; }
  return version < 8006 ? 'v1beta2' : 'v1';
}
