export { superblockCodec } from './superblock-codec.ts'
export { SUPERBLOCKS } from './superblock-family.ts'
export { SUPERBLOCK, SUPERBLOCK_SHAPES, type SuperblockShape } from './superblock-shape.ts'
