import { AuditLog } from './knobs';
import { apply, applyChart, bound, claim, DRIVER, freshNamespace, getJson, jobEnd, names } from '../cluster';
import { CsiDriver, DeletionPolicy, PreUpgradeSnapshot, SnapshotClass, SnapshotSource, JobTrigger } from 'cdk8s-volume-snapshots';

const PLATFORM = 'e2e-platform';
const NAMESPACES = ['e2e-upgrades-a', 'e2e-upgrades-b', 'e2e-upgrades-c'];

beforeAll(async () => {
  [PLATFORM, ...NAMESPACES].forEach(namespace => freshNamespace(namespace));
  apply(NAMESPACES.flatMap(namespace => ['one', 'two'].map(name => claim(namespace, name))));
  for (const namespace of NAMESPACES) { await bound(namespace, 'one', 'two'); }
});

function before(revision: string, namespaces: string[]): void {
  applyChart(PLATFORM, chart => {
    new PreUpgradeSnapshot(chart, 'Before', {
      metadata: { name: 'before' },
      namespaces,
      source: SnapshotSource.everyClaim(),
      snapshotClass: new SnapshotClass(chart, 'Class', { metadata: { name: 'e2e-upgrades' }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.DELETE }),
      trigger: JobTrigger.job({ revision }),
    });
  });
}

const rulesOf = (namespace: string): string[] => getJson('-n', namespace, 'role', 'before').rules
  .flatMap((rule: any) => rule.verbs.map((verb: string) => `${verb} ${[rule.apiGroups[0], rule.resources[0]].filter(Boolean).join('/')}`));

test('one Job snapshots every claim of many namespaces, by rights in each that it uses, and reports each', async () => {
  const audit = new AuditLog();
  before('1', NAMESPACES);
  const end = await jobEnd(PLATFORM, 'before-1');
  expect(end).toMatchObject({ succeeded: true, message: expect.stringMatching(/^3 of 3 namespaces are done; e2e-upgrades-a: 2 of 2 claims have their snapshot/) });
  expect(end.log.filter(({ step }) => step === 'report').map(({ exitCode, namespace }) => `${namespace} ${exitCode}`).sort()).toEqual(NAMESPACES.map(name => `${name} 0`));
  for (const namespace of NAMESPACES) {
    expect(getJson('-n', namespace, 'volumesnapshots').items.map(({ status }: any) => status.readyToUse)).toEqual([true, true]);
  }
  const requests = audit.requestsOf(PLATFORM, 'before');
  expect(requests.filter(({ code }) => code === 403)).toEqual([]);
  // deletion comes with the fourth
  expect([...new Set(requests.map(({ verb, resource }) => `${verb} ${resource}`)), 'delete snapshot.storage.k8s.io/volumesnapshots'].sort())
    .toEqual(rulesOf(NAMESPACES[0]).sort());
});

test('a namespace in which it fails does not hide the others, and comes first', async () => {
  const hard = { 'count/volumesnapshots.snapshot.storage.k8s.io': '0' };
  apply([{ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'full', namespace: NAMESPACES[2] }, spec: { hard } }]);
  apply([claim(NAMESPACES[2], 'three')]);
  await bound(NAMESPACES[2], 'three');
  before('2', NAMESPACES);
  const end = await jobEnd(PLATFORM, 'before-2', 240);
  expect(end).toMatchObject({ succeeded: false, exitCode: 1, message: expect.stringMatching(/^2 of 3 namespaces are done; FAILED e2e-upgrades-c: .*quota/) });
  expect(end.message).toMatch(/e2e-upgrades-a: 2 of 2 claims have their snapshot.*used again/);
  expect(names('-n', NAMESPACES[2], 'volumesnapshots')).toHaveLength(2);
});
