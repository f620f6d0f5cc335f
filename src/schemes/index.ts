export type { HalfTensor } from './half.ts'
export { decodeHalf, encodeHalf, halfErrorBound } from './half.ts'
export { bitsPerWeight, decode, errorBound, exactZero } from './integer.ts'
export { commonSchemeIds, formatSchemeId, parseFewBits, parseSchemeId, tryParseSchemeId } from './scheme-id.ts'
