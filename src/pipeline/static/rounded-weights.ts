import { decibels } from '../../evaluation/decibels.ts'
import {
  asUnsigned,
  type RoundedWeight,
  roundWeight,
  type SafeForm,
  type StaticWeightOptions,
  safeWeightFor,
} from '../../graph/placement/index.ts'
import type { Placement, StaticProduct, StaticWeight } from '../../model/activation.ts'
import type { Model, TensorRef } from '../../model/graph.ts'
import type { Kernels } from '../../model/kernels.ts'
import type { Tools } from '../../model/tools.ts'
import { elementCountOf } from '../../numbers/dtype.ts'
import { ConstantFloats } from './constant-floats.ts'

/** Larger ones take so long that samples would wait for them. */
const MOST_AHEAD = 1 << 22

/** The codes as they are stored, so that no CPU saturates. */
export interface StoredWeight {
  readonly made: StaticWeight
  readonly form: SafeForm
  readonly sqnrDb: number
}

/** Products that read a weight. */
export function readersOf(products: readonly StaticProduct[], name: string): readonly StaticProduct[] {
  return products.filter((one) => one.weight?.name === name)
}

function storedWeight(readers: readonly StaticProduct[], { weight, error, energy }: RoundedWeight): StoredWeight {
  const { form } = safeWeightFor(readers, weight)
  const sqnrDb = error === 0 ? Number.POSITIVE_INFINITY : decibels(energy, error)
  return { made: form === 's8' ? weight : asUnsigned(weight), form, sqnrDb }
}

/** Signed codes of weights, each found once: they follow from the weights alone, as long as no floor of a scale is in the way. */
export class RoundedWeights {
  readonly #known = new WeakMap<TensorRef, Map<string, RoundedWeight>>()
  readonly #stored = new WeakMap<RoundedWeight, Map<string, StoredWeight>>()

  /** As `roundWeight`, of the floats of this tensor. */
  round(
    kernels: Kernels,
    name: string,
    tensor: TensorRef,
    values: Float32Array,
    shape: readonly number[],
    axis: number | null,
    { least, scale = 'extreme' }: Pick<StaticWeightOptions, 'least' | 'scale'>,
  ): RoundedWeight {
    const key = JSON.stringify([name, scale, axis, shape])
    const known = this.#known.get(tensor) ?? new Map<string, RoundedWeight>()
    this.#known.set(tensor, known)
    const plain = known.get(key) ?? roundWeight(kernels, name, values, shape, axis, { scale })
    known.set(key, plain)
    const isFree = least === undefined || plain.floors.every((floor, channel) => (least[channel] ?? 0) <= floor)
    return isFree ? plain : roundWeight(kernels, name, values, shape, axis, { least: least as Float32Array, scale })
  }

  /** In the form that suits all that read it; found once for such readers. */
  stored(readers: readonly StaticProduct[], rounded: RoundedWeight): StoredWeight {
    const key = JSON.stringify(readers.map(({ op, form, depthwise, weight }) => [op, form, depthwise, weight]))
    const known = this.#stored.get(rounded) ?? new Map<string, StoredWeight>()
    this.#stored.set(rounded, known)
    const made = known.get(key) ?? storedWeight(readers, rounded)
    known.set(key, made)
    return made
  }

  /** Rounds the weights of a placement while something else is waited for; ends soon once `until` has settled. Whatever fails here fails again later. */
  async ahead(
    model: Model,
    { products }: Placement,
    scale: 'extreme' | 'error',
    tools: Tools,
    until: Promise<unknown>,
  ): Promise<void> {
    let isOver = false
    const end = () => {
      isOver = true
    }
    until.then(end, end)
    try {
      const floats = new ConstantFloats(model, tools.kernels)
      for (const { weight, form } of products) {
        if (weight === null || form === 'stored') continue
        const tensor = floats.tensor(weight.name)
        if (elementCountOf(tensor.shape) > MOST_AHEAD) continue
        await new Promise((resolve) => setTimeout(resolve, 0))
        if (isOver) return
        const values = await floats.of(weight.name)
        const { name, shape, axis } = weight
        const rounded = this.round(tools.kernels, name, tensor, values, shape, axis, { scale })
        this.stored(readersOf(products, name), rounded)
      }
    } catch {
      return
    }
  }
}
