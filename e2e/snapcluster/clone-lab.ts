import { Chart, Cron, Duration } from 'cdk8s';
import { applyChart, DRIVER, eventually, freshNamespace, getJson, kubectl, names } from '../cluster';
import { shell, startPod } from '../databases';
import { storedSnapshotsOf } from './knobs';
import { outsideRunner, RunEnd } from './outside';
import {
  CsiDriver, DeletionPolicy, ISnapshotClass, ScheduledSnapshot, SnapshotClass, SnapshotClone, SnapshotCloneProps, SnapshotSource,
} from 'cdk8s-volume-snapshots';

const LABEL = 'cdk8s-volume-snapshots/clone';

/** Three namespaces for a test of clones, with a schedule `data` of the claim `data` in the first. */
export class CloneLab {
  readonly source: string;
  readonly target: string;
  readonly admin: string;

  constructor(private readonly topic: string) {
    [this.source, this.target, this.admin] = ['source', 'target', 'admin'].map(part => `${topic}-${part}`);
  }

  /** Starts from nothing, with a pod `data` that writes. */
  async begin(container: object = { image: 'busybox:1.36', command: ['sleep', '3600'] }, mountPath = '/v'): Promise<void> {
    [this.source, this.target, this.admin].forEach(namespace => freshNamespace(namespace));
    await startPod({ namespace: this.source, name: 'data', container, volumes: { data: mountPath } });
    applyChart(this.source, chart => new ScheduledSnapshot(chart, 'Schedule', {
      metadata: { name: 'data' }, source: SnapshotSource.fromClaimName('data'), snapshotClass: this.classIn(chart), schedule: Cron.daily(), suspend: true,
    }));
  }

  classIn(chart: Chart): ISnapshotClass {
    return new SnapshotClass(chart, 'Class', { metadata: { name: this.topic }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.DELETE });
  }

  /** Defines a clone. */
  clone(name: string, props: (chart: Chart) => Partial<SnapshotCloneProps> = () => ({})): void {
    applyChart(this.admin, chart => new SnapshotClone(chart, 'Clone', {
      metadata: { name },
      scheduleId: 'data',
      sourceNamespace: this.source,
      source: SnapshotSource.fromClaimName('data'),
      targetNamespace: this.target,
      timeout: Duration.minutes(2),
      ...props(chart),
    }));
  }

  async take(): Promise<void> { expect(await outsideRunner(this.source, 'data')()).toMatchObject({ exitCode: 0 }); }

  /** A run of a clone without a pod of its own, which takes a third of the time. */
  run(name: string): Promise<RunEnd> { return outsideRunner(this.admin, name)(); }

  async write(words: string): Promise<void> {
    shell(this.source, 'data', `echo "${words}" > /v/file && chmod 666 /v/file && chmod 777 /v && sync`);
    await this.take();
  }

  /** What is in the file of a claim, seen by a pod of the target namespace that goes on. */
  async read(claimName: string, pod = 'reader'): Promise<string> {
    await startPod({ namespace: this.target, name: pod, container: { image: 'busybox:1.36', command: ['sleep', '3600'] }, volumes: { [claimName]: '/v' } });
    return shell(this.target, pod, 'cat /v/file');
  }

  drop(pod: string): void { kubectl(['-n', this.target, 'delete', 'pod', pod, '--grace-period=0', '--force', '--ignore-not-found']); }

  clones(name: string): string[] { return names('-n', this.target, 'pvc', '-l', `${LABEL}=${name}.${this.admin}`); }

  get contents(): string[] {
    return getJson('volumesnapshotcontents', '-l', LABEL).items.map(({ metadata }: any) => metadata)
      .filter(({ labels }: any) => labels[LABEL].endsWith(`.${this.admin}`)).map(({ name }: any) => name);
  }

  pods(name: string): any[] { return getJson('-n', this.admin, 'pods', '-l', `${LABEL}=${name}.${this.admin}`).items; }

  /** What production has of its snapshots, in the cluster and in the storage. */
  get production(): unknown {
    const snapshots = getJson('-n', this.source, 'volumesnapshots').items;
    const known = snapshots.map(({ metadata, status }: any) => [metadata.name, status.readyToUse, status.boundVolumeSnapshotContentName]);
    return [known, storedSnapshotsOf(this.source)];
  }

  /** What clones have left behind, besides their claims. */
  get left(): string[] {
    return [
      ...this.contents, ...[this.admin, this.target].flatMap(namespace => names('-n', namespace, 'volumesnapshots')), ...names('-n', this.admin, 'pvc'),
      ...names('-n', this.admin, 'pods', '-l', LABEL), ...storedSnapshotsOf(this.admin), ...storedSnapshotsOf(this.target),
    ];
  }

  /** Ends pods and clones of a test, and looks whether anything else is left. */
  async cleanUp(): Promise<void> {
    ['reader', 'app'].forEach(pod => this.drop(pod));
    kubectl(['-n', this.target, 'delete', 'pvc', '-l', LABEL]);
    await eventually('nothing is left', 60, () => this.left.length === 0).catch(() => expect(this.left).toEqual([]));
  }
}
