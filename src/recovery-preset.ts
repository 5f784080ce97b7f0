import { requireKnownKeys, requireList, requireText } from './private/validate';

/**
 * What is known of the PostgreSQL that is started on restored data.
 */
export interface PostgreSqlRecoveryOptions {
  /**
   * The value of `shared_preload_libraries`, for data that cannot be read without one, such as `timescaledb`.
   *
   * @default - none, which keeps pg_cron and the like from starting
   */
  readonly preloadLibraries?: string;

  /**
   * The value of `restore_command`, for data that was snapshotted in backup mode and needs its log from the archive.
   *
   * @default - none: a standby would replay the archive beyond the moment of the snapshot
   */
  readonly restoreCommand?: string;
}

/**
 * How software that was restored is kept from acting as the production it takes itself for.
 *
 * Each preset is a list of command line options, which are added to the arguments
 * of the container: the official images, and those that hand their arguments on, take them.
 *
 * @example
 * import { RecoveryPreset } from 'cdk8s-volume-snapshots';
 *
 * RecoveryPreset.postgreSql();
 */
export class RecoveryPreset {
  /**
   * PostgreSQL 12 or later: archives nothing, follows no primary, archive or subscription, waits for no standby, and loads no library, such as pg_cron, that starts jobs.
   *
   * It still listens: the pod has no Service, and a NetworkPolicy that lets nobody in.
   *
   * @param options what is known of it
   * @throws if a value is not valid
   * @see https://www.postgresql.org/docs/current/app-postgres.html
   * @example
   * import { RecoveryPreset } from 'cdk8s-volume-snapshots';
   *
   * RecoveryPreset.postgreSql({ preloadLibraries: 'timescaledb' });
   */
  public static postgreSql(options: PostgreSqlRecoveryOptions = {}): RecoveryPreset {
    const origin = 'RecoveryPreset.postgreSql';
    requireKnownKeys(origin, options, { preloadLibraries: true, restoreCommand: true }, 'options');
    if (options.preloadLibraries !== undefined) { requireText(origin, 'preloadLibraries', options.preloadLibraries); }
    if (options.restoreCommand !== undefined) { requireText(origin, 'restoreCommand', options.restoreCommand); }
    const settings = {
      archive_mode: 'off',
      archive_cleanup_command: '',
      max_logical_replication_workers: '0',
      primary_conninfo: '',
      recovery_end_command: '',
      restore_command: options.restoreCommand ?? '',
      shared_preload_libraries: options.preloadLibraries ?? '',
      synchronous_standby_names: '',
    };
    return new RecoveryPreset(Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]));
  }

  /**
   * MariaDB: starts no replication, joins no Galera cluster, and runs no events.
   *
   * @see https://mariadb.com/kb/en/mariadbd-options/
   * @example
   * import { RecoveryPreset } from 'cdk8s-volume-snapshots';
   *
   * RecoveryPreset.mariaDb();
   */
  public static mariaDb(): RecoveryPreset { return new RecoveryPreset(['--skip-slave-start', '--event-scheduler=DISABLED', '--loose-wsrep-on=OFF']); }

  /**
   * MySQL 8.0.26 or later: starts no replication, joins no group, reads no persisted settings, and runs no events.
   *
   * @see https://dev.mysql.com/doc/refman/8.4/en/replication-options-replica.html
   * @example
   * import { RecoveryPreset } from 'cdk8s-volume-snapshots';
   *
   * RecoveryPreset.mySql();
   */
  public static mySql(): RecoveryPreset {
    return new RecoveryPreset([
      '--skip-replica-start', '--event-scheduler=DISABLED', '--loose-group-replication-start-on-boot=OFF', '--persisted-globals-load=OFF',
    ]);
  }

  /**
   * Redis 6.2 or later and Valkey: follow no primary, and are no part of a cluster.
   *
   * @see https://redis.io/docs/latest/operate/oss_and_stack/management/replication/
   * @example
   * import { RecoveryPreset } from 'cdk8s-volume-snapshots';
   *
   * RecoveryPreset.redis();
   */
  public static redis(): RecoveryPreset { return new RecoveryPreset(['--replicaof', 'no', 'one', '--cluster-enabled', 'no']); }

  /**
   * Options of other software.
   *
   * @param options words that are added to the arguments of the container; none, if it reaches out to nobody
   * @throws if it is no list of words
   * @example
   * import { RecoveryPreset } from 'cdk8s-volume-snapshots';
   *
   * RecoveryPreset.of(['--read-only']);
   */
  public static of(options: string[]): RecoveryPreset {
    requireList('RecoveryPreset.of', 'options', options);
    options.forEach(option => requireText('RecoveryPreset.of', 'options', option));
    return new RecoveryPreset([...options]);
  }

  /**
   * Words that are added to the arguments of the container.
   */
  public readonly options: string[];

  private constructor(options: string[]) { this.options = options; }
}
