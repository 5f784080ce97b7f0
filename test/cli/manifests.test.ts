import { parseManifests, readManifests } from '../../src/cli/manifests';

const parse = (text: string) => parseManifests('a.yaml', text);
const names = (text: string) => parse(text).map(({ metadata }) => metadata.name);

describe('files of any tool', () => {
  test('empty documents, comments and files without any object are passed over', () => {
    expect(names('')).toEqual([]);
    expect(names('---\n# nothing\n---\nnull\n---\n~\n')).toEqual([]);
    expect(names('---\napiVersion: v1\nkind: Pod\nmetadata: { name: a }\n---\n---\napiVersion: v1\nkind: Pod\nmetadata: { name: b }\n')).toEqual(['a', 'b']);
  });

  test('the objects of a List, and of a List in it, are seen', () => {
    expect(names(`
apiVersion: v1
kind: List
items:
  - null
  - { apiVersion: v1, kind: Pod, metadata: { name: a } }
  - apiVersion: v1
    kind: PodList
    items: [{ apiVersion: v1, kind: Pod, metadata: { name: b } }]
`)).toEqual(['a', 'b']);
  });

  test('maps that are no objects, such as the values of a chart, are passed over', () => {
    expect(parse('replicas: 3\nimage: { tag: latest }\n')).toEqual([]);
    expect(parse('apiVersion: v1\nkind: 7\n')).toEqual([]);
  });

  test('an object without metadata, or with odd metadata, stops nothing', () => {
    const object = (metadata: string) => parse(`apiVersion: x/v1\nkind: Odd\n${metadata}`)[0].metadata;
    expect(object('')).toEqual({ name: '', namespace: '', labels: {}, annotations: {} });
    expect(object('metadata: [1]')).toEqual({ name: '', namespace: '', labels: {}, annotations: {} });
    expect(object('metadata: { name: 7, namespace: {}, labels: [a], annotations: { a: null, b: true } }'))
      .toEqual({ name: '7', namespace: '', labels: {}, annotations: { a: '', b: 'true' } });
  });
});

describe('a file that cannot be used is named, with what to do', () => {
  test.each([
    ['a: b\n c: d\n', /^a\.yaml: is not YAML \(.+ at line 1, column 4\); correct it, or synthesize it again$/],
    ['a: "x\nb: 1', /^a\.yaml: is not YAML \(Missing closing "quote at line 2/],
    ['a: 1\na: 2\n', /^a\.yaml: is not YAML \(Map keys must be unique at line/],
    ['a: *x\n', /^a\.yaml: is not YAML \(.*alias.*x\); correct/],
    ['apiVersion: v1\nkind: Pod\n---\njust text\n', /^a\.yaml: document 2 is no Kubernetes object; leave the file out, or correct it$/],
    ['- 1\n- 2\n', /^a\.yaml: document 1 is no Kubernetes object/],
  ])('%j', (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });

  test.each([
    ['no-such.yaml', 'no-such.yaml: cannot be read (there is no such file); synthesize first, or correct the path'],
    [__dirname, `${__dirname}: cannot be read (it is a directory); name its files, such as dist/*.yaml`],
    ['\0', /^\0: cannot be read \(.+\); name a YAML file$/],
  ])('%j', (file, message) => {
    expect(() => readManifests([file])).toThrow(message);
  });
});
