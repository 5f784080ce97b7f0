import { ApiObject, ApiObjectMetadata, Lazy } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { Construct } from 'constructs';

/** A rule of a Role. */
export interface RoleRule {
  readonly apiGroups: string[];
  readonly resources: string[];
  readonly resourceNames?: string[];
  readonly verbs: string[];
}

const API_VERSION = 'rbac.authorization.k8s.io/v1';

/** A service account with just these rights in its own namespace, all of one name. */
export function defineRunnerAccount(scope: Construct, metadata: ApiObjectMetadata & { name: string; namespace: string }, rules: RoleRule[]): void {
  new kplus.ServiceAccount(scope, 'ServiceAccount', { metadata });
  defineRole(scope, '', metadata, rules, { name: metadata.name, namespace: metadata.namespace });
}

/** A Role of a service account, which may be of another namespace. `prefix`: of the ids. */
export function defineRole(
  scope: Construct, prefix: string, metadata: ApiObjectMetadata & { readonly name: string; readonly namespace: string }, rules: RoleRule[] | Lazy,
  account: { readonly name: string; readonly namespace: string },
): void {
  new ApiObject(scope, `${prefix}Role`, { apiVersion: API_VERSION, kind: 'Role', metadata, rules });
  new ApiObject(scope, `${prefix}RoleBinding`, {
    apiVersion: API_VERSION,
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name },
    subjects: [{ kind: 'ServiceAccount', ...account }],
  });
}
