import { TersorError } from '../errors.ts'
import { layout } from '../formats/onnx/index.ts'
import { scopesOf } from '../graph/index.ts'
import { isQuantized, type LiftedModel, liftModel } from '../graph/liftings/index.ts'
import type { Model } from '../model/graph.ts'
import type { FileLayout } from '../model/layout.ts'
import type { Tools } from '../model/tools.ts'
import { Decoding, decodedTensor } from './dequantize-tensors.ts'
import type { Stage } from './stage.ts'
import { readSmall } from './tensor-bytes.ts'

/** Bytes between two reports of progress. */
const STEP_BYTES = 32 << 20

/**
 * The float model of a quantized one; its weights are decoded when they are read. A model in floats comes back as it is.
 * With `keepActivations` only weights are decoded, and activations take their levels in float: what the quantized model means.
 */
export function toFloat(model: Model, options: { readonly keepActivations?: boolean } = {}): Promise<LiftedModel> {
  const decoding = new Decoding()
  return liftModel(model, {
    readSmall,
    tensorOf: (name, recipe) => decodedTensor(name, recipe, decoding),
    keepActivations: options.keepActivations ?? false,
  })
}

/** Throws E_PLAN when there is nothing to undo, or when nothing of it can be undone. */
export function requireLifted(lifted: LiftedModel, label: string): void {
  if (lifted.tensors.length > 0 || lifted.activations.length > 0) return
  const [first] = lifted.kept
  if (first === undefined) {
    throw new TersorError(
      'E_PLAN',
      `"${label}" is not quantized: no operator on codes, no weight stored in fewer bits`,
      {
        where: label,
        hint: `look at it with tersor inspect ${label}`,
      },
    )
  }
  const name = first.node.name || first.node.outputs[0] || ''
  throw new TersorError(
    'E_PLAN',
    `nothing in "${label}" can be turned back: ${first.node.op} "${name}": ${first.because}`,
    {
      where: label,
    },
  )
}

/** True when a product or a value was computed from codes of activations, so that results differ by more than rounding. */
export function hadQuantizedActivations(model: Model, lifted: LiftedModel): boolean {
  if (lifted.activations.length > 0) return true
  const weightOnly = new Set(['DequantizeLinear', 'MatMulNBits', 'MatMulBnb4', 'GatherBlockQuantized'])
  return scopesOf(model).some(({ nodes }) => nodes.some((node) => isQuantized(node) && !weightOnly.has(node.op)))
}

export interface WriteOptions {
  /** File name of the model, without folder. */
  readonly name: string
  readonly shardBytes?: number
}

/** Writes a model to a stage; decoded weights in windows, one tensor after the other. */
export async function writeModel(model: Model, stage: Stage, options: WriteOptions, tools: Tools): Promise<FileLayout> {
  const files = layout(model, options)
  const total = files.files.reduce((sum, file) => sum + file.byteLength, 0)
  let [written, told] = [0, 0]
  for (const file of files.files) {
    const out = await stage.open(file.name, file.byteLength)
    let position = 0
    for (const segment of file.segments) {
      tools.signal?.throwIfAborted()
      if (segment.kind === 'bytes') await out.writeAt(position, segment.bytes)
      else if (segment.kind === 'copy') await out.copyFrom(position, segment.source, segment.start, segment.byteLength)
      else if (segment.kind === 'produced') {
        throw new TersorError('E_INTERNAL', `"${segment.tensor}" has no elements`, { where: segment.tensor })
      }
      position += segment.byteLength
      written += segment.byteLength
      if (written - told < STEP_BYTES && written < total) continue
      told = written
      tools.notify({ phase: 'dequantize', done: written, total, note: file.name })
    }
  }
  return files
}
