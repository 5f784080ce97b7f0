import { setImmediate } from 'node:timers';
import { FakeApplication, FakeSession } from './fake-application';
import { KEYS, RunnerConfig } from '../../src/runner/config';
import { ExecSession } from '../../src/runner/exec';
import { Run } from '../../src/runner/identity';
import { ApiError, ApiRequest, ConnectionError, ExecRequest, KubeClient, Query, TerminatedError, WatchEvent } from '../../src/runner/kube-client';
import { RunResult } from '../../src/runner/report';
import { runSchedule } from '../../src/runner/run';

export const NAMESPACE = 'shop';
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
/** When the fake's clock starts: a nightly run. */
export const TONIGHT = Date.parse('2026-02-09T02:00:00Z');

const SNAPSHOT_API = '/apis/snapshot.storage.k8s.io/v1';
const SNAPSHOTS = `${SNAPSHOT_API}/namespaces/${NAMESPACE}/volumesnapshots`;
const GROUP_API = '/apis/groupsnapshot.storage.k8s.io/v1beta2';
const GROUPS = `${GROUP_API}/namespaces/${NAMESPACE}/volumegroupsnapshots`;
const CONTENTS = `${SNAPSHOT_API}/volumesnapshotcontents`;
const CLAIMS = `/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims`;
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
const EVENTS = `/api/v1/namespaces/${NAMESPACE}/events`;
const SOURCE_FINALIZER = 'snapshot.storage.kubernetes.io/volumesnapshot-as-source-protection';
const BOUND_FINALIZER = 'snapshot.storage.kubernetes.io/volumesnapshot-bound-protection';
const CONTENT_FINALIZER = 'snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection';
const IN_GROUP_FINALIZER = 'snapshot.storage.kubernetes.io/volumesnapshot-in-group-protection';
const GROUP_FINALIZER = 'groupsnapshot.storage.kubernetes.io/volumegroupsnapshot-bound-protection';
const BEING_DELETED = 'snapshot.storage.kubernetes.io/volumesnapshot-being-deleted';

/** Time that stands still while anything works, and jumps to the next appointment when everything waits. */
export class VirtualClock {
  private readonly appointments: { at: number; run: () => void }[] = [];

  constructor(private time: number) {}

  now(): number { return this.time; }

  /** Calls after so many milliseconds; what it returns calls it off. */
  after(milliseconds: number, run: () => void): () => void {
    const appointment = { at: this.time + milliseconds, run };
    let low = 0;
    for (let high = this.appointments.length; low < high;) {
      const middle = Math.floor((low + high) / 2);
      if (this.appointments[middle].at <= appointment.at) { low = middle + 1; } else { high = middle; }
    }
    this.appointments.splice(low, 0, appointment);
    return () => {
      const index = this.appointments.indexOf(appointment);
      if (index >= 0) { this.appointments.splice(index, 1); }
    };
  }

  wait(milliseconds: number): Promise<void> {
    return new Promise(resolve => { this.after(milliseconds, resolve); });
  }

  /** Lets time pass until the work is done. */
  async until<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const settle = () => { settled = true; };
    work.then(settle, settle);
    for (;;) {
      await everythingWaits();
      if (settled) { return work; }
      const next = this.appointments.shift();
      if (!next) { throw new Error(`at ${new Date(this.time).toISOString()} all wait for something that will never happen`); }
      this.time = next.at;
      next.run();
    }
  }

  /** Lets so much time pass. */
  advance(milliseconds: number): Promise<void> { return this.until(this.wait(milliseconds)); }

  advanceTo(time: number): Promise<void> { return this.advance(Math.max(0, time - this.time)); }
}

/** Runs after all promises that can go on have gone on; no time passes. */
function everythingWaits(): Promise<void> {
  return new Promise(resolve => { setImmediate(resolve); });
}

/** A request as the server saw it. */
export interface Call {
  /** counted from 0 since the server's start */
  readonly number: number;
  readonly verb: 'GET' | 'LIST' | 'WATCH' | 'POST' | 'PATCH' | 'DELETE';
  /** for example 'volumesnapshots' */
  readonly resource: string;
  readonly name?: string;
  readonly request: ApiRequest;
  readonly pod: FakePod;
  readonly at: number;
  /** no answer: the real client gives up after 30 s */
  hang(): Promise<never>;
}

/** Called around a request; throws or waits to make a fault. */
export type Hook = (call: Call) => void | Promise<unknown>;

/** 'PATCH volumesnapshotcontents/x' */
export function inShort(call: Call): string {
  return `${call.verb} ${call.resource}${call.name === undefined ? '' : `/${call.name}`}`;
}

export interface SnapshotSeed {
  readonly name?: string;
  /** when it was made, and cut */
  readonly at: number;
  readonly ready?: boolean;
  readonly cut?: boolean;
  readonly bound?: boolean;
  readonly error?: string;
  readonly labels?: { [key: string]: string | undefined };
  readonly annotations?: { [key: string]: string };
  readonly deletionPolicy?: 'Delete' | 'Retain';
  /** bound to a content that somebody made by hand */
  readonly contentName?: string;
}

interface Change {
  readonly version: number;
  readonly collection: string;
  readonly before?: any;
  readonly after?: any;
}

interface Watcher {
  readonly pod: FakePod;
  readonly collection: string;
  readonly query: Query;
  readonly onEvent: (event: WatchEvent) => void;
  readonly end: (error?: Error) => void;
  stalled: boolean;
}

/**
 * An API server with a snapshot controller and a CSI driver behind it, as far as
 * the runner sees them, in virtual time.
 */
export class FakeApiServer {
  readonly clock = new VirtualClock(TONIGHT);
  readonly calls: Call[] = [];
  before?: Hook;
  after?: Hook;

