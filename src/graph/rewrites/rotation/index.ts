export { POST_NORM } from './find-space.ts'
export { type RotatedModel, type RotationOptions, rotateModel } from './rotate-model.ts'
export { matrixAt } from './space.ts'
export { type ChosenSpace, type FoundSpaces, findSpaces, type RefusedSpace } from './spaces.ts'
