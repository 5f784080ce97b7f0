import { ClaimSpec, KEYS } from './config';
import { SnapshotFacts } from '../retention/plan';

/** A VolumeSnapshot, reduced to what the runner looks at: 5,000 of them must fit in little memory. */
export interface Snapshot extends SnapshotFacts {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly scheduleId?: string;
  readonly claimName: string;
  readonly claimUid?: string;
  readonly contentName?: string;
  /** the snapshot controller adds it to a snapshot whose content says Delete */
  readonly boundFinalizer: boolean;
  /** the last error, never a final one */
  readonly error?: string;
  /** a person has let it go, so that the brake does not count it */
  readonly prunable: boolean;
  /** of a group snapshot only */
  readonly group?: GroupFacts;
}

/** What a snapshot of a group has besides. */
export interface GroupFacts {
  /** the claims that it was asked for */
  readonly claimUids: string[];
  /** what was written on it as it was cut, which its members tell as well */
  readonly annotations: { readonly [key: string]: string };
  /** the snapshots of its claims, once they were looked for */
  readonly members?: string[];
}

/** What a schedule makes: snapshots of single claims, or of groups of them. */
export interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  /** what one is a snapshot of, in messages */
  readonly subject: string;
  readonly read: (object: any) => Snapshot;
  /** what a 404 on the collection means */
  readonly absent: string;
  /** what it means that nobody has bound one */
  readonly unbound: string;
}

/** A PersistentVolumeClaim, reduced likewise. */
export interface Claim {
  readonly name: string;
  readonly uid: string;
  readonly phase: string;
  readonly deleting: boolean;
  /** the snapshot that it is made from */
  readonly fromSnapshot?: string;
  /** what a claim with the same data must ask for; absent if the claim does not say */
  readonly spec?: ClaimSpec;
  /** the restore that made it, and what that run was about */
  readonly restoredBy?: string;
  readonly restorePlan?: string;
  /** until then an upgrade need not wait for a snapshot of it, as a person wrote */
  readonly upgradeWithoutSnapshotUntil?: string;
}

/** The group and version of snapshots. */
export const SNAPSHOT_API = 'snapshot.storage.k8s.io/v1';

/** Labels as a selector has them. */
export const inSelector = (labels: { readonly [key: string]: string }) => Object.entries(labels).map(([key, value]) => `${key}=${value}`);

/** Whether an object has a label of this value. */
export const isLabelled = (key: string, value: string) => ({ metadata }: any): boolean => metadata.labels?.[key] === value;

const BOUND_FINALIZER = 'snapshot.storage.kubernetes.io/volumesnapshot-bound-protection';

export const snapshotsPath = (namespace: string, name?: string) => path(`/apis/${SNAPSHOT_API}`, namespace, 'volumesnapshots', name);
export const claimsPath = (namespace: string, name?: string) => path('/api/v1', namespace, 'persistentvolumeclaims', name);
export const podsPath = (namespace: string, name?: string) => path('/api/v1', namespace, 'pods', name);
export const configMapPath = (namespace: string, name: string) => path('/api/v1', namespace, 'configmaps', name);
export const eventsPath = (namespace: string) => path('/api/v1', namespace, 'events');
export const ALL_CONTENTS = `/apis/${SNAPSHOT_API}/volumesnapshotcontents`;
export const contentPath = (name: string) => `${ALL_CONTENTS}/${name}`;
export const namespacePath = (name: string) => `/api/v1/namespaces/${name}`;

/** What a 404 on the collection of snapshots means. */
export const NO_SNAPSHOT_API = 'the cluster has no VolumeSnapshot API; install the snapshot CRDs and the snapshot controller';

export const pathOf = ({ apiVersion, plural }: Kind, namespace: string, name?: string) => path(`/apis/${apiVersion}`, namespace, plural, name);

function path(api: string, namespace: string, plural: string, name?: string): string {
  return `${api}/namespaces/${namespace}/${plural}${name === undefined ? '' : `/${name}`}`;
}

