import type { Model, Node, TensorRef } from '../../../model/graph.ts'
import { intAttribute } from '../../attributes.ts'
import { constantTensor, type ReadSmall } from '../../constant-nodes.ts'
import type { Connections, Definition } from '../../consumers.ts'
import { isStandard, type Scope } from '../../walk.ts'
import { inferShape, type KnownShape } from '../infer-shape.ts'

/** Longer lists of integers are no shapes. */
const MOST_INTEGERS = 64

type Sizes = readonly (number | null)[]

/**
 * Shapes of values, with what graphs compute of shapes: `Concat(Gather(Shape(x), 0), 12, 64)` is known to end in 12 and 64. Null: not known.
 * Sizes that a file declares for values between are not believed, only their number.
 */
export class KnownSizes {
  readonly #connections: Connections
  readonly #shapes = new Map<Definition, Sizes>()
  readonly #integers = new Map<Definition, Sizes>()

  static async of(model: Model, connections: Connections, read: ReadSmall): Promise<KnownSizes> {
    const known = new KnownSizes(connections)
    for (const scope of connections.scopes) {
      known.#declare(model, scope)
      for (const definition of connections.own(scope).values()) {
        const tensor = constantTensor(definition)
        if (tensor === null) continue
        known.#shapes.set(definition, tensor.shape)
        const values = await clampedIntegers(tensor, read)
        if (values !== null) known.#integers.set(definition, values)
      }
      for (const node of scope.nodes) known.#infer(scope, node)
    }
    return known
  }

  private constructor(connections: Connections) {
    this.#connections = connections
  }

  shape(scope: Scope, name: string): Sizes | undefined {
    return this.#of(this.#shapes, scope, name)
  }

  /** Elements of an integer list that are known. */
  integers(scope: Scope, name: string): Sizes | undefined {
    return this.#of(this.#integers, scope, name)
  }

  #of(map: ReadonlyMap<Definition, Sizes>, scope: Scope, name: string): Sizes | undefined {
    const definition = name === '' ? undefined : this.#connections.resolve(scope, name)
    return definition && map.get(definition)
  }

  #declare(model: Model, scope: Scope): void {
    if (scope.graph === null) return
    const { inputs, outputs, values } = scope.graph
    for (const { name, shape } of [...values, ...outputs, ...inputs]) {
      const definition = this.#connections.own(scope).get(name)
      if (definition === undefined || shape === undefined) continue
      const isFed = scope.graph === model.graph && definition.kind === 'input'
      this.#shapes.set(
        definition,
        shape.map((size) => (isFed && typeof size === 'number' ? size : null)),
      )
    }
  }

  #infer(scope: Scope, node: Node): void {
    if (!isStandard(node) || node.op === 'Constant') return
    const shapes = node.inputs.map((name) => this.shape(scope, name))
    const lists = node.inputs.map((name) => this.integers(scope, name))
    const whole = lists.map((list) => (list?.every((one) => one !== null) ? (list as readonly number[]) : null))
    for (const [index, name] of node.outputs.entries()) {
      const output = this.#connections.own(scope).get(name)
      if (output?.node !== node) continue
      const shape = this.#reshaped(node, shapes, lists) ?? inferShape(node, { shapes, integers: whole }, index)
      const declared = this.#shapes.get(output)
      // Two ranks for one value: neither is believed.
      if (shape && declared && declared.length !== shape.length) this.#shapes.delete(output)
      else if (shape) this.#shapes.set(output, shape)
      const integers = index === 0 ? computed(node, shapes, lists) : undefined
      if (integers && integers.length <= MOST_INTEGERS) this.#integers.set(output, integers)
    }
  }

  #reshaped(
    node: Node,
    [data]: readonly (Sizes | undefined)[],
    lists: readonly (Sizes | undefined)[],
  ): KnownShape | undefined {
    const asked = lists[1]
    if (asked === undefined) return undefined
    if (node.op === 'Expand') {
      if (data === undefined) return undefined
      const rank = Math.max(data.length, asked.length)
      return Array.from({ length: rank }, (_, axis) => {
        const own = axis < rank - data.length ? 1 : (data[axis - rank + data.length] ?? null)
        const other = axis < rank - asked.length ? 1 : (asked[axis - rank + asked.length] ?? null)
        if (own !== null && own > 1) return own
        return other !== null && other > 1 ? other : own === 1 ? other : null
      })
    }
    if (node.op !== 'Reshape' || asked.every((one) => one !== null)) return undefined
    const keeps = intAttribute(node, 'allowzero', 0) === 0
    return asked.map((one, axis) => (one === 0 && keeps ? (data?.[axis] ?? null) : one === -1 ? null : one))
  }
}

