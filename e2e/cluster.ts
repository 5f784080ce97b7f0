import { execFileSync, spawnSync } from 'node:child_process';
import { App, Chart, Yaml } from 'cdk8s';

/** What the cluster under test calls things; another cluster sets the variables. */
export const STORAGE_CLASS = process.env.E2E_STORAGE_CLASS ?? 'snaplab';
export const WAITING_STORAGE_CLASS = process.env.E2E_WAITING_STORAGE_CLASS ?? 'snaplab-wffc';
export const DRIVER = process.env.E2E_DRIVER ?? 'snaplab.csi.example.com';

/** Runs kubectl and returns what it printed; throws with its error. */
export function kubectl(args: string[], input?: string): string {
  return execFileSync('kubectl', args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'], maxBuffer: 2 ** 28 });
}

export function getJson(...args: string[]): any {
  return JSON.parse(kubectl(['get', ...args, '-o', 'json']));
}

export function names(...args: string[]): string[] {
  return getJson(...args).items.map((item: any) => item.metadata.name).sort();
}

export const sleep = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds));

/** A machine that is busy with other things is slow; what must be in time is measured, not waited for. */
const PATIENCE = 3;

/** Looks again and again until there is something to return, for so many seconds on an idle machine. */
export async function eventually<T>(what: string, seconds: number, look: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  const end = Date.now() + seconds * PATIENCE * 1000;
  let last: unknown;
  while (Date.now() < end) {
    try {
      const found = await look();
      if (found) { return found; }
      last = undefined;
    } catch (error) {
      last = error;
    }
    await sleep(250);
  }
  throw new Error(`not within ${seconds * PATIENCE} s: ${what}${last ? ` (${(last as Error).message})` : ''}`);
}

const made = new Set<string>();

/** Ends what runs in the namespaces of a test file, whose databases would be written to for ever; snapshots and claims stay, to be looked at. */
export function endWorkloads(): void {
  for (const namespace of made) { spawnSync('kubectl', ['-n', namespace, 'delete', 'cronjobs,jobs,statefulsets,deployments,pods', '--all', '--wait=false']); }
}

/** An empty namespace, also if an earlier test run left one behind. */
export function freshNamespace(name: string, labels: { [key: string]: string } = {}): string {
  made.add(name);
  spawnSync('kubectl', ['delete', 'namespace', name, '--ignore-not-found', '--wait=true', '--timeout=120s']);
  apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }]);
  return name;
}

export function apply(objects: object[]): void {
  kubectl(['apply', '-f', '-'], Yaml.stringify(...objects));
}

/** What a chart comes to. */
export function synthesize(namespace: string | undefined, build: (chart: Chart) => void): any[] {
  const chart = new Chart(new App(), namespace ?? 'platform', { namespace });
  build(chart);
  return chart.toJson();
}

/** Applies what a chart synthesizes to, as a user would. */
export function applyChart(namespace: string | undefined, build: (chart: Chart) => void): void {
  apply(synthesize(namespace, build));
}

export function claim(namespace: string, name: string, options: { labels?: { [key: string]: string }; storageClassName?: string } = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace, labels: options.labels },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: options.storageClassName ?? STORAGE_CLASS,
      resources: { requests: { storage: '100Mi' } },
    },
  };
}

export async function bound(namespace: string, ...claims: string[]): Promise<void> {
  for (const name of claims) {
    await eventually(`claim ${name} is bound`, 60, () => getJson('-n', namespace, 'pvc', name).status.phase === 'Bound');
  }
}

/** How a Job ended, and what its last pod said. */
export interface JobEnd {
  readonly succeeded: boolean;
  readonly exitCode?: number;
  readonly message: string;
  readonly log: any[];
  readonly pods: number;
}

let jobs = 0;

/** Starts a CronJob by hand, as a person does, and returns the name of the Job. */
export function startJob(namespace: string, cronJob: string): string {
  jobs += 1;
  const name = `manual-${process.pid}-${jobs}`;
  kubectl(['-n', namespace, 'create', 'job', name, `--from=cronjob/${cronJob}`]);
  return name;
}

export async function jobEnd(namespace: string, name: string, seconds = 120): Promise<JobEnd> {
  const end = await eventually(`job ${name} ends`, seconds, () => getJson('-n', namespace, 'job', name).status.conditions
    ?.find((condition: any) => ['Complete', 'Failed'].includes(condition.type) && condition.status === 'True'));
  const pods = getJson('-n', namespace, 'pods', '-l', `batch.kubernetes.io/job-name=${name}`).items;
  pods.sort((a: any, b: any) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1));
  const last = pods[pods.length - 1];
  const terminated = last?.status.containerStatuses?.[0]?.state?.terminated;
  const log = last ? kubectl(['-n', namespace, 'logs', last.metadata.name]) : '';
  // a test that expected otherwise shows only the two results
  if (end.type !== 'Complete') { process.stderr.write(`job ${namespace}/${name} failed: ${(terminated?.message ?? end.message).slice(0, 400)}\n`); }
  return {
    succeeded: end.type === 'Complete',
    exitCode: terminated?.exitCode,
    message: terminated?.message ?? '',
    log: log.split('\n').filter(line => line.startsWith('{')).map(line => JSON.parse(line)),
    pods: pods.length,
  };
}

export async function runJob(namespace: string, cronJob: string, seconds?: number): Promise<JobEnd> {
  return jobEnd(namespace, startJob(namespace, cronJob), seconds);
}
