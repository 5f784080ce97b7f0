import { createHash } from 'crypto';
import { Construct } from 'constructs';
import { CsiDriver } from './csi-driver';
import { PreProvisionedSnapshot } from './pre-provisioned-snapshot';
import { chartOf } from './private/api';
import { chooseSnapshots } from './private/inventory-choice';
import { readInventory } from './private/inventory-file';
import { quantityToNumber } from './private/quantity';
import {
  KnownKeys, reject, requireBoolean, requireDnsLabel, requireEnum, requireInteger, requireKind, requireKnownKeys, requireLabels, requireList,
  requireName, requireText,
} from './private/validate';
import { RemovalPolicy } from './removal-policy';
import { readMoment } from './retention/moment';
import { ClaimSpec, Inventory, InventoryEntry, KEYS } from './runner/config';
import { DeletionPolicy, ISnapshotClass } from './snapshot-class';
import { VolumeMode } from './volume-mode';

/**
 * Which snapshots of an inventory are brought into this cluster, and what is called otherwise here.
 */
export interface ImportedSnapshotsProps {
  /**
   * The text of the file that a `SnapshotInventory` exported: `readFileSync('inventory.json', 'utf8')`.
   */
  readonly inventory: string;

  /**
   * Only snapshots of these namespaces, by the names that they had on the other cluster.
   *
   * @default - all namespaces
   */
  readonly namespaces?: string[];

  /**
   * Only snapshots of these claims.
   *
   * @default - all claims
   */
  readonly claims?: string[];

  /**
   * Only snapshots that the schedules with these ids took.
   *
   * @default - all, also those of no schedule
   */
  readonly schedules?: string[];

  /**
   * Only data that was cut at this time or before, such as `2026-02-09T02:00:00Z`: before the intruder came.
   *
   * @default - whenever it was cut
   */
  readonly takenBefore?: string;

  /**
   * So many of the newest snapshots of each claim. More are taken where a drill has found all of these bad: the newest that it has not; and where the newest
   * of a schedule's claims are of several runs: the newest run that has all of them, since a restore takes one run.
   *
   * @default 1
   */
  readonly newestPerClaim?: number;

  /**
   * Also what the other cluster's storage retained though somebody had deleted the VolumeSnapshot; so many of each claim again.
   *
   * @default false
   */
  readonly orphans?: boolean;

  /**
   * The names of namespaces on this cluster, by those on the other.
   *
   * @default - the same names
   */
  readonly newNamespaces?: { [namespace: string]: string };

  /**
   * The drivers of this cluster, by the names of those on the other. They must reach the same storage.
   *
   * @default - the same names
   */
  readonly newDrivers?: { [driver: string]: CsiDriver };

  /**
   * The names of storage classes on this cluster, by those on the other. Restored claims ask for them.
   *
   * @default - the same names
   */
  readonly newStorageClasses?: { [storageClass: string]: string };

  /**
   * The classes whose secrets are used, by the name of the driver on this cluster, for drivers that need some.
   *
   * @default - no class
   */
  readonly snapshotClasses?: { [driver: string]: ISnapshotClass };

  /**
   * By which id of a schedule a `SnapshotRestore` and a `RestoreDrill` find the snapshots. No schedule counts or prunes them, whatever the id.
   *
   * @default - that of the schedule that took them
   */
  readonly scheduleId?: string;

  /**
   * What happens to the snapshots in the storage when their VolumeSnapshots are deleted here.
   *
   * @default DeletionPolicy.RETAIN
   */
  readonly deletionPolicy?: DeletionPolicy;

  /**
   * What happens to the objects when they are removed from the code.
   *
   * @default RemovalPolicy.KEEP
   */
  readonly removalPolicy?: RemovalPolicy;
}

const PROPS: KnownKeys<ImportedSnapshotsProps> = {
  inventory: true,
  namespaces: true,
  claims: true,
  schedules: true,
  takenBefore: true,
  newestPerClaim: true,
  orphans: true,
  newNamespaces: true,
  newDrivers: true,
  newStorageClasses: true,
  snapshotClasses: true,
  scheduleId: true,
  deletionPolicy: true,
  removalPolicy: true,
};

