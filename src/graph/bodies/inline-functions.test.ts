import * as ort from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { asRead, buildModel, f32, graph, node, value } from '../../../test/fixtures/build.ts'
import { runOnnx } from '../../../test/fixtures/run-onnx.ts'
import type { FunctionBody, Model, Node } from '../../model/graph.ts'
import { connect } from '../consumers.ts'
import { scopesOf } from '../walk.ts'
import { inlineFunctions } from './inline-functions.ts'

const own = { domain: 'own' }
const body = (
  name: string,
  inputs: string[],
  outputs: string[],
  nodes: readonly Node[],
  version = 17,
): FunctionBody => ({
  domain: 'own',
  name,
  inputs,
  outputs,
  nodes,
  opsets: [{ domain: '', version }, own].map((one) => ({ version: 1, ...one })),
})
const LEAK = body(
  'Leak',
  ['x'],
  ['y'],
  [{ ...node('LeakyRelu', ['x'], ['y']), attributes: [{ name: 'alpha', kind: 'ref', value: 'slope' }] }],
)
/** r = leak(x w), scaled by a constant in a branch; and x as it is. */
const DENSE = body(
  'Dense',
  ['x', 'w', 'flag'],
  ['r', 'same'],
  [
    node('Identity', ['x'], ['same']),
    node('MatMul', ['x', 'w'], ['m'], {}, { name: 'product' }),
    node('Constant', [], ['k'], { value: f32('', [1], [3]) }),
    node('If', ['flag'], ['s'], {
      then_branch: graph({ outputs: [value('m2')], nodes: [node('Mul', ['m', 'k'], ['m2'])] }),
      else_branch: graph({ outputs: [value('m2')], nodes: [node('Neg', ['m'], ['m2'])] }),
    }),
    node('Leak', ['s'], ['l'], { slope: { float: 0.5 } }, own),
    // onnxruntime wants an operator that it knows to give the result.
    node('Identity', ['l'], ['r']),
  ],
)
const calling = (nodes: readonly Node[], functions: readonly FunctionBody[]): Model =>
  buildModel({
    inputs: [value('x', 'f32', [1, 2]), value('flag', 'bool', [])],
    outputs: [value('y')],
    domains: { own: 1 },
    initializers: [f32('w', [2, 2], [1, -2, 3, 4]), f32('v', [2, 2], [0.5, 1, -1, 2])],
    nodes,
    functions,
  })
const TWICE = calling(
  [
    node('Dense', ['x', 'w', 'flag'], ['a', 'same'], {}, { ...own, name: 'first' }),
    node('Dense', ['a', 'v', 'flag'], ['b', 'unused'], {}, { ...own, name: 'second' }),
    node('Add', ['b', 'same'], ['y']),
  ],
  [LEAK, DENSE],
)
const feeds = (flag: boolean) => ({
  x: new ort.Tensor('float32', [1, -3], [1, 2]),
  flag: new ort.Tensor('bool', [flag], []),
})

test('calls are written out, those of calls and those in bodies too', async () => {
  const inIf = calling(
    [
      node('If', ['flag'], ['y'], {
        then_branch: graph({
          outputs: [value('p')],
          nodes: [node('Leak', ['x'], ['p'], { slope: { float: 2 } }, own)],
        }),
        else_branch: graph({
          outputs: [value('q')],
          nodes: [node('Dense', ['x', 'w', 'flag'], ['q', 'spare'], {}, own)],
        }),
      }),
    ],
    [LEAK, DENSE],
  )
  for (const before of [TWICE, inIf, await asRead(TWICE)]) {
    const { model, done, left } = inlineFunctions(before)
    expect([model.functions, left]).toEqual([[], []])
    expect(done.length).toBe(before.graph.nodes.length === 1 ? 3 : 4)
    expect(connect(model).clashes).toEqual([])
    const names = scopesOf(model).flatMap(({ nodes }) => nodes.flatMap((one) => one.outputs))
    expect(new Set(names).size).toBe(names.length)
    for (const flag of [true, false]) {
      const [a, b] = [await runOnnx(before, feeds(flag), false), await runOnnx(model, feeds(flag), false)]
      expect(b.y!.data).toEqual(a.y!.data)
    }
  }
  expect(inlineFunctions(TWICE).model.graph.nodes.find(({ op }) => op === 'MatMul')?.name).toBe('first/product')
})

test('what a function gives of what it gets, and inputs that are left out', () => {
  const pass = body('Pass', ['a', 'low', 'high'], ['a', 'b'], [node('Clip', ['a', 'low', 'high'], ['b'])])
  const { model } = inlineFunctions(calling([node('Pass', ['x', '', 'w'], ['same', 'y'], {}, own)], [pass]))
  expect(model.graph.nodes.map(({ op, inputs, outputs }) => [op, inputs, outputs])).toEqual([
    ['Clip', ['x', '', 'w'], ['y']],
    ['Identity', ['x'], ['same']],
  ])
})

test('what is left says why', () => {
  const large = body(
    'Large',
    ['x'],
    ['y'],
    [node('Constant', [], ['k'], { value: f32('', [600], new Float32Array(600)) }), node('Add', ['x', 'k'], ['y'])],
  )
  const call = (name: string, from: string, to: string) => node(name, [from], [to], {}, own)
  const reason = (nodes: readonly Node[], functions: readonly FunctionBody[]) => {
    const before = calling(nodes, functions)
    const { model, left } = inlineFunctions(before)
    expect(model).toBe(before)
    return left[0]?.text
  }
  expect(reason([call('Leak', 'x', 'y')], [LEAK])).toBe('a call of own::Leak: "slope" is left to its default')
  const twice = [call('Large', 'x', 'a'), call('Large', 'a', 'y')]
  expect(reason(twice, [large])).toBe('a call of own::Large: its constants would be copied 1 times')
  const old = body('Old', ['x'], ['y'], [node('Neg', ['x'], ['y'])], 13)
  expect(reason([call('Old', 'x', 'y')], [old])).toBe('a call of own::Old: it imports version 13 of "", the model 17')
  expect(reason([call('Old', 'x', 'y')], [old, old])).toBeUndefined()
})

test('calls that never end, and those that multiply', () => {
  const again = (name: string, callee: string) =>
    body(name, ['x'], ['y'], [node(callee, ['x'], ['m'], {}, own), node(callee, ['m'], ['y'], {}, own)])
  const calls = (name: string) => [node(name, ['x'], ['y'], {}, own)]
  const endless = calling(calls('A'), [again('A', 'B'), again('B', 'A')])
  const stopped = inlineFunctions(endless)
  expect([stopped.model, stopped.left[0]?.text]).toEqual([endless, 'a call of own::A: it calls itself'])
  const levels = Array.from({ length: 14 }, (_, index) => again(`L${index}`, index === 13 ? 'Neg' : `L${index + 1}`))
  const last = { ...levels[13]!, nodes: Array.from({ length: 99 }, () => node('Neg', ['x'], ['y'])) }
  const many = inlineFunctions(calling(calls('L0'), [...levels.slice(0, 13), last]))
  expect(many.left.at(-1)?.text ?? '').toContain('more than 50000 nodes')
})
