import * as ortNode from 'onnxruntime-node'
import * as ortWeb from 'onnxruntime-web'
import { describe, expect, it } from 'vitest'
import type { DType } from '../model/dtype.ts'
import type { Value } from '../model/runtime.ts'
import { type OrtModule, ortRuntime } from './ort.ts'

const field = (number: number, bytes: readonly number[]) => [number * 8 + 2, bytes.length, ...bytes]
const text = (value: string) => [...new TextEncoder().encode(value)]

/** x -> Identity -> y; `dimension` is a size or a symbol, '' for unknown. */
function identityModel(elementType: number, dimension: number | string): Uint8Array {
  const size = typeof dimension === 'number' ? [0x08, dimension] : dimension === '' ? [] : field(2, text(dimension))
  const type = field(1, [0x08, elementType, ...field(2, field(1, size))])
  const value = (name: string) => [...field(1, text(name)), ...field(2, type)]
  const node = [...field(1, text('x')), ...field(2, text('y')), ...field(4, text('Identity'))]
  const graph = [...field(1, node), ...field(2, text('g')), ...field(11, value('x')), ...field(12, value('y'))]
  return new Uint8Array([0x08, 0x0a, 0x42, 0x02, 0x10, 0x15, ...field(7, graph)])
}

const TYPES: readonly (readonly [DType, number, number])[] = [
  ['f32', 1, 4],
  ['u8', 2, 1],
  ['i8', 3, 1],
  ['u16', 4, 2],
  ['i16', 5, 2],
  ['i32', 6, 4],
  ['i64', 7, 8],
  ['bool', 9, 1],
  ['f16', 10, 2],
  ['f64', 11, 8],
  ['u32', 12, 4],
  ['u64', 13, 8],
]

describe.each([
  ['onnxruntime-node', ortNode],
  ['onnxruntime-web', ortWeb],
] as const)('ortRuntime over %s', (name, ort) => {
  const runtime = ortRuntime(ort, name)

  it.each(TYPES)('carries %s unchanged, also from an odd offset', async (dtype, elementType, width) => {
    const session = await runtime.open({ bytes: identityModel(elementType, 3) }, { optimized: false })
    expect(session.inputs).toEqual([{ name: 'x', dtype, shape: [3] }])
    const bytes = Uint8Array.from({ length: 3 * width }, (_, i) => (dtype === 'bool' ? i % 2 : (i * 37 + 1) % 251))
    const shifted = new Uint8Array(bytes.length + 1)
    shifted.set(bytes, 1)
    const result = await session.run({ x: { dtype, shape: [3], data: shifted.subarray(1) } })
    expect(result.y).toEqual({ dtype, shape: [3], data: bytes })
    await session.release()
  })

  it('carries strings', async () => {
    const session = await runtime.open({ bytes: identityModel(8, 2) }, { optimized: false })
    const x: Value = { dtype: 'string', shape: [2], data: ['a', 'zwölf'] }
    expect((await session.run({ x })).y).toEqual(x)
  })

  it('names symbols and leaves unknown dimensions open', async () => {
    const named = await runtime.open({ bytes: identityModel(1, 'batch') }, { optimized: false })
    expect(named.inputs[0]?.shape).toEqual(['batch'])
    const unknown = await runtime.open({ bytes: identityModel(1, '') }, { optimized: false })
    expect(unknown.inputs[0]?.shape).toEqual([null])
  })

  it('says which type it cannot carry', async () => {
    const session = await runtime.open({ bytes: identityModel(1, 2) }, { optimized: false })
    const x: Value = { dtype: 'bf16', shape: [2], data: new Uint8Array(4) }
    await expect(session.run({ x })).rejects.toMatchObject({
      code: 'E_UNSUPPORTED',
      message: expect.stringContaining('bf16'),
    })
  })

  it('refuses feeds of the wrong length before the executor sees them', async () => {
    const session = await runtime.open({ bytes: identityModel(1, 2) }, { optimized: false })
    await expect(session.run({ x: { dtype: 'f32', shape: [2], data: new Uint8Array(7) } })).rejects.toThrow(
      'needs 8 bytes, found 7',
    )
  })
})

