import { expect, test } from 'vitest'
import { parseHeader } from './statistics-header.ts'

const VALUE = {
  name: 'x',
  range: [-1, 1],
  count: 3,
  zeros: 1,
  bins: 8192,
  exponent: -11,
  filled: [2048, 4096],
  samples: 1,
  channels: { axis: 1, length: 2, count: 1, rests: [1, 0] },
}
const HEADER = {
  format: 'tersor-statistics',
  version: 2,
  observers: 1,
  model: 'a'.repeat(64),
  unfinished: false,
  synthetic: false,
  labels: ['one'],
  carried: [],
  skipped: [],
  digests: ['b'.repeat(64)],
  choices: [['order', { of: [1, 'two', null] }]],
  arrays: ['codes of w'],
  parts: ['body a'],
  values: [VALUE],
}
const parse = (header: unknown) => parseHeader(new TextEncoder().encode(JSON.stringify(header)), 'file')
const withValue = (change: object) => ({ ...HEADER, values: [{ ...VALUE, ...change }] })

test('a right header', () => {
  expect(parse(HEADER)).toEqual(HEADER)
})

test.each<[string, unknown]>([
  ['another format', { ...HEADER, format: 'x' }],
  ['a version in words', { ...HEADER, version: 'two' }],
  ['a part twice', { ...HEADER, parts: ['a', 'a'] }],
  ['fewer digests than samples', { ...HEADER, digests: [] }],
  [
    'a choice twice',
    {
      ...HEADER,
      choices: [
        ['a', 1],
        ['a', 1],
      ],
    },
  ],
  ['a model that is no fingerprint', { ...HEADER, model: 'x' }],
  ['labels that are no texts', { ...HEADER, labels: [1] }],
  ['an array twice', { ...HEADER, arrays: ['a', 'a'] }],
  ['a name twice', { ...HEADER, values: [VALUE, VALUE] }],
  ['a range the wrong way round', withValue({ range: [1, -1] })],
  ['a range of nothing', withValue({ count: 0, zeros: 0 })],
  ['no range of something', withValue({ range: null })],
  ['more zeros than values', withValue({ zeros: 4 })],
  ['a histogram beyond its bins', withValue({ filled: [8000, 4096] })],
  ['an odd number of bins', withValue({ bins: 8191 })],
  ['bins without end', withValue({ bins: 1e15 })],
  ['an exponent beyond f32', withValue({ exponent: 200 })],
  ['channels without end', withValue({ channels: { axis: 0, length: 1e9, count: 1, rests: [0, 0] } })],
  ['more parts of a sum than any sum has', withValue({ channels: { axis: 0, length: 1, count: 1, rests: [41, 0] } })],
  ['more samples than labels', withValue({ samples: 2 })],
  ['a list', []],
  ['nothing', null],
])('%s is refused', (_, header) => {
  expect(() => parse(header)).toThrow(expect.objectContaining({ code: 'E_FORMAT' }))
})

test.each([{ version: 1 }, { version: 3 }, { observers: 2 }, { observers: undefined }])(
  'statistics of another version are refused, with what to do: %o',
  (change) => {
    expect(() => parse({ ...HEADER, ...change })).toThrow(
      expect.objectContaining({ code: 'E_UNSUPPORTED', hint: expect.stringMatching(/collected again/) }),
    )
  },
)

test('many values of many bins that the file need not hold', () => {
  const values = Array.from({ length: 2100 }, (_, index) => ({ ...VALUE, name: `${index}`, bins: 65536 }))
  expect(() => parse({ ...HEADER, values })).toThrow(expect.objectContaining({ code: 'E_LIMIT' }))
})

test('no JSON, and JSON that is nested without end', () => {
  const error = expect.objectContaining({ code: 'E_FORMAT' })
  expect(() => parseHeader(Uint8Array.of(0xff), 'file')).toThrow(error)
  expect(() => parseHeader(new TextEncoder().encode('['.repeat(1_000_000)), 'file')).toThrow(error)
})
