import { expect, test } from 'vitest'
import { createKernelsSync } from '../../kernels/index.ts'
import type { CodedSpec } from '../../model/packing.ts'
import type { MatrixView } from '../../model/scheme.ts'
import { codeLevels } from '../../numbers/level-tables/code-levels.ts'
import { uniform } from '../../numbers/rounding.ts'
import { decode, parseSchemeId } from '../../schemes/index.ts'
import { solveTensor } from '../index.ts'
import { LearnedCodes, Warmth } from './index.ts'

const kernels = createKernelsSync()

for (const id of [
  'nf4-run16',
  'ternary-block8',
  'binary-channel',
  'fp4-block16-f16',
  'e2m3-tensor',
  'shift3nz-block16',
]) {
  for (const along of ['row', 'column'] as const) {
    test(`${id} along a ${along}: nothing moves before the first step, and codes go where the gradient sends them`, () => {
      const spec = parseSchemeId(id) as CodedSpec
      const view: MatrixView = { stack: 1, channels: 5, depth: 19, along }
      const values = Float32Array.from({ length: 95 }, (_, i) => 2 * uniform(3, i) - 1)
      const { quantized } = solveTensor(values, view, spec, 'search', kernels)
      const learned = new LearnedCodes(quantized, values)
      expect(learned.quantized()).toEqual(quantized)
      const out = new Float32Array(95)
      learned.decode(out)
      expect([...out].map((value) => value + 0)).toEqual([...decode(quantized, kernels)].map((value) => value + 0))

      const target = Float32Array.from({ length: 95 }, (_, i) => 2 * uniform(9, i) - 1)
      const away = (): number => out.reduce((sum, value, i) => sum + (value - (target[i] as number)) ** 2, 0)
      const before = away()
      const [places, scales] = [new Warmth(), new Warmth()]
      for (let turn = 0; turn < 60; turn++) {
        const grads = out.map((value, i) => value - (target[i] as number))
        learned.step(grads, places.next(0.1), scales.next(0))
        learned.decode(out)
      }
      expect(away()).toBeLessThan(0.7 * before)
      const named = codeLevels(spec)?.codes ?? new Uint8Array()
      const after = learned.quantized()
      expect(after.codes.every((code) => named.includes(code))).toBe(true)
      expect([...decode(after, kernels)].map((value) => value + 0)).toEqual([...out].map((value) => value + 0))
    })
  }
}
