import { ApiObject } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { message } from './validate';
import { Claim, claimsIn } from '../model/claims';
import { Manifest, manifestsIn } from '../model/manifest';
import { jobsIn, RunnerJobs } from '../model/model';
import { compareText } from '../model/words';

export const CLAIM_KIND = 'PersistentVolumeClaim';
export const STATEFUL_SET_KIND = 'StatefulSet';

/** A claim, or a template of claims, that is defined in the app, and where. */
export interface Defined {
  readonly object: ApiObject;
  readonly claim: Claim;
}

/** The claims below a construct as they will be rendered, by namespace and name. */
export function claimsBelow(construct: IConstruct): Defined[] {
  return objectsBelow(construct, CLAIM_KIND, STATEFUL_SET_KIND)
    .flatMap(object => claimsIn(manifestsOf(object)).map(claim => ({ object, claim })))
    .sort((a, b) => compareText(keyOf(a), keyOf(b)));
}

/** The CronJobs of ours below a construct as they will be rendered, by name. */
export function jobsBelow(construct: IConstruct): RunnerJobs {
  const manifests = objectsBelow(construct, 'CronJob').flatMap(manifestsOf);
  return jobsIn(manifests.sort((a, b) => compareText(a.metadata.name, b.metadata.name)), []);
}

function keyOf({ claim, object }: Defined): string {
  return [claim.namespace, claim.title, object.node.path].join('\n');
}

/** Rendering is expensive, so other kinds are passed over. */
export function objectsBelow(construct: IConstruct, ...kinds: string[]): ApiObject[] {
  return construct.node.findAll().filter(node => ApiObject.isApiObject(node)).filter(({ kind }) => kinds.includes(kind) || kind.endsWith('List'));
}

/** What an object is rendered as; several if it is a List. */
export function manifestsOf(object: ApiObject): Manifest[] {
  return manifestsIn(object.toJson());
}

/** Of two that have one name, one would seem to be covered by the schedule of the other. */
export function twins(origin: Construct, owner: IConstruct, defined: readonly Defined[]): string[] {
  const firsts = new Map<string, ApiObject>();
  return defined.filter(({ claim }) => claim.namespace !== '').flatMap(({ claim, object }) => {
    const first = firsts.get(claim.title) ?? object;
    firsts.set(claim.title, first);
    return first === object ? [] : [message(origin, 'scope', {
      problem: `${claim.title} is defined at ${first.node.path} and at ${object.node.path}, so that they must be meant for two clusters`,
      got: nameOf(owner),
      allowed: 'a scope of which all goes to one cluster',
      fix: 'define a SnapshotCoverage for each of the two',
    })];
  });
}

/** What a scope is called in messages; the app has no path. */
export function nameOf(scope: IConstruct): string {
  return scope.node.path || 'the app';
}