describe('session options', () => {
  /** An onnxruntime that only remembers what it was asked. */
  function remembering() {
    const asked: unknown[] = []
    const ort = {
      env: { versions: { common: '9' } },
      Tensor: class {},
      InferenceSession: {
        create: async (_model: unknown, options: unknown) => {
          asked.push(options)
          const metadata = { name: 'x', isTensor: true, type: 'float32', shape: [1] }
          return { inputMetadata: [metadata], outputMetadata: [metadata] }
        },
      },
    }
    return { ort: ort as unknown as OrtModule, asked }
  }

  it('are one thread, sequential, quiet; optimization as asked; no empty extra', async () => {
    const { ort, asked } = remembering()
    const runtime = ortRuntime(ort, 'onnxruntime-node')
    await runtime.open({ path: 'm' }, { optimized: false })
    await runtime.open({ path: 'm' }, { optimized: true, threads: 2, config: { 'session.a.b': '1', 'session.c': '0' } })
    const fixed = {
      executionProviders: ['cpu'],
      interOpNumThreads: 1,
      executionMode: 'sequential',
      logSeverityLevel: 4,
    }
    expect(asked[0]).toEqual({ ...fixed, graphOptimizationLevel: 'disabled', intraOpNumThreads: 1 })
    expect(asked[0]).not.toHaveProperty('extra')
    expect(asked[1]).toMatchObject({
      graphOptimizationLevel: 'all',
      intraOpNumThreads: 2,
      extra: { session: { a: { b: '1' }, c: '0' } },
    })
    expect(ort.env.logLevel).toBe('fatal')
  })

  it('that contradict each other are a usage error', async () => {
    const { ort } = remembering()
    const config = { 'session.a': '1', 'session.a.b': '1' }
    await expect(
      ortRuntime(ort, 'onnxruntime-node').open({ path: 'm' }, { optimized: true, config }),
    ).rejects.toMatchObject({ code: 'E_USAGE' })
  })
})

describe('outputs', () => {
  const metadata = (name: string, type?: string) => ({ name, isTensor: type !== undefined, type, shape: [1] })
  function withOutputs(...outputs: ReturnType<typeof metadata>[]) {
    const session = { inputMetadata: [metadata('x', 'float32')], outputMetadata: outputs }
    const ort = { env: {}, Tensor: class {}, InferenceSession: { create: async () => session } }
    return ortRuntime(ort as unknown as OrtModule, 'onnxruntime-node').open({ path: 'm' }, { optimized: true })
  }

  it('of 4 bits, sequences and maps are not fetched', async () => {
    const session = await withOutputs(
      metadata('a', 'int4'),
      metadata('b', 'uint4'),
      metadata('c'),
      metadata('d', 'int8'),
    )
    expect(session.outputs).toEqual(['d'])
  })

  it('are refused when none is left', async () => {
    await expect(withOutputs(metadata('a', 'int4'))).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
  })
})

it('onnxruntime-node writes outputs where it is told, also into memory of WebAssembly; another shape is refused', async () => {
  const runtime = ortRuntime(ortNode as unknown as OrtModule, 'onnxruntime-node')
  const session = await runtime.open({ bytes: identityModel(1, 'n') }, { optimized: false })
  const { buffer } = new WebAssembly.Memory({ initial: 1 })
  const x: Value = { dtype: 'f32', shape: [3], data: new Uint8Array(Float32Array.of(1, -2, 3.5).buffer) }
  const y: Value = { dtype: 'f32', shape: [3], data: new Uint8Array(buffer, 128, 12) }
  const result = await session.run({ x }, undefined, { y })
  expect((result.y!.data as Uint8Array).buffer).toBe(buffer)
  expect([...new Float32Array(buffer, 128, 3)]).toEqual([1, -2, 3.5])
  const short: Value = { ...y, shape: [2], data: new Uint8Array(buffer, 128, 8) }
  await expect(session.run({ x }, undefined, { y: short })).rejects.toMatchObject({ code: 'E_RUNTIME' })
  await session.release()
})
