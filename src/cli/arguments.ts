import { parseArgs } from 'util';
import { COMMAND, HELP, PLAN_HELP, STATUS_HELP } from './help';
import { InputError } from './manifests';
import { Cluster } from './status/kubectl';

/** What the user asked for. */
export type Arguments = PlanArguments | StatusArguments | HelpArguments;

/** What synthesized YAML comes to. */
export interface PlanArguments {
  readonly command: 'plan';
  readonly files: string[];
  /** where the timeline goes */
  readonly svg?: string;
  readonly json: boolean;
  readonly strict: boolean;
}

/** What there is in a cluster. */
export interface StatusArguments {
  readonly command: 'status';
  /** lists that kubectl has printed, in the place of a cluster */
  readonly files: string[];
  readonly cluster: Cluster;
  /** only of this claim, or this schedule */
  readonly claim?: string;
  readonly schedule?: string;
  /** every snapshot, however many there are */
  readonly full: boolean;
  readonly json: boolean;
  readonly strict: boolean;
}

export interface HelpArguments {
  readonly command: 'help';
  readonly text: string;
}

const FLAG = { type: 'boolean' } as const;
const TEXT = { type: 'string' } as const;
const ALL = { json: FLAG, strict: FLAG, help: { ...FLAG, short: 'h' } } as const;
const PLAN = { ...ALL, svg: TEXT } as const;
const OF_CLUSTER = {
  'namespace': { ...TEXT, short: 'n' }, 'all-namespaces': { ...FLAG, short: 'A' }, 'context': TEXT, 'kubeconfig': TEXT, 'kubectl': TEXT,
} as const;
const STATUS = { ...ALL, ...OF_CLUSTER, claim: TEXT, schedule: TEXT, full: FLAG } as const;

export function parseArguments(args: readonly string[]): Arguments {
  // options may stand before the command, so it is found first
  const { values, positionals: [command] } = parseArgs({ args: [...args], allowPositionals: true, strict: false, options: { ...PLAN, ...STATUS } });
  switch (command) {
    case 'plan': return parsePlan(args);
    case 'status': return parseStatus(args);
    default:
      if (values.help) { return { command: 'help', text: HELP }; }
      return wrong(command === undefined ? 'no command is given' : `'${command}' is no command`);
  }
}

function parsePlan(args: readonly string[]): Arguments {
  const { values, positionals: [, ...files] } = explained(() => parseArgs({ args: [...args], allowPositionals: true, options: PLAN }));
  if (values.help) { return { command: 'help', text: PLAN_HELP }; }
  if (files.length === 0) { wrong('no file is given'); }
  if (values.svg === '') { wrong('--svg names no file'); }
  return { command: 'plan', files, svg: values.svg, json: values.json ?? false, strict: values.strict ?? false };
}

const STATUS_USE = `${COMMAND} status -n NAMESPACE`;

function parseStatus(args: readonly string[]): Arguments {
  const { values, positionals: [, ...files] } = explained(() => parseArgs({ args: [...args], allowPositionals: true, options: STATUS }), STATUS_USE);
  if (values.help) { return { command: 'help', text: STATUS_HELP }; }
  const given = (names: readonly string[]) => names.find(name => Object.hasOwn(values, name));
  const empty = given(Object.keys(STATUS).filter(name => (values as { [name: string]: unknown })[name] === ''));
  if (empty !== undefined) { wrong(`--${empty} names nothing`, STATUS_USE); }
  const ofCluster = given(Object.keys(OF_CLUSTER));
  if (files.length > 0 && ofCluster !== undefined) { wrong(`--${ofCluster} is for a cluster, and files are given`, STATUS_USE); }
  const { 'namespace': namespace, 'all-namespaces': allNamespaces = false } = values;
  if (namespace !== undefined && allNamespaces) { wrong('--namespace and --all-namespaces exclude one another', STATUS_USE); }
  return {
    command: 'status',
    files,
    cluster: { program: values.kubectl ?? 'kubectl', namespace, allNamespaces, context: values.context, kubeconfig: values.kubeconfig },
    claim: values.claim,
    schedule: values.schedule,
    full: values.full ?? false,
    json: values.json ?? false,
    strict: values.strict ?? false,
  };
}

function explained<T>(parse: () => T, use?: string): T {
  try {
    return parse();
  } catch (error) {
    // Node.js goes on to explain how to pass it as a file
    return wrong((error as Error).message.split(/[.\n]/)[0], use);
  }
}

function wrong(problem: string, use = `${COMMAND} plan dist/*.yaml`): never {
  throw new InputError(`${problem}; write ${use}, or --help`);
}
