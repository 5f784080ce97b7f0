import { Claim, claimsIn } from './claims';
import { listOf, Manifest, ofKind, textOf, titleOf } from './manifest';
import { classTitle, SnapshotClassFacts, snapshotClassesIn } from './snapshot-classes';
import { compareText } from './words';
import { CronSchedule, requireCron } from '../private/cron';
import { requireTimeZone } from '../private/time-zone';
import { CloneConfig, DrillConfig, ENVIRONMENT, InventoryConfig, KEYS, OrphansConfig, RestoreConfig, RunnerConfig } from '../runner/config';
import { parseConfig } from '../runner/parse-config';

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

/** One that restores claims when a person starts it. */
export interface RestoreButton extends RunnerJob {
  readonly restore: RestoreConfig;
}

/** One that restores and looks, again and again. */
export interface Drill extends RunnerJob {
  readonly drill: DrillConfig;
}

/** One that lists what the storage calls each snapshot. */
export interface InventoryJob extends RunnerJob {
  readonly inventory: InventoryConfig;
}

/** One that makes clones in another namespace. */
export interface CloneJob extends RunnerJob {
  readonly clone: CloneConfig;
}

type Job = Schedule | OrphanSearch | RestoreButton | Drill | InventoryJob | CloneJob;

/** One that cannot run as it is. */
export interface BrokenJob extends RunnerJob {
  readonly problem: string;
}

/** A Job that an upgrade waits for. */
export interface Gate {
  /** what it is called in messages */
  readonly title: string;
  readonly namespace: string;
  readonly config: RunnerConfig;
}

/** What starts the runner, by what it does. */
export interface RunnerJobs {
  readonly schedules: readonly Schedule[];
  readonly orphanSearches: readonly OrphanSearch[];
  readonly restores: readonly RestoreButton[];
  readonly drills: readonly Drill[];
  readonly inventories: readonly InventoryJob[];
  readonly clones: readonly CloneJob[];
  readonly broken: readonly BrokenJob[];
}

/** What the files say, as far as snapshots are concerned. */
export interface Model extends RunnerJobs {
  readonly manifests: readonly Manifest[];
  readonly claims: readonly Claim[];
  readonly classes: readonly SnapshotClassFacts[];
}

/** Reads the model out of the objects, in an order that is not that of the files. */
export function modelOf(all: readonly Manifest[]): Model {
  const manifests = inOrder(all);
  const classes = snapshotClassesIn(manifests);
  return { ...jobsIn(manifests, classes), manifests, claims: claimsIn(manifests), classes };
}

/** The CronJobs that start the runner. */
export function jobsIn(manifests: readonly Manifest[], classes: readonly SnapshotClassFacts[]): RunnerJobs {
  const jobs = ofKind(manifests, 'batch', 'CronJob').flatMap(cronJob => readJob(cronJob, classes));
  return {
    schedules: jobs.filter((job): job is Schedule => 'cron' in job),
    orphanSearches: jobs.filter((job): job is OrphanSearch => 'config' in job && !('cron' in job)),
    restores: jobs.filter((job): job is RestoreButton => 'restore' in job),
    drills: jobs.filter((job): job is Drill => 'drill' in job),
    inventories: jobs.filter((job): job is InventoryJob => 'inventory' in job),
    clones: jobs.filter((job): job is CloneJob => 'clone' in job),
    broken: jobs.filter((job): job is BrokenJob => 'problem' in job),
  };
}

/** The Jobs that upgrades wait for; what is broken is passed over. */
export function gatesIn(manifests: readonly Manifest[]): Gate[] {
  return ofKind(manifests, 'batch', 'Job').flatMap(job => {
    const [text, script] = environmentOf(job.spec?.template);
    if (text === undefined) { return []; }
    try {
      const config = parseConfig(textOf(text), textOf(script)) as RunnerConfig;
      return config.gate ? [{ title: titleOf(job), namespace: job.metadata.namespace, config }] : [];
    } catch {
      return [];
    }
  });
}

/** By namespace, name and kind, each object once: the same file may be given twice. */
function inOrder(manifests: readonly Manifest[]): Manifest[] {
  const keyOf = ({ apiVersion, kind, metadata }: Manifest) => [metadata.namespace, metadata.name, kind, apiVersion].join('\n');
  const distinct = new Map(manifests.map(object => [JSON.stringify(object), object]));
  return [...distinct].sort(([a, first], [b, second]) => compareText(keyOf(first), keyOf(second)) || compareText(a, b)).map(([, object]) => object);
}

function readJob(cronJob: Manifest, classes: readonly SnapshotClassFacts[]): (Job | BrokenJob)[] {
  const template = cronJob.spec?.jobTemplate?.spec?.template;
  const [text, script] = environmentOf(template);
  if (text === undefined) { return []; }
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
    return [readConfig(job, textOf(text), textOf(script), classes)];
  } catch (error) {
    return [{ ...job, problem: (error as Error).message }];
  }
}

/** The configuration of the runner in a pod, and its script; the first is undefined if it is another pod. */
function environmentOf(template: any): [config: unknown, script: unknown] {
  const environment = [...listOf(template?.spec?.initContainers), ...listOf(template?.spec?.containers)].flatMap(container => listOf(container.env));
  const valueOf = (variable: string) => environment.find(({ name }) => name === variable)?.value;
  return [environment.some(({ name }) => name === ENVIRONMENT.config) ? valueOf(ENVIRONMENT.config) ?? '' : undefined, valueOf(ENVIRONMENT.quiesceScript)];
}

function readConfig(job: RunnerJob, text: string, script: string, classes: readonly SnapshotClassFacts[]): Job {
  const config = parseConfig(text, script);
  const cron = requireCron(job.title, 'spec.schedule', job.expression);
  requireTimeZone(job.title, 'spec.timeZone', job.timeZone);
  switch ('kind' in config ? config.kind : undefined) {
    case 'Orphans': return { ...job, config: config as OrphansConfig };
    case 'Restore': return { ...job, restore: config as RestoreConfig };
    case 'Drill': return { ...job, drill: config as DrillConfig };
    case 'Inventory': return { ...job, inventory: config as InventoryConfig };
    case 'Clone': return { ...job, clone: config as CloneConfig };
    default: return { ...job, cron, ...ofSchedule(config as RunnerConfig, classes) };
  }
}

function ofSchedule(config: RunnerConfig, classes: readonly SnapshotClassFacts[]): Pick<Schedule, 'config' | 'deletionPolicy' | 'snapshotClass'> {
  const snapshotClass = classes.find(({ title }) => title === classTitle(config));
  return { config, snapshotClass, deletionPolicy: snapshotClass?.deletionPolicy ?? config.deletionPolicy };
}
