import { ApiObject, App, Chart, Cron, Duration, Yaml } from 'cdk8s';
import { newChart, objectOf } from './manifests';
import { Quiesce, VeleroHook, VeleroSchedule, VeleroScheduleProps, VeleroVolumes } from '../src';

function render(props: Partial<VeleroScheduleProps> = {}, chart = newChart()): any {
  new VeleroSchedule(chart, 'OffSite', { schedule: Cron.schedule({ hour: '4', minute: '30' }), ...props });
  return objectOf(chart, 'Schedule');
}

test('renders what it is told', () => {
  const schedule = render({
    metadata: { name: 'shop-off-site' },
    timeZone: 'Europe/Berlin',
    includedNamespaces: ['shop'],
    volumes: VeleroVolumes.moved(),
    timeToLive: Duration.days(30),
    backupLabels: { tier: 'gold' },
    paused: true,
    skipImmediately: false,
    useOwnerReferences: true,
  });
  expect(Yaml.stringify(schedule)).toMatchInlineSnapshot(`
"apiVersion: velero.io/v1
kind: Schedule
metadata:
  name: shop-off-site
  namespace: velero
spec:
  paused: true
  schedule: CRON_TZ=Europe/Berlin 30 4 * * *
  skipImmediately: false
  template:
    defaultVolumesToFsBackup: false
    includedNamespaces:
      - shop
    metadata:
      labels:
        tier: gold
    snapshotMoveData: true
    snapshotVolumes: true
    ttl: 720h
  useOwnerReferencesInBackup: true
"
`);
});

test('is in UTC, runs, waits for its time, and keeps its backups unless told otherwise', () => {
  expect(render().spec).toEqual({
    schedule: 'CRON_TZ=Etc/UTC 30 4 * * *', paused: false, skipImmediately: true, useOwnerReferencesInBackup: false, template: { metadata: { labels: {} } },
  });
});

test('gives its backups no label of its own, by which Argo CD would take them for objects of Git, and prune them', () => {
  const schedule = render({ metadata: { labels: { 'app.kubernetes.io/instance': 'shop' } } });
  expect(schedule.metadata.labels).toEqual({ 'app.kubernetes.io/instance': 'shop' });
  expect(schedule.spec.template.metadata).toEqual({ labels: {} });
});

test('holds applications by the hooks of each backup', () => {
  const { hooks } = render({ hooks: [VeleroHook.fromQuiesce(Quiesce.mariaDb(), { podLabels: { app: 'db' } })] }).spec.template;
  expect(hooks.resources).toMatchObject([{ name: 'quiesce', labelSelector: { matchLabels: { app: 'db' } } }]);
});

test('a backup may be kept until the next one, and no longer', () => {
  expect(render({ schedule: Cron.schedule({ hour: '4', minute: '0', weekDay: '1-5' }), timeToLive: Duration.days(3) }).spec.template.ttl).toBe('72h');
});

test('the Schedule is the default child, with a stable name, in the namespace of Velero', () => {
  const schedule = new VeleroSchedule(newChart({ namespace: 'shop' }), 'OffSite', { schedule: Cron.daily() });
  expect(ApiObject.of(schedule).kind).toBe('Schedule');
  expect([schedule.name, schedule.namespace]).toEqual(['test-offsite-c822b2bd', 'velero']);
});

test.each<[string, object, string]>([
  ['a schedule that never runs', { schedule: Cron.schedule({ day: '30', month: '2' }) }, "'schedule': never runs"],
  [
    'a time after which there is no backup over the weekend', { schedule: Cron.schedule({ hour: '4', minute: '0', weekDay: '1-5' }), timeToLive: Duration.days(2) },
    "'timeToLive': each backup would be gone before the next is taken, and there would be none in between, got 2 days; allowed at least the longest time between two runs, 3 days;",
  ],
  ['a time shorter than between two of every', { schedule: { expressionString: '@every 6h' }, timeToLive: Duration.hours(5) }, 'the longest time between two runs, 6 hours'],
  ["Velero's own word for how long a backup is kept", { ttl: '720h' }, "'ttl': a field of Velero, and no prop, got '720h';"],
  ["Velero's own word for what is in a backup", { template: {} }, "'template': a field of Velero, and no prop"],
  ['a zone that is none', { timeZone: 'CEST' }, "'timeZone': not a zone but at most an abbreviation, got 'CEST'"],
  ['text for a boolean', { paused: 'false' }, "'paused': not a boolean"],
  ['a label that is none', { backupLabels: { a: '!' } }, "'backupLabels': not a valid value of the label 'a'"],
  ['what no backup may have', { includedNamespaces: [] }, "'includedNamespaces': empty"],
])('throws for %s', (_, props, message) => {
  expect(() => render(props as VeleroScheduleProps, new Chart(new App(), 'throws'))).toThrow(message);
});
