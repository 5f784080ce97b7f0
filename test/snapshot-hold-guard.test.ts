import { ApiObject, App, Chart, JsonPatch, Yaml } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { newChart, objectOf } from './manifests';
import { SnapshotHoldGuard, SnapshotHoldGuardProps, SnapshotSubject } from '../src';

const jane = SnapshotSubject.user('jane@example.com');
const legal = SnapshotSubject.group('oidc:legal');
const robot = SnapshotSubject.serviceAccount('release', 'ops');

/** The two objects of a platform chart. */
function render(props: Partial<SnapshotHoldGuardProps> = {}, chart = newChart({})): Chart {
  new SnapshotHoldGuard(chart, 'HoldGuard', { releasers: [legal], ...props });
  return chart;
}

/** What the API server lets through. */
function policy(...releasers: SnapshotSubject[]): any {
  return objectOf(render(releasers.length > 0 ? { releasers } : {}), 'ValidatingAdmissionPolicy').spec;
}

/** To whom the guard does not apply. */
function exempt(...releasers: SnapshotSubject[]): string {
  return policy(...releasers).matchConditions[0].expression;
}

test('renders the policy and its binding', () => {
  expect(Yaml.stringify(...render({ releasers: [legal, jane, robot], namespaces: ['shop'] }).toJson())).toMatchInlineSnapshot(`
"apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: cdk8s-volume-snapshots-hold-guard
spec:
  failurePolicy: Fail
  matchConditions:
    - expression: "!(request.userInfo.username in ['jane@example.com', 'system:serviceaccount:ops:release'] || request.userInfo.?groups.orValue([]).exists(group, group in ['oidc:legal']))"
      name: not-a-releaser
  matchConstraints:
    resourceRules:
      - apiGroups:
          - snapshot.storage.k8s.io
        apiVersions:
          - "*"
        operations:
          - UPDATE
          - DELETE
        resources:
          - volumesnapshots
        scope: "*"
      - apiGroups:
          - groupsnapshot.storage.k8s.io
        apiVersions:
          - "*"
        operations:
          - UPDATE
          - DELETE
        resources:
          - volumegroupsnapshots
        scope: "*"
  validations:
    - expression: request.operation != 'DELETE' || variables.holds.size() == 0
      message: held by cdk8s-volume-snapshots/hold; only group oidc:legal or user jane@example.com or service account ops/release may delete it
      messageExpression: "'held by cdk8s-volume-snapshots/hold=' + variables.holds[0] + '; only group oidc:legal or user jane@example.com or service account ops/release may delete it'"
    - expression: |-
        request.operation == 'DELETE' || variables.holds.size() == 0 || (
        (object.metadata.?labels[?'cdk8s-volume-snapshots/hold'].orValue('false') != 'false' || object.metadata.?labels[?'cdk8s-volume-snapshots/hold'] == oldObject.metadata.?labels[?'cdk8s-volume-snapshots/hold']) &&
        (object.metadata.?annotations[?'cdk8s-volume-snapshots/hold'].orValue('false') != 'false' || object.metadata.?annotations[?'cdk8s-volume-snapshots/hold'] == oldObject.metadata.?annotations[?'cdk8s-volume-snapshots/hold']))
      message: only group oidc:legal or user jane@example.com or service account ops/release may take away cdk8s-volume-snapshots/hold, or set it to false
    - expression: |-
        request.operation == 'DELETE' || variables.dates.size() == 0 || (
        object.metadata.?labels[?'cdk8s-volume-snapshots/hold-until'] == oldObject.metadata.?labels[?'cdk8s-volume-snapshots/hold-until'] &&
        object.metadata.?annotations[?'cdk8s-volume-snapshots/hold-until'] == oldObject.metadata.?annotations[?'cdk8s-volume-snapshots/hold-until'])
      message: only group oidc:legal or user jane@example.com or service account ops/release may take away or change cdk8s-volume-snapshots/hold-until
  variables:
    - expression: "[?oldObject.metadata.?labels[?'cdk8s-volume-snapshots/hold'], ?oldObject.metadata.?annotations[?'cdk8s-volume-snapshots/hold']].filter(hold, hold != 'false')"
      name: holds
    - expression: "[?oldObject.metadata.?labels[?'cdk8s-volume-snapshots/hold-until'], ?oldObject.metadata.?annotations[?'cdk8s-volume-snapshots/hold-until']]"
      name: dates
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: cdk8s-volume-snapshots-hold-guard
spec:
  matchResources:
    namespaceSelector:
      matchExpressions:
        - key: kubernetes.io/metadata.name
          operator: In
          values:
            - shop
  policyName: cdk8s-volume-snapshots-hold-guard
  validationActions:
    - Deny
"
`);
});

