import { ApiObject, App, Chart, JsonPatch, Yaml } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { newChart, objectOf, objectsOf, schedule, statefulSet } from './manifests';
import {
  CsiDriver, DeletionPolicy, GroupSnapshotClass, Quiesce, QuiesceOptions, ScheduledSnapshotProps, SnapshotRbac, SnapshotSource, SnapshotSubject,
} from '../src';

const developers = SnapshotSubject.group('developers');
const jane = SnapshotSubject.user('jane@example.com');

const snapshots = (...verbs: string[]) => ({ apiGroups: ['snapshot.storage.k8s.io'], resources: ['volumesnapshots'], verbs });
const claims = (...verbs: string[]) => ({ apiGroups: [''], resources: ['persistentvolumeclaims'], verbs });
const events = { apiGroups: [''], resources: ['events'], verbs: ['create'] };

/** The rules of the Role for schedules. */
function rules(chart: Chart, name = 'rights'): any[] {
  return objectOf(chart, 'Role', name).rules;
}

test('renders the rights of a schedule', () => {
  const chart = newChart();
  new SnapshotRbac(chart, 'Rights');
  expect(Yaml.stringify(...chart.toJson())).toMatchInlineSnapshot(`
"apiVersion: v1
kind: ServiceAccount
metadata:
  name: test-rights-serviceaccount-c8923eef
  namespace: db
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: test-rights-c8a2efb7
  namespace: db
rules:
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshots
    verbs:
      - create
      - delete
      - list
      - watch
  - apiGroups:
      - ""
    resources:
      - persistentvolumeclaims
    verbs:
      - list
  - apiGroups:
      - ""
    resources:
      - events
    verbs:
      - create
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: test-rights-binding-c84469e8
  namespace: db
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: test-rights-c8a2efb7
subjects:
  - kind: ServiceAccount
    name: test-rights-serviceaccount-c8923eef
    namespace: db
"
`);
});

test('renders every grant', () => {
  const chart = newChart();
  const rbac = new SnapshotRbac(chart, 'Rights', { metadata: { name: 'rights', labels: { team: 'dba' } }, serviceAccountName: 'backup' });
  rbac.grantView(developers);
  rbac.grantTake(jane);
  rbac.grantPrune(SnapshotSubject.serviceAccount('janitor', 'ops'));
  rbac.grantRestore(jane);
  expect(Yaml.stringify(...chart.toJson())).toMatchInlineSnapshot(`
"apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  labels:
    team: dba
  name: rights
  namespace: db
rules:
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshots
    verbs:
      - create
      - delete
      - list
      - watch
  - apiGroups:
      - ""
    resources:
      - persistentvolumeclaims
    verbs:
      - list
  - apiGroups:
      - ""
    resources:
      - events
    verbs:
      - create
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  labels:
    team: dba
  name: rights
  namespace: db
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: rights
subjects:
  - kind: ServiceAccount
    name: backup
    namespace: db
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  labels:
    team: dba
  name: rights-view
  namespace: db
rules:
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshots
    verbs:
      - get
      - list
      - watch
  - apiGroups:
      - batch
    resources:
      - cronjobs
      - jobs
    verbs:
      - get
      - list
      - watch
  - apiGroups:
      - ""
    resources:
      - pods
    verbs:
      - get
      - list
      - watch
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  labels:
    team: dba
  name: rights-view
  namespace: db
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: rights-view
subjects:
  - apiGroup: rbac.authorization.k8s.io
    kind: Group
    name: developers
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  labels:
    team: dba
  name: rights-take
  namespace: db
rules:
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshots
    verbs:
      - create
      - get
      - list
      - watch
  - apiGroups:
      - ""
    resources:
      - persistentvolumeclaims
    verbs:
      - get
      - list
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  labels:
    team: dba
  name: rights-take
  namespace: db
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: rights-take
subjects:
  - apiGroup: rbac.authorization.k8s.io
    kind: User
    name: jane@example.com
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  labels:
    team: dba
  name: rights-prune
  namespace: db
rules:
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshots
    verbs:
      - delete
      - get
      - list
      - watch
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  labels:
    team: dba
  name: rights-prune
  namespace: db
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: rights-prune
subjects:
  - kind: ServiceAccount
    name: janitor
    namespace: ops
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  labels:
    team: dba
  name: rights-restore
  namespace: db
rules:
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshots
    verbs:
      - get
      - list
      - watch
  - apiGroups:
      - ""
    resources:
      - persistentvolumeclaims
    verbs:
      - create
      - get
      - list
      - watch
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  labels:
    team: dba
  name: rights-restore
  namespace: db
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: rights-restore
subjects:
  - apiGroup: rbac.authorization.k8s.io
    kind: User
    name: jane@example.com
"
`);
});

