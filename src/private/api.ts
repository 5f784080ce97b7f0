import { ApiObject, ApiObjectMetadata, Chart, JsonPatch, Names } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { reject, requireKeys, requireLabels, requireDnsLabel, requireName } from './validate';

/** The version of the snapshot API that every cluster since Kubernetes 1.20 serves. */
export const SNAPSHOT_API_VERSION = 'snapshot.storage.k8s.io/v1';
export const SNAPSHOT_API_GROUP = 'snapshot.storage.k8s.io';
export const GROUP_SNAPSHOT_API_GROUP = 'groupsnapshot.storage.k8s.io';

/** The chart that a construct is in, or an error that names the construct. */
export function chartOf(construct: IConstruct): Chart {
  for (const scope of [...construct.node.scopes].reverse()) {
    if (Chart.isChart(scope)) { return scope; }
  }
  throw new Error(`[${construct.node.path}] 'scope': not in a chart, got '${construct.node.path}'; `
    + 'allowed a Chart or a construct below one; create the construct with a chart as its scope');
}

/** The namespace that an object of this construct gets, undefined if the applier decides it. */
export function namespaceOf(construct: IConstruct, metadata?: ApiObjectMetadata): string | undefined {
  return metadata?.namespace ?? chartOf(construct).namespace;
}

/** The namespace, where the API cannot do without; `why` completes the message. */
export function requireNamespace(scope: IConstruct, metadata: ApiObjectMetadata | undefined, why: string): string {
  const namespace = namespaceOf(scope, metadata);
  if (namespace === undefined) {
    reject(scope, 'metadata.namespace', {
      problem: `${why}, and none is known`,
      got: undefined,
      allowed: 'the name of a namespace',
      fix: "give the chart one: new Chart(app, 'id', { namespace: '...' })",
    });
  }
  return namespace;
}

/** Checks what a user wrote in `metadata` before anything is built from it. */
export function requireMetadata(scope: IConstruct, metadata: ApiObjectMetadata | undefined, maxNameLength = 253): void {
  chartOf(scope);
  if (metadata?.name !== undefined) {
    requireName(scope, 'metadata.name', metadata.name, maxNameLength);
  } else {
    // cdk8s leaves underscores and dots of ids where they are
    requireName(scope, 'metadata.name', Names.toDnsLabel(scope, { includeHash: false }), undefined, 'rename the construct, or give it a name');
  }
  if (metadata?.namespace !== undefined) { requireDnsLabel(scope, 'metadata.namespace', metadata.namespace); }
  requireLabels(scope, 'metadata.labels', metadata?.labels ?? {});
  requireKeys(scope, 'metadata.annotations', metadata?.annotations ?? {});
}

/** What a user wrote in `metadata`; cdk8s would render an undefined name as none at all, and not make one of the path. */
export function definedMetadata(metadata: ApiObjectMetadata | undefined): ApiObjectMetadata {
  return Object.fromEntries(Object.entries(metadata ?? {}).filter(([, value]) => value !== undefined));
}

/** Flux would take `${…}` in programs and scripts for variables of its own, and what it does not know for empty ones. */
const NO_SUBSTITUTION = { 'kustomize.toolkit.fluxcd.io/substitute': 'disabled' };

/** The same of an object with a program or a script in it, which GitOps tools must leave as it is. */
export function literalMetadata(metadata: ApiObjectMetadata | undefined): ApiObjectMetadata {
  const defined = definedMetadata(metadata);
  return { ...defined, annotations: { ...NO_SUBSTITUTION, ...defined.annotations } };
}

/** The Kubernetes object behind a construct of any cdk8s-plus version, or behind an ApiObject itself. */
export function apiObjectOf(origin: IConstruct | string, prop: string, construct: IConstruct, kind: string, byName?: string): ApiObject {
  if (!Construct.isConstruct(construct)) {
    const fix = byName === undefined ? `pass the ${kind}` : `pass the ${kind}, or write ${byName}`;
    reject(origin, prop, { problem: `not a ${kind}`, got: construct, allowed: `a construct whose object is a ${kind}`, fix });
  }
  const object = tryApiObject(construct);
  if (object?.kind !== kind) {
    const what = object ? `${object.kind} '${object.name}'` : construct.constructor.name;
    reject(origin, prop, {
      problem: `not a ${kind}`,
      got: `${what} at ${construct.node.path}`,
      allowed: `a construct whose object is a ${kind}`,
      fix: object || byName === undefined ? `pass the ${kind}, or its name` : `write ${byName} with its name${nameIn(construct)}`,
    });
  }
  return object;
}

/** What a reference that has no object calls it. */
function nameIn(construct: IConstruct & { readonly name?: unknown }): string {
  return typeof construct.name === 'string' ? ` '${construct.name}'` : '';
}

/** The object behind a construct, if it has one. */
export function tryApiObject(construct: IConstruct): ApiObject | undefined {
  try {
    return ApiObject.of(construct);
  } catch {
    return undefined;
  }
}

/** The name that an object will really have, patches included. */
export function finalName(object: ApiObject): string {
  return (object.toJson().metadata?.name ?? object.name) as string;
}

/** cdk8s writes the namespace of the chart into every object, also where the API knows none. */
export function clusterScoped(object: ApiObject): ApiObject {
  if (object.metadata.namespace !== undefined) { object.addJsonPatch(JsonPatch.remove('/metadata/namespace')); }
  return object;
}

/** A namespace that a user gave to an object that has none. */
export function requireNoNamespace(scope: IConstruct, metadata: ApiObjectMetadata | undefined): void {
  if (metadata?.namespace === undefined) { return; }
  reject(scope, 'metadata.namespace', {
    problem: 'the object belongs to the cluster and has no namespace',
    got: metadata.namespace,
    allowed: 'no namespace',
    fix: 'leave it out',
  });
}
