import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { packings } from '../formats/onnx/packings/index.ts'
import { createKernelsSync, createReferenceKernels } from '../kernels/index.ts'
import type { Kernels } from '../model/kernels.ts'
import type { CodedSpec } from '../model/packing.ts'
import type { MatrixView, SolverId } from '../model/scheme.ts'
import { formatSchemeId, parseSchemeId } from '../schemes/index.ts'
import { PATHS, pathOf, runUnit } from './fused.ts'
import type { PartTarget, ProduceJob, UnitIo } from './produce/types.ts'

interface Case {
  readonly packing: string
  readonly scheme: string
  readonly view: MatrixView
  readonly shape: readonly number[]
  readonly path: string
}

const column = (depth: number, channels: number): Pick<Case, 'view' | 'shape'> => ({
  view: { stack: 1, channels, depth, along: 'column' },
  shape: [depth, channels],
})
const row = (channels: number, depth: number, stack = 1): Pick<Case, 'view' | 'shape'> => ({
  view: { stack, channels, depth, along: 'row' },
  shape: stack === 1 ? [channels, depth] : [stack, channels, depth],
})

const cases: readonly Case[] = [
  { packing: 'onnx/nbits', scheme: 'int4-block32-sym', ...column(96, 40), path: 'columns-to-nbits' },
  // Whole and ragged strips, more than are staged at once; the kernels without error sums take these.
  { packing: 'onnx/nbits', scheme: 'int4-block32-sym', ...column(300, 48), path: 'columns-to-nbits' },
  { packing: 'onnx/nbits', scheme: 'int4-block64-sym-f16', ...column(640, 32), path: 'columns-to-nbits' },
  { packing: 'onnx/kn', scheme: 'int8-channel-sym', ...column(50, 32), path: 'column-channels' },
  { packing: 'onnx/elements', scheme: 'int8-channel-sym-f16', ...column(60, 48), path: 'column-channels' },
  { packing: 'onnx/nbits', scheme: 'int4-block16-asym-f16', ...column(77, 33), path: 'columns-to-nbits' },
  { packing: 'onnx/nbits', scheme: 'int8-block64-asym', ...column(100, 17), path: 'columns-to-nbits' },
  { packing: 'onnx/nbits', scheme: 'int2-block16-asym-f16', ...column(50, 7), path: 'columns-to-nbits' },
  { packing: 'onnx/nbits', scheme: 'int4-block32-asym-f16', ...row(13, 70), path: 'rows-in-order' },
  { packing: 'onnx/gather-block', scheme: 'int8-block16-sym', ...row(31, 64), path: 'rows-in-order' },
  { packing: 'onnx/elements', scheme: 'int8-channel-asym-f16', ...row(29, 37), path: 'rows-in-order' },
  { packing: 'onnx/elements', scheme: 'int8-channel-sym', ...row(9, 21, 2), path: 'rows-in-order' },
  { packing: 'onnx/elements', scheme: 'int4-channel-sym', ...row(9, 22), path: 'rows-in-order' },
  { packing: 'onnx/kn', scheme: 'int8-channel-sym', ...column(50, 31), path: 'column-channels' },
  { packing: 'onnx/kn', scheme: 'int8-channel-asym', ...column(50, 31), path: 'column-channels' },
  { packing: 'onnx/elements', scheme: 'int8-channel-sym', ...column(60, 45), path: 'column-channels' },
  { packing: 'onnx/elements', scheme: 'int8-channel-asym-f16', ...column(60, 45), path: 'column-channels' },
  { packing: 'onnx/elements', scheme: 'int8-channel-asym', ...column(2048, 5), path: 'column-channels' },
  { packing: 'onnx/kn', scheme: 'int8-channel-sym', ...column(9000, 3), path: 'column-channels' },
  { packing: 'onnx/kn-s8', scheme: 'int8-channel-sym', ...column(50, 31), path: 'column-channels' },
  { packing: 'onnx/kn-s8', scheme: 'int8-channel-sym', ...column(9000, 3), path: 'column-channels' },
  { packing: 'onnx/elements', scheme: 'int4-block32-sym', ...column(70, 40), path: 'column-blocks-in-order' },
  { packing: 'onnx/elements', scheme: 'int4-block16-asym-f16', ...column(64, 40), path: 'column-blocks-in-order' },
  { packing: 'onnx/nbits', scheme: 'ternary-block32', ...column(70, 40), path: 'levels' },
  { packing: 'onnx/nbits', scheme: 'binary-block16-f16', ...row(31, 64), path: 'levels' },
  { packing: 'onnx/bnb4', scheme: 'nf4-block64', ...column(128, 33), path: 'levels' },
  // Long enough for several units, which end where runs end.
  { packing: 'onnx/bnb4', scheme: 'fp4-run16', ...column(45_001, 33), path: 'levels' },
  { packing: 'onnx/bnb4', scheme: 'nf4-run64', ...row(7, 43), path: 'levels' },
  { packing: 'onnx/lookup', scheme: 'nf4-block16', ...row(7, 43), path: 'plain' },
  { packing: 'onnx/lookup', scheme: 'ternary-channel', ...column(50, 31), path: 'plain' },
  { packing: 'onnx/kn', scheme: 'int8-channel-sym', ...row(12, 20), path: 'plain' },
]

