import { forEach, RefusedError } from './api';
import { Place } from './ways';
import { sleep } from '../e2e/cluster';

// the snapshots that are there before a run, each like one that the runner took of the claim

const API_VERSION = 'snapshot.storage.k8s.io/v1';
/** On snapshots without storage behind them. */
const BARE = 'bench/bare';
/** What the snapshot controller says of a snapshot that has lost its content; one that says so already it leaves alone. */
const NO_CONTENT = 'VolumeSnapshotContent is missing';

/**
 * After this time the next snapshot is younger by a second, which is what times are written in, and the controllers,
 * that may send 100 requests at once and 50 a second, may do so again.
 */
const REST = 2_000;

const contents = `/apis/${API_VERSION}/volumesnapshotcontents`;
const collection = (namespace: string, selector?: string) =>
  `/apis/${API_VERSION}/namespaces/${namespace}/volumesnapshots${selector === undefined ? '' : `?labelSelector=${encodeURIComponent(selector)}`}`;
const member = (namespace: string, name: string) => `${collection(namespace)}/${name}`;

/** A snapshot of each claim to make others like. */
export type Patterns = ReadonlyMap<string, any>;

const claimOf = (snapshot: any): string => snapshot.spec.source.persistentVolumeClaimName;

/** Those with storage behind them, which are the ones that a run prunes. */
async function real({ api, namespace }: Place): Promise<any[]> {
  return (await api.get(collection(namespace, `!${BARE}`))).items;
}

export async function patternsOf(place: Place): Promise<Patterns> {
  return new Map((await real(place)).map(snapshot => [claimOf(snapshot), snapshot]));
}

/** Takes so many more snapshots of each claim. */
export async function takeReal(place: Place, patterns: Patterns, more: (claim: string) => number): Promise<void> {
  const { api, namespace } = place;
  const wanted = [...patterns.keys()].flatMap(claim => Array.from({ length: more(claim) }, (_, index) => (
    { claim, name: `${claim}-${Date.now()}-${index}` })));
  await forEach(wanted, ({ claim, name }) => {
    const { metadata: { labels, annotations }, spec } = patterns.get(claim);
    return api.create(collection(namespace), { apiVersion: API_VERSION, kind: 'VolumeSnapshot', metadata: { name, labels, annotations }, spec });
  });
  await allReady(place, 120);
}

/**
 * Adds ready snapshots of each claim by the thousand, which would take the storage half an hour. Neither the runner
 * nor the script looks further than the VolumeSnapshot, so nothing else is made, and all of it is as in the pattern.
 */
export async function addBare(place: Place, patterns: Patterns, more: (claim: string) => number): Promise<void> {
  const { api, namespace } = place;
  const wanted = [...patterns].flatMap(([claim, pattern]) => Array.from({ length: more(claim) }, (_, index) => (
    { pattern, name: `${claim}-20260101-000000-${String(index).padStart(8, '0')}` })));
  if (wanted.length === 0) { return; }
  // younger than the real ones
  await sleep(1_000);
  const time = `${new Date().toISOString().slice(0, 19)}Z`;
  await forEach(wanted, async ({ pattern, name }) => {
    const { labels, annotations, finalizers } = pattern.metadata;
    const content = `snapcontent-of-${name}`;
    await api.create(collection(namespace), {
      apiVersion: API_VERSION,
      kind: 'VolumeSnapshot',
      metadata: { name, labels: { ...labels, [BARE]: '' }, annotations, finalizers },
      spec: { ...pattern.spec, source: { volumeSnapshotContentName: content } },
    });
    const status = { ...pattern.status, boundVolumeSnapshotContentName: content, creationTime: time, error: { message: NO_CONTENT, time } };
    await api.patch(`${member(namespace, name)}/status`, { status });
  });
  // the controller may have seen some before their status was there, and comes back to them
  await sleep(5_000);
  await allReady(place, 30);
}

async function allReady({ api, namespace }: Place, seconds: number): Promise<void> {
  for (const end = Date.now() + seconds * 1000; ; await sleep(100)) {
    const waiting = (await api.get(collection(namespace))).items.filter((snapshot: any) => snapshot.status?.readyToUse !== true);
    if (waiting.length === 0) { return; }
    if (Date.now() > end) { throw new Error(`${waiting.length} snapshots are not ready after ${seconds} s, such as ${JSON.stringify(waiting[0])}`); }
  }
}

/**
 * Waits until what was pruned is gone, and checks that each claim has so many real ones. Those that the script took are
 * labelled as the runner's are, so that either prunes what the other took. Then the controllers have their rest.
 */
export async function settle(place: Place, patterns: Patterns, expected: (claim: string) => number): Promise<void> {
  const { api, namespace } = place;
  for (const end = Date.now() + 60_000; ; await sleep(250)) {
    const snapshots = await real(place);
    await forEach(snapshots.filter(snapshot => snapshot.metadata.labels === undefined), snapshot => {
      const { labels, annotations } = patterns.get(claimOf(snapshot)).metadata;
      return api.patch(member(namespace, snapshot.metadata.name), { metadata: { labels, annotations } });
    });
    const wrong = [...patterns.keys()].filter(claim => snapshots.filter(snapshot => claimOf(snapshot) === claim).length !== expected(claim));
    if (wrong.length === 0) { break; }
    if (Date.now() > end) { throw new Error(`not one snapshot was pruned of each claim: ${wrong.join(', ')}`); }
  }
  await sleep(REST);
}

/** Deletes those without storage, and lets them go, for which the controller alone would take minutes. */
export async function deleteBare({ api, namespace }: Place): Promise<void> {
  const { items } = await api.get(collection(namespace, BARE));
  await forEach(items, async ({ metadata: { name } }: any) => {
    await api.delete(member(namespace, name)).catch(gone);
    await api.patch(member(namespace, name), { metadata: { finalizers: null } }).catch(gone);
  });
}

/** Deletes all snapshots together with their storage, whatever their class says. */
export async function deleteReal(place: Place): Promise<void> {
  const { api, namespace } = place;
  const snapshots = await real(place);
  const policy = { spec: { deletionPolicy: 'Delete' } };
  await forEach(snapshots, snapshot => api.patch(`${contents}/${snapshot.status.boundVolumeSnapshotContentName}`, policy).catch(gone));
  // until the controller knows
  await sleep(1_000);
  await forEach(snapshots, snapshot => api.delete(member(namespace, snapshot.metadata.name)).catch(gone));
  for (const end = Date.now() + 60_000; (await real(place)).length > 0; await sleep(500)) {
    if (Date.now() > end) { throw new Error('the snapshots are not gone after 60 s'); }
  }
}

/** Deleted already, by the run before or with the namespace. */
function gone(error: Error): void {
  if (!(error instanceof RefusedError && error.status === 404)) { throw error; }
}
