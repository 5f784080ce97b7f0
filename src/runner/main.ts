import { writeFileSync } from 'node:fs';
import { runClone } from './clone';
import { ENVIRONMENT, EXIT, INVENTORY_FILE } from './config';
import { runDrill } from './drill';
import { HttpClient, podAccess } from './http-client';
import { identifyRun } from './identity';
import { runInventory } from './inventory';
import { runOrphans } from './orphans';
import { parseConfig } from './parse-config';
import { oneLine, RunResult } from './report';
import { runRestore } from './restore';
import { runEverywhere } from './run-namespaces';

/** What the kubelet shows as the reason why a container ended. */
const TERMINATION_LOG = '/dev/termination-log';

function log(step: string, details: object): void {
  console.log(JSON.stringify({ time: new Date().toISOString(), step, ...details }));
}

/** What every kind of run is given. */
interface Common {
  readonly client: HttpClient;
  readonly signal: AbortSignal;
  readonly log: typeof log;
}

async function main(environment: NodeJS.ProcessEnv, account: string | undefined): Promise<RunResult> {
  const terminated = new AbortController();
  process.on('SIGTERM', () => terminated.abort());
  const run = runOf(environment);
  const client = new HttpClient(podAccess(environment, account));
  try {
    return await run({ client, signal: terminated.signal, log });
  } finally {
    client.close();
  }
}

/** What this pod is for; throws if it was not told all that it needs. */
function runOf(environment: NodeJS.ProcessEnv): (common: Common) => Promise<RunResult> {
  const config = parseConfig(environment[ENVIRONMENT.config], environment[ENVIRONMENT.quiesceScript]);
  if (config.kind === 'Orphans') {
    log('start', { ...config });
    return common => runOrphans({ ...common, config });
  }
  if (config.kind === 'Inventory') {
    log('start', { ...config });
    return common => runInventory({ ...common, config, write: text => writeFileSync(INVENTORY_FILE, text) });
  }
  const namespace = environment[ENVIRONMENT.namespace];
  if (!namespace) { throw new Error(`${ENVIRONMENT.namespace} is not set; run the CronJob as it was synthesized`); }
  const pod = environment[ENVIRONMENT.podName] ?? '';
  const jobUid = environment[ENVIRONMENT.jobUid] ?? '';
  if (config.kind === 'Restore') {
    log('start', { ...config });
    return common => runRestore({ ...common, config, namespace, pod, jobUid });
  }
  if (config.kind === 'Clone') {
    log('start', { clone: config.cloneId, schedule: config.scheduleId, from: config.sourceNamespace, to: config.targetNamespace });
    return common => runClone({ ...common, config, namespace, pod, jobName: environment[ENVIRONMENT.jobName] ?? '', jobUid });
  }
  if (config.kind !== undefined) {
    log('start', { drill: config.drillId, schedule: config.scheduleId });
    return common => runDrill({ ...common, config, namespace, pod, jobUid });
  }
  // a person names the Job of a gate, and may end the name in digits
  const run = identifyRun(config.gate ? undefined : environment[ENVIRONMENT.jobName], environment[ENVIRONMENT.jobUid], Date.now());
  log('start', { schedule: config.scheduleId, run });
  return common => runEverywhere({ ...common, config, namespace, pod, run });
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
