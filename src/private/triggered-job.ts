import { ApiObject, ApiObjectMetadata, Duration, Lazy } from 'cdk8s';
import { Construct } from 'constructs';
import { definedMetadata, literalMetadata } from './api';
import { renderJobSpec } from './cron-job';
import { hookRunnerConfigMap, RunnerConfigMap } from './runner-config-map';
import { reject } from './validate';
import { JobTriggerParts } from '../job-trigger';
import { FOREIGN_TOOL_LABELS } from '../runner/config';

const LONGEST_JOB_NAME = 63;

/** What a Job has that nobody starts by hand. */
export interface TriggeredJob {
  readonly metadata?: ApiObjectMetadata;
  /** without the revision */
  readonly name: string;
  readonly namespace: string;
  readonly trigger: JobTriggerParts;
  readonly activeDeadline: Duration;
  /** whether a script is in it, which GitOps tools must leave as it is */
  readonly hasScript?: boolean;
}

/** The metadata of what the Job needs: with a hook there is nothing else before it. */
export function metadataOfNeeds({ metadata, name, namespace, trigger }: TriggeredJob): ApiObjectMetadata & { name: string; namespace: string } {
  const defined = definedMetadata(metadata);
  return { ...defined, name, namespace, annotations: { ...defined.annotations, ...trigger.annotationsOfNeeds } };
}

/** The program that a hook has for itself; undefined if the Job is none. */
export function programOfHook(construct: Construct, job: TriggeredJob): RunnerConfigMap | undefined {
  return job.trigger.isHook ? hookRunnerConfigMap(construct, { ...metadataOfNeeds(job), name: `${job.name}-runner` }) : undefined;
}

/** Defines the Job. `template`: its pod, rendered when all is known. */
export function defineTriggeredJob(construct: Construct, job: TriggeredJob, template: () => object): void {
  const { annotations, suffix, timeToLive } = job.trigger;
  if (job.name.length + suffix.length > LONGEST_JOB_NAME) {
    reject(construct, 'trigger', {
      problem: 'with the revision the name of the Job is too long',
      got: `${job.name}${suffix}`,
      allowed: `at most ${LONGEST_JOB_NAME} characters`,
      fix: 'shorten the name or the revision',
    });
  }
  const metadata = job.hasScript ? literalMetadata(job.metadata) : definedMetadata(job.metadata);
  new ApiObject(construct, 'Resource', {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      ...metadata,
      name: `${job.name}${suffix}`,
      // Velero would restore one that failed or was under way, and it would run again
      labels: { ...FOREIGN_TOOL_LABELS, ...metadata.labels },
      annotations: { ...metadata.annotations, ...annotations },
    },
    spec: Lazy.any({
      produce: () => ({ ttlSecondsAfterFinished: timeToLive?.toSeconds(), ...renderJobSpec(job.activeDeadline.toSeconds(), template()) }),
    }),
  });
}
