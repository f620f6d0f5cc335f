import type { Lowering } from '../../model/lowering.ts'
import { cast } from './make.ts'
import { placeValue, refuseWeight } from './place.ts'

/** The weight stored in 16 bits behind a Cast to its own type. onnxruntime folds the Cast when a session is made. */
export const half: Lowering = {
  id: 'onnx/half',
  kind: 'value',

  // Cast knows bfloat16 from 13 on.
  minOpset: (spec) => (spec.family === 'half' && spec.dtype === 'bf16' ? 13 : 7),

  accepts(weight, _use, spec, _target) {
    if (spec.family !== 'half') return { code: 'scheme', text: 'this form stores 16-bit floats' }
    if (weight.dtype === 'f16' || weight.dtype === 'bf16') {
      return { code: 'dtype', text: `elements are ${weight.dtype}: already 16 bits` }
    }
    return refuseWeight(weight)
  },

  lower(weight, _uses, spec, packed, _context) {
    const version = half.minOpset(spec)
    const value = cast(packed.codes.name, weight.name, weight.dtype)
    return [placeValue(weight, [value], [], [{ domain: '', version }])]
  },
}
