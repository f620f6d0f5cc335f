export { liftModel } from './lift-model.ts'
export { isQuantized } from './quantized-operators.ts'
export { codesOf, type Grid, product, type Recipe, stored, tensorsOf, transposed } from './recipe.ts'
export type { KeptNode, LiftedActivation, LiftedModel, LiftedTensor, LiftPorts } from './types.ts'
