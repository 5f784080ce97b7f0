import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, realpathSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, delimiter, join } from 'node:path';

export interface PlainKubectl {
  /** a directory for PATH with nothing but kubectl in it */
  readonly directory: string;
  readonly version: string;
}

/**
 * The kubectl that the script runs with: the first on PATH that is nothing else besides. One binary
 * with all of Kubernetes in it takes twice the memory, and the dispatcher that some vendors call
 * kubectl asks for the server's version every time, so those would make the script look worse.
 */
export function plainKubectl(): PlainKubectl {
  const onPath = (process.env.PATH ?? '').split(delimiter).map(each => join(each, 'kubectl')).filter(existsSync).map(each => realpathSync(each));
  const found = onPath.flatMap(each => [each, ...dispatched(each)]).find(isPlain) ?? onPath[0];
  const directory = mkdtempSync(join(tmpdir(), 'bench-kubectl-'));
  symlinkSync(found, join(directory, 'kubectl'));
  return { directory, version: versionOf(found) + (isPlain(found) ? '' : ', not a plain one: its memory is more than usual') };
}

/** Beside a dispatcher lie kubectl.1.32, kubectl.1.33 and so on: the newest first. */
function dispatched(path: string): string[] {
  const minor = (name: string) => Number(name.split('.')[2]);
  return readdirSync(dirname(path)).filter(name => /^kubectl\.1\.\d+$/.test(name)).sort((a, b) => minor(b) - minor(a)).map(name => join(dirname(path), name));
}

function isPlain(path: string): boolean {
  return basename(path).startsWith('kubectl') && !versionOf(path).includes('dispatcher');
}

function versionOf(path: string): string {
  // by this name, since a binary with several programs in it goes by its name
  return JSON.parse(spawnSync(path, ['version', '--client', '-o', 'json'], { argv0: 'kubectl', encoding: 'utf8' }).stdout).clientVersion.gitVersion;
}
