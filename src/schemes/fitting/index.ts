/** Parameters of one block: scale over a level table, scale and whole zero, scale and offset. */
export { type Affine, type AffineOptions, fitAffine } from './fit-affine.ts'
export { fitOffset, type Offset, type OffsetOptions } from './fit-offset.ts'
export { fitScale, type ScaleOptions } from './fit-scale.ts'
export { encodeNearest, nearestLevel, scaledValue } from './nearest-level.ts'
export { type PreparedTable, prepareTable, type Ties } from './prepared-table.ts'
