/**
 * onnx/lookup: codes of any table, in the order of the source, packed so that one Gather from a table of bytes undoes each plane.
 *
 *   1. codes   u8  [bytes]   positions of levels, lowest level first, as `src/numbers/code-planes.ts` packs them
 *   2. scales  f32 or f16, shaped as in onnx/elements
 */

import type { CodedSpec, PackedPart, Packing } from '../../../model/packing.ts'
import type { MatrixView } from '../../../model/scheme.ts'
import { codePlanes, packPlanes, planeLengths, unpackPlanes } from '../../../numbers/code-planes.ts'
import { elementCountOf } from '../../../numbers/dtype.ts'
import { codeLevels } from '../../../numbers/level-tables/code-levels.ts'
import { scaleShape } from './axes.ts'
import { fromFileOrder, toFileOrder } from './file-order.ts'
import {
  demand,
  demandLengths,
  demandParts,
  part,
  quantized,
  refusal,
  refuseMismatch,
  scalesFromBytes,
  scalesToBytes,
} from './parts.ts'

const ID = 'onnx/lookup'

export const lookup: Packing = {
  id: ID,

  accepts(spec, view, shape) {
    if (codeLevels(spec) === null) return refusal('scheme', 'evenly spaced codes need no table')
    if (spec.granularity.kind === 'run') return refusal('granularity', 'blocks begin with every channel')
    const mismatch = refuseMismatch(view, shape)
    if (mismatch !== null) return mismatch
    if (scaleShape(spec.granularity, view, shape) !== null) return null
    return refusal('layout', `no scales of this kind lie over [${shape.join(', ')}]`)
  },

  parts(spec, view, shape) {
    demand(lookup.accepts(spec, view, shape), ID)
    return partsOf(spec, view, shape)
  },

  pack(tensor, shape) {
    const { spec, view, codes } = tensor
    demand(lookup.accepts(spec, view, shape), ID)
    demandLengths(tensor, ID)
    const { indices, levels } = codeLevels(spec)!
    const positions = codes.map((code) => indices[code]!)
    const scales = scalesToBytes(toFileOrder(tensor.scales, spec.granularity, view), spec.scale)
    return [packPlanes(positions, levels.length), scales]
  },

  unpack(parts, spec, view, shape) {
    demand(lookup.accepts(spec, view, shape), ID)
    demandParts(parts, partsOf(spec, view, shape), ID)
    const { codes: named, levels } = codeLevels(spec)!
    const positions = unpackPlanes(parts[0]!, elementCountOf(shape), levels.length)
    const codes = positions.map((position) => named[position] ?? 0)
    const scales = fromFileOrder(scalesFromBytes(parts[1]!, spec.scale), spec.granularity, view)
    return quantized(spec, view, codes, scales, undefined)
  },
}

function partsOf(spec: CodedSpec, view: MatrixView, shape: readonly number[]): PackedPart[] {
  const lengths = planeLengths(elementCountOf(shape), codePlanes(codeLevels(spec)!.levels.length))
  const bytes = lengths.reduce((sum, length) => sum + length, 0)
  return [part('codes', 'u8', [bytes]), part('scales', spec.scale, scaleShape(spec.granularity, view, shape)!)]
}