describe('to quiesce applications', () => {
  const usual = [snapshots('create', 'delete', 'list', 'watch'), claims('list'), events];
  const toQuiesce = (...resourceNames: string[]) => {
    const names = resourceNames.length > 0 ? { resourceNames } : {};
    return [{ apiGroups: [''], resources: ['pods'], ...names, verbs: ['list'] },
      { apiGroups: [''], resources: ['pods/exec'], ...names, verbs: ['create', 'get'] }, snapshots('patch')];
  };
  const members = (name: string, replicas?: number) => SnapshotSource.fromStatefulSetName(name, { templates: ['data'], replicas });
  const one = SnapshotSource.fromClaimName('data-db-0');

  /** The rules of a Role that schedules of these sources share; a source without options is not quiesced. */
  function shared(...schedules: [source: SnapshotSource, options?: QuiesceOptions][]): any[] {
    const chart = newChart();
    const rbac = new SnapshotRbac(chart, 'Rights', { metadata: { name: 'rights' } });
    schedules.forEach(([source, options], index) => schedule(chart, { source, rbac, quiesce: options && Quiesce.cassandra(options) }, `Schedule${index}`));
    return rules(chart);
  }

  test('are not given where nothing is quiesced: to execute commands is to be the application', () => {
    expect(shared([one], [members('db', 2)])).toEqual(usual);
  });

  test('are those to the pods that are known, and to no others', () => {
    expect(shared([members('db', 2), {}])).toEqual([...usual, ...toQuiesce('db-0', 'db-1')]);
    expect(shared([one, { podNames: ['db-0'] }])).toEqual([...usual, ...toQuiesce('db-0')]);
  });

  test('are those to the pods of all schedules that share them, each once, whatever the others do that quiesce nothing', () => {
    expect(shared([members('db', 2), {}], [members('web', 1), {}], [members('db', 1), {}], [one])).toEqual([...usual, ...toQuiesce('db-0', 'db-1', 'web-0')]);
  });

  test.each<[string, SnapshotSource, QuiesceOptions]>([
    ['of a claim by its name', one, {}],
    ['of a StatefulSet whose replicas are not known', members('other'), {}],
    ['that are found by their labels', members('other', 1), { podLabels: { role: 'primary' } }],
  ])('are those to all pods of the namespace if one schedule needs pods %s: with names it could not hold them', (_, source, options) => {
    expect(shared([members('db', 2), {}], [source, options])).toEqual([...usual, ...toQuiesce()]);
  });

  test('follow the sources that are added later, or a run could not hold what it covers', () => {
    const chart = newChart();
    const rbac = new SnapshotRbac(chart, 'Rights', { metadata: { name: 'rights' } });
    const made = schedule(chart, { source: members('db', 1), rbac, quiesce: Quiesce.cassandra() });
    made.addSource(members('web', 1));
    expect(rules(chart)).toEqual([...usual, ...toQuiesce('db-0', 'web-0')]);
    made.addSource(one);
    expect(rules(chart)).toEqual([...usual, ...toQuiesce()]);
  });

  test('are not granted to people with any grant', () => {
    const chart = newChart();
    const made = schedule(chart, { source: members('db', 1), quiesce: Quiesce.cassandra() });
    made.rbac.grantView(developers);
    made.rbac.grantTake(developers);
    made.rbac.grantPrune(developers);
    made.rbac.grantRestore(developers);
    const roles = objectsOf(chart, 'Role').filter(role => JSON.stringify(role).includes('pods/exec')).map(role => role.metadata.name);
    expect(roles).toEqual([made.name]);
  });
});

