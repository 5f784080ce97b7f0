import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The bridge of the test cluster, by which pods reach the API server. */
const BRIDGE = 'snapbr0';

/**
 * Keeps the network of the pods up while other pods come and go.
 *
 * A bridge that was given no address of its own takes the lowest of its ports'. When the pod of that port ends, the bridge takes another one, and all
 * pods lose the API server for some fifteen seconds, until they ask for its address again: long enough for a hold to be lost.
 * An address that was set stays, even if it is the one that it has.
 */
export default function steadyNetwork(): void {
  const address = readFileSync(`/sys/class/net/${BRIDGE}/address`, 'utf8').trim();
  execFileSync('ip', ['link', 'set', BRIDGE, 'address', address]);
}
