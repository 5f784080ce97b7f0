import { isStatus, KubeClient, list } from './kube-client';
import { NO_SNAPSHOT_API } from './resources';

/** All objects of a snapshot API; an error that says so if the cluster has none. */
export async function listAll<T>(client: KubeClient, path: string, read: (item: any) => T, signal: AbortSignal): Promise<T[]> {
  try {
    return (await list(client, path, {}, read, signal)).items;
  } catch (error) {
    throw isStatus(error, 404) ? new Error(NO_SNAPSHOT_API) : error;
  }
}
