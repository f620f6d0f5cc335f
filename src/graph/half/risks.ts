import type { Model, Node } from '../../model/graph.ts'
import type { Reason } from '../../model/plan.ts'
import { floatAttribute, intsAttribute, stringAttribute } from '../attributes.ts'
import { bodyValueKey } from '../bodies/value-key.ts'
import { constantTensor } from '../constant-nodes.ts'
import { type Connections, connect, type Definition, type Use } from '../consumers.ts'
import { isStandard, type Scope } from '../walk.ts'
import { countedFrom } from './counted-from.ts'
import { LARGEST_HALF } from './safe-masks.ts'
import { letterAt, signatureOf } from './signatures.ts'
import { normUnits } from './units.ts'
import { ValueTypes } from './value-types.ts'

/** What was seen of a value of the float model. Numbers that are not finite are left out. */
export interface ValueRange {
  readonly largest: number
  /** Root of the mean square. */
  readonly rms: number
  /** Elements of the largest sample. */
  readonly elements: number
  /** Shares of the elements that are not 0: below 2^-14, where f16 loses digits; below 2^-25, where it has only 0. */
  readonly subnormal: number
  readonly lost: number
}

/** What rounding to f16 does to a constant. */
export interface ConstantFacts {
  readonly largest: number
  readonly rms: number
  readonly elements: number
  /** Sum of squared rounding errors over the sum of squares. */
  readonly loss: number
  /** Largest rounding error of an element, relative to it. */
  readonly worst: number
  readonly finite: boolean
  /** The elements, where they are few. */
  readonly values?: Float32Array
}

export interface Risks {
  /** Why a node computes in f32, by the key of its first output. */
  readonly nodes: ReadonlyMap<string, Reason>
  /** Keys of values that are not to be f16 anywhere. */
  readonly values: ReadonlyMap<string, Reason>
}

/** Other data reach further than those that were seen: two bits are kept free. */
const LIMIT = LARGEST_HALF / 4
/** A whole number above this is not exact in f16, and an angle is off by 1 / 1024. */
const EXACT = 1024
const WIDE_ANGLE = 8
/** 2^-8: a constant that is off by more is another constant. */
const ROUGH = 1 / 256
const MOST_STEPS = 24
const PRODUCT_HOPS = 4
/** Four bits of the eleven. */
const MOST_CANCELLED = 16
/** Terms of random signs give 1; measured: 0.7 to 4 in networks that lose nothing, 34 in one that did. */
const MOST_GAIN = 4

/** Operators that sum many products or squares before they divide, and may keep the sum in f16. */
const AVERAGES: ReadonlySet<string> = new Set([
  'GlobalAveragePool',
  'InstanceNormalization',
  'GroupNormalization',
  'LpNormalization',
  'MeanVarianceNormalization',
  'ReduceMean',
])
/** Without data: results that can be far larger than what they are made of. */
const GROWING: ReadonlySet<string> = new Set([
  ...[
    'CumSum',
    'Exp',
    'GlobalLpPool',
    'InstanceNormalization',
    'LpNormalization',
    'LpPool',
    'MeanVarianceNormalization',
    'Pow',
  ],
  ...['ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceProd', 'ReduceSum', 'ReduceSumSquare'],
])
const PRODUCTS: ReadonlySet<string> = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul'])
/** Where operators take a bias. */
const BIASED: ReadonlyMap<string, number> = new Map([
  ['BatchNormalization', 2],
  ['Conv', 2],
  ['ConvTranspose', 2],
  ['Gemm', 2],
])
const ANGLES: ReadonlySet<string> = new Set(['Cos', 'Sin', 'Tan'])
const STEPS: ReadonlySet<string> = new Set(['Ceil', 'Equal', 'Floor', 'Mod', 'Round'])
/** Places where the smallest numbers decide. */
const SMALL_MATTERS: ReadonlyMap<string, number> = new Map([
  ['Div', 1],
  ['Log', 0],
  ['Reciprocal', 0],
  ['Sqrt', 0],
])
/** What a value is made of, where its own digits come from: element by element, or moved. */
const TRACED: ReadonlySet<string> = new Set(
  (
    'Abs Add Cast Clip Concat Cos CumSum Div Einsum Expand Floor Gather Identity MatMul Max Min Mod Mul Neg Pad Pow Range Reciprocal ' +
    'ReduceMean ReduceSum ReduceSumSquare Reshape Round Sin Slice Split Sqrt Squeeze Sub Sum Tile Transpose Unsqueeze Where'
  ).split(' '),
)

