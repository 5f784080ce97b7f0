import { Chart, Cron, Duration, Size } from 'cdk8s';
import { apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, kubectl, names, runJob, STORAGE_CLASS } from './cluster';
import {
  CsiDriver, DeletionPolicy, GroupSnapshotApiVersion, GroupSnapshotClass, GroupSnapshotClassProps, PrunedStorage, Quiesce, RestoredPvc,
  RetentionPolicy, ScheduledSnapshot, ScheduledSnapshotProps, SnapshotRef, SnapshotSource,
} from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-groups';
const LABELS = { app: 'db' };
const GROUPS = 'volumegroupsnapshots.groupsnapshot.storage.k8s.io';

/** A pod that has the claims, each under its own name. */
function podOf(name: string, ...claims: string[]): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NAMESPACE },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{
        name, image: 'busybox:1.36', command: ['sh', '-c', 'sleep 3600'], volumeMounts: claims.map(each => ({ name: each, mountPath: `/${each}` })),
      }],
      volumes: claims.map(each => ({ name: each, persistentVolumeClaim: { claimName: each } })),
    },
  };
}

const running = (pod: string) => eventually(`pod ${pod} runs`, 60, () => getJson('-n', NAMESPACE, 'pod', pod).status.phase === 'Running');
const shell = (pod: string, script: string) => kubectl(['-n', NAMESPACE, 'exec', pod, '--', 'sh', '-c', script]).trim();

beforeAll(async () => {
  freshNamespace(NAMESPACE);
  apply(['data', 'wal'].map(name => claim(NAMESPACE, name, { labels: LABELS })));
  await bound(NAMESPACE, 'data', 'wal');
  apply([podOf('db', 'data', 'wal')]);
  await running('db');
});

function schedule(name: string, props: Partial<ScheduledSnapshotProps> = {}, ofClass: Partial<GroupSnapshotClassProps> = {}): void {
  const { deletionPolicy = DeletionPolicy.DELETE, apiVersion } = ofClass;
  applyChart(NAMESPACE, (chart: Chart) => new ScheduledSnapshot(chart, 'Schedule', {
    metadata: { name },
    source: SnapshotSource.fromSelector(LABELS),
    groupSnapshotClass: new GroupSnapshotClass(chart, 'Class', {
      metadata: { name: `e2e-groups-${deletionPolicy.toLowerCase()}` }, driver: CsiDriver.of(DRIVER), deletionPolicy, apiVersion,
    }),
    schedule: Cron.schedule({ hour: '4', minute: '15' }),
    suspend: true,
    readyTimeout: Duration.seconds(60),
    ...props,
  }));
}

const groupsOf = (id: string): any[] => getJson('-n', NAMESPACE, GROUPS, '-l', `cdk8s-volume-snapshots/schedule=${id}`).items;
const membersOf = (group: any): any[] => getJson('-n', NAMESPACE, 'volumesnapshots', '-l', `cdk8s-volume-snapshots/group=${group.metadata.name}`).items;
const claimsOf = (group: any) => membersOf(group).map(member => member.spec.source.persistentVolumeClaimName).sort();
const newestOf = (id: string) => groupsOf(id).sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? 1 : -1))[0];
const memberOf = (group: any, claimName: string): string =>
  membersOf(group).find(member => member.spec.source.persistentVolumeClaimName === claimName).metadata.name;
const contentsOf = (members: any[]) => members.map(member => member.status.boundVolumeSnapshotContentName as string);

