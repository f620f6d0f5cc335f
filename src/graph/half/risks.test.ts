import { expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import type { Node } from '../../model/graph.ts'
import { type ConstantFacts, risksOf, type ValueRange } from './risks.ts'

const usual: ValueRange = { largest: 4, rms: 1, elements: 1000, subnormal: 0, lost: 0 }
const plain: ConstantFacts = { largest: 1, rms: 0.5, elements: 16, loss: 0, worst: 0, finite: true }

function kept(
  nodes: readonly Node[],
  ranges: Readonly<Record<string, Partial<ValueRange>>> | null,
  facts: Readonly<Record<string, Partial<ConstantFacts>>> = {},
): Readonly<Record<string, string>> {
  const model = buildModel({
    opset: 17,
    inputs: [value('x', 'f32', [4, 4])],
    outputs: [value(nodes.at(-1)?.outputs[0] ?? '', 'f32')],
    initializers: Object.keys(facts).map((name) => f32(name, [4, 4], new Float32Array(16))),
    nodes,
  })
  const risks = risksOf(
    model,
    (key) => (ranges === null ? undefined : { ...usual, ...ranges[key] }),
    ({ name }) => (Object.hasOwn(facts, name) ? { ...plain, ...facts[name] } : undefined),
  )
  return Object.fromEntries([...risks.nodes].map(([key, { text }]) => [key, text]))
}

it('nothing, where values are as they usually are', () => {
  expect(kept([node('MatMul', ['x', 'w'], ['a']), node('Exp', ['a'], ['y'])], {}, { w: {} })).toEqual({})
})

it('both sides of a value that goes near the end of f16', () => {
  const nodes = [node('Mul', ['x', 'x'], ['a']), node('Relu', ['a'], ['b']), node('Tanh', ['b'], ['y'])]
  expect(Object.keys(kept(nodes, { a: { largest: 20000 } })).sort()).toEqual(['a', 'b'])
})

it('what can grow by its kind, where nothing was seen', () => {
  const nodes = [node('Exp', ['x'], ['e']), node('Relu', ['e'], ['r']), node('ReduceSum', ['r'], ['y'])]
  expect(Object.keys(kept(nodes, null)).sort()).toEqual(['e', 'y'])
})

it('Log of small numbers, with what they are made of as far back as they are small', () => {
  const nodes = [
    node('Tanh', ['x'], ['t']),
    node('Mul', ['t', 't'], ['p']),
    node('Abs', ['p'], ['q']),
    node('Log', ['q'], ['y']),
  ]
  const small = { subnormal: 0.5 }
  expect(Object.keys(kept(nodes, { p: small, q: small })).sort()).toEqual(['p', 'q', 'y'])
})

it('products and sums that cancel, with what comes in', () => {
  const nodes = [node('Relu', ['x'], ['r']), node('MatMul', ['r', 'w'], ['m']), node('Tanh', ['m'], ['y'])]
  expect(Object.keys(kept(nodes, { m: { rms: 0.01 } }, { w: {} })).sort()).toEqual(['m', 'r'])
  const sum = [node('Relu', ['x'], ['r']), node('Sub', ['r', 'x'], ['d']), node('Tanh', ['d'], ['y'])]
  expect(Object.keys(kept(sum, { d: { rms: 0.01 } })).sort()).toEqual(['d', 'r'])
})

it('a mean over more than f16 can add up, and wide angles', () => {
  const mean = [node('ReduceMean', ['x'], ['m']), node('Tanh', ['m'], ['y'])]
  expect(Object.keys(kept(mean, { x: { elements: 1e6 }, m: { elements: 1, largest: 2 } }))).toEqual(['m'])
  expect(Object.keys(kept([node('Sin', ['x'], ['y'])], { x: { largest: 100 } }))).toEqual(['y'])
})

it('constants that f16 does not hold', () => {
  const nodes = [node('Mul', ['x', 'large'], ['a']), node('MatMul', ['a', 'tiny'], ['y'])]
  const found = kept(nodes, {}, { large: { largest: 1e6 }, tiny: { loss: 0.01, rms: 0.01 } })
  expect(found).toMatchObject({ a: expect.stringContaining('holds 1000000'), y: expect.stringContaining('too small') })
})

it('a Transpose that onnxruntime does not survive before a MatMul', () => {
  const moved = (next: Node) => [node('Transpose', ['x3'], ['t'], { perm: [1, 0, 2] }), next]
  const before = [node('Unsqueeze', ['x', 'axes'], ['x3'])]
  expect(kept([...before, ...moved(node('MatMul', ['t', 'w'], ['y']))], {}, { w: {} }).t).toContain('28392')
  expect(kept([...before, ...moved(node('Relu', ['t'], ['y']))], {}).t).toBeUndefined()
})

it('buckets of distances, whole: what the data did not come to may be a digit away', () => {
  const buckets = [
    node('Cast', ['x'], ['i'], { to: 7 }),
    node('Abs', ['i'], ['far']),
    node('Cast', ['far'], ['f'], { to: 1 }),
    node('Div', ['f', 'c'], ['d']),
    node('Log', ['d'], ['l']),
    node('Mul', ['l', 'c'], ['m']),
    node('Cast', ['m'], ['y'], { to: 7 }),
  ]
  expect(Object.keys(kept(buckets, {}, { c: {} }))).toEqual(expect.arrayContaining(['d', 'f', 'l', 'm', 'y']))
  // What is made of measured numbers goes on as before.
  const measured = [node('Relu', ['x'], ['r']), node('Tanh', ['r'], ['m']), node('Cast', ['m'], ['y'], { to: 7 })]
  expect(Object.keys(kept(measured, {})).sort()).toEqual(['m', 'y'])
})
