import { Origin, reject, requireText } from './validate';

// Intl takes any case, but the cluster looks for a file: these are the spellings that Intl does not list and spell() cannot derive
const SPELLINGS = [
  'CET', 'CST6CDT', 'Cuba', 'EET', 'EST', 'EST5EDT', 'Egypt', 'Eire', 'GB', 'GB-Eire', 'GMT', 'GMT+0', 'GMT-0', 'GMT0', 'Greenwich', 'HST',
  'Hongkong', 'Iceland', 'Iran', 'Israel', 'Jamaica', 'Japan', 'Kwajalein', 'Libya', 'MET', 'MST', 'MST7MDT', 'NZ', 'NZ-CHAT', 'Navajo',
  'PRC', 'PST8PDT', 'Poland', 'Portugal', 'ROC', 'ROK', 'Singapore', 'Turkey', 'UCT', 'UTC', 'Universal', 'W-SU', 'WET', 'Zulu',
  'America/Argentina/ComodRivadavia', 'America/Knox_IN', 'Australia/ACT', 'Australia/LHI', 'Australia/NSW', 'Brazil/DeNoronha',
  'Chile/EasterIsland', 'Etc/UCT', 'Etc/UTC', 'Mexico/BajaNorte', 'Mexico/BajaSur',
];
const NAMES = new Map([...Intl.supportedValuesOf('timeZone'), ...SPELLINGS].map(name => [name.toLowerCase(), name]));
// the limit of 14 is that of Kubernetes; no name without a / is unlisted, which keeps out PST and other names that only Intl knows
const SHAPE = /^[a-z]{2,14}(\/[a-z][a-z0-9_+-]{0,13}){1,2}$/;
const INTL_ONLY = /^(systemv\/|us\/pacific-new$)/;

/**
 * A time zone that the cluster knows: a name of the IANA database in its exact case.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones
 */
export function requireTimeZone(origin: Origin, prop: string, zone: string): void {
  requireText(origin, prop, zone);
  const name = nameOf(zone);
  if (name === zone) { return; }
  const refuse = (problem: string, fix: string): never =>
    reject(origin, prop, { problem, got: zone, allowed: 'names of the IANA time zone database such as Europe/Berlin or Etc/UTC', fix });

  if (name !== undefined) { refuse('the case is wrong, and the cluster knows zones by exact name', `write ${name}`); }
  if (zone.trim() === '') { refuse('empty', 'name the zone'); }
  if (/^local(time)?$/i.test(zone)) { refuse('not the same zone on every machine', 'name the zone'); }
  const [, sign, hours, minutes] = /^(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d\d))?$/i.exec(zone) ?? [];
  if (sign !== undefined) {
    // the signs of Etc/GMT are those of POSIX, the reverse of ISO 8601
    const fixed = nameOf(`Etc/GMT${sign === '+' ? '-' : '+'}${Number(hours)}`);
    const exact = fixed !== undefined && Number(minutes ?? 0) === 0;
    refuse('an offset is not a zone', `name a place that has it${exact ? `, or write ${fixed}, which has no daylight saving time` : ''}`);
  }
  if (/^[a-z]{1,5}$/i.test(zone)) { refuse('not a zone but at most an abbreviation', 'name a place, for example Europe/Berlin for CET and CEST'); }
  refuse('not a known time zone', didYouMean(zone) ?? 'check the spelling, or name another place with the same time');
}

/** The name with its right case, if there is such a zone. */
function nameOf(zone: string): string | undefined {
  const lower = zone.toLowerCase();
  return NAMES.get(lower) ?? (SHAPE.test(lower) && !INTL_ONLY.test(lower) && intlKnows(zone) ? spell(lower) : undefined);
}

function intlKnows(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }) !== undefined;
  } catch {
    return false;
  }
}

function spell(lower: string): string {
  return lower.replace(/(^|[/_-])([a-z])/g, (_, before, letter) => before + letter.toUpperCase()).replace(/^Us\//, 'US/').replace(/^Etc\/Gmt/, 'Etc/GMT');
}

function didYouMean(zone: string): string | undefined {
  const lower = zone.trim().toLowerCase().replace(/ /g, '_');
  const name = nameOf(lower) ?? [...NAMES.values()].find(known => known.toLowerCase().endsWith(`/${lower}`));
  return name && `write ${name}`;
}
