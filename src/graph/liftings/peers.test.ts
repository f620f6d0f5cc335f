import { describe, expect, it } from 'vitest'
import { floats, int64s, op } from '../../../test/fixtures/graph-sketch.ts'
import { floatsIn, lifted, operators } from '../../../test/fixtures/lifted.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { bytes, feedOf, int32s, model, scalar, spread, u8 } from '../../../test/fixtures/peer-model.ts'
import { plainModel } from '../../../test/fixtures/plain-model.ts'
import type { Node, TensorRef } from '../../model/graph.ts'

describe('activations', () => {
  const quantize = (from: string, to: string, scale: string, zero: string): Node[] => [
    op('QuantizeLinear', `${from} ${scale} ${zero}`, `${to}_q`),
    op('DequantizeLinear', `${to}_q ${scale} ${zero}`, to),
  ]

  it('QDQ with static ranges: pairs go, the dropped Relu comes back, the output keeps its name', async () => {
    const made = model(
      [
        ...quantize('x', 'x_d', 'xs', 'xz'),
        op('DequantizeLinear', 'w_quantized ws wz', 'w_d'),
        op('DequantizeLinear', 'b_quantized bs', 'b_d'),
        op('Conv', 'x_d w_d b_d', 'conv', { name: 'conv', kernel_shape: [3, 3] }),
        ...quantize('conv', 'y', 'ys', 'yz'),
      ],
      [
        scalar('xs', 1 / 64),
        u8('xz', 128),
        bytes('w_quantized', 'i8', [4, 2, 3, 3], spread(72, -100, 100)),
        floats('ws', [1], () => 0.01),
        bytes('wz', 'i8', [1], [0]),
        int32s('b_quantized', [100, -200, 300, 0]),
        scalar('bs', 0.01 / 64),
        scalar('ys', 0.1),
        u8('yz', 0),
      ],
      [1, 2, 6, 6],
      [1, 4, 4, 4],
    )
    const back = await lifted(made)
    expect(operators(back.model)).toEqual(['Conv', 'Relu'])
    expect(back.model.graph.initializers.map(({ name }) => name).sort()).toEqual(['b', 'w'])
    expect(back.activations.map(({ value }) => value)).toEqual(['x_d', 'y'])
    expect(back.kept).toEqual([])
    await expectSameOutputs(made, back.model, feedOf([1, 2, 6, 6]), 0.03, [false])
    const levels = await lifted(made, true)
    expect(levels.tensors.map(({ name }) => name)).toEqual(back.tensors.map(({ name }) => name))
    await expectSameOutputs(made, levels.model, feedOf([1, 2, 6, 6]), 1e-6, [false])
  })

  it('a range from 0 to 6 is a Clip; behind a Relu or for a given input it is nothing', async () => {
    const parameters = [scalar('s', 6 / 255), u8('z', 0)]
    const clipped = await lifted(
      model([op('Neg', 'x', 'n'), op('Sub', 'n x', 't'), ...quantize('t', 'y', 's', 'z')], parameters, [8], [8]),
    )
    expect(operators(clipped.model)).toEqual(['Neg', 'Sub', 'Clip'])
    const relu = [scalar('s', 1 / 255), u8('z', 0)]
    const behind = await lifted(
      model([op('Relu', 'x', 'r'), ...quantize('r', 'd', 's', 'z'), op('Exp', 'd', 'y')], relu, [8], [8]),
    )
    expect(operators(behind.model)).toEqual(['Relu', 'Exp'])
    const given = await lifted(model([...quantize('x', 'd', 's', 'z'), op('Exp', 'd', 'y')], relu, [8], [8]))
    expect(operators(given.model)).toEqual(['Exp'])
  })

  it('opset 10: Clip takes its bounds as attributes', async () => {
    const made = model(
      [op('Neg', 'x', 't'), ...quantize('t', 'y', 's', 'z')],
      [scalar('s', 6 / 255), u8('z', 0)],
      [8],
      [8],
      { opset: 10 },
    )
    const back = await lifted(made)
    expect(back.model.graph.nodes.map(({ op: kind, inputs }) => [kind, inputs.length])).toEqual([
      ['Neg', 1],
      ['Clip', 1],
    ])
    await expectSameOutputs(made, back.model, feedOf([8]), 0.03, [false])
  })

  it('codes that leave the graph, come from outside, or change their scale stay, with the reason', async () => {
    const made = plainModel({
      nodes: [
        op('QuantizeLinear', 'x s z', 'codes'),
        op('DequantizeLinear', 'codes other z', 'y'),
        op('DequantizeLinear', 'given s z', 'g'),
      ],
      initializers: [scalar('s', 0.1), scalar('other', 0.2), u8('z', 9)],
      inputs: [
        { name: 'x', dtype: 'f32', shape: [4] },
        { name: 'given', dtype: 'u8', shape: [4] },
      ],
      outputs: [
        { name: 'codes', dtype: 'u8', shape: [4] },
        { name: 'y', dtype: 'f32', shape: [4] },
        { name: 'g', dtype: 'f32', shape: [4] },
      ],
      opset: 13,
    })
    const back = await lifted(made)
    expect(back.tensors).toEqual([])
    expect(back.kept.map(({ node, because }) => [node.op, because])).toEqual([
      ['QuantizeLinear', expect.stringContaining('output')],
      ['DequantizeLinear', expect.stringContaining('another scale')],
      ['DequantizeLinear', expect.stringContaining('outside')],
    ])
    expect(operators(back.model)).toEqual(['QuantizeLinear', 'DequantizeLinear', 'DequantizeLinear'])
  })

  it('parameters in separate constants with equal elements are one pair', async () => {
    const made = model(
      [op('QuantizeLinear', 'x s z', 'q'), op('DequantizeLinear', 'q s2 z2', 'd'), op('Exp', 'd', 'y')],
      [scalar('s', 0.01), scalar('s2', 0.01), u8('z', 100), u8('z2', 100)],
      [4],
      [4],
    )
    expect(operators((await lifted(made)).model)).toEqual(['Exp'])
  })
})

