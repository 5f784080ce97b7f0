import { mkdtempSync, rmSync, writeFileSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';
import { Chart, Yaml } from 'cdk8s';
import { main } from '../../src/cli/main';

/** What a user sees of the command. */
export interface Seen {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command with these arguments, if it asks no cluster. */
export function command(...args: string[]): Seen {
  const { code, seen } = start(args);
  return { code: code as number, ...seen };
}

/** The command with these arguments, at a time. */
export async function commandAt(now: number, ...args: string[]): Promise<Seen> {
  const { code, seen } = start(args, now);
  return { code: await code, ...seen };
}

function start(args: string[], now = 0): { code: number | Promise<number>; seen: { stdout: string; stderr: string } } {
  const seen = { stdout: '', stderr: '' };
  return { code: main(args, { stdout: text => { seen.stdout += text; }, stderr: text => { seen.stderr += text; }, now: () => now }), seen };
}

/** A directory that is gone when the function returns. */
export function inDirectory<T>(use: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'plan-'));
  try {
    return use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The command over files with these texts or charts. */
export function plan(contents: readonly (string | Chart)[], ...options: string[]): Seen {
  return inDirectory(directory => {
    const files = contents.map((content, index) => {
      const file = join(directory, `${index}.yaml`);
      writeFileSync(file, typeof content === 'string' ? content : yaml(...content.toJson()));
      return file;
    });
    return command('plan', ...options, ...files);
  });
}

/** What the command says to programs. */
export function planJson(contents: readonly (string | Chart)[]): any {
  const { code, stdout, stderr } = plan(contents, '--json');
  if (code !== 0) { throw new Error(stderr); }
  return JSON.parse(stdout);
}

/** The lines of the review, such as 'risk CronJob db/nightly: is suspended …'. */
export function review(...contents: (string | Chart)[]): string[] {
  return planJson(contents).review.map(({ severity, object, problem }: any) => `${severity} ${object}: ${problem}`);
}

/** Objects as the text of a file, but for the program of the runner, which is long and says nothing here. */
export function yaml(...objects: any[]): string {
  return Yaml.stringify(...objects.map(object => (object.data?.['runner.mjs'] === undefined ? object : { ...object, data: { 'runner.mjs': '' } })));
}
