import { TersorError } from '../errors.ts'
import { countOf } from './loops.ts'
import { operatorOf } from './operators/index.ts'
import type { Machine, Operation, Plain, Tensor, Value } from './types.ts'

/**
 * Runs operations and remembers how to go back: reverse mode (Griewank & Walther, Evaluating Derivatives, ch. 3).
 * Memory is a stack: what a run takes is given back by `rewind`. Gradients are added up in the order of the operations from the last
 * to the first, each in the order of its elements: the same bits always.
 */
export class Tape {
  readonly machine: Machine
  #steps: (() => void)[] = []

  constructor(machine: Machine) {
    this.machine = machine
  }

  /** A tensor of given floats. `tracked`: its gradient is wanted. */
  tensor(shape: readonly number[], data: ArrayLike<number>, tracked = false): Tensor {
    const made = this.blank(shape, tracked)
    this.machine.floats.set(data, made.at)
    return made
  }

  /**
   * A tensor that stays through many runs and is learned: its gradient is taken now, and of a matrix the transpose is kept. To be told by
   * `changed` when its elements are others.
   */
  parameter(shape: readonly number[]): Tensor {
    const made = this.blank(shape, true)
    const turned = shape.length === 2 ? { turned: { at: this.machine.take(made.count), fresh: false } } : {}
    const kept: Tensor = { ...made, ...turned }
    this.grad(kept)
    return kept
  }

  changed(parameter: Tensor): void {
    if (parameter.turned) parameter.turned.fresh = false
  }

  /** Gradients of a parameter start again from zero. */
  clear(parameter: Tensor): void {
    const at = this.grad(parameter)
    this.machine.floats.fill(0, at, at + parameter.count)
  }

  /** A tensor whose elements are not set yet. */
  blank(shape: readonly number[], tracked: boolean): Tensor {
    const count = countOf(shape)
    return { kind: 'float', shape, count, at: this.machine.take(count), tracked, source: null, grad: -1 }
  }

  /** The same elements under another shape. */
  reshaped(tensor: Tensor, shape: readonly number[]): Tensor {
    if (countOf(shape) !== tensor.count) {
      throw new TersorError('E_FORMAT', `a shape of ${tensor.count} elements was expected, found [${shape}]`)
    }
    return { ...tensor, shape, source: tensor.source ?? tensor, grad: -1 }
  }

  /** Index of the gradient of a tensor; zeros where nothing has been added yet. */
  grad(tensor: Tensor): number {
    const owner = tensor.source ?? tensor
    if (owner.grad < 0) {
      owner.grad = this.machine.take(owner.count)
      this.machine.floats.fill(0, owner.grad, owner.grad + owner.count)
    }
    return owner.grad
  }

  hasGrad(tensor: Tensor): boolean {
    return (tensor.source ?? tensor).grad >= 0
  }

  floatsOf(tensor: Tensor): Float32Array | Float64Array {
    return this.machine.floats.subarray(tensor.at, tensor.at + tensor.count)
  }

  /** What is to be done for a result when its gradient is known; not called where that stays zero. */
  later(result: Tensor, step: () => void): void {
    if (!result.tracked) return
    this.#steps.push(() => {
      if (this.hasGrad(result)) step()
    })
  }

  /**
   * Computes all outputs of the operations and puts them into `values`; inputs must be there. E_UNSUPPORTED for an operator that is
   * not known (see `isKnown`), E_FORMAT where shapes do not fit.
   */
  run(operations: readonly Operation[], values: Map<string, Value>): void {
    for (const operation of operations) {
      const inputs = operation.inputs.map((name) => {
        const value = name === '' ? null : values.get(name)
        if (value === undefined) {
          throw new TersorError('E_FORMAT', `${operation.op}: its input "${name}" has no value`)
        }
        return value
      })
      const results = operatorOf(operation)(this, inputs, operation)
      for (const [at, name] of operation.outputs.entries()) {
        const result = results[at]
        if (name !== '' && result !== undefined) values.set(name, result)
      }
    }
  }

  /** Goes back through all that was run, from gradients that the caller has put where `grad` says. */
  backward(): void {
    for (let at = this.#steps.length - 1; at >= 0; at--) (this.#steps[at] as () => void)()
    this.#steps = []
  }

  /** Forgets what was run since `mark` (the machine's `end` then). Gradients of tensors made before it must have been taken before it, too. */
  rewind(mark: number): void {
    this.#steps = []
    this.machine.release(mark)
  }
}

export function plain(shape: readonly number[], data: ArrayLike<number>): Plain {
  return { kind: 'plain', shape, data: data instanceof Float64Array ? data : Float64Array.from(data) }
}
