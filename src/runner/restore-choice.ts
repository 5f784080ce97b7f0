import { isMember, resolveClaims } from './claims';
import { ClaimSelection, ClaimSpec, KEYS, RestoreConfig } from './config';
import { KubeClient } from './kube-client';
import { listAll } from './list-all';
import { readJson, readSnapshot, Snapshot, snapshotsPath } from './resources';
import { RestoreRequest } from './restore-request';
import { groupBy } from '../retention/groups';
import { momentOf } from '../retention/plan';

/** A snapshot with what a restore looks at besides. */
export interface Restorable extends Snapshot {
  /** the same for what one run took */
  readonly run: string;
  /** the schedule that took it, also as a member of a group */
  readonly takenBy?: string;
  /** the least size of a volume for its data, a quantity */
  readonly restoreSize?: string;
  /** what its claim asked for, if it was recorded */
  readonly spec?: ClaimSpec;
}

/** What is restored, and what a person should know of the choice. */
export interface Choice {
  readonly snapshots: Restorable[];
  /** what the run lacks that has good snapshots, in words */
  readonly absent?: string;
  readonly notes: string[];
}

/** Whose snapshots, and of which claims; with `requestName`, a person may say otherwise. */
export type Source = Pick<RestoreConfig, 'claims' | 'scheduleId'> & Partial<Pick<RestoreConfig, 'requestName'>>;

export interface ChoiceInput {
  readonly client: KubeClient;
  readonly config: Source;
  readonly namespace: string;
  readonly signal: AbortSignal;
}

/** All snapshots of a namespace, whoever took them. */
export function listRestorable(client: KubeClient, namespace: string, signal: AbortSignal): Promise<Restorable[]> {
  return listAll(client, snapshotsPath(namespace), readRestorable, signal);
}

function readRestorable(object: any): Restorable {
  const snapshot = readSnapshot(object);
  const { annotations = {}, labels = {} } = object.metadata;
  return {
    ...snapshot,
    run: annotations[KEYS.scheduledFor] ?? annotations[KEYS.manualRun] ?? labels[KEYS.group] ?? snapshot.name,
    takenBy: snapshot.scheduleId ?? annotations[KEYS.takenBy],
    restoreSize: object.status?.restoreSize,
    spec: readRecorded(annotations[KEYS.claimSpec]),
  };
}

export function readRecorded(text: string | undefined): ClaimSpec | undefined {
  const spec = readJson<ClaimSpec | null>(text);
  return typeof spec?.storage === 'string' ? spec : undefined;
}

/**
 * Chooses the snapshots. Claims of one source belong together, so they come from
 * one run: the newest that has a good snapshot of each of them.
 *
 * `existing`: names of claims that the source's selections find now.
 */
export function choose(
  all: readonly Restorable[], config: Source, request: RestoreRequest, existing: readonly string[], now: number,
): Choice {
  if (request.snapshots) {
    const snapshots = request.snapshots.map(name => byName(all, name));
    return { snapshots, notes: snapshots.flatMap(({ isBad, name }) => (isBad ? [`a drill found snapshot '${name}' bad`] : [])) };
  }
  const ours = all.filter(({ takenBy }) => takenBy === config.scheduleId);
  if (ours.length === 0) { throw new Error(`schedule '${config.scheduleId}' has no snapshot in this namespace${config.requestName ? "; name others by 'snapshots'" : ''}`); }

  const inTime = ours.filter(snapshot => request.before === undefined || momentOf(snapshot, now) <= request.before);
  const isGood = (snapshot: Restorable) => fault(snapshot) === undefined && (request.evenBad === true || !snapshot.isBad)
    && (!request.only.includes('verified') || snapshot.verified) && (!request.only.includes('application') || snapshot.consistent);
  const newest = (snapshots: readonly Restorable[]) => Math.max(...snapshots.map(snapshot => momentOf(snapshot, now)));
  const runs = [...groupBy(inTime, ({ run }) => run).values()].sort((a, b) => newest(b) - newest(a));
  const passedOver: string[] = [];
  for (const run of runs) {
    const good = groupBy(run.filter(isGood), ({ claimName }) => claimName);
    const wanted = request.claims ?? claimsOf(config.claims, run, existing);
    const missing = wanted.filter(name => !good.has(name));
    if (wanted.length > 0 && missing.length === 0) {
      // a quiesced run that cut twice has two of a claim
      const snapshots = wanted.map(name => newestOf(good.get(name) ?? [], now));
      const others = request.claims || isFixed(config.claims) ? [] : inTime.filter(each => isGood(each) && isMeant(config.claims, each.claimName));
      const absent = absentClaims(wanted, others, now);
      const notes = [...absent ? [absent] : [], ...olderClaims(snapshots, inTime.filter(isGood), now), ...describePassed(passedOver)];
      return { snapshots, absent, notes };
    }
    if (good.size > 0 || !request.claims) { passedOver.push(`the run of ${inWordsOf(newest(run))} has no good snapshot of ${describeMissing(missing, run, request)}`); }
  }
  throw new Error(`no run has a good snapshot of all claims${passedOver.length > 0 ? ` (${passedOver.slice(0, 3).join('; ')})` : ''}; `
    + restOf(inTime.filter(isGood), ours.filter(isGood), now, config.requestName ? ": name the claims that you want by 'claims', or snapshots by 'snapshots'" : ''));
}

