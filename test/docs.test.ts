import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, parse, relative } from 'node:path';
import * as ts from 'typescript';
import { parseAllDocuments } from 'yaml';

const ROOT = join(__dirname, '..');
const PAGES = [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'].filter(file => existsSync(join(ROOT, file))),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.md')).sort().map(file => `docs/${file}`),
];
/** Written by the build, which may not have run yet. */
const GENERATED = ['API.md'];

interface Block {
  readonly page: string;
  /** counted from 1 in its page, all languages together */
  readonly number: number;
  /** of the first line of the code */
  readonly line: number;
  readonly language: string;
  readonly code: string;
}

interface Page {
  readonly blocks: Block[];
  /** the lines that are no code, at their places */
  readonly prose: string[];
}

function readPage(page: string): Page {
  const blocks: Block[] = [];
  const prose: string[] = [];
  let open: { fence: string; indent: string; language: string; line: number; code: string[] } | undefined;
  readFileSync(join(ROOT, page), 'utf8').split('\n').forEach((text, index) => {
    const [, indent, fence, language] = /^(\s*)(`{3,}|~{3,})\s*([^\s`]*)/.exec(text) ?? [];
    if (open && fence?.startsWith(open.fence) && language === '') {
      blocks.push({ page, number: blocks.length + 1, line: open.line, language: open.language, code: open.code.join('\n') });
      open = undefined;
    } else if (open) {
      open.code.push(text.startsWith(open.indent) ? text.slice(open.indent.length) : text);
    } else if (fence) {
      open = { fence, indent, language, line: index + 2, code: [] };
    }
    prose.push(open || fence ? '' : text);
  });
  if (open) { throw new Error(`${page}: the block that begins at line ${open.line} has no end`); }
  return { blocks, prose };
}

const pages = new Map(PAGES.map(page => [page, readPage(page)]));

function blocksOf(...languages: string[]): Block[] {
  return [...pages.values()].flatMap(page => page.blocks).filter(block => languages.includes(block.language));
}

/** A file of the quick start, as it stands in a block. */
function quickStart(file: string): string {
  return readFileSync(join(ROOT, 'examples/quick-start', file), 'utf8').trimEnd();
}

function place(block: Block, lineInBlock: number): string {
  return `${block.page}, block ${block.number}, line ${block.line + lineInBlock}`;
}

/** The options of the tests, but a snippet may name what it does not use. */
function compilerOptions(): ts.CompilerOptions {
  const file = join(__dirname, 'tsconfig.json');
  const { config } = ts.readConfigFile(file, path => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, __dirname, undefined, file);
  return { ...options, rootDir: parse(ROOT).root, noUnusedLocals: false, moduleDetection: ts.ModuleDetectionKind.Force };
}

