import type { Attribute, Node } from '../../model/graph.ts'
import { constantTensor } from '../constant-nodes.ts'
import type { Definition } from '../consumers.ts'
import { isStandard, type Scope } from '../walk.ts'
import type { ConstantValue } from './constant-values.ts'
import { isEvaluated } from './evaluate.ts'
import type { KnownValues } from './known-values.ts'
import type { Revision } from './revision.ts'

/** A node that reads nothing but constants and what such nodes make of them. */
export interface ConstantStep {
  readonly node: Node
  readonly scope: Scope
  readonly output: Definition
  readonly inputs: readonly Definition[]
  /** The same number for steps that compute the same from the same constants, in whatever scope. */
  readonly key: number
  /** The result, where it is known without looking at inputs (Shape). */
  readonly given: ConstantValue | null
}

/** All steps, each after those it reads. Those that bodies or the graph give out are none. */
export function constantSteps(revision: Revision, known: KnownValues): readonly ConstantStep[] {
  const { connections } = revision
  const steps = new Map<Definition, ConstantStep>()
  const numbers = new Map<unknown, number>()
  const numberOf = (thing: unknown): number => {
    const number = numbers.get(thing) ?? numbers.size
    numbers.set(thing, number)
    return number
  }
  for (const scope of revision.scopes) {
    for (const node of scope.nodes) {
      const output = connections.own(scope).get(node.outputs[0] ?? '')
      if (!isStandard(node) || output?.node !== node || output.outputOf.length > 0 || node.outputs.length > 1) continue
      const given = node.op === 'Shape' ? shapeValue(node, scope, known) : null
      if (given !== null) {
        const key = numberOf(`shape ${given.data.join(' ')}`)
        steps.set(output, { node, scope, output, inputs: [], key, given })
        continue
      }
      if (!isEvaluated(node.op) || node.inputs.length === 0 || node.inputs.includes('')) continue
      const inputs = node.inputs.map((name) => connections.resolve(scope, name))
      if (!inputs.every((one): one is Definition => one !== undefined && isConstant(one))) continue
      const parts = inputs.map((one) => steps.get(one)?.key ?? numberOf(contentOf(one) ?? one))
      const attributes = node.attributes.map((one) => attributeKey(one, numberOf)).sort()
      const key = numberOf(`${node.op} ${parts.join(' ')} ${attributes.join(' ')}`)
      steps.set(output, { node, scope, output, inputs, key, given: null })
    }
  }
  return [...steps.values()]

  /** Exporters write axes and bounds anew for every node. */
  function contentOf({ scope, name }: Definition): string | undefined {
    const integers = known.integers(scope, name)
    return integers && `${known.dtype(scope, name)} ${known.rank(scope, name)} ${integers.join(' ')}`
  }

  function isConstant(definition: Definition): boolean {
    return steps.has(definition) || constantTensor(definition) !== null
  }
}

function attributeKey({ carrier: _, ...attribute }: Attribute, numberOf: (thing: unknown) => number): string {
  if (attribute.kind === 'int' || attribute.kind === 'ints' || attribute.kind === 'float') {
    return `${attribute.name}=${String(attribute.value)}`
  }
  return `${attribute.name}:${numberOf('value' in attribute ? attribute.value : attribute)}`
}

function shapeValue(node: Node, scope: Scope, known: KnownValues): ConstantValue | null {
  const shape = known.shape(scope, node.inputs[0] ?? '')
  if (shape === undefined || node.attributes.length > 0) return null
  const sizes = shape.filter((size): size is number => size !== null)
  if (sizes.length !== shape.length) return null
  return { dtype: 'i64', shape: [sizes.length], data: BigInt64Array.from(sizes, BigInt) }
}
