import { listClaims } from './claims';
import { remove } from './clear';
import { ClaimSpec, CloneConfig, EXIT, KEYS } from './config';
import { create } from './create';
import { shortHash, withSuffix } from './identity';
import { KubeClient, list, lookAgainLater, mayPass, RetryingClient, TerminatedError, unlessAbsent } from './kube-client';
import { clearMasking, mask } from './masking';
import { forEach } from './parallel';
import { brokenOff, isForbidden, oneLine, RunResult, writeEvent } from './report';
import { Claim, claimsPath, namespacePath, podsPath, readClaim, readJson } from './resources';
import { chooseFrom, naming, Restorable } from './restore-choice';
import { claimFrom, describeData, nameOf, requestFor } from './restored-claims';
import { settle, Settling } from './settle';
import { bring, CloneSnapshot, dismiss, Handle, handleOf, listMade, marksOf, Purpose, untilReady } from './static-snapshots';
import { groupBy } from '../retention/groups';
import { inWords, momentOf } from '../retention/plan';

export interface CloneInput {
  /** as it is: the run adds the retries */
  readonly client: KubeClient;
  readonly config: CloneConfig;
  /** the administrators', where masking is done */
  readonly namespace: string;
  /** the name of the pod, for Events */
  readonly pod: string;
  readonly jobName: string;
  readonly jobUid: string;
  /** given when the pod is told to end */
  readonly signal: AbortSignal;
  readonly log: (step: string, details: object) => void;
}

interface Context extends CloneInput {
  /** when to wait no longer */
  readonly until: number;
}

/** Clones that belong together. It is written on each claim, so that a later run knows what there is. */
interface Generation {
  /** of which snapshots, by which settings */
  readonly id: string;
  /** the same for what was asked for alike, above all how it is masked */
  readonly settings: string;
  /** when the newest of its snapshots was cut, in milliseconds since 1970 */
  readonly at: number;
  /** the names of its claims */
  readonly claims: string[];
}

/** A claim of a clone that is there. */
interface Clone extends Claim {
  readonly generation: Generation;
}

/** A claim that is to be made. */
interface Target {
  readonly name: string;
  readonly from: Restorable;
  readonly spec: ClaimSpec;
  /** the claim that is there already */
  readonly known?: Clone;
  /** one of an earlier generation, whose name it takes */
  readonly replaced?: Clone;
  readonly notes: string[];
}

interface Plan {
  readonly generation: Generation;
  readonly targets: Target[];
  readonly notes: string[];
  /** why nothing is made */
  readonly upToDate: boolean;
}

/** What became of a claim. */
interface Made extends Settling {
  readonly target: Settling['target'] & { readonly from?: Restorable; readonly isNew: boolean };
}

/**
 * Makes claims of the newest good snapshots in another namespace, by second objects of them that retain the storage. Old clones go
 * when the new ones are handed out, and nothing is handed out that was to be masked and is not.
 */
export async function runClone(input: CloneInput): Promise<RunResult> {
  const { config, log, signal } = input;
  const client = new RetryingClient(input.client);
  let context: Context = { ...input, client, until: Infinity };
  try {
    const owner = await findTarget(context);
    const startedAt = client.now();
    context = { ...context, until: startedAt + config.timeoutSeconds * 1000 };
    // what is half-made of masked data was masked by another pod
    if (config.masking) { await tidy(context); }
    const plan = await planAhead(context);
    log('plan', { ...plan.generation, upToDate: plan.upToDate });
    const errors = plan.upToDate ? new Map<string, Error>() : await make(context, plan, owner);
    const made = await handOut(context, plan, errors);
    if (signal.aborted) { throw new TerminatedError(); }
    const failed = made.filter(({ error }) => error !== undefined);
    // the old ones are what people work with until the new ones are there
    const old = failed.length === 0 ? await removeOld(context, plan.generation) : { removed: [], inUse: [] };
    const problems = await tidy(context);
    await forEach(made.filter(({ error, target }) => target.isNew || error !== undefined), one => tellClaim(context, one));
    const result = {
      exitCode: failed.length + problems.length === 0 ? EXIT.success : EXIT.failed,
      message: oneLine([...describe(context, plan, made, (client.now() - startedAt) / 1000), ...describeOld(old), ...problems].join('; ')),
    };
    if (result.exitCode === EXIT.failed) { await tellJob(context, result.message); }
    return result;
  } catch (error) {
    // without a server nothing can be taken away; the retry does it
    if (!mayPass(error)) { await tidy(context).then(left => log('left', { left }), failure => log('left', { message: (failure as Error).message })); }
    const result = brokenOff(error, isForbidden(error)
      ? 'apply the Roles and the ClusterRole of this clone, with their bindings; the clones that are there stay'
      : 'nothing was handed out, and the clones that are there stay');
    if (result.exitCode === EXIT.failed) { await tellJob(context, result.message); }
    return result;
  }
}

