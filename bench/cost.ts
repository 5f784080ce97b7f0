import { Measured } from './measure';
import { SeenRequest, SeenRequests } from './requests';
import { Place } from './ways';
import { sleep } from '../e2e/cluster';
import { DeletionPolicy } from 'cdk8s-volume-snapshots';

export const MOST_MEMORY_MIB = 80;
const PAGE = 100;
/** What a run may ask for besides its work. */
const A_FEW = 3;

/** What a run cost. */
export interface Cost {
  readonly wall: number;
  readonly requests: SeenRequest[];
  readonly receivedKiB: number;
  readonly memory: number;
}

/** Measures a run whose end the audit log has seen. */
export async function costOf({ proxy, namespace }: Place, serviceAccount: string, run: () => Promise<Measured>): Promise<Cost> {
  const seen = new SeenRequests();
  const from = proxy.received;
  const { wall, memory, output } = await run();
  // a watch is written down when the server notices that it is over
  await sleep(300);
  // samples may miss the worst moment, which the runner knows of itself
  const told = Number(/"peakMemoryMiB":(\d+)/.exec(output)?.[1] ?? 0);
  const requests = seen.of(namespace, serviceAccount);
  return { wall, requests, receivedKiB: (proxy.received - from) / 1024, memory: Math.max(memory, told) };
}

/** The work itself: a list of the claims and of the snapshots, a watch, and for each claim a creation, an Event and what pruning takes. */
export function mostRequests(count: number, listed: number, deletionPolicy: DeletionPolicy): number {
  const constant = 1 + Math.max(1, Math.ceil(listed / PAGE)) + 1 + 1;
  const ofEach = deletionPolicy === DeletionPolicy.RETAIN ? 4 : 3;
  return constant + ofEach * count + A_FEW;
}

const VERBS = ['list', 'watch', 'get', 'create', 'patch', 'delete'];

/** How many of each kind, in words. */
export function ofWhich(requests: SeenRequest[]): string {
  const counts = VERBS.map(verb => ({ verb, count: requests.filter(request => request.verb === verb).length }));
  return counts.filter(({ count }) => count > 0).map(({ verb, count }) => `${count} ${verb}`).join(', ');
}

export function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
