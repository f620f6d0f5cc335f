export { solveHalfQuadratic } from './solve-rows.ts'
