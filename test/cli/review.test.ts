import { ApiObject, App, Chart, Cron, Duration, JsonPatch, Size } from 'cdk8s';
import { plan, planJson, review, yaml } from './command';
import {
  CsiDriver, DeletionPolicy, GroupSnapshotClass, GroupSnapshotClassProps, LonghornSnapshotType, PrunedStorage, Quiesce, RestoredPvc, RetentionPolicy,
  ScheduledSnapshot, ScheduledSnapshotProps, SnapshotClass,
  SnapshotClassProps, SnapshotRbac, SnapshotReclaim, SnapshotRef, SnapshotSource, SnapshotSubject,
} from '../../src';
import { DrillCheck } from '../../src/drill-check';
import { RestoreDrill } from '../../src/restore-drill';
import { SnapshotClone } from '../../src/snapshot-clone';
import { SnapshotInventory } from '../../src/snapshot-inventory';
import { OrphanAction, SnapshotOrphans } from '../../src/snapshot-orphans';
import { SnapshotRestore } from '../../src/snapshot-restore';
import { newChart, statefulSet } from '../manifests';

const LONGHORN = CsiDriver.longhorn({ type: LonghornSnapshotType.BACKUP });

// a year of runs is simulated for each schedule
jest.setTimeout(60_000);

/** A schedule of which nothing is to be said. */
function sound(chart: Chart, props: Partial<ScheduledSnapshotProps> = {}, id = 'Nightly'): ScheduledSnapshot {
  return new ScheduledSnapshot(chart, id, {
    metadata: { name: id.toLowerCase() },
    source: SnapshotSource.fromClaimName('data'),
    schedule: Cron.schedule({ hour: '4', minute: '15' }),
    snapshotClass: classIn(chart),
    retention: RetentionPolicy.sevenDays(),
    ...props,
  });
}

function classIn(chart: Chart, props: Partial<SnapshotClassProps> = {}): SnapshotClass {
  return (chart.node.tryFindChild('Class') as SnapshotClass | undefined)
    ?? new SnapshotClass(chart, 'Class', { metadata: { name: 'ebs' }, driver: CsiDriver.awsEbs(), ...props });
}

/** A chart of schedules and what they need. */
function chartWith(fill: (chart: Chart) => void): Chart {
  const chart = newChart();
  new SnapshotReclaim(chart, 'Reclaim');
  fill(chart);
  return chart;
}

const claim = (name: string, metadata: object = {}) =>
  ({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace: 'db', ...metadata }, spec: {} });
const patched = (construct: ScheduledSnapshot, ...patches: JsonPatch[]) => ApiObject.of(construct).addJsonPatch(...patches);

test('nothing is said of a schedule that is as it should be', () => {
  expect(review(chartWith(chart => sound(chart)))).toEqual([]);
  expect(review(chartWith(chart => sound(chart)), yaml(claim('data')))).toEqual([]);
});

test('nothing is said of files of others', () => {
  expect(review(yaml({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } }, { apiVersion: 'example.com/v1', kind: 'CronJob', spec: 7 }))).toEqual([]);
  expect(review(yaml({ apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'a' }, spec: { jobTemplate: 'odd' } }))).toEqual([]);
});

test('risks come first, and each line says what to do', () => {
  const { review: findings } = planJson([chartWith(chart => sound(chart, { suspend: true })), yaml(claim('data'), claim('left-over', { namespace: 'other' }))]);
  expect(findings.map(({ severity }: any) => severity)).toEqual(['risk', 'note']);
  for (const { remedy } of findings) { expect(remedy).toMatch(/\w/); }
});

describe('schedules of groups', () => {
  const groupsIn = (chart: Chart, props: Partial<GroupSnapshotClassProps> = {}) => new GroupSnapshotClass(chart, 'Groups', {
    metadata: { name: 'ceph' }, driver: CsiDriver.of('hostpath.csi.k8s.io'), deletionPolicy: DeletionPolicy.DELETE, ...props,
  });
  const grouped = (chart: Chart, props: Partial<ScheduledSnapshotProps> = {}) =>
    sound(chart, { snapshotClass: undefined, groupSnapshotClass: groupsIn(chart), ...props });

  test.each<[string, (chart: Chart) => Partial<ScheduledSnapshotProps>]>([
    ['whose claims are named', () => ({})],
    ['whose claims are selected', () => ({ source: SnapshotSource.fromSelector({ app: 'db' }) })],
    ['that are quiesced', () => ({ quiesce: Quiesce.custom({ quiesce: ':', release: ':' }) })],
  ])('%s have the rights that they need', (_, props) => {
    expect(review(chartWith(chart => grouped(chart, props(chart))))).toEqual([
      'note VolumeGroupSnapshotClass ceph: says Delete: with a namespace that is deleted, all restore points of db/nightly go',
    ]);
  });

  test('that lack a right', () => {
    expect(review(chartWith(chart => {
      const made = grouped(chart);
      ApiObject.of(made.rbac).addJsonPatch(JsonPatch.remove('/rules/0'));
    }))).toContain('risk CronJob db/nightly: fails: its service account nightly may not create volumegroupsnapshots, delete volumegroupsnapshots, '
      + 'list volumegroupsnapshots, watch volumegroupsnapshots, unless that is allowed elsewhere');
  });

  test('whose storage is kept', () => {
    expect(review(chartWith(chart => sound(chart, {
      snapshotClass: undefined, groupSnapshotClass: groupsIn(chart, { deletionPolicy: DeletionPolicy.RETAIN }), prunedStorage: PrunedStorage.KEEP,
    })))).toEqual(['risk CronJob db/nightly: keeps the storage of pruned snapshots: it is billed for ever, and nobody sees it']);
  });

  test('of a class that is not among the files, or of a driver without groups', () => {
    expect(review(chartWith(chart => sound(chart, {
      snapshotClass: undefined, prunedStorage: PrunedStorage.KEEP, groupSnapshotClass: GroupSnapshotClass.fromGroupSnapshotClassName(chart, 'Groups', 'elsewhere'),
    })))).toEqual(['note VolumeGroupSnapshotClass elsewhere: of db/nightly is not among the files: whether the storage of pruned snapshots goes is not known']);
    const odd = { apiVersion: 'groupsnapshot.storage.k8s.io/v1', kind: 'VolumeGroupSnapshotClass', metadata: { name: 'odd' }, driver: 'ebs.csi.aws.com', deletionPolicy: 'Delete' };
    expect(review(yaml(odd))).toEqual([expect.stringContaining("risk VolumeGroupSnapshotClass odd: 'driver': the driver takes no group snapshots")]);
  });

  test('are marked in the table, and named for programs', () => {
    const chart = chartWith(each => { grouped(each); });
    expect(plan([chart]).stdout).toContain('db/nightly (group)');
    expect(planJson([chart]).schedules[0]).toMatchObject({ groupSnapshotClass: 'ceph', deletionPolicy: 'Delete' });
  });
});

