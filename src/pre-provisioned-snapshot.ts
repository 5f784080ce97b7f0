import { createHash } from 'crypto';
import { ApiObject, ApiObjectMetadata, Lazy } from 'cdk8s';
import { Construct } from 'constructs';
import { CsiDriver } from './csi-driver';
import { clusterScoped, requireMetadata, requireNamespace, SNAPSHOT_API_VERSION } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { metadataWithRemovalPolicy } from './private/removal';
import {
  KnownKeys, reject, requireDnsLabel, requireEnum, requireKind, requireKnownKeys, requireName, requireOptional, requireText,
} from './private/validate';
import { RemovalPolicy } from './removal-policy';
import { SecretReference } from './secret-reference';
import { ISnapshot } from './snapshot';
import { DeletionPolicy, ISnapshotClass } from './snapshot-class';
import { VolumeMode } from './volume-mode';

/**
 * Which snapshot of the storage system is brought into the cluster.
 */
export interface PreProvisionedSnapshotProps {
  /**
   * Name, labels and annotations of the VolumeSnapshot and its content.
   *
   * @default - names made of the construct's path; the VolumeSnapshot is in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * The driver that the snapshot belongs to.
   */
  readonly driver: CsiDriver;

  /**
   * What the driver calls the snapshot: `snap-0123456789abcdef0` for AWS EBS, a long path for GCE.
   * It is `status.snapshotHandle` of a VolumeSnapshotContent.
   */
  readonly snapshotHandle: string;

  /**
   * The volume mode of the volume that the snapshot was taken of. A restored claim must have the same.
   *
   * @default VolumeMode.FILE_SYSTEM
   */
  readonly sourceVolumeMode?: VolumeMode;

  /**
   * The class whose secrets are used, for drivers that need some.
   *
   * @default - no class
   */
  readonly snapshotClass?: ISnapshotClass;

  /**
   * What happens to the snapshot in the storage when the VolumeSnapshot is deleted.
   *
   * @default DeletionPolicy.RETAIN
   */
  readonly deletionPolicy?: DeletionPolicy;

  /**
   * The secret that the driver deletes the snapshot with; only for `DeletionPolicy.DELETE` and drivers that need one, such as Ceph.
   *
   * @default - none
   */
  readonly deletionSecret?: SecretReference;

  /**
   * What happens to the objects when they are removed from the code.
   *
   * @default RemovalPolicy.KEEP
   */
  readonly removalPolicy?: RemovalPolicy;
}

const PROPS: KnownKeys<PreProvisionedSnapshotProps> = {
  metadata: true,
  driver: true,
  snapshotHandle: true,
  sourceVolumeMode: true,
  snapshotClass: true,
  deletionPolicy: true,
  deletionSecret: true,
  removalPolicy: true,
};

/**
 * A snapshot that exists in the storage already, known by its handle, as a
 * VolumeSnapshot and a VolumeSnapshotContent that are bound to each other.
 *
 * Creating contents takes cluster-wide rights: whoever may do it can read any
 * snapshot of the storage. Apply it as an administrator.
 *
 * @see https://kubernetes.io/docs/concepts/storage/volume-snapshots/#static
 * @example
 * import { Chart } from 'cdk8s';
 * import { CsiDriver, PreProvisionedSnapshot } from 'cdk8s-volume-snapshots';
 *
 * declare const chart: Chart;
 * new PreProvisionedSnapshot(chart, 'FromOldCluster', {
 *   driver: CsiDriver.awsEbs(),
 *   snapshotHandle: 'snap-0123456789abcdef0',
 * });
 */
export class PreProvisionedSnapshot extends Construct implements ISnapshot {
  /**
   * The name of the VolumeSnapshot.
   */
  public readonly snapshotName: string;

  /**
   * The namespace of the VolumeSnapshot.
   */
  public readonly namespace?: string;

