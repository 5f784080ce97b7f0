import { Application, findApplications, findWhole, nobodyMounts } from './applications';
import { KEY_PREFIX, KEYS, QuiesceConfig } from './config';
import { Hold, PrimaryError, QuiesceError } from './hold';
import { snapshotName } from './identity';
import { Outcome } from './report';
import { Claim, Snapshot } from './resources';
import { ask, Intent, prepare, refuseWithoutClass, TakeContext, untilCut, untilReady } from './take';

/** The runner asks to let go so long before the target's own timer would, so that it can hear whether it was held until then; in milliseconds. */
const TIME_TO_RELEASE = 1000;
/** Before an application that could not be quiesced is tried again, in milliseconds. */
const PAUSE = 5000;
/** Nobody knows what was written when it was cut. */
const OF_EARLIER_POD = 'an earlier pod of this run took it';
const CUT_APART = 'other claims of its application were cut in an earlier hold of this run, or late';
/** To be held for less would be in vain; in milliseconds. */
const LEAST_TIME = 5000;

/** What was asked of the storage for one claim, and how consistent it is. */
interface Cut {
  readonly claim: Claim;
  readonly intent?: Intent;
  readonly snapshot?: Snapshot;
  readonly error?: unknown;
  /** why the application may have written meanwhile; absent if it was held until the cut */
  readonly reason?: string;
  readonly hold?: HoldFacts;
  /** that it is not called consistent is no failure, whatever the user wants of failures */
  readonly isFine?: boolean;
  /** its application had pods, so that it is no claim that is left over */
  readonly isAsked?: boolean;
}

interface HoldFacts {
  readonly heldMilliseconds: number;
  /** from the moment when the runner saw the cut */
  readonly releaseMilliseconds: number;
  readonly kept: { readonly [name: string]: string };
}

/**
 * Snapshots of all claims, an application at a time for each place that `acquire` gives. With `only`, of those applications that have one of these,
 * which were refused before: once more, for what is there already has its hold behind it.
 */
export async function takeAllQuiesced(
  context: TakeContext, quiesce: QuiesceConfig, claims: readonly Claim[], acquire: () => Promise<() => void>, only = claims,
): Promise<Outcome[]> {
  const isFirst = only === claims;
  const takeEach = (each: Application[], how: QuiesceConfig) => Promise.all(each.map(async application => {
    const makeRoom = await acquire();
    return { application, outcomes: await takeQuiesced(context, how, application, makeRoom, !isFirst).finally(makeRoom) };
  }));
  const applications = await findApplications(context.client, context.namespace, claims, quiesce, context.signal);
  const chosen = applications.filter(application => application.claims.some(claim => only.includes(claim)));
  const taken = await takeEach(chosen, quiesce);
  const primaries = taken.filter(each => each.outcomes.some(({ error }) => error instanceof PrimaryError));
  const others = taken.filter(each => !primaries.includes(each));
  const outcomes = others.flatMap(each => each.outcomes);
  // a claim that is left of an earlier replica is none; an earlier pod may have held a primary for want of one
  const isReplica = (outcome: Outcome) => outcome.isAsked || (quiesce.on === 'Replica' && outcome.snapshot?.consistent);
  // with two primaries nobody knows whose replica it is
  if (isFirst && primaries.length < 2 && others.some(each => each.outcomes.some(isReplica))) {
    return [...outcomes, ...primaries.flatMap(each => each.outcomes.map(leaveOut))];
  }
  if (quiesce.on !== 'ReplicaOrPrimary' || primaries.length === 0) { return [...outcomes, ...primaries.flatMap(each => each.outcomes)]; }
  context.log('hold', { message: 'there is no replica, or more than one primary, so primaries are held' });
  const again = await takeEach(primaries.map(({ application }) => application), { ...quiesce, on: undefined });
  return [...outcomes, ...again.flatMap(each => each.outcomes)];
}

