import { Chart, Duration, JsonPatch } from 'cdk8s';
import { configOf, newChart, objectOf, schedule, statefulSet } from './manifests';
import {
  CsiDriver, DeletionPolicy, EbsLockMode, GroupSnapshotClass, PreUpgradeSnapshot, PreUpgradeSnapshotProps, PrunedStorage, Quiesce, QuiesceOn,
  RestoreNames, RetentionPolicy, SnapshotClass, SnapshotSource, JobTrigger,
} from '../src';
import { RunnerConfig } from '../src/runner/config';
import { parseConfig } from '../src/runner/parse-config';

/** A chart with a snapshot before upgrades called `before`. */
function render(props: Partial<PreUpgradeSnapshotProps> = {}, chart = newChart()): { chart: Chart; before: PreUpgradeSnapshot } {
  const before = new PreUpgradeSnapshot(chart, 'Before', {
    metadata: { name: 'before' }, source: SnapshotSource.fromClaimName('data'), trigger: JobTrigger.job({ revision: '2.4.0' }), ...props,
  });
  return { chart, before };
}

const jobIn = (chart: Chart, name = 'before-2.4.0') => objectOf(chart, 'Job', name);
const configIn = (chart: Chart, name?: string): RunnerConfig => {
  const { env } = jobIn(chart, name).spec.template.spec.containers[0];
  return parseConfig(env.find((variable: any) => variable.name === 'SNAPSHOT_CONFIG').value, 'script') as RunnerConfig;
};
const kinds = (chart: Chart, prefix: string) => chart.toJson().filter(({ metadata }: any) => metadata.name.startsWith(prefix));

test('the Job of a revision ends in time, whatever hinders it, and is tried again where that can help', () => {
  const { chart } = render();
  expect(jobIn(chart).spec).toMatchObject({
    activeDeadlineSeconds: 20 * 60,
    backoffLimit: 3,
    template: { spec: { restartPolicy: 'Never', serviceAccountName: 'before' } },
  });
  // a tool that applies again and again would run it again
  expect(jobIn(chart).spec.ttlSecondsAfterFinished).toBeUndefined();
  // and Flux could not change it
  expect(jobIn(chart).metadata.annotations).toEqual({ 'kustomize.toolkit.fluxcd.io/force': 'enabled' });
});

test('Velero does not restore a Job that failed, which would then take what was restored for what was there before', () => {
  expect(jobIn(render().chart).metadata.labels).toEqual({ 'velero.io/exclude-from-backup': 'true' });
});

test('the program in its pod is told that an upgrade waits, and can read it', () => {
  expect(configIn(render().chart)).toMatchObject({
    scheduleId: 'before',
    claims: [{ kind: 'Claim', name: 'data' }],
    retention: { keepLast: 5, keepForSeconds: 259_200, minimumReady: 1 },
    readyTimeoutSeconds: 900,
    maxNotReady: 3,
    gate: { reuseSeconds: 600 },
  });
  expect(configIn(render({
    reuseWithin: Duration.seconds(0),
    claimsMustExist: true,
    retention: RetentionPolicy.keepLast(9),
    readyTimeout: Duration.hours(2),
    quiesce: Quiesce.mariaDb(),
    snapshotLabels: { team: 'shop' },
  }).chart)).toMatchObject({
    gate: { reuseSeconds: 0, claimsMustExist: true },
    retention: { keepLast: 9, consistentFirst: true },
    readyTimeoutSeconds: 7200,
    quiesce: { onFailure: expect.anything() },
    labels: { team: 'shop' },
  });
});

test('what a Job needs is applied before it', () => {
  const order = render({ trigger: JobTrigger.helm() }).chart.toJson().map(({ kind }: any) => kind);
  expect(order.indexOf('Job')).toBe(order.length - 1);
  expect(order).toEqual(expect.arrayContaining(['ServiceAccount', 'Role', 'RoleBinding', 'ConfigMap']));
});

test('a Job may be told to go by itself', () => {
  const trigger = JobTrigger.job({ revision: '1', timeToLive: Duration.days(1) });
  expect(jobIn(render({ trigger }).chart, 'before-1').spec.ttlSecondsAfterFinished).toBe(86_400);
});

