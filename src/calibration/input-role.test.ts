import { describe, expect, it } from 'vitest'
import type { DType } from '../model/dtype.ts'
import { roleOf } from './input-role.ts'

const table: [string, DType, (number | string | null)[], string][] = [
  ['input_ids', 'i64', ['N', 'S'], 'ids'],
  ['attention_mask', 'i64', ['N', 'S'], 'mask'],
  ['attention_mask', 'f32', ['N', 'S'], 'mask'],
  ['token_type_ids', 'i64', ['N', 'S'], 'token-types'],
  ['segment_ids', 'i32', ['N', 'S'], 'token-types'],
  ['position_ids', 'i64', ['N', 'S'], 'positions'],
  ['past_key_values.0.key', 'f32', ['N', 4, 'P', 64], 'state'],
  ['state', 'f32', [2, null, 128], 'state'],
  ['h0', 'f32', [1, 'N', 128], 'state'],
  ['c1', 'f32', [1, 'N', 128], 'state'],
  ['cx', 'f32', [1, 128], 'state'],
  ['lstm_h_in', 'f32', [1, 128], 'state'],
  ['conv_cache', 'f32', [2, 1, 16, 16, 33], 'state'],
  ['hidden', 'f32', [1, 1, 8], 'state'],
  ['encoder_hidden_states', 'f32', ['N', 'S', 64], 'features'],
  ['sr', 'i64', [], 'rate'],
  ['sample_rate', 'i32', [], 'rate'],
  ['x_lens', 'i64', ['N'], 'lengths'],
  ['num_logits_to_keep', 'i64', [], 'keep'],
  ['use_cache_branch', 'bool', [1], 'flag'],
  ['mask', 'bool', ['N', 'S'], 'mask'],
  ['image', 'f32', [1, 3, 320, 320], 'picture'],
  ['image', 'u8', [1, 320, 320, 3], 'picture'],
  ['x', 'f32', [1, 320, 320, 3], 'picture'],
  ['x', 'f32', [1, 257, 1, 2], 'features'],
  ['mfcc', 'f32', ['N', 98, 40], 'features'],
  ['audio', 'f32', ['N', 'T'], 'signal'],
  ['chars', 'f32', [1], 'signal'],
  ['text', 'string', [1], 'text'],
]

describe('role of an input', () => {
  it.each(table)('%s %s %j', (name, dtype, shape, role) => {
    expect(roleOf({ name, dtype, shape })).toBe(role)
  })
})
