import { Cron, Duration, Size, Yaml } from 'cdk8s';
import { configOf, newChart, objectOf, objectsOf, podOf, schedule, statefulSet } from './manifests';
import {
  CloneMasking, CsiDriver, DeletionPolicy, RestoreNames, RunnerDefaults, SnapshotClass, SnapshotClone, SnapshotCloneProps, SnapshotSource,
} from '../src';
import { CloneConfig, CONFIG_VERSION } from '../src/runner/config';
import { parseConfig } from '../src/runner/parse-config';

const NAME = 'shop-staging';
const ID = 'shop-staging.platform';

/** The chart of a clone called `shop-staging`, of a schedule in namespace `db`. */
function render(props: Partial<SnapshotCloneProps> = {}, chart = newChart({ namespace: 'platform' })) {
  const nightly = schedule(newChart(), { metadata: { name: 'nightly' } });
  const clone = new SnapshotClone(chart, 'Clone', { metadata: { name: NAME }, schedule: nightly, targetNamespace: 'staging', ...props });
  return { chart, clone };
}
const configured = (props: Partial<SnapshotCloneProps> = {}): CloneConfig => configOf(render(props).chart, NAME);

/** Masking by two images, with what a test is about. */
function masking(changes: object = {}, options: { deletionPolicy?: DeletionPolicy } = { deletionPolicy: DeletionPolicy.DELETE }): CloneMasking {
  return {
    mask: { image: 'postgres:15', command: ['sh', '-c', 'echo $(date) > $HOME'] },
    check: { image: 'busybox:1.36' },
    snapshotClass: SnapshotClass.fromSnapshotClassName(newChart(), 'Masked', 'masked', options),
    ...changes,
  };
}

test('renders a clone, with the least rights in three namespaces and a fence around what belongs to none', () => {
  const { chart } = render();
  const yaml = Yaml.stringify(...chart.toJson().filter(({ kind }) => !['CronJob', 'ConfigMap', 'ServiceAccount'].includes(kind) && !kind.endsWith('Binding')));
  expect(yaml).toMatchInlineSnapshot(`
"apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: shop-staging
  namespace: platform
rules:
  - apiGroups:
      - ""
    resources:
      - events
    verbs:
      - create
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: shop-staging.platform
  namespace: db
rules:
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshots
    verbs:
      - list
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: shop-staging.platform
  namespace: staging
rules:
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshots
    verbs:
      - create
      - delete
      - list
  - apiGroups:
      - ""
    resources:
      - persistentvolumeclaims
    verbs:
      - create
      - delete
      - list
  - apiGroups:
      - ""
    resources:
      - pods
    verbs:
      - list
  - apiGroups:
      - ""
    resources:
      - events
    verbs:
      - create
      - list
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  annotations:
    argocd.argoproj.io/sync-wave: "-1"
  name: shop-staging.platform
rules:
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshotcontents
    verbs:
      - create
      - delete
      - get
  - apiGroups:
      - ""
    resourceNames:
      - staging
    resources:
      - namespaces
    verbs:
      - get
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  annotations:
    argocd.argoproj.io/sync-wave: "-2"
  name: shop-staging.platform
spec:
  failurePolicy: Fail
  matchConditions:
    - expression: request.userInfo.username == 'system:serviceaccount:platform:shop-staging'
      name: by-the-service-account
  matchConstraints:
    resourceRules:
      - apiGroups:
          - snapshot.storage.k8s.io
        apiVersions:
          - "*"
        operations:
          - CREATE
          - DELETE
        resources:
          - volumesnapshotcontents
        scope: "*"
  validations:
    - expression: request.operation != 'CREATE' || (has(object.metadata.labels) && 'cdk8s-volume-snapshots/clone' in object.metadata.labels && object.metadata.labels['cdk8s-volume-snapshots/clone'] == 'shop-staging.platform' && object.spec.deletionPolicy == 'Retain' && object.spec.volumeSnapshotRef.namespace in ["staging"])
      message: only a content that retains its storage, with the label of the clone, for a snapshot in staging, may be created
    - expression: request.operation != 'DELETE' || (has(oldObject.metadata.labels) && 'cdk8s-volume-snapshots/clone' in oldObject.metadata.labels && oldObject.metadata.labels['cdk8s-volume-snapshots/clone'] == 'shop-staging.platform' && oldObject.spec.deletionPolicy == 'Retain')
      message: only a content that retains its storage, with the label of the clone, may be deleted
"
`);
});

