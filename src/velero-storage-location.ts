import { ApiObjectMetadata, Duration } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { registerChartChecks } from './private/chart-checks';
import {
  KnownKeys, reject, requireBoolean, requireEnum, requireKnownKeys, requireName, requireText,
} from './private/validate';
import { defineVeleroObject, goDuration, requireVeleroDuration, requireVeleroMetadata, veleroMetadata } from './private/velero';

/**
 * What Velero may do in a storage location.
 */
export enum VeleroAccessMode {
  /** Backups are written and restored. */
  READ_WRITE = 'ReadWrite',

  /** Backups of another cluster are restored, and none is written or deleted. */
  READ_ONLY = 'ReadOnly',
}

/**
 * One key of a Secret in the namespace of Velero. What is in it is in no manifest.
 */
export interface VeleroSecretKey {
  /**
   * Name of the Secret.
   */
  readonly name: string;

  /**
   * The key in the Secret.
   */
  readonly key: string;
}

/**
 * A BackupStorageLocation, defined here or elsewhere.
 */
export interface IVeleroStorageLocation extends IConstruct {
  /**
   * Name of the BackupStorageLocation.
   */
  readonly storageLocationName: string;

  /**
   * Its namespace, which is that of Velero.
   *
   * @default - not known, if the location is defined elsewhere
   */
  readonly namespace?: string;

  /**
   * What Velero may do there.
   *
   * @default - not known, if the location is defined elsewhere
   */
  readonly accessMode?: VeleroAccessMode;
}

/**
 * Where backups are stored.
 */
export interface VeleroStorageLocationProps {
  /**
   * Name, labels and annotations; the name has at most 63 characters.
   *
   * @default - a name made of the construct's path, in the namespace `velero`, whatever that of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * The provider, as its plugin calls it, such as `aws`, `azure` or `gcp`.
   *
   * @see https://velero.io/docs/v1.18/supported-providers/
   */
  readonly provider: string;

  /**
   * The bucket, or the container of Azure.
   */
  readonly bucket: string;

  /**
   * The folder in the bucket, for buckets of several clusters.
   *
   * @default - the root of the bucket
   */
  readonly prefix?: string;

  /**
   * What else the plugin wants to know, such as `region` and `s3Url`, in its words.
   *
   * @default - nothing
   */
  readonly config?: { [name: string]: string };

  /**
   * The Secret with the credentials of this location.
   *
   * @default - the credentials that Velero was installed with
   */
  readonly credential?: VeleroSecretKey;

  /**
   * The Secret with the certificates of the authority that the storage's certificate is signed by. Needs Velero 1.18.
   *
   * @default - those that every system trusts
   */
  readonly certificateAuthority?: VeleroSecretKey;

  /**
   * What Velero may do there.
   *
   * @default VeleroAccessMode.READ_WRITE
   */
  readonly accessMode?: VeleroAccessMode;

  /**
   * Whether backups go there that name no location. Not with `VeleroAccessMode.READ_ONLY`.
   *
   * @default false
   */
  readonly defaultLocation?: boolean;

  /**
   * How often Velero looks for backups of other clusters there; at least a second.
   *
   * @default - as the server is told, which is each minute
   */
  readonly backupSyncPeriod?: Duration;

  /**
   * How often Velero looks whether the storage can be reached; at least a second.
   *
   * @default - as the server is told, which is each minute
   */
  readonly validationFrequency?: Duration;
}

const PROPS: KnownKeys<VeleroStorageLocationProps> = {
  metadata: true,
  provider: true,
  bucket: true,
  prefix: true,
  config: true,
  credential: true,
  certificateAuthority: true,
  accessMode: true,
  defaultLocation: true,
  backupSyncPeriod: true,
  validationFrequency: true,
};

/** Keys of the configuration of plugins whose values are secrets. */
const SECRETS = /secret|password|(access|account).?key|token/i;
/** Names of variables in the Secret, of files, and of keys at other places. */
const NAMES_OF_SECRETS = /(file|envvar|id|arn|name|uri)$/i;

/**
 * A BackupStorageLocation: object storage that Velero writes backups to, and finds them in.
 *
 * @see https://velero.io/docs/v1.18/api-types/backupstoragelocation/
 * @example
 * import { App, Chart } from 'cdk8s';
 * import { VeleroStorageLocation } from 'cdk8s-volume-snapshots';
 *
 * const chart = new Chart(new App(), 'platform');
 * new VeleroStorageLocation(chart, 'Frankfurt', {
 *   provider: 'aws',
 *   bucket: 'example-backups',
 *   prefix: 'production',
 *   config: { region: 'eu-central-1' },
 *   credential: { name: 'velero-aws', key: 'cloud' },
 *   defaultLocation: true,
 * });
 */
export class VeleroStorageLocation extends Construct implements IVeleroStorageLocation {
  /**
   * A BackupStorageLocation that is defined elsewhere, such as by the chart of Velero.
   *
   * @param scope where the reference is defined
   * @param id id of the reference
   * @param name name of the BackupStorageLocation
   * @example
   * import { App, Chart } from 'cdk8s';
   * import { VeleroStorageLocation } from 'cdk8s-volume-snapshots';
   *
   * VeleroStorageLocation.fromStorageLocationName(new Chart(new App(), 'shop'), 'Default', 'default');
   */
  public static fromStorageLocationName(scope: Construct, id: string, name: string): IVeleroStorageLocation {
    return new ImportedStorageLocation(scope, id, name);
  }