describe('contract', () => {
  test('the policy is the default child', () => {
    expect(ApiObject.of(new SnapshotHoldGuard(newChart({}), 'HoldGuard', { releasers: [legal] })).kind).toBe('ValidatingAdmissionPolicy');
  });

  test('both objects have one fixed name, so that a second guard in the cluster replaces the first', () => {
    const app = new App();
    for (const [chart, id] of [['platform', 'HoldGuard'], ['other', 'Again']]) {
      expect(new SnapshotHoldGuard(new Chart(app, `${chart}2`), id, { releasers: [legal] }).name).toBe('cdk8s-volume-snapshots-hold-guard');
      expect(render({}, new Chart(app, chart)).toJson().map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
        'ValidatingAdmissionPolicy cdk8s-volume-snapshots-hold-guard',
        'ValidatingAdmissionPolicyBinding cdk8s-volume-snapshots-hold-guard',
      ]);
    }
  });

  test('the ids of the path do not matter', () => {
    expect(() => render({}, new Chart(new App(), 'my_platform'))).not.toThrow();
  });

  test('metadata is respected, the reference included', () => {
    const chart = render({ metadata: { name: 'guard', labels: { team: 'platform' }, annotations: { note: 'x' } } });
    for (const { metadata } of chart.toJson()) {
      expect(metadata).toEqual({ name: 'guard', labels: { team: 'platform' }, annotations: { note: 'x' } });
    }
    expect(objectOf(chart, 'ValidatingAdmissionPolicyBinding').spec.policyName).toBe('guard');
  });

  test('no object has a namespace, though the chart has one', () => {
    for (const { metadata } of render({}, newChart()).toJson()) { expect(metadata).not.toHaveProperty('namespace'); }
  });

  test('a patch survives', () => {
    const chart = newChart();
    ApiObject.of(new SnapshotHoldGuard(chart, 'HoldGuard', { releasers: [legal] })).addJsonPatch(JsonPatch.add('/metadata/labels', { patched: 'yes' }));
    expect(objectOf(chart, 'ValidatingAdmissionPolicy').metadata.labels).toEqual({ patched: 'yes' });
  });

  test('synth fails when one chart has two, of which one would undo the other', () => {
    const chart = render();
    new SnapshotHoldGuard(chart, 'Again', { releasers: [jane] });
    expect(() => chart.toJson()).toThrow("[test/Again/Resource] 'metadata.name': the ValidatingAdmissionPolicy at test/HoldGuard/Resource has the same name");
  });

  test('two of different names are two guards', () => {
    const chart = render({ namespaces: ['shop'] });
    new SnapshotHoldGuard(chart, 'Wiki', { releasers: [jane], namespaces: ['wiki'], metadata: { name: 'wiki-hold-guard' } });
    expect(chart.toJson()).toHaveLength(4);
  });
});

