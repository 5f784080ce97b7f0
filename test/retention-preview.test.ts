import { Chart, Cron, Duration, Testing } from 'cdk8s';
import { CsiDriver, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotSource } from '../src';

const NIGHTLY = Cron.schedule({ hour: '3', minute: '15' });
const inBerlin = { timeZone: 'Europe/Berlin' };

test('a nightly week: how many, how far back, and what damage costs', () => {
  const preview = RetentionPolicy.sevenDays().preview(NIGHTLY, inBerlin);
  expect(preview.fewestSnapshots).toBe(7);
  // eight when clocks are put forward, and the one that is being taken
  expect(preview.mostSnapshots).toBe(9);
  expect(preview.oldestRestorePoint.toDays()).toBeGreaterThanOrEqual(5);
  expect(preview.worstCaseLoss[0].noticedWithin.toHours()).toBe(1);
  // a day of 25 hours
  expect(preview.worstCaseLoss[0].loss.toHours()).toBe(25);
  expect(preview.toString()).toMatch(/^snapshots of a claim +7 to 9, with the one being taken\n/);
});

test.each<[string, RetentionPolicy, number]>([
  ['oneYear', RetentionPolicy.oneYear(), 365],
  ['sevenYears', RetentionPolicy.sevenYears(), 7 * 365],
])('%s always reaches back as far as it says', (_, policy, days) => {
  expect(policy.preview(NIGHTLY, inBerlin).oldestRestorePoint.toDays({ integral: false })).toBeGreaterThanOrEqual(days);
});

test.each<[string, () => { notes: string[] }, RegExp]>([
  ['a time that clocks skip and repeat', () => RetentionPolicy.sevenDays().preview(Cron.schedule({ hour: '2', minute: '15' }), inBerlin),
    /in Europe\/Berlin there is no run at 02:15 on 2027-03-28, when clocks go from 02:00 to 03:00; two runs at 02:15 on 2027-10-31/],
  ['a limit of the driver that is near', () => RetentionPolicy.keepLast(240).preview(NIGHTLY, { driver: CsiDriver.longhorn() }), /keeps 250 snapshots of a volume, and there are up to 241/],
  ['a limit of the driver that is passed', () => RetentionPolicy.keepLast(300).preview(NIGHTLY, { driver: CsiDriver.longhorn() }), /a schedule is refused; keep fewer/],
  ['snapshots that are lost with their volume', () => RetentionPolicy.sevenDays().preview(NIGHTLY, { driver: CsiDriver.longhorn() }), /all are lost when it is deleted/],
  ['hours of a schedule that runs once a day', () => RetentionPolicy.of({ hourly: 24, monthly: 3 }).preview(NIGHTLY), /hourly: 24 keeps 24 runs, one day or more apart/],
  ['a rule that changes nothing', () => RetentionPolicy.of({ keepFor: Duration.days(30), daily: 7 }).preview(NIGHTLY), /daily: 7 keeps nothing that the other rules do not keep/],
  ['that none may be left', () => RetentionPolicy.of({ keepFor: Duration.days(7), minimumReady: 0, mayDeleteLastGood: true }).preview(NIGHTLY), /an outage may leave no snapshot at all/],
  ['that the last one is the only one', () => RetentionPolicy.keepLast(1).preview(NIGHTLY), /no more than one snapshot is kept at times: damage that is older than the last run/],
  ['that none is left between runs', () => RetentionPolicy.of({ keepFor: Duration.minutes(1), minimumReady: 0, mayDeleteLastGood: true }).preview(NIGHTLY),
    /at times no snapshot is kept at all/],
  ['that there will be more than is simulated', () => RetentionPolicy.of({ yearly: 50 }).preview(NIGHTLY), /reach further back than the 30 years that are simulated/],
  ['that the driver cuts less often', () => RetentionPolicy.keepLast(5).preview(Cron.schedule({ minute: '*/5' }), { driver: CsiDriver.gcePersistentDisk() }),
    /needs 600 seconds between two snapshots of a volume, and two runs are 300 apart/],
  ['that it takes sixty where one may be meant', () => RetentionPolicy.oneYear().preview(Cron.schedule({ hour: '2', minute: '*/1' })), /in every minute of some hours, .*write minute: '0'/],
  ['that copies pile up', () => RetentionPolicy.keepLast(50).preview(Cron.schedule({ minute: '*/5' }), { driver: CsiDriver.awsEbs() }),
    /copies each snapshot, 5 of a volume at once, and there are 12 runs an hour/],
  ['that two are few', () => RetentionPolicy.keepLast(2).preview(NIGHTLY), /no more than two snapshots are kept at times/],
])('it says %s', (_, preview, note) => {
  expect(preview().notes.join('\n')).toMatch(note);
});

