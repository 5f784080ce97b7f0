import { Chart, Cron, Duration } from 'cdk8s';
import { apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, kubectl, runJob } from '../cluster';
import { AuditedRequest, AuditLog, storedMembersOf } from './knobs';
import {
  CsiDriver, DeletionPolicy, GroupSnapshotClass, Quiesce, RetentionPolicy, ScheduledSnapshot, ScheduledSnapshotProps, SnapshotSource,
} from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-groups-rights';
const GROUPS = 'volumegroupsnapshots.groupsnapshot.storage.k8s.io';

beforeAll(async () => {
  freshNamespace(NAMESPACE);
  apply(['a', 'b'].map(name => claim(NAMESPACE, name, { labels: { backup: 'yes' } })));
  apply([{
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'app', namespace: NAMESPACE },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'app', image: 'busybox:1.36', command: ['sh', '-c', 'sleep 3600'], volumeMounts: [{ name: 'a', mountPath: '/a' }] }],
      volumes: [{ name: 'a', persistentVolumeClaim: { claimName: 'a' } }],
    },
  }]);
  await bound(NAMESPACE, 'a', 'b');
  await eventually('the pod runs', 60, () => getJson('-n', NAMESPACE, 'pod', 'app').status.phase === 'Running');
});

function schedule(name: string, props: Partial<ScheduledSnapshotProps>, ...more: SnapshotSource[]): void {
  applyChart(NAMESPACE, (chart: Chart) => {
    const made = new ScheduledSnapshot(chart, 'Schedule', {
      metadata: { name },
      source: SnapshotSource.fromSelector({ backup: 'yes' }),
      groupSnapshotClass: new GroupSnapshotClass(chart, 'Class', {
        metadata: { name: 'e2e-groups-rights' }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.DELETE,
      }),
      schedule: Cron.schedule({ hour: '4', minute: '15' }),
      suspend: true,
      retention: RetentionPolicy.keepLast(1),
      readyTimeout: Duration.seconds(60),
      ...props,
    });
    more.forEach(source => made.addSource(source));
  });
}

const rulesOf = (role: string): any[] => getJson('-n', NAMESPACE, 'role', role).rules;

/** The Role's rules as lines 'verb resource'. */
const grantedBy = (role: string) => rulesOf(role).flatMap(rule => rule.verbs.flatMap((verb: string) => rule.resources.map((resource: string) =>
  `${verb} ${[rule.apiGroups[0], resource].filter(Boolean).join('/')}`))).sort();

/** Requests in the same form; the audit log has no subresources. */
const used = (requests: AuditedRequest[]) => [...new Set(requests.map(({ verb, resource }) => `${verb} ${resource}`))].sort();

test.each<[string, () => Partial<ScheduledSnapshotProps>, SnapshotSource[], string[] | undefined]>([
  ['selected', () => ({}), [], undefined],
  ['named', () => ({ source: SnapshotSource.fromClaimName('a') }), [SnapshotSource.fromClaimName('b')], ['a', 'b']],
])('every right of a schedule of a group whose claims are %s is used, and nothing else is asked for', async (name, props, more, marked) => {
  schedule(name, props(), ...more);
  const audit = new AuditLog();
  for (let run = 0; run < 2; run += 1) { expect(await runJob(NAMESPACE, name)).toMatchObject({ succeeded: true }); }
  const requests = audit.requestsOf(NAMESPACE, name);
  expect(used(requests)).toEqual(grantedBy(name));
  expect(requests.filter(request => request.code === 403)).toEqual([]);
  expect(rulesOf(name).find(rule => rule.resources[0] === 'persistentvolumeclaims' && rule.verbs.includes('patch')).resourceNames).toEqual(marked);
});

test('every right of a quiesced schedule of a group is used, but for the other way to start a command', async () => {
  schedule('quiet', { quiesce: Quiesce.custom({ quiesce: ':', release: ':' }) });
  const audit = new AuditLog();
  for (let run = 0; run < 2; run += 1) { expect(await runJob(NAMESPACE, 'quiet')).toMatchObject({ succeeded: true }); }
  const requests = audit.requestsOf(NAMESPACE, 'quiet').map(request => (request.name === 'app' ? { ...request, resource: 'pods/exec' } : request));
  const exec = (line: string) => line.endsWith('pods/exec');
  expect(used(requests).filter(line => !exec(line))).toEqual(grantedBy('quiet').filter(line => !exec(line)));
  expect(used(requests).filter(exec)).toHaveLength(1);
});

test('of two groups, the one that is pruned has left the storage', async () => {
  const [group] = getJson('-n', NAMESPACE, GROUPS, '-l', 'cdk8s-volume-snapshots/schedule=selected').items;
  expect(storedMembersOf(group)).toHaveLength(2);
  expect(await runJob(NAMESPACE, 'selected')).toMatchObject({ succeeded: true });
  await eventually('its data is gone', 60, () => storedMembersOf(group).length === 0);
});

test('the snapshot controller passes over what a selector excludes: why claims get a label of their own on each run', async () => {
  apply([{
    apiVersion: 'groupsnapshot.storage.k8s.io/v1beta2',
    kind: 'VolumeGroupSnapshot',
    metadata: { name: 'excluding', namespace: NAMESPACE },
    spec: {
      volumeGroupSnapshotClassName: 'e2e-groups-rights',
      source: { selector: { matchLabels: { backup: 'yes' }, matchExpressions: [{ key: 'backup', operator: 'DoesNotExist' }] } },
    },
  }]);
  const { metadata } = await eventually('the group is ready', 60, () => {
    const group = getJson('-n', NAMESPACE, GROUPS, 'excluding');
    return group.status?.readyToUse && group;
  });
  const members = getJson('-n', NAMESPACE, 'volumesnapshots').items.filter((each: any) => each.metadata.ownerReferences?.[0].uid === metadata.uid);
  expect(members.map((member: any) => member.spec.source.persistentVolumeClaimName).sort()).toEqual(['a', 'b']);
  kubectl(['-n', NAMESPACE, 'delete', GROUPS, 'excluding', '--timeout=60s']);
});
