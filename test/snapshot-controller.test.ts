import { ApiObject, App, Chart, Size, Yaml } from 'cdk8s';
import { controller, crd, CRDS, GROUP_CRDS, GROUP_PLURALS, RELEASE, RIGHTS, SNAPSHOT_PLURALS } from './controller-release';
import { newChart, objectOf, objectsOf } from './manifests';
import { SnapshotController, SnapshotControllerProps, TaintEffect } from '../src';

function render(props: Partial<SnapshotControllerProps> = {}, chart = new Chart(new App(), 'test')): Chart {
  new SnapshotController(chart, 'Controller', { manifests: RELEASE, ...props });
  return chart;
}

const podOf = (chart: Chart): any => objectOf(chart, 'Deployment').spec.template.spec;
const argsOf = (props: Partial<SnapshotControllerProps> = {}): string[] => podOf(render(props)).containers[0].args;
/** Which of these kinds are where. */
const namespacesOf = (chart: Chart, ...kinds: string[]) =>
  new Set(kinds.flatMap(kind => objectsOf(chart, kind)).map(({ metadata }) => metadata.namespace));

const NAMESPACED = ['ServiceAccount', 'Role', 'RoleBinding', 'Deployment', 'PodDisruptionBudget', 'Service'];

test('renders what runs', () => {
  const kinds = ['Deployment', 'PodDisruptionBudget', 'Service'];
  expect(Yaml.stringify(...render().toJson().filter(({ kind }) => kinds.includes(kind)))).toMatchInlineSnapshot(`
"apiVersion: apps/v1
kind: Deployment
metadata:
  name: snapshot-controller
  namespace: kube-system
spec:
  minReadySeconds: 35
  replicas: 2
  selector:
    matchLabels:
      app.kubernetes.io/name: snapshot-controller
  template:
    metadata:
      labels:
        app.kubernetes.io/name: snapshot-controller
    spec:
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
            - podAffinityTerm:
                labelSelector:
                  matchLabels:
                    app.kubernetes.io/name: snapshot-controller
                topologyKey: kubernetes.io/hostname
              weight: 100
      containers:
        - args:
            - --v=5
            - --leader-election=true
            - --leader-election-namespace=kube-system
            - --kube-api-qps=50
            - --kube-api-burst=100
            - --worker-threads=10
            - --http-endpoint=:8080
            - --metrics-path=/metrics
          image: registry.k8s.io/sig-storage/snapshot-controller:v8.6.0
          livenessProbe:
            httpGet:
              path: /healthz/leader-election
              port: metrics
            initialDelaySeconds: 35
            periodSeconds: 20
            timeoutSeconds: 10
          name: snapshot-controller
          ports:
            - containerPort: 8080
              name: metrics
              protocol: TCP
          resources:
            limits:
              cpu: "1"
              memory: 512Mi
            requests:
              cpu: 10m
              memory: 64Mi
          securityContext:
            allowPrivilegeEscalation: false
            capabilities:
              drop:
                - ALL
            readOnlyRootFilesystem: true
            runAsNonRoot: true
          terminationMessagePolicy: FallbackToLogsOnError
      nodeSelector:
        kubernetes.io/os: linux
      priorityClassName: system-cluster-critical
      securityContext:
        runAsGroup: 65534
        runAsNonRoot: true
        runAsUser: 65534
        seccompProfile:
          type: RuntimeDefault
      serviceAccountName: snapshot-controller
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: snapshot-controller
  namespace: kube-system
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      app.kubernetes.io/name: snapshot-controller
  unhealthyPodEvictionPolicy: AlwaysAllow
---
apiVersion: v1
kind: Service
metadata:
  labels:
    app.kubernetes.io/name: snapshot-controller
  name: snapshot-controller-metrics
  namespace: kube-system
spec:
  clusterIP: None
  ports:
    - name: metrics
      port: 8080
      protocol: TCP
      targetPort: metrics
  selector:
    app.kubernetes.io/name: snapshot-controller
"
`);
});

