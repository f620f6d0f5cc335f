import { applyEdits, connect, constantTensor, freshNames } from '../../graph/index.ts'
import type { ActivationGrid, Placement } from '../../model/activation.ts'
import type { Attribute, Model, Node, TensorRef } from '../../model/graph.ts'
import type { GraphEdit } from '../../model/graph-edit.ts'
import type { Value } from '../../model/runtime.ts'
import { decodedOf } from './decoded-weight.ts'
import type { StaticConstants } from './static-weights.ts'

/** Inputs that switch the rounding of one group of values, and say to which grid. */
export interface GroupSwitch {
  readonly flag: string
  readonly scale: string
  readonly zero: string
}

/**
 * The float graph in which every rounding can be switched on alone: that of each group of activations, to a grid that is
 * given when it runs, and that of each weight (with the bias that goes with it).
 */
export interface Switchboard {
  readonly model: Model
  /** By group of the placement; groups of 16 bits are left out, their rounding is next to nothing. */
  readonly groups: ReadonlyMap<string, GroupSwitch>
  /** Name of the boolean input, by weight. */
  readonly weights: ReadonlyMap<string, string>
}

export interface SwitchboardInputs {
  readonly model: Model
  readonly placement: Placement
  readonly grids: ReadonlyMap<string, ActivationGrid>
  readonly constants: StaticConstants
}

/** Builds the graph; nothing is read or run. */
export function switchboardOf({ model, placement, grids, constants }: SwitchboardInputs): Switchboard {
  const fresh = freshNames(model)
  const groups = new Map<string, GroupSwitch>()
  const weights = new Map<string, string>()
  const replace = new Map<Node, readonly Node[]>()
  const prepend: Node[] = []
  const addInitializers: TensorRef[] = []
  const removeInitializers: string[] = []
  const removeInputs: string[] = []

  const { definitions, scopes } = connect(model)
  const own = new Map(definitions.filter(({ scope }) => scope === scopes[0]).map((one) => [one.name, one]))

  /** `name` becomes the choice between two constants. */
  const chooseConstant = (name: string, values: Float32Array, flag: string): void => {
    const definition = own.get(name)
    const given = definition && constantTensor(definition)
    if (!definition || !given) return
    const [plain, changed] = [fresh(`${name}/plain`), fresh(`${name}/changed`)]
    const { carrier: _carrier, ...float } = given
    addInitializers.push({ ...float, name: plain }, floats(changed, values, given.shape))
    const node = make('Where', [flag, changed, plain], [name])
    if (definition.node !== null) replace.set(definition.node, [node])
    else {
      removeInitializers.push(name)
      prepend.push(node)
    }
    if (definition.alsoInput) removeInputs.push(name)
  }

  const changedBiases = new Set<string>()
  for (const { weight, bias } of placement.products) {
    const made = weight && constants.weights.get(weight.name)
    if (weight === null || made === undefined || made === null || weights.has(weight.name)) continue
    const flag = fresh('switch')
    weights.set(weight.name, flag)
    chooseConstant(weight.name, decodedOf(made, weight.shape), flag)
    const corrected = bias === null ? undefined : constants.biases.get(bias)
    if (
      bias === null ||
      corrected === undefined ||
      changedBiases.has(bias) ||
      corrected === constants.plainBiases.get(bias)
    )
      continue
    changedBiases.add(bias)
    chooseConstant(bias, corrected, flag)
  }

  const rounded = new Map<string, string>()
  const pairs = new Map<string, readonly Node[]>()
  const renamed = new Map<string, string>()
  for (const { value, group, readers } of placement.points) {
    const grid = grids.get(group)
    if (grid === undefined || grid.type !== 'u8') continue
    const input = groups.get(group) ?? { flag: fresh('switch'), scale: fresh('scale'), zero: fresh('zero') }
    groups.set(group, input)
    const all = readers === 'all'
    const from = all ? fresh(`${value}/float`) : value
    const to = all ? value : fresh(`${value}/rounded`)
    const [codes, decoded] = [fresh(`${value}/codes`), fresh(`${value}/decoded`)]
    if (all) renamed.set(value, from)
    else rounded.set(value, to)
    const same = fresh(`${value}/same`)
    // A branch that is not taken costs nothing.
    const branches = [
      branch('then_branch', decoded, [
        make('QuantizeLinear', [from, input.scale, input.zero], [codes]),
        make('DequantizeLinear', [codes, input.scale, input.zero], [decoded]),
      ]),
      branch('else_branch', same, [make('Identity', [from], [same])]),
    ]
    pairs.set(value, [{ ...make('If', [input.flag], [to]), attributes: branches }])
  }
  for (const { name } of model.graph.inputs) prepend.push(...(pairs.get(name) ?? []))
  const products = new Map(
    placement.products.flatMap((one) => (one.form === 'stored' ? [] : [[one.node, one] as const])),
  )
  for (const node of model.graph.nodes) {
    if (replace.has(node)) continue
    const operands = new Set(products.get(node)?.operands)
    const inputs = node.inputs.map((name) => (operands.has(name) ? (rounded.get(name) ?? name) : name))
    const outputs = node.outputs.map((name) => renamed.get(name) ?? name)
    const behind = node.outputs.flatMap((name) => pairs.get(name) ?? [])
    const same = inputs.every((name, at) => name === node.inputs[at]) && behind.length === 0
    if (!same) replace.set(node, [{ ...node, inputs, outputs }, ...behind])
  }
  const edit: GraphEdit = { scope: [], replace, prepend, addInitializers, removeInitializers, removeInputs }
  const inputs = [
    ...model.graph.inputs,
    ...[...weights.values()].map((name) => ({ name, dtype: 'bool' as const, shape: [] })),
    ...[...groups.values()].flatMap(({ flag, scale, zero }) => [
      { name: flag, dtype: 'bool' as const, shape: [] },
      { name: scale, dtype: 'f32' as const, shape: [] },
      { name: zero, dtype: 'u8' as const, shape: [] },
    ]),
  ]
  return { model: applyEdits({ ...model, graph: { ...model.graph, inputs } }, [edit]), groups, weights }
}