async function produce(
  one: Case,
  values: Float32Array,
  solver: SolverId,
  kernels: Kernels,
  plain: boolean,
  measure = true,
) {
  const spec = parseSchemeId(one.scheme) as CodedSpec
  const parts = packings.get(one.packing)?.parts(spec, one.view, one.shape) ?? []
  const written = parts.map((part) => new Uint8Array(part.byteLength).fill(0xa5))
  const targets: PartTarget[] = parts.map((part, file) => ({ file, position: 0, byteLength: part.byteLength }))
  const bytes = new Uint8Array(values.buffer)
  const job: ProduceJob = {
    label: 'w',
    source: { kind: 'bytes', bytes, byteLength: bytes.length },
    dtype: 'f32',
    shape: one.shape,
    view: one.view,
    spec,
    solver,
    packing: one.packing,
    targets,
    measure,
  }
  const io: UnitIo = {
    read: (_source, offset, target) => target.set(bytes.subarray(offset, offset + target.length)),
    write: (target, offset, chunk) => written[target.file]?.set(chunk, offset),
  }
  const path = pathOf(job, plain)
  for (const unit of path.units(job)) await runUnit(job, { ...unit, job: 0 }, io, kernels)
  return { path: path.id, written }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const weights = (count: number, seed: number): Float32Array => {
  const values = fc.sample(fc.float({ min: -4, max: 4, noNaN: true }), { numRuns: count, seed })
  // An outlier, a run of zeros and a subnormal in every tensor.
  values[3] = 25
  values.fill(0, 8, Math.min(count, 40))
  values[5] = 1e-42
  return Float32Array.from(values)
}

describe('every fused path writes the bytes of the plain path', () => {
  const kernels = [createReferenceKernels(), createKernelsSync()]
  for (const one of cases) {
    for (const solver of ['nearest', 'search'] as const) {
      test(`${one.packing} ${one.scheme} ${one.shape.join('x')} ${solver}`, async () => {
        const values = weights(
          one.shape.reduce((a, b) => a * b, 1),
          7,
        )
        const [reference, wasm] = kernels as [Kernels, Kernels]
        const plain = await produce(one, values, solver, reference, true)
        const fused = await produce(one, values, solver, wasm, false)
        expect(fused.path).toBe(one.path)
        expect(fused.written.map(hex)).toEqual(plain.written.map(hex))
        for (const engine of kernels) {
          const unmeasured = await produce(one, values, solver, engine, false, false)
          expect(unmeasured.written.map(hex)).toEqual(plain.written.map(hex))
        }
      })
    }
  }

  // More than one write, and more than what is read last in the first pass.
  for (const [depth, channels] of [
    [1500, 1024],
    [130, 12_304],
  ] as const) {
    test(`long columns of ${depth} x ${channels}`, async () => {
      const one: Case = {
        packing: 'onnx/elements',
        scheme: 'int8-channel-sym',
        ...column(depth, channels),
        path: 'column-channels',
      }
      const values = new Float32Array(depth * channels)
      let state = 1
      for (let i = 0; i < values.length; i++) {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
        values[i] = state / 2 ** 32 - 0.5
      }
      const [reference, wasm] = kernels as [Kernels, Kernels]
      const plain = await produce(one, values, 'nearest', reference, true)
      for (const measure of [true, false]) {
        const fused = await produce(one, values, 'nearest', wasm, false, measure)
        expect(fused.path).toBe(one.path)
        expect(Buffer.compare(fused.written[0] as Uint8Array, plain.written[0] as Uint8Array)).toBe(0)
        expect(hex(fused.written[1] as Uint8Array)).toBe(hex(plain.written[1] as Uint8Array))
      }
    })
  }

  test('a value that is not finite is named by its element, measured or not', async () => {
    const engine = kernels[1] as Kernels
    for (const one of cases.filter(
      ({ path, shape }) => /^(column|levels)/.test(path) && (shape[0] as number) < 10_000,
    )) {
      const count = one.shape.reduce((a, b) => a * b, 1)
      for (const bad of [Number.NaN, Number.NEGATIVE_INFINITY]) {
        const values = weights(count, 7)
        const at = Math.floor(count / 2) + 3
        values[at] = bad
        for (const measure of [true, false]) {
          await expect(produce(one, values, 'nearest', engine, false, measure)).rejects.toThrow(
            `holds ${bad} at element ${at};`,
          )
        }
      }
    }
  })

  test('the cases cover every integer path of the table', () => {
    const covered = new Set(cases.map((one) => one.path))
    for (const path of PATHS) if (path.id !== 'half') expect(covered).toContain(path.id)
  })

  test('ids in the cases are canonical enough to parse and format', () => {
    for (const one of cases)
      expect(parseSchemeId(formatSchemeId(parseSchemeId(one.scheme)))).toEqual(parseSchemeId(one.scheme))
  })
})