describe('contract', () => {
  test('the Role of the schedules is the default child', () => {
    expect(ApiObject.of(new SnapshotRbac(newChart(), 'Rights')).kind).toBe('Role');
  });

  test('names are stable, or a redeploy would take rights away for a moment', () => {
    const chart = newChart();
    const rbac = new SnapshotRbac(chart, 'Rights');
    rbac.grantView(developers);
    expect(rbac.serviceAccountName).toBe('test-rights-serviceaccount-c8923eef');
    expect(chart.toJson().map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'ServiceAccount test-rights-serviceaccount-c8923eef',
      'Role test-rights-c8a2efb7',
      'RoleBinding test-rights-binding-c84469e8',
      'Role test-rights-viewrole-c8cf1b30',
      'RoleBinding test-rights-viewbinding-c8104e28',
    ]);
  });

  test('metadata is respected on all objects', () => {
    const chart = newChart();
    const rbac = new SnapshotRbac(chart, 'Rights', { metadata: { name: 'rights', namespace: 'web', labels: { team: 'dba' } } });
    rbac.grantView(developers);
    expect(rbac).toMatchObject({ serviceAccountName: 'rights', namespace: 'web' });
    for (const object of chart.toJson()) {
      expect(object.metadata).toEqual({ name: expect.stringMatching(/^rights(-view)?$/), namespace: 'web', labels: { team: 'dba' } });
    }
  });

  test('a name that is undefined is made of the path', () => {
    const chart = newChart();
    new SnapshotRbac(chart, 'Rights', { metadata: { name: undefined } });
    for (const { metadata } of chart.toJson()) { expect(metadata.name).toMatch(/^test-rights-/); }
  });

  test('a patch survives', () => {
    const chart = newChart();
    const rbac = new SnapshotRbac(chart, 'Rights', { metadata: { name: 'rights' } });
    ApiObject.of(rbac).addJsonPatch(JsonPatch.add('/rules/-', { apiGroups: [''], resources: ['secrets'], verbs: ['get'] }));
    expect(rules(chart)).toContainEqual({ apiGroups: [''], resources: ['secrets'], verbs: ['get'] });
  });

  test('all bindings point to a role that exists', () => {
    const chart = newChart();
    const rbac = new SnapshotRbac(chart, 'Rights');
    for (const grant of ['grantView', 'grantTake', 'grantPrune', 'grantRestore'] as const) { rbac[grant](developers); }
    const roles = objectsOf(chart, 'Role').map(({ metadata }) => metadata.name);
    expect(objectsOf(chart, 'RoleBinding').map(({ roleRef }) => roleRef.name)).toEqual(roles);
    expect(new Set(roles).size).toBe(5);
  });

  test('nothing reaches beyond the namespace', () => {
    const chart = newChart();
    const rbac = new SnapshotRbac(chart, 'Rights');
    for (const grant of ['grantView', 'grantTake', 'grantPrune', 'grantRestore'] as const) { rbac[grant](developers); }
    expect(new Set(chart.toJson().map(({ kind }) => kind))).toEqual(new Set(['ServiceAccount', 'Role', 'RoleBinding']));
    for (const { metadata } of chart.toJson()) { expect(metadata.namespace).toBe('db'); }
  });
});

