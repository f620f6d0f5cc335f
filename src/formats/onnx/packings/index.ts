import type { IntegerSpec, Packing } from '../../../model/packing.ts'
import type { QuantizedTensor } from '../../../model/scheme.ts'
import { bnb4 } from './bnb4.ts'
import { elements } from './elements.ts'
import { gatherBlock } from './gather-block.ts'
import { kn, knSigned } from './kn.ts'
import { lookup } from './lookup.ts'
import { lstm } from './lstm.ts'
import { nbits } from './nbits.ts'
import { demand, refusal } from './parts.ts'

/** Refuses level tables: what a layout of integers takes are integers. */
function ofIntegers(packing: Packing<IntegerSpec>): Packing {
  const { id } = packing
  const refused = refusal('scheme', 'its codes stand for levels of a table, not for integers')
  return {
    id,
    accepts: (spec, view, shape) => (spec.family === 'integer' ? packing.accepts(spec, view, shape) : refused),
    parts(spec, view, shape) {
      if (spec.family === 'integer') return packing.parts(spec, view, shape)
      demand(refused, id)
      return []
    },
    pack(tensor, shape) {
      if (tensor.spec.family !== 'integer') demand(refused, id)
      return packing.pack(tensor as QuantizedTensor<IntegerSpec>, shape)
    },
    unpack(parts, spec, view, shape) {
      if (spec.family !== 'integer') demand(refused, id)
      return packing.unpack(parts, spec as IntegerSpec, view, shape)
    },
  }
}

/** Every layout that ONNX files have for codes, by id. */
export const packings: ReadonlyMap<string, Packing> = new Map(
  [...[nbits, elements, gatherBlock, kn, knSigned, lstm].map(ofIntegers), bnb4, lookup].map((packing) => [
    packing.id,
    packing,
  ]),
)
