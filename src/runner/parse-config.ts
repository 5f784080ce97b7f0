import {
  AnyConfig, CHECK_CONTAINER, ClaimSelection, CloneConfig, CONFIG_VERSION, DrillConfig, ENVIRONMENT, GateConfig, GroupConfig, InventoryConfig,
  isRestoreNames, MASK_CONTAINER, MaskingConfig, MaskingPod, OrphansConfig, QuiesceConfig, RestoreConfig, RunnerConfig, SCRIPT_WORD,
} from './config';
import { PERIODS } from '../retention/calendar';
import { RetentionRules } from '../retention/plan';

const APPLY_TOGETHER = 'apply CronJob and ConfigMap of one synthesis together';

/** Reads the document, or throws an error that names the field. `script`: what stands for `SCRIPT_WORD`. */
export function parseConfig(text: string | undefined, script?: string): AnyConfig {
  if (!text) { throw new Error(`${ENVIRONMENT.config} is not set; run the CronJob as it was synthesized`); }
  const config = readJson(text);
  if (config?.version !== CONFIG_VERSION && config?.version !== CONFIG_VERSION - 1) {
    throw new Error(`configuration version ${config?.version} is unknown to this runner, which reads ${CONFIG_VERSION - 1} and ${CONFIG_VERSION}; ${APPLY_TOGETHER}`);
  }
  if (config.kind === undefined) { return checked(withScript(config, script), SCHEDULE); }
  const checks = CHECKS.get(config.kind);
  if (!checks) { throw new Error(`configuration kind '${config.kind}' is unknown to this runner; ${APPLY_TOGETHER}`); }
  return checked(config, checks);
}

function readJson(text: string): AnyConfig | null {
  try {
    return JSON.parse(text) as AnyConfig | null;
  } catch (error) {
    throw new Error(`${ENVIRONMENT.config} is not JSON (${(error as Error).message}); synthesize the CronJob again`);
  }
}

function withScript(config: RunnerConfig, script: string | undefined): RunnerConfig {
  const command = config.quiesce?.command;
  if (!Array.isArray(command) || !command.includes(SCRIPT_WORD)) { return config; }
  if (!script) { throw new Error(`${ENVIRONMENT.quiesceScript} is not set; run the CronJob as it was synthesized`); }
  return { ...config, quiesce: { ...config.quiesce as QuiesceConfig, command: command.map(word => (word === SCRIPT_WORD ? script : word)) } };
}

function checked<T extends object>(config: T, checks: { readonly [field: string]: Check }): T {
  for (const [field, isRight] of Object.entries(checks)) {
    const value = config[field as keyof T];
    if (!isRight(value, config)) { throw new Error(`configuration field '${field}' is wrong: ${JSON.stringify(value)}; synthesize the CronJob again`); }
  }
  return config;
}

// ---- what a value may be

/** `whole`: what the value is a field of. */
type Check<T = any> = (value: any, whole: T) => boolean;
type Selected<K> = Extract<ClaimSelection, { kind: K }>;
type Is = (value: any) => boolean;

/** A check of each field, so that none is forgotten. What is new since the version before must be optional. */
type Checks<T> = { readonly [Field in Exclude<keyof T, 'kind' | 'version'>]-?: Check<T> };

const isText: Is = value => typeof value === 'string';
const isFlag: Is = value => typeof value === 'boolean';
const isFilled: Is = value => isText(value) && value !== '';
const isOneOf = (...words: string[]): Is => value => words.includes(value);
const isCount = (least: number): Is => value => Number.isSafeInteger(value) && value >= least;
const isListOf = (isRight: Is, least = 0): Is => value => Array.isArray(value) && value.length >= least && value.every(isRight);
const isObject: Is = value => typeof value === 'object' && value !== null;
const isTextMap: Is = value => isObject(value) && Object.values(value).every(isText);
const fits = <T>(checks: Checks<T>): Is => value => isObject(value)
  && Object.entries<Check>(checks).every(([field, isRight]) => isRight(value[field], value));
const optional = <T>(isRight: Check<T>): Check<T> => (value, whole) => value === undefined || isRight(value, whole);

// ---- the documents

const isOptional = optional(isFlag);

const SELECTIONS = new Map<unknown, Is>([
  ['Claim', fits<Selected<'Claim'>>({ name: isFilled, statefulSet: optional(isFilled), optional: isOptional })],
  ['StatefulSet', fits<Selected<'StatefulSet'>>({ name: isText, templates: isListOf(isText, 1), optional: isOptional })],
  ['Selector', fits<Selected<'Selector'>>({ matchLabels: isTextMap, optional: isOptional })],
]);

const areSelections = isListOf(value => SELECTIONS.get(value?.kind)?.(value) ?? false, 1);

const PERIOD_RULES = Object.fromEntries(PERIODS.map(period => [period, optional(isCount(1))])) as Record<typeof PERIODS[number], Check>;

