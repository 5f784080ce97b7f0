import { Answer, ask, Cluster } from './kubectl';
import { isMap, listOf, manifestsIn } from '../../model/manifest';
import { jobsIn, RunnerJobs } from '../../model/model';
import { parseYaml } from '../../private/yaml';
import { KEYS } from '../../runner/config';
import { InputError, readText } from '../manifests';

/** What is looked at: the names of the kinds that this command knows. */
export type Looked = 'snapshots' | 'cronJobs' | 'claims' | 'pods' | 'groups';

interface Kind {
  readonly kind: string;
  readonly resource: string;
  readonly selector?: string;
  /** what nobody knows without it */
  readonly tells: string;
}

export const KINDS: { readonly [looked in Looked]: Kind } = {
  snapshots: { kind: 'VolumeSnapshot', resource: 'volumesnapshots.snapshot.storage.k8s.io', tells: 'which snapshots there are' },
  cronJobs: { kind: 'CronJob', resource: 'cronjobs.batch', tells: 'which schedules there are, and whether their runs succeed' },
  claims: { kind: 'PersistentVolumeClaim', resource: 'persistentvolumeclaims', tells: 'which claims are there, and what is being restored' },
  pods: { kind: 'Pod', resource: 'pods', selector: KEYS.schedule, tells: 'what the runs say' },
  groups: { kind: 'VolumeGroupSnapshot', resource: 'volumegroupsnapshots.groupsnapshot.storage.k8s.io', tells: 'what is held, or fails, as a group' },
};

/** What was found, as the API server tells it. */
export interface Observed {
  readonly found: { readonly [looked in Looked]: readonly any[] };
  /** what could not be looked at, and why */
  readonly unseen: readonly Unseen[];
  /** the cluster has no VolumeSnapshot API */
  readonly noSnapshotApi: boolean;
}

export interface Unseen {
  readonly looked: Looked;
  readonly why: string;
}

const NOTHING: Observed['found'] = { snapshots: [], cronJobs: [], claims: [], pods: [], groups: [] };

/** Asks a cluster: first for one kind, so that people sign in once, then for the rest together. */
export async function observe(cluster: Cluster, patience?: number): Promise<Observed> {
  const look = (looked: Looked) => ask(cluster, KINDS[looked].resource, KINDS[looked].selector, patience);
  const snapshots = await look('snapshots');
  if (snapshots.kind === 'failed') { throw new InputError(`${cluster.program} failed: ${snapshots.words}; see whether ${cluster.program} get pods works, with the same options`); }
  const [cronJobs, claims, pods] = await Promise.all((['cronJobs', 'claims', 'pods'] as const).map(look));
  // most clusters know no groups
  const inGroups = itemsOf(snapshots).some(({ metadata }) => metadata.labels?.[KEYS.group] !== undefined)
    || runnerJobsIn(itemsOf(cronJobs)).schedules.some(({ config }) => config.group !== undefined);
  const groups: Answer = inGroups ? await look('groups') : { kind: 'list', items: [] };
  const answers = { snapshots, cronJobs, claims, pods, groups };
  const all = Object.keys(KINDS) as Looked[];
  const unseen = all.flatMap(looked => whyUnseen(looked, answers[looked], cluster));
  if ((['snapshots', 'cronJobs', 'claims', 'pods'] as const).every(looked => unseen.some(each => each.looked === looked))) {
    throw new InputError(`nothing could be seen: ${unseen[0].why}`);
  }
  return {
    found: { snapshots: itemsOf(snapshots), cronJobs: itemsOf(cronJobs), claims: itemsOf(claims), pods: itemsOf(pods), groups: itemsOf(groups) },
    unseen,
    noSnapshotApi: snapshots.kind === 'absent',
  };
}

/** The CronJobs of ours, as their manifests say. */
export function runnerJobsIn(cronJobs: readonly any[]): RunnerJobs {
  return jobsIn(cronJobs.map(object => ({ kind: KINDS.cronJobs.kind, apiVersion: 'batch/v1', ...object })).flatMap(manifestsIn), []);
}

const itemsOf = (answer: Answer): any[] => (answer.kind === 'list' ? answer.items : []);

function whyUnseen(looked: Looked, answer: Answer, { allNamespaces, namespace, program }: Cluster): Unseen[] {
  const { resource } = KINDS[looked];
  switch (answer.kind) {
    case 'list':
    case 'absent': return [];
    case 'forbidden': {
      const where = allNamespaces ? 'in all namespaces' : namespace === undefined ? 'in the namespace of the context' : `in namespace '${namespace}'`;
      const remedy = allNamespaces ? 'name a namespace by -n, or ask for that right' : 'ask for it; a grantView of SnapshotRbac gives those to snapshots, CronJobs and pods';
      return [{ looked, why: `the right to list ${resource} ${where} is missing (${answer.words}); ${remedy}` }];
    }
    case 'failed': return [{ looked, why: `${program} failed: ${answer.words}; try again` }];
  }
}

const STANDARD_INPUT = { file: '-', title: 'standard input', descriptor: 0 };

/** Reads what kubectl has printed. A kind of which there is nothing may not have been asked for. */
export function observeFiles(files: readonly string[]): Observed {
  const { descriptor, title } = STANDARD_INPUT;
  const objects = eachOnce(files.flatMap(file => (file === STANDARD_INPUT.file
    ? objectsOf(title, readText(title, descriptor))
    : objectsOf(file, readText(file)))));
  const ofKinds = Object.entries(KINDS).map(([looked, { kind }]) => [looked, objects.filter(object => object.kind === kind)]);
  const found: Observed['found'] = { ...NOTHING, ...Object.fromEntries(ofKinds) };
  const unseen = (Object.keys(KINDS) as Looked[]).filter(looked => found[looked].length === 0 && looked !== 'groups')
    .map(looked => ({ looked, why: `no ${KINDS[looked].kind} is among the files; if there are some, print them too: kubectl get ${KINDS[looked].resource} -o json` }));
  return { found: { ...found, pods: found.pods.filter(isOfRun) }, unseen, noSnapshotApi: false };
}

/** One that is in two lists may have changed between them: the later one is taken. */
function eachOnce(objects: readonly any[]): any[] {
  return [...new Map(objects.map(object => [identityOf(object), object])).values()];
}

const identityOf = ({ kind, metadata: { name, namespace, uid } }: any) => uid ?? JSON.stringify([kind, namespace, name]);

const isOfRun = ({ metadata }: any) => metadata.labels?.[KEYS.schedule] !== undefined;

function objectsOf(file: string, text: string): any[] {
  const parsed = parse(file, text).flatMap(value => (isMap(value) && Array.isArray(value.items) ? listOf(value.items) : [value]));
  return parsed.filter(value => isMap(value) && isMap(value.metadata));
}

function parse(file: string, text: string): unknown[] {
  try {
    return [JSON.parse(text)];
  } catch {
    // YAML, or several documents
  }
  try {
    return parseYaml(text);
  } catch (error) {
    throw new InputError(`${file}: is neither JSON nor YAML (${(error as Error).message}); let kubectl get -o json write it`);
  }
}
