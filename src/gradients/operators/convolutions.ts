import { TersorError } from '../../errors.ts'
import { countOf } from '../loops.ts'
import type { Tape } from '../tape.ts'
import type { Tensor } from '../types.ts'
import { floatAt, isFloat, numberOf, type Operator } from './operator.ts'
import { fold, type Places, placesOf, unfold } from './places.ts'

/** A convolution as its groups see it, sample after sample. */
interface Shape {
  readonly samples: number
  readonly groups: number
  /** Of a group: channels that come in, filters, elements of a filter. */
  readonly depth: number
  readonly filters: number
  readonly rows: number
  readonly places: Places
}

/** Where one group of one sample begins: in x, in what comes out, in the weight. */
type Visit = (x: number, y: number, w: number) => void

function eachGroup({ samples, groups, depth, filters, rows, places }: Shape, visit: Visit): void {
  for (let i = 0; i < samples * groups; i++) {
    visit(i * depth * places.plane, i * filters * places.points, (i % groups) * filters * rows)
  }
}

/** Every channel has one filter of its own: no matrix is worth making. */
function isSingle({ depth, filters }: Shape): boolean {
  return depth === 1 && filters === 1
}

const conv: Operator = (tape, inputs, operation) => {
  const x = floatAt(inputs, 0, operation)
  const w = floatAt(inputs, 1, operation)
  const bias = isFloat(inputs[2]) ? inputs[2] : null
  const [samples = 1, channels = 1, ...sizes] = x.shape
  const [all = 1, depth = 1, ...kernel] = w.shape
  const groups = numberOf(operation, 'group', 1)
  if (depth * groups !== channels || all % groups !== 0 || kernel.length !== sizes.length) {
    throw new TersorError('E_FORMAT', `gradients: Conv: weights [${w.shape}] do not fit an input [${x.shape}]`)
  }
  const places = placesOf(sizes, kernel, operation)
  const shape = { samples, groups, depth, filters: all / groups, rows: depth * countOf(kernel), places }
  const tracked = x.tracked || w.tracked || bias?.tracked === true
  const out = tape.blank([samples, all, ...places.outputs], tracked)
  if (isSingle(shape)) singleForward(tape, shape, x, w, out)
  else forward(tape, shape, x, w, out)
  if (bias) addBias(tape, bias, samples, places.points, out)
  tape.later(out, () => {
    const g = tape.grad(out)
    const [toX, toW] = [x.tracked ? tape.grad(x) : -1, w.tracked ? tape.grad(w) : -1]
    if (isSingle(shape)) singleBack(tape, shape, x, w, g, toX, toW)
    else {
      if (w.tracked) weightBack(tape, shape, x, g, toW)
      if (x.tracked) inputBack(tape, shape, w, g, toX)
    }
    if (bias?.tracked) biasBack(tape, bias, samples, places.points, g)
  })
  return [out]
}

/** Calls `visit` for each group with its patches, [rows][points]: unfolded, or x itself where that is the same. */
function eachPatches(tape: Tape, shape: Shape, x: Tensor, visit: Visit): void {
  const { depth, rows, places } = shape
  const { machine } = tape
  const mark = machine.end
  const unfolded = places.isPlain ? 0 : machine.take(rows * places.points)
  eachGroup(shape, (ofX, ofY, ofW) => {
    if (!places.isPlain) unfold(tape, x.at + ofX, depth, places, unfolded)
    visit(places.isPlain ? x.at + ofX : unfolded, ofY, ofW)
  })
  machine.release(mark)
}

function forward(tape: Tape, shape: Shape, x: Tensor, w: Tensor, out: Tensor): void {
  const { filters, rows, places } = shape
  const { points } = places
  eachPatches(tape, shape, x, (patches, ofY, ofW) => {
    tape.machine.multiply(w.at + ofW, rows, 1, patches, points, out.at + ofY, points, filters, rows, points, false)
  })
}

/** Gradients of weights: those of the results times what came in. */
function weightBack(tape: Tape, shape: Shape, x: Tensor, g: number, to: number): void {
  const { filters, rows, places } = shape
  const { points } = places
  const { machine } = tape
  const mark = machine.end
  const turned = machine.take(rows * points)
  eachPatches(tape, shape, x, (patches, ofY, ofW) => {
    machine.transpose(patches, rows, points, turned)
    machine.multiply(g + ofY, points, 1, turned, rows, to + ofW, rows, filters, points, rows, true)
  })
  machine.release(mark)
}

/** Gradients of what came in: those of the results times the weights, turned. */
function inputBack(tape: Tape, shape: Shape, w: Tensor, g: number, to: number): void {
  const { depth, filters, rows, places } = shape
  const { points, isPlain } = places
  const { machine } = tape
  const mark = machine.end
  const patches = isPlain ? 0 : machine.take(rows * points)
  eachGroup(shape, (ofX, ofY, ofW) => {
    const into = isPlain ? to + ofX : patches
    machine.multiply(w.at + ofW, 1, rows, g + ofY, points, into, points, rows, filters, points, isPlain)
    if (!isPlain) fold(tape, patches, depth, places, to + ofX)
  })
  machine.release(mark)
}

function singleForward(tape: Tape, shape: Shape, x: Tensor, w: Tensor, out: Tensor): void {
  const { count, points, sources } = shape.places
  const f = tape.machine.floats
  eachGroup(shape, (ofX, ofY, ofW) => {
    const [from, to] = [x.at + ofX, out.at + ofY]
    f.fill(0, to, to + points)
    for (let k = 0; k < count; k++) {
      const weight = f[w.at + ofW + k]!
      const own = k * points
      for (let point = 0; point < points; point++) {
        const at = sources[own + point]!
        if (at >= 0) f[to + point]! += weight * f[from + at]!
      }
    }
  })
}

/** `toX`, `toW`: -1 where no gradient is wanted. */
function singleBack(tape: Tape, shape: Shape, x: Tensor, w: Tensor, g: number, toX: number, toW: number): void {
  const { count, points, sources } = shape.places
  const f = tape.machine.floats
  eachGroup(shape, (ofX, ofY, ofW) => {
    const [from, grad, into] = [x.at + ofX, g + ofY, toX + ofX]
    for (let k = 0; k < count; k++) {
      const weight = f[w.at + ofW + k]!
      const own = k * points
      let sum = 0
      for (let point = 0; point < points; point++) {
        const at = sources[own + point]!
        if (at < 0) continue
        const slope = f[grad + point]!
        sum += slope * f[from + at]!
        if (toX >= 0) f[into + at]! += slope * weight
      }
      if (toW >= 0) f[toW + ofW + k]! += sum
    }
  })
}

function addBias(tape: Tape, bias: Tensor, samples: number, points: number, out: Tensor): void {
  const f = tape.machine.floats
  for (let row = 0; row < samples * bias.count; row++) {
    const value = f[bias.at + (row % bias.count)]!
    const end = out.at + (row + 1) * points
    for (let at = end - points; at < end; at++) f[at]! += value
  }
}

function biasBack(tape: Tape, bias: Tensor, samples: number, points: number, g: number): void {
  const to = tape.grad(bias)
  const f = tape.machine.floats
  for (let row = 0; row < samples * bias.count; row++) {
    let sum = 0
    const end = g + (row + 1) * points
    for (let at = end - points; at < end; at++) sum += f[at]!
    f[to + (row % bias.count)]! += sum
  }
}

export const CONVOLUTIONS: readonly (readonly [string, Operator])[] = [['Conv', conv]]
