import { App, Chart, Duration, Size } from 'cdk8s';
import { Construct } from 'constructs';
import { newChart, podOf, schedule } from './manifests';
import { RunnerDefaults, RunnerDefaultsProps, RunnerPodOptions, TaintEffect } from '../src';

/** The pod of a schedule with options of its own, under defaults of its chart. */
function pod(defaults: RunnerDefaultsProps, own: RunnerPodOptions = {}): any {
  const chart = newChart();
  new RunnerDefaults(chart, 'Defaults', defaults);
  schedule(chart, { pod: own });
  return podOf(chart);
}

describe('registry', () => {
  test('is where the image of the library comes from', () => {
    expect(pod({ imageRegistry: 'registry.example.com:5000/mirror' }).spec.containers[0].image)
      .toBe('registry.example.com:5000/mirror/distroless/nodejs24-debian12:nonroot');
  });

  test('leaves images alone that the user names', () => {
    expect(pod({ imageRegistry: 'registry.example.com' }, { image: 'node:24' }).spec.containers[0].image).toBe('node:24');
    expect(pod({ imageRegistry: 'registry.example.com', pod: { image: 'node:24' } }).spec.containers[0].image).toBe('node:24');
  });

  test.each(['https://registry.example.com', 'registry.example.com/', 'a b', '', '-x', 'registry.example.com//mirror', 'registry:port'])(
    'throws when it is no registry: %s', imageRegistry => {
      expect(() => new RunnerDefaults(newChart(), 'Defaults', { imageRegistry })).toThrow(
        `[test/Defaults] 'imageRegistry': not a registry, got '${imageRegistry}'; allowed host, port and path without scheme; write registry.example.com/mirror`,
      );
    },
  );

  test.each(['localhost:5000', 'docker.io', '10.0.0.1:5000/a/b-c_d'])('takes %s', imageRegistry => {
    expect(new RunnerDefaults(newChart(), 'Defaults', { imageRegistry }).imageRegistry).toBe(imageRegistry);
  });
});

describe('merging', () => {
  test('what a schedule says comes first', () => {
    const { spec } = pod({
      pod: { image: 'a:1', priorityClassName: 'low', imagePullSecrets: ['a'], tolerations: [{ key: 'a' }], affinity: { nodeAffinity: {} }, securityContext: { user: 1 } },
    }, {
      image: 'b:1', priorityClassName: 'high', imagePullSecrets: ['b'], tolerations: [{ key: 'b' }], affinity: { podAffinity: { a: 1 } }, securityContext: { user: 2 },
    });
    expect(spec).toMatchObject({ priorityClassName: 'high', imagePullSecrets: [{ name: 'b' }], affinity: { podAffinity: { a: 1 } }, securityContext: { runAsUser: 2 } });
    expect(spec.tolerations).toEqual([{ key: 'b', operator: 'Exists' }]);
    expect(spec.containers[0].image).toBe('b:1');
    expect(spec.affinity).not.toHaveProperty('nodeAffinity');
  });

  test('what a schedule does not say comes from the defaults', () => {
    const { spec } = pod({ pod: { image: 'a:1', priorityClassName: 'low', imagePullSecrets: ['a'], securityContext: { user: 1, group: 2 } } });
    expect(spec).toMatchObject({ priorityClassName: 'low', imagePullSecrets: [{ name: 'a' }], securityContext: { runAsUser: 1, runAsGroup: 2 } });
    expect(spec.containers[0].image).toBe('a:1');
  });

  test('labels, annotations and node selectors of both are merged, those of the schedule first', () => {
    const { metadata, spec } = pod(
      { pod: { labels: { a: '1', b: '1' }, annotations: { a: '1', b: '1' }, nodeSelector: { a: '1', b: '1' } } },
      { labels: { b: '2', c: '2' }, annotations: { b: '2', c: '2' }, nodeSelector: { b: '2', c: '2' } },
    );
    for (const map of [metadata.labels, metadata.annotations, spec.nodeSelector]) { expect(map).toMatchObject({ a: '1', b: '2', c: '2' }); }
  });

  test('resources are merged one by one', () => {
    const { spec } = pod({ pod: { resources: { cpuLimit: '2', memoryLimit: Size.mebibytes(512) } } }, { resources: { cpuRequest: '1', memoryRequest: Size.mebibytes(300) } });
    expect(spec.containers[0].resources).toEqual({ requests: { cpu: '1', memory: '300Mi' }, limits: { cpu: '2', memory: '512Mi' } });
  });

  test('throws when both together ask for more than they may use', () => {
    expect(() => pod({ pod: { resources: { memoryLimit: Size.mebibytes(100) } } }, { resources: { memoryRequest: Size.mebibytes(200) } })).toThrow(
      "[test/Nightly] 'pod.resources.memoryRequest': more than the limit, got 200Mi; allowed at most 100Mi; lower the request or raise memoryLimit",
    );
  });
});

