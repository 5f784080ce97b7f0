import { Finding, groupBy, note, risk } from './finding';
import { Manifest, ofKind, pathOf } from '../../model/manifest';
import { Model, RunnerJob } from '../../model/model';
import { plural, shortList } from '../../model/words';
import { KEYS } from '../../runner/config';

/** More that start in one minute have to wait for each other in the snapshot controller. */
const MOST_AT_ONCE = 20;

/** CronJobs that take nothing, or not what they seem to. */
export function reviewJobs(model: Model): Finding[] {
  return [...brokenJobs(model), ...suspendedJobs(model), ...sharedIds(model), ...runners(model), ...crowds(model)];
}

function brokenJobs({ broken }: Model): Finding[] {
  return broken.map(({ title, problem }) => risk(title, `cannot run: ${withoutOrigin(problem)}`, 'synthesize it again, without a patch of this field'));
}

/** The finding names the object already. */
function withoutOrigin(message: string): string {
  return message.replace(/^\[[^\]]*\] /, '');
}

function suspendedJobs({ schedules, orphanSearches, restores, drills, inventories }: Model): Finding[] {
  return [
    ...schedules.filter(({ suspended }) => suspended).map(({ title }) =>
      risk(title, 'is suspended: no snapshot is taken, and none is pruned', 'take suspend away, or delete the schedule')),
    ...orphanSearches.filter(({ suspended }) => suspended).map(({ title }) =>
      note(title, 'is suspended: nobody looks for orphans', 'take suspend away')),
    ...drills.filter(({ suspended }) => suspended).map(({ title }) =>
      note(title, 'is suspended: nobody finds out whether snapshots can be restored', 'take suspend away')),
    ...inventories.filter(({ suspended }) => suspended).map(({ title }) =>
      risk(title, 'is suspended: should the cluster be lost, nobody knows the handles of later snapshots', 'take suspend away')),
    ...restores.filter(({ suspended }) => !suspended).map(({ title }) =>
      risk(title, 'is not suspended: it restores claims by itself when its time comes, which only a person should begin', 'set suspend to true')),
  ];
}

function sharedIds({ schedules }: Model): Finding[] {
  return groupBy(schedules, ({ namespace, config }) => pathOf({ namespace, name: config.scheduleId })).flatMap(([, [first, ...others]]) =>
    others.map(other => (other.name === first.name
      ? risk(other.title, 'is defined twice, and what is applied last wins', 'rename one of the two, or leave one of the files out')
      : risk(other.title, `has the scheduleId '${other.config.scheduleId}' of ${first.title}: the two prune each other's snapshots`, 'give each an id of its own'))));
}

/** A pod without its program never starts; one with another version's may not read its configuration. */
function runners({ manifests, schedules, orphanSearches, restores, drills, inventories, clones, broken }: Model): Finding[] {
  const jobs: RunnerJob[] = [...schedules, ...orphanSearches, ...restores, ...drills, ...inventories, ...clones, ...broken];
  const mounts = jobs.flatMap(job => job.configMaps.map(name => ({ job, path: pathOf({ namespace: job.namespace, name }) })));
  const configMaps = new Map(ofKind(manifests, '', 'ConfigMap').map(object => [pathOf(object.metadata), object]));
  return groupBy(mounts, ({ path }) => path).flatMap(([path, mounted]) => {
    const names = shortList(mounted.map(({ job }) => job.name));
    const configMap: Manifest | undefined = configMaps.get(path);
    if (configMap === undefined) {
      return [risk(`ConfigMap ${path}`, `is mounted by ${names}, and not among the files: their pods do not start unless it is applied elsewhere`, 'apply it with them')];
    }
    const other = mounted.filter(({ job }) => job.checksum !== '' && job.checksum !== configMap.metadata.labels[KEYS.checksum]);
    return other.length === 0 ? [] : [
      risk(`ConfigMap ${path}`, `is not the runner that ${shortList(other.map(({ job }) => job.name))} was synthesized with`, 'take the files of one synthesis'),
    ];
  });
}

function crowds({ schedules }: Model): Finding[] {
  const starting = schedules.filter(({ suspended, config }) => !suspended && !config.startDelaySeconds);
  return groupBy(starting, ({ expression, timeZone }) => `'${expression}' in ${timeZone}`).filter(([, jobs]) => jobs.length > MOST_AT_ONCE)
    .map(([when, jobs]) => note(plural(jobs.length, 'schedule'), `start in the same minute: ${when}`, 'spread them with stagger'));
}
