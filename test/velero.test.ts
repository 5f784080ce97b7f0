import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';
import { Chart } from 'cdk8s';
import { parse } from 'yaml';
import { newChart, objectOf } from './manifests';
import { Velero, VeleroOptions, VeleroProps } from '../src';

const AWS = 'velero/velero-plugin-for-aws:v1.14.2';
const valuesOf = (options: Partial<VeleroOptions> = {}) => parse(Velero.values({ plugins: [AWS], ...options }));

test('the values are what CSI snapshots need, and no secret', () => {
  expect(Velero.values({ plugins: [AWS], credentialsSecretName: 'velero-aws' })).toMatchInlineSnapshot(`
"initContainers:
  - name: velero-plugin-for-aws
    image: velero/velero-plugin-for-aws:v1.14.2
    imagePullPolicy: IfNotPresent
    volumeMounts:
      - name: plugins
        mountPath: /target
configuration:
  features: EnableCSI
  backupStorageLocation: []
  volumeSnapshotLocation: []
backupsEnabled: false
snapshotsEnabled: false
credentials:
  useSecret: true
  existingSecret: velero-aws
deployNodeAgent: true
upgradeCRDs: false
cleanUpCRDs: false
"
`);
});

describe('the values', () => {
  test('ask for no Secret where the pods have an identity of the cloud', () => {
    expect(valuesOf().credentials).toEqual({ useSecret: false });
  });

  test('leave the node agent out if nothing is moved', () => {
    expect(valuesOf({ nodeAgent: false }).deployNodeAgent).toBe(false);
  });

  test.each([
    ['registry.example.com:5000/velero/velero:v1.18.3', { repository: 'registry.example.com:5000/velero/velero', tag: 'v1.18.3' }],
    [`velero/velero:v1.18.3@sha256:${'0'.repeat(64)}`, { repository: 'velero/velero', digest: `sha256:${'0'.repeat(64)}` }],
  ])('name the image %s in the parts of the chart', (image, parts) => {
    expect(valuesOf({ image, imagePullSecrets: ['mirror'] }).image).toEqual({ ...parts, imagePullSecrets: ['mirror'] });
  });

  test('give each plugin a name of its own', () => {
    const { initContainers } = valuesOf({ plugins: [AWS, `registry.example.com:5000/my/Other_Plugin@sha256:${'a'.repeat(64)}`.toLowerCase()] });
    expect(initContainers.map(({ name }: any) => name)).toEqual(['velero-plugin-for-aws', 'other-plugin']);
  });

  test('call the container of a plugin what Kubernetes accepts, whatever the image is called', () => {
    const { initContainers } = valuesOf({ plugins: ['Foo/Velero__Plugin.x_:1', `registry.example.com/${'p'.repeat(62)}-x-y:1`] });
    expect(initContainers.map(({ name }: any) => name)).toEqual(['velero-plugin-x', 'p'.repeat(62)]);
  });

  test('that are undefined take nothing away, and storage locations of the chart are there if it makes backups', () => {
    const backupStorageLocation = [{ name: 'default', bucket: 'b' }];
    expect(valuesOf({ values: { backupsEnabled: true, configuration: { features: undefined, backupStorageLocation } } }))
      .toMatchObject({ backupsEnabled: true, configuration: { features: 'EnableCSI', backupStorageLocation } });
  });

  test('of the user win, by key', () => {
    const values = valuesOf({ values: { configuration: { features: 'EnableCSI,EnableAPIGroupVersions', logLevel: 'debug' }, resources: { limits: { memory: '1Gi' } } } });
    expect(values.configuration).toEqual({ features: 'EnableCSI,EnableAPIGroupVersions', logLevel: 'debug', backupStorageLocation: [], volumeSnapshotLocation: [] });
    expect(values.resources).toEqual({ limits: { memory: '1Gi' } });
  });

  test.each<[string, object, string]>([
    ['no plugin', { plugins: [] }, "[Velero.values] 'plugins': without one Velero can store nothing"],
    ['an image without a tag', { plugins: ['velero/velero-plugin-for-aws'] }, "'plugins': not an image"],
    ['a plugin twice', { plugins: [AWS, 'other/velero-plugin-for-aws:v1'] }, "'plugins': two images have one name, got 'velero-plugin-for-aws'"],
    ['the plugin for CSI, which is built in', { plugins: [AWS, 'velero/velero-plugin-for-csi:v0.7.0'] }, "'plugins': it is part of Velero since 1.14"],
    ['what is in a Secret', { values: { credentials: { secretContents: { cloud: 'key' } } } }, "'values.credentials.secretContents': what is in a Secret would be in the manifest, got '…'"],
    ['what takes CSI away', { values: { configuration: { features: 'EnableAPIGroupVersions' } } }, "'values.configuration.features': without it Velero takes no CSI snapshots"],
    ['a Secret that cannot be', { credentialsSecretName: 'My Secret' }, "'credentialsSecretName': not a valid name"],
    ['a misspelt option', { plugin: [AWS] }, 'did you mean plugins?'],
    ['a Secret as a list', { values: { credentials: { extraEnvVars: [{ name: 'KEY', value: 'key' }] } } }, "'values.credentials.extraEnvVars': what is in a Secret would be in the manifest, got '…'"],
    ['a Secret as text', { values: { credentials: { secretContents: 'key' } } }, "'values.credentials.secretContents': what is in a Secret would be in the manifest, got '…'"],
    ['no configuration, in which CSI is', { values: { configuration: null } }, "'values.configuration.features': without it Velero takes no CSI snapshots, got undefined"],
    ['no features', { values: { configuration: { features: null } } }, "'values.configuration.features': without it Velero takes no CSI snapshots, got null"],
    ['a storage location that the chart would leave out', { values: { configuration: { backupStorageLocation: [{ bucket: 'b' }] } } }, "'values.configuration.backupStorageLocation': without backupsEnabled the chart leaves them out"],
    ['text as values', { values: 'a: b' }, "'values': not a map"],
  ])('throws for %s', (_, options, message) => {
    expect(() => valuesOf(options)).toThrow(message);
  });
});

