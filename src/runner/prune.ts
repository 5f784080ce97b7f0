import { pendingRestores } from './claims';
import { KEYS, RunnerConfig } from './config';
import { probeFence } from './fence';
import { findOne, isStatus, KubeClient, unlessAbsent } from './kube-client';
import { forEach } from './parallel';
import { contentPath, Snapshot } from './resources';
import { SnapshotCache } from './snapshot-cache';
import { overruns } from '../retention/brake';
import { calendarOf } from '../retention/calendar';
import { heldBy } from '../retention/hold';
import { Decision, plan } from '../retention/plan';

export interface PruneContext {
  readonly client: KubeClient;
  readonly cache: SnapshotCache;
  readonly config: RunnerConfig;
  readonly namespace: string;
  readonly signal: AbortSignal;
  readonly log: (step: string, details: object) => void;
  /** looks for what is not said on the snapshots themselves */
  readonly complete?: (snapshots: Snapshot[]) => Promise<Snapshot[]>;
}

export interface PruneResult {
  readonly pruned: number;
  readonly kept: number;
  /** asked for earlier, and still there; the driver's log says why, if it goes on */
  readonly deleting: number;
  /** how many of the kept are so because people hold them */
  readonly held: number;
  /** what would have been pruned, if this were no dry run */
  readonly wouldPrune?: number;
  /** what could not be pruned, and what to do */
  readonly problems: string[];
}

/** What retention says, and what this run may do of it. */
interface Verdict extends Decision<Snapshot> {
  /** retention gives it up, and this run leaves it nevertheless */
  readonly withheld?: boolean;
}

/** The snapshot controller answers a changed policy in some 40 ms; at its default rate limit it may be busy. */
const CONTROLLER_ANSWERS_WITHIN = 20_000;
/** It gives no answer while the driver cuts, so there is little point in waiting. */
const CUTTING_ANSWERS_WITHIN = 3_000;
const TRIES = 3;

/**
 * Removes what retention gives up. Snapshots with data go only where the caller
 * says so, so that a long outage costs no restore point, and no more of a claim
 * than it says.
 */
export async function prune(context: PruneContext, mayLoseData: (snapshot: Snapshot) => boolean, mostOfClaim = Infinity): Promise<PruneResult> {
  const { config } = context;
  const problems: string[] = [];
  const mayReclaim = await checkReclaim(context, problems);
  const decided = await decideAll(context, decision => mayReclaim || !mustReclaim(decision.snapshot, config, mayReclaim)
    ? spare(decision, mayLoseData)
    : withheld(decision, 'the storage is retained and the right to give it back is missing'));
  const decisions = onlyOldest(brake(context, decided, problems), mostOfClaim);
  logDecisions(context, decisions);

  const due = decisions.filter(({ action }) => action === 'delete').map(({ snapshot }) => snapshot);
  // what only this run withholds may be going by the hand of another one
  const staying = decisions.filter(({ action, withheld: onlyNow }) => action === 'keep' && !onlyNow).map(({ snapshot }) => snapshot);
  const held = decisions.filter(decision => decision.held).length;
  const deleting = decisions.filter(({ snapshot }) => snapshot.deleting).length;
  const there = decisions.length - deleting;
  if (config.dryRun) { return { pruned: 0, kept: there, deleting, held, wouldPrune: due.length, problems }; }
  let pruned = 0;
  await forEach(staying.filter(snapshot => mayReclaim && mayBeHalfGone(snapshot, config)), async snapshot => {
    await setPolicy(context, snapshot, 'Retain').catch(error => problems.push(`snapshot '${snapshot.name}' may not be retained: ${error.message}`));
  });
  await forEach(due, async snapshot => {
    // between two of them, not in the midst of one
    if (context.signal.aborted) { return; }
    try {
      const stays = await remove(context, snapshot, mustReclaim(snapshot, config, mayReclaim));
      if (stays === undefined) {
        pruned += 1;
      } else {
        context.log('keep', { claim: snapshot.claimName, snapshots: [snapshot.name], reasons: [stays] });
      }
    } catch (error) {
      problems.push(`snapshot '${snapshot.name}' was not pruned: ${(error as Error).message}`);
    }
  });
  return { pruned, kept: there - pruned, deleting, held, problems };
}

