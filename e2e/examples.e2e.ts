import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { apply, kubectl } from './cluster';

const EXAMPLES = join(__dirname, '..', 'examples');
const files = readdirSync(EXAMPLES).map(name => join(EXAMPLES, name, 'dist')).filter(existsSync)
  .flatMap(dist => readdirSync(dist).map(file => join(dist, file)));

const namespaces = files.flatMap(file => parseAllDocuments(readFileSync(file, 'utf8')).flatMap(document => document.toJSON().metadata.namespace ?? []));

// nothing is made in them, so that what a cluster has there stays
beforeAll(() => apply([...new Set<string>(namespaces)].map(name => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }))));

test('there are examples', () => expect(files.length).toBeGreaterThanOrEqual(7));

test.each(files.map(file => [file.slice(EXAMPLES.length + 1), file]))('the API server accepts the YAML of example %s', (_, file) => {
  const answer = kubectl(['apply', '--dry-run=server', '-f', file]);
  expect(answer).not.toBe('');
  answer.trim().split('\n').forEach(line => expect(line).toMatch(/\(server dry run\)$/));
});
