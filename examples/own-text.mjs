// Texts to calibrate on that the model writes itself, where there are no others:
// MODEL=model.onnx tersor quantize model.onnx --to int4-weights --calib examples/own-text.mjs
// For models that take whole sequences, without a cache. START is the token that texts begin with.
import * as ort from 'onnxruntime-node'

const { MODEL = 'model.onnx', START = '1', SAMPLES = '64', LENGTH = '128' } = process.env
const session = await ort.InferenceSession.create(MODEL)
let state = 1
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state / 2 ** 32
}
const idsOf = (text) => new ort.Tensor('int64', BigInt64Array.from(text, BigInt), [1, text.length])

async function nextToken(text) {
  const feeds = { input_ids: idsOf(text), attention_mask: idsOf(text.map(() => 1)) }
  const known = Object.fromEntries(Object.entries(feeds).filter(([name]) => session.inputNames.includes(name)))
  const { data, dims } = (await session.run(known))[session.outputNames[0]]
  const scores = data.slice(-dims.at(-1))
  const most = scores.reduce((a, b) => Math.max(a, b))
  const chances = scores.map((score) => Math.exp(score - most))
  let left = random() * chances.reduce((a, b) => a + b)
  for (const [token, chance] of chances.entries()) {
    left -= chance
    if (left < 0) return token
  }
  return chances.length - 1
}

export default async function* () {
  for (let sample = 0; sample < Number(SAMPLES); sample++) {
    const text = [Number(START)]
    while (text.length < Number(LENGTH)) text.push(await nextToken(text))
    yield { input_ids: idsOf(text) }
  }
}