describe('a hook', () => {
  test.each<[string, JobTrigger, { [key: string]: string }, { [key: string]: string }]>([
    ['Argo CD', JobTrigger.argoCd(),
      { 'argocd.argoproj.io/hook': 'PreSync', 'argocd.argoproj.io/hook-delete-policy': 'BeforeHookCreation', 'argocd.argoproj.io/sync-wave': '-10' },
      { 'argocd.argoproj.io/hook': 'PreSync', 'argocd.argoproj.io/hook-delete-policy': 'BeforeHookCreation', 'argocd.argoproj.io/sync-wave': '-11' }],
    ['Helm', JobTrigger.helm({ order: 5 }),
      { 'helm.sh/hook': 'pre-upgrade,pre-rollback', 'helm.sh/hook-delete-policy': 'before-hook-creation', 'helm.sh/hook-weight': '5' },
      { 'helm.sh/hook': 'pre-upgrade,pre-rollback', 'helm.sh/hook-delete-policy': 'before-hook-creation', 'helm.sh/hook-weight': '4' }],
  ])('of %s has all that it needs made before it, its program included', (_, trigger, ofJob, ofNeeds) => {
    const { chart } = render({ trigger, metadata: { name: 'before', annotations: { team: 'shop' } } });
    expect(jobIn(chart, 'before').metadata.annotations).toEqual({ team: 'shop', ...ofJob });
    const needs = kinds(chart, 'before').filter(({ kind }) => kind !== 'Job');
    expect(needs.map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort())
      .toEqual(['ConfigMap/before-runner', 'Role/before', 'RoleBinding/before', 'ServiceAccount/before']);
    needs.forEach(({ metadata }) => expect(metadata.annotations).toMatchObject({ team: 'shop', ...ofNeeds }));
    expect(jobIn(chart, 'before').spec.template.spec.volumes).toEqual([{ name: 'runner', configMap: { name: 'before-runner' } }]);
  });

  test('leaves the program of schedules alone, which is no hook', () => {
    const chart = newChart();
    schedule(chart);
    render({ trigger: JobTrigger.argoCd() }, chart);
    expect(chart.toJson().filter(({ kind }: any) => kind === 'ConfigMap').map(({ metadata }: any) => metadata.annotations?.['argocd.argoproj.io/hook']).sort())
      .toEqual(['PreSync', undefined]);
  });

  test('would wait in vain for a class that comes after it, which is an error', () => {
    const chart = newChart();
    const snapshotClass = new SnapshotClass(chart, 'Class', { driver: CsiDriver.awsEbs() });
    expect(() => render({ snapshotClass, trigger: JobTrigger.argoCd() }, chart)).toThrow(
      "[test/Before] 'snapshotClass': it is in the chart whose upgrade waits for the hook, and comes only after it, got 'the class at test/Class'; "
      + 'allowed a class of another chart, or one by its name; define it in a chart that is applied before',
    );
    expect(() => render({ snapshotClass, trigger: JobTrigger.argoCd() }, newChart())).not.toThrow();
    expect(() => render({ snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Named', 'ebs'), trigger: JobTrigger.helm() }, newChart())).not.toThrow();
  });

  test('of Helm has nothing in it that Helm would take for a template', () => {
    expect(JSON.stringify(render({ trigger: JobTrigger.helm() }).chart.toJson())).not.toContain('{{');
  });
});

describe('before an upgrade of the cluster', () => {
  const namespaces = ['shop', 'crm'];

  test('one Job of the platform has the rights in each namespace, and no others', () => {
    const { chart } = render({ namespaces, source: SnapshotSource.everyClaim(), metadata: { name: 'before', namespace: 'platform' } });
    expect(chart.toJson().filter(({ kind }: any) => ['ServiceAccount', 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'].includes(kind))
      .map(({ kind, metadata }: any) => `${kind} ${metadata.namespace}/${metadata.name}`).sort()).toEqual([
      'Role crm/before', 'Role shop/before', 'RoleBinding crm/before', 'RoleBinding shop/before', 'ServiceAccount platform/before',
    ]);
    expect(chart.toJson().filter(({ kind }: any) => kind === 'RoleBinding').map(({ subjects }: any) => subjects))
      .toEqual([[{ kind: 'ServiceAccount', name: 'before', namespace: 'platform' }], [{ kind: 'ServiceAccount', name: 'before', namespace: 'platform' }]]);
    expect(configIn(chart)).toMatchObject({ namespaces, claims: [{ kind: 'Selector', matchLabels: {} }] });
  });

  test('each has its time, though only some are looked at at once', () => {
    const many = Array.from({ length: 11 }, (_, index) => `team-${index}`);
    expect(jobIn(render({ namespaces: many }).chart).spec.activeDeadlineSeconds).toBe(3 * 900 + 300);
  });

  test('the platform may be one of them', () => {
    const { chart } = render({ namespaces: ['db', 'crm'] });
    expect(chart.toJson().filter(({ kind }: any) => kind === 'Role').map(({ metadata }: any) => metadata.namespace)).toEqual(['db', 'crm']);
  });

  test('a source of one namespace is not looked for in another, where it would pass for a first installation', () => {
    const source = SnapshotSource.fromStatefulSet(statefulSet(newChart({ namespace: 'shop' })));
    expect(() => render({ namespaces, source }).chart.toJson()).toThrow(
      "'source': it is of one namespace, and the others would be upgraded with no snapshot, got 'a source in namespace 'shop''; allowed names or labels of claims, which mean the same "
      + 'in each of the namespaces; write SnapshotSource.fromClaimName, fromStatefulSetName or fromSelector, or leave the other namespaces out',
    );
    expect(configIn(render({ namespaces: ['shop'], source }).chart).claims).toHaveLength(2);
  });

  test('a rollback is defined where the claims are', () => {
    expect(() => render({ namespaces }).before.addRestore('Rollback')).toThrow("with scheduleId: 'before' and their source");
  });
});

describe('the rollback', () => {
  test('of claims of which those of a primary are left out takes what there is', () => {
    const { before, chart } = render({ quiesce: Quiesce.mariaDb({ on: QuiesceOn.REPLICA }) });
    before.addRestore('Rollback');
    expect(configOf(chart, 'before-rollback').claims).toEqual([{ kind: 'Claim', name: 'data', optional: true }]);
  });

  test('is a line of code: a button for the same claims, from these snapshots', () => {
    const { chart, before } = render({ source: SnapshotSource.fromStatefulSetName('db', { templates: ['data'], replicas: 1 }) });
    expect(before.addRestore('Rollback').name).toBe('before-rollback');
    const { env } = objectOf(chart, 'CronJob', 'before-rollback').spec.jobTemplate.spec.template.spec.containers[0];
    expect(JSON.parse(env[0].value)).toMatchObject({ kind: 'Restore', scheduleId: 'before', claims: [{ kind: 'Claim', name: 'data-db-0' }] });
  });

  test('may be called otherwise, and restore under other names', () => {
    expect(render().before.addRestore('Back', { metadata: { name: 'undo' }, names: RestoreNames.same() })).toMatchObject({ name: 'undo', names: { word: 'same' } });
  });
});

test('a StatefulSet that changes until synth is followed', () => {
  const chart = newChart();
  const set = statefulSet(chart);
  render({ source: SnapshotSource.fromStatefulSet(set) }, chart);
  set.addJsonPatch(JsonPatch.add('/spec/replicas', 2));
  expect(configIn(chart).claims).toHaveLength(2);
});

test('a schedule with the same id would prune its snapshots, and is an error', () => {
  const chart = newChart();
  schedule(chart, { metadata: { name: 'before' } });
  render({}, chart);
  expect(() => chart.node.scopes[0].node.validate()).not.toThrow();
  expect(chart.node.validate().join()).toContain("would prune each other's snapshots");
});

test.each<[string, Partial<PreUpgradeSnapshotProps>, string]>([
  ['no trigger', { trigger: undefined }, "'trigger': not a JobTrigger"],
  ['no source', { source: undefined }, "'source'"],
  ['a misspelt prop', { reuse: Duration.minutes(1) } as any, "'reuse'"],
  ['to use snapshots again after two days', { reuseWithin: Duration.days(2) }, "'reuseWithin'"],
  ['no time at all', { readyTimeout: Duration.seconds(0) }, "'readyTimeout'"],
  ['a hold as long as the wait', { quiesce: Quiesce.mariaDb(), readyTimeout: Duration.seconds(1) }, "'quiesce'"],
  ['a name that leaves no room for a rollback', { metadata: { name: 'a'.repeat(44) } }, "'metadata.name'"],
  ['a revision that leaves no room in the name of a Job', { metadata: { name: 'a'.repeat(40) }, trigger: JobTrigger.job({ revision: 'b'.repeat(30) }) }, 'shorten the name or the revision'],
  ['no namespace', { namespaces: [] }, "'namespaces': none, or one of them twice"],
  ['a namespace twice', { namespaces: ['shop', 'shop'] }, "'namespaces': none, or one of them twice"],
  ['a namespace that is none', { namespaces: ['Shop'] }, "'namespaces'"],
  ['a label of ours', { snapshotLabels: { 'cdk8s-volume-snapshots/claim': 'x' } }, "'snapshotLabels'"],
  ['more under way than the driver makes', { snapshotClass: ebs(), maxNotReady: 6 }, "'maxNotReady'"],
  ['retained groups', { groupSnapshotClass: groupClass(), prunedStorage: PrunedStorage.RECLAIM }, "'prunedStorage'"],
])('%s is an error that says what to do', (_, props, text) => {
  expect(() => render(props)).toThrow(text);
});

function ebs() { return new SnapshotClass(newChart(), 'Class', { driver: CsiDriver.awsEbs(), deletionPolicy: DeletionPolicy.DELETE }); }
function groupClass() { return GroupSnapshotClass.fromGroupSnapshotClassName(newChart(), 'Group', 'group', { deletionPolicy: DeletionPolicy.RETAIN }); }

test('an upgrade does not lock what it will not keep for as long', () => {
  const locking = (retention?: RetentionPolicy) => () => {
    const chart = newChart();
    const driver = CsiDriver.awsEbs({ lockMode: EbsLockMode.GOVERNANCE, lockDuration: Duration.days(2) });
    render({ snapshotClass: new SnapshotClass(chart, 'Class', { driver }), retention }, chart);
  };
  expect(locking(RetentionPolicy.keepLast(3))).toThrow("[test/Before] 'retention': snapshots are pruned while the storage still locks them, and that would fail, got 'any age'");
  expect(locking(RetentionPolicy.of({ keepFor: Duration.days(2), keepLast: 3 }))).not.toThrow();
});