describe('schedules that do not work', () => {
  test('one that is suspended', () => {
    expect(review(chartWith(chart => sound(chart, { suspend: true })))).toEqual(['risk CronJob db/nightly: is suspended: no snapshot is taken, and none is pruned']);
  });

  test.each([
    ['/spec/schedule', '61 3 * * *', "cannot run: 'spec.schedule': minute '61' is out of range 0-59, got '61 3 * * *'"],
    ['/spec/schedule', '0 0 30 2 *', "cannot run: 'spec.schedule': never runs"],
    ['/spec/timeZone', 'Mars/Olympus', "cannot run: 'spec.timeZone': not a known time zone, got 'Mars/Olympus'"],
    ['/spec/jobTemplate/spec/template/spec/containers/0/env/0/value', '{', 'cannot run: SNAPSHOT_CONFIG is not JSON'],
    ['/spec/jobTemplate/spec/template/spec/containers/0/env/0/value', '{"version":99}', 'cannot run: configuration version 99 is unknown'],
  ])('one with a patched %s of %s', (path, value, problem) => {
    const lines = review(chartWith(chart => patched(sound(chart), JsonPatch.replace(path, value))));
    expect(lines).toEqual([expect.stringContaining(`risk CronJob db/nightly: ${problem}`)]);
  });

  test('one whose runner is missing, or of another synthesis', () => {
    const objects = chartWith(chart => { sound(chart); sound(chart, { source: SnapshotSource.fromClaimName('more') }, 'Weekly'); }).toJson();
    expect(review(yaml(...objects.filter(({ kind }) => kind !== 'ConfigMap')))).toEqual([
      expect.stringMatching(/^risk ConfigMap db\/test-snapshotrunner-\w+: is mounted by nightly, weekly, and not among the files/),
    ]);
    const other = objects.map(object => (object.kind === 'ConfigMap' ? { ...object, metadata: { ...object.metadata, labels: {} } } : object));
    expect(review(yaml(...other))).toEqual([expect.stringContaining('is not the runner that nightly, weekly was synthesized with')]);
  });

  test('two with one id in a namespace, which only charts together have', () => {
    const chartOf = (id: string, namespace: string) => {
      const chart = new Chart(new App(), id, { namespace });
      sound(chart, { metadata: { name: id }, scheduleId: 'same', schedule: Cron.daily() });
      new SnapshotReclaim(chart, 'Reclaim');
      return chart;
    };
    expect(review(chartOf('a', 'db'), chartOf('b', 'db'))).toContain(
      "risk CronJob db/b: has the scheduleId 'same' of CronJob db/a: the two prune each other's snapshots");
    expect(review(chartOf('a', 'db'), chartOf('b', 'web'))).toEqual([]);
  });

  test('one that two files define in different ways; the same twice is no matter', () => {
    const one = chartWith(chart => sound(chart));
    const other = chartWith(chart => sound(chart, { retention: RetentionPolicy.keepLast(3) }));
    expect(review(one, one)).toEqual([]);
    expect(review(one, other)).toContain('risk CronJob db/nightly: is defined twice, and what is applied last wins');
  });

  test('many that start in the same minute, unless they are spread', () => {
    const chart = (stagger?: Duration) => chartWith(c => {
      for (let i = 0; i < 21; i += 1) { sound(c, { source: SnapshotSource.fromClaimName(`data-${i}`), stagger }, `N${i}`); }
    });
    expect(review(chart())).toEqual(["note 21 schedules: start in the same minute: '15 4 * * *' in Etc/UTC"]);
    expect(review(chart(Duration.minutes(30)))).toEqual([]);
  });
});

