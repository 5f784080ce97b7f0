import { inFlight } from './breaker';
import { ResolvedClaims, resolveClaims } from './claims';
import { EXIT, RunnerConfig } from './config';
import { admit, inEmergency, reusable, verdict } from './gate';
import { completeGroups, GROUP, groupKind, membersOf, takeGroup } from './groups';
import { QuiesceError } from './hold';
import { Run } from './identity';
import { KubeClient, RetryingClient, TerminatedError } from './kube-client';
import { forEach, places } from './parallel';
import { prune, PruneContext, PruneResult } from './prune';
import { brokenOff, exitCodeOf, hasFailed, isForbidden, Outcome, recordEvent, RunResult, summarize } from './report';
import { Claim } from './resources';
import { SnapshotCache } from './snapshot-cache';
import { QuotaFullError, take, TakeContext } from './take';
import { takeAllQuiesced } from './take-quiesced';

export interface RunInput {
  /** as it is: the run adds the retries */
  readonly client: KubeClient;
  readonly config: RunnerConfig;
  readonly namespace: string;
  readonly pod: string;
  readonly run: Run;
  /** given when the pod is told to end */
  readonly signal: AbortSignal;
  readonly log: (step: string, details: object) => void;
}

/** The quota counts a snapshot until the storage has let go of it. */
const QUOTA_PAUSE = 5_000;
const QUOTA_TRIES = 12;

/** One run of a schedule: take a snapshot of each claim, then prune. */
export async function runSchedule(input: RunInput): Promise<RunResult> {
  const { namespace, log } = input;
  const client = new RetryingClient(input.client);
  const over = new AbortController();
  const signal = AbortSignal.any([input.signal, over.signal]);
  let resolved: ResolvedClaims = { found: [], missing: [], scaledIn: [] };
  try {
    await stagger(client, input.config, input.run, signal);
    const claimsAsOf = client.elapsed();
    resolved = await resolveClaims(client, namespace, input.config.claims, signal);
    const config = input.config.gate ? inEmergency(input.config, resolved.found, client.now()) : input.config;
    const cache = new SnapshotCache(client, namespace, config.scheduleId, message => log('watch', { message }), config.group && groupKind(config.group));
    await cache.start(signal, over.signal);
    const claims = config.gate
      ? admit(config.gate, resolved, [...cache.all(), ...config.group ? await membersOf(client, namespace, cache.all()) : []])
      : { ...resolved, notYet: [] };

    // so that each claim is tried before half of the time is over, even if none is cut
    const patience = config.readyTimeoutSeconds * 1000 / (2 * Math.ceil(claims.found.length / config.concurrency) || 1);
    const context: TakeContext & PruneContext = {
      client,
      cache,
      config,
      namespace,
      run: input.run,
      signal,
      log,
      startedAt: client.now(),
      claimsAsOf,
      patience,
      complete: config.group && (groups => completeGroups(client, namespace, groups)),
    };
    const reused = config.gate && reusable(config, claims.found, cache.all(), client.now());
    const { outcomes: made, pruned } = await retakeAfterPruning(context, reused ?? await takeAll(context, claims.found));
    const outcomes: Outcome[] = [...claims.missing, ...made];
    if (input.signal.aborted) { throw new TerminatedError(); }

    const rest = await pruneSafely(context, outcomes);
    const pruning = { ...rest, pruned: rest.pruned + pruned };
    await forEach(outcomes, outcome => recordEvent({ ...input, client, namespace }, outcome));
    if (input.signal.aborted) { throw new TerminatedError(); }
    const result = { exitCode: exitCode(outcomes, pruning), message: summarize(outcomes, pruning, claims.scaledIn) };
    return config.gate ? verdict(namespace, outcomes, claims.notYet, result, client.now()) : result;
  } catch (error) {
    const result = brokenOff(error, isForbidden(error) ? 'apply the Role and RoleBinding of this schedule' : undefined);
    const outcomes = [...resolved.missing, ...resolved.found.map(claim => ({ name: claim.name, claim, error }))];
    return input.config.gate ? verdict(namespace, outcomes, [], result, client.now()) : result;
  } finally {
    over.abort();
  }
}

/** Schedules of the same minute are kept apart; a retry does not wait again, and a person does not at all. */
async function stagger(client: KubeClient, { startDelaySeconds = 0 }: RunnerConfig, run: Run, signal: AbortSignal): Promise<void> {
  if (run.kind !== 'Scheduled') { return; }
  const delay = startDelaySeconds * 1000;
  const wait = Math.min(delay, run.at.getTime() + delay - client.now());
  if (wait > 0) { await client.sleep(wait, signal); }
}

