/**
 * Metrics as Effect keeps them: by key and labels. Labels are fixed when a metric is made: labelling one per call costs
 * more than the update.
 */
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricKey from "effect/MetricKey"
import * as MetricLabel from "effect/MetricLabel"

export { gauge, update } from "effect/Metric"

/** The labels of an update beside those of its metric. */
export type UpdateLabels = ReadonlyArray<MetricLabel.MetricLabel>

export const noLabels: UpdateLabels = []

type Labels = Readonly<Record<string, string>>

const labelled = (labels: Labels): ReadonlyArray<MetricLabel.MetricLabel> =>
  Object.entries(labels).map(([key, value]) => MetricLabel.make(key, value))

export const counter = (name: string, description: string, labels: Labels = {}): Metric.Metric.Counter<number> =>
  Metric.fromMetricKey(
    MetricKey.taggedWithLabels(MetricKey.counter(name, { description, incremental: true }), labelled(labels))
  )

/** A histogram of durations in milliseconds, from 16 to about nine minutes. */
export const durations = (name: string, description: string, labels: Labels): Metric.Metric.Histogram<number> =>
  Metric.fromMetricKey(
    MetricKey.taggedWithLabels(
      MetricKey.histogram(name, MetricBoundaries.exponential({ start: 16, factor: 2, count: 16 }), description),
      labelled(labels)
    )
  )