/** Chooses among the snapshots of a namespace. */
export async function chooseFrom({ client, config, namespace, signal }: ChoiceInput, request: RestoreRequest): Promise<Choice> {
  const items = await listRestorable(client, namespace, signal);
  const unnamed = config.claims.filter(({ kind, optional }) => kind !== 'Claim' && !optional);
  const { found } = unnamed.length === 0 ? { found: [] } : await resolveClaims(client, namespace, unnamed, signal);
  return choose(items, config, request, found.map(({ name }) => name), client.now());
}

/** For a choice in another namespace than that of the run: says in which there is none. */
export const naming = (namespace: string | undefined) => (error: Error): never => {
  if (namespace !== undefined) { error.message = `namespace '${namespace}': ${error.message}`; }
  throw error;
};

/** Why a snapshot cannot be restored from, if so. */
export function fault({ cutAt, deleting, error, ready }: Snapshot): string | undefined {
  if (deleting) { return 'it is being deleted'; }
  if (ready) { return undefined; }
  return error ?? (cutAt === undefined ? 'its data is not cut yet' : 'the storage is still copying it');
}

function byName(all: readonly Restorable[], name: string): Restorable {
  const found = all.find(snapshot => snapshot.name === name);
  if (!found) { throw new Error(`there is no snapshot '${name}' in this namespace; see kubectl get volumesnapshots`); }
  const problem = fault(found);
  if (problem !== undefined) { throw new Error(`snapshot '${name}' cannot be restored from: ${problem}`); }
  return found;
}

const isFixed = (selections: readonly ClaimSelection[]) => selections.every(({ kind, optional }) => kind === 'Claim' && !optional);

/** Whether a selection may mean a claim that is not there. */
const isMeant = (selections: readonly ClaimSelection[], name: string) => selections.some(selection =>
  (selection.kind === 'StatefulSet' ? isMember(selection, name) : selection.kind === 'Selector' || selection.name === name));

/** Names that the source gives, claims that it finds now, and those that it found in the run. */
function claimsOf(selections: readonly ClaimSelection[], run: readonly Restorable[], existing: readonly string[]): string[] {
  const fixed = selections.flatMap(selection => (selection.kind === 'Claim' && !selection.optional ? [selection.name] : []));
  const found = isFixed(selections) ? [] : run.map(({ claimName }) => claimName);
  return [...new Set([...fixed, ...existing, ...found])].sort();
}

function newestOf(snapshots: readonly Restorable[], now: number): Restorable {
  return snapshots.reduce((best, each) => (momentOf(each, now) > momentOf(best, now) ? each : best));
}

const inWordsOf = (moment: number) => new Date(moment).toISOString();

/** With what is there of a claim, and not good enough. */
function describeMissing(missing: readonly string[], run: readonly Restorable[], { evenBad, only }: RestoreRequest): string {
  return missing.map(name => {
    const there = run.find(({ claimName }) => claimName === name);
    if (!there) { return name; }
    const reason = fault(there) ?? (there.isBad && !evenBad ? 'a drill found it bad' : `it is not ${only.join(' and ')}`);
    return `${name} (${reason})`;
  }).join(', ');
}

function describePassed(passedOver: readonly string[]): string[] {
  const more = passedOver.length > 3 ? [`and ${passedOver.length - 3} more newer runs`] : [];
  return passedOver.length === 0 ? [] : [`passed over: ${[...passedOver.slice(0, 3), ...more].join('; ')}`];
}

/** Nobody but a run knows which claims it should have had: it may have failed for one, or left it out. */
function absentClaims(wanted: readonly string[], good: readonly Restorable[], now: number): string | undefined {
  const absent = [...groupBy(good.filter(({ claimName }) => !wanted.includes(claimName)), ({ claimName }) => claimName).values()];
  const names = absent.slice(0, 5).map(own => `${own[0].claimName} (newest '${newestOf(own, now).name}')`);
  return names.length === 0 ? undefined : `NOT IN THAT RUN: ${names.join(', ')}`;
}

/** A claim that was deleted and made anew under its name has snapshots of its own; a person may mean the ones before. */
function olderClaims(chosen: readonly Restorable[], good: readonly Restorable[], now: number): string[] {
  return chosen.flatMap(({ claimName, claimUid }) => {
    const others = good.filter(each => each.claimName === claimName && each.claimUid !== claimUid);
    return others.length === 0 ? []
      : [`claim '${claimName}' was made anew under its name; the newest snapshot of the one before is '${newestOf(others, now).name}'`];
  });
}

/** `good`: of those in time; `anytime`: of all. */
function restOf(good: readonly Restorable[], anytime: readonly Restorable[], now: number, hint: string): string {
  const newest = [...groupBy(good, ({ claimName }) => claimName)].map(([claimName, own]) => `'${newestOf(own, now).name}' of ${claimName}`);
  const oldest = anytime.length > 0 ? anytime.reduce((best, each) => (momentOf(each, now) < momentOf(best, now) ? each : best)) : undefined;
  return newest.length === 0
    ? `no claim has one that was asked for${oldest ? `: the oldest good one, '${oldest.name}', is of ${inWordsOf(momentOf(oldest, now))}` : ''}; see kubectl get volumesnapshots`
    : `the newest good ones, of different runs and no common state, are ${newest.slice(0, 5).join(', ')}${hint}`;
}