  // knobs; times are milliseconds
  latency = 1;
  watchDelay = 4;
  /** how long the controller takes to act */
  controllerDelay = 20;
  readonly applications = new Map<string, FakeApplication>();
  /** the snapshots whose data was cut while all that write to it were held */
  readonly cutWhileHeld = new Set<string>();
  /** how late the controller sees a changed content; it goes by what it has seen */
  informerDelay = 4;
  readyDelay = 50;
  controllerRunning = true;
  sidecarRunning = true;
  /** names of snapshots that the controller has not got to yet */
  readonly backlog = new Set<string>();
  /** what the driver answers instead of a snapshot */
  driverError?: string;
  /** the driver refuses to delete what a content shows; only its sidecar knows why */
  deletionFails = false;
  /** of the class that snapshots are taken with */
  deletionPolicy: 'Delete' | 'Retain' = 'Delete';
  mayReclaim = true;
  /** the finalizer of what is deleted with its snapshot comes after it is ready, as with drivers that cut at once */
  finalizerIsLate = false;
  /** whether the ValidatingAdmissionPolicy is there that lets nothing but the deletion policy be changed */
  fenced = true;
  /** why a policy denies a patch besides */
  fence?: (content: any, patch: any) => string | undefined;
  quota = Infinity;
  /** how many claims there may be */
  claimQuota = Infinity;
  /** how long a volume takes that is made from a snapshot */
  provisionDelay = 1500;
  /** what the driver answers instead of a volume */
  provisionError?: string;
  /** what becomes of a pod that a drill makes, once its claims are bound; it goes on for ever if absent */
  podEnd?: object = { containerStatuses: [{ name: 'check', state: { terminated: { exitCode: 0, message: 'the query gave 10000\n' } } }] };
  /** the storage class makes volumes when a pod asks for them */
  waitsForPod = false;
  crdsInstalled = true;
  groupsInstalled = true;
  /** how long after a group its members are made; the volumes of these claims the driver leaves out */
  memberDelay = 20;
  readonly forgottenMembers = new Set<string>();
  /** how far the clock of the API server is ahead of the true time, and those of the storage and of the pods' node; see FakePod.now() */
  clockError = 0;
  storageClockError = 0;
  nodeClockError = 0;

  /** what the storage holds and bills: handle -> uid of the claim whose data it is */
  readonly backend = new Map<string, string>();

  private readonly collections = new Map<string, Map<string, any>>();
  private readonly pages = new Map<string, { items: any[]; version: string }>();
  private readonly watchers = new Set<Watcher>();
  // the policies as the snapshot controller has seen them
  private readonly seenPolicies = new Map<string, string>();
  private history: Change[] = [];
  private version = 1000;
  private compacted = 0;
  private made = 0;

  /** how long the driver takes to cut; of each claim */
  cutDelay: (claimName: string) => number = () => 60;

  // ---- what tests look at and change from outside

  get snapshots(): any[] { return [...this.all(SNAPSHOTS).values()]; }

  get groups(): any[] { return [...this.all(GROUPS).values()]; }

  group(name: string): any { return this.all(GROUPS).get(name); }

  /** The snapshots that the controller made for a group. */
  membersOf(groupName: string): any[] {
    return this.snapshots.filter(s => s.metadata.ownerReferences?.[0].uid === this.group(groupName)?.metadata.uid);
  }

  get claims(): any[] { return [...this.all(CLAIMS).values()]; }

  get contents(): any[] { return [...this.all(CONTENTS).values()]; }

  get events(): any[] { return this.listOf(EVENTS); }

  listOf(collection: string): any[] { return [...this.all(collection).values()]; }

  /** Names of the snapshots that are there and not on their way out. */
  get names(): string[] { return this.snapshots.filter(s => !s.metadata.deletionTimestamp).map(s => s.metadata.name as string).sort(); }

  get readyNames(): string[] { return this.names.filter(name => this.snapshot(name).status?.readyToUse); }

  /** Snapshots in the storage that no VolumeSnapshot shows any more. */
  get orphans(): string[] {
    const known = new Set(this.snapshots.map(s => handleOf(s.metadata.uid)));
    return [...this.backend.keys()].filter(handle => !known.has(handle));
  }

  /** VolumeSnapshots without their data in the storage. */
  get hollow(): string[] {
    return this.snapshots.filter(s => s.status?.readyToUse && !this.backend.has(handleOf(s.metadata.uid))).map(s => s.metadata.name as string);
  }

  /** What the API server takes the time to be. */
  now(): number { return this.clock.now() + this.clockError; }

  snapshot(name: string): any { return this.all(SNAPSHOTS).get(name); }

  /** The policy of the snapshot's content. */
  policyOf(name: string): string { return this.all(CONTENTS).get(this.snapshot(name).status.boundVolumeSnapshotContentName)?.spec.deletionPolicy; }

  addClaim(name: string, options: { phase?: string; labels?: { [key: string]: string }; uid?: string; spec?: object } = {}): string {
    const uid = options.uid ?? this.newUid();
    this.store(CLAIMS, { metadata: { name, namespace: NAMESPACE, uid, labels: options.labels }, spec: options.spec ?? {}, status: { phase: options.phase ?? 'Bound' } });
    return uid;
  }

  /** What a user does who restores from nothing: the name stays, the uid does not. */
  recreateClaim(name: string): string {
    this.remove(CLAIMS, name);
    return this.addClaim(name);
  }

  claimUid(name: string): string { return this.find(CLAIMS, name).metadata.uid; }

  editClaim(name: string, edit: (claim: any) => void): void { this.edit(CLAIMS, name, edit); }

  editSnapshot(name: string, edit: (snapshot: any) => void): void { this.edit(SNAPSHOTS, name, edit); }

  /** Puts an annotation on a snapshot, as kubectl annotate does. */
  hold(name: string): void {
    this.editSnapshot(name, snapshot => { snapshot.metadata.annotations = { ...snapshot.metadata.annotations, [KEYS.hold]: 'ticket-7' }; });
  }

  removeClaim(name: string): void { this.remove(CLAIMS, name); }

  /** Any object, as an administrator or another tool makes it. */
  add(collection: string, object: any): any {
    const { metadata } = object;
    return this.store(collection, copy({ ...object, metadata: { uid: this.newUid(), creationTimestamp: timestamp(this.clock.now()), ...metadata } }));
  }

