import { Chart, Cron, Size } from 'cdk8s';
import { apply, applyChart, bound, DRIVER, eventually, freshNamespace, getJson, sleep, STORAGE_CLASS } from '../cluster';
import { MARIADB, shell, shellInBackground, WritingMariaDb } from '../databases';
import { outsideRuns } from './outside';
import {
  CsiDriver, DeletionPolicy, Quiesce, RestoredPvc, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotRef, SnapshotSource,
} from 'cdk8s-volume-snapshots';

/*
 * One table on each of two volumes, without transactions: a writer puts each number into the
 * left one and then into the right one. In a state that ever was, the left one is equal or one ahead.
 */
const NAMESPACE = 'e2e-tearing';
const CLAIMS = ['torn', 'second'];
const database = new WritingMariaDb(NAMESPACE, 'torn');

beforeAll(async () => {
  freshNamespace(NAMESPACE);
  await database.start({ second: '/second' });
  shell(NAMESPACE, 'torn', 'chmod 777 /second');
  database.sql(`CREATE TABLE left_half (n BIGINT PRIMARY KEY) ENGINE=Aria TRANSACTIONAL=0;
CREATE TABLE right_half (n BIGINT PRIMARY KEY) ENGINE=MyISAM DATA DIRECTORY='/second' INDEX DIRECTORY='/second';
CREATE TABLE accounts (id INT PRIMARY KEY, amount BIGINT NOT NULL) ENGINE=InnoDB;
INSERT INTO accounts VALUES (1, 0), (2, 0);
DELIMITER //
CREATE PROCEDURE count_on() BEGIN
  DECLARE i BIGINT DEFAULT 0;
  LOOP
    SET i = i + 1;
    INSERT INTO left_half VALUES (i);
    INSERT INTO right_half VALUES (i);
    START TRANSACTION;
    UPDATE accounts SET amount = amount - 1 WHERE id = 1;
    UPDATE accounts SET amount = amount + 1 WHERE id = 2;
    COMMIT;
  END LOOP;
END //`);
  shellInBackground(NAMESPACE, 'torn', 'MYSQL_PWD="$MARIADB_ROOT_PASSWORD" mariadb -u root shop -e "SET SESSION innodb_lock_wait_timeout = 100; CALL count_on()"');
});

function schedule(name: string, quiesce?: Quiesce): void {
  applyChart(NAMESPACE, (chart: Chart) => {
    const made = new ScheduledSnapshot(chart, 'Schedule', {
      metadata: { name },
      source: SnapshotSource.fromClaimName('torn'),
      snapshotClass: new SnapshotClass(chart, 'Class', { metadata: { name: `e2e-${name}` }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.DELETE }),
      schedule: Cron.schedule({ minute: '15', hour: '4' }),
      suspend: true,
      retention: RetentionPolicy.keepLast(100),
      quiesce,
    });
    made.addSource(SnapshotSource.fromClaimName('second'));
  });
}

/** Snapshots of both claims, by run; runs follow one another. */
async function snapshotsOf(name: string, rounds: number): Promise<string[][]> {
  const begin = outsideRuns(NAMESPACE, name);
  const label = `cdk8s-volume-snapshots/schedule=${name}`;
  const made: string[][] = [];
  const seen = new Set<string>();
  for (let round = 0; round < rounds; round += 1) {
    expect(await begin().end).toEqual({ exitCode: 0, message: expect.stringMatching(/^2 of 2 claims have their snapshot.* kept$/) });
    const fresh = getJson('-n', NAMESPACE, 'volumesnapshots', '-l', label).items.filter((each: any) => !seen.has(each.metadata.name));
    fresh.forEach((each: any) => seen.add(each.metadata.name));
    made.push(CLAIMS.map(claimName => fresh.find((each: any) => each.spec.source.persistentVolumeClaimName === claimName).metadata.name));
    await sleep(50);
  }
  return made;
}

interface Restored {
  readonly left: number;
  readonly right: number;
  readonly accounts: number;
  readonly checks: string;
}

/** Restores both claims of each run, and starts a database on them, one after the other in one pod. */
async function restore(name: string, runs: string[][]): Promise<Restored[]> {
  const claimOf = (run: number, index: number) => `${name}-${run}-${CLAIMS[index]}`;
  const all = runs.flatMap((run, number) => run.map((snapshot, index) => ({ snapshot, claimName: claimOf(number, index), path: `/r/${number}/${CLAIMS[index]}` })));
  applyChart(NAMESPACE, chart => all.forEach(({ snapshot, claimName }) => new RestoredPvc(chart, claimName, {
    metadata: { name: claimName }, snapshot: SnapshotRef.fromName(snapshot), size: Size.mebibytes(100), storageClassName: STORAGE_CLASS,
  })));
  await bound(NAMESPACE, ...all.map(({ claimName }) => claimName));
  apply([{
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NAMESPACE },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name, image: MARIADB.image, command: ['sleep', '3600'], volumeMounts: all.map(({ path }, index) => ({ name: `v${index}`, mountPath: path })) }],
      volumes: all.map(({ claimName }, index) => ({ name: `v${index}`, persistentVolumeClaim: { claimName } })),
    },
  }]);
  await eventually('the pod with the restored claims runs', 120, () => getJson('-n', NAMESPACE, 'pod', name).status.phase === 'Running');
  return runs.map((_, number) => {
    const answer = shell(NAMESPACE, name, `rm -f /second; ln -s /r/${number}/second /second
mariadbd --no-defaults --user=root --datadir=/r/${number}/torn --socket=/tmp/s --pid-file=/tmp/p --skip-networking --skip-grant-tables >/tmp/log 2>&1 &
for try in $(seq 200); do mariadb -S /tmp/s -e 'SELECT 1' >/dev/null 2>&1 && break; sleep 0.1; done
mariadb -S /tmp/s -N -B shop -e "SELECT MAX(n), COUNT(*) FROM left_half; SELECT MAX(n), COUNT(*) FROM right_half; SELECT SUM(amount), MAX(amount) > 0 FROM accounts; CHECK TABLE left_half, right_half, accounts" || tail -5 /tmp/log
mariadb-admin -S /tmp/s shutdown; wait`);
    const rows = answer.split('\n').map(row => row.split('\t'));
    const [[left], [right], [accounts]] = rows.slice(0, 3).map(row => row.map(Number));
    return { left, right, accounts, checks: rows.slice(3).filter(([, , kind]) => kind === 'status').map(row => row[3]).join(' ') };
  });
}

const isWhole = ({ left, right }: Restored) => left - right === 0 || left - right === 1;

test('of two volumes, crash-consistent snapshots are torn within a few tries, and quiesced ones never are in twenty rounds; each restored database starts', async () => {
  schedule('plain');
  schedule('held', Quiesce.mariaDb());
  const plain = await restore('plain', await snapshotsOf('plain', 5));
  const held = await restore('held', await snapshotsOf('held', 20));

  const torn = plain.filter(each => !isWhole(each));
  console.log(`crash-consistent: ${torn.length} of 5 torn, by up to ${Math.max(...torn.map(({ left, right }) => Math.abs(left - right)).filter(Number.isFinite))} rows where they can be read; quiesced: ${held.filter(each => !isWhole(each)).length} of 20 torn; `
    + `the last one has ${held[19].left} rows`);
  expect(torn.length).toBeGreaterThan(0);
  expect(held.filter(each => !isWhole(each))).toEqual([]);
  expect(new Set(held.map(({ left }) => left)).size).toBe(20);
  held.forEach(({ accounts, checks }) => expect([accounts, checks]).toEqual([0, 'OK OK OK']));
});
