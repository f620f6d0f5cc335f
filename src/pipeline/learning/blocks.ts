import { readsOf } from '../../graph/index.ts'
import type { Model, Node } from '../../model/graph.ts'

/** A run of nodes between two places where few values go on. */
export interface Block {
  /** Values made in it that go on and depend on weights: what it is there to give. */
  readonly gives: readonly string[]
  /** Constants that are learned inside. */
  readonly weights: readonly string[]
  /** Why it cannot be learned. */
  readonly refused?: string
}

export interface BlockLimits {
  /** Constants that are learned, with their elements. */
  readonly learned: ReadonlyMap<string, number>
  /** All constants that rounding changes. */
  readonly rounded: ReadonlySet<string>
  /** Elements of the learned constants of one block. */
  readonly most: number
  /** Blocks are joined until they have so many. */
  readonly wanted: number
  /** Why a node cannot be gone back through; null where it can. */
  refusal(node: Node): string | null
}

/** Values that may go on at a cut, where fewer never do: what skips over many layers. */
const MOST_VALUES = 4

/**
 * Cuts a main graph, in the order of its nodes, where one value that rounding changes goes on (the stream of a transformer between its halves), or as few as make every block
 * small enough. Neighbours are joined until they have what is `wanted`. A node without a derivative keeps its own block from being learned, and no other.
 */
export function cutBlocks(model: Model, limits: BlockLimits): readonly Block[] {
  const { nodes, outputs } = model.graph
  const changed = changedValues(model, limits.rounded)
  const last = new Map<string, number>()
  for (const [index, node] of nodes.entries()) for (const name of readsOf(node)) last.set(name, index)
  const ends = new Map<number, string[]>()
  for (const [name, index] of last) if (changed.has(name)) ends.set(index, [...(ends.get(index) ?? []), name])
  // Going on behind each node.
  const live = new Set<string>()
  const going = nodes.map((node, index) => {
    for (const name of node.outputs) if (changed.has(name) && last.has(name)) live.add(name)
    for (const name of ends.get(index) ?? []) live.delete(name)
    return [...live]
  })
  const results = outputs.map(({ name }) => name).filter((name) => changed.has(name))
  const pieces = (values: number): Piece[] => {
    const cuts = going.flatMap((names, index) => (names.length > 0 && names.length <= values ? [index] : []))
    const made: Piece[] = []
    let first = 0
    for (const end of [...cuts, nodes.length - 1]) {
      if (end < first) continue
      const isLast = end === nodes.length - 1
      made.push(pieceOf(nodes.slice(first, end + 1), isLast ? results : (going[end] as string[]), limits))
      first = end + 1
    }
    return made
  }
  let best = pieces(1)
  for (let values = 2; values <= MOST_VALUES && best.some(({ elements }) => elements > limits.most); values++)
    best = pieces(values)
  return joined(best, limits)
}

interface Piece {
  readonly gives: readonly string[]
  readonly weights: readonly string[]
  readonly elements: number
  readonly refused: string | null
}

function pieceOf(nodes: readonly Node[], gives: readonly string[], { learned, refusal }: BlockLimits): Piece {
  const weights = [...new Set(nodes.flatMap((node) => readsOf(node).filter((name) => learned.has(name))))]
  const refused = nodes.map(refusal).find((why) => why !== null) ?? null
  return { gives, weights, elements: elementsOf(weights, learned), refused }
}

function elementsOf(weights: readonly string[], learned: ReadonlyMap<string, number>): number {
  return weights.reduce((sum, name) => sum + (learned.get(name) ?? 0), 0)
}

/** Neighbours that can be learned, up to what is wanted; pieces without weights go with what is behind them. */
function joined(pieces: readonly Piece[], { learned, most, wanted }: BlockLimits): readonly Block[] {
  const blocks: Block[] = []
  const given = new Set<string>()
  let open: Piece | undefined
  const close = (): void => {
    if (open === undefined) return
    const { gives, weights, elements, refused } = open
    const large = elements > most ? `${elements} weights between two places to cut` : null
    const why = refused ?? large
    const fresh = gives.filter((name) => !given.has(name))
    for (const name of fresh) given.add(name)
    blocks.push({ gives: fresh, weights, ...(why === null || weights.length === 0 ? {} : { refused: why }) })
    open = undefined
  }
  for (const piece of pieces) {
    const together: Piece | undefined = open && join(open, piece, learned)
    const small = (together?.elements ?? 0) <= most && (open?.elements ?? 0) < wanted
    // A refused piece takes no weights of others with it.
    const alike = open?.refused === null && (piece.refused === null || open.weights.length === 0)
    if (together === undefined || !alike || !(small || open?.weights.length === 0)) {
      close()
      open = piece
    } else open = together
  }
  close()
  return blocks
}

function join(first: Piece, second: Piece, learned: ReadonlyMap<string, number>): Piece {
  const weights = [...new Set([...first.weights, ...second.weights])]
  return {
    gives: second.gives,
    weights,
    elements: elementsOf(weights, learned),
    refused: first.refused ?? second.refused,
  }
}

/** Values that depend on constants that rounding changes; shapes do not. */
function changedValues({ graph }: Model, rounded: ReadonlySet<string>): ReadonlySet<string> {
  const changed = new Set<string>()
  const constants = new Set(graph.initializers.map(({ name }) => name))
  for (const node of graph.nodes) {
    if (node.op === 'Shape' || node.op === 'Size') continue
    const reads = readsOf(node)
    if (!reads.some((name) => rounded.has(name) || changed.has(name))) continue
    for (const name of node.outputs) if (name !== '' && !constants.has(name)) changed.add(name)
  }
  // What only constants lead to is no value that goes on.
  const fed = fedValues(graph)
  return new Set([...changed].filter((name) => fed.has(name)))
}

function fedValues({ nodes, inputs, initializers }: Model['graph']): ReadonlySet<string> {
  const constants = new Set(initializers.map(({ name }) => name))
  const fed = new Set(inputs.map(({ name }) => name).filter((name) => !constants.has(name)))
  for (const node of nodes) {
    if (!readsOf(node).some((name) => fed.has(name))) continue
    for (const name of node.outputs) if (name !== '') fed.add(name)
  }
  return fed
}
