import { Duration, Size } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { quantityToNumber } from './quantity';

/**
 * What is wrong with one input, in the parts that every message has.
 */
export interface Problem {
  /** what is wrong, lower case, no period */
  readonly problem: string;
  /** the value that was given */
  readonly got: unknown;
  /** what would be accepted */
  readonly allowed: string;
  /** what the user should do */
  readonly fix: string;
}

/** Where an input was written: a construct, or the name of a factory that has no path yet. */
export type Origin = IConstruct | string;

/** The one form of every message: `[path] 'prop': problem, got X; allowed Y; do Z`. */
export function message(origin: Origin, prop: string, p: Problem): string {
  const path = typeof origin === 'string' ? origin : origin.node.path;
  return `[${path}] '${prop}': ${p.problem}, got ${show(p.got)}; allowed ${p.allowed}; ${p.fix}`;
}

export function reject(origin: Origin, prop: string, p: Problem): never {
  throw new Error(message(origin, prop, p));
}

// a message is read in a terminal, so that no value may fill it
const LONGEST_SHOWN = 300;

function show(value: unknown): string {
  const text = shown(value);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

function shown(value: unknown): string {
  // it would be written with the whole tree around it
  if (Construct.isConstruct(value)) { return `construct at ${value.node.path}`; }
  if (typeof value === 'string') { return `'${value}'`; }
  // JSON has no NaN, and knows no name of a function
  if (typeof value === 'number') { return String(value); }
  if (typeof value === 'function') { return `the function ${value.name}`; }
  try {
    if (value instanceof Duration) { return value.toHumanString() || 'a duration of NaN'; }
    if (value instanceof Size) { return value.asString(); }
    // what is in it may be a script
    const kind = classOf(value);
    if (kind !== undefined) { return `a ${kind}`; }
    return JSON.stringify(value) ?? String(value);
  } catch {
    // circular, a bigint, or a duration that is no number
    return typeof value === 'object' ? `an object of ${Object.keys(value as object).join(', ')}` : String(value);
  }
}

/** The class of an object, if it has one of its own. */
function classOf(value: unknown): string | undefined {
  const name = typeof value === 'object' && value !== null ? value.constructor?.name : undefined;
  return name === 'Object' || name === 'Array' ? undefined : name;
}

/** What other languages and JavaScript may give instead of text. */
export function requireText(origin: Origin, prop: string, value: unknown): void {
  if (typeof value !== 'string') { reject(origin, prop, { problem: 'not text', got: value, allowed: 'a string', fix: 'write it in quotes' }); }
}

/** One text for a list of texts is a usual slip, and its letters a list of names. */
export function requireList(origin: Origin, prop: string, value: unknown): void {
  if (value !== undefined && !Array.isArray(value)) {
    reject(origin, prop, { problem: 'not a list', got: value, allowed: 'a list', fix: 'write it in brackets, also if it is one' });
  }
}

/** The text 'false' is true for JavaScript. */
export function requireBoolean(origin: Origin, prop: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') {
    reject(origin, prop, { problem: 'not a boolean', got: value, allowed: 'true or false', fix: 'write it without quotes' });
  }
}

/** A member of an enum, if there is a value. */
export function requireEnum(origin: Origin, prop: string, value: unknown, members: { [name: string]: string }): void {
  if (value !== undefined && !Object.values(members).includes(value as string)) {
    const allowed = Object.entries(members).map(([name, text]) => `${name} ('${text}')`).join(', ');
    reject(origin, prop, { problem: 'not a member of the enum', got: value, allowed, fix: 'write one of these' });
  }
}

