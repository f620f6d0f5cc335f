import { TersorError } from '../../errors.ts'
import { stridesOf, visit, walkOf } from '../loops.ts'
import { floatAt, listOf, numberOf, type Operator, textOf } from './operator.ts'

/** Constants around a tensor. */
const pad: Operator = (tape, inputs, operation) => {
  const x = floatAt(inputs, 0, operation)
  const pads = listOf(inputs, 1, 'pads', operation) ?? []
  const rank = x.shape.length
  const mode = textOf(operation, 'mode', 'constant')
  if (mode !== 'constant' || inputs[3] || pads.length !== 2 * rank || pads.some((amount) => amount < 0)) {
    throw new TersorError('E_UNSUPPORTED', `gradients: Pad: mode ${mode} with amounts [${pads}] is not known`)
  }
  const given = inputs[2]
  const [value = numberOf(operation, 'value', 0)] = given?.kind === 'float' ? tape.floatsOf(given) : []
  const shape = x.shape.map((size, axis) => size + (pads[axis] as number) + (pads[axis + rank] as number))
  const out = tape.blank(shape, x.tracked)
  const strides = stridesOf(shape)
  const first = strides.reduce((at, stride, axis) => at + stride * (pads[axis] as number), out.at)
  const walk = walkOf(x.shape, [stridesOf(x.shape), strides])
  const [from = 0, to = 0] = walk.steps
  const f = tape.machine.floats
  f.fill(value, out.at, out.at + out.count)
  visit(walk, [x.at, first], (px, po) => {
    for (let i = 0; i < walk.inner; i++) f[po + i * to] = f[px + i * from]!
  })
  tape.later(out, () => {
    const [g, into] = [tape.grad(out), tape.grad(x)]
    const now = tape.machine.floats
    visit(walk, [into, g + first - out.at], (px, pg) => {
      for (let i = 0; i < walk.inner; i++) now[px + i * from]! += now[pg + i * to]!
    })
  })
  return [out]
}

export const PADS: readonly (readonly [string, Operator])[] = [['Pad', pad]]
