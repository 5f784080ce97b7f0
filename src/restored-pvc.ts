import { ApiObject, ApiObjectMetadata, Lazy, Size, SizeRoundingBehavior } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { namespaceOf, requireMetadata, SNAPSHOT_API_GROUP } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { metadataWithRemovalPolicy } from './private/removal';
import { KnownKeys, reject, requireEnum, requireKind, requireKnownKeys, requireList, requireName } from './private/validate';
import { RemovalPolicy } from './removal-policy';
import { KEYS } from './runner/config';
import { SnapshotRef } from './snapshot-ref';
import { VolumeMode } from './volume-mode';

/**
 * How the nodes may mount a volume.
 *
 * @see https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes
 */
export enum AccessMode {
  /** For reading and writing, by one node. */
  READ_WRITE_ONCE = 'ReadWriteOnce',
  /** For reading, by many nodes. */
  READ_ONLY_MANY = 'ReadOnlyMany',
  /** For reading and writing, by many nodes. */
  READ_WRITE_MANY = 'ReadWriteMany',
  /** For reading and writing, by one pod. */
  READ_WRITE_ONCE_POD = 'ReadWriteOncePod',
}

/**
 * What a restored claim is for.
 */
export enum RestorePurpose {
  /**
   * To look at the data, or to copy some of it back. Schedules that select claims by labels leave it out.
   */
  INSPECTION = 'Inspection',

  /**
   * To take the place of a claim that was lost. Schedules that select claims by labels cover it like any other.
   */
  REPLACEMENT = 'Replacement',
}

/**
 * What is restored, and into what.
 */
export interface RestoredPvcProps {
  /**
   * Name, labels and annotations of the claim.
   *
   * @default - a name made of the construct's path, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * The snapshot.
   */
  readonly snapshot: SnapshotRef;

  /**
   * The size of the new volume, at least that of the snapshotted one: `status.restoreSize` of the snapshot.
   */
  readonly size: Size;

  /**
   * The storage class, one of the driver that took the snapshot.
   *
   * @default - the cluster's default storage class
   */
  readonly storageClassName?: string;

  /**
   * How the nodes may mount the volume.
   *
   * @default [AccessMode.READ_WRITE_ONCE]
   */
  readonly accessModes?: AccessMode[];

  /**
   * How the volume is handed to a container; that of the snapshotted volume.
   *
   * @default VolumeMode.FILE_SYSTEM
   */
  readonly volumeMode?: VolumeMode;

  /**
   * What the claim is for; it decides whether schedules that select claims by labels cover it.
   *
   * @default RestorePurpose.INSPECTION
   */
  readonly purpose?: RestorePurpose;

  /**
   * What happens to the claim, and its data, when it is removed from the code.
   *
   * @default RemovalPolicy.KEEP
   */
  readonly removalPolicy?: RemovalPolicy;
}

const PROPS: KnownKeys<RestoredPvcProps> = {
  metadata: true,
  snapshot: true,
  size: true,
  storageClassName: true,
  accessModes: true,
  volumeMode: true,
  purpose: true,
  removalPolicy: true,
};

/**
 * A new claim with the data of a snapshot. It is a claim like any other: cdk8s-plus mounts it as a volume.
 *
 * It never overwrites anything. A claim of that name that exists already keeps
 * its data, and the API server refuses the change. Where the storage class waits
 * for a first consumer, the claim stays Pending until a pod uses it.
 *
 * A claim whose name is longer than 59 characters needs a `name` for the volume
 * in `Volume.fromPersistentVolumeClaim`.
 *
 * @see https://kubernetes.io/docs/concepts/storage/persistent-volumes/#volume-snapshot-and-restore-volume-from-snapshot-support
 * @example
 * import { Chart, Size } from 'cdk8s';
 * import * as kplus from 'cdk8s-plus-27';
 * import { RestoredPvc, SnapshotRef } from 'cdk8s-volume-snapshots';
 *
 * declare const chart: Chart;
 * declare const pod: kplus.Pod;
 * const restored = new RestoredPvc(chart, 'Restored', {
 *   snapshot: SnapshotRef.fromName('data-postgres-0-20260209-031500-1a2b3c4d'),
 *   size: Size.gibibytes(50),
 *   storageClassName: 'gp3',
 * });
 * pod.addVolume(kplus.Volume.fromPersistentVolumeClaim(chart, 'Data', restored));
 */
