import { execFileSync, spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { aim, missed } from './aims';
import { Api } from './api';
import { beside } from './beside';
import { costOf, median, MOST_MEMORY_MIB, mostRequests, ofWhich } from './cost';
import { deleteBare, deleteReal } from './existing';
import { CountingProxy } from './measure';
import { CLAIMS, COUNTS, NAMESPACE, schedule, scriptRights } from './objects';
import { BUNDLE, Place, runRunner } from './ways';
import { apply, applyChart, bound, claim, freshNamespace, kubectl, sleep } from '../e2e/cluster';
import { withFlags } from '../e2e/snapcluster/knobs';
import { DeletionPolicy, SnapshotReclaim } from 'cdk8s-volume-snapshots';

// what one run costs; each run takes a snapshot of every claim and prunes one of each

const LARGEST_BUNDLE_KIB = 200;
const CUT_SECONDS = 5;
const LONGEST_MAKESPAN = 1.2;

/** Milliseconds from the start of node to the end of a run that finds no configuration: what starting costs. */
function startTime(): number {
  return median(Array.from({ length: 9 }, () => {
    const from = process.hrtime.bigint();
    try {
      execFileSync(process.execPath, [BUNDLE], { env: {}, stdio: 'ignore' });
    } catch {
      // it says that it is not configured
    }
    return Number(process.hrtime.bigint() - from) / 1e6;
  }));
}

/** Under a class that retains, which the script has no answer to. */
async function retaining(place: Place): Promise<void> {
  console.log('class Retain, the runner alone\nclaims  requests  at most  of which                                                    peak memory');
  for (const count of COUNTS) {
    const name = schedule('retain', { count, keep: 1, deletionPolicy: DeletionPolicy.RETAIN });
    await runRunner(place, name);
    await sleep(1_000);
    const { requests, memory } = await costOf(place, name, () => runRunner(place, name));
    const most = mostRequests(count, count, DeletionPolicy.RETAIN);
    aim(`${count} claims, Retain: requests`, requests.length, most);
    aim(`${count} claims, Retain: MiB`, memory, MOST_MEMORY_MIB);
    const columns = [String(count).padStart(6), String(requests.length).padStart(8), String(most).padStart(7), ofWhich(requests).padEnd(58)];
    console.log([...columns, `${memory.toFixed(0)} MiB`].join('  '));
    await deleteReal(place);
  }
}

/** How long many claims take beside one, if the storage takes long to cut, and cuts as many at once as it is asked for. */
async function makespan(place: Place): Promise<void> {
  // its csi-snapshotter would ask the driver for ten at once
  const undo = withFlags({ '--worker-threads': `${CLAIMS.length}` }, 'csi-snapshotter');
  const walls: number[] = [];
  for (const count of COUNTS) {
    const name = schedule('slow', { count, keep: 1, parameters: { cutDelay: `${CUT_SECONDS}s` } });
    const { wall } = await runRunner(place, name);
    walls.push(wall);
    await deleteReal(place);
  }
  undo();
  const [one, all] = walls;
  console.log(`\nmakespan, a cut takes ${CUT_SECONDS} s: 1 claim ${one.toFixed(1)} s, ${CLAIMS.length} claims ${all.toFixed(1)} s, ${(all / one).toFixed(2)} times as long`);
  aim('makespan / one claim', all / one, LONGEST_MAKESPAN);
}

function requireTools(): void {
  const absent = ['bash', 'jq', 'kubectl', 'xargs'].filter(tool => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
  if (absent.length > 0) { throw new Error(`not installed: ${absent.join(', ')}; the script of the tutorials needs them, for example from apt-get install -y jq`); }
  if (!process.env.SNAPCLUSTER) { throw new Error('SNAPCLUSTER is not set; the audit log of the test cluster is needed'); }
}

async function main(): Promise<void> {
  requireTools();
  const size = statSync(BUNDLE).size / 1024;
  console.log(`bundle: ${size.toFixed(1)} KiB (at most ${LARGEST_BUNDLE_KIB})`);
  console.log(`start: ${startTime().toFixed(0)} ms, median of 9\n`);
  aim('bundle, KiB', size, LARGEST_BUNDLE_KIB);

  const api = new Api();
  const place = { api, proxy: await CountingProxy.before(api.host, api.port), namespace: NAMESPACE };
  // an earlier one may have broken off
  await deleteBare(place);
  freshNamespace(NAMESPACE);
  applyChart(undefined, chart => new SnapshotReclaim(chart, 'Reclaim'));
  apply(CLAIMS.map(name => claim(NAMESPACE, name)));
  await bound(NAMESPACE, ...CLAIMS);
  scriptRights();
  try {
    await retaining(place);
    await makespan(place);
    await beside(place);
  } finally {
    await deleteBare(place);
    kubectl(['delete', 'namespace', NAMESPACE, '--wait=false']);
  }
  if (missed.length > 0) { throw new Error(`targets missed:\n${missed.join('\n')}`); }
}

void main().then(() => process.exit(), error => {
  console.error(error.message);
  // not after the connections that are still open
  process.exit(1);
});
