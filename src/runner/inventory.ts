import { EXIT, Inventory, INVENTORY_FILE, INVENTORY_VERSION, InventoryConfig, InventoryEntry, InventoryGap, KEY_PREFIX, KEYS, SNAPSHOT_NAME_PATTERN } from './config';
import { isStatus, KubeClient, RetryingClient } from './kube-client';
import { listAll } from './list-all';
import { ALL_SNAPSHOTS, idOf } from './orphans';
import { brokenOff, oneLine, RunResult } from './report';
import { ALL_CONTENTS, plausibleCut, readSnapshot } from './resources';
import { fault, readRecorded } from './restore-choice';

export interface InventoryInput {
  /** as it is: the run adds the retries */
  readonly client: KubeClient;
  readonly config: InventoryConfig;
  /** given when the pod is told to end */
  readonly signal: AbortSignal;
  readonly log: (step: string, details: object) => void;
  /** leaves the file where the next container finds it */
  readonly write: (text: string) => void;
}

/** A VolumeSnapshotContent, reduced to what a line needs: ten thousand must fit in little memory. */
interface Content extends Pick<InventoryEntry, 'driver' | 'groupHandle' | 'restoreSize' | 'volumeMode' | 'snapshotClass' | 'deletionPolicy'> {
  readonly name: string;
  readonly handle?: string;
  readonly ready: boolean;
  readonly deleting: boolean;
  readonly cutAt: string;
  readonly snapshot: { readonly namespace: string; readonly name: string; readonly uid: string };
}

/** A VolumeSnapshot as a line of the file, or why it is none. */
interface Listed {
  readonly id: string;
  readonly entry?: InventoryEntry;
  readonly gap?: InventoryGap;
}

/** What fields of a line tell, and what must not follow a snapshot elsewhere. */
const TOLD: readonly string[] = [
  KEYS.schedule, KEYS.takenBy, KEYS.claim, KEYS.claimUid, KEYS.claimSpec, KEYS.consistency, KEYS.verified, KEYS.cutAt, KEYS.prunable,
];
const SNAPSHOT_NAME = new RegExp(SNAPSHOT_NAME_PATTERN);
/** How many are named in the message; the log has all. */
const NAMED = 5;

/** Writes down what the storage calls each snapshot: on the day when the cluster is lost, nothing else knows. */
export async function runInventory({ config, log, signal, write, ...input }: InventoryInput): Promise<RunResult> {
  try {
    const inventory = await survey(new RetryingClient(input.client), config, signal);
    inventory.missing.forEach(gap => log('missing', gap));
    requireEnough(inventory, config);
    write(format(inventory));
    return { exitCode: EXIT.success, message: oneLine(describe(inventory)) };
  } catch (error) {
    const remedy = isStatus(error, 403) ? 'apply the ClusterRole of this inventory and its binding' : undefined;
    return brokenOff(error, remedy ?? 'so that what was exported before stays as it is');
  }
}

async function survey(client: KubeClient, { namespaces }: InventoryConfig, signal: AbortSignal): Promise<Inventory> {
  const isWanted = ({ namespace }: { namespace: string }) => namespaces?.includes(namespace) ?? true;
  // the contents first: what is taken meanwhile would look like an orphan
  const contents = new Map((await listAll(client, ALL_CONTENTS, readContent, signal))
    .filter(({ snapshot }) => isWanted(snapshot)).map(content => [content.name, content]));
  const listed = (await listAll(client, ALL_SNAPSHOTS, object => (isWanted(object.metadata) ? readListed(object, contents) : undefined), signal))
    .filter(each => each !== undefined);
  const entries = listed.flatMap(({ entry }) => entry ?? []);
  const orphans = readOrphans(contents.values(), new Set(listed.map(({ id }) => id)), new Set(entries.map(handleOf)));
  return {
    kind: 'SnapshotInventory',
    version: INVENTORY_VERSION,
    madeAt: stamp(client.now()),
    namespaces,
    snapshots: [...entries, ...orphans.flatMap(({ entry }) => entry ?? [])].sort(inOrder),
    missing: [...listed, ...orphans].flatMap(({ gap }) => gap ?? []).sort(inOrder),
  };
}

function readContent({ metadata, spec, status }: any): Content {
  const { namespace, name, uid = '' } = spec.volumeSnapshotRef;
  const createdAt = Date.parse(metadata.creationTimestamp);
  // the time of a cut is in nanoseconds, or not there
  return {
    name: metadata.name,
    driver: spec.driver,
    handle: status?.snapshotHandle ?? spec.source.snapshotHandle,
    groupHandle: status?.volumeGroupSnapshotHandle,
    restoreSize: status?.restoreSize || undefined,
    volumeMode: spec.sourceVolumeMode,
    snapshotClass: spec.volumeSnapshotClassName,
    deletionPolicy: spec.deletionPolicy,
    ready: status?.readyToUse === true,
    deleting: metadata.deletionTimestamp !== undefined,
    cutAt: stamp(status?.creationTime ? plausibleCut(status.creationTime / 1e6, createdAt, spec.source.volumeHandle !== undefined) : createdAt),
    snapshot: { namespace, name, uid },
  };
}

