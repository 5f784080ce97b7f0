import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';
import { Cron } from 'cdk8s';
import { ago, claim, cronJobs, fakeKubectl, HOURS, NOW, run, snapshot } from './cluster';
import { commandAt } from './command';
import { DeletionPolicy, GroupSnapshotClass, ScheduledSnapshot, SnapshotSource } from '../../src';
import { ask } from '../../src/cli/status/kubectl';

const LISTS = {
  'volumesnapshots.snapshot.storage.k8s.io': [snapshot('data-1', 'data', { age: 60, schedule: 'nightly' })],
  'cronjobs.batch': cronJobs(chart => new ScheduledSnapshot(chart, 'Nightly', {
    metadata: { name: 'nightly' }, source: SnapshotSource.fromClaimName('data'), schedule: Cron.schedule({ minute: '0', hour: '11' }),
  }), { nightly: { lastScheduleTime: ago(60), lastSuccessfulTime: ago(59) } }),
  'persistentvolumeclaims': [claim('data')],
  'pods': [run('nightly', 'nightly-1', 59, 0, 'all well')],
};
type Resource = keyof typeof LISTS;
const SNAPSHOTS = 'volumesnapshots.snapshot.storage.k8s.io';

let directory: string;
beforeEach(() => { directory = mkdtempSync(join(tmpdir(), 'kubectl-')); });
afterEach(() => rmSync(directory, { recursive: true }));

const forbidden = (resource: string) => `echo 'Error from server (Forbidden): ${resource} is forbidden: User "jane" cannot list resource "${resource}" in API group "" in the namespace "shop"' >&2; exit 1`;

/** The command on a cluster that answers with the lists, unless a resource has other lines of shell. */
function status(other: { readonly [resource in Resource]?: string } = {}, ...options: string[]) {
  const answers = Object.entries(LISTS).map(([resource, items]) => {
    const file = join(directory, `${resource}.json`);
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    return `${resource}) ${other[resource as Resource] ?? `cat '${file}'`} ;;`;
  });
  return commandAt(NOW, 'status', '--kubectl', fakeKubectl(directory, answers.join('\n')), ...options);
}

const asked = () => readFileSync(join(directory, 'asked'), 'utf8').trim().split('\n');

test('what the cluster has is shown, by four lists and no more', async () => {
  const { code, stderr, stdout } = await status({}, '--strict');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^Nothing needs attention\.\n\nSchedule shop\/nightly /);
  expect(stdout).toContain('shop/data: the newest good one is data-1, 1h old');
  const [first, ...others] = asked();
  expect(first).toBe(`get ${SNAPSHOTS} --request-timeout=30s --output=json`);
  expect(others.sort()).toEqual([
    'get cronjobs.batch --request-timeout=30s --output=json',
    'get persistentvolumeclaims --request-timeout=30s --output=json',
    'get pods --selector=cdk8s-volume-snapshots/schedule --request-timeout=30s --output=json',
  ]);
});

test('the cluster that is meant is handed on, also to the commands that are proposed', async () => {
  const { stdout } = await status({ [SNAPSHOTS]: 'echo \'{"items":[]}\'' }, '-n', 'shop', '--context', "jane's cluster", '--kubeconfig', 'kube.yaml');
  expect(asked()).toHaveLength(4);
  for (const line of asked()) { expect(line).toContain("--kubeconfig=kube.yaml --context=jane's cluster --namespace=shop --request-timeout"); }
  expect(stdout.replace(/\s+/g, ' ')).toContain("kubectl --kubeconfig kube.yaml --context 'jane'\\''s cluster' -n shop create job nightly-$(date +%s) --from=cronjob/nightly");
  await status({}, '-A');
  expect(asked()[4]).toContain(' --all-namespaces ');
});

test.each<[Resource, string]>([
  ['cronjobs.batch', 'which schedules there are, and whether their runs succeed'],
  ['persistentvolumeclaims', 'which claims are there, and what is being restored'],
  ['pods', 'what the runs say'],
])('without the right to list %s the rest is shown, and which right is missing', async (resource, tells) => {
  const { code, stdout } = await status({ [resource]: forbidden(resource) }, '-n', 'shop');
  expect(code).toBe(0);
  expect(stdout.replace(/\s+/g, ' ')).toContain(`Not seen: ? ${tells}: the right to list ${resource} in namespace 'shop' is missing (Error from server (Forbidden):`);
  expect(stdout).toContain('the newest good one is data-1');
  expect(await status({ [resource]: forbidden(resource) }, '--strict')).toMatchObject({ code: 1 });
});

test('without the right to list snapshots, the schedules and their runs are shown', async () => {
  const { code, stdout } = await status({ [SNAPSHOTS]: forbidden('volumesnapshots') });
  expect(code).toBe(0);
  expect(stdout).toContain('?  which snapshots there are: the right to list volumesnapshots.snapshot.storage.k8s.io in the namespace of the context');
  expect(stdout).toContain('Schedule shop/nightly (0 11 * * * Etc/UTC): last success 59m ago');
  expect(stdout).not.toContain('GOOD SNAPSHOT');
  expect(stdout).not.toContain('no good snapshot');
});

test('where neither snapshots nor schedules may be seen, it does not say that there are none, nor that all is well', async () => {
  const hidden = { [SNAPSHOTS]: forbidden('volumesnapshots'), 'cronjobs.batch': forbidden('cronjobs') };
  const { stdout } = await status(hidden);
  expect(stdout).toMatch(/^Of what could be seen, there is no schedule, and no snapshot\. /);
  expect((await status({ 'cronjobs.batch': forbidden('cronjobs') })).stdout).toMatch(/^Of what could be seen, nothing needs attention\.\n/);
});

