import { readFileSync } from 'fs';
import { createRequire } from 'module';

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

/** What the user can mend: a wrong argument, or a file that cannot be used. */
export class InputError extends Error {}

interface ParsedDocument {
  readonly errors: { readonly message: string }[];
  toJS(): unknown;
}
interface Parser {
  parseAllDocuments(text: string, options: object): ParsedDocument[];
}

// Yaml.load of cdk8s passes over syntax errors in silence, so this is the parser that it brings along and calls itself
const parser = createRequire(require.resolve('cdk8s'))('yaml') as Parser;

/** The objects of files, Lists taken apart. */
export function readManifests(files: readonly string[]): Manifest[] {
  return files.flatMap(file => parseManifests(file, read(file)));
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new InputError(`${file}: cannot be read (${whyUnreadable(error as NodeJS.ErrnoException)}`);
  }
}

function whyUnreadable({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ENOENT': return 'there is no such file); synthesize first, or correct the path';
    case 'EISDIR': return 'it is a directory); name its files, such as dist/*.yaml';
    case 'EACCES': return 'permission denied); make it readable';
    default: return `${message}); name a YAML file`;
  }
}

/** The objects in the text of one file; `file` is for messages. */
export function parseManifests(file: string, text: string): Manifest[] {
  return documentsOf(file, text).flatMap((value, index) => {
    if (value === null || value === undefined) { return []; }
    if (!isMap(value)) {
      throw new InputError(`${file}: document ${index + 1} is no Kubernetes object; leave the file out, or correct it`);
    }
    return flatten(value);
  });
}

function documentsOf(file: string, text: string): unknown[] {
  try {
    // 1.1 is what cdk8s writes and kubectl reads
    return parser.parseAllDocuments(text, { version: '1.1', logLevel: 'error' }).map(document => {
      if (document.errors.length > 0) { throw document.errors[0]; }
      return document.toJS();
    });
  } catch (error) {
    // below the first line the parser draws the place
    const [problem] = (error as Error).message.split('\n');
    throw new InputError(`${file}: is not YAML (${problem.replace(/:$/, '')}); correct it, or synthesize it again`);
  }
}

/** What has no kind, such as the values of a chart, is none of ours. */
function flatten(value: { [field: string]: any }): Manifest[] {
  if (typeof value.kind !== 'string' || typeof value.apiVersion !== 'string') { return []; }
  if (value.kind.endsWith('List') && Array.isArray(value.items)) { return value.items.filter(isMap).flatMap(flatten); }
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

function groupOf({ apiVersion }: Manifest): string {
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
