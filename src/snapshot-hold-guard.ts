import { ApiObject, ApiObjectMetadata, Lazy } from 'cdk8s';
import { Construct } from 'constructs';
import { clusterScoped, GROUP_SNAPSHOT_API_GROUP, requireMetadata, requireNoNamespace, SNAPSHOT_API_GROUP } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { reject, requireDnsLabel, requireKind, requireKnownKeys, requireList } from './private/validate';
import { KEYS } from './runner/config';
import { SnapshotSubject } from './snapshot-subject';

/**
 * Who may release holds, and where they are guarded.
 */
export interface SnapshotHoldGuardProps {
  /**
   * Name, labels and annotations of the cluster-scoped objects.
   *
   * @default - the name `cdk8s-volume-snapshots-hold-guard`, so that a second one in the cluster replaces the first
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * Namespaces whose holds are guarded.
   *
   * @default - all namespaces
   */
  readonly namespaces?: string[];

  /**
   * Who may release a hold, and delete what is held; the guard gives them no right to do so.
   *
   * At least one. Administrators of the cluster are bound by the guard too, unless they are named.
   */
  readonly releasers: SnapshotSubject[];
}

const NAME = 'cdk8s-volume-snapshots-hold-guard';
/** Where people write a hold. */
const PLACES = ['labels', 'annotations'];

// every person, every robot, or anybody at all
const EVERYBODY = ['system:authenticated', 'system:unauthenticated', 'system:serviceaccounts'];

/**
 * Keeps everybody but the named releasers from deleting VolumeSnapshots and VolumeGroupSnapshots that are held, and from taking holds away.
 *
 * Schedules honour a hold by themselves; without the guard, whoever may delete
 * VolumeSnapshots can still delete a held one. Everybody can put on a hold who
 * may change a VolumeSnapshot.
 *
 * A snapshot whose only hold is `cdk8s-volume-snapshots/hold-until` can be
 * deleted: an admission policy has no clock, and the schedule prunes it when the
 * date is over. The guard keeps the date from being changed. Use
 * `cdk8s-volume-snapshots/hold` for what must not be deleted.
 *
 * The content and the storage behind a VolumeSnapshot are not guarded.
 *
 * Needs Kubernetes 1.30 or later.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
 * @example
 * import { App, Chart } from 'cdk8s';
 * import { SnapshotHoldGuard, SnapshotSubject } from 'cdk8s-volume-snapshots';
 *
 * const platform = new Chart(new App(), 'platform');
 * new SnapshotHoldGuard(platform, 'HoldGuard', { releasers: [SnapshotSubject.group('oidc:data-protection')] });
 */
export class SnapshotHoldGuard extends Construct {
  /**
   * The name of the cluster-scoped objects.
   */
  public readonly name: string;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct
   * @param props who may release holds, and where
   * @throws if there is no releaser, or a name is not valid
   */
  constructor(scope: Construct, id: string, props: SnapshotHoldGuardProps) {
    super(scope, id);
    requireKnownKeys(this, props, { metadata: true, namespaces: true, releasers: true });
    requireList(this, 'namespaces', props.namespaces);
    requireList(this, 'releasers', props.releasers);
    this.name = props.metadata?.name ?? NAME;
    requireMetadata(this, { ...props.metadata, name: this.name });
    requireNoNamespace(this, props.metadata);
    if (props.namespaces?.length === 0) {
      reject(this, 'namespaces', { problem: 'nothing would be guarded', got: [], allowed: 'at least one namespace', fix: 'leave it out to mean all' });
    }
    props.namespaces?.forEach(namespace => requireDnsLabel(this, 'namespaces', namespace));
    if (!props.releasers?.length) {
      reject(this, 'releasers', {
        problem: 'nobody could release a hold',
        got: props.releasers,
        allowed: 'at least one subject',
        fix: "name who may, for example [SnapshotSubject.group('...')]",
      });
    }
    props.releasers.forEach(releaser => {
      requireKind(this, 'releasers', releaser, 'SnapshotSubject');
      const { kind, name } = releaser._toKube() as { kind: string; name: string };
      if (kind === 'Group' && EVERYBODY.includes(name)) {
        reject(this, 'releasers', { problem: 'everybody could release a hold', got: name, allowed: 'the few who may', fix: 'name a group of people' });
      }
    });

    const releasers = [...props.releasers];
    this.define('Resource', 'ValidatingAdmissionPolicy', props.metadata, Lazy.any({ produce: () => policySpec(releasers.map(asAdmissionSeesIt)) }));
    this.define('Binding', 'ValidatingAdmissionPolicyBinding', props.metadata, {
      policyName: this.name,
      validationActions: ['Deny'],
      ...props.namespaces && {
        matchResources: {
          namespaceSelector: { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: [...props.namespaces] }] },
        },
      },
    });
    registerChartChecks(this);
  }

  private define(id: string, kind: string, metadata: ApiObjectMetadata | undefined, spec: object): void {
    clusterScoped(new ApiObject(this, id, { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { ...metadata, name: this.name }, spec }));
  }
}

