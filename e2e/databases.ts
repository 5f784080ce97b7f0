import { apply, bound, claim, eventually, getJson, kubectl, STORAGE_CLASS } from './cluster';

/** A pod with one container, and its claims by the path where they are mounted. */
export interface DatabasePod {
  readonly namespace: string;
  readonly name: string;
  readonly container: object;
  readonly volumes: { readonly [claimName: string]: string };
}

/** Creates the pod, and such of its claims as are not there. */
export async function startPod({ namespace, name, container, volumes }: DatabasePod): Promise<void> {
  const claims = Object.keys(volumes);
  const existing = getJson('-n', namespace, 'pvc').items.map((item: any) => item.metadata.name);
  const missing = claims.filter(each => !existing.includes(each));
  if (missing.length > 0) { apply(missing.map(each => claim(namespace, each))); }
  // a pod that comes before its claims are bound waits for a minute
  await bound(namespace, ...claims);
  apply([{
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name, ...container, volumeMounts: claims.map((each, index) => ({ name: `v${index}`, mountPath: volumes[each] })) }],
      volumes: claims.map((each, index) => ({ name: `v${index}`, persistentVolumeClaim: { claimName: each } })),
    },
  }]);
  await eventually(`pod ${name} runs`, 90, () => getJson('-n', namespace, 'pod', name).status.phase === 'Running');
}

/** The manifest of a StatefulSet of one replica with one claim called `data`. */
export function databaseSet(
  namespace: string, name: string, container: object, { mountPath = '/data', storageClassName = STORAGE_CLASS }: { mountPath?: string; storageClassName?: string } = {},
) {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace },
    spec: {
      serviceName: name,
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 5, containers: [{ name, ...container, volumeMounts: [{ name: 'data', mountPath }] }] } },
      volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: (claim(namespace, 'data', { storageClassName }) as any).spec }],
    },
  };
}

/** Runs a shell command in a pod, and returns what it printed. */
export function shell(namespace: string, pod: string, command: string, input?: string): string {
  return kubectl(['-n', namespace, 'exec', '-i', pod, '--', 'sh', '-c', command], input).trim();
}

/** Leaves a shell command running in a pod. */
export function shellInBackground(namespace: string, pod: string, command: string): void {
  shell(namespace, pod, `setsid sh -c '${command.replace(/'/g, "'\\''")}' >/dev/null 2>&1 </dev/null &`);
}

export const MARIADB = {
  image: 'mariadb:10.11',
  env: [{ name: 'MARIADB_ROOT_PASSWORD', value: 'correct horse' }, { name: 'MARIADB_DATABASE', value: 'shop' }],
};
export const POSTGRES = {
  image: 'postgres:15',
  env: [{ name: 'POSTGRES_PASSWORD', value: 'correct horse' }, { name: 'PGDATA', value: '/data/pg' }],
};

/** A MariaDB that writes all the time, and writes down when. */
export class WritingMariaDb {
  constructor(readonly namespace: string, readonly pod: string) {}

  sql(statement: string): string {
    return shell(this.namespace, this.pod, 'MYSQL_PWD="$MARIADB_ROOT_PASSWORD" mariadb -N -B -u root shop', statement);
  }

  /** `volumes`: further claims; the data is on the claim with the name of the pod. */
  async start(volumes: { readonly [claimName: string]: string } = {}): Promise<void> {
    const { namespace, pod } = this;
    await startPod({ namespace, name: pod, container: MARIADB, volumes: { [pod]: '/var/lib/mysql', ...volumes } });
    await eventually('the database answers', 120, () => this.sql('SELECT 1') === '1');
    // without transactions, so that a row is written when it says
    this.sql(`CREATE TABLE beats (id BIGINT AUTO_INCREMENT PRIMARY KEY, at DATETIME(6) NOT NULL) ENGINE=Aria TRANSACTIONAL=0;
DELIMITER //
CREATE PROCEDURE write_on() BEGIN LOOP INSERT INTO beats (at) VALUES (SYSDATE(6)); DO SLEEP(0.002); END LOOP; END //`);
    shellInBackground(namespace, pod, 'MYSQL_PWD="$MARIADB_ROOT_PASSWORD" mariadb -u root shop -e "CALL write_on()"');
  }

  /** Whole milliseconds since 1970 in which nothing was written for longer than usual, since a moment. */
  pauses(since: number, longerThan = 60): { readonly from: number; readonly to: number }[] {
    const rows = this.sql(`SELECT before_it, at FROM (SELECT UNIX_TIMESTAMP(at) * 1000 AS at, LAG(UNIX_TIMESTAMP(at) * 1000) OVER (ORDER BY id) AS before_it FROM beats
      WHERE at > FROM_UNIXTIME(${(since - 1000) / 1000})) AS gaps WHERE at - before_it > ${longerThan}`);
    return rows.split('\n').filter(Boolean).map(row => row.split('\t').map(Number)).map(([from, to]) => ({ from, to }));
  }

  /** When something was written after a moment, in milliseconds since 1970. */
  writtenAfter(moment: number): number | undefined {
    const at = this.sql(`SELECT UNIX_TIMESTAMP(MIN(at)) * 1000 FROM beats WHERE at > FROM_UNIXTIME(${moment / 1000})`);
    return at === 'NULL' ? undefined : Number(at);
  }

  /** Returns when nothing has been written for a while, and nobody waits for the lock, behind whom others wait too. */
  async isHeld(): Promise<void> {
    await eventually('the database is held', 20, () => this.sql(`SELECT SYSDATE(6) > at + INTERVAL 300000 MICROSECOND
      AND NOT EXISTS (SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE 'BACKUP STAGE%') FROM beats ORDER BY id DESC LIMIT 1`) === '1');
  }

  /** The database goes on writing; returns when it first did after the moment. */
  async writesAgain(moment: number, seconds = 90): Promise<number> {
    return eventually('the database writes again', seconds, () => this.writtenAfter(moment));
  }
}
