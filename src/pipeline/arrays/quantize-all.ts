import { TersorError } from '../../errors.ts'
import type { ArrayDecision } from '../../model/array-report.ts'
import type { Value } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import type { ArrayInput } from './array-input.node.ts'
import { RESCORE } from './array-members.ts'
import type { ArrayAsk } from './array-options.ts'
import { isQuantizable, isTable } from './array-values.ts'
import { quantizeOne } from './quantize-one.ts'

/** Every array of the input, in its order. */
export async function quantizeAll(
  { kind, values }: ArrayInput,
  ask: ArrayAsk,
  importance: Float32Array | undefined,
  recall: boolean,
  tools: Tools,
): Promise<{ members: Map<string, Value>; decisions: ArrayDecision[] }> {
  if (recall) requireTable(values)
  const members = new Map<string, Value>()
  const decisions: ArrayDecision[] = []
  const add = (key: string, value: Value) => {
    if (members.has(key)) {
      throw new TersorError(
        'E_UNSUPPORTED',
        `"${key}" is the name of an array and of what the codes of another one need`,
        {
          where: key,
          hint: 'rename it in the archive',
        },
      )
    }
    members.set(key, value)
  }
  for (const [name, value] of values) {
    tools.notify({ phase: 'quantize', done: decisions.length + 1, total: values.size, note: name })
    await new Promise((resolve) => setImmediate(resolve))
    tools.signal?.throwIfAborted()
    if (kind !== 'picture' && !isQuantizable(value.dtype)) {
      add(name, value)
      decisions.push(keptDecision(name, value))
      continue
    }
    if (name.endsWith(RESCORE) && values.has(name.slice(0, -RESCORE.length))) {
      throw new TersorError(
        'E_UNSUPPORTED',
        `"${name}" is what a finer code of "${name.slice(0, -RESCORE.length)}" is called`,
        {
          where: name,
          hint: 'rename it in the archive',
        },
      )
    }
    const one = await namingErrors(name, () => quantizeOne(name, value, ask, { importance, recall }, tools))
    for (const [key, part] of one.members) add(key, part)
    decisions.push(one.decision)
  }
  return { members, decisions }
}

/** Rows to search in: arrays of other shapes are stored without. */
function requireTable(values: ReadonlyMap<string, Value>): void {
  if ([...values.values()].some(isTable)) return
  const [name = '', first] = values.entries().next().value ?? []
  throw new TersorError(
    'E_USAGE',
    `--recall needs a table of at least 10 rows; "${name}" is [${first?.shape.join(', ') ?? ''}]`,
    { where: name, hint: 'give an array of shape [rows, dimensions]' },
  )
}

/** What the codecs refuse, with the name of the array. */
export async function namingErrors<T>(name: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    if (!(thrown instanceof TersorError) || thrown.where !== undefined || thrown.code === 'E_ABORTED') throw thrown
    throw new TersorError(thrown.code, `"${name}": ${thrown.message}`, {
      where: name,
      cause: thrown,
      ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
    })
  }
}

export function keptDecision(name: string, { shape, dtype, data }: Value): ArrayDecision {
  const bytes = data instanceof Uint8Array ? data.length : 0
  const because = `${dtype} is data to keep, not to round`
  return { name, shape, dtype, action: 'keep', because, bytesBefore: bytes, bytesAfter: bytes }
}
