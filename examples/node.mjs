// Quantize a model in Node, proven on real inputs: node examples/node.mjs
import { quantize } from 'tersor/node'

const report = await quantize('demo/model.onnx', 'digits.int8.onnx', {
  to: 'int8',
  eval: 'demo/test-images.npz',
  labels: 'demo/labels.csv',
  force: true,
  onEvent: ({ phase, done, total }) => process.stderr.write(`\r${phase} ${done}/${total}   `),
})

const { input, output, verdict } = report
console.log(`\n${input.bytes} -> ${output.bytes} bytes, ${verdict.status}: ${verdict.because}`)
for (const decision of report.decisions.filter((d) => d.action === 'keep')) {
  console.log(`kept ${decision.tensor}: ${decision.because.text}`)
}
