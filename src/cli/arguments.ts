import { parseArgs } from 'util';
import { InputError } from './manifests';

/** What the user asked for. */
export interface Arguments {
  readonly files: string[];
  /** where the timeline goes */
  readonly svg?: string;
  readonly json: boolean;
  readonly strict: boolean;
  readonly help: boolean;
}

export const COMMAND = 'cdk8s-volume-snapshots';

export const HELP = `Usage: ${COMMAND} plan [options] FILE...

Says of synthesized YAML which restore points its schedules keep, and what is risky in it. Nothing is applied, and no cluster is asked.
Give it all files that go to one cluster, also those of other tools: what is not among them is not seen.

Options:
  --svg FILE   also write a timeline of the restore points
  --json       print JSON instead of tables
  --strict     exit with 1 if the review finds a risk, or nothing to review
  -h, --help   print this

Exit codes: 0; 1 with --strict if there is a risk or nothing to review; 2 if an argument is wrong or a file cannot be read.
`;

export function parseArguments(args: readonly string[]): Arguments {
  const { values, positionals: [command, ...files] } = parse(args);
  const help = values.help ?? false;
  if (!help && command !== 'plan') { wrong(command === undefined ? 'no command is given' : `'${command}' is no command`); }
  if (!help && files.length === 0) { wrong('no file is given'); }
  if (values.svg === '') { wrong('--svg names no file'); }
  return { files, svg: values.svg, json: values.json ?? false, strict: values.strict ?? false, help };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { svg: { type: 'string' }, json: { type: 'boolean' }, strict: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    });
  } catch (error) {
    // Node.js goes on to explain how to pass it as a file
    return wrong((error as Error).message.split(/[.\n]/)[0]);
  }
}

function wrong(problem: string): never {
  throw new InputError(`${problem}; write ${COMMAND} plan dist/*.yaml, or --help`);
}