/** By these, tools of the other cluster would take a snapshot for theirs, and delete it. */
const FOREIGN = ['app.kubernetes.io/instance', 'app.kubernetes.io/managed-by', 'argocd.argoproj.io/', 'helm.sh/', 'helm.toolkit.fluxcd.io/', 'kustomize.toolkit.fluxcd.io/'];
const LONGEST_LABEL = 63;

/**
 * The snapshots of another cluster, by the list that its `SnapshotInventory` exported: for the day when it is lost and its storage is not.
 *
 * Defines a `PreProvisionedSnapshot` for each, under its own name and in its own namespace, which must exist. From there on they are snapshots
 * like any other: `SnapshotRestore`, `RestoreDrill` and `RestoredPvc` take them. No schedule counts or prunes them.
 *
 * Creating contents takes cluster-wide rights: whoever may do it can read any snapshot of the storage. Apply it as an administrator.
 *
 * @see https://kubernetes.io/docs/concepts/storage/volume-snapshots/#static
 * @example
 * import { App, Chart } from 'cdk8s';
 * import { ImportedSnapshots } from 'cdk8s-volume-snapshots';
 *
 * // what readFileSync('inventory.json', 'utf8') returns
 * declare const inventory: string;
 * const recovery = new Chart(new App(), 'recovery');
 * new ImportedSnapshots(recovery, 'Import', {
 *   inventory,
 *   namespaces: ['shop'],
 * });
 */
export class ImportedSnapshots extends Construct {
  /**
   * When the inventory was made, by the clock of the other cluster. What was snapshotted later is not in it.
   */
  public readonly madeAt: string;

  private readonly imported: { readonly entry: InventoryEntry; readonly snapshot: PreProvisionedSnapshot }[];

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct
   * @param props which snapshots
   * @throws if the inventory cannot be read or one of its lines is damaged, nothing is selected, two would have one name, or a prop is not valid
   */
  constructor(scope: Construct, id: string, props: ImportedSnapshotsProps) {
    super(scope, id);
    chartOf(this);
    requireTypes(this, props);
    const inventory = readInventory(this, props.inventory);
    this.madeAt = inventory.madeAt;
    requireMaps(this, props, inventory);
    const entries = chooseSnapshots(this, inventory, {
      namespaces: props.namespaces,
      claims: props.claims,
      schedules: props.schedules,
      before: props.takenBefore === undefined ? undefined : Date.parse(props.takenBefore),
      newestPerClaim: props.newestPerClaim ?? 1,
      orphans: props.orphans ?? false,
    });
    requireClasses(this, props, entries);
    this.requireNames(props, entries);
    this.imported = entries.map(entry => ({ entry, snapshot: this.define(props, entry) }));
  }

  /**
   * The snapshots, in the order of the file: by namespace and claim, the newest last.
   */
  public get snapshots(): PreProvisionedSnapshot[] {
    return this.imported.map(({ snapshot }) => snapshot);
  }

  /**
   * The newest imported snapshot of a claim, for a `RestoredPvc`.
   *
   * @param claimName the name of the claim on the other cluster
   * @param namespace the namespace on this cluster; it may be left out if there is such a claim in one alone
   * @returns the snapshot whose data was cut last
   * @throws if no snapshot of the claim is imported, or those of several namespaces are
   */
  public newestOf(claimName: string, namespace?: string): PreProvisionedSnapshot {
    const isIn = (snapshot: PreProvisionedSnapshot) => namespace === undefined || snapshot.namespace === namespace;
    const found = this.imported.filter(({ entry, snapshot }) => entry.claim === claimName && isIn(snapshot));
    const namespaces = [...new Set(found.map(({ snapshot }) => snapshot.namespace))];
    if (namespaces.length !== 1) {
      const known = [...new Set(this.imported.map(({ entry, snapshot }) => `${snapshot.namespace}/${entry.claim}`))];
      reject(this, 'claimName', {
        problem: found.length === 0 ? 'no snapshot of this claim is imported' : `snapshots of such a claim are imported in ${namespaces.join(', ')}`,
        got: claimName,
        allowed: known.join(', '),
        fix: found.length === 0 ? 'correct the name, or select more' : 'name the namespace as well',
      });
    }
    return found.reduce((newest, each) => (Date.parse(each.entry.cutAt) > Date.parse(newest.entry.cutAt) ? each : newest)).snapshot;
  }

