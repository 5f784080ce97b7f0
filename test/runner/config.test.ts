import { schedule } from './fake-api-server';
import { CONFIG_VERSION, OrphansConfig, parseConfig } from '../../src/runner/config';

function problemOf(text: string | undefined): string {
  try {
    parseConfig(text);
    return 'accepted';
  } catch (error) {
    return (error as Error).message;
  }
}

const problemWith = (changes: object) => problemOf(JSON.stringify({ ...schedule(), ...changes }));

describe('the document of this version', () => {
  test('comes through as it was written', () => {
    const config = schedule({
      claims: [
        { kind: 'Claim', name: 'data' },
        { kind: 'Claim', name: 'data-db-0', statefulSet: 'db' },
        { kind: 'StatefulSet', name: 'db', templates: ['data', 'wal'] },
        { kind: 'Selector', matchLabels: { tier: 'gold' } },
      ],
      labels: { team: 'shop' },
      annotations: { note: 'x' },
      retention: {
        keepLast: 7, keepForSeconds: 86400, hourly: 24, daily: 7, weekly: 4, monthly: 12, yearly: 3, timeZone: 'Europe/Berlin', minimumReady: 3,
      },
      mayDeleteLastGood: false,
      dryRun: true,
      startDelaySeconds: 0,
      minimumIntervalSeconds: 600,
      maxNotReady: 1,
    });
    expect(parseConfig(JSON.stringify(config))).toEqual(config);
  });

  test('may leave out what the cluster or the class decides', () => {
    expect(problemWith({ snapshotClassName: undefined, deletionPolicy: undefined, retention: { keepLast: 1, minimumReady: 1 } })).toBe('accepted');
    expect(problemWith({ retention: { keepForSeconds: 60, minimumReady: 1 } })).toBe('accepted');
  });

  test('may have fields that a later patch release adds', () => {
    expect(problemWith({ colour: 'green' })).toBe('accepted');
  });
});

describe('an upgrade of the library while a Job starts', () => {
  test('a runner reads the document of the version before, which knew no bound on snapshots that are not ready: three', () => {
    const before = { ...schedule(), version: CONFIG_VERSION - 1, maxNotReady: undefined };
    expect(parseConfig(JSON.stringify(before))).toEqual({ ...schedule(), version: CONFIG_VERSION - 1, maxNotReady: 3 });
  });

  test('a document of this version without that bound is broken, not old', () => {
    expect(problemWith({ maxNotReady: undefined })).toMatch(/^configuration field 'maxNotReady' is wrong: undefined/);
  });

  test.each([CONFIG_VERSION + 1, CONFIG_VERSION - 2, 'x', undefined])('a runner refuses version %s instead of guessing what it means', version => {
    expect(problemWith({ version })).toBe(`configuration version ${version} is unknown to this runner, which reads 1 and 2; `
      + 'apply CronJob and ConfigMap of one synthesis together');
  });
});

