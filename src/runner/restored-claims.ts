import { ClaimSelection, ClaimSpec, FOREIGN_TOOL_ANNOTATIONS, RESTORE_NAMES } from './config';
import { compact, withSuffix } from './identity';
import { KubeClient, list } from './kube-client';
import { EventText } from './report';
import { Claim, eventsPath } from './resources';
import { Restorable } from './restore-choice';
import { quantityToNumber } from '../private/quantity';

/** What a new claim asks for, and what a person should know of it. */
export interface ClaimRequest {
  readonly spec: ClaimSpec;
  readonly notes: string[];
}

/** What the claim asked for when it was snapshotted, else what it asks for now. */
export function requestFor(snapshot: Restorable, existing: readonly Claim[], storageClassName: string | undefined): ClaimRequest {
  const { claimName, restoreSize } = snapshot;
  const source = snapshot.spec ?? existing.find(({ name }) => name === claimName)?.spec;
  const sizes = [restoreSize, source?.storage].filter(size => size !== undefined);
  if (sizes.length === 0) { throw new Error(`the size of '${claimName}' is nowhere to be found: snapshot '${snapshot.name}' has no restoreSize`); }
  // the storage refuses to restore into less than it copies
  const storage = sizes.reduce((most, size) => ((quantityToNumber(size) ?? 0) > (quantityToNumber(most) ?? 0) ? size : most));
  return {
    spec: {
      storageClassName: storageClassName ?? source?.storageClassName,
      accessModes: source?.accessModes ?? ['ReadWriteOnce'],
      volumeMode: source?.volumeMode ?? 'Filesystem',
      storage,
    },
    notes: source ? [] : ['what its claim asked for is not known, so it is ReadWriteOnce and a file system'],
  };
}

/** A claim with the data of a snapshot, which GitOps tools take for none of theirs. */
export function claimFrom(
  snapshot: Pick<Restorable, 'name'>, { storage, ...spec }: ClaimSpec,
  metadata: { readonly name: string; readonly labels: object; readonly annotations: object },
): object {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { ...metadata, annotations: { ...FOREIGN_TOOL_ANNOTATIONS, ...metadata.annotations } },
    spec: {
      ...spec,
      dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: snapshot.name },
      resources: { requests: { storage } },
    },
  };
}

/** The Events of an object, the newest last. */
export async function eventsOf(
  client: KubeClient, namespace: string, kind: string, { name, uid }: { readonly name: string; readonly uid: string }, signal: AbortSignal,
): Promise<EventText[]> {
  const fieldSelector = `involvedObject.kind=${kind},involvedObject.name=${name},involvedObject.uid=${uid}`;
  const read = ({ eventTime, lastTimestamp, message, reason, type }: any) => ({ type, reason, message, at: lastTimestamp ?? eventTime ?? '' });
  const { items } = await list(client, eventsPath(namespace), { fieldSelector }, read, signal);
  return items.sort((a, b) => (a.at < b.at ? -1 : 1));
}

/** What only stands beside is left out by schedules that select by labels. */
export const isBeside = (names: string) => names === RESTORE_NAMES.beside || names.startsWith(RESTORE_NAMES.suffix);

/** What the claim of a snapshot will be called. */
export function nameOf({ claimName, createdAt, cutAt: cut, name }: Restorable, names: string, selections: readonly ClaimSelection[]): string {
  if (claimName === '') { throw new Error(`snapshot '${name}' is of no claim; make a claim of it with RestoredPvc`); }
  return names === RESTORE_NAMES.beside
    ? withSuffix(claimName, `-restored-${compact(new Date(cut ?? createdAt))}`)
    : targetName(claimName, names, selections);
}

/** What a claim is called when it is restored, where that does not depend on the snapshot. */
export function targetName(claimName: string, names: string, selections: readonly ClaimSelection[]): string {
  if (names === RESTORE_NAMES.same) { return claimName; }
  if (names.startsWith(RESTORE_NAMES.suffix)) { return withSuffix(claimName, `-${names.slice(RESTORE_NAMES.suffix.length)}`); }
  const member = memberOf(claimName, selections);
  if (!member) { throw new Error(`claim '${claimName}' is of no StatefulSet that the schedule names, so '${names}' says nothing of it`); }
  return `${member.template}-${names.slice(RESTORE_NAMES.statefulSet.length)}-${member.ordinal}`;
}

/** Which template and which replica a claim belongs to. */
function memberOf(claimName: string, selections: readonly ClaimSelection[]): { template: string; ordinal: string } | undefined {
  for (const selection of selections) {
    const set = selection.kind === 'StatefulSet' ? selection.name : selection.kind === 'Claim' ? selection.statefulSet : undefined;
    const [, template, ordinal] = (set !== undefined && new RegExp(`^(.+)-${set}-([0-9]+)$`).exec(claimName)) || [];
    const isMember = selection.kind === 'StatefulSet' ? selection.templates.includes(template) : selection.kind === 'Claim' && selection.name === claimName;
    if (template !== undefined && isMember) { return { template, ordinal }; }
  }
  return undefined;
}

/** When the data was cut, if the storage has said it. */
export const cutAt = (snapshot: Restorable) => (snapshot.cutAt === undefined ? undefined : new Date(snapshot.cutAt).toISOString());

/** What a person must know of the data before relying on it. */
export function describeData(snapshot: Restorable): string {
  const { consistent, name, verified } = snapshot;
  const moment = cutAt(snapshot);
  return `${moment === undefined ? '' : `as of ${moment} `}(snapshot '${name}', ${consistent ? 'application-consistent' : 'crash-consistent'}${verified ? ', verified' : ''})`;
}
