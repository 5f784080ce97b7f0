import { isStatus, KubeClient, list, lookAgainLater } from './kube-client';
import { forEach } from './parallel';

/** An object that a run made, as far as it must be taken away. */
export interface Made {
  readonly name: string;
  readonly uid: string;
  readonly deleting: boolean;
}

export interface ClearInput {
  readonly client: KubeClient;
  readonly log: (step: string, details: object) => void;
}

/** Takes away what has these labels, and waits until it is gone; what keeps the others comes first. */
export function clear({ client, log }: ClearInput, labelSelector: string, paths: readonly string[], signal?: AbortSignal): Promise<void> {
  return untilGone(client, async () => {
    const left: Made[] = [];
    for (const path of paths) {
      const { items } = await list(client, path, { labelSelector }, readMade, signal);
      await forEach(items, made => remove({ client, log }, path, made, signal));
      left.push(...items);
    }
    return left;
  }, signal);
}

/** Looks again and again until nothing is left. `takeAway` asks for the deletion of what is there, and returns it. */
export async function untilGone(client: KubeClient, takeAway: () => Promise<readonly Made[]>, signal?: AbortSignal): Promise<void> {
  const until = client.now() + GONE_WITHIN;
  for (let attempt = 0; ; attempt += 1) {
    const left = await takeAway();
    if (left.length === 0) { return; }
    if (client.now() >= until) {
      throw new Error(`${left.map(({ name }) => `'${name}'`).join(', ')} are still there; look for their finalizers`);
    }
    await lookAgainLater(client, attempt, signal);
  }
}

const GONE_WITHIN = 120_000;

/** Asks for the deletion of just this object. `options`: such as how long a pod has to end. */
export async function remove(
  { client, log }: ClearInput, path: string, { deleting, name, uid }: Made, signal?: AbortSignal, options: object = { gracePeriodSeconds: 0 },
): Promise<void> {
  if (deleting) { return; }
  await client.request({ method: 'DELETE', path: `${path}/${name}`, body: { preconditions: { uid }, ...options } }, signal)
    .then(() => log('deleted', { path, name }), unlessGone);
}

export function readMade({ metadata: { deletionTimestamp, name, uid } }: any): Made {
  return { name, uid, deleting: deletionTimestamp !== undefined };
}

function unlessGone(error: unknown): void {
  // gone, or another one of that name, which the next look finds
  if (!isStatus(error, 404, 409)) { throw error; }
}
