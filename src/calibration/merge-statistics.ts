import { TersorError } from '../errors.ts'
import type { ChannelStatistics, Statistics, ValueStatistics } from '../model/statistics.ts'
import { ChannelSums } from './channel-sums.ts'
import { alignedHistogramObserver } from './observers/aligned-histogram.ts'

/**
 * What one run over the samples of `earlier` and then those of `later` gives, to the bit. A value that is not in both has no
 * statistics but a reason. What was chosen by running the model is forgotten: it was chosen on other data.
 *
 * E_USAGE for statistics of different models, of a run that ended early, or of states that were carried over a seam.
 */
export function mergeStatistics(earlier: Statistics, later: Statistics): Statistics {
  if (earlier.model !== later.model) {
    throw new TersorError('E_USAGE', `expected statistics of one model, found ${earlier.model} and ${later.model}`)
  }
  if (earlier.unfinished || later.unfinished) {
    throw new TersorError('E_USAGE', 'expected statistics of whole runs, found those of a run that ended early', {
      hint: 'finish it first: run the same command again',
    })
  }
  const values = new Map<string, ValueStatistics>()
  const skipped = new Map([...later.skipped, ...earlier.skipped])
  for (const [name, first] of earlier.values) {
    const second = later.values.get(name)
    if (second !== undefined) values.set(name, mergeValues(first, second))
    else if (!skipped.has(name)) skipped.set(name, 'not seen in all samples')
  }
  for (const name of later.values.keys()) {
    if (!earlier.values.has(name) && !skipped.has(name)) skipped.set(name, 'not seen in all samples')
  }
  const digests = [...digestsOf(earlier), ...digestsOf(later)]
  return {
    model: earlier.model,
    labels: [...earlier.labels, ...later.labels],
    values,
    skipped: new Map([...skipped].sort(([a], [b]) => (a < b ? -1 : 1))),
    carried: [...new Set([...earlier.carried, ...later.carried])],
    ...(digests.some((digest) => digest !== '') ? { digests } : {}),
    ...(earlier.synthetic || later.synthetic ? { synthetic: true as const } : {}),
  }
}

function digestsOf({ labels, digests }: Statistics): readonly string[] {
  return digests ?? labels.map(() => '')
}

/** The same of one value: histograms are of as many bins. */
export function mergeValues(a: ValueStatistics, b: ValueStatistics): ValueStatistics {
  if (a.counts.length !== b.counts.length) {
    throw new TersorError('E_USAGE', `expected histograms of ${a.counts.length} bins, found ${b.counts.length}`)
  }
  const samples = new Float32Array(a.samples.length + b.samples.length)
  samples.set(a.samples)
  samples.set(b.samples, a.samples.length)
  const channels = mergeChannels(a, b)
  return {
    ...alignedHistogramObserver(a.counts.length).merge(a, b),
    count: a.count + b.count,
    zeros: a.zeros + b.zeros,
    samples,
    ...(channels === undefined ? {} : { channels }),
  }
}

function mergeChannels(a: ValueStatistics, b: ValueStatistics): ChannelStatistics | undefined {
  if (a.count === 0) return b.channels
  if (b.count === 0) return a.channels
  const [first, second] = [a.channels, b.channels]
  if (first === undefined || second === undefined) return undefined
  if (first.axis !== second.axis || first.min.length !== second.min.length) return undefined
  const sums = new ChannelSums(first)
  sums.add(second)
  return sums.statistics()
}
