import { columns, hanging, printable, WIDTH, wrap } from './columns';
import { Outlook, YEAR } from './outlook';
import { Plan } from './plan';
import { pathOf } from '../model/manifest';
import { Finding } from './review/finding';
import { briefly, plural, policyInWords, selectionInWords, shorten, shortList } from '../model/words';

const LONGEST_CLAIMS = 80;
const NOTHING_LEFT = 'all';

/** The plan as text for a terminal: schedules, what else is to be known of them, and the review. */
export function renderTable({ files, schedules, review }: Plan): string {
  return [
    ...schedules.length === 0 ? [`No schedule in ${plural(files, 'file')}.`] : [scheduleTable(schedules), legend()],
    reviewSection(review),
  ].join('\n\n');
}

function scheduleTable(schedules: Plan['schedules']): string {
  const noticed = schedules[0].outlook.losses.map(({ noticedWithinSeconds }) => noticedWithinSeconds)
    // few schedules reach back so far
    .filter(within => within < YEAR || schedules.some(({ outlook }) => lossWithin(outlook, within) !== NOTHING_LEFT));
  return columns(
    ['schedule', 'runs', 'claims', 'keeps', 'most', 'oldest', ...noticed.map((within, index) => (index === 0 ? 'lost ' : '') + briefly(within))],
    schedules.map(({ schedule, outlook }) => [
      pathOf(schedule) + (schedule.suspended ? ' (suspended)' : '') + (schedule.config.dryRun ? ' (dry run)' : '') + (schedule.config.group ? ' (group)' : ''),
      `${schedule.expression} ${schedule.timeZone}`,
      shorten(shortList(schedule.config.claims.map(selectionInWords)), LONGEST_CLAIMS),
      policyInWords(schedule.config.retention),
      String(outlook.preview.mostSnapshots),
      briefly(outlook.preview.oldestRestorePoint.toSeconds()),
      ...noticed.map(within => lossWithin(outlook, within)),
    ].map(printable)),
    WIDTH,
  );
}

function lossWithin({ losses }: Outlook, within: number): string {
  const loss = losses.find(({ noticedWithinSeconds }) => noticedWithinSeconds === within)?.lossSeconds;
  return loss === undefined ? NOTHING_LEFT : briefly(loss);
}

function legend(): string {
  return wrap('For each claim, if every run succeeds. most: how many snapshots there are, with the one that is being taken. oldest: how far back they reach '
    + 'at least. lost: how much is lost at worst if damage is noticed within that time; all, if it may be older than the oldest snapshot.', WIDTH).join('\n');
}

function reviewSection(findings: readonly Finding[]): string {
  const count = (severity: string) => findings.filter(finding => finding.severity === severity).length;
  if (findings.length === 0) { return 'Review: nothing to say'; }
  const lines = findings.map(({ severity, object, problem, remedy }) => hanging(severity, `${object}: ${problem}; ${remedy}`, WIDTH));
  return [`Review: ${plural(count('risk'), 'risk')}, ${plural(count('note'), 'note')}`, ...lines].join('\n');
}
