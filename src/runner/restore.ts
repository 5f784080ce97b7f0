import { listClaims } from './claims';
import { ClaimSpec, EXIT, KEYS, RESTORE_NAMES, RestoreConfig } from './config';
import { findOne, isStatus, KubeClient, RetryingClient, TerminatedError, unlessAbsent } from './kube-client';
import { forEach } from './parallel';
import { brokenOff, isForbidden, oneLine, RunResult, writeEvent } from './report';
import { Claim, claimsPath, configMapPath, readClaim, readJson } from './resources';
import { chooseFrom, Restorable } from './restore-choice';
import { describeRequest, readRequest, RestoreRequest } from './restore-request';
import { claimFrom, cutAt, describeData, isBeside, nameOf, requestFor, targetName } from './restored-claims';
import { settle, Settling } from './settle';
import { inWords } from '../retention/plan';

export interface RestoreInput {
  /** as it is: the run adds the retries */
  readonly client: KubeClient;
  readonly config: RestoreConfig;
  readonly namespace: string;
  /** the name of the pod, for Events */
  readonly pod: string;
  readonly jobUid: string;
  /** given when the pod is told to end */
  readonly signal: AbortSignal;
  readonly log: (step: string, details: object) => void;
}

/** What a run is about. It is written on each claim, so that a retry does the same, whatever was taken or asked for meanwhile. */
interface RestorePlan {
  readonly jobUid: string;
  readonly snapshots: string[];
  readonly names: string;
  /** the request that it meets, as it was then */
  readonly request?: { readonly uid: string; readonly resourceVersion: string };
}

/** A claim that is to be made. */
interface Target {
  readonly name: string;
  readonly snapshot: Restorable;
  readonly spec: ClaimSpec;
  /** it stands in for no claim, and schedules that select by labels leave it out */
  readonly beside: boolean;
  /** the claim that is there already, made by this restore from the same snapshot */
  readonly known?: Claim;
  /** what is to be known of it besides */
  readonly notes: string[];
}

/** How it went with one. */
interface Restored extends Settling {
  readonly target: Target;
}

/**
 * Makes claims of snapshots, once. Nothing is made unless all of it can be, and
 * nothing that is there is changed; a retry finds what an earlier pod has made.
 */
export async function runRestore(input: RestoreInput): Promise<RunResult> {
  const { config, log, namespace, signal } = input;
  const context = { ...input, client: new RetryingClient(input.client) };
  const startedAt = context.client.now();
  try {
    const existing = await listClaims(context.client, namespace, signal);
    const begun = planOf(existing, config, input.jobUid);
    const present = !begun && config.unlessThere && allPresent(existing, config);
    if (present) { return { exitCode: EXIT.success, message: oneLine(`nothing is restored, since all claims are there: ${present.join(', ')}`) }; }
    const found = begun ? undefined : await findRequest(context);
    const request = begun ? { snapshots: begun.snapshots, names: begun.names, only: [] } : found?.request ?? { only: [] };
    log('request', { ...request, in: config.requestName });
    const choice = await chooseFrom(context, request);
    if (config.unlessThere && choice.absent) {
      throw new Error(`${choice.absent}; what waits for this restore would begin without them, so nothing is restored: name all that are wanted by 'claims' in ConfigMap '${config.requestName}'`);
    }
    const names = request.names ?? config.names;
    const runPlan = begun ?? { jobUid: input.jobUid, snapshots: choice.snapshots.map(({ name }) => name), names, request: found?.version };
    const targets = plan(choice.snapshots, existing, config, runPlan);
    targets.forEach(({ name, snapshot, spec }) => log('restore', { claim: name, snapshot: snapshot.name, cutAt: cutAt(snapshot), ...spec }));

    const restored = await settle(context, await create(context, targets, runPlan), startedAt + config.timeoutSeconds * 1000);
    if (signal.aborted) { throw new TerminatedError(); }
    await forEach(restored, one => tell(context, one));
    const failed = restored.filter(({ error }) => error !== undefined);
    // what was done is asked for no more; what was not will be tried again with the same words
    const left = failed.length === 0 ? await forget(context, runPlan) : [`the request stays in ConfigMap '${config.requestName}', if there is one`];
    const seconds = (context.client.now() - startedAt) / 1000;
    // what must not be cut off comes first
    return {
      exitCode: failed.length === 0 ? EXIT.success : EXIT.failed,
      message: oneLine([...count(restored, request, seconds), ...choice.notes, ...describe(restored), ...left, next(restored, namespace, names)].join('; ')),
    };
  } catch (error) {
    return brokenOff(error, isForbidden(error) ? 'apply the Role and RoleBinding of this restore' : 'start it again when that is mended; nothing that was there was changed');
  }
}

// ---- what is wanted

