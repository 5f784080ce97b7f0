import { Cron, Duration } from 'cdk8s';
import { ago, attention, claim, cronJobs, DAYS, HOURS, run, snapshot, statusJson, statusOf } from './cluster';
import { Quiesce, QuiesceOn, RetentionPolicy, ScheduledSnapshot, ScheduledSnapshotProps, SnapshotRestore, SnapshotSource } from '../../src';

const KEY = 'cdk8s-volume-snapshots/';

/** A schedule of claim `data` that runs every day at two, with its last runs. */
function nightly(status: object, props: Partial<ScheduledSnapshotProps> = {}): any[] {
  return cronJobs(chart => {
    const schedule = new ScheduledSnapshot(chart, 'Nightly', {
      metadata: { name: 'nightly' }, source: SnapshotSource.fromClaimName('data'), schedule: Cron.schedule({ minute: '0', hour: '2' }), ...props,
    });
    new SnapshotRestore(chart, 'Restore', { metadata: { name: 'restore' }, schedule });
  }, { nightly: status });
}

const wentWell = { lastScheduleTime: ago(10 * HOURS), lastSuccessfulTime: ago(10 * HOURS - 1) };
const good = (age = 10 * HOURS, facts: object = {}) => snapshot(`data-${age}`, 'data', { age, schedule: 'nightly', ...facts });
const podOf = (endedAgo: number, exitCode = 0, message = 'all well') => run('nightly', `pod-${endedAgo}`, endedAgo, exitCode, message);
const PENDING = { status: {} };
const FAILED = { status: { readyToUse: false, error: { message: 'pool is full' } } };

describe('when all is well', () => {
  const all = [...nightly(wentWell), claim('data'), good(), good(34 * HOURS), podOf(10 * HOURS - 1)];

  test('it says so first, and then the newest good snapshot of each claim with its age', async () => {
    const { code, stderr, stdout } = await statusOf(all, '--strict');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Nothing needs attention\.\n/);
    expect(stdout).toContain('Schedule shop/nightly (0 2 * * * Etc/UTC): last success 9h 59m ago\n');
    expect(stdout).toContain('to restore: kubectl -n shop create job restore-$(date +%s) --from=cronjob/restore\n');
    expect(stdout).toContain('shop/data: the newest good one is data-600, 10h old; 2 good ones\n');
    expect(stdout).toMatch(/^data-600 +2026-02-09T02:00Z +10h +ready +10Gi +crash +–$/m);
  });

  test('programs get the same, with moments', async () => {
    const { attention: found, claims, cronJobs: jobs, now } = await statusJson(all);
    expect({ found, now }).toEqual({ found: [], now: '2026-02-09T12:00:00.000Z' });
    expect(claims).toMatchObject([{
      namespace: 'shop',
      name: 'data',
      presence: 'there',
      scheduleId: 'nightly',
      newestGood: { name: 'data-600', cutAt: '2026-02-09T02:00:00.000Z', ageSeconds: 36_000 },
      snapshots: [{ good: true, state: 'ready', restoreSize: '10Gi' }, {}],
    }]);
    expect(jobs).toMatchObject([{ name: 'nightly', work: 'schedule', suspended: false, lastSuccess: '2026-02-09T02:01:00.000Z', restoredBy: 'restore' }]);
  });
});

test('of a schedule that leaves out the claim of a primary, one fresh snapshot is enough', async () => {
  const all = (...ages: number[]) => [
    ...nightly(wentWell, { source: SnapshotSource.fromStatefulSetName('db', { templates: ['data'], replicas: 2 }), quiesce: Quiesce.mariaDb({ on: QuiesceOn.REPLICA }) }),
    claim('data-db-0'), claim('data-db-1'), ...ages.map((age, ordinal) => snapshot(`data-${ordinal}`, `data-db-${ordinal}`, { age, schedule: 'nightly' })),
  ];
  expect(await attention(all(90 * DAYS, 10 * HOURS))).toEqual([]);
  expect(await attention(all(90 * DAYS, 80 * DAYS))).toHaveLength(2);
});

