import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SnapshotAlert } from 'cdk8s-volume-snapshots';

/** The value of a series at a moment in seconds; undefined while it is not there. */
export interface Series {
  readonly metric: string;
  readonly labels: { readonly [name: string]: string };
  readonly value: (time: number) => number | undefined;
}

/** How often series are scraped and rules evaluated, in seconds. */
const STEP = 300;

let program: string | undefined;

function promtool(...args: string[]): { ok: boolean; output: string } {
  // looked for here, since whoever runs one file has not run .ci/run
  program ??= execFileSync(join(__dirname, '..', '..', 'scripts', 'promtool.sh'), { encoding: 'utf8' }).trim();
  const { error, status, stderr, stdout } = spawnSync(program, args, { encoding: 'utf8' });
  if (error) { throw error; }
  return { ok: status === 0, output: `${stdout}${stderr}` };
}

function inDirectory<T>(files: { [name: string]: string }, use: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'promtool-'));
  try {
    Object.entries(files).forEach(([name, text]) => writeFileSync(join(directory, name), text));
    return use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** What promtool says of a rules file, and whether it takes it. */
export function checkRules(rules: string): { ok: boolean; output: string } {
  return inDirectory({ 'rules.yaml': rules }, directory => promtool('check', 'rules', '--lint=all', '--lint-fatal', join(directory, 'rules.yaml')));
}

/** What an alert looks like when it fires. */
export interface Fired {
  readonly labels: { readonly [name: string]: string };
  readonly annotations: { readonly [name: string]: string };
}

/** The alerts that fire at a moment. */
export type Moment = readonly [time: number, alerts: readonly SnapshotAlert[]];

/** The alerts that must fire at each moment, each of them once, and no others; undefined if it is so, else the words of promtool. */
export function problemsOf(rules: string, series: readonly Series[], firing: readonly Moment[]): string | undefined {
  return test(rules, series, Math.max(...firing.map(([time]) => time)), {
    promql_expr_test: firing.map(([time, alerts]) => ({
      expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
      eval_time: `${time}s`,
      exp_samples: alerts.map(alertname => ({ labels: `{alertname="${alertname}"}`, value: 1 })),
    })),
  });
}

/** The labels and annotations that an alert must have at a moment; undefined if it has them, else the words of promtool. */
export function differencesOf(
  rules: string, series: readonly Series[], time: number, alertname: SnapshotAlert, { annotations, labels }: Fired,
): string | undefined {
  return test(rules, series, time, {
    alert_rule_test: [{ alertname, eval_time: `${time}s`, exp_alerts: [{ exp_labels: labels, exp_annotations: annotations }] }],
  });
}

/** A series that a query gives, by its labels in braces, and its value. */
export type Sample = readonly [labels: string, value: number];

/** What each query must give at a moment, and no more; undefined if it is so, else the words of promtool. */
export function mismatchesOf(
  series: readonly Series[], time: number, expected: readonly (readonly [expr: string, samples: readonly Sample[]])[],
): string | undefined {
  return test('groups: []', series, time, {
    promql_expr_test: expected.map(([expr, samples]) => ({
      expr, eval_time: `${time}s`, exp_samples: samples.map(([labels, value]) => ({ labels, value })),
    })),
  });
}

function test(rules: string, series: readonly Series[], until: number, expected: object): string | undefined {
  const document = {
    rule_files: ['rules.yaml'],
    evaluation_interval: `${STEP}s`,
    tests: [{ interval: `${STEP}s`, input_series: series.map(each => render(each, until)), ...expected }],
  };
  // JSON is YAML
  return inDirectory({ 'rules.yaml': rules, 'test.yaml': JSON.stringify(document) }, directory => {
    const { ok, output } = promtool('test', 'rules', join(directory, 'test.yaml'));
    return ok ? undefined : output;
  });
}

function render({ labels, metric, value }: Series, until: number): object {
  const values: string[] = [];
  let before: number | undefined;
  for (let time = 0; time <= until; time += STEP) {
    const now = value(time);
    // a series that is gone from a scrape ends at once
    values.push(now !== undefined ? `${now}` : before !== undefined ? 'stale' : '_');
    before = now;
  }
  const texts = Object.entries(labels).map(([name, text]) => `${name}="${text}"`);
  return { series: `${metric}{${texts.join(',')}}`, values: values.join(' ') };
}
