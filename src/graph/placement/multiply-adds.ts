import type { Placement, StaticProduct } from '../../model/activation.ts'
import { intAttribute } from '../attributes.ts'
import type { Candidate } from './products.ts'
import type { Site } from './site.ts'

/** Multiply-adds of a product per run; null where the shape of its result is not known. */
export function multiplyAddsOf({ node, op, weight, operands }: Candidate, site: Site): number | null {
  const output = site.shape(node.outputs[0] ?? '')
  const input = site.shape(operands[0] ?? '')
  const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)
  switch (op) {
    case 'Conv':
      return output && weight ? count(output) * count(weight.shape.slice(1)) : null
    case 'ConvTranspose':
      return input && weight ? count(input) * count(weight.shape.slice(1)) : null
    case 'Gemm': {
      const depth = weight?.shape[intAttribute(node, 'transB', 0) === 0 ? 0 : 1]
      return output && depth !== undefined ? count(output) * depth : null
    }
    case 'MatMul': {
      const depth = weight ? weight.shape.at(weight.name === node.inputs[0] ? -1 : -2) : input?.at(-1)
      return output && depth !== undefined ? count(output) * depth : null
    }
  }
}

/** Sums over products that have integer kernels; null where shapes are not known. */
export function sharesOf(products: readonly StaticProduct[]): Placement['multiplyAdds'] {
  let [integer, total, doubled] = [0, 0, 0]
  for (const { multiplyAdds, op, form, weight } of products) {
    if (op === 'ConvTranspose') continue
    if (multiplyAdds === null) return null
    total += multiplyAdds
    if (form !== 'stored') integer += multiplyAdds
    // Two halves, or two by two.
    if (form === 'wide' || form === 'dynamic-wide') doubled += multiplyAdds * (weight === null ? 3 : 1)
  }
  return { integer, total, doubled }
}
