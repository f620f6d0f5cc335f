import type { StaticWeight } from '../../model/activation.ts'
import type { Node, TensorRef } from '../../model/graph.ts'
import { bytesFilled, float32, float32s, makeNode } from './make.ts'

export interface PlacedWeight {
  readonly nodes: readonly Node[]
  readonly constants: readonly TensorRef[]
  /** Name of the zero tensor. */
  readonly zero: string
}

/** Codes of unsigned weights stand around this. */
const MIDDLE = 128

/** DequantizeLinear under the weight's own name; the zero is 0 for i8 and 128 for u8, the same in every channel. */
export function placedWeight(
  name: string,
  { codes, scales, axis }: StaticWeight,
  fresh: (base: string) => string,
): PlacedWeight {
  const [scale, zero] = [fresh(`${name}/scale`), fresh(`${name}/zero`)]
  const unsigned = codes.dtype === 'u8'
  const single = axis === null
  const constants = [
    single ? float32(scale, scales[0] as number) : float32s(scale, scales),
    bytesFilled(zero, unsigned ? 'u8' : 'i8', single ? [] : [scales.length], unsigned ? MIDDLE : 0),
  ]
  const node = makeNode('DequantizeLinear', [codes.name, scale, zero], [name], single ? {} : { axis })
  return { nodes: [node], constants, zero }
}
