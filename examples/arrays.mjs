// Arrays in few bits, in Node or a browser: node examples/arrays.mjs
import { arrayScheme, chooseScheme, dequantizeArray, levels, quantizeArray } from 'tersor'

const { step, errorBound } = levels({ min: -1, max: 1, levels: 8 })
console.log(`8 levels from -1 to 1: step ${step.toFixed(4)}, at most ${errorBound.toFixed(4)} off`)

// 16 rows of 256 values, some rows larger than others.
const shape = [16, 256]
const values = Float32Array.from({ length: 16 * 256 }, (_, i) => Math.sin(i * i) * (1 + (Math.floor(i / 256) % 4)))

for (const scheme of ['int8-row', 'int4-block32-asym-f16', 'nf4-block64', 'ternary-row', 'mxfp4']) {
  const quantized = quantizeArray(values, { scheme, shape })
  const decoded = dequantizeArray(quantized)
  const largest = values.reduce((most, x, i) => Math.max(most, Math.abs(x - decoded[i])), 0)
  const { codec } = arrayScheme(scheme)
  const parameters = Object.entries(quantized.parameters).map(([name, array]) => `${array.length} ${name}`)
  console.log(
    `${scheme}: ${codec.levels} codes, ${quantized.codes.length} bytes, ${parameters}, ${largest.toFixed(3)} off`,
  )
}

// The least error that fits into 4.5 bits a value, and what else there is.
const { scheme, curve } = chooseScheme(values, { bits: 4.5, shape })
console.log(`best within 4.5 bits: ${scheme}`)
for (const { id, rate, distortion } of curve.front) {
  console.log(`${rate.toFixed(2)} bits: ${id}, relative RMS ${Math.sqrt(distortion).toPrecision(3)}`)
}
