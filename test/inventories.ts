import { Inventory, INVENTORY_VERSION, InventoryEntry, KEYS } from '../src/runner/config';

/** A line as the runner writes it, of a snapshot of claim `data` in `shop`, with what a test is about. */
export function entry(changes: Partial<InventoryEntry> & { night?: number } = {}): InventoryEntry {
  const { night = 9, ...fields } = changes;
  const day = `2026-02-${String(night).padStart(2, '0')}`;
  const claim = 'claim' in fields ? fields.claim : 'data';
  const name = fields.name ?? `${claim}-${day.replace(/-/g, '')}-020000-0123abcd`;
  return {
    namespace: 'shop',
    name,
    claim,
    claimUid: `uid-of-${claim}`,
    schedule: 'nightly',
    cutAt: `${day}T02:00:00.000Z`,
    driver: 'ebs.csi.aws.com',
    handle: `snap-${name}`,
    restoreSize: 5368709120,
    volumeMode: 'Filesystem',
    deletionPolicy: 'Retain',
    consistency: 'crash',
    claimSpec: { storageClassName: 'gp3', accessModes: ['ReadWriteOnce'], volumeMode: 'Filesystem', storage: '5Gi' },
    annotations: { [KEYS.scheduledFor]: `${day}T02:00:00Z` },
    ...fields,
  };
}

export function inventoryOf(snapshots: readonly InventoryEntry[], changes: Partial<Inventory> = {}): Inventory {
  return { kind: 'SnapshotInventory', version: INVENTORY_VERSION, madeAt: '2026-02-10T05:10:00.000Z', snapshots: [...snapshots], missing: [], ...changes };
}

/** The file as it is written: a line for each. */
export function textOf({ snapshots, missing, ...head }: Inventory): string {
  const lines = (items: readonly object[]) => (items.length === 0 ? '[]' : `[\n${items.map(item => JSON.stringify(item)).join(',\n')}\n]`);
  const fields = Object.entries(head).map(([key, value]) => `"${key}": ${JSON.stringify(value)},\n`);
  return `{\n${fields.join('')}"snapshots": ${lines(snapshots)},\n"missing": ${lines(missing)}\n}\n`;
}
