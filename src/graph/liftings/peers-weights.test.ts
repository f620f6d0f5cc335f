import { describe, expect, it } from 'vitest'
import { floats, op, tensor } from '../../../test/fixtures/graph-sketch.ts'
import { floatsIn, lifted, operators } from '../../../test/fixtures/lifted.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { bytes, feedOf, int32s, model, scalar, spread } from '../../../test/fixtures/peer-model.ts'
import { plainGraph, plainModel } from '../../../test/fixtures/plain-model.ts'
import type { TensorRef } from '../../model/graph.ts'
import { liftModel } from './index.ts'

describe('weights in blocks', () => {
  const K = 40
  const N = 3
  const packed = bytes('w_Q4', 'u8', [N, 3, 8], spread(72, 0, 255))
  const attributes = { K, N, bits: 4, block_size: 16, name: 'fc_Q4' }
  const scales = floats('w_scales', [N * 3], (index) => 0.01 + index / 500)
  /** The code of column k of row n, as MatMulNBits stores it. */
  const code = (n: number, k: number): number => {
    const byte = spread(72, 0, 255)[n * 24 + Math.floor(k / 2)]!
    return k % 2 === 0 ? byte % 16 : Math.floor(byte / 16)
  }
  const wanted = (
    zero: (n: number, block: number) => number,
    group = (k: number) => Math.floor(k / 16),
  ): Float32Array =>
    Float32Array.from({ length: K * N }, (_, index) => {
      const [k, n] = [Math.floor(index / N), index % N]
      const scale = Math.fround(0.01 + (n * 3 + group(k)) / 500)
      return Math.fround((code(n, k) - zero(n, group(k))) * scale)
    })

  it('without zeros, with packed zeros, with zeros in floats, with a bias', async () => {
    const zeros = bytes('w_zp', 'u8', [N * 2], [0x97, 0x05, 0x21, 0x0f, 0x88, 0x03])
    const digit = [
      [7, 9, 5],
      [1, 2, 15],
      [8, 8, 3],
    ]
    const float = floats('w_fzp', [N * 3], (index) => 6.5 + index / 4)
    const cases = [
      { inputs: 'x w_Q4 w_scales', extra: [], zero: () => 8, ops: ['MatMul'] },
      {
        inputs: 'x w_Q4 w_scales w_zp',
        extra: [zeros],
        zero: (n: number, b: number) => digit[n]![b]!,
        ops: ['MatMul'],
      },
      {
        inputs: 'x w_Q4 w_scales w_fzp',
        extra: [float],
        zero: (n: number, b: number) => 6.5 + (n * 3 + b) / 4,
        ops: ['MatMul'],
      },
      { inputs: 'x w_Q4 w_scales _ _ b', extra: [floats('b', [N])], zero: () => 8, ops: ['MatMul', 'Add'] },
    ]
    for (const { inputs, extra, zero, ops } of cases) {
      const made = model(
        [op('com.microsoft::MatMulNBits', inputs, 'y', attributes)],
        [packed, scales, ...extra],
        [2, K],
        [2, N],
      )
      const back = await lifted(made)
      expect(operators(back.model)).toEqual(ops)
      expect(back.model.graph.nodes[0]?.name).toBe('fc')
      expect(await floatsIn(back.model, 'w'), inputs).toEqual(wanted(zero))
      await expectSameOutputs(made, back.model, feedOf([2, K]), 1e-5, [false])
    }
  })

  it('columns that name their own group', async () => {
    const order = Array.from({ length: K }, (_, k) => (k * 7) % 3)
    const made = model(
      [op('com.microsoft::MatMulNBits', 'x w_Q4 w_scales _ g_idx', 'y', attributes)],
      [packed, scales, int32s('g_idx', order)],
      [2, K],
      [2, N],
    )
    const back = await lifted(made)
    expect(await floatsIn(back.model, 'w')).toEqual(
      wanted(
        () => 8,
        (k) => order[k]!,
      ),
    )
    await expectSameOutputs(made, back.model, feedOf([2, K]), 1e-5, [false])
  })

  it('codes that do not fit K and N stay', async () => {
    const made = model(
      [op('com.microsoft::MatMulNBits', 'x w_Q4 w_scales', 'y', { ...attributes, K: 400 })],
      [packed, scales],
      [2, 400],
      [2, N],
    )
    const back = await lifted(made)
    expect(back.kept.map(({ because }) => because)).toEqual([
      'codes, scales and zeros do not fit K, N and the block size',
    ])
    expect(back.model).toBeDefined()
    expect(operators(back.model)).toEqual(['MatMulNBits'])
  })

  it('GatherBlockQuantized of 4-bit elements, and of packed bytes with zeros', async () => {
    const table = tensor('t_Q4', 'u4', [4, 32], Uint8Array.from(spread(64, 0, 255)))
    const zeros = tensor('z', 'u4', [4, 2], Uint8Array.from([0x12, 0x34, 0x56, 0x78]))
    const factors = floats('s', [4, 2], (index) => 0.1 + index / 50)
    const gather = { gather_axis: 0, quantize_axis: 1, block_size: 16 }
    const elements = model(
      [op('com.microsoft::GatherBlockQuantized', 't_Q4 x s z', 'y', gather)],
      [table, factors, zeros],
      [3],
      [3, 32],
      {
        input: 'i64',
        opset: 21,
      },
    )
    const packedTable = bytes('t_Q4', 'u8', [4, 16], spread(64, 0, 255))
    const packedZeros = bytes('z', 'u8', [4, 1], [0x12, 0x34, 0x56, 0x78])
    const inBytes = model(
      [op('com.microsoft::GatherBlockQuantized', 't_Q4 x s z', 'y', { ...gather, bits: 4 })],
      [packedTable, factors, packedZeros],
      [3],
      [3, 32],
      { input: 'i64' },
    )
    const seen: Float32Array[] = []
    for (const made of [elements, inBytes]) {
      const back = await lifted(made)
      expect(operators(back.model)).toEqual(['Gather'])
      seen.push(await floatsIn(back.model, 't'))
      await expectSameOutputs(made, back.model, { x: [[3], [3, 0, -1], 'i64'] }, 1e-6, [false])
    }
    expect(seen[0]).toEqual(seen[1])
  })
})

