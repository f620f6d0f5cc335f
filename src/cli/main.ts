#!/usr/bin/env node
import { VERSION } from '../version.ts'

/** Nothing is produced, or not on this many threads. */
const NO_THREADS = /^(--dry-run|--help|-h|--threads(=.*)?)$/

const words = process.argv.slice(2)
// A closed pipe (`tersor inspect m | head`) ends the talking, not the work.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

if (words.length === 1 && (words[0] === '--version' || words[0] === '-V')) process.stdout.write(`${VERSION}\n`)
else if (words.length === 1 && (words[0] === '--help' || words[0] === '-h'))
  process.stdout.write((await import('./help.ts')).overview())
else if (words.length === 0) {
  process.stderr.write((await import('./help.ts')).overview())
  process.exitCode = 2
} else {
  const quantizes = words[0] === 'quantize' && !words.some((word) => NO_THREADS.test(word))
  const [early, { start }] = await Promise.all([
    quantizes ? import('../pipeline/produce/early-threads.node.ts').then((it) => it.startThreads(words)) : [],
    import('./start.ts'),
  ])
  const code = await start(words, early)
  // Workers of a failed run must not keep the process; what was written must leave it first.
  await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))))
  process.exit(code)
}
