import type { ReadSmall } from '../constant-nodes.ts'
import { floatConstant, readFloats } from './float-constants.ts'
import { biasOf, biasPerChannel, type Product, scaledWeight, withConstants } from './products.ts'
import type { Revision } from './revision.ts'

/**
 * The product with its weight multiplied by a factor per output and per input channel, its bias by those of the outputs. Values in
 * f64, rounded once. False when the weight cannot be read; nothing is changed then.
 */
export async function scaleProduct(
  product: Product,
  byOutput: Float64Array,
  byInput: Float64Array,
  revision: Revision,
  read: ReadSmall,
): Promise<boolean> {
  const { scope, tensor, weight, node } = product
  const values = await readFloats(tensor, read)
  if (values === null) return false
  const bias = biasOf(product, revision.connections)
  const isScaled = bias.kind === 'constant' && byOutput.some((factor) => factor !== 1)
  const stored = isScaled ? await readFloats(bias.tensor, read) : null
  if (isScaled && stored === null) return false
  const name = revision.fresh(weight.name)
  revision.add(scope, floatConstant(name, tensor.dtype, tensor.shape, scaledWeight(product, values, byOutput, byInput)))
  if (!isScaled || stored === null) {
    revision.replace(node, [withConstants(product, name, null)])
    return true
  }
  const scaled = biasPerChannel(product, stored).map((value, channel) => value * (byOutput[channel] as number))
  const biasName = revision.fresh(bias.definition.name)
  revision.add(scope, floatConstant(biasName, tensor.dtype, [scaled.length], scaled))
  revision.replace(node, [withConstants(product, name, biasName)])
  return true
}
