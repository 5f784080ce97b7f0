import { Duration } from 'cdk8s';
import { Construct } from 'constructs';
import { DriverOfClass } from './driver-limits';
import { requireKnownPodOptions } from './runner-pod';
import {
  KnownKeys, reject, requireDuration, requireEnum, requireInteger, requireKeys, requireKind, requireLabels, requireOptional,
} from './validate';
import { CsiDriver } from '../csi-driver';
import { PrunedStorage } from '../pruned-storage';
import { RetentionRules } from '../retention/plan';
import {
  ClaimSelection, CONFIG_VERSION, FOREIGN_TOOL_ANNOTATIONS, FOREIGN_TOOL_LABELS, KEY_PREFIX, MAX_NOT_READY, QuiesceConfig, RunnerConfig,
} from '../runner/config';
import { DeletionPolicy, SnapshotClass } from '../snapshot-class';
import { SnapshotRunProps } from '../snapshot-run-props';

/** What a run takes and how, whatever starts it. */
export const RUN_PROPS: KnownKeys<SnapshotRunProps> = {
  source: true,
  snapshotClass: true,
  groupSnapshotClass: true,
  prunedStorage: true,
  quiesce: true,
  concurrency: true,
  maxNotReady: true,
  snapshotLabels: true,
  snapshotAnnotations: true,
  pod: true,
};

/** What differs with what starts the run. */
export interface OwnConfig extends Pick<RunnerConfig, 'dryRun' | 'explainedPrunes' | 'gate' | 'namespaces' | 'scheduleId' | 'startDelaySeconds'> {
  readonly claims: ClaimSelection[];
  readonly retention: RetentionRules;
  readonly readyTimeout: Duration;
}

const MINIMUM_READY_TIMEOUT = Duration.seconds(1);
const LONGEST_READY_TIMEOUT = Duration.days(7);
/** Linux starts no program with a longer environment variable than 128 KiB; the rest is left to those who patch it. */
const LONGEST_CONFIG_KIBIBYTES = 100;

/** What the compiler knows of the props already, for those who write in another language. */
export function requireRunTypes(origin: Construct, props: SnapshotRunProps): void {
  requireKind(origin, 'source', props.source, 'SnapshotSource');
  requireOptional(origin, 'snapshotClass', props.snapshotClass, 'ISnapshotClass');
  requireOptional(origin, 'groupSnapshotClass', props.groupSnapshotClass, 'IGroupSnapshotClass');
  requireOptional(origin, 'quiesce', props.quiesce, 'Quiesce');
  requireEnum(origin, 'prunedStorage', props.prunedStorage, PrunedStorage);
  requireKnownPodOptions(origin, 'pod', props.pod ?? {});
}

/** Refuses a wait that is too short or too long; before anything is counted from it. */
export function requireReadyTimeout(origin: Construct, readyTimeout: Duration): void {
  requireDuration(origin, 'readyTimeout', readyTimeout, MINIMUM_READY_TIMEOUT, LONGEST_READY_TIMEOUT);
}

/** Refuses what the storage or the run could not do. */
export function requireRun(origin: Construct, props: SnapshotRunProps, readyTimeout: Duration): void {
  requireOneClass(origin, props);
  requireQuiesce(origin, props, readyTimeout);
  if (props.concurrency !== undefined) { requireInteger(origin, 'concurrency', props.concurrency, 1, 1000); }
  if (props.maxNotReady !== undefined) { requireInteger(origin, 'maxNotReady', props.maxNotReady, 1, 1000); }
  requireLabels(origin, 'snapshotLabels', props.snapshotLabels ?? {});
  requireKeys(origin, 'snapshotAnnotations', props.snapshotAnnotations ?? {});
  refuseReservedKeys(origin, 'snapshotLabels', props.snapshotLabels ?? {}, FOREIGN_TOOL_LABELS);
  refuseReservedKeys(origin, 'snapshotAnnotations', props.snapshotAnnotations ?? {}, FOREIGN_TOOL_ANNOTATIONS);
}

/** The driver that takes the snapshots, if it is known. */
export function driverOf({ groupSnapshotClass, snapshotClass }: SnapshotRunProps): CsiDriver | undefined {
  return (groupSnapshotClass ?? snapshotClass)?.driver;
}

/** The driver with the parameters of the class, so far as they are known; a class of groups has others. */
export function driverOfClass({ snapshotClass }: SnapshotRunProps): DriverOfClass | undefined {
  const driver = snapshotClass?.driver;
  // a class that is defined here may say more than its driver does
  return driver && { driver: driver.name, parameters: (snapshotClass as Partial<SnapshotClass>).parameters ?? driver.parameters };
}

/** Whether the storage of a pruned snapshot is to go. */
export function prunesStorage({ snapshotClass, prunedStorage }: SnapshotRunProps): boolean {
  return snapshotClass?.deletionPolicy !== DeletionPolicy.RETAIN || prunedStorage !== PrunedStorage.KEEP;
}

/** How the applications are held, with their pods by name where they are known. */
export function quiesceConfigOf({ groupSnapshotClass, quiesce }: SnapshotRunProps, claims: readonly ClaimSelection[]): QuiesceConfig | undefined {
  return quiesce?._toConfig(podNamesOf(claims), groupSnapshotClass !== undefined);
}

/** Whether the claims of a primary are left out, so that nobody knows before which claims a run has. */
export function takesReplicas({ quiesce }: Pick<SnapshotRunProps, 'quiesce'>): boolean {
  return quiesce?._toConfig(undefined, false).on !== undefined;
}