describe('claims that no schedule covers', () => {
  const withSource = (source: SnapshotSource) => chartWith(chart => sound(chart, { source }));
  const uncovered = (source: SnapshotSource, ...objects: object[]) => review(withSource(source), yaml(...objects)).map(line => line.replace(/: .*/, ''));
  const set = (spec: object = {}, metadata: object = { name: 'postgres' }) => statefulSet(newChart(), spec, metadata).toJson();

  test('are risks where other claims of the namespace are covered', () => {
    expect(review(withSource(SnapshotSource.fromClaimName('data')), yaml(claim('data'), claim('uploads')))).toEqual([
      'risk PersistentVolumeClaim db/uploads: is covered by no schedule of its namespace',
    ]);
  });

  test('are said once for a namespace that has no schedule', () => {
    expect(review(yaml(claim('a'), claim('b'), claim('c', { namespace: 'web' })))).toEqual([
      'note Namespace db: has no schedule among the files, and claims: a, b',
      'note Namespace web: has no schedule among the files, and claims: c',
    ]);
  });

  test('are passed over where somebody wrote down why', () => {
    const annotations = { 'cdk8s-volume-snapshots/unscheduled': 'a cache' };
    expect(uncovered(SnapshotSource.fromClaimName('data'), claim('cache', { annotations }))).toEqual([]);
    expect(uncovered(SnapshotSource.fromClaimName('data'), set({}, { name: 'cache', annotations }))).toEqual([]);
  });

  test.each(['', ' ', 'true', 'False', 'no', '0', '-'])('are risks where what somebody wrote down is no reason: %p', text => {
    const annotations = { 'cdk8s-volume-snapshots/unscheduled': text };
    expect(uncovered(SnapshotSource.fromClaimName('data'), claim('cache', { annotations }))).toEqual(['risk PersistentVolumeClaim db/cache']);
  });

  test('are found by name, by StatefulSet and by labels, as a run finds them', () => {
    expect(uncovered(SnapshotSource.fromSelector({ tier: 'db' }), claim('a', { labels: { tier: 'db', app: 'x' } }), claim('b', { labels: { tier: 'web' } })))
      .toEqual(['risk PersistentVolumeClaim db/b']);
    const autoscaled = SnapshotSource.fromStatefulSetName('postgres', { templates: ['data'] });
    expect(uncovered(autoscaled, set(), claim('data-postgres-7'), claim('data-postgres-x'))).toEqual(['risk PersistentVolumeClaim db/data-postgres-x']);
    expect(uncovered(SnapshotSource.fromStatefulSetName('postgres', { templates: ['data'], replicas: 2 }), set())).toEqual([]);
    // the controller labels the claims with the labels of the selector
    expect(uncovered(SnapshotSource.fromSelector({ app: 'postgres' }), set({ selector: { matchLabels: { app: 'postgres' } } }))).toEqual([]);
    expect(uncovered(SnapshotSource.fromClaimName('data'), set())).toEqual(["risk StatefulSet db/postgres, template 'data'"]);
  });

  test('are a note if others of the StatefulSet are covered, since replicas often hold the same', () => {
    expect(review(withSource(SnapshotSource.fromStatefulSetName('postgres', { templates: ['data'], ordinals: [0] })), yaml(set({ replicas: 3, ordinals: { start: 0 } }))))
      .toEqual(["note StatefulSet db/postgres, template 'data': makes data-postgres-1, data-postgres-2, which no schedule covers, unlike others of its claims"]);
    expect(uncovered(SnapshotSource.fromClaimName('data'), set({ replicas: 0 }))).toEqual([]);
  });

  test('are a note if they were restored, and labels do not select them', () => {
    const restored = newChart();
    new RestoredPvc(restored, 'Restored', {
      metadata: { name: 'restored', labels: { tier: 'db' } }, snapshot: SnapshotRef.fromName('a'), storageClassName: 'gp3', size: Size.gibibytes(1),
    });
    expect(uncovered(SnapshotSource.fromSelector({ tier: 'db' }), ...restored.toJson())).toEqual(['note PersistentVolumeClaim db/restored']);
  });

  test('may be of any namespace if the applier decides it', () => {
    expect(uncovered(SnapshotSource.fromClaimName('data'), claim('data', { namespace: undefined }))).toEqual([]);
    expect(uncovered(SnapshotSource.fromClaimName('data'), claim('more', { namespace: undefined }))).toEqual(['risk PersistentVolumeClaim more']);
  });
});

describe('classes', () => {
  test('one that is not among the files, whose policy nobody said', () => {
    const imported = (deletionPolicy?: DeletionPolicy) => chartWith(chart => sound(chart, {
      snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Imported', 'fast', { deletionPolicy }),
    }));
    expect(review(imported())).toEqual([
      'note VolumeSnapshotClass fast: of db/nightly is not among the files: whether the storage of pruned snapshots goes is not known',
    ]);
    expect(review(imported(DeletionPolicy.RETAIN))).toEqual([]);
    expect(review(imported(), newChartWithClass('fast'))).toEqual([]);
  });

  test('none, so that the cluster decides', () => {
    expect(review(chartWith(chart => sound(chart, { snapshotClass: undefined })))).toEqual([
      "note db/nightly: leave the class to the cluster's default: whether the storage of pruned snapshots goes is not known",
    ]);
  });

  test('one that says something else than it did when the schedule was synthesized', () => {
    const imported = chartWith(chart => sound(chart, {
      snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Imported', 'fast', { deletionPolicy: DeletionPolicy.DELETE }),
    }));
    expect(review(imported, newChartWithClass('fast'))).toEqual([
      'risk CronJob db/nightly: was synthesized for a class that says Delete, and fast says Retain',
    ]);
  });

  test('one that deletes snapshots with their namespace', () => {
    expect(review(chartWith(chart => { classIn(chart, { deletionPolicy: DeletionPolicy.DELETE }); sound(chart); }))).toEqual([
      'note VolumeSnapshotClass ebs: says Delete: with a namespace that is deleted, all restore points of db/nightly go',
    ]);
  });

  test('one that retains what is lost with its volume', () => {
    const retaining = (props: Partial<SnapshotClassProps>) => review(chartWith(chart => sound(chart, { snapshotClass: classIn(chart, props) })));
    expect(retaining({ driver: CsiDriver.longhorn(), mayBeLostWithVolume: true })).toEqual([
      'note VolumeSnapshotClass ebs: retains, and yet its snapshots are lost with their volume: all restore points of db/nightly go with the claim',
    ]);
    expect(retaining({ driver: LONGHORN })).toEqual([]);
    expect(retaining({ driver: CsiDriver.longhorn(), deletionPolicy: DeletionPolicy.DELETE })).toEqual([expect.stringContaining('says Delete')]);
  });

  test('one that its driver refuses, also if it was written by hand', () => {
    const manual = (driver: string, parameters?: object) =>
      yaml({ apiVersion: 'snapshot.storage.k8s.io/v1', kind: 'VolumeSnapshotClass', metadata: { name: 'manual' }, driver, deletionPolicy: 'Retain', parameters });
    expect(review(manual('ebs.csi.aws.com', { encryptd: 'true' }))).toEqual([expect.stringContaining("risk VolumeSnapshotClass manual: 'encryptd': ebs.csi.aws.com refuses")]);
    expect(review(manual('efs.csi.aws.com'))).toEqual([expect.stringContaining('does not implement snapshots')]);
    expect(review(manual('rbd.csi.ceph.com'))).toEqual([expect.stringContaining("the parameter 'clusterID' is missing")]);
    expect(review(manual('example.com', { any: 'thing' }))).toEqual([]);
  });

  test('two that are the default of one driver', () => {
    const chartOf = (name: string) => newChartWithClass(name, { defaultClass: true });
    expect(review(chartOf('a'), chartOf('b'))).toEqual(['risk VolumeSnapshotClass b: is the default of ebs.csi.aws.com, and so is a: a snapshot without a class fails']);
  });

  test('two that Velero would take for one driver', () => {
    const chartOf = (name: string) => newChartWithClass(name, { veleroClass: true });
    const byHand = yaml({
      apiVersion: 'snapshot.storage.k8s.io/v1',
      kind: 'VolumeSnapshotClass',
      driver: 'ebs.csi.aws.com',
      deletionPolicy: 'Retain',
      // the label counts, not its value
      metadata: { name: 'b', labels: { 'velero.io/csi-volumesnapshot-class': 'false' } },
    });
    expect(review(chartOf('a'), byHand)).toEqual(['risk VolumeSnapshotClass b: is the class of ebs.csi.aws.com for Velero, and so is a: it takes any of them']);
    expect(review(chartOf('a'), newChartWithClass('b'))).toEqual([]);
  });
});

