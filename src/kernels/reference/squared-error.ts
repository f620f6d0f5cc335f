import type { Arena } from './arena.ts'
import { ROW_RUN } from './encode.ts'
import { ErrorLanes } from './error-lanes.ts'

const { fround } = Math

export function squaredError(arena: Arena, a: number, b: number, count: number, out: number): void {
  const { f32, f64 } = arena
  const errors = new ErrorLanes()
  const energy = new ErrorLanes()
  for (let start = 0; start < count; start += ROW_RUN) {
    for (let i = start; i < Math.min(count, start + ROW_RUN); i++) {
      const x = f32[a / 4 + i]!
      errors.add(i % 16, fround(x - f32[b / 4 + i]!))
      energy.add(i % 16, x)
    }
    errors.flush()
    energy.flush()
  }
  f64[out / 8] = errors.total
  f64[out / 8 + 1] = energy.total
}
