import type { Node } from '../../model/graph.ts'
import { intAttribute } from '../attributes.ts'
import type { Definition } from '../consumers.ts'
import { isStandard } from '../walk.ts'
import { alongColumns, decodedOver } from './decoded-weight.ts'
import { floatTypeOf } from './element-types.ts'
import { castTo, combined, product, type Recipe, reshapedTo } from './recipe.ts'
import type { Lift, Lifting, Site, Twin } from './site.ts'
import { plainNode } from './twins.ts'

/** Multiplications by scales that are looked through behind the integer sums. */
const MOST_FACTORS = 6

/**
 * Sums in integers with Cast and Mul by the scales behind them, back to one product in floats: MatMulInteger to MatMul,
 * ConvInteger to Conv. Each side is a value quantized on the way, or constant codes.
 */
export const integerProduct: Lifting = {
  id: 'integer-product',
  operators: ['MatMulInteger', 'ConvInteger'],

  async lift(site): Promise<Lift> {
    const { node } = site
    const scaled = await scaledSums(site)
    if (typeof scaled === 'string') return { keep: scaled }
    const [left = '', right = '', leftZero = '', rightZero = ''] = node.inputs
    const floats: string[] = []
    for (const [index, [codes, zero]] of (
      [
        [left, leftZero],
        [right, rightZero],
      ] as const
    ).entries()) {
      const twin = site.twin(codes)
      if (twin !== undefined) {
        if (!(await site.same(twin.zero, site.definition(zero))))
          return { keep: 'its zero is not the one the value was quantized with' }
        floats.push(site.nameOf(twin))
        continue
      }
      const recipe = weightOf(site, index, zero, scaled.scale)
      if (recipe === null) return { keep: 'the scales do not lie along the columns of the weight' }
      floats.push(site.weight(recipe, node.op === 'ConvInteger' ? 'conv-integer' : 'matmul-integer'))
    }
    const op = node.op === 'ConvInteger' ? 'Conv' : 'MatMul'
    const biased = op === 'Conv' ? addedBias(site, scaled.output) : undefined
    if (biased !== undefined) {
      const { bias, at } = biased
      return { nodes: [plainNode(node, op, [...floats, bias], at.outputs, { attributes: node.attributes })], at }
    }
    const nodes = [plainNode(node, op, floats, [scaled.output], { attributes: node.attributes })]
    return { nodes, at: scaled.at }
  },
}

/** A bias that was reshaped to lie along the channels and added behind the scales, as onnxruntime writes it. */
function addedBias(site: Site, output: string): { readonly bias: string; readonly at: Node } | undefined {
  const use = site.onlyUse(output)
  if (use?.node.op !== 'Add' || !isStandard(use.node) || use.scope !== site.scope) return undefined
  const recipe = site.fact(use.node.inputs[1 - use.inputIndex] ?? '')?.recipe
  if (recipe?.kind !== 'reshape' || recipe.input.kind !== 'stored' || recipe.input.shape.length !== 1) return undefined
  const channels = site.fact(site.node.inputs[1] ?? '')?.recipe.shape
  const lies = channels?.length === recipe.shape.length && recipe.shape[1] === channels[0]
  const { name } = recipe.input.tensor
  return lies && product(recipe.shape) === channels[0] && site.fact(name) ? { bias: name, at: use.node } : undefined
}

/** What the constant side decodes to; the scale is null where nothing but the other side's scale is multiplied. */
function weightOf(site: Site, index: number, zeroName: string, scale: Recipe | null): Recipe | null {
  const { node } = site
  const codes = site.fact(node.inputs[index] ?? '')?.recipe
  const zero = zeroName === '' ? undefined : site.fact(zeroName)?.recipe
  if (codes === undefined || (zeroName !== '' && zero === undefined)) return null
  if (scale === null) {
    const values = castTo(codes, 'f32')
    return zero === undefined ? values : combined('sub', values, castTo(zero, 'f32'))
  }
  if (node.op === 'MatMulInteger') {
    if (index === 1) return alongColumns(scale) ? decodedOver(codes, scale, zero, codes.shape.length - 1) : null
    return product(scale.shape) === 1 || scale.shape.at(-1) === 1 ? decodedOver(codes, scale, zero, 0) : null
  }
  const channels = codes.shape[0] ?? 0
  const spatial = codes.shape.length - 2
  const count = product(scale.shape)
  const lies = count === 1 || (count === channels && scale.shape.slice(-spatial).every((size) => size === 1))
  if (index !== 1 || !lies) return null
  const flat = reshapedTo(scale, [count])
  return flat && decodedOver(codes, flat, zero, 0)
}

