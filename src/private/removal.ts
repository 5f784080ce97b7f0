import { ApiObjectMetadata } from 'cdk8s';
import { definedMetadata } from './api';
import { RemovalPolicy } from '../removal-policy';

/** What a GitOps tool removes from the cluster since it is gone from the code must not take data along. */
const KEPT_ANNOTATIONS: { [key: string]: string } = {
  'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
  'kustomize.toolkit.fluxcd.io/prune': 'disabled',
  'helm.sh/resource-policy': 'keep',
};

/** The metadata of an object that GitOps tools leave alone unless told otherwise. */
export function metadataWithRemovalPolicy(policy: RemovalPolicy | undefined, metadata: ApiObjectMetadata | undefined): ApiObjectMetadata {
  const defined = definedMetadata(metadata);
  return (policy ?? RemovalPolicy.KEEP) === RemovalPolicy.KEEP
    ? { ...defined, annotations: { ...KEPT_ANNOTATIONS, ...defined.annotations } }
    : defined;
}
