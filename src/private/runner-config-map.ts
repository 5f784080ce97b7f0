import { createHash } from 'crypto';
import { readFileSync } from 'fs';
import { join } from 'path';
import { ApiObject, ApiObjectMetadata, Chart } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { chartOf, literalMetadata } from './api';
import { RUNNER_FILE } from './runner-pod';
import { KEYS } from '../runner/config';

const ID = 'SnapshotRunner';

/** The one ConfigMap with the runner's program that the schedules of a chart and namespace share. */
export interface RunnerConfigMap {
  readonly name: string;
  readonly checksum: string;
}

export function runnerConfigMap(construct: IConstruct, namespace: string | undefined): RunnerConfigMap {
  const chart = chartOf(construct);
  const { program, checksum } = readRunner();
  const id = namespace === chart.namespace ? ID : `${ID}-${namespace}`;
  const object = findOurs(chart, id, checksum) ?? findOurs(chart, `${id}-${checksum}`, checksum) ?? new ApiObject(
    chart,
    // another version of this library may have made one already
    chart.node.tryFindChild(id) ? `${id}-${checksum}` : id,
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: literalMetadata({ namespace, labels: { [KEYS.checksum]: checksum } }),
      data: { [RUNNER_FILE]: program },
    },
  );
  return { name: object.name, checksum };
}

/** A ConfigMap of its own for a hook, which is run when nothing else of the chart is there. */
export function hookRunnerConfigMap(construct: Construct, metadata: ApiObjectMetadata): RunnerConfigMap {
  const { program, checksum } = readRunner();
  const object = new ApiObject(construct, 'Program', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: literalMetadata({ ...metadata, labels: { ...metadata.labels, [KEYS.checksum]: checksum } }),
    data: { [RUNNER_FILE]: program },
  });
  return { name: object.name, checksum };
}

function findOurs(chart: Chart, id: string, checksum: string): ApiObject | undefined {
  const child = chart.node.tryFindChild(id);
  return child && ApiObject.isApiObject(child) && child.metadata.getLabel(KEYS.checksum) === checksum ? child : undefined;
}

let runner: { program: string; checksum: string } | undefined;

/** The only reader of assets/; the file is part of the package, so reading it once is enough. */
function readRunner(): { program: string; checksum: string } {
  if (!runner) {
    const program = readFileSync(join(__dirname, '..', '..', 'assets', RUNNER_FILE), 'utf8');
    runner = { program, checksum: createHash('sha256').update(program).digest('hex').slice(0, 16) };
  }
  return runner;
}
