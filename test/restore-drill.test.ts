import { Chart, Cron, Duration, Yaml } from 'cdk8s';
import { configOf, newChart, objectOf, schedule, statefulSet } from './manifests';
import { DrillCheck, Quiesce, QuiesceOn, RecoveryPreset, RestoreDrill, RestoreDrillProps, SnapshotSource } from '../src';
import { DrillConfig } from '../src/runner/config';
import { parseConfig } from '../src/runner/parse-config';

const CONTAINER = {
  name: 'postgres',
  image: 'postgres:15',
  env: [{ name: 'POSTGRES_PASSWORD', value: 'x' }],
  readinessProbe: { exec: { command: ['pg_isready'] } },
  volumeMounts: [{ name: 'data', mountPath: '/data' }],
};
const check = DrillCheck.postgreSql({ query: 'SELECT count(*) FROM orders', atLeast: 1000 });

/** The chart of a drill called `drill` over a StatefulSet `postgres`, with what a test is about. */
function render(props: Partial<RestoreDrillProps> = {}, container: object = {}, spec: object = {}) {
  const chart = newChart();
  const workload = statefulSet(chart, { template: { spec: { containers: [{ ...CONTAINER, ...container }] } }, ...spec });
  const nightly = schedule(chart, { metadata: { name: 'nightly' }, source: SnapshotSource.fromStatefulSet(workload) });
  new RestoreDrill(chart, 'Drill', { metadata: { name: 'drill' }, schedule: nightly, workload, check, ...props });
  return chart;
}
const configured = (props: Partial<RestoreDrillProps> = {}, container: object = {}, spec: object = {}): DrillConfig => configOf(render(props, container, spec), 'drill');

test('renders a drill', () => {
  const yaml = Yaml.stringify(...render().toJson().filter(({ kind, metadata }) => metadata.name === 'drill' && kind !== 'CronJob'));
  expect(yaml).toMatchInlineSnapshot(`
"apiVersion: v1
kind: ServiceAccount
metadata:
  name: drill
  namespace: db
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: drill
  namespace: db
rules:
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshots
    verbs:
      - list
      - patch
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
      - create
      - delete
      - get
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
kind: RoleBinding
metadata:
  name: drill
  namespace: db
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: drill
subjects:
  - kind: ServiceAccount
    name: drill
    namespace: db
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: drill
  namespace: db
spec:
  podSelector:
    matchLabels:
      cdk8s-volume-snapshots/drill: drill
  policyTypes:
    - Egress
    - Ingress
"
`);
});

test('its program is told what to restore and what to start, and can read it', () => {
  const config = configured();
  expect(parseConfig(JSON.stringify(config))).toEqual(config);
  expect(config).toMatchObject({
    kind: 'Drill', drillId: 'drill', scheduleId: 'nightly', volumes: { data: 'data-postgres-0' }, maxAgeSeconds: 26 * 3600, timeoutSeconds: 3600,
  });
  expect(config.pod.spec.containers.map(({ name, image }: any) => [name, image])).toEqual([['postgres', 'postgres:15'], ['check', 'postgres:15']]);
});

test('of a schedule that leaves out the claim of a primary, it looks at any member', () => {
  const nightly = (chart: Chart) => schedule(chart, {
    source: SnapshotSource.fromStatefulSetName('postgres', { templates: ['data'], replicas: 2 }), quiesce: Quiesce.mariaDb({ on: QuiesceOn.REPLICA }),
  }, 'Replicas');
  const chart = newChart();
  expect(configured({ schedule: nightly(chart) })).toMatchObject({ volumes: { data: 'data-postgres-0' }, anyMember: true });
  expect(configured({ schedule: nightly(newChart()), claims: { data: 'data-postgres-1' } }).anyMember).toBeUndefined();
  expect(configured().anyMember).toBeUndefined();
  const others = SnapshotSource.fromStatefulSetName('postgres', { templates: ['data'], ordinals: [1, 2] });
  expect(configured({ schedule: schedule(newChart(), { source: others, quiesce: Quiesce.mariaDb({ on: QuiesceOn.REPLICA }) }, 'Others') }).anyMember).toBe(true);
});

test('synth fails for a claim that the schedule does not cover, since no drill could ever pass', () => {
  const of = (source: SnapshotSource) => () => configured({ schedule: schedule(newChart(), { source }, 'Other') });
  expect(of(SnapshotSource.fromStatefulSetName('postgres', { templates: ['wal'], replicas: 2 }))).toThrow(
    "'claims': volume 'data' is to be made of a snapshot of claim 'data-postgres-0', and the schedule takes none of it, so no drill could pass, got 'data-postgres-0'; allowed claims "
    + "that the schedule covers; add the claim to the source of the schedule, or write claims: { 'data': '...' }",
  );
  // what labels choose is known at night
  expect(of(SnapshotSource.fromSelector({ app: 'postgres' }))).not.toThrow();
});

