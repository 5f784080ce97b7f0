import { ApiObject, App, Chart, JsonPatch, Yaml } from 'cdk8s';
import { Construct } from 'constructs';
import { newChart, objectOf } from './manifests';
import { SnapshotReclaim, SnapshotReclaimProps } from '../src';

/** The four objects of a platform chart. */
function render(props: SnapshotReclaimProps = {}, chart = newChart({})): Chart {
  new SnapshotReclaim(chart, 'Reclaim', props);
  return chart;
}

/** What the API server lets through. */
function policy(): any {
  return objectOf(render(), 'ValidatingAdmissionPolicy').spec;
}

test('renders the fence and the right', () => {
  expect(Yaml.stringify(...render().toJson())).toMatchInlineSnapshot(`
"apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  annotations:
    argocd.argoproj.io/sync-wave: "-2"
  name: cdk8s-volume-snapshots-reclaim
spec:
  failurePolicy: Fail
  matchConditions:
    - expression: "!authorizer.group('snapshot.storage.k8s.io').resource('volumesnapshotcontents').name(oldObject.metadata.name).check('update').allowed()"
      name: no-right-to-update-contents
  matchConstraints:
    resourceRules:
      - apiGroups:
          - snapshot.storage.k8s.io
        apiVersions:
          - "*"
        operations:
          - UPDATE
        resources:
          - volumesnapshotcontents
        scope: "*"
  validations:
    - expression: has(oldObject.spec.source.volumeHandle)
      message: only the content of a snapshot that was taken in this cluster may be given back, not a pre-provisioned one
    - expression: |-
        object.spec.?driver == oldObject.spec.?driver &&
        object.spec.?source == oldObject.spec.?source &&
        object.spec.?volumeSnapshotRef == oldObject.spec.?volumeSnapshotRef &&
        object.spec.?volumeSnapshotClassName == oldObject.spec.?volumeSnapshotClassName &&
        object.spec.?sourceVolumeMode == oldObject.spec.?sourceVolumeMode
      message: nothing but spec.deletionPolicy may be changed
    - expression: |-
        object.metadata.?labels == oldObject.metadata.?labels &&
        object.metadata.?annotations == oldObject.metadata.?annotations &&
        object.metadata.?finalizers == oldObject.metadata.?finalizers &&
        object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences
      message: nothing but spec.deletionPolicy may be changed, metadata included
    - expression: authorizer.group('snapshot.storage.k8s.io').resource('volumesnapshots').namespace(oldObject.spec.volumeSnapshotRef.namespace).check('delete').allowed()
      messageExpression: "\\"only who may delete VolumeSnapshots in namespace '\\" + oldObject.spec.volumeSnapshotRef.namespace + \\"' may give back their storage\\""
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  annotations:
    argocd.argoproj.io/sync-wave: "-2"
  name: cdk8s-volume-snapshots-reclaim
spec:
  policyName: cdk8s-volume-snapshots-reclaim
  validationActions:
    - Deny
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  annotations:
    argocd.argoproj.io/sync-wave: "-1"
  name: cdk8s-volume-snapshots-reclaim
rules:
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshotcontents
    verbs:
      - patch
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  annotations:
    argocd.argoproj.io/sync-wave: "-1"
  name: cdk8s-volume-snapshots-reclaim
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: cdk8s-volume-snapshots-reclaim
subjects:
  - apiGroup: rbac.authorization.k8s.io
    kind: Group
    name: system:serviceaccounts
"
`);
});

