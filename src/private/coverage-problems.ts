import { Problem } from './validate';
import { isReason, UNSCHEDULED } from '../model/claims';
import { Coverage } from '../model/coverage';
import { Schedule } from '../model/model';
import { lossWithin, previewOf } from '../model/preview';
import { briefly, shortList } from '../model/words';

/** What it takes for a claim to be protected, beside a schedule; each is met by any of its schedules. */
export interface Requirements {
  readonly maximumLossSeconds?: number;
  readonly minimumReachSeconds?: number;
  readonly consistent: boolean;
  readonly drill: boolean;
}

/** What is wrong with the coverage of a claim; which claim it is, the message says elsewhere. */
export interface CoverageProblem extends Pick<Problem, 'problem' | 'allowed' | 'fix'> {
  readonly prop: string;
}

/** Within so many seconds, damage is noticed at once: nobody knows of it before the next look at a dashboard. */
export const AT_ONCE = 3600;

/**
 * Why a claim is not protected; nothing if it is, or if somebody said why it need not be.
 * `elsewhere`: what covers it, but is not looked at.
 */
export function coverageProblems(coverage: Coverage, requirements: Requirements, elsewhere: readonly Schedule[]): CoverageProblem[] {
  if (coverage.exemption !== undefined) { return []; }
  if (coverage.schedules.length === 0) { return [uncovered(coverage, elsewhere)]; }
  return [
    ...lossProblem(coverage.schedules, requirements.maximumLossSeconds),
    ...reachProblem(coverage.schedules, requirements.minimumReachSeconds),
    ...requirements.consistent ? consistencyProblem(coverage.schedules) : [],
    ...requirements.drill ? drillProblem(coverage) : [],
  ];
}

function uncovered({ claim, names, suspended }: Coverage, elsewhere: readonly Schedule[]): CoverageProblem {
  // an annotation would be for the others too
  const exempt = names.length < claim.names.length
    ? 'or say why not with exempt() and ordinals'
    : `or say why not in the annotation ${UNSCHEDULED} of ${claim.template ? 'the StatefulSet' : 'the claim'}, or with exempt()`;
  const because = (problem: string, fix: string): CoverageProblem => ({
    prop: 'whenUncovered', problem, allowed: 'a claim that a schedule of its namespace covers, or that is exempt for a reason', fix: `${fix}, ${exempt}`,
  });
  if (claim.namespace === '') { return because('its namespace is not known, so neither is what covers it', 'give its chart a namespace'); }
  if (suspended.length > 0) { return because(`nothing covers it but ${titles(suspended)}, which is suspended`, 'take suspend away'); }
  if (elsewhere.length > 0) { return because(`${titles(elsewhere)} covers it, but is not looked at`, 'set schedulesIn to where it is, if both go to one cluster'); }
  if (claim.openEnded) {
    return because('no schedule covers all of its claims, whose number is not written down',
      'write replicas, or add it to a schedule by SnapshotSource.fromStatefulSet or by labels');
  }
  const noReason = claim.unscheduled !== undefined && !isReason(claim.unscheduled);
  return because(`no schedule covers it${noReason ? `, and '${claim.unscheduled}' is no reason` : ''}`,
    `add it to the source of a schedule in namespace '${claim.namespace}'`);
}

function lossProblem(schedules: readonly Schedule[], most: number | undefined): CoverageProblem[] {
  if (most === undefined) { return []; }
  const least = Math.min(...schedules.map(schedule => lossWithin(previewOf(schedule), AT_ONCE) ?? Infinity));
  return least <= most ? [] : [{
    prop: 'maximumLoss',
    problem: `damage that is noticed within an hour costs up to ${least === Infinity ? 'everything' : briefly(least)}, by ${titles(schedules)}`,
    allowed: `at most ${briefly(most)}`,
    fix: 'take snapshots of it more often, or keep more of them, or exempt it',
  }];
}

function reachProblem(schedules: readonly Schedule[], least: number | undefined): CoverageProblem[] {
  if (least === undefined) { return []; }
  const most = Math.max(...schedules.map(schedule => previewOf(schedule).oldestRestorePoint.toSeconds()));
  return most >= least ? [] : [{
    prop: 'minimumReach',
    problem: `its oldest restore point is ${briefly(most)} old at times, by ${titles(schedules)}`,
    allowed: `at least ${briefly(least)}`,
    fix: 'keep its snapshots longer, or exempt it',
  }];
}

function consistencyProblem(schedules: readonly Schedule[]): CoverageProblem[] {
  if (schedules.some(({ config }) => config.quiesce?.onFailure === 'Fail')) { return []; }
  const settles = schedules.filter(({ config }) => config.quiesce);
  return [{
    prop: 'requireConsistent',
    problem: settles.length > 0 ? `${titles(settles)} is content with crash-consistent snapshots` : `its application is not held while ${titles(schedules)} cuts it`,
    allowed: 'a schedule with quiesce that fails if the application was not held',
    fix: `${settles.length > 0 ? 'take QuiesceFailure.CRASH_CONSISTENT away' : 'add quiesce'}, or exempt it`,
  }];
}

function drillProblem({ drills, schedules }: Coverage): CoverageProblem[] {
  return drills.length > 0 ? [] : [{
    prop: 'requireDrill',
    problem: `no drill restores what ${titles(schedules)} takes of it`,
    allowed: 'a RestoreDrill of one of its schedules that mounts it, or another replica of its template',
    fix: 'define one, or exempt it',
  }];
}

function titles(schedules: readonly Schedule[]): string {
  return shortList(schedules.map(({ title }) => title));
}
