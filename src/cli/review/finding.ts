/** What a reviewer should know. */
export interface Finding {
  /** a risk costs data, money or rights; a note is worth a look */
  readonly severity: 'risk' | 'note';
  /** what it is about */
  readonly object: string;
  readonly problem: string;
  /** what to do */
  readonly remedy: string;
}

export function risk(object: string, problem: string, remedy: string): Finding {
  return { severity: 'risk', object, problem, remedy };
}

export function note(object: string, problem: string, remedy: string): Finding {
  return { severity: 'note', object, problem, remedy };
}

/** Items by a key, in the order of the first of each; those without a key are left out. */
export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string | undefined): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined) { continue; }
    const group = groups.get(key);
    if (group) { group.push(item); } else { groups.set(key, [item]); }
  }
  return [...groups];
}