describe('the chart', () => {
  let directory: string;
  beforeEach(() => { directory = mkdtempSync(join(tmpdir(), 'helm-')); });
  afterEach(() => rmSync(directory, { recursive: true }));

  /** A helm that renders what it is told to, and writes down what it was told. */
  function helm(manifests: string): string {
    writeFileSync(join(directory, 'manifests.yaml'), manifests);
    const program = join(directory, 'helm');
    writeFileSync(program, `#!/bin/sh
cd "${directory}"
echo "$@" > arguments
while [ $# -gt 0 ]; do [ "$1" = -f ] && cp "$2" values.yaml; shift; done
cat manifests.yaml
`);
    chmodSync(program, 0o755);
    return program;
  }

  const MANIFESTS = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: backups.velero.io, annotations: { controller-gen: v0.16 } }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: velero-server }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: velero, namespace: velero }
`;

  function render(props: Partial<VeleroProps> = {}): { velero: Velero; chart: Chart } {
    const chart = newChart({ namespace: 'platform' });
    const velero = new Velero(chart, 'Velero', { chart: 'charts/velero', plugins: [AWS], helmExecutable: helm(MANIFESTS), ...props });
    return { velero, chart };
  }

  const told = () => readFileSync(join(directory, 'arguments'), 'utf8').trim();

  test('is rendered with the values, its CRDs, and the namespace of Velero', () => {
    const { velero } = render({ credentialsSecretName: 'velero-aws' });
    expect(told().replace(/-f \S+/, '-f VALUES')).toBe('template -f VALUES --namespace velero --include-crds velero charts/velero');
    expect(readFileSync(join(directory, 'values.yaml'), 'utf8')).toBe(Velero.values({ plugins: [AWS], credentialsSecretName: 'velero-aws' }));
    expect(velero.namespace).toBe('velero');
    expect(velero.apiObjects.map(({ kind }) => kind)).toEqual(['CustomResourceDefinition', 'ClusterRoleBinding', 'Deployment']);
  });

  test('comes from a repository in one version', () => {
    render({ chart: 'velero', repo: 'https://vmware-tanzu.github.io/helm-charts', version: '12.1.0', namespace: 'backups', releaseName: 'main' });
    expect(told()).toMatch(/--repo https:\/\/vmware-tanzu.github.io\/helm-charts --version 12.1.0 --namespace backups --include-crds main velero$/);
  });

  test('keeps its CRDs, with which all backups would go, and gives no namespace to what has none', () => {
    const { chart } = render();
    expect(objectOf(chart, 'CustomResourceDefinition').metadata).toEqual({
      name: 'backups.velero.io',
      annotations: {
        'controller-gen': 'v0.16',
        'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
        'kustomize.toolkit.fluxcd.io/prune': 'disabled',
        'helm.sh/resource-policy': 'keep',
      },
    });
    expect(objectOf(chart, 'ClusterRoleBinding').metadata).toEqual({ name: 'velero-server' });
    expect(objectOf(chart, 'Deployment').metadata).toEqual({ name: 'velero', namespace: 'velero' });
  });

  test.each<[string, object, string]>([
    ['of no version, which would be another one tomorrow', { repo: 'https://example.com' }, "[test/Velero] 'version': the same program would render another chart tomorrow, got undefined"],
    ['of a range of versions', { chart: 'oci://example.com/velero', version: '^12.0.0' }, "'version': the same program"],
    ['without a name', { chart: '' }, "'chart': empty"],
    ['in no namespace', { namespace: 'a.b' }, "'namespace': not a valid name"],
    ['by a program that is not there', { helmExecutable: '/no/such/helm' }, "unable to execute '/no/such/helm' to render Helm chart"],
    ['without plugins', { plugins: [] }, "[test/Velero] 'plugins': without one Velero can store nothing"],
  ])('is not rendered %s', (_, props, message) => {
    expect(() => render(props)).toThrow(message);
  });

  test('is the same each time', () => {
    const text = () => JSON.stringify(render().chart.toJson());
    expect(text()).toBe(text());
  });
});
