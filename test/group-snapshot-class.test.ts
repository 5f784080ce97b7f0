import { ApiObject, App, Chart, ChartProps, JsonPatch, Testing, Yaml } from 'cdk8s';
import { CsiDriver, DeletionPolicy, GroupSnapshotApiVersion, GroupSnapshotClass, GroupSnapshotClassProps } from '../src';

const DEFAULT_CLASS = 'groupsnapshot.storage.kubernetes.io/is-default-class';
const SECRET = 'csi.storage.k8s.io/group-snapshotter-secret';
const hostpath = CsiDriver.of('hostpath.csi.k8s.io');
const ceph = CsiDriver.cephRbd({ clusterId: 'rook-ceph', snapshotNamePrefix: 'nightly-', snapshotterSecret: { name: 'provisioner', namespace: 'rook-ceph' } });

function define(props: Partial<GroupSnapshotClassProps> = {}, chartProps: ChartProps = {}): GroupSnapshotClass {
  return new GroupSnapshotClass(new Chart(new App(), 'test', chartProps), 'Class', { driver: hostpath, ...props });
}

function render(props: Partial<GroupSnapshotClassProps> = {}, chartProps: ChartProps = {}): any {
  return Chart.of(define(props, chartProps)).toJson()[0];
}

test('renders a class that keeps groups in the storage', () => {
  expect(Yaml.stringify(render())).toMatchInlineSnapshot(`
"apiVersion: groupsnapshot.storage.k8s.io/v1beta2
kind: VolumeGroupSnapshotClass
metadata:
  name: test-class-c8d44fec
deletionPolicy: Retain
driver: hostpath.csi.k8s.io
"
`);
});

test('renders everything it is told', () => {
  expect(Yaml.stringify(render({
    metadata: { name: 'groups', labels: { team: 'storage' }, annotations: { note: 'nightly' } },
    driver: CsiDriver.of('csi.example.com'),
    deletionPolicy: DeletionPolicy.DELETE,
    defaultClass: true,
    apiVersion: GroupSnapshotApiVersion.V1,
    parameters: { tier: 'cold' },
    groupSnapshotterSecret: { name: 'backend-${volumegroupsnapshotcontent.name}', namespace: 'storage' },
  }))).toMatchInlineSnapshot(`
"apiVersion: groupsnapshot.storage.k8s.io/v1
kind: VolumeGroupSnapshotClass
metadata:
  annotations:
    groupsnapshot.storage.kubernetes.io/is-default-class: "true"
    kustomize.toolkit.fluxcd.io/substitute: disabled
    note: nightly
  labels:
    team: storage
  name: groups
deletionPolicy: Delete
driver: csi.example.com
parameters:
  csi.storage.k8s.io/group-snapshotter-secret-name: backend-\${volumegroupsnapshotcontent.name}
  csi.storage.k8s.io/group-snapshotter-secret-namespace: storage
  tier: cold
"
`);
});

describe('contract', () => {
  test('the object is the default child, under a stable name', () => {
    const made = define();
    expect([ApiObject.of(made).kind, made.node.defaultChild?.node.id, made.groupSnapshotClassName]).toEqual(['VolumeGroupSnapshotClass', 'Resource', 'test-class-c8d44fec']);
  });

  test('it has no namespace, also in a chart that has one', () => {
    expect(render({}, { namespace: 'shop' }).metadata).not.toHaveProperty('namespace');
  });

  test('what is decided can be read', () => {
    expect(define({ driver: ceph, parameters: { pool: 'replicapool' }, defaultClass: true })).toMatchObject({
      apiVersion: 'v1beta2', deletionPolicy: 'Retain', defaultClass: true, driver: ceph, groupSnapshotterSecret: { name: 'provisioner', namespace: 'rook-ceph' },
    });
  });

  test('parameters that are read are a copy', () => {
    const made = define({ parameters: { tier: 'cold' } });
    made.parameters.tier = 'hot';
    expect(made.parameters).toEqual({ tier: 'cold' });
  });

  test('patches are applied last', () => {
    const made = define();
    ApiObject.of(made).addJsonPatch(JsonPatch.replace('/driver', 'other'));
    expect(Testing.synth(Chart.of(made))[0].driver).toBe('other');
  });
});

describe('of the parameters of the driver', () => {
  test('Ceph RBD has its cluster and its Secret in common with groups, and needs a pool', () => {
    expect(define({ driver: ceph, parameters: { pool: 'replicapool' } }).parameters).toEqual({
      clusterID: 'rook-ceph', pool: 'replicapool', [`${SECRET}-name`]: 'provisioner', [`${SECRET}-namespace`]: 'rook-ceph',
    });
  });

  test('CephFS needs its file system', () => {
    const driver = CsiDriver.of('rook-ceph.cephfs.csi.ceph.com', { parameters: { clusterID: 'rook-ceph' } });
    expect(define({ driver, parameters: { fsName: 'fs' }, groupSnapshotterSecret: { name: 'a', namespace: 'b' } }).parameters).toMatchObject({ clusterID: 'rook-ceph', fsName: 'fs' });
  });

  test.each(['csi.trident.netapp.io', 'linstor.csi.linbit.com', 'diskplugin.csi.alibabacloud.com', 'hostpath.csi.k8s.io', 'csi.example.com'])('%s has none', name => {
    expect(define({ driver: CsiDriver.of(name, { parameters: { 'of.snapshots': 'x' } }) }).parameters).toEqual({});
  });

  test('a Secret that the class names itself wins over that of the driver', () => {
    const own = { [`${SECRET}-name`]: 'own', [`${SECRET}-namespace`]: 'storage' };
    expect(define({ driver: ceph, parameters: { pool: 'p', ...own } }).groupSnapshotterSecret).toEqual({ name: 'own', namespace: 'storage' });
    expect(define({ driver: ceph, parameters: { pool: 'p' }, groupSnapshotterSecret: { name: 'own', namespace: 'storage' } }).groupSnapshotterSecret?.name).toBe('own');
  });
});