describe('contract', () => {
  test('the ClusterRole is the default child', () => {
    expect(ApiObject.of(new SnapshotReclaim(newChart({}), 'Reclaim')).kind).toBe('ClusterRole');
  });

  test('all objects have one fixed name, so that a second one in the cluster replaces the first', () => {
    const app = new App();
    for (const [chart, id] of [['platform', 'Reclaim'], ['other', 'Again']]) {
      const objects = render({}, new Chart(app, chart)).toJson();
      expect(new SnapshotReclaim(new Chart(app, `${chart}2`), id).name).toBe('cdk8s-volume-snapshots-reclaim');
      expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
        'ValidatingAdmissionPolicy cdk8s-volume-snapshots-reclaim',
        'ValidatingAdmissionPolicyBinding cdk8s-volume-snapshots-reclaim',
        'ClusterRole cdk8s-volume-snapshots-reclaim',
        'ClusterRoleBinding cdk8s-volume-snapshots-reclaim',
      ]);
    }
  });

  test('the ids of the path do not matter', () => {
    expect(() => render({}, new Chart(new App(), 'my_platform'))).not.toThrow();
  });

  test('metadata is respected, references included', () => {
    const chart = render({ metadata: { name: 'reclaim', labels: { team: 'platform' }, annotations: { note: 'x' } } });
    for (const { metadata } of chart.toJson()) {
      expect(metadata).toMatchObject({ name: 'reclaim', labels: { team: 'platform' }, annotations: { note: 'x' } });
    }
    expect(objectOf(chart, 'ValidatingAdmissionPolicyBinding').spec.policyName).toBe('reclaim');
    expect(objectOf(chart, 'ClusterRoleBinding').roleRef.name).toBe('reclaim');
  });

  test('no object has a namespace, though the chart has one', () => {
    for (const { metadata } of render({}, newChart()).toJson()) { expect(metadata).not.toHaveProperty('namespace'); }
  });

  test('a patch survives', () => {
    const chart = newChart();
    ApiObject.of(new SnapshotReclaim(chart, 'Reclaim')).addJsonPatch(JsonPatch.add('/metadata/labels', { patched: 'yes' }));
    expect(objectOf(chart, 'ClusterRole').metadata.labels).toEqual({ patched: 'yes' });
  });

  test('synth fails when one chart has two, of which one would undo the other', () => {
    const chart = render();
    new SnapshotReclaim(chart, 'Again', { namespaces: ['db'] });
    expect(() => chart.toJson()).toThrow("[test/Again/Policy] 'metadata.name': the ValidatingAdmissionPolicy at test/Reclaim/Policy has the same name");
  });
});

