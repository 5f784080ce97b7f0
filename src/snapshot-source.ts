import { ApiObject } from 'cdk8s';
import { IConstruct } from 'constructs';
import { apiObjectOf } from './private/api';
import { quantityToNumber } from './private/quantity';
import { Origin, reject, requireDnsLabel, requireInteger, requireKnownKeys, requireLabels, requireList, requireName } from './private/validate';
import { ClaimSelection } from './runner/config';

/**
 * Which claims of a StatefulSet are meant.
 */
export interface FromStatefulSetOptions {
  /**
   * Names of volume claim templates.
   *
   * @default - all templates of the StatefulSet
   */
  readonly templates?: string[];

  /**
   * Ordinals of the pods whose claims are meant, such as `[0]` for the first alone.
   *
   * @default - all replicas; those that exist when the run starts if `replicas` is not set, as under an autoscaler
   */
  readonly ordinals?: number[];
}

/**
 * Which claims of a StatefulSet that is defined elsewhere are meant.
 */
export interface FromStatefulSetNameOptions {
  /**
   * Names of the volume claim templates.
   */
  readonly templates: string[];

  /**
   * The number of replicas.
   *
   * @default - the claims that exist when the run starts
   */
  readonly replicas?: number;

  /**
   * Ordinals of the pods whose claims are meant.
   *
   * @default - all replicas
   */
  readonly ordinals?: number[];
}

/** More are a slip, whose names would fill the memory before anything else is said. */
const MOST_REPLICAS = 10_000;

/** What a source comes down to at synth. */
interface ResolvedSource {
  readonly selections: ClaimSelection[];
  /** undefined if it is not known */
  readonly namespace?: string;
  /** requested bytes of the claim, if there is one claim and it says */
  readonly bytes?: number;
}

/**
 * The claims whose volumes are snapshotted.
 *
 * Constructs may come from any version of cdk8s-plus, or be plain ApiObjects;
 * each has a twin that takes a name.
 *
 * @see https://kubernetes.io/docs/concepts/storage/persistent-volumes/
 * @example
 * import { SnapshotSource } from 'cdk8s-volume-snapshots';
 *
 * SnapshotSource.fromClaimName('data-postgres-0');
 */
export class SnapshotSource {
  /**
   * One claim that is defined in this app.
   *
   * @param claim a construct whose object is a PersistentVolumeClaim
   * @throws if the construct is something else
   * @example
   * import { Chart, Size } from 'cdk8s';
   * import * as kplus from 'cdk8s-plus-27';
   * import { SnapshotSource } from 'cdk8s-volume-snapshots';
   *
   * declare const chart: Chart;
   * const claim = new kplus.PersistentVolumeClaim(chart, 'Data', { storage: Size.gibibytes(10) });
   * SnapshotSource.fromClaim(claim);
   */
  public static fromClaim(claim: IConstruct): SnapshotSource {
    const object = apiObjectOf('SnapshotSource.fromClaim', 'claim', claim, 'PersistentVolumeClaim', 'SnapshotSource.fromClaimName');
    return new SnapshotSource(() => {
      const json = object.toJson();
      return {
        selections: [{ kind: 'Claim', name: json.metadata.name }],
        namespace: json.metadata.namespace,
        bytes: requestedBytes(json),
      };
    });
  }

  /**
   * One claim by its name.
   *
   * @param claimName the name, in the namespace of the schedule
   * @throws if it cannot be the name of a claim
   * @example
   * import { SnapshotSource } from 'cdk8s-volume-snapshots';
   *
   * SnapshotSource.fromClaimName('uploads');
   */
  public static fromClaimName(claimName: string): SnapshotSource {
    requireName('SnapshotSource.fromClaimName', 'claimName', claimName);
    return new SnapshotSource(() => ({ selections: [{ kind: 'Claim', name: claimName }] }));
  }

  /**
   * The claims of a StatefulSet: each volume claim template times each replica, `data-postgres-0` and so on.
   *
   * Without `replicas`, as under an autoscaler, the claims are found when the
   * run starts, among them those of replicas that were scaled in.
   *
   * @param statefulSet a construct whose object is a StatefulSet
   * @param options which templates and ordinals
   * @throws if the construct is something else; at synth, if it has no such template or ordinal
   * @see https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-storage
   * @example
   * import { ApiObject } from 'cdk8s';
   * import { SnapshotSource } from 'cdk8s-volume-snapshots';
   *
   * declare const postgres: ApiObject;
   * SnapshotSource.fromStatefulSet(postgres, { templates: ['data'], ordinals: [0] });
   */
  public static fromStatefulSet(statefulSet: IConstruct, options: FromStatefulSetOptions = {}): SnapshotSource {
    const origin = 'SnapshotSource.fromStatefulSet';
    const object = apiObjectOf(origin, 'statefulSet', statefulSet, 'StatefulSet', 'SnapshotSource.fromStatefulSetName');
    requireKnownKeys(origin, options, { templates: true, ordinals: true }, 'options');
    requireTemplates(origin, options.templates, 'leave it out to mean all');
    requireOrdinals(origin, options.ordinals);
    return new SnapshotSource(construct => resolveStatefulSet(construct, object, options));
  }

