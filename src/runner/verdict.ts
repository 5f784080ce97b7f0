import { CHECK_CONTAINER } from './config';
import { KubeClient, lookAgainLater } from './kube-client';
import { Claim, podsPath } from './resources';
import { eventsOf } from './restored-claims';
import { inWords } from '../retention/plan';

export interface VerdictInput {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly config: { readonly timeoutSeconds: number };
  readonly signal: AbortSignal;
}

/** The data is bad, and not only the run. */
export class CheckFailedError extends Error {}

/** Waits for the end of a container in a pod, and returns what it says when it is content. */
export async function awaitVerdict(context: VerdictInput, pod: any, container: string, claims: readonly Claim[], until: number): Promise<string> {
  const { client, config, namespace, signal } = context;
  const { name, uid } = pod.metadata;
  for (let attempt = 0; ; attempt += 1) {
    const now = await client.request({ method: 'GET', path: podsPath(namespace, name) }, signal);
    if (now.metadata.uid !== uid) { throw new Error(`pod '${name}' is not the one that this run has started; does another run go on?`); }
    const verdict = verdictOf(now, container);
    if (verdict !== undefined) { return verdict; }
    if (client.now() >= until) { throw new CheckFailedError(`no verdict after ${inWords(config.timeoutSeconds)}: ${await lateness(context, now, container, claims)}`); }
    await lookAgainLater(client, attempt, signal);
  }
}

/** What a container said, once it ended; throws if it is not content, or can say nothing any more. */
function verdictOf({ status = {} }: any, container: string): string | undefined {
  const statuses: any[] = status.containerStatuses ?? [];
  const ended = (isIt: (name: string) => boolean) => statuses.find(each => isIt(each.name) && each.state?.terminated)?.state.terminated;
  const verdict = ended(name => name === container);
  if (verdict?.exitCode === 0) { return (verdict.message ?? '').trim(); }
  if (verdict) { throw new CheckFailedError(`the ${container} ended with ${verdict.exitCode}: ${wordsOf(verdict)}`); }
  const other = ended(name => name !== container);
  if (other) { throw new CheckFailedError(`the ${container === CHECK_CONTAINER ? 'server' : 'holder'} did not stay: it ended with ${other.exitCode}: ${wordsOf(other)}`); }
  if (status.phase === 'Failed') { throw new Error(`the pod was ended: ${status.reason ?? ''} ${status.message ?? 'nobody says why'}`.trim()); }
  return undefined;
}

const wordsOf = ({ message, reason }: any) => (message ?? reason ?? 'it said nothing').trim();

/** Why there is no verdict, as far as anybody has said. */
async function lateness({ client, namespace, signal }: VerdictInput, pod: any, container: string, claims: readonly Claim[]): Promise<string> {
  const { conditions = [], containerStatuses = [] } = pod.status ?? {};
  const waiting = containerStatuses.map((each: any) => each.state?.waiting).filter((state: any) => state && state.reason !== 'ContainerCreating');
  if (waiting.length > 0) { return `${waiting[0].reason} ${waiting[0].message ?? ''}`.trim(); }
  for (const claim of claims) {
    const warning = (await eventsOf(client, namespace, 'PersistentVolumeClaim', claim, signal)).filter(({ type }) => type === 'Warning').pop();
    if (warning) { return `claim '${claim.name}': ${warning.message}`; }
  }
  const unscheduled = conditions.find(({ type, status }: any) => type === 'PodScheduled' && status === 'False');
  if (unscheduled) { return unscheduled.message ?? unscheduled.reason; }
  return containerStatuses.some((each: any) => each.state?.running) ? `the ${container} is still at it${container === CHECK_CONTAINER ? '; is the server up?' : ''}` : 'the pod has not begun; see its Events';
}
