import { IConstruct } from 'constructs';
import { WATCHED_MARK } from './marks';
import { Origin, reject } from './validate';

/** What alerts need to know of a CronJob; times are in seconds. */
export interface Watched {
  readonly kind: 'Schedule' | 'Drill' | 'Orphans' | 'Inventory' | 'Clone';
  readonly namespace: string;
  /** the name of the CronJob */
  readonly name: string;
  /** a cron expression, checked before */
  readonly expression: string;
  readonly timeZone: string;
  /** how long a run may take in all */
  readonly activeDeadline: number;
  /** of a schedule: the snapshots that it takes */
  readonly snapshots?: WatchedSnapshots;
  /** of a look for orphans that changes nothing: what it looks for */
  readonly listed?: { readonly namespaces?: readonly string[] };
}

/** What alerts need to know of the snapshots of a schedule. */
export interface WatchedSnapshots {
  readonly scheduleId: string;
  /** whether all claims are snapshotted together */
  readonly grouped: boolean;
  /** the claims, if all of them are known by name, and are there as long as the schedule is */
  readonly claims?: readonly string[];
  /** how long after its scheduled time a run begins, at most */
  readonly stagger: number;
  /** how long a run waits for its snapshots to be ready */
  readonly readyTimeout: number;
  readonly maxNotReady: number;
  /** how many snapshots of a volume the driver keeps, if that is known, and how many there will be, which takes a simulation */
  readonly room?: { readonly driver: string; readonly limit: number; readonly needed: () => number };
}

/** Lets alerts find the CronJob of a construct. */
export function watch(construct: IConstruct, describe: () => Watched): void {
  Object.defineProperty(construct, WATCHED_MARK, { value: describe });
}

/** The CronJobs below a scope, in the order in which they were defined; there must be one. `purpose`: what they are asked for. */
export function requireWatched(origin: Origin, within: IConstruct, purpose: string): Watched[] {
  const watched = within.node.findAll()
    .filter((node): node is IConstruct & { readonly [WATCHED_MARK]: () => Watched } => WATCHED_MARK in node)
    .map(node => node[WATCHED_MARK]());
  if (watched.length === 0) {
    reject(origin, 'within', {
      problem: `there is nothing to ${purpose}`,
      got: within,
      allowed: 'a construct with a ScheduledSnapshot, or another construct of this library that runs by a schedule, below it',
      fix: 'pass the chart or the app with your schedules',
    });
  }
  return watched;
}

/** Where the CronJobs are. */
export function namespacesOf(watched: readonly Watched[]): string[] {
  return [...new Set(watched.map(({ namespace }) => namespace))].sort();
}
