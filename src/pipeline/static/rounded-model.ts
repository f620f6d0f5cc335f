import { applyEdits, freshNames, isConstantNode } from '../../graph/index.ts'
import type { ActivationGrid, Placement, ProductForm } from '../../model/activation.ts'
import type { DType } from '../../model/dtype.ts'
import type { Model, Node, TensorRef } from '../../model/graph.ts'

/** A float model that computes what rounded activations and weights would give, and the names under which products read them. */
export interface RoundedModel {
  readonly model: Model
  /** What a product reads in the place of a value. */
  readonly readAs: ReadonlyMap<string, string>
}

/**
 * The model with a QuantizeLinear and a DequantizeLinear at every point of a placement, everything else in float, and with the given
 * floats for weights and biases: what a half-finished quantized model computes, to look inside while the rest is decided.
 */
export function roundedModel(
  model: Model,
  placement: Placement,
  grids: ReadonlyMap<string, ActivationGrid>,
  constants: ReadonlyMap<string, Float32Array>,
): RoundedModel {
  const fresh = freshNames(model)
  const added: TensorRef[] = []
  const pairs = new Map<string, { readonly from: string; readonly to: string; readonly nodes: readonly Node[] }>()
  const given = new Set(model.graph.inputs.map(({ name }) => name))
  const readAs = new Map<string, string>()
  for (const { value, group, readers, precision } of placement.points) {
    const grid = grids.get(group)
    // 16 bits round next to nothing.
    if (grid === undefined || precision === 'wide') continue
    const keepsName = readers === 'all' && !given.has(value)
    const from = keepsName ? fresh(`${value}/float`) : value
    const to = keepsName ? value : fresh(`${value}/rounded`)
    const [codes, scale, zero] = [fresh(`${value}/codes`), fresh(`${value}/scale`), fresh(`${value}/zero`)]
    added.push(...gridTensors(grid, scale, zero))
    pairs.set(value, {
      from,
      to,
      nodes: [plain('QuantizeLinear', [from, scale, zero], codes), plain('DequantizeLinear', [codes, scale, zero], to)],
    })
    if (!keepsName) readAs.set(value, to)
  }
  const products = new Map(placement.products.map((one) => [one.node, one.form]))
  const replace = new Map<Node, readonly Node[]>()
  for (const node of model.graph.nodes) {
    if (isConstantNode(node) && constants.has(node.outputs[0] ?? '')) {
      replace.set(node, [])
      continue
    }
    const inputs = readNames(node, products.get(node), pairs, readAs)
    const made = node.outputs.map((name) => pairs.get(name)).filter((pair) => pair !== undefined)
    if (made.length === 0 && inputs === node.inputs) continue
    const outputs = node.outputs.map((name) => pairs.get(name)?.from ?? name)
    replace.set(node, [{ ...node, inputs, outputs }, ...made.flatMap(({ nodes }) => nodes)])
  }
  const prepend = [...pairs].flatMap(([value, { nodes }]) => (given.has(value) ? nodes : []))
  const own = new Set(model.graph.initializers.map(({ name }) => name))
  const shapes = shapesOf(model)
  for (const [name, values] of constants) added.push(floats(name, values, shapes.get(name) ?? [values.length]))
  const removeInitializers = [...constants.keys()].filter((name) => own.has(name))
  const removeInputs = [...constants.keys()].filter((name) => given.has(name))
  const edit = { scope: [], replace, prepend, addInitializers: added, removeInitializers, removeInputs }
  return { model: applyEdits(model, [edit]), readAs }
}

/** Products of 8-bit codes read rounded values, those with codes of their own the floats. */
function readNames(
  { inputs }: Node,
  form: ProductForm | undefined,
  pairs: ReadonlyMap<string, { readonly from: string }>,
  readAs: ReadonlyMap<string, string>,
): readonly string[] {
  if (form === undefined || form === 'stored') return inputs
  const precise = form === 'wide' || form === 'dynamic' || form === 'dynamic-wide'
  const names = inputs.map((name) => (precise ? pairs.get(name)?.from : readAs.get(name)) ?? name)
  return names.some((name, at) => name !== inputs[at]) ? names : inputs
}

function shapesOf({ graph }: Model): ReadonlyMap<string, readonly number[]> {
  const shapes = new Map(graph.initializers.map(({ name, shape }) => [name, shape]))
  for (const node of graph.nodes) {
    const tensor = isConstantNode(node) ? node.attributes.find(({ name }) => name === 'value') : undefined
    if (tensor?.kind === 'tensor') shapes.set(node.outputs[0] ?? '', tensor.value.shape)
  }
  return shapes
}

function plain(op: string, inputs: readonly string[], output: string): Node {
  return { name: `${output}/${op}`, op, domain: '', inputs, outputs: [output], attributes: [] }
}

function gridTensors({ scale, zero, type }: ActivationGrid, scaleName: string, zeroName: string): readonly TensorRef[] {
  const wide = type === 'u16' || type === 'i16'
  const bytes = new Uint8Array(wide ? 2 : 1)
  const view = new DataView(bytes.buffer)
  if (wide) view.setUint16(0, zero & 65535, true)
  else view.setUint8(0, zero & 255)
  return [{ ...floats(scaleName, Float32Array.of(scale), []) }, tensor(zeroName, type, [], bytes)]
}

function floats(name: string, values: Float32Array, shape: readonly number[]): TensorRef {
  const bytes = new Uint8Array(values.length * 4)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < values.length; i++) view.setFloat32(4 * i, values[i] as number, true)
  return tensor(name, 'f32', shape, bytes)
}

function tensor(name: string, dtype: DType, shape: readonly number[], bytes: Uint8Array): TensorRef {
  return { name, dtype, shape, storage: { kind: 'bytes', bytes, byteLength: bytes.byteLength } }
}
