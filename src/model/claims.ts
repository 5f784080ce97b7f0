import { isMap, listOf, Manifest, ofKind, textOf, textsOf, titleOf } from './manifest';
import { ClaimSelection, KEY_PREFIX, KEYS } from '../runner/config';

/** A claim among the files, or those that a StatefulSet makes of one template. */
export interface Claim {
  /** what it is called in messages */
  readonly title: string;
  /** empty if the applier decides it */
  readonly namespace: string;
  /** one for each replica of a StatefulSet */
  readonly names: string[];
  readonly labels: { readonly [key: string]: string };
  /** what a StatefulSet makes it of */
  readonly template?: { readonly name: string; readonly statefulSet: string };
  /** how many replicas there are is not written down: an autoscaler or the API server decides it */
  readonly openEnded: boolean;
  /** made from a snapshot */
  readonly restored: boolean;
  /** what somebody wrote down for it to need no schedule, perhaps no reason; see `isReason` */
  readonly unscheduled?: string;
}

/** On claims and StatefulSets: why no schedule needs to cover them. */
export const UNSCHEDULED = `${KEY_PREFIX}unscheduled`;

/** Whether a text says why; 'false' was even meant the other way round. */
export function isReason(text: string): boolean {
  return !/^\s*(true|false|yes|no|on|off|y|n|[-01]?)\s*$/i.test(text);
}

// a slip in replicas must not fill the memory
const MOST_REPLICAS = 10_000;

export function claimsIn(manifests: readonly Manifest[]): Claim[] {
  return [
    ...ofKind(manifests, '', 'PersistentVolumeClaim').map(readClaim),
    ...ofKind(manifests, 'apps', 'StatefulSet').flatMap(readTemplates),
  ];
}

function readClaim(claim: Manifest): Claim {
  const { name, namespace, labels, annotations } = claim.metadata;
  return {
    title: titleOf(claim),
    namespace,
    names: [name],
    labels,
    openEnded: false,
    restored: KEYS.restored in labels,
    unscheduled: annotations[UNSCHEDULED],
  };
}

function readTemplates(statefulSet: Manifest): Claim[] {
  const { metadata, spec } = statefulSet;
  const first = ordinal(spec?.ordinals?.start, 0);
  const replicas = ordinal(spec?.replicas, 1);
  return listOf(spec?.volumeClaimTemplates).filter(isMap).map(template => {
    const name = textOf(template.metadata?.name);
    return {
      title: `${titleOf(statefulSet)}, template '${name}'`,
      namespace: metadata.namespace,
      names: Array.from({ length: replicas }, (_, index) => `${name}-${metadata.name}-${first + index}`),
      // the controller gives the claims the labels of the selector too
      labels: { ...textsOf(template.metadata?.labels), ...textsOf(spec.selector?.matchLabels) },
      template: { name, statefulSet: metadata.name },
      openEnded: spec?.replicas === undefined || spec.replicas === null,
      restored: false,
      unscheduled: textsOf(template.metadata?.annotations)[UNSCHEDULED] ?? metadata.annotations[UNSCHEDULED],
    };
  });
}

function ordinal(value: unknown, otherwise: number): number {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? Math.min(value as number, MOST_REPLICAS) : otherwise;
}

/** Which of the names of a claim a selection covers. */
export function namesCovered(selection: ClaimSelection, claim: Claim): string[] {
  switch (selection.kind) {
    case 'Claim':
    case 'StatefulSet': return claim.names.filter(name => coversName(selection, name));
    case 'Selector': return !claim.restored && Object.entries(selection.matchLabels).every(([key, value]) => claim.labels[key] === value) ? claim.names : [];
  }
}

/** Whether a selection covers a claim of this name that is not among the files. */
export function coversName(selection: ClaimSelection, name: string): boolean {
  switch (selection.kind) {
    case 'Claim': return selection.name === name;
    case 'StatefulSet': return selection.templates.some(template => isMember(name, `${template}-${selection.name}-`));
    case 'Selector': return false;
  }
}

function isMember(name: string, prefix: string): boolean {
  return name.startsWith(prefix) && /^[0-9]+$/.test(name.slice(prefix.length));
}
