import { AlertGroup, AlertRule, AlertSettings } from './alert';
import { failing, missing, pending, silentSince, stale, suspended } from './alert-expressions';
import { pendingAfter, staleAfter, suspendedAfter } from './alert-thresholds';
import { select } from './promql';
import { orphansRules, snapshotRules } from './snapshot-alert-rules';
import { Watched } from './watched';
import { inWords } from '../retention/plan';
import { SnapshotAlert } from '../snapshot-alert';

/** For a scrape that is missed, and a rule that is evaluated in the middle of a change. */
const SETTLED = '5m';
/** Somebody who was watching has started a Job by hand by then, or the next of frequent runs has succeeded. */
const FAILED_FOR = '15m';
/** A GitOps tool may apply rules before what they watch, and replace a CronJob. */
const MISSING_FOR = '1h';
const BLIND_FOR = '15m';

/** The alerts about what is watched: a group for each CronJob, and one about the metrics themselves. */
export function alertGroups(watched: readonly Watched[], settings: AlertSettings): AlertGroup[] {
  return [
    { name: 'snapshots', labels: {}, rules: [blind(settings)] },
    ...watched.map(each => ({
      name: `snapshots/${each.namespace}/${each.name}`,
      labels: { namespace: each.namespace, cronjob: each.name, ...each.snapshots && { schedule: each.snapshots.scheduleId } },
      rules: [...rulesOf(each, settings), gone(each, settings)],
    })),
  ];
}

function rulesOf(watched: Watched, settings: AlertSettings): AlertRule[] {
  const { kind } = watched;
  if (kind === 'Schedule') { return [...scheduleRules(watched, settings), ...settings.snapshotMetrics ? snapshotRules(watched, settings) : []]; }
  return [...runRules(watched, TOLD[kind], settings), ...kind === 'Orphans' && settings.snapshotMetrics ? orphansRules(watched, settings) : []];
}

function scheduleRules(watched: Watched, settings: AlertSettings): AlertRule[] {
  const { name, namespace } = watched;
  const schedule = `schedule ${namespace}/${name}`;
  const staleSeconds = staleAfter(watched, settings.toleratedMisses);
  const pendingSeconds = pendingAfter(watched);
  const limit = inWords(staleSeconds);
  return [
    {
      alert: SnapshotAlert.SCHEDULE_NEVER_SUCCEEDED,
      expr: stale('kube_cronjob_created', watched, settings.matchers, staleSeconds, 'kube_cronjob_status_last_successful_time'),
      for: SETTLED,
      summary: `The ${schedule} has never succeeded.`,
      description: `It was made {{ $value | humanizeDuration }} ago, and should have had a success within ${limit}. There may be no good snapshot at all.`,
    },
    {
      alert: SnapshotAlert.SCHEDULE_STALE,
      expr: stale('kube_cronjob_status_last_successful_time', watched, settings.matchers, staleSeconds),
      for: SETTLED,
      summary: `The ${schedule} has taken no good snapshots for too long.`,
      description: `Its last success was {{ $value | humanizeDuration }} ago, and should be at most ${limit} ago, by its own interval and deadline.`,
    },
    {
      alert: SnapshotAlert.SCHEDULE_FAILING,
      expr: failing(watched, settings.matchers),
      for: FAILED_FOR,
      summary: `The newest run of the ${schedule} failed.`,
      description: 'A claim has no new snapshot that is ready, or what is due was not pruned. The last message of the pod says which, and what to do.',
    },
    {
      alert: SnapshotAlert.SCHEDULE_PENDING,
      expr: pending(watched, settings.matchers, pendingSeconds),
      for: '1m',
      summary: `A run of the ${schedule} has been going on for too long.`,
      description: `It began {{ $value | humanizeDuration }} ago, and should have ended within ${inWords(pendingSeconds)}. Its pod does not start, `
        + 'or its snapshots do not get ready.',
    },
    {
      alert: SnapshotAlert.SCHEDULE_SUSPENDED,
      expr: suspended(watched, settings.matchers),
      for: inWords(suspendedAfter(watched)),
      summary: `The ${schedule} is suspended.`,
      description: `It has been so for ${inWords(suspendedAfter(watched))} or longer: no snapshots are taken, and none is pruned.`,
    },
  ];
}

