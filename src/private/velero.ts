import { ApiObject, ApiObjectMetadata, Duration } from 'cdk8s';
import { Construct } from 'constructs';
import { definedMetadata, requireMetadata } from './api';
import { KnownKeys, Origin, reject, requireDuration, requireKnownKeys, requireLabels, requireList, requireText } from './validate';

export const VELERO_API_GROUP = 'velero.io';
export const VELERO_API_VERSION = `${VELERO_API_GROUP}/v1`;
/** Where Velero is installed unless told otherwise. */
export const VELERO_NAMESPACE = 'velero';

/**
 * By this label on a class, whatever its value, Velero chooses among the classes of a driver.
 *
 * @see https://velero.io/docs/v1.18/csi/
 */
export const VELERO_CLASS_LABEL = 'velero.io/csi-volumesnapshot-class';

/** Velero looks for its objects in its own namespace, and for no others, whatever chart they are in. */
export function veleroMetadata(metadata: ApiObjectMetadata | undefined): ApiObjectMetadata & { readonly namespace: string } {
  const defined = definedMetadata(metadata);
  return { ...defined, namespace: defined.namespace ?? VELERO_NAMESPACE };
}

/** Defines an object of Velero as the one that its construct stands for. */
export function defineVeleroObject(construct: Construct, kind: string, metadata: ApiObjectMetadata | undefined, spec: object): ApiObject {
  return new ApiObject(construct, 'Resource', { apiVersion: VELERO_API_VERSION, kind, metadata: veleroMetadata(metadata), spec });
}

/** Names become values of labels on what Velero makes, which are shorter than names of objects. */
export function requireVeleroMetadata(scope: Construct, metadata: ApiObjectMetadata | undefined): void {
  requireMetadata(scope, metadata, 63);
}

/** As Go writes it, which Velero reads. */
export function goDuration(duration: Duration): string {
  const seconds = duration.toSeconds();
  const parts: [number, string][] = [[Math.floor(seconds / 3600), 'h'], [Math.floor(seconds / 60) % 60, 'm'], [seconds % 60, 's']];
  return parts.filter(([count]) => count > 0).map(part => part.join('')).join('') || '0s';
}

const LONGEST = Duration.days(36_500);

/** Zero would mean Velero's own default. */
export function requireVeleroDuration(origin: Origin, prop: string, value: Duration | undefined): void {
  if (value !== undefined) { requireDuration(origin, prop, value, Duration.seconds(1), LONGEST); }
}

/** What is left out and what is not, if the two lists do not contradict each other. `*` is all; `noneAllowed`: all may be left out. */
export function requireIncludes(
  origin: Origin, what: string, included: string[] | undefined, excluded: string[] | undefined, noneAllowed = false,
): void {
  const [includes, excludes] = [`included${what}`, `excluded${what}`];
  const items = what === 'Namespaces' ? NAMESPACES : KINDS;
  requireItems(origin, includes, included, items);
  requireItems(origin, excludes, excluded, items);
  if (included && included.length > 1 && included.includes('*')) {
    reject(origin, includes, { problem: '* is all already', got: included, allowed: '* or names', fix: 'leave out one of the two' });
  }
  if (excluded?.includes('*') && !(noneAllowed && excluded.length === 1 && included === undefined)) {
    reject(origin, excludes, { problem: 'nothing would be left', got: excluded, allowed: 'names', fix: 'name what is left out' });
  }
  const both = excluded?.find(item => included?.includes(item));
  if (both !== undefined) {
    reject(origin, excludes, { problem: `it is in ${includes} too`, got: both, allowed: 'one of the two', fix: 'leave it out of one of the lists' });
  }
}

/** What may be in a list; Velero finds out itself only when a backup runs. */
interface Item {
  readonly form: RegExp;
  readonly allowed: string;
  readonly fix: string;
}

/** As `kubectl api-resources` calls them. */
const KINDS: Item = {
  form: /^(\*|[a-z0-9-]+(\.[a-z0-9-]+)*)$/, allowed: 'lower-case names such as deployments.apps, or *', fix: 'write it as kubectl does, and several as several',
};

