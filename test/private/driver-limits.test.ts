import { Duration } from 'cdk8s';
import { CsiDriver, EbsLockMode, RetentionPolicy, RetentionPolicyOptions } from '../../src';
import { parseCron } from '../../src/private/cron';
import { requireKeptAlike, requireWithinLimits } from '../../src/private/driver-limits';

const check = (driver: CsiDriver | undefined, schedule: string, retention: RetentionPolicyOptions, maxNotReady = 3) =>
  () => requireWithinLimits('shop/nightly', driver, parseCron(schedule), RetentionPolicy.of(retention)._toRules('Europe/Berlin'), maxNotReady);
const NIGHTLY = '15 3 * * *';
const HOURLY = '15 * * * *';
const longhorn = CsiDriver.longhorn();
const vsphere = CsiDriver.of('csi.vsphere.vmware.com');

test.each<[string, string, RetentionPolicyOptions]>([
  ['eleven days of hours', HOURLY, { keepFor: Duration.days(11) }],
  ['as many as it keeps', NIGHTLY, { keepLast: 250 }],
  ['as many hours as it keeps', HOURLY, { hourly: 250 }],
  ['days and weeks that are not the same nights', NIGHTLY, { daily: 200, weekly: 100 }],
])('Longhorn, which keeps 250 of a volume, is refused %s', (_, schedule, retention) => {
  expect(check(longhorn, schedule, retention)).toThrow(/^\[shop\/nightly\] 'retention': the driver driver\.longhorn\.io has no room for them, and one more while it is taken, got 2\d\d; allowed at most 249 of its 250/);
});

test.each<[string, string, RetentionPolicyOptions]>([
  ['ten days of hours', HOURLY, { keepFor: Duration.days(10) }],
  ['one less than it keeps', NIGHTLY, { keepLast: 249 }],
  // their sum is 399
  ['rules that keep the same snapshots', NIGHTLY, { keepLast: 200, keepFor: Duration.days(199) }],
])('Longhorn is allowed %s', (_, schedule, retention) => {
  expect(check(longhorn, schedule, retention)).not.toThrow();
});

test('vSphere, which keeps three, is allowed two and the one that is being taken; three days are four nights when clocks go forward', () => {
  expect(check(vsphere, NIGHTLY, { keepLast: 2 })).not.toThrow();
  expect(check(vsphere, NIGHTLY, { keepFor: Duration.days(3) })).toThrow(/got 4; allowed at most 2 of its 3/);
});

test('EBS, which copies five snapshots of a volume at once, is not asked for more', () => {
  expect(check(CsiDriver.awsEbs(), HOURLY, { keepLast: 2 }, 5)).not.toThrow();
  expect(check(CsiDriver.awsEbs(), HOURLY, { keepLast: 2 }, 6)).toThrow("'maxNotReady': the driver ebs.csi.aws.com makes fewer snapshots of a volume at once, got 6; allowed at most 5; lower it");
});

test('a driver without known limits, and none at all, are allowed anything', () => {
  expect(check(CsiDriver.of('csi.example.com'), HOURLY, { keepLast: 5000 })).not.toThrow();
  expect(check(undefined, HOURLY, { keepLast: 5000 })).not.toThrow();
});

test('runs that come sooner than the driver cuts are refused', () => {
  expect(check(CsiDriver.gcePersistentDisk(), '*/5 * * * *', { keepLast: 2 })).toThrow(/'schedule': two runs are too close for the driver pd\.csi\.storage\.gke\.io, got 5 minutes/);
});

