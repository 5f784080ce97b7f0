import { createHash } from 'node:crypto';
import { CircuitOpenError } from './breaker';
import { EXIT } from './config';
import { KubeClient, mayPass, TerminatedError } from './kube-client';
import { PruneResult } from './prune';
import { Claim, eventsPath, Snapshot } from './resources';

/** How a run ended. */
export interface RunResult {
  readonly exitCode: number;
  /** one line for people */
  readonly message: string;
}

/** How it went for one claim, or for a selection that found none. */
export interface Outcome {
  readonly name: string;
  readonly claim?: Claim;
  readonly snapshot?: Snapshot;
  readonly error?: unknown;
}

export const hasFailed = (outcome: Outcome) => outcome.error !== undefined;

// in bytes; the kubelet keeps 4096
const LONGEST_MESSAGE = 4000;

/** The one line that `kubectl describe pod` shows. */
export function summarize(outcomes: readonly Outcome[], pruning: PruneResult, scaledIn: readonly string[] = []): string {
  const failed = outcomes.filter(hasFailed);
  const good = outcomes.filter(outcome => !hasFailed(outcome));
  // first what must not be cut off
  const parts = [
    `${good.length} of ${outcomes.length} claims have their snapshot${failed.length ? '' : ` (${good.map(o => o.snapshot?.name).join(', ')})`}`,
    ...failed.map(outcome => `FAILED ${outcome.name}: ${(outcome.error as Error).message}`),
    ...pruning.problems.map(problem => `FAILED pruning: ${problem}`),
    pruning.wouldPrune === undefined ? `${pruning.pruned} pruned` : `dry run, ${pruning.wouldPrune} would be pruned`,
    `${pruning.kept} kept${pruning.held > 0 ? `, ${pruning.held} of them held` : ''}`,
    ...scaledIn.length > 0 ? [`not there, since the StatefulSet is scaled in: ${scaledIn.join(', ')}`] : [],
  ];
  return oneLine(parts.join('; '));
}

/** How a run ends that cannot go on. `remedy`: what a person is to do, if it is known. */
export function brokenOff(error: unknown, remedy = 'the next run begins anew'): RunResult {
  const exitCode = error instanceof TerminatedError ? EXIT.terminated : mayPass(error) ? EXIT.unreachable : EXIT.failed;
  const next = exitCode === EXIT.failed ? remedy : 'a retry goes on from here';
  return { exitCode, message: oneLine(`FAILED: ${(error as Error).message}; nothing more was done, ${next}`) };
}

function reasonOf(error: unknown): string {
  if (error === undefined) { return 'ScheduledSnapshotReady'; }
  return error instanceof CircuitOpenError ? 'ScheduledSnapshotCircuitOpen' : 'ScheduledSnapshotFailed';
}

/** Makes a termination message of any text; storage errors may have many lines, and letters of several bytes. */
export function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  const bytes = Buffer.from(line);
  if (bytes.length <= LONGEST_MESSAGE) { return line; }
  // a letter that the cut has split is left out
  return `${bytes.subarray(0, LONGEST_MESSAGE).toString('utf8').replace(/\uFFFD+$/, '')}... (see the log)`;
}

/** Tells people who look at the claim. An Event that cannot be written is no reason to fail a backup. */
export async function recordEvent(client: KubeClient, namespace: string, pod: string, outcome: Outcome): Promise<void> {
  if (!outcome.claim) { return; }
  const time = new Date(client.now()).toISOString();
  const failed = hasFailed(outcome);
  const message = failed ? (outcome.error as Error).message : `snapshot '${outcome.snapshot?.name}' is ready`;
  const hash = createHash('sha256').update([outcome.claim.uid, pod, time].join('\n')).digest('hex').slice(0, 16);
  await client.request({
    method: 'POST',
    path: eventsPath(namespace),
    body: {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${outcome.claim.name.slice(0, 200).replace(/[-.]+$/, '')}.${hash}`, namespace },
      involvedObject: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name: outcome.claim.name, uid: outcome.claim.uid },
      type: failed ? 'Warning' : 'Normal',
      reason: reasonOf(outcome.error),
      message: message.slice(0, 1000),
      source: { component: 'cdk8s-volume-snapshots' },
      reportingComponent: 'cdk8s-volume-snapshots',
      reportingInstance: pod,
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    },
  });
}
