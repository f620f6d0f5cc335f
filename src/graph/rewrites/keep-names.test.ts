import { expect, test } from 'vitest'
import { buildModel, f32, graph, node, value } from '../../../test/fixtures/build.ts'
import type { Model, Node, TensorRef } from '../../model/graph.ts'
import { keepConstantNames } from './keep-names.ts'

const build = (nodes: Node[], initializers: TensorRef[]): Model =>
  buildModel({ inputs: [value('x', 'f32', [2])], outputs: [value('y', 'f32')], nodes, initializers })
const namesOf = ({ graph: { initializers } }: Model) => initializers.map(({ name }) => name)
const before = build(
  [node('Conv', ['x', 'w', 'b'], ['a'], {}, { name: 'one' }), node('Relu', ['a'], ['y'])],
  [f32('w', [1], [1]), f32('b', [1], [2])],
)
const constants = [f32('w_1', [1], [3]), f32('b_1', [1], [4])]

test('new constants take the names of those whose place they have', () => {
  const conv = node('Conv', ['x', 'w_1', 'b_1'], ['a'])
  const after = keepConstantNames(before, build([conv, node('Relu', ['a'], ['y'])], constants))
  expect(after.graph.nodes[0]!.inputs).toEqual(['x', 'w', 'b'])
  expect(namesOf(after)).toEqual(['w', 'b'])
})

test('a node is known by its name where its output changed', () => {
  const conv = node('Conv', ['x', 'w_1', 'b_1'], ['y'], {}, { name: 'one' })
  expect(namesOf(keepConstantNames(before, build([conv], constants)))).toEqual(['w', 'b'])
})

test('names that still mean something, or that bodies read, stay', () => {
  const conv = node('Conv', ['x', 'w_1', 'b_1'], ['a'])
  const still = build([conv, node('Mul', ['a', 'w'], ['y'])], [f32('w', [1], [1]), ...constants])
  expect(namesOf(keepConstantNames(before, still))).toEqual(['w', 'w_1', 'b'])
  const body = graph({ nodes: [node('Add', ['w_1', 'x'], ['z'])], outputs: [value('z', 'f32')] })
  const inside = build([conv, node('If', ['a'], ['y'], { then_branch: body, else_branch: body })], constants)
  expect(namesOf(keepConstantNames(before, inside))).toEqual(['w_1', 'b'])
  expect(keepConstantNames(before, before)).toBe(before)
})