function newChartWithClass(name: string, props: Partial<SnapshotClassProps> = {}): Chart {
  const chart = new Chart(new App(), name);
  new SnapshotClass(chart, 'Class', { metadata: { name }, driver: CsiDriver.awsEbs(), ...props });
  return chart;
}

describe('retained storage', () => {
  const withoutReclaim = (props: Partial<ScheduledSnapshotProps> = {}) => {
    const chart = newChart();
    sound(chart, props);
    return chart;
  };

  test('that nobody may give back is a risk if the class is among the files, else perhaps applied elsewhere', () => {
    expect(review(withoutReclaim())).toEqual([
      expect.stringMatching(/^risk VolumeSnapshotClass ebs: retains, and nothing among the files lets db\/nightly give storage back/),
    ]);
    const chart = newChart();
    sound(chart, { snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Imported', 'fast', { deletionPolicy: DeletionPolicy.RETAIN }) });
    expect(review(chart)).toEqual([expect.stringMatching(/^note VolumeSnapshotClass fast: retains, and nothing among the files/)]);
  });

  test('is given back by a SnapshotReclaim under any name, for the namespaces that it is for', () => {
    const platform = (namespaces?: string[]) => {
      const chart = new Chart(new App(), 'platform');
      new SnapshotReclaim(chart, 'Reclaim', { metadata: { name: 'other-name' }, namespaces });
      return chart;
    };
    expect(review(withoutReclaim(), platform())).toEqual([]);
    expect(review(withoutReclaim(), platform(['db']))).toEqual([]);
    expect(review(withoutReclaim(), platform(['web']))).toEqual([expect.stringContaining('nothing among the files lets db/nightly give storage back')]);
  });

  test('is a risk if it is kept when snapshots are pruned', () => {
    expect(review(withoutReclaim({ prunedStorage: PrunedStorage.KEEP }))).toEqual([
      'risk CronJob db/nightly: keeps the storage of pruned snapshots: it is billed for ever, and nobody sees it',
    ]);
  });

  test('is no matter in a dry run, and under Delete', () => {
    expect(review(withoutReclaim({ dryRun: true })).filter(line => line.includes('give storage back'))).toEqual([]);
    const chart = newChart();
    classIn(chart, { deletionPolicy: DeletionPolicy.DELETE });
    sound(chart, { prunedStorage: PrunedStorage.KEEP });
    expect(review(chart).filter(line => line.startsWith('risk'))).toEqual([]);
  });
});

describe('the fence around contents', () => {
  const objects = () => chartWith(chart => sound(chart)).toJson();
  const changed = (kind: string, change: (object: any) => void) => {
    const copy = JSON.parse(JSON.stringify(objects()));
    change(copy.find((object: any) => object.kind === kind));
    return review(yaml(...copy));
  };
  const fence = (problem: string) => [`risk ClusterRoleBinding cdk8s-volume-snapshots-reclaim: lets service accounts patch VolumeSnapshotContents, and ${problem}`];

  test.each(['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'])('without its %s', missing => {
    expect(review(yaml(...objects().filter(({ kind }) => kind !== missing)))).toEqual([
      expect.stringMatching(/^risk ClusterRoleBinding .*: lets service accounts patch VolumeSnapshotContents, and (no Validating.*|.*has no binding.*)$/),
    ]);
  });

  test.each(['volumeHandle', 'volumeSnapshotRef', 'annotations', 'authorizer'])('whose policy does not ask for %s', word => {
    expect(changed('ValidatingAdmissionPolicy', ({ spec }) => {
      spec.validations = spec.validations.map(({ expression }: any) => ({
        expression: expression.includes('authorizer') && word !== 'authorizer' ? expression : expression.split('&&').filter((part: string) => !part.includes(word)).join('&&') || 'true',
      }));
    })).toEqual([expect.stringMatching(/the policy 'cdk8s-volume-snapshots-reclaim' lets .+ be (changed|deleted)/)]);
  });

  test('whose policy looks the other way', () => {
    expect(changed('ValidatingAdmissionPolicy', ({ spec }) => { spec.failurePolicy = 'Ignore'; }))
      .toEqual(fence("the policy 'cdk8s-volume-snapshots-reclaim' lets pass what it cannot evaluate"));
    expect(changed('ValidatingAdmissionPolicyBinding', ({ spec }) => { spec.validationActions = ['Warn', 'Audit']; }))
      .toEqual(fence("the binding of the policy 'cdk8s-volume-snapshots-reclaim' does not deny"));
    expect(changed('ValidatingAdmissionPolicyBinding', ({ spec }) => { spec.matchResources = { objectSelector: { matchLabels: { a: 'b' } } }; }))
      .toEqual(fence("the binding of the policy 'cdk8s-volume-snapshots-reclaim' leaves some contents out"));
  });

  test.each<[string, (spec: any) => void]>([
    ['a selector', spec => { spec.matchConstraints.objectSelector = { matchLabels: { a: 'b' } }; }],
    ['names', spec => { spec.matchConstraints.resourceRules[0].resourceNames = ['a']; }],
    ['exceptions', spec => { spec.matchConstraints.excludeResourceRules = [{ apiGroups: ['*'], resources: ['*'], operations: ['*'] }]; }],
    ['a condition that never holds', spec => { spec.matchConditions.push({ name: 'never', expression: 'false' }); }],
  ])('whose policy leaves out contents by %s', (_, change) => {
    expect(changed('ValidatingAdmissionPolicy', ({ spec }) => change(spec))).toEqual(fence("the policy 'cdk8s-volume-snapshots-reclaim' leaves some contents out"));
  });

  test('is not asked of the snapshot controller, which may update contents anyway', () => {
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'snapshot-controller' },
      rules: [{ apiGroups: ['snapshot.storage.k8s.io'], resources: ['volumesnapshotcontents'], verbs: ['create', 'get', 'list', 'watch', 'update', 'delete', 'patch'] }],
    };
    const binding = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'snapshot-controller' },
      roleRef: { kind: 'ClusterRole', name: 'snapshot-controller' },
      subjects: [{ kind: 'ServiceAccount', name: 'snapshot-controller', namespace: 'kube-system' }],
    };
    expect(review(yaml(role, binding))).toEqual([]);
  });
});

