import { ApiObject, App, Chart, Cron, Duration, JsonPatch, Size, Yaml } from 'cdk8s';
import { newChart, objectOf, objectsOf, podOf } from './manifests';
import { InventoryExporter, RunnerDefaults, SnapshotInventory, SnapshotInventoryProps } from '../src';
import { CONFIG_VERSION } from '../src/runner/config';
import { parseConfig } from '../src/runner/parse-config';

const EXPORTER: InventoryExporter = { image: 'rclone/rclone:1.71', args: ['copyto', '/inventory/inventory.json', 'offsite:inventory.json'] };

/** The chart of an inventory called `inventory`, with what a test is about. */
function render(props: Partial<SnapshotInventoryProps> = {}, chart = newChart({ namespace: 'platform' })): Chart {
  new SnapshotInventory(chart, 'Inventory', { exporter: EXPORTER, ...props, metadata: { name: 'inventory', ...props.metadata } });
  return chart;
}

const exporting = (exporter: Partial<InventoryExporter> = {}, props: Partial<SnapshotInventoryProps> = {}) =>
  podOf(render({ ...props, exporter: { ...EXPORTER, ...exporter } })).spec;
const containerOf = (exporter: Partial<InventoryExporter> = {}) => exporting(exporter).containers[0];
const configOf = (chart: Chart) => {
  const { value } = podOf(chart).spec.initContainers[0].env.find(({ name }: any) => name === 'SNAPSHOT_CONFIG');
  return parseConfig(value);
};

test('renders the rights, and no others', () => {
  expect(Yaml.stringify(...render().toJson().filter(({ kind }) => !['ConfigMap', 'CronJob'].includes(kind)))).toMatchInlineSnapshot(`
"apiVersion: v1
kind: ServiceAccount
metadata:
  name: inventory
  namespace: platform
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: inventory.platform
rules:
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshotcontents
      - volumesnapshots
    verbs:
      - list
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: inventory.platform
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: inventory.platform
subjects:
  - kind: ServiceAccount
    name: inventory
    namespace: platform
"
`);
});

