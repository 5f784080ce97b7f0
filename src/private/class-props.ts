import { ApiObjectMetadata } from 'cdk8s';
import { IConstruct } from 'constructs';
import { definedMetadata, literalMetadata } from './api';
import { requireParameters } from './driver-facts';
import { Parameters } from './driver-rules';
import { secretParameters } from './driver-secrets';
import { reject } from './validate';
import { VELERO_CLASS_LABEL } from './velero';

/** A Secret that a prop of a class names, and how the parameters that name it begin. */
export interface SecretProp {
  readonly prop: string;
  readonly prefix: string;
  readonly secret?: { readonly name: string; readonly namespace: string };
}

/** Whether a class says that it is the default one, in its prop or in its metadata. */
export function isDefaultClass(
  scope: IConstruct, props: { readonly defaultClass?: boolean; readonly metadata?: ApiObjectMetadata }, annotationKey: string,
): boolean {
  const annotation = props.metadata?.annotations?.[annotationKey];
  if (props.defaultClass !== undefined && annotation !== undefined && annotation !== props.defaultClass.toString()) {
    reject(scope, 'defaultClass', {
      problem: `the annotation ${annotationKey} in metadata says '${annotation}'`,
      got: props.defaultClass,
      allowed: 'one of the two, or both saying the same',
      fix: 'leave the annotation out',
    });
  }
  return props.defaultClass ?? annotation === 'true';
}

/** Whether a class says that it is the one for Velero, which looks for the label and not at its value. */
export function isVeleroClass(scope: IConstruct, props: { readonly veleroClass?: boolean; readonly metadata?: ApiObjectMetadata }): boolean {
  const label = props.metadata?.labels?.[VELERO_CLASS_LABEL];
  if (label !== undefined && (props.veleroClass === false || label !== 'true')) {
    reject(scope, 'veleroClass', {
      problem: `the label ${VELERO_CLASS_LABEL} in metadata says '${label}', and Velero takes a class that has it, whatever its value`,
      got: props.veleroClass,
      allowed: 'true, or no label',
      fix: 'leave the label out',
    });
  }
  return props.veleroClass ?? label !== undefined;
}

/** What a user wrote in `metadata`; a class that names Secrets by `${volumesnapshot.…}` must keep that for the snapshot controller. */
export function classMetadata(metadata: ApiObjectMetadata | undefined, parameters: Parameters): ApiObjectMetadata {
  return Object.values(parameters).some(value => /\$\{volume(group)?snapshot/.test(value)) ? literalMetadata(metadata) : definedMetadata(metadata);
}

/** What a class says about its parameters in one place or another, as long as no two places contradict each other. */
export function mergeParameters(
  scope: IConstruct, driver: string, given: Parameters, further: Parameters | undefined, secrets: readonly SecretProp[],
): { [name: string]: string } {
  const ofSecrets = Object.assign({}, ...secrets.map(({ prefix, secret }) => secretParameters(prefix, secret))) as Parameters;
  const propOf = (parameter: string) => {
    const secret = parameter in ofSecrets ? secrets.find(({ prefix }) => parameter === `${prefix}-name` || parameter === `${prefix}-namespace`) : undefined;
    return secret ? parameter.replace(`${secret.prefix}-`, `${secret.prop}.`) : `parameters.${parameter}`;
  };
  const merged = { ...given };
  for (const [name, value] of [...Object.entries(further ?? {}), ...Object.entries(ofSecrets)]) {
    if (Object.hasOwn(merged, name) && merged[name] !== value) {
      reject(scope, propOf(name), {
        problem: `the parameter '${name}' has another value already`,
        got: value,
        allowed: `'${merged[name]}', or leaving it out`,
        fix: 'set it in one place',
      });
    }
    merged[name] = value;
  }
  requireParameters(scope, driver, merged, propOf);
  return merged;
}
