#!/usr/bin/env node
/**
 * The rings of the architecture as data, and a check that the sources keep them.
 *
 *   node scripts/check-imports.mjs            check; exit 1 and one line a finding
 *   node scripts/check-imports.mjs --print    the ring table as Markdown
 *   node scripts/check-imports.mjs --write    put that table into ARCHITECTURE.md
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')

/**
 * Members of the ground, lowest first: each may import what stands before it. Types of model/ may be named by all,
 * since they compile to nothing.
 */
const GROUND = ['errors.ts', 'near-names.ts', 'version.ts', 'numbers', 'bytes', 'model']
const PARTS = [
  'kernels',
  'graph',
  'schemes',
  'formats',
  'runtime',
  'targets',
  'calibration',
  'solvers',
  'corrections',
  'evaluation',
  'allocation',
  'gradients',
]

/** member: folder or file directly under src/. `may` lists rings and members besides itself. */
export const RINGS = [
  ...GROUND.map((member, rank) => ({ ring: 'ground', member, may: GROUND.slice(0, rank) })),
  ...PARTS.map((member) => ({ ring: 'parts', member, may: ['ground'] })),
  { ring: 'line', member: 'pipeline', may: ['ground', 'parts'] },
  { ring: 'doors', member: 'report', may: ['ground'] },
  { ring: 'doors', member: 'jobs', may: ['ground', 'parts', 'line'] },
  { ring: 'doors', member: 'index.ts', may: ['ground', 'parts', 'line', 'report'] },
  { ring: 'doors', member: 'int8.ts', may: ['ground', 'parts'] },
  { ring: 'doors', member: 'node.ts', may: ['ground', 'parts', 'line', 'report', 'jobs', 'index.ts'] },
  { ring: 'doors', member: 'cli', may: ['ground', 'line', 'report', 'jobs', 'node.ts'] },
]

/** Packages and who may import them. `node:` modules: only *.node.ts, node.ts and cli/. */
const PACKAGES = new Map([
  ['fflate', ['bytes', 'calibration', 'evaluation', 'formats', 'pipeline', 'cli', 'jobs']],
  ['valibot', ['pipeline', 'calibration', 'jobs', 'cli']],
  ['onnxruntime-node', ['runtime']],
  ['onnxruntime-web', ['runtime']],
  ['sharp', ['calibration']],
  ['@huggingface/tokenizers', ['calibration']],
])

/** Pure members: strings and numbers in and out, nothing to wait for. */
const PURE = new Set(['allocation', 'targets', 'report'])
const DRAWERS = new Set(['utils', 'util', 'helpers', 'helper', 'common', 'misc'])
const LONGEST_FILE = 500
const GENERATED = new Set(['kernels/wasm-bytes.ts', 'report/charts/uplot-inline.ts'])

