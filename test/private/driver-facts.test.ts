import { parameterProblem } from '../../src/private/driver-facts';
import { isRfc3339 } from '../../src/private/driver-rules';

const EBS = 'ebs.csi.aws.com';
const GCE = 'pd.csi.storage.gke.io';
const AZURE = 'disk.csi.azure.com';
const ANY = 'csi.example.com';

test.each<[string, string, { [name: string]: string }]>([
  ['EBS reads names in any case', EBS, { LOCKMODE: 'governance', lockduration: '7' }],
  ['EBS reads a list with blanks', EBS, { fastSnapshotRestoreAvailabilityZones: 'us-east-1a, us-east-1b' }],
  ['EBS reads tags under any number', EBS, { tagSpecification_7: 'a=b', tagSpecificationTeam: 'c=d=e', tagSpecificationTEAM: 'f=g' }],
  ['EBS does not know how long a template becomes', EBS, { tagSpecification_1: `a={{ ${'x'.repeat(300)} }}` }],
  ['Compute Engine reads names in any case', GCE, { 'Snapshot-Type': 'images' }],
  ['Compute Engine reads a location in any case', GCE, { 'storage-locations': 'EU' }],
  ['Compute Engine takes no labels for none', GCE, { 'labels': '', 'resource-tags': '' }],
  ['Azure reads names in any case', AZURE, { resourcegroup: 'backups', NetworkAccessPolicy: 'denyall' }],
  ['Longhorn takes a class without a type for backups', 'driver.longhorn.io', { backupMode: 'full' }],
  ['Longhorn knows the former name of backups', 'driver.longhorn.io', { type: 'bs' }],
  ['Longhorn reads no other parameter', 'driver.longhorn.io', { label: 'x' }],
  ['an unknown driver reads anything', ANY, { anything: '' }],
  ['a Secret is found by templates', ANY, {
    'csi.storage.k8s.io/snapshotter-secret-name': 'backup-${volumesnapshot.name}-${volumesnapshotcontent.name}',
    'csi.storage.k8s.io/snapshotter-secret-namespace': '${volumesnapshot.namespace}',
  }],
  ['a Secret to list snapshots is found by the content', ANY, {
    'csi.storage.k8s.io/snapshotter-list-secret-name': '${volumesnapshotcontent.name}',
    'csi.storage.k8s.io/snapshotter-list-secret-namespace': 'storage',
  }],
  ['a class may name Secrets of groups', ANY, {
    'csi.storage.k8s.io/group-snapshotter-secret-name': 'x',
    'csi.storage.k8s.io/group-snapshotter-secret-namespace': 'y',
    'csi.storage.k8s.io/group-snapshotter-get-secret-name': '${volumegroupsnapshot.name}',
    'csi.storage.k8s.io/group-snapshotter-get-secret-namespace': 'y',
  }],
])('%s', (_, driver, parameters) => {
  expect(parameterProblem(driver, parameters)).toBeUndefined();
});

test.each<[string, string, { [name: string]: string }, string, string]>([
  ['EBS refuses what it does not know', EBS, { type: 'gp3' }, 'type', 'refuses snapshots with a parameter that it does not know'],
  ['EBS reads the prefix of tags in its own case only', EBS, { tagspecification_1: 'a=b' }, 'tagspecification_1', 'does not know'],
  ['Compute Engine refuses what it does not know', GCE, { type: 'x' }, 'type', 'does not know'],
  ['Azure refuses what it does not know', AZURE, { skuName: 'x' }, 'skuName', 'does not know'],
  ['EBS would choose between two spellings by chance', EBS, { lockMode: 'governance', lockmode: 'compliance' }, 'lockMode', 'ignores the case of names'],
  ['EBS would choose between two tags by chance', EBS, { tagSpecification_1: 'a=1', tagSpecification_2: 'a=2' }, 'tagSpecification_2', 'given twice'],
  ['EBS combines names in any case', EBS, { LOCKDURATION: '7' }, 'lockDuration', 'nothing is locked without a lockMode'],
  ['EBS has two modes', EBS, { lockMode: 'forever', lockDuration: '7' }, 'lockMode', 'not a value that the driver takes'],
  ['Azure would take False for true', AZURE, { incremental: 'False' }, 'incremental', 'not a value that the driver takes'],
  ['Azure splits at the delimiter', AZURE, { tags: 'a=1;b=2,3', tagValueDelimiter: ',' }, 'tags', "'3' is not a tag"],
  ['Longhorn has no such type', 'driver.longhorn.io', { type: 'snapshot' }, 'type', 'not a value that the driver takes'],
  [
    'the snapshot controller refuses reserved names',
    ANY, { 'csi.storage.k8s.io/provisioner-secret-name': 'x' },
    'csi.storage.k8s.io/provisioner-secret-name', 'the snapshot controller refuses unknown parameters',
  ],
  [
    'a Secret without a namespace is not found',
    ANY, { 'csi.storage.k8s.io/snapshotter-secret-name': 'x' },
    'csi.storage.k8s.io/snapshotter-secret-namespace', 'one is missing',
  ],
  [
    'a group Secret without a name is not found',
    ANY, { 'csi.storage.k8s.io/group-snapshotter-secret-namespace': 'x' },
    'csi.storage.k8s.io/group-snapshotter-secret-name', 'one is missing',
  ],
  [
    'the user of a snapshot must not choose the namespace of the Secret',
    ANY, { 'csi.storage.k8s.io/snapshotter-secret-name': 'x', 'csi.storage.k8s.io/snapshotter-secret-namespace': '${volumesnapshot.name}' },
    'csi.storage.k8s.io/snapshotter-secret-namespace', 'cannot resolve',
  ],
  [
    'no snapshot is at hand when snapshots are listed',
    ANY, { 'csi.storage.k8s.io/snapshotter-list-secret-name': 'x', 'csi.storage.k8s.io/snapshotter-list-secret-namespace': '${volumesnapshot.namespace}' },
    'csi.storage.k8s.io/snapshotter-list-secret-namespace', 'cannot resolve',
  ],
  [
    'a template of claims is none of snapshots',
    ANY, { 'csi.storage.k8s.io/snapshotter-secret-name': '${pvc.name}', 'csi.storage.k8s.io/snapshotter-secret-namespace': 'x' },
    'csi.storage.k8s.io/snapshotter-secret-name', 'cannot resolve',
  ],
  [
    'a namespace has no dots',
    ANY, { 'csi.storage.k8s.io/snapshotter-secret-name': 'a.b', 'csi.storage.k8s.io/snapshotter-secret-namespace': 'a.b' },
    'csi.storage.k8s.io/snapshotter-secret-namespace', 'not a valid name',
  ],
])('%s', (_, driver, parameters, parameter, problem) => {
  expect(parameterProblem(driver, parameters)).toMatchObject({ parameter, problem: expect.stringContaining(problem) });
});

test('a driver called like a member of every object is an unknown driver', () => {
  expect(parameterProblem('constructor', { anything: '' })).toBeUndefined();
});

test.each([
  ['2030-12-31T23:59:59Z', true],
  ['2030-12-31T23:59:59.5+02:00', true],
  ['2028-02-29T00:00:00Z', true],
  ['2030-02-29T00:00:00Z', false],
  ['2030-13-01T00:00:00Z', false],
  ['2030-12-31', false],
  ['2030-12-31 23:59:59Z', false],
  ['2030-12-31T24:00:00Z', false],
  ['2030-12-31T23:59:59', false],
  ['2030-12-31t23:59:59z', false],
])('%s is a date of RFC 3339: %s', (text, expected) => {
  expect(isRfc3339(text)).toBe(expected);
});
