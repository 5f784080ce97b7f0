import { ApiObjectMetadata } from 'cdk8s';
import { Construct } from 'constructs';
import { definedMetadata, literalMetadata } from './api';
import { KnownKeys, reject, requireKeys, requireKind, requireList, requireOptional, requireText } from './validate';
import {
  copied, goDuration, renderSelectors, requireIncludes, requireSameNamespace, requireSelectors, requireVeleroDuration, VELERO_CLASS_LABEL,
} from './velero';
import { NamespaceChoice, requireChosen } from './velero-namespaces';
import { ISnapshotClass } from '../snapshot-class';
import { VeleroBackupOptions } from '../velero-backup-options';
import { VeleroAccessMode } from '../velero-storage-location';
import { IVeleroVolumePolicy, VeleroVolumePolicy } from '../velero-volume-policy';
import { VeleroVolumes } from '../velero-volumes';

export const BACKUP_OPTIONS: KnownKeys<VeleroBackupOptions> = {
  includedNamespaces: true,
  excludedNamespaces: true,
  includedNamespaceScopedResources: true,
  excludedNamespaceScopedResources: true,
  includedClusterScopedResources: true,
  excludedClusterScopedResources: true,
  labelSelectors: true,
  timeToLive: true,
  storageLocation: true,
  volumes: true,
  volumePolicy: true,
  snapshotClasses: true,
  hooks: true,
  orderedResources: true,
  csiSnapshotTimeout: true,
  itemOperationTimeout: true,
  volumeGroupLabelKey: true,
};

/** Checks what a user wrote, before anything is built from it. `namespace`: that of the backup. */
export function requireBackupOptions(origin: Construct, options: VeleroBackupOptions, namespace: string): void {
  requireIncludes(origin, 'Namespaces', options.includedNamespaces, options.excludedNamespaces);
  requireIncludes(origin, 'NamespaceScopedResources', options.includedNamespaceScopedResources, options.excludedNamespaceScopedResources, true);
  requireIncludes(origin, 'ClusterScopedResources', options.includedClusterScopedResources, options.excludedClusterScopedResources, true);
  requireSelectors(origin, 'labelSelectors', options.labelSelectors);
  requireVeleroDuration(origin, 'timeToLive', options.timeToLive);
  requireVeleroDuration(origin, 'csiSnapshotTimeout', options.csiSnapshotTimeout);
  requireVeleroDuration(origin, 'itemOperationTimeout', options.itemOperationTimeout);
  requireOptional(origin, 'volumes', options.volumes, 'VeleroVolumes');
  requireOptional(origin, 'storageLocation', options.storageLocation, 'IVeleroStorageLocation');
  requireOptional(origin, 'volumePolicy', options.volumePolicy, 'IVeleroVolumePolicy');
  requireSameNamespace(origin, 'storageLocation', options.storageLocation?.namespace, namespace);
  requireSameNamespace(origin, 'volumePolicy', options.volumePolicy?.namespace, namespace);
  if (options.storageLocation?.accessMode === VeleroAccessMode.READ_ONLY) {
    reject(origin, 'storageLocation', {
      problem: 'nothing is written there', got: options.storageLocation.node.path, allowed: 'a location with VeleroAccessMode.READ_WRITE', fix: 'choose another location',
    });
  }
  requireHooks(origin, options);
  requireClasses(origin, options.snapshotClasses);
  requireOrder(origin, options.orderedResources);
  if (options.volumeGroupLabelKey !== undefined) {
    requireText(origin, 'volumeGroupLabelKey', options.volumeGroupLabelKey);
    requireKeys(origin, 'volumeGroupLabelKey', { [options.volumeGroupLabelKey]: '' });
  }
}

/** What a restore of it may know. */
export function choiceOf({ includedNamespaces, excludedNamespaces }: VeleroBackupOptions): NamespaceChoice {
  return { includedNamespaces: copied(includedNamespaces), excludedNamespaces: copied(excludedNamespaces) };
}

export function renderBackupSpec(options: VeleroBackupOptions): object {
  const duration = (value: VeleroBackupOptions['timeToLive']) => value && goDuration(value);
  return {
    includedNamespaces: copied(options.includedNamespaces),
    excludedNamespaces: copied(options.excludedNamespaces),
    includedNamespaceScopedResources: copied(options.includedNamespaceScopedResources),
    excludedNamespaceScopedResources: copied(options.excludedNamespaceScopedResources),
    includedClusterScopedResources: copied(options.includedClusterScopedResources),
    excludedClusterScopedResources: copied(options.excludedClusterScopedResources),
    ...renderSelectors(options.labelSelectors),
    ttl: duration(options.timeToLive),
    storageLocation: options.storageLocation?.storageLocationName,
    ...options.volumes?._toKube(),
    resourcePolicy: options.volumePolicy && { kind: 'configmap', name: options.volumePolicy.configMapName },
    hooks: options.hooks?.length ? { resources: options.hooks.map(hook => hook._toKube()) } : undefined,
    orderedResources: options.orderedResources && renderOrder(options.orderedResources),
    csiSnapshotTimeout: duration(options.csiSnapshotTimeout),
    itemOperationTimeout: duration(options.itemOperationTimeout),
    volumeGroupSnapshotLabelKey: options.volumeGroupLabelKey,
  };
}

/** Velero wants the names of a kind in one text. */
function renderOrder(order: { [resource: string]: string[] }): object {
  return Object.fromEntries(Object.entries(order).map(([resource, names]) => [resource, names.join(',')]));
}

