export { accuracyMeter } from './accuracy.ts'
export { bitsMeter, idsOf, pairOf, type ScoredLine } from './bits.ts'
export { boxMeter } from './boxes.ts'
export { type ClassNames, classNames, classNamesOf } from './class-names.ts'
export {
  type ComparedOutput,
  type Comparison,
  compareOutputs,
  comparison,
  type OutputAccumulator,
  outputAccumulator,
} from './compare.ts'
export { decibels, EXACT_DB } from './decibels.ts'
export { type Box, boxesOf, type DetectionOutputs, detectionOutputs, matchedBoxes } from './detections.ts'
export { type Numbers, numbersOf } from './elements.ts'
export {
  type EmbeddingMeter,
  type EmbeddingOutput,
  embeddingMeter,
  embeddingOutput,
  embeddingsOf,
} from './embeddings.ts'
export { expNegative } from './exponential.ts'
export { type Label, type Labels, labelsOfCsv, labelsOfFolders, labelsOfNames } from './labels.ts'
export { type LanguageMeter, languageMeter } from './language.ts'
export { maskFor } from './masks.ts'
export {
  type InputFacts,
  inputFactsOf,
  isPictureShape,
  type Medium,
  type MediumFacts,
  mediumOf,
  pictureRangeOf,
  spectrumAxes,
} from './medium.ts'
export { lossOf, type MetricFacts, type MetricMeter } from './metric.ts'
export { METRIC_NAMES, type MetricChoice, type MetricName, metricChoice } from './metric-name.ts'
export { type Measure, type MetricModule, type MetricSample, type MetricTensor, moduleMeter } from './module-metric.ts'
export { type KindHints, type OutputKind, outputShapeOf } from './output-kind.ts'
export { type RecallOptions, recall } from './recall.ts'
export { givenThresholds, MAX_KL, MIN_AGREEMENT, minCosineOf, type Thresholds } from './thresholds.ts'
export { type VerdictFacts, verdictOf } from './verdict.ts'
