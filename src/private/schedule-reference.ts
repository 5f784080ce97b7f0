import { Construct } from 'constructs';
import { reject, requireDnsLabel, requireLabels } from './validate';
import { ClaimSelection, KEYS, RESTORE_NAMES } from '../runner/config';
import { SnapshotSource } from '../snapshot-source';

/** A schedule of this app, or the id of one that is defined elsewhere. */
export interface ScheduleReference {
  readonly schedule?: { readonly namespace: string; readonly scheduleId: string };
  readonly scheduleId?: string;
}

/** The namespace of the snapshots: that of the schedule, or the one that is named; undefined if neither says it. */
export function findSourceNamespace(
  origin: Construct, { schedule, sourceNamespace }: Pick<ScheduleReference, 'schedule'> & { readonly sourceNamespace?: string },
): string | undefined {
  if (schedule && sourceNamespace !== undefined) {
    reject(origin, 'sourceNamespace', { problem: 'it is that of the schedule', got: sourceNamespace, allowed: 'schedule or sourceNamespace', fix: 'leave it out' });
  }
  if (sourceNamespace !== undefined) { requireDnsLabel(origin, 'sourceNamespace', sourceNamespace); }
  return schedule?.namespace ?? sourceNamespace;
}

/** A schedule that knows its claims. */
interface Selecting {
  readonly _takesReplicas: boolean;
  _selectClaims(): ClaimSelection[];
}

/** The claims that are restored together, asked at synth: those of the source, or else of the schedule. */
export function requireSelection(
  origin: Construct, namespace: string,
  { schedule, source }: { readonly schedule?: Selecting; readonly source?: SnapshotSource },
): () => ClaimSelection[] {
  if (source) { return () => source._resolve(origin, namespace).selections; }
  if (schedule) { return () => schedule._selectClaims().map(selection => (schedule._takesReplicas ? { ...selection, optional: true } : selection)); }
  reject(origin, 'source', {
    problem: 'which claims the schedule covers is not known here', got: undefined, allowed: 'a SnapshotSource', fix: 'name the claims, or pass the schedule itself',
  });
}

/** The id of the schedule whose snapshots are restored in a namespace. */
export function requireScheduleId(origin: Construct, namespace: string, { schedule, scheduleId }: ScheduleReference): string {
  if (schedule && scheduleId !== undefined) {
    reject(origin, 'scheduleId', { problem: 'the schedule is given twice', got: scheduleId, allowed: 'schedule or scheduleId', fix: 'leave one of the two out' });
  }
  if (schedule && schedule.namespace !== namespace) {
    reject(origin, 'schedule', {
      problem: 'a claim is restored in the namespace of its snapshot',
      got: `a schedule in namespace '${schedule.namespace}'`,
      allowed: `namespace '${namespace}'`,
      fix: 'define the two in one namespace',
    });
  }
  const id = schedule?.scheduleId ?? scheduleId;
  if (id === undefined) {
    reject(origin, 'schedule', {
      problem: 'nothing says whose snapshots are restored', got: undefined, allowed: 'schedule or scheduleId', fix: 'pass the ScheduledSnapshot',
    });
  }
  requireLabels(origin, 'scheduleId', { [KEYS.schedule]: id });
  return id;
}

/** Claims of no StatefulSet cannot be called as another one looks for them. */
export function requireNamesFit(origin: Construct, names: string, claims: readonly ClaimSelection[]): void {
  const ofNoSet = claims.some(claim => claim.kind === 'Selector' || (claim.kind === 'Claim' && claim.statefulSet === undefined));
  if (names.startsWith(RESTORE_NAMES.statefulSet) && ofNoSet) {
    reject(origin, 'names', {
      problem: 'the claims are not known to be of a StatefulSet, so names of another one say nothing of them',
      got: names,
      allowed: 'a source that is a StatefulSet, or other names',
      fix: 'use SnapshotSource.fromStatefulSet or fromStatefulSetName, or RestoreNames.withSuffix',
    });
  }
}
