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
  const error = new Float64Array(width)
  for (let at = 0; at < values.length; at += width) {
    // pull = G * error, kept up to date as codes move.
    pull.fill(0)
    for (let j = 0; j < width; j++) error[j] = (values[at + j] as number) - (decoded[at + j] as number)
    addProducts(gram, error, width, pull)
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

/** pull += G * error, four columns in one pass; each sum in the order of the columns. */
function addProducts(gram: Float64Array, error: Float64Array, width: number, pull: Float64Array): void {
  let j = 0
  for (; j + 3 < width; j += 4) {
    const [e0, e1, e2, e3] = [error[j], error[j + 1], error[j + 2], error[j + 3]] as [number, number, number, number]
    const g = j * width
    for (let i = 0; i < width; i++) {
      let sum = pull[i] as number
      sum += (gram[g + i] as number) * e0
      sum += (gram[g + width + i] as number) * e1
      sum += (gram[g + 2 * width + i] as number) * e2
      sum += (gram[g + 3 * width + i] as number) * e3
      pull[i] = sum
    }
  }
  for (; j < width; j++) {
    const e = error[j] as number
    for (let i = 0; i < width; i++) pull[i] = (pull[i] as number) + (gram[j * width + i] as number) * e
  }
}

/** Second moment of rows, with a little of the mean of its diagonal added to the diagonal. [width][width] */
export function gramOf(values: Float32Array, width: number, most = 20_000): Float64Array {
  const gram = new Float64Array(width * width)
  const rows = values.length / width
  const every = Math.max(1, Math.ceil(rows / most))
  const used = Array.from({ length: Math.ceil(rows / every) }, (_, i) => i * every * width)
  let next = 0
  // Four rows in one pass; each sum in the order of the rows.
  for (; next + 3 < used.length; next += 4) {
    const [a, b, c, d] = used.slice(next, next + 4) as [number, number, number, number]
    for (let j = 0; j < width; j++) {
      const [xa, xb, xc, xd] = [values[a + j], values[b + j], values[c + j], values[d + j]] as [
        number,
        number,
        number,
        number,
      ]
      const g = j * width
      for (let i = 0; i <= j; i++) {
        let sum = gram[g + i] as number
        sum += xa * (values[a + i] as number)
        sum += xb * (values[b + i] as number)
        sum += xc * (values[c + i] as number)
        sum += xd * (values[d + i] as number)
        gram[g + i] = sum
      }
    }
  }
  for (const at of used.slice(next)) {
    for (let j = 0; j < width; j++) {
      const x = values[at + j] as number
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