  editContent(name: string, edit: (content: any) => void): void { this.edit(CONTENTS, name, edit); }

  editGroup(name: string, edit: (group: any) => void): void { this.edit(GROUPS, name, edit); }

  /** A group of an earlier run, with its members and their data. */
  addGroup(name: string, at: number, claims: string[], seed: { ready?: boolean; labels?: { [key: string]: string } } = {}): string {
    const uid = this.newUid();
    const ready = seed.ready ?? true;
    this.store(GROUPS, {
      metadata: {
        name,
        namespace: NAMESPACE,
        uid,
        creationTimestamp: timestamp(at),
        labels: { [KEYS.schedule]: 'nightly', [KEYS.consistency]: 'crash', ...seed.labels },
        annotations: { [KEYS.claimUids]: claims.map(claim => this.claimUid(claim)).join() },
        finalizers: [GROUP_FINALIZER],
      },
      spec: {},
      status: { boundVolumeGroupSnapshotContentName: `groupsnapcontent-${uid}`, creationTime: timestamp(at), readyToUse: ready },
    });
    if (ready) { claims.forEach(claim => this.addMember(uid, name, claim, at)); }
    return name;
  }

  /** What kubectl delete does. */
  deleteSnapshot(name: string): void { this.delete(SNAPSHOTS, name, undefined); }

  /** A snapshot of an earlier run, with its content and its data. */
  addSnapshot(claimName: string, seed: SnapshotSeed): string {
    const name = seed.name ?? `${claimName}-${new Date(seed.at).toISOString().slice(0, 16).replace(/[-:T]/g, '')}`;
    const uid = this.newUid();
    const claimUid = this.all(CLAIMS).get(claimName)?.metadata.uid ?? 'unknown';
    const policy = seed.deletionPolicy ?? this.deletionPolicy;
    const bound = seed.bound ?? true;
    const cut = seed.cut ?? true;
    const ready = seed.ready ?? cut;
    const contentName = seed.contentName ?? `snapcontent-${uid}`;
    const labels = { [KEYS.schedule]: 'nightly', [KEYS.claimUid]: claimUid, ...seed.labels };
    if (bound) {
      this.store(CONTENTS, {
        ...contentOf(contentName, { name, uid }, policy, claimUid, seed.at),
        ...cut && { status: cutStatus(uid, seed.at, ready) },
      });
      this.seenPolicies.set(contentName, policy);
    }
    if (cut) { this.backend.set(handleOf(uid), claimUid); }
    this.store(SNAPSHOTS, {
      metadata: {
        name,
        namespace: NAMESPACE,
        uid,
        creationTimestamp: timestamp(seed.at),
        labels: JSON.parse(JSON.stringify(labels)),
        annotations: seed.annotations,
        finalizers: [SOURCE_FINALIZER, ...bound && policy === 'Delete' ? [BOUND_FINALIZER] : []],
      },
      spec: { source: { persistentVolumeClaimName: claimName } },
      status: bound ? {
        boundVolumeSnapshotContentName: contentName,
        readyToUse: ready,
        ...cut && { creationTime: timestamp(seed.at), restoreSize: '1Gi' },
        ...seed.error && { error: { message: seed.error } },
      } : undefined,
    });
    return name;
  }

  /** Begins to work, on what was left lying as well. */
  startController(): void {
    this.controllerRunning = true;
    for (const contentName of this.all(CONTENTS).keys()) { this.seePolicy(contentName); }
    for (const name of this.all(SNAPSHOTS).keys()) { this.reconcileSoon(name); }
  }

  /** The driver's sidecar begins to work, on what it has missed as well. */
  startSidecar(): void {
    this.sidecarRunning = true;
    for (const { metadata, spec: { volumeSnapshotRef: { name, uid } }, status } of this.contents) {
      if (metadata.name === `snapcontent-${uid}` && status?.snapshotHandle === undefined) { this.cutAfter(this.controllerDelay, name, uid, 1000); }
    }
  }

  /** The controller gets to a snapshot of its backlog, now. */
  workOff(name: string): void {
    this.backlog.delete(name);
    this.reconcile(name);
  }

  /** Ends all watches in order, as the server does after its time. */
  endWatches(): void { this.watchers.forEach(watcher => watcher.end()); }

  /** Breaks all watches off, or sends them an event of type ERROR. */
  breakWatches(error: Error): void { this.watchers.forEach(watcher => watcher.end(error)); }

  /** Sends nothing more on the open watches; the real client notices after 100 s. */
  stallWatches(): void {
    for (const watcher of this.watchers) {
      watcher.stalled = true;
      this.clock.after(100 * SECOND, () => watcher.end(new ConnectionError('the watch broke off: silent for 100 s')));
    }
  }

  /** Forgets what happened: a watch from an older version gets 410. */
  compact(): void {
    this.compacted = this.version;
    this.history = [];
  }

  // ---- what a pod does

  async request(pod: FakePod, request: ApiRequest): Promise<any> {
    const call = this.record(pod, request, false);
    await this.before?.(call);
    await this.clock.wait(this.latency);
    if (!pod.alive) { return never(); }
    const answer = attempt(() => this.execute(request));
    await this.clock.wait(this.latency);
    await this.after?.(call);
    return answer();
  }

