import { parentPort } from 'node:worker_threads'
import { errorFacts } from '../../errors.ts'
import { createKernelsSync, createReferenceKernels } from '../../kernels/index.ts'
import type { Feeds } from '../../model/runtime.ts'
import { Distiller, type DistillerGraph } from './distiller.ts'
import { runPart } from './gradient-runner.ts'
import { elementsOf, slicesOf } from './shared-weights.ts'

/** The models, once. */
export interface OpenOrder {
  readonly order: 'open'
  readonly graph: DistillerGraph
  readonly samples: readonly Feeds[]
  readonly met: readonly Float32Array[]
  readonly kernels: 'wasm' | 'reference'
  /** Elements of all weights that are learned, one after the other. */
  readonly weights: SharedArrayBuffer
}

/** One part of a step; gradients go to `gradients`, laid out as the weights. */
export interface PartOrder {
  readonly order: 'part'
  readonly samples: readonly number[]
  /** 0: distances alone. */
  readonly weight: number
  /** Grows whenever the weights have changed. */
  readonly version: number
  readonly gradients?: SharedArrayBuffer
}

let opened: { readonly distiller: Distiller; readonly order: OpenOrder; version: number } | undefined

function open(order: OpenOrder): void {
  const kernels = order.kernels === 'reference' ? createReferenceKernels() : createKernelsSync()
  const distiller = new Distiller(kernels, order.graph)
  distiller.setMet(order.met)
  opened = { distiller, order, version: -1 }
}

function part({ samples, weight, version, gradients }: PartOrder): number {
  if (!opened) return Number.NaN
  const { distiller, order } = opened
  if (opened.version !== version) {
    distiller.setWeights(slicesOf(order.weights, elementsOf(order.graph)))
    opened.version = version
  }
  const sum = runPart(
    distiller,
    samples.map((index) => order.samples[index] as Feeds),
    weight,
  )
  if (gradients) {
    const slices = slicesOf(gradients, elementsOf(order.graph))
    for (const [index, own] of distiller.gradients().entries()) (slices[index] as Float32Array).set(own)
  }
  return sum
}

parentPort?.on('message', (order: OpenOrder | PartOrder) => {
  try {
    if (order.order === 'open') {
      open(order)
      parentPort?.postMessage({ sum: 0 })
    } else parentPort?.postMessage({ sum: part(order) })
  } catch (thrown) {
    parentPort?.postMessage({ error: errorFacts(thrown) })
  }
})
