import { ApiObject, ApiObjectMetadata, Lazy } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { definedMetadata, GROUP_SNAPSHOT_API_GROUP, requireMetadata, requireNamespace, SNAPSHOT_API_GROUP } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { requireKind, requireKnownKeys, requireName } from './private/validate';
import { ClaimSelection } from './runner/config';
import { SnapshotSubject } from './snapshot-subject';

/**
 * Whose rights they are.
 */
export interface SnapshotRbacProps {
  /**
   * Name, labels and annotations of the service account, the Role and the RoleBinding.
   *
   * @default - a name made of the construct's path, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * The name of a service account of yours in the same namespace, which is then given the rights.
   *
   * @default - a service account is defined
   */
  readonly serviceAccountName?: string;
}

interface Rule {
  readonly apiGroups: string[];
  readonly resources: string[];
  readonly resourceNames?: string[];
  readonly verbs: string[];
}

const snapshots = (...verbs: string[]): Rule => ({ apiGroups: [SNAPSHOT_API_GROUP], resources: ['volumesnapshots'], verbs });
const groups = (...verbs: string[]): Rule => ({ apiGroups: [GROUP_SNAPSHOT_API_GROUP], resources: ['volumegroupsnapshots'], verbs });
const claims = (...verbs: string[]): Rule => ({ apiGroups: [''], resources: ['persistentvolumeclaims'], verbs });

/** What schedules do: by default, to snapshot each claim by itself. */
interface Run {
  /** the claims that are snapshotted together, asked at synth; each is by itself if absent */
  readonly groupedClaims?: () => ClaimSelection[];
  /** set if applications are quiesced: their pods, asked at synth, undefined if they are not known */
  readonly quiescedPods?: () => string[] | undefined;
}

/** Just what the runner calls; each verb is used, each call is here. */
const COMMON_RULES: Rule[] = [
  // to find its claims, and those that are being restored from a snapshot that is due
  claims('list'),
  { apiGroups: [''], resources: ['events'], verbs: ['create'] },
];
const SINGLE_RULES: Rule[] = [snapshots('create', 'delete', 'list', 'watch')];
/** The members of a group are the snapshot controller's: they are looked for and labelled, no more. */
const GROUP_RULES: Rule[] = [groups('create', 'delete', 'list', 'watch'), snapshots('list', 'patch')];
/** To find the pods that write to the claims, and to hold them. */
const quiesceRules = (podNames: string[] | undefined): Rule[] => [
  { apiGroups: [''], resources: ['pods'], resourceNames: podNames, verbs: ['list'] },
  // which of the two a server asks for depends on its version
  { apiGroups: [''], resources: ['pods/exec'], resourceNames: podNames, verbs: ['create', 'get'] },
];

