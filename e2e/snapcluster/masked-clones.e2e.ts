import { eventually, getJson, kubectl, runJob } from '../cluster';
import { CloneLab } from './clone-lab';
import { AuditLog } from './knobs';
import { outsideRuns } from './outside';
import { CloneContainer, SnapshotCloneProps } from 'cdk8s-volume-snapshots';

const FILE = '/data/data/file';
const MASK = `echo "user1@invalid" > ${FILE}`;
const CHECK = `! grep example.com ${FILE} || { echo "unmasked: $(cat ${FILE})"; exit 1; }`;
const container = (script: string): CloneContainer => ({ image: 'busybox:1.36', command: ['sh', '-ec', script] });

describe('masking', () => {
  const lab = new CloneLab('e2e-masked');
  const { admin, source, target } = lab;
  const masked = (name: string, mask: string, check: string, props: Partial<SnapshotCloneProps> = {}) => lab.clone(name, chart => ({
    masking: { mask: container(mask), check: container(check), snapshotClass: lab.classIn(chart), securityContext: { user: 1000 } },
    ...props,
  }));

  beforeAll(async () => {
    await lab.begin();
    await lab.write('alice@example.com');
  });
  afterEach(() => lab.cleanUp());

  test('hands out what was masked and checked; every right is used, and nothing else is asked for', async () => {
    masked('masked', MASK, CHECK);
    const audit = new AuditLog();
    expect(await runJob(admin, 'masked', 240)).toMatchObject({ succeeded: true, message: expect.stringContaining('masked and checked') });
    const [first] = lab.clones('masked');
    expect(await lab.read(first)).toBe('user1@invalid');
    lab.drop('reader');
    // a second generation, so that an old one is removed
    await lab.write('dora@example.com');
    expect(await lab.run('masked')).toMatchObject({ exitCode: 0, message: expect.stringContaining('1 old clones removed') });
    const roles = [[admin, 'masked'], [source, `masked.${admin}`], [target, `masked.${admin}`]];
    const rules = [
      ...roles.flatMap(([namespace, role]) => getJson('-n', namespace, 'role', role).rules.map((rule: any) => [namespace, rule])),
      ...getJson('clusterrole', `masked.${admin}`).rules.map((rule: any) => [rule.resources[0] === 'namespaces' ? target : '', rule]),
    ];
    const right = (namespace: string, verb: string, resource: string) => `${namespace} ${verb} ${resource}`;
    const granted = rules.flatMap(([namespace, { apiGroups: [group], resources: [resource], verbs }]) =>
      verbs.map((verb: string) => right(namespace, verb, [group, resource].filter(Boolean).join('/'))));
    const requests = audit.requestsOf(admin, 'masked');
    // who makes no mistake lists no Events where masking is done, and tells the administrators of none
    const asked = [...requests.map(({ namespace = '', verb, resource }) => right(namespace, verb, resource)), right(admin, 'list', 'events'), right(admin, 'create', 'events')];
    expect([...new Set(asked)].sort()).toEqual(granted.sort());
    expect(requests.filter(({ code }) => code === 403)).toEqual([]);
  });

  test('that fails hands nothing out, says why to the administrators alone, and leaves nothing', async () => {
    masked('bad', 'true', CHECK);
    const end = await lab.run('bad');
    expect([end.exitCode, end.message]).toEqual([1, expect.stringMatching(/the check ended with 1: .*unmasked: dora@example.com; nothing more was done, nothing was handed out/)]);
    expect(lab.clones('bad')).toEqual([]);
    expect(getJson('-n', admin, 'events', '--field-selector', 'reason=SnapshotCloneFailed,involvedObject.kind=Job').items).toHaveLength(1);
    expect(kubectl(['-n', target, 'get', 'events', '-o', 'yaml'])).not.toContain('dora');
  });

  test('that is ended hands nothing out, and leaves nothing', async () => {
    masked('endless', 'sleep 600', CHECK);
    const run = outsideRuns(admin, 'endless')();
    await eventually('the mask runs', 60, () => lab.pods('endless')[0]?.status.phase === 'Running');
    // as the kubelet does it
    run.process.kill('SIGTERM');
    expect(await run.end).toMatchObject({ exitCode: 143, message: expect.stringContaining('told to end by SIGTERM') });
    await eventually('nothing is left', 60, () => lab.left.length === 0);
    expect(lab.clones('endless')).toEqual([]);
  });

  test('beyond its fence nothing can be created or deleted by the account of a clone', () => {
    const as = (verb: string[], input?: string) => {
      try {
        return kubectl([...verb, `--as=system:serviceaccount:${admin}:masked`, '--as-group=system:serviceaccounts', '--as-group=system:authenticated'], input);
      } catch (error) {
        return (error as Error).message;
      }
    };
    const [name] = getJson('-n', source, 'volumesnapshots').items.map(({ status }: any) => status.boundVolumeSnapshotContentName);
    expect(as(['delete', 'volumesnapshotcontent', name])).toContain('only a content that retains its storage, with the label of the clone, may be deleted');
    const content = (namespace: string, deletionPolicy: string) => JSON.stringify({
      apiVersion: 'snapshot.storage.k8s.io/v1',
      kind: 'VolumeSnapshotContent',
      metadata: { name: 'e2e-masked-stolen', labels: { 'cdk8s-volume-snapshots/clone': `masked.${admin}` } },
      spec: { deletionPolicy, driver: 'x', source: { snapshotHandle: 'y' }, volumeSnapshotRef: { namespace, name: 'z' } },
    });
    const refusal = `for a snapshot in ${target} or ${admin}, may be created`;
    expect(as(['create', '--dry-run=server', '-f', '-'], content('default', 'Retain'))).toContain(refusal);
    expect(as(['create', '--dry-run=server', '-f', '-'], content(target, 'Delete'))).toContain(refusal);
    expect(as(['create', '--dry-run=server', '-f', '-'], content(target, 'Retain'))).toContain('created (server dry run)');
  });
});