test('it is held on Sundays unless told otherwise, and its Job lives long enough', () => {
  const { spec } = objectOf(render({ timeout: Duration.hours(2) }), 'CronJob', 'drill');
  expect(spec).toMatchObject({ schedule: '40 5 * * 0', timeZone: 'Etc/UTC', suspend: false, concurrencyPolicy: 'Forbid' });
  expect(spec.jobTemplate.spec.activeDeadlineSeconds).toBeGreaterThan(7200);
  expect(objectOf(render({ when: Cron.schedule({ minute: '0', hour: '4' }), timeZone: 'Europe/Berlin', suspend: true }), 'CronJob', 'drill').spec)
    .toMatchObject({ schedule: '0 4 * * *', timeZone: 'Europe/Berlin', suspend: true });
});

describe('the pod that looks at the data', () => {
  test('is kept from acting as production', () => {
    const { spec } = configured().pod;
    expect(spec).toMatchObject({ automountServiceAccountToken: false, dnsPolicy: 'None', restartPolicy: 'Never' });
    expect(spec.containers[0].args).toEqual(expect.arrayContaining(['archive_mode=off', 'unix_socket_directories=/drill']));
    expect(objectOf(render(), 'NetworkPolicy').spec).toEqual({ podSelector: { matchLabels: { 'cdk8s-volume-snapshots/drill': 'drill' } }, policyTypes: ['Egress', 'Ingress'] });
  });

  test('gives the data to the server, and the check a way to ask it and its password', () => {
    const { containers: [server, asks], volumes } = configured().pod.spec;
    expect(server.volumeMounts).toEqual([{ name: 'data', mountPath: '/data' }, { name: 'drill', mountPath: '/drill' }]);
    expect(asks).toMatchObject({ volumeMounts: [{ name: 'drill', mountPath: '/drill' }], env: CONTAINER.env, terminationMessagePolicy: 'FallbackToLogsOnError' });
    expect([asks.readinessProbe, asks.args, volumes]).toEqual([undefined, undefined, [{ name: 'drill', emptyDir: {} }]]);
  });

  test('gives the data to a check that needs no server', () => {
    const command = ['sh', '-c', 'test -s /data/index'];
    const { containers } = configured({ check: DrillCheck.command({ command }) }).pod.spec;
    expect(containers).toEqual([{ name: 'check', image: 'postgres:15', env: CONTAINER.env, command, volumeMounts: CONTAINER.volumeMounts, terminationMessagePolicy: 'FallbackToLogsOnError' }]);
  });

  test('is told apart from a server that is called check', () => {
    expect(configured({}, { name: 'check' }).pod.spec.containers.map(({ name }: any) => name)).toEqual(['server', 'check']);
  });

  test('is started by another command where the container runs a shell', () => {
    const shell = { command: ['sh'], args: ['-c', 'exec postgres'] };
    expect(() => configured({}, shell)).toThrow("'command': container 'postgres' runs a shell");
    expect(configured({ command: ['docker-entrypoint.sh', 'postgres'] }, shell).pod.spec.containers[0].command).toEqual(['docker-entrypoint.sh', 'postgres']);
  });
});

test('the claims are those of the first replica, or those that are named', () => {
  expect(configured({}, {}, { ordinals: { start: 2 } }).volumes).toEqual({ data: 'data-postgres-2' });
  expect(configured({ claims: { data: 'data-postgres-1' } }).volumes).toEqual({ data: 'data-postgres-1' });
});

test('a schedule of another app is known by its id', () => {
  expect(configured({ schedule: undefined, scheduleId: 'hourly', consistentOnly: true, storageClassName: 'gp3', maxAge: Duration.days(2) }))
    .toMatchObject({ scheduleId: 'hourly', consistentOnly: true, storageClassName: 'gp3', maxAgeSeconds: 172_800 });
});

