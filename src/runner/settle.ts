import { listClaims } from './claims';
import { findOne, KubeClient, lookAgainLater } from './kube-client';
import { Claim, readSnapshot, snapshotsPath } from './resources';
import { eventsOf } from './restored-claims';
import { inWords } from '../retention/plan';

export interface SettleInput {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly config: { readonly timeoutSeconds: number };
  readonly signal: AbortSignal;
}

/** How it goes with a claim that is made from a snapshot. */
export interface Settling {
  readonly target: { readonly name: string; readonly snapshot: { readonly name: string; readonly uid: string } };
  readonly claim?: Claim;
  /** the storage class makes the volume when a pod asks for it */
  readonly waitsForPod?: boolean;
  readonly error?: unknown;
}

/** Waits until each volume is there, or waits for a pod itself. */
export async function settle<T extends Settling>(context: SettleInput, restored: readonly T[], until: number): Promise<T[]> {
  const { client, namespace, signal } = context;
  let open = restored.filter(({ error }) => error === undefined);
  const done = restored.filter(({ error }) => error !== undefined);
  for (let attempt = 0; open.length > 0; attempt += 1) {
    const claims = await listClaims(client, namespace, signal);
    const seen: T[] = [];
    for (const one of open) { seen.push(await look(context, one, claims)); }
    done.push(...seen.filter(isSettled));
    open = seen.filter(one => !isSettled(one));
    if (open.length === 0 || signal.aborted) { break; }
    if (client.now() >= until) {
      done.push(...await Promise.all(open.map(async one => ({ ...one, error: await lateness(context, one) }))));
      break;
    }
    await lookAgainLater(client, attempt, signal);
  }
  return done.sort((a, b) => (a.target.name < b.target.name ? -1 : 1));
}

/** A person is waiting. */

const isSettled = ({ claim, error, waitsForPod }: Settling) => error !== undefined || waitsForPod || claim?.phase === 'Bound';

async function look<T extends Settling>(context: SettleInput, one: T, claims: readonly Claim[]): Promise<T> {
  const { client, namespace, signal } = context;
  const { name, snapshot } = one.target;
  const claim = claims.find(each => each.uid === one.claim?.uid);
  if (!claim || claim.deleting) { return { ...one, error: new Error(`claim '${name}' was deleted while it was restored; find out who deletes claims`) }; }
  if (claim.phase === 'Bound') { return { ...one, claim }; }
  const source = await findOne(client, snapshotsPath(namespace), snapshot.name, readSnapshot, signal);
  if (!source || source.uid !== snapshot.uid || source.deleting) {
    return {
      ...one,
      claim,
      error: new Error(`snapshot '${snapshot.name}' was deleted while claim '${name}' was restored from it, so it can never be bound; `
      + `delete the claim and restore again: kubectl -n ${namespace} delete pvc ${name}`),
    };
  }
  const waitsForPod = (await eventsOf(client, namespace, 'PersistentVolumeClaim', claim, signal)).some(({ reason }) => reason === 'WaitForFirstConsumer');
  return { ...one, claim, waitsForPod };
}

/** What an earlier run has said of it is no news. */
const OWN_REASON = /^Snapshot(Clone|Restore)Failed$/;

/** Why a claim is not bound yet, as far as anybody has said. */
async function lateness(context: SettleInput, { claim, target }: Settling): Promise<Error> {
  const { client, config, namespace, signal } = context;
  const events = claim ? await eventsOf(client, namespace, 'PersistentVolumeClaim', claim, signal) : [];
  const last = events.filter(({ reason, type }) => type === 'Warning' && !OWN_REASON.test(reason)).pop();
  return new Error(`claim '${target.name}' is not bound after ${inWords(config.timeoutSeconds)}: `
    + `${last?.message ?? 'its driver has said nothing; is its csi-provisioner running?'}; `
    + `the storage goes on trying; if it is of no use: kubectl -n ${namespace} delete pvc ${target.name}`);
}
