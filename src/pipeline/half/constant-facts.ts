import { type ConstantFacts, keyOf } from '../../graph/half/index.ts'
import { connect, constantTensor } from '../../graph/index.ts'
import type { Model, TensorRef } from '../../model/graph.ts'
import type { Kernels } from '../../model/kernels.ts'
import type { Tools } from '../../model/tools.ts'
import { roundToF16 } from '../../numbers/f16.ts'
import { breather } from '../breath.ts'
import { floatsOf } from '../floats.ts'

const WINDOW = 1 << 20
/** Constants of a number a channel are kept as they are. */
const FEW = 8192

/** What rounding to f16 would do to each f32 constant, by the key of its value. One reading of the model, in windows; `known` ones are not read again. */
export async function constantFacts(
  model: Model,
  tools: Tools,
  known: ReadonlyMap<string, ConstantFacts> = new Map(),
): Promise<ReadonlyMap<string, ConstantFacts>> {
  const found = new Map<string, ConstantFacts>()
  const breath = breather()
  for (const definition of connect(model).definitions) {
    const tensor = constantTensor(definition)
    if (tensor === null || tensor.dtype !== 'f32') continue
    if (tensor.storage.kind === 'opaque' || tensor.storage.kind === 'produced') continue
    const key = keyOf(definition)
    const before = known.get(key)
    if (before !== undefined) {
      found.set(key, before)
      continue
    }
    await breath()
    tools.signal?.throwIfAborted()
    found.set(key, await factsOf(tensor, tools.kernels))
  }
  return found
}

async function factsOf(tensor: TensorRef, kernels: Kernels): Promise<ConstantFacts> {
  const elements = tensor.shape.reduce((product, size) => product * size, 1)
  let largest = 0
  let worst = 0
  let error = 0
  let energy = 0
  let finite = true
  let kept: Float32Array | undefined
  for (let start = 0; start < elements; start += WINDOW) {
    const values = await floatsOf(tensor, start, Math.min(WINDOW, elements - start), kernels)
    if (elements <= FEW) kept = values.slice()
    for (const value of values) {
      const magnitude = value < 0 ? -value : value
      if (!(magnitude < Number.POSITIVE_INFINITY)) {
        finite = false
        continue
      }
      if (magnitude > largest) largest = magnitude
      energy += magnitude * magnitude
      // From 2^-14 to 65504 an element is off by 2^-11 of itself at most: only the others are told apart.
      if (magnitude === 0 || (magnitude >= 6.103515625e-5 && magnitude <= 65504)) continue
      const rounded = roundToF16(magnitude)
      const off = rounded > magnitude ? rounded - magnitude : magnitude - rounded
      if (off === Number.POSITIVE_INFINITY) continue
      error += off * off
      if (off > worst * magnitude) worst = off / magnitude
    }
  }
  return {
    largest,
    rms: elements > 0 ? Math.sqrt(energy / elements) : 0,
    elements,
    loss: energy > 0 ? error / energy : 0,
    worst,
    finite,
    ...(kept ? { values: kept } : {}),
  }
}