describe('the CRDs', () => {
  test('are never pruned, since all snapshots would go with them, and keep what the release wrote on them', () => {
    const crds = objectsOf(render(), 'CustomResourceDefinition');
    expect(crds).toHaveLength(6);
    for (const { metadata } of crds) {
      expect(metadata.annotations).toEqual({
        'api-approved.kubernetes.io': 'https://example.com/pull/1',
        'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
        'helm.sh/resource-policy': 'keep',
        'kustomize.toolkit.fluxcd.io/prune': 'disabled',
      });
    }
  });

  test('come first, so that one kubectl apply is enough', () => {
    const kinds = render({ manifests: [...RELEASE].reverse() }).toJson().map(({ kind }) => kind);
    expect(kinds.slice(0, 6)).toEqual(Array(6).fill('CustomResourceDefinition'));
    expect(kinds.slice(6)).not.toContain('CustomResourceDefinition');
  });

  test('are those of the release, letter by letter', () => {
    const { spec } = objectOf(render(), 'CustomResourceDefinition', 'volumesnapshots.snapshot.storage.k8s.io');
    expect(spec).toEqual({
      group: 'snapshot.storage.k8s.io', versions: [{ name: 'v1alpha1', served: false, storage: false }, { name: 'v1', served: true, storage: true }],
    });
  });

  test('of groups may be left out where nobody takes groups', () => {
    expect(objectsOf(render({ manifests: [CRDS, RIGHTS, controller()] }), 'CustomResourceDefinition')).toHaveLength(3);
  });
});

describe('the namespace', () => {
  test('is that of the manifests, unless the chart has one', () => {
    expect(namespacesOf(render(), ...NAMESPACED)).toEqual(new Set(['kube-system']));
    expect(namespacesOf(render({}, newChart({ namespace: 'platform' })), ...NAMESPACED)).toEqual(new Set(['platform']));
  });

  test('can be another than that of the chart, and the rights go along', () => {
    const chart = render({ namespace: 'storage' }, newChart({ namespace: 'platform' }));
    expect(namespacesOf(chart, ...NAMESPACED)).toEqual(new Set(['storage']));
    for (const kind of ['ClusterRoleBinding', 'RoleBinding']) {
      expect(objectOf(chart, kind).subjects).toEqual([{ kind: 'ServiceAccount', name: 'snapshot-controller', namespace: 'storage' }]);
    }
    expect(podOf(chart).containers[0].args).toContain('--leader-election-namespace=storage');
  });

  test('is none for what belongs to the cluster', () => {
    const chart = render({}, newChart({ namespace: 'platform' }));
    expect(namespacesOf(chart, 'CustomResourceDefinition', 'ClusterRole', 'ClusterRoleBinding')).toEqual(new Set([undefined]));
  });
});

describe('the arguments', () => {
  test('elect a leader, since two controllers would both act', () => {
    expect(argsOf()).toContain('--leader-election=true');
    expect(argsOf().filter(arg => arg.includes('leader-election='))).toHaveLength(1);
  });

  test('keep those of the release that nobody asked to change', () => {
    const manifests = [CRDS, RIGHTS, controller({ args: ['--v=5', '--retry-interval-max=1m', '--kube-api-qps', '7', '-worker-threads=3'] })];
    expect(argsOf({ manifests, kubeApiQps: 80, workerThreads: 20 })).toEqual([
      '--v=5', '--retry-interval-max=1m', '--leader-election=true', '--leader-election-namespace=kube-system', '--kube-api-qps=80',
      '--kube-api-burst=160', '--worker-threads=20', '--http-endpoint=:8080', '--metrics-path=/metrics',
    ]);
  });

  test('have a word after a flag that needs none left where it is', () => {
    const manifests = [CRDS, RIGHTS, controller({ args: ['--leader-election', '--v', '5'] })];
    expect(argsOf({ manifests }).slice(0, 3)).toEqual(['--v', '5', '--leader-election=true']);
  });
});

