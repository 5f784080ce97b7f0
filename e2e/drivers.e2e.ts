import { Chart, Yaml } from 'cdk8s';
import { kubectl, synthesize } from './cluster';
import { CsiDriver, DeletionPolicy, GroupSnapshotClass, SnapshotClass } from '../src';
import { CATALOGUE } from '../src/private/driver-catalogue';
import { DRIVERS } from '../test/drivers';

/** Parameters of group classes beside those that a driver brings along. */
const GROUP_PARAMETERS: { readonly [driver: string]: { [name: string]: string } } = {
  'rbd.csi.ceph.com': { pool: 'replicapool' },
  'cephfs.csi.ceph.com': { fsName: 'fs' },
};

/** What the API server answers to a chart that is not meant to stay. */
function dryRun(build: (chart: Chart) => void): string[] {
  return kubectl(['apply', '--dry-run=server', '-f', '-'], Yaml.stringify(...synthesize(undefined, build))).trim().split('\n');
}

test('all drivers that take snapshots are here', () => {
  expect(DRIVERS.length).toBe(CATALOGUE.filter(({ unsupported }) => !unsupported).length);
});

test('the API server accepts a class of every driver, under either policy', () => {
  for (const deletionPolicy of Object.values(DeletionPolicy)) {
    const answers = dryRun(chart => DRIVERS.forEach((driver, index) => new SnapshotClass(chart, `Class${index}`, {
      metadata: { name: `e2e-drivers-${index}` }, driver, deletionPolicy, mayBeLostWithVolume: true,
    })));
    expect(answers).toEqual(DRIVERS.map((_, index) => `volumesnapshotclass.snapshot.storage.k8s.io/e2e-drivers-${index} created (server dry run)`));
  }
});

test('the API server accepts a class of groups of every driver that takes them', () => {
  const grouping = DRIVERS.filter((driver: CsiDriver) => driver.takesGroups);
  expect(grouping.length).toBeGreaterThan(4);
  const answers = dryRun(chart => grouping.forEach((driver, index) => new GroupSnapshotClass(chart, `Groups${index}`, {
    metadata: { name: `e2e-drivers-${index}` }, driver, parameters: GROUP_PARAMETERS[driver.name],
  })));
  expect(answers).toEqual(grouping.map((_, index) => `volumegroupsnapshotclass.groupsnapshot.storage.k8s.io/e2e-drivers-${index} created (server dry run)`));
});
