import { TersorError } from '../errors.ts'
import { applyEdits, freshNames, opsetOf } from '../graph/index.ts'
import type { Model, Node, TensorRef } from '../model/graph.ts'
import type { GraphEdit } from '../model/graph-edit.ts'
import type { Kernels } from '../model/kernels.ts'
import type { CodedSpec } from '../model/packing.ts'
import type { MatrixView } from '../model/scheme.ts'
import type { Tools } from '../model/tools.ts'
import { decode, decodeHalf, encodeHalf } from '../schemes/index.ts'
import { emulatedActivations } from './emulate.ts'
import { addLowRank } from './low-rank/low-rank-values.ts'
import type { LoweredWeight } from './lower.ts'
import type { WeightWork } from './plan.ts'
import { balanceValues } from './produce/tile.ts'
import type { Decided } from './run.ts'
import type { Saved } from './save.ts'
import type { Stage } from './stage.ts'

/**
 * The float emulation of a result, built from the bytes that were staged: the float graph with every weight replaced by what
 * its packed parts decode to, and activations of integer products quantized and dequantized. The same on every CPU.
 */
export async function referenceModel(decided: Decided, saved: Saved, stage: Stage, tools: Tools): Promise<Model> {
  const read = partReader(saved, stage)
  const fresh = freshNames(decided.model)
  const opset = opsetOf(decided.model) ?? 0
  const edits: GraphEdit[] = []
  const replaced = new Map<Node, { readonly scope: readonly string[]; readonly nodes: Node[] }>()
  for (const lowered of decided.weights) {
    const { weight } = lowered.work
    const bytes = await decodeWeight(lowered, read, tools.kernels)
    const tensor: TensorRef = {
      name: weight.name,
      dtype: weight.dtype,
      shape: weight.shape,
      storage: { kind: 'bytes', bytes, byteLength: bytes.length },
    }
    edits.push({
      scope: weight.scope,
      addInitializers: [tensor],
      ...(weight.constantNode
        ? { replace: new Map([[weight.constantNode, []]]) }
        : { removeInitializers: [weight.name] }),
    })
    for (const { use, value, nodes, constants } of emulatedActivations(lowered.work, { opset, fresh })) {
      const product = { ...use.node, inputs: [value, ...use.node.inputs.slice(1)] }
      replaced.set(use.node, { scope: use.scope, nodes: [...nodes, product] })
      edits.push({ scope: use.scope, addInitializers: constants })
    }
  }
  for (const [node, { scope, nodes }] of replaced) edits.push({ scope, replace: new Map([[node, nodes]]) })
  const { half } = decided
  const model = applyEdits(decided.model, edits)
  return half ? (await import('./half/half-stage.ts')).emulatedHalf(model, half) : model
}

/** Elements of a weight as the result will decode them, in the weight's own type. */
export async function decodeWeight(
  lowered: LoweredWeight,
  read: (tensor: string) => Promise<Uint8Array>,
  kernels: Kernels,
): Promise<Uint8Array> {
  const { work, tensors } = lowered
  const parts: Uint8Array[] = []
  for (const tensor of tensors) parts.push(await read(tensor.name))
  const values = valuesOf(lowered, parts, kernels)
  if (work.weight.dtype === 'f32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  if (work.weight.dtype === 'f64') return new Uint8Array(Float64Array.from(values).buffer)
  const { codes } = encodeHalf(values, work.weight.dtype === 'bf16' ? 'bf16' : 'f16', kernels)
  return new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength)
}

function valuesOf({ work }: LoweredWeight, parts: readonly Uint8Array[], kernels: Kernels): Float32Array {
  if (work.spec.family === 'half') {
    const own = Uint8Array.from(parts[0] as Uint8Array)
    return decodeHalf(new Uint16Array(own.buffer), work.spec.dtype, kernels)
  }
  const view = work.weight.uses[0]?.view
  if (!work.packing || !view)
    throw new TersorError('E_INTERNAL', `"${work.weight.name}" was quantized without a packing`)
  const values = decode(work.packing.unpack(parts, work.spec as CodedSpec, view, work.weight.shape), kernels)
  if (work.balance) unbalance(work, view, values)
  if (work.fitted?.lowRank) addLowRank(values, work.fitted.lowRank, view)
  return values
}

/** Divides by the balance again, and puts rows that stay float in their places. */
function unbalance({ balance, floatRows }: WeightWork, view: MatrixView, values: Float32Array): void {
  if (balance) balanceValues({ balance: balance.map((value) => (value === 0 ? 0 : 1 / value)), view }, values, 0)
  const { depth, channels, along } = view
  for (const [row, k] of (floatRows?.indices ?? []).entries()) {
    for (let n = 0; n < channels; n++) {
      values[along === 'row' ? n * depth + k : k * channels + n] = floatRows?.values[row * channels + n] as number
    }
  }
}

/** Reads produced tensors back from the staged files. */
export function partReader(saved: Saved, stage: Stage): (tensor: string) => Promise<Uint8Array> {
  const places = new Map<string, { file: string; position: number; byteLength: number }>()
  for (const file of saved.layout.files) {
    let position = 0
    for (const segment of file.segments) {
      if (segment.kind === 'produced')
        places.set(segment.tensor, { file: file.name, position, byteLength: segment.byteLength })
      position += segment.byteLength
    }
  }
  return async (tensor) => {
    const place = places.get(tensor)
    if (!place) throw new TersorError('E_INTERNAL', `"${tensor}" has no place in the result`)
    const source = await stage.source(place.file)
    try {
      return await source.read(place.position, place.position + place.byteLength)
    } finally {
      await source.close?.()
    }
  }
}
