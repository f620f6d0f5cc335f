import { TersorError } from '../../errors.ts'
import type { Node, TensorRef } from '../../model/graph.ts'
import { float32s, int32s, makeNode } from './make.ts'
import { biasCodes, biasScale } from './quantized-bias.ts'

export interface PlacedBias {
  readonly nodes: readonly Node[]
  readonly constants: readonly TensorRef[]
  /** The decoded bias. */
  readonly value: string
}

/** A bias of one product as int32 codes at the product of its scales. E_PLAN when a code would leave int32. */
export function placedBias(
  name: string,
  values: Float32Array,
  activation: number,
  weights: Float32Array,
  label: string,
  fresh: (base: string) => string,
): PlacedBias {
  const codes = biasCodes(values, activation, weights)
  if (codes === null) {
    throw new TersorError('E_PLAN', `bias "${name}" does not fit int32 at the scales of its product`, {
      where: label,
      hint: 'encode the weight with at least the scales that leastScalesOf gives',
    })
  }
  const [code, scale, value] = [fresh(`${name}/codes`), fresh(`${name}/scale`), fresh(`${name}/rounded`)]
  const scales = Float32Array.from(values, (_, channel) => biasScale(activation, weights, channel))
  return {
    constants: [int32s(code, [...codes]), float32s(scale, scales)],
    nodes: [makeNode('DequantizeLinear', [code, scale], [value], { axis: 0 })],
    value,
  }
}
