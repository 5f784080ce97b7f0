import { Origin, reject, requireText } from './validate';

interface CronFields {
  readonly kind: 'fields';
  readonly minutes: number[];
  readonly hours: number[];
  readonly daysOfMonth: number[];
  readonly months: number[];
  readonly daysOfWeek: number[];
  /** whether the field has a * or ? without a step; if neither day field has one, a date that matches either of them is enough */
  readonly anyDayOfMonth: boolean;
  readonly anyDayOfWeek: boolean;
}

/** When a CronJob runs. */
export type CronSchedule = CronFields | { readonly kind: 'every'; readonly seconds: number };

class CronError extends Error {
  constructor(problem: string, public readonly fix: string) { super(problem); }
}

interface Field { readonly name: string; readonly min: number; readonly max: number; readonly names: string[] }

const FIELDS: Field[] = [
  { name: 'minute', min: 0, max: 59, names: [] },
  { name: 'hour', min: 0, max: 23, names: [] },
  { name: 'day of month', min: 1, max: 31, names: [] },
  { name: 'month', min: 1, max: 12, names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] },
  { name: 'day of week', min: 0, max: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
];
const DESCRIPTORS = new Map([
  ['@yearly', '0 0 1 1 *'], ['@annually', '0 0 1 1 *'], ['@monthly', '0 0 1 * *'], ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'], ['@midnight', '0 0 * * *'], ['@hourly', '0 * * * *'],
]);
// what Go calls a space; \s differs
const SPACES = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;
const DURATION = /^([-+]?)(0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|[uµμ]s|ms|s|m|h))+)$/;
const NANOSECONDS: { [unit: string]: number } = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 6e10, h: 36e11 };
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Reads a schedule as ParseStandard of robfig/cron v3.0.1 does, which is what Kubernetes runs, oddities included.
 *
 * @see https://github.com/robfig/cron/blob/v3.0.1/parser.go
 */
export function parseCron(expression: string): CronSchedule {
  if (expression.includes('TZ')) {
    const [, zone, rest] = /^(?:CRON_)?TZ=(\S+)\s+(.+)$/.exec(expression) ?? [];
    fail('a time zone inside the schedule', zone ? `write '${rest}', and '${zone}' as the timeZone` : 'use timeZone instead');
  }
  if (expression.startsWith('@every ')) {
    const duration = expression.slice('@every '.length);
    const seconds = wholeSeconds(duration) ?? fail(`'${duration}' is not a duration of Go`, 'write for example @every 6h, and hours for days');
    return { kind: 'every', seconds };
  }
  const meant = expression.trim().toLowerCase();
  const fields = DESCRIPTORS.get(expression) ?? expression;
  if (fields.startsWith('@') || DESCRIPTORS.has(meant) && fields === expression) {
    fail('not a known @ schedule', DESCRIPTORS.has(meant) ? `write ${meant}` : `write five fields, or one of ${[...DESCRIPTORS.keys()].join(' ')}`);
  }
  const texts = fields.split(SPACES).filter(text => text !== '');
  if (texts.length !== 5) {
    const fix = texts.length === 6 ? 'drop the seconds' : `write ${FIELDS.map(f => f.name).join(', ')}, with * for any`;
    fail(`expected five fields, found ${texts.length}`, fix);
  }
  const [minutes, hours, daysOfMonth, months, daysOfWeek] = texts.map((text, i) => parseField(text, FIELDS[i]));
  const any = (text: string) => text.split(',').some(item => /^[*?](-[^/]*)?(\/\+?0*1)?$/.test(item));
  return { kind: 'fields', minutes, hours, daysOfMonth, months, daysOfWeek, anyDayOfMonth: any(texts[2]), anyDayOfWeek: any(texts[4]) };
}

function fail(problem: string, fix: string): never {
  throw new CronError(problem, fix);
}

function parseField(text: string, field: Field): number[] {
  const { name, min, max } = field;
  const values = new Set<number>();
  // empty items are skipped, so that a field can be nothing but commas, and nothing reads what follows *-
  for (const item of text.split(',').filter(part => part !== '')) {
    const [range, step, ...slashes] = item.split('/');
    const [low, high, ...hyphens] = range.split('-');
    const star = low === '*' || low === '?';
    if (slashes.length > 0) { fail(`${name} '${item}' has more than one /`, 'write one step for each range'); }
    if (hyphens.length > 0 && !star) { fail(`${name} '${item}' has more than one -`, 'write ranges as first-last, with commas between'); }
    if (step !== undefined && (!/^\+?\d+$/.test(step) || Number(step) === 0 || BigInt(step) >= 2n ** 63n)) {
      fail(`step '${step}' of ${name} is not a whole number from 1`, 'write for example */15');
    }
    const start = star ? min : parseValue(low, field);
    // 5/15 is 5-59/15
    const end = star || (high === undefined && step !== undefined) ? max : parseValue(high ?? low, field);
    if (start > end) { fail(`${name} '${range}' runs backwards`, `split it in two, for example ${span(start, max)},${span(min, end)}`); }
    for (let value = start; value <= end; value += Number(step ?? 1)) { values.add(value); }
  }
  return [...values].sort((a, b) => a - b);
}

