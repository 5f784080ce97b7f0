import { ChildProcess, spawn } from 'child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';
import { quiesceScript } from '../../src/private/quiesce-scripts';
import { ExecHook, VeleroHold, veleroHooks } from '../../src/private/velero-hook-scripts';

const PLACES = ['/dev/shm', '/tmp'].filter(place => existsSync(place));
const isState = (name: string) => /^cdk8s-volume-snapshots-[0-9a-f]{12}/.test(name);

let directory: string;
beforeEach(() => { directory = mkdtempSync(join(tmpdir(), 'velero-')); });
afterEach(() => {
  rmSync(directory, { recursive: true });
  // a test that fails must not make the next one fail
  for (const place of PLACES) { readdirSync(place).filter(isState).forEach(name => rmSync(join(place, name), { recursive: true, force: true })); }
});

interface Said { readonly code: number | null; readonly lines: string[] }

/** Runs a hook as Velero does: without input, and until nobody has its output open any more. */
function start({ command: [program, ...args] }: ExecHook): { readonly child: ChildProcess; readonly said: Promise<Said> } {
  const child = spawn(program, args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout!.on('data', chunk => { output += chunk; });
  child.stderr!.on('data', chunk => { output += chunk; });
  return { child, said: new Promise(resolve => child.on('close', code => resolve({ code, lines: output.split('\n').filter(Boolean) }))) };
}

const run = (hook: ExecHook) => start(hook).said;
const hooksOf = (script: string, maxHoldSeconds: number, other: Partial<VeleroHold> = {}) => veleroHooks({ script, maxHoldSeconds, onError: 'Fail', ...other });
const sleep = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds));

async function until(what: () => boolean): Promise<void> {
  for (let wait = 0; !what(); wait += 50) {
    if (wait > 10_000) { throw new Error('it never came'); }
    await sleep(50);
  }
}

/** Processes that have this test's directory as theirs: whatever a hook has left behind. */
function leftBehind(): number {
  return readdirSync('/proc').filter(pid => /^\d+$/.test(pid)).filter(pid => {
    try { return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`PWD=${directory}`); } catch { return false; }
  }).length;
}

