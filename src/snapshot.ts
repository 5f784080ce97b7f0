import { ApiObject, ApiObjectMetadata, Lazy } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { namespaceOf, requireMetadata, SNAPSHOT_API_VERSION } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { metadataWithRemovalPolicy } from './private/removal';
import { KnownKeys, reject, requireEnum, requireKind, requireKnownKeys, requireOptional } from './private/validate';
import { RemovalPolicy } from './removal-policy';
import { ISnapshotClass } from './snapshot-class';
import { SnapshotSource } from './snapshot-source';

/**
 * A VolumeSnapshot that is defined in this app.
 */
export interface ISnapshot extends IConstruct {
  /**
   * The name of the VolumeSnapshot.
   */
  readonly snapshotName: string;

  /**
   * The namespace of the VolumeSnapshot.
   *
   * @default - the applier's
   */
  readonly namespace?: string;
}

/**
 * Of what a snapshot is taken, and how.
 */
export interface SnapshotProps {
  /**
   * Name, labels and annotations of the VolumeSnapshot.
   *
   * @default - a name made of the construct's path, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * The claim, exactly one.
   */
  readonly source: SnapshotSource;

  /**
   * How the storage takes the snapshot.
   *
   * @default - the default snapshot class of the claim's driver in the cluster
   */
  readonly snapshotClass?: ISnapshotClass;

  /**
   * What happens to the snapshot when it is removed from the code.
   *
   * @default RemovalPolicy.KEEP
   */
  readonly removalPolicy?: RemovalPolicy;
}

const PROPS: KnownKeys<SnapshotProps> = { metadata: true, source: true, snapshotClass: true, removalPolicy: true };

/**
 * One VolumeSnapshot of a claim, taken when the manifest is first applied.
 *
 * Applying it again takes no second one: another snapshot needs another id or name.
 * For a snapshot that exists in the storage already, see `PreProvisionedSnapshot`.
 *
 * @see https://kubernetes.io/docs/concepts/storage/volume-snapshots/#volumesnapshots
 * @example
 * import { Chart } from 'cdk8s';
 * import { Snapshot, SnapshotSource } from 'cdk8s-volume-snapshots';
 *
 * declare const chart: Chart;
 * new Snapshot(chart, 'BeforeVersion15', { source: SnapshotSource.fromClaimName('data-postgres-0') });
 */
export class Snapshot extends Construct implements ISnapshot {
  /**
   * The name of the VolumeSnapshot.
   */
  public readonly snapshotName: string;

  /**
   * The namespace of the VolumeSnapshot.
   *
   * @default - the applier's
   */
  public readonly namespace?: string;

  private readonly source: SnapshotSource;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct; a new id is a new snapshot
   * @param props of what, and how
   * @throws if a prop is not valid; at synth, if the source is not exactly one claim
   */
  constructor(scope: Construct, id: string, props: SnapshotProps) {
    super(scope, id);
    requireKnownKeys(this, props, PROPS);
    requireKind(this, 'source', props.source, 'SnapshotSource');
    requireOptional(this, 'snapshotClass', props.snapshotClass, 'ISnapshotClass');
    requireEnum(this, 'removalPolicy', props.removalPolicy, RemovalPolicy);
    requireMetadata(this, props.metadata);
    this.namespace = namespaceOf(this, props.metadata);
    this.source = props.source;

    const object = new ApiObject(this, 'Resource', {
      apiVersion: SNAPSHOT_API_VERSION,
      kind: 'VolumeSnapshot',
      metadata: metadataWithRemovalPolicy(props.removalPolicy, props.metadata),
      spec: {
        volumeSnapshotClassName: props.snapshotClass?.snapshotClassName,
        source: { persistentVolumeClaimName: Lazy.any({ produce: () => this.claimName() }) },
      },
    });
    this.snapshotName = object.name;
    registerChartChecks(this);
  }

  /**
   * The requested bytes of the source, if they are known at synth.
   *
   * @internal
   */
  public _sourceBytes(): number | undefined {
    return this.source._resolve(this, this.namespace).bytes;
  }

  private claimName(): string {
    const { selections } = this.source._resolve(this, this.namespace);
    const [selection] = selections;
    if (selections.length !== 1 || selection.kind !== 'Claim') {
      reject(this, 'source', {
        problem: 'a snapshot is of one claim that is known by name',
        got: selections.map(s => (s.kind === 'Selector' ? 'a selector' : s.name)).join(', '),
        allowed: 'one claim',
        fix: 'choose one with ordinals and templates, define a Snapshot for each, or use a ScheduledSnapshot',
      });
    }
    return selection.name;
  }
}
