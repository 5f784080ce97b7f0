import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOGUE } from '../src/private/driver-catalogue';
import { DRIVER_OPTIONS } from '../src/private/driver-options';
import { AfterVolume, DriverFacts, SnapshotKind } from '../src/private/driver-rules';

// writes the table of drivers into docs/csi-driver.md; a test compares the two
const PAGE = join(__dirname, '..', 'docs', 'csi-driver.md');
const BEGIN = '<!-- written by `npm run docs:drivers`, from src/private/cloud-drivers.ts and storage-drivers.ts -->';
const END = '<!-- the end of what is written -->';

const HEADER = [
  'Driver', 'Name', 'A snapshot is', 'Outlives its volume', 'Groups', 'Of a volume', 'Interval', 'At once', '`CsiDriver` factory, and its options',
];
const UNKNOWN = '?';
const OUTLIVES: { readonly [after in AfterVolume]: string } = { stay: 'yes', go: '**no**', block: 'it blocks its deletion' };

/** One row for each kind of snapshot of each driver that takes any. */
export function driverTable(catalogue: readonly DriverFacts[] = CATALOGUE): string {
  const rows = catalogue.filter(({ unsupported }) => !unsupported).flatMap(rowsOf);
  return [HEADER, HEADER.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n');
}

/** The page with its table as the code has it now. */
export function withTable(page: string): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) { throw new Error(`${PAGE} lacks the line ${BEGIN} or ${END}`); }
  return `${before}${BEGIN}\n\n${driverTable()}\n\n${END}${after}`;
}

function rowsOf(facts: DriverFacts): string[][] {
  // what is made unless told otherwise comes first
  const kinds = [...facts.kinds ?? []].sort((a, b) => Number(a.chosen !== undefined) - Number(b.chosen !== undefined));
  return kinds.map((kind, index) => [
    facts.product + (kind.called === undefined ? '' : `, ${code(kind.called)}`),
    namesOf(facts),
    kind.is,
    kind.afterVolume === undefined ? UNKNOWN : OUTLIVES[kind.afterVolume],
    groupsOf(facts),
    limitOf(kind),
    intervalOf(facts),
    facts.maxPendingPerVolume?.toString() ?? '',
    index === 0 ? factoryOf(facts) : 'as above',
  ]);
}

function namesOf({ names }: DriverFacts): string {
  const [usual] = names;
  return names.map(code).join(', ') + (usual.endsWith('.csi.ceph.com') ? `, with Rook ${code(`<namespace>.${usual}`)}` : '');
}

function groupsOf({ groups, groupsNote }: DriverFacts): string {
  const answer = groups === undefined ? UNKNOWN : groups ? 'yes' : 'no';
  return groupsNote === undefined ? answer : `${answer}, ${groupsNote}`.replace('yes, ', '');
}

function limitOf({ limitIsSetting, maxPerVolume }: SnapshotKind): string {
  if (maxPerVolume === undefined) { return ''; }
  return limitIsSetting === undefined ? `${maxPerVolume}` : `${maxPerVolume}, or ${code(limitIsSetting)}`;
}

function intervalOf({ minimumIntervalSeconds: seconds }: DriverFacts): string {
  if (seconds === undefined) { return ''; }
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

function factoryOf({ factory, factoryArgument, parameters }: DriverFacts): string {
  if (factory === undefined) { return code('of'); }
  // of a factory for several drivers, its options are those of one that has parameters
  const options = factoryArgument === undefined || parameters ? Object.keys(DRIVER_OPTIONS[factory]) : [];
  return `${code(factory)}${factoryArgument === undefined ? '' : ` with ${code(factoryArgument)}`}${options.length > 0 ? `: ${options.map(code).join(', ')}` : ''}`;
}

function code(text: string): string {
  return `\`${text}\``;
}

if (require.main === module) {
  writeFileSync(PAGE, withTable(readFileSync(PAGE, 'utf8')));
  console.log(`wrote the drivers into ${PAGE}`);
}
