/** The manifests of a made-up release, with what the construct looks at and little else. */

export interface CrdOptions {
  readonly apiVersion?: string;
  /** those that are served */
  readonly versions?: string[];
}

export const SNAPSHOT_PLURALS = ['volumesnapshots', 'volumesnapshotcontents', 'volumesnapshotclasses'];
export const GROUP_PLURALS = ['volumegroupsnapshots', 'volumegroupsnapshotcontents', 'volumegroupsnapshotclasses'];

export function crd(plural: string, { apiVersion = 'apiextensions.k8s.io/v1', versions }: CrdOptions = {}): string {
  const group = plural.startsWith('volumegroup') ? 'groupsnapshot.storage.k8s.io' : 'snapshot.storage.k8s.io';
  const served = versions ?? (plural.startsWith('volumegroup') ? ['v1beta2', 'v1'] : ['v1']);
  return `---
apiVersion: ${apiVersion}
kind: CustomResourceDefinition
metadata:
  name: ${plural}.${group}
  annotations:
    api-approved.kubernetes.io: https://example.com/pull/1
spec:
  group: ${group}
  versions:
  - {name: v1alpha1, served: false, storage: false}
${served.map(name => `  - {name: ${name}, served: true, storage: ${name === served[0]}}`).join('\n')}
`;
}

export const CRDS = SNAPSHOT_PLURALS.map(plural => crd(plural)).join('');
export const GROUP_CRDS = GROUP_PLURALS.map(plural => crd(plural)).join('');

export const RIGHTS = `# comments and empty documents do not matter
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: snapshot-controller, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: snapshot-controller-runner}
rules:
- {apiGroups: [snapshot.storage.k8s.io], resources: [volumesnapshots], verbs: [list]}
- {apiGroups: [groupsnapshot.storage.k8s.io], resources: [volumegroupsnapshots], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: snapshot-controller-role}
subjects: [{kind: ServiceAccount, name: snapshot-controller, namespace: kube-system}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: snapshot-controller-runner}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: snapshot-controller-leaderelection, namespace: kube-system}
rules:
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: snapshot-controller-leaderelection, namespace: kube-system}
subjects: [{kind: ServiceAccount, name: snapshot-controller}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: snapshot-controller-leaderelection}
---
`;

export interface ControllerOptions {
  readonly name?: string;
  readonly version?: string;
  readonly args?: string[];
}

export function controller({ name = 'snapshot-controller', version = 'v8.6.0', args = ['--v=5', '--leader-election=false'] }: ControllerOptions = {}): string {
  return `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, namespace: kube-system}
spec:
  replicas: 1
  minReadySeconds: 35
  selector: {matchLabels: {app.kubernetes.io/name: snapshot-controller}}
  template:
    metadata: {labels: {app.kubernetes.io/name: snapshot-controller}}
    spec:
      serviceAccountName: snapshot-controller
      containers:
      - name: snapshot-controller
        image: registry.k8s.io/sig-storage/snapshot-controller:${version}
        args: ${JSON.stringify(args)}
`;
}

/** All texts of the release. */
export const RELEASE = [CRDS, GROUP_CRDS, RIGHTS, controller()];