function leaveOut(outcome: Outcome): Outcome {
  return outcome.error instanceof PrimaryError ? { name: outcome.name, claim: outcome.claim, leftOut: true } : outcome;
}

/**
 * Snapshots of the claims of one application, cut while it is held. It is let go as soon
 * as all are cut, or its time is up. Only what was asked for and cut within the hold is
 * called consistent: an earlier pod's snapshot was cut when nobody knows what was written.
 */
export async function takeQuiesced(
  context: TakeContext, quiesce: QuiesceConfig, application: Application, makeRoom: () => void, isRetake = false,
): Promise<Outcome[]> {
  const cuts = await cutInSomeAttempt(context, quiesce, application, isRetake);
  makeRoom();
  return Promise.all(cuts.map(cut => finish(context, quiesce, cut)));
}

/** A busy controller, or a lock that was not to be had, may pass; each attempt has snapshots of its own. */
async function cutInSomeAttempt(context: TakeContext, quiesce: QuiesceConfig, application: Application, isRetake: boolean): Promise<Cut[]> {
  const { client, config, signal, startedAt } = context;
  const end = startedAt + config.readyTimeoutSeconds * 1000;
  if (client.now() > end - LEAST_TIME) {
    const error = new QuiesceError('its turn came after readyTimeout, so its application was not held; raise readyTimeout or concurrency');
    return application.claims.map(claim => ({ claim, error }));
  }
  const latest = end - quiesce.maxHoldSeconds * 1000;
  for (let attempt = isRetake ? lastAttempt(context, quiesce, application) : 1; ; attempt += 1) {
    const isBegun = isRetake && knownOf(context, application, attempt).length > 0;
    const isLast = isBegun || attempt === quiesce.attempts || client.now() > latest;
    const cuts = await cutOnce(context, quiesce, application, attempt, isLast);
    const failed = cuts.filter(cut => cut.reason !== undefined && !cut.isFine);
    const isWhole = cuts.length === application.claims.length;
    if (isLast || signal.aborted || (isWhole && failed.length === 0)) { return cuts; }
    context.log('hold', { claims: failed.map(({ claim }) => claim.name), attempt, message: `${failed[0]?.reason ?? CUT_APART}; trying again` });
    // a storage that has not even cut what it was asked for would be as late again
    const idle = await Promise.all(failed.map(({ intent, snapshot }) =>
      !intent || !snapshot || untilCut(context, intent, snapshot, client.now() + context.patience).catch(() => false)));
    // what was left for another attempt is tried nevertheless
    if (idle.includes(false)) { return isWhole ? cuts : cutOnce(context, quiesce, application, attempt, true); }
    if (isWhole && failed.every(({ snapshot }) => !snapshot)) { await client.sleep(PAUSE, signal).catch(() => undefined); }
  }
}

/** Its pods may have been replaced since the run looked for them. */
async function asItIsNow({ client, namespace, signal }: TakeContext, quiesce: QuiesceConfig, application: Application): Promise<Application> {
  const found = await findWhole(client, namespace, application.mounted ?? application.claims, quiesce, signal)
    .catch((error: Error) => ({ problem: `its pods could not be looked up: ${error.message}` }));
  return { ...application, ...found };
}

