import { Finding, groupBy, note, risk } from './finding';
import { Claim, isReason, UNSCHEDULED } from '../../model/claims';
import { schedulesByName } from '../../model/coverage';
import { Model, Schedule } from '../../model/model';
import { shortList } from '../../model/words';
import { mayBeIn } from '../volumes';

const REMEDY = `add it to the source of a schedule, or say why not in its annotation ${UNSCHEDULED}`;

/** Claims of which nobody takes snapshots. */
export function reviewCoverage({ claims, schedules }: Model): Finding[] {
  const rows = claims.filter(({ names, unscheduled }) => names.length > 0 && !isReason(unscheduled ?? '')).map(claim => {
    const near = schedules.filter(({ namespace }) => mayBeIn(claim, namespace));
    return { claim, near, uncovered: uncoveredNames(claim, near) };
  });
  return [
    ...rows.filter(({ near }) => near.length > 0).flatMap(({ claim, uncovered }) => missed(claim, uncovered)),
    ...unknownNamespaces(rows.filter(({ near }) => near.length === 0).map(({ claim }) => claim)),
  ];
}

function uncoveredNames(claim: Claim, schedules: readonly Schedule[]): string[] {
  return [...schedulesByName(claim, schedules)].filter(([, covering]) => covering.length === 0).map(([name]) => name);
}

function missed({ title, names, restored }: Claim, uncovered: readonly string[]): Finding[] {
  if (uncovered.length === 0) { return []; }
  if (restored) { return [note(title, 'was made from a snapshot, and no schedule covers it', `if it stays, ${REMEDY}`)]; }
  return uncovered.length === names.length
    ? [risk(title, 'is covered by no schedule of its namespace', REMEDY)]
    : [note(title, `makes ${shortList(uncovered)}, which no schedule covers, unlike others of its claims`, `if they hold data of their own, ${REMEDY}`)];
}

/** A namespace without any schedule is perhaps none of theirs, so it is said once. */
function unknownNamespaces(claims: readonly Claim[]): Finding[] {
  return groupBy(claims, ({ namespace }) => namespace).map(([namespace, group]) => note(
    namespace === '' ? 'the claims without a namespace' : `Namespace ${namespace}`,
    `has no schedule among the files, and claims: ${shortList(group.flatMap(({ names }) => names))}`,
    `define a schedule, or say why not in their annotation ${UNSCHEDULED}`,
  ));
}