/** Velero reads the names of classes from annotations, by the driver in lower case. */
export function backupMetadata(options: VeleroBackupOptions & { readonly metadata?: ApiObjectMetadata }): ApiObjectMetadata {
  const { metadata, snapshotClasses = [], hooks = [] } = options;
  // hooks are scripts
  const defined = hooks.length > 0 ? literalMetadata(metadata) : definedMetadata(metadata);
  if (snapshotClasses.length === 0) { return defined; }
  const annotations = Object.fromEntries(snapshotClasses.map(each => [classKey(each), each.snapshotClassName]));
  return { ...defined, annotations: { ...defined.annotations, ...annotations } };
}

function classKey(snapshotClass: ISnapshotClass): string {
  return `${VELERO_CLASS_LABEL}_${snapshotClass.driver!.name.toLowerCase()}`;
}

function requireClasses(origin: Construct, classes: ISnapshotClass[] | undefined): void {
  requireList(origin, 'snapshotClasses', classes);
  const seen = new Map<string, string>();
  for (const each of classes ?? []) {
    requireKind(origin, 'snapshotClasses', each, 'ISnapshotClass');
    if (each.driver === undefined) {
      reject(origin, 'snapshotClasses', {
        problem: 'Velero is told the class of a driver, and the driver of this one is not known',
        got: each.snapshotClassName,
        allowed: 'classes whose driver is known',
        fix: "write SnapshotClass.fromSnapshotClassName(scope, 'id', '...', { driver: ... })",
      });
    }
    const other = seen.get(classKey(each));
    if (other !== undefined) {
      reject(origin, 'snapshotClasses', {
        problem: `the class ${other} is of the same driver`, got: each.snapshotClassName, allowed: 'one class for a driver', fix: 'leave one out',
      });
    }
    seen.set(classKey(each), each.snapshotClassName);
    // the name in an annotation is a driver's, and longer ones do not fit
    requireKeys(origin, 'snapshotClasses', { [classKey(each)]: each.snapshotClassName });
  }
}

function requireHooks(origin: Construct, { hooks, volumes, volumePolicy, ...choice }: VeleroBackupOptions): void {
  requireList(origin, 'hooks', hooks);
  hooks?.forEach(hook => requireKind(origin, 'hooks', hook, 'VeleroHook'));
  const names = hooks?.map(hook => hook._toKube().name) ?? [];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    reject(origin, 'hooks', { problem: 'two hooks have one name, and Velero tells them apart by it', got: twice, allowed: 'a name for each', fix: 'give one of them another name' });
  }
  if (hooks?.length) {
    requireCut(origin, names, volumes, volumePolicy);
    requirePods(origin, names, choice);
  }
  for (const { _namespaces = [] } of hooks ?? []) { _namespaces.forEach(namespace => requireChosen(origin, 'hooks.namespaces', namespace, choice)); }
}

/** Velero looks for hooks in the pods that it backs up, and in no others. */
function requirePods(
  origin: Construct, got: string[],
  { includedNamespaceScopedResources: included, excludedNamespaceScopedResources: excluded = [] }: VeleroBackupOptions,
): void {
  const names = (kinds: readonly string[]) => kinds.some(kind => ['*', 'pods', 'pod', 'po'].includes(kind));
  if (names(excluded) || (included && !names(included))) {
    reject(origin, 'hooks', {
      problem: 'pods are not in the backup, so that no application would be held, and nobody would be told',
      got,
      allowed: 'hooks in a backup with pods',
      fix: 'let pods be backed up, or leave the hooks out',
    });
  }
}

/** Applications are held for snapshots, and for nothing else. */
function requireCut(origin: Construct, got: string[], volumes: VeleroVolumes | undefined, policy: IVeleroVolumePolicy | undefined): void {
  if (volumes?._copiesFiles) {
    reject(origin, 'hooks', {
      problem: 'applications would be held until all files are copied, and their timer lets go before',
      got,
      allowed: 'no hooks with VeleroVolumes.fileSystem',
      fix: 'use VeleroVolumes.moved, which holds until the cut, or leave the hooks out',
    });
  }
  if (volumes && !volumes._takesSnapshots) {
    reject(origin, 'hooks', {
      problem: 'applications would be held for nothing', got, allowed: 'no hooks with VeleroVolumes.none', fix: 'leave the hooks out, or let volumes be snapshotted',
    });
  }
  if ((policy as Partial<VeleroVolumePolicy> | undefined)?._takesNoSnapshot) {
    reject(origin, 'hooks', {
      problem: 'applications would be held, and by the volume policy no snapshot is taken',
      got,
      allowed: 'hooks with a policy that lets some volumes be snapshotted',
      fix: 'leave the hooks out, or give the rule for all volumes a condition',
    });
  }
}

function requireOrder(origin: Construct, order: { [resource: string]: string[] } | undefined): void {
  for (const [resource, names] of Object.entries(order ?? {})) {
    const prop = `orderedResources.${resource}`;
    requireList(origin, prop, names);
    const wrong = names.find(name => !/^([a-z0-9][-a-z0-9]*\/)?[a-z0-9][-.a-z0-9]*$/.test(name));
    if (wrong !== undefined || names.length === 0) {
      reject(origin, prop, {
        problem: 'not names of objects',
        got: wrong ?? names,
        allowed: 'namespace/name, or the name of an object of the cluster',
        fix: "write for example ['shop/postgres-0']",
      });
    }
  }
}
