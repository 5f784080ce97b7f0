import { ApiObject, App, Chart, Cron, Duration, JsonPatch, Yaml } from 'cdk8s';
import { newChart, objectOf, schedule, statefulSet } from './manifests';
import {
  CsiDriver, DeletionPolicy, DrillCheck, GroupSnapshotClass, JobTrigger, PreUpgradeSnapshot, Quiesce, RestoreDrill, RetentionPolicy, Snapshot,
  SnapshotClass, SnapshotClone, SnapshotOrphans, SnapshotQuota, SnapshotQuotaProps, SnapshotSource,
} from '../src';
import { requireCron } from '../src/private/cron';
import { mostNeeded, mostNeededAnywhere } from '../src/private/driver-limits';

// a year of runs is simulated for each policy
jest.setTimeout(60_000);

const RESOURCE = 'count/volumesnapshots.snapshot.storage.k8s.io';
const keepLast = RetentionPolicy.keepLast;

/** A chart with a quota and what a test is about. */
function chartWith(fill: (chart: Chart) => void, props: SnapshotQuotaProps = {}, chart = newChart()): Chart {
  fill(chart);
  new SnapshotQuota(chart, 'Quota', props);
  return chart;
}

const quotaIn = (chart: Chart) => objectOf(chart, 'ResourceQuota');
const hardIn = (chart: Chart) => Number(quotaIn(chart).spec.hard[RESOURCE]);

/** Of what is counted, without room for anything else. */
const counted = (fill: (chart: Chart) => void, props: SnapshotQuotaProps = {}) => hardIn(chartWith(fill, { headroom: 0, ...props }));

function errorsOf(chart: Chart): string[] {
  try {
    chart.toJson();
    return [];
  } catch (error) {
    return (error as Error).message.split('\n  ').slice(1).map(line => line.replace(/^\[[^\]]*\] /, ''));
  }
}

test('a quota says how many, and what the number is made of', () => {
  const chart = chartWith(c => schedule(c, { metadata: { name: 'nightly' }, source: SnapshotSource.fromStatefulSet(statefulSet(c)), retention: keepLast(7) }));
  expect(Yaml.stringify(quotaIn(chart))).toMatchInlineSnapshot(`
"apiVersion: v1
kind: ResourceQuota
metadata:
  annotations:
    cdk8s-volume-snapshots/counted: "CronJob db/nightly: 2 of at most 11; headroom 5"
  name: test-quota-c8d26f51
  namespace: db
spec:
  hard:
    count/volumesnapshots.snapshot.storage.k8s.io: "27"
"
`);
});

describe('a schedule has room for', () => {
  test('all that it keeps of each claim, those that the storage still owes, and one more', () => {
    expect(counted(chart => schedule(chart, { retention: keepLast(5) }))).toBe(5 + 3 + 1);
    expect(counted(chart => schedule(chart, { retention: keepLast(5), maxNotReady: 1 }))).toBe(5 + 1 + 1);
    expect(counted(chart => schedule(chart, { retention: keepLast(5), source: SnapshotSource.fromStatefulSet(statefulSet(chart)) }))).toBe(2 * 9);
  });

  test('what is crash-consistent beside what is not, and for each attempt to hold the application', () => {
    expect(counted(chart => schedule(chart, { retention: keepLast(5), quiesce: Quiesce.mariaDb({ attempts: 3 }) }))).toBe(2 * 5 + 3 + 3);
  });

  test('the snapshots of each claim of a group', () => {
    expect(counted(chart => schedule(chart, {
      retention: keepLast(2),
      source: SnapshotSource.fromStatefulSet(statefulSet(chart)),
      groupSnapshotClass: new GroupSnapshotClass(chart, 'Groups', { driver: CsiDriver.of('hostpath.csi.k8s.io'), deletionPolicy: DeletionPolicy.DELETE }),
    }))).toBe(2 * (2 + 3 + 1));
  });

  test('its snapshots while it is suspended, since they stay', () => {
    expect(counted(chart => schedule(chart, { retention: keepLast(5), suspend: true }))).toBe(9);
  });

  test('a claim once that two sources name', () => {
    expect(counted(chart => schedule(chart, { retention: keepLast(5) }).addSource(SnapshotSource.fromClaimName('data')))).toBe(9);
  });

  test('as many as a preview says, or a few more: a manifest does not depend on what a machine knows of clocks', () => {
    const rules = { keepForSeconds: 7 * 86_400, daily: 14, weekly: 8, monthly: 14, minimumReady: 3 };
    for (const expression of ['15 3 * * *', '15 */6 * * *', '0 9,10 * * 1-5']) {
      const cron = requireCron('test', 'schedule', expression);
      expect(mostNeededAnywhere(rules, cron)).toBe(mostNeeded(rules, cron));
      for (const timeZone of ['Europe/Berlin', 'Australia/Lord_Howe']) {
        const there = mostNeeded({ ...rules, timeZone }, cron);
        const anywhere = mostNeededAnywhere({ ...rules, timeZone }, cron);
        expect(anywhere).toBeGreaterThanOrEqual(there);
        expect(anywhere).toBeLessThanOrEqual(there + 4);
      }
    }
  });
});

