import { ApiObject, ApiObjectMetadata } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { CsiDriver } from './csi-driver';
import { clusterScoped, requireMetadata, requireNoNamespace, SNAPSHOT_API_VERSION } from './private/api';
import { DEFAULT_CLASS_ANNOTATION, registerChartChecks, SNAPSHOT_CLASS_KIND } from './private/chart-checks';
import { classMetadata, isDefaultClass, isVeleroClass, mergeParameters } from './private/class-props';
import { requireCompleteParameters, requireOutlivesVolume } from './private/driver-facts';
import { secretOf, SNAPSHOTTER_LIST_SECRET, SNAPSHOTTER_SECRET } from './private/driver-secrets';
import { KnownKeys, requireBoolean, requireEnum, requireKind, requireKnownKeys, requireName, requireOptional } from './private/validate';
import { VELERO_CLASS_LABEL } from './private/velero';
import { SecretReference } from './secret-reference';

/**
 * What happens to a snapshot in the storage when its VolumeSnapshot is deleted.
 *
 * @see https://kubernetes.io/docs/concepts/storage/volume-snapshot-classes/#deletionpolicy
 */
export enum DeletionPolicy {
  /** The snapshot stays in the storage, and is billed, until somebody deletes it there or reclaims its VolumeSnapshotContent. */
  RETAIN = 'Retain',

  /** The snapshot is deleted from the storage too, also when its namespace is deleted. */
  DELETE = 'Delete',
}

/**
 * A VolumeSnapshotClass, defined here or elsewhere.
 */
export interface ISnapshotClass extends IConstruct {
  /**
   * Name of the VolumeSnapshotClass.
   */
  readonly snapshotClassName: string;

  /**
   * The driver that takes the snapshots.
   *
   * @default - not known, if the class is defined elsewhere
   */
  readonly driver?: CsiDriver;

  /**
   * What happens to a snapshot in the storage when its VolumeSnapshot is deleted.
   *
   * @default - not known, if the class is defined elsewhere
   */
  readonly deletionPolicy?: DeletionPolicy;
}

/**
 * What is known about a class that is defined elsewhere.
 */
export interface FromSnapshotClassNameOptions {
  /**
   * The driver of the class, so that the limits of the driver are checked.
   *
   * @default - not known, nothing that depends on the driver is checked
   */
  readonly driver?: CsiDriver;

  /**
   * The deletion policy of the class.
   *
   * @default - not known, nothing that depends on it is checked
   */
  readonly deletionPolicy?: DeletionPolicy;
}

/**
 * Properties of a SnapshotClass.
 */
export interface SnapshotClassProps {
  /**
   * Name, labels and annotations of the class. It has no namespace.
   *
   * @default - the name is made of the path of the construct
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * The driver that takes the snapshots, with what it should do.
   */
  readonly driver: CsiDriver;

  /**
   * What happens to a snapshot in the storage when its VolumeSnapshot is deleted.
   *
   * With RETAIN no snapshot is lost with its namespace or by a mistake in Git, but pruning needs `SnapshotReclaim` once in the cluster.
   *
   * @default DeletionPolicy.RETAIN
   */
  readonly deletionPolicy?: DeletionPolicy;

  /**
   * Says in words that snapshots are lost when their volume is deleted, although the class retains.
   *
   * Some drivers keep snapshots in their volume, as Longhorn and ZFS do. A class that retains then saves them from a deleted
   * VolumeSnapshot, and not from a deleted claim.
   *
   * @default false
   */
  readonly mayBeLostWithVolume?: boolean;

  /**
   * Further parameters of the class, in the words of the driver.
   *
   * @default - the parameters of `driver` and the Secrets
   */
  readonly parameters?: { [name: string]: string };

  /**
   * Whether snapshots without a class name are of this class, if their volume has the same driver.
   *
   * A driver has one default class at most, or such snapshots fail.
   *
   * @default false
   */
  readonly defaultClass?: boolean;

  /**
   * Whether Velero takes its snapshots with this class too, if nothing else is said of a claim or a backup.
   *
   * A driver has one class for Velero at most, or Velero takes any of them.
   *
   * @default false
   * @see https://velero.io/docs/v1.18/csi/
   */
  readonly veleroClass?: boolean;

  /**
   * The Secret with which the driver takes and deletes snapshots.
   *
   * @default - the one that `driver` names, or none
   * @see https://kubernetes-csi.github.io/docs/secrets-and-credentials-volume-snapshot-class.html
   */
  readonly snapshotterSecret?: SecretReference;

  /**
   * The Secret with which the driver lists snapshots.
   *
   * @default - none
   * @see https://kubernetes-csi.github.io/docs/secrets-and-credentials-volume-snapshot-class.html
   */
  readonly snapshotterListSecret?: SecretReference;
}

const PROPS: KnownKeys<SnapshotClassProps> = {
  metadata: true,
  driver: true,
  deletionPolicy: true,
  mayBeLostWithVolume: true,
  parameters: true,
  defaultClass: true,
  veleroClass: true,
  snapshotterSecret: true,
  snapshotterListSecret: true,
};

/**
 * A VolumeSnapshotClass: which driver takes snapshots, how, and whether they outlive their VolumeSnapshot.
 *
 * It belongs to the cluster and has no namespace, whatever the namespace of the chart.
 *
 * @see https://kubernetes.io/docs/concepts/storage/volume-snapshot-classes/
 * @example
 * import { App, Chart } from 'cdk8s';
 * import { CsiDriver, SnapshotClass } from 'cdk8s-volume-snapshots';
 *
 * const chart = new Chart(new App(), 'storage');
 * const gp3 = new SnapshotClass(chart, 'Ebs', { driver: CsiDriver.awsEbs() });
 */