const STATIC = /(?:^|[\s;}])(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?['"]([^'"\n]+)['"]/gm
const DYNAMIC = /\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/g
const WORKER = /new URL\(\s*['"](\.[^'"\n]+\.(?:ts|js))['"]\s*,\s*import\.meta\.url/g

/** Comments go; strings stay, since specifiers are strings. Good enough for sources that a formatter has been over. */
function withoutComments(source) {
  return source
    .replace(/\/\*[\s\S]*?\*\//g, ' ')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/\s\/\/ .*$/gm, '')
}

/** [{ file, specifier, typeOnly, kind }] for one source text. */
export function importsOf(file, source) {
  const text = withoutComments(source)
  const all = (pattern, kind, pick) =>
    [...text.matchAll(pattern)].map((match) => ({ file, kind, typeOnly: false, ...pick(match) }))
  return [
    ...all(STATIC, 'static', (match) => ({ specifier: match[2], typeOnly: match[1] !== undefined })),
    ...all(DYNAMIC, 'dynamic', (match) => ({ specifier: match[1] })),
    ...all(WORKER, 'worker', (match) => ({ specifier: match[1] })),
  ]
}

const memberOf = (path) => path.split('/')[0].replace(/\.test\.ts$/, '.ts')
const ringOf = (member) => RINGS.find((entry) => entry.member === member)
const isNodeFile = (path) => /\.node\.ts$/.test(path) || path === 'node.ts' || memberOf(path) === 'cli'
const isTest = (path) => /\.test\.ts$/.test(path)

/** @param workers name of a thread's file -> where its source is; built they lie together in dist/workers/. */
function findingsOfImport(entry, workers) {
  const { file, specifier } = entry
  const member = memberOf(file)
  if (!specifier.startsWith('.')) {
    if (specifier.startsWith('node:')) {
      return isNodeFile(file) ? [] : [`${file}: imports ${specifier}; only *.node.ts, node.ts and cli/ may`]
    }
    const name = specifier.startsWith('@') ? specifier.split('/').slice(0, 2).join('/') : specifier.split('/')[0]
    const allowed = PACKAGES.get(name)
    if (allowed === undefined) return [`${file}: imports the package ${name}, which is not in the table of packages`]
    return allowed.includes(member) ? [] : [`${file}: ${member} may not import the package ${name}`]
  }
  const named = posix.normalize(posix.join(posix.dirname(file), specifier)).replace(/\.js$/, '.ts')
  const target = (entry.kind === 'worker' && named.startsWith('workers/') && workers.get(basename(named))) || named
  if (target.startsWith('..')) return [`${file}: ${specifier} leaves src/`]
  const findings = []
  if (isTest(target)) findings.push(`${file}: imports the test ${target}`)
  if (
    isNodeFile(target) &&
    !isNodeFile(file) &&
    !entry.typeOnly &&
    entry.kind === 'static' &&
    memberOf(target) !== 'cli'
  ) {
    findings.push(`${file}: imports ${target}, so a browser could not load it`)
  }
  const other = memberOf(target)
  if (other === member) return findings
  const own = ringOf(member)
  const theirs = ringOf(other)
  if (theirs === undefined) findings.push(`${file}: ${target} is in no ring`)
  else if (other === 'model' && entry.typeOnly) return findings
  else if (!own.may.includes(theirs.ring) && !own.may.includes(other)) {
    findings.push(`${file}: ${own.ring} (${member}) may not import ${theirs.ring} (${other}): ${specifier}`)
  }
  return findings
}

function findingsOfFile(path, source, workers) {
  const member = memberOf(path)
  if (ringOf(member) === undefined) return [`${path}: ${member} is in no ring; add it to scripts/check-imports.mjs`]
  const findings = []
  const words = path.split('/').map((part) => part.split('.')[0])
  for (const word of words)
    if (DRAWERS.has(word)) findings.push(`${path}: "${word}" is a drawer, not a concept; name what is in it`)
  const lines = source.split('\n').length
  if (lines > LONGEST_FILE && !GENERATED.has(path)) findings.push(`${path}: ${lines} lines, at most ${LONGEST_FILE}`)
  if (isTest(path)) return findings
  const text = withoutComments(source)
  if (member === 'model' && /^export (?:async )?(?:function|class|let|var)\b/m.test(text)) {
    findings.push(`${path}: model/ holds types only`)
  }
  if (PURE.has(member) && !GENERATED.has(path) && /\basync\b|\bawait\b|\bPromise</.test(text)) {
    findings.push(`${path}: ${member}/ is pure, so nothing in it waits`)
  }
  for (const entry of importsOf(path, source)) findings.push(...findingsOfImport(entry, workers))
  return findings
}

/** What `index.ts` reaches with static imports must load in a browser. */
function findingsOfBrowserEntry(files) {
  const findings = []
  const seen = new Set()
  const visit = (path, trail) => {
    if (seen.has(path) || !files.has(path)) return
    seen.add(path)
    if (isNodeFile(path))
      findings.push(`index.ts reaches ${path} through ${trail.join(' > ')}; a browser could not load it`)
    for (const entry of importsOf(path, files.get(path))) {
      if (entry.typeOnly || entry.kind !== 'static' || !entry.specifier.startsWith('.')) continue
      visit(posix.normalize(posix.join(posix.dirname(path), entry.specifier)), [...trail, path])
    }
  }
  visit('index.ts', [])
  visit('int8.ts', [])
  return findings
}

/** All findings for a map of path under src/ (forward slashes) to source text. Empty: the rings hold. */
export function check(files) {
  const findings = []
  const workers = new Map(
    [...files.keys()].filter((path) => path.endsWith('-worker.node.ts')).map((path) => [basename(path), path]),
  )
  for (const [path, source] of files) findings.push(...findingsOfFile(path, source, workers))
  findings.push(...findingsOfBrowserEntry(files))
  return findings
}

/** Every .ts file under src/. */
export function sources(root = join(ROOT, 'src')) {
  const files = new Map()
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue
    const path = join(entry.parentPath ?? entry.path, entry.name)
    files.set(relative(root, path).split(sep).join('/'), readFileSync(path, 'utf8'))
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** The ring table of ARCHITECTURE.md. */
export function table() {
  const rows = ['| ring | member | may import |', '|---|---|---|']
  for (const { ring, member, may } of RINGS) {
    const name = member.endsWith('.ts') ? member : `${member}/`
    const reach =
      may.length === 0
        ? 'nothing'
        : may.map((other) => (ringOf(other) && !other.endsWith('.ts') ? `${other}/` : other)).join(', ')
    rows.push(`| ${ring} | \`${name}\` | ${reach} |`)
  }
  for (const [name, members] of PACKAGES)
    rows.push(`| package | \`${name}\` | imported by ${members.map((m) => `${m}/`).join(', ')} only |`)
  rows.push('| platform | `node:*` | imported by `*.node.ts`, `node.ts`, `cli/` only |')
  return rows.join('\n')
}

const START = '<!-- rings: printed by scripts/check-imports.mjs -->'
const END = '<!-- /rings -->'

/** ARCHITECTURE.md with the present table between its marks. */
export function withTable(text) {
  const start = text.indexOf(START)
  const end = text.indexOf(END)
  if (start < 0 || end < start) throw new Error(`ARCHITECTURE.md lacks the marks ${START} and ${END}`)
  return `${text.slice(0, start + START.length)}\n\n${table()}\n\n${text.slice(end)}`
}

if (process.argv[1] !== undefined && basename(process.argv[1]) === 'check-imports.mjs') {
  const architecture = join(ROOT, 'ARCHITECTURE.md')
  if (process.argv.includes('--print')) console.log(table())
  else if (process.argv.includes('--write')) writeFileSync(architecture, withTable(readFileSync(architecture, 'utf8')))
  else {
    const files = sources()
    const findings = check(files)
    for (const finding of findings) console.error(finding)
    console.log(
      findings.length === 0 ? `imports: ${files.size} files keep the rings` : `imports: ${findings.length} findings`,
    )
    process.exitCode = findings.length === 0 ? 0 : 1
  }
}