test('every role is bound to its service account', () => {
  const { chart } = render();
  const bindings = [...objectsOf(chart, 'RoleBinding'), ...objectsOf(chart, 'ClusterRoleBinding')];
  expect(bindings.map(({ metadata, roleRef, subjects }) => [metadata.namespace, roleRef.name, subjects])).toEqual([
    ['platform', NAME], ['db', ID], ['staging', ID], [undefined, ID],
  ].map(([namespace, role]) => [namespace, role, [{ kind: 'ServiceAccount', name: NAME, namespace: 'platform' }]]));
  expect(objectOf(chart, 'ValidatingAdmissionPolicyBinding').spec).toEqual({ policyName: ID, validationActions: ['Deny'] });
});

test('the program in its pod is told what to clone, and can read it', () => {
  const config = configured();
  expect(config).toEqual({
    kind: 'Clone',
    version: CONFIG_VERSION,
    cloneId: ID,
    scheduleId: 'nightly',
    sourceNamespace: 'db',
    targetNamespace: 'staging',
    claims: [{ kind: 'Claim', name: 'data' }],
    names: 'beside',
    keep: 1,
    only: [],
    timeoutSeconds: 3600,
    labels: {},
  });
  expect(parseConfig(JSON.stringify(config))).toEqual(config);
  expect(configured({ consistentOnly: true, verifiedOnly: true, keep: 3, storageClassName: 'slow', claimLabels: { app: 'shop' } }))
    .toMatchObject({ only: ['application', 'verified'], keep: 3, storageClassName: 'slow', labels: { app: 'shop' } });
});

test('nobody but a person starts it, unless it is to be refreshed', () => {
  expect(objectOf(render().chart, 'CronJob').spec).toMatchObject({ suspend: true, schedule: '0 0 1 1 *', concurrencyPolicy: 'Forbid' });
  const refresh = Cron.schedule({ weekDay: '1', hour: '5', minute: '10' });
  const { spec } = objectOf(render({ refresh, timeZone: 'Europe/Berlin', timeout: Duration.hours(2) }).chart, 'CronJob');
  expect(spec).toMatchObject({ suspend: false, schedule: '10 5 * * 1', timeZone: 'Europe/Berlin' });
  expect(spec.jobTemplate.spec.activeDeadlineSeconds).toBeGreaterThan(7200);
});

test('sources that are added to the schedule later are cloned as well', () => {
  const nightly = schedule(newChart());
  const { chart } = render({ schedule: nightly });
  nightly.addSource(SnapshotSource.fromClaimName('wal'));
  expect(configOf(chart, NAME).claims).toEqual([{ kind: 'Claim', name: 'data' }, { kind: 'Claim', name: 'wal' }]);
});

test('a schedule of another app is known by its id, its namespace and its claims, which are looked for only if they have no names', () => {
  const elsewhere = { schedule: undefined, scheduleId: 'hourly', sourceNamespace: 'shop' };
  const rulesOf = (source: SnapshotSource) => objectsOf(render({ ...elsewhere, source }).chart, 'Role').find(({ metadata }) => metadata.namespace === 'shop').rules;
  const byName = SnapshotSource.fromStatefulSetName('db', { templates: ['data'], replicas: 1 });
  expect(configured({ ...elsewhere, source: byName })).toMatchObject({ scheduleId: 'hourly', sourceNamespace: 'shop', claims: [{ name: 'data-db-0' }] });
  expect(rulesOf(byName).map(({ resources }: any) => resources[0])).toEqual(['volumesnapshots']);
  expect(rulesOf(SnapshotSource.fromSelector({ app: 'db' })).map(({ resources, verbs }: any) => [resources[0], verbs])).toEqual([
    ['volumesnapshots', ['list']], ['persistentvolumeclaims', ['list']],
  ]);
});

test('it is known by name, namespaces and id', () => {
  const { clone } = render({ names: RestoreNames.withSuffix('qa') });
  const { cloneId, keep, name, names: { word }, namespace, scheduleId, sourceNamespace, targetNamespace, timeout } = clone;
  expect([name, namespace, cloneId, scheduleId, sourceNamespace, targetNamespace]).toEqual([NAME, 'platform', ID, 'nightly', 'db', 'staging']);
  expect([word, keep, timeout.toHours()]).toEqual(['suffix/qa', 1, 1]);
});

