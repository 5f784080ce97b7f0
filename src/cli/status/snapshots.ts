import { Observed } from './observed';
import { calendarOf } from '../../retention/calendar';
import { groupBy } from '../../retention/groups';
import { heldBy } from '../../retention/hold';
import { momentOf } from '../../retention/plan';
import { KEYS } from '../../runner/config';
import { readMarks, readSnapshot, Snapshot } from '../../runner/resources';

/** How far a snapshot has come: `copying` is cut and not ready, `pending` not even cut; `failed` is what the storage gave an error for and goes on trying. */
export type State = 'ready' | 'copying' | 'pending' | 'failed' | 'deleting';

/** What a person asks of a snapshot. Times are milliseconds since 1970. */
export interface SnapshotStatus extends Pick<Snapshot, 'claimName' | 'claimUid' | 'createdAt' | 'cutAt' | 'error' | 'name'> {
  readonly namespace: string;
  /** the id of the schedule that took it; absent if none of ours did */
  readonly takenBy?: string;
  /** whose it is otherwise */
  readonly origin?: 'clone' | 'imported';
  /** the group that it was cut with */
  readonly group?: string;
  readonly state: State;
  /** since when it is in that state, if it is not to stay so */
  readonly since?: number;
  /** when the data is from */
  readonly moment: number;
  /** a quantity, as the storage says */
  readonly size?: string;
  /** what the application can expect of the data, as far as it is known */
  readonly consistency?: string;
  /** what a drill found, if there was one */
  readonly verified?: Verdict;
  /** why it is held, in words */
  readonly held?: string;
  /** claims that are made of it, or were, and are there */
  readonly restoredTo: readonly Restored[];
  /** as retention sees it */
  readonly facts: Snapshot;
}

export interface Verdict {
  readonly good: boolean;
  readonly at?: number;
  /** how long it took until the data was found good */
  readonly recoverySeconds?: number;
}

export interface Restored {
  readonly claim: string;
  readonly phase: string;
}

/** What is needed to read them: the time zone is that of the schedule with this id. */
export interface Reading {
  readonly now: number;
  readonly timeZoneOf: (namespace: string, scheduleId: string | undefined) => string;
}

/** Ready, and not found bad: what a restore takes. */
export const isGood = ({ state, verified }: SnapshotStatus) => state === 'ready' && verified?.good !== false;

/** All snapshots, the newest first. */
export function readSnapshots({ found }: Observed, reading: Reading): SnapshotStatus[] {
  const marks = groupMarks(found.snapshots, found.groups);
  const restored = groupBy(found.claims.filter(snapshotOf), claim => pathOf(claim.metadata.namespace, snapshotOf(claim) as string));
  return found.snapshots
    .map(object => readStatus(object, reading, marks, restored.get(pathOf(object.metadata.namespace, object.metadata.name)) ?? []))
    .sort((a, b) => b.moment - a.moment || (a.name < b.name ? -1 : 1));
}

function readStatus(object: any, { now, timeZoneOf }: Reading, marks: GroupMarks, restored: readonly any[]): SnapshotStatus {
  const { metadata, spec, status } = object;
  const { annotations = {}, labels = {} } = metadata;
  const facts = readSnapshot(object);
  const takenBy = facts.scheduleId ?? annotations[KEYS.takenBy];
  const group = groupOf(object);
  const ofGroup = group === undefined ? undefined : marks.get(pathOf(metadata.namespace, group));
  const holds = { hold: facts.hold ?? ofGroup?.hold, holdUntil: [...facts.holdUntil ?? [], ...ofGroup?.holdUntil ?? []] };
  const { claimName, claimUid, createdAt, cutAt, error, name } = facts;
  return {
    name,
    namespace: metadata.namespace ?? '',
    claimName,
    claimUid,
    createdAt,
    cutAt,
    error,
    takenBy,
    origin: labels[KEYS.clone] !== undefined ? 'clone' : spec?.source?.persistentVolumeClaimName === undefined ? 'imported' : undefined,
    group,
    ...stateOf(facts, metadata),
    moment: momentOf(facts, now),
    size: status?.restoreSize,
    consistency: labels[KEYS.consistency],
    verified: verdictOf(labels, annotations),
    held: heldBy(holds, calendarOf(timeZoneOf(metadata.namespace, takenBy)), now),
    restoredTo: restored.map(claim => ({ claim: claim.metadata.name, phase: claim.status?.phase ?? 'Pending' })),
    facts,
  };
}

function stateOf({ createdAt, cutAt, deleting, error, ready }: Snapshot, metadata: any): { state: State; since?: number } {
  if (deleting) { return { state: 'deleting', since: Date.parse(metadata.deletionTimestamp) }; }
  if (ready) { return { state: 'ready' }; }
  return { state: error !== undefined ? 'failed' : cutAt === undefined ? 'pending' : 'copying', since: createdAt };
}

function verdictOf(labels: any, annotations: any): Verdict | undefined {
  const verdict = labels[KEYS.verified];
  if (verdict !== 'true' && verdict !== 'false') { return undefined; }
  const at = Date.parse(annotations[KEYS.verifiedAt]);
  const seconds = Number(annotations[KEYS.recoverySeconds]);
  return { good: verdict === 'true', at: Number.isNaN(at) ? undefined : at, recoverySeconds: seconds > 0 ? seconds : undefined };
}

/** The name of the snapshot that a claim is made of. */
function snapshotOf({ spec }: any): string | undefined {
  const origin = spec?.dataSourceRef ?? spec?.dataSource;
  return origin?.kind === 'VolumeSnapshot' ? origin.name : undefined;
}

// ---- groups

type GroupMarks = ReadonlyMap<string, { readonly hold?: string; readonly holdUntil: string[] }>;

const groupOf = ({ metadata, status }: any): string | undefined => status?.volumeGroupSnapshotName ?? metadata.labels?.[KEYS.group];

/** None of a group can be deleted without the others, so what holds one, or the group, holds all. */
function groupMarks(snapshots: readonly any[], groups: readonly any[]): GroupMarks {
  const members = snapshots.flatMap(object => {
    const group = groupOf(object);
    return group === undefined ? [] : [{ key: pathOf(object.metadata.namespace, group), metadata: object.metadata }];
  });
  const wholes = groups.map(({ metadata }) => ({ key: pathOf(metadata.namespace, metadata.name), metadata }));
  return new Map([...groupBy([...wholes, ...members], ({ key }) => key)].map(([key, all]) => [key, {
    hold: all.flatMap(({ metadata }) => readMarks(metadata, KEYS.hold)).find(value => value !== 'false'),
    holdUntil: all.flatMap(({ metadata }) => readMarks(metadata, KEYS.holdUntil)),
  }]));
}

const pathOf = (namespace: string, name: string) => `${namespace}/${name}`;
