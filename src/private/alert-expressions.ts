import { indent, Matchers, select } from './promql';
import { Watched } from './watched';

/**
 * Expressions about a CronJob and its Jobs, on the metrics of kube-state-metrics. Each gives one value without
 * labels at most: several copies of kube-state-metrics, or many Jobs, are still one alert.
 *
 * @see https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics/workload
 */

const LAST_SUCCESS = 'kube_cronjob_status_last_successful_time';
const CREATED = 'kube_cronjob_created';

/** The one value of a metric of the CronJob. */
export function ofCronJob(metric: string, { name, namespace }: Watched, matchers: Matchers): string {
  return `max(${select(metric, { namespace, cronjob: name, ...matchers })})`;
}

/** A moment of the CronJob is longer ago than so many seconds; not if it is suspended, and not if it has a series of another metric. */
export function stale(metric: string, watched: Watched, matchers: Matchers, seconds: number, unless?: string): string {
  return [
    `time() - ${ofCronJob(metric, watched, matchers)} > ${seconds}`,
    ...unless === undefined ? [] : [`unless ${ofCronJob(unless, watched, matchers)}`],
    `unless ${suspended(watched, matchers)}`,
  ].join('\n');
}

/** The last success, or the creation if there was none, is longer ago than so many seconds, whether it is suspended or not. */
export function silentSince(watched: Watched, matchers: Matchers, seconds: number): string {
  return `time() - (${ofCronJob(LAST_SUCCESS, watched, matchers)} or ${ofCronJob(CREATED, watched, matchers)}) > ${seconds}`;
}

/** A Job of the CronJob failed, and none has succeeded since; a failed one stays to be looked at until later ones have failed too. */
export function failing(watched: Watched, matchers: Matchers): string {
  const { owned, created } = jobsOf(watched, matchers);
  return `max(
${indent(created)}
  and on (namespace, job_name) ${owned}
  and on (namespace, job_name) ${select('kube_job_failed', { namespace: watched.namespace, condition: 'true', ...matchers })} == 1
) > (${ofCronJob(LAST_SUCCESS, watched, matchers)} or vector(0))`;
}

/** A Job of the CronJob was made longer ago than so many seconds and has not ended; also if it never had a pod. */
export function pending(watched: Watched, matchers: Matchers, seconds: number): string {
  const { owned, created } = jobsOf(watched, matchers);
  const ended = (metric: string) => `${select(metric, { namespace: watched.namespace, condition: 'true', ...matchers })} == 1`;
  return `time() - min(
${indent(created)}
  and on (namespace, job_name) ${owned}
  unless on (namespace, job_name) ${ended('kube_job_complete')}
  unless on (namespace, job_name) ${ended('kube_job_failed')}
) > ${seconds}`;
}

export function suspended(watched: Watched, matchers: Matchers): string {
  return `${ofCronJob('kube_cronjob_spec_suspend', watched, matchers)} == 1`;
}

/** The CronJob has no series, and others have; that none has is an alert of its own. */
export function missing({ name, namespace }: Watched, matchers: Matchers): string {
  return `absent(${select(CREATED, { namespace, cronjob: name, ...matchers })})\nunless on () absent(${select(CREATED, matchers)})`;
}

function jobsOf({ name, namespace }: Watched, matchers: Matchers): { owned: string; created: string } {
  return {
    created: select('kube_job_created', { namespace, ...matchers }),
    owned: select('kube_job_owner', { namespace, owner_kind: 'CronJob', owner_name: name, ...matchers }),
  };
}
