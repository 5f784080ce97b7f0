import { ApiObject, Chart, Cron, JsonPatch, Size } from 'cdk8s';
import { apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, kubectl, names, runJob, startJob } from '../cluster';
import { AuditLog, storedSnapshots } from './knobs';
import {
  CsiDriver, DeletionPolicy, ImportedSnapshots, InventoryExporter, RestoredPvc, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotInventory,
  SnapshotInventoryProps, SnapshotReclaim, SnapshotRef, SnapshotRestore, SnapshotSource,
} from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-inventory';
const EMPTY = 'e2e-inventory-empty';
const PLATFORM = 'e2e-inventory-platform';
const CLASS = 'e2e-inventory';
const TEXT = 'written before the cluster was lost';

const contents = (): any[] => getJson('volumesnapshotcontents').items.filter((content: any) => content.spec.volumeSnapshotRef.namespace === NAMESPACE);

/** Lets objects and storage go, also what an earlier run of this file has left. */
async function cleanUp(): Promise<void> {
  for (const { metadata } of contents()) {
    kubectl(['patch', 'volumesnapshotcontent', metadata.name, '--type=merge', '-p', '{"spec":{"deletionPolicy":"Delete"}}']);
    kubectl(['annotate', 'volumesnapshotcontent', metadata.name, 'snapshot.storage.kubernetes.io/volumesnapshot-being-deleted=yes', '--overwrite']);
  }
  kubectl(['-n', NAMESPACE, 'delete', 'volumesnapshots', '--all', '--wait=false']);
  for (const { metadata } of contents()) { kubectl(['delete', 'volumesnapshotcontent', metadata.name, '--wait=false', '--ignore-not-found']); }
  await eventually('the contents are gone', 60, () => contents().length === 0);
}

/** A pod that runs a script on a claim to its end; returns what it printed. */
async function onClaim(claimName: string, script: string): Promise<string> {
  const name = `once-${claimName}`;
  apply([{
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NAMESPACE },
    spec: {
      restartPolicy: 'Never',
      containers: [{ name: 'once', image: 'busybox:1.36', command: ['sh', '-c', script], volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }],
    },
  }]);
  await eventually(`${name} ends`, 60, () => getJson('-n', NAMESPACE, 'pod', name).status.phase === 'Succeeded');
  const printed = kubectl(['-n', NAMESPACE, 'logs', name]).trim();
  kubectl(['-n', NAMESPACE, 'delete', 'pod', name, '--grace-period=0', '--force']);
  return printed;
}

const EXPORTER: InventoryExporter = {
  image: 'busybox:1.36',
  command: ['sh', '-c', 'set -e; cp /inventory/inventory.json /offsite/inventory.json; cat /offsite/inventory.json'],
  claims: { '/offsite': 'offsite' },
};

function inventory(name: string, props: Partial<SnapshotInventoryProps> = {}): void {
  applyChart(PLATFORM, (chart: Chart) => {
    const made = new SnapshotInventory(chart, 'Inventory', { metadata: { name }, namespaces: [NAMESPACE], exporter: EXPORTER, suspend: true, ...props });
    // each takes twice as long to come as the one before
    ApiObject.of(made).addJsonPatch(JsonPatch.replace('/spec/jobTemplate/spec/backoffLimit', 1));
  });
}

const podsOf = (job: string): any[] => getJson('-n', PLATFORM, 'pods', '-l', `batch.kubernetes.io/job-name=${job}`).items;
const endOf = (statuses: any[] | undefined) => statuses?.[0]?.state?.terminated;

interface InventoryEnd {
  readonly condition: { type: string; reason: string; message: string };
  readonly pods: { runner: any; exporter: any; log: string }[];
}

