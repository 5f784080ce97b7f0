import { Made, remove, untilGone } from './clear';
import { FOREIGN_TOOL_ANNOTATIONS, FOREIGN_TOOL_LABELS, KEYS } from './config';
import { create, CreateInput } from './create';
import { shortHash, withSuffix } from './identity';
import { isStatus, list, lookAgainLater, unlessAbsent } from './kube-client';
import { forEach } from './parallel';
import { ALL_CONTENTS, contentPath, isLabelled, readJson, readSnapshot, Snapshot, SNAPSHOT_API, snapshotsPath } from './resources';
import { inWords } from '../retention/plan';

export interface StaticInput extends CreateInput {
  readonly config: { readonly cloneId: string; readonly timeoutSeconds: number };
  /** when to wait no longer */
  readonly until: number;
}

/** What a second object of a snapshot in the storage must say. */
export interface Handle {
  readonly driver: string;
  readonly snapshotHandle: string;
  readonly sourceVolumeMode?: string;
  /** its secrets may be needed to look at the snapshot */
  readonly volumeSnapshotClassName?: string;
}

/** A snapshot that a clone has made: a second object of one that exists, or one of a masked copy. */
export interface CloneSnapshot extends Made, Pick<Snapshot, 'contentName' | 'error' | 'ready'> {
  /** of a second object: the content that was made with it */
  readonly staticContent?: string;
  /** of a masked copy: the claim that is made from it, and of which generation */
  readonly purpose?: Purpose;
}

export interface Purpose {
  readonly claim: string;
  readonly generation: string;
}

/** What the storage calls a snapshot. */
export async function handleOf({ client, signal }: StaticInput, { contentName, name, uid }: Pick<Snapshot, 'contentName' | 'name' | 'uid'>): Promise<Handle> {
  const content = contentName && await unlessAbsent(client.request({ method: 'GET', path: contentPath(contentName) }, signal));
  const snapshotHandle = content?.status?.snapshotHandle ?? content?.spec.source.snapshotHandle;
  if (!snapshotHandle) { throw new Error(`what the storage calls snapshot '${name}' is nowhere to be found: its content '${contentName}' is gone, or has no handle`); }
  // whoever may write the status of a snapshot could name the content of another tenant
  if (content.spec.volumeSnapshotRef.uid !== uid) { throw new Error(`content '${contentName}', which snapshot '${name}' names, is that of another snapshot`); }
  const { driver, sourceVolumeMode, volumeSnapshotClassName } = content.spec;
  return { driver, snapshotHandle, sourceVolumeMode, volumeSnapshotClassName };
}

/** Snapshots that this clone has made in a namespace. */
export async function listMade({ client, config, signal }: StaticInput, namespace: string): Promise<CloneSnapshot[]> {
  return (await list(client, snapshotsPath(namespace), { labelSelector: `${KEYS.clone}=${config.cloneId}` }, readMade, signal)).items;
}

function readMade(object: any): CloneSnapshot {
  const { contentName, deleting, error, name, ready, uid } = readSnapshot(object);
  const { metadata, spec } = object;
  return {
    name,
    uid,
    deleting,
    ready,
    error,
    contentName,
    staticContent: spec.source.volumeSnapshotContentName,
    purpose: readJson<Purpose>(metadata.annotations?.[KEYS.restorePlan]),
  };
}

/** Labels and annotations of what a clone makes: tools that did not make it leave it alone. */
export const marksOf = ({ cloneId }: StaticInput['config']) => ({
  labels: { ...FOREIGN_TOOL_LABELS, [KEYS.clone]: cloneId },
  annotations: { ...FOREIGN_TOOL_ANNOTATIONS },
});

/**
 * Makes a second object of a snapshot, in another namespace. The VolumeSnapshot comes first, since by it a later run finds its content:
 * `owner` takes the content along when its namespace is deleted.
 */
