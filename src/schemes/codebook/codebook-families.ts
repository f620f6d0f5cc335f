import type { Family } from '../arrays/families.ts'
import { scaleRounding } from '../arrays/scale-rounding.ts'
import { codebookCodec } from './codebook-codec.ts'
import { fittedCodec } from './fitted-codec.ts'
import { productCodec } from './product-codec.ts'

const storage = (scale: string): 'f32' | 'f16' => (scale === 'f16' ? 'f16' : 'f32')

/** codebook<bits>: fitted levels, a table for each group. The last part of an id is the type of the levels. */
const CODEBOOKS: Family = {
  name: 'codebook<bits>',
  pattern: /^codebook([1-8])$/,
  examples: ['codebook4', 'codebook4-row', 'codebook2-row-f16', 'codebook8'],
  kinds: () => [],
  scales: () => ['f32', 'f16'],
  grouping: { kind: 'tensor' },
  make: (code, { scale }) => codebookCodec(Number(code[1]), { table: storage(scale) }),
}

/** product<vector>x<bits>: fitted vectors of 2 or 4 values, one table for the array. */
const PRODUCTS: Family = {
  name: 'product<vector>x<bits>',
  pattern: /^product([24])x([4-9]|1[0-2])$/,
  examples: ['product2x8', 'product4x8', 'product4x12'],
  kinds: () => [],
  scales: () => ['f32', 'f16'],
  grouping: { kind: 'tensor' },
  make: (code, { scale }) => productCodec(code[1] === '2' ? 2 : 4, Number(code[2]), { table: storage(scale) }),
}

/** fitted<bits>: one table of levels for the array, a scale of either sign for each group. */
const FITTED: Family = {
  name: 'fitted<bits>',
  pattern: /^fitted([2-6])$/,
  examples: ['fitted4-block32-f16', 'fitted4-block128', 'fitted2-block128-f16'],
  kinds: () => [],
  scales: () => ['f32', 'f16', 'bf16'],
  grouping: null,
  make: (code, { scale }) => {
    const type = scale === 'f16' || scale === 'bf16' ? scale : 'f32'
    return fittedCodec(Number(code[1]), { scale: type, round: scaleRounding(type) })
  },
}

export const CODEBOOK_FAMILIES: readonly Family[] = [CODEBOOKS, FITTED, PRODUCTS]
