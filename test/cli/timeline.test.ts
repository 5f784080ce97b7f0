import { readFileSync } from 'fs';
import { join } from 'path';
import { App, Chart, Cron, Duration } from 'cdk8s';
import { inDirectory, plan, yaml } from './command';
import { RetentionPolicy, ScheduledSnapshot, SnapshotSource } from '../../src';
import { newChart } from '../manifests';

// a year of runs is simulated for each schedule
jest.setTimeout(60_000);

function timeline(...contents: (string | Chart)[]): string {
  return inDirectory(directory => {
    const file = join(directory, 'plan.svg');
    const { code, stderr } = plan(contents, '--svg', file);
    if (code !== 0) { throw new Error(stderr); }
    return readFileSync(file, 'utf8');
  });
}

function chartOf(retention: RetentionPolicy, schedule: Cron = Cron.schedule({ hour: '4', minute: '15' }), name = 'nightly', chart: Chart = newChart()): Chart {
  new ScheduledSnapshot(chart, name, { metadata: { name }, source: SnapshotSource.fromClaimName('data'), schedule, retention });
  return chart;
}

/** The places of the ticks of each schedule. */
function ticks(svg: string): number[][] {
  return [...svg.matchAll(/<path stroke="#4a86c5"[^>]* d="([^"]*)"/g)].map(([, path]) => [...path.matchAll(/M([\d.]+) /g)].map(([, x]) => Number(x)));
}

/** Whether each element ends where it should, and each text is escaped. */
function isWellFormed(svg: string): boolean {
  const open: string[] = [];
  for (const [, end, name, selfClosing] of svg.matchAll(/<(\/?)([a-z]+)(?:\s+[a-zA-Z:-]+="[^"<]*")*\s*(\/?)>/g)) {
    if (end === '') { if (selfClosing === '') { open.push(name); } } else if (open.pop() !== name) { return false; }
  }
  const rest = svg.replace(/<\/?[a-z]+(?:\s+[a-zA-Z:-]+="[^"<]*")*\s*\/?>/g, '');
  return open.length === 0 && !/[<>]|&(?!(amp|lt|gt|quot|#39);)/.test(rest);
}

test('a row for each schedule, a tick for each restore point, from now to the oldest', () => {
  const chart = chartOf(RetentionPolicy.keepLast(5));
  chartOf(RetentionPolicy.of({ daily: 7, monthly: 12 }), undefined, 'yearly', chart);
  const [nightly, yearly] = ticks(timeline(chart));
  expect(nightly).toHaveLength(5);
  // the newest of the month is also one of the newest of their day
  expect(yearly).toHaveLength(18);
  for (const places of [nightly, yearly]) { expect(places).toEqual([...places].sort((a, b) => a - b)); }
  expect(nightly[0]).toBe(yearly[0]);
  expect(nightly[4]).toBeLessThan(yearly[17]);
});

test('ages are set on a logarithmic axis that ends with the oldest', () => {
  const marksOf = (svg: string) => [...svg.matchAll(/text-anchor="middle">([^<]*)</g)].map(([, label]) => label);
  expect(marksOf(timeline(chartOf(RetentionPolicy.keepFor(Duration.days(7)))))).toEqual(['now', '1 h', '6 h', '1 d', '3 d', '1 wk']);
  expect(marksOf(timeline(chartOf(RetentionPolicy.sevenYears()))).slice(-3)).toEqual(['2 y', '5 y', '10 y']);
  // each day is nearer to the one before
  const places = ticks(timeline(chartOf(RetentionPolicy.keepLast(6))))[0];
  const steps = places.slice(1).map((x, index) => x - places[index]);
  expect(steps).toEqual([...steps].sort((a, b) => b - a));
});

test('no drawing grows with what cannot be told apart', () => {
  expect(timeline(chartOf(RetentionPolicy.keepLast(20_000), Cron.schedule({ minute: '*/5' }))).length).toBeLessThan(40_000);
});

test('it can be read aloud', () => {
  const svg = timeline(chartOf(RetentionPolicy.keepLast(5)));
  expect(svg).toMatch(/^<svg [^>]*role="img" aria-labelledby="restore-points-title restore-points-desc"/);
  expect(svg).toContain('<title id="restore-points-title">Restore points by age</title>');
  expect(svg).toMatch(/<desc id="restore-points-desc">db\/nightly runs at 15 4 \* \* \* in Etc\/UTC and keeps last 5: 5 restore points, the oldest 4d old\.<\/desc>/);
});

test('it needs no style sheet, script, font or other file, and no background', () => {
  const svg = timeline(chartOf(RetentionPolicy.keepLast(5)));
  expect(svg).not.toMatch(/<style|<script|<image|<rect|href|url\(|class=/);
  expect(isWellFormed(svg)).toBe(true);
});

test('names and labels of any characters are escaped', () => {
  const text = yaml(...new Chart(new App(), 'none').toJson(), ...chartOf(RetentionPolicy.keepLast(2)).toJson())
    .replace(/name: nightly$/gm, 'name: "</desc><script>&\'\\u0007"');
  const svg = timeline(text);
  expect(svg).toContain('&lt;/desc&gt;&lt;script&gt;&amp;&#39;\ufffd');
  expect(isWellFormed(svg)).toBe(true);
});

test('without a schedule it says so', () => {
  const svg = timeline('');
  expect(svg).toContain('There is no schedule.');
  expect(isWellFormed(svg)).toBe(true);
});
