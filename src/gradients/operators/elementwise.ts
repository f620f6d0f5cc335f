import { cosine, erf, erfSlope, exponential, logarithm, power, sigmoid, sine, tanh } from '../elementary.ts'
import { countOf, spreadShape, spreadStrides, visit, walkOf } from '../loops.ts'
import { plain, type Tape } from '../tape.ts'
import type { Operation, Plain, Tensor, Value } from '../types.ts'
import { floatAt, isFloat, isPlain, numberOf, type Operator, textOf, valueAt } from './operator.ts'

type Numbers = Float32Array | Float64Array

/** Runs of a and b into a result without gaps; `back`: g is the gradient of the result, to add to that of a or b. */
interface Binary {
  forward(f: Numbers, a: number, sa: number, b: number, sb: number, out: number, count: number): void
  backA(f: Numbers, a: number, sa: number, b: number, sb: number, g: number, to: number, count: number): void
  backB(f: Numbers, a: number, sa: number, b: number, sb: number, g: number, to: number, count: number): void
  /** On integers. */
  plain(a: number, b: number): number
  /** The kind that machines know it by. */
  readonly code?: 0 | 1 | 2
}

/** Shorter runs are not worth a call. */
const LEAST_RUN = 16

const ADD: Binary = {
  forward(f, a, sa, b, sb, out, count) {
    for (let i = 0; i < count; i++) f[out + i] = f[a + i * sa]! + f[b + i * sb]!
  },
  backA(f, _a, sa, _b, _sb, g, to, count) {
    gather(f, g, to, sa, count, 1)
  },
  backB(f, _a, _sa, _b, sb, g, to, count) {
    gather(f, g, to, sb, count, 1)
  },
  plain: (a, b) => a + b,
  code: 0,
}

const SUB: Binary = {
  forward(f, a, sa, b, sb, out, count) {
    for (let i = 0; i < count; i++) f[out + i] = f[a + i * sa]! - f[b + i * sb]!
  },
  backA: ADD.backA,
  backB(f, _a, _sa, _b, sb, g, to, count) {
    gather(f, g, to, sb, count, -1)
  },
  plain: (a, b) => a - b,
  code: 1,
}

const MUL: Binary = {
  forward(f, a, sa, b, sb, out, count) {
    for (let i = 0; i < count; i++) f[out + i] = f[a + i * sa]! * f[b + i * sb]!
  },
  backA(f, _a, sa, b, sb, g, to, count) {
    gatherProducts(f, g, b, sb, to, sa, count)
  },
  backB(f, a, sa, _b, sb, g, to, count) {
    gatherProducts(f, g, a, sa, to, sb, count)
  },
  plain: (a, b) => a * b,
  code: 2,
}

const DIV: Binary = {
  forward(f, a, sa, b, sb, out, count) {
    for (let i = 0; i < count; i++) f[out + i] = f[a + i * sa]! / f[b + i * sb]!
  },
  backA(f, _a, sa, b, sb, g, to, count) {
    gatherBy(f, to, sa, count, (i) => f[g + i]! / f[b + i * sb]!)
  },
  backB(f, a, sa, b, sb, g, to, count) {
    gatherBy(f, to, sb, count, (i) => {
      const divisor = f[b + i * sb]!
      return (-f[g + i]! * f[a + i * sa]!) / (divisor * divisor)
    })
  },
  plain: (a, b) => Math.trunc(a / b),
}

const POW: Binary = {
  forward(f, a, sa, b, sb, out, count) {
    for (let i = 0; i < count; i++) f[out + i] = power(f[a + i * sa]!, f[b + i * sb]!)
  },
  backA(f, a, sa, b, sb, g, to, count) {
    gatherBy(f, to, sa, count, (i) => {
      const y = f[b + i * sb]!
      return y === 0 ? 0 : f[g + i]! * y * power(f[a + i * sa]!, y - 1)
    })
  },
  backB(f, a, sa, b, sb, g, to, count) {
    gatherBy(f, to, sb, count, (i) => {
      const x = f[a + i * sa]!
      return x > 0 ? f[g + i]! * power(x, f[b + i * sb]!) * logarithm(x) : 0
    })
  },
  plain: (a, b) => a ** b,
}

const MAX: Binary = extreme(
  (a, b) => a >= b,
  (a, b) => Math.max(a, b),
)
const MIN: Binary = extreme(
  (a, b) => a <= b,
  (a, b) => Math.min(a, b),
)

function extreme(first: (a: number, b: number) => boolean, choose: (a: number, b: number) => number): Binary {
  return {
    forward(f, a, sa, b, sb, out, count) {
      for (let i = 0; i < count; i++) f[out + i] = choose(f[a + i * sa]!, f[b + i * sb]!)
    },
    backA(f, a, sa, b, sb, g, to, count) {
      gatherBy(f, to, sa, count, (i) => (first(f[a + i * sa]!, f[b + i * sb]!) ? f[g + i]! : 0))
    },
    backB(f, a, sa, b, sb, g, to, count) {
      gatherBy(f, to, sb, count, (i) => (first(f[a + i * sa]!, f[b + i * sb]!) ? 0 : f[g + i]!))
    },
    plain: choose,
  }
}

/** Adds `sign` times a run; all of it to one element where the step is 0. */
function gather(f: Numbers, g: number, to: number, step: number, count: number, sign: number): void {
  if (step === 0) {
    let sum = 0
    for (let i = 0; i < count; i++) sum += f[g + i]!
    f[to]! += sign * sum
  } else for (let i = 0; i < count; i++) f[to + i * step]! += sign * f[g + i]!
}

