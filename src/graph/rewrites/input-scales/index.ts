export { applyFolds, type ScaledFold } from './apply-folds.ts'
export { findFold, type InputFold } from './find-fold.ts'
export { tiedMeans } from './spread.ts'
