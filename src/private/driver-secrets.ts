import { ParameterProblem, Parameters } from './driver-rules';

/** The prefix that Kubernetes keeps for itself; the driver never sees these parameters. */
export const RESERVED_PREFIX = 'csi.storage.k8s.io/';
export const SNAPSHOTTER_SECRET = `${RESERVED_PREFIX}snapshotter-secret`;
export const SNAPSHOTTER_LIST_SECRET = `${RESERVED_PREFIX}snapshotter-list-secret`;
export const GROUP_SNAPSHOTTER_SECRET = `${RESERVED_PREFIX}group-snapshotter-secret`;
export const SECRETS = [SNAPSHOTTER_SECRET, SNAPSHOTTER_LIST_SECRET, GROUP_SNAPSHOTTER_SECRET, `${RESERVED_PREFIX}group-snapshotter-get-secret`];

/** A Secret as the two parameters that name it. */
export function secretParameters(prefix: string, secret: { readonly name: string; readonly namespace: string } | undefined): Parameters {
  return secret ? { [`${prefix}-name`]: secret.name, [`${prefix}-namespace`]: secret.namespace } : {};
}

/** The Secret that two parameters name, if they are given. */
export function secretOf(prefix: string, parameters: Parameters): { readonly name: string; readonly namespace: string } | undefined {
  const [name, namespace] = secretKeys(prefix);
  return name in parameters ? { name: parameters[name], namespace: parameters[namespace] } : undefined;
}

export function secretKeys(secret: string): [string, string] {
  return [`${secret}-name`, `${secret}-namespace`];
}

const CONTENT_TOKENS = ['${volumesnapshotcontent.name}'];
const NAMESPACE_TOKENS = [...CONTENT_TOKENS, '${volumesnapshot.namespace}'];
const NAME_TOKENS = [...NAMESPACE_TOKENS, '${volumesnapshot.name}'];
// as the members of a group are made, the controller knows the content of the group alone
const GROUP_CONTENT_TOKENS = ['${volumegroupsnapshotcontent.name}'];
// the secret to list snapshots is resolved when only the content is at hand
const TOKENS: { readonly [secret: string]: { readonly name: string[]; readonly namespace: string[] } } = {
  [SNAPSHOTTER_SECRET]: { name: NAME_TOKENS, namespace: NAMESPACE_TOKENS },
  [SNAPSHOTTER_LIST_SECRET]: { name: CONTENT_TOKENS, namespace: CONTENT_TOKENS },
  [GROUP_SNAPSHOTTER_SECRET]: { name: GROUP_CONTENT_TOKENS, namespace: GROUP_CONTENT_TOKENS },
};
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

export function secretProblem(secret: string, given: Parameters): ParameterProblem | undefined {
  const [name, namespace] = secretKeys(secret);
  if (!(name in given) && !(namespace in given)) { return undefined; }
  const missing = [name, namespace].find((key) => !given[key]);
  if (missing) {
    return {
      parameter: missing,
      problem: 'a secret is found by its name and its namespace, and one is missing',
      got: given[missing],
      allowed: `${name} together with ${namespace}`,
      fix: 'set both',
    };
  }
  const tokens = TOKENS[secret];
  return tokens && (templateProblem(name, given[name], tokens.name, SUBDOMAIN)
    ?? templateProblem(namespace, given[namespace], tokens.namespace, LABEL));
}

function templateProblem(parameter: string, template: string, tokens: string[], shape: RegExp): ParameterProblem | undefined {
  // any token stands for a valid name
  const resolved = tokens.reduce((text, token) => text.split(token).join('x'), template);
  return shape.test(resolved) ? undefined : {
    parameter,
    problem: resolved.includes('$') ? 'a template that the snapshot controller cannot resolve' : 'not a valid name',
    got: template,
    allowed: `lower-case letters, digits and -${shape === SUBDOMAIN ? ' and .' : ''}, and ${tokens.join(', ')}`,
    fix: 'correct it',
  };
}
