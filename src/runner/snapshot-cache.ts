import { KEYS } from './config';
import { isStatus, KubeClient, list, mayPass, pauseBefore, Query, WatchEvent } from './kube-client';
import { Kind, pathOf, Snapshot, SNAPSHOTS } from './resources';

type Waiter = () => void;

/**
 * The snapshots of one schedule, kept true by one list and one watch, so that
 * waiting for twenty of them costs no more requests than waiting for one.
 *
 * `start` lists, then follows in the background until the run is over: a pod that is told to end still has to see what it began. `path` is where they
 * are, or one of them by its name. `put` takes in what a request of ours returned; the watch may be slower. `waitFor` waits until the snapshot is as
 * asked, or is gone; undefined when the time is up.
 */
export class SnapshotCache {
  private readonly snapshots = new Map<string, Snapshot>();
  private readonly waiters = new Set<Waiter>();
  private readonly query: Query;
  private failure?: unknown;

  constructor(
    private readonly client: KubeClient, private readonly namespace: string, scheduleId: string, private readonly log: (message: string) => void,
    readonly kind: Kind = SNAPSHOTS,
  ) {
    this.query = { labelSelector: `${KEYS.schedule}=${scheduleId}` };
  }

  async start(signal: AbortSignal, over: AbortSignal): Promise<void> {
    const resourceVersion = await this.fill(signal).catch(error => {
      throw isStatus(error, 404) ? new Error(this.kind.absent) : error;
    });
    void this.follow(resourceVersion, over).catch(error => {
      this.failure = error;
      this.wake();
    });
  }

  path(name?: string): string { return pathOf(this.kind, this.namespace, name); }

  all(): Snapshot[] { return [...this.snapshots.values()]; }

  get(name: string): Snapshot | undefined { return this.snapshots.get(name); }

  put(snapshot: Snapshot): void {
    // an event that came first is newer than the answer to our own request
    if (!this.snapshots.has(snapshot.name)) { this.snapshots.set(snapshot.name, snapshot); }
  }

  async waitFor(
    name: string, isSo: (snapshot: Snapshot | undefined) => boolean, until: number, signal?: AbortSignal,
  ): Promise<{ snapshot: Snapshot | undefined } | undefined> {
    const over = new AbortController();
    let look: Waiter = () => undefined;
    const seen = new Promise<{ snapshot: Snapshot | undefined }>((resolve, reject) => {
      look = () => {
        const snapshot = this.snapshots.get(name);
        if (this.failure !== undefined) { reject(this.failure); } else if (isSo(snapshot)) { resolve({ snapshot }); }
      };
    });
    this.waiters.add(look);
    look();
    const timer = this.client.sleep(Math.max(0, until - this.client.now()), AbortSignal.any(signal ? [over.signal, signal] : [over.signal]));
    try {
      return await Promise.race([seen, timer.then(() => undefined)]);
    } finally {
      this.waiters.delete(look);
      over.abort();
    }
  }

  private async fill(signal: AbortSignal): Promise<string> {
    const { items, resourceVersion } = await list(this.client, this.path(), this.query, this.kind.read, signal);
    this.snapshots.clear();
    items.forEach(snapshot => this.snapshots.set(snapshot.name, snapshot));
    return resourceVersion;
  }

  private async follow(from: string, signal: AbortSignal): Promise<void> {
    let resourceVersion = from;
    for (let attempt = 0; !signal.aborted;) {
      try {
        await this.client.watch(this.path(), { ...this.query, resourceVersion }, event => {
          attempt = 0;
          resourceVersion = this.apply(event) ?? resourceVersion;
        }, signal);
      } catch (error) {
        if (signal.aborted) { return; }
        this.log(`watch ended, going on: ${(error as Error).message}`);
        if (isStatus(error, 410)) {
          resourceVersion = await this.fill(signal);
          this.wake();
        } else if (!mayPass(error)) {
          throw error;
        }
      }
      if (signal.aborted) { return; }
      // also after a watch that ended in order, since a server may end each at once
      await this.client.sleep(pauseBefore(attempt, undefined), signal).catch(() => undefined);
      attempt += 1;
    }
  }

  private apply(event: WatchEvent): string | undefined {
    if (event.type === 'DELETED') {
      this.snapshots.delete(event.object.metadata.name);
    } else if (event.type !== 'BOOKMARK') {
      const snapshot = this.kind.read(event.object);
      const isNews = snapshot.error !== undefined && snapshot.error !== this.snapshots.get(snapshot.name)?.error;
      if (isNews) { this.log(`snapshot '${snapshot.name}': the storage says: ${snapshot.error}`); }
      this.snapshots.set(snapshot.name, snapshot);
    }
    this.wake();
    return event.object.metadata?.resourceVersion;
  }

  private wake(): void {
    for (const waiter of [...this.waiters]) { waiter(); }
  }
}
