import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';
import { ApiObject, App, Chart, Cron, Duration, Include, JsonPatch, Size, Yaml } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { newChart, schedule, statefulSet } from './manifests';
import {
  CsiDriver, DeletionPolicy, DrillCheck, GroupSnapshotClass, Quiesce, QuiesceFailure, QuiesceOn, RestoreDrill, RestoreDrillProps, RestoredPvc,
  RestorePurpose, RetentionPolicy, SnapshotCoverage, SnapshotCoverageProps, SnapshotRef, SnapshotSource, WhenUncovered,
} from '../src';

// a year of runs is simulated for each policy
jest.setTimeout(60_000);

const UNSCHEDULED = 'cdk8s-volume-snapshots/unscheduled';

/** A PersistentVolumeClaim called `data` unless told otherwise. */
function claim(scope: Construct, name = 'data', metadata: object = {}): ApiObject {
  return new ApiObject(scope, `claim-${name}`, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, ...metadata } });
}

/** The messages of synth, without the path of the construct that cdk8s puts before them. */
function errorsOf(chart: Chart): string[] {
  try {
    chart.toJson();
    return [];
  } catch (error) {
    return (error as Error).message.split('\n  ').slice(1).map(line => line.replace(/^\[[^\]]*\] /, ''));
  }
}

/** Which claims are not protected, such as "PersistentVolumeClaim db/data", and why. */
function uncovered(chart: Chart): string[] {
  return errorsOf(chart).map(line => line.replace(/^\[.*?\] '(.*?)': (.*), got '(.*), at .*?'; allowed .*$/, '$3: $2'));
}

/** A chart whose coverage is looked at, with what a test is about. */
function chartWith(fill: (chart: Chart) => void, props: SnapshotCoverageProps = {}): Chart {
  const chart = newChart();
  new SnapshotCoverage(chart, 'Coverage', props);
  fill(chart);
  return chart;
}

const rowsOf = (coverage: SnapshotCoverage) => JSON.parse(coverage.report()).claims;
const statesOf = (coverage: SnapshotCoverage) => rowsOf(coverage).map(({ claims, state }: any) => `${claims.join(' ')}: ${state}`);
const from = SnapshotSource;

test('synth fails if a claim has no schedule, and says what to write', () => {
  expect(errorsOf(chartWith(chart => claim(chart)))).toEqual([
    "[test/Coverage] 'whenUncovered': no schedule covers it, got 'PersistentVolumeClaim db/data, at test/claim-data'; allowed a claim that a schedule of its "
    + "namespace covers, or that is exempt for a reason; add it to the source of a schedule in namespace 'db', or say why not in the annotation "
    + 'cdk8s-volume-snapshots/unscheduled of the claim, or with exempt()',
  ]);
});

test('synth fails for all of them at once, templates of StatefulSets included', () => {
  expect(uncovered(chartWith(chart => {
    claim(chart, 'b');
    claim(chart, 'a');
    statefulSet(chart, { volumeClaimTemplates: [{ metadata: { name: 'data' } }, { metadata: { name: 'wal' } }] });
  }))).toEqual([
    'PersistentVolumeClaim db/a: no schedule covers it',
    'PersistentVolumeClaim db/b: no schedule covers it',
    "StatefulSet db/postgres, template 'data' (data-postgres-0, data-postgres-1): no schedule covers it",
    "StatefulSet db/postgres, template 'wal' (wal-postgres-0, wal-postgres-1): no schedule covers it",
  ]);
});

test('nothing is said, and nothing rendered, if all are covered; whatever is defined first', () => {
  const chart = chartWith(c => {
    claim(c);
    schedule(c);
  });
  const plain = newChart();
  claim(plain);
  schedule(plain);
  expect(chart.toJson()).toEqual(plain.toJson());
});