/** What retention says, and what this run may do of it; claims that are being restored are asked for only if something is due. */
async function decideAll(context: PruneContext, limit: (decision: Verdict) => Verdict): Promise<Verdict[]> {
  const { cache, client, config, namespace, signal } = context;
  const decide = (snapshots: Snapshot[]) => plan(snapshots, config.retention, client.now(), config.readyTimeoutSeconds).map(limit);
  const all = await completed(context, cache.all());
  const decisions = decide(all);
  if (!decisions.some(({ action, snapshot }) => action === 'delete' && hasData(snapshot))) { return decisions; }
  const restores = await pendingRestores(client, namespace, signal);
  return decide(all.map(snapshot => {
    const claim = (snapshot.group?.members ?? [snapshot.name]).map(name => restores.get(name)).find(name => name !== undefined);
    return claim === undefined ? snapshot : { ...snapshot, inUse: `claim '${claim}' is being restored from it` };
  }));
}

async function completed({ complete }: PruneContext, snapshots: Snapshot[]): Promise<Snapshot[]> {
  return complete ? complete(snapshots) : snapshots;
}

/** Deletes nothing if that would be far more than the schedule explains, until a person lets it through. */
function brake({ cache, config, namespace }: PruneContext, decisions: Verdict[], problems: string[]): Verdict[] {
  const [overrun, ...more] = overruns(decisions, snapshot => snapshot.prunable, config.explainedPrunes);
  if (!overrun) { return decisions; }
  const name = decisions.find(decision => decision.snapshot.claim === overrun.claim)?.snapshot.claimName || overrun.claim;
  problems.push(`retention gives up ${overrun.due} of the ${overrun.ready} snapshots of ${cache.kind.subject} '${name}'${more.length ? `, and of ${more.length} more ${cache.kind.subject}s` : ''}, `
    + 'far more than one run explains (a changed policy, a long outage, or a wrong clock?), so none at all was pruned; the log says which; to let them go: '
    + `kubectl -n ${namespace} annotate ${cache.kind.plural} -l ${KEYS.schedule}=${config.scheduleId} ${KEYS.prunable}=true`);
  return decisions.map(decision => withheld(decision, 'more than one run explains, see the end of the log'));
}

/**
 * Under a class that retains, the finalizer is left by a run that wanted to delete the
 * snapshot. If it stays after all, its content may still say Delete, and its storage
 * would go with the namespace.
 */
function mayBeHalfGone(snapshot: Snapshot, config: RunnerConfig): boolean {
  return config.deletionPolicy === 'Retain' && config.prunedStorage === 'Reclaim' && snapshot.boundFinalizer && !snapshot.deleting
    && hasOwnContent(snapshot);
}

/** The snapshot controller names the content that it makes for a snapshot after its uid. */
function hasOwnContent(snapshot: Snapshot): boolean {
  return snapshot.contentName === `snapcontent-${snapshot.uid}`;
}

/** Some drivers report no time of the cut, but a snapshot that is ready was cut. */
function hasData(snapshot: Snapshot): boolean {
  return snapshot.ready || snapshot.cutAt !== undefined;
}

/** Does the storage of this snapshot outlive it, unless its content is told otherwise first? */
function mustReclaim(snapshot: Snapshot, config: RunnerConfig, mayReclaim: boolean): boolean {
  if (config.prunedStorage === 'Keep' || snapshot.contentName === undefined) { return false; }
  if (!snapshot.boundFinalizer || config.deletionPolicy === 'Retain') { return true; }
  // the finalizer alone does not prove it: it stays when a content is set back to Retain, which takes the right to do so
  return config.deletionPolicy === undefined && mayReclaim;
}

/**
 * May this run give storage back, behind a fence? Asked on every run, so that what is
 * missing shows on the first night and not when the first snapshot is due: by a change
 * of one's own content that the fence must refuse, and that is never carried out.
 */