/** The target namespace, as what takes contents along when it is deleted: they are in none, and nobody else would. */
async function findTarget(context: Context): Promise<object> {
  const { client, config, signal } = context;
  const { targetNamespace } = config;
  const found = await unlessAbsent(client.request({ method: 'GET', path: namespacePath(targetNamespace) }, signal));
  if (!found) {
    // what was masked for it is wanted by nobody
    if (config.masking) { await clearMasking(context, () => false); }
    throw new Error(`there is no namespace '${targetNamespace}'; create it, and apply the Role of this clone in it`);
  }
  const { deletionTimestamp, name, uid } = found.metadata;
  if (deletionTimestamp !== undefined) { throw new Error(`namespace '${targetNamespace}' is being deleted`); }
  return { apiVersion: 'v1', kind: 'Namespace', name, uid };
}

// ---- what is wanted

async function planAhead(context: Context): Promise<Plan> {
  const { client, config, signal } = context;
  const { claims, labels, masking, names, only, scheduleId, sourceNamespace, storageClassName, targetNamespace } = config;
  const choice = await chooseFrom({ client, config, namespace: sourceNamespace, signal }, { only }).catch(naming(sourceNamespace));
  const existing = await listClaims(client, targetNamespace, signal);
  const settings = shortHash(JSON.stringify({ claims, labels, masking, names, only, scheduleId, sourceNamespace, storageClassName }));
  const generation = {
    id: shortHash(...choice.snapshots.map(({ uid }) => uid), settings),
    settings,
    at: Math.max(...choice.snapshots.map(snapshot => momentOf(snapshot, client.now()))),
    claims: choice.snapshots.map(snapshot => nameOf(snapshot, names, claims)),
  };
  const clones = clonesIn(existing, config);
  // of what is newer than that, the snapshots are gone by now
  const [current] = clones.map(clone => clone.generation).filter(each => each.settings === settings && isComplete(each, clones)
    && (each.id === generation.id || each.at > generation.at)).sort((a, b) => b.at - a.at);
  if (current) { return { generation: current, targets: [], notes: choice.notes, upToDate: true }; }
  return { generation, targets: await targetsOf(context, choice.snapshots, existing, generation), notes: choice.notes, upToDate: false };
}

/** Those of this clone, if nobody has spoilt what is written on them. */
function clonesIn(claims: readonly Claim[], { cloneId }: CloneConfig): Clone[] {
  return claims.flatMap(claim => {
    const generation = claim.restoredBy === cloneId ? readJson<Generation>(claim.restorePlan) : undefined;
    return generation && Array.isArray(generation.claims) && !claim.deleting ? [{ ...claim, generation }] : [];
  });
}

function isComplete({ claims, id }: Generation, clones: readonly Clone[]): boolean {
  return claims.every(name => clones.some(clone => clone.name === name && clone.generation.id === id));
}

