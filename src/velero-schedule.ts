import { ApiObjectMetadata, Cron, Duration } from 'cdk8s';
import { Construct } from 'constructs';
import { registerChartChecks } from './private/chart-checks';
import { CronSchedule, requireCron } from './private/cron';
import { longestInterval } from './private/pauses';
import { requireTimeZone } from './private/time-zone';
import { KnownKeys, reject, requireBoolean, requireKind, requireLabels } from './private/validate';
import { defineVeleroObject, requireVeleroMetadata, requireVeleroProps, veleroMetadata } from './private/velero';
import { BACKUP_OPTIONS, backupMetadata, choiceOf, renderBackupSpec, requireBackupOptions } from './private/velero-backup-spec';
import { NamespaceChoice } from './private/velero-namespaces';
import { VeleroBackupOptions } from './velero-backup-options';

/**
 * What is backed up, and when.
 */
export interface VeleroScheduleProps extends VeleroBackupOptions {
  /**
   * Name, labels and annotations; the name has at most 63 characters. Annotations go to each backup too.
   *
   * @default - a name made of the construct's path, in the namespace `velero`, whatever that of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * When backups are taken.
   */
  readonly schedule: Cron;

  /**
   * The time zone of `schedule`, as the IANA database calls it.
   *
   * @default 'Etc/UTC'
   */
  readonly timeZone?: string;

  /**
   * Labels of the backups. Those of the schedule do not go to them, so that no GitOps tool takes a backup for one of its own objects.
   *
   * @default - the name of the schedule alone, as `velero.io/schedule-name`
   */
  readonly backupLabels?: { [key: string]: string };

  /**
   * Whether no backups are taken for the time being.
   *
   * @default false
   */
  readonly paused?: boolean;

  /**
   * Whether a run that is due is left out when the schedule is new or no longer paused.
   *
   * @default true
   */
  readonly skipImmediately?: boolean;

  /**
   * Whether the objects of its backups go when the schedule is deleted. The data stays, and Velero finds the backups in it again.
   *
   * @default false
   */
  readonly useOwnerReferences?: boolean;
}

const PROPS: KnownKeys<VeleroScheduleProps> = {
  ...BACKUP_OPTIONS,
  metadata: true,
  schedule: true,
  timeZone: true,
  backupLabels: true,
  paused: true,
  skipImmediately: true,
  useOwnerReferences: true,
};

/**
 * A Schedule: Velero takes backups again and again, and deletes each when its time is over.
 *
 * @see https://velero.io/docs/v1.18/api-types/schedule/
 * @example
 * import { App, Chart, Cron, Duration } from 'cdk8s';
 * import { Quiesce, VeleroHook, VeleroSchedule, VeleroVolumes } from 'cdk8s-volume-snapshots';
 *
 * const chart = new Chart(new App(), 'shop', { namespace: 'shop' });
 * new VeleroSchedule(chart, 'OffSite', {
 *   schedule: Cron.schedule({ hour: '4', minute: '30' }),
 *   timeZone: 'Europe/Berlin',
 *   includedNamespaces: ['shop'],
 *   volumes: VeleroVolumes.moved(),
 *   hooks: [VeleroHook.fromQuiesce(Quiesce.mariaDb(), { podLabels: { app: 'mariadb' } })],
 *   timeToLive: Duration.days(30),
 * });
 */
export class VeleroSchedule extends Construct {
  /**
   * Name of the Schedule, with which the names of its backups begin.
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
   * @param id the id of the construct; a new id is a new schedule
   * @param props what is backed up, and when
   * @throws if a prop is not valid, or two of them contradict each other
   */
  constructor(scope: Construct, id: string, props: VeleroScheduleProps) {
    super(scope, id);
    requireVeleroProps(this, props, PROPS);
    requireVeleroMetadata(this, props.metadata);
    requireKind(this, 'schedule', props.schedule, 'Cron');
    const cron = requireCron(this, 'schedule', props.schedule.expressionString);
    const timeZone = props.timeZone ?? 'Etc/UTC';
    requireTimeZone(this, 'timeZone', timeZone);
    requireLabels(this, 'backupLabels', props.backupLabels ?? {});
    requireBoolean(this, 'paused', props.paused);
    requireBoolean(this, 'skipImmediately', props.skipImmediately);
    requireBoolean(this, 'useOwnerReferences', props.useOwnerReferences);
    this.namespace = veleroMetadata(props.metadata).namespace;
    requireBackupOptions(this, props, this.namespace);
    if (props.timeToLive) { requireOutlasts(this, props.timeToLive, cron); }
    this._choice = choiceOf(props);

    const object = defineVeleroObject(this, 'Schedule', backupMetadata(props), {
      // Velero has no field for it; the pod may have any zone
      schedule: `CRON_TZ=${timeZone} ${props.schedule.expressionString}`,
      paused: props.paused ?? false,
      skipImmediately: props.skipImmediately ?? true,
      useOwnerReferencesInBackup: props.useOwnerReferences ?? false,
      // labels that are there, be it none, are taken in place of the schedule's own
      template: { metadata: { labels: { ...props.backupLabels } }, ...renderBackupSpec(props) },
    });
    this.name = object.name;
    registerChartChecks(this);
  }
}

/** Velero keeps no last good backup. */
function requireOutlasts(origin: Construct, timeToLive: Duration, cron: CronSchedule): void {
  const longest = longestInterval(cron);
  if (timeToLive.toSeconds() < longest) {
    reject(origin, 'timeToLive', {
      problem: 'each backup would be gone before the next is taken, and there would be none in between',
      got: timeToLive,
      allowed: `at least the longest time between two runs, ${Duration.seconds(longest).toHumanString()}`,
      fix: 'keep them longer, or take them more often',
    });
  }
}