  async watch(pod: FakePod, path: string, query: Query, onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<void> {
    const call = this.record(pod, { method: 'GET', path, query }, true);
    await this.before?.(call);
    await this.clock.wait(this.latency);
    if (!pod.alive) { return never(); }
    if (signal.aborted) { throw new TerminatedError(); }
    const from = Number(query.resourceVersion);
    if (from < this.compacted) { throw new ApiError(410, `too old resource version: ${from} (${this.compacted})`); }
    const ended = new Promise<void>((resolve, reject) => {
      const watcher: Watcher = {
        pod,
        collection: path,
        query,
        onEvent,
        stalled: false,
        end: error => {
          this.watchers.delete(watcher);
          if (error) { reject(error); } else { resolve(); }
        },
      };
      this.watchers.add(watcher);
      signal.addEventListener('abort', () => watcher.end());
      this.history.filter(change => change.version > from).forEach(change => this.tell(watcher, change));
      this.bookmark(watcher);
      this.clock.after(300 * SECOND, () => watcher.end());
    });
    // it may end while the hook still waits
    ended.catch(() => undefined);
    await this.after?.(call);
    return ended;
  }

  private record(pod: FakePod, request: ApiRequest, watch: boolean): Call {
    const { collection, name } = parse(request.path);
    const { method } = request;
    const call: Call = {
      number: this.calls.length,
      verb: watch ? 'WATCH' : method === 'GET' && name === undefined ? 'LIST' : method,
      resource: collection.slice(collection.lastIndexOf('/') + 1),
      name: name ?? (request.body as any)?.metadata?.name,
      request,
      pod,
      at: this.clock.now(),
      hang: async () => {
        await this.clock.wait(30 * SECOND);
        throw new ConnectionError('the API server at 10.0.0.1:443 did not answer (silent for 30 s); a NetworkPolicy that denies egress is the usual cause');
      },
    };
    this.calls.push(call);
    return call;
  }

  private execute({ method, path, query, body }: ApiRequest): any {
    const { collection, name } = parse(path);
    if ((!this.crdsInstalled && collection.startsWith(SNAPSHOT_API)) || (!this.groupsInstalled && collection.startsWith(GROUP_API))) { throw new ApiError(404, 'the server could not find the requested resource'); }
    switch (method) {
      case 'POST': return copy(this.create(collection, body));
      case 'PATCH': return copy(this.patch(collection, name ?? '', body, query?.dryRun === 'All'));
      case 'DELETE': return copy(this.delete(collection, name ?? '', (body as any)?.preconditions));
      case 'GET': return name === undefined ? this.list(collection, query ?? {}) : copy(this.find(collection, name));
    }
  }

  private create(collection: string, body: any): any {
    const { name } = body.metadata;
    if (this.all(collection).has(name)) { throw new ApiError(409, `${kindOf(collection)} "${name}" already exists`); }
    if ([SNAPSHOTS, GROUPS].includes(collection) && this.all(collection).size >= this.quota) {
      throw new ApiError(403, `${kindOf(collection)} "${name}" is forbidden: exceeded quota: objects, `
        + `requested: count/${kindOf(collection)}=1, used: count/${kindOf(collection)}=${this.quota}, limited: count/${kindOf(collection)}=${this.quota}`);
    }
    if (collection === CLAIMS && this.all(CLAIMS).size >= this.claimQuota) {
      throw new ApiError(403, `persistentvolumeclaims "${name}" is forbidden: exceeded quota: objects`);
    }
    const object = copy(body);
    object.metadata = { ...object.metadata, namespace: NAMESPACE, uid: this.newUid(), creationTimestamp: timestamp(this.now()) };
    if (collection === CLAIMS) { this.provisionSoon(name, object.metadata.uid); }
    if (collection === PODS) { this.runSoon(name, object.metadata.uid); }
    return this.store(collection, object);
  }

  private runSoon(name: string, uid: string): void {
    this.clock.after(SECOND, () => {
      const pod = this.all(PODS).get(name);
      if (pod?.metadata.uid !== uid) { return; }
      const claims = pod.spec.volumes.flatMap((volume: any) => volume.persistentVolumeClaim?.claimName ?? [])
        .map((claim: string) => this.all(CLAIMS).get(claim));
      const isUp = claims.every((claim: any) => claim && (claim.status?.phase === 'Bound' || this.waitsForPod));
      if (isUp && this.podEnd) { this.edit(PODS, name, each => { each.status = this.podEnd; }); } else { this.runSoon(name, uid); }
    });
  }

  /** What makes the volume of a claim, or waits for a pod, or tries again and again. */
  private provisionSoon(name: string, uid: string): void {
    this.clock.after(this.provisionDelay, () => {
      const claim = this.all(CLAIMS).get(name);
      if (claim?.metadata.uid !== uid) { return; }
      const say = (type: string, reason: string, message: string) => this.store(EVENTS, {
        metadata: { name: `${name}.${this.newUid()}`, namespace: NAMESPACE },
        involvedObject: { kind: 'PersistentVolumeClaim', name, uid },
        type,
        reason,
        message,
        lastTimestamp: timestamp(this.clock.now()),
      });
      if (this.waitsForPod) { return void say('Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding'); }
      const source = this.all(SNAPSHOTS).get(claim.spec.dataSource.name);
      const usable = source?.status?.readyToUse && !source.metadata.deletionTimestamp;
      if (usable && this.provisionError === undefined) { return void this.edit(CLAIMS, name, c => { c.status = { phase: 'Bound' }; }); }
      say('Warning', 'ProvisioningFailed', this.provisionError ?? `snapshot ${claim.spec.dataSource.name} is not ready`);
      this.provisionSoon(name, uid);
    });
  }

  private find(collection: string, name: string): any {
    const object = this.all(collection).get(name);
    if (!object) { throw new ApiError(404, `${kindOf(collection)} "${name}" not found`); }
    return object;
  }

  private list(collection: string, query: Query): any {
    const token = query.continue;
    const { items, version } = (token !== undefined && this.pages.get(token)) || {
      items: this.allBelow(collection)
        .filter(object => isSelected(object, query))
        .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)),
      version: `${this.version}`,
    };
    const limit = Number(query.limit ?? Infinity);
    const rest = items.slice(limit);
    const next = rest.length > 0 ? `page-${this.pages.size}` : '';
    if (rest.length > 0) { this.pages.set(next, { items: rest, version }); }
    return copy({ metadata: { resourceVersion: version, continue: next }, items: items.slice(0, limit) });
  }

  private patch(collection: string, name: string, patch: any, dryRun: boolean): any {
    if (collection === CONTENTS && !this.mayReclaim) {
      throw new ApiError(403, `${kindOf(collection)} "${name}" is forbidden: User "system:serviceaccount:shop:nightly" cannot patch resource`);
    }
    const object = this.find(collection, name);
    const { metadata: { resourceVersion = object.metadata.resourceVersion, ...metadata } = {} as any } = patch;
    if (resourceVersion !== object.metadata.resourceVersion) {
      throw new ApiError(409, `Operation cannot be fulfilled on ${kindOf(collection)} "${name}": the object has been modified`);
    }
    const more = Object.keys({ ...patch, ...metadata }).some(key => !['spec', 'metadata'].includes(key)) || Object.keys(patch.spec ?? {}).some(key => key !== 'deletionPolicy');
    const denied = collection !== CONTENTS ? undefined : this.fenced && more ? 'nothing but spec.deletionPolicy may be changed' : this.fence?.(object, patch);
    if (denied !== undefined) { throw new ApiError(422, `${kindOf(collection)} "${name}" is invalid: ValidatingAdmissionPolicy denied request: ${denied}`); }
    return dryRun ? object : this.edit(collection, name, next => { merge(next, patch); });
  }

  private delete(collection: string, name: string, preconditions: { uid?: string; resourceVersion?: string } | undefined): any {
    const object = this.find(collection, name);
    for (const [field, value] of Object.entries(preconditions ?? {})) {
      if (object.metadata[field] !== value) {
        throw new ApiError(409, `Operation cannot be fulfilled on ${kindOf(collection)} "${name}": the ${field} in the precondition (${value}) `
          + `does not match the ${field} in record (${object.metadata[field]})`);
      }
    }
    if (object.metadata.deletionTimestamp) { return object; }
    if (!object.metadata.finalizers?.length) { return this.remove(collection, name); }
    if (collection === CONTENTS) { this.deleteContentSoon(name); }
    return this.edit(collection, name, next => { next.metadata.deletionTimestamp = timestamp(this.now()); });
  }

  // ---- the store; stored objects are never changed in place

  private all(collection: string): Map<string, any> {
    let objects = this.collections.get(collection);
    if (!objects) {
      objects = new Map();
      this.collections.set(collection, objects);
    }
    return objects;
  }

  /** The objects of a collection; of all namespaces if none is named. */
  private allBelow(collection: string): any[] {
    const ofSnapshots = `${SNAPSHOT_API}/volumesnapshots`;
    const paths = collection === ofSnapshots ? [...this.collections.keys()].filter(path => /\/namespaces\/[^/]+\/volumesnapshots$/.test(path)) : [collection];
    return paths.flatMap(path => [...this.all(path).values()]);
  }

  private store(collection: string, object: any): any {
    const { name } = object.metadata;
    const before = this.all(collection).get(name);
    this.version += 1;
    object.metadata.resourceVersion = `${this.version}`;
    this.all(collection).set(name, object);
    this.publish({ version: this.version, collection, before, after: object });
    return object;
  }

  private edit(collection: string, name: string, change: (object: any) => void): any {
    const object = copy(this.find(collection, name));
    change(object);
    return object.metadata.deletionTimestamp && !object.metadata.finalizers?.length ? this.remove(collection, name) : this.store(collection, object);
  }

  /** A pod that mounts claims, and the application in it. */
  addPod(name: string, claims: string[], changes: { phase?: string; labels?: { [key: string]: string }; readOnly?: boolean } = {}): FakeApplication {
    this.store(PODS, {
      metadata: { name, namespace: NAMESPACE, uid: this.newUid(), labels: changes.labels },
      spec: { volumes: claims.map(claimName => ({ name: claimName, persistentVolumeClaim: { claimName, readOnly: changes.readOnly } })) },
      status: { phase: changes.phase ?? 'Running' },
    });
    const application = new FakeApplication(this.clock);
    this.applications.set(name, application);
    return application;
  }

  removePod(name: string): void {
    this.remove(PODS, name);
    this.applications.delete(name);
  }

  /** Starts the command of a quiesced schedule. */
  async exec(pod: FakePod, { pod: name, command }: ExecRequest): Promise<FakeSession> {
    const call: Call = {
      number: this.calls.length, verb: 'POST', resource: 'exec', name, request: { method: 'POST', path: `${PODS}/${name}/exec` }, pod, at: this.now(), hang: never,
    };
    this.calls.push(call);
    await this.before?.(call);
    await this.clock.wait(20);
    const application = this.applications.get(name);
    if (!application) { throw new ApiError(404, `pods "${name}" not found`); }
    return application.start(command);
  }

  /** Whether all that write to a claim are held. */
  private isHeld(claimName: string): boolean {
    const writers = [...this.all(PODS).values()]
      .filter(pod => pod.spec.volumes.some((volume: any) => volume.persistentVolumeClaim.claimName === claimName));
    return writers.length > 0 && writers.every(pod => this.applications.get(pod.metadata.name)?.frozen);
  }

  /** A person takes away a content with its finalizers. */
  removeContent(name: string): void { this.remove(CONTENTS, name); }

  private remove(collection: string, name: string): any {
    const before = this.find(collection, name);
    this.version += 1;
    this.all(collection).delete(name);
    this.publish({ version: this.version, collection, before });
    return before;
  }

  private publish(change: Change): void {
    this.history.push(change);
    for (const watcher of this.watchers) {
      if (watcher.collection === change.collection) { this.tell(watcher, change); }
    }
    if (change.collection === SNAPSHOTS && change.after) { this.reconcileSoon(change.after.metadata.name); }
    if (change.collection === GROUPS && change.after) { this.reconcileGroupSoon(change.after.metadata.name); }
    if (change.collection === CONTENTS && !change.after) { this.reconcileSoon(change.before.spec.volumeSnapshotRef.name); }
    if (change.collection === CONTENTS && change.after) {
      this.clock.after(this.informerDelay, () => { if (this.controllerRunning) { this.seePolicy(change.after.metadata.name); } });
    }
  }

  private tell(watcher: Watcher, { collection, before, after, version }: Change): void {
    if (collection !== watcher.collection) { return; }
    const was = before !== undefined && isSelected(before, watcher.query);
    const is = after !== undefined && isSelected(after, watcher.query);
    if (!was && !is) { return; }
    const object = copy(is ? after : before);
    object.metadata.resourceVersion = `${version}`;
    this.send(watcher, { type: is ? was ? 'MODIFIED' : 'ADDED' : 'DELETED', object });
  }

  private send(watcher: Watcher, event: WatchEvent): void {
    this.clock.after(this.watchDelay, () => {
      if (watcher.pod.alive && !watcher.stalled && this.watchers.has(watcher)) { watcher.onEvent(event); }
    });
  }

  private bookmark(watcher: Watcher): void {
    this.clock.after(60 * SECOND, () => {
      if (!this.watchers.has(watcher)) { return; }
      this.send(watcher, { type: 'BOOKMARK', object: { metadata: { resourceVersion: `${this.version}` } } });
      this.bookmark(watcher);
    });
  }

  private newUid(): string {
    this.made += 1;
    return `00000000-0000-4000-8000-${`${this.made}`.padStart(12, '0')}`;
  }

  // ---- the snapshot controller and the driver

  private seePolicy(contentName: string): void {
    const content = this.all(CONTENTS).get(contentName);
    if (!content) { return; }
    this.seenPolicies.set(contentName, content.spec.deletionPolicy);
    this.reconcileSoon(content.spec.volumeSnapshotRef.name);
  }

  private reconcileSoon(name: string): void {
    this.clock.after(this.controllerDelay, () => {
      if (this.controllerRunning && !this.backlog.has(name) && this.all(SNAPSHOTS).has(name)) { this.reconcile(name); }
    });
  }

  private reconcile(name: string): void {
    const { metadata, status, spec } = this.snapshot(name);
    const contentName = status?.boundVolumeSnapshotContentName ?? `snapcontent-${metadata.uid}`;
    const content = this.all(CONTENTS).get(contentName);
    if (metadata.deletionTimestamp) {
      this.finishDeletion(name, content);
    } else if (content) {
      // it is added when the content says Delete, and stays when it says Retain again; not while the driver is cutting, as was seen on a cluster
      const cutting = status?.creationTime === undefined && status?.error === undefined;
      if (this.seenPolicies.get(contentName) === 'Delete' && !cutting && !metadata.finalizers?.includes(BOUND_FINALIZER)) {
        this.editSnapshot(name, s => { s.metadata.finalizers = [...s.metadata.finalizers ?? [], BOUND_FINALIZER]; });
      }
    } else if (!status?.boundVolumeSnapshotContentName) {
      this.bind(name, contentName, spec.source.persistentVolumeClaimName);
    }
  }

  private bind(name: string, contentName: string, claimName: string): void {
    const { uid } = this.snapshot(name).metadata;
    this.seenPolicies.set(contentName, this.deletionPolicy);
    this.editSnapshot(name, s => {
      s.metadata.finalizers = [SOURCE_FINALIZER, ...this.deletionPolicy === 'Delete' && !this.finalizerIsLate ? [BOUND_FINALIZER] : []];
      s.status = { boundVolumeSnapshotContentName: contentName, readyToUse: false };
    });
    const claimUid = this.all(CLAIMS).get(claimName)?.metadata.uid;
    this.store(CONTENTS, contentOf(contentName, { name, uid }, this.deletionPolicy, claimUid, this.clock.now()));
    this.cutAfter(this.cutDelay(claimName), name, uid, 1000);
  }

  private cutAfter(delay: number, name: string, uid: string, nextTry: number): void {
    this.clock.after(delay, () => {
      if (!this.sidecarRunning || !this.all(CONTENTS).has(`snapcontent-${uid}`)) { return; }
      const isThere = () => this.snapshot(name)?.metadata.uid === uid;
      if (this.driverError !== undefined) {
        const message = this.driverError;
        if (isThere()) { this.editSnapshot(name, s => { s.status.error = { message }; }); }
        this.cutAfter(nextTry, name, uid, Math.min(2 * nextTry, 5 * MINUTE));
        return;
      }
      const claim = this.all(CLAIMS).get(this.snapshot(name)?.spec.source.persistentVolumeClaimName);
      this.backend.set(handleOf(uid), claim?.metadata.uid ?? 'unknown');
      if (this.isHeld(claim?.metadata.name)) { this.cutWhileHeld.add(name); }
      const now = this.clock.now() + this.storageClockError;
      const report = (ready: boolean) => {
        if (this.all(CONTENTS).has(`snapcontent-${uid}`)) { this.editContent(`snapcontent-${uid}`, c => { c.status = cutStatus(uid, now, ready); }); }
      };
      report(false);
      if (!isThere()) { return; }
      this.editSnapshot(name, s => { s.status.creationTime = timestamp(now); });
      this.clock.after(this.readyDelay, () => {
        report(true);
        if (!isThere()) { return; }
        this.editSnapshot(name, s => {
          s.status.readyToUse = true;
          // only now is an earlier error taken away
          delete s.status.error;
        });
        if (this.finalizerIsLate) { this.reconcileSoon(name); }
      });
    });
  }

  private reconcileGroupSoon(name: string, delay = this.controllerDelay): void {
    this.clock.after(delay, () => { if (this.controllerRunning && this.all(GROUPS).has(name)) { this.reconcileGroup(name); } });
  }

  private reconcileGroup(name: string): void {
    const { metadata, spec, status } = this.group(name);
    if (metadata.deletionTimestamp) {
      for (const member of this.membersOf(name)) {
        if (this.deletionPolicy === 'Delete') { this.backend.delete(handleOf(member.metadata.uid)); }
        this.remove(SNAPSHOTS, member.metadata.name);
      }
      this.editGroup(name, g => { g.metadata.finalizers = []; });
    } else if (!status?.boundVolumeGroupSnapshotContentName) {
      // what the selector excludes is not looked at, as was seen on a cluster
      const labels: [string, string][] = Object.entries(spec.source.selector.matchLabels);
      const claims = this.claims.filter(claim => labels.every(([key, value]) => claim.metadata.labels?.[key] === value));
      if (claims.length === 0) {
        const error = { message: 'label selector for group snapshot not applied to any PVC' };
        if (!status?.error) { this.editGroup(name, g => { g.status = { error }; }); }
        return this.reconcileGroupSoon(name, SECOND);
      }
      this.editGroup(name, g => {
        g.metadata.finalizers = [GROUP_FINALIZER];
        g.status = { boundVolumeGroupSnapshotContentName: `groupsnapcontent-${metadata.uid}`, readyToUse: false };
      });
      this.cutGroupAfter(this.cutDelay(name), name, claims.map(claim => claim.metadata.name));
    }
  }

  private cutGroupAfter(delay: number, name: string, claims: string[]): void {
    this.clock.after(delay, () => {
      if (!this.all(GROUPS).has(name)) { return; }
      if (this.driverError !== undefined) {
        const message = this.driverError;
        this.editGroup(name, g => { g.status.error = { message }; });
        return this.cutGroupAfter(10 * SECOND, name, claims);
      }
      const now = this.clock.now();
      if (claims.every(claim => this.isHeld(claim))) { this.cutWhileHeld.add(name); }
      this.editGroup(name, g => { g.status.creationTime = timestamp(now); });
      this.clock.after(this.readyDelay, () => {
        this.editGroup(name, g => { g.status.readyToUse = true; });
        this.clock.after(this.memberDelay, () => {
          const { uid } = this.group(name).metadata;
          claims.filter(claim => !this.forgottenMembers.has(claim)).forEach(claim => this.addMember(uid, name, claim, now));
        });
      });
    });
  }

  /** As the snapshot controller makes it: with no label, under a name that says nothing. */
  private addMember(groupUid: string, groupName: string, claimName: string, at: number): void {
    const uid = this.newUid();
    this.backend.set(handleOf(uid), this.claimUid(claimName));
    this.store(SNAPSHOTS, {
      metadata: {
        name: `snapshot-${uid}`,
        namespace: NAMESPACE,
        uid,
        creationTimestamp: timestamp(at),
        finalizers: [IN_GROUP_FINALIZER, SOURCE_FINALIZER],
        ownerReferences: [{ apiVersion: 'groupsnapshot.storage.k8s.io/v1', kind: 'VolumeGroupSnapshot', name: groupName, uid: groupUid }],
      },
      spec: { source: { persistentVolumeClaimName: claimName } },
      status: { boundVolumeSnapshotContentName: `snapcontent-${uid}-member`, readyToUse: true, creationTime: timestamp(at), volumeGroupSnapshotName: groupName },
    });
  }

  private finishDeletion(name: string, content: any): void {
    if (content && this.seenPolicies.get(content.metadata.name) === 'Delete') {
      if (content.metadata.deletionTimestamp) { return; }
      this.editContent(content.metadata.name, c => { c.metadata.annotations = { ...c.metadata.annotations, [BEING_DELETED]: 'yes' }; });
      this.delete(CONTENTS, content.metadata.name, undefined);
      // the snapshot stays until the driver's sidecar has let the content go
      return;
    } else if (content && !content.metadata.annotations?.[BEING_DELETED]) {
      const time = timestamp(this.clock.now());
      this.editContent(content.metadata.name, c => {
        c.metadata.annotations = { ...c.metadata.annotations, [BEING_DELETED]: 'yes' };
        c.metadata.managedFields = [{ manager: 'snapshot-controller', time, fieldsV1: { 'f:metadata': { 'f:annotations': { [`f:${BEING_DELETED}`]: {} } } } }];
      });
    }
    const isForeign = (finalizer: string) => ![SOURCE_FINALIZER, BOUND_FINALIZER].includes(finalizer);
    const finalizers: string[] = this.snapshot(name).metadata.finalizers ?? [];
    if (!finalizers.every(isForeign)) {
      this.editSnapshot(name, s => { s.metadata.finalizers = finalizers.filter(isForeign); });
    }
  }

  /** The driver's sidecar and a content that is being deleted; one that was never let go it takes for a copy, and does nothing. */
  private deleteContentSoon(name: string, delay = this.controllerDelay): void {
    this.clock.after(delay, () => {
      const content = this.all(CONTENTS).get(name);
      if (!this.sidecarRunning || !content?.metadata.deletionTimestamp || !content.metadata.annotations?.[BEING_DELETED]) { return; }
      if (content.spec.deletionPolicy === 'Delete' && this.deletionFails) {
        this.deleteContentSoon(name, 10 * SECOND);
        return;
      }
      if (content.spec.deletionPolicy === 'Delete') { this.backend.delete(content.status?.snapshotHandle); }
      this.editContent(name, c => { c.metadata.finalizers = []; });
    });
  }
}

