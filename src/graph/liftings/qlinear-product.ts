import { attributeOf, floatAttribute, intAttribute } from '../attributes.ts'
import { castTo, combined, dequantized, product, type Recipe, reshapedTo } from './recipe.ts'
import { type Lift, type Lifting, type Site, UNKNOWN_RANGE } from './site.ts'
import { plainNode, writeTwin } from './twins.ts'

const NEITHER = 'an operand is neither constant nor quantized in the graph'

/** QLinearMatMul back to MatMul. */
export const qlinearMatmul: Lifting = {
  id: 'qlinear-matmul',
  operators: ['QLinearMatMul', 'com.microsoft::QLinearMatMul'],

  async lift(site): Promise<Lift> {
    const { node } = site
    const [a = '', aScale = '', aZero = '', b = '', bScale = '', bZero = '', scale = '', zero = ''] = node.inputs
    const left = await site.operand(a, aScale, aZero, 0)
    const right = await site.operand(b, bScale, bZero)
    if (left === null || right === null) return { keep: NEITHER }
    const write = (product: string) => [plainNode(node, 'MatMul', [left, right], [product])]
    return { twins: await writeTwin(site, { scale, zero, range: UNKNOWN_RANGE }, write) }
  },
}

/** QLinearConv back to Conv; its bias is stored as i32 with the product of both scales. */
export const qlinearConv: Lifting = {
  id: 'qlinear-conv',
  operators: ['QLinearConv', 'com.microsoft::QLinearConv'],

  async lift(site): Promise<Lift> {
    const { node } = site
    const [x = '', xScale = '', xZero = '', w = '', wScale = '', wZero = '', scale = '', zero = '', bias = ''] =
      node.inputs
    if (intAttribute(node, 'channels_last', 0) !== 0) return { keep: 'its channels come last, which Conv cannot say' }
    const input = await site.operand(x, xScale, xZero)
    const weight = await site.operand(w, wScale, wZero, 0)
    const added = bias === '' ? '' : biasOf(site, bias, xScale, wScale, 1)
    if (input === null || weight === null || added === null) return { keep: NEITHER }
    const attributes = node.attributes.filter(({ name }) => name !== 'channels_last')
    const write = (product: string) => [plainNode(node, 'Conv', [input, weight, added], [product], { attributes })]
    return { twins: await writeTwin(site, { scale, zero, range: UNKNOWN_RANGE }, write) }
  },
}

/** com.microsoft QGemm back to Gemm. Without a scale for the output it already gives floats. */
export const qgemm: Lifting = {
  id: 'qgemm',
  operators: ['com.microsoft::QGemm'],

  async lift(site): Promise<Lift> {
    const { node } = site
    const [a = '', aScale = '', aZero = '', b = '', bScale = '', bZero = '', c = '', scale = '', zero = ''] =
      node.inputs
    const rows = intAttribute(node, 'transB', 0) !== 0
    const left = await site.operand(a, aScale, aZero, intAttribute(node, 'transA', 0) !== 0 ? 1 : 0)
    const right = await site.operand(b, bScale, bZero, rows ? 0 : 1)
    const alpha = floatAttribute(node, 'alpha', 1)
    const added = c === '' ? '' : biasOf(site, c, aScale, bScale, alpha)
    if (left === null || right === null || added === null) return { keep: NEITHER }
    const attributes = ['alpha', 'transA', 'transB'].flatMap((name) => attributeOf(node, name) ?? [])
    const write = (product: string) => [plainNode(node, 'Gemm', [left, right, added], [product], { attributes })]
    if (scale === '') return { nodes: write(node.outputs[0] ?? '') }
    return { twins: await writeTwin(site, { scale, zero, range: UNKNOWN_RANGE }, write) }
  },
}

/** Sums in i32 whose scale is the product of the scales of both factors (and alpha). */
function biasOf(site: Site, bias: string, left: string, right: string, alpha: number): string | null {
  const [codes, a, b] = [bias, left, right].map((name) => site.fact(name)?.recipe)
  if (!codes || !a || !b || alpha !== 1 || codes.shape.length === 0) return null
  const scale = combined('mul', a, b)
  if (scale === null) return null
  const count = product(scale.shape)
  const vector = reshapedTo(scale, [count])
  const recipe: Recipe | null =
    vector && dequantized(castTo(codes, codes.dtype), vector, 0, { axis: codes.shape.length - 1, block: 0 })
  return recipe && site.weight(recipe, 'bias')
}
