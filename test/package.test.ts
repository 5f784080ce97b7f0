import { readdirSync, readFileSync, rmSync } from 'fs';
import { buildSync } from 'esbuild';
import { BuiltPackage } from './package';

let built: BuiltPackage;
let packed: string[];

beforeAll(() => {
  built = new BuiltPackage();
  const [pack] = Object.values(JSON.parse(built.run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--offline']))) as any[];
  packed = pack.files.map(({ path }: any) => path);
}, 60_000);

afterAll(() => built.remove());

const manifest = () => JSON.parse(readFileSync(built.path('package.json'), 'utf8'));

describe('the package holds', () => {
  test.each([
    '.jsii', 'API.md', 'LICENSE', 'README.md', 'assets/runner.mjs', 'lib/index.d.ts', 'lib/index.js', 'lib/runner/config.d.ts', 'lib/runner/config.js', 'package.json',
  ])('%s', file => {
    expect(packed).toContain(file);
  });

  test('the library, with its types', () => {
    const sources = readdirSync(built.path('src'), { recursive: true, encoding: 'utf8' }).map(path => path.replace(/\\/g, '/'));
    for (const source of sources.filter(path => path.endsWith('.ts') && !path.startsWith('runner/'))) {
      expect(packed).toEqual(expect.arrayContaining([`lib/${source.replace(/\.ts$/, '.js')}`, `lib/${source.replace(/\.ts$/, '.d.ts')}`]));
    }
  });

  test('nothing else: no sources, tests, examples, scripts or docs', () => {
    const expected = /^(lib\/.+\.(js|d\.ts)|assets\/runner\.mjs|bin\/cdk8s-volume-snapshots|\.jsii|(\.warnings\.jsii\.js)|API\.md|LICENSE|README\.md|package\.json)$/;
    expect(packed.filter(path => !expected.test(path))).toEqual([]);
  });

  test('of the runner, beside the bundle, its contract with the constructs, and how it reads snapshots', () => {
    expect(packed.filter(path => path.startsWith('lib/runner/') && !/^lib\/runner\/(breaker|config|parse-config|resources)\./.test(path))).toEqual([]);
  });

  test('all that its command needs', () => {
    for (const command of ['plan', 'status']) {
      const program = `require('./lib/cli/main.js').main(['${command}', '--help'])`;
      expect(built.run(process.execPath, ['-e', program])).toContain(`Usage: cdk8s-volume-snapshots ${command}`);
    }
  });

  test('all that it needs to run', () => {
    for (const file of readdirSync(built.directory, { recursive: true, encoding: 'utf8' }).map(path => path.replace(/\\/g, '/'))) {
      if (/^(lib|assets)\/.+\.\w+$/.test(file) && !packed.includes(file)) { rmSync(built.path(file)); }
    }
    const program = `
      const { App, Chart, Cron } = require('cdk8s');
      const { ScheduledSnapshot, SnapshotSource } = require('cdk8s-volume-snapshots');
      const chart = new Chart(new App(), 'test', { namespace: 'db' });
      new ScheduledSnapshot(chart, 'Nightly', { source: SnapshotSource.fromClaimName('data'), schedule: Cron.daily() });
      process.stdout.write(chart.toJson().find(({ kind }) => kind === 'ConfigMap').data['runner.mjs']);`;
    expect(built.run(process.execPath, ['-e', program])).toBe(readFileSync(built.path('assets/runner.mjs'), 'utf8'));
  });
});

describe('package.json', () => {
  test('depends on nothing but its peers', () => {
    expect(manifest()).not.toHaveProperty('dependencies');
    expect(manifest()).not.toHaveProperty('optionalDependencies');
    expect(manifest()).not.toHaveProperty('bundledDependencies');
    expect(manifest()).not.toHaveProperty('bundleDependencies');
    expect(Object.keys(manifest().peerDependencies).sort()).toEqual(['cdk8s', 'cdk8s-plus-27', 'constructs']);
  });

  test('is tested with the oldest peers that it allows', () => {
    const { peerDependencies, devDependencies } = manifest();
    for (const [name, range] of Object.entries(peerDependencies)) { expect(range).toBe(`^${devDependencies[name]}`); }
  });

  test('runs no script on the user\'s machine', () => {
    expect(Object.keys(manifest().scripts).filter(name => /^(pre|post)?(un)?install$|^prepare$/.test(name))).toEqual([]);
  });

  test('opens the library and its assembly, and no private file', () => {
    expect(Object.keys(manifest().exports).sort()).toEqual(['.', './.jsii', './.warnings.jsii.js', './package.json']);
    for (const entry of ['.', './.jsii', './package.json']) { expect(packed).toContain(manifest().exports[entry].slice(2)); }
    expect(packed).toContain(manifest().types);
  });
});

describe('the runner', () => {
  test('stays below 200 KiB', () => {
    expect(readFileSync(built.path('assets/runner.mjs')).length).toBeLessThan(200 * 1024);
  });

  test('stays below 232 KiB as JSON, since kubectl apply keeps a copy of the whole ConfigMap in annotations of at most 256 KiB', () => {
    expect(Buffer.byteLength(JSON.stringify(readFileSync(built.path('assets/runner.mjs'), 'utf8')))).toBeLessThan(232 * 1024);
  });

  test('is one file that needs Node.js alone', () => {
    const { metafile } = buildSync({ entryPoints: [built.path('assets/runner.mjs')], bundle: true, platform: 'neutral', external: ['*'], write: false, metafile: true });
    const imports = Object.values(metafile.inputs).flatMap(input => input.imports).map(({ path }) => path);
    expect(imports.length).toBeGreaterThan(0);
    expect(imports.filter(path => !path.startsWith('node:'))).toEqual([]);
  });

  test('can be read by a reviewer: it is not minified, and plain text', () => {
    const program = readFileSync(built.path('assets/runner.mjs'), 'utf8');
    expect(Math.max(...program.split('\n').map(line => line.length))).toBeLessThan(500);
    expect(program).not.toMatch(/[^\t\n\x20-\x7e\u00a0-\u{10ffff}]/u);
  });
});
