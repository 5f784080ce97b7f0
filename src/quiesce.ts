import { Duration } from 'cdk8s';
import * as recipes from './private/quiesce-recipes';
import { quiesceScript, Recipe } from './private/quiesce-scripts';
import {
  KnownKeys, reject, requireDuration, requireEnum, requireInteger, requireKnownKeys, requireLabels, requireList, requireName, requireText,
} from './private/validate';
import { VeleroHold } from './private/velero-hook-scripts';
import { QuiesceConfig, SCRIPT_WORD } from './runner/config';

/**
 * What becomes of a run whose application was not held until the cut.
 */
export enum QuiesceFailure {
  /**
   * It fails. If the application could not be quiesced, no snapshot is taken; one that was cut too late is kept, and is not called consistent.
   */
  FAIL = 'Fail',

  /**
   * The snapshot is taken all the same, is labelled as crash-consistent, and the message of the run says why.
   */
  CRASH_CONSISTENT = 'CrashConsistent',
}

/**
 * On which of several copies of a database it is held; the claims of the others are left out of the run.
 */
export enum QuiesceOn {
  /**
   * On each copy whose claims are snapshotted.
   */
  EVERY_COPY = 'EveryCopy',

  /**
   * On replicas alone; a run that finds none fails.
   */
  REPLICA = 'Replica',

  /**
   * On replicas alone, but on the primary if there is no replica.
   */
  REPLICA_OR_PRIMARY = 'ReplicaOrPrimary',
}

/**
 * Which lock holds MySQL.
 */
export enum MySqlLock {
  /**
   * `FLUSH TABLES WITH READ LOCK`: nobody writes to any table, of whatever engine.
   */
  TABLES = 'Tables',

  /**
   * `LOCK INSTANCE FOR BACKUP`: rows are written on, and nobody creates, changes or drops tables. For InnoDB alone.
   */
  INSTANCE = 'Instance',
}

/**
 * Where an application is quiesced, and for how long.
 */
export interface QuiesceOptions {
  /**
   * The container that has the application's client.
   *
   * @default - the only one of the pod; of several one must be named
   */
  readonly container?: string;

  /**
   * Labels of the pods to quiesce, if they are not those that mount the claims. They are all held while all claims of the schedule are cut.
   *
   * @default - the pods that mount the claims; claims that share a pod are cut in one hold
   */
  readonly podLabels?: { [key: string]: string };

  /**
   * Names of the pods to quiesce, so that the schedule may execute commands in no others; each is held while the claims that it mounts are cut.
   *
   * @default - those of a StatefulSet whose claims are the source, if its replicas are known; else any pod of the namespace
   */
  readonly podNames?: string[];

  /**
   * For how long the application is held at most, from the start of the command; from 5 seconds to 1 hour.
   *
   * @default Duration.seconds(30), or 5 minutes where nobody has to wait meanwhile: PostgreSQL, Redis, Cassandra
   */
  readonly maxHold?: Duration;

  /**
   * How often a run tries to cut while the application is held, from 1 to 5. Each attempt has snapshots of its own.
   *
   * @default 2
   */
  readonly attempts?: number;

  /**
   * What becomes of a run whose application was not held until the cut.
   *
   * @default QuiesceFailure.FAIL
   */
  readonly onFailure?: QuiesceFailure;
}

/**
 * Where a database is quiesced, and who does it. Passwords are read in the container, and are in no manifest, argument or log.
 */
export interface DatabaseQuiesceOptions extends QuiesceOptions {
  /**
   * The user that the client signs in as.
   *
   * @default - the one that the usual images name in the environment, else the superuser: `postgres`, `root`, none for Redis
   */
  readonly user?: string;

  /**
   * The environment variable of the container that has the password; if it is not set, the file that the same name with `_FILE` names.
   *
   * @default - those of the usual images, such as POSTGRES_PASSWORD and MARIADB_ROOT_PASSWORD
   */
  readonly passwordVariable?: string;

  /**
   * A file in the container that has the password.
   *
   * @default - the password is in the environment, or none is needed
   */
  readonly passwordFile?: string;

  /**
   * On which of several copies of the database it is held.
   *
   * @default QuiesceOn.EVERY_COPY
   */
  readonly on?: QuiesceOn;
}

/**
 * How MySQL is quiesced.
 */
export interface MySqlQuiesceOptions extends DatabaseQuiesceOptions {
  /**
   * Which lock holds it.
   *
   * @default MySqlLock.TABLES
   */
  readonly lock?: MySqlLock;
}

/**
 * Shell commands of your own that quiesce an application.
 */
