import { AT_ONCE, CoverageProblem, Requirements } from './coverage-problems';
import { Coverage } from '../model/coverage';
import { Drill, Schedule } from '../model/model';
import { lossWithin, previewInJson, previewOf } from '../model/preview';
import { briefly, plural, policyInWords, shortList } from '../model/words';

/** A claim, or some claims of a StatefulSet, and what came of the look at it. */
export interface CoverageRow extends Coverage {
  readonly problems: readonly CoverageProblem[];
}

interface Column {
  readonly title: string;
  /** what stands there for a row without a schedule */
  readonly ofRow?: (row: CoverageRow) => string;
  readonly ofSchedule?: (schedule: Schedule, row: CoverageRow) => string;
}

const DAY = 86_400;
const NOTICED_WITHIN = [AT_ONCE, 7 * DAY, 30 * DAY, 365 * DAY];
const NOTHING = '–';
const ALL = 'all';

const COLUMNS: readonly Column[] = [
  { title: 'namespace', ofRow: ({ claim }) => inCode(claim.namespace) },
  { title: 'claim', ofRow: claimInWords },
  { title: 'state', ofRow: stateInWords },
  { title: 'schedule', ofSchedule: ({ name }) => inCode(name) },
  { title: 'runs', ofSchedule: ({ expression, timeZone }) => `${inCode(expression)} ${plain(timeZone)}` },
  { title: 'keeps', ofSchedule: ({ config }) => policyInWords(config.retention) + (config.dryRun ? ' (dry run: prunes nothing)' : '') },
  { title: 'restore points', ofSchedule: restorePoints },
  { title: 'reach back', ofSchedule: schedule => briefly(previewOf(schedule).oldestRestorePoint.toSeconds()) },
  ...NOTICED_WITHIN.map((within, index): Column => ({
    title: (index === 0 ? 'lost ' : '') + briefly(within), ofSchedule: schedule => lost(schedule, within),
  })),
  { title: 'consistency', ofSchedule: consistencyOf },
  { title: 'drill', ofSchedule: (schedule, row) => shortList(drillsOf(schedule, row).map(({ name }) => inCode(name))) },
];

const LEGEND = 'If every run starts on time and succeeds. restore points: how many there are of each claim, with the one that is being taken. '
  + 'reach back: how old the oldest is at least. lost: how much is lost at worst if damage is noticed within that time; all, if it may be older than the '
  + 'oldest restore point. consistency: application, if the application is held for the cut, else crash. drill: what restores and checks the newest one.';

/** The rows as a table in Markdown, with what is to be known of it. */
export function coverageTable(rows: readonly CoverageRow[], requirements: Requirements): string {
  const lines = rows.flatMap(linesOf);
  // few schedules reach back so far
  const shown = COLUMNS.map((_, index) => index)
    .filter(index => index <= FIRST_LOSS || index > LAST_LOSS || lines.some(line => ![ALL, NOTHING].includes(line[index])));
  const toLine = (cells: readonly string[]) => `| ${shown.map(index => cells[index]).join(' | ')} |`;
  const titles = COLUMNS.map(({ title }) => title);
  const table = [toLine(titles), toLine(titles.map(() => '---')), ...lines.map(toLine)].join('\n');
  return `${[summary(rows, requirements), table, LEGEND].join('\n\n')}\n`;
}

/** One for each schedule. */
function linesOf(row: CoverageRow): string[][] {
  const schedules = row.schedules.length === 0 ? [undefined] : row.schedules;
  return schedules.map(schedule => COLUMNS.map(({ ofRow, ofSchedule }) => (ofRow?.(row) ?? (schedule && ofSchedule?.(schedule, row))) || NOTHING));
}

const FIRST_LOSS = COLUMNS.findIndex(({ title }) => title.startsWith('lost '));
const LAST_LOSS = FIRST_LOSS + NOTICED_WITHIN.length - 1;

function summary(rows: readonly CoverageRow[], { consistent, drill, maximumLossSeconds, minimumReachSeconds }: Requirements): string {
  const count = (state: State) => rows.filter(row => stateOf(row) === state).length;
  const required = [
    maximumLossSeconds !== undefined && `at most ${briefly(maximumLossSeconds)} lost`,
    minimumReachSeconds !== undefined && `restore points that reach back ${briefly(minimumReachSeconds)}`,
    consistent && 'an application that is held for the cut',
    drill && 'a drill',
  ].filter(Boolean).join(', ');
  return `${plural(rows.length, 'claim or template', 'claims and templates')}: ${count('protected')} protected, ${count('exempt')} exempt, `
    + `${count('not protected')} not protected. Required: a schedule${required && `, ${required}`}.`;
}

