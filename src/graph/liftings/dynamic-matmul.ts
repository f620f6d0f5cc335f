import { makeNode } from '../lowerings/make.ts'
import { alongColumns, decodedOver } from './decoded-weight.ts'
import type { Lift, Lifting, Site } from './site.ts'
import { plainNode } from './twins.ts'

/** com.microsoft DynamicQuantizeMatMul: A, codes of B, scale, zero, bias. Back to MatMul and Add. */
export const dynamicMatmul: Lifting = {
  id: 'dynamic-matmul',
  operators: ['com.microsoft::DynamicQuantizeMatMul'],

  async lift(site): Promise<Lift> {
    const [activation = '', codes = '', scale = '', zero = '', bias = ''] = site.node.inputs
    const weight = rightFactor(site, codes, scale, zero)
    if (weight === null) return { keep: 'its weight, scale or zero is not constant' }
    return { nodes: withBias(site, activation, weight, bias) }
  },
}

/** com.microsoft MatMulIntegerToFloat: codes of A and B, their scales and zeros, bias. Back to MatMul and Add. */
export const integerToFloat: Lifting = {
  id: 'matmul-integer',
  operators: ['com.microsoft::MatMulIntegerToFloat'],

  async lift(site): Promise<Lift> {
    const [left = '', right = '', leftScale = '', rightScale = '', leftZero = '', rightZero = '', bias = ''] =
      site.node.inputs
    const a = await site.operand(left, leftScale, leftZero)
    const b = rightFactor(site, right, rightScale, rightZero) ?? (await site.operand(right, rightScale, rightZero))
    if (a === null || b === null) return { keep: 'a factor is neither constant nor quantized in the graph' }
    return { nodes: withBias(site, a, b, bias) }
  },
}

function rightFactor(site: Site, codes: string, scale: string, zero: string): string | null {
  const [table, factors, offsets] = [codes, scale, zero].map((name) => site.fact(name)?.recipe)
  if (!table || !factors || (zero !== '' && !offsets) || !alongColumns(factors)) return null
  const recipe = decodedOver(table, factors, offsets, table.shape.length - 1)
  return recipe && site.weight(recipe, 'matmul-integer')
}

function withBias(site: Site, left: string, right: string, bias: string) {
  const { node } = site
  const output = node.outputs[0] ?? ''
  if (bias === '') return [plainNode(node, 'MatMul', [left, right], [output])]
  const sums = site.fresh(`${output}/product`)
  return [plainNode(node, 'MatMul', [left, right], [sums]), makeNode('Add', [sums, bias], [output])]
}
