import { TersorError } from '../../errors.ts'
import type { DType } from '../../model/dtype.ts'
import type { GraphEdit } from '../../model/graph-edit.ts'
import type { Lowering } from '../../model/lowering.ts'
import { replaceUses } from './by-scope.ts'
import { Chain } from './chain.ts'
import { refuseGatherUse } from './gather-use.ts'
import { int64s, MICROSOFT, MICROSOFT_OPSET, makeNode } from './make.ts'
import { dtypeThroughPath } from './matrix-use.ts'

/**
 * Gather of rows as com.microsoft GatherBlockQuantized: 2, 4 or 8 bits in bytes, blocks along the row.
 * Packed as 'onnx/gather-block' ([rows, bytes]), or as 'onnx/nbits' ([rows, blocks, bytes]) when a MatMulNBits head shares the
 * codes: then a Reshape of constants joins blocks and bytes, and columns that fill the last block are sliced off.
 */
export const gatherBlock: Lowering = {
  id: 'onnx/gather-block',
  kind: 'node',

  // Slice takes its bounds as inputs from 10 on; only padded tied rows need it.
  minOpset: () => 10,

  accepts(weight, use, spec, target) {
    if (spec.family !== 'integer' || spec.granularity.kind !== 'block') {
      return { code: 'scheme', text: 'GatherBlockQuantized takes integer codes in blocks along the row' }
    }
    const facts = target.gatherBlockQuantized
    if (facts === null) return { code: 'target', text: `${target.id} has no GatherBlockQuantized` }
    if (!facts.bits.includes(spec.bits) || !facts.blockSizes.includes(spec.granularity.size)) {
      return {
        code: 'target',
        text: `${target.id} takes ${facts.bits.join('/')} bits in blocks of ${facts.blockSizes.join('/')}, asked are ${spec.bits} bits in blocks of ${spec.granularity.size}`,
      }
    }
    const refusal = refuseGatherUse(weight, use)
    if (refusal !== null || use === undefined) return refusal
    const reshaped = use.path.some((step) => step.op !== 'Identity' && step.op !== 'Cast' && step.op !== 'Transpose')
    if (weight.shape.length !== 2 || reshaped) {
      return { code: 'rank', text: `Gather "${use.node.name}" takes rows of a table that is not two-dimensional` }
    }
    const dtype = dtypeThroughPath(weight, use)
    if (dtype !== 'f32' && dtype !== 'f16') {
      return { code: 'dtype', text: `Gather "${use.node.name}" gives ${dtype ?? 'an unknown type'}, not f32 or f16` }
    }
    return null
  },

  lower(weight, uses, spec, packed, context) {
    const { codes, scales, zeros } = packed
    if (scales === undefined || spec.family !== 'integer' || spec.granularity.kind !== 'block') {
      throw new TersorError('E_PLAN', 'blocks need codes and scales', { where: `tensor "${weight.name}"` })
    }
    const attributes = { block_size: spec.granularity.size, bits: spec.bits, gather_axis: 0, quantize_axis: 1 }
    const shared = new Chain(context)
    const rows = codes.shape[0] ?? 0
    const tied = codes.shape.length === 3
    const bytes = codes.shape.slice(1).reduce((total, size) => total * size, 1)
    const table = tied ? shared.reshape(codes.name, [rows, bytes]) : codes.name
    const stored = (bytes * 8) / spec.bits
    const factors = new Map<DType, string>()

    const edits = replaceUses(uses, [MICROSOFT_OPSET], (use) => {
      const chain = new Chain(context)
      const output = use.node.outputs[0] ?? ''
      const dtype = dtypeThroughPath(weight, use) ?? 'f32'
      let factor = factors.get(dtype)
      if (factor === undefined) {
        factor = shared.cast(scales.name, scales.dtype, dtype)
        factors.set(dtype, factor)
      }
      const columns = use.view?.depth ?? stored
      const padded = columns !== stored
      const value = padded ? context.fresh(`${output}/padded`) : output
      const inputs = [table, use.node.inputs[1] ?? '', factor, zeros?.name ?? '']
      chain.push(makeNode('GatherBlockQuantized', inputs, [value], attributes, MICROSOFT))
      if (padded) {
        const [starts, ends, axes] = ['starts', 'ends', 'axes'].map((part) => context.fresh(`${output}/${part}`))
        chain.constants.push(int64s(starts!, [0]), int64s(ends!, [columns]), int64s(axes!, [-1]))
        chain.push(makeNode('Slice', [value, starts!, ends!, axes!], [output]))
      }
      return { nodes: chain.nodes, constants: chain.constants }
    })
    const front: GraphEdit = { scope: weight.scope, prepend: shared.nodes, addInitializers: shared.constants }
    return shared.nodes.length === 0 ? edits : [front, ...edits]
  },
}
