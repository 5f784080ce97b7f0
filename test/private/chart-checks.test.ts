import { ApiObject, App, Chart, JsonPatch, Lazy } from 'cdk8s';
import { Construct } from 'constructs';
import { chartProblems, registerChartChecks } from '../../src/private/chart-checks';

const DEFAULT_CLASS = { 'snapshot.storage.kubernetes.io/is-default-class': 'true' };

function newChart(namespace?: string): Chart {
  return new Chart(new App(), 'test', { namespace });
}

interface Options {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly namespace?: string;
}

function object(scope: Construct, id: string, name: string | undefined, options: Options = {}): ApiObject {
  return new ApiObject(scope, id, {
    apiVersion: options.apiVersion ?? 'v1',
    kind: options.kind ?? 'ConfigMap',
    metadata: { name, namespace: options.namespace },
  });
}

function defaultClass(scope: Construct, id: string, driver: string): ApiObject {
  return new ApiObject(scope, id, { apiVersion: 'snapshot.storage.k8s.io/v1', kind: 'VolumeSnapshotClass', driver, metadata: { annotations: DEFAULT_CLASS } });
}

describe('registration', () => {
  test('checks a chart once, however many constructs ask', () => {
    const chart = newChart();
    registerChartChecks(new Construct(chart, 'A'));
    registerChartChecks(new Construct(new Construct(chart, 'B'), 'C'));
    object(chart, 'One', 'same');
    object(chart, 'Two', 'same');
    expect(chart.node.validate()).toHaveLength(1);
    expect(() => chart.toJson()).toThrow('[test/Two]');
  });

  test('sees objects that are added later', () => {
    const chart = newChart();
    registerChartChecks(chart);
    expect(chart.node.validate()).toEqual([]);
    object(chart, 'One', 'same');
    object(chart, 'Two', 'same');
    expect(chart.node.validate()).toHaveLength(1);
  });

  test('renders nothing', () => {
    const chart = newChart();
    registerChartChecks(chart);
    expect(chart.toJson()).toEqual([]);
  });

  test('checks each chart by itself, since two charts may be for two clusters', () => {
    const app = new App();
    for (const id of ['one', 'two']) {
      const chart = new Chart(app, id);
      registerChartChecks(chart);
      object(chart, 'Object', 'same');
      defaultClass(chart, 'Class', 'x');
    }
    expect(() => app.charts.map((chart) => chart.toJson())).not.toThrow();
  });

  test('throws when the construct is in no chart', () => {
    expect(() => registerChartChecks(new Construct(new App(), 'A'))).toThrow("[A] 'scope': not in a chart");
  });
});

describe('objects of the same name', () => {
  test('are named both', () => {
    const chart = newChart();
    object(chart, 'One', 'same', { namespace: 'prod' });
    object(chart, 'Two', 'same', { namespace: 'prod' });
    expect(chartProblems(chart)).toEqual([
      "[test/Two] 'metadata.name': the ConfigMap at test/One has the same name and namespace 'prod', got 'same'; "
      + 'allowed one object of a kind, namespace and name in a chart; rename one of the two',
    ]);
  });

  test('are found without a namespace and across versions of one API', () => {
    const chart = newChart();
    object(chart, 'One', 'same', { kind: 'CronJob', apiVersion: 'batch/v1' });
    object(chart, 'Two', 'same', { kind: 'CronJob', apiVersion: 'batch/v1beta1' });
    expect(chartProblems(chart)).toEqual([expect.stringMatching(/^\[test\/Two\] 'metadata.name': the CronJob at test\/One has the same name, got 'same';/)]);
  });

  test('are found if one of them has the namespace from the chart', () => {
    const chart = newChart('prod');
    object(chart, 'One', 'same');
    object(chart, 'Two', 'same', { namespace: 'prod' });
    expect(chartProblems(chart)).toHaveLength(1);
  });

  test('are all told', () => {
    const chart = newChart();
    ['One', 'Two', 'Three'].forEach((id) => object(chart, id, 'same'));
    expect(chartProblems(chart)).toHaveLength(2);
  });

  test('may differ in the kind, the API or the namespace', () => {
    const chart = newChart();
    object(chart, 'One', 'same');
    object(chart, 'Two', 'same', { kind: 'Secret' });
    object(chart, 'Three', 'same', { namespace: 'other' });
    object(chart, 'Four', 'same', { apiVersion: 'example.com/v1' });
    object(chart, 'Five', undefined);
    object(chart, 'Six', undefined);
    expect(chartProblems(chart)).toEqual([]);
  });

  test('may be in a nested chart, which is another file', () => {
    const chart = newChart();
    object(chart, 'One', 'same');
    object(new Chart(chart, 'nested'), 'Two', 'same');
    expect(chartProblems(chart)).toEqual([]);
  });

  test('may be renamed by a patch', () => {
    const chart = newChart();
    object(chart, 'One', 'same');
    object(chart, 'Two', 'same').addJsonPatch(JsonPatch.replace('/metadata/name', 'other'));
    expect(chartProblems(chart)).toEqual([]);
  });

  test('are not looked for among names that are not known yet', () => {
    const chart = newChart();
    const later = (name: string) => Lazy.any({ produce: () => name }) as unknown as string;
    object(chart, 'One', later('a'));
    object(chart, 'Two', later('b'));
    object(chart, 'Three', 'same', { namespace: later('a') });
    object(chart, 'Four', 'same', { namespace: later('b') });
    expect(chartProblems(chart)).toEqual([]);
  });
});

describe('default classes', () => {
  test('of one driver are named both', () => {
    const chart = newChart();
    defaultClass(chart, 'One', 'ebs.csi.aws.com');
    defaultClass(chart, 'Two', 'ebs.csi.aws.com');
    expect(chartProblems(chart)).toEqual([
      expect.stringMatching(/^\[test\/Two\] 'defaultClass': the class at test\/One is the default of the driver ebs\.csi\.aws\.com too, got 'test-two-\w+';/),
    ]);
  });

  test('may be one for each driver', () => {
    const chart = newChart();
    defaultClass(chart, 'One', 'ebs.csi.aws.com');
    defaultClass(chart, 'Two', 'efs.csi.aws.com');
    expect(chartProblems(chart)).toEqual([]);
  });

  test('are found by what is rendered', () => {
    const chart = newChart();
    defaultClass(chart, 'One', 'ebs.csi.aws.com');
    defaultClass(chart, 'Two', 'ebs.csi.aws.com').addJsonPatch(JsonPatch.remove('/metadata/annotations'));
    expect(chartProblems(chart)).toEqual([]);
  });

  test('of another API are none of ours', () => {
    const chart = newChart();
    for (const id of ['One', 'Two']) {
      new ApiObject(chart, id, { apiVersion: 'example.com/v1', kind: 'VolumeSnapshotClass', driver: 'x', metadata: { annotations: DEFAULT_CLASS } });
    }
    expect(chartProblems(chart)).toEqual([]);
  });
});

test('renders only what it must, so that large charts stay fast', () => {
  const chart = newChart();
  const objects = [...Array(100).keys()].map((n) => object(chart, `Object${n}`, `name-${n}`));
  const toJson = objects.map((one) => jest.spyOn(one, 'toJson'));
  expect(chartProblems(chart)).toEqual([]);
  toJson.forEach((spy) => expect(spy).not.toHaveBeenCalled());
});
