import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
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