function span(first: number, last: number): string {
  return first === last ? `${first}` : `${first}-${last}`;
}

function parseValue(text: string, { name, min, max, names }: Field): number {
  // not toUpperCase, which takes ſun for SUN
  const named = names.indexOf(text.toLowerCase());
  if (named >= 0) { return named + min; }
  const choice = `write ${min} to ${max}${names.length > 0 ? `, or ${names[0].toUpperCase()} and the like` : ''}`;
  if (!/^\+?\d+$/.test(text)) { fail(`${name} '${text}' is not a number${names.length > 0 ? ' or name' : ''}`, choice); }
  if (Number(text) < min || Number(text) > max) {
    const sunday = name === 'day of week' && Number(text) === 7;
    fail(`${name} '${text}' is out of range ${min}-${max}`, sunday ? 'write 0 or SUN for Sunday, 1-6,0 for Monday to Sunday' : choice);
  }
  return Number(text);
}

/** What time.ParseDuration of Go reads, rounded as cron.Every does. */
function wholeSeconds(text: string): number | undefined {
  const [, sign, parts] = DURATION.exec(text) ?? [];
  if (parts === undefined) { return undefined; }
  let total = 0n;
  for (const [, whole, fraction = '', unit] of parts.matchAll(/(\d*)(?:\.(\d*))?([a-zµμ]+)/g)) {
    // fractions are floats in Go too, of as many digits as an int64 holds
    const most = fraction.replace(/^(0*[1-9]\d{18})\d+$/, '$1');
    const digits = BigInt(most) > 2n ** 63n ? most.slice(0, -1) : most;
    const nanoseconds = Number(digits) * (NANOSECONDS[unit] / Number(`1e${digits.length}`));
    total += BigInt(whole) * BigInt(NANOSECONDS[unit]) + BigInt(Math.trunc(nanoseconds));
  }
  if (total > 2n ** 63n - (sign === '-' ? 0n : 1n)) { return undefined; }
  return sign === '-' ? 1 : Math.max(1, Number(total / 1_000_000_000n));
}

/** A schedule that Kubernetes accepts, and that does run. */
export function requireCron(origin: Origin, prop: string, expression: string): CronSchedule {
  requireText(origin, prop, expression);
  const allowed = 'five fields as Kubernetes reads them, or @daily and the like';
  try {
    const schedule = parseCron(expression);
    if (schedule.kind === 'fields' && !(schedule.hours.length > 0 && schedule.minutes.length > 0 && smallestDayGap(schedule) < Infinity)) {
      fail('never runs, as no time or date matches', 'write a date that exists, and a value in each field');
    }
    if (/^\*\s+[^*\s]/.test(expression.trim())) {
      fail('runs each minute of these hours, since the minute is left out', "write the minute, for example '0', or '*/1' if each is meant");
    }
    return schedule;
  } catch (error) {
    if (!(error instanceof CronError)) { throw error; }
    return reject(origin, prop, { problem: error.message, got: expression, allowed, fix: error.fix });
  }
}

/** The shortest time between two runs in seconds, when no clock is put forward or back in between. */
export function shortestInterval(schedule: CronSchedule): number {
  if (schedule.kind === 'every') { return schedule.seconds; }
  const times = schedule.hours.flatMap(hour => schedule.minutes.map(minute => hour * 3600 + minute * 60));
  return smallestGap(times, smallestDayGap(schedule) * 86_400);
}

function smallestGap(sorted: number[], cycle: number): number {
  const last = sorted[sorted.length - 1];
  return sorted.reduce((smallest, value, i) => Math.min(smallest, i > 0 ? value - sorted[i - 1] : cycle - last + value), Infinity);
}

function smallestDayGap(s: CronFields): number {
  if (s.months.length === 12 && s.anyDayOfMonth) { return smallestGap(s.daysOfWeek, 7); }
  const [months, dates, weekdays] = [new Set(s.months), new Set(s.daysOfMonth), new Set(s.daysOfWeek)];
  // dates repeat after 4 years, dates and weekdays after 28; the years above that find the gap across the seam, at most that of two leap days
  const years = s.anyDayOfWeek ? 8 : 33;
  let smallest = Infinity;
  for (let year = 0, start = 0, last = -Infinity; year < years; year++) {
    for (let month = 1; month <= 12; month++) {
      const length = month === 2 && year % 4 === 0 ? 29 : MONTH_DAYS[month - 1];
      for (let date = 1; date <= length && months.has(month); date++) {
        const [onDate, onWeekday] = [dates.has(date), weekdays.has((start + date) % 7)];
        if (s.anyDayOfMonth || s.anyDayOfWeek ? onDate && onWeekday : onDate || onWeekday) {
          smallest = Math.min(smallest, start + date - last);
          last = start + date;
          if (smallest === 1) { return smallest; }
        }
      }
      start += length;
    }
  }
  return smallest;
}
