import type { SessionInput } from '../model/runtime.ts'
import { isFloat, isInteger } from '../numbers/dtype.ts'

/** What an input is for, as far as its name, type and rank tell. */
export type InputRole =
  | 'mask' // which positions count
  | 'token-types' // segment of each token
  | 'positions' // index of each token
  | 'state' // what a recurrent or decoding model hands back to itself
  | 'rate' // samples a second
  | 'lengths' // how much of a padded axis is used
  | 'keep' // how many logits to compute; 0 is all
  | 'flag'
  | 'ids' // integers that choose rows of a table
  | 'picture'
  | 'signal' // floats of rank 0 to 2
  | 'features' // other floats
  | 'text'

const ENCODED = /encoder|last_hidden|inputs_embeds/
const STATE = /past|cache|prev|(^|[_.])states?($|[_.\d])|(^|[_.])[hc][n\d]?($|[_.\d])|^[hc]x$|memory|hidden/

export function roleOf({ name, dtype, shape }: SessionInput): InputRole {
  const lower = name.toLowerCase()
  const rank = shape.length
  if (dtype === 'string') return 'text'
  if (dtype === 'bool') return lower.includes('mask') ? 'mask' : 'flag'
  if (/^(sr|(sample|sampling)_?rate)$/.test(lower)) return 'rate'
  if (isInteger(dtype)) {
    if (lower.includes('mask')) return 'mask'
    if (/token_type|segment_ids?/.test(lower)) return 'token-types'
    if (/position|cache_pos/.test(lower)) return 'positions'
    if (/logits_to_keep/.test(lower)) return 'keep'
    if (/(^|_)(lens?|lengths?)$|num_frames/.test(lower)) return 'lengths'
    if (rank === 4 && dtype === 'u8') return 'picture'
    return 'ids'
  }
  if (isFloat(dtype) && !ENCODED.test(lower) && STATE.test(lower)) return 'state'
  if (/attention_mask|(^|_)mask$/.test(lower) && rank <= 2) return 'mask'
  if (rank === 4 && (isColors(shape[1]) || isColors(shape[3]))) return 'picture'
  return rank <= 2 ? 'signal' : 'features'
}

/** A size that the channels of a picture have. */
export function isColors(size: number | string | null | undefined): boolean {
  return size === 1 || size === 3 || size === 4
}
