import { isRestoreNames, RESTORE_NAMES } from './config';
import { readMoment } from '../retention/moment';

/** What a person wants restored; each part is absent unless it was asked for. */
export interface RestoreRequest {
  /** these snapshots and no others */
  readonly snapshots?: string[];
  /** whose data was cut at this moment at the latest, in milliseconds since 1970 */
  readonly before?: number;
  /** of these claims alone */
  readonly claims?: string[];
  /** only snapshots that were verified, or that are application-consistent */
  readonly only: ('verified' | 'application')[];
  readonly names?: string;
  /** also what a drill found bad; nobody can ask for it but a drill */
  readonly evenBad?: boolean;
}

/** What a request may say, and what is wrong with a value. */
const READERS: { readonly [key: string]: (value: string) => Partial<RestoreRequest> | string } = {
  snapshots: value => ({ snapshots: words(value) }),
  before: value => {
    const moment = readMoment(value);
    return moment === undefined ? 'a time with its zone such as 2026-02-09T02:00:00Z or 2026-02-09T03:00:00+01:00' : { before: moment };
  },
  claims: value => ({ claims: words(value) }),
  only: value => {
    const only = words(value);
    return only.every(word => word === 'verified' || word === 'application') ? { only: only as RestoreRequest['only'] } : 'verified, application or both';
  },
  names: value => (isRestoreNames(value) ? { names: value }
    : `${RESTORE_NAMES.beside}, ${RESTORE_NAMES.same}, ${RESTORE_NAMES.suffix} with a word behind it, or ${RESTORE_NAMES.statefulSet} with the name of a StatefulSet`),
};

/** Reads the data of a ConfigMap; throws an error that says all that is wrong. */
export function readRequest(data: { readonly [key: string]: string } = {}): RestoreRequest {
  let request: RestoreRequest = { only: [] };
  const wrong: string[] = [];
  for (const [key, value] of Object.entries(data)) {
    const read = Object.hasOwn(READERS, key) ? READERS[key](value.trim()) : undefined;
    if (read === undefined) {
      wrong.push(`'${key}' is no parameter, use ${Object.keys(READERS).join(', ')}`);
    } else if (typeof read === 'string' || value.trim() === '') {
      wrong.push(`'${key}' is '${value}', allowed is ${typeof read === 'string' ? read : 'one name or several, separated by commas'}`);
    } else {
      request = { ...request, ...read };
    }
  }
  if (request.snapshots && (request.before !== undefined || request.claims || request.only.length > 0)) {
    wrong.push("'snapshots' names them all, so it stands alone or with 'names'");
  }
  if (wrong.length > 0) { throw new Error(wrong.join('; ')); }
  return request;
}

function words(text: string): string[] {
  return [...new Set(text.split(',').map(word => word.trim()).filter(Boolean))];
}

/** The request in the words that a person wrote it in. */
export function describeRequest({ snapshots, before, claims, only }: RestoreRequest): string {
  return [
    snapshots ? snapshots.join(', ') : 'the newest',
    ...only,
    ...before === undefined ? [] : [`not after ${new Date(before).toISOString()}`],
    ...claims ? [`of ${claims.join(', ')}`] : [],
  ].join(' ');
}
