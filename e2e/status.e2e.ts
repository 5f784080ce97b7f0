import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cron } from 'cdk8s';
import { buildSync } from 'esbuild';
import { apply, applyChart, bound, claim, DRIVER, freshNamespace, getJson, kubectl, runJob, WAITING_STORAGE_CLASS } from './cluster';
import { openRunbook } from './runbook';
import {
  CsiDriver, DeletionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotRbac, SnapshotRestore, SnapshotSource, SnapshotSubject,
} from 'cdk8s-volume-snapshots';

// as the commands of the page say
const NAMESPACE = 'shop';
const ROOT = join(__dirname, '..');
const runbook = openRunbook('status.md');
const { directory } = runbook;

/** What the command says, and its exit code. */
function status(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const { status: code, stdout, stderr } = spawnSync(join(directory, 'node_modules', '.bin', 'cdk8s-volume-snapshots'), ['status', ...args], { encoding: 'utf8' });
  return { code, stdout, stderr };
}

/** As npm would install it, so that npx finds it. */
function install(): void {
  const at = (...path: string[]) => join(directory, 'node_modules', ...path);
  mkdirSync(at('cdk8s-volume-snapshots', 'bin'), { recursive: true });
  mkdirSync(at('.bin'));
  copyFileSync(join(ROOT, 'bin', 'cdk8s-volume-snapshots'), at('cdk8s-volume-snapshots', 'bin', 'cdk8s-volume-snapshots'));
  symlinkSync('../cdk8s-volume-snapshots/bin/cdk8s-volume-snapshots', at('.bin', 'cdk8s-volume-snapshots'));
  symlinkSync(join(ROOT, 'node_modules'), at('cdk8s-volume-snapshots', 'node_modules'));
  buildSync({
    entryPoints: [join(ROOT, 'src', 'cli', 'main.ts')], outfile: at('cdk8s-volume-snapshots', 'lib', 'cli', 'main.js'), bundle: true, platform: 'node', packages: 'external',
  });
}

/** A kubeconfig of a service account that may do what a grant gives. */
function kubeconfigOf(account: string): string {
  kubectl(['-n', NAMESPACE, 'create', 'serviceaccount', account]);
  applyChart(NAMESPACE, chart => new SnapshotRbac(chart, 'Rbac', { metadata: { name: `${account}-rbac` } }).grantView(SnapshotSubject.serviceAccount(account, NAMESPACE)));
  const file = join(directory, 'viewer.yaml');
  const config = JSON.parse(kubectl(['config', 'view', '--raw', '--minify', '--flatten', '-o', 'json']));
  const token = kubectl(['-n', NAMESPACE, 'create', 'token', account]).trim();
  writeFileSync(file, JSON.stringify({ ...config, users: config.users.map(({ name }: any) => ({ name, user: { token } })) }), { mode: 0o600 });
  return file;
}

beforeAll(async () => {
  install();
  freshNamespace(NAMESPACE);
  apply([claim(NAMESPACE, 'data-postgres-0'), claim(NAMESPACE, 'waiting', { storageClassName: WAITING_STORAGE_CLASS })]);
  await bound(NAMESPACE, 'data-postgres-0');
  applyChart(NAMESPACE, chart => {
    const snapshotClass = new SnapshotClass(chart, 'Class', { metadata: { name: 'e2e-status' }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.DELETE });
    const schedule = new ScheduledSnapshot(chart, 'Nightly', {
      metadata: { name: 'postgres-nightly' }, source: SnapshotSource.fromClaimName('data-postgres-0'), snapshotClass, schedule: Cron.schedule({ hour: '3', minute: '15' }),
    });
    new SnapshotRestore(chart, 'Restore', { metadata: { name: 'postgres-restore' }, schedule });
    new ScheduledSnapshot(chart, 'Waiting', {
      metadata: { name: 'waiting' }, source: SnapshotSource.fromClaimName('waiting'), snapshotClass, schedule: Cron.schedule({ hour: '3', minute: '15' }),
    });
  });
  expect(await runJob(NAMESPACE, 'postgres-nightly')).toMatchObject({ succeeded: true });
  expect(await runJob(NAMESPACE, 'waiting')).toMatchObject({ succeeded: false });
});

const newest = () => getJson('-n', NAMESPACE, 'volumesnapshots', '-l', 'cdk8s-volume-snapshots/schedule=postgres-nightly').items[0].metadata.name;

