import { DriverFacts, isRfc3339, list, matching, notEmpty, oneOf, oneOfAnyCase, Parameters, wholeNumber } from './driver-rules';
import { SNAPSHOTTER_SECRET } from './driver-secrets';
import { azureFileMetadataProblem, azureTagProblem, ebsTagProblem, jsonMapProblem } from './driver-tags';

export const AWS_EBS = 'ebs.csi.aws.com';
export const GCE_PERSISTENT_DISK = 'pd.csi.storage.gke.io';
export const FILESTORE = 'filestore.csi.storage.gke.io';
export const AZURE_DISK = 'disk.csi.azure.com';
export const AZURE_FILE = 'file.csi.azure.com';
export const DIGITAL_OCEAN = 'dobs.csi.digitalocean.com';
export const SCALEWAY = 'csi.scaleway.com';
export const EXOSCALE = 'csi.exoscale.com';
export const CINDER = 'cinder.csi.openstack.org';
export const MANILA = 'manila.csi.openstack.org';
export const OCI_BLOCK_VOLUME = 'blockvolume.csi.oraclecloud.com';
export const OCI_DEFINED_TAGS = 'oci.oraclecloud.com/defined-tags';
export const OCI_FREEFORM_TAGS = 'oci.oraclecloud.com/freeform-tags';
export const ALIBABA_DISK = 'diskplugin.csi.alibabacloud.com';
export const IBM_VPC_BLOCK = 'vpc.block.csi.ibm.io';

const DAY_SECONDS = 86_400;
const GOOGLE_LABELS = list(/^ *\p{Ll}[\p{Ll}0-9_-]{0,62} *= *[\p{Ll}0-9_-]{0,63} *$/u, 64,
  'at most 64 pairs key=value of lower-case letters, digits, _ and -, the key starting with a letter');

