import { cacheSizes } from '../graph/cache-sizes.ts'
import type { Model } from '../model/graph.ts'
import type { RuntimeSession, SessionInput } from '../model/runtime.ts'

/** Inputs with the sizes that the graph asks for where their declaration leaves them open, so that caches can be filled by rule. */
export function statedInputs(inputs: readonly SessionInput[], model: Model): readonly SessionInput[] {
  const known = cacheSizes(model)
  if (known.size === 0) return inputs
  return inputs.map((input) => {
    const sizes = known.get(input.name)
    if (sizes === undefined) return input
    return {
      ...input,
      shape: input.shape.map((size, axis) => (typeof size === 'number' ? size : (sizes.get(axis) ?? size))),
    }
  })
}

/** The same session, its inputs as {@link statedInputs} says. */
export function statedSession(session: RuntimeSession, model: Model): RuntimeSession {
  return {
    inputs: statedInputs(session.inputs, model),
    outputs: session.outputs,
    run: (feeds, signal) => session.run(feeds, signal),
    release: () => session.release(),
  }
}
