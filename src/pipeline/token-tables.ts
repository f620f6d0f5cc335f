import type { InputLimits } from '../calibration/index.ts'
import type { Graph } from '../model/graph.ts'
import type { Inventory } from '../model/inventory.ts'

/** Fewer rows than this are kinds of something (segments, speakers), no vocabulary. */
const LEAST_VOCABULARY = 32

/** Token ids an embedding table can look up: an input that indexes a table directly lies in [0, rows). */
export function idLimits(inventory: Inventory): InputLimits {
  const limits = new Map<string, { min: number; max: number }>()
  for (const { ids, rows } of lookUps(inventory)) {
    const known = limits.get(ids)
    limits.set(ids, { min: 0, max: Math.min(known?.max ?? Number.POSITIVE_INFINITY, rows - 1) })
  }
  return limits
}

/** Rows of the largest table that an input of the model indexes: an output with as many scores is language. */
export function vocabularyOf(inventory: Inventory, graph: Graph): number | undefined {
  const inputs = new Set(graph.inputs.map(({ name }) => name))
  let most = 0
  for (const { ids, rows } of lookUps(inventory)) if (inputs.has(ids)) most = Math.max(most, rows)
  return most >= LEAST_VOCABULARY ? most : undefined
}

function lookUps(inventory: Inventory): readonly { readonly ids: string; readonly rows: number }[] {
  return inventory.weights.flatMap(({ uses }) =>
    uses.flatMap(({ node, role, view }) => {
      const ids = node.inputs[1]
      return role === 'gather' && ids && view ? [{ ids, rows: view.channels }] : []
    }),
  )
}
