import { requireImage } from './runner-pod';
import { KnownKeys, Origin, reject, requireBoolean, requireList, requireName } from './validate';
import { VeleroOptions } from '../velero';

export const VELERO_OPTIONS: KnownKeys<VeleroOptions> = {
  plugins: true, credentialsSecretName: true, nodeAgent: true, image: true, imagePullSecrets: true, values: true,
};

const CSI_FEATURE = 'EnableCSI';

/** Checks what a user wrote, before anything is built from it. */
export function requireVeleroOptions(origin: Origin, options: VeleroOptions): void {
  requireList(origin, 'plugins', options.plugins);
  if (!options.plugins?.length) {
    reject(origin, 'plugins', {
      problem: 'without one Velero can store nothing',
      got: options.plugins,
      allowed: 'images of plugins',
      fix: 'write for example velero/velero-plugin-for-aws:v1.14.2',
    });
  }
  options.plugins.forEach(image => requireImage(origin, 'plugins', image, 'velero/velero-plugin-for-aws:v1.14.2'));
  const names = options.plugins.map(pluginName);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    reject(origin, 'plugins', { problem: 'two images have one name', got: twice, allowed: 'one image of each plugin', fix: 'leave one out' });
  }
  if (names.includes('velero-plugin-for-csi')) {
    reject(origin, 'plugins', { problem: 'it is part of Velero since 1.14', got: options.plugins, allowed: 'other plugins', fix: 'leave it out' });
  }
  if (options.credentialsSecretName !== undefined) { requireName(origin, 'credentialsSecretName', options.credentialsSecretName); }
  requireBoolean(origin, 'nodeAgent', options.nodeAgent);
  if (options.image !== undefined) { requireImage(origin, 'image', options.image, 'velero/velero:v1.18.3'); }
  requireList(origin, 'imagePullSecrets', options.imagePullSecrets);
  options.imagePullSecrets?.forEach(name => requireName(origin, 'imagePullSecrets', name));
  requireValues(origin, options.values ?? {});
}

/** The values of the chart, those of the user last. */
export function veleroValues(options: VeleroOptions): { readonly [name: string]: unknown } {
  const { image, imagePullSecrets, credentialsSecretName } = options;
  const own = {
    ...(image !== undefined || imagePullSecrets) && { image: { ...imageOf(image), ...imagePullSecrets && { imagePullSecrets } } },
    initContainers: options.plugins.map(plugin => ({
      name: pluginName(plugin), image: plugin, imagePullPolicy: 'IfNotPresent', volumeMounts: [{ name: 'plugins', mountPath: '/target' }],
    })),
    configuration: { features: CSI_FEATURE, backupStorageLocation: [], volumeSnapshotLocation: [] },
    // locations are constructs of their own, and CSI snapshots need none
    backupsEnabled: false,
    snapshotsEnabled: false,
    credentials: credentialsSecretName === undefined ? { useSecret: false } : { useSecret: true, existingSecret: credentialsSecretName },
    deployNodeAgent: options.nodeAgent ?? true,
    // what applies the manifest applies the CRDs too; these are Jobs with an image of their own
    upgradeCRDs: false,
    cleanUpCRDs: false,
  };
  return merged(own, options.values ?? {});
}

/** The last part of the image's name, as a DNS label: what the init container is called. */
function pluginName(image: string): string {
  const name = image.replace(/@.*$/, '').replace(/:[^/:]*$/, '').split('/').pop()!;
  return name.toLowerCase().replace(/[^a-z0-9]+/g, '-').slice(0, 63).replace(/^-|-$/g, '');
}

function imageOf(image: string | undefined): object {
  if (image === undefined) { return {}; }
  const [name, digest] = image.split('@');
  if (digest !== undefined) { return { repository: name.replace(/:[^/:]*$/, ''), digest }; }
  const [, repository, tag] = /^(.*):([^/:]*)$/.exec(name)!;
  return { repository, tag };
}

type Values = { readonly [name: string]: unknown };

const isMap = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value);

/** As Helm merges two files of values: maps by key, everything else as a whole. What is undefined is not there. */
function merged(first: Values, second: Values): Values {
  const own = Object.entries(second).filter(([, value]) => value !== undefined).map(([key, value]) => {
    const before = first[key];
    return [key, isMap(before) && isMap(value) ? merged(before, value) : value];
  });
  return { ...first, ...Object.fromEntries(own) };
}

function requireValues(origin: Origin, values: Values): void {
  if (!isMap(values)) { reject(origin, 'values', { problem: 'not a map', got: values, allowed: 'the values of the chart', fix: 'write { }' }); }
  // the chart makes a Secret of these
  const credentials = isMap(values.credentials) ? values.credentials : {};
  for (const key of ['secretContents', 'extraEnvVars']) {
    if (!isNothing(credentials[key])) {
      reject(origin, `values.credentials.${key}`, {
        problem: 'what is in a Secret would be in the manifest', got: '…', allowed: 'the name of a Secret', fix: 'create the Secret by other means, and name it as credentialsSecretName',
      });
    }
  }
  const { configuration } = merged({ configuration: { features: CSI_FEATURE } }, values);
  const { features, ...settings } = isMap(configuration) ? configuration : {};
  if (typeof features !== 'string' || !features.split(',').includes(CSI_FEATURE)) {
    reject(origin, 'values.configuration.features', {
      problem: 'without it Velero takes no CSI snapshots',
      got: features,
      allowed: `names with commas between them, ${CSI_FEATURE} among them`,
      fix: typeof features === 'string' && features !== '' ? `write ${CSI_FEATURE},${features}` : 'leave it out',
    });
  }
  for (const [locations, enabled] of [['backupStorageLocation', 'backupsEnabled'], ['volumeSnapshotLocation', 'snapshotsEnabled']]) {
    if (!isNothing(settings[locations]) && values[enabled] !== true) {
      reject(origin, `values.configuration.${locations}`, {
        problem: `without ${enabled} the chart leaves them out`, got: settings[locations], allowed: 'nothing', fix: `write ${enabled}: true beside configuration, or define a VeleroStorageLocation`,
      });
    }
  }
}

const isNothing = (value: unknown) => value === undefined || value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0);
