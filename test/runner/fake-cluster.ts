import { HOUR, SECOND, TONIGHT, VirtualClock } from './fake-api-server';
import { KEYS } from '../../src/runner/config';
import { ApiError, ApiRequest, KubeClient, Query, TerminatedError } from '../../src/runner/kube-client';

export const SPEC = { storageClassName: 'gp3', accessModes: ['ReadWriteOnce'], volumeMode: 'Filesystem', storage: '5Gi' };

export interface ClusterCall {
  readonly number: number;
  readonly verb: 'GET' | 'LIST' | 'POST' | 'PATCH' | 'DELETE';
  readonly namespace: string;
  readonly resource: string;
  readonly name?: string;
  readonly client: ClusterClient;
}

/** How a container ends, and what it leaves in the volumes. */
export interface ContainerEnd {
  readonly exitCode: number;
  readonly message?: string;
  readonly data?: string;
}

/**
 * Several namespaces with a snapshot controller, a driver and a kubelet behind them, as far as clones and drills see them, in virtual time. Each volume and
 * each snapshot in the storage holds a word, so that a test can follow what is handed out.
 */
export class FakeCluster {
  readonly clock = new VirtualClock(TONIGHT);
  readonly calls: ClusterCall[] = [];
  before?: (call: ClusterCall) => void;
  after?: (call: ClusterCall) => void;
  /** what the storage holds: handle -> data */
  readonly storage = new Map<string, string>();
  /** uid of a claim -> data */
  readonly volumes = new Map<string, string>();
  /** all that a claim of each namespace has ever had */
  readonly seen = new Map<string, string[]>();

  // knobs
  /** namespaces in which volumes are made when a pod asks */
  readonly waiting = new Set<string>();
  provisionError?: string;
  /** how many claims a namespace may have */
  claimQuota = Infinity;
  /** the whole status of pods, in the place of their containers' end */
  podStatus?: object;

  private readonly collections = new Map<string, Map<string, any>>();
  private made = 0;

  constructor(...namespaces: string[]) { namespaces.forEach(name => this.store('', 'namespaces', { metadata: { name } })); }

  /** how a container ends; it goes on for ever if undefined */
  run: (container: string, data: string[]) => ContainerEnd | undefined = container => ({ exitCode: 0, data: container === 'mask' ? 'masked' : undefined });

  // ---- what tests look at and change from outside

  all(namespace: string, resource: string): any[] { return [...this.collection(namespace, resource).values()]; }

  find(namespace: string, resource: string, name: string): any {
    const object = this.collection(namespace, resource).get(name);
    if (!object) { throw new ApiError(404, `${resource} "${name}" not found in namespace '${namespace}'`); }
    return object;
  }

  edit(namespace: string, resource: string, name: string, change: (object: any) => void): any {
    const object = structuredClone(this.find(namespace, resource, name));
    change(object);
    return this.store(namespace, resource, object);
  }

  remove(namespace: string, resource: string, name: string): any {
    const object = this.find(namespace, resource, name);
    this.collection(namespace, resource).delete(name);
    return object;
  }

  /** A snapshot of a schedule that production has taken. */
  addSnapshot(namespace: string, claim: string, hoursAgo: number, data: string, labels: object = {}): string {
    const at = new Date(TONIGHT - hoursAgo * HOUR).toISOString();
    const name = `${claim}-${hoursAgo}`;
    const handle = `snap-${name}`;
    const { metadata: { uid } } = this.store(namespace, 'volumesnapshots', {
      metadata: {
        name,
        namespace,
        creationTimestamp: at,
        labels: { [KEYS.schedule]: 'nightly', ...labels },
        annotations: { [KEYS.scheduledFor]: at, [KEYS.claimSpec]: JSON.stringify(SPEC) },
      },
      spec: { source: { persistentVolumeClaimName: claim } },
      status: { boundVolumeSnapshotContentName: `content-${name}`, readyToUse: true, creationTime: at, restoreSize: '1Gi' },
    });
    this.storage.set(handle, data);
    this.store('', 'volumesnapshotcontents', {
      metadata: { name: `content-${name}` },
      spec: {
        deletionPolicy: 'Delete',
        driver: 'ebs.example.com',
        sourceVolumeMode: 'Filesystem',
        volumeSnapshotClassName: 'ebs',
        source: { volumeHandle: 'vol' },
        volumeSnapshotRef: { namespace, name, uid },
      },
      status: { snapshotHandle: handle },
    });
    return name;
  }

