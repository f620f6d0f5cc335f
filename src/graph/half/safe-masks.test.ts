import { expect, it } from 'vitest'
import { buildModel, f32, graph, node, value } from '../../../test/fixtures/build.ts'
import { allNodes } from '../../../test/fixtures/half.ts'
import { readTensor } from '../../formats/onnx/index.ts'
import type { Model, TensorRef } from '../../model/graph.ts'
import { safeMasks } from './safe-masks.ts'

const LOWEST = -3.4028235e38
const safe = (model: Model) => safeMasks(model, readTensor, ({ tensor }) => tensor !== null)
const floats = ({ storage }: TensorRef) =>
  storage.kind === 'bytes' ? [...new Float32Array(storage.bytes.slice().buffer)] : []

const masked = (more: Parameters<typeof buildModel>[0] = {}) =>
  buildModel({
    opset: 17,
    inputs: [value('x', 'f32', [2, 4]), value('c', 'bool', [2, 4])],
    outputs: [value('y', 'f32')],
    initializers: [f32('lowest', [], [LOWEST])],
    nodes: [node('Where', ['c', 'x', 'lowest'], ['m']), node('Softmax', ['m'], ['y'])],
    ...more,
  })

it('a mask on its way to a Softmax becomes one that f16 holds; others read what they read', async () => {
  const model = masked({
    outputs: [value('y', 'f32'), value('z', 'f32')],
    nodes: [
      node('Where', ['c', 'x', 'lowest'], ['m']),
      node('Softmax', ['m'], ['y']),
      node('Div', ['x', 'lowest'], ['z']),
    ],
  })
  const { model: after, done } = await safe(model)
  const constants = new Map(after.graph.initializers.map((tensor) => [tensor.name, floats(tensor)]))
  expect(constants.get('lowest')).toEqual([Math.fround(LOWEST)])
  expect(after.graph.nodes[0]?.inputs[2]).toBe('lowest/safe')
  expect(constants.get('lowest/safe')).toEqual([-8192])
  expect(after.graph.nodes[2]?.inputs[1]).toBe('lowest')
  expect(done).toHaveLength(1)
})

it('bounds of Clip end where f16 ends, infinities stay, small numbers stay', async () => {
  const model = masked({
    initializers: [
      f32('low', [], [LOWEST]),
      f32('high', [], [1e30]),
      f32('infinite', [4], [Number.NEGATIVE_INFINITY, 1, 2, 3]),
    ],
    nodes: [node('Clip', ['x', 'low', 'high'], ['k']), node('Add', ['k', 'infinite'], ['y'])],
  })
  const { model: after } = await safe(model)
  const constants = new Map(after.graph.initializers.map((tensor) => [tensor.name, floats(tensor)]))
  expect([constants.get('low/safe'), constants.get('high/safe')]).toEqual([[-65504], [65504]])
  expect(after.graph.nodes[1]?.inputs[1]).toBe('infinite')
})

it('a mask that a branch fills and a sum passes on', async () => {
  const fill = (name: string) =>
    graph({
      nodes: [node('ConstantOfShape', ['s'], [name], { value: f32('', [1], [-1e9]) })],
      outputs: [value(name, 'f32')],
    })
  const model = masked({
    inputs: [value('x', 'f32', [2, 4]), value('b', 'bool', [])],
    initializers: [],
    nodes: [
      node('Shape', ['x'], ['s']),
      node('If', ['b'], ['mask'], { then_branch: fill('t'), else_branch: fill('e') }, { name: 'if' }),
      node('Add', ['x', 'mask'], ['m']),
      node('Softmax', ['m'], ['y']),
    ],
  })
  const { model: after } = await safe(model)
  const fills = allNodes(after).flatMap(({ op, attributes }) =>
    op === 'ConstantOfShape' && attributes[0]?.kind === 'tensor' ? floats(attributes[0].value) : [],
  )
  expect(fills).toEqual([-8192, -8192])
})

it('a large number that means a number stays', async () => {
  const model = masked({
    initializers: [f32('rate', [], [192000])],
    nodes: [node('Div', ['x', 'rate'], ['d']), node('Sin', ['d'], ['y'])],
  })
  expect((await safe(model)).model).toBe(model)
})
