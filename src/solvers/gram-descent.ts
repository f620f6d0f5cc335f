/**
 * Coordinate descent on codes for the error of *products*: for rows x met by vectors q with second moment G = E[q q^T], it lowers
 * (x - decoded)^T G (x - decoded) by moving one code at a time to where the others' errors want it, in order, `sweeps` times.
 * As QuantEase (Behdin et al. 2023) does for layers; for a table of embeddings, the table's own G stands for the queries'.
 *
 * `values`, `decoded` and `codes` hold rows of `width`; `step` gives by element how far a code moves its value (0: leave it).
 * Codes and decoded values change in place. Every move lowers the error, so the result is never worse.
 */
export function gramDescent(
  values: Float32Array,
  decoded: Float32Array,
  codes: Uint16Array,
  step: (index: number) => number,
  maxCode: number,
  gram: Float64Array,
  width: number,
  sweeps: number,
): void {
  const pull = new Float64Array(width)
  for (let at = 0; at < values.length; at += width) {
    // pull = G * error, kept up to date as codes move.
    pull.fill(0)
    for (let j = 0; j < width; j++) {
      const error = (values[at + j] as number) - (decoded[at + j] as number)
      if (error === 0) continue
      for (let i = 0; i < width; i++) pull[i] = (pull[i] as number) + (gram[j * width + i] as number) * error
    }
    for (let sweep = 0; sweep < sweeps; sweep++) {
      let moved = false
      for (let j = 0; j < width; j++) {
        const size = step(at + j)
        const own = gram[j * width + j] as number
        if (size === 0 || own <= 0) continue
        const code = codes[at + j] as number
        const wanted = (pull[j] as number) / (own * size)
        const moves = Math.max(-code, Math.min(maxCode - code, Math.floor(wanted + 0.5)))
        // Less than half a step is worth nothing.
        if (moves === 0 || Math.abs(wanted) <= 0.5) continue
        codes[at + j] = code + moves
        decoded[at + j] = (decoded[at + j] as number) + moves * size
        const change = moves * size
        for (let i = 0; i < width; i++) pull[i] = (pull[i] as number) - (gram[j * width + i] as number) * change
        moved = true
      }
      if (!moved) break
    }
  }
}

/** Second moment of rows, with a little of the mean of its diagonal added to the diagonal. [width][width] */
export function gramOf(values: Float32Array, width: number, most = 20_000): Float64Array {
  const gram = new Float64Array(width * width)
  const rows = values.length / width
  const every = Math.max(1, Math.ceil(rows / most))
  for (let row = 0; row < rows; row += every) {
    const at = row * width
    for (let j = 0; j < width; j++) {
      const x = values[at + j] as number
      if (x === 0) continue
      for (let i = 0; i <= j; i++)
        gram[j * width + i] = (gram[j * width + i] as number) + x * (values[at + i] as number)
    }
  }
  let trace = 0
  for (let j = 0; j < width; j++) {
    for (let i = 0; i < j; i++) gram[i * width + j] = gram[j * width + i] as number
    trace += gram[j * width + j] as number
  }
  for (let j = 0; j < width; j++) gram[j * width + j] = (gram[j * width + j] as number) + (0.0001 * trace) / width
  return gram
}
