export { type ChosenFactors, chooseFactors, chooseFactorsSteps } from './choose-factors.ts'
export { channelFactors } from './factors.ts'
