import type { FloatCode, StaticProduct } from '../../model/activation.ts'
import type { Node } from '../../model/graph.ts'
import { floatAttribute, intAttribute } from '../attributes.ts'
import { isStandard } from '../walk.ts'
import { patternOf } from './patterns.ts'
import type { Site } from './site.ts'

/** A product as it could run; `float` says why it cannot be integers. */
export interface Candidate {
  readonly node: Node
  /** How it runs unless `float`; all but 'qdq' give floats. */
  readonly form: IntegerForm
  readonly op: StaticProduct['op']
  readonly operands: readonly string[]
  readonly weight: StaticProduct['weight']
  readonly bias: string | null
  readonly biasNode?: StaticProduct['biasNode']
  readonly depthwise: boolean
  readonly float: { readonly code: FloatCode; readonly text: string } | null
  /** Why a pattern gave it its form. */
  readonly because?: string
}

export type IntegerForm = 'qdq' | 'loose' | 'wide' | 'dynamic' | 'dynamic-wide'

/** A product that is joined with the pairs around it to one operator on codes. */
export function takesPairs(candidate: Candidate | undefined): boolean {
  return candidate?.float === null && candidate.form === 'qdq'
}

/** A product that reads 8-bit codes of static grids. */
export function readsCodes(candidate: Candidate | undefined): boolean {
  return candidate?.float === null && (candidate.form === 'qdq' || candidate.form === 'loose')
}

const AS_PAIRS = { form: 'qdq' } as const
const PRODUCTS = new Set(['Conv', 'Gemm', 'MatMul', 'ConvTranspose'])

/** Conv, Gemm, MatMul and ConvTranspose; null for any other node. */
export function candidateOf(node: Node, site: Site): Candidate | null {
  if (!isStandard(node) || !PRODUCTS.has(node.op)) return null
  const found = operandsOfProduct(node, site)
  if (found.float !== null) return found
  const pattern = patternOf(node, site)
  if (pattern === null) return found
  return 'form' in pattern ? { ...found, form: pattern.form, because: pattern.text } : { ...found, float: pattern }
}

function operandsOfProduct(node: Node, site: Site): Candidate {
  switch (node.op) {
    case 'Conv':
      return conv(node, site)
    case 'Gemm':
      return gemm(node, site)
    case 'MatMul':
      return matmul(node, site)
    default:
      return convTranspose(node, site)
  }
}

function conv(node: Node, site: Site): Candidate {
  const [input = '', kernel = '', added = ''] = node.inputs
  const weight = constantWeight(kernel, 0, site)
  const rank = weight?.shape.length ?? 0
  const depthwise = weight !== null && weight.shape[1] === 1 && intAttribute(node, 'group', 1) === weight.shape[0]
  const candidate = {
    ...AS_PAIRS,
    node,
    op: 'Conv' as const,
    operands: [input],
    weight,
    bias: added || null,
    depthwise,
  }
  if (weight === null) return { ...candidate, float: notConstant(kernel, site) }
  if (rank < 3 || rank > 5) return { ...candidate, float: attributes(`a kernel of rank ${rank}`) }
  return { ...candidate, float: biasProblem(added, weight.shape[0] ?? 0, site) }
}

function gemm(node: Node, site: Site): Candidate {
  const [input = '', matrix = '', added = ''] = node.inputs
  const axis = intAttribute(node, 'transB', 0) === 0 ? 1 : 0
  const weight = constantWeight(matrix, axis, site)
  const candidate = {
    ...AS_PAIRS,
    node,
    op: 'Gemm' as const,
    operands: [input],
    weight,
    bias: added || null,
    depthwise: false,
  }
  if (weight === null) return { ...candidate, float: notConstant(matrix, site) }
  if (floatAttribute(node, 'alpha', 1) !== 1 || (added !== '' && floatAttribute(node, 'beta', 1) !== 1)) {
    return { ...candidate, float: attributes('alpha or beta other than 1') }
  }
  return { ...candidate, float: biasProblem(added, weight.shape[axis] ?? 0, site) }
}

