import { requireClosed } from './breaker';
import { FOREIGN_TOOL_ANNOTATIONS, FOREIGN_TOOL_LABELS, KEYS, LONGEST_WAIT_SECONDS, RunnerConfig } from './config';
import { labelValue, Run, snapshotName } from './identity';
import { ApiError, findOne, KubeClient } from './kube-client';
import { Claim, claimsPath, Snapshot } from './resources';
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
  /** when the claims were looked up, by `elapsed` */
  readonly claimsAsOf: number;
  /** milliseconds after which a claim that is not cut makes room for the next one, and goes on waiting */
  readonly patience: number;
  readonly signal: AbortSignal;
  readonly log: (step: string, details: object) => void;
  /** what a snapshot of this name says and asks for, if it is of more than one claim; what it takes for that is done then */
  readonly compose?: (name: string) => Promise<Parts>;
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
  const intent = await prepare(context, claim);
  const { snapshot } = await ask(context, intent);
  await untilCut(context, intent, snapshot, context.client.now() + context.patience);
  makeRoom();
  return untilReady(context, intent, snapshot);
}

/** What a run is about to ask the storage for. */
export interface Intent {
  readonly claim: Claim;
  readonly name: string;
  /** made by an earlier pod of the Job */
  readonly known?: Snapshot;
  /** when the run, or its wait for the driver, was over, in milliseconds since 1970 */
  readonly startedAt: number;
  /** what it says and asks for, if it is more than the one claim */
  readonly parts?: Parts;
}

/** What is told of a snapshot, and of whose data it is. */
export interface Parts {
  readonly labels?: object;
  readonly annotations?: object;
  readonly spec: object;
}

/** Refuses what the storage should not be asked for, and waits until it may be asked. */
export async function prepare(context: TakeContext, claim: Claim, attempt = 1): Promise<Intent> {
  refuseUnusable(claim);
  const name = snapshotName(claim.name, claim.uid, context.config.scheduleId, context.run, attempt);
  const known = context.cache.get(name);
  const waited = known ? 0 : await untilAllowed(context, claim);
  if (!known && !context.compose) { await refuseReplacedMeanwhile(context, claim); }
  const parts = known ? undefined : await context.compose?.(name);
  return { claim, name, known, parts, startedAt: context.startedAt + waited };
}

/** The snapshot of an intent, and whether it was made just now. */
export async function ask(context: TakeContext, intent: Intent): Promise<{ snapshot: Snapshot; isNew: boolean }> {
  const asked = intent.known ? { snapshot: intent.known, isNew: false } : await create(context, intent);
  refuseForeign(context, asked.snapshot, intent.claim);
  context.cache.put(asked.snapshot);
  return asked;
}

/** Waits until the data of a snapshot is cut, but not longer than told, nor than its run waits; tells whether it is. */
export async function untilCut(context: TakeContext, intent: Intent, snapshot: Snapshot, until: number): Promise<boolean> {
  const isOver = (s: Snapshot | undefined) => s === undefined || s.deleting || s.ready || s.cutAt !== undefined || isHopeless(s);
  const seen = await context.cache.waitFor(snapshot.name, isOver, Math.min(until, deadlineOf(context, intent, snapshot)), context.signal);
  return seen?.snapshot !== undefined && !seen.snapshot.deleting && !isHopeless(seen.snapshot);
}

/** The driver is not even asked without a class: a person has to make one, which takes longer than an application can be held. */
function isHopeless({ cutAt, error = '', ready }: Snapshot): boolean {
  return !ready && cutAt === undefined && /cannot find default snapshot ?class|volume(group)?snapshotclass\S* \S+ not found/i.test(error);
}

/** A missing class is what a person has to know, whatever else came of it. */
export function refuseWithoutClass(snapshot: Snapshot): void {
  if (!isHopeless(snapshot)) { return; }
  throw new Error(`there is no class for snapshot '${snapshot.name}' (${snapshot.error}); create it, or name one that is there: kubectl get volumesnapshotclass`);
}