test('without any right, it says so and fails', async () => {
  const nothing = Object.fromEntries(Object.keys(LISTS).map(resource => [resource, forbidden(resource)]));
  expect(await status(nothing, '-A')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/nothing could be seen: the right to list volumesnapshots\S+ in all namespaces is missing .*; name a namespace by -n/) });
});

test('a cluster without the snapshot API is told as that', async () => {
  const absent = 'echo \'error: the server doesn\'"\'"\'t have a resource type "volumesnapshots"\' >&2; exit 1';
  const { code, stdout } = await status({ [SNAPSHOTS]: absent }, '--strict');
  expect(code).toBe(1);
  expect(stdout.replace(/\s+/g, ' ')).toContain('! cluster: no snapshot can be taken; the cluster has no VolumeSnapshot API; install the snapshot CRDs and the snapshot controller');
});

test('groups are looked at only where there are some, and a cluster that no longer knows them is no error', async () => {
  const member = snapshot('data-1', 'data', { age: 60, labels: { 'cdk8s-volume-snapshots/group': 'g' } });
  const { code, stdout } = await status({ [SNAPSHOTS]: `echo '${JSON.stringify({ items: [member] })}'` });
  expect(code).toBe(0);
  expect(asked()[4]).toContain('get volumegroupsnapshots.groupsnapshot.storage.k8s.io ');
  expect(stdout).not.toContain('groups');
});

test('of a schedule of groups, also the groups are looked at that have no member', async () => {
  const [grouped] = cronJobs(chart => new ScheduledSnapshot(chart, 'Nightly', {
    metadata: { name: 'nightly' },
    source: SnapshotSource.fromClaimName('data'),
    schedule: Cron.schedule({ minute: '0', hour: '11' }),
    groupSnapshotClass: GroupSnapshotClass.fromGroupSnapshotClassName(chart, 'Class', 'groups', { deletionPolicy: DeletionPolicy.DELETE }),
  }));
  await status({ 'cronjobs.batch': `cat <<'END'\n${JSON.stringify({ items: [grouped] })}\nEND\n` });
  expect(asked()[4]).toContain('get volumegroupsnapshots.groupsnapshot.storage.k8s.io ');
});

describe('where kubectl is of no use, it fails, and says what to do', () => {
  test('since it is not there', async () => {
    expect(await commandAt(NOW, 'status', '--kubectl', '/no/such/kubectl')).toEqual({
      code: 2, stdout: '', stderr: 'cdk8s-volume-snapshots: /no/such/kubectl: cannot be run (there is no such program); install kubectl, or name it by --kubectl\n',
    });
  });

  test('since the server cannot be reached, or does not know the user: in its own words', async () => {
    const refused = 'echo "E1 memcache.go: dial tcp 10.0.0.1:6443" >&2; echo "The connection to the server 10.0.0.1:6443 was refused - did you specify the right host or port?" >&2; exit 1';
    expect(await status({ [SNAPSHOTS]: refused })).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/failed: The connection to the server .* was refused .*; see whether \S+ get pods works, with the same options\n$/) });
    expect(asked()).toHaveLength(1);
  });

  test('since it asks a question that nobody sees', async () => {
    expect(await status({ [SNAPSHOTS]: 'printf "Please enter Username: "; read -r name || { echo "error: EOF" >&2; exit 1; }' }))
      .toMatchObject({ code: 2, stderr: expect.stringContaining('failed: error: EOF; see whether') });
  });

  test('since it prints no list', async () => {
    expect(await status({ [SNAPSHOTS]: 'echo "<html>"' })).toMatchObject({ code: 2, stderr: expect.stringContaining('failed: what it printed is no list in JSON; see whether') });
  });
});

test('one list that fails does not hide the others', async () => {
  const { code, stdout } = await status({ pods: 'echo "{"' });
  expect(code).toBe(0);
  expect(stdout).toMatch(/\?  what the runs say: \S+ failed: what it printed\s+is no list in JSON; try again/);
  expect(stdout).toContain('the newest good one is data-1');
});

test('one that gives no answer is ended, and not waited for', async () => {
  const program = fakeKubectl(directory, 'pods) sleep 20 ;;');
  const begun = Date.now();
  expect(await ask({ program, allNamespaces: false }, 'pods', undefined, 200)).toEqual({ kind: 'failed', words: 'it gave no answer within 0.2 s' });
  expect(Date.now() - begun).toBeLessThan(5_000);
});

test('no name is more than a name', async () => {
  await status({}, '-n', `$(touch ${directory}/made); --token=x`, '--context', '`touch made`');
  expect(asked()[0]).toContain(`--context=\`touch made\` --namespace=$(touch ${directory}/made); --token=x --request-timeout`);
  expect(() => readFileSync(join(directory, 'made'))).toThrow();
});

test('lists of some size are read whole', async () => {
  const items = Array.from({ length: 3000 }, (_, i) => snapshot(`data-${i}`, 'data', { age: i * HOURS, schedule: 'nightly', annotations: { filler: 'x'.repeat(300) } }));
  const file = join(directory, 'large.json');
  writeFileSync(file, JSON.stringify({ items }));
  expect((await status({ [SNAPSHOTS]: `cat '${file}'` })).stdout).toContain('and 2995 more, the oldest from');
});
