import { freshNames } from '../graph/index.ts'
import type { Attribute, Model, Node } from '../model/graph.ts'
import { tappedModel } from './tapped-model.ts'

/** The output of a copy that gives ranges. */
export const RANGES = 'tersor.ranges'
/** As Cast and TensorProto count f32. */
const F32 = 1

/**
 * The graph giving one output, f32 [2 * values]: the lowest and the highest element of each value, in their order. Values are floats of the
 * main graph with at least one element.
 */
export function rangedModel(model: Model, values: readonly string[]): Model {
  const { carrier: _carrier, ...tapped } = tappedModel(model, values)
  const { carrier: _graphCarrier, ...graph } = tapped.graph
  const fresh = freshNames(tapped)
  const one = fresh('one')
  const bytes = Uint8Array.from([1, 0, 0, 0, 0, 0, 0, 0])
  const size = {
    name: one,
    dtype: 'i64' as const,
    shape: [1],
    storage: { kind: 'bytes' as const, bytes, byteLength: 8 },
  }
  const types = new Map([...graph.values, ...graph.outputs].map(({ name, dtype }) => [name, dtype]))
  const parts: string[] = []
  const nodes = values.flatMap((value) => {
    // The executor has no minimum of halves.
    const isHalf = types.get(value) === 'f16'
    const from = isHalf ? fresh('wide') : value
    const widened = isHalf ? [cast(value, from)] : []
    return [
      ...widened,
      ...['ReduceMin', 'ReduceMax'].flatMap((op) => {
        const [end, single, part] = [fresh('range'), fresh('range'), fresh('range')]
        parts.push(part)
        const reduced = made(op, [from], end, { name: 'keepdims', kind: 'int', value: 0 })
        return [reduced, cast(end, single), made('Reshape', [single, one], part)]
      }),
    ]
  })
  const concat = made('Concat', parts, RANGES, { name: 'axis', kind: 'int', value: 0 })
  return {
    ...tapped,
    graph: {
      ...graph,
      nodes: [...graph.nodes, ...nodes, concat],
      initializers: [...graph.initializers, size],
      // What is given no longer is still known by its type.
      values: [...graph.values, ...graph.outputs],
      outputs: [{ name: RANGES, dtype: 'f32', shape: [2 * values.length] }],
    },
  }
}

function cast(input: string, output: string): Node {
  return made('Cast', [input], output, { name: 'to', kind: 'int', value: F32 })
}

function made(op: string, inputs: readonly string[], output: string, ...attributes: readonly Attribute[]): Node {
  return { name: '', op, domain: '', inputs, outputs: [output], attributes }
}
