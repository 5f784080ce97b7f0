import { IConstruct } from 'constructs';
import { GROUP_SNAPSHOT_API_GROUP, SNAPSHOT_API_GROUP } from './api';
import { reject, requireText } from './validate';
import { parseYaml } from './yaml';
import { isMap, listOf, Manifest, manifestsIn, namesOf, titleOf } from '../model/manifest';

/** What the release calls its Deployment, and the container in it. */
export const CONTROLLER = 'snapshot-controller';

/** The objects of a release, each in its place. */
export interface ControllerManifests {
  readonly crds: readonly Manifest[];
  /** the service account, its roles, and what binds it to them */
  readonly rights: readonly Manifest[];
  readonly deployment: Manifest;
}

const CRD = 'CustomResourceDefinition';
const CRD_API_VERSION = 'apiextensions.k8s.io/v1';
const BINDINGS = ['ClusterRoleBinding', 'RoleBinding'];
const RIGHTS = ['ServiceAccount', 'ClusterRole', 'Role', ...BINDINGS];

const SNAPSHOT_CRDS = ['volumesnapshotclasses', 'volumesnapshotcontents', 'volumesnapshots'].map(plural => `${plural}.${SNAPSHOT_API_GROUP}`);
const GROUP_CRDS = ['volumegroupsnapshotclasses', 'volumegroupsnapshotcontents', 'volumegroupsnapshots'].map(plural => `${plural}.${GROUP_SNAPSHOT_API_GROUP}`);

const FILES = "'client/config/crd' and 'deploy/kubernetes/snapshot-controller'";
const GIVE_FILES = `give the files of one release of external-snapshotter below ${FILES}, as 'kubectl kustomize' prints them`;

/** The objects in the texts of a release, all of them known and none twice, or an error. */
export function readController(origin: IConstruct, texts: readonly string[]): ControllerManifests {
  const objects = texts.flatMap((text, index) => objectsIn(origin, text, index));
  refuseTwins(origin, objects);
  const crds = objects.filter(({ kind }) => kind === CRD);
  const deployments = objects.filter(({ kind }) => kind === 'Deployment');
  crds.forEach(crd => requireKnownCrd(origin, crd));
  requireCrds(origin, crds, SNAPSHOT_CRDS, 'v1');
  const deployment = requireDeployment(origin, deployments);
  const rights = objects.filter(({ kind }) => RIGHTS.includes(kind));
  requireRights(origin, rights, deployment);
  const others = objects.filter(object => ![...crds, ...rights, deployment].includes(object));
  if (others.length > 0) { refuseObject(origin, others[0]); }
  return { crds, rights, deployment };
}

/** What the controller asks for as it starts with groups, and exits without. */
export function requireGroups(origin: IConstruct, { crds, rights }: ControllerManifests, version: string | undefined): void {
  requireCrds(origin, crds, GROUP_CRDS, version);
  const allowed = rights.filter(({ kind }) => kind === 'ClusterRole')
    .some(({ rules }) => listOf(rules).some(({ apiGroups }) => namesOf(apiGroups).includes(GROUP_SNAPSHOT_API_GROUP)));
  if (!allowed) {
    refuse(origin, 'the ClusterRole gives no right to group snapshots, so that the controller would not get ready', undefined, GROUP_SNAPSHOT_API_GROUP);
  }
}

function objectsIn(origin: IConstruct, text: string, index: number): Manifest[] {
  const prop = `manifests[${index}]`;
  requireText(origin, prop, text);
  return documentsOf(origin, prop, text).filter(value => value !== null && value !== undefined).flatMap(value => {
    if (!isMap(value) || typeof value.kind !== 'string' || typeof value.apiVersion !== 'string') {
      reject(origin, prop, {
        problem: 'no Kubernetes object, but perhaps the name of a file, or what a server said instead of it',
        got: typeof value === 'string' ? value : text,
        allowed: 'the text of a manifest',
        fix: "read the file: fs.readFileSync('...', 'utf8')",
      });
    }
    return manifestsIn(value);
  });
}

function documentsOf(origin: IConstruct, prop: string, text: string): unknown[] {
  try {
    return parseYaml(text);
  } catch (error) {
    reject(origin, prop, { problem: `not YAML (${(error as Error).message})`, got: text, allowed: 'the text of a manifest', fix: 'download it again' });
  }
}

function refuse(origin: IConstruct, problem: string, got: unknown, allowed: string, fix = GIVE_FILES): never {
  reject(origin, 'manifests', { problem, got, allowed, fix });
}

