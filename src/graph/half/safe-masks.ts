import type { Attribute, Model, Node, TensorRef } from '../../model/graph.ts'
import { tensorAttribute } from '../attributes.ts'
import { constantTensor, type ReadSmall } from '../constant-nodes.ts'
import { type Connections, connect, type Definition, type Use } from '../consumers.ts'
import { freshNames } from '../fresh-names.ts'
import { rebuild } from '../rebuild.ts'
import { floatConstant, readFloats } from '../rewrites/float-constants.ts'
import type { RewriteNote, RewrittenModel } from '../rewrites/rewrite-note.ts'
import { isInFunction, isStandard, type Scope } from '../walk.ts'

/** The largest number that f16 holds. */
export const LARGEST_HALF = 65504
/**
 * What stands for a mask of -1e9 or -3.4e38: exp of it is 0 beside any score that f16 holds, and the sum of two masks, or of a mask and
 * a score, is still a number.
 */
const SAFE_MASK = 8192
/** From here on an increase is never a measurement but means "not this one". */
const MOST_HOPS = 24

/** Where a mask may pass on its way. */
const PASSING: ReadonlySet<string> = new Set(
  (
    'Add Cast Clip Concat ConstantOfShape Div Expand Flatten Gather GatherElements GatherND Identity Max Min Mul Neg Pad Reshape ' +
    'ScatterElements ScatterND Slice Split Squeeze Sub Tile Transpose Trilu Unsqueeze Where'
  ).split(' '),
)
/** Where very small and smaller are the same. */
const ENDS: ReadonlySet<string> = new Set(
  'ArgMax Attention Exp GroupQueryAttention LogSoftmax MultiHeadAttention ReduceMax Softmax TopK'.split(' '),
)
const BOUNDED: ReadonlySet<string> = new Set(['Clip', 'Max', 'Min'])

/**
 * Constants that f16 does not hold, and need not: masks of -1e9 or -3.4e38 on their way to a Softmax become -8192, bounds of Clip, Max and
 * Min +-65504. The function stays the same wherever what is masked out weighs nothing. `isLarge` says which constants to look at.
 */
export async function safeMasks(
  model: Model,
  read: ReadSmall,
  isLarge: (definition: Definition) => boolean,
): Promise<RewrittenModel> {
  const connections = connect(model)
  const fresh = freshNames(model)
  const reach = new Reach(connections)
  const renamed = new Map<Node, Map<number, string>>()
  const added = new Map<Scope, TensorRef[]>()
  const fills = new Map<Node, TensorRef>()
  const done: RewriteNote[] = []
  const note = (definition: Definition, limit: number): void => {
    const { scope, name } = definition
    const text = `constants beyond f16 become ${limit === SAFE_MASK ? 'a mask of -8192' : 'bounds of 65504'}`
    done.push({ rewrite: 'mask', scope: scope.path, node: name, text })
  }
  for (const definition of connections.definitions) {
    if (isInFunction(definition.scope)) continue
    const fill = fillOf(definition)
    const tensor = fill ?? constantTensor(definition)
    if (tensor === null || tensor.dtype !== 'f32' || definition.alsoInput) continue
    const values = fill !== null || isLarge(definition) ? await largeValues(tensor, read) : null
    if (values === null) continue
    if (fill !== null) {
      if (!reach.leads(definition)) continue
      fills.set(definition.node!, clipped(fill.name, fill.shape, values, SAFE_MASK))
      note(definition, SAFE_MASK)
      continue
    }
    for (const limit of [SAFE_MASK, LARGEST_HALF]) {
      const uses = definition.uses.filter((use) => limitAt(use, reach) === limit)
      if (uses.length === 0) continue
      const name = fresh(`${definition.name}/safe`)
      const scope = definition.scope
      added.set(scope, [...(added.get(scope) ?? []), clipped(name, tensor.shape, values, limit)])
      for (const { node, inputIndex } of uses) {
        renamed.set(node, (renamed.get(node) ?? new Map<number, string>()).set(inputIndex, name))
      }
      note(definition, limit)
    }
  }
  if (done.length === 0) return { model, done, left: [] }
  const revised = rebuild(
    model,
    (scope) => {
      const own = added.get(scope)
      const nodes = scope.nodes.map((node) => revise(node, renamed.get(node), fills.get(node)))
      const same = nodes.every((node, index) => node === scope.nodes[index])
      if (own === undefined && same) return undefined
      return { nodes, ...(own === undefined ? {} : { initializers: [...scope.initializers, ...own] }) }
    },
    connections.scopes,
  )
  return { model: revised, done, left: [] }
}

function revise(node: Node, names: ReadonlyMap<number, string> | undefined, fill: TensorRef | undefined): Node {
  if (names === undefined && fill === undefined) return node
  const attributes: readonly Attribute[] =
    fill === undefined ? node.attributes : [{ name: 'value', kind: 'tensor', value: fill }]
  return { ...node, inputs: node.inputs.map((name, index) => names?.get(index) ?? name), attributes }
}

function fillOf({ node, outputIndex }: Definition): TensorRef | null {
  if (node === null || outputIndex !== 0 || node.op !== 'ConstantOfShape' || !isStandard(node)) return null
  return tensorAttribute(node, 'value') ?? null
}

/** The values of a constant that has finite ones beyond f16; null for any other. */
async function largeValues(tensor: TensorRef, read: ReadSmall): Promise<Float64Array | null> {
  const values = await readFloats(tensor, read)
  if (values === null) return null
  const isLarge = values.some((value) => Number.isFinite(value) && (value > LARGEST_HALF || value < -LARGEST_HALF))
  return isLarge ? values : null
}

function clipped(name: string, shape: readonly number[], values: Float64Array, limit: number): TensorRef {
  const safe = values.map((value) => {
    if (!Number.isFinite(value) || (value <= LARGEST_HALF && value >= -LARGEST_HALF)) return value
    return value < 0 ? -limit : limit
  })
  return floatConstant(name, 'f32', shape, safe)
}

function limitAt(use: Use, reach: Reach): number | null {
  const { node, inputIndex } = use
  if (reach.ends(use)) return SAFE_MASK
  if (!isStandard(node) || !BOUNDED.has(node.op)) return null
  return node.op !== 'Clip' || inputIndex > 0 ? LARGEST_HALF : null
}

/** Which uses lead to an operator that masks are for. */
class Reach {
  readonly #connections: Connections
  readonly #known = new Map<Node, boolean>()

  constructor(connections: Connections) {
    this.#connections = connections
  }

  ends(use: Use, hops = 0): boolean {
    const { node, scope } = use
    if (ENDS.has(node.op)) return true
    if (!isStandard(node) || !PASSING.has(node.op) || hops > MOST_HOPS) return false
    const known = this.#known.get(node)
    if (known !== undefined) return known
    this.#known.set(node, false)
    const found = node.outputs.some((name) => {
      const definition = this.#connections.own(scope).get(name)
      return definition !== undefined && this.leads(definition, hops)
    })
    this.#known.set(node, found)
    return found
  }

  leads(definition: Definition, hops = 0): boolean {
    if (definition.uses.some((use) => this.ends(use, hops + 1))) return true
    // What a branch gives comes out of its node.
    return definition.outputOf.some((body) => {
      const { owner, parent } = body
      if (owner === null || parent === null || owner.op !== 'If') return false
      const index = body.outputs.indexOf(definition.name)
      const outer = this.#connections.own(parent).get(owner.outputs[index] ?? '')
      return outer !== undefined && hops < MOST_HOPS && this.leads(outer, hops + 1)
    })
  }
}