function matmul(node: Node, site: Site): Candidate {
  const [left = '', right = ''] = node.inputs
  const base = { ...AS_PAIRS, node, op: 'MatMul' as const, bias: null, depthwise: false }
  const weight = constantWeight(right, 1, site)
  if (weight !== null) {
    const candidate = {
      ...base,
      operands: [left],
      weight: weight.shape.length === 2 ? weight : { ...weight, axis: null },
    }
    if (weight.shape.length < 2) return { ...candidate, float: attributes('a vector as weight') }
    return { ...candidate, ...addedBias(node, weight.shape, site), float: null }
  }
  const leftWeight = constantWeight(left, null, site)
  if (leftWeight !== null) {
    return { ...base, operands: [right], weight: leftWeight, float: attributes('the weight on the left') }
  }
  if (site.constant(left) !== null || site.constant(right) !== null) {
    const name = site.constant(right) === null ? left : right
    return { ...base, operands: [], weight: null, float: notConstant(name, site) }
  }
  return { ...base, operands: [left, right], weight: null, float: null }
}

/**
 * onnxruntime joins MatMul and Add to a float Gemm before it looks for codes, and the product is lost to integers. As a Gemm with
 * an int32 bias, matrices become QGemm; with more axes, which it joins where all shapes are fixed, a bias of as many axes is not joined.
 */
function addedBias(node: Node, shape: readonly number[], site: Site): Pick<Candidate, 'bias' | 'biasNode'> | null {
  const output = node.outputs[0] ?? ''
  const add = site.onlyReader(output)
  const rank = site.rank(node.inputs[0] ?? '') ?? 0
  if (add === null || add.op !== 'Add' || !isStandard(add) || shape.length !== 2 || rank < 2) return null
  if (rank > 2 && !site.isStatic) return null
  const bias = add.inputs.find((name) => name !== output) ?? ''
  const tensor = site.constant(bias)
  if (tensor?.dtype !== 'f32' || tensor.shape.length > rank) return null
  const perChannel = tensor.shape.at(-1) === shape[1] && tensor.shape.slice(0, -1).every((size) => size === 1)
  return perChannel ? { bias, biasNode: { node: add, rank } } : null
}

function convTranspose(node: Node, site: Site): Candidate {
  const [input = '', kernel = ''] = node.inputs
  const grouped = intAttribute(node, 'group', 1) > 1
  const weight = constantWeight(kernel, grouped ? null : 1, site)
  const text = 'no integer kernel for ConvTranspose; its weight is stored in 8 bits'
  const base = {
    ...AS_PAIRS,
    node,
    op: 'ConvTranspose' as const,
    operands: [input],
    weight,
    bias: null,
    depthwise: false,
  }
  return { ...base, float: { code: 'transposed', text } }
}

function constantWeight(name: string, axis: number | null, site: Site): StaticProduct['weight'] {
  const definition = site.definition(name)
  const tensor = site.constant(name)
  if (definition === undefined || tensor === null || tensor.dtype !== 'f32') return null
  if (definition.outputOf.length > 0 || definition.scope !== site.scope) return null
  return { name, axis, shape: tensor.shape }
}

function notConstant(name: string, site: Site): NonNullable<Candidate['float']> {
  const tensor = site.constant(name)
  if (tensor !== null && tensor.dtype !== 'f32') return { code: 'not-float32', text: `its weight is ${tensor.dtype}` }
  if (tensor !== null)
    return { code: 'not-constant', text: 'its weight is an output too, or stands outside of its body' }
  return { code: 'not-constant', text: 'its weight is computed while the model runs' }
}

/** A bias has to be one constant number a channel. */
function biasProblem(name: string, channels: number, site: Site): Candidate['float'] {
  if (name === '') return null
  const tensor = site.constant(name)
  if (tensor === null) return { code: 'not-constant', text: 'its bias is computed' }
  if (tensor.dtype !== 'f32') return { code: 'not-float32', text: `its bias is ${tensor.dtype}` }
  const long = tensor.shape.filter((size) => size !== 1)
  const fits = long.length === 0 ? channels === 1 : long.length === 1 && tensor.shape.at(-1) === channels
  return fits ? null : attributes(`a bias of shape [${tensor.shape.join(', ')}]`)
}

function attributes(what: string): NonNullable<Candidate['float']> {
  return { code: 'attributes', text: `no integer kernel takes ${what}` }
}