  /**
   * Name of the BackupStorageLocation.
   */
  public readonly storageLocationName: string;

  /**
   * Its namespace, which is that of Velero.
   *
   * @default - always set
   */
  public readonly namespace?: string;

  /**
   * What Velero may do there.
   *
   * @default - always set
   */
  public readonly accessMode?: VeleroAccessMode;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct; a new id is a new location
   * @param props which storage
   * @throws if a prop is not valid, or looks as if it had a secret in it
   */
  constructor(scope: Construct, id: string, props: VeleroStorageLocationProps) {
    super(scope, id);
    requireKnownKeys(this, props, PROPS);
    requireVeleroMetadata(this, props.metadata);
    requireText(this, 'provider', props.provider);
    requireName(this, 'provider', props.provider.split('/').pop()!);
    requireBucket(this, props);
    requireConfig(this, props.config);
    requireSecretKey(this, 'credential', props.credential);
    requireSecretKey(this, 'certificateAuthority', props.certificateAuthority);
    requireEnum(this, 'accessMode', props.accessMode, VeleroAccessMode);
    this.accessMode = props.accessMode ?? VeleroAccessMode.READ_WRITE;
    requireBoolean(this, 'defaultLocation', props.defaultLocation);
    if (props.defaultLocation && this.accessMode === VeleroAccessMode.READ_ONLY) {
      reject(this, 'defaultLocation', {
        problem: 'backups that name no location would fail, since none is written to this one', got: true, allowed: 'false, with READ_ONLY', fix: 'make another location the default one',
      });
    }
    requireVeleroDuration(this, 'backupSyncPeriod', props.backupSyncPeriod);
    requireVeleroDuration(this, 'validationFrequency', props.validationFrequency);

    this.namespace = veleroMetadata(props.metadata).namespace;
    const { config, credential, certificateAuthority, backupSyncPeriod, validationFrequency } = props;
    const object = defineVeleroObject(this, 'BackupStorageLocation', props.metadata, {
      provider: props.provider,
      objectStorage: { bucket: props.bucket, prefix: props.prefix, caCertRef: certificateAuthority && { ...certificateAuthority } },
      config: config && { ...config },
      credential: credential && { ...credential },
      accessMode: this.accessMode,
      default: props.defaultLocation ?? false,
      backupSyncPeriod: backupSyncPeriod && goDuration(backupSyncPeriod),
      validationFrequency: validationFrequency && goDuration(validationFrequency),
    });
    this.storageLocationName = object.name;
    registerChartChecks(this);
  }
}

class ImportedStorageLocation extends Construct implements IVeleroStorageLocation {
  public readonly storageLocationName: string;
  public readonly namespace?: string;
  public readonly accessMode?: VeleroAccessMode;

  constructor(scope: Construct, id: string, name: string) {
    super(scope, id);
    requireName(this, 'name', name);
    this.storageLocationName = name;
  }
}

function requireBucket(origin: Construct, { bucket, prefix }: VeleroStorageLocationProps): void {
  requireText(origin, 'bucket', bucket);
  if (!/^[A-Za-z0-9][-_.A-Za-z0-9]*$/.test(bucket)) {
    reject(origin, 'bucket', { problem: 'not the name of a bucket', got: bucket, allowed: 'the name alone', fix: 'write a folder in it as prefix, and an address as config.s3Url' });
  }
  if (prefix === undefined) { return; }
  requireText(origin, 'prefix', prefix);
  if (!/^[^/]+(\/[^/]+)*$/.test(prefix)) {
    reject(origin, 'prefix', { problem: 'not a folder', got: prefix, allowed: 'names with / between them', fix: 'leave out / at the beginning and at the end' });
  }
}

function requireConfig(origin: Construct, config: { [name: string]: string } = {}): void {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    reject(origin, 'config', { problem: 'not a map', got: config, allowed: 'an object of names and texts', fix: "write { region: '...' }" });
  }
  for (const [name, value] of Object.entries(config)) {
    requireText(origin, `config.${name}`, value);
    if (SECRETS.test(name) && !NAMES_OF_SECRETS.test(name)) {
      reject(origin, `config.${name}`, {
        problem: 'this looks like a secret, and manifests are read by many', got: '…', allowed: 'what is no secret', fix: 'put it into a Secret, and name that as credential',
      });
    }
  }
}

function requireSecretKey(origin: Construct, prop: string, secret: VeleroSecretKey | undefined): void {
  if (secret === undefined) { return; }
  requireKnownKeys(origin, secret, { name: true, key: true }, prop);
  requireName(origin, `${prop}.name`, secret.name);
  requireText(origin, `${prop}.key`, secret.key);
  if (!/^[-._a-zA-Z0-9]{1,253}$/.test(secret.key)) {
    reject(origin, `${prop}.key`, { problem: 'not a key of a Secret', got: secret.key, allowed: 'letters, digits, -, _ and .', fix: 'name the key, and not what is in it' });
  }
}
