/**
 * One model in onnxruntime-web (wasm), for static-bars.py: answers on stdout what comes on stdin. A message is the length of a JSON head
 * (4 bytes, little-endian), the head, then the tensors' bytes.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const ort = createRequire(import.meta.url)('onnxruntime-web')
const TYPES = { float32: Float32Array, int64: BigInt64Array, int32: Int32Array, uint8: Uint8Array, int8: Int8Array }

ort.env.logLevel = 'fatal'
ort.env.wasm.numThreads = 1
const write = (head, parts = []) => {
  const text = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length)
  for (const part of [length, text, ...parts]) process.stdout.write(part)
}
const words = (thrown) => String(thrown?.message ?? thrown).slice(0, 1000)

let session
try {
  session = await ort.InferenceSession.create(readFileSync(process.argv[2]), {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 4,
  })
  write({ inputs: session.inputNames, outputs: session.outputNames })
} catch (thrown) {
  write({ error: `does not load: ${words(thrown)}` })
  process.exitCode = 1
}

async function answer(head, bytes) {
  let at = 0
  const feeds = {}
  for (const { name, type, dims, bytes: length } of head) {
    const part = Uint8Array.from(bytes.subarray(at, at + length))
    feeds[name] = new ort.Tensor(type, new TYPES[type](part.buffer), dims)
    at += length
  }
  const found = await session.run(feeds)
  const parts = session.outputNames.map((name) => {
    const { data } = found[name]
    return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  })
  const tensors = session.outputNames.map((name, i) => {
    const { type, dims } = found[name]
    return { name, type, dims, bytes: parts[i].length }
  })
  write({ tensors }, parts)
}

/** Where the message ends that these bytes begin, or null while its head is not all there. */
function endOf(pending) {
  if (pending.length < 4) return null
  const start = 4 + pending.readUInt32LE(0)
  if (pending.length < start) return null
  const head = JSON.parse(pending.toString('utf8', 4, start))
  return { head, start, end: start + head.reduce((sum, { bytes }) => sum + bytes, 0) }
}

if (session) {
  let chunks = []
  let held = 0
  let wanted = 4
  for await (const chunk of process.stdin) {
    chunks.push(chunk)
    held += chunk.length
    while (held >= wanted) {
      const pending = Buffer.concat(chunks, held)
      const message = endOf(pending)
      chunks = [pending]
      wanted = message?.end ?? held + 1
      if (message === null || held < message.end) continue
      await answer(message.head, pending.subarray(message.start, message.end)).catch((thrown) =>
        write({ error: words(thrown) }),
      )
      chunks = [pending.subarray(message.end)]
      held = chunks[0].length
      wanted = 4
    }
  }
}
