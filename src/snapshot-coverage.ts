import { ApiObject, Duration } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { isReason, UNSCHEDULED } from './model/claims';
import { Coverage, coverageOf } from './model/coverage';
import { Schedule } from './model/model';
import { tryApiObject } from './private/api';
import { coverageProblems, Requirements } from './private/coverage-problems';
import { CoverageRow, coverageReport, coverageTable, listNames } from './private/coverage-report';
import { CLAIM_KIND, claimsBelow, Defined, jobsBelow, nameOf, STATEFUL_SET_KIND, twins } from './private/defined-claims';
import {
  KnownKeys, message, reject, requireBoolean, requireDuration, requireEnum, requireInteger, requireKnownKeys, requireList, requireText,
} from './private/validate';
import { exemptionsOf, slips, Waiver } from './private/waivers';

/**
 * What becomes of a claim that is not protected.
 */
export enum WhenUncovered {
  /** Synth fails, and names all of them. */
  FAIL = 'Fail',
  /** Synth goes on; `table`, `report` and `problems` name them. */
  LIST = 'List',
}

/**
 * What it takes for a claim to be protected.
 */
export interface SnapshotCoverageProps {
  /**
   * What becomes of a claim that is not protected.
   *
   * @default WhenUncovered.FAIL
   */
  readonly whenUncovered?: WhenUncovered;

  /**
   * Where schedules and drills are looked for: the app, or another construct. All below it must go to the same cluster as the claims.
   *
   * @default - where the claims are looked for, below the scope
   */
  readonly schedulesIn?: IConstruct;

  /**
   * How much may be lost at most if damage is noticed within an hour, if every run starts on time and succeeds.
   *
   * It is the first figure of `RetentionPreview.worstCaseLoss`. Where clocks are put back, two nightly runs are 25 hours apart once a year.
   * From 1 minute to 10 years.
   *
   * @default - as much as the schedules come to
   */
  readonly maximumLoss?: Duration;

  /**
   * How far back the restore points must reach at any time, if every run succeeds. From 1 minute to 30 years.
   *
   * @default - as far as the schedules come to
   */
  readonly minimumReach?: Duration;

  /**
   * Whether a schedule must hold the application for the cut, and fail if it could not.
   *
   * @default false
   */
  readonly requireConsistent?: boolean;

  /**
   * Whether a `RestoreDrill` must look at what a schedule takes. Of a StatefulSet, the claim of one replica is enough for each template.
   *
   * @default false
   */
  readonly requireDrill?: boolean;
}

/**
 * Which claims of a StatefulSet are exempt.
 */
export interface ExemptOptions {
  /**
   * Names of volume claim templates.
   *
   * @default - all templates of the StatefulSet
   */
  readonly templates?: string[];

  /**
   * Ordinals of the pods whose claims are meant, such as `[1, 2]`.
   *
   * @default - all replicas
   */
  readonly ordinals?: number[];
}

const PROPS: KnownKeys<SnapshotCoverageProps> = {
  whenUncovered: true,
  schedulesIn: true,
  maximumLoss: true,
  minimumReach: true,
  requireConsistent: true,
  requireDrill: true,
};

const OPTIONS: KnownKeys<ExemptOptions> = { templates: true, ordinals: true };

const LEAST = Duration.minutes(1);
const LONGEST_LOSS = Duration.days(3653);
const LONGEST_REACH = Duration.days(30 * 365);
const MOST_REPLICAS = 10_000;

type Row = Defined & CoverageRow;

