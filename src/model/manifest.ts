/** A Kubernetes object as it stands in a file; nothing but its kind was checked. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    /** empty if the applier decides it, or there is none */
    readonly namespace: string;
    readonly labels: { readonly [key: string]: string };
    readonly annotations: { readonly [key: string]: string };
  };
  readonly [field: string]: any;
}

/** The objects in a value, Lists taken apart. What has no kind, such as the values of a chart, is none of ours. */
export function manifestsIn(value: { [field: string]: any }): Manifest[] {
  if (typeof value.kind !== 'string' || typeof value.apiVersion !== 'string') { return []; }
  if (value.kind.endsWith('List') && Array.isArray(value.items)) { return value.items.filter(isMap).flatMap(manifestsIn); }
  const { name, namespace, labels, annotations } = isMap(value.metadata) ? value.metadata : {};
  return [{
    ...value,
    apiVersion: value.apiVersion,
    kind: value.kind,
    metadata: { name: textOf(name), namespace: textOf(namespace), labels: textsOf(labels), annotations: textsOf(annotations) },
  }];
}

/** The objects of a kind in an API group, whatever the version. */
export function ofKind(manifests: readonly Manifest[], apiGroup: string, kind: string): Manifest[] {
  return manifests.filter(object => object.kind === kind && groupOf(object) === apiGroup);
}

export function groupOf({ apiVersion }: Manifest): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}

/** What an object is called in messages. */
export function titleOf({ kind, metadata }: Manifest): string {
  return `${kind} ${pathOf(metadata)}`;
}

export function pathOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

// others may have written anything where a list, a map or a text belongs

export function listOf(value: unknown): any[] {
  return Array.isArray(value) ? value.filter(item => item !== null && item !== undefined) : [];
}

export function namesOf(value: unknown): string[] {
  return listOf(value).filter(item => typeof item === 'string');
}

export function textsOf(value: unknown): { [key: string]: string } {
  return isMap(value) ? Object.fromEntries(Object.entries(value).map(([key, text]) => [key, textOf(text)])) : {};
}

export function textOf(value: unknown): string {
  return ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : '';
}

export function isMap(value: unknown): value is { [key: string]: any } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