describe('a lock that outlives who took it', () => {
  const lock = () => join(directory, 'lock');
  const hooks = (seconds: number, quiesce = `touch ${lock()}`, release = `rm -f ${lock()}`) => hooksOf(quiesceScript(seconds, { quiesce, release }), seconds);

  test('is held from the first hook to the second, which reports that it was', async () => {
    const { pre, post } = hooks(20);
    expect(await run(pre)).toEqual({ code: 0, lines: [] });
    await sleep(300);
    expect(existsSync(lock())).toBe(true);
    expect(await run(post)).toEqual({ code: 0, lines: ['quiesced', 'released'] });
    expect(existsSync(lock())).toBe(false);
    await until(() => leftBehind() === 0);
  });

  test('can be held again and again', async () => {
    const { pre, post } = hooks(20);
    for (let backup = 0; backup < 5; backup += 1) {
      expect([await run(pre), await run(post)]).toMatchObject([{ code: 0 }, { code: 0 }]);
    }
  });

  test('is let go by its timer if the second hook never comes, and leaves no process behind', async () => {
    const { pre } = hooks(1);
    expect(await run(pre)).toMatchObject({ code: 0 });
    expect(existsSync(lock())).toBe(true);
    await until(() => !existsSync(lock()) && leftBehind() === 0);
  });

  test('that its timer has let go before the cut was over is not called held', async () => {
    const { pre, post } = hooks(1);
    await run(pre);
    await until(() => !existsSync(lock()));
    expect(await run(post)).toEqual({ code: 1, lines: ['quiesced', 'the longest hold was over', 'the application did not stay quiesced'] });
  });

  test('is not held up by a hook that never came to the backup before', async () => {
    const { pre, post } = hooks(1);
    await run(pre);
    await until(() => leftBehind() === 0);
    expect([await run(pre), await run(post)]).toMatchObject([{ code: 0 }, { code: 0 }]);
  });

  test('that cannot be got fails the first hook, which says why, and leaves nothing held', async () => {
    const { pre, post } = hooks(20, `touch ${lock()}; echo "no, not now" >&2; false`);
    expect(await run(pre)).toEqual({ code: 1, lines: ['no, not now', 'the application was not quiesced'] });
    expect(existsSync(lock())).toBe(false);
    expect(await run(post)).toEqual({ code: 1, lines: ['the application was not held'] });
  });

  test('that takes too long to get is given up, and the first hook fails before Velero loses patience', async () => {
    const { pre } = hooks(1, 'until false; do sleep 0.1; done');
    expect(await run(pre)).toMatchObject({ code: 1 });
    await until(() => leftBehind() === 0);
  });

  test('is held for one backup at a time: the hook of another fails, and does not let go', async () => {
    const { pre, post } = hooks(20);
    await run(pre);
    expect(await run(pre)).toEqual({ code: 1, lines: ['another backup holds the application'] });
    expect(existsSync(lock())).toBe(true);
    expect(await run(post)).toMatchObject({ code: 0 });
  });

  test('in one container of a pod is not taken for the same in another container, with which it shares /dev/shm', async () => {
    const of = (container: string) => hooksOf('echo quiesced; read -r word; echo released', 20, { container });
    const [one, other] = [of('one'), of('other')];
    expect([await run(one.pre), await run(other.pre)]).toMatchObject([{ code: 0 }, { code: 0 }]);
    expect([await run(other.post), await run(one.post)]).toMatchObject([{ code: 0 }, { code: 0 }]);
  });

  test('is not let go by the second hook of a backup that was refused, which comes where failures are passed over', async () => {
    const { pre, post } = hooksOf(quiesceScript(20, { quiesce: `touch ${lock()}`, release: `rm -f ${lock()}` }), 20, { onError: 'Continue' });
    await run(pre);
    expect(await run(pre)).toEqual({ code: 1, lines: ['another backup holds the application'] });
    expect(await run(post)).toEqual({ code: 1, lines: ['two backups wanted the application, and this may not be the one that held it'] });
    expect(existsSync(lock())).toBe(true);
    expect(await run(post)).toMatchObject({ code: 0 });
    expect(existsSync(lock())).toBe(false);
  });

  test('is let go also if the release fails the first time', async () => {
    const { pre, post } = hooks(20, undefined, `[ -e ${lock()}.tried ] || { touch ${lock()}.tried; false; } && rm -f ${lock()}`);
    await run(pre);
    expect(await run(post)).toMatchObject({ code: 0 });
    expect(existsSync(lock())).toBe(false);
  });

  test.each(['SIGKILL', 'SIGTERM'] as const)('is let go after a first hook that gets %s while it waits', async signal => {
    const { pre } = hooks(1, `sleep 0.5; touch ${lock()}`);
    const { child, said } = start(pre);
    await sleep(200);
    child.kill(signal);
    await said;
    await until(() => existsSync(lock()));
    await until(() => !existsSync(lock()) && leftBehind() === 0);
  });

  test('that was held in a container that has ended since is not called held, and does not keep the next one out', async () => {
    const { pre, post } = hooks(20);
    // what stays of it below /dev/shm, which is the pod's
    await run(pre);
    const [place] = PLACES.flatMap(root => readdirSync(root).filter(isState).map(name => join(root, name)));
    await run(post);
    mkdirSync(place);
    writeFileSync(join(place, 'said'), 'quiesced\n');
    writeFileSync(join(place, 'over'), '1\n');
    expect([await run(pre), await run(post)]).toMatchObject([{ code: 0 }, { code: 0 }]);
  });
});

describe('a place that cannot be used', () => {
  const lock = () => join(directory, 'lock');
  /** The hooks with places of the test's own, of which some are full: directories can be made there, and nothing can be written. */
  function hooks(...full: string[]): { readonly pre: ExecHook; readonly post: ExecHook } {
    ['shm', 'tmp', 'bin'].forEach(name => mkdirSync(join(directory, name)));
    const cases = full.map(name => `*/${name}/cdk8s-*) ln -s /dev/full "$last/over" ;;`).join('\n');
    writeFileSync(join(directory, 'bin', 'mkdir'), `#!/bin/sh\n/bin/mkdir "$@" || exit\nfor last in "$@"; do :; done\ncase $last in\n${cases}\nesac\n`);
    chmodSync(join(directory, 'bin', 'mkdir'), 0o755);
    const script = quiesceScript(20, { quiesce: `touch ${lock()}`, release: `rm -f ${lock()}` });
    const there = ({ command: [shell, option, text, ...args], ...hook }: ExecHook): ExecHook => ({
      ...hook, command: [shell, option, `PATH=${directory}/bin:$PATH\n${text.replace(/\/dev\/shm \/tmp/g, `${directory}/shm ${directory}/tmp`)}`, ...args],
    });
    const { pre, post } = hooksOf(script, 20);
    return { pre: there(pre), post: there(post) };
  }

  test('since it is full is passed over for the next one', async () => {
    const { pre, post } = hooks('shm');
    expect(await run(pre)).toEqual({ code: 0, lines: [] });
    expect(readdirSync(join(directory, 'shm'))).toEqual([]);
    expect(readdirSync(join(directory, 'tmp'))).toHaveLength(1);
    expect(await run(post)).toEqual({ code: 0, lines: ['quiesced', 'released'] });
  });

  test('and no other fails the hook at once, before anything is held', async () => {
    const { pre } = hooks('shm', 'tmp');
    const from = Date.now();
    expect(await run(pre)).toMatchObject({ code: 1, lines: [expect.stringMatching(/^nothing can be written below /)] });
    expect(Date.now() - from).toBeLessThan(5_000);
    expect(existsSync(lock())).toBe(false);
    expect(['shm', 'tmp'].flatMap(name => readdirSync(join(directory, name)))).toEqual([]);
  });

  test('and in which an empty state was left behind keeps no backup out', async () => {
    const { pre, post } = hooks();
    await run(pre);
    const [name] = readdirSync(join(directory, 'shm'));
    await run(post);
    mkdirSync(join(directory, 'shm', name));
    writeFileSync(join(directory, 'shm', name, 'over'), '');
    expect([await run(pre), await run(post)]).toMatchObject([{ code: 0 }, { code: 0 }]);
  });
});