export interface CustomQuiesceOptions extends QuiesceOptions {
  /**
   * Shell commands that make the application stop writing, and return when it has.
   */
  readonly quiesce: string;

  /**
   * Shell commands that make it go on. They run after every attempt, also twice, and by a timer in the container if nobody asks for them.
   */
  readonly release: string;
}

/**
 * One command of your own that holds an application for as long as its input is open.
 */
export interface HeldCommandQuiesceOptions extends QuiesceOptions {
  /**
   * The command with its arguments.
   *
   * It prints the line `quiesced` when the application writes no more, waits for a line or the end of its input,
   * lets go, and prints `released`. It must let go by itself before `maxHold` is over. Any other line is why it failed.
   * `keep NAME BASE64` before `released` stores a text as annotation `cdk8s-volume-snapshots/NAME` of the snapshots; no name that the library uses.
   */
  readonly command: string[];
}

const OPTIONS: KnownKeys<QuiesceOptions> = {
  container: true, podLabels: true, podNames: true, maxHold: true, attempts: true, onFailure: true,
};
const DATABASE_OPTIONS: KnownKeys<DatabaseQuiesceOptions> = { ...OPTIONS, user: true, passwordVariable: true, passwordFile: true, on: true };

const LONGEST_HOLD = Duration.hours(1);
const LOCKED = Duration.seconds(30);
/** Where nobody waits meanwhile, there is time to write to the disk. */
const WRITING = Duration.minutes(5);

/**
 * How the application that writes to a claim is held while the claim is cut.
 *
 * The runner starts one command in the application's container and keeps it: it quiesces,
 * holds until the storage has cut the data, lets go, and says whether it held. If the
 * runner, the network or the node of the runner is gone, the command lets go by the end of
 * its input, or by its own timer. The container needs a shell, `sh`.
 *
 * The label `cdk8s-volume-snapshots/consistency` of a snapshot says what it is: `application`
 * if its application was held from before it was asked for until it was cut, else `crash`.
 *
 * @see https://kubernetes.io/docs/concepts/storage/volume-snapshots/
 * @example
 * import { Duration } from 'cdk8s';
 * import { Quiesce, QuiesceFailure } from 'cdk8s-volume-snapshots';
 *
 * Quiesce.mariaDb({ maxHold: Duration.seconds(10), onFailure: QuiesceFailure.CRASH_CONSISTENT });
 */
export class Quiesce {
  /**
   * PostgreSQL whose data, tablespaces and write-ahead log are on one volume: a checkpoint, so that a restored database recovers fast.
   *
   * A snapshot of one volume is a state that PostgreSQL recovers from by itself, as after a crash; nobody waits.
   *
   * @param options where, and who
   * @throws if an option is not valid
   * @see https://www.postgresql.org/docs/current/backup-file.html
   * @example
   * import { Quiesce } from 'cdk8s-volume-snapshots';
   *
   * Quiesce.postgreSql({ container: 'postgres' });
   */
  public static postgreSql(options: DatabaseQuiesceOptions = {}): Quiesce {
    return database('Quiesce.postgreSql', options, recipes.postgreSql, WRITING);
  }

  /**
   * PostgreSQL on several volumes: backup mode, begun and ended in one session; nobody waits.
   *
   * It needs `archive_mode`: with the archived log the volumes become one state. The backup label is stored as the annotation
   * `cdk8s-volume-snapshots/postgresql-backup-label` of the snapshots, and must be put back on restore.
   *
   * It is for the primary: a standby ends its recovery by what its control file says, which is cut with one of the volumes alone.
   *
   * @param options where, and who; `maxHold` must also be long enough to archive a segment of the log
   * @throws if an option is not valid, or `on` is not that of every copy
   * @see https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
   * @example
   * import { Quiesce } from 'cdk8s-volume-snapshots';
   *
   * Quiesce.postgreSqlBackupMode({ user: 'backup', passwordFile: '/run/secrets/backup/password' });
   */
  public static postgreSqlBackupMode(options: DatabaseQuiesceOptions = {}): Quiesce {
    const origin = 'Quiesce.postgreSqlBackupMode';
    if (options?.on !== undefined && options.on !== QuiesceOn.EVERY_COPY) {
      reject(origin, 'on', {
        problem: 'only of a primary are several volumes one state',
        got: options.on,
        allowed: 'no on',
        fix: 'choose the primary by podNames or podLabels, or keep all on one volume and use Quiesce.postgreSql',
      });
    }
    return database(origin, options, recipes.postgreSqlBackupMode, WRITING);
  }