/**
 * Sees to it that every claim below its scope is protected by a schedule, or exempt for a reason that somebody wrote down.
 *
 * It looks at PersistentVolumeClaims and at the volume claim templates of StatefulSets, as they are when the app is synthesized, patches included:
 * the order in which things are defined does not matter. A claim is protected if a schedule of its namespace covers it that is not suspended, and the
 * schedules meet what is required beside. Nothing is rendered. The same as a table is for the docs, and for auditors.
 *
 * What is exempt by nature: a claim that was restored to stand beside another one, and generic ephemeral volumes, which go with their pod.
 *
 * @see https://kubernetes.io/docs/concepts/storage/persistent-volumes/
 * @example
 * import { App, Chart, Duration } from 'cdk8s';
 * import { SnapshotCoverage } from 'cdk8s-volume-snapshots';
 *
 * const app = new App();
 * const shop = new Chart(app, 'shop', { namespace: 'shop' });
 * // claims, StatefulSets and schedules of the shop
 * new SnapshotCoverage(shop, 'Coverage', { maximumLoss: Duration.hours(25) });
 */
export class SnapshotCoverage extends Construct {
  /**
   * The annotation on a claim, or on a StatefulSet, that says why no schedule needs to cover it.
   */
  public static readonly UNSCHEDULED_ANNOTATION = UNSCHEDULED;

  private readonly owner: IConstruct;
  private readonly whenUncovered: WhenUncovered;
  private readonly schedulesIn: IConstruct;
  private readonly requirements: Requirements;
  private readonly waivers: Waiver[] = [];

  /**
   * @param scope the app, a chart, or a construct: what is below it goes to one cluster, and is looked at
   * @param id the id of the construct, which is part of no name
   * @param props what it takes
   * @throws if a prop is not valid; at synth, if a claim is not protected, there is none, one is defined twice, or an exemption has no reason or no object
   */
  constructor(scope: Construct, id: string, props: SnapshotCoverageProps = {}) {
    super(scope, id);
    requireTypes(this, props);
    this.owner = scope;
    this.whenUncovered = props.whenUncovered ?? WhenUncovered.FAIL;
    this.schedulesIn = props.schedulesIn ?? scope;
    this.requirements = {
      maximumLossSeconds: props.maximumLoss?.toSeconds(),
      minimumReachSeconds: props.minimumReach?.toSeconds(),
      consistent: props.requireConsistent ?? false,
      drill: props.requireDrill ?? false,
    };
    this.node.addValidation({ validate: () => this.failures() });
  }

  /**
   * Says why a claim needs no schedule. Nothing is required of it then, also if a schedule does cover it.
   *
   * @param claim a construct below the scope whose object is a PersistentVolumeClaim or a StatefulSet
   * @param reason why, for those who read the table
   * @param options which claims of the StatefulSet
   * @throws if the construct is something else or elsewhere, or there is no reason; at synth, if it has no such template or ordinal
   */
  public exempt(claim: IConstruct, reason: string, options: ExemptOptions = {}): void {
    const object = requireClaims(this, claim);
    if (!object.node.scopes.includes(this.owner)) {
      reject(this, 'claim', {
        problem: 'it is not looked at', got: object, allowed: `a claim below ${nameOf(this.owner)}`, fix: 'define the coverage above it, or leave this out',
      });
    }
    requireText(this, 'reason', reason);
    if (!isReason(reason)) {
      reject(this, 'reason', { problem: 'it says nothing', got: reason, allowed: 'a reason', fix: 'say why the data needs no snapshots' });
    }
    requireKnownKeys(this, options, OPTIONS, 'options');
    requireList(this, 'options.templates', options.templates);
    requireList(this, 'options.ordinals', options.ordinals);
    options.ordinals?.forEach(ordinal => requireInteger(this, 'options.ordinals', ordinal, 0, MOST_REPLICAS));
    this.waivers.push({ object, reason, templates: options.templates, ordinals: options.ordinals });
  }

  /**
   * Why claims are not protected, one message for each and each requirement; empty if all are.
   *
   * To be asked when everything is defined, just before synth.
   */
  public problems(): string[] {
    return this.rows().flatMap(row => row.problems.map(({ prop, ...problem }) => message(this, prop, { ...problem, got: placeOf(row) })));
  }

  /**
   * What protects each claim, or why nothing does, as a table in Markdown. To be asked when everything is defined, just before synth.
   *
   * The same program gives the same text, so that a changed file is a changed protection.
   */
  public table(): string {
    return coverageTable(this.rows(), this.requirements);
  }

