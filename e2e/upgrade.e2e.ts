import { App, ApiObject, Chart, Duration } from 'cdk8s';
import { apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, jobEnd, JobEnd, kubectl, names, synthesize, WAITING_STORAGE_CLASS } from './cluster';
import { databaseSet, POSTGRES, shell } from './databases';
import { openRunbook } from './runbook';
import {
  CsiDriver, DeletionPolicy, JobTrigger, PreUpgradeSnapshot, PreUpgradeSnapshotProps, RecoveryPod, RecoveryPreset, RestoreNames, SnapshotClass,
  RetentionPolicy, SnapshotRestore, SnapshotSource,
} from 'cdk8s-volume-snapshots';

const snapshotClass = (chart: Chart, name: string, parameters: { [key: string]: string } = {}) => new SnapshotClass(chart, 'Class', {
  metadata: { name }, driver: CsiDriver.of(DRIVER, { parameters }), deletionPolicy: DeletionPolicy.DELETE,
});

describe('a failed migration', () => {
  // as the commands of the page say
  const NAMESPACE = 'crm';
  const { blocks, noted, step } = openRunbook('failed-migration.md');
  const sql = (statement: string) => shell(NAMESPACE, 'postgres-0', `psql -U postgres -qtAc "${statement}"`);

  beforeAll(async () => {
    freshNamespace(NAMESPACE);
    const statefulSet = databaseSet(NAMESPACE, 'postgres', {
      ...POSTGRES, readinessProbe: { exec: { command: ['pg_isready', '-U', 'postgres'] }, periodSeconds: 1 },
    }, { storageClassName: WAITING_STORAGE_CLASS });
    apply([statefulSet]);
    kubectl(['-n', NAMESPACE, 'rollout', 'status', 'statefulset/postgres', '--timeout=120s']);
    await eventually('the database answers', 60, () => sql('SELECT 1') === '1');
    sql("CREATE TABLE customers AS SELECT id, 'c' || id || '@example.com' AS email FROM generate_series(1, 10000) AS id");
    applyChart(NAMESPACE, chart => {
      const workload = new ApiObject(chart, 'Postgres', statefulSet);
      const recovery = new RecoveryPod(chart, 'Recovery', { metadata: { name: 'postgres-recovery' }, workload, preset: RecoveryPreset.postgreSql() });
      const before = new PreUpgradeSnapshot(chart, 'BeforeUpgrade', {
        metadata: { name: 'postgres-upgrade' },
        source: SnapshotSource.fromStatefulSet(workload),
        snapshotClass: snapshotClass(chart, 'e2e-migration'),
        trigger: JobTrigger.job({ revision: '2.0.0' }),
      });
      before.addRestore('Rollback', { names: RestoreNames.forStatefulSet(recovery.name) });
    });
  });

  test('is rolled back by the commands of its page, from the snapshot before it to version 1 with its data', () => {
    expect(step()).toMatch(/Complete\n1 of 1 claims have their snapshot/);
    step();
    expect(() => sql('SELECT count(email) FROM customers')).toThrow('does not exist');
    expect(step()).toContain('1 of 1 claims are made');
    expect(step()).toContain('10000');
    // nothing that is in place was touched
    expect(() => sql('SELECT count(email) FROM customers')).toThrow('does not exist');
    const { volumeName } = getJson('-n', NAMESPACE, 'pvc', 'data-postgres-0').spec;
    expect(step()).toMatch(new RegExp(`${volumeName} +Retain`));
    noted.OLD_VOLUME = volumeName;
    step(2);
    expect(step()).toContain("'data-postgres-0' has the data of data-postgres-0");
    expect(step()).toContain('10000');
    expect(blocks).toEqual([]);
    expect(getJson('pv', volumeName).status.phase).toBe('Released');
    kubectl(['patch', 'pv', volumeName, '-p', '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}']);
    kubectl(['delete', 'namespace', NAMESPACE, '--wait=false']);
  });
});

