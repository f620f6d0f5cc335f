import { intAttribute } from '../../attributes.ts'
import { elementCount, FLOATS, input, isVector, type Link, output, type Port, type Rule } from './axis.ts'

/** f32, f16, f64 and bf16, as ONNX numbers them. */
const FLOAT_TYPES: ReadonlySet<number> = new Set([1, 10, 11, 16])

const others = (all: readonly Port[], port: Port): readonly Port[] =>
  all.filter((one) => one.side !== port.side || one.index !== port.index)

/** Everything that has this axis turns with it: sums, and what has one input. */
export const sum: Rule = (node, _scope, port, along) => {
  const all = [output(0), ...node.inputs.map((_, index) => input(index))]
  return others(all, port).map((one): Link => ({ port: one, ...along, how: 'same' }))
}

export const passes: Rule = (node, _scope, port, along) => {
  if (port.index !== 0) return `${node.op} in between`
  return [{ port: port.side === 'in' ? output(0) : input(0), ...along, how: 'same' }]
}

export const cast: Rule = (node, scope, port, along, facts) =>
  FLOAT_TYPES.has(intAttribute(node, 'to', 1)) ? passes(node, scope, port, along, facts) : 'Cast to whole numbers'

/** A factor for the whole axis passes, one for each element is a gain; a product of two values is neither. */
export const multiply: Rule = (node, scope, port, along, facts) => {
  const [a = '', b = ''] = node.inputs
  const isFactor = (index: number): boolean => {
    const name = node.inputs[index] ?? ''
    const tensor = facts.constant(scope, name)
    if (tensor && elementCount(tensor.shape) === 1) return true
    const shape = facts.shape(scope, name)
    return shape !== undefined && (shape.length < along.fromEnd || shape.at(-along.fromEnd) === 1)
  }
  if (a === b) return 'a square'
  // Nothing is divided by a rotated value.
  const sides = node.op === 'Div' ? [0] : [0, 1]
  const side = sides.find((index) => isFactor(1 - index) && !isFactor(index))
  if (side !== undefined) {
    if (port.side === 'in' && port.index !== side) return `a factor of ${node.op}`
    return [{ port: port.side === 'in' ? output(0) : input(side), ...along, how: 'same' }]
  }
  const vector = node.op === 'Mul' && along.fromEnd === 1 && along.part === null ? [1, 0].find(isGain) : undefined
  if (vector === undefined) return `${node.op} of two values`
  if (port.side === 'in' && port.index === vector) return `a gain of ${node.op}`
  const gain = facts.at(scope, node, input(vector)) ?? null
  return port.side === 'in'
    ? [{ port: output(0), ...along, how: 'gain', gain }]
    : [{ port: input(1 - vector), ...along, how: 'gain', gain, backwards: true }]

  function isGain(index: number): boolean {
    const tensor = facts.constant(scope, node.inputs[index])
    return tensor !== null && FLOATS.has(tensor.dtype) && isVector(tensor)
  }
}