/** The members by which an object is known, also one of another copy of this package, where instanceof would fail; and what makes one. */
const KINDS = {
  Cron: { members: ['expressionString'], fix: "write Cron.schedule({ hour: '3', minute: '15' })" },
  CsiDriver: { members: ['name', 'parameters'], fix: "write for example CsiDriver.awsEbs() or CsiDriver.of('...')" },
  DrillCheck: { members: ['_command'], fix: "write for example DrillCheck.postgreSql({ query: 'SELECT count(*) FROM orders', atLeast: 1 })" },
  Duration: { members: ['toMilliseconds'], fix: 'write for example Duration.hours(1)' },
  ISnapshot: { members: ['snapshotName', 'node'], fix: "pass a Snapshot, or write SnapshotRef.fromName('...')" },
  IGroupSnapshotClass: { members: ['groupSnapshotClassName', 'node'], fix: "write GroupSnapshotClass.fromGroupSnapshotClassName(scope, 'id', '...')" },
  ISnapshotClass: { members: ['snapshotClassName', 'node'], fix: "write SnapshotClass.fromSnapshotClassName(scope, 'id', '...')" },
  RecoveryPreset: { members: ['options'], fix: 'write for example RecoveryPreset.postgreSql()' },
  RestoreNames: { members: ['word'], fix: 'write for example RestoreNames.beside()' },
  RetentionPolicy: { members: ['_requireFits', '_toRules'], fix: 'write for example RetentionPolicy.keepFor(Duration.days(7))' },
  ScheduledSnapshot: { members: ['_selectClaims', 'scheduleId'], fix: 'pass a ScheduledSnapshot, or its scheduleId and the source' },
  Size: { members: ['toKibibytes'], fix: 'write for example Size.gibibytes(10)' },
  SnapshotRbac: { members: ['grantView', 'node'], fix: "write new SnapshotRbac(scope, 'id')" },
  // a Snapshot has the other members too
  SnapshotRef: { members: ['snapshotName', 'sourceBytes'], fix: "write SnapshotRef.fromName('...') or SnapshotRef.fromSnapshot(...)" },
  SnapshotSource: { members: ['_resolve'], fix: "write for example SnapshotSource.fromClaimName('...')" },
  JobTrigger: { members: ['_partsFor'], fix: 'write for example JobTrigger.argoCd()' },
  Quiesce: { members: ['_toConfig'], fix: 'write for example Quiesce.mariaDb()' },
  SnapshotSubject: { members: ['_toKube'], fix: "write for example SnapshotSubject.user('...')" },
  IVeleroStorageLocation: { members: ['storageLocationName', 'node'], fix: "write VeleroStorageLocation.fromStorageLocationName(scope, 'id', '...')" },
  IVeleroVolumePolicy: { members: ['configMapName', 'node'], fix: "write VeleroVolumePolicy.fromConfigMapName(scope, 'id', '...')" },
  VeleroBackup: { members: ['name', 'namespace', 'node'], fix: "pass a VeleroBackup, or write VeleroRestoreSource.fromBackupName('...')" },
  VeleroSchedule: { members: ['name', 'namespace', 'node'], fix: "pass a VeleroSchedule, or write VeleroRestoreSource.newestOfScheduleName('...')" },
  VeleroHook: { members: ['_toKube', 'podLabels'], fix: "write VeleroHook.fromQuiesce(Quiesce.mariaDb(), { podLabels: { app: '...' } })" },
  VeleroRestoreSource: { members: ['_fields'], fix: "write for example VeleroRestoreSource.fromBackupName('...')" },
  VeleroVolumes: { members: ['_copiesFiles', '_toKube'], fix: 'write for example VeleroVolumes.moved()' },
} satisfies { [kind: string]: { members: string[]; fix: string } };

/** An object of this kind, and not what it is made of. */
export function requireKind(origin: Origin, prop: string, value: unknown, kind: keyof typeof KINDS): void {
  const { members, fix } = KINDS[kind];
  if (typeof value !== 'object' || value === null || !members.every(member => member in value)) {
    const one = `${kind.startsWith('I') ? 'an' : 'a'} ${kind}`;
    reject(origin, prop, { problem: `not ${one}`, got: value, allowed: one, fix });
  }
}

/** As `requireKind`, if there is a value. */
export function requireOptional(origin: Origin, prop: string, value: unknown, kind: keyof typeof KINDS): void {
  if (value !== undefined) { requireKind(origin, prop, value, kind); }
}

/** The props of a struct; the compiler keeps a list of this type complete. */
export type KnownKeys<T> = { readonly [K in keyof T]-?: true };

/** Refuses a misspelled prop, which would be as good as none. `parent`: where `props` is, if it is no more than a part of those of a construct. */
export function requireKnownKeys<T extends object>(origin: Origin, props: T, known: KnownKeys<T>, parent?: string): void {
  if (typeof props !== 'object' || props === null) {
    reject(origin, parent ?? 'props', { problem: 'not an object', got: props, allowed: `an object of ${Object.keys(known).join(', ')}`, fix: 'write { }' });
  }
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || Object.hasOwn(known, key)) { continue; }
    const meant = Object.keys(known).find(name => distance(name.toLowerCase(), key.toLowerCase()) <= 2 || (key.length > 3 && name.startsWith(key)));
    // what is in a prop of which nothing is known may be a password, so its name is shown; and other keys of a construct may be the own props of a class that extends it
    if (meant !== undefined || parent !== undefined || typeof origin === 'string') {
      reject(origin, parent === undefined ? key : `${parent}.${key}`, {
        problem: 'no such prop', got: meant === undefined || /password|secret|token/i.test(key) ? key : value, allowed: Object.keys(known).join(', '), fix: meant === undefined ? 'leave it out, or correct its name' : `did you mean ${meant}?`,
      });
    }
  }
}

