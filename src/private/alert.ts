import { Matchers } from './promql';
import { SnapshotAlert } from '../snapshot-alert';

/** An alert before the labels and links that all have in common; texts may use `$value`. */
export interface AlertRule {
  readonly alert: SnapshotAlert;
  readonly expr: string;
  /** how long it must be so, in words of Prometheus */
  readonly for: string;
  readonly summary: string;
  readonly description: string;
}

/** The alerts about one CronJob. */
export interface AlertGroup {
  readonly name: string;
  /** of each of its alerts */
  readonly labels: { readonly [name: string]: string };
  readonly rules: AlertRule[];
}

export interface AlertSettings {
  /** what all series must have beside */
  readonly matchers: Matchers;
  /** whether there are metrics of snapshots */
  readonly snapshotMetrics: boolean;
  /** so many runs may be missed before a CronJob is stale */
  readonly toleratedMisses: number;
}
