import { Finding, groupBy, note, risk } from './finding';
import { requireCompleteParameters, requireParameters, requireSnapshots } from '../../private/driver-facts';
import { pathOf } from '../manifests';
import { Model, Schedule } from '../model';
import { SnapshotClassFacts } from '../snapshot-classes';
import { shortList } from '../words';

/** What becomes of the storage, and whether the driver takes snapshots at all. */
export function reviewClasses(model: Model): Finding[] {
  return [...unknownClasses(model), ...changedClasses(model), ...deletingClasses(model), ...wrongClasses(model), ...defaultClasses(model)];
}

function unknownClasses({ schedules }: Model): Finding[] {
  const unknown = schedules.filter(({ deletionPolicy }) => deletionPolicy === undefined);
  return groupBy(unknown, ({ config }) => config.snapshotClassName ?? '').map(([name, users]) => (name === ''
    ? note(inShort(users), "leave the class to the cluster's default: whether the storage of pruned snapshots goes is not known", 'name a snapshot class')
    : note(`VolumeSnapshotClass ${name}`, `of ${inShort(users)} is not among the files: whether the storage of pruned snapshots goes is not known`,
      'add its file, or say its deletionPolicy where it is imported')));
}

/** The runner believes what it was told at synth, and patches only where it must. */
function changedClasses({ schedules }: Model): Finding[] {
  return schedules.filter(({ config, deletionPolicy }) => config.deletionPolicy !== undefined && config.deletionPolicy !== deletionPolicy)
    .map(({ title, config, deletionPolicy }) => risk(title,
      `was synthesized for a class that says ${config.deletionPolicy}, and ${config.snapshotClassName} says ${deletionPolicy}`, 'synthesize it again'));
}

function deletingClasses({ schedules }: Model): Finding[] {
  const deleting = schedules.filter(({ deletionPolicy }) => deletionPolicy === 'Delete');
  return groupBy(deleting, ({ config }) => config.snapshotClassName).map(([name, users]) => note(`VolumeSnapshotClass ${name}`,
    `says Delete: with a namespace that is deleted, all restore points of ${inShort(users)} go`, 'take DeletionPolicy.RETAIN where that must not happen'));
}

function wrongClasses({ classes }: Model): Finding[] {
  return classes.flatMap(each => {
    const problem = problemOf(each);
    return problem === undefined ? [] : [risk(each.title, problem, 'correct it, or no snapshot of this class is taken')];
  });
}

function problemOf({ driver, parameters }: SnapshotClassFacts): string | undefined {
  try {
    requireSnapshots('class', 'driver', driver);
    requireParameters('class', driver, parameters, parameter => parameter);
    requireCompleteParameters('class', 'parameters', driver, parameters);
    return undefined;
  } catch (error) {
    return (error as Error).message.replace('[class] ', '');
  }
}

function defaultClasses({ classes }: Model): Finding[] {
  return groupBy(classes.filter(({ isDefault }) => isDefault), ({ driver }) => driver).filter(([, twins]) => twins.length > 1)
    .map(([driver, twins]) => risk(twins[1].title, `is the default of ${driver}, and so is ${twins[0].name}: a snapshot without a class fails`, 'choose one'));
}

function inShort(schedules: readonly Schedule[]): string {
  return shortList(schedules.map(pathOf));
}
