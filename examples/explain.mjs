// Quantization step by step, on numbers: node examples/explain.mjs
import { dequantizeArray, explain, quantizeArray } from 'tersor'

const params = Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i * i) * 2)
const quantized = quantizeArray(params, { bits: 8 })
const restored = dequantizeArray(quantized)
console.log([...params.slice(0, 10)], [...quantized.codes.slice(0, 10)], [...restored.slice(0, 10)])

const { levels, error, compensation, correction } = explain(params, { bits: 8 })
console.log(`step ${levels.step}, bound ${error.bound}, largest error ${error.maxInside}`)
for (const { kind, rms, runRms } of compensation) console.log(kind, rms / levels.step, runRms / levels.step)
for (const { kind, gainDb, byteLength, pays } of correction) console.log(kind, gainDb, byteLength, pays)
