import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Cron, Duration } from 'cdk8s';
import { apply, applyChart, bound, claim, DRIVER, freshNamespace, JobEnd, kubectl, runJob } from '../e2e/cluster';
import { AuditLog } from '../e2e/snapcluster/knobs';
import { CsiDriver, DeletionPolicy, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotReclaim, SnapshotSource } from 'cdk8s-volume-snapshots';

// what one run costs, with claims whose oldest snapshot is pruned in it

const NAMESPACE = 'bench-runner';
const LARGEST_BUNDLE = 200 * 1024;
const CASES = [DeletionPolicy.DELETE, DeletionPolicy.RETAIN].flatMap(policy => [1, 20].map(count => ({ policy, count })));
const bundle = join(__dirname, '..', 'assets', 'runner.mjs');

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Milliseconds from the start of node to the end of a run that finds no configuration: what starting costs. */
function startTime(): number {
  return median(Array.from({ length: 9 }, () => {
    const from = process.hrtime.bigint();
    try {
      execFileSync(process.execPath, [bundle], { env: {}, stdio: 'ignore' });
    } catch {
      // it says that it is not configured
    }
    return Number(process.hrtime.bigint() - from) / 1e6;
  }));
}

function schedule(name: string, deletionPolicy: DeletionPolicy, claims: string[]): void {
  applyChart(NAMESPACE, chart => {
    const [first, ...more] = claims.map(each => SnapshotSource.fromClaimName(each));
    const made = new ScheduledSnapshot(chart, 'Schedule', {
      metadata: { name },
      source: first,
      snapshotClass: new SnapshotClass(chart, 'Class', { metadata: { name: `bench-${name}` }, driver: CsiDriver.of(DRIVER), deletionPolicy }),
      schedule: Cron.schedule({ hour: '3', minute: '15' }),
      suspend: true,
      retention: RetentionPolicy.keepLast(1),
      readyTimeout: Duration.minutes(2),
    });
    more.forEach(source => made.addSource(source));
  });
}

function endOf(run: JobEnd): any {
  if (!run.succeeded) { throw new Error(run.message); }
  return run.log[run.log.length - 1];
}

async function main(): Promise<void> {
  const size = statSync(bundle).size;
  console.log(`bundle: ${(size / 1024).toFixed(1)} KiB (at most ${LARGEST_BUNDLE / 1024})`);
  console.log(`start: ${startTime().toFixed(0)} ms, median of 9\n`);

  freshNamespace(NAMESPACE);
  applyChart(undefined, chart => new SnapshotReclaim(chart, 'Reclaim'));
  const all = Array.from({ length: 20 }, (_, index) => `claim-${index}`);
  apply(all.map(name => claim(NAMESPACE, name)));
  await bound(NAMESPACE, ...all);

  console.log('claims  policy  requests  of which                                              at most  peak memory');
  let missed = size > LARGEST_BUNDLE;
  for (const { policy, count } of CASES) {
    const name = `${policy.toLowerCase()}-${count}`;
    schedule(name, policy, all.slice(0, count));
    await runJob(NAMESPACE, name);
    const audit = new AuditLog();
    const end = endOf(await runJob(NAMESPACE, name));
    const requests = audit.requestsOf(NAMESPACE, name);
    const of = (verb: string) => requests.filter(request => request.verb === verb).length;
    // a list, a watch and a create for each claim, a delete and perhaps a patch for each pruned snapshot, and a small constant
    const most = 3 * count + count * (policy === DeletionPolicy.RETAIN ? 2 : 1) + 3;
    missed ||= requests.length > most;
    const details = ['list', 'watch', 'get', 'create', 'patch', 'delete'].map(verb => `${of(verb)} ${verb}`).join(', ');
    const columns = [String(count).padStart(6), policy, String(requests.length).padStart(8), details.padEnd(52), String(most).padStart(7)];
    console.log([...columns, `${end.peakMemoryMiB} MiB`].join('  '));
  }
  kubectl(['delete', 'namespace', NAMESPACE, '--wait=false']);
  if (missed) { throw new Error('a target is missed'); }
}

void main().catch(error => {
  console.error(error.message);
  process.exitCode = 1;
});
