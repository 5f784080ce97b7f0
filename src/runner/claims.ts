import { ClaimSelection, KEYS } from './config';
import { ConnectionError, KubeClient, list } from './kube-client';
import { Claim, claimsPath, inSelector, readClaim } from './resources';

/** The claims that a run is about: those found, and those that could not be. */
export interface ResolvedClaims {
  readonly found: Claim[];
  readonly missing: { readonly name: string; readonly error: unknown }[];
  /** claims of members that a StatefulSet has no longer, or not yet */
  readonly scaledIn: string[];
}

/** What a schedule asks for is not there. */
export class AbsentClaimError extends Error {}

/** Finds each selected claim once; one that is not there does not hide the others. */
export async function resolveClaims(
  client: KubeClient, namespace: string, selections: readonly ClaimSelection[], signal: AbortSignal,
): Promise<ResolvedClaims> {
  const found = new Map<string, Claim>();
  const missing: { name: string; error: unknown }[] = [];
  const scaledIn: string[] = [];
  // one list finds the claims of any number of names
  let everyClaim: Promise<Claim[]> | undefined;
  const all = () => (everyClaim ??= listClaims(client, namespace, signal));
  for (const selection of selections) {
    try {
      const claims = selection.kind === 'Selector' ? await select(client, namespace, selection, signal) : pick(await all(), namespace, selection);
      if (claims === 'ScaledIn') {
        scaledIn.push(describe(selection));
        continue;
      }
      claims.forEach(claim => found.set(claim.name, claim));
      if (selection.kind === 'StatefulSet') { missing.push(...gaps(claims, namespace, selection)); }
    } catch (error) {
      // the other claims would wait in vain as well, one after the other, until the Job's deadline
      if (signal.aborted || error instanceof ConnectionError) { throw error; }
      missing.push({ name: describe(selection), error });
    }
  }
  if (found.size === 0 && missing.length === 0) {
    missing.push({ name: scaledIn.join(', '), error: new AbsentClaimError('no claim exists that this schedule covers; correct its source, or suspend it') });
  }
  return { found: [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1)), missing, scaledIn };
}

/** Claims that are being restored from a snapshot, by the name of the snapshot. */
export async function pendingRestores(client: KubeClient, namespace: string, signal: AbortSignal): Promise<Map<string, string>> {
  const restoring = (await listClaims(client, namespace, signal)).filter(claim => claim.phase === 'Pending' && claim.fromSnapshot !== undefined);
  return new Map(restoring.map(claim => [claim.fromSnapshot as string, claim.name]));
}

export async function listClaims(client: KubeClient, namespace: string, signal: AbortSignal, labelSelector?: string): Promise<Claim[]> {
  return (await list(client, claimsPath(namespace), { labelSelector }, readClaim, signal)).items;
}

type Named = Exclude<ClaimSelection, { kind: 'Selector' }>;
type OfSet = Extract<ClaimSelection, { kind: 'StatefulSet' }>;

function pick(claims: Claim[], namespace: string, selection: Named): Claim[] | 'ScaledIn' {
  if (selection.kind === 'StatefulSet') {
    return some(claims.filter(claim => isMember(selection, claim.name)),
      `no claim of StatefulSet '${selection.name}' exists: `
        + `expected names such as ${prefixOf(selection, selection.templates[0])}0; check its name, its templates and the namespace`);
  }
  const claim = claims.find(each => each.name === selection.name);
  if (claim) { return [claim]; }
  if (selection.statefulSet !== undefined && isBeyondMembers(selection.name, claims)) { return 'ScaledIn'; }
  throw noSuchClaim(namespace);
}

const noSuchClaim = (namespace: string) => new AbsentClaimError(`no claim of this name in namespace '${namespace}'; correct the name, or take it out of the schedule`);

/** Whether a claim is called as one of a StatefulSet's. */
export const isMember = (selection: OfSet, name: string) =>
  selection.templates.some(template => ordinalOf(name, prefixOf(selection, template)) !== undefined);

const prefixOf = ({ name }: OfSet, template: string) => `${template}-${name}-`;

// data-db-20261121 is no member
const MOST_MEMBERS = 10_000;

/** Each member has a claim of each template, and members come one after the other: the names that are not there, up to the last one. */
function gaps(claims: Claim[], namespace: string, selection: OfSet): { name: string; error: unknown }[] {
  const prefixes = selection.templates.map(template => prefixOf(selection, template));
  const ordinals = claims.flatMap(claim => prefixes.flatMap(prefix => ordinalOf(claim.name, prefix) ?? [])).filter(ordinal => ordinal < MOST_MEMBERS);
  const [first, last] = [Math.min(...ordinals), Math.max(...ordinals)];
  const count = ordinals.length === 0 ? 0 : last - first + 1;
  const expected = prefixes.flatMap(prefix => Array.from({ length: count }, (_, index) => `${prefix}${first + index}`));
  const names = new Set(claims.map(claim => claim.name));
  return expected.filter(name => !names.has(name)).map(name => ({ name, error: noSuchClaim(namespace) }));
}

/** The last members go first: with an earlier one still there and no later one, the claim went, or is yet to come, with its member. */
function isBeyondMembers(name: string, claims: Claim[]): boolean {
  const [, prefix, digits] = /^(.*-)([0-9]+)$/.exec(name) ?? [];
  const ordinals = claims.map(claim => ordinalOf(claim.name, prefix ?? '')).filter(ordinal => ordinal !== undefined);
  return ordinals.length > 0 && Math.max(...ordinals) < Number(digits);
}

function ordinalOf(claimName: string, prefix: string): number | undefined {
  const rest = claimName.startsWith(prefix) ? claimName.slice(prefix.length) : '';
  return /^[0-9]+$/.test(rest) ? Number(rest) : undefined;
}

async function select(
  client: KubeClient, namespace: string, { matchLabels }: ClaimSelection & { kind: 'Selector' }, signal: AbortSignal,
): Promise<Claim[]> {
  const labels = inSelector(matchLabels);
  const claims = await listClaims(client, namespace, signal, [...labels, `!${KEYS.restored}`].join(','));
  return some(claims, labels.length === 0
    ? `namespace '${namespace}' has no claim`
    : `no claim has the labels ${labels.join(',')}; label the claims, or correct the selector`);
}

function some(claims: Claim[], otherwise: string): Claim[] {
  if (claims.length === 0) { throw new AbsentClaimError(otherwise); }
  return claims;
}

function describe(selection: ClaimSelection): string {
  switch (selection.kind) {
    case 'Claim': return selection.name;
    case 'StatefulSet': return `StatefulSet ${selection.name}`;
    case 'Selector': {
      const labels = inSelector(selection.matchLabels);
      return labels.length === 0 ? 'every claim' : `claims with ${labels.join(',')}`;
    }
  }
}
