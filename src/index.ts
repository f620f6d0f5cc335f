export { blobSource } from './bytes/blob.ts'
export { memorySource } from './bytes/memory.ts'
export type { ByteSource } from './bytes/types.ts'
export { urlSource } from './bytes/url.ts'
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
export type { Explanation } from './model/explanation.ts'
export type { Report, Verdict } from './model/report.ts'
export type { Runtime, Sample, Value } from './model/runtime.ts'
export type { StageEvent } from './model/tools.ts'
export { explain } from './pipeline/explain.ts'
export type { ExplainOptions } from './pipeline/explain-ask.ts'
export { mapToCodes, scaleToSteps, truncateSteps, valuesOfCodes } from './pipeline/explain-stages.ts'
export { type BytesOptions as QuantizeOptions, type BytesResult, quantize } from './pipeline/quantize-bytes.ts'
export { ortRuntime } from './runtime/ort.ts'