interface Scaled {
  /** The last multiplication, and what it writes. */
  readonly at: Node
  readonly output: string
  /** Product of the constant factors; null when there are none. */
  readonly scale: Recipe | null
}

/** Follows the sums through Cast and Mul until every side has its scale; a text says why not. */
async function scaledSums(site: Site): Promise<Scaled | string> {
  const { node } = site
  const sides = node.inputs.slice(0, 2).map((name) => site.twin(name))
  const constants = node.inputs.slice(0, 2).filter((name, index) => sides[index] === undefined && site.fact(name))
  if (sides.every((side) => side === undefined)) return 'none of its factors is a value quantized in the graph'
  if (constants.length + sides.filter((side) => side !== undefined).length < 2)
    return 'a factor is neither constant nor quantized in the graph'
  const cast = site.onlyUse(node.outputs[0] ?? '')?.node
  const dtype = cast && cast.op === 'Cast' && isStandard(cast) ? floatTypeOf(intAttribute(cast, 'to', 0)) : undefined
  if (cast === undefined || dtype !== 'f32') return 'its sums are used as integers'
  const factors: string[] = []
  let value = cast.outputs[0] ?? ''
  for (;;) {
    const use = site.onlyUse(value)
    if (use === undefined || use.node.op !== 'Mul' || !isStandard(use.node) || use.scope !== site.scope) {
      return 'its sums are not multiplied by the scales of both factors'
    }
    factors.push(...flatten(site, use.node.inputs[1 - use.inputIndex] ?? '', MOST_FACTORS))
    if (factors.length > MOST_FACTORS) return 'its sums are multiplied by too much'
    value = use.node.outputs[0] ?? ''
    const scale = await remaining(site, sides, factors)
    if (scale === undefined) continue
    const next = site.onlyUse(value)
    const more =
      scale === null &&
      constants.length > 0 &&
      next?.node.op === 'Mul' &&
      site.fact(next.node.inputs[1 - next.inputIndex] ?? '') !== undefined
    if (!more) return { at: use.node, output: value, scale }
  }
}

/** Names multiplied with each other, through Mul nodes. */
function flatten(site: Site, name: string, most: number): string[] {
  const maker = site.fact(name) === undefined ? site.definition(name)?.node : undefined
  if (maker?.op !== 'Mul' || !isStandard(maker) || most <= 0) return [name]
  return maker.inputs.flatMap((input) => flatten(site, input, most - 1))
}

/** The constant factors once each side has found its own scale; undefined while one is missing. */
async function remaining(
  site: Site,
  sides: readonly (Twin | undefined)[],
  names: readonly string[],
): Promise<Recipe | null | undefined> {
  const left: (Definition | undefined)[] = names.map((name) => site.definition(name))
  for (const side of sides) {
    if (side === undefined) continue
    let at = left.findIndex((one) => one !== undefined && one === side.scale)
    for (let index = 0; at < 0 && index < left.length; index++) if (await site.same(left[index], side.scale)) at = index
    if (at < 0) return undefined
    left.splice(at, 1)
  }
  let scale: Recipe | null = null
  for (const one of left) {
    const recipe = one && site.fact(one.name)?.recipe
    if (recipe === undefined) return undefined
    scale = scale === null ? recipe : combined('mul', scale, recipe)
    if (scale === null) return undefined
  }
  return sides.every((side) => side !== undefined) && scale !== null ? undefined : scale
}
