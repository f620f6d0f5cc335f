import type { Attribute, Node } from '../../model/graph.ts'
import { makeNode } from '../lowerings/make.ts'
import { MICROSOFT } from './element-types.ts'
import type { Lifter } from './lifter.ts'
import type { NodeSite } from './node-site.ts'

/** Types that QuantizeLinear of ai.onnx takes from 21 on, and that of com.microsoft before. */
const WIDE = new Set(['u16', 'i16', 'u4', 'i4'])
const GRID = new Set(['axis', 'block_size'])

/** The floats that stand for a node's quantized output, through its codes and back. */
export function quantizedAgain(site: NodeSite, lifter: Lifter): readonly Node[] {
  const { node } = site
  const twin = site.twin(node.outputs[0] ?? '')
  const found = site.definition(node.outputs[0] ?? '')
  if (twin === undefined || found === undefined) return []
  const input = site.nameOf(twin)
  const [codes, value] = [site.fresh(`${input}/codes`), site.fresh(`${input}/levels`)]
  lifter.twins.set(found, { ...twin, float: value })
  if (node.op === 'DynamicQuantizeLinear') {
    const [scale, zero] = [site.fresh(`${input}/scale`), site.fresh(`${input}/zero`)]
    return [
      makeNode('DynamicQuantizeLinear', [input], [codes, scale, zero]),
      makeNode('DequantizeLinear', [codes, scale, zero], [value]),
    ]
  }
  const [scale, zero] = [twin.scale?.name ?? '', twin.zero?.name ?? '']
  const dtype = twin.zero && lifter.facts.get(twin.zero)?.recipe.dtype
  const wide = dtype !== undefined && WIDE.has(dtype) && site.opset < 21
  const domain = node.op === 'QuantizeLinear' ? node.domain : wide ? MICROSOFT : ''
  const own: readonly Attribute[] = node.op === 'QuantizeLinear' ? node.attributes : []
  return [
    { ...makeNode('QuantizeLinear', [input, scale, zero], [codes], {}, domain), attributes: own },
    {
      ...makeNode('DequantizeLinear', [codes, scale, zero], [value], {}, domain),
      attributes: own.filter(({ name }) => GRID.has(name)),
    },
  ]
}
