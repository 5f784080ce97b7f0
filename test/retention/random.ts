/** Lehmer's generator: the same numbers on each machine and each night. */
export function random(seed: number): (below: number) => number {
  let state = seed * 7919 % 2147483647 || 1;
  return below => {
    state = state * 48271 % 2147483647;
    return Math.floor(state / 2147483647 * below);
  };
}