  private requireNames(props: ImportedSnapshotsProps, entries: readonly InventoryEntry[]): void {
    const known = new Map<string, InventoryEntry>();
    for (const entry of entries) {
      const name = `${namespaceOf(props, entry)}/${entry.name}`;
      const other = known.get(name);
      if (other) {
        reject(this, 'inventory', {
          problem: `two snapshots would be called '${name}': of handle '${other.handle}', and of handle '${entry.handle}'`,
          got: `'${other.namespace}/${other.name}' and '${entry.namespace}/${entry.name}'`,
          allowed: 'one of a name in a namespace',
          fix: 'import each by an ImportedSnapshots of its own into another namespace, or select one of the two',
        });
      }
      known.set(name, entry);
    }
  }

  private define(props: ImportedSnapshotsProps, entry: InventoryEntry): PreProvisionedSnapshot {
    const driver = driverOf(props, entry);
    const namespace = namespaceOf(props, entry);
    return new PreProvisionedSnapshot(this, `${namespace}.${entry.name}`, {
      metadata: { name: entry.name, namespace, labels: labelsOf(entry), annotations: annotationsOf(props, entry) },
      driver,
      snapshotHandle: entry.handle,
      sourceVolumeMode: (entry.volumeMode ?? entry.claimSpec?.volumeMode) as VolumeMode | undefined,
      snapshotClass: props.snapshotClasses?.[driver.name],
      deletionPolicy: props.deletionPolicy,
      removalPolicy: props.removalPolicy,
    });
  }
}

const namespaceOf = ({ newNamespaces }: ImportedSnapshotsProps, { namespace }: InventoryEntry) => newNamespaces?.[namespace] ?? namespace;

function driverOf({ newDrivers }: ImportedSnapshotsProps, { driver }: InventoryEntry): CsiDriver {
  return newDrivers?.[driver] ?? CsiDriver.of(driver);
}

function labelsOf({ claim, claimUid, consistency, labels = {}, verified }: InventoryEntry): { [key: string]: string } {
  return {
    ...Object.fromEntries(Object.entries(labels).filter(([key]) => !FOREIGN.some(prefix => key.startsWith(prefix)) && key !== KEYS.schedule)),
    ...claim !== undefined && { [KEYS.claim]: labelValue(claim) },
    ...claimUid !== undefined && { [KEYS.claimUid]: claimUid },
    ...consistency !== undefined && { [KEYS.consistency]: consistency },
    ...verified !== undefined && { [KEYS.verified]: `${verified}` },
  };
}

/** The schedule in an annotation: by a label, one of this id on this cluster would count the snapshots, and prune them. */
function annotationsOf(props: ImportedSnapshotsProps, entry: InventoryEntry): { [key: string]: string } {
  const { annotations, claim, cutAt, schedule } = entry;
  const takenBy = props.scheduleId ?? schedule;
  const spec = claimSpecOf(props, entry);
  return {
    ...annotations,
    [KEYS.cutAt]: cutAt,
    ...claim !== undefined && { [KEYS.claim]: claim },
    ...takenBy !== undefined && { [KEYS.takenBy]: takenBy },
    ...spec && { [KEYS.claimSpec]: JSON.stringify(spec) },
  };
}

/** What a claim with the data must ask for. A driver that does not list its snapshots does not say the size again. */
function claimSpecOf({ newStorageClasses }: ImportedSnapshotsProps, { claimSpec, restoreSize, volumeMode }: InventoryEntry): ClaimSpec | undefined {
  const sizes = [claimSpec?.storage, restoreSize ? `${restoreSize}` : undefined].filter(size => size !== undefined);
  if (sizes.length === 0) { return undefined; }
  const { storageClassName } = claimSpec ?? {};
  return {
    volumeMode,
    ...claimSpec,
    ...storageClassName !== undefined && { storageClassName: newStorageClasses?.[storageClassName] ?? storageClassName },
    storage: sizes.reduce((most, size) => (quantityToNumber(size)! > quantityToNumber(most)! ? size : most)),
  };
}

