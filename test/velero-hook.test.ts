import { spawnSync } from 'child_process';
import { Duration } from 'cdk8s';
import { DatabaseQuiesceOptions, Quiesce, QuiesceFailure, QuiesceOn, VeleroHook } from '../src';

const LABELS = { app: 'db' };
const hookOf = (quiesce: Quiesce, options = {}) => VeleroHook.fromQuiesce(quiesce, { podLabels: LABELS, ...options })._toKube() as any;
const custom = (options = {}) => Quiesce.custom({ quiesce: 'echo now', release: ':', ...options });

describe('a hook of a backup', () => {
  test('is for pods with the labels, before and after the cut', () => {
    expect(hookOf(custom({ container: 'app' }), { namespaces: ['shop'], name: 'app' })).toEqual({
      name: 'app',
      includedNamespaces: ['shop'],
      includedResources: ['pods'],
      labelSelector: { matchLabels: LABELS },
      pre: [{ exec: { container: 'app', command: ['sh', '-c', expect.any(String), 'quiesce', expect.stringContaining('echo now')], onError: 'Fail', timeout: '100s' } }],
      post: [{ exec: { container: 'app', command: ['sh', '-c', expect.any(String), 'release'], onError: 'Fail', timeout: '80s' } }],
    });
  });

  test('is for the pods that the Quiesce names by labels, unless told otherwise', () => {
    const quiesce = custom({ podLabels: { app: 'web' } });
    expect(VeleroHook.fromQuiesce(quiesce)._toKube().labelSelector).toEqual({ matchLabels: { app: 'web' } });
    expect(hookOf(quiesce).labelSelector).toEqual({ matchLabels: LABELS });
  });

  test('waits as long as the application may be held, not the 30 seconds that are usual', () => {
    expect(hookOf(custom({ maxHold: Duration.minutes(10) })).pre[0].exec.timeout).toBe('670s');
  });

  test('says what becomes of a failure, since Velero goes on where nothing is said', () => {
    expect(hookOf(custom()).pre[0].exec.onError).toBe('Fail');
    expect(hookOf(custom({ onFailure: QuiesceFailure.CRASH_CONSISTENT })).post[0].exec.onError).toBe('Continue');
  });

  test('is a script of the shell, of each preset', () => {
    const presets = [Quiesce.postgreSql(), Quiesce.mariaDb(), Quiesce.mySql(), Quiesce.mongoDb(), Quiesce.redis(), Quiesce.cassandra(), Quiesce.fileSystem('/data'), custom()];
    for (const preset of presets) {
      const { pre: [{ exec: pre }], post: [{ exec: post }] } = hookOf(preset);
      for (const script of [pre.command[2], pre.command[4], post.command[2]]) {
        expect(spawnSync('sh', ['-n'], { input: script, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
      }
    }
  });

  test('is not taken for that of another application in the same pod', () => {
    const states = [Quiesce.redis(), custom(), custom({ maxHold: Duration.seconds(7) })].map(quiesce => /cdk8s-volume-snapshots-[0-9a-f]{12}/.exec(hookOf(quiesce).pre[0].exec.command[2])![0]);
    expect(new Set(states).size).toBe(3);
  });
});

describe('annotations', () => {
  test('of a pod are the same hooks', () => {
    const quiesce = custom({ container: 'app' });
    const { pre: [{ exec: pre }], post: [{ exec: post }] } = hookOf(quiesce);
    expect(VeleroHook.annotationsFor(quiesce)).toEqual({
      'pre.hook.backup.velero.io/container': 'app',
      'pre.hook.backup.velero.io/command': JSON.stringify(pre.command),
      'pre.hook.backup.velero.io/on-error': 'Fail',
      'pre.hook.backup.velero.io/timeout': '100s',
      'post.hook.backup.velero.io/container': 'app',
      'post.hook.backup.velero.io/command': JSON.stringify(post.command),
      'post.hook.backup.velero.io/on-error': 'Fail',
      'post.hook.backup.velero.io/timeout': '80s',
    });
  });

  test('name no container if the Quiesce names none; Velero takes the first', () => {
    expect(Object.keys(VeleroHook.annotationsFor(custom()))).not.toContain('pre.hook.backup.velero.io/container');
  });

  test('are for the pods that have them, whatever else chooses pods', () => {
    expect(VeleroHook.annotationsFor(custom({ podNames: ['app-0'] }))).toEqual(VeleroHook.annotationsFor(custom()));
  });
});

describe('what cannot be held between two commands is refused, with what to do instead', () => {
  const on = (replica: QuiesceOn): DatabaseQuiesceOptions => ({ on: replica });

  test.each<[string, Quiesce, string]>([
    ['a command that holds while its input is open', Quiesce.heldCommand({ command: ['/hold'] }), 'write Quiesce.custom with one command that quiesces and one that releases, or use a ScheduledSnapshot'],
    ['a backup mode whose label Velero would lose', Quiesce.postgreSqlBackupMode(), 'use a ScheduledSnapshot, or keep all on one volume and use Quiesce.postgreSql'],
    ['a replica alone', Quiesce.mariaDb(on(QuiesceOn.REPLICA)), 'leave on out, or use a ScheduledSnapshot'],
    ['a replica first', Quiesce.mongoDb(on(QuiesceOn.REPLICA_OR_PRIMARY)), 'leave on out, or use a ScheduledSnapshot'],
  ])('%s', (_, quiesce, fix) => {
    expect(() => VeleroHook.annotationsFor(quiesce)).toThrow(`; allowed a Quiesce that can be held between two hooks; ${fix}`);
    expect(() => hookOf(quiesce)).toThrow("[VeleroHook.fromQuiesce] 'quiesce': ");
  });
});

test.each<[string, () => VeleroHook, string]>([
  ['all pods', () => VeleroHook.fromQuiesce(custom()), "'podLabels': the hook would fail in every pod that has no such application, got undefined"],
  ['pods by name', () => hookOf(custom({ podNames: ['db-0'] })), "'quiesce': Velero does not choose pods by name, got 'podNames db-0'"],
  ['no namespace', () => hookOf(custom(), { namespaces: [] }), "'namespaces': nothing would be held"],
  ['a word', () => VeleroHook.fromQuiesce('mariadb' as any, { podLabels: LABELS }), "'quiesce': not a Quiesce, got 'mariadb'"],
])('throws for %s', (_, make, message) => {
  expect(make).toThrow(message);
});