/** Feeds of a switchboard: what is rounded and how; everything else passes as it is. */
export function switches(
  { groups, weights }: Switchboard,
  grids: ReadonlyMap<string, ActivationGrid>,
  isOn: { group(name: string): boolean; weight(name: string): boolean },
): Readonly<Record<string, Value>> {
  const feeds: Record<string, Value> = {}
  for (const [name, flag] of weights) feeds[flag] = bool(isOn.weight(name))
  for (const [name, { flag, scale, zero }] of groups) {
    const grid = grids.get(name)
    feeds[flag] = bool(grid !== undefined && isOn.group(name))
    feeds[scale] = { dtype: 'f32', shape: [], data: bytesOf(Float32Array.of(grid?.scale ?? 1)) }
    feeds[zero] = { dtype: 'u8', shape: [], data: Uint8Array.of(grid?.zero ?? 0) }
  }
  return feeds
}

function bool(on: boolean): Value {
  return { dtype: 'bool', shape: [], data: Uint8Array.of(on ? 1 : 0) }
}

function bytesOf({ buffer }: Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer)
}

function floats(name: string, values: Float32Array, shape: readonly number[]): TensorRef {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  return { name, dtype: 'f32', shape, storage: { kind: 'bytes', bytes, byteLength: bytes.byteLength } }
}

function branch(name: string, output: string, nodes: readonly Node[]): Attribute {
  const outputs = [{ name: output, dtype: 'f32' as const }]
  return {
    name,
    kind: 'graph',
    value: { name, nodes, initializers: [], sparseInitializers: [], inputs: [], outputs, values: [] },
  }
}

function make(op: string, inputs: readonly string[], outputs: readonly string[]): Node {
  return { name: '', op, domain: '', inputs, outputs, attributes: [] }
}
