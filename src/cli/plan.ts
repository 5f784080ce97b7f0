import { Outlook, outlookOf } from './outlook';
import { groupOf, Manifest } from '../model/manifest';
import { modelOf, Schedule } from '../model/model';
import { VELERO_API_GROUP } from '../private/velero';
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

// but for hooks of Velero, which leave a folder behind with our name and a hash
const ABOUT_SNAPSHOTS = /snapshot\.storage\.k8s\.io|cdk8s-volume-snapshots(?!-[0-9a-f]{12})/;

function isAboutSnapshots(manifest: Manifest): boolean {
  return groupOf(manifest) !== VELERO_API_GROUP && ABOUT_SNAPSHOTS.test(JSON.stringify(manifest));
}

export function planOf(files: number, manifests: readonly Manifest[]): Plan {
  const model = modelOf(manifests);
  const outlooks = outlooksOf(model.schedules);
  return {
    files,
    isEmpty: !manifests.some(isAboutSnapshots),
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
