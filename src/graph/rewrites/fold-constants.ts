import type { Model, Node } from '../../model/graph.ts'
import { constantTensor, type ReadSmall } from '../constant-nodes.ts'
import type { Definition } from '../consumers.ts'
import { opsetOf } from '../opsets.ts'
import { type ConstantStep, constantSteps } from './constant-regions.ts'
import { asTensor, byteLengthOf, type ConstantValue, countOf, readConstant } from './constant-values.ts'
import { evaluate } from './evaluate.ts'
import { KnownValues } from './known-values.ts'
import { Revision } from './revision.ts'
import type { RewrittenModel } from './rewrite-note.ts'

/** Values up to this length are computed wherever they can be; longer ones only in exchange for what they are made of. */
const SMALL_ELEMENTS = 1 << 12

/** Up to this length nobody minds a copy. */
const FEW_ELEMENTS = 64

/** Longer constants are not moved at all. */
const MOST_ELEMENTS = 1 << 24

/** All that one round keeps in memory, steps between included (8 bytes each). */
const MOST_IN_ALL = 1 << 25

export interface FoldConstantsOptions {
  /** Weights of products become 8-bit codes later: what they take is counted so. Default: the bytes of their floats. */
  readonly codedWeights?: boolean
}

/** Products whose second input becomes codes; of recurrent ones also the third. */
const CODED: ReadonlyMap<string, readonly number[]> = new Map([
  ...['Conv', 'ConvTranspose', 'Gemm', 'MatMul'].map((op): [string, readonly number[]] => [op, [1]]),
  ...['LSTM', 'GRU', 'RNN'].map((op): [string, readonly number[]] => [op, [1, 2]]),
])

/**
 * Nodes that read nothing but constants are computed once: arithmetic with exact results, Cast, Reshape, Transpose, Slice, Concat
 * and their kin, and the Shape of values whose sizes the model's inputs settle. Results are as runtimes give them, bit for bit.
 *
 * Results of more than 4096 elements must not take more bytes than the constants that go in exchange, all that hangs
 * together being counted at once: gates of an LSTM that are cut out and joined in another order become one weight, also where two
 * branches of an If do the same with it.
 */
export async function foldConstants(
  model: Model,
  read: ReadSmall,
  { codedWeights = false }: FoldConstantsOptions = {},
): Promise<RewrittenModel> {
  const revision = new Revision(model, 'constants')
  // Before opset 7 operands did not broadcast as they do now.
  if ((opsetOf(model) ?? 0) < 7) return revision.finish()
  const { connections } = revision
  const known = await KnownValues.of(model, connections, read)
  const steps = constantSteps(revision, known)
  const values = await computed(steps, read)
  const kept = worthwhile(steps, values, codedWeights)
  const stays = (node: Node): boolean => !kept.has(node)
  const isRead = ({ output }: ConstantStep): boolean => output.uses.some((use) => stays(use.node))
  const readers = new Map<number, number>()
  for (const step of steps.filter(isRead)) readers.set(step.key, (readers.get(step.key) ?? 0) + 1)
  const written = new Map<number, string>()
  for (const step of steps) {
    const value = values.get(step.output)
    if (stays(step.node) || value === undefined) continue
    const { node, scope, output } = step
    revision.replace(node, [])
    revision.done(scope, node, `${node.op} of constants computed`)
    // What only feeds other computed nodes is never written.
    if (!isRead(step)) continue
    if (readers.get(step.key) === 1) {
      revision.add(scope, asTensor(output.name, value))
      continue
    }
    // Bodies see the main graph, wherever they are.
    const name = written.get(step.key) ?? revision.fresh(output.name)
    const [main = scope] = revision.scopes
    if (!written.has(step.key)) revision.add(main, asTensor(name, value))
    written.set(step.key, name)
    revision.readInstead(output, name)
  }
  return revision.finish()
}