  /**
   * The claims of a StatefulSet that is defined elsewhere.
   *
   * @param name the name of the StatefulSet, in the namespace of the schedule
   * @param options its templates, and what is known of its replicas
   * @throws if a name or ordinal is not valid
   * @see https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-storage
   * @example
   * import { SnapshotSource } from 'cdk8s-volume-snapshots';
   *
   * SnapshotSource.fromStatefulSetName('postgres', { templates: ['data'], replicas: 3 });
   */
  public static fromStatefulSetName(name: string, options: FromStatefulSetNameOptions): SnapshotSource {
    const origin = 'SnapshotSource.fromStatefulSetName';
    requireDnsLabel(origin, 'name', name);
    requireKnownKeys(origin, options, { templates: true, ordinals: true, replicas: true }, 'options');
    requireTemplates(origin, options.templates ?? [], 'name the volume claim templates');
    options.templates.forEach(template => requireDnsLabel(origin, 'templates', template));
    requireOrdinals(origin, options.ordinals);
    if (options.replicas !== undefined) { requireInteger(origin, 'replicas', options.replicas, 1, MOST_REPLICAS); }
    const existing = ordinalsFrom(0, options.replicas);
    requireExisting(origin, 'ordinals', name, options.ordinals, existing);
    const selections = selectStatefulSet(name, options.templates, options.ordinals ?? existing);
    return new SnapshotSource(() => ({ selections }));
  }

  /**
   * The claims that carry labels when a run starts; a run that finds none fails.
   *
   * Claims that this library restored or cloned are left out, though they often
   * have the labels of the claim they come from.
   *
   * @param labels keys and values, all of which a claim must have
   * @throws if there is no label, or one is not valid
   * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
   * @example
   * import { SnapshotSource } from 'cdk8s-volume-snapshots';
   *
   * SnapshotSource.fromSelector({ 'app.kubernetes.io/name': 'postgres' });
   */
  public static fromSelector(labels: { [key: string]: string }): SnapshotSource {
    requireLabels('SnapshotSource.fromSelector', 'labels', labels);
    if (Object.keys(labels).length === 0) {
      reject('SnapshotSource.fromSelector', 'labels', {
        problem: 'no label would select every claim of the namespace',
        got: labels,
        allowed: 'at least one label',
        fix: 'label the claims to be snapshotted, or use SnapshotSource.everyClaim()',
      });
    }
    return new SnapshotSource(() => ({ selections: [{ kind: 'Selector', matchLabels: { ...labels } }] }));
  }

  /**
   * Every claim of the namespace, except those that were restored to stand beside another one.
   *
   * A claim that cannot be snapshotted, such as one of a network file system without a CSI driver, is a failure of each run.
   *
   * @example
   * import { SnapshotSource } from 'cdk8s-volume-snapshots';
   *
   * SnapshotSource.everyClaim();
   */
  public static everyClaim(): SnapshotSource {
    return new SnapshotSource(() => ({ selections: [{ kind: 'Selector', matchLabels: {} }] }));
  }

  private constructor(private readonly resolve: (origin: Origin) => ResolvedSource) {}

  /**
   * The same claims, of which a run need not have each.
   *
   * @internal
   */
  public _optional(): SnapshotSource {
    return new SnapshotSource(origin => {
      const resolved = this.resolve(origin);
      return { ...resolved, selections: resolved.selections.map(selection => ({ ...selection, optional: true })) };
    });
  }

  /**
   * What the source comes down to; only at synth, since a StatefulSet may still change until then.
   *
   * @internal
   */
  public _resolve(origin: IConstruct, namespace: string | undefined): ResolvedSource {
    const resolved = this.resolve(origin);
    if (resolved.namespace !== undefined && namespace !== undefined && resolved.namespace !== namespace) {
      reject(origin, 'source', {
        problem: 'a snapshot is taken in the namespace of its claim',
        got: `a source in namespace '${resolved.namespace}'`,
        allowed: `namespace '${namespace}'`,
        fix: 'define the two in one namespace',
      });
    }
    return resolved;
  }
}

