import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

const ROOT = join(__dirname, '..');
const EXAMPLES = join(ROOT, 'examples');

/** The YAML files of a folder like examples/, by their path below it. */
function filesBelow(folder: string): { [path: string]: string } {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(path => /^[^/]+\/dist\/[^/]+\.yaml$/.test(path)).sort();
  return Object.fromEntries(files.map(path => [path, readFileSync(join(folder, path), 'utf8')]));
}

const checkedIn = filesBelow(EXAMPLES);

test('the YAML beside each example is what it synthesizes to: `npm run examples` writes it anew', () => {
  const target = mkdtempSync(join(tmpdir(), 'examples-'));
  try {
    execFileSync(process.execPath, ['--import', 'tsx', 'scripts/synth-examples.ts', target], { cwd: ROOT, stdio: 'pipe' });
    expect(filesBelow(target)).toEqual(checkedIn);
  } finally {
    rmSync(target, { recursive: true });
  }
}, 60_000);

describe.each(Object.entries(checkedIn))('the YAML of %s', (_, text) => {
  const objects = parseAllDocuments(text).map(document => document.toJSON());

  test('has no object twice', () => {
    const ids = objects.map(({ apiVersion, kind, metadata }) => [apiVersion, kind, metadata.namespace, metadata.name].join(' '));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('carries no secret', () => {
    expect(objects.filter(({ kind }) => kind === 'Secret')).toEqual([]);
  });

  test('refers only to a runner and a service account that come with it', () => {
    const has = (kind: string, name: string) => objects.some(object => object.kind === kind && object.metadata.name === name);
    const pods = objects.filter(object => object.kind === 'CronJob').map(({ spec }) => spec.jobTemplate.spec.template.spec);
    const isRun = (pod: any) => pod.containers[0].env.some(({ name }: any) => name === 'SNAPSHOT_CONFIG');
    for (const pod of pods.filter(isRun)) {
      expect(has('ServiceAccount', pod.serviceAccountName)).toBe(true);
      expect(has('ConfigMap', pod.volumes[0].configMap.name)).toBe(true);
    }
  });
});
