import { connect, constantTensor, type Scope } from '../../graph/index.ts'
import type { Model, Node, TensorRef } from '../../model/graph.ts'
import type { Kernels } from '../../model/kernels.ts'
import type { Statistics, ValueStatistics } from '../../model/statistics.ts'
import { elementCountOf } from '../../numbers/dtype.ts'
import { floatsOf } from '../floats.ts'

/** What leaves the numbers of a value as they are. */
const PASSING: ReadonlySet<string> = new Set([
  ...['Identity', 'Cast', 'Reshape', 'Transpose', 'Flatten', 'Squeeze', 'Unsqueeze', 'Pad', 'Slice', 'Concat'],
])
const PRODUCTS: ReadonlySet<string> = new Set(['Conv', 'Gemm'])
/** Values within this need no second look. */
const SMALL = 16
/** What first layers make of normalized data is 0.6 to 4 times their bias in the models that were looked at, of bytes 100 to 1000 times. */
const FAR = 40

/**
 * Inputs whose values are far larger than the first layer was made for: weights and bias of a layer are learned together, and a bias that the
 * data drown was learned with smaller ones. `model`: with norms folded. Layers without a bias say nothing.
 */
export async function inputScaleNotes(
  model: Model,
  statistics: Statistics,
  kernels: Kernels,
): Promise<readonly string[]> {
  const connections = connect(model)
  const constants = new Map<string, TensorRef>()
  for (const [name, definition] of connections.own(connections.scopes[0] as Scope)) {
    const tensor = constantTensor(definition)
    if (tensor !== null) constants.set(name, tensor)
  }
  const inputs = model.graph.inputs.map(({ name }) => name).filter((name) => !constants.has(name))
  const from = new Map(inputs.map((name) => [name, name]))
  const notes = new Map<string, string>()
  for (const node of model.graph.nodes) {
    const input = from.get(node.inputs[0] ?? '')
    if (input === undefined) continue
    if (PASSING.has(node.op)) for (const name of node.outputs) from.set(name, input)
    const seen = statistics.values.get(input) ?? statistics.values.get(node.inputs[0] ?? '')
    if (!PRODUCTS.has(node.op) || seen === undefined || notes.has(input) || magnitude(seen) <= SMALL) continue
    const made = await madeFor(node, constants, kernels)
    const found = rootMeanSquare(seen)
    if (made !== null && found > FAR * made) notes.set(input, noteOf(input, seen, node, made, found))
  }
  return [...notes.values()]
}

function noteOf(input: string, { min, max }: ValueStatistics, node: Node, made: number, found: number): string {
  const [least, most, usual, small] = [min, max, found, made].map((one) => Number(one.toPrecision(3)))
  return `input "${input}": values from ${least} to ${most}, about ${usual}, and the bias of the first layer (${node.name || node.outputs[0]}) was learned with values of about ${small}: the data look unnormalized; most models want values around 0 (--preprocess, or scale the arrays); leave them if the model was trained on such values`
}

/** Size of values to which the bias of a layer is as large as what its weights make of them; null without a bias. */
async function madeFor(
  node: Node,
  constants: ReadonlyMap<string, TensorRef>,
  kernels: Kernels,
): Promise<number | null> {
  const [weight, bias] = [constants.get(node.inputs[1] ?? ''), constants.get(node.inputs[2] ?? '')]
  if (weight === undefined || bias === undefined) return null
  const energy = async (tensor: TensorRef): Promise<number> => {
    const values = await floatsOf(tensor, 0, elementCountOf(tensor.shape), kernels)
    return values.reduce((sum, one) => sum + one * one, 0)
  }
  const outputs = Math.max(1, elementCountOf(bias.shape))
  const [ofWeights, ofBias] = [(await energy(weight)) / outputs, (await energy(bias)) / elementCountOf(bias.shape)]
  return ofWeights > 0 && ofBias > 0 ? Math.sqrt(ofBias / ofWeights) : null
}

function magnitude({ min, max }: ValueStatistics): number {
  return Math.max(max, -min)
}

function rootMeanSquare({ channels, counts, exponent, count }: ValueStatistics): number {
  if (channels) {
    const total = channels.squares.reduce((sum, one) => sum + one, 0)
    return Math.sqrt(total / Math.max(1, channels.count * channels.squares.length))
  }
  const width = 2 ** exponent
  const energy = counts.reduce((sum, one, bin) => sum + one * ((bin - counts.length / 2 + 0.5) * width) ** 2, 0)
  return Math.sqrt(energy / Math.max(1, count))
}