describe('rights', () => {
  const rbac = 'rbac.authorization.k8s.io/v1';
  const nightly = { kind: 'ServiceAccount', name: 'nightly', namespace: 'db' };
  const binding = (kind: string, roleRef: object, subject: object = nightly) =>
    ({ apiVersion: rbac, kind, metadata: { name: 'extra', namespace: kind === 'RoleBinding' ? 'db' : undefined }, roleRef, subjects: [subject] });
  const role = (...rules: object[]) => ({ apiVersion: rbac, kind: 'Role', metadata: { name: 'extra', namespace: 'db' }, rules });
  const clusterRole = (...rules: object[]) => ({ apiVersion: rbac, kind: 'ClusterRole', metadata: { name: 'extra' }, rules });
  const toRole = { kind: 'Role', name: 'extra' };
  const toClusterRole = { kind: 'ClusterRole', name: 'extra' };
  const rule = (apiGroup: string, resource: string, ...verbs: string[]) => ({ apiGroups: [apiGroup], resources: [resource], verbs });
  const withExtra = (...objects: object[]) => review(chartWith(chart => sound(chart)), yaml(...objects));

  test.each([
    ['all of the cluster', binding('ClusterRoleBinding', { kind: 'ClusterRole', name: 'cluster-admin' }), 'in the whole cluster, by ClusterRole cluster-admin: any verb on everything'],
    ['a namespace as its administrator', binding('RoleBinding', { kind: 'ClusterRole', name: 'edit' }), 'in namespace db, by ClusterRole edit: any verb on everything'],
  ])('to %s', (_, object, what) => {
    expect(withExtra(object)).toEqual([expect.stringMatching(new RegExp(`^risk (Cluster)?RoleBinding .*more than they need ${what}$`))]);
  });

  test.each([
    [rule('', 'pods/exec', 'create', 'get'), 'risk', 'create, get pods/exec'],
    [rule('', 'secrets', 'get'), 'risk', 'get secrets'],
    [rule('snapshot.storage.k8s.io', 'volumesnapshots', '*'), 'risk', 'any verb on volumesnapshots'],
    [rule('snapshot.storage.k8s.io', 'volumesnapshots', 'patch', 'list'), 'risk', 'patch volumesnapshots'],
    [rule('', '*', 'list'), 'risk', 'list everything'],
    [rule('', 'persistentvolumeclaims', 'delete'), 'risk', 'delete persistentvolumeclaims'],
    [rule('', 'pods', 'get', 'list'), 'note', 'get, list pods'],
  ])('to more than a run needs: %j', (extra, severity, what) => {
    expect(withExtra(role(extra), binding('RoleBinding', toRole))).toEqual([
      `${severity} RoleBinding db/extra: gives the service account of runs, db/nightly, more than they need in namespace db, by Role extra: ${what}`,
    ]);
  });

  test('to what a run needs, but in all namespaces', () => {
    expect(withExtra(clusterRole(rule('snapshot.storage.k8s.io', 'volumesnapshots', 'create', 'list')), binding('ClusterRoleBinding', toClusterRole))).toEqual([
      expect.stringMatching(/^risk ClusterRoleBinding extra: .* in the whole cluster, by ClusterRole extra: create volumesnapshots$/),
      expect.stringMatching(/^note ClusterRoleBinding extra: .* in the whole cluster, by ClusterRole extra: list volumesnapshots$/),
    ]);
  });

  test('to contents beyond patch, which the fence does not hold', () => {
    expect(withExtra(clusterRole(rule('snapshot.storage.k8s.io', 'volumesnapshotcontents', 'patch', 'update')), binding('ClusterRoleBinding', toClusterRole))).toEqual([
      expect.stringMatching(/^risk ClusterRoleBinding extra: .*: update volumesnapshotcontents$/),
    ]);
  });

  test.each([
    { kind: 'User', name: 'system:serviceaccount:db:nightly' },
    { kind: 'Group', name: 'system:serviceaccounts:db' },
    { kind: 'Group', name: 'system:serviceaccounts' },
    { kind: 'Group', name: 'system:authenticated' },
  ])('however the service account is named: %j', subject => {
    expect(withExtra(role(rule('', 'secrets', 'get')), binding('RoleBinding', toRole, subject))).toHaveLength(1);
  });

  test('of others are none of ours', () => {
    const other = { kind: 'ServiceAccount', name: 'other', namespace: 'db' };
    expect(withExtra(role(rule('', 'secrets', 'get')), binding('RoleBinding', toRole, other))).toEqual([]);
    expect(withExtra(role(rule('', 'secrets', 'get')), binding('RoleBinding', toRole, { kind: 'Group', name: 'developers' }))).toEqual([]);
  });

  test('that a shared service account has are those of all its schedules', () => {
    expect(review(chartWith(chart => {
      const shared = new SnapshotRbac(chart, 'Rights');
      sound(chart, { rbac: shared });
      sound(chart, { rbac: shared, source: SnapshotSource.fromClaimName('more') }, 'More');
      shared.grantView(SnapshotSubject.group('developers'));
    }))).toEqual([]);
  });

  test('that are missing make each run fail', () => {
    const objects = chartWith(chart => sound(chart)).toJson().filter(({ kind }) => kind !== 'RoleBinding');
    expect(review(yaml(...objects))).toEqual([
      expect.stringMatching(/^risk CronJob db\/nightly: fails: its service account nightly may not create volumesnapshots, delete volumesnapshots, list volumesnapshots and \d more/),
    ]);
  });

  describe('to hold an application', () => {
    const members = SnapshotSource.fromStatefulSetName('db', { templates: ['data'], replicas: 2 });
    const quiesced = (source: SnapshotSource) => chartWith(chart => sound(chart, { source, quiesce: Quiesce.mariaDb() }));
    /** With other rules in the Role of the schedule. */
    const withRules = (chart: Chart, change: (rules: any[]) => any[]) => review(yaml(...chart.toJson()
      .map(object => (object.kind === 'Role' ? { ...object, rules: change(object.rules) } : object))));
    const isExec = (each: any) => each.resources.includes('pods/exec');

    test.each([['known', members], ['found by their claims', SnapshotSource.fromClaimName('data')]])('are as they should be, with pods that are %s', (_, source) => {
      expect(review(quiesced(source))).toEqual([]);
    });

    test('that are missing make each run fail before it has taken anything', () => {
      expect(withRules(quiesced(members), rules => rules.filter(each => !isExec(each)))).toEqual([
        'risk CronJob db/nightly: fails: its service account nightly may not create pods/exec, get pods/exec, unless that is allowed elsewhere',
      ]);
      expect(withRules(quiesced(members), rules => rules.slice(0, 3))).toEqual([
        expect.stringMatching(/may not list pods, create pods\/exec, get pods\/exec, patch volumesnapshots, unless/),
      ]);
    });

    test('that leave out a pod make its run fail', () => {
      expect(withRules(quiesced(members), rules => rules.map(each => (isExec(each) ? { ...each, resourceNames: ['db-0'] } : each)))).toEqual([
        expect.stringMatching(/^risk CronJob db\/nightly: fails: .* may not create pods\/exec, get pods\/exec, /),
      ]);
    });

    test('to some pods do not do where any may be asked for', () => {
      expect(withRules(quiesced(SnapshotSource.fromClaimName('data')), rules => rules.map(each => (isExec(each) ? { ...each, resourceNames: ['db-0'] } : each)))).toEqual([
        expect.stringMatching(/^risk CronJob db\/nightly: fails: .* may not create pods\/exec, get pods\/exec, /),
      ]);
    });

    test('in all pods of the namespace are a risk where the pods are known, since who may execute commands there may do what they do', () => {
      expect(withRules(quiesced(members), rules => rules.map(({ resourceNames, ...each }) => each))).toEqual([
        expect.stringMatching(/^risk RoleBinding db\/nightly: gives the service account of runs, db\/nightly, more than they need in namespace db, by Role nightly: create, get pods\/exec$/),
        expect.stringMatching(/^note RoleBinding db\/nightly: .* by Role nightly: list pods$/),
      ]);
    });
  });

  test('of a role that is not among the files are not known', () => {
    expect(withExtra(binding('RoleBinding', { kind: 'ClusterRole', name: 'elsewhere' }))).toEqual([
      'note RoleBinding db/extra: gives db/nightly the rights of ClusterRole elsewhere, which is not among the files',
    ]);
    const objects = chartWith(chart => sound(chart)).toJson().filter(({ kind }) => kind !== 'Role');
    expect(review(yaml(...objects))).toEqual([
      'note RoleBinding db/nightly: gives db/nightly the rights of Role nightly, which is not among the files',
    ]);
  });
});