/** Throws, before anything is made, an error that says all that stands in the way. */
async function targetsOf(
  context: Context, snapshots: readonly Restorable[], existing: readonly Claim[], generation: Generation,
): Promise<Target[]> {
  const { config } = context;
  const { targetNamespace } = config;
  const clones = clonesIn(existing, config);
  const targets = snapshots.map((from, index) => {
    const name = generation.claims[index];
    const found = clones.find(clone => clone.name === name);
    const isKnown = found?.generation.id === generation.id;
    const there = isKnown ? { known: found } : { replaced: found };
    return { name, from, ...there, ...requestFor(from, [], config.storageClassName) };
  });
  const users = targets.some(({ replaced }) => replaced) ? await usersOf(context) : new Map<string, string>();
  const problems = targets.flatMap(({ name, replaced }, index) => {
    const other = existing.find(claim => claim.name === name && !clones.some(({ uid }) => uid === claim.uid));
    if (other?.deleting) { return [`claim '${name}' is still being deleted, by a pod that mounts it: end that, and start again`]; }
    if (other) { return [`claim '${name}' exists in namespace '${targetNamespace}' and is not touched; delete it, or choose other names`]; }
    if (generation.claims.indexOf(name) < index) { return [`two claims would be called '${name}'; choose other names`]; }
    return replaced && users.has(name) ? [blocked(name, users)] : [];
  });
  if (problems.length > 0) { throw new Error(problems.join('; ')); }
  return targets;
}

const blocked = (name: string, users: ReadonlyMap<string, string>) => `claim '${name}' is to be replaced, and pod '${users.get(name)}' mounts it: `
  + 'scale its workload to 0, and start again';

/** The pod that mounts each claim, or soon will. */
async function usersOf({ client, config, signal }: Context): Promise<Map<string, string>> {
  const read = ({ metadata, spec, status }: any): [string, string][] => {
    const claims = (spec?.volumes ?? []).flatMap((volume: any) => volume.persistentVolumeClaim?.claimName ?? []);
    return ['Succeeded', 'Failed'].includes(status?.phase) ? [] : claims.map((claim: string) => [claim, metadata.name]);
  };
  return new Map((await list(client, podsPath(config.targetNamespace), {}, read, signal)).items.flat());
}

// ---- making it

/** Makes the claims; what could not be made is returned with the reason. */
async function make(context: Context, { generation, targets }: Plan, owner: object): Promise<Map<string, Error>> {
  const { config } = context;
  const { targetNamespace } = config;
  const open = targets.filter(({ known }) => !known);
  const handles = await handlesOf(context, open, generation);
  const brought: CloneSnapshot[] = [];
  for (const [index, { from, name }] of open.entries()) {
    brought.push(await bring(context, targetNamespace, withSuffix(name, `-${shortHash(config.cloneId, generation.id, from.uid)}`), handles[index], owner));
  }
  // the storage has shown that it has them, so that what is replaced may go
  await untilReady(context, targetNamespace, brought);
  await replace(context, open.flatMap(({ replaced }) => replaced ?? []));
  const errors = new Map<string, Error>();
  await forEach([...open.entries()], async ([index, target]) => {
    await createClaim(context, target, brought[index], generation).catch(error => {
      if (mayPass(error) || error instanceof TerminatedError) { throw error; }
      errors.set(target.name, error as Error);
    });
  });
  return errors;
}

/** What the storage calls the data that is handed out. */
async function handlesOf(context: Context, targets: readonly Target[], { id }: Generation): Promise<Handle[]> {
  if (context.config.masking) {
    return mask(context, targets.map(({ from, name, spec }) => ({ snapshot: from, spec, purpose: { claim: name, generation: id } })));
  }
  return Promise.all(targets.map(({ from }) => handleOf(context, from)));
}

