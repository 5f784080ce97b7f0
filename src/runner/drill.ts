import { listClaims } from './claims';
import { clear } from './clear';
import { CHECK_CONTAINER, DrillConfig, EXIT, KEYS } from './config';
import { create } from './create';
import { shortHash } from './identity';
import { KubeClient, mayPass, RetryingClient, TerminatedError } from './kube-client';
import { forEach } from './parallel';
import { brokenOff, isForbidden, oneLine, RunResult, writeEvent } from './report';
import { Claim, claimsPath, isLabelled, namespacePath, podsPath, readClaim, snapshotsPath } from './resources';
import { choose, fault, listRestorable, naming, Restorable } from './restore-choice';
import { claimFrom, requestFor } from './restored-claims';
import { bring, CloneSnapshot, dismissAll, handleOf, StaticInput, untilReady } from './static-snapshots';
import { awaitVerdict, CheckFailedError } from './verdict';
import { inWords, momentOf } from '../retention/plan';

export interface DrillInput {
  /** as it is: the run adds the retries */
  readonly client: KubeClient;
  readonly config: DrillConfig;
  readonly namespace: string;
  /** the name of the pod of the run, for Events */
  readonly pod: string;
  readonly jobUid: string;
  /** given when the pod is told to end */
  readonly signal: AbortSignal;
  readonly log: (step: string, details: object) => void;
}

/** How a drill went, of snapshots that were restored. */
interface Verdict {
  /** what the check said */
  readonly message: string;
  /** why it failed, if it did */
  readonly failure?: string;
  readonly seconds: number;
}

/**
 * Restores the newest snapshots into claims of its own, has a pod look at them, and takes both away again,
 * however it went. Nothing else is touched, but for marks on the snapshots.
 */
export async function runDrill(input: DrillInput): Promise<RunResult> {
  const { config: { sourceNamespace }, log, namespace, signal } = input;
  const context = { ...input, client: new RetryingClient(input.client) };
  try {
    // a drill that was lost halfway has left them
    await clearAway(context, signal);
    // of another namespace, its snapshots say what is needed
    const sources = sourceNamespace ? [] : await listClaims(context.client, namespace, signal);
    const { snapshots, volumes } = await chooseSnapshots(context).catch(naming(sourceNamespace));
    const verdict = await rehearse({ ...context, config: { ...context.config, volumes } }, snapshots, sources);
    log('verdict', { ...verdict, snapshots: snapshots.map(({ name }) => name) });
    const left = await clearAway(context).then(() => [], (error: Error) => [`FAILED cleaning up: ${error.message}; the next drill tries again`]);
    if (signal.aborted) { throw new TerminatedError(); }
    const unmarked = await mark(context, snapshots, verdict);
    await tell(context, sources, snapshots, verdict);
    const problems = [...left, ...unmarked];
    return {
      exitCode: verdict.failure === undefined && problems.length === 0 ? EXIT.success : EXIT.failed,
      message: oneLine([describe(verdict, snapshots, context.client.now()), ...problems].join('; ')),
    };
  } catch (error) {
    // what is left is taken away by the next one, if this cannot
    await clearAway(context).catch(failure => log('left', { message: (failure as Error).message }));
    return brokenOff(error, isForbidden(error)
      ? `apply the Role and RoleBinding of this drill${sourceNamespace ? ', also those of the source and the cluster' : ''}`
      : 'nothing was proven: until a drill passes, do not rely on a restore');
  }
}

// ---- what is restored

/** Where the snapshots are. */
const sourceOf = ({ config, namespace }: DrillInput) => config.sourceNamespace ?? namespace;

interface Chosen {
  readonly snapshots: Restorable[];
  /** the claims that they are of, by the names of volumes */
  readonly volumes: DrillConfig['volumes'];
}

