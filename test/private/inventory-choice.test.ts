import { chooseSnapshots, InventoryWish } from '../../src/private/inventory-choice';
import { InventoryEntry, KEYS } from '../../src/runner/config';
import { entry, inventoryOf } from '../inventories';

const choose = (snapshots: InventoryEntry[], wish: Partial<InventoryWish> = {}, missing: any[] = []) =>
  chooseSnapshots('test', inventoryOf(snapshots, { missing }), { newestPerClaim: 1, orphans: false, ...wish });
const short = (entries: InventoryEntry[]) => entries.map(({ claim, cutAt, namespace }) => `${namespace}/${claim} ${cutAt.slice(8, 10)}`);

test('the newest of each claim is taken, in the order of the file', () => {
  const all = [entry({ night: 7 }), entry({ night: 8 }), entry({ claim: 'logs', night: 6, schedule: 'weekly' }), entry({ namespace: 'wiki', night: 5 })];
  expect(short(choose(all))).toEqual(['shop/data 08', 'shop/logs 06', 'wiki/data 05']);
});

test('more of each, or all', () => {
  const all = [5, 6, 7, 8].map(night => entry({ night }));
  expect(short(choose(all, { newestPerClaim: 2 }))).toEqual(['shop/data 07', 'shop/data 08']);
  expect(choose(all, { newestPerClaim: Number.MAX_SAFE_INTEGER })).toHaveLength(4);
});

test('where a drill has found the newest bad, the newest that it has not comes too', () => {
  const all = [entry({ night: 6 }), entry({ night: 7 }), entry({ night: 8, verified: false }), entry({ night: 9, verified: false })];
  expect(short(choose(all))).toEqual(['shop/data 07', 'shop/data 09']);
  expect(short(choose(all, { newestPerClaim: 3 }))).toEqual(['shop/data 07', 'shop/data 08', 'shop/data 09']);
  expect(short(choose(all.slice(2)))).toEqual(['shop/data 09']);
});

test('a claim that was made anew under its name is one claim', () => {
  expect(short(choose([entry({ night: 8, claimUid: 'old' }), entry({ night: 9, claimUid: 'new' })]))).toEqual(['shop/data 09']);
});

test('snapshots that are of no known claim are each taken', () => {
  expect(choose([entry({ claim: undefined, name: 'a' }), entry({ claim: undefined, name: 'b' })])).toHaveLength(2);
});

test.each<[string, Partial<InventoryWish>, string[]]>([
  ['namespaces', { namespaces: ['wiki'] }, ['wiki/data 09']],
  ['claims', { claims: ['logs'] }, ['shop/logs 09']],
  ['schedules', { schedules: ['weekly'] }, ['shop/logs 09']],
  ['a moment', { before: Date.parse('2026-02-08T02:00:00Z') }, ['shop/data 08']],
])('they are chosen by %s', (_, wish, expected) => {
  const all = [entry({ night: 8 }), entry({ night: 9 }), entry({ claim: 'logs', schedule: 'weekly' }), entry({ namespace: 'wiki' })];
  expect(short(choose(all, wish))).toEqual(expected);
});

describe('claims of one schedule are restored from one run', () => {
  const run = (night: number, ...claims: string[]) => claims.map(claim => entry({ claim, night }));

  test('so that where the newest are of several, the newest run that has all is taken too', () => {
    const all = [...run(6, 'data', 'wal'), ...run(7, 'data', 'wal'), ...run(8, 'wal'), ...run(9, 'data')];
    expect(short(choose(all))).toEqual(['shop/data 07', 'shop/wal 07', 'shop/wal 08', 'shop/data 09']);
  });

  test('and nothing is taken besides where the newest run has all', () => {
    expect(short(choose([...run(8, 'data', 'wal'), ...run(9, 'data', 'wal')]))).toEqual(['shop/data 09', 'shop/wal 09']);
  });

  test('or where no run ever had', () => {
    expect(short(choose([...run(8, 'data'), ...run(9, 'wal')]))).toEqual(['shop/data 08', 'shop/wal 09']);
  });

  test('but not from another schedule\'s, or one that is later than what is wanted', () => {
    const all = [...run(7, 'data', 'wal'), ...run(8, 'wal'), ...run(9, 'data'), ...run(9, 'wal')];
    expect(short(choose(all, { before: Date.parse('2026-02-08T12:00:00Z') }))).toEqual(['shop/data 07', 'shop/wal 07', 'shop/wal 08']);
    const others = [...run(6, 'data'), ...run(7, 'wal').map(each => ({ ...each, schedule: 'weekly' }))];
    expect(choose(others)).toHaveLength(2);
  });

  test('also if a person started it, or it was cut as a group', () => {
    const marks: Partial<InventoryEntry>[] = [{ annotations: { [KEYS.manualRun]: 'job-1' } }, { annotations: {}, labels: { [KEYS.group]: 'g' } }];
    for (const mark of marks) {
      const all = [entry({ claim: 'data', night: 7, ...mark }), entry({ claim: 'wal', night: 7, ...mark }), ...run(8, 'wal'), ...run(9, 'data')];
      expect(short(choose(all))).toEqual(['shop/data 07', 'shop/wal 07', 'shop/wal 08', 'shop/data 09']);
    }
  });
});

describe('what somebody had deleted', () => {
  const all = [entry({ night: 7 }), entry({ night: 9, orphan: true, schedule: undefined }), entry({ night: 8, orphan: true, schedule: undefined })];

  test('is left out unless it is asked for, and then counted apart, so that it is taken in no living one\'s place', () => {
    expect(short(choose(all))).toEqual(['shop/data 07']);
    expect(short(choose(all, { orphans: true }))).toEqual(['shop/data 07', 'shop/data 09']);
  });

  test('is told of where there is nothing else', () => {
    expect(() => choose(all.slice(1))).toThrow("[test] 'inventory': none of its snapshots is selected, 2 of which are orphans, got 2; allowed at least one; select others, or orphans: true");
  });
});

describe('what is asked for and not there is an error', () => {
  test.each<[keyof InventoryWish, string, RegExp]>([
    ['namespaces', 'shpo', /'namespaces': no snapshot that is selected is of this one, got 'shpo'; allowed those of the inventory: shop, wiki/],
    ['claims', 'dta', /'claims': no snapshot .* got 'dta'; allowed those of the inventory: data/],
    ['schedules', 'hourly', /'schedules': no snapshot .* got 'hourly'; allowed those of the inventory: nightly/],
  ])('%s', (prop, name, message) => {
    const known = { namespaces: 'shop', claims: 'data', schedules: 'nightly' }[prop as string];
    expect(() => choose([entry(), entry({ namespace: 'wiki' })], { [prop]: [known, name] })).toThrow(message);
  });

  test('with the reason why it could not be listed, if there is one', () => {
    expect(() => choose([entry()], { claims: ['data', 'logs'] }, [{ namespace: 'shop', name: 'logs-1', claim: 'logs', why: 'quota' }]))
      .toThrow("'claims': no snapshot that is selected is of this one (1 could not be listed: logs-1: quota), got 'logs'");
  });

  test('anything at all', () => {
    expect(() => choose([])).toThrow("'inventory': none of its snapshots is selected, got 0; allowed at least one; select others, or take an earlier file");
    expect(() => choose([entry()], { before: 0 })).toThrow('none of its snapshots is selected');
  });
});
