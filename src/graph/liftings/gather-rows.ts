import { intAttribute } from '../attributes.ts'
import type { Use } from '../consumers.ts'
import { isStandard } from '../walk.ts'
import { floatTypeOf } from './element-types.ts'
import { castTo, combined, product, type Recipe } from './recipe.ts'
import type { Lift, Lifting, Site } from './site.ts'
import { plainNode } from './twins.ts'

/**
 * Rows of codes gathered, cast, centred and scaled by rows of zeros and scales gathered with the same indices: back to one
 * Gather of the decoded table.
 */
export const gatherRows: Lifting = {
  id: 'gather-rows',
  operators: ['Gather'],

  lift(site): Lift | null {
    const { node } = site
    const table = site.fact(node.inputs[0] ?? '')
    const indices = site.definition(node.inputs[1] ?? '')
    if (table?.stage !== 'codes' || !indices || site.fact(indices.name) || intAttribute(node, 'axis', 0) !== 0)
      return null
    let use = site.onlyUse(node.outputs[0] ?? '')
    const cast = use && castOf(use)
    if (!use || !cast || use.scope !== site.scope) return null
    let recipe: Recipe | null = castTo(table.recipe, cast)
    let scaled = false
    let at = use.node
    for (let steps = 0; steps < 2 && !scaled; steps++) {
      use = site.onlyUse(at.outputs[0] ?? '')
      if (!use || !isStandard(use.node) || use.scope !== site.scope || recipe === null) return null
      const operand = rowOperand(site, use.node.inputs[1 - use.inputIndex] ?? '', node.inputs[1] ?? '')
      if (operand === null) return null
      if (use.node.op === 'Sub' && use.inputIndex === 0) recipe = combined('sub', recipe, operand)
      else if (use.node.op === 'Mul') recipe = combined('mul', recipe, operand)
      else return null
      scaled = use.node.op === 'Mul'
      at = use.node
    }
    if (!scaled || recipe === null || product(recipe.shape) !== product(table.recipe.shape)) return null
    const last = site.onlyUse(at.outputs[0] ?? '')
    const dtype = last && last.scope === site.scope ? castOf(last) : undefined
    if (last !== undefined && dtype !== undefined && dtype !== recipe.dtype) {
      recipe = castTo(recipe, dtype)
      at = last.node
    }
    const name = site.weight(recipe, 'gather-rows')
    return {
      nodes: [plainNode(node, 'Gather', [name, node.inputs[1] ?? ''], at.outputs, { attributes: node.attributes })],
      at,
    }
  },
}

function castOf({ node }: Use) {
  return node.op === 'Cast' && isStandard(node) ? floatTypeOf(intAttribute(node, 'to', 0)) : undefined
}

/** A constant of one element, or constant rows gathered with the same indices, cast or not. */
function rowOperand(site: Site, name: string, indices: string, hops = 4): Recipe | null {
  const fact = site.fact(name)
  if (fact !== undefined) return product(fact.recipe.shape) === 1 ? fact.recipe : null
  const maker = site.definition(name)?.node
  if (!maker || !isStandard(maker)) return null
  if (maker.op === 'Cast') {
    const dtype = floatTypeOf(intAttribute(maker, 'to', 0))
    const inner = dtype && hops > 0 && rowOperand(site, maker.inputs[0] ?? '', indices, hops - 1)
    return inner ? castTo(inner, dtype) : null
  }
  if (maker.op !== 'Gather' || maker.inputs[1] !== indices || intAttribute(maker, 'axis', 0) !== 0) return null
  return site.fact(maker.inputs[0] ?? '')?.recipe ?? null
}
