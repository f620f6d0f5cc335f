export { blobSource } from './bytes/blob.ts'
export { memorySource } from './bytes/memory.ts'
export type { ByteSource } from './bytes/types.ts'
export { urlSource } from './bytes/url.ts'
export type { GivenSample } from './calibration/given-samples.ts'
export { mergeStatistics } from './calibration/merge-statistics.ts'
export * from './calibration/observers/index.ts'
export { type RecordedSession, type Recording, type RecordOptions, record } from './calibration/record.ts'
export { writeStatistics } from './calibration/statistics-file.ts'
export {
  absorbMeanErrors,
  applyErrorModel,
  type ErrorModel,
  encodeNearest,
  encodeWithDiffusion,
  encodeWithFeedback,
  fitCentroids,
  fitLowRank,
  fitPolynomial,
  gridQuantizer,
  heldOutGain,
  heldOutMask,
  meanErrors,
  type Quantizer,
  refitAndRecode,
  refitGrid,
  tableQuantizer,
} from './corrections/index.ts'
export { type ErrorCode, TersorError } from './errors.ts'
export { createKernels } from './kernels/index.ts'
export type { ArrayScheme, Codec, CodeRounding, Effort, Grouping, QuantizedArray } from './model/array-scheme.ts'
export type { Explanation } from './model/explanation.ts'
export type { Report, Verdict } from './model/report.ts'
export type { Runtime, Sample, Value } from './model/runtime.ts'
export type { ChannelStatistics, Json, Statistics, ValueStatistics } from './model/statistics.ts'
export type { StageEvent } from './model/tools.ts'
export { type LevelGrid, type LevelRequest, levels } from './numbers/levels.ts'
export { type ChooseOptions, chooseScheme, type SchemeChoice } from './pipeline/arrays/choose-scheme.ts'
export { readQuantizedArrays, writeQuantizedArrays } from './pipeline/arrays/npz-arrays.ts'
export { explain } from './pipeline/explain.ts'
export type { ExplainOptions } from './pipeline/explain-ask.ts'
export { mapToCodes, scaleToSteps, truncateSteps, valuesOfCodes } from './pipeline/explain-stages.ts'
export { type BytesOptions as QuantizeOptions, type BytesResult, quantize } from './pipeline/quantize-bytes.ts'
export { ncnnTable, ortCalibrationCache, readStatistics } from './pipeline/statistics-doors.ts'
export type { NcnnOptions } from './pipeline/statistics-tables.ts'
export { ortRuntime } from './runtime/ort.ts'
export type { QuantizeArrayOptions } from './schemes/arrays/array-functions.ts'
export { arrayScheme, dequantizeArray, quantizeArray } from './schemes/arrays/registry.ts'
export * from './schemes/ranges/index.ts'
