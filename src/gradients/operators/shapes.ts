import { TersorError } from '../../errors.ts'
import { countOf } from '../loops.ts'
import { plain } from '../tape.ts'
import { asPlain } from './binary.ts'
import { axisOf, integersAt, isFloat, isPlain, numberOf, type Operator, valueAt } from './operator.ts'

/** Elements of a range or a filled tensor: shapes are small, masks square. */
const MOST_ELEMENTS = 2 ** 26

const shape: Operator = (_tape, inputs, operation) => {
  const { shape: sizes } = valueAt(inputs, 0, operation)
  const start = numberOf(operation, 'start', 0)
  const end = numberOf(operation, 'end', sizes.length)
  const part = sizes.slice(start, end)
  return [plain([part.length], part)]
}

const size: Operator = (_tape, inputs, operation) => [plain([], [countOf(valueAt(inputs, 0, operation).shape)])]

const range: Operator = (tape, inputs, operation) => {
  const values = [0, 1, 2].map((at) => asPlain(tape, valueAt(inputs, at, operation)).data[0] ?? 0)
  const [start = 0, limit = 0, delta = 1] = values
  const count = Math.max(0, Math.ceil((limit - start) / delta))
  if (!(count <= MOST_ELEMENTS)) throw new TersorError('E_LIMIT', `gradients: Range: ${count} elements`)
  const data = Float64Array.from({ length: count }, (_, i) => start + i * delta)
  return [isFloat(inputs[0]) ? tape.tensor([count], data) : plain([count], data)]
}

const constantOfShape: Operator = (tape, inputs, operation) => {
  const sizes = integersAt(inputs, 0, operation) ?? []
  if (!(countOf(sizes) <= MOST_ELEMENTS)) throw new TersorError('E_LIMIT', `gradients: ConstantOfShape: [${sizes}]`)
  const value = operation.attributes.get('value')
  const fill = typeof value === 'object' && 'kind' in value ? (value.data[0] ?? 0) : 0
  const data = new Float64Array(countOf(sizes)).fill(fill)
  return [numberOf(operation, 'integers', 0) === 1 ? plain(sizes, data) : tape.tensor(sizes, data)]
}

const cumSum: Operator = (_tape, inputs, operation) => {
  const x = valueAt(inputs, 0, operation)
  if (!isPlain(x)) throw new TersorError('E_UNSUPPORTED', 'gradients: CumSum of floats is not known')
  const axis = axisOf(integersAt(inputs, 1, operation)?.[0] ?? 0, x.shape.length, operation)
  const step = countOf(x.shape.slice(axis + 1))
  const own = x.shape[axis] as number
  const exclusive = numberOf(operation, 'exclusive', 0) === 1
  const reverse = numberOf(operation, 'reverse', 0) === 1
  const data = new Float64Array(x.data.length)
  for (let run = 0; run < data.length / Math.max(1, own); run++) {
    const first = Math.floor(run / step) * own * step + (run % step)
    let sum = 0
    for (let i = 0; i < own; i++) {
      const at = first + (reverse ? own - 1 - i : i) * step
      if (exclusive) data[at] = sum
      sum += x.data[at]!
      if (!exclusive) data[at] = sum
    }
  }
  return [plain(x.shape, data)]
}

const trilu: Operator = (tape, inputs, operation) => {
  const x = valueAt(inputs, 0, operation)
  const k = integersAt(inputs, 1, operation)?.[0] ?? 0
  const upper = numberOf(operation, 'upper', 1) === 1
  const [rows = 1, columns = 1] = x.shape.slice(-2)
  const keeps = (i: number): boolean => {
    const [row, column] = [Math.floor(i / columns) % rows, i % columns]
    return upper ? column >= row + k : column <= row + k
  }
  if (isPlain(x))
    return [
      plain(
        x.shape,
        x.data.map((value, i) => (keeps(i) ? value : 0)),
      ),
    ]
  if (x.tracked) throw new TersorError('E_UNSUPPORTED', 'gradients: Trilu of what is learned is not known')
  return [
    tape.tensor(
      x.shape,
      Float64Array.from(tape.floatsOf(x), (value, i) => (keeps(i) ? value : 0)),
    ),
  ]
}

/** The place of the first largest, or smallest. */
function extremePlace(sign: 1 | -1): Operator {
  return (tape, inputs, operation) => {
    const x = asPlain(tape, valueAt(inputs, 0, operation))
    const axis = axisOf(numberOf(operation, 'axis', 0), x.shape.length, operation)
    const own = x.shape[axis] as number
    const step = countOf(x.shape.slice(axis + 1))
    const last = numberOf(operation, 'select_last_index', 0) === 1
    const keeps = numberOf(operation, 'keepdims', 1) === 1
    const sizes = keeps ? x.shape.with(axis, 1) : x.shape.toSpliced(axis, 1)
    const data = new Float64Array(countOf(sizes))
    for (let run = 0; run < data.length; run++) {
      const first = Math.floor(run / step) * own * step + (run % step)
      let best = 0
      for (let i = 1; i < own; i++) {
        const [value, most] = [sign * x.data[first + i * step]!, sign * x.data[first + best * step]!]
        if (value > most || (last && value === most)) best = i
      }
      data[run] = best
    }
    return [plain(sizes, data)]
  }
}

export const SHAPES: readonly (readonly [string, Operator])[] = [
  ['Shape', shape],
  ['Size', size],
  ['Range', range],
  ['ConstantOfShape', constantOfShape],
  ['CumSum', cumSum],
  ['Trilu', trilu],
  ['ArgMax', extremePlace(1)],
  ['ArgMin', extremePlace(-1)],
]
