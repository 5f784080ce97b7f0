import { quoted, Recipe } from './quiesce-scripts';

/** How a client signs in; what is absent is looked for where the usual images have it. */
export interface SignIn {
  readonly user?: string;
  readonly passwordVariable?: string;
  readonly passwordFile?: string;
}

/** Names what the container lacks. */
function has(...programs: string[]): string {
  return `${programs.map(program => `command -v ${program} >/dev/null`).join(' || ')} || fail "${programs[0]} is not in this container; name the container that has it"`;
}

/** Refuses files on several volumes, unless one snapshot is taken of all of them together; what is not in this container cannot be told. */
function onOneVolume(paths: string, alternative: string): string {
  return `devices=$(stat -Lc %d ${paths} 2>/dev/null | sort -u | wc -l)
case " $* " in *" together "*) ;; *) [ "$devices" -le 1 ] || fail "its files are on several volumes, which this does not make one state; ${alternative}";; esac`;
}

/** Shell words that read the password, as the value of `password`. */
function passwordOf({ passwordVariable, passwordFile }: SignIn, ...usual: string[]): string {
  if (passwordFile !== undefined) { return `"$(cat ${quoted(passwordFile)})" || exit 1`; }
  if (passwordVariable === undefined) { return `"$(secret ${usual.join(' ')})"`; }
  return `"$(secret ${passwordVariable})"\n[ -n "$password" ] || fail "${passwordVariable} is not set in this container, nor ${passwordVariable}_FILE"`;
}

function psql(signIn: SignIn): string {
  const user = signIn.user === undefined ? '"${POSTGRES_USER:-${POSTGRESQL_USERNAME:-postgres}}"' : quoted(signIn.user);
  return `${has('psql')}
password=${passwordOf(signIn, 'PGPASSWORD', 'POSTGRES_PASSWORD', 'POSTGRESQL_PASSWORD')}
export PGPASSWORD="$password"
sql() { $exec psql -X -q -A -t -v ON_ERROR_STOP=1 -U ${user} -d postgres "$@"; }`;
}

// servers before 14 have no such setting
const endWhenIdle = (seconds: number) =>
  `SELECT set_config(name, '${seconds}s', false) FROM pg_settings WHERE name = 'idle_session_timeout' \\g /dev/null`;

export function postgreSql(seconds: number, signIn: SignIn): Recipe {
  return {
    check: `${psql(signIn)}
data=$(sql -c 'SHOW data_directory' 2>/dev/null) || data=
${onOneVolume('"$data" "$data/pg_wal" "$data"/pg_tblspc/*', 'use Quiesce.postgreSqlBackupMode, or a groupSnapshotClass')}`,
    isPrimary: '[ "$(sql -c "SELECT pg_is_in_recovery()")" = f ]',
    inSession: true,
    quiesce: `${endWhenIdle(seconds)}
CHECKPOINT;
SELECT 'quiesced';`,
    release: "SELECT 'released';",
  };
}

export function postgreSqlBackupMode(seconds: number, signIn: SignIn): Recipe {
  const keep = (name: string, column: string) => `'keep ${name} ' || translate(encode(convert_to(${column}, 'UTF8'), 'base64'), E'\\n', '')`;
  const stop = (call: string) =>
    `SELECT ${keep('postgresql-backup-label', 'labelfile')} || CASE spcmapfile WHEN '' THEN '' ELSE E'\\n' || ${keep('postgresql-tablespace-map', 'spcmapfile')} END FROM ${call};`;
  return {
    check: `${psql(signIn)}
[ "$(sql -c 'SELECT pg_is_in_recovery()')" = f ] || fail "it is a standby, or does not answer; only of a primary does backup mode make several volumes one state"
archiving=$(sql -c 'SHOW archive_mode') || exit 1
[ "$archiving" != off ] || fail "archive_mode is off, and only with the archived log is a backup of several volumes one state; set it, or keep all on one volume and use Quiesce.postgreSql"`,
    inSession: true,
    keeps: true,
    quiesce: `${endWhenIdle(seconds)}
SELECT current_setting('server_version_num')::int < 150000 AS before_15 \\gset
\\if :before_15
SELECT pg_start_backup('cdk8s-volume-snapshots', true, false) \\g /dev/null
\\else
SELECT pg_backup_start('cdk8s-volume-snapshots', true) \\g /dev/null
\\endif
SELECT 'quiesced';`,
    release: `\\if :before_15
${stop('pg_stop_backup(false, true)')}
\\else
${stop('pg_backup_stop(true)')}
\\endif
SELECT 'released';`,
  };
}

