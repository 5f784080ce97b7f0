import { Construct } from 'constructs';
import { ISOLATED, LEFT_ALONE } from './isolated-pod';
import { KEEP_OUT, renderResources, requireResources, unexpanded } from './runner-pod';
import { INT32_MAX, KnownKeys, reject, requireInteger, requireKind, requireKnownKeys, requireList, requireName, requireText } from './validate';
import { CloneContainer, CloneMasking } from '../clone-masking';
import { CHECK_CONTAINER, MASK_CONTAINER, MaskingConfig, MaskingPod } from '../runner/config';
import { DeletionPolicy } from '../snapshot-class';

const MASKING: KnownKeys<CloneMasking> = { mask: true, check: true, snapshotClass: true, securityContext: true };
const CONTAINER: KnownKeys<CloneContainer> = { image: true, command: true, args: true, env: true, secrets: true, mountPath: true, resources: true };
const MOUNT_PATH = '/data';

/** Where the pods of a run go, those of masking go. */
const KEPT_OF_RUNNER = ['affinity', 'imagePullSecrets', 'nodeSelector', 'os', 'priorityClassName', 'tolerations'];
/** It ends when it is told to, and not before. */
const HOLD = "process.on('SIGTERM', () => process.exit()); setInterval(() => undefined, 1_000_000)";

/** Checks what a user wrote, before anything is built from it. */
export function requireMasking(origin: Construct, masking: CloneMasking): void {
  requireKnownKeys(origin, masking, MASKING, 'masking');
  requireContainer(origin, 'masking.mask', masking.mask);
  if (masking.check === undefined) {
    reject(origin, 'masking.check', {
      problem: 'nothing would find out that data is not masked', got: undefined, allowed: 'a container that refuses it', fix: 'write one',
    });
  }
  requireContainer(origin, 'masking.check', masking.check);
  requireKind(origin, 'masking.snapshotClass', masking.snapshotClass, 'ISnapshotClass');
  const { deletionPolicy, snapshotClassName } = masking.snapshotClass;
  if (deletionPolicy !== DeletionPolicy.DELETE) {
    reject(origin, 'masking.snapshotClass', {
      problem: deletionPolicy === undefined
        ? `whether '${snapshotClassName}' keeps the storage of masked copies is not known`
        : `'${snapshotClassName}' keeps the storage of each masked copy for ever`,
      got: deletionPolicy,
      allowed: 'a class with DeletionPolicy.DELETE',
      fix: deletionPolicy === undefined ? 'say deletionPolicy where the class is referred to' : 'define a class for this',
    });
  }
  requireKnownKeys(origin, masking.securityContext ?? {}, { user: true, group: true }, 'masking.securityContext');
  const { group, user } = masking.securityContext ?? {};
  if (user !== undefined) { requireInteger(origin, 'masking.securityContext.user', user, 1, INT32_MAX); }
  if (group !== undefined) { requireInteger(origin, 'masking.securityContext.group', group, 1, INT32_MAX); }
}

function requireContainer(origin: Construct, prop: string, container: CloneContainer): void {
  requireKnownKeys(origin, container, CONTAINER, prop);
  requireText(origin, `${prop}.image`, container.image);
  if (container.image.trim() === '') { reject(origin, `${prop}.image`, { problem: 'empty', got: container.image, allowed: 'an image', fix: 'name it' }); }
  for (const list of ['command', 'args', 'secrets'] as const) {
    requireList(origin, `${prop}.${list}`, container[list]);
    container[list]?.forEach(word => requireText(origin, `${prop}.${list}`, word));
  }
  container.secrets?.forEach(name => requireName(origin, `${prop}.secrets`, name));
  for (const [name, value] of Object.entries(container.env ?? {})) { requireText(origin, `${prop}.env.${name}`, value); }
  const path = container.mountPath ?? MOUNT_PATH;
  requireText(origin, `${prop}.mountPath`, path);
  if (!/^(\/[^/:]+)+\/?$/.test(path)) {
    reject(origin, `${prop}.mountPath`, { problem: 'not a directory to mount below', got: path, allowed: 'an absolute path without a colon', fix: `write for example ${MOUNT_PATH}` });
  }
  requireResources(origin, `${prop}.resources`, container.resources ?? {});
}

/** What a run is told of masking. `runner`: the pod of the run. */
export function maskingConfig(masking: CloneMasking, runner: any): MaskingConfig {
  return {
    snapshotClassName: masking.snapshotClass.snapshotClassName,
    // it keeps the volumes mounted until the run has seen the verdict, and asks the node to let them go
    mask: maskingPod(MASK_CONTAINER, masking.mask, masking, runner, [holder(runner)]),
    check: maskingPod(CHECK_CONTAINER, masking.check, masking, runner, []),
  };
}

function maskingPod(name: string, container: CloneContainer, { securityContext }: CloneMasking, runner: any, others: object[]): MaskingPod {
  const { args, command, env, image, mountPath, resources, secrets } = container;
  return {
    labels: KEEP_OUT.labels,
    annotations: { ...KEEP_OUT.annotations, ...LEFT_ALONE },
    mountPath: mountPath ?? MOUNT_PATH,
    spec: {
      ...ISOLATED,
      ...Object.fromEntries(KEPT_OF_RUNNER.filter(key => runner[key] !== undefined).map(key => [key, runner[key]])),
      securityContext: { runAsNonRoot: true, runAsUser: securityContext?.user, runAsGroup: securityContext?.group, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{
        name,
        image,
        imagePullPolicy: 'IfNotPresent',
        command: command?.map(unexpanded),
        args: args?.map(unexpanded),
        env: env && Object.entries(env).map(([variable, value]) => ({ name: variable, value: unexpanded(value) })),
        envFrom: secrets?.map(secret => ({ secretRef: { name: secret } })),
        resources: renderResources(resources ?? {}),
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        terminationMessagePolicy: 'FallbackToLogsOnError',
      }, ...others],
    },
  };
}

function holder(runner: any): object {
  const [{ image, imagePullPolicy, resources, securityContext }] = runner.containers;
  const { runAsGroup, runAsUser } = runner.securityContext;
  return { name: 'holder', image, imagePullPolicy, args: ['--jitless', '--eval', HOLD], resources, securityContext: { ...securityContext, runAsUser, runAsGroup } };
}
