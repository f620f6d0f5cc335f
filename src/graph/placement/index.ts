export { CODES, gridOf } from './grid.ts'
export { type PlacementOptions, placeActivations } from './place.ts'
export { asUnsigned, type SafeForm, type SafeWeight, safePairScales, safeWeight, worstPairOf } from './safe-weight.ts'
export { type StaticWeightOptions, staticWeight } from './static-weight.ts'
