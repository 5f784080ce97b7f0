import { Duration, Size } from 'cdk8s';
import { Quiesce, RunnerPodOptions, TaintEffect } from '../../src';
import { mergePodOptions } from '../../src/private/runner-pod';
import { newChart, podOf, schedule } from '../manifests';

function pod(options: RunnerPodOptions = {}): any {
  const chart = newChart();
  schedule(chart, { pod: options });
  return podOf(chart);
}

const container = (options?: RunnerPodOptions) => pod(options).spec.containers[0];

describe('meets the restricted Pod Security Standard', () => {
  test('in the pod', () => {
    expect(pod().spec.securityContext).toEqual({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  });

  test('in the container', () => {
    expect(container().securityContext).toEqual({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
  });

  test('in the kinds of volumes', () => {
    expect(pod().spec.volumes.map((volume: object) => Object.keys(volume).sort())).toEqual([['configMap', 'name']]);
  });
});

describe('image', () => {
  test('is one with a numeric user that is not root, so that OpenShift takes it', () => {
    expect(container().image).toBe('gcr.io/distroless/nodejs24-debian12:nonroot');
    expect(pod().spec.securityContext).not.toHaveProperty('runAsUser');
  });

  test('is pulled once a node, since night after night runs the same', () => {
    expect(container().imagePullPolicy).toBe('IfNotPresent');
  });

  test('gets its arguments only, as its entry point is node', () => {
    expect(container()).not.toHaveProperty('command');
  });

  test.each([
    'node:24', 'node:24-alpine', 'docker.io/node:24', 'docker.io/library/node:24', 'library/node:24', `node@sha256:${'a'.repeat(64)}`,
    'node:24@sha256:ab12', 'registry.example.com/docker.io/library/node:24', 'registry.example.com:5000/mirror/node:24-slim',
  ])('of Node.js runs as user 1000, or the kubelet would refuse its root: %s', image => {
    expect(pod({ image }).spec.securityContext).toMatchObject({ runAsUser: 1000, runAsGroup: 1000, runAsNonRoot: true });
  });

  test.each(['example.com/backup-node:1', 'example.com/node/runner:1', 'nodejs:24', 'gcr.io/distroless/nodejs24-debian12:nonroot', 'example.com/a@sha256:ab'])(
    'of any other kind keeps its user: %s', image => {
      expect(pod({ image }).spec.securityContext).not.toHaveProperty('runAsUser');
      expect(container({ image }).image).toBe(image);
    },
  );

  test.each([
    'node', 'gcr.io/distroless/nodejs24-debian12', 'registry.example.com:5000/node', 'a b:1', '', ':1', 'https://example.com/node:24', 'node:', 'node@24', 'node:24 ',
  ])('throws when it has neither tag nor digest, and so would change some night: %j', image => {
    expect(() => pod({ image })).toThrow(`[test/Nightly] 'pod.image': not an image, got '${image}'; allowed a name with a tag or digest; write for example node:24-alpine`);
  });

  test('is pulled with secrets', () => {
    expect(pod({ imagePullSecrets: ['a', 'b'] }).spec.imagePullSecrets).toEqual([{ name: 'a' }, { name: 'b' }]);
    expect(pod().spec).not.toHaveProperty('imagePullSecrets');
    expect(() => pod({ imagePullSecrets: ['A'] })).toThrow("[test/Nightly] 'pod.imagePullSecrets': not a valid name, got 'A'");
  });
});

describe('user', () => {
  test('and group are set', () => {
    expect(pod({ securityContext: { user: 65532, group: 100 } }).spec.securityContext)
      .toMatchObject({ runAsUser: 65532, runAsGroup: 100, runAsNonRoot: true });
  });

  test('comes before that of the image', () => {
    expect(pod({ image: 'node:24', securityContext: { user: 2000 } }).spec.securityContext).toMatchObject({ runAsUser: 2000, runAsGroup: 1000 });
  });

  test.each(['user', 'group'])('throws when the %s is root or no number of Linux', prop => {
    for (const id of [0, -1, 1.5, 2 ** 31]) {
      expect(() => pod({ securityContext: { [prop]: id } }))
        .toThrow(`[test/Nightly] 'pod.securityContext.${prop}': out of range, got ${id}; allowed a whole number from 1 to 2147483647`);
    }
  });
});

describe('resources', () => {
  test('are requested and limited, since quotas refuse pods without', () => {
    expect(container().resources).toEqual({ requests: { cpu: '10m', memory: '64Mi' }, limits: { cpu: '1', memory: '256Mi' } });
  });

  test('are what the user says', () => {
    const resources = { cpuRequest: '100m', cpuLimit: '0.5', memoryRequest: Size.mebibytes(128), memoryLimit: Size.gibibytes(1) };
    expect(container({ resources }).resources).toEqual({ requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '0.5', memory: '1Gi' } });
  });

  test.each([
    ['cpuRequest', { cpuRequest: 'much' }, "'pod.resources.cpuRequest': not a quantity, got 'much'; "],
    ['cpuLimit', { cpuLimit: '1 core' }, "'pod.resources.cpuLimit': not a quantity, got '1 core'; "],
    ['cpuRequest over the limit', { cpuRequest: '2' }, "'pod.resources.cpuRequest': more than the limit, got '2'; allowed at most 1; lower the request or raise cpuLimit"],
    ['cpuLimit below the request', { cpuLimit: '5m' }, "'pod.resources.cpuRequest': more than the limit, got '10m'; allowed at most 5m"],
    [
      'memoryRequest over the limit', { memoryRequest: Size.gibibytes(1) },
      "'pod.resources.memoryRequest': more than the limit, got 1Gi; allowed at most 256Mi; lower the request or raise memoryLimit",
    ],
    [
      'memoryLimit below what Node.js needs', { memoryLimit: Size.mebibytes(32) },
      "'pod.resources.memoryLimit': too little for Node.js, got 32Mi; allowed at least 64Mi; raise it",
    ],
  ])('throws for a wrong %s', (_, resources, message) => {
    expect(() => pod({ resources })).toThrow(`[test/Nightly] ${message}`);
  });

  test('may be a fraction of a unit', () => {
    expect(container({ resources: { memoryLimit: Size.gibibytes(0.3) } }).resources.limits.memory).toBe('0.3Gi');
  });
});

describe('lets nothing disturb the run', () => {
  test('no sidecar of a service mesh, which would keep the Job alive', () => {
    expect(pod().metadata.labels).toMatchObject({ 'sidecar.istio.io/inject': 'false', 'kuma.io/sidecar-injection': 'disabled' });
    expect(pod().metadata.annotations).toMatchObject({ 'linkerd.io/inject': 'disabled' });
  });

  test('no autoscaler that empties the node', () => {
    expect(pod().metadata.annotations).toMatchObject({ 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false', 'karpenter.sh/do-not-disrupt': 'true' });
  });

  test('unless the user wants it', () => {
    expect(pod({ labels: { 'sidecar.istio.io/inject': 'true' } }).metadata.labels['sidecar.istio.io/inject']).toBe('true');
    expect(pod({ annotations: { 'karpenter.sh/do-not-disrupt': 'false' } }).metadata.annotations['karpenter.sh/do-not-disrupt']).toBe('false');
  });
});

describe('labels and annotations', () => {
  test('are added', () => {
    expect(pod({ labels: { 'api-access': 'yes' } }).metadata.labels).toMatchObject({ 'api-access': 'yes' });
    expect(pod({ annotations: { note: 'any text' } }).metadata.annotations).toMatchObject({ note: 'any text' });
  });

  test('name the schedule, so that its pods are found', () => {
    expect(pod().metadata.labels['cdk8s-volume-snapshots/schedule']).toBe('test-nightly-c8cafbfc');
  });

  test('throw when not valid', () => {
    expect(() => pod({ labels: { a: 'b c' } })).toThrow("[test/Nightly] 'pod.labels': not a valid value of the label 'a', got 'b c'");
    expect(() => pod({ annotations: { 'a b': 'c' } })).toThrow("[test/Nightly] 'pod.annotations': not a valid key, got 'a b'");
  });
});

describe('node', () => {
  test('runs Linux', () => {
    expect(pod().spec).toMatchObject({ os: { name: 'linux' }, nodeSelector: { 'kubernetes.io/os': 'linux' } });
  });

  test('has the labels that the user asks for, and still runs Linux', () => {
    expect(pod({ nodeSelector: { 'pool': 'infra', 'kubernetes.io/os': 'windows' } }).spec.nodeSelector).toEqual({ 'pool': 'infra', 'kubernetes.io/os': 'linux' });
    expect(() => pod({ nodeSelector: { pool: 'a b' } })).toThrow("[test/Nightly] 'pod.nodeSelector': not a valid value");
  });

  test('is chosen by affinity as Kubernetes writes it', () => {
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname' }] } };
    expect(pod({ affinity }).spec.affinity).toEqual(affinity);
    expect(pod().spec).not.toHaveProperty('affinity');
  });

  test('throws for a key of affinity that nobody reads', () => {
    expect(() => pod({ affinity: { nodeAfinity: {} } })).toThrow(
      "[test/Nightly] 'pod.affinity': unknown key, got 'nodeAfinity'; allowed nodeAffinity, podAffinity and podAntiAffinity; correct the key",
    );
  });

  test('takes a priority class', () => {
    expect(pod({ priorityClassName: 'backup' }).spec.priorityClassName).toBe('backup');
    expect(pod().spec).not.toHaveProperty('priorityClassName');
    expect(() => pod({ priorityClassName: 'Back up' })).toThrow("[test/Nightly] 'pod.priorityClassName': not a valid name, got 'Back up'");
  });
});

describe('tolerations', () => {
  test.each([
    ['every taint', {}, { operator: 'Exists' }],
    ['a key', { key: 'backup' }, { key: 'backup', operator: 'Exists' }],
    ['a key and value', { key: 'pool', value: 'infra' }, { key: 'pool', operator: 'Equal', value: 'infra' }],
    ['an empty value', { key: 'pool', value: '' }, { key: 'pool', operator: 'Equal', value: '' }],
    ['an effect', { key: 'a', effect: TaintEffect.NO_SCHEDULE }, { key: 'a', operator: 'Exists', effect: 'NoSchedule' }],
    ['another effect', { effect: TaintEffect.PREFER_NO_SCHEDULE }, { operator: 'Exists', effect: 'PreferNoSchedule' }],
    [
      'a time', { key: 'a', effect: TaintEffect.NO_EXECUTE, tolerationDuration: Duration.minutes(5) },
      { key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
    ],
  ])('of %s', (_, toleration, expected) => {
    expect(pod({ tolerations: [toleration] }).spec.tolerations).toEqual([expected]);
  });

  test('are none by default', () => {
    expect(pod().spec).not.toHaveProperty('tolerations');
  });

  test.each([
    ['a value has no key', { value: 'infra' }, "'pod.tolerations': a value needs a key, got 'infra'; allowed key and value, or neither; name the key"],
    ['a key is not valid', { key: 'a b' }, "'pod.tolerations': not a valid key, got 'a b'"],
    [
      'a time has no effect that ends', { key: 'a', tolerationDuration: Duration.minutes(5) },
      "'pod.tolerations': only NO_EXECUTE taints are tolerated for a time, got undefined; allowed effect: TaintEffect.NO_EXECUTE; set the effect, or leave out tolerationDuration",
    ],
    [
      'a time is not whole seconds', { effect: TaintEffect.NO_EXECUTE, tolerationDuration: Duration.millis(1500) },
      "'pod.tolerations.tolerationDuration': out of range, got 1 second 500 millis; allowed whole seconds from 1 second to 365 days",
    ],
  ])('throws when %s', (_, toleration, message) => {
    expect(() => pod({ tolerations: [toleration] })).toThrow(`[test/Nightly] ${message}`);
  });
});

describe('the run knows', () => {
  test('which run it is, by the Job that the controller named', () => {
    expect(container().env.slice(1)).toEqual([
      { name: 'SNAPSHOT_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
      { name: 'SNAPSHOT_POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'SNAPSHOT_JOB_NAME', valueFrom: { fieldRef: { fieldPath: "metadata.labels['batch.kubernetes.io/job-name']" } } },
      { name: 'SNAPSHOT_JOB_UID', valueFrom: { fieldRef: { fieldPath: "metadata.labels['batch.kubernetes.io/controller-uid']" } } },
    ]);
  });

  test('how to quiesce an application, right behind its configuration, with each dollar doubled that the kubelet would take for a variable of its own', () => {
    const chart = newChart();
    schedule(chart, { quiesce: Quiesce.custom({ quiesce: 'echo $(hostname) $$ $HOME ${HOME} $(($$ + 1))', release: ':' }), snapshotAnnotations: { cost: '$(HOME) $$' } });
    const [config, script, ...others] = podOf(chart).spec.containers[0].env;
    expect([config.name, script.name, others.length]).toEqual(['SNAPSHOT_CONFIG', 'SNAPSHOT_QUIESCE_SCRIPT', 4]);
    expect(script.value).toContain('echo $$(hostname) $$$ $HOME ${HOME} $$(($$$ + 1))');
    expect(config.value).toContain('"cost": "\\u0024(HOME) \\u0024$"');
    expect(JSON.parse(config.value).annotations.cost).toBe('$(HOME) $$');
  });

  test('its token, which its service account gives to no other pod', () => {
    expect(pod().spec.automountServiceAccountToken).toBe(true);
  });

  test('no services of the namespace', () => {
    expect(pod().spec.enableServiceLinks).toBe(false);
  });

  test('that its last lines are the message if it says none', () => {
    expect(container().terminationMessagePolicy).toBe('FallbackToLogsOnError');
  });
});

describe('merging', () => {
  test('of nothing is nothing', () => {
    const merged = mergePodOptions({}, {});
    expect(Object.values(merged).every(value => value === undefined || Object.values(value).every(v => v === undefined))).toBe(true);
  });

  test('leaves both sides as they are', () => {
    const [own, shared] = [{ labels: { a: '1' } }, { labels: { b: '2' } }];
    mergePodOptions(own, shared);
    expect([own, shared]).toEqual([{ labels: { a: '1' } }, { labels: { b: '2' } }]);
  });
});

describe('throws when', () => {
  test.each<[string, any, RegExp]>([
    ['the pull secrets are one text', { imagePullSecrets: 'regcred' }, /'pod.imagePullSecrets': not a list, got 'regcred';/],
    ['the memory is text', { resources: { memoryLimit: '1Gi' } }, /'pod.resources.memoryLimit': not a Size, got '1Gi';/],
    ['the memory is no number', { resources: { memoryLimit: Size.mebibytes(NaN) } }, /'pod.resources.memoryLimit': too little/],
    ['the requested memory is no number', { resources: { memoryRequest: Size.mebibytes(NaN) } }, /'pod.resources.memoryRequest': more than the limit/],
    ['a resource is misspelled', { resources: { memoryLimits: Size.gibibytes(1) } }, /'pod.resources.memoryLimits': no such prop, .*; did you mean memoryLimit\?$/],
    ['an effect is another word', { tolerations: [{ effect: 'noSchedule' }] }, /'pod.tolerations.effect': not a member of the enum, got 'noSchedule';/],
    ['a toleration has a value that no taint can have', { tolerations: [{ key: 'a', value: 'b c' }] }, /not a valid value of the label 'a', got 'b c';/],
    ['a label is that of the schedule', { labels: { 'cdk8s-volume-snapshots/schedule': 'x' } }, /'pod.labels': this key is set by/],
    ['a label is that of the Job', { labels: { 'batch.kubernetes.io/job-name': 'x' } }, /'pod.labels': this key is set by/],
    ['an annotation is that of the library', { annotations: { 'cdk8s-volume-snapshots/runner-checksum': 'x' } }, /'pod.annotations': this key is set by/],
  ])('%s', (_, options, problem) => {
    expect(() => pod(options)).toThrow(problem);
  });

  test.each([
    'node:18-alpine', 'node:22', 'node:20.11.1-bookworm-slim', 'docker.io/library/node:18', 'registry.example.com:5000/node:18@sha256:abc',
    'gcr.io/distroless/nodejs20-debian12:nonroot',
  ])('the image %s has an older Node.js', image => {
    expect(() => pod({ image })).toThrow(`'pod.image': too old to run the program, got '${image}'; allowed Node.js 24 or later;`);
  });

  test.each([
    'node:24-alpine', 'node:24.1.0', 'node:lts', 'node:26', 'example.com/my-node:1', 'node@sha256:abc', 'gcr.io/distroless/nodejs24-debian12:nonroot',
  ])('but takes the image %s', image => {
    expect(container({ image }).image).toBe(image);
  });
});
