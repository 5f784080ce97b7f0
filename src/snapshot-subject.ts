import { IConstruct } from 'constructs';
import { apiObjectOf, finalName } from './private/api';
import { reject, requireDnsLabel, requireName, requireText } from './private/validate';

/**
 * Someone who is given rights: a person, a group, or a robot's service account.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-subjects
 * @example
 * import { SnapshotSubject } from 'cdk8s-volume-snapshots';
 *
 * SnapshotSubject.group('database-admins');
 */
export class SnapshotSubject {
  /**
   * A person, as the cluster's authentication names them.
   *
   * @param name the user name
   * @throws if the name is empty
   * @example
   * import { SnapshotSubject } from 'cdk8s-volume-snapshots';
   *
   * SnapshotSubject.user('jane@example.com');
   */
  public static user(name: string): SnapshotSubject {
    requireFilled('SnapshotSubject.user', name);
    return new SnapshotSubject('User', () => name);
  }

  /**
   * A group, as the cluster's authentication names it.
   *
   * @param name the name of the group
   * @throws if the name is empty
   * @example
   * import { SnapshotSubject } from 'cdk8s-volume-snapshots';
   *
   * SnapshotSubject.group('oidc:platform');
   */
  public static group(name: string): SnapshotSubject {
    requireFilled('SnapshotSubject.group', name);
    return new SnapshotSubject('Group', () => name);
  }

  /**
   * A service account by its name.
   *
   * @param name the name of the service account
   * @param namespace the namespace that it lives in
   * @throws if a name is not valid
   * @example
   * import { SnapshotSubject } from 'cdk8s-volume-snapshots';
   *
   * SnapshotSubject.serviceAccount('ci', 'build');
   */
  public static serviceAccount(name: string, namespace: string): SnapshotSubject {
    requireName('SnapshotSubject.serviceAccount', 'name', name);
    requireDnsLabel('SnapshotSubject.serviceAccount', 'namespace', namespace);
    return new SnapshotSubject('ServiceAccount', () => name, namespace);
  }

  /**
   * A service account that is defined in this app.
   *
   * @param serviceAccount a construct of any cdk8s-plus version whose object is a ServiceAccount
   * @throws if the construct is something else, or its namespace is not known
   * @example
   * import { Chart } from 'cdk8s';
   * import * as kplus from 'cdk8s-plus-27';
   * import { SnapshotSubject } from 'cdk8s-volume-snapshots';
   *
   * declare const chart: Chart;
   * SnapshotSubject.fromServiceAccount(new kplus.ServiceAccount(chart, 'Robot'));
   */
  public static fromServiceAccount(serviceAccount: IConstruct): SnapshotSubject {
    const object = apiObjectOf('SnapshotSubject.fromServiceAccount', 'serviceAccount', serviceAccount, 'ServiceAccount', 'SnapshotSubject.serviceAccount');
    const namespace = object.metadata.namespace;
    if (namespace === undefined) {
      reject('SnapshotSubject.fromServiceAccount', 'serviceAccount', {
        problem: 'a role binding must name the namespace of a service account, and this one has none',
        got: `ServiceAccount '${object.name}' at ${serviceAccount.node.path}`,
        allowed: 'a service account with a namespace',
        fix: 'give its chart a namespace',
      });
    }
    return new SnapshotSubject('ServiceAccount', () => finalName(object), namespace);
  }

  private constructor(private readonly kind: string, private readonly name: () => string, private readonly namespace?: string) {}

  /**
   * The subject as a role binding writes it.
   *
   * @internal
   */
  public _toKube(): object {
    return this.kind === 'ServiceAccount'
      ? { kind: this.kind, name: this.name(), namespace: this.namespace }
      : { apiGroup: 'rbac.authorization.k8s.io', kind: this.kind, name: this.name() };
  }
}

function requireFilled(origin: string, name: string): void {
  requireText(origin, 'name', name);
  if (name.trim() === '') { reject(origin, 'name', { problem: 'empty', got: name, allowed: 'a name', fix: 'name the subject' }); }
}
