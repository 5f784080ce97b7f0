import { findOne, isStatus, KubeClient, lookAgainLater, unlessAbsent } from './kube-client';
import { ALL_CONTENTS, contentPath } from './resources';

export interface CreateInput {
  readonly client: KubeClient;
  readonly signal: AbortSignal;
  readonly log: (step: string, details: object) => void;
}

/**
 * Creates an object, or takes the one of that name if it is the same in what matters: the answer to our own creation may be lost, or an
 * earlier pod has made it. One that is on its way out is waited for.
 */
export async function create({ client, log, signal }: CreateInput, collection: string, body: any, isSame: (found: any) => boolean): Promise<any> {
  const { name } = body.metadata;
  const until = client.now() + GONE_WITHIN;
  for (let attempt = 0; ; attempt += 1) {
    try {
      const made = await client.request({ method: 'POST', path: collection, body }, signal);
      log('created', { kind: body.kind, name });
      return made;
    } catch (error) {
      if (!isStatus(error, 409)) { throw error; }
    }
    const found = collection === ALL_CONTENTS
      // no right to list them is asked for: it would show the handles of all tenants
      ? await unlessAbsent(client.request({ method: 'GET', path: contentPath(name) }, signal))
      : await findOne(client, collection, name, object => object, signal);
    if (found && found.metadata.deletionTimestamp === undefined) {
      if (isSame(found)) { return found; }
      throw new Error(`${body.kind} '${name}' exists, is another one, and is not touched; delete it once it is of no more use`);
    }
    if (client.now() >= until) { throw new Error(`${body.kind} '${name}' of an earlier run is still being deleted; look for what uses it, and for its finalizers`); }
    await lookAgainLater(client, attempt, signal);
  }
}

const GONE_WITHIN = 120_000;