async function checkReclaim(context: PruneContext, problems: string[]): Promise<boolean> {
  const { client, cache, config, signal } = context;
  if (config.prunedStorage === 'Keep') { return true; }
  const retains = config.deletionPolicy === 'Retain' || await someAreRetained(context);
  if (config.deletionPolicy === 'Delete' && !retains) { return true; }
  const all = cache.all();
  const newestFirst = all.filter(snapshot => hasOwnContent(snapshot) && !snapshot.deleting).sort((a, b) => b.createdAt - a.createdAt);
  const answer = await probeFence(client, newestFirst.map(snapshot => snapshot.contentName as string), signal);
  // without a content nothing can be given back
  if (answer === 'Fenced' || answer === 'Unknown') { return true; }
  if (answer === 'Open') {
    problems.push('this schedule may change any content of the cluster, so none of its retained storage is given back: '
      + 'the fence of the SnapshotReclaim is missing, or the service account has a right to update contents that it should not have; '
      + 'apply the SnapshotReclaim whole');
  } else if (retains) {
    problems.push('the snapshot class retains storage and this schedule may not give it back, so none of it is pruned; '
      + 'apply a SnapshotReclaim once per cluster, or set prunedStorage to KEEP, or use a class with DeletionPolicy.DELETE');
  }
  return false;
}

/** The finalizer comes a moment after a snapshot is ready, so the newest of each claim are given time to get it. */
async function someAreRetained({ client, cache, signal }: PruneContext): Promise<boolean> {
  const bound = cache.all().filter(snapshot => snapshot.contentName !== undefined && hasData(snapshot) && !snapshot.deleting);
  const isNewest = (snapshot: Snapshot) => !bound.some(({ claim, createdAt }) => claim === snapshot.claim && createdAt > snapshot.createdAt);
  const lacking = bound.filter(({ boundFinalizer }) => !boundFinalizer);
  if (!lacking.every(isNewest)) { return true; }
  const until = client.now() + CONTROLLER_ANSWERS_WITHIN;
  const answers = await Promise.all(lacking.map(({ name }) => cache.waitFor(name, s => s === undefined || s.boundFinalizer, until, signal)));
  return answers.includes(undefined);
}

function spare(decision: Verdict, mayLoseData: (snapshot: Snapshot) => boolean): Verdict {
  return decision.action === 'delete' && hasData(decision.snapshot) && !mayLoseData(decision.snapshot)
    ? withheld(decision, 'this run has no newer snapshot of the claim')
    : decision;
}

/** Of each claim's snapshots that have data, no more than so many go. */
function onlyOldest(decisions: Verdict[], mostOfClaim: number): Verdict[] {
  const gone = new Map<string, number>();
  // of each claim, retention decides on the newest first
  return [...decisions].reverse().map(decision => {
    if (decision.action !== 'delete' || !hasData(decision.snapshot)) { return decision; }
    const before = gone.get(decision.snapshot.claim) ?? 0;
    gone.set(decision.snapshot.claim, before + 1);
    return before < mostOfClaim ? decision : withheld(decision, 'older ones make room enough');
  }).reverse();
}

function withheld(decision: Verdict, reason: string): Verdict {
  return decision.action === 'delete' ? { ...decision, action: 'keep', withheld: true, reasons: [reason, ...decision.reasons] } : decision;
}

function logDecisions({ log }: PruneContext, decisions: Verdict[]): void {
  const kept = new Map<string, { claim: string; reasons: string[]; snapshots: string[] }>();
  for (const { snapshot, action, reasons } of decisions) {
    if (action === 'delete') {
      log('prune', { claim: snapshot.claimName, snapshot: snapshot.name, reasons });
    } else {
      const key = [snapshot.claim, ...reasons].join('\n');
      const line = kept.get(key) ?? { claim: snapshot.claimName, reasons, snapshots: [] };
      line.snapshots.push(snapshot.name);
      kept.set(key, line);
    }
  }
  kept.forEach(line => log('keep', line));
}

/** Deletes one snapshot, and before that tells a retained content to go with it. Returns why it stays, if it does after all. */
async function remove(context: PruneContext, due: Snapshot, reclaims: boolean): Promise<string | undefined> {
  if (!reclaims) { return deleteAsSeen(context, due, due); }
  if (!hasOwnContent(due)) {
    throw new Error(`its content '${due.contentName}' was not made for it by the snapshot controller; delete both by hand`);
  }
  let stays: string | undefined;
  let failure: Error | undefined;
  try {
    // a content that somebody removed has nothing to give back
    stays = await setPolicy(context, due, 'Delete') ? await deleteGivenBack(context, due) : await deleteAsSeen(context, due, due);
  } catch (error) {
    failure = error as Error;
  }
  if (stays === undefined && failure === undefined) { return undefined; }
  return retainAgain(context, due, stays, failure);
}

