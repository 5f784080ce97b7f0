import { readFileSync } from 'fs';
import { join } from 'path';
import { driverTable, withTable } from '../scripts/driver-table';
import { CATALOGUE } from '../src/private/driver-catalogue';
import { DRIVER_OPTIONS } from '../src/private/driver-options';

const page = readFileSync(join(__dirname, '..', 'docs', 'csi-driver.md'), 'utf8');
const rowOf = (start: string) => driverTable().split('\n').filter(row => row.startsWith(`| ${start}`)).map(row => row.split(' | '));

test('the table of the docs is what the code has; if not, run npm run docs:drivers', () => {
  expect(page.slice(page.indexOf('| Driver |'))).toBe(withTable(page).slice(withTable(page).indexOf('| Driver |')));
});

test('it has each driver that takes snapshots with all options, and none that does not', () => {
  for (const { factory, names, product, unsupported } of CATALOGUE) {
    const rows = rowOf(product);
    expect([product, rows.length > 0]).toEqual([product, unsupported === undefined]);
    if (factory === undefined || factory === 'dell') { continue; }
    expect(rows[0][1]).toContain(`\`${names[0]}\``);
    for (const option of Object.keys(DRIVER_OPTIONS[factory])) { expect(rows[0][8]).toContain(`\`${option}\``); }
  }
});

test('a reader sees what is lost with its volume, how much there may be, and how soon', () => {
  expect(rowOf('Longhorn').map(([name,,, outlives,, limit]) => [name, outlives, limit])).toEqual([
    ['| Longhorn, `type: BACKUP`', 'yes', '250, or `snapshot-max-count`'],
    ['| Longhorn, `type: SNAPSHOT`', '**no**', '250, or `snapshot-max-count`'],
    ['| Longhorn, `type: BACKING_IMAGE`', 'yes', ''],
  ]);
  expect(rowOf('AWS EBS')[0].slice(3, 8)).toEqual(['yes', 'no', '', '15 s', '5']);
  expect(rowOf('DigitalOcean')[0][6]).toBe('10 min');
  expect(rowOf('NetApp Trident')[0].slice(3, 5)).toEqual(['it blocks its deletion', expect.stringContaining('ontap-san')]);
});

test('a page without the place for it is not written', () => {
  expect(() => withTable('# CsiDriver\n')).toThrow('lacks the line');
});
