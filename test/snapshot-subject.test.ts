import { ApiObject, JsonPatch } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import * as kplus33 from 'cdk8s-plus-33';
import { newChart, objectOf } from './manifests';
import { SnapshotRbac, SnapshotSubject } from '../src';

/** A subject as a role binding writes it. */
function rendered(subject: SnapshotSubject, chart = newChart()): object {
  new SnapshotRbac(chart, 'Rights', { metadata: { name: 'rights' } }).grantView(subject);
  return objectOf(chart, 'RoleBinding', 'rights-view').subjects[0];
}

test('a person', () => {
  expect(rendered(SnapshotSubject.user('jane@example.com'))).toEqual({ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane@example.com' });
});

test('a group, with the prefix that the cluster gives it', () => {
  expect(rendered(SnapshotSubject.group('oidc:platform'))).toEqual({ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'oidc:platform' });
});

test('a service account by name, in another namespace too', () => {
  expect(rendered(SnapshotSubject.serviceAccount('ci', 'build'))).toEqual({ kind: 'ServiceAccount', name: 'ci', namespace: 'build' });
});

describe('a service account that is defined here', () => {
  test.each([['cdk8s-plus-27', kplus], ['a later cdk8s-plus', kplus33]])('with %s', (_, { ServiceAccount }) => {
    const chart = newChart();
    const robot = new ServiceAccount(chart, 'Robot', { metadata: { name: 'robot' } });
    expect(rendered(SnapshotSubject.fromServiceAccount(robot), chart)).toEqual({ kind: 'ServiceAccount', name: 'robot', namespace: 'db' });
  });

  test('as a plain ApiObject of another namespace', () => {
    const chart = newChart();
    const robot = new ApiObject(chart, 'Robot', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot', namespace: 'ops' } });
    expect(rendered(SnapshotSubject.fromServiceAccount(robot), chart)).toEqual({ kind: 'ServiceAccount', name: 'robot', namespace: 'ops' });
  });

  test('is followed when its name is patched later, or the rights would go to nobody', () => {
    const chart = newChart();
    const robot = new kplus.ServiceAccount(chart, 'Robot');
    const subject = SnapshotSubject.fromServiceAccount(robot);
    ApiObject.of(robot).addJsonPatch(JsonPatch.replace('/metadata/name', 'renamed'));
    expect(rendered(subject, chart)).toMatchObject({ name: 'renamed' });
  });

  test('throws when it is something else', () => {
    const role = new kplus.Role(newChart(), 'Role', { metadata: { name: 'reader' } });
    expect(() => SnapshotSubject.fromServiceAccount(role)).toThrow("[SnapshotSubject.fromServiceAccount] 'serviceAccount': not a ServiceAccount, "
      + "got 'Role 'reader' at test/Role'; allowed a construct whose object is a ServiceAccount; pass the ServiceAccount, or its name");
  });

  test('throws when it has no namespace, since the binding must name it', () => {
    const robot = new kplus.ServiceAccount(newChart({}), 'Robot', { metadata: { name: 'robot' } });
    expect(() => SnapshotSubject.fromServiceAccount(robot)).toThrow(
      "[SnapshotSubject.fromServiceAccount] 'serviceAccount': a role binding must name the namespace of a service account, and this one has none, "
      + "got 'ServiceAccount 'robot' at test/Robot'; allowed a service account with a namespace; give its chart a namespace",
    );
  });
});

test.each([
  ['a person without a name', () => SnapshotSubject.user(''), "[SnapshotSubject.user] 'name': empty, got ''; allowed a name; name the subject"],
  ['a group of blanks', () => SnapshotSubject.group(' '), "[SnapshotSubject.group] 'name': empty, got ' '"],
  ['a service account of a wrong name', () => SnapshotSubject.serviceAccount('C I', 'build'), "[SnapshotSubject.serviceAccount] 'name': not a valid name, got 'C I'"],
  ['a service account of a wrong namespace', () => SnapshotSubject.serviceAccount('ci', 'a.b'), "[SnapshotSubject.serviceAccount] 'namespace': not a valid name, got 'a.b'"],
])('throws for %s', (_, make, message) => {
  expect(make).toThrow(message);
});

test.each<[string, () => unknown, RegExp]>([
  ['a user is a number', () => SnapshotSubject.user(5 as any), /'name': not text, got 5;/],
  ['a service account is a name', () => SnapshotSubject.fromServiceAccount('x' as any), /'serviceAccount': not a ServiceAccount, got 'x'; .*SnapshotSubject.serviceAccount$/],
])('throws when %s', (_, make, problem) => {
  expect(make).toThrow(problem);
});