test('all that takes snapshots in the namespace is counted, and nothing of another one', () => {
  const text = quotaIn(chartWith(chart => {
    schedule(chart, { metadata: { name: 'nightly' }, retention: keepLast(5) });
    schedule(chart, { metadata: { name: 'hourly' }, retention: keepLast(2) }, 'Hourly');
    schedule(chart, { metadata: { name: 'other', namespace: 'other' } }, 'Other');
    new Snapshot(chart, 'Once', { source: SnapshotSource.fromClaimName('data') });
    new Snapshot(chart, 'Twice', { source: SnapshotSource.fromClaimName('data') });
    new Snapshot(chart, 'Elsewhere', { metadata: { namespace: 'other' }, source: SnapshotSource.fromClaimName('data') });
  })).metadata.annotations['cdk8s-volume-snapshots/counted'];
  expect(text.split('; ')).toEqual([
    'CronJob db/hourly: 1 of at most 6', 'CronJob db/nightly: 1 of at most 9', 'VolumeSnapshots in the manifests: 2', 'headroom 5',
  ]);
});

describe('a snapshot before upgrades', () => {
  const gate = (chart: Chart, retention?: RetentionPolicy, namespaces?: string[]) => new PreUpgradeSnapshot(chart, 'Before', {
    metadata: { name: 'upgrade' }, source: SnapshotSource.fromClaimName('data'), trigger: JobTrigger.argoCd(), retention, namespaces,
  });

  test('is counted by number, in each of its namespaces', () => {
    expect(counted(chart => gate(chart, keepLast(5)))).toBe(9);
    expect(counted(chart => gate(chart, keepLast(5), ['db', 'shop']))).toBe(9);
    expect(errorsOf(chartWith(chart => gate(chart, keepLast(5), ['shop'])))).toEqual([expect.stringContaining("nothing below it takes snapshots in namespace 'db'")]);
  });

  test('that keeps its snapshots by age, as unless told otherwise, must be told how many upgrades there are', () => {
    expect(errorsOf(chartWith(chart => gate(chart)))).toEqual([
      "[test/Quota] 'snapshotsOfClaim': Job db/upgrade keeps its snapshots by age, and how many that are depends on how often it is started, got undefined; "
      + "allowed the most of a claim that there will be; write snapshotsOfClaim: { 'upgrade': … }, or keep them by number alone",
    ]);
    expect(counted(chart => gate(chart), { snapshotsOfClaim: { upgrade: 12 } })).toBe(12);
  });
});

