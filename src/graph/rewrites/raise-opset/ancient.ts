import { type Rule, refuse } from './rule.ts'

/**
 * Operators whose attributes or broadcasting changed up to opset 7. Exporters and runtimes of today begin there,
 * so nodes of these are not raised from below; what never changed is.
 */
const changed: Rule = {
  ops: [
    ...[
      'Add',
      'And',
      'BatchNormalization',
      'Cast',
      'Concat',
      'Div',
      'Dropout',
      'Equal',
      'GRU',
      'Gemm',
      'Greater',
      'LSTM',
    ],
    ...['Less', 'Mul', 'Or', 'PRelu', 'Pad', 'Pow', 'RNN', 'Reshape', 'Split', 'Sub', 'Tile', 'Upsample', 'Xor'],
  ],
  since: 7,
  apply: (node) => refuse(node, 'has the meaning of opset 6 or before'),
}

export const ancientRules: readonly Rule[] = [changed]