/** A pod of the Job, as a client of the server. */
export class FakePod implements KubeClient {
  alive = true;
  private readonly sessions: FakeSession[] = [];
  private hasHeard = false;

  constructor(readonly server: FakeApiServer) {}

  /** The process is gone from one moment to the next: nothing that it waits for ever comes. */
  kill(): void {
    this.alive = false;
    this.sessions.forEach(session => session.cut());
  }

  async request(request: ApiRequest, signal?: AbortSignal): Promise<any> {
    try {
      const answer = await this.whileAlive(signal, () => this.server.request(this, request));
      this.hasHeard = true;
      return answer;
    } catch (error) {
      this.hasHeard ||= error instanceof ApiError;
      throw error;
    }
  }

  watch(path: string, query: Query, onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<void> {
    return this.whileAlive(undefined, () => this.server.watch(this, path, query, onEvent, signal));
  }

  /** The API server's time, as soon as an answer has told it; a node may be wrong. */
  now(): number { return this.hasHeard ? this.server.now() : this.server.clock.now() + this.server.nodeClockError; }

  elapsed(): number { return this.server.clock.now(); }

  exec(request: ExecRequest, signal?: AbortSignal): Promise<ExecSession> {
    return this.whileAlive(signal, async () => {
      const session = await this.server.exec(this, request);
      this.sessions.push(session);
      // the connection is made just when the process is gone
      if (!this.alive) { session.cut(); }
      return session;
    });
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    let cancel = () => {};
    signal?.addEventListener('abort', () => cancel(), { once: true });
    return this.whileAlive(signal, () => new Promise(resolve => { cancel = this.server.clock.after(milliseconds, resolve); }));
  }

  private whileAlive<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.alive) { return; }
      if (signal?.aborted) { return reject(new TerminatedError()); }
      signal?.addEventListener('abort', () => { if (this.alive) { reject(new TerminatedError()); } }, { once: true });
      work().then(
        value => { if (this.alive) { resolve(value); } },
        (error: Error) => { if (this.alive) { reject(error); } },
      );
    });
  }
}

