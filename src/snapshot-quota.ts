import { ApiObject, ApiObjectMetadata, Lazy } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { definedMetadata, requireMetadata, requireNamespace, SNAPSHOT_API_GROUP } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { nameOf } from './private/defined-claims';
import { Scheduled, SCHEDULED_MARK } from './private/marks';
import { countsBelow, SnapshotCount } from './private/snapshot-counts';
import { KnownKeys, message, Problem, reject, requireInteger, requireKnownKeys } from './private/validate';
import { KEY_PREFIX } from './runner/config';

/**
 * How many snapshots a namespace may have.
 */
export interface SnapshotQuotaProps {
  /**
   * Name, labels and annotations of the ResourceQuota.
   *
   * @default - a name made of the construct's path, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * How many VolumeSnapshots the namespace may have; synth fails if the schedules come to more, `headroom` included.
   *
   * @default - what the schedules come to at most, and `headroom`
   */
  readonly maximum?: number;

  /**
   * Room for what no schedule counts: held snapshots, those that people and other tools take, and those that the storage is slow to delete; from 0.
   *
   * @default - a tenth of what the schedules come to, at least 5; none of its own with `maximum`
   */
  readonly headroom?: number;

  /**
   * Where schedules, gates, drills and clones are looked for: the app, or another construct. All below it must go to the same cluster.
   *
   * @default - below the scope; a schedule of the namespace that is elsewhere in the app is an error
   */
  readonly schedulesIn?: IConstruct;

  /**
   * How many claims a schedule covers at most, by its `scheduleId`, where labels or a StatefulSet without `replicas` decide it; of a clone, by its name.
   *
   * @default - as many as are known by name
   */
  readonly claims?: { [scheduleId: string]: number };

  /**
   * How many snapshots of a claim there are at most, by the name of a `PreUpgradeSnapshot` that keeps them by age: that depends on how often it is started.
   *
   * @default - what retention keeps by number
   */
  readonly snapshotsOfClaim?: { [scheduleId: string]: number };
}

const PROPS: KnownKeys<SnapshotQuotaProps> = {
  metadata: true,
  maximum: true,
  headroom: true,
  schedulesIn: true,
  claims: true,
  snapshotsOfClaim: true,
};

/** Who reads the number sees what it is made of. */
const COUNTED = `${KEY_PREFIX}counted`;
const RESOURCE = `count/volumesnapshots.${SNAPSHOT_API_GROUP}`;
const LEAST_HEADROOM = 5;
/** More are a slip. */
const MOST = 10_000_000;

/** What is counted, with the numbers that a user has given. */
interface Counted extends SnapshotCount {
  readonly claims?: number;
}

/**
 * A ResourceQuota on the VolumeSnapshots of a namespace, as large as its schedules need it.
 *
 * It keeps a loop, or a schedule that was started by hand too often, from filling the storage, and never the schedules from doing their work: their
 * retention is simulated, and what is not known at synth must be said.
 *
 * @see https://kubernetes.io/docs/concepts/policy/resource-quotas/#quota-on-object-count
 * @example
 * import { Chart, Cron } from 'cdk8s';
 * import { RetentionPolicy, ScheduledSnapshot, SnapshotQuota, SnapshotSource } from 'cdk8s-volume-snapshots';
 *
 * declare const shop: Chart;
 * new ScheduledSnapshot(shop, 'Nightly', {
 *   metadata: { name: 'nightly' },
 *   source: SnapshotSource.fromSelector({ backup: 'nightly' }),
 *   schedule: Cron.schedule({ hour: '3', minute: '15' }),
 *   retention: RetentionPolicy.keepLast(14),
 * });
 * new SnapshotQuota(shop, 'Quota', { claims: { nightly: 8 } });
 */
export class SnapshotQuota extends Construct {
  /**
   * The name of the ResourceQuota.
   */
  public readonly name: string;

  /**
   * The namespace whose snapshots are counted.
   */
  public readonly namespace: string;

