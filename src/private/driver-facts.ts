import { driverFacts } from './driver-catalogue';
import { DriverFacts, firstProblem, ParameterProblem, Parameters, SnapshotKind } from './driver-rules';
import { RESERVED_PREFIX, secretKeys, secretProblem, SECRETS } from './driver-secrets';
import { Origin, reject } from './validate';

/** What the driver makes with these parameters, if the driver is known. */
export function kindOf(driver: string, parameters: Parameters): SnapshotKind | undefined {
  const facts = driverFacts(driver);
  const given = canonical(facts, parameters);
  return facts.kinds?.find(({ chosen }) => chosen?.(given) ?? true);
}

/** How many snapshots of one volume the driver keeps, undefined if no limit is known. */
export function maxSnapshotsPerVolume(driver: string, parameters: Parameters): number | undefined {
  return kindOf(driver, parameters)?.maxPerVolume;
}

/** How long nobody, the driver included, can delete a snapshot; undefined if it is not locked for a time. */
export function lockedSeconds(driver: string, parameters: Parameters): number | undefined {
  const facts = driverFacts(driver);
  return facts.lockedSeconds?.(canonical(facts, parameters));
}

/** Until when snapshots are locked, and taken; undefined if they are not locked until a date. */
export function lockedUntil(driver: string, parameters: Parameters): string | undefined {
  const facts = driverFacts(driver);
  return facts.lockedUntil?.(canonical(facts, parameters));
}

/** After how long the storage deletes a snapshot by itself; undefined if it does not. */
export function expirySeconds(driver: string, parameters: Parameters): number | undefined {
  const facts = driverFacts(driver);
  return facts.expirySeconds?.(canonical(facts, parameters));
}

/** Refuses a driver that cannot take snapshots. */
export function requireSnapshots(origin: Origin, prop: string, driver: string): void {
  // a misspelled name would find no driver at all
  const unsupported = driverFacts(driver.toLowerCase()).unsupported;
  if (unsupported) {
    reject(origin, prop, { problem: unsupported.reason, got: driver, allowed: 'a driver that takes snapshots', fix: unsupported.instead });
  }
}

/** Refuses a class that retains, and whose snapshots are lost with their volume nevertheless. */
export function requireOutlivesVolume(origin: Origin, prop: string, driver: string, parameters: Parameters, got: string): void {
  const kind = kindOf(driver, parameters);
  if (kind?.afterVolume !== 'go') { return; }
  const [better] = (driverFacts(driver).kinds ?? []).flatMap(({ afterVolume, called }) => afterVolume === 'stay' && called !== undefined ? [called] : []).reverse();
  reject(origin, prop, {
    problem: `the snapshots of ${driver} are in their volume: when a claim is deleted and its volume with it, nothing is retained`,
    got,
    allowed: `${better === undefined ? '' : `${better}, or `}${prop} together with mayBeLostWithVolume: true`,
    fix: `${better === undefined ? '' : `set ${better}, or `}say that it is known, and keep copies elsewhere of what must survive`,
  });
}

/** Refuses a driver that cannot take snapshots of groups. */
export function requireGroupSnapshots(origin: Origin, prop: string, driver: string): void {
  if (driverFacts(driver.toLowerCase()).groups === false) {
    reject(origin, prop, {
      problem: 'the driver takes no group snapshots',
      got: driver,
      allowed: 'a driver that does, such as those of Ceph, Trident, LINSTOR and Alibaba disks',
      fix: 'leave groupSnapshotClass out of the schedule and give it quiesce: one snapshot of each claim, all cut while the application is held',
    });
  }
}

/** What a class of group snapshots has in common with one of snapshots of the same driver. */
export function groupParameters(driver: string, parameters: Parameters): Parameters {
  const common = driverFacts(driver).commonWithGroups ?? [];
  return Object.fromEntries(common.filter((name) => parameters[name] !== undefined).map((name) => [name, parameters[name]]));
}

/** Refuses a complete set of parameters of a group class that lacks one that the driver needs. */
export function requireCompleteGroupParameters(origin: Origin, prop: string, driver: string, parameters: Parameters): void {
  requireAll(origin, prop, driver, parameters, driverFacts(driver).requiredForGroups ?? [], 'group snapshot');
}

