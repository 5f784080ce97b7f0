import { ApiObject } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { KEEP_OUT } from './runner-pod';
import { reject } from './validate';

/** What is wanted of a workload's pod that runs restored software. */
export interface IsolatedPodSettings {
  /** the volumes that are to be restored claims, by name: what they are made of depends on who asks */
  readonly restored: ReadonlyMap<string, string>;
  /** they are production's claims, whose snapshots will be mounted and not they */
  readonly areSources?: boolean;
  /** the first one if absent */
  readonly container?: string;
  /** in place of its command and arguments */
  readonly command?: readonly string[];
  /** added to its arguments */
  readonly options: readonly string[];
}

/** A pod template; its restored volumes are mounted, and not among its volumes yet. */
export interface IsolatedPod {
  readonly labels: { readonly [key: string]: string };
  readonly annotations: { readonly [key: string]: string };
  readonly spec: any;
  readonly container: any;
  /** which of the restored volumes the container mounts */
  readonly restored: ReadonlyMap<string, string>;
}

/** What a pod is told of the place where it runs; all else would tie it to production. */
const KEPT_OF_POD = ['imagePullSecrets', 'nodeSelector', 'runtimeClassName', 'securityContext', 'terminationGracePeriodSeconds', 'tolerations'];
/** Without liveness probes, which kill a server that replays its log, and hooks, which may reach out. */
const KEPT_OF_CONTAINER = [
  'env', 'envFrom', 'image', 'imagePullPolicy', 'name', 'readinessProbe', 'resources', 'securityContext', 'workingDir',
];
/** Volumes that hold no data, and are no way to any. */
const HARMLESS = ['configMap', 'downwardAPI', 'emptyDir', 'projected', 'secret'];
/** What no such pod may have. Look-ups fail at once, also where nothing enforces a NetworkPolicy. */
export const ISOLATED = {
  dnsPolicy: 'None',
  dnsConfig: { nameservers: ['127.0.0.1'] },
  restartPolicy: 'Never',
  automountServiceAccountToken: false,
  enableServiceLinks: false,
};
/** Somebody is looking. */
export const LEFT_ALONE = { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false', 'karpenter.sh/do-not-disrupt': 'true' };

/** Nothing may reach the pods with these labels, and they may reach nothing; the run that starts them needs the API server, and is not meant. */
export function refuseTraffic(
  scope: Construct, { name, namespace }: { readonly name: string; readonly namespace?: string }, matchLabels: { [key: string]: string },
): void {
  new ApiObject(scope, 'NetworkPolicy', {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace },
    spec: { podSelector: { matchLabels }, policyTypes: ['Egress', 'Ingress'] },
  });
}

/** The object of a workload, or an error. */
export function requireWorkload(origin: Construct, workload: IConstruct): ApiObject {
  try {
    return ApiObject.of(workload);
  } catch {
    reject(origin, 'workload', {
      problem: 'it has no object to take a pod from', got: workload, allowed: 'a StatefulSet, Deployment or the like', fix: 'pass the construct that defines it',
    });
  }
}

/** Names of the volume claim templates of a StatefulSet. */
export function templatesOf(workload: any): string[] {
  return (workload.spec?.volumeClaimTemplates ?? []).map((template: any) => template.metadata.name);
}

/** A workload's container in a pod that nobody takes for production's, as it is at synth. */
export function isolatedPod(origin: Construct, workload: any, settings: IsolatedPodSettings): IsolatedPod {
  const { spec } = workload.spec?.template ?? {};
  if (!spec?.containers?.length) {
    reject(origin, 'workload', {
      problem: 'it has no pod template', got: `${workload.kind} '${workload.metadata?.name}'`, allowed: 'a StatefulSet, Deployment or the like', fix: 'pass the workload itself',
    });
  }
  const container = findContainer(origin, spec.containers, settings.container);
  const isMounted = (name: string) => [...container.volumeMounts ?? [], ...container.volumeDevices ?? []].some((mount: any) => mount.name === name);
  requireClaims(origin, workload, settings);
  const others: any[] = (spec.volumes ?? []).filter(({ name }: any) => isMounted(name) && !settings.restored.has(name));
  others.forEach(volume => requireHarmless(origin, volume));
  return {
    labels: KEEP_OUT.labels,
    annotations: { ...KEEP_OUT.annotations, ...LEFT_ALONE },
    spec: {
      ...pick(spec, KEPT_OF_POD),
      // between pods it works both ways: production's could not start where this one is
      ...spec.affinity?.nodeAffinity && { affinity: { nodeAffinity: spec.affinity.nodeAffinity } },
      ...ISOLATED,
      volumes: others.map(volume => (volume.projected ? { ...volume, projected: withoutTokens(volume.projected) } : volume)),
    },
    container: {
      ...pick(container, KEPT_OF_CONTAINER),
      ...startedWith(origin, container, settings),
      ...pick(container, ['volumeDevices', 'volumeMounts']),
    },
    restored: new Map([...settings.restored].filter(([name]) => isMounted(name))),
  };
}

