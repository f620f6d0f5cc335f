import { alongColumns, decodedOver } from './decoded-weight.ts'
import { MICROSOFT } from './element-types.ts'
import type { Lift, Lifting } from './site.ts'
import { plainNode } from './twins.ts'

/** com.microsoft QAttention (onnxruntime's dynamic quantization of fused attention) back to com.microsoft Attention. */
export const qattention: Lifting = {
  id: 'qattention',
  operators: ['com.microsoft::QAttention'],

  async lift(site): Promise<Lift> {
    const { node } = site
    const [
      input = '',
      codes = '',
      bias = '',
      inputScale = '',
      scale = '',
      mask = '',
      inputZero = '',
      zero = '',
      past = '',
    ] = node.inputs
    const float = await site.operand(input, inputScale, inputZero)
    const [table, factors, offsets] = [codes, scale, zero].map((name) => site.fact(name)?.recipe)
    if (float === null || !table || !factors || (zero !== '' && !offsets) || !alongColumns(factors)) {
      return { keep: 'its input is not quantized in the graph, or its weight is not constant' }
    }
    const recipe = decodedOver(table, factors, offsets, table.shape.length - 1)
    if (recipe === null) return { keep: 'its scales do not lie along the columns of the weight' }
    const inputs = [float, site.weight(recipe, 'qattention'), bias, mask, past]
    const { attributes } = node
    return { nodes: [plainNode(node, 'Attention', inputs, node.outputs, { attributes, domain: MICROSOFT })] }
  },
}