  /**
   * The same as `table` in JSON, with all figures; times are in seconds. To be asked when everything is defined, just before synth.
   */
  public report(): string {
    return coverageReport(this.rows(), this.requirements);
  }

  private failures(): string[] {
    const defined = claimsBelow(this.owner);
    if (defined.length === 0) {
      return [message(this, 'scope', {
        problem: 'there is no claim and no volume claim template below it, so nothing would ever fail',
        got: nameOf(this.owner),
        allowed: 'an app, a chart or a construct with claims',
        fix: 'define the coverage where the claims are, or leave it out',
      })];
    }
    const uncovered = this.whenUncovered === WhenUncovered.FAIL ? this.problems() : [];
    return [...twins(this, this.owner, defined), ...slips(this, this.waivers, defined), ...uncovered];
  }

  private rows(): Row[] {
    const jobs = jobsBelow(this.schedulesIn);
    const found = claimsBelow(this.owner).flatMap(defined =>
      coverageOf(defined.claim, jobs, exemptionsOf(this.waivers, defined)).map(coverage => ({ ...coverage, object: defined.object })));
    const inside = new Set(jobs.schedules.map(({ title }) => title));
    // the whole app is looked at only if it may help
    let app: readonly Schedule[] | undefined;
    const elsewhere = () => app ??= jobsBelow(this.node.root).schedules.filter(({ title }) => !inside.has(title));
    return found.map(row => ({ ...row, problems: coverageProblems(row, this.requirements, isBare(row) ? coveredBy(row, elsewhere()) : []) }));
  }
}

function isBare({ exemption, schedules, suspended }: Coverage): boolean {
  return exemption === undefined && schedules.length === 0 && suspended.length === 0;
}

function coveredBy({ claim, names }: Coverage, schedules: readonly Schedule[]): Schedule[] {
  const rows = coverageOf(claim, { schedules, drills: [] }, []).filter(row => names.every(name => row.names.includes(name)));
  return rows.flatMap(row => [...row.schedules]);
}

/** Which claim a message is about. */
function placeOf({ claim, names, object }: Row): string {
  return `${claim.title}${claim.template && names.length > 0 ? ` (${listNames(names)})` : ''}, at ${object.node.path}`;
}

/** The object whose claims are exempt. */
function requireClaims(origin: SnapshotCoverage, claim: IConstruct): ApiObject {
  const object = Construct.isConstruct(claim) ? tryApiObject(claim) : undefined;
  if (object === undefined || ![CLAIM_KIND, STATEFUL_SET_KIND].includes(object.kind)) {
    reject(origin, 'claim', {
      problem: `neither a ${CLAIM_KIND} nor a ${STATEFUL_SET_KIND}`, got: claim, allowed: 'a construct whose object is one of the two', fix: 'pass what defines the claim',
    });
  }
  return object;
}

/** What the compiler knows of the props already, for those who write in another language. */
function requireTypes(origin: SnapshotCoverage, props: SnapshotCoverageProps): void {
  requireKnownKeys(origin, props, PROPS);
  requireEnum(origin, 'whenUncovered', props.whenUncovered, WhenUncovered);
  if (props.schedulesIn !== undefined && !Construct.isConstruct(props.schedulesIn)) {
    reject(origin, 'schedulesIn', { problem: 'not a construct', got: props.schedulesIn, allowed: 'the app, a chart or a construct', fix: 'pass the app' });
  }
  if (props.maximumLoss !== undefined) { requireDuration(origin, 'maximumLoss', props.maximumLoss, LEAST, LONGEST_LOSS); }
  if (props.minimumReach !== undefined) { requireDuration(origin, 'minimumReach', props.minimumReach, LEAST, LONGEST_REACH); }
  requireBoolean(origin, 'requireConsistent', props.requireConsistent);
  requireBoolean(origin, 'requireDrill', props.requireDrill);
}
