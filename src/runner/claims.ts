import { ClaimSelection, KEYS } from './config';
import { ApiError, ConnectionError, KubeClient, list } from './kube-client';
import { Claim, claimsPath, readClaim } from './resources';

/** The claims that a run is about: those found, and those that could not be. */
export interface ResolvedClaims {
  readonly found: Claim[];
  readonly missing: { readonly name: string; readonly error: unknown }[];
}

/** Finds each selected claim once; one that is not there does not hide the others. */
export async function resolveClaims(
  client: KubeClient, namespace: string, selections: readonly ClaimSelection[], signal: AbortSignal,
): Promise<ResolvedClaims> {
  const found = new Map<string, Claim>();
  const missing: { name: string; error: unknown }[] = [];
  for (const selection of selections) {
    try {
      const claims = await resolve(client, namespace, selection, signal);
      claims.forEach(claim => found.set(claim.name, claim));
    } catch (error) {
      // the other claims would wait in vain as well, one after the other, until the Job's deadline
      if (signal.aborted || error instanceof ConnectionError) { throw error; }
      missing.push({ name: describe(selection), error });
    }
  }
  return { found: [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1)), missing };
}

async function resolve(client: KubeClient, namespace: string, selection: ClaimSelection, signal: AbortSignal): Promise<Claim[]> {
  switch (selection.kind) {
    case 'Claim':
      return [await getClaim(client, namespace, selection.name, signal)];
    case 'StatefulSet': {
      const all = await listClaims(client, namespace, undefined, signal);
      return some(all.filter(claim => belongsTo(claim.name, selection)), `no claim of StatefulSet '${selection.name}' exists: `
        + `expected names such as ${selection.templates[0]}-${selection.name}-0; check its name, its templates and the namespace`);
    }
    case 'Selector': {
      const labels = Object.entries(selection.matchLabels).map(([key, value]) => `${key}=${value}`);
      const claims = await listClaims(client, namespace, [...labels, `!${KEYS.restored}`].join(','), signal);
      return some(claims, `no claim has the labels ${labels.join(',')}; label the claims, or correct the selector`);
    }
  }
}

function some(claims: Claim[], otherwise: string): Claim[] {
  if (claims.length === 0) { throw new Error(otherwise); }
  return claims;
}

function belongsTo(claimName: string, set: { name: string; templates: string[] }): boolean {
  return set.templates.some(template => {
    const prefix = `${template}-${set.name}-`;
    return claimName.startsWith(prefix) && /^[0-9]+$/.test(claimName.slice(prefix.length));
  });
}

async function getClaim(client: KubeClient, namespace: string, name: string, signal: AbortSignal): Promise<Claim> {
  try {
    return readClaim(await client.request({ method: 'GET', path: claimsPath(namespace, name) }, signal));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) {
      throw new Error(`no claim of this name in namespace '${namespace}'; correct the name, or take it out of the schedule`);
    }
    throw error;
  }
}

async function listClaims(client: KubeClient, namespace: string, labelSelector: string | undefined, signal: AbortSignal): Promise<Claim[]> {
  return (await list(client, claimsPath(namespace), { labelSelector }, readClaim, signal)).items;
}

function describe(selection: ClaimSelection): string {
  switch (selection.kind) {
    case 'Claim': return selection.name;
    case 'StatefulSet': return `StatefulSet ${selection.name}`;
    case 'Selector': return `claims with ${Object.entries(selection.matchLabels).map(([key, value]) => `${key}=${value}`).join(',')}`;
  }
}
