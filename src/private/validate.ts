import { Duration, Size } from 'cdk8s';
import { IConstruct } from 'constructs';

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

function show(value: unknown): string {
  if (value instanceof Duration) { return value.toHumanString(); }
  if (value instanceof Size) { return value.asString(); }
  if (typeof value === 'string') { return `'${value}'`; }
  // JSON has no NaN
  if (typeof value === 'number') { return String(value); }
  return JSON.stringify(value) ?? String(value);
}

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/**
 * A name of an object: DNS subdomain of RFC 1123.
 *
 * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names
 */
export function requireName(origin: Origin, prop: string, name: string, maxLength = 253, fix = 'rename it'): void {
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
  const milliseconds = value.toMilliseconds();
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
  if (!QUANTITY.test(value)) {
    reject(origin, prop, {
      problem: 'not a quantity',
      got: value,
      allowed: 'a number with an optional suffix such as m, k, M, G, Ki, Mi or Gi',
      fix: 'write for example 100m or 64Mi',
    });
  }
}

const QUANTITY = /^([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][-+]?[0-9]+)?$/;
const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/** What a quantity amounts to, in bytes or cores, or undefined if it is none. */
export function quantityToNumber(value: string): number | undefined {
  const match = QUANTITY.exec(value);
  if (!match) { return undefined; }
  const suffix = match[3] ?? '';
  if (BINARY.includes(suffix)) { return Number(match[1]) * 1024 ** BINARY.indexOf(suffix); }
  return DECIMAL.includes(suffix) ? Number(match[1]) * 1000 ** (DECIMAL.indexOf(suffix) - 3) : Number(value);
}
