import type { TensorRef } from '../../model/graph.ts'
import { float32, uint8 } from './make.ts'

/** Scalar constants that many nodes read, one tensor for each number. */
export class SharedScalars {
  readonly #tensors = new Map<string, TensorRef>()
  readonly #fresh: (base: string) => string

  constructor(fresh: (base: string) => string) {
    this.#fresh = fresh
  }

  get constants(): readonly TensorRef[] {
    return [...this.#tensors.values()]
  }

  u8(value: number): string {
    return this.#named(`u8/${value}`, (name) => uint8(name, value))
  }

  f32(value: number): string {
    return this.#named(`f32/${value}`, (name) => float32(name, value))
  }

  #named(key: string, make: (name: string) => TensorRef): string {
    const tensor = this.#tensors.get(key) ?? make(this.#fresh(key))
    this.#tensors.set(key, tensor)
    return tensor.name
  }
}
