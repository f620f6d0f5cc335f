import { cosine, erf, erfSlope, exponential, logarithm, sigmoid, sine, tanh } from '../elementary.ts'
import { plain, type Tape } from '../tape.ts'
import type { Operation, Tensor } from '../types.ts'
import { asPlain, asTensor, combine } from './binary.ts'
import { ADD } from './binary-rules.ts'
import { floatAt, isFloat, isPlain, numberOf, type Operator, textOf, valueAt } from './operator.ts'

/** `slope` is given what went in and what came out. */
export function map(tape: Tape, x: Tensor, of: (x: number) => number, slope: (x: number, y: number) => number): Tensor {
  const out = tape.blank(x.shape, x.tracked)
  const f = tape.machine.floats
  const { count } = x
  for (let i = 0; i < count; i++) f[out.at + i] = of(f[x.at + i]!)
  tape.later(out, () => {
    const [g, to] = [tape.grad(out), tape.grad(x)]
    const now = tape.machine.floats
    for (let i = 0; i < count; i++) now[to + i]! += now[g + i]! * slope(now[x.at + i]!, now[out.at + i]!)
  })
  return out
}

type Slope = (x: number, y: number) => number

function unary(of: (x: number) => number, slope: Slope): Operator {
  return (tape, inputs, operation) => {
    const x = valueAt(inputs, 0, operation)
    return [isPlain(x) ? plain(x.shape, x.data.map(of)) : map(tape, x, of, slope)]
  }
}

const ROOT_HALF = Math.SQRT1_2
const GELU_BY_TANH = 0.7978845608028654

function gelu(x: number): number {
  return 0.5 * x * (1 + erf(x * ROOT_HALF))
}

function geluSlope(x: number): number {
  return 0.5 * (1 + erf(x * ROOT_HALF)) + 0.5 * x * erfSlope(x * ROOT_HALF) * ROOT_HALF
}

function fastGelu(x: number): number {
  return 0.5 * x * (1 + tanh(GELU_BY_TANH * (x + 0.044715 * x * x * x)))
}

function fastGeluSlope(x: number): number {
  const t = tanh(GELU_BY_TANH * (x + 0.044715 * x * x * x))
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * GELU_BY_TANH * (1 + 3 * 0.044715 * x * x)
}

const step = (x: number): number => Number(x > 0)
const flat: Slope = () => 0

/** Functions that an attribute shapes. */
function shaped(of: (operation: Operation) => readonly [(x: number) => number, Slope]): Operator {
  return (tape, inputs, operation) => [map(tape, floatAt(inputs, 0, operation), ...of(operation))]
}

const clip: Operator = (tape, inputs, operation) => {
  const x = valueAt(inputs, 0, operation)
  const bound = (at: number, name: string, none: number): number => {
    const value = inputs[at]
    if (!value) return numberOf(operation, name, none)
    return (value.kind === 'float' ? tape.floatsOf(value)[0] : value.data[0]) ?? none
  }
  const [low, high] = [bound(1, 'min', -Infinity), bound(2, 'max', Infinity)]
  const inside = (v: number): number => Math.min(high, Math.max(low, v))
  if (isPlain(x)) return [plain(x.shape, x.data.map(inside))]
  return [map(tape, x, inside, (v) => Number(v >= low && v <= high))]
}

/** ONNX numbers of element types that are floats. */
const FLOAT_TYPES = new Set([1, 10, 11, 16])

const cast: Operator = (tape, inputs, operation) => {
  const x = valueAt(inputs, 0, operation)
  const to = numberOf(operation, 'to', 1)
  if (FLOAT_TYPES.has(to)) return [asTensor(tape, x)]
  const whole = to === 9 ? (v: number) => Number(v !== 0) : Math.trunc
  return [plain(x.shape, asPlain(tape, x).data.map(whole))]
}

const biasGelu: Operator = (tape, inputs, operation) => {
  const x = combine(tape, ADD, floatAt(inputs, 0, operation), floatAt(inputs, 1, operation))
  return [map(tape, x, gelu, geluSlope)]
}

