#!/usr/bin/env node
/**
 * Builds dist/: kernels when their sources are newer, the library file by file with declarations, then workers and command line
 * each bundled, so that a start reads a few files instead of hundreds. Those two are CommonJS, which Node starts sooner.
 * Written beside dist/ and swapped in at the end: a broken build leaves the old one, and tests that run meanwhile never see half of one.
 *
 *   node scripts/build.mjs [--no-check]     --no-check leaves out type checking
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { asCommonJs, COMMON_JS, commonJsFolder } from './common-js.mjs'
import { directImports } from './direct-imports.mjs'
import { embedUplot } from './embed-uplot.mjs'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const STAGED = join(ROOT, 'build', `dist-${process.pid}`)
const DIST = join(ROOT, 'dist')

/** Whitespace goes, names stay: stack traces of strangers must be readable. */
const SHAPE = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  minifyWhitespace: true,
  minifySyntax: true,
  external: ['onnxruntime-node', 'onnxruntime-web', 'onnxruntime-common', 'sharp', '@huggingface/tokenizers'],
  legalComments: 'inline',
  logLevel: 'warning',
}

const startedAt = performance.now()
try {
  buildKernels()
  if (embedUplot(ROOT)) console.log('build: report/charts/uplot-inline.ts was made anew; commit it')
  compile(process.argv.includes('--no-check'))
  await bundleWorkers()
  const metafile = await bundleCommandLine()
  writeFileSync(join(STAGED, 'THIRD-PARTY.txt'), licences(metafile))
  publish()
  console.log(`build: dist/ in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
} finally {
  rmSync(STAGED, { recursive: true, force: true })
}

/** Skipped when the embedded module is newer than every source it is made from. */
function buildKernels() {
  const script = join(ROOT, 'scripts', 'build-wasm.mjs')
  const made = join(ROOT, 'src', 'kernels', 'wasm-bytes.ts')
  if (!existsSync(script)) return
  const sources = [
    script,
    ...readdirSync(join(ROOT, 'assembly'))
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(ROOT, 'assembly', name)),
  ]
  const newest = Math.max(...sources.map((path) => statSync(path).mtimeMs))
  if (existsSync(made) && statSync(made).mtimeMs >= newest) return
  runNode(script)
}

function compile(unchecked) {
  rmSync(STAGED, { recursive: true, force: true })
  mkdirSync(STAGED, { recursive: true })
  runNode(
    join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'),
    '-p',
    'tsconfig.build.json',
    '--outDir',
    STAGED,
    ...(unchecked ? ['--noCheck'] : []),
  )
}

function runNode(...words) {
  const { status, error } = spawnSync(process.execPath, words, { cwd: ROOT, stdio: 'inherit' })
  if (error !== undefined) throw error
  if (status !== 0) {
    rmSync(STAGED, { recursive: true, force: true })
    process.exit(status ?? 1)
  }
}

/** Every `*-worker.node.js` becomes one file of dist/workers/. */
async function bundleWorkers() {
  const workers = readdirSync(STAGED, { recursive: true }).filter((path) => path.endsWith('-worker.node.js'))
  for (const path of workers) {
    const outfile = join('workers', basename(path))
    await build({
      ...SHAPE,
      ...COMMON_JS,
      absWorkingDir: STAGED,
      entryPoints: [path],
      outfile,
      plugins: [directImports()],
    })
  }
  for (const path of workers) rmSync(join(STAGED, path))
  commonJsFolder(join(STAGED, 'workers'))
}

/** dist/cli/ holds main.js and chunks that load when a verb needs them; all one folder below dist/. */
async function bundleCommandLine() {
  const folder = join(STAGED, 'cli')
  const { metafile } = await build({
    ...SHAPE,
    entryPoints: { main: join('cli', 'main.js') },
    outdir: 'cli-bundle',
    plugins: [directImports()],
    splitting: true,
    chunkNames: '[name]-[hash]',
    metafile: true,
    // Names of chunks are made from paths too: relative to the staged folder they are the same in every build.
    absWorkingDir: STAGED,
  })
  await joinChunks(metafile.outputs)
  // Help is all that some runs need: with words of its own it does not load the file that all verbs share them in.
  const help = Object.keys(metafile.outputs).find((path) => metafile.outputs[path].entryPoint === 'cli/help.js')
  const alone = { absWorkingDir: STAGED, entryPoints: [join('cli', 'help.js')], outfile: help, allowOverwrite: true }
  await build({ ...SHAPE, ...alone, plugins: [directImports()] })
  asCommonJs(join(STAGED, 'cli-bundle'))
  rmSync(folder, { recursive: true })
  renameSync(join(STAGED, 'cli-bundle'), folder)
  chmodSync(join(folder, 'main.js'), 0o755)
  return metafile
}

/**
 * Puts every chunk that cli/start.js loads at once into its own file: opening a module costs about a millisecond, and they are
 * many small ones, one for each set of verbs that share something. The other verbs find what they share with it behind
 * files of the old names.
 */
async function joinChunks(outputs) {
  const named = new Map(Object.entries(outputs).map(([path, output]) => [path.replace(/^cli-bundle\//, ''), output]))
  const entry = (source) => [...named].find(([, output]) => output.entryPoint === source)[0]
  const loadedBy = (first) => {
    const found = new Set([first])
    for (const name of found) {
      for (const { path, kind } of named.get(name).imports) {
        if (kind === 'import-statement' && path.startsWith('cli-bundle/')) found.add(path.replace(/^cli-bundle\//, ''))
      }
    }
    return found
  }
  const start = entry('cli/start.js')
  const first = loadedBy(entry('cli/main.js'))
  const joined = [...loadedBy(start)].filter((name) => !first.has(name) && name !== start)
  const stay = [...named.keys()].filter((name) => name !== start && !joined.includes(name))
  const exported = (name, from, to) => {
    const index = joined.indexOf(name)
    const names = named.get(name).exports.map((one) => `${from(one, index)} as ${to(one, index)}`)
    return names.length > 0 ? `export {${names.join(',')}}` : ''
  }
  const own = (one) => one
  const unique = (one, index) => `${one}_${index}`
  await build({
    ...SHAPE,
    absWorkingDir: join(STAGED, 'cli-bundle'),
    stdin: {
      contents: [
        `export {${named.get(start).exports.join(',')}} from './${start}'`,
        ...joined.map((name) => `${exported(name, own, unique)} from './${name}'`),
      ].join('\n'),
      resolveDir: join(STAGED, 'cli-bundle'),
    },
    external: [...SHAPE.external, ...stay.map((name) => `./${name}`)],
    // The package is free of side effects; bare imports of it say nothing.
    logOverride: { 'ignored-bare-import': 'silent' },
    outfile: start,
    allowOverwrite: true,
  })
  for (const name of joined) {
    writeFileSync(join(STAGED, 'cli-bundle', name), `${exported(name, unique, own)} from './${start}'\n`)
  }
}

/** What is inside our files and whose it is. */
function licences(metafile) {
  const packages = new Set(['uplot'])
  for (const path of Object.keys(metafile.inputs)) {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)
    if (found !== null) packages.add(found[1])
  }
  const parts = [...packages].sort().map((name) => {
    const folder = join(ROOT, 'node_modules', name)
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
    if (file === undefined) throw new Error(`${name} is bundled and has no licence file: ${relative(ROOT, folder)}`)
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`
  })
  return `Parts of other projects inside the files of this folder.\n\n${parts.join(`\n${'-'.repeat(72)}\n\n`)}`
}

function publish() {
  const old = `${STAGED}-old`
  if (existsSync(DIST)) renameSync(DIST, old)
  renameSync(STAGED, DIST)
  rmSync(old, { recursive: true, force: true })
}
