import { EXIT, KEYS, OrphansConfig, SNAPSHOT_NAME_PATTERN } from './config';
import { probeFence } from './fence';
import { ConnectionError, findOne, isStatus, KubeClient, mayPass, RetryingClient, TerminatedError, unlessAbsent } from './kube-client';
import { listAll } from './list-all';
import { forEach } from './parallel';
import { brokenOff, exitCodeOf, oneLine, RunResult } from './report';
import { ALL_CONTENTS, contentPath, plausibleCut, readMarks, SNAPSHOT_API, snapshotsPath } from './resources';
import { calendarOf } from '../retention/calendar';
import { groupBy } from '../retention/groups';
import { heldBy, Holds } from '../retention/hold';
import { inWords } from '../retention/plan';

export interface OrphansInput {
  /** as it is: the run adds the retries */
  readonly client: KubeClient;
  readonly config: OrphansConfig;
  /** given when the pod is told to end */
  readonly signal: AbortSignal;
  readonly log: (step: string, details: object) => void;
}

// a content carries no label that says whose it is
const SNAPSHOT_NAME = new RegExp(SNAPSHOT_NAME_PATTERN);

/**
 * The snapshot controller writes it on a content whose VolumeSnapshot is being deleted. Without it
 * the driver's sidecar would never give the storage back: it takes the content for a copy.
 */
const LET_GO = 'snapshot.storage.kubernetes.io/volumesnapshot-being-deleted';

export const ALL_SNAPSHOTS = `/apis/${SNAPSHOT_API}/volumesnapshots`;
const TRIES = 3;
/** How many are named in the message; the log has all. */
const NAMED = 5;
// where each day ends last, so that a hold-until lasts through its day wherever it was written
const HOLDS_IN = 'Etc/GMT+12';

/** A VolumeSnapshotContent, reduced to what is looked at: many thousands must fit in little memory. Times are milliseconds since 1970. */
interface Content extends Holds {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly driver: string;
  /** driver and volume that it is a snapshot of; absent if somebody made it by hand for a handle */
  readonly volume?: string;
  /** what the storage calls the snapshot, once it is cut */
  readonly handle?: string;
  readonly deletionPolicy: string;
  readonly ready: boolean;
  /** since when it is being deleted */
  readonly deletingSince?: number;
  /** when the data was cut, by a clock that is not far off: what is newer */
  readonly moment: number;
  /** when the storage says that it was, if that is later: what is old enough */
  readonly latest: number;
  readonly restoreSize: number;
  readonly snapshot: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** whether the snapshot controller has seen the VolumeSnapshot go */
  readonly letGo: boolean;
  /** when that was, if it is recorded */
  readonly letGoAt?: number;
}

/** A content whose storage nobody sees, and why it may not be given back. */
interface Orphan {
  readonly content: Content;
  readonly stays?: Stay;
}

interface Stay {
  /** for the count in the message */
  readonly kind: string;
  /** for the log */
  readonly reason: string;
}

/** What there is in the cluster. */
interface Survey {
  readonly contents: number;
  readonly orphans: Orphan[];
  /** given back before, and not gone yet */
  readonly deleting: Content[];
}

interface Reclaimed {
  readonly done: Content[];
  readonly spared: Stay[];
  readonly failed: { readonly content: Content; readonly error: unknown }[];
}

/** One look for storage that nobody sees; what may go of it is given back, if the run is told to. */
export async function runOrphans(input: OrphansInput): Promise<RunResult> {
  const { config, signal, log } = input;
  const context = { ...input, client: new RetryingClient(input.client) };
  try {
    const survey = await look(context);
    const now = context.client.now();
    survey.orphans.forEach(({ content, stays }) => log('orphan', { ...inLog(content, now), stays: stays?.reason }));
    survey.deleting.forEach(content => log('deleting', inLog(content, now)));
    if (config.action === 'List') { return { exitCode: EXIT.success, message: oneLine([...listed(survey), ...leaving(survey, now)].join('; ')) }; }

    const reclaimed = await reclaimAll(context, survey.orphans);
    if (signal.aborted) { throw new TerminatedError(); }
    return { exitCode: exitCodeOf(reclaimed.failed.map(({ error }) => error)), message: oneLine([...given(survey, reclaimed), ...leaving(survey, now)].join('; ')) };
  } catch (error) {
    return brokenOff(error, isRefused({ error }) ? APPLY : undefined);
  }
}

// ---- what there is