/** Someone as an admission request names them. */
interface Releaser {
  readonly attribute: 'username' | 'group';
  readonly value: string;
  /** for people */
  readonly title: string;
}

function asAdmissionSeesIt(subject: SnapshotSubject): Releaser {
  const { kind, name, namespace } = subject._toKube() as { kind: string; name: string; namespace?: string };
  switch (kind) {
    case 'ServiceAccount': return { attribute: 'username', value: `system:serviceaccount:${namespace}:${name}`, title: `service account ${escape(`${namespace}/${name}`)}` };
    case 'Group': return { attribute: 'group', value: name, title: `group ${escape(name)}` };
    default: return { attribute: 'username', value: name, title: `user ${escape(name)}` };
  }
}

function policySpec(releasers: Releaser[]): object {
  const only = `only ${releasers.map(({ title }) => title).join(' or ')} may`;
  return {
    // what cannot be evaluated must not open the guard
    failurePolicy: 'Fail',
    matchConstraints: {
      // the scope is what the API server adds: without it every kubectl apply would call the policy changed
      resourceRules: [[SNAPSHOT_API_GROUP, 'volumesnapshots'], [GROUP_SNAPSHOT_API_GROUP, 'volumegroupsnapshots']].map(([apiGroup, resource]) => ({
        apiGroups: [apiGroup], apiVersions: ['*'], operations: ['UPDATE', 'DELETE'], resources: [resource], scope: '*',
      })),
    },
    matchConditions: [{ name: 'not-a-releaser', expression: `!(${isReleaser(releasers)})` }],
    variables: [
      { name: 'holds', expression: `${valuesOf(KEYS.hold)}.filter(hold, hold != 'false')` },
      { name: 'dates', expression: valuesOf(KEYS.holdUntil) },
    ],
    validations: [
      {
        expression: "request.operation != 'DELETE' || variables.holds.size() == 0",
        messageExpression: `'held by ${KEYS.hold}=' + variables.holds[0] + ${quote(`; ${only} delete it`)}`,
        // said if the reason of the hold has several lines
        message: `held by ${KEYS.hold}; ${only} delete it`,
      },
      {
        // a 'false' as the other of label and annotation could be taken for the answer
        expression: stays('holds', place => `(${valueOf('object', place, KEYS.hold)}.orValue('false') != 'false' || ${unchanged(place, KEYS.hold)})`),
        message: `${only} take away ${KEYS.hold}, or set it to false`,
      },
      {
        // as could a second date
        expression: stays('dates', place => unchanged(place, KEYS.holdUntil)),
        message: `${only} take away or change ${KEYS.holdUntil}`,
      },
    ],
  };
}

function isReleaser(releasers: Releaser[]): string {
  const listOf = (attribute: string) => releasers.filter(releaser => releaser.attribute === attribute).map(({ value }) => quote(value)).join(', ');
  const [usernames, groups] = [listOf('username'), listOf('group')];
  return [
    ...usernames ? [`request.userInfo.username in [${usernames}]`] : [],
    ...groups ? [`request.userInfo.?groups.orValue([]).exists(group, group in [${groups}])`] : [],
  ].join(' || ');
}

/** What must be true of label and annotation if there was something to guard; a deletion leaves no object to look at. */
function stays(guarded: string, condition: (place: string) => string): string {
  return `request.operation == 'DELETE' || variables.${guarded}.size() == 0 || (\n${PLACES.map(condition).join(' &&\n')})`;
}

/** The value that a label or annotation has, if it is there. */
function valueOf(object: 'object' | 'oldObject', place: string, key: string): string {
  return `${object}.metadata.?${place}[?'${key}']`;
}

/** What label and annotation said before the request, as a list of those that are there. */
function valuesOf(key: string): string {
  return `[${PLACES.map(place => `?${valueOf('oldObject', place, key)}`).join(', ')}]`;
}

function unchanged(place: string, key: string): string {
  return `${valueOf('object', place, key)} == ${valueOf('oldObject', place, key)}`;
}

/** A CEL literal, which knows the escapes of JSON. */
function quote(text: string): string {
  return `'${escape(text).replace(/'/g, "\\'")}'`;
}

/** As JSON escapes it; YAML takes some other characters for the end of a line, or refuses them. */
function escape(text: string): string {
  return JSON.stringify(text).slice(1, -1)
    .replace(/[\u007f-\u009f\u2028\u2029]/g, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