/** The drivers of cloud providers. */
export const CLOUD_DRIVERS: readonly DriverFacts[] = [
  {
    product: 'AWS EBS',
    names: [AWS_EBS],
    factory: 'awsEbs',
    groups: false,
    kinds: [{ is: 'an EBS snapshot; volumes in every zone of the region', afterVolume: 'stay' }],
    strict: true,
    prefix: 'tagSpecification',
    parameters: {
      fastSnapshotRestoreAvailabilityZones: matching(/^[a-z0-9-]+( *, *[a-z0-9-]+)*$/, 'names of zones, such as eu-central-1a, with commas between'),
      outpostArn: matching(/^arn(:[^:]*){4}:.+$/, 'an ARN, such as arn:aws:outposts:us-west-2:111122223333:outpost/op-0d4579457ff2dc345'),
      lockMode: oneOf('governance', 'compliance'),
      lockDuration: wholeNumber(1, 36500, 'days'),
      lockExpirationDate: { allowed: 'a date and time of RFC 3339, such as 2030-12-31T23:59:59Z', accepts: isRfc3339 },
      lockCoolOffPeriod: wholeNumber(1, 72, 'hours'),
    },
    combinations: [
      ...['lockDuration', 'lockExpirationDate', 'lockCoolOffPeriod'].map((parameter) => ({
        parameter,
        broken: (given: Parameters) => parameter in given && !('lockMode' in given),
        problem: 'nothing is locked without a lockMode',
        allowed: 'together with lockMode only',
        fix: 'set lockMode, or leave it out',
      })),
      {
        parameter: 'lockExpirationDate',
        broken: (given) => 'lockExpirationDate' in given && 'lockDuration' in given,
        problem: 'a lock ends after a duration or at a date',
        allowed: 'lockDuration or lockExpirationDate',
        fix: 'leave one of the two out',
      },
      {
        parameter: 'lockMode',
        broken: (given) => 'lockMode' in given && !('lockExpirationDate' in given) && !('lockDuration' in given),
        problem: 'EC2 refuses a lock without an end',
        allowed: 'together with lockDuration or lockExpirationDate',
        fix: 'say how long a snapshot stays locked',
      },
      {
        parameter: 'lockCoolOffPeriod',
        broken: (given) => 'lockCoolOffPeriod' in given && given.lockMode === 'governance',
        problem: 'a lock in governance mode has no cooling-off period, it can be lifted at any time',
        allowed: 'with the lockMode compliance only',
        fix: 'leave it out, or lock in compliance mode',
      },
    ],
    further: ebsTagProblem,
    minimumIntervalSeconds: 15,
    // one, for volumes of the types st1 and sc1
    maxPendingPerVolume: 5,
    lockedSeconds: ({ lockDuration }) => lockDuration === undefined ? undefined : Number(lockDuration) * DAY_SECONDS,
    lockedUntil: ({ lockExpirationDate }) => lockExpirationDate,
  },
  {
    product: 'Compute Engine persistent disks',
    names: [GCE_PERSISTENT_DISK],
    factory: 'gcePersistentDisk',
    groups: false,
    kinds: [
      { called: 'snapshotType: IMAGES', chosen: (given) => given['snapshot-type'] === 'images', is: 'a disk image; volumes in every zone', afterVolume: 'stay' },
      { called: 'snapshotType: SNAPSHOTS', is: 'a disk snapshot; volumes in every zone', afterVolume: 'stay' },
    ],
    strict: true,
    parameters: {
      'snapshot-type': oneOf('snapshots', 'images'),
      'image-family': matching(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/, 'at most 63 lower-case letters, digits and -, starting with a letter'),
      'storage-locations': matching(/^ *([a-z]+|[a-z]+-[a-z]+[0-9]{1,2}) *$/i, 'one region such as europe-west3, or one multi-region such as eu'),
      'labels': GOOGLE_LABELS,
      'resource-tags': list(/^ *([1-9][0-9]{0,31}|[a-z][a-z0-9-]{4,28}[a-z0-9])\/[a-zA-Z0-9]([\w.-]{0,61}[a-zA-Z0-9])?\/[a-zA-Z0-9]([\w.@%=+:*#&()[\]{}\-\s]{0,61}[a-zA-Z0-9])? *$/, 50,
        'at most 50 of the form parent/key/value, the parent being the id of an organization or project'),
    },
    combinations: [{
      parameter: 'image-family',
      broken: (given) => 'image-family' in given && given['snapshot-type'] !== 'images',
      problem: 'a family of images has no effect on snapshots',
      allowed: 'with the snapshot type images only',
      fix: 'leave it out, or take images',
    }],
    minimumIntervalSeconds: 10 * 60,
  },
  {
    product: 'Filestore',
    names: [FILESTORE],
    factory: 'filestore',
    kinds: [{ is: 'a Filestore backup; volumes in every region', afterVolume: 'stay' }],
    parameters: { type: oneOf('backup'), location: notEmpty(), labels: GOOGLE_LABELS },
    combinations: ['location', 'labels'].map((parameter) => ({
      parameter,
      broken: (given: Parameters) => parameter in given && !('type' in given),
      problem: 'the driver refuses parameters without the type',
      allowed: "together with type: 'backup' only",
      fix: 'set the type',
    })),
  },
  {
    product: 'Azure disks',
    names: [AZURE_DISK],
    factory: 'azureDisk',
    groups: false,
    kinds: [
      { called: 'incremental: false', chosen: (given) => given.incremental === 'false', is: 'a full snapshot; volumes in every zone of the region', afterVolume: 'stay' },
      {
        called: 'incremental: true',
        is: 'an incremental snapshot; volumes in every zone of the region, or of that of `location`',
        afterVolume: 'stay',
        maxPerVolume: 500,
      },
    ],
    strict: true,
    parameters: {
      // the driver takes every value but a lower-case false for true
      incremental: oneOf('true', 'false'),
      resourceGroup: notEmpty(),
      subscriptionID: notEmpty(),
      location: notEmpty(),
      tags: notEmpty(),
      tagValueDelimiter: matching(/./, 'at least one character'),
      dataAccessAuthMode: oneOf('None', 'AzureActiveDirectory'),
      networkAccessPolicy: oneOfAnyCase('AllowAll', 'DenyAll', 'AllowPrivate'),
      publicNetworkAccess: oneOfAnyCase('Enabled', 'Disabled'),
      userAgent: notEmpty(),
      instantAccessDurationMinutes: wholeNumber(60, 300, 'minutes'),
    },
    combinations: [{
      parameter: 'location',
      broken: (given) => 'location' in given && given.incremental === 'false',
      problem: 'a full snapshot cannot be copied to another region',
      allowed: 'with incremental snapshots only',
      fix: 'leave location out, or take incremental snapshots',
    }],
    further: azureTagProblem,
  },
  {
    product: 'Azure Files',
    names: [AZURE_FILE],
    factory: 'azureFile',
    kinds: [{ is: 'a snapshot within the share; a volume is a copy of it', afterVolume: 'go', maxPerVolume: 200 }],
    strict: true,
    parameters: { useDataPlaneAPI: oneOfAnyCase('true', 'false', 'oauth'), metadata: notEmpty() },
    further: azureFileMetadataProblem,
  },
  {
    product: 'DigitalOcean',
    names: [DIGITAL_OCEAN],
    factory: 'digitalOcean',
    groups: false,
    kinds: [{ is: 'a volume snapshot; volumes in the region', afterVolume: 'stay' }],
    minimumIntervalSeconds: 10 * 60,
  },
  {
    product: 'Scaleway',
    names: [SCALEWAY],
    factory: 'scaleway',
    groups: false,
    kinds: [{ is: 'a block snapshot; volumes in the zone', afterVolume: 'stay' }],
  },
  {
    product: 'Exoscale',
    names: [EXOSCALE],
    factory: 'exoscale',
    kinds: [{ is: 'a block storage snapshot; volumes in the zone' }],
  },
  {
    product: 'OpenStack Cinder, also of OVH',
    names: [CINDER],
    factory: 'cinder',
    groups: false,
    kinds: [
      { called: 'type: BACKUP', chosen: (given) => given.type === 'backup', is: 'a Cinder backup in the backup store', afterVolume: 'stay' },
      { called: 'type: SNAPSHOT', is: 'a Cinder snapshot in the storage of the volume', afterVolume: 'block' },
    ],
    parameters: {
      'force-create': oneOf('true', 'false'),
      'type': oneOf('snapshot', 'backup'),
      'backup-max-duration-seconds-per-gb': wholeNumber(1, Number.MAX_SAFE_INTEGER, 'seconds'),
      'availability': notEmpty(),
    },
    combinations: ['backup-max-duration-seconds-per-gb', 'availability'].map((parameter) => ({
      parameter,
      broken: (given: Parameters) => parameter in given && given.type !== 'backup',
      problem: 'it has no effect on snapshots',
      allowed: 'with the type backup only',
      fix: 'leave it out, or take backups',
    })),
  },
  {
    product: 'OpenStack Manila',
    names: [MANILA],
    factory: 'manila',
    kinds: [{ is: 'a share snapshot in the storage of the share', afterVolume: 'block' }],
    required: [`${SNAPSHOTTER_SECRET}-name`],
  },
  {
    product: 'OCI block volumes',
    names: [OCI_BLOCK_VOLUME],
    factory: 'ociBlockVolume',
    groups: false,
    kinds: [{ is: 'a volume backup; volumes in every availability domain of the region', afterVolume: 'stay' }],
    parameters: { backupType: oneOf('incremental', 'full'), [OCI_DEFINED_TAGS]: notEmpty(), [OCI_FREEFORM_TAGS]: notEmpty() },
    further: (given) => jsonMapProblem(given, OCI_DEFINED_TAGS, 2) ?? jsonMapProblem(given, OCI_FREEFORM_TAGS, 1),
  },
  {
    product: 'Alibaba disks',
    names: [ALIBABA_DISK],
    factory: 'alibabaDisk',
    groups: true,
    kinds: [{ is: 'a disk snapshot, for `expiresAfter` at most, whatever the policy; volumes in every zone of the region', afterVolume: 'stay' }],
    prefix: 'snapshotTags/',
    parameters: { retentionDays: wholeNumber(1, 65_536, 'days'), resourceGroupId: notEmpty() },
    expirySeconds: ({ retentionDays }) => retentionDays === undefined ? undefined : Number(retentionDays) * DAY_SECONDS,
  },
  {
    product: 'IBM VPC block storage',
    names: [IBM_VPC_BLOCK],
    factory: 'ibmVpcBlock',
    groups: false,
    kinds: [{ is: 'a VPC snapshot; volumes in every zone of the region', afterVolume: 'stay' }],
  },
  {
    product: 'AWS EFS',
    names: ['efs.csi.aws.com'],
    unsupported: { reason: 'the EFS driver does not implement snapshots', instead: 'back file systems up with AWS Backup, or keep the data on EBS' },
  },
  {
    product: 'Linode',
    names: ['linodebs.csi.linode.com'],
    unsupported: { reason: 'the Linode driver clones volumes and does not snapshot them', instead: 'run a storage system with snapshots on the volumes, such as Longhorn' },
  },
  {
    product: 'Hetzner Cloud',
    names: ['csi.hetzner.cloud'],
    unsupported: { reason: 'Hetzner Cloud volumes have no snapshots', instead: 'run a storage system with snapshots on the volumes, such as Longhorn' },
  },
];