async function look({ client, config, signal }: OrphansInput): Promise<Survey> {
  // the contents first: of a snapshot that is made meanwhile the second list has at least as much as the first
  const contents = await listAll(client, ALL_CONTENTS, readContent, signal);
  const snapshots = new Map(await listAll(client, ALL_SNAPSHOTS, readSnapshot, signal));
  const isOrphan = (content: Content) => isOurs(content) && !snapshots.has(idOf(content))
    && (config.namespaces?.includes(content.snapshot.namespace) ?? true);
  const counts = (content: Content) => content.ready && content.deletingSince === undefined
    && (snapshots.has(idOf(content)) ? !(snapshots.get(idOf(content)) && content.deletionPolicy === 'Delete') : isOurs(content));
  const found = judge(contents, isOrphan, counts, config, client.now());
  return {
    contents: contents.length,
    orphans: await withoutPassing(client, found, signal),
    deleting: contents.filter(content => content.deletingSince !== undefined && isOrphan(content)),
  };
}

/** Which snapshot it is, and whether it is being deleted. */
function readSnapshot({ metadata }: any): [string, boolean] {
  return [idOf({ snapshot: metadata }), metadata.deletionTimestamp !== undefined];
}

export function idOf({ snapshot }: { snapshot: { namespace: string; name: string; uid: string } }): string {
  return `${snapshot.namespace}/${snapshot.name}/${snapshot.uid}`;
}

function isOurs(content: Content): boolean {
  return content.volume !== undefined && SNAPSHOT_NAME.test(content.snapshot.name);
}

function readContent({ metadata, spec, status }: any): Content {
  const { volumeHandle, snapshotHandle } = spec.source;
  const { namespace, name, uid = '' } = spec.volumeSnapshotRef;
  const createdAt = Date.parse(metadata.creationTimestamp);
  // in nanoseconds, or nothing, or nonsense
  const cutAt = Math.round((status?.creationTime ?? 0) / 1e6);
  return {
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    driver: spec.driver,
    volume: volumeHandle && JSON.stringify([spec.driver, volumeHandle]),
    handle: status?.snapshotHandle ?? snapshotHandle,
    deletionPolicy: spec.deletionPolicy,
    ready: status?.readyToUse === true,
    deletingSince: metadata.deletionTimestamp && Date.parse(metadata.deletionTimestamp),
    moment: Math.max(createdAt, plausibleCut(cutAt, createdAt, true)),
    latest: Math.max(createdAt, cutAt),
    restoreSize: status?.restoreSize ?? 0,
    snapshot: { namespace, name, uid },
    letGo: metadata.annotations?.[LET_GO] !== undefined,
    letGoAt: writtenAt(metadata, LET_GO),
    hold: readMarks(metadata, KEYS.hold).find(value => value !== 'false'),
    holdUntil: readMarks(metadata, KEYS.holdUntil),
  };
}

/** When an annotation was written, or something else by the same hand later. */
function writtenAt(metadata: any, annotation: string): number | undefined {
  const entry = (metadata.managedFields ?? []).find((each: any) => each.fieldsV1?.['f:metadata']?.['f:annotations']?.[`f:${annotation}`]);
  return entry?.time === undefined ? undefined : Date.parse(entry.time);
}

/** Finds the orphans; of each volume newest first, since that is what is spared. */
function judge(
  contents: Content[], isOrphan: (content: Content) => boolean, counts: (content: Content) => boolean, config: OrphansConfig, now: number,
): Orphan[] {
  const sharers = groupBy(contents.filter(content => content.handle !== undefined), handleOf);
  const byVolume = groupBy(contents.filter(content => content.volume !== undefined), content => content.volume as string);
  return [...byVolume.values()].flatMap(group => {
    let newerReady = 0;
    return group.sort(newestFirst).flatMap(content => {
      const other = sharers.get(handleOf(content))?.find(each => each.name !== content.name);
      const stays = whyItStays(content, other, newerReady, config, now);
      if (counts(content)) { newerReady += 1; }
      return isOrphan(content) && content.deletingSince === undefined ? [{ content, stays }] : [];
    });
  });
}

function whyItStays(content: Content, other: Content | undefined, newerReady: number, config: OrphansConfig, now: number): Stay | undefined {
  const held = heldBy(content, calendarOf(HOLDS_IN), now);
  if (held !== undefined) { return { kind: 'held', reason: held }; }
  // a snapshot that was rescued by its handle has a second content, and its data must not go with the first
  if (other !== undefined) { return { kind: 'in use by another content', reason: `its storage is also that of content '${other.name}'` }; }
  if (!content.letGo) {
    return { kind: 'perhaps copied', reason: 'the snapshot controller has not seen its VolumeSnapshot go: perhaps a copy, to be removed by hand' };
  }
  const { keepNewestPerVolume: most, olderThanSeconds } = config;
  if (content.handle !== undefined && newerReady < most) {
    return { kind: 'among the newest of their volume', reason: `one of the newest ${most} of its volume` };
  }
  // the data may be old, and its snapshot deleted by mistake yesterday
  return now - Math.max(content.latest, content.letGoAt ?? 0) < olderThanSeconds * 1000
    ? { kind: 'too young', reason: `cut or deleted less than ${inWords(olderThanSeconds)} ago` }
    : undefined;
}

