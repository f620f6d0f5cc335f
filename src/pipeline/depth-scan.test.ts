import { describe, expect, test } from 'vitest'
import { memorySource } from '../bytes/memory.ts'
import { createKernelsSync, createReferenceKernels } from '../kernels/index.ts'
import type { WeightFacts } from '../model/inventory.ts'
import type { MatrixView } from '../model/scheme.ts'
import type { Tools } from '../model/tools.ts'
import { scanChannels, scanDepth, scanSides } from './depth-scan.ts'

const [rows, width] = [300, 700]

function weightOf(values: Float32Array, inPlace: boolean): WeightFacts {
  const bytes = new Uint8Array(values.buffer)
  const { readInto, ...promised } = memorySource(bytes)
  const source = inPlace ? { ...promised, readInto } : promised
  const storage = { kind: 'span', source, start: 0, byteLength: bytes.length }
  return { elementCount: values.length, tensor: { name: 'w', dtype: 'f32', shape: [rows, width], storage } } as never
}

const values = Float32Array.from({ length: rows * width }, (_, i) => Math.fround(((i * 7919) % 10_007) / 5000 - 1))
values.fill(-0, width * 2, width * 3)
values[5] = 40

describe('magnitudes along both sides', () => {
  for (const along of ['row', 'column'] as const) {
    for (const inPlace of [true, false]) {
      test(`${along}, ${inPlace ? 'read in place' : 'by promise'}: what the scans of one side find`, async () => {
        const view: MatrixView = {
          stack: 1,
          along,
          depth: along === 'row' ? width : rows,
          channels: along === 'row' ? rows : width,
        }
        for (const kernels of [createKernelsSync(), createReferenceKernels()]) {
          const tools = { kernels } as Tools
          const weight = weightOf(values, inPlace)
          const found = await scanSides(weight, view, tools)
          expect(found?.depth).toEqual((await scanDepth(weight, view, tools)).largest)
          expect(found?.channels).toEqual((await scanChannels(weight, view, () => 1, [], tools)).rest)
        }
      })
    }
  }

  test('nothing where a value is not finite', async () => {
    const view: MatrixView = { stack: 1, along: 'column', depth: rows, channels: width }
    for (const bad of [Number.NaN, Number.NEGATIVE_INFINITY]) {
      const broken = values.slice()
      broken[rows * width - 3] = bad
      expect(await scanSides(weightOf(broken, true), view, { kernels: createKernelsSync() } as Tools)).toBeNull()
    }
  })
})
