import type { Node } from '../../../model/graph.ts'
import { intAttribute } from '../../attributes.ts'
import type { ReadSmall } from '../../constant-nodes.ts'
import type { Definition } from '../../consumers.ts'
import { isInFunction, isStandard, type Scope } from '../../walk.ts'
import { readFloats } from '../float-constants.ts'
import { type Along, elementCount, type Facts, FLOATS, isVector, type Link, type Port } from './axis.ts'
import { type Frame, isPlain, isSame, overGain, timesGain, turnedOver } from './frame.ts'
import { linksOf, spelledLinks } from './rules.ts'
import { gainOf, isNorm } from './rules-norms.ts'
import {
  type Border,
  type Meeting,
  type Member,
  matrixAt,
  type RemovedGain,
  type Space,
  type VectorSite,
} from './space.ts'
import type { SpelledNorm } from './spelled-norms.ts'

/** Norms behind sums: a gain would have to pass through what goes around them. */
export const POST_NORM = 'norms with gains lie in the residual stream (post-norm), and a gain does not pass a rotation'
const MOST_MEMBERS = 1 << 18

export type MemberKeys = (along: Along & { readonly definition: Definition }) => string

/** Names axes of values, the same for one model. */
export function memberKeys(): MemberKeys {
  const numbers = new Map<Definition, number>()
  return ({ definition, fromEnd, part }) => {
    const number = numbers.get(definition) ?? numbers.size
    numbers.set(definition, number)
    return `${number}/${fromEnd}/${part ? `${part.start}-${part.end}` : ''}`
  }
}

/** Follows one axis through everything that has to turn with it. */
export class SpaceFinder {
  readonly #facts: Facts
  readonly #norms: ReadonlyMap<Node, SpelledNorm>
  readonly #read: ReadSmall
  readonly #key: MemberKeys
  readonly #members = new Map<string, Member>()
  readonly #vectors = new Map<Node, Map<number, VectorSite>>()
  readonly #gains = new Map<Node, RemovedGain>()
  readonly #meetings = new Map<Node, Meeting>()
  readonly #borders: Border[] = []
  readonly #sized: [Member, Member][] = []
  readonly #resized: [Member, Member][] = []
  /** The second is one of so many parts of the first. */
  readonly #parts: { whole: Member; part: Member; count: number }[] = []
  readonly #heads: { member: Member; heads: number }[] = []
  readonly #queue: Member[] = []
  /** Sums over both axes, followed when everything else has its frame. */
  readonly #later: { from: Member; link: Link; node: Node; scope: Scope; at: Port }[] = []
  readonly #counted = new Set<Node | SpelledNorm>()
  readonly #readers = new Set<Definition>()
  #centred = false
  #refusal: string | null = null

  constructor(facts: Facts, norms: ReadonlyMap<Node, SpelledNorm>, read: ReadSmall, key: MemberKeys) {
    this.#facts = facts
    this.#norms = norms
    this.#read = read
    this.#key = key
  }