/** What the compiler has against the blocks, each of which is a file of its own. */
function typeErrors(blocks: Block[]): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'docs-'));
  try {
    // as if the user had installed the same versions
    symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'), 'dir');
    const files = new Map(blocks.map((block, index) => [join(directory, `block-${index}.ts`), block]));
    files.forEach((block, file) => writeFileSync(file, block.code));
    const program = ts.createProgram([...files.keys()], compilerOptions());
    const message = ({ messageText }: ts.Diagnostic) => ts.flattenDiagnosticMessageText(messageText, '\n');
    const errors = [...files].flatMap(([file, block]) => {
      const source = program.getSourceFile(file)!;
      return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
        .map(error => `${place(block, source.getLineAndCharacterOfPosition(error.start ?? 0).line)}: ${message(error)}`);
    });
    return [...program.getOptionsDiagnostics().map(message), ...errors];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The ids that GitHub gives to the headings of a page. */
function headingIds(page: string): Set<string> {
  const ids = new Set<string>();
  for (const line of readPage(page).prose) {
    const [, title] = /^#{1,6}\s+(.*?)\s*#*$/.exec(line) ?? [];
    if (title === undefined) { continue; }
    const id = title.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-');
    let unique = id;
    for (let count = 1; ids.has(unique); count += 1) { unique = `${id}-${count}`; }
    ids.add(unique);
  }
  return ids;
}

function linksOf(prose: string[]): { target: string; line: number }[] {
  return prose.flatMap((text, index) => {
    const line = text.replace(/`[^`]*`/g, code => 'x'.repeat(code.length));
    return [...line.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\s*\[[^\]]+\]:\s*(\S+)/g)].map(match => ({ target: match[1] ?? match[2], line: index + 1 }));
  });
}

/** Why a link leads nowhere, if it does. */
function brokenLink(page: string, target: string): string | undefined {
  if (/^([a-z][a-z0-9+.-]*:|\/\/)/i.test(target)) { return undefined; }
  const [path, id] = decodeURIComponent(target).split('#');
  const file = path === '' ? page : relative(ROOT, join(ROOT, dirname(page), path));
  if (!existsSync(join(ROOT, file))) { return GENERATED.includes(file) ? undefined : `${file} does not exist`; }
  return id === undefined || !file.endsWith('.md') || headingIds(file).has(id) ? undefined : `${file} has no heading #${id}`;
}

test('the pages are found, with their blocks', () => {
  expect(PAGES).toEqual(expect.arrayContaining(['README.md', 'docs/snapshot-class.md', 'docs/scheduled-snapshot.md', 'docs/how-to/argo-cd.md']));
  expect(blocksOf('ts').length).toBeGreaterThan(20);
  expect(blocksOf('yaml').length).toBeGreaterThan(10);
});

test('no page has a placeholder', () => {
  const found = PAGES.flatMap(page => readFileSync(join(ROOT, page), 'utf8').split('\n').flatMap((line, index) =>
    (line.match(/\b(FIGURES|TODO|FIXME|TBD)\b/g) ?? []).map(word => `${page}, line ${index + 1}: ${word}`)));
  expect(found).toEqual([]);
});

test('every TypeScript block compiles as a user would paste it', () => {
  expect(typeErrors(blocksOf('ts', 'typescript'))).toEqual([]);
});

test('the README begins with the quick start, which is checked in with its YAML', () => {
  expect(pages.get('README.md')!.blocks[0].code).toBe(quickStart('main.ts'));
});

describe('the page on other languages', () => {
  const { blocks, prose } = pages.get('docs/languages.md')!;

  test.each([['ts', 'main.ts'], ['python', 'main.py'], ['java', 'QuickStart.java'], ['go', 'main.go']])('shows the quick start in %s that is tried', (language, file) => {
    expect(blocks.filter(block => block.language === language).map(({ code }) => code)).toEqual([quickStart(file)]);
  });

  test('installs what is published', () => {
    const { name, jsii: { targets: { python, java, go } } } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const packages = prose.filter(line => /^\| (Python|Java|Go) \| \d/.test(line)).map(line => [...line.matchAll(/`([^`]+)`/g)].map(([, code]) => code));
    expect(python.distName).toBe(name);
    expect(packages).toEqual([
      [python.distName, python.module],
      [`${java.maven.groupId}:${java.maven.artifactId}`, java.package],
      [`${go.moduleName}/${go.packageName}`],
    ]);
  });
});

test('every YAML block can be parsed', () => {
  const errors = blocksOf('yaml', 'yml').flatMap(block => parseAllDocuments(block.code).flatMap(document => document.errors.map(error =>
    `${place(block, (error.linePos?.[0].line ?? 1) - 1)}: ${error.message.split('\n')[0]}`)));
  expect(errors).toEqual([]);
});

test('every relative link leads to a file, and to a heading if it names one', () => {
  const broken = [...pages].flatMap(([page, { prose }]) => linksOf(prose).flatMap(({ target, line }) => {
    const reason = brokenLink(page, target);
    return reason === undefined ? [] : [`${page}, line ${line}: ${target}: ${reason}`];
  }));
  expect(broken).toEqual([]);
});