/** The configuration of a run, in JSON. */
export function renderRunConfig(origin: Construct, props: SnapshotRunProps, own: OwnConfig): string {
  const text = JSON.stringify(composeConfig(props, own), null, 2);
  const kibibytes = Math.ceil(Buffer.byteLength(text) / 1024);
  if (kibibytes > LONGEST_CONFIG_KIBIBYTES) {
    reject(origin, 'source', {
      problem: 'the configuration of a run is an environment variable, and with one that long its container cannot start',
      got: `${kibibytes} KiB, made up by claims (${own.claims.length}), snapshotLabels and snapshotAnnotations`,
      allowed: `at most ${LONGEST_CONFIG_KIBIBYTES} KiB`,
      fix: 'split it into several, choose the claims with SnapshotSource.fromSelector, or shorten labels and annotations',
    });
  }
  return text;
}

function composeConfig(props: SnapshotRunProps, own: OwnConfig): RunnerConfig {
  const { groupSnapshotClass, quiesce, snapshotClass } = props;
  return {
    version: CONFIG_VERSION,
    scheduleId: own.scheduleId,
    claims: own.claims,
    snapshotClassName: snapshotClass?.snapshotClassName,
    deletionPolicy: (groupSnapshotClass ?? snapshotClass)?.deletionPolicy,
    prunedStorage: props.prunedStorage ?? PrunedStorage.RECLAIM,
    retention: { ...own.retention, consistentFirst: quiesce ? true : undefined },
    mayDeleteLastGood: own.retention.minimumReady === 0 || undefined,
    explainedPrunes: own.explainedPrunes,
    dryRun: own.dryRun,
    startDelaySeconds: own.startDelaySeconds,
    minimumIntervalSeconds: driverOf(props)?.minimumInterval?.toSeconds(),
    maxNotReady: props.maxNotReady ?? MAX_NOT_READY,
    readyTimeoutSeconds: own.readyTimeout.toSeconds(),
    group: groupSnapshotClass && { className: groupSnapshotClass.groupSnapshotClassName, apiVersion: groupSnapshotClass.apiVersion },
    quiesce: quiesceConfigOf(props, own.claims),
    concurrency: props.concurrency ?? (quiesce ? 1 : 20),
    labels: { ...props.snapshotLabels },
    annotations: { ...props.snapshotAnnotations },
    gate: own.gate,
    namespaces: own.namespaces,
  };
}

/** The pods that write to the claims, if they are known: those of StatefulSets. */
function podNamesOf(selections: readonly ClaimSelection[]): string[] | undefined {
  const names = selections.map(selection => (selection.kind === 'Claim' && selection.statefulSet !== undefined
    ? selection.statefulSet + selection.name.slice(selection.name.lastIndexOf('-'))
    : undefined));
  return names.includes(undefined) ? undefined : [...new Set(names as string[])];
}

function requireQuiesce(origin: Construct, { groupSnapshotClass, quiesce }: SnapshotRunProps, readyTimeout: Duration): void {
  const config = quiesce?._toConfig(undefined, false);
  if (config && config.maxHoldSeconds >= readyTimeout.toSeconds()) {
    reject(origin, 'quiesce', {
      problem: 'the application may be held for as long as a run waits for its snapshots',
      got: `a maxHold of ${Duration.seconds(config.maxHoldSeconds).toHumanString()}`,
      allowed: `less than readyTimeout, ${readyTimeout.toHumanString()}`,
      fix: 'lower maxHold, or raise readyTimeout',
    });
  }
  if (config?.on !== undefined && groupSnapshotClass) {
    reject(origin, 'quiesce', {
      problem: "a group has all claims of the source, and with 'on' those of a primary are left out",
      got: config.on,
      allowed: 'QuiesceOn.EVERY_COPY',
      fix: "leave 'on' out, or snapshot each claim by itself with snapshotClass",
    });
  }
}

function requireOneClass(origin: Construct, { groupSnapshotClass, prunedStorage = PrunedStorage.RECLAIM, snapshotClass }: SnapshotRunProps): void {
  if (!groupSnapshotClass) { return; }
  if (snapshotClass) {
    reject(origin, 'groupSnapshotClass', {
      problem: 'the claims are snapshotted together or each by itself, and snapshotClass is given too',
      got: groupSnapshotClass.groupSnapshotClassName,
      allowed: 'one of the two',
      fix: 'leave one of the two out, or define a second schedule',
    });
  }
  const { deletionPolicy, groupSnapshotClassName: name } = groupSnapshotClass;
  if (deletionPolicy !== DeletionPolicy.DELETE && prunedStorage !== PrunedStorage.KEEP) {
    reject(origin, 'prunedStorage', {
      problem: deletionPolicy === undefined
        ? `whether '${name}' retains the storage of pruned groups is not known, and a run cannot find out`
        : `'${name}' retains the storage of pruned groups, and a run cannot give it back`,
      got: prunedStorage,
      allowed: 'a group class with DeletionPolicy.DELETE, or PrunedStorage.KEEP',
      fix: deletionPolicy === undefined
        ? 'say deletionPolicy where the class is referred to'
        : 'use DeletionPolicy.DELETE, or say PrunedStorage.KEEP and clean up by hand',
    });
  }
}

function refuseReservedKeys(origin: Construct, prop: string, map: { [key: string]: string }, foreign: { readonly [key: string]: string }): void {
  for (const key of Object.keys(map)) {
    const own = key in foreign || key.startsWith(KEY_PREFIX);
    const gitOps = key === 'app.kubernetes.io/instance' || key.startsWith('argocd.argoproj.io/') || key.startsWith('kustomize.toolkit.fluxcd.io/');
    if (own || gitOps) {
      reject(origin, prop, {
        problem: own ? 'the library sets this key itself' : 'GitOps tools find their own objects by this key, and would delete the snapshots',
        got: key,
        allowed: 'other keys',
        fix: 'leave it out',
      });
    }
  }
}