/** From the start of the run, or of the earlier pod whose snapshot it is, so that a retry does not wait anew. */
function deadlineOf({ config }: TakeContext, { startedAt }: Intent, snapshot: Snapshot): number {
  return Math.min(startedAt, snapshot.createdAt) + config.readyTimeoutSeconds * 1000;
}

export function refuseUnusable(claim: Claim): void {
  if (claim.deleting) {
    throw new Error('the claim is being deleted, and the snapshot controller takes no snapshot of it; take it out of the schedule');
  }
  if (claim.phase !== 'Bound') {
    throw new Error(`the claim is ${claim.phase}, not Bound: there is no volume to snapshot; see kubectl describe pvc ${claim.name}`);
  }
}

/** For so long the claims are taken for what they were when they were looked up; in milliseconds. */
const FRESH = 5_000;

/** A snapshot goes by the name of a claim, which may be another's by the time when its turn comes. */
async function refuseReplacedMeanwhile({ claimsAsOf, client, namespace, signal }: TakeContext, { name, uid }: Claim): Promise<void> {
  if (client.elapsed() - claimsAsOf > FRESH) { refuseReplaced(uid, await findOne(client, claimsPath(namespace), name, claim => claim, signal)); }
}

/** `found`: what has the name of a claim now. */
export function refuseReplaced(uid: string, found: any): void {
  if (found?.metadata.uid !== uid) { throw new Error('the claim was deleted, or made anew, while the run waited for its turn; the next run takes it'); }
}

/** Refuses what the storage should not be asked for now, or waits; returns how long, in milliseconds. */
async function untilAllowed(context: TakeContext, claim: Claim): Promise<number> {
  const { cache, client, config, run } = context;
  // who starts a run by hand has seen the message, and wants to know whether the storage works again; a gate is tried again and again by robots
  if (run.kind === 'Scheduled' || config.gate) {
    const byHand = config.gate ? 'delete those snapshots to try at once' : 'a Job that you start by hand tries at once';
    requireClosed(cache.all(), claim.uid, config.maxNotReady, client.now(), byHand);
  }
  return config.minimumIntervalSeconds === undefined ? 0 : leaveInterval(context, claim, config.minimumIntervalSeconds * 1000);
}


/** A Job that is started by hand may come too soon after the last one for the driver. */
async function leaveInterval({ cache, client, signal, log }: TakeContext, claim: Claim, interval: number): Promise<number> {
  const now = client.now();
  const last = cache.all().filter(snapshot => snapshot.claimUid === claim.uid)
    .reduce((newest, snapshot) => Math.max(newest, momentOf(snapshot, now)), 0);
  const wait = Math.min(last + interval - now, interval);
  if (wait <= 0) { return 0; }
  const rule = `the driver takes no two snapshots of a volume within ${inWords(interval / 1000)}`;
  if (wait > LONGEST_WAIT_SECONDS * 1000) { throw new Error(`${rule}; start the Job again in ${inWords(wait / 1000)}`); }
  log('wait', { claim: claim.name, seconds: Math.ceil(wait / 1000), reason: 'the driver takes no two snapshots of a volume so close together' });
  await client.sleep(wait, signal);
  return wait;
}

async function create(context: TakeContext, intent: Intent): Promise<{ snapshot: Snapshot; isNew: boolean }> {
  const { cache, client, signal } = context;
  const { claim, name } = intent;
  try {
    const made = cache.kind.read(await client.request({ method: 'POST', path: cache.path(), body: body(context, intent) }, signal));
    context.log('created', { claim: claim.name, snapshot: name });
    return { snapshot: made, isNew: true };
  } catch (error) {
    if (!(error instanceof ApiError)) { throw error; }
    if (error.status === 409) { return { snapshot: await find(context, name), isNew: false }; }
    if (error.status === 404) { throw new Error(cache.kind.absent); }
    // the same status as without a right; only the words differ
    if (error.status === 403 && error.message.includes('exceeded quota')) { throw new QuotaFullError(error.message); }
    throw error;
  }
}

async function find({ cache, client, signal }: TakeContext, name: string): Promise<Snapshot> {
  const found = await findOne(client, cache.path(), name, cache.kind.read, signal);
  if (!found) { throw new Error(`snapshot '${name}' existed and is gone again; somebody deletes snapshots while they are taken`); }
  return found;
}