function refuseObject(origin: IConstruct, object: Manifest): never {
  refuse(origin, 'this object is none of the controller\'s', `${titleOf(object)} (${object.apiVersion})`, `${CRD}s, the Deployment ${CONTROLLER} and its rights`,
    'leave it out; if it belongs to you, define it in the chart');
}

function refuseTwins(origin: IConstruct, objects: readonly Manifest[]): void {
  const titles = objects.map(titleOf);
  const twin = objects.find(({ kind }, index) => kind !== 'Deployment' && titles.indexOf(titles[index]) !== index);
  if (twin) { refuse(origin, 'an object is there twice, perhaps from two releases', titleOf(twin), 'each object once', 'give the files of one release'); }
}

function requireKnownCrd(origin: IConstruct, crd: Manifest): void {
  if (![...SNAPSHOT_CRDS, ...GROUP_CRDS].includes(crd.metadata.name)) { refuseObject(origin, crd); }
  if (crd.apiVersion !== CRD_API_VERSION) {
    refuse(origin, `${titleOf(crd)} is of a version that Kubernetes does not know any more`, crd.apiVersion, CRD_API_VERSION, 'give the files of a later release');
  }
}

/** Each of these CRDs, serving the version; without one, whichever. */
function requireCrds(origin: IConstruct, crds: readonly Manifest[], names: readonly string[], version: string | undefined): void {
  const found = crds.filter(({ metadata }) => names.includes(metadata.name));
  const missing = names.filter(name => !found.some(({ metadata }) => metadata.name === name));
  if (missing.length > 0) {
    refuse(origin, `${missing.length === 1 ? 'a CRD is' : 'CRDs are'} missing, without which the controller exits`, crds.map(({ metadata }) => metadata.name), missing.join(', '));
  }
  for (const crd of found) {
    const served = listOf(crd.spec?.versions).filter(each => each.served === true).map(({ name }) => name);
    if (version === undefined ? served.length === 0 : !served.includes(version)) {
      refuse(origin, `${titleOf(crd)} does not serve the version of the API that the controller asks for`, served, version ?? 'a version that is served',
        'give the CRDs and the controller of one release');
    }
  }
}

function requireDeployment(origin: IConstruct, deployments: readonly Manifest[]): Manifest {
  const stranger = deployments.find(({ apiVersion, metadata }) => metadata.name !== CONTROLLER || apiVersion !== 'apps/v1');
  if (stranger) { refuseObject(origin, stranger); }
  if (deployments.length === 0) { refuse(origin, 'the controller is missing', undefined, `one Deployment ${CONTROLLER}`); }
  if (deployments.length > 1) {
    refuse(origin, 'two controllers would both act on every snapshot', deployments.map(titleOf), `one Deployment ${CONTROLLER}`, 'give the files of one release');
  }
  const [deployment] = deployments;
  const containers = listOf(deployment.spec?.template?.spec?.containers);
  if (containers.length !== 1 || containers[0].name !== CONTROLLER || !isMap(deployment.spec.selector?.matchLabels)) {
    refuse(origin, 'the Deployment is not as releases have it', containers.map(({ name }) => name), `one container ${CONTROLLER}, and a selector of labels`);
  }
  return deployment;
}

/** Its own account, bound to what it needs; an account without rights would only show in the log of the controller. */
function requireRights(origin: IConstruct, rights: readonly Manifest[], { spec }: Manifest): void {
  const account = spec.template.spec.serviceAccountName ?? spec.template.spec.serviceAccount;
  const bindings = rights.filter(({ kind, subjects }) => BINDINGS.includes(kind)
    && listOf(subjects).length > 0 && listOf(subjects).every(subject => subject.kind === 'ServiceAccount' && subject.name === account));
  const bound = bindings.map(({ roleRef }) => `${roleRef?.kind} ${roleRef?.name}`);
  const isOurs = ({ kind, metadata }: Manifest) => (kind === 'ServiceAccount' ? metadata.name === account : bound.includes(`${kind} ${metadata.name}`));
  const own = rights.filter(object => bindings.includes(object) || isOurs(object));
  const stranger = rights.find(object => !own.includes(object));
  if (stranger) { refuseObject(origin, stranger); }
  const kinds = own.map(({ kind }) => kind);
  // a Role is what leader election needs
  const missing = RIGHTS.filter(kind => !kinds.includes(kind));
  if (missing.length > 0) {
    refuse(origin, `rights of the service account '${account}' are missing, without which the controller does nothing`, kinds, missing.join(', '));
  }
}