test('what is fine is not remarked on', () => {
  expect(RetentionPolicy.sevenDays().preview(NIGHTLY, inBerlin).notes).toEqual([]);
  expect(RetentionPolicy.oneYear().preview(NIGHTLY, inBerlin).notes).toEqual([]);
});

test('nor are hours that clocks skip, where the next run is an hour later all the same', () => {
  expect(RetentionPolicy.of({ keepFor: Duration.days(2) }).preview(Cron.hourly(), inBerlin).notes).toEqual([]);
});

test('the table has all of it, and says what is lost where no snapshot reaches', () => {
  const preview = RetentionPolicy.of({ keepFor: Duration.days(3), hourly: 2 }).preview(NIGHTLY);
  expect(preview.toString().split('\n')).toEqual([
    'snapshots of a claim   3 to 4, with the one being taken',
    'oldest restore point   at least 2 days ago',
    'damage noticed within  loses at most',
    '  1 hour               1 day',
    '  1 day                1 day',
    '  2 days               1 day',
    '  later                everything',
    `note: ${preview.notes[0]}`,
  ]);
  expect(RetentionPolicy.keepLast(1).preview(NIGHTLY).toString()).toContain('oldest restore point   the last run at times\n');
});

test('that of a schedule is that of its policy, in its time zone, on its driver', () => {
  const chart = new Chart(Testing.app(), 'test', { namespace: 'shop' });
  const schedule = new ScheduledSnapshot(chart, 'Nightly', {
    source: SnapshotSource.fromClaimName('data'),
    snapshotClass: new SnapshotClass(chart, 'Class', { driver: CsiDriver.longhorn(), mayBeLostWithVolume: true }),
    schedule: Cron.schedule({ hour: '2', minute: '15' }),
    timeZone: 'America/New_York',
    retention: RetentionPolicy.keepLast(230),
  });
  const preview = schedule.preview();
  expect(preview.mostSnapshots).toBe(231);
  expect(preview.notes.join('\n')).toMatch(/in America\/New_York there is no run at 02:15 on 2027-03-14/);
  expect(preview.notes.join('\n')).toMatch(/keeps 250 snapshots/);
});

test.each<[string, () => unknown, RegExp]>([
  ['no schedule', () => RetentionPolicy.sevenDays().preview('15 3 * * *' as any), /^\[RetentionPolicy\.preview\] 'schedule': not a Cron/],
  ['a schedule that never runs', () => RetentionPolicy.sevenDays().preview(Cron.schedule({ minute: '0', hour: '0', day: '31', month: '2' })), /'schedule': never runs/],
  ['a zone that is none', () => RetentionPolicy.sevenDays().preview(NIGHTLY, { timeZone: 'CEST' }), /'timeZone': not a zone but at most an abbreviation/],
  ['no driver', () => RetentionPolicy.sevenDays().preview(NIGHTLY, { driver: 'ebs.csi.aws.com' as any }), /'driver': not a CsiDriver/],
  ['a misspelt option', () => RetentionPolicy.sevenDays().preview(NIGHTLY, { timezone: 'UTC' } as any), /did you mean timeZone/],
])('%s is refused', (_, preview, message) => {
  expect(preview).toThrow(message);
});
