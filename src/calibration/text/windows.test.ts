import { describe, expect, it } from 'vitest'
import { type PlainTokenizer, textTokenizer } from './tokenizer.ts'
import { checkWindows, windowsOf, windowsText } from './windows.ts'

/** Each letter is its code; 1 before, 2 behind. */
const plain: PlainTokenizer = {
  encode(text, { add_special_tokens: special = true } = {}) {
    const ids = [...text].map((letter) => letter.charCodeAt(0))
    return { ids: special ? [1, ...ids, 2] : ids }
  },
  token_to_id: () => undefined,
}
const tokenizer = textTokenizer(plain, {}, {}, 't.json')
const cut = (text: string, context: number, stride?: number) =>
  windowsOf(text, tokenizer, { context, ...(stride === undefined ? {} : { stride }) }, 'a.txt')
const letters = (ids: readonly number[]) => ids.map((id) => (id === 1 ? '^' : String.fromCharCode(id))).join('')

describe('windows of tokens', () => {
  it('the beginning of a text before each, no token twice, what is left over is left out', () => {
    const { windows } = cut('abcdefgh', 4)
    expect(windows.map(({ ids }) => letters(ids))).toEqual(['^abc', '^def'])
    expect(windows.map(({ contextTokens }) => contextTokens)).toEqual([1, 1])
  })

  it('a stride lets windows overlap: every token is counted once', () => {
    const { windows } = cut('abcdefgh', 5, 2)
    expect(windows.map(({ ids }) => letters(ids))).toEqual(['^abcd', '^cdef', '^efgh'])
    const counted = windows.map(({ ids, contextTokens }) => letters(ids.slice(contextTokens)))
    expect(counted.join('')).toBe('abcdefgh')
  })

  it('long texts are read in pieces', () => {
    const text = `${'x'.repeat(99)}\n`.repeat(14_000)
    const { windows, notes } = cut(text, 1025)
    expect(notes[0]).toMatch(/4 of 11 pieces/)
    expect(windows.length).toBeLessThan(600)
  })

  it('says what it does', () => {
    expect(windowsText({ before: 1 }, { context: 256 })).toBe(
      'windows of 256 tokens (1 special, 255 of the text), stride 255',
    )
    expect(windowsText({ before: 0 }, { context: 64, stride: 32 })).toBe('windows of 64 tokens, stride 32')
  })

  it('too few tokens, and numbers that cannot be, are refused', () => {
    expect(() => cut('ab', 16)).toThrow('too few tokens for one window of 16')
    expect(() => cut('', 4)).toThrow('too few tokens')
    const input = { name: 'ids', dtype: 'i64', shape: ['N', 8] } as const
    const open = { ...input, shape: ['N', 'S'] } as const
    expect(() => checkWindows({ context: 4 }, input)).toThrow('takes 8 tokens')
    expect(() => checkWindows({ context: 1 }, open)).toThrow('2 tokens or more')
    expect(() => checkWindows({ context: 4, stride: 4 }, open)).toThrow('expected 1 to 3')
  })
})
