import { Duration, Yaml } from 'cdk8s';
import { configOf, newChart, objectOf, podOf, schedule, statefulSet } from './manifests';
import { JobTrigger, Quiesce, QuiesceOn, RestoreNames, RunnerDefaults, SnapshotRestore, SnapshotRestoreProps, SnapshotSource } from '../src';
import { CONFIG_VERSION, RestoreConfig } from '../src/runner/config';
import { parseConfig } from '../src/runner/parse-config';

/** The chart of a schedule called `nightly` and of a restore called `restore`, with what a test is about. */
function render(props: Partial<SnapshotRestoreProps> = {}, chart = newChart()) {
  const nightly = schedule(chart, { metadata: { name: 'nightly' } });
  const restore = new SnapshotRestore(chart, 'Restore', { schedule: nightly, metadata: { name: 'restore' }, ...props });
  return { chart, restore };
}

const configured = (props: Partial<SnapshotRestoreProps> = {}): RestoreConfig => configOf(render(props).chart, 'restore');

test('renders a button', () => {
  const { chart } = render();
  const yaml = Yaml.stringify(...chart.toJson().filter(({ kind, metadata }) => metadata.name === 'restore' && kind !== 'CronJob'));
  expect(yaml).toMatchInlineSnapshot(`
"apiVersion: v1
kind: ServiceAccount
metadata:
  name: restore
  namespace: db
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: restore
  namespace: db
rules:
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshots
    verbs:
      - list
  - apiGroups:
      - ""
    resources:
      - persistentvolumeclaims
    verbs:
      - create
      - list
  - apiGroups:
      - ""
    resources:
      - events
    verbs:
      - create
      - list
  - apiGroups:
      - ""
    resourceNames:
      - restore-request
    resources:
      - configmaps
    verbs:
      - delete
      - get
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: restore
  namespace: db
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: restore
subjects:
  - kind: ServiceAccount
    name: restore
    namespace: db
"
`);
});

test('nobody but a person starts it', () => {
  expect(objectOf(render().chart, 'CronJob', 'restore').spec).toMatchObject({ suspend: true, concurrencyPolicy: 'Forbid', schedule: '0 0 1 1 *' });
});

test('the program in its pod is told whose claims it restores, and can read it', () => {
  const config = configured();
  expect(config).toEqual({
    kind: 'Restore',
    version: CONFIG_VERSION,
    restoreId: 'restore',
    scheduleId: 'nightly',
    claims: [{ kind: 'Claim', name: 'data' }],
    names: 'beside',
    requestName: 'restore-request',
    timeoutSeconds: 1800,
    labels: {},
  });
  expect(parseConfig(JSON.stringify(config))).toEqual(config);
});

test('of a schedule that leaves out the claims of primaries, what a run has is enough', () => {
  const nightly = schedule(newChart(), { quiesce: Quiesce.mariaDb({ on: QuiesceOn.REPLICA }) }, 'Replicas');
  expect(configured({ schedule: nightly }).claims).toEqual([{ kind: 'Claim', name: 'data', optional: true }]);
  expect(configured({ schedule: nightly, source: SnapshotSource.fromClaimName('data') }).claims).toEqual([{ kind: 'Claim', name: 'data' }]);
  // a sync would go on, and a primary begin empty
  const dynamic = SnapshotSource.fromStatefulSetName('db', { templates: ['data'] });
  expect(() => configured({ schedule: nightly, source: dynamic, trigger: JobTrigger.argoCd() })).toThrow("'trigger': the schedule leaves out the claims of primaries");
  expect(() => configured({ schedule: nightly, trigger: JobTrigger.argoCd() })).toThrow("'trigger': the schedule leaves out the claims of primaries, so a run may lack one");
});

test('sources that are added to the schedule later are restored as well', () => {
  const chart = newChart();
  const nightly = schedule(chart);
  new SnapshotRestore(chart, 'Restore', { schedule: nightly, metadata: { name: 'restore' } });
  nightly.addSource(SnapshotSource.fromClaimName('wal'));
  expect(configOf(chart, 'restore').claims).toEqual([{ kind: 'Claim', name: 'data' }, { kind: 'Claim', name: 'wal' }]);
});

test('a schedule of another app is known by its id, and its claims by a source', () => {
  expect(configured({ schedule: undefined, scheduleId: 'hourly', source: SnapshotSource.fromStatefulSetName('db', { templates: ['data'], replicas: 2 }) })).toMatchObject({
    scheduleId: 'hourly',
    claims: [{ kind: 'Claim', name: 'data-db-0', statefulSet: 'db' }, { kind: 'Claim', name: 'data-db-1', statefulSet: 'db' }],
  });
});

test('a source narrows a schedule to some of its claims', () => {
  const chart = newChart();
  const set = statefulSet(chart);
  const nightly = schedule(chart, { source: SnapshotSource.fromStatefulSet(set) });
  new SnapshotRestore(chart, 'Restore', { schedule: nightly, metadata: { name: 'restore' }, source: SnapshotSource.fromStatefulSet(set, { ordinals: [0] }) });
  expect(configOf(chart, 'restore').claims).toEqual([{ kind: 'Claim', name: 'data-postgres-0', statefulSet: 'postgres' }]);
});

test.each([
  [RestoreNames.beside(), 'beside'], [RestoreNames.same(), 'same'], [RestoreNames.withSuffix('copy'), 'suffix/copy'],
])('the names of the claims are those of a request: %#', (names, word) => {
  expect(configured({ names }).names).toBe(word);
});

test('the names of a StatefulSet are for the claims of one', () => {
  const source = SnapshotSource.fromStatefulSetName('db', { templates: ['data'] });
  expect(configured({ source, names: RestoreNames.forStatefulSet('copy') }).names).toBe('stateful-set/copy');
});