/** A deletion that was under way in good order between the two lists looks like an orphan; so look again at what may be one. */
async function withoutPassing(client: KubeClient, orphans: Orphan[], signal: AbortSignal): Promise<Orphan[]> {
  const passing = new Set<string>();
  await forEach(orphans.filter(({ content }) => !content.letGo || content.deletionPolicy === 'Delete'), async ({ content }) => {
    const now = await findOne(client, ALL_CONTENTS, content.name, readContent, signal);
    if (!now || now.deletingSince !== undefined) { passing.add(content.name); }
  });
  return orphans.filter(({ content }) => !passing.has(content.name));
}

// ---- giving back

/** Every orphan that may go is tried, oldest first. */
async function reclaimAll(context: OrphansInput, orphans: Orphan[]): Promise<Reclaimed> {
  const result = { done: [] as Content[], spared: orphans.flatMap(({ stays }) => stays ?? []), failed: [] as { content: Content; error: unknown }[] };
  const due = orphans.filter(({ stays }) => stays === undefined).map(({ content }) => content).sort((a, b) => newestFirst(b, a));
  if (await probeFence(context.client, due.map(({ name }) => name), context.signal) === 'Open') {
    throw new Error('this service account may change any content of the cluster: the fence of the SnapshotOrphans is missing; apply the SnapshotOrphans whole');
  }
  await forEach(due, async content => {
    // between two of them, not in the midst of one; without a server the others would wait in vain as well
    if (context.signal.aborted || result.failed.some(({ error }) => error instanceof ConnectionError)) { return; }
    try {
      const reason = await reclaim(context, content);
      if (reason === undefined) { result.done.push(content); } else { result.spared.push({ kind: 'changed meanwhile', reason }); }
      context.log(reason === undefined ? 'reclaimed' : 'spared', { content: content.name, reason });
    } catch (error) {
      result.failed.push({ content, error });
      context.log('failed', { content: content.name, message: (error as Error).message });
    }
  });
  return result;
}

/** Tells one content to go with its storage. Returns why it stays, if it does after all. */
async function reclaim(context: OrphansInput, due: Content): Promise<string | undefined> {
  let content = due;
  try {
    for (let attempt = 1; ; attempt += 1) {
      const reason = progressSince(due, content) ?? heldBy(content, calendarOf(HOLDS_IN), context.client.now()) ?? await whoIsBack(context, content);
      if (reason !== undefined) {
        await retainAgain(context, due, content);
        return reason;
      }
      const patched = await setPolicy(context, content, 'Delete');
      if (patched) {
        content = patched;
        if (await tryDelete(context, content)) { return undefined; }
      }
      // somebody wrote to it since we read it, perhaps a hold; or an answer of ours was lost
      const fresh = await findOne(context.client, ALL_CONTENTS, due.name, readContent);
      if (!fresh || fresh.deletingSince !== undefined) { return undefined; }
      content = fresh;
      if (attempt === TRIES) { throw new Error('it changes all the time; the next run tries again'); }
    }
  } catch (error) {
    // if no answer came, none would come now; the next run finishes what this one began
    if (!mayPass(error)) { await retainAgain(context, due, content).catch(() => undefined); }
    throw error;
  }
}

function progressSince(due: Content, now: Content): string | undefined {
  return idOf(due) !== idOf(now) || due.handle !== now.handle || due.ready !== now.ready || !now.letGo ? 'it has just changed; the next run decides' : undefined;
}

async function whoIsBack({ client }: OrphansInput, { snapshot }: Content): Promise<string | undefined> {
  const found = await unlessAbsent(client.request({ method: 'GET', path: snapshotsPath(snapshot.namespace, snapshot.name) }));
  return found?.metadata.uid === snapshot.uid ? 'its VolumeSnapshot is there' : undefined;
}

/** What stays is left as it was: whoever removes its content by hand must find that the storage is kept. */
async function retainAgain(context: OrphansInput, due: Content, content: Content): Promise<void> {
  if (due.deletionPolicy === 'Retain' && content.deletionPolicy === 'Delete') { await setPolicy(context, content, 'Retain'); }
}

/** The content after that; undefined if it is not what it was when we read it. */
async function setPolicy({ client }: OrphansInput, content: Content, deletionPolicy: 'Delete' | 'Retain'): Promise<Content | undefined> {
  const { resourceVersion } = content;
  return unlessChanged(async () => readContent(await client.request({
    method: 'PATCH', path: contentPath(content.name), body: { metadata: { resourceVersion }, spec: { deletionPolicy } },
  })));
}

