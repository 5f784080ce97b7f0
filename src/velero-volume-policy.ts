import { ApiObject, ApiObjectMetadata, Size, SizeRoundingBehavior, Yaml } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { registerChartChecks } from './private/chart-checks';
import {
  KnownKeys, reject, requireBoolean, requireEnum, requireKnownKeys, requireLabels, requireList, requireName, requireOptional, requireText,
} from './private/validate';
import { requireVeleroMetadata, requireVeleroProps, veleroMetadata } from './private/velero';
import { VeleroVolumeAction, VeleroVolumeRule, VeleroVolumeType } from './velero-volume-rule';

const RULE: KnownKeys<VeleroVolumeRule> = {
  action: true,
  minimumSize: true,
  maximumSize: true,
  storageClassNames: true,
  csiDriverName: true,
  volumeAttributes: true,
  nfs: true,
  volumeTypes: true,
  claimLabels: true,
  allVolumes: true,
};

/**
 * A volume policy, defined here or elsewhere.
 */
export interface IVeleroVolumePolicy extends IConstruct {
  /**
   * Name of the ConfigMap that it is in.
   */
  readonly configMapName: string;

  /**
   * Its namespace, which is that of Velero.
   *
   * @default - not known, if the policy is defined elsewhere
   */
  readonly namespace?: string;
}

/**
 * The rules of a volume policy.
 */
export interface VeleroVolumePolicyProps {
  /**
   * Name, labels and annotations of the ConfigMap.
   *
   * @default - a name made of the construct's path, in the namespace `velero`, whatever that of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * The rules, the first of which that a volume meets decides; one without conditions is met by all, and comes last.
   */
  readonly rules: VeleroVolumeRule[];
}

/**
 * What Velero does with which volumes: leave them out, snapshot them, or copy their files. A backup or a schedule refers to it.
 *
 * @see https://velero.io/docs/v1.18/resource-filtering/#resource-policies
 * @example
 * import { App, Chart, Size } from 'cdk8s';
 * import { VeleroVolumeAction, VeleroVolumePolicy, VeleroVolumeType } from 'cdk8s-volume-snapshots';
 *
 * const chart = new Chart(new App(), 'platform');
 * new VeleroVolumePolicy(chart, 'Volumes', {
 *   rules: [
 *     { storageClassNames: ['scratch'], action: VeleroVolumeAction.SKIP },
 *     { volumeTypes: [VeleroVolumeType.NFS], maximumSize: Size.gibibytes(100), action: VeleroVolumeAction.FS_BACKUP },
 *     { csiDriverName: 'ebs.csi.aws.com', action: VeleroVolumeAction.SNAPSHOT },
 *   ],
 * });
 */
export class VeleroVolumePolicy extends Construct implements IVeleroVolumePolicy {
  /**
   * A volume policy that is defined elsewhere.
   *
   * @param scope where the reference is defined
   * @param id id of the reference
   * @param name name of the ConfigMap
   * @example
   * import { App, Chart } from 'cdk8s';
   * import { VeleroVolumePolicy } from 'cdk8s-volume-snapshots';
   *
   * VeleroVolumePolicy.fromConfigMapName(new Chart(new App(), 'shop'), 'Policy', 'volume-policy');
   */
  public static fromConfigMapName(scope: Construct, id: string, name: string): IVeleroVolumePolicy {
    return new ImportedVolumePolicy(scope, id, name);
  }

  /**
   * Name of the ConfigMap.
   */
  public readonly configMapName: string;

  /**
   * Its namespace, which is that of Velero.
   *
   * @default - always set
   */
  public readonly namespace?: string;

  /**
   * Whether no volume is snapshotted, whatever the backup says.
   *
   * @internal
   */
  public readonly _takesNoSnapshot: boolean;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct; a new id is a new ConfigMap
   * @param props the rules
   * @throws if there is no rule, or one is not valid or never reached
   */
  constructor(scope: Construct, id: string, props: VeleroVolumePolicyProps) {
    super(scope, id);
    requireVeleroProps(this, props, { metadata: true, rules: true });
    requireVeleroMetadata(this, props.metadata);
    requireList(this, 'rules', props.rules);
    if (!props.rules?.length) {
      reject(this, 'rules', { problem: 'it would say nothing', got: props.rules, allowed: 'at least one rule', fix: 'leave the policy out' });
    }
    props.rules.forEach((rule, index) => requireRule(this, `rules[${index}]`, rule));
    const all = props.rules.findIndex(rule => Object.keys(conditionsOf(rule)).length === 0);
    if (all >= 0 && all < props.rules.length - 1) {
      reject(this, `rules[${all}]`, {
        problem: 'it has no condition, so that rules after it are never reached', got: props.rules[all], allowed: 'such a rule at the end', fix: 'give it a condition, or put it last',
      });
    }

    this._takesNoSnapshot = all >= 0 && props.rules.every(({ action }) => action !== VeleroVolumeAction.SNAPSHOT);

    const metadata = veleroMetadata(props.metadata);
    this.namespace = metadata.namespace;
    const object = new ApiObject(this, 'Resource', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      // Velero takes a ConfigMap with one key, however it is called
      data: { 'policy.yaml': Yaml.stringify({ version: 'v1', volumePolicies: props.rules.map(renderRule) }) },
    });
    this.configMapName = object.name;
    registerChartChecks(this);
  }
}

class ImportedVolumePolicy extends Construct implements IVeleroVolumePolicy {
  public readonly configMapName: string;
  public readonly namespace?: string;

