import { RunnerSuccessor, RESOURCES, RESTRICTED, renderResources, requireImage, requireResources, requireUser, USER } from './runner-pod';
import { KnownKeys, Origin, reject, requireKnownKeys, requireList, requireName, requireText } from './validate';
import { InventoryExporter } from '../inventory-exporter';
import { INVENTORY_DIRECTORY } from '../runner/config';

const KEYS: KnownKeys<InventoryExporter> = {
  image: true,
  command: true,
  args: true,
  env: true,
  envFromSecrets: true,
  claims: true,
  secrets: true,
  resources: true,
  securityContext: true,
};

const CONTAINER = 'export';
const SHARED = 'inventory';
const SCRATCH = { name: 'tmp', mountPath: '/tmp' };
/** Most images would run as root, which the kubelet refuses. */
const USUAL_ID = 1000;
// what ssh takes of a key that is another user's, and the group can read
const SECRET_MODE = 0o440;

/** Checks what a user wrote, before anything is built from it. */
export function requireExporter(origin: Origin, prop: string, exporter: InventoryExporter): void {
  requireKnownKeys(origin, exporter, KEYS, prop);
  requireText(origin, `${prop}.image`, exporter.image);
  requireImage(origin, `${prop}.image`, exporter.image, 'rclone/rclone:1.71');
  requireWords(origin, `${prop}.command`, exporter.command);
  requireWords(origin, `${prop}.args`, exporter.args);
  if (!exporter.command?.length && !exporter.args?.length) {
    // a shell without arguments ends at once, and well
    reject(origin, `${prop}.command`, {
      problem: 'nothing says what becomes of the file, so nothing would leave the cluster',
      got: exporter.command,
      allowed: 'command, args or both',
      fix: "write for example args: ['copyto', '/inventory/inventory.json', 'remote:backup/inventory.json']",
    });
  }
  for (const [name, value] of Object.entries(exporter.env ?? {})) { requireVariable(origin, `${prop}.env`, name, value); }
  requireList(origin, `${prop}.envFromSecrets`, exporter.envFromSecrets);
  exporter.envFromSecrets?.forEach(name => requireName(origin, `${prop}.envFromSecrets`, name));
  requireMounts(origin, `${prop}.claims`, exporter.claims ?? {}, {});
  requireMounts(origin, `${prop}.secrets`, exporter.secrets ?? {}, exporter.claims ?? {});
  requireKnownKeys(origin, exporter.resources ?? {}, RESOURCES, `${prop}.resources`);
  requireResources(origin, `${prop}.resources`, exporter.resources ?? {});
  requireKnownKeys(origin, exporter.securityContext ?? {}, USER, `${prop}.securityContext`);
  requireUser(origin, `${prop}.securityContext`, exporter.securityContext ?? {});
}

function requireWords(origin: Origin, prop: string, words: string[] | undefined): void {
  requireList(origin, prop, words);
  words?.forEach(word => requireText(origin, prop, word));
}

/** @see https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#environment-variables */
function requireVariable(origin: Origin, prop: string, name: string, value: unknown): void {
  if (!/^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(name)) {
    reject(origin, prop, {
      problem: 'not the name of a variable', got: name, allowed: 'letters, digits, -, . and _, not starting with a digit', fix: 'rename it',
    });
  }
  requireText(origin, `${prop}.${name}`, value);
}

function requireMounts(origin: Origin, prop: string, mounts: { [path: string]: string }, others: { [path: string]: string }): void {
  for (const [path, name] of Object.entries(mounts)) {
    requireName(origin, prop, name);
    const isTaken = path === INVENTORY_DIRECTORY || path.startsWith(`${INVENTORY_DIRECTORY}/`) || Object.hasOwn(others, path);
    if (!/^\/[^:]*[^:/]$/.test(path) || path.split('/').includes('..') || isTaken) {
      reject(origin, prop, {
        problem: isTaken ? 'something else is mounted there' : 'not a path to mount at',
        got: path,
        allowed: `an absolute path without : and .., not ${INVENTORY_DIRECTORY}, each once`,
        fix: 'choose another path',
      });
    }
  }
}

/** The container, and what it shares with the runner. */
export function renderExporter(exporter: InventoryExporter): RunnerSuccessor {
  const { claims, envFromSecrets, resources, secrets, securityContext } = exporter;
  const user = securityContext?.user ?? USUAL_ID;
  const group = securityContext?.group ?? USUAL_ID;
  const mounted = [
    ...Object.entries(claims ?? {}).map(([path, claimName]) => ({ path, source: { persistentVolumeClaim: { claimName } } })),
    ...Object.entries(secrets ?? {}).map(([path, secretName]) => ({ path, source: { secret: { secretName, defaultMode: SECRET_MODE } } })),
  ].map((each, index) => ({ ...each, name: `mount-${index}` }));
  const scratch = mounted.some(({ path }) => path === SCRATCH.mountPath) ? [] : [SCRATCH];
  return {
    container: {
      name: CONTAINER,
      image: exporter.image,
      imagePullPolicy: 'IfNotPresent',
      command: exporter.command,
      args: exporter.args,
      env: Object.entries({ HOME: SCRATCH.mountPath, ...exporter.env }).map(([name, value]) => ({ name, value })),
      envFrom: envFromSecrets?.map(name => ({ secretRef: { name } })),
      resources: renderResources(resources ?? {}),
      securityContext: { runAsUser: user, runAsGroup: group, ...RESTRICTED },
      terminationMessagePolicy: 'FallbackToLogsOnError',
      volumeMounts: [
        { name: SHARED, mountPath: INVENTORY_DIRECTORY, readOnly: true },
        ...scratch,
        ...mounted.map(({ name, path }) => ({ name, mountPath: path })),
      ],
    },
    volumes: [
      { name: SHARED, emptyDir: {} },
      ...scratch.map(({ name }) => ({ name, emptyDir: {} })),
      ...mounted.map(({ name, source }) => ({ name, ...source })),
    ],
    runnerMounts: [{ name: SHARED, mountPath: INVENTORY_DIRECTORY }],
    fsGroup: group,
  };
}