describe('what a run of a schedule leaves', () => {
  const before = [claim('data'), good(34 * HOURS)];

  test('the message of the newest run that failed is shown, with its log and how to try again', async () => {
    const all = [...nightly({ lastScheduleTime: ago(10 * HOURS), lastSuccessfulTime: ago(34 * HOURS) }), ...before, podOf(34 * HOURS), podOf(590, 1, '0 of 1 claims have their snapshot; FAILED data: pool is full')];
    const [, found] = (await statusJson(all)).attention;
    expect(found).toEqual({
      namespace: 'shop',
      object: 'CronJob shop/nightly',
      problem: 'the newest run failed 9h 50m ago, the last success is 1d 10h ago: 0 of 1 claims have their snapshot; FAILED data: pool is full',
      remedy: 'see its log, mend the cause, and run it again',
      commands: ['kubectl -n shop logs pod-590', 'kubectl -n shop create job nightly-$(date +%s) --from=cronjob/nightly'],
    });
    expect(await statusOf(all, '--strict')).toMatchObject({ code: 1 });
    expect(await statusOf(all)).toMatchObject({ code: 0 });
  });

  test('a failed run is told by the CronJob alone, if its pod is gone', async () => {
    expect(await attention([...nightly({ lastScheduleTime: ago(10 * HOURS), lastSuccessfulTime: ago(34 * HOURS) }), ...before]))
      .toContain('CronJob shop/nightly: the newest run failed, the last success is 1d 10h ago: what it said is gone, or could not be seen');
  });

  test('a run that goes on has not failed, nor has one that failed before another succeeded', async () => {
    const young = [claim('data'), good(20 * HOURS)];
    expect(await attention([...nightly({ lastScheduleTime: ago(5), lastSuccessfulTime: ago(20 * HOURS), active: [{ name: 'job' }] }), ...young, podOf(1, 75, 'unreachable')])).toEqual([]);
    expect(await attention([...nightly(wentWell), claim('data'), good(), podOf(11 * HOURS, 1, 'FAILED')])).toEqual([]);
  });

  test('a schedule that is suspended, and one that does not start, are told with what to do', async () => {
    const { attention: [suspended] } = await statusJson([...nightly(wentWell, { suspend: true }), claim('data'), good()]);
    expect(suspended).toMatchObject({
      problem: 'is suspended, so it takes no snapshots and prunes none; the last success is 9h 59m ago',
      commands: ['kubectl -n shop patch cronjob nightly -p \'{"spec":{"suspend":false}}\''],
    });
    expect(await attention([...nightly({ lastScheduleTime: ago(3 * DAYS), lastSuccessfulTime: ago(3 * DAYS) }), claim('data'), good(3 * DAYS)])).toEqual([
      expect.stringMatching(/^claim shop\/data: its newest good snapshot of schedule nightly is 3d old, and if all were well it would be at most 1d /),
      expect.stringMatching(/^CronJob shop\/nightly: runs do not come: the last success is 3d ago, and if all were well it would be at most 1d /),
    ]);
  });

  test('a button that is only pressed by hand is not called suspended', async () => {
    expect((await statusJson(nightly(wentWell))).cronJobs.map(({ name }: any) => name)).toEqual(['nightly']);
  });

  test('a restore that failed, and what an upgrade waits for, are told with their logs, until one succeeds', async () => {
    const all = [...nightly(wentWell), claim('data'), good(), podOf(1)];
    const restore = run('restore', 'restore-1', 60, 1, 'no snapshot is good');
    const gate = run('before-15', 'before-15-a', 30, 1, 'FAILED data: pool is full');
    expect((await statusJson([...all, restore, gate])).attention).toEqual([
      {
        namespace: 'shop',
        object: 'restore shop/restore',
        problem: 'the newest run failed 1h ago: no snapshot is good',
        remedy: 'see its log, mend the cause, and start it again',
        commands: ['kubectl -n shop logs restore-1', 'kubectl -n shop create job restore-$(date +%s) --from=cronjob/restore'],
      },
      {
        namespace: 'shop',
        object: 'run shop/before-15',
        problem: 'the newest run failed 30m ago: FAILED data: pool is full',
        remedy: 'see its log, and mend the cause; an upgrade that waits for it does not go on',
        commands: ['kubectl -n shop logs before-15-a'],
      },
    ]);
    expect(await attention([...all, restore, gate, run('restore', 'restore-2', 5, 0, 'restored'), run('before-15', 'before-15-b', 5, 0, 'all well')])).toEqual([]);
    expect(await attention([...all, restore, gate], '--schedule', 'before-15')).toEqual(['run shop/before-15: the newest run failed 30m ago: FAILED data: pool is full']);
    expect(await attention([...all, restore, gate], '--claim', 'data')).toEqual([]);
  });

  test('a CronJob that somebody has spoilt is told as such', async () => {
    const [cronJob] = nightly(wentWell);
    cronJob.spec.schedule = 'at night';
    expect(await attention([cronJob])).toEqual([expect.stringMatching(/^CronJob shop\/nightly: cannot run: .*at night/)]);
  });
});

