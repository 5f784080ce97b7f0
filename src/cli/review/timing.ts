import { Finding, groupBy, risk } from './finding';
import { Model, Schedule } from '../../model/model';
import { briefly, shortList } from '../../model/words';
import { driverFacts } from '../../private/driver-catalogue';
import { Outlook } from '../outlook';
import { volumesOf } from '../volumes';

/** A run waits for the snapshots of its own schedule alone, so two schedules of a claim may ask the driver for too much. */
export function reviewTiming({ schedules, claims }: Model, outlooks: ReadonlyMap<Schedule, Outlook>): Finding[] {
  const running = schedules.filter(({ suspended }) => !suspended);
  const pairs = volumesOf(running, claims).flatMap(({ name, schedules: sharing }) =>
    sharing.flatMap((one, index) => sharing.slice(index + 1).map(other => ({ one, other, name }))));
  return groupBy(pairs, ({ one, other }) => `${one.title} ${other.title}`).flatMap(([, [{ one, other, name }]]) => {
    const least = Math.max(minimumIntervalOf(one), minimumIntervalOf(other));
    const gap = smallestGap(startsOf(one, outlooks.get(one)!), startsOf(other, outlooks.get(other)!)) / 1000;
    return gap >= least ? [] : [risk(shortList([one.title, other.title]),
      `run ${gap === 0 ? 'at the same time' : `${briefly(gap)} apart`}, and the driver takes no two snapshots of ${name} within ${briefly(least)}`,
      `move one of the two, so that ${briefly(least)} or more lie between them`)];
  });
}

function minimumIntervalOf({ snapshotClass, config }: Schedule): number {
  return Math.max((snapshotClass && driverFacts(snapshotClass.driver).minimumIntervalSeconds) ?? 0, config.minimumIntervalSeconds ?? 0);
}

function startsOf({ config }: Schedule, { runs }: Outlook): number[] {
  return runs.map(run => run + (config.startDelaySeconds ?? 0) * 1000);
}

/** The shortest time between a run of the one and a run of the other; both are sorted. */
function smallestGap(one: readonly number[], other: readonly number[]): number {
  let smallest = Infinity;
  for (let i = 0, j = 0; i < one.length && j < other.length && smallest > 0;) {
    smallest = Math.min(smallest, Math.abs(one[i] - other[j]));
    if (one[i] < other[j]) { i += 1; } else { j += 1; }
  }
  return smallest;
}
