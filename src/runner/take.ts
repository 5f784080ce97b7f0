import { requireClosed } from './breaker';
import { FOREIGN_TOOL_ANNOTATIONS, FOREIGN_TOOL_LABELS, KEYS, RunnerConfig } from './config';
import { labelValue, Run, snapshotName } from './identity';
import { ApiError, findOne, KubeClient } from './kube-client';
import { Claim, NO_SNAPSHOT_API, readSnapshot, Snapshot, snapshotsPath } from './resources';
import { SnapshotCache } from './snapshot-cache';
import { inWords, momentOf } from '../retention/plan';

export interface TakeContext {
  readonly client: KubeClient;
  readonly cache: SnapshotCache;
  readonly config: RunnerConfig;
  readonly namespace: string;
  readonly run: Run;
  /** when the run started, by the API server's clock */
  readonly startedAt: number;
  /** milliseconds after which a claim that is not cut makes room for the next one, and goes on waiting */
  readonly patience: number;
  readonly signal: AbortSignal;
  readonly log: (step: string, details: object) => void;
}

/** The namespace may have no more snapshots. */
export class QuotaFullError extends Error {
  constructor(answer: string) {
    super(`a ResourceQuota leaves no room for it, as retention keeps what is there: ${answer}; raise the quota to more than retention keeps, or keep fewer`);
  }
}

/**
 * A ready snapshot of the claim for this run: made now, or by an earlier pod of the
 * Job. `makeRoom` is called as soon as the next claim may be cut.
 */
export async function take(context: TakeContext, claim: Claim, makeRoom: () => void): Promise<Snapshot> {
  refuseUnusable(claim);
  const name = snapshotName(claim.name, claim.uid, context.config.scheduleId, context.run);
  const known = context.cache.get(name);
  const waited = known ? 0 : await untilAllowed(context, claim);
  const snapshot = known ?? await create(context, claim, name);
  refuseForeign(context, snapshot, claim);
  return untilReady({ ...context, startedAt: context.startedAt + waited }, snapshot, makeRoom);
}

function refuseUnusable(claim: Claim): void {
  if (claim.deleting) {
    throw new Error('the claim is being deleted, and the snapshot controller takes no snapshot of it; take it out of the schedule');
  }
  if (claim.phase !== 'Bound') {
    throw new Error(`the claim is ${claim.phase}, not Bound: there is no volume to snapshot; see kubectl describe pvc ${claim.name}`);
  }
}

/** Refuses what the storage should not be asked for now, or waits; returns how long, in milliseconds. */
async function untilAllowed(context: TakeContext, claim: Claim): Promise<number> {
  const { cache, client, config, run } = context;
  // who starts a run by hand has seen the message, and wants to know whether the storage works again
  if (run.kind === 'Scheduled') { requireClosed(cache.all(), claim.uid, config.maxNotReady, client.now()); }
  return config.minimumIntervalSeconds === undefined ? 0 : leaveInterval(context, claim, config.minimumIntervalSeconds * 1000);
}

/** The Job's deadline would end a longer wait without a word. */
const LONGEST_WAIT = 10 * 60_000;

/** A Job that is started by hand may come too soon after the last one for the driver. */
async function leaveInterval({ cache, client, signal, log }: TakeContext, claim: Claim, interval: number): Promise<number> {
  const now = client.now();
  const last = cache.all().filter(snapshot => snapshot.claimUid === claim.uid)
    .reduce((newest, snapshot) => Math.max(newest, momentOf(snapshot, now)), 0);
  const wait = Math.min(last + interval - now, interval);
  if (wait <= 0) { return 0; }
  const rule = `the driver takes no two snapshots of a volume within ${inWords(interval / 1000)}`;
  if (wait > LONGEST_WAIT) { throw new Error(`${rule}; start the Job again in ${inWords(wait / 1000)}`); }
  log('wait', { claim: claim.name, seconds: Math.ceil(wait / 1000), reason: 'the driver takes no two snapshots of a volume so close together' });
  await client.sleep(wait, signal);
  return wait;
}

