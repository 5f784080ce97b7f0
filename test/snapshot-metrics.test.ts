import { ApiObject, App, Chart, Yaml } from 'cdk8s';
import { parse } from 'yaml';
import { newChart, objectOf } from './manifests';
import { GroupSnapshotApiVersion, SnapshotMetrics, SnapshotMetricsProps } from '../src';

/** The chart of metrics called `snapshot-metrics`, with what a test is about. */
function render(props: SnapshotMetricsProps = {}, chart = newChart({ namespace: 'monitoring' })): Chart {
  new SnapshotMetrics(chart, 'Metrics', { ...props, metadata: { name: 'snapshot-metrics', ...props.metadata } });
  return chart;
}

/** The configuration that kube-state-metrics reads, by kind. */
function resourcesOf(props: SnapshotMetricsProps = {}): { [kind: string]: any } {
  const { kind, spec } = parse(objectOf(render(props), 'ConfigMap').data['config.yaml']);
  expect(kind).toBe('CustomResourceStateMetrics');
  return Object.fromEntries(spec.resources.map((resource: any) => [resource.groupVersionKind.kind, resource]));
}

const namesOf = ({ metricNamePrefix, metrics }: any): string[] => metrics.map(({ name }: any) => `${metricNamePrefix}_${name}`);

test('renders the rights', () => {
  expect(Yaml.stringify(...render().toJson().filter(({ kind }) => kind !== 'ConfigMap'))).toMatchInlineSnapshot(`
"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: snapshot-metrics.monitoring
rules:
  - apiGroups:
      - apiextensions.k8s.io
    resources:
      - customresourcedefinitions
    verbs:
      - list
      - watch
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshots
      - volumesnapshotcontents
    verbs:
      - list
      - watch
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: snapshot-metrics.monitoring
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: snapshot-metrics.monitoring
subjects:
  - kind: ServiceAccount
    name: kube-state-metrics
    namespace: monitoring
"
`);
});

describe('the configuration', () => {
  test('tells of each snapshot whether it is ready, when it was cut, its size and its error', () => {
    expect(namesOf(resourcesOf().VolumeSnapshot)).toEqual(expect.arrayContaining([
      'kube_volumesnapshot_status_ready_to_use', 'kube_volumesnapshot_created', 'kube_volumesnapshot_status_creation_time',
      'kube_volumesnapshot_status_restore_size_bytes', 'kube_volumesnapshot_status_error_time', 'kube_volumesnapshot_deletion_timestamp',
    ]));
  });

  test('tells what drills and holds have measured, for dashboards', () => {
    expect(namesOf(resourcesOf().VolumeSnapshot)).toEqual(expect.arrayContaining([
      'kube_volumesnapshot_held_milliseconds', 'kube_volumesnapshot_verified_time', 'kube_volumesnapshot_recovery_seconds',
    ]));
  });

  test('has the labels of the rule that tutorials copy, and calls a snapshot without a status not ready', () => {
    const metric = resourcesOf().VolumeSnapshot.metrics.find(({ name }: any) => name === 'status_ready_to_use');
    expect(metric).toMatchObject({ commonLabels: { condition: 'false' }, labelsFromPath: { condition: ['status', 'readyToUse'] }, each: { type: 'Info' } });
  });

  test('tells whose snapshot it is', () => {
    expect(resourcesOf().VolumeSnapshot.labelsFromPath).toMatchObject({
      namespace: ['metadata', 'namespace'],
      volumesnapshot: ['metadata', 'name'],
      persistentvolumeclaim: ['spec', 'source', 'persistentVolumeClaimName'],
      schedule: ['metadata', 'labels', 'cdk8s-volume-snapshots/schedule'],
      claim_uid: ['metadata', 'labels', 'cdk8s-volume-snapshots/claim-uid'],
      verified: ['metadata', 'labels', 'cdk8s-volume-snapshots/verified'],
      consistency: ['metadata', 'labels', 'cdk8s-volume-snapshots/consistency'],
    });
  });

  test('tells of contents by the snapshot and the volume that they belong to', () => {
    expect(resourcesOf().VolumeSnapshotContent.labelsFromPath).toMatchObject({
      snapshot_uid: ['spec', 'volumeSnapshotRef', 'uid'], volume_handle: ['spec', 'source', 'volumeHandle'], driver: ['spec', 'driver'],
    });
  });

  test('has no metric twice, and no label that kube-state-metrics keeps for itself', () => {
    const resources = Object.values(resourcesOf({ groupSnapshots: GroupSnapshotApiVersion.V1 }));
    const names = resources.flatMap(namesOf);
    expect(new Set(names).size).toBe(names.length);
    expect(resources.flatMap(({ labelsFromPath }) => Object.keys(labelsFromPath)).filter(name => name.startsWith('customresource_'))).toEqual([]);
  });

  test('is the same as text, for the values of a Helm chart', () => {
    const chart = newChart({ namespace: 'monitoring' });
    const metrics = new SnapshotMetrics(chart, 'Metrics');
    expect(objectOf(chart, 'ConfigMap').data[metrics.key]).toBe(metrics.config);
  });
});