describe('snapshots that are not good', () => {
  const of = (...snapshots: object[]) => attention([...nightly(wentWell), claim('data'), podOf(1), snapshot('theirs', 'other', { age: 60 }), ...snapshots]);

  test('a claim of which no snapshot is good is told first', async () => {
    expect(await of()).toEqual(['claim shop/data: has no good snapshot of schedule nightly']);
    expect((await of(good(60, FAILED)))[0]).toBe('claim shop/data: has no good snapshot of schedule nightly, of 1 that are there');
  });

  test('of many claims of a schedule of which the same is to be said, it is said once', async () => {
    const claims = Array.from({ length: 20 }, (_, index) => claim(`data-${String.fromCharCode(97 + index)}`));
    const { stdout } = await statusOf([...nightly(wentWell, { source: SnapshotSource.everyClaim() }), ...claims, snapshot('theirs', 'data-a', { age: 60 })]);
    expect(stdout).toMatch(/^Needs attention: 20\n/);
    expect(stdout.match(/^!/gm)).toHaveLength(1);
    expect(stdout.replace(/\s+/g, ' ')).toContain('! claim shop/data-a, claim shop/data-b and 18 more: has no good snapshot of schedule nightly; take one at once: kubectl');
  });

  test('a claim that is not there, and that a schedule names, is told', async () => {
    expect(await attention([...nightly(wentWell), claim('other'), snapshot('theirs', 'other', { age: 60 })]))
      .toEqual(['claim shop/data: is not there, and schedule nightly is to snapshot it']);
  });

  test('one that the storage refuses is told in its words, one that waits for too long with how long', async () => {
    expect(await of(good(), good(60, FAILED))).toEqual(['snapshot shop/data-60: is not ready after 1h; the storage says: pool is full']);
    expect(await of(good(), good(5, PENDING))).toEqual([]);
    expect(await of(good(), good(9 * HOURS, PENDING))).toEqual(['snapshot shop/data-540: is pending for 9h, and nobody says why']);
    expect(await of(good(), good(9 * HOURS, { status: { creationTime: ago(9 * HOURS) } }))).toEqual(['snapshot shop/data-540: is copying for 9h, and nobody says why']);
  });

  test('what failed before a good one was taken is shown, and needs nobody', async () => {
    const { stdout } = await statusOf([...nightly(wentWell), claim('data'), good(), good(20 * HOURS, FAILED), podOf(1)]);
    expect(stdout).toMatch(/^Nothing needs attention/);
    expect(stdout).toMatch(/^data-1200 +– +20h +failed /m);
    expect(stdout).toContain('-  data-1200: the storage says: pool is full\n');
  });

  test('with so many that are not ready, a schedule takes no more, and that is told', async () => {
    expect(await of(good(), ...[60, 120, 180].map(age => good(age, FAILED))))
      .toContain('claim shop/data: 3 of its snapshots are not ready, so schedule nightly takes no more until one is');
  });

  test('one that a drill found bad is not the newest good one', async () => {
    const bad = good(60, { labels: { [`${KEY}verified`]: 'false' }, annotations: { [`${KEY}verified-at`]: ago(30) } });
    expect(await of(good(), bad)).toEqual(['snapshot shop/data-60: a drill restored it and found it bad; the newest good one is data-600, 10h old']);
    const { stdout } = await statusOf([...nightly(wentWell), claim('data'), good(), bad]);
    expect(stdout).toContain('shop/data: the newest good one is data-600, 10h old; 1 of 2 are good\n');
    expect(stdout).toMatch(/^data-60 .* BAD, 30m ago$/m);
  });

  test('one that does not go is told', async () => {
    expect(await of(good(), good(34 * HOURS, { deleted: ago(2 * HOURS) }))).toEqual(['snapshot shop/data-2040: is being deleted for 2h']);
  });
});