describe('scope', () => {
  test('an app gives them to all charts', () => {
    const app = new App();
    new RunnerDefaults(app, 'Defaults', { pod: { priorityClassName: 'low' } });
    for (const id of ['a', 'b']) {
      const chart = new Chart(app, id, { namespace: id });
      schedule(new Construct(chart, 'Group'));
      expect(podOf(chart).spec.priorityClassName).toBe('low');
    }
  });

  test('those of a chart come before those of the app, which they do not take away', () => {
    const app = new App();
    new RunnerDefaults(app, 'Defaults', { imageRegistry: 'far.example.com', pod: { priorityClassName: 'far' } });
    const chart = new Chart(app, 'chart', { namespace: 'db' });
    new RunnerDefaults(chart, 'Defaults', { pod: { labels: { near: 'yes' }, imagePullSecrets: ['near'] } });
    schedule(chart);
    expect(podOf(chart).metadata.labels).toMatchObject({ near: 'yes' });
    expect(podOf(chart).spec).toMatchObject({ priorityClassName: 'far', imagePullSecrets: [{ name: 'near' }] });
    expect(podOf(chart).spec.containers[0].image).toMatch(/^far\.example\.com\//);
  });

  test('schedules beside it do not have them', () => {
    const chart = newChart();
    new RunnerDefaults(new Construct(chart, 'Group'), 'Defaults', { pod: { priorityClassName: 'low' } });
    schedule(chart);
    expect(podOf(chart).spec).not.toHaveProperty('priorityClassName');
  });

  test('it renders nothing itself', () => {
    const chart = newChart();
    new RunnerDefaults(chart, 'Defaults');
    expect(chart.toJson()).toEqual([]);
  });

  test('it needs no chart', () => {
    expect(() => new RunnerDefaults(new App(), 'Defaults')).not.toThrow();
  });

  test('it tells what it was given', () => {
    const given: RunnerPodOptions = { image: 'node:24' };
    expect(new RunnerDefaults(newChart(), 'Defaults', { pod: given }).pod).toBe(given);
    expect(new RunnerDefaults(newChart(), 'Defaults').pod).toEqual({});
  });
});

describe('throws', () => {
  test('when a scope has two, of which one would be ignored', () => {
    const chart = newChart();
    new RunnerDefaults(chart, 'Defaults');
    expect(() => new RunnerDefaults(chart, 'More')).toThrow(
      "[test/More] 'scope': 'test' has defaults already, got 'test/Defaults'; allowed one RunnerDefaults a scope; give all in one",
    );
  });

  test('when a schedule was defined before, which would not have them', () => {
    const app = new App();
    schedule(new Chart(app, 'chart', { namespace: 'db' }));
    expect(() => new RunnerDefaults(app, 'Defaults')).toThrow(
      "[Defaults] 'scope': a schedule was defined before its defaults and would not have them, got 'chart/Nightly'; "
      + 'allowed defaults before the schedules of the scope; define the RunnerDefaults first',
    );
  });

  test('not for a schedule of another scope', () => {
    const app = new App();
    schedule(new Chart(app, 'a', { namespace: 'db' }));
    expect(() => new RunnerDefaults(new Chart(app, 'b', { namespace: 'db' }), 'Defaults')).not.toThrow();
  });

  test('when a setting is not valid, at the defaults and not at each schedule', () => {
    expect(() => pod({ pod: { image: 'a b' } })).toThrow("[test/Defaults] 'pod.image': not an image, got 'a b'");
    expect(() => pod({ pod: { tolerations: [{ key: 'a', tolerationDuration: Duration.minutes(1), effect: TaintEffect.NO_SCHEDULE }] } }))
      .toThrow("[test/Defaults] 'pod.tolerations': only NO_EXECUTE taints are tolerated for a time");
  });
});

test.each<[string, object, RegExp]>([
  ['a prop is misspelled', { imageregistry: 'x' }, /'imageregistry': no such prop, .*; did you mean imageRegistry\?$/],
  ['the registry is a number', { imageRegistry: 5 }, /'imageRegistry': not text, got 5;/],
  ['an option of the pod is misspelled', { pod: { lables: {} } }, /'pod.lables': no such prop, .*; did you mean labels\?$/],
])('in a language without types, throws when %s', (_, props, problem) => {
  expect(() => pod(props)).toThrow(problem);
});