async function computed(
  steps: readonly ConstantStep[],
  read: ReadSmall,
): Promise<ReadonlyMap<Definition, ConstantValue>> {
  const isStep = new Set(steps.map(({ node }) => node))
  const values = new Map<Definition, ConstantValue>()
  const constants = new Map<Definition, ConstantValue | null>()
  let held = 0
  for (const { node, output, inputs, given } of steps) {
    const known = given ?? (await result(node, inputs))
    if (known === null || held + known.data.length > MOST_IN_ALL) continue
    held += known.data.length
    values.set(output, known)
  }
  return values

  async function result(node: Node, inputs: readonly Definition[]): Promise<ConstantValue | null> {
    const operands: ConstantValue[] = []
    let most = SMALL_ELEMENTS
    for (const input of inputs) {
      const size = sizeOf(input)
      // A long constant that others read too is only looked at, never moved.
      const isOurs = input.outputOf.length === 0 && input.uses.every((use) => isStep.has(use.node))
      const looksAt = node.op === 'Gather' || node.op === 'Slice'
      if (size > MOST_ELEMENTS || (size > SMALL_ELEMENTS && !isOurs && !looksAt)) return null
      if (isOurs) most = Math.max(most, size)
      const value = values.get(input) ?? (await constant(input))
      if (value === null) return null
      operands.push(value)
    }
    // What is joined may be as long as all its parts.
    if (node.op === 'Concat') most = operands.reduce((total, { data }) => total + data.length, 0)
    return evaluate(node, operands, Math.min(most, MOST_ELEMENTS))
  }

  function sizeOf(input: Definition): number {
    const tensor = constantTensor(input)
    return values.get(input)?.data.length ?? (tensor === null ? Number.POSITIVE_INFINITY : countOf(tensor.shape))
  }

  async function constant(input: Definition): Promise<ConstantValue | null> {
    const held = constants.get(input)
    if (held !== undefined) return held
    const tensor = constantTensor(input)
    const value = tensor === null ? null : await readConstant(tensor, read, MOST_ELEMENTS)
    constants.set(input, value)
    return value
  }
}

/** The nodes to compute: all with short results, and those whose long results do not take more bytes than they save. */
function worthwhile(
  steps: readonly ConstantStep[],
  values: ReadonlyMap<Definition, ConstantValue>,
  codedWeights: boolean,
): ReadonlySet<Node> {
  const nodes = new Set(steps.filter(({ output }) => values.has(output)).map(({ node }) => node))
  const isLong = (input: Definition): boolean => {
    const tensor = constantTensor(input)
    return (values.get(input)?.data.length ?? (tensor ? countOf(tensor.shape) : 0)) > SMALL_ELEMENTS
  }
  const regions = new Map<Definition, Region>()
  for (const step of steps) {
    const value = values.get(step.output)
    if (value === undefined) continue
    const members = step.inputs.filter((input) => isLong(input) || regions.has(input))
    if (members.length === 0 && !isLong(step.output)) continue
    const region = joined([...members, step.output], regions)
    region.steps.push(step)
    for (const input of members) if (!values.has(input)) region.sources.add(input)
    const read = step.output.uses.filter((use) => !nodes.has(use.node))
    const coded = codedWeights && read.every(({ node, inputIndex }) => CODED.get(node.op)?.includes(inputIndex))
    if (read.length > 0) region.results.set(step.key, coded ? value.data.length : byteLengthOf(value))
  }
  for (const region of new Set(regions.values())) {
    const goes = (source: Definition): boolean => {
      return source.outputOf.length === 0 && source.uses.every((use) => nodes.has(use.node))
    }
    const saved = [...region.sources].filter(goes).map((source) => constantTensor(source)?.storage.byteLength ?? 0)
    const taken = [...region.results.values()]
    if (sum(taken) <= sum(saved)) continue
    for (const { node, output } of region.steps) {
      if ((values.get(output)?.data.length ?? 0) > FEW_ELEMENTS) nodes.delete(node)
    }
  }
  return nodes
}

/** Steps that hang together by long constants: what is cut out of one, and what is joined again. */
interface Region {
  readonly steps: ConstantStep[]
  readonly sources: Set<Definition>
  /** Bytes by key. */
  readonly results: Map<number, number>
}

function joined(members: readonly Definition[], regions: Map<Definition, Region>): Region {
  const region: Region = { steps: [], sources: new Set(), results: new Map() }
  const old = new Set(members.flatMap((member) => regions.get(member) ?? []))
  for (const one of old) {
    region.steps.push(...one.steps)
    for (const source of one.sources) region.sources.add(source)
    for (const [key, bytes] of one.results) region.results.set(key, bytes)
  }
  for (const [member, one] of regions) if (old.has(one)) regions.set(member, region)
  for (const member of members) regions.set(member, region)
  return region
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}
