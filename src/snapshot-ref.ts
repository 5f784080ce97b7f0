import { requireDnsLabel, requireKind, requireKnownKeys, requireName } from './private/validate';
import { ISnapshot, Snapshot } from './snapshot';

/**
 * What is known of a snapshot that is not defined in this app.
 */
export interface FromSnapshotNameOptions {
  /**
   * The namespace of the snapshot; a claim is restored in the same.
   *
   * @default - that of the claim
   */
  readonly namespace?: string;
}

/**
 * The snapshot that a claim is restored from.
 *
 * @see https://kubernetes.io/docs/concepts/storage/persistent-volumes/#volume-snapshot-and-restore-volume-from-snapshot-support
 * @example
 * import { SnapshotRef } from 'cdk8s-volume-snapshots';
 *
 * SnapshotRef.fromName('data-postgres-0-20260209-031500-1a2b3c4d');
 */
export class SnapshotRef {
  /**
   * A snapshot by its name, for example one that a schedule has taken.
   *
   * @param name the name of the VolumeSnapshot, as `kubectl get volumesnapshots` shows it
   * @param options what is known of it
   * @throws if a name is not valid
   * @example
   * import { SnapshotRef } from 'cdk8s-volume-snapshots';
   *
   * SnapshotRef.fromName('before-version-15');
   */
  public static fromName(name: string, options: FromSnapshotNameOptions = {}): SnapshotRef {
    requireName('SnapshotRef.fromName', 'name', name);
    requireKnownKeys('SnapshotRef.fromName', options, { namespace: true }, 'options');
    if (options.namespace !== undefined) { requireDnsLabel('SnapshotRef.fromName', 'namespace', options.namespace); }
    return new SnapshotRef(name, options.namespace, () => undefined);
  }

  /**
   * A snapshot that is defined in this app.
   *
   * @param snapshot a `Snapshot` or `PreProvisionedSnapshot`
   * @example
   * import { Snapshot, SnapshotRef } from 'cdk8s-volume-snapshots';
   *
   * declare const snapshot: Snapshot;
   * SnapshotRef.fromSnapshot(snapshot);
   */
  public static fromSnapshot(snapshot: ISnapshot): SnapshotRef {
    requireKind('SnapshotRef.fromSnapshot', 'snapshot', snapshot, 'ISnapshot');
    return new SnapshotRef(snapshot.snapshotName, snapshot.namespace, () => (snapshot instanceof Snapshot ? snapshot._sourceBytes() : undefined));
  }

  /**
   * The name of the VolumeSnapshot.
   */
  public readonly snapshotName: string;

  /**
   * The namespace of the VolumeSnapshot, if it is known.
   */
  public readonly namespace?: string;

  private constructor(name: string, namespace: string | undefined, private readonly sourceBytes: () => number | undefined) {
    this.snapshotName = name;
    this.namespace = namespace;
  }

  /**
   * The size of the volume that was snapshotted, if it is known at synth.
   *
   * @internal
   */
  public _sourceBytes(): number | undefined {
    return this.sourceBytes();
  }
}