describe('the pod', () => {
  test('makes the list before the container that exports it starts', () => {
    const { containers, initContainers } = exporting();
    expect([initContainers.map(({ name }: any) => name), containers.map(({ name }: any) => name)]).toEqual([['runner'], ['export']]);
    expect(containers[0]).toMatchObject({ image: EXPORTER.image, args: EXPORTER.args, terminationMessagePolicy: 'FallbackToLogsOnError' });
  });

  test('has one place that the runner writes to and the container reads', () => {
    const { containers: [exporter], initContainers: [runner], volumes } = exporting();
    expect(runner.volumeMounts).toContainEqual({ name: 'inventory', mountPath: '/inventory' });
    expect(exporter.volumeMounts).toContainEqual({ name: 'inventory', mountPath: '/inventory', readOnly: true });
    expect(volumes).toContainEqual({ name: 'inventory', emptyDir: {} });
    expect(SnapshotInventory.FILE).toBe('/inventory/inventory.json');
  });

  test('gives the token of the service account to the runner alone', () => {
    const { automountServiceAccountToken, containers: [exporter], initContainers: [runner], volumes } = exporting({ secrets: { '/keys': 'keys' } });
    expect(automountServiceAccountToken).toBe(false);
    const tokens = volumes.filter(({ projected }: any) => projected?.sources.some((source: any) => source.serviceAccountToken));
    expect(tokens).toHaveLength(1);
    expect(runner.volumeMounts).toContainEqual({ name: tokens[0].name, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true });
    expect(exporter.volumeMounts.map(({ name }: any) => name)).not.toContain(tokens[0].name);
  });

  test('is restricted as Pod Security asks for, and nothing but its own directories can be written to', () => {
    const { containers: [exporter], initContainers: [runner], securityContext } = exporting();
    expect(securityContext).toMatchObject({ runAsNonRoot: true, fsGroup: 1000, seccompProfile: { type: 'RuntimeDefault' } });
    for (const container of [exporter, runner]) {
      expect(container.securityContext).toMatchObject({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
    }
    expect(exporter.securityContext).toMatchObject({ runAsUser: 1000, runAsGroup: 1000 });
    expect(exporter.volumeMounts).toContainEqual({ name: 'tmp', mountPath: '/tmp' });
    expect(exporter.env).toEqual([{ name: 'HOME', value: '/tmp' }]);
  });

  test('that fails for want of snapshots is not tried again; one whose export fails is', () => {
    const { spec } = objectOf(render(), 'CronJob').spec.jobTemplate;
    expect(spec).toMatchObject({ backoffLimit: 3, activeDeadlineSeconds: 3600 });
    expect(spec.podFailurePolicy.rules).toContainEqual({ action: 'FailJob', onExitCodes: { containerName: 'runner', operator: 'In', values: [1] } });
  });

  test('takes the defaults of the scope, and what it was told itself', () => {
    const chart = newChart({ namespace: 'platform' });
    new RunnerDefaults(chart, 'Defaults', { imageRegistry: 'registry.example.com', pod: { tolerations: [{ key: 'infra' }] } });
    const { spec, metadata } = podOf(render({ pod: { labels: { 'azure.workload.identity/use': 'true' } } }, chart));
    expect(spec.initContainers[0].image).toMatch(/^registry\.example\.com\//);
    expect(spec.tolerations).toHaveLength(1);
    expect(metadata.labels).toMatchObject({ 'azure.workload.identity/use': 'true', 'cdk8s-volume-snapshots/schedule': 'inventory' });
  });
});

describe('the container that exports', () => {
  test('has the variables and Secrets that it is told of', () => {
    expect(containerOf({ env: { BUCKET: 'b', HOME: '/work' }, envFromSecrets: ['s3'] })).toMatchObject({
      env: [{ name: 'HOME', value: '/work' }, { name: 'BUCKET', value: 'b' }],
      envFrom: [{ secretRef: { name: 's3' } }],
    });
  });

  test('has the claims and Secrets that it is told of, by their paths', () => {
    const { containers: [exporter], volumes } = exporting({ claims: { '/nfs': 'backup' }, secrets: { '/tmp/.ssh': 'git-key' } });
    const nameAt = (path: string) => exporter.volumeMounts.find(({ mountPath }: any) => mountPath === path).name;
    expect(volumes).toContainEqual({ name: nameAt('/nfs'), persistentVolumeClaim: { claimName: 'backup' } });
    expect(volumes).toContainEqual({ name: nameAt('/tmp/.ssh'), secret: { secretName: 'git-key', defaultMode: 0o440 } });
  });

  test('may have a claim in the place of /tmp', () => {
    const { containers: [exporter], volumes } = exporting({ claims: { '/tmp': 'scratch' } });
    expect(exporter.volumeMounts.filter(({ mountPath }: any) => mountPath === '/tmp')).toHaveLength(1);
    expect(volumes.filter(({ emptyDir }: any) => emptyDir)).toEqual([{ name: 'inventory', emptyDir: {} }]);
  });

  test('runs as somebody else, with other limits', () => {
    const { containers: [exporter], securityContext } = exporting({ securityContext: { user: 2000, group: 3000 }, resources: { memoryLimit: Size.gibibytes(1), cpuLimit: '2' } });
    expect([exporter.securityContext.runAsUser, exporter.securityContext.runAsGroup, securityContext.fsGroup]).toEqual([2000, 3000, 3000]);
    expect(exporter.resources.limits).toEqual({ cpu: '2', memory: '1Gi' });
  });

  test('may do with less memory than Node.js', () => {
    expect(containerOf({ resources: { memoryRequest: Size.mebibytes(16), memoryLimit: Size.mebibytes(16) } }).resources.limits.memory).toBe('16Mi');
  });

  test.each<[Partial<InventoryExporter>, RegExp]>([
    [{ args: undefined }, /'exporter\.command': nothing says what becomes of the file, so nothing would leave the cluster, got undefined/],
    [{ args: [], command: [] }, /'exporter\.command': nothing says what becomes of the file/],
    [{ image: 'rclone' }, /'exporter\.image': not an image, got 'rclone'/],
    [{ image: undefined as any }, /'exporter\.image': not text/],
    [{ command: 'sh' as any }, /'exporter\.command': not a list/],
    [{ args: [7 as any] }, /'exporter\.args': not text/],
    [{ env: { '1X': 'y' } }, /'exporter\.env': not the name of a variable, got '1X'/],
    [{ env: { X: 1 as any } }, /'exporter\.env\.X': not text/],
    [{ envFromSecrets: ['Bad_Name'] }, /'exporter\.envFromSecrets': not a valid name/],
    [{ claims: { '/inventory': 'x' } }, /'exporter\.claims': something else is mounted there, got '\/inventory'/],
    [{ claims: { '/inventory/x': 'x' } }, /'exporter\.claims': something else is mounted there/],
    [{ claims: { nfs: 'x' } }, /'exporter\.claims': not a path to mount at, got 'nfs'/],
    [{ claims: { '/a/../b': 'x' } }, /'exporter\.claims': not a path to mount at/],
    [{ claims: { '/': 'x' } }, /'exporter\.claims': not a path to mount at/],
    [{ claims: { '/a': 'x' }, secrets: { '/a': 'y' } }, /'exporter\.secrets': something else is mounted there, got '\/a'/],
    [{ secrets: { '/a': '' } }, /'exporter\.secrets': not a valid name/],
    [{ securityContext: { user: 0 } }, /'exporter\.securityContext\.user': out of range/],
    [{ resources: { cpuLimit: 'much' } }, /'exporter\.resources\.cpuLimit': not a quantity/],
    [{ resources: { memoryLimit: Size.mebibytes(16) } }, /'exporter\.resources\.memoryRequest': more than the limit/],
    [{ comand: ['x'] } as any, /'exporter\.comand': no such prop, .* did you mean command\?/],
  ])('is refused as %j', (exporter, message) => {
    expect(() => render({ exporter: { ...EXPORTER, ...exporter } })).toThrow(message);
  });

  test('is needed, also by those whose compiler does not say so', () => {
    expect(() => render({ exporter: undefined })).toThrow(/\[test\/Inventory\] 'exporter': not an object/);
  });
});

test('says to the runner what is expected', () => {
  expect(configOf(render())).toEqual({ kind: 'Inventory', version: CONFIG_VERSION, minimumSnapshots: 1 });
  expect(configOf(render({ namespaces: ['shop', 'wiki', 'shop'], minimumSnapshots: 5 }))).toEqual({
    kind: 'Inventory', version: CONFIG_VERSION, minimumSnapshots: 5, namespaces: ['shop', 'wiki'],
  });
});

test('runs daily unless told otherwise', () => {
  expect(objectOf(render(), 'CronJob').spec).toMatchObject({ schedule: '10 5 * * *', timeZone: 'Etc/UTC', suspend: false, concurrencyPolicy: 'Forbid' });
  const other = render({ schedule: Cron.schedule({ minute: '40' }), timeZone: 'Europe/Berlin', timeout: Duration.minutes(20), suspend: true });
  expect(objectOf(other, 'CronJob').spec).toMatchObject({
    schedule: '40 * * * *', timeZone: 'Europe/Berlin', suspend: true, jobTemplate: { spec: { activeDeadlineSeconds: 1200 } },
  });
});

test('shows what it came to', () => {
  const made = new SnapshotInventory(newChart({ namespace: 'platform' }), 'Inventory', { exporter: EXPORTER });
  expect(made).toMatchObject({
    name: 'test-inventory-c8c2908b', namespace: 'platform', clusterRoleName: 'test-inventory-c8c2908b.platform', schedule: '10 5 * * *', timeZone: 'Etc/UTC', minimumSnapshots: 1,
  });
});

test('carries what clouds want to see on a service account', () => {
  const annotations = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::1:role/backup' };
  expect(objectOf(render({ serviceAccountAnnotations: annotations }), 'ServiceAccount').metadata.annotations).toEqual(annotations);
});

test('shares the program with others of the chart and namespace', () => {
  const chart = render();
  render({ metadata: { name: 'second' } }, new Chart(new App(), 'other', { namespace: 'platform' }));
  new SnapshotInventory(chart, 'Second', { exporter: EXPORTER });
  expect(objectsOf(chart, 'ConfigMap')).toHaveLength(1);
});

test('can be patched', () => {
  const chart = newChart({ namespace: 'platform' });
  const made = new SnapshotInventory(chart, 'Inventory', { exporter: EXPORTER });
  ApiObject.of(made).addJsonPatch(JsonPatch.replace('/spec/jobTemplate/spec/backoffLimit', 0));
  expect(objectOf(chart, 'CronJob').spec.jobTemplate.spec.backoffLimit).toBe(0);
});

test.each<[Partial<SnapshotInventoryProps>, RegExp]>([
  [{ namespaces: [] }, /'namespaces': nothing would be listed/],
  [{ namespaces: ['Shop'] }, /'namespaces': not a valid name/],
  [{ namespaces: 'shop' as any }, /'namespaces': not a list/],
  [{ minimumSnapshots: -1 }, /'minimumSnapshots': out of range/],
  [{ minimumSnapshots: 1.5 }, /'minimumSnapshots': out of range/],
  [{ timeout: Duration.seconds(5) }, /'timeout': out of range/],
  [{ timeZone: 'Mars/Olympus' }, /'timeZone'/],
  [{ schedule: Cron.schedule({ minute: '99' }) }, /'schedule'/],
  [{ suspend: 'false' as any }, /'suspend': not a boolean/],
  [{ serviceAccountAnnotations: { 'a b': 'c' } }, /'serviceAccountAnnotations': not a valid key/],
  [{ metadata: { name: 'x'.repeat(53) } }, /'metadata\.name': 53 characters are too many/],
  [{ minimumSnapshot: 3 } as any, /'minimumSnapshot': no such prop, .* did you mean minimumSnapshots\?/],
])('%j is refused', (props, message) => {
  expect(() => render(props)).toThrow(message);
});

test('needs a namespace', () => {
  expect(() => render({}, newChart({}))).toThrow(/'metadata\.namespace': a cluster role binding must name the namespace of its service account/);
});
