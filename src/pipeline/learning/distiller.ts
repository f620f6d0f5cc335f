import { TersorError } from '../../errors.ts'
import {
  divergence,
  KernelMachine,
  type MachineKernels,
  type Operation,
  pooledError,
  type Rows,
  relativeError,
  Tape,
  type Tensor,
  type Value,
} from '../../gradients/index.ts'
import type { Feeds } from '../../model/runtime.ts'
import type { Constant } from './operations.ts'
import { numbersOf } from './operations.ts'

/** How an output is compared: scores by divergence, values by distance, runs of values that are pooled by the distance of their means, too. */
export interface OutputLoss {
  readonly name: string
  readonly kind: 'scores' | 'values' | 'pooled'
}

/** A graph with all that it reads; plain data, so that it can be posted to a worker. */
export interface DistillerGraph {
  readonly operations: readonly Operation[]
  readonly constants: ReadonlyMap<string, Constant>
  /** Constants that differ between the float model and the one that learns, in the order of their gradients. */
  readonly learned: readonly string[]
  /** Constants that differ, too, and stay. */
  readonly met: readonly string[]
  readonly outputs: readonly OutputLoss[]
  /** Several samples of one shape may be run as one. */
  readonly stacks?: boolean
  /** Input that is 0 for tokens that do not count. */
  readonly mask?: string
  /** Samples bring what each output is to be, under these names: the float model is not run, and nobody needs what it learns from. */
  readonly targets?: readonly string[]
}

export interface Survey {
  readonly multiplications: number
  readonly outputs: readonly {
    readonly name: string
    readonly shape: readonly number[]
    readonly floats: Float32Array
  }[]
}

/** Runs a float model and one with other weights side by side: how far apart they are, and which way the weights should go. */
export class Distiller {
  readonly #tape: Tape
  readonly #graph: DistillerGraph
  readonly #teacher = new Map<string, Value>()
  readonly #student = new Map<string, Value>()
  readonly #learned: readonly Tensor[]
  readonly #met: readonly Tensor[]
  readonly #mark: number

  /** `kernels` are this object's alone. */
  constructor(kernels: MachineKernels, graph: DistillerGraph) {
    this.#graph = graph
    this.#tape = new Tape(new KernelMachine(kernels))
    const [learned, met] = [new Set(graph.learned), new Set(graph.met)]
    for (const [name, constant] of graph.constants) {
      if (constant.kind === 'plain') {
        this.#teacher.set(name, constant)
        this.#student.set(name, constant)
        continue
      }
      const alone = graph.targets !== undefined
      const teacher = (): Tensor => this.#tape.tensor(constant.shape, constant.floats)
      if (!alone) this.#teacher.set(name, teacher())
      if (learned.has(name)) this.#student.set(name, this.#tape.parameter(constant.shape))
      else if (met.has(name)) this.#student.set(name, this.#tape.blank(constant.shape, false))
      else this.#student.set(name, alone ? teacher() : (this.#teacher.get(name) as Tensor))
    }
    const own = (name: string): Tensor => {
      const tensor = this.#student.get(name)
      if (tensor?.kind !== 'float')
        throw new TersorError('E_INTERNAL', 'learning: no constant of floats', { where: name })
      return tensor
    }
    this.#learned = graph.learned.map(own)
    this.#met = graph.met.map(own)
    this.#mark = this.#tape.machine.end
  }

  get stacks(): boolean {
    return this.#graph.stacks === true
  }

  /** Elements of the weights that are learned, by their order. */
  setWeights(weights: readonly Float32Array[]): void {
    for (const [index, student] of this.#learned.entries()) {
      this.#tape.floatsOf(student).set(weights[index] as Float32Array)
      this.#tape.changed(student)
    }
  }

