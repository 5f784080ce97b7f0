import { ApiObjectMetadata } from 'cdk8s';
import { RemovalPolicy } from '../removal-policy';

/** What a GitOps tool removes from the cluster since it is gone from the code must not take data along. */
const KEPT_ANNOTATIONS: { [key: string]: string } = {
  'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
  'kustomize.toolkit.fluxcd.io/prune': 'disabled',
  'helm.sh/resource-policy': 'keep',
};

/** The metadata of an object that GitOps tools leave alone unless told otherwise. */
export function metadataWithRemovalPolicy(policy: RemovalPolicy | undefined, metadata: ApiObjectMetadata | undefined): ApiObjectMetadata {
  return (policy ?? RemovalPolicy.KEEP) === RemovalPolicy.KEEP
    ? { ...metadata, annotations: { ...KEPT_ANNOTATIONS, ...metadata?.annotations } }
    : { ...metadata };
}