/** Numbers of a short list of integers; those beyond the safe range, as ends of slices are, at its ends. Null: no such list. */
async function clampedIntegers(tensor: TensorRef, read: ReadSmall): Promise<readonly number[] | null> {
  const { dtype, shape, storage } = tensor
  const count = shape[0] ?? 1
  if ((dtype !== 'i64' && dtype !== 'i32') || shape.length > 1 || count > MOST_INTEGERS || storage.kind === 'opaque')
    return null
  const bytes = storage.kind === 'bytes' ? storage.bytes : await read(tensor)
  const size = dtype === 'i64' ? 8 : 4
  if (bytes.byteLength !== count * size) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [least, most] = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]
  return Array.from({ length: count }, (_, i) => {
    const one = size === 8 ? Number(view.getBigInt64(i * 8, true)) : view.getInt32(i * 4, true)
    return Math.max(least, Math.min(most, one))
  })
}

/** What an operator on shapes gives. */
function computed(
  node: Node,
  shapes: readonly (Sizes | undefined)[],
  lists: readonly (Sizes | undefined)[],
): Sizes | undefined {
  const [first, second] = lists
  switch (node.op) {
    case 'Shape':
      return shapes[0]?.slice(intAttribute(node, 'start', 0), intAttribute(node, 'end'))
    case 'Cast':
    case 'Identity':
    case 'Unsqueeze':
    case 'Squeeze':
    case 'Reshape':
    case 'Floor':
      return first
    case 'Gather':
      return first && second?.map((at) => (at === null ? null : (first.at(at) ?? null)))
    case 'Concat': {
      const pieces = node.inputs.map((_, index) => lists[index] ?? unknown(shapes[index]))
      return pieces.some((piece) => piece === undefined) ? undefined : pieces.flatMap((piece) => piece as Sizes)
    }
    case 'Slice': {
      const [start, end, step] = [second?.[0], lists[2]?.[0], lists[4] ? lists[4][0] : 1]
      if (first === undefined || start == null || end == null || step !== 1) return undefined
      return first.slice(start, end)
    }
    case 'Add':
    case 'Sub':
    case 'Mul':
    case 'Div':
      return combined(node.op, first, second)
    default:
      return undefined
  }
}

/** A list of so many that are not known. */
function unknown(shape: Sizes | undefined): Sizes | undefined {
  const count = shape?.length === 1 ? shape[0] : undefined
  return count == null || count > MOST_INTEGERS ? undefined : new Array<null>(count).fill(null)
}

function combined(op: string, a: Sizes | undefined, b: Sizes | undefined): Sizes | undefined {
  if (a === undefined || b === undefined || (a.length !== b.length && a.length !== 1 && b.length !== 1))
    return undefined
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => {
    const [left, right] = [a[a.length === 1 ? 0 : i] ?? null, b[b.length === 1 ? 0 : i] ?? null]
    if (left === null || right === null) return null
    const result =
      op === 'Add' ? left + right : op === 'Sub' ? left - right : op === 'Mul' ? left * right : left / right
    return Number.isSafeInteger(result) ? result : null
  })
}
