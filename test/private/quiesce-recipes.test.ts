import { spawn } from 'child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';
import * as recipes from '../../src/private/quiesce-recipes';
import { quiesceScript, Recipe } from '../../src/private/quiesce-scripts';

/*
 * Stand-ins for the clients of databases: the scripts are run for real, by a shell,
 * and what the client was told is looked at.
 */
let directory: string;
beforeEach(() => { directory = mkdtempSync(join(tmpdir(), 'recipes-')); });
afterEach(() => rmSync(directory, { recursive: true }));

const file = (name: string) => join(directory, name);
const told = (name = 'told') => (existsSync(file(name)) ? readFileSync(file(name), 'utf8').trim().split('\n') : []);

/** A program in the container. */
function install(name: string, script: string): void {
  writeFileSync(file(name), script);
  chmodSync(file(name), 0o755);
}

/** A client that reads statements: it writes them down with its arguments and its password, and answers each SELECT of a text by the text. */
const sqlClient = (answers = '') => `#!/bin/sh
echo "$0 $*" >> ${file('arguments')}
echo "\${PGPASSWORD-}\${MYSQL_PWD-}" >> ${file('password')}
for last; do :; done
case "$last" in
  ${answers}
  'SHOW '*|'SELECT '*) ;;
  *) while read -r line; do
    echo "$line" >> ${file('told')}
    case "$line" in "SELECT '"*"';") echo "$line" | sed "s/SELECT '//;s/';//";; esac
  done;;
esac
`;

interface Said {
  readonly code: number | null;
  readonly lines: string[];
  readonly errors: string;
}

/** Runs a recipe to its end: it is asked to let go as soon as it says that it holds. */
function hold(recipe: Recipe, environment: { [name: string]: string } = {}, ...args: string[]): Promise<Said> {
  return new Promise(resolve => {
    const child = spawn('/bin/sh', ['-c', quiesceScript(20, recipe), 'quiesce', ...args], { cwd: directory, env: { PATH: `${directory}:/usr/bin:/bin`, ...environment } });
    let [output, errors] = ['', ''];
    child.stdout.on('data', chunk => {
      const before = output;
      output += chunk;
      if (output.includes('quiesced') && !before.includes('quiesced')) { child.stdin.write('release\n'); }
    });
    child.stderr.on('data', chunk => { errors += chunk; });
    child.on('exit', code => resolve({ code, lines: output.split('\n').filter(Boolean), errors }));
  });
}

const HELD = ['quiesced', 'released'];

describe('PostgreSQL', () => {
  const replica = '*pg_is_in_recovery*) echo t;;';
  const primary = '*pg_is_in_recovery*) echo f;;';
  const archiving = (mode: string) => `${primary} *archive_mode*) echo ${mode};;`;

  test('is checkpointed in a session that ends by itself', async () => {
    install('psql', sqlClient());
    expect(await hold(recipes.postgreSql(30, {}))).toMatchObject({ code: 0, lines: HELD });
    expect(told()).toEqual(["SELECT set_config(name, '30s', false) FROM pg_settings WHERE name = 'idle_session_timeout' \\g /dev/null",
      'CHECKPOINT;', "SELECT 'quiesced';", "SELECT 'released';"]);
  });

  test('is told from its replicas, and the primary is not touched', async () => {
    install('psql', sqlClient(primary));
    expect(await hold(recipes.postgreSql(30, {}), {}, 'replica')).toMatchObject({ code: 0, lines: ['primary'] });
    expect(told()).toEqual([]);
    install('psql', sqlClient(replica));
    expect(await hold(recipes.postgreSql(30, {}), {}, 'replica')).toMatchObject({ lines: HELD });
  });

  test('goes into backup mode and out of it in one session, and gives its label to be kept', async () => {
    install('psql', sqlClient(archiving('on')));
    expect(await hold(recipes.postgreSqlBackupMode(60, {}))).toMatchObject({ code: 0, lines: HELD });
    expect(told().join('\n')).toMatch(/pg_backup_start\('cdk8s-volume-snapshots', true\)[^]*SELECT 'quiesced';[^]*keep postgresql-backup-label[^]*pg_backup_stop\(true\)[^]*SELECT 'released';/);
  });

  test('that is a standby is not put into backup mode', async () => {
    install('psql', sqlClient(replica));
    const said = await hold(recipes.postgreSqlBackupMode(60, {}));
    expect([said.code, said.lines[0], told()]).toEqual([1, expect.stringMatching(/^it is a standby/), []]);
  });

  test('without an archive is not put into backup mode, and is told why', async () => {
    install('psql', sqlClient(archiving('off')));
    const said = await hold(recipes.postgreSqlBackupMode(60, {}));
    expect([said.code, told()]).toEqual([1, []]);
    expect(said.lines[0]).toMatch(/^archive_mode is off, .*use Quiesce.postgreSql$/);
  });
});

