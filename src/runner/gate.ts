import { AbsentClaimError, ResolvedClaims } from './claims';
import { EXIT, GateConfig, KEYS, RunnerConfig } from './config';
import { hasFailed, oneLine, Outcome, RunResult } from './report';
import { Claim, Snapshot } from './resources';
import { readMoment } from '../retention/moment';
import { inWords } from '../retention/plan';

/** Who waits for a storage that is known to be broken would wait in vain; in seconds. */
const LONGEST_WAIT_IN_EMERGENCY = 60;
/** A leave that nobody takes back would be one for ever. */
const LONGEST_LEAVE = 24 * 3_600_000;
const USUAL_LEAVE = 2 * 3_600_000;

/** Which claims an upgrade waits for, and which have nothing yet that could be lost. */
export interface Admitted extends ResolvedClaims {
  readonly notYet: string[];
}

/**
 * A claim that is not there, or has no volume, is yet to come with the first installation; but not
 * if it was snapshotted before: then it is lost, or misspelt, and the upgrade must not go on. `snapshots`: also the members of groups.
 */
export function admit({ claimsMustExist = false }: GateConfig, claims: ResolvedClaims, snapshots: readonly Snapshot[]): Admitted {
  if (claimsMustExist) { return { ...claims, notYet: [] }; }
  const isAbsent = (error: unknown) => error instanceof AbsentClaimError;
  const wasThere = (name: string) => snapshots.some(({ claimName, group }) => claimName === name && group === undefined);
  // that nothing is selected says nothing of a name, but any snapshot says that something was there
  const areAllGone = claims.found.length === 0 && snapshots.length > 0;
  const absent = claims.missing.filter(({ name, error }) => isAbsent(error) && !wasThere(name) && !areAllGone);
  // one that is being restored is no loss, though it was snapshotted before
  const empty = claims.found.filter(({ deleting, fromSnapshot, name, phase }) => phase === 'Pending' && !deleting && (fromSnapshot !== undefined || !wasThere(name)));
  return {
    found: claims.found.filter(claim => !empty.includes(claim)),
    missing: claims.missing.filter(one => !absent.includes(one)),
    scaledIn: claims.scaledIn,
    notYet: [...absent, ...empty].map(({ name }) => name).sort(),
  };
}

/** What an earlier run took of all these claims a short while ago; undefined if one has none that is good enough. */
export function reusable(
  { gate, group, quiesce }: RunnerConfig, claims: readonly Claim[], snapshots: readonly Snapshot[], now: number,
): Outcome[] | undefined {
  // that a group is ready does not say that each of its claims has a snapshot in it
  if (group) { return undefined; }
  const youngest = now - (gate?.reuseSeconds ?? 0) * 1000;
  // nothing is cut before it is asked for: the storage's clock may be ahead
  const momentOf = ({ createdAt, cutAt = createdAt }: Snapshot) => Math.min(createdAt, cutAt);
  const isGood = ({ consistent, deleting, isBad, ready }: Snapshot) => ready && !deleting && !isBad && (consistent || !quiesce);
  const isFresh = (snapshot: Snapshot) => isGood(snapshot) && momentOf(snapshot) >= youngest;
  const newestFirst = snapshots.filter(isFresh).sort((a, b) => momentOf(b) - momentOf(a));
  const outcomes = claims.map((claim): Outcome => {
    const snapshot = newestFirst.find(({ claimUid }) => claimUid === claim.uid);
    const note = snapshot && `used again, since it was cut ${inWords((now - momentOf(snapshot)) / 1000)} ago`;
    return { name: claim.name, claim, snapshot, note };
  });
  return outcomes.every(({ snapshot }) => snapshot) ? outcomes : undefined;
}

/** May the upgrade go on without a snapshot of this claim, as a person wrote on it? */
function hasLeave({ upgradeWithoutSnapshotUntil: text = '' }: Claim, now: number): boolean {
  const until = readMoment(text);
  return until !== undefined && until > now && until <= now + LONGEST_LEAVE;
}

/** Is it known that the storage is broken? Then the run is still tried, but nobody waits long for it. */
export function inEmergency(config: RunnerConfig, claims: readonly Claim[], now: number): RunnerConfig {
  return claims.length > 0 && claims.every(claim => hasLeave(claim, now))
    ? { ...config, readyTimeoutSeconds: Math.min(config.readyTimeoutSeconds, LONGEST_WAIT_IN_EMERGENCY) }
    : config;
}

/** How a run ends that an upgrade waits for. `outcomes`: what came of the claims that it waits for. */
export function verdict(namespace: string, outcomes: readonly Outcome[], notYet: readonly string[], result: RunResult, now: number): RunResult {
  const notes = notYet.length === 0 ? [] : [`nothing to lose yet, as there is no volume: ${notYet.join(', ')}`];
  const failed = outcomes.filter(hasFailed);
  if (result.exitCode === EXIT.success || result.exitCode === EXIT.terminated) {
    return { ...result, message: oneLine([...notes, result.message, ...asOf(outcomes)].join('; ')) };
  }
  const claims = failed.flatMap(({ claim }) => claim ?? []);
  if (failed.length > 0 && failed.every(({ claim }) => claim && hasLeave(claim, now))) {
    const words = `THE UPGRADE GOES ON WITHOUT A SNAPSHOT of ${claims.map(({ name }) => name).join(', ')}, as '${KEYS.upgradeWithoutSnapshotUntil}' says`;
    return { exitCode: EXIT.success, message: oneLine([words, ...notes, result.message].join('; ')) };
  }
  // the snapshots are there; that old ones stay is no reason to keep back an upgrade
  if (outcomes.length > 0 && failed.length === 0) {
    return { exitCode: EXIT.success, message: oneLine([...notes, `WARNING: ${result.message}`, ...asOf(outcomes)].join('; ')) };
  }
  return { ...result, message: oneLine([...notes, result.message, ...howToGoOn(namespace, failed, now)].join('; ')) };
}

/** A Job that ran long ago looks like one of now, but for this. */
function asOf(outcomes: readonly Outcome[]): string[] {
  const cuts = outcomes.flatMap(({ snapshot }) => snapshot?.cutAt ?? []);
  return cuts.length === 0 ? [] : [`the data is as of ${new Date(Math.min(...cuts)).toISOString()}`];
}

function howToGoOn(namespace: string, failed: readonly Outcome[], now: number): string[] {
  const claims = failed.flatMap(({ claim }) => claim ?? []);
  const absent = failed.some(({ claim }) => !claim)
    ? ['what is not there was snapshotted before, or must exist: restore it; if it is right that it is gone, correct the source, '
      + 'or give the PreUpgradeSnapshot another name']
    : [];
  if (claims.length === 0) { return absent; }
  const spoilt = claims.filter(({ upgradeWithoutSnapshotUntil: text }) => text !== undefined)
    .map(({ name, upgradeWithoutSnapshotUntil: text }) => `'${text}' on claim '${name}' is over, more than a day ahead, or no moment such as 2027-01-31T18:00Z`);
  const until = new Date(now + USUAL_LEAVE).toISOString().replace(/\.\d+Z$/, 'Z');
  return [...absent, ...spoilt, 'to upgrade without a snapshot nevertheless: '
    + `kubectl -n ${namespace} annotate --overwrite pvc ${claims.map(({ name }) => name).join(' ')} ${KEYS.upgradeWithoutSnapshotUntil}=${until}`];
}
