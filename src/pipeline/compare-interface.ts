import { TersorError } from '../errors.ts'
import type { Model, ValueInfo } from '../model/graph.ts'

/**
 * The outputs both models have, in the order of the first. Throws E_USAGE with the names when the two cannot be fed the same
 * inputs, or share no output.
 */
export function sharedOutputs(a: Model, b: Model, labels: readonly [string, string]): readonly string[] {
  const [fromA, fromB] = [inputsOf(a), inputsOf(b)]
  const onlyA = [...fromA.keys()].filter((name) => !fromB.has(name))
  const onlyB = [...fromB.keys()].filter((name) => !fromA.has(name))
  if (onlyA.length + onlyB.length > 0) throw different('inputs', onlyA, onlyB, labels)
  for (const [name, input] of fromA) {
    const other = fromB.get(name)
    const why = other && mismatch(input, other)
    if (why)
      throw new TersorError('E_USAGE', `input "${name}" differs: ${why}; both models must take the same inputs`, {
        where: name,
      })
  }
  const outputsB = new Set(b.graph.outputs.map(({ name }) => name))
  const outputsA = new Set(a.graph.outputs.map(({ name }) => name))
  const missing = [...outputsA].filter((name) => !outputsB.has(name))
  const more = [...outputsB].filter((name) => !outputsA.has(name))
  if (missing.length + more.length > 0) throw different('outputs', missing, more, labels)
  return [...outputsA]
}

/** Inputs that callers give; initializers listed among them have a value. */
function inputsOf({ graph }: Model): Map<string, ValueInfo> {
  const given = new Set(graph.initializers.map(({ name }) => name))
  return new Map(graph.inputs.filter(({ name }) => !given.has(name)).map((input) => [input.name, input]))
}

/** Values for one of them are rounded, or written out, for the other. */
function isFloat({ dtype }: ValueInfo): boolean {
  return dtype === 'f32' || dtype === 'f16'
}

function mismatch(a: ValueInfo, b: ValueInfo): string | undefined {
  if (a.dtype !== b.dtype && !(isFloat(a) && isFloat(b)))
    return `${a.dtype ?? 'an unknown type'} in A, ${b.dtype ?? 'an unknown type'} in B`
  if (a.shape === undefined || b.shape === undefined) return undefined
  const other = b.shape
  const fits =
    a.shape.length === other.length &&
    a.shape.every((size, axis) => typeof size !== 'number' || typeof other[axis] !== 'number' || size === other[axis])
  return fits ? undefined : `shape [${a.shape.join(', ')}] in A, [${other.join(', ')}] in B`
}

function different(
  what: 'inputs' | 'outputs',
  onlyA: readonly string[],
  onlyB: readonly string[],
  [a, b]: readonly [string, string],
): TersorError {
  const list = (names: readonly string[], model: string): string[] =>
    names.length === 0
      ? []
      : [
          `only ${model} has ${names
            .slice(0, 8)
            .map((name) => `"${name}"`)
            .join(', ')}${names.length > 8 ? ' and more' : ''}`,
        ]
  const found = [...list(onlyA, a), ...list(onlyB, b)].join('; ')
  return new TersorError('E_USAGE', `the two models have different ${what}: ${found}`, {
    hint: 'compare a model with another form of the same model',
  })
}
