export { CODES, gridOf } from './grid.ts'
export { type PlacementOptions, placeActivations } from './place.ts'
export { type StaticWeightOptions, staticWeight } from './static-weight.ts'
