import { describe, expect, it } from 'vitest'
import { classNamesOf } from './class-names.ts'

describe('names of classes', () => {
  it('one a line: the line, its first word, what stands before a comma', () => {
    const names = classNamesOf('n01 tench, Tinca tinca\nn02 great shark, white shark\nn03 great owl\n', 'c.txt')
    expect(names.count).toBe(3)
    expect(['n01', 'n02 great shark', 'n03 great owl', 'n04', 'great'].map(names.of)).toEqual([
      0,
      1,
      2,
      undefined,
      undefined,
    ])
  })

  it('a word that several classes begin with means none of them', () => {
    expect(classNamesOf('great shark\ngreat owl', 'c').of('great')).toBeUndefined()
  })

  it('JSON: a list, numbers to names, pairs, a config.json', () => {
    for (const text of [
      '["cat", "dog"]',
      '{"1": "dog", "0": "cat"}',
      '{"0": ["n1", "cat"], "1": ["n2", "dog"]}',
      '{"id2label": {"0": "cat", "1": "dog"}}',
    ])
      expect(classNamesOf(text, 'c').of('dog')).toBe(1)
    expect(classNamesOf('{"0": ["n1", "cat"], "1": ["n2", "dog"]}', 'c').of('n1')).toBe(0)
  })

  it.each(['{"a": "cat", "b": "dog"}', '{"0": 1, "1": 2}', '{"0":', 'only one', '{"1": "a", "2": "b"}'])(
    '%s is refused',
    (text) => {
      expect(() => classNamesOf(text, 'c.txt')).toThrow('c.txt: expected')
    },
  )
})
