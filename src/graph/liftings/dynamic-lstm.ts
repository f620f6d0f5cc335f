import { dequantized, product, type Recipe, reshapedTo, transposed } from './recipe.ts'
import type { Lift, Lifting, Site } from './site.ts'
import { plainNode } from './twins.ts'

/**
 * com.microsoft DynamicQuantizeLSTM back to LSTM. Its weights are stored [directions, inputs, gates] with a scale and a zero per
 * direction or per gate row; LSTM wants [directions, gates, inputs].
 */
export const dynamicLstm: Lifting = {
  id: 'dynamic-lstm',
  operators: ['com.microsoft::DynamicQuantizeLSTM'],

  lift(site): Lift {
    const { node } = site
    const inputs = Array.from({ length: 12 }, (_, index) => node.inputs[index] ?? '')
    const w = gateRows(site, inputs[1]!, inputs[8]!, inputs[9]!)
    const r = gateRows(site, inputs[2]!, inputs[10]!, inputs[11]!)
    if (w === null || r === null)
      return { keep: 'its weights, scales or zeros are not constant, or do not fit each other' }
    const named = [site.weight(w, 'dynamic-lstm'), site.weight(r, 'dynamic-lstm')]
    const plain = [inputs[0]!, ...named, ...inputs.slice(3, 8)]
    return { nodes: [plainNode(node, 'LSTM', plain, node.outputs, { attributes: node.attributes })] }
  },
}

function gateRows(site: Site, codesName: string, scaleName: string, zeroName: string): Recipe | null {
  const [codes, scale, zero] = [codesName, scaleName, zeroName].map((name) => site.fact(name)?.recipe)
  if (!codes || !scale || (zeroName !== '' && !zero) || codes.shape.length !== 3) return null
  const rows = transposed(codes, [0, 2, 1])
  const [directions = 0, gates = 0, depth = 0] = rows.shape
  const over = (grid: Recipe): Recipe | null => {
    const count = product(grid.shape)
    if (count === directions) return reshapedTo(grid, [directions, 1])
    return count === directions * gates ? reshapedTo(grid, [directions * gates, 1]) : null
  }
  const [factors, offsets] = [over(scale), zero === undefined ? 0 : over(zero)]
  if (factors === null || offsets === null) return null
  const lines = factors.shape[0] ?? 1
  const flat = reshapedTo(rows, [lines, (directions * gates * depth) / lines])
  const vector = (grid: Recipe): Recipe => reshapedTo(grid, [product(grid.shape)])!
  const decoded =
    flat &&
    dequantized(flat, vector(factors), typeof offsets === 'number' ? offsets : vector(offsets), { axis: 0, block: 0 })
  return decoded && reshapedTo(decoded, rows.shape)
}
