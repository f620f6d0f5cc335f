export { type BodyModel, bodiesAsModels } from './body-models.ts'
export { moveConstantsInward } from './inward-constants.ts'
export { withBodies } from './with-bodies.ts'
