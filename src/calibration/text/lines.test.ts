import { describe, expect, it } from 'vitest'
import { linesOf } from './lines.ts'

const read = (text: string) => linesOf(new TextEncoder().encode(text), 'a.txt')

describe('texts of a file', () => {
  it('a line each, empty ones left out, any line ends, numbers of the file', () => {
    expect(read('one\r\n\r\n  \ntwo\rthree\n')).toEqual([
      { line: 1, text: 'one' },
      { line: 4, text: 'two' },
      { line: 5, text: 'three' },
    ])
  })

  it('JSON lines by their first line', () => {
    expect(read('{"text": "a"}\n{"input": "b", "target": "c", "id": 3}\n')).toEqual([
      { line: 1, text: 'a' },
      { line: 2, text: 'b', target: 'c' },
    ])
    expect(read('plain\n{"text": "a"}')[1]).toEqual({ line: 2, text: '{"text": "a"}' })
    expect(read('{not json\nx')).toHaveLength(2)
  })

  it('a bad line keeps its place and its error', () => {
    const lines = read('{"text": "a"}\nnonsense\n{"label": 1}\n{"text": 3}\n[1]\n{"text":"x","target":2}')
    const errors = lines.flatMap((line) => ('error' in line ? [line.error.message] : []))
    expect(errors.map((message) => message.slice(0, 7))).toEqual([2, 3, 4, 5, 6].map((line) => `a.txt:${line}`))
    expect(errors[1]).toContain('found the keys label')
  })

  it('bytes that are no text are refused', () => {
    expect(() => linesOf(Uint8Array.of(0xff, 0xfe, 0x41), 'a.txt')).toThrow('a.txt: expected text in UTF-8')
  })
})
