import { expect, it } from 'vitest'
import { op, sketch } from '../../test/fixtures/graph-sketch.ts'
import { shareOutputs } from './share-outputs.ts'

it('finds outputs of a Sigmoid or a Softmax, also behind changes of shape and type', () => {
  const { graph } = sketch({
    inputs: 'x',
    outputs: 'a b c x',
    nodes: [
      op('Sigmoid', 'x', 's'),
      op('Cast', 's', 'h', { to: 10 }),
      op('Reshape', 'h k', 'a'),
      op('Softmax', 'x', 'b'),
      op('Mul', 's x', 'c'),
    ],
  })
  expect([...shareOutputs(graph)]).toEqual(['a', 'b'])
})
