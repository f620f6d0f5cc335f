/** The values of the page's table of errors, and what every scheme makes of them. */

/** Rows and their length. Formats whose group is longer than a row get all values as one. */
export const ROWS = 64
export const COLUMNS = 1024
const COUNT = ROWS * COLUMNS

/** Map of id to { bits, gaussian, student }: bits a value with all parameters, relative RMS of both kinds of values. */
export function measured(library, ids) {
  const gaussian = gaussianValues(library, library.randomStream(0, 'schemes/gaussian'))
  const student = studentValues(library, library.randomStream(0, 'schemes/student'))
  return new Map(
    ids.map((asked) => {
      const { id } = library.arrayScheme(asked)
      const first = figuresOf(library, id, gaussian)
      return [id, { bits: first.bits, gaussian: first.error, student: figuresOf(library, id, student).error }]
    }),
  )
}

function figuresOf(library, id, values) {
  const { grouping } = library.arrayScheme(id)
  const long = grouping.kind === 'block' && grouping.size > COLUMNS
  const quantized = library.quantizeArray(values, { scheme: id, shape: long ? [COUNT] : [ROWS, COLUMNS] })
  const decoded = library.dequantizeArray(quantized)
  let error = 0
  let energy = 0
  for (let i = 0; i < COUNT; i++) {
    const difference = values[i] - decoded[i]
    error += difference * difference
    energy += values[i] * values[i]
  }
  return {
    bits: ((8 * library.byteLengthOf(quantized)) / COUNT).toFixed(3),
    error: Math.sqrt(error / energy).toPrecision(4),
  }
}

/** Mean 0, deviation 1. */
function gaussianValues(library, random) {
  return Float32Array.from({ length: COUNT }, () => gaussian(library, random))
}

/** Student's t with 5 degrees of freedom: the tails of weights. */
function studentValues(library, random) {
  return Float32Array.from({ length: COUNT }, () => {
    const above = gaussian(library, random)
    let below = 0
    for (let i = 0; i < 5; i++) {
      const one = gaussian(library, random)
      below += one * one
    }
    return above / Math.sqrt(below / 5)
  })
}

/** Marsaglia's polar method on our own logarithm: the same bits in every engine. */
function gaussian(library, random) {
  for (;;) {
    const u = 2 * random.uniform() - 1
    const v = 2 * random.uniform() - 1
    const s = u * u + v * v
    if (s > 0 && s < 1) return u * Math.sqrt((-2 * Math.LN2 * library.log2(s)) / s)
  }
}
