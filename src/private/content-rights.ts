import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { clusterScoped, SNAPSHOT_API_GROUP } from './api';
import { KEYS } from '../runner/config';

/** Who may bring snapshots into other namespaces than theirs, and into which. */
export interface ContentRights {
  /** what the contents carry as `KEYS.clone`, and what all of this is called */
  readonly id: string;
  readonly account: { readonly name: string; readonly namespace: string };
  /** the namespace that owns the contents: they are in none, and go with it */
  readonly owner: string;
  readonly namespaces: readonly string[];
}

/** The id is a label on what is made. */
export const LONGEST_ID = 63;

// Argo CD applies the fence before what it guards; to others the order does not matter, since they apply all in one go
const FIRST = { 'argocd.argoproj.io/sync-wave': '-2' };
const THEN = { 'argocd.argoproj.io/sync-wave': '-1' };
const CONTENTS = 'volumesnapshotcontents';

/**
 * The right to make second objects of snapshots, with a fence: whoever got hold of the service account could show a snapshot to no other
 * namespace, and take away no content but its own.
 */
export function defineContentRights(scope: Construct, { account, id, namespaces, owner }: ContentRights): void {
  const define = (construct: string, apiVersion: string, kind: string, annotations: { [key: string]: string }, body: object) =>
    clusterScoped(new ApiObject(scope, construct, { apiVersion, kind, metadata: { name: id, annotations }, ...body }));
  define('ClusterRole', 'rbac.authorization.k8s.io/v1', 'ClusterRole', THEN, {
    rules: [
      // no right to list them, which would show the handles of all tenants
      { apiGroups: [SNAPSHOT_API_GROUP], resources: [CONTENTS], verbs: ['create', 'delete', 'get'] },
      { apiGroups: [''], resources: ['namespaces'], verbs: ['get'], resourceNames: [owner] },
    ],
  });
  define('ClusterRoleBinding', 'rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', THEN, {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: id },
    subjects: [{ kind: 'ServiceAccount', ...account }],
  });
  const isOurs = (object: string) => `has(${object}.metadata.labels) && '${KEYS.clone}' in ${object}.metadata.labels`
    + ` && ${object}.metadata.labels['${KEYS.clone}'] == '${id}' && ${object}.spec.deletionPolicy == 'Retain'`;
  define('Policy', 'admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicy', FIRST, {
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        // the scope is what the API server adds: without it every kubectl apply would call the policy changed
        resourceRules: [{ apiGroups: [SNAPSHOT_API_GROUP], apiVersions: ['*'], operations: ['CREATE', 'DELETE'], resources: [CONTENTS], scope: '*' }],
      },
      matchConditions: [{
        name: 'by-the-service-account',
        expression: `request.userInfo.username == 'system:serviceaccount:${account.namespace}:${account.name}'`,
      }],
      validations: [
        {
          expression: `request.operation != 'CREATE' || (${isOurs('object')} && object.spec.volumeSnapshotRef.namespace in ${JSON.stringify(namespaces)})`,
          message: `only a content that retains its storage, with the label of the clone, for a snapshot in ${namespaces.join(' or ')}, may be created`,
        },
        {
          expression: `request.operation != 'DELETE' || (${isOurs('oldObject')})`,
          message: 'only a content that retains its storage, with the label of the clone, may be deleted',
        },
      ],
    },
  });
  define('PolicyBinding', 'admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicyBinding', FIRST, {
    spec: { policyName: id, validationActions: ['Deny'] },
  });
}