describe('the look for orphans', () => {
  const orphans = (props: object, change: (objects: any[]) => any[] = objects => objects) => {
    const chart = newChart();
    new SnapshotOrphans(chart, 'Orphans', { metadata: { name: 'orphans' }, ...props });
    return review(yaml(...change(chart.toJson())));
  };

  test('is as it should be unless told otherwise', () => {
    expect(orphans({})).toEqual([]);
    expect(orphans({ action: OrphanAction.RECLAIM })).toEqual([]);
  });

  test('may take the last copy, or too soon', () => {
    expect(orphans({ action: OrphanAction.RECLAIM, keepNewestPerVolume: 0, olderThan: Duration.hours(36) })).toEqual([
      'risk CronJob db/orphans: reclaims also the last copy of the data of a deleted namespace',
      'risk CronJob db/orphans: leaves 1d 12h to notice that a snapshot was deleted by mistake',
    ]);
    expect(orphans({ keepNewestPerVolume: 0, olderThan: Duration.hours(36) })).toEqual([]);
  });

  test('without its fence may delete any content', () => {
    const lines = orphans({ action: OrphanAction.RECLAIM }, objects => objects.filter(({ kind }) => kind !== 'ValidatingAdmissionPolicy'));
    expect(lines).toEqual([expect.stringContaining('risk CronJob db/orphans: may delete any VolumeSnapshotContent')]);
  });

  test('says so when it is suspended', () => {
    expect(orphans({ suspend: true })).toEqual(['note CronJob db/orphans: is suspended: nobody looks for orphans']);
  });
});

describe('a restore', () => {
  const restore = (change: (objects: any[]) => any[] = objects => objects) => {
    const chart = newChart();
    new SnapshotRestore(chart, 'Restore', { metadata: { name: 'restore' }, scheduleId: 'nightly', source: SnapshotSource.fromClaimName('data') });
    return review(yaml(...change(chart.toJson())));
  };

  test('is as it should be', () => {
    expect(restore()).toEqual([]);
  });

  test('has no more than it needs beside a SnapshotReclaim', () => {
    expect(restore(objects => {
      const platform = newChart();
      new SnapshotReclaim(platform, 'Reclaim');
      return [...objects, ...platform.toJson()];
    })).toEqual([]);
  });

  test('that starts by itself is a risk', () => {
    expect(restore(objects => objects.map(object => (object.kind === 'CronJob' ? { ...object, spec: { ...object.spec, suspend: false } } : object)))).toEqual([
      'risk CronJob db/restore: is not suspended: it restores claims by itself when its time comes, which only a person should begin',
    ]);
  });

  test('without its rights fails on the day when it is needed', () => {
    expect(restore(objects => objects.filter(({ kind }) => kind !== 'RoleBinding'))).toEqual([
      expect.stringContaining('risk CronJob db/restore: fails: its service account restore may not list volumesnapshots'),
    ]);
  });
});

