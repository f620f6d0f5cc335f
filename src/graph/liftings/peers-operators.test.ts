import { describe, expect, it } from 'vitest'
import { floats, int64s, op } from '../../../test/fixtures/graph-sketch.ts'
import { lifted, operators } from '../../../test/fixtures/lifted.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { bytes, feedOf, model, scalar, spread, u8 } from '../../../test/fixtures/peer-model.ts'
import { plainModel } from '../../../test/fixtures/plain-model.ts'
import type { Node, TensorRef } from '../../model/graph.ts'

const codes = (name: string, scale: number, zero: number): TensorRef[] => [
  scalar(`${name}_scale`, scale),
  u8(`${name}_zero`, zero),
]
const triple = (name: string): string => `${name} ${name}_scale ${name}_zero`
const enter = op('QuantizeLinear', 'x a_scale a_zero', 'a')
const leave = op('DequantizeLinear', triple('b'), 'y')

interface Case {
  readonly node: Node
  readonly x: readonly number[]
  readonly y: readonly number[]
  readonly extra?: readonly TensorRef[]
  readonly scale?: number
  readonly gives: readonly string[]
  readonly opset?: number
}

const CASES: readonly Case[] = [
  {
    node: op('com.microsoft::QLinearLeakyRelu', `${triple('a')} b_scale b_zero`, 'b', { alpha: 0.25 }),
    x: [2, 8],
    y: [2, 8],
    gives: ['LeakyRelu'],
  },
  {
    node: op('com.microsoft::QLinearGlobalAveragePool', `${triple('a')} b_scale b_zero`, 'b'),
    x: [1, 2, 4, 4],
    y: [1, 2, 1, 1],
    gives: ['GlobalAveragePool'],
  },
  {
    node: op('com.microsoft::QLinearAveragePool', `${triple('a')} b_scale b_zero`, 'b', { kernel_shape: [2, 2] }),
    x: [1, 2, 4, 4],
    y: [1, 2, 3, 3],
    gives: ['AveragePool'],
  },
  {
    node: op('com.microsoft::QLinearSoftmax', `${triple('a')} b_scale b_zero`, 'b', { axis: 1, opset: 13 }),
    x: [2, 8],
    y: [2, 8],
    gives: ['Softmax'],
  },
  {
    node: op('com.microsoft::QLinearMul', `${triple('a')} k_quantized k_scale k_zero b_scale b_zero`, 'b'),
    extra: [bytes('k_quantized', 'u8', [8], spread(8, 0, 255)), ...codes('k', 1 / 128, 128)],
    x: [2, 8],
    y: [2, 8],
    gives: ['Mul'],
  },
  {
    node: op('com.microsoft::QLinearWhere', `c ${triple('a')} k_quantized k_scale k_zero b_scale b_zero`, 'b'),
    extra: [
      { ...bytes('c', 'u8', [8], [1, 0, 1, 1, 0, 0, 1, 0]), dtype: 'bool' },
      bytes('k_quantized', 'u8', [8], spread(8, 0, 255)),
      ...codes('k', 1 / 128, 128),
    ],
    x: [2, 8],
    y: [2, 8],
    gives: ['Where'],
  },
]

