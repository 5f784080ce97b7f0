import { Schedule } from '../model/model';
import { lossWithin, previewOf, rulesOf } from '../model/preview';
import { shortestInterval } from '../private/cron';
import { runsOf, zoneOf } from '../private/runs';
import { sampleOf } from '../private/simulation';
import { plan, RetentionRules } from '../retention/plan';
import { RetentionPreview } from '../retention-preview';

/** What a schedule comes to once it has run for long enough, if its runs succeed. */
export interface Outlook {
  readonly preview: RetentionPreview;
  /** what damage costs, by when people may notice it */
  readonly losses: readonly Loss[];
  /** the ages in seconds, the newest first, of the restore points that there are just after the last run of the sample */
  readonly restorePoints: readonly number[];
  /** the moments at which it runs, in milliseconds */
  readonly runs: readonly number[];
  readonly runsPerYear: number;
}

export interface Loss {
  readonly noticedWithinSeconds: number;
  /** undefined if no restore point may be older than the damage */
  readonly lossSeconds?: number;
}

const HOUR = 3600;
const DAY = 24 * HOUR;
export const YEAR = 365 * DAY;
const NOTICED_WITHIN = [DAY, 7 * DAY, 30 * DAY, YEAR];

export function outlookOf(schedule: Schedule): Outlook {
  const { cron, timeZone } = schedule;
  const rules = rulesOf(schedule);
  const preview = previewOf(schedule);
  const [from, to] = sampleOf(cron);
  // the oldest restore point may be older than when it is youngest, but not by more than all of the sample
  const history = runsOf(cron, timeZone, from - preview.oldestRestorePoint.toMilliseconds(), to);
  const runs = history.filter(moment => moment >= from);
  return {
    preview,
    losses: NOTICED_WITHIN.map(noticedWithinSeconds => ({ noticedWithinSeconds, lossSeconds: lossWithin(preview, noticedWithinSeconds) })),
    restorePoints: restorePoints(history, rules, Math.ceil(HOUR / shortestInterval(cron))),
    runs,
    runsPerYear: Math.round(runs.length * YEAR * 1000 / (to - from)),
  };
}

/** Retention looks at the moments alone, and what goes does not come back, so it may decide on all runs at once. */
function restorePoints(history: readonly number[], rules: RetentionRules, runsPerHour: number): number[] {
  const now = history[history.length - 1];
  const snapshots = candidates(history, rules, runsPerHour)
    .map(moment => ({ name: String(moment), claim: '', createdAt: moment, ready: true, deleting: false }));
  return plan(snapshots, rules, now, 0).filter(({ action }) => action === 'keep').map(({ snapshot }) => (now - snapshot.createdAt) / 1000);
}

/** Of days that only coarse rules look at, nothing but the last run matters; there may be many. */
function candidates(history: readonly number[], rules: RetentionRules, runsPerHour: number): number[] {
  const { offsetAt } = zoneOf(rules.timeZone ?? 'UTC');
  const byNumber = history.length - Math.max(rules.keepLast ?? 0, rules.minimumReady, (rules.hourly ?? 0) * runsPerHour);
  const byAge = history[history.length - 1] - (rules.keepForSeconds ?? 0) * 1000;
  const days = history.map(moment => Math.floor((moment + offsetAt(moment)) / (DAY * 1000)));
  return history.filter((moment, i) => i >= byNumber || moment >= byAge || days[i] !== days[i + 1]);
}
