import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';

// runs examples/<name>/main.ts as a user would, in its own folder; with an argument, the YAML goes below that folder instead
const root = join(__dirname, '..');
const examples = join(root, 'examples');
const target = process.argv[2];

for (const name of readdirSync(examples).filter(entry => existsSync(join(examples, entry, 'main.ts'))).sort()) {
  const directory = join(examples, name);
  const output = join(target ?? examples, name, 'dist');
  rmSync(output, { recursive: true, force: true });
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', 'main.ts'], {
    cwd: directory,
    stdio: 'inherit',
    env: { ...process.env, CDK8S_OUTDIR: output, TSX_TSCONFIG_PATH: join(examples, 'tsconfig.json') },
  });
  if (status !== 0) {
    console.error(`example ${name} failed`);
    process.exit(1);
  }
  for (const file of readdirSync(output).sort()) { console.log(`wrote ${relative(process.cwd(), join(output, file))}`); }
}
