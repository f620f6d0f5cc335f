import type { Packing } from '../../../model/packing.ts'
import { elements } from './elements.ts'
import { gatherBlock } from './gather-block.ts'
import { kn, knSigned } from './kn.ts'
import { lstm } from './lstm.ts'
import { nbits } from './nbits.ts'

/** Every layout that ONNX files have for integer schemes, by id. */
export const packings: ReadonlyMap<string, Packing> = new Map(
  [nbits, elements, gatherBlock, kn, knSigned, lstm].map((packing) => [packing.id, packing]),
)
