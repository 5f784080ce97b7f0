import { parseArguments } from '../../src/cli/arguments';

const files = ['a.yaml', 'b.yaml'];

test('files and options may stand in any order', () => {
  const expected = { files, svg: 'plan.svg', json: true, strict: true, help: false };
  expect(parseArguments(['plan', '--svg', 'plan.svg', '--json', '--strict', ...files])).toEqual(expected);
  expect(parseArguments(['--json', 'plan', 'a.yaml', '--svg=plan.svg', 'b.yaml', '--strict'])).toEqual(expected);
  expect(parseArguments(['plan', ...files])).toEqual({ files, svg: undefined, json: false, strict: false, help: false });
  expect(parseArguments(['plan', '--', '--json']).files).toEqual(['--json']);
});

test('help needs nothing else', () => {
  expect(parseArguments(['--help']).help).toBe(true);
  expect(parseArguments(['plan', '-h']).help).toBe(true);
});

test.each([
  [[], 'no command is given; write cdk8s-volume-snapshots plan dist/*.yaml, or --help'],
  [['apply', 'a.yaml'], "'apply' is no command; write"],
  [['plan'], 'no file is given; write'],
  [['plan', '--sgv', 'x', 'a.yaml'], "Unknown option '--sgv'; write"],
  [['plan', 'a.yaml', '--svg'], /^Option '--svg <value>' argument missing; write/],
  [['plan', '--svg=', 'a.yaml'], '--svg names no file; write'],
  [['plan', '--json=yes', 'a.yaml'], /does not take an argument; write/],
])('%j is refused, with what to write', (args, message) => {
  expect(() => parseArguments(args)).toThrow(message);
});
