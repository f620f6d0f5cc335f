export { Adam, type StepSize, Warmth } from './adam.ts'
export { LearnedCodes, type LearnedCodesOptions } from './learned-codes.ts'
