import { Cluster } from './kubectl';
import { KEYS } from '../../runner/config';

/** The next command, as a person would type it for the same cluster. */
export interface Commands {
  logs(namespace: string, pod: string): string;
  /** a run at once */
  start(namespace: string, cronJob: string): string;
  resume(namespace: string, cronJob: string): string;
  describe(namespace: string, kind: string, name: string): string;
  hold(namespace: string, snapshot: string): string;
}

export function commandsFor({ context, kubeconfig }: Partial<Cluster>): Commands {
  const option = (name: string, value: string | undefined) => (value === undefined ? '' : ` --${name} ${word(value)}`);
  const kubectl = (namespace: string) => `kubectl${option('kubeconfig', kubeconfig)}${option('context', context)}${namespace === '' ? '' : ` -n ${word(namespace)}`}`;
  return {
    logs: (namespace, pod) => `${kubectl(namespace)} logs ${word(pod)}`,
    start: (namespace, cronJob) => `${kubectl(namespace)} create job ${word(cronJob)}-$(date +%s) --from=cronjob/${word(cronJob)}`,
    resume: (namespace, cronJob) => `${kubectl(namespace)} patch cronjob ${word(cronJob)} -p '{"spec":{"suspend":false}}'`,
    describe: (namespace, kind, name) => `${kubectl(namespace)} describe ${kind} ${word(name)}`,
    hold: (namespace, snapshot) => `${kubectl(namespace)} label volumesnapshot ${word(snapshot)} ${KEYS.hold}=WHY`,
  };
}

/** One word of a shell, whatever somebody may have written into a file or a context. */
function word(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
}