  async find(definition: Definition, fromEnd = 1): Promise<Space> {
    this.#join({ definition, fromEnd, part: null }, null)
    for (;;) {
      const member = this.#queue.pop()
      if (member) {
        await this.#visit(member)
        if (this.#members.size > MOST_MEMBERS) throw new RangeError('a space that large')
        continue
      }
      const next = this.#later.shift()
      if (!next) break
      await this.#follow(next.from, next.link, next.node, next.scope, next.at, true)
    }
    this.#measure()
    return {
      members: [...this.#members.values()],
      vectors: [...this.#vectors.values()].flatMap((sites) => [...sites.values()]),
      gains: [...this.#gains.values()],
      borders: this.#borders,
      meetings: [...this.#meetings.values()],
      norms: this.#counted.size,
      centred: this.#centred,
      read: this.#readers,
      resized: this.#resized,
      heads: this.#heads,
      refusal: this.#refusal,
    }
  }

  #refuse(why: string): void {
    this.#refusal ??= why
  }

  #join(at: Along & { definition: Definition }, frame: Frame): Member {
    const member: Member = { ...at, frame, size: this.#sizeOf(at) }
    this.#members.set(this.#key(at), member)
    this.#queue.push(member)
    return member
  }

  #sizeOf({ definition, fromEnd, part }: Along & { definition: Definition }): number | null {
    if (part) return part.end - part.start
    const tensor = matrixAt(definition)
    if (tensor) return tensor.shape.at(-fromEnd) ?? null
    return this.#facts.size(definition.scope, definition.name, fromEnd)
  }

  async #visit(member: Member): Promise<void> {
    const { definition } = member
    const tensor = matrixAt(definition)
    if (tensor && !FLOATS.has(tensor.dtype)) this.#refuse(`${tensor.dtype} codes in between`)
    if (definition.node && !tensor) {
      await this.#step(member, definition.node, definition.scope, { side: 'out', index: definition.outputIndex })
    } else if (!tensor) {
      this.#borders.push({ member, side: 'into', why: definition.kind === 'input' ? 'it is an input' : 'it is fed' })
    }
    if (definition.outputOf.length > 0) this.#borders.push({ member, side: 'out of', why: 'it is an output' })
    for (const use of definition.uses) {
      if (use.node.op === 'Shape' || use.node.op === 'Size') continue
      await this.#step(member, use.node, use.scope, { side: 'in', index: use.inputIndex })
    }
  }

  async #step(member: Member, node: Node, scope: Scope, at: Port): Promise<void> {
    const norm = this.#norms.get(node)
    const links = isInFunction(scope)
      ? 'the body of a function'
      : norm
        ? spelledLinks(norm, { node, scope, port: at }, member, this.#facts)
        : linksOf(node, scope, at, member, this.#facts)
    if (typeof links === 'string') {
      return this.#endAt(member, node, at, links)
    }
    if ('reaches' in links) {
      if (!norm) return
      const definition = links.reaches === 'input' ? norm.input : norm.output
      this.#throughNorm(norm, norm.centred)
      if (!isPlain(member.frame)) return this.#endAt(member, node, at, POST_NORM)
      this.#meet(member, { definition, fromEnd: 1, part: null }, null, false)
      return
    }
    // Where the norm itself ends the space, what is added to its result does not turn.
    const norms = links.filter(({ how }) => how === 'norm')
    for (const link of norms) if (!(await this.#follow(member, link, node, scope, at, false))) return
    for (const link of links) {
      if (link.how === 'contraction') this.#later.push({ from: member, link, node, scope, at })
      else if (link.how !== 'norm') await this.#follow(member, link, node, scope, at, false)
    }
  }

  #endAt(member: Member, node: Node, at: Port, why: string): void {
    const use = at.side === 'in' ? { use: { node, index: at.index } } : {}
    this.#borders.push({ member, side: at.side === 'in' ? 'out of' : 'into', why, ...use })
  }

  #throughNorm(norm: Node | SpelledNorm, centred: boolean): void {
    this.#counted.add(norm)
    this.#centred ||= centred
  }

  /** False where the space ends there. */
  async #follow(from: Member, link: Link, node: Node, scope: Scope, at: Port, summed: boolean): Promise<boolean> {
    const definition = this.#facts.at(scope, node, link.port)
    if (!definition) return true
    const frame = await this.#frameBehind(from, link, node, scope, at)
    const tensor = matrixAt(definition)
    const border = (why: string): false => {
      this.#endAt(from, node, at, why)
      return false
    }
    if (frame === 'another') return border(POST_NORM)
    if (tensor && isVector(tensor) && link.how !== 'contraction') {
      if (link.fromEnd !== 1 || (link.part !== null && elementCount(tensor.shape) === 1))
        return border('a constant is added along the axis')
      const sites = this.#vectors.get(node) ?? new Map<number, VectorSite>()
      this.#vectors.set(node, sites)
      const { index } = link.port
      sites.set(index, { node, scope, index, tensor, part: link.part, frame, beside: from })
      return true
    }
    if (tensor && !((tensor.shape.at(-link.fromEnd) ?? 1) > 1)) return border('a constant is added along the axis')
    const target = { definition, fromEnd: link.fromEnd, part: link.part }
    const other = this.#meet(from, target, frame, link.how === 'resized', summed ? { node, scope, at } : undefined)
    const parts = node.op === 'Reshape' && link.how === 'resized' ? this.#facts.partsAsked(scope, node) : null
    if (parts !== null) {
      const [whole, part] = at.side === 'in' ? [from, other] : [other, from]
      this.#parts.push({ whole, part, count: parts })
    }
    if (link.heads !== undefined) {
      const isOutput = link.port.side === 'out'
      this.#heads.push({ member: isOutput ? other : from, heads: link.heads })
    }
    if (!summed) return true
    for (const side of [definition, from.definition]) {
      const constant = this.#constantBehind(side)
      if (constant) this.#readers.add(constant)
    }
    return true
  }

  /** The constant that a value is, but for how it lies. */
  #constantBehind(definition: Definition): Definition | null {
    let at: Definition | undefined = definition
    for (let step = 0; at && step < 4; step++) {
      if (matrixAt(at)) return at
      const { node, scope }: Definition = at
      if (!node || !isStandard(node) || !['Transpose', 'Identity', 'Cast', 'Reshape'].includes(node.op)) return null
      at = this.#facts.connections.resolve(scope, node.inputs[0] ?? '')
    }
    return null
  }

  /** Two axes that turn together. */
  #meet(
    from: Member,
    target: Along & { definition: Definition },
    frame: Frame,
    resized: boolean,
    sum?: { node: Node; scope: Scope; at: Port },
  ): Member {
    const known = this.#members.get(this.#key(target))
    const other = known ?? this.#join(target, frame)
    if (known && !isSame(known.frame, frame)) {
      const [left, right] = sum?.at.index === 0 ? [from, known] : [known, from]
      const isPlainProduct = sum && left.fromEnd === 1 && left.part === null && right.part === null
      if (!isPlainProduct || intAttribute(sum.node, 'transA', 0) !== 0) this.#refuse(POST_NORM)
      else this.#meetings.set(sum.node, { node: sum.node, scope: sum.scope, index: 0, from: left, to: right })
    }
    if (resized) this.#resized.push([from, other])
    else this.#sized.push([from, other])
    return other
  }