  private readonly schedulesIn: IConstruct;
  private readonly props: SnapshotQuotaProps;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct
   * @param props how many
   * @throws if the namespace is not known, or a prop is not valid; at synth, if a number is not known, or the schedules come to more
   */
  constructor(scope: Construct, id: string, props: SnapshotQuotaProps = {}) {
    super(scope, id);
    requireTypes(this, props);
    requireMetadata(this, props.metadata);
    this.namespace = requireNamespace(this, props.metadata, 'a quota is one of a namespace');
    this.schedulesIn = props.schedulesIn ?? scope;
    this.props = { ...props };
    const metadata = definedMetadata(props.metadata);
    const object = new ApiObject(this, 'Resource', {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { ...metadata, annotations: { ...metadata.annotations, [COUNTED]: Lazy.any({ produce: () => this.inWords() }) as any } },
      spec: { hard: { [RESOURCE]: Lazy.any({ produce: () => `${this.hard()}` }) } },
    });
    this.name = object.name;
    this.node.addValidation({ validate: () => this.problems() });
    registerChartChecks(this);
  }

  private hard(): number {
    const counted = this.counted();
    return this.props.maximum ?? sumOf(counted) + this.headroomOf(counted);
  }

  private headroomOf(counted: readonly Counted[]): number {
    const { headroom, maximum } = this.props;
    return headroom ?? (maximum === undefined ? Math.max(LEAST_HEADROOM, Math.ceil(sumOf(counted) / 10)) : 0);
  }

  private inWords(): string {
    const counted = this.counted();
    const headroom = this.headroomOf(counted);
    return [...counted.map(describe), ...headroom > 0 ? [`headroom ${headroom}`] : []].join('; ');
  }

  private counted(): Counted[] {
    const { claims = {}, snapshotsOfClaim = {} } = this.props;
    return countsBelow(this.schedulesIn, this.namespace).map(count => ({
      ...count,
      claims: claims[count.id] ?? (count.openEnded ? undefined : count.named),
      ofClaim: count.ofClaim ?? snapshotsOfClaim[count.id],
    }));
  }

  private problems(): string[] {
    const counted = this.counted();
    return [
      ...this.elsewhere(),
      ...this.nothing(counted),
      ...this.slips(counted, 'claims', this.props.claims),
      ...this.slips(counted, 'snapshotsOfClaim', this.props.snapshotsOfClaim),
      ...counted.flatMap(count => this.tooFew(count)),
      ...this.props.maximum === undefined ? counted.flatMap(count => this.unknown(count)) : this.tooSmall(counted, this.props.maximum),
    ];
  }

  private say(prop: string, problem: Problem): string {
    return message(this, prop, problem);
  }

  /** A quota that does not know of a schedule stops it one night. */
  private elsewhere(): string[] {
    if (this.props.schedulesIn) { return []; }
    return this.node.root.node.findAll()
      .filter(construct => !construct.node.scopes.includes(this.schedulesIn) && takesInto(construct).includes(this.namespace))
      .slice(0, 1)
      .map(({ node }) => this.say('schedulesIn', {
        problem: `what is defined at ${node.path} brings snapshots into the same namespace, and is not counted`,
        got: nameOf(this.schedulesIn),
        allowed: `a construct with all that takes snapshots in namespace '${this.namespace}' of one cluster below it`,
        fix: 'pass the app, or, if that goes to another cluster, the chart of this one',
      }));
  }

  private nothing(counted: readonly Counted[]): string[] {
    return counted.length > 0 || this.props.maximum !== undefined ? [] : [this.say('schedulesIn', {
      problem: `nothing below it takes snapshots in namespace '${this.namespace}', so there is nothing to count`,
      got: nameOf(this.schedulesIn),
      allowed: 'a construct with schedules below it, or maximum',
      fix: 'pass the app or the chart with your schedules',
    })];
  }

  private slips(counted: readonly Counted[], prop: 'claims' | 'snapshotsOfClaim', given: { [id: string]: number } = {}): string[] {
    const ids = counted.map(({ id }) => id).filter(id => id !== '');
    return Object.keys(given).filter(id => !ids.includes(id)).map(id => this.say(prop, {
      problem: 'nothing that is counted is called so', got: id, allowed: ids.join(', ') || 'none', fix: 'correct the name, or take it out',
    }));
  }