describe('the right', () => {
  test('is to patch contents, and nothing else', () => {
    expect(objectOf(render(), 'ClusterRole').rules).toEqual([
      { apiGroups: ['snapshot.storage.k8s.io'], resources: ['volumesnapshotcontents'], verbs: ['patch'] },
    ]);
  });

  test('is every service account\'s by default', () => {
    expect(objectOf(render(), 'ClusterRoleBinding').subjects).toEqual([
      { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:serviceaccounts' },
    ]);
  });

  test('is limited to namespaces', () => {
    expect(objectOf(render({ namespaces: ['db', 'web'] }), 'ClusterRoleBinding').subjects.map(({ name }: any) => name))
      .toEqual(['system:serviceaccounts:db', 'system:serviceaccounts:web']);
  });
});

describe('the fence', () => {
  test('stands before what it guards, in Argo CD', () => {
    const waves = render().toJson().map(({ metadata }) => metadata.annotations['argocd.argoproj.io/sync-wave']);
    expect(waves).toEqual(['-2', '-2', '-1', '-1']);
  });

  test('keeps the fence in an earlier wave than the right, whatever the metadata of all says', () => {
    const chart = render({ metadata: { annotations: { 'argocd.argoproj.io/sync-wave': '5' } } });
    expect(chart.toJson().map(({ metadata }) => metadata.annotations['argocd.argoproj.io/sync-wave'])).toEqual(['-2', '-2', '-1', '-1']);
  });

  test('is closed if it cannot be evaluated', () => {
    expect(policy().failurePolicy).toBe('Fail');
  });

  test('is bound, and denies', () => {
    expect(objectOf(render(), 'ValidatingAdmissionPolicyBinding').spec)
      .toEqual({ policyName: 'cdk8s-volume-snapshots-reclaim', validationActions: ['Deny'] });
  });

  test('is around every update of contents, whatever version of the API it is made in', () => {
    const [rule] = policy().matchConstraints.resourceRules;
    expect(rule).toMatchObject({ apiGroups: ['snapshot.storage.k8s.io'], apiVersions: ['*'], operations: ['UPDATE'], resources: ['volumesnapshotcontents'] });
  });

  test('says the scope that the API server would add, or kubectl apply would call it changed each time', () => {
    expect(policy().matchConstraints.resourceRules).toEqual([expect.objectContaining({ scope: '*' })]);
  });

  test('is around whoever may not update the content anyway, so not around the snapshot controller', () => {
    expect(policy().matchConditions).toEqual([{
      name: 'no-right-to-update-contents',
      expression: "!authorizer.group('snapshot.storage.k8s.io').resource('volumesnapshotcontents').name(oldObject.metadata.name).check('update').allowed()",
    }]);
  });

  test('has four rules', () => {
    expect(policy().validations).toHaveLength(4);
  });

  test('keeps out contents that were not made for a snapshot here, since they may carry another namespace\'s handle', () => {
    expect(policy().validations[0]).toEqual({
      expression: 'has(oldObject.spec.source.volumeHandle)',
      message: 'only the content of a snapshot that was taken in this cluster may be given back, not a pre-provisioned one',
    });
  });

  test('keeps every field of the spec but the policy as it is', () => {
    expect(policy().validations[1]).toEqual({
      expression: [
        'object.spec.?driver == oldObject.spec.?driver',
        'object.spec.?source == oldObject.spec.?source',
        'object.spec.?volumeSnapshotRef == oldObject.spec.?volumeSnapshotRef',
        'object.spec.?volumeSnapshotClassName == oldObject.spec.?volumeSnapshotClassName',
        'object.spec.?sourceVolumeMode == oldObject.spec.?sourceVolumeMode',
      ].join(' &&\n'),
      message: 'nothing but spec.deletionPolicy may be changed',
    });
  });

  test('keeps the metadata as it is, since annotations say whose secret deletes the snapshot', () => {
    expect(policy().validations[2]).toEqual({
      expression: [
        'object.metadata.?labels == oldObject.metadata.?labels',
        'object.metadata.?annotations == oldObject.metadata.?annotations',
        'object.metadata.?finalizers == oldObject.metadata.?finalizers',
        'object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences',
      ].join(' &&\n'),
      message: 'nothing but spec.deletionPolicy may be changed, metadata included',
    });
  });

  test('keeps out who may not delete the snapshot itself, as a namespace\'s robot may not in another', () => {
    expect(policy().validations[3]).toEqual({
      expression: "authorizer.group('snapshot.storage.k8s.io').resource('volumesnapshots')"
        + ".namespace(oldObject.spec.volumeSnapshotRef.namespace).check('delete').allowed()",
      messageExpression: '"only who may delete VolumeSnapshots in namespace \'" + oldObject.spec.volumeSnapshotRef.namespace + "\' may give back their storage"',
    });
  });
});

describe('throws', () => {
  test('outside a chart, and names the path', () => {
    expect(() => new SnapshotReclaim(new Construct(new App(), 'group'), 'Reclaim')).toThrow("[group/Reclaim] 'scope': not in a chart");
  });

  test.each([
    [
      'when nobody would be allowed', { namespaces: [] },
      "'namespaces': nobody would be allowed, got []; allowed at least one namespace; leave it out to mean all",
    ],
    ['when a namespace is not valid', { namespaces: ['db', 'We b'] }, "'namespaces': not a valid name, got 'We b'"],
    ['when a name is not valid', { metadata: { name: 'Reclaim' } }, "'metadata.name': not a valid name, got 'Reclaim'"],
    [
      'when told a namespace for what has none', { metadata: { namespace: 'db' } },
      "'metadata.namespace': the object belongs to the cluster and has no namespace, got 'db'; allowed no namespace; leave it out",
    ],
  ])('%s', (_, props, message) => {
    expect(() => new SnapshotReclaim(newChart({}), 'Reclaim', props)).toThrow(`[test/Reclaim] ${message}`);
  });
});

test.each<[string, object, RegExp]>([
  ['the namespaces are one text', { namespaces: 'db' }, /'namespaces': not a list, got 'db';/],
  ['a prop is misspelled', { namespace: ['db'] }, /'namespace': no such prop, .*; did you mean namespaces\?$/],
])('in a language without types, throws when %s', (_, props, problem) => {
  expect(() => render(props)).toThrow(problem);
});
