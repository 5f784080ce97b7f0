import { Duration } from 'cdk8s';
import { CsiDriver, RetentionPolicy, RetentionPolicyOptions } from '../../src';
import { parseCron } from '../../src/private/cron';
import { requireWithinLimits } from '../../src/private/driver-limits';

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
