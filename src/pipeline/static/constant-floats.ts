import { TersorError } from '../../errors.ts'
import { connect, constantTensor, type Scope } from '../../graph/index.ts'
import type { Model, TensorRef } from '../../model/graph.ts'
import type { Kernels } from '../../model/kernels.ts'
import { elementCountOf } from '../../numbers/dtype.ts'
import { floatsOf } from '../floats.ts'

/** Floats of constants of the main graph by name, whichever way they are spelled. E_INTERNAL for other names. */
export class ConstantFloats {
  readonly #tensors = new Map<string, TensorRef>()
  readonly #kernels: Kernels

  constructor(model: Model, kernels: Kernels) {
    this.#kernels = kernels
    const connections = connect(model)
    for (const [name, definition] of connections.own(connections.scopes[0] as Scope)) {
      const tensor = constantTensor(definition)
      if (tensor !== null) this.#tensors.set(name, tensor)
    }
  }

  tensor(name: string): TensorRef {
    const tensor = this.#tensors.get(name)
    if (tensor === undefined) throw new TersorError('E_INTERNAL', `no constant is called "${name}"`, { where: name })
    return tensor
  }

  async of(name: string): Promise<Float32Array> {
    const tensor = this.tensor(name)
    return floatsOf(tensor, 0, elementCountOf(tensor.shape), this.#kernels)
  }
}
