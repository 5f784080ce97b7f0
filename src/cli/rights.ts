import { listOf, Manifest, namesOf, ofKind, textOf, titleOf } from '../model/manifest';

/** A rule that a binding gives to a service account. */
export interface Grant {
  /** the binding, as messages call it */
  readonly binding: string;
  /** the role behind it */
  readonly role: string;
  /** where it holds; everywhere if absent */
  readonly namespace?: string;
  readonly rule: Rule;
}

export interface Rule {
  readonly apiGroups: string[];
  readonly resources: string[];
  readonly verbs: string[];
  /** the names that it is limited to, if it is */
  readonly resourceNames: string[];
}

/** A binding whose role is not among the files. */
export interface UnknownGrant {
  readonly binding: string;
  readonly role: string;
}

export interface Account {
  readonly namespace: string;
  readonly name: string;
}

const RBAC = 'rbac.authorization.k8s.io';
const EVERYTHING: Rule = { apiGroups: ['*'], resources: ['*'], verbs: ['*'], resourceNames: [] };
/** What every cluster has, as far as it matters here: more than a run needs. */
const BUILT_IN: { readonly [clusterRole: string]: Rule } = {
  'cluster-admin': EVERYTHING,
  'admin': { ...EVERYTHING, apiGroups: ['', 'apps', 'batch', RBAC] },
  'edit': { ...EVERYTHING, apiGroups: ['', 'apps', 'batch'] },
};

/** What the bindings among the files give to a service account, be it by name or by group. */
export function grantsOf(manifests: readonly Manifest[], account: Account): { readonly known: Grant[]; readonly unknown: UnknownGrant[] } {
  const known: Grant[] = [];
  const unknown: UnknownGrant[] = [];
  for (const binding of [...ofKind(manifests, RBAC, 'RoleBinding'), ...ofKind(manifests, RBAC, 'ClusterRoleBinding')]) {
    const namespace = binding.kind === 'RoleBinding' ? binding.metadata.namespace || account.namespace : undefined;
    if (!listOf(binding.subjects).some(subject => isAccount(subject, account, namespace))) { continue; }
    const role = { kind: textOf(binding.roleRef?.kind), name: textOf(binding.roleRef?.name) };
    const title = `${role.kind} ${role.name}`;
    const rules = rulesOf(manifests, role, namespace);
    if (rules === undefined) {
      unknown.push({ binding: titleOf(binding), role: title });
    } else {
      known.push(...rules.map(rule => ({ binding: titleOf(binding), role: title, namespace, rule })));
    }
  }
  return { known, unknown };
}

function isAccount(subject: any, { namespace, name }: Account, bindingNamespace: string | undefined): boolean {
  switch (subject.kind) {
    case 'ServiceAccount': return subject.name === name && (subject.namespace ?? bindingNamespace) === namespace;
    case 'User': return subject.name === `system:serviceaccount:${namespace}:${name}`;
    case 'Group': return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'].includes(subject.name);
    default: return false;
  }
}

/** The rules of a role, undefined if they are not among the files. */
export function rulesOf(manifests: readonly Manifest[], role: { kind: string; name: string }, namespace: string | undefined): Rule[] | undefined {
  const object = ofKind(manifests, RBAC, role.kind)
    .find(({ kind, metadata }) => metadata.name === role.name && (kind === 'ClusterRole' || metadata.namespace === '' || metadata.namespace === namespace));
  // the rules of an aggregated role are filled in by the cluster
  if (object !== undefined && object.aggregationRule === undefined) { return listOf(object.rules).map(readRule); }
  return role.kind === 'ClusterRole' && Object.hasOwn(BUILT_IN, role.name) ? [BUILT_IN[role.name]] : undefined;
}

function readRule(rule: any): Rule {
  return {
    apiGroups: namesOf(rule.apiGroups), resources: namesOf(rule.resources), verbs: namesOf(rule.verbs), resourceNames: namesOf(rule.resourceNames),
  };
}

/** Whether a rule allows this of the objects with these names, or of every object of the resource. */
export function allows(
  { apiGroups, resources, verbs, resourceNames }: Rule, apiGroup: string, resource: string, verb: string, names?: readonly string[],
): boolean {
  const has = (list: string[], item: string) => list.includes('*') || list.includes(item);
  return has(apiGroups, apiGroup) && has(resources, resource) && has(verbs, verb)
    && (resourceNames.length === 0 || (names?.every(name => resourceNames.includes(name)) ?? false));
}

/** The rights of a rule one by one. */
export function rightsIn({ apiGroups, resources, verbs }: Rule): { apiGroup: string; resource: string; verb: string }[] {
  return apiGroups.flatMap(apiGroup => resources.flatMap(resource => verbs.map(verb => ({ apiGroup, resource, verb }))));
}
