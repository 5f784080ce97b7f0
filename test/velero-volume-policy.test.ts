import { ApiObject, App, Chart, Size, Yaml } from 'cdk8s';
import { parse } from 'yaml';
import { newChart, objectOf } from './manifests';
import { VeleroVolumeAction, VeleroVolumePolicy, VeleroVolumePolicyProps, VeleroVolumeRule, VeleroVolumeType } from '../src';

const { SKIP, SNAPSHOT, FS_BACKUP } = VeleroVolumeAction;

function render(props: VeleroVolumePolicyProps, chart = newChart()): any {
  new VeleroVolumePolicy(chart, 'Policy', props);
  return objectOf(chart, 'ConfigMap');
}

const rulesOf = (...rules: VeleroVolumeRule[]): any[] => {
  const [[, text]] = Object.entries<string>(render({ rules }).data);
  return parse(text).volumePolicies;
};

test('renders every condition as Velero reads it', () => {
  expect(Yaml.stringify(render({
    metadata: { name: 'volumes' },
    rules: [
      { action: SKIP, minimumSize: Size.gibibytes(1), maximumSize: Size.tebibytes(2), storageClassNames: ['scratch', 'tmp'] },
      { action: FS_BACKUP, volumeTypes: [VeleroVolumeType.NFS, VeleroVolumeType.EMPTY_DIR], nfs: { server: '10.0.0.1', path: '/export' } },
      { action: SNAPSHOT, csiDriverName: 'ebs.csi.aws.com', volumeAttributes: { tier: 'gold' }, claimLabels: { backup: 'yes' } },
      { action: SKIP, allVolumes: true },
    ],

  }))).toMatchInlineSnapshot(`
"apiVersion: v1
kind: ConfigMap
metadata:
  name: volumes
  namespace: velero
data:
  policy.yaml: |
    version: v1
    volumePolicies:
      - conditions:
          capacity: 1Gi,2Ti
          storageClass:
            - scratch
            - tmp
        action:
          type: skip
      - conditions:
          nfs:
            server: 10.0.0.1
            path: /export
          volumeTypes:
            - nfs
            - emptyDir
        action:
          type: fs-backup
      - conditions:
          csi:
            driver: ebs.csi.aws.com
            volumeAttributes:
              tier: gold
          pvcLabels:
            backup: "yes"
        action:
          type: snapshot
      - conditions: {}
        action:
          type: skip
"
`);
});

test.each<[VeleroVolumeRule, string]>([
  [{ action: SKIP, minimumSize: Size.gibibytes(100) }, '100Gi,'],
  [{ action: SKIP, maximumSize: Size.mebibytes(500) }, ',500Mi'],
])('a size without the other end has none: %j', (rule, capacity) => {
  expect(rulesOf(rule)).toEqual([{ conditions: { capacity }, action: { type: 'skip' } }]);
});

test('is one key, or Velero refuses it', () => {
  expect(Object.keys(render({ rules: [{ action: SKIP, allVolumes: true }] }).data)).toHaveLength(1);
});

test('the ConfigMap is the default child, with a stable name, in the namespace of Velero', () => {
  const policy = new VeleroVolumePolicy(newChart({ namespace: 'shop' }), 'Policy', { rules: [{ action: SNAPSHOT }] });
  expect(ApiObject.of(policy).kind).toBe('ConfigMap');
  expect([policy.configMapName, policy.namespace]).toEqual(['test-policy-c89ef47f', 'velero']);
});

test.each<[string, object[], string]>([
  ['no rule', [], "'rules': it would say nothing"],
  ['a rule that hides others', [{ action: FS_BACKUP }, { action: SNAPSHOT, csiDriverName: 'a' }], "'rules[0]': it has no condition, so that rules after it are never reached"],
  ['a rule without action', [{ storageClassNames: ['a'] }], "'rules[0].action': missing"],
  ['an action that is none', [{ action: 'delete' }], "'rules[0].action': not a member of the enum"],
  ['sizes the wrong way round', [{ action: SKIP, minimumSize: Size.gibibytes(2), maximumSize: Size.gibibytes(1) }], "'rules[0].maximumSize': less than minimumSize, 2Gi"],
  ['a greatest size of nothing', [{ action: SKIP, maximumSize: Size.gibibytes(0) }], "'rules[0].maximumSize': Velero reads zero as no limit"],
  ['attributes of no driver', [{ action: SKIP, volumeAttributes: { a: 'b' } }], "'rules[0].volumeAttributes': attributes are those of a driver"],
  ['an empty list', [{ action: SKIP, storageClassNames: [] }], "'rules[0].storageClassNames': empty, which Velero reads as any"],
  ['labels that are none, which would leave out every volume', [{ action: SKIP, claimLabels: {} }], "'rules[0].claimLabels': empty, which Velero reads as any"],
  ['a driver without a name', [{ action: SKIP, csiDriverName: '' }], "'rules[0].csiDriverName': empty, which Velero reads as any"],
  ['attributes that are none', [{ action: SKIP, csiDriverName: 'a', volumeAttributes: {} }], "'rules[0].volumeAttributes': empty, which Velero reads as any"],
  ['a least size of nothing', [{ action: SKIP, minimumSize: Size.gibibytes(0) }], "'rules[0].minimumSize': empty, which Velero reads as any"],
  ['a type that is none', [{ action: SKIP, volumeTypes: ['floppy'] }], "'rules[0].volumeTypes': not a member of the enum"],
  [
    'a skip whose condition is not there, which would leave out every volume', [{ action: SKIP, storageClassNames: undefined }],
    "'rules[0]': without a condition every volume is left out, got {\"action\":\"skip\"}; allowed a condition, or allVolumes: true; give it a condition, or say in words",
  ],
  ['all volumes and some', [{ action: SKIP, allVolumes: true, csiDriverName: 'a' }], "'rules[0].allVolumes': it has conditions too, got [\"csi\"]"],
  ['a condition by the word that Velero has for it, which would leave out every volume', [{ action: SKIP, storageClasses: ['a'] }], "'rules[0].storageClasses': no such prop"],
  ['a misspelt condition', [{ action: SKIP, storageClassName: ['a'] }], "'rules[0].storageClassName': no such prop"],
])('throws for %s', (_, rules, message) => {
  expect(() => render({ rules: rules as VeleroVolumeRule[] }, new Chart(new App(), 'throws'))).toThrow(message);
});