describe('products in integers', () => {
  const weight = (shape: readonly number[]): TensorRef[] => [
    bytes(
      'w_quantized',
      'u8',
      shape,
      spread(
        shape.reduce((a, b) => a * b, 1),
        0,
        255,
      ),
    ),
    floats('w_scale', [], () => 0.004),
    u8('w_zero_point', 117),
  ]
  const dynamic = op('DynamicQuantizeLinear', 'x', 'xq xs xz')

  it("onnxruntime's dynamic MatMul with a bias behind", async () => {
    const made = model(
      [
        dynamic,
        op('MatMulInteger', 'xq w_quantized xz w_zero_point', 'sums', { name: 'fc_quant' }),
        op('Cast', 'sums', 'cast', { to: 1 }),
        op('Mul', 'xs w_scale', 'factors'),
        op('Mul', 'cast factors', 'product'),
        op('Add', 'b product', 'y'),
      ],
      [...weight([8, 5]), floats('b', [5])],
      [3, 8],
      [3, 5],
    )
    const back = await lifted(made)
    expect(back.model.graph.nodes.map(({ op: kind, name }) => [kind, name])).toEqual([
      ['MatMul', 'fc'],
      ['Add', ''],
    ])
    expect(back.model.graph.initializers.map(({ name }) => name).sort()).toEqual(['b', 'w'])
    await expectSameOutputs(made, back.model, feedOf([3, 8]), 0.01, [false])
    await expectSameOutputs(made, (await lifted(made, true)).model, feedOf([3, 8]), 1e-5, [false])
  })

  it('scales multiplied one after the other, in any order', async () => {
    for (const [first, second] of [
      ['xs', 'w_scale'],
      ['w_scale', 'xs'],
    ]) {
      const made = model(
        [
          dynamic,
          op('MatMulInteger', 'xq w_quantized xz w_zero_point', 'sums'),
          op('Cast', 'sums', 'cast', { to: 1 }),
          op('Mul', `cast ${first}`, 'half'),
          op('Mul', `half ${second}`, 'y'),
        ],
        weight([8, 5]),
        [3, 8],
        [3, 5],
      )
      const back = await lifted(made)
      expect(operators(back.model)).toEqual(['MatMul'])
      await expectSameOutputs(made, back.model, feedOf([3, 8]), 0.01, [false])
    }
  })

  it('ConvInteger, its bias folded back into the Conv', async () => {
    const made = model(
      [
        dynamic,
        op('ConvInteger', 'xq w_quantized xz w_zero_point', 'sums', { kernel_shape: [3, 3] }),
        op('Cast', 'sums', 'cast', { to: 1 }),
        op('Mul', 'xs w_scale', 'factors'),
        op('Mul', 'cast factors', 'product'),
        op('Reshape', 'b shape', 'b4'),
        op('Add', 'product b4', 'y'),
      ],
      [...weight([4, 2, 3, 3]), floats('b', [4]), int64s('shape', [1, -1, 1, 1])],
      [1, 2, 5, 5],
      [1, 4, 3, 3],
    )
    const back = await lifted(made)
    expect(operators(back.model)).toEqual(['Conv'])
    expect(back.model.graph.nodes[0]?.inputs).toEqual(['x', 'w', 'b'])
    await expectSameOutputs(made, back.model, feedOf([1, 2, 5, 5]), 0.02, [false])
  })

  it('sums that are used as integers stay', async () => {
    const made = plainModel({
      nodes: [dynamic, op('MatMulInteger', 'xq w_quantized xz w_zero_point', 'y')],
      initializers: weight([8, 5]),
      inputs: [{ name: 'x', dtype: 'f32', shape: [3, 8] }],
      outputs: [{ name: 'y', dtype: 'i32', shape: [3, 5] }],
    })
    const back = await lifted(made)
    expect(back.kept.map(({ because }) => because)).toContain('its sums are used as integers')
    expect(back.tensors).toEqual([])
  })

  it('com.microsoft: DynamicQuantizeMatMul and MatMulIntegerToFloat with biases', async () => {
    const made = model(
      [
        op('com.microsoft::DynamicQuantizeMatMul', 'x w_quantized w_scale w_zero_point b', 'first'),
        op('DynamicQuantizeLinear', 'first', 'q s z'),
        op('com.microsoft::MatMulIntegerToFloat', 'q v_quantized s v_scale z v_zero_point', 'y'),
      ],
      [
        ...weight([8, 5]),
        floats('b', [5]),
        bytes('v_quantized', 'u8', [5, 2], spread(10, 90, 160)),
        floats('v_scale', [2], (index) => 0.01 + index),
        bytes('v_zero_point', 'u8', [2], [128, 120]),
      ],
      [3, 8],
      [3, 2],
    )
    const back = await lifted(made)
    expect(operators(back.model)).toEqual(['MatMul', 'Add', 'MatMul'])
    expect(await floatsIn(back.model, 'v')).toEqual(
      Float32Array.from(spread(10, 90, 160), (code, index) =>
        Math.fround((code - [128, 120][index % 2]!) * Math.fround(0.01 + (index % 2))),
      ),
    )
    await expectSameOutputs(made, back.model, feedOf([3, 8]), 0.02, [false])
  })
})