describe('what is known of a snapshot', () => {
  test('consistency, what a drill found and how long it took, holds, and claims that are made of it', async () => {
    const labels = { [`${KEY}consistency`]: 'application', [`${KEY}verified`]: 'true', [`${KEY}hold`]: 'before-version-15' };
    const annotations = { [`${KEY}verified-at`]: ago(2 * HOURS), [`${KEY}recovery-seconds`]: '134' };
    const { stdout } = await statusOf([...nightly(wentWell), claim('data'), good(10 * HOURS, { labels, annotations }), claim('data-restored', { from: 'data-600', phase: 'Pending' })]);
    expect(stdout).toMatch(/^data-600 .* ready, held +10Gi +application +good, 2h ago$/m);
    for (const note of ["held by 'hold'=before-version-15", 'a drill recovered it in 2m 14s', 'claim data-restored is being made of it (Pending)']) {
      expect(stdout).toContain(`-  data-600: ${note}\n`);
    }
  });

  test('a hold that has an end is counted in the time zone of the schedule, and is over after it', async () => {
    const held = async (until: string, timeZone: string) => {
      const policy = { retention: RetentionPolicy.of({ keepFor: Duration.days(7) }), timeZone };
      const { claims } = await statusJson([...nightly(wentWell, policy), good(10 * HOURS, { annotations: { [`${KEY}hold-until`]: until } })]);
      return claims[0].snapshots[0].held;
    };
    // it is noon in UTC, and the next day on the other side of the earth
    expect(await held('2026-02-09', 'Etc/UTC')).toBe("held by 'hold-until'=2026-02-09");
    expect(await held('2026-02-09', 'Pacific/Kiritimati')).toBeUndefined();
    expect(await held('2026-02-09T11:00:00Z', 'Etc/UTC')).toBeUndefined();
  });

  test('a hold on one of a group, or on the group, holds all of it', async () => {
    const member = (name: string, labels: object = {}) => snapshot(name, name, { age: 60, labels: { [`${KEY}group`]: 'g', ...labels }, annotations: { [`${KEY}taken-by`]: 'nightly' } });
    const { claims } = await statusJson([member('a'), member('b', { [`${KEY}hold`]: 'why' })]);
    expect(claims.map(({ scheduleId, snapshots: [{ group, held }] }: any) => ({ scheduleId, group, held }))).toEqual(Array(2).fill({ scheduleId: 'nightly', group: 'g', held: "held by 'hold'=why" }));
  });

  test('a group that failed has no members, and is told itself', async () => {
    const group = { apiVersion: 'groupsnapshot.storage.k8s.io/v1', kind: 'VolumeGroupSnapshot', metadata: { name: 'g', namespace: 'shop', creationTimestamp: ago(60), labels: { [`${KEY}schedule`]: 'nightly' } }, status: { error: { message: 'no such selector' } } };
    expect(await attention([...nightly(wentWell), good(), claim('data'), group])).toEqual(['group shop/g: is not ready after 1h; the storage says: no such selector']);
  });

  test('each is of its claim: of one that is gone, of an earlier one of that name, of none', async () => {
    const { stdout } = await statusOf([
      ...nightly(wentWell), claim('data'), good(), good(34 * HOURS, { claimUid: 'uid-earlier' }), snapshot('gone-1', 'gone', { age: 60, schedule: 'nightly' }),
      snapshot('velero-1', 'data', { age: 60 }), snapshot('theirs', '', { age: 60, source: { volumeSnapshotContentName: 'content' } }),
      snapshot('was-1', 'data', { age: 60, schedule: 'renamed' }),
      snapshot('imported-1', 'data', { age: 90, source: { volumeSnapshotContentName: 'content' }, annotations: { [`${KEY}taken-by`]: 'nightly', [`${KEY}claim`]: 'data', [`${KEY}cut-at`]: ago(50 * DAYS) } }),
    ]);
    expect(stdout).toContain('\nshop/data (an earlier claim of this name): the newest good one is data-2040');
    expect(stdout).toContain('\nshop/gone (the claim is gone): the newest good one is gone-1');
    expect(stdout).toContain('\nTaken by no schedule of this library, in namespace shop\n\nof no claim: the newest good one is theirs');
    expect(stdout).toContain('\nSchedule renamed in namespace shop, of which there is no CronJob here\n\nshop/data: the newest good one is was-1');
    expect(stdout).toContain('-  imported-1: imported, by the handle that the storage knows it by\n');
    expect(stdout).toMatch(/^imported-1 +2025-12-21T12:00Z +50d /m);
    expect(stdout).toMatch(/^Of what could be seen, nothing needs attention\.\n/);
  });
});

