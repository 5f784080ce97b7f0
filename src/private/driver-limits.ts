import { Duration } from 'cdk8s';
import { Origin, reject } from './validate';
import { CsiDriver } from '../csi-driver';
import { RetentionPolicy } from '../retention-policy';

/** Refuses what a driver is known not to do: to cut a volume again so soon, or to keep so many snapshots of it. */
export function requireWithinLimits(origin: Origin, driver: CsiDriver | undefined, shortestSeconds: number, retention: RetentionPolicy): void {
  const interval = driver?.minimumInterval;
  if (interval !== undefined && shortestSeconds < interval.toSeconds()) {
    reject(origin, 'schedule', {
      problem: `two runs are too close for the driver ${driver?.name}`,
      got: Duration.seconds(shortestSeconds),
      allowed: `at least ${interval.toHumanString()} between two snapshots of a volume`,
      fix: 'run it less often',
    });
  }
  const most = driver?.maxSnapshotsPerVolume;
  // one more exists from the creation of the newest until the oldest is pruned
  const needed = Math.max(retention.keptCount ?? 0, retention.minimumReady) + 1;
  if (most !== undefined && needed > most) {
    reject(origin, 'retention', {
      problem: `the driver ${driver?.name} has no room for them, and one more while it is taken`,
      got: needed - 1,
      allowed: `at most ${most - 1} of its ${most} snapshots of a volume`,
      fix: 'keep fewer',
    });
  }
}