function never(): Promise<never> { return new Promise(() => undefined); }

function attempt<T>(work: () => T): () => T {
  try {
    const value = work();
    return () => value;
  } catch (error) {
    return () => { throw error; };
  }
}

function copy<T>(object: T): T { return structuredClone(object); }

// the API server writes whole seconds
function timestamp(time: number): string { return `${new Date(time).toISOString().slice(0, 19)}Z`; }

/** As the snapshot controller makes it. */
function contentOf(name: string, snapshot: { name: string; uid: string }, deletionPolicy: string, claimUid: string | undefined, at: number): any {
  return {
    metadata: { name, uid: `content-${snapshot.uid}`, creationTimestamp: timestamp(at), finalizers: [CONTENT_FINALIZER] },
    spec: {
      deletionPolicy,
      driver: 'csi.example.com',
      source: name.startsWith('snapcontent-') ? { volumeHandle: `vol-${claimUid}` } : { snapshotHandle: handleOf(snapshot.uid) },
      volumeSnapshotRef: { ...snapshot, namespace: NAMESPACE },
    },
  };
}

/** As the driver's sidecar writes it into the content, in nanoseconds. */
function cutStatus(uid: string, at: number, readyToUse: boolean): object {
  return { snapshotHandle: handleOf(uid), creationTime: at * 1e6, readyToUse, restoreSize: 1024 ** 3 };
}