async function ended(job: string, seconds = 120): Promise<InventoryEnd> {
  const condition = await eventually(`job ${job} ends`, seconds, () => getJson('-n', PLATFORM, 'job', job).status.conditions
    ?.find((each: any) => ['Complete', 'Failed'].includes(each.type) && each.status === 'True'));
  return {
    condition,
    pods: podsOf(job).map(({ metadata, status }) => {
      const [runner, exporter] = [endOf(status.initContainerStatuses), endOf(status.containerStatuses)];
      return { runner, exporter, log: exporter?.containerID ? kubectl(['-n', PLATFORM, 'logs', metadata.name, '-c', 'export']) : '' };
    }),
  };
}

const classOf = (chart: Chart) => SnapshotClass.fromSnapshotClassName(chart, 'Class', CLASS, { deletionPolicy: DeletionPolicy.RETAIN });

/** What the application's repository defines, on whichever cluster it is applied. */
function application(chart: Chart): void {
  const schedule = new ScheduledSnapshot(chart, 'Schedule', {
    metadata: { name: 'nightly' },
    source: SnapshotSource.fromClaimName('data'),
    snapshotClass: classOf(chart),
    schedule: Cron.schedule({ hour: '3', minute: '15' }),
    suspend: true,
    retention: RetentionPolicy.keepLast(1),
  });
  new SnapshotRestore(chart, 'Restore', { metadata: { name: 'restore' }, schedule });
}

let failing: string;

beforeAll(async () => {
  await cleanUp();
  freshNamespace(PLATFORM, { 'pod-security.kubernetes.io/enforce': 'restricted' });
  freshNamespace(EMPTY);
  freshNamespace(NAMESPACE);
  apply([claim(NAMESPACE, 'data'), claim(PLATFORM, 'offsite')]);
  applyChart(undefined, chart => {
    new SnapshotReclaim(chart, 'Reclaim');
    new SnapshotClass(chart, 'Class', { metadata: { name: CLASS }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.RETAIN });
  });
  applyChart(NAMESPACE, application);
  await bound(NAMESPACE, 'data');
  await onClaim('data', `echo '${TEXT}' > /data/file && sync`);
  expect(await runJob(NAMESPACE, 'nightly')).toMatchObject({ succeeded: true });
  // its retry takes a while, in which the other tests go on
  inventory('failing', { minimumSnapshots: 0, exporter: { ...EXPORTER, command: ['sh', '-c', 'echo no such bucket >&2; exit 3'] } });
  failing = startJob(PLATFORM, 'failing');
});

afterAll(cleanUp);