describe('the guard', () => {
  test('is closed if it cannot be evaluated', () => {
    expect(policy().failurePolicy).toBe('Fail');
  });

  test('is bound, and denies', () => {
    expect(objectOf(render(), 'ValidatingAdmissionPolicyBinding').spec).toEqual({ policyName: 'cdk8s-volume-snapshots-hold-guard', validationActions: ['Deny'] });
  });

  test('is around changes and deletions of snapshots and groups in every version of the API, and not around their status, which the controller writes', () => {
    expect(policy().matchConstraints.resourceRules).toMatchObject([
      { apiGroups: ['snapshot.storage.k8s.io'], apiVersions: ['*'], operations: ['UPDATE', 'DELETE'], resources: ['volumesnapshots'] },
      { apiGroups: ['groupsnapshot.storage.k8s.io'], apiVersions: ['*'], operations: ['UPDATE', 'DELETE'], resources: ['volumegroupsnapshots'] },
    ]);
  });

  test('says the scope that the API server would add, or kubectl apply would call it changed each time', () => {
    expect(policy().matchConstraints.resourceRules).toMatchObject([{ scope: '*' }, { scope: '*' }]);
  });

  test('stands in the namespaces that are named, and in no other', () => {
    expect(objectOf(render({ namespaces: ['shop', 'wiki'] }), 'ValidatingAdmissionPolicyBinding').spec.matchResources).toEqual({
      namespaceSelector: { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: ['shop', 'wiki'] }] },
    });
  });

  test('takes a label or an annotation for a hold, with any value but false, the empty one included', () => {
    expect(policy().variables).toContainEqual({
      name: 'holds',
      expression: "[?oldObject.metadata.?labels[?'cdk8s-volume-snapshots/hold'], ?oldObject.metadata.?annotations[?'cdk8s-volume-snapshots/hold']]"
        + ".filter(hold, hold != 'false')",
    });
  });

  test('has three rules', () => {
    expect(policy().validations).toHaveLength(3);
  });

  test('refuses to delete what is held, and says why and who may; a date alone does not keep it, since the schedule could not prune it then', () => {
    expect(policy().validations[0]).toEqual({
      expression: "request.operation != 'DELETE' || variables.holds.size() == 0",
      messageExpression: "'held by cdk8s-volume-snapshots/hold=' + variables.holds[0] + '; only group oidc:legal may delete it'",
      message: 'held by cdk8s-volume-snapshots/hold; only group oidc:legal may delete it',
    });
  });

  test('refuses to take away a hold as label or as annotation, and a false beside a hold', () => {
    const [labels, annotations] = ['labels', 'annotations'].map(place => `metadata.?${place}[?'cdk8s-volume-snapshots/hold']`);
    expect(policy().validations[1]).toEqual({
      expression: [
        "request.operation == 'DELETE' || variables.holds.size() == 0 || (",
        `(object.${labels}.orValue('false') != 'false' || object.${labels} == oldObject.${labels}) &&`,
        `(object.${annotations}.orValue('false') != 'false' || object.${annotations} == oldObject.${annotations}))`,
      ].join('\n'),
      message: 'only group oidc:legal may take away cdk8s-volume-snapshots/hold, or set it to false',
    });
  });

  test('refuses to take away or change a date, and to put a second one beside it', () => {
    const [labels, annotations] = ['labels', 'annotations'].map(place => `metadata.?${place}[?'cdk8s-volume-snapshots/hold-until']`);
    expect(policy().variables).toContainEqual({ name: 'dates', expression: `[?oldObject.${labels}, ?oldObject.${annotations}]` });
    expect(policy().validations[2]).toEqual({
      expression: [
        "request.operation == 'DELETE' || variables.dates.size() == 0 || (",
        `object.${labels} == oldObject.${labels} &&`,
        `object.${annotations} == oldObject.${annotations})`,
      ].join('\n'),
      message: 'only group oidc:legal may take away or change cdk8s-volume-snapshots/hold-until',
    });
  });
});

