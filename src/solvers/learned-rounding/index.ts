export { type CodeRange, searchChannel } from './descend.ts'
export type { SolvedUnit, SolveOptions } from './solve-unit.ts'
export { solveUnit } from './solve-unit.ts'
export { multiplySpeed } from './speed.ts'
export type {
  CenteredGrid,
  LayerShape,
  LearningTools,
  Post,
  RoundedLayer,
  Unit,
  UnitData,
  UnitLayer,
} from './unit.ts'
export { codeRange, matrixIndex, padded } from './unit.ts'
