import { writeFileSync } from 'node:fs';
import { ENVIRONMENT, EXIT, parseConfig } from './config';
import { HttpClient, podAccess } from './http-client';
import { identifyRun } from './identity';
import { runOrphans } from './orphans';
import { oneLine, RunResult } from './report';
import { runSchedule } from './run';

/** What the kubelet shows as the reason why a container ended. */
const TERMINATION_LOG = '/dev/termination-log';

function log(step: string, details: object): void {
  console.log(JSON.stringify({ time: new Date().toISOString(), step, ...details }));
}

async function main(environment: NodeJS.ProcessEnv, account: string | undefined): Promise<RunResult> {
  const terminated = new AbortController();
  process.on('SIGTERM', () => terminated.abort());
  const config = parseConfig(environment[ENVIRONMENT.config]);
  const { signal } = terminated;
  if ('kind' in config) {
    log('start', { ...config });
    return using(new HttpClient(podAccess(environment, account)), client => runOrphans({ client, config, signal, log }));
  }
  const run = identifyRun(environment[ENVIRONMENT.jobName], environment[ENVIRONMENT.jobUid], Date.now());
  const namespace = environment[ENVIRONMENT.namespace];
  if (!namespace) { throw new Error(`${ENVIRONMENT.namespace} is not set; run the CronJob as it was synthesized`); }
  const pod = environment[ENVIRONMENT.podName] ?? '';
  log('start', { schedule: config.scheduleId, run });
  return using(new HttpClient(podAccess(environment, account)), client => runSchedule({ client, config, namespace, pod, run, signal, log }));
}

async function using(client: HttpClient, work: (client: HttpClient) => Promise<RunResult>): Promise<RunResult> {
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

function end(result: RunResult, terminationLog: string): void {
  log('end', { exitCode: result.exitCode, message: result.message, peakMemoryMiB: Math.round(process.resourceUsage().maxRSS / 1024) });
  try {
    writeFileSync(terminationLog, result.message);
  } catch {
    // outside a pod there is none, and the line above says the same
  }
  process.exitCode = result.exitCode;
}

// a pod gives no arguments, so both are where the kubelet puts them
const [accountDirectory, terminationFile = TERMINATION_LOG] = process.argv.slice(2);
void main(process.env, accountDirectory)
  .catch((error: Error): RunResult => ({ exitCode: EXIT.failed, message: oneLine(`FAILED: ${error.message}`) }))
  .then(result => end(result, terminationFile));
