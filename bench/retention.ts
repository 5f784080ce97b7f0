import { Cron, Duration } from 'cdk8s';
import { plan, RetentionRules, SnapshotFacts } from '../src/retention/plan';
import { RetentionPolicy } from 'cdk8s-volume-snapshots';

// what a decision costs, and a look ahead

const NOW = Date.UTC(2027, 5, 1);
const HOUR = 3_600_000;
const MOST_MILLISECONDS = 50;
const ROUNDS = 15;
const ALL_TIERS: RetentionRules = {
  keepLast: 3, keepForSeconds: 30 * 86_400, hourly: 48, daily: 30, weekly: 52, monthly: 24, yearly: 20, minimumReady: 3, timeZone: 'Europe/Berlin',
};

/** Hourly snapshots of one claim, in an order that is none. */
function history(count: number): SnapshotFacts[] {
  return Array.from({ length: count }, (_, index) => {
    const cutAt = NOW - ((index * 7919) % count) * HOUR;
    return { name: `snapshot-${index}`, claim: 'data', createdAt: cutAt, cutAt, ready: true, deleting: false };
  });
}

function median(work: () => unknown): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const from = performance.now();
    work();
    return performance.now() - from;
  });
  return times.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)];
}

function main(): void {
  const sizes = [1250, 2500, 5000, 10_000, 20_000];
  sizes.forEach(size => plan(history(size), ALL_TIERS, NOW, 600));
  console.log(`snapshots  all tiers, median of ${ROUNDS}  beside the half  n log n would be`);
  let before: { size: number; time: number } | undefined;
  let missed = false;
  for (const size of sizes) {
    const snapshots = history(size);
    const time = median(() => plan(snapshots, ALL_TIERS, NOW, 600));
    const ratio = before ? `${(time / before.time).toFixed(2)}x` : '';
    const ideal = before ? `${((size * Math.log(size)) / (before.size * Math.log(before.size))).toFixed(2)}x` : '';
    console.log(`${String(size).padStart(9)}  ${`${time.toFixed(1)} ms`.padStart(24)}  ${ratio.padStart(15)}  ${ideal.padStart(16)}`);
    missed ||= size === 10_000 && time > MOST_MILLISECONDS;
    before = { size, time };
  }

  const previews: [string, () => unknown][] = [
    ['seven days, nightly', () => RetentionPolicy.sevenDays().preview(Cron.schedule({ hour: '3', minute: '15' }), { timeZone: 'Europe/Berlin' })],
    ['one year, nightly', () => RetentionPolicy.oneYear().preview(Cron.schedule({ hour: '3', minute: '15' }), { timeZone: 'Europe/Berlin' })],
    ['all tiers over seven years, hourly', () => RetentionPolicy.of({ keepFor: Duration.days(2), hourly: 48, daily: 35, weekly: 13, monthly: 84, yearly: 7 })
      .preview(Cron.hourly(), { timeZone: 'Europe/Berlin' })],
  ];
  console.log('\npreview of                           time');
  for (const [name, preview] of previews) {
    const from = performance.now();
    preview();
    console.log(`${name.padEnd(34)}  ${`${(performance.now() - from).toFixed(0)} ms`.padStart(7)}`);
  }
  if (missed) { throw new Error(`a target is missed: 10,000 snapshots are decided in ${MOST_MILLISECONDS} ms`); }
}

try {
  main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
