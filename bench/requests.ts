import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** One request as the API server saw it, of a resource or not: kubectl also asks what there is. */
export interface SeenRequest {
  readonly verb: string;
  readonly resource: string;
}

/** Reads from the audit log what one service account asked for since this was created. */
export class SeenRequests {
  private readonly path = execFileSync(join(process.env.SNAPCLUSTER as string, 'snapcluster'), ['status', '--audit-log'], { encoding: 'utf8' }).trim();
  private readonly from = statSync(this.path).size;

  of(namespace: string, serviceAccount: string): SeenRequest[] {
    const bytes = Buffer.alloc(statSync(this.path).size - this.from);
    const file = openSync(this.path, 'r');
    readSync(file, bytes, 0, bytes.length, this.from);
    closeSync(file);
    return bytes.toString('utf8').split('\n')
      .filter(line => line.includes(`"username":"system:serviceaccount:${namespace}:${serviceAccount}"`))
      .map(line => JSON.parse(line))
      .filter(event => event.stage === 'ResponseComplete')
      .map(event => ({ verb: event.verb, resource: event.objectRef?.resource ?? event.requestURI }));
  }
}
