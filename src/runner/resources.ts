import { KEYS } from './config';
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
}

/** A PersistentVolumeClaim, reduced likewise. */
export interface Claim {
  readonly name: string;
  readonly uid: string;
  readonly phase: string;
  readonly deleting: boolean;
}

const BOUND_FINALIZER = 'snapshot.storage.kubernetes.io/volumesnapshot-bound-protection';

export const snapshotsPath = (namespace: string, name?: string) => path('/apis/snapshot.storage.k8s.io/v1', namespace, 'volumesnapshots', name);
export const claimsPath = (namespace: string, name?: string) => path('/api/v1', namespace, 'persistentvolumeclaims', name);
export const eventsPath = (namespace: string) => path('/api/v1', namespace, 'events');
export const contentPath = (name: string) => `/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents/${name}`;
export const ACCESS_REVIEWS_PATH = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

/** What a 404 on the collection of snapshots means. */
export const NO_SNAPSHOT_API = 'the cluster has no VolumeSnapshot API; install the snapshot CRDs and the snapshot controller';

function path(api: string, namespace: string, plural: string, name?: string): string {
  return `${api}/namespaces/${namespace}/${plural}${name === undefined ? '' : `/${name}`}`;
}

export function readSnapshot(object: any): Snapshot {
  const { metadata, spec, status } = object;
  const claimName = spec?.source?.persistentVolumeClaimName ?? '';
  const claimUid = metadata.labels?.[KEYS.claimUid];
  return {
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    scheduleId: metadata.labels?.[KEYS.schedule],
    claim: claimUid ?? `name:${claimName}`,
    claimName,
    claimUid,
    createdAt: Date.parse(metadata.creationTimestamp),
    cutAt: status?.creationTime ? Date.parse(status.creationTime) : undefined,
    ready: status?.readyToUse === true,
    deleting: metadata.deletionTimestamp !== undefined,
    held: readHold(metadata),
    contentName: status?.boundVolumeSnapshotContentName,
    boundFinalizer: (metadata.finalizers ?? []).includes(BOUND_FINALIZER),
    error: status?.error?.message,
  };
}

export function readClaim(object: any): Claim {
  const { metadata, status } = object;
  return { name: metadata.name, uid: metadata.uid, phase: status?.phase ?? 'Pending', deleting: metadata.deletionTimestamp !== undefined };
}

function readHold(metadata: any): string | undefined {
  const value: string | undefined = metadata.annotations?.[KEYS.hold] ?? metadata.labels?.[KEYS.hold];
  return value === undefined || value === 'false' ? undefined : `held by ${KEYS.hold}=${value}`;
}
