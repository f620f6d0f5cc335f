import { freshNames, readsOf } from '../graph/index.ts'
import type { Attribute, Graph, Model, Node } from '../model/graph.ts'
import { tappedModel } from './tapped-model.ts'

/** The output of a copy that gives ranges. */
export const RANGES = 'tersor.ranges'
/** As Cast and TensorProto count f32. */
const F32 = 1

/**
 * The graph giving one output, f32 [2 * values]: the lowest and the highest element of each value, in their order. Minima and maxima of the executor
 * pass over NaN: where a value of `checked` has an element that is not finite, its lowest one is NaN. Values are floats of the main graph with at
 * least one element.
 */
export function rangedModel(model: Model, values: readonly string[], checked: ReadonlySet<string> = new Set()): Model {
  const { carrier: _carrier, ...tapped } = tappedModel(model, values)
  const { carrier: _graphCarrier, ...graph } = tapped.graph
  const fresh = freshNames(tapped)
  const [one, zero] = [fresh('one'), fresh('zero')]
  const constants = [
    constant(one, 'i64', Uint8Array.from([1, 0, 0, 0, 0, 0, 0, 0])),
    constant(zero, 'f32', new Uint8Array(4)),
  ]
  const types = new Map([...graph.values, ...graph.outputs].map(({ name, dtype }) => [name, dtype]))
  const parts: string[] = []
  const reduced = (op: string, value: string, part: string): readonly Node[] => {
    const [end, single] = [fresh('range'), fresh('range')]
    const keepdims = { name: 'keepdims', kind: 'int' as const, value: 0 }
    return [made(op, [value], end, keepdims), cast(end, single), made('Reshape', [single, one], part)]
  }
  // Zero times what is not finite is NaN, and so is every sum with it.
  const nothingOf = (value: string, part: string): readonly Node[] => {
    const [wide, none] = [fresh('wide'), fresh('none')]
    return [cast(value, wide), made('Mul', [wide, zero], none), ...reduced('ReduceSum', none, part)]
  }
  const nodes = values.flatMap((value) => {
    // The executor has no minimum of halves.
    const isHalf = types.get(value) === 'f16'
    const from = isHalf ? fresh('wide') : value
    const widened = isHalf ? [cast(value, from)] : []
    const [low, high, nothing, lowest] = [fresh('low'), fresh('high'), fresh('nothing'), fresh('lowest')]
    const isChecked = checked.has(value)
    parts.push(isChecked ? lowest : low, high)
    return [
      ...widened,
      ...reduced('ReduceMin', from, low),
      ...reduced('ReduceMax', from, high),
      ...(isChecked ? [...nothingOf(from, nothing), made('Add', [low, nothing], lowest)] : []),
    ]
  })
  const concat = made('Concat', parts, RANGES, { name: 'axis', kind: 'int', value: 0 })
  return {
    ...tapped,
    graph: {
      ...graph,
      nodes: [...graph.nodes, ...nodes, concat],
      initializers: [...graph.initializers, ...constants],
      // What is given no longer is still known by its type.
      values: [...graph.values, ...graph.outputs],
      outputs: [{ name: RANGES, dtype: 'f32', shape: [2 * values.length] }],
    },
  }
}

/** Those of the values that lead to no other of them. */
export function lastOf({ nodes }: Graph, values: readonly string[]): ReadonlySet<string> {
  const wanted = new Set(values)
  const leading = new Set<string>()
  for (const node of [...nodes].reverse()) {
    if (node.outputs.some((name) => wanted.has(name) || leading.has(name)))
      for (const name of readsOf(node)) leading.add(name)
  }
  return new Set(values.filter((name) => !leading.has(name)))
}

function constant(name: string, dtype: 'i64' | 'f32', bytes: Uint8Array) {
  return { name, dtype, shape: [1], storage: { kind: 'bytes' as const, bytes, byteLength: bytes.length } }
}

function cast(input: string, output: string): Node {
  return made('Cast', [input], output, { name: 'to', kind: 'int', value: F32 })
}

function made(op: string, inputs: readonly string[], output: string, ...attributes: readonly Attribute[]): Node {
  return { name: '', op, domain: '', inputs, outputs: [output], attributes }
}
