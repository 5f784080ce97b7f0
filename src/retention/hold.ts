import { Calendar } from './calendar';

/** What people wrote on a snapshot to keep it. */
export interface Holds {
  /** held until it is taken away */
  readonly hold?: string;
  /** held through these days, or until these times: what is written in one place does not shorten what is written in another */
  readonly holdUntil?: readonly string[];
}

// a date, or a moment: without an offset that would be the time of this machine
const DATE = /^(\d{4})-(\d\d)-(\d\d)(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/;
const DAY = 24 * 3_600_000;

/**
 * Why a snapshot is held, in words; undefined if it is not. What cannot be read
 * holds too: whoever wrote it wanted to keep the snapshot.
 */
export function heldBy({ hold, holdUntil = [] }: Holds, calendar: Calendar, now: number): string | undefined {
  if (hold !== undefined && hold !== 'false') { return `held by 'hold'=${hold}`; }
  return holdUntil.map(text => heldUntil(text, calendar, now)).find(reason => reason !== undefined);
}

function heldUntil(text: string, calendar: Calendar, now: number): string | undefined {
  const over = isOver(text, calendar, now);
  if (over === undefined) { return `held, since 'hold-until'=${text} is no date such as 2027-01-31`; }
  return over ? undefined : `held by 'hold-until'=${text}`;
}

/** Is a day in the schedule's time zone, or a moment, over? Days are compared by number, since clocks may skip or repeat midnight. */
function isOver(text: string, calendar: Calendar, now: number): boolean | undefined {
  const [, year, month, day, time] = DATE.exec(text) ?? [];
  if (day === undefined) { return undefined; }
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  // Date.parse takes the 31st of April for the 1st of May
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) { return undefined; }
  if (time === undefined) { return calendar.numberOf('daily', now) > date.getTime() / DAY; }
  const end = Date.parse(text);
  return Number.isNaN(end) ? undefined : now >= end;
}