  /**
   * MariaDB from 10.4: commits, and all writes to tables without transactions, wait while the data is cut (`BACKUP STAGE BLOCK_COMMIT`).
   *
   * It waits for statements that are under way for a third of `maxHold` at most. InnoDB goes on writing pages in the background,
   * so its tablespaces and its redo log must be on one volume; other tables may be on others.
   *
   * @param options where, and who
   * @throws if an option is not valid
   * @see https://mariadb.com/kb/en/backup-stage/
   * @example
   * import { Quiesce } from 'cdk8s-volume-snapshots';
   *
   * Quiesce.mariaDb();
   */
  public static mariaDb(options: DatabaseQuiesceOptions = {}): Quiesce {
    return database('Quiesce.mariaDb', options, recipes.mariaDb, LOCKED);
  }

  /**
   * MySQL: all tables are locked for writing while the data is cut, in one session. InnoDB on one volume recovers by itself and needs none of it.
   *
   * It waits for statements that are under way, and others wait behind it, for a third of `maxHold` at most. InnoDB goes on writing
   * pages in the background, so its tablespaces and its redo log must be on one volume; other tables may be on others.
   *
   * @param options where, who, and which lock
   * @throws if an option is not valid
   * @see https://dev.mysql.com/doc/refman/8.4/en/flush.html#flush-tables-with-read-lock
   * @example
   * import { MySqlLock, Quiesce, QuiesceOn } from 'cdk8s-volume-snapshots';
   *
   * Quiesce.mySql({ lock: MySqlLock.INSTANCE, on: QuiesceOn.REPLICA });
   */
  public static mySql(options: MySqlQuiesceOptions = {}): Quiesce {
    const { lock, ...rest } = options;
    requireEnum('Quiesce.mySql', 'lock', lock, MySqlLock);
    return database('Quiesce.mySql', rest, (seconds, signIn) => recipes.mySql(seconds, signIn, lock ?? MySqlLock.TABLES), LOCKED);
  }

  /**
   * MongoDB whose journal and data are not on one volume: writes wait (`fsyncLock`). On one volume it recovers by itself and needs none of it.
   *
   * The lock outlives the session of who took it; the timer in the container takes it away.
   *
   * @param options where, and who
   * @throws if an option is not valid
   * @see https://www.mongodb.com/docs/manual/reference/method/db.fsyncLock/
   * @example
   * import { Quiesce, QuiesceOn } from 'cdk8s-volume-snapshots';
   *
   * Quiesce.mongoDb({ on: QuiesceOn.REPLICA_OR_PRIMARY });
   */
  public static mongoDb(options: DatabaseQuiesceOptions = {}): Quiesce {
    return database('Quiesce.mongoDb', options, recipes.mongoDb, LOCKED);
  }

  /**
   * Redis and Valkey: a dump is written and waited for, so that the snapshot has one that is whole; nobody waits.
   *
   * @param options where, and who; `maxHold` must be longer than a dump takes
   * @throws if an option is not valid
   * @see https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
   * @example
   * import { Quiesce } from 'cdk8s-volume-snapshots';
   *
   * Quiesce.redis({ passwordVariable: 'REDIS_PASSWORD' });
   */
  public static redis(options: DatabaseQuiesceOptions = {}): Quiesce {
    return database('Quiesce.redis', options, (_, signIn) => recipes.redis(signIn), WRITING);
  }

  /**
   * Cassandra: what is in memory is written to tables (`nodetool flush`), so that a restored node has less to replay; nobody waits.
   *
   * Each node is consistent by itself; a repair after the restore makes them agree.
   *
   * @param options where
   * @throws if an option is not valid
   * @see https://cassandra.apache.org/doc/latest/cassandra/managing/operating/backups.html
   * @example
   * import { Quiesce } from 'cdk8s-volume-snapshots';
   *
   * Quiesce.cassandra();
   */
  public static cassandra(options: QuiesceOptions = {}): Quiesce {
    return scripted('Quiesce.cassandra', options, recipes.cassandra, WRITING);
  }

  /**
   * A file system of whatever application: all writes wait while it is frozen (`fsfreeze`). For volumes whose driver does not freeze by itself.
   *
   * The container must be privileged, and have `fsfreeze`.
   *
   * @param mountPath where the volume is mounted
   * @param options where
   * @throws if the path is not absolute, or an option is not valid
   * @see https://man7.org/linux/man-pages/man8/fsfreeze.8.html
   * @example
   * import { Quiesce } from 'cdk8s-volume-snapshots';
   *
   * Quiesce.fileSystem('/var/lib/data', { container: 'freezer' });
   */
  public static fileSystem(mountPath: string, options: QuiesceOptions = {}): Quiesce {
    requirePath('Quiesce.fileSystem', 'mountPath', mountPath);
    return scripted('Quiesce.fileSystem', options, () => recipes.fileSystem(mountPath), LOCKED);
  }

