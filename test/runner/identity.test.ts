import { identifyRun, labelValue, Run, snapshotName } from '../../src/runner/identity';

const at = new Date('2026-02-09T02:00:00Z');
const minutes = at.getTime() / 60_000;
const NOW = at.getTime() + 60_000;
const scheduled: Run = { kind: 'Scheduled', at };
const manual: Run = { kind: 'Manual', jobUid: 'job-1' };

describe('which run a pod belongs to', () => {
  test('is the minute in the name that the CronJob controller gives the Job, not the time at which the pod starts', () => {
    expect(identifyRun(`nightly-${minutes}`, 'uid', NOW)).toEqual(scheduled);
  });

  test('is right for a CronJob whose own name ends in digits', () => {
    expect(identifyRun(`backup-12345678-${minutes}`, 'uid', NOW)).toEqual(scheduled);
  });

  test('is right for a CronJob that was renamed after synth, as Kustomize does', () => {
    expect(identifyRun(`prod-nightly-${minutes}`, 'uid', NOW)).toEqual(scheduled);
  });

  test.each(['nightly-manual', 'before-upgrade', 'nightly-1', 'nightly-123456789', 'nightly-20261231', 'before-migration-31122026', 'before-migration-29112026', 'before-migration-28112026', `${minutes}`, `nightly-${minutes}-x`, undefined])(
    'is the uid of a Job that a person made: %s', jobName => {
      expect(identifyRun(jobName, 'job-1', NOW)).toEqual(manual);
    });

  test('is the uid too for a day of this year that would be a minute of this month', () => {
    const evening = Date.parse('2027-01-30T20:00:00Z');
    expect(identifyRun('before-migration-30012027', 'job-1', evening)).toEqual(manual);
    expect(identifyRun('nightly-30012028', 'job-1', evening)).toEqual({ kind: 'Scheduled', at: new Date('2027-01-23T16:28:00Z') });
  });

  test.each([undefined, ''])('is not guessed for a bare pod (uid %s)', jobUid => {
    expect(() => identifyRun('x', jobUid, NOW)).toThrow('the pod has no Job: run the CronJob as it was synthesized, or a Job made from it');
  });
});

describe('the name of a snapshot', () => {
  test('shows claim and time, and is the same for each pod of the Job', () => {
    const name = snapshotName('data-postgres-0', 'uid-1', 'nightly', scheduled);
    expect(name).toMatch(/^data-postgres-0-20260209-020000-[0-9a-f]{8}$/);
    expect(snapshotName('data-postgres-0', 'uid-1', 'nightly', { kind: 'Scheduled', at: new Date(at) })).toBe(name);
  });

  test('never changes between versions, or a retried pod would not find its snapshot again', () => {
    expect(snapshotName('data', '00000000-0000-4000-8000-000000000001', 'nightly', scheduled)).toBe('data-20260209-020000-c7812dc7');
    expect(snapshotName('data', '00000000-0000-4000-8000-000000000001', 'nightly', manual)).toBe('data-manual-1f1ea893');
  });

  test('differs between schedules that meet at the same minute, runs, claims, claims made anew, and manual Jobs', () => {
    const names = [
      snapshotName('data', 'uid-1', 'nightly', scheduled),
      snapshotName('data', 'uid-1', 'hourly', scheduled),
      snapshotName('data', 'uid-1', 'nightly', { kind: 'Scheduled', at: new Date(at.getTime() + 60_000) }),
      snapshotName('logs', 'uid-1', 'nightly', scheduled),
      snapshotName('data', 'uid-2', 'nightly', scheduled),
      snapshotName('data', 'uid-1', 'nightly', manual),
      snapshotName('data', 'uid-1', 'nightly', { kind: 'Manual', jobUid: 'job-2' }),
      snapshotName('data', 'uid-1', 'hourly', manual),
    ];
    expect(new Set(names).size).toBe(names.length);
  });

  test('keeps the dots of a claim', () => {
    expect(snapshotName('data.eu.example', 'uid', 'nightly', scheduled)).toMatch(/^data\.eu\.example-20260209/);
  });

  const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

  test.each([
    ['as long as a name can be', 'a'.repeat(253)],
    ['with a dot at the cut', `${'a'.repeat(227)}.${'b'.repeat(25)}`],
    ['with dashes at the cut', `${'a'.repeat(226)}---${'b'.repeat(24)}`],
    ['just short enough', 'a'.repeat(228)],
  ])('of a claim that is %s is one that Kubernetes takes', (_, claim) => {
    const name = snapshotName(claim, 'uid', 'nightly', scheduled);
    expect(name.length).toBeLessThanOrEqual(253);
    expect(name).toMatch(subdomain);
    expect(name).toContain('-20260209-020000-');
  });

  test('differs for long claims that are cut alike', () => {
    const long = 'a'.repeat(240);
    expect(snapshotName(`${long}-0`, 'uid-1', 'nightly', scheduled)).not.toBe(snapshotName(`${long}-1`, 'uid-2', 'nightly', scheduled));
  });
});

describe('the label with the name of a claim', () => {
  test.each(['data', 'data.eu.example', 'a'.repeat(63)])('is the name while it fits: %s', name => {
    expect(labelValue(name)).toBe(name);
  });

  test.each(['a'.repeat(64), `${'a'.repeat(53)}.${'b'.repeat(30)}`, `${'a'.repeat(52)}--${'b'.repeat(199)}`])('is cut and hashed, never just cut: %s', name => {
    expect(labelValue(name)).toMatch(/^a+-[0-9a-f]{8}$/);
    expect(labelValue(name).length).toBeLessThanOrEqual(63);
    expect(labelValue(name)).not.toBe(labelValue(`${name}x`));
  });
});
