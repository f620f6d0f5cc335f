import type { Model } from '../../../model/graph.ts'
import type { ReadSmall } from '../../constant-nodes.ts'
import { type Connections, connect, type Definition } from '../../consumers.ts'
import { isInFunction, isStandard } from '../../walk.ts'
import { Facts } from './axis.ts'
import { memberKeys, SpaceFinder } from './find-space.ts'
import { largestOrder } from './hadamard.ts'
import { isNorm } from './rules-norms.ts'
import { KnownSizes } from './sizes.ts'
import { type Border, type Member, matrixAt, type Space } from './space.ts'
import { spelledNorms } from './spelled-norms.ts'

/** A space that will be rotated. */
export interface ChosenSpace extends Space {
  /** Elements that are mixed with one another: a head, or the whole axis. */
  readonly unit: number
  /** Order of the Hadamard matrices along it; less than the unit where none fits. */
  readonly block: number
  /** Values that get a matrix where the rotation begins or ends. */
  readonly ends: readonly { readonly member: Member; readonly borders: readonly Border[] }[]
}

export interface RefusedSpace {
  readonly space: Space
  readonly why: string
}

export interface FoundSpaces {
  readonly connections: Connections
  readonly chosen: readonly ChosenSpace[]
  /** Those that weights read. */
  readonly refused: readonly RefusedSpace[]
}

/** Smaller Hadamard matrices spread little. */
const LEAST_BLOCK = 4
/** Matrices at the ends of a stream, and what part of its weights they may be. */
const MOST_ENDS = 2
const MOST_SHARE = 1 / 8
const MOST_BYTES = 2 ** 30

/** Every set of axes that turn together and are read by a product with a constant: those that can be rotated, and why others cannot. */
export async function findSpaces(model: Model, read: ReadSmall): Promise<FoundSpaces> {
  const connections = connect(model)
  const facts = new Facts(connections, await KnownSizes.of(model, connections, read))
  const norms = spelledNorms(connections)
  const key = memberKeys()
  const seen = new Set<string>()
  const chosen: ChosenSpace[] = []
  const refused: RefusedSpace[] = []
  const taken = new Map<Definition, Member[]>()
  const plain = new Set<string>()
  const from = async (definition: Definition | undefined, isNormInput = false): Promise<void> => {
    const at = definition && key({ definition, fromEnd: 1, part: null })
    // What was followed from another norm may have had gains on it.
    if (!at || (isNormInput ? plain : seen).has(at)) return
    const space = await new SpaceFinder(facts, norms, read, key).find(definition)
    for (const member of space.members) {
      seen.add(key(member))
      if (member.frame === null) plain.add(key(member))
    }
    const choice = chooseSpace(space, taken)
    if (typeof choice === 'string') {
      if (space.read.size > 0) refused.push({ space, why: choice })
      return
    }
    chosen.push(choice)
    for (const member of choice.members) taken.set(member.definition, [...(taken.get(member.definition) ?? []), member])
  }
  const scopes = connections.scopes.filter((scope) => !isInFunction(scope))
  for (const scope of scopes)
    for (const node of scope.nodes) {
      const spelled = norms.get(node)
      if (spelled) await from(spelled.input, true)
      else if (isNorm(node)) await from(connections.resolve(scope, node.inputs[0] ?? ''), true)
    }
  for (const scope of scopes)
    for (const node of scope.nodes)
      if (isStandard(node) && (node.op === 'MatMul' || node.op === 'Gemm'))
        await from(connections.resolve(scope, node.inputs[0] ?? ''))
  return { connections, chosen, refused }
}

function chooseSpace(space: Space, taken: ReadonlyMap<Definition, readonly Member[]>): ChosenSpace | string {
  if (space.refusal !== null) return space.refusal
  if (space.read.size === 0) return 'no weight reads it'
  for (const { definition, fromEnd, part } of space.members)
    for (const other of taken.get(definition) ?? []) {
      const apart = part && other.part && (part.end <= other.part.start || other.part.end <= part.start)
      if (other.fromEnd === fromEnd && !apart) return 'parts of it are rotated in another way'
    }
  const [first] = space.borders
  const stops = first ? `${first.why} ("${first.member.definition.name.slice(0, 60)}")` : null
  const unsized = space.members.find(({ size }) => size === null)
  if (unsized) return stops ?? `the graph does not say how long "${unsized.definition.name.slice(0, 60)}" is`
  let unit = 0
  for (const { size } of space.members) unit = gcd(unit, size as number)
  for (const { member, heads } of space.heads) unit = gcd(unit, (member.size as number) / heads)
  const block = Number.isSafeInteger(unit) ? largestOrder(unit) : 1
  if (block < LEAST_BLOCK) return `no Hadamard matrix of ${LEAST_BLOCK} or more rows divides ${unit}`
  let elements = 0
  for (const definition of new Set(space.members.map((member) => member.definition))) {
    const tensor = matrixAt(definition)
    if (!tensor) continue
    elements += tensor.shape.reduce((product, one) => product * one, 1)
    if (tensor.storage.byteLength > MOST_BYTES) return `"${definition.name.slice(0, 60)}" is larger than 1 GiB`
  }
  const ends = new Map<Member, Border[]>()
  for (const border of space.borders) ends.set(border.member, [...(ends.get(border.member) ?? []), border])
  const plain = { ...space, unit, block, ends: [...ends].map(([member, borders]) => ({ member, borders })) }
  const widest = Math.max(...space.members.map(({ size }) => size as number))
  const added = (ends.size + space.meetings.length) * widest * widest
  if (stops === null) {
    return space.meetings.length > 0 && added > elements
      ? 'what it would need in between is larger than its weights'
      : plain
  }
  const isStream = space.norms > 1 && ends.size <= MOST_ENDS && added <= elements * MOST_SHARE
  const areLast = [...ends.keys()].every(({ fromEnd, part, definition }) => {
    return fromEnd === 1 && part === null && matrixAt(definition) === null
  })
  if (isStream && areLast) return plain
  return stops as string
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}
