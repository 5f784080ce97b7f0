import { ApiObject, ApiObjectMetadata, Duration, Yaml } from 'cdk8s';
import { Construct } from 'constructs';
import { registerChartChecks } from './private/chart-checks';
import { INT32_MAX, KnownKeys, requireBoolean, requireEnum, requireInteger, requireKind } from './private/validate';
import {
  copied, defineVeleroObject, goDuration, renderSelectors, requireIncludes, requireItems, requireSameNamespace, requireSelectors,
  requireVeleroDuration, requireVeleroMetadata, requireVeleroProps, veleroMetadata,
} from './private/velero';
import { requireChosen, requireNamespaceMap } from './private/velero-namespaces';
import { VeleroRestoreSource } from './velero-restore-source';

/**
 * What becomes of objects that are there already.
 */
export enum VeleroExistingResources {
  /** They stay as they are, with a warning where they differ. */
  NONE = 'none',

  /** They are changed to what the backup has, where that can be. */
  UPDATE = 'update',
}

/**
 * Whether restored CronJobs run, those of this library and all others.
 */
export enum VeleroRestoredCronJobs {
  /** They run as they did. */
  RUN = 'Run',

  /** They are suspended until somebody or a GitOps tool says otherwise. */
  SUSPEND = 'Suspend',
}

/**
 * What is restored, and where.
 */
export interface VeleroRestoreProps {
  /**
   * Name, labels and annotations; the name has at most 63 characters.
   *
   * @default - a name made of the construct's path, in the namespace `velero`, whatever that of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * Which backup.
   */
  readonly source: VeleroRestoreSource;

  /**
   * Namespaces that are restored into others, by their names in the backup; each into one of its own.
   *
   * @default - each into its own
   */
  readonly namespaceMapping?: { [from: string]: string };

  /**
   * Namespaces that are restored, by their names in the backup, or by patterns of `*`, `?`
   * and `[…]`, which need Velero 1.18; before, they are read literally.
   *
   * @default - all that the backup has
   */
  readonly includedNamespaces?: string[];

  /**
   * Namespaces that are left out, as names or as patterns, which need Velero 1.18.
   *
   * @default - none
   */
  readonly excludedNamespaces?: string[];

  /**
   * Kinds of objects that are restored, as in `deployments.apps`.
   *
   * @default - all that the backup has
   */
  readonly includedResources?: string[];

  /**
   * Kinds of objects that are left out.
   *
   * @default - none but those that Velero never restores, such as nodes and events
   */
  readonly excludedResources?: string[];

  /**
   * Whether objects of the cluster are restored too.
   *
   * @default - those that the restored objects need
   */
  readonly includeClusterResources?: boolean;

  /**
   * Labels that an object must have to be restored: all those of one of these.
   *
   * @default - any object
   */
  readonly labelSelectors?: { [key: string]: string }[];

  /**
   * Whether volumes are restored with their data.
   *
   * @default true
   */
  readonly restoreVolumes?: boolean;

  /**
   * What becomes of objects that are there already.
   *
   * @default VeleroExistingResources.NONE
   */
  readonly existingResources?: VeleroExistingResources;

  /**
   * Whether restored CronJobs run.
   *
   * @default - suspended in namespaces of `namespaceMapping`, since a copy must not act as the original does; in others they run
   */
  readonly cronJobs?: VeleroRestoredCronJobs;

  /**
   * Whether Services keep the ports of nodes that they had.
   *
   * @default false
   */
  readonly preserveNodePorts?: boolean;

  /**
   * Kinds of objects whose status is restored too.
   *
   * @default - none
   */
  readonly restoreStatusOf?: string[];

  /**
   * For how long Velero waits for what goes on in the background, such as data that is moved; at least a second.
   *
   * @default - as the server is told, which is 4 hours
   */
  readonly itemOperationTimeout?: Duration;

  /**
   * How many files of a volume are copied at a time.
   *
   * @default - as many as the node has cores
   */
  readonly parallelFilesDownload?: number;

  /**
   * Whether blocks of zeros take no space in restored files.
   *
   * @default false
   */
  readonly writeSparseFiles?: boolean;
}

const PROPS: KnownKeys<VeleroRestoreProps> = {
  metadata: true,
  source: true,
  namespaceMapping: true,
  includedNamespaces: true,
  excludedNamespaces: true,
  includedResources: true,
  excludedResources: true,
  includeClusterResources: true,
  labelSelectors: true,
  restoreVolumes: true,
  existingResources: true,
  cronJobs: true,
  preserveNodePorts: true,
  restoreStatusOf: true,
  itemOperationTimeout: true,
  parallelFilesDownload: true,
  writeSparseFiles: true,
};

/** Read by Velero before it creates an object; a suspended CronJob is otherwise what it was. `namespaces`: by their names in the backup, else all. */
function suspending(namespaces?: string[]): string {
  return Yaml.stringify({
    version: 'v1',
    resourceModifierRules: [{
      conditions: { groupResource: 'cronjobs.batch', ...namespaces && { namespaces } },
      mergePatches: [{ patchData: JSON.stringify({ spec: { suspend: true } }) }],
    }],
  });
}