/**
 * What an earlier pod of this Job was about, if it has made a claim already. Where nobody asks for the restore, an
 * earlier Job counts that did not come to its end: what it has left undone would start empty.
 */
function planOf(existing: readonly Claim[], { restoreId, unlessThere }: RestoreConfig, jobUid: string): RestorePlan | undefined {
  const made = existing.filter(({ restoredBy }) => restoredBy === restoreId).flatMap(claim => {
    const begun = readJson<RestorePlan>(claim.restorePlan);
    return begun ? [{ claim, begun }] : [];
  });
  const isUndone = ({ jobUid: uid, snapshots }: RestorePlan) => {
    const ofJob = made.filter(({ begun }) => begun.jobUid === uid);
    return ofJob.length < snapshots.length || ofJob.some(({ claim }) => claim.phase !== 'Bound');
  };
  return (made.find(({ begun }) => begun.jobUid === jobUid) ?? (unlessThere ? made.find(({ begun }) => isUndone(begun)) : undefined))?.begun;
}

/** The claims that the restore would make, if each of them is there already. */
function allPresent(existing: readonly Claim[], { claims, names }: RestoreConfig): string[] | undefined {
  const there = existing.filter(({ deleting }) => !deleting).map(({ name }) => name);
  // of a StatefulSet those of the first member, since how many there will be is not known; labels are refused at synth, as nobody knows which there should be
  const found = claims.map((selection): string[] => {
    switch (selection.kind) {
      case 'Claim': return there.filter(name => name === targetName(selection.name, names, claims));
      case 'StatefulSet': {
        const wanted = selection.templates.map(template => targetName(`${template}-${selection.name}-0`, names, claims));
        return wanted.every(name => there.includes(name)) ? wanted : [];
      }
      case 'Selector': return [];
    }
  });
  return found.every(each => each.length > 0) ? found.flat() : undefined;
}

interface FoundRequest {
  readonly request: RestoreRequest;
  readonly version: RestorePlan['request'];
}

/** The request of a person, or none, which means the newest of all. */
async function findRequest({ client, config, namespace, signal }: RestoreInput): Promise<FoundRequest | undefined> {
  const { requestName } = config;
  const found = await unlessAbsent(client.request({ method: 'GET', path: configMapPath(namespace, requestName) }, signal));
  if (!found) { return undefined; }
  const { resourceVersion, uid } = found.metadata;
  try {
    return { request: readRequest(found.data), version: { resourceVersion, uid } };
  } catch (error) {
    throw new Error(`the request in ConfigMap '${requestName}' is wrong: ${(error as Error).message}; `
      + `kubectl -n ${namespace} delete configmap ${requestName}, and create it anew`);
  }
}

/** Takes the request away, so that it does not decide another day; not one that came meanwhile. */
async function forget({ client, config, namespace, signal }: RestoreInput, { request }: RestorePlan): Promise<string[]> {
  if (!request) { return []; }
  try {
    await unlessAbsent(client.request({ method: 'DELETE', path: configMapPath(namespace, config.requestName), body: { preconditions: request } }, signal));
    return [];
  } catch (error) {
    if (isStatus(error, 409)) { return ['the request was changed meanwhile, and decides the next restore']; }
    return [`the request could not be taken away (${(error as Error).message}), and would decide the next restore: `
      + `kubectl -n ${namespace} delete configmap ${config.requestName}`];
  }
}

// ---- what will be made

/** Throws, before anything is made, an error that says all that stands in the way. */
function plan(snapshots: readonly Restorable[], existing: readonly Claim[], config: RestoreConfig, runPlan: RestorePlan): Target[] {
  const { names } = runPlan;
  const problems: string[] = [];
  const targets = snapshots.flatMap(snapshot => {
    try {
      const name = nameOf(snapshot, names, config.claims);
      const known = existing.find(claim => claim.name === name);
      if (known) { requireOurs(known, snapshot, config, runPlan); }
      return [{ name, snapshot, known, beside: isBeside(names), ...requestFor(snapshot, existing, config.storageClassName) }];
    } catch (error) {
      problems.push((error as Error).message);
      return [];
    }
  });
  const twice = targets.find(({ name }, index) => targets.some((other, at) => at < index && other.name === name));
  if (twice) { problems.push(`two of the snapshots would become claim '${twice.name}'; restore one after the other`); }
  if (problems.length > 0) { throw new Error(problems.join('; ')); }
  return targets;
}

