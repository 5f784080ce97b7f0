import { DAY, HOUR, TONIGHT } from './fake-api-server';
import { KEYS } from '../../src/runner/config';
import { readClaim, readSnapshot } from '../../src/runner/resources';

const UID = '4a9b1d0c-0000-4000-8000-000000000001';

const text = (time: number) => new Date(time).toISOString();

/** What the API server answers for a snapshot that was asked for tonight. */
function object(changes: { metadata?: object; spec?: object; status?: object } = {}): object {
  return {
    metadata: {
      name: 'data-1',
      uid: UID,
      resourceVersion: '7',
      creationTimestamp: text(TONIGHT),
      labels: { [KEYS.schedule]: 'nightly', [KEYS.claimUid]: 'claim-uid' },
      ...changes.metadata,
    },
    spec: changes.spec ?? { source: { persistentVolumeClaimName: 'data' } },
    ...changes.status && { status: changes.status },
  };
}

describe('marks that people put on a snapshot', () => {
  const read = (metadata: object) => {
    const { hold, holdUntil, prunable } = readSnapshot(object({ metadata }));
    return { hold, holdUntil, prunable };
  };

  test('are read from labels and annotations alike, empty ones as well', () => {
    expect(read({ annotations: { [KEYS.hold]: '', [KEYS.holdUntil]: '2027-01-31' } })).toEqual({ hold: '', holdUntil: ['2027-01-31'], prunable: false });
    expect(read({ labels: { [KEYS.hold]: 'audit', [KEYS.holdUntil]: '2027-01-31' } })).toEqual({ hold: 'audit', holdUntil: ['2027-01-31'], prunable: false });
    expect(read({ labels: { [KEYS.prunable]: 'true' } }).prunable).toBe(true);
    expect(read({ annotations: { [KEYS.prunable]: 'true' } }).prunable).toBe(true);
  });

  test('in one place do not take back those in the other: two people may have put them there', () => {
    const [first, second] = [{ [KEYS.hold]: 'false', [KEYS.holdUntil]: '2026-03-01', [KEYS.prunable]: 'no' }, { [KEYS.hold]: 'true', [KEYS.holdUntil]: '2027-01-31', [KEYS.prunable]: 'true' }];
    expect(read({ annotations: first, labels: second })).toEqual({ hold: 'true', holdUntil: ['2026-03-01', '2027-01-31'], prunable: true });
    expect(read({ annotations: second, labels: first })).toEqual({ hold: 'true', holdUntil: ['2027-01-31', '2026-03-01'], prunable: true });
  });

  test('are none where there are none', () => {
    expect(read({ labels: undefined })).toEqual({ hold: undefined, holdUntil: [], prunable: false });
    expect(read({ labels: { [KEYS.hold]: 'false' } }).hold).toBeUndefined();
  });

  test.each(['', 'false', 'yes', 'True'])('let nothing go unless they say so in the word of the manual: prunable=%j', value => {
    expect(read({ annotations: { [KEYS.prunable]: value } }).prunable).toBe(false);
  });
});

describe('an imported snapshot', () => {
  const read = (annotations: object, spec: object = { source: { volumeSnapshotContentName: 'old' } }, status: object = { creationTime: text(TONIGHT) }) =>
    readSnapshot(object({ metadata: { annotations, labels: { [KEYS.claim]: 'data-cut-short' } }, spec, status }));

  test('tells itself when it was cut, since a driver that cannot list its snapshots says the time of the import', () => {
    expect(read({ [KEYS.cutAt]: text(TONIGHT - 40 * DAY) }).cutAt).toBe(TONIGHT - 40 * DAY);
    expect(read({ [KEYS.cutAt]: 'long ago' }).cutAt).toBe(TONIGHT);
    expect(read({}).cutAt).toBe(TONIGHT);
  });

  test('is not cut before the storage says anything', () => {
    expect(read({ [KEYS.cutAt]: text(TONIGHT) }, undefined, {}).cutAt).toBeUndefined();
  });

  test('tells the whole name of its claim, where a label has it shortened', () => {
    expect(read({ [KEYS.claim]: 'data-of-a-long-name' }).claimName).toBe('data-of-a-long-name');
    expect(read({}).claimName).toBe('data-cut-short');
  });

  test('is the only one that is believed', () => {
    const taken = read({ [KEYS.cutAt]: text(TONIGHT - 40 * DAY), [KEYS.claim]: 'other' }, { source: { persistentVolumeClaimName: 'data' } });
    expect([taken.cutAt, taken.claimName]).toEqual([TONIGHT, 'data']);
  });
});

describe('the time of the cut', () => {
  const cutAt = (time: number, spec?: object) => readSnapshot(object({ spec, status: { creationTime: text(time) } })).cutAt;

  test('is what the storage says, a little before the object as well: clocks differ', () => {
    expect(cutAt(TONIGHT + 50)).toBe(TONIGHT + 50);
    expect(cutAt(TONIGHT - HOUR)).toBe(TONIGHT - HOUR);
  });

  test('is that of the object if the storage says that it was cut long before it was asked for', () => {
    expect(cutAt(TONIGHT - HOUR - 1)).toBe(TONIGHT);
    expect(cutAt(TONIGHT - 365 * DAY)).toBe(TONIGHT);
    expect(cutAt(Date.parse('1970-01-01T00:00:00Z'))).toBe(TONIGHT);
  });

  test('is that of the object if the storage says that it was cut long after: such a snapshot would have been pruned', () => {
    expect(cutAt(TONIGHT + 2 * DAY)).toBe(TONIGHT + 2 * DAY);
    expect(cutAt(TONIGHT + 8 * DAY)).toBe(TONIGHT);
    expect(cutAt(TONIGHT + 365 * DAY)).toBe(TONIGHT);
  });

  test('of an imported snapshot is older than its object, and believed', () => {
    expect(cutAt(TONIGHT - 365 * DAY, { source: { volumeSnapshotContentName: 'imported' } })).toBe(TONIGHT - 365 * DAY);
  });

  test('is none before the storage has cut', () => {
    expect(readSnapshot(object()).cutAt).toBeUndefined();
    expect(readSnapshot(object({ status: { readyToUse: false } })).cutAt).toBeUndefined();
  });
});

test('a snapshot without the uid of its claim, as a script made it, belongs to the name of the claim', () => {
  const adopted = readSnapshot(object({ metadata: { labels: { [KEYS.schedule]: 'nightly' } } }));
  expect([adopted.claim, adopted.claimUid]).toEqual(['name:data', undefined]);
  expect(readSnapshot(object()).claim).toBe('claim-uid');
});

test('a claim is Pending until somebody says more, and comes from a snapshot only if that is what its source is', () => {
  const metadata = { name: 'data', uid: 'claim-uid' };
  expect(readClaim({ metadata })).toEqual({ name: 'data', uid: 'claim-uid', phase: 'Pending', deleting: false, fromSnapshot: undefined });
  const dataSource = { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'data-1' };
  expect(readClaim({ metadata: { ...metadata, deletionTimestamp: text(TONIGHT) }, spec: { dataSource }, status: { phase: 'Bound' } }))
    .toEqual({ name: 'data', uid: 'claim-uid', phase: 'Bound', deleting: true, fromSnapshot: 'data-1' });
  expect(readClaim({ metadata, spec: { dataSourceRef: { kind: 'PersistentVolumeClaim', name: 'other' } } }).fromSnapshot).toBeUndefined();
});
