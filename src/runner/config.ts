import { PERIODS } from '../retention/calendar';
import { RetentionRules } from '../retention/plan';

/**
 * What the constructs and the runner agree on: the configuration document, the
 * keys on the snapshots, and the environment of the pod. The constructs write
 * it at synth, the runner validates it at night, perhaps in another version.
 */

/** Raised when the meaning of the document changes; the runner also reads the version before. */
export const CONFIG_VERSION = 2;

/** Which claims a schedule covers. */
export type ClaimSelection =
  /** one claim by its name; the StatefulSet is named if it is a member's, since it is gone when the set is scaled in */
  | { readonly kind: 'Claim'; readonly name: string; readonly statefulSet?: string }
  /** the claims of a StatefulSet whose number of replicas is not known at synth */
  | { readonly kind: 'StatefulSet'; readonly name: string; readonly templates: string[] }
  /** the claims that carry these labels when the run starts */
  | { readonly kind: 'Selector'; readonly matchLabels: { readonly [key: string]: string } };

export interface RunnerConfig {
  readonly version: number;
  /** tells this schedule's snapshots from all others in the namespace */
  readonly scheduleId: string;
  readonly claims: ClaimSelection[];
  /** the cluster's default class if absent */
  readonly snapshotClassName?: string;
  /** the deletion policy of that class, absent if it is not known at synth */
  readonly deletionPolicy?: 'Delete' | 'Retain';
  /** what becomes of the storage of a pruned snapshot that its class retains */
  readonly prunedStorage: 'Reclaim' | 'Keep';
  readonly retention: RetentionRules;
  /** said in words, if retention may leave no snapshot at all */
  readonly mayDeleteLastGood?: boolean;
  /** so many snapshots of a claim may go in one run with no sign of an accident; a few if absent */
  readonly explainedPrunes?: number;
  /** decide and say what would be pruned, and prune nothing */
  readonly dryRun?: boolean;
  /** how long after its scheduled time a run begins */
  readonly startDelaySeconds?: number;
  /** the least time between two snapshots of a volume that the driver asks for */
  readonly minimumIntervalSeconds?: number;
  /** with so many snapshots of a claim that are not ready, no more are taken of it */
  readonly maxNotReady: number;
  /** how long a run waits, from its start, for its snapshots to be ready */
  readonly readyTimeoutSeconds: number;
  /** how many claims are being cut at once */
  readonly concurrency: number;
  readonly labels: { readonly [key: string]: string };
  readonly annotations: { readonly [key: string]: string };
}

/** What the platform's look for orphans is told; see `SnapshotOrphans`. */
export interface OrphansConfig {
  readonly kind: 'Orphans';
  readonly version: number;
  readonly action: 'List' | 'Reclaim';
  /** younger ones are left alone: somebody may have deleted the snapshot by mistake */
  readonly olderThanSeconds: number;
  /** so many of the newest ready snapshots of each volume are never reclaimed */
  readonly keepNewestPerVolume: number;
  /** whose snapshots; all if absent */
  readonly namespaces?: string[];
}

/** Keys that begin so are ours. */
export const KEY_PREFIX = 'cdk8s-volume-snapshots/';

/** Labels and annotations of ours. */
export const KEYS = {
  /** on snapshots: the id of the schedule that took it */
  schedule: `${KEY_PREFIX}schedule`,
  /** on snapshots: the name of the claim, for people; shortened with a hash if over 63 characters */
  claim: `${KEY_PREFIX}claim`,
  /** on snapshots: the uid of the claim; a claim made anew under an old name is another claim */
  claimUid: `${KEY_PREFIX}claim-uid`,
  /** on snapshots: what the application can expect of the data */
  consistency: `${KEY_PREFIX}consistency`,
  /** on snapshots: the scheduled time of the run, RFC 3339 */
  scheduledFor: `${KEY_PREFIX}scheduled-for`,
  /** on snapshots, as label or annotation: never pruned while present */
  hold: `${KEY_PREFIX}hold`,
  /** on snapshots, as label or annotation: never pruned through this day, or until this time */
  holdUntil: `${KEY_PREFIX}hold-until`,
  /** on snapshots, as label or annotation: a person has seen that retention gives it up, so the brake does not count it */
  prunable: `${KEY_PREFIX}prunable`,
  /** on no object: what the fence around contents must refuse */
  fenceProbe: `${KEY_PREFIX}fence-probe`,
  /** on claims: made from a snapshot, left out by selectors */
  restored: `${KEY_PREFIX}restored`,
  /** on ConfigMap and pod template: what the runner's bytes are */
  checksum: `${KEY_PREFIX}runner-checksum`,
} as const;

/** What schedules call their snapshots, see `snapshotName`; it means the same in CEL. */
export const SNAPSHOT_NAME_PATTERN = '^([a-z0-9][-.a-z0-9]*)-([0-9]{8}-[0-9]{6}|manual)-[0-9a-f]{8}$';

/** Tells GitOps tools and Velero that snapshots made at run time are none of theirs. */
export const FOREIGN_TOOL_LABELS = { 'velero.io/exclude-from-backup': 'true' } as const;
export const FOREIGN_TOOL_ANNOTATIONS = {
  'argocd.argoproj.io/compare-options': 'IgnoreExtraneous',
  'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
} as const;

/** What `maxNotReady` is unless told otherwise. */
export const MAX_NOT_READY = 3;

