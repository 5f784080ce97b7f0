import { Chart, Cron, Duration, Size, Yaml } from 'cdk8s';
import { eventually, freshNamespace, getJson, kubectl, synthesize } from './cluster';
import { POSTGRES, shell, startPod, WritingMariaDb } from './databases';
import {
  CsiDriver, Quiesce, SnapshotClass, VeleroAccessMode, VeleroBackup, VeleroExistingResources, VeleroHook, VeleroRestore, VeleroRestoreSource,
  VeleroSchedule, VeleroStorageLocation, VeleroVolumeAction, VeleroVolumePolicy, VeleroVolumes, VeleroVolumeType,
} from '../src';

/*
 * Nobody acts on Velero's objects here: what is tested is that the API server takes them with
 * Velero's own CRDs, and that the hooks hold real databases when they are executed as Velero does.
 */

const NAMESPACE = 'e2e-velero';
const metadata = (name: string) => ({ name, namespace: NAMESPACE });

beforeAll(() => { freshNamespace(NAMESPACE); });
afterAll(() => { kubectl(['delete', 'namespace', NAMESPACE, '--wait=false']); });

/** One of everything, with every field that can be said. */
function everything(chart: Chart): void {
  const location = new VeleroStorageLocation(chart, 'Location', {
    metadata: metadata('frankfurt'),
    provider: 'aws',
    bucket: 'backups',
    prefix: 'production',
    config: { region: 'eu-central-1' },
    credential: { name: 'velero-aws', key: 'cloud' },
    certificateAuthority: { name: 'authority', key: 'ca.crt' },
    accessMode: VeleroAccessMode.READ_WRITE,
    defaultLocation: true,
    backupSyncPeriod: Duration.minutes(2),
    validationFrequency: Duration.minutes(5),
  });
  const volumePolicy = new VeleroVolumePolicy(chart, 'Policy', {
    metadata: metadata('volumes'),
    rules: [
      { action: VeleroVolumeAction.FS_BACKUP, volumeTypes: [VeleroVolumeType.NFS], maximumSize: Size.gibibytes(100) },
      { action: VeleroVolumeAction.SNAPSHOT },
    ],
  });
  const options = {
    includedNamespaces: ['shop'],
    excludedNamespaces: ['shop-test'],
    includedNamespaceScopedResources: ['*'],
    excludedNamespaceScopedResources: ['events'],
    includedClusterScopedResources: ['persistentvolumes'],
    excludedClusterScopedResources: ['nodes'],
    labelSelectors: [{ app: 'web' }, { app: 'db' }],
    timeToLive: Duration.days(30),
    storageLocation: location,
    volumePolicy,
    volumes: VeleroVolumes.moved({ dataMover: 'velero', parallelFilesUpload: 8 }),
    snapshotClasses: [SnapshotClass.fromSnapshotClassName(chart, 'Class', 'ebs', { driver: CsiDriver.awsEbs() })],
    hooks: [
      VeleroHook.fromQuiesce(Quiesce.mariaDb({ container: 'mariadb' }), { podLabels: { app: 'mariadb' }, namespaces: ['shop'], name: 'mariadb' }),
      VeleroHook.fromQuiesce(Quiesce.postgreSql(), { podLabels: { app: 'postgres' }, name: 'postgres' }),
    ],
    orderedResources: { pods: ['shop/db-0', 'shop/db-1'] },
    csiSnapshotTimeout: Duration.minutes(20),
    itemOperationTimeout: Duration.hours(6),
    volumeGroupLabelKey: 'example.com/group',
  };
  new VeleroBackup(chart, 'Backup', { ...options, metadata: metadata('once') });
  new VeleroBackup(chart, 'One', { metadata: metadata('one-label'), labelSelectors: [{ app: 'web' }], volumes: VeleroVolumes.fileSystem({ parallelFilesUpload: 2 }) });
  const schedule = new VeleroSchedule(chart, 'Schedule', {
    ...options,
    metadata: metadata('nightly'),
    schedule: Cron.schedule({ hour: '4', minute: '30' }),
    timeZone: 'Europe/Berlin',
    backupLabels: { tier: 'gold' },
    paused: true,
    skipImmediately: true,
    useOwnerReferences: true,
  });
  new VeleroRestore(chart, 'Restore', {
    metadata: metadata('copy'),
    source: VeleroRestoreSource.newestOfSchedule(schedule),
    namespaceMapping: { shop: 'shop-copy' },
    includedNamespaces: ['shop'],
    excludedNamespaces: ['wiki'],
    includedResources: ['*'],
    excludedResources: ['ingresses.networking.k8s.io'],
    includeClusterResources: false,
    labelSelectors: [{ app: 'web' }],
    restoreVolumes: true,
    existingResources: VeleroExistingResources.UPDATE,
    preserveNodePorts: true,
    restoreStatusOf: ['workflows'],
    itemOperationTimeout: Duration.hours(6),
    parallelFilesDownload: 4,
    writeSparseFiles: true,
  });
  new VeleroRestore(chart, 'Again', { metadata: metadata('again'), source: VeleroRestoreSource.fromBackupName('once') });
}

