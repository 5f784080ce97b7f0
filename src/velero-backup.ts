import { ApiObjectMetadata } from 'cdk8s';
import { Construct } from 'constructs';
import { registerChartChecks } from './private/chart-checks';
import { KnownKeys } from './private/validate';
import { defineVeleroObject, requireVeleroMetadata, requireVeleroProps, veleroMetadata } from './private/velero';
import { BACKUP_OPTIONS, backupMetadata, choiceOf, renderBackupSpec, requireBackupOptions } from './private/velero-backup-spec';
import { NamespaceChoice } from './private/velero-namespaces';
import { VeleroBackupOptions } from './velero-backup-options';

/**
 * What is backed up, once.
 */
export interface VeleroBackupProps extends VeleroBackupOptions {
  /**
   * Name, labels and annotations; the name has at most 63 characters.
   *
   * @default - a name made of the construct's path, in the namespace `velero`, whatever that of the chart
   */
  readonly metadata?: ApiObjectMetadata;
}

const PROPS: KnownKeys<VeleroBackupProps> = { ...BACKUP_OPTIONS, metadata: true };

/**
 * A Backup: Velero takes it as soon as it is applied, once, and deletes it with its object when its time is over.
 *
 * A GitOps tool that finds it missing then applies it again, and a new backup is taken. For what is
 * taken again and again, use a `VeleroSchedule`.
 *
 * @see https://velero.io/docs/v1.18/api-types/backup/
 * @example
 * import { App, Chart, Duration } from 'cdk8s';
 * import { VeleroBackup, VeleroVolumes } from 'cdk8s-volume-snapshots';
 *
 * const chart = new Chart(new App(), 'shop', { namespace: 'shop' });
 * new VeleroBackup(chart, 'BeforeMove', {
 *   metadata: { name: 'shop-before-move' },
 *   includedNamespaces: ['shop'],
 *   volumes: VeleroVolumes.moved(),
 *   timeToLive: Duration.days(90),
 * });
 */
export class VeleroBackup extends Construct {
  /**
   * Name of the Backup.
   */
  public readonly name: string;

  /**
   * Its namespace, which is that of Velero.
   */
  public readonly namespace: string;

  /**
   * Its namespaces, for what is restored of it.
   *
   * @internal
   */
  public readonly _choice: NamespaceChoice;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct; a new id is a new backup
   * @param props what is backed up
   * @throws if a prop is not valid, or two of them contradict each other
   */
  constructor(scope: Construct, id: string, props: VeleroBackupProps = {}) {
    super(scope, id);
    requireVeleroProps(this, props, PROPS);
    requireVeleroMetadata(this, props.metadata);
    this.namespace = veleroMetadata(props.metadata).namespace;
    requireBackupOptions(this, props, this.namespace);
    this._choice = choiceOf(props);
    const object = defineVeleroObject(this, 'Backup', backupMetadata(props), renderBackupSpec(props));
    this.name = object.name;
    registerChartChecks(this);
  }
}