  private tooFew({ claims, id, named, title }: Counted): string[] {
    return claims === undefined || claims >= named ? [] : [this.say('claims', {
      problem: `${title} names more claims`, got: claims, allowed: `at least ${named} for '${id}'`, fix: 'correct the number, or take it out',
    })];
  }

  private unknown({ claims, id, ofClaim, title }: Counted): string[] {
    const problems: string[] = [];
    if (claims === undefined) {
      problems.push(this.say('claims', {
        problem: `how many claims ${title} covers is only known when it runs`, got: undefined, allowed: 'the most that there will be', fix: `write claims: { '${id}': … }, or maximum`,
      }));
    }
    if (ofClaim === undefined) {
      problems.push(this.say('snapshotsOfClaim', {
        problem: `${title} keeps its snapshots by age, and how many that are depends on how often it is started`,
        got: undefined,
        allowed: 'the most of a claim that there will be',
        fix: `write snapshotsOfClaim: { '${id}': … }, or keep them by number alone`,
      }));
    }
    return problems;
  }

  /** What is not known is not counted here: who names the maximum has thought of it. */
  private tooSmall(counted: readonly Counted[], maximum: number): string[] {
    const known = counted.filter(({ claims, ofClaim }) => claims !== undefined && ofClaim !== undefined);
    const needed = sumOf(known) + this.headroomOf(known);
    return needed <= maximum ? [] : [this.say('maximum', {
      problem: `the schedules of namespace '${this.namespace}' come to more, and would fail one night (${known.map(describe).join('; ')})`,
      got: maximum,
      allowed: `at least ${needed}`,
      fix: 'raise it, or keep fewer',
    })];
  }
}

/** The namespaces in which a construct takes snapshots, or into which it brings them. */
function takesInto(construct: IConstruct): readonly string[] {
  // a search for orphans has the mark too, and takes none
  const isSchedule = (node: IConstruct): node is IConstruct & Scheduled & { readonly namespaces?: string[] } => SCHEDULED_MARK in node && 'retention' in node;
  return isSchedule(construct) ? construct.namespaces ?? [construct.namespace] : (construct as { readonly _bringsInto?: string[] })._bringsInto ?? [];
}

function sumOf(counted: readonly Counted[]): number {
  return counted.reduce((sum, { claims = 0, ofClaim = 0 }) => sum + claims * ofClaim, 0);
}

function describe({ claims, ofClaim, title }: Counted): string {
  return ofClaim === 1 ? `${title}: ${claims}` : `${title}: ${claims} of at most ${ofClaim}`;
}

/** What the compiler knows of the props already, for those who write in another language. */
function requireTypes(origin: SnapshotQuota, props: SnapshotQuotaProps): void {
  requireKnownKeys(origin, props, PROPS);
  if (props.maximum !== undefined) { requireInteger(origin, 'maximum', props.maximum, 1, MOST); }
  if (props.headroom !== undefined) { requireInteger(origin, 'headroom', props.headroom, 0, MOST); }
  if (props.schedulesIn !== undefined && !Construct.isConstruct(props.schedulesIn)) {
    reject(origin, 'schedulesIn', { problem: 'not a construct', got: props.schedulesIn, allowed: 'the app, a chart or a construct', fix: 'pass the app' });
  }
  requireNumbers(origin, 'claims', props.claims);
  requireNumbers(origin, 'snapshotsOfClaim', props.snapshotsOfClaim);
}

function requireNumbers(origin: SnapshotQuota, prop: string, numbers: { [id: string]: number } = {}): void {
  if (typeof numbers !== 'object' || numbers === null || Array.isArray(numbers)) {
    reject(origin, prop, { problem: 'not a map', got: numbers, allowed: 'an object of names and numbers', fix: "write { 'nightly': 8 }" });
  }
  Object.entries(numbers).forEach(([id, number]) => requireInteger(origin, `${prop}.${id}`, number, 0, MOST));
}
