import { writeFileSync } from 'fs';
import { Arguments, COMMAND, HELP, parseArguments } from './arguments';
import { renderJson } from './json';
import { InputError, readManifests } from './manifests';
import { planOf } from './plan';
import { renderTable } from './table';
import { renderTimeline } from './timeline';

/** Where the command writes to. */
export interface Output {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

/** Exit codes of the command. */
export const EXIT_CODES = { success: 0, risk: 1, input: 2 } as const;

const PROCESS_OUTPUT: Output = { stdout: text => process.stdout.write(text), stderr: text => process.stderr.write(text) };

/** Runs the command with its arguments, and returns its exit code. */
export function main(args: readonly string[], output: Output = PROCESS_OUTPUT): number {
  try {
    return run(parseArguments(args), output);
  } catch (error) {
    if (!(error instanceof InputError)) { throw error; }
    output.stderr(`${COMMAND}: ${error.message}\n`);
    return EXIT_CODES.input;
  }
}

function run({ files, svg, json, strict, help }: Arguments, output: Output): number {
  if (help) {
    output.stdout(HELP);
    return EXIT_CODES.success;
  }
  const plan = planOf(files.length, readManifests(files));
  if (svg !== undefined) { write(svg, renderTimeline(plan)); }
  output.stdout(`${json ? renderJson(plan) : renderTable(plan)}\n`);
  if (strict && plan.isEmpty) {
    output.stderr(`${COMMAND}: nothing in the files is about snapshots, so there was nothing to review; name the files that were synthesized\n`);
    return EXIT_CODES.risk;
  }
  return strict && plan.review.some(({ severity }) => severity === 'risk') ? EXIT_CODES.risk : EXIT_CODES.success;
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new InputError(`--svg ${file}: cannot be written (${(error as Error).message}); name a file in a directory that exists`);
  }
}
