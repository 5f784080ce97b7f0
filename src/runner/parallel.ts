import { AT_ONCE } from './config';

/** Does the work for every item, a few at a time. */
export async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    while (queue.length > 0) { await work(queue.shift() as T); }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** So many free places: what it returns waits for one, and returns what gives it back, once. */
export function places(free: number): () => Promise<() => void> {
  const queue: (() => void)[] = [];
  return async () => {
    if (free > 0) { free -= 1; } else { await new Promise<void>(resolve => queue.push(resolve)); }
    let giveBack = () => {
      giveBack = () => undefined;
      const next = queue.shift();
      if (next) { next(); } else { free += 1; }
    };
    return () => giveBack();
  };
}
