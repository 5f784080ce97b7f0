import { metadataWithRemovalPolicy } from '../../src/private/removal';
import { RemovalPolicy } from '../../src/removal-policy';

const KEY = 'argocd.argoproj.io/sync-options';

function options(own: string | undefined, policy?: RemovalPolicy): string | undefined {
  return metadataWithRemovalPolicy(policy, own === undefined ? undefined : { annotations: { [KEY]: own } }).annotations?.[KEY];
}

describe('sync options of Argo CD', () => {
  test.each([
    ['none', undefined, 'Prune=false,Delete=false'],
    ['an empty list', ' , ', 'Prune=false,Delete=false'],
    ['another option', 'ServerSideApply=true', 'Prune=false,Delete=false,ServerSideApply=true'],
    ['several others', 'ServerSideApply=true, Validate=false', 'Prune=false,Delete=false,ServerSideApply=true,Validate=false'],
    ['one that begins alike', 'PruneLast=true', 'Prune=false,Delete=false,PruneLast=true'],
    ['its own about pruning', 'Prune=confirm', 'Delete=false,Prune=confirm'],
    ['its own about deletion', 'ServerSideApply=true,Delete=true', 'Prune=false,ServerSideApply=true,Delete=true'],
    ['ours already', 'Prune=false,Delete=false', 'Prune=false,Delete=false'],
  ])('of the user are added to ours, which only the same option overrides: %s', (_, own, expected) => {
    expect(options(own)).toBe(expected);
    expect(options(own, RemovalPolicy.KEEP)).toBe(expected);
  });

  test('are the user\'s alone where the object shall go', () => {
    expect(options('ServerSideApply=true', RemovalPolicy.DELETE)).toBe('ServerSideApply=true');
    expect(options(undefined, RemovalPolicy.DELETE)).toBeUndefined();
  });
});
