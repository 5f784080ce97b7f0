import { ApiObject, App, Chart, ChartProps, Cron } from 'cdk8s';
import { Construct } from 'constructs';
import { ScheduledSnapshot, ScheduledSnapshotProps, SnapshotSource } from '../src';

/** A chart called `test`, in namespace `db` unless told otherwise. */
export function newChart(props: ChartProps = { namespace: 'db' }): Chart {
  return new Chart(new App(), 'test', props);
}

/** A schedule `Nightly` of the claim `data`, with what a test is about. */
export function schedule(scope: Construct, props: Partial<ScheduledSnapshotProps> = {}, id = 'Nightly'): ScheduledSnapshot {
  return new ScheduledSnapshot(scope, id, { source: SnapshotSource.fromClaimName('data'), schedule: Cron.daily(), ...props });
}

/** The objects of a kind, in the order in which they are written. */
export function objectsOf(chart: Chart, kind: string): any[] {
  return chart.toJson().filter(object => object.kind === kind);
}

/** The one object of a kind, and of a name if there are several. */
export function objectOf(chart: Chart, kind: string, name?: string): any {
  const found = objectsOf(chart, kind).filter(object => name === undefined || object.metadata.name === name);
  if (found.length !== 1) { throw new Error(`${found.length} objects are a ${kind}${name ? ` called ${name}` : ''}`); }
  return found[0];
}

/** The pod template of a schedule. */
export function podOf(chart: Chart, cronJob?: string): any {
  return objectOf(chart, 'CronJob', cronJob).spec.jobTemplate.spec.template;
}

/** The configuration document that the runner of a schedule reads. */
export function configOf(chart: Chart, cronJob?: string): any {
  const { env } = podOf(chart, cronJob).spec.containers[0];
  return JSON.parse(env.find((variable: any) => variable.name === 'SNAPSHOT_CONFIG').value);
}

/** A StatefulSet as an included manifest has it. */
export function statefulSet(scope: Construct, spec: object = {}, metadata: object = { name: 'postgres' }): ApiObject {
  return new ApiObject(scope, 'Postgres', {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata,
    spec: { replicas: 2, volumeClaimTemplates: [{ metadata: { name: 'data' } }], ...spec },
  });
}
