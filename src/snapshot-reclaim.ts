import { ApiObject, ApiObjectMetadata } from 'cdk8s';
import { Construct } from 'constructs';
import { clusterScoped, requireMetadata, requireNoNamespace, SNAPSHOT_API_GROUP } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { reject, requireDnsLabel, requireKnownKeys, requireList } from './private/validate';

/**
 * For whom storage may be given back.
 */
export interface SnapshotReclaimProps {
  /**
   * Name, labels and annotations of the cluster-scoped objects.
   *
   * @default - the name `cdk8s-volume-snapshots-reclaim`, so that a second one in the cluster replaces the first and does no harm
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * Namespaces whose schedules may give back the storage of their own snapshots.
   *
   * @default - all namespaces
   */
  readonly namespaces?: string[];
}

const NAME = 'cdk8s-volume-snapshots-reclaim';
const CONTENTS = 'volumesnapshotcontents';
// Argo CD applies the fence before what it guards; to others the order does not matter, since they apply all in one go
const FIRST = { 'argocd.argoproj.io/sync-wave': '-2' };
const THEN = { 'argocd.argoproj.io/sync-wave': '-1' };

/** What may differ between the content before and after: nothing but the policy. Fields that are not compared may be changed. */
const FROZEN_SPEC = ['driver', 'source', 'volumeSnapshotRef', 'volumeSnapshotClassName', 'sourceVolumeMode'];
const FROZEN_METADATA = ['labels', 'annotations', 'finalizers', 'ownerReferences'];

/**
 * Lets schedules give back the storage of snapshots that they prune, under classes with `DeletionPolicy.RETAIN`.
 *
 * Deleting such a snapshot alone would leave it in the storage system, billed
 * and invisible. The policy is a field of the cluster-scoped content, so the
 * platform team allows the change once per cluster, with a fence around it: a
 * service account may set nothing but `spec.deletionPolicy`, only of contents
 * that were made for a snapshot in this cluster, and only where it may delete
 * the snapshot itself. Whoever may update contents anyway, such as the snapshot
 * controller, is not touched.
 *
 * Needs Kubernetes 1.30 or later.
 *
 * @see https://kubernetes.io/docs/concepts/storage/volume-snapshots/#delete
 * @see https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
 * @example
 * import { App, Chart } from 'cdk8s';
 * import { SnapshotReclaim } from 'cdk8s-volume-snapshots';
 *
 * const platform = new Chart(new App(), 'platform');
 * new SnapshotReclaim(platform, 'Reclaim');
 */
export class SnapshotReclaim extends Construct {
  /**
   * The name of the cluster-scoped objects.
   */
  public readonly name: string;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct
   * @param props for whom
   * @throws if a name is not valid
   */
  constructor(scope: Construct, id: string, props: SnapshotReclaimProps = {}) {
    super(scope, id);
    requireKnownKeys(this, props, { metadata: true, namespaces: true });
    requireList(this, 'namespaces', props.namespaces);
    this.name = props.metadata?.name ?? NAME;
    requireMetadata(this, { ...props.metadata, name: this.name });
    requireNoNamespace(this, props.metadata);
    if (props.namespaces?.length === 0) {
      reject(this, 'namespaces', { problem: 'nobody would be allowed', got: [], allowed: 'at least one namespace', fix: 'leave it out to mean all' });
    }
    props.namespaces?.forEach(namespace => requireDnsLabel(this, 'namespaces', namespace));

    this.defineFence(props.metadata);
    this.defineRight(props.metadata, props.namespaces);
    registerChartChecks(this);
  }

  private defineFence(metadata: ApiObjectMetadata | undefined): void {
    const namespaceOfSnapshot = 'oldObject.spec.volumeSnapshotRef.namespace';
    const group = `authorizer.group('${SNAPSHOT_API_GROUP}')`;
    this.define('Policy', 'admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicy', metadata, FIRST, {
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          // the scope is what the API server adds: without it every kubectl apply would call the policy changed
          resourceRules: [{ apiGroups: [SNAPSHOT_API_GROUP], apiVersions: ['*'], operations: ['UPDATE'], resources: [CONTENTS], scope: '*' }],
        },
        matchConditions: [{
          name: 'no-right-to-update-contents',
          expression: `!${group}.resource('${CONTENTS}').name(oldObject.metadata.name).check('update').allowed()`,
        }],
        validations: [
          {
            expression: 'has(oldObject.spec.source.volumeHandle)',
            message: 'only the content of a snapshot that was taken in this cluster may be given back, not a pre-provisioned one',
          },
          {
            expression: FROZEN_SPEC.map(field => unchanged('spec', field)).join(' &&\n'),
            message: 'nothing but spec.deletionPolicy may be changed',
          },
          {
            expression: FROZEN_METADATA.map(field => unchanged('metadata', field)).join(' &&\n'),
            message: 'nothing but spec.deletionPolicy may be changed, metadata included',
          },
          {
            expression: `${group}.resource('volumesnapshots').namespace(${namespaceOfSnapshot}).check('delete').allowed()`,
            messageExpression: `"only who may delete VolumeSnapshots in namespace '" + ${namespaceOfSnapshot} + "' may give back their storage"`,
          },
        ],
      },
    });
    this.define('PolicyBinding', 'admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicyBinding', metadata, FIRST, {
      spec: { policyName: this.name, validationActions: ['Deny'] },
    });
  }

  private defineRight(metadata: ApiObjectMetadata | undefined, namespaces: string[] | undefined): void {
    this.define('Resource', 'rbac.authorization.k8s.io/v1', 'ClusterRole', metadata, THEN, {
      rules: [{ apiGroups: [SNAPSHOT_API_GROUP], resources: [CONTENTS], verbs: ['patch'] }],
    });
    const groups = namespaces?.map(namespace => `system:serviceaccounts:${namespace}`) ?? ['system:serviceaccounts'];
    this.define('Binding', 'rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', metadata, THEN, {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: this.name },
      subjects: groups.map(name => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name })),
    });
  }

  private define(
    id: string, apiVersion: string, kind: string, metadata: ApiObjectMetadata | undefined, wave: { [key: string]: string }, body: object,
  ): void {
    clusterScoped(new ApiObject(this, id, {
      apiVersion,
      kind,
      metadata: { ...metadata, name: this.name, annotations: { ...metadata?.annotations, ...wave } },
      ...body,
    }));
  }
}

/** A CEL expression that holds if an optional field is what it was. */
function unchanged(parent: string, field: string): string {
  return `object.${parent}.?${field} == oldObject.${parent}.?${field}`;
}