function requireOurs(claim: Claim, snapshot: Restorable, { restoreId }: RestoreConfig, { jobUid, names }: RestorePlan): void {
  if (claim.deleting) {
    throw new Error(`claim '${claim.name}' is still being deleted, by a pod that mounts it or a snapshot of it that is not ready; `
      + 'end those, wait until it is gone, and start the restore again');
  }
  if (claim.restoredBy !== restoreId || claim.fromSnapshot !== snapshot.name) {
    throw new Error(`claim '${claim.name}' exists and is not touched; restore beside it, or delete it once its data is of no more use`);
  }
  const isOfThisRun = readJson<RestorePlan>(claim.restorePlan)?.jobUid === jobUid;
  // in the place of production's, it is production by now
  if (!isOfThisRun && names === RESTORE_NAMES.same && claim.phase === 'Bound') {
    throw new Error(`claim '${claim.name}' was made from this snapshot by an earlier restore, may be in use since, and is not touched; `
      + "leave it out by 'claims', or delete it");
  }
}

// ---- making it

async function create(context: RestoreInput, targets: readonly Target[], runPlan: RestorePlan): Promise<Restored[]> {
  const restored: Restored[] = [];
  await forEach(targets, async target => {
    restored.push(await createOne(context, target, runPlan).then(claim => ({ target, claim }), error => ({ target, error })));
  });
  return restored.sort((a, b) => (a.target.name < b.target.name ? -1 : 1));
}

async function createOne(context: RestoreInput, target: Target, runPlan: RestorePlan): Promise<Claim> {
  if (target.known) { return target.known; }
  const { client, config, namespace, signal } = context;
  try {
    const claim = readClaim(await client.request({ method: 'POST', path: claimsPath(namespace), body: body(target, config, runPlan) }, signal));
    context.log('created', { claim: claim.name });
    return claim;
  } catch (error) {
    if (!isStatus(error, 409)) { throw error; }
    // by ourselves, whose answer was lost, or by somebody who was faster
    const found = await findOne(client, claimsPath(namespace), target.name, readClaim, signal);
    if (!found) { throw new Error(`claim '${target.name}' existed and is gone again; somebody deletes claims while they are restored`); }
    requireOurs(found, target.snapshot, config, runPlan);
    return found;
  }
}

function body({ beside, name, snapshot, spec }: Target, { claims, labels, restoreId }: RestoreConfig, runPlan: RestorePlan): object {
  // those that stand in for a lost claim are found by the selector that found it
  const selected = claims.flatMap(selection => (selection.kind === 'Selector' ? [selection.matchLabels] : []));
  // schedules that select by labels leave out what only stands beside
  return claimFrom(snapshot, spec, {
    name,
    labels: { ...beside ? { [KEYS.restored]: 'true' } : Object.assign({}, ...selected), ...labels },
    annotations: { [KEYS.restoredBy]: restoreId, [KEYS.restorePlan]: JSON.stringify(runPlan) },
  });
}

// ---- what is said of it

async function tell(context: RestoreInput, { claim, error, target }: Restored): Promise<void> {
  if (!claim) { return; }
  await writeEvent(context, claim, {
    type: error === undefined ? 'Normal' : 'Warning',
    reason: error === undefined ? 'SnapshotRestored' : 'SnapshotRestoreFailed',
    message: error === undefined ? `made from snapshot '${target.snapshot.name}'` : (error as Error).message,
  });
}

function count(restored: readonly Restored[], request: RestoreRequest, seconds: number): string[] {
  const good = restored.filter(({ error }) => error === undefined);
  // without its volume a claim is a promise
  const word = good.some(({ waitsForPod }) => waitsForPod) ? 'made' : 'restored';
  return [
    `${good.length} of ${restored.length} claims are ${word} (${describeRequest(request)}) after ${inWords(Math.max(1, Math.round(seconds)))}`,
    ...restored.filter(({ error }) => error !== undefined).map(({ error, target }) => `FAILED ${target.name}: ${(error as Error).message}`),
  ];
}

function describe(restored: readonly Restored[]): string[] {
  const good = restored.filter(({ error }) => error === undefined);
  return [
    ...good.map(one => `'${one.target.name}' has the data of ${one.target.snapshot.claimName} ${describeData(one.target.snapshot)}${describeState(one)}`),
    ...good.flatMap(({ target }) => target.notes.map(note => `${target.name}: ${note}`)),
  ];
}

function describeState({ target, waitsForPod }: Restored): string {
  const before = target.known ? ', was there already from an earlier run of this restore and may have been written to since' : '';
  return waitsForPod ? `${before}, and its volume is made when a pod uses it` : before;
}

function next(restored: readonly Restored[], namespace: string, names: string): string {
  if (restored.some(({ error }) => error !== undefined)) {
    return 'what is there stays; mend what failed and start the restore again, which goes on from here';
  }
  if (names.startsWith(RESTORE_NAMES.statefulSet)) {
    return 'next: look at the data in the pod that looks for these names, such as a RecoveryPod, or start their StatefulSet';
  }
  return isBeside(names)
    ? `next: mount the data in a pod that cannot reach the network, and look at it; when it is of no more use: kubectl -n ${namespace} delete pvc ${restored.map(({ target }) => target.name).join(' ')}`
    : 'next: start the workload that looks for these names';
}
