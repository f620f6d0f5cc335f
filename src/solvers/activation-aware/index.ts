export { type ChosenFactors, chooseFactors } from './choose-factors.ts'
export { channelFactors } from './factors.ts'