describe('QOperator', () => {
  const codes = (name: string, scale: number, zero: number): TensorRef[] => [
    scalar(`${name}_scale`, scale),
    u8(`${name}_zero`, zero),
  ]
  const triple = (name: string): string => `${name} ${name}_scale ${name}_zero`

  it('QLinearConv with bias, MaxPool on codes, QGemm, and an operator of com.microsoft', async () => {
    const made = model(
      [
        op('QuantizeLinear', 'x a_scale a_zero', 'a'),
        op('QLinearConv', `${triple('a')} w_quantized w_scale w_zero c_scale c_zero bias_quantized`, 'c', {
          kernel_shape: [3, 3],
        }),
        op('MaxPool', 'c', 'p', { kernel_shape: [2, 2], strides: [2, 2] }),
        op('Reshape', 'p flat', 'f'),
        op('com.microsoft::QGemm', 'f c_scale c_zero v_quantized v_scale v_zero _ g_scale g_zero', 'g', { transB: 1 }),
        op('com.microsoft::QLinearSigmoid', `${triple('g')} s_scale s_zero`, 's'),
        op('DequantizeLinear', triple('s'), 'y'),
      ],
      [
        ...codes('a', 1 / 64, 128),
        ...codes('c', 0.05, 100),
        ...codes('g', 0.05, 128),
        ...codes('s', 1 / 255, 0),
        bytes('w_quantized', 'u8', [4, 2, 3, 3], spread(72, 40, 200)),
        floats('w_scale', [4], (index) => 0.01 + index / 1000),
        bytes('w_zero', 'u8', [4], [128, 128, 128, 128]),
        int32s('bias_quantized', [64, -640, 0, 6400]),
        bytes('v_quantized', 'u8', [3, 16], spread(48, 0, 255)),
        scalar('v_scale', 0.005),
        u8('v_zero', 128),
        int64s('flat', [1, 16]),
      ],
      [1, 2, 6, 6],
      [1, 3],
    )
    const back = await lifted(made)
    expect(operators(back.model)).toEqual(['Conv', 'MaxPool', 'Reshape', 'Gemm', 'Sigmoid'])
    expect(back.model.graph.initializers.map(({ name }) => name).sort()).toEqual(['bias', 'flat', 'v', 'w'])
    expect(back.model.graph.outputs.map(({ name }) => name)).toEqual(['y'])
    await expectSameOutputs(made, back.model, feedOf([1, 2, 6, 6]), 0.05, [false])
    await expectSameOutputs(made, (await lifted(made, true)).model, feedOf([1, 2, 6, 6]), 0.01, [false])
  })

  it('QLinearMatMul of two activations, QLinearAdd with a constant, QLinearConcat', async () => {
    const made = model(
      [
        op('QuantizeLinear', 'x a_scale a_zero', 'a'),
        op('Transpose', 'a', 't', { perm: [1, 0] }),
        op('QLinearMatMul', `${triple('a')} t a_scale a_zero m_scale m_zero`, 'm'),
        op('com.microsoft::QLinearAdd', `${triple('m')} k_quantized k_scale k_zero m_scale m_zero`, 'n'),
        op('com.microsoft::QLinearConcat', `o_scale o_zero ${triple('m')} n m_scale m_zero`, 'o', { axis: 1 }),
        op('DequantizeLinear', triple('o'), 'y'),
      ],
      [
        ...codes('a', 1 / 64, 128),
        ...codes('m', 0.03, 110),
        ...codes('o', 0.04, 110),
        bytes('k_quantized', 'u8', [3], [100, 140, 180]),
        ...codes('k', 0.01, 120),
      ],
      [3, 8],
      [3, 6],
    )
    const back = await lifted(made)
    expect(operators(back.model)).toEqual(['Transpose', 'MatMul', 'Add', 'Concat'])
    await expectSameOutputs(made, back.model, feedOf([3, 8]), 0.05, [false])
  })

  it('rows of an embedding in codes, moved before they are used', async () => {
    const made = model(
      [
        op('Gather', 'table_quantized x', 'rows'),
        op('Unsqueeze', 'rows first', 'r'),
        op('com.microsoft::QLinearAdd', 'r t_scale t_zero k_quantized t_scale t_zero o_scale o_zero', 'o'),
        op('DequantizeLinear', triple('o'), 'y'),
      ],
      [
        bytes('table_quantized', 'u8', [6, 4], spread(24, 0, 255)),
        ...codes('t', 0.01, 128),
        ...codes('o', 0.02, 128),
        bytes('k_quantized', 'u8', [4], [1, 128, 200, 255]),
        int64s('first', [0]),
      ],
      [3],
      [1, 3, 4],
      { input: 'i64' },
    )
    const back = await lifted(made)
    expect(operators(back.model)).toEqual(['Gather', 'Unsqueeze', 'Add'])
    await expectSameOutputs(made, back.model, { x: [[3], [5, 0, 2], 'i64'] }, 0.02, [false])
  })

  it('a Softmax of other meaning stays, and so does what feeds it', async () => {
    const made = model(
      [
        op('QuantizeLinear', 'x a_scale a_zero', 'a'),
        op('com.microsoft::QLinearSoftmax', `${triple('a')} s_scale s_zero`, 's', { axis: 1, opset: 12 }),
        op('DequantizeLinear', triple('s'), 'y'),
      ],
      [...codes('a', 1 / 64, 128), ...codes('s', 1 / 255, 0)],
      [2, 4],
      [2, 4],
    )
    const back = await lifted(made)
    expect(back.kept.map(({ node }) => node.op)).toEqual(['QuantizeLinear', 'QLinearSoftmax', 'DequantizeLinear'])
    expect(back.kept[1]?.because).toContain('opset 12')
  })
})
