import { CronSchedule, shortestInterval } from './cron';
import { RUNNER_CONTAINER } from './runner-pod';
import { EXIT, FOREIGN_TOOL_LABELS } from '../runner/config';

/** What differs from CronJob to CronJob; times are in seconds. */
export interface CronJobSettings {
  readonly schedule: string;
  readonly timeZone: string;
  readonly startingDeadline: number;
  readonly activeDeadline: number;
  readonly suspend?: boolean;
  readonly successfulJobsHistory?: number;
  readonly failedJobsHistory?: number;
  /** the pod */
  readonly template: object;
}

/** The CronJob controller adds a dash and ten digits to make the name of a Job. */
export const LONGEST_CRON_JOB_NAME = 52;

/** When a suspended CronJob would start, which the API server wants to know nevertheless. */
export const NEVER = '0 0 1 1 *';

/** A CronJob whose runs never overlap, are retried where a retry can help, and stay to be looked at. */
export function renderCronJobSpec(settings: CronJobSettings): object {
  return {
    schedule: settings.schedule,
    timeZone: settings.timeZone,
    concurrencyPolicy: 'Forbid',
    startingDeadlineSeconds: settings.startingDeadline,
    suspend: settings.suspend ?? false,
    successfulJobsHistoryLimit: settings.successfulJobsHistory ?? 3,
    failedJobsHistoryLimit: settings.failedJobsHistory ?? 3,
    jobTemplate: {
      // a run that was under way is not for Velero to restore
      metadata: { labels: { ...FOREIGN_TOOL_LABELS } },
      spec: renderJobSpec(settings.activeDeadline, settings.template),
    },
  };
}

/** A Job that is retried where a retry can help. `activeDeadline` is in seconds. */
export function renderJobSpec(activeDeadline: number, template: object): object {
  return {
    activeDeadlineSeconds: activeDeadline,
    backoffLimit: 3,
    podFailurePolicy: {
      rules: [
        { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
        // the runner has retried what a retry can mend
        { action: 'FailJob', onExitCodes: { containerName: RUNNER_CONTAINER, operator: 'In', values: [EXIT.failed] } },
      ],
    },
    template,
  };
}

/** The controller gives up on a hundred missed runs, so that fewer must fit into the time. */
const RUNS_THAT_FIT = 50;
const USUAL = 3600;
const LEAST = 10;

/** How late a run may start unless told otherwise, in seconds. */
export function usualStartingDeadline(cron: CronSchedule): number {
  const interval = shortestInterval(cron);
  return Math.max(Math.min(RUNS_THAT_FIT * interval, USUAL), cron.kind === 'every' ? 2 * interval : 0);
}

/**
 * How late a run must be allowed to start, in seconds. With @every the controller counts
 * the interval anew from as long ago as a run may be late, so with less no run ever starts.
 */
export function leastStartingDeadline(cron: CronSchedule): number {
  return cron.kind === 'every' ? Math.max(LEAST, cron.seconds) : LEAST;
}
