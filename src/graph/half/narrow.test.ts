import { describe, expect, it } from 'vitest'
import { buildModel, f32, graph, i64, node, tensor, value } from '../../../test/fixtures/build.ts'
import { allNodes, castPairs } from '../../../test/fixtures/half.ts'
import { distance, type Feed, floatsOf, ortTensor } from '../../../test/fixtures/lowered.ts'
import { randomFloats } from '../../../test/fixtures/quantized-weight.ts'
import { runOnnx } from '../../../test/fixtures/run-onnx.ts'
import { readTensor } from '../../formats/onnx/index.ts'
import type { Model, Node } from '../../model/graph.ts'
import { emulateHalf } from './emulate-half.ts'
import type { HalfWish } from './layout.ts'
import { narrow } from './narrow.ts'

const ALL: HalfWish = { doors: 'kept', keeps: () => false, isSingle: () => false }
const keeping = (...ops: string[]): HalfWish => ({ ...ALL, keeps: (_scope, { op }) => ops.includes(op) })
const x: Feed = [[2, 4], Float32Array.from([1, -2, 0.5, 4, -1, 3, 0.25, 2])]
const w = f32('w', [4, 4], randomFloats(16, 7))
const bool = (name: string, values: readonly number[]) => tensor(name, 'bool', [values.length], Uint8Array.from(values))

/** One input x, one output y of the same shape unless said. */
function chain(nodes: readonly Node[], more: Partial<Parameters<typeof buildModel>[0]> = {}): Model {
  return buildModel({
    opset: 17,
    inputs: [value('x', 'f32', [2, 4])],
    outputs: [value('y', 'f32')],
    initializers: [w],
    nodes,
    ...more,
  })
}

const casts = (model: Model) => allNodes(model).filter(({ op }) => op === 'Cast').length

/** Loads, gives the types and, within 11 bits, the values of the model before; no Cast is there for nothing. */
async function expectNear(
  before: Model,
  wish: HalfWish = ALL,
  feeds: Readonly<Record<string, Feed>> = { x },
  tolerance = 4e-3,
): Promise<Model> {
  const after = await narrow(before, wish, readTensor)
  const given = Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, ortTensor(feed)]))
  const wanted = await runOnnx(before, given, false)
  for (const [model, optimized] of [
    [after, false],
    [after, true],
    [emulateHalf(after), false],
  ] as const) {
    const found = await runOnnx(model, given, optimized)
    for (const [name, one] of Object.entries(wanted)) {
      expect(found[name]?.type, name).toBe(one.type)
      expect(found[name]?.dims, name).toEqual(one.dims)
      expect(distance(floatsOf(one), floatsOf(found[name]!)), name).toBeLessThanOrEqual(tolerance)
    }
  }
  expect(castPairs(after)).toEqual([])
  return after
}

