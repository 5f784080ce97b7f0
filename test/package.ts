import { spawnSync } from 'child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';

const ROOT = join(__dirname, '..');
const COPIED = ['assets', 'bin', 'src'];
const LEFT_OUT = ['.git', '.jsii', '.jsii.tabl.json', 'dist', 'lib', 'node_modules'];

/**
 * The library, compiled in a copy of the repository, since `npm test` compiles
 * nothing and what lies in the tree may be old. Takes some three seconds.
 */
export class BuiltPackage {
  public readonly directory = mkdtempSync(join(tmpdir(), 'package-'));

  constructor() {
    for (const entry of readdirSync(ROOT, { withFileTypes: true }).filter(({ name }) => !LEFT_OUT.includes(name))) {
      if (COPIED.includes(entry.name)) {
        cpSync(join(ROOT, entry.name), this.path(entry.name), { recursive: true });
      } else if (entry.isDirectory()) {
        // to see that it is not packed, one file will do
        mkdirSync(this.path(entry.name));
        writeFileSync(this.path(entry.name, 'placeholder.txt'), '');
      } else if (entry.isFile()) {
        copyFileSync(join(ROOT, entry.name), this.path(entry.name));
      }
    }
    symlinkSync(join(ROOT, 'node_modules'), this.path('node_modules'), 'junction');
    this.run(process.execPath, [require.resolve('jsii/bin/jsii'), '--silence-warnings=reserved-word']);
    // made of the assembly, in a later step of the build
    if (!existsSync(this.path('API.md'))) { writeFileSync(this.path('API.md'), ''); }
  }

  public path(...parts: string[]): string {
    return join(this.directory, ...parts);
  }

  /** What a program prints that runs in the package, or an error with all that it says. */
  public run(command: string, args: string[]): string {
    const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: this.directory, encoding: 'utf8' });
    if (error || status !== 0) { throw new Error(`${command} ${args.join(' ')}: ${error ?? `exit code ${status}`}\n${stdout}${stderr}`); }
    return stdout;
  }

  public remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
