import { TersorError } from '../errors.ts'
import { layout } from '../formats/onnx/index.ts'
import { intAttribute, scopesOf } from '../graph/index.ts'
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

/**
 * How results of a quantized model differ from those of its float form: by rounding; by what integer kernels do inside an operator
 * that takes floats (MatMulNBits at accuracy level 4); or by activations that the graph itself quantizes.
 */
export type Difference = 'rounding' | 'kernels' | 'activations'

const WEIGHT_ONLY = new Set(['DequantizeLinear', 'MatMulNBits', 'MatMulBnb4', 'GatherBlockQuantized'])

export function differenceOf(model: Model, lifted: LiftedModel): Difference {
  const nodes = scopesOf(model).flatMap((scope) => scope.nodes)
  const quantized = nodes.filter(isQuantized)
  if (lifted.activations.length > 0 || quantized.some(({ op }) => !WEIGHT_ONLY.has(op))) return 'activations'
  return quantized.some((node) => intAttribute(node, 'accuracy_level', 0) >= 4) ? 'kernels' : 'rounding'
}

export interface WriteOptions {
  /** File name of the model, without folder. */
  readonly name: string
  readonly shardBytes?: number
  readonly external?: 'auto' | 'always'
  readonly dataSuffix?: '.data' | '_data'
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
