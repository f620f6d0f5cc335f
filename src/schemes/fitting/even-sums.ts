/** Sums over a block whose values have taken codes 0 .. maxCode; x is the value less the centre. */
export interface EvenSums {
  weight: number
  x: number
  code: number
  codeSquare: number
  cross: number
}

export function emptySums(): EvenSums {
  return { weight: 0, x: 0, code: 0, codeSquare: 0, cross: 0 }
}

/** Code of a value: the whole number nearest (value - centre) * inverse + shift, held within 0 .. maxCode. */
export function sumCodes(
  values: Float32Array,
  weights: Float32Array | undefined,
  centre: number,
  inverse: number,
  shift: number,
  maxCode: number,
  out: EvenSums,
): void {
  const rounding = shift + 0.5
  let weight = 0
  let sum = 0
  let codes = 0
  let squares = 0
  let cross = 0
  for (let i = 0; i < values.length; i++) {
    const x = values[i]! - centre
    let code = Math.floor(x * inverse + rounding)
    if (code > maxCode) code = maxCode
    else if (!(code > 0)) code = 0
    const w = weights === undefined ? 1 : weights[i]!
    const weighted = w * code
    weight += w
    sum += w * x
    codes += weighted
    squares += weighted * code
    cross += weighted * x
  }
  out.weight = weight
  out.x = sum
  out.code = codes
  out.codeSquare = squares
  out.cross = cross
}