/** False if the content is not what it was when we read it. */
async function tryDelete({ client }: OrphansInput, { name, uid, resourceVersion }: Content): Promise<boolean> {
  const body = { preconditions: { uid, resourceVersion } };
  return await unlessChanged(() => client.request({ method: 'DELETE', path: contentPath(name), body })) !== undefined;
}

async function unlessChanged<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isStatus(error, 404, 409)) { return undefined; }
    throw error;
  }
}

// ---- what is said

function inLog(content: Content, now: number): object {
  const { name, handle, driver, snapshot, restoreSize, deletionPolicy, letGoAt, deletingSince } = content;
  return {
    content: name,
    handle,
    driver,
    namespace: snapshot.namespace,
    snapshot: snapshot.name,
    claim: SNAPSHOT_NAME.exec(snapshot.name)?.[1],
    age: inWords((now - content.moment) / 1000),
    snapshotDeletedAt: letGoAt === undefined ? undefined : new Date(letGoAt).toISOString(),
    restoreSize,
    deletionPolicy,
    deletingFor: deletingSince === undefined ? undefined : inWords((now - deletingSince) / 1000),
  };
}

const NONE = (contents: number) => `none of ${contents} contents is an orphan`;

function listed({ contents, orphans }: Survey): string[] {
  if (orphans.length === 0) { return [NONE(contents)]; }
  const all = orphans.map(({ content }) => content);
  const due = orphans.filter(({ stays }) => stays === undefined).map(({ content }) => content);
  const stays = orphans.flatMap(each => each.stays ?? []);
  return [
    `${all.length} of ${contents} contents are orphans, of ${new Set(all.map(({ volume }) => volume)).size} volumes, ${sizeOf(all)} to restore: ${namesOf(all)}`,
    `reclaiming would give back ${due.length} (${sizeOf(due)})${stays.length > 0 ? ` and leave ${stays.length}: ${countsOf(stays)}` : ''}`,
    `to keep one, annotate its content with ${KEYS.hold}=WHY; to give storage back, set action to OrphanAction.RECLAIM`,
  ];
}

function given({ contents, orphans }: Survey, { done, spared, failed }: Reclaimed): string[] {
  if (orphans.length === 0) { return [NONE(contents)]; }
  // first what must not be cut off
  return [
    `the storage of ${done.length} of ${orphans.length} orphans is being given back (${sizeOf(done)} to restore)`,
    ...failed.length > 0 ? [`FAILED for ${failed.length}, the next run tries them again${failed.some(isRefused) ? `, ${APPLY}` : ''}`] : [],
    ...spared.length > 0 ? [`${spared.length} stay: ${countsOf(spared)}`] : [],
    ...failed.map(({ content, error }) => `FAILED ${content.name}: ${(error as Error).message}`),
  ];
}

/** Kubernetes tells nobody but the sidecar why a driver does not delete. */
function leaving({ deleting }: Survey, now: number): string[] {
  if (deleting.length === 0) { return []; }
  const longest = Math.max(...deleting.map(({ deletingSince = now }) => now - deletingSince)) / 1000;
  return [`${deleting.length} being deleted since before this run, up to ${inWords(longest)}: ${namesOf(deleting)}; `
    + "if that goes on, the log of the driver's csi-snapshotter sidecar says why"];
}

const APPLY = 'apply the ClusterRole, its binding and the admission policy of this CronJob as they were synthesized';

function isRefused({ error }: { error: unknown }): boolean {
  return isStatus(error, 403, 422);
}

function namesOf(contents: Content[]): string {
  const names = contents.slice(0, NAMED).map(({ name, snapshot }) => `${snapshot.namespace}/${snapshot.name} (${name})`).join(', ');
  return contents.length > NAMED ? `${names} and ${contents.length - NAMED} more in the log` : names;
}

function countsOf(stays: Stay[]): string {
  return [...groupBy(stays, ({ kind }) => kind)].map(([kind, { length }]) => `${length} ${kind}`).join(', ');
}

/** The storage may hold less, for what snapshots have in common. */
function sizeOf(contents: Content[]): string {
  const bytes = contents.reduce((sum, { restoreSize }) => sum + restoreSize, 0);
  const units = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'];
  const unit = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1);
  return `${Math.round(bytes / 1024 ** unit * 10) / 10}${units[unit]}B`;
}

function newestFirst(a: Content, b: Content): number {
  return b.moment - a.moment;
}

function handleOf({ driver, handle }: Content): string {
  return `${driver}\n${handle}`;
}