export class RestoredPvc extends kplus.Resource implements kplus.IPersistentVolumeClaim {
  /**
   * The plural that access rules know claims by.
   */
  public readonly resourceType = 'persistentvolumeclaims';

  /**
   * The claim itself.
   */
  protected readonly apiObject: ApiObject;

  /**
   * The size of the new volume.
   */
  public readonly size: Size;

  private readonly snapshot: SnapshotRef;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct; a new id is a new claim
   * @param props what, and into what
   * @throws if the snapshot is in another namespace, or a prop is not valid; at synth, if the size is smaller than that of a known source
   */
  constructor(scope: Construct, id: string, props: RestoredPvcProps) {
    super(scope, id);
    requireKnownKeys(this, props, PROPS);
    requireKind(this, 'snapshot', props.snapshot, 'SnapshotRef');
    requireKind(this, 'size', props.size, 'Size');
    requireList(this, 'accessModes', props.accessModes);
    props.accessModes?.forEach(mode => requireEnum(this, 'accessModes', mode, AccessMode));
    requireEnum(this, 'volumeMode', props.volumeMode, VolumeMode);
    requireEnum(this, 'purpose', props.purpose, RestorePurpose);
    requireEnum(this, 'removalPolicy', props.removalPolicy, RemovalPolicy);
    requireMetadata(this, props.metadata);
    if (props.storageClassName !== undefined) { requireName(this, 'storageClassName', props.storageClassName); }
    const accessModes = props.accessModes ?? [AccessMode.READ_WRITE_ONCE];
    if (accessModes.length === 0) {
      reject(this, 'accessModes', { problem: 'no mode is given', got: [], allowed: 'at least one', fix: 'leave it out for READ_WRITE_ONCE' });
    }
    if (accessModes.length > 1 && accessModes.includes(AccessMode.READ_WRITE_ONCE_POD)) {
      reject(this, 'accessModes', {
        problem: 'Kubernetes takes READ_WRITE_ONCE_POD alone only', got: accessModes, allowed: 'this mode, or others', fix: 'leave one or the other out',
      });
    }
    this.size = props.size;
    this.snapshot = props.snapshot;
    // NaN is no number to compare with
    if (!(this.kibibytes() > 0)) {
      reject(this, 'size', { problem: 'no size', got: this.size, allowed: 'more than 0', fix: 'use status.restoreSize of the snapshot' });
    }
    this.refuseOtherNamespace(namespaceOf(this, props.metadata));

    const metadata = metadataWithRemovalPolicy(props.removalPolicy, props.metadata);
    this.apiObject = new ApiObject(this, 'Resource', {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { ...metadata, labels: { ...metadata.labels, ...purposeLabels(props.purpose ?? RestorePurpose.INSPECTION) } },
      spec: {
        accessModes,
        volumeMode: props.volumeMode ?? VolumeMode.FILE_SYSTEM,
        storageClassName: props.storageClassName,
        dataSource: { apiGroup: SNAPSHOT_API_GROUP, kind: 'VolumeSnapshot', name: this.snapshot.snapshotName },
        resources: { requests: { storage: Lazy.any({ produce: () => this.checkedSize() }) } },
      },
    });
    registerChartChecks(this);
  }

  private kibibytes(): number {
    return this.size.toKibibytes({ rounding: SizeRoundingBehavior.NONE });
  }

  private refuseOtherNamespace(namespace: string | undefined): void {
    if (this.snapshot.namespace !== undefined && namespace !== undefined && this.snapshot.namespace !== namespace) {
      reject(this, 'snapshot', {
        problem: 'a claim is restored in the namespace of its snapshot',
        got: `a snapshot in namespace '${this.snapshot.namespace}'`,
        allowed: `namespace '${namespace}'`,
        fix: 'define the claim there, or bring the snapshot here as a PreProvisionedSnapshot of the same handle',
      });
    }
  }

  private checkedSize(): string {
    const source = this.snapshot._sourceBytes();
    if (source !== undefined && this.kibibytes() * 1024 < source) {
      reject(this, 'size', {
        problem: 'smaller than the volume that was snapshotted',
        got: this.size,
        allowed: `at least ${Math.ceil(source / 2 ** 20)}Mi`,
        fix: 'raise it; the storage refuses to restore into less',
      });
    }
    return this.size.asString();
  }
}

/** By this label the runner leaves a claim out where it selects by labels. */
function purposeLabels(purpose: RestorePurpose): { [key: string]: string } {
  return purpose === RestorePurpose.INSPECTION ? { [KEYS.restored]: 'true' } : {};
}
