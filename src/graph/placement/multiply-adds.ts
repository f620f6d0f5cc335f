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
      const depth = weight ? weight.shape.at(-2) : input?.at(-1)
      return output && depth !== undefined ? count(output) * depth : null
    }
  }
}
