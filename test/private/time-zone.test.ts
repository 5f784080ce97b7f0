import { requireTimeZone } from '../../src/private/time-zone';

function rejection(zone: string): string {
  try {
    requireTimeZone('app/nightly', 'timeZone', zone);
    return 'accepted';
  } catch (error) {
    return (error as Error).message;
  }
}

const fixOf = (zone: string) => rejection(zone).split('; ').slice(2).join('; ');

// what is in the database but not in Intl.supportedValuesOf, old names and odd spellings first of all
const UNLISTED = [
  'UTC', 'Etc/UTC', 'Etc/UCT', 'GMT', 'Etc/GMT', 'Etc/GMT0', 'GMT+0', 'Etc/GMT+12', 'Etc/GMT-14', 'Etc/Greenwich', 'Zulu', 'EST5EDT', 'EST', 'CET', 'NZ',
  'NZ-CHAT', 'GB-Eire', 'W-SU', 'PRC', 'Cuba', 'Asia/Kolkata', 'Europe/Kyiv', 'Asia/Ho_Chi_Minh', 'America/Argentina/Buenos_Aires', 'US/Eastern',
  'US/East-Indiana', 'America/Argentina/ComodRivadavia', 'America/Knox_IN', 'Australia/NSW', 'Brazil/DeNoronha', 'Chile/EasterIsland', 'Mexico/BajaNorte',
  'Antarctica/South_Pole', 'Pacific/Kanton',
];

describe('a zone that the cluster knows is accepted', () => {
  test.each(['Europe/Berlin', 'America/New_York', 'America/Port-au-Prince', 'Africa/Dar_es_Salaam', 'Antarctica/DumontDUrville', ...UNLISTED])('%s', zone => {
    expect(rejection(zone)).toBe('accepted');
  });

  test('every zone that Intl lists', () => {
    expect(Intl.supportedValuesOf('timeZone').filter(zone => rejection(zone) !== 'accepted')).toEqual([]);
  });
});

describe('a zone that the cluster would refuse is refused at synth, with what to write', () => {
  test('in the one form of all messages', () => {
    expect(rejection('europe/berlin')).toBe("[app/nightly] 'timeZone': the case is wrong, and the cluster knows zones by exact name, got 'europe/berlin'; "
      + 'allowed names of the IANA time zone database such as Europe/Berlin or Etc/UTC; write Europe/Berlin');
  });

  test('the wrong case of any name, which Intl lets pass and Linux does not', () => {
    const names = [...Intl.supportedValuesOf('timeZone'), ...UNLISTED];
    for (const change of [(s: string) => s.toLowerCase(), (s: string) => s.toUpperCase()]) {
      const wrong = names.filter(name => change(name) !== name);
      expect(wrong.map(name => fixOf(change(name)))).toEqual(wrong.map(name => `write ${name}`));
    }
  });

  test.each([
    ['', 'empty', 'name the zone'],
    [' ', 'empty', 'name the zone'],
    ['Local', 'not the same zone on every machine', 'name the zone'],
    ['local', 'not the same zone on every machine', 'name the zone'],
    // the sign is the other one in Etc/GMT
    ['+01:00', 'an offset is not a zone', 'name a place that has it, or write Etc/GMT-1, which has no daylight saving time'],
    ['UTC-8', 'an offset is not a zone', 'name a place that has it, or write Etc/GMT+8, which has no daylight saving time'],
    ['+05:30', 'an offset is not a zone', 'name a place that has it'],
    ['+15:00', 'an offset is not a zone', 'name a place that has it'],
    ['PST', 'not a zone but at most an abbreviation', 'name a place, for example Europe/Berlin for CET and CEST'],
    ['CEST', 'not a zone but at most an abbreviation', 'name a place, for example Europe/Berlin for CET and CEST'],
    ['IST', 'not a zone but at most an abbreviation', 'name a place, for example Europe/Berlin for CET and CEST'],
    ['Berlin', 'not a known time zone', 'write Europe/Berlin'],
    ['America/New York', 'not a known time zone', 'write America/New_York'],
    [' Asia/Kolkata ', 'not a known time zone', 'write Asia/Kolkata'],
    ['Mars/Olympus', 'not a known time zone', 'check the spelling, or name another place with the same time'],
    ['SystemV/EST5', 'not a known time zone', 'check the spelling, or name another place with the same time'],
    ['US/Pacific-New', 'not a known time zone', 'check the spelling, or name another place with the same time'],
    ['Canada/East-Saskatchewan', 'not a known time zone', 'check the spelling, or name another place with the same time'],
    ['posix/Europe/Berlin', 'not a known time zone', 'check the spelling, or name another place with the same time'],
    ['../UTC', 'not a known time zone', 'check the spelling, or name another place with the same time'],
  ])('%p', (zone, problem, fix) => {
    expect(rejection(zone)).toContain(`'timeZone': ${problem}, got '${zone}'; allowed `);
    expect(fixOf(zone)).toBe(fix);
  });
});
