import { expect, test } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { segmentsOf } from './segments.ts'

const model = buildModel({
  nodes: [
    node('Identity', ['w'], ['same'], {}, { name: 'constant' }),
    node('Add', ['x', 'same'], ['a'], {}, { name: 'a' }),
    node('Relu', ['a'], ['b'], {}, { name: 'b' }),
    node('Shape', ['a'], ['size'], {}, { name: 'size' }),
    node('Mul', ['b', 'same'], ['c'], {}, { name: 'c' }),
    node('Add', ['c', 'x'], ['d'], {}, { name: 'd' }),
    node('Reshape', ['d', 'size'], ['e'], {}, { name: 'e' }),
    node('Neg', ['e'], ['y'], {}, { name: 'y' }),
  ],
  initializers: [f32('w', [2], [1, 2])],
  inputs: [value('x', 'f32', [2])],
  outputs: [value('y', 'f32', [2])],
})

test('every node that leads to a stop runs in one segment, constant ones wherever they are read', () => {
  const segments = segmentsOf(model, ['a', 'c', 'e'])
  expect(segments.map(({ nodes }) => nodes.map(({ name }) => name))).toEqual([
    ['constant', 'a'],
    ['constant', 'b', 'c'],
    ['size', 'd', 'e'],
  ])
  expect(segments.map(({ reads }) => [...reads].sort())).toEqual([['x'], ['a'], ['a', 'c', 'x']])
  expect(segments.map(({ gives }) => gives)).toEqual([['a'], ['c'], ['e']])
  const kept = segments.map(({ keeps }) => ['a', 'c', 'x'].filter((name) => keeps.has(name)))
  expect(kept).toEqual([['a', 'c', 'x'], ['a', 'c', 'x'], []])
})

test('a stop that is fed, constant, or given before needs no nodes', () => {
  const segments = segmentsOf(model, ['x', 'a', 'a'])
  expect(segments.map(({ gives }) => gives)).toEqual([[], ['a'], []])
  expect(segments[0]?.keeps.has('x')).toBe(true)
  expect(segments[1]?.keeps.has('a')).toBe(true)
})
