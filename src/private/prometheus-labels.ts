import { Origin, reject, requireText } from './validate';

/** Labels, or annotations, by names that Prometheus takes and that are not our own. @see https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels */
export function requireLabelNames(origin: Origin, prop: string, labels: { [name: string]: string } | undefined, own: readonly string[]): void {
  for (const [name, value] of Object.entries(labels ?? {})) {
    requireText(origin, `${prop}.${name}`, value);
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) {
      reject(origin, prop, { problem: 'not a name that Prometheus takes', got: name, allowed: 'letters, digits and _, not starting with a digit', fix: 'change the name' });
    }
    if (own.includes(name)) {
      reject(origin, prop, { problem: 'the library sets it itself', got: name, allowed: 'other names', fix: name === 'severity' ? 'use severities' : 'leave it out' });
    }
  }
}

/** What all series must have, beside what expressions ask for themselves. */
export function requireMatchLabels(origin: Origin, labels: { [name: string]: string } | undefined): void {
  requireLabelNames(origin, 'matchLabels', labels, ['__name__', 'namespace', 'cronjob', 'job_name', 'condition']);
}