function handleOf(uid: string): string { return `snap-${uid}`; }

function parse(path: string): { collection: string; name?: string } {
  const parts = /^(\/api\/v1|\/apis\/[^/]+\/v1(?:beta2)?)(\/namespaces\/[^/]+)?\/([a-z]+)(?:\/([^/]+))?$/.exec(path);
  if (!parts) { throw new Error(`the fake server does not know the path ${path}`); }
  return { collection: `${parts[1]}${parts[2] ?? ''}/${parts[3]}`, name: parts[4] };
}

function kindOf(collection: string): string {
  const resource = collection.slice(collection.lastIndexOf('/') + 1);
  if (collection.startsWith(GROUP_API)) { return `${resource}.groupsnapshot.storage.k8s.io`; }
  return collection.startsWith(SNAPSHOT_API) ? `${resource}.snapshot.storage.k8s.io` : resource;
}

function isSelected(object: any, { labelSelector, fieldSelector }: Query): boolean {
  const labels = object.metadata.labels ?? {};
  const byLabels = (labelSelector ?? '').split(',').filter(Boolean).every(term => {
    if (term.startsWith('!')) { return !(term.slice(1) in labels); }
    const [key, value] = term.split('=');
    return value === undefined ? key in labels : labels[key] === value;
  });
  return byLabels && (fieldSelector ?? '').split(',').filter(Boolean).every(term => {
    const [path, value] = term.split('=');
    return path.split('.').reduce((part, key) => part?.[key], object) === value;
  });
}