/**
 * Nodes that have to go on computing in f32: by what was seen of the values around them, by their constants, and by what they belong to.
 * A value without a range is bounded by the kind of operator alone.
 */
export function risksOf(
  model: Model,
  rangeOf: (key: string) => ValueRange | undefined,
  factsOf: (definition: Definition) => ConstantFacts | undefined,
): Risks {
  return new Finder(model, rangeOf, factsOf).find()
}

class Finder {
  readonly #connections: Connections
  readonly #types: ValueTypes
  readonly #rangeOf: (key: string) => ValueRange | undefined
  readonly #factsOf: (definition: Definition) => ConstantFacts | undefined
  readonly #uses: ReadonlyMap<string, readonly Use[]>
  readonly #nodes = new Map<string, Reason>()
  readonly #values = new Map<string, Reason>()

  constructor(
    model: Model,
    rangeOf: (key: string) => ValueRange | undefined,
    factsOf: (definition: Definition) => ConstantFacts | undefined,
  ) {
    this.#connections = connect(model)
    this.#types = new ValueTypes(this.#connections)
    // By name alone: a reader too many does no harm.
    this.#uses = new Map(this.#connections.definitions.map(({ name, uses }) => [name, uses]))
    this.#rangeOf = rangeOf
    this.#factsOf = factsOf
  }

  find(): Risks {
    const { definitions, scopes } = this.#connections
    for (const definition of definitions) this.#value(definition)
    for (const scope of scopes) {
      for (const unit of normUnits(scope, this.#connections)) {
        const reason = range('a normalisation written out: its squares and its small constant need f32')
        for (const node of unit) if (this.#isFloat(scope, node)) this.#keep(scope, node, reason)
      }
      for (const node of scope.nodes) if (this.#isFloat(scope, node)) this.#node(scope, node)
    }
    for (const scope of scopes) for (const node of scope.nodes) this.#beside(scope, node)
    return { nodes: this.#nodes, values: this.#values }
  }

  #isFloat(scope: Scope, node: Node): boolean {
    if (isStandard(node) && node.op === 'Cast') return true
    return this.#types.computed(scope, node) === 'f32'
  }

  #keep(scope: Scope, node: Node, reason: Reason): void {
    const key = nodeKey(scope, node)
    if (key !== null && !this.#nodes.has(key)) this.#nodes.set(key, reason)
  }

  #single(definition: Definition, reason: Reason): void {
    const key = keyOf(definition)
    if (!this.#values.has(key)) this.#values.set(key, reason)
  }

  #rangeAt(definition: Definition | undefined): ValueRange | undefined {
    return definition && this.#rangeOf(keyOf(definition))
  }

  #value(definition: Definition): void {
    if (this.#types.of(definition) !== 'f32') return
    const seen = this.#rangeAt(definition)
    if (seen !== undefined && seen.largest >= LIMIT) {
      this.#single(
        definition,
        range(`"${definition.name}" reaches ${short(seen.largest)} on the data; f16 ends at 65504`),
      )
    } else if (seen !== undefined && seen.lost > 0.5 && seen.largest < 1 / 256) {
      this.#single(
        definition,
        range(`most of "${definition.name}" is too small for f16: its largest is ${short(seen.largest)}`),
      )
    }
    this.#constant(definition)
  }