describe('groups', () => {
  test('are not asked for where their API may not be', () => {
    expect(Object.keys(resourcesOf())).toEqual(['VolumeSnapshot', 'VolumeSnapshotContent']);
  });

  test('are told in the version that the cluster has, with the right to see them', () => {
    const props = { groupSnapshots: GroupSnapshotApiVersion.V1BETA2 };
    const { VolumeGroupSnapshot } = resourcesOf(props);
    expect(VolumeGroupSnapshot.groupVersionKind).toEqual({ group: 'groupsnapshot.storage.k8s.io', version: 'v1beta2', kind: 'VolumeGroupSnapshot' });
    expect(namesOf(VolumeGroupSnapshot)).toEqual(expect.arrayContaining(['kube_volumegroupsnapshot_status_ready_to_use', 'kube_volumegroupsnapshot_created']));
    expect(objectOf(render(props), 'ClusterRole').rules).toContainEqual({
      apiGroups: ['groupsnapshot.storage.k8s.io'], resources: ['volumegroupsnapshots'], verbs: ['list', 'watch'],
    });
  });
});

test('the rights are those of the kube-state-metrics that is named', () => {
  const chart = render({ serviceAccountName: 'stack-kube-state-metrics', serviceAccountNamespace: 'observability' });
  expect(objectOf(chart, 'ClusterRoleBinding').subjects).toEqual([{ kind: 'ServiceAccount', name: 'stack-kube-state-metrics', namespace: 'observability' }]);
});

test('the ConfigMap is what ApiObject.of finds', () => {
  const chart = newChart();
  expect(ApiObject.of(new SnapshotMetrics(chart, 'Metrics')).kind).toBe('ConfigMap');
});

describe('is refused', () => {
  test.each<[string, SnapshotMetricsProps, RegExp]>([
    ['a name that no service account has', { serviceAccountName: 'Kube State Metrics' }, /\[test\/Metrics\] 'serviceAccountName': not a valid name/],
    ['a namespace that cannot be', { serviceAccountNamespace: 'a.b' }, /'serviceAccountNamespace': not a valid name/],
    ['a version that nobody serves', { groupSnapshots: 'v2' as any }, /'groupSnapshots': not a member of the enum, got 'v2'/],
    ['a misspelled prop', { serviceAcountName: 'a' } as any, /'serviceAcountName': no such prop, .* did you mean serviceAccountName\?/],
  ])('%s', (_, props, problem) => {
    expect(() => render(props)).toThrow(problem);
  });

  test('a chart without a namespace', () => {
    expect(() => new SnapshotMetrics(new Chart(new App(), 'test'), 'Metrics'))
      .toThrow("[test/Metrics] 'metadata.namespace': kube-state-metrics mounts the ConfigMap from its own namespace, and none is known");
  });
});