describe('a hook of Argo CD', () => {
  const NAMESPACE = 'e2e-upgrade';
  const before = (props: Partial<PreUpgradeSnapshotProps> = {}, parameters?: { [key: string]: string }) => synthesize(NAMESPACE, chart => {
    // the platform's, which is there before any hook
    const platform = new Chart(chart.node.root as App, 'platform');
    const itsClass = snapshotClass(platform, `e2e-upgrade${parameters ? '-slow' : ''}`, parameters);
    apply(platform.toJson());
    new PreUpgradeSnapshot(chart, 'Before', {
      metadata: { name: 'before' },
      source: SnapshotSource.fromClaimName('data'),
      snapshotClass: itsClass,
      trigger: JobTrigger.argoCd(),
      readyTimeout: Duration.seconds(90),
      ...props,
    });
  });

  /** What Argo CD does before a sync: deletes the hooks of the last one, and makes them anew, wave by wave. */
  async function sync(objects: any[], job = 'before'): Promise<JobEnd> {
    const wave = ({ metadata }: any) => Number(metadata.annotations?.['argocd.argoproj.io/sync-wave'] ?? NaN);
    const hooks = objects.filter(({ metadata }) => metadata.annotations?.['argocd.argoproj.io/hook'] === 'PreSync');
    for (const each of [...new Set(hooks.map(wave))].sort((a, b) => a - b)) {
      const ofWave = hooks.filter(hook => wave(hook) === each);
      ofWave.forEach(({ kind, metadata }) => kubectl(['-n', NAMESPACE, 'delete', kind, metadata.name, '--ignore-not-found', '--wait=true']));
      apply(ofWave);
    }
    return jobEnd(NAMESPACE, job);
  }
  const snapshots = () => names('-n', NAMESPACE, 'volumesnapshots');

  beforeAll(() => { freshNamespace(NAMESPACE); });

  test('lets the first sync pass, into an empty namespace', async () => {
    expect(await sync(before())).toMatchObject({ succeeded: true, message: expect.stringMatching(/^nothing to lose yet, as there is no volume: data;/) });
  });

  test('takes a snapshot before the next sync, and uses it again in one that changes nothing', async () => {
    apply([claim(NAMESPACE, 'data')]);
    await bound(NAMESPACE, 'data');
    expect(await sync(before())).toMatchObject({ succeeded: true, message: expect.stringMatching(/^1 of 1 claims have their snapshot/) });
    const [taken] = snapshots();
    expect(await sync(before())).toMatchObject({ succeeded: true, message: expect.stringContaining('data: used again, since it was cut') });
    expect(snapshots()).toEqual([taken]);
  });

  test('keeps as many as it is told', async () => {
    const anew = before({ reuseWithin: Duration.seconds(0), retention: RetentionPolicy.keepLast(3) });
    for (let count = 0; count < 3; count += 1) { expect(await sync(anew)).toMatchObject({ succeeded: true }); }
    await eventually('three are left', 30, () => snapshots().length === 3);
  });

  test('restores what an environment has not yet, and nothing in the sync after it', async () => {
    const hook = synthesize(NAMESPACE, chart => {
      new SnapshotRestore(chart, 'Copy', {
        metadata: { name: 'copy' }, scheduleId: 'before', source: SnapshotSource.fromClaimName('data'), names: RestoreNames.withSuffix('copy'), trigger: JobTrigger.argoCd(),
      });
    });
    expect(await sync(hook, 'copy')).toMatchObject({ succeeded: true, message: expect.stringMatching(/^1 of 1 claims are restored/) });
    expect(getJson('-n', NAMESPACE, 'pvc', 'data-copy').status.phase).toBe('Bound');
    expect(await sync(hook, 'copy')).toMatchObject({ succeeded: true, message: 'nothing is restored, since all claims are there: data-copy' });
  });

  test('stops a sync when the storage does not deliver, and lets it pass when a person says so', async () => {
    const broken = () => before({ reuseWithin: Duration.seconds(0), readyTimeout: Duration.seconds(8) }, { cutDelay: '60s' });
    const end = await sync(broken());
    expect(end).toMatchObject({ succeeded: false, exitCode: 1, message: expect.stringMatching(/is not ready after \d+s/) });
    const [, command] = /nevertheless: kubectl (.*)$/.exec(end.message) ?? [];
    kubectl(command.split(' '));
    expect(await sync(broken())).toMatchObject({ succeeded: true, exitCode: 0, message: expect.stringMatching(/^THE UPGRADE GOES ON WITHOUT A SNAPSHOT of data/) });
    expect(getJson('-n', NAMESPACE, 'events', '--field-selector=involvedObject.name=data,type=Warning').items.length).toBeGreaterThan(0);
  });
});
