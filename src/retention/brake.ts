import { Decision, SnapshotFacts } from './plan';

/** A claim of which a run would prune more than its schedule explains. */
export interface Overrun {
  readonly claim: string;
  readonly due: number;
  readonly ready: number;
}

/** A run adds one snapshot of a claim, so it removes one, or a few after runs that failed. */
export const USUALLY_EXPLAINED = 5;

/**
 * The claims that would lose more than half of their ready snapshots, and more
 * than the schedule explains, in one run: by a wrong clock, a changed policy, or
 * a long outage. What a person has let go does not count.
 */
export function overruns<S extends SnapshotFacts>(
  decisions: readonly Decision<S>[], isLetGo: (snapshot: S) => boolean, explained = USUALLY_EXPLAINED,
): Overrun[] {
  const byClaim = new Map<string, { due: number; ready: number }>();
  for (const { snapshot, action } of decisions) {
    if (!snapshot.ready || snapshot.deleting) { continue; }
    const counts = byClaim.get(snapshot.claim) ?? { due: 0, ready: 0 };
    counts.ready += 1;
    if (action === 'delete' && !isLetGo(snapshot)) { counts.due += 1; }
    byClaim.set(snapshot.claim, counts);
  }
  return [...byClaim].map(([claim, counts]) => ({ claim, ...counts })).filter(({ due, ready }) => due > explained && due > ready / 2);
}
