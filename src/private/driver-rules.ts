import { DriverFactory } from './driver-options';
import { Problem } from './validate';

/** The parameters of a snapshot class, as they are rendered. */
export type Parameters = { readonly [name: string]: string };

/** What is wrong with one parameter. */
export interface ParameterProblem extends Problem {
  readonly parameter: string;
}

/** What values a driver takes for one parameter. */
export interface ValueRule {
  readonly allowed: string;
  readonly accepts: (value: string) => boolean;
}

/** Parameters that are fine alone and refused together. */
export interface CombinationRule {
  readonly parameter: string;
  readonly broken: (given: Parameters) => boolean;
  readonly problem: string;
  readonly allowed: string;
  readonly fix: string;
}

/** What becomes of snapshots when their volume is deleted: they stay, they go with it, or it cannot be deleted while it has some. */
export type AfterVolume = 'stay' | 'go' | 'block';

/** What a driver makes; there are several kinds where its parameters choose. */
export interface SnapshotKind {
  /** what it is called where there are several */
  readonly called?: string;
  /** whether the parameters choose it; the first kind that is chosen counts, and one without this is chosen by all that is left */
  readonly chosen?: (given: Parameters) => boolean;
  /** what is in the storage, for as long as it is retained, and where volumes can be made of it */
  readonly is: string;
  readonly afterVolume?: AfterVolume;
  readonly maxPerVolume?: number;
  /** the administrator of the storage may have set another limit */
  readonly limitIsSetting?: string;
}

/** What is known about a driver by its name. */
export interface DriverFacts {
  readonly product: string;
  /** the usual name first */
  readonly names: readonly string[];
  readonly alsoNamed?: RegExp;
  /** the factory of CsiDriver, for drivers that have one */
  readonly factory?: DriverFactory;
  /** what the factory is given, where one is for several drivers */
  readonly factoryArgument?: string;
  /** set if the driver cannot take a snapshot */
  readonly unsupported?: { readonly reason: string; readonly instead: string };
  readonly kinds?: readonly SnapshotKind[];
  /** whether it snapshots several volumes at one moment; nobody knows, if it does not say */
  readonly groups?: boolean;
  /** what else is to be said about groups */
  readonly groupsNote?: string;
  /** what a class of group snapshots needs: where the group is kept, which a snapshot of one volume does not say */
  readonly requiredForGroups?: readonly string[];
  /** what means the same in a class of group snapshots */
  readonly commonWithGroups?: readonly string[];
  /** the parameters that the driver reads, in the spelling of its documentation */
  readonly parameters?: { readonly [name: string]: ValueRule };
  /** further names that the driver reads start with this; unlike the names, it is case-sensitive */
  readonly prefix?: string;
  /** whether the driver answers an unknown parameter with an error, and then reads names in any case */
  readonly strict?: boolean;
  /** without these the driver refuses every snapshot */
  readonly required?: readonly string[];
  readonly combinations?: readonly CombinationRule[];
  /** what cannot be said by a table */
  readonly further?: (given: Parameters) => ParameterProblem | undefined;
  readonly minimumIntervalSeconds?: number;
  /** how many snapshots of one volume it makes at once, where making one means to copy it */
  readonly maxPendingPerVolume?: number;
  /** how long nobody can delete a snapshot */
  readonly lockedSeconds?: (given: Parameters) => number | undefined;
  /** until when nobody can delete a snapshot, after which none is taken any more */
  readonly lockedUntil?: (given: Parameters) => string | undefined;
  /** after how long the storage deletes a snapshot by itself */
  readonly expirySeconds?: (given: Parameters) => number | undefined;
}

export function matching(shape: RegExp, allowed: string): ValueRule {
  return { allowed, accepts: (value) => shape.test(value) };
}

export function notEmpty(): ValueRule {
  return { allowed: 'a text that is not empty', accepts: (value) => value.trim() !== '' };
}

export function oneOf(...values: string[]): ValueRule {
  return { allowed: values.join(', '), accepts: (value) => values.includes(value) };
}

export function oneOfAnyCase(...values: string[]): ValueRule {
  return { allowed: values.join(', '), accepts: (value) => values.some((known) => known.toLowerCase() === value.toLowerCase()) };
}

export function wholeNumber(min: number, max: number, unit: string): ValueRule {
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
  return { allowed: `a whole number of ${unit} ${range}`, accepts: (value) => /^\d+$/.test(value) && Number(value) >= min && Number(value) <= max };
}

export function list(item: RegExp, max: number, allowed: string): ValueRule {
  return { allowed, accepts: (value) => value === '' || (value.split(',').length <= max && value.split(',').every((part) => item.test(part))) };
}

/** The first problem that is found. */
export function firstProblem<T>(items: T[], find: (item: T) => ParameterProblem | undefined): ParameterProblem | undefined {
  for (const item of items) {
    const problem = find(item);
    if (problem) { return problem; }
  }
  return undefined;
}

/** Whether this is a date and time as Go's RFC3339 reads it, on a day that exists. */
export function isRfc3339(text: string): boolean {
  const match = /^(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/.exec(text);
  if (!match) { return false; }
  const day = new Date(`${match[1]}T00:00:00Z`);
  // a 30th of February is either no date at all or becomes a day in March
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(match[1]);
}