/** The paths of what was said and is not there any more, or is something else. */
function lost(said: any, there: any, path = ''): string[] {
  if (typeof said !== 'object' || said === null) { return said === there ? [] : [`${path}: ${JSON.stringify(there)} in place of ${JSON.stringify(said)}`]; }
  return Object.entries(said).flatMap(([key, value]) => lost(value, there?.[key], `${path}.${key}`));
}

describe('the API server, with the types of Velero', () => {
  const objects = synthesize(undefined, everything);
  const kinds = ['Backup', 'BackupStorageLocation', 'ConfigMap', 'Restore', 'Schedule'];

  test('is given one of everything', () => {
    expect([...new Set(objects.map(({ kind }) => kind))].sort()).toEqual(kinds);
  });

  test('knows every field', () => {
    // without strict validation it would drop what it does not know
    const answers = kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'], Yaml.stringify(...objects)).trim().split('\n');
    expect(answers).toHaveLength(objects.length);
    expect(answers.filter(answer => !answer.endsWith('created (server dry run)'))).toEqual([]);
  });

  test('would refuse a field that is none, so that the test above says something', () => {
    const [backup] = objects.filter(({ kind }) => kind === 'Backup');
    expect(() => kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'], Yaml.stringify({ ...backup, spec: { ...backup.spec, noSuchField: true } })))
      .toThrow('unknown field "spec.noSuchField"');
  });

  test('keeps every field as it was said', () => {
    kubectl(['create', '-f', '-'], Yaml.stringify(...objects));
    for (const object of objects) {
      const there = getJson('-n', NAMESPACE, object.kind === 'ConfigMap' ? 'configmap' : `${object.kind.toLowerCase()}s.velero.io`, object.metadata.name);
      expect({ name: object.metadata.name, lost: lost(object, there) }).toEqual({ name: object.metadata.name, lost: [] });
    }
  });

  test('takes a class that Velero finds', () => {
    const answer = kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'], Yaml.stringify(...synthesize(undefined, chart => {
      new SnapshotClass(chart, 'Class', { metadata: { name: 'e2e-velero' }, driver: CsiDriver.awsEbs(), veleroClass: true });
    })));
    expect(answer).toContain('created (server dry run)');
  });
});

/** Executes a hook as Velero does, without input. */
function execute(pod: string, quiesce: Quiesce, phase: 'pre' | 'post'): { readonly succeeded: boolean; readonly output: string } {
  const annotations = VeleroHook.annotationsFor(quiesce);
  const command = JSON.parse(annotations[`${phase}.hook.backup.velero.io/command`]);
  try {
    return { succeeded: true, output: kubectl(['-n', NAMESPACE, 'exec', pod, '--', ...command]) };
  } catch (error: any) {
    return { succeeded: false, output: `${error.stdout}${error.stderr}` };
  }
}