describe('what is looked at', () => {
  const many = Array.from({ length: 40 }, (_, day) => good((day * 24 + 10) * HOURS));
  const other = snapshot('other-1', 'other', { age: 60, schedule: 'nightly' });

  test('of many snapshots, the newest and what is of note; all if asked for', async () => {
    const all = [...nightly(wentWell), claim('data'), podOf(1), ...many, good(900 * HOURS, { labels: { [`${KEY}hold`]: 'why' } })];
    const { stdout } = await statusOf(all);
    expect(stdout.match(/^data-\d+ /mg)).toHaveLength(6);
    expect(stdout).toContain('\nand 35 more, the oldest from 2026-01-01T02:00Z: --full\n');
    expect((await statusOf(all, '--full')).stdout.match(/^data-\d+ /mg)).toHaveLength(41);
  });

  test('a claim or a schedule by its name, and what needs attention of it alone', async () => {
    const all = [...nightly({ ...wentWell, lastSuccessfulTime: ago(3 * DAYS) }), claim('data'), good(), claim('other'), other, snapshot('theirs', 'data', { age: 60 })];
    const names = async (...options: string[]) => (await statusJson(all, ...options)).claims.map(({ name, scheduleId }: any) => `${name}/${scheduleId}`);
    expect(await names('--claim', 'data')).toEqual(['data/undefined', 'data/nightly']);
    expect(await names('--schedule', 'nightly')).toEqual(['data/nightly', 'other/nightly']);
    expect(await attention(all, '--claim', 'other')).toEqual([expect.stringContaining('the newest run failed')]);
    expect(await attention(all, '--claim', 'nothing')).toEqual([]);
  });

  test('nothing at all is said, and is no success for --strict', async () => {
    const { code, stdout } = await statusOf([]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Of what could be seen, there is no schedule, and no snapshot\. Another namespace/);
    expect(stdout).not.toContain('othing needs attention');
    const all = [...nightly(wentWell), claim('data'), good(), podOf(1)];
    expect((await statusOf(all, '--claim', 'daat')).stdout).toMatch(/^There is no schedule, and no snapshot, of claim 'daat'\./);
    expect(await statusOf([], '--strict')).toMatchObject({ code: 1 });
  });

  test('a CronJob that somebody has spoilt is something, also if there is nothing else', async () => {
    const [cronJob] = nightly(wentWell);
    cronJob.spec.schedule = 'at night';
    expect((await statusOf([cronJob])).stdout).toMatch(/^Needs attention: 1\n/);
  });

  test('what is in two files is counted once, as the later one has it', async () => {
    const list = (snapshots: object[]) => ({ apiVersion: 'v1', kind: 'List', items: [...nightly(wentWell), claim('data'), podOf(1), ...snapshots] });
    const { attention: found, claims } = await statusJson([list([good(60, PENDING)]), list([good(60)])].flatMap(({ items }) => items));
    expect(found).toEqual([]);
    expect(claims).toMatchObject([{ snapshots: [{ name: 'data-60', state: 'ready' }] }]);
    const nameless = (snapshotOfBoth: any) => ({ ...snapshotOfBoth, metadata: { ...snapshotOfBoth.metadata, uid: undefined } });
    const twoNamespaces = ['shop', 'shop', 'blog'].map(namespace => nameless(good(60, { namespace })));
    expect((await statusJson(twoNamespaces)).claims.map(({ snapshots }: any) => snapshots.length)).toEqual([1, 1]);
  });

  test('a kind that is not among the files is not taken for none, and --strict does not pass', async () => {
    const { code, stdout } = await statusOf([good()], '--strict');
    expect(code).toBe(1);
    expect(stdout).toContain('?  which schedules there are, and whether their runs succeed: no CronJob is among the files; if there are some,');
    expect(stdout).toContain('\nSchedule nightly in namespace shop, whose CronJob could not be seen\n');
    expect(stdout).not.toContain('gone');
  });

  test('what others wrote does not command the terminal', async () => {
    const { stdout } = await statusOf([...nightly(wentWell), claim('data'), good(), good(60, { status: { error: { message: 'pool\u001b[2J is\nfull' } } })]);
    expect(stdout).toContain('pool\ufffd[2J is\ufffdfull');
  });
});