  /** A workload that mounts a claim. */
  addPod(namespace: string, name: string, claimName: string, phase = 'Running'): void {
    this.store(namespace, 'pods', { metadata: { name }, spec: { volumes: [{ persistentVolumeClaim: { claimName } }] }, status: { phase } });
    this.bind(namespace, claimName);
  }

  data(namespace: string, claim: string): string | undefined { return this.volumes.get(this.find(namespace, 'persistentvolumeclaims', claim).metadata.uid); }

  /** As the driver does it, once somebody asks. */
  bind(namespace: string, name: string): boolean {
    const claim = this.collection(namespace, 'persistentvolumeclaims').get(name);
    if (!claim || claim.status?.phase === 'Bound') { return claim !== undefined; }
    const snapshot = this.collection(namespace, 'volumesnapshots').get(claim.spec.dataSource?.name);
    const data = snapshot?.status?.readyToUse && !snapshot.metadata.deletionTimestamp ? this.storage.get(this.handleOf(snapshot)) : undefined;
    if (data === undefined || this.provisionError !== undefined) {
      this.say(namespace, claim, 'Warning', 'ProvisioningFailed', this.provisionError ?? 'the snapshot is not ready');
      return false;
    }
    this.volumes.set(claim.metadata.uid, data);
    this.seen.set(namespace, [...this.seen.get(namespace) ?? [], data]);
    this.edit(namespace, 'persistentvolumeclaims', name, each => { each.status = { phase: 'Bound' }; });
    return true;
  }

  // ---- what a client does

  async request(client: ClusterClient, request: ApiRequest): Promise<any> {
    const { namespace, resource, name } = parse(request.path);
    const call: ClusterCall = {
      number: this.calls.length,
      verb: request.method === 'GET' && name === undefined ? 'LIST' : request.method,
      namespace,
      resource,
      name: name ?? (request.body as any)?.metadata?.name,
      client,
    };
    this.calls.push(call);
    await this.clock.wait(1);
    this.before?.(call);
    const answer = structuredClone(this.execute(request));
    this.after?.(call);
    await this.clock.wait(1);
    return answer;
  }

  private execute({ method, path, query = {}, body }: ApiRequest): any {
    const { namespace, resource, name } = parse(path);
    switch (method) {
      case 'POST': return this.create(namespace, resource, structuredClone(body));
      case 'DELETE': return this.delete(namespace, resource, name ?? '', (body as any)?.preconditions ?? {});
      case 'GET': return name === undefined
        ? { metadata: {}, items: this.all(namespace, resource).filter(object => isSelected(object, query)) }
        : this.find(namespace, resource, name);
      case 'PATCH': return this.edit(namespace, resource, name ?? '', each => mergeInto(each, body));
    }
  }

  private create(namespace: string, resource: string, object: any): any {
    const { name } = object.metadata;
    if (this.collection(namespace, resource).has(name)) { throw new ApiError(409, `${resource} "${name}" already exists`); }
    if (resource === 'persistentvolumeclaims' && this.all(namespace, resource).length >= this.claimQuota) {
      throw new ApiError(403, `"${name}" is forbidden: exceeded quota: claims`);
    }
    const creationTimestamp = new Date(this.clock.now()).toISOString();
    const made = this.store(namespace, resource, { ...object, metadata: { ...object.metadata, namespace, creationTimestamp } });
    const { uid } = made.metadata;
    if (resource === 'persistentvolumeclaims') { this.again(1500, () => this.provision(namespace, name, uid)); }
    if (resource === 'volumesnapshots') { this.again(20, () => this.cut(namespace, name, uid)); }
    if (resource === 'pods') { this.again(SECOND, () => this.runPod(namespace, name, uid)); }
    return made;
  }

  private delete(namespace: string, resource: string, name: string, preconditions: { [field: string]: string }): any {
    const object = this.find(namespace, resource, name);
    if (Object.entries(preconditions).some(([field, value]) => object.metadata[field] !== value)) {
      throw new ApiError(409, `the precondition of ${resource} "${name}" does not hold`);
    }
    const { uid } = object.metadata;
    if (resource === 'pods' || resource === 'events') { return this.remove(namespace, resource, name); }
    this.edit(namespace, resource, name, each => { each.metadata.deletionTimestamp ??= 'now'; });
    this.again(20, () => this.finishDeletion(namespace, resource, name, uid));
    return object;
  }

