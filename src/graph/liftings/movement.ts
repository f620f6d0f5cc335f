import { attributeOf, stringAttribute } from '../attributes.ts'
import { MOVES } from './moves.ts'
import { dequantized } from './recipe.ts'
import type { Lifting, Twin } from './site.ts'

/** The same node on the floats that stand for codes; its outputs keep scale and zero. */
export const movement: Lifting = {
  id: 'movement',
  operators: [...MOVES],

  async lift(site) {
    const { node } = site
    const twin = site.twin(node.inputs[0] ?? '')
    if (twin === undefined) return null
    if (node.op === 'MaxPool' && node.outputs.length > 1)
      return { keep: 'its indices are used, and it stands between codes' }
    const inputs = [...node.inputs]
    const moved = node.op === 'Concat' ? inputs.length : 1
    for (let index = 0; index < moved; index++) {
      const other = site.twin(inputs[index] ?? '')
      const fits = other && (await site.same(other.scale, twin.scale)) && (await site.same(other.zero, twin.zero))
      if (!fits) return { keep: 'it joins codes of different scales' }
      inputs[index] = site.nameOf(other)
    }
    if (node.op === 'Pad' && !padWith(inputs, twin)) return { keep: 'it pads codes with a value that is not constant' }
    const outputs: string[] = []
    for (const [index, name] of node.outputs.entries()) {
      const float = name === '' ? '' : await site.twinName(index, twin.scale?.name ?? '', twin.zero?.name ?? '')
      if (name !== '') site.register(index, { ...twin, float })
      outputs.push(float)
    }
    return { twins: [{ ...node, inputs, outputs }] }

    /** The padding is a code as well: without one it is code 0, which is hardly what 0 was meant to be. */
    function padWith(names: string[], { scale, zero }: Twin): boolean {
      if (stringAttribute(node, 'mode', 'constant') !== 'constant') return true
      const factor = scale && site.fact(scale.name)?.recipe
      const offset = zero ? site.fact(zero.name)?.recipe : 0
      const value = site.fact(names[2] ?? '')?.recipe
      if (factor === undefined || offset === undefined || value === undefined || attributeOf(node, 'pads')) return false
      const recipe = dequantized(value, factor, offset, { axis: 0, block: 0 })
      if (recipe === null) return false
      names[2] = site.weight(recipe, 'movement')
      return true
    }
  },
}