describe('a claim is covered', () => {
  const coveredBy = (source: (chart: Chart) => SnapshotSource, fill: (chart: Chart) => void) => uncovered(chartWith(chart => {
    fill(chart);
    schedule(chart, { source: source(chart) });
  }));

  test('by its construct, of any kind', () => {
    const chart = newChart();
    new SnapshotCoverage(chart, 'Coverage');
    schedule(chart, { source: from.fromClaim(new kplus.PersistentVolumeClaim(chart, 'Data', { storage: Size.gibibytes(1) })) });
    expect(errorsOf(chart)).toEqual([]);
  });

  test('by labels that it has, those of its StatefulSet\'s selector among them, as the controller labels it', () => {
    expect(coveredBy(() => from.fromSelector({ tier: 'db' }), chart => claim(chart, 'data', { labels: { tier: 'db' } }))).toEqual([]);
    expect(coveredBy(() => from.fromSelector({ tier: 'db' }), chart => claim(chart))).toHaveLength(1);
    expect(coveredBy(() => from.fromSelector({ app: 'pg' }), chart => statefulSet(chart, { selector: { matchLabels: { app: 'pg' } } }))).toEqual([]);
    expect(coveredBy(() => from.fromSelector({ app: 'pg' }), chart =>
      statefulSet(chart, { volumeClaimTemplates: [{ metadata: { name: 'data', labels: { app: 'pg' } } }] }))).toEqual([]);
    expect(coveredBy(() => from.everyClaim(), chart => claim(chart))).toEqual([]);
  });

  test('by a schedule of groups', () => {
    expect(uncovered(chartWith(chart => {
      claim(chart);
      const groups = new GroupSnapshotClass(chart, 'Groups', { driver: CsiDriver.of('hostpath.csi.k8s.io'), deletionPolicy: DeletionPolicy.DELETE });
      schedule(chart, { groupSnapshotClass: groups });
    }))).toEqual([]);
  });

  test('by a dry run, which takes snapshots and prunes none', () => {
    expect(uncovered(chartWith(chart => {
      claim(chart);
      schedule(chart, { dryRun: true });
    }))).toEqual([]);
  });

  test('that comes from a file of others', () => {
    const directory = mkdtempSync(join(tmpdir(), 'coverage-'));
    try {
      const file = join(directory, 'others.yaml');
      const object = (metadata: object) => ({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata });
      Yaml.save(file, [object({ name: 'a' }), { apiVersion: 'v1', kind: 'List', metadata: { name: 'more' }, items: [object({ name: 'b', namespace: 'db' })] }]);
      expect(coveredBy(() => from.fromClaimName('a'), chart => new Include(chart, 'Others', { url: file }))).toEqual(['PersistentVolumeClaim db/b: no schedule covers it']);
      expect(coveredBy(() => from.everyClaim(), chart => new Include(chart, 'Others', { url: file }))).toEqual([]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test('by a source that was added to the schedule later', () => {
    const chart = chartWith(c => claim(c, 'late'));
    schedule(chart).addSource(from.fromClaimName('late'));
    expect(errorsOf(chart)).toEqual([]);
  });
});

describe('a claim is not covered', () => {
  test('by a suspended schedule, also if it was suspended by a patch', () => {
    const message = 'PersistentVolumeClaim db/data: nothing covers it but CronJob db/nightly, which is suspended';
    expect(uncovered(chartWith(chart => {
      claim(chart);
      schedule(chart, { metadata: { name: 'nightly' }, suspend: true });
    }))).toEqual([message]);
    expect(uncovered(chartWith(chart => {
      claim(chart);
      ApiObject.of(schedule(chart, { metadata: { name: 'nightly' } })).addJsonPatch(JsonPatch.add('/spec/suspend', true));
    }))).toEqual([message]);
  });

  test('by a schedule of another namespace', () => {
    expect(uncovered(chartWith(chart => {
      claim(chart);
      schedule(chart, { metadata: { namespace: 'other' } });
    }))).toEqual(['PersistentVolumeClaim db/data: no schedule covers it']);
  });

  test('if its own namespace is not known', () => {
    const chart = newChart({});
    new SnapshotCoverage(chart, 'Coverage');
    claim(chart);
    schedule(chart, { metadata: { namespace: 'db' } });
    expect(uncovered(chart)).toEqual(['PersistentVolumeClaim data: its namespace is not known, so neither is what covers it']);
  });

  test('if the schedule can no longer run', () => {
    expect(uncovered(chartWith(chart => {
      claim(chart);
      ApiObject.of(schedule(chart)).addJsonPatch(JsonPatch.replace('/spec/schedule', 'never'));
    }))).toEqual(['PersistentVolumeClaim db/data: no schedule covers it']);
  });
});

describe('a StatefulSet', () => {
  const covered = (source: (set: ApiObject) => SnapshotSource, spec: object = {}, ...patches: JsonPatch[]) => uncovered(chartWith(chart => {
    const set = statefulSet(chart, spec);
    schedule(chart, { source: source(set) });
    set.addJsonPatch(...patches);
  }));

  test('is looked at as it is in the end, with the replicas of a patch', () => {
    expect(covered(set => from.fromStatefulSet(set), {}, JsonPatch.replace('/spec/replicas', 5))).toEqual([]);
    expect(covered(() => from.fromStatefulSetName('postgres', { templates: ['data'], replicas: 2 }), {}, JsonPatch.replace('/spec/replicas', 4)))
      .toEqual(["StatefulSet db/postgres, template 'data' (data-postgres-2, data-postgres-3): no schedule covers it"]);
  });

  test('of which one replica is covered has others that are not, which can be exempt by their ordinals', () => {
    const chart = newChart();
    const coverage = new SnapshotCoverage(chart, 'Coverage');
    const set = statefulSet(chart, { replicas: 4, ordinals: { start: 1 } });
    schedule(chart, { source: from.fromStatefulSet(set, { ordinals: [1] }) });
    expect(errorsOf(chart)).toEqual([expect.stringContaining('(data-postgres-2 to data-postgres-4)')]);
    expect(errorsOf(chart)).toEqual([expect.stringMatching(/or say why not with exempt\(\) and ordinals$/)]);
    coverage.exempt(set, 'copies of the first', { ordinals: [2, 3, 4] });
    expect(errorsOf(chart)).toEqual([]);
    expect(statesOf(coverage)).toEqual(['data-postgres-1: protected', 'data-postgres-2 data-postgres-3 data-postgres-4: exempt']);
  });

  test('without replicas may have any number of claims, so a name is not enough', () => {
    expect(covered(() => from.fromClaimName('data-postgres-0'), { replicas: undefined }))
      .toEqual(["StatefulSet db/postgres, template 'data' (data-postgres-0): no schedule covers all of its claims, whose number is not written down"]);
    expect(covered(set => from.fromStatefulSet(set), { replicas: undefined })).toEqual([]);
    expect(covered(() => from.everyClaim(), { replicas: undefined })).toEqual([]);
  });

  test('without templates, or without replicas for now, has no claim to cover', () => {
    const chart = newChart();
    const coverage = new SnapshotCoverage(chart, 'Coverage');
    claim(chart);
    schedule(chart);
    statefulSet(chart, { replicas: 0 });
    new ApiObject(chart, 'Stateless', { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'web' }, spec: { replicas: 2 } });
    expect(errorsOf(chart)).toEqual([]);
    expect(rowsOf(coverage)[1]).toMatchObject({ claims: [], state: 'exempt', exemption: 'no replicas, so no claim is made' });
    expect(rowsOf(coverage)).toHaveLength(2);
  });
});

describe('the scope', () => {
  function twoCharts(fill: (coverageScopes: { app: App; data: Chart; backup: Chart }) => void): Chart {
    const app = new App();
    const data = new Chart(app, 'data', { namespace: 'db' });
    const backup = new Chart(app, 'backup', { namespace: 'db' });
    claim(data);
    schedule(backup, { metadata: { name: 'nightly' } });
    fill({ app, data, backup });
    return data;
  }

  test('is where schedules are looked for too, since another chart may go to another cluster; the message names the one that is there', () => {
    expect(errorsOf(twoCharts(({ data }) => new SnapshotCoverage(data, 'Coverage')))).toEqual([
      expect.stringMatching(/'whenUncovered': CronJob db\/nightly covers it, but is not looked at, .*; set schedulesIn to where it is, if both go to one cluster, or /),
    ]);
  });

  test('may be the app, or schedules may be looked for elsewhere', () => {
    expect(errorsOf(twoCharts(({ app }) => new SnapshotCoverage(app, 'Coverage')))).toEqual([]);
    expect(errorsOf(twoCharts(({ app, data }) => new SnapshotCoverage(data, 'Coverage', { schedulesIn: app })))).toEqual([]);
    expect(errorsOf(twoCharts(({ backup, data }) => new SnapshotCoverage(data, 'Coverage', { schedulesIn: backup })))).toEqual([]);
  });

  test('leaves out what is not below it', () => {
    const chart = newChart();
    claim(chart, 'mine');
    const team = new Construct(chart, 'Team');
    claim(team);
    schedule(team);
    new SnapshotCoverage(team, 'Coverage');
    expect(errorsOf(chart)).toEqual([]);
  });

  test('without any claim would never fail, so it does', () => {
    expect(errorsOf(chartWith(() => {}))).toEqual([
      "[test/Coverage] 'scope': there is no claim and no volume claim template below it, so nothing would ever fail, got 'test'; allowed an app, a chart or a "
      + 'construct with claims; define the coverage where the claims are, or leave it out',
    ]);
  });

  test('in which a claim is defined twice must be of two clusters, and one schedule would seem to cover both', () => {
    const app = new App();
    for (const cluster of ['staging', 'production']) { claim(new Chart(app, cluster, { namespace: 'db' })); }
    schedule(new Chart(app, 'backup', { namespace: 'db' }));
    new SnapshotCoverage(app, 'Coverage', { whenUncovered: WhenUncovered.LIST });
    expect(() => app.synthYaml()).toThrow("[Coverage] 'scope': PersistentVolumeClaim db/data is defined at production/claim-data and at staging/claim-data, "
      + "so that they must be meant for two clusters, got 'the app'");
  });
});

describe('an exemption', () => {
  const exempt = (reason: string, options?: object) => () => {
    const chart = newChart();
    const set = statefulSet(chart);
    const coverage = new SnapshotCoverage(chart, 'Coverage');
    coverage.exempt(set, reason, options);
    return chart;
  };

  test('is an annotation of the claim, the StatefulSet or the template', () => {
    const annotations = { [UNSCHEDULED]: 'made anew within an hour' };
    expect(SnapshotCoverage.UNSCHEDULED_ANNOTATION).toBe(UNSCHEDULED);
    expect(uncovered(chartWith(chart => claim(chart, 'data', { annotations })))).toEqual([]);
    expect(uncovered(chartWith(chart => statefulSet(chart, {}, { name: 'postgres', annotations })))).toEqual([]);
    expect(uncovered(chartWith(chart =>
      statefulSet(chart, { volumeClaimTemplates: [{ metadata: { name: 'data', annotations } }, { metadata: { name: 'wal' } }] }))))
      .toEqual(["StatefulSet db/postgres, template 'wal' (wal-postgres-0, wal-postgres-1): no schedule covers it"]);
  });

  test('is said in code too, of a claim, a StatefulSet or one of its templates', () => {
    const chart = newChart();
    const coverage = new SnapshotCoverage(chart, 'Coverage');
    const volumeClaimTemplates = [{ metadata: { name: 'data' } }, { metadata: { name: 'cache' } }];
    const set = statefulSet(chart, { volumeClaimTemplates });
    schedule(chart, { source: from.fromStatefulSet(set, { templates: ['data'] }) });
    coverage.exempt(set, 'a cache', { templates: ['cache'] });
    coverage.exempt(new kplus.PersistentVolumeClaim(chart, 'Scratch', { storage: Size.gibibytes(1) }), 'scratch space');
    expect(errorsOf(chart)).toEqual([]);
    expect(rowsOf(coverage).map(({ object, state, exemption }: any) => [object, state, exemption])).toEqual([
      [expect.stringContaining('PersistentVolumeClaim db/test-scratch-'), 'exempt', 'scratch space'],
      ["StatefulSet db/postgres, template 'cache'", 'exempt', 'a cache'],
      ["StatefulSet db/postgres, template 'data'", 'protected', undefined],
    ]);
  });

  test('of a claim that a schedule covers nevertheless is shown with it', () => {
    const chart = newChart();
    const coverage = new SnapshotCoverage(chart, 'Coverage', { maximumLoss: Duration.minutes(1) });
    coverage.exempt(claim(chart), 'made anew');
    schedule(chart, { metadata: { name: 'nightly' } });
    expect(errorsOf(chart)).toEqual([]);
    expect(rowsOf(coverage)[0]).toMatchObject({ state: 'exempt', exemption: 'made anew', schedules: [{ name: 'nightly' }] });
  });

  test.each(['', '  ', 'true', 'false', 'No'])('must say why: %p is no reason', text => {
    expect(exempt(text)).toThrow(`[test/Coverage] 'reason': it says nothing, got '${text}'; allowed a reason; say why the data needs no snapshots`);
    const chart = chartWith(c => claim(c, 'data', { annotations: { [UNSCHEDULED]: text } }), { whenUncovered: WhenUncovered.LIST });
    expect(errorsOf(chart)).toEqual([
      `[test/claim-data] 'metadata.annotations.${UNSCHEDULED}': it says nothing of PersistentVolumeClaim db/data, got '${text}'; allowed a reason; `
      + 'say why the data needs no snapshots, or take it away',
    ]);
  });

  test('must be of something that is looked at', () => {
    const chart = newChart();
    const coverage = new SnapshotCoverage(new Construct(chart, 'Team'), 'Coverage');
    expect(() => coverage.exempt(claim(chart), 'a cache')).toThrow("'claim': it is not looked at, got construct at test/claim-data; allowed a claim below test/Team");
    const neither = "'claim': neither a PersistentVolumeClaim nor a StatefulSet, got ";
    expect(() => coverage.exempt(new ApiObject(chart, 'Web', { apiVersion: 'apps/v1', kind: 'Deployment' }), 'a cache')).toThrow(`${neither}construct at test/Web`);
    expect(() => coverage.exempt(new Construct(chart, 'Nothing'), 'a cache')).toThrow(`${neither}construct at test/Nothing`);
    expect(() => coverage.exempt('data' as any, 'a cache')).toThrow(`${neither}'data'`);
  });

  test('of what is not there is an error, also if nothing else is', () => {
    const messages = (options: object, spec: object = {}) => {
      const chart = newChart();
      const set = statefulSet(chart, spec);
      new SnapshotCoverage(chart, 'Coverage', { whenUncovered: WhenUncovered.LIST }).exempt(set, 'a cache', options);
      claim(chart);
      return errorsOf(chart);
    };
    expect(messages({ templates: ['dta'] })).toEqual([
      "[test/Coverage] 'options.templates': there is no such volume claim template of the StatefulSet at test/Postgres, got 'dta'; allowed data; correct the name",
    ]);
    expect(messages({ ordinals: [1, 2] })).toEqual([
      "[test/Coverage] 'options.ordinals': there is no such replica of the StatefulSet at test/Postgres, got 2; allowed data-postgres-0, data-postgres-1; "
      + 'correct the ordinal, or write replicas',
    ]);
    expect(messages({}, { volumeClaimTemplates: undefined })).toEqual([expect.stringContaining("'claim': there is no claim of the StatefulSet at test/Postgres")]);
    expect(exempt('a cache', { template: ['data'] })).toThrow("'options.template': no such prop");
    expect(exempt('a cache', { ordinals: [-1] })).toThrow("'options.ordinals': out of range");
    expect(exempt('a cache', { templates: 'data' })).toThrow("'options.templates': not a list");
  });

  test('is not needed by a copy that was restored to look at, but by one that takes the place of a claim', () => {
    const restored = (purpose?: RestorePurpose, source?: SnapshotSource) => uncovered(chartWith(chart => {
      new RestoredPvc(chart, 'Copy', { metadata: { name: 'copy' }, snapshot: SnapshotRef.fromName('s'), size: Size.gibibytes(1), purpose });
      if (source) { schedule(chart, { source }); }
    }));
    expect(restored()).toEqual([]);
    expect(restored(RestorePurpose.REPLACEMENT)).toEqual(['PersistentVolumeClaim db/copy: no schedule covers it']);
    expect(restored(RestorePurpose.REPLACEMENT, from.everyClaim())).toEqual([]);
    const chart = newChart();
    const coverage = new SnapshotCoverage(chart, 'Coverage');
    new RestoredPvc(chart, 'Copy', { metadata: { name: 'copy' }, snapshot: SnapshotRef.fromName('s'), size: Size.gibibytes(1) });
    expect(rowsOf(coverage)).toMatchObject([{ state: 'exempt', exemption: 'a copy of a snapshot, restored to stand beside the original' }]);
    schedule(chart, { source: from.fromClaimName('copy') });
    expect(rowsOf(coverage)).toMatchObject([{ state: 'protected' }]);
  });
});

describe('what is required', () => {
  const hourly = { schedule: Cron.hourly() };
  const required = (props: SnapshotCoverageProps, ...schedules: Parameters<typeof schedule>[1][]) => uncovered(chartWith(chart => {
    claim(chart);
    schedules.forEach((each, index) => schedule(chart, { metadata: { name: `s${index}` }, ...each }, `S${index}`));
  }, props));
  const because = (text: string) => [`PersistentVolumeClaim db/data: ${text}`];

  test('of the loss is what damage costs that is noticed at once', () => {
    expect(required({ maximumLoss: Duration.hours(24) }, {})).toEqual([]);
    expect(required({ maximumLoss: Duration.hours(23) }, {})).toEqual(because('damage that is noticed within an hour costs up to 1d, by CronJob db/s0'));
    // a night is longer when clocks are put back
    expect(required({ maximumLoss: Duration.hours(24) }, { timeZone: 'Europe/Berlin' }))
      .toEqual(because('damage that is noticed within an hour costs up to 1d 1h, by CronJob db/s0'));
    expect(required({ maximumLoss: Duration.days(1) }, { retention: RetentionPolicy.keepLast(1) }))
      .toEqual(because('damage that is noticed within an hour costs up to everything, by CronJob db/s0'));
  });

  test('of the reach is the age of the oldest restore point when it is youngest', () => {
    expect(required({ minimumReach: Duration.days(7) }, { retention: RetentionPolicy.keepLast(8) })).toEqual([]);
    expect(required({ minimumReach: Duration.days(7) }, { retention: RetentionPolicy.keepLast(7) }))
      .toEqual(because('its oldest restore point is 6d old at times, by CronJob db/s0'));
  });

  test('may be met by different schedules of a claim', () => {
    const props = { maximumLoss: Duration.hours(1), minimumReach: Duration.days(365), requireConsistent: true };
    const consistent = { quiesce: Quiesce.custom({ quiesce: ':', release: ':' }), retention: RetentionPolicy.oneYear() };
    expect(required(props, hourly, consistent)).toEqual([]);
    expect(required(props, hourly)).toHaveLength(2);
    expect(required(props, consistent)).toHaveLength(1);
    // one that is suspended meets nothing
    expect(required(props, hourly, { ...consistent, suspend: true })).toHaveLength(2);
  });

  test('of consistency is a run that fails if the application was not held', () => {
    const quiesce = (onFailure?: QuiesceFailure) => Quiesce.custom({ quiesce: ':', release: ':', onFailure });
    expect(required({ requireConsistent: true }, { quiesce: quiesce() })).toEqual([]);
    expect(required({ requireConsistent: true }, {})).toEqual(because('its application is not held while CronJob db/s0 cuts it'));
    expect(required({ requireConsistent: true }, { quiesce: quiesce(QuiesceFailure.CRASH_CONSISTENT) }))
      .toEqual(because('CronJob db/s0 is content with crash-consistent snapshots'));
  });

  test('of drills is one that mounts the claim, or another replica of its template, and is not suspended', () => {
    const drilled = (props: Partial<RestoreDrillProps> = {}, templates = ['data']) => uncovered(chartWith(chart => {
      const set = statefulSet(chart, {
        template: { spec: { containers: [{ name: 'db', image: 'db', volumeMounts: templates.map(name => ({ name, mountPath: `/${name}` })) }] } },
        volumeClaimTemplates: templates.map(name => ({ metadata: { name } })),
      });
      const nightly = schedule(chart, { metadata: { name: 'nightly' }, source: from.fromStatefulSet(set) });
      new RestoreDrill(chart, 'Drill', { schedule: nightly, workload: set, check: DrillCheck.command({ command: ['true'] }), ...props });
    }, { requireDrill: true }));
    expect(drilled()).toEqual([]);
    const message = "StatefulSet db/postgres, template 'data' (data-postgres-0, data-postgres-1): no drill restores what CronJob db/nightly takes of it";
    expect(drilled({ suspend: true })).toEqual([message]);
    expect(drilled({ schedule: undefined, scheduleId: 'another' })).toEqual([message]);
    expect(drilled({ scheduleId: 'nightly', schedule: undefined, claims: { data: 'another' } })).toEqual([message]);
  });

  test('of drills may be one in a namespace of its own, and none of another namespace with such a schedule', () => {
    const drilled = (sourceNamespace: string) => {
      const app = new App();
      const [chart, drills] = ['db', 'drills'].map(namespace => new Chart(app, namespace, { namespace }));
      const set = statefulSet(chart, { template: { spec: { containers: [{ name: 'db', image: 'db', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] } } });
      schedule(chart, { metadata: { name: 'nightly' }, source: from.fromStatefulSet(set) });
      new RestoreDrill(drills, 'Drill', { scheduleId: 'nightly', sourceNamespace, workload: set, check: DrillCheck.command({ command: ['true'] }) });
      new SnapshotCoverage(chart, 'Coverage', { requireDrill: true, schedulesIn: app });
      return uncovered(chart);
    };
    expect(drilled('db')).toEqual([]);
    expect(drilled('crm')).toEqual([expect.stringContaining('no drill restores what CronJob db/nightly takes of it')]);
  });

  test.each<[object, string]>([
    [{ whenUncovered: 'Warn' }, "'whenUncovered': not a member of the enum, got 'Warn'; allowed FAIL ('Fail'), LIST ('List'); write one of these"],
    [{ maximumLos: Duration.days(1) }, "'maximumLos': no such prop"],
    [{ maximumLoss: Duration.seconds(1) }, "'maximumLoss': out of range, got 1 second; allowed whole seconds from 1 minute to 3653 days"],
    [{ maximumLoss: 3600 }, "'maximumLoss': not a Duration, got 3600"],
    [{ minimumReach: Duration.seconds(59) }, "'minimumReach': out of range"],
    [{ requireConsistent: 'false' }, "'requireConsistent': not a boolean, got 'false'"],
    [{ requireDrill: 1 }, "'requireDrill': not a boolean, got 1"],
    [{ schedulesIn: 'app' }, "'schedulesIn': not a construct, got 'app'; allowed the app, a chart or a construct; pass the app"],
  ])('is refused if it is not valid: %p', (props, text) => {
    expect(() => new SnapshotCoverage(newChart(), 'Coverage', props)).toThrow(`[test/Coverage] ${text}`);
  });
});

describe('what is listed', () => {
  function shop(): SnapshotCoverage {
    const chart = new Chart(new App(), 'shop', { namespace: 'shop' });
    const coverage = new SnapshotCoverage(chart, 'Coverage', { whenUncovered: WhenUncovered.LIST, minimumReach: Duration.days(6) });
    const template = { spec: { containers: [{ name: 'db', image: 'db', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] } };
    const set = statefulSet(chart, { replicas: 3, template });
    claim(chart, 'uploads');
    claim(chart, 'thumbnails', { annotations: { [UNSCHEDULED]: 'made anew | within\n<an> hour' } });
    const nightly = schedule(chart, {
      metadata: { name: 'nightly' },
      source: from.fromStatefulSet(set, { templates: ['data'] }),
      quiesce: Quiesce.postgreSql({ on: QuiesceOn.REPLICA, onFailure: QuiesceFailure.CRASH_CONSISTENT }),
      retention: RetentionPolicy.keepLast(8),
      timeZone: 'Europe/Berlin',
      dryRun: true,
    });
    schedule(chart, { metadata: { name: 'hourly' }, schedule: Cron.hourly(), source: from.fromClaimName('data-postgres-0') }, 'Hourly');
    new RestoreDrill(chart, 'Drill', {
      metadata: { name: 'drill' },
      scheduleId: nightly.scheduleId,
      workload: set,
      claims: { data: 'data-postgres-1' },
      check: DrillCheck.command({ command: ['true'] }),
    });
    return coverage;
  }

  test('does not fail, and is a table for people', () => {
    const coverage = shop();
    expect(errorsOf(Chart.of(coverage))).toEqual([]);
    expect(coverage.table()).toMatchInlineSnapshot(`
"4 claims and templates: 2 protected, 1 exempt, 1 not protected. Required: a schedule, restore points that reach back 6d.

| namespace | claim | state | schedule | runs | keeps | restore points | reach back | lost 1h | consistency | drill |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| \`shop\` | \`thumbnails\` | exempt: made anew \\| within \\<an\\> hour | – | – | – | – | – | – | – | – |
| \`shop\` | \`uploads\` | **not protected**: no schedule covers it | – | – | – | – | – | – | – | – |
| \`shop\` | \`data-postgres-0\` (\`data\` of StatefulSet \`postgres\`) | protected | \`hourly\` | \`0 * * * *\` Etc/UTC | for 7d, at least 3 | 168 to 169 | 6d 23h | 1h | crash | – |
| \`shop\` | \`data-postgres-0\` (\`data\` of StatefulSet \`postgres\`) | protected | \`nightly\` | \`0 0 * * *\` Europe/Berlin | last 8 (dry run: prunes nothing) | all | 6d 23h | 1d 1h | application, else crash, primary left out | \`drill\` |
| \`shop\` | \`data-postgres-1\`, \`data-postgres-2\` (\`data\` of StatefulSet \`postgres\`) | protected | \`nightly\` | \`0 0 * * *\` Europe/Berlin | last 8 (dry run: prunes nothing) | all | 6d 23h | 1d 1h | application, else crash, primary left out | \`drill\` |

If every run starts on time and succeeds. restore points: how many there are of each claim, with the one that is being taken. reach back: how old the oldest is at least. lost: how much is lost at worst if damage is noticed within that time; all, if it may be older than the oldest restore point. consistency: application, if the application is held for the cut, else crash. drill: what restores and checks the newest one.
"
`);
  });

  test('is JSON for auditors\' programs, with the claims by name and all figures', () => {
    const { required, claims } = JSON.parse(shop().report());
    expect(required).toEqual({ minimumReachSeconds: 518_400, consistent: false, drill: false });
    expect(claims.map(({ object, state }: any) => `${object}: ${state}`)).toEqual([
      'PersistentVolumeClaim shop/thumbnails: exempt',
      'PersistentVolumeClaim shop/uploads: not protected',
      "StatefulSet shop/postgres, template 'data': protected",
      "StatefulSet shop/postgres, template 'data': protected",
    ]);
    expect(claims[1]).toMatchObject({ namespace: 'shop', claims: ['uploads'], problems: ['no schedule covers it'], schedules: [] });
    expect(claims[2].schedules.map(({ name }: any) => name)).toEqual(['hourly', 'nightly']);
    expect(claims[3]).toMatchObject({
      claims: ['data-postgres-1', 'data-postgres-2'],
      schedules: [{
        name: 'nightly',
        schedule: '0 0 * * *',
        timeZone: 'Europe/Berlin',
        dryRun: true,
        retention: { keepLast: 8 },
        fewestSnapshots: 8,
        mostSnapshots: 9,
        oldestRestorePointSeconds: 601_200,
        consistency: 'application, else crash, primary left out',
        drills: [{ name: 'drill' }],
      }],
    });
    expect(claims[3].schedules[0].worstCaseLoss[0]).toEqual({ noticedWithinSeconds: 3600, lossSeconds: 90_000 });
  });

  test('can be printed as the messages that would have failed', () => {
    expect(shop().problems()).toEqual([
      expect.stringMatching(/'whenUncovered': no schedule covers it, got 'PersistentVolumeClaim shop\/uploads, /),
    ]);
  });

  test('is the same each time', () => {
    expect(shop().table()).toBe(shop().table());
    const coverage = shop();
    coverage.table();
    expect(coverage.report()).toBe(shop().report());
  });

  test('has the columns that say something: one of losses in a year only if a schedule reaches back so far', () => {
    const table = (retention: RetentionPolicy) => {
      const chart = newChart();
      const coverage = new SnapshotCoverage(chart, 'Coverage');
      claim(chart);
      schedule(chart, { retention });
      return coverage.table();
    };
    expect(table(RetentionPolicy.oneYear())).toContain('| lost 1h | 7d | 30d | 365d | consistency |');
    expect(table(RetentionPolicy.keepLast(1))).toContain('| lost 1h | consistency |');
  });
});

describe('the page', () => {
  const PAGE = join(__dirname, '..', 'docs', 'snapshot-coverage.md');
  const ERROR = /(?<=```text\n)[^]*?(?=```)/;
  const TABLE = /(?<=<!-- the table -->\n)[^]*?(?=<!-- the end of the table -->)/;

  /** A shop with a database, uploads, something that can be made anew, and, in the end, something that was forgotten. */
  function shop(): { app: App; coverage: SnapshotCoverage; chart: Chart } {
    const app = new App();
    const chart = new Chart(app, 'shop', { namespace: 'shop' });
    const coverage = new SnapshotCoverage(chart, 'Coverage');
    const template = { spec: { containers: [{ name: 'postgres', image: 'postgres:17', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] } };
    const postgres = statefulSet(chart, { replicas: 3, template });
    claim(chart, 'uploads');
    claim(chart, 'thumbnails', { annotations: { [UNSCHEDULED]: 'made from the originals within an hour' } });
    const nightly = schedule(chart, {
      metadata: { name: 'nightly' },
      source: from.fromStatefulSet(postgres),
      schedule: Cron.schedule({ hour: '3', minute: '15' }),
      timeZone: 'Europe/Berlin',
      retention: RetentionPolicy.oneYear(),
      quiesce: Quiesce.postgreSql(),
    });
    schedule(chart, { metadata: { name: 'uploads' }, source: from.fromClaimName('uploads'), schedule: Cron.hourly() }, 'Uploads');
    new RestoreDrill(chart, 'Drill', {
      metadata: { name: 'postgres-drill' }, schedule: nightly, workload: postgres, check: DrillCheck.command({ command: ['true'] }),
    });
    return { app, coverage, chart };
  }

  function errorAndTable(): { error: string; table: string } {
    const { app, chart, coverage } = shop();
    const table = coverage.table();
    claim(chart, 'reports');
    claim(chart, 'invoices');
    try {
      app.synthYaml();
    } catch (error) {
      return { error: `${(error as Error).message}\n`, table };
    }
    throw new Error('synth did not fail');
  }

  test('shows the error and the table as they are: UPDATE_DOCS=1 writes it anew', () => {
    const { error, table } = errorAndTable();
    if (process.env.UPDATE_DOCS) { writeFileSync(PAGE, readFileSync(PAGE, 'utf8').replace(ERROR, () => error).replace(TABLE, () => `\n${table}\n`)); }
    const page = readFileSync(PAGE, 'utf8');
    expect(ERROR.exec(page)?.[0]).toBe(error);
    expect(TABLE.exec(page)?.[0]).toBe(`\n${table}\n`);
  });

  test('and its shop is in order until something is added', () => {
    expect(() => shop().app.synthYaml()).not.toThrow();
  });
});
