import { expect, test } from 'vitest'
import type { TersorError } from '../errors.ts'
import { METRIC_NAMES } from '../evaluation/index.ts'
import { FLAGS, flagNamed } from './flags.ts'
import { parse } from './parse.ts'
import { VERBS, type Verb } from './verbs.ts'

const verb = (name: Verb) => VERBS.find((spec) => spec.verb === name)!
const read = (name: Verb, ...words: string[]) => parse(verb(name), words)
function failure(name: Verb, ...words: string[]): TersorError {
  try {
    read(name, ...words)
  } catch (thrown) {
    return thrown as TersorError
  }
  throw new Error(`${name} ${words.join(' ')} was accepted`)
}

test('reads values by their kind', () => {
  const { positionals, values } = read(
    'quantize',
    'model.onnx',
    '-o',
    'out.onnx',
    '--to=int8',
    '--shard-size',
    '25MiB',
    '--max-loss',
    '1%',
    '--threads',
    '3',
    '--seed',
    '0',
    '-q',
    '--no-verify',
  )
  expect(positionals).toEqual(['model.onnx'])
  expect(Object.fromEntries(values)).toEqual({
    output: 'out.onnx',
    to: 'int8',
    'shard-size': 25 * 1024 * 1024,
    'max-loss': 0.01,
    threads: 3,
    seed: 0,
    quiet: true,
    'no-verify': true,
  })
})

test('rules repeat and keep their order and their = signs', () => {
  const { values } = read('quantize', 'm', '--rule', 'glob:a=b/c::d=keep', '--rule=-odd=int8')
  expect(values.get('rule')).toEqual(['glob:a=b/c::d=keep', '-odd=int8'])
})

test('words after -- are arguments', () => {
  expect(read('inspect', '--', '--odd-name.onnx').positionals).toEqual(['--odd-name.onnx'])
})

test('unknown flags name near ones of the same verb', () => {
  const error = failure('quantize', 'm', '--tharget', 'ort')
  expect(error).toMatchObject({ code: 'E_USAGE', where: '--tharget' })
  expect(error.hint).toBe('did you mean --target?')
  expect(failure('inspect', 'm', '--zzzzzzz').hint).toContain('tersor inspect --help')
  expect(failure('inspect', 'm', '-z').code).toBe('E_USAGE')
})

test('a flag of another verb is refused, not ignored', () => {
  const error = failure('inspect', 'm', '--threads', '2')
  expect(error.code).toBe('E_USAGE')
  expect(error.hint).toContain('quantize')
  expect(failure('plan', 'm', '--eval', 'data').code).toBe('E_USAGE')
})

test('data flags are taken as they are written', () => {
  const { values } = read(
    'compare',
    'a',
    'b',
    '--preprocess=tf,crop=224',
    '--tokenizer',
    't.json',
    '--classes',
    'c.txt',
  )
  expect([...values]).toEqual([
    ['preprocess', 'tf,crop=224'],
    ['tokenizer', 't.json'],
    ['classes', 'c.txt'],
  ])
  expect(failure('inspect', 'm', '--preprocess', 'tf').code).toBe('E_USAGE')
})

test('a metric is a name or a module', () => {
  expect(read('quantize', 'm', '--metric', './mine.mjs').values.get('metric')).toBe('./mine.mjs')
  expect(failure('quantize', 'm', '--metric', 'kosine').hint).toBe('did you mean "cosine"?')
  expect(flagNamed('metric')?.choices).toEqual(METRIC_NAMES)
})

test('a value outside the list names near ones', () => {
  const error = failure('quantize', 'm', '--solver', 'serach')
  expect(error.code).toBe('E_USAGE')
  expect(error.hint).toBe('did you mean "search"?')
})

test.each([
  [['m', '--to']],
  [['m', '--to=']],
  [['m', '--rule', '--force']],
  [['m', '-o', '-q']],
  [['m', '--force=yes']],
  [['m', '--to', 'int8', '--to', 'int4-weights']],
  [['m', 'n']],
  [[]],
  [['']],
  [['m', '--threads', '0']],
  [['m', '--min-cosine', 'high']],
])('%j is a usage error', (words) => {
  expect(failure('quantize', ...words).code).toBe('E_USAGE')
})

test('the table: every live flag has help and a verb, every short is unique', () => {
  for (const flag of FLAGS) {
    expect(flag.verbs.length, flag.name).toBeGreaterThan(0)
    if (flag.later === undefined) expect(flag.about, flag.name).not.toBe('')
    if (flag.kind !== 'switch' && flag.later === undefined) expect(flag.value, flag.name).toBeDefined()
  }
  const shorts = FLAGS.flatMap((flag) => flag.short ?? [])
  expect(new Set(shorts).size).toBe(shorts.length)
  expect(new Set(FLAGS.map((flag) => flag.name)).size).toBe(FLAGS.length)
})

test('every example parses as its own verb', () => {
  for (const spec of VERBS) {
    const [program, name, ...words] = spec.example.split(' ')
    expect([program, name]).toEqual(['tersor', spec.verb])
    expect(() => parse(spec, words)).not.toThrow()
  }
})
