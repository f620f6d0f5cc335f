export { fastOffset as exactOffset } from './fast-offset.ts'
