import { TersorError } from '../../errors.ts'
import type { Family } from '../arrays/families.ts'
import { superblockCodec } from './superblock-codec.ts'
import { SUPERBLOCK, SUPERBLOCK_SHAPES } from './superblock-shape.ts'

/** q2k .. q6k: nothing to choose, the format is fixed. */
export const SUPERBLOCKS: Family = {
  name: 'superblocks',
  pattern: /^q([2-6])k$/,
  examples: ['q2k', 'q3k', 'q4k', 'q5k', 'q6k'],
  kinds: () => [],
  scales: () => [],
  grouping: { kind: 'block', size: SUPERBLOCK },
  fixed: true,
  make(code) {
    const shape = SUPERBLOCK_SHAPES.find(({ id }) => id === code[0])
    if (!shape) throw new TersorError('E_INTERNAL', `no superblock is called ${code[0]}`)
    return superblockCodec(shape)
  },
}
