import { Claim, claimsIn } from './claims';
import { listOf, Manifest, ofKind, textOf, titleOf } from './manifests';
import { SnapshotClassFacts, snapshotClassesIn } from './snapshot-classes';
import { compareText } from './words';
import { CronSchedule, requireCron } from '../private/cron';
import { requireTimeZone } from '../private/time-zone';
import { ENVIRONMENT, KEYS, OrphansConfig, parseConfig, RunnerConfig } from '../runner/config';

/** A CronJob that starts the runner. */
export interface RunnerJob {
  /** what it is called in messages */
  readonly title: string;
  readonly namespace: string;
  readonly name: string;
  readonly expression: string;
  readonly timeZone: string;
  readonly suspended: boolean;
  readonly serviceAccount: string;
  /** the ConfigMaps that its pod mounts */
  readonly configMaps: string[];
  /** the runner that it was synthesized with */
  readonly checksum: string;
}

/** One that takes snapshots. */
export interface Schedule extends RunnerJob {
  readonly cron: CronSchedule;
  readonly config: RunnerConfig;
  /** its class, if it names one that is among the files */
  readonly snapshotClass?: SnapshotClassFacts;
  /** what the class says, else what it said when the schedule was synthesized */
  readonly deletionPolicy?: string;
}

/** One that looks for orphans. */
export interface OrphanSearch extends RunnerJob {
  readonly config: OrphansConfig;
}

/** One that cannot run as it is. */
export interface BrokenJob extends RunnerJob {
  readonly problem: string;
}

/** What the files say, as far as snapshots are concerned. */
export interface Model {
  readonly manifests: readonly Manifest[];
  readonly schedules: readonly Schedule[];
  readonly orphanSearches: readonly OrphanSearch[];
  readonly broken: readonly BrokenJob[];
  readonly claims: readonly Claim[];
  readonly classes: readonly SnapshotClassFacts[];
}

/** Reads the model out of the objects, in an order that is not that of the files. */
export function modelOf(all: readonly Manifest[]): Model {
  const manifests = inOrder(all);
  const classes = snapshotClassesIn(manifests);
  const jobs = ofKind(manifests, 'batch', 'CronJob').flatMap(cronJob => readJob(cronJob, classes));
  return {
    manifests,
    schedules: jobs.filter((job): job is Schedule => 'cron' in job),
    orphanSearches: jobs.filter((job): job is OrphanSearch => 'config' in job && !('cron' in job)),
    broken: jobs.filter((job): job is BrokenJob => 'problem' in job),
    claims: claimsIn(manifests),
    classes,
  };
}

/** By namespace, name and kind, each object once: the same file may be given twice. */
function inOrder(manifests: readonly Manifest[]): Manifest[] {
  const keyOf = ({ apiVersion, kind, metadata }: Manifest) => [metadata.namespace, metadata.name, kind, apiVersion].join('\n');
  const distinct = new Map(manifests.map(object => [JSON.stringify(object), object]));
  return [...distinct].sort(([a, first], [b, second]) => compareText(keyOf(first), keyOf(second)) || compareText(a, b)).map(([, object]) => object);
}

function readJob(cronJob: Manifest, classes: readonly SnapshotClassFacts[]): (Schedule | OrphanSearch | BrokenJob)[] {
  const template = cronJob.spec?.jobTemplate?.spec?.template;
  const environment = listOf(template?.spec?.containers).flatMap(container => listOf(container.env));
  const variable = environment.find(({ name }) => name === ENVIRONMENT.config);
  if (variable === undefined) { return []; }
  const job: RunnerJob = {
    title: titleOf(cronJob),
    namespace: cronJob.metadata.namespace,
    name: cronJob.metadata.name,
    expression: textOf(cronJob.spec.schedule),
    timeZone: textOf(cronJob.spec.timeZone) || 'Etc/UTC',
    suspended: cronJob.spec.suspend === true,
    serviceAccount: textOf(template.spec.serviceAccountName) || 'default',
    configMaps: listOf(template.spec.volumes).map(volume => textOf(volume.configMap?.name)).filter(name => name !== ''),
    checksum: textOf(template.metadata?.annotations?.[KEYS.checksum]),
  };
  try {
    return [readConfig(job, textOf(variable.value), classes)];
  } catch (error) {
    return [{ ...job, problem: (error as Error).message }];
  }
}

function readConfig(job: RunnerJob, text: string, classes: readonly SnapshotClassFacts[]): Schedule | OrphanSearch {
  const config = parseConfig(text);
  const cron = requireCron(job.title, 'spec.schedule', job.expression);
  requireTimeZone(job.title, 'spec.timeZone', job.timeZone);
  if ('kind' in config) { return { ...job, config }; }
  const snapshotClass = classes.find(({ name }) => name === config.snapshotClassName);
  return { ...job, cron, config, snapshotClass, deletionPolicy: snapshotClass?.deletionPolicy ?? config.deletionPolicy };
}