test.each<[string, Partial<RestoreDrillProps>, string]>([
  ['no schedule', { schedule: undefined }, "'schedule': nothing says whose snapshots are restored"],
  ['a schedule twice', { scheduleId: 'hourly' }, "'scheduleId': the schedule is given twice"],
  ['no check', { check: undefined }, "'check': not a DrillCheck"],
  ['a volume that is not there', { claims: { wal: 'wal' } }, "'claims.wal': the workload has no such volume"],
  ['a container that is not there', { container: 'db' }, "'container': the workload has no such container"],
  ['a name too long for its pods', { metadata: { name: 'd'.repeat(51) } }, "'metadata.name'"],
  ['an expression that is none', { when: Cron.schedule({ minute: '99' }) }, "'when'"],
  ['a zone that is none', { timeZone: 'Berlin' }, "'timeZone'"],
  ['no age', { maxAge: Duration.seconds(1) }, "'maxAge': out of range"],
  ['no time', { timeout: Duration.seconds(1) }, "'timeout': out of range"],
  ['a misspelt prop', { maxage: Duration.days(1) } as object, 'did you mean maxAge?'],
])('%s is refused', (_, props, message) => {
  expect(() => render(props).toJson()).toThrow(message);
});

describe('a drill that could never pass', () => {
  const weekly = (props: Partial<RestoreDrillProps>, quiesce?: Quiesce) => {
    const chart = newChart();
    const workload = statefulSet(chart, { template: { spec: { containers: [CONTAINER] } } });
    const saved = schedule(chart, { metadata: { name: 'weekly' }, source: SnapshotSource.fromStatefulSet(workload), schedule: Cron.weekly(), quiesce });
    return new RestoreDrill(chart, 'Drill', { schedule: saved, workload, check, ...props });
  };
  const WEDNESDAY = Cron.schedule({ weekDay: '3', hour: '5', minute: '0' });

  test('is an error, since each snapshot is too old when it starts', () => {
    expect(() => weekly({ when: WEDNESDAY })).toThrow(
      "[test/Drill] 'maxAge': no drill could pass, since the newest snapshot is always older when it starts, got 'Duration.hours(26)'; "
      + "allowed more than Duration.hours(77); raise it, or move 'when' behind a run of the schedule",
    );
    expect(() => weekly({ when: WEDNESDAY, maxAge: Duration.days(4) })).not.toThrow();
    expect(() => weekly({ when: Cron.schedule({ weekDay: '0', hour: '5', minute: '0' }) })).not.toThrow();
  });

  test('is told from one that may, where clocks or intervals are not known', () => {
    expect(() => weekly({ when: Cron.schedule({ weekDay: '1', hour: '5', minute: '0' }), timeZone: 'Asia/Tokyo' })).not.toThrow();
    expect(() => weekly({ when: Cron.schedule({ minute: '@every 30h', hour: '', day: '', month: '', weekDay: '' }) })).not.toThrow();
  });

  test('is an error, since it wants consistent snapshots and the schedule holds nothing', () => {
    const SUNDAY = Cron.schedule({ weekDay: '0', hour: '5', minute: '0' });
    expect(() => weekly({ when: SUNDAY, consistentOnly: true })).toThrow("'consistentOnly': the schedule holds no application, so that none of its snapshots would do");
    expect(() => weekly({ when: SUNDAY, consistentOnly: true }, Quiesce.postgreSql())).not.toThrow();
  });
});

test('a workload without a volume is refused, since there is nothing to look at', () => {
  expect(() => configured({}, { volumeMounts: [] })).toThrow("'claims': the container mounts no volume of a claim, so there is nothing to look at");
});