describe('a drill', () => {
  const drill = (props: object = {}, change: (objects: any[]) => any[] = objects => objects) => {
    const chart = newChart();
    const container = { name: 'db', image: 'postgres:15', volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    const workload = statefulSet(chart, { template: { spec: { containers: [container] } } });
    new RestoreDrill(chart, 'Drill', { metadata: { name: 'drill' }, scheduleId: 'nightly', workload, check: DrillCheck.command({ command: ['true'] }), ...props });
    return review(yaml(...change(chart.toJson().filter(({ kind }) => kind !== 'StatefulSet'))));
  };

  test('is as it should be', () => {
    expect(drill()).toEqual([]);
  });

  test('that is suspended proves nothing', () => {
    expect(drill({ suspend: true })).toEqual(['note CronJob db/drill: is suspended: nobody finds out whether snapshots can be restored']);
  });

  test('without its rights fails', () => {
    expect(drill({}, objects => objects.filter(({ kind }) => kind !== 'RoleBinding'))).toEqual([
      expect.stringContaining('risk CronJob db/drill: fails: its service account drill may not list volumesnapshots'),
    ]);
  });

  describe('in a namespace of its own', () => {
    const elsewhere = { scheduleId: 'nightly', sourceNamespace: 'shop' };

    test('is as it should be', () => {
      expect(drill(elsewhere)).toEqual([]);
    });

    test('fails without its right on contents, or without its Role where the snapshots are', () => {
      expect(drill(elsewhere, objects => objects.filter(({ kind }) => kind !== 'ClusterRoleBinding')))
        .toEqual([expect.stringContaining('its service account drill may not create volumesnapshotcontents')]);
      expect(drill(elsewhere, objects => objects.filter(({ kind, metadata }) => kind !== 'RoleBinding' || metadata.namespace !== 'shop')))
        .toEqual([expect.stringContaining('its service account drill may not list volumesnapshots, patch volumesnapshots, create events')]);
    });
  });
});

describe('an inventory', () => {
  const inventory = (props: object = {}, change: (objects: any[]) => any[] = objects => objects) => {
    const chart = newChart();
    new SnapshotReclaim(chart, 'Reclaim');
    new SnapshotInventory(chart, 'Inventory', { metadata: { name: 'inventory' }, exporter: { image: 'busybox:1.36', args: ['true'] }, ...props });
    return review(yaml(...change(chart.toJson())));
  };

  test('is as it should be', () => {
    expect(inventory()).toEqual([]);
  });

  test('that is suspended leaves nothing for the day when the cluster is lost', () => {
    expect(inventory({ suspend: true })).toEqual([
      'risk CronJob db/inventory: is suspended: should the cluster be lost, nobody knows the handles of later snapshots',
    ]);
  });

  test('without its rights fails', () => {
    expect(inventory({}, objects => objects.filter(({ kind, metadata }) => kind !== 'ClusterRoleBinding' || !metadata.name.startsWith('inventory')))).toEqual([
      expect.stringMatching(/^risk CronJob db\/inventory: fails: its service account inventory may not list volumesnapshots, list volumesnapshotcontents/),
    ]);
  });
});

describe('a clone', () => {
  const clone = (props: object = {}, change: (objects: any[]) => any[] = objects => objects) => {
    const chart = newChart({ namespace: 'platform' });
    const source = SnapshotSource.fromSelector({ app: 'db' });
    new SnapshotClone(chart, 'Clone', { metadata: { name: 'clone' }, scheduleId: 'nightly', sourceNamespace: 'db', source, targetNamespace: 'qa', ...props });
    return review(yaml(...change(chart.toJson())));
  };
  const isIn = (namespace: string) => ({ kind, metadata }: any) => kind === 'Role' && metadata.namespace === namespace;

  test('is as it should be, masked or not', () => {
    const image = { image: 'busybox:1.36' };
    const snapshotClass = SnapshotClass.fromSnapshotClassName(newChart(), 'Class', 'x', { deletionPolicy: DeletionPolicy.DELETE });
    expect([...clone(), ...clone({ masking: { mask: image, check: image, snapshotClass } })]).toEqual([]);
  });

  test.each([['db', 'list volumesnapshots'], ['qa', 'create volumesnapshots']])('without its rights in namespace %s fails', (namespace, missing) => {
    const without = (objects: any[]) => objects.map(object => (isIn(namespace)(object) ? { ...object, rules: [] } : object));
    expect(clone({}, without)).toEqual([expect.stringContaining(`risk CronJob platform/clone: fails: its service account clone may not ${missing}`)]);
  });

  test('with rights in the namespace of the snapshots that only the clones need has too many', () => {
    const widened = (objects: any[]) => objects.map(object => (isIn('db')(object) ? { ...object, rules: objects.find(isIn('qa')).rules } : object));
    expect(clone({}, widened)).toContainEqual(expect.stringMatching(/^risk RoleBinding db\/clone.platform: gives .* in namespace db, .*create, delete volumesnapshots/));
  });
});

describe('retention', () => {
  const withRetention = (retention: RetentionPolicy, driver: CsiDriver = CsiDriver.awsEbs(), props: Partial<ScheduledSnapshotProps> = {}) => {
    const chart = newChart();
    new SnapshotReclaim(chart, 'Reclaim');
    // a class that is imported without its driver, as platform and application often are apart
    const imported = SnapshotClass.fromSnapshotClassName(chart, 'Imported', 'fast', { deletionPolicy: DeletionPolicy.RETAIN });
    sound(chart, { retention, snapshotClass: imported, ...props });
    return review(chart, newChartWithClass('fast', { driver }));
  };

  test('that may leave nothing, or next to nothing', () => {
    expect(withRetention(RetentionPolicy.of({ keepFor: Duration.days(7), minimumReady: 0, mayDeleteLastGood: true }))).toEqual([
      'risk CronJob db/nightly: may prune the last good snapshot of a claim: minimumReady is 0',
    ]);
    expect(withRetention(RetentionPolicy.keepFor(Duration.days(7)))).toEqual([
      'note CronJob db/nightly: keeps by age alone: after an outage of 7d one snapshot of a claim is left',
    ]);
    expect(withRetention(RetentionPolicy.of({ keepFor: Duration.days(7), daily: 14 }))).not.toContainEqual(expect.stringContaining('by age alone'));
  });

  test('that a preview finds odd', () => {
    expect(withRetention(RetentionPolicy.of({ keepFor: Duration.days(7), daily: 14 }))).toEqual([
      expect.stringMatching(/^note CronJob db\/nightly: keepFor: 7 days keeps nothing that the other rules do not keep/),
    ]);
  });

  test('over or near the limit of the driver', () => {
    const vSphere = CsiDriver.of('csi.vsphere.vmware.com');
    expect(withRetention(RetentionPolicy.keepLast(7), vSphere)).toEqual([
      'risk CronJob db/nightly: keeps up to 8 snapshots of data, the one being taken included, where the driver keeps 3',
    ]);
    expect(withRetention(RetentionPolicy.keepLast(2), vSphere)).toContainEqual(expect.stringMatching(/^note CronJob db\/nightly: keeps up to 3 snapshots/));
    expect(withRetention(RetentionPolicy.keepLast(1), vSphere)).not.toContainEqual(expect.stringContaining('where the driver keeps'));
    expect(withRetention(RetentionPolicy.keepLast(7), LONGHORN)).toEqual([]);
  });

  test('of two schedules, each of which is below the limit', () => {
    const chart = chartWith(c => {
      classIn(c, { driver: LONGHORN });
      sound(c, { retention: RetentionPolicy.keepLast(150), schedule: Cron.schedule({ minute: '20' }) }, 'Hourly');
      sound(c, { retention: RetentionPolicy.keepLast(120) }, 'Daily');
      sound(c, { retention: RetentionPolicy.keepLast(120), source: SnapshotSource.fromClaimName('more') }, 'Other');
    });
    expect(review(chart)).toEqual([
      'risk CronJob db/daily, CronJob db/hourly: keep together up to 272 snapshots of data, the one being taken included, where the driver keeps 250',
    ]);
  });

  test('of a dry run, which ends at the limit', () => {
    expect(withRetention(RetentionPolicy.sevenDays(), CsiDriver.awsEbs(), { dryRun: true })).toEqual([
      expect.stringMatching(/^note CronJob db\/nightly: is a dry run: nothing is pruned, and each claim gets 36[56] snapshots a year$/),
    ]);
    expect(withRetention(RetentionPolicy.sevenDays(), LONGHORN, { dryRun: true })).toEqual([
      expect.stringMatching(/^risk CronJob db\/nightly: is a dry run: .*, where the driver keeps 250$/),
    ]);
  });
});

describe('times', () => {
  const together = (driver: CsiDriver, ...schedules: Partial<ScheduledSnapshotProps>[]) => review(chartWith(chart => {
    classIn(chart, { driver });
    schedules.forEach((props, index) => sound(chart, props, `S${index}`));
  }));
  const at = (hour: string, minute: string) => ({ schedule: Cron.schedule({ hour, minute }) });

  test('of two schedules of a claim that are too close for the driver', () => {
    expect(together(CsiDriver.gcePersistentDisk(), at('*', '0'), at('4', '0'))).toEqual([
      'risk CronJob db/s0, CronJob db/s1: run at the same time, and the driver takes no two snapshots of data within 10m',
    ]);
    expect(together(CsiDriver.gcePersistentDisk(), at('*', '0'), at('4', '5'))).toEqual([
      'risk CronJob db/s0, CronJob db/s1: run 5m apart, and the driver takes no two snapshots of data within 10m',
    ]);
    expect(together(CsiDriver.gcePersistentDisk(), at('*', '0'), at('4', '30'))).toEqual([]);
    // s1 begins later, but not late enough
    expect(together(CsiDriver.gcePersistentDisk(), at('4', '0'), { ...at('4', '0'), stagger: Duration.hours(1) })).toEqual([
      expect.stringMatching(/run 1m \d+s apart/),
    ]);
    expect(together(LONGHORN, at('*', '0'), at('4', '0'))).toEqual([]);
  });

  test('are compared across time zones, and as the seasons change', () => {
    // 04:00 in Berlin is 02:00 in UTC in summer alone
    expect(together(CsiDriver.gcePersistentDisk(), at('2', '0'), { ...at('4', '0'), timeZone: 'Europe/Berlin' })).toEqual([
      expect.stringContaining('run at the same time'),
    ]);
    expect(together(CsiDriver.gcePersistentDisk(), at('5', '0'), { ...at('4', '0'), timeZone: 'Europe/Berlin' })).toEqual([]);
  });

  test('do not matter for different claims, and while one is suspended', () => {
    expect(together(CsiDriver.gcePersistentDisk(), at('4', '0'), { ...at('4', '0'), source: SnapshotSource.fromClaimName('more') })).toEqual([]);
    expect(together(CsiDriver.gcePersistentDisk(), at('4', '0'), { ...at('4', '0'), suspend: true })).toEqual([expect.stringContaining('is suspended')]);
  });

  test('of StatefulSets and labels are compared claim by claim', () => {
    const set = SnapshotSource.fromStatefulSetName('postgres', { templates: ['data', 'wal'] });
    expect(together(CsiDriver.gcePersistentDisk(), { ...at('4', '0'), source: set }, { ...at('4', '0'), source: SnapshotSource.fromClaimName('wal-postgres-3') }))
      .toEqual([expect.stringContaining('no two snapshots of wal-postgres-3 within 10m')]);
    const labels = SnapshotSource.fromSelector({ a: 'b', c: 'd' });
    expect(together(CsiDriver.gcePersistentDisk(), { ...at('4', '0'), source: labels }, { ...at('4', '0'), source: SnapshotSource.fromSelector({ c: 'd', a: 'b' }) }))
      .toEqual([expect.stringContaining('no two snapshots of a=b,c=d within 10m')]);
  });

  test('that a change of clocks skips or doubles', () => {
    expect(together(LONGHORN, { ...at('2', '15'), timeZone: 'Europe/Berlin' })).toEqual([
      expect.stringMatching(/^note CronJob db\/s0: .*no run at 02:15 on \d{4}-03-\d\d.*two runs at 02:15 on \d{4}-10-\d\d/),
    ]);
    expect(together(LONGHORN, { ...at('4', '15'), timeZone: 'Europe/Berlin' })).toEqual([]);
    expect(together(LONGHORN, at('2', '15'))).toEqual([]);
    // an hour more or less is no matter for what runs each hour
    expect(together(LONGHORN, { ...at('*', '15'), timeZone: 'Europe/Berlin' })).toEqual([]);
  });
});

test('the same is said whatever the order of the files', () => {
  const [a, b] = [chartWith(chart => sound(chart, { suspend: true })), yaml(claim('more'), claim('left', { namespace: 'web' }))];
  expect(plan([a, b], '--json').stdout).toBe(plan([b, a], '--json').stdout);
});
