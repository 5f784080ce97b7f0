export const COMMAND = 'cdk8s-volume-snapshots';

const PLAN_USE = `${COMMAND} plan [options] FILE...`;
const STATUS_USE = `${COMMAND} status [options] [FILE...]`;

export const PLAN_HELP = `Usage: ${PLAN_USE}

Says of synthesized YAML which restore points its schedules keep, and what is risky in it. Nothing is applied, and no cluster is asked.
Give it all files that go to one cluster, also those of other tools: what is not among them is not seen.

Options:
  --svg FILE   also write a timeline of the restore points
  --json       print JSON instead of tables
  --strict     exit with 1 if the review finds a risk, or nothing to review
  -h, --help   print this

Exit codes: 0; 1 with --strict if there is a risk or nothing to review; 2 if an argument is wrong or a file cannot be read.
`;

export const STATUS_HELP = `Usage: ${STATUS_USE}

Says which snapshots there are, how old and how good they are, how the runs of schedules went, and what needs attention. It asks the cluster by
your kubectl, and changes nothing. With files, it reads what kubectl get -o json has printed, - for standard input, and asks no cluster.

Options:
  -n, --namespace NAME   of this namespace instead of that of the context
  -A, --all-namespaces   of all namespaces
  --context NAME         of the cluster of this context
  --kubeconfig FILE      with this kubeconfig
  --kubectl PROGRAM      by this program instead of kubectl
  --claim NAME           only the snapshots of this claim
  --schedule NAME        only those of this schedule
  --full                 list all snapshots, not only the newest of each claim and those that are of note
  --json                 print JSON instead of tables
  --strict               exit with 1 if something needs attention, could not be seen, or there is nothing to see
  -h, --help             print this

Exit codes: 0; 1 with --strict as it says; 2 if an argument is wrong, or kubectl or the cluster gives no answer that is of use.
`;

export const HELP = `${PLAN_HELP}
${STATUS_HELP}`;