test('two claims are snapshotted as a group, and each member is restored to a claim of its own', async () => {
  schedule('pair', { retention: RetentionPolicy.keepLast(1) });
  shell('db', 'echo before > /data/file; echo before > /wal/file; sync');
  const end = await runJob(NAMESPACE, 'pair');
  expect(end).toMatchObject({ succeeded: true });
  expect(end.message).toMatch(/^2 of 2 claims have their snapshot in group 'pair-manual-[0-9a-f]{8}'/);
  const [group] = groupsOf('pair');
  expect(group).toMatchObject({ apiVersion: expect.any(String), status: { readyToUse: true } });
  expect(claimsOf(group)).toEqual(['data', 'wal']);
  // the retention of single snapshots goes by this label
  expect(membersOf(group).flatMap(member => Object.keys(member.metadata.labels))).not.toContain('cdk8s-volume-snapshots/schedule');

  shell('db', 'echo after > /data/file; echo after > /wal/file; sync');
  applyChart(NAMESPACE, chart => {
    for (const name of ['data', 'wal']) {
      new RestoredPvc(chart, `Restored${name}`, {
        metadata: { name: `restored-${name}`, labels: LABELS },
        snapshot: SnapshotRef.fromName(memberOf(group, name)),
        size: Size.mebibytes(100),
        storageClassName: STORAGE_CLASS,
      });
    }
  });
  await bound(NAMESPACE, 'restored-data', 'restored-wal');
  apply([podOf('look', 'restored-data', 'restored-wal')]);
  await running('look');
  expect(shell('look', 'cat /restored-data/file /restored-wal/file')).toBe('before\nbefore');
  expect(shell('db', 'cat /data/file /wal/file')).toBe('after\nafter');
});

test('the next group leaves out the restored claims, also one that has the mark of the last group, and the old group goes with its members and their storage', async () => {
  const [old] = groupsOf('pair');
  const oldContents = contentsOf(membersOf(old));
  expect(oldContents).toHaveLength(2);
  // as a copy of the claim's manifest brings it along
  const mark = 'group.cdk8s-volume-snapshots/pair';
  expect(getJson('-n', NAMESPACE, 'pvc', 'data').metadata.labels[mark]).toBe(old.metadata.name);
  kubectl(['-n', NAMESPACE, 'label', 'pvc', 'restored-data', `${mark}=${old.metadata.name}`]);
  const end = await runJob(NAMESPACE, 'pair');
  expect(end).toMatchObject({ succeeded: true });
  expect(end.message).toContain('1 pruned; 1 kept');
  await eventually('the old group is gone', 60, () => groupsOf('pair').length === 1);
  const [group] = groupsOf('pair');
  expect(group.metadata.name).not.toBe(old.metadata.name);
  expect(claimsOf(group)).toEqual(['data', 'wal']);
  await eventually('its contents are gone', 60, () => !names('volumesnapshotcontents').some(name => oldContents.includes(name)));
  expect(names('volumegroupsnapshotcontents')).not.toContain(old.status.boundVolumeGroupSnapshotContentName);
});

test('a member that is held keeps its group', async () => {
  const held = newestOf('pair');
  kubectl(['-n', NAMESPACE, 'annotate', 'volumesnapshot', memberOf(held, 'wal'), 'cdk8s-volume-snapshots/hold=ticket-7']);
  const end = await runJob(NAMESPACE, 'pair');
  expect(end).toMatchObject({ succeeded: true });
  expect(end.message).toContain('0 pruned; 2 kept, 1 of them held');
  expect(getJson('-n', NAMESPACE, GROUPS, held.metadata.name).metadata.deletionTimestamp).toBeUndefined();
  expect(claimsOf(held)).toEqual(['data', 'wal']);
});

test('a member that is deleted by hand stays with its group', async () => {
  const group = newestOf('pair');
  const member = memberOf(group, 'data');
  kubectl(['-n', NAMESPACE, 'delete', 'volumesnapshot', member, '--wait=false']);
  const { metadata, status } = getJson('-n', NAMESPACE, 'volumesnapshot', member);
  expect(metadata.finalizers).toContain('snapshot.storage.kubernetes.io/volumesnapshot-in-group-protection');
  expect(names('volumesnapshotcontents')).toContain(status.boundVolumeSnapshotContentName);
});

