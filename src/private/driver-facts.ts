import { Origin, Problem, reject } from './validate';

/** The parameters of a snapshot class, as they are rendered. */
export type Parameters = { readonly [name: string]: string };

/** What is wrong with one parameter. */
export interface ParameterProblem extends Problem {
  readonly parameter: string;
}

/** What values a driver takes for one parameter. */
interface ValueRule {
  readonly allowed: string;
  readonly accepts: (value: string) => boolean;
}

/** Parameters that are fine alone and refused together. */
interface CombinationRule {
  readonly parameter: string;
  readonly broken: (given: Parameters) => boolean;
  readonly problem: string;
  readonly allowed: string;
  readonly fix: string;
}

/** What is known about a driver by its name. */
export interface DriverFacts {
  /** set if the driver cannot take a snapshot */
  readonly unsupported?: { readonly reason: string; readonly instead: string };
  /** the parameters that the driver reads, in the spelling of its documentation */
  readonly parameters?: { readonly [name: string]: ValueRule };
  /** further names that the driver reads start with this; unlike the names, it is case-sensitive */
  readonly prefix?: string;
  /** whether the driver answers an unknown parameter with an error, and then reads names in any case */
  readonly strict?: boolean;
  /** without these the driver refuses every snapshot */
  readonly required?: string[];
  readonly combinations?: CombinationRule[];
  /** what cannot be said by a table */
  readonly further?: (given: Parameters) => ParameterProblem | undefined;
  readonly maxSnapshotsPerVolume?: number;
  /** whether the parameters select a kind of snapshot that the limit does not count */
  readonly unlimited?: (given: Parameters) => boolean;
  readonly minimumIntervalSeconds?: number;
  /** how many snapshots of one volume it makes at once, where making one means to copy it */
  readonly maxPendingPerVolume?: number;
}

export const AWS_EBS = 'ebs.csi.aws.com';
export const GCE_PERSISTENT_DISK = 'pd.csi.storage.gke.io';
export const AZURE_DISK = 'disk.csi.azure.com';
export const CEPH_RBD = 'rbd.csi.ceph.com';
export const LONGHORN = 'driver.longhorn.io';
export const PORTWORX = 'pxd.portworx.com';

/** The prefix that Kubernetes keeps for itself; the driver never sees these parameters. */
export const RESERVED_PREFIX = 'csi.storage.k8s.io/';
export const SNAPSHOTTER_SECRET = `${RESERVED_PREFIX}snapshotter-secret`;
export const SNAPSHOTTER_LIST_SECRET = `${RESERVED_PREFIX}snapshotter-list-secret`;
const SECRETS = [
  SNAPSHOTTER_SECRET, SNAPSHOTTER_LIST_SECRET, `${RESERVED_PREFIX}group-snapshotter-secret`, `${RESERVED_PREFIX}group-snapshotter-get-secret`,
];

