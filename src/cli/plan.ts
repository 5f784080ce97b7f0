import { Manifest } from './manifests';
import { modelOf, Schedule } from './model';
import { Outlook, outlookOf } from './outlook';
import { Finding } from './review/finding';
import { review } from './review/review';

/** What is to be said of some files. */
export interface Plan {
  /** how many */
  readonly files: number;
  /** whether none of them is about snapshots */
  readonly isEmpty: boolean;
  readonly schedules: readonly { readonly schedule: Schedule; readonly outlook: Outlook }[];
  readonly review: readonly Finding[];
}

const ABOUT_SNAPSHOTS = /snapshot\.storage\.k8s\.io|cdk8s-volume-snapshots/;

export function planOf(files: number, manifests: readonly Manifest[]): Plan {
  const model = modelOf(manifests);
  const outlooks = outlooksOf(model.schedules);
  return {
    files,
    isEmpty: !manifests.some(manifest => ABOUT_SNAPSHOTS.test(JSON.stringify(manifest))),
    schedules: [...outlooks].map(([schedule, outlook]) => ({ schedule, outlook })),
    review: review(model, outlooks),
  };
}

/** Many schedules have one policy. */
function outlooksOf(schedules: readonly Schedule[]): Map<Schedule, Outlook> {
  const known = new Map<string, Outlook>();
  return new Map(schedules.map(schedule => {
    const key = JSON.stringify([schedule.expression, schedule.timeZone, schedule.config.retention]);
    const outlook = known.get(key) ?? outlookOf(schedule);
    known.set(key, outlook);
    return [schedule, outlook];
  }));
}
