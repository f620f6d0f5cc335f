import { findShared, scopesOf } from '../graph/index.ts'
import type { Model } from '../model/graph.ts'
import type { InspectReport, TensorFact } from '../model/inspect-report.ts'
import type { Inventory, SharedGroup, WeightFacts } from '../model/inventory.ts'
import type { Target } from '../model/target.ts'
import { targets } from '../targets/index.ts'
import { VERSION } from '../version.ts'
import type { Ask } from './ask.ts'
import { labelsOf } from './labels.ts'
import { plan } from './plan.ts'
import { Table } from './table.ts'
import { readRange } from './tensor-bytes.ts'

export interface InspectContext {
  readonly path: string
  readonly sha256?: string
  readonly phases: InspectReport['phases']
  readonly warnings: readonly string[]
  readonly peakBytes: number
}

/** The JSON object of `inspect`: what the model holds, what could be quantized and why not, where it would run. */
export async function inspectModel(
  model: Model,
  inventory: Inventory,
  ask: Ask,
  context: InspectContext,
): Promise<InspectReport> {
  const shared = await findShared(inventory.weights, readRange)
  const decided = plan(inventory, new Table(), ask)
  const operatorBytes = new Map<string, number>()
  const tensors = inventory.weights.map((weight, i): TensorFact => {
    const op = weight.uses[0]?.node.op ?? ''
    operatorBytes.set(op, (operatorBytes.get(op) ?? 0) + weight.byteLength)
    const decision = decided.decisions[i]
    return {
      name: [...weight.scope, weight.name].join('/'),
      op,
      consumers: labelsOf(weight),
      dtype: weight.dtype,
      shape: weight.shape,
      bytes: weight.byteLength,
      quantizable: decision !== undefined && decision.action !== 'keep',
      because:
        decision && decision.action !== 'keep'
          ? { code: decision.because.code, text: `${decision.schemeId}: ${decision.because.text}` }
          : (decision?.because ?? { code: 'unsupported-use', text: '' }),
    }
  })
  let nodes = 0
  for (const scope of scopesOf(model)) nodes += scope.nodes.length
  return {
    tersor: VERSION,
    schema: 1,
    command: 'inspect',
    input: {
      path: context.path,
      bytes: model.byteLength,
      ...(context.sha256 ? { sha256: context.sha256 } : {}),
      family: inventory.family,
      opset: inventory.opset,
      ir: model.irVersion,
      producer: model.producer,
      files: model.externalFiles,
    },
    inputs: model.graph.inputs
      .filter((input) => !model.graph.initializers.some((tensor) => tensor.name === input.name))
      .map(({ name, dtype, shape }) => ({ name, ...(dtype ? { dtype } : {}), ...(shape ? { shape } : {}) })),
    outputs: model.graph.outputs.map(({ name, dtype, shape }) => ({
      name,
      ...(dtype ? { dtype } : {}),
      ...(shape ? { shape } : {}),
    })),
    parameters: inventory.parameterCount,
    nodes,
    operators: [...inventory.operators]
      .map(([op, count]) => ({ op, count, bytes: operatorBytes.get(op.replace(/^.*::/, '')) ?? 0 }))
      .sort((a, b) => b.bytes - a.bytes || b.count - a.count || (a.op < b.op ? -1 : 1)),
    tensors,
    shared: shared.map((group) => sharedFact(group, inventory.weights)),
    targets: [...targets.values()].map((target) => targetFit(model, inventory, target)),
    phases: context.phases,
    peakBytes: context.peakBytes,
    warnings: [...inventory.warnings, ...context.warnings],
    suggestion: `tersor quantize ${context.path}`,
  }
}

function sharedFact(group: SharedGroup, weights: readonly WeightFacts[]): InspectReport['shared'][number] {
  const first = group.names[0]
  const weight = weights.find((one) => one.name === first?.name && one.scope.join('/') === first.scope.join('/'))
  return {
    names: group.names.map((one) => [...one.scope, one.name].join('/')),
    transposed: group.names.some((one) => one.transposed),
    bytes: weight?.byteLength ?? 0,
  }
}

/** Does the file as it is load there: opset and IR version; and the faults of the target that concern its operators. */
function targetFit(model: Model, inventory: Inventory, target: Target): InspectReport['targets'][number] {
  const findings: string[] = []
  if (inventory.opset > target.maxOpset)
    findings.push(`opset ${inventory.opset} is newer than ${target.maxOpset}, the newest it loads`)
  if (model.irVersion > target.maxIrVersion)
    findings.push(`IR version ${model.irVersion} is newer than ${target.maxIrVersion}, the newest it loads`)
  const fits = findings.length === 0
  if (inventory.operators.has('DequantizeLinear'))
    findings.push(...target.faults.filter((fault) => fault.includes('DequantizeLinear')))
  if (inventory.operators.has('MatMulInteger') || inventory.operators.has('QLinearConv'))
    findings.push(...target.faults.filter((fault) => fault.includes('s8')))
  return { target: target.id, fits, findings }
}
