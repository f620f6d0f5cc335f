export { fastScale as exactScale } from './fast-scale.ts'
