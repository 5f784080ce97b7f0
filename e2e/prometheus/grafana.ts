import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ts from 'typescript';

/** The options of panels, and what a graph looks like, are types of their own. */
const PANELS = ['stat', 'table', 'timeseries'];

/**
 * What Grafana's schema has against dashboards, by the types that are generated from it; a key that it does not know is an error too.
 *
 * What it leaves open, such as targets, is not looked at.
 */
export function schemaProblems(dashboards: readonly string[]): string[] {
  const schema = execFileSync(join(__dirname, '..', '..', 'scripts', 'grafana-schema.sh'), { encoding: 'utf8' }).trim();
  const types = (path: string) => JSON.stringify(join(schema, 'dist', 'types', 'raw', path, 'x', 'types.gen'));
  const literals = dashboards.flatMap(text => [`is<Dashboard>(${text});`, ...JSON.parse(text).panels.flatMap(literalsOf)]);
  return compile([
    `import type { Dashboard } from ${types('dashboard')};`,
    ...PANELS.map(type => `import type * as ${type} from ${types(`composable/${type}/panelcfg`)};`),
    // JSON has the values of enums, and not their names
    'type Plain<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T : T extends (infer E)[] ? Plain<E>[]',
    '  : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;',
    'declare function is<T>(value: Plain<T>): void;',
    ...literals,
  ].join('\n'));
}

function literalsOf({ fieldConfig, options, type }: any): string[] {
  if (type === 'row') { return []; }
  if (!PANELS.includes(type)) { throw new Error(`a panel of the type ${type}, of which no schema is known`); }
  const custom = fieldConfig.defaults.custom;
  return [`is<Partial<${type}.Options>>(${JSON.stringify(options)});`, ...custom ? [`is<Partial<${type}.FieldConfig>>(${JSON.stringify(custom)});`] : []];
}

function compile(source: string): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'grafana-'));
  try {
    const file = join(directory, 'dashboard.ts');
    writeFileSync(file, source);
    const options: ts.CompilerOptions = {
      noEmit: true, strict: true, skipLibCheck: true, types: [], module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler,
    };
    return ts.getPreEmitDiagnostics(ts.createProgram([file], options)).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
