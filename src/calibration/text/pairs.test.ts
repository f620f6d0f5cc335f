import { describe, expect, it } from 'vitest'
import { pairsOf } from './pairs.ts'

const SICK =
  'pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment\n1\ta dog\ta cat\t4.5\tN\n2\ta cat\ta fish\t3\tN\n'

describe('pairs of texts', () => {
  it('by their heading; each text once', () => {
    const found = pairsOf(SICK, 'test.txt', 100)!
    expect(found.texts).toEqual([
      { line: 2, text: 'a dog' },
      { line: 2, text: 'a cat' },
      { line: 3, text: 'a fish' },
    ])
    expect(found.pairs).toEqual([
      { first: 0, second: 1, score: 4.5 },
      { first: 1, second: 2, score: 3 },
    ])
    expect(found.columns).toEqual(['sentence_A', 'sentence_B', 'relatedness_score'])
  })

  it('JSON lines and commas', () => {
    const json = '{"sentence1": "x", "sentence2": "y", "score": 0.5}\n{"sentence1": "z", "sentence2": "x", "score": 1}'
    expect(pairsOf(json, 'a.jsonl', 9)!.pairs).toEqual([
      { first: 0, second: 1, score: 0.5 },
      { first: 2, second: 0, score: 1 },
    ])
    const csv = 'text1,text2,similarity\n"one, two","say ""hi""",3\n'
    expect(pairsOf(csv, 'a.csv', 9)!.texts.map((line) => ('text' in line ? line.text : ''))).toEqual([
      'one, two',
      'say "hi"',
    ])
  })

  it('some of them, evenly spread', () => {
    const lines = Array.from({ length: 10 }, (_, i) => `a${i}\tb${i}\t${i}`)
    const found = pairsOf(`sentence1\tsentence2\tscore\n${lines.join('\n')}`, 'a.tsv', 5)!
    expect([found.found, found.pairs.map(({ score }) => score)]).toEqual([10, [0, 2, 4, 6, 8]])
  })

  it('plain lines and single texts are none', () => {
    expect(pairsOf('one line\nanother', 'a.txt', 9)).toBeUndefined()
    expect(pairsOf('a word\twith a tab\tand more', 'a.txt', 9)).toBeUndefined()
    expect(pairsOf('{"text": "a"}', 'a.jsonl', 9)).toBeUndefined()
  })

  it('two texts without a score, and tables without texts, are refused', () => {
    expect(() => pairsOf('sentence1\tsentence2\na\tb', 'a.txt', 9)).toThrow('has two texts and no score')
    expect(() => pairsOf('{"text_a": "x", "text_b": "y"}', 'a.jsonl', 9)).toThrow('has two texts and no score')
    expect(() => pairsOf('alpha\tbeta\n1\t2', 'a.tsv', 9)).toThrow('found "alpha", "beta"')
    expect(() => pairsOf('no tabs', 'a.tsv', 9)).toThrow('expected a heading with two texts and a score')
  })

  it('a bad line keeps its place and its error', () => {
    const found = pairsOf('sentence1\tsentence2\tscore\na\tb\tmuch\nc\t\t1\nd\te\t2', 'a.tsv', 9)!
    const errors = found.texts.flatMap((line) => ('error' in line ? [line.error.message] : []))
    expect(errors).toEqual([
      'a.tsv:2: expected two texts and a score that is a number, found the score "much"',
      'a.tsv:3: expected two texts and a score that is a number, found less than two texts',
    ])
    expect(found.pairs).toHaveLength(1)
  })
})
