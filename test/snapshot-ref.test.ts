import { newChart } from './manifests';
import { CsiDriver, PreProvisionedSnapshot, Snapshot, SnapshotRef, SnapshotSource } from '../src';

test('a name alone leaves the namespace to the claim', () => {
  const ref = SnapshotRef.fromName('data-20260209-031500-1a2b3c4d');
  expect(ref.snapshotName).toBe('data-20260209-031500-1a2b3c4d');
  expect(ref.namespace).toBeUndefined();
});

test('a name may come with its namespace', () => {
  expect(SnapshotRef.fromName('x', { namespace: 'prod' })).toMatchObject({ snapshotName: 'x', namespace: 'prod' });
});

test.each([
  ['the name', 'Data', {}, "[SnapshotRef.fromName] 'name': not a valid name, got 'Data'"],
  ['the namespace', 'data', { namespace: 'a.b' }, "[SnapshotRef.fromName] 'namespace': not a valid name, got 'a.b'"],
])('throws when %s is not valid', (_, name, options, message) => {
  expect(() => SnapshotRef.fromName(name, options)).toThrow(message);
});

test('a snapshot of this app brings its name and namespace', () => {
  const snapshot = new Snapshot(newChart(), 'Before', { source: SnapshotSource.fromClaimName('data'), metadata: { name: 'before' } });
  expect(SnapshotRef.fromSnapshot(snapshot)).toMatchObject({ snapshotName: 'before', namespace: 'db' });
});

test('a snapshot of a chart without a namespace brings its name alone', () => {
  const snapshot = new Snapshot(newChart({}), 'Before', { source: SnapshotSource.fromClaimName('data') });
  expect(SnapshotRef.fromSnapshot(snapshot).namespace).toBeUndefined();
});

test('an imported snapshot brings its name and namespace', () => {
  const snapshot = new PreProvisionedSnapshot(newChart(), 'Old', { driver: CsiDriver.awsEbs(), snapshotHandle: 'snap-0123456789abcdef0' });
  expect(SnapshotRef.fromSnapshot(snapshot)).toMatchObject({ snapshotName: snapshot.snapshotName, namespace: 'db' });
});

test.each<[string, () => unknown, RegExp]>([
  ['a name is a number', () => SnapshotRef.fromName(5 as any), /'name': not text, got 5;/],
  ['a namespace is given as text', () => SnapshotRef.fromName('x', 'prod' as any), /'options': not an object, got 'prod';/],
  ['a snapshot is a name', () => SnapshotRef.fromSnapshot('old' as any), /'snapshot': not an ISnapshot, got 'old'; .*SnapshotRef.fromName/],
])('throws when %s', (_, make, problem) => {
  expect(make).toThrow(problem);
});