  // ---- what controllers do; each tries again until it is done

  private again(delay: number, step: () => boolean): void {
    this.clock.after(delay, () => { if (!step()) { this.again(SECOND, step); } });
  }

  private cut(namespace: string, name: string, uid: string): boolean {
    const snapshot = this.collection(namespace, 'volumesnapshots').get(name);
    if (snapshot?.metadata.uid !== uid || snapshot.metadata.deletionTimestamp) { return true; }
    const { persistentVolumeClaimName, volumeSnapshotContentName } = snapshot.spec.source;
    if (persistentVolumeClaimName) {
      const handle = `snap-${uid}`;
      this.storage.set(handle, this.data(namespace, persistentVolumeClaimName) ?? 'nothing');
      this.store('', 'volumesnapshotcontents', {
        metadata: { name: `content-${uid}` },
        spec: { deletionPolicy: 'Delete', driver: 'ebs.example.com', source: { volumeHandle: 'vol' }, volumeSnapshotRef: { namespace, name, uid } },
        status: { snapshotHandle: handle },
      });
    } else {
      const content = this.collection('', 'volumesnapshotcontents').get(volumeSnapshotContentName);
      const ref = content?.spec.volumeSnapshotRef;
      const isMeant = ref?.namespace === namespace && ref.name === name && [undefined, uid].includes(ref.uid);
      if (!isMeant || content.metadata.deletionTimestamp) { return false; }
      this.edit('', 'volumesnapshotcontents', volumeSnapshotContentName, each => { each.spec.volumeSnapshotRef.uid = uid; });
    }
    this.edit(namespace, 'volumesnapshots', name, each => {
      each.status = { boundVolumeSnapshotContentName: volumeSnapshotContentName ?? `content-${uid}` };
      each.status.readyToUse = this.storage.has(this.handleOf(each));
      if (!each.status.readyToUse) { each.status.error = { message: 'the storage has no such snapshot' }; }
    });
    return true;
  }

  private finishDeletion(namespace: string, resource: string, name: string, uid: string): boolean {
    const object = this.collection(namespace, resource).get(name);
    if (object?.metadata.uid !== uid) { return true; }
    const pods = this.all(namespace, 'pods').filter(({ status }) => !['Succeeded', 'Failed'].includes(status?.phase));
    const claims = this.all(namespace, 'persistentvolumeclaims');
    if (resource === 'persistentvolumeclaims') {
      if (pods.some(({ spec }) => spec.volumes?.some((volume: any) => volume.persistentVolumeClaim?.claimName === name))) { return false; }
    } else if (resource === 'volumesnapshots') {
      if (claims.some(({ spec, status }) => status?.phase !== 'Bound' && spec.dataSource?.name === name)) { return false; }
      const contentName = object.status?.boundVolumeSnapshotContentName;
      const content = this.collection('', 'volumesnapshotcontents').get(contentName);
      if (content?.spec.deletionPolicy === 'Delete') {
        this.storage.delete(content.status?.snapshotHandle ?? content.spec.source.snapshotHandle);
        this.remove('', 'volumesnapshotcontents', contentName);
      }
    } else {
      const ref = object.spec.volumeSnapshotRef;
      if (ref.uid !== undefined && this.collection(ref.namespace, 'volumesnapshots').get(ref.name)?.metadata.uid === ref.uid) { return false; }
    }
    this.remove(namespace, resource, name);
    return true;
  }

