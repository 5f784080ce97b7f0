import { clear, remove } from './clear';
import { CHECK_CONTAINER, ClaimSpec, CloneConfig, KEYS, MASK_CONTAINER, MaskingConfig, MaskingPod } from './config';
import { create } from './create';
import { shortHash, withSuffix } from './identity';
import { list, lookAgainLater } from './kube-client';
import { forEach } from './parallel';
import { Claim, claimsPath, isLabelled, podsPath, readClaim, SNAPSHOT_API, snapshotsPath } from './resources';
import { Restorable } from './restore-choice';
import { claimFrom } from './restored-claims';
import { bring, CloneSnapshot, dismiss, Handle, handleOf, listMade, marksOf, Purpose, StaticInput, untilReady } from './static-snapshots';
import { awaitVerdict } from './verdict';

export interface MaskInput extends StaticInput {
  readonly config: CloneConfig;
  readonly namespace: string;
  readonly jobUid: string;
}

/** A snapshot whose data is to be masked, and what for. */
export interface Unmasked {
  readonly snapshot: Restorable;
  readonly spec: ClaimSpec;
  readonly purpose: Purpose;
}

/** What is masked, with the claim that has its data for a while. */
interface Copy extends Unmasked {
  readonly claim: Claim;
}

/**
 * Restores the snapshots into this namespace, has a pod mask them, snapshots what came of it, and has a second pod look at
 * what is in these snapshots: the very bytes that are handed out, and not what a node still holds in its memory.
 * Returns them in the same order, or throws; the caller clears away.
 */
export async function mask(context: MaskInput, unmasked: readonly Unmasked[]): Promise<Handle[]> {
  const { namespace } = context;
  const masking = context.config.masking as MaskingConfig;
  const brought = await each(unmasked, async ({ snapshot }) =>
    bring(context, namespace, workName(context, 'work', snapshot), await handleOf(context, snapshot)));
  await untilReady(context, namespace, brought);
  const copies = await each(unmasked, (one, index) => copyOf(context, one, brought[index].name, 'work'));
  await run(context, masking.mask, MASK_CONTAINER, copies);

  const masked = await untilReady(context, namespace, await each(copies, copy => snapshotOf(context, copy)));
  const proofs = await each(unmasked, (one, index) => copyOf(context, one, masked[index].name, 'proof'));
  await run(context, masking.check, CHECK_CONTAINER, proofs);
  return each(masked, snapshot => handleOf(context, snapshot));
}

/** One after the other, as they depend on the same few controllers. */
async function each<T, R>(items: readonly T[], work: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const [index, item] of items.entries()) { results.push(await work(item, index)); }
  return results;
}

const workName = ({ jobUid }: MaskInput, word: string, { claimName, uid }: Restorable) => withSuffix(claimName, `-${word}-${shortHash(jobUid, uid)}`);

const isOurs = ({ config }: MaskInput) => isLabelled(KEYS.clone, config.cloneId);

async function copyOf(context: MaskInput, unmasked: Unmasked, from: string, word: string): Promise<Copy> {
  const { config, namespace } = context;
  const { labels, annotations } = marksOf(config);
  const name = workName(context, word, unmasked.snapshot);
  const body = claimFrom({ name: from }, unmasked.spec, { name, labels: { ...labels, [KEYS.restored]: 'true' }, annotations });
  const isSame = (found: any) => isOurs(context)(found) && found.spec.dataSource?.name === from;
  return { ...unmasked, claim: readClaim(await create(context, claimsPath(namespace), body, isSame)) };
}

async function snapshotOf(context: MaskInput, { claim, purpose, snapshot }: Copy): Promise<CloneSnapshot> {
  const { config, namespace } = context;
  const { labels, annotations } = marksOf(config);
  const name = workName(context, 'masked', snapshot);
  const made = await create(context, snapshotsPath(namespace), {
    apiVersion: SNAPSHOT_API,
    kind: 'VolumeSnapshot',
    metadata: { name, labels, annotations: { ...annotations, [KEYS.restorePlan]: JSON.stringify(purpose) } },
    spec: { volumeSnapshotClassName: config.masking?.snapshotClassName, source: { persistentVolumeClaimName: claim.name } },
  }, isOurs(context));
  return { name, uid: made.metadata.uid, deleting: false, ready: false };
}

/** Runs a pod on the copies until its container is content. */
async function run(
  context: MaskInput, { annotations, labels, mountPath, spec }: MaskingPod, container: string, copies: readonly Copy[],
): Promise<void> {
  const { client, config, jobUid, log, namespace, signal, until } = context;
  const volumeOf = (index: number) => `claim-${index}`;
  const isBlock = (copy: Copy) => copy.spec.volumeMode === 'Block';
  const pathOf = ({ snapshot }: Copy) => `${mountPath.replace(/\/+$/, '')}/${snapshot.claimName}`;
  const mounts = {
    volumeMounts: copies.flatMap((copy, index) => (isBlock(copy) ? [] : [{ name: volumeOf(index), mountPath: pathOf(copy) }])),
    volumeDevices: copies.flatMap((copy, index) => (isBlock(copy) ? [{ name: volumeOf(index), devicePath: pathOf(copy) }] : [])),
  };
  const name = `${container}-${shortHash(config.cloneId, jobUid)}`;
  const body = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { ...labels, [KEYS.clone]: config.cloneId }, annotations },
    spec: {
      ...spec,
      containers: spec.containers.map((one: any) => (one.name === container ? { ...one, ...mounts } : one)),
      volumes: copies.map(({ claim }, index) => ({ name: volumeOf(index), persistentVolumeClaim: { claimName: claim.name } })),
    },
  };
  const pod = await create(context, podsPath(namespace), body, isOurs(context));
  const words = await awaitVerdict(context, pod, container, copies.map(({ claim }) => claim), until);
  log('verdict', { container, words });
  // its other container is still up, so that it goes only when the node has written to the storage what was changed, and let the volumes go
  await remove(context, podsPath(namespace), { name, uid: pod.metadata.uid, deleting: false }, signal, {});
  for (let attempt = 0; await isThere(context, pod.metadata.uid); attempt += 1) {
    if (client.now() >= until) { throw new Error(`pod '${name}' does not end; look at its node`); }
    await lookAgainLater(client, attempt, signal);
  }
}

async function isThere({ client, config, namespace, signal }: MaskInput, uid: string): Promise<boolean> {
  const { items } = await list(client, podsPath(namespace), { labelSelector: `${KEYS.clone}=${config.cloneId}` }, ({ metadata }) => metadata.uid, signal);
  return items.includes(uid);
}

/** Takes away all that masking has made in this namespace, but for masked snapshots that a claim is still to be made from. */
export async function clearMasking(context: MaskInput, isNeeded: (purpose: Purpose) => boolean): Promise<void> {
  const { config, namespace } = context;
  // a snapshot that is not ready keeps its claim, and a claim that is not bound keeps the snapshot that it is made from: all at once
  const made = (await listMade(context, namespace)).filter(({ purpose }) => !(purpose && isNeeded(purpose)));
  await forEach(made, snapshot => (snapshot.staticContent
    ? dismiss(context, namespace, snapshot)
    : remove(context, snapshotsPath(namespace), snapshot, undefined, {})))
    .finally(() => clear(context, `${KEYS.clone}=${config.cloneId}`, [podsPath(namespace), claimsPath(namespace)]));
}