describe('a releaser', () => {
  test('is a person', () => {
    expect(exempt(jane)).toBe("!(request.userInfo.username in ['jane@example.com'])");
  });

  test('is a group', () => {
    expect(exempt(legal)).toBe("!(request.userInfo.?groups.orValue([]).exists(group, group in ['oidc:legal']))");
  });

  test('is a service account, as the API server calls it', () => {
    expect(exempt(robot)).toBe("!(request.userInfo.username in ['system:serviceaccount:ops:release'])");
  });

  test('is one of several, by name or by group', () => {
    expect(exempt(jane, legal, robot, SnapshotSubject.group('admins'))).toBe(
      "!(request.userInfo.username in ['jane@example.com', 'system:serviceaccount:ops:release']"
        + " || request.userInfo.?groups.orValue([]).exists(group, group in ['oidc:legal', 'admins']))",
    );
  });

  test('is named in what others are told, so that they know whom to ask', () => {
    expect(policy(jane, legal, robot).validations[1].message).toMatch(/^only user jane@example.com or group oidc:legal or service account ops\/release may /);
  });

  test('is followed when the name of the service account is patched later, or it could not release', () => {
    const chart = newChart();
    const account = new kplus.ServiceAccount(chart, 'Robot');
    render({ releasers: [SnapshotSubject.fromServiceAccount(account)] }, chart);
    ApiObject.of(account).addJsonPatch(JsonPatch.replace('/metadata/name', 'renamed'));
    expect(objectOf(chart, 'ValidatingAdmissionPolicy').spec.matchConditions[0].expression)
      .toBe("!(request.userInfo.username in ['system:serviceaccount:db:renamed'])");
  });

  test('is not added by a change of the list that was given', () => {
    const releasers = [legal];
    const chart = render({ releasers });
    releasers.push(jane);
    expect(Yaml.stringify(...chart.toJson())).not.toContain('jane');
  });

  test.each([
    ['a quote', "o'hara", "'o\\'hara'"],
    ['a quote of the other kind', 'the "boss"', "'the \\\"boss\\\"'"],
    ['a backslash, as names of Windows domains have', 'CORP\\jane', "'CORP\\\\jane'"],
    ['a backslash before a quote', "x\\' || true || '", "'x\\\\\\' || true || \\''"],
    ['a new line', 'a\nb', "'a\\nb'"],
    ['what YAML takes for a new line', 'a\u2028b\u0085c', "'a\\u2028b\\u0085c'"],
    ['letters of any language', 'rené 田中', "'rené 田中'"],
  ])('whose name has %s is that name in CEL, and nothing more', (_, name, literal) => {
    expect(exempt(SnapshotSubject.user(name))).toBe(`!(request.userInfo.username in [${literal}])`);
    expect(exempt(SnapshotSubject.group(name))).toBe(`!(request.userInfo.?groups.orValue([]).exists(group, group in [${literal}]))`);
  });

  test('whose name has quotes does not end the text of a message, which stays one line', () => {
    const { message, messageExpression } = policy(SnapshotSubject.user("a'\nb")).validations[0];
    expect(messageExpression).toBe("'held by cdk8s-volume-snapshots/hold=' + variables.holds[0] + '; only user a\\'\\\\nb may delete it'");
    expect(message).toBe("held by cdk8s-volume-snapshots/hold; only user a'\\nb may delete it");
  });
});

describe('throws', () => {
  test('outside a chart, and names the path', () => {
    expect(() => new SnapshotHoldGuard(new Construct(new App(), 'group'), 'HoldGuard', { releasers: [legal] }))
      .toThrow("[group/HoldGuard] 'scope': not in a chart");
  });

  test.each([
    [
      'when nobody could release', { releasers: [] },
      "'releasers': nobody could release a hold, got []; allowed at least one subject; name who may, for example [SnapshotSubject.group('...')]",
    ],
    [
      'when nothing would be guarded', { namespaces: [] },
      "'namespaces': nothing would be guarded, got []; allowed at least one namespace; leave it out to mean all",
    ],
    ['when a namespace is not valid', { namespaces: ['db', 'We b'] }, "'namespaces': not a valid name, got 'We b'"],
    ['when a name is not valid', { metadata: { name: 'Guard' } }, "'metadata.name': not a valid name, got 'Guard'"],
    [
      'when told a namespace for what has none', { metadata: { namespace: 'db' } },
      "'metadata.namespace': the object belongs to the cluster and has no namespace, got 'db'; allowed no namespace; leave it out",
    ],
  ])('%s', (_, props, message) => {
    expect(() => render(props)).toThrow(`[test/HoldGuard] ${message}`);
  });
});

test.each<[string, object, RegExp]>([
  ['the namespaces are one text', { namespaces: 'db' }, /'namespaces': not a list, got 'db';/],
  ['everybody may release', { releasers: [SnapshotSubject.group('system:authenticated')] }, /'releasers': everybody could release a hold, got 'system:authenticated'; allowed the few who may; /],
  ['the releasers are one subject', { releasers: legal }, /'releasers': not a list, got /],
  ['a releaser is a name', { releasers: ['jane'] }, /'releasers': not a SnapshotSubject, got 'jane'; .*SnapshotSubject.user/],
  ['the releasers are left out', { releasers: undefined }, /'releasers': nobody could release a hold, got undefined;/],
  ['a prop is misspelled', { releaser: [legal] }, /'releaser': no such prop, .*; did you mean releasers\?$/],
])('in a language without types, throws when %s', (_, props, problem) => {
  expect(() => render(props)).toThrow(problem);
});
