import { Duration } from 'cdk8s';
import {
  AwsEbsOptions, AzureDiskOptions, CephRbdOptions, CsiDriverOptions, GcePersistentDiskOptions, LonghornOptions,
  LonghornSnapshotType, PortworxOptions, PortworxSnapshotType,
} from './csi-driver-options';
import {
  AWS_EBS, AZURE_DISK, CEPH_RBD, GCE_PERSISTENT_DISK, LONGHORN, PORTWORX, SNAPSHOTTER_SECRET,
  driverFacts, maxSnapshotsPerVolume, requireParameters, requireSnapshots, secretOf, secretParameters,
} from './private/driver-facts';
import { reject, requireDnsLabel, requireDuration, requireInteger, requireKind, requireList, requireName, requireText } from './private/validate';
import { SecretReference } from './secret-reference';

/**
 * A CSI driver with what it should do when it takes a snapshot.
 *
 * What a driver is known to refuse at every snapshot, from a misspelled parameter to a lock without an end, is refused here.
 *
 * @see https://kubernetes-csi.github.io/docs/drivers.html
 */
export class CsiDriver {
  /**
   * AWS Elastic Block Store, `ebs.csi.aws.com`.
   *
   * @param options what to do at every snapshot
   * @see https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/snapshot.md
   * @example
   * import { Duration } from 'cdk8s';
   * import { CsiDriver, EbsLockMode } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.awsEbs({
   *   tags: { team: 'payments' },
   *   lockMode: EbsLockMode.GOVERNANCE,
   *   lockDuration: Duration.days(7),
   * });
   */
  public static awsEbs(options: AwsEbsOptions = {}): CsiDriver {
    const origin = 'CsiDriver.awsEbs';
    requireList(origin, 'fastSnapshotRestoreAvailabilityZones', options.fastSnapshotRestoreAvailabilityZones);
    const tags = pairs(origin, 'tags', options.tags, '=', { keys: ['='], values: [] }).map((tag, index) => [`tagSpecification_${index + 1}`, tag]);
    return new CsiDriver(origin, AWS_EBS, given({
      fastSnapshotRestoreAvailabilityZones: options.fastSnapshotRestoreAvailabilityZones?.join(','),
      outpostArn: options.outpostArn,
      lockMode: options.lockMode,
      lockDuration: whole(origin, 'lockDuration', options.lockDuration, Duration.days(1)),
      lockExpirationDate: options.lockExpirationDate,
      lockCoolOffPeriod: whole(origin, 'lockCoolOffPeriod', options.lockCoolOffPeriod, Duration.hours(1)),
      ...Object.fromEntries(tags),
    }), (parameter) => parameter.startsWith('tagSpecification') ? 'tags' : parameter);
  }

  /**
   * Compute Engine persistent disks, `pd.csi.storage.gke.io`.
   *
   * @param options what to do at every snapshot
   * @see https://github.com/kubernetes-sigs/gcp-compute-persistent-disk-csi-driver/blob/master/docs/kubernetes/user-guides/snapshots.md
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.gcePersistentDisk({ storageLocation: 'europe-west3', labels: { team: 'payments' } });
   */
  public static gcePersistentDisk(options: GcePersistentDiskOptions = {}): CsiDriver {
    const origin = 'CsiDriver.gcePersistentDisk';
    const props: { [parameter: string]: string } = {
      'snapshot-type': 'snapshotType',
      'image-family': 'imageFamily',
      'storage-locations': 'storageLocation',
      'resource-tags': 'resourceTags',
    };
    return new CsiDriver(origin, GCE_PERSISTENT_DISK, given({
      'snapshot-type': options.snapshotType,
      'image-family': options.imageFamily,
      'storage-locations': options.storageLocation,
      'labels': joined(pairs(origin, 'labels', options.labels, '=', { keys: ['=', ','], values: [','] })),
      'resource-tags': joined(pairs(origin, 'resourceTags', options.resourceTags, '/', { keys: [','], values: [','] })),
    }), (parameter) => props[parameter] ?? parameter);
  }