describe('operators of com.microsoft on codes', () => {
  it.each(CASES.map((one) => [one.node.op, one] as const))('%s', async (_, one) => {
    const made = model(
      [enter, one.node, leave],
      [...codes('a', 1 / 64, 128), ...codes('b', 1 / 64, 128), ...(one.extra ?? [])],
      one.x,
      one.y,
      { opset: one.opset ?? 13 },
    )
    const back = await lifted(made)
    expect(back.kept).toEqual([])
    expect(operators(back.model)).toEqual(one.gives)
    await expectSameOutputs(made, back.model, feedOf(one.x), 0.05, [false])
    await expectSameOutputs(made, (await lifted(made, true)).model, feedOf(one.x), 0.02, [false])
  })

  it('QLinearReduceMean, which onnxruntime has no kernel for, where its axes are an attribute', async () => {
    const mean = op('com.microsoft::QLinearReduceMean', `${triple('a')} b_scale b_zero`, 'b', {
      axes: [1],
      keepdims: 0,
    })
    const parameters = [...codes('a', 1 / 64, 128), ...codes('b', 1 / 64, 128)]
    const old = await lifted(model([enter, mean, leave], parameters, [2, 8], [2], { opset: 13 }))
    expect(operators(old.model)).toEqual(['ReduceMean'])
    const recent = await lifted(model([enter, mean, leave], parameters, [2, 8], [2], { opset: 18 }))
    expect(recent.kept.map(({ because }) => because)).toContainEqual(expect.stringContaining('attribute'))
  })

  it('channels that come last stay', async () => {
    const pool = op('com.microsoft::QLinearGlobalAveragePool', `${triple('a')} b_scale b_zero`, 'b', {
      channels_last: 1,
    })
    const made = model(
      [enter, pool, leave],
      [...codes('a', 1 / 64, 128), ...codes('b', 1 / 64, 128)],
      [1, 4, 4, 2],
      [1, 1, 1, 2],
    )
    const back = await lifted(made)
    expect(back.kept.map(({ because }) => because)).toContainEqual(expect.stringContaining('channels come last'))
  })

  it('QAttention: Attention with its weight in floats', async () => {
    const made = model(
      [
        op('DynamicQuantizeLinear', 'x', 'q s z'),
        op('com.microsoft::QAttention', 'q w_quantized b s w_scale _ z w_zero', 'y', { num_heads: 2 }),
      ],
      [
        bytes('w_quantized', 'u8', [8, 24], spread(192, 0, 255)),
        floats('b', [24], (index) => index / 50),
        scalar('w_scale', 0.004),
        u8('w_zero', 128),
      ],
      [1, 3, 8],
      [1, 3, 8],
    )
    const back = await lifted(made)
    expect(back.model.graph.nodes.map(({ op: kind, domain }) => [kind, domain])).toEqual([
      ['Attention', 'com.microsoft'],
    ])
    expect(back.tensors.map(({ name }) => name)).toEqual(['w'])
    await expectSameOutputs(made, back.model, feedOf([1, 3, 8]), 0.02, [false])
  })
})

describe('operators of ai.onnx that work on codes', () => {
  it('moves in a row, on the floats', async () => {
    const made = model(
      [
        enter,
        op('Resize', 'a _ scales', 'r', { mode: 'nearest' }),
        op('Pad', 'r pads fill', 'p'),
        op('Slice', 'p from to axes', 'c'),
        op('Transpose', 'c', 't', { perm: [0, 1, 3, 2] }),
        op('DequantizeLinear', 't a_scale a_zero', 'y'),
      ],
      [
        ...codes('a', 1 / 64, 128),
        floats('scales', [4], (index) => (index < 2 ? 1 : 2)),
        int64s('pads', [0, 0, 1, 0, 0, 0, 1, 0]),
        u8('fill', 128),
        ...['from', 'to', 'axes'].map((name, index) => int64s(name, [[1], [5], [3]][index]!)),
      ],
      [1, 1, 4, 4],
      [1, 1, 4, 10],
    )
    const back = await lifted(made)
    expect(operators(back.model)).toEqual(['Resize', 'Pad', 'Slice', 'Transpose'])
    await expectSameOutputs(made, back.model, feedOf([1, 1, 4, 4]), 0.01, [false])
  })

  it('where the largest is, and how much there is', async () => {
    const made = plainModel({
      nodes: [enter, op('ArgMax', 'a', 'best', { axis: 1 }), op('Shape', 'a', 'size')],
      initializers: codes('a', 1 / 64, 128),
      inputs: [{ name: 'x', dtype: 'f32', shape: [2, 8] }],
      outputs: [
        { name: 'best', dtype: 'i64', shape: [2, 1] },
        { name: 'size', dtype: 'i64', shape: [2] },
      ],
      opset: 13,
    })
    const back = await lifted(made)
    expect(operators(back.model)).toEqual(['ArgMax', 'Shape'])
    expect(back.model.graph.nodes.map(({ inputs }) => inputs)).toEqual([['x'], ['x']])
  })
})
