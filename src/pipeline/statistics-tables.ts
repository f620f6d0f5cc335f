import { type NcnnLayer, writeNcnnTable } from '../calibration/ncnn-table.ts'
import { type Calibrator, rangeBy } from '../calibration/ranges/index.ts'
import { TersorError } from '../errors.ts'
import { connect, constantTensor, type Scope } from '../graph/index.ts'
import type { Model, Node, TensorRef } from '../model/graph.ts'
import type { Kernels } from '../model/kernels.ts'
import type { Statistics } from '../model/statistics.ts'
import { elementCountOf } from '../numbers/dtype.ts'
import { floatsOf } from './floats.ts'

export interface NcnnOptions {
  /** How ranges of activations are found; default entropy, as ncnn2table's own. */
  readonly calibrator?: Calibrator
  /** The name of a layer in the .param file, from the label of its node; null leaves it float. Default: the label. */
  readonly layerName?: (label: string) => string | null
}

/** Codes of 3x3 convolutions of stride 1 have six bits in ncnn: its Winograd kernels add them up in 16. */
const CODES = 127
const WINOGRAD_CODES = 31

/**
 * A table for ncnn2int8 from statistics of this model, as it was when they were collected: Conv of pictures, Gemm and MatMul with
 * constant weights whose inputs were seen.
 */
export async function ncnnTableOf(
  model: Model,
  statistics: Statistics,
  kernels: Kernels,
  { calibrator = 'entropy', layerName = (label) => label }: NcnnOptions = {},
): Promise<string> {
  const connections = connect(model)
  const constants = new Map<string, TensorRef>()
  for (const [name, definition] of connections.own(connections.scopes[0] as Scope)) {
    const tensor = constantTensor(definition)
    if (tensor !== null) constants.set(name, tensor)
  }
  const layers: NcnnLayer[] = []
  for (const node of model.graph.nodes) {
    const seen = statistics.values.get(node.inputs[0] ?? '')
    const weight = constants.get(node.inputs[1] ?? '')
    const rows = weight && rowsOf(node, weight)
    if (seen === undefined || seen.count === 0 || !weight || !rows) continue
    const name = layerName(labelOf(node))
    if (name === null) continue
    const values = await floatsOf(weight, 0, elementCountOf(weight.shape), kernels)
    const { min, max } = rangeBy(calibrator, seen, { type: 'i8', symmetric: true })
    layers.push({
      name,
      scale: scaleFor(CODES, Math.max(max, -min)),
      weightScales: absmaxOf(values, rows).map((most) => scaleFor(rows.codes, most)),
    })
  }
  if (layers.length === 0) {
    throw new TersorError(
      'E_UNSUPPORTED',
      'no layer of this model has integers in ncnn, or no statistics are of what they read',
    )
  }
  return writeNcnnTable(layers)
}

/** How weights are cut into the pieces that have a scale each. */
interface Rows {
  readonly count: number
  /** Elements lie `count` apart instead of one after the other. */
  readonly strided: boolean
  readonly codes: number
}

function rowsOf(node: Node, { dtype, shape }: TensorRef): Rows | null {
  if (dtype !== 'f32' && dtype !== 'f16') return null
  const [outputs = 0, last = 0] = shape
  if (node.op === 'Conv' && shape.length === 4) {
    const groups = intsOf(node, 'group')?.[0] ?? 1
    const plain = (name: string) => (intsOf(node, name) ?? []).every((value) => value === 1)
    const winograd = groups === 1 && shape[2] === 3 && shape[3] === 3 && plain('strides') && plain('dilations')
    return { count: groups > 1 ? groups : outputs, strided: false, codes: winograd ? WINOGRAD_CODES : CODES }
  }
  if (shape.length !== 2) return null
  if (node.op === 'Gemm') {
    const turned = (intsOf(node, 'transB')?.[0] ?? 0) !== 0
    return { count: turned ? outputs : last, strided: !turned, codes: CODES }
  }
  return node.op === 'MatMul' ? { count: last, strided: true, codes: CODES } : null
}

function intsOf({ attributes }: Node, name: string): readonly number[] | undefined {
  const found = attributes.find((attribute) => attribute.name === name)
  if (found?.kind === 'int') return [Number(found.value)]
  return found?.kind === 'ints' ? found.value.map(Number) : undefined
}

function absmaxOf(values: Float32Array, { count, strided }: Rows): Float32Array {
  const most = new Float32Array(count)
  const run = values.length / count
  for (let i = 0; i < values.length; i++) {
    const row = strided ? i % count : Math.floor(i / run)
    most[row] = Math.max(most[row]!, Math.abs(values[i]!))
  }
  return most
}

/** Nothing but zeros is as well with any scale. */
function scaleFor(codes: number, most: number): number {
  return most > 0 ? codes / most : 1
}

function labelOf({ name, outputs }: Node): string {
  return name || (outputs.find((output) => output !== '') ?? '')
}
