import { ApiObject } from 'cdk8s';
import { IConstruct } from 'constructs';
import { SNAPSHOT_API_GROUP } from './api';
import { jobsBelow, objectsBelow, manifestsOf } from './defined-claims';
import { mostByNumber, mostNeededAnywhere } from './driver-limits';
import { gatesIn, Gate, RunnerJobs, Schedule } from '../model/model';
import { rulesOf } from '../model/preview';
import { compareText } from '../model/words';
import { ClaimSelection, RunnerConfig } from '../runner/config';

/** What puts VolumeSnapshots into a namespace: so many claims, and so many snapshots of each. */
export interface SnapshotCount {
  /** what it is called in messages */
  readonly title: string;
  /** what a user names it by: the id of a schedule, else the name of the CronJob */
  readonly id: string;
  /** those that are known by name */
  readonly named: number;
  /** whether labels or a StatefulSet decide of more when it runs */
  readonly openEnded: boolean;
  /** the most of a claim at once; undefined if it depends on how often people start it */
  readonly ofClaim?: number;
}

/** All that puts VolumeSnapshots into a namespace, of what is defined below a construct, as it will be rendered. */
export function countsBelow(construct: IConstruct, namespace: string): SnapshotCount[] {
  const jobs = jobsBelow(construct);
  const gates = gatesIn(objectsBelow(construct, 'Job').flatMap(manifestsOf));
  return [
    ...jobs.schedules.filter(schedule => schedule.namespace === namespace).map(ofSchedule),
    ...gates.filter(({ config, namespace: own }) => (config.namespaces ?? [own]).includes(namespace)).map(ofGate),
    ...ofDrills(jobs, namespace),
    ...ofClones(jobs, namespace),
    ...ofObjects(construct, namespace),
  ].sort((a, b) => compareText(a.title, b.title));
}

function ofSchedule(schedule: Schedule): SnapshotCount {
  const { config, cron, title } = schedule;
  const kept = mostNeededAnywhere(rulesOf(schedule), cron) - 1;
  return { title, id: config.scheduleId, ...claimsOf(config.claims), ofClaim: kept * kindsOf(config) + underWay(config) };
}

function ofGate({ config, title }: Gate): SnapshotCount {
  const { keepForSeconds } = config.retention;
  const ofClaim = keepForSeconds === undefined ? mostByNumber(config.retention) * kindsOf(config) + underWay(config) : undefined;
  return { title, id: config.scheduleId, ...claimsOf(config.claims), ofClaim };
}

/** What is application-consistent competes with its like alone, so that crash-consistent ones may be there beside. */
function kindsOf({ quiesce }: RunnerConfig): number {
  return quiesce ? 2 : 1;
}

/** Beside those that are kept: as many as the storage may owe, all of which may get ready at once, and those that a run takes before it prunes. */
function underWay({ maxNotReady, quiesce }: RunnerConfig): number {
  return maxNotReady + (quiesce?.attempts ?? 1);
}

/** A drill in the namespace of the snapshots makes none; in one of its own it brings those of its claims. */
function ofDrills({ drills }: RunnerJobs, namespace: string): SnapshotCount[] {
  return drills.filter(({ drill, namespace: own }) => own === namespace && drill.sourceNamespace !== undefined && drill.sourceNamespace !== own)
    .map(({ drill, name, title }) => ({ title, id: name, named: new Set(Object.values(drill.volumes)).size, openEnded: false, ofClaim: 1 }));
}

/** While a claim waits for its pod, its snapshot stays: of all generations and of the next. Masking needs the original and the masked copy besides. */
function ofClones({ clones }: RunnerJobs, namespace: string): SnapshotCount[] {
  return clones.flatMap(({ clone, name, namespace: own, title }) => {
    const count = { title, id: name, ...claimsOf(clone.claims) };
    if (clone.targetNamespace === namespace) { return [{ ...count, ofClaim: clone.keep + 1 }]; }
    return clone.masking && own === namespace ? [{ ...count, ofClaim: clone.keep + 2 }] : [];
  });
}

/** Those that stand in the manifests. */
function ofObjects(construct: IConstruct, namespace: string): SnapshotCount[] {
  const named = objectsBelow(construct, 'VolumeSnapshot').filter(object => isIn(object, namespace)).length;
  return named === 0 ? [] : [{ title: 'VolumeSnapshots in the manifests', id: '', named, openEnded: false, ofClaim: 1 }];
}

function isIn({ apiGroup, chart, metadata }: ApiObject, namespace: string): boolean {
  return apiGroup === SNAPSHOT_API_GROUP && (metadata.namespace ?? chart.namespace) === namespace;
}

function claimsOf(selections: readonly ClaimSelection[]): Pick<SnapshotCount, 'named' | 'openEnded'> {
  const names = selections.flatMap(selection => (selection.kind === 'Claim' ? selection.name : []));
  return { named: new Set(names).size, openEnded: selections.some(({ kind }) => kind !== 'Claim') };
}