function refuseForeign({ cache, config }: TakeContext, snapshot: Snapshot, claim: Claim): void {
  const ours = snapshot.scheduleId === config.scheduleId && snapshot.claimName === claim.name && snapshot.claimUid === claim.uid;
  if (!ours) {
    throw new Error(`a snapshot '${snapshot.name}' exists and is not of this schedule and ${cache.kind.subject}; rename or delete it, it is left alone`);
  }
}

/** The snapshot as it is when it is ready; throws if it is not in time. */
export async function untilReady(context: TakeContext, intent: Intent, snapshot: Snapshot): Promise<Snapshot> {
  const { cache, client, signal } = context;
  const until = deadlineOf(context, intent, snapshot);
  const isReady = (s: Snapshot | undefined) => s === undefined || s.deleting || s.ready || isHopeless(s);
  const seen = await cache.waitFor(snapshot.name, isReady, until, signal);
  // at the end the server has the last word: the watch may be late, or the server gone, which is no fault of the storage
  const last = seen ? seen.snapshot : await find(context, snapshot.name);
  if (!last || last.deleting) { throw new Error(`snapshot '${snapshot.name}' was deleted before it was ready; find out who deletes snapshots`); }
  refuseWithoutClass(last);
  if (!last.ready) { throw new Error(`snapshot '${snapshot.name}' is not ready after ${inWords((until - last.createdAt) / 1000)}: ${whyNotReady(last, cache.kind.unbound)}`); }
  const cutAt = last.cutAt === undefined ? undefined : new Date(last.cutAt).toISOString();
  context.log('ready', { claim: last.claimName, snapshot: last.name, cutAt, seconds: Math.round((client.now() - last.createdAt) / 1000) });
  return last;
}

function whyNotReady(snapshot: Snapshot, unbound: string): string {
  if (snapshot.cutAt !== undefined) {
    return `its data was cut at ${new Date(snapshot.cutAt).toISOString()} and the storage is still copying it; `
      + 'it is kept and the next run counts it; if this is usual, raise readyTimeout';
  }
  if (snapshot.error !== undefined) { return `the storage says: ${snapshot.error}`; }
  return snapshot.contentName === undefined
    ? unbound
    : 'the CSI driver has not cut it and gives no error; is its csi-snapshotter sidecar running?';
}

function body({ cache, config, run }: TakeContext, { claim, name, parts = partsOf(config, claim) }: Intent): object {
  return {
    apiVersion: cache.kind.apiVersion,
    kind: cache.kind.kind,
    metadata: {
      name,
      labels: { ...ownLabels(config), [KEYS.schedule]: config.scheduleId, ...parts.labels, [KEYS.consistency]: 'crash' },
      annotations: { ...ownAnnotations(config, run), ...parts.annotations },
    },
    spec: parts.spec,
  };
}

function partsOf(config: RunnerConfig, claim: Claim): Parts {
  return {
    labels: claimLabels(claim),
    annotations: claimAnnotations(claim),
    spec: { volumeSnapshotClassName: config.snapshotClassName, source: { persistentVolumeClaimName: claim.name } },
  };
}

export function claimLabels({ name, uid }: Claim): { [key: string]: string } {
  return { [KEYS.claim]: labelValue(name), [KEYS.claimUid]: uid };
}

/** For the day when the claim is gone. */
export function claimAnnotations({ spec }: Claim): { [key: string]: string } {
  return spec ? { [KEYS.claimSpec]: JSON.stringify(spec) } : {};
}

/** What the user wants on everything that a run takes, and what keeps other tools away. */
export function ownLabels({ labels }: RunnerConfig): { [key: string]: string } {
  return { ...labels, ...FOREIGN_TOOL_LABELS };
}

export function ownAnnotations({ annotations }: RunnerConfig, run: Run): { [key: string]: string } {
  const [key, value] = run.kind === 'Scheduled' ? [KEYS.scheduledFor, run.at.toISOString()] : [KEYS.manualRun, run.jobUid];
  return { ...annotations, ...FOREIGN_TOOL_ANNOTATIONS, [key]: value };
}