test('class and labels of the claims are what a person says', () => {
  expect(configured({ storageClassName: 'gp3', claimLabels: { backup: 'hourly' } })).toMatchObject({ storageClassName: 'gp3', labels: { backup: 'hourly' } });
});

test('its Job is not killed before its time', () => {
  const { spec } = objectOf(render({ timeout: Duration.hours(2) }).chart, 'CronJob', 'restore');
  expect(spec.jobTemplate.spec.activeDeadlineSeconds).toBeGreaterThan(7200);
  expect(configured({ timeout: Duration.hours(2) }).timeoutSeconds).toBe(7200);
});

test('its pod is as the defaults of the runner say', () => {
  const chart = newChart();
  new RunnerDefaults(chart, 'Defaults', { imageRegistry: 'registry.example.com' });
  expect(podOf(render({}, chart).chart, 'restore').spec.containers[0].image).toMatch(/^registry\.example\.com\//);
});

test.each<[string, Partial<SnapshotRestoreProps>, string]>([
  ['no schedule', { schedule: undefined }, "'schedule': nothing says whose snapshots are restored"],
  ['a schedule twice', { scheduleId: 'hourly' }, "'scheduleId': the schedule is given twice, got 'hourly'; allowed schedule or scheduleId"],
  ['an id without claims', { schedule: undefined, scheduleId: 'hourly' }, "'source': which claims the schedule covers is not known here"],
  ['an id that no label can have', { schedule: undefined, scheduleId: 'a b', source: SnapshotSource.fromClaimName('x') }, "'scheduleId'"],
  ['a name that no Job can have', { metadata: { name: 'r'.repeat(53) } }, "'metadata.name'"],
  ['no time', { timeout: Duration.seconds(5) }, "'timeout': out of range, got 5 seconds; allowed whole seconds from 1 minute to 1 day"],
  ['a class that cannot be', { storageClassName: 'GP 3' }, "'storageClassName'"],
  ['a label of ours', { claimLabels: { 'cdk8s-volume-snapshots/restored': 'false' } }, "'claimLabels': this key is set by the library or by Kubernetes"],
  ['a label by which GitOps tools prune', { claimLabels: { 'app.kubernetes.io/instance': 'shop' } }, "'claimLabels'"],
  ['a misspelt prop', { storageClass: 'gp3' } as object, 'did you mean storageClassName?'],
  ['names that are a word', { names: 'same' as never }, "'names': not a RestoreNames, got 'same'"],
  ['names of a StatefulSet for claims of none', { names: RestoreNames.forStatefulSet('copy') },
    "'names': the claims are not known to be of a StatefulSet, so names of another one say nothing of them, got 'stateful-set/copy'"],
  ['a schedule that is a word', { schedule: 'nightly' as never }, "'schedule': not a ScheduledSnapshot"],
])('%s is refused', (_, props, message) => {
  expect(() => render(props).chart.toJson()).toThrow(message);
});

test('a schedule of another namespace is refused, since its snapshots are there', () => {
  const [here, there] = [newChart(), newChart({ namespace: 'elsewhere' })];
  expect(() => new SnapshotRestore(here, 'Restore', { schedule: schedule(there) })).toThrow(
    "[test/Restore] 'schedule': a claim is restored in the namespace of its snapshot, got 'a schedule in namespace 'elsewhere''; allowed namespace 'db'");
});

test('names of a StatefulSet must be such', () => {
  expect(() => RestoreNames.forStatefulSet('Copy_1')).toThrow("[RestoreNames.forStatefulSet] 'name'");
  expect(() => RestoreNames.withSuffix('-1')).toThrow("[RestoreNames.withSuffix] 'suffix'");
});

describe('with a trigger', () => {
  const source = SnapshotSource.fromStatefulSetName('db', { templates: ['data'], replicas: 2 });

  test('a Job restores the claims themselves, unless they are there', () => {
    const { chart, restore } = render({ trigger: JobTrigger.helm({ order: 3 }), source });
    expect(restore.names.word).toBe('same');
    const job = objectOf(chart, 'Job', 'restore');
    expect(job.metadata.annotations).toMatchObject({ 'helm.sh/hook': 'pre-install,pre-upgrade', 'helm.sh/hook-weight': '3' });
    expect(JSON.parse(job.spec.template.spec.containers[0].env[0].value)).toMatchObject({ kind: 'Restore', names: 'same', unlessThere: true });
    expect(job.spec.activeDeadlineSeconds).toBe(35 * 60);
  });

  test('all that the hook needs is a hook before it', () => {
    const { chart } = render({ trigger: JobTrigger.argoCd(), source });
    const needs = chart.toJson().filter(({ kind, metadata }) => kind !== 'Job' && metadata.name.startsWith('restore'));
    expect(needs.map(({ kind, metadata }) => `${kind} ${metadata.annotations['argocd.argoproj.io/sync-wave']}`).sort())
      .toEqual(['ConfigMap -11', 'Role -11', 'RoleBinding -11', 'ServiceAccount -11']);
  });

  test.each<[string, Partial<SnapshotRestoreProps>, string]>([
    ['names that change with each snapshot', { names: RestoreNames.beside() }, "'names': with a trigger there would be one more claim"],
    ['claims that are known by labels only', { source: SnapshotSource.fromSelector({ app: 'db' }) }, "'trigger': by labels nobody knows"],
    ['no trigger at all', { trigger: 'argocd' as any }, "'trigger': not a JobTrigger"],
  ])('%s are refused', (_, props, text) => {
    expect(() => render({ trigger: JobTrigger.argoCd(), source, ...props }).chart.toJson()).toThrow(text);
  });
});