async function chooseSnapshots(context: DrillInput): Promise<Chosen> {
  const { client, config, signal } = context;
  const claims = [...new Set(Object.values(config.volumes))].map(name => ({ kind: 'Claim' as const, name }));
  const all = await listRestorable(client, sourceOf(context), signal);
  const now = client.now();
  const request = { only: config.consistentOnly ? ['application' as const] : [], evenBad: true };
  // whichever claims the newest run has, and of those that are good
  const good = config.anyMember ? all.filter(each => fault(each) === undefined && (each.consistent || !config.consistentOnly)) : all;
  const source = config.anyMember ? [{ kind: 'Selector' as const, matchLabels: {}, optional: true }] : claims;
  const chosen = ofOneMember(config, choose(good, { scheduleId: config.scheduleId, claims: source }, request, [], now).snapshots);
  const age = (now - Math.min(...chosen.snapshots.map(snapshot => momentOf(snapshot, now)))) / 1000;
  if (age > config.maxAgeSeconds) {
    throw new Error(`the newest good snapshot is ${inWords(age)} old, more than ${inWords(config.maxAgeSeconds)}: schedule '${config.scheduleId}' does not do its work`);
  }
  return chosen;
}

/** What one member of the StatefulSet has, if it does not matter which: of a primary there may be nothing. */
function ofOneMember({ anyMember, volumes }: DrillConfig, snapshots: Restorable[]): Chosen {
  if (!anyMember) { return { snapshots, volumes }; }
  for (const ordinal of snapshots.flatMap(({ claimName }) => /[0-9]+$/.exec(claimName) ?? [])) {
    const own = Object.fromEntries(Object.entries(volumes).map(([volume, claim]) => [volume, claim.replace(/[0-9]+$/, ordinal)]));
    const found = snapshots.filter(({ claimName }) => Object.values(own).includes(claimName));
    if (found.length === new Set(Object.values(own)).size) { return { snapshots: found, volumes: own }; }
  }
  throw new Error(`the newest run has no member with snapshots for all of ${Object.keys(volumes).join(', ')}`);
}

// ---- the rehearsal

const nameOf = ({ config, jobUid }: DrillInput) => `${config.drillId}-${shortHash(jobUid)}`;

async function rehearse(context: DrillInput, snapshots: readonly Restorable[], sources: readonly Claim[]): Promise<Verdict> {
  const { client, config } = context;
  const startedAt = client.elapsed();
  const until = client.now() + config.timeoutSeconds * 1000;
  const seconds = () => Math.max(1, Math.round((client.elapsed() - startedAt) / 1000));
  try {
    const claims = await restore(context, config.sourceNamespace ? await bringAll(context, snapshots, until) : snapshots, sources);
    return { message: await check(context, claims, until), seconds: seconds() };
  } catch (error) {
    if (!(error instanceof CheckFailedError)) { throw error; }
    return { message: '', failure: error.message, seconds: seconds() };
  }
}

/** As a clone of the drill's name would. */
const brought = (context: DrillInput, until: number): StaticInput =>
  ({ ...context, config: { ...context.config, cloneId: `${context.config.drillId}.${context.namespace}` }, until });

/** The snapshots as second objects in the namespace of the drill, which retain the storage. */
async function bringAll(context: DrillInput, snapshots: readonly Restorable[], until: number): Promise<Restorable[]> {
  const { client, namespace, signal } = context;
  const input = brought(context, until);
  const { metadata: { name, uid } } = await client.request({ method: 'GET', path: namespacePath(namespace) }, signal);
  const owner = { apiVersion: 'v1', kind: 'Namespace', name, uid };
  const made: CloneSnapshot[] = [];
  for (const snapshot of snapshots) {
    made.push(await bring(input, namespace, `${nameOf(context)}-${made.length}`, await handleOf(input, snapshot), owner));
  }
  await untilReady(input, namespace, made);
  return snapshots.map((snapshot, index) => ({ ...snapshot, name: made[index].name }));
}

async function restore(context: DrillInput, snapshots: readonly Restorable[], sources: readonly Claim[]): Promise<Map<string, Claim>> {
  const { config, namespace } = context;
  const claims = new Map<string, Claim>();
  for (const [volume, claimName] of Object.entries(config.volumes)) {
    const snapshot = snapshots.find(each => each.claimName === claimName) as Restorable;
    const { spec } = requestFor(snapshot, sources, config.storageClassName);
    const body = claimFrom(snapshot, spec, { name: `${nameOf(context)}-${volume}`, labels: ownLabels(config), annotations: {} });
    claims.set(volume, readClaim(await create(context, claimsPath(namespace), body, isOurs(config))));
  }
  return claims;
}

