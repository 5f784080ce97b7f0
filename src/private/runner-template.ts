import { Construct } from 'constructs';
import { RunnerConfigMap, runnerConfigMap } from './runner-config-map';
import { mergePodOptions, renderRunnerPod, requireRunnerPod, RunnerPod } from './runner-pod';
import { RunnerDefaults } from '../runner-defaults';
import { RunnerPodOptions } from '../runner-pod';

/** What a construct says of its pod when it is rendered. */
export type OwnPart = Pick<RunnerPod, 'config' | 'quiesceScript' | 'scheduleId' | 'serviceAccountName' | 'successor'>;

/**
 * The pod template of a construct that executes the runner, with the settings that it shares with others and the
 * ConfigMap of the program. The settings are checked now; the template is rendered when all is known.
 */
export function runnerTemplate(
  construct: Construct, namespace: string, pod: RunnerPodOptions | undefined, program: RunnerConfigMap = runnerConfigMap(construct, namespace),
): (own: OwnPart) => object {
  const defaults = RunnerDefaults._of(construct);
  const options = mergePodOptions(pod ?? {}, defaults?.pod ?? {});
  requireRunnerPod(construct, 'pod', options);
  const { name: configMapName, checksum } = program;
  return own => renderRunnerPod({ ...own, options, imageRegistry: defaults?.imageRegistry, configMapName, checksum });
}
