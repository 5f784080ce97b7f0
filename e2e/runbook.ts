import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A page of the docs whose commands are run as they are written. */
export interface Runbook {
  /** the commands that are left */
  readonly blocks: string[];
  /** where they are run */
  readonly directory: string;
  /** what the person has to remember, as variables */
  readonly noted: { [variable: string]: string };
  /** runs the next commands, and returns what they print */
  step(count?: number): string;
}

export function openRunbook(page: string): Runbook {
  const text = readFileSync(join(__dirname, '..', 'docs', page), 'utf8');
  const blocks = [...text.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, code]) => code);
  const noted: Runbook['noted'] = {};
  const directory = mkdtempSync(join(tmpdir(), 'runbook-'));
  const run = (code: string) => execFileSync('bash', ['-euo', 'pipefail', '-c', code], {
    cwd: directory, encoding: 'utf8', env: { ...process.env, ...noted }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { blocks, directory, noted, step: (count = 1) => blocks.splice(0, count).map(run).join('') };
}