test('the command shows what is good, and what a claim without a volume costs, and its proposals can be run', () => {
  const { code, stdout } = status('-n', NAMESPACE, '--strict');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^Needs attention: 2\n/);
  expect(stdout).toContain('!  claim shop/waiting: has no good snapshot of schedule waiting; see why its newest run failed\n');
  expect(stdout.replace(/\s+/g, ' ')).toContain('no run has succeeded yet: 0 of 1 claims have their snapshot; FAILED waiting: the claim is Pending, not Bound');
  expect(stdout).toMatch(new RegExp(`^shop/data-postgres-0: the newest good one is ${newest()}, \\d+s? ?\\w* old; 1 good one$`, 'm'));
  expect(stdout).toMatch(new RegExp(`^${newest()} +20\\S+Z +\\S+ +ready +\\S+ +crash +–$`, 'm'));
  const [log] = /^ {3}kubectl -n shop logs .*$/m.exec(stdout)!;
  expect(execFileSync('sh', ['-c', log], { encoding: 'utf8' })).toContain('the claim is Pending');
  expect(status('-n', NAMESPACE, '--claim', 'data-postgres-0', '--strict')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Nothing needs attention/) });
});

test('the page: its commands run as they are written, and show the same', () => {
  kubectl(['-n', NAMESPACE, 'label', 'volumesnapshot', newest(), 'cdk8s-volume-snapshots/hold=before-version-15', 'cdk8s-volume-snapshots/verified=true']);
  kubectl(['-n', NAMESPACE, 'annotate', 'volumesnapshot', newest(), 'cdk8s-volume-snapshots/verified-at=2026-02-08T05:44:00.000Z', 'cdk8s-volume-snapshots/recovery-seconds=134']);
  apply([{
    apiVersion: 'snapshot.storage.k8s.io/v1', kind: 'VolumeSnapshot', metadata: { name: 'by-hand', namespace: NAMESPACE }, spec: { volumeSnapshotClassName: 'no-such-class', source: { persistentVolumeClaimName: 'data-postgres-0' } },
  }]);
  const line = (text: string) => new RegExp(`^${text}$`, 'm');
  expect(runbook.step()).toContain("held by 'hold'=before-version-15");
  expect(runbook.step()).toContain(`the newest good one is ${newest()}`);
  // by kubectl alone
  expect(runbook.step()).toMatch(line(`${newest()} +data-postgres-0 +20\\S+Z +true +\\d\\S+ +crash +postgres-nightly`));
  expect(runbook.step()).toMatch(line(`${newest()}  20\\S+Z`));
  const notReady = runbook.step();
  expect(notReady).toMatch(/^by-hand +/m);
  expect(notReady).not.toContain(newest());
  expect(runbook.step()).toMatch(line(`${newest()} +2026-02-08T05:44:00.000Z +134`));
  expect(runbook.step()).toMatch(line(`${newest()} +before-version-15 +<none> +<none> +<none>`));
  expect(runbook.step()).toMatch(line('postgres-nightly +15 3 \\* \\* \\* +false +<none> +20\\S+Z'));
  expect(runbook.step()).toMatch(new RegExp(`^\\S+ +0 +1 of 1 claims have their snapshot \\(${newest()}\\)`, 'm'));
  expect(runbook.step()).toMatch(/ScheduledSnapshotReady .* is ready/);
  expect(runbook.step()).toMatch(line('data-postgres-0 +Bound +<none> +<none>'));
  expect(runbook.step()).toMatch(line('by-hand +data-postgres-0 +<none>'));
  expect(runbook.blocks).toEqual([]);
});

test('with the least rights of a person all but the claims is seen, and what is missing is said', () => {
  const kubeconfig = kubeconfigOf('viewer');
  const { code, stdout } = status('--kubeconfig', kubeconfig, '-n', NAMESPACE);
  expect(code).toBe(0);
  expect(stdout).toContain(`the newest good one is ${newest()}`);
  expect(stdout.replace(/\s+/g, ' ')).toContain("Not seen: ? which claims are there, and what is being restored: the right to list persistentvolumeclaims in namespace 'shop' is missing");
  expect(stdout).toContain(`kubectl --kubeconfig ${kubeconfig} -n shop logs `);
  expect(stdout).not.toContain('is gone');
  expect(status('--kubeconfig', kubeconfig, '-A')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/nothing could be seen: .*volumesnapshots.* in all namespaces is missing .*name a namespace by -n/) });
});

test('a server that is not there is told in kubectl\'s words', () => {
  const file = join(directory, 'nowhere.yaml');
  writeFileSync(file, JSON.stringify({
    'apiVersion': 'v1', 'kind': 'Config', 'current-context': 'x', 'contexts': [{ name: 'x', context: { cluster: 'x', user: 'x' } }], 'clusters': [{ name: 'x', cluster: { server: 'https://127.0.0.1:1' } }], 'users': [{ name: 'x', user: { token: 'x' } }],
  }));
  expect(status('--kubeconfig', file)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/kubectl failed: .*refused/) });
  expect(status('--context', 'no-such-context')).toMatchObject({ code: 2, stderr: expect.stringMatching(/kubectl failed: .*context.*no-such-context/) });
});
