import { type LiftedModel, type LiftedTensor, tensorsOf } from '../graph/liftings/index.ts'
import type { Inventory, WeightFacts } from '../model/inventory.ts'
import type { DecisionFact, Report } from '../model/report.ts'
import { schemeOf } from './dequantize-scheme.ts'
import { labelsOf } from './labels.ts'
import { tensorKey } from './tensor-key.ts'

const FLOATS = new Set(['f32', 'f16', 'bf16', 'f64'])

/** Every weight of the float model: decoded from which scheme, or float before; then the nodes that stay quantized. */
export async function decisionsOf(lifted: LiftedModel, inventory: Inventory): Promise<readonly DecisionFact[]> {
  const decoded = new Map(lifted.tensors.map((tensor) => [tensorKey(tensor.scope, tensor.name), tensor]))
  const decisions: DecisionFact[] = []
  for (const weight of inventory.weights) {
    const tensor = decoded.get(tensorKey(weight.scope, weight.name))
    if (tensor !== undefined) decisions.push(await castDecision(tensor, weight))
    else if (FLOATS.has(weight.dtype)) decisions.push(keptDecision(weight))
  }
  for (const { scope, node, because } of lifted.kept) {
    decisions.push({
      tensor: [...scope, node.name || node.outputs[0] || ''].join('/'),
      consumers: [node.name || `${node.op}:${node.outputs[0] ?? ''}`],
      op: node.op,
      action: 'keep',
      because: { code: 'unsupported-use', text: because },
      shape: [],
      bytesBefore: 0,
      bytesAfter: 0,
    })
  }
  return decisions
}

/** Bytes a decoded weight takes in the quantized file: codes, scales and zeros. */
export function storedBytes({ recipe }: LiftedTensor): number {
  return tensorsOf(recipe).reduce((sum, tensor) => sum + tensor.storage.byteLength, 0)
}

async function castDecision(tensor: LiftedTensor, weight: WeightFacts): Promise<DecisionFact> {
  return {
    tensor: [...weight.scope, weight.name].join('/'),
    consumers: labelsOf(weight),
    op: weight.uses[0]?.node.op ?? '',
    action: 'cast',
    scheme: await schemeOf(tensor.recipe),
    lowering: `onnx/${tensor.lifting}`,
    because: { code: 'dequantized', text: `decoded from "${tensor.codes.name}"` },
    shape: weight.shape,
    bytesBefore: storedBytes(tensor),
    bytesAfter: weight.byteLength,
  }
}

function keptDecision(weight: WeightFacts): DecisionFact {
  return {
    tensor: [...weight.scope, weight.name].join('/'),
    consumers: labelsOf(weight),
    op: weight.uses[0]?.node.op ?? '',
    action: 'keep',
    because: { code: 'float', text: 'stored in floats already' },
    shape: weight.shape,
    bytesBefore: weight.byteLength,
    bytesAfter: weight.byteLength,
  }
}

/** Activations that are not quantized any more. */
export function pointsOf(lifted: LiftedModel): Report['points'] {
  return lifted.activations.map(({ value, because }) => ({ value, because: { code: 'dequantized', text: because } }))
}