function resolveStatefulSet(origin: Origin, object: ApiObject, options: FromStatefulSetOptions): ResolvedSource {
  const { metadata, spec } = object.toJson();
  const name: string = metadata.name;
  const defined: string[] = (spec?.volumeClaimTemplates ?? []).map((template: any) => template.metadata.name);
  if (defined.length === 0) {
    reject(origin, 'source', {
      problem: `StatefulSet '${name}' has no volumeClaimTemplates, so it owns no claim`,
      got: `the StatefulSet at ${object.node.path}`,
      allowed: 'a StatefulSet with volume claim templates',
      fix: 'name the claims with SnapshotSource.fromClaim or fromClaimName',
    });
  }
  for (const template of options.templates ?? []) {
    if (!defined.includes(template)) {
      reject(origin, 'source', {
        problem: `StatefulSet '${name}' has no such volume claim template`,
        got: template,
        allowed: defined.map(t => `'${t}'`).join(', '),
        fix: 'correct the name',
      });
    }
  }
  const start: number = spec.ordinals?.start ?? 0;
  requireInteger(origin, 'source', start, 0, MOST_REPLICAS);
  if (spec.replicas !== undefined) { requireInteger(origin, 'source', spec.replicas, 0, MOST_REPLICAS); }
  const existing = ordinalsFrom(start, spec.replicas);
  requireExisting(origin, 'source', name, options.ordinals, existing);
  if (existing?.length === 0) {
    reject(origin, 'source', {
      problem: `StatefulSet '${name}' has no replicas, so it owns no claim`,
      got: 0,
      allowed: 'at least 1, or no number of replicas at all',
      fix: 'leave out replicas if something else sets them, or name the claims with fromClaimName',
    });
  }
  const templates = options.templates ?? defined;
  const selections = selectStatefulSet(name, templates, options.ordinals ?? existing);
  const single = selections.length === 1 && selections[0].kind === 'Claim';
  return {
    selections,
    namespace: metadata.namespace,
    bytes: single ? requestedBytes(spec.volumeClaimTemplates.find((template: any) => template.metadata.name === templates[0])) : undefined,
  };
}

/** What a claim, or the template of one, asks for. */
function requestedBytes(claim: any): number | undefined {
  const request = claim.spec?.resources?.requests?.storage;
  return request === undefined ? undefined : quantityToNumber(String(request));
}

function requireExisting(origin: Origin, prop: string, name: string, ordinals: number[] | undefined, existing: number[] | undefined): void {
  const unknown = ordinals?.find(ordinal => existing && !existing.includes(ordinal));
  if (existing && unknown !== undefined) {
    reject(origin, prop, {
      problem: `StatefulSet '${name}' has no such ordinal`,
      got: unknown,
      allowed: existing.length ? `${existing[0]} to ${existing[existing.length - 1]}` : 'none, since it has no replicas',
      fix: 'correct the ordinal, or the number of replicas',
    });
  }
}

/** Names where the ordinals are known, else the rule by which the runner finds them. */
function selectStatefulSet(name: string, templates: string[], ordinals: number[] | undefined): ClaimSelection[] {
  return ordinals
    ? templates.flatMap(template => ordinals.map((ordinal): ClaimSelection => ({ kind: 'Claim', name: `${template}-${name}-${ordinal}`, statefulSet: name })))
    : [{ kind: 'StatefulSet', name, templates: [...templates] }];
}

function ordinalsFrom(start: number, replicas: number | undefined): number[] | undefined {
  return replicas === undefined ? undefined : Array.from({ length: replicas }, (_, index) => start + index);
}

function requireTemplates(origin: string, templates: string[] | undefined, fix: string): void {
  requireList(origin, 'templates', templates);
  if (templates?.length === 0) { reject(origin, 'templates', { problem: 'no template is named', got: [], allowed: 'at least one', fix }); }
}

function requireOrdinals(origin: string, ordinals: number[] | undefined): void {
  requireList(origin, 'ordinals', ordinals);
  if (ordinals?.length === 0) {
    reject(origin, 'ordinals', { problem: 'no ordinal is named', got: [], allowed: 'at least one', fix: 'leave it out to mean all' });
  }
  ordinals?.forEach(ordinal => requireInteger(origin, 'ordinals', ordinal, 0, MOST_REPLICAS));
}