/** How many letters must be changed, added or left out to make one word of the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) { next.push(Math.min(row[j + 1] + 1, next[j] + 1, row[j] + (letter === other ? 0 : 1))); }
    row = next;
  }
  return row[b.length];
}

/** Refuses keys with these prefixes, which others write. */
export function refuseKeys(origin: Origin, prop: string, map: { [key: string]: string }, prefixes: string[]): void {
  const key = Object.keys(map).find(name => prefixes.some(prefix => name.startsWith(prefix)));
  if (key !== undefined) {
    reject(origin, prop, { problem: 'this key is set by the library or by Kubernetes', got: key, allowed: 'other keys', fix: 'leave it out' });
  }
}

/** The greatest number that a field of the API takes. */
export const INT32_MAX = 2 ** 31 - 1;

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/**
 * A name of an object: DNS subdomain of RFC 1123.
 *
 * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names
 */
export function requireName(origin: Origin, prop: string, name: string, maxLength = 253, fix = 'rename it'): void {
  requireText(origin, prop, name);
  if (name.length > maxLength) {
    reject(origin, prop, { problem: `${name.length} characters are too many`, got: name, allowed: `at most ${maxLength}`, fix: 'shorten the name' });
  }
  if (!SUBDOMAIN.test(name)) {
    reject(origin, prop, {
      problem: 'not a valid name',
      got: name,
      allowed: 'lower-case letters, digits, - and ., starting and ending with a letter or digit',
      fix,
    });
  }
}

/**
 * A namespace or another name without dots: DNS label of RFC 1123.
 *
 * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
 */
export function requireDnsLabel(origin: Origin, prop: string, name: string, maxLength = 63): void {
  requireText(origin, prop, name);
  if (name.length > maxLength || !LABEL.test(name)) {
    reject(origin, prop, {
      problem: 'not a valid name',
      got: name,
      allowed: `at most ${maxLength} lower-case letters, digits and -, starting and ending with a letter or digit`,
      fix: 'rename it',
    });
  }
}

/** @see https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
export function requireLabels(origin: Origin, prop: string, labels: { [key: string]: string }): void {
  requireKeys(origin, prop, labels);
  for (const [key, value] of Object.entries(labels)) {
    if (value !== '' && (value.length > 63 || !QUALIFIED.test(value))) {
      reject(origin, prop, {
        problem: `not a valid value of the label '${key}'`,
        got: value,
        allowed: 'at most 63 letters, digits, -, _ and ., starting and ending with a letter or digit',
        fix: 'change the value, or use an annotation',
      });
    }
  }
}

/** @see https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/#syntax-and-character-set */
export function requireKeys(origin: Origin, prop: string, map: { [key: string]: string }): void {
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    reject(origin, prop, { problem: 'not a map', got: map, allowed: 'an object of keys and values', fix: "write { key: 'value' }" });
  }
  for (const [key, value] of Object.entries(map)) {
    const [prefix, name] = key.includes('/') ? [key.slice(0, key.indexOf('/')), key.slice(key.indexOf('/') + 1)] : [undefined, key];
    const prefixOk = prefix === undefined || (prefix.length <= 253 && SUBDOMAIN.test(prefix));
    if (!prefixOk || name.length > 63 || !QUALIFIED.test(name)) {
      reject(origin, prop, {
        problem: 'not a valid key',
        got: key,
        allowed: 'an optional DNS name and /, then at most 63 letters, digits, -, _ and .',
        fix: 'change the key',
      });
    }
    if (typeof value !== 'string') {
      reject(origin, prop, { problem: `the value of '${key}' is not text`, got: value, allowed: 'strings', fix: 'put it in quotes' });
    }
  }
}

/** A whole number in a range. */
export function requireInteger(origin: Origin, prop: string, value: number, min: number, max = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    const range = max === Number.MAX_SAFE_INTEGER ? `a whole number from ${min}` : `a whole number from ${min} to ${max}`;
    reject(origin, prop, { problem: 'out of range', got: value, allowed: range, fix: 'change the number' });
  }
}

/** A duration of whole seconds in a range. */
export function requireDuration(origin: Origin, prop: string, value: Duration, min: Duration, max: Duration): void {
  requireKind(origin, prop, value, 'Duration');
  // else fractions of one, and NaN, are an error of cdk8s that names no prop
  const milliseconds = value.toMilliseconds({ integral: false });
  if (milliseconds % 1000 !== 0 || milliseconds < min.toMilliseconds() || milliseconds > max.toMilliseconds()) {
    reject(origin, prop, {
      problem: 'out of range',
      got: value,
      allowed: `whole seconds from ${min.toHumanString()} to ${max.toHumanString()}`,
      fix: 'change the duration',
    });
  }
}

/**
 * A quantity such as 500Mi, 1.5Gi or 0.5.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export function requireQuantity(origin: Origin, prop: string, value: string): void {
  requireText(origin, prop, value);
  if (quantityToNumber(value) === undefined) {
    reject(origin, prop, {
      problem: 'not a quantity',
      got: value,
      allowed: 'a number with an optional suffix such as m, k, M, G, Ki, Mi or Gi',
      fix: 'write for example 100m or 64Mi',
    });
  }
}
