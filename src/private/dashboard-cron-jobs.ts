import { anyOf, indent, Matchers, select } from './promql';
import { namespacesOf, Watched } from './watched';

/** Those of the namespaces that the reader of the dashboard has chosen; Grafana writes them in. */
export const CHOSEN: Matchers = { namespace: '~$namespace' };

const CREATED = 'kube_cronjob_created';

/** Queries about CronJobs of one kind, with one series for each of them. */
export interface CronJobQueries {
  /** one for each that is in the cluster, of all namespaces */
  readonly all: string;
  /** one for each that is in the cluster */
  readonly there: string;
  /** the seconds since the last success, or since it was made if it never succeeded: no failure is without a number */
  readonly sinceSuccess: string;
  /** the seconds since the newest run was made that failed, of those that have not succeeded since */
  readonly failing: string;
  readonly suspended: string;
}

/** By their names, since what is not there, or never ran, has no label that would tell them from others. */
export function cronJobQueries(watched: readonly Watched[], matchers: Matchers): CronJobQueries {
  const of = (metric: string) => `max by (namespace, cronjob) (${select(metric, { ...CHOSEN, ...matchers })})`;
  const named = indent(existing(watched, matchers));
  const only = `and on (namespace, cronjob) (\n${named}\n)`;
  const lastSuccess = of('kube_cronjob_status_last_successful_time');
  return {
    all: `max by (namespace, cronjob) (\n${named}\n)`,
    there: `${of(CREATED)}\n${only}`,
    sinceSuccess: `time() - (\n  ${lastSuccess}\n  or ${of(CREATED)}\n)\n${only}`,
    failing: `time() - (
${indent(newestFailed(matchers))}
  > (${lastSuccess} or 0 * ${of(CREATED)})
)
${only}`,
    suspended: `${of('kube_cronjob_spec_suspend')} == 1\n${only}`,
  };
}

/** When the newest Job was made that failed, of each CronJob. */
function newestFailed(matchers: Matchers): string {
  const of = (metric: string, more: Matchers) => select(metric, { ...CHOSEN, ...more, ...matchers });
  return `max by (namespace, cronjob) (
  label_replace(
    max by (namespace, job_name) (
      ${of('kube_job_created', {})}
      and on (namespace, job_name) ${of('kube_job_failed', { condition: 'true' })} == 1
    )
    * on (namespace, job_name) group_right ()
    max by (namespace, job_name, owner_name) (${of('kube_job_owner', { owner_kind: 'CronJob' })}),
    "cronjob", "$1", "owner_name", "(.+)"
  )
)`;
}

/** One selector for each namespace: the same name may be another's in the next. */
function existing(watched: readonly Watched[], matchers: Matchers): string {
  return namespacesOf(watched).map(namespace => {
    const names = watched.filter(each => each.namespace === namespace).map(({ name }) => name).sort();
    return select(CREATED, { namespace, cronjob: anyOf(names), ...matchers });
  }).join('\nor ');
}
