import { Chart, Cron } from 'cdk8s';
import { aim, missed } from './aims';
import { median } from './cost';
import { applyChart, DRIVER, freshNamespace, getJson, kubectl, sleep } from '../e2e/cluster';
import { WritingMariaDb } from '../e2e/databases';
import { cutTimes } from '../e2e/snapcluster/knobs';
import { connection, outsideRuns } from '../e2e/snapcluster/outside';
import { SCRIPT_WORD } from '../src/runner/config';
import { HttpClient } from '../src/runner/http-client';
import { CsiDriver, DeletionPolicy, Quiesce, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotSource } from 'cdk8s-volume-snapshots';

// for how long a database waits for a snapshot: it says itself when it wrote, and the storage when it cut

const NAMESPACE = 'bench-hold';
const ROUNDS = 50;
const POLLED_ROUNDS = 5;
const POLL_MS = 5000;
const MEDIAN_MS = 80;
const WORST_MS = 300;

const database = new WritingMariaDb(NAMESPACE, 'db');

/** Milliseconds in which the database did not write, and how many of them were after the cut. */
interface Wait {
  readonly held: number;
  readonly overhead: number;
}

function schedule(): void {
  applyChart(NAMESPACE, (chart: Chart) => new ScheduledSnapshot(chart, 'Schedule', {
    metadata: { name: 'held' },
    source: SnapshotSource.fromClaimName('db'),
    snapshotClass: new SnapshotClass(chart, 'Class', { metadata: { name: 'bench-hold' }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.DELETE }),
    schedule: Cron.schedule({ minute: '15', hour: '4' }),
    suspend: true,
    retention: RetentionPolicy.keepLast(3),
    quiesce: Quiesce.mariaDb(),
  }));
}

/** As the backup tools do: look whether the data is cut, and look again after five seconds; by the same command in the same container. */
async function polled(client: HttpClient, command: string[], name: string): Promise<void> {
  const session = await client.exec({ namespace: NAMESPACE, pod: 'db', command });
  if (await session.nextLine() !== 'quiesced') { throw new Error(session.end().message); }
  const path = `/apis/snapshot.storage.k8s.io/v1/namespaces/${NAMESPACE}/volumesnapshots`;
  await client.request({
    method: 'POST',
    path,
    body: {
      apiVersion: 'snapshot.storage.k8s.io/v1',
      kind: 'VolumeSnapshot',
      metadata: { name },
      spec: { volumeSnapshotClassName: 'bench-hold', source: { persistentVolumeClaimName: 'db' } },
    },
  });
  for (;;) {
    const { items: [snapshot] } = await client.request({ method: 'GET', path, query: { fieldSelector: `metadata.name=${name}` } });
    if (snapshot.status?.creationTime) { break; }
    await sleep(POLL_MS);
  }
  session.writeLine('release');
  await session.nextLine();
  session.close();
}

/** What the newest snapshot cost the database. */
function waitFor(since: number): Wait {
  const cut = Math.max(...cutTimes(NAMESPACE).values());
  const pause = database.pauses(since, 15).find(({ from, to }) => from <= cut && cut <= to);
  if (cut < since || !pause) { throw new Error('the database wrote while the data was cut'); }
  return { held: pause.to - pause.from, overhead: pause.to - cut };
}

async function measured(rounds: number, take: (round: number) => Promise<unknown>): Promise<Wait[]> {
  const waits: Wait[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const since = Date.now();
    await take(round);
    await database.writesAgain(Date.now());
    waits.push(waitFor(since));
  }
  return waits;
}

function row(way: string, waits: readonly Wait[]): void {
  const column = (values: number[]) => [median(values), Math.max(...values)].map(value => `${value.toFixed(0)} ms`.padStart(9)).join('');
  console.log(`${way.padEnd(22)}${String(waits.length).padStart(5)}${column(waits.map(({ overhead }) => overhead))}${column(waits.map(({ held }) => held))}`);
}

async function main(): Promise<void> {
  if (!process.env.SNAPCLUSTER) { throw new Error('SNAPCLUSTER is not set; the storage of the test cluster is asked for the time of the cut'); }
  freshNamespace(NAMESPACE);
  await database.start();
  schedule();
  const begin = outsideRuns(NAMESPACE, 'held');
  const ours = await measured(ROUNDS, async () => {
    const end = await begin().end;
    if (end.exitCode !== 0) { throw new Error(end.message); }
  });

  const { server, certificate } = connection();
  const token = kubectl(['-n', NAMESPACE, 'create', 'token', 'held']).trim();
  const client = new HttpClient({ host: server.hostname, port: server.port || '443', ca: certificate, token: () => token });
  const environment: any[] = getJson('-n', NAMESPACE, 'cronjob', 'held').spec.jobTemplate.spec.template.spec.containers[0].env;
  const valueOf = (name: string) => environment.find(variable => variable.name === name).value;
  const command: string[] = JSON.parse(valueOf('SNAPSHOT_CONFIG')).quiesce.command
    .map((word: string) => (word === SCRIPT_WORD ? valueOf('SNAPSHOT_QUIESCE_SCRIPT').replace(/\$\$/g, '$') : word));
  const theirs = await measured(POLLED_ROUNDS, round => polled(client, command, `polled-${round}`));
  client.close();

  console.log('MariaDB, written to all the time             after the cut         not written to');
  console.log('                       runs   median    worst   median    worst');
  row('this runner', ours);
  row(`a poll every ${POLL_MS / 1000} s`, theirs);
  const ratio = median(theirs.map(({ overhead }) => overhead)) / median(ours.map(({ overhead }) => overhead));
  console.log(`after the cut, the poll holds it ${ratio.toFixed(0)} times as long`);
  aim('held after the cut, median ms', median(ours.map(({ overhead }) => overhead)), MEDIAN_MS);
  aim('held after the cut, worst ms', Math.max(...ours.map(({ overhead }) => overhead)), WORST_MS);
  if (missed.length > 0) { throw new Error(`not reached: ${missed.join('; ')}`); }
  console.log('all aims are met');
}

main().catch(error => {
  console.error((error as Error).message);
  process.exitCode = 1;
});
