import { ApiObject, App, Chart, Duration, Yaml } from 'cdk8s';
import { newChart, objectOf } from './manifests';
import { VeleroAccessMode, VeleroStorageLocation, VeleroStorageLocationProps } from '../src';

function render(props: Partial<VeleroStorageLocationProps> = {}, chart = newChart()): any {
  new VeleroStorageLocation(chart, 'Location', { provider: 'aws', bucket: 'backups', ...props });
  return objectOf(chart, 'BackupStorageLocation');
}

test('renders what it is told', () => {
  expect(Yaml.stringify(render({
    metadata: { name: 'frankfurt' },
    prefix: 'production/eu',
    config: { region: 'eu-central-1', s3ForcePathStyle: 'true', s3Url: 'https://s3.example.com' },
    credential: { name: 'velero-aws', key: 'cloud' },
    certificateAuthority: { name: 'authority', key: 'ca.crt' },
    accessMode: VeleroAccessMode.READ_ONLY,
    defaultLocation: false,
    backupSyncPeriod: Duration.minutes(2),
    validationFrequency: Duration.minutes(5),
  }))).toMatchInlineSnapshot(`
"apiVersion: velero.io/v1
kind: BackupStorageLocation
metadata:
  name: frankfurt
  namespace: velero
spec:
  accessMode: ReadOnly
  backupSyncPeriod: 2m
  config:
    region: eu-central-1
    s3ForcePathStyle: "true"
    s3Url: https://s3.example.com
  credential:
    key: cloud
    name: velero-aws
  default: false
  objectStorage:
    bucket: backups
    caCertRef:
      key: ca.crt
      name: authority
    prefix: production/eu
  provider: aws
  validationFrequency: 5m
"
`);
});

test('is written to, and is none that backups go to unless they name it', () => {
  expect(render().spec).toEqual({ provider: 'aws', objectStorage: { bucket: 'backups' }, accessMode: 'ReadWrite', default: false });
});

test('the location is the default child, with a stable name, in the namespace of Velero', () => {
  const location = new VeleroStorageLocation(newChart({ namespace: 'shop' }), 'Location', { provider: 'velero.io/aws', bucket: 'b' });
  expect(ApiObject.of(location).kind).toBe('BackupStorageLocation');
  expect([location.storageLocationName, location.namespace]).toEqual(['test-location-c8ac191b', 'velero']);
});

test('synth fails when a chart has two default ones', () => {
  const chart = newChart();
  for (const id of ['A', 'B']) { new VeleroStorageLocation(chart, id, { provider: 'aws', bucket: 'b', defaultLocation: true }); }
  expect(() => chart.toJson()).toThrow("[test/B/Resource] 'defaultLocation': the location at test/A/Resource is the default one too");
});

test('two Veleros in two namespaces have a default one each', () => {
  const chart = newChart();
  for (const namespace of ['a', 'b']) { new VeleroStorageLocation(chart, namespace, { provider: 'aws', bucket: 'b', defaultLocation: true, metadata: { namespace } }); }
  expect(chart.toJson()).toHaveLength(2);
});

test.each(['customerKeyEncryptionFile', 'storageAccountKeyEnvVar', 'kmsKeyId', 'credentialsFile', 'serviceAccount', 'storageAccount'])(
  'the configuration may say %s, which is no secret', name => {
    expect(render({ config: { [name]: 'x' } }).spec.config).toEqual({ [name]: 'x' });
  });

test.each<[string, object, string]>([
  ['a secret in the configuration, and does not repeat it', { config: { secretAccessKey: 'AKIA' } }, "'config.secretAccessKey': this looks like a secret, and manifests are read by many, got '…'"],
  ['a number in the configuration', { config: { s3ForcePathStyle: true } }, "'config.s3ForcePathStyle': not text, got true"],
  ['an address as a bucket', { bucket: 's3://backups/production' }, "'bucket': not the name of a bucket"],
  ['a folder with a slash too many', { prefix: '/production' }, "'prefix': not a folder"],
  ['what is in the Secret instead of its key', { credential: { name: 'velero', key: '[default]\naws_access_key_id=x' } }, "'credential.key': not a key of a Secret"],
  ['a mode that is none', { accessMode: 'WriteOnly' }, "'accessMode': not a member of the enum"],
  ['a provider that is left out', { provider: undefined }, "'provider': not text, got undefined"],
  ['a list as configuration', { config: ['a'] }, "'config': not a map, got [\"a\"]"],
  ['a default location that nothing is written to', { accessMode: 'ReadOnly', defaultLocation: true }, "'defaultLocation': backups that name no location would fail"],
  ['no provider', { provider: '' }, "'provider': not a valid name"],
  ['no time between looks', { backupSyncPeriod: Duration.seconds(0) }, "'backupSyncPeriod': out of range"],
])('throws for %s', (_, props, message) => {
  expect(() => render(props as VeleroStorageLocationProps, new Chart(new App(), 'throws'))).toThrow(message);
});
