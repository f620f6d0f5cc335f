export { boundsOf } from './bounds.ts'
export { CODES, gridOf } from './grid.ts'
export { type AskedForm, type PlacementOptions, placeActivations } from './place.ts'
export { operandGroups } from './points.ts'
export {
  asUnsigned,
  type SafeForm,
  type SafeWeight,
  safePairScales,
  safeWeight,
  safeWeightFor,
  worstPairOf,
} from './safe-weight.ts'
export { Site } from './site.ts'
export { type RoundedWeight, roundWeight, type StaticWeightOptions, staticWeight } from './static-weight.ts'
export { halvesOf, wideGridOf } from './wide-grid.ts'
