export { type BodyModel, bodiesAsModels } from './body-models.ts'
export { moveConstantsInward } from './inward-constants.ts'
export { bodyValueKey, bodyValueOf } from './value-key.ts'
export { withBodies } from './with-bodies.ts'
