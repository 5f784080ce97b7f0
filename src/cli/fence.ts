import { listOf, Manifest, namesOf, ofKind, textOf } from '../model/manifest';
import { SNAPSHOT_API_GROUP } from '../private/api';

const ADMISSION = 'admissionregistration.k8s.io';

/** What the fence of `SnapshotReclaim` must ask, and what could happen if it did not. */
const GUARDS: { readonly asks: RegExp; readonly lets: string }[] = [
  { asks: /volumeHandle/, lets: 'the contents of pre-provisioned snapshots, whose handle may be of another namespace, be changed' },
  { asks: /volumeSnapshotRef(?!\.namespace)/, lets: 'more than the deletion policy of a content be changed' },
  { asks: /metadata\b.*annotations/s, lets: 'the annotations of a content be changed, which name the secret that deletes it' },
  { asks: /authorizer[^]*volumesnapshots'[^]*check\('delete'\)/, lets: 'the storage of snapshots in other namespaces be deleted' },
];

/**
 * What is wrong with the admission policy around the right to patch contents, in words; undefined if nothing is.
 * Policies are known by what they guard, not by their name.
 */
export function fenceProblem(manifests: readonly Manifest[]): string | undefined {
  const fences = policiesOver(manifests, 'UPDATE').filter(policy => !asksForUser(policy));
  if (fences.length === 0) { return 'no ValidatingAdmissionPolicy over VolumeSnapshotContents is among the files'; }
  const problems = fences.map(policy => guardProblem(policy) ?? scopeProblem(policy, /^!authorizer\b[^]*check\('update'\)\.allowed\(\)$/) ?? bindingProblem(manifests, policy));
  return problems.includes(undefined) ? undefined : problems[0];
}

/** Whether the rights of `SnapshotOrphans` to contents are fenced for this service account. */
export function isFencedByName(manifests: readonly Manifest[], namespace: string, name: string): boolean {
  const user = `system:serviceaccount:${namespace}:${name}`;
  return policiesOver(manifests, 'UPDATE', 'DELETE').some(policy => conditionsOf(policy).length > 0
    && (scopeProblem(policy, new RegExp(`'${user}'`)) ?? bindingProblem(manifests, policy)) === undefined);
}

/** Whatever leaves out some contents, or somebody, but for the condition that is known. */
function scopeProblem(policy: Manifest, known: RegExp): string | undefined {
  const { metadata: { name }, spec } = policy;
  const constraints = spec.matchConstraints ?? {};
  const isEmpty = (value: unknown) => value === undefined || value === null || Object.keys(value).length === 0;
  const isWhole = ['objectSelector', 'excludeResourceRules'].every(field => isEmpty(constraints[field]))
    && listOf(constraints.resourceRules).every(rule => isEmpty(rule.resourceNames))
    && conditionsOf(policy).every(condition => known.test(condition));
  return isWhole ? undefined : `the policy '${name}' leaves some contents out`;
}

function policiesOver(manifests: readonly Manifest[], ...operations: string[]): Manifest[] {
  const has = (list: unknown, item: string) => namesOf(list).some(each => each === item || each === '*');
  return ofKind(manifests, ADMISSION, 'ValidatingAdmissionPolicy').filter(({ spec }) => listOf(spec?.matchConstraints?.resourceRules).some(rule =>
    has(rule.apiGroups, SNAPSHOT_API_GROUP) && has(rule.resources, 'volumesnapshotcontents') && operations.every(each => has(rule.operations, each))));
}

function asksForUser(policy: Manifest): boolean {
  return conditionsOf(policy).some(condition => condition.includes('request.userInfo'));
}

function conditionsOf({ spec }: Manifest): string[] {
  return listOf(spec.matchConditions).map(condition => textOf(condition.expression));
}

function guardProblem({ metadata, spec }: Manifest): string | undefined {
  const validations = listOf(spec.validations).map(validation => textOf(validation.expression)).join('\n');
  const missing = GUARDS.find(({ asks }) => !asks.test(validations));
  return missing && `the policy '${metadata.name}' lets ${missing.lets}`;
}

function bindingProblem(manifests: readonly Manifest[], { metadata: { name }, spec }: Manifest): string | undefined {
  if (spec.failurePolicy === 'Ignore') { return `the policy '${name}' lets pass what it cannot evaluate`; }
  const bindings = ofKind(manifests, ADMISSION, 'ValidatingAdmissionPolicyBinding').filter(binding => binding.spec?.policyName === name);
  if (bindings.length === 0) { return `the policy '${name}' has no binding, so it holds for nobody`; }
  const denying = bindings.filter(binding => namesOf(binding.spec.validationActions).includes('Deny'));
  if (denying.length === 0) { return `the binding of the policy '${name}' does not deny`; }
  // contents have no namespace, so that only a selector by labels or a list of resources leaves some out
  const isWhole = ({ spec: { matchResources } }: Manifest) =>
    ['objectSelector', 'resourceRules', 'excludeResourceRules'].every(field => matchResources?.[field] === undefined);
  return denying.some(isWhole) ? undefined : `the binding of the policy '${name}' leaves some contents out`;
}
