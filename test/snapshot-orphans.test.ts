import { ApiObject, App, Chart, Cron, Duration, JsonPatch, Yaml } from 'cdk8s';
import { Construct } from 'constructs';
import { configOf, newChart, objectOf, objectsOf, podOf, schedule } from './manifests';
import { OrphanAction, RunnerDefaults, SnapshotOrphans, SnapshotOrphansProps, SnapshotReclaim } from '../src';
import { CONFIG_VERSION, SNAPSHOT_NAME_PATTERN } from '../src/runner/config';
import { parseConfig } from '../src/runner/parse-config';

/** The chart of a look for orphans called `orphans`, with what a test is about. */
function render(props: SnapshotOrphansProps = {}, chart = newChart({ namespace: 'platform' })): Chart {
  new SnapshotOrphans(chart, 'Orphans', { ...props, metadata: { name: 'orphans', ...props.metadata } });
  return chart;
}

const reclaiming = (props: SnapshotOrphansProps = {}) => render({ action: OrphanAction.RECLAIM, ...props });
const fence = (props: SnapshotOrphansProps = {}) => objectOf(reclaiming(props), 'ValidatingAdmissionPolicy').spec;

/** As a reviewer reads it, but for the program and the CronJob, which have tests of their own. */
function yamlOf(chart: Chart): string {
  return Yaml.stringify(...chart.toJson().filter(({ kind }) => !['ConfigMap', 'CronJob'].includes(kind)));
}

test('renders a look', () => {
  expect(yamlOf(render())).toMatchInlineSnapshot(`
"apiVersion: v1
kind: ServiceAccount
metadata:
  name: orphans
  namespace: platform
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: orphans.platform
rules:
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshotcontents
    verbs:
      - list
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshots
    verbs:
      - list
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: orphans.platform
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: orphans.platform
subjects:
  - kind: ServiceAccount
    name: orphans
    namespace: platform
"
`);
});

test('renders what gives back', () => {
  expect(yamlOf(reclaiming())).toMatchInlineSnapshot(`
"apiVersion: v1
kind: ServiceAccount
metadata:
  name: orphans
  namespace: platform
automountServiceAccountToken: false
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  annotations:
    argocd.argoproj.io/sync-wave: "-2"
  name: orphans.platform
spec:
  failurePolicy: Fail
  matchConditions:
    - expression: request.userInfo.username == 'system:serviceaccount:platform:orphans'
      name: by-the-service-account
  matchConstraints:
    resourceRules:
      - apiGroups:
          - snapshot.storage.k8s.io
        apiVersions:
          - "*"
        operations:
          - UPDATE
          - DELETE
        resources:
          - volumesnapshotcontents
        scope: "*"
  validations:
    - expression: has(oldObject.spec.source.volumeHandle) && has(oldObject.metadata.annotations) && 'snapshot.storage.kubernetes.io/volumesnapshot-being-deleted' in oldObject.metadata.annotations
      message: only the content of a snapshot that was taken in this cluster, and deleted since, may be given back
    - expression: oldObject.spec.volumeSnapshotRef.name.matches('^([a-z0-9][-.a-z0-9]*)-([0-9]{8}-[0-9]{6}|manual)-[0-9a-f]{8}$')
      message: only the content of a schedule's snapshot may be given back
    - expression: |-
        request.operation == 'DELETE' || (
        object.spec.?driver == oldObject.spec.?driver &&
        object.spec.?source == oldObject.spec.?source &&
        object.spec.?volumeSnapshotRef == oldObject.spec.?volumeSnapshotRef &&
        object.spec.?volumeSnapshotClassName == oldObject.spec.?volumeSnapshotClassName &&
        object.spec.?sourceVolumeMode == oldObject.spec.?sourceVolumeMode &&
        object.metadata.?labels == oldObject.metadata.?labels &&
        object.metadata.?annotations == oldObject.metadata.?annotations &&
        object.metadata.?finalizers == oldObject.metadata.?finalizers &&
        object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences
        )
      message: nothing but spec.deletionPolicy may be changed
    - expression: request.operation != 'DELETE' || oldObject.spec.deletionPolicy == 'Delete'
      message: a content that retains its storage may not be deleted, or nothing would be left that shows it
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  annotations:
    argocd.argoproj.io/sync-wave: "-2"
  name: orphans.platform
spec:
  policyName: orphans.platform
  validationActions:
    - Deny
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  annotations:
    argocd.argoproj.io/sync-wave: "-1"
  name: orphans.platform
rules:
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshotcontents
    verbs:
      - delete
      - list
      - patch
      - update
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshots
    verbs:
      - get
      - list
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  annotations:
    argocd.argoproj.io/sync-wave: "-1"
  name: orphans.platform
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: orphans.platform
subjects:
  - kind: ServiceAccount
    name: orphans
    namespace: platform
"
`);
});