test('brings back the data of a namespace of which nothing is left but the storage, and no schedule of the new cluster prunes what was brought back', async () => {
  // GIVEN an inventory that has left the cluster
  const [snapshot] = getJson('-n', NAMESPACE, 'volumesnapshots').items;
  inventory('inventory');
  const audit = new AuditLog();
  const { condition, pods: [pod] } = await ended(startJob(PLATFORM, 'inventory'));
  expect([condition.type, pod.runner.exitCode, pod.exporter.exitCode]).toEqual(['Complete', 0, 0]);
  expect(pod.runner.message).toBe('1 snapshots of 1 claims are listed in /inventory/inventory.json, not exported yet');
  const lines = pod.log.split('\n');
  expect(JSON.parse(lines[lines.indexOf('"snapshots": [') + 1])).toMatchObject({
    namespace: NAMESPACE,
    name: snapshot.metadata.name,
    claim: 'data',
    claimUid: getJson('-n', NAMESPACE, 'pvc', 'data').metadata.uid,
    schedule: 'nightly',
    driver: DRIVER,
    handle: `snapshot-${snapshot.metadata.uid}`,
    restoreSize: 104857600,
    volumeMode: 'Filesystem',
    deletionPolicy: 'Retain',
    consistency: 'crash',
    claimSpec: { storage: '100Mi', storageClassName: 'snaplab', accessModes: ['ReadWriteOnce'] },
  });
  const requests = audit.requestsOf(PLATFORM, 'inventory');
  const { rules: [rule] } = getJson('clusterrole', `inventory.${PLATFORM}`);
  expect([...new Set(requests.map(({ verb, resource }) => `${verb} ${resource}`))].sort())
    .toEqual(rule.resources.map((resource: string) => `${rule.verbs[0]} ${rule.apiGroups[0]}/${resource}`));
  expect(requests.filter(({ code }) => code >= 400)).toEqual([]);

  // WHEN all objects are lost, and the repository and the list are applied to an empty cluster
  freshNamespace(NAMESPACE);
  for (const { metadata } of contents()) { kubectl(['delete', 'volumesnapshotcontent', metadata.name, '--wait=true', '--timeout=60s']); }
  expect(storedSnapshots()).toContain(snapshot.metadata.uid);
  applyChart(undefined, chart => new ImportedSnapshots(chart, 'Import', { inventory: pod.log }));
  applyChart(NAMESPACE, application);
  const { name } = snapshot.metadata;
  await eventually('it is ready', 60, () => getJson('-n', NAMESPACE, 'volumesnapshot', name).status?.readyToUse);
  kubectl(['-n', NAMESPACE, 'create', 'configmap', 'restore-request', '--from-literal=names=same']);
  expect(await runJob(NAMESPACE, 'restore')).toMatchObject({ succeeded: true });

  // THEN the data is there, in a claim like the lost one
  expect(getJson('-n', NAMESPACE, 'pvc', 'data').spec).toMatchObject({
    storageClassName: 'snaplab', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '100Mi' } },
  });
  expect(await onClaim('data', 'cat /data/file')).toBe(TEXT);
  applyChart(NAMESPACE, chart => new RestoredPvc(chart, 'Again', {
    metadata: { name: 'again' }, snapshot: SnapshotRef.fromName(name), size: Size.mebibytes(100), storageClassName: 'snaplab',
  }));
  expect(await onClaim('again', 'cat /data/file')).toBe(TEXT);

  // AND a schedule of the same id that keeps one snapshot does not count it
  expect(await runJob(NAMESPACE, 'nightly')).toMatchObject({ succeeded: true });
  expect(names('-n', NAMESPACE, 'volumesnapshots')).toHaveLength(2);
  expect(names('-n', NAMESPACE, 'volumesnapshots')).toContain(name);
});

test('with nothing to list where something is expected, nothing is exported, and what was exported stays', async () => {
  inventory('empty', { namespaces: [NAMESPACE, EMPTY] });
  const { condition, pods: [pod] } = await ended(startJob(PLATFORM, 'empty'));
  expect(condition).toMatchObject({ type: 'Failed', reason: 'PodFailurePolicy', message: expect.stringContaining('Container runner for pod') });
  expect([pod.runner.exitCode, pod.exporter]).toEqual([1, undefined]);
  expect(pod.runner.message).toContain(`0 snapshots in namespace '${EMPTY}' can be listed, and minimumSnapshots is 1`);
  inventory('keeps', { exporter: { ...EXPORTER, command: ['cat', '/offsite/inventory.json'] } });
  const { pods: [after] } = await ended(startJob(PLATFORM, 'keeps'));
  expect(JSON.parse(after.log)).toMatchObject({ kind: 'SnapshotInventory', snapshots: [{ namespace: NAMESPACE }] });
});

test('the container that exports has no token of the service account', async () => {
  inventory('token', { exporter: { ...EXPORTER, command: ['sh', '-c', 'ls /var/run/secrets /run/secrets 2>&1; true'] } });
  const { pods: [pod] } = await ended(startJob(PLATFORM, 'token'));
  expect(pod.log).not.toContain('kubernetes.io');
});

test('an export that fails is a Job that has failed, and its own words say why', async () => {
  const { condition, pods } = await ended(failing);
  expect(condition).toMatchObject({ type: 'Failed', reason: 'BackoffLimitExceeded' });
  expect(pods).toHaveLength(2);
  expect(pods.map(({ runner, exporter }) => [runner.exitCode, exporter.exitCode, exporter.message.trim()])).toEqual(pods.map(() => [0, 3, 'no such bucket']));
});