/** Deletes claims whose names are taken over, and waits until they are gone. */
async function replace(context: Context, claims: readonly Clone[]): Promise<void> {
  const { client, config, signal, until } = context;
  const path = claimsPath(config.targetNamespace);
  if (claims.length === 0) { return; }
  // masking takes its time
  const users = await usersOf(context);
  const used = claims.find(({ name }) => users.has(name));
  if (used) { throw new Error(blocked(used.name, users)); }
  await forEach(claims, claim => remove(context, path, claim, signal));
  for (let attempt = 0; ; attempt += 1) {
    const left = (await listClaims(client, config.targetNamespace, signal)).find(({ uid }) => claims.some(claim => claim.uid === uid));
    if (!left) { return; }
    if (client.now() >= until) { throw new Error(`claim '${left.name}' is being deleted and still there, by a pod that mounts it: end that, and start again`); }
    await lookAgainLater(client, attempt, signal);
  }
}

async function createClaim(context: Context, { from, name, spec }: Target, snapshot: CloneSnapshot, generation: Generation): Promise<Claim> {
  const { config } = context;
  const { labels, annotations } = marksOf(config);
  // schedules that select by labels leave clones out
  const body = claimFrom(snapshot, spec, {
    name,
    labels: { ...labels, [KEYS.restored]: 'true', ...config.labels },
    annotations: {
      ...annotations,
      [KEYS.restoredBy]: config.cloneId,
      [KEYS.restorePlan]: JSON.stringify(generation),
      [KEYS.clonedFrom]: `${config.sourceNamespace}/${from.name}`,
    },
  });
  const isSame = ({ metadata, spec: { dataSource } }: any) => metadata.annotations?.[KEYS.restoredBy] === config.cloneId
    && dataSource?.name === snapshot.name;
  return readClaim(await create(context, claimsPath(config.targetNamespace), body, isSame));
}

/** Waits for the volumes of a generation, made by this run or an earlier one. */
async function handOut(context: Context, { generation, targets }: Plan, errors: ReadonlyMap<string, Error>): Promise<Made[]> {
  const { client, config, signal, until } = context;
  const namespace = config.targetNamespace;
  const clones = clonesIn(await listClaims(client, namespace, signal), config).filter(clone => clone.generation.id === generation.id);
  const snapshots = await listMade(context, namespace);
  const made = generation.claims.map(name => {
    const claim = clones.find(clone => clone.name === name);
    const target = targets.find(each => each.name === name);
    const uid = snapshots.find(snapshot => snapshot.name === claim?.fromSnapshot)?.uid ?? '';
    return {
      target: { name, from: target?.from, isNew: target !== undefined && !target.known, snapshot: { name: claim?.fromSnapshot ?? '', uid } },
      claim,
      error: errors.get(name),
    };
  });
  return settle({ ...context, namespace }, made, until);
}

// ---- what is no longer needed

interface Old {
  readonly removed: string[];
  readonly inUse: string[];
}

/** Removes the claims of generations beyond those that are kept; never one that a pod mounts. */
async function removeOld(context: Context, current: Generation): Promise<Old> {
  const { client, config, signal } = context;
  const clones = clonesIn(await listClaims(client, config.targetNamespace, signal), config);
  const rank = ({ at, id }: Generation) => (id === current.id ? Infinity : at);
  const generations = [...groupBy(clones, ({ generation }) => generation.id).values()].sort(([a], [b]) => rank(b.generation) - rank(a.generation));
  const outdated: Clone[] = [];
  let complete = 0;
  for (const generation of generations) {
    const [{ generation: { settings } }] = generation;
    // what is only half there takes no place, and what was made by other settings, perhaps unmasked, has none
    if (complete >= config.keep || settings !== current.settings) {
      outdated.push(...generation);
    } else if (isComplete(generation[0].generation, generation)) {
      complete += 1;
    }
  }
  if (outdated.length === 0) { return { removed: [], inUse: [] }; }
  const users = await usersOf(context);
  const [used, due] = [true, false].map(isUsed => outdated.filter(({ name }) => users.has(name) === isUsed));
  await forEach(due, clone => remove(context, claimsPath(config.targetNamespace), clone, signal));
  return { removed: due.map(({ name }) => name), inUse: used.map(({ name }) => `'${name}' is mounted by pod '${users.get(name)}'`) };
}