/** Names of environment variables of the pod. */
export const ENVIRONMENT = {
  config: 'SNAPSHOT_CONFIG',
  namespace: 'SNAPSHOT_NAMESPACE',
  jobName: 'SNAPSHOT_JOB_NAME',
  jobUid: 'SNAPSHOT_JOB_UID',
  podName: 'SNAPSHOT_POD_NAME',
} as const;

/** Exit codes of the runner; the Job does not retry what a retry cannot mend. */
export const EXIT = {
  success: 0,
  /** the run did all it could; the message says what failed */
  failed: 1,
  /** the API server could not be reached, or did nothing but refuse; another pod may be luckier */
  unreachable: 75,
  /** ended by SIGTERM */
  terminated: 143,
} as const;

/** Reads the document, or throws an error that names the field. */
export function parseConfig(text: string | undefined): RunnerConfig | OrphansConfig {
  if (!text) { throw new Error(`${ENVIRONMENT.config} is not set; run the CronJob as it was synthesized`); }
  const config = readJson(text);
  if (config?.version !== CONFIG_VERSION && config?.version !== CONFIG_VERSION - 1) {
    throw new Error(`configuration version ${config?.version} is unknown to this runner, which reads ${CONFIG_VERSION - 1} and ${CONFIG_VERSION}; `
      + 'apply CronJob and ConfigMap of one synthesis together');
  }
  return 'kind' in config && config.kind === 'Orphans' ? checkOrphans(config) : checkSchedule(upgrade(config as RunnerConfig));
}

/** Version 1 had no circuit breaker; what else is new may be absent. */
function upgrade(config: RunnerConfig): RunnerConfig {
  return config.version === 1 ? { ...config, maxNotReady: MAX_NOT_READY } : config;
}

function checkSchedule(config: RunnerConfig): RunnerConfig {
  const check = checkerOf(config);
  check('scheduleId', filled(config.scheduleId));
  check('claims', Array.isArray(config.claims) && config.claims.length > 0 && config.claims.every(isSelection));
  check('snapshotClassName', config.snapshotClassName === undefined || filled(config.snapshotClassName));
  check('deletionPolicy', [undefined, 'Delete', 'Retain'].includes(config.deletionPolicy));
  check('prunedStorage', ['Reclaim', 'Keep'].includes(config.prunedStorage));
  check('mayDeleteLastGood', optionalFlag(config.mayDeleteLastGood));
  // a minimum of none would let the last good snapshot go
  check('retention', isRules(config.retention, config.mayDeleteLastGood ? 0 : 1));
  check('explainedPrunes', optionalCount(config.explainedPrunes, 1));
  check('dryRun', optionalFlag(config.dryRun));
  check('startDelaySeconds', optionalCount(config.startDelaySeconds, 0));
  check('minimumIntervalSeconds', optionalCount(config.minimumIntervalSeconds, 1));
  check('maxNotReady', count(config.maxNotReady, 1));
  check('readyTimeoutSeconds', count(config.readyTimeoutSeconds, 1));
  check('concurrency', count(config.concurrency, 1));
  check('labels', isTextMap(config.labels));
  check('annotations', isTextMap(config.annotations));
  return config;
}

function checkOrphans(config: OrphansConfig): OrphansConfig {
  const check = checkerOf(config);
  check('action', ['List', 'Reclaim'].includes(config.action));
  check('olderThanSeconds', count(config.olderThanSeconds, 0));
  check('keepNewestPerVolume', count(config.keepNewestPerVolume, 0));
  check('namespaces', config.namespaces === undefined || (Array.isArray(config.namespaces) && config.namespaces.every(filled)));
  return config;
}

function checkerOf<T>(config: T): (field: keyof T & string, right: boolean) => void {
  return (field, right) => {
    if (!right) { throw new Error(`configuration field '${field}' is wrong: ${JSON.stringify(config[field])}; synthesize the CronJob again`); }
  };
}

const count = (value: unknown, min: number) => Number.isSafeInteger(value) && (value as number) >= min;
const optionalCount = (value: unknown, min: number) => value === undefined || count(value, min);
const optionalFlag = (value: unknown) => value === undefined || typeof value === 'boolean';
const filled = (value: unknown) => typeof value === 'string' && value !== '';

function isRules(rules: RetentionRules, leastReady: number): boolean {
  return typeof rules === 'object' && rules !== null
    && [rules.keepLast, rules.keepForSeconds, ...PERIODS.map(period => rules[period])].every(value => optionalCount(value, 1))
    && (rules.timeZone === undefined || filled(rules.timeZone))
    && count(rules.minimumReady, leastReady);
}

function readJson(text: string): RunnerConfig | OrphansConfig | null {
  try {
    return JSON.parse(text) as RunnerConfig | OrphansConfig | null;
  } catch (error) {
    throw new Error(`${ENVIRONMENT.config} is not JSON (${(error as Error).message}); synthesize the CronJob again`);
  }
}

function isSelection(value: ClaimSelection): boolean {
  switch (value?.kind) {
    case 'Claim': return filled(value.name) && (value.statefulSet === undefined || filled(value.statefulSet));
    case 'StatefulSet': return typeof value.name === 'string' && Array.isArray(value.templates) && value.templates.length > 0;
    case 'Selector': return isTextMap(value.matchLabels);
    default: return false;
  }
}

function isTextMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).every(v => typeof v === 'string');
}
