import { Snapshot } from './resources';
import { momentOf } from '../retention/plan';

/** Too many snapshots of a claim wait for the storage, so that no more is asked of it. */
export class CircuitOpenError extends Error {}

/** A copy that takes longer will hardly end, and must not keep a claim without snapshots for ever. */
const STUCK_AFTER = 7 * 24 * 3_600_000;

/**
 * The snapshots of a claim that the storage has still to make ready. They are all
 * of the circuit breaker's state: each failed run leaves one, the storage goes on
 * trying them, and with the first that gets ready the circuit is closed again. One
 * that was never cut is pruned after a day, which lets the next run try anew.
 */
export function inFlight(snapshots: readonly Snapshot[], claimUid: string, now: number): Snapshot[] {
  const ofClaim = snapshots.filter(snapshot => snapshot.claimUid === claimUid && !snapshot.deleting);
  const newestReady = Math.max(0, ...ofClaim.filter(snapshot => snapshot.ready).map(snapshot => momentOf(snapshot, now)));
  return ofClaim.filter(snapshot => !snapshot.ready && momentOf(snapshot, now) > newestReady && now - snapshot.createdAt < STUCK_AFTER);
}

/** Refuses to take one more while so many are under way. `byHand`: how a person goes on. */
export function requireClosed(snapshots: readonly Snapshot[], claimUid: string, most: number, now: number, byHand: string): void {
  const waiting = inFlight(snapshots, claimUid, now);
  if (waiting.length < most) { return; }
  const error = waiting.map(snapshot => snapshot.error).find(text => text !== undefined);
  throw new CircuitOpenError(`${waiting.length} snapshots of the claim are not ready, so no more is taken until one is, `
    + `or until one that was never cut is a day old and pruned${error === undefined ? '' : `; the storage says: ${error}`}; `
    + `repair the storage; ${byHand}`);
}