/** What people and robots can be allowed; the names are ids of constructs. */
const GRANTS = {
  View: [
    snapshots('get', 'list', 'watch'),
    { apiGroups: ['batch'], resources: ['cronjobs', 'jobs'], verbs: ['get', 'list', 'watch'] },
    // the message of a run is in the status of its pod
    { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
  ],
  Take: [snapshots('create', 'get', 'list', 'watch'), claims('get', 'list')],
  Prune: [snapshots('delete', 'get', 'list', 'watch')],
  Restore: [snapshots('get', 'list', 'watch'), claims('create', 'get', 'list', 'watch')],
} satisfies { [grant: string]: Rule[] };

/**
 * The rights to snapshots in one namespace: a service account for schedules with
 * just what a run needs, and grants for people and robots.
 *
 * Each schedule defines one of its own unless it is given one. Give the same to
 * several schedules if they shall share a service account.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/
 * @example
 * import { Chart } from 'cdk8s';
 * import { SnapshotRbac, SnapshotSubject } from 'cdk8s-volume-snapshots';
 *
 * declare const chart: Chart;
 * const rbac = new SnapshotRbac(chart, 'SnapshotRights');
 * rbac.grantView(SnapshotSubject.group('developers'));
 * rbac.grantRestore(SnapshotSubject.user('jane@example.com'));
 */
export class SnapshotRbac extends Construct {
  /**
   * The name of the service account that has the rights of a schedule.
   */
  public readonly serviceAccountName: string;

  /**
   * The namespace that all of the rights are limited to.
   */
  public readonly namespace: string;

  private readonly metadata: ApiObjectMetadata;
  private accountNamespace: string;
  private readonly runs: Run[] = [];
  private readonly granted = new Map<string, SnapshotSubject[]>();

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct
   * @param props whose rights they are
   * @throws if the namespace is not known, since a role binding must name that of a service account, or a name is not valid
   */
  constructor(scope: Construct, id: string, props: SnapshotRbacProps = {}) {
    super(scope, id);
    requireKnownKeys(this, props, { metadata: true, serviceAccountName: true });
    requireMetadata(this, props.metadata);
    this.namespace = requireNamespace(this, props.metadata, 'a role binding must name the namespace of its service account');
    if (props.serviceAccountName !== undefined) { requireName(this, 'serviceAccountName', props.serviceAccountName); }
    this.accountNamespace = this.namespace;
    this.metadata = { ...definedMetadata(props.metadata), namespace: this.namespace };

    this.serviceAccountName = props.serviceAccountName ?? new kplus.ServiceAccount(this, 'ServiceAccount', { metadata: this.metadata }).name;
    this.defineRole('Resource', this.metadata, Lazy.any({ produce: () => this.runnerRules() }), () => [
      { kind: 'ServiceAccount', name: this.serviceAccountName, namespace: this.accountNamespace },
    ]);
    registerChartChecks(this);
  }

  /**
   * Allows to see snapshots, and the CronJobs, Jobs and pods that take them, with the message of each run; not the logs.
   *
   * @param subject who; the same again changes nothing
   */
  public grantView(subject: SnapshotSubject): void { this.grant('View', subject); }

  /**
   * Allows to take snapshots by hand, and to look up claims.
   *
   * @param subject who; the same again changes nothing
   */
  public grantTake(subject: SnapshotSubject): void { this.grant('Take', subject); }

  /**
   * Allows to delete snapshots.
   *
   * With a `SnapshotReclaim` in the cluster, service accounts that have this right can also give back retained storage.
   *
   * @param subject who; the same again changes nothing
   */
  public grantPrune(subject: SnapshotSubject): void { this.grant('Prune', subject); }

  /**
   * Allows to create claims from snapshots.
   *
   * @param subject who; the same again changes nothing
   */
  public grantRestore(subject: SnapshotSubject): void { this.grant('Restore', subject); }

  /**
   * Gives a schedule the rights that its runs need.
   *
   * @internal
   */
  public _allowRun(run: Run): void { this.runs.push(run); }

  /**
   * Gives the rights to the service account of another namespace, that of the platform.
   *
   * @internal
   */
  public _bindAccountOf(namespace: string): void { this.accountNamespace = namespace; }

  private runnerRules(): Rule[] {
    const [grouped, single] = [this.runs.filter(run => run.groupedClaims), this.runs.filter(run => !run.groupedClaims)];
    const areQuiesced = (runs: Run[]) => runs.some(run => run.quiescedPods);
    return [
      // the account of rights that no schedule has is for single snapshots as well
      ...single.length > 0 || grouped.length === 0 ? SINGLE_RULES : [],
      ...grouped.length > 0 ? [...GROUP_RULES, markRule(grouped)] : [],
      ...COMMON_RULES,
      ...areQuiesced(this.runs) ? quiesceRules(allNames(this.runs.flatMap(({ quiescedPods }) => (quiescedPods ? [quiescedPods()] : [])))) : [],
      // to call it consistent
      ...areQuiesced(single) ? [snapshots('patch')] : [],
      ...areQuiesced(grouped) ? [groups('patch')] : [],
    ];
  }

  private grant(name: keyof typeof GRANTS, subject: SnapshotSubject): void {
    requireKind(this, 'subject', subject, 'SnapshotSubject');
    const subjects = this.granted.get(name);
    if (subjects) {
      subjects.push(subject);
      return;
    }
    const first = [subject];
    this.granted.set(name, first);
    const { name: own, ...metadata } = this.metadata;
    const ownName = own === undefined ? {} : { name: `${own}-${name.toLowerCase()}` };
    this.defineRole(name, { ...metadata, ...ownName }, GRANTS[name], () => unique(first.map(s => s._toKube())));
  }

  private defineRole(id: string, metadata: ApiObjectMetadata, rules: Rule[] | object, subjects: () => object[]): void {
    // the primary Role is the default child, so that ApiObject.of() and escape hatches find it
    const role = new ApiObject(this, id === 'Resource' ? id : `${id}Role`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata,
      rules,
    });
    new ApiObject(this, id === 'Resource' ? 'Binding' : `${id}Binding`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: role.name },
      subjects: Lazy.any({ produce: subjects }),
    });
  }
}

/** The claims of a group get a label; no others, where the names are known. */
function markRule(runs: readonly Run[]): Rule {
  const selections = runs.flatMap(run => run.groupedClaims?.() ?? []);
  const resourceNames = allNames(selections.map(selection => (selection.kind === 'Claim' ? [selection.name] : undefined)));
  return { apiGroups: [''], resources: ['persistentvolumeclaims'], resourceNames, verbs: ['patch'] };
}

/** Undefined if some are not known. */
function allNames(names: readonly (string[] | undefined)[]): string[] | undefined {
  return names.includes(undefined) ? undefined : unique(names.flatMap(each => each ?? []));
}

function unique<T>(values: T[]): T[] {
  return [...new Map(values.map(value => [JSON.stringify(value), value])).values()];
}