describe('a broken document is refused before anything is done, with the field', () => {
  test.each([undefined, ''])('missing: %s', text => {
    expect(problemOf(text)).toBe('SNAPSHOT_CONFIG is not set; run the CronJob as it was synthesized');
  });

  test.each(['null', '7', '"x"', '[]'])('not a document: %s', text => {
    expect(problemOf(text)).toMatch(/^configuration version undefined is unknown/);
  });

  test('cut off', () => {
    expect(problemOf('{"version": 1,')).toMatch(/^SNAPSHOT_CONFIG is not JSON \(.+\); synthesize the CronJob again$/);
  });

  const claim = { kind: 'Claim', name: 'data' };
  test.each([
    ['scheduleId', ''], ['scheduleId', undefined], ['scheduleId', 7],
    ['claims', undefined], ['claims', []], ['claims', 'data'], ['claims', [claim, null]], ['claims', [{ kind: 'Claim', name: '' }]],
    ['claims', [{ kind: 'Claim' }]], ['claims', [{ kind: 'StatefulSet', name: 'db', templates: [] }]], ['claims', [{ kind: 'StatefulSet', templates: ['data'] }]],
    ['claims', [{ kind: 'StatefulSet', name: 'db', templates: 'data' }]], ['claims', [{ kind: 'Selector', matchLabels: { a: 1 } }]],
    ['claims', [{ kind: 'Selector' }]], ['claims', [{ kind: 'Pod', name: 'x' }]],
    ['snapshotClassName', ''], ['snapshotClassName', 3], ['deletionPolicy', 'Recycle'], ['prunedStorage', undefined], ['prunedStorage', 'KEEP'],
    ['retention', undefined], ['retention', null], ['retention', 'P7D'], ['retention', { keepLast: 0, minimumReady: 1 }], ['retention', { keepLast: 1.5, minimumReady: 1 }],
    ['retention', { keepForSeconds: -1, minimumReady: 1 }], ['retention', { keepLast: 1 }], ['retention', { keepLast: 1, minimumReady: '1' }],
    ['claims', [{ kind: 'Claim', name: 'data-db-0', statefulSet: '' }]], ['claims', [{ kind: 'Claim', name: 'data-db-0', statefulSet: true }]],
    ['retention', { hourly: 0, minimumReady: 1 }], ['retention', { daily: 1.5, minimumReady: 1 }], ['retention', { weekly: '4', minimumReady: 1 }],
    ['retention', { monthly: -12, minimumReady: 1 }], ['retention', { yearly: null, minimumReady: 1 }],
    ['retention', { daily: 7, timeZone: '', minimumReady: 1 }], ['retention', { daily: 7, timeZone: 2, minimumReady: 1 }],
    ['mayDeleteLastGood', 'true'], ['dryRun', 'false'], ['dryRun', 0],
    ['startDelaySeconds', -1], ['startDelaySeconds', '60'], ['minimumIntervalSeconds', 0], ['minimumIntervalSeconds', 0.5],
    ['maxNotReady', 0], ['maxNotReady', '3'],
    ['readyTimeoutSeconds', 0], ['readyTimeoutSeconds', '600'], ['concurrency', 0], ['concurrency', undefined],
    ['labels', null], ['labels', { a: 1 }], ['labels', 'a=b'], ['annotations', undefined], ['annotations', { a: null }],
  ])('%s: %j', (field, value) => {
    expect(problemWith({ [field as string]: value })).toBe(`configuration field '${field}' is wrong: ${JSON.stringify(value)}; synthesize the CronJob again`);
  });

  test('retention that would let the last good snapshot go, unless that is said in words', () => {
    const retention = { keepForSeconds: 60, minimumReady: 0 };
    expect(problemWith({ retention })).toContain("configuration field 'retention' is wrong");
    expect(problemWith({ retention, mayDeleteLastGood: false })).toContain("configuration field 'retention' is wrong");
    expect(problemWith({ retention, mayDeleteLastGood: true })).toBe('accepted');
    expect(problemWith({ retention: { keepForSeconds: 60, minimumReady: -1 }, mayDeleteLastGood: true })).toContain("configuration field 'retention' is wrong");
  });
});

describe("the document of the platform's look for orphans", () => {
  const orphans: OrphansConfig = { kind: 'Orphans', version: CONFIG_VERSION, action: 'List', olderThanSeconds: 0, keepNewestPerVolume: 0, namespaces: ['shop'] };
  const problemInOrphans = (changes: object) => problemOf(JSON.stringify({ ...orphans, ...changes }));

  test('is told from that of a schedule, and comes through as it was written', () => {
    expect(parseConfig(JSON.stringify(orphans))).toEqual(orphans);
    expect(problemInOrphans({ namespaces: undefined })).toBe('accepted');
  });

  test.each([
    ['action', 'Delete'], ['action', undefined], ['olderThanSeconds', -1], ['olderThanSeconds', '7d'], ['olderThanSeconds', undefined],
    ['keepNewestPerVolume', -1], ['keepNewestPerVolume', undefined], ['namespaces', 'shop'], ['namespaces', ['']], ['namespaces', [7]],
  ])('is refused with %s: %j', (field, value) => {
    expect(problemInOrphans({ [field as string]: value })).toBe(`configuration field '${field}' is wrong: ${JSON.stringify(value)}; synthesize the CronJob again`);
  });

  test('is refused in a version that this runner does not know', () => {
    expect(problemInOrphans({ version: CONFIG_VERSION + 1 })).toMatch(/^configuration version 3 is unknown/);
  });
});
