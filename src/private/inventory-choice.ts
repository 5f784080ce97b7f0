import { Origin, reject } from './validate';
import { groupBy } from '../retention/groups';
import { Inventory, InventoryEntry, KEYS } from '../runner/config';

/** Which snapshots of an inventory are wanted; all that is absent does not matter. */
export interface InventoryWish {
  readonly namespaces?: readonly string[];
  readonly claims?: readonly string[];
  readonly schedules?: readonly string[];
  /** in milliseconds since 1970 */
  readonly before?: number;
  readonly newestPerClaim: number;
  readonly orphans: boolean;
}

/** Chooses the snapshots, in the order of the file. What a person names and is not there is an error, since nobody would miss it in time. */
export function chooseSnapshots(origin: Origin, inventory: Inventory, wish: InventoryWish): InventoryEntry[] {
  const { before, namespaces, claims, schedules } = wish;
  const isNamed = (names: readonly string[] | undefined, name = '') => names === undefined || names.includes(name);
  const pool = inventory.snapshots.filter(entry => (wish.orphans || !entry.orphan)
    && isNamed(namespaces, entry.namespace) && isNamed(claims, entry.claim) && isNamed(schedules, entry.schedule)
    && (before === undefined || Date.parse(entry.cutAt) <= before));
  requireFound(origin, inventory, 'namespaces', namespaces, pool, ({ namespace }) => namespace);
  requireFound(origin, inventory, 'claims', claims, pool, ({ claim }) => claim);
  requireFound(origin, inventory, 'schedules', schedules, pool, ({ schedule }) => schedule);
  if (pool.length === 0) {
    const orphans = inventory.snapshots.filter(({ orphan }) => orphan).length;
    reject(origin, 'inventory', {
      problem: `none of its snapshots is selected${orphans > 0 ? `, ${orphans} of which are orphans` : ''}${gaps(inventory, () => true)}`,
      got: inventory.snapshots.length,
      allowed: 'at least one',
      fix: `select others${orphans > 0 ? ', or orphans: true' : ''}, or take an earlier file`,
    });
  }
  const newest = [...groupBy(pool, claimOf).values()].flatMap(entries => newestOf(newestFirst(entries), wish.newestPerClaim));
  const chosen = new Set([...newest, ...[...groupBy(newest, scheduleOf).values()].flatMap(entries => wholeRun(pool, entries))]);
  return pool.filter(entry => chosen.has(entry));
}

const claimOf = ({ claim, name, namespace, orphan }: InventoryEntry) => JSON.stringify([namespace, orphan, claim ?? { name }]);
const scheduleOf = ({ namespace, schedule }: InventoryEntry) => JSON.stringify([namespace, schedule]);
const runOf = ({ annotations = {}, labels = {}, name }: InventoryEntry) =>
  annotations[KEYS.scheduledFor] ?? annotations[KEYS.manualRun] ?? labels[KEYS.group] ?? name;

function newestFirst(entries: readonly InventoryEntry[]): InventoryEntry[] {
  return [...entries].sort((a, b) => Date.parse(b.cutAt) - Date.parse(a.cutAt));
}

/** With one besides of which no drill has said that it is bad, if all of those are. */
function newestOf(entries: readonly InventoryEntry[], count: number): InventoryEntry[] {
  const isBad = ({ verified }: InventoryEntry) => verified === false;
  const newest = entries.slice(0, count);
  return newest.every(isBad) ? [...newest, ...entries.filter(entry => !isBad(entry)).slice(0, 1)] : newest;
}

/** Claims of one schedule are restored from one run, so that one that has all of them must be there. */
function wholeRun(pool: readonly InventoryEntry[], newest: readonly InventoryEntry[]): InventoryEntry[] {
  const [{ schedule }] = newest;
  const claims = [...new Set(newest.map(({ claim }) => claim))];
  if (schedule === undefined || claims.length === 1) { return []; }
  const ofSchedule = newestFirst(pool.filter(entry => scheduleOf(entry) === scheduleOf(newest[0])));
  const isWhole = (run: readonly InventoryEntry[]) => claims.every(claim => run.some(entry => entry.claim === claim));
  return [...groupBy(ofSchedule, runOf).values()].find(isWhole) ?? [];
}

function requireFound(
  origin: Origin, inventory: Inventory, prop: string, wanted: readonly string[] | undefined, pool: readonly InventoryEntry[],
  read: (entry: InventoryEntry) => string | undefined,
): void {
  const lost = wanted?.find(name => !pool.some(entry => read(entry) === name));
  if (lost === undefined) { return; }
  const known = [...new Set(inventory.snapshots.flatMap(entry => read(entry) ?? []))];
  reject(origin, prop, {
    problem: `no snapshot that is selected is of this one${gaps(inventory, ({ claim, namespace }) => [claim, namespace].includes(lost))}`,
    got: lost,
    allowed: `those of the inventory: ${known.join(', ')}`,
    fix: 'correct the name, or select less narrowly',
  });
}

const NAMED = 3;

/** What might have been, if the storage had done its work. */
function gaps({ missing }: Inventory, isMeant: (gap: Inventory['missing'][number]) => boolean): string {
  const meant = missing.filter(isMeant);
  return meant.length === 0 ? ''
    : ` (${meant.length} could not be listed: ${meant.slice(0, NAMED).map(({ name, why }) => `${name}: ${why}`).join(', ')}${meant.length > NAMED ? ', …' : ''})`;
}
