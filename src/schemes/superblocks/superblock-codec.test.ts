import { codecContract } from '../../../test/contracts/codec.ts'
import { superblockCodec } from './superblock-codec.ts'
import { SUPERBLOCK, SUPERBLOCK_SHAPES } from './superblock-shape.ts'

for (const shape of SUPERBLOCK_SHAPES) {
  const grouping = { kind: 'block', size: SUPERBLOCK } as const
  codecContract(
    { id: shape.id, codec: superblockCodec(shape), grouping },
    { idempotent: ['closed', 'fast', 'exact'], scales: false },
  )
}
