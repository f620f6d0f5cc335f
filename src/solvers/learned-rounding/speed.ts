import type { LearningTools } from './unit.ts'

const SIZE = 128
const LEAST_MS = 20

/** Multiplications a second that products of matrices take now, measured for some milliseconds. For estimates only: nothing is decided by it. */
export function multiplySpeed(kernels: LearningTools): number {
  const bytes = 4 * SIZE * SIZE
  const [a, b, out] = [0, 1, 2].map((at) => kernels.reserve(3 * bytes) + at * bytes) as [number, number, number]
  const once = () => kernels.multiplyRows(a, SIZE, 1, b, SIZE, out, SIZE, SIZE, SIZE, SIZE, 0)
  new Float32Array(kernels.memory, a, 2 * SIZE * SIZE).fill(0)
  once()
  const start = performance.now()
  let [count, elapsed] = [0, 0]
  while (elapsed < LEAST_MS) {
    once()
    count += 1
    elapsed = performance.now() - start
  }
  return (count * SIZE ** 3 * 1000) / elapsed
}
