export {
  type ComparedOutput,
  type Comparison,
  compareOutputs,
  comparison,
  type OutputAccumulator,
  outputAccumulator,
} from './compare.ts'
export { EXACT_DB } from './decibels.ts'
export { type KindHints, type OutputKind, outputShapeOf } from './output-kind.ts'
export { MAX_KL, MIN_AGREEMENT, minCosineOf, type Thresholds } from './thresholds.ts'
export { type MetricFacts, type VerdictFacts, verdictOf } from './verdict.ts'
