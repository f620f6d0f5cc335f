import { expect, test } from 'vitest'
import { f32, graph, i64, model, node, value } from '../../test/fixtures/build.ts'
import { connect } from './consumers.ts'
import { movedIntoProduct } from './moved-into-product.ts'

const gates = (tail: ReturnType<typeof node>[]) =>
  model(
    graph({
      inputs: [value('x', 'f32', [3, 1, 4])],
      outputs: [value('y', 'f32', [])],
      initializers: [
        f32('w', [8, 4], new Array(32).fill(0)),
        f32('r', [1, 8, 2], new Array(16).fill(0)),
        i64('s', [1], [0]),
        i64('e', [1], [4]),
        i64('z', [1], [8]),
      ],
      nodes: [
        node('Slice', ['w', 's', 'e'], ['a']),
        node('Slice', ['w', 'e', 'z'], ['b']),
        node('Concat', ['b', 'a'], ['c'], { axis: 0 }),
        node('Unsqueeze', ['c', 's'], ['d']),
        ...tail,
      ],
    }),
  )

const answer = (tail: ReturnType<typeof node>[]): boolean[] => {
  const connections = connect(gates(tail))
  const weight = connections.definitions.find(({ name }) => name === 'w')
  return (weight?.uses ?? []).map((use) => movedIntoProduct(use, connections))
}

test('slices that become the weight of an LSTM are a weight', () => {
  expect(answer([node('LSTM', ['x', 'd', 'r'], ['y'], { hidden_size: 2 })])).toEqual([true, true])
})

test('slices that are added to something are a value', () => {
  expect(answer([node('LSTM', ['x', 'd', 'r'], ['h'], { hidden_size: 2 }), node('Add', ['a', 'a'], ['y'])])).toEqual([
    false,
    true,
  ])
})

test('the initial state of an LSTM is a value', () => {
  expect(answer([node('LSTM', ['x', 'r', 'r', '', '', 'd'], ['y'], { hidden_size: 2 })])).toEqual([false, false])
})
