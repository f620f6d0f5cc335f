import { countOf, spreadShape, spreadStrides, visit, walkOf } from '../loops.ts'
import { plain, type Tape } from '../tape.ts'
import type { Plain, Tensor, Value } from '../types.ts'
import { ADD, type Binary, DIV, LEAST_RUN, MAX, MIN, MUL, POW, SUB } from './binary-rules.ts'
import { isPlain, type Operator, valueAt } from './operator.ts'

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

/** Of two values, or of several one after the other; integers stay integers. */
export const BINARIES: readonly (readonly [string, Operator])[] = [
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
]
