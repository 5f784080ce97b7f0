import { apply, eventually, getJson, kubectl, runJob, WAITING_STORAGE_CLASS } from '../cluster';
import { shell } from '../databases';
import { CloneLab } from './clone-lab';
import { RestoreNames } from 'cdk8s-volume-snapshots';

const lab = new CloneLab('e2e-clones');
const { admin, target } = lab;

beforeAll(async () => {
  await lab.begin();
  await lab.write('alice@example.com');
});
afterEach(() => lab.cleanUp());

test('a clone in another namespace has the data; when nothing is newer nothing is made', async () => {
  lab.clone('plain');
  expect(await runJob(admin, 'plain', 240)).toMatchObject({ succeeded: true, message: expect.stringMatching(/^1 of 1 clones are ready in 'e2e-clones-target' after/) });
  const [first] = lab.clones('plain');
  expect(await lab.read(first)).toBe('alice@example.com');
  expect(await lab.run('plain')).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^nothing is newer than what was cloned, as of .*: 1 of 1 clones are ready/) });
  expect(lab.clones('plain')).toEqual([first]);
});

test('a refresh removes the old clone, unless it is in use', async () => {
  lab.clone('fresh');
  await lab.run('fresh');
  const [first] = lab.clones('fresh');
  expect(await lab.read(first, 'app')).toBe('alice@example.com');
  await lab.write('bob@example.com');
  expect(await lab.run('fresh')).toMatchObject({
    exitCode: 0, message: expect.stringContaining(`old clones in use stay until the next refresh: '${first}' is mounted by pod 'app'`),
  });
  expect(lab.clones('fresh')).toHaveLength(2);
  lab.drop('app');
  expect(await lab.run('fresh')).toMatchObject({ exitCode: 0, message: expect.stringContaining(`1 old clones removed: ${first}`) });
  await eventually('the old clone is gone', 30, () => lab.clones('fresh').length === 1);
  expect(await lab.read(lab.clones('fresh')[0])).toBe('bob@example.com');
});

test('a fixed name is taken over at a refresh, but not under a pod', async () => {
  lab.clone('fixed', () => ({ names: RestoreNames.withSuffix('staging') }));
  expect(await lab.run('fixed')).toMatchObject({ exitCode: 0 });
  await lab.read('data-staging', 'app');
  await lab.write('carol@example.com');
  expect(await lab.run('fixed')).toMatchObject({
    exitCode: 1, message: expect.stringContaining("claim 'data-staging' is to be replaced, and pod 'app' mounts it: scale its workload to 0"),
  });
  lab.drop('app');
  expect(await lab.run('fixed')).toMatchObject({ exitCode: 0 });
  expect(await lab.read('data-staging')).toBe('carol@example.com');
});

test('a claim that waits for a pod keeps what it is made from until then', async () => {
  lab.clone('waiting', () => ({ storageClassName: WAITING_STORAGE_CLASS }));
  expect(await lab.run('waiting')).toMatchObject({ exitCode: 0, message: expect.stringContaining('its volume is made when a pod uses it') });
  expect(lab.contents).toHaveLength(1);
  const [claimName] = lab.clones('waiting');
  const container = { name: 'app', image: 'busybox:1.36', command: ['sleep', '3600'], volumeMounts: [{ name: 'v', mountPath: '/v' }] };
  apply([{
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'reader', namespace: target },
    spec: { containers: [container], volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }] },
  }]);
  await eventually('the pod runs', 60, () => getJson('-n', target, 'pod', 'reader').status.phase === 'Running');
  expect(shell(target, 'reader', 'cat /v/file')).toBe('carol@example.com');
  expect(await lab.run('waiting')).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^nothing is newer/) });
});

test('the end of the target namespace leaves production its snapshots, and no content behind', async () => {
  lab.clone('later', () => ({ storageClassName: WAITING_STORAGE_CLASS }));
  expect(await lab.run('later')).toMatchObject({ exitCode: 0 });
  expect(lab.contents).toHaveLength(1);
  const before = lab.production;
  kubectl(['delete', 'namespace', target, '--timeout=100s']);
  await eventually('the content goes with it', 60, () => lab.contents.length === 0);
  expect(lab.production).toEqual(before);
  expect(await lab.run('later')).toMatchObject({ exitCode: 1, message: expect.stringContaining(`there is no namespace '${target}'`) });
});
