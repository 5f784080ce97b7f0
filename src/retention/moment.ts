// without a zone it would be that of the machine
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[-+]\d\d:\d\d)$/;

/** A moment that a person wrote, in milliseconds since 1970; undefined if it is none, or has no zone. */
export function readMoment(text: string): number | undefined {
  const moment = MOMENT.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(moment) ? undefined : moment;
}
