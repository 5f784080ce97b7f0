import { Finding, groupBy, note, risk } from './finding';
import { pathOf } from '../../model/manifest';
import { Model, Schedule } from '../../model/model';
import { classTitle, SnapshotClassFacts } from '../../model/snapshot-classes';
import { shortList } from '../../model/words';
import { GROUP_SNAPSHOT_CLASS_KIND } from '../../private/chart-checks';
import {
  kindOf, requireCompleteGroupParameters, requireCompleteParameters, requireGroupSnapshots, requireParameters, requireSnapshots,
} from '../../private/driver-facts';

/** What becomes of the storage, and whether the driver takes snapshots at all. */
export function reviewClasses(model: Model): Finding[] {
  return [unknownClasses, changedClasses, deletingClasses, losingClasses, wrongClasses, defaultClasses, veleroClasses].flatMap(look => look(model));
}

function unknownClasses({ schedules }: Model): Finding[] {
  const unknown = schedules.filter(({ deletionPolicy }) => deletionPolicy === undefined);
  return groupBy(unknown, ({ config }) => classTitle(config)).map(([title, users]) => (title === ''
    ? note(inShort(users), "leave the class to the cluster's default: whether the storage of pruned snapshots goes is not known", 'name a snapshot class')
    : note(title, `of ${inShort(users)} is not among the files: whether the storage of pruned snapshots goes is not known`,
      'add its file, or say its deletionPolicy where it is imported')));
}

/** The runner believes what it was told at synth, and patches only where it must. */
function changedClasses({ schedules }: Model): Finding[] {
  return schedules.filter(({ config, deletionPolicy }) => config.deletionPolicy !== undefined && config.deletionPolicy !== deletionPolicy)
    .map(({ title, config, deletionPolicy, snapshotClass }) => risk(title,
      `was synthesized for a class that says ${config.deletionPolicy}, and ${snapshotClass?.name} says ${deletionPolicy}`, 'synthesize it again'));
}

function deletingClasses({ schedules }: Model): Finding[] {
  const deleting = schedules.filter(({ deletionPolicy }) => deletionPolicy === 'Delete');
  return groupBy(deleting, ({ config }) => classTitle(config)).map(([title, users]) => note(title || "the cluster's default class",
    `says Delete: with a namespace that is deleted, all restore points of ${inShort(users)} go`, 'take DeletionPolicy.RETAIN where that must not happen'));
}

/** Whoever defined the class here was asked; whoever reads the YAML was not. */
function losingClasses({ schedules }: Model): Finding[] {
  const losing = schedules.filter(({ config, deletionPolicy, snapshotClass }) => !config.group && deletionPolicy === 'Retain'
    && snapshotClass && kindOf(snapshotClass.driver, snapshotClass.parameters)?.afterVolume === 'go');
  return groupBy(losing, ({ config }) => classTitle(config)).map(([title, users]) => note(title,
    `retains, and yet its snapshots are lost with their volume: all restore points of ${inShort(users)} go with the claim`,
    'keep copies elsewhere of what must survive it'));
}

function wrongClasses({ classes }: Model): Finding[] {
  return classes.flatMap(each => {
    const problem = problemOf(each);
    return problem === undefined ? [] : [risk(each.title, problem, 'correct it, or no snapshot of this class is taken')];
  });
}

function problemOf({ kind, driver, parameters }: SnapshotClassFacts): string | undefined {
  try {
    requireSnapshots('class', 'driver', driver);
    requireParameters('class', driver, parameters, parameter => parameter);
    if (kind === GROUP_SNAPSHOT_CLASS_KIND) {
      requireGroupSnapshots('class', 'driver', driver);
      requireCompleteGroupParameters('class', 'parameters', driver, parameters);
    } else {
      requireCompleteParameters('class', 'parameters', driver, parameters);
    }
    return undefined;
  } catch (error) {
    return (error as Error).message.replace('[class] ', '');
  }
}

function defaultClasses({ classes }: Model): Finding[] {
  return twinsAmong(classes.filter(({ isDefault }) => isDefault))
    .map(([first, second]) => risk(second.title, `is the default of ${second.driver}, and so is ${first.name}: a snapshot without a class fails`, 'choose one'));
}

function veleroClasses({ classes }: Model): Finding[] {
  return twinsAmong(classes.filter(({ isForVelero }) => isForVelero))
    .map(([first, second]) => risk(second.title, `is the class of ${second.driver} for Velero, and so is ${first.name}: it takes any of them`, 'choose one'));
}

/** The classes of a driver, where there are several. */
function twinsAmong(classes: readonly SnapshotClassFacts[]): SnapshotClassFacts[][] {
  return groupBy(classes, ({ driver, kind }) => `${kind} ${driver}`).map(([, twins]) => twins).filter(twins => twins.length > 1);
}

function inShort(schedules: readonly Schedule[]): string {
  return shortList(schedules.map(pathOf));
}
