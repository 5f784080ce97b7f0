import { Finding, groupBy, note, risk } from './finding';
import { Model, Schedule } from '../../model/model';
import { briefly, plural, shortList } from '../../model/words';
import { maxSnapshotsPerVolume } from '../../private/driver-facts';
import { PERIODS } from '../../retention/calendar';
import { Outlook } from '../outlook';
import { Volume, volumesOf } from '../volumes';

/** So full, a few snapshots by hand, or a run that fails to prune, are enough. */
const NEARLY_FULL = 0.8;

/** Retention that may leave nothing, or more than the storage holds. */
export function reviewRetention(model: Model, outlooks: ReadonlyMap<Schedule, Outlook>): Finding[] {
  return [...previewed(model, outlooks), ...fewLeft(model), ...endless(model, outlooks), ...overLimits(model, outlooks)];
}

/** Times that clocks skip or double, rules that keep nothing, and the like. */
function previewed({ schedules }: Model, outlooks: ReadonlyMap<Schedule, Outlook>): Finding[] {
  return schedules.filter(({ suspended }) => !suspended).flatMap(schedule => outlooks.get(schedule)!.preview.notes
    // said below, as a risk
    .filter(text => !text.startsWith('with minimumReady: 0'))
    .map(text => note(schedule.title, text, 'change schedule or retention, unless it is meant so')));
}

function fewLeft({ schedules }: Model): Finding[] {
  return schedules.flatMap(({ title, config: { retention } }) => {
    const { keepLast, keepForSeconds, minimumReady } = retention;
    if (minimumReady === 0) {
      return [risk(title, 'may prune the last good snapshot of a claim: minimumReady is 0', 'set minimumReady to 1 or more')];
    }
    const byAgeAlone = keepForSeconds !== undefined && keepLast === undefined && PERIODS.every(period => retention[period] === undefined);
    return byAgeAlone && minimumReady === 1
      ? [note(title, `keeps by age alone: after an outage of ${briefly(keepForSeconds)} one snapshot of a claim is left`, 'set minimumReady to 2 or more')]
      : [];
  });
}

/** With a limit it ends in failure, see below; without one it is what a dry run is. */
function endless({ schedules }: Model, outlooks: ReadonlyMap<Schedule, Outlook>): Finding[] {
  return schedules.filter(({ config, suspended }) => config.dryRun && !suspended).map(schedule => {
    const perYear = outlooks.get(schedule)!.runsPerYear;
    const limit = limitOf(schedule);
    return (limit === undefined ? note : risk)(schedule.title,
      `is a dry run: nothing is pruned, and each claim gets ${plural(perYear, 'snapshot')} a year${limit === undefined ? '' : `, where the driver keeps ${limit}`}`,
      'take dryRun away once the log says what you expect');
  });
}

function limitOf({ snapshotClass }: Schedule): number | undefined {
  return snapshotClass && maxSnapshotsPerVolume(snapshotClass.driver, snapshotClass.parameters);
}

/** The limit is that of a volume, so that the schedules of a claim share it. */
function overLimits({ schedules, claims }: Model, outlooks: ReadonlyMap<Schedule, Outlook>): Finding[] {
  const limited = schedules.filter(schedule => !schedule.config.dryRun && limitOf(schedule) !== undefined);
  const volumes = volumesOf(limited, claims);
  return groupBy(volumes, volume => volume.schedules.map(({ title }) => title).join()).flatMap(([, [volume, ...others]]) =>
    overLimit(volume, 1 + others.length, outlooks));
}

function overLimit({ name, schedules }: Volume, claims: number, outlooks: ReadonlyMap<Schedule, Outlook>): Finding[] {
  const limit = Math.min(...schedules.map(schedule => limitOf(schedule)!));
  const needed = schedules.reduce((total, schedule) => total + outlooks.get(schedule)!.preview.mostSnapshots, 0);
  if (needed <= limit * NEARLY_FULL) { return []; }
  const whose = claims === 1 ? name : `${name} and ${claims - 1} more`;
  const keeps = schedules.length === 1 ? 'keeps' : 'keep together';
  return [(needed > limit ? risk : note)(shortList(schedules.map(({ title }) => title)),
    `${keeps} up to ${plural(needed, 'snapshot')} of ${whose}, the one being taken included, where the driver keeps ${limit}`, 'keep fewer, or take them less often')];
}
