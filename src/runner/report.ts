import { createHash } from 'node:crypto';
import { CircuitOpenError } from './breaker';
import { EXIT } from './config';
import { isStatus, KubeClient, mayPass, TerminatedError } from './kube-client';
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
  /** the group that the snapshot is a member of */
  readonly group?: string;
  readonly error?: unknown;
  /** what is to be known of the snapshot besides */
  readonly note?: string;
  /** whether its application had pods, when it was held or could not be */
  readonly isAsked?: boolean;
  /** no snapshot was wanted of it, since its pod is the primary, and there is a replica */
  readonly leftOut?: boolean;
}

export const hasFailed = (outcome: Outcome) => outcome.error !== undefined;

// in bytes; the kubelet keeps 4096
const LONGEST_MESSAGE = 4000;

/** The one line that `kubectl describe pod` shows. */
export function summarize(outcomes: readonly Outcome[], pruning: PruneResult, scaledIn: readonly string[] = []): string {
  const failed = outcomes.filter(hasFailed);
  const leftOut = outcomes.filter(outcome => outcome.leftOut);
  const wanted = outcomes.length - leftOut.length;
  const good = outcomes.filter(outcome => !hasFailed(outcome) && !outcome.leftOut);
  const group = good.find(outcome => outcome.group !== undefined)?.group;
  // first what must not be cut off
  const parts = [
    `${good.length} of ${wanted} claims have their snapshot${group === undefined ? '' : ` in group '${group}'`}${failed.length || !good.length ? '' : ` (${good.map(o => o.snapshot?.name).join(', ')})`}`,
    ...failed.map(outcome => `FAILED ${outcome.name}: ${(outcome.error as Error).message}`),
    ...good.flatMap(outcome => (outcome.note === undefined ? [] : [`${outcome.name}: ${outcome.note}`])),
    ...pruning.problems.map(problem => `FAILED pruning: ${problem}`),
    pruning.wouldPrune === undefined ? `${pruning.pruned} pruned` : `dry run, ${pruning.wouldPrune} would be pruned`,
    `${pruning.kept} kept${pruning.held > 0 ? `, ${pruning.held} of them held` : ''}`,
    ...pruning.deleting > 0 ? [`${pruning.deleting} still being deleted since before this run`] : [],
    ...leftOut.length > 0 ? [`left out, since a replica was taken: ${leftOut.map(({ name }) => name).join(', ')}`] : [],
    ...scaledIn.length > 0 ? [`not there, since the StatefulSet is scaled in: ${scaledIn.join(', ')}`] : [],
  ];
  return oneLine(parts.join('; '));
}

/** How a run ends in which these went wrong. */
export function exitCodeOf(errors: readonly unknown[]): number {
  return errors.length === 0 ? EXIT.success : errors.every(mayPass) ? EXIT.unreachable : EXIT.failed;
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

/** Tells people who look at the claim. */
export async function recordEvent(writer: EventWriter, outcome: Outcome): Promise<void> {
  if (!outcome.claim || outcome.leftOut) { return; }
  const failed = hasFailed(outcome);
  await writeEvent(writer, outcome.claim, {
    type: failed ? 'Warning' : 'Normal',
    reason: reasonOf(outcome.error),
    message: failed ? (outcome.error as Error).message : `snapshot '${outcome.snapshot?.name}' is ready`,
  });
}

/** What an Event says. */
export interface EventText {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** What an Event is about: a claim unless it says otherwise. */
interface EventObject extends Pick<Claim, 'name' | 'uid'> {
  readonly apiVersion?: string;
  readonly kind?: string;
}

/** Who writes an Event, and where. */
interface EventWriter {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly pod: string;
  readonly log: (step: string, details: object) => void;
}

/** Writes an Event about an object. One that cannot be written is no reason to fail a backup. */
export async function writeEvent(
  { client, log, namespace, pod }: EventWriter, object: EventObject, { type, reason, message }: EventText,
): Promise<void> {
  const { apiVersion = 'v1', kind = 'PersistentVolumeClaim', name, uid } = object;
  const time = new Date(client.now()).toISOString();
  const hash = createHash('sha256').update([uid, pod, time].join('\n')).digest('hex').slice(0, 16);
  await client.request({
    method: 'POST',
    path: eventsPath(namespace),
    body: {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name.slice(0, 200).replace(/[-.]+$/, '')}.${hash}`, namespace },
      involvedObject: { apiVersion, kind, namespace, name, uid },
      type,
      reason,
      message: message.slice(0, 1000),
      source: { component: 'cdk8s-volume-snapshots' },
      reportingComponent: 'cdk8s-volume-snapshots',
      reportingInstance: pod,
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    },
  }).catch((error: Error) => log('event', { message: `not recorded: ${error.message}` }));
}

/** For want of a right, which a quota is not. */
export const isForbidden = (error: unknown) => isStatus(error, 403) && !error.message.includes('quota');