type State = 'protected' | 'exempt' | 'not protected';

function stateOf({ exemption, problems }: CoverageRow): State {
  if (exemption !== undefined) { return 'exempt'; }
  return problems.length > 0 ? 'not protected' : 'protected';
}

function stateInWords(row: CoverageRow): string {
  switch (stateOf(row)) {
    case 'exempt': return `exempt: ${plain(row.exemption ?? '')}`;
    case 'not protected': return `**not protected**: ${row.problems.map(({ problem }) => plain(problem)).join('; ')}`;
    case 'protected': return 'protected';
  }
}

/** Which claim it is: the template with its number of replicas if all of them are meant. */
function claimInWords({ claim, names }: Coverage): string {
  if (claim.template === undefined) { return inCode(names[0]); }
  const template = `${inCode(claim.template.name)} of StatefulSet ${inCode(claim.template.statefulSet)}`;
  if (names.length < claim.names.length) { return `${listNames(names, inCode)} (${template})`; }
  return `${template}, ${claim.openEnded ? 'any number of replicas' : plural(names.length, 'replica')}`;
}

/** Names of a StatefulSet's claims; of many, the first and the last. */
export function listNames(names: readonly string[], show: (name: string) => string = name => name): string {
  const ordinal = (name: string) => Number(name.slice(name.lastIndexOf('-') + 1));
  const [first, last] = [names[0], names[names.length - 1]];
  return names.length > 2 && ordinal(last) - ordinal(first) === names.length - 1 ? `${show(first)} to ${show(last)}` : shortList(names.map(show), 5);
}

function restorePoints(schedule: Schedule): string {
  const { fewestSnapshots, mostSnapshots } = previewOf(schedule);
  return schedule.config.dryRun ? 'all' : `${fewestSnapshots} to ${mostSnapshots}`;
}

function lost(schedule: Schedule, within: number): string {
  const loss = lossWithin(previewOf(schedule), within);
  return loss === undefined ? ALL : briefly(loss);
}

function consistencyOf({ config: { group, quiesce } }: Schedule): string {
  const held = quiesce === undefined ? 'crash' : quiesce.onFailure === 'Fail' ? 'application' : 'application, else crash';
  return held + (quiesce?.on === undefined ? '' : ', primary left out') + (group ? ', all at one moment' : '');
}

function drillsOf({ config }: Schedule, { drills }: CoverageRow): Drill[] {
  return drills.filter(({ drill }) => drill.scheduleId === config.scheduleId);
}

/** Text of others, which must not end a cell or be more than text. */
function plain(text: string): string {
  return text.replace(/[\p{C}\p{Z}]+/gu, ' ').trim().replace(/[\\`*_~[\]<>|&]/g, '\\$&');
}

function inCode(name: string): string {
  return name && `\`${name.replace(/[\p{C}`|]/gu, '\ufffd')}\``;
}

/** The rows for programs; times are in seconds. */
export function coverageReport(rows: readonly CoverageRow[], requirements: Requirements): string {
  return JSON.stringify({
    required: {
      maximumLossSeconds: requirements.maximumLossSeconds,
      minimumReachSeconds: requirements.minimumReachSeconds,
      consistent: requirements.consistent,
      drill: requirements.drill,
    },
    claims: rows.map(row => ({
      namespace: row.claim.namespace,
      object: row.claim.title,
      claims: row.names,
      replicasKnown: !row.claim.openEnded,
      state: stateOf(row),
      exemption: row.exemption,
      problems: row.problems.map(({ problem }) => problem),
      schedules: row.schedules.map(schedule => ({
        name: schedule.name,
        schedule: schedule.expression,
        timeZone: schedule.timeZone,
        dryRun: schedule.config.dryRun ?? false,
        retention: schedule.config.retention,
        ...previewInJson(previewOf(schedule)),
        consistency: consistencyOf(schedule),
        drills: drillsOf(schedule, row).map(({ name, expression, timeZone }) => ({ name, schedule: expression, timeZone })),
      })),
    })),
  }, null, 2);
}