/**
 * Takes away the second objects of snapshots whose claims have their data, or are gone, and what masking has left. It is done on every path,
 * so that it heeds no signal. Returns what could not be.
 */
async function tidy(context: Context): Promise<string[]> {
  const { client, config } = context;
  const namespace = config.targetNamespace;
  const aside = { ...context, signal: new AbortController().signal };
  const claims = await listClaims(client, namespace, aside.signal);
  const isWaiting = (claim: Claim) => claim.phase === 'Pending' && !claim.deleting;
  const done = (await listMade(aside, namespace)).filter(({ name }) => !claims.some(claim => claim.fromSnapshot === name && isWaiting(claim)));
  const waiting = clonesIn(claims, config).filter(isWaiting);
  const isNeeded = ({ claim, generation }: Purpose) => waiting.some(each => each.name === claim && each.generation.id === generation);
  const problems: string[] = [];
  const tried = (work: Promise<void>) => work.catch(error => {
    if (mayPass(error)) { throw error; }
    problems.push(`FAILED cleaning up: ${(error as Error).message}`);
  });
  await forEach(done.filter(({ staticContent }) => staticContent), snapshot => tried(dismiss(aside, namespace, snapshot)));
  if (config.masking) { await tried(clearMasking(aside, isNeeded)); }
  return problems;
}

// ---- what is said of it

async function tellClaim(context: Context, { claim, error, target }: Made): Promise<void> {
  if (!claim) { return; }
  const { sourceNamespace, targetNamespace } = context.config;
  await writeEvent({ ...context, namespace: targetNamespace }, claim, error === undefined
    ? { type: 'Normal', reason: 'SnapshotCloned', message: `made from snapshot '${target.from?.name}' of namespace '${sourceNamespace}'` }
    : { type: 'Warning', reason: 'SnapshotCloneFailed', message: (error as Error).message });
}

/** Where the administrators look, since the words of a check may be data. */
async function tellJob(context: Context, message: string): Promise<void> {
  const job = { apiVersion: 'batch/v1', kind: 'Job', name: context.jobName, uid: context.jobUid };
  await writeEvent(context, job, { type: 'Warning', reason: 'SnapshotCloneFailed', message });
}

function describe({ config }: Context, plan: Plan, made: readonly Made[], seconds: number): string[] {
  const { masking, sourceNamespace, targetNamespace } = config;
  const failed = made.filter(({ error }) => error !== undefined);
  const good = made.filter(({ error }) => error === undefined);
  const word = good.some(({ waitsForPod }) => waitsForPod) ? 'made' : 'ready';
  const where = `of ${made.length} clones are ${word} in '${targetNamespace}'`;
  const after = inWords(Math.max(1, Math.round(seconds)));
  return [
    plan.upToDate
      ? `nothing is newer than what was cloned, as of ${new Date(plan.generation.at).toISOString()}: ${good.length} ${where}`
      : `${good.length} ${where} after ${after}${masking ? ', masked and checked' : ''}`,
    ...failed.map(({ error, target }) => `FAILED ${target.name}: ${(error as Error).message}`),
    ...failed.length > 0 ? ['the old clones stay; mend what failed and start it again, which goes on from here'] : [],
    ...plan.notes,
    ...good.map(({ target: { from, name }, waitsForPod }) => [
      `'${name}'`,
      from ? `has the data of ${sourceNamespace}/${from.claimName} ${describeData(from)}` : 'was there already',
      ...waitsForPod ? ['(its volume is made when a pod uses it, so the snapshot must stay until then)'] : [],
    ].join(' ')),
    ...plan.targets.flatMap(({ name, notes }) => notes.map(note => `${name}: ${note}`)),
  ];
}

function describeOld({ inUse, removed }: Old): string[] {
  return [
    ...inUse.length > 0 ? [`old clones in use stay until the next refresh: ${inUse.join(', ')}`] : [],
    ...removed.length > 0 ? [`${removed.length} old clones removed: ${removed.join(', ')}`] : [],
  ];
}
