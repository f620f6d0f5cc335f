import { intAttribute } from '../attributes.ts'
import { makeNode } from '../lowerings/make.ts'
import { dequantized } from './recipe.ts'
import { type Lift, type Lifting, type Site, UNKNOWN_RANGE } from './site.ts'
import { activationFor } from './twins.ts'

/** QuantizeLinear and DynamicQuantizeLinear of a value: the value itself stands for its codes. */
export const quantizedValue: Lifting = {
  id: 'activation-pairs',
  operators: ['QuantizeLinear', 'com.microsoft::QuantizeLinear', 'DynamicQuantizeLinear'],

  async lift(site) {
    const { node } = site
    const value = site.definition(node.inputs[0] ?? '')
    if (value === undefined || site.fact(value.name)?.stage !== undefined) return null
    if (node.op === 'DynamicQuantizeLinear') {
      const [scale, zero] = [site.definition(node.outputs[1] ?? ''), site.definition(node.outputs[2] ?? '')]
      site.register(0, { float: value, scale, zero, range: UNKNOWN_RANGE })
      return { twins: [] }
    }
    const [scale = '', zero = ''] = node.inputs.slice(1)
    const range = await site.rangeOf(value)
    const twin = { scale: site.definition(scale), zero: site.definition(zero) }
    // Where callers give the value, a range from 0 is what was seen, not an operator.
    const added = site.isGiven(value) ? undefined : await activationFor(site, value.name, { scale, zero, range })
    site.register(0, { ...twin, float: added?.name ?? value, range: added?.range ?? range })
    return { twins: added === undefined ? [] : [added.node] }
  },
}

/** DequantizeLinear of codes that were floats before: the float takes its place. */
export const dequantizedValue: Lifting = {
  id: 'activation-pairs',
  operators: ['DequantizeLinear', 'com.microsoft::DequantizeLinear'],

  async lift(site): Promise<Lift | null> {
    const { node } = site
    const [codes = '', scale = '', zero = ''] = node.inputs
    if (site.fact(codes) !== undefined) {
      return site.fact(node.outputs[0] ?? '') === undefined
        ? { keep: 'scale or zero are computed at run time, or do not lie over the codes' }
        : null
    }
    const twin = site.twin(codes)
    if (twin === undefined)
      return (
        gatheredRows(site) ??
        (await movedCodes(site)) ?? { keep: 'its codes come from outside or from a node that stays quantized' }
      )
    const same =
      (await site.same(twin.scale, site.definition(scale))) && (await site.same(twin.zero, site.definition(zero)))
    if (!same) return { keep: 'its codes were written with another scale or zero' }
    const output = node.outputs[0] ?? ''
    site.note(output, 'computed in float again')
    return { nodes: site.replaceValue(output, twin.float) }
  },
}

/** Constant codes that nodes move before they are decoded. */
async function movedCodes(site: Site): Promise<Lift | null> {
  const [codes = '', scale = '', zero = ''] = site.node.inputs
  const float = await site.operand(codes, scale, zero)
  return float === null ? null : { nodes: site.replaceValue(site.node.outputs[0] ?? '', float) }
}

/** Gather of codes with one DequantizeLinear behind it, as onnxruntime writes embeddings: Gather of the decoded table. */
function gatheredRows(site: Site): Lift | null {
  const { node } = site
  const [codes = '', scale = '', zero = ''] = node.inputs
  const gather = site.definition(codes)?.node
  if (gather?.op !== 'Gather' || gather.domain !== '') return null
  const [table, factor, offset] = [gather.inputs[0] ?? '', scale, zero].map((name) => site.fact(name)?.recipe)
  if (!table || !factor || (zero !== '' && !offset)) return null
  const grid = { axis: intAttribute(node, 'axis', 1), block: 0 }
  if (factor.shape.some((size) => size !== 1)) return null
  const recipe = dequantized(table, factor, offset ?? 0, grid)
  if (recipe === null) return null
  const name = site.weight(recipe, 'gather-rows')
  const axis = intAttribute(gather, 'axis', 0)
  return { nodes: [makeNode('Gather', [name, gather.inputs[1] ?? ''], node.outputs, { axis })] }
}