describe('what the storage locks', () => {
  const locked = CsiDriver.awsEbs({ lockMode: EbsLockMode.COMPLIANCE, lockDuration: Duration.days(7) });
  const keep = (retention: RetentionPolicyOptions, schedule: string | undefined = NIGHTLY, storageIsPruned = true, timeZone = 'Etc/UTC') => () => requireKeptAlike(
    'shop/nightly', { driver: locked.name, parameters: locked.parameters }, RetentionPolicy.of(retention)._toRules(timeZone),
    schedule === undefined ? undefined : parseCron(schedule), storageIsPruned,
  );

  test.each<[string, RetentionPolicyOptions, string]>([
    ['by age', { keepFor: Duration.days(7) }, HOURLY],
    ['by age beside tiers, which prune later', { keepFor: Duration.days(7), daily: 14, monthly: 12 }, HOURLY],
    ['by number', { keepLast: 7 }, NIGHTLY],
    ['by days of a schedule that runs once a day', { daily: 7 }, NIGHTLY],
  ])('is kept for as long %s', (_, retention, schedule) => {
    expect(keep(retention, schedule)).not.toThrow();
  });

  test.each<[string, RetentionPolicyOptions, string, string]>([
    ['by age', { keepFor: Duration.days(6) }, NIGHTLY, '6 days'],
    ['by number', { keepLast: 6 }, NIGHTLY, '6 days'],
    ['by days of a schedule that runs every hour, and all but the last of a day go at once', { daily: 30 }, HOURLY, '60 minutes'],
    ['by a short age beside tiers', { keepFor: Duration.days(2), daily: 14 }, HOURLY, '2 days'],
  ])('is refused to be pruned sooner %s', (_, retention, schedule, soonest) => {
    expect(keep(retention, schedule)).toThrow("[shop/nightly] 'retention': snapshots are pruned while the storage still locks them, and that would fail, "
      + `got ${soonest}; allowed an age of at least 7 days, the lock of the class; keep each snapshot for longer with keepFor, or shorten the lock`);
  });

  test('is counted in hours where clocks are put forward', () => {
    expect(keep({ keepLast: 7 }, NIGHTLY, true, 'Europe/Berlin')).toThrow('got 6 days 23 hours');
  });

  test('is no matter where pruning leaves the storage alone', () => {
    expect(keep({ keepLast: 1 }, NIGHTLY, false)).not.toThrow();
  });

  test('must be as old as the lock where nobody knows when the next is taken', () => {
    expect(() => requireKeptAlike('shop/before', { driver: locked.name, parameters: locked.parameters }, RetentionPolicy.keepLast(99)._toRules('Etc/UTC'), undefined, true))
      .toThrow("got 'any age'; allowed an age of at least 7 days");
    expect(() => requireKeptAlike('shop/before', { driver: locked.name, parameters: locked.parameters }, RetentionPolicy.keepFor(Duration.days(8))._toRules('Etc/UTC'), undefined, true))
      .not.toThrow();
  });

  test('until a date is nothing for a schedule, which goes on after it', () => {
    const until = CsiDriver.awsEbs({ lockMode: EbsLockMode.GOVERNANCE, lockExpirationDate: '2030-12-31T23:59:59Z' });
    const check2 = (schedule: string | undefined) => () => requireKeptAlike(
      'shop/nightly', { driver: until.name, parameters: until.parameters }, RetentionPolicy.keepLast(3)._toRules('Etc/UTC'), schedule === undefined ? undefined : parseCron(schedule), true,
    );
    expect(check2(NIGHTLY)).toThrow("'snapshotClass': its snapshots are locked until a date, after which the driver takes none, got '2030-12-31T23:59:59Z'");
    expect(check2(undefined)).not.toThrow();
  });
});

describe('what the storage lets expire', () => {
  const expiring = CsiDriver.alibabaDisk({ expiresAfter: Duration.days(30) });
  const keep = (retention: RetentionPolicyOptions, schedule = NIGHTLY) => () => requireKeptAlike(
    'shop/nightly', { driver: expiring.name, parameters: expiring.parameters }, RetentionPolicy.of(retention)._toRules('Etc/UTC'), parseCron(schedule), true,
  );

  test('is kept no longer by a schedule', () => {
    expect(keep({ keepFor: Duration.days(30) })).not.toThrow();
    expect(keep({ keepLast: 30 })).not.toThrow();
    expect(keep({ keepFor: Duration.days(31) })).toThrow("[shop/nightly] 'retention': the storage deletes its snapshots before they are pruned, and asks nobody, "
      + 'got 31 days; allowed an age of at most 30 days, when the snapshots of the class expire');
    expect(keep({ daily: 7, monthly: 3 })).toThrow(/got \d+ days/);
    expect(keep({ keepLast: 7, keepLastVerified: 1 })).toThrow("got 'any age, for keepLastVerified'");
  });
});
