import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Api } from './api';
import { CountingProxy, measure, Measured } from './measure';
import { getJson, kubectl } from '../e2e/cluster';

export const BUNDLE = join(__dirname, '..', 'assets', 'runner.mjs');
const SCRIPT = join(__dirname, 'tutorial.sh');

/** Where both ways find the API server. */
export interface Place {
  readonly api: Api;
  readonly proxy: CountingProxy;
  readonly namespace: string;
}

// a minute of its own for each run, and none that is near
let minutes = Math.floor(Date.now() / 60_000) + 60;

const tokenOf = (namespace: string, serviceAccount: string) => kubectl(['-n', namespace, 'create', 'token', serviceAccount, '--duration=1h']).trim();

/** Runs a schedule as its pod would: with the environment of the CronJob, and as its service account. */
export async function runRunner({ api, proxy, namespace }: Place, schedule: string): Promise<Measured> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-runner-'));
  const account = join(directory, 'account');
  mkdirSync(account);
  writeFileSync(join(account, 'token'), tokenOf(namespace, schedule));
  writeFileSync(join(account, 'ca.crt'), api.ca);
  writeFileSync(join(account, 'namespace'), namespace);
  minutes += 1;
  const fields: { [path: string]: string } = {
    'metadata.namespace': namespace,
    'metadata.name': `${schedule}-${minutes}-bench`,
    "metadata.labels['batch.kubernetes.io/job-name']": `${schedule}-${minutes}`,
    "metadata.labels['batch.kubernetes.io/controller-uid']": randomUUID(),
  };
  const [{ env, args }] = getJson('-n', namespace, 'cronjob', schedule).spec.jobTemplate.spec.template.spec.containers;
  const given = env.map(({ name, value, valueFrom }: any) => [name, value ?? fields[valueFrom.fieldRef.fieldPath]]);
  const server = { KUBERNETES_SERVICE_HOST: api.host, KUBERNETES_SERVICE_PORT: `${proxy.port}` };
  const measured = await measure(process.execPath, [...args.slice(0, -1), BUNDLE, account, join(directory, 'termination-log')], { ...Object.fromEntries(given), ...server });
  rmSync(directory, { recursive: true });
  return succeeded('the runner', measured);
}

export interface ScriptOptions {
  readonly serviceAccount: string;
  /** the directory of the kubectl that it finds */
  readonly kubectl: string;
  readonly claims: string[];
  readonly snapshotClass: string;
  readonly keep: number;
}

/** Runs the script as its pod would: as its service account, and with an empty home, so that kubectl asks anew what the cluster has. */
export async function runScript({ api, proxy, namespace }: Place, options: ScriptOptions): Promise<Measured> {
  const home = mkdtempSync(join(tmpdir(), 'bench-script-'));
  const config = join(home, 'kubeconfig');
  writeFileSync(config, JSON.stringify({
    'apiVersion': 'v1',
    'kind': 'Config',
    'clusters': [{
      name: 'bench', cluster: { 'server': `https://${api.host}:${proxy.port}`, 'certificate-authority-data': api.ca.toString('base64') },
    }],
    'users': [{ name: 'bench', user: { token: tokenOf(namespace, options.serviceAccount) } }],
    'contexts': [{ name: 'bench', context: { cluster: 'bench', user: 'bench', namespace } }],
    'current-context': 'bench',
  }));
  const measured = await measure('bash', [SCRIPT], {
    PATH: [options.kubectl, process.env.PATH].join(delimiter),
    HOME: home,
    KUBECONFIG: config,
    CLAIMS: options.claims.join(' '),
    SNAPSHOT_CLASS: options.snapshotClass,
    KEEP: `${options.keep}`,
  });
  rmSync(home, { recursive: true });
  return succeeded('the script', measured);
}

function succeeded(what: string, measured: Measured): Measured {
  if (measured.exitCode !== 0) { throw new Error(`${what} failed: ${measured.output}`); }
  return measured;
}