test('a group whose application is held is called consistent, with its members', async () => {
  schedule('quiet', { quiesce: Quiesce.custom({ quiesce: 'touch /data/frozen', release: 'rm -f /data/frozen' }) });
  const end = await runJob(NAMESPACE, 'quiet');
  expect(end).toMatchObject({ succeeded: true });
  expect(end.message).toMatch(/data: application-consistent, held for \d+ ms/);
  const [group] = groupsOf('quiet');
  const all = [group, ...membersOf(group)];
  expect(all.map(each => each.metadata.labels['cdk8s-volume-snapshots/consistency'])).toEqual(['application', 'application', 'application']);
  // the file of the hold is in the snapshot, and gone from the volume
  expect(shell('db', 'ls /data')).not.toContain('frozen');
  apply([{
    ...claim(NAMESPACE, 'frozen') as any,
    spec: { ...(claim(NAMESPACE, 'frozen') as any).spec, dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: memberOf(group, 'data') } },
  }]);
  await bound(NAMESPACE, 'frozen');
  apply([podOf('frozen', 'frozen')]);
  await running('frozen');
  expect(shell('frozen', 'ls /frozen')).toContain('frozen');
});

test('claims that are named are found by no other labels, in version v1 of the API too', async () => {
  schedule('named', { source: SnapshotSource.fromClaimName('data') }, { apiVersion: GroupSnapshotApiVersion.V1 });
  expect(await runJob(NAMESPACE, 'named')).toMatchObject({ succeeded: true });
  expect(claimsOf(groupsOf('named')[0])).toEqual(['data']);
});

test('a claim that is not bound is said, and the others have their group', async () => {
  apply([claim(NAMESPACE, 'unbound', { storageClassName: 'there-is-none' })]);
  schedule('some', { source: SnapshotSource.fromClaimName('data') });
  applyChart(NAMESPACE, chart => {
    const made = new ScheduledSnapshot(chart, 'Schedule', {
      metadata: { name: 'some' },
      source: SnapshotSource.fromClaimName('data'),
      groupSnapshotClass: GroupSnapshotClass.fromGroupSnapshotClassName(chart, 'Class', 'e2e-groups-delete', { deletionPolicy: DeletionPolicy.DELETE }),
      schedule: Cron.schedule({ hour: '4', minute: '15' }),
      suspend: true,
    });
    made.addSource(SnapshotSource.fromClaimName('unbound'));
  });
  const end = await runJob(NAMESPACE, 'some');
  expect(end).toMatchObject({ succeeded: false, exitCode: 1 });
  expect(end.message).toMatch(/1 of 2 claims.*FAILED unbound: the claim is Pending, not Bound/);
  expect(claimsOf(groupsOf('some')[0])).toEqual(['data']);
});

test('storage of groups that is kept stays when they are pruned, and is given back by hand', async () => {
  schedule('kept', { retention: RetentionPolicy.keepLast(1), prunedStorage: PrunedStorage.KEEP }, { deletionPolicy: DeletionPolicy.RETAIN });
  expect(await runJob(NAMESPACE, 'kept')).toMatchObject({ succeeded: true });
  const [old] = groupsOf('kept');
  const contents = contentsOf(membersOf(old));
  const groupContent = old.status.boundVolumeGroupSnapshotContentName;
  expect(await runJob(NAMESPACE, 'kept')).toMatchObject({ succeeded: true });
  await eventually('the old group is gone, and its members', 60, () => groupsOf('kept').length === 1 && membersOf(old).length === 0);
  expect(names('volumesnapshotcontents')).toEqual(expect.arrayContaining(contents));
  expect(names('volumegroupsnapshotcontents')).toContain(groupContent);

  // as the page of GroupSnapshotClass says
  const policy = ['--type=merge', '-p', '{"spec":{"deletionPolicy":"Delete"}}'];
  for (const name of contents) { kubectl(['patch', 'volumesnapshotcontent', name, ...policy]); }
  kubectl(['patch', 'volumegroupsnapshotcontent', groupContent, ...policy]);
  kubectl(['delete', 'volumegroupsnapshotcontent', groupContent, '--timeout=60s']);
  kubectl(['delete', 'volumesnapshotcontents', ...contents, '--timeout=60s']);
});
