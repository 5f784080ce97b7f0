import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

function run(program: string, ...args: string[]): string {
  return execFileSync(join(process.env.SNAPCLUSTER as string, program), args, { encoding: 'utf8' }).trim();
}

/** Every snapshot creation or deletion fails in the storage until `clearFaults()`. */
export const injectFaults = (...faults: ('create-fail' | 'delete-fail')[]) => run('fault', ...faults);
export const clearFaults = () => run('fault', 'clear');

/** The uids of the VolumeSnapshots whose data is in the storage. */
export function storedSnapshots(): string[] {
  return readdirSync(join(run('snapcluster', 'status', '--backend'), 'snapshots')).map(name => name.replace(/^snapshot-/, '')).sort();
}

/** The uids of the VolumeSnapshots of one namespace whose data is in the storage. */
export function storedSnapshotsOf(namespace: string): string[] {
  const directory = join(run('snapcluster', 'status', '--backend'), 'meta', 'snapshots');
  return readdirSync(directory).filter(name => JSON.parse(readFileSync(join(directory, name), 'utf8')).kubernetes['volumesnapshot/namespace'] === namespace)
    .map(name => name.replace(/^snapshot-(.*)\.json$/, '$1')).sort();
}

export type Component = 'kube-apiserver' | 'snapshot-controller' | 'csi-snapshotter';

function pidOf(component: Component): number {
  return Number.parseInt(readFileSync(join(process.env.SNAPCLUSTER_RUN ?? '/run/snapcluster', 'pids', component), 'utf8'), 10);
}

/** Ends parts of the cluster from one moment to the next; `repair()` brings them back. */
export function kill(...components: Component[]): void {
  components.map(pidOf).forEach(pid => process.kill(pid, 'SIGKILL'));
}

/** Starts again what has died. */
export const repair = () => run('snapcluster', 'up');

/** Starts components anew with other values of some flags; what it returns puts them back. */
export function withFlags(flags: { [flag: string]: string }, ...components: Component[]): () => void {
  const commands = components.map(component => readFileSync(`/proc/${pidOf(component)}/cmdline`, 'utf8').split('\0').slice(0, -1));
  kill(...components);
  const children = commands.map(([program, ...args]) => {
    for (const [flag, value] of Object.entries(flags)) { args.push(flag, value); }
    const child = spawn(program, args, { detached: true, stdio: 'ignore' });
    // a test that fails must not wait for it
    child.unref();
    return child;
  });
  return () => {
    children.forEach(child => child.kill('SIGKILL'));
    repair();
  };
}

/** One request as the API server saw it. */
export interface AuditedRequest {
  readonly verb: string;
  readonly resource: string;
  readonly name?: string;
  readonly code: number;
}

/** Reads what one service account asked the API server for since this was created. */
export class AuditLog {
  private readonly path = run('snapcluster', 'status', '--audit-log');
  private readonly from = statSync(this.path).size;

  requestsOf(namespace: string, serviceAccount: string): AuditedRequest[] {
    const size = statSync(this.path).size - this.from;
    const buffer = Buffer.alloc(size);
    const file = openSync(this.path, 'r');
    readSync(file, buffer, 0, size, this.from);
    closeSync(file);
    return buffer.toString('utf8').split('\n').filter(line => line.includes(`"username":"system:serviceaccount:${namespace}:${serviceAccount}"`))
      .map(line => JSON.parse(line))
      .filter(event => event.stage === 'ResponseComplete')
      .map(event => ({
        verb: event.verb,
        resource: [event.objectRef.apiGroup, event.objectRef.resource].filter(Boolean).join('/'),
        name: event.objectRef.name,
        code: event.responseStatus.code,
      }));
  }
}
