import { spawn } from 'child_process';
import { InputError } from '../manifests';

/** Which cluster is asked, as the user says to kubectl. */
export interface Cluster {
  /** kubectl, or a program that takes its place */
  readonly program: string;
  /** that of the context if absent */
  readonly namespace?: string;
  readonly allNamespaces: boolean;
  readonly context?: string;
  readonly kubeconfig?: string;
}

/** What is there, or why that is not known. */
export type Answer =
  | { readonly kind: 'list'; readonly items: any[] }
  /** no right to see it */
  | { readonly kind: 'forbidden'; readonly words: string }
  /** the cluster knows no such resource */
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly words: string };

/** For a plugin that lets people sign in meanwhile, in milliseconds. */
const PATIENCE = 60_000;

/** Lists a resource by the user's own kubectl, which knows how to sign in. Without a shell, so that no name is more than a name. */
export async function ask(cluster: Cluster, resource: string, selector?: string, patience = PATIENCE): Promise<Answer> {
  const selected = selector === undefined ? [] : [`--selector=${selector}`];
  const { code, stdout, stderr } = await run(cluster.program, ['get', resource, ...selected, ...scopeOf(cluster), '--request-timeout=30s', '--output=json'], patience);
  return code === 0 ? readList(stdout) : readFailure(stderr);
}

function scopeOf({ allNamespaces, context, kubeconfig, namespace }: Cluster): string[] {
  const option = (name: string, value: string | undefined) => (value === undefined ? [] : [`--${name}=${value}`]);
  return [...option('kubeconfig', kubeconfig), ...option('context', context), ...option('namespace', namespace), ...allNamespaces ? ['--all-namespaces'] : []];
}

interface End {
  /** null if it was ended */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, args: string[], patience: number): Promise<End> {
  return new Promise((resolve, reject) => {
    // it must not wait for an answer to a question that nobody sees
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', chunk => stdout.push(chunk));
    child.stderr.on('data', chunk => stderr.push(chunk));
    const ended = (code: number | null, words: string) => resolve({ code, stdout: Buffer.concat(stdout).toString('utf8'), stderr: words });
    const timer = setTimeout(() => {
      child.kill();
      // what it has started may go on, and keep its output open
      child.stdout.destroy();
      child.stderr.destroy();
      ended(null, `it gave no answer within ${patience / 1000} s`);
    }, patience);
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(new InputError(`${program}: cannot be run (${error.code === 'ENOENT' ? 'there is no such program' : error.message}); `
        + 'install kubectl, or name it by --kubectl'));
    });
    child.on('close', code => {
      clearTimeout(timer);
      ended(code, Buffer.concat(stderr).toString('utf8'));
    });
  });
}

function readList(text: string): Answer {
  try {
    const { items } = JSON.parse(text);
    if (Array.isArray(items)) { return { kind: 'list', items }; }
  } catch {
    // said below
  }
  return { kind: 'failed', words: 'what it printed is no list in JSON' };
}

function readFailure(stderr: string): Answer {
  // the last line is what it ended with; before it may be warnings, and each try to reach the server
  const words = stderr.trim().split('\n').pop()?.trim() || 'it gave no reason';
  if (/\(Forbidden\)/.test(stderr)) { return { kind: 'forbidden', words }; }
  if (/doesn't have a resource type|could not find the requested resource/.test(stderr)) { return { kind: 'absent' }; }
  return { kind: 'failed', words };
}
