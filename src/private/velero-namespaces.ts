import { Origin, reject, requireDnsLabel } from './validate';

/** Namespaces of a backup or a restore, as names or patterns. */
export interface NamespaceChoice {
  readonly includedNamespaces?: readonly string[];
  readonly excludedNamespaces?: readonly string[];
}

/** Refuses a namespace that is not among those of `choice`, as far as can be told; `whose`: what they are called. */
export function requireChosen(origin: Origin, prop: string, namespace: string, choice: NamespaceChoice, whose = ''): void {
  const { includedNamespaces: included, excludedNamespaces: excluded = [] } = choice;
  if (included && !included.some(item => matches(item, namespace) !== false)) {
    reject(origin, prop, {
      problem: `it is not in includedNamespaces${whose}, so that it would have no effect`, got: namespace, allowed: included.join(', '), fix: 'include it, or correct the name',
    });
  }
  if (excluded.some(item => matches(item, namespace) === true)) {
    reject(origin, prop, {
      problem: `it is in excludedNamespaces${whose}, so that it would have no effect`, got: namespace, allowed: `others than ${excluded.join(', ')}`, fix: 'leave it out of one of the two',
    });
  }
}

/** Undefined where only Velero knows, which reads sets and alternatives in its own way. */
function matches(item: string, namespace: string): boolean | undefined {
  if (/[[\]{},!^]/.test(item)) { return undefined; }
  const pattern = item.replace(/\./g, '\\.').replace(/\*/g, '.*').replace(/\?/g, '.');
  return new RegExp(`^${pattern}$`).test(namespace);
}

/** Names of namespaces, in a map from one to the other, each to one of its own. */
export function requireNamespaceMap(origin: Origin, prop: string, map: { [from: string]: string } | undefined): void {
  if (map === undefined) { return; }
  if (typeof map !== 'object' || map === null || Array.isArray(map) || Object.keys(map).length === 0) {
    reject(origin, prop, { problem: 'no namespace is mapped', got: map, allowed: "at least one, as { from: 'to' }", fix: 'leave it out to restore into the same namespaces' });
  }
  const fromOf = new Map<string, string>();
  for (const [from, to] of Object.entries(map)) {
    requireDnsLabel(origin, prop, from);
    requireDnsLabel(origin, prop, to);
    if (from === to) {
      reject(origin, prop, { problem: 'it is mapped to itself', got: from, allowed: 'another namespace', fix: 'leave it out, since what is not mapped is restored where it was' });
    }
    const other = fromOf.get(to);
    if (other !== undefined) {
      reject(origin, prop, { problem: `${other} and ${from} would be restored into one namespace`, got: to, allowed: 'another namespace for each', fix: 'rename one of the two' });
    }
    fromOf.set(to, from);
  }
}