const fastGeluOf: Operator = (tape, inputs, operation) => {
  const x = floatAt(inputs, 0, operation)
  const whole = isFloat(inputs[1]) ? combine(tape, ADD, x, inputs[1]) : x
  return [map(tape, whole, fastGelu, fastGeluSlope)]
}

export const FUNCTIONS: readonly (readonly [string, Operator])[] = [
  [
    'Not',
    (tape, inputs, operation) => {
      const x = asPlain(tape, valueAt(inputs, 0, operation))
      return [
        plain(
          x.shape,
          x.data.map((v) => Number(v === 0)),
        ),
      ]
    },
  ],
  [
    'IsNaN',
    (tape, inputs, operation) => {
      const x = asPlain(tape, valueAt(inputs, 0, operation))
      return [
        plain(
          x.shape,
          x.data.map((v) => Number(Number.isNaN(v))),
        ),
      ]
    },
  ],
  [
    'Neg',
    unary(
      (x) => -x,
      () => -1,
    ),
  ],
  ['Abs', unary(Math.abs, (x) => (x < 0 ? -1 : 1))],
  ['Sqrt', unary(Math.sqrt, (_x, y) => 0.5 / y)],
  [
    'Reciprocal',
    unary(
      (x) => 1 / x,
      (_x, y) => -y * y,
    ),
  ],
  ['Exp', unary(exponential, (_x, y) => y)],
  ['Log', unary(logarithm, (x) => 1 / x)],
  ['Tanh', unary(tanh, (_x, y) => 1 - y * y)],
  ['Sigmoid', unary(sigmoid, (_x, y) => y * (1 - y))],
  ['Sin', unary(sine, (x) => cosine(x))],
  ['Cos', unary(cosine, (x) => -sine(x))],
  ['Erf', unary(erf, (x) => erfSlope(x))],
  ['Relu', unary((x) => (x > 0 ? x : 0), step)],
  [
    'Softplus',
    unary(
      (x) => (x > 30 ? x : logarithm(1 + exponential(x))),
      (x) => sigmoid(x),
    ),
  ],
  [
    'Softsign',
    unary(
      (x) => x / (1 + Math.abs(x)),
      (x) => 1 / ((1 + Math.abs(x)) * (1 + Math.abs(x))),
    ),
  ],
  [
    'HardSwish',
    unary(
      (x) => x * Math.min(1, Math.max(0, x / 6 + 0.5)),
      (x) => (x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5),
    ),
  ],
  ['Sign', unary(Math.sign, flat)],
  ['Floor', unary(Math.floor, flat)],
  ['Ceil', unary(Math.ceil, flat)],
  [
    'QuickGelu',
    shaped((operation) => {
      const alpha = Math.fround(numberOf(operation, 'alpha', 1.702))
      return [
        (x) => x * sigmoid(alpha * x),
        (x) => {
          const s = sigmoid(alpha * x)
          return s * (1 + alpha * x * (1 - s))
        },
      ]
    }),
  ],
  [
    'Gelu',
    shaped((operation) =>
      textOf(operation, 'approximate', 'none') === 'tanh' ? [fastGelu, fastGeluSlope] : [gelu, geluSlope],
    ),
  ],
  [
    'LeakyRelu',
    shaped((operation) => {
      const alpha = Math.fround(numberOf(operation, 'alpha', 0.01))
      return [(x) => (x < 0 ? alpha * x : x), (x) => (x < 0 ? alpha : 1)]
    }),
  ],
  [
    'Elu',
    shaped((operation) => {
      const alpha = Math.fround(numberOf(operation, 'alpha', 1))
      return [(x) => (x < 0 ? alpha * (exponential(x) - 1) : x), (x, y) => (x < 0 ? y + alpha : 1)]
    }),
  ],
  ['BiasGelu', biasGelu],
  ['FastGelu', fastGeluOf],
  ['Clip', clip],
  ['Cast', cast],
]
