import { readInventory } from '../../src/private/inventory-file';
import { InventoryEntry, INVENTORY_VERSION } from '../../src/runner/config';
import { entry, inventoryOf, textOf } from '../inventories';

const read = (text: unknown) => readInventory('test', text);
const text = (changes: object = {}) => textOf({ ...inventoryOf([entry({ night: 8 }), entry({ night: 9 })]), ...changes });

test('a file is read as it was written', () => {
  const inventory = inventoryOf([entry({ night: 8 }), entry({ orphan: true, claim: undefined, verified: true })], {
    namespaces: ['shop'], missing: [{ namespace: 'shop', name: 'x', why: 'quota' }],
  });
  expect(read(textOf(inventory))).toEqual(JSON.parse(JSON.stringify(inventory)));
});

test('a file that a tool has laid out anew is read all the same', () => {
  const inventory = inventoryOf([entry()]);
  expect(read(JSON.stringify(inventory, null, 4))).toEqual(inventory);
  expect(read(textOf(inventory).replace(/\n/g, '\r\n'))).toEqual(inventory);
});

test.each<[string, unknown, RegExp]>([
  ['nothing', undefined, /'inventory': empty, or not text, got undefined; .* write readFileSync\('inventory\.json', 'utf8'\)/],
  ['an empty file', ' \n', /'inventory': empty, or not text/],
  ['a path', 'inventory.json', /'inventory': cut off, or not JSON/],
  ['another JSON file', '{"kind":"List"}', /'inventory': it is JSON, and no inventory, got \{"kind":"List"\}/],
  ['null', 'null', /'inventory': it is JSON, and no inventory, got null/],
  ['a later version', text({ version: 2 }), new RegExp(`'inventory': its version is unknown to this version of the library, got 2; allowed ${INVENTORY_VERSION}; use the version`)],
  ['no version', text({ version: undefined }).replace('"version": undefined,\n', ''), /its version is unknown .* got undefined/],
  ['no time', text({ madeAt: 'yesterday' }), /the field 'madeAt' is damaged, got 'yesterday'/],
  ['no list', '{"kind":"SnapshotInventory","version":1,"madeAt":"2026-02-10T05:10:00Z"}', /the field 'snapshots' is damaged, got undefined/],
  ['half a list', '{"kind":"SnapshotInventory","version":1,"madeAt":"2026-02-10T05:10:00Z","snapshots":[]}', /the field 'missing' is damaged/],
])('%s is refused', (_, given, message) => {
  expect(() => read(given)).toThrow(message);
});

describe('a damaged line is named by its number', () => {
  const lines = text().split('\n');

  test.each<[string, string]>([
    ['cut short', lines[6].slice(0, 80)],
    ['with a letter too much', `x${lines[6]}`],
    ['of a merge that was not resolved', '<<<<<<< HEAD'],
  ])('%s', (_, damaged) => {
    expect(() => read([...lines.slice(0, 6), damaged, ...lines.slice(7)].join('\n'))).toThrow(`'inventory': line 7 is damaged, got '${damaged.slice(0, 40)}`);
  });

  test('of a file that was cut off in it', () => {
    expect(() => read(text().slice(0, 800))).toThrow(/line 7 is damaged/);
  });

  test('of a file that was cut off between two, it is the file', () => {
    expect(() => read(lines.slice(0, 6).join('\n'))).toThrow(/cut off, or not JSON/);
  });
});

describe('a line that says nonsense is named, with the field', () => {
  test.each<[keyof InventoryEntry, unknown]>([
    ['namespace', ''], ['name', undefined], ['orphan', 'yes'], ['claim', 7], ['claimUid', ''], ['schedule', {}], ['cutAt', 'yesterday'], ['cutAt', undefined],
    ['driver', ''], ['handle', ' '], ['handle', undefined], ['groupHandle', 7], ['restoreSize', -1], ['restoreSize', '5Gi'], ['volumeMode', 'Tape'], ['snapshotClass', 7],
    ['deletionPolicy', 'Keep'], ['consistency', 7], ['verified', 'true'], ['claimSpec', {}], ['claimSpec', { storage: 'much' }],
    ['claimSpec', { storage: '5Gi', accessModes: 'ReadWriteOnce' }], ['claimSpec', { storage: '5Gi', storageClassName: 7 }], ['labels', { a: 1 }], ['annotations', 'x'],
  ])('%s: %j', (field, value) => {
    const damaged = { ...entry({ name: 'odd' }), [field]: value } as InventoryEntry;
    const whole = textOf(inventoryOf([entry({ night: 8 }), damaged]));
    const name = ['name', 'namespace'].includes(field) ? '' : ", 'shop/odd',";
    expect(() => read(whole)).toThrow(`[test] 'inventory': snapshot 2${name} is damaged in line 7: '${field}', got `);
  });

  test('what is no object at all', () => {
    expect(() => read(textOf(inventoryOf([entry(), 7 as any])))).toThrow("'inventory': snapshot 2 is damaged in line 7, got 7");
  });

  test('also among those that are missing', () => {
    expect(() => read(textOf(inventoryOf([entry()], { missing: [{ namespace: 'shop', name: 'x' } as any] })))).toThrow("missing 1, 'shop/x', is damaged in line 9: 'why'");
  });
});