async function create(context: TakeContext, claim: Claim, name: string): Promise<Snapshot> {
  const { client, namespace, signal } = context;
  try {
    const made = readSnapshot(await client.request({ method: 'POST', path: snapshotsPath(namespace), body: body(context, claim, name) }, signal));
    context.cache.put(made);
    context.log('created', { claim: claim.name, snapshot: name });
    return made;
  } catch (error) {
    if (!(error instanceof ApiError)) { throw error; }
    if (error.status === 409) { return find(context, name); }
    if (error.status === 404) { throw new Error(NO_SNAPSHOT_API); }
    // the same status as without a right; only the words differ
    if (error.status === 403 && error.message.includes('exceeded quota')) { throw new QuotaFullError(error.message); }
    throw error;
  }
}

async function find({ client, namespace, signal }: TakeContext, name: string): Promise<Snapshot> {
  const found = await findOne(client, snapshotsPath(namespace), name, readSnapshot, signal);
  if (!found) { throw new Error(`snapshot '${name}' existed and is gone again; somebody deletes snapshots while they are taken`); }
  return found;
}

function refuseForeign({ config }: TakeContext, snapshot: Snapshot, claim: Claim): void {
  const ours = snapshot.scheduleId === config.scheduleId && snapshot.claimName === claim.name && snapshot.claimUid === claim.uid;
  if (!ours) {
    throw new Error(`a snapshot '${snapshot.name}' exists and is not of this schedule and claim; rename or delete it, it is left alone`);
  }
}

async function untilReady(context: TakeContext, snapshot: Snapshot, makeRoom: () => void): Promise<Snapshot> {
  const { cache, client, config, signal } = context;
  // from the start of the run, or of the earlier pod whose snapshot it is, so that a retry does not wait anew
  const until = Math.min(context.startedAt, snapshot.createdAt) + config.readyTimeoutSeconds * 1000;
  const isCut = (s: Snapshot | undefined) => s === undefined || s.deleting || s.ready || s.cutAt !== undefined;
  const isReady = (s: Snapshot | undefined) => s === undefined || s.deleting || s.ready;
  cache.put(snapshot);
  await cache.waitFor(snapshot.name, isCut, Math.min(until, client.now() + context.patience), signal);
  makeRoom();
  const seen = await cache.waitFor(snapshot.name, isReady, until, signal);
  // at the end the server has the last word: the watch may be late, or the server gone, which is no fault of the storage
  const last = seen ? seen.snapshot : await find(context, snapshot.name);
  if (!last || last.deleting) { throw new Error(`snapshot '${snapshot.name}' was deleted before it was ready; find out who deletes snapshots`); }
  if (!last.ready) { throw new Error(`snapshot '${snapshot.name}' is not ready after ${inWords((until - last.createdAt) / 1000)}: ${whyNotReady(last)}`); }
  const cutAt = last.cutAt === undefined ? undefined : new Date(last.cutAt).toISOString();
  context.log('ready', { claim: last.claimName, snapshot: last.name, cutAt, seconds: Math.round((client.now() - last.createdAt) / 1000) });
  return last;
}

function whyNotReady(snapshot: Snapshot): string {
  if (snapshot.cutAt !== undefined) {
    return `its data was cut at ${new Date(snapshot.cutAt).toISOString()} and the storage is still copying it; `
      + 'it is kept and the next run counts it; if this is usual, raise readyTimeout';
  }
  if (snapshot.error !== undefined) { return `the storage says: ${snapshot.error}`; }
  return snapshot.contentName === undefined
    ? 'no snapshot controller has looked at it; is the snapshot-controller running?'
    : 'the CSI driver has not cut it and gives no error; is its csi-snapshotter sidecar running?';
}

function body({ config, run }: TakeContext, claim: Claim, name: string): object {
  return {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: {
      name,
      labels: {
        ...config.labels,
        ...FOREIGN_TOOL_LABELS,
        [KEYS.schedule]: config.scheduleId,
        [KEYS.claim]: labelValue(claim.name),
        [KEYS.claimUid]: claim.uid,
        [KEYS.consistency]: 'crash',
      },
      annotations: {
        ...config.annotations,
        ...FOREIGN_TOOL_ANNOTATIONS,
        ...run.kind === 'Scheduled' && { [KEYS.scheduledFor]: run.at.toISOString() },
      },
    },
    spec: {
      volumeSnapshotClassName: config.snapshotClassName,
      source: { persistentVolumeClaimName: claim.name },
    },
  };
}