function readListed(object: any, contents: ReadonlyMap<string, Content>): Listed {
  const { annotations = {}, labels = {}, ...metadata } = object.metadata;
  const { namespace, name } = metadata;
  const snapshot = readSnapshot(object);
  const claim = snapshot.claimName || undefined;
  const id = idOf({ snapshot: metadata });
  // the second objects of clones are listed by their first
  if (labels[KEYS.clone] !== undefined) { return { id }; }
  const content = contents.get(snapshot.contentName ?? '');
  const why = fault(snapshot) ?? whyUnbound(content, id);
  if (why !== undefined || !content?.handle) { return { id, gap: { namespace, name, claim, why: why ?? 'the storage has not said its handle yet' } }; }
  return {
    id,
    entry: {
      namespace,
      name,
      claim,
      claimUid: snapshot.claimUid,
      schedule: snapshot.scheduleId ?? annotations[KEYS.takenBy],
      cutAt: snapshot.cutAt === undefined ? content.cutAt : stamp(snapshot.cutAt),
      ...storedAs(content, content.handle),
      consistency: labels[KEYS.consistency],
      // a drill that failed is to be known as well
      verified: ['true', 'false'].includes(labels[KEYS.verified]) ? snapshot.verified : undefined,
      claimSpec: readRecorded(annotations[KEYS.claimSpec]),
      labels: rest(labels, () => true),
      annotations: rest(annotations, key => key.startsWith(KEY_PREFIX)),
    },
  };
}

function whyUnbound(content: Content | undefined, id: string): string | undefined {
  if (!content) { return 'its content was not there; if it has just been taken, the next inventory has it'; }
  return idOf(content) === id ? undefined : `its content '${content.name}' is that of another snapshot`;
}

function rest(map: { readonly [key: string]: string }, isKept: (key: string) => boolean): { [key: string]: string } | undefined {
  const kept = Object.entries(map).filter(([key]) => isKept(key) && !TOLD.includes(key));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function storedAs({ driver, groupHandle, restoreSize, volumeMode, snapshotClass, deletionPolicy }: Content, handle: string) {
  return { driver, handle, groupHandle, restoreSize, volumeMode, snapshotClass, deletionPolicy };
}

/** What is retained though its VolumeSnapshot is gone, unless another one has its storage. */
function readOrphans(contents: Iterable<Content>, living: ReadonlySet<string>, known: ReadonlySet<string>): Pick<Listed, 'entry' | 'gap'>[] {
  return [...contents].flatMap((content): Pick<Listed, 'entry' | 'gap'>[] => {
    const { cutAt, deleting, deletionPolicy, handle, ready } = content;
    if (living.has(idOf(content)) || deleting || deletionPolicy !== 'Retain' || handle === undefined || known.has(handleOf(content))) { return []; }
    const { namespace, name } = content.snapshot;
    const whose = { namespace, name, claim: SNAPSHOT_NAME.exec(name)?.[1] };
    return ready
      ? [{ entry: { namespace, name, orphan: true, claim: whose.claim, cutAt, ...storedAs(content, handle) } }]
      : [{ gap: { ...whose, why: 'its VolumeSnapshot is gone, and the storage had not finished it' } }];
  });
}

/** By whom it is of, then by age, so that of two files a line-by-line comparison shows what came and went. */
function inOrder(a: Partial<InventoryEntry>, b: Partial<InventoryEntry>): number {
  const [first, second] = [a, b].map(({ namespace, claim, cutAt, name, handle }) => [namespace, claim, cutAt, name, handle].join('\n'));
  return first < second ? -1 : Number(first > second);
}

const handleOf = ({ driver, handle }: { readonly driver: string; readonly handle?: string }) => `${driver}\n${handle}`;
const stamp = (time: number) => new Date(time).toISOString();

/** An inventory of nothing must not take the place of a good one. */
function requireEnough({ missing, snapshots }: Inventory, { minimumSnapshots, namespaces }: InventoryConfig): void {
  const living = snapshots.filter(({ orphan }) => !orphan);
  const counts = namespaces?.map(name => ({ where: ` in namespace '${name}'`, count: living.filter(({ namespace }) => namespace === name).length }))
    ?? [{ where: '', count: living.length }];
  const short = counts.filter(({ count }) => count < minimumSnapshots);
  if (short.length === 0) { return; }
  throw new Error(`${short.map(({ count, where }) => `${count} snapshots${where}`).join(', ')} can be listed, and minimumSnapshots is ${minimumSnapshots}`
    + `${gapsOf(missing).map(text => `; ${text}`).join('')}`);
}

/** JSON, with a line for each snapshot. */
function format({ snapshots, missing, ...head }: Inventory): string {
  const lines = (items: readonly object[]) => (items.length === 0 ? '[]' : `[\n${items.map(item => JSON.stringify(item)).join(',\n')}\n]`);
  const fields = Object.entries(head).filter(([, value]) => value !== undefined).map(([key, value]) => [key, JSON.stringify(value)]);
  return `{\n${[...fields, ['snapshots', lines(snapshots)], ['missing', lines(missing)]].map(([key, text]) => `"${key}": ${text}`).join(',\n')}\n}\n`;
}

/** The container that takes the file away has its own end and says so itself. */
function describe({ missing, snapshots }: Inventory): string {
  const claims = new Set(snapshots.map(({ namespace, claim }) => `${namespace}\n${claim}`)).size;
  const orphans = snapshots.filter(({ orphan }) => orphan).length;
  return [
    `${snapshots.length} snapshots of ${claims} claims are listed in ${INVENTORY_FILE}, not exported yet${orphans > 0 ? `, ${orphans} of them retained orphans` : ''}`,
    ...gapsOf(missing),
  ].join('; ');
}

function gapsOf(missing: readonly InventoryGap[]): string[] {
  const named = missing.slice(0, NAMED).map(({ namespace, name, why }) => `${namespace}/${name} (${why})`).join(', ');
  return missing.length === 0 ? [] : [`${missing.length} could not be listed: ${named}${missing.length > NAMED ? ` and ${missing.length - NAMED} more in the log` : ''}`];
}
