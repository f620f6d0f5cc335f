/**
 * Level tables as weights of a model (nf4-block64, fp4-block32, int3-block32, shift4-channel, ...) and the few codes of integers
 * (ternary-block128, binary-channel): one scale per tensor, channel, block or run.
 *
 *   value = scale * level(code)      code: that of the table; ternary 1 .. 3 and binary 1, 3 as 2-bit integers around 2
 *   bits + bits of the scale / block per weight; what a file takes says its packing
 *
 * Tables as in src/schemes/tables; scales are rounded to their stored type before any code is chosen.
 */

import { TersorError } from '../errors.ts'
import type { QuantizedTensor } from '../model/scheme.ts'
import { gridShapeOf, viewElementCount } from '../numbers/grid-shape.ts'
import { type CodeLevels, codeLevels } from '../numbers/level-tables/code-levels.ts'

/** Values in source order; null for codes that are no levels of a table. Throws E_PLAN when the arrays do not fit the view. */
export function decodeLevels(tensor: QuantizedTensor): Float32Array | null {
  const table = codeLevels(tensor.spec)
  return table && decodeWith(tensor, table)
}

function decodeWith({ spec, view, codes, scales }: QuantizedTensor, { decoded }: CodeLevels): Float32Array {
  const count = viewElementCount(view)
  const { blockSize, blocks, grids } = gridShapeOf(spec.granularity, view)
  if (codes.length !== count || scales.length !== grids) {
    const found = `${codes.length} and ${scales.length}`
    throw new TersorError('E_PLAN', `expected ${count} codes and ${grids} scales, found ${found}`)
  }
  const { kind } = spec.granularity
  const { channels, depth, along } = view
  const values = new Float32Array(count)
  for (let at = 0; at < count; at++) {
    const k = along === 'row' ? at % depth : Math.floor(at / channels) % depth
    const line =
      along === 'row' ? Math.floor(at / depth) : Math.floor(at / (depth * channels)) * channels + (at % channels)
    const grid =
      kind === 'tensor'
        ? 0
        : kind === 'run'
          ? Math.floor((line * depth + k) / blockSize)
          : line * blocks + Math.floor(k / blockSize)
    values[at] = (scales[grid] as number) * (decoded[codes[at] as number] as number)
  }
  return values
}