/** What the container runs; a shell would take the options for its own, and say nothing. */
function startedWith(origin: Construct, container: any, { command, options }: IsolatedPodSettings): object {
  const own = command ? { command: [...command], args: [] } : { command: container.command, args: container.args ?? [] };
  const words: string[] = [...own.command ?? [], ...own.args];
  const isShell = words.some((word, index) => /(^|\/)(ba|da|k|z)?sh$/.test(word) && words.slice(index + 1).some(next => /^-[a-z]*c$/.test(next)));
  if (isShell && options.length > 0) {
    reject(origin, 'command', {
      problem: `container '${container.name}' runs a shell, which would not hand the options of the preset on, so that the software acts as production`,
      got: words.slice(0, 3),
      allowed: 'a program that takes options',
      fix: "say how the server is started: command: ['docker-entrypoint.sh', 'postgres'], or RecoveryPreset.of([]) with options of your own in it",
    });
  }
  return { ...own.command && { command: own.command }, args: [...own.args, ...options] };
}

function findContainer(origin: Construct, containers: any[], name: string | undefined): any {
  const found = name === undefined ? containers[0] : containers.find(container => container.name === name);
  if (found) { return found; }
  reject(origin, 'container', {
    problem: 'the workload has no such container', got: name, allowed: containers.map(container => `'${container.name}'`).join(', '), fix: 'correct the name',
  });
}

/** Restored claims take the place of volumes that there are, and are none of production's. */
function requireClaims(origin: Construct, workload: any, { areSources, restored }: IsolatedPodSettings): void {
  const own: any[] = workload.spec.template.spec.volumes ?? [];
  const templates = templatesOf(workload);
  const known = [...templates, ...own.map(({ name }) => name)];
  for (const name of restored.keys()) {
    if (!known.includes(name)) {
      reject(origin, `claims.${name}`, {
        problem: 'the workload has no such volume', got: name, allowed: known.map(each => `'${each}'`).join(', ') || 'none, since it has no volumes', fix: 'correct the name',
      });
    }
  }
  const ofProduction = (claim: string) => own.some(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === claim)
    || templates.some(template => new RegExp(`^${template}-${workload.metadata.name}-[0-9]+$`).test(claim));
  for (const [name, claim] of areSources ? [] : restored) {
    if (ofProduction(claim)) {
      reject(origin, `claims.${name}`, {
        problem: 'the claim is one of production, which a recovery must not touch', got: claim, allowed: 'a claim that was restored', fix: 'name the restored claim',
      });
    }
  }
}

function requireHarmless(origin: Construct, volume: any): void {
  const kind = Object.keys(volume).find(key => key !== 'name');
  if (kind !== undefined && HARMLESS.includes(kind)) { return; }
  reject(origin, 'claims', {
    problem: `volume '${volume.name}' is one of production, which a recovery must not touch`,
    got: volume.persistentVolumeClaim?.claimName ?? kind,
    allowed: `a restored claim in its place; of others, ${HARMLESS.join(', ')}`,
    fix: `write claims: { '${volume.name}': '...' }`,
  });
}

function withoutTokens(projected: any): object {
  return { ...projected, sources: projected.sources?.filter((source: any) => !source.serviceAccountToken) };
}

function pick(object: any, keys: readonly string[]): object {
  return Object.fromEntries(keys.filter(key => object[key] !== undefined).map(key => [key, object[key]]));
}