  private provision(namespace: string, name: string, uid: string): boolean {
    const claim = this.collection(namespace, 'persistentvolumeclaims').get(name);
    if (claim?.metadata.uid !== uid) { return true; }
    if (!this.waiting.has(namespace)) { return this.bind(namespace, name); }
    this.say(namespace, claim, 'Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
    return true;
  }

  private runPod(namespace: string, name: string, uid: string): boolean {
    const pod = this.collection(namespace, 'pods').get(name);
    if (pod?.metadata.uid !== uid) { return true; }
    const claims: string[] = pod.spec.volumes.map((volume: any) => volume.persistentVolumeClaim.claimName);
    if (!claims.map(claim => this.bind(namespace, claim)).every(Boolean)) { return false; }
    const uids = claims.map(claim => this.find(namespace, 'persistentvolumeclaims', claim).metadata.uid);
    const container = pod.spec.containers[0].name;
    const end = this.run(container, uids.map(each => this.volumes.get(each) as string));
    if (end?.data !== undefined) { uids.forEach(each => this.volumes.set(each, end.data as string)); }
    const state = end ? { terminated: { exitCode: end.exitCode, message: end.message, reason: 'Error' } } : { running: {} };
    this.edit(namespace, 'pods', name, each => { each.status = this.podStatus ?? { phase: 'Running', containerStatuses: [{ name: container, state }] }; });
    return true;
  }

  private say(namespace: string, claim: any, type: string, reason: string, message: string): void {
    const { name, uid } = claim.metadata;
    const involvedObject = { kind: 'PersistentVolumeClaim', name, uid };
    this.store(namespace, 'events', { metadata: { name: `event-${this.made}` }, involvedObject, type, reason, message });
  }

  private handleOf({ status }: any): string {
    const content = this.find('', 'volumesnapshotcontents', status.boundVolumeSnapshotContentName);
    return content.status?.snapshotHandle ?? content.spec.source.snapshotHandle;
  }

  private collection(namespace: string, resource: string): Map<string, any> {
    const key = `${namespace}/${resource}`;
    if (!this.collections.has(key)) { this.collections.set(key, new Map()); }
    return this.collections.get(key) as Map<string, any>;
  }

  private store(namespace: string, resource: string, object: any): any {
    this.made += 1;
    const stored = { ...object, metadata: { uid: `uid-${this.made}`, ...object.metadata, resourceVersion: `${this.made}` } };
    this.collection(namespace, resource).set(stored.metadata.name, stored);
    return stored;
  }
}

/** A pod of a Job, as a client of the cluster. */
export class ClusterClient implements KubeClient {
  alive = true;

  constructor(readonly cluster: FakeCluster) {}

  request(request: ApiRequest, signal?: AbortSignal): Promise<any> { return this.whileAlive(signal, () => this.cluster.request(this, request)); }

  watch(): Promise<void> { throw new Error('a clone watches nothing'); }

  exec(): Promise<never> { throw new Error('a clone executes nothing'); }

  now(): number { return this.cluster.clock.now(); }

  elapsed(): number { return this.cluster.clock.now(); }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> { return this.whileAlive(signal, () => this.cluster.clock.wait(milliseconds)); }

  /** Nothing that a dead process waits for ever comes. */
  private whileAlive<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.alive) { return; }
      if (signal?.aborted) { return reject(new TerminatedError()); }
      const end = () => { if (this.alive) { reject(new TerminatedError()); } };
      signal?.addEventListener('abort', end, { once: true });
      const settle = <V>(then: (value: V) => void) => (value: V) => {
        signal?.removeEventListener('abort', end);
        if (this.alive) { then(value); }
      };
      work().then(settle(resolve), settle(reject));
    });
  }
}

function parse(path: string): { namespace: string; resource: string; name?: string } {
  const parts = /^\/(?:api\/v1|apis\/[^/]+\/v1)\/(?:namespaces\/([^/]+)\/)?([a-z]+)(?:\/([^/]+))?$/.exec(path);
  if (!parts) { throw new Error(`the fake cluster does not know the path ${path}`); }
  return { namespace: parts[1] ?? '', resource: parts[2], name: parts[3] };
}

function mergeInto(object: any, patch: any): void {
  for (const [key, value] of Object.entries<any>(patch)) {
    if (value === null) { delete object[key]; } else if (typeof value === 'object') { mergeInto(object[key] ??= {}, value); } else { object[key] = value; }
  }
}

function isSelected(object: any, { labelSelector, fieldSelector }: Query): boolean {
  const terms = (text: string | undefined) => (text ?? '').split(',').filter(Boolean).map(term => term.split('='));
  return terms(labelSelector).every(([key, value]) => object.metadata.labels?.[key] === value)
    && terms(fieldSelector).every(([path, value]) => path.split('.').reduce((part, key) => part?.[key], object) === value);
}