  async #frameBehind(from: Member, link: Link, node: Node, scope: Scope, at: Port): Promise<Frame | 'another'> {
    if (link.how === 'contraction') return turnedOver(from.frame)
    if (link.how !== 'gain' && link.how !== 'norm') return from.frame
    const gain = link.gain ? await this.#gain(link.gain) : null
    if (link.how === 'gain') {
      if (gain === null) return from.frame
      const through = at.side === 'in' ? at.index : link.port.index
      this.#gains.set(node, { node, scope, place: { kind: 'product', input: through } })
      return link.backwards ? overGain(from.frame, gain) : timesGain(from.frame, gain)
    }
    const behind = gain && timesGain(null, gain)
    if (!(link.backwards ? isSame(from.frame, behind) : isPlain(from.frame))) return 'another'
    this.#throughNorm(node, link.centred === true)
    if (gain && isNorm(node)) this.#gains.set(node, { node, scope, place: { kind: 'norm', index: gainOf(node) } })
    return link.backwards ? null : behind
  }

  /** Null where it is the same for all: such a gain passes rotations. */
  async #gain(definition: Definition): Promise<Float64Array | null> {
    const tensor = matrixAt(definition)
    const values = tensor && (await readFloats(tensor, this.#read))
    if (!values?.every(Number.isFinite)) {
      this.#refuse('a gain that cannot be read')
      return null
    }
    return values.every((one) => one === values[0]) ? null : values
  }

  /** Lengths from those that are known to all. */
  #measure(): void {
    for (let changed = true; changed; ) {
      changed = false
      for (const [a, b] of this.#sized) {
        if (a.size === null && b.size !== null) a.size = b.size
        else if (b.size === null && a.size !== null) b.size = a.size
        else continue
        changed = true
      }
      for (const { whole, part, count } of this.#parts) {
        if (part.size !== null || whole.size === null || whole.size % count !== 0) continue
        part.size = whole.size / count
        changed = true
      }
    }
    if (this.#sized.some(([a, b]) => a.size !== b.size)) this.#refuse('axes of different lengths meet')
    for (const [a, b] of this.#resized)
      if (a.size !== b.size && !(isPlain(a.frame) && isPlain(b.frame))) this.#refuse('a gain is reshaped')
    for (const { frame, size } of this.#members.values())
      if (frame && frame.above.length !== size) this.#refuse('a gain of another length')
  }
}