describe('group snapshots', () => {
  const gates = (props: Partial<SnapshotControllerProps>) => argsOf(props).filter(arg => arg.startsWith('--feature-gates'));

  test('are as the release has them unless it is said', () => {
    expect(gates({})).toEqual([]);
    const manifests = [CRDS, GROUP_CRDS, RIGHTS, controller({ args: ['--feature-gates=CSIVolumeGroupSnapshot=true'] })];
    expect(gates({ manifests })).toEqual(['--feature-gates=CSIVolumeGroupSnapshot=true']);
    expect(new SnapshotController(newChart(), 'Controller', { manifests }).groupSnapshots).toBe(true);
    // not set to false, which a release in which it is locked would refuse
    expect(gates({ manifests, groupSnapshots: false })).toEqual([]);
  });

  test('are switched on beside other gates', () => {
    const manifests = [CRDS, GROUP_CRDS, RIGHTS, controller({ args: ['--feature-gates=ReleaseLeaderElectionOnExit=true'] })];
    expect(gates({ manifests, groupSnapshots: true })).toEqual(['--feature-gates=ReleaseLeaderElectionOnExit=true,CSIVolumeGroupSnapshot=true']);
  });

  test.each([
    ['v8.3.1', 'v1beta1'],
    ['v8.5.0', 'v1beta2'],
    ['v8.6.0', 'v1'],
    ['v9.0.0', 'v1'],
  ])('of the controller %s need CRDs that serve %s, without which it would exit', (version, api) => {
    const others = ['v1beta1', 'v1beta2', 'v1'].filter(each => each !== api);
    const release = (versions: string[]) => [CRDS, ...GROUP_PLURALS.map(plural => crd(plural, { versions })), RIGHTS, controller({ version })];
    expect(gates({ manifests: release([api]), groupSnapshots: true })).toHaveLength(1);
    expect(() => render({ manifests: release(others), groupSnapshots: true }))
      .toThrow(/'manifests': CustomResourceDefinition volumegroupsnapshots\S* does not serve the version of the API that the controller asks for, got .*; allowed v/);
  });

  test('cannot be taken by a controller that does not know the gate', () => {
    expect(() => render({ groupSnapshots: true, image: 'mirror.example.com/snapshot-controller:v8.1.0@sha256:0123456789abcdef' }))
      .toThrow(/'groupSnapshots': the controller is too old for this feature gate, and would exit, got '.*v8\.1\.0@.*'; allowed v8\.2\.0 or later/);
  });

  test('are refused without their CRDs, or without rights to them', () => {
    expect(() => render({ manifests: [CRDS, RIGHTS, controller()], groupSnapshots: true }))
      .toThrow(/'manifests': CRDs are missing, without which the controller exits, .*; allowed volumegroupsnapshotclasses\./);
    const rights = RIGHTS.replace(/^- .*groupsnapshot.*$/m, '');
    expect(() => render({ manifests: [CRDS, GROUP_CRDS, rights, controller()], groupSnapshots: true }))
      .toThrow(/'manifests': the ClusterRole gives no right to group snapshots/);
  });
});

describe('the pod', () => {
  test('is of the image, the resources and the place that are asked for', () => {
    const chart = render({
      image: 'mirror.example.com/snapshot-controller:v8.6.0',
      imagePullSecrets: ['mirror'],
      resources: { cpuLimit: '2', memoryLimit: Size.gibibytes(1) },
      nodeSelector: { pool: 'infra' },
      tolerations: [{ key: 'infra', effect: TaintEffect.NO_SCHEDULE }],
      priorityClassName: 'platform',
      replicas: 3,
    });
    const { containers: [container], ...pod } = podOf(chart);
    expect(objectOf(chart, 'Deployment').spec).toMatchObject({ replicas: 3, minReadySeconds: 35 });
    expect(container).toMatchObject({
      image: 'mirror.example.com/snapshot-controller:v8.6.0', resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { cpu: '2', memory: '1Gi' } },
    });
    expect(pod).toMatchObject({
      imagePullSecrets: [{ name: 'mirror' }],
      nodeSelector: { 'pool': 'infra', 'kubernetes.io/os': 'linux' },
      tolerations: [{ key: 'infra', operator: 'Exists', effect: 'NoSchedule' }],
      priorityClassName: 'platform',
    });
  });

  test('is found by its disruption budget and by its metrics Service', () => {
    const chart = render();
    const { labels } = objectOf(chart, 'Deployment').spec.template.metadata;
    expect(objectOf(chart, 'PodDisruptionBudget').spec.selector.matchLabels).toEqual(labels);
    expect(objectOf(chart, 'Service').spec.selector).toEqual(labels);
  });
});

test('ApiObject.of finds the Deployment, and the names are told', () => {
  const made = new SnapshotController(new Chart(new App(), 'test'), 'Controller', { manifests: RELEASE });
  expect(ApiObject.of(made).kind).toBe('Deployment');
  expect(made).toMatchObject({
    name: 'snapshot-controller',
    namespace: 'kube-system',
    metricsServiceName: 'snapshot-controller-metrics',
    groupSnapshots: false,
    image: 'registry.k8s.io/sig-storage/snapshot-controller:v8.6.0',
  });
});

test('a List is as good as documents', () => {
  const items = RELEASE.flatMap(text => text.split(/^---$/m)).filter(text => /^kind:/m.test(text)).map(text => text.trim().replace(/\n/g, '\n    '));
  const list = `apiVersion: v1\nkind: List\nitems:\n${items.map(item => `  - ${item}`).join('\n')}\n`;
  expect(render({ manifests: [list] }).toJson()).toEqual(render().toJson());
});

