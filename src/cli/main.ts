import { writeFileSync } from 'fs';
import { Arguments, parseArguments, PlanArguments, StatusArguments } from './arguments';
import { WIDTH } from './columns';
import { COMMAND } from './help';
import { renderJson } from './json';
import { InputError, readManifests } from './manifests';
import { planOf } from './plan';
import { statusInJson } from './status/json';
import { observe, observeFiles } from './status/observed';
import { renderStatus } from './status/render';
import { Status, statusOf } from './status/status';
import { renderTable } from './table';
import { renderTimeline } from './timeline';

/** Where the command runs. */
export interface Terminal {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** of a line, if that is known */
  readonly width?: number;
  /** what time it is, in milliseconds since 1970; only a look at a cluster asks */
  readonly now: () => number;
}

/** Exit codes of the command: `risk` also stands for what needs attention. */
export const EXIT_CODES = { success: 0, risk: 1, input: 2 } as const;

const PROCESS: Terminal = {
  stdout: text => process.stdout.write(text), stderr: text => process.stderr.write(text), width: process.stdout.columns, now: Date.now,
};

/** Runs the command with its arguments, and returns its exit code: a promise of it if a cluster is asked. */
export function main(args: readonly string[], terminal: Terminal = PROCESS): number | Promise<number> {
  const failed = (error: unknown) => {
    // what nobody has foreseen must not look like what needs attention
    const unforeseen = error instanceof InputError ? '' : '; this was not foreseen: please report it';
    terminal.stderr(`${COMMAND}: ${error instanceof Error ? error.message : String(error)}${unforeseen}\n`);
    return EXIT_CODES.input;
  };
  try {
    const code = run(parseArguments(args), terminal);
    return typeof code === 'number' ? code : code.catch(failed);
  } catch (error) {
    return failed(error);
  }
}

function run(asked: Arguments, terminal: Terminal): number | Promise<number> {
  switch (asked.command) {
    case 'plan': return plan(asked, terminal);
    case 'status': return status(asked, terminal);
    case 'help':
      terminal.stdout(asked.text);
      return EXIT_CODES.success;
  }
}

function plan({ files, json, strict, svg }: PlanArguments, { stderr, stdout }: Terminal): number {
  const found = planOf(files.length, readManifests(files));
  if (svg !== undefined) { write(svg, renderTimeline(found)); }
  stdout(`${json ? renderJson(found) : renderTable(found)}\n`);
  if (strict && found.isEmpty) {
    stderr(`${COMMAND}: nothing in the files is about snapshots, so there was nothing to review; name the files that were synthesized\n`
      + 'Objects of Velero are not looked at.\n');
    return EXIT_CODES.risk;
  }
  return strict && found.review.some(({ severity }) => severity === 'risk') ? EXIT_CODES.risk : EXIT_CODES.success;
}

function status(asked: StatusArguments, terminal: Terminal): number | Promise<number> {
  const { cluster, files } = asked;
  return files.length > 0
    ? tell(statusOf(observeFiles(files), {}, asked, terminal.now()), asked, terminal)
    : observe(cluster).then(observed => tell(statusOf(observed, cluster, asked, terminal.now()), asked, terminal));
}

// below, a table cannot be read, and above, no more of it fits a line
const [NARROWEST, WIDEST] = [80, 200];

function tell(found: Status, { full, json, strict }: StatusArguments, { stdout, width = WIDTH }: Terminal): number {
  const look = { full, width: Math.min(Math.max(width, NARROWEST), WIDEST) };
  stdout(`${json ? statusInJson(found) : renderStatus(found, look)}\n`);
  return strict && (found.isEmpty || found.attention.length > 0 || found.unseen.length > 0) ? EXIT_CODES.risk : EXIT_CODES.success;
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new InputError(`--svg ${file}: cannot be written (${(error as Error).message}); name a file in a directory that exists`);
  }
}