describe('the rights of schedules', () => {
  const whatARunCalls = [snapshots('create', 'delete', 'list', 'watch'), claims('list'), events];

  test('are just what a run calls', () => {
    const chart = newChart();
    schedule(chart, { metadata: { name: 'rights' } });
    expect(rules(chart)).toEqual(whatARunCalls);
  });

  test('are the same for every source, since each run finds its claims, and those that are being restored, in one list', () => {
    const sources = (chart: Chart) => [
      SnapshotSource.fromSelector({ app: 'postgres' }),
      SnapshotSource.fromStatefulSet(statefulSet(chart)),
      SnapshotSource.fromStatefulSetName('redis', { templates: ['data'] }),
      SnapshotSource.fromClaimName('wal'),
    ];
    for (const index of sources(newChart()).keys()) {
      const chart = newChart();
      schedule(chart, { metadata: { name: 'rights' }, source: sources(chart)[index] });
      expect(rules(chart)).toEqual(whatARunCalls);
    }
  });

  test('are the same with no schedule yet, with one, and with several', () => {
    const chart = newChart();
    const rbac = new SnapshotRbac(chart, 'Rights', { metadata: { name: 'rights' } });
    expect(rules(chart)).toEqual(whatARunCalls);
    schedule(chart, { rbac }, 'A').addSource(SnapshotSource.fromSelector({ app: 'postgres' }));
    schedule(chart, { rbac }, 'B');
    expect(rules(chart)).toEqual(whatARunCalls);
  });

  test('change no claim, read no secret and no pod, and write nothing but snapshots and Events', () => {
    const chart = newChart();
    schedule(chart, { metadata: { name: 'rights' } });
    const writes = rules(chart).flatMap(({ resources, verbs }) => verbs
      .filter((verb: string) => !['get', 'list', 'watch'].includes(verb)).map((verb: string) => `${verb} ${resources}`));
    expect(writes).toEqual(['create volumesnapshots', 'delete volumesnapshots', 'create events']);
    expect(rules(chart).flatMap(({ resources }) => resources)).toEqual(['volumesnapshots', 'persistentvolumeclaims', 'events']);
  });

  test('never touch the cluster-scoped contents', () => {
    const chart = newChart();
    schedule(chart);
    expect(JSON.stringify(objectsOf(chart, 'Role'))).not.toContain('contents');
  });
});

describe('the rights of schedules of groups', () => {
  const groups = (...verbs: string[]) => ({ apiGroups: ['groupsnapshot.storage.k8s.io'], resources: ['volumegroupsnapshots'], verbs });
  const groupSnapshotClassIn = (chart: Chart) => (chart.node.tryFindChild('Groups') as GroupSnapshotClass | undefined)
    ?? new GroupSnapshotClass(chart, 'Groups', { driver: CsiDriver.of('hostpath.csi.k8s.io'), deletionPolicy: DeletionPolicy.DELETE });

  /** The rules for schedules that share rights. */
  function sharedBy(...all: ((chart: Chart) => Partial<ScheduledSnapshotProps>)[]): any[] {
    const chart = newChart();
    const rbac = new SnapshotRbac(chart, 'Rights', { metadata: { name: 'rights' } });
    all.forEach((props, index) => schedule(chart, { rbac, ...props(chart) }, `Schedule${index}`));
    return rules(chart);
  }
  const grouped = (props: Partial<ScheduledSnapshotProps> = {}) => (chart: Chart) => ({ groupSnapshotClass: groupSnapshotClassIn(chart), ...props });
  const quiesce = Quiesce.custom({ quiesce: ':', release: ':' });
  const pods = { apiGroups: [''], resources: ['pods'], verbs: ['list'] };
  const exec = { apiGroups: [''], resources: ['pods/exec'], verbs: ['create', 'get'] };

  test('are those to groups, to look for their members and label them, and to mark the claims that are named', () => {
    expect(sharedBy(grouped({ source: SnapshotSource.fromStatefulSetName('db', { templates: ['data'], replicas: 2 }) }))).toEqual([
      groups('create', 'delete', 'list', 'watch'),
      snapshots('list', 'patch'),
      { ...claims('patch'), resourceNames: ['data-db-0', 'data-db-1'] },
      claims('list'),
      events,
    ]);
  });

  test.each([
    ['selected', SnapshotSource.fromSelector({ app: 'db' })],
    ['those of a StatefulSet of any size', SnapshotSource.fromStatefulSetName('db', { templates: ['data'] })],
  ])('are to mark any claim if the claims are %s', (_, source) => {
    expect(sharedBy(grouped({ source }))).toContainEqual(claims('patch'));
    expect(sharedBy(grouped({ source }), grouped())).toContainEqual(claims('patch'));
  });

  test('are to hold applications and to call the group consistent if it is quiesced', () => {
    expect(sharedBy(grouped({ quiesce })).slice(-3)).toEqual([pods, exec, groups('patch')]);
  });

  test('do not add to those of a schedule of single snapshots what it does not need, and are beside them', () => {
    expect(sharedBy(() => ({}), grouped())).toEqual([
      snapshots('create', 'delete', 'list', 'watch'),
      groups('create', 'delete', 'list', 'watch'),
      snapshots('list', 'patch'),
      { ...claims('patch'), resourceNames: ['data'] },
      claims('list'),
      events,
    ]);
    expect(sharedBy(() => ({ quiesce })).slice(-1)).toEqual([snapshots('patch')]);
  });

  test('follow sources that are added later', () => {
    const chart = newChart();
    const made = schedule(chart, { ...grouped()(chart), metadata: { name: 'rights' } });
    made.addSource(SnapshotSource.fromClaimName('wal'));
    expect(rules(chart)).toContainEqual({ ...claims('patch'), resourceNames: ['data', 'wal'] });
  });
});