describe('narrow', () => {
  it('computes in f16 between doors of f32, constants in place', async () => {
    const after = await expectNear(
      chain([node('MatMul', ['x', 'w'], ['h']), node('Relu', ['h'], ['r']), node('Add', ['r', 'r'], ['y'])]),
    )
    expect(casts(after)).toBe(2)
    expect(after.graph.initializers.map(({ dtype }) => dtype)).toContain('f16')
    expect(after.graph.outputs).toEqual([value('y', 'f32')])
  })

  it('gives a value that is an output and is read on by one Cast, under its name', async () => {
    const after = await expectNear(
      chain([node('Tanh', ['x'], ['y']), node('MatMul', ['y', 'w'], ['z'])], {
        outputs: [value('y', 'f32', [2, 4]), value('z', 'f32', [2, 4])],
      }),
    )
    expect(casts(after)).toBe(3)
  })

  it('keeps nodes in f32 with one Cast before and one behind', async () => {
    const nodes = [
      node('MatMul', ['x', 'w'], ['h']),
      node('Exp', ['h'], ['e']),
      node('Log', ['e'], ['l']),
      node('MatMul', ['l', 'w'], ['y']),
    ]
    const after = await expectNear(chain(nodes), keeping('Exp', 'Log'))
    expect(casts(after)).toBe(4)
  })

  it('leaves cheap nodes between two kept ones in f32', async () => {
    const nodes = [
      node('Exp', ['x'], ['e']),
      node('Reshape', ['e', 'shape'], ['r']),
      node('Transpose', ['r'], ['t'], { perm: [1, 0] }),
      node('Log', ['t'], ['y']),
    ]
    const after = await expectNear(chain(nodes, { initializers: [i64('shape', [2], [4, 2])] }), keeping('Exp', 'Log'))
    expect(casts(after)).toBe(0)
  })

  it('follows casts, fills, comparisons and types that stay f32', async () => {
    const nodes = [
      node('Shape', ['x'], ['s']),
      node('Cast', ['s'], ['sf'], { to: 1 }),
      node('ReduceMax', ['sf'], ['most'], { keepdims: 0 }),
      node('ConstantOfShape', ['s'], ['fill'], { value: f32('', [1], [0.5]) }),
      node('Mul', ['x', 'fill'], ['half']),
      node('Greater', ['half', 'zero'], ['mask']),
      node('Where', ['mask', 'half', 'most'], ['chosen']),
      node('Cast', ['mask'], ['m'], { to: 1 }),
      node('Add', ['chosen', 'm'], ['y']),
    ]
    const after = await expectNear(chain(nodes, { initializers: [f32('zero', [], [0])] }))
    const to = allNodes(after).flatMap(({ op, attributes }) => (op === 'Cast' ? attributes.map((one) => one) : []))
    expect(to.filter((one) => one.kind === 'int' && one.value === 1)).toHaveLength(1)
  })

  it('keeps scales of Resize, and Range and sizes counted in floats, in f32', async () => {
    const model = buildModel({
      opset: 17,
      inputs: [value('x', 'f32', [1, 1, 2, 4])],
      outputs: [value('y', 'f32')],
      initializers: [
        f32('scales', [4], [1, 1, 2, 2]),
        f32('zero', [], [0]),
        f32('eight', [], [8]),
        f32('one', [], [1]),
        f32('roi', [0], []),
      ],
      nodes: [
        node('Resize', ['x', 'roi', 'scales'], ['r'], { mode: 'linear' }),
        node('Range', ['zero', 'eight', 'one'], ['range']),
        node('Add', ['r', 'range'], ['y']),
      ],
    })
    const after = await expectNear(model, ALL, { x: [[1, 1, 2, 4], x[1]] })
    expect(after.graph.initializers.filter(({ dtype }) => dtype === 'f16')).toEqual([])
  })

  it('goes into the bodies of If, with what they take from outside', async () => {
    const model = chain(
      [
        node('ReduceSum', ['x'], ['sum'], { keepdims: 0 }),
        node('Greater', ['sum', 'zero'], ['c']),
        node('MatMul', ['x', 'w'], ['h']),
        node(
          'If',
          ['c'],
          ['i'],
          {
            then_branch: graph({
              nodes: [node('Mul', ['h', 'k'], ['t'])],
              initializers: [f32('k', [], [0.5])],
              outputs: [value('t', 'f32', [2, 4])],
            }),
            else_branch: graph({ nodes: [node('Identity', ['x'], ['e'])], outputs: [value('e', 'f32', [2, 4])] }),
          },
          { name: 'if' },
        ),
        node('Tanh', ['i'], ['y']),
      ],
      { initializers: [w, f32('zero', [], [0])] },
    )
    const after = await expectNear(model)
    const then = allNodes(after).find(({ op }) => op === 'If')?.attributes[0]
    expect(then?.kind === 'graph' && then.value.outputs[0]?.dtype).toBe('f16')
    // A body that must stay f32 takes the values of the model as f32.
    await expectNear(model, keeping('Mul', 'Identity', 'If'))
  })

  it.each([
    ['in f16', ALL],
    ['in f32', keeping('Loop')],
    ['half and half', keeping('Mul')],
  ])('carries the states of Loop %s', async (_, wish) => {
    const body = graph({
      inputs: [value('i', 'i64', []), value('go', 'bool', []), value('s', 'f32', [2, 4])],
      nodes: [
        node('Identity', ['go'], ['on']),
        node('Mul', ['s', 'x'], ['p']),
        node('Tanh', ['p'], ['next']),
        node('Neg', ['next'], ['seen']),
      ],
      outputs: [value('on', 'bool', []), value('next', 'f32', [2, 4]), value('seen', 'f32', [2, 4])],
    })
    const model = chain(
      [
        node('Loop', ['trips', 'true', 'x'], ['last', 'all'], { body }, { name: 'loop' }),
        node('Add', ['last', 'last'], ['y']),
      ],
      {
        initializers: [i64('trips', [], [3]), { ...bool('true', [1]), shape: [] }],
        outputs: [value('y', 'f32'), value('all', 'f32')],
      },
    )
    await expectNear(model, wish)
  })

  it('scans in f16', async () => {
    const body = graph({
      inputs: [value('s', 'f32', [4]), value('row', 'f32', [4])],
      nodes: [node('Add', ['s', 'row'], ['sum']), node('Mul', ['sum', 'row'], ['out'])],
      outputs: [value('sum', 'f32', [4]), value('out', 'f32', [4])],
    })
    const model = chain(
      [
        node('Scan', ['start', 'x'], ['end', 'rows'], { body, num_scan_inputs: 1 }, { name: 'scan' }),
        node('Tanh', ['rows'], ['y']),
      ],
      {
        initializers: [f32('start', [4], [0, 1, 2, 3])],
        outputs: [value('y', 'f32'), value('end', 'f32')],
      },
    )
    const after = await expectNear(model)
    const inner = allNodes(after).find(({ op }) => op === 'Scan')?.attributes[0]
    expect(inner?.kind === 'graph' && inner.value.inputs.map(({ dtype }) => dtype)).toEqual(['f16', 'f16'])
  })

  it('keeps random numbers, sequences and operators that it does not know in f32', async () => {
    const nodes = [
      node('RandomUniformLike', ['x'], ['r'], { seed: { float: 3 } }),
      node('Mul', ['r', 'zero'], ['z']),
      node('SplitToSequence', ['x'], ['parts'], { axis: 0 }),
      node('SequenceAt', ['parts', 'first'], ['part']),
      node('Add', ['z', 'x'], ['a']),
      node('Add', ['a', 'part'], ['y']),
    ]
    await expectNear(chain(nodes, { initializers: [f32('zero', [], [0]), i64('first', [], [0])] }))
  })

  it('takes f16 at the doors when asked', async () => {
    const before = chain([node('MatMul', ['x', 'w'], ['h']), node('Relu', ['h'], ['y'])])
    const after = await narrow(before, { ...ALL, doors: 'f16' }, readTensor)
    expect(after.graph.inputs[0]?.dtype).toBe('f16')
    expect(after.graph.outputs[0]?.dtype).toBe('f16')
    expect(casts(after)).toBe(0)
    const { y } = await runOnnx(after, { x: ortTensor([x[0], x[1], 'f16']) }, true)
    const wanted = await runOnnx(before, { x: ortTensor(x) }, false)
    expect(distance(floatsOf(wanted.y!), floatsOf(y!))).toBeLessThan(4e-3)
  })
})

describe('emulateHalf', () => {
  it('overflows where f16 does, which onnxruntime on a CPU hides', async () => {
    const model = chain([node('Mul', ['x', 'x'], ['s']), node('Sqrt', ['s'], ['y'])], { initializers: [] })
    const after = await narrow(model, ALL, readTensor)
    const feeds = {
      x: ortTensor([
        [2, 4],
        [300, 1, 2, 3, 4, 5, 6, 7],
      ]),
    }
    const plain = await runOnnx(after, feeds, true)
    expect(floatsOf(plain.y!)[0]).toBe(300)
    const strict = await runOnnx(emulateHalf(after), feeds, true)
    expect(floatsOf(strict.y!)[0]).toBe(Number.POSITIVE_INFINITY)
    expect(floatsOf(strict.y!)[1]).toBe(1)
  })
})