describe('who signs in', () => {
  const passwordFile = () => { writeFileSync(file('secret'), 'from file'); return file('secret'); };

  test.each<[string, recipes.SignIn, () => { [name: string]: string }, string]>([
    ['the variable of the official image', {}, () => ({ POSTGRES_PASSWORD: 'official' }), 'official'],
    ['its file', {}, () => ({ POSTGRES_PASSWORD_FILE: passwordFile() }), 'from file'],
    ['another image', {}, () => ({ POSTGRESQL_PASSWORD: 'other' }), 'other'],
    ['a variable of the user', { passwordVariable: 'MINE' }, () => ({ MINE: 'mine', POSTGRES_PASSWORD: 'official' }), 'mine'],
    ['none', {}, () => ({}), ''],
  ])('has the password of %s', async (_, signIn, environment, password) => {
    install('psql', sqlClient());
    expect((await hold(recipes.postgreSql(30, signIn), environment())).lines).toEqual(HELD);
    expect([...new Set(readFileSync(file('password'), 'utf8').trim().split('\n'))]).toEqual([password]);
    expect(readFileSync(file('arguments'), 'utf8')).not.toContain(password || 'nothing to look for');
  });

  test('has the password of a file, and the name that is told, whatever is in it', async () => {
    install('psql', sqlClient());
    expect((await hold(recipes.postgreSql(30, { user: "o'hara", passwordFile: passwordFile() }))).lines).toEqual(HELD);
    expect([...new Set(readFileSync(file('password'), 'utf8').trim().split('\n'))]).toEqual(['from file']);
    expect(readFileSync(file('arguments'), 'utf8')).toContain("-U o'hara ");
  });
});

describe('MariaDB and MySQL', () => {
  test.each([
    ['mariadb', recipes.mariaDb(30, {}), ['BACKUP STAGE START;', 'BACKUP STAGE BLOCK_COMMIT;', "SELECT 'quiesced';", 'BACKUP STAGE END;']],
    ['mysql', recipes.mySql(30, {}, 'Tables'), ['FLUSH TABLES WITH READ LOCK;', "SELECT 'quiesced';", 'UNLOCK TABLES;']],
    ['mysql', recipes.mySql(30, {}, 'Instance'), ['LOCK INSTANCE FOR BACKUP;', "SELECT 'quiesced';", 'UNLOCK INSTANCE;']],
  ])('%s is locked by one session, which the server ends as well, and waits no longer than a third of the hold', async (client, recipe, statements) => {
    install(client, sqlClient());
    expect(await hold(recipe, { MYSQL_ROOT_PASSWORD: 'geheim' })).toMatchObject({ code: 0, lines: HELD });
    expect(told()).toEqual(['SET SESSION wait_timeout = 30;', 'SET SESSION lock_wait_timeout = 10;', ...statements, "SELECT 'released';"]);
    expect([...new Set(readFileSync(file('password'), 'utf8').trim().split('\n'))]).toEqual(['geheim']);
  });

  test('an image that has only the client of the other name will do', async () => {
    install('mysql', sqlClient());
    expect(await hold(recipes.mariaDb(30, {}))).toMatchObject({ lines: HELD });
  });

  test.each([
    ['replicates', 'echo "Waiting for source"', HELD],
    ['replicates nothing', ':', ['primary']],
  ])('one that %s is taken for what it is', async (_, answer, lines) => {
    install('mysql', sqlClient(`*REPLICA*) ${answer};;`));
    expect(await hold(recipes.mySql(30, {}, 'Tables'), {}, 'replica')).toMatchObject({ lines });
  });
});