function gatherProducts(f: Numbers, g: number, by: number, sb: number, to: number, step: number, count: number): void {
  if (step === 0) {
    let sum = 0
    for (let i = 0; i < count; i++) sum += f[g + i]! * f[by + i * sb]!
    f[to]! += sum
  } else for (let i = 0; i < count; i++) f[to + i * step]! += f[g + i]! * f[by + i * sb]!
}

function gatherBy(f: Numbers, to: number, step: number, count: number, of: (i: number) => number): void {
  if (step === 0) {
    let sum = 0
    for (let i = 0; i < count; i++) sum += of(i)
    f[to]! += sum
  } else for (let i = 0; i < count; i++) f[to + i * step]! += of(i)
}

export function combine(tape: Tape, kind: Binary, a: Tensor, b: Tensor): Tensor {
  const shape = spreadShape(a.shape, b.shape)
  const out = tape.blank(shape, a.tracked || b.tracked)
  const strides = [spreadStrides(a.shape, shape), spreadStrides(b.shape, shape)]
  const walk = walkOf(shape, [...strides, spreadStrides(shape, shape)])
  const [sa = 0, sb = 0] = walk.steps
  const { inner } = walk
  const { machine } = tape
  const f = machine.floats
  const { code } = kind
  const plainSteps = sa <= 1 && sb <= 1
  if (code !== undefined && plainSteps && inner >= LEAST_RUN) {
    visit(walk, [a.at, b.at, out.at], (pa, pb, po) => machine.combine(code, pa, sa, pb, sb, inner, po, false))
  } else visit(walk, [a.at, b.at, out.at], (pa, pb, po) => kind.forward(f, pa, sa, pb, sb, po, inner))
  tape.later(out, () => {
    const g = tape.grad(out)
    for (const [which, operand] of [a, b].entries()) {
      if (!operand.tracked) continue
      const to = tape.grad(operand)
      const now = machine.floats
      const own = which === 0 ? sa : sb
      if (code !== undefined && plainSteps && own === 1 && inner >= LEAST_RUN) {
        const [shiftA, shiftB] = [to - a.at, to - b.at]
        visit(walk, [a.at, b.at, g], (pa, pb, pg) => {
          const at = which === 0 ? pa + shiftA : pb + shiftB
          if (code === 2) machine.combine(2, pg, 1, which === 0 ? pb : pa, which === 0 ? sb : sa, inner, at, true)
          else machine.combine(code === 1 && which === 1 ? 1 : 0, at, 1, pg, 1, inner, at, false)
        })
        continue
      }
      visit(walk, [a.at, b.at, g], (pa, pb, pg) => {
        if (which === 0) kind.backA(now, pa, sa, pb, sb, pg, to + pa - a.at, inner)
        else kind.backB(now, pa, sa, pb, sb, pg, to + pb - b.at, inner)
      })
    }
  })
  return out
}

function combinePlain(a: Plain, b: Plain, of: (a: number, b: number) => number): Plain {
  const shape = spreadShape(a.shape, b.shape)
  const data = new Float64Array(countOf(shape))
  const walk = walkOf(shape, [
    spreadStrides(a.shape, shape),
    spreadStrides(b.shape, shape),
    spreadStrides(shape, shape),
  ])
  const [sa = 0, sb = 0] = walk.steps
  visit(walk, [0, 0, 0], (pa, pb, po) => {
    for (let i = 0; i < walk.inner; i++) data[po + i] = of(a.data[pa + i * sa]!, b.data[pb + i * sb]!)
  })
  return { kind: 'plain', shape, data }
}

/** Floats of either kind of value. */
export function asTensor(tape: Tape, value: Value): Tensor {
  return value.kind === 'float' ? value : tape.tensor(value.shape, value.data)
}

/** The elements of a value, whatever they are. */
export function asPlain(tape: Tape, value: Value): Plain {
  return value.kind === 'plain' ? value : plain(value.shape, Float64Array.from(tape.floatsOf(value)))
}

function binary(kind: Binary): Operator {
  return (tape, inputs, operation) => {
    const values = inputs.filter((value) => value !== null)
    let result = valueAt(inputs, 0, operation)
    for (const next of values.slice(1)) {
      result =
        isPlain(result) && isPlain(next)
          ? combinePlain(result, next, kind.plain)
          : combine(tape, kind, asTensor(tape, result), asTensor(tape, next))
    }
    return [result]
  }
}

function compare(of: (a: number, b: number) => boolean | number): Operator {
  return (tape, inputs, operation) => {
    const [a, b] = [asPlain(tape, valueAt(inputs, 0, operation)), asPlain(tape, valueAt(inputs, 1, operation))]
    return [combinePlain(a, b, (x, y) => Number(of(x, y)))]
  }
}

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

export { ADD, DIV, MUL, SUB }

export const ELEMENTWISE: readonly (readonly [string, Operator])[] = [
  ['Add', binary(ADD)],
  ['Sub', binary(SUB)],
  ['Mul', binary(MUL)],
  ['Div', binary(DIV)],
  ['Pow', binary(POW)],
  ['Max', binary(MAX)],
  ['Min', binary(MIN)],
  ['Sum', binary(ADD)],
  ['Mod', compare((a, b) => a - b * Math.floor(a / b))],
  ['Equal', compare((a, b) => a === b)],
  ['Greater', compare((a, b) => a > b)],
  ['GreaterOrEqual', compare((a, b) => a >= b)],
  ['Less', compare((a, b) => a < b)],
  ['LessOrEqual', compare((a, b) => a <= b)],
  ['And', compare((a, b) => a !== 0 && b !== 0)],
  ['Or', compare((a, b) => a !== 0 || b !== 0)],
  ['Xor', compare((a, b) => (a !== 0) !== (b !== 0))],
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
