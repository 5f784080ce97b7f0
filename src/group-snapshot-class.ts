import { ApiObject, ApiObjectMetadata } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { CsiDriver } from './csi-driver';
import { clusterScoped, GROUP_SNAPSHOT_API_GROUP, requireMetadata, requireNoNamespace } from './private/api';
import { DEFAULT_GROUP_CLASS_ANNOTATION, GROUP_SNAPSHOT_CLASS_KIND, registerChartChecks } from './private/chart-checks';
import { classMetadata, isDefaultClass, mergeParameters } from './private/class-props';
import { groupParameters, requireCompleteGroupParameters, requireGroupSnapshots } from './private/driver-facts';
import { GROUP_SNAPSHOTTER_SECRET, secretOf } from './private/driver-secrets';
import { KnownKeys, requireBoolean, requireEnum, requireKind, requireKnownKeys, requireName, requireOptional } from './private/validate';
import { SecretReference } from './secret-reference';
import { DeletionPolicy } from './snapshot-class';

/**
 * A version of the API of group snapshots, `groupsnapshot.storage.k8s.io`.
 */
export enum GroupSnapshotApiVersion {
  /** Served since external-snapshotter 8.4. */
  V1BETA2 = 'v1beta2',

  /** Served since external-snapshotter 8.6. */
  V1 = 'v1',
}

/**
 * A VolumeGroupSnapshotClass, defined here or elsewhere.
 */
export interface IGroupSnapshotClass extends IConstruct {
  /**
   * Name of the VolumeGroupSnapshotClass.
   */
  readonly groupSnapshotClassName: string;

  /**
   * The version of the API in which groups of this class are taken.
   */
  readonly apiVersion: GroupSnapshotApiVersion;

  /**
   * The driver that takes the group snapshots.
   *
   * @default - not known, if the class is defined elsewhere
   */
  readonly driver?: CsiDriver;

  /**
   * What happens to a group in the storage when its VolumeGroupSnapshot is deleted.
   *
   * @default - not known, if the class is defined elsewhere
   */
  readonly deletionPolicy?: DeletionPolicy;
}

/**
 * What is known about a group class that is defined elsewhere.
 */
export interface FromGroupSnapshotClassNameOptions {
  /**
   * The version of the API in which groups of this class are taken.
   *
   * @default GroupSnapshotApiVersion.V1BETA2
   */
  readonly apiVersion?: GroupSnapshotApiVersion;

  /**
   * The driver of the class, so that the limits of the driver are checked.
   *
   * @default - not known, nothing that depends on the driver is checked
   */
  readonly driver?: CsiDriver;

  /**
   * The deletion policy of the class. A schedule asks for it.
   *
   * @default - not known, and a schedule takes the class only if it keeps the storage of what it prunes
   */
  readonly deletionPolicy?: DeletionPolicy;
}

/**
 * Properties of a GroupSnapshotClass.
 */
export interface GroupSnapshotClassProps {
  /**
   * Name, labels and annotations of the class. It has no namespace.
   *
   * @default - the name is made of the path of the construct
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * The driver that takes the group snapshots. Of its parameters, which are those of single snapshots,
   * the class takes over what means the same for groups: the `clusterID` of Ceph, and the Secret.
   */
  readonly driver: CsiDriver;

  /**
   * What happens to a group in the storage when its VolumeGroupSnapshot is deleted.
   *
   * With RETAIN no group is lost with its namespace or by a mistake in Git. Schedules cannot give the storage back, so they ask for
   * `PrunedStorage.KEEP` then.
   *
   * @default DeletionPolicy.RETAIN
   */
  readonly deletionPolicy?: DeletionPolicy;

  /**
   * Parameters of the class, in the words of the driver: `pool` for Ceph RBD, `fsName` for CephFS.
   *
   * @default - those of `driver` that mean the same for groups, and the Secret
   */
  readonly parameters?: { [name: string]: string };

  /**
   * Whether group snapshots without a class name are of this class, if their volumes have the same driver.
   *
   * @default false
   */
  readonly defaultClass?: boolean;