const FACTS: { readonly [driver: string]: DriverFacts } = {
  [AWS_EBS]: {
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
  },
  [GCE_PERSISTENT_DISK]: {
    strict: true,
    parameters: {
      'snapshot-type': oneOf('snapshots', 'images'),
      'image-family': matching(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/, 'at most 63 lower-case letters, digits and -, starting with a letter'),
      'storage-locations': matching(/^ *([a-z]+|[a-z]+-[a-z]+[0-9]{1,2}) *$/i, 'one region such as europe-west3, or one multi-region such as eu'),
      'labels': list(/^ *\p{Ll}[\p{Ll}0-9_-]{0,62} *= *[\p{Ll}0-9_-]{0,63} *$/u, 64,
        'at most 64 pairs key=value of lower-case letters, digits, _ and -, the key starting with a letter'),
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
  [AZURE_DISK]: {
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
    maxSnapshotsPerVolume: 500,
    unlimited: (given) => given.incremental === 'false',
  },
  [LONGHORN]: {
    parameters: {
      // bs is what bak was called before
      'type': oneOf('snap', 'bak', 'bi', 'bs'),
      'backupMode': oneOf('full', 'incremental'),
      'export-type': oneOf('raw', 'qcow2'),
    },
    combinations: [
      {
        parameter: 'backupMode',
        broken: (given) => 'backupMode' in given && !['bak', 'bs'].includes(given.type ?? 'bak'),
        problem: 'nothing is copied to the backup target',
        allowed: 'with the type bak only',
        fix: 'leave it out, or take backups',
      },
      {
        parameter: 'export-type',
        broken: (given) => 'export-type' in given && given.type !== 'bi',
        problem: 'no image is exported',
        allowed: 'with the type bi only',
        fix: 'leave it out, or export backing images',
      },
    ],
    maxSnapshotsPerVolume: 250,
    unlimited: (given) => given.type === 'bi',
  },
  [PORTWORX]: {
    parameters: {
      'csi.openstorage.org/snapshot-type': oneOf('local', 'cloud'),
      'csi.openstorage.org/snapshot-credential-id': notEmpty(),
      'csi.openstorage.org/snapshot-incremental-count': wholeNumber(0, Number.MAX_SAFE_INTEGER, 'backups'),
    },
    combinations: ['csi.openstorage.org/snapshot-credential-id', 'csi.openstorage.org/snapshot-incremental-count'].map((parameter) => ({
      parameter,
      broken: (given: Parameters) => parameter in given && given['csi.openstorage.org/snapshot-type'] !== 'cloud',
      problem: 'a local snapshot goes to no cloud',
      allowed: 'with the snapshot type cloud only',
      fix: 'leave it out, or take cloud snapshots',
    })),
  },
  'csi.vsphere.vmware.com': {
    maxSnapshotsPerVolume: 3,
  },
  'efs.csi.aws.com': {
    unsupported: { reason: 'the EFS driver does not implement snapshots', instead: 'back file systems up with AWS Backup, or keep the data on EBS' },
  },
  'linodebs.csi.linode.com': {
    unsupported: { reason: 'the Linode driver clones volumes and does not snapshot them', instead: 'run a storage system with snapshots on the volumes, such as Longhorn' },
  },
  'csi.hetzner.cloud': {
    unsupported: { reason: 'Hetzner Cloud volumes have no snapshots', instead: 'run a storage system with snapshots on the volumes, such as Longhorn' },
  },
};

const CEPH: DriverFacts = {
  parameters: { clusterID: notEmpty(), snapshotNamePrefix: notEmpty() },
  required: ['clusterID', `${SNAPSHOTTER_SECRET}-name`],
};
// Rook and OpenShift put the namespace of their operator before the name
const CEPH_NAME = /^([^.]+\.)?(rbd|cephfs|nfs)\.csi\.ceph\.com$/;

/** A Secret as the two parameters that name it. */
export function secretParameters(prefix: string, secret: { readonly name: string; readonly namespace: string } | undefined): Parameters {
  return secret ? { [`${prefix}-name`]: secret.name, [`${prefix}-namespace`]: secret.namespace } : {};
}

/** The Secret that two parameters name, if they are given. */
export function secretOf(prefix: string, parameters: Parameters): { readonly name: string; readonly namespace: string } | undefined {
  const [name, namespace] = secretKeys(prefix);
  return name in parameters ? { name: parameters[name], namespace: parameters[namespace] } : undefined;
}

/** What is known about the driver of this name; nothing, for most drivers. */
export function driverFacts(driver: string): DriverFacts {
  if (CEPH_NAME.test(driver)) { return CEPH; }
  return Object.hasOwn(FACTS, driver) ? FACTS[driver] : {};
}

/** How many snapshots of one volume the driver keeps, undefined if no limit is known. */
export function maxSnapshotsPerVolume(driver: string, parameters: Parameters): number | undefined {
  const facts = driverFacts(driver);
  return facts.unlimited?.(canonical(facts, parameters)) ? undefined : facts.maxSnapshotsPerVolume;
}

/** Refuses a driver that cannot take snapshots. */
export function requireSnapshots(origin: Origin, prop: string, driver: string): void {
  // a misspelled name would find no driver at all
  const unsupported = driverFacts(driver.toLowerCase()).unsupported;
  if (unsupported) {
    reject(origin, prop, { problem: unsupported.reason, got: driver, allowed: 'a driver that takes snapshots', fix: unsupported.instead });
  }
}

/** Refuses parameters that the snapshot controller or the driver would refuse at every snapshot. */
export function requireParameters(origin: Origin, driver: string, parameters: Parameters, propOf: (parameter: string) => string): void {
  const problem = parameterProblem(driver, parameters);
  if (problem) { reject(origin, propOf(problem.parameter), problem); }
}

/** Refuses a complete set of parameters that lacks one that the driver needs. */
export function requireCompleteParameters(origin: Origin, prop: string, driver: string, parameters: Parameters): void {
  const missing = driverFacts(driver).required?.find((name) => !(name in parameters));
  if (missing) {
    reject(origin, prop, {
      problem: `the parameter '${missing}' is missing`,
      got: Object.keys(parameters),
      allowed: `parameters with '${missing}', without which ${driver} takes no snapshot`,
      fix: 'set it',
    });
  }
}

/** The first thing that is wrong with these parameters, undefined if nothing is. */
export function parameterProblem(driver: string, parameters: Parameters): ParameterProblem | undefined {
  const facts = driverFacts(driver);
  return firstProblem(Object.keys(parameters), (name) => nameProblem(driver, facts, name, parameters))
    ?? firstProblem(SECRETS, (secret) => secretProblem(secret, parameters))
    ?? rulesProblem(facts, canonical(facts, parameters));
}

/** Whether this is a date and time as Go's RFC3339 reads it, on a day that exists. */
export function isRfc3339(text: string): boolean {
  const match = /^(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/.exec(text);
  if (!match) { return false; }
  const day = new Date(`${match[1]}T00:00:00Z`);
  // a 30th of February is either no date at all or becomes a day in March
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(match[1]);
}

function firstProblem<T>(items: T[], find: (item: T) => ParameterProblem | undefined): ParameterProblem | undefined {
  for (const item of items) {
    const problem = find(item);
    if (problem) { return problem; }
  }
  return undefined;
}

function nameProblem(driver: string, facts: DriverFacts, parameter: string, given: Parameters): ParameterProblem | undefined {
  const got = given[parameter];
  if (typeof got !== 'string') {
    return { parameter, problem: 'not a text', got, allowed: 'strings', fix: 'put it in quotes' };
  }
  if (parameter.startsWith(RESERVED_PREFIX)) {
    const names = SECRETS.flatMap(secretKeys);
    return names.includes(parameter) ? undefined : {
      parameter,
      problem: `the snapshot controller refuses unknown parameters with the prefix ${RESERVED_PREFIX}`,
      got: parameter,
      allowed: names.join(', '),
      fix: 'correct the name, or leave it out',
    };
  }
  const known = knownName(facts, parameter);
  if (known === undefined) {
    return facts.strict ? {
      parameter,
      problem: `${driver} refuses snapshots with a parameter that it does not know`,
      got: parameter,
      allowed: [...Object.keys(facts.parameters ?? {}), ...facts.prefix ? [`${facts.prefix}_1, ${facts.prefix}_2 and so on`] : []].join(', '),
      fix: 'correct the name, or add it with a JsonPatch if a newer version of the driver knows it',
    } : undefined;
  }
  const twin = Object.keys(given).find((name) => name !== parameter && knownName(facts, name) === known);
  return twin === undefined ? undefined : {
    parameter,
    problem: `${driver} ignores the case of names, and '${twin}' is given too`,
    got,
    allowed: 'one spelling of a name',
    fix: 'leave one of the two out',
  };
}

function rulesProblem(facts: DriverFacts, given: Parameters): ParameterProblem | undefined {
  const wrongValue = Object.entries(facts.parameters ?? {}).find(([name, rule]) => name in given && !rule.accepts(given[name]));
  if (wrongValue) {
    const [parameter, rule] = wrongValue;
    return { parameter, problem: 'not a value that the driver takes', got: given[parameter], allowed: rule.allowed, fix: 'correct the value' };
  }
  const broken = facts.combinations?.find((rule) => rule.broken(given));
  return broken ? { ...broken, got: given[broken.parameter] } : facts.further?.(given);
}

/** The parameters under the names of the documentation, so that rules need not care about case. */
function canonical(facts: DriverFacts, parameters: Parameters): Parameters {
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [knownName(facts, name) ?? name, value]));
}

function knownName(facts: DriverFacts, name: string): string | undefined {
  const same = (known: string) => known === name || (facts.strict && known.toLowerCase() === name.toLowerCase());
  return Object.keys(facts.parameters ?? {}).find(same) ?? (facts.prefix && name.startsWith(facts.prefix) ? name : undefined);
}

function secretKeys(secret: string): [string, string] {
  return [`${secret}-name`, `${secret}-namespace`];
}

const CONTENT_TOKENS = ['${volumesnapshotcontent.name}'];
const NAMESPACE_TOKENS = [...CONTENT_TOKENS, '${volumesnapshot.namespace}'];
const NAME_TOKENS = [...NAMESPACE_TOKENS, '${volumesnapshot.name}'];
// the secret to list snapshots is resolved when only the content is at hand; those of groups are used by no single snapshot
const TOKENS: { readonly [secret: string]: { readonly name: string[]; readonly namespace: string[] } } = {
  [SNAPSHOTTER_SECRET]: { name: NAME_TOKENS, namespace: NAMESPACE_TOKENS },
  [SNAPSHOTTER_LIST_SECRET]: { name: CONTENT_TOKENS, namespace: CONTENT_TOKENS },
};
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

function secretProblem(secret: string, given: Parameters): ParameterProblem | undefined {
  const [name, namespace] = secretKeys(secret);
  if (!(name in given) && !(namespace in given)) { return undefined; }
  const missing = [name, namespace].find((key) => !given[key]);
  if (missing) {
    return {
      parameter: missing,
      problem: 'a secret is found by its name and its namespace, and one is missing',
      got: given[missing],
      allowed: `${name} together with ${namespace}`,
      fix: 'set both',
    };
  }
  const tokens = TOKENS[secret];
  return tokens && (templateProblem(name, given[name], tokens.name, SUBDOMAIN)
    ?? templateProblem(namespace, given[namespace], tokens.namespace, LABEL));
}

function templateProblem(parameter: string, template: string, tokens: string[], shape: RegExp): ParameterProblem | undefined {
  // any token stands for a valid name
  const resolved = tokens.reduce((text, token) => text.split(token).join('x'), template);
  return shape.test(resolved) ? undefined : {
    parameter,
    problem: resolved.includes('$') ? 'a template that the snapshot controller cannot resolve' : 'not a valid name',
    got: template,
    allowed: `lower-case letters, digits and -${shape === SUBDOMAIN ? ' and .' : ''}, and ${tokens.join(', ')}`,
    fix: 'correct it',
  };
}

const EBS_TAGS = 50;
const EBS_OWN_TAGS = ['CSIVolumeName', 'CSIVolumeSnapshotName', 'ebs.csi.aws.com/cluster'];
const EBS_OWN_PREFIXES = ['aws:', 'kubernetes.io'];

function ebsTagProblem(given: Parameters): ParameterProblem | undefined {
  const specifications = Object.keys(given).filter((name) => name.startsWith('tagSpecification'));
  const keys = new Set<string>();
  return firstProblem(specifications, (parameter) => {
    const got = given[parameter];
    const [key, value] = splitOnce(got);
    const problem = (text: string, allowed: string): ParameterProblem => ({ parameter, problem: text, got, allowed, fix: 'change the tag' });
    if (!key || value === undefined) { return problem('not a tag', 'key=value'); }
    if (keys.has(key)) { return problem(`the tag '${key}' is given twice, and either may win`, 'a tag once'); }
    keys.add(key);
    if (keys.size > EBS_TAGS) { return problem('too many tags', `at most ${EBS_TAGS}`); }
    if (EBS_OWN_TAGS.includes(key) || EBS_OWN_PREFIXES.some((prefix) => key.startsWith(prefix))) {
      return problem('this tag is kept for the driver, for Kubernetes or for AWS', `keys other than ${EBS_OWN_TAGS.join(', ')}, and without the prefix ${EBS_OWN_PREFIXES.join(' or ')}`);
    }
    // how long a template becomes is known in the cluster only
    const tooLong = key.length > 128 || (value.length > 256 && !value.includes('{{'));
    return tooLong ? problem('too long', 'a key of at most 128 characters and a value of at most 256') : undefined;
  });
}

function azureTagProblem(given: Parameters): ParameterProblem | undefined {
  const delimiter = given.tagValueDelimiter ?? ',';
  const wrong = given.tags?.split(delimiter).find((tag) => {
    const [key, value] = splitOnce(tag);
    return value === undefined || key.trim() === '' || /[<>%&?/.]/.test(key);
  });
  return wrong === undefined ? undefined : {
    parameter: 'tags',
    problem: `'${wrong}' is not a tag`,
    got: given.tags,
    allowed: `key=value${delimiter}key=value, without <>%&?/. in a key`,
    fix: 'correct the tag, or choose another tagValueDelimiter if a value contains it',
  };
}

function splitOnce(pair: string): [string, string | undefined] {
  const at = pair.indexOf('=');
  return at < 0 ? [pair, undefined] : [pair.slice(0, at), pair.slice(at + 1)];
}

function matching(shape: RegExp, allowed: string): ValueRule {
  return { allowed, accepts: (value) => shape.test(value) };
}

function notEmpty(): ValueRule {
  return { allowed: 'a text that is not empty', accepts: (value) => value.trim() !== '' };
}

function oneOf(...values: string[]): ValueRule {
  return { allowed: values.join(', '), accepts: (value) => values.includes(value) };
}

function oneOfAnyCase(...values: string[]): ValueRule {
  return { allowed: values.join(', '), accepts: (value) => values.some((known) => known.toLowerCase() === value.toLowerCase()) };
}

function wholeNumber(min: number, max: number, unit: string): ValueRule {
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
  return { allowed: `a whole number of ${unit} ${range}`, accepts: (value) => /^\d+$/.test(value) && Number(value) >= min && Number(value) <= max };
}

function list(item: RegExp, max: number, allowed: string): ValueRule {
  return { allowed, accepts: (value) => value === '' || (value.split(',').length <= max && value.split(',').every((part) => item.test(part))) };
}
