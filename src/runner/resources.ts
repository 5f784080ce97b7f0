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
  /** a person has let it go, so that the brake does not count it */
  readonly prunable: boolean;
}

/** A PersistentVolumeClaim, reduced likewise. */
export interface Claim {
  readonly name: string;
  readonly uid: string;
  readonly phase: string;
  readonly deleting: boolean;
  /** the snapshot that it is made from */
  readonly fromSnapshot?: string;
}

const BOUND_FINALIZER = 'snapshot.storage.kubernetes.io/volumesnapshot-bound-protection';

export const snapshotsPath = (namespace: string, name?: string) => path('/apis/snapshot.storage.k8s.io/v1', namespace, 'volumesnapshots', name);
export const claimsPath = (namespace: string, name?: string) => path('/api/v1', namespace, 'persistentvolumeclaims', name);
export const eventsPath = (namespace: string) => path('/api/v1', namespace, 'events');
export const contentPath = (name: string) => `/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents/${name}`;

/** What a 404 on the collection of snapshots means. */
export const NO_SNAPSHOT_API = 'the cluster has no VolumeSnapshot API; install the snapshot CRDs and the snapshot controller';

function path(api: string, namespace: string, plural: string, name?: string): string {
  return `${api}/namespaces/${namespace}/${plural}${name === undefined ? '' : `/${name}`}`;
}

export function readSnapshot(object: any): Snapshot {
  const { metadata, spec, status } = object;
  const ofClaim: string | undefined = spec?.source?.persistentVolumeClaimName;
  // an imported one has no claim, and is told by a label whose it is
  const claimName = ofClaim ?? metadata.labels?.[KEYS.claim] ?? '';
  const createdAt = Date.parse(metadata.creationTimestamp);
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
    cutAt: status?.creationTime ? plausibleCut(Date.parse(status.creationTime), createdAt, ofClaim !== undefined) : undefined,
    ready: status?.readyToUse === true,
    deleting: metadata.deletionTimestamp !== undefined,
    hold: readMarks(metadata, KEYS.hold).find(value => value !== 'false'),
    holdUntil: readMarks(metadata, KEYS.holdUntil),
    contentName: status?.boundVolumeSnapshotContentName,
    boundFinalizer: (metadata.finalizers ?? []).includes(BOUND_FINALIZER),
    error: status?.error?.message,
    prunable: readMarks(metadata, KEYS.prunable).includes('true'),
  };
}

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
  };
}

/** People annotate or label, as they like; what one of the two says the other does not take back. */
export function readMarks(metadata: any, key: string): string[] {
  return [metadata.annotations?.[key], metadata.labels?.[key]].filter(value => value !== undefined);
}
