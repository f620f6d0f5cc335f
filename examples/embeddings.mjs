// A table of embeddings in 1 bit a value, ranked again in 8: node examples/embeddings.mjs
import { writeFileSync } from 'node:fs'
import { quantizeArrays } from 'tersor/node'

const rows = 1000
const width = 128
const values = Float32Array.from({ length: rows * width }, (_, i) => {
  const row = Math.floor(i / width)
  return Math.sin((row % 40) * 3.7 + (i % width) * 1.3) + 0.7 * Math.sin(i * i * 0.37)
})
const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${width}), }`.padEnd(117)
const head = Buffer.from(`\x93NUMPY\x01\0v\0${header}\n`, 'latin1')
writeFileSync('vectors.npy', Buffer.concat([head, Buffer.from(values.buffer)]))

for (const [to, rescore] of [['int8-row'], ['int4-row'], ['binary-row'], ['binary-row', 'int8-row']]) {
  const options = { to, recall: true, force: true, ...(rescore && { rescore }) }
  const report = await quantizeArrays('vectors.npy', 'vectors.npz', options)
  const { bitsPerValue, recall } = report.decisions[0]
  const found = [recall.at1, recall.at10, recall.at100].map((share) => share.toFixed(3)).join(' ')
  console.log(`${to} ${rescore ?? ''}: ${bitsPerValue} bits a value, recall at 1, 10 and 100: ${found}`)
}