const isRules = (leastReady: number) => fits<RetentionRules>({
  ...PERIOD_RULES,
  keepLast: optional(isCount(1)),
  keepLastVerified: optional(isCount(1)),
  keepForSeconds: optional(isCount(1)),
  consistentFirst: optional(isFlag),
  timeZone: optional(isFilled),
  minimumReady: isCount(leastReady),
});

const isGroup = fits<GroupConfig>({ className: isFilled, apiVersion: isOneOf('v1beta2', 'v1') });

const isQuiesce = fits<QuiesceConfig>({
  podLabels: optional(isTextMap),
  podNames: optional(isListOf(isFilled)),
  podsMustMount: optional(isFlag),
  container: optional(isFilled),
  command: isListOf(isText, 1),
  on: optional(isOneOf('Replica', 'ReplicaOrPrimary')),
  attempts: isCount(1),
  maxHoldSeconds: isCount(1),
  onFailure: isOneOf('Fail', 'CrashConsistent'),
});

// a minimum of none would let the last good snapshot go; whether the storage of a group is retained shows nowhere, so it must be known
const SCHEDULE: Checks<RunnerConfig> = {
  scheduleId: isFilled,
  claims: areSelections,
  snapshotClassName: optional(isFilled),
  deletionPolicy: optional(isOneOf('Delete', 'Retain')),
  prunedStorage: isOneOf('Reclaim', 'Keep'),
  mayDeleteLastGood: optional(isFlag),
  retention: (value, { mayDeleteLastGood }) => isRules(mayDeleteLastGood ? 0 : 1)(value),
  explainedPrunes: optional(isCount(1)),
  dryRun: optional(isFlag),
  startDelaySeconds: optional(isCount(0)),
  minimumIntervalSeconds: optional(isCount(1)),
  maxNotReady: isCount(1),
  readyTimeoutSeconds: isCount(1),
  quiesce: optional(isQuiesce),
  group: optional((value, { deletionPolicy, prunedStorage }) => isGroup(value) && (deletionPolicy === 'Delete' || prunedStorage === 'Keep')),
  concurrency: isCount(1),
  labels: isTextMap,
  annotations: isTextMap,
  gate: optional(fits<GateConfig>({ reuseSeconds: isCount(0), claimsMustExist: optional(isFlag) })),
  namespaces: optional(isListOf(isFilled)),
};

const ORPHANS: Checks<OrphansConfig> = {
  action: isOneOf('List', 'Reclaim'),
  olderThanSeconds: isCount(0),
  keepNewestPerVolume: isCount(0),
  namespaces: optional(isListOf(isFilled)),
};

const INVENTORY: Checks<InventoryConfig> = {
  namespaces: optional(isListOf(isFilled)),
  minimumSnapshots: isCount(0),
};

const RESTORE: Checks<RestoreConfig> = {
  restoreId: isFilled,
  scheduleId: isFilled,
  claims: areSelections,
  names: isRestoreNames,
  requestName: isFilled,
  unlessThere: optional(isFlag),
  storageClassName: optional(isFilled),
  timeoutSeconds: isCount(1),
  labels: isTextMap,
};

const hasContainer = (container: string): Is => spec => Array.isArray(spec?.containers)
  && spec.containers.some(({ name }: any) => name === container);

const DRILL: Checks<DrillConfig> = {
  drillId: isFilled,
  scheduleId: isFilled,
  sourceNamespace: optional(isFilled),
  volumes: value => isTextMap(value) && Object.keys(value).length > 0,
  anyMember: optional(isFlag),
  storageClassName: optional(isFilled),
  consistentOnly: optional(isFlag),
  maxAgeSeconds: isCount(1),
  timeoutSeconds: isCount(1),
  pod: fits<DrillConfig['pod']>({ metadata: isObject, spec: hasContainer(CHECK_CONTAINER) }),
};

const isMaskingPod = (container: string) => fits<MaskingPod>({
  labels: isTextMap, annotations: isTextMap, spec: hasContainer(container), mountPath: isFilled,
});

// what is to be masked must not be handed out since nobody understood how
const CLONE: Checks<CloneConfig> = {
  cloneId: isFilled,
  scheduleId: isFilled,
  sourceNamespace: isFilled,
  targetNamespace: (value, { sourceNamespace }) => isFilled(value) && value !== sourceNamespace,
  claims: areSelections,
  names: isRestoreNames,
  keep: isCount(1),
  only: isListOf(isOneOf('application', 'verified')),
  storageClassName: optional(isFilled),
  timeoutSeconds: isCount(1),
  labels: isTextMap,
  masking: optional(fits<MaskingConfig>({
    snapshotClassName: isFilled, mask: isMaskingPod(MASK_CONTAINER), check: isMaskingPod(CHECK_CONTAINER),
  })),
};

const CHECKS = new Map<unknown, Checks<any>>([
  ['Orphans', ORPHANS], ['Inventory', INVENTORY], ['Restore', RESTORE], ['Drill', DRILL], ['Clone', CLONE],
]);
