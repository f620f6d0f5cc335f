import type { Graph } from '../model/graph.ts'

const SHARES = new Set(['Sigmoid', 'HardSigmoid', 'Softmax'])
const SAME_VALUES = new Set(['Identity', 'Cast', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Transpose'])

/** Outputs between 0 and 1 by what computes them, whatever is fed. */
export function shareOutputs({ nodes, outputs }: Graph): ReadonlySet<string> {
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)))
  const isShare = (name: string): boolean => {
    let maker = makers.get(name)
    while (maker !== undefined && SAME_VALUES.has(maker.op)) maker = makers.get(maker.inputs[0] ?? '')
    return maker !== undefined && SHARES.has(maker.op)
  }
  return new Set(outputs.map(({ name }) => name).filter(isShare))
}
