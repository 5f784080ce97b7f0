/** How many characters a line has unless something is known of the terminal. */
export const WIDTH = 120;

/** Sets rows of text as a table of at most so many characters; cells that are too wide go on in the next line. */
export function columns(header: readonly string[], rows: readonly (readonly string[])[], width: number): string {
  const widths = fit([header, ...rows], width);
  const lines = (row: readonly string[]) => setRow(row, widths);
  const rule = widths.map(size => '─'.repeat(size)).join(GAP);
  return [...lines(header), rule, ...rows.flatMap(lines)].join('\n');
}

const GAP = '  ';
// a column must hold at least a word of usual length
const NARROWEST = 8;

/** The widths of columns; the widest give way first, and words are broken only if it must be. */
function fit(rows: readonly (readonly string[])[], width: number): number[] {
  const longest = (lengthOf: (cell: string) => number) => rows[0].map((_, column) => Math.max(...rows.map(row => lengthOf(row[column]))));
  const available = width - GAP.length * (rows[0].length - 1);
  const words = longest(cell => Math.max(...cell.split(' ').map(word => word.length)));
  return shrink(shrink(longest(cell => cell.length), words, available), words.map(length => Math.min(length, NARROWEST)), available);
}

function shrink(widths: readonly number[], least: readonly number[], available: number): number[] {
  const shrunk = [...widths];
  while (sum(shrunk) > available) {
    const room = shrunk.map((size, column) => (size > least[column] ? size : 0));
    const widest = room.indexOf(Math.max(...room));
    if (room[widest] === 0) { break; }
    shrunk[widest] -= 1;
  }
  return shrunk;
}

function setRow(row: readonly string[], widths: readonly number[]): string[] {
  const cells = row.map((cell, column) => wrap(cell, widths[column]));
  const height = Math.max(...cells.map(cell => cell.length));
  return Array.from({ length: height }, (_, line) =>
    cells.map((cell, column) => (cell[line] ?? '').padEnd(widths[column])).join(GAP).trimEnd());
}

/** Breaks a text into lines, at spaces or behind punctuation of names, else in the midst of a word. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const at = breakWithin(rest, width);
    lines.push(rest.slice(0, at).trimEnd());
    rest = rest.slice(at).trimStart();
  }
  return [...lines, rest];
}

/** A mark, and beside it text that may take several lines. */
export function hanging(mark: string, text: string, width: number): string {
  const indent = mark.length + 2;
  return wrap(printable(text), width - indent).map((line, index) => (index === 0 ? mark : '').padEnd(indent) + line).join('\n');
}

/** What others wrote must not command the terminal that shows it. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, '\ufffd');
}

function breakWithin(text: string, width: number): number {
  const space = text.lastIndexOf(' ', width);
  if (space > 0) { return space; }
  const punctuation = Math.max(...['/', '-', '.', ',', '=', '_'].map(sign => text.lastIndexOf(sign, width - 1)));
  return punctuation > 0 ? punctuation + 1 : width;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
