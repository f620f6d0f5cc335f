import type { InputLimits } from '../calibration/index.ts'
import type { Graph } from '../model/graph.ts'
import type { Inventory } from '../model/inventory.ts'

/** Fewer rows than this are kinds of something (segments, speakers), no vocabulary. */
const LEAST_VOCABULARY = 32

/** Token ids an embedding table can look up: an input that indexes a table directly lies in [0, rows). */
export function idLimits(inventory: Inventory, graph: Graph): InputLimits {
  const limits = new Map<string, { min: number; max: number }>()
  for (const { ids, rows } of lookUps(inventory, graph)) {
    const known = limits.get(ids)
    limits.set(ids, { min: 0, max: Math.min(known?.max ?? Number.POSITIVE_INFINITY, rows - 1) })
  }
  return limits
}

/** Rows of the largest table that an input of the model indexes: an output with as many scores is language. */
export function vocabularyOf(inventory: Inventory, graph: Graph): number | undefined {
  const inputs = new Set(graph.inputs.map(({ name }) => name))
  let most = 0
  for (const { ids, rows } of lookUps(inventory, graph)) if (inputs.has(ids)) most = Math.max(most, rows)
  return most >= LEAST_VOCABULARY ? most : undefined
}

/** Operators that hand ids on as they are. */
const PASSING: ReadonlySet<string> = new Set([
  'Cast',
  'Identity',
  'Reshape',
  'Flatten',
  'Squeeze',
  'Unsqueeze',
  'Transpose',
])

function lookUps(inventory: Inventory, graph: Graph): readonly { readonly ids: string; readonly rows: number }[] {
  const passed = new Map<string, string>()
  for (const { op, domain, inputs, outputs } of graph.nodes) {
    const [from] = inputs
    if (domain === '' && PASSING.has(op) && from && outputs[0]) passed.set(outputs[0], from)
  }
  const origin = (name: string): string => {
    let at = name
    // A graph that was read has no circles; a bound costs nothing.
    for (let step = 0; step < graph.nodes.length && passed.has(at); step += 1) at = passed.get(at) as string
    return at
  }
  return inventory.weights.flatMap(({ uses }) =>
    uses.flatMap(({ node, role, view }) => {
      const ids = node.inputs[1]
      return role === 'gather' && ids && view ? [{ ids: origin(ids), rows: view.channels }] : []
    }),
  )
}
