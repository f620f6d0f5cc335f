import type { LearningTools } from '../../solvers/learned-rounding/index.ts'
import { multiplySpeed } from '../../solvers/learned-rounding/index.ts'
import type { Chain } from './learn-chains.ts'
import type { LearnSettings } from './learn-weights.node.ts'

/** Updated weights for a multiplication of the same time; what everything but products takes beside them, by experience. */
const [UPDATE_IN_PRODUCTS, OVERHEAD] = [60, 1.3]
/** Seconds that running both models for one sample and one chain takes, about. */
const RUNS = 0.02

/** How long learning will take on this machine as busy as it is now: counted multiplications by a short measurement of its speed. */
export function learningSeconds(
  chains: readonly Chain[],
  samples: number,
  { iterations, batch, positions, ridges, drifts }: LearnSettings,
  kernels: LearningTools,
): number {
  let products = 0
  for (const { layers } of chains) {
    for (const { shape } of layers) {
      const places = shape.kernelHeight * shape.kernelWidth
      const depth = places * (shape.depthwise ? 1 : shape.inputs)
      const size = shape.outputs * depth
      const moments = shape.depthwise ? 4 * depth * size : depth * (depth + 3 * shape.outputs)
      products += positions * moments + 6 * ridges.length * depth * size
      products += drifts.length * iterations * (3 * batch * size + UPDATE_IN_PRODUCTS * size)
    }
  }
  return RUNS * samples * chains.length + (OVERHEAD * products) / multiplySpeed(kernels)
}

export function secondsText(seconds: number): string {
  return seconds < 90
    ? `about ${Math.max(10, Math.ceil(seconds / 10) * 10)} s`
    : `about ${Math.ceil(seconds / 60)} minutes`
}
