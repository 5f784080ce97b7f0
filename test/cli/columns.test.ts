import { columns, wrap } from '../../src/cli/columns';

test('columns are as wide as their widest cell', () => {
  expect(columns(['a', 'bb'], [['xxx', 'y'], ['', 'zz']], 80)).toBe('a    bb\n───  ──\nxxx  y\n     zz');
});

test('no line is longer than the terminal, and no letter is lost', () => {
  const row = ['a-namespace-of-many-words/a-schedule-of-as-many-words', '15 3 * * 1,2,3,4,5 America/Argentina/Buenos_Aires', 'x'.repeat(200)];
  const lines = columns(['schedule', 'runs', 'claims'], [row], 60).split('\n');
  expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(60);
  const letters = (text: string) => [...text].filter(letter => !/\s/.test(letter)).sort().join('');
  expect(letters(lines.slice(2).join(''))).toBe(letters(row.join('')));
});

test('a text breaks at spaces, else behind punctuation, else anywhere', () => {
  expect(wrap('one two three', 8)).toEqual(['one two', 'three']);
  expect(wrap('data-postgres-0', 8)).toEqual(['data-', 'postgres', '-0']);
  expect(wrap('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
  expect(wrap('', 4)).toEqual(['']);
});
