export { liftModel } from './lift-model.ts'
export { codesOf, type Grid, product, type Recipe, tensorsOf } from './recipe.ts'
export type { KeptNode, LiftedActivation, LiftedModel, LiftedTensor, LiftPorts } from './types.ts'
