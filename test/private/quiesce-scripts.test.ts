import { spawn } from 'child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';
import { quiesceScript } from '../../src/private/quiesce-scripts';

let directory: string;
beforeEach(() => { directory = mkdtempSync(join(tmpdir(), 'quiesce-')); });
afterEach(() => rmSync(directory, { recursive: true }));

/** Runs a script as an exec session would. */
function session(script: string) {
  const child = spawn('sh', ['-c', script], { cwd: directory, stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', chunk => { output += chunk; });
  const ended = new Promise<number | null>(resolve => child.on('exit', resolve));
  const says = async (text: string) => {
    for (let wait = 0; !output.includes(text); wait += 5) {
      if (wait > 5000) { throw new Error(`said only: ${output}`); }
      await new Promise(resolve => setTimeout(resolve, 5));
    }
  };
  return { child, ended, says, output: () => output.split('\n').filter(Boolean) };
}

describe('a lock that outlives its session', () => {
  const lock = () => join(directory, 'lock');
  const script = (seconds: number, quiesce = `touch ${lock()}`) => quiesceScript(seconds, { quiesce, release: `rm -f ${lock()}` });

  test('is held until a line comes', async () => {
    const { child, ended, says, output } = session(script(20));
    await says('quiesced');
    expect(existsSync(lock())).toBe(true);
    child.stdin.write('release\n');
    expect([await ended, output(), existsSync(lock())]).toEqual([0, ['quiesced', 'released'], false]);
  });

  test('is held as well if it was got before anybody looked', async () => {
    for (let round = 0; round < 20; round += 1) {
      const { child, ended, says, output } = session(script(20, ':'));
      await says('quiesced');
      child.stdin.write('release\n');
      expect([await ended, output()]).toEqual([0, ['quiesced', 'released']]);
    }
  });

  test('is let go when the input ends, since the runner is gone', async () => {
    const { child, ended, says } = session(script(20));
    await says('quiesced');
    child.stdin.end();
    await ended;
    expect(existsSync(lock())).toBe(false);
  });

  test.each(['SIGKILL', 'SIGTERM'] as const)('is let go when the script gets %s', async signal => {
    const { child, ended, says } = session(script(1));
    await says('quiesced');
    child.kill(signal);
    await ended;
    await new Promise(resolve => setTimeout(resolve, 1500));
    expect(existsSync(lock())).toBe(false);
  });

  test('is let go by its timer, and is not called held until the end', async () => {
    const { child, ended, says, output } = session(script(1));
    await says('quiesced');
    expect(existsSync(lock())).toBe(true);
    expect(await ended).toBe(1);
    expect([output(), existsSync(lock())]).toEqual([['quiesced', 'the longest hold was over'], false]);
    child.stdin.destroy();
  });

  test('that is got only after its time is let go at once, or nobody ever would', async () => {
    const { ended, output } = session(script(1, `(sleep 2; touch ${lock()})`));
    expect([await ended, output()]).toEqual([1, ['the longest hold was over']]);
    await new Promise(resolve => setTimeout(resolve, 1500));
    expect(existsSync(lock())).toBe(false);
  });

  test('that is got when nobody listens any more is let go at once', async () => {
    const { child, ended } = session(script(20, `sleep 1; touch ${lock()}`));
    child.stdout.destroy();
    child.stdin.end();
    await ended;
    expect(existsSync(lock())).toBe(false);
  });

  test('that is never got leaves nothing behind that goes on trying', async () => {
    const { ended } = session(script(1, 'until false; do sleep 0.1; done'));
    expect(await ended).toBe(1);
  });

  test.each(['false', 'exit 1', 'sleep 60'])('is let go also if that fails or hangs the first time: %s', async failure => {
    const again = `[ -e ${lock()}.tried ] || { touch ${lock()}.tried; ${failure}; }; rm ${lock()}`;
    const { child, ended, says } = session(quiesceScript(2, { quiesce: `touch ${lock()}`, release: failure === 'sleep 60' ? again : `${again.replace('; rm', ' && rm')}` }));
    await says('quiesced');
    child.stdin.write('release\n');
    for (let wait = 0; existsSync(lock()) && wait < 8000; wait += 50) { await new Promise(resolve => setTimeout(resolve, 50)); }
    expect(existsSync(lock())).toBe(false);
    child.kill('SIGKILL');
    await ended;
  });

  test('is not let go by an earlier hold that ended in an error', async () => {
    const { ended } = session(script(1, 'exit 1'));
    expect(await ended).toBe(1);
    const { child, ended: over, says } = session(script(20));
    await says('quiesced');
    await new Promise(resolve => setTimeout(resolve, 1500));
    expect(existsSync(lock())).toBe(true);
    child.stdin.write('release\n');
    expect(await over).toBe(0);
  });

  test('is held by one schedule at a time: another one waits', async () => {
    const first = session(script(20));
    await first.says('quiesced');
    const second = session(script(20));
    await new Promise(resolve => setTimeout(resolve, 500));
    expect([second.output(), existsSync(lock())]).toEqual([[], true]);
    first.child.stdin.write('release\n');
    await first.ended;
    await second.says('quiesced');
    expect(existsSync(lock())).toBe(true);
    second.child.stdin.write('release\n');
    await second.ended;
    expect(second.output()).toEqual(['quiesced', 'released']);
  });

  test('of somebody else is not let go, where that would be so', async () => {
    writeFileSync(lock(), 'of somebody else');
    // the timer is hardly there when it is to go: it must neither be missed nor leave anything behind
    for (let round = 0; round < 20; round += 1) {
      const { ended } = session(quiesceScript(20, { quiesce: 'false', release: `rm -f ${lock()}`, releasesOwnOnly: true }));
      expect(await ended).toBe(1);
    }
    expect(existsSync(lock())).toBe(true);
  });

  test('is taken back if it could be taken in part only', async () => {
    const { ended, output } = session(script(20, `touch ${lock()}; false`));
    expect([await ended, output(), existsSync(lock())]).toEqual([1, [], false]);
  });
});

describe('a lock that ends with its session', () => {
  // says each statement, and writes down when it ends: a database that loses its client
  const client = () => `sql() { $exec sh -c 'trap "" PIPE; while read -r line; do echo "$line"; echo "$line" >> ${join(directory, 'log')}; done'; }`;
  const script = (seconds: number, check = client()) => quiesceScript(seconds, { check, inSession: true, quiesce: 'quiesced', release: 'released' });

  test('is held by one client until a line comes', async () => {
    const { child, ended, says, output } = session(script(20));
    await says('quiesced');
    expect(output()).toEqual(['quiesced']);
    child.stdin.write('release\n');
    expect([await ended, output()]).toEqual([0, ['quiesced', 'released']]);
  });

  test('ends with the input', async () => {
    const { child, ended, says } = session(script(20));
    await says('quiesced');
    child.stdin.end();
    expect(await ended).toBe(0);
  });

  test('ends with its timer, which kills the client', async () => {
    const { child, ended, says, output } = session(script(1));
    await says('ended with 137');
    expect(output()).toEqual(['quiesced', 'the session of the client ended with 137']);
    expect(readFileSync(join(directory, 'log'), 'utf8')).toBe('quiesced\n');
    child.stdin.end();
    expect(await ended).toBe(0);
  });

  test('is over as soon as the client is, whose reason is told', async () => {
    const { child, ended, output, says } = session(script(20, 'sql() { $exec sh -c \'echo "Access denied"; exit 1\'; }'));
    await says('ended with 1');
    expect(output()[0]).toBe('Access denied');
    child.stdin.end();
    expect(await ended).toBe(0);
  });

  test('is not begun if something is missing, which is said', async () => {
    const { ended, output } = session(script(20, 'command -v no-such-client >/dev/null || fail "no-such-client is not in this container"'));
    expect([await ended, output()]).toEqual([1, ['no-such-client is not in this container']]);
  });

  test('leaves no process behind that keeps the session open', async () => {
    const { child, says } = session(script(30));
    await says('quiesced');
    const closed = new Promise(resolve => child.on('close', resolve));
    child.stdin.write('release\n');
    const from = Date.now();
    await closed;
    expect(Date.now() - from).toBeLessThan(2000);
  });
});

