import { schedule } from './fake-api-server';
import { CONFIG_VERSION, parseConfig } from '../../src/runner/config';

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
        { kind: 'StatefulSet', name: 'db', templates: ['data', 'wal'] },
        { kind: 'Selector', matchLabels: { tier: 'gold' } },
      ],
      labels: { team: 'shop' },
      annotations: { note: 'x' },
      retention: { keepLast: 7, keepForSeconds: 86400, minimumReady: 3 },
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
  test('a runner reads the document of the version before', () => {
    expect(problemWith({ version: CONFIG_VERSION - 1 })).toBe('accepted');
  });

  test.each([CONFIG_VERSION + 1, CONFIG_VERSION - 2, 'x', undefined])('a runner refuses version %s instead of guessing what it means', version => {
    expect(problemWith({ version })).toBe(`configuration version ${version} is unknown to this runner, which reads 0 and 1; `
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
    ['readyTimeoutSeconds', 0], ['readyTimeoutSeconds', '600'], ['concurrency', 0], ['concurrency', undefined],
    ['labels', null], ['labels', { a: 1 }], ['labels', 'a=b'], ['annotations', undefined], ['annotations', { a: null }],
  ])('%s: %j', (field, value) => {
    expect(problemWith({ [field as string]: value })).toBe(`configuration field '${field}' is wrong: ${JSON.stringify(value)}; synthesize the CronJob again`);
  });

  test('retention that would let the last good snapshot go', () => {
    expect(problemWith({ retention: { keepForSeconds: 60, minimumReady: 0 } })).toContain("configuration field 'retention' is wrong");
  });
});
