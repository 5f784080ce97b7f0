import { spawnSync } from 'child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';
import { databaseCheck, redisCheck } from '../../src/private/drill-scripts';

let directory: string;
beforeEach(() => { directory = mkdtempSync(join(tmpdir(), 'drill-')); });
afterEach(() => rmSync(directory, { recursive: true }));

/** Runs a check as the kubelet would, with a stand-in for the client of the database, which is told what was asked. */
function run([shell, option, script]: string[], program: string, answers: string, env: object = {}) {
  const file = join(directory, program);
  const log = join(directory, 'termination-log');
  writeFileSync(file, `#!/bin/sh\nfor query in "$@"; do :; done\n${answers}\n`);
  chmodSync(file, 0o755);
  // the kubelet makes one dollar of two
  const text = script.replace(/\$\$/g, '$').replace(/\/dev\/termination-log/g, log);
  const { status } = spawnSync(shell, [option, text], { env: { PATH: `${directory}:${process.env.PATH}`, ...env }, timeout: 10_000 });
  return { status, said: status === null ? '' : readFileSync(log, 'utf8').trim() };
}

// as psql answers: the value, and a comparison
const rows = (count: string) => `case "$query" in "SELECT 1") echo 1;; *count*) echo "${count}";; "SELECT ${count} >= 1000") [ ${count} -ge 1000 ] && echo t || echo f;; esac`;
const query = { query: "SELECT count(*) FROM orders WHERE name <> 'x'", atLeast: 1000 };

test.each([['1000', 0, 'the query gave 1000'], ['999', 1, 'it gave 999, and must give at least 1000']])('of %s rows the check ends with %i', (count, status, said) => {
  expect(run(databaseCheck('PostgreSql', query), 'psql', rows(count))).toEqual({ status, said });
});

test('an answer that is no number is a failure', () => {
  expect(run(databaseCheck('PostgreSql', query), 'psql', rows('many'))).toEqual({ status: 1, said: "the query gave 'many', which is no number" });
  expect(run(databaseCheck('PostgreSql', query), 'psql', rows(''))).toEqual({ status: 1, said: "the query gave '', which is no number" });
});

test('a query that fails is a failure in the words of the database', () => {
  const answers = 'case "$query" in "SELECT 1") echo 1;; *) echo "relation does not exist" >&2; exit 3;; esac';
  expect(run(databaseCheck('PostgreSql', query), 'psql', answers)).toEqual({ status: 1, said: 'the query failed: relation does not exist' });
});

test('a server that is not up yet is waited for', () => {
  const answers = `if [ ! -e ${'$0'}.up ]; then touch ${'$0'}.up; exit 2; fi\n${rows('2000')}`;
  expect(run(databaseCheck('PostgreSql', query), 'psql', answers).status).toBe(0);
});

test('a password and a user are those of the image, unless told otherwise', () => {
  const answers = '[ "$PGPASSWORD" = secret ] || exit 1\ncase "$*" in *"-U shop -d orders"*) ;; *) exit 1;; esac\n' + rows('2000');
  expect(run(databaseCheck('PostgreSql', { ...query, database: 'orders' }), 'psql', answers, { POSTGRES_PASSWORD: 'secret', POSTGRES_USER: 'shop' }).status).toBe(0);
  expect(run(databaseCheck('PostgreSql', { ...query, database: 'orders', user: 'shop' }), 'psql', answers, { POSTGRESQL_PASSWORD: 'secret' }).status).toBe(0);
});

test('MariaDB and MySQL are asked by whichever client there is', () => {
  const answers = 'case "$query" in *">= 1000") echo 1;; *count*) echo 2000;; *) echo 1;; esac';
  for (const client of ['mariadb', 'mysql']) {
    expect(run(databaseCheck('MySql', query), client, answers, { MYSQL_ROOT_PASSWORD: 'x' })).toEqual({ status: 0, said: 'the query gave 2000' });
    rmSync(join(directory, client));
  }
});

test.each([['7', 0, 'the answer was 7'], ['0', 1, 'it gave 0, and must give at least 1'], ['11', 1, 'it gave 11, and must give at most 10'], ['NOAUTH', 1, "the answer was 'NOAUTH', which is no whole number"]])(
  'of %s keys the check of Redis ends with %i', (count, status, said) => {
    // with an empty password it warns before each answer
    const answers = `[ -z "\${REDISCLI_AUTH+set}" ] || echo AUTH failed\ncase "$query" in PING) echo PONG;; *) echo ${count};; esac`;
    expect(run(redisCheck({ command: 'DBSIZE', atLeast: 1, atMost: 10 }), 'redis-cli', answers)).toEqual({ status, said });
  });