describe('MariaDB and MySQL on a replica', () => {
  test.each([
    ['mariadb', recipes.mariaDb(30, {})], ['mysql', recipes.mySql(30, {}, 'Tables')],
  ])('%s that does not answer is not taken for the primary, whose claims would be left out without a word', async (client, recipe) => {
    install(client, sqlClient('*SHOW*) echo "ERROR 1045: Access denied" >&2; exit 1;;'));
    expect(await hold(recipe, {}, 'replica')).toMatchObject({ code: 1, lines: [], errors: expect.stringContaining('Access denied') });
  });
});

describe('MongoDB', () => {
  // a shell with a server that keeps its lock in a file, and counts it as the real one does
  const mongosh = (changes = '') => `#!${process.execPath}
const { existsSync, readFileSync, writeFileSync, appendFileSync } = require('fs');
const state = ${JSON.stringify('STATE')};
const locks = () => (existsSync(state) ? Number(readFileSync(state, 'utf8')) : 0);
const server = {
  lock: () => { writeFileSync(state, String(locks() + 1)); return { ok: 1 }; },
  unlock: () => {
    if (locks() === 0) { throw new Error('fsyncUnlock called when not locked'); }
    writeFileSync(state, String(locks() - 1));
    // a Long of BSON
    return { ok: 1, lockCount: { toString: () => String(locks()) } };
  },
  hello: () => ({ isWritablePrimary: true }),
};
const db = {
  getSiblingDB: () => ({
    auth: async (user, password) => appendFileSync(state + '.auth', user + ' ' + password + '\\n'),
    runCommand: async command => (command.fsyncUnlock ? server.unlock() : command.lock ? server.lock() : server.hello()),
  }),
};
${changes}
const quit = code => process.exit(code);
const print = text => console.log(text);
eval(process.argv[process.argv.length - 1]);
`.replace('STATE', file('locks'));
  const locks = () => Number(readFileSync(file('locks'), 'utf8'));

  test('is locked, and unlocked in the same session until nobody holds it', async () => {
    install('mongosh', mongosh());
    writeFileSync(file('locks'), '1');
    expect(await hold(recipes.mongoDb(20, {}), { MONGO_INITDB_ROOT_USERNAME: 'root', MONGO_INITDB_ROOT_PASSWORD: 'geheim' })).toMatchObject({ lines: HELD });
    expect([locks(), told('locks.auth')]).toEqual([0, ['root geheim']]);
  });

  test('lets go by its own timer, and says so', async () => {
    install('mongosh', mongosh());
    const child = spawn('/bin/sh', ['-c', quiesceScript(1, recipes.mongoDb(1, {}))], { cwd: directory, env: { PATH: `${directory}:/usr/bin:/bin` } });
    let output = '';
    child.stdout.on('data', chunk => { output += chunk; });
    await new Promise(resolve => child.on('exit', resolve));
    expect([output, locks()]).toEqual(['quiesced\nthe longest hold was over\n', 0]);
  });

  test('is unlocked by another session if the first one is killed', async () => {
    install('mongosh', mongosh("server.lock = () => { writeFileSync(state, '1'); process.kill(process.pid, 'SIGKILL'); };"));
    const said = await hold(recipes.mongoDb(20, {}));
    expect([said.lines, locks()]).toEqual([[], 0]);
  });

  test('that cannot be unlocked is not called released', async () => {
    install('mongosh', mongosh("server.unlock = () => { throw new Error('not authorized'); };"));
    expect(await hold(recipes.mongoDb(20, {}))).toMatchObject({ lines: ['quiesced', 'not authorized'] });
  });

  test('that cannot be locked is said, and left unlocked', async () => {
    install('mongosh', mongosh("server.lock = () => ({ ok: 0, errmsg: 'not authorized' });"));
    expect(await hold(recipes.mongoDb(20, {}))).toMatchObject({ lines: ['not authorized'] });
  });

  test('is asked whether it is the primary', async () => {
    install('mongosh', mongosh());
    expect(await hold(recipes.mongoDb(20, {}), {}, 'replica')).toMatchObject({ lines: ['primary'] });
    install('mongosh', mongosh('server.hello = () => ({ isWritablePrimary: false });'));
    expect(await hold(recipes.mongoDb(20, {}), {}, 'replica')).toMatchObject({ lines: HELD });
  });
});