describe('masking', () => {
  test('is done in two pods that are kept from everything', () => {
    const { mask, check, snapshotClassName } = configured({ masking: masking({ securityContext: { user: 999, group: 998 } }) }).masking!;
    expect(snapshotClassName).toBe('masked');
    for (const { annotations, labels, mountPath, spec } of [mask, check]) {
      expect(spec).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        dnsPolicy: 'None',
        restartPolicy: 'Never',
        nodeSelector: { 'kubernetes.io/os': 'linux' },
        securityContext: { runAsNonRoot: true, runAsUser: 999, runAsGroup: 998, seccompProfile: { type: 'RuntimeDefault' } },
      });
      expect(spec.containers[0]).toMatchObject({
        imagePullPolicy: 'IfNotPresent', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }, terminationMessagePolicy: 'FallbackToLogsOnError',
      });
      expect([mountPath, labels, annotations]).toMatchObject(['/data', { 'sidecar.istio.io/inject': 'false' }, { 'linkerd.io/inject': 'disabled' }]);
    }
    expect(mask.spec.containers.map(({ name }: any) => name)).toEqual(['mask', 'holder']);
    expect(check.spec.containers.map(({ name }: any) => name)).toEqual(['check']);
  });

  test('keeps the volumes mounted by the image of runs, as their user', () => {
    const { mask } = configured({ masking: masking({ securityContext: { user: 999 } }), pod: { image: 'node:24-alpine', tolerations: [{ key: 'admin' }] } }).masking!;
    expect(mask.spec.tolerations).toEqual([{ key: 'admin', operator: 'Exists' }]);
    expect(mask.spec.containers[1]).toMatchObject({
      name: 'holder',
      image: 'node:24-alpine',
      args: ['--jitless', '--eval', expect.stringContaining('SIGTERM')],
      securityContext: { runAsUser: 1000, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
    });
  });

  test('runs what was written, which neither the kubelet of the run nor that of the pod expands', () => {
    const resources = { memoryLimit: Size.gibibytes(1), memoryRequest: Size.mebibytes(1) };
    const container = { image: 'x', args: ['$(A)'], env: { A: '$$B' }, secrets: ['pw'], mountPath: '/var/lib', resources };
    const { chart } = render({ masking: masking({ check: container }) });
    const { check, mask } = configOf(chart, NAME).masking;
    expect(mask.spec.containers[0].command).toEqual(['sh', '-c', 'echo $$(date) > $HOME']);
    expect(check.spec.containers[0]).toMatchObject({
      args: ['$$(A)'], env: [{ name: 'A', value: '$$$B' }], envFrom: [{ secretRef: { name: 'pw' } }], resources: { limits: { memory: '1Gi' }, requests: { memory: '1Mi' } },
    });
    expect(check.mountPath).toBe('/var/lib');
    expect(podOf(chart, NAME).spec.containers[0].env[0].value).not.toMatch(/\$[$(]/);
  });

  test('has rights in the namespace of the clone, which else has none to pods', () => {
    const own = (props: Partial<SnapshotCloneProps>) => objectsOf(render(props).chart, 'Role').find(({ metadata }) => metadata.namespace === 'platform').rules
      .map(({ resources, verbs }: any) => [resources[0], verbs.join()]);
    expect(own({})).toEqual([['events', 'create']]);
    expect(own({ masking: masking() })).toEqual([
      ['volumesnapshots', 'create,delete,list'], ['persistentvolumeclaims', 'create,delete,list'], ['pods', 'create,delete,get,list'], ['events', 'create,list'],
    ]);
  });

  test('lets contents be made for its own namespace as well, and nothing reach its pods', () => {
    const { chart } = render({ masking: masking() });
    expect(objectOf(chart, 'ValidatingAdmissionPolicy').spec.validations[0].expression).toContain('namespace in ["staging","platform"]');
    expect(objectOf(chart, 'NetworkPolicy')).toMatchObject({
      metadata: { namespace: 'platform' }, spec: { podSelector: { matchLabels: { 'cdk8s-volume-snapshots/clone': ID } }, policyTypes: ['Egress', 'Ingress'] },
    });
    expect(objectsOf(render().chart, 'NetworkPolicy')).toEqual([]);
  });

  test('says the same each time, so that the same data is not masked again', () => {
    expect(JSON.stringify(configured({ masking: masking() }))).toBe(JSON.stringify(configured({ masking: masking() })));
  });

  test.each<[string, object, string]>([
    ['no check', { check: undefined }, "'masking.check': nothing would find out that data is not masked"],
    ['no mask', { mask: undefined }, "'masking.mask': not an object"],
    ['no image', { mask: { image: '' } }, "'masking.mask.image': empty"],
    ['a command that is no list', { check: { image: 'x', command: 'true' } }, "'masking.check.command': not a list"],
    ['a secret that is none', { check: { image: 'x', secrets: ['A_B'] } }, "'masking.check.secrets': not a valid name"],
    ['a variable that is no text', { check: { image: 'x', env: { A: 1 } } }, "'masking.check.env.A': not text"],
    ['a path that is none', { mask: { image: 'x', mountPath: 'data' } }, "'masking.mask.mountPath': not a directory to mount below, got 'data'"],
    ['the root', { mask: { image: 'x', mountPath: '/' } }, "'masking.mask.mountPath'"],
    ['more memory than the limit', { mask: { image: 'x', resources: { memoryRequest: Size.gibibytes(1) } } }, "'masking.mask.resources.memoryRequest': more than the limit"],
    ['root', { securityContext: { user: 0 } }, "'masking.securityContext.user': out of range"],
    ['no class', { snapshotClass: undefined }, "'masking.snapshotClass': not an ISnapshotClass"],
    ['a misspelt option', { chek: { image: 'x' } }, 'did you mean check?'],
  ])('with %s is refused', (_, changes, message) => {
    expect(() => render({ masking: masking(changes) })).toThrow(message);
  });

  test.each<[string, { deletionPolicy?: DeletionPolicy }, string]>([
    ['that retains', { deletionPolicy: DeletionPolicy.RETAIN }, "'masking.snapshotClass': 'masked' keeps the storage of each masked copy for ever"],
    ['of which that is not known', {}, "'masking.snapshotClass': whether 'masked' keeps the storage of masked copies is not known"],
  ])('by a class %s is refused', (_, options, message) => {
    expect(() => render({ masking: masking({}, options) })).toThrow(message);
  });

  test('takes a class that is defined here', () => {
    const snapshotClass = new SnapshotClass(newChart(), 'Class', { metadata: { name: 'here' }, driver: CsiDriver.awsEbs(), deletionPolicy: DeletionPolicy.DELETE });
    expect(configured({ masking: masking({ snapshotClass }) }).masking?.snapshotClassName).toBe('here');
  });
});

