import { TersorError } from '../../errors.ts'
import type { GraphEdit } from '../../model/graph-edit.ts'
import type { Lowering } from '../../model/lowering.ts'
import { replaceUses } from './by-scope.ts'
import { Chain } from './chain.ts'
import { refuseGatherUse } from './gather-use.ts'
import { ELEMENT_TYPE, makeNode } from './make.ts'
import { dtypeThroughPath } from './matrix-use.ts'

const KEEPS_ORDER = new Set(['Identity', 'Cast'])

/**
 * Rows of 8-bit codes (packing 'onnx/elements') and their scales gathered apart, then multiplied: standard operators only.
 * Indices of any rank, negative ones included where Gather allows them.
 */
export const gatherRows: Lowering = {
  id: 'onnx/gather-rows',
  kind: 'node',

  minOpset: () => 7,

  accepts(weight, use, spec, _target) {
    if (spec.family !== 'integer' || spec.bits !== 8)
      return { code: 'scheme', text: 'rows are gathered as 8-bit codes' }
    if (spec.granularity.kind === 'block') return { code: 'scheme', text: 'rows have one scale each, not blocks' }
    const refusal = refuseGatherUse(weight, use)
    if (refusal !== null || use === undefined) return refusal
    if (use.path.some((step) => !KEEPS_ORDER.has(step.op))) {
      return { code: 'path', text: `the table is rearranged before Gather "${use.node.name}"` }
    }
    if (spec.granularity.kind === 'channel' && (use.view?.along !== 'row' || use.view.channels !== weight.shape[0])) {
      return { code: 'view', text: `the scales of the table are not one per row of Gather "${use.node.name}"` }
    }
    const dtype = dtypeThroughPath(weight, use)
    return dtype !== undefined && ELEMENT_TYPE[dtype] !== undefined
      ? null
      : { code: 'dtype', text: 'unknown result type' }
  },

  lower(weight, uses, spec, packed, context) {
    const { codes, scales, zeros } = packed
    if (scales === undefined || spec.family !== 'integer') {
      throw new TersorError('E_PLAN', 'rows need codes and scales', { where: `tensor "${weight.name}"` })
    }
    // One parameter per row must broadcast over the row: [rows] becomes [rows, 1, ..], in the weight's scope, once.
    const shared = new Chain(context)
    const perRow = spec.granularity.kind === 'channel'
    const column = [codes.shape[0] ?? 1, ...codes.shape.slice(1).map(() => 1)]
    const parameter = (name: string): string => (perRow ? shared.reshape(name, column) : name)
    const scaleRows = parameter(scales.name)
    const zeroRows = zeros === undefined ? undefined : parameter(zeros.name)

    const edits = replaceUses(uses, [], (use) => {
      const chain = new Chain(context)
      const output = use.node.outputs[0] ?? ''
      const indices = use.node.inputs[1] ?? ''
      const dtype = dtypeThroughPath(weight, use) ?? weight.dtype
      const rowsOf = (table: string): string => {
        const name = context.fresh(`${output}/rows`)
        chain.push(makeNode('Gather', [table, indices], [name], { axis: 0 }))
        return name
      }
      const taken = (name: string): string => (perRow ? rowsOf(name) : name)
      let value = chain.cast(rowsOf(codes.name), codes.dtype, 'f32')
      if (zeroRows !== undefined && zeros !== undefined) {
        value = chain.apply('Sub', [value, chain.cast(taken(zeroRows), zeros.dtype, 'f32')])
      }
      const factors = chain.cast(taken(scaleRows), scales.dtype, 'f32')
      value = chain.apply('Mul', [value, factors], dtype === 'f32' ? output : undefined)
      if (dtype !== 'f32') chain.cast(value, 'f32', dtype, output)
      return { nodes: chain.nodes, constants: chain.constants }
    })
    const front: GraphEdit = { scope: weight.scope, prepend: shared.nodes, addInitializers: shared.constants }
    return shared.nodes.length === 0 ? edits : [front, ...edits]
  },
}