function merge(target: any, patch: any): void {
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) {
      delete target[key];
    } else if (typeof value === 'object' && typeof target[key] === 'object') {
      merge(target[key], value);
    } else {
      target[key] = value;
    }
  }
}

// ---- runs

/** A schedule of one claim called 'data' that keeps the newest three, with what a test changes of it. */
export function schedule(changes: Partial<RunnerConfig> = {}): RunnerConfig {
  return {
    version: 3,
    scheduleId: 'nightly',
    claims: [{ kind: 'Claim', name: 'data' }],
    snapshotClassName: 'ebs',
    deletionPolicy: 'Delete',
    prunedStorage: 'Reclaim',
    retention: { keepLast: 3, minimumReady: 1 },
    readyTimeoutSeconds: 600,
    concurrency: 20,
    maxNotReady: 3,
    labels: {},
    annotations: {},
    ...changes,
  };
}

export interface RunOptions {
  readonly config?: RunnerConfig;
  /** the scheduled time; now if absent */
  readonly run?: Run;
}

export interface StartedRun {
  readonly pod: FakePod;
  readonly result: Promise<RunResult>;
  /** log lines so far */
  readonly lines: { step: string; [detail: string]: any }[];
  /** what the kubelet does first when it ends a pod */
  sigterm(): void;
}

/** Starts a pod of the Job; time passes only while somebody waits on the clock. */
export function start(server: FakeApiServer, options: RunOptions = {}): StartedRun {
  const pod = new FakePod(server);
  const terminated = new AbortController();
  const lines: StartedRun['lines'] = [];
  // not at once, so that the caller can still set hooks
  const result = Promise.resolve().then(() => runSchedule({
    client: pod,
    config: options.config ?? schedule(),
    namespace: NAMESPACE,
    pod: 'nightly-29510040-x7k2p',
    run: options.run ?? { kind: 'Scheduled', at: new Date(server.clock.now()) },
    signal: terminated.signal,
    log: (step, details) => { lines.push({ ...details, step }); },
  }));
  return { pod, result, lines, sigterm: () => terminated.abort() };
}

export interface FinishedRun extends RunResult {
  readonly lines: StartedRun['lines'];
  /** what the run asked of the server, in short */
  readonly requests: string[];
  readonly milliseconds: number;
}

/** A run from start to end, and a moment more so that the controllers are done as well. */
export async function perform(server: FakeApiServer, options: RunOptions = {}): Promise<FinishedRun> {
  const before = server.calls.length;
  const from = server.clock.now();
  const started = start(server, options);
  const result = await server.clock.until(started.result);
  const milliseconds = server.clock.now() - from;
  await server.clock.advance(2 * SECOND);
  return { ...result, lines: started.lines, requests: server.calls.slice(before).map(inShort), milliseconds };
}