export function readSnapshot(object: any): Snapshot {
  const { metadata, spec, status } = object;
  const ofClaim: string | undefined = spec?.source?.persistentVolumeClaimName;
  // an imported one has no claim, and is told whose it is
  const claimName = ofClaim ?? metadata.annotations?.[KEYS.claim] ?? metadata.labels?.[KEYS.claim] ?? '';
  const createdAt = Date.parse(metadata.creationTimestamp);
  // a driver that cannot list its snapshots gives the time of the import
  const cutAt = (ofClaim === undefined && Date.parse(metadata.annotations?.[KEYS.cutAt])) || Date.parse(status?.creationTime);
  const claimUid = metadata.labels?.[KEYS.claimUid];
  return {
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    scheduleId: metadata.labels?.[KEYS.schedule],
    claim: claimUid ?? `name:${claimName}`,
    claimName,
    claimUid,
    createdAt,
    cutAt: status?.creationTime ? plausibleCut(cutAt, createdAt, ofClaim !== undefined) : undefined,
    ready: status?.readyToUse === true,
    deleting: metadata.deletionTimestamp !== undefined,
    consistent: metadata.labels?.[KEYS.consistency] === 'application',
    verified: metadata.labels?.[KEYS.verified] === 'true',
    isBad: metadata.labels?.[KEYS.verified] === 'false',
    hold: readMarks(metadata, KEYS.hold).find(value => value !== 'false'),
    holdUntil: readMarks(metadata, KEYS.holdUntil),
    contentName: status?.boundVolumeSnapshotContentName,
    boundFinalizer: (metadata.finalizers ?? []).includes(BOUND_FINALIZER),
    error: status?.error?.message,
    prunable: readMarks(metadata, KEYS.prunable).includes('true'),
  };
}

export const SNAPSHOTS: Kind = {
  apiVersion: SNAPSHOT_API,
  kind: 'VolumeSnapshot',
  plural: 'volumesnapshots',
  subject: 'claim',
  read: readSnapshot,
  absent: NO_SNAPSHOT_API,
  unbound: 'no snapshot controller has looked at it; is the snapshot-controller running?',
};

const CLOCKS_DIFFER_BY = 3_600_000;
/** What is not cut after a day is pruned, so a later cut is the mark of a wrong clock. */
const LATEST_CUT = 7 * 24 * 3_600_000;

/**
 * A snapshot of a claim is cut after it is asked for, and soon, whatever the storage's clock says;
 * an imported one may be older than its object.
 */
export function plausibleCut(cutAt: number, createdAt: number, ofClaim: boolean): number {
  return ofClaim && (cutAt < createdAt - CLOCKS_DIFFER_BY || cutAt > createdAt + LATEST_CUT) ? createdAt : cutAt;
}

export function readClaim(object: any): Claim {
  const { metadata, spec, status } = object;
  const origin = spec?.dataSourceRef ?? spec?.dataSource;
  return {
    name: metadata.name,
    uid: metadata.uid,
    phase: status?.phase ?? 'Pending',
    deleting: metadata.deletionTimestamp !== undefined,
    fromSnapshot: origin?.kind === 'VolumeSnapshot' ? origin.name : undefined,
    spec: readClaimSpec(spec),
    restoredBy: metadata.annotations?.[KEYS.restoredBy],
    restorePlan: metadata.annotations?.[KEYS.restorePlan],
    upgradeWithoutSnapshotUntil: metadata.annotations?.[KEYS.upgradeWithoutSnapshotUntil],
  };
}

function readClaimSpec(spec: any): ClaimSpec | undefined {
  const storage = spec?.resources?.requests?.storage;
  return storage && { storageClassName: spec.storageClassName, accessModes: spec.accessModes, volumeMode: spec.volumeMode, storage };
}

/** What an annotation of ours says; what somebody has spoilt is as good as nothing. */
export function readJson<T>(text: string | undefined): T | undefined {
  try {
    return JSON.parse(text ?? '') as T;
  } catch {
    return undefined;
  }
}

/** People annotate or label, as they like; what one of the two says the other does not take back. */
export function readMarks(metadata: any, key: string): string[] {
  return [metadata.annotations?.[key], metadata.labels?.[key]].filter(value => value !== undefined);
}
