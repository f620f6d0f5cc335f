import { describe, expect, it } from 'vitest'
import { floatsOf, ortTensor } from '../../test/fixtures/lowered.ts'
import { plainModel } from '../../test/fixtures/plain-model.ts'
import { runOnnx } from '../../test/fixtures/run-onnx.ts'
import type { Node, TensorRef } from '../model/graph.ts'
import { connect } from './consumers.ts'
import { leastValue } from './least.ts'
import { float32, makeNode } from './lowerings/make.ts'

const COUNT = 4001
/** -20 .. 20, so that every activation function shows its minimum. */
const LINE = Float32Array.from({ length: COUNT }, (_, i) => (i - 2000) / 100)

interface Case {
  readonly nodes: readonly Node[]
  readonly constants?: readonly TensorRef[]
  readonly opset?: number
}

const half = float32('half', 0.5)
const one = float32('one', 1)
const root = float32('root', Math.SQRT2)

const bounded: Readonly<Record<string, Case>> = {
  Relu: { nodes: [makeNode('Relu', ['x'], ['y'])] },
  'Relu behind a Reshape': { nodes: [makeNode('Relu', ['x'], ['a']), makeNode('Flatten', ['a'], ['y'])] },
  Gelu: { nodes: [makeNode('Gelu', ['x'], ['y'])], opset: 20 },
  'GELU as x * (1 + erf) * 0.5': {
    nodes: [
      makeNode('Div', ['x', 'root'], ['d']),
      makeNode('Erf', ['d'], ['e']),
      makeNode('Add', ['e', 'one'], ['g']),
      makeNode('Mul', ['x', 'g'], ['p']),
      makeNode('Mul', ['p', 'half'], ['y']),
    ],
    constants: [half, one, root],
  },
  'GELU as (0.5 * x) * (1 + erf)': {
    nodes: [
      makeNode('Mul', ['half', 'x'], ['h']),
      makeNode('Div', ['x', 'root'], ['d']),
      makeNode('Erf', ['d'], ['e']),
      makeNode('Add', ['one', 'e'], ['g']),
      makeNode('Mul', ['h', 'g'], ['y']),
    ],
    constants: [half, one, root],
  },
  'GELU by tanh': {
    nodes: [
      makeNode('Mul', ['x', 'x'], ['xx']),
      makeNode('Mul', ['xx', 'x'], ['xxx']),
      makeNode('Mul', ['xxx', 'cubic'], ['c']),
      makeNode('Add', ['x', 'c'], ['s']),
      makeNode('Mul', ['s', 'slope'], ['t']),
      makeNode('Tanh', ['t'], ['e']),
      makeNode('Add', ['e', 'one'], ['g']),
      makeNode('Mul', ['x', 'g'], ['p']),
      makeNode('Mul', ['half', 'p'], ['y']),
    ],
    constants: [half, one, float32('cubic', 0.044715), float32('slope', 0.7978846)],
  },
  'SiLU as x * sigmoid(x)': { nodes: [makeNode('Sigmoid', ['x'], ['g']), makeNode('Mul', ['x', 'g'], ['y'])] },
  'x * sigmoid(1.702 x)': {
    nodes: [makeNode('Mul', ['x', 'k'], ['t']), makeNode('Sigmoid', ['t'], ['g']), makeNode('Mul', ['g', 'x'], ['y'])],
    constants: [float32('k', 1.702)],
  },
  'QuickGelu with a slope of its own': {
    nodes: [{ ...makeNode('QuickGelu', ['x'], ['y'], { alpha: { float: 1 } }), domain: 'com.microsoft' }],
  },
  HardSwish: { nodes: [makeNode('HardSwish', ['x'], ['y'])], opset: 14 },
  Mish: { nodes: [makeNode('Mish', ['x'], ['y'])], opset: 18 },
}

const unbounded: Readonly<Record<string, Case>> = {
  'an input': { nodes: [] },
  'a product of two values': {
    nodes: [makeNode('Sin', ['x'], ['a']), makeNode('Sigmoid', ['x'], ['g']), makeNode('Mul', ['a', 'g'], ['y'])],
  },
  'a GELU turned over': {
    nodes: [
      makeNode('Sigmoid', ['x'], ['g']),
      makeNode('Mul', ['x', 'g'], ['p']),
      makeNode('Mul', ['p', 'minus'], ['y']),
    ],
    constants: [float32('minus', -1)],
  },
  'tanh of something else': {
    nodes: [
      makeNode('Sin', ['x'], ['s']),
      makeNode('Tanh', ['z'], ['e']),
      makeNode('Add', ['e', 'one'], ['g']),
      makeNode('Mul', ['s', 'g'], ['p']),
      makeNode('Mul', ['half', 'p'], ['y']),
    ],
    constants: [half, one],
  },
}

function modelOf({ nodes, constants = [], opset = 13 }: Case) {
  return plainModel({
    nodes: [...nodes],
    initializers: [...constants],
    inputs: ['x', 'z'].map((name) => ({ name, dtype: 'f32' as const, shape: [1, COUNT] })),
    outputs: [{ name: nodes.length === 0 ? 'x' : 'y', dtype: 'f32', shape: [1, COUNT] }],
    opset,
  })
}

const bound = (one: Case) =>
  leastValue(one.nodes.length === 0 ? 'x' : 'y', [], connect(modelOf(one)), () => new Uint8Array(4))

describe('leastValue', () => {
  for (const [name, one] of Object.entries(bounded)) {
    it(`bounds ${name}, closely`, async () => {
      const least = await bound(one)
      const model = modelOf(one)
      const feed = ortTensor([[1, COUNT], LINE])
      const { y } = await runOnnx(model, { x: feed, z: feed }, false)
      const found = Math.min(...floatsOf(y!))
      expect(least).not.toBeNull()
      expect(least!).toBeLessThanOrEqual(found)
      expect(found - least!).toBeLessThan(2e-3)
    })
  }

  for (const [name, one] of Object.entries(unbounded)) {
    it(`knows nothing of ${name}`, async () => {
      expect(await bound(one)).toBeNull()
    })
  }
})