describe('the CronJob', () => {
  test('runs once a week, outside the hours that are skipped or doubled, and never twice at once', () => {
    expect(objectOf(render(), 'CronJob').spec).toMatchObject({
      schedule: '20 5 * * 0',
      timeZone: 'Etc/UTC',
      concurrencyPolicy: 'Forbid',
      startingDeadlineSeconds: 3600,
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 3,
    });
  });

  test('runs when it is told, or not at all', () => {
    const chart = render({ schedule: Cron.schedule({ hour: '6', minute: '0' }), timeZone: 'Europe/Berlin', suspend: true });
    expect(objectOf(chart, 'CronJob').spec).toMatchObject({ schedule: '0 6 * * *', timeZone: 'Europe/Berlin', suspend: true });
  });

  test('has a starting deadline that leaves fewer than 100 missed runs, at which Kubernetes gives up', () => {
    expect(objectOf(render({ schedule: Cron.everyMinute() }), 'CronJob').spec.startingDeadlineSeconds).toBe(3000);
  });

  test('ends each Job, and tries again only what a retry can mend', () => {
    const { spec } = objectOf(render(), 'CronJob').spec.jobTemplate;
    expect(spec).toMatchObject({ activeDeadlineSeconds: 3600, backoffLimit: 3 });
    expect(spec.podFailurePolicy.rules).toEqual([
      { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
      { action: 'FailJob', onExitCodes: { containerName: 'runner', operator: 'In', values: [1] } },
    ]);
  });

  test('tells the run what to do, in words that it understands', () => {
    expect(configOf(render())).toEqual({
      kind: 'Orphans', version: CONFIG_VERSION, action: 'List', olderThanSeconds: 2_592_000, keepNewestPerVolume: 1,
    });
    const config = configOf(reclaiming({ olderThan: Duration.days(90), keepNewestPerVolume: 0, namespaces: ['shop', 'wiki'] }));
    expect(config).toEqual({
      kind: 'Orphans', version: CONFIG_VERSION, action: 'Reclaim', olderThanSeconds: 7_776_000, keepNewestPerVolume: 0, namespaces: ['shop', 'wiki'],
    });
    expect(parseConfig(JSON.stringify(config))).toEqual(config);
  });

  test('runs the program that the schedules of its chart and namespace run, from one ConfigMap', () => {
    const chart = render();
    schedule(chart);
    const [configMap, ...more] = objectsOf(chart, 'ConfigMap');
    expect(more).toEqual([]);
    expect(podOf(chart, 'orphans').spec.volumes).toEqual([{ name: 'runner', configMap: { name: configMap.metadata.name } }]);
  });

  test('labels its pods as a schedule does, so that the same NetworkPolicy lets them reach the API server', () => {
    expect(podOf(render()).metadata.labels).toMatchObject({ 'cdk8s-volume-snapshots/schedule': 'orphans' });
  });

  test('has its pod as RunnerDefaults say, and before them its own options', () => {
    const chart = newChart({ namespace: 'platform' });
    new RunnerDefaults(chart, 'Defaults', { imageRegistry: 'registry.example.com', pod: { priorityClassName: 'low', imagePullSecrets: ['mirror'] } });
    const { spec } = podOf(render({ pod: { priorityClassName: 'high' } }, chart));
    expect(spec).toMatchObject({ priorityClassName: 'high', imagePullSecrets: [{ name: 'mirror' }] });
    expect(spec.containers[0].image).toBe('registry.example.com/distroless/nodejs24-debian12:nonroot');
  });

  test('does not go without defaults that were defined too late', () => {
    const chart = render();
    expect(() => new RunnerDefaults(chart, 'Defaults')).toThrow('a schedule was defined before its defaults and would not have them');
  });

  test('carries metadata, its name is that of its service account, and the cluster-scoped objects are called after both', () => {
    const chart = newChart({ namespace: 'platform' });
    const orphans = new SnapshotOrphans(chart, 'Orphans', {
      metadata: { name: 'lost', namespace: 'storage', labels: { team: 'sre' }, annotations: { note: 'x' } }, action: OrphanAction.RECLAIM,
    });
    expect(objectOf(chart, 'CronJob').metadata).toEqual({ name: 'lost', namespace: 'storage', labels: { team: 'sre' }, annotations: { note: 'x' } });
    expect(objectOf(chart, 'ServiceAccount').metadata).toEqual({ name: 'lost', namespace: 'storage' });
    expect(podOf(chart).spec.serviceAccountName).toBe('lost');
    for (const kind of ['ClusterRole', 'ClusterRoleBinding', 'ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding']) {
      expect(objectOf(chart, kind).metadata.name).toBe('lost.storage');
      expect(objectOf(chart, kind).metadata).not.toHaveProperty('namespace');
    }
    expect(orphans).toMatchObject({ name: 'lost', namespace: 'storage', clusterRoleName: 'lost.storage' });
  });
});

describe('contract', () => {
  test('the CronJob is the default child', () => {
    expect(ApiObject.of(new SnapshotOrphans(newChart(), 'Orphans')).kind).toBe('CronJob');
  });

  test('names are made of the path', () => {
    const chart = newChart();
    const { name, clusterRoleName } = new SnapshotOrphans(chart, 'Orphans');
    expect([name, clusterRoleName]).toEqual(['test-orphans-c8568390', 'test-orphans-c8568390.db']);
  });

  test('what was resolved can be read', () => {
    const chart = newChart();
    const orphans = new SnapshotOrphans(chart, 'Orphans');
    expect(orphans).toMatchObject({ schedule: '20 5 * * 0', timeZone: 'Etc/UTC', action: OrphanAction.LIST, keepNewestPerVolume: 1 });
    expect(orphans.olderThan.toDays()).toBe(30);
  });

  test('a patch survives', () => {
    const chart = newChart();
    ApiObject.of(new SnapshotOrphans(chart, 'Orphans')).addJsonPatch(JsonPatch.replace('/spec/successfulJobsHistoryLimit', 1));
    expect(objectOf(chart, 'CronJob').spec.successfulJobsHistoryLimit).toBe(1);
  });

  test('two in one namespace have rights of their own, and so have two of one name in two namespaces', () => {
    const chart = newChart({ namespace: 'platform' });
    new SnapshotOrphans(chart, 'All');
    new SnapshotOrphans(chart, 'Shop', { namespaces: ['shop'], action: OrphanAction.RECLAIM });
    for (const namespace of ['one', 'two']) { new SnapshotOrphans(chart, namespace, { metadata: { name: 'same', namespace } }); }
    expect(new Set(objectsOf(chart, 'ClusterRole').map(({ metadata }) => metadata.name)).size).toBe(4);
  });

  test('synth fails when one chart has two of one name, of which one would undo the other', () => {
    const chart = render();
    new SnapshotOrphans(chart, 'Again', { metadata: { name: 'orphans' } });
    expect(() => chart.toJson()).toThrow("[test/Again/Resource] 'metadata.name': the CronJob at test/Orphans/Resource has the same name");
  });
});

describe('the rights', () => {
  const rules = (chart: Chart) => objectOf(chart, 'ClusterRole').rules.map(({ resources, verbs }: any) => `${resources}: ${verbs}`);

  test('of a look are to list, and nothing can be changed with them', () => {
    expect(rules(render())).toEqual(['volumesnapshotcontents: list', 'volumesnapshots: list']);
  });

  test('to give back are over contents; none is over VolumeSnapshots, so no living one can be deleted', () => {
    expect(rules(reclaiming())).toEqual(['volumesnapshotcontents: delete,list,patch,update', 'volumesnapshots: get,list']);
  });

  test('are of this service account alone', () => {
    expect(objectOf(reclaiming(), 'ClusterRoleBinding')).toMatchObject({
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'orphans.platform' },
      subjects: [{ kind: 'ServiceAccount', name: 'orphans', namespace: 'platform' }],
    });
  });

  test('of a look need no fence', () => {
    expect(objectsOf(render(), 'ValidatingAdmissionPolicy')).toEqual([]);
  });

  test('are no hindrance to SnapshotReclaim in the same chart', () => {
    const chart = reclaiming();
    new SnapshotReclaim(chart, 'Reclaim');
    expect(objectsOf(chart, 'ValidatingAdmissionPolicy').map(({ metadata }) => metadata.name).sort())
      .toEqual(['cdk8s-volume-snapshots-reclaim', 'orphans.platform']);
    const exempt = objectOf(chart, 'ValidatingAdmissionPolicy', 'cdk8s-volume-snapshots-reclaim').spec.matchConditions[0].expression;
    expect(exempt).toContain("check('update').allowed()");
  });
});

