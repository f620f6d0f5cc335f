import type { BlockLayout } from './block-layout.ts'
import { iq4_nl } from './iq4-nl.ts'
import { mxfp4 } from './mxfp4.ts'
import { nvfp4 } from './nvfp4.ts'
import { q1_0 } from './q1-0.ts'
import { q2_0 } from './q2-0.ts'
import { q2_k } from './q2-k.ts'
import { q3_k } from './q3-k.ts'
import { q4_0 } from './q4-0.ts'
import { q4_1 } from './q4-1.ts'
import { q4_k } from './q4-k.ts'
import { q5_0 } from './q5-0.ts'
import { q5_1 } from './q5-1.ts'
import { q5_k } from './q5-k.ts'
import { q6_k } from './q6-k.ts'
import { q8_0 } from './q8-0.ts'
import { tq1_0 } from './tq1-0.ts'
import { tq2_0 } from './tq2-0.ts'

export type { BlockLayout } from './block-layout.ts'
export { packBlocks, unpackBlocks } from './blocks.ts'

/** Every block layout, by ggml's name. */
export const blockLayouts: ReadonlyMap<string, BlockLayout> = new Map(
  [
    ...[q4_0, q4_1, q5_0, q5_1, q8_0, q2_k, q3_k, q4_k, q5_k, q6_k, iq4_nl],
    ...[tq1_0, tq2_0, mxfp4, nvfp4, q1_0, q2_0],
  ].map((layout) => [layout.id, layout]),
)