  /** Elements of the weights that differ and stay. */
  setMet(weights: readonly Float32Array[]): void {
    for (const [index, student] of this.#met.entries()) this.#tape.floatsOf(student).set(weights[index] as Float32Array)
  }

  /** Gradients of all runs since the last `clear`, by the order of the weights; read before the next call. */
  gradients(): readonly Float32Array[] {
    return this.#learned.map((student) => {
      const at = this.#tape.grad(student)
      return this.#tape.machine.floats.subarray(at, at + student.count) as Float32Array
    })
  }

  clear(): void {
    for (const student of this.#learned) this.#tape.clear(student)
  }

  /** The distance of one sample; `weight` times its gradients is added up, none where it is 0. */
  run(feeds: Feeds, weight: number): number {
    const tape = this.#tape
    const targets = this.#targetsOf(feeds)
    tape.rewind(this.#mark)
    const results = this.#outputs(this.#student, this.#inputsOf(feeds))
    let sum = 0
    const { outputs } = this.#graph
    for (const [index, { kind }] of outputs.entries()) {
      const [result, target] = [results[index] as Tensor, targets[index] as Float32Array]
      const rows = this.#rowsOf(result, feeds)
      const share = weight / outputs.length
      let distance: number
      if (kind === 'scores') distance = divergence(tape, result, target, rows, share)
      else {
        distance = relativeError(tape, result, target, rows, share)
        if (kind === 'pooled') distance += pooledError(tape, result, target, rows, share, result.shape[0] ?? 1)
      }
      sum += distance / outputs.length
    }
    if (weight !== 0) tape.backward()
    tape.rewind(this.#mark)
    return sum
  }

  /** One run of the float model: what it takes, and those of its outputs that hold floats. */
  survey(feeds: Feeds, names: readonly string[]): Survey {
    const machine = this.#tape.machine as KernelMachine
    const before = machine.multiplications
    const values = new Map([...this.#teacher, ...this.#inputsOf(feeds)])
    this.#tape.run(this.#graph.operations, values)
    const outputs = names.flatMap((name) => {
      const value = values.get(name)
      return value?.kind === 'float'
        ? [{ name, shape: value.shape, floats: this.#tape.floatsOf(value).slice() as Float32Array }]
        : []
    })
    this.#tape.rewind(this.#mark)
    return { multiplications: machine.multiplications - before, outputs }
  }

  #targetsOf(feeds: Feeds): readonly ArrayLike<number>[] {
    const { targets } = this.#graph
    if (targets === undefined) {
      return this.#outputs(this.#teacher, this.#inputsOf(feeds)).map((tensor) => this.#tape.floatsOf(tensor).slice())
    }
    return targets.map((name) => {
      const { data, dtype } = feeds[name] ?? {}
      const numbers = data instanceof Uint8Array && dtype !== undefined ? numbersOf(data, dtype) : null
      if (numbers === null)
        throw new TersorError('E_INTERNAL', 'learning: a sample without its target', { where: name })
      return numbers
    })
  }

  #inputsOf(feeds: Feeds): Map<string, Value> {
    const values = new Map<string, Value>()
    const targets = new Set(this.#graph.targets)
    for (const [name, { dtype, shape, data }] of Object.entries(feeds)) {
      if (targets.has(name)) continue
      if (!(data instanceof Uint8Array)) throw new TersorError('E_UNSUPPORTED', `learning: input "${name}" holds text`)
      const numbers = numbersOf(data, dtype)
      if (numbers === null) throw new TersorError('E_UNSUPPORTED', `learning: input "${name}" holds ${dtype}`)
      const floats = dtype === 'f32' || dtype === 'f64' || dtype === 'f16'
      values.set(name, floats ? this.#tape.tensor(shape, numbers) : { kind: 'plain', shape, data: numbers })
    }
    return values
  }

  #outputs(constants: ReadonlyMap<string, Value>, inputs: ReadonlyMap<string, Value>): readonly Tensor[] {
    const values = new Map([...constants, ...inputs])
    this.#tape.run(this.#graph.operations, values)
    return this.#graph.outputs.map(({ name }) => {
      const value = values.get(name)
      if (value?.kind !== 'float') throw new TersorError('E_UNSUPPORTED', `learning: output "${name}" holds no floats`)
      return value
    })
  }

  /** Rows of tokens that count. */
  #rowsOf(result: Tensor, feeds: Feeds): Rows {
    const { mask } = this.#graph
    const given = mask === undefined ? undefined : feeds[mask]
    const width = result.shape.at(-1) ?? 1
    const count = result.count / width
    if (given === undefined || !(given.data instanceof Uint8Array) || result.shape.length < 2) return null
    const numbers = numbersOf(given.data, given.dtype)
    if (numbers === null || numbers.length !== count) return null
    return Array.from({ length: count }, (_, row) => row).filter((row) => numbers[row] !== 0)
  }
}