describe('the fence', () => {
  test('stands before what it guards, in Argo CD', () => {
    const waves = Object.fromEntries(reclaiming().toJson().map(({ kind, metadata }) => [kind, metadata.annotations?.['argocd.argoproj.io/sync-wave']]));
    expect(waves).toMatchObject({ ValidatingAdmissionPolicy: '-2', ValidatingAdmissionPolicyBinding: '-2', ClusterRole: '-1', ClusterRoleBinding: '-1' });
    expect(waves.CronJob).toBeUndefined();
  });

  test('is closed if it cannot be evaluated, is bound, and denies', () => {
    expect(fence().failurePolicy).toBe('Fail');
    expect(objectOf(reclaiming(), 'ValidatingAdmissionPolicyBinding').spec).toEqual({ policyName: 'orphans.platform', validationActions: ['Deny'] });
  });

  test('is around each change and deletion of contents by this service account, and around nobody else', () => {
    expect(fence().matchConstraints.resourceRules).toEqual([{
      apiGroups: ['snapshot.storage.k8s.io'], apiVersions: ['*'], operations: ['UPDATE', 'DELETE'], resources: ['volumesnapshotcontents'], scope: '*',
    }]);
    expect(fence().matchConditions).toEqual([
      { name: 'by-the-service-account', expression: "request.userInfo.username == 'system:serviceaccount:platform:orphans'" },
    ]);
  });

  test('keeps out contents whose VolumeSnapshot is there, and those that somebody made', () => {
    expect(fence().validations[0].expression).toBe('has(oldObject.spec.source.volumeHandle) && has(oldObject.metadata.annotations) && '
      + "'snapshot.storage.kubernetes.io/volumesnapshot-being-deleted' in oldObject.metadata.annotations");
  });

  test('goes by the same names as the run', () => {
    expect(fence().validations[1].expression).toBe(`oldObject.spec.volumeSnapshotRef.name.matches('${SNAPSHOT_NAME_PATTERN}')`);
  });

  test('keeps out namespaces that are not named', () => {
    expect(fence({ namespaces: ['shop', 'wiki'] }).validations[1].expression).toContain('&& oldObject.spec.volumeSnapshotRef.namespace in ["shop","wiki"]');
  });

  test('keeps everything but the policy as it is, metadata included, since annotations say whose secret deletes the snapshot', () => {
    const { expression } = fence().validations[2];
    expect(expression.match(/object\.(\w+\.\?\w+) == oldObject\.\1/g).map((line: string) => line.split(' ')[0])).toEqual([
      'object.spec.?driver', 'object.spec.?source', 'object.spec.?volumeSnapshotRef', 'object.spec.?volumeSnapshotClassName', 'object.spec.?sourceVolumeMode',
      'object.metadata.?labels', 'object.metadata.?annotations', 'object.metadata.?finalizers', 'object.metadata.?ownerReferences',
    ]);
    // there is no object after a deletion
    expect(expression).toMatch(/^request\.operation == 'DELETE' \|\| \(\n/);
  });

  test('lets no content be deleted that retains its storage, which nothing would show then', () => {
    expect(fence().validations[3].expression).toBe("request.operation != 'DELETE' || oldObject.spec.deletionPolicy == 'Delete'");
  });
});

describe('throws', () => {
  test('outside a chart, and names the path', () => {
    expect(() => new SnapshotOrphans(new Construct(new App(), 'group'), 'Orphans')).toThrow("[group/Orphans] 'scope': not in a chart");
  });

  test('without a namespace, since the binding could name no service account', () => {
    expect(() => render({}, newChart({}))).toThrow("[test/Orphans] 'metadata.namespace': a cluster role binding must name the namespace of its service account");
  });

  test.each<[string, SnapshotOrphansProps, string]>([
    ['for a schedule that Kubernetes refuses', { schedule: Cron.schedule({ minute: '61' }) }, "'schedule': minute '61' is out of range 0-59"],
    ['for a time zone that is none', { timeZone: 'CEST' }, "'timeZone': not a zone but at most an abbreviation, got 'CEST'"],
    [
      'for an age of less than a second', { olderThan: Duration.millis(500) },
      "'olderThan': out of range, got 500 millis; allowed whole seconds from 1 second to 36500 days",
    ],
    ['for an age that no orphan reaches', { olderThan: Duration.days(40_000) }, "'olderThan': out of range, got 40000 days"],
    ['for less than no copy', { keepNewestPerVolume: -1 }, "'keepNewestPerVolume': out of range, got -1; allowed a whole number from 0"],
    ['for half a copy', { keepNewestPerVolume: 1.5 }, "'keepNewestPerVolume': out of range, got 1.5"],
    ['when nothing would be found', { namespaces: [] }, "'namespaces': nothing would be found, got []; allowed at least one namespace; leave it out to mean all"],
    ['for a namespace that cannot be', { namespaces: ['shop', 'Wiki'] }, "'namespaces': not a valid name, got 'Wiki'"],
    ['for a name that leaves no room for the Job\'s', { metadata: { name: 'a'.repeat(53) } }, "'metadata.name': 53 characters are too many"],
    ['for an image without a tag', { pod: { image: 'node' } }, "'pod.image': not an image, got 'node'"],
  ])('%s', (_, props, message) => {
    expect(() => render(props)).toThrow(`[test/Orphans] ${message}`);
  });

  test('and leaves nothing behind in the chart that would be rendered', () => {
    const chart = newChart({ namespace: 'platform' });
    expect(() => render({ olderThan: Duration.millis(1) }, chart)).toThrow();
    expect(chart.toJson()).toEqual([]);
  });
});

test.each<[string, object, RegExp]>([
  ['the action is no member', { action: 'reclaim' }, /'action': not a member of the enum, got 'reclaim'; allowed LIST \('List'\), RECLAIM \('Reclaim'\)/],
  ['the age is a number', { olderThan: 30 }, /'olderThan': not a Duration, got 30;/],
  ['the schedule is a text', { schedule: '@weekly' }, /'schedule': not a Cron, got '@weekly';/],
  ['the namespaces are one text', { namespaces: 'shop' }, /'namespaces': not a list, got 'shop';/],
  ['a flag is a text', { suspend: 'false' }, /'suspend': not a boolean, got 'false';/],
  ['a prop is misspelled', { olderthan: Duration.days(1) }, /'olderthan': no such prop, .*; did you mean olderThan\?$/],
  ['an option of the pod is misspelled', { pod: { imagePullSecret: [] } }, /'pod.imagePullSecret': no such prop, .*; did you mean imagePullSecrets\?$/],
])('in a language without types, throws when %s', (_, props, problem) => {
  expect(() => render(props)).toThrow(problem);
});