  /**
   * Shell commands of your own, one that quiesces and one that releases.
   *
   * @param options the commands
   * @throws if a command is empty, or an option is not valid
   * @example
   * import { Quiesce } from 'cdk8s-volume-snapshots';
   *
   * Quiesce.custom({ quiesce: 'wget -qO- --post-data= localhost:8080/pause', release: 'wget -qO- --post-data= localhost:8080/resume' });
   */
  public static custom(options: CustomQuiesceOptions): Quiesce {
    const origin = 'Quiesce.custom';
    requireKnownKeys(origin, options, { ...OPTIONS, quiesce: true, release: true }, 'options');
    const { quiesce, release, ...rest } = options;
    requireCommands(origin, 'quiesce', quiesce);
    requireCommands(origin, 'release', release);
    return scripted(origin, rest, () => ({ quiesce, release }), LOCKED);
  }

  /**
   * One command of your own that holds the application for as long as its input is open, such as a program that keeps a lock in a session.
   *
   * @param options the command
   * @throws if the command is empty, or an option is not valid
   * @example
   * import { Quiesce } from 'cdk8s-volume-snapshots';
   *
   * Quiesce.heldCommand({ command: ['/opt/ledger/hold', '--for', '30s'] });
   */
  public static heldCommand(options: HeldCommandQuiesceOptions): Quiesce {
    const origin = 'Quiesce.heldCommand';
    requireKnownKeys(origin, options, { ...OPTIONS, command: true }, 'options');
    const { command, ...rest } = options;
    requireFilledList(origin, 'command', command, 'write the program with its arguments');
    command.forEach(word => requireFilled(origin, 'command', word, 'words with letters', 'leave the empty word out'));
    return Quiesce._of(configOf(origin, rest, LOCKED, [...command]));
  }

  /**
   * @internal
   */
  public static _of(config: QuiesceConfig, script?: string, keeps = false): Quiesce { return new Quiesce(config, keeps, script); }

  /**
   * The shell script that runs in the container.
   *
   * @internal
   */
  public readonly _script?: string;

  private constructor(private readonly config: QuiesceConfig, private readonly keeps: boolean, script?: string) { this._script = script; }

  /**
   * What the runner is told. `podNames`: those that the source is known to have; `together`: the claims are cut at one moment.
   *
   * @internal
   */
  public _toConfig(podNames: string[] | undefined, together: boolean): QuiesceConfig {
    const { command, podLabels, podNames: named } = this.config;
    return {
      ...this.config,
      podNames: named ?? (podLabels ? undefined : podNames),
      podsMustMount: named ? true : undefined,
      command: together && this._script !== undefined ? [...command, 'together'] : command,
    };
  }

  /**
   * How Velero holds the application between two hooks; an error if it cannot.
   *
   * @internal
   */
  public _toVelero(origin: string): VeleroHold {
    const { container, podLabels, podNames, maxHoldSeconds, onFailure, on } = this.config;
    const refuse = (problem: string, got: unknown, fix: string): never =>
      reject(origin, 'quiesce', { problem, got, allowed: 'a Quiesce that can be held between two hooks', fix });
    if (this._script === undefined) {
      refuse('a hook of Velero has no input, which the command would hold for', 'Quiesce.heldCommand',
        'write Quiesce.custom with one command that quiesces and one that releases, or use a ScheduledSnapshot');
    }
    if (this.keeps) {
      refuse('Velero cannot keep the backup label with its snapshots, and without it what is restored is corrupt', 'Quiesce.postgreSqlBackupMode',
        'use a ScheduledSnapshot, or keep all on one volume and use Quiesce.postgreSql');
    }
    if (on !== undefined) {
      refuse('Velero takes the claims of every copy, so that it would take those of the primary unheld', `on ${on}`,
        'leave on out, or use a ScheduledSnapshot');
    }
    return { script: this._script!, container, podLabels, podNames, maxHoldSeconds, onError: onFailure === QuiesceFailure.FAIL ? 'Fail' : 'Continue' };
  }
}