  /**
   * The version of the API in which the class is defined and groups of it are taken.
   *
   * @default GroupSnapshotApiVersion.V1BETA2
   */
  readonly apiVersion?: GroupSnapshotApiVersion;

  /**
   * The Secret with which the driver takes and deletes groups; its name and namespace may contain `${volumegroupsnapshotcontent.name}`.
   *
   * @default - the Secret with which `driver` takes single snapshots, or none
   * @see https://kubernetes-csi.github.io/docs/group-snapshot-restore-feature.html
   */
  readonly groupSnapshotterSecret?: SecretReference;
}

const PROPS: KnownKeys<GroupSnapshotClassProps> = {
  metadata: true,
  driver: true,
  deletionPolicy: true,
  parameters: true,
  defaultClass: true,
  apiVersion: true,
  groupSnapshotterSecret: true,
};

/**
 * A VolumeGroupSnapshotClass: which driver snapshots several volumes at one moment, how, and whether they outlive their VolumeGroupSnapshot.
 *
 * It belongs to the cluster and has no namespace, whatever the namespace of the chart. Nothing of it can be changed once it is there.
 *
 * @see https://kubernetes-csi.github.io/docs/group-snapshot-restore-feature.html
 * @example
 * import { App, Chart } from 'cdk8s';
 * import { CsiDriver, DeletionPolicy, GroupSnapshotClass } from 'cdk8s-volume-snapshots';
 *
 * const chart = new Chart(new App(), 'storage');
 * const groups = new GroupSnapshotClass(chart, 'Groups', {
 *   driver: CsiDriver.cephRbd({ clusterId: 'rook-ceph', snapshotterSecret: { name: 'rook-csi-rbd-provisioner', namespace: 'rook-ceph' } }),
 *   parameters: { pool: 'replicapool' },
 *   deletionPolicy: DeletionPolicy.DELETE,
 * });
 */
export class GroupSnapshotClass extends Construct implements IGroupSnapshotClass {
  /**
   * A VolumeGroupSnapshotClass that is defined elsewhere.
   *
   * @param scope where the reference is defined
   * @param id id of the reference
   * @param name name of the VolumeGroupSnapshotClass
   * @param options what is known about it
   * @throws if the name is not valid, or the driver takes no group snapshots
   * @example
   * import { App, Chart } from 'cdk8s';
   * import { DeletionPolicy, GroupSnapshotClass } from 'cdk8s-volume-snapshots';
   *
   * const chart = new Chart(new App(), 'web');
   * const groups = GroupSnapshotClass.fromGroupSnapshotClassName(chart, 'Groups', 'rbd-groups', { deletionPolicy: DeletionPolicy.DELETE });
   */
  public static fromGroupSnapshotClassName(
    scope: Construct, id: string, name: string, options: FromGroupSnapshotClassNameOptions = {},
  ): IGroupSnapshotClass {
    return new ImportedGroupSnapshotClass(scope, id, name, options);
  }

  /**
   * Name of the VolumeGroupSnapshotClass.
   */
  public readonly groupSnapshotClassName: string;

  /**
   * The version of the API in which the class is defined and groups of it are taken.
   */
  public readonly apiVersion: GroupSnapshotApiVersion;

  /**
   * The driver that takes the group snapshots.
   *
   * @default - always set
   */
  public readonly driver?: CsiDriver;

  /**
   * What happens to a group in the storage when its VolumeGroupSnapshot is deleted.
   *
   * @default - always set
   */
  public readonly deletionPolicy?: DeletionPolicy;

  /**
   * Whether group snapshots without a class name are of this class, if their volumes have the same driver.
   */
  public readonly defaultClass: boolean;

  /**
   * The Secret with which the driver takes and deletes groups, wherever it was named.
   *
   * @default - none
   */
  public readonly groupSnapshotterSecret?: SecretReference;