/**
 * A Restore: Velero restores a backup as soon as this is applied, once.
 *
 * Put it into a chart of its own, and apply that by hand on the day it is needed: a GitOps tool
 * that finds it missing would apply it again, and restore again.
 *
 * @see https://velero.io/docs/v1.18/api-types/restore/
 * @example
 * import { App, Chart } from 'cdk8s';
 * import { VeleroRestore, VeleroRestoreSource } from 'cdk8s-volume-snapshots';
 *
 * const chart = new Chart(new App(), 'restore-shop');
 * new VeleroRestore(chart, 'Copy', {
 *   source: VeleroRestoreSource.newestOfScheduleName('shop-off-site'),
 *   namespaceMapping: { shop: 'shop-copy' },
 * });
 */
export class VeleroRestore extends Construct {
  /**
   * Name of the Restore.
   */
  public readonly name: string;

  /**
   * Its namespace, which is that of Velero.
   */
  public readonly namespace: string;

  /**
   * Whether restored CronJobs run; those of namespaces that are not mapped are suspended only if `cronJobs` was given.
   */
  public readonly cronJobs: VeleroRestoredCronJobs;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct; a new id is a new restore
   * @param props what is restored, and where
   * @throws if a prop is not valid, or two of them contradict each other
   */
  constructor(scope: Construct, id: string, props: VeleroRestoreProps) {
    super(scope, id);
    requireVeleroProps(this, props, PROPS);
    requireVeleroMetadata(this, props.metadata);
    requireRestore(this, props);
    const metadata = veleroMetadata(props.metadata);
    this.namespace = metadata.namespace;
    requireSameNamespace(this, 'source', props.source._maker?.namespace, this.namespace);
    this.cronJobs = props.cronJobs ?? (props.namespaceMapping ? VeleroRestoredCronJobs.SUSPEND : VeleroRestoredCronJobs.RUN);

    // those of namespaces that are restored where they were are production itself
    const suspended = props.cronJobs === undefined ? Object.keys(props.namespaceMapping ?? {}) : undefined;
    const modifier = this.cronJobs === VeleroRestoredCronJobs.SUSPEND
      ? new ApiObject(this, 'Modifier', { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'modifiers.yaml': suspending(suspended) } })
      : undefined;
    const object = defineVeleroObject(this, 'Restore', metadata, {
      ...renderRestore(props),
      resourceModifier: modifier && { kind: 'configmap', name: modifier.name },
    });
    this.name = object.name;
    registerChartChecks(this);
  }
}

function requireRestore(origin: Construct, props: VeleroRestoreProps): void {
  requireKind(origin, 'source', props.source, 'VeleroRestoreSource');
  requireNamespaceMap(origin, 'namespaceMapping', props.namespaceMapping);
  requireIncludes(origin, 'Namespaces', props.includedNamespaces, props.excludedNamespaces);
  for (const from of Object.keys(props.namespaceMapping ?? {})) {
    requireChosen(origin, 'namespaceMapping', from, props);
    requireChosen(origin, 'namespaceMapping', from, props.source._maker?._choice ?? {}, ` of ${props.source._maker?.node.path}`);
  }
  requireIncludes(origin, 'Resources', props.includedResources, props.excludedResources);
  requireSelectors(origin, 'labelSelectors', props.labelSelectors);
  requireEnum(origin, 'existingResources', props.existingResources, VeleroExistingResources);
  requireEnum(origin, 'cronJobs', props.cronJobs, VeleroRestoredCronJobs);
  requireBoolean(origin, 'includeClusterResources', props.includeClusterResources);
  requireBoolean(origin, 'restoreVolumes', props.restoreVolumes);
  requireBoolean(origin, 'preserveNodePorts', props.preserveNodePorts);
  requireBoolean(origin, 'writeSparseFiles', props.writeSparseFiles);
  requireItems(origin, 'restoreStatusOf', props.restoreStatusOf);
  requireVeleroDuration(origin, 'itemOperationTimeout', props.itemOperationTimeout);
  if (props.parallelFilesDownload !== undefined) { requireInteger(origin, 'parallelFilesDownload', props.parallelFilesDownload, 1, INT32_MAX); }
}

function renderRestore(props: VeleroRestoreProps): object {
  const { parallelFilesDownload, writeSparseFiles, itemOperationTimeout, restoreStatusOf } = props;
  return {
    ...props.source._fields,
    namespaceMapping: props.namespaceMapping && { ...props.namespaceMapping },
    includedNamespaces: copied(props.includedNamespaces),
    excludedNamespaces: copied(props.excludedNamespaces),
    includedResources: copied(props.includedResources),
    excludedResources: copied(props.excludedResources),
    includeClusterResources: props.includeClusterResources,
    ...renderSelectors(props.labelSelectors),
    restorePVs: props.restoreVolumes ?? true,
    existingResourcePolicy: props.existingResources ?? VeleroExistingResources.NONE,
    preserveNodePorts: props.preserveNodePorts ?? false,
    restoreStatus: restoreStatusOf && { includedResources: [...restoreStatusOf] },
    itemOperationTimeout: itemOperationTimeout && goDuration(itemOperationTimeout),
    uploaderConfig: parallelFilesDownload === undefined && writeSparseFiles === undefined ? undefined : { parallelFilesDownload, writeSparseFiles },
  };
}
