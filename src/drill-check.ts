import { databaseCheck, redisCheck } from './private/drill-scripts';
import { KnownKeys, Origin, reject, requireKnownKeys, requireList, requireOptional, requireText } from './private/validate';
import { RecoveryPreset } from './recovery-preset';

/**
 * What a query of a drill must give.
 */
export interface DrillQueryOptions {
  /**
   * A query that gives one number: a count, a sum, or the age of the newest row in seconds.
   */
  readonly query: string;

  /**
   * The least that it may give.
   *
   * @default - no limit; one of the two must be given
   */
  readonly atLeast?: number;

  /**
   * The most that it may give.
   *
   * @default - no limit; one of the two must be given
   */
  readonly atMost?: number;

  /**
   * The database that is asked.
   *
   * @default - `postgres`, or none for MariaDB and MySQL
   */
  readonly database?: string;

  /**
   * The user who asks. The password is that of the container: POSTGRES_PASSWORD, MARIADB_ROOT_PASSWORD and the like.
   *
   * @default - POSTGRES_USER or `postgres`; `root` for MariaDB and MySQL
   */
  readonly user?: string;
}

/**
 * What a Redis or Valkey must answer.
 */
export interface DrillRedisOptions {
  /**
   * A command whose answer is one whole number.
   *
   * @default 'DBSIZE'
   */
  readonly command?: string;

  /**
   * The least that it may answer.
   *
   * @default 1
   */
  readonly atLeast?: number;

  /**
   * The most that it may answer.
   *
   * @default - no limit
   */
  readonly atMost?: number;
}

/**
 * A check of your own.
 */
export interface DrillCommandOptions {
  /**
   * The command of the check, in the image of the workload's container. Its exit code is the verdict; what it writes to `/dev/termination-log`, else
   * the end of its log, is told.
   */
  readonly command: string[];

  /**
   * Start the workload's container beside the check, kept from acting as production. The check shares its network, and the directory `/drill`.
   *
   * @default - only the check is started, and mounts the restored volumes where the container does
   */
  readonly server?: RecoveryPreset;
}

const QUERY: KnownKeys<DrillQueryOptions> = { query: true, atLeast: true, atMost: true, database: true, user: true };

/**
 * How a drill finds out whether restored data is good: a server is started on it, and asked something.
 *
 * @example
 * import { DrillCheck } from 'cdk8s-volume-snapshots';
 *
 * // a day's orders are in it
 * DrillCheck.postgreSql({ query: "SELECT extract(epoch FROM now() - max(created_at)) FROM orders", atMost: 86_400 });
 */
export class DrillCheck {
  /**
   * PostgreSQL is started, and a query gives what it should.
   *
   * @param options the query, and what it may give
   * @throws if the query is empty, or no limit is given
   * @example
   * import { DrillCheck } from 'cdk8s-volume-snapshots';
   *
   * DrillCheck.postgreSql({ query: 'SELECT count(*) FROM orders', atLeast: 1000 });
   */
  public static postgreSql(options: DrillQueryOptions): DrillCheck {
    requireQuery('DrillCheck.postgreSql', options);
    const server = RecoveryPreset.of([...RecoveryPreset.postgreSql().options, '-c', 'unix_socket_directories=/drill']);
    return new DrillCheck(databaseCheck('PostgreSql', options), server);
  }

  /**
   * MariaDB is started, and a query gives what it should.
   *
   * @param options the query, and what it may give
   * @throws if the query is empty, or no limit is given
   * @example
   * import { DrillCheck } from 'cdk8s-volume-snapshots';
   *
   * DrillCheck.mariaDb({ query: 'SELECT count(*) FROM shop.orders', atLeast: 1000 });
   */
  public static mariaDb(options: DrillQueryOptions): DrillCheck {
    requireQuery('DrillCheck.mariaDb', options);
    return new DrillCheck(databaseCheck('MySql', options), RecoveryPreset.of([...RecoveryPreset.mariaDb().options, '--socket=/drill/mysqld.sock']));
  }

