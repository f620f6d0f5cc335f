/** Scales of scales: the superblocks of ggml's k-quants, and double quantization as in bitsandbytes. */
export { DOUBLE_SCALES } from './double-family.ts'
export { DOUBLE_GROUP, doubleScalesCodec } from './double-scales.ts'
export { DYNAMIC_MAP } from './dynamic-map.ts'
export { superblockCodec } from './superblock-codec.ts'
export { SUPERBLOCKS } from './superblock-family.ts'
export { SUPERBLOCK, SUPERBLOCK_SHAPES, type SuperblockShape } from './superblock-shape.ts'
