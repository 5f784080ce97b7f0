import { Schedule } from './model';
import { RetentionRules } from '../retention/plan';
import { RetentionPreview } from '../retention-preview';

/** What the retention of a schedule comes to. */
export function previewOf(schedule: Schedule): RetentionPreview {
  return RetentionPreview._of(rulesOf(schedule), schedule.cron);
}

/** Version 1 of the configuration named no zone. */
export function rulesOf({ config, timeZone }: Schedule): RetentionRules {
  return { ...config.retention, timeZone };
}

/** What is lost at most if damage is noticed within this time, in seconds; undefined if all may be. */
export function lossWithin(preview: RetentionPreview, noticedWithinSeconds: number): number | undefined {
  return preview.worstCaseLoss.find(({ noticedWithin }) => noticedWithin.toSeconds() === noticedWithinSeconds)?.loss.toSeconds();
}

/** A preview for programs; times are in seconds. */
export function previewInJson(preview: RetentionPreview): object {
  return {
    mostSnapshots: preview.mostSnapshots,
    fewestSnapshots: preview.fewestSnapshots,
    oldestRestorePointSeconds: preview.oldestRestorePoint.toSeconds(),
    worstCaseLoss: preview.worstCaseLoss.map(({ noticedWithin, loss }) =>
      ({ noticedWithinSeconds: noticedWithin.toSeconds(), lossSeconds: loss.toSeconds() })),
  };
}
