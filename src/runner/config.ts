import { RetentionRules } from '../retention/plan';

/**
 * What the constructs and the runner agree on: the configuration document, the
 * keys on the snapshots, and the environment of the pod. The constructs write
 * it at synth, the runner validates it at night, perhaps in another version.
 */

/** Raised when the meaning of the document changes; the runner also reads the version before. */
export const CONFIG_VERSION = 3;

/** Which claims a schedule covers. */
export type ClaimSelection = SelectedClaims & {
  /** in what restores: the schedule leaves claims out, those of a primary, and what a run has is enough */
  readonly optional?: boolean;
};

type SelectedClaims =
  /** one claim by its name; the StatefulSet is named if it is a member's, since it is gone when the set is scaled in */
  | { readonly kind: 'Claim'; readonly name: string; readonly statefulSet?: string }
  /** the claims of a StatefulSet whose number of replicas is not known at synth */
  | { readonly kind: 'StatefulSet'; readonly name: string; readonly templates: string[] }
  /** the claims that carry these labels when the run starts */
  | { readonly kind: 'Selector'; readonly matchLabels: { readonly [key: string]: string } };

export interface RunnerConfig {
  /** all other documents have one */
  readonly kind?: undefined;
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
  /** how the claims are snapshotted together; each by itself if absent */
  readonly group?: GroupConfig;
  /** how applications are quiesced for the moment of the cut; absent if they are not */
  readonly quiesce?: QuiesceConfig;
  /** how many claims are being cut at once */
  readonly concurrency: number;
  readonly labels: { readonly [key: string]: string };
  readonly annotations: { readonly [key: string]: string };
  /** an upgrade waits for the run; absent if it is one of a schedule */
  readonly gate?: GateConfig;
  /** the run is done in each of them, instead of in its own; see `run-namespaces.ts` */
  readonly namespaces?: string[];
}

/** What a run does differently that an upgrade waits for; see `gate.ts`. */
export interface GateConfig {
  /** snapshots that were cut within this time are good enough, and no new ones are taken */
  readonly reuseSeconds: number;
  /** a claim that is not there yet is a mistake, and no first installation */
  readonly claimsMustExist?: boolean;
}

/** In a quiesce command: the script that is in an environment variable of its own, where people can read it. */
export const SCRIPT_WORD = '$SNAPSHOT_QUIESCE_SCRIPT';

/** How the claims are cut at one moment. */
export interface GroupConfig {
  readonly className: string;
  readonly apiVersion: 'v1beta2' | 'v1';
}

