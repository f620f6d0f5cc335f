/**
 * Scales of scales: superblocks of 256 values in runs of 16 or 32, whose scales (and minimums) are small integers times an f16.
 *
 *   q2k q4k q5k: value = (d * scale) * code - (dmin * minimum)      q3k q6k: value = (d * scale) * (code - zero)
 *   code in 0 .. 3, 7, 15, 31, 63      2.625, 3.4375, 4.5, 5.5, 6.5625 bits per value of a whole superblock
 *
 * The k-quants of ggml (llama.cpp pull request 1684), with the same meaning in every bit; each product and difference is rounded to f32.
 */

import type { Codec, Effort, Group } from '../../model/array-scheme.ts'
import { round, roundHalfEven, roundStochastic } from '../../numbers/rounding.ts'
import { affineSuperblockFit } from './fit-affine-superblock.ts'
import { signedSuperblockFit } from './fit-signed-superblock.ts'
import { parameterSpecs, type SuperblockShape, subCount, superScaleAt } from './superblock-shape.ts'
import { loadSuperblock, superblockValues } from './superblock-values.ts'

export function superblockCodec(shape: SuperblockShape): Codec {
  const { levels, size, zero, minimums, bias } = shape
  const subs = subCount(shape)
  const at = superScaleAt(shape)
  const maxCode = levels - 1
  const fit = minimums ? affineSuperblockFit(shape) : signedSuperblockFit(shape)
  const buffer = superblockValues()

  const scaleOf = (parameters: Float32Array, run: number): number =>
    Math.fround(parameters[at]! * (parameters[run]! - bias))
  const minimumOf = (parameters: Float32Array, run: number): number =>
    minimums ? Math.fround(parameters[at + 1]! * parameters[subs + run]!) : 0

  return {
    levels,
    packing: 'bits',
    vector: 1,
    exactZero: !minimums,
    parameters: parameterSpecs(shape),
    shared: [],
    effort: 'fast',
    efforts: ['closed', 'fast', 'exact'] satisfies Effort[],
    encode(group, codes, parameters) {
      if (!group.fixed) {
        loadSuperblock(buffer, group.values, group.importance)
        fit(buffer, group.effort, parameters)
      }
      const count = group.values.length
      for (let run = 0; run * size < count; run++) {
        const end = Math.min(count, (run + 1) * size)
        encodeRun(group, run * size, end, scaleOf(parameters, run), minimumOf(parameters, run), codes)
      }
    },
    decode(codes, parameters, _, values) {
      for (let run = 0; run * size < values.length; run++) {
        const end = Math.min(values.length, (run + 1) * size)
        const scale = scaleOf(parameters, run)
        const minimum = minimumOf(parameters, run)
        for (let i = run * size; i < end; i++) values[i] = Math.fround(scale * (codes[i]! - zero)) - minimum
      }
    },
    /** That of the worst run; runs that a short superblock leaves unused count only when all are. */
    errorBound(parameters, _, low, high) {
      let bound = 0
      for (let run = 0; run < subs; run++) {
        const scale = scaleOf(parameters, run)
        const first = -scale * zero - minimumOf(parameters, run)
        const last = first + scale * maxCode
        bound = Math.max(bound, Math.abs(scale) / 2, Math.min(first, last) - low, high - Math.max(first, last))
      }
      return bound
    },
  }

  /** Codes of a run without a scale are those of 0. */
  function encodeRun(
    group: Group,
    start: number,
    end: number,
    scale: number,
    minimum: number,
    codes: Uint16Array,
  ): void {
    const { values, rounding } = group
    for (let i = start; i < end; i++) {
      const t = scale === 0 ? 0 : (values[i]! + minimum) / scale
      const q =
        rounding === 'half-even'
          ? roundHalfEven(t)
          : rounding === 'stochastic'
            ? roundStochastic(t, group.seed, group.first + i)
            : round(t, rounding)
      const code = q + zero
      codes[i] = code < 0 ? 0 : code > maxCode ? maxCode : code
    }
  }
}
