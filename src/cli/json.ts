import { Plan } from './plan';

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
      deletionPolicy: schedule.deletionPolicy,
      retention: schedule.config.retention,
      mostSnapshots: outlook.preview.mostSnapshots,
      fewestSnapshots: outlook.preview.fewestSnapshots,
      oldestRestorePointSeconds: outlook.preview.oldestRestorePoint.toSeconds(),
      worstCaseLoss: outlook.preview.worstCaseLoss.map(({ noticedWithin, loss }) =>
        ({ noticedWithinSeconds: noticedWithin.toSeconds(), lossSeconds: loss.toSeconds() })),
      restorePointAgesSeconds: outlook.restorePoints,
    })),
    review,
  }, null, 2);
}