describe('in a namespace of its own', () => {
  /** A drill in `drills` of what a schedule takes in `db`. */
  function elsewhere(props: Partial<RestoreDrillProps> = {}, namespace = 'drills') {
    const [here, there] = [newChart({ namespace }), newChart()];
    const workload = statefulSet(there, { template: { spec: { containers: [CONTAINER] } } });
    const nightly = schedule(there, { metadata: { name: 'nightly' }, source: SnapshotSource.fromStatefulSet(workload) });
    const drill = new RestoreDrill(here, 'Drill', { metadata: { name: 'drill' }, schedule: nightly, workload, check, ...props });
    return { chart: here, drill };
  }

  test('it reads the snapshots of the schedule, and all that it makes is there', () => {
    const { chart, drill } = elsewhere();
    expect([drill.namespace, drill.sourceNamespace]).toEqual(['drills', 'db']);
    expect(configOf(chart, 'drill')).toMatchObject({ scheduleId: 'nightly', sourceNamespace: 'db', volumes: { data: 'data-postgres-0' } });
    expect(parseConfig(JSON.stringify(configOf(chart, 'drill')))).toEqual(configOf(chart, 'drill'));
    expect(['CronJob', 'ServiceAccount', 'NetworkPolicy'].map(kind => objectOf(chart, kind).metadata.namespace)).toEqual(['drills', 'drills', 'drills']);
  });

  test('it may read and mark snapshots of production, and make second objects of them in its namespace alone', () => {
    const { chart } = elsewhere();
    const rights = (role: any) => Object.fromEntries(role.rules.map(({ resources: [resource], verbs }: any) => [resource, verbs.join(' ')]));
    expect(rights(objectOf(chart, 'Role', 'drill'))).toEqual({
      volumesnapshots: 'create delete list', persistentvolumeclaims: 'create delete list', pods: 'create delete get list', events: 'list',
    });
    const source = objectOf(chart, 'Role', 'drill.drills');
    expect([source.metadata.namespace, rights(source)]).toEqual(['db', { volumesnapshots: 'list patch', events: 'create' }]);
    expect(rights(objectOf(chart, 'ClusterRole', 'drill.drills'))).toEqual({ volumesnapshotcontents: 'create delete get', namespaces: 'get' });
    for (const kind of ['RoleBinding', 'ClusterRoleBinding']) {
      expect(objectOf(chart, kind, 'drill.drills').subjects).toEqual([{ kind: 'ServiceAccount', name: 'drill', namespace: 'drills' }]);
    }
    const { spec } = objectOf(chart, 'ValidatingAdmissionPolicy', 'drill.drills');
    expect(spec.matchConditions[0].expression).toBe("request.userInfo.username == 'system:serviceaccount:drills:drill'");
    expect(spec.validations.map(({ expression }: any) => expression)).toEqual([
      expect.stringContaining("spec.deletionPolicy == 'Retain' && object.spec.volumeSnapshotRef.namespace in [\"drills\"]"),
      expect.stringContaining("oldObject.spec.deletionPolicy == 'Retain'"),
    ]);
    expect(objectOf(chart, 'ValidatingAdmissionPolicyBinding', 'drill.drills').spec).toEqual({ policyName: 'drill.drills', validationActions: ['Deny'] });
  });

  test('a schedule that is defined elsewhere is named with its namespace', () => {
    expect(configOf(elsewhere({ schedule: undefined, scheduleId: 'hourly', sourceNamespace: 'shop' }).chart, 'drill')).toMatchObject({ scheduleId: 'hourly', sourceNamespace: 'shop' });
  });

  test('its own namespace named as the source changes nothing', () => {
    const props = { schedule: undefined, scheduleId: 'nightly' };
    expect(render({ ...props, sourceNamespace: 'db' }).toJson()).toEqual(render(props).toJson());
  });

  test.each<[string, Partial<RestoreDrillProps>, string, string]>([
    ['the namespace of a schedule that is given', { sourceNamespace: 'db' }, 'drills', "'sourceNamespace': it is that of the schedule"],
    ['a namespace that is none', { schedule: undefined, scheduleId: 'x', sourceNamespace: 'No' }, 'drills', "'sourceNamespace'"],
    ['an id too long for a label', {}, 'd'.repeat(58), "'metadata.name': too long together with the namespace"],
  ])('%s is refused', (_, props, namespace, message) => {
    expect(() => elsewhere(props, namespace)).toThrow(message);
  });
});

describe('a check', () => {
  test.each<[string, () => DrillCheck, string]>([
    ['without a limit', () => DrillCheck.postgreSql({ query: 'SELECT 1' }), "'atLeast': a check that takes any answer cannot fail"],
    ['without a query', () => DrillCheck.mariaDb({ query: '', atLeast: 1 }), "[DrillCheck.mariaDb] 'query'"],
    ['with limits that exclude each other', () => DrillCheck.mySql({ query: 'SELECT 1', atLeast: 2, atMost: 1 }), "'atMost': less than atLeast, got 1; allowed 2 or more"],
    ['with a limit that is none', () => DrillCheck.redis({ atLeast: NaN }), "'atLeast': not a number"],
    ['without a command', () => DrillCheck.command({ command: [] }), "'command': nothing would be checked"],
    ['with a misspelt option', () => DrillCheck.postgreSql({ query: 'x', atleast: 1 } as never), 'did you mean atLeast?'],
  ])('%s is refused', (_, make, message) => {
    expect(make).toThrow(message);
  });

  test('of your own may have the server beside it', () => {
    const { containers } = configured({ check: DrillCheck.command({ command: ['check.sh'], server: RecoveryPreset.postgreSql() }) }).pod.spec;
    expect(containers.map(({ name }: any) => name)).toEqual(['postgres', 'check']);
  });
});
