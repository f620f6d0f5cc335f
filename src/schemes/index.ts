export { decode } from './decode.ts'
export type { HalfTensor } from './half.ts'
export { decodeHalf, encodeHalf, halfErrorBound } from './half.ts'
export { bitsPerWeight, errorBound, exactZero } from './integer.ts'
export type { FewBits } from './scheme-id.ts'
export {
  commonSchemeIds,
  formatFewBits,
  formatSchemeId,
  parseFewBits,
  parseSchemeId,
  tryParseSchemeId,
} from './scheme-id.ts'
