const { fround } = Math

/**
 * Squared errors as the SIMD kernels add them: f32 in 16 lanes, folded 16 -> 4 in f32 and 4 -> 1 in f64 at every `flush`.
 */
export class ErrorLanes {
  total = 0
  readonly lanes: Float32Array

  constructor() {
    this.lanes = new Float32Array(16)
  }

  add(lane: number, residual: number): void {
    this.lanes[lane] = this.lanes[lane]! + fround(residual * residual)
  }

  flush(): void {
    const { lanes } = this
    const fold = (i: number) => fround(fround(lanes[i]! + lanes[i + 4]!) + fround(lanes[i + 8]! + lanes[i + 12]!))
    this.total += fold(0) + fold(2) + (fold(1) + fold(3))
    lanes.fill(0)
  }
}