describe('MariaDB', () => {
  const mariaDb = new WritingMariaDb(NAMESPACE, 'mariadb');
  const now = () => Number(mariaDb.sql('SELECT UNIX_TIMESTAMP(SYSDATE(3)) * 1000'));
  const processes = () => shell(NAMESPACE, 'mariadb', 'for each in /proc/[0-9]*; do tr "\\0" " " <$each/cmdline; echo; done 2>/dev/null').split('\n').filter(line => line.includes('quiesce')).length;

  beforeAll(() => mariaDb.start());

  test('is held from the one hook to the other, and writes again', async () => {
    const quiesce = Quiesce.mariaDb();
    const before = now();
    expect(execute('mariadb', quiesce, 'pre')).toMatchObject({ succeeded: true });
    const from = now();
    shell(NAMESPACE, 'mariadb', 'sleep 2');
    const to = now();
    expect(execute('mariadb', quiesce, 'post')).toMatchObject({ succeeded: true, output: 'quiesced\nreleased\n' });
    expect(await mariaDb.writesAgain(to)).toBeGreaterThan(to);
    expect(mariaDb.pauses(before).filter(pause => pause.from <= from && pause.to >= to)).toHaveLength(1);
  });

  test('writes again by itself if the second hook never comes, and no process is left behind', async () => {
    const before = processes();
    // a third of it may be waited for the lock, in one attempt
    const quiesce = Quiesce.mariaDb({ maxHold: Duration.seconds(12) });
    expect(execute('mariadb', quiesce, 'pre')).toMatchObject({ succeeded: true });
    const held = now();
    const again = await mariaDb.writesAgain(held + 500);
    expect(again - held).toBeLessThan(15_000);
    await eventually('nothing is left', 20, () => processes() <= before);
    expect(execute('mariadb', quiesce, 'post')).toMatchObject({ succeeded: false, output: expect.stringContaining('the application did not stay quiesced') });
  });

  test('goes on if it cannot be held, and the hook says why', () => {
    const { succeeded, output } = execute('mariadb', Quiesce.mariaDb({ user: 'nobody' }), 'pre');
    expect([succeeded, output]).toEqual([false, expect.stringMatching(/Access denied[^]*the application was not quiesced/)]);
    expect(execute('mariadb', Quiesce.mariaDb({ user: 'nobody' }), 'post').output).toContain('the application was not held');
  });

  test('has not been restarted by what the hooks left behind', () => {
    expect(getJson('-n', NAMESPACE, 'pod', 'mariadb').status.containerStatuses[0].restartCount).toBe(0);
  });
});

test('PostgreSQL inherits what the hooks leave behind, and takes none of it for a crash of its own', async () => {
  await startPod({ namespace: NAMESPACE, name: 'postgres', container: POSTGRES, volumes: { postgres: '/data' } });
  const sql = (statement: string) => shell(NAMESPACE, 'postgres', `psql -qAt -U postgres -c "${statement}"`);
  await eventually('the database answers', 90, () => sql('SELECT 1') === '1');
  const started = sql('SELECT pg_postmaster_start_time()');
  const quiesce = Quiesce.postgreSql({ maxHold: Duration.seconds(10) });
  expect([execute('postgres', quiesce, 'pre'), execute('postgres', quiesce, 'post')]).toMatchObject([{ succeeded: true }, { succeeded: true }]);
  // and once more for the timer
  expect(execute('postgres', quiesce, 'pre')).toMatchObject({ succeeded: true });
  shell(NAMESPACE, 'postgres', 'sleep 14');
  expect(sql('SELECT pg_postmaster_start_time()')).toBe(started);
  expect(kubectl(['-n', NAMESPACE, 'logs', 'postgres'])).not.toMatch(/terminated by signal|all server processes terminated|server process \(PID/);
});