test.each<[string, Partial<SnapshotCloneProps>, string]>([
  ['no schedule', { schedule: undefined }, "'sourceNamespace': nothing says where the snapshots are"],
  ['no id', { schedule: undefined, sourceNamespace: 'shop' }, "'schedule': nothing says whose snapshots are restored"],
  ['no claims', { schedule: undefined, scheduleId: 'x', sourceNamespace: 'shop' }, "'source': which claims the schedule covers is not known here"],
  ['a namespace twice', { sourceNamespace: 'shop' }, "'sourceNamespace': it is that of the schedule"],
  ['the source as target', { targetNamespace: 'db' }, "'targetNamespace': the snapshots are there already"],
  ['no target', { targetNamespace: undefined }, "'targetNamespace': not text"],
  ['a target that is no namespace', { targetNamespace: 'A' }, "'targetNamespace': not a valid name"],
  ['the namespace of the clones', { targetNamespace: 'platform' }, "'metadata.namespace': whoever may run pods in it may use the right of the clone to read every tenant's data, and it is that of the clones"],
  ['the namespace of the snapshots', { metadata: { name: NAME, namespace: 'db' } }, 'and it is that of the snapshots'],
  ['fixed names and generations', { keep: 2, names: RestoreNames.same() }, "'keep': clones of these names have the same names each time"],
  ['no generation', { keep: 0 }, "'keep': out of range"],
  ['names of a StatefulSet for other claims', { names: RestoreNames.forStatefulSet('qa') }, "'names': the claims are not known to be of a StatefulSet"],
  ['an expression that is none', { refresh: Cron.schedule({ minute: '99' }) }, "'refresh'"],
  ['a zone that is none', { timeZone: 'Berlin' }, "'timeZone'"],
  ['no time', { timeout: Duration.seconds(1) }, "'timeout': out of range"],
  ['labels of ours', { claimLabels: { 'cdk8s-volume-snapshots/clone': 'x' } }, "'claimLabels': this key is set by the library"],
  ['a long name', { metadata: { name: 'n'.repeat(52), namespace: 'platform-of-all' } }, "'metadata.name': too long together with the namespace"],
  ['a misspelt prop', { targetnamespace: 'x' } as object, 'did you mean targetNamespace?'],
])('%s is refused', (_, props, message) => {
  expect(() => render(props).chart.toJson()).toThrow(message);
});

test('a StatefulSet of another name finds its clones', () => {
  const chart = newChart();
  const source = SnapshotSource.fromStatefulSet(statefulSet(chart));
  expect(configured({ schedule: schedule(chart, { source }), names: RestoreNames.forStatefulSet('qa') })).toMatchObject({ names: 'stateful-set/qa' });
});

test('defaults of the platform hold for it', () => {
  const chart = newChart({ namespace: 'platform' });
  new RunnerDefaults(chart, 'Defaults', { imageRegistry: 'mirror.example.com' });
  expect(podOf(render({}, chart).chart, NAME).spec.containers[0].image).toBe('mirror.example.com/distroless/nodejs24-debian12:nonroot');
});
