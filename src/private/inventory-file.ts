import { quantityToNumber } from './quantity';
import { Origin, reject } from './validate';
import { Inventory, INVENTORY_VERSION, InventoryEntry, InventoryGap } from '../runner/config';

const PROP = 'inventory';
const ALLOWED = 'the text of a file that a SnapshotInventory wrote, as it was written';

/** Reads the text of an inventory, or throws an error that names the line that is wrong. */
export function readInventory(origin: Origin, text: unknown): Inventory {
  if (typeof text !== 'string' || text.trim() === '') {
    return reject(origin, PROP, { problem: 'empty, or not text', got: text, allowed: ALLOWED, fix: "write readFileSync('inventory.json', 'utf8')" });
  }
  const inventory = parse(origin, text);
  if (inventory?.kind !== 'SnapshotInventory') {
    reject(origin, PROP, { problem: 'it is JSON, and no inventory', got: inventory, allowed: ALLOWED, fix: 'pass the text of the right file' });
  }
  if (inventory.version !== INVENTORY_VERSION) {
    reject(origin, PROP, {
      problem: 'its version is unknown to this version of the library',
      got: inventory.version,
      allowed: `${INVENTORY_VERSION}`,
      fix: 'use the version of the library by which it was made',
    });
  }
  if (!isTime(inventory.madeAt)) { rejectField(origin, 'madeAt', inventory.madeAt); }
  if (!Array.isArray(inventory.snapshots)) { rejectField(origin, 'snapshots', inventory.snapshots); }
  if (!Array.isArray(inventory.missing)) { rejectField(origin, 'missing', inventory.missing); }
  inventory.snapshots.forEach((entry, index) => requireSound(origin, text, entry, SNAPSHOT, `snapshot ${index + 1}`));
  inventory.missing.forEach((gap, index) => requireSound(origin, text, gap, GAP, `missing ${index + 1}`));
  return inventory;
}

function rejectField(origin: Origin, field: string, got: unknown): never {
  reject(origin, PROP, { problem: `the field '${field}' is damaged`, got, allowed: ALLOWED, fix: 'take an earlier file' });
}

function parse(origin: Origin, text: string): Inventory | null {
  try {
    return JSON.parse(text) as Inventory | null;
  } catch (error) {
    const lines = text.split(/\r?\n/);
    const damaged = lines.findIndex(line => !isSoundLine(line));
    // what is no line of ours says nothing of a file that a tool has laid out anew
    if (lines[0] === '{' && damaged >= 0) {
      return reject(origin, PROP, { problem: `line ${damaged + 1} is damaged`, got: lines[damaged], allowed: ALLOWED, fix: 'mend it, take it out, or take an earlier file' });
    }
    return reject(origin, PROP, {
      problem: `cut off, or not JSON (${(error as Error).message})`, got: text, allowed: ALLOWED, fix: 'mend it, or take an earlier file',
    });
  }
}

function isSoundLine(line: string): boolean {
  if (/^([[\]{}],?)?$|^"[A-Za-z]+": ./.test(line)) { return true; }
  try {
    JSON.parse(line.replace(/,$/, ''));
    return true;
  } catch {
    return false;
  }
}

type Fields<T> = { readonly [K in keyof T]-?: (value: unknown) => boolean };

const filled = (value: unknown) => typeof value === 'string' && value.trim() !== '';
const isTime = (value: unknown) => typeof value === 'string' && !Number.isNaN(Date.parse(value));
const isOneOf = (...words: unknown[]) => (value: unknown) => words.includes(value);
const optional = (is: (value: unknown) => boolean) => (value: unknown) => value === undefined || is(value);
const isTextMap = (value: unknown) => typeof value === 'object' && value !== null && Object.values(value).every(each => typeof each === 'string');

const SNAPSHOT: Fields<InventoryEntry> = {
  namespace: filled,
  name: filled,
  orphan: isOneOf(undefined, true),
  claim: optional(filled),
  claimUid: optional(filled),
  schedule: optional(filled),
  cutAt: isTime,
  driver: filled,
  handle: filled,
  groupHandle: optional(filled),
  restoreSize: optional(value => Number.isSafeInteger(value) && (value as number) >= 0),
  volumeMode: isOneOf(undefined, 'Filesystem', 'Block'),
  snapshotClass: optional(filled),
  deletionPolicy: isOneOf('Delete', 'Retain'),
  consistency: optional(filled),
  verified: isOneOf(undefined, true, false),
  claimSpec: optional(isClaimSpec),
  labels: optional(isTextMap),
  annotations: optional(isTextMap),
};

const GAP: Fields<InventoryGap> = { namespace: filled, name: filled, claim: optional(filled), why: filled };

function isClaimSpec(value: any): boolean {
  return typeof value === 'object' && value !== null && typeof value.storage === 'string' && quantityToNumber(value.storage) !== undefined
    && [value.storageClassName, value.volumeMode].every(optional(each => typeof each === 'string'))
    && (value.accessModes === undefined || (Array.isArray(value.accessModes) && value.accessModes.every(filled)));
}

/** A line that says nonsense would bring back another snapshot than the one that was meant, or none. */
function requireSound(origin: Origin, text: string, item: any, fields: { [field: string]: (value: unknown) => boolean }, title: string): void {
  const isMap = typeof item === 'object' && item !== null && !Array.isArray(item);
  const wrong = isMap ? Object.keys(fields).find(field => !fields[field](item[field])) : title;
  if (wrong === undefined) { return; }
  const line = text.split(/\r?\n/).findIndex(each => each.replace(/,$/, '') === JSON.stringify(item));
  const name = isMap && filled(item.namespace) && filled(item.name) ? `, '${item.namespace}/${item.name}',` : '';
  reject(origin, PROP, {
    problem: `${title}${name} is damaged${line < 0 ? '' : ` in line ${line + 1}`}${isMap ? `: '${wrong}'` : ''}`,
    got: isMap ? item[wrong] : item,
    allowed: ALLOWED,
    fix: 'mend it, take it out, or take an earlier file',
  });
}
