import { ApiObjectMetadata } from 'cdk8s';
import { definedMetadata } from './api';
import { RemovalPolicy } from '../removal-policy';

/** What a GitOps tool removes from the cluster since it is gone from the code must not take data along. */
const ARGO_OPTIONS = 'argocd.argoproj.io/sync-options';
const KEPT_ARGO_OPTIONS = 'Prune=false,Delete=false';
const KEPT_ANNOTATIONS: { [key: string]: string } = {
  'kustomize.toolkit.fluxcd.io/prune': 'disabled',
  'helm.sh/resource-policy': 'keep',
};

/** The metadata of an object that GitOps tools leave alone unless told otherwise. */
export function metadataWithRemovalPolicy(policy: RemovalPolicy | undefined, metadata: ApiObjectMetadata | undefined): ApiObjectMetadata {
  const defined = definedMetadata(metadata);
  return (policy ?? RemovalPolicy.KEEP) === RemovalPolicy.KEEP
    ? { ...defined, annotations: keptAnnotations(defined.annotations ?? {}) }
    : defined;
}

function keptAnnotations(annotations: { [key: string]: string }): { [key: string]: string } {
  // one annotation holds all options: one of the user's must not take ours away
  return { ...KEPT_ANNOTATIONS, ...annotations, [ARGO_OPTIONS]: mergeOptions(KEPT_ARGO_OPTIONS, annotations[ARGO_OPTIONS] ?? '') };
}

/** Comma-separated options; of two with one name, the later list decides. */
function mergeOptions(first: string, second: string): string {
  const [ours, theirs] = [first, second].map(list => list.split(',').map(option => option.trim()).filter(option => option !== ''));
  const decided = theirs.map(optionName);
  return [...ours.filter(option => !decided.includes(optionName(option))), ...theirs].join(',');
}

function optionName(option: string): string {
  return option.split('=')[0].trim();
}