  private readonly _parameters: { [name: string]: string };

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct; a new id is a new class
   * @param props which driver, and how
   * @throws if a prop is not valid, two of them contradict each other, or the driver takes no group snapshots
   */
  constructor(scope: Construct, id: string, props: GroupSnapshotClassProps) {
    super(scope, id);
    requireKnownKeys(this, props, PROPS);
    requireKind(this, 'driver', props.driver, 'CsiDriver');
    requireGroupSnapshots(this, 'driver', props.driver.name);
    requireEnum(this, 'deletionPolicy', props.deletionPolicy, DeletionPolicy);
    requireEnum(this, 'apiVersion', props.apiVersion, GroupSnapshotApiVersion);
    requireBoolean(this, 'defaultClass', props.defaultClass);
    requireMetadata(this, props.metadata);
    requireNoNamespace(this, props.metadata);
    this.driver = props.driver;
    this.deletionPolicy = props.deletionPolicy ?? DeletionPolicy.RETAIN;
    this.apiVersion = props.apiVersion ?? GroupSnapshotApiVersion.V1BETA2;
    this.defaultClass = isDefaultClass(this, props, DEFAULT_GROUP_CLASS_ANNOTATION);
    this._parameters = parametersOf(this, props);
    this.groupSnapshotterSecret = secretOf(GROUP_SNAPSHOTTER_SECRET, this._parameters);

    const metadata = classMetadata(props.metadata, this._parameters);
    const object = clusterScoped(new ApiObject(this, 'Resource', {
      apiVersion: `${GROUP_SNAPSHOT_API_GROUP}/${this.apiVersion}`,
      kind: GROUP_SNAPSHOT_CLASS_KIND,
      metadata: {
        ...metadata,
        annotations: { ...metadata.annotations, ...this.defaultClass ? { [DEFAULT_GROUP_CLASS_ANNOTATION]: 'true' } : {} },
      },
      driver: props.driver.name,
      deletionPolicy: this.deletionPolicy,
      parameters: Object.keys(this._parameters).length > 0 ? this.parameters : undefined,
    }));
    this.groupSnapshotClassName = object.name;
    registerChartChecks(this);
  }

  /**
   * All parameters of the class: those that the driver brings along, the further ones and the Secret.
   */
  public get parameters(): { [name: string]: string } {
    return { ...this._parameters };
  }
}

class ImportedGroupSnapshotClass extends Construct implements IGroupSnapshotClass {
  public readonly groupSnapshotClassName: string;
  public readonly apiVersion: GroupSnapshotApiVersion;
  public readonly driver?: CsiDriver;
  public readonly deletionPolicy?: DeletionPolicy;

  constructor(scope: Construct, id: string, name: string, options: FromGroupSnapshotClassNameOptions) {
    super(scope, id);
    requireName(this, 'name', name);
    requireKnownKeys(this, options, { apiVersion: true, driver: true, deletionPolicy: true }, 'options');
    requireOptional(this, 'driver', options.driver, 'CsiDriver');
    requireEnum(this, 'deletionPolicy', options.deletionPolicy, DeletionPolicy);
    requireEnum(this, 'apiVersion', options.apiVersion, GroupSnapshotApiVersion);
    if (options.driver) { requireGroupSnapshots(this, 'driver', options.driver.name); }
    this.groupSnapshotClassName = name;
    this.apiVersion = options.apiVersion ?? GroupSnapshotApiVersion.V1BETA2;
    this.driver = options.driver;
    this.deletionPolicy = options.deletionPolicy;
  }
}

function parametersOf(scope: IConstruct, { driver, parameters, groupSnapshotterSecret }: GroupSnapshotClassProps): { [name: string]: string } {
  const secretIsGiven = `${GROUP_SNAPSHOTTER_SECRET}-name` in (parameters ?? {});
  const secret = groupSnapshotterSecret ?? (secretIsGiven ? undefined : driver.snapshotSecret);
  const merged = mergeParameters(scope, driver.name, groupParameters(driver.name, driver.parameters), parameters, [
    { prop: 'groupSnapshotterSecret', prefix: GROUP_SNAPSHOTTER_SECRET, secret },
  ]);
  requireCompleteGroupParameters(scope, 'parameters', driver.name, merged);
  return merged;
}