test('a second one in a chart is refused', () => {
  const chart = render();
  new SnapshotController(chart, 'Other', { manifests: RELEASE });
  expect(chart.node.validate().join('\n')).toMatch(/the Deployment at test\/Controller\/Resource has the same name/);
});

describe('manifests are refused', () => {
  const [first, ...others] = SNAPSHOT_PLURALS.map(plural => crd(plural));
  const rest = [...others, RIGHTS, controller()];

  test.each<[string, any, RegExp]>([
    ['none', [], /'manifests': there is nothing to install/],
    ['one text in place of a list', CRDS, /'manifests': not a list/],
    ['the name of a file', ['crds.yaml'], /'manifests\[0\]': no Kubernetes object, but perhaps the name of a file, .*got 'crds\.yaml'.*readFileSync/],
    ['what a server said', [CRDS, '404: Not Found'], /'manifests\[1\]': no Kubernetes object, .*got '404: Not Found'/],
    ['a page', ['<html>\n  <a href="x: y">: {</a>'], /'manifests\[0\]': (not YAML|no Kubernetes object)/],
    ['a download that broke off', [`${CRDS}\n  - "abc`], /'manifests\[0\]': not YAML/],
    ['no CRDs', [RIGHTS, controller()], /'manifests': CRDs are missing, .*; allowed volumesnapshotclasses\.snapshot\.storage\.k8s\.io, .*give the files of one release/],
    ['one CRD less', rest, /'manifests': a CRD is missing, .*; allowed volumesnapshots\.snapshot\.storage\.k8s\.io;/],
    ['a CRD of an old API', [crd('volumesnapshots', { apiVersion: 'apiextensions.k8s.io/v1beta1' }), ...rest], /of a version that Kubernetes does not know any more/],
    ['a version that no controller asks for', [crd('volumesnapshots', { versions: ['v1beta1'] }), ...rest], /does not serve the version of the API .*got \["v1beta1"\]; allowed v1;/],
    ['a CRD of something else', [first, ...rest, crd('widgets')], /none of the controller's, got 'CustomResourceDefinition widgets\./],
    ['a CRD twice', [first, first, ...rest], /an object is there twice, .*got 'CustomResourceDefinition volumesnapshots\./],
    ['no controller', [CRDS, RIGHTS], /'manifests': the controller is missing/],
    ['two controllers', [...RELEASE, controller({ version: 'v8.5.0' })], /'manifests': two controllers would both act on every snapshot/],
    ['another Deployment', [CRDS, RIGHTS, controller({ name: 'csi-hostpath' })], /none of the controller's, got 'Deployment kube-system\/csi-hostpath/],
    ['no rights', [CRDS, controller()], /rights of the service account 'snapshot-controller' are missing/],
    ['rights without leader election', [CRDS, RIGHTS.replace(/\bkind: Role$/m, 'kind: ConfigMap'), controller()], /rights of the service account .* are missing, .*"RoleBinding"/],
    ['rights of somebody else', [...RELEASE, RIGHTS.replace(/snapshot-controller/g, 'other')], /none of the controller's, got 'ServiceAccount kube-system\/other/],
    ['a kustomization', [...RELEASE, 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n'], /none of the controller's, got 'Kustomization/],
  ])('%s', (_, manifests, problem) => {
    expect(() => render({ manifests })).toThrow(problem);
  });
});

describe('is refused', () => {
  test.each<[string, Partial<SnapshotControllerProps>, RegExp]>([
    ['no pod', { replicas: 0 }, /'replicas': out of range, got 0/],
    ['no requests', { kubeApiQps: 0 }, /'kubeApiQps': out of range/],
    ['fewer requests at once than a second', { kubeApiQps: 50, kubeApiBurst: 10 }, /'kubeApiBurst': out of range, got 10; allowed a whole number from 50/],
    ['no worker', { workerThreads: 0 }, /'workerThreads': out of range/],
    ['an image without a version', { image: 'snapshot-controller' }, /'image': not an image/],
    ['a text for a boolean', { groupSnapshots: 'false' as any }, /'groupSnapshots': not a boolean/],
    ['a namespace that cannot be', { namespace: 'a.b' }, /'namespace': not a valid name/],
    ['more memory at first than at the most', { resources: { memoryRequest: Size.gibibytes(1) } }, /'resources.memoryRequest': more than the limit, .*512Mi/],
    ['a misspelled prop', { replica: 3 } as any, /'replica': no such prop, .* did you mean replicas\?/],
    ['a taint for a time that is not that', { tolerations: [{ value: 'a' }] }, /'tolerations': a value needs a key/],
  ])('%s', (_, props, problem) => {
    expect(() => render(props)).toThrow(problem);
  });
});