describe('a lock that ends with its session', () => {
  // says each statement, and writes down what it was told: a database with one client
  const client = () => `sql() { $exec sh -c 'trap "" PIPE; while read -r line; do echo "$line"; echo "$line" >> ${join(directory, 'log')}; done; echo bye >> ${join(directory, 'log')}'; }`;
  const hooks = (seconds: number, check = client()) => hooksOf(quiesceScript(seconds, { check, inSession: true, quiesce: 'quiesced', release: 'released' }), seconds);
  const log = () => readFileSync(join(directory, 'log'), 'utf8').trim().split('\n');

  test('is in one session from the first hook to the second', async () => {
    const { pre, post } = hooks(20);
    expect(await run(pre)).toMatchObject({ code: 0 });
    await sleep(300);
    expect(log()).toEqual(['quiesced']);
    expect(await run(post)).toEqual({ code: 0, lines: ['quiesced', 'released'] });
    expect(log()).toEqual(['quiesced', 'released', 'bye']);
    await until(() => leftBehind() === 0);
  });

  test('ends with its timer if the second hook never comes, and nothing waits for it for ever', async () => {
    const { pre } = hooks(1);
    await run(pre);
    await until(() => leftBehind() === 0);
    expect(log()).toEqual(['quiesced']);
  });

  test('is not called held if the second hook comes after the timer', async () => {
    const { pre, post } = hooks(1);
    await run(pre);
    await sleep(1500);
    const { code, lines } = await run(post);
    expect([code, lines[0], lines[lines.length - 1]]).toEqual([1, 'quiesced', 'the application did not stay quiesced']);
  });

  test('is not called held if it was the timer that asked for its end', async () => {
    // the check takes longer than what the timer of the session has to spare
    const { pre, post } = hooks(1, `sleep 4\n${client()}`);
    expect(await run(pre)).toMatchObject({ code: 0 });
    await sleep(500);
    expect(await run(post)).toMatchObject({ code: 1 });
  });

  test('that cannot be begun says why, and does not wait for its timer to say so', async () => {
    const { pre } = hooks(20, 'sql() { $exec sh -c \'echo "Access denied"; exit 1\'; }');
    const from = Date.now();
    expect(await run(pre)).toEqual({ code: 1, lines: ['Access denied', 'the session of the client ended with 1', 'the application was not quiesced'] });
    expect(Date.now() - from).toBeLessThan(5_000);
  });
});

test('a program that holds by itself does so between the hooks', async () => {
  const program = `${process.execPath} -e 'console.log("quiesced"); process.stdin.on("data", () => { console.log("released"); process.exit(0); })'`;
  const { pre, post } = hooksOf(quiesceScript(20, { holdsItself: true, quiesce: program, release: ':' }), 20);
  expect([await run(pre), await run(post)]).toMatchObject([{ code: 0 }, { code: 0, lines: ['quiesced', 'released'] }]);
  await until(() => leftBehind() === 0);
});

test('Velero waits for as long as the hooks may take, and not for its usual 30 seconds', () => {
  const { pre, post } = veleroHooks({ script: ':', maxHoldSeconds: 300, onError: 'Continue', container: 'db' });
  expect([pre, post]).toMatchObject([
    { timeout: '370s', onError: 'Continue', container: 'db' }, { timeout: '80s', onError: 'Continue', container: 'db' },
  ]);
});
