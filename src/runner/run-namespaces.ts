import { EXIT } from './config';
import { forEach } from './parallel';
import { oneLine, RunResult } from './report';
import { RunInput, runSchedule } from './run';

/** A run in its own namespace, or in each that it was told of; one that fails does not hide the others. */
export async function runEverywhere(input: RunInput): Promise<RunResult> {
  const { namespaces } = input.config;
  if (!namespaces) { return runSchedule(input); }
  const results = new Map<string, RunResult>();
  await forEach(namespaces, async namespace => {
    const log = (step: string, details: object) => input.log(step, { namespace, ...details });
    const result = await runSchedule({ ...input, namespace, log });
    log('report', result);
    results.set(namespace, result);
  });
  return summarizeAll([...results].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What failed comes first, since it must not be cut off; the log has a report of each. */
function summarizeAll(results: readonly (readonly [string, RunResult])[]): RunResult {
  const failed = results.filter(([, { exitCode }]) => exitCode !== EXIT.success);
  const well = results.filter(one => !failed.includes(one));
  const codes = failed.map(([, { exitCode }]) => exitCode);
  // a retry would help only if it can help all of them
  const exitCode = codes.includes(EXIT.failed) ? EXIT.failed : codes[0] ?? EXIT.success;
  const parts = [
    `${well.length} of ${results.length} namespaces are done`,
    ...failed.map(([namespace, { message }]) => `FAILED ${namespace}: ${message}`),
    ...well.map(([namespace, { message }]) => `${namespace}: ${message}`),
  ];
  return { exitCode, message: oneLine(parts.join('; ')) };
}