describe('constants', () => {
  it('scales that are quantized themselves, and codes in a Constant node', async () => {
    const made = model(
      [
        {
          ...op('Constant', '', 'c'),
          attributes: [{ name: 'value', kind: 'tensor', value: bytes('', 'i8', [4, 3], spread(12, -90, 90)) }],
        },
        op('DequantizeLinear', 's_quantized ss', 's'),
        op('DequantizeLinear', 'c s', 'w', { axis: 1 }),
        op('MatMul', 'x w', 'y'),
      ],
      [bytes('s_quantized', 'u8', [3], [10, 20, 30]), scalar('ss', 0.001)],
      [2, 4],
      [2, 3],
    )
    const back = await lifted(made)
    expect(operators(back.model)).toEqual(['MatMul'])
    expect(back.tensors.map(({ name }) => name)).toEqual(['w'])
    await expectSameOutputs(made, back.model, feedOf([2, 4]), 1e-6, [false])
  })

  it('floats that are quantized and dequantized again (training): the levels they take', async () => {
    const made = model(
      [
        op('QuantizeLinear', 'w0 s z', 'q', { axis: 0 }),
        op('DequantizeLinear', 'q s z', 'w', { axis: 0 }),
        op('MatMul', 'x w', 'y'),
      ],
      [
        floats('w0', [4, 3], (index) => index / 7 - 1),
        floats('s', [4], (index) => 0.01 * (index + 1)),
        bytes('z', 'i8', [4], [0, 1, -2, 3]),
      ],
      [2, 4],
      [2, 3],
    )
    const back = await lifted(made)
    expect(operators(back.model)).toEqual(['MatMul'])
    await expectSameOutputs(made, back.model, feedOf([2, 4]), 1e-6, [false])
  })

  it('com.microsoft DequantizeLinear of 16-bit codes at an old opset', async () => {
    const codes = tensor('w_quantized', 'i16', [4, 3], new Uint8Array(Int16Array.from(spread(12, -3000, 3000)).buffer))
    const made = model(
      [op('com.microsoft::DequantizeLinear', 'w_quantized s', 'd', { axis: 1 }), op('MatMul', 'x d', 'y')],
      [codes, floats('s', [3], (index) => 1e-4 * (index + 1))],
      [2, 4],
      [2, 3],
      { opset: 11 },
    )
    const back = await lifted(made)
    expect(back.tensors.map(({ name }) => name)).toEqual(['w'])
    await expectSameOutputs(made, back.model, feedOf([2, 4]), 1e-6, [false])
  })

  it('what a branch holds, and what it captures', async () => {
    const branch = (codes: string, initializers: readonly TensorRef[]) =>
      plainGraph({
        nodes: [op('DequantizeLinear', `${codes} s`, `${codes}_d`), op('MatMul', `x ${codes}_d`, `${codes}_y`)],
        initializers,
        outputs: [{ name: `${codes}_y`, dtype: 'f32', shape: [2, 3] }],
      })
    const choose = op('If', 'c', 'y', {
      name: 'choose',
      then_branch: branch('inner_quantized', [bytes('inner_quantized', 'i8', [4, 3], spread(12, -90, 90))]),
      else_branch: branch('outer_quantized', []),
    })
    const made = plainModel({
      nodes: [choose],
      initializers: [bytes('outer_quantized', 'i8', [4, 3], spread(12, -50, 50)), scalar('s', 0.01)],
      inputs: [
        { name: 'x', dtype: 'f32', shape: [2, 4] },
        { name: 'c', dtype: 'bool', shape: [] },
      ],
      outputs: [{ name: 'y', dtype: 'f32', shape: [2, 3] }],
      opset: 13,
    })
    const back = await lifted(made)
    expect(back.tensors.map(({ name, scope }) => [name, scope])).toEqual([
      ['inner', ['choose', 'then_branch']],
      ['outer', ['choose', 'else_branch']],
    ])
    for (const chosen of [0, 1]) {
      await expectSameOutputs(made, back.model, { ...feedOf([2, 4]), c: [[], [chosen], 'bool'] }, 1e-6, [false])
    }
  })

  it('inputs that only gave codes a default go with them', async () => {
    const made = model(
      [op('DequantizeLinear', 'w_quantized s', 'd'), op('MatMul', 'x d', 'y')],
      [bytes('w_quantized', 'i8', [4, 3], spread(12, -90, 90)), scalar('s', 0.01)],
      [2, 4],
      [2, 3],
      { opset: 13 },
    )
    const inputs = [...made.graph.inputs, { name: 'w_quantized', dtype: 'i8' as const, shape: [4, 3] }]
    const back = await lifted({ ...made, graph: { ...made.graph, inputs } })
    expect(back.model.graph.inputs.map(({ name }) => name)).toEqual(['x'])
    expect(back.model.graph.initializers.map(({ name }) => name)).toEqual(['w'])
  })

  it('a model without codes comes back as it is', async () => {
    const made = model([op('MatMul', 'x w', 'y')], [floats('w', [4, 3])], [2, 4], [2, 3])
    const back = await liftModel(made, {
      readSmall: () => new Uint8Array(0),
      tensorOf: () => {
        throw new Error('nothing is decoded')
      },
    })
    expect(back.model).toBe(made)
    expect([back.tensors, back.activations, back.kept]).toEqual([[], [], []])
  })
})
