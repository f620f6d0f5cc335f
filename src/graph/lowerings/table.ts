import type { Lowering } from '../../model/lowering.ts'
import type { LoweringId } from '../../model/plan.ts'
import { dequantize } from './dequantize.ts'
import { dynamicLstm } from './dynamic-lstm.ts'
import { dynamicMatmul } from './dynamic-matmul.ts'
import { expand } from './expand.ts'
import { gatherBlock } from './gather-block.ts'
import { gatherRows } from './gather-rows.ts'
import { half } from './half.ts'
import { lookup } from './lookup.ts'
import { matmulBnb4 } from './matmul-bnb4.ts'
import { matmulInteger } from './matmul-integer.ts'
import { matmulIntegerRows } from './matmul-integer-rows.ts'
import { matmulNBits } from './matmul-nbits.ts'

/** Every lowering by its id. */
export const lowerings: ReadonlyMap<LoweringId, Lowering> = new Map(
  [
    matmulNBits,
    matmulBnb4,
    lookup,
    dequantize,
    expand,
    gatherBlock,
    gatherRows,
    matmulInteger,
    matmulIntegerRows,
    dynamicMatmul,
    dynamicLstm,
    half,
  ].map((lowering) => [lowering.id, lowering]),
)