  /**
   * MySQL is started, and a query gives what it should.
   *
   * @param options the query, and what it may give
   * @throws if the query is empty, or no limit is given
   * @example
   * import { DrillCheck } from 'cdk8s-volume-snapshots';
   *
   * DrillCheck.mySql({ query: 'SELECT count(*) FROM shop.orders', atLeast: 1000 });
   */
  public static mySql(options: DrillQueryOptions): DrillCheck {
    requireQuery('DrillCheck.mySql', options);
    return new DrillCheck(databaseCheck('MySql', options), RecoveryPreset.of([...RecoveryPreset.mySql().options, '--socket=/drill/mysqld.sock']));
  }

  /**
   * Redis or Valkey is started, and a command answers what it should.
   *
   * @param options the command, and what it may answer
   * @throws if a limit is no number
   * @example
   * import { DrillCheck } from 'cdk8s-volume-snapshots';
   *
   * DrillCheck.redis({ atLeast: 10_000 });
   */
  public static redis(options: DrillRedisOptions = {}): DrillCheck {
    const origin = 'DrillCheck.redis';
    requireKnownKeys(origin, options, { command: true, atLeast: true, atMost: true }, 'options');
    if (options.command !== undefined) { requireText(origin, 'command', options.command); }
    requireLimits(origin, options);
    const server = RecoveryPreset.of([...RecoveryPreset.redis().options, '--unixsocket', '/drill/redis.sock', '--unixsocketperm', '777']);
    return new DrillCheck(redisCheck({ command: 'DBSIZE', atLeast: 1, ...options }), server);
  }

  /**
   * A command of your own is content.
   *
   * @param options the command, and whether the server is started for it
   * @throws if the command is empty
   * @example
   * import { DrillCheck } from 'cdk8s-volume-snapshots';
   *
   * DrillCheck.command({ command: ['sh', '-c', 'test -s /data/index'] });
   */
  public static command(options: DrillCommandOptions): DrillCheck {
    const origin = 'DrillCheck.command';
    requireKnownKeys(origin, options, { command: true, server: true }, 'options');
    requireList(origin, 'command', options.command);
    if (!options.command?.length) { reject(origin, 'command', { problem: 'nothing would be checked', got: options.command, allowed: 'at least one word', fix: 'name the command' }); }
    options.command.forEach(word => requireText(origin, 'command', word));
    requireOptional(origin, 'server', options.server, 'RecoveryPreset');
    return new DrillCheck([...options.command], options.server);
  }

  private constructor(private readonly words: string[], private readonly preset: RecoveryPreset | undefined) {}

  /**
   * What the check container runs.
   *
   * @internal
   */
  public get _command(): string[] { return this.words; }

  /**
   * How the server beside it is started, if it is.
   *
   * @internal
   */
  public get _server(): RecoveryPreset | undefined { return this.preset; }
}

function requireQuery(origin: Origin, options: DrillQueryOptions): void {
  requireKnownKeys(origin, options, QUERY, 'options');
  requireText(origin, 'query', options.query);
  if (options.query.trim() === '') { reject(origin, 'query', { problem: 'empty', got: options.query, allowed: 'a query that gives one number', fix: 'write one' }); }
  if (options.database !== undefined) { requireText(origin, 'database', options.database); }
  if (options.user !== undefined) { requireText(origin, 'user', options.user); }
  requireLimits(origin, options);
  if (options.atLeast === undefined && options.atMost === undefined) {
    reject(origin, 'atLeast', { problem: 'a check that takes any answer cannot fail', got: undefined, allowed: 'atLeast, atMost or both', fix: 'say what the query must give' });
  }
}

function requireLimits(origin: Origin, { atLeast, atMost }: { readonly atLeast?: number; readonly atMost?: number }): void {
  for (const [prop, value] of Object.entries({ atLeast, atMost })) {
    if (value !== undefined && !(typeof value === 'number' && Number.isFinite(value))) {
      reject(origin, prop, { problem: 'not a number', got: value, allowed: 'a number', fix: 'correct it' });
    }
  }
  if (atLeast !== undefined && atMost !== undefined && atLeast > atMost) {
    reject(origin, 'atMost', { problem: 'less than atLeast', got: atMost, allowed: `${atLeast} or more`, fix: 'raise it' });
  }
}
