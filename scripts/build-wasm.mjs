// Compiles assembly/ to src/kernels/wasm-bytes.ts and counts what came out in assembly/census.txt. Both are committed:
// building the package needs no compiler, and a lost vectorisation shows in review.
// With --check nothing is written; the exit code says whether the committed files are current.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const bytesPath = 'src/kernels/wasm-bytes.ts'
const censusPath = 'assembly/census.txt'

const OPTIONS = [
  'assembly/index.ts',
  '--baseDir',
  root,
  '--runtime',
  'stub',
  '-O3',
  '--noAssert',
  '--enable',
  'simd',
  '--importMemory',
  '--memoryBase',
  '1024',
  '--disableWarning',
  '112', // v128 never crosses the border to JavaScript: index.ts exports none
  '--outFile',
  'kernels.wasm',
  '--textFile',
  'kernels.wat',
]

const made = new Map()
const { error, stderr } = await asc.main(OPTIONS, {
  writeFile: (name, contents) => void made.set(name, contents),
})
if (error) {
  process.stderr.write(`${stderr.toString()}\n${error.message}\n`)
  process.exit(1)
}
if (stderr.toString() !== '') process.stderr.write(stderr.toString())

const wasm = made.get('kernels.wasm')
const base64 = Buffer.from(wasm).toString('base64')
const bytesText = `// Made by scripts/build-wasm.mjs from assembly/. Do not edit.
export const WASM_BYTE_LENGTH = ${wasm.length}
export const WASM_BASE64 =
  '${base64}'
`

const outputs = new Map([
  [bytesPath, bytesText],
  [censusPath, countFunctions(wasm, made.get('kernels.wat'))],
])
let stale = false
for (const [path, text] of outputs) {
  const target = join(root, path)
  if (process.argv.includes('--check')) {
    if (readOrEmpty(target) !== text) {
      stale = true
      process.stderr.write(`${path} is not what assembly/ compiles to: run node scripts/build-wasm.mjs\n`)
    }
  } else writeFileSync(target, text)
}
if (stale) process.exit(1)
process.stdout.write(`kernels: ${wasm.length} bytes of wasm\n`)

function readOrEmpty(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** One line per function: name, bytes of body, SIMD instructions; exported ones are marked. */
function countFunctions(binary, text) {
  const sizes = bodySizes(binary)
  const exported = new Map([...text.matchAll(/^ \(export "(\w+)" \(func (\S+?)\)\)/gm)].map((m) => [m[2], m[1]]))
  const bodies = text.split(/^ \(func /m).slice(1)
  const lines = bodies.map((body, i) => {
    const name = body.match(/^\S+/)[0]
    const simd = body.match(/\b(?:v128|[if]\d+x\d+)\.[a-z0-9_]+/g)?.filter((op) => op !== 'v128.const').length ?? 0
    const label = exported.get(name) ?? name.replace(/^\$assembly\/(\w+)\//, '$1/')
    return { label: `${exported.has(name) ? '* ' : '  '}${label}`, bytes: sizes[i], simd }
  })
  const rows = lines.map(
    (line) => `${line.label.padEnd(32)}${String(line.bytes).padStart(7)}${String(line.simd).padStart(7)}`,
  )
  const total = `${'  module'.padEnd(32)}${String(binary.length).padStart(7)}`
  return `${'* exported function'.padEnd(32)}  bytes   simd\n${rows.sort().join('\n')}\n${total}\n`
}

/** Byte lengths of the function bodies, read from the code section. */
function bodySizes(binary) {
  let at = 8
  const number = () => {
    let value = 0
    for (let shift = 1; ; shift *= 128) {
      const byte = binary[at++]
      value += (byte & 127) * shift
      if (byte < 128) return value
    }
  }
  while (at < binary.length) {
    const id = binary[at++]
    const length = number()
    if (id !== 10) {
      at += length
      continue
    }
    return Array.from({ length: number() }, () => {
      const size = number()
      at += size
      return size
    })
  }
  return []
}
