import { TersorError } from '../../errors.ts'
import { countOf, spreadShape, spreadStrides, visit, walkOf } from '../loops.ts'
import type { Tape } from '../tape.ts'
import type { Operation, Tensor } from '../types.ts'
import { combine } from './binary.ts'
import { ADD } from './binary-rules.ts'
import { map } from './functions.ts'
import { permuted } from './moves.ts'
import { floatAt, isFloat, numberOf, type Operator } from './operator.ts'

/** The product of stacks of matrices as `numpy.matmul` defines it. */
export function matmul(tape: Tape, a: Tensor, b: Tensor): Tensor {
  if (a.shape.length === 1 || b.shape.length === 1) {
    const left = a.shape.length === 1 ? tape.reshaped(a, [1, ...a.shape]) : a
    const right = b.shape.length === 1 ? tape.reshaped(b, [...b.shape, 1]) : b
    const product = matmul(tape, left, right)
    const shape = product.shape.filter(
      (_, axis) =>
        !(a.shape.length === 1 && axis === product.shape.length - 2) &&
        !(b.shape.length === 1 && axis === product.shape.length - 1),
    )
    return tape.reshaped(product, shape)
  }
  const depth = a.shape.at(-1) as number
  const columns = b.shape.at(-1) as number
  if (b.shape.at(-2) !== depth) {
    throw new TersorError(
      'E_FORMAT',
      `MatMul: inner sizes that are equal were expected, found [${a.shape}] and [${b.shape}]`,
    )
  }
  // One matrix on the right: all matrices on the left are rows of one.
  const single = b.shape.slice(0, -2).every((size) => size === 1)
  const rows = single ? countOf(a.shape.slice(0, -1)) : (a.shape.at(-2) as number)
  const stack = single ? [] : spreadShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
  const lead = single ? leadOf(a.shape, b.shape) : [...stack, rows]
  const out = tape.blank([...lead, columns], a.tracked || b.tracked)
  const walk = walkOf(
    [...stack, 1],
    [
      [...spreadStrides(single ? [] : a.shape.slice(0, -2), stack).map((one) => one * rows * depth), 0],
      [...spreadStrides(single ? [] : b.shape.slice(0, -2), stack).map((one) => one * depth * columns), 0],
      [...spreadStrides(stack, stack).map((one) => one * rows * columns), 0],
    ],
  )
  const each = (starts: readonly number[], run: (a: number, b: number, c: number) => void): void => {
    const [sa = 0, sb = 0, sc = 0] = walk.steps
    visit(walk, starts, (pa, pb, pc) => {
      for (let i = 0; i < walk.inner; i++) run(pa + i * sa, pb + i * sb, pc + i * sc)
    })
  }
  const { machine } = tape
  each([a.at, b.at, out.at], (pa, pb, po) => {
    machine.multiply(pa, depth, 1, pb, columns, po, columns, rows, depth, columns, false)
  })
  tape.later(out, () => {
    const g = tape.grad(out)
    if (a.tracked) {
      const to = tape.grad(a)
      const mark = machine.end
      const kept = b.source === null ? b.turned : undefined
      const turned = kept?.at ?? machine.take(depth * columns)
      each([to, b.at, g], (pa, pb, pg) => {
        if (!kept?.fresh) machine.transpose(pb, depth, columns, turned)
        if (kept) kept.fresh = true
        machine.multiply(pg, columns, 1, turned, depth, pa, depth, rows, columns, depth, true)
      })
      machine.release(mark)
    }
    if (b.tracked) {
      const to = tape.grad(b)
      each([a.at, to, g], (pa, pb, pg) => {
        machine.multiply(pa, 1, depth, pg, columns, pb, columns, depth, rows, columns, true)
      })
    }
  })
  return out
}

/** Leading sizes of a product with one matrix on the right. */
function leadOf(a: readonly number[], b: readonly number[]): readonly number[] {
  const lead = a.slice(0, -1)
  const extra = b.length - a.length
  return extra > 0 ? [...new Array<number>(extra).fill(1), ...lead] : lead
}

function scaled(tape: Tape, x: Tensor, factor: number): Tensor {
  return factor === 1
    ? x
    : map(
        tape,
        x,
        (v) => v * factor,
        () => factor,
      )
}

const gemm: Operator = (tape, inputs, operation) => {
  const turn = (x: Tensor, name: string): Tensor => (numberOf(operation, name, 0) === 1 ? permuted(tape, x, [1, 0]) : x)
  const a = turn(floatAt(inputs, 0, operation), 'transA')
  const b = turn(floatAt(inputs, 1, operation), 'transB')
  const product = scaled(tape, matmul(tape, a, b), Math.fround(numberOf(operation, 'alpha', 1)))
  const [, , c] = inputs
  return [
    isFloat(c) ? combine(tape, ADD, product, scaled(tape, c, Math.fround(numberOf(operation, 'beta', 1)))) : product,
  ]
}

/** Products of rows that are read from both ends: FusedMatMul of onnxruntime. */
const fusedMatMul: Operator = (tape, inputs, operation) => {
  const turn = (x: Tensor, name: string): Tensor => {
    if (numberOf(operation, name, 0) !== 1 || x.shape.length < 2) return x
    const axes = x.shape.map((_, axis) => axis)
    axes.push(...axes.splice(-2, 1))
    return permuted(tape, x, axes)
  }
  if (numberOf(operation, 'transBatchA', 0) || numberOf(operation, 'transBatchB', 0)) {
    throw new TersorError('E_UNSUPPORTED', 'gradients: FusedMatMul: stacks that are turned are not known')
  }
  const product = matmul(
    tape,
    turn(floatAt(inputs, 0, operation), 'transA'),
    turn(floatAt(inputs, 1, operation), 'transB'),
  )
  return [scaled(tape, product, Math.fround(numberOf(operation, 'alpha', 1)))]
}

export const MATRICES: readonly (readonly [string, Operator])[] = [
  [
    'MatMul',
    (tape, inputs, operation: Operation) => [
      matmul(tape, floatAt(inputs, 0, operation), floatAt(inputs, 1, operation)),
    ],
  ],
  ['Gemm', gemm],
  ['FusedMatMul', fusedMatMul],
]
