import { SUPERBLOCK } from './superblock-shape.ts'

/** The values of one superblock as doubles, with the weights of their errors. Used again for the next one. */
export interface SuperblockValues {
  readonly x: Float64Array
  readonly w: Float64Array
  count: number
}

export function superblockValues(): SuperblockValues {
  return { x: new Float64Array(SUPERBLOCK), w: new Float64Array(SUPERBLOCK), count: 0 }
}

export function loadSuperblock(
  target: SuperblockValues,
  values: Float32Array,
  importance: Float32Array | undefined,
): void {
  target.x.set(values)
  target.count = values.length
  if (importance === undefined) target.w.fill(1)
  else target.w.set(importance)
}
