import { resolveClaims } from './claims';
import { EXIT, RunnerConfig } from './config';
import { Run } from './identity';
import { ApiError, KubeClient, mayPass, RetryingClient, TerminatedError } from './kube-client';
import { forEach } from './parallel';
import { prune, PruneResult } from './prune';
import { hasFailed, oneLine, Outcome, recordEvent, summarize } from './report';
import { Claim } from './resources';
import { SnapshotCache } from './snapshot-cache';
import { take, TakeContext } from './take';

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

export interface RunResult {
  readonly exitCode: number;
  /** one line for people */
  readonly message: string;
}

/** One run of a schedule: take a snapshot of each claim, then prune. */
export async function runSchedule(input: RunInput): Promise<RunResult> {
  const { config, namespace, log } = input;
  const client = new RetryingClient(input.client);
  const over = new AbortController();
  const signal = AbortSignal.any([input.signal, over.signal]);
  try {
    const claims = await resolveClaims(client, namespace, config.claims, signal);
    const cache = new SnapshotCache(client, namespace, config.scheduleId, message => log('watch', { message }));
    await cache.start(signal, over.signal);

    const context: TakeContext = {
      client,
      cache,
      config,
      namespace,
      run: input.run,
      signal,
      log,
      startedAt: client.now(),
      // so that each claim is tried before half of the time is over, even if none is cut
      patience: config.readyTimeoutSeconds * 1000 / (2 * Math.ceil(claims.found.length / config.concurrency) || 1),
    };
    const outcomes: Outcome[] = [
      ...claims.missing,
      ...await takeAll(context, claims.found),
    ];
    if (input.signal.aborted) { throw new TerminatedError(); }

    const pruning = await pruneSafely(context, outcomes);
    await forEach(outcomes, outcome => recordEvent(client, namespace, input.pod, outcome)
      .catch(error => log('event', { message: `not recorded: ${(error as Error).message}` })));
    if (input.signal.aborted) { throw new TerminatedError(); }
    return { exitCode: exitCode(outcomes, pruning), message: summarize(outcomes, pruning) };
  } catch (error) {
    return { exitCode: exitCodeOf(error), message: oneLine(`FAILED: ${(error as Error).message}; nothing more was done, ${whatNext(error)}`) };
  } finally {
    over.abort();
  }
}

/** Every claim is tried; so many at once are waiting to be cut, however long the storage then copies. */
async function takeAll(context: TakeContext, claims: readonly Claim[]): Promise<Outcome[]> {
  const slots = new Slots(context.config.concurrency);
  return Promise.all(claims.map(async (claim): Promise<Outcome> => {
    const release = await slots.acquire();
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

async function pruneSafely(context: TakeContext, outcomes: readonly Outcome[]): Promise<PruneResult> {
  const renewed = new Set(outcomes.filter(outcome => !hasFailed(outcome)).map(outcome => outcome.claim?.uid));
  const allWell = !outcomes.some(hasFailed);
  try {
    // claims that no source covers any more follow the rules too, but only while all is well
    return await prune(context, snapshot => allWell || renewed.has(snapshot.claimUid));
  } catch (error) {
    return { pruned: 0, kept: context.cache.all().length, problems: [(error as Error).message] };
  }
}

function exitCode(outcomes: readonly Outcome[], pruning: PruneResult): number {
  const failed = outcomes.filter(hasFailed);
  if (failed.length === 0 && pruning.problems.length === 0) { return EXIT.success; }
  return failed.length > 0 && failed.every(outcome => mayPass(outcome.error)) ? EXIT.unreachable : EXIT.failed;
}

function exitCodeOf(error: unknown): number {
  if (error instanceof TerminatedError) { return EXIT.terminated; }
  return mayPass(error) ? EXIT.unreachable : EXIT.failed;
}

function whatNext(error: unknown): string {
  if (exitCodeOf(error) !== EXIT.failed) { return 'a retry goes on from here'; }
  return error instanceof ApiError && error.status === 403
    ? 'apply the Role and RoleBinding of this schedule'
    : 'the next run begins anew';
}

/** A counter of free places. */
class Slots {
  private readonly queue: (() => void)[] = [];

  constructor(private free: number) {}

  /** Waits for a place; what it returns gives the place back, once. */
  async acquire(): Promise<() => void> {
    if (this.free > 0) { this.free -= 1; } else { await new Promise<void>(resolve => this.queue.push(resolve)); }
    let held = true;
    return () => {
      if (!held) { return; }
      held = false;
      const next = this.queue.shift();
      if (next) { next(); } else { this.free += 1; }
    };
  }
}
