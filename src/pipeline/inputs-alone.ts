import type { Model, Node } from '../model/graph.ts'

/** A model that takes what this one takes, as an executor sees it, and holds nothing of it; null where nothing is fed. */
export function inputsAlone(model: Model): Model | null {
  const { graph } = model
  const constants = new Set([...graph.initializers.map(({ name }) => name), ...graph.sparseInitializers])
  const inputs = graph.inputs.filter(({ name }) => !constants.has(name))
  if (inputs.length === 0) return null
  const taken = new Set(inputs.map(({ name }) => name))
  const nodes = inputs.map(({ name }, index): Node => {
    let output = `same_${index}`
    while (taken.has(output)) output += '_'
    return { name: output, op: 'Identity', domain: '', inputs: [name], outputs: [output], attributes: [] }
  })
  const { carrier: _carrier, ...plain } = model
  return {
    ...plain,
    functions: [],
    opsets: model.opsets.filter(({ domain }) => domain === ''),
    graph: {
      name: graph.name,
      nodes,
      inputs,
      outputs: nodes.map(({ outputs }, index) => {
        const { carrier: _own, ...info } = inputs[index] as (typeof inputs)[number]
        return { ...info, name: outputs[0] as string }
      }),
      initializers: [],
      sparseInitializers: [],
      values: [],
    },
  }
}