function mysqlClient(programs: [string, string], signIn: SignIn, ...passwords: string[]): string {
  const [program, other] = programs;
  return `${has(program, other)}
password=${passwordOf(signIn, ...passwords)}
export MYSQL_PWD="$password"
sql() { $exec "$(command -v ${program} || command -v ${other})" --loose-skip-reconnect --unbuffered --batch --skip-column-names --user=${quoted(signIn.user ?? 'root')} "$@"; }
data=$(sql -e "${INNODB_DIRECTORIES}" 2>/dev/null) || data=
${onOneVolume('$data', 'put the log and the tablespaces of InnoDB on one of them, or use a groupSnapshotClass')}`;
}

/** Where InnoDB, which writes all the time, has its log and its tablespaces. */
const INNODB_DIRECTORIES = ['@@innodb_log_group_home_dir', '@@innodb_data_home_dir']
  .map(each => `SELECT IF(IFNULL(${each}, '') LIKE '/%', ${each}, @@datadir)`).join('; ');

/** One that replicates from nobody has nothing to say; one that does not answer is no primary for that. */
const emptyAnswer = (statement: string) => `copies=$(sql -e "${statement}") || exit 1\n[ -z "$copies" ]`;

export function mariaDb(seconds: number, signIn: SignIn): Recipe {
  return {
    check: mysqlClient(['mariadb', 'mysql'], signIn, 'MARIADB_ROOT_PASSWORD', 'MYSQL_ROOT_PASSWORD'),
    isPrimary: emptyAnswer('SHOW ALL SLAVES STATUS'),
    inSession: true,
    quiesce: `SET SESSION wait_timeout = ${seconds};
SET SESSION lock_wait_timeout = ${waitForLocks(seconds)};
BACKUP STAGE START;
BACKUP STAGE BLOCK_COMMIT;
SELECT 'quiesced';`,
    release: "BACKUP STAGE END;\nSELECT 'released';",
  };
}

/** `lock`: of the tables, or of the instance. */
export function mySql(seconds: number, signIn: SignIn, lock: 'Tables' | 'Instance'): Recipe {
  const [take, release] = lock === 'Tables' ? ['FLUSH TABLES WITH READ LOCK', 'UNLOCK TABLES'] : ['LOCK INSTANCE FOR BACKUP', 'UNLOCK INSTANCE'];
  return {
    check: mysqlClient(['mysql', 'mariadb'], signIn, 'MYSQL_ROOT_PASSWORD', 'MARIADB_ROOT_PASSWORD'),
    isPrimary: emptyAnswer("SHOW REPLICA STATUS; SELECT 1 FROM performance_schema.replication_group_members WHERE MEMBER_ID = @@server_uuid AND MEMBER_ROLE = 'SECONDARY'"),
    inSession: true,
    quiesce: `SET SESSION wait_timeout = ${seconds};
SET SESSION lock_wait_timeout = ${waitForLocks(seconds)};
${take};
SELECT 'quiesced';`,
    release: `${release};\nSELECT 'released';`,
  };
}

/** While one waits for a lock, others wait behind it. */
const waitForLocks = (seconds: number) => Math.max(1, Math.floor(seconds / 3));

/** The lock is a counter: whoever else holds it, nobody but this backup does it on purpose. */
const MONGO_UNLOCK = `  let unlocked = 0;
  for (let locks = 1; locks > 0; unlocked += 1) {
    let answer;
    try { answer = await admin.runCommand({ fsyncUnlock: 1 }); } catch (error) { answer = { ok: 0, errmsg: error.message }; }
    if (!answer.ok && /not locked/.test(answer.errmsg)) { break; }
    if (!answer.ok) { throw new Error(answer.errmsg); }
    locks = Number(String(answer.lockCount));
  }`;