/** How the applications that write to the claims are quiesced; see hold.ts for what the command must do. */
export interface QuiesceConfig {
  /** the pods of the application; those that mount the claims if absent */
  readonly podLabels?: { readonly [key: string]: string };
  /** no other pods are looked at, or may be */
  readonly podNames?: string[];
  /** a claim that none of these pods mounts is a mistake, as a person named them */
  readonly podsMustMount?: boolean;
  /** the pod's default container if absent */
  readonly container?: string;
  readonly command: string[];
  /** leaves out the claims of a primary: in any case, or if there is a replica; the command is told so by the word `replica` */
  readonly on?: 'Replica' | 'ReplicaOrPrimary';
  /** how often a run tries to cut while the application is held */
  readonly attempts: number;
  /** the application is let go after this time, cut or not */
  readonly maxHoldSeconds: number;
  /** what becomes of a run whose application is not held until the cut */
  readonly onFailure: 'Fail' | 'CrashConsistent';
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

/** What a restore makes of snapshots when a person starts it; see `SnapshotRestore`. */
export interface RestoreConfig {
  readonly kind: 'Restore';
  readonly version: number;
  /** tells this restore's claims from those of another */
  readonly restoreId: string;
  /** whose snapshots */
  readonly scheduleId: string;
  /** the claims that the schedule covers; they may be gone */
  readonly claims: ClaimSelection[];
  /** what the restored claims are called, unless the request says otherwise: a word of `RESTORE_NAMES`, or a StatefulSet behind its prefix */
  readonly names: string;
  /** the ConfigMap by which a person says what is wanted */
  readonly requestName: string;
  /** nobody asks for the restore: if all claims are there, that is fine */
  readonly unlessThere?: boolean;
  /** that of the snapshotted claim if absent */
  readonly storageClassName?: string;
  /** how long a run waits for the volumes */
  readonly timeoutSeconds: number;
  readonly labels: { readonly [key: string]: string };
}

/** How a drill restores the newest snapshots and has them looked at; see `RestoreDrill`. */
export interface DrillConfig {
  readonly kind: 'Drill';
  readonly version: number;
  /** tells this drill's claims and pods from those of others */
  readonly drillId: string;
  /** whose snapshots */
  readonly scheduleId: string;
  /** the namespace of the snapshots, if it is another than that of the drill */
  readonly sourceNamespace?: string;
  /** the claim whose data is mounted in the place of each volume of the pod, by the name of the volume */
  readonly volumes: { readonly [volumeName: string]: string };
  /** or those of another member of the StatefulSet, since the schedule leaves out that of a primary */
  readonly anyMember?: boolean;
  /** that of the snapshotted claim if absent */
  readonly storageClassName?: string;
  /** only a snapshot that was taken while the application was held */
  readonly consistentOnly?: boolean;
  /** an older one is a failure: the schedule does not do its work */
  readonly maxAgeSeconds: number;
  /** how long a run waits for the verdict */
  readonly timeoutSeconds: number;
  /** the pod that looks at the data, without its claims; see `CHECK_CONTAINER` */
  readonly pod: { readonly metadata: { readonly labels: object; readonly annotations: object }; readonly spec: any };
}

/** What the platform's inventory of snapshots is told; see `SnapshotInventory`. */
export interface InventoryConfig {
  readonly kind: 'Inventory';
  readonly version: number;
  /** whose snapshots; all if absent */
  readonly namespaces?: string[];
  /** with fewer, in each of the namespaces if they are named, nothing is written */
  readonly minimumSnapshots: number;
}

/** Where the runner leaves the inventory, and the container finds it that takes it off the cluster. */
export const INVENTORY_DIRECTORY = '/inventory';
export const INVENTORY_FILE = `${INVENTORY_DIRECTORY}/inventory.json`;

/** Raised when the meaning of the file changes. */
export const INVENTORY_VERSION = 1;

/** The file in which an inventory leaves the cluster: read on another one, on the day when this one is lost; see `ImportedSnapshots`. */
export interface Inventory {
  readonly kind: 'SnapshotInventory';
  readonly version: number;
  /** by the clock of the API server, RFC 3339 */
  readonly madeAt: string;
  /** the namespaces that were looked at; all if absent */
  readonly namespaces?: string[];
  readonly snapshots: InventoryEntry[];
  /** what could not be listed with its handle */
  readonly missing: InventoryGap[];
}

/** A snapshot that can be restored from, by its handle. */
export interface InventoryEntry {
  readonly namespace: string;
  readonly name: string;
  /** its VolumeSnapshot is gone, and the storage was retained */
  readonly orphan?: true;
  readonly claim?: string;
  readonly claimUid?: string;
  /** the id of the schedule that took it */
  readonly schedule?: string;
  /** when the data was cut, RFC 3339 */
  readonly cutAt: string;
  readonly driver: string;
  readonly handle: string;
  readonly groupHandle?: string;
  /** in bytes */
  readonly restoreSize?: number;
  readonly volumeMode?: string;
  readonly snapshotClass?: string;
  readonly deletionPolicy: string;
  readonly consistency?: string;
  /** what a drill found, if there was one */
  readonly verified?: boolean;
  readonly claimSpec?: ClaimSpec;
  /** those that no field above tells */
  readonly labels?: { readonly [key: string]: string };
  /** ours, likewise */
  readonly annotations?: { readonly [key: string]: string };
}

/** What a claim asks for. */
export interface ClaimSpec {
  readonly storageClassName?: string;
  readonly accessModes?: string[];
  readonly volumeMode?: string;
  /** a quantity */
  readonly storage: string;
}

/** A snapshot that the inventory cannot bring back, and why. */
export interface InventoryGap {
  readonly namespace: string;
  readonly name: string;
  readonly claim?: string;
  readonly why: string;
}

/** What a clone makes of the newest snapshots, in another namespace; see `SnapshotClone`. */
export interface CloneConfig {
  readonly kind: 'Clone';
  readonly version: number;
  /** tells this clone's objects from those of all others in the cluster: its name and namespace */
  readonly cloneId: string;
  /** whose snapshots */
  readonly scheduleId: string;
  readonly sourceNamespace: string;
  readonly targetNamespace: string;
  /** the claims that the schedule covers */
  readonly claims: ClaimSelection[];
  /** what the clones are called: as in `RestoreConfig` */
  readonly names: string;
  /** how many generations of clones stay */
  readonly keep: number;
  /** only such snapshots */
  readonly only: ('application' | 'verified')[];
  /** that of the snapshotted claim if absent */
  readonly storageClassName?: string;
  /** how long a run waits, all in all */
  readonly timeoutSeconds: number;
  readonly labels: { readonly [key: string]: string };
  /** how the data is masked before it is handed out; it is not if absent */
  readonly masking?: MaskingConfig;
}

export interface MaskingConfig {
  /** the class by which masked copies are snapshotted; it deletes */
  readonly snapshotClassName: string;
  /** a pod with the container `MASK_CONTAINER`, and one that stays */
  readonly mask: MaskingPod;
  /** a pod with the container `CHECK_CONTAINER` */
  readonly check: MaskingPod;
}

/** A pod without its claims. */
export interface MaskingPod {
  readonly labels: object;
  readonly annotations: object;
  readonly spec: any;
  /** each claim is mounted below, in a directory of its name */
  readonly mountPath: string;
}

/** The container that masks. */
export const MASK_CONTAINER = 'mask';

/** The container whose end is the verdict of a drill, or of a look at masked data. */
export const CHECK_CONTAINER = 'check';

/**
 * What restored claims are called. `beside`: the name of the claim, `restored`, and when its data was cut; `same`: as the claim was called; `suffix`: behind
 * it comes what is added to the name of the claim; `statefulSet`: behind it comes the name of a StatefulSet, whose claims they will be.
 */
export const RESTORE_NAMES = { beside: 'beside', same: 'same', suffix: 'suffix/', statefulSet: 'stateful-set/' } as const;

/** Is it a name of this kind? What comes behind the prefix must be the name of a StatefulSet. */
export function isRestoreNames(value: unknown): boolean {
  return value === RESTORE_NAMES.beside || value === RESTORE_NAMES.same
    || (typeof value === 'string' && /^(stateful-set|suffix)\/[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(value));
}

/** Keys that begin so are ours. */
export const KEY_PREFIX = 'cdk8s-volume-snapshots/';

/** Labels and annotations of ours. */
interface Keys {
  /** on snapshots: the id of the schedule that took it */
  readonly schedule: string;
  /** on snapshots: the name of the claim, for people; shortened with a hash if over 63 characters; on imported ones also as an annotation, in full */
  readonly claim: string;
  /** on imported snapshots: when the data was cut, RFC 3339; a storage that is not asked says the time of the import */
  readonly cutAt: string;
  /** on snapshots: the uid of the claim; a claim made anew under an old name is another claim */
  readonly claimUid: string;
  /** on the members of a group: its name, for people; shortened with a hash if over 63 characters */
  readonly group: string;
  /** on groups: the uids of their claims */
  readonly claimUids: string;
  /** on snapshots: what the application can expect of the data */
  readonly consistency: string;
  /** on snapshots: for how long the application was held for it, in milliseconds */
  readonly held: string;
  /** on snapshots: how long it took to let the application go, once the cut was seen, in milliseconds */
  readonly releasedWithin: string;
  /** on snapshots: the scheduled time of the run, RFC 3339 */
  readonly scheduledFor: string;
  /** on snapshots of a run that a person started: the uid of its Job */
  readonly manualRun: string;
  /** on snapshots: what a restore must know of the claim, which may be gone by then; see `ClaimSpec` */
  readonly claimSpec: string;
  /** on snapshots, as a label: 'true' once its data was restored and looked at */
  readonly verified: string;
  /** on snapshots, as label or annotation: never pruned while present */
  readonly hold: string;
  /** on snapshots, as label or annotation: never pruned through this day, or until this time */
  readonly holdUntil: string;
  /** on snapshots, as label or annotation: a person has seen that retention gives it up, so the brake does not count it */
  readonly prunable: string;
  /** on claims, by a person: until this time an upgrade need not wait for a snapshot of it */
  readonly upgradeWithoutSnapshotUntil: string;
  /** on no object: what the fence around contents must refuse */
  readonly fenceProbe: string;
  /** on claims: made from a snapshot, left out by selectors */
  readonly restored: string;
  /** on claims: the CronJob that restored them */
  readonly restoredBy: string;
  /** on claims: what the run was about that restored them, so that its retry does the same; see `RestorePlan` */
  readonly restorePlan: string;
  /** on members of a group, and on imported snapshots: the id of the schedule that took them; a label would show them to retention */
  readonly takenBy: string;
  /** on snapshots: when a drill has looked at the data, RFC 3339 */
  readonly verifiedAt: string;
  /** on snapshots: how long it took a drill from the snapshot to the verdict, in seconds */
  readonly recoverySeconds: string;
  /** on claims and pods that a drill made: its id */
  readonly drill: string;
  /** on what a clone made, as a label: its id */
  readonly clone: string;
  /** on claims that a clone made: the namespace and the name of the snapshot */
  readonly clonedFrom: string;
  /** on pods that run restored software: the name of their CronJob */
  readonly recovery: string;
  /** on ConfigMap and pod template: what the runner's bytes are */
  readonly checksum: string;
}

const key = (name: string) => `${KEY_PREFIX}${name}`;

export const KEYS: Keys = {
  schedule: key('schedule'),
  claim: key('claim'),
  cutAt: key('cut-at'),
  claimUid: key('claim-uid'),
  group: key('group'),
  claimUids: key('claim-uids'),
  consistency: key('consistency'),
  held: key('held-milliseconds'),
  releasedWithin: key('released-within-milliseconds'),
  scheduledFor: key('scheduled-for'),
  manualRun: key('manual-run'),
  claimSpec: key('claim-spec'),
  verified: key('verified'),
  hold: key('hold'),
  holdUntil: key('hold-until'),
  prunable: key('prunable'),
  upgradeWithoutSnapshotUntil: key('upgrade-without-snapshot-until'),
  fenceProbe: key('fence-probe'),
  restored: key('restored'),
  restoredBy: key('restored-by'),
  restorePlan: key('restore-plan'),
  takenBy: key('taken-by'),
  verifiedAt: key('verified-at'),
  recoverySeconds: key('recovery-seconds'),
  drill: key('drill'),
  clone: key('clone'),
  clonedFrom: key('cloned-from'),
  recovery: key('recovery'),
  checksum: key('runner-checksum'),
};

/** Labels on claims begin so: after it comes the id of a schedule, and the value is the last group that it had them in. */
export const GROUP_MARK_PREFIX = `group.${KEY_PREFIX}`;

/** What schedules call their snapshots, see `snapshotName`; it means the same in CEL. */
export const SNAPSHOT_NAME_PATTERN = '^([a-z0-9][-.a-z0-9]*)-([0-9]{8}-[0-9]{6}|manual)-[0-9a-f]{8}$';

/** Tells GitOps tools and Velero that snapshots made at run time are none of theirs. */
export const FOREIGN_TOOL_LABELS = { 'velero.io/exclude-from-backup': 'true' } as const;
export const FOREIGN_TOOL_ANNOTATIONS = {
  'argocd.argoproj.io/compare-options': 'IgnoreExtraneous',
  'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
} as const;

/** How many things of one kind a run does at once, where the API server or people pay for it. */
export const AT_ONCE = 5;

/** The longest that a run waits, from its start, for a driver that takes no two snapshots of a volume so close together; a longer wait would end it without a word. */
export const LONGEST_WAIT_SECONDS = 600;

/** What `maxNotReady` is unless told otherwise. */
export const MAX_NOT_READY = 3;

/** Names of environment variables of the pod; a quiesce command may have a shell script, which is in one of its own. */
export const ENVIRONMENT = {
  config: 'SNAPSHOT_CONFIG',
  quiesceScript: 'SNAPSHOT_QUIESCE_SCRIPT',
  namespace: 'SNAPSHOT_NAMESPACE',
  jobName: 'SNAPSHOT_JOB_NAME',
  jobUid: 'SNAPSHOT_JOB_UID',
  podName: 'SNAPSHOT_POD_NAME',
} as const;

/**
 * Exit codes of the runner; the Job does not retry what a retry cannot mend. `failed`: the run did all it could, and the message says what failed;
 * `unreachable`: the API server could not be reached, or did nothing but refuse, and another pod may be luckier; `terminated`: by SIGTERM.
 */
export const EXIT = { success: 0, failed: 1, unreachable: 75, terminated: 143 } as const;

/** The document of any kind of run. */
export type AnyConfig = RunnerConfig | OrphansConfig | RestoreConfig | DrillConfig | InventoryConfig | CloneConfig;