function database(
  origin: string, options: DatabaseQuiesceOptions, recipe: (seconds: number, signIn: recipes.SignIn) => Recipe, maxHold: Duration,
): Quiesce {
  requireKnownKeys(origin, options, DATABASE_OPTIONS, 'options');
  const { user, passwordVariable, passwordFile, on, ...rest } = options;
  if (user !== undefined) { requireFilled(origin, 'user', user, 'the name of a user', 'leave it out for the usual one'); }
  if (passwordFile !== undefined) { requirePath(origin, 'passwordFile', passwordFile); }
  if (passwordVariable !== undefined && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(passwordVariable)) {
    reject(origin, 'passwordVariable', {
      problem: 'it cannot be the name of an environment variable', got: passwordVariable, allowed: 'letters, digits and _', fix: 'name the variable, without $',
    });
  }
  if (passwordVariable !== undefined && passwordFile !== undefined) {
    reject(origin, 'passwordFile', {
      problem: 'the password is in passwordVariable already', got: passwordFile, allowed: 'one of the two', fix: 'leave one out',
    });
  }
  requireEnum(origin, 'on', on, QuiesceOn);
  const chosen = on === undefined || on === QuiesceOn.EVERY_COPY ? undefined : on;
  if (chosen && options.podLabels) {
    reject(origin, 'on', {
      problem: 'pods with labels are one application, and are all held',
      got: on,
      allowed: 'on or podLabels',
      fix: 'choose the replica by its label, or leave podLabels out',
    });
  }
  return scripted(origin, rest, seconds => recipe(seconds, { user, passwordVariable, passwordFile }), maxHold, chosen);
}

function scripted(origin: string, options: QuiesceOptions, recipe: (seconds: number) => Recipe, usualHold: Duration, on?: QuiesceConfig['on']): Quiesce {
  requireKnownKeys(origin, options, OPTIONS, 'options');
  // what comes after the script is its name, and then its arguments
  const config = configOf(origin, options, usualHold, ['sh', '-c', SCRIPT_WORD, 'quiesce']);
  const steps = recipe(config.maxHoldSeconds);
  return Quiesce._of({ ...config, on }, quiesceScript(config.maxHoldSeconds, steps), steps.keeps);
}

function configOf(origin: string, options: QuiesceOptions, usualHold: Duration, command: string[]): QuiesceConfig {
  const { container, podLabels, podNames, maxHold = usualHold, attempts = 2, onFailure = QuiesceFailure.FAIL } = options;
  requireDuration(origin, 'maxHold', maxHold, Duration.seconds(5), LONGEST_HOLD);
  if (container !== undefined) { requireName(origin, 'container', container); }
  requireLabels(origin, 'podLabels', podLabels ?? {});
  if (podLabels && Object.keys(podLabels).length === 0) {
    reject(origin, 'podLabels', {
      problem: 'no label would choose every pod of the namespace',
      got: podLabels,
      allowed: 'at least one label',
      fix: 'leave it out for the pods that mount the claims',
    });
  }
  if (podNames !== undefined) { requireFilledList(origin, 'podNames', podNames, 'leave it out for the pods that mount the claims'); }
  podNames?.forEach(name => requireName(origin, 'podNames', name));
  if (podLabels && podNames) {
    reject(origin, 'podNames', { problem: 'the pods are chosen by podLabels already', got: podNames, allowed: 'one of the two', fix: 'leave one out' });
  }
  requireInteger(origin, 'attempts', attempts, 1, 5);
  requireEnum(origin, 'onFailure', onFailure, QuiesceFailure);
  return {
    podLabels: podLabels && { ...podLabels },
    podNames: podNames && [...podNames],
    container,
    command,
    attempts,
    maxHoldSeconds: maxHold.toSeconds(),
    onFailure,
  };
}

function requirePath(origin: string, prop: string, path: string): void {
  requireText(origin, prop, path);
  if (!path.startsWith('/')) {
    reject(origin, prop, {
      problem: 'it is no absolute path', got: path, allowed: 'a path that begins with /', fix: 'begin at the root of the container',
    });
  }
}

/** Shell commands; a function without any is no function for a shell. */
function requireCommands(origin: string, prop: string, commands: string): void {
  requireFilled(origin, prop, commands, 'shell commands', 'write : if there is nothing to do');
}

function requireFilled(origin: string, prop: string, text: string, allowed: string, fix: string): void {
  requireText(origin, prop, text);
  if (text.trim() === '') { reject(origin, prop, { problem: 'empty', got: text, allowed, fix }); }
}

function requireFilledList(origin: string, prop: string, list: unknown[], fix: string): void {
  requireList(origin, prop, list ?? null);
  if (list.length === 0) { reject(origin, prop, { problem: 'empty', got: list, allowed: 'at least one', fix }); }
}