  /**
   * Azure managed disks, `disk.csi.azure.com`.
   *
   * @param options what to do at every snapshot
   * @see https://github.com/kubernetes-sigs/azuredisk-csi-driver/blob/master/docs/driver-parameters.md#volumesnapshotclass
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.azureDisk({ resourceGroup: 'backups', location: 'northeurope', tags: { team: 'payments' } });
   */
  public static azureDisk(options: AzureDiskOptions = {}): CsiDriver {
    const origin = 'CsiDriver.azureDisk';
    // an empty delimiter is refused with the other parameters
    const delimiter = options.tagValueDelimiter || ',';
    const separators = { keys: ['=', delimiter], values: [delimiter], fix: 'change it, or set another tagValueDelimiter' };
    const props: { [parameter: string]: string } = { subscriptionID: 'subscriptionId', instantAccessDurationMinutes: 'instantAccessDuration' };
    return new CsiDriver(origin, AZURE_DISK, given({
      incremental: options.incremental?.toString(),
      resourceGroup: options.resourceGroup,
      subscriptionID: options.subscriptionId,
      location: options.location,
      tags: joined(pairs(origin, 'tags', options.tags, '=', separators), delimiter),
      tagValueDelimiter: options.tagValueDelimiter,
      dataAccessAuthMode: options.dataAccessAuthMode,
      networkAccessPolicy: options.networkAccessPolicy,
      publicNetworkAccess: options.publicNetworkAccess,
      userAgent: options.userAgent,
      instantAccessDurationMinutes: whole(origin, 'instantAccessDuration', options.instantAccessDuration, Duration.minutes(1)),
    }), (parameter) => props[parameter] ?? parameter);
  }

  /**
   * Ceph RBD images, `rbd.csi.ceph.com`, or with Rook `<namespace of the operator>.rbd.csi.ceph.com`.
   *
   * @param options which cluster, and what to do at every snapshot
   * @see https://rook.io/docs/rook/latest/Storage-Configuration/Ceph-CSI/ceph-csi-snapshot/
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.cephRbd({
   *   operatorNamespace: 'rook-ceph',
   *   clusterId: 'rook-ceph',
   *   snapshotterSecret: { name: 'rook-csi-rbd-provisioner', namespace: 'rook-ceph' },
   * });
   */
  public static cephRbd(options: CephRbdOptions): CsiDriver {
    const origin = 'CsiDriver.cephRbd';
    if (options.operatorNamespace !== undefined) {
      // the name of a driver has at most 63 characters
      requireDnsLabel(origin, 'operatorNamespace', options.operatorNamespace, 63 - `.${CEPH_RBD}`.length);
    }
    const name = options.operatorNamespace === undefined ? CEPH_RBD : `${options.operatorNamespace}.${CEPH_RBD}`;
    return new CsiDriver(origin, name, given({
      clusterID: options.clusterId,
      snapshotNamePrefix: options.snapshotNamePrefix,
      ...secretParameters(SNAPSHOTTER_SECRET, options.snapshotterSecret),
    }), (parameter) => parameter === 'clusterID' ? 'clusterId' : secretProp(parameter));
  }

  /**
   * Longhorn volumes, `driver.longhorn.io`.
   *
   * @param options what to do at every snapshot
   * @see https://longhorn.io/docs/latest/snapshots-and-backups/csi-snapshot-support/
   * @example
   * import { CsiDriver, LonghornSnapshotType } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.longhorn({ type: LonghornSnapshotType.BACKUP });
   */
  public static longhorn(options: LonghornOptions = {}): CsiDriver {
    const origin = 'CsiDriver.longhorn';
    if (options.maxSnapshotsPerVolume !== undefined) { requireInteger(origin, 'maxSnapshotsPerVolume', options.maxSnapshotsPerVolume, 2, 250); }
    return new CsiDriver(origin, LONGHORN, given({
      'type': options.type ?? LonghornSnapshotType.SNAPSHOT,
      'backupMode': options.backupMode,
      'export-type': options.exportType,
    }), (parameter) => parameter === 'export-type' ? 'exportType' : parameter, options.maxSnapshotsPerVolume);
  }

  /**
   * Portworx volumes, `pxd.portworx.com`.
   *
   * @param options what to do at every snapshot
   * @see https://docs.portworx.com/portworx-enterprise/operations/create-snapshots
   * @example
   * import { CsiDriver, PortworxSnapshotType } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.portworx({
   *   snapshotType: PortworxSnapshotType.CLOUD,
   *   snapshotterSecret: { name: 'px-user-token', namespace: 'portworx' },
   * });
   */
  public static portworx(options: PortworxOptions = {}): CsiDriver {
    const props: { [parameter: string]: string } = {
      'csi.openstorage.org/snapshot-type': 'snapshotType',
      'csi.openstorage.org/snapshot-credential-id': 'credentialId',
      'csi.openstorage.org/snapshot-incremental-count': 'incrementalCount',
    };
    return new CsiDriver('CsiDriver.portworx', PORTWORX, given({
      'csi.openstorage.org/snapshot-type': options.snapshotType ?? PortworxSnapshotType.LOCAL,
      'csi.openstorage.org/snapshot-credential-id': options.credentialId,
      'csi.openstorage.org/snapshot-incremental-count': options.incrementalCount?.toString(),
      ...secretParameters(SNAPSHOTTER_SECRET, options.snapshotterSecret),
    }), (parameter) => props[parameter] ?? secretProp(parameter));
  }