/** As schedules shorten it; the whole name is in an annotation. */
function labelValue(name: string): string {
  if (name.length <= LONGEST_LABEL) { return name; }
  return `${name.slice(0, LONGEST_LABEL - 9).replace(/[-.]+$/, '')}-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}

/** What the compiler knows of the props already, for those who write in another language. */
function requireTypes(origin: ImportedSnapshots, props: ImportedSnapshotsProps): void {
  requireKnownKeys(origin, props, PROPS);
  for (const [prop, names] of Object.entries({ namespaces: props.namespaces, claims: props.claims, schedules: props.schedules })) {
    requireList(origin, prop, names);
    names?.forEach(name => requireText(origin, prop, name));
    if (names?.length === 0) { reject(origin, prop, { problem: 'nothing would be selected', got: [], allowed: 'at least one name', fix: 'leave it out to mean all' }); }
  }
  const { takenBefore } = props;
  if (takenBefore !== undefined && (typeof takenBefore !== 'string' || readMoment(takenBefore) === undefined)) {
    reject(origin, 'takenBefore', {
      problem: 'not a time', got: takenBefore, allowed: 'a time with its zone', fix: 'write for example 2026-02-09T02:00:00Z or 2026-02-09T03:00:00+01:00',
    });
  }
  if (props.newestPerClaim !== undefined) { requireInteger(origin, 'newestPerClaim', props.newestPerClaim, 1); }
  requireBoolean(origin, 'orphans', props.orphans);
  if (props.scheduleId !== undefined) {
    requireText(origin, 'scheduleId', props.scheduleId);
    requireLabels(origin, 'scheduleId', { [KEYS.schedule]: props.scheduleId });
  }
  requireEnum(origin, 'deletionPolicy', props.deletionPolicy, DeletionPolicy);
  requireEnum(origin, 'removalPolicy', props.removalPolicy, RemovalPolicy);
}

/** A name that is misspelled in a map would leave its snapshots as they were. */
function requireMaps(origin: ImportedSnapshots, props: ImportedSnapshotsProps, { snapshots }: Inventory): void {
  requireKeysOf(origin, 'newNamespaces', props.newNamespaces, snapshots.map(({ namespace }) => namespace));
  requireKeysOf(origin, 'newDrivers', props.newDrivers, snapshots.map(({ driver }) => driver));
  requireKeysOf(origin, 'newStorageClasses', props.newStorageClasses, snapshots.map(({ claimSpec }) => claimSpec?.storageClassName));
  Object.values(props.newNamespaces ?? {}).forEach(name => requireDnsLabel(origin, 'newNamespaces', name));
  Object.values(props.newDrivers ?? {}).forEach(driver => requireKind(origin, 'newDrivers', driver, 'CsiDriver'));
  Object.values(props.newStorageClasses ?? {}).forEach(name => requireName(origin, 'newStorageClasses', name));
}

function requireClasses(origin: ImportedSnapshots, props: ImportedSnapshotsProps, entries: readonly InventoryEntry[]): void {
  requireKeysOf(origin, 'snapshotClasses', props.snapshotClasses, entries.map(entry => driverOf(props, entry).name));
  Object.values(props.snapshotClasses ?? {}).forEach(snapshotClass => requireKind(origin, 'snapshotClasses', snapshotClass, 'ISnapshotClass'));
}

function requireKeysOf(origin: ImportedSnapshots, prop: string, map: object | undefined, known: readonly (string | undefined)[]): void {
  if (map !== undefined && (typeof map !== 'object' || map === null || Array.isArray(map))) {
    reject(origin, prop, { problem: 'not a map', got: map, allowed: 'an object of keys and values', fix: "write { 'old': … }" });
  }
  const stranger = Object.keys(map ?? {}).find(key => !known.includes(key));
  if (stranger !== undefined) {
    reject(origin, prop, {
      problem: 'the snapshots of the inventory have no such name', got: stranger, allowed: [...new Set(known)].filter(Boolean).join(', '), fix: 'correct the name, or leave it out',
    });
  }
}
