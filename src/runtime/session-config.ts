import { TersorError } from '../errors.ts'

type Nested = { [key: string]: string | Nested }

/**
 * Session configuration entries in the form onnxruntime's JavaScript interface takes: dots become nesting under `extra`.
 * Without entries the key is left out, because `extra: undefined` is refused there.
 */
export function sessionConfig(config: Readonly<Record<string, string>> | undefined): { extra?: Nested } {
  const entries = Object.entries(config ?? {})
  if (entries.length === 0) return {}
  const extra: Nested = Object.create(null)
  for (const [key, value] of entries) {
    const steps = key.split('.')
    const last = steps.pop() as string
    let level = extra
    for (const step of steps) {
      const next = level[step] ?? Object.create(null)
      if (typeof next === 'string') throw contradiction(key)
      level[step] = next
      level = next
    }
    if (level[last] !== undefined) throw contradiction(key)
    level[last] = value
  }
  return { extra }
}

function contradiction(key: string): TersorError {
  return new TersorError('E_USAGE', `session configuration entry "${key}" is both a value and a group of entries`)
}