test('a drill in a namespace of its own is counted there, and one beside its snapshots takes none', () => {
  const drill = (chart: Chart) => {
    const container = { name: 'postgres', image: 'postgres:15', readinessProbe: { exec: { command: ['pg_isready'] } }, volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    const production = chart.namespace === 'db' ? chart : newChart();
    const workload = statefulSet(production, { template: { spec: { containers: [container] } } });
    const nightly = schedule(production, { metadata: { name: 'nightly' }, retention: keepLast(5), source: SnapshotSource.fromStatefulSet(workload) });
    new RestoreDrill(chart, 'Drill', { metadata: { name: 'drill' }, schedule: nightly, workload, check: DrillCheck.postgreSql({ query: 'SELECT 1', atLeast: 1 }) });
  };
  expect(hardIn(chartWith(drill, { headroom: 0 }, newChart({ namespace: 'drills' })))).toBe(1);
  expect(counted(drill)).toBe(2 * 9);
});

test('a clone is counted where its claims are, a generation more than it keeps, and where it masks', () => {
  const clone = (namespace: string, masked: boolean) => {
    const app = new App();
    const charts = ['platform', 'staging'].map(name => new Chart(app, name, { namespace: name }));
    const nightly = schedule(newChart(), { metadata: { name: 'nightly' }, source: SnapshotSource.fromStatefulSetName('pg', { templates: ['data'], replicas: 3 }) });
    new SnapshotClone(charts[0], 'Clone', {
      metadata: { name: 'staging' },
      schedule: nightly,
      targetNamespace: 'staging',
      keep: 2,
      masking: masked ? {
        mask: { image: 'postgres:15', command: ['true'] },
        check: { image: 'busybox:1.36' },
        snapshotClass: SnapshotClass.fromSnapshotClassName(charts[0], 'Masked', 'masked', { deletionPolicy: DeletionPolicy.DELETE }),
      } : undefined,
    });
    const chart = charts.find(({ namespace: own }) => own === namespace) as Chart;
    new SnapshotQuota(chart, 'Quota', { schedulesIn: app, headroom: 0 });
    return chart;
  };
  expect(hardIn(clone('staging', false))).toBe(3 * 3);
  expect(hardIn(clone('platform', true))).toBe(3 * 4);
  expect(errorsOf(clone('platform', false))).toEqual([expect.stringContaining("nothing below it takes snapshots in namespace 'platform'")]);
});

describe('headroom', () => {
  test('is a tenth of what is counted, and at least five', () => {
    expect(hardIn(chartWith(chart => schedule(chart, { retention: keepLast(5) })))).toBe(9 + 5);
    expect(hardIn(chartWith(chart => schedule(chart, { retention: keepLast(97) })))).toBe(101 + 11);
  });

  test('is as large as somebody says', () => {
    expect(hardIn(chartWith(chart => schedule(chart, { retention: keepLast(5) }), { headroom: 20 }))).toBe(29);
  });
});

describe('a number that is not known at synth', () => {
  const labelled = (chart: Chart) => { schedule(chart, { metadata: { name: 'nightly' }, retention: keepLast(5), source: SnapshotSource.fromSelector({ backup: 'nightly' }) }); };
  const autoscaled = (chart: Chart) => {
    schedule(chart, { metadata: { name: 'nightly' }, retention: keepLast(5), source: SnapshotSource.fromStatefulSetName('pg', { templates: ['data'] }) });
  };

  test('is asked for', () => {
    for (const fill of [labelled, autoscaled]) {
      expect(errorsOf(chartWith(fill))).toEqual([
        "[test/Quota] 'claims': how many claims CronJob db/nightly covers is only known when it runs, got undefined; allowed the most that there will be; "
        + "write claims: { 'nightly': … }, or maximum",
      ]);
    }
  });

  test('can be given', () => {
    expect(counted(labelled, { claims: { nightly: 8 } })).toBe(8 * 9);
    expect(counted(autoscaled, { claims: { nightly: 8 } })).toBe(8 * 9);
  });

  test('is left to who names the maximum', () => {
    expect(hardIn(chartWith(labelled, { maximum: 500 }))).toBe(500);
  });
});

describe('a maximum', () => {
  const two = (chart: Chart) => { schedule(chart, { metadata: { name: 'nightly' }, retention: keepLast(5), source: SnapshotSource.fromStatefulSet(statefulSet(chart)) }); };

  test('that is large enough is taken as it is', () => {
    expect(hardIn(chartWith(two, { maximum: 18 }))).toBe(18);
    expect(quotaIn(chartWith(two, { maximum: 18 })).metadata.annotations).toEqual({ 'cdk8s-volume-snapshots/counted': 'CronJob db/nightly: 2 of at most 9' });
  });

  test('that would stop a schedule one night is refused, with what would be enough', () => {
    expect(errorsOf(chartWith(two, { maximum: 17 }))).toEqual([
      "[test/Quota] 'maximum': the schedules of namespace 'db' come to more, and would fail one night (CronJob db/nightly: 2 of at most 9), got 17; "
      + 'allowed at least 18; raise it, or keep fewer',
    ]);
    expect(errorsOf(chartWith(two, { maximum: 20, headroom: 3 }))).toHaveLength(1);
  });

  test('may stand where nothing takes snapshots', () => {
    expect(hardIn(chartWith(() => undefined, { maximum: 10 }))).toBe(10);
  });
});

describe('synth fails when', () => {
  test('a schedule of the namespace is elsewhere in the app, and nobody says whether it counts', () => {
    const build = (props: (app: App, chart: Chart) => SnapshotQuotaProps) => {
      const app = new App();
      const [first, second] = ['first', 'second'].map(id => new Chart(app, id, { namespace: 'db' }));
      schedule(first, { retention: keepLast(5) });
      schedule(second, { retention: keepLast(5) });
      new SnapshotQuota(first, 'Quota', { headroom: 0, ...props(app, first) });
      return first;
    };
    expect(errorsOf(build(() => ({})))).toEqual([
      "[first/Quota] 'schedulesIn': what is defined at second/Nightly brings snapshots into the same namespace, and is not counted, got 'first'; allowed a "
      + "construct with all that takes snapshots in namespace 'db' of one cluster below it; pass the app, or, if that goes to another cluster, the chart of this one",
    ]);
    expect(hardIn(build(app => ({ schedulesIn: app })))).toBe(18);
    expect(hardIn(build((_, chart) => ({ schedulesIn: chart })))).toBe(9);
  });

  test('a clone or a drill of the namespace is elsewhere in the app', () => {
    const build = (fill: (chart: Chart) => void) => {
      const app = new App();
      const [first, second] = ['first', 'second'].map(id => new Chart(app, id, { namespace: id }));
      schedule(first);
      new SnapshotQuota(first, 'Quota');
      fill(second);
      return errorsOf(first);
    };
    const from = { scheduleId: 'nightly', sourceNamespace: 'db' };
    const clone = (chart: Chart, targetNamespace: string) => new SnapshotClone(chart, 'Clone', { ...from, source: SnapshotSource.fromClaimName('data'), targetNamespace });
    expect(build(chart => { clone(chart, 'first'); })).toEqual([expect.stringContaining("'schedulesIn': what is defined at second/Clone brings snapshots into the same namespace")]);
    expect(build(chart => { clone(chart, 'third'); })).toEqual([]);
    const drill = (chart: Chart, namespace: string) => new RestoreDrill(chart, 'Drill', {
      ...from, metadata: { namespace }, workload: statefulSet(chart, { template: { spec: { containers: [{ name: 'db', image: 'db', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] } } }), check: DrillCheck.command({ command: ['true'] }),
    });
    expect(build(chart => { drill(chart, 'first'); })).toEqual([expect.stringContaining('what is defined at second/Drill')]);
    expect(build(chart => { drill(chart, 'second'); })).toEqual([]);
  });

  test('but not for what takes none, such as a search for orphans', () => {
    const app = new App();
    const [first, second] = ['first', 'second'].map(id => new Chart(app, id, { namespace: 'db' }));
    schedule(first, { retention: keepLast(5) });
    new SnapshotOrphans(second, 'Orphans', { schedule: Cron.daily() });
    new SnapshotQuota(first, 'Quota');
    expect(errorsOf(first)).toEqual([]);
  });

  test('there is nothing to count', () => {
    expect(errorsOf(chartWith(() => undefined))).toEqual([expect.stringContaining("[test/Quota] 'schedulesIn': nothing below it takes snapshots in namespace 'db'")]);
  });

  test('a number is given for nothing, or is less than what is known', () => {
    const fill = (chart: Chart) => { schedule(chart, { metadata: { name: 'nightly' }, source: SnapshotSource.fromStatefulSet(statefulSet(chart)) }); };
    expect(errorsOf(chartWith(fill, { claims: { nigthly: 3 } }))).toEqual([
      "[test/Quota] 'claims': nothing that is counted is called so, got 'nigthly'; allowed nightly; correct the name, or take it out",
    ]);
    expect(errorsOf(chartWith(fill, { snapshotsOfClaim: { before: 3 } }))).toEqual([expect.stringContaining("'snapshotsOfClaim': nothing that is counted")]);
    expect(errorsOf(chartWith(fill, { claims: { nightly: 1 } }))).toEqual([
      "[test/Quota] 'claims': CronJob db/nightly names more claims, got 1; allowed at least 2 for 'nightly'; correct the number, or take it out",
    ]);
  });
});

test('more claims than are named may be counted, such as those of replicas to come', () => {
  expect(counted(chart => schedule(chart, { metadata: { name: 'nightly' }, retention: keepLast(5) }), { claims: { nightly: 3 } })).toBe(27);
});

test('what is patched is counted as it is rendered', () => {
  const patched = (patch: JsonPatch) => counted(chart => {
    const before = new PreUpgradeSnapshot(chart, 'Before', {
      metadata: { name: 'upgrade' }, source: SnapshotSource.fromClaimName('data'), trigger: JobTrigger.argoCd(), retention: keepLast(5),
    });
    ApiObject.of(before).addJsonPatch(patch);
    schedule(chart, { retention: keepLast(2) });
  });
  expect(patched(JsonPatch.remove('/spec/template/spec/containers/0/env'))).toBe(6);
  expect(patched(JsonPatch.replace('/spec/template/spec/containers/0/env/0/value', '{}'))).toBe(6);
});

test.each<[string, SnapshotQuotaProps]>([
  ["'maximum': out of range", { maximum: 0 }],
  ["'headroom': out of range", { headroom: -1 }],
  ["'claims.nightly': out of range", { claims: { nightly: 1.5 } }],
  ["'snapshotsOfClaim': not a map", { snapshotsOfClaim: [3] as any }],
  ["'claims': not a map, got null", { claims: null as any }],
  ["'schedulesIn': not a construct", { schedulesIn: 'app' as any }],
  ["'maximun': no such prop", { maximun: 3 } as any],
])('throws %s', (problem, props) => {
  expect(() => new SnapshotQuota(newChart(), 'Quota', props)).toThrow(problem);
});

test('throws without a namespace', () => {
  expect(() => new SnapshotQuota(newChart({}), 'Quota')).toThrow("'metadata.namespace': a quota is one of a namespace, and none is known");
});

test('name, labels and annotations are those that are given, and patches come last', () => {
  const chart = newChart();
  schedule(chart, { retention: RetentionPolicy.keepFor(Duration.days(7)) });
  const quota = new SnapshotQuota(chart, 'Quota', { metadata: { name: 'snapshots', labels: { team: 'storage' }, annotations: { why: 'loops' } } });
  ApiObject.of(quota).addJsonPatch(JsonPatch.add('/spec/hard/persistentvolumeclaims', '10'));
  expect([quota.name, quota.namespace]).toEqual(['snapshots', 'db']);
  expect(quotaIn(chart)).toMatchObject({
    metadata: { name: 'snapshots', labels: { team: 'storage' }, annotations: { 'why': 'loops', 'cdk8s-volume-snapshots/counted': expect.any(String) } },
    spec: { hard: { persistentvolumeclaims: '10', [RESOURCE]: expect.any(String) } },
  });
});