async function cutOnce(context: TakeContext, quiesce: QuiesceConfig, application: Application, attempt: number, isLast: boolean): Promise<Cut[]> {
  const prepared = await Promise.all(application.claims.map(async (claim): Promise<Cut> => {
    try {
      return { claim, intent: await prepare(context, claim, attempt) };
    } catch (error) {
      return { claim, error };
    }
  }));
  const failed = prepared.filter(({ error }) => error !== undefined).map(cut => ({ ...cut, isAsked: application.pods.length > 0 }));
  const intents = prepared.flatMap(({ intent }) => intent ?? []);
  const known = intents.filter(intent => intent.known);
  const fresh = intents.filter(intent => !intent.known);
  const adopted = await Promise.all(known.map(intent =>
    askFor(context, intent, intent.known?.consistent ? undefined : OF_EARLIER_POD)));
  const isMixed = known.length > 0 && fresh.length > 0;
  if (fresh.length === 0 || (isMixed && !isLast)) { return [...failed, ...adopted]; }
  const now = await asItIsNow(context, quiesce, application);
  const cuts = (await cutFresh(context, quiesce, now, fresh, isLast))
    .map(cut => ({ ...cut, isAsked: now.pods.length > 0 }));
  // claims of one application are consistent with each other if one hold has cut all of them
  const isElsewhere = attemptsOf(quiesce).some(each => each !== attempt && hasConsistent(context, application, each));
  const isApart = isMixed || (isElsewhere && [...failed, ...cuts].some(({ error, reason }) => error ?? reason));
  return [...failed, ...adopted, ...cuts.map(cut => ({ ...cut, reason: cut.reason ?? (isApart && !cut.error ? CUT_APART : undefined) }))];
}

const attemptsOf = ({ attempts }: QuiesceConfig) => Array.from({ length: attempts }, (_, index) => index + 1);

/** The snapshots of an attempt of this run, perhaps another pod's. */
const knownOf = ({ cache, config, run }: TakeContext, { claims }: Application, attempt: number) =>
  claims.flatMap(({ name, uid }) => cache.get(snapshotName(name, uid, config.scheduleId, run, attempt)) ?? []);

const hasConsistent = (context: TakeContext, application: Application, attempt: number) =>
  knownOf(context, application, attempt).some(({ consistent }) => consistent);

/** Where a retake goes on: where some have their hold behind them, else where there is nothing yet. */
function lastAttempt(context: TakeContext, quiesce: QuiesceConfig, application: Application): number {
  const attempts = attemptsOf(quiesce);
  return attempts.find(each => hasConsistent(context, application, each))
    ?? attempts.find(each => knownOf(context, application, each).length === 0) ?? quiesce.attempts;
}

async function cutFresh(context: TakeContext, quiesce: QuiesceConfig, application: Application, intents: Intent[], isLast: boolean): Promise<Cut[]> {
  // what nobody mounts, nobody writes to
  if (application.pods.length === 0 && application.problem === undefined) {
    const reason = `${nobodyMounts(quiesce)}, so there was nothing to quiesce`;
    return Promise.all(intents.map(async intent => ({ ...await askFor(context, intent, reason), isFine: true })));
  }
  let hold: Hold;
  try {
    if (application.problem !== undefined) { throw new QuiesceError(`the application was not quiesced: ${application.problem}`); }
    hold = await Hold.begin(context.client, context.namespace, application.pods, quiesce, context.signal);
  } catch (error) {
    const reason = (error as Error).message;
    context.log('hold', { pods: application.pods, message: reason });
    const mayBeCrash = isLast && quiesce.onFailure === 'CrashConsistent' && !(error instanceof PrimaryError) && !context.signal.aborted;
    return mayBeCrash
      ? Promise.all(intents.map(intent => askFor(context, intent, reason)))
      : intents.map(intent => ({ claim: intent.claim, intent, error, reason, isFine: error instanceof PrimaryError }));
  }
  return cutHeld(context, quiesce, application, intents, hold);
}

