import { describe, expect, it } from 'vitest'
import { createKernelsSync } from '../../kernels/index.ts'
import type { StaticProduct } from '../../model/activation.ts'
import { asUnsigned, safePairScales, safeWeight, staticWeight } from './index.ts'

const kernels = createKernelsSync()

function product(shape: readonly number[], more: Partial<StaticProduct> = {}): StaticProduct {
  const node = { name: 'n', op: 'Conv', domain: '', inputs: [], outputs: [], attributes: [] }
  const weight = { name: 'w', axis: 0, shape }
  const base = {
    node,
    label: 'n',
    op: 'Conv',
    form: 'qdq',
    operands: ['x'],
    weight,
    bias: null,
    biasNode: null,
  } as const
  return { ...base, depthwise: false, multiplyAdds: null, ...more }
}

/** Zeros with 127 at the given places. */
function kernel(shape: readonly number[], ...places: number[]): Float32Array {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1))
  for (const place of places) values[place] = 127
  return values
}

// Which pairs overflow was measured in onnxruntime 1.30 as an emulated Haswell: docs/decisions/0028.
describe('weights that no CPU saturates', () => {
  const square = [1, 4, 3, 3]

  it.each([
    ['neighbours along the width of a kernel', square, [0, 1], 's8'],
    ['neighbouring channels at one kernel position', square, [0, 9], 'u8'],
    ['last channel of one position, first of the next', square, [27, 1], 'u8'],
    ['channels two apart', square, [0, 18], 's8'],
  ] as const)('%s', (_, shape, places, form) => {
    const given = product(shape)
    const made = staticWeight(kernels, 'w', kernel(shape, ...places), shape, 0)
    expect(safeWeight(given, made).form).toBe(form)
    expect(safeWeight(given, asUnsigned(made)).worstPair).toBe(safeWeight(given, made).worstPair)
  })

  it('depthwise kernels are exact, ConvInteger is faster unsigned', () => {
    const made = staticWeight(kernels, 'w', kernel([4, 1, 3, 3], 0, 1, 2), [4, 1, 3, 3], 0)
    expect(safeWeight(product([4, 1, 3, 3], { depthwise: true }), made).form).toBe('s8')
    expect(safeWeight(product([4, 1, 3, 3], { form: 'conv-integer' }), made).form).toBe('u8')
  })

  it('columns of a MatMul and rows of a Gemm are neighbours along the depth', () => {
    const columns = product([3, 2], { op: 'MatMul', weight: { name: 'w', axis: 1, shape: [3, 2] } })
    const rows = product([3, 2], { op: 'Gemm' })
    const down = staticWeight(kernels, 'w', Float32Array.of(127, 0, 127, 0, 0, 0), [3, 2], 1)
    expect(safeWeight(columns, down)).toMatchObject({ form: 'u8', worstPair: 254 })
    const across = staticWeight(kernels, 'w', Float32Array.of(127, 127, 0, 0, 0, 0), [3, 2], 0)
    expect(safeWeight(rows, across)).toMatchObject({ form: 'u8', worstPair: 254 })
    expect(safeWeight(rows, staticWeight(kernels, 'w', Float32Array.of(127, -127, 0, 0, 0, 0), [3, 2], 0)).form).toBe(
      's8',
    )
  })

  it('scales that are raised make every pair fit', () => {
    const values = Float32Array.from({ length: 8 * 16 }, (_, i) => Math.sin(i * 1.7) + (i % 7) / 3)
    const given = product([8, 16, 1, 1])
    expect(safeWeight(given, staticWeight(kernels, 'w', values, [8, 16, 1, 1], 0)).form).toBe('u8')
    const least = safePairScales(given, values)!
    expect(safeWeight(given, staticWeight(kernels, 'w', values, [8, 16, 1, 1], 0, { least })).form).toBe('s8')
  })

  it('unsigned codes stand for the same numbers', () => {
    const made = staticWeight(kernels, 'w', Float32Array.of(-1, 0, 0.5, 1), [1, 4], 0)
    const { codes } = asUnsigned(made)
    expect(codes.dtype).toBe('u8')
    expect(codes.storage).toMatchObject({ bytes: Uint8Array.of(1, 128, 192, 255) })
  })
})
