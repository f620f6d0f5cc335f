import { describe, expect, it } from 'vitest'
import type { SessionInput } from '../../model/runtime.ts'
import { integersOf } from '../convert.ts'
import { lengthOf, textFeeds, textInputsOf } from './text-input.ts'
import { type PlainTokenizer, textTokenizer } from './tokenizer.ts'

/** Each letter is its code; 1 before and 2 behind. */
const plain: PlainTokenizer = {
  encode(text, { add_special_tokens: special = true } = {}) {
    const ids = [...text].map((letter) => letter.charCodeAt(0))
    return special ? { ids: [1, ...ids, 2], token_type_ids: [0, ...ids.map(() => 0), 0] } : { ids }
  },
  token_to_id: (token) => (token === '<fill>' ? 7 : undefined),
}
const tokenizer = textTokenizer(plain, {}, { pad_token: { content: '<fill>' } }, 't.json')
const input = (name: string, shape: SessionInput['shape'] = ['N', 'S'], dtype: SessionInput['dtype'] = 'i64') => ({
  name,
  dtype,
  shape,
})
const feed = (inputs: readonly SessionInput[], text: string, target?: string) => {
  const feeds = textFeeds(
    { line: 1, text, ...(target === undefined ? {} : { target }) },
    textInputsOf(inputs),
    tokenizer,
    'a:1',
  )
  return Object.fromEntries(
    Object.entries(feeds).map(([name, value]) => [
      name,
      Array.from({ length: value.shape[1]! }, (_, i) => Number(integersOf(value)[i])),
    ]),
  )
}

describe('tokens', () => {
  it('the text is cut, not the tokens around it', () => {
    expect(tokenizer.encode('abcdef', 5)).toEqual({ ids: [1, 97, 98, 99, 2], types: [0, 0, 0, 0, 0], full: 8 })
    expect(tokenizer.encode('ab', 5).ids).toEqual([1, 97, 98, 2])
    expect(tokenizer.encode('abc', 1).ids).toEqual([1])
  })

  it('padding and length from the files', () => {
    expect([tokenizer.padding, tokenizer.most]).toEqual([7, undefined])
    const said = textTokenizer(plain, { padding: { pad_id: 3 }, truncation: { max_length: 48 } }, {}, 't')
    expect([said.padding, said.most]).toEqual([3, 48])
    expect(textTokenizer(plain, {}, { model_max_length: 1e30 }, 't').most).toBeUndefined()
    const open = textInputsOf([input('input_ids')])
    expect([lengthOf(open, tokenizer), lengthOf(open, said), lengthOf(open, { ...said, most: 8192 })]).toEqual([
      128, 48, 512,
    ])
  })
})

describe('texts as inputs', () => {
  it('ids, mask and segments, in the types of the model', () => {
    const inputs = [input('attention_mask'), input('input_ids', ['N', 'S'], 'i32'), input('token_type_ids')]
    expect(feed(inputs, 'ab')).toEqual({
      input_ids: [1, 97, 98, 2],
      attention_mask: [1, 1, 1, 1],
      token_type_ids: [0, 0, 0, 0],
    })
  })

  it('filled up to the length that the model fixes', () => {
    expect(feed([input('ids', [1, 6]), input('mask', [1, 6])], 'ab')).toEqual({
      ids: [1, 97, 98, 2, 7, 7],
      mask: [1, 1, 1, 1, 0, 0],
    })
    expect(feed([input('ids', [1, 3])], 'abcd')).toEqual({ ids: [1, 97, 2] })
  })

  it('a target feeds the decoder', () => {
    const inputs = [input('input_ids'), input('decoder_input_ids')]
    expect(feed(inputs, 'a', 'bc')).toEqual({ input_ids: [1, 97, 2], decoder_input_ids: [1, 98, 99, 2] })
  })

  it.each([
    ['no input for ids', [input('x', ['N', 3], 'f32')], 'found none'],
    ['two of them', [input('a'), input('b')], 'found 2'],
    ['several texts at once', [input('ids', [4, 16])], 'takes 4 texts at once'],
  ])('%s is refused', (_, inputs, message) => {
    expect(() => textInputsOf(inputs)).toThrow(message)
  })
})
