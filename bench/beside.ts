import { execFileSync } from 'node:child_process';
import { aim } from './aims';
import { Cost, costOf, median, MOST_MEMORY_MIB, mostRequests, ofWhich } from './cost';
import { addBare, Patterns, patternsOf, settle, takeReal } from './existing';
import { CLAIMS, COUNTS, schedule, SCRIPT_ACCOUNT, snapshotClassOf } from './objects';
import { PlainKubectl, plainKubectl } from './plain-kubectl';
import { Place, runRunner, runScript } from './ways';
import { DeletionPolicy } from 'cdk8s-volume-snapshots';

// the runner beside the script of the tutorials

const MANY = 5_000;
const EXISTING = [0, 100, MANY];
/** Of each way; given as an argument where time is short. */
const ROUNDS = Number(process.argv[2] ?? 3);
const WIDTHS = [16, 6, 9, 8, 9, 11];

type Row = { [way in 'runner' | 'script']: Cost[] };

/** Both ways in turn, so that they see the same machine. */
async function measureBoth(
  place: Place, plain: PlainKubectl, patterns: Patterns, count: number, each: number, real: (claim: string) => number,
): Promise<Row> {
  const claims = CLAIMS.slice(0, count);
  const name = schedule('claims', { count, keep: each, scheduleId: 'bench' });
  const ways = {
    runner: () => costOf(place, name, () => runRunner(place, name)),
    script: () => costOf(place, SCRIPT_ACCOUNT, () => runScript(place, {
      serviceAccount: SCRIPT_ACCOUNT, kubectl: plain.directory, claims, snapshotClass: snapshotClassOf('claims'), keep: each,
    })),
  };
  const row: Row = { runner: [], script: [] };
  for (let turn = 0; turn < 2 * ROUNDS; turn++) {
    // runner, script, script, runner, ...
    const way = turn % 4 === 0 || turn % 4 === 3 ? 'runner' : 'script';
    row[way].push(await ways[way]());
    await settle(place, patterns, real);
  }
  return row;
}

function print(columns: string[], more = ''): void {
  console.log([...columns.map((column, index) => column.padStart(WIDTHS[index])), more].join('  ').trimEnd());
}

function report(count: number, existing: number, row: Row): void {
  const figures = (costs: Cost[]) => [
    median(costs.map(cost => cost.wall)),
    median(costs.map(cost => cost.requests.length)),
    median(costs.map(cost => cost.receivedKiB)),
    median(costs.map(cost => cost.memory)),
  ];
  const inUnits = ([wall, requests, received, memory]: number[]) => [
    `${wall.toFixed(2)} s`, `${requests}`, `${received.toFixed(0)} KiB`, `${memory.toFixed(0)} MiB`,
  ];
  const [ours, theirs] = [figures(row.runner), figures(row.script)];
  const ratios = ours.map((figure, index) => figure / theirs[index]);
  const requests = mostRequests(count, existing + CLAIMS.length, DeletionPolicy.DELETE);
  print([`${count}${String(existing).padStart(10)}`, 'runner', ...inUnits(ours)], `${ofWhich(row.runner[0].requests)} (at most ${requests})`);
  print(['', 'script', ...inUnits(theirs)]);
  print(['', 'ratio', ...ratios.map(ratio => ratio.toFixed(2))]);

  const what = `${count} claims, ${existing} existing`;
  aim(`${what}: requests`, Math.max(...row.runner.map(cost => cost.requests.length)), requests);
  aim(`${what}: MiB`, Math.max(...row.runner.map(cost => cost.memory)), MOST_MEMORY_MIB);
  aim(`${what}: wall time / script`, ratios[0], Math.min(existing === MANY ? 0.5 : 1, count === CLAIMS.length ? 0.25 : 1));
}

/** Measures and prints both, for each number of claims and of snapshots that exist. */
export async function beside(place: Place): Promise<void> {
  const plain = plainKubectl();
  const [jq] = execFileSync('jq', ['--version'], { encoding: 'utf8' }).split('\n');
  console.log(`\nclass Delete, beside the script of the tutorials (kubectl ${plain.version}, ${jq}), medians of ${ROUNDS} runs each.`);
  console.log('Both as processes on this machine, so without the start of a pod. existing: snapshots that stay, besides one of each claim that is pruned.\n');
  print(['claims  existing', '', 'wall time', 'requests', 'received', 'peak memory']);
  // the first ones are the pattern for all others
  await runRunner(place, schedule('claims', { count: CLAIMS.length, keep: 1, scheduleId: 'bench' }));
  const patterns = await patternsOf(place);
  let before = 1;
  for (const existing of EXISTING) {
    const each = existing / CLAIMS.length + 1;
    const real = (name: string) => Math.min(each, prunedOf(name));
    await takeReal(place, patterns, name => real(name) - Math.min(before, prunedOf(name)));
    await addBare(place, patterns, name => each - real(name));
    for (const count of COUNTS) { report(count, existing, await measureBoth(place, plain, patterns, count, each, real)); }
    before = each;
  }
}

/** How many snapshots of a claim all runs at one number of existing ones prune together; those are real ones, and the oldest. */
function prunedOf(name: string): number {
  return COUNTS.filter(count => CLAIMS.indexOf(name) < count).length * 2 * ROUNDS;
}
