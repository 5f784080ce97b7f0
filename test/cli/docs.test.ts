import { readFileSync, writeFileSync } from 'fs';
import { join } from 'path';
import { ApiObject, App, Chart, Cron } from 'cdk8s';
import { inDirectory, plan } from './command';
import { CsiDriver, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotSource } from '../../src';

// a year of runs is simulated for each schedule
jest.setTimeout(60_000);

const DOCS = join(__dirname, '..', '..', 'docs');
const PAGE = join(DOCS, 'plan.md');
const PICTURE = join(DOCS, 'plan.svg');
// the first block of the page that is no code
const OUTPUT = /(?<=```text\n)[^]*?(?=\n```)/;

/** A schedule that is in order, two that get in each other's way, and what else happens. */
function sample(): Chart[] {
  const app = new App();
  const platform = new Chart(app, 'platform');
  const snapshotClass = new SnapshotClass(platform, 'Disk', { metadata: { name: 'pd-retain' }, driver: CsiDriver.gcePersistentDisk() });
  const shop = new Chart(app, 'shop', { namespace: 'shop' });
  const define = (name: string, claim: string, schedule: Cron, retention: RetentionPolicy) => new ScheduledSnapshot(shop, name, {
    metadata: { name }, source: SnapshotSource.fromClaimName(claim), schedule, timeZone: 'Europe/Berlin', snapshotClass, retention,
  });
  define('orders-hourly', 'orders', Cron.schedule({ minute: '10' }), RetentionPolicy.keepLast(48));
  define('orders-nightly', 'orders', Cron.schedule({ hour: '2', minute: '15' }), RetentionPolicy.of({ daily: 7, weekly: 5, monthly: 12, minimumReady: 3 }));
  define('ledger', 'ledger', Cron.schedule({ hour: '*/6', minute: '40' }), RetentionPolicy.of({ keepLast: 8, daily: 30, monthly: 84, minimumReady: 3 }));
  for (const name of ['orders', 'ledger', 'uploads']) { new ApiObject(shop, `${name}-claim`, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name } }); }
  return [platform, shop];
}

function drawn(): { text: string; svg: string } {
  return inDirectory(directory => {
    const file = join(directory, 'plan.svg');
    const { stdout } = plan(sample(), '--svg', file);
    return { text: stdout.trimEnd(), svg: readFileSync(file, 'utf8') };
  });
}

test('the page shows what the command prints and draws: UPDATE_DOCS=1 writes it anew', () => {
  const { text, svg } = drawn();
  const page = readFileSync(PAGE, 'utf8');
  if (process.env.UPDATE_DOCS) {
    writeFileSync(PAGE, page.replace(OUTPUT, () => text));
    writeFileSync(PICTURE, svg);
  }
  expect(OUTPUT.exec(readFileSync(PAGE, 'utf8'))?.[0]).toBe(text);
  expect(readFileSync(PICTURE, 'utf8')).toBe(svg);
});