describe('service account', () => {
  test('is bound by name and namespace', () => {
    const chart = newChart();
    new SnapshotRbac(chart, 'Rights', { metadata: { name: 'rights' } });
    expect(objectOf(chart, 'RoleBinding', 'rights')).toMatchObject({
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'rights' },
      subjects: [{ kind: 'ServiceAccount', name: 'rights', namespace: 'db' }],
    });
    expect(objectOf(chart, 'ServiceAccount').metadata).toEqual({ name: 'rights', namespace: 'db' });
  });

  test('of the user is bound, and none is defined', () => {
    const chart = newChart();
    expect(new SnapshotRbac(chart, 'Rights', { serviceAccountName: 'backup' }).serviceAccountName).toBe('backup');
    expect(objectsOf(chart, 'ServiceAccount')).toEqual([]);
    expect(objectOf(chart, 'RoleBinding').subjects).toEqual([{ kind: 'ServiceAccount', name: 'backup', namespace: 'db' }]);
  });

  test('gives its token to no other pod that uses it', () => {
    const chart = newChart();
    new SnapshotRbac(chart, 'Rights');
    expect(objectOf(chart, 'ServiceAccount').automountServiceAccountToken).toBe(false);
  });
});

describe('grants', () => {
  test.each([
    ['grantView', 'view', [
      snapshots('get', 'list', 'watch'),
      { apiGroups: ['batch'], resources: ['cronjobs', 'jobs'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
    ]],
    ['grantTake', 'take', [snapshots('create', 'get', 'list', 'watch'), claims('get', 'list')]],
    ['grantPrune', 'prune', [snapshots('delete', 'get', 'list', 'watch')]],
    ['grantRestore', 'restore', [snapshots('get', 'list', 'watch'), claims('create', 'get', 'list', 'watch')]],
  ] as const)('%s allows what it says and no more', (grant, suffix, expected) => {
    const chart = newChart();
    new SnapshotRbac(chart, 'Rights', { metadata: { name: 'rights' } })[grant](developers);
    expect(rules(chart, `rights-${suffix}`)).toEqual(expected);
    expect(objectOf(chart, 'RoleBinding', `rights-${suffix}`).subjects).toEqual([{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'developers' }]);
  });

  test('leave the rights of schedules as they are', () => {
    const chart = newChart();
    const rbac = new SnapshotRbac(chart, 'Rights', { metadata: { name: 'rights' } });
    const before = [rules(chart), objectOf(chart, 'RoleBinding', 'rights').subjects];
    rbac.grantRestore(jane);
    expect([rules(chart), objectOf(chart, 'RoleBinding', 'rights').subjects]).toEqual(before);
  });

  test('add up', () => {
    const chart = newChart();
    const rbac = new SnapshotRbac(chart, 'Rights', { metadata: { name: 'rights' } });
    rbac.grantView(developers);
    rbac.grantView(jane);
    expect(objectOf(chart, 'RoleBinding', 'rights-view').subjects.map(({ name }: any) => name)).toEqual(['developers', 'jane@example.com']);
  });

  test('of the same twice change nothing', () => {
    const chart = newChart();
    const rbac = new SnapshotRbac(chart, 'Rights', { metadata: { name: 'rights' } });
    for (const subject of [developers, SnapshotSubject.group('developers'), developers]) { rbac.grantView(subject); }
    expect(objectOf(chart, 'RoleBinding', 'rights-view').subjects).toHaveLength(1);
  });

  test('tell subjects of one name and another kind or namespace apart', () => {
    const chart = newChart();
    const rbac = new SnapshotRbac(chart, 'Rights', { metadata: { name: 'rights' } });
    [SnapshotSubject.user('ci'), SnapshotSubject.group('ci'), SnapshotSubject.serviceAccount('ci', 'a'), SnapshotSubject.serviceAccount('ci', 'b')]
      .forEach(subject => rbac.grantPrune(subject));
    expect(objectOf(chart, 'RoleBinding', 'rights-prune').subjects).toHaveLength(4);
  });

  test('of different rights to one subject are different roles', () => {
    const chart = newChart();
    const rbac = new SnapshotRbac(chart, 'Rights', { metadata: { name: 'rights' } });
    rbac.grantView(jane);
    rbac.grantRestore(jane);
    expect(objectsOf(chart, 'Role').map(({ metadata }) => metadata.name)).toEqual(['rights', 'rights-view', 'rights-restore']);
  });

  test('take a service account of cdk8s-plus', () => {
    const chart = newChart();
    const robot = new kplus.ServiceAccount(chart, 'Robot', { metadata: { name: 'robot' } });
    new SnapshotRbac(chart, 'Rights', { metadata: { name: 'rights' } }).grantTake(SnapshotSubject.fromServiceAccount(robot));
    expect(objectOf(chart, 'RoleBinding', 'rights-take').subjects).toEqual([{ kind: 'ServiceAccount', name: 'robot', namespace: 'db' }]);
  });
});

describe('throws', () => {
  test('outside a chart, and names the path', () => {
    expect(() => new SnapshotRbac(new Construct(new App(), 'group'), 'Rights')).toThrow("[group/Rights] 'scope': not in a chart");
  });

  test('when no namespace is known', () => {
    expect(() => new SnapshotRbac(newChart({}), 'Rights')).toThrow(
      "[test/Rights] 'metadata.namespace': a role binding must name the namespace of its service account, and none is known, got undefined; "
      + "allowed the name of a namespace; give the chart one: new Chart(app, 'id', { namespace: '...' })",
    );
  });

  test('when a name is not valid', () => {
    expect(() => new SnapshotRbac(newChart(), 'Rights', { metadata: { name: 'Rights' } })).toThrow("[test/Rights] 'metadata.name': not a valid name, got 'Rights'");
    expect(() => new SnapshotRbac(newChart(), 'Rights', { serviceAccountName: 'a b' })).toThrow("[test/Rights] 'serviceAccountName': not a valid name, got 'a b'");
  });
});

test('a namespace in metadata is enough in a chart that has none', () => {
  const chart = newChart({});
  new SnapshotRbac(chart, 'Rights', { metadata: { namespace: 'web' } });
  for (const { metadata } of chart.toJson()) { expect(metadata.namespace).toBe('web'); }
});

test.each(['grantView', 'grantTake', 'grantPrune', 'grantRestore'] as const)('%s throws when the subject is a name', grant => {
  const rights = new SnapshotRbac(newChart(), 'Rights');
  expect(() => rights[grant]('jane' as any)).toThrow(/^\[test\/Rights\] 'subject': not a SnapshotSubject, got 'jane'; .*SnapshotSubject.user/);
});
