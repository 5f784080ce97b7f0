import { ApiObject, App, Chart, JsonPatch } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import {
  apiObjectOf, chartOf, clusterScoped, definedMetadata, finalName, namespaceOf, requireMetadata, requireNoNamespace,
} from '../../src/private/api';
import { newChart } from '../manifests';

function object(scope: Construct, metadata?: object, id = 'Object'): ApiObject {
  return new ApiObject(scope, id, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
}

describe('chart of a construct', () => {
  test('is found at any depth', () => {
    const chart = newChart();
    expect(chartOf(chart)).toBe(chart);
    expect(chartOf(new Construct(new Construct(chart, 'A'), 'B'))).toBe(chart);
  });

  test('is the nearest', () => {
    const inner = new Chart(newChart(), 'inner');
    expect(chartOf(new Construct(inner, 'A'))).toBe(inner);
  });

  test('throws where there is none, with the path that cdk8s leaves out', () => {
    expect(() => chartOf(new Construct(new Construct(new App(), 'group'), 'A'))).toThrow(
      "[group/A] 'scope': not in a chart, got 'group/A'; allowed a Chart or a construct below one; create the construct with a chart as its scope",
    );
  });
});

describe('namespace of a construct', () => {
  test('is that of metadata, else of the chart, else not known', () => {
    expect(namespaceOf(newChart(), { namespace: 'web' })).toBe('web');
    expect(namespaceOf(newChart())).toBe('db');
    expect(namespaceOf(newChart({}), {})).toBeUndefined();
  });

  test('is not that of the chart around its chart, as in cdk8s', () => {
    expect(namespaceOf(new Chart(newChart(), 'inner'))).toBeUndefined();
  });
});

describe('metadata', () => {
  const scope = (id = 'A') => new Construct(newChart(), id);

  test('may be left out', () => {
    expect(() => requireMetadata(scope(), undefined)).not.toThrow();
    expect(() => requireMetadata(scope(), {})).not.toThrow();
  });

  test.each([
    ['metadata.name', { name: 'A' }], ['metadata.namespace', { namespace: 'a.b' }], ['metadata.labels', { labels: { a: '-' } }],
    ['metadata.annotations', { annotations: { '-': 'x' } }],
  ])('throws when its %s is not valid', (prop, metadata) => {
    expect(() => requireMetadata(scope(), metadata)).toThrow(`[test/A] '${prop}': not a valid`);
  });

  test('throws when the name is longer than the place for it', () => {
    expect(() => requireMetadata(scope(), { name: 'abcd' }, 3)).toThrow("[test/A] 'metadata.name': 4 characters are too many, got 'abcd'; allowed at most 3");
  });

  test.each(['snake_case', 'dot.', '.dot'])('throws when ids make no valid name: %s', id => {
    expect(() => requireMetadata(scope(id), undefined)).toThrow(/^\[test\/.*\] 'metadata.name': not a valid name, got 'test-.*'; .*; rename the construct, or give it a name$/);
    expect(() => requireMetadata(scope(id), { name: 'good' })).not.toThrow();
  });

  test.each(['Camel', 'with space', 'Ümlaut', 'a--b', '-a-', 'v1.2'])('makes a valid name of %s', id => {
    const construct = scope(id);
    expect(() => requireMetadata(construct, undefined)).not.toThrow();
    expect(object(construct, undefined, 'Resource').name).toMatch(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
  });

  test('throws outside a chart', () => {
    expect(() => requireMetadata(new Construct(new App(), 'A'), undefined)).toThrow("[A] 'scope': not in a chart");
  });

  test('loses what is undefined, which cdk8s would write', () => {
    expect(definedMetadata({ name: undefined, labels: { a: 'b' } })).toEqual({ labels: { a: 'b' } });
    expect(Object.keys(definedMetadata({ name: undefined }))).toEqual([]);
    expect(definedMetadata(undefined)).toEqual({});
  });
});

describe('object of a construct', () => {
  test('is itself, or that of a construct of cdk8s-plus', () => {
    const chart = newChart();
    expect(apiObjectOf('x', 'p', object(chart), 'ConfigMap').node.path).toBe('test/Object');
    expect(apiObjectOf('x', 'p', new kplus.ConfigMap(chart, 'Plus'), 'ConfigMap').node.path).toBe('test/Plus/Resource');
  });

  test('throws when it is of another kind', () => {
    expect(() => apiObjectOf('x', 'p', object(newChart(), { name: 'a' }), 'Secret'))
      .toThrow("[x] 'p': not a Secret, got 'ConfigMap 'a' at test/Object'; allowed a construct whose object is a Secret; pass the Secret, or its name");
  });

  test('throws when there is none', () => {
    expect(() => apiObjectOf(newChart(), 'p', new Construct(newChart(), 'Empty'), 'Secret')).toThrow("[test] 'p': not a Secret, got 'Construct at test/Empty'");
  });
});

test('the final name counts patches', () => {
  const it = object(newChart(), { name: 'before' });
  expect(finalName(it)).toBe('before');
  it.addJsonPatch(JsonPatch.replace('/metadata/name', 'after'));
  expect(finalName(it)).toBe('after');
});

describe('an object of the cluster', () => {
  test.each([['of the chart', { namespace: 'db' }, {}], ['of its own', {}, { namespace: 'web' }], ['at all', {}, {}]])('has no namespace %s', (_, chartProps, metadata) => {
    expect(clusterScoped(object(newChart(chartProps), metadata)).toJson().metadata).not.toHaveProperty('namespace');
  });

  test('throws when the user names one', () => {
    expect(() => requireNoNamespace(newChart(), { namespace: 'db' })).toThrow(
      "[test] 'metadata.namespace': the object belongs to the cluster and has no namespace, got 'db'; allowed no namespace; leave it out",
    );
    expect(() => requireNoNamespace(newChart(), {})).not.toThrow();
    expect(() => requireNoNamespace(newChart(), undefined)).not.toThrow();
  });
});
