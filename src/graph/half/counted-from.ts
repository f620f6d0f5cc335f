import { constantTensor } from '../constant-nodes.ts'
import type { Connections, Definition } from '../consumers.ts'
import { isStandard } from '../walk.ts'
import type { ValueTypes } from './value-types.ts'

/** What formulas of whole numbers are written in, element by element or moved. */
const FORMULAS: ReadonlySet<string> = new Set(
  'Abs Add Cast Ceil Clip Div Exp Expand Floor Identity Log Max Min Mod Mul Neg Pow Reciprocal Reshape Round Sign Sqrt Squeeze Sub Transpose Unsqueeze Where'.split(
    ' ',
  ),
)
const MOST_VALUES = 24

/**
 * The values between a value and the whole numbers (and constants) it is worked out of, itself among them; null where anything
 * else goes in. The data that were seen need not have come to the places where a digit decides.
 */
export function countedFrom(
  from: Definition,
  connections: Connections,
  types: ValueTypes,
): readonly Definition[] | null {
  const open = [from]
  const between = new Set<Definition>()
  let whole = false
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (between.has(value) || constantTensor(value) !== null) continue
    const { node, scope } = value
    if (node === null || !isStandard(node) || between.size > MOST_VALUES) return null
    between.add(value)
    if (!FORMULAS.has(node.op)) return null
    for (const name of node.op === 'Where' ? node.inputs.slice(1) : node.inputs) {
      const input = connections.resolve(scope, name)
      if (input === undefined) continue
      const type = types.of(input)
      if (node.op === 'Cast' && type !== undefined && /^[iu]/.test(type)) whole = true
      else if (type === 'f32') open.push(input)
      else return null
    }
  }
  return whole ? [...between] : null
}