  /**
   * Any other driver, by the name of its `CSIDriver` object.
   *
   * The drivers that have a factory of their own are checked as there.
   *
   * @param name the name, as `kubectl get csidrivers` shows it
   * @param options what to do at every snapshot, and the driver's limits
   * @see https://kubernetes-csi.github.io/docs/drivers.html
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.of('cinder.csi.openstack.org', { parameters: { 'force-create': 'true' } });
   */
  public static of(name: string, options: CsiDriverOptions = {}): CsiDriver {
    const origin = 'CsiDriver.of';
    requireText(origin, 'name', name);
    // unlike other names, that of a driver may have capital letters
    requireName(origin, 'name', name.toLowerCase(), 63);
    if (options.maxSnapshotsPerVolume !== undefined) { requireInteger(origin, 'maxSnapshotsPerVolume', options.maxSnapshotsPerVolume, 1); }
    if (options.minimumInterval) { requireDuration(origin, 'minimumInterval', options.minimumInterval, Duration.seconds(1), Duration.days(365)); }
    return new CsiDriver(
      origin, name, options.parameters ?? {}, (parameter) => `parameters.${parameter}`, options.maxSnapshotsPerVolume, options.minimumInterval,
    );
  }

  /**
   * Name of the driver, as in the field `driver` of a class.
   */
  public readonly name: string;

  /**
   * How many snapshots of one volume the driver keeps.
   *
   * @default - no limit is known
   */
  public readonly maxSnapshotsPerVolume?: number;

  /**
   * How long the driver makes a volume wait between two snapshots.
   *
   * @default - no interval is known
   */
  public readonly minimumInterval?: Duration;

  /**
   * The Secret with which snapshots are taken and deleted.
   *
   * @default - the driver needs no Secret, or the class names it
   */
  public readonly snapshotSecret?: SecretReference;

  private readonly _parameters: { [name: string]: string };

  private constructor(
    origin: string,
    name: string,
    parameters: { [name: string]: string },
    propOf: (parameter: string) => string,
    limit?: number,
    interval?: Duration,
  ) {
    requireSnapshots(origin, 'name', name);
    requireParameters(origin, name, parameters, propOf);
    const seconds = driverFacts(name).minimumIntervalSeconds;
    this.name = name;
    this._parameters = { ...parameters };
    this.maxSnapshotsPerVolume = limit ?? maxSnapshotsPerVolume(name, parameters);
    this.minimumInterval = interval ?? (seconds === undefined ? undefined : Duration.seconds(seconds));
    this.snapshotSecret = secretOf(SNAPSHOTTER_SECRET, parameters);
  }

  /**
   * Parameters of the class, as the driver reads them.
   */
  public get parameters(): { [name: string]: string } {
    return { ...this._parameters };
  }
}

/** The parameters that have a value. */
function given(parameters: { [name: string]: string | undefined }): { [name: string]: string } {
  return Object.fromEntries(Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** A duration as a number of whole units. */
function whole(origin: string, prop: string, value: Duration | undefined, unit: Duration): string | undefined {
  if (value === undefined) { return undefined; }
  requireKind(origin, prop, value, 'Duration');
  const units = value.toMilliseconds({ integral: false }) / unit.toMilliseconds();
  if (!Number.isInteger(units)) {
    reject(origin, prop, { problem: 'the driver counts in whole units', got: value, allowed: `a multiple of ${unit.toHumanString()}`, fix: 'round it' });
  }
  return units.toString();
}

/** What a key and a value must not contain, because the driver splits them there. */
interface Separators {
  readonly keys: string[];
  readonly values: string[];
  readonly fix?: string;
}

/** Keys and values in the order of the keys, since not every language keeps the order of a map. */
function pairs(origin: string, prop: string, map: { [key: string]: string } | undefined, between: string, separators: Separators): string[] {
  return Object.entries(map ?? {}).sort(([a], [b]) => a < b ? -1 : 1).map(([key, value]) => {
    requireText(origin, `${prop}.${key}`, value);
    const inKey = separators.keys.find((separator) => key.includes(separator));
    const separator = inKey ?? separators.values.find((text) => value.includes(text));
    if (separator !== undefined) {
      reject(origin, prop, {
        problem: `the driver splits at '${separator}'`,
        got: `${key}${between}${value}`,
        allowed: `a ${inKey === undefined ? 'value' : 'key'} without '${separator}'`,
        fix: separators.fix ?? 'change it',
      });
    }
    return `${key}${between}${value}`;
  });
}

function joined(texts: string[], separator = ','): string | undefined {
  return texts.length === 0 ? undefined : texts.join(separator);
}

function secretProp(parameter: string): string {
  return parameter.startsWith(SNAPSHOTTER_SECRET) ? parameter.replace(`${SNAPSHOTTER_SECRET}-`, 'snapshotterSecret.') : parameter;
}