export class SnapshotClass extends Construct implements ISnapshotClass {
  /**
   * A VolumeSnapshotClass that is defined elsewhere.
   *
   * @param scope where the reference is defined
   * @param id id of the reference
   * @param name name of the VolumeSnapshotClass
   * @param options what is known about it
   * @example
   * import { App, Chart } from 'cdk8s';
   * import { CsiDriver, DeletionPolicy, SnapshotClass } from 'cdk8s-volume-snapshots';
   *
   * const chart = new Chart(new App(), 'web');
   * const gp3 = SnapshotClass.fromSnapshotClassName(chart, 'Ebs', 'ebs-retain', {
   *   driver: CsiDriver.awsEbs(),
   *   deletionPolicy: DeletionPolicy.RETAIN,
   * });
   */
  public static fromSnapshotClassName(scope: Construct, id: string, name: string, options: FromSnapshotClassNameOptions = {}): ISnapshotClass {
    return new ImportedSnapshotClass(scope, id, name, options);
  }

  /**
   * Name of the VolumeSnapshotClass.
   */
  public readonly snapshotClassName: string;

  /**
   * The driver that takes the snapshots.
   *
   * @default - always set
   */
  public readonly driver?: CsiDriver;

  /**
   * What happens to a snapshot in the storage when its VolumeSnapshot is deleted.
   *
   * @default - always set
   */
  public readonly deletionPolicy?: DeletionPolicy;

  /**
   * Whether snapshots without a class name are of this class, if their volume has the same driver.
   */
  public readonly defaultClass: boolean;

  /**
   * Whether Velero takes its snapshots with this class too.
   */
  public readonly veleroClass: boolean;

  /**
   * The Secret with which the driver takes and deletes snapshots, wherever it was named.
   *
   * @default - none
   */
  public readonly snapshotterSecret?: SecretReference;

  /**
   * The Secret with which the driver lists snapshots, wherever it was named.
   *
   * @default - none
   */
  public readonly snapshotterListSecret?: SecretReference;

  private readonly _parameters: { [name: string]: string };

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct; a new id is a new class
   * @param props which driver, and how
   * @throws if a prop is not valid, or two of them contradict each other
   */
  constructor(scope: Construct, id: string, props: SnapshotClassProps) {
    super(scope, id);

    requireKnownKeys(this, props, PROPS);
    requireKind(this, 'driver', props.driver, 'CsiDriver');
    requireEnum(this, 'deletionPolicy', props.deletionPolicy, DeletionPolicy);
    requireBoolean(this, 'mayBeLostWithVolume', props.mayBeLostWithVolume);
    requireBoolean(this, 'defaultClass', props.defaultClass);
    requireBoolean(this, 'veleroClass', props.veleroClass);
    requireMetadata(this, props.metadata);
    requireNoNamespace(this, props.metadata);
    this.driver = props.driver;
    this.deletionPolicy = props.deletionPolicy ?? DeletionPolicy.RETAIN;
    this.defaultClass = isDefaultClass(this, props, DEFAULT_CLASS_ANNOTATION);
    this.veleroClass = isVeleroClass(this, props);
    this._parameters = mergeParameters(this, props.driver.name, props.driver.parameters, props.parameters, [
      { prop: 'snapshotterSecret', prefix: SNAPSHOTTER_SECRET, secret: props.snapshotterSecret },
      { prop: 'snapshotterListSecret', prefix: SNAPSHOTTER_LIST_SECRET, secret: props.snapshotterListSecret },
    ]);
    requireCompleteParameters(this, 'driver', props.driver.name, this._parameters);
    if (this.deletionPolicy === DeletionPolicy.RETAIN && props.mayBeLostWithVolume !== true) {
      requireOutlivesVolume(this, 'deletionPolicy', props.driver.name, this._parameters, this.deletionPolicy);
    }
    this.snapshotterSecret = secretOf(SNAPSHOTTER_SECRET, this._parameters);
    this.snapshotterListSecret = secretOf(SNAPSHOTTER_LIST_SECRET, this._parameters);

    const metadata = classMetadata(props.metadata, this._parameters);
    const object = clusterScoped(new ApiObject(this, 'Resource', {
      apiVersion: SNAPSHOT_API_VERSION,
      kind: SNAPSHOT_CLASS_KIND,
      metadata: {
        ...metadata,
        labels: { ...props.metadata?.labels, ...this.veleroClass ? { [VELERO_CLASS_LABEL]: 'true' } : {} },
        annotations: { ...metadata.annotations, ...this.defaultClass ? { [DEFAULT_CLASS_ANNOTATION]: 'true' } : {} },
      },
      driver: props.driver.name,
      deletionPolicy: this.deletionPolicy,
      parameters: Object.keys(this._parameters).length > 0 ? this.parameters : undefined,
    }));
    this.snapshotClassName = object.name;
    registerChartChecks(this);
  }

  /**
   * All parameters of the class: those of the driver, the further ones and the Secrets.
   */
  public get parameters(): { [name: string]: string } {
    return { ...this._parameters };
  }
}

class ImportedSnapshotClass extends Construct implements ISnapshotClass {
  public readonly snapshotClassName: string;
  public readonly driver?: CsiDriver;
  public readonly deletionPolicy?: DeletionPolicy;

  constructor(scope: Construct, id: string, name: string, options: FromSnapshotClassNameOptions) {
    super(scope, id);
    requireName(this, 'name', name);
    requireKnownKeys(this, options, { driver: true, deletionPolicy: true }, 'options');
    requireOptional(this, 'driver', options.driver, 'CsiDriver');
    requireEnum(this, 'deletionPolicy', options.deletionPolicy, DeletionPolicy);
    this.snapshotClassName = name;
    this.driver = options.driver;
    this.deletionPolicy = options.deletionPolicy;
  }
}
