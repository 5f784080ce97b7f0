import { firstProblem, ParameterProblem, Parameters } from './driver-rules';

const EBS_TAGS = 50;
const EBS_OWN_TAGS = ['CSIVolumeName', 'CSIVolumeSnapshotName', 'ebs.csi.aws.com/cluster'];
const EBS_OWN_PREFIXES = ['aws:', 'kubernetes.io'];

export function ebsTagProblem(given: Parameters): ParameterProblem | undefined {
  const specifications = Object.keys(given).filter((name) => name.startsWith('tagSpecification'));
  const keys = new Set<string>();
  return firstProblem(specifications, (parameter) => {
    const got = given[parameter];
    const [key, value] = splitOnce(got);
    const problem = (text: string, allowed: string): ParameterProblem => ({ parameter, problem: text, got, allowed, fix: 'change the tag' });
    if (!key || value === undefined) { return problem('not a tag', 'key=value'); }
    if (keys.has(key)) { return problem(`the tag '${key}' is given twice, and either may win`, 'a tag once'); }
    keys.add(key);
    if (keys.size > EBS_TAGS) { return problem('too many tags', `at most ${EBS_TAGS}`); }
    if (EBS_OWN_TAGS.includes(key) || EBS_OWN_PREFIXES.some((prefix) => key.startsWith(prefix))) {
      return problem('this tag is kept for the driver, for Kubernetes or for AWS', `keys other than ${EBS_OWN_TAGS.join(', ')}, and without the prefix ${EBS_OWN_PREFIXES.join(' or ')}`);
    }
    // how long a template becomes is known in the cluster only
    const tooLong = key.length > 128 || (value.length > 256 && !value.includes('{{'));
    return tooLong ? problem('too long', 'a key of at most 128 characters and a value of at most 256') : undefined;
  });
}

export function azureTagProblem(given: Parameters): ParameterProblem | undefined {
  const delimiter = given.tagValueDelimiter ?? ',';
  const wrong = given.tags?.split(delimiter).find((tag) => {
    const [key, value] = splitOnce(tag);
    return value === undefined || key.trim() === '' || /[<>%&?/.]/.test(key);
  });
  return wrong === undefined ? undefined : {
    parameter: 'tags',
    problem: `'${wrong}' is not a tag`,
    got: given.tags,
    allowed: `key=value${delimiter}key=value, without <>%&?/. in a key`,
    fix: 'correct the tag, or choose another tagValueDelimiter if a value contains it',
  };
}

/** The driver writes this key itself, to know its snapshots again. */
const AZURE_FILE_OWN_KEY = 'initiator';

export function azureFileMetadataProblem({ metadata }: Parameters): ParameterProblem | undefined {
  const wrong = metadata?.split(',').find((pair) => {
    const [key, value] = splitOnce(pair);
    return value === undefined || key.trim() === '' || key.trim().toLowerCase() === AZURE_FILE_OWN_KEY;
  });
  return wrong === undefined ? undefined : {
    parameter: 'metadata',
    problem: `'${wrong}' is not metadata that the driver takes`,
    got: metadata,
    allowed: `key=value,key=value, and no key ${AZURE_FILE_OWN_KEY}`,
    fix: 'correct it',
  };
}

/** A parameter that is a map of texts in JSON, or a map of such maps. */
export function jsonMapProblem(given: Parameters, parameter: string, depth: 1 | 2): ParameterProblem | undefined {
  return given[parameter] === undefined || isMap(parse(given[parameter]), depth) ? undefined : {
    parameter,
    problem: 'not tags that the driver can read',
    got: given[parameter],
    allowed: depth === 1 ? 'JSON such as {"team":"payments"}' : 'JSON such as {"namespace":{"team":"payments"}}',
    fix: 'correct it',
  };
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function isMap(value: unknown, depth: number): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    && Object.values(value).every((item) => (depth === 1 ? typeof item === 'string' : isMap(item, depth - 1)));
}

function splitOnce(pair: string): [string, string | undefined] {
  const at = pair.indexOf('=');
  return at < 0 ? [pair, undefined] : [pair.slice(0, at), pair.slice(at + 1)];
}
