/** What is remembered of activations, batch by batch. */
export { type AlignedHistogram, alignedHistogramObserver } from './aligned-histogram.ts'
export { type ChannelRanges, channelMinMaxObserver } from './channel-min-max.ts'
export {
  type ChannelMoments,
  channelAbsmax,
  channelMeans,
  channelMomentsObserver,
  channelSecondMoments,
} from './channel-moments.ts'
export { minMaxObserver } from './min-max.ts'
export { batchRangesObserver, movingAverage } from './moving-average.ts'
export { type TorchHistogram, torchHistogramObserver } from './torch-histogram.ts'
export { torchHistogramRange } from './torch-histogram-range.ts'
