import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { listNames } from './coverage-report';
import { Defined } from './defined-claims';
import { message, Problem } from './validate';
import { isReason, UNSCHEDULED } from '../model/claims';
import { Exemption } from '../model/coverage';

/** What somebody said in code of a claim, or of some claims of a StatefulSet: why they need no schedule. */
export interface Waiver {
  readonly object: ApiObject;
  readonly reason: string;
  readonly templates?: readonly string[];
  readonly ordinals?: readonly number[];
}

/** What the waivers say of a claim. */
export function exemptionsOf(waivers: readonly Waiver[], { claim, object }: Defined): Exemption[] {
  return waivers
    .filter(waiver => waiver.object === object && (waiver.templates?.includes(claim.template?.name ?? '') ?? true))
    .map(({ ordinals, reason }) => ({ reason, names: ordinals && claim.names.filter(name => ordinals.includes(ordinalOf(name))) }));
}

/** Annotations without a reason, and waivers of what is not there: whoever wrote them believes to have exempted something. */
export function slips(origin: Construct, waivers: readonly Waiver[], defined: readonly Defined[]): string[] {
  const ownOf = (waiver: Waiver) => defined.filter(({ object }) => object === waiver.object);
  return [...defined.flatMap(emptyReason), ...waivers.flatMap(waiver => missing(origin, waiver, ownOf(waiver)))];
}

function emptyReason({ claim, object }: Defined): string[] {
  return claim.unscheduled === undefined || isReason(claim.unscheduled) ? [] : [message(object, `metadata.annotations.${UNSCHEDULED}`, {
    problem: `it says nothing of ${claim.title}`,
    got: claim.unscheduled,
    allowed: 'a reason',
    fix: 'say why the data needs no snapshots, or take it away',
  })];
}

function missing(origin: Construct, { object, ordinals = [], templates = [] }: Waiver, own: readonly Defined[]): string[] {
  const about = (prop: string, got: unknown, problem: Omit<Problem, 'got'>) =>
    message(origin, prop, { ...problem, problem: `${problem.problem} of the ${object.kind} at ${object.node.path}`, got });
  const known = own.map(({ claim }) => claim.template?.name ?? '');
  const names = own.flatMap(({ claim }) => claim.names);
  if (names.length === 0) {
    return [about('claim', object.name, { problem: 'there is no claim', allowed: 'a StatefulSet with volume claim templates and replicas', fix: 'leave it out' })];
  }
  return [
    ...templates.filter(template => !known.includes(template)).map(template => about('options.templates', template, {
      problem: 'there is no such volume claim template', allowed: known.filter(Boolean).join(', ') || 'none, since it is a claim', fix: 'correct the name',
    })),
    ...ordinals.filter(ordinal => !names.some(name => ordinalOf(name) === ordinal)).map(ordinal => about('options.ordinals', ordinal, {
      problem: 'there is no such replica', allowed: listNames(own[0].claim.names), fix: 'correct the ordinal, or write replicas',
    })),
  ];
}

function ordinalOf(name: string): number {
  return Number(name.slice(name.lastIndexOf('-') + 1));
}
