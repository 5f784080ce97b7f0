import { schedule } from './fake-api-server';
import {
  CloneConfig, CONFIG_VERSION, DrillConfig, InventoryConfig, OrphansConfig, QuiesceConfig, RestoreConfig, RunnerConfig, SCRIPT_WORD,
} from '../../src/runner/config';
import { parseConfig } from '../../src/runner/parse-config';

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

describe('a group', () => {
  const group = { className: 'groups', apiVersion: 'v1beta2' };

  test('comes through as it was written', () => {
    expect(problemWith({ group })).toBe('accepted');
    expect(problemWith({ group: { ...group, apiVersion: 'v1' }, deletionPolicy: undefined, prunedStorage: 'Keep' })).toBe('accepted');
  });

  test.each<[string, object]>([
    ['has no class', { group: { apiVersion: 'v1' } }],
    ['has a version that the runner does not know', { group: { ...group, apiVersion: 'v1alpha1' } }],
    ['may retain its storage, which a run would not see', { group, deletionPolicy: undefined }],
    ['retains its storage', { group, deletionPolicy: 'Retain' }],
  ])('is refused if it %s', (_, changes) => {
    expect(problemWith(changes)).toMatch(/^configuration field 'group' is wrong/);
  });
});

describe('an upgrade of the library while a Job starts', () => {
  test('a runner reads the document of the version before, which quiesced nothing', () => {
    const before = { ...schedule(), version: CONFIG_VERSION - 1 };
    expect(before).not.toHaveProperty('quiesce');
    expect(parseConfig(JSON.stringify(before))).toEqual(before);
  });

  test('what is new in this version may be absent, since most schedules quiesce nothing', () => {
    expect(problemWith({ quiesce: undefined })).toBe('accepted');
  });

  test('a document without a bound on snapshots that are not ready is broken, not old', () => {
    for (const version of [CONFIG_VERSION, CONFIG_VERSION - 1]) {
      expect(problemWith({ version, maxNotReady: undefined })).toMatch(/^configuration field 'maxNotReady' is wrong: undefined/);
    }
  });

  test.each([CONFIG_VERSION + 1, CONFIG_VERSION - 2, 'x', undefined])('a runner refuses version %s instead of guessing what it means', version => {
    expect(problemWith({ version })).toBe(`configuration version ${version} is unknown to this runner, which reads 2 and 3; `
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

  test.each(['Backup', 'toString', null])('of a kind that another runner knows: %s', kind => {
    expect(problemWith({ kind })).toBe(`configuration kind '${kind}' is unknown to this runner; apply CronJob and ConfigMap of one synthesis together`);
  });

  test('cut off', () => {
    expect(problemOf('{"version": 3,')).toMatch(/^SNAPSHOT_CONFIG is not JSON \(.+\); synthesize the CronJob again$/);
  });

  const claim = { kind: 'Claim', name: 'data' };
  test.each([
    ['scheduleId', ''], ['scheduleId', undefined], ['scheduleId', 7],
    ['claims', undefined], ['claims', []], ['claims', 'data'], ['claims', [claim, null]], ['claims', [{ kind: 'Claim', name: '' }]],
    ['claims', [{ kind: 'Claim' }]], ['claims', [{ kind: 'StatefulSet', name: 'db', templates: [] }]], ['claims', [{ kind: 'StatefulSet', templates: ['data'] }]],
    ['claims', [{ kind: 'StatefulSet', name: 'db', templates: 'data' }]], ['claims', [{ kind: 'Selector', matchLabels: { a: 1 } }]],
    ['claims', [{ kind: 'Selector' }]], ['claims', [{ kind: 'Pod', name: 'x' }]], ['claims', [{ kind: 'toString' }]], ['claims', [{ ...claim, optional: 1 }]],
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
    ['retention', { keepLast: 1, minimumReady: 1, consistentFirst: 'true' }],
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
    expect(problemInOrphans({ version: CONFIG_VERSION + 1 })).toMatch(/^configuration version 4 is unknown/);
  });
});

describe('the document of a restore', () => {
  const restore: RestoreConfig = {
    kind: 'Restore',
    version: CONFIG_VERSION,
    restoreId: 'restore',
    scheduleId: 'nightly',
    claims: [{ kind: 'Claim', name: 'data' }],
    names: 'stateful-set/db',
    requestName: 'restore-request',
    timeoutSeconds: 60,
    labels: {},
  };
  const problemInRestore = (changes: object) => problemOf(JSON.stringify({ ...restore, ...changes }));

  test('is told from that of a schedule, and comes through as it was written', () => {
    expect(parseConfig(JSON.stringify(restore))).toEqual(restore);
    expect(problemInRestore({ storageClassName: 'gp3', names: 'same' })).toBe('accepted');
  });

  test.each([
    ['restoreId', ''], ['scheduleId', undefined], ['claims', []], ['claims', undefined], ['names', 'besides'], ['names', 'stateful-set/'], ['requestName', ''],
    ['storageClassName', ''], ['timeoutSeconds', 0], ['labels', undefined],
  ])('is refused with %s: %j', (field, value) => {
    expect(problemInRestore({ [field as string]: value })).toBe(`configuration field '${field}' is wrong: ${JSON.stringify(value)}; synthesize the CronJob again`);
  });
});

describe('the document of an inventory', () => {
  const inventory: InventoryConfig = { kind: 'Inventory', version: CONFIG_VERSION, namespaces: ['shop'], minimumSnapshots: 1 };
  const problemInInventory = (changes: object) => problemOf(JSON.stringify({ ...inventory, ...changes }));

  test('is read as it was written', () => {
    expect(parseConfig(JSON.stringify(inventory))).toEqual(inventory);
    expect(problemInInventory({ namespaces: undefined, minimumSnapshots: 0 })).toBe('accepted');
  });

  test.each([['namespaces', 'shop'], ['namespaces', ['']], ['minimumSnapshots', -1], ['minimumSnapshots', '1'], ['minimumSnapshots', undefined]])(
    'is refused with %s: %j', (field, value) => {
      expect(problemInInventory({ [field as string]: value })).toBe(`configuration field '${field}' is wrong: ${JSON.stringify(value)}; synthesize the CronJob again`);
    });
});

describe('the document of a drill', () => {
  const drill: DrillConfig = {
    kind: 'Drill',
    version: CONFIG_VERSION,
    drillId: 'drill',
    scheduleId: 'nightly',
    volumes: { data: 'data-db-0' },
    maxAgeSeconds: 60,
    timeoutSeconds: 60,
    pod: { metadata: { labels: {}, annotations: {} }, spec: { containers: [{ name: 'check' }] } },
  };
  const problemInDrill = (changes: object) => problemOf(JSON.stringify({ ...drill, ...changes }));

  test('is told from that of a schedule, and comes through as it was written', () => {
    expect(parseConfig(JSON.stringify(drill))).toEqual(drill);
    expect(problemInDrill({ storageClassName: 'gp3', consistentOnly: true })).toBe('accepted');
  });

  test.each([
    ['drillId', ''], ['scheduleId', undefined], ['volumes', {}], ['volumes', undefined], ['storageClassName', ''], ['consistentOnly', 'yes'], ['anyMember', 1], ['maxAgeSeconds', 0],
    ['timeoutSeconds', 0], ['pod', {}], ['pod', { spec: { containers: [{ name: 'db' }] } }],
  ])('is refused with %s: %j', (field, value) => {
    expect(problemInDrill({ [field as string]: value })).toBe(`configuration field '${field}' is wrong: ${JSON.stringify(value)}; synthesize the CronJob again`);
  });
});

describe('the document of a clone', () => {
  const pod = (name: string) => ({ labels: {}, annotations: {}, spec: { containers: [{ name }] }, mountPath: '/data' });
  const masking = { snapshotClassName: 'masked', mask: pod('mask'), check: pod('check') };
  const clone: CloneConfig = {
    kind: 'Clone',
    version: CONFIG_VERSION,
    cloneId: 'clone.platform',
    scheduleId: 'nightly',
    sourceNamespace: 'shop',
    targetNamespace: 'staging',
    claims: [{ kind: 'Claim', name: 'data' }],
    names: 'beside',
    keep: 1,
    only: [],
    timeoutSeconds: 60,
    labels: {},
  };
  const problemInClone = (changes: object) => problemOf(JSON.stringify({ ...clone, ...changes }));

  test('is told from that of a schedule, and comes through as it was written', () => {
    expect(parseConfig(JSON.stringify(clone))).toEqual(clone);
    expect(problemInClone({ masking, storageClassName: 'gp3', only: ['application', 'verified'], names: 'stateful-set/qa' })).toBe('accepted');
  });

  test.each([
    ['cloneId', ''], ['scheduleId', undefined], ['sourceNamespace', ''], ['targetNamespace', undefined], ['targetNamespace', 'shop'], ['claims', []], ['names', 'other'],
    ['keep', 0], ['only', undefined], ['only', ['good']], ['storageClassName', ''], ['timeoutSeconds', 0], ['labels', undefined],
    // what is to be masked is not handed out as it is
    ['masking', null], ['masking', {}], ['masking', { ...masking, check: undefined }], ['masking', { ...masking, mask: pod('check') }], ['masking', { ...masking, snapshotClassName: '' }],
  ])('is refused with %s: %j', (field, value) => {
    expect(problemInClone({ [field as string]: value })).toBe(`configuration field '${field}' is wrong: ${JSON.stringify(value)}; synthesize the CronJob again`);
  });
});

describe('how applications are quiesced', () => {
  const quiesce: QuiesceConfig = { command: ['/opt/hold', '--for', '30s'], attempts: 2, maxHoldSeconds: 30, onFailure: 'Fail' };

  test('comes through as it was written, with all that may be said of it and with as little as possible', () => {
    for (const changes of [{}, { podLabels: { role: 'primary' } }, { podNames: ['db-0'], container: 'db', on: 'ReplicaOrPrimary' as const, onFailure: 'CrashConsistent' as const }]) {
      const config = schedule({ quiesce: { ...quiesce, ...changes } });
      expect(parseConfig(JSON.stringify(config))).toEqual(config);
    }
  });

  test.each<[string, object | string | null]>([
    ['is no object', 'mariadb'],
    ['is nothing', null],
    ['has no command', { ...quiesce, command: [] }],
    ['has a command that is one text', { ...quiesce, command: 'sh' }],
    ['has a word that is no text', { ...quiesce, command: ['sh', 7] }],
    ['is never tried', { ...quiesce, attempts: 0 }],
    ['lasts for no time', { ...quiesce, maxHoldSeconds: 0 }],
    ['does not say what a failure means', { ...quiesce, onFailure: undefined }],
    ['holds on what nobody knows', { ...quiesce, on: 'Leader' }],
    ['names no pod', { ...quiesce, podNames: [''] }],
    ['has labels that are no text', { ...quiesce, podLabels: { a: 1 } }],
    ['has a container without a name', { ...quiesce, container: '' }],
  ])('is refused if it %s: an application that is not held is no surprise for a night', (_, value) => {
    expect(problemWith({ quiesce: value })).toBe(`configuration field 'quiesce' is wrong: ${JSON.stringify(value)}; synthesize the CronJob again`);
  });

  const scripted = JSON.stringify(schedule({ quiesce: { ...quiesce, command: ['sh', '-c', SCRIPT_WORD, 'quiesce'] } }));

  test('has its script in the place of the word that stands for it, or the container would run the word', () => {
    const { quiesce: read } = parseConfig(scripted, 'echo quiesced') as RunnerConfig;
    expect(read).toEqual({ ...quiesce, command: ['sh', '-c', 'echo quiesced', 'quiesce'] });
  });

  test.each([undefined, ''])('is refused without its script (%j), as if somebody had patched the variable away', script => {
    expect(() => parseConfig(scripted, script)).toThrow('SNAPSHOT_QUIESCE_SCRIPT is not set; run the CronJob as it was synthesized');
  });

  test('needs no script for a command that has none, and leaves it as it is', () => {
    const text = JSON.stringify(schedule({ quiesce }));
    expect([parseConfig(text), parseConfig(text, 'of another schedule')]).toEqual([schedule({ quiesce }), schedule({ quiesce })]);
  });
});