/** Refuses parameters that the snapshot controller or the driver would refuse at every snapshot. */
export function requireParameters(origin: Origin, driver: string, parameters: Parameters, propOf: (parameter: string) => string): void {
  const problem = parameterProblem(driver, parameters);
  if (problem) { reject(origin, propOf(problem.parameter), problem); }
}

/** Refuses a complete set of parameters that lacks one that the driver needs. */
export function requireCompleteParameters(origin: Origin, prop: string, driver: string, parameters: Parameters): void {
  requireAll(origin, prop, driver, parameters, driverFacts(driver).required ?? [], 'snapshot');
}

function requireAll(origin: Origin, prop: string, driver: string, parameters: Parameters, required: readonly string[], what: string): void {
  const missing = required.find((name) => !(name in parameters));
  if (missing) {
    reject(origin, prop, {
      problem: `the parameter '${missing}' is missing`,
      got: Object.keys(parameters),
      allowed: `parameters with '${missing}', without which ${driver} takes no ${what}`,
      fix: 'set it',
    });
  }
}

/** The first thing that is wrong with these parameters, undefined if nothing is. */
export function parameterProblem(driver: string, parameters: Parameters): ParameterProblem | undefined {
  const facts = driverFacts(driver);
  return firstProblem(Object.keys(parameters), (name) => nameProblem(driver, facts, name, parameters))
    ?? firstProblem(SECRETS, (secret) => secretProblem(secret, parameters))
    ?? rulesProblem(facts, canonical(facts, parameters));
}

function nameProblem(driver: string, facts: DriverFacts, parameter: string, given: Parameters): ParameterProblem | undefined {
  const got = given[parameter];
  if (typeof got !== 'string') {
    return { parameter, problem: 'not a text', got, allowed: 'strings', fix: 'put it in quotes' };
  }
  if (parameter.startsWith(RESERVED_PREFIX)) {
    const names = SECRETS.flatMap(secretKeys);
    return names.includes(parameter) ? undefined : {
      parameter,
      problem: `the snapshot controller refuses unknown parameters with the prefix ${RESERVED_PREFIX}`,
      got: parameter,
      allowed: names.join(', '),
      fix: 'correct the name, or leave it out',
    };
  }
  const known = knownName(facts, parameter);
  if (known === undefined) {
    return facts.strict ? {
      parameter,
      problem: `${driver} refuses snapshots with a parameter that it does not know`,
      got: parameter,
      allowed: [...Object.keys(facts.parameters ?? {}), ...facts.prefix ? [`${facts.prefix}_1, ${facts.prefix}_2 and so on`] : []].join(', '),
      fix: 'correct the name, or add it with a JsonPatch if a newer version of the driver knows it',
    } : undefined;
  }
  const twin = Object.keys(given).find((name) => name !== parameter && knownName(facts, name) === known);
  return twin === undefined ? undefined : {
    parameter,
    problem: `${driver} ignores the case of names, and '${twin}' is given too`,
    got,
    allowed: 'one spelling of a name',
    fix: 'leave one of the two out',
  };
}

function rulesProblem(facts: DriverFacts, given: Parameters): ParameterProblem | undefined {
  const wrongValue = Object.entries(facts.parameters ?? {}).find(([name, rule]) => name in given && !rule.accepts(given[name]));
  if (wrongValue) {
    const [parameter, rule] = wrongValue;
    return { parameter, problem: 'not a value that the driver takes', got: given[parameter], allowed: rule.allowed, fix: 'correct the value' };
  }
  const broken = facts.combinations?.find((rule) => rule.broken(given));
  return broken ? { ...broken, got: given[broken.parameter] } : facts.further?.(given);
}

/** The parameters under the names of the documentation, so that rules need not care about case. */
function canonical(facts: DriverFacts, parameters: Parameters): Parameters {
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [knownName(facts, name) ?? name, value]));
}

function knownName(facts: DriverFacts, name: string): string | undefined {
  const same = (known: string) => known === name || (facts.strict && known.toLowerCase() === name.toLowerCase());
  return Object.keys(facts.parameters ?? {}).find(same) ?? (facts.prefix && name.startsWith(facts.prefix) ? name : undefined);
}