/**
 * Every claim is tried; so many at once are waiting to be cut, however long the storage then copies. With `only`, those are tried, and
 * what has to be cut together with them.
 */
async function takeAll(context: TakeContext, claims: readonly Claim[], only = claims): Promise<Outcome[]> {
  if (claims.length === 0) { return []; }
  const acquire = places(context.config.concurrency);
  const { group, quiesce } = context.config;
  if (group) { return takeGroup(context, group, only); }
  if (quiesce) { return takeAllQuiesced(context, quiesce, claims, acquire, only); }
  return Promise.all(only.map(async (claim): Promise<Outcome> => {
    const release = await acquire();
    try {
      return { name: claim.name, claim, snapshot: await take(context, claim, release) };
    } catch (error) {
      context.log('failed', { claim: claim.name, message: (error as Error).message });
      return { name: claim.name, claim, error };
    } finally {
      release();
    }
  }));
}

/**
 * A full quota leaves no room for the snapshots after which a run would prune. So it
 * prunes first, by the same rules, and tries again while the storage lets go.
 */
async function retakeAfterPruning(context: TakeContext & PruneContext, taken: Outcome[]): Promise<{ outcomes: Outcome[]; pruned: number }> {
  const refused = (outcomes: Outcome[]) => outcomes.filter(outcome => outcome.error instanceof QuotaFullError);
  const uids = new Set(refused(taken).map(outcome => (context.config.group ? GROUP : outcome.claim?.uid)));
  if (uids.size === 0) { return { outcomes: taken, pruned: 0 }; }
  // where an earlier snapshot still waits for the storage, room would be made in vain, at the price of a good one a night
  const failing = [...uids].filter(uid => uid !== undefined && inFlight(context.cache.all(), uid, context.client.now()).length > 0);
  // others may fill the quota as well, and then there is no newer one in the end: one a night must do
  const { pruned, problems } = await prune(context, snapshot => uids.has(snapshot.claimUid) && !failing.includes(snapshot.claimUid), 1)
    .catch(error => ({ pruned: 0, problems: [(error as Error).message] }));
  context.log('quota', { message: `a ResourceQuota is full, ${pruned} pruned to make room`, problems });
  let outcomes = taken;
  for (let attempt = 0; attempt < QUOTA_TRIES && pruned > 0 && refused(outcomes).length > 0; attempt += 1) {
    await context.client.sleep(QUOTA_PAUSE, context.signal);
    // claims of one application must not be cut one by one as room comes; a deletion that is stuck keeps nobody from the last try
    const isGoing = context.config.quiesce && context.cache.all().some(({ claimUid, deleting }) => deleting && uids.has(claimUid));
    if (isGoing && attempt < QUOTA_TRIES - 1) { continue; }
    const claimsOf = (all: Outcome[]) => all.flatMap(({ claim }) => claim ?? []);
    const again = await takeAll(context, claimsOf(outcomes), claimsOf(refused(outcomes)));
    outcomes = [...outcomes.filter(({ name }) => !again.some(each => each.name === name)), ...again];
  }
  return { outcomes, pruned };
}

async function pruneSafely(context: TakeContext & PruneContext, outcomes: readonly Outcome[]): Promise<PruneResult> {
  const renewed = uidsOf(outcomes.filter(outcome => outcome.snapshot && !hasFailed(outcome)));
  // a storage that is always late would pile them up, each a failure, and none of them counts as a good one
  const late = uidsOf(outcomes.filter(outcome => outcome.snapshot && outcome.error instanceof QuiesceError));
  const allWell = !outcomes.some(hasFailed);
  // by a wrong clock they may seem to be the oldest
  const taken = new Set(outcomes.map(outcome => outcome.group ?? outcome.snapshot?.name));
  try {
    // claims that no source covers any more follow the rules too, but only while all is well
    return await prune(context, snapshot => !taken.has(snapshot.name)
      && (allWell || renewed.has(snapshot.claimUid) || (late.has(snapshot.claimUid) && !snapshot.consistent)));
  } catch (error) {
    const all = context.cache.all();
    const deleting = all.filter(snapshot => snapshot.deleting).length;
    return { pruned: 0, kept: all.length - deleting, deleting, held: 0, problems: [(error as Error).message] };
  }
}

const uidsOf = (outcomes: Outcome[]) => new Set(outcomes.map(outcome => outcome.snapshot?.claimUid ?? outcome.claim?.uid));

function exitCode(outcomes: readonly Outcome[], { problems }: PruneResult): number {
  const failed = outcomes.filter(hasFailed);
  return failed.length === 0 && problems.length > 0 ? EXIT.failed : exitCodeOf(failed.map(({ error }) => error));
}