  constructor(scope: Construct, id: string, name: string) {
    super(scope, id);
    requireName(this, 'name', name);
    this.configMapName = name;
  }
}

function renderRule(rule: VeleroVolumeRule): object {
  return { conditions: conditionsOf(rule), action: { type: rule.action } };
}

/** The conditions that there are, as Velero calls them. */
function conditionsOf(rule: VeleroVolumeRule): object {
  const { minimumSize, maximumSize, csiDriverName, volumeAttributes } = rule;
  const conditions = {
    capacity: minimumSize || maximumSize ? [minimumSize, maximumSize].map(size => (size ? size.asString() : '')).join(',') : undefined,
    storageClass: rule.storageClassNames,
    csi: csiDriverName === undefined ? undefined : { driver: csiDriverName, ...volumeAttributes && { volumeAttributes } },
    nfs: rule.nfs,
    volumeTypes: rule.volumeTypes,
    pvcLabels: rule.claimLabels,
  };
  return Object.fromEntries(Object.entries(conditions).filter(([, value]) => value !== undefined));
}

function requireRule(origin: Construct, prop: string, rule: VeleroVolumeRule): void {
  requireKnownKeys(origin, rule, RULE, prop);
  requireEnum(origin, `${prop}.action`, rule.action, VeleroVolumeAction);
  if (rule.action === undefined) {
    reject(origin, `${prop}.action`, { problem: 'missing', got: rule.action, allowed: 'what is done with the volumes', fix: 'write for example VeleroVolumeAction.SKIP' });
  }
  requireSizes(origin, prop, rule);
  requireNames(origin, `${prop}.storageClassNames`, rule.storageClassNames);
  if (rule.csiDriverName !== undefined) { requireText(origin, `${prop}.csiDriverName`, rule.csiDriverName); }
  if (rule.volumeAttributes !== undefined && rule.csiDriverName === undefined) {
    reject(origin, `${prop}.volumeAttributes`, {
      problem: 'attributes are those of a driver', got: rule.volumeAttributes, allowed: 'attributes with csiDriverName', fix: 'name the driver',
    });
  }
  if (rule.nfs !== undefined) { requireKnownKeys(origin, rule.nfs, { server: true, path: true }, `${prop}.nfs`); }
  requireList(origin, `${prop}.volumeTypes`, rule.volumeTypes);
  rule.volumeTypes?.forEach(type => requireEnum(origin, `${prop}.volumeTypes`, type, VeleroVolumeType));
  requireLabels(origin, `${prop}.claimLabels`, rule.claimLabels ?? {});
  requireSomething(origin, prop, rule);
  requireAllMeant(origin, prop, rule);
}

/** Velero reads what is empty as any. */
function requireSomething(origin: Construct, prop: string, rule: VeleroVolumeRule): void {
  const { claimLabels, csiDriverName, minimumSize, storageClassNames, volumeAttributes, volumeTypes } = rule;
  const isNothing = (value: object | string) => Object.keys(value).length === 0;
  for (const [name, value] of Object.entries({ claimLabels, csiDriverName, storageClassNames, volumeAttributes, volumeTypes, minimumSize })) {
    if (value !== undefined && (value === minimumSize ? kibibytes(minimumSize) === 0 : isNothing(value))) {
      reject(origin, `${prop}.${name}`, { problem: 'empty, which Velero reads as any', got: value, allowed: 'something to choose by', fix: 'leave it out for any' });
    }
  }
}

/** A condition whose value is not there would be none, and every volume left out. */
function requireAllMeant(origin: Construct, prop: string, rule: VeleroVolumeRule): void {
  requireBoolean(origin, `${prop}.allVolumes`, rule.allVolumes);
  const conditions = Object.keys(conditionsOf(rule));
  if (rule.allVolumes && conditions.length > 0) {
    reject(origin, `${prop}.allVolumes`, { problem: 'it has conditions too', got: conditions, allowed: 'one of the two', fix: 'leave one out' });
  }
  if (!rule.allVolumes && conditions.length === 0 && rule.action === VeleroVolumeAction.SKIP) {
    reject(origin, prop, {
      problem: 'without a condition every volume is left out', got: rule, allowed: 'a condition, or allVolumes: true', fix: 'give it a condition, or say in words that all are meant',
    });
  }
}

function requireNames(origin: Construct, prop: string, names: string[] | undefined): void {
  requireList(origin, prop, names);
  names?.forEach(name => requireName(origin, prop, name));
}

const kibibytes = (size: Size) => size.toKibibytes({ rounding: SizeRoundingBehavior.NONE });

function requireSizes(origin: Construct, prop: string, { minimumSize, maximumSize }: VeleroVolumeRule): void {
  for (const [name, size] of Object.entries({ minimumSize, maximumSize })) {
    requireOptional(origin, `${prop}.${name}`, size, 'Size');
  }
  if (maximumSize && kibibytes(maximumSize) === 0) {
    reject(origin, `${prop}.maximumSize`, { problem: 'Velero reads zero as no limit', got: maximumSize, allowed: 'more than zero', fix: 'leave it out, or raise it' });
  }
  if (minimumSize && maximumSize && kibibytes(minimumSize) > kibibytes(maximumSize)) {
    reject(origin, `${prop}.maximumSize`, {
      problem: `less than minimumSize, ${minimumSize.asString()}`, got: maximumSize, allowed: 'at least minimumSize', fix: 'exchange the two',
    });
  }
}
