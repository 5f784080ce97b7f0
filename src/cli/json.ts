import { Plan } from './plan';
import { previewInJson } from '../model/preview';

/** The plan for programs; times are in seconds. */
export function renderJson({ schedules, review }: Plan): string {
  return JSON.stringify({
    schedules: schedules.map(({ schedule, outlook }) => ({
      namespace: schedule.namespace,
      name: schedule.name,
      schedule: schedule.expression,
      timeZone: schedule.timeZone,
      suspended: schedule.suspended,
      dryRun: schedule.config.dryRun ?? false,
      claims: schedule.config.claims,
      snapshotClass: schedule.config.snapshotClassName,
      groupSnapshotClass: schedule.config.group?.className,
      deletionPolicy: schedule.deletionPolicy,
      retention: schedule.config.retention,
      ...previewInJson(outlook.preview),
      restorePointAgesSeconds: outlook.restorePoints,
    })),
    review,
  }, null, 2);
}