/** What people are told of a CronJob that takes no snapshots. */
interface Told {
  readonly stale: SnapshotAlert;
  readonly failing: SnapshotAlert;
  readonly title: string;
  /** what has not come about for too long, and what came about last */
  readonly missed: string;
  readonly done: string;
  /** what it means that the newest run failed */
  readonly failure: string;
}

const TOLD: Record<Exclude<Watched['kind'], 'Schedule'>, Told> = {
  Drill: {
    stale: SnapshotAlert.DRILL_STALE,
    failing: SnapshotAlert.DRILL_FAILING,
    title: 'restore drill',
    missed: 'has not passed',
    done: 'passed',
    failure: 'The newest snapshots could not be restored, or their data is not good. The last message of the pod says which. Do not rely on them.',
  },
  Orphans: {
    stale: SnapshotAlert.ORPHANS_STALE,
    failing: SnapshotAlert.ORPHANS_FAILING,
    title: 'look for orphans',
    missed: 'has not succeeded',
    done: 'succeeded',
    failure: 'Storage of snapshots that are gone is not found, or not given back. The last message of the pod says why.',
  },
  Inventory: {
    stale: SnapshotAlert.INVENTORY_STALE,
    failing: SnapshotAlert.INVENTORY_FAILING,
    title: 'inventory',
    missed: 'was not exported',
    done: 'was exported',
    failure: 'If the cluster were lost now, nobody would know what the storage calls the newest snapshots. The last message of the pod says why.',
  },
  Clone: {
    stale: SnapshotAlert.CLONE_STALE,
    failing: SnapshotAlert.CLONE_FAILING,
    title: 'clone',
    missed: 'was not refreshed',
    done: 'was refreshed',
    failure: 'The clones have old data, or there are none. The last message of the pod says why, and whether masking was not content.',
  },
};

function runRules(watched: Watched, told: Told, { matchers, toleratedMisses }: AlertSettings): AlertRule[] {
  const { done, failure, missed } = told;
  const title = `The ${told.title} ${watched.namespace}/${watched.name}`;
  const seconds = staleAfter(watched, toleratedMisses);
  return [
    {
      alert: told.stale,
      expr: silentSince(watched, matchers, seconds),
      for: SETTLED,
      summary: `${title} ${missed} for too long.`,
      description: `It last ${done}, or was made if it never ${done}, {{ $value | humanizeDuration }} ago; that should be at most ${inWords(seconds)}.`,
    },
    { alert: told.failing, expr: failing(watched, matchers), for: FAILED_FOR, summary: `${title} failed.`, description: failure },
  ];
}

function gone(watched: Watched, { matchers }: AlertSettings): AlertRule {
  const { name, namespace } = watched;
  return {
    alert: SnapshotAlert.CRON_JOB_MISSING,
    expr: missing(watched, matchers),
    for: MISSING_FOR,
    summary: `The CronJob ${namespace}/${name} is not in the cluster.`,
    description: 'Its alerts are there, and it is not, or kube-state-metrics does not see its namespace. Nothing else would tell that it does not run.',
  };
}

function blind({ matchers }: AlertSettings): AlertRule {
  return {
    alert: SnapshotAlert.BLIND,
    expr: `absent(${select('kube_cronjob_created', matchers)})`,
    for: BLIND_FOR,
    summary: 'There are no metrics of CronJobs, so that no alert about snapshots can fire.',
    description: 'kube-state-metrics is down, is not scraped, or its metrics have other labels than the alerts ask for.',
  };
}