async function cutHeld(context: TakeContext, quiesce: QuiesceConfig, application: Application, intents: Intent[], hold: Hold): Promise<Cut[]> {
  const { client, log } = context;
  const { pods } = application;
  const cutInTime = new Set<Intent>();
  const until = client.now() + hold.left() - TIME_TO_RELEASE;
  const asked = intents.map(intent => askFor(context, intent));
  const allCut = Promise.all(asked.map(async (asking, index) => {
    const { snapshot, reason } = await asking;
    if (snapshot && reason === undefined && await untilCut(context, intents[index], snapshot, until)) { cutInTime.add(intents[index]); }
  }));
  await untilOver(context, hold, allCut);
  const consistent = new Set(cutInTime);
  const seenAfter = hold.held();
  const lost = await hold.release();
  const heldMilliseconds = hold.held();
  const releaseMilliseconds = heldMilliseconds - seenAfter;
  log('hold', { pods, claims: intents.map(({ claim }) => claim.name), heldMilliseconds, releaseMilliseconds, message: lost ?? 'released' });
  const after = await asItIsNow(context, quiesce, application);
  const newcomer = after.pods.find(pod => !pods.includes(pod));
  const unheld = newcomer ? `pod '${newcomer}' came meanwhile, and was not held` : after.problem;
  const late = `it was not cut within ${quiesce.maxHoldSeconds} s, so the application was let go before`;
  return (await Promise.all(asked)).map((cut, index) => ({
    ...cut,
    hold: { heldMilliseconds, releaseMilliseconds, kept: hold.kept },
    reason: cut.reason ?? lost ?? unheld ?? (consistent.has(intents[index]) || cut.error !== undefined ? undefined : late),
  }));
}

/** Until all are cut, or the application is held no more, or not for much longer, or the run is told to end. */
async function untilOver({ client, log, signal }: TakeContext, hold: Hold, allCut: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const timer = client.sleep(Math.max(0, hold.left() - TIME_TO_RELEASE), AbortSignal.any([over.signal, signal]));
  try {
    await Promise.race([allCut, hold.lost(), timer]);
  } catch (error) {
    log('hold', { message: (error as Error).message });
  } finally {
    over.abort();
    [timer, allCut].forEach(each => each.catch(() => undefined));
  }
}

/** Asks for a snapshot. `reason`: why it is not consistent whatever happens. */
async function askFor(context: TakeContext, intent: Intent, reason?: string): Promise<Cut> {
  const { claim } = intent;
  try {
    const { snapshot, isNew } = await ask(context, intent);
    return { claim, intent, snapshot, reason: reason ?? (isNew || intent.known ? undefined : OF_EARLIER_POD) };
  } catch (error) {
    return { claim, intent, error };
  }
}

async function finish(context: TakeContext, quiesce: QuiesceConfig, cut: Cut): Promise<Outcome> {
  const { claim, hold, intent, isAsked, reason, snapshot } = cut;
  try {
    if (!intent || !snapshot) { throw cut.error; }
    if (reason !== undefined && !cut.isFine && quiesce.onFailure === 'Fail') {
      refuseWithoutClass(context.cache.get(snapshot.name) ?? snapshot);
      throw new QuiesceError(`snapshot '${snapshot.name}' is crash-consistent only: ${reason}; it is kept`);
    }
    if (reason === undefined && hold) { await callConsistent(context, snapshot, hold); }
    return { name: claim.name, claim, snapshot: await untilReady(context, intent, snapshot), note: noteOf(cut), isAsked };
  } catch (error) {
    context.log('failed', { claim: claim.name, message: (error as Error).message });
    return { name: claim.name, claim, snapshot, error, isAsked };
  }
}

async function callConsistent({ cache, client, signal }: TakeContext, snapshot: Snapshot, hold: HoldFacts): Promise<void> {
  const kept = Object.entries(hold.kept).map(([name, text]) => [KEY_PREFIX + name, text]);
  const annotations = { ...Object.fromEntries(kept), [KEYS.held]: `${hold.heldMilliseconds}`, [KEYS.releasedWithin]: `${hold.releaseMilliseconds}` };
  const metadata = { labels: { [KEYS.consistency]: 'application' }, annotations };
  await client.request({ method: 'PATCH', path: cache.path(snapshot.name), body: { metadata } }, signal);
}

function noteOf({ reason, hold }: Cut): string {
  if (reason !== undefined) { return `crash-consistent only, since ${reason}`; }
  return hold
    ? `application-consistent, held for ${hold.heldMilliseconds} ms, ${hold.releaseMilliseconds} ms of them after the cut was seen`
    : 'application-consistent, taken by an earlier pod of this run';
}
