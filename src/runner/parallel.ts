import { AT_ONCE } from './config';

/** Does the work for every item, a few at a time. */
export async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    while (queue.length > 0) { await work(queue.shift() as T); }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
