import { ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Yaml } from 'cdk8s';
import { eventually, getJson, kubectl } from '../cluster';
import { connection } from './outside';

const script = (name: string) => execFileSync(join(__dirname, '..', '..', 'scripts', name), { encoding: 'utf8', maxBuffer: 2 ** 26 }).trim();

/** A server of this machine that a test has started. */
export interface Program {
  readonly port: number;
  stop(): void;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}

async function start(name: string, path: string, port: number, directory: string, args: string[]): Promise<Program> {
  const log = openSync(join(directory, 'log'), 'w');
  const child: ChildProcess = spawn(path, args, { stdio: ['ignore', log, log] });
  const stop = () => { child.kill('SIGKILL'); };
  // a test that is ended must not leave it behind
  process.once('exit', stop);
  try {
    await eventually(`${name} answers`, 60, async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).ok);
  } catch (error) {
    stop();
    throw new Error(`${(error as Error).message}\n${readFileSync(join(directory, 'log'), 'utf8')}`);
  }
  return { port, stop: () => { stop(); rmSync(directory, { recursive: true, force: true, maxRetries: 5 }); } };
}

/** kube-state-metrics with the configuration in a ConfigMap and the rights of a service account, as if it ran in the cluster. */
export async function startKubeStateMetrics(namespace: string, serviceAccount: string, configMap: { name: string; key: string }): Promise<Program> {
  const directory = mkdtempSync(join(tmpdir(), 'kube-state-metrics-'));
  const { certificate, server } = connection();
  const token = kubectl(['-n', namespace, 'create', 'token', serviceAccount, '--duration', '1h']).trim();
  writeFileSync(join(directory, 'kubeconfig'), Yaml.stringify({
    'apiVersion': 'v1',
    'kind': 'Config',
    'clusters': [{ name: 'c', cluster: { 'server': server.href, 'certificate-authority-data': certificate.toString('base64') } }],
    'users': [{ name: 'u', user: { token } }],
    'contexts': [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  }));
  writeFileSync(join(directory, 'config.yaml'), getJson('-n', namespace, 'configmap', configMap.name).data[configMap.key]);
  const [port, telemetryPort] = [await freePort(), await freePort()];
  return start('kube-state-metrics', script('kube-state-metrics.sh'), port, directory, [
    '--kubeconfig', join(directory, 'kubeconfig'), '--custom-resource-state-config-file', join(directory, 'config.yaml'), '--resources=cronjobs,jobs',
    '--host=127.0.0.1', `--port=${port}`, '--telemetry-host=127.0.0.1', `--telemetry-port=${telemetryPort}`,
  ]);
}

/** Prometheus with a rules file, which asks kube-state-metrics every second. */
export async function startPrometheus(rules: string, target: Program): Promise<Program> {
  const directory = mkdtempSync(join(tmpdir(), 'prometheus-'));
  const path = join(dirname(script('promtool.sh')), 'prometheus');
  if (!existsSync(path)) { throw new Error(`there is no Prometheus beside promtool: ${path}`); }
  writeFileSync(join(directory, 'rules.yaml'), rules);
  writeFileSync(join(directory, 'prometheus.yaml'), Yaml.stringify({
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yaml'],
    scrape_configs: [{ job_name: 'kube-state-metrics', honor_labels: true, static_configs: [{ targets: [`127.0.0.1:${target.port}`] }] }],
  }));
  const port = await freePort();
  return start('Prometheus', path, port, directory, [
    `--config.file=${join(directory, 'prometheus.yaml')}`, `--storage.tsdb.path=${join(directory, 'data')}`, `--web.listen-address=127.0.0.1:${port}`,
  ]);
}

/** What Prometheus answers. */
export async function ask(prometheus: Program, path: string): Promise<any> {
  const response = await fetch(`http://127.0.0.1:${prometheus.port}/api/v1/${path}`);
  const { data, error } = await response.json() as any;
  if (!response.ok) { throw new Error(error); }
  return data;
}

/** The series that an expression gives, with their values. */
export async function query(prometheus: Program, expression: string): Promise<{ labels: { [name: string]: string }; value: number }[]> {
  const { result } = await ask(prometheus, `query?query=${encodeURIComponent(expression)}`);
  return result.map(({ metric, value }: any) => ({ labels: metric, value: Number(value[1]) }));
}
