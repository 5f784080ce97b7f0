import { parseArguments } from '../../src/cli/arguments';

const files = ['a.yaml', 'b.yaml'];

test('files and options may stand in any order', () => {
  const expected = { command: 'plan', files, svg: 'plan.svg', json: true, strict: true };
  expect(parseArguments(['plan', '--svg', 'plan.svg', '--json', '--strict', ...files])).toEqual(expected);
  expect(parseArguments(['--json', 'plan', 'a.yaml', '--svg=plan.svg', 'b.yaml', '--strict'])).toEqual(expected);
  expect(parseArguments(['plan', ...files])).toEqual({ command: 'plan', files, svg: undefined, json: false, strict: false });
  expect(parseArguments(['plan', '--', '--json'])).toMatchObject({ files: ['--json'], json: false });
});

test('a cluster is named as kubectl is told it', () => {
  expect(parseArguments(['status'])).toEqual({
    command: 'status', files: [], cluster: { program: 'kubectl', allNamespaces: false }, full: false, json: false, strict: false,
  });
  const named = { program: '/opt/kubectl', namespace: 'shop', context: 'production', kubeconfig: 'kube.yaml', allNamespaces: false };
  expect(parseArguments(['status', '-n', 'shop', '--context', 'production', '--kubeconfig=kube.yaml', '--kubectl', '/opt/kubectl']))
    .toMatchObject({ cluster: named });
  expect(parseArguments(['--strict', 'status', '-A', '--claim', 'data', '--schedule=nightly', '--full', '--json'])).toMatchObject({
    cluster: { allNamespaces: true }, claim: 'data', schedule: 'nightly', full: true, json: true, strict: true,
  });
  expect(parseArguments(['status', 'a.json', '-'])).toMatchObject({ files: ['a.json', '-'] });
});

test.each([[['--help'], 'status [options]'], [['-h'], 'plan [options]'], [['plan', '-h'], '--svg FILE'], [['status', '--help'], '--all-namespaces']])('%j needs nothing else', (args, text) => {
  expect(parseArguments(args)).toMatchObject({ command: 'help', text: expect.stringContaining(text) });
});

test.each([
  [[], 'no command is given; write cdk8s-volume-snapshots plan dist/*.yaml, or --help'],
  [['apply', 'a.yaml'], "'apply' is no command; write"],
  [['plan'], 'no file is given; write'],
  [['plan', '--sgv', 'x', 'a.yaml'], "Unknown option '--sgv'; write"],
  [['plan', 'a.yaml', '--svg'], /^Option '--svg <value>' argument missing; write/],
  [['plan', '--svg=', 'a.yaml'], '--svg names no file; write'],
  [['plan', '--json=yes', 'a.yaml'], /does not take an argument; write/],
  [['plan', '--claim', 'data', 'a.yaml'], "Unknown option '--claim'; write"],
  [['status', '--svg', 'x'], "Unknown option '--svg'; write cdk8s-volume-snapshots status -n NAMESPACE, or --help"],
  [['status', '--namespace='], '--namespace names nothing; write cdk8s-volume-snapshots status'],
  [['status', '-A', '-n', 'shop'], '--namespace and --all-namespaces exclude one another; write'],
  [['status', '--context', 'production', 'a.json'], '--context is for a cluster, and files are given; write'],
])('%j is refused, with what to write', (args, message) => {
  expect(() => parseArguments(args)).toThrow(message);
});