/** However it went: what stays must not go with its namespace. What goes after all, since an answer of ours was lost, must not be held back. */
async function retainAgain(context: PruneContext, due: Snapshot, stays: string | undefined, failure: Error | undefined): Promise<string | undefined> {
  try {
    const now = await look(context, due);
    if (!now || now.deleting) { return undefined; }
    await setPolicy(context, due, 'Retain');
  } catch (error) {
    throw new Error(`${failure?.message ?? stays}; its storage may go with its namespace until a run sets its content back: ${(error as Error).message}`);
  }
  if (failure !== undefined) { throw failure; }
  return stays;
}

/** The snapshot as it is now, since the watch may be late. */
async function look({ cache, client }: PruneContext, { name, uid }: Snapshot): Promise<Snapshot | undefined> {
  const found = await findOne(client, cache.path(), name, cache.kind.read);
  return found?.uid === uid ? found : undefined;
}

/** Waits until the snapshot controller has seen the changed policy; deleting earlier would leave an orphan. */
async function deleteGivenBack(context: PruneContext, due: Snapshot): Promise<string | undefined> {
  const { cache, client } = context;
  if (due.boundFinalizer) {
    // an earlier run was here: there is no sign to wait for, so give the controller's cache its time
    await client.sleep(1_000);
    return deleteAsSeen(context, due, cache.get(due.name));
  }
  const until = client.now() + (hasData(due) ? CONTROLLER_ANSWERS_WITHIN : CUTTING_ANSWERS_WITHIN);
  const seen = await cache.waitFor(due.name, s => s === undefined || s.boundFinalizer, until);
  if (seen) { return deleteAsSeen(context, due, seen.snapshot); }
  // the controller gives no sign while the driver is at work
  if (!hasData(due)) { return 'the storage is still at it; the next run decides'; }
  throw new Error('the snapshot controller did not react to the changed deletion policy; is it running? The next run tries again');
}

/** Deletes a snapshot that is still what the plan was made for; returns why it stays otherwise. */
async function deleteAsSeen(context: PruneContext, due: Snapshot, seen: Snapshot | undefined): Promise<string | undefined> {
  let snapshot = seen;
  for (let attempt = 1; ; attempt += 1) {
    // gone or going: by our own request whose answer was lost, or by somebody else
    if (!snapshot || snapshot.deleting) { return undefined; }
    const [whole] = await completed(context, [snapshot]);
    const reason = heldNow(context, whole) ?? progressSince(due, snapshot);
    if (reason !== undefined) { return reason; }
    if (await tryDelete(context, snapshot)) { return undefined; }
    // somebody wrote to it since we read it, perhaps a hold: look again before anything is deleted
    if (attempt === TRIES) { throw new Error('it changes all the time; the next run tries again'); }
    snapshot = await look(context, due);
  }
}

function heldNow({ client, config }: PruneContext, snapshot: Snapshot): string | undefined {
  return heldBy(snapshot, calendarOf(config.retention.timeZone ?? 'UTC'), client.now());
}

/** A snapshot that came further since the plan was made is another one to decide on: it may have data now, and storage that outlives it. */
function progressSince(due: Snapshot, now: Snapshot): string | undefined {
  if (due.scheduleId !== now.scheduleId) { return 'it is none of this schedule any more'; }
  return due.contentName !== now.contentName || due.cutAt !== now.cutAt || due.ready !== now.ready
    ? 'it has just been bound, cut or made ready; the next run decides'
    : undefined;
}

/** False if the snapshot has no content any more. */
async function setPolicy({ client }: PruneContext, snapshot: Snapshot, deletionPolicy: 'Delete' | 'Retain'): Promise<boolean> {
  const request = client.request({ method: 'PATCH', path: contentPath(snapshot.contentName ?? ''), body: { spec: { deletionPolicy } } });
  return await unlessAbsent(request) !== undefined;
}

/** False if the snapshot is not what it was when we read it. */
async function tryDelete({ cache, client }: PruneContext, snapshot: Snapshot): Promise<boolean> {
  const { uid, resourceVersion } = snapshot;
  try {
    await client.request({ method: 'DELETE', path: cache.path(snapshot.name), body: { preconditions: { uid, resourceVersion } } });
  } catch (error) {
    if (isStatus(error, 409)) { return false; }
    if (!isStatus(error, 404)) { throw error; }
  }
  return true;
}