describe('files on several volumes', () => {
  // /proc is another file system than the directory
  const postgres = () => sqlClient(`*data_directory*) echo ${directory};; *pg_is_in_recovery*) echo f;;`);
  const spread = () => symlinkSync('/proc', file('pg_wal'));

  test('of PostgreSQL are refused, with what makes them one state', async () => {
    install('psql', postgres());
    expect(await hold(recipes.postgreSql(30, {}))).toMatchObject({ lines: HELD });
    spread();
    const said = await hold(recipes.postgreSql(30, {}));
    expect([said.code, said.lines[0]]).toEqual([1, expect.stringMatching(/^its files are on several volumes, .*use Quiesce.postgreSqlBackupMode, or a groupSnapshotClass$/)]);
  });

  test('are one state if one snapshot is taken of all of them', async () => {
    install('psql', postgres());
    spread();
    expect(await hold(recipes.postgreSql(30, {}), {}, 'together')).toMatchObject({ lines: HELD });
  });

  test('of InnoDB are refused, since it writes whatever is locked', async () => {
    install('mariadb', sqlClient(`*innodb*) echo ${directory}; echo /proc;;`));
    expect(await hold(recipes.mariaDb(30, {}))).toMatchObject({ code: 1, lines: [expect.stringContaining('put the log and the tablespaces of InnoDB on one of them')] });
  });
});

describe('Redis', () => {
  /** A server of the one second in which a dump is asked for, and what it answers afterwards. */
  const redis = (status = 'ok') => `#!/bin/sh
echo "$*" >> ${file('told')}
case "$*" in
  *LASTSAVE*) cat ${file('saved')} 2>/dev/null || echo 100;;
  *TIME*) echo 101; echo 5;;
  *BGSAVE*) ${status === 'ok' ? `echo 102 > ${file('saved')}` : ':'}; echo "Background saving scheduled";;
  *INFO*) printf 'rdb_bgsave_in_progress:0\\r\\nrdb_last_bgsave_status:${status}\\r\\n';;
  *ROLE*) echo ${status === 'ok' ? 'master' : 'slave'};;
esac
`;

  test('writes a dump, which is waited for', async () => {
    install('redis-cli', redis());
    expect(await hold(recipes.redis({}))).toMatchObject({ code: 0, lines: HELD });
    expect(told().some(line => line.includes('BGSAVE'))).toBe(true);
  });

  test('that cannot write its dump is not called quiesced', async () => {
    install('redis-cli', redis('err'));
    expect(await hold(recipes.redis({}))).toMatchObject({ code: 1, lines: [] });
  });

  test('that wants a password says so, though its client calls it a success', async () => {
    install('redis-cli', '#!/bin/sh\necho "NOAUTH Authentication required."\n');
    const said = await hold(recipes.redis({}));
    expect([said.code, said.errors]).toEqual([1, expect.stringContaining('NOAUTH Authentication required.')]);
  });

  test('is asked whether it is the primary', async () => {
    install('redis-cli', redis());
    expect(await hold(recipes.redis({}), {}, 'replica')).toMatchObject({ lines: ['primary'] });
  });
});

test('Cassandra writes its tables', async () => {
  install('nodetool', `#!/bin/sh\necho "$*" >> ${file('told')}\n`);
  expect(await hold(recipes.cassandra())).toMatchObject({ lines: HELD });
  expect(told()).toEqual(['flush']);
});

describe('a file system', () => {
  test('is frozen and thawed', async () => {
    install('fsfreeze', `#!/bin/sh\necho "$*" >> ${file('told')}\n`);
    expect(await hold(recipes.fileSystem(directory))).toMatchObject({ lines: HELD });
    expect(told()).toEqual([`-f ${directory}`, `-u ${directory}`]);
  });

  test('that is not there is named', async () => {
    install('fsfreeze', '#!/bin/sh\n');
    expect(await hold(recipes.fileSystem('/no/such/place'))).toMatchObject({ code: 1, lines: ['nothing is mounted there in this container'] });
  });
});

test.each([
  ['no-client', recipes.mongoDb(20, {}), 'mongosh'], ['no-client', recipes.redis({}), 'redis-cli'], ['no-client', recipes.cassandra(), 'nodetool'],
])('a container with %s is told which one is missing', async (_, recipe, client) => {
  expect(await hold(recipe)).toMatchObject({ code: 1, lines: [`${client} is not in this container; name the container that has it`] });
});