export async function bring(context: StaticInput, namespace: string, name: string, handle: Handle, owner?: object): Promise<CloneSnapshot> {
  const { config } = context;
  const { driver, snapshotHandle, sourceVolumeMode, volumeSnapshotClassName } = handle;
  // contents are in no namespace: those of two must not have one name
  const contentName = withSuffix(`clone-${namespace}-${name}`, `-${shortHash(config.cloneId, namespace, name)}`);
  const isOurs = isLabelled(KEYS.clone, config.cloneId);
  const snapshot = await create(context, snapshotsPath(namespace), {
    apiVersion: SNAPSHOT_API,
    kind: 'VolumeSnapshot',
    metadata: { name, ...marksOf(config) },
    spec: { volumeSnapshotClassName, source: { volumeSnapshotContentName: contentName } },
  }, found => isOurs(found) && found.spec.source.volumeSnapshotContentName === contentName);
  await create(context, ALL_CONTENTS, {
    apiVersion: SNAPSHOT_API,
    kind: 'VolumeSnapshotContent',
    metadata: { name: contentName, ...marksOf(config), ownerReferences: owner && [owner] },
    spec: { deletionPolicy: 'Retain', driver, sourceVolumeMode, volumeSnapshotClassName, source: { snapshotHandle }, volumeSnapshotRef: { namespace, name } },
  }, found => isOurs(found) && found.spec.source.snapshotHandle === snapshotHandle
    && [undefined, snapshot.metadata.uid].includes(found.spec.volumeSnapshotRef.uid));
  return readMade(snapshot);
}

/** Waits until the storage has shown each of them. */
export async function untilReady(context: StaticInput, namespace: string, wanted: readonly CloneSnapshot[]): Promise<CloneSnapshot[]> {
  const { client, config, signal, until } = context;
  for (let attempt = 0; ; attempt += 1) {
    const made = await listMade(context, namespace);
    const found = wanted.map(({ name, uid }) => {
      const now = made.find(each => each.uid === uid);
      if (!now || now.deleting) { throw new Error(`snapshot '${name}' in namespace '${namespace}' was deleted while it was waited for; does another run of this clone go on?`); }
      return now;
    });
    const late = found.find(({ ready }) => !ready);
    if (!late) { return found; }
    if (client.now() >= until) {
      throw new Error(`snapshot '${late.name}' in namespace '${namespace}' is not ready after ${inWords(config.timeoutSeconds)}: ${late.error ?? 'nobody says why'}`);
    }
    await lookAgainLater(client, attempt, signal);
  }
}

const TRIES = 5;

/**
 * Takes a second object of a snapshot away, and never what it stands for: its content must say Retain. The content goes first, since
 * nobody would find it without its snapshot.
 */
export async function dismiss(context: StaticInput, namespace: string, snapshot: CloneSnapshot): Promise<void> {
  const { client, config, log, signal } = context;
  const name = snapshot.staticContent as string;
  for (let attempt = 1; ; attempt += 1) {
    const content = await unlessAbsent(client.request({ method: 'GET', path: contentPath(name) }, signal));
    if (!content) { break; }
    const { metadata: { deletionTimestamp, labels, resourceVersion, uid }, spec } = content;
    if (labels?.[KEYS.clone] !== config.cloneId || spec.deletionPolicy !== 'Retain') {
      throw new Error(`content '${name}' is not as this clone made it, so it stays with snapshot '${snapshot.name}' in namespace '${namespace}': with deletionPolicy `
        + `${spec.deletionPolicy}, production's data could go with it; kubectl patch volumesnapshotcontent ${name} --type merge -p '{"spec":{"deletionPolicy":"Retain"}}'`);
    }
    if (deletionTimestamp !== undefined) { break; }
    try {
      await client.request({ method: 'DELETE', path: contentPath(name), body: { preconditions: { uid, resourceVersion } } }, signal);
      log('deleted', { content: name });
      break;
    } catch (error) {
      // somebody wrote to it since we read it, perhaps another policy
      if (!isStatus(error, 404, 409) || attempt === TRIES) { throw error; }
    }
  }
  await remove(context, snapshotsPath(namespace), snapshot, signal, {});
}

/** Takes all of them away, and waits until they are gone. */
export function dismissAll(context: StaticInput, namespace: string): Promise<void> {
  return untilGone(context.client, async () => {
    const made = await listMade(context, namespace);
    await forEach(made, snapshot => dismiss(context, namespace, snapshot));
    return made;
  }, context.signal);
}