/** What there is of its name can only be what an answer was lost of. */
const isOurs = ({ drillId }: DrillConfig) => isLabelled(KEYS.drill, drillId);

const ownLabels = ({ drillId }: DrillConfig) => ({ [KEYS.restored]: 'true', [KEYS.drill]: drillId });

/** Runs the pod on the claims, and returns what it says when it is content. */
async function check(context: DrillInput, claims: ReadonlyMap<string, Claim>, until: number): Promise<string> {
  const { config, namespace } = context;
  const { metadata, spec } = config.pod;
  const name = nameOf(context);
  const volumes = [...claims].map(([volume, claim]) => ({ name: volume, persistentVolumeClaim: { claimName: claim.name } }));
  const body = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name, labels: { ...metadata.labels, ...ownLabels(config) } },
    spec: { ...spec, volumes: [...volumes, ...spec.volumes ?? []] },
  };
  const pod = await create(context, podsPath(namespace), body, isOurs(config));
  return awaitVerdict(context, pod, CHECK_CONTAINER, [...claims.values()], until);
}

// ---- afterwards

/** Takes away what drills of this id have made, and waits until it is gone; the pod first, since it keeps its claims. */
async function clearAway(context: DrillInput, signal?: AbortSignal): Promise<void> {
  const { config, namespace } = context;
  await clear(context, `${KEYS.drill}=${config.drillId}`, [podsPath(namespace), claimsPath(namespace)], signal);
  if (config.sourceNamespace) { await dismissAll({ ...brought(context, 0), signal: signal ?? new AbortController().signal }, namespace); }
}

/** A snapshot that failed is marked as well: a restore must not take it for a good one. */
async function mark(context: DrillInput, snapshots: readonly Restorable[], { failure, seconds }: Verdict): Promise<string[]> {
  const { client, signal } = context;
  const problems: string[] = [];
  const metadata = {
    labels: { [KEYS.verified]: `${failure === undefined}` },
    annotations: { [KEYS.verifiedAt]: new Date(client.now()).toISOString(), [KEYS.recoverySeconds]: failure === undefined ? `${seconds}` : null },
  };
  await forEach(snapshots, async ({ name }) => {
    await client.request({ method: 'PATCH', path: snapshotsPath(sourceOf(context), name), body: { metadata } }, signal)
      .catch(error => {
        if (mayPass(error)) { throw error; }
        problems.push(`FAILED marking snapshot '${name}': ${(error as Error).message}`);
      });
  });
  return problems;
}

async function tell(context: DrillInput, sources: readonly Claim[], snapshots: readonly Restorable[], { failure, seconds }: Verdict): Promise<void> {
  const { config } = context;
  for (const { claimName, claimUid, name } of snapshots) {
    const uid = config.sourceNamespace ? claimUid : sources.find(each => each.name === claimName)?.uid;
    if (uid === undefined) { continue; }
    await writeEvent({ ...context, namespace: sourceOf(context) }, { name: claimName, uid }, failure === undefined
      ? { type: 'Normal', reason: 'RestoreDrillPassed', message: `drill '${config.drillId}' restored snapshot '${name}' and found it good in ${inWords(seconds)}` }
      : { type: 'Warning', reason: 'RestoreDrillFailed', message: `drill '${config.drillId}' restored snapshot '${name}': ${failure}` });
  }
}

function describe({ failure, message, seconds }: Verdict, snapshots: readonly Restorable[], now: number): string {
  const of = snapshots.map(snapshot => `'${snapshot.name}' (${snapshot.consistent ? 'application-consistent' : 'crash-consistent'}, `
    + `${inWords((now - momentOf(snapshot, now)) / 1000)} old)`).join(', ');
  return failure === undefined
    ? `the drill passed: ${of} restored, started and checked in ${inWords(seconds)}${message === '' ? '' : `: ${message}`}`
    : `FAILED drill of ${of} after ${inWords(seconds)}: ${failure}; do not rely on it: restore an older one beside, and find out what is wrong`;
}