  /**
   * The name of the VolumeSnapshotContent.
   */
  public readonly contentName: string;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct
   * @param props which snapshot
   * @throws if the namespace is not known, since the content names it, or a prop is not valid
   */
  constructor(scope: Construct, id: string, props: PreProvisionedSnapshotProps) {
    super(scope, id);
    requireKnownKeys(this, props, PROPS);
    requireKind(this, 'driver', props.driver, 'CsiDriver');
    requireText(this, 'snapshotHandle', props.snapshotHandle);
    requireEnum(this, 'sourceVolumeMode', props.sourceVolumeMode, VolumeMode);
    requireOptional(this, 'snapshotClass', props.snapshotClass, 'ISnapshotClass');
    requireEnum(this, 'deletionPolicy', props.deletionPolicy, DeletionPolicy);
    requireEnum(this, 'removalPolicy', props.removalPolicy, RemovalPolicy);
    requireMetadata(this, props.metadata);
    this.namespace = requireNamespace(this, props.metadata, 'the content must name the namespace of its snapshot');
    if (props.snapshotHandle.trim() === '') {
      reject(this, 'snapshotHandle', { problem: 'empty', got: props.snapshotHandle, allowed: 'the handle of the driver', fix: 'look it up in the storage' });
    }
    if (/^\s|\s$|[\r\n]/.test(props.snapshotHandle)) {
      reject(this, 'snapshotHandle', {
        problem: 'blanks around it or a line break in it, and the driver would find no such snapshot',
        got: props.snapshotHandle,
        allowed: 'the handle of the driver, character by character',
        fix: 'take them away',
      });
    }
    const classDriver = props.snapshotClass?.driver;
    if (classDriver && classDriver.name !== props.driver.name) {
      reject(this, 'snapshotClass', {
        problem: `the class is of another driver than the snapshot, which is of '${props.driver.name}'`,
        got: `a class of '${classDriver.name}'`,
        allowed: 'a class of the same driver',
        fix: 'change one of the two, or leave the class out',
      });
    }
    const deletionPolicy = props.deletionPolicy ?? DeletionPolicy.RETAIN;
    const { deletionSecret } = props;
    if (deletionSecret) {
      requireName(this, 'deletionSecret.name', deletionSecret.name);
      requireDnsLabel(this, 'deletionSecret.namespace', deletionSecret.namespace);
      if (deletionPolicy !== DeletionPolicy.DELETE) {
        reject(this, 'deletionSecret', {
          problem: 'nothing is deleted under this policy', got: deletionPolicy, allowed: 'deletionPolicy: DELETE', fix: 'leave it out, or change the policy',
        });
      }
    }

    const metadata = metadataWithRemovalPolicy(props.removalPolicy, props.metadata);
    const snapshot = new ApiObject(this, 'Resource', {
      apiVersion: SNAPSHOT_API_VERSION,
      kind: 'VolumeSnapshot',
      metadata,
      spec: {
        volumeSnapshotClassName: props.snapshotClass?.snapshotClassName,
        source: { volumeSnapshotContentName: Lazy.any({ produce: () => this.contentName }) },
      },
    });
    const content = clusterScoped(new ApiObject(this, 'Content', {
      apiVersion: SNAPSHOT_API_VERSION,
      kind: 'VolumeSnapshotContent',
      metadata: {
        ...metadata,
        // contents are in no namespace: those of two namespaces must not have one name
        ...metadata.name === undefined ? {} : { name: contentName(this.namespace, metadata.name) },
        annotations: { ...metadata.annotations, ...deletionSecretAnnotations(deletionSecret) },
      },
      spec: {
        deletionPolicy,
        driver: props.driver.name,
        source: { snapshotHandle: props.snapshotHandle },
        sourceVolumeMode: props.sourceVolumeMode ?? VolumeMode.FILE_SYSTEM,
        volumeSnapshotClassName: props.snapshotClass?.snapshotClassName,
        volumeSnapshotRef: { name: snapshot.name, namespace: this.namespace },
      },
    }));
    this.contentName = content.name;
    this.snapshotName = snapshot.name;
    registerChartChecks(this);
  }
}

const LONGEST_NAME = 253;

/** The hash tells 'eu-x' in 'shop' from 'x' in 'shop-eu', and two long names that are cut alike. */
function contentName(namespace: string, name: string): string {
  const hash = createHash('sha256').update(`${namespace}/${name}`).digest('hex').slice(0, 8);
  return `${`${namespace}-${name}`.slice(0, LONGEST_NAME - hash.length - 1).replace(/[-.]+$/, '')}-${hash}`;
}

/** @see https://kubernetes-csi.github.io/docs/secrets-and-credentials-volume-snapshot-class.html */
function deletionSecretAnnotations(secret: SecretReference | undefined): { [key: string]: string } {
  return secret === undefined ? {} : {
    'snapshot.storage.kubernetes.io/deletion-secret-name': secret.name,
    'snapshot.storage.kubernetes.io/deletion-secret-namespace': secret.namespace,
  };
}
