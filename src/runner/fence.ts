import { KEYS } from './config';
import { ApiError, KubeClient } from './kube-client';
import { contentPath } from './resources';

/** Whether a policy keeps the right to patch contents within bounds; unknown without a content to ask about. */
export type Fence = 'Fenced' | 'Open' | 'Forbidden' | 'Unknown';

/** So many contents may be gone before the fence is taken to have nothing to guard. */
const PROBES = 5;

/** Asks for a change of a content that the fence must refuse, and that is never carried out. */
export async function probeFence(client: KubeClient, contents: readonly string[], signal: AbortSignal): Promise<Fence> {
  const body = { metadata: { annotations: { [KEYS.fenceProbe]: 'refuse' } } };
  for (const name of contents.slice(0, PROBES)) {
    try {
      await client.request({ method: 'PATCH', path: contentPath(name), query: { dryRun: 'All' }, body }, signal);
      return 'Open';
    } catch (error) {
      const status = error instanceof ApiError ? error.status : undefined;
      // a policy answers 422, a missing right 403, a content that somebody removed 404
      if (status === 422) { return 'Fenced'; }
      if (status === 403) { return 'Forbidden'; }
      if (status !== 404) { throw error; }
    }
  }
  return 'Unknown';
}