export function mongoDb(seconds: number, { user, ...signIn }: SignIn): Recipe {
  const run = (script: string) => `mongosh --quiet --eval '
(async () => {
  const admin = db.getSiblingDB("admin");
  if (process.env.QUIESCE_USER) { await admin.auth(process.env.QUIESCE_USER, process.env.QUIESCE_PASSWORD); }
${script}
})().catch(error => { print(error.message); quit(1); })'`;
  return {
    check: `${has('mongosh')}
export QUIESCE_USER=${user === undefined ? '"$(secret MONGO_INITDB_ROOT_USERNAME MONGODB_ROOT_USER)"' : quoted(user)}
password=${passwordOf(signIn, 'MONGO_INITDB_ROOT_PASSWORD', 'MONGODB_ROOT_PASSWORD')}
export QUIESCE_PASSWORD="$password"`,
    isPrimary: run('  quit((await admin.runCommand({ hello: 1 })).isWritablePrimary ? 0 : 1);'),
    // in one session: while it is locked, another may not be able to sign in
    holdsItself: true,
    quiesce: run(`  const answer = await admin.runCommand({ fsync: 1, lock: true });
  if (!answer.ok) { throw new Error(answer.errmsg); }
  print("quiesced");
  const word = await new Promise(resolve => {
    process.stdin.on("data", () => resolve("released"));
    process.stdin.on("end", () => resolve("released"));
    setTimeout(() => resolve("the longest hold was over"), ${seconds * 1000});
  });
${MONGO_UNLOCK}
  print(unlocked > 0 ? word : "somebody else has unlocked it");
  quit(0);`),
    release: run(`${MONGO_UNLOCK}\n  quit(0);`),
  };
}

export function redis(signIn: SignIn): Recipe {
  return {
    check: `${has('redis-cli', 'valkey-cli')}
password=${passwordOf(signIn, 'REDISCLI_AUTH', 'REDIS_PASSWORD', 'VALKEY_PASSWORD')}
export REDISCLI_AUTH="$password"
cli() { "$(command -v valkey-cli || command -v redis-cli)" ${signIn.user === undefined ? '' : `--user ${quoted(signIn.user)} `}--no-auth-warning "$@" | tr -d '\\r'; }
info() { cli INFO persistence | sed -n "s/^$1://p"; }
# errors are answers like any other, so only a number is believed
last_save() { saved=$(cli LASTSAVE); case $saved in ''|*[!0-9]*) echo "redis does not answer: $saved" >&2; exit 1;; esac; echo "$saved"; }`,
    isPrimary: '[ "$(cli ROLE | head -n 1)" = master ]',
    quiesce: `before=$(last_save) || return 1
until [ "$(info rdb_bgsave_in_progress)" = 0 ]; do sleep 0.1; done
# a dump is told from the last one by the second in which it was done
until [ "$(cli TIME | head -n 1)" -gt "$before" ]; do sleep 0.1; done
answer=$(cli BGSAVE SCHEDULE)
case $answer in Background*) ;; *) echo "redis does not save: $answer" >&2; return 1;; esac
until [ "$(info rdb_bgsave_in_progress)" = 0 ] && { [ "$(info rdb_last_bgsave_status)" != ok ] || [ "$(last_save)" -gt "$before" ]; }; do sleep 0.1; done
[ "$(info rdb_last_bgsave_status)" = ok ]`,
    release: ':',
  };
}

export function cassandra(): Recipe {
  return { check: has('nodetool'), quiesce: 'nodetool flush', release: ':' };
}

export function fileSystem(mountPath: string): Recipe {
  const path = quoted(mountPath);
  return { check: `${has('fsfreeze')}\n[ -d ${path} ] || fail "nothing is mounted there in this container"`, quiesce: `fsfreeze -f ${path}`, release: `fsfreeze -u ${path}`, releasesOwnOnly: true };
}
