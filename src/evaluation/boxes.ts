import { TersorError } from '../errors.ts'
import { boxesOf, detectionOutputs, matchedBoxes } from './detections.ts'
import type { MetricMeter } from './metric.ts'

/**
 * F1 of the boxes of both models: a box of one is the same as a box of the other of its class that it overlaps by half or more.
 * E_USAGE where no output pair is boxes and scores by its shape, or neither model sees anything.
 */
export function boxMeter(): MetricMeter {
  const seen = { float: 0, quantized: 0, same: 0 }
  let overlap = 0
  let samples = 0
  return {
    add(_sample, float, quantized) {
      const outputs = detectionOutputs(float)
      if (outputs === undefined)
        throw new TersorError('E_USAGE', 'no pair of outputs is boxes [N, 4] and scores [N, classes] from 0 to 1', {
          where: '--metric boxes',
          hint: 'a metric module (--metric FILE.mjs) can decode any detector',
        })
      const [a, b] = [boxesOf(float, outputs), boxesOf(quantized, outputs)]
      const pairs = matchedBoxes(a, b)
      seen.float += a.length
      seen.quantized += b.length
      seen.same += pairs.length
      for (const [, , share] of pairs) overlap += share
      samples += 1
    },
    facts() {
      const all = seen.float + seen.quantized
      if (all === 0)
        throw new TersorError('E_USAGE', 'neither model sees a box in these samples', { where: '--metric boxes' })
      return { name: 'boxes', float: 1, quantized: (2 * seen.same) / all, higherIsBetter: true, samples }
    },
    examples: () => [],
    notes() {
      if (seen.same === 0) return []
      const mean = (overlap / seen.same).toFixed(3)
      return [
        `boxes: ${seen.float} in float, ${seen.quantized} in the result, ${seen.same} the same with a mean overlap of ${mean}`,
      ]
    },
  }
}