  #constant(definition: Definition): void {
    const facts = constantTensor(definition) === null ? undefined : this.#factsOf(definition)
    if (facts === undefined) return
    const { largest, elements, loss, worst } = facts
    for (const { scope, node, inputIndex } of definition.uses) {
      if (letterAt(signatureOf(node)?.takes ?? 'A', inputIndex) !== 'T') continue
      const variance = node.op === 'BatchNormalization' && inputIndex === 4
      if (largest > LARGEST_HALF) {
        this.#keep(scope, node, range(`constant "${definition.name}" holds ${short(largest)}; f16 ends at 65504`))
      } else if (worst > ROUGH && (elements === 1 || variance)) {
        this.#keep(scope, node, range(`constant "${definition.name}" is too small for f16`))
      } else if (loss > ROUGH * ROUGH) {
        this.#keep(scope, node, range(`constant "${definition.name}" is too small for f16`))
      }
    }
  }

  #node(scope: Scope, node: Node): void {
    if (!isStandard(node)) return
    const { op } = node
    if (op === 'Transpose' && movesFirst(node) && this.#leadsToProduct(node)) {
      const text = 'onnxruntime (1.24 to 1.30, x64) crashes on this Transpose in f16 before a MatMul (its issue 28392)'
      this.#keep(scope, node, { code: 'target', text })
    }
    const without = withoutKernel(node)
    if (without !== null) this.#keep(scope, node, { code: 'target', text: without })
    const input = this.#connections.resolve(scope, node.inputs[0] ?? '')
    this.#remains(scope, node)
    if (PRODUCTS.has(op)) this.#product(scope, node, input)
    if (op === 'BatchNormalization') this.#cancels(scope, node, input)
    if (AVERAGES.has(op)) this.#average(scope, node, input)
    const isSeen = this.#isSeen(scope, node)
    if (!isSeen && GROWING.has(op) && !this.#isSoftmax(node, input)) {
      this.#keep(scope, node, range(`${op} can leave the range of f16, and no data were seen here`))
    }
    if (ANGLES.has(op) && input !== undefined) this.#angle(scope, node, input)
    if (STEPS.has(op) || (op === 'Cast' && this.#toInteger(scope, node))) this.#exact(scope, node)
    const small = SMALL_MATTERS.get(op)
    if (small !== undefined) this.#small(scope, node, this.#connections.resolve(scope, node.inputs[small] ?? ''))
  }

  /** Whether a MatMul is near: what comes between may be moved or written out by the runtime. */
  #leadsToProduct(from: Node): boolean {
    let near = [from]
    for (let hop = 0; hop < PRODUCT_HOPS; hop++) {
      near = near.flatMap((node) => this.#readers(node))
      if (near.some(({ op }) => op === 'MatMul' || op === 'Gemm' || op === 'FusedMatMul')) return true
    }
    return false
  }

  #readers(node: Node): readonly Node[] {
    return [...new Set(node.outputs.flatMap((name) => (this.#uses.get(name) ?? []).map((use) => use.node)))]
  }

  /** Where the mean is many times the deviation, f16 has rounded away what is left of x - mean. */
  #cancels(scope: Scope, node: Node, input: Definition | undefined): void {
    const [mean, variance] = [3, 4].map((index) => this.#valuesAt(scope, node.inputs[index]))
    if (!mean || !variance || input === undefined) return
    const epsilon = floatAttribute(node, 'epsilon', 1e-5)
    let most = 0
    for (const [index, value] of mean.entries()) {
      const ratio = (value * value) / ((variance[index] ?? 1) + epsilon)
      if (ratio > most) most = ratio
    }
    if (most < MOST_CANCELLED * MOST_CANCELLED) return
    const text = `its mean is up to ${short(Math.sqrt(most))} deviations: the difference needs more digits than f16 has`
    this.#keep(scope, node, range(text))
    this.#single(input, range(text))
    if (input.node !== null) this.#keep(input.scope, input.node, range(text))
  }

  /** Where a sum is much smaller than its terms, what is left of them is mostly their rounding. */
  #remains(scope: Scope, node: Node): void {
    const bias = BIASED.get(node.op)
    if (bias === undefined && node.op !== 'Add' && node.op !== 'Sub') return
    const after = this.#rangeAt(this.#connections.own(scope).get(node.outputs[0] ?? ''))
    if (after === undefined || after.rms === 0) return
    const terms = node.inputs.flatMap((name, index) => {
      const definition = this.#connections.resolve(scope, name)
      if (definition === undefined || (bias !== undefined && index !== bias)) return []
      const constant = constantTensor(definition) === null ? undefined : this.#factsOf(definition)
      return [{ definition, size: (constant ?? this.#rangeAt(definition))?.rms ?? 0 }]
    })
    const most = Math.max(0, ...terms.map(({ size }) => size))
    if (most < MOST_CANCELLED * after.rms) return
    const reason = range(`terms of ${short(most)} cancel to ${short(after.rms)} here: too few digits of f16 are left`)
    this.#keep(scope, node, reason)
    for (const { definition } of terms) if (constantTensor(definition) === null) this.#single(definition, reason)
  }

  /** Where a product is much smaller than its factors promise, its terms cancel, and the rounding of what goes in is what is left. */
  #product(scope: Scope, node: Node, input: Definition | undefined): void {
    const weight = this.#connections.resolve(scope, node.inputs[1] ?? '')
    const tensor = weight === undefined ? null : constantTensor(weight)
    const facts = weight && this.#factsOf(weight)
    const before = this.#rangeAt(input)
    const after = this.#rangeAt(this.#connections.own(scope).get(node.outputs[0] ?? ''))
    if (tensor === null || !facts || !before || !after || after.rms === 0 || input === undefined) return
    const terms = termsOf(node, tensor.shape)
    if (terms === 0) return
    const gain = (before.rms * facts.rms * Math.sqrt(terms)) / after.rms
    if (gain < MOST_GAIN) return
    const reason = range(
      `its terms cancel to 1/${short(gain)} of what they are: the rounding of its input would be left`,
    )
    this.#keep(scope, node, reason)
    this.#single(input, reason)
  }

  #valuesAt(scope: Scope, name = ''): Float32Array | undefined {
    const definition = this.#connections.resolve(scope, name)
    return definition && constantTensor(definition) !== null ? this.#factsOf(definition)?.values : undefined
  }

  #isSeen(scope: Scope, node: Node): boolean {
    return this.#rangeAt(this.#connections.own(scope).get(node.outputs[0] ?? '')) !== undefined
  }

  /** exp(x - max(x)) does not exceed 1. */
  #isSoftmax(node: Node, input: Definition | undefined): boolean {
    if (node.op !== 'Exp' || input?.node?.op !== 'Sub') return false
    return this.#connections.resolve(input.scope, input.node.inputs[1] ?? '')?.node?.op === 'ReduceMax'
  }

  #average(scope: Scope, node: Node, input: Definition | undefined): void {
    const before = this.#rangeAt(input)
    const after = this.#rangeAt(this.#connections.own(scope).get(node.outputs[0] ?? ''))
    if (before === undefined || after === undefined) return
    const isNorm = node.op !== 'ReduceMean' && node.op !== 'GlobalAveragePool'
    const terms = isNorm ? before.elements : before.elements / Math.max(1, after.elements)
    const sum = terms * (isNorm ? before.largest : after.largest)
    if (sum < LARGEST_HALF) return
    this.#keep(scope, node, range(`${node.op} adds up to ${short(sum)} before it divides; f16 ends at 65504`))
  }

  #angle(scope: Scope, node: Node, input: Definition): void {
    const seen = this.#rangeAt(input)
    if (seen !== undefined && seen.largest <= WIDE_ANGLE) return
    const text = seen === undefined ? 'an angle of unknown size' : `an angle of up to ${short(seen.largest)}`
    const reason = range(`${text}: f16 has too few digits for it`)
    this.#keep(scope, node, reason)
    this.#trace(input, reason, (value) => (this.#rangeAt(value)?.largest ?? Number.POSITIVE_INFINITY) > 1)
  }

  #toInteger(scope: Scope, node: Node): boolean {
    const to = this.#types.at(scope, node.outputs[0] ?? '')
    return this.#types.at(scope, node.inputs[0] ?? '') === 'f32' && to !== undefined && /^[iu]/.test(to)
  }

  /** Numbers that are counted with: sizes, indices, positions. */
  #exact(scope: Scope, node: Node): void {
    for (const name of node.inputs) {
      const input = this.#connections.resolve(scope, name)
      if (input === undefined || this.#types.of(input) !== 'f32' || constantTensor(input) !== null) continue
      const counted = countedFrom(input, this.#connections, this.#types)
      if (counted !== null) {
        const reason = range(
          `${node.op} of what is worked out of whole numbers (buckets of distances): other digits give another`,
        )
        this.#keep(scope, node, reason)
        for (const value of counted) {
          this.#single(value, reason)
          if (value.node !== null) this.#keep(value.scope, value.node, reason)
        }
        continue
      }
      const seen = this.#rangeAt(input)
      // Sizes of pictures and sequences: few numbers, where the next whole number may be a digit away.
      const counts = node.op !== 'Equal' && seen !== undefined && seen.elements <= 64
      if (seen !== undefined && seen.largest <= EXACT && !counts && node.op !== 'Cast') continue
      const reason = range(`${node.op} of it needs the digits of f32`)
      this.#keep(scope, node, reason)
      this.#trace(input, reason, (value) => {
        const own = this.#rangeAt(value)
        return own === undefined || own.elements <= 64 || own.largest > EXACT
      })
    }
  }

  #small(scope: Scope, node: Node, input: Definition | undefined): void {
    if (input === undefined || this.#types.of(input) !== 'f32' || constantTensor(input) !== null) return
    const seen = this.#rangeAt(input)
    if (seen === undefined) {
      // A small constant that was added in front says that 0 is near.
      if (node.op === 'Log') this.#keep(scope, node, range('Log of numbers near 0, and no data were seen here'))
      return
    }
    if (seen.subnormal === 0) return
    const reason = range(`${node.op} of numbers below 6e-5, where f16 has few digits left`)
    this.#keep(scope, node, reason)
    this.#trace(input, reason, (value) => (this.#rangeAt(value)?.subnormal ?? 0) > 0.01)
  }

  /** Keeps what a value is made of, as far as `matters` says. */
  #trace(from: Definition, reason: Reason, matters: (value: Definition) => boolean): void {
    const open: [Definition, number][] = [[from, 0]]
    const seen = new Set<Definition>()
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const [value, steps] = at
      if (seen.has(value) || this.#types.of(value) !== 'f32' || constantTensor(value) !== null) continue
      seen.add(value)
      this.#single(value, reason)
      const { node, scope } = value
      if (node === null || steps >= MOST_STEPS || !isStandard(node) || !TRACED.has(node.op)) continue
      this.#keep(scope, node, reason)
      for (const name of node.inputs) {
        const input = this.#connections.resolve(scope, name)
        if (input !== undefined && matters(input)) open.push([input, steps + 1])
      }
    }
  }

  /** A node that reads or gives a value which is not f16 computes in f32. */
  #beside(scope: Scope, node: Node): void {
    if (!this.#isFloat(scope, node)) return
    const signature = signatureOf(node)
    const places: Definition[] = []
    for (const [index, name] of node.inputs.entries()) {
      const input = this.#connections.resolve(scope, name)
      const isT = node.op !== 'Cast' && letterAt(signature?.takes ?? 'A', index) === 'T'
      if (isT && input !== undefined) places.push(input)
    }
    for (const name of node.outputs) {
      const output = this.#connections.own(scope).get(name)
      if (output?.node === node) places.push(output)
    }
    for (const place of places) {
      const reason = this.#values.get(keyOf(place))
      if (reason !== undefined) this.#keep(scope, node, reason)
    }
  }
}

