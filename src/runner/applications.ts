import { QuiesceConfig } from './config';
import { findOne, KubeClient, list } from './kube-client';
import { Claim, inSelector, podsPath } from './resources';

/** Claims that are cut together, while the pods that write to them are held. */
export interface Application {
  /** none if nothing writes to the claims */
  readonly pods: string[];
  readonly claims: Claim[];
  /** the claims that the pods mount, if a group of them is cut as if it were one */
  readonly mounted?: readonly Claim[];
  /** why they cannot be held */
  readonly problem?: string;
}

interface Pod {
  readonly name: string;
  readonly running: boolean;
  readonly claims: string[];
}

/** Which pods write to the claims; claims that share a pod belong to one application. */
export async function findApplications(
  client: KubeClient, namespace: string, claims: readonly Claim[], { podLabels, podNames, podsMustMount }: QuiesceConfig, signal: AbortSignal,
): Promise<Application[]> {
  const labelSelector = podLabels && inSelector(podLabels).join(',');
  const path = podsPath(namespace);
  // by their names, where the rights are limited to them
  const found = podNames
    ? await Promise.all(podNames.map(name => findOne(client, path, name, readPod, signal)))
    : (await list(client, path, { labelSelector }, readPod, signal)).items;
  const pods = found.flatMap(pod => pod ?? []);
  if (podLabels) { return [applicationOf(pods, [...claims], `no pod has the labels ${labelSelector}`)]; }
  const groups: { pods: Set<Pod>; claims: Claim[] }[] = [];
  for (const claim of claims) {
    const own = pods.filter(pod => pod.claims.includes(claim.name));
    const shared = groups.filter(group => own.some(pod => group.pods.has(pod)));
    shared.forEach(group => groups.splice(groups.indexOf(group), 1));
    groups.push({
      pods: new Set([...own, ...shared.flatMap(group => [...group.pods])]),
      claims: [...shared.flatMap(group => group.claims), claim],
    });
  }
  const otherwise = podsMustMount ? nobodyMounts({ podNames }) : undefined;
  return groups.map(group => applicationOf([...group.pods], group.claims, otherwise));
}

/** Said of a claim without pods: others than those that are looked at may mount it. */
export function nobodyMounts({ podNames }: Pick<QuiesceConfig, 'podNames'>): string {
  return podNames ? `none of the pods ${podNames.join(', ')} mounts it` : 'no pod mounts it';
}

/** All of these claims as one application. */
export async function findWhole(
  client: KubeClient, namespace: string, claims: readonly Claim[], quiesce: QuiesceConfig, signal: AbortSignal,
): Promise<Pick<Application, 'pods' | 'problem'>> {
  const found = await findApplications(client, namespace, claims, quiesce, signal);
  return { pods: [...new Set(found.flatMap(({ pods }) => pods))], problem: found.find(({ problem }) => problem !== undefined)?.problem };
}

function applicationOf(pods: Pod[], claims: Claim[], otherwise?: string): Application {
  const waiting = pods.find(pod => !pod.running);
  return { pods: pods.map(pod => pod.name), claims, problem: waiting ? `pod '${waiting.name}' is not running` : pods.length === 0 ? otherwise : undefined };
}

/** A pod that writes, or may begin to; undefined if it is over. */
function readPod({ metadata, spec, status }: any): Pod | undefined {
  if (['Succeeded', 'Failed'].includes(status?.phase)) { return undefined; }
  return {
    name: metadata.name,
    running: status?.phase === 'Running',
    claims: (spec.volumes ?? []).flatMap((volume: any) => {
      // who only reads need not be held
      if (volume.persistentVolumeClaim?.readOnly) { return []; }
      const name = volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral ? `${metadata.name}-${volume.name}` : undefined);
      return name === undefined ? [] : [name];
    }),
  };
}