describe('throws', () => {
  test.each(['ebs.csi.aws.com', 'pd.csi.storage.gke.io', 'disk.csi.azure.com', 'driver.longhorn.io', 'csi.vsphere.vmware.com', 'topolvm.io', 'csi.hpe.com'])(
    'for %s, which takes no groups, with what to do instead', name => {
      const allowed = /^\[test\/Class\] 'driver': the driver takes no group snapshots, got '.*'; allowed .*Ceph.*; leave groupSnapshotClass out of the schedule and give it quiesce/;
      expect(() => define({ driver: CsiDriver.of(name) })).toThrow(allowed);
      expect(() => GroupSnapshotClass.fromGroupSnapshotClassName(new Chart(new App(), 'test'), 'Class', 'x', { driver: CsiDriver.of(name) })).toThrow(allowed);
    });

  test.each<[string, Partial<GroupSnapshotClassProps>, string]>([
    ['without a pool for RBD', { driver: ceph }, "'parameters': the parameter 'pool' is missing"],
    ['without a file system for CephFS', { driver: CsiDriver.of('cephfs.csi.ceph.com', { parameters: { clusterID: 'x' } }) }, "'parameters': the parameter 'fsName' is missing"],
    ['without a Secret for Ceph', { driver: CsiDriver.of('rbd.csi.ceph.com'), parameters: { clusterID: 'x', pool: 'p' } }, `'parameters': the parameter '${SECRET}-name' is missing`],
    ['with another cluster than the driver', { driver: ceph, parameters: { clusterID: 'other', pool: 'p' } }, "'parameters.clusterID': the parameter 'clusterID' has another value already"],
    [
      'with a template that is not known when the members are made',
      { groupSnapshotterSecret: { name: '${volumegroupsnapshot.name}', namespace: 'storage' } },
      "'groupSnapshotterSecret.name': a template that the snapshot controller cannot resolve",
    ],
    ['with two Secrets', {
      parameters: { [`${SECRET}-name`]: 'a', [`${SECRET}-namespace`]: 'b' }, groupSnapshotterSecret: { name: 'c', namespace: 'b' },
    }, "'groupSnapshotterSecret.name': the parameter"],
    ['with a reserved parameter that does not exist', { parameters: { 'csi.storage.k8s.io/typo': 'x' } }, "'parameters.csi.storage.k8s.io/typo': the snapshot controller refuses"],
    ['with a namespace', { metadata: { namespace: 'shop' } }, "'metadata.namespace': the object belongs to the cluster"],
    ['with a version that does not exist', { apiVersion: 'v1beta1' as any }, "'apiVersion': not a member of the enum"],
    ['with a policy that does not exist', { deletionPolicy: 'Keep' as any }, "'deletionPolicy': not a member of the enum"],
    ['with something else for a driver', { driver: 'ceph' as any }, "'driver': not a CsiDriver"],
    ['with a misspelled prop', { parameter: {} } as any, 'did you mean parameters?'],
    ['with a default in quotes', { defaultClass: 'true' as any }, "'defaultClass': not a boolean"],
    ['with an annotation that contradicts the prop', { defaultClass: false, metadata: { annotations: { [DEFAULT_CLASS]: 'true' } } }, "'defaultClass': the annotation"],
  ])('%s', (_, props, message) => {
    expect(() => define(props)).toThrow(message);
  });

  test('for two default classes of one driver, and not for one of snapshots beside it', () => {
    const chart = new Chart(new App(), 'test');
    new GroupSnapshotClass(chart, 'A', { driver: hostpath, defaultClass: true });
    expect(() => Testing.synth(chart)).not.toThrow();
    new GroupSnapshotClass(chart, 'B', { driver: hostpath, defaultClass: true });
    expect(() => chart.toJson()).toThrow(/'defaultClass': the class at test\/A\/Resource is the default of the driver hostpath.csi.k8s.io too/);
  });
});

describe('a class that is defined elsewhere', () => {
  const chart = () => new Chart(new App(), 'test');

  test('has its name, and what is said of it', () => {
    const made = GroupSnapshotClass.fromGroupSnapshotClassName(chart(), 'Class', 'groups', {
      driver: hostpath, deletionPolicy: DeletionPolicy.DELETE, apiVersion: GroupSnapshotApiVersion.V1,
    });
    expect(made).toMatchObject({ groupSnapshotClassName: 'groups', driver: hostpath, deletionPolicy: 'Delete', apiVersion: 'v1' });
    expect(Chart.of(made).toJson()).toEqual([]);
  });

  test('is of the first version that clusters serve unless told otherwise', () => {
    expect(GroupSnapshotClass.fromGroupSnapshotClassName(chart(), 'Class', 'groups').apiVersion).toBe('v1beta2');
  });

  test.each<[string, () => unknown, string]>([
    ['with a name that is none', () => GroupSnapshotClass.fromGroupSnapshotClassName(chart(), 'Class', 'Bad_Name'), "'name': not a valid name"],
    ['with a misspelled option', () => GroupSnapshotClass.fromGroupSnapshotClassName(chart(), 'Class', 'x', { deletionPolic: 'Delete' } as any), 'did you mean deletionPolicy?'],
    ['with a policy that does not exist', () => GroupSnapshotClass.fromGroupSnapshotClassName(chart(), 'Class', 'x', { deletionPolicy: 'x' as any }), "'deletionPolicy': not a member"],
  ])('throws %s', (_, make, message) => {
    expect(make).toThrow(message);
  });
});