/** Names, or patterns as Velero 1.18 knows them. */
const NAMESPACES: Item = {
  form: /^(?!.*\*\*)([a-z0-9*?-]|\[[a-z0-9-]+\])+$/, allowed: 'lower-case names, or patterns of *, ? and [abc]', fix: 'write several as several',
};

export function requireItems(origin: Origin, prop: string, list: string[] | undefined, { allowed, fix, form } = KINDS): void {
  requireList(origin, prop, list);
  if (list?.length === 0) {
    reject(origin, prop, { problem: 'empty', got: list, allowed: 'at least one', fix: 'leave it out, or write * for all' });
  }
  for (const item of list ?? []) {
    requireText(origin, prop, item);
    if (!form.test(item)) { reject(origin, prop, { problem: 'not a name', got: item, allowed, fix }); }
  }
}

/** Objects that have all labels of one of these. */
export function requireSelectors(origin: Origin, prop: string, selectors: { [key: string]: string }[] | undefined): void {
  requireList(origin, prop, selectors);
  if (selectors?.length === 0) { reject(origin, prop, { problem: 'empty', got: selectors, allowed: 'at least one', fix: 'leave it out for all objects' }); }
  for (const labels of selectors ?? []) {
    if (labels === null) { reject(origin, prop, { problem: 'not a map', got: labels, allowed: 'an object of keys and values', fix: "write { key: 'value' }" }); }
    requireLabels(origin, prop, labels);
    if (Object.keys(labels).length === 0) {
      reject(origin, prop, { problem: 'no label chooses everything', got: labels, allowed: 'at least one label', fix: 'leave it out for all objects' });
    }
  }
}

/** One selector has another field than several. */
export function renderSelectors(selectors: { [key: string]: string }[] | undefined): object {
  const [first, ...others] = (selectors ?? []).map(labels => ({ matchLabels: { ...labels } }));
  return others.length === 0 ? { labelSelector: first } : { orLabelSelectors: [first, ...others] };
}

/** Refuses what is in another namespace than Velero's, if that is known. */
export function requireSameNamespace(origin: Origin, prop: string, theirs: string | undefined, ours: string): void {
  if (theirs !== undefined && theirs !== ours) {
    reject(origin, prop, { problem: 'it is in another namespace, where Velero does not look for it', got: theirs, allowed: ours, fix: 'give both the namespace of Velero' });
  }
}

/** Fields of Velero's objects that have another name here. */
const FIELDS: { readonly [field: string]: string } = {
  ttl: 'timeToLive',
  template: 'what is in it beside the schedule',
  snapshotMoveData: 'volumes: VeleroVolumes.moved()',
  snapshotVolumes: 'volumes: VeleroVolumes.snapshots() or VeleroVolumes.none()',
  defaultVolumesToFsBackup: 'volumes: VeleroVolumes.fileSystem()',
  datamover: "volumes: VeleroVolumes.moved({ dataMover: '...' })",
  uploaderConfig: 'volumes with its options, or parallelFilesDownload of a restore',
  resourcePolicy: 'volumePolicy',
  useOwnerReferencesInBackup: 'useOwnerReferences',
  backupName: "source: VeleroRestoreSource.fromBackupName('...')",
  scheduleName: "source: VeleroRestoreSource.newestOfScheduleName('...')",
  restorePVs: 'restoreVolumes',
  existingResourcePolicy: 'existingResources',
  restoreStatus: 'restoreStatusOf',
};

/** As `requireKnownKeys`, and refuses what would be meant for Velero, and be passed over. */
export function requireVeleroProps<T extends object>(origin: Construct, props: T, known: KnownKeys<T>): void {
  requireKnownKeys(origin, props, known);
  const [field, value] = Object.entries(props).find(([key, given]) => given !== undefined && Object.hasOwn(FIELDS, key)) ?? [];
  if (field !== undefined) {
    reject(origin, field, { problem: 'a field of Velero, and no prop', got: value, allowed: Object.keys(known).join(', '), fix: `write ${FIELDS[field]}` });
  }
}

/** A list that is not there renders as nothing, and is copied so that nobody changes it later. */
export const copied = <T>(list: readonly T[] | undefined): T[] | undefined => list && [...list];