/** What onnxruntime refuses in f16 where it takes it in f32 (1.30, CPU): its own Casts do not help there. */
function withoutKernel(node: Node): string | null {
  if (node.op === 'Dropout' && node.inputs.length > 2) return 'Dropout in training draws other numbers in f16'
  if (node.op === 'Attention') return 'onnxruntime writes Attention out as a function, which does not load in f16'
  const reduces = stringAttribute(node, 'reduction', 'none') !== 'none'
  if (node.op === 'ScatterND' || node.op === 'ScatterElements') {
    return reduces ? `onnxruntime does not take ${node.op} with a reduction in f16` : null
  }
  return null
}

/** The first axis goes further back, the others stay in order: measured with MatMul behind it, at 3 and 4 axes. */
function movesFirst(node: Node): boolean {
  const order = intsAttribute(node, 'perm') ?? []
  const others = order.filter((axis) => axis !== 0)
  return order.length >= 3 && order[0] === 1 && others.every((axis, index) => axis === index + 1)
}

/** How many products an element of the result is the sum of. */
function termsOf({ op }: Node, shape: readonly number[]): number {
  const elements = shape.reduce((product, size) => product * size, 1)
  if (op === 'Conv') return elements / (shape[0] ?? 1)
  if (op === 'MatMul') return shape.at(-2) ?? 0
  if (op === 'Gemm') return Math.max(...shape)
  return elements / (shape[1] ?? 1)
}

export function keyOf({ scope, name }: Definition): string {
  return bodyValueKey(scope.path, name)
}

/** Key of a node: that of its first output; null for nodes that give nothing. */
export function nodeKey(scope: Scope, node: Node): string | null {
  const name = node.outputs.find((one) => one !== '')
  return name === undefined ? null : bodyValueKey(scope.path, name)
}

function range(text: string): Reason {
  return { code: 'range', text }
}

function short(value: number): string {
  return Number(value.toPrecision(3)).toString()
}
