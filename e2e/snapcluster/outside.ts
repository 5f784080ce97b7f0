import { ChildProcess, execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getJson, kubectl } from '../cluster';

/** How a run ended. */
export interface RunEnd {
  /** -1 if it was killed */
  readonly exitCode: number;
  readonly message: string;
}

export interface OutsideRun {
  readonly process: ChildProcess;
  readonly end: Promise<RunEnd>;
}

const BUNDLE = join(__dirname, '..', '..', 'assets', 'runner.mjs');
let runs = 0;

/**
 * The program of a CronJob as a process of this machine, with its service
 * account's token: for tests of many runs, which starting a pod each would take hours.
 */
export function outsideRunner(namespace: string, cronJob: string): () => Promise<RunEnd> {
  const begin = outsideRuns(namespace, cronJob);
  return () => begin().end;
}

/** The same, to do something to it while it runs. `port`: where the API server is listened to instead, at its own address. */
export function outsideRuns(namespace: string, cronJob: string, port?: number): () => OutsideRun {
  const { server, certificate } = connection();
  const directory = mkdtempSync(join(tmpdir(), 'snapshot-runner-'));
  writeFileSync(join(directory, 'ca.crt'), certificate);
  const template = getJson('-n', namespace, 'cronjob', cronJob).spec.jobTemplate.spec.template.spec;
  const [{ args, env }] = template.containers;
  const valueOf = (variable: string) => env.find(({ name }: any) => name === variable)?.value;
  writeFileSync(join(directory, 'token'), kubectl(['-n', namespace, 'create', 'token', template.serviceAccountName, '--duration', '1h']).trim());
  const terminationLog = join(directory, 'termination-log');
  return () => {
    runs += 1;
    rmSync(terminationLog, { force: true });
    const environment = {
      KUBERNETES_SERVICE_HOST: server.hostname,
      KUBERNETES_SERVICE_PORT: `${port ?? (server.port || '443')}`,
      SNAPSHOT_CONFIG: valueOf('SNAPSHOT_CONFIG'),
      // as the kubelet reads it
      SNAPSHOT_QUIESCE_SCRIPT: valueOf('SNAPSHOT_QUIESCE_SCRIPT')?.replace(/\$\$/g, '$'),
      SNAPSHOT_NAMESPACE: namespace,
      SNAPSHOT_JOB_NAME: `${cronJob}-${29_700_000 + runs}`,
      SNAPSHOT_JOB_UID: `outside-${runs}`,
      SNAPSHOT_POD_NAME: 'outside',
    };
    const child = execFile(process.execPath, [...args.slice(0, -1), BUNDLE, directory, terminationLog], {
      env: environment, maxBuffer: 2 ** 26,
    }, () => undefined);
    const end = new Promise<RunEnd>(resolve => child.on('close', exitCode => resolve({
      exitCode: exitCode ?? -1, message: existsSync(terminationLog) ? readFileSync(terminationLog, 'utf8') : '',
    })));
    return { process: child, end };
  };
}

/** Where the API server of KUBECONFIG is. */
export function connection(): { server: URL; certificate: Buffer } {
  const config = JSON.parse(kubectl(['config', 'view', '--minify', '--raw', '-o', 'json']));
  const { server, 'certificate-authority-data': data, 'certificate-authority': file } = config.clusters[0].cluster;
  return { server: new URL(server), certificate: data ? Buffer.from(data, 'base64') : readFileSync(file) };
}
