import { spawnSync } from 'child_process';
import { accessSync, chmodSync, constants, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';
import { buildSync } from 'esbuild';
import { yaml } from './command';
import { main } from '../../src/cli/main';

const ROOT = join(__dirname, '..', '..');
const BIN = join('bin', 'cdk8s-volume-snapshots');

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'bin-'));
  mkdirSync(join(directory, 'bin'));
  copyFileSync(join(ROOT, BIN), join(directory, BIN));
  chmodSync(join(directory, BIN), 0o755);
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'), 'junction');
  buildSync({
    entryPoints: [join(ROOT, 'src', 'cli', 'main.ts')], outfile: join(directory, 'lib', 'cli', 'main.js'), bundle: true, platform: 'node', packages: 'external',
  });
  const claims = Array.from({ length: 1500 }, (_, i) => ({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data', namespace: `n${i}` } }));
  writeFileSync(join(directory, 'claims.yaml'), yaml({ apiVersion: 'v1', kind: 'List', items: claims }));
}, 60_000);

afterAll(() => rmSync(directory, { recursive: true }));

const run = (command: string, ...args: string[]) => spawnSync(command, args, { cwd: directory, encoding: 'utf8' });

test('the file may be executed, so that npx can', () => {
  expect(() => accessSync(join(ROOT, BIN), constants.X_OK)).not.toThrow();
});

test('it passes arguments in, and the exit code out', () => {
  expect(run(process.execPath, BIN, '--help')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^Usage: cdk8s-volume-snapshots plan/) });
  expect(run(process.execPath, BIN, 'plan', 'claims.yaml')).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/^No schedule in 1 file\.\n/) });
  expect(run(process.execPath, BIN, 'plan', 'no-such.yaml')).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('no-such.yaml') });
}, 60_000);

test('what it cannot read or write is no sign that something needs attention', () => {
  const exits = (command: string) => run('sh', '-c', `'${process.execPath}' '${BIN}' ${command}`);
  expect(exits('status - < bin')).toMatchObject({
    status: 2, stdout: '', stderr: 'cdk8s-volume-snapshots: standard input: cannot be read (it is a directory); name its files, such as dist/*.yaml\n',
  });
  expect(exits('plan claims.yaml > /dev/full')).toMatchObject({ status: 2, stderr: expect.stringMatching(/^cdk8s-volume-snapshots: .*ENOSPC.*\n$/) });
  rmSync(join(directory, 'node_modules'));
  try {
    expect(exits('plan claims.yaml')).toMatchObject({ status: 2, stderr: expect.stringMatching(/^cdk8s-volume-snapshots: Cannot find module/) });
  } finally {
    symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'), 'junction');
  }
}, 60_000);

test('an error that nobody has foreseen is told in one line, and is not the code of what needs attention', () => {
  let stderr = '';
  const stdout = () => { throw new Error('no room'); };
  expect(main(['--help'], { stdout, stderr: text => { stderr += text; }, now: () => 0 })).toBe(2);
  expect(stderr).toBe('cdk8s-volume-snapshots: no room; this was not foreseen: please report it\n');
});

test('a reader that has enough is no error', () => {
  expect(run('sh', '-c', `'${process.execPath}' '${BIN}' plan claims.yaml | head -n 1`)).toMatchObject({ status: 0, stdout: 'No schedule in 1 file.\n', stderr: '' });
}, 60_000);
