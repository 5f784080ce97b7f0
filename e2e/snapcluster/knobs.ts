import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, getJson, kubectl } from '../cluster';

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

/** The data of the members of a group in the storage. */
export function storedMembersOf(group: { metadata: { uid: string } }): string[] {
  return storedSnapshots().filter(name => name.startsWith(`groupsnapshot-${group.metadata.uid}`));
}

/** The uids of the VolumeSnapshots of one namespace whose data is in the storage. */
export function storedSnapshotsOf(namespace: string): string[] {
  return [...cutTimes(namespace).keys()].sort();
}

const SHOULD_BE_GONE_WITHIN = 20_000;

/**
 * Has the driver's sidecar look at contents that should be gone, as it does by itself every fifteen minutes. It forgets a content that is deleted in the
 * moment in which its late creation ends: the sidecar is not told of its own last change, which would let it delete.
 * @see https://github.com/kubernetes-csi/external-snapshotter/issues/1258
 */
function remindOfDeletions(): void {
  const since = Date.now() - SHOULD_BE_GONE_WITHIN;
  const forgotten = getJson('volumesnapshotcontents').items
    .filter(({ metadata }: any) => metadata.deletionTimestamp !== undefined && Date.parse(metadata.deletionTimestamp) < since);
  // the same value is no change, so that each is touched once in a while
  const value = Math.floor(Date.now() / SHOULD_BE_GONE_WITHIN);
  for (const { metadata } of forgotten) { kubectl(['annotate', '--overwrite', 'volumesnapshotcontent', metadata.name, `e2e/reminded=${value}`]); }
}

/** The same as `eventually`, for what waits for a deletion. */
export function eventuallyDeleted<T>(what: string, seconds: number, look: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  return eventually(what, seconds, () => {
    remindOfDeletions();
    return look();
  });
}

/** Those of other tests come and go meanwhile. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') { return undefined; }
    throw error;
  }
}

/** When the data of the snapshots of a namespace was cut, by the uid of the VolumeSnapshot, in milliseconds since 1970. */
export function cutTimes(namespace: string): Map<string, number> {
  const directory = join(run('snapcluster', 'status', '--backend'), 'meta', 'snapshots');
  // what begins with a dot is being written
  const stored = readdirSync(directory).filter(name => !name.startsWith('.')).flatMap(name => {
    const text = readIfThere(join(directory, name));
    return text === undefined ? [] : [{ name, meta: JSON.parse(text) }];
  }).filter(({ meta }) => meta.kubernetes['volumesnapshot/namespace'] === namespace);
  return new Map(stored.map(({ name, meta }) => [name.replace(/^snapshot-(.*)\.json$/, '$1'), Date.parse(meta.createdAt)]));
}

export type Component = 'kube-apiserver' | 'snapshot-controller' | 'csi-provisioner' | 'csi-snapshotter';

const pidFile = (component: Component) => join(process.env.SNAPCLUSTER_RUN ?? '/run/snapcluster', 'pids', component);

function pidOf(component: Component): number {
  return Number.parseInt(readFileSync(pidFile(component), 'utf8'), 10);
}

/** Has the test cluster take a process for its own component, so that `repair()` does not start a second one beside it. */
function adopt(component: Component, pid: number): void {
  // when it was started is the twentieth field behind the name in parentheses; a pid alone may be another process's by now
  const startedAt = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')[19];
  writeFileSync(pidFile(component), `${pid} ${startedAt}\n`);
}

/** Ends parts of the cluster from one moment to the next; `repair()` brings them back. */
export function kill(...components: Component[]): void {
  components.map(pidOf).forEach(pid => process.kill(pid, 'SIGKILL'));
}

/** Starts again what has died. */
export const repair = () => run('snapcluster', 'up');

/** Starts the snapshot controller and the driver's sidecar anew; after an API server that was away they look for changes ever more seldom. */
export function restartControllers(): void {
  kill('snapshot-controller', 'csi-snapshotter');
  repair();
}

/** Has the API server know PrometheusRules, as if the Prometheus operator were installed. */
export const withPrometheusRules = () => { run('snapcluster', 'up', '--with-prometheus'); };

/** Has the API server know the objects of Velero, as if it were installed. */
export const withVelero = () => { run('snapcluster', 'up', '--with-velero'); };

/** Has the snapshot controller and the driver's sidecar make so many requests a second at most; what it returns puts it back. */
export const withRequestsPerSecond = (count: number) =>
  withFlags({ '--kube-api-qps': `${count}`, '--kube-api-burst': `${2 * count}` }, 'snapshot-controller', 'csi-snapshotter');

/** Starts components anew with other values of some flags; what it returns puts them back. */
export function withFlags(flags: { [flag: string]: string }, ...components: Component[]): () => void {
  const commands = components.map(component => readFileSync(`/proc/${pidOf(component)}/cmdline`, 'utf8').split('\0').slice(0, -1));
  kill(...components);
  const children = commands.map(([program, ...args], index) => {
    for (const [flag, value] of Object.entries(flags)) { args.push(flag, value); }
    const child = spawn(program, args, { detached: true, stdio: 'ignore' });
    // a test that fails must not wait for it
    child.unref();
    adopt(components[index], child.pid as number);
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
  readonly namespace?: string;
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
      // what is about no object, such as which resources there are, needs no right
      .filter(event => event.stage === 'ResponseComplete' && event.objectRef !== undefined)
      .map(event => ({
        verb: event.verb,
        resource: [event.objectRef.apiGroup, event.objectRef.resource, event.objectRef.subresource].filter(Boolean).join('/'),
        namespace: event.objectRef.namespace,
        name: event.objectRef.name,
        code: event.responseStatus.code,
      }));
  }
}
