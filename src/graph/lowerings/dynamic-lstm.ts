import { TersorError } from '../../errors.ts'
import type { Node, TensorRef } from '../../model/graph.ts'
import type { GraphEdit } from '../../model/graph-edit.ts'
import type { WeightFacts, WeightUse } from '../../model/inventory.ts'
import type { Lowering, LoweringContext, PackedRefs } from '../../model/lowering.ts'
import type { SchemeSpec } from '../../model/scheme.ts'
import { intAttribute } from '../attributes.ts'
import { replaceUses } from './by-scope.ts'
import { Chain } from './chain.ts'
import { bytesFilled, MICROSOFT, MICROSOFT_OPSET } from './make.ts'
import { refuseWeight } from './place.ts'

/** One of the two weights of an LSTM with its packed tensors (packing 'onnx/lstm'). */
export interface PackedWeight {
  readonly weight: WeightFacts
  readonly packed: PackedRefs
}

interface Operand {
  readonly codes: string
  readonly scales: string
  readonly zeros: string
  readonly edits: readonly GraphEdit[]
}

function operandOf({ weight, packed }: PackedWeight, context: LoweringContext): Operand {
  const { codes, scales, zeros } = packed
  if (scales === undefined) {
    throw new TersorError('E_PLAN', 'codes need scales, found none', { where: `tensor "${weight.name}"` })
  }
  const chain = new Chain(context)
  const constants: TensorRef[] = []
  let zeroName = zeros?.name ?? ''
  if (zeroName === '') {
    // The operator wants zeros in any case: 128 for unsigned codes, 0 for signed ones, one per scale.
    zeroName = context.fresh(`${codes.name}/zeros`)
    constants.push(
      bytesFilled(zeroName, codes.dtype === 'u8' ? 'u8' : 'i8', scales.shape, codes.dtype === 'u8' ? 128 : 0),
    )
  }
  const name = chain.cast(scales.name, scales.dtype, 'f32')
  const edits: readonly GraphEdit[] =
    chain.nodes.length + constants.length === 0
      ? []
      : [{ scope: weight.scope, prepend: chain.nodes, addInitializers: constants }]
  return { codes: codes.name, scales: name, zeros: zeroName, edits }
}

/**
 * LSTM as com.microsoft DynamicQuantizeLSTM: both weights in codes, a scale and a zero per gate row, activations quantized
 * at run time. Everything else of the node (bias, lengths, states, peepholes, attributes) stays as it is.
 */
export function lowerLstmPair(
  w: PackedWeight,
  r: PackedWeight,
  uses: readonly WeightUse[],
  _spec: SchemeSpec,
  context: LoweringContext,
): readonly GraphEdit[] {
  const [forW, forR] = [operandOf(w, context), operandOf(r, context)]
  const edits = replaceUses(uses, [MICROSOFT_OPSET], ({ node }) => {
    const inputs = Array.from({ length: 12 }, (_, index) => node.inputs[index] ?? '')
    inputs[1] = forW.codes
    inputs[2] = forR.codes
    inputs[8] = forW.scales
    inputs[9] = forW.zeros
    inputs[10] = forR.scales
    inputs[11] = forR.zeros
    const replacement: Node = {
      name: node.name,
      op: 'DynamicQuantizeLSTM',
      domain: MICROSOFT,
      inputs,
      outputs: node.outputs,
      attributes: node.attributes.filter((attribute) => attribute.name !== 'layout'),
    }
    return { nodes: [replacement], constants: [] }
  })
  return [...forW.edits, ...forR.edits, ...edits]
}

export const dynamicLstm: Lowering = {
  id: 'onnx/dynamic-lstm',
  kind: 'node',

  minOpset: () => 7,

  accepts(weight, use, spec, target) {
    if (!target.dynamicQuantizeLstm) return { code: 'target', text: `${target.id} has no DynamicQuantizeLSTM` }
    if (spec.family !== 'integer' || spec.bits !== 8 || spec.granularity.kind !== 'channel') {
      return { code: 'scheme', text: 'DynamicQuantizeLSTM takes 8-bit codes with a scale per gate row' }
    }
    // onnxruntime 1.30 loads zeros that differ between gate rows and then fails in the first run.
    if (!spec.symmetric) return { code: 'scheme', text: 'DynamicQuantizeLSTM takes one zero for all gate rows' }
    const refusal = refuseWeight(weight)
    if (refusal !== null) return refusal
    if (use === undefined || (use.role !== 'lstm-w' && use.role !== 'lstm-r')) {
      return { code: 'role', text: 'the weight is not W or R of an LSTM' }
    }
    const { node } = use
    if (weight.dtype !== 'f32')
      return { code: 'dtype', text: `LSTM "${node.name}" computes in ${weight.dtype}, not f32` }
    if (use.path.some((step) => step.op !== 'Identity')) {
      return { code: 'path', text: `the weight is changed on its way to LSTM "${node.name}"` }
    }
    if (intAttribute(node, 'layout', 0) !== 0) {
      return { code: 'layout', text: `LSTM "${node.name}" has layout 1 (batch first), which the operator lacks` }
    }
    return null
  },

  lower(weight) {
    throw new TersorError('E_INTERNAL', 'an LSTM is lowered with both of its weights: call lowerLstmPair', {
      where: `tensor "${weight.name}"`,
    })
  },
}
